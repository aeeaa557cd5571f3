/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of classify; for the classify*.c files only. */
#ifndef DAEMON_CLASSIFY_PARTS_H
#define DAEMON_CLASSIFY_PARTS_H

#include "user/daemon/classify.h"

/* The bit of an owner, in the mask that it belongs to. A scope has none. */
static inline struct fault_masks classify_owner_bit(__u32 owner)
{
	struct fault_masks masks = {};

	if (owner & ENGINE_SCOPE)
		return masks;
	if (owner & ENGINE_PROTECTION)
		masks.protect = 1ULL << (owner & ~ENGINE_PROTECTION);
	else
		masks.rules = 1ULL << owner;
	return masks;
}

static inline void classify_masks_or(struct fault_masks *masks, struct fault_masks more)
{
	masks->rules |= more.rules;
	masks->protect |= more.protect;
}

static inline bool classify_every_port(const struct draft_match *match)
{
	return match->ports.first <= 1 && match->ports.last == 65535;
}
/* Rules of a protocol: bit 1 is TCP, bit 2 UDP. Queries belong to neither. */
__u64 classify_rules_of_protocol(const struct draft *draft, __u32 bit);

/* Masks and flags of `control`; times stay 0. */
void classify_fill_control(const struct draft *draft, struct fault_control *control);

#endif
