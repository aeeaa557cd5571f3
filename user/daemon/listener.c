/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/listener.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "user/base/cleanup.h"

enum { BACKLOG = 64 };

static int make_directory(const char *path, struct failure *failure)
{
	_cleanup_free_ char *directory = strdup(path);
	char *slash;

	if (!directory)
		return fail(failure, -ENOMEM, "out of memory");
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return 0;
	*slash = '\0';
	if (mkdir(directory, 0755) && errno != EEXIST)
		return fail(failure, -errno, "%s: %s", directory, strerror(errno));
	return 0;
}

/* Takes away what an earlier daemon left; never what another one serves, or what is no socket. */
static int clear_way(const struct sockaddr_un *address, struct failure *failure)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (fd < 0)
		return fail(failure, -errno, "%s: %s", address->sun_path, strerror(errno));
	if (lstat(address->sun_path, &status))
		return errno == ENOENT ? 0
				       : fail(failure, -errno, "%s: %s", address->sun_path,
					      strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return fail(failure, -EEXIST, "%s: is there and no socket", address->sun_path);
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return fail(failure, -EADDRINUSE, "%s: another faultd serves it",
			    address->sun_path);
	if (errno != ECONNREFUSED)
		return fail(failure, -errno, "%s: %s", address->sun_path, strerror(errno));
	if (unlink(address->sun_path))
		return fail(failure, -errno, "%s: %s", address->sun_path, strerror(errno));
	return 0;
}

int listener_open(const char *path, gid_t group, struct failure *failure)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int r;

	if (fd < 0)
		return fail(failure, -errno, "making a socket: %s", strerror(errno));
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(failure, -ENAMETOOLONG, "%s: longer than a socket's name can be", path);
	memcpy(address.sun_path, path, strlen(path));
	r = make_directory(path, failure);
	if (!r)
		r = clear_way(&address, failure);
	if (r)
		return r;
	/* Nobody but root until group and mode are set. */
	mask = umask(0177);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	umask(mask);
	if (r)
		return fail(failure, r, "%s: %s", path, strerror(-r));
	if ((group != (gid_t)-1 && chown(path, (uid_t)-1, group)) || chmod(path, 0660) ||
	    listen(fd, BACKLOG)) {
		r = -errno;
		unlink(path);
		return fail(failure, r, "%s: %s", path, strerror(-r));
	}
	return TAKE_FD(fd);
}
