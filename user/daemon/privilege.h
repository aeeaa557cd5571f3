/* SPDX-License-Identifier: Apache-2.0 */
/* Giving privileges up (the gate to libcap). Nothing here can be undone. */
#ifndef DAEMON_PRIVILEGE_H
#define DAEMON_PRIVILEGE_H

#include <sys/types.h>

#include "user/base/failure.h"

/*
 * Keeps what loading and attaching kernel programs and destroying sockets takes: CAP_BPF,
 * CAP_PERFMON and CAP_NET_ADMIN (CAP_SYS_ADMIN in place of the first two before Linux 5.8), and
 * CAP_KILL, without which the signal at this process's death would not reach an api process of
 * another user. Sets no_new_privs. -EPERM when one of them is not there to keep.
 */
int privilege_keep_engine(struct failure *failure);

/*
 * Keeps what the helper needs (user/daemon/helper.h): CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_NET_ADMIN,
 * CAP_SETUID, CAP_SETGID, CAP_SETPCAP and CAP_KILL. Sets no_new_privs, dies with its parent, which
 * must be `parent`. -EPERM when one of them is not there to keep, -ESRCH when the parent is gone.
 */
int privilege_keep_helper(pid_t parent, struct failure *failure);

/*
 * Becomes `uid` and `gid` with no other group and no capability, no_new_privs, no core files, and
 * dies with its parent, which must be `parent`. -ESRCH when that is gone already.
 */
int privilege_drop(uid_t uid, gid_t gid, pid_t parent, struct failure *failure);

#endif
