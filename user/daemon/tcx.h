/* SPDX-License-Identifier: Apache-2.0 */
/* tcx: programs at an interface whose links end with their descriptors (Linux 6.6). */
#ifndef DAEMON_TCX_H
#define DAEMON_TCX_H

#include <stdbool.h>

/*
 * Attaches the tc program behind `program` at what the interface sends (`egress`) or receives,
 * behind the programs that are there. Needs CAP_BPF and CAP_NET_ADMIN. The link's descriptor, which
 * is the caller's, or -errno: -EINVAL on a kernel without tcx, -ENODEV when the interface is gone.
 */
int tcx_attach(int program, unsigned int interface, bool egress);

#endif
