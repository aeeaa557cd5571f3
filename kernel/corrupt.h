/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which bytes of a server's stream are changed, and how. The stream behind the first `after` bytes
 * lies in stretches of `every` bytes, in each of which one place is drawn: a byte that is sent
 * again is changed again, however the stream is cut into segments. Pure, also compiled on the host.
 */
#ifndef FAULTD_CORRUPT_H
#define FAULTD_CORRUPT_H

#include "kernel/effect.h"

/* What the places of a connection are drawn from. */
FAULT_INLINE __u64 corrupt_draw(__u64 seed, __u64 cookie)
{
	return effect_mix(seed + effect_mix(cookie));
}

/* The place in stretch number `stretch`, as a position in the stream. */
FAULT_INLINE __u64 corrupt_place(const struct fault_rule *rule, __u64 draw, __u64 stretch)
{
	return rule->after + stretch * rule->every + effect_mix(draw + stretch) % rule->every;
}

/* The first place at or behind position `from`. */
FAULT_INLINE __u64 corrupt_next(const struct fault_rule *rule, __u64 draw, __u64 from)
{
	__u64 begin = from > rule->after ? from : rule->after;
	__u64 stretch = (begin - rule->after) / rule->every;
	__u64 place = corrupt_place(rule, draw, stretch);

	return place >= begin ? place : corrupt_place(rule, draw, stretch + 1);
}

/*
 * What becomes of `byte` at `place`. An odd number is added, so that a segment which passes several
 * interfaces that lie on one another does not become whole again.
 */
FAULT_INLINE __u8 corrupt_byte(__u64 draw, __u64 place, __u8 byte)
{
	return (__u8)(byte + (effect_mix(draw ^ place) | 1));
}

#endif
