/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/policy.h"

/* A policy that protects 10.0.0.0/8 port 22 and 192.0.2.0/24. */
static void sample(struct policy *policy, struct plan_protect protect[2], struct port_range *port)
{
	policy_defaults(policy);
	*port = (struct port_range){22, 22};
	protect[0] = (struct plan_protect){
		.ports = port, .ports_count = 1, .text = (char *)"10.0.0.0/8 port 22"};
	protect[1] = (struct plan_protect){.text = (char *)"192.0.2.0/24"};
	assert_int_equal(address_parse_prefix("10.0.0.0/8", &protect[0].prefix), 0);
	assert_int_equal(address_parse_prefix("192.0.2.0/24", &protect[1].prefix), 0);
	policy->protect = protect;
	policy->protect_count = 2;
}

static void test_peers(void **state)
{
	uid_t users[] = {1000};
	gid_t groups[] = {50};
	const struct policy restricted = {.restricted = true,
					  .users = users,
					  .users_count = 1,
					  .groups = groups,
					  .groups_count = 1};
	const struct policy_peer root = {.uid = 0}, user = {.uid = 1000};
	const struct policy_peer member = {.uid = 7, .groups = {8, 50}, .groups_count = 2};
	const struct policy_peer stranger = {.uid = 7, .groups = {8}, .groups_count = 1};
	struct failure failure = {};
	struct policy open;

	(void)state;
	policy_defaults(&open);
	assert_int_equal(policy_check_peer(&open, &stranger, &failure), 0);
	assert_int_equal(policy_check_peer(&restricted, &root, &failure), 0);
	assert_int_equal(policy_check_peer(&restricted, &user, &failure), 0);
	assert_int_equal(policy_check_peer(&restricted, &member, &failure), 0);
	assert_int_equal(policy_check_peer(&restricted, &stranger, &failure), -EACCES);
	assert_string_equal(failure.text, "the policy does not let user 7 run experiments");
}

static void test_times(void **state)
{
	struct failure failure = {};
	struct policy policy;

	(void)state;
	policy_defaults(&policy);
	assert_int_equal(policy_check_duration(&policy, 3600 * NS_PER_S, 60 * NS_PER_S, &failure),
			 0);
	assert_int_equal(policy_check_duration(&policy, 3600 * NS_PER_S + 1, 1, &failure), -EACCES);
	assert_int_equal(policy_check_duration(&policy, 5400 * NS_PER_S, 1, &failure), -EACCES);
	assert_string_equal(failure.text, "a duration of 1h30m is over the policy's 1h");
	policy.longest_lease_ns = 5 * NS_PER_S;
	assert_int_equal(policy_check_duration(&policy, 1, 6 * NS_PER_S, &failure), -EACCES);
	assert_string_equal(failure.text, "a lease of 6s is over the policy's 5s");
}

static void test_effects_and_scope(void **state)
{
	struct failure failure = {};
	struct policy policy;

	(void)state;
	policy_defaults(&policy);
	for (int effect = FAULT_EFFECT_REFUSE; effect < FAULT_EFFECT_COUNT; effect++)
		assert_int_equal(policy_check_effect(&policy, effect, NULL), 0);
	policy.effects = 1U << FAULT_EFFECT_REFUSE;
	assert_int_equal(policy_check_effect(&policy, FAULT_EFFECT_DROP, &failure), -EACCES);
	assert_string_equal(failure.text, "the policy does not allow the effect drop");
	assert_int_equal(policy_check_scope(&policy, true, NULL), 0);
	policy.allow_whole_host = false;
	assert_int_equal(policy_check_scope(&policy, false, NULL), 0);
	assert_int_equal(policy_check_scope(&policy, true, &failure), -EACCES);
	assert_string_equal(failure.text, "the policy asks for a scope: cgroups or units");
}

static void test_gate(void **state)
{
	static const struct {
		const char *name;
		int r;
	} names[] = {
		{"a.example", 0},	 {"b.a.example", -EACCES}, {"x.b.example", 0},
		{"*.b.example", 0},	 {"*.x.b.example", 0},	   {"b.example", -EACCES},
		{"xb.example", -EACCES}, {"*.example", -EACCES},   {"a.example.com", -EACCES},
	};
	char *allowed[] = {"a.example", "*.b.example"};
	struct failure failure = {};
	struct policy policy;

	(void)state;
	policy_defaults(&policy);
	assert_int_equal(policy_check_gate(&policy, FAULT_GATE_TLS, NULL), 0);
	assert_int_equal(policy_check_terminate(&policy, "b.example", NULL), 0);
	policy.allow_gate = false;
	assert_int_equal(policy_check_gate(&policy, 0, NULL), 0);
	assert_int_equal(policy_check_gate(&policy, FAULT_GATE_EACH, &failure), -EACCES);
	assert_string_equal(failure.text, "the policy does not allow effects that need the gate");
	policy.limits_terminate = true;
	assert_int_equal(policy_check_terminate(&policy, "a.example", NULL), -EACCES);
	policy.terminate = (struct strings){allowed, ARRAY_SIZE(allowed)};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(policy_check_terminate(&policy, names[i].name, &failure),
				 names[i].r);
	assert_string_equal(failure.text, "the policy does not let TLS of a.example.com be ended");
}

/* Destinations and the protection that they lie in; NULL: none. */
static const struct {
	const char *prefix; /* NULL: none */
	struct port_range ports;
	const char *inside;
} destinations[] = {
	{"10.1.0.0/16", {22, 22}, "10.0.0.0/8 port 22"},
	{"10.1.0.0/16", {22, 23}, NULL},
	{"10.1.0.0/16", {}, NULL},
	{"0.0.0.0/0", {22, 22}, NULL},
	{"192.0.2.7", {}, "192.0.2.0/24"},
	{"192.0.2.0/24", {443, 443}, "192.0.2.0/24"},
	{"192.0.0.0/16", {443, 443}, NULL},
	{"fd00::/8", {22, 22}, NULL},
	{NULL, {22, 22}, NULL},
};

static void test_protection(void **state)
{
	struct plan_protect protect[2];
	struct port_range port;
	struct policy policy;

	(void)state;
	sample(&policy, protect, &port);
	for (size_t i = 0; i < ARRAY_SIZE(destinations); i++) {
		struct port_range ports = destinations[i].ports;
		struct address_prefix prefix;
		struct plan_match match = {.tcp = true, .ports = &ports, .prefixes = &prefix};
		const char *inside;

		match.ports_count = ports.first ? 1 : 0;
		match.prefixes_count = destinations[i].prefix ? 1 : 0;
		if (destinations[i].prefix)
			assert_int_equal(address_parse_prefix(destinations[i].prefix, &prefix), 0);
		inside = policy_find_protection(policy.protect, policy.protect_count, &match);
		if (destinations[i].inside)
			assert_string_equal(inside, destinations[i].inside);
		else
			assert_null(inside);
	}
}

static void test_plan(void **state)
{
	struct plan_protect protect[2];
	struct address_prefix prefix;
	struct plan_rule rule = {.fault = (char *)"a",
				 .effect = FAULT_EFFECT_REFUSE,
				 .match = {.prefixes = &prefix, .prefixes_count = 1}};
	const struct plan plan = {
		.duration_ns = NS_PER_S, .lease_ns = NS_PER_S, .rules = &rule, .rules_count = 1};
	struct failure failure = {};
	struct port_range port;
	struct policy policy;

	(void)state;
	sample(&policy, protect, &port);
	assert_int_equal(address_parse_prefix("10.0.0.1", &prefix), 0);
	assert_int_equal(policy_check_plan(&policy, &plan, &failure), 0);
	assert_int_equal(address_parse_prefix("192.0.2.1", &prefix), 0);
	assert_int_equal(policy_check_plan(&policy, &plan, &failure), -EACCES);
	assert_string_equal(failure.text, "fault 'a': its destination is protected by the policy "
					  "(192.0.2.0/24)");
	policy.allow_whole_host = false;
	assert_int_equal(policy_check_plan(&policy, &plan, &failure), -EACCES);
	assert_string_equal(failure.text, "the policy asks for a scope: cgroups or units");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_effects_and_scope),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_protection),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
