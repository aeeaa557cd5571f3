/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true of a synthetic history's figures, read from its list as plainly as possible. */
#ifndef TESTS_UNIT_CONTROLLER_SYNTHETIC_CHECK_H
#define TESTS_UNIT_CONTROLLER_SYNTHETIC_CHECK_H

#include "tests/unit/check.h"
#include "tests/unit/controller/synthetic.h"

#define SECOND 1000000000LL
#define NONE   (-1)

static inline bool is_bad_try(const struct piece *piece, int number)
{
	return number + 1 < piece->count || !piece->good;
}

/* Start of the last failed try from the inject on that began at or before `until`. */
static inline int64_t last_bad_try(const struct synthetic *s, int64_t until)
{
	int64_t last = 0;

	for (int i = s->baseline; i < s->total; i++)
		for (int j = 0; j < s->pieces[i].count; j++)
			if (is_bad_try(&s->pieces[i], j) && s->pieces[i].tries[j] <= until &&
			    s->pieces[i].tries[j] > last)
				last = s->pieces[i].tries[j];
	return last;
}

/* The piece with the earliest end after `end`; NONE: there is none. */
static inline int next_ended(const struct synthetic *s, int64_t end)
{
	int found = NONE;

	for (int i = s->baseline; i < s->total; i++)
		if (s->pieces[i].end > end &&
		    (found < 0 || s->pieces[i].end < s->pieces[found].end))
			found = i;
	return found;
}

/* The next piece in the order of the deciding tries. */
static inline int next_placed(const struct synthetic *s, int64_t place)
{
	int found = NONE;

	for (int i = s->baseline; i < s->total; i++)
		if (s->pieces[i].last > place &&
		    (found < 0 || s->pieces[i].last < s->pieces[found].last))
			found = i;
	return found;
}

/* The row of successes that begins at `first`: its length, latest end and earliest end. */
struct row {
	int length;
	int64_t latest, earliest;
};

static inline struct row row_from(const struct synthetic *s, int first)
{
	struct row row = {.earliest = INT64_MAX};

	for (int i = first; i >= 0 && s->pieces[i].good; i = next_placed(s, s->pieces[i].last)) {
		row.length++;
		if (s->pieces[i].end > row.latest)
			row.latest = s->pieces[i].end;
		if (s->pieces[i].end < row.earliest)
			row.earliest = s->pieces[i].end;
	}
	return row;
}

/* Index of the first piece of the first row that is a recovery; NONE: there is none. */
static inline int recovery_of(const struct synthetic *s)
{
	bool failed = false, inside = false;

	for (int i = next_placed(s, 0); i >= 0; i = next_placed(s, s->pieces[i].last)) {
		struct row row;

		if (!s->pieces[i].good) {
			failed = true;
			inside = false;
			continue;
		}
		if (!failed || inside)
			continue;
		inside = true;
		row = row_from(s, i);
		if (row.length >= s->successes && row.latest > s->lift_last &&
		    row.latest - s->pieces[i].last >= s->span)
			return i;
	}
	return NONE;
}

static inline int64_t at_least_0(int64_t value)
{
	return value > 0 ? value : 0;
}

static inline void check_figure(const struct figure *figure, int64_t ns, int64_t low, int64_t high)
{
	assert_int_equal(figure->state, FIGURE_VALUE);
	assert_int_equal(figure->ns, at_least_0(ns));
	assert_int_equal(figure->low_ns, at_least_0(low));
	assert_int_equal(figure->high_ns, at_least_0(high));
}

static inline void check_censored(const struct figure *figure, int64_t low)
{
	assert_int_equal(figure->state, FIGURE_CENSORED);
	assert_int_equal(figure->low_ns, at_least_0(low));
}

static inline void check_detection(const struct synthetic *s, const struct workflow_result *result)
{
	int64_t first = 0, detected = 0;
	int row = 0;

	for (int i = next_ended(s, 0); i >= 0; i = next_ended(s, s->pieces[i].end)) {
		row = s->pieces[i].good ? 0 : row + 1;
		if (row && !first)
			first = s->pieces[i].end;
		if (row == s->detect && !detected)
			detected = s->pieces[i].end;
	}
	assert_int_equal(result->first_failure_at, first);
	assert_int_equal(result->detected_at, detected);
	assert_int_equal(result->detected_by, detected ? DETECTION_FAILURES : DETECTION_NONE);
	if (detected)
		check_figure(&result->detect, detected - s->hit, detected - s->hit,
			     detected - s->hit);
	else
		check_censored(&result->detect, s->end - s->hit);
}

static inline void check_first_success(const struct synthetic *s,
				       const struct workflow_result *result)
{
	int first = next_ended(s, s->lift_last);

	while (first >= 0 && !s->pieces[first].good)
		first = next_ended(s, s->pieces[first].end);
	assert_int_equal(result->first_success_at, first < 0 ? 0 : s->pieces[first].end);
	if (first >= 0)
		check_figure(&result->first_success, s->pieces[first].end - s->lift_last,
			     last_bad_try(s, s->pieces[first].last) - s->lift_last,
			     s->pieces[first].end - s->lift_first);
}

static inline void check_recovery(const struct synthetic *s, const struct workflow_result *result)
{
	int first = recovery_of(s);
	int64_t stable = first < 0 ? 0 : s->pieces[first].last, low, high;
	int64_t failed = (int64_t)result->first_failure_at;
	uint64_t relapses = 0;

	assert_int_equal(result->stable_at, stable);
	assert_int_equal(result->recovered, first >= 0);
	if (first < 0) {
		low = last_bad_try(s, INT64_MAX);
		check_censored(&result->recover, low - s->lift_last);
		check_censored(&result->outage, low - failed);
		return;
	}
	low = last_bad_try(s, stable);
	high = row_from(s, first).earliest;
	check_figure(&result->recover, stable - s->lift_last, low - s->lift_last,
		     high - s->lift_first);
	check_figure(&result->outage, stable - failed, low - failed, high - failed);
	for (int i = s->baseline; i < s->total; i++)
		relapses += !s->pieces[i].good && s->pieces[i].last > stable;
	assert_int_equal(result->relapses, relapses);
}

/*
 * What the generator meant: where failing units end before the next is due, the outage begins with
 * the first of them and the recovery with the first good unit, if the relapse leaves it the time.
 */
static inline void check_meaning(const struct synthetic *s, const struct workflow_result *result)
{
	int healed = s->baseline + s->failing, need = s->successes;
	int64_t until;

	if (s->attempts * (s->fails + s->pause) > s->period * 8 / 10)
		return;
	assert_int_equal(result->first_failure_at, s->pieces[s->baseline].end);
	if (s->failing >= s->detect)
		assert_int_equal(result->detected_at, s->pieces[s->baseline + s->detect - 1].end);
	until = s->relapse ? s->relapse_at : s->total;
	while (healed + need < s->total &&
	       (s->pieces[healed + need - 1].end - s->pieces[healed].last < s->span ||
		s->pieces[healed + need - 1].end <= s->lift_last))
		need++;
	if (healed + need < s->total && healed + need < until)
		assert_int_equal(result->stable_at, s->pieces[healed].last);
}

static inline int by_number(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return a < b ? -1 : a > b;
}

/* The smallest number that at least `percent` of them do not exceed; sorts them. */
static inline int64_t nearest_rank(int64_t *numbers, int count, int percent)
{
	if (!count)
		return 0;
	qsort(numbers, (size_t)count, sizeof(*numbers), by_number);
	for (int i = 0; i < count; i++)
		if ((i + 1) * 100 >= count * percent)
			return numbers[i];
	return numbers[count - 1];
}

/* A histogram's step holds 128 to 255 times a power of two; its upper end is what is reported. */
static inline int64_t step_end(int64_t value, int64_t largest)
{
	int64_t width = 1;

	while (value / width >= 256)
		width *= 2;
	value = (value / width + 1) * width - 1;
	return value < largest ? value : largest;
}

static inline void check_phase(const struct synthetic *s, enum phase phase,
			       const struct phase_figures *figures)
{
	static int64_t latencies[SYNTHETIC_UNITS];
	uint64_t units = 0, attempts = 0;
	int64_t largest;
	int count = 0;

	for (int i = 0; i < s->total; i++) {
		const struct piece *piece = &s->pieces[i];
		enum phase here = i < s->baseline	      ? PHASE_BASELINE
				  : piece->due < s->lift_last ? PHASE_FAULT
							      : PHASE_RECOVERY;

		if (here != phase)
			continue;
		units++;
		attempts += (uint64_t)piece->count;
		if (piece->good)
			latencies[count++] = piece->end - piece->due;
	}
	assert_int_equal(figures->units, units);
	assert_int_equal(figures->attempts, attempts);
	assert_int_equal(figures->successes, count);
	largest = nearest_rank(latencies, count, 100);
	assert_int_equal(figures->p50_ns, step_end(nearest_rank(latencies, count, 50), largest));
	assert_int_equal(figures->p95_ns, step_end(nearest_rank(latencies, count, 95), largest));
	assert_int_equal(figures->p99_ns, step_end(nearest_rank(latencies, count, 99), largest));
}

static inline void check_counts(const struct synthetic *s, const struct workflow_result *result)
{
	int64_t until = result->recovered ? (int64_t)result->stable_at : s->end;
	uint64_t units = 0, attempts = 0, successes = 0;

	for (int i = s->baseline; i < s->total; i++) {
		successes += s->pieces[i].good;
		units += s->pieces[i].due < until;
		attempts += s->pieces[i].due < until ? (uint64_t)s->pieces[i].count : 0;
	}
	assert_int_equal(result->intended, s->total - s->baseline);
	assert_int_equal(result->successes, successes);
	assert_int_equal(result->budget_units, units);
	assert_int_equal(result->budget_attempts, attempts);
	for (int i = 0; i < PHASE_COUNT; i++)
		check_phase(s, (enum phase)i, &result->phases[i]);
}

/* Tries that began in [from, until). */
static inline int tries_in(const struct synthetic *s, int64_t from, int64_t until)
{
	int count = 0;

	for (int i = 0; i < s->total; i++)
		for (int j = 0; j < s->pieces[i].count; j++)
			count += s->pieces[i].tries[j] >= from && s->pieces[i].tries[j] < until;
	return count;
}

static inline void check_near(double value, long double truth)
{
	if (value < truth - 1e-9L * (1 + truth) || value > truth + 1e-9L * (1 + truth))
		fail_msg("%.17g is not %.17Lg", value, truth);
}

static inline void check_surge(const struct synthetic *s, int64_t width, double surge)
{
	long double rate = (long double)tries_in(s, s->origin, s->inject) / (s->inject - s->origin);
	int most = 0;

	if (s->end - s->lift_last < width) {
		assert_true(surge < 0);
		return;
	}
	for (int i = 0; i < s->total; i++) {
		for (int j = 0; j < s->pieces[i].count; j++) {
			int64_t from = s->pieces[i].tries[j], until = from + width;
			int count;

			if (from < s->lift_last)
				continue;
			count = tries_in(s, from, until < s->end ? until : s->end);
			most = count > most ? count : most;
		}
	}
	check_near(surge, most / (rate * width));
}

/* The peak that is marked is the first of the densest seconds. */
static inline void check_surge_peak(const struct synthetic *s, const struct workflow_result *result)
{
	int64_t first = 0;
	int most = 0;

	for (int i = 0; i < s->total && s->end - s->lift_last >= SECOND; i++) {
		for (int j = 0; j < s->pieces[i].count; j++) {
			int64_t from = s->pieces[i].tries[j], until = from + SECOND;
			int count;

			if (from < s->lift_last || from >= s->end)
				continue;
			count = tries_in(s, from, until < s->end ? until : s->end);
			if (count > most || (count == most && from < first)) {
				most = count;
				first = from;
			}
		}
	}
	assert_int_equal(result->surge_attempts, most);
	assert_int_equal(result->surge_at, first);
}

/* Ends of good or bad pieces in (from, until]. */
static inline int ends_in(const struct synthetic *s, int64_t from, int64_t until, bool good)
{
	int count = 0;

	for (int i = 0; i < s->total; i++)
		count += s->pieces[i].good == good && s->pieces[i].end > from &&
			 s->pieces[i].end <= until;
	return count;
}

static inline int64_t p95_in(const struct synthetic *s, int64_t from, int64_t until)
{
	static int64_t latencies[SYNTHETIC_UNITS];
	int count = 0;

	for (int i = 0; i < s->total; i++)
		if (s->pieces[i].good && s->pieces[i].end > from && s->pieces[i].end <= until)
			latencies[count++] = s->pieces[i].end - s->pieces[i].due;
	return nearest_rank(latencies, count, 95);
}

/* Whole seconds that hold ten periods, and `least` at the least. */
static inline int64_t window_of(const struct synthetic *s, int64_t least)
{
	int64_t width = least;

	while (width < 10 * s->period)
		width += SECOND;
	return width;
}

static inline bool is_steady(const struct synthetic *s, int64_t from, int64_t until)
{
	long double expected = (long double)s->baseline * (until - from) / (s->inject - s->origin);
	int good = ends_in(s, from, until, true), bad = ends_in(s, from, until, false);
	int64_t usual = p95_in(s, 0, s->inject), p95 = p95_in(s, from, until);

	return good + 1 >= 0.9L * expected && bad * 100 <= good + bad &&
	       (p95 <= 1.25L * usual || p95 <= usual + 1000000);
}

static inline int64_t check_steady(const struct synthetic *s, const struct workflow_result *result)
{
	int64_t width = window_of(s, 10 * SECOND), at = s->lift_last;

	for (; at + 3 * width <= s->end; at += SECOND) {
		if (!is_steady(s, at, at + width) || !is_steady(s, at + width, at + 2 * width) ||
		    !is_steady(s, at + 2 * width, at + 3 * width))
			continue;
		assert_int_equal(result->steady_at, at);
		check_figure(&result->steady, at - s->lift_last, at - s->lift_last - SECOND,
			     at - s->lift_first);
		return at;
	}
	assert_int_equal(result->steady_at, 0);
	if (at == s->lift_last)
		assert_int_equal(result->steady.state, FIGURE_NONE);
	else
		check_censored(&result->steady, at - SECOND - s->lift_last);
	return 0;
}

static inline void check_goodput(const struct synthetic *s, const struct workflow_result *result)
{
	long double rate = (long double)s->baseline / (s->inject - s->origin), lost = 0, more = 0;
	int64_t steady = check_steady(s, result), until = steady ? steady : s->end;
	int64_t width = window_of(s, SECOND), end;

	for (int64_t at = s->hit; at < until; at = end) {
		long double missing;

		end = at + width < until ? at + width : until;
		missing = rate * (end - at) - ends_in(s, at, end, true);
		lost += missing > 0 ? missing : 0;
		more += missing < 0 ? -missing : 0;
	}
	assert_int_equal(result->goodput_until, until);
	check_near(result->goodput_baseline, rate * SECOND);
	check_near(result->goodput_lost, lost);
	check_near(result->goodput_caught_up, more);
}

static inline bool is_held_down(const struct synthetic *s, int64_t from, int64_t until)
{
	long double expected = (long double)s->baseline * (until - from) / (s->inject - s->origin);
	int due = 0;

	for (int i = 0; i < s->total; i++)
		due += s->pieces[i].due >= from && s->pieces[i].due < until;
	return due && due - 1 <= expected && ends_in(s, from, until, true) < expected / 2;
}

static inline bool check_metastable(const struct synthetic *s, const struct workflow_result *result)
{
	int64_t width = window_of(s, 10 * SECOND), from = 0, until = 0;

	for (int64_t at = s->lift_last; at + width <= s->end; at += width) {
		int64_t end = at;

		while (end + width <= s->end && is_held_down(s, end, end + width))
			end += width;
		if (end - at >= 300 * SECOND || (end + width > s->end && end - at >= 3 * width)) {
			from = at;
			until = end;
			break;
		}
		at = end;
	}
	assert_int_equal(result->metastable, from != 0);
	assert_int_equal(result->metastable_from, from);
	assert_int_equal(result->metastable_until, until);
	return from != 0;
}

/* Units due at or before `at` that have not ended then. */
static inline int waiting(const struct synthetic *s, int64_t at)
{
	int count = 0;

	for (int i = 0; i < s->total; i++)
		count += s->pieces[i].due <= at && s->pieces[i].end > at;
	return count;
}

static inline int more_than_usual(const struct synthetic *s, int64_t at, int64_t until, int usual)
{
	int count = waiting(s, at) > usual;

	for (int i = 0; i < s->total; i++)
		count += s->pieces[i].due > at && s->pieces[i].due < until &&
			 waiting(s, s->pieces[i].due) > usual;
	return count;
}

static inline void check_drain(const struct synthetic *s, const struct workflow_result *result)
{
	static int64_t levels[SYNTHETIC_UNITS];
	int64_t at = s->lift_last, found = 0;
	int usual, largest = 0;

	for (int i = 0; i < s->baseline; i++)
		levels[i] = waiting(s, s->pieces[i].due);
	usual = (int)nearest_rank(levels, s->baseline, 95);
	assert_int_equal(result->backlog_baseline, usual);
	for (int i = s->baseline; i < s->total; i++)
		if (waiting(s, s->pieces[i].due) > largest)
			largest = waiting(s, s->pieces[i].due);
	assert_int_equal(result->backlog_largest, largest);
	/* It can only become less when something ends. */
	for (; at >= 0 && !found;) {
		int next = next_ended(s, at);

		if (at + s->span <= s->end && !more_than_usual(s, at, at + s->span, usual))
			found = at;
		at = next < 0 ? NONE : s->pieces[next].end;
	}
	assert_int_equal(result->drained_at, found);
	if (found)
		check_figure(&result->drain, found - s->lift_last, found - s->lift_last,
			     found - s->lift_first);
	else
		assert_int_equal(result->drain.state, FIGURE_CENSORED);
}

static inline void check_lateness(const struct synthetic *s, const struct analysis *analysis)
{
	static int64_t late[SYNTHETIC_UNITS];
	const struct lateness *lateness = &analysis->lateness[0];
	int64_t bound = s->period / 10 > 10000000 ? s->period / 10 : 10000000;

	for (int i = 0; i < s->total; i++)
		late[i] = s->pieces[i].began - s->pieces[i].due;
	assert_int_equal(lateness->units, s->total);
	assert_int_equal(lateness->p50_ns, nearest_rank(late, s->total, 50));
	assert_int_equal(lateness->p99_ns, nearest_rank(late, s->total, 99));
	assert_int_equal(lateness->largest_ns, nearest_rank(late, s->total, 100));
	assert_int_equal(lateness->bound_ns, bound);
	assert_false(lateness->late);
	assert_false(analysis->late);
	assert_int_equal(analysis->late_by_ns, lateness->largest_ns);
}

/* Every figure that hangs on the lift, and those that do not. */
static inline void check_all(const struct synthetic *s, const struct analysis *analysis)
{
	const struct workflow_result *result = &analysis->episodes[0].results[0];

	check_detection(s, result);
	check_first_success(s, result);
	check_recovery(s, result);
	check_counts(s, result);
	check_surge(s, SECOND, result->surge_1s);
	check_surge(s, 10 * SECOND, result->surge_10s);
	check_surge_peak(s, result);
	check_goodput(s, result);
	check_metastable(s, result);
	check_drain(s, result);
	check_lateness(s, analysis);
}

#endif
