// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The link layer: tc at every interface of the engine's network namespace (tcx, Linux 6.6). Resets
 * and cuts connections, throttles them by the window that they advertise, and answers DNS queries.
 * Which rules a connection is subject to was decided at its connect or by its first message; one
 * that was open before is classified by the first packet that it sends.
 */
#include "kernel/link.h"
#include "kernel/inbound.h"
#include "kernel/link_packet.h"
#include "kernel/owner.h"
#include "kernel/throttle.h"
#include "kernel/verdict.h"

/* Byte offset of rcv_wnd in the kernel's struct tcp_sock; 0: unknown, and nothing is throttled. */
const volatile __u32 config_rcv_wnd = 0;

/* Bytes of one segment that are changed at the most: those of 256 KiB. */
#define LINK_CORRUPT_MAX 64

/* What the link layer knows of one socket. */
struct link_state {
	__u64 rules; /* as the connection's own first packet was classified */
	__u64 hit;   /* rules that were counted as a hit on it */
	__u64 taken; /* rules that have taken it out of their budget */
	__u64 cookie;
	struct throttle throttle;
	__u32 base; /* sequence number of the server's first byte */
	__u32 has_base;
	__u32 classified;
	__u32 requested; /* its first data has passed */
	__u32 port;
	__u8 address[16];
	__u32 scale; /* 1 + that of the client's window; 0: not known */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct link_state);
} link_state SEC(".maps");

/* Rules that cgroup and owner leave. A packet does not tell its process or namespace: rules that
 * name one act on connections whose connect was seen. */
static __always_inline __u64 link_owner(const struct fault_control *fault_control,
					struct __sk_buff *buffer)
{
	__u64 mask = look_packet_cgroup(fault_control, buffer, 0);

	if (fault_control->flags & FAULT_CONTROL_USER)
		mask &= look_user(fault_control, bpf_get_socket_uid(buffer));
	return mask & fault_control->any_command & fault_control->any_namespace;
}

/* A connection that no hook has seen: opened before arming, outside the scope, or by its peer. */
static __always_inline void link_classify(struct __sk_buff *buffer, struct bpf_sock *socket,
					  struct link_packet *packet, struct link_state *state)
{
	struct fault_control *fault_control = control_get();
	__u64 mask;

	if (!fault_control)
		return;
	look_port(fault_control, &packet->flow, &packet->look.port);
	if (!(packet->look.port.rules & fault_control->link_rules))
		return;
	look_destination(fault_control, packet->flow.address, &packet->look.destination);
	look_learned(fault_control, packet->flow.address, &packet->look.learned);
	packet->look.cgroup = link_owner(fault_control, buffer);
	match_flow(fault_control, &packet->look, packet->now, &packet->match);
	if (packet->match.protected_rules & fault_control->link_rules)
		count_reasons(packet->match.protected_rules & fault_control->link_rules,
			      FAULT_REASON_PROTECTED);
	mask = packet->match.decided & fault_control->link_rules;
	if (!mask)
		return;
	if (socket_is_inbound(buffer, socket)) {
		count_reasons(mask, FAULT_REASON_INBOUND);
		return;
	}
	state->rules = mask;
}

/* The socket's state, made by its first packet. */
static __always_inline struct link_state *
link_know(struct __sk_buff *buffer, struct bpf_sock *socket, struct link_packet *packet, int seen)
{
	struct link_state *state;

	state = bpf_sk_storage_get(&link_state, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state || state->classified)
		return state;
	state->classified = 1;
	state->cookie = bpf_get_socket_cookie(buffer);
	state->port = packet->flow.port;
	__builtin_memcpy(state->address, packet->flow.address, 16);
	if (!seen)
		link_classify(buffer, socket, packet, state);
	return state;
}

/* Whose segment is asked about. */
struct link_question {
	struct flow flow;
	__u64 cookie;
	__u64 now;
	__u64 taken; /* as in link_state */
};

/* Whether rule `index`, which has something to do, may: live, in its share and its budget. A
 * connection is taken out of the budget once. */
FAULT_SCAN int link_may(struct link_question *question, __u32 index)
{
	__u64 bit = 1ULL << (index & 63);

	if (!question ||
	    rule_verdict(index, question->cookie, 0, question->now) != FAULT_REASON_HIT)
		return 0;
	if (question->taken & bit)
		return 1;
	if (rule_claim(index, question->cookie, &question->flow, question->now) != FAULT_REASON_HIT)
		return 0;
	question->taken |= bit;
	return 1;
}

/* The first rule of `mask` that acts on the segment: rule << 8 | enum link_action; 0: none. */
FAULT_SCAN int link_choose(__u64 mask, __u64 late, const struct link_facts *facts,
			   struct link_question *question)
{
	struct link_facts own;
	int i, action;

	if (!facts || !question)
		return 0;
	own = *facts;
	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		__u32 index = mask_lowest(mask);
		struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);

		if (!rule)
			continue;
		own.late = late >> (index & 63) & 1;
		action = link_action(rule, &own);
		if (action != LINK_PASS && link_may(question, index))
			return (int)(index << 8 | action);
	}
	return 0;
}

/* Asks link_choose for a connection, and remembers what was taken. */
static __always_inline int link_ask(struct link_state *state, const struct link_packet *packet,
				    __u64 mask, __u64 late, const struct link_facts *facts)
{
	struct link_question question = {
		.flow = packet->flow,
		.cookie = state->cookie,
		.now = packet->now,
		.taken = state->taken,
	};
	int chosen = link_choose(mask, late, facts, &question);

	state->taken = question.taken;
	return chosen;
}

/* Counts a hit of `rule` once for each connection. */
static __always_inline void link_count(struct link_state *state, const struct link_packet *packet,
				       __u32 rule)
{
	__u64 bit = 1ULL << (rule & 63);

	if (state->hit & bit)
		return;
	state->hit |= bit;
	count_hit(rule, &packet->flow, packet->now);
}

/* The client's SYN is answered by a reset. */
static __always_inline int link_refuse(struct __sk_buff *buffer, const struct link_packet *packet)
{
	const struct segment *segment = &packet->segment;

	if (segment_make_reset(buffer, segment, 1, 0, segment->sequence + 1))
		return LINK_NEXT;
	return link_return(buffer, packet);
}

/* A segment of the client becomes a reset for the server, and another for the client. */
static __always_inline int link_reset_egress(struct __sk_buff *buffer,
					     const struct link_packet *packet)
{
	const struct segment *segment = &packet->segment;

	if (segment_make_reset(buffer, segment, 0, segment->sequence, segment->acknowledgement))
		return LINK_NEXT;
	/* The copy has no socket, so that this program lets it pass. */
	bpf_clone_redirect(buffer, buffer->ifindex, 0);
	segment_make_reset(buffer, segment, 1, segment->acknowledgement,
			   segment->sequence + link_extent(segment));
	return link_return(buffer, packet);
}

/* A segment of the server becomes a reset for the client, in its place, and another for the
 * server. `sequence` is where the client's stream ends. */
static __always_inline int link_reset_ingress(struct __sk_buff *buffer,
					      const struct link_packet *packet, __u32 sequence)
{
	const struct segment *segment = &packet->segment;

	if (segment_make_reset(buffer, segment, 1, segment->acknowledgement,
			       segment->sequence + link_extent(segment)))
		return LINK_NEXT;
	bpf_clone_redirect(buffer, buffer->ifindex, 0);
	segment_turn_frame(buffer, segment);
	segment_make_reset(buffer, segment, 0, sequence, segment->acknowledgement);
	/* Not let through but put in the queue: behind what link_cut has put there. */
	return (int)bpf_redirect(buffer->ifindex, BPF_F_INGRESS);
}

/* The segment goes beyond the limit: what is before it is delivered, then the reset. */
static __always_inline int link_cut(struct __sk_buff *buffer, const struct link_packet *packet,
				    __u64 beyond)
{
	const struct segment *segment = &packet->segment;
	__u32 keep = beyond < segment->payload ? segment->payload - (__u32)beyond : 0;

	if (keep) {
		if (segment_trim(buffer, segment, keep))
			return LINK_NEXT;
		bpf_clone_redirect(buffer, buffer->ifindex, BPF_F_INGRESS);
	}
	return link_reset_ingress(buffer, packet, segment->sequence + keep);
}

/* Changes the bytes of the segment that rule `index` draws; its payload begins at `begin` in the
 * server's stream. 0, or -1 when one could not be. */
FAULT_SCAN int link_corrupt(struct __sk_buff *buffer, const struct segment *segment, __u32 index,
			    __u64 draw, __u64 begin)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	__u64 place = begin;
	int i;

	if (!segment || !rule || !rule->every)
		return -1;
	for (i = 0; i < LINK_CORRUPT_MAX; i++) {
		place = corrupt_next(rule, draw, place);
		if (place >= begin + segment->payload)
			break;
		if (segment_change(buffer, segment, (__u32)(place - begin), draw, place))
			return -1;
		place++;
	}
	return 0;
}

/* Lowers the window of the client's segment to `allowed` bytes. */
static __always_inline void link_set_window(struct __sk_buff *buffer, const struct segment *segment,
					    __u32 scale, __u64 allowed)
{
	__u32 at = segment->transport, field = throttle_field(segment->window, scale, allowed);
	__be16 from, to;

	if (field == segment->window)
		return;
	from = bpf_htons((__u16)segment->window);
	to = bpf_htons((__u16)field);
	bpf_l4_csum_replace(buffer, at + TCP_CHECKSUM_AT, from, to, sizeof(to));
	bpf_skb_store_bytes(buffer, at + TCP_WINDOW_AT, &to, sizeof(to), 0);
}

/*
 * How many bits the window field of the client's segment is to be shifted by; -1: unknown. Kept
 * from the first segment: where interfaces lie on one another a segment passes here more than once,
 * and the second time its window is no longer the client's own.
 */
static __always_inline int link_scale(const struct segment *segment, struct bpf_sock *socket,
				      struct link_state *state)
{
	__u8 *tcp;

	if (state->scale)
		return (int)state->scale - 1;
	tcp = (__u8 *)bpf_skc_to_tcp_sock(socket);
	if (!config_rcv_wnd || !tcp || !segment->window || !(segment->flags & TCP_ACK))
		return -1;
	state->scale = 1 + throttle_scale(*(__u32 *)(tcp + config_rcv_wnd), segment->window);
	return (int)state->scale - 1;
}

static __always_inline __u64 rule_rate(__u32 index)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);

	return rule && rule->rate ? rule->rate : 1;
}

static __always_inline __u64 rule_after(__u32 index)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);

	return rule ? rule->after : 0;
}

/* Carries out what was chosen for a segment of the client; `position` as in link_facts. */
static __always_inline int link_act_egress(struct __sk_buff *buffer, struct link_packet *packet,
					   struct bpf_sock *socket, struct link_state *state,
					   int chosen, __u64 position)
{
	const struct segment *segment = &packet->segment;
	__u32 rule = (__u32)chosen >> 8, action = chosen & 0xff;
	__u64 allowed;
	int scale;

	if (action != LINK_LIMIT)
		link_count(state, packet, rule);
	if (action == LINK_REFUSE)
		return link_refuse(buffer, packet);
	if (action == LINK_RESET)
		return link_reset_egress(buffer, packet);
	scale = link_scale(segment, socket, state);
	if (scale < 0)
		return LINK_NEXT;
	if (action == LINK_LIMIT)
		allowed = throttle_limit(rule_after(rule) - position, (__u32)scale);
	else
		allowed = throttle_window(&state->throttle, rule_rate(rule),
					  segment->acknowledgement, packet->now);
	link_set_window(buffer, segment, (__u32)scale, allowed);
	return LINK_NEXT;
}

/* A segment that a socket of this host sends. */
static __always_inline int link_tcp_egress(struct __sk_buff *buffer, struct link_packet *packet)
{
	const struct segment *segment = &packet->segment;
	struct link_facts facts = {.egress = 1, .payload = segment->payload};
	struct bpf_sock *socket = buffer->sk;
	struct socket_state *seen;
	struct link_state *state;
	struct bpf_tcp_sock *tcp;
	__u64 mask, late = 0;
	int chosen;

	if (!socket || segment->flags & TCP_RST)
		return LINK_NEXT;
	socket = bpf_sk_fullsock(socket);
	if (!socket)
		return LINK_NEXT;
	seen = bpf_sk_storage_get(&socket_state, socket, 0, 0);
	state = link_know(buffer, socket, packet, seen && !seen->adopted);
	if (!state)
		return LINK_NEXT;
	mask = state->rules;
	if (seen) {
		mask |= seen->link_rules;
		late = ~(seen->decided | state->rules);
		facts.opened = !seen->adopted;
	}
	if (!mask)
		return LINK_NEXT;
	facts.syn = !!(segment->flags & TCP_SYN);
	facts.requested = state->requested;
	tcp = bpf_tcp_sock(socket);
	if (tcp && !facts.syn) {
		facts.position = tcp->bytes_received;
		state->base = tcp->rcv_nxt - (__u32)tcp->bytes_received;
		state->has_base = 1;
	}
	chosen = link_ask(state, packet, mask, late, &facts);
	if (segment->payload)
		state->requested = 1;
	if (!chosen)
		return LINK_NEXT;
	return link_act_egress(buffer, packet, socket, state, chosen, facts.position);
}

/* What a segment that arrived for `socket` comes to. */
static __always_inline int link_tcp_arrived(struct __sk_buff *buffer, struct link_packet *packet,
					    struct bpf_sock *socket)
{
	const struct segment *segment = &packet->segment;
	struct link_facts facts = {.payload = segment->payload};
	struct fault_control *fault_control = control_get();
	struct socket_state *seen;
	struct link_state *state;
	struct bpf_tcp_sock *tcp;
	__u64 mask, late = 0;
	__u32 rule;
	int chosen;

	state = bpf_sk_storage_get(&link_state, socket, 0, 0);
	tcp = bpf_tcp_sock(socket);
	if (!fault_control || !state || !tcp || !state->has_base)
		return LINK_NEXT;
	mask = state->rules;
	seen = bpf_sk_storage_get(&socket_state, socket, 0, 0);
	if (seen) {
		mask |= seen->link_rules;
		late = ~(seen->decided | state->rules);
	}
	if (!mask)
		return LINK_NEXT;
	facts.syn = !!(segment->flags & TCP_SYN);
	facts.position = link_position(tcp->bytes_received,
				       segment->sequence + segment->payload - state->base);
	facts.draw = corrupt_draw(fault_control->seed, state->cookie);
	packet->flow.port = state->port;
	__builtin_memcpy(packet->flow.address, state->address, 16);
	chosen = link_ask(state, packet, mask, late, &facts);
	if (!chosen)
		return LINK_NEXT;
	rule = (__u32)chosen >> 8;
	if ((chosen & 0xff) == LINK_CORRUPT &&
	    link_corrupt(buffer, segment, rule, facts.draw, facts.position - segment->payload)) {
		count_reason(rule, FAULT_REASON_KERNEL_ERROR);
		return LINK_NEXT;
	}
	link_count(state, packet, rule);
	if ((chosen & 0xff) == LINK_CORRUPT)
		return LINK_NEXT;
	if ((chosen & 0xff) == LINK_CUT)
		return link_cut(buffer, packet, facts.position - rule_after(rule));
	return link_reset_ingress(buffer, packet, segment->sequence);
}

static __always_inline int link_tcp_ingress(struct __sk_buff *buffer, struct link_packet *packet)
{
	const struct segment *segment = &packet->segment;
	const __u32 *source = (const __u32 *)segment->source;
	const __u32 *destination = (const __u32 *)segment->destination;
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 size;
	int verdict;

	if (segment->flags & (TCP_SYN | TCP_RST))
		return LINK_NEXT;
	if (segment->ipv6) {
		__builtin_memcpy(tuple.ipv6.saddr, source, 16);
		__builtin_memcpy(tuple.ipv6.daddr, destination, 16);
		tuple.ipv6.sport = bpf_htons((__u16)segment->source_port);
		tuple.ipv6.dport = bpf_htons((__u16)segment->destination_port);
		size = sizeof(tuple.ipv6);
	} else {
		tuple.ipv4.saddr = source[3];
		tuple.ipv4.daddr = destination[3];
		tuple.ipv4.sport = bpf_htons((__u16)segment->source_port);
		tuple.ipv4.dport = bpf_htons((__u16)segment->destination_port);
		size = sizeof(tuple.ipv4);
	}
	socket = bpf_sk_lookup_tcp(buffer, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!socket)
		return LINK_NEXT;
	verdict = link_tcp_arrived(buffer, packet, socket);
	bpf_sk_release(socket);
	return verdict;
}

/* Makes the query go nowhere, without an error for its sender: no stack takes an IP packet of
 * version 0. */
static __always_inline int link_lose(struct __sk_buff *buffer, const struct link_packet *packet)
{
	__u8 zero = 0;

	if (bpf_skb_store_bytes(buffer, packet->segment.header, &zero, sizeof(zero), 0))
		return LINK_NEXT;
	return link_return(buffer, packet);
}

/* A datagram that a socket of this host sends. */
static __always_inline int link_udp_egress(struct __sk_buff *buffer, struct link_packet *packet)
{
	struct fault_control *fault_control = control_get();
	__u64 mask;
	int answer;

	if (!fault_control || packet->flow.port != PORT_DNS || !fault_control->query_rules ||
	    link_load_query(buffer))
		return LINK_NEXT;
	mask = link_query_rules();
	if (mask)
		mask &= link_owner(fault_control, buffer);
	if (!mask)
		return LINK_NEXT;
	look_port(fault_control, &packet->flow, &packet->look.port);
	look_destination(fault_control, packet->flow.address, &packet->look.destination);
	link_identify(packet, bpf_skb_cgroup_id(buffer));
	link_identify_query();
	if (packet->look.port.protect & packet->look.destination.protect) {
		link_protected(mask);
		count_reasons(mask, FAULT_REASON_PROTECTED);
		return LINK_NEXT;
	}
	/* A query that is sent again has the number of the first: both have one fate. */
	answer = link_decide_query(mask, &packet->flow, bpf_get_socket_cookie(buffer),
				   text_be16(&packet->text, 0));
	if (answer < 0)
		return LINK_NEXT;
	if (answer == FAULT_DNS_DROP)
		return link_lose(buffer, packet);
	return link_answer_query(buffer, packet, (__u32)answer);
}

SEC("tc")
int fault_link_egress(struct __sk_buff *buffer)
{
	struct link_packet *packet = buffer->sk ? link_begin(buffer, 1) : NULL_POINTER;

	if (!packet)
		return LINK_NEXT;
	if (packet->segment.protocol == FAULT_PROTOCOL_TCP)
		return link_tcp_egress(buffer, packet);
	return link_udp_egress(buffer, packet);
}

SEC("tc")
int fault_link_ingress(struct __sk_buff *buffer)
{
	struct link_packet *packet = link_begin(buffer, 0);

	if (packet && packet->segment.protocol == FAULT_PROTOCOL_TCP)
		return link_tcp_ingress(buffer, packet);
	return LINK_NEXT;
}
