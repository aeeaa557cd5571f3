/* SPDX-License-Identifier: Apache-2.0 */
/* The unprivileged processes' system calls (the gate to libseccomp). */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "user/base/failure.h"

/*
 * From here on only what serving HTTP on a unix socket and resolving names takes: everything else
 * fails with EPERM, and what only an intruder would try ends the process. Files can be opened for
 * reading only. Before any thread is started; needs no_new_privs. 0 or -errno.
 */
int sandbox_enter(struct failure *failure);

/*
 * For the gate: it uses the memory and the descriptors that it has and is handed, waits and tells
 * the time. Nothing can be opened, bound, connected or executed. Likewise.
 */
int sandbox_enter_gate(struct failure *failure);

#endif
