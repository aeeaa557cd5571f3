/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/experiment/plan.h"

#define SHAPED(...)                                                                                \
	{                                                                                          \
		.effect = FAULT_EFFECT_REFUSE, .share = FAULT_SHARE_ALWAYS, .shape = {             \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define OVERLOAD(...)                                                                              \
	{                                                                                          \
		.effect = FAULT_EFFECT_OVERLOAD, .share = FAULT_SHARE_ALWAYS, __VA_ARGS__          \
	}

static const struct {
	struct plan_rule rule;
	const char *text; /* NULL: it is fine */
} cases[] = {
	{{.effect = FAULT_EFFECT_RESET, .reset_at = FAULT_RESET_LIVE}, NULL},
	{{.effect = FAULT_EFFECT_RESET, .reset_at = 3}, "3 is no moment of a reset"},
	{{.effect = FAULT_EFFECT_REFUSE, .reset_at = FAULT_RESET_LIVE},
	 "a moment of the reset belongs to the effect reset only"},
	{{.effect = FAULT_EFFECT_CUT, .after = 1}, NULL},
	{{.effect = FAULT_EFFECT_STALL, .after = 1ULL << 40}, NULL},
	{{.effect = FAULT_EFFECT_CUT}, "cut acts after 1 byte to 1 TiB, not after 0"},
	{{.effect = FAULT_EFFECT_STALL, .after = (1ULL << 40) + 1},
	 "stall acts after 1 byte to 1 TiB, not after 1099511627777"},
	{{.effect = FAULT_EFFECT_RATE, .rate = 1000, .after = 1},
	 "a number of bytes belongs to the effects cut, stall and corrupt only"},
	{{.effect = FAULT_EFFECT_RATE, .rate = 1000}, NULL},
	{{.effect = FAULT_EFFECT_RATE, .rate = 999},
	 "a rate of 999 bytes/s is outside 1000..12500000000"},
	{{.effect = FAULT_EFFECT_RATE, .rate = 12500000001},
	 "a rate of 12500000001 bytes/s is outside 1000..12500000000"},
	{{.effect = FAULT_EFFECT_DROP, .rate = 1000},
	 "a rate belongs to the effects rate and drip only"},
	{{.effect = FAULT_EFFECT_DNS, .dns = FAULT_DNS_SERVFAIL}, NULL},
	{{.effect = FAULT_EFFECT_DNS, .dns = 4}, "4 is no error of a resolver"},
	{{.effect = FAULT_EFFECT_DROP, .dns = FAULT_DNS_NXDOMAIN},
	 "a resolver's error belongs to the effect dns only"},
	{OVERLOAD(.capacity = 20000, .burst = 20, .reject_cost = 500000,
		  .reject = FAULT_EFFECT_HANG),
	 NULL},
	{OVERLOAD(.capacity = 20000, .burst = 20), "an overload rejects by answer, hang or refuse"},
	{OVERLOAD(.capacity = 20000, .burst = 20, .reject = FAULT_EFFECT_DROP),
	 "an overload rejects by answer, hang or refuse"},
	{OVERLOAD(.burst = 20, .reject = FAULT_EFFECT_HANG),
	 "the capacity is outside 0.001..1000000 a second"},
	{OVERLOAD(.capacity = 20000, .reject = FAULT_EFFECT_HANG),
	 "the burst is outside 1..1000000 requests"},
	{OVERLOAD(.capacity = 20000, .burst = 20, .reject_cost = 10000001,
		  .reject = FAULT_EFFECT_HANG),
	 "a rejected request costs more than 10 requests"},
	{{.effect = FAULT_EFFECT_HANG, .burst = 1},
	 "a capacity belongs to the effect overload only"},
	{{.effect = FAULT_EFFECT_CORRUPT, .every = 4096}, NULL},
	{{.effect = FAULT_EFFECT_CORRUPT, .every = 65536, .after = 1ULL << 40}, NULL},
	{{.effect = FAULT_EFFECT_CORRUPT, .every = 4095},
	 "corrupt changes a byte in 4 KiB to 1 TiB, not in 4095 bytes"},
	{{.effect = FAULT_EFFECT_CORRUPT, .every = 4096, .after = (1ULL << 40) + 1},
	 "corrupt begins after at most 1 TiB, not after 1099511627777"},
	{{.effect = FAULT_EFFECT_CUT, .after = 1, .every = 4096},
	 "a stretch of bytes belongs to the effect corrupt only"},
	{{.effect = FAULT_EFFECT_DELAY, .delay = {.time_ns = NS_PER_MS}}, NULL},
	{{.effect = FAULT_EFFECT_DELAY,
	  .delay = {.time_ns = NS_PER_S,
		    .jitter_ns = 2 * NS_PER_S,
		    .distribution = PLAN_DISTRIBUTION_PARETO,
		    .at_connect = true}},
	 NULL},
	{{.effect = FAULT_EFFECT_DELAY}, "a delay of 0 ns is outside 1ms..1m"},
	{{.effect = FAULT_EFFECT_DELAY, .delay = {.time_ns = 60 * NS_PER_S + 1}},
	 "a delay of 60000000001 ns is outside 1ms..1m"},
	{{.effect = FAULT_EFFECT_DELAY,
	  .delay = {.time_ns = NS_PER_S,
		    .jitter_ns = 61 * NS_PER_S,
		    .distribution = PLAN_DISTRIBUTION_NORMAL}},
	 "a jitter of 61000000000 ns is above 1m"},
	{{.effect = FAULT_EFFECT_DELAY, .delay = {.time_ns = 5 * NS_PER_MS, .distribution = 3}},
	 "3 is no distribution"},
	{{.effect = FAULT_EFFECT_DELAY,
	  .delay = {.time_ns = 5 * NS_PER_MS, .jitter_ns = 5 * NS_PER_MS + 1}},
	 "the jitter is larger than the delay itself"},
	{{.effect = FAULT_EFFECT_HANG, .delay = {.at_connect = true}},
	 "a delay belongs to the effect delay only"},
	{{.effect = FAULT_EFFECT_DRIP, .rate = 1, .terminate = true}, NULL},
	{{.effect = FAULT_EFFECT_DRIP}, "a rate of 0 bytes/s is outside 1..12500000000"},
	{{.effect = FAULT_EFFECT_CERTIFICATE, .certificate = PLAN_CERTIFICATE_EXPIRED}, NULL},
	{{.effect = FAULT_EFFECT_CERTIFICATE}, "0 is no wrong certificate"},
	{{.effect = FAULT_EFFECT_CERTIFICATE, .certificate = 4}, "4 is no wrong certificate"},
	{{.effect = FAULT_EFFECT_ALERT, .alert = 40, .certificate = PLAN_CERTIFICATE_UNTRUSTED},
	 "a certificate belongs to the effect certificate only"},
	{{.effect = FAULT_EFFECT_ANSWER, .terminate = true, .expand = true}, NULL},
	{{.effect = FAULT_EFFECT_HANG, .terminate = true},
	 "the end of TLS belongs to the effects answer, drip and certificate only"},
	{{.effect = FAULT_EFFECT_DRIP, .rate = 1, .expand = true},
	 "a text to be filled in belongs to the effect answer only"},
	{SHAPED(.ramp_to = FAULT_SHARE_ALWAYS, .ramp_over = NS_PER_S), NULL},
	{SHAPED(.ramp_to = FAULT_SHARE_ALWAYS), "a ramp takes no time"},
	{SHAPED(.ramp_to = 1, .ramp_over = 86401 * NS_PER_S), "a ramp takes longer than 24h"},
	{SHAPED(.ramp_to = FAULT_SHARE_ALWAYS + 1, .ramp_over = NS_PER_S),
	 "a ramp goes above 100 %"},
	{SHAPED(.ramp_from = 5, .ramp_to = 5, .ramp_over = NS_PER_S),
	 "a ramp ends where it begins"},
	{{.effect = FAULT_EFFECT_REFUSE,
	  .share = 5,
	  .shape = {.ramp_to = 5, .ramp_over = NS_PER_S}},
	 "a ramp takes the place of the share"},
	{SHAPED(.flap_period = NS_PER_S, .flap_duty = 500000), NULL},
	{SHAPED(.flap_duty = 500000), "a flap has no period"},
	{SHAPED(.flap_period = NS_PER_MS, .flap_duty = 500000),
	 "the period of a flap is outside 100ms..24h"},
	{SHAPED(.flap_period = NS_PER_S), "the duty of a flap is not between 0 % and 100 %"},
	{SHAPED(.flap_period = NS_PER_S, .flap_duty = FAULT_SHARE_ALWAYS),
	 "the duty of a flap is not between 0 % and 100 %"},
	{SHAPED(.budget_hits = 1, .budget_connections = 1000000000, .first = 3), NULL},
	{SHAPED(.first = 1000000001), "a budget or first is above 1000000000"},
	{SHAPED(.budget_connections = 1000000001), "a budget or first is above 1000000000"},
};

static void test_effect_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct failure failure = {0};

		assert_int_equal(plan_effect_check(&cases[i].rule, &failure),
				 cases[i].text ? -EINVAL : 0);
		assert_string_equal(failure.text, cases[i].text ? cases[i].text : "");
	}
}

/* What depends on the match or the answer as well. */
static void test_fit(void **state)
{
	char *name = (char *)"a.example";
	struct plan_rule rule = {
		.fault = (char *)"a",
		.effect = FAULT_EFFECT_DNS,
		.dns = FAULT_DNS_NXDOMAIN,
		.share = FAULT_SHARE_ALWAYS,
		.match = {.udp = true, .cgroups = {.items = (char *[]){(char *)"/a"}, .count = 1}},
	};
	struct plan plan = {.title = (char *)"t",
			    .duration_ns = NS_PER_S,
			    .lease_ns = NS_PER_S,
			    .rules = &rule,
			    .rules_count = 1};
	struct failure failure = {0};

	(void)state;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: effect dns acts on names; none is matched");
	rule.match.names = (struct strings){.items = &name, .count = 1};
	assert_int_equal(plan_validate(&plan, &failure), 0);
	rule.match.tcp = true;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: effect dns acts on udp only");
	rule.match.udp = false;
	rule.effect = FAULT_EFFECT_OVERLOAD;
	rule.dns = 0;
	rule.capacity = rule.burst = 1;
	rule.reject = FAULT_EFFECT_HANG;
	rule.status = 503;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: an answer belongs to the effect answer only");
	rule.reject = FAULT_EFFECT_ANSWER;
	assert_int_equal(plan_validate(&plan, &failure), 0);
	rule.status = 600;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: answer status 600 is outside 200..599");
}

static void test_gate_fits(void **state)
{
	struct strings name = {.items = (char *[]){(char *)"a.example"}, .count = 1};
	struct port_range port = {443, 443};
	struct plan_rule rule = {
		.fault = (char *)"a",
		.effect = FAULT_EFFECT_ANSWER,
		.status = 409,
		.terminate = true,
		.share = FAULT_SHARE_ALWAYS,
		.match = {.tcp = true, .ports = &port, .ports_count = 1},
	};
	struct plan plan = {.title = (char *)"t",
			    .duration_ns = NS_PER_S,
			    .lease_ns = NS_PER_S,
			    .rules = &rule,
			    .rules_count = 1};
	struct failure failure = {0};

	(void)state;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: TLS is ended for names only; none is matched");
	rule.match.names = name;
	assert_int_equal(plan_validate(&plan, &failure), 0);
	rule.existing = PLAN_EXISTING_ADOPT;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text,
			    "fault a: effect answer cannot act on a connection that it adopts");
	rule.existing = PLAN_EXISTING_RESET;
	rule.effect = FAULT_EFFECT_CERTIFICATE;
	rule.certificate = PLAN_CERTIFICATE_UNTRUSTED;
	rule.status = 0;
	rule.match.http = true;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: effect certificate acts before an HTTP request "
					  "is seen; match without http");
	rule.match.http = false;
	assert_int_equal(plan_validate(&plan, &failure), 0);
}

/* Whose it is, where that is not told. */
static void test_owner_is_told(void **state)
{
	struct strings name = {.items = (char *[]){(char *)"a.example"}, .count = 1};
	struct strings command = {.items = (char *[]){(char *)"curl"}, .count = 1};
	struct strings user = {.items = (char *[]){(char *)"1000"}, .count = 1};
	struct strings unit = {.items = (char *[]){(char *)"a.service"}, .count = 1};
	struct plan_rule rule = {
		.fault = (char *)"a",
		.effect = FAULT_EFFECT_DNS,
		.dns = FAULT_DNS_NXDOMAIN,
		.share = FAULT_SHARE_ALWAYS,
		.match = {.udp = true, .names = name, .users = user, .units = unit},
	};
	struct plan plan = {.title = (char *)"t",
			    .duration_ns = NS_PER_S,
			    .lease_ns = NS_PER_S,
			    .rules = &rule,
			    .rules_count = 1};
	struct failure failure = {0};

	(void)state;
	assert_int_equal(plan_validate(&plan, &failure), 0);
	plan.commands = command;
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(
		failure.text,
		"fault a: effect dns sees neither a query's process nor its network namespace");
	plan.commands = (struct strings){0};
	rule.match.interfaces = (struct strings){.items = (char *[]){(char *)"eth0"}, .count = 1};
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: forwarded traffic has no cgroup");
	rule.match.units = (struct strings){0};
	assert_int_equal(plan_validate(&plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault a: forwarded traffic has no process, user or "
					  "network namespace");
	rule.match.users = (struct strings){0};
	assert_int_equal(plan_validate(&plan, &failure), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effect_check),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_gate_fits),
		cmocka_unit_test(test_owner_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
