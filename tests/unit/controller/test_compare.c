/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that are written to journals, compared and told. */
#include "tests/unit/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/compare.h"
#include "user/controller/record_json.h"

static char directory[64];

enum { RUNS = 4 };

/* A run's journal: 5 s of baseline, a fault of 10 s, and a service that is well `after` ms later.
 */
struct script {
	int64_t after; /* negative: never */
	const char *end;
	bool staged;
};

static void put_unit(FILE *file, uint64_t number, uint64_t at, bool good)
{
	unsigned long long ns = at;

	for (int i = 0; i < 2; i++)
		fprintf(file,
			"{\"record\":\"%s\",\"at_ns\":%llu,\"workflow\":\"w\",\"unit_id\":%llu,"
			"\"%s\":1,\"intended_at_ns\":%llu,\"started_at_ns\":%llu,"
			"\"last_started_at_ns\":%llu,\"ended_at_ns\":%llu,\"class\":\"%s\"}\n",
			i ? "unit" : "attempt", ns + 1000, (unsigned long long)number,
			i ? "attempts" : "attempt", ns, ns, ns, ns + 1000, good ? "ok" : "timeout");
}

static void put_run(const char *path, const struct script *script)
{
	const uint64_t second = NS_PER_S, lift = 16 * second;
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fprintf(file, "{\"record\":\"header\",\"format\":1,\"at_ns\":1000000000,\"title\":\"T\","
		      "\"faults\":[\"f\"],\"workflows\":[{\"name\":\"w\",\"every_ns\":100000000,"
		      "\"timeout_ns\":1000,\"detect_failures\":3,\"stable_successes\":10,"
		      "\"stable_span_ns\":1000000000,\"budget\":{}}]}\n"
		      "{\"record\":\"start\",\"at_ns\":1000000000}\n"
		      "{\"record\":\"inject\",\"at_ns\":6000000000,\"faults\":[\"f\"],"
		      "\"starts_at_ns\":6000000000,\"ends_at_ns\":16000000000}\n"
		      "{\"record\":\"event\",\"at_ns\":6000000001,\"event\":\"first-hit\","
		      "\"faults\":[\"f\"]}\n");
	if (script->staged)
		fprintf(file, "{\"record\":\"lift\",\"at_ns\":15000000000,\"faults\":[\"f\"],"
			      "\"falls_ns\":15000000000,\"ended_ns\":16000000000}\n");
	for (uint64_t i = 0; i < 600; i++) {
		uint64_t at = second + i * 100000000 + 50000000;
		bool bad = at > 6 * second &&
			   (script->after < 0 || at < lift + (uint64_t)script->after * NS_PER_MS);

		put_unit(file, i, at, !bad);
	}
	fprintf(file, "{\"record\":\"end\",\"at_ns\":62000000000,\"end\":\"%s\"}\n", script->end);
	fclose(file);
}

/* DIRECTORY/SIDE/N/journal.jsonl for each of `scripts`. */
static void put_side(const char *side, const struct script *scripts, size_t count)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, side);
	mkdir(path, 0777);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s/%zu", directory, side, i);
		mkdir(path, 0777);
		snprintf(path, sizeof(path), "%s/%s/%zu/journal.jsonl", directory, side, i);
		put_run(path, &scripts[i]);
	}
}

static void compare_sides(size_t count, struct comparison *ret_comparison)
{
	char left[96], right[96];
	const char *const paths[] = {left, right};
	struct failure failure = {0};

	snprintf(left, sizeof(left), "%s/a", directory);
	snprintf(right, sizeof(right), "%s/b", directory);
	assert_int_equal(comparison_make(paths, count, 7, ret_comparison, &failure), 0);
}

static const struct script slow[RUNS] = {{12000, "completed", false},
					 {12100, "completed", false},
					 {11900, "completed", false},
					 {12200, "completed", false}};
static const struct script fast[RUNS] = {{2000, "completed", false},
					 {2300, "completed", false},
					 {1900, "completed", false},
					 {2000, "completed", false}};

static void test_better(void **state)
{
	struct comparison comparison;
	const struct compared *recover;
	char few[192];

	(void)state;
	put_side("a", slow, RUNS);
	put_side("b", fast, RUNS);
	compare_sides(2, &comparison);
	assert_int_equal(comparison.workflows_count, 1);
	assert_int_equal(comparison.workflows[0].headline, COMPARED_RECOVER);
	recover = &comparison.workflows[0].figures[COMPARED_RECOVER];
	assert_int_equal(recover->counts[0], RUNS);
	/* Units stand 50 ms behind whole tenths: 12.05, 12.15, 11.95, 12.25. */
	assert_true(fabs(recover->samples[0][2].value - 11.95) < 1e-9);
	assert_true(fabs(recover->medians[0].value - 12.1) < 1e-9);
	assert_true(fabs(recover->difference.value + 10.05) < 1e-9);
	assert_int_equal(recover->better, 1);
	assert_int_equal(comparison.better, 1);
	assert_string_equal(
		comparison.conclusion,
		"B is better: w: B recovers 10.1 s sooner, 97.1 % interval 9.6 to 10.3 s");
	compare_few_runs(recover, few, sizeof(few));
	assert_string_equal(few,
			    "with fewer than 5 runs of a side intervals of B - A have steps of "
			    "confidence: here 97.1 % and not 95 %");
	comparison_free(&comparison);
}

/* Enough runs have nothing to be excused, nor has what was not compared. */
static void test_enough_runs(void **state)
{
	const struct compared enough = {.difference = {.value = 1,
						       .confidence = STATISTICS_CONFIDENCE,
						       .method = INTERVAL_ORDER}};
	const struct compared none = {.difference = {.value = NAN}};
	char few[192] = "x";

	(void)state;
	compare_few_runs(&enough, few, sizeof(few));
	assert_string_equal(few, "");
	compare_few_runs(&none, few, sizeof(few));
	assert_string_equal(few, "");
}

static void test_alone(void **state)
{
	struct comparison comparison;

	(void)state;
	put_side("a", slow, RUNS);
	compare_sides(1, &comparison);
	assert_string_equal(comparison.conclusion, "4 of 4 runs passed, 95 % interval 51 to 100 %");
	assert_true(fabs(comparison.workflows[0].figures[COMPARED_RECOVER].medians[0].value -
			 12.1) < 1e-9);
	comparison_free(&comparison);
}

static void test_never(void **state)
{
	static const struct script lost[RUNS] = {{-1, "completed", false},
						 {-1, "completed", false},
						 {-1, "completed", false},
						 {2000, "completed", false}};
	struct comparison comparison;
	const struct compared_workflow *workflow;

	(void)state;
	put_side("a", lost, RUNS);
	put_side("b", fast, RUNS);
	compare_sides(2, &comparison);
	workflow = &comparison.workflows[0];
	assert_int_equal(workflow->recovered[0].count, 1);
	assert_int_equal(workflow->recovered[0].total, RUNS);
	assert_true(isinf(workflow->figures[COMPARED_RECOVER].medians[0].value));
	assert_string_equal(workflow->figures[COMPARED_RECOVER].sentence,
			    "time to recover: A never ends and B ends in half of the runs or more; "
			    "recovered: A 1 of 4 (5 to 70 %), B 4 of 4 (51 to 100 %)");
	comparison_free(&comparison);
}

static void test_staged(void **state)
{
	static const struct script staged[RUNS] = {{2000, "completed", true},
						   {2100, "completed", true},
						   {2000, "completed", true},
						   {2000, "completed", true}};
	struct comparison comparison;

	(void)state;
	put_side("a", slow, RUNS);
	put_side("b", staged, RUNS);
	compare_sides(2, &comparison);
	assert_int_equal(comparison.workflows[0].headline, COMPARED_OUTAGE);
	assert_string_equal(
		comparison.conclusion,
		"B is better: w: B's outage is 10.05 s shorter, 97.1 % interval 9.80 to 10.20 s");
	comparison_free(&comparison);
}

/* What ended before it could show anything is left out; two and two runs name nothing better. */
static void test_left_out(void **state)
{
	static const struct script cut[RUNS] = {{2000, "signal", false},
						{2000, "unsteady", false},
						{2000, "completed", false},
						{2100, "completed", false}};
	struct comparison comparison;

	(void)state;
	put_side("a", slow, 2);
	put_side("b", cut, RUNS);
	compare_sides(2, &comparison);
	assert_int_equal(comparison.variants[1].left_out, 2);
	assert_int_equal(comparison.variants[1].passed.total, 2);
	assert_int_equal(comparison.workflows[0].figures[COMPARED_RECOVER].counts[1], 2);
	comparison_free(&comparison);
}

static void test_refusals(void **state)
{
	const char *const paths[] = {directory};
	char expected[160];
	struct comparison comparison;
	struct failure failure = {0};

	(void)state;
	assert_int_equal(comparison_make(paths, 1, 7, &comparison, &failure), -ENOENT);
	snprintf(expected, sizeof(expected),
		 "%s: no run is there: no journal.jsonl in it nor in a directory below", directory);
	assert_string_equal(failure.text, expected);
}

static void remove_side(const char *side)
{
	char path[128];

	for (int i = 0; i < RUNS; i++) {
		snprintf(path, sizeof(path), "%s/%s/%d/journal.jsonl", directory, side, i);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%s/%d", directory, side, i);
		rmdir(path);
	}
	snprintf(path, sizeof(path), "%s/%s", directory, side);
	rmdir(path);
}

static int tear_down(void **state)
{
	(void)state;
	remove_side("a");
	remove_side("b");
	return 0;
}

static int set_up_all(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/faultctl-test-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down_all(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_better, tear_down),
		cmocka_unit_test(test_enough_runs),
		cmocka_unit_test_teardown(test_alone, tear_down),
		cmocka_unit_test_teardown(test_never, tear_down),
		cmocka_unit_test_teardown(test_staged, tear_down),
		cmocka_unit_test_teardown(test_left_out, tear_down),
		cmocka_unit_test_teardown(test_refusals, tear_down),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
