/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a rule acts: first rule_verdict, which only looks and may be asked any number of times;
 * then, when nothing else stands in the way, rule_claim, which takes from what the rule may do.
 */
#ifndef FAULTD_VERDICT_H
#define FAULTD_VERDICT_H

#include "kernel/lookup.h"

/* Whether the budget of this injection is spent. */
static __always_inline int rule_is_spent(const struct fault_rule *rule,
					 const struct fault_window *window, __u32 index)
{
	struct rule_meter *meter;

	if (!effect_has_budget(&rule->shape))
		return 0;
	meter = bpf_map_lookup_elem(&meters, &index);
	return meter && meter->spent && meter->injection == window->injection;
}

/*
 * The meter of this injection; the caller holds its lock. A CPU that still sees the injection
 * before must not set back what a later one has begun.
 */
static __always_inline void meter_renew(struct rule_meter *meter, __u32 injection)
{
	if ((__s32)(injection - meter->injection) <= 0)
		return;
	meter->full_at = 0;
	meter->failed = 0;
	meter->hits = 0;
	meter->connections = 0;
	meter->matched = 0;
	meter->spent = 0;
	meter->injection = injection;
}

/* The next number among what the rule matches in this injection. */
static __always_inline __u64 meter_number(struct rule_meter *meter, __u32 injection)
{
	__u64 number;

	bpf_spin_lock(&meter->lock);
	meter_renew(meter, injection);
	number = meter->matched++;
	bpf_spin_unlock(&meter->lock);
	return number;
}

/* The item's number: that which it has, or when it is asked about for the first time the next. */
static __always_inline __u64 draw_number(const struct fault_rule *rule, const struct draw_key *key)
{
	struct rule_meter *meter = bpf_map_lookup_elem(&meters, &key->rule);
	__u64 number, *found;

	if (!meter)
		return 0;
	/* A request is asked about once: nothing needs to be kept of it. */
	if (effect_is_of_requests(rule->effect, rule->reject))
		return meter_number(meter, key->injection);
	found = bpf_map_lookup_elem(&draws, key);
	if (found)
		return *found;
	number = meter_number(meter, key->injection);
	if (!bpf_map_update_elem(&draws, key, &number, BPF_NOEXIST))
		return number;
	/* Another CPU was first; or there is no room, and the item is asked about anew. */
	found = bpf_map_lookup_elem(&draws, key);
	return found ? *found : number;
}

/*
 * What `reason` comes to: a shadow never hits. Whatever a layer asks, its answer passes through
 * here, so that in a shadow none can act.
 */
static __always_inline int verdict_say(const struct fault_control *fault_control, int reason)
{
	return reason == FAULT_REASON_HIT && fault_control->flags & FAULT_CONTROL_SHADOW
		       ? FAULT_REASON_SHADOW
		       : reason;
}

/*
 * The window that `rule` goes by. A shadow has none: it tells what one that opened at the arming
 * would come to, which `open` is made.
 */
static __always_inline const struct fault_window *
verdict_window(const struct fault_control *fault_control, __u32 index, struct fault_window *open)
{
	if (!(fault_control->flags & FAULT_CONTROL_SHADOW))
		return bpf_map_lookup_elem(&windows, &index);
	open->starts_at = fault_control->started_at;
	open->ends_at = fault_control->deadline;
	return open;
}

/* FAULT_REASON_HIT when the rule acts at all: its window is open and its budget is not spent. */
static __always_inline int verdict_live(const struct fault_control *fault_control,
					const struct fault_rule *rule,
					const struct fault_window *window, __u32 index, __u64 now)
{
	int reason = effect_live(fault_control, window, now);

	if (reason == FAULT_REASON_HIT && rule_is_spent(rule, window, index))
		return FAULT_REASON_BUDGET;
	return reason;
}

/*
 * Whether `rule` acts now on item `item` of connection `cookie`: FAULT_REASON_HIT, or why not;
 * in a shadow FAULT_REASON_SHADOW in the place of a hit. FAULT_REASON_KERNEL_ERROR when there is no
 * such rule.
 */
FAULT_SCAN int rule_verdict(__u32 index, __u64 cookie, __u64 item, __u64 now)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	struct fault_control *fault_control = control_get();
	struct draw_key key = {.cookie = cookie, .item = item, .rule = index};
	const struct fault_window *window;
	struct fault_window open = {};
	__u64 number = 0;
	int reason;

	if (!fault_control || !rule)
		return FAULT_REASON_KERNEL_ERROR;
	window = verdict_window(fault_control, index, &open);
	if (!window)
		return FAULT_REASON_KERNEL_ERROR;
	reason = verdict_live(fault_control, rule, window, index, now);
	if (reason != FAULT_REASON_HIT)
		return reason;
	if (effect_is_partial(rule, window)) {
		key.injection = window->injection;
		number = draw_number(rule, &key);
	}
	if (!effect_share(fault_control->seed, number, index, effect_share_at(rule, window, now)))
		return FAULT_REASON_SHARE;
	return verdict_say(fault_control, FAULT_REASON_HIT);
}

/*
 * As rule_verdict, without the share: whether `rule` acts at all. The gate draws the shares of what
 * it ends.
 */
FAULT_SCAN int rule_live(__u32 index, __u64 now)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	struct fault_control *fault_control = control_get();
	const struct fault_window *window;
	struct fault_window open = {};

	if (!fault_control || !rule)
		return FAULT_REASON_KERNEL_ERROR;
	window = verdict_window(fault_control, index, &open);
	if (!window)
		return FAULT_REASON_KERNEL_ERROR;
	return verdict_say(fault_control, verdict_live(fault_control, rule, window, index, now));
}

/* Whether any rule of `mask` acts. */
FAULT_SCAN int rules_live(__u64 mask, __u64 now)
{
	int i;

	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1)
		if (rule_live(mask_lowest(mask), now) == FAULT_REASON_HIT)
			return 1;
	return 0;
}

/* Whether the service that an overload rule plays rejects a request now. */
static __always_inline int meter_rejects(struct rule_meter *meter, const struct fault_rule *rule,
					 __u32 injection, __u64 now)
{
	struct effect_bucket bucket;
	int admitted;

	effect_bucket_set(&bucket, rule);
	bpf_spin_lock(&meter->lock);
	meter_renew(meter, injection);
	admitted = effect_bucket_take(&bucket, &meter->full_at, now);
	bpf_spin_unlock(&meter->lock);
	return !admitted;
}

/* One hit that is asked for. */
struct meter_claim {
	__u32 injection;
	__u32 item_counted;	  /* it is part of an item that was counted before */
	__u32 connection_counted; /* likewise of a connection */
	__u32 was_last;		  /* set: the budget allows no more */
};

/* Takes one hit. FAULT_REASON_HIT, or why there is none to take. */
static __always_inline int meter_take(struct rule_meter *meter, const struct fault_shape *shape,
				      struct meter_claim *claim)
{
	__u64 first = shape->first, hits = shape->budget_hits;
	__u64 connections = shape->budget_connections;
	int reason = FAULT_REASON_HIT, last = 0;

	bpf_spin_lock(&meter->lock);
	meter_renew(meter, claim->injection);
	if (meter->spent) {
		reason = FAULT_REASON_BUDGET;
	} else if (first && !claim->item_counted && meter->failed >= first) {
		reason = FAULT_REASON_FIRST;
	} else {
		meter->hits++;
		meter->failed += !claim->item_counted;
		meter->connections += !claim->connection_counted;
		last = (hits && meter->hits >= hits) ||
		       (connections && meter->connections >= connections);
		meter->spent = (__u32)last;
	}
	bpf_spin_unlock(&meter->lock);
	claim->was_last = (__u32)last;
	return reason;
}

/* Whether what a connection was counted as must be remembered to count it once. */
static __always_inline int claim_is_kept(const struct fault_rule *rule)
{
	if (effect_is_lasting(rule->effect))
		return rule->shape.first || rule->shape.budget_connections;
	return effect_is_of_requests(rule->effect, rule->reject) && rule->shape.budget_connections;
}

/*
 * Looks up, or begins, what is decided of a connection. Its CLAIM_* bits, of which CLAIM_MADE is
 * set for the caller alone who decides; -1: no room.
 */
static __always_inline int claim_begin(const struct claim_key *key)
{
	__u32 made = CLAIM_MADE, *found = bpf_map_lookup_elem(&claims, key);

	if (found)
		return (int)(*found & ~CLAIM_MADE);
	return bpf_map_update_elem(&claims, key, &made, BPF_NOEXIST) ? -1 : CLAIM_MADE;
}

/* Takes one hit of the budget and of the first ones, for a rule that has either. */
static __always_inline int claim_hit(__u32 index, const struct fault_rule *rule,
				     const struct fault_window *window, struct rule_meter *meter,
				     __u64 cookie, const struct flow *flow, __u64 now)
{
	struct claim_key key = {.cookie = cookie, .rule = index, .injection = window->injection};
	struct meter_claim claim = {.injection = window->injection};
	int kept = claim_is_kept(rule), known = 0, reason;
	__u32 outcome;

	if (kept) {
		known = claim_begin(&key);
		if (known < 0)
			return FAULT_REASON_KERNEL_ERROR;
		/* Spared, or another CPU is about to decide: this packet or request passes. */
		if (!(known & (CLAIM_MADE | CLAIM_TAKEN)))
			return FAULT_REASON_FIRST;
		claim.connection_counted = (known & CLAIM_TAKEN) != 0;
		claim.item_counted = claim.connection_counted && effect_is_lasting(rule->effect);
	}
	reason = meter_take(meter, &rule->shape, &claim);
	if (known & CLAIM_MADE) {
		outcome = reason == FAULT_REASON_HIT ? CLAIM_TAKEN : CLAIM_SPARED;
		bpf_map_update_elem(&claims, &key, &outcome, BPF_ANY);
	}
	if (claim.was_last)
		emit_event(FAULT_EVENT_BUDGET, index, window, flow, now);
	return reason;
}

/*
 * Takes what a hit costs `rule`, whose verdict on connection `cookie` was FAULT_REASON_HIT and
 * which nothing outranks: a request's tokens for an overload, one of the first items, a hit of the
 * budget. FAULT_REASON_HIT, and the caller carries the effect out; or why it passes. In a shadow,
 * whose meters are its own, the same for FAULT_REASON_SHADOW, in the place of a hit too.
 */
FAULT_SCAN int rule_claim(__u32 index, __u64 cookie, const struct flow *flow, __u64 now)
{
	struct fault_window *window = bpf_map_lookup_elem(&windows, &index);
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	struct rule_meter *meter = bpf_map_lookup_elem(&meters, &index);
	struct fault_control *fault_control = control_get();
	int reason = FAULT_REASON_HIT;

	if (!fault_control || !flow || !window || !rule || !meter)
		return FAULT_REASON_KERNEL_ERROR;
	if (rule->effect == FAULT_EFFECT_OVERLOAD &&
	    !meter_rejects(meter, rule, window->injection, now))
		return FAULT_REASON_ADMITTED;
	if (rule->shape.first || effect_has_budget(&rule->shape))
		reason = claim_hit(index, rule, window, meter, cookie, flow, now);
	reason = verdict_say(fault_control, reason);
	if (reason == FAULT_REASON_HIT && rule->effect == FAULT_EFFECT_OVERLOAD)
		count_rejected(index, now);
	return reason;
}

/* The rule's effect, an overload's being what it does to a request that it rejects. */
static __always_inline __u32 rule_effect(const struct fault_rule *rule)
{
	return rule->effect == FAULT_EFFECT_OVERLOAD ? rule->reject : rule->effect;
}

#endif
