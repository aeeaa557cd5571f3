/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "kernel/link.h"
#include "user/base/cleanup.h"

static void test_reset(void **state)
{
	static const struct {
		enum fault_reset at;
		struct link_facts facts;
		enum link_action action;
	} cases[] = {
		{FAULT_RESET_CONNECT, {.egress = 1, .syn = 1, .opened = 1}, LINK_REFUSE},
		{FAULT_RESET_CONNECT, {.egress = 1, .payload = 9, .opened = 1}, LINK_PASS},
		{FAULT_RESET_CONNECT,
		 {.egress = 1, .payload = 9, .opened = 1, .late = 1},
		 LINK_RESET},
		{FAULT_RESET_CONNECT, {.payload = 9}, LINK_PASS},
		{FAULT_RESET_REQUEST, {.egress = 1, .syn = 1, .opened = 1}, LINK_PASS},
		{FAULT_RESET_REQUEST, {.egress = 1, .opened = 1}, LINK_PASS},
		{FAULT_RESET_REQUEST, {.egress = 1, .payload = 9, .opened = 1}, LINK_RESET},
		{FAULT_RESET_REQUEST, {.egress = 1, .payload = 9}, LINK_PASS},
		{FAULT_RESET_REQUEST,
		 {.egress = 1, .payload = 9, .opened = 1, .requested = 1},
		 LINK_PASS},
		{FAULT_RESET_LIVE, {.egress = 1, .syn = 1, .opened = 1}, LINK_PASS},
		{FAULT_RESET_LIVE, {.egress = 1}, LINK_RESET},
		{FAULT_RESET_LIVE, {.payload = 9}, LINK_RESET},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_rule rule = {.effect = FAULT_EFFECT_RESET,
						.reset_at = (__u8)cases[i].at};

		assert_int_equal(link_action(&rule, &cases[i].facts), cases[i].action);
	}
}

static void test_cut(void **state)
{
	static const struct {
		struct link_facts facts;
		enum link_action action;
	} cases[] = {
		{{.egress = 1, .position = 999}, LINK_LIMIT},
		{{.egress = 1, .position = 1000}, LINK_RESET},
		{{.egress = 1, .syn = 1, .position = 1000}, LINK_PASS},
		{{.position = 1000}, LINK_PASS},
		{{.position = 1001}, LINK_CUT},
	};
	const struct fault_rule rule = {.effect = FAULT_EFFECT_CUT, .after = 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(link_action(&rule, &cases[i].facts), cases[i].action);
}

static void test_rate_and_others(void **state)
{
	const struct link_facts sent = {.egress = 1, .payload = 1}, syn = {.egress = 1, .syn = 1};
	const struct link_facts arrived = {.payload = 1};
	const struct fault_rule rate = {.effect = FAULT_EFFECT_RATE};
	const struct fault_rule drop = {.effect = FAULT_EFFECT_DROP};

	(void)state;
	assert_int_equal(link_action(&rate, &sent), LINK_THROTTLE);
	assert_int_equal(link_action(&rate, &syn), LINK_PASS);
	assert_int_equal(link_action(&rate, &arrived), LINK_PASS);
	assert_int_equal(link_action(&drop, &sent), LINK_PASS);
}

static void test_corrupt(void **state)
{
	const struct fault_rule rule = {
		.effect = FAULT_EFFECT_CORRUPT, .after = 1000, .every = 4096};
	const __u64 draw = corrupt_draw(1, 2), place = corrupt_place(&rule, draw, 0);
	/* The segment that ends behind the place, the ones around it, and what is no data. */
	const struct {
		struct link_facts facts;
		enum link_action action;
	} cases[] = {
		{{.draw = draw, .position = place + 1, .payload = 1}, LINK_CORRUPT},
		{{.draw = draw, .position = place + 500, .payload = 1448}, LINK_CORRUPT},
		{{.draw = draw, .position = place, .payload = (__u32)place}, LINK_PASS},
		{{.draw = draw, .position = place + 2, .payload = 1}, LINK_PASS},
		{{.draw = draw, .position = place + 1}, LINK_PASS},
		{{.draw = draw, .position = place + 1, .payload = 1, .syn = 1}, LINK_PASS},
		{{.draw = draw, .position = place + 1, .payload = 1, .egress = 1}, LINK_PASS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(link_action(&rule, &cases[i].facts), cases[i].action);
}

static void test_position(void **state)
{
	(void)state;
	assert_int_equal(link_position(1000, 1500), 1500);
	assert_int_equal(link_position(1000, 500), 500);
	/* Around the point where the sequence numbers begin again. */
	assert_int_equal(link_position(0x100000010ULL, 0xfffffff0), 0xfffffff0ULL);
	assert_int_equal(link_position(0xfffffff0ULL, 0x10), 0x100000010ULL);
	assert_int_equal(link_position(0x7fffffff0ULL, 0x10), 0x800000010ULL);
}

static void test_dns_flags(void **state)
{
	(void)state;
	assert_int_equal(link_dns_flags(0x0100, FAULT_DNS_NXDOMAIN), 0x8183);
	assert_int_equal(link_dns_flags(0x0000, FAULT_DNS_SERVFAIL), 0x8082);
	/* AD and CD of the query do not come back, nor AA and TC. */
	assert_int_equal(link_dns_flags(0x0730, FAULT_DNS_REFUSED), 0x8185);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset),		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_rate_and_others), cmocka_unit_test(test_position),
		cmocka_unit_test(test_corrupt),		cmocka_unit_test(test_dns_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
