/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's series joined to the timeline, and the units of workflows that only observe it. */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/controller/analysis.h"
#include "user/controller/record_json.h"

#define HEADER(observe)                                                                            \
	"{'record':'header','at_ns':1,'faults':['f','g','p'],'plan':{'rules':["                    \
	"{'fault':'f','effect':'refuse'},{'fault':'g','effect':'answer'},"                         \
	"{'fault':'f','effect':'refuse'},{'fault':'p','effect':'drop'}]},"                         \
	"'workflows':[{'name':'own','kind':'http'},{'name':'seen','kind':'observe',"               \
	"'observe':" observe ",'every_ns':100000000,'detect_failures':3,'stable_successes':5,"     \
	"'stable_span_ns':300000000}]}"

static void apply(struct history *history, const char *text)
{
	struct failure failure = {0};
	char copy[2048];
	json_t *record;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *byte = copy; *byte; byte++)
		if (*byte == '\'')
			*byte = '"';
	record = json_loads(copy, 0, NULL);
	assert_non_null(record);
	assert_int_equal(record_apply(history, record, &failure), 0);
	json_decref(record);
}

static void check_unit(const struct unit *unit, uint64_t at, uint64_t tries, uint64_t failures,
		       enum attempt_class class)
{
	assert_int_equal(unit->workflow, 1);
	assert_int_equal(unit->intended_at, at);
	assert_int_equal(unit->ended_at, at + 100 * NS_PER_MS);
	assert_int_equal(unit->observed, tries);
	assert_int_equal(unit->observed_failures, failures);
	assert_int_equal(unit->class, class);
}

static void test_join(void **state)
{
	struct history history = {0};

	(void)state;
	apply(&history, HEADER("['f']"));
	assert_int_equal(history.rules_count, 4);
	assert_int_equal(history.rule_faults[2], 0);
	assert_int_equal(history.packet_rules, 8);
	apply(&history, "{'record':'start','at_ns':5000000000}");
	/* Bucket 40 is from before the schedule; rule 1 is of another fault. 20 of 21 is 95 %. */
	apply(&history, "{'record':'series','at_ns':6000000000,'started_ns':1000000000,"
			"'bucket_ns':100000000,'buckets':[[0,43,4,0,3,1],[0,39,9,0,0,9],"
			"[2,43,1,0,0,1],[1,44,7,0,7,0],[0,45,21,0,1,20],[0,46,20,0,2,18]]}");
	assert_int_equal(history.buckets_count, 6);
	assert_int_equal(history.buckets[0].at, 4900 * NS_PER_MS);
	assert_int_equal(history.units_count, 3);
	check_unit(&history.units[0], 5300 * NS_PER_MS, 5, 3, CLASS_FAULTED);
	check_unit(&history.units[1], 5500 * NS_PER_MS, 21, 1, CLASS_OK);
	check_unit(&history.units[2], 5600 * NS_PER_MS, 20, 2, CLASS_FAULTED);
	assert_int_equal(history.attempts_count, 3);
	assert_int_equal(history.attempts[0].observed, 5);
	history_free(&history);
}

/* A drop's hits are packets: no more connections failed than there were. */
static void test_packets(void **state)
{
	struct history history = {0};

	(void)state;
	apply(&history, HEADER("['p']"));
	apply(&history, "{'record':'start','at_ns':1000000000}");
	apply(&history, "{'record':'series','at_ns':6000000000,'started_ns':1000000000,"
			"'bucket_ns':100000000,'buckets':[[3,0,4,0,30,1],[3,1,4,0,2,2],"
			"[3,2,0,0,9,0]]}");
	assert_int_equal(history.units_count, 2);
	check_unit(&history.units[0], 1000 * NS_PER_MS, 4, 4, CLASS_FAULTED);
	check_unit(&history.units[1], 1100 * NS_PER_MS, 4, 2, CLASS_FAULTED);
	history_free(&history);
}

/* What a service that is back but overloaded says counts, and so do connections that come to
 * nothing once a second has passed since. */
static void test_outcomes(void **state)
{
	struct history history = {0};

	(void)state;
	apply(&history, HEADER("['f']"));
	apply(&history, "{'record':'start','at_ns':1000000000}");
	apply(&history, "{'record':'series','at_ns':2299000000,'started_ns':1000000000,"
			"'bucket_ns':100000000,'buckets':["
			"[0,0,10,0,0,10,0,0,10,10,0,0,9,0,0,0,0,1],"
			"[0,1,10,0,0,10,0,0,10,6,5,0,6,0,0,0,0,0],"
			"[0,2,10,0,0,10,0,0,10,6,5,0,6,0,0,0,0,0],"
			"[0,3,10,0,0,10,0,0,10,10,0,1,4,1,3,0,2,0]]}");
	assert_int_equal(history.buckets_count, 4);
	assert_true(history.buckets[1].settled);
	assert_false(history.buckets[2].settled);
	assert_int_equal(history.buckets[1].opened, 10);
	assert_int_equal(history.buckets[1].established, 6);
	assert_int_equal(history.buckets[1].retransmits, 5);
	assert_int_equal(history.buckets[3].responses[FAULT_RESPONSE_1XX], 1);
	assert_int_equal(history.buckets[3].responses[FAULT_RESPONSE_429], 2);
	assert_int_equal(history.units_count, 4);
	check_unit(&history.units[0], 1000 * NS_PER_MS, 10, 1, CLASS_HTTP_5XX);
	check_unit(&history.units[1], 1100 * NS_PER_MS, 10, 4, CLASS_NOT_ESTABLISHED);
	check_unit(&history.units[2], 1200 * NS_PER_MS, 10, 0, CLASS_OK);
	check_unit(&history.units[3], 1300 * NS_PER_MS, 10, 2, CLASS_HTTP_4XX);
	history_free(&history);
}

/* One bucket of 10 connections, `i` tenths of a second into the run. */
static void apply_bucket(struct history *history, int i, int hits, int established, int failed)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{'record':'series','at_ns':%lld,'started_ns':1000000000,'bucket_ns':100000000,"
		 "'buckets':[[0,%d,10,0,%d,%d,0,0,%d,%d,%d,0,%d,0,0,0,0,%d]]}",
		 2100000000LL + i * 100000000LL, i, hits, 10 - hits, 10 - hits, established,
		 10 - hits - established, established - failed, failed);
	apply(history, text);
}

/*
 * 10 connections each 100 ms: refused from 5 s to 8 s. Then the service is back and overloaded: to
 * 9 s half of the connections do not come about, to 11 s it answers every other with 503.
 */
static void test_second_outage(void **state)
{
	struct history history = {0};
	const struct observed_figures *observed;
	const struct workflow_result *result;
	struct analysis analysis;

	(void)state;
	apply(&history, HEADER("['f']"));
	apply(&history, "{'record':'start','at_ns':1000000000}");
	apply(&history, "{'record':'inject','at_ns':6000000000,'faults':['f'],"
			"'starts_at_ns':6000000000,'ends_at_ns':9000000000}");
	apply(&history, "{'record':'event','at_ns':6010000000,'event':'first-hit',"
			"'faults':['f']}");
	for (int i = 0; i < 200; i++) {
		int hits = i >= 50 && i < 80 ? 10 : 0;
		int established = i >= 80 && i < 90 ? 5 : 10 - hits;

		apply_bucket(&history, i, hits, established, i >= 90 && i < 110 ? 5 : 0);
	}
	record_finish(&history);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	result = &analysis.episodes[0].results[1];
	assert_true(result->affected && result->recovered);
	/* Not at the lift, when the hits ended, but when the service was well. */
	assert_int_equal(analysis.episodes[0].lifted_last, 9000 * NS_PER_MS);
	assert_int_equal(result->stable_at, 12000 * NS_PER_MS);
	assert_int_equal(result->recover.ns, 3 * NS_PER_S);
	assert_int_equal(result->intended, 1500);
	assert_int_equal(result->successes, 1500 - 300 - 50 - 100);
	observed = &result->phases[PHASE_BASELINE].observed;
	assert_int_equal(observed->opened, 500);
	assert_int_equal(observed->established, 500);
	assert_int_equal(observed->responses[FAULT_RESPONSE_2XX], 500);
	observed = &result->phases[PHASE_FAULT].observed;
	assert_int_equal(observed->opened, 0);
	assert_int_equal(observed->retransmits, 0);
	observed = &result->phases[PHASE_RECOVERY].observed;
	assert_int_equal(observed->opened, 1200);
	assert_int_equal(observed->established, 1150);
	assert_int_equal(observed->retransmits, 50);
	assert_int_equal(observed->responses[FAULT_RESPONSE_503], 100);
	assert_int_equal(observed->responses[FAULT_RESPONSE_2XX], 1050);
	/* The other workflow observes nothing. */
	assert_int_equal(analysis.episodes[0].results[0].phases[PHASE_RECOVERY].observed.opened, 0);
	analysis_free(&analysis);
	history_free(&history);
}

/* 10 connections each 100 ms for 20 s, refused from 5 s to 8 s, none of them from 8 s to 9 s. */
static void test_recovery(void **state)
{
	struct history history = {0};
	const struct workflow_result *result;
	struct analysis analysis;
	char text[256];

	(void)state;
	apply(&history, HEADER("['f']"));
	apply(&history, "{'record':'start','at_ns':1000000000}");
	apply(&history, "{'record':'inject','at_ns':6000000000,'faults':['f'],"
			"'starts_at_ns':6000000000,'ends_at_ns':9000000000}");
	apply(&history, "{'record':'event','at_ns':6010000000,'event':'first-hit',"
			"'faults':['f']}");
	for (int i = 0; i < 200; i++) {
		int hits = i >= 50 && i < 80 ? 10 : 0;

		if (i >= 80 && i < 90)
			continue;
		snprintf(text, sizeof(text),
			 "{'record':'series','at_ns':%lld,'started_ns':1000000000,"
			 "'bucket_ns':100000000,'buckets':[[0,%d,10,0,%d,%d]]}",
			 1100000000LL + i * 100000000LL, i, hits, 10 - hits);
		apply(&history, text);
	}
	record_finish(&history);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	result = &analysis.episodes[0].results[1];
	assert_true(result->affected && result->recovered);
	assert_int_equal(result->first_failure_at, 6100 * NS_PER_MS);
	/* Ten in a row with the first bucket. */
	assert_int_equal(result->detected_at, 6100 * NS_PER_MS);
	assert_int_equal(result->stable_at, 10000 * NS_PER_MS);
	assert_int_equal(result->recover.ns, NS_PER_S);
	assert_int_equal(result->phases[PHASE_BASELINE].units, 500);
	assert_int_equal(result->intended, 1400);
	assert_int_equal(result->successes, 1100);
	/* Nobody knows which of the tries belong together. */
	assert_int_equal(result->budget_units, 0);
	assert_int_equal(result->drain.state, FIGURE_NONE);
	/* Four steps without a success, and 100 were to be expected in each. */
	assert_true(result->goodput_lost == 400);
	assert_int_equal(analysis.lateness[1].units, 0);
	/* What is only observed is no work of the controller's own. */
	assert_int_equal(analysis.episodes[0].kernel[PHASE_BASELINE].units, 0);
	assert_int_equal(analysis.episodes[0].kernel[PHASE_BASELINE].connects, 500);
	analysis_free(&analysis);
	history_free(&history);
}

static void test_refusal(void **state)
{
	struct history history = {0};
	struct failure failure = {0};
	json_t *record =
		json_pack("{s:s, s:[s], s:[{s:s, s:s, s:[s]}]}", "record", "header", "faults", "f",
			  "workflows", "name", "w", "kind", "observe", "observe", "x");

	(void)state;
	assert_int_equal(record_apply(&history, record, &failure), -EINVAL);
	assert_string_equal(failure.text, "fault \"x\" is not in the header");
	json_decref(record);
	history_free(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),	 cmocka_unit_test(test_packets),
		cmocka_unit_test(test_outcomes), cmocka_unit_test(test_second_outage),
		cmocka_unit_test(test_recovery), cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
