/* SPDX-License-Identifier: Apache-2.0 */
/* The control block: which rules leave a dimension open, and which layers have something to do. */
#include "user/daemon/classify_parts.h"
#include "user/experiment/plan.h"

/* Owners that name something in a dimension, or for ports: that leave any port out. */
static struct fault_masks constrained(const struct draft *draft, __u32 dimension)
{
	struct fault_masks named = {}, open = {};

	for (size_t i = 0; i < draft->matches_count; i++) {
		const struct draft_match *match = &draft->matches[i];

		if (match->dimension != dimension)
			continue;
		classify_masks_or(&named, classify_owner_bit(match->owner));
		if (dimension == ENGINE_DIMENSION_PORT && classify_every_port(match))
			classify_masks_or(&open, classify_owner_bit(match->owner));
	}
	named.rules &= ~open.rules;
	named.protect &= ~open.protect;
	return named;
}

static __u64 mask_of(__u32 count)
{
	return count >= 64 ? ~0ULL : (1ULL << count) - 1;
}

static __u64 rules_of_layer(const struct draft *draft, enum plan_layer layer)
{
	__u64 mask = 0;

	for (__u32 i = 0; i < draft->rules_count; i++)
		if (plan_effect_layer(draft->rules[i].rule.effect, draft->rules[i].rule.reject) ==
		    layer)
			mask |= 1ULL << i;
	return mask;
}

static bool some_rule_stalls(const struct draft *draft)
{
	for (__u32 i = 0; i < draft->rules_count; i++)
		if (draft->rules[i].rule.effect == FAULT_EFFECT_STALL)
			return true;
	return false;
}

static bool some_rule_answers(const struct draft *draft)
{
	for (__u32 i = 0; i < draft->rules_count; i++)
		if (plan_effect_answers(draft->rules[i].rule.effect, draft->rules[i].rule.reject))
			return true;
	return false;
}

static __u64 rules_flagged(const struct draft *draft, __u16 flag)
{
	__u64 mask = 0;

	for (__u32 i = 0; i < draft->rules_count; i++)
		if (draft->rules[i].rule.flags & flag)
			mask |= 1ULL << i;
	return mask;
}

static __u64 rules_of_gate(const struct draft *draft)
{
	__u64 mask = 0;

	for (__u32 i = 0; i < draft->rules_count; i++)
		if (draft->rules[i].rule.gate)
			mask |= 1ULL << i;
	return mask;
}

/* Queries are matched by the name that they ask for, and by nothing of a connection. */
static bool is_of_queries(const struct draft *draft, __u32 rule)
{
	return draft->rules[rule].rule.effect == FAULT_EFFECT_DNS;
}

__u64 classify_rules_of_protocol(const struct draft *draft, __u32 bit)
{
	__u64 mask = 0;

	for (__u32 i = 0; i < draft->rules_count; i++)
		if (draft->rules[i].tcp_udp & bit && !is_of_queries(draft, i))
			mask |= 1ULL << i;
	return mask;
}

static __u64 rules_of_queries(const struct draft *draft)
{
	__u64 mask = 0;

	for (__u32 i = 0; i < draft->rules_count; i++)
		if (is_of_queries(draft, i))
			mask |= 1ULL << i;
	return mask;
}

/* Whether some rule acts on what arrives: the others act on what the client sends. */
static bool some_rule_sees_arrivals(const struct draft *draft, __u64 rules)
{
	for (__u32 i = 0; i < draft->rules_count; i++) {
		const struct fault_rule *rule = &draft->rules[i].rule;

		if (!(rules >> i & 1))
			continue;
		if (rule->effect == FAULT_EFFECT_CUT || rule->effect == FAULT_EFFECT_CORRUPT ||
		    (rule->effect == FAULT_EFFECT_RESET && rule->reset_at == FAULT_RESET_LIVE))
			return true;
	}
	return false;
}

/* A shadow counts connections, requests and queries. It takes a look at packets only where nothing
 * else tells of these. */
static void fill_shadow_layers(__u64 forward, struct fault_control *control)
{
	if (control->query_rules & ~forward)
		control->flags |= FAULT_CONTROL_LINK;
	if (forward)
		control->flags |= FAULT_CONTROL_FORWARD;
}

static void fill_layers(const struct draft *draft, __u64 forward, struct fault_control *control)
{
	if (control->flags & FAULT_CONTROL_SHADOW) {
		control->observed_rules = 0; /* nobody's work is watched */
		fill_shadow_layers(forward, control);
		return;
	}
	if (control->packet_rules)
		control->flags |= FAULT_CONTROL_PACKET;
	if (some_rule_stalls(draft))
		control->flags |= FAULT_CONTROL_STREAM;
	if (control->link_rules)
		control->flags |= FAULT_CONTROL_LINK;
	if (control->observed_rules)
		control->flags |= FAULT_CONTROL_OBSERVE;
	if (some_rule_sees_arrivals(draft, ~forward))
		control->flags |= FAULT_CONTROL_INGRESS;
	if (forward)
		control->flags |= FAULT_CONTROL_FORWARD;
}

void classify_fill_control(const struct draft *draft, struct fault_control *control)
{
	struct fault_masks ports = constrained(draft, ENGINE_DIMENSION_PORT);
	struct fault_masks prefixes = constrained(draft, ENGINE_DIMENSION_PREFIX);
	__u64 tcp = classify_rules_of_protocol(draft, 1),
	      udp = classify_rules_of_protocol(draft, 2);
	__u64 protections = mask_of(draft->begin.protections);
	__u64 forward = constrained(draft, ENGINE_DIMENSION_INTERFACE).rules;
	__u64 own = ~forward; /* for what sockets of the host send */

	control->all_rules = mask_of(draft->rules_count);
	control->any_tcp_port = tcp & ~ports.rules;
	control->any_udp_port = udp & ~ports.rules;
	control->any_destination = control->all_rules & ~prefixes.rules;
	control->any_cgroup = control->all_rules & own;
	for (__u32 i = 0; i < draft->rules_count; i++)
		if (draft_has_cgroups(draft, i))
			control->any_cgroup &= ~(1ULL << i);
	control->any_command =
		control->all_rules & ~constrained(draft, ENGINE_DIMENSION_COMMAND).rules;
	control->any_user = control->all_rules & ~constrained(draft, ENGINE_DIMENSION_USER).rules;
	control->any_namespace =
		control->all_rules & ~constrained(draft, ENGINE_DIMENSION_NAMESPACE).rules;
	control->any_name = control->all_rules & ~constrained(draft, ENGINE_DIMENSION_NAME).rules;
	control->any_path = control->all_rules & ~constrained(draft, ENGINE_DIMENSION_PATH).rules;
	control->protect_any_destination = protections & ~prefixes.protect;
	control->protect_any_tcp_port = protections & ~ports.protect;
	control->protect_any_udp_port = protections & ~ports.protect;
	control->connect_rules = rules_of_layer(draft, PLAN_LAYER_CONNECT) & own;
	control->packet_rules = rules_of_layer(draft, PLAN_LAYER_PACKET) & own;
	control->message_rules = rules_of_layer(draft, PLAN_LAYER_MESSAGE);
	control->link_rules = rules_of_layer(draft, PLAN_LAYER_LINK) & own;
	control->query_rules = rules_of_queries(draft);
	control->name_rules = rules_flagged(draft, FAULT_RULE_BY_NAME) & ~rules_of_queries(draft);
	control->http_rules = rules_flagged(draft, FAULT_RULE_BY_HTTP);
	control->quic_rules = rules_flagged(draft, FAULT_RULE_QUIC_BLOCK);
	control->gate_rules = rules_of_gate(draft);
	control->observed_rules = rules_flagged(draft, FAULT_RULE_OBSERVED) & tcp & own;
	control->flags = draft->begin.flags;
	if (control->gate_rules)
		control->flags |= FAULT_CONTROL_GATE;
	if (control->name_rules)
		control->flags |= FAULT_CONTROL_NAMES;
	if (control->message_rules || (tcp & (control->name_rules | control->http_rules)))
		control->flags |= FAULT_CONTROL_MESSAGE;
	/* The end of each response is known from the server's side alone. */
	if (some_rule_answers(draft))
		control->flags |= FAULT_CONTROL_ANSWER;
	fill_layers(draft, forward, control);
	if (control->any_command != control->all_rules)
		control->flags |= FAULT_CONTROL_COMMAND;
	if (control->any_user != control->all_rules)
		control->flags |= FAULT_CONTROL_USER;
	if (control->any_namespace != control->all_rules)
		control->flags |= FAULT_CONTROL_NAMESPACE;
	if (control->any_cgroup != (control->all_rules & own))
		control->flags |= FAULT_CONTROL_CGROUP;
}
