/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose and what: how the dimensions' masks combine. Pure, also compiled on the host; the look-ups
 * that fill struct fault_look stand in lookup.h.
 */
#ifndef FAULTD_MATCH_H
#define FAULTD_MATCH_H

#include "kernel/contract.h"
#include "kernel/portable.h"

/* What the look-ups of one flow gave. */
struct fault_look {
	struct fault_masks port, destination;
	__u64 cgroup;
	struct fault_learned learned; /* all 0: nothing is known of the address */
};

struct fault_match {
	__u64 candidates;      /* rules left by protocol, port, destination and cgroup */
	__u64 by_address;      /* name rules among them that own the address alone */
	__u64 shared;	       /* name rules among them whose address serves other names too */
	__u64 decided;	       /* rules that need no look at the stream */
	__u64 protected_rules; /* rules that would have matched a protected destination */
};

/* Index of the lowest set bit; `mask` is not 0. By halving: BPF has no instruction for it, and
 * clang 14 crashes on __builtin_ctzll for this target. */
FAULT_SCAN __u32 mask_lowest(__u64 mask)
{
	__u32 index = 0;

	if (!(mask & 0xffffffffULL)) {
		index += 32;
		mask >>= 32;
	}
	if (!(mask & 0xffff)) {
		index += 16;
		mask >>= 16;
	}
	if (!(mask & 0xff)) {
		index += 8;
		mask >>= 8;
	}
	if (!(mask & 0xf)) {
		index += 4;
		mask >>= 4;
	}
	if (!(mask & 0x3)) {
		index += 2;
		mask >>= 2;
	}
	return (index + !(mask & 1)) & (FAULT_RULES_MAX - 1);
}

/*
 * Combines a flow's look-ups. A name rule is decided by its address only when no other name was
 * seen on that address; a rule that needs an HTTP request is never decided here.
 */
FAULT_INLINE void match_flow(const struct fault_control *control, const struct fault_look *look,
			     __u64 now, struct fault_match *match)
{
	__u64 mask = look->port.rules & look->destination.rules & look->cgroup;
	__u64 learned = 0, other = 0, named;

	match->protected_rules = 0;
	if (look->port.protect & look->destination.protect) {
		match->protected_rules = mask;
		mask = 0;
	}
	if (look->learned.expires > now) {
		learned = look->learned.mask;
		other = look->learned.other;
	}
	named = mask & control->name_rules;
	match->candidates = mask;
	match->by_address = named & learned & ~other;
	match->shared = named & learned & other;
	match->decided = (mask & ~control->name_rules) | match->by_address;
	match->decided &= ~control->http_rules;
}

/*
 * Rules of a flow that the message layer must look for: those that it carries, and those that only
 * a name or a request can decide. A name rule of the connect or packet layer that owns the address
 * alone was decided at the connect.
 */
FAULT_INLINE __u64 match_needs_look(const struct fault_control *control,
				    const struct fault_match *match)
{
	return match->candidates & (control->message_rules | ~match->decided);
}

/*
 * Rules that a stream has now decided. `names` is the mask of the SNI or Host when `has_name`;
 * without one, a rule that owns the address alone still counts. `http` tells whether the stream is
 * HTTP in the clear and `paths` is the mask of its path.
 */
FAULT_INLINE __u64 match_stream(const struct fault_control *control, __u64 candidates,
				__u64 by_address, int has_name, __u64 names, int http, __u64 paths)
{
	__u64 mask = candidates;

	if (has_name)
		mask &= names;
	else
		mask &= ~control->name_rules | by_address;
	if (http)
		mask &= paths;
	else
		mask &= ~control->http_rules;
	return mask;
}

/* Whether a rule takes requests of `method`. */
FAULT_INLINE int match_method(const struct fault_rule *rule, __u32 method)
{
	return !rule->methods || (rule->methods >> (method & 15) & 1);
}

#endif
