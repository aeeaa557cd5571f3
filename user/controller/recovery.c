/* SPDX-License-Identifier: Apache-2.0 */
/* The points in time of one workflow in one episode. */
#include <errno.h>
#include <stdlib.h>

#include "user/controller/analysis_parts.h"

/*
 * Where a unit stands among the others: at the start of the attempt that decided it. A unit that
 * succeeded at the fifth try, or that a busy machine began late, says nothing good about the
 * moments before. One that was given up before it began stands where it was due.
 */
static uint64_t place(const struct unit *unit)
{
	return unit->attempts ? unit->last_started_at : unit->intended_at;
}

static int compare_units(const void *left, const void *right)
{
	const struct unit *a = left, *b = right;
	uint64_t first = place(a), second = place(b);

	if (first == second)
		return a->number < b->number ? -1 : a->number > b->number;
	return first < second ? -1 : 1;
}

bool view_holds(const struct unit *unit, uint32_t workflow, uint64_t from, uint64_t until)
{
	return unit->workflow == workflow && unit->class != CLASS_CUT && unit->ended_at > from &&
	       unit->ended_at <= until;
}

int view_make(const struct history *history, uint32_t workflow, uint64_t from, uint64_t until,
	      struct view *ret_view)
{
	struct unit *units;
	size_t count = 0;

	for (size_t i = 0; i < history->units_count; i++)
		count += view_holds(&history->units[i], workflow, from, until);
	units = malloc((count + 1) * sizeof(*units));
	if (!units)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; i < history->units_count; i++)
		if (view_holds(&history->units[i], workflow, from, until))
			units[count++] = history->units[i];
	qsort(units, count, sizeof(*units), compare_units);
	*ret_view = (struct view){.units = units, .count = count};
	return 0;
}

/*
 * First unit of the first streak of successes that is long enough and is still unbroken after the
 * lift. With `after_failure` a streak before the first failure does not count. -1: there is none.
 */
ssize_t recovery_stable(const struct view *view, const struct terms *terms, uint64_t lifted,
			bool after_failure)
{
	bool eligible = !after_failure;
	uint64_t count = 0, latest = 0;
	size_t first = 0;

	for (size_t i = 0; i < view->count; i++) {
		const struct unit *unit = &view->units[i];

		if (unit->class != CLASS_OK) {
			eligible = true;
			count = 0;
			continue;
		}
		if (!eligible)
			continue;
		if (count == 0) {
			first = i;
			latest = 0;
		}
		count += unit_tries(unit);
		if (unit->ended_at > latest)
			latest = unit->ended_at;
		if (count >= terms->stable_successes && latest > lifted &&
		    since(latest, place(&view->units[first])) >= terms->stable_span_ns)
			return (ssize_t)first;
	}
	return -1;
}

/* Start of the last failed attempt that began at or before `until`; 0: none. */
static uint64_t last_failure_start(const struct history *history, uint32_t workflow,
				   uint64_t ended_after, uint64_t until)
{
	uint64_t last = 0;

	for (size_t i = 0; i < history->attempts_count; i++) {
		const struct attempt *attempt = &history->attempts[i];

		if (attempt->workflow == workflow && attempt->class != CLASS_OK &&
		    attempt->ended_at > ended_after && attempt->started_at <= until &&
		    attempt->started_at > last)
			last = attempt->started_at;
	}
	return last;
}

/* End of the earliest success of the streak that begins at `first`. */
static uint64_t streak_first_end(const struct view *view, size_t first)
{
	uint64_t end = view->units[first].ended_at;

	for (size_t i = first + 1; i < view->count && view->units[i].class == CLASS_OK; i++)
		if (view->units[i].ended_at < end)
			end = view->units[i].ended_at;
	return end;
}

/* first_failure_at and detected_at, in the order in which an observer sees units end. */
void recovery_failures(const struct history *history, uint32_t workflow,
		       const struct episode *episode, struct workflow_result *result)
{
	uint64_t row = 0;

	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!view_holds(unit, workflow, episode->injected_first, episode->observed_until))
			continue;
		if (unit->class == CLASS_OK) {
			row = 0;
			continue;
		}
		if (!result->affected)
			result->first_failure_at = unit->ended_at;
		result->affected = true;
		row += unit_tries(unit);
		if (row < history->workflows[workflow].detect_failures || result->detected_at)
			continue;
		result->detected_at = unit->ended_at;
		result->detected_by = DETECTION_FAILURES;
	}
}

void recovery_first_success(const struct history *history, uint32_t workflow,
			    const struct episode *episode, struct workflow_result *result)
{
	uint64_t started = 0, low;

	for (size_t i = 0; i < history->units_count && !result->first_success_at; i++) {
		const struct unit *unit = &history->units[i];

		if (view_holds(unit, workflow, episode->lifted_last, episode->observed_until) &&
		    unit->class == CLASS_OK) {
			result->first_success_at = unit->ended_at;
			started = place(unit);
		}
	}
	if (!result->first_success_at)
		return;
	low = last_failure_start(history, workflow, episode->injected_first, started);
	result->first_success = (struct figure){
		.state = FIGURE_VALUE,
		.ns = since(result->first_success_at, episode->lifted_last),
		.low_ns = since(low, episode->lifted_last),
		.high_ns = since(result->first_success_at, episode->lifted_first),
	};
}

/* stable_at, the figures that hang on it, and relapses. */
void recovery_find(const struct history *history, uint32_t workflow, const struct episode *episode,
		   const struct view *view, struct workflow_result *result)
{
	const struct terms *terms = &history->workflows[workflow];
	ssize_t first = recovery_stable(view, terms, episode->lifted_last, true);
	uint64_t low, high;

	if (first < 0) {
		low = last_failure_start(history, workflow, episode->injected_first, UINT64_MAX);
		result->recover = figure_censored(low, episode->lifted_last);
		result->outage = figure_censored(low, result->first_failure_at);
		return;
	}
	result->recovered = true;
	result->stable_at = place(&view->units[first]);
	low = last_failure_start(history, workflow, episode->injected_first, result->stable_at);
	high = streak_first_end(view, (size_t)first);
	result->recover = (struct figure){
		.state = FIGURE_VALUE,
		.ns = since(result->stable_at, episode->lifted_last),
		.low_ns = since(low, episode->lifted_last),
		.high_ns = since(high, episode->lifted_first),
	};
	result->outage = (struct figure){
		.state = FIGURE_VALUE,
		.ns = since(result->stable_at, result->first_failure_at),
		.low_ns = since(low, result->first_failure_at),
		.high_ns = since(high, result->first_failure_at),
	};
	for (size_t i = (size_t)first; i < view->count; i++)
		result->relapses += view->units[i].class != CLASS_OK;
}

/* The first alert that came once the fault acted; what came before was about something else. */
static const struct alert *alert_of(const struct history *history, uint32_t workflow,
				    const struct episode *episode)
{
	for (size_t i = 0; i < history->alerts_count; i++) {
		const struct alert *alert = &history->alerts[i];

		if (alert->workflow == workflow && alert->at >= episode->effective_at &&
		    alert->at <= episode->observed_until)
			return alert;
	}
	return NULL;
}

void recovery_detection(const struct history *history, uint32_t workflow,
			const struct episode *episode, struct workflow_result *result)
{
	enum detection by = history->workflows[workflow].detect_by;
	uint64_t from = episode->effective_at, after = 0;
	bool told = by == DETECTION_WEBHOOK || by == DETECTION_COMMAND;

	if (told) {
		const struct alert *alert = from ? alert_of(history, workflow, episode) : NULL;

		result->detected_at = alert ? alert->at : 0;
		result->detected_by = alert ? by : DETECTION_NONE;
		after = alert ? alert->after : 0;
	}
	if (!from || (!result->affected && !result->detected_at))
		return;
	if (!result->detected_at)
		result->detect = figure_censored(episode->observed_until, from);
	else if (result->detected_at >= from)
		result->detect = (struct figure){
			.state = FIGURE_VALUE,
			.ns = result->detected_at - from,
			.low_ns = by == DETECTION_COMMAND ? since(after, from)
							  : result->detected_at - from,
			.high_ns = result->detected_at - from,
		};
}

bool recovery_observable(const struct terms *terms, const struct episode *episode)
{
	uint64_t rows = terms->stable_successes * terms->every_ns;
	uint64_t span = rows > terms->stable_span_ns ? rows : terms->stable_span_ns;

	return since(episode->observed_until, episode->lifted_last) >= span + terms->timeout_ns;
}
