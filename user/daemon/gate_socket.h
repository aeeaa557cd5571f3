/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's socket: one end of a TCP connection over loopback, whose other end is silent. */
#ifndef DAEMON_GATE_SOCKET_H
#define DAEMON_GATE_SOCKET_H

#include "user/base/failure.h"

/*
 * Makes both ends; nobody else's connection is taken for one. The caller closes them. 0, or -errno
 * when loopback does not work in this network namespace.
 */
int gate_socket_open(int *ret_socket, int *ret_other_end, struct failure *failure);

#endif
