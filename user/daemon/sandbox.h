/* SPDX-License-Identifier: Apache-2.0 */
/* The api process's system calls (the gate to libseccomp). */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "user/base/failure.h"

/*
 * From here on only what serving HTTP on a unix socket and resolving names takes: everything else
 * fails with EPERM, and what only an intruder would try ends the process. Files can be opened for
 * reading only. Before any thread is started; needs no_new_privs. 0 or -errno.
 */
int sandbox_enter(struct failure *failure);

#endif
