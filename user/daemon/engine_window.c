/* SPDX-License-Identifier: Apache-2.0 */
/* Windows: when rules act. The kernel keeps the time; this says when it began and ended. */
#include <errno.h>
#include <string.h>

#include "user/base/log.h"
#include "user/daemon/engine_state.h"
#include "user/experiment/plan.h"

static __u64 earlier(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* The kernel may look at any moment: the window is shut while it is changed. */
static void open_window(volatile struct fault_window *window, __u64 starts_at, __u64 ends_at)
{
	__atomic_store_n(&window->ends_at, 0, __ATOMIC_SEQ_CST);
	window->first_hit_at = 0;
	window->last_hit_at = 0;
	window->first_pass_after = 0;
	window->injection++;
	window->fall_steps = 0;
	window->falls_at = 0;
	window->starts_at = starts_at;
	__atomic_store_n(&window->ends_at, ends_at, __ATOMIC_SEQ_CST);
}

static __u64 rules_that(const struct engine *engine, __u32 existing, __u64 rules)
{
	__u64 mask = 0;

	for (__u32 i = 0; i < engine->draft->rules_count; i++)
		if (engine->draft->rules[i].existing == existing)
			mask |= 1ULL << i;
	return mask & rules;
}

/* Not to know how many there are is no reason to refuse an inject; not to reset them is. */
static int meet_existing(struct engine *engine, struct engine_window *window, __u64 now,
			 struct failure *failure)
{
	__u64 resets = rules_that(engine, PLAN_EXISTING_RESET, window->rules);
	__u64 adopts = rules_that(engine, PLAN_EXISTING_ADOPT, window->rules);
	int r;

	/* A connection can be in one sockmap alone: what an earlier run still holds is let go. */
	if (adopts && engine->retired) {
		programs_release_sockets(engine->retired);
		engine_forget_retired(engine);
	}
	window->existing_found = 0;
	window->existing_reset = 0;
	window->existing_adopted = 0;
	r = engine_find_existing(engine, window, resets, adopts, now, failure);
	if (!r)
		return 0;
	if (!resets && !adopts) {
		log_warning("%s", failure->text);
		return 0;
	}
	engine_lift(engine, window->rules, ENGINE_CAUSE_LIFTED, clock_boottime_ns());
	return r;
}

int engine_inject(struct engine *engine, struct engine_window *window, __u64 now,
		  struct failure *failure)
{
	struct engine_event event = {.at = now, .kind = ENGINE_EVENT_INJECTED};

	if (window->rules & ~engine->classified.control.all_rules)
		return fail(failure, -EINVAL, "no such rule is armed");
	if (engine->classified.control.flags & FAULT_CONTROL_SHADOW)
		return fail(failure, -EINVAL, "a shadow injects nothing");
	if (now >= engine->control->lease_until)
		return fail(failure, -ETIME, "the lease has lapsed; renew it first");
	window->starts_at = now;
	window->ends_at = window->duration_ns > engine->control->deadline - now
				  ? engine->control->deadline
				  : now + window->duration_ns;
	for (__u32 i = 0; i < engine->draft->rules_count; i++)
		if (window->rules >> i & 1)
			open_window(&engine->windows[i], now, window->ends_at);
	engine->open |= window->rules;
	event.rules = window->rules;
	event.ends_at = window->ends_at;
	engine_report(engine, &event);
	return meet_existing(engine, window, now, failure);
}

void engine_lift(struct engine *engine, __u64 rules, enum engine_cause cause, __u64 at)
{
	struct engine_event event = {
		.at = at,
		.kind = ENGINE_EVENT_LIFTED,
		.cause = cause,
		.rules = rules & engine->open,
		.ends_at = at,
	};

	if (!event.rules)
		return;
	for (__u32 i = 0; i < FAULT_RULES_MAX; i++)
		if (event.rules >> i & 1 && engine->windows[i].ends_at > at)
			__atomic_store_n(&engine->windows[i].ends_at, at, __ATOMIC_SEQ_CST);
	engine->open &= ~event.rules;
	engine_report(engine, &event);
}

/*
 * The kernel may look between any two of the stores: the new end comes first, so that the share
 * never falls towards the old one.
 */
static void fall(volatile struct fault_window *window, __u64 now, __u64 ends_at, __u32 steps)
{
	window->fall_steps = steps;
	__atomic_store_n(&window->ends_at, ends_at, __ATOMIC_SEQ_CST);
	__atomic_store_n(&window->falls_at, now, __ATOMIC_SEQ_CST);
}

int engine_lift_staged(struct engine *engine, struct engine_window *window, __u64 now,
		       struct failure *failure)
{
	__u64 deadline = engine->control->deadline, rules = window->rules & engine->open;
	__u64 ends_at = window->duration_ns > deadline - now ? deadline : now + window->duration_ns;

	for (__u32 i = 0; i < FAULT_RULES_MAX; i++) {
		if (!(rules >> i & 1))
			continue;
		if (engine->windows[i].falls_at)
			return fail(failure, -EALREADY, "'%s' is being lifted already",
				    engine->draft->rules[i].fault);
	}
	for (__u32 i = 0; i < FAULT_RULES_MAX; i++)
		if (rules >> i & 1)
			fall(&engine->windows[i], now, ends_at, window->steps);
	window->starts_at = now;
	window->ends_at = rules ? ends_at : now;
	return 0;
}

void engine_end_budget(struct engine *engine, const struct fault_event *detail)
{
	const char *fault;
	__u64 rules = 0;

	/* What an earlier injection had left to say is no news of this one. */
	if (!engine->windows || detail->rule >= engine->draft->rules_count ||
	    engine->windows[detail->rule].injection != detail->injection)
		return;
	fault = engine->draft->rules[detail->rule].fault;
	for (__u32 i = 0; i < engine->draft->rules_count; i++)
		if (!strcmp(engine->draft->rules[i].fault, fault))
			rules |= 1ULL << i;
	engine_lift(engine, rules, ENGINE_CAUSE_BUDGET, detail->at);
}

/* When and why the kernel stops, or stopped, acting on an open rule. */
static __u64 end_of(const struct engine *engine, __u32 rule, enum engine_cause *ret_cause)
{
	__u64 planned = engine->windows[rule].ends_at, lease = engine->control->lease_until;
	__u64 deadline = engine->control->deadline;

	if (lease < planned && lease < deadline) {
		*ret_cause = ENGINE_CAUSE_LEASE;
		return lease;
	}
	if (planned >= deadline)
		*ret_cause = ENGINE_CAUSE_DEADLINE;
	else
		*ret_cause =
			engine->windows[rule].falls_at ? ENGINE_CAUSE_LIFTED : ENGINE_CAUSE_PLANNED;
	return earlier(planned, deadline);
}

/* Open rules that end first, at one moment for one cause. UINT64_MAX: nothing is open. */
static __u64 next_end(const struct engine *engine, __u64 *ret_rules, enum engine_cause *ret_cause)
{
	__u64 first = UINT64_MAX;

	*ret_rules = 0;
	*ret_cause = ENGINE_CAUSE_NONE;
	for (__u32 i = 0; i < FAULT_RULES_MAX; i++) {
		enum engine_cause cause;
		__u64 at;

		if (!(engine->open >> i & 1))
			continue;
		at = end_of(engine, i, &cause);
		if (at < first) {
			first = at;
			*ret_cause = cause;
			*ret_rules = 1ULL << i;
		} else if (at == first && cause == *ret_cause) {
			*ret_rules |= 1ULL << i;
		}
	}
	return first;
}

void engine_tick(struct engine *engine, __u64 now)
{
	enum engine_cause cause = ENGINE_CAUSE_NONE;
	__u64 rules, at, deadline, lease;

	if (engine->retired && now >= engine->retired_until)
		engine_forget_retired(engine);
	if (!engine->control)
		return;
	engine_gate_tick(engine, now);
	while ((at = next_end(engine, &rules, &cause)) <= now)
		engine_lift(engine, rules, cause, at);
	deadline = engine->control->deadline;
	lease = engine->control->lease_until;
	if (lease + ENGINE_LEASE_GRACE_NS < deadline && now >= lease + ENGINE_LEASE_GRACE_NS)
		engine_disarm(engine, ENGINE_CAUSE_LEASE, lease + ENGINE_LEASE_GRACE_NS);
	else if (now >= deadline)
		engine_disarm(engine, ENGINE_CAUSE_DEADLINE, deadline);
}

__u64 engine_next(const struct engine *engine)
{
	enum engine_cause cause;
	__u64 rules, next = engine->retired ? engine->retired_until : UINT64_MAX;

	if (!engine->control)
		return next;
	next = earlier(next, engine_gate_next(engine));
	next = earlier(next, engine->control->deadline);
	next = earlier(next, engine->control->lease_until + ENGINE_LEASE_GRACE_NS);
	return earlier(next, next_end(engine, &rules, &cause));
}
