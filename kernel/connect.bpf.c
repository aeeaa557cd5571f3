// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The connect layer: cgroup hooks on connect and on sends of unconnected UDP sockets. */
#include "kernel/lookup.h"
#include "kernel/observe.h"
#include "kernel/owner.h"
#include "kernel/shadow.h"
#include "kernel/verdict.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set by the engine before loading: the kernel has bpf_set_retval (5.18). */
const volatile __u8 config_has_retval = 1;

/* Set by the engine before loading; all 0 when no rule names a network namespace. */
const volatile __u32 config_task_nsproxy = 0;
const volatile __u32 config_nsproxy_net = 0;
const volatile __u32 config_net_inode = 0;

#define ERRNO_ECONNREFUSED 111
#define ERRNO_EHOSTUNREACH 113
#define PORT_HTTPS	   443
#define PROTOCOL_MPTCP	   262

enum { VERDICT_REFUSE = 0, VERDICT_PASS = 1 };

static __always_inline __u64 look_cgroup(const struct fault_control *fault_control)
{
	__u64 mask = fault_control->any_cgroup;
	int level;

	if (!(fault_control->flags & FAULT_CONTROL_CGROUP))
		return mask;
	for (level = 1; level < FAULT_CGROUP_LEVELS_MAX; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);
		__u64 *found;

		if (!id)
			break;
		found = bpf_map_lookup_elem(&cgroups, &id);
		if (found)
			mask |= *found;
	}
	return mask;
}

static __always_inline __u64 look_current(const struct fault_control *fault_control)
{
	const struct owner_offsets offsets = {
		.task_nsproxy = config_task_nsproxy,
		.nsproxy_net = config_nsproxy_net,
		.net_inode = config_net_inode,
	};

	return look_owner(fault_control, &offsets);
}

static __always_inline int refuse_with(int error)
{
	if (config_has_retval)
		bpf_set_retval(-error);
	return VERDICT_REFUSE;
}

/* What the rules that a flow's destination decides come to. */
struct connect_decision {
	struct flow flow;
	__u64 cookie;
	__u64 now;
	__u64 packet_rules; /* rules that the connection's packets are subject to */
	__u64 link_rules;   /* rules that its segments are subject to */
	__u32 error;	    /* errno of the rule that refuses; 0: none */
	__u32 won;	    /* a rule acts: the later ones only count */
	__u32 by_address;   /* the rule at hand matched by its learned address alone */
	__u32 shadow;	    /* this is one */
	__u32 shadow_ends;  /* the connection would not have come to its first message */
	__u64 shadowed;	    /* rules that would have hit */
	__u64 observed;	    /* rules that want to know what becomes of the connection */
};

/* What the rule does to the attempt: FAULT_REASON_HIT, or why nothing. */
static __always_inline int connect_ask(const struct connect_decision *decision,
				       const struct fault_rule *rule, __u32 index)
{
	int reason = rule_verdict(index, decision->cookie, 0, decision->now);

	if (reason != FAULT_REASON_HIT && reason != FAULT_REASON_SHADOW)
		return reason;
	if (decision->won)
		return FAULT_REASON_OUTRANKED;
	/* What packets take is taken as they come; a shadow sees none, and takes it here. */
	if (reason == FAULT_REASON_HIT &&
	    (effect_is_of_packets(rule->effect) || effect_is_of_segments(rule->effect)))
		return reason;
	return rule_claim(index, decision->cookie, &decision->flow, decision->now);
}

/* The rule would have hit the attempt. */
static __always_inline void connect_shadow(struct connect_decision *decision,
					   const struct fault_rule *rule, __u32 index)
{
	decision->won = 1;
	decision->shadow_ends = effect_ends_connects(rule);
	decision->shadowed |= 1ULL << (index & 63);
	shadow_count(index, &decision->flow,
		     SHADOW_HIT | SHADOW_CONNECTION |
			     (decision->by_address ? SHADOW_ADDRESS_ONLY : 0));
}

/* Lets one rule act on the attempt. Every rule counts it; the first live one wins. */
FAULT_SCAN int connect_decide_rule(struct connect_decision *decision, __u32 index)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	__u32 packets, segments;
	int reason;

	if (!decision || !rule)
		return 0;
	count_arrival(index, MATCH_CONNECT, decision->now);
	if (decision->shadow)
		shadow_count(index, &decision->flow, SHADOW_CONNECT);
	packets = effect_is_of_packets(rule->effect);
	segments = effect_is_of_segments(rule->effect);
	if (!segments && !effect_is_of_connects(rule->effect, rule->reject))
		return 0; /* another layer goes on from here */
	reason = connect_ask(decision, rule, index);
	/* Packets ask for the window themselves: the connection may outlive it. */
	if (packets)
		decision->packet_rules |= 1ULL << (index & 63);
	if (segments)
		decision->link_rules |= 1ULL << (index & 63);
	if (reason != FAULT_REASON_HIT) {
		count_pass(index, &decision->flow, reason, decision->now);
		if (reason == FAULT_REASON_SHADOW)
			connect_shadow(decision, rule, index);
		return 0;
	}
	decision->won = 1;
	if (packets || segments)
		return 0; /* counted as the packets are seen to */
	decision->error = rule_effect(rule) == FAULT_EFFECT_UNREACHABLE ? ERRNO_EHOSTUNREACH
									: ERRNO_ECONNREFUSED;
	count_hit(index, &decision->flow, decision->now);
	if (decision->by_address)
		count_reason(index, FAULT_REASON_ADDRESS_ONLY);
	return 0;
}

static __always_inline void connect_decide(struct connect_decision *decision, __u64 mask,
					   __u64 by_address)
{
	int i;

	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		decision->by_address = (by_address & mask & -mask) != 0;
		connect_decide_rule(decision, mask_lowest(mask));
	}
}

/* QUIC to an address that a message rule's name was learned at: refused, so that clients fall back
 * to TCP, where the rule can see the name. */
static __always_inline int quic_decide(const struct fault_control *fault_control,
				       const struct flow *flow, const struct fault_look *look,
				       __u64 now)
{
	__u64 mask = fault_control->quic_rules & look->learned.mask & look->cgroup &
		     look->destination.rules;
	int i;

	if (flow->protocol != FAULT_PROTOCOL_UDP || flow->port != PORT_HTTPS ||
	    look->learned.expires <= now)
		return VERDICT_PASS;
	/* match_flow looked for rules of UDP alone, which the rules here need not be. */
	if (look->port.protect & look->destination.protect) {
		count_reasons(mask, FAULT_REASON_PROTECTED);
		return VERDICT_PASS;
	}
	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		__u32 index = mask_lowest(mask);

		int reason = rule_verdict(index, 0, 0, now);

		if (reason == FAULT_REASON_SHADOW)
			count_reason(index, FAULT_REASON_QUIC);
		if (reason == FAULT_REASON_HIT) {
			count_reason(index, FAULT_REASON_QUIC);
			return refuse_with(ERRNO_ECONNREFUSED);
		}
	}
	return VERDICT_PASS;
}

/* Remembers the verdict with the socket, for the layers that see its stream or its packets. */
static __always_inline void socket_remember(const struct fault_control *fault_control,
					    struct bpf_sock *socket, const struct flow *flow,
					    const struct fault_match *match, __u64 look,
					    const struct connect_decision *decision)
{
	struct socket_state *state;

	state = bpf_sk_storage_get(&socket_state, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		return;
	__builtin_memset(state, 0, __builtin_offsetof(struct socket_state, lock));
	state->generation = fault_control->generation;
	state->cookie = decision->cookie;
	state->candidates = look;
	state->by_address = match->by_address;
	state->decided = match->decided;
	state->packet_rules = decision->packet_rules;
	state->link_rules = decision->link_rules;
	state->shadowed = decision->shadowed;
	if (decision->shadow)
		shadow_remember(state);
	if (decision->observed)
		observe_opened(state, decision->observed, decision->now);
	state->port = flow->port;
	__builtin_memcpy(state->address, flow->address, 16);
}

static __always_inline int connect_matched(struct bpf_sock_addr *context,
					   const struct fault_control *fault_control,
					   const struct flow *flow, const struct fault_match *match,
					   __u64 now)
{
	struct connect_decision decision = {
		.flow = *flow, .now = now, .shadow = shadow_is_on(fault_control)};
	struct bpf_sock *socket = context->sk;
	__u64 needs_look = 0;

	if (match->shared)
		count_reasons(match->shared, FAULT_REASON_SHARED_ADDRESS);
	decision.cookie = bpf_get_socket_cookie(context);
	connect_decide(&decision, match->decided, match->by_address);
	if (decision.error)
		return refuse_with((int)decision.error);
	if (flow->protocol == FAULT_PROTOCOL_TCP && !decision.shadow_ends)
		needs_look = match_needs_look(fault_control, match);
	if (flow->protocol == FAULT_PROTOCOL_TCP)
		decision.observed = match->decided & fault_control->observed_rules;
	if (socket &&
	    (needs_look || decision.packet_rules || decision.link_rules || decision.observed))
		socket_remember(fault_control, socket, flow, match, needs_look, &decision);
	return VERDICT_PASS;
}

/* A connection of the engine's own: no layer looks at it, whatever it matches. */
static __always_inline int connect_spare(struct bpf_sock_addr *context,
					 const struct fault_control *fault_control)
{
	struct socket_state *state;
	struct bpf_sock *socket = context->sk;

	if (!socket)
		return VERDICT_PASS;
	state = bpf_sk_storage_get(&socket_state, socket, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (state) {
		state->generation = fault_control->generation;
		state->mode = SOCKET_OPAQUE;
	}
	return VERDICT_PASS;
}

/* Whether the engine connects to a real server, for the gate. */
static __always_inline int connect_is_own(const struct bpf_sock_addr *context,
					  const struct fault_control *fault_control)
{
	struct bpf_sock *socket = context->sk;

	return fault_control->flags & FAULT_CONTROL_GATE && socket &&
	       bpf_sk_storage_get(&own_sockets, socket, 0, 0);
}

static __always_inline int connect_handle(struct bpf_sock_addr *context, const struct flow *flow)
{
	struct fault_control *fault_control = control_get();
	struct fault_look look;
	struct fault_match match;
	__u64 now;
	int verdict;

	if (!fault_control)
		return VERDICT_PASS;
	if (connect_is_own(context, fault_control))
		return connect_spare(context, fault_control);
	if (flow->protocol != FAULT_PROTOCOL_TCP && flow->protocol != FAULT_PROTOCOL_UDP)
		return VERDICT_PASS;
	look_port(fault_control, flow, &look.port);
	look_destination(fault_control, flow->address, &look.destination);
	if (!(look.destination.rules & (look.port.rules | fault_control->quic_rules)))
		return VERDICT_PASS;
	look.cgroup = look_cgroup(fault_control) & look_current(fault_control);
	look_learned(fault_control, flow->address, &look.learned);
	now = bpf_ktime_get_boot_ns();
	match_flow(fault_control, &look, now, &match);
	if (shadow_is_on(fault_control))
		shadow_identify_current();
	if (match.protected_rules) {
		if (shadow_is_on(fault_control))
			shadow_count_rules(match.protected_rules, flow,
					   SHADOW_CONNECT | SHADOW_PROTECTED);
		/* The packet layer counts its own, which it has to look for anyway. */
		count_reasons(match.protected_rules & ~fault_control->packet_rules,
			      FAULT_REASON_PROTECTED);
		return VERDICT_PASS;
	}
	verdict = quic_decide(fault_control, flow, &look, now);
	if (verdict != VERDICT_PASS || !match.candidates)
		return verdict;
	return connect_matched(context, fault_control, flow, &match, now);
}

/* A connect of Multipath TCP begins as one of TCP. */
static __always_inline __u32 connect_protocol(const struct bpf_sock_addr *context)
{
	__u32 protocol = context->protocol;

	return protocol == PROTOCOL_MPTCP ? FAULT_PROTOCOL_TCP : protocol;
}

static __always_inline int connect_ipv4(struct bpf_sock_addr *context)
{
	struct flow flow = {
		.protocol = connect_protocol(context),
		.port = bpf_ntohs((__u16)context->user_port),
	};

	address_set_ipv4(flow.address, context->user_ip4);
	return connect_handle(context, &flow);
}

static __always_inline int connect_ipv6(struct bpf_sock_addr *context)
{
	struct flow flow = {
		.protocol = connect_protocol(context),
		.port = bpf_ntohs((__u16)context->user_port),
	};
	__u32 *words = (__u32 *)flow.address;

	words[0] = context->user_ip6[0];
	words[1] = context->user_ip6[1];
	words[2] = context->user_ip6[2];
	words[3] = context->user_ip6[3];
	return connect_handle(context, &flow);
}

SEC("cgroup/connect4")
int fault_connect4(struct bpf_sock_addr *context)
{
	return connect_ipv4(context);
}

SEC("cgroup/connect6")
int fault_connect6(struct bpf_sock_addr *context)
{
	return connect_ipv6(context);
}

SEC("cgroup/sendmsg4")
int fault_sendmsg4(struct bpf_sock_addr *context)
{
	return connect_ipv4(context);
}

SEC("cgroup/sendmsg6")
int fault_sendmsg6(struct bpf_sock_addr *context)
{
	return connect_ipv6(context);
}
