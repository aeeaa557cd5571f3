/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups that a draft means: by path, by the name of a systemd unit, by container. Those that
 * come while the plan is armed are found as they are made (inotify on every directory of the tree,
 * no polling), and those that go are told.
 */
#ifndef DAEMON_TARGETS_H
#define DAEMON_TARGETS_H

#include "user/daemon/draft.h"

struct target {
	char *path;    /* below the mount */
	__u64 id;      /* of the cgroup */
	__u64 rules;   /* rules that name it */
	bool in_scope; /* the scope names it, or is it */
	bool attached; /* the scope names none of its ancestors: programs are attached here */
	int fd;
};

struct targets;

/*
 * Finds what `draft` names below `mount`. `whole` is the cgroup path that a draft without a scope
 * means; NULL when it has one. Names of containers are looked up below `runtime_root`. 0, -ESRCH
 * when something comes to no cgroup, -ENOSPC when there are more directories than inotify may
 * watch, or another -errno, with the cause. The caller ends it with targets_free.
 */
int targets_open(const char *mount, const char *runtime_root, const char *whole,
		 const struct draft *draft, struct targets **ret_targets, struct failure *failure);
void targets_free(struct targets *targets);

/* NULL has none. */
size_t targets_count(const struct targets *targets);
const struct target *targets_at(const struct targets *targets, size_t index);

/* Becomes readable when the tree has changed; -1: it is not watched. Borrowed. */
int targets_fd(const struct targets *targets);

/* What comes and goes. A target that goes is valid in the call for the last time. */
typedef void (*target_change_fn)(void *context, const struct target *target, bool gone);
/* Tells of every change since the last time. 0 or -errno. */
int targets_read(struct targets *targets, target_change_fn change, void *context);

#endif
