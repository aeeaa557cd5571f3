/* SPDX-License-Identifier: Apache-2.0 */
/* The unix socket that the API is served on. */
#ifndef DAEMON_LISTENER_H
#define DAEMON_LISTENER_H

#include <sys/types.h>

#include "user/base/failure.h"

/*
 * Listens on `path` with mode 0660 and `group` ((gid_t)-1: the caller's). The directory is made
 * when it is missing. A socket that nobody serves any more is replaced; -EADDRINUSE when somebody
 * does. Returns the descriptor or -errno.
 */
int listener_open(const char *path, gid_t group, struct failure *failure);

#endif
