/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which rule acts on a message, when several have matched it. Global functions of scalars and
 * pointers, so that the verifier checks each once.
 */
#ifndef FAULTD_DECIDE_H
#define FAULTD_DECIDE_H

#include "kernel/gate.h"
#include "kernel/lookup.h"
#include "kernel/shadow.h"
#include "kernel/verdict.h"

/* What the front of a message was recognised as. */
enum message_kind {
	KIND_OTHER = 0, /* first bytes of neither HTTP/1 nor TLS */
	KIND_HTTP = 1,
	KIND_TLS = 2,	/* a ClientHello */
	KIND_LATER = 3, /* further bytes of a connection that is neither HTTP nor new */
};

struct message_decision {
	struct flow flow;
	__u64 cookie;
	__u64 now;
	__u64 item;	    /* number of the request on its connection */
	__u64 connected;    /* rules whose connect was counted before */
	__u64 packet_rules; /* rules that the packets are subject to from here on */
	__u64 link_rules;   /* rules that the segments are subject to from here on */
	__u32 kind;	    /* enum message_kind */
	__u32 method;	    /* enum fault_method */
	__u32 first;	    /* the connection's first message */
	__u32 out_of_step;  /* an earlier response is still due: an answer would overtake it */
	__u32 address_only;
	__u32 winner;	   /* 1 + the rule that acts; 0: none */
	__u32 effect;	   /* of the winner */
	__u32 stays;	   /* a matched rule may still act on later messages */
	__u32 shadow;	   /* this is one */
	__u32 shadow_won;  /* a rule would have acted */
	__u32 shadow_ends; /* it would have been the last that is heard of the connection */
	__u32 padding;
	__u64 shadowed; /* rules that would have hit this connection */
	__u64 inside;	/* rules that may want requests inside the TLS that begins here */
	__u64 gated;	/* rules for which the gate ends this connection */
	__u64 matched;	/* rules that the message was counted for */
	__u32 turn;	/* the server has spoken since the client's last message */
	__u32 more_padding;
};

/* Why `effect` cannot be carried out on a message of this kind; HIT when it can. */
static __always_inline enum fault_reason message_obstacle(const struct message_decision *decision,
							  __u32 effect)
{
	if (effect == FAULT_EFFECT_ANSWER) {
		if (decision->kind == KIND_TLS)
			return FAULT_REASON_TLS_HIDES;
		if (decision->kind != KIND_HTTP)
			return FAULT_REASON_NOT_HTTP;
		if (decision->out_of_step)
			return FAULT_REASON_PIPELINED;
	}
	if (effect == FAULT_EFFECT_ALERT && decision->kind != KIND_TLS)
		return FAULT_REASON_NOT_HTTP;
	if (effect == FAULT_EFFECT_DELAY)
		return decision->shadow ? FAULT_REASON_HIT : gate_obstacle_new(decision->now);
	return FAULT_REASON_HIT;
}

/*
 * What a rule does for which the gate ends connections: it can end one in the clear or one that
 * begins with a ClientHello. Several of them share a connection: the gate tells their requests
 * apart, and draws their shares.
 */
static __always_inline int message_ask_gate(const struct message_decision *decision, __u32 index)
{
	int reason;

	if (decision->kind != KIND_TLS && decision->kind != KIND_HTTP)
		return FAULT_REASON_NOT_HTTP;
	if (decision->out_of_step)
		return FAULT_REASON_PIPELINED;
	reason = rule_live(index, decision->now);
	if (reason != FAULT_REASON_HIT && reason != FAULT_REASON_SHADOW)
		return reason;
	if ((decision->winner && !decision->gated) || decision->shadow_won)
		return FAULT_REASON_OUTRANKED;
	return reason == FAULT_REASON_SHADOW ? reason : gate_obstacle_new(decision->now);
}

/* What the rule, whose effect is `effect`, does to the message: FAULT_REASON_HIT, or why nothing.
 */
static __always_inline int message_ask(const struct message_decision *decision,
				       const struct fault_rule *rule, __u32 index, __u32 effect)
{
	int reason = message_obstacle(decision, effect);

	if (reason != FAULT_REASON_HIT)
		return reason;
	reason =
		rule_verdict(index, decision->cookie,
			     effect_is_of_requests(rule->effect, rule->reject) ? decision->item : 0,
			     decision->now);
	if (reason != FAULT_REASON_HIT && reason != FAULT_REASON_SHADOW)
		return reason;
	if (decision->winner || decision->shadow_won)
		return FAULT_REASON_OUTRANKED;
	/* What packets take is taken as they come; a shadow sees none, and takes it here. */
	if (reason == FAULT_REASON_HIT &&
	    (effect_is_of_packets(effect) || effect_is_of_segments(effect)))
		return reason;
	return rule_claim(index, decision->cookie, &decision->flow, decision->now);
}

/* Counts the message for a shadow. `reason` is what rule `index` does to it. */
static __always_inline void message_shadow(struct message_decision *decision,
					   const struct fault_rule *rule, __u32 index, int reason)
{
	__u64 bit = 1ULL << (index & 63);
	__u32 what = decision->kind == KIND_LATER ? 0 : SHADOW_REQUEST;

	if (what && decision->first && !(decision->connected & bit))
		what |= SHADOW_CONNECT;
	if (reason == FAULT_REASON_SHADOW) {
		what |= SHADOW_HIT;
		if (!(decision->shadowed & bit))
			what |= SHADOW_CONNECTION;
		if (decision->address_only && (rule->flags & FAULT_RULE_BY_NAME))
			what |= SHADOW_ADDRESS_ONLY;
		decision->shadowed |= bit;
		decision->shadow_won = 1;
		decision->shadow_ends = !effect_is_of_requests(rule->effect, rule->reject);
	}
	shadow_count(index, &decision->flow, what);
}

/* Whether the gate is to end this connection for the rule. */
static __always_inline int message_is_gated(const struct message_decision *decision,
					    const struct fault_rule *rule)
{
	return (decision->kind == KIND_TLS && rule->gate & FAULT_GATE_TLS) ||
	       (decision->kind == KIND_HTTP && rule->gate & FAULT_GATE_HTTP);
}

/* Whether the rule acts on bytes of which nothing can be told: a hang, and a delay of each turn. */
static __always_inline int message_acts_later(const struct message_decision *decision,
					      const struct fault_rule *rule)
{
	return rule->effect == FAULT_EFFECT_HANG ||
	       (rule->gate & FAULT_GATE_EACH && decision->turn);
}

/* Lets one rule, matched in every dimension but the method, act on the message. */
FAULT_SCAN int message_decide_rule(struct message_decision *decision, __u32 index)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	__u32 effect, gated;
	int reason;

	if (!decision || !rule)
		return 0;
	effect = rule_effect(rule);
	gated = message_is_gated(decision, rule);
	if (decision->kind == KIND_LATER && !message_acts_later(decision, rule))
		return 0;
	if (decision->inside >> (index & 63) & 1 && !gated) {
		count_reason(index, FAULT_REASON_TLS_HIDES);
		return 0;
	}
	if (decision->kind == KIND_HTTP && !match_method(rule, decision->method))
		return 0;
	/* An overload that refuses connections asks each of them once. */
	if (rule->effect == FAULT_EFFECT_OVERLOAD && effect == FAULT_EFFECT_REFUSE &&
	    !decision->first)
		return 0;
	if (rule->gate & FAULT_GATE_FIRST && !decision->first)
		return 0;
	decision->matched |= 1ULL << (index & 63);
	if (decision->kind != KIND_LATER || decision->turn) {
		if (decision->first && !(decision->connected >> (index & 63) & 1))
			count_arrival(index, MATCH_CONNECT, decision->now);
		if (!gated || decision->shadow)
			count_arrival(index, MATCH_REQUEST, decision->now);
	}
	reason = gated ? message_ask_gate(decision, index)
		       : message_ask(decision, rule, index, effect);
	if (decision->shadow)
		message_shadow(decision, rule, index, reason);
	if (rule->effect == FAULT_EFFECT_HANG || rule->gate & FAULT_GATE_EACH)
		decision->stays = 1;
	/* Packets ask for the window themselves: the connection may outlive it. */
	if (effect_is_of_packets(effect) && reason != FAULT_REASON_OUTRANKED)
		decision->packet_rules |= 1ULL << (index & 63);
	if (effect_is_of_segments(effect) && reason != FAULT_REASON_OUTRANKED)
		decision->link_rules |= 1ULL << (index & 63);
	if (reason != FAULT_REASON_HIT) {
		if (decision->kind != KIND_LATER || decision->turn)
			count_pass(index, &decision->flow, reason, decision->now);
		return 0;
	}
	decision->winner = index + 1;
	decision->effect = effect;
	if (gated) {
		/* What comes of the requests is the gate's to count. */
		decision->gated |= 1ULL << (index & 63);
		count_reason(index, FAULT_REASON_DIVERTED);
		return 0;
	}
	if (effect_is_of_packets(effect) || effect_is_of_segments(effect))
		return 0; /* counted as the packets are seen to */
	count_hit(index, &decision->flow, decision->now);
	if (decision->address_only && (rule->flags & FAULT_RULE_BY_NAME))
		count_reason(index, FAULT_REASON_ADDRESS_ONLY);
	return 0;
}

FAULT_SCAN int message_decide(struct message_decision *decision, __u64 mask)
{
	int i;

	if (!decision)
		return 0;
	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1)
		message_decide_rule(decision, mask_lowest(mask));
	return 0;
}

#endif
