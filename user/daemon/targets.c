/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/targets.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>

#include "user/base/cleanup.h"
#include "user/daemon/cgroup.h"
#include "user/daemon/container.h"

enum {
	TARGETS_MAX = 4096,
};

/* One thing that the draft names. */
struct pattern {
	__u32 owner; /* an engine_match.rule */
	__u32 dimension;
	const char *text; /* the draft's */
	bool found;
};

struct watched {
	int descriptor; /* of inotify */
	char *path;	/* below the mount; "" for the mount itself */
};

struct targets {
	char *mount, *runtime_root;
	struct pattern *patterns;
	size_t patterns_count;
	struct target *items;
	size_t count;
	struct watched *watched;
	size_t watched_count;
	int inotify; /* -1: nothing can come */
	target_change_fn change;
	void *context;
};

static bool is_of_cgroups(__u32 dimension)
{
	return dimension == ENGINE_DIMENSION_CGROUP || dimension == ENGINE_DIMENSION_UNIT ||
	       dimension == ENGINE_DIMENSION_CONTAINER;
}

static bool pattern_fits(const struct targets *targets, const struct pattern *pattern,
			 const char *path, const char *name, const char *id)
{
	switch (pattern->dimension) {
	case ENGINE_DIMENSION_UNIT:
		return !fnmatch(pattern->text, name, FNM_NOESCAPE);
	case ENGINE_DIMENSION_CONTAINER:
		return id && container_is(targets->runtime_root, id, pattern->text);
	default:
		return !strcmp(pattern->text, path);
	}
}

/* Whether programs that are attached already run for `path` too. */
static bool is_covered(const struct targets *targets, const char *path)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].attached && cgroup_contains(targets->items[i].path, path))
			return true;
	return false;
}

static int add(struct targets *targets, const struct target *found)
{
	struct target *larger;

	if (targets->count == TARGETS_MAX)
		return -E2BIG;
	larger = reallocarray(targets->items, targets->count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	targets->items = larger;
	targets->items[targets->count++] = *found;
	if (targets->change)
		targets->change(targets->context, found, false);
	return 0;
}

static bool is_known(const struct targets *targets, const char *path, __u64 id)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].id == id && !strcmp(targets->items[i].path, path))
			return true;
	return false;
}

static int take(struct targets *targets, struct target *found, const char *path, int fd)
{
	_cleanup_close_ int own = -1;
	_cleanup_free_ char *copy = NULL;
	uint64_t id = 0;
	int r = cgroup_id(fd, &id);

	if (r || is_known(targets, path, id))
		return r;
	copy = strdup(path);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (!copy || own < 0)
		return copy ? -errno : -ENOMEM;
	found->id = id;
	found->attached = found->in_scope && !is_covered(targets, path);
	found->path = copy;
	found->fd = own;
	r = add(targets, found);
	if (!r) {
		TAKE_PTR(copy);
		TAKE_FD(own);
	}
	return r;
}

/* Looks at one cgroup; takes it when the draft means it. 0 or -errno. */
static int look_at(struct targets *targets, const char *path, const char *name, int fd)
{
	char id[CONTAINER_ID_SIZE];
	bool is_container = container_id_of(name, id);
	struct target found = {};

	for (size_t i = 0; i < targets->patterns_count; i++) {
		struct pattern *pattern = &targets->patterns[i];

		if (!pattern_fits(targets, pattern, path, name, is_container ? id : NULL))
			continue;
		pattern->found = true;
		if (pattern->owner == ENGINE_SCOPE)
			found.in_scope = true;
		else
			found.rules |= 1ULL << pattern->owner;
	}
	return found.in_scope || found.rules ? take(targets, &found, path, fd) : 0;
}

static int watch(struct targets *targets, const char *path)
{
	_cleanup_free_ char *full = NULL;
	struct watched *larger;
	int descriptor;

	if (targets->inotify < 0)
		return 0;
	if (asprintf(&full, "%s%s", targets->mount, path) < 0)
		return -ENOMEM;
	descriptor = inotify_add_watch(targets->inotify, full,
				       IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW);
	if (descriptor < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (size_t i = 0; i < targets->watched_count; i++)
		if (targets->watched[i].descriptor == descriptor)
			return 0;
	larger = reallocarray(targets->watched, targets->watched_count + 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	targets->watched = larger;
	larger[targets->watched_count] = (struct watched){descriptor, strdup(path)};
	if (!larger[targets->watched_count].path)
		return -ENOMEM;
	targets->watched_count++;
	return 0;
}

struct descent {
	struct targets *targets;
	const char *base; /* path that the walk begins at */
};

/* Watched before it is looked into: what is made in between is then told of, at worst twice. */
static int visit(void *context, int fd, const char *name, const char *path)
{
	const struct descent *descent = context;
	char full[PATH_MAX];
	int r;

	if (snprintf(full, sizeof(full), "%s%s", descent->base, path) >= (int)sizeof(full))
		return -ENAMETOOLONG;
	r = watch(descent->targets, full);
	return r ? r : look_at(descent->targets, full, name, fd);
}

/* The cgroup `path` and everything below it. */
static int explore(struct targets *targets, const char *path)
{
	struct descent descent = {targets, path};
	_cleanup_free_ char *full = NULL;
	_cleanup_close_ int fd = -1;
	const char *slash = strrchr(path, '/');
	int r;

	if (asprintf(&full, "%s%s", targets->mount, path) < 0)
		return -ENOMEM;
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) /* gone already */
		return errno == ENOENT ? 0 : -errno;
	r = visit(&(struct descent){targets, ""}, fd, slash ? slash + 1 : "", path);
	return r ? r : cgroup_walk(fd, visit, &descent);
}

static void release(struct target *target)
{
	close(target->fd);
	free(target->path);
}

/* The cgroup `path` is gone, and whatever was below it. */
static void lose(struct targets *targets, const char *path)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->count; i++) {
		struct target target = targets->items[i];

		if (!cgroup_contains(path, target.path)) {
			targets->items[kept++] = target;
			continue;
		}
		if (targets->change)
			targets->change(targets->context, &target, true);
		release(&target);
	}
	targets->count = kept;
}

static struct watched *find_watched(struct targets *targets, int descriptor)
{
	for (size_t i = 0; i < targets->watched_count; i++)
		if (targets->watched[i].descriptor == descriptor)
			return &targets->watched[i];
	return NULL;
}

static void forget_watched(struct targets *targets, struct watched *watched)
{
	free(watched->path);
	*watched = targets->watched[--targets->watched_count];
}

/* Events were lost: what is gone is found out, and the tree is walked once more. */
static int catch_up(struct targets *targets)
{
	for (size_t i = targets->count; i-- > 0;) {
		struct failure failure = {};
		uint64_t id = 0;
		_cleanup_free_ char *path = strdup(targets->items[i].path);
		_cleanup_close_ int fd =
			cgroup_open(targets->mount, targets->items[i].path, &failure);

		if (!path)
			return -ENOMEM;
		if (fd < 0 || cgroup_id(fd, &id) || id != targets->items[i].id)
			lose(targets, path);
		if (i > targets->count)
			i = targets->count;
	}
	return explore(targets, "");
}

static int handle(struct targets *targets, const struct inotify_event *event)
{
	struct watched *watched;
	char path[PATH_MAX];

	if (event->mask & IN_Q_OVERFLOW)
		return catch_up(targets);
	watched = find_watched(targets, event->wd);
	if (!watched)
		return 0;
	if (event->mask & IN_IGNORED) {
		forget_watched(targets, watched);
		return 0;
	}
	if (!(event->mask & IN_ISDIR) ||
	    snprintf(path, sizeof(path), "%s/%s", watched->path, event->name) >= (int)sizeof(path))
		return 0;
	if (event->mask & IN_CREATE)
		return explore(targets, path);
	if (event->mask & IN_DELETE)
		lose(targets, path);
	return 0;
}

int targets_read(struct targets *targets, target_change_fn change, void *context)
{
	union {
		struct inotify_event event; /* for its alignment */
		char bytes[16384];
	} buffer;
	ssize_t size;
	int r = 0;

	targets->change = change;
	targets->context = context;
	while (!r && (size = read(targets->inotify, &buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; !r && at < size;) {
			const struct inotify_event *event = (const void *)(buffer.bytes + at);

			r = handle(targets, event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
	return r;
}

static int take_patterns(struct targets *targets, const struct draft *draft)
{
	targets->patterns = calloc(draft->matches_count + 1, sizeof(*targets->patterns));
	if (!targets->patterns)
		return -ENOMEM;
	for (size_t i = 0; i < draft->matches_count; i++) {
		const struct draft_match *match = &draft->matches[i];

		if (is_of_cgroups(match->dimension))
			targets->patterns[targets->patterns_count++] = (struct pattern){
				match->owner, match->dimension, match->text, false};
	}
	return 0;
}

static int check_found(const struct targets *targets, struct failure *failure)
{
	for (size_t i = 0; i < targets->patterns_count; i++) {
		const struct pattern *pattern = &targets->patterns[i];

		if (pattern->found)
			continue;
		switch (pattern->dimension) {
		case ENGINE_DIMENSION_UNIT:
			return fail(failure, -ESRCH, "unit %s: no cgroup has that name",
				    pattern->text);
		case ENGINE_DIMENSION_CONTAINER:
			return fail(failure, -ESRCH, "container %s: no cgroup is that container's",
				    pattern->text);
		default:
			return fail(failure, -ESRCH, "cgroup %s: does not exist", pattern->text);
		}
	}
	return 0;
}

/* The cgroup that a draft without a scope means. It is not watched: it stays. */
static int take_whole(struct targets *targets, const char *whole, struct failure *failure)
{
	struct target found = {.in_scope = true};
	_cleanup_close_ int fd = cgroup_open(targets->mount, whole, failure);
	int r;

	if (fd < 0)
		return fd;
	r = take(targets, &found, whole, fd);
	return r ? fail(failure, r, "cgroup %s: %s", whole, strerror(-r)) : 0;
}

static int find(struct targets *targets, const char *whole, struct failure *failure)
{
	int r = whole ? take_whole(targets, whole, failure) : 0;

	if (r || !targets->patterns_count)
		return r;
	targets->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (targets->inotify < 0)
		return fail(failure, -errno, "watching the cgroup tree: %s", strerror(errno));
	r = explore(targets, "");
	if (r == -ENOSPC)
		return fail(failure, r,
			    "watching the cgroup tree: more cgroups than "
			    "fs.inotify.max_user_watches allows");
	if (r)
		return fail(failure, r, "walking the cgroup tree: %s", strerror(-r));
	return check_found(targets, failure);
}

int targets_open(const char *mount, const char *runtime_root, const char *whole,
		 const struct draft *draft, struct targets **ret_targets, struct failure *failure)
{
	struct targets *targets = calloc(1, sizeof(*targets));
	int r;

	if (!targets)
		return fail(failure, -ENOMEM, "out of memory");
	targets->inotify = -1;
	targets->mount = strdup(mount);
	targets->runtime_root = strdup(runtime_root);
	r = targets->mount && targets->runtime_root ? take_patterns(targets, draft) : -ENOMEM;
	r = r ? fail(failure, r, "out of memory") : find(targets, whole, failure);
	if (r) {
		targets_free(targets);
		return r;
	}
	*ret_targets = targets;
	return 0;
}

void targets_free(struct targets *targets)
{
	if (!targets)
		return;
	for (size_t i = 0; i < targets->count; i++)
		release(&targets->items[i]);
	for (size_t i = 0; i < targets->watched_count; i++)
		free(targets->watched[i].path);
	cleanup_close(&targets->inotify);
	free(targets->watched);
	free(targets->items);
	free(targets->patterns);
	free(targets->mount);
	free(targets->runtime_root);
	free(targets);
}

size_t targets_count(const struct targets *targets)
{
	return targets ? targets->count : 0;
}

const struct target *targets_at(const struct targets *targets, size_t index)
{
	return &targets->items[index];
}

int targets_fd(const struct targets *targets)
{
	return targets->inotify;
}
