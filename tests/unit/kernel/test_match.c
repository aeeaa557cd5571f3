/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "kernel/match.h"
#include "user/base/cleanup.h"

/* Rules of the tests, by what they match and by the layer that carries them. */
enum {
	PLAIN = 1 << 0,	      /* connect layer, address */
	NAMED = 1 << 1,	      /* connect layer, name */
	NAMED_OTHER = 1 << 2, /* connect layer, another name */
	HTTP = 1 << 3,	      /* message layer, HTTP */
	HTTP_NAMED = 1 << 4,  /* message layer, HTTP and name */
	ALERT = 1 << 5,	      /* message layer, name */
	HANG = 1 << 6,	      /* message layer, address */
	LOST = 1 << 7,	      /* packet layer, address */
	ALL = (1 << 8) - 1,
};

static const struct fault_control control = {
	.connect_rules = PLAIN | NAMED | NAMED_OTHER,
	.message_rules = HTTP | HTTP_NAMED | ALERT | HANG,
	.packet_rules = LOST,
	.name_rules = NAMED | NAMED_OTHER | HTTP_NAMED | ALERT,
	.http_rules = HTTP | HTTP_NAMED,
	.all_rules = ALL,
};

#define NOW 1000

static void look_all(struct fault_look *look)
{
	*look = (struct fault_look){
		.port = {.rules = ALL},
		.destination = {.rules = ALL},
		.cgroup = ALL,
	};
}

static void test_lowest(void **state)
{
	__u64 noise = 0x9e3779b97f4a7c15ULL;

	(void)state;
	for (__u32 bit = 0; bit < 64; bit++) {
		assert_int_equal(mask_lowest(1ULL << bit), bit);
		assert_int_equal(mask_lowest(~0ULL << bit), bit);
		noise = noise * 6364136223846793005ULL + 1;
		assert_int_equal(mask_lowest((noise | 1) << bit), bit);
	}
	/* There is none, but the index stays in the map. */
	assert_in_range(mask_lowest(0), 0, FAULT_RULES_MAX - 1);
}

/* Every dimension must let a rule pass. */
static void test_dimensions(void **state)
{
	struct fault_match match;
	struct fault_look look;

	(void)state;
	look_all(&look);
	match_flow(&control, &look, NOW, &match);
	assert_true(match.candidates == ALL);
	look.port.rules = PLAIN | LOST;
	match_flow(&control, &look, NOW, &match);
	assert_true(match.candidates == (PLAIN | LOST));
	look.destination.rules = LOST | HANG;
	match_flow(&control, &look, NOW, &match);
	assert_true(match.candidates == LOST);
	look.cgroup = PLAIN;
	match_flow(&control, &look, NOW, &match);
	assert_true(match.candidates == 0);
	assert_true(match.decided == 0);
	assert_true(match_needs_look(&control, &match) == 0);
}

/* An address of which nothing is known decides no rule that names hosts. */
static void test_unknown_address(void **state)
{
	struct fault_match match;
	struct fault_look look;

	(void)state;
	look_all(&look);
	match_flow(&control, &look, NOW, &match);
	assert_true(match.by_address == 0);
	assert_true(match.shared == 0);
	assert_true(match.decided == (PLAIN | HANG | LOST));
	assert_true(match.protected_rules == 0);
	/* The message layer looks for its own and for what only a name can tell. */
	assert_true(match_needs_look(&control, &match) ==
		    (NAMED | NAMED_OTHER | HTTP | HTTP_NAMED | ALERT | HANG));
}

static void test_exclusive_address(void **state)
{
	struct fault_match match;
	struct fault_look look;

	(void)state;
	look_all(&look);
	look.learned = (struct fault_learned){
		.mask = NAMED | HTTP_NAMED | ALERT,
		.other = NAMED_OTHER,
		.expires = NOW + 1,
	};
	match_flow(&control, &look, NOW, &match);
	assert_true(match.by_address == (NAMED | HTTP_NAMED | ALERT));
	assert_true(match.shared == 0);
	/* Nothing that needs a request is decided. */
	assert_true(match.decided == (PLAIN | NAMED | ALERT | HANG | LOST));
	assert_true(match_needs_look(&control, &match) ==
		    (NAMED_OTHER | HTTP | HTTP_NAMED | ALERT | HANG));
}

static void test_shared_address(void **state)
{
	struct fault_match match;
	struct fault_look look;

	(void)state;
	look_all(&look);
	look.learned = (struct fault_learned){
		.mask = NAMED | NAMED_OTHER | ALERT,
		.other = NAMED | ALERT | HTTP_NAMED,
		.expires = NOW + 1,
	};
	match_flow(&control, &look, NOW, &match);
	assert_true(match.by_address == NAMED_OTHER);
	assert_true(match.shared == (NAMED | ALERT));
	assert_true(match.decided == (PLAIN | NAMED_OTHER | HANG | LOST));
	assert_true(match_needs_look(&control, &match) & NAMED);
}

static void test_learned_expires(void **state)
{
	struct fault_match match;
	struct fault_look look;

	(void)state;
	look_all(&look);
	look.learned = (struct fault_learned){.mask = NAMED, .expires = NOW};
	match_flow(&control, &look, NOW - 1, &match);
	assert_true(match.by_address == NAMED);
	match_flow(&control, &look, NOW, &match);
	assert_true(match.by_address == 0);
	assert_true(match.shared == 0);
	assert_false(match.decided & NAMED);
	/* What is learned of rules that another dimension rules out, or that name nobody. */
	look.learned = (struct fault_learned){.mask = ~0ULL, .expires = NOW + 1};
	look.cgroup = PLAIN | NAMED;
	match_flow(&control, &look, NOW, &match);
	assert_true(match.by_address == NAMED);
	assert_true(match.decided == (PLAIN | NAMED));
}

static void test_protection(void **state)
{
	struct fault_match match;
	struct fault_look look;

	(void)state;
	look_all(&look);
	look.learned = (struct fault_learned){.mask = NAMED, .expires = NOW + 1};
	look.port.protect = 6;
	look.destination.protect = 9; /* other entries: port and prefix must be of the same one */
	match_flow(&control, &look, NOW, &match);
	assert_true(match.protected_rules == 0);
	assert_true(match.candidates == ALL);
	look.destination.protect = 1ULL << 63 | 2;
	match_flow(&control, &look, NOW, &match);
	assert_true(match.protected_rules == ALL);
	assert_true(match.candidates == 0);
	assert_true(match.by_address == 0);
	assert_true(match.shared == 0);
	assert_true(match.decided == 0);
	assert_true(match_needs_look(&control, &match) == 0);
	/* Only what would have matched counts as protected. */
	look.cgroup = LOST;
	match_flow(&control, &look, NOW, &match);
	assert_true(match.protected_rules == LOST);
}

/* All that a stream can show: a name or none, in the clear or not. */
static void test_stream(void **state)
{
	static const struct {
		__u64 candidates, by_address, names, paths, wanted;
		int has_name, http;
	} cases[] = {
		/* No name: rules that name hosts hit by address alone. */
		{ALL, 0, 0, 0, PLAIN | HANG | LOST, 0, 0},
		{ALL, NAMED | HTTP_NAMED, 0, 0, PLAIN | HANG | LOST | NAMED, 0, 0},
		{ALL, HTTP_NAMED, 0, ALL, ALL & ~(NAMED | NAMED_OTHER | ALERT), 0, 1},
		/* A name decides, whatever the address says. */
		{ALL, NAMED, ALL & ~NAMED, 0, ALL & ~(NAMED | HTTP | HTTP_NAMED), 1, 0},
		{ALL, 0, PLAIN | ALERT, 0, PLAIN | ALERT, 1, 0},
		{ALL, ALL, 0, ALL, 0, 1, 1},
		/* In the clear the path decides too. */
		{ALL, 0, ALL, ALL & ~HTTP, ALL & ~HTTP, 1, 1},
		{ALL, 0, ALL & ~NAMED, ALL & ~HTTP_NAMED, ALL & ~(NAMED | HTTP_NAMED), 1, 1},
		{ALL, 0, ALL, 0, 0, 1, 1},
		/* Never more than the candidates. */
		{HTTP, ~0ULL, ~0ULL, ~0ULL, HTTP, 1, 1},
		{HTTP, ~0ULL, ~0ULL, ~0ULL, 0, 1, 0},
		{0, ~0ULL, ~0ULL, ~0ULL, 0, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__u64 mask = match_stream(&control, cases[i].candidates, cases[i].by_address,
					  cases[i].has_name, cases[i].names, cases[i].http,
					  cases[i].paths);

		if (mask != cases[i].wanted)
			fail_msg("case %zu: %llx", i, (unsigned long long)mask);
	}
}

static void test_method(void **state)
{
	struct fault_rule rule = {.methods = 0};

	(void)state;
	for (__u32 method = 0; method < FAULT_METHOD_COUNT; method++) {
		rule.methods = 0;
		assert_true(match_method(&rule, method));
		rule.methods = (__u16)(1U << method);
		for (__u32 other = 0; other < FAULT_METHOD_COUNT; other++)
			assert_int_equal(match_method(&rule, other), other == method);
	}
	rule.methods = 1U << FAULT_METHOD_GET | 1U << FAULT_METHOD_HEAD;
	assert_true(match_method(&rule, FAULT_METHOD_GET));
	assert_true(match_method(&rule, FAULT_METHOD_HEAD));
	assert_false(match_method(&rule, FAULT_METHOD_OTHER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lowest),		cmocka_unit_test(test_dimensions),
		cmocka_unit_test(test_unknown_address), cmocka_unit_test(test_exclusive_address),
		cmocka_unit_test(test_shared_address),	cmocka_unit_test(test_learned_expires),
		cmocka_unit_test(test_protection),	cmocka_unit_test(test_stream),
		cmocka_unit_test(test_method),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
