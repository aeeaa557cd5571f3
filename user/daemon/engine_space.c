/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: which one a socket is in, and those in which processes of the scope live. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"
#include "user/daemon/cgroup.h"
#include "user/daemon/engine_state.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

enum { SPACES_MAX = 1024 };

struct tour {
	struct engine *engine;
	engine_space_fn visit;
	void *context;
	struct failure *failure;
	__u64 seen[SPACES_MAX];
	size_t count;
};

__u64 engine_space_of(int fd)
{
	__u64 cookie = 0;
	socklen_t size = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) ? 0 : cookie;
}

/* Whether this is the first socket of its namespace. */
static bool is_new(struct tour *tour, int fd)
{
	__u64 cookie = engine_space_of(fd);

	if (!cookie || tour->count == SPACES_MAX)
		return false;
	for (size_t i = 0; i < tour->count; i++)
		if (tour->seen[i] == cookie)
			return false;
	tour->seen[tour->count++] = cookie;
	return true;
}

static int look_at_process(struct tour *tour, pid_t process)
{
	_cleanup_close_ int netlink = helper_socket(tour->engine->settings->helper, process,
						    AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, NULL);
	_cleanup_close_ int space = -1;

	/* It may have ended meanwhile. */
	if (netlink < 0 || !is_new(tour, netlink))
		return 0;
	space = ioctl(netlink, SIOCGSKNS);
	return tour->visit(tour->context, netlink, space, tour->failure);
}

/* Every process of one cgroup. */
static int look_at_cgroup(void *context, int fd, const char *name, const char *path)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	uint64_t process;
	int r = 0, list = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);

	(void)name;
	(void)path;
	file = list >= 0 ? fdopen(list, "r") : NULL;
	if (!file) {
		/* One that is removed meanwhile has no processes. */
		cleanup_close(&list);
		return 0;
	}
	while (!r && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!number_parse_u64(line, 1, INT32_MAX, &process))
			r = look_at_process(context, (pid_t)process);
	}
	return r;
}

int engine_visit_spaces(struct engine *engine, engine_space_fn visit, void *context,
			struct failure *failure)
{
	struct tour tour = {
		.engine = engine, .visit = visit, .context = context, .failure = failure};
	_cleanup_close_ int own = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	int r = 0;

	if (engine->settings->helper < 0 || own < 0 || !is_new(&tour, own))
		return 0;
	for (size_t i = 0; !r && i < targets_count(engine->targets); i++) {
		const struct target *target = targets_at(engine->targets, i);

		if (!target->attached)
			continue;
		r = look_at_cgroup(&tour, target->fd, "", "");
		if (!r)
			r = cgroup_walk(target->fd, look_at_cgroup, &tour);
	}
	return r;
}
