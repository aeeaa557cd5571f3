// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Forwarded traffic: what passes through this host and enters on an interface that a rule names. It
 * belongs to no socket, so a connection is told by its ends and its direction by its SYN.
 */
#include "kernel/icmp.h"
#include "kernel/inbound.h"
#include "kernel/link.h"
#include "kernel/link_packet.h"

/* Connections through this host that a rule for forwarded traffic matched at their SYN. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct fault_forwarded_key);
	__type(value, struct fault_forwarded);
} forwarded SEC(".maps");

/* Whether the packet stays on this host. A listener on every address would not tell: it takes what
 * is for another host as well. */
static __always_inline int forward_is_local(struct __sk_buff *buffer, const struct segment *segment)
{
	const __u32 *source = (const __u32 *)segment->source;
	const __u32 *destination = (const __u32 *)segment->destination;
	struct bpf_fib_lookup route = {
		.family = ADDRESS_FAMILY_INET,
		.l4_protocol = (__u8)segment->protocol,
		.sport = bpf_htons((__u16)segment->source_port),
		.dport = bpf_htons((__u16)segment->destination_port),
		.ifindex = buffer->ifindex,
	};
	long found;

	if (segment->ipv6) {
		route.family = ADDRESS_FAMILY_INET6;
		__builtin_memcpy(route.ipv6_src, source, 16);
		__builtin_memcpy(route.ipv6_dst, destination, 16);
	} else {
		route.ipv4_src = source[3];
		route.ipv4_dst = destination[3];
	}
	found = bpf_fib_lookup(buffer, &route, sizeof(route), 0);
	return found < 0 || found == BPF_FIB_LKUP_RET_NOT_FWDED ||
	       found == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

/* Rules of the interface that the packet's destination leaves. */
static __always_inline __u64 link_forward_rules(struct link_packet *packet)
{
	struct fault_control *fault_control = control_get();
	__u64 mask;

	if (!fault_control)
		return 0;
	look_port(fault_control, &packet->flow, &packet->look.port);
	look_destination(fault_control, packet->flow.address, &packet->look.destination);
	mask = packet->device_rules & packet->look.port.rules & packet->look.destination.rules;
	if (mask && packet->look.port.protect & packet->look.destination.protect) {
		link_protected(mask);
		count_reasons(mask, FAULT_REASON_PROTECTED);
		return 0;
	}
	return mask;
}

enum {
	FORWARD_PASS = 0,
	FORWARD_LOSE = 1,
	FORWARD_REFUSE = 2,
	FORWARD_RESET = 3,
	FORWARD_UNREACHABLE = 4,
	FORWARD_SHADOW = 5, /* one of the others, in a run */
};

/* What one rule, which matches, does with a packet of a connection. */
static __always_inline int forward_action(const struct fault_rule *rule,
					  const struct link_facts *facts)
{
	if (rule->effect == FAULT_EFFECT_DROP)
		return FORWARD_LOSE;
	if (rule->effect == FAULT_EFFECT_LOSS)
		return ((__u64)bpf_get_prandom_u32() * FAULT_SHARE_ALWAYS) >> 32 < rule->loss
			       ? FORWARD_LOSE
			       : FORWARD_PASS;
	if (rule->effect == FAULT_EFFECT_REFUSE)
		return facts->syn ? FORWARD_REFUSE : FORWARD_PASS;
	if (rule->effect == FAULT_EFFECT_UNREACHABLE)
		return facts->syn ? FORWARD_UNREACHABLE : FORWARD_PASS;
	switch (link_action(rule, facts)) {
	case LINK_REFUSE:
		return FORWARD_REFUSE;
	case LINK_RESET:
		return FORWARD_RESET;
	default:
		return FORWARD_PASS;
	}
}

/* The first live rule of `mask` that has something to do with the packet, and what: counted. */
FAULT_SCAN int forward_choose(__u64 mask, const struct link_facts *facts, const struct flow *flow,
			      __u64 cookie)
{
	__u64 now = bpf_ktime_get_boot_ns();
	int i, action, begins;

	if (!facts || !flow)
		return FORWARD_PASS;
	begins = facts->syn || flow->protocol == FAULT_PROTOCOL_UDP;
	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		__u32 index = mask_lowest(mask);
		struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
		struct fault_counters *counted = bpf_map_lookup_elem(&counters, &index);
		int reason = rule_verdict(index, cookie, 0, now);

		if (!rule || !counted)
			continue;
		if (begins)
			count_arrival(index, MATCH_CONNECT, now);
		action = link_would_hit(reason) ? forward_action(rule, facts) : FORWARD_PASS;
		if (action != FORWARD_PASS)
			reason = rule_claim(index, cookie, flow, now);
		if (action != FORWARD_PASS && reason == FAULT_REASON_HIT) {
			count_hit(index, flow, now);
			if (action == FORWARD_LOSE)
				COUNT(counted->packets, 1);
			return action;
		}
		if (action != FORWARD_PASS && reason == FAULT_REASON_SHADOW) {
			count_pass(index, flow, reason, now);
			link_shadow(index,
				    SHADOW_HIT | SHADOW_CONNECTION | (begins ? SHADOW_CONNECT : 0));
			return FORWARD_SHADOW;
		}
		if (begins)
			link_shadow(index, SHADOW_CONNECT);
		if (facts->syn && !link_would_hit(reason))
			count_pass(index, flow, reason, now);
	}
	return FORWARD_PASS;
}

/* The same draw for every packet of a connection. */
static __always_inline __u64 forward_cookie(const struct segment *segment)
{
	const __u64 *source = (const __u64 *)segment->source;
	const __u64 *destination = (const __u64 *)segment->destination;
	__u64 ports = (__u64)segment->source_port << 16 | segment->destination_port;

	return effect_mix(source[0] ^ effect_mix(source[1]) ^
			  effect_mix(destination[0] + effect_mix(destination[1] + ports)));
}

/* A segment that enters. What a connection is subject to is decided by its SYN: a connection whose
 * SYN went the other way, or was not seen, is left alone. */
static __always_inline int forward_tcp(struct __sk_buff *buffer, struct link_packet *packet)
{
	const struct segment *segment = &packet->segment;
	struct link_facts facts = {.egress = 1, .opened = 1, .payload = segment->payload};
	struct fault_forwarded fresh = {}, *known;
	struct fault_forwarded_key *key = &packet->key;
	int action;

	if (segment->flags & TCP_RST)
		return LINK_NEXT;
	__builtin_memcpy(key->source, segment->source, 16);
	__builtin_memcpy(key->destination, segment->destination, 16);
	key->source_port = segment->source_port;
	key->destination_port = segment->destination_port;
	facts.syn = (segment->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	if (facts.syn) {
		fresh.rules = link_forward_rules(packet);
		if (!fresh.rules || forward_is_local(buffer, segment))
			return LINK_NEXT;
		bpf_map_update_elem(&forwarded, key, &fresh, BPF_ANY);
	}
	known = bpf_map_lookup_elem(&forwarded, key);
	if (!known)
		return LINK_NEXT;
	facts.requested = known->requested;
	action = forward_choose(known->rules, &facts, &packet->flow, forward_cookie(segment));
	if (segment->payload)
		known->requested = 1;
	switch (action) {
	case FORWARD_LOSE:
		return LINK_DROP;
	case FORWARD_SHADOW:
		known->rules = 0; /* it would have ended here */
		return LINK_NEXT;
	case FORWARD_REFUSE:
		if (segment_make_reset(buffer, segment, 1, 0, segment->sequence + 1))
			return LINK_NEXT;
		return (int)bpf_redirect(buffer->ifindex, 0);
	case FORWARD_UNREACHABLE:
		if (icmp_make_unreachable(buffer, segment))
			return LINK_NEXT;
		return (int)bpf_redirect(buffer->ifindex, 0);
	case FORWARD_RESET:
		if (segment_make_reset(buffer, segment, 1, segment->acknowledgement,
				       segment->sequence + link_extent(segment)))
			return LINK_NEXT;
		bpf_clone_redirect(buffer, buffer->ifindex, 0);
		segment_turn_frame(buffer, segment);
		segment_make_reset(buffer, segment, 0, segment->sequence, segment->acknowledgement);
		return LINK_NEXT;
	default:
		return LINK_NEXT;
	}
}

static __always_inline int forward_query(struct __sk_buff *buffer, struct link_packet *packet)
{
	__u64 mask;
	int answer;

	if (packet->flow.port != PORT_DNS || link_load_query(buffer))
		return LINK_NEXT;
	mask = link_query_rules() & packet->device_rules;
	if (!mask || forward_is_local(buffer, &packet->segment))
		return LINK_NEXT;
	link_identify_query();
	answer = link_decide_query(mask, &packet->flow, forward_cookie(&packet->segment),
				   text_be16(&packet->text, 0));
	if (answer < 0)
		return LINK_NEXT;
	if (answer == FAULT_DNS_DROP)
		return LINK_DROP;
	if (link_answer_query(buffer, packet, (__u32)answer) == LINK_NEXT)
		return LINK_NEXT;
	return (int)bpf_redirect(buffer->ifindex, 0);
}

static __always_inline int forward_udp(struct __sk_buff *buffer, struct link_packet *packet)
{
	struct link_facts facts = {.egress = 1};
	__u64 mask = link_forward_rules(packet);

	if (!mask || forward_is_local(buffer, &packet->segment))
		return forward_query(buffer, packet);
	if (forward_choose(mask, &facts, &packet->flow, forward_cookie(&packet->segment)) ==
	    FORWARD_LOSE)
		return LINK_DROP;
	return forward_query(buffer, packet);
}

/* The remote end of what enters is where it goes to. */
static __always_inline int link_forward(struct __sk_buff *buffer, struct link_packet *packet)
{
	packet->flow.port = packet->segment.destination_port;
	__builtin_memcpy(packet->flow.address, packet->segment.destination, 16);
	link_identify(packet, 0);
	if (packet->segment.protocol == FAULT_PROTOCOL_TCP)
		return forward_tcp(buffer, packet);
	return forward_udp(buffer, packet);
}

SEC("tc")
int fault_link_forward(struct __sk_buff *buffer)
{
	struct link_packet *packet = link_begin(buffer, 0);

	if (!packet || !packet->device_rules)
		return LINK_NEXT;
	return link_forward(buffer, packet);
}
