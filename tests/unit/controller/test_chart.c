/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/chart.h"

static void test_linear(void **state)
{
	const struct chart_scale scale = {.from = 10, .until = 30, .range = 1000};

	(void)state;
	assert_float_equal(chart_place(&scale, 10), 0, 0);
	assert_float_equal(chart_place(&scale, 15), 250, 0);
	assert_float_equal(chart_place(&scale, 30), 1000, 0);
	assert_float_equal(chart_place(&scale, 9), 0, 0);
	assert_float_equal(chart_place(&scale, 31), 1000, 0);
	assert_float_equal(chart_percent(&scale, 15), 25, 0);
}

static void test_logarithmic(void **state)
{
	const struct chart_scale scale = {
		.from = 10, .until = 1000, .range = 100, .logarithmic = true};

	(void)state;
	assert_float_equal(chart_place(&scale, 10), 0, 0);
	assert_float_equal(chart_place(&scale, 100), 50, 1e-9);
	assert_float_equal(chart_place(&scale, 1000), 100, 0);
	assert_float_equal(chart_place(&scale, 0), 0, 0);
	assert_float_equal(chart_place(&scale, 1e9), 100, 0);
}

static void test_round_up(void **state)
{
	static const double cases[][2] = {
		{1, 1},	    {1.01, 2},	{2, 2},	     {3, 5},	{5, 5},	    {6, 10},
		{0.1, 0.1}, {0.3, 0.5}, {0.07, 0.1}, {99, 100}, {101, 200},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_float_equal(chart_round_up(cases[i][0]), cases[i][1], 1e-9);
}

static void check_ticks(const double *ticks, size_t count, const double *expected, size_t wanted)
{
	assert_int_equal(count, wanted);
	for (size_t i = 0; i < wanted; i++)
		assert_float_equal(ticks[i], expected[i], expected[i] * 1e-9);
}

static void test_ticks(void **state)
{
	static const double tens[] = {0, 10, 20, 30, 40}, fifths[] = {0, 0.5, 1};
	double ticks[CHART_TICKS_MAX];

	(void)state;
	check_ticks(ticks, chart_ticks(40, 4, ticks), tens, 5);
	check_ticks(ticks, chart_ticks(1.2, 4, ticks), fifths, 3);
}

/* Whole decades where they are enough, else what lies between. */
static void test_ticks_log(void **state)
{
	static const double decades[] = {10, 100, 1000}, between[] = {20, 50, 100, 200},
			    second[] = {1, 100, 1e4, 1e6};
	double ticks[CHART_TICKS_MAX];

	(void)state;
	check_ticks(ticks, chart_ticks_log(7, 2000, 4, ticks), decades, 3);
	check_ticks(ticks, chart_ticks_log(15, 300, 4, ticks), between, 4);
	check_ticks(ticks, chart_ticks_log(1, 1e7, 4, ticks), second, 4);
}

static void test_ticks_time(void **state)
{
	static const struct {
		uint64_t length, step;
		size_t count;
	} cases[] = {
		{1, 1, 2},    {6, 1, 7},    {7, 2, 4},	    {61, 10, 7},     {90, 15, 7},
		{106, 30, 4}, {300, 60, 6}, {3600, 600, 7}, {7200, 1800, 5}, {86400, 21600, 5},
	};
	uint64_t ticks[CHART_TICKS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t count = chart_ticks_time(cases[i].length * NS_PER_S, 6, ticks);

		assert_int_equal(count, cases[i].count);
		for (size_t j = 0; j < count; j++)
			assert_int_equal(ticks[j], j * cases[i].step * NS_PER_S);
	}
	/* Shorter than a second: only the beginning is marked. */
	assert_int_equal(chart_ticks_time(NS_PER_S / 2, 6, ticks), 1);
}

static void test_path(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	struct chart_path path = {.out = open_memstream(&text, &size)};

	(void)state;
	assert_non_null(path.out);
	chart_path_to(&path, 0, 10);
	chart_path_step(&path, 5, 20);
	chart_path_to(&path, 7.25, 20);
	chart_path_gap(&path);
	chart_path_step(&path, 8, 1);
	chart_path_to(&path, 9, 1);
	chart_path_close(&path, 100);
	chart_path_close(&path, 100);
	fclose(path.out);
	assert_string_equal(text, "M0.0 10.0L5.0 10.0L5.0 20.0L7.2 20.0"
				  "M8.0 1.0L9.0 1.0L9.0 100.0L8.0 100.0Z");
}

static void test_lanes(void **state)
{
	static const double percents[] = {0, 1, 2, 6, 7.5, 50, 50, 51};
	static const size_t expected[] = {0, 1, 2, 0, 1, 0, 1, 2};
	size_t lanes[ARRAY_SIZE(percents)];

	(void)state;
	assert_int_equal(chart_lanes(percents, ARRAY_SIZE(percents), 5, lanes), 3);
	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		assert_int_equal(lanes[i], expected[i]);
	assert_int_equal(chart_lanes(percents, 0, 5, lanes), 0);
	assert_int_equal(chart_lanes(percents, 1, 5, lanes), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear),	  cmocka_unit_test(test_logarithmic),
		cmocka_unit_test(test_round_up),  cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_ticks_log), cmocka_unit_test(test_ticks_time),
		cmocka_unit_test(test_path),	  cmocka_unit_test(test_lanes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
