/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/privilege.h"

#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "user/base/cleanup.h"

static void cleanup_capabilities(cap_t *capabilities)
{
	if (*capabilities)
		cap_free(*capabilities);
}

static bool among(cap_value_t capability, const cap_value_t *keep, int count)
{
	for (int i = 0; i < count; i++)
		if (keep[i] == capability)
			return true;
	return false;
}

/* What is not in the bounding set never comes back. Takes CAP_SETPCAP. */
static int bound(const cap_value_t *keep, int count, struct failure *failure)
{
	for (cap_value_t i = 0; i < cap_max_bits(); i++)
		if (!among(i, keep, count) && cap_get_bound(i) == 1 && cap_drop_bound(i))
			return fail(failure, -errno, "dropping a capability: %s", strerror(errno));
	return 0;
}

/* Holds `keep` and nothing else from here on. */
static int keep_only(const cap_value_t *keep, int count, struct failure *failure)
{
	_cleanup_(cleanup_capabilities) cap_t capabilities = cap_init();

	if (!capabilities)
		return fail(failure, -ENOMEM, "out of memory");
	if (count && (cap_set_flag(capabilities, CAP_PERMITTED, count, keep, CAP_SET) ||
		      cap_set_flag(capabilities, CAP_EFFECTIVE, count, keep, CAP_SET)))
		return fail(failure, -errno, "choosing capabilities: %s", strerror(errno));
	if (cap_set_proc(capabilities))
		return fail(failure, -errno, "keeping capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(failure, -errno, "no_new_privs: %s", strerror(errno));
	return 0;
}

int privilege_keep_engine(struct failure *failure)
{
	static const cap_value_t recent[] = {CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_KILL};
	static const cap_value_t old[] = {CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_KILL};
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	bool has_bpf = cap_max_bits() > CAP_BPF;
	const cap_value_t *keep = has_bpf ? recent : old;
	int count = has_bpf ? ARRAY_SIZE(recent) : ARRAY_SIZE(old), r;

	/* Maps are charged against locked memory before Linux 5.11. Where this is not allowed and
	 * yet needed, loading the programs says so. */
	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
	r = bound(keep, count, failure);
	return r ? r : keep_only(keep, count, failure);
}

static int limit(struct failure *failure)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 512}, {RLIMIT_MEMLOCK, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct rlimit value = {limits[i].most, limits[i].most};

		if (setrlimit(limits[i].resource, &value))
			return fail(failure, -errno, "setting resource limits: %s",
				    strerror(errno));
	}
	return 0;
}

/* Last: a change of user forgets it. */
static int die_with(pid_t parent, struct failure *failure)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		return fail(failure, -errno, "tying this process to its parent: %s",
			    strerror(errno));
	if (getppid() != parent)
		return fail(failure, -ESRCH, "the parent process is gone");
	return 0;
}

int privilege_keep_helper(pid_t parent, struct failure *failure)
{
	/* CAP_NET_ADMIN: a socket that destroys others needs it of whoever opens it. CAP_KILL: the
	 * signal at this process's death must reach a gate of another user. */
	static const cap_value_t keep[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_NET_ADMIN, CAP_SETUID,
					   CAP_SETGID,	  CAP_SETPCAP,	  CAP_KILL};
	int r = bound(keep, ARRAY_SIZE(keep), failure);

	if (!r)
		r = keep_only(keep, ARRAY_SIZE(keep), failure);
	return r ? r : die_with(parent, failure);
}

int privilege_drop(uid_t uid, gid_t gid, pid_t parent, struct failure *failure)
{
	int r = limit(failure);

	if (r)
		return r;
	if (setgroups(0, NULL) || setresgid(gid, gid, gid))
		return fail(failure, -errno, "becoming group %u: %s", gid, strerror(errno));
	r = bound(NULL, 0, failure);
	if (r)
		return r;
	if (setresuid(uid, uid, uid))
		return fail(failure, -errno, "becoming user %u: %s", uid, strerror(errno));
	r = keep_only(NULL, 0, failure);
	if (r)
		return r;
	return die_with(parent, failure);
}
