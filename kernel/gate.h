/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handing messages to the gate: a header in front, and a redirect to the ingress queue of the
 * gate's socket. fault_gate (gate.bpf.c) is the way back.
 */
#ifndef FAULTD_GATE_H
#define FAULTD_GATE_H

#include "kernel/inbound.h"
#include "kernel/lookup.h"

/*
 * Set by the engine before loading: the kernel has bpf_get_netns_cookie for sk_msg (5.15). Without
 * it nothing is forwarded for clients in other network namespaces than the engine's.
 */
extern const volatile __u8 config_has_space;

/* FAULT_REASON_HIT when the gate answers and has at most `most` bytes to read, or why nothing is
 * handed to it. */
FAULT_SCAN int gate_obstacle_beyond(__u64 now, __u64 most)
{
	__u32 zero = 0;
	struct fault_beat *state = bpf_map_lookup_elem(&beat, &zero);
	__u64 *given = bpf_map_lookup_elem(&gate_given, &zero);

	/* A beat that is written between `now` and the look at it is not old. */
	if (!state || !given || (__s64)(now - state->at) > FAULT_GATE_BEAT_NS)
		return FAULT_REASON_GATE_DOWN;
	/* A gate that says it has taken more than there was is out of its mind. */
	if (*given - state->taken > most)
		return FAULT_REASON_GATE_FULL;
	return FAULT_REASON_HIT;
}

/* For a connection that it has something of: one that is refused more can but end. */
static __always_inline int gate_obstacle(__u64 now)
{
	return gate_obstacle_beyond(now, FAULT_GATE_QUEUE_MAX);
}

/* For one that it has nothing of yet. */
FAULT_SCAN int gate_obstacle_new(__u64 now)
{
	__u32 zero = 0;
	struct fault_beat *state = bpf_map_lookup_elem(&beat, &zero);

	if (!state || state->full)
		return FAULT_REASON_GATE_FULL;
	return gate_obstacle_beyond(now, FAULT_GATE_QUEUE_NEW);
}

static __always_inline void gate_set_local(const struct sk_msg_md *message, __u8 address[16])
{
	__u32 *words = (__u32 *)address;

	if (message->family != ADDRESS_FAMILY_INET6) {
		address_set_ipv4(address, message->local_ip4);
		return;
	}
	words[0] = message->local_ip6[0];
	words[1] = message->local_ip6[1];
	words[2] = message->local_ip6[2];
	words[3] = message->local_ip6[3];
}

/* Notes down whose connection `state` is, when that has not been done. 0 or -1: no room. */
static __always_inline int gate_note(struct sk_msg_md *message, const struct socket_state *state,
				     __u64 rules)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	__u64 cookie = state->cookie;
	struct fault_diverted *note;

	note = bpf_map_lookup_elem(&diverted, &cookie);
	if (note) {
		if (rules) {
			note->rules = rules;
			note->flags |= FAULT_DIVERTED_ENDS_HERE;
		}
		return 0;
	}
	if (!memory)
		return -1;
	note = &memory->diverted;
	__builtin_memset(note, 0, sizeof(*note));
	if (config_has_space)
		note->space = bpf_get_netns_cookie(message);
	note->rules = rules;
	note->flags = rules ? FAULT_DIVERTED_ENDS_HERE : 0;
	__builtin_memcpy(note->address, state->address, 16);
	note->port = state->port;
	gate_set_local(message, note->local);
	note->local_port = message->local_port;
	note->process = (__u32)(bpf_get_current_pid_tgid() >> 32);
	return bpf_map_update_elem(&diverted, &cookie, note, BPF_NOEXIST) ? -1 : 0;
}

/* Puts the header in the scratch memory in front of the message. 0 or -1. */
static __always_inline int gate_put_header(struct sk_msg_md *message)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	const __u64 *words;
	__u64 *data;
	void *end;

	if (!memory || bpf_msg_push_data(message, 0, sizeof(memory->frame), 0) ||
	    bpf_msg_pull_data(message, 0, sizeof(memory->frame), 0))
		return -1;
	data = (__u64 *)(long)message->data;
	end = (void *)(long)message->data_end;
	if ((void *)data + sizeof(memory->frame) > end)
		return -1;
	words = (const __u64 *)&memory->frame;
	data[0] = words[0];
	data[1] = words[1];
	data[2] = words[2];
	data[3] = words[3];
	return 0;
}

/* Hands the message to the gate, which must have been noted down before. */
static __always_inline int gate_give(struct sk_msg_md *message, const struct socket_state *state,
				     __u32 operation, __u32 kind, __u64 rules, __u64 now)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	__u32 size = *(const volatile __u32 *)&message->size, zero = 0;
	__u64 key = FAULT_GATE_KEY, *given = bpf_map_lookup_elem(&gate_given, &zero);

	if (!memory || !given)
		return SK_DROP;
	memory->frame = (struct fault_frame){
		.cookie = state->cookie,
		.at = now,
		.rules = rules,
		.length = size,
		.operation = (__u8)operation,
		.kind = (__u8)kind,
	};
	if (gate_put_header(message) ||
	    bpf_msg_redirect_hash(message, &sockets, &key, BPF_F_INGRESS) != SK_PASS)
		return SK_DROP;
	COUNT(*given, size + sizeof(memory->frame));
	return SK_PASS;
}

#endif
