/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery oracle: histories whose truth is known. Every point in time must be what a plain
 * reading of the definition gives, and every interval must hold the truth.
 */
#include "tests/unit/check.h"
#include "tests/unit/controller/story.h"

#define PROBES .every = MS(500), .ok_takes = MS(5), .fail_takes = MS(7), .attempts = 1
#define TIMES  .before = MS(20000), .during = MS(30000), .after = MS(60000)

static const struct story stories[] = {
	{"healthy at the lift", PROBES, .outages = {{MS(-30000), 0}}, .truth = 0, TIMES},
	{"a moment after the lift", PROBES, .outages = {{MS(-30000), MS(1)}}, .truth = MS(1),
	 TIMES},
	{"half a period after", PROBES, .outages = {{MS(-30000), MS(250)}}, .truth = MS(250),
	 TIMES},
	{"one period after", PROBES, .outages = {{MS(-30000), MS(500)}}, .truth = MS(500), TIMES},
	{"seconds after", PROBES, .outages = {{MS(-30000), MS(3300)}}, .truth = MS(3300), TIMES},
	{"half a minute after", PROBES, .outages = {{MS(-30000), MS(30123)}}, .truth = MS(30123),
	 TIMES},
	{"the fault takes a while to bite", PROBES, .outages = {{MS(-21000), MS(900)}},
	 .truth = MS(900), TIMES},
	{"one relapse", PROBES, .outages = {{MS(-30000), MS(300)}, {MS(20000), MS(20600)}},
	 .truth = MS(300), .relapses = 1, TIMES},
	{"two relapses", PROBES,
	 .outages = {{MS(-30000), MS(300)}, {MS(20000), MS(20600)}, {MS(40000), MS(40600)}},
	 .truth = MS(300), .relapses = 2, TIMES},
	{"never recovered", PROBES, .outages = {{MS(-30000), MS(90000)}}, .truth = STORY_NEVER,
	 TIMES},
	{"recovered while the fault was there", PROBES, .outages = {{MS(-30000), MS(-12000)}},
	 .truth = 0, TIMES},
	{"failed for a moment only", PROBES, .outages = {{MS(-29000), MS(-28400)}}, .truth = 0,
	 TIMES},
	{"flapping, then well", PROBES,
	 .outages = {{MS(-30000), MS(1000)}, {MS(3000), MS(4000)}, {MS(6000), MS(7000)}},
	 .truth = MS(7000), TIMES},
	{"flapping to the end", PROBES,
	 .outages = {{MS(-30000), MS(1000)},
		     {MS(3000), MS(4000)},
		     {MS(6000), MS(7000)},
		     {MS(9000), MS(10000)},
		     {MS(12000), MS(13000)}},
	 .truth = STORY_NEVER, .before = MS(20000), .during = MS(30000), .after = MS(14000)},
	{"flapping under the fault too", PROBES,
	 .outages = {{MS(-30000), MS(-27000)}, {MS(-16000), MS(-12000)}, {MS(-2000), MS(1700)}},
	 .truth = MS(1700), TIMES},
	{"unaffected", PROBES, .truth = 0, TIMES},
	{"timeouts straddle the lift", .every = MS(500), .ok_takes = MS(5), .fail_takes = MS(2000),
	 .attempts = 1, .outages = {{MS(-30000), 0}}, .truth = 0, TIMES},
	{"timeouts straddle the recovery", .every = MS(500), .ok_takes = MS(5),
	 .fail_takes = MS(8000), .attempts = 1, .outages = {{MS(-30000), MS(2700)}},
	 .truth = MS(2700), TIMES},
	{"slow probes", .every = MS(500), .ok_takes = MS(1800), .fail_takes = MS(3000),
	 .attempts = 1, .outages = {{MS(-30000), MS(4100)}}, .truth = MS(4100), TIMES},
	{"rare probes", .every = MS(5000), .ok_takes = MS(5), .fail_takes = MS(7), .attempts = 1,
	 .outages = {{MS(-60000), MS(11000)}}, .truth = MS(11000), .before = MS(60000),
	 .during = MS(60000), .after = MS(120000)},
	{"frequent probes", .every = MS(20), .ok_takes = MS(1), .fail_takes = MS(1), .attempts = 1,
	 .outages = {{MS(-5000), MS(777)}}, .truth = MS(777), .before = MS(3000),
	 .during = MS(5000), .after = MS(10000)},
	{"retries", .every = MS(500), .ok_takes = MS(5), .fail_takes = MS(7), .attempts = 5,
	 .backoff = MS(1000), .outages = {{MS(-30000), MS(20000)}}, .truth = MS(20000), TIMES},
	{"retries of timeouts", .every = MS(1000), .ok_takes = MS(5), .fail_takes = MS(2000),
	 .attempts = 4, .backoff = MS(500), .outages = {{MS(-30000), MS(6300)}}, .truth = MS(6300),
	 TIMES},
	{"an outage after the lift", PROBES, .outages = {{MS(2000), MS(4000)}}, .truth = MS(4000),
	 TIMES},
	{"the daemon was lost", PROBES, .outages = {{MS(-30000), MS(400)}}, .truth = MS(400),
	 .lift_doubt = MS(1500), TIMES},
};

/* The definitions once more, read as plainly as possible; quadratic and proud of it. */
struct points {
	uint64_t first_failure, detected, first_success, stable, relapses;
};

static uint64_t due(const struct unit *unit)
{
	return unit->attempts > 1 ? unit->last_started_at : unit->intended_at;
}

static bool counts(const struct unit *unit, uint64_t injected)
{
	return unit->class != CLASS_CUT && unit->ended_at > injected;
}

static bool stable_from(const struct history *history, const struct unit *first, uint64_t injected,
			uint64_t lifted)
{
	bool failed_before = false;
	uint64_t successes = 0, end = 0, next_failure = UINT64_MAX;

	if (first->class != CLASS_OK || !counts(first, injected))
		return false;
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!counts(unit, injected) || unit->class == CLASS_OK)
			continue;
		failed_before = failed_before || due(unit) < due(first);
		if (due(unit) >= due(first) && due(unit) < next_failure)
			next_failure = due(unit);
	}
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!counts(unit, injected) || due(unit) < due(first) || due(unit) >= next_failure)
			continue;
		successes++;
		end = unit->ended_at > end ? unit->ended_at : end;
	}
	return failed_before && successes >= 10 && end > lifted &&
	       end - due(first) >= history->workflows[0].stable_span_ns;
}

static struct points points_of(const struct history *history)
{
	uint64_t injected = history->windows[0].starts_at, lifted = history->windows[0].ended_last;
	struct points points = {0};
	int row = 0;

	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!counts(unit, injected))
			continue;
		row = unit->class == CLASS_OK ? 0 : row + 1;
		if (unit->class != CLASS_OK && !points.first_failure)
			points.first_failure = unit->ended_at;
		if (row == 3 && !points.detected)
			points.detected = unit->ended_at;
		if (unit->class == CLASS_OK && unit->ended_at > lifted && !points.first_success)
			points.first_success = unit->ended_at;
		if (stable_from(history, unit, injected, lifted) &&
		    (!points.stable || due(unit) < points.stable))
			points.stable = due(unit);
	}
	for (size_t i = 0; i < history->units_count; i++)
		points.relapses += points.stable && counts(&history->units[i], injected) &&
				   history->units[i].class != CLASS_OK &&
				   due(&history->units[i]) > points.stable;
	return points;
}

static int64_t relative(const struct story *story, uint64_t instant)
{
	return (int64_t)instant - story_lift(story);
}

static void check_points(const struct story *story, const struct history *history,
			 const struct workflow_result *result)
{
	struct points points = points_of(history);

	assert_int_equal(result->affected, story->outages[0].until > story->outages[0].from);
	assert_int_equal(result->first_failure_at, points.first_failure);
	assert_int_equal(result->detected_at, points.detected);
	if (result->affected)
		assert_int_equal(result->first_success_at, points.first_success);
	assert_int_equal(result->stable_at, points.stable);
	assert_int_equal(result->recovered, points.stable != 0);
	assert_int_equal(result->relapses, points.relapses);
	/* One outage may meet two probes. */
	assert_in_range(result->relapses, story->relapses, 2 * story->relapses);
}

/* The truth counts from the moment that the effect ended, which the story knows exactly. */
static void check_truth(const struct story *story, const struct workflow_result *result)
{
	int64_t period = story->every + story->every / WORKFLOW_JITTER;
	const struct figure *recover = &result->recover;
	int64_t doubt = story->lift_doubt;

	if (!result->affected) {
		assert_int_equal(recover->state, FIGURE_NONE);
		return;
	}
	if (story->truth == STORY_NEVER) {
		assert_int_equal(recover->state, FIGURE_CENSORED);
		assert_true(recover->low_ns <= (uint64_t)story->after);
		assert_true(recover->low_ns + (uint64_t)(period + story->fail_takes) >=
			    (uint64_t)story->after - MS(2000));
		return;
	}
	assert_int_equal(recover->state, FIGURE_VALUE);
	assert_true((int64_t)recover->low_ns <= story->truth);
	assert_true((int64_t)recover->high_ns >= story->truth);
	assert_true(recover->low_ns <= recover->ns && recover->ns <= recover->high_ns);
	assert_true((int64_t)recover->ns <= story->truth + period + MS(5));
	assert_true((int64_t)recover->ns + doubt + MS(5) >= story->truth);
	if (story->truth > 0 && !doubt)
		assert_true((int64_t)(recover->high_ns - recover->low_ns) <=
			    period + story->ok_takes + MS(5));
	assert_true(relative(story, result->stable_at) >= -story->during);
}

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		for (uint64_t seed = 1; seed <= 20; seed++) {
			struct story story = stories[i];
			struct analysis analysis;
			struct history history;

			story.seed = seed;
			story_play(&story, &history);
			assert_int_equal(analysis_make(&history, &analysis), 0);
			assert_int_equal(analysis.episodes_count, 1);
			check_points(&story, &history, &analysis.episodes[0].results[0]);
			check_truth(&story, &analysis.episodes[0].results[0]);
			analysis_free(&analysis);
			history_free(&history);
		}
	}
}

static const struct story *story_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++)
		if (strcmp(stories[i].name, name) == 0)
			return &stories[i];
	return NULL;
}

static enum verdict verdict_of(const char *name, int64_t after)
{
	struct story story = *story_named(name);
	struct analysis analysis;
	struct history history;
	enum verdict verdict;

	story.seed = 1;
	if (after)
		story.after = after;
	story_play(&story, &history);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	verdict = analysis.verdict;
	analysis_free(&analysis);
	history_free(&history);
	return verdict;
}

static void test_verdicts(void **state)
{
	(void)state;
	assert_int_equal(verdict_of("healthy at the lift", 0), VERDICT_PASSED);
	assert_int_equal(verdict_of("unaffected", 0), VERDICT_PASSED);
	assert_int_equal(verdict_of("never recovered", 0), VERDICT_FAILED);
	assert_int_equal(verdict_of("flapping to the end", 0), VERDICT_FAILED);
	/* Three seconds after the lift nobody can tell. */
	assert_int_equal(verdict_of("healthy at the lift", MS(3000)), VERDICT_INCONCLUSIVE);
}

/* The recover step ends as soon as the streak is whole, and not before. */
static void test_settled(void **state)
{
	struct story story = *story_named("seconds after");
	struct history history;
	uint64_t lift;

	(void)state;
	story.seed = 3;
	story_play(&story, &history);
	lift = (uint64_t)story_lift(&story);
	assert_false(analysis_settled(&history, lift + (uint64_t)MS(3300 + 4900)));
	assert_true(analysis_settled(&history, lift + (uint64_t)MS(3300 + 6000)));
	history_free(&history);

	/* Not affected: the same time of success is asked for. */
	story = *story_named("unaffected");
	story.seed = 3;
	story_play(&story, &history);
	assert_false(analysis_settled(&history, lift - 1));
	assert_false(analysis_settled(&history, lift + (uint64_t)MS(4999)));
	assert_true(analysis_settled(&history, lift + (uint64_t)MS(5000)));
	history_free(&history);
}

static void test_steady(void **state)
{
	struct story story = *story_named("healthy at the lift");
	struct history history;
	char reason[256] = "";

	(void)state;
	story.seed = 1;
	story_play(&story, &history);
	assert_true(analysis_steady(&history, STORY_START + MS(20000), reason, sizeof(reason)));
	assert_false(analysis_steady(&history, STORY_START + MS(900), reason, sizeof(reason)));
	assert_string_equal(reason, "workflow work: 2 units ended in the baseline, 3 are needed");
	history.units[1].class = CLASS_REFUSED;
	assert_false(analysis_steady(&history, STORY_START + MS(5100), reason, sizeof(reason)));
	assert_string_equal(reason, "workflow work: 1 of 11 units failed in the baseline");
	/* One of forty is 2.5 %. */
	assert_true(analysis_steady(&history, STORY_START + MS(20000), reason, sizeof(reason)));
	history_free(&history);
}

/* Two windows with a gap are two episodes; a gap below a second is none. */
static void test_episodes(void **state)
{
	struct story story = *story_named("healthy at the lift");
	struct window second = {.first_hit_at = 1, .cause = LIFT_PLANNED};
	struct history history;
	struct analysis analysis;

	(void)state;
	story.seed = 1;
	story_play(&story, &history);
	second.starts_at = history.windows[0].ended_last + NS_PER_S;
	second.planned_end = second.ended_first = second.ended_last = second.starts_at + NS_PER_S;
	assert_int_equal(history_add_window(&history, &second), 0);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_int_equal(analysis.episodes_count, 2);
	assert_int_equal(analysis.episodes[0].observed_until, second.starts_at);
	assert_int_equal(analysis.episodes[1].observed_until, history.ended_at);
	assert_int_equal(analysis.episodes[1].cause, LIFT_PLANNED);
	analysis_free(&analysis);

	history.windows[1].starts_at--;
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_int_equal(analysis.episodes_count, 1);
	assert_int_equal(analysis.episodes[0].windows_count, 2);
	assert_int_equal(analysis.episodes[0].injected_last, history.windows[1].starts_at);
	assert_int_equal(analysis.episodes[0].lifted_last, second.ended_last);
	analysis_free(&analysis);
	history_free(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),	 cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_settled),	 cmocka_unit_test(test_steady),
		cmocka_unit_test(test_episodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
