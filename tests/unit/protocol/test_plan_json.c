/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/protocol/plan_json.h"

#define HEAD                                                                                       \
	"{\"version\":1,\"title\":\"Try\",\"seed\":7,\"duration_ns\":60000000000,"                 \
	"\"lease_ns\":3000000000,"
#define MATCH "\"match\":{\"protocols\":[\"tcp\"],\"ports\":[\"443\"]}"
#define RULE  "{\"fault\":\"a\",\"effect\":\"refuse\"," MATCH "}"
#define RULES "\"rules\":[" RULE "]}"

/* Every key, as plan_to_json writes it. */
static const char whole[] =
	HEAD "\"scope\":{\"cgroups\":[\"/a/b\"],\"units\":[\"app-*.service\"]},"
	     "\"protect\":[{\"prefix\":\"10.0.0.0/8\",\"ports\":[\"22\",\"8000-8010\"]}],"
	     "\"rules\":[{\"fault\":\"artifacts\",\"effect\":\"answer\",\"share_ppm\":500000,"
	     "\"loss_ppm\":0,\"alert\":0,\"quic\":\"allow\",\"existing\":\"reset\","
	     "\"match\":{\"protocols\":[\"tcp\"],\"ports\":[\"80\",\"8000-8010\"],"
	     "\"prefixes\":[\"169.254.169.254\",\"fd00:ec2::254\"],"
	     "\"names\":[\"a.example\",\"*.b.example\"],\"paths\":[\"/"
	     "x\"],\"methods\":[\"GET\",\"PUT\"],"
	     "\"http\":true,\"cgroups\":[\"/c\"]},"
	     "\"answer\":{\"status\":503,\"reason\":\"Gone Fishing\","
	     "\"headers\":\"Retry-After: 5\\r\\n\",\"body_base64\":\"bm8A\"}},"
	     "{\"fault\":\"link\",\"effect\":\"loss\",\"share_ppm\":1000000,\"loss_ppm\":300000,"
	     "\"alert\":0,\"quic\":\"block\",\"existing\":\"keep\","
	     "\"match\":{\"protocols\":[\"tcp\",\"udp\"],\"ports\":[\"53\"],\"prefixes\":[],"
	     "\"names\":[],"
	     "\"paths\":[],\"methods\":[],\"http\":false,\"cgroups\":[]}}]}";

static void test_round_trip(void **state)
{
	struct failure failure = {};
	struct plan plan = {};
	char *text = NULL;

	(void)state;
	assert_int_equal(plan_from_json(whole, strlen(whole), &plan, &failure), 0);
	assert_int_equal(plan_to_json(&plan, &text), 0);
	assert_string_equal(text, whole);
	free(text);
	plan_free(&plan);
}

#define WRITTEN "\"loss_ppm\":0,\"alert\":0,\"quic\":\"block\",\"existing\":\"keep\",\"match\":{"
#define MATCH_END                                                                                  \
	"\"prefixes\":[],\"names\":[\"a.example\"],\"paths\":[],\"methods\":[],\"http\":false,"    \
	"\"cgroups\":[]}"
#define RULE_OF(effect) "{\"fault\":\"a\",\"effect\":\"" effect "\",\"share_ppm\":1000000," WRITTEN
#define ON_TCP		"\"protocols\":[\"tcp\"],\"ports\":[]," MATCH_END ","
#define ON_UDP		"\"protocols\":[\"udp\"],\"ports\":[\"53\"]," MATCH_END ","

/* One rule of each effect and each shape that has keys of its own. */
static const char wide[] = HEAD
	"\"scope\":{\"cgroups\":[],\"units\":[]},\"protect\":[],\"rules\":[" RULE_OF("reset") ON_TCP
	"\"at\":\"live\"}," RULE_OF("cut") ON_TCP "\"after\":1048576}," RULE_OF("stall") ON_TCP
	"\"shape\":{\"first\":3},\"after\":65536}," RULE_OF("rate") ON_TCP
	"\"shape\":{\"flap\":{\"period_ns\":10000000000,\"duty_ppm\":500000}},\"rate\":1250000}"
	"," RULE_OF("dns") ON_UDP
	"\"shape\":{\"budget\":{\"hits\":5,\"connections\":0}},\"dns\":\"servfail\"}," RULE_OF(
		"overload") ON_TCP
	"\"shape\":{\"ramp\":{\"from_ppm\":0,\"to_ppm\":1000000,\"over_ns\":30000000000}},"
	"\"capacity\":20000,\"burst\":20,\"reject_cost_millionths\":500000,"
	"\"reject\":\"answer\",\"answer\":{\"status\":429,\"body_base64\":\"\"}}]}";

static void test_effects_and_shapes(void **state)
{
	struct failure failure = {};
	struct plan plan = {};
	char *text = NULL;

	(void)state;
	assert_int_equal(plan_from_json(wide, strlen(wide), &plan, &failure), 0);
	assert_int_equal(plan.rules[0].reset_at, FAULT_RESET_LIVE);
	assert_int_equal(plan.rules[1].after, 1048576);
	assert_int_equal(plan.rules[2].shape.first, 3);
	assert_int_equal(plan.rules[3].rate, 1250000);
	assert_int_equal(plan.rules[3].shape.flap_duty, 500000);
	assert_int_equal(plan.rules[4].dns, FAULT_DNS_SERVFAIL);
	assert_int_equal(plan.rules[4].shape.budget_hits, 5);
	assert_int_equal(plan.rules[5].capacity, 20000);
	assert_int_equal(plan.rules[5].burst, 20);
	assert_int_equal(plan.rules[5].reject_cost, 500000);
	assert_int_equal(plan.rules[5].reject, FAULT_EFFECT_ANSWER);
	assert_int_equal(plan.rules[5].status, 429);
	assert_int_equal(plan.rules[5].shape.ramp_over, 30000000000);
	assert_int_equal(plan_to_json(&plan, &text), 0);
	assert_string_equal(text, wide);
	free(text);
	plan_free(&plan);
}

#define NAMED                                                                                      \
	"\"protocols\":[\"tcp\"],\"ports\":[],\"prefixes\":[],\"names\":[\"a.example\"],"          \
	"\"paths\":[],\"methods\":[],\"http\":false,\"cgroups\":[]},"
static const char gated[] = HEAD
	"\"scope\":{\"cgroups\":[],\"units\":[]},\"protect\":[],\"rules\":[" RULE_OF("delay") NAMED
	"\"delay\":{\"time_ns\":300000000,\"jitter_ns\":50000000,\"distribution\":\"pareto\","
	"\"at\":\"connect\"}}," RULE_OF("drip") NAMED
	"\"rate\":1000,\"tls\":\"terminate\"}," RULE_OF("certificate") NAMED
	"\"certificate\":\"wrong-name\"}," RULE_OF("corrupt") NAMED
	"\"after\":8192,\"every\":65536}," RULE_OF("answer") NAMED
	"\"tls\":\"terminate\",\"expand\":true,\"answer\":{\"status\":409,\"body_base64\":\"\"},"
	"\"observed\":true}]}";

static void test_gate(void **state)
{
	struct failure failure = {};
	struct plan plan = {};
	char *text = NULL;

	(void)state;
	assert_int_equal(plan_from_json(gated, strlen(gated), &plan, &failure), 0);
	assert_int_equal(plan.rules[0].delay.time_ns, 300000000);
	assert_int_equal(plan.rules[0].delay.jitter_ns, 50000000);
	assert_int_equal(plan.rules[0].delay.distribution, PLAN_DISTRIBUTION_PARETO);
	assert_true(plan.rules[0].delay.at_connect);
	assert_int_equal(plan.rules[1].rate, 1000);
	assert_true(plan.rules[1].terminate);
	assert_int_equal(plan.rules[2].certificate, PLAN_CERTIFICATE_WRONG_NAME);
	assert_int_equal(plan.rules[3].every, 65536);
	assert_true(plan.rules[4].terminate && plan.rules[4].expand);
	assert_true(plan.rules[4].observed && !plan.rules[3].observed);
	assert_int_equal(plan_to_json(&plan, &text), 0);
	assert_string_equal(text, gated);
	free(text);
	plan_free(&plan);
}

static void test_fields(void **state)
{
	struct plan plan = {};
	const struct plan_rule *rule;

	(void)state;
	assert_int_equal(plan_from_json(whole, strlen(whole), &plan, NULL), 0);
	assert_int_equal(plan.seed, 7);
	assert_int_equal(plan.duration_ns, 60000000000);
	assert_int_equal(plan.protect[0].ports[1].last, 8010);
	assert_string_equal(plan.protect[0].text, "10.0.0.0/8");
	rule = &plan.rules[0];
	assert_int_equal(rule->effect, FAULT_EFFECT_ANSWER);
	assert_int_equal(rule->share, 500000);
	assert_true(rule->quic_allow && rule->existing == PLAN_EXISTING_RESET && rule->match.http);
	assert_true(rule->match.tcp && !rule->match.udp);
	assert_int_equal(rule->match.methods, 1 << FAULT_METHOD_GET | 1 << FAULT_METHOD_PUT);
	assert_int_equal(rule->status, 503);
	assert_int_equal(rule->body_length, 3);
	assert_memory_equal(rule->body, "no\0", 3);
	assert_int_equal(plan.rules[1].loss, 300000);
	plan_free(&plan);
}

static void test_defaults(void **state)
{
	static const char text[] = HEAD RULES;
	struct plan plan = {};

	(void)state;
	assert_int_equal(plan_from_json(text, strlen(text), &plan, NULL), 0);
	assert_int_equal(plan.rules[0].share, FAULT_SHARE_ALWAYS);
	assert_false(plan.rules[0].quic_allow || plan.rules[0].existing);
	assert_int_equal(plan.cgroups.count + plan.units.count + plan.protect_count, 0);
	plan_free(&plan);
}

static const struct {
	const char *text;
	const char *message;
} refusals[] = {
	{"", "not JSON: line 1, column 0: '[' or '{' expected near end of file"},
	{"{\"version\":1,\"version\":1}", "not JSON: line 1, column 22: duplicate object key near "
					  "'\"version\"'"},
	{"[]", "must be an object"},
	{"{\"version\":2}", "version: must be 1"},
	{"{\"version\":\"1\"}", "version: must be 1"},
	{"{\"colour\":1}", "unknown key 'colour'"},
	{"{\"version\":1}", "'title' is missing"},
	{"{\"title\":3}", "title: must be a string"},
	{"{\"seed\":-1}", "seed: -1 is not within 0 to 9223372036854775807"},
	{"{\"seed\":1.5}", "seed: must be an integer"},
	{HEAD "\"rules\":[]}", "there is no rule"},
	{HEAD "\"rules\":{}}", "rules: must be a list"},
	{HEAD "\"rules\":[7]}", "rules: 0: must be an object"},
	{HEAD "\"rules\":[" RULE ",{\"fault\":\"b\"}]}", "rules: 1: 'effect' is missing"},
	{HEAD "\"rules\":[{\"effect\":\"explode\"}]}", "rules: 0: effect: 'explode' is no effect"},
	{HEAD "\"rules\":[{\"effect\":7}]}", "rules: 0: effect: must be a string"},
	{HEAD "\"rules\":[{\"quic\":\"maybe\"}]}",
	 "rules: 0: quic: must be \"block\" or \"allow\""},
	{HEAD "\"rules\":[{\"existing\":true}]}",
	 "rules: 0: existing: must be \"keep\", \"reset\" or \"adopt\""},
	{HEAD "\"rules\":[{\"share_ppm\":4294967296}]}",
	 "rules: 0: share_ppm: 4294967296 is not within 0 to 4294967295"},
	{HEAD "\"rules\":[{\"alert\":256}]}", "rules: 0: alert: 256 is not within 0 to 255"},
	{HEAD "\"rules\":[{\"match\":{\"colour\":1}}]}", "rules: 0: match: unknown key 'colour'"},
	{HEAD "\"rules\":[{\"match\":{\"ports\":[443]}}]}",
	 "rules: 0: match: ports: 0: must be a string"},
	{HEAD "\"rules\":[{\"match\":{\"ports\":[\"0\"]}}]}",
	 "rules: 0: match: ports: 0: '0' is no port or range of ports"},
	{HEAD "\"rules\":[{\"match\":{\"prefixes\":[\"10.0.0.1/8\"]}}]}",
	 "rules: 0: match: prefixes: 0: '10.0.0.1/8' is no address or prefix"},
	{HEAD "\"rules\":[{\"match\":{\"protocols\":[\"icmp\"]}}]}",
	 "rules: 0: match: protocols: 0: must be \"tcp\" or \"udp\""},
	{HEAD "\"rules\":[{\"match\":{\"methods\":[\"other\"]}}]}",
	 "rules: 0: match: methods: 0: must be an HTTP method"},
	{HEAD "\"rules\":[{\"match\":{\"http\":1}}]}",
	 "rules: 0: match: http: must be true or false"},
	{HEAD "\"rules\":[{\"match\":{\"names\":[null]}}]}",
	 "rules: 0: match: names: 0: must be a string"},
	{HEAD "\"rules\":[{\"answer\":{\"body_base64\":\"?\"}}]}",
	 "rules: 0: answer: body_base64: is not base64"},
	{HEAD "\"rules\":[{\"answer\":{}}]}", "rules: 0: answer: 'status' is missing"},
	{HEAD "\"rules\":[{\"fault\":\"a\",\"effect\":\"dns\"," MATCH "}]}",
	 "rules: 0: 'dns' is missing"},
	{HEAD "\"rules\":[{\"fault\":\"a\",\"effect\":\"reset\"," MATCH "}]}",
	 "rules: 0: 'at' is missing"},
	{HEAD "\"rules\":[{\"dns\":\"notimp\"}]}",
	 "rules: 0: dns: must be \"nxdomain\", \"servfail\", \"refused\" or \"drop\""},
	{HEAD "\"rules\":[{\"tls\":true}]}", "rules: 0: tls: must be \"pass\" or \"terminate\""},
	{HEAD "\"rules\":[{\"delay\":{\"jitter_ns\":1}}]}",
	 "rules: 0: delay: 'time_ns' is missing"},
	{HEAD "\"rules\":[{\"delay\":{\"distribution\":\"gamma\"}}]}",
	 "rules: 0: delay: distribution: must be \"uniform\", \"normal\" or \"pareto\""},
	{HEAD "\"rules\":[{\"delay\":{\"at\":\"once\"}}]}",
	 "rules: 0: delay: at: must be \"request\" or \"connect\""},
	{HEAD "\"rules\":[{\"certificate\":\"bad\"}]}",
	 "rules: 0: certificate: must be \"expired\", \"untrusted\" or \"wrong-name\""},
	{HEAD "\"rules\":[{\"at\":0}]}",
	 "rules: 0: at: must be \"connect\", \"request\" or \"live\""},
	{HEAD "\"rules\":[{\"reject\":\"drop\"}]}",
	 "rules: 0: reject: must be \"answer\", \"hang\" or \"refuse\""},
	{HEAD "\"rules\":[{\"shape\":{\"ramp\":{\"from_ppm\":0,\"to_ppm\":1}}}]}",
	 "rules: 0: shape: ramp: 'over_ns' is missing"},
	{HEAD "\"rules\":[{\"shape\":{\"flap\":{\"period_ns\":1}}}]}",
	 "rules: 0: shape: flap: 'duty_ppm' is missing"},
	{HEAD "\"rules\":[{\"shape\":{\"wave\":1}}]}", "rules: 0: shape: unknown key 'wave'"},
	{HEAD "\"rules\":[{\"shape\":{\"budget\":{\"hits\":-1}}}]}",
	 "rules: 0: shape: budget: hits: -1 is not within 0 to 9223372036854775807"},
	{HEAD "\"rules\":[{\"fault\":\"a\",\"effect\":\"cut\"," MATCH "}]}",
	 "fault a: cut acts after 1 byte to 1 TiB, not after 0"},
	{HEAD "\"scope\":{\"units\":\"a\"}," RULES, "scope: units: must be a list"},
	{HEAD "\"protect\":[{\"ports\":[\"22\"]}]," RULES, "protect: 0: 'prefix' is missing"},
	{HEAD "\"protect\":[{\"prefix\":\"ten\"}]," RULES,
	 "protect: 0: prefix: 'ten' is no address or prefix"},
	/* What plan_validate says comes through. */
	{HEAD "\"rules\":[{\"fault\":\"a\",\"effect\":\"answer\"," MATCH "}]}",
	 "fault a: answer status 0 is outside 200..599"},
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct failure failure = {};
		struct plan plan = {.seed = 42};

		assert_int_equal(
			plan_from_json(refusals[i].text, strlen(refusals[i].text), &plan, &failure),
			-EINVAL);
		assert_string_equal(failure.text, refusals[i].message);
		assert_int_equal(plan.seed, 42);
	}
}

static void test_size(void **state)
{
	struct failure failure = {};
	size_t length = (1 << 20) + 1;
	char *text = malloc(length);
	struct plan plan;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', length);
	assert_int_equal(plan_from_json(text, length, &plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "a plan of 1048577 bytes is over the limit of 1 MiB");
	free(text);
}

static void test_too_many_rules(void **state)
{
	static const char head[] = HEAD "\"rules\":[";
	struct failure failure = {};
	struct plan plan;
	char *text = malloc(65536), *at = text;

	(void)state;
	assert_non_null(text);
	at += snprintf(at, 1024, "%s", head);
	for (int i = 0; i < 65; i++)
		at += snprintf(at, 256, "%s%s", i ? "," : "", RULE);
	snprintf(at, 256, "]}");
	assert_int_equal(plan_from_json(text, strlen(text), &plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "rules: 65 entries, at most 64 are allowed");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_effects_and_shapes),
		cmocka_unit_test(test_gate),	   cmocka_unit_test(test_fields),
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_size),	   cmocka_unit_test(test_too_many_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
