/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "kernel/throttle.h"
#include "user/base/cleanup.h"

#define MS     1000000ULL
#define SECOND 1000000000ULL

static void test_bytes(void **state)
{
	(void)state;
	assert_int_equal(throttle_bytes(125000, SECOND), 125000);
	assert_int_equal(throttle_bytes(125000, MS), 125);
	assert_int_equal(throttle_bytes(1, SECOND - 1000), 0);
	/* 100 Gbit/s over a minute. */
	assert_int_equal(throttle_bytes(12500000000ULL, 60 * SECOND), 750000000000ULL);
}

static void test_start(void **state)
{
	struct throttle slow = {}, fast = {};

	(void)state;
	assert_int_equal(throttle_window(&slow, 1000, 7, SECOND), THROTTLE_START_BYTES);
	assert_int_equal(throttle_window(&fast, 12500000, 7, SECOND), 250000);
}

/* Whatever the sender does with the window, what is acknowledged follows the rate. */
static void test_long_run(void **state)
{
	static const __u64 rates[] = {125000, 1250000, 12500000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		struct throttle throttle = {};
		__u64 now = SECOND, sent = 0;

		for (; now < 11 * SECOND; now += 200 * MS) {
			__u64 window = throttle_window(&throttle, rates[i], (__u32)sent, now);

			sent += window / 1024 * 1024;
			throttle_window(&throttle, rates[i], (__u32)sent, now + 30000);
		}
		assert_in_range(sent, rates[i] * 98 / 10, rates[i] * 102 / 10);
	}
}

static void test_credit_is_bounded(void **state)
{
	struct throttle throttle = {};

	(void)state;
	throttle_window(&throttle, 1000000, 0, SECOND);
	assert_int_equal(throttle_window(&throttle, 1000000, 0, 10 * SECOND), 1000000);
	assert_int_equal(throttle_window(&throttle, 1000000, 0, ~0ULL), 1000000);
	/* More than was allowed is paid back. */
	assert_int_equal(throttle_window(&throttle, 1000000, 1500000, ~0ULL), 0);
}

static void test_old_and_wrapping_acknowledgements(void **state)
{
	struct throttle throttle = {};

	(void)state;
	throttle_window(&throttle, 1000000, 0xfffffff0, SECOND);
	assert_int_equal(throttle.credit, 20000);
	throttle_window(&throttle, 1000000, 0xffffff00, SECOND);
	assert_int_equal(throttle.credit, 20000);
	throttle_window(&throttle, 1000000, 16, SECOND);
	assert_int_equal(throttle.credit, 20000 - 32);
}

static void test_field(void **state)
{
	(void)state;
	assert_int_equal(throttle_field(500, 7, 1280), 10);
	assert_int_equal(throttle_field(5, 7, 1280), 5);
	assert_int_equal(throttle_field(0, 7, 1280), 0);
	/* Never shut while a unit is less than a segment. */
	assert_int_equal(throttle_field(500, 7, 0), 1);
	assert_int_equal(throttle_field(500, 10, 1023), 1);
	assert_int_equal(throttle_field(500, 11, 2047), 0);
}

static void test_scale(void **state)
{
	(void)state;
	assert_int_equal(throttle_scale(65535, 65535), 0);
	assert_int_equal(throttle_scale(64256, 502), 7);
	assert_int_equal(throttle_scale(65536, 64), 10);
	assert_int_equal(throttle_scale(1 << 30, 65535), 14);
	assert_int_equal(throttle_scale(0, 0), 0);
}

static void test_limit(void **state)
{
	(void)state;
	assert_int_equal(throttle_limit(1000000, 7), 1000000 - THROTTLE_LAST);
	assert_int_equal(throttle_limit(THROTTLE_LAST + THROTTLE_SEGMENTS + 1, 7),
			 THROTTLE_SEGMENTS + 1);
	/* The rest at once, in whole units. */
	assert_int_equal(throttle_limit(THROTTLE_LAST, 7) >> 7, THROTTLE_LAST >> 7);
	assert_int_equal(throttle_limit(1, 7) >> 7, 1);
	assert_int_equal(throttle_limit(1, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_long_run),
		cmocka_unit_test(test_credit_is_bounded),
		cmocka_unit_test(test_old_and_wrapping_acknowledgements),
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
