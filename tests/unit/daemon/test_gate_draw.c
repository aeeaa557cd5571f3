/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "user/daemon/gate_draw.h"
#include "user/experiment/plan.h"

#define MS 1000000ULL

/* What the distributions take for 0, for a half and for the next number below 1. */
#define LEAST 0ULL
#define HALF  (1ULL << 63)
#define MOST  UINT64_MAX

static void test_fixed(void **state)
{
	const struct engine_gate gate = {.delay_ns = 300 * MS,
					 .distribution = PLAN_DISTRIBUTION_NORMAL};

	(void)state;
	assert_int_equal(gate_draw(&gate, LEAST, LEAST), 300 * MS);
	assert_int_equal(gate_draw(&gate, MOST, MOST), 300 * MS);
}

static void test_uniform(void **state)
{
	const struct engine_gate gate = {.delay_ns = 100 * MS, .jitter_ns = 40 * MS};

	(void)state;
	assert_int_equal(gate_draw(&gate, LEAST, LEAST), 60 * MS);
	assert_int_equal(gate_draw(&gate, HALF, LEAST), 100 * MS);
	assert_int_equal(gate_draw(&gate, MOST, LEAST), 140 * MS);
}

static void test_normal(void **state)
{
	const struct engine_gate gate = {.delay_ns = 100 * MS,
					 .jitter_ns = 10 * MS,
					 .distribution = PLAN_DISTRIBUTION_NORMAL};

	(void)state;
	assert_int_equal(gate_draw(&gate, LEAST, LEAST), 100 * MS);
	/* sqrt(2 ln 2) = 1.17741: to either side. */
	assert_in_range(gate_draw(&gate, HALF, LEAST), 111774100, 111774101);
	assert_in_range(gate_draw(&gate, HALF, HALF), 88225899, 88225900);
	/* The longest: sqrt(2 * 53 ln 2) = 8.571674 deviations. */
	assert_in_range(gate_draw(&gate, MOST, LEAST), 185716000, 185717000);
}

static void test_pareto(void **state)
{
	const struct engine_gate gate = {.delay_ns = 100 * MS,
					 .jitter_ns = 10 * MS,
					 .distribution = PLAN_DISTRIBUTION_PARETO};

	(void)state;
	assert_int_equal(gate_draw(&gate, LEAST, LEAST), 100 * MS);
	/* 2 (2^(1/3) - 1) = 0.519842. */
	assert_in_range(gate_draw(&gate, HALF, LEAST), 105198420, 105198422);
	assert_int_equal(gate_draw(&gate, MOST, LEAST), PLAN_DELAY_HIGHEST);
}

static void test_bounds(void **state)
{
	const struct engine_gate gate = {.delay_ns = 10 * MS,
					 .jitter_ns = 100 * MS,
					 .distribution = PLAN_DISTRIBUTION_NORMAL};

	(void)state;
	assert_int_equal(gate_draw(&gate, MOST, HALF), 0);
}

/* The sample's mean is the distribution's. */
static void test_means(void **state)
{
	static const unsigned int distributions[] = {
		PLAN_DISTRIBUTION_UNIFORM, PLAN_DISTRIBUTION_NORMAL, PLAN_DISTRIBUTION_PARETO};
	static const __u64 means[] = {1000 * MS, 1000 * MS, 1010 * MS};
	enum { COUNT = 100000 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct engine_gate gate = {.delay_ns = 1000 * MS,
						 .jitter_ns = 10 * MS,
						 .distribution = (__u8)distributions[i]};
		__u64 sum = 0, random = 1;

		for (int n = 0; n < COUNT; n++) {
			__u64 first = random =
				random * 6364136223846793005ULL + 1442695040888963407ULL;

			random = random * 6364136223846793005ULL + 1442695040888963407ULL;
			sum += gate_draw(&gate, first, random);
		}
		assert_in_range(sum / COUNT, means[i] - MS / 4, means[i] + MS / 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixed),  cmocka_unit_test(test_uniform),
		cmocka_unit_test(test_normal), cmocka_unit_test(test_pareto),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_means),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
