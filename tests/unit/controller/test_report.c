/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/controller/story.h"
#include "user/controller/report_text.h"

static void test_time(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0us"},
		{999999, "999us"},
		{1000000, "1ms"},
		{999999999, "999ms"},
		{1820000000, "1.82s"},
		{9994999999, "9.99s"},
		{9995000000, "10.0s"},
		{59900000000, "59.9s"},
		{59950000000, "1m00s"},
		{125000000000, "2m05s"},
		{3599499999999, "59m59s"},
		{3599500000000, "1h00m"},
		{3720000000000, "1h02m"},
	};
	char text[REPORT_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		report_time(cases[i].ns, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_observed(void **state)
{
	struct observed_figures observed = {0};
	char cell[REPORT_CELL_SIZE];

	(void)state;
	report_cell_established(cell, &observed);
	assert_string_equal(cell, "-");
	report_cell_responses(cell, &observed);
	assert_string_equal(cell, "-");
	observed = (struct observed_figures){
		.opened = 200, .established = 195, .responses = {[FAULT_RESPONSE_2XX] = 120}};
	report_cell_established(cell, &observed);
	assert_string_equal(cell, "97.5%");
	report_cell_responses(cell, &observed);
	assert_string_equal(cell, "2xx 120");
	observed.responses[FAULT_RESPONSE_503] = 7;
	report_cell_responses(cell, &observed);
	assert_string_equal(cell, "2xx 120, 503 7");
	/* More than there is room for is cut off. */
	for (size_t i = 0; i < FAULT_RESPONSE_COUNT; i++)
		observed.responses[i] = UINT64_MAX;
	report_cell_responses(cell, &observed);
	assert_int_equal(strlen(cell), REPORT_CELL_SIZE - 1);
}

static char *print(const struct history *history, const struct analysis *analysis)
{
	struct journal_run run = {
		.path = "journal.jsonl",
		.header = json_pack("{s:s, s:s, s:I, s:I, s:I}", "title", "A title", "host", "host",
				    "seed", (json_int_t)7, "at_ns", (json_int_t)STORY_START,
				    "realtime_ns", (json_int_t)1770055380000000000),
	};
	const struct report report = {.history = history, .run = &run, .analysis = analysis};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(report_table(&report, 80, out), 0);
	fclose(out);
	json_decref(run.header);
	return text;
}

/* Nothing wraps on a terminal of 80 columns. */
static void test_table(void **state)
{
	static const char expected[] =
		"A title\n"
		"2026-02-02T18:03:00.000Z on host, 40.0s long, seed 7\n"
		"journal.jsonl\n"
		"\n"
		"              0                               20.0s                       40.0s\n"
		"fault                         =================                                \n"
		"work          ................xxxxxxxxxxxxxxxxxxx..............................\n"
		"              =: injected   .: ok   x: failed   +: both\n"
		"\n"
		"Episode 1: fault; injected at 10.0s, hit after 0us, ended at 20.0s "
		"(lifted)\n"
		"\n"
		"WORKFLOW DETECT OUTAGE RECOVER             AMPL SURGE AVAIL REL VERDICT\n"
		"work     1.03s  12.0s  2.03s (1.53s,2.04s] 1.00 1.5   60.0% 0   passed\n"
		"work: to steady -, to drain 0us; 24.0 units lost, 0.0 caught up\n"
		"\n"
		"WORKFLOW PHASE    UNITS OK TRIES     P50 P95 P99\n"
		"work     baseline 20    20 1.00/unit 5ms 5ms 5ms\n"
		"         fault    20    0  1.00/unit -   -   -\n"
		"         recovery 40    36 1.00/unit 5ms 5ms 5ms\n"
		"\n"
		"verdict: passed: every budget met\n";
	struct story story = {
		.every = MS(500),
		.ok_takes = MS(5),
		.fail_takes = MS(7),
		.attempts = 1,
		.outages = {{MS(-10000), MS(2000)}},
		.before = MS(10000),
		.during = MS(10000),
		.after = MS(20000),
		.seed = 1,
	};
	struct history history;
	struct analysis analysis;
	_cleanup_free_ char *text = NULL;

	(void)state;
	story_play(&story, &history);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	text = print(&history, &analysis);
	assert_string_equal(text, expected);
	analysis_free(&analysis);
	history_free(&history);
}

static struct report_outputs added(const char *const *texts, size_t count, const char *expected)
{
	struct report_outputs outputs = {0};
	struct failure failure = {0};
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = report_outputs_add(&outputs, texts[i], &failure);
	assert_int_equal(r, expected ? -EINVAL : 0);
	if (expected)
		assert_string_equal(failure.text, expected);
	return outputs;
}

static void test_outputs(void **state)
{
	static const char *const good[] = {"table", "github=-", "html=a=b.html", "json=x"};
	static const char *const twice[] = {"junit=x", "json", "openmetrics=-"};
	static const char *const unknown[] = {"tables"}, *const empty[] = {"json="};
	struct report_outputs outputs;

	(void)state;
	outputs = added(good, ARRAY_SIZE(good), NULL);
	assert_int_equal(outputs.count, 4);
	assert_int_equal(outputs.items[0].format, REPORT_TABLE);
	assert_null(outputs.items[0].path);
	assert_int_equal(outputs.items[1].format, REPORT_GITHUB);
	assert_null(outputs.items[1].path);
	assert_int_equal(outputs.items[2].format, REPORT_HTML);
	assert_string_equal(outputs.items[2].path, "a=b.html");
	added(twice, ARRAY_SIZE(twice),
	      "json and openmetrics cannot both go to standard output; name a file, as in "
	      "openmetrics=FILE");
	added(unknown, 1,
	      "no such format: tables; there are table, json, junit, github, markdown, "
	      "chaos-toolkit, openmetrics or html");
	added(empty, 1, "json= names no file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_observed),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_outputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
