/* SPDX-License-Identifier: Apache-2.0 */
/* Shares that move with time, and the token bucket. */
#include "tests/unit/check.h"

#include "kernel/effect.h"
#include "user/base/cleanup.h"

#define MS     1000000ULL
#define SECOND 1000000000ULL
#define HOUR   (3600 * SECOND)
#define MOST   (~0ULL)

static void test_scale(void **state)
{
	static const struct {
		__u64 value;
		__u32 millionths;
		__u64 result;
	} cases[] = {
		{0, 500000, 0},
		{1, 999999, 0},
		{1, 1000000, 1},
		{10, 500000, 5},
		{999999, 1, 0},
		{1000000, 1, 1},
		{1999999, 500000, 999999},
		{100 * MS, 250000, 25 * MS},
		{MOST, 1000000, MOST},
		{MOST, 0, 0},
		{1000000000000ULL, 0xffffffff, 4294967295000000ULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_true(effect_scale(cases[i].value, cases[i].millionths) == cases[i].result);
}

static void test_part(void **state)
{
	static const struct {
		__u32 share;
		__u64 part, whole;
		__u32 result;
	} cases[] = {
		{1000000, 0, 1, 0},
		{1000000, 1, 1, 1000000},
		{1000000, 1, 3, 333333},
		{0, 1, 3, 0},
		{1000000, (1ULL << 43) - 1, (1ULL << 43) - 1, 1000000},
		{1000000, 1ULL << 42, 1ULL << 43, 500000},
		{1000000, MOST, MOST, 1000000},
		{1000000, MOST / 4, MOST, 249999},
		{1000000, 24 * HOUR, 7 * 24 * HOUR, 142857},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(effect_part(cases[i].share, cases[i].part, cases[i].whole),
				 cases[i].result);
}

static void test_ramp(void **state)
{
	static const struct {
		__u32 from, to;
		__u64 over, since;
		__u32 share;
	} cases[] = {
		/* Without one, the rule's own share. */
		{0, 1000000, 0, 0, 123456},
		{0, 1000000, 0, 5 * SECOND, 123456},
		/* Up. */
		{0, 1000000, 10 * SECOND, 0, 0},
		{0, 1000000, 10 * SECOND, 1, 0},
		{0, 1000000, 10 * SECOND, 10000, 1},
		{0, 1000000, 10 * SECOND, 5 * SECOND, 500000},
		{0, 1000000, 10 * SECOND, 10 * SECOND - 1, 999999},
		{0, 1000000, 10 * SECOND, 10 * SECOND, 1000000},
		{0, 1000000, 10 * SECOND, MOST, 1000000},
		{200000, 800000, 6 * SECOND, SECOND, 300000},
		/* Down. */
		{1000000, 0, 10 * SECOND, 0, 1000000},
		{1000000, 0, 10 * SECOND, 4 * SECOND, 600000},
		{1000000, 0, 10 * SECOND, 10 * SECOND, 0},
		{800000, 200000, 6 * SECOND, 5 * SECOND, 300000},
		/* Level, as short and as long as can be. */
		{300000, 300000, SECOND, SECOND / 2, 300000},
		{0, 1000000, 1, 0, 0},
		{0, 1000000, 1, 1, 1000000},
		{0, 1000000, MOST, MOST / 2, 499999},
		{0, 1000000, 24 * HOUR, 6 * HOUR, 249999},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_rule rule = {.share = 123456,
						.shape = {.ramp_over = cases[i].over,
							  .ramp_from = cases[i].from,
							  .ramp_to = cases[i].to}};

		assert_int_equal(effect_ramp(&rule, 77, 77 + cases[i].since), cases[i].share);
	}
}

/* To the nanosecond: the first and the last moment of each part, many periods later as well. */
static void test_flap(void **state)
{
	static const struct {
		__u64 period;
		__u32 duty;
		__u64 since;
		int acts;
	} cases[] = {
		{0, 0, 5, 1},
		{10 * SECOND, 1000000, 10 * SECOND - 1, 1},
		{10 * SECOND, 0, 0, 0},
		{10 * SECOND, 500000, 0, 1},
		{10 * SECOND, 500000, 5 * SECOND - 1, 1},
		{10 * SECOND, 500000, 5 * SECOND, 0},
		{10 * SECOND, 500000, 10 * SECOND - 1, 0},
		{10 * SECOND, 500000, 10 * SECOND, 1},
		{10 * SECOND, 500000, 1000000 * SECOND, 1},
		{10 * SECOND, 500000, 1000005 * SECOND - 1, 1},
		{10 * SECOND, 500000, 1000005 * SECOND, 0},
		{100 * MS, 1, 0, 1},
		{100 * MS, 1, 99, 1},
		{100 * MS, 1, 100, 0},
		{1, 999999, 0, 0},
		{MOST, 500000, MOST / 2 - 1, 1},
		{MOST, 500000, MOST - 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_shape shape = {.flap_period = cases[i].period,
						  .flap_duty = cases[i].duty};

		assert_int_equal(effect_flap(&shape, cases[i].since), cases[i].acts);
	}
}

static void test_fall(void **state)
{
	static const struct {
		__u64 whole;
		__u32 steps, share;
		__u64 done;
		__u32 left;
	} cases[] = {
		/* Smooth. */
		{120 * SECOND, 0, 1000000, 0, 1000000},
		{120 * SECOND, 0, 1000000, 30 * SECOND, 750000},
		{120 * SECOND, 0, 400000, 60 * SECOND, 200000},
		{120 * SECOND, 0, 1000000, 120 * SECOND - 1, 0},
		{120 * SECOND, 0, 1000000, 120 * SECOND, 0},
		/* Four stages. */
		{120 * SECOND, 4, 1000000, 0, 1000000},
		{120 * SECOND, 4, 1000000, 30 * SECOND - 1, 1000000},
		{120 * SECOND, 4, 1000000, 30 * SECOND, 750000},
		{120 * SECOND, 4, 1000000, 60 * SECOND - 1, 750000},
		{120 * SECOND, 4, 1000000, 60 * SECOND, 500000},
		{120 * SECOND, 4, 1000000, 90 * SECOND, 250000},
		{120 * SECOND, 4, 1000000, 120 * SECOND - 1, 250000},
		{120 * SECOND, 4, 1000000, 120 * SECOND, 0},
		{120 * SECOND, 4, 500000, 90 * SECOND, 125000},
		/* One: a cliff at the end. */
		{SECOND, 1, 1000000, SECOND - 1, 1000000},
		{SECOND, 1, 1000000, SECOND, 0},
		/* A rest of the division; more steps than nanoseconds; longest. */
		{10, 3, 900000, 8, 300000},
		{10, 3, 900000, 9, 300000},
		{10, 3, 900000, 10, 0},
		{10, 0xffffffff, 1000000, 5, 500000},
		{MOST - 1000, 2, 1000000, MOST / 2, 500000},
		{MOST - 1000, 0, 1000000, MOST / 2, 499999},
		{0, 4, 1000000, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_window window = {.falls_at = 1000,
						    .ends_at = 1000 + cases[i].whole,
						    .fall_steps = cases[i].steps};

		assert_int_equal(effect_fall(&window, cases[i].share, 1000 + cases[i].done),
				 cases[i].left);
	}
}

/* What is hit under a share that rises, falls in stages and flaps, all at once. */
static void test_share_at(void **state)
{
	const struct fault_rule rule = {.share = 10,
					.shape = {.ramp_over = 10 * SECOND,
						  .ramp_from = 0,
						  .ramp_to = 1000000,
						  .flap_period = SECOND,
						  .flap_duty = 500000}};
	const struct fault_window planned = {.starts_at = SECOND, .ends_at = 100 * SECOND};
	const struct fault_window lifted = {.starts_at = SECOND,
					    .falls_at = 6 * SECOND,
					    .ends_at = 10 * SECOND,
					    .fall_steps = 2};
	const struct fault_window early = {
		.starts_at = 5 * SECOND, .falls_at = SECOND, .ends_at = 9 * SECOND};

	(void)state;
	assert_int_equal(effect_share_at(&rule, &planned, SECOND), 0);
	assert_int_equal(effect_share_at(&rule, &planned, 2 * SECOND), 100000);
	assert_int_equal(effect_share_at(&rule, &planned, 2 * SECOND + SECOND / 2 - 1), 149999);
	assert_int_equal(effect_share_at(&rule, &planned, 2 * SECOND + SECOND / 2), 0);
	assert_int_equal(effect_share_at(&rule, &planned, 50 * SECOND), 1000000);
	/* The ramp stops where the staged lift found it. */
	assert_int_equal(effect_share_at(&rule, &lifted, 5 * SECOND), 400000);
	assert_int_equal(effect_share_at(&rule, &lifted, 6 * SECOND), 500000);
	assert_int_equal(effect_share_at(&rule, &lifted, 7 * SECOND), 500000);
	assert_int_equal(effect_share_at(&rule, &lifted, 7 * SECOND + SECOND / 2), 0);
	assert_int_equal(effect_share_at(&rule, &lifted, 8 * SECOND), 250000);
	assert_int_equal(effect_share_at(&rule, &lifted, 10 * SECOND), 0);
	/* A fall from before the start finds the ramp's beginning. */
	assert_int_equal(effect_share_at(&rule, &early, 8 * SECOND), 0);
}

static void test_kinds(void **state)
{
	static const struct {
		__u32 effect, reject;
		int connects, packets, requests, lasting;
	} cases[] = {
		{FAULT_EFFECT_REFUSE, 0, 1, 0, 0, 0},
		{FAULT_EFFECT_UNREACHABLE, 0, 1, 0, 0, 0},
		{FAULT_EFFECT_DROP, 0, 1, 1, 0, 1},
		{FAULT_EFFECT_LOSS, 0, 1, 1, 0, 1},
		{FAULT_EFFECT_STALL, 0, 1, 1, 0, 1},
		{FAULT_EFFECT_HANG, 0, 0, 0, 0, 1},
		{FAULT_EFFECT_ANSWER, 0, 0, 0, 1, 0},
		{FAULT_EFFECT_ALERT, 0, 0, 0, 0, 0},
		{FAULT_EFFECT_RESET, 0, 0, 0, 0, 1},
		{FAULT_EFFECT_CUT, 0, 0, 0, 0, 1},
		{FAULT_EFFECT_RATE, 0, 0, 0, 0, 1},
		{FAULT_EFFECT_DNS, 0, 0, 0, 0, 0},
		{FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_REFUSE, 1, 0, 0, 0},
		{FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_HANG, 0, 0, 0, 0},
		{FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_ANSWER, 0, 0, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		__u32 effect = cases[i].effect, reject = cases[i].reject;

		assert_int_equal(effect_is_of_connects(effect, reject), cases[i].connects);
		assert_int_equal(effect_is_of_packets(effect), cases[i].packets);
		assert_int_equal(effect_is_of_requests(effect, reject), cases[i].requests);
		assert_int_equal(effect_is_lasting(effect), cases[i].lasting);
	}
}

/* Asks `per_second` times a second for `seconds`; how many were admitted. */
static __u64 offer(const struct effect_bucket *bucket, __u64 *full_at, __u64 from, __u64 per_second,
		   __u64 seconds)
{
	__u64 admitted = 0;

	for (__u64 i = 0; i < per_second * seconds; i++)
		admitted +=
			(__u64)effect_bucket_take(bucket, full_at, from + i * SECOND / per_second);
	return admitted;
}

/* Capacity times time plus burst, whatever the rate, and nothing lost below capacity. */
static void test_bucket_admits(void **state)
{
	static const __u64 rates[] = {1, 3, 7, 20, 200, 2000, 33333};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		const struct fault_rule rule = {.capacity = rates[i] * 1000, .burst = rates[i]};
		struct effect_bucket bucket;
		__u64 full_at = 0, admitted;

		effect_bucket_set(&bucket, &rule);
		admitted = offer(&bucket, &full_at, 5 * SECOND, rates[i] * 4, 10);
		/* The period is whole nanoseconds. */
		assert_true(admitted + 1 >= rates[i] * 11 &&
			    admitted <= rates[i] * 11 + rates[i] / 2000 + 1);
		full_at = 0;
		admitted = offer(&bucket, &full_at, 5 * SECOND, rates[i], 10);
		assert_int_equal(admitted, rates[i] * 10);
	}
}

static void test_bucket_bounds(void **state)
{
	struct effect_bucket bucket;
	__u64 full_at = 0;

	(void)state;
	/* No capacity: nothing. */
	effect_bucket_set(&bucket, &(struct fault_rule){.burst = 10});
	assert_false(effect_bucket_take(&bucket, &full_at, SECOND));
	/* A burst of 0 is one of 1. */
	effect_bucket_set(&bucket, &(struct fault_rule){.capacity = 1000});
	full_at = 0;
	assert_true(effect_bucket_take(&bucket, &full_at, SECOND));
	assert_false(effect_bucket_take(&bucket, &full_at, SECOND));
	assert_false(effect_bucket_take(&bucket, &full_at, 2 * SECOND - 1));
	assert_true(effect_bucket_take(&bucket, &full_at, 2 * SECOND));
	/* More capacity than nanoseconds: no limit. */
	effect_bucket_set(&bucket, &(struct fault_rule){.capacity = 1000000000001ULL, .burst = 1});
	full_at = 0;
	for (int i = 0; i < 1000; i++)
		assert_true(effect_bucket_take(&bucket, &full_at, SECOND));
	/* The slowest, the deepest and the dearest overflow nothing. */
	effect_bucket_set(
		&bucket,
		&(struct fault_rule){.capacity = 1, .burst = MOST, .reject_cost = 0xffffffff});
	assert_true(bucket.period == 1000 * SECOND);
	assert_true(bucket.depth == EFFECT_BUCKET_MAX);
	assert_true(bucket.reject == 4294967295000000ULL);
	full_at = 0;
	for (int i = 0; i < 1000; i++)
		assert_true(effect_bucket_take(&bucket, &full_at, 30 * 365 * 24 * HOUR));
	effect_bucket_set(
		&bucket,
		&(struct fault_rule){.capacity = MOST, .burst = MOST, .reject_cost = 1000000});
	full_at = 0;
	assert_true(effect_bucket_take(&bucket, &full_at, SECOND));
}

/* With a reject's cost of c, an offered load of R leaves (C - cR) / (1 - c) of capacity C. */
static void test_bucket_collapses(void **state)
{
	static const struct {
		__u32 cost;
		__u64 per_second, goodput; /* the latter of 100 s */
	} cases[] = {
		{0, 100, 2000},	   {500000, 20, 2000}, {500000, 30, 1000},  {500000, 40, 0},
		{500000, 1000, 0}, {250000, 60, 667},  {100000, 100, 1111}, {1000000, 21, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fault_rule rule = {
			.capacity = 20000, .burst = 20, .reject_cost = cases[i].cost};
		struct effect_bucket bucket;
		__u64 full_at = 0, admitted;

		effect_bucket_set(&bucket, &rule);
		offer(&bucket, &full_at, SECOND, cases[i].per_second, 100);
		admitted = offer(&bucket, &full_at, 101 * SECOND, cases[i].per_second, 100);
		assert_true(admitted + 2 >= cases[i].goodput && admitted <= cases[i].goodput + 2);
	}
}

/* However long it lasted: the first request after burst + 1 tokens, a full bucket after two. */
static void test_bucket_recovers(void **state)
{
	const struct fault_rule rule = {.capacity = 20000, .burst = 20, .reject_cost = 1000000};
	struct effect_bucket bucket;
	__u64 full_at = 0, now = 101 * SECOND, period = SECOND / 20, waiting;

	(void)state;
	effect_bucket_set(&bucket, &rule);
	offer(&bucket, &full_at, SECOND, 1000, 100);
	assert_false(effect_bucket_take(&bucket, &full_at, now));
	assert_true(full_at - now == 2 * 20 * period);
	waiting = full_at;
	assert_false(effect_bucket_take(&bucket, &waiting, now + 21 * period - 1));
	waiting = full_at;
	assert_true(effect_bucket_take(&bucket, &waiting, now + 21 * period));
	for (int i = 0; i < 20; i++)
		assert_true(effect_bucket_take(&bucket, &full_at, now + 40 * period));
	assert_false(effect_bucket_take(&bucket, &full_at, now + 40 * period));
}

/* A clock that another CPU reads earlier takes nothing back and gives nothing twice. */
static void test_bucket_clock_behind(void **state)
{
	struct effect_bucket bucket;
	__u64 full_at = 0;

	(void)state;
	effect_bucket_set(&bucket, &(struct fault_rule){.capacity = 1000, .burst = 2});
	assert_true(effect_bucket_take(&bucket, &full_at, 10 * SECOND));
	assert_false(effect_bucket_take(&bucket, &full_at, 10 * SECOND - 1));
	assert_true(full_at == 11 * SECOND);
	assert_true(effect_bucket_take(&bucket, &full_at, 10 * SECOND));
	assert_false(effect_bucket_take(&bucket, &full_at, 10 * SECOND));
	assert_true(full_at == 12 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_part),
		cmocka_unit_test(test_ramp),
		cmocka_unit_test(test_flap),
		cmocka_unit_test(test_fall),
		cmocka_unit_test(test_share_at),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_bucket_admits),
		cmocka_unit_test(test_bucket_bounds),
		cmocka_unit_test(test_bucket_collapses),
		cmocka_unit_test(test_bucket_recovers),
		cmocka_unit_test(test_bucket_clock_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
