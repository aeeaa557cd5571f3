/* SPDX-License-Identifier: Apache-2.0 */
/* What right effects and shapes of a file become. The wrong ones are in test_malformed.c. */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/experiment/experiment.h"

static const struct experiment_options options = {.presets_directory = "experiments/presets",
						  .answers_directory = "experiments/answers"};

static int setup(void **state)
{
	static struct diagnostics diagnostics;
	struct experiment *experiment = calloc(1, sizeof(*experiment));
	int r;

	assert_non_null(experiment);
	r = experiment_load("tests/unit/experiment/good/wide.yaml", &options, experiment,
			    &diagnostics);
	if (r < 0)
		diagnostics_print(&diagnostics, "wide.yaml", stderr);
	assert_int_equal(r, 0);
	*state = experiment;
	return 0;
}

static int teardown(void **state)
{
	experiment_free(*state);
	free(*state);
	return 0;
}

static const struct plan_rule *rule_of(void **state, const char *fault)
{
	const struct experiment *experiment = *state;
	size_t i = 0;

	while (i < experiment->faults_count && strcmp(experiment->faults[i].name, fault) != 0)
		i++;
	assert_true(i < experiment->faults_count && experiment->faults[i].rules_count > 0);
	return &experiment->faults[i].rules[0];
}

static void test_link_effects(void **state)
{
	assert_int_equal(rule_of(state, "reset")->effect, FAULT_EFFECT_RESET);
	assert_int_equal(rule_of(state, "reset")->reset_at, FAULT_RESET_REQUEST);
	assert_int_equal(rule_of(state, "live")->reset_at, FAULT_RESET_LIVE);
	assert_int_equal(rule_of(state, "cut")->effect, FAULT_EFFECT_CUT);
	assert_int_equal(rule_of(state, "cut")->after, 1048576);
	assert_int_equal(rule_of(state, "stall")->effect, FAULT_EFFECT_STALL);
	assert_int_equal(rule_of(state, "stall")->after, 64000);
	assert_int_equal(rule_of(state, "rate")->rate, 187500);
}

/* Of the match only names and cgroups are left; an endpoint without a name has no rule. */
static void test_dns(void **state)
{
	const struct plan_rule *rule = rule_of(state, "dns");
	const struct experiment *experiment = *state;

	assert_int_equal(experiment->faults[5].rules_count, 2);
	assert_int_equal(rule->dns, FAULT_DNS_SERVFAIL);
	for (size_t i = 0; i < 2; i++) {
		assert_true(rule[i].match.udp && !rule[i].match.tcp);
		assert_int_equal(rule[i].match.ports_count, 1);
		assert_int_equal(rule[i].match.ports[0].first, 53);
		assert_int_equal(rule[i].match.ports[0].last, 53);
		assert_int_equal(rule[i].match.prefixes_count, 0);
	}
	assert_int_equal(rule[0].match.names.count, 2);
	assert_string_equal(rule[0].match.names.items[1], "*.b.example");
	assert_string_equal(rule[0].match.cgroups.items[0], "/c");
	assert_string_equal(rule[1].match.names.items[0], "*.blob.core.windows.net");
}

static void test_overload(void **state)
{
	const struct plan_rule *rule = rule_of(state, "busy");

	assert_int_equal(rule->effect, FAULT_EFFECT_OVERLOAD);
	assert_int_equal(rule->capacity, 2500);
	/* Nobody said a burst: what it serves in a second, rounded up. */
	assert_int_equal(rule->burst, 3);
	assert_int_equal(rule->reject_cost, 250000);
	assert_int_equal(rule->reject, FAULT_EFFECT_ANSWER);
	assert_int_equal(rule->status, 503);
	assert_non_null(strstr(rule->headers, "Docker-Distribution-Api-Version: registry/2.0\r\n"));
	/* A body has no NUL behind it. */
	assert_int_equal(rule->body_length, 106);
	assert_non_null(memmem(rule->body, rule->body_length, "\"UNAVAILABLE\"", 13));
	rule = rule_of(state, "full");
	assert_int_equal(rule->capacity, 100000);
	assert_int_equal(rule->burst, 7);
	assert_int_equal(rule->reject_cost, 0);
	assert_int_equal(rule->reject, FAULT_EFFECT_REFUSE);
	assert_int_equal(rule->status, 0);
}

static void test_body_of_a_file(void **state)
{
	const struct plan_rule *rule = rule_of(state, "filed");

	assert_int_equal(rule->status, 410);
	assert_string_equal(rule->headers, "X-A: b\r\n");
	assert_int_equal(rule->body_length, 7);
	assert_memory_equal(rule->body, "no\0more", 7);
}

static void test_shapes(void **state)
{
	const struct fault_shape *shape = &rule_of(state, "live")->shape;

	assert_int_equal(shape->first, 3);
	shape = &rule_of(state, "cut")->shape;
	assert_int_equal(shape->flap_period, 10 * NS_PER_S);
	assert_int_equal(shape->flap_duty, 500000);
	shape = &rule_of(state, "stall")->shape;
	assert_int_equal(shape->ramp_from, 100000);
	assert_int_equal(shape->ramp_to, 5000);
	assert_int_equal(shape->ramp_over, 30 * NS_PER_S);
	shape = &rule_of(state, "rate")->shape;
	assert_int_equal(shape->budget_hits, 100);
	assert_int_equal(shape->budget_connections, 20);
	shape = &rule_of(state, "full")->shape;
	assert_int_equal(shape->ramp_from, 0);
	assert_int_equal(shape->ramp_to, FAULT_SHARE_ALWAYS);
	assert_int_equal(rule_of(state, "full")->share, FAULT_SHARE_ALWAYS);
	assert_int_equal(rule_of(state, "reset")->shape.ramp_over, 0);
}

static void test_staged_lift(void **state)
{
	const struct experiment *experiment = *state;

	assert_int_equal(experiment->timeline[2].kind, STEP_LIFT);
	assert_int_equal(experiment->timeline[2].over_ns, 20 * NS_PER_S);
	assert_int_equal(experiment->timeline[2].steps, 4);
	assert_int_equal(experiment->timeline[3].over_ns, 10 * NS_PER_S);
	assert_int_equal(experiment->timeline[3].steps, 0);
	assert_int_equal(experiment->timeline[4].over_ns, 0);
	/* 3 s steady, 10 s at the inject, 20 s and 10 s of lifts, 5 s to recover. */
	assert_int_equal(experiment_duration_ns(experiment), 48 * NS_PER_S);
}

static void test_gate_effects(void **state)
{
	const struct plan_rule *rule = rule_of(state, "slow");

	assert_int_equal(rule->effect, FAULT_EFFECT_DELAY);
	assert_int_equal(rule->delay.time_ns, 300 * NS_PER_MS);
	assert_int_equal(rule->delay.jitter_ns, 0);
	assert_false(rule->delay.at_connect);
	rule = rule_of(state, "slower");
	assert_int_equal(rule->delay.time_ns, NS_PER_S);
	assert_int_equal(rule->delay.jitter_ns, 2 * NS_PER_S);
	assert_int_equal(rule->delay.distribution, PLAN_DISTRIBUTION_PARETO);
	assert_true(rule->delay.at_connect);
	rule = rule_of(state, "drip");
	assert_int_equal(rule->rate, 1000);
	assert_true(rule->terminate);
	rule = rule_of(state, "expired");
	assert_int_equal(rule->effect, FAULT_EFFECT_CERTIFICATE);
	assert_int_equal(rule->certificate, PLAN_CERTIFICATE_EXPIRED);
	rule = rule_of(state, "torn");
	assert_int_equal(rule->effect, FAULT_EFFECT_CORRUPT);
	assert_int_equal(rule->every, 65536);
	assert_int_equal(rule->after, 8192);
	rule = rule_of(state, "storage");
	assert_int_equal(rule[0].status, 409);
	assert_string_equal(rule[0].match.names.items[0], "*.blob.core.windows.net");
	assert_true(rule[0].terminate && rule[0].expand);
	/* What the preset reaches by address is answered in the clear alone. */
	assert_int_equal(rule[1].match.names.count, 0);
	assert_false(rule[1].terminate);
}

static void test_compile(void **state)
{
	_cleanup_(plan_free) struct plan plan = {0};
	struct failure failure = {0};

	assert_int_equal(experiment_compile(*state, 1, &plan, &failure), 0);
	assert_int_equal(plan.rules_count, 17);
	assert_int_equal(plan.rules[8].shape.ramp_over, 60 * NS_PER_S);
	assert_int_equal(plan.rules[9].body_length, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link_effects), cmocka_unit_test(test_dns),
		cmocka_unit_test(test_overload),     cmocka_unit_test(test_body_of_a_file),
		cmocka_unit_test(test_shapes),	     cmocka_unit_test(test_staged_lift),
		cmocka_unit_test(test_compile),	     cmocka_unit_test(test_gate_effects),
	};

	check_enter_root();
	return cmocka_run_group_tests(tests, setup, teardown);
}
