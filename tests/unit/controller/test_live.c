/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/live.h"

#define ORIGIN 1000000000000ULL
#define AT(s)  (ORIGIN + (uint64_t)((s)*1e9))

static struct terms terms[] = {{.every_ns = NS_PER_S / 10}, {.every_ns = 5 * NS_PER_S}};
static const struct live_style plain, blocks = {.unicode = true},
				      colors = {.unicode = true, .color = true};

static struct live fresh(void)
{
	const struct history history = {.workflows = terms, .workflows_count = ARRAY_SIZE(terms)};
	struct live live;

	assert_int_equal(live_new(&history, ORIGIN, &live), 0);
	return live;
}

static bool unit(struct live *live, uint32_t workflow, double at, enum attempt_class class)
{
	return live_unit(live,
			 &(struct unit){.workflow = workflow, .ended_at = AT(at), .class = class});
}

static void check_line(const struct live *live, uint32_t workflow, double now,
		       struct live_style style, const char *expected)
{
	char line[LIVE_LINE_SIZE];

	live_sparkline(live, &live->workflows[workflow].line, AT(now), style, line);
	assert_string_equal(line, expected);
}

/* The first failure and the first success after it are changes; the rest is not. */
static void test_changes(void **state)
{
	struct live live = fresh();

	(void)state;
	assert_false(unit(&live, 0, 0.1, CLASS_OK));
	assert_true(unit(&live, 0, 0.2, CLASS_REFUSED));
	assert_false(unit(&live, 0, 0.3, CLASS_TIMEOUT));
	assert_true(unit(&live, 1, 0.3, CLASS_TIMEOUT));
	assert_true(unit(&live, 0, 0.4, CLASS_OK));
	assert_int_equal(live.workflows[0].successes, 2);
	assert_int_equal(live.workflows[0].failures, 2);
	assert_int_equal(live.workflows[0].last, CLASS_OK);
	assert_int_equal(live.workflows[1].last, CLASS_TIMEOUT);
	live_free(&live);
}

static void test_sparkline(void **state)
{
	struct live live = fresh();

	(void)state;
	check_line(&live, 0, 0, plain, "                  ");
	unit(&live, 0, 0.5, CLASS_OK);
	unit(&live, 0, 1.5, CLASS_OK);
	unit(&live, 0, 1.6, CLASS_RESET);
	unit(&live, 0, 3.0, CLASS_RESET);
	check_line(&live, 0, 3.5, plain, "              .+ x");
	check_line(&live, 0, 3.5, blocks, "              \xe2\x96\x88\xe2\x96\x85 \xe2\x96\x81");
	check_line(&live, 0, 3.5, colors,
		   "              \033[32m\xe2\x96\x88\033[0m\033[33m\xe2\x96\x85\033[0m "
		   "\033[31m\xe2\x96\x81\033[0m");
	/* It moves on, and what has left it does not come back. */
	check_line(&live, 0, 5.5, plain, "            .+ x  ");
	check_line(&live, 0, 30, plain, "                  ");
	unit(&live, 0, 18.2, CLASS_OK);
	check_line(&live, 0, 18.5, plain, "+ x              .");
	live_free(&live);
}

/* A workflow that is slower than a second has longer stretches. */
static void test_slow(void **state)
{
	struct live live = fresh();

	(void)state;
	unit(&live, 1, 1, CLASS_OK);
	unit(&live, 1, 6, CLASS_TIMEOUT);
	unit(&live, 1, 11, CLASS_OK);
	check_line(&live, 1, 14.9, plain, "               .x.");
	live_free(&live);
}

static void test_hits(void **state)
{
	struct bucket buckets[] = {
		{.at = AT(0.1), .hits = 0},
		{.at = AT(1.1), .hits = 3},
		{.at = AT(1.9), .hits = 5},
		{.at = AT(2.1), .hits = 4},
	};
	struct history history = {.buckets = buckets, .buckets_count = 3};
	struct live live = fresh(), never = {0};
	char line[LIVE_LINE_SIZE];

	(void)state;
	live_buckets(&never, &history);
	assert_true(live_hits(&live, AT(2.5)) < 0);
	live_buckets(&live, &history);
	assert_float_equal(live_hits(&live, AT(1.5)), 0, 0);
	assert_float_equal(live_hits(&live, AT(2.5)), 8, 0);
	assert_float_equal(live_hits(&live, AT(3.5)), 8, 0);
	assert_true(live_hits(&live, AT(4.5)) < 0);
	history.buckets_count = 4;
	live_buckets(&live, &history);
	live_buckets(&live, &history);
	assert_float_equal(live_hits(&live, AT(3.5)), 4, 0);
	live_hits_sparkline(&live, AT(2.5), plain, line);
	assert_string_equal(line, "               _##");
	live_hits_sparkline(&live, AT(2.5), blocks, line);
	assert_string_equal(line, "               \xe2\x96\x81\xe2\x96\x88\xe2\x96\x85");
	live_free(&live);
}

static void test_style(void **state)
{
	(void)state;
	setenv("LC_ALL", "", 1);
	setenv("LC_CTYPE", "de_DE.utf8", 1);
	setenv("NO_COLOR", "", 1);
	assert_true(live_style_find().unicode);
	assert_true(live_style_find().color);
	setenv("LC_ALL", "C", 1);
	setenv("NO_COLOR", "0", 1);
	assert_false(live_style_find().unicode);
	assert_false(live_style_find().color);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes), cmocka_unit_test(test_sparkline),
		cmocka_unit_test(test_slow),	cmocka_unit_test(test_hits),
		cmocka_unit_test(test_style),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
