/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "user/base/cleanup.h"

/* Enough for a group with thousands of members. */
enum { ENTRY_SIZE = 1 << 18 };

int identity_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
	_cleanup_free_ char *buffer = malloc(ENTRY_SIZE);
	struct passwd entry, *found = NULL;
	int error;

	if (!buffer)
		return -ENOMEM;
	error = getpwnam_r(name, &entry, buffer, ENTRY_SIZE, &found);
	if (!found)
		return error ? -error : -ENOENT;
	*ret_uid = entry.pw_uid;
	if (ret_gid)
		*ret_gid = entry.pw_gid;
	return 0;
}

int identity_find_group(const char *name, gid_t *ret_gid)
{
	_cleanup_free_ char *buffer = malloc(ENTRY_SIZE);
	struct group entry, *found = NULL;
	int error;

	if (!buffer)
		return -ENOMEM;
	error = getgrnam_r(name, &entry, buffer, ENTRY_SIZE, &found);
	if (!found)
		return error ? -error : -ENOENT;
	*ret_gid = entry.gr_gid;
	return 0;
}
