/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/unit/check.h"
#include "user/controller/histogram.h"

static struct histogram *histogram_of(uint64_t first, uint64_t last, uint64_t step)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	assert_non_null(histogram);
	for (uint64_t value = first; value <= last; value += step)
		histogram_add(histogram, value);
	return histogram;
}

static void test_empty(void **state)
{
	struct histogram *histogram = histogram_of(1, 0, 1);

	(void)state;
	assert_int_equal(histogram_quantile(histogram, 500000), 0);
	free(histogram);
}

static void test_small_values_are_exact(void **state)
{
	struct histogram *histogram = histogram_of(1, 100, 1);

	(void)state;
	assert_int_equal(histogram_quantile(histogram, 0), 1);
	assert_int_equal(histogram_quantile(histogram, 500000), 50);
	assert_int_equal(histogram_quantile(histogram, 950000), 95);
	assert_int_equal(histogram_quantile(histogram, 990000), 99);
	assert_int_equal(histogram_quantile(histogram, 1000000), 100);
	free(histogram);
}

/* Never below the true quantile, and at most 1/128 above it. */
static void test_error_is_bounded(void **state)
{
	const uint64_t step = 1234567, count = 20000;
	struct histogram *histogram = histogram_of(step, count * step, step);

	(void)state;
	for (uint32_t ppm = 50000; ppm <= 1000000; ppm += 50000) {
		uint64_t exact = count * ppm / 1000000 * step;
		uint64_t found = histogram_quantile(histogram, ppm);

		assert_in_range(found, exact, exact + exact / 128);
	}
	assert_int_equal(histogram_quantile(histogram, 1000000), count * step);
	free(histogram);
}

static void test_extremes(void **state)
{
	static const uint64_t values[] = {0, 255, 256, 257, 1ULL << 62, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct histogram *histogram = calloc(1, sizeof(*histogram));

		assert_non_null(histogram);
		histogram_add(histogram, values[i]);
		assert_true(histogram_quantile(histogram, 500000) == values[i]);
		free(histogram);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_small_values_are_exact),
		cmocka_unit_test(test_error_is_bounded),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
