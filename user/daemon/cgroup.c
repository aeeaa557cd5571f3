/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"

enum {
	DEPTH_MAX = 32,	     /* levels of the tree that are walked */
	CGROUPS_MAX = 65536, /* cgroups that one walk visits */
};

static void cleanup_closedir(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

/* Undoes mountinfo's octal escapes in place ("\040" is a space). */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					(text[3] - '0'));
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

/* Field 5 of a mountinfo line when its file system type is cgroup2; NULL otherwise. */
static char *mount_point_of(char *line)
{
	char *separator = strstr(line, " - "), *at = line, *end;

	if (!separator || strncmp(separator + 3, "cgroup2 ", 8))
		return NULL;
	for (int field = 1; field < 5; field++) {
		at = strchr(at, ' ');
		if (!at || at > separator)
			return NULL;
		at++;
	}
	end = strchr(at, ' ');
	if (!end)
		return NULL;
	*end = '\0';
	unescape(at);
	return at;
}

int cgroup_find_mount(char **ret_path, struct failure *failure)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return fail(failure, -errno, "/proc/self/mountinfo: %s", strerror(errno));
	while (getline(&line, &size, file) >= 0) {
		char *point = mount_point_of(line);

		if (!point)
			continue;
		*ret_path = strdup(point);
		return *ret_path ? 0 : fail(failure, -ENOMEM, "out of memory");
	}
	return fail(failure, -ENOENT, "no cgroup2 file system is mounted");
}

int cgroup_open(const char *mount, const char *path, struct failure *failure)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	_cleanup_close_ int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *copy = strdup(path);
	char *rest = copy, *part;
	int next;

	if (!copy)
		return fail(failure, -ENOMEM, "out of memory");
	if (fd < 0)
		return fail(failure, -errno, "%s: %s", mount, strerror(errno));
	if (strcmp(path, "/") && !plan_cgroup_is_valid(path))
		return fail(failure, -EINVAL, "cgroup %s: not a path below the cgroup mount", path);
	while ((part = strsep(&rest, "/"))) {
		if (!*part)
			continue;
		next = openat(fd, part, flags);
		if (next < 0)
			return fail(failure, -errno, "cgroup %s: %s", path,
				    errno == ENOENT ? "does not exist" : strerror(errno));
		close(fd);
		fd = next;
	}
	return TAKE_FD(fd);
}

int cgroup_id(int fd, uint64_t *ret_id)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof(uint64_t)];
	} buffer = {.handle.handle_bytes = sizeof(uint64_t)};
	int mount_id;

	if (name_to_handle_at(fd, "", &buffer.handle, &mount_id, AT_EMPTY_PATH))
		return -errno;
	if (buffer.handle.handle_bytes != sizeof(uint64_t))
		return -EOPNOTSUPP;
	memcpy(ret_id, buffer.handle.f_handle, sizeof(uint64_t));
	return 0;
}

bool cgroup_contains(const char *ancestor, const char *path)
{
	size_t length = strlen(ancestor);

	if (!strcmp(ancestor, "/"))
		return true;
	return !strncmp(path, ancestor, length) && (!path[length] || path[length] == '/');
}

struct walk {
	cgroup_visit_fn visit;
	void *context;
	size_t visited;
	char path[4096];
};

static int walk_below(struct walk *walk, int fd, size_t used, int depth);

static int walk_entry(struct walk *walk, int parent, const struct dirent *entry, size_t used,
		      int depth)
{
	_cleanup_close_ int fd = -1;
	int r, length;

	if (entry->d_name[0] == '.' || entry->d_type != DT_DIR)
		return 0;
	if (++walk->visited > CGROUPS_MAX)
		return -E2BIG;
	length = snprintf(walk->path + used, sizeof(walk->path) - used, "/%s", entry->d_name);
	if (length < 0 || (size_t)length >= sizeof(walk->path) - used)
		return -ENAMETOOLONG;
	fd = openat(parent, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) /* Cgroups come and go; one that went is no error. */
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	r = walk->visit(walk->context, fd, entry->d_name, walk->path);
	if (r < 0)
		return r;
	return r ? 0 : walk_below(walk, fd, used + (size_t)length, depth + 1);
}

static int walk_below(struct walk *walk, int fd, size_t used, int depth)
{
	_cleanup_(cleanup_closedir) DIR *directory = NULL;
	const struct dirent *entry;
	int own, r = 0;

	if (depth > DEPTH_MAX)
		return -E2BIG;
	/* Not a copy, which would share its place in the directory with every walk before. */
	own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (own < 0)
		return -errno;
	directory = fdopendir(own);
	if (!directory) {
		r = -errno;
		close(own);
		return r;
	}
	while (!r && (entry = readdir(directory)))
		r = walk_entry(walk, fd, entry, used, depth);
	return r;
}

int cgroup_walk(int fd, cgroup_visit_fn visit, void *context)
{
	struct walk walk = {.visit = visit, .context = context};

	return walk_below(&walk, fd, 0, 0);
}

static int add_id(struct cgroup_ids *ids, int fd)
{
	uint64_t *larger, id = 0;
	int r = cgroup_id(fd, &id);

	if (r)
		return r;
	if (!(ids->count & (ids->count - 1))) {
		larger = reallocarray(ids->items, ids->count ? ids->count * 2 : 1, sizeof(id));
		if (!larger)
			return -ENOMEM;
		ids->items = larger;
	}
	ids->items[ids->count++] = id;
	return 0;
}

static int visit_id(void *context, int fd, const char *name, const char *path)
{
	(void)name;
	(void)path;
	return add_id(context, fd);
}

int cgroup_ids_collect(int fd, struct cgroup_ids *ids, struct failure *failure)
{
	struct walk walk = {.visit = visit_id, .context = ids};
	int r = add_id(ids, fd);

	if (!r)
		r = walk_below(&walk, fd, 0, 0);
	return r ? fail(failure, r, "walking the scope's cgroups: %s", strerror(-r)) : 0;
}

static int compare_ids(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

void cgroup_ids_sort(struct cgroup_ids *ids)
{
	if (ids->count)
		qsort(ids->items, ids->count, sizeof(*ids->items), compare_ids);
}

bool cgroup_ids_has(const struct cgroup_ids *ids, uint64_t id)
{
	return ids->count && bsearch(&id, ids->items, ids->count, sizeof(*ids->items), compare_ids);
}

void cgroup_ids_free(struct cgroup_ids *ids)
{
	free(ids->items);
	*ids = (struct cgroup_ids){};
}

struct path_search {
	const uint64_t *ids;
	char **paths;
	size_t count;
};

static int visit_path(void *context, int fd, const char *name, const char *path)
{
	struct path_search *search = context;
	struct stat status;

	(void)name;
	/* The inode's number is the id that the kernel's programs tell. */
	if (fstat(fd, &status))
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	for (size_t i = 0; i < search->count; i++) {
		if (search->ids[i] != status.st_ino || search->paths[i])
			continue;
		search->paths[i] = strdup(path);
		if (!search->paths[i])
			return -ENOMEM;
	}
	return 0;
}

int cgroup_find_paths(const char *mount, const uint64_t *ids, char **paths, size_t count,
		      struct failure *failure)
{
	struct path_search search = {ids, paths, count};
	struct walk walk = {.visit = visit_path, .context = &search};
	_cleanup_close_ int fd = cgroup_open(mount, "/", failure);
	int r;

	if (fd < 0)
		return fd;
	r = visit_path(&search, fd, "", "/");
	if (!r)
		r = walk_below(&walk, fd, 0, 0);
	return r ? fail(failure, r, "looking for cgroups: %s", strerror(-r)) : 0;
}
