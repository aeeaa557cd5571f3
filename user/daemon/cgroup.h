/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup2 tree: where it is, opening and naming its cgroups, walking it. */
#ifndef DAEMON_CGROUP_H
#define DAEMON_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/failure.h"
#include "user/experiment/plan.h"

/* Mount point of cgroup2 from /proc/self/mountinfo; the caller frees. -ENOENT when there is none.
 */
int cgroup_find_mount(char **ret_path, struct failure *failure);

/*
 * Opens the cgroup `path` ("/a/b", "/" for the top) below the directory `mount`; symbolic links are
 * not followed. Returns a descriptor that the caller closes, or -errno.
 */
int cgroup_open(const char *mount, const char *path, struct failure *failure);

/* The id that bpf_get_current_cgroup_id and INET_DIAG_CGROUP_ID report. 0 or -errno. */
int cgroup_id(int fd, uint64_t *ret_id);

/* Whether `path` is `ancestor` or below it; both are canonical. */
bool cgroup_contains(const char *ancestor, const char *path);

/* Ids of a cgroup and everything below it. */
struct cgroup_ids {
	uint64_t *items; /* owned; sorted by cgroup_ids_sort */
	size_t count;
};
int cgroup_ids_collect(int fd, struct cgroup_ids *ids, struct failure *failure);
void cgroup_ids_sort(struct cgroup_ids *ids);
bool cgroup_ids_has(const struct cgroup_ids *ids, uint64_t id);
void cgroup_ids_free(struct cgroup_ids *ids);

/*
 * Paths below `mount` of the cgroups of `ids` (`count`, sorted by nobody) into `paths`, which has
 * `count` NULLs: the caller frees what is put there. What is not found stays NULL. Needs no
 * privilege. 0 or -errno.
 */
int cgroup_find_paths(const char *mount, const uint64_t *ids, char **paths, size_t count,
		      struct failure *failure);

/* What a walk does at each cgroup: `fd` and `name` are its own, `path` leads to it from the walk's
 * start. 1: do not go below; 0: go on; -errno: stop. */
typedef int (*cgroup_visit_fn)(void *context, int fd, const char *name, const char *path);
/* Visits every cgroup below `fd`, parents first. 0 or -errno. */
int cgroup_walk(int fd, cgroup_visit_fn visit, void *context);

#endif
