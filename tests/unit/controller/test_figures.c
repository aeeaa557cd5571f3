/* SPDX-License-Identifier: Apache-2.0 */
/* Ten thousand histories of which everything is known: every figure, to the nanosecond. */
#include "tests/unit/check.h"
#include "tests/unit/controller/synthetic_check.h"

#define HISTORIES 10000

static void test_histories(void **state)
{
	static struct synthetic s;
	int recovered = 0, steady = 0, metastable = 0, drained = 0, relapsed = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
		const struct workflow_result *result;
		struct analysis analysis;
		struct history history;

		synthetic_make(&s, seed);
		synthetic_history(&s, &history);
		assert_int_equal(analysis_make(&history, &analysis), 0);
		assert_int_equal(analysis.episodes_count, 1);
		result = &analysis.episodes[0].results[0];
		assert_int_equal(analysis.episodes[0].effective_at, s.hit);
		assert_true(result->affected);
		check_all(&s, &analysis);
		check_meaning(&s, result);
		metastable += result->metastable;
		recovered += result->recovered;
		steady += result->steady_at != 0;
		drained += result->drained_at > (uint64_t)s.lift_last;
		relapsed += result->relapses != 0;
		analysis_free(&analysis);
		history_free(&history);
	}
	print_message("%d recovered, %d steady, %d drained late, %d relapsed, %d metastable\n",
		      recovered, steady, drained, relapsed, metastable);
	/* The generator reaches all of it. */
	assert_in_range(recovered, HISTORIES / 2, HISTORIES - 100);
	assert_in_range(steady, HISTORIES / 4, HISTORIES - 100);
	assert_true(drained > 100 && relapsed > 100 && metastable > 10);
}

/* 100 units a second for 60 s, of a service that stalls from `stall` on for 10 s and then answers
 * all that waits. */
static void make_stalled(struct history *history, uint64_t origin, uint64_t stall)
{
	const uint64_t step = 10 * NS_PER_MS;
	struct window window = {
		.starts_at = origin + stall - 1,
		.planned_end = origin + stall + 10 * NS_PER_S,
		.ended_first = origin + stall + 10 * NS_PER_S,
		.ended_last = origin + stall + 10 * NS_PER_S,
		.first_hit_at = origin + stall,
	};

	*history = (struct history){
		.started_at = origin, .ended_at = origin + 61 * NS_PER_S, .end = END_COMPLETED};
	history->workflows = calloc(1, sizeof(*history->workflows));
	history->workflows[history->workflows_count++] = (struct terms){
		.name = strdup("work"),
		.kind = WORKFLOW_KIND_HTTP,
		.every_ns = step,
		.detect_failures = 3,
		.stable_successes = 10,
		.stable_span_ns = NS_PER_S,
	};
	assert_int_equal(strings_add(&history->faults, "fault"), 0);
	assert_int_equal(history_add_window(history, &window), 0);
	for (uint64_t i = 0; i < 6000; i++) {
		uint64_t due = i * step;
		bool waits = due >= stall && due < stall + 10 * NS_PER_S;
		struct unit unit = {
			.number = i,
			.attempts = 1,
			.intended_at = origin + due,
			.started_at = origin + due,
			.last_started_at = origin + due,
			.ended_at = origin + (waits ? stall + 10 * NS_PER_S : due + NS_PER_MS),
		};

		assert_int_equal(history_add_unit(history, &unit), 0);
	}
}

/*
 * A prober that waited for each answer would have met one slow unit. Here 1000 of 6000 waited, the
 * first for 10 s and each later one for 10 ms less.
 */
static void test_coordinated_omission(void **state)
{
	const uint64_t origin = 1000 * NS_PER_S, stall = 20 * NS_PER_S;
	const struct workflow_result *result;
	struct analysis analysis;
	struct history history;
	uint64_t exact;

	(void)state;
	make_stalled(&history, origin, stall);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	result = &analysis.episodes[0].results[0];
	/* None failed, and 4000 of them belong to the episode. */
	assert_int_equal(result->intended, 4000);
	assert_int_equal(result->successes, 4000);
	/* Of the 1000 of the fault phase the 990th waited for 9.9 s; one step of the histogram. */
	exact = 9900 * NS_PER_MS;
	assert_int_equal(result->phases[PHASE_FAULT].units, 1000);
	assert_in_range(result->phases[PHASE_FAULT].p99_ns, exact, exact + exact / 128);
	exact = 5000 * NS_PER_MS;
	assert_in_range(result->phases[PHASE_FAULT].p50_ns, exact, exact + exact / 128);
	assert_in_range(result->phases[PHASE_BASELINE].p99_ns, NS_PER_MS,
			NS_PER_MS + NS_PER_MS / 128);
	/* All of them were waiting at its end. */
	assert_int_equal(result->backlog_largest, 1000);
	assert_int_equal(result->drained_at, origin + stall + 10 * NS_PER_S);
	/* Nothing came for nine steps of 1 s, and all of it in the tenth: late, not lost for good.
	 */
	check_near(result->goodput_baseline, 2000.0L * NS_PER_S / (stall - 1));
	check_near(result->goodput_lost, 9 * result->goodput_baseline);
	check_near(result->goodput_caught_up, 1000 - result->goodput_baseline);
	analysis_free(&analysis);
	history_free(&history);
}

/* Ten units, one period apart, each of which begins `late` behind its schedule. */
static void make_late(uint64_t period, uint64_t late, struct history *ret_history)
{
	struct history history = {.started_at = NS_PER_S, .ended_at = 100 * NS_PER_S};

	history.workflows = calloc(1, sizeof(*history.workflows));
	history.workflows[history.workflows_count++] = (struct terms){
		.name = strdup("work"), .kind = WORKFLOW_KIND_HTTP, .every_ns = period};
	for (uint64_t i = 0; i < 10; i++) {
		uint64_t due = NS_PER_S + i * period;
		struct unit unit = {
			.number = i,
			.attempts = 1,
			.intended_at = due,
			.started_at = due + late,
			.last_started_at = due + late,
			.ended_at = due + late + 1,
		};
		struct attempt attempt = {
			.number = 1,
			.unit = i,
			.intended_at = due,
			.started_at = due + late,
			.ended_at = due + late + 1,
			/* One opens the connection, eight use it again, one never had any. */
			.connect_ns = i == 0,
			.kept = i > 0 && i < 9,
		};

		assert_int_equal(history_add_unit(&history, &unit), 0);
		assert_int_equal(history_add_attempt(&history, &attempt), 0);
	}
	*ret_history = history;
}

static void check_late(uint64_t period, uint64_t late, uint64_t bound, bool marked)
{
	struct history history;
	struct analysis analysis;

	make_late(period, late, &history);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_int_equal(analysis.lateness[0].bound_ns, bound);
	assert_int_equal(analysis.lateness[0].p99_ns, late);
	assert_int_equal(analysis.lateness[0].late, marked);
	assert_int_equal(analysis.late, marked);
	assert_int_equal(analysis.late_by_ns, late);
	analysis_free(&analysis);
	history_free(&history);
}

static void test_late(void **state)
{
	(void)state;
	/* 10 ms or a tenth of the period, the larger of both. */
	check_late(50 * NS_PER_MS, 10 * NS_PER_MS, 10 * NS_PER_MS, false);
	check_late(50 * NS_PER_MS, 10 * NS_PER_MS + 1, 10 * NS_PER_MS, true);
	check_late(NS_PER_S, 100 * NS_PER_MS, 100 * NS_PER_MS, false);
	check_late(NS_PER_S, 100 * NS_PER_MS + 1, 100 * NS_PER_MS, true);
}

static void test_connections(void **state)
{
	struct window window = {
		.starts_at = 50 * NS_PER_S,
		.planned_end = 60 * NS_PER_S,
		.first_hit_at = 51 * NS_PER_S,
		.existing_found = 7,
		.existing_reset = 3,
		.existing_adopted = 2,
	};
	const struct episode *episode;
	struct history history;
	struct analysis analysis;

	(void)state;
	make_late(NS_PER_S, 0, &history);
	assert_int_equal(strings_add(&history.faults, "fault"), 0);
	assert_int_equal(history_add_window(&history, &window), 0);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	episode = &analysis.episodes[0];
	assert_int_equal(episode->results[0].phases[PHASE_BASELINE].cold, 1);
	assert_int_equal(episode->results[0].phases[PHASE_BASELINE].warm, 8);
	assert_int_equal(episode->results[0].phases[PHASE_FAULT].warm, 0);
	assert_int_equal(episode->kernel[PHASE_BASELINE].attempts, 10);
	assert_int_equal(episode->kernel[PHASE_BASELINE].units, 10);
	assert_int_equal(episode->existing_found, 7);
	assert_int_equal(episode->existing_reset, 3);
	assert_int_equal(episode->existing_adopted, 2);
	analysis_free(&analysis);
	history_free(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_connections),
		cmocka_unit_test(test_histories),
		cmocka_unit_test(test_coordinated_omission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
