/* SPDX-License-Identifier: Apache-2.0 */
/* Which open connections belong to injected rules, and which of those the rules reset. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/daemon/cgroup.h"
#include "user/daemon/engine_state.h"
#include "user/daemon/existing.h"

/* The most connections that one inject adopts: the size of the map `sockets`. */
enum { ADOPTEES_MAX = 65536 };

/* The connections to adopt, as they are found. */
struct adoption {
	__u64 *cookies;
	struct fault_adoptee *adoptees;
	size_t count;
	int *spaces; /* the network namespaces, besides the engine's, in which some of them are */
	size_t spaces_count;
	bool short_of_memory;
};

struct judge {
	struct engine *engine;
	__u64 rules;
	__u64 resets; /* those of them that reset what they find */
	__u64 adopts; /* those of them that adopt what they find */
	struct adoption *adoption;
	__u64 now;
	__u32 namespace;	    /* inode of the one that is listed; 0: not known */
	uint64_t found, reset;	    /* in all that were listed */
	struct cgroup_ids *cgroups; /* one per target */
};

static __u64 look_cgroup(const struct judge *judge, __u64 id)
{
	const struct targets *targets = judge->engine->targets;
	__u64 mask = judge->engine->classified.control.any_cgroup;

	for (size_t i = 0; i < targets_count(targets); i++)
		if (cgroup_ids_has(&judge->cgroups[i], id))
			mask |= targets_at(targets, i)->rules;
	return mask;
}

static bool is_in_scope(const struct judge *judge, __u64 id)
{
	const struct targets *targets = judge->engine->targets;

	if (judge->engine->scope_is_everything)
		return true;
	for (size_t i = 0; i < targets_count(targets); i++)
		if (targets_at(targets, i)->attached && cgroup_ids_has(&judge->cgroups[i], id))
			return true;
	return false;
}

/*
 * Of `rules`, which are by name, those that a connection to `address` belongs to. Name rules are
 * sure of an address only while no other name is known to use it.
 */
static __u64 look_learned(const struct judge *judge, __u64 rules, const __u8 address[16],
			  __u64 *ret_sure)
{
	struct fault_learned learned;

	*ret_sure = 0;
	if (!rules || programs_learned(judge->engine->programs, address, &learned) ||
	    learned.expires <= judge->now)
		return 0;
	*ret_sure = rules & learned.mask & ~learned.other;
	return rules & learned.mask;
}

static void adopt(struct adoption *adoption, const struct existing_connection *connection,
		  __u64 candidates, __u64 by_address)
{
	struct fault_adoptee *adoptees;
	__u64 *cookies;
	size_t count = adoption->count;

	if (count == ADOPTEES_MAX) {
		adoption->short_of_memory = true;
		return;
	}
	if (!(count & (count - 1))) {
		size_t room = count ? 2 * count : 1;

		cookies = reallocarray(adoption->cookies, room, sizeof(*cookies));
		if (cookies)
			adoption->cookies = cookies;
		adoptees = reallocarray(adoption->adoptees, room, sizeof(*adoptees));
		if (adoptees)
			adoption->adoptees = adoptees;
		adoption->short_of_memory |= !cookies || !adoptees;
		if (adoption->short_of_memory)
			return;
	}
	adoption->cookies[count] = connection->cookie;
	adoption->adoptees[count] = (struct fault_adoptee){
		.candidates = candidates, .by_address = by_address, .port = connection->port};
	memcpy(adoption->adoptees[count].address, connection->address, sizeof(connection->address));
	adoption->count++;
}

static enum existing_verdict judge_connection(void *context,
					      const struct existing_connection *connection)
{
	const struct judge *judge = context;
	const struct engine *engine = judge->engine;
	__u64 candidates;
	struct fault_masks masks = classify_destination(&engine->classified, connection->address,
							FAULT_PROTOCOL_TCP, connection->port);
	__u64 rules = masks.rules & judge->rules, named, sure;

	if (!rules || masks.protect)
		return EXISTING_IGNORE;
	if (!is_in_scope(judge, connection->cgroup))
		return EXISTING_IGNORE;
	rules &= look_cgroup(judge, connection->cgroup);
	rules &= classify_owner(&engine->classified, connection->uid, judge->namespace);
	candidates = rules & judge->adopts;
	named = rules & engine->classified.control.name_rules;
	rules &= ~named;
	named = look_learned(judge, named, connection->address, &sure);
	if ((rules | sure) & judge->resets)
		return EXISTING_RESET;
	/* A name rule looks at every request: which name it is for is not known before. */
	if (candidates)
		adopt(judge->adoption, connection, candidates, sure);
	return rules | named | candidates ? EXISTING_SPARE : EXISTING_IGNORE;
}

static int collect(struct judge *judge, struct failure *failure)
{
	const struct engine *engine = judge->engine;
	int r = 0;

	for (size_t i = 0; !r && i < targets_count(engine->targets); i++) {
		const struct target *target = targets_at(engine->targets, i);

		/* All of the host is not walked. */
		if (engine->scope_is_everything && !target->rules)
			continue;
		r = cgroup_ids_collect(target->fd, &judge->cgroups[i], failure);
		cgroup_ids_sort(&judge->cgroups[i]);
	}
	return r;
}

/* What is open in one network namespace; `netlink` as existing_reset takes it. */
static int meet_in(struct judge *judge, int netlink, struct failure *failure)
{
	uint64_t found = 0, reset = 0;
	int r = existing_reset(netlink, judge_connection, judge, &found, &reset, failure);

	judge->found += found;
	judge->reset += reset;
	return r;
}

/* Keeps a namespace for the iterator. */
static int keep_space(struct adoption *adoption, int space, struct failure *failure)
{
	int *spaces = reallocarray(adoption->spaces, adoption->spaces_count + 1, sizeof(*spaces));
	int copy;

	if (!spaces)
		return fail(failure, -ENOMEM, "out of memory");
	adoption->spaces = spaces;
	copy = fcntl(space, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return fail(failure, -errno, "a network namespace: %s", strerror(errno));
	spaces[adoption->spaces_count++] = copy;
	return 0;
}

static void adoption_free(struct adoption *adoption)
{
	for (size_t i = 0; i < adoption->spaces_count; i++)
		close(adoption->spaces[i]);
	free(adoption->spaces);
	free(adoption->cookies);
	free(adoption->adoptees);
}

/* In another one than the engine's. */
static int meet_elsewhere(void *context, int netlink, int space, struct failure *failure)
{
	struct judge *judge = context;
	size_t adopted = judge->adoption->count;
	struct stat status;
	int r;

	judge->namespace = space >= 0 && !fstat(space, &status) ? (__u32)status.st_ino : 0;
	/* Where the namespace cannot be had nothing is promised. */
	if (space < 0)
		judge->adopts = 0;
	r = meet_in(judge, netlink, failure);
	if (!r && judge->adoption->count > adopted)
		r = keep_space(judge->adoption, space, failure);
	return r;
}

static int meet(struct judge *judge, struct engine_window *window, struct failure *failure)
{
	struct adoption *adoption = judge->adoption;
	const __u64 adopts = judge->adopts;
	__u64 adopted = 0;
	struct stat status;
	int r = collect(judge, failure);

	if (!stat("/proc/self/ns/net", &status))
		judge->namespace = (__u32)status.st_ino;

	if (!r)
		r = meet_in(judge, -1, failure);
	/* To look into every process is for those that are to be reset or adopted. */
	if (!r && (judge->resets || adopts))
		r = engine_visit_spaces(judge->engine, meet_elsewhere, judge, failure);
	if (!r && adoption->short_of_memory)
		r = fail(failure, -ENOMEM, "too many open connections to adopt");
	if (!r && adopts)
		r = programs_adopt(judge->engine->programs,
				   &(struct programs_adoption){
					   .cookies = adoption->cookies,
					   .adoptees = adoption->adoptees,
					   .count = adoption->count,
					   .helper = judge->engine->settings->helper,
					   .spaces = adoption->spaces,
					   .spaces_count = adoption->spaces_count,
				   },
				   &adopted, failure);
	window->existing_found = judge->found;
	window->existing_reset = judge->reset;
	window->existing_adopted = adopted;
	return r;
}

int engine_find_existing(struct engine *engine, struct engine_window *window, __u64 resets,
			 __u64 adopts, __u64 now, struct failure *failure)
{
	size_t count = targets_count(engine->targets);
	struct adoption adoption = {};
	struct judge judge = {
		.engine = engine,
		.rules = window->rules,
		.resets = resets,
		.adopts = adopts,
		.adoption = &adoption,
		.now = now,
	};
	int r;

	judge.cgroups = calloc(count + 1, sizeof(*judge.cgroups));
	if (!judge.cgroups)
		return fail(failure, -ENOMEM, "out of memory");
	r = meet(&judge, window, failure);
	for (size_t i = 0; i < count; i++)
		cgroup_ids_free(&judge.cgroups[i]);
	free(judge.cgroups);
	adoption_free(&adoption);
	return r ? fail_in(failure, r, "looking for open connections") : 0;
}
