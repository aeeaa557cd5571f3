/* SPDX-License-Identifier: Apache-2.0 */
/* The worked example of docs/measuring.md, computed again and compared with the page. */
#include <stdio.h>

#include "tests/unit/check.h"
#include "tests/unit/controller/story.h"
#include "user/controller/record_json.h"

#define AT(milliseconds) ((uint64_t)(STORY_START + MS(milliseconds)))

static void add_attempt(struct history *history, uint64_t unit, uint32_t number, uint64_t at,
			bool ok)
{
	struct attempt attempt = {
		.unit = unit,
		.number = number,
		.started_at = at,
		.ended_at = at + (uint64_t)(ok ? MS(20) : MS(10)),
		.class = ok ? CLASS_OK : CLASS_HTTP_5XX,
	};

	assert_int_equal(history_add_attempt(history, &attempt), 0);
}

/* The unit due at `due` seconds; the service fails from the inject until 10.2 s. */
static void add_unit(struct history *history, uint64_t due)
{
	uint64_t at = AT(1000 * due), half = (uint64_t)MS(500);
	bool retried = due >= 5 && due <= 10, ok = due < 5 || due >= 10;
	struct unit unit = {
		.number = due,
		.attempts = retried ? 2 : 1,
		.intended_at = at,
		.started_at = at,
		.last_started_at = retried ? at + half : at,
		.class = ok ? CLASS_OK : CLASS_HTTP_5XX,
	};

	unit.ended_at = unit.last_started_at + (uint64_t)(ok ? MS(20) : MS(10));
	if (retried)
		add_attempt(history, due, 1, at, false);
	add_attempt(history, due, unit.attempts, unit.last_started_at, ok);
	assert_int_equal(history_add_unit(history, &unit), 0);
}

static void make_example(struct history *history)
{
	struct window window = {
		.starts_at = AT(4900),
		.planned_end = AT(30000),
		.ended_first = AT(9200),
		.ended_last = AT(9200),
		.cause = LIFT_LIFTED,
		.first_hit_at = AT(5001),
	};

	*history =
		(struct history){.started_at = AT(0), .ended_at = AT(50500), .end = END_COMPLETED};
	history->workflows = calloc(1, sizeof(*history->workflows));
	assert_non_null(history->workflows);
	history->workflows_count = 1;
	history->workflows[0] = (struct terms){
		.name = strdup("work"),
		.every_ns = NS_PER_S,
		.timeout_ns = NS_PER_S,
		.detect_failures = 3,
		.stable_successes = 3,
		.stable_span_ns = 2 * NS_PER_S,
	};
	assert_int_equal(strings_add(&history->faults, "fault"), 0);
	assert_int_equal(history_add_window(history, &window), 0);
	for (uint64_t due = 0; due <= 50; due++)
		add_unit(history, due);
}

static char page[32768];

static void assert_on_page(const char *name, const char *value)
{
	char row[160];

	snprintf(row, sizeof(row), "| %s | %s |\n", name, value);
	if (!strstr(page, row))
		fail_msg("docs/measuring.md lacks: %s", row);
}

static void assert_figure(const char *name, const struct figure *figure)
{
	char value[96];

	assert_int_equal(figure->state, FIGURE_VALUE);
	if (figure->low_ns == figure->high_ns)
		snprintf(value, sizeof(value), "%.3f s", (double)figure->ns / 1e9);
	else
		snprintf(value, sizeof(value), "%.3f s (%.3f s, %.3f s]", (double)figure->ns / 1e9,
			 (double)figure->low_ns / 1e9, (double)figure->high_ns / 1e9);
	assert_on_page(name, value);
}

static void assert_counts(const struct workflow_result *result)
{
	char value[96];

	snprintf(value, sizeof(value), "%.2f (%d attempts of %d units)",
		 (double)result->budget_attempts / (double)result->budget_units,
		 (int)result->budget_attempts, (int)result->budget_units);
	assert_on_page("amplification", value);
	snprintf(value, sizeof(value), "%.2f (2 in 1 s over 5 in 4.9 s)", result->surge_1s);
	assert_on_page("surge ratio", value);
	assert_int_equal(result->surge_attempts, 2);
	snprintf(value, sizeof(value), "%.2f (12 in 10 s)", result->surge_10s);
	assert_on_page("surge ratio over 10 s", value);
	snprintf(value, sizeof(value), "%.2f units, %.2f caught up", result->goodput_lost,
		 result->goodput_caught_up);
	assert_on_page("goodput lost", value);
	snprintf(value, sizeof(value), "%.1f %% (%d of %d units)",
		 100.0 * (double)result->successes / (double)result->intended,
		 (int)result->successes, (int)result->intended);
	assert_on_page("availability", value);
	snprintf(value, sizeof(value), "%d", (int)result->relapses);
	assert_on_page("relapses", value);
}

static void test_worked_example(void **state)
{
	_cleanup_fclose_ FILE *file = fopen("docs/measuring.md", "re");
	const struct workflow_result *result;
	struct history history;
	struct analysis analysis;

	(void)state;
	assert_non_null(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	make_example(&history);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	result = &analysis.episodes[0].results[0];
	assert_int_equal(result->first_failure_at, AT(5510));
	assert_int_equal(result->detected_at, AT(7510));
	assert_int_equal(result->first_success_at, AT(10520));
	assert_int_equal(result->stable_at, AT(10500));
	assert_figure("time to detect", &result->detect);
	assert_figure("outage", &result->outage);
	assert_figure("time to first success", &result->first_success);
	assert_figure("time to recover", &result->recover);
	assert_int_equal(result->steady_at, AT(11200));
	assert_figure("time to steady", &result->steady);
	assert_int_equal(result->drained_at, AT(9200));
	assert_figure("time to drain", &result->drain);
	assert_false(result->metastable);
	assert_counts(result);
	assert_int_equal(result->phases[PHASE_BASELINE].units, 5);
	assert_int_equal(result->phases[PHASE_BASELINE].p50_ns, MS(20));
	assert_int_equal(result->phases[PHASE_FAULT].units, 5);
	assert_int_equal(result->phases[PHASE_FAULT].attempts, 10);
	assert_int_equal(result->phases[PHASE_RECOVERY].units, 41);
	assert_int_equal(result->phases[PHASE_RECOVERY].attempts, 42);
	assert_int_equal(analysis.verdict, VERDICT_PASSED);
	assert_string_equal(analysis.reason, "every budget met");
	analysis_free(&analysis);
	history_free(&history);
}

static void check_budget(const struct workflow_budget *budget, enum verdict verdict,
			 const char *reason)
{
	struct history history;
	struct analysis analysis;

	make_example(&history);
	history.workflows[0].budget = *budget;
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_string_equal(analysis.reason, reason);
	assert_int_equal(analysis.verdict, verdict);
	assert_int_equal(analysis.exit_code, verdict_exit_code(verdict));
	analysis_free(&analysis);
	history_free(&history);
}

static void test_budgets(void **state)
{
	static const struct {
		struct workflow_budget budget;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{{.has_recover = true, .recover_ns = 1320000000},
		 VERDICT_PASSED,
		 "every budget met"},
		{{.has_recover = true, .recover_ns = 1310000000},
		 VERDICT_INCONCLUSIVE,
		 "work: budget recover lies inside the measurement interval in episode 1"},
		{{.has_recover = true, .recover_ns = 800000000},
		 VERDICT_FAILED,
		 "work: budget recover missed in episode 1"},
		{{.has_outage = true, .outage_ns = 5010000000}, VERDICT_PASSED, "every budget met"},
		{{.has_outage = true, .outage_ns = 4490000000},
		 VERDICT_FAILED,
		 "work: budget outage missed in episode 1"},
		{{.has_detect = true, .detect_ns = 2509000000}, VERDICT_PASSED, "every budget met"},
		{{.has_detect = true, .detect_ns = 2508000000},
		 VERDICT_FAILED,
		 "work: budget detect missed in episode 1"},
		{{.has_amplification = true, .amplification = 2},
		 VERDICT_PASSED,
		 "every budget met"},
		{{.has_amplification = true, .amplification = 1.9},
		 VERDICT_FAILED,
		 "work: budget amplification missed in episode 1"},
		{{.has_availability = true, .availability = 891304},
		 VERDICT_PASSED,
		 "every budget met"},
		{{.has_availability = true, .availability = 891305},
		 VERDICT_FAILED,
		 "work: budget availability missed in episode 1"},
		/* A missed budget is told before an inconclusive one. */
		{{.has_recover = true,
		  .recover_ns = 1310000000,
		  .has_amplification = true,
		  .amplification = 1},
		 VERDICT_FAILED,
		 "work: budget amplification missed in episode 1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_budget(&cases[i].budget, cases[i].verdict, cases[i].reason);
}

static void test_ends(void **state)
{
	static const struct {
		enum run_end end;
		int exit_code;
		const char *reason;
	} cases[] = {
		{END_NONE, 130, "the journal ends before the run does"},
		{END_SIGNAL, 130, "interrupted"},
		{END_ABORTED, 6, "an abort rule stopped the run"},
		{END_HALTED, 6, "the host was halted"},
		{END_DAEMON_LOST, 3, "the daemon was lost"},
		{END_UNSTEADY, 5, "the baseline is not steady"},
		{END_REFUSED, 4, "the daemon refused"},
	};
	struct history history;
	struct analysis analysis;

	(void)state;
	make_example(&history);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		history.end = cases[i].end;
		assert_int_equal(analysis_make(&history, &analysis), 0);
		assert_int_equal(analysis.exit_code, cases[i].exit_code);
		assert_string_equal(analysis.reason, cases[i].reason);
		analysis_free(&analysis);
	}
	history_free(&history);
}

static void test_not_exercised(void **state)
{
	struct history history;
	struct analysis analysis;

	(void)state;
	make_example(&history);
	history.windows[0].first_hit_at = 0;
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_int_equal(analysis.verdict, VERDICT_NOT_EXERCISED);
	assert_int_equal(analysis.episodes[0].results[0].verdict, VERDICT_NOT_EXERCISED);
	assert_string_equal(analysis.reason, "fault fault was injected, but no traffic met it");
	analysis_free(&analysis);

	history.windows_count = 0;
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_string_equal(analysis.reason, "nothing was injected");
	assert_int_equal(analysis.exit_code, 5);
	analysis_free(&analysis);
	history_free(&history);
}

/* Beside a fault that acted, an overload that could bear everything was met all the same. */
static void test_overload_that_admits(void **state)
{
	struct window window = {.fault = 1,
				.starts_at = AT(4900),
				.planned_end = AT(9000),
				.ended_first = AT(9000),
				.ended_last = AT(9000),
				.cause = LIFT_PLANNED};
	struct analysis analysis = {0};
	struct history history;
	json_t *counters =
		json_pack("{s:s, s:I, s:[{s:s, s:I, s:{s:I}}]}", "record", "counters", "at_ns",
			  (json_int_t)AT(15400), "rules", "fault", "capacity", "first_hit_at_ns",
			  (json_int_t)0, "reasons", "admitted", (json_int_t)7);

	(void)state;
	make_example(&history);
	assert_int_equal(strings_add(&history.faults, "capacity"), 0);
	assert_int_equal(history_add_window(&history, &window), 0);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_int_equal(analysis.verdict, VERDICT_NOT_EXERCISED);
	assert_string_equal(analysis.reason, "fault capacity was injected, but no traffic met it");
	analysis_free(&analysis);
	assert_int_equal(record_apply(&history, counters, NULL), 0);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_int_equal(analysis.verdict, VERDICT_PASSED);
	analysis_free(&analysis);
	history_free(&history);
	json_decref(counters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worked_example),
		cmocka_unit_test(test_budgets),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_not_exercised),
		cmocka_unit_test(test_overload_that_admits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
