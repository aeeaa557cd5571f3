/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a rule acts now: windows, lease, deadline, share. Pure, also compiled on the host. */
#ifndef FAULTD_EFFECT_H
#define FAULTD_EFFECT_H

#include "kernel/contract.h"
#include "kernel/portable.h"

/* Whether the packet layer carries `effect` out, packet by packet. */
FAULT_INLINE int effect_is_of_packets(__u32 effect)
{
	return effect == FAULT_EFFECT_DROP || effect == FAULT_EFFECT_LOSS;
}

/* Whether the link layer carries `effect` out, segment by segment. */
FAULT_INLINE int effect_is_of_segments(__u32 effect)
{
	return effect == FAULT_EFFECT_RESET || effect == FAULT_EFFECT_CUT ||
	       effect == FAULT_EFFECT_RATE;
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
 * Whether item number `item` of connection `cookie` falls into `share` (parts per million).
 * Deterministic for a seed, so that a decision is the same wherever it is asked.
 */
FAULT_INLINE int effect_share(__u64 seed, __u64 cookie, __u64 item, __u32 rule, __u32 share)
{
	__u64 draw;

	if (share >= FAULT_SHARE_ALWAYS)
		return 1;
	draw = effect_mix(seed + effect_mix(cookie + effect_mix(item * FAULT_RULES_MAX + rule)));
	/* The upper 32 bits scaled to 0..999,999. */
	return ((draw >> 32) * FAULT_SHARE_ALWAYS) >> 32 < share;
}

#endif
