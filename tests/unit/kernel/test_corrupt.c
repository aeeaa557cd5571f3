/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "kernel/corrupt.h"
#include "user/base/cleanup.h"

enum { AFTER = 8192, EVERY = 65536, STRETCHES = 200 };

static const struct fault_rule rule = {
	.effect = FAULT_EFFECT_CORRUPT, .after = AFTER, .every = EVERY};

/* One place in each stretch, none in front of the first. */
static void test_one_place_in_each_stretch(void **state)
{
	__u64 draw = corrupt_draw(7, 12345), at = 0;

	(void)state;
	for (__u64 stretch = 0; stretch < STRETCHES; stretch++) {
		__u64 place = corrupt_next(&rule, draw, at);

		assert_true(place >= AFTER + stretch * EVERY);
		assert_true(place < AFTER + (stretch + 1) * EVERY);
		assert_int_equal(place, corrupt_place(&rule, draw, stretch));
		at = place + 1;
	}
}

/* However the stream is cut, the same bytes are changed. */
static void test_segments_do_not_count(void **state)
{
	static const __u64 sizes[] = {1, 536, 1448, 4096, 65536, 1000003};
	__u64 draw = corrupt_draw(1, 2), end = 4 * EVERY;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		__u64 found = 0, sum = 0;

		for (__u64 begin = 0; begin < end; begin += sizes[i]) {
			__u64 behind = begin + sizes[i] < end ? begin + sizes[i] : end;
			__u64 place = corrupt_next(&rule, draw, begin);

			for (; place < behind; place = corrupt_next(&rule, draw, place + 1)) {
				found++;
				sum += place;
			}
		}
		assert_in_range(found, 3, 4);
		assert_int_equal(sum, corrupt_place(&rule, draw, 0) +
					      corrupt_place(&rule, draw, 1) +
					      corrupt_place(&rule, draw, 2) +
					      (found == 4 ? corrupt_place(&rule, draw, 3) : 0));
	}
}

static void test_places_differ(void **state)
{
	__u64 offsets[2] = {};
	size_t same = 0;

	(void)state;
	assert_int_not_equal(corrupt_draw(1, 2), corrupt_draw(2, 1));
	for (__u64 cookie = 0; cookie < 1000; cookie++) {
		__u64 draw = corrupt_draw(1, cookie);
		__u64 place = corrupt_place(&rule, draw, 0) - AFTER;

		offsets[place >= EVERY / 2]++;
		same += place == corrupt_place(&rule, draw, 1) - AFTER - EVERY;
	}
	assert_in_range(offsets[0], 420, 580);
	assert_in_range(same, 0, 2);
}

/* Neither once nor on its way through several interfaces does a byte stay or become what it was. */
static void test_byte_changes(void **state)
{
	(void)state;
	for (__u64 place = 0; place < 1000; place++) {
		__u8 first = (__u8)place, byte = first;

		for (int times = 1; times < 8; times++) {
			byte = corrupt_byte(99, place, byte);
			assert_int_not_equal(byte, first);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_place_in_each_stretch),
		cmocka_unit_test(test_segments_do_not_count),
		cmocka_unit_test(test_places_differ),
		cmocka_unit_test(test_byte_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
