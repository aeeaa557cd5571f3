/* SPDX-License-Identifier: Apache-2.0 */
/* Arming and disarming: from a draft to attached programs and back to nothing. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/daemon/engine_state.h"

/* That an address outlives the TTL of the answer it came in: clients keep names longer. */
#define LEARNED_GRACE_NS (30 * NS_PER_S)
/* Longer than loading takes. */
#define ARMING_NS (60 * NS_PER_S)

static int check_terminate(const struct policy *policy, const struct draft *draft, __u32 rule,
			   struct failure *failure)
{
	int r = 0;

	for (size_t i = 0; !r && i < draft->matches_count; i++)
		if (draft->matches[i].owner == rule &&
		    draft->matches[i].dimension == ENGINE_DIMENSION_NAME)
			r = policy_check_terminate(policy, draft->matches[i].text, failure);
	return r;
}

static int check_policy(const struct engine *engine, bool whole_host, struct failure *failure)
{
	const struct policy *policy = engine->settings->policy;
	const struct draft *draft = engine->draft;
	int r = policy_check_duration(policy, draft->begin.duration_ns, draft->begin.lease_ns,
				      failure);

	if (!r)
		r = policy_check_scope(policy, whole_host, failure);
	for (__u32 i = 0; !r && i < draft->rules_count; i++) {
		const struct fault_rule *rule = &draft->rules[i].rule;

		r = policy_check_effect(policy, rule->effect, failure);
		if (!r)
			r = policy_check_gate(policy, rule->gate, failure);
		if (!r && rule->gate & FAULT_GATE_TLS)
			r = check_terminate(policy, draft, i, failure);
	}
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

/* Has the programs look at a cgroup that the plan names. */
static int cover(struct engine *engine, const struct target *target, struct failure *failure)
{
	__u64 mask = engine->classified.control.any_cgroup | target->rules;
	int r = 0;

	if (target->rules)
		r = programs_name_cgroup(engine->programs, target->id, mask, failure);
	if (!r && target->attached)
		r = programs_attach(engine->programs, target->fd, target->id, failure);
	return r ? fail_in(failure, r, "cgroup %s", target->path) : 0;
}

static void report_target(struct engine *engine, const struct target *target, bool gone)
{
	struct engine_event event = {
		.at = clock_boottime_ns(),
		.kind = gone ? ENGINE_EVENT_TARGET_GONE : ENGINE_EVENT_TARGET_FOUND,
		.rules = target->in_scope ? engine->classified.control.all_rules : target->rules,
	};

	snprintf(event.target, sizeof(event.target), "%s", target->path);
	engine_report(engine, &event);
}

static void on_target(void *context, const struct target *target, bool gone)
{
	struct engine *engine = context;
	struct failure failure = {};

	if (gone) {
		programs_forget_cgroup(engine->programs, target->id);
	} else if (cover(engine, target, &failure)) {
		log_warning("%s", failure.text);
		return;
	}
	report_target(engine, target, gone);
}

int engine_read_targets(struct engine *engine)
{
	int r;

	if (!engine->targets || targets_fd(engine->targets) < 0)
		return 0;
	r = targets_read(engine->targets, on_target, engine);
	if (r)
		log_warning("watching the cgroup tree: %s", strerror(-r));
	return r;
}

static int find_targets(struct engine *engine, bool whole_host, struct failure *failure)
{
	const struct engine_settings *settings = engine->settings;

	engine->scope_is_everything = whole_host && !strcmp(settings->cgroup_root, "/");
	return targets_open(settings->cgroup_mount,
			    settings->runtime_root ? settings->runtime_root : "",
			    whole_host ? settings->cgroup_root : NULL, engine->draft,
			    &engine->targets, failure);
}

static int load(struct engine *engine, __u64 now, struct failure *failure)
{
	int r = classify(engine->draft, &engine->classified);

	if (r)
		return fail(failure, r, "out of memory");
	if (!engine->scope_is_everything)
		engine->classified.control.flags |= FAULT_CONTROL_SCOPE;
	/* What was resolved at arming came without a TTL: it holds for the whole run. */
	r = programs_arm(engine->draft, &engine->classified,
			 now + ARMING_NS + engine->draft->begin.duration_ns, &engine->programs,
			 failure);
	for (size_t i = 0; !r && i < targets_count(engine->targets); i++)
		r = cover(engine, targets_at(engine->targets, i), failure);
	return r;
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
	if (engine->programs)
		engine_gate_stop(engine);
	retire(engine);
	engine->control = NULL;
	engine->windows = NULL;
	engine->open = 0;
	classified_free(&engine->classified);
	engine->classified = (struct classified){};
	targets_free(engine->targets);
	engine->targets = NULL;
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
	bool whole_host = !draft_has_cgroups(engine->draft, ENGINE_SCOPE);
	int r = draft_check(engine->draft, failure);

	if (!r)
		r = check_policy(engine, whole_host, failure);
	if (!r)
		r = add_protections(engine, failure);
	if (!r)
		r = find_targets(engine, whole_host, failure);
	if (!r)
		r = load(engine, now, failure);
	if (!r)
		r = engine_gate_start(engine, failure);
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
