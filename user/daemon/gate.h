/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate process: carries out what takes judgement beyond the kernel's (TLS, slow answers,
 * delays) on connections that the kernel diverts to it. It has no privilege, opens no file and no
 * connection, and is gone with the run.
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include "user/daemon/helper.h"

/*
 * Reads what `identity` names, shuts itself in, serves the descriptors `fds` (enum gate_descriptor)
 * until the engine closes its end, then ends what it still has. Privileges are dropped before.
 * 0 when the engine went, or -errno with the cause in `failure`, which the engine was told too.
 */
int gate_serve(const struct gate_identity *identity, const int fds[GATE_FD_COUNT],
	       struct failure *failure);

#endif
