/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/policy.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"

void policy_defaults(struct policy *ret_policy)
{
	*ret_policy = (struct policy){
		.longest_duration_ns = 3600 * NS_PER_S,
		.longest_lease_ns = 60 * NS_PER_S,
		.allow_whole_host = true,
		.allow_gate = true,
		.effects = (1U << FAULT_EFFECT_COUNT) - 1,
	};
}

void policy_free(struct policy *policy)
{
	for (size_t i = 0; i < policy->protect_count; i++)
		plan_protect_free(&policy->protect[i]);
	free(policy->protect);
	strings_free(&policy->terminate);
	free(policy->users);
	free(policy->groups);
	*policy = (struct policy){};
}

int policy_check_peer(const struct policy *policy, const struct policy_peer *peer,
		      struct failure *failure)
{
	if (!peer->uid || !policy->restricted)
		return 0;
	for (size_t i = 0; i < policy->users_count; i++)
		if (policy->users[i] == peer->uid)
			return 0;
	for (size_t i = 0; i < policy->groups_count; i++)
		for (size_t j = 0; j < peer->groups_count; j++)
			if (policy->groups[i] == peer->groups[j])
				return 0;
	return fail(failure, -EACCES, "the policy does not let user %u run experiments", peer->uid);
}

int policy_check_duration(const struct policy *policy, uint64_t duration_ns, uint64_t lease_ns,
			  struct failure *failure)
{
	char asked[NUMBER_DURATION_SIZE], allowed[NUMBER_DURATION_SIZE];

	if (duration_ns > policy->longest_duration_ns) {
		number_format_duration(duration_ns, asked);
		number_format_duration(policy->longest_duration_ns, allowed);
		return fail(failure, -EACCES, "a duration of %s is over the policy's %s", asked,
			    allowed);
	}
	if (lease_ns > policy->longest_lease_ns) {
		number_format_duration(lease_ns, asked);
		number_format_duration(policy->longest_lease_ns, allowed);
		return fail(failure, -EACCES, "a lease of %s is over the policy's %s", asked,
			    allowed);
	}
	return 0;
}

int policy_check_effect(const struct policy *policy, enum fault_effect effect,
			struct failure *failure)
{
	const char *name = plan_effect_name(effect);

	if (policy->effects >> effect & 1)
		return 0;
	return fail(failure, -EACCES, "the policy does not allow the effect %s", name ? name : "?");
}

int policy_check_gate(const struct policy *policy, uint8_t gate, struct failure *failure)
{
	if (!gate || policy->allow_gate)
		return 0;
	return fail(failure, -EACCES, "the policy does not allow effects that need the gate");
}

/* Whether every name that `name` stands for is one that `allowed` stands for. */
static bool name_within(const char *allowed, const char *name)
{
	size_t length = strlen(name), suffix = strlen(allowed) - 1;

	if (!strcmp(allowed, name))
		return true;
	return allowed[0] == '*' && length > suffix && !strcmp(name + length - suffix, allowed + 1);
}

int policy_check_terminate(const struct policy *policy, const char *name, struct failure *failure)
{
	if (!policy->limits_terminate)
		return 0;
	for (size_t i = 0; i < policy->terminate.count; i++)
		if (name_within(policy->terminate.items[i], name))
			return 0;
	return fail(failure, -EACCES, "the policy does not let TLS of %s be ended", name);
}

int policy_check_scope(const struct policy *policy, bool whole_host, struct failure *failure)
{
	if (!whole_host || policy->allow_whole_host)
		return 0;
	return fail(failure, -EACCES, "the policy asks for a scope: cgroups or units");
}

static bool ports_within(const struct plan_protect *protect, const struct plan_match *match)
{
	if (!protect->ports_count)
		return true;
	if (!match->ports_count)
		return false;
	for (size_t i = 0; i < match->ports_count; i++) {
		bool inside = false;

		for (size_t j = 0; j < protect->ports_count; j++)
			inside |= protect->ports[j].first <= match->ports[i].first &&
				  protect->ports[j].last >= match->ports[i].last;
		if (!inside)
			return false;
	}
	return true;
}

const char *policy_find_protection(const struct plan_protect *protect, size_t count,
				   const struct plan_match *match)
{
	for (size_t i = 0; i < count; i++) {
		if (!ports_within(&protect[i], match))
			continue;
		for (size_t j = 0; j < match->prefixes_count; j++)
			if (address_prefix_contains(&protect[i].prefix, &match->prefixes[j]))
				return protect[i].text;
	}
	return NULL;
}

static int check_rule_gate(const struct policy *policy, const struct plan_rule *rule,
			   struct failure *failure)
{
	uint8_t gate = plan_rule_gate(rule);
	int r = policy_check_gate(policy, gate, failure);

	for (size_t i = 0; !r && gate & FAULT_GATE_TLS && i < rule->match.names.count; i++)
		r = policy_check_terminate(policy, rule->match.names.items[i], failure);
	return r;
}

int policy_check_plan(const struct policy *policy, const struct plan *plan, struct failure *failure)
{
	int r = policy_check_duration(policy, plan->duration_ns, plan->lease_ns, failure);

	if (!r)
		r = policy_check_scope(policy, !plan->cgroups.count && !plan->units.count, failure);
	for (size_t i = 0; !r && i < plan->rules_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];
		const char *inside = policy_find_protection(policy->protect, policy->protect_count,
							    &rule->match);

		r = policy_check_effect(policy, rule->effect, failure);
		if (!r)
			r = check_rule_gate(policy, rule, failure);
		if (!r && inside)
			r = fail(failure, -EACCES,
				 "fault '%s': its destination is protected by "
				 "the policy (%s)",
				 rule->fault, inside);
	}
	return r;
}
