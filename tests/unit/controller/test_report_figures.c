/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/report_figures.h"

static const struct report_figure *figure_of(const char *key)
{
	for (size_t i = 0; i < report_figures_count; i++)
		if (strcmp(report_figures[i].key, key) == 0)
			return &report_figures[i];
	fail_msg("no figure %s", key);
	return NULL;
}

/* Definitions go into HELP lines of metrics, into attributes and to people, as they are. */
static void check_words(const char *label, const char *definition)
{
	size_t length = strlen(definition);

	assert_non_null(label);
	assert_true(length > 10 && length < 400);
	assert_int_equal(definition[length - 1], '.');
	assert_true(isupper((unsigned char)definition[0]));
	assert_null(strpbrk(definition, "\n\"\\<>&%"));
}

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < report_figures_count; i++) {
		check_words(report_figures[i].label, report_figures[i].definition);
		assert_ptr_equal(figure_of(report_figures[i].key), &report_figures[i]);
	}
	for (size_t i = 0; i < report_points_count; i++) {
		check_words(report_points[i].label, report_points[i].definition);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(report_points[i].letter, report_points[j].letter);
	}
	for (unsigned int i = 0; i < VERDICT_COUNT; i++)
		check_words(verdict_name(i), report_verdict_definition((enum verdict)i));
}

/* Every budget limits one figure. */
static void test_budgets(void **state)
{
	(void)state;
	for (int i = 0; i < BUDGET_COUNT; i++) {
		unsigned int figures = 0;

		for (size_t j = 0; j < report_figures_count; j++)
			figures += report_figures[j].budget == i;
		assert_int_equal(figures, 1);
	}
}

static void check_text(const char *key, const struct workflow_result *result, bool interval,
		       const char *expected)
{
	char text[REPORT_CELL_SIZE];

	report_figure_text(figure_of(key), result, interval, text);
	assert_string_equal(text, expected);
}

static void test_text(void **state)
{
	const struct workflow_result known = {
		.recover = {FIGURE_VALUE, 1300 * NS_PER_MS, 800 * NS_PER_MS, 1320 * NS_PER_MS},
		.detect = {FIGURE_VALUE, 2 * NS_PER_S, 2 * NS_PER_S, 2 * NS_PER_S},
		.outage = {FIGURE_CENSORED, 12 * NS_PER_S, 12 * NS_PER_S, UINT64_MAX},
		.budget_units = 4,
		.budget_attempts = 10,
		.intended = 3,
		.successes = 1,
		.surge_1s = 6,
		.surge_10s = -1,
		.goodput_lost = 12.34,
		.relapses = 2,
	};
	const struct workflow_result nothing = {.surge_1s = -1, .goodput_lost = -1};

	(void)state;
	check_text("time_to_recover", &known, true, "1.30s (800ms,1.32s]");
	check_text("time_to_recover", &known, false, "1.30s");
	check_text("time_to_detect", &known, true, "2.00s");
	check_text("outage", &known, true, "never (>12.0s)");
	check_text("amplification", &known, true, "2.50");
	check_text("availability", &known, true, "33.3%");
	check_text("surge_ratio_1s", &known, true, "6.00");
	check_text("surge_ratio_10s", &known, true, "-");
	check_text("goodput_lost", &known, true, "12.3");
	check_text("relapses", &known, true, "2");
	check_text("time_to_recover", &nothing, true, "-");
	check_text("amplification", &nothing, true, "-");
	check_text("availability", &nothing, true, "-");
	check_text("surge_ratio_1s", &nothing, true, "-");
	check_text("goodput_lost", &nothing, true, "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_budgets),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
