/* SPDX-License-Identifier: Apache-2.0 */
/* Arming and disarming: from a draft to attached programs and back to nothing. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/cgroup.h"
#include "user/daemon/engine_state.h"

/* That an address outlives the TTL of the answer it came in: clients keep names longer. */
#define LEARNED_GRACE_NS (30 * NS_PER_S)
/* Longer than loading takes. */
#define ARMING_NS (60 * NS_PER_S)

static int check_policy(const struct engine *engine, bool whole_host, struct failure *failure)
{
	const struct policy *policy = engine->settings->policy;
	const struct draft *draft = engine->draft;
	int r = policy_check_duration(policy, draft->begin.duration_ns, draft->begin.lease_ns,
				      failure);

	if (!r)
		r = policy_check_scope(policy, whole_host, failure);
	for (__u32 i = 0; !r && i < draft->rules_count; i++)
		r = policy_check_effect(policy, draft->rules[i].rule.effect, failure);
	return r;
}

/* The policy's protections hold even if the peer forgets them. */
static int add_protections(struct engine *engine, struct failure *failure)
{
	const struct policy *policy = engine->settings->policy;
	int r = 0;

	for (size_t i = 0; !r && i < policy->protect_count; i++)
		r = draft_protect(engine->draft, &policy->protect[i].prefix,
				  policy->protect[i].ports, policy->protect[i].ports_count,
				  failure);
	return r;
}

/* Whether another scope entry covers this one: programs there run for it already. */
static bool is_covered(const struct draft *draft, size_t index)
{
	const struct draft_match *self = &draft->matches[index];

	for (size_t i = 0; i < draft->matches_count; i++) {
		const struct draft_match *other = &draft->matches[i];

		if (i == index || other->owner != ENGINE_SCOPE ||
		    !cgroup_contains(other->text, self->text))
			continue;
		/* Of two that are the same the first stays. */
		if (strcmp(other->text, self->text) || i < index)
			return true;
	}
	return false;
}

static void close_scope(struct engine *engine)
{
	for (size_t i = 0; i < engine->scope_count; i++)
		close(engine->scope[i]);
	free(engine->scope);
	engine->scope = NULL;
	engine->scope_count = 0;
}

static int open_scope(struct engine *engine, bool whole_host, struct failure *failure)
{
	const struct engine_settings *settings = engine->settings;
	const struct draft *draft = engine->draft;
	int fd;

	engine->scope_is_everything = whole_host && !strcmp(settings->cgroup_root, "/");
	engine->scope = calloc(draft->matches_count + 1, sizeof(int));
	if (!engine->scope)
		return fail(failure, -ENOMEM, "out of memory");
	if (whole_host) {
		fd = cgroup_open(settings->cgroup_mount, settings->cgroup_root, failure);
		if (fd < 0)
			return fd;
		engine->scope[engine->scope_count++] = fd;
		return 0;
	}
	for (size_t i = 0; i < draft->matches_count; i++) {
		if (draft->matches[i].owner != ENGINE_SCOPE || is_covered(draft, i))
			continue;
		fd = cgroup_open(settings->cgroup_mount, draft->matches[i].text, failure);
		if (fd < 0)
			return fd;
		engine->scope[engine->scope_count++] = fd;
	}
	return 0;
}

static int find_cgroup_ids(const struct engine *engine, __u64 **ret_ids, struct failure *failure)
{
	const struct classified *classified = &engine->classified;
	_cleanup_free_ __u64 *ids = calloc(classified->cgroups_count + 1, sizeof(*ids));

	if (!ids)
		return fail(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < classified->cgroups_count; i++) {
		const char *path = classified->cgroups[i].path;
		_cleanup_close_ int fd = cgroup_open(engine->settings->cgroup_mount, path, failure);
		uint64_t id;
		int r;

		if (fd < 0)
			return fd;
		r = cgroup_id(fd, &id);
		if (r)
			return fail(failure, r, "cgroup %s: %s", path, strerror(-r));
		ids[i] = id;
	}
	*ret_ids = TAKE_PTR(ids);
	return 0;
}

static int load(struct engine *engine, __u64 now, struct failure *failure)
{
	_cleanup_free_ __u64 *ids = NULL;
	int r = classify(engine->draft, &engine->classified);

	if (r)
		return fail(failure, r, "out of memory");
	r = find_cgroup_ids(engine, &ids, failure);
	if (r)
		return r;
	/* What was resolved at arming came without a TTL: it holds for the whole run. */
	return programs_arm(engine->draft, &engine->classified, ids, engine->scope,
			    engine->scope_count, now + ARMING_NS + engine->draft->begin.duration_ns,
			    &engine->programs, failure);
}

/* The clock of a run starts when its programs are in place: loading takes a while. */
static int start(struct engine *engine, struct failure *failure)
{
	const struct engine_begin *begin = &engine->draft->begin;
	struct fault_control control = engine->classified.control;
	__u64 now = clock_boottime_ns();

	control.started_at = now;
	control.lease_until = now + begin->lease_ns;
	control.deadline = now + begin->duration_ns;
	/* Verdicts that sockets hold from an earlier run have another number. */
	control.generation = now;
	control.dns_grace = LEARNED_GRACE_NS;
	control.seed = begin->seed;
	return programs_publish(engine->programs, &control, failure);
}

void engine_forget_retired(struct engine *engine)
{
	programs_free(engine->retired);
	engine->retired = NULL;
}

/* Detaches the programs; they are unloaded now or, when they hold open connections, later. */
static void retire(struct engine *engine)
{
	struct programs *programs = TAKE_PTR(engine->programs);

	if (!programs)
		return;
	if (engine->control)
		__atomic_store_n(&engine->control->deadline, 0, __ATOMIC_SEQ_CST);
	if (!programs_detach(programs)) {
		programs_free(programs);
		return;
	}
	engine_forget_retired(engine);
	engine->retired = programs;
	engine->retired_until = clock_boottime_ns() + ENGINE_RETIRE_NS;
}

/* Back to nothing, whatever was reached. */
static void forget(struct engine *engine)
{
	retire(engine);
	engine->control = NULL;
	engine->windows = NULL;
	engine->open = 0;
	classified_free(&engine->classified);
	engine->classified = (struct classified){};
	close_scope(engine);
	free(engine->shadow);
	engine->shadow = NULL;
	engine->shadow_count = 0;
	draft_free(engine->draft);
	engine->draft = NULL;
}

static void report_armed(struct engine *engine)
{
	struct engine_event event = {
		.at = engine->control->started_at,
		.kind = ENGINE_EVENT_ARMED,
		.rules = engine->classified.control.all_rules,
		.ends_at = engine->control->deadline,
	};

	engine_report(engine, &event);
}

int engine_arm(struct engine *engine, __u64 now, struct failure *failure)
{
	bool whole_host = !draft_has(engine->draft, ENGINE_SCOPE, ENGINE_DIMENSION_CGROUP);
	int r = draft_check(engine->draft, failure);

	if (!r)
		r = check_policy(engine, whole_host, failure);
	if (!r)
		r = add_protections(engine, failure);
	if (!r)
		r = open_scope(engine, whole_host, failure);
	if (!r)
		r = load(engine, now, failure);
	if (!r)
		r = start(engine, failure);
	if (r) {
		forget(engine);
		return r;
	}
	engine->control = programs_control(engine->programs);
	engine->windows = programs_window(engine->programs, 0);
	engine->series_swept = 0;
	report_armed(engine);
	return 0;
}

void engine_disarm(struct engine *engine, enum engine_cause cause, __u64 at)
{
	struct engine_event event = {.at = at, .kind = ENGINE_EVENT_DISARMED, .cause = cause};

	if (!engine->programs) {
		forget(engine);
		return;
	}
	engine_lift(engine, engine->open, cause, at);
	event.rules = engine->classified.control.all_rules;
	engine_keep_last(engine);
	forget(engine);
	engine_report(engine, &event);
}
