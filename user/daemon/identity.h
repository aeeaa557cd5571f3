/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by name, from the host's databases. */
#ifndef DAEMON_IDENTITY_H
#define DAEMON_IDENTITY_H

#include <sys/types.h>

/* 0, -ENOENT when there is no such user, or another -errno. `ret_gid` (may be NULL): its group. */
int identity_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid);
int identity_find_group(const char *name, gid_t *ret_gid);

#endif
