/* SPDX-License-Identifier: Apache-2.0 */
/* Which open connections belong to injected rules, and which of those the rules reset. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/cgroup.h"
#include "user/daemon/engine_state.h"
#include "user/daemon/existing.h"

struct judge {
	struct engine *engine;
	__u64 rules;
	__u64 resets; /* those of them that reset what they find */
	__u64 now;
	struct cgroup_ids scope;
	struct cgroup_ids *cgroups; /* one per classified->cgroups */
};

static __u64 look_cgroup(const struct judge *judge, __u64 id)
{
	const struct classified *classified = &judge->engine->classified;
	__u64 mask = classified->control.any_cgroup;

	for (size_t i = 0; i < classified->cgroups_count; i++)
		if (cgroup_ids_has(&judge->cgroups[i], id))
			mask |= classified->cgroups[i].mask;
	return mask;
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

static enum existing_verdict judge_connection(void *context,
					      const struct existing_connection *connection)
{
	const struct judge *judge = context;
	const struct engine *engine = judge->engine;
	struct fault_masks masks = classify_destination(&engine->classified, connection->address,
							FAULT_PROTOCOL_TCP, connection->port);
	__u64 rules = masks.rules & judge->rules, named, sure;

	if (!rules || masks.protect)
		return EXISTING_IGNORE;
	if (!engine->scope_is_everything && !cgroup_ids_has(&judge->scope, connection->cgroup))
		return EXISTING_IGNORE;
	rules &= look_cgroup(judge, connection->cgroup);
	named = rules & engine->classified.control.name_rules;
	rules &= ~named;
	named = look_learned(judge, named, connection->address, &sure);
	if ((rules | sure) & judge->resets)
		return EXISTING_RESET;
	return rules | named ? EXISTING_SPARE : EXISTING_IGNORE;
}

static int collect(struct judge *judge, struct failure *failure)
{
	const struct engine *engine = judge->engine;
	int r = 0;

	for (size_t i = 0; !r && !engine->scope_is_everything && i < engine->scope_count; i++)
		r = cgroup_ids_collect(engine->scope[i], &judge->scope, failure);
	cgroup_ids_sort(&judge->scope);
	for (size_t i = 0; !r && i < engine->classified.cgroups_count; i++) {
		_cleanup_close_ int fd = cgroup_open(engine->settings->cgroup_mount,
						     engine->classified.cgroups[i].path, failure);

		r = fd < 0 ? fd : cgroup_ids_collect(fd, &judge->cgroups[i], failure);
		cgroup_ids_sort(&judge->cgroups[i]);
	}
	return r;
}

int engine_find_existing(struct engine *engine, __u64 rules, __u64 resets, __u64 now,
			 __u64 *ret_found, __u64 *ret_reset, struct failure *failure)
{
	size_t count = engine->classified.cgroups_count;
	struct judge judge = {.engine = engine, .rules = rules, .resets = resets, .now = now};
	uint64_t found = 0, reset = 0;
	int r;

	judge.cgroups = calloc(count + 1, sizeof(*judge.cgroups));
	if (!judge.cgroups)
		return fail(failure, -ENOMEM, "out of memory");
	r = collect(&judge, failure);
	if (!r)
		r = existing_reset(judge_connection, &judge, &found, &reset, failure);
	for (size_t i = 0; i < count; i++)
		cgroup_ids_free(&judge.cgroups[i]);
	free(judge.cgroups);
	cgroup_ids_free(&judge.scope);
	*ret_found = found;
	*ret_reset = reset;
	return r ? fail_in(failure, r, "looking for open connections") : 0;
}
