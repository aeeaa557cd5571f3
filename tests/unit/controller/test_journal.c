/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/analysis.h"
#include "user/controller/journal.h"
#include "user/controller/report.h"

static char directory[64], file_path[128];

/* A short run, as faultctl writes it. Numbers are ns. */
static const char *const lines[] = {
	"{\"record\":\"header\",\"format\":1,\"at_ns\":1000000000,\"title\":\"T\",\"host\":\"h\","
	"\"realtime_ns\":1770055380000000000,\"seed\":7,\"faults\":[\"f\",\"g\"],\"workflows\":[{"
	"\"name\":\"w\",\"every_ns\":1000000000,\"timeout_ns\":500000000,\"detect_failures\":3,"
	"\"stable_successes\":2,\"stable_span_ns\":1000000000,\"budget\":{\"recover_ns\":"
	"5000000000}"
	"}]}",
	"{\"record\":\"armed\",\"at_ns\":1100000000,\"run\":\"r\",\"bucket_ns\":100000000}",
	"{\"record\":\"start\",\"at_ns\":1100000000}",
	"{\"record\":\"attempt\",\"at_ns\":1200000000,\"workflow\":\"w\",\"unit_id\":0,\"attempt\":"
	"1,"
	"\"intended_at_ns\":1150000000,\"started_at_ns\":1150000000,\"ended_at_ns\":1200000000,"
	"\"outcome\":\"success\",\"class\":\"ok\",\"status\":200}",
	"{\"record\":\"unit\",\"at_ns\":1200000000,\"workflow\":\"w\",\"unit_id\":0,\"attempts\":1,"
	"\"intended_at_ns\":1150000000,\"started_at_ns\":1150000000,"
	"\"last_started_at_ns\":1150000000,\"ended_at_ns\":1200000000,\"outcome\":\"success\","
	"\"class\":\"ok\"}",
	/* The hit is heard of before the reply to the inject. */
	"{\"record\":\"event\",\"at_ns\":2050000000,\"event\":\"first-hit\",\"cause\":\"\","
	"\"faults\":[\"f\"]}",
	"{\"record\":\"inject\",\"at_ns\":2060000000,\"sent_ns\":1990000000,\"faults\":[\"f\","
	"\"g\"],"
	"\"starts_at_ns\":2000000000,\"ends_at_ns\":5000000000,\"existing_found\":3,"
	"\"existing_reset\":2}",
	"{\"record\":\"renew\",\"at_ns\":2500000000,\"now_ns\":2490000000,"
	"\"lease_until_ns\":5490000000}",
	"{\"record\":\"event\",\"at_ns\":3000000000,\"event\":\"lifted\",\"cause\":\"lifted\","
	"\"faults\":[\"g\"]}",
	"{\"record\":\"series\",\"at_ns\":3100000000,\"bucket_ns\":100000000,"
	"\"started_ns\":1100000000,\"buckets\":[[0,9,4,3,2,1],[0,10,9,9,4,5,3,4]]}",
	"{\"record\":\"something newer\",\"at_ns\":3200000000}",
	"{\"record\":\"lost\",\"at_ns\":4000000000,\"last_renewal_ns\":3490000000,"
	"\"lease_until_ns\":6490000000,\"text\":\"gone\"}",
	"{\"record\":\"end\",\"at_ns\":4100000000,\"end\":\"daemon_lost\",\"exit_code\":0,"
	"\"text\":\"gone\"}",
};

static size_t write_lines(char *buffer, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		used += (size_t)snprintf(buffer + used, size - used, "%s\n", lines[i]);
	return used;
}

static void put_file(const char *bytes, size_t length)
{
	_cleanup_fclose_ FILE *file = fopen(file_path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
}

static void test_read(void **state)
{
	char bytes[8192] = "";
	size_t length = write_lines(bytes, sizeof(bytes));
	struct journal_run run;
	struct history history;
	struct failure failure = {0};

	(void)state;
	put_file(bytes, length);
	assert_int_equal(journal_read(directory, &history, &run, &failure), 0);
	assert_string_equal(run.path, file_path);
	assert_int_equal(history.workflows_count, 1);
	assert_int_equal(history.workflows[0].budget.recover_ns, 5 * NS_PER_S);
	assert_true(history.workflows[0].budget.has_recover);
	assert_false(history.workflows[0].budget.has_outage);
	assert_int_equal(history.units_count, 1);
	assert_int_equal(history.attempts_count, 1);
	assert_int_equal(history.attempts[0].status, 200);
	assert_int_equal(history.buckets_count, 2);
	assert_int_equal(history.buckets[0].at, 2000000000);
	assert_int_equal(history.buckets[0].passes, 1);
	/* As written before there were overloads. */
	assert_int_equal(history.buckets[0].admitted, 0);
	assert_int_equal(history.buckets[0].rejected, 0);
	assert_int_equal(history.buckets[1].admitted, 3);
	assert_int_equal(history.buckets[1].rejected, 4);
	assert_int_equal(history.windows_count, 2);
	assert_int_equal(history.windows[0].first_hit_at, 2050000000);
	assert_int_equal(history.windows[0].existing_reset, 2);
	assert_int_equal(history.windows[0].cause, LIFT_CRASH);
	assert_int_equal(history.windows[0].ended_first, 3490000000);
	assert_int_equal(history.windows[0].ended_last, 5000000000);
	assert_int_equal(history.windows[1].cause, LIFT_LIFTED);
	assert_int_equal(history.windows[1].ended_last, 3000000000);
	assert_int_equal(history.windows[1].first_hit_at, 0);
	assert_int_equal(history.end, END_DAEMON_LOST);
	assert_string_equal(history.end_text, "gone");
	assert_int_equal(history.ended_at, 4100000000);
	history_free(&history);
	journal_run_free(&run);
}

/* Cut at any byte: without a whole header there is nothing to report, with one there always is. */
static void test_cut_anywhere(void **state)
{
	char bytes[8192];
	size_t length = write_lines(bytes, sizeof(bytes)), header = strlen(lines[0]) + 1;
	_cleanup_fclose_ FILE *null = fopen("/dev/null", "we");

	(void)state;
	assert_non_null(null);
	for (size_t i = 0; i <= length; i++) {
		struct report_outputs outputs = {
			.items = {{.format = (enum report_format)(i % REPORT_FORMAT_COUNT),
				   .stream = null}},
			.count = 1,
		};
		struct failure failure = {0};
		int code = -1, r;

		put_file(bytes, i);
		r = report_journal(file_path, &outputs, &code, &failure);
		if (i < header) {
			assert_int_equal(r, -EINVAL);
			assert_non_null(strstr(failure.text, "no whole header: nothing to report"));
		} else {
			assert_int_equal(r, 0);
			assert_int_equal(code, i == length ? 3 : 130);
		}
	}
}

/* The one window of a journal of the header and `text`, whose records are one a line. */
static struct window window_of(const char *text)
{
	struct failure failure = {0};
	struct journal_run run;
	struct history history;
	struct window window;
	char bytes[8192];

	snprintf(bytes, sizeof(bytes), "%s\n%s", lines[0], text);
	put_file(bytes, strlen(bytes));
	assert_int_equal(journal_read(file_path, &history, &run, &failure), 0);
	assert_int_equal(history.windows_count, 1);
	window = history.windows[0];
	history_free(&history);
	journal_run_free(&run);
	return window;
}

#define INJECT                                                                                     \
	"{\"record\":\"inject\",\"at_ns\":2060000000,\"faults\":[\"f\"],\"starts_at_ns\":"         \
	"2000000000,"                                                                              \
	"\"ends_at_ns\":5000000000}\n"
#define STAGED                                                                                     \
	INJECT "{\"record\":\"lift\",\"at_ns\":3010000000,\"faults\":[\"f\"],\"falls_ns\":"        \
	       "3000000000,"                                                                       \
	       "\"ended_ns\":9000000000}\n"

static void test_staged_lift(void **state)
{
	struct window window = window_of(STAGED);

	(void)state;
	/* Nobody has seen its end: the journal stops before. */
	assert_int_equal(window.falls_at, 3000000000);
	assert_int_equal(window.planned_end, 9000000000);
	assert_int_equal(window.ended_last, 0);
	window = window_of(STAGED "{\"record\":\"event\",\"at_ns\":9000000000,\"event\":"
				  "\"lifted\",\"cause\":\"lifted\",\"faults\":[\"f\"]}\n");
	assert_int_equal(window.ended_first, 9000000000);
	assert_int_equal(window.ended_last, 9000000000);
	assert_int_equal(window.cause, LIFT_LIFTED);
	/* Without the event, from what came later. */
	window = window_of(STAGED "{\"record\":\"renew\",\"at_ns\":9500000000}\n");
	assert_int_equal(window.ended_last, 9000000000);
	assert_int_equal(window.cause, LIFT_LIFTED);
	/* Halted meanwhile. */
	window = window_of(STAGED "{\"record\":\"event\",\"at_ns\":4000000000,\"event\":"
				  "\"lifted\",\"cause\":\"halted\",\"faults\":[\"f\"]}\n");
	assert_int_equal(window.ended_last, 4000000000);
	assert_int_equal(window.cause, LIFT_HALTED);
	/* After its end there is nothing left to lift. */
	window = window_of(INJECT "{\"record\":\"lift\",\"at_ns\":6010000000,\"faults\":[\"f\"],"
				  "\"falls_ns\":6000000000,\"ended_ns\":6000000000}\n");
	assert_int_equal(window.falls_at, 0);
	assert_int_equal(window.ended_last, 5000000000);
	assert_int_equal(window.cause, LIFT_PLANNED);
}

static void test_budget(void **state)
{
	struct window window =
		window_of(INJECT "{\"record\":\"event\",\"at_ns\":2500000000,\"event\":\"lifted\","
				 "\"cause\":\"budget\",\"faults\":[\"f\"]}\n");

	(void)state;
	assert_int_equal(window.ended_first, 2500000000);
	assert_int_equal(window.ended_last, 2500000000);
	assert_int_equal(window.cause, LIFT_BUDGET);
	assert_string_equal(lift_cause_name(window.cause), "budget");
}

static void check_refusal(const char *text, const char *message)
{
	char bytes[8192], expected[512];
	struct journal_run run;
	struct history history;
	struct failure failure = {0};

	snprintf(bytes, sizeof(bytes), "%s\n%s\n", lines[0], text);
	put_file(bytes, strlen(bytes));
	assert_int_equal(journal_read(file_path, &history, &run, &failure), -EINVAL);
	snprintf(expected, sizeof(expected), "%s:2: %s", file_path, message);
	assert_string_equal(failure.text, expected);
}

static void test_refusals(void **state)
{
	(void)state;
	check_refusal("{\"record\":\"end\",\"end\":\"tired\"}", "no such end: \"tired\"");
	check_refusal("{\"at_ns\":1}", "not a record");
	check_refusal("{\"record\":\"unit\",\"workflow\":\"x\"}",
		      "workflow \"x\" is not in the header");
	check_refusal("{\"record\":\"unit\",\"workflow\":\"w\",\"class\":\"odd\"}",
		      "no such class: \"odd\"");
	check_refusal("{\"record\":\"inject\",\"faults\":[\"x\"]}",
		      "fault \"x\" is not in the header");
	check_refusal(lines[0], "a second header");
}

static void test_create(void **state)
{
	struct journal *journal = NULL, *other = NULL;
	struct failure failure = {0};
	char expected[256];
	json_t *record = json_pack("{s:s}", "record", "x");

	(void)state;
	unlink(file_path);
	assert_int_equal(journal_create(directory, "T", 0, &journal, &failure), 0);
	assert_string_equal(journal_path(journal), file_path);
	assert_int_equal(journal_write(journal, record), 0);
	assert_int_equal(journal_create(directory, "T", 0, &other, &failure), -EEXIST);
	snprintf(expected, sizeof(expected), "%s holds the journal of another run", directory);
	assert_string_equal(failure.text, expected);
	json_decref(record);
	journal_close(journal);
	unlink(file_path);
}

static void test_default_directory(void **state)
{
	struct journal *journal = NULL;
	struct failure failure = {0};
	char expected[288], part[256];

	(void)state;
	setenv("XDG_STATE_HOME", directory, 1);
	/* 2026-02-02 18:03:00 UTC */
	assert_int_equal(journal_create(NULL, "Artifact store: turns readers away!",
					1770055380000000000, &journal, &failure),
			 0);
	snprintf(part, sizeof(part), "%s/faultctl/runs/%s", directory,
		 "2026-02-02T18-03-00.000Z-artifact-store-turns-readers-away");
	snprintf(expected, sizeof(expected), "%s/journal.jsonl", part);
	assert_string_equal(journal_path(journal), expected);
	journal_close(journal);
	unlink(expected);
	rmdir(part);
	snprintf(part, sizeof(part), "%s/faultctl/runs", directory);
	rmdir(part);
	snprintf(part, sizeof(part), "%s/faultctl", directory);
	rmdir(part);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/faultctl-test-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(file_path, sizeof(file_path), "%s/journal.jsonl", directory);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(file_path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_staged_lift),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_default_directory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
