// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet layer: cgroup_skb. Drops packets of sockets whose rule says so, learns addresses from
 * DNS answers as they arrive, follows where the responses end on connections whose requests the
 * message layer answers, and counts the server's responses to observed ones. Attached only while a
 * rule needs one of the four.
 */
#include "kernel/gate.h"
#include "kernel/inbound.h"
#include "kernel/lookup.h"
#include "kernel/observe.h"
#include "kernel/owner.h"
#include "kernel/response.h"
#include "kernel/verdict.h"

#define PORT_DNS	 53
#define IPV4_SOURCE	 12
#define IPV4_DESTINATION 16
#define IPV6_SOURCE	 8
#define IPV6_DESTINATION 24
#define IPV6_HEADER	 40
#define UDP_HEADER	 8
#define TCP_FLAGS_AT	 13
#define TCP_FIN		 0x01
#define TCP_RST		 0x04

/* Verdicts of cgroup_skb. A dropped TCP packet must look lost, so that the peer backs off as from a
 * black hole (-EPERM does); a dropped datagram must not fail the send: with 2 it counts as lost in
 * the queue, which sendto() hides. On ingress 0 and 2 both drop. */
enum { PACKET_DROP = 0, PACKET_PASS = 1, PACKET_DROP_QUIETLY = 2 };

/* Fills `ret_packet`. 0, or -1 for what is neither TCP nor UDP behind a plain IP header. */
static __always_inline int packet_parse(struct __sk_buff *buffer, __u32 egress,
					struct packet *ret_packet)
{
	__u8 head[10];

	if (bpf_skb_load_bytes(buffer, 0, head, sizeof(head)))
		return -1;
	ret_packet->egress = egress;
	if (head[0] >> 4 == 4) {
		ret_packet->ipv6 = 0;
		ret_packet->protocol = head[9];
		ret_packet->transport = (head[0] & 15) * 4;
	} else if (head[0] >> 4 == 6) {
		ret_packet->ipv6 = 1;
		ret_packet->protocol = head[6];
		ret_packet->transport = IPV6_HEADER;
	} else {
		return -1;
	}
	return ret_packet->protocol == FAULT_PROTOCOL_TCP ||
			       ret_packet->protocol == FAULT_PROTOCOL_UDP
		       ? 0
		       : -1;
}

/* The remote end of `packet`, as a flow. 0 or -1. */
static __always_inline int packet_flow(struct __sk_buff *buffer, const struct packet *packet,
				       struct flow *ret_flow)
{
	__u32 ipv4;
	__u16 port;

	if (bpf_skb_load_bytes(buffer, packet->transport + (packet->egress ? 2 : 0), &port, 2))
		return -1;
	ret_flow->port = bpf_ntohs(port);
	ret_flow->protocol = packet->protocol;
	if (packet->ipv6)
		return bpf_skb_load_bytes(buffer, packet->egress ? IPV6_DESTINATION : IPV6_SOURCE,
					  ret_flow->address, 16);
	if (bpf_skb_load_bytes(buffer, packet->egress ? IPV4_DESTINATION : IPV4_SOURCE, &ipv4, 4))
		return -1;
	address_set_ipv4(ret_flow->address, ipv4);
	return 0;
}

/* Rules that cgroup and owner leave. A packet does not tell its process or namespace: of the rules
 * that name one, those hold that the connect or the send found, `remembered`. */
static __always_inline __u64 packet_owner(const struct fault_control *fault_control,
					  struct __sk_buff *buffer, __u64 remembered)
{
	__u64 mask = look_packet_cgroup(fault_control, buffer, 1);

	if (fault_control->flags & FAULT_CONTROL_USER)
		mask &= look_user(fault_control, bpf_get_socket_uid(buffer));
	return mask & ((fault_control->any_command & fault_control->any_namespace) | remembered);
}

/* Rules of the packet layer that `flow` is matched by, its destination alone deciding. */
static __always_inline __u64 packet_match(const struct fault_control *fault_control,
					  struct __sk_buff *buffer, const struct flow *flow,
					  __u64 remembered, __u64 now)
{
	struct fault_match match;
	struct fault_look look;

	look_port(fault_control, flow, &look.port);
	if (!(look.port.rules & fault_control->packet_rules))
		return 0;
	look_destination(fault_control, flow->address, &look.destination);
	look_learned(fault_control, flow->address, &look.learned);
	look.cgroup = packet_owner(fault_control, buffer, remembered);
	match_flow(fault_control, &look, now, &match);
	if (match.protected_rules)
		count_reasons(match.protected_rules & fault_control->packet_rules,
			      FAULT_REASON_PROTECTED);
	return match.decided & fault_control->packet_rules;
}

/* First packet of a socket that no hook has seen: opened before arming, or by its peer. */
static __always_inline struct socket_state *packet_adopt(const struct fault_control *fault_control,
							 struct __sk_buff *buffer,
							 struct bpf_sock *socket, __u64 now)
{
	struct flow flow = {.protocol = FAULT_PROTOCOL_TCP};
	struct socket_state *state;
	__u64 mask;

	flow.port = bpf_ntohs((__u16)socket->dst_port);
	if (socket->family == ADDRESS_FAMILY_INET) {
		address_set_ipv4(flow.address, socket->dst_ip4);
	} else if (socket->family == ADDRESS_FAMILY_INET6) {
		__u32 *words = (__u32 *)flow.address;

		words[0] = socket->dst_ip6[0];
		words[1] = socket->dst_ip6[1];
		words[2] = socket->dst_ip6[2];
		words[3] = socket->dst_ip6[3];
	} else {
		return NULL_POINTER;
	}
	mask = packet_match(fault_control, buffer, &flow, 0, now);
	state = bpf_sk_storage_get(&socket_state, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return NULL_POINTER;
	state->generation = fault_control->generation;
	state->cookie = bpf_get_socket_cookie(buffer);
	state->mode = SOCKET_OPAQUE;
	state->adopted = 1;
	state->port = flow.port;
	__builtin_memcpy(state->address, flow.address, 16);
	if (!mask)
		return state;
	if (socket_is_inbound(buffer, socket)) {
		state->inbound = 1;
		count_reasons(mask, FAULT_REASON_INBOUND);
		return state;
	}
	state->packet_rules = mask;
	return state;
}

enum { PACKET_RULE_IDLE = 0, PACKET_RULE_SPARES = 1, PACKET_RULE_TAKES = 2 };

/* One packet, as the rules are asked about it. */
struct packet_question {
	struct flow flow;
	__u64 cookie;
	__u64 now;
	__u64 position; /* in the server's stream, of its first byte; of use when `data` is set */
	__u32 data;	/* it carries bytes of the server */
	__u32 padding;
};

/* Whether the effect is one for this packet at all. */
static __always_inline int packet_concerns(const struct packet_question *question,
					   const struct fault_rule *rule)
{
	if (rule->effect == FAULT_EFFECT_STALL)
		return question->data && question->position >= rule->after;
	return 1;
}

/* What one rule does with this packet. Counts it when it takes it away. */
FAULT_SCAN int packet_ask_rule(__u32 index, const struct packet_question *question)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	struct fault_counters *counted = bpf_map_lookup_elem(&counters, &index);

	if (!question || !rule || !packet_concerns(question, rule) ||
	    rule_verdict(index, question->cookie, 0, question->now) != FAULT_REASON_HIT)
		return PACKET_RULE_IDLE;
	if (rule->effect == FAULT_EFFECT_LOSS &&
	    ((__u64)bpf_get_prandom_u32() * FAULT_SHARE_ALWAYS) >> 32 >= rule->loss)
		return PACKET_RULE_SPARES;
	if (rule_claim(index, question->cookie, &question->flow, question->now) != FAULT_REASON_HIT)
		return PACKET_RULE_IDLE;
	count_hit(index, &question->flow, question->now);
	if (counted)
		COUNT(counted->packets, 1);
	return PACKET_RULE_TAKES;
}

/* Whether the first live one among `mask` takes this packet away. */
static __always_inline int packet_lose(__u64 mask, const struct packet_question *question)
{
	int i, answer;

	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		answer = packet_ask_rule(mask_lowest(mask), question);
		if (answer != PACKET_RULE_IDLE)
			return answer == PACKET_RULE_TAKES;
	}
	return 0;
}

/* What the connect or the last send of a UDP socket found for this destination. */
static __always_inline __u64 packet_remembered(struct __sk_buff *buffer, const struct flow *flow)
{
	struct bpf_sock *socket = buffer->sk;
	const struct socket_state *state;
	const __u64 *left, *right;

	if (socket)
		socket = bpf_sk_fullsock(socket);
	if (!socket)
		return 0;
	state = bpf_sk_storage_get(&socket_state, socket, 0, 0);
	if (!state || state->port != flow->port)
		return 0;
	left = (const __u64 *)state->address;
	right = (const __u64 *)flow->address;
	return left[0] == right[0] && left[1] == right[1] ? state->packet_rules : 0;
}

static __always_inline int packet_udp(const struct fault_control *fault_control,
				      struct __sk_buff *buffer, const struct packet *packet)
{
	struct packet_question question = {.now = bpf_ktime_get_boot_ns()};
	__u64 mask;

	if (packet_flow(buffer, packet, &question.flow))
		return PACKET_PASS;
	mask = packet_match(fault_control, buffer, &question.flow,
			    packet_remembered(buffer, &question.flow), question.now);
	if (!mask)
		return PACKET_PASS;
	question.cookie = bpf_get_socket_cookie(buffer);
	if (!packet_lose(mask, &question))
		return PACKET_PASS;
	return packet->egress ? PACKET_DROP_QUIETLY : PACKET_DROP;
}

static __always_inline int packet_tcp(const struct socket_state *state,
				      const struct segment *segment)
{
	struct packet_question question = {
		.flow = {.protocol = FAULT_PROTOCOL_TCP, .port = state->port},
		.cookie = state->cookie,
		.position = segment->start,
		.data = segment->payload,
	};

	if (!state->packet_rules)
		return PACKET_PASS;
	__builtin_memcpy(question.flow.address, state->address, 16);
	question.now = bpf_ktime_get_boot_ns();
	return packet_lose(state->packet_rules, &question) ? PACKET_DROP : PACKET_PASS;
}

/*
 * Whether the packet would end a connection on which the gate speaks in the server's place. The
 * server hears nothing on it and gives it up after a while, which is not the client's to know.
 */
static __always_inline int packet_ends_gated(struct __sk_buff *buffer, struct bpf_sock *socket,
					     const struct socket_state *state,
					     const struct packet *packet)
{
	__u64 now;
	__u8 flags;

	if (state->mode != SOCKET_GATED || packet->egress || socket->state != BPF_TCP_ESTABLISHED ||
	    bpf_skb_load_bytes(buffer, packet->transport + TCP_FLAGS_AT, &flags, 1) ||
	    !(flags & (TCP_FIN | TCP_RST)))
		return 0;
	now = bpf_ktime_get_boot_ns();
	return rules_live(state->gate_rules, now) && gate_obstacle(now) == FAULT_REASON_HIT;
}

/* A packet of a connection that is known. */
static __always_inline int packet_known(const struct fault_control *fault_control,
					struct __sk_buff *buffer, struct socket_state *state,
					const struct packet *packet)
{
	int follow = (fault_control->flags & FAULT_CONTROL_ANSWER) && state->candidates;
	int counts = fault_control->flags & FAULT_CONTROL_STREAM;
	struct segment segment = {};
	int verdict;

	if (!packet->egress && (follow || counts))
		segment_read(buffer, state, packet, &segment);
	verdict = packet_tcp(state, &segment);
	/* What is dropped comes again, and counts then. */
	if (verdict == PACKET_PASS) {
		segment_take(buffer, state, &segment, follow);
		if (!packet->egress)
			observe_segment(buffer, state, packet->transport);
	}
	return verdict;
}

/* The name rules that match the name at `at` of the DNS message in the scratch text. */
FAULT_SCAN __u64 dns_look_name(__u32 at)
{
	struct scratch *memory = scratch_get(SCRATCH_PACKET);
	struct fault_control *fault_control = control_get();
	__u64 *found;

	if (!memory || !fault_control || dns_read_name(&memory->text, at, &memory->dns_name) ||
	    dns_name_key(&memory->dns_name, &memory->name))
		return 0;
	found = bpf_map_lookup_elem(&names, &memory->name);
	return found ? *found & fault_control->name_rules : 0;
}

/* Joins what one answer says of one address with what is known of it. */
FAULT_SCAN int dns_learn_address(__u32 at, __u32 type, __u32 ttl, __u64 mask)
{
	struct scratch *memory = scratch_get(SCRATCH_PACKET);
	struct fault_control *fault_control = control_get();
	struct fault_learned learned = {.mask = mask}, *known;
	__u64 now = bpf_ktime_get_boot_ns();
	__u8 address[16] = {};
	__u32 *words = (__u32 *)address;

	if (!memory || !fault_control)
		return 0;
	if (type == DNS_TYPE_A) {
		address_set_ipv4(address, bpf_htonl(text_be32(&memory->text, at)));
	} else {
		words[0] = bpf_htonl(text_be32(&memory->text, at));
		words[1] = bpf_htonl(text_be32(&memory->text, at + 4));
		words[2] = bpf_htonl(text_be32(&memory->text, at + 8));
		words[3] = bpf_htonl(text_be32(&memory->text, at + 12));
	}
	learned.other = fault_control->name_rules & ~mask;
	learned.expires = now + (__u64)ttl * 1000000000ULL + fault_control->dns_grace;
	known = bpf_map_lookup_elem(&addresses, address);
	if (known && known->expires > now) {
		learned.mask |= known->mask;
		learned.other |= known->other;
		if (known->expires > learned.expires)
			learned.expires = known->expires;
	}
	bpf_map_update_elem(&addresses, address, &learned, BPF_ANY);
	return 0;
}

/* Takes one record: a CNAME's target joins the names, an address is learned when `learn` is set. */
FAULT_SCAN __u32 dns_take_record(__u32 at, __u32 learn, __u64 *mask)
{
	struct scratch *memory = scratch_get(SCRATCH_PACKET);
	struct dns_record *record;

	if (!memory || !mask)
		return 0;
	record = &memory->record;
	if (dns_read_record(&memory->text, at, record))
		return 0;
	if (!learn && record->type == DNS_TYPE_CNAME)
		*mask |= dns_look_name(record->data_at);
	if (learn && ((record->type == DNS_TYPE_A && record->data_length == 4) ||
		      (record->type == DNS_TYPE_AAAA && record->data_length == 16)))
		dns_learn_address(record->data_at, record->type, record->ttl, *mask);
	return record->next;
}

/* Learns from the DNS answer in the scratch text: first all names, then all addresses. */
static __always_inline void dns_learn(const struct fault_text *text)
{
	__u32 start, at, count, pass, i;
	__u64 mask;

	if (!dns_is_answer(text))
		return;
	count = text_be16(text, 6);
	start = dns_skip_name(text, 12);
	if (!start)
		return;
	start += 4; /* type and class */
	mask = dns_look_name(12);
	for (pass = 0; pass < 2; pass++) {
		at = start;
		for (i = 0; i < DNS_RECORDS_MAX && i < count; i++) {
			at = dns_take_record(at, pass, &mask);
			if (!at)
				break;
		}
	}
}

/* DNS answers come from port 53. */
static __always_inline void packet_learn(struct __sk_buff *buffer, const struct packet *packet)
{
	struct scratch *memory;
	__u16 port;

	if (bpf_skb_load_bytes(buffer, packet->transport, &port, 2) ||
	    bpf_ntohs(port) != PORT_DNS || packet_load(buffer, packet->transport + UDP_HEADER))
		return;
	memory = scratch_get(SCRATCH_PACKET);
	if (memory)
		dns_learn(&memory->text);
}

static __always_inline int packet_handle(struct __sk_buff *buffer, __u32 egress)
{
	struct fault_control *fault_control = control_get();
	struct bpf_sock *socket = buffer->sk;
	struct socket_state *state;
	struct packet packet;

	if (!fault_control || !socket || packet_parse(buffer, egress, &packet))
		return PACKET_PASS;
	if (packet.protocol == FAULT_PROTOCOL_UDP) {
		if (!egress && (fault_control->flags & FAULT_CONTROL_NAMES))
			packet_learn(buffer, &packet);
		if (!(fault_control->flags & FAULT_CONTROL_PACKET))
			return PACKET_PASS;
		return packet_udp(fault_control, buffer, &packet);
	}
	socket = bpf_sk_fullsock(socket);
	if (!socket)
		return PACKET_PASS;
	state = bpf_sk_storage_get(&socket_state, socket, 0, 0);
	if (!state && (fault_control->flags & FAULT_CONTROL_PACKET))
		state = packet_adopt(fault_control, buffer, socket, bpf_ktime_get_boot_ns());
	if (!state)
		return PACKET_PASS;
	if (packet_ends_gated(buffer, socket, state, &packet))
		return PACKET_DROP;
	return packet_known(fault_control, buffer, state, &packet);
}

SEC("cgroup_skb/ingress")
int fault_ingress(struct __sk_buff *buffer)
{
	return packet_handle(buffer, 0);
}

SEC("cgroup_skb/egress")
int fault_egress(struct __sk_buff *buffer)
{
	return packet_handle(buffer, 1);
}
