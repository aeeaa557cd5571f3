/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/report_series.h"

#define START  1000000000000ULL
#define AT(ms) (START + (ms)*NS_PER_MS)

static void add_unit(struct history *history, uint32_t workflow, uint64_t due_ms, uint64_t takes_ms,
		     enum attempt_class class)
{
	const struct unit unit = {
		.workflow = workflow,
		.attempts = 1,
		.intended_at = AT(due_ms),
		.ended_at = AT(due_ms + takes_ms),
		.class = class,
	};
	const struct attempt attempt = {.workflow = workflow, .started_at = AT(due_ms + 1)};

	assert_int_equal(history_add_unit(history, &unit), 0);
	assert_int_equal(history_add_attempt(history, &attempt), 0);
}

static void test_counts(void **state)
{
	struct history history = {.started_at = START, .ended_at = AT(4000)};
	const struct bucket bucket = {.at = AT(1500), .requests = 7, .hits = 5};
	struct series series;

	(void)state;
	for (uint64_t i = 1; i <= 100; i++)
		add_unit(&history, 0, 9 * i, i, CLASS_OK);
	add_unit(&history, 0, 1999, 5000, CLASS_TIMEOUT);
	add_unit(&history, 0, 2000, 3, CLASS_OK);
	add_unit(&history, 0, 2100, 3, CLASS_CUT);
	add_unit(&history, 1, 2200, 3, CLASS_OK);
	assert_int_equal(history_add_bucket(&history, &bucket), 0);
	assert_int_equal(series_make(&history, 0, NS_PER_S, 100, &series), 0);
	assert_int_equal(series.width_ns, NS_PER_S);
	assert_int_equal(series.count, 5);
	assert_int_equal(series.bins[0].units, 100);
	assert_int_equal(series.bins[0].successes, 100);
	assert_int_equal(series.bins[0].attempts, 100);
	/* Exact, but for the steps of the histogram. */
	assert_in_range(series.bins[0].p50_ns, 50 * NS_PER_MS, 50 * NS_PER_MS * 129 / 128);
	assert_in_range(series.bins[0].p95_ns, 95 * NS_PER_MS, 95 * NS_PER_MS * 129 / 128);
	assert_in_range(series.bins[0].p99_ns, 99 * NS_PER_MS, 99 * NS_PER_MS * 129 / 128);
	/* Due in this stretch, begun in the next. */
	assert_int_equal(series.bins[1].units, 1);
	assert_int_equal(series.bins[1].successes, 0);
	assert_int_equal(series.bins[1].attempts, 0);
	assert_int_equal(series.bins[1].p99_ns, 0);
	assert_int_equal(series.bins[1].requests, 7);
	assert_int_equal(series.bins[1].hits, 5);
	assert_int_equal(series.bins[2].units, 1);
	assert_int_equal(series.bins[2].attempts, 3);
	assert_int_equal(series.bins[4].units, 0);
	series_free(&series);
	history_free(&history);
}

/* At most as many stretches as asked for, and the last instant lies in the last. */
static void test_width(void **state)
{
	struct history history = {.started_at = START, .ended_at = AT(60000)};
	struct series series;

	(void)state;
	add_unit(&history, 0, 60000, 0, CLASS_OK);
	for (size_t most = 1; most < 200; most += 13) {
		assert_int_equal(series_make(&history, 0, 1, most, &series), 0);
		assert_true(series.count <= most);
		assert_int_equal(series.bins[series.count - 1].units, 1);
		series_free(&series);
	}
	history_free(&history);
}

static void test_nothing(void **state)
{
	struct history never = {.ended_at = AT(1)}, still = {.started_at = START};
	struct series series;

	(void)state;
	assert_int_equal(series_make(&never, 0, NS_PER_S, 10, &series), -ENODATA);
	assert_int_equal(series_make(&still, 0, NS_PER_S, 10, &series), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
