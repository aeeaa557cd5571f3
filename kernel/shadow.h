/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shadow: what a plan would hit, counted by who asks and what for, while nothing is touched. Which
 * items those are is said by rule_verdict and rule_claim (FAULT_REASON_SHADOW instead of
 * FAULT_REASON_HIT), so that no layer can act by mistake.
 */
#ifndef FAULTD_SHADOW_H
#define FAULTD_SHADOW_H

#include "kernel/lookup.h"

/* What one item counts as. */
enum shadow_count {
	SHADOW_CONNECT = 1U << 0,
	SHADOW_REQUEST = 1U << 1,
	SHADOW_HIT = 1U << 2,	     /* would have been hit */
	SHADOW_CONNECTION = 1U << 3, /* and is the first one on its connection */
	SHADOW_PROTECTED = 1U << 4,
	SHADOW_ADDRESS_ONLY = 1U << 5,
};

static __always_inline int shadow_is_on(const struct fault_control *fault_control)
{
	return (fault_control->flags & FAULT_CONTROL_SHADOW) != 0;
}

/*
 * The identity that shadow_count goes by stands in the scratch memory of the message layer. A
 * program that is preempted there may find another's: an item is then booked to the wrong process,
 * and nothing worse.
 */
static __always_inline struct fault_shadow_key *shadow_identity(void)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);

	return memory ? &memory->shadow : NULL_POINTER;
}

/* The items that follow are those of the current process, and nothing is known of a name. */
static __always_inline void shadow_identify_current(void)
{
	struct fault_shadow_key *key = shadow_identity();

	if (!key)
		return;
	__builtin_memset(key, 0, sizeof(*key));
	key->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(key->command, sizeof(key->command));
}

/* Keeps the current identity with the connection, for the message layer. */
static __always_inline void shadow_remember(struct socket_state *state)
{
	struct fault_shadow_key *key = shadow_identity();

	if (!key)
		return;
	state->cgroup = key->cgroup;
	__builtin_memcpy(state->command, key->command, sizeof(state->command));
}

/* Takes the name at `at` of the scratch text into the identity. */
FAULT_SCAN int shadow_take_name(__u32 at, __u32 length)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	__u32 i;

	if (!memory)
		return 0;
	for (i = 0; i < FAULT_SHADOW_NAME_MAX - 1; i++) {
		if (i >= length)
			break;
		memory->shadow.name[i] = byte_lower(text_at(&memory->text, at + i));
	}
	return 0;
}

/* The items that follow are the connection's, whose name is at `at` of the scratch text. */
static __always_inline void shadow_identify_stream(const struct socket_state *state, __u32 at,
						   __u32 length)
{
	struct fault_shadow_key *key = shadow_identity();

	if (!key)
		return;
	__builtin_memset(key, 0, sizeof(*key));
	key->cgroup = state->cgroup;
	__builtin_memcpy(key->command, state->command, sizeof(key->command));
	shadow_take_name(at, length);
}

/* Counts one item of `rule` as `what` (enum shadow_count) says, for whom `whom` names. */
FAULT_SCAN int shadow_add(const struct fault_shadow_key *whom, __u32 rule, const struct flow *flow,
			  __u32 what)
{
	struct fault_shadow *counted, none = {};
	struct fault_shadow_key key;

	if (!whom || !flow)
		return 0;
	/* Linux 6.1 takes no key by way of an argument. */
	key = *whom;
	key.rule = rule;
	key.port = flow->port;
	__builtin_memcpy(key.address, flow->address, 16);
	counted = bpf_map_lookup_elem(&shadow, &key);
	if (!counted) {
		bpf_map_update_elem(&shadow, &key, &none, BPF_NOEXIST);
		counted = bpf_map_lookup_elem(&shadow, &key);
	}
	if (!counted)
		return 0;
	COUNT(counted->connects, what & SHADOW_CONNECT ? 1 : 0);
	COUNT(counted->requests, what & SHADOW_REQUEST ? 1 : 0);
	COUNT(counted->hits, what & SHADOW_HIT ? 1 : 0);
	COUNT(counted->connections, what & SHADOW_CONNECTION ? 1 : 0);
	COUNT(counted->protected_hits, what & SHADOW_PROTECTED ? 1 : 0);
	COUNT(counted->address_only, what & SHADOW_ADDRESS_ONLY ? 1 : 0);
	return 0;
}

/* The same for whom the identity names. */
static __always_inline int shadow_count(__u32 rule, const struct flow *flow, __u32 what)
{
	struct fault_shadow_key *key = shadow_identity();

	return key ? shadow_add(key, rule, flow, what) : 0;
}

/* Counts `what` for every rule in `mask`. */
FAULT_SCAN int shadow_count_rules(__u64 mask, const struct flow *flow, __u32 what)
{
	int i;

	if (!flow)
		return 0;
	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1)
		shadow_count(mask_lowest(mask), flow, what);
	return 0;
}

#endif
