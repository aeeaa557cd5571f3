/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "kernel/effect.h"
#include "user/base/cleanup.h"

#define DRAWS 1000000U
#define SEED  0x243f6a8885a308d3ULL

static void test_window(void **state)
{
	static const struct {
		__u64 starts_at, ends_at, now;
		enum fault_reason reason;
	} cases[] = {
		{100, 200, 99, FAULT_REASON_OUTSIDE_WINDOW},
		{100, 200, 100, FAULT_REASON_HIT},
		{100, 200, 199, FAULT_REASON_HIT},
		{100, 200, 200, FAULT_REASON_OUTSIDE_WINDOW},
		{100, 200, 0, FAULT_REASON_OUTSIDE_WINDOW},
		{100, 200, ~0ULL, FAULT_REASON_OUTSIDE_WINDOW},
		{100, 101, 100, FAULT_REASON_HIT},
		/* Not injected, empty, backwards. */
		{0, 0, 0, FAULT_REASON_OUTSIDE_WINDOW},
		{0, 0, 100, FAULT_REASON_OUTSIDE_WINDOW},
		{100, 100, 100, FAULT_REASON_OUTSIDE_WINDOW},
		{200, 100, 150, FAULT_REASON_OUTSIDE_WINDOW},
		{0, 1, 0, FAULT_REASON_HIT},
		{0, ~0ULL, ~0ULL - 1, FAULT_REASON_HIT},
	};
	const struct fault_control control = {.lease_until = ~0ULL, .deadline = ~0ULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_window window = {.starts_at = cases[i].starts_at,
						    .ends_at = cases[i].ends_at};

		assert_int_equal(effect_live(&control, &window, cases[i].now), cases[i].reason);
	}
}

static void test_lease_and_deadline(void **state)
{
	static const struct {
		__u64 lease_until, deadline, now;
		enum fault_reason reason;
	} cases[] = {
		{150, 180, 149, FAULT_REASON_HIT},
		{150, 180, 150, FAULT_REASON_LEASE_EXPIRED},
		{180, 150, 149, FAULT_REASON_HIT},
		{180, 150, 150, FAULT_REASON_LEASE_EXPIRED},
		{0, ~0ULL, 150, FAULT_REASON_LEASE_EXPIRED},
		{~0ULL, 0, 150, FAULT_REASON_LEASE_EXPIRED},
		{~0ULL, ~0ULL, 150, FAULT_REASON_HIT},
		/* What the window says comes first. */
		{0, 0, 99, FAULT_REASON_OUTSIDE_WINDOW},
		{0, 0, 200, FAULT_REASON_OUTSIDE_WINDOW},
	};
	const struct fault_window window = {.starts_at = 100, .ends_at = 200};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_control control = {.lease_until = cases[i].lease_until,
						      .deadline = cases[i].deadline};

		assert_int_equal(effect_live(&control, &window, cases[i].now), cases[i].reason);
	}
}

/* The first values of splitmix64 from seed 0. */
static void test_mix(void **state)
{
	static const __u64 values[] = {0xe220a8397b1dcdafULL, 0x6e789e6aa1b965f4ULL,
				       0x06c45d188009454fULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_true(effect_mix((i + 1) * 0x9e3779b97f4a7c15ULL) == values[i]);
	assert_true(effect_mix(0) == 0);
}

#define Z_99	2.5758 /* 99% of a normal distribution lie this many deviations from its mean */
#define Z_99_16 3.4205 /* of the furthest of 16 */

/* Fails unless `hits` of DRAWS are within `z` deviations of a binomial of `share` per million. */
static void check_binomial(__u32 hits, double share, double z)
{
	double p = share / FAULT_SHARE_ALWAYS, off = hits - DRAWS * p;

	if (off * off > z * z * DRAWS * p * (1 - p))
		fail_msg("%u hits of %u for a share of %.0f", hits, DRAWS, share);
}

static const __u32 shares[] = {100, 1000, 10000, 50000, 300000, 500000, 700000, 990000, 999900};

static void test_share_of_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++) {
		for (__u32 rule = 0; rule < FAULT_RULES_MAX; rule += 21) {
			__u32 hits = 0;

			for (__u64 number = 0; number < DRAWS; number++)
				hits += effect_share(SEED, number, rule, shares[i]) != 0;
			check_binomial(hits, shares[i], Z_99_16);
		}
	}
}

static void test_share_of_seeds(void **state)
{
	__u32 hits = 0;

	(void)state;
	for (__u64 seed = 0; seed < DRAWS; seed++)
		hits += effect_share(seed, 1, 0, 300000) != 0;
	check_binomial(hits, 300000, Z_99);
}

/* Two draws that differ in one of rule, number or seed hit together as often as chance has them. */
static void test_independence(void **state)
{
	static const struct {
		__u64 seed, number;
		__u32 rule;
	} steps[] = {
		{0, 0, 1}, {0, 0, 60}, {0, 1, 0}, {0, 64, 0}, {0, 1ULL << 32, 0}, {1, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		__u32 both = 0, one = 0;

		for (__u64 number = 0; number < DRAWS; number++) {
			int first = effect_share(SEED, number, 3, 300000);
			int second = effect_share(SEED + steps[i].seed, number + steps[i].number,
						  3 + steps[i].rule, 300000);

			both += first && second;
			one += first != second;
		}
		check_binomial(both, 90000, Z_99_16);
		check_binomial(one, 420000, Z_99_16);
	}
}

static void test_share_bounds(void **state)
{
	(void)state;
	for (__u64 number = 0; number < DRAWS; number++) {
		assert_false(effect_share(SEED, number, 0, 0));
		assert_true(effect_share(SEED, number, 0, FAULT_SHARE_ALWAYS));
		assert_true(effect_share(SEED, number, 0, FAULT_SHARE_ALWAYS + 1));
		assert_true(effect_share(SEED, number, 0, 0xffffffff));
	}
	/* Draw 0 is below the smallest share, and never below none. */
	assert_false(effect_share(0, 0, 0, 0));
	assert_true(effect_share(0, 0, 0, 1));
}

/* Who is hit by a small share is hit by every larger one: a ramp adds clients, it does not swap
 * them. And a draw is the same whenever it is asked for. */
static void test_share_grows(void **state)
{
	(void)state;
	for (__u64 number = 0; number < 10000; number++) {
		int before = 0;

		for (__u32 share = 0; share <= FAULT_SHARE_ALWAYS; share += 50000) {
			int hit = effect_share(SEED, number, 2, share);

			assert_true(hit >= before);
			assert_int_equal(effect_share(SEED, number, 2, share), hit);
			before = hit;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_lease_and_deadline),
		cmocka_unit_test(test_mix),
		cmocka_unit_test(test_share_of_numbers),
		cmocka_unit_test(test_share_of_seeds),
		cmocka_unit_test(test_independence),
		cmocka_unit_test(test_share_bounds),
		cmocka_unit_test(test_share_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
