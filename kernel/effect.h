/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a rule acts now, and how much: windows, lease, deadline, shares that move with time, and
 * the token bucket of a service of finite capacity. Pure, also compiled on the host.
 */
#ifndef FAULTD_EFFECT_H
#define FAULTD_EFFECT_H

#include "kernel/contract.h"
#include "kernel/portable.h"

/* Whether the packet layer carries `effect` out, packet by packet. */
FAULT_INLINE int effect_is_of_packets(__u32 effect)
{
	return effect == FAULT_EFFECT_DROP || effect == FAULT_EFFECT_LOSS ||
	       effect == FAULT_EFFECT_STALL;
}

/* Whether the connect layer carries the rule out, or hands it to the packet layer. */
FAULT_INLINE int effect_is_of_connects(__u32 effect, __u32 reject)
{
	return effect == FAULT_EFFECT_REFUSE || effect == FAULT_EFFECT_UNREACHABLE ||
	       (effect == FAULT_EFFECT_OVERLOAD && reject == FAULT_EFFECT_REFUSE) ||
	       effect_is_of_packets(effect);
}

/* Whether each request of a connection is drawn, counted and answered for itself. */
FAULT_INLINE int effect_is_of_requests(__u32 effect, __u32 reject)
{
	return effect == FAULT_EFFECT_ANSWER || effect == FAULT_EFFECT_DELAY ||
	       effect == FAULT_EFFECT_DRIP ||
	       (effect == FAULT_EFFECT_OVERLOAD && reject == FAULT_EFFECT_ANSWER);
}

/*
 * Whether one connection is asked about again and again, so that what was decided of it must be
 * remembered: of the others every attempt or request is an item of its own.
 */
FAULT_INLINE int effect_is_lasting(__u32 effect)
{
	return effect_is_of_packets(effect) || effect == FAULT_EFFECT_HANG ||
	       effect == FAULT_EFFECT_RESET || effect == FAULT_EFFECT_CUT ||
	       effect == FAULT_EFFECT_RATE || effect == FAULT_EFFECT_CORRUPT;
}

/* Whether the link layer carries `effect` out, segment by segment. */
FAULT_INLINE int effect_is_of_segments(__u32 effect)
{
	return effect == FAULT_EFFECT_RESET || effect == FAULT_EFFECT_CUT ||
	       effect == FAULT_EFFECT_RATE || effect == FAULT_EFFECT_CORRUPT;
}

/* Whether a connection that the rule hits at its connect never sends its first message. */
FAULT_INLINE int effect_ends_connects(const struct fault_rule *rule)
{
	return rule->effect == FAULT_EFFECT_REFUSE || rule->effect == FAULT_EFFECT_UNREACHABLE ||
	       rule->effect == FAULT_EFFECT_DROP || rule->effect == FAULT_EFFECT_OVERLOAD ||
	       (rule->effect == FAULT_EFFECT_RESET && rule->reset_at == FAULT_RESET_CONNECT);
}

/*
 * FAULT_REASON_HIT when the rule's window is open and neither lease nor deadline has passed at
 * `now` (ns, CLOCK_BOOTTIME); otherwise the reason why it does not act.
 */
FAULT_INLINE enum fault_reason effect_live(const struct fault_control *control,
					   const struct fault_window *window, __u64 now)
{
	if (now < window->starts_at || now >= window->ends_at)
		return FAULT_REASON_OUTSIDE_WINDOW;
	if (now >= control->lease_until || now >= control->deadline)
		return FAULT_REASON_LEASE_EXPIRED;
	return FAULT_REASON_HIT;
}

/* Finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): every input bit moves every bit. */
FAULT_INLINE __u64 effect_mix(__u64 value)
{
	value ^= value >> 30;
	value *= 0xbf58476d1ce4e5b9ULL;
	value ^= value >> 27;
	value *= 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

/*
 * Whether the connection or request that is number `number` (from 0) among those that `rule` has
 * matched in an injection falls into `share` (parts per million). By number, and not by anything of
 * its own, so that for a seed the same load comes to the same count, in whatever order it arrives.
 */
FAULT_INLINE int effect_share(__u64 seed, __u64 number, __u32 rule, __u32 share)
{
	__u64 draw;

	if (share >= FAULT_SHARE_ALWAYS)
		return 1;
	draw = effect_mix(seed + effect_mix(number * FAULT_RULES_MAX + rule));
	/* The upper 32 bits scaled to 0..999,999. */
	return ((draw >> 32) * FAULT_SHARE_ALWAYS) >> 32 < share;
}

/* `value` times `millionths` / 1,000,000, without overflow while the result fits. */
FAULT_INLINE __u64 effect_scale(__u64 value, __u32 millionths)
{
	return value / FAULT_SHARE_ALWAYS * millionths +
	       value % FAULT_SHARE_ALWAYS * millionths / FAULT_SHARE_ALWAYS;
}

/* `share` (at most FAULT_SHARE_ALWAYS) times `part` / `whole`; `part` <= `whole`, `whole` not 0. */
FAULT_INLINE __u32 effect_part(__u32 share, __u64 part, __u64 whole)
{
	if (whole >> 43) { /* the product below takes 64 bits; 2 ms in more than two hours */
		part >>= 21;
		whole >>= 21;
	}
	return (__u32)(share * part / whole);
}

/* The share that a rule without staged lift or flap has at `now`, from `starts_at` on. */
FAULT_INLINE __u32 effect_ramp(const struct fault_rule *rule, __u64 starts_at, __u64 now)
{
	const struct fault_shape *shape = &rule->shape;
	__u64 since = now - starts_at;

	if (!shape->ramp_over)
		return rule->share;
	if (since >= shape->ramp_over)
		return shape->ramp_to;
	if (shape->ramp_to >= shape->ramp_from)
		return shape->ramp_from +
		       effect_part(shape->ramp_to - shape->ramp_from, since, shape->ramp_over);
	return shape->ramp_from -
	       effect_part(shape->ramp_from - shape->ramp_to, since, shape->ramp_over);
}

/* Whether a flapping rule is in the part of its period in which it acts. */
FAULT_INLINE int effect_flap(const struct fault_shape *shape, __u64 since)
{
	if (!shape->flap_period || shape->flap_duty >= FAULT_SHARE_ALWAYS)
		return 1;
	return since % shape->flap_period < effect_scale(shape->flap_period, shape->flap_duty);
}

/*
 * What a staged lift leaves of `share`: down to 0 at ends_at, smoothly, or at the end of each of
 * fall_steps equal stages by an equal step. More stages than nanoseconds are as good as smooth.
 */
FAULT_INLINE __u32 effect_fall(const struct fault_window *window, __u32 share, __u64 now)
{
	__u64 whole = window->ends_at - window->falls_at, done = now - window->falls_at;
	__u64 steps = window->fall_steps, stage;

	if (now >= window->ends_at)
		return 0;
	if (!steps || steps > whole)
		return effect_part(share, whole - done, whole);
	stage = done / (whole / steps);
	/* Division leaves a rest: it belongs to the last stage. */
	if (stage >= steps)
		stage = steps - 1;
	return (__u32)(share * (steps - stage) / steps);
}

/*
 * The share of `rule` at `now`, which is inside its window. A draw is fixed and only this threshold
 * moves, so what is hit stays hit while the share rises, and what passes passes while it falls. A
 * staged lift falls from the share that it found: a ramp stops where it was.
 */
FAULT_INLINE __u32 effect_share_at(const struct fault_rule *rule, const struct fault_window *window,
				   __u64 now)
{
	__u32 share;

	if (!effect_flap(&rule->shape, now - window->starts_at))
		return 0;
	if (!window->falls_at || now < window->falls_at)
		return effect_ramp(rule, window->starts_at, now);
	share = window->falls_at > window->starts_at
			? effect_ramp(rule, window->starts_at, window->falls_at)
			: effect_ramp(rule, window->starts_at, window->starts_at);
	if (share > FAULT_SHARE_ALWAYS)
		share = FAULT_SHARE_ALWAYS;
	return effect_fall(window, share, now);
}

/*
 * Whether the rule takes a part of what it matches, now or at another moment of its window, so that
 * what it matches must be numbered.
 */
FAULT_INLINE int effect_is_partial(const struct fault_rule *rule, const struct fault_window *window)
{
	return rule->share < FAULT_SHARE_ALWAYS || rule->shape.ramp_over || window->falls_at;
}

/* Whether the rule stops after some number of hits. */
FAULT_INLINE int effect_has_budget(const struct fault_shape *shape)
{
	return shape->budget_hits || shape->budget_connections;
}

/*
 * A token bucket by the time at which it will be full again (the generic cell rate algorithm): the
 * tokens in it at `now` are (depth - (full_at - now)) / period. A rejected request costs too, so
 * the bucket may owe. It never owes more than it can hold: however long an overload lasted, once
 * nothing more is asked of it the bucket admits again after depth + period, and is full after twice
 * depth.
 */
struct effect_bucket {
	__u64 period; /* ns in which one token comes; 0: no limit */
	__u64 depth;  /* ns in which it fills: burst times period */
	__u64 reject; /* ns that a rejected request costs */
	__u64 closed; /* no capacity at all */
};

/* Longer than any run, and four of it are a moment that 64 bits hold. */
#define EFFECT_BUCKET_MAX (1ULL << 61)

/* Fills `bucket` from an overload rule. A burst of 0 is one of 1: no token would ever be whole. */
FAULT_INLINE void effect_bucket_set(struct effect_bucket *bucket, const struct fault_rule *rule)
{
	__u64 burst = rule->burst ? rule->burst : 1;

	bucket->closed = !rule->capacity;
	bucket->period = rule->capacity ? 1000000000000ULL / rule->capacity : 0;
	bucket->depth = EFFECT_BUCKET_MAX;
	if (!bucket->period || burst < EFFECT_BUCKET_MAX / bucket->period)
		bucket->depth = burst * bucket->period;
	bucket->reject = effect_scale(bucket->period, rule->reject_cost);
}

/*
 * Takes one request at `now`: whether it is admitted. `full_at` is the bucket's state, 0 at first;
 * concurrent callers hold a lock around this.
 */
FAULT_INLINE int effect_bucket_take(const struct effect_bucket *bucket, __u64 *full_at, __u64 now)
{
	__u64 due = *full_at > now ? *full_at - now : 0;
	int admitted = due + bucket->period <= bucket->depth;

	if (bucket->closed)
		return 0;
	due += admitted ? bucket->period : bucket->reject;
	if (due > 2 * bucket->depth)
		due = 2 * bucket->depth;
	*full_at = now + due;
	return admitted;
}

#endif
