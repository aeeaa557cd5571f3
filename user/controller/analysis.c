/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/analysis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/histogram.h"

static const char *const phase_names[] = {"baseline", "fault", "recovery"};
_Static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a phase has no name");

const char *phase_name(unsigned int phase)
{
	return phase < PHASE_COUNT ? phase_names[phase] : NULL;
}

static uint64_t since(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

/*
 * Where a unit stands among the others: when the attempt that decided it was due. For one that
 * needed no retry that is its place in the schedule. One that succeeded at the fifth try says
 * nothing good about the moments before that try.
 */
static uint64_t place(const struct unit *unit)
{
	return unit->attempts <= 1 ? unit->intended_at : unit->last_started_at;
}

static int compare_units(const void *left, const void *right)
{
	const struct unit *a = left, *b = right;
	uint64_t first = place(a), second = place(b);

	if (first == second)
		return a->number < b->number ? -1 : a->number > b->number;
	return first < second ? -1 : 1;
}

/* The units of one workflow that ended in (from, until], by their place. */
struct view {
	struct unit *units;
	size_t count;
};

static bool in_view(const struct unit *unit, uint32_t workflow, uint64_t from, uint64_t until)
{
	return unit->workflow == workflow && unit->class != CLASS_CUT && unit->ended_at > from &&
	       unit->ended_at <= until;
}

static int view_make(const struct history *history, uint32_t workflow, uint64_t from,
		     uint64_t until, struct view *ret_view)
{
	struct unit *units;
	size_t count = 0;

	for (size_t i = 0; i < history->units_count; i++)
		count += in_view(&history->units[i], workflow, from, until);
	units = malloc((count + 1) * sizeof(*units));
	if (!units)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; i < history->units_count; i++)
		if (in_view(&history->units[i], workflow, from, until))
			units[count++] = history->units[i];
	qsort(units, count, sizeof(*units), compare_units);
	*ret_view = (struct view){.units = units, .count = count};
	return 0;
}

/*
 * First unit of the first streak of successes that is long enough and is still unbroken after the
 * lift. With `after_failure` a streak before the first failure does not count. -1: there is none.
 */
static ssize_t find_stable(const struct view *view, const struct terms *terms, uint64_t lifted,
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
		if (count++ == 0) {
			first = i;
			latest = 0;
		}
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
static void find_failures(const struct history *history, uint32_t workflow,
			  const struct episode *episode, struct workflow_result *result)
{
	uint32_t row = 0;

	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!in_view(unit, workflow, episode->injected_first, episode->observed_until))
			continue;
		if (unit->class == CLASS_OK) {
			row = 0;
			continue;
		}
		if (!result->affected)
			result->first_failure_at = unit->ended_at;
		result->affected = true;
		if (++row == history->workflows[workflow].detect_failures && !result->detected_at)
			result->detected_at = unit->ended_at;
	}
}

static void find_first_success(const struct history *history, uint32_t workflow,
			       const struct episode *episode, struct workflow_result *result)
{
	uint64_t started = 0, low;

	for (size_t i = 0; i < history->units_count && !result->first_success_at; i++) {
		const struct unit *unit = &history->units[i];

		if (in_view(unit, workflow, episode->lifted_last, episode->observed_until) &&
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

static struct figure censored(uint64_t last_failure, uint64_t origin)
{
	uint64_t low = since(last_failure, origin);

	return (struct figure){
		.state = FIGURE_CENSORED, .ns = low, .low_ns = low, .high_ns = UINT64_MAX};
}

/* stable_at, the figures that hang on it, and relapses. */
static void find_recovery(const struct history *history, uint32_t workflow,
			  const struct episode *episode, const struct view *view,
			  struct workflow_result *result)
{
	const struct terms *terms = &history->workflows[workflow];
	ssize_t first = find_stable(view, terms, episode->lifted_last, true);
	uint64_t low, high;

	if (first < 0) {
		low = last_failure_start(history, workflow, episode->injected_first, UINT64_MAX);
		result->recover = censored(low, episode->lifted_last);
		result->outage = censored(low, result->first_failure_at);
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

static void find_detection(const struct episode *episode, struct workflow_result *result)
{
	uint64_t ns = since(result->detected_at, episode->effective_at);

	if (!episode->effective_at)
		return;
	if (!result->detected_at)
		result->detect = censored(episode->observed_until, episode->effective_at);
	else if (result->detected_at >= episode->effective_at)
		result->detect = (struct figure){FIGURE_VALUE, ns, ns, ns};
}

/*
 * Where a unit counts: in the baseline when it ended before the first inject; in the fault phase
 * when it ended after the inject and was due before the lift; in the recovery phase when it was
 * due after the lift. So each unit counts once, and one under way at the inject is no baseline.
 */
static bool in_phase(const struct unit *unit, const struct episode *episode, enum phase phase,
		     const struct phase_figures *figures)
{
	if (phase == PHASE_BASELINE)
		return unit->ended_at <= figures->until;
	if (unit->ended_at <= episode->injected_first || unit->ended_at > episode->observed_until)
		return false;
	return phase == PHASE_FAULT ? unit->intended_at < figures->until
				    : unit->intended_at >= figures->from;
}

static int phase_make(const struct history *history, uint32_t workflow,
		      const struct episode *episode, enum phase phase,
		      struct phase_figures *figures)
{
	_cleanup_free_ struct histogram *latencies = calloc(1, sizeof(*latencies));

	if (!latencies)
		return -ENOMEM;
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (unit->workflow != workflow || unit->class == CLASS_CUT ||
		    !in_phase(unit, episode, phase, figures))
			continue;
		figures->units++;
		figures->attempts += unit->attempts;
		if (unit->class != CLASS_OK)
			continue;
		figures->successes++;
		histogram_add(latencies, since(unit->ended_at, unit->intended_at));
	}
	figures->p50_ns = histogram_quantile(latencies, 500000);
	figures->p95_ns = histogram_quantile(latencies, 950000);
	figures->p99_ns = histogram_quantile(latencies, 990000);
	return 0;
}

static int compare_instants(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Largest number of `starts` (sorted) in any window of `width`. */
static uint64_t densest(const uint64_t *starts, size_t count, uint64_t width)
{
	uint64_t most = 0;
	size_t first = 0;

	for (size_t i = 0; i < count; i++) {
		while (starts[i] - starts[first] >= width)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	return most;
}

static int find_surge(const struct history *history, uint32_t workflow,
		      const struct episode *episode, struct workflow_result *result)
{
	const struct phase_figures *baseline = &result->phases[PHASE_BASELINE];
	double seconds = (double)since(baseline->until, baseline->from) / (double)NS_PER_S, rate;
	_cleanup_free_ uint64_t *starts = NULL;
	uint64_t before = 0;
	size_t count = 0;

	result->surge_1s = result->surge_10s = -1;
	starts = malloc((history->attempts_count + 1) * sizeof(*starts));
	if (!starts)
		return -ENOMEM;
	for (size_t i = 0; i < history->attempts_count; i++) {
		const struct attempt *attempt = &history->attempts[i];

		if (attempt->workflow != workflow)
			continue;
		before += attempt->started_at >= baseline->from &&
			  attempt->started_at < baseline->until;
		if (attempt->started_at >= episode->lifted_last &&
		    attempt->started_at < episode->observed_until)
			starts[count++] = attempt->started_at;
	}
	if (!before || seconds <= 0)
		return 0;
	rate = (double)before / seconds;
	seconds = (double)since(episode->observed_until, episode->lifted_last) / (double)NS_PER_S;
	qsort(starts, count, sizeof(*starts), compare_instants);
	/* A window that the observation does not fill has no rate. */
	if (seconds >= 1)
		result->surge_1s = (double)densest(starts, count, NS_PER_S) / rate;
	if (seconds >= 10)
		result->surge_10s = (double)densest(starts, count, 10 * NS_PER_S) / 10 / rate;
	return 0;
}

/* Attempts per unit from the inject until stable, and successes per unit over the episode. */
static void count_units(const struct history *history, uint32_t workflow,
			const struct episode *episode, struct workflow_result *result)
{
	uint64_t until = result->recovered ? result->stable_at : episode->observed_until;

	/* Nothing to recover from: until the effect ended, or the whole time if it did not. */
	if (!result->affected && episode->lifted_last)
		until = episode->lifted_last;
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!in_view(unit, workflow, episode->injected_first, episode->observed_until))
			continue;
		result->intended++;
		result->successes += unit->class == CLASS_OK;
		if (unit->intended_at >= until)
			continue;
		result->budget_units++;
		result->budget_attempts += unit->attempts;
	}
}

static bool observed_long_enough(const struct terms *terms, const struct episode *episode)
{
	uint64_t rows = terms->stable_successes * terms->every_ns;
	uint64_t span = rows > terms->stable_span_ns ? rows : terms->stable_span_ns;

	return since(episode->observed_until, episode->lifted_last) >= span + terms->timeout_ns;
}

static int phases_make(const struct history *history, uint32_t workflow, uint64_t baseline_end,
		       const struct episode *episode, struct workflow_result *result)
{
	uint64_t lifted = episode->lifted_last ? episode->lifted_last : episode->observed_until;
	struct phase_figures *phases = result->phases;
	int r = 0;

	phases[PHASE_BASELINE].from = history->started_at;
	phases[PHASE_BASELINE].until = baseline_end;
	phases[PHASE_FAULT].from = episode->injected_first;
	phases[PHASE_FAULT].until = lifted;
	phases[PHASE_RECOVERY].from = lifted;
	phases[PHASE_RECOVERY].until = episode->observed_until;
	for (int i = 0; i < PHASE_COUNT && r == 0; i++)
		r = phase_make(history, workflow, episode, (enum phase)i, &phases[i]);
	return r;
}

static int result_make(const struct history *history, uint32_t workflow, uint64_t baseline_end,
		       const struct episode *episode, struct workflow_result *result)
{
	struct view view;
	int r = view_make(history, workflow, episode->injected_first, episode->observed_until,
			  &view);

	if (r < 0)
		return r;
	result->surge_1s = result->surge_10s = -1;
	find_failures(history, workflow, episode, result);
	if (result->affected)
		find_detection(episode, result);
	if (result->affected && episode->lifted_last) {
		find_first_success(history, workflow, episode, result);
		find_recovery(history, workflow, episode, &view, result);
	}
	result->observed = episode->lifted_last &&
			   observed_long_enough(&history->workflows[workflow], episode);
	count_units(history, workflow, episode, result);
	r = phases_make(history, workflow, baseline_end, episode, result);
	if (r == 0 && episode->lifted_last)
		r = find_surge(history, workflow, episode, result);
	free(view.units);
	verdict_workflow(&history->workflows[workflow], episode, result);
	return r;
}

static void kernel_make(const struct history *history, struct episode *episode)
{
	const struct phase_figures *phases = episode->results ? episode->results[0].phases : NULL;

	for (int i = 0; phases && i < PHASE_COUNT; i++) {
		struct kernel_figures *kernel = &episode->kernel[i];

		for (size_t j = 0; j < history->buckets_count; j++) {
			const struct bucket *bucket = &history->buckets[j];

			if (bucket->at < phases[i].from || bucket->at >= phases[i].until)
				continue;
			kernel->connects += bucket->connects;
			kernel->requests += bucket->requests;
			kernel->hits += bucket->hits;
		}
		for (size_t j = 0; j < history->workflows_count; j++)
			kernel->units += episode->results[j].phases[i].units;
	}
}

/* Adds a window to the episode that it overlaps or nearly touches. */
static void episode_extend(struct episode *episode, const struct window *window)
{
	episode->windows_count++;
	if (window->starts_at < episode->injected_first)
		episode->injected_first = window->starts_at;
	if (window->starts_at > episode->injected_last)
		episode->injected_last = window->starts_at;
	if (window->first_hit_at &&
	    (!episode->effective_at || window->first_hit_at < episode->effective_at))
		episode->effective_at = window->first_hit_at;
	if (!window->ended_last) {
		episode->lifted_first = episode->lifted_last = UINT64_MAX; /* still open */
		return;
	}
	if (window->ended_first > episode->lifted_first)
		episode->lifted_first = window->ended_first;
	if (window->ended_last >= episode->lifted_last) {
		episode->lifted_last = window->ended_last;
		episode->cause = window->cause;
	}
}

static int episodes_make(const struct history *history, struct analysis *analysis)
{
	struct episode *episodes = calloc(history->windows_count + 1, sizeof(*episodes));
	size_t count = 0;

	if (!episodes)
		return -ENOMEM;
	for (size_t i = 0; i < history->windows_count; i++) {
		const struct window *window = &history->windows[i];
		struct episode *last = count ? &episodes[count - 1] : NULL;

		if (!last || (last->lifted_last != UINT64_MAX &&
			      since(window->starts_at, last->lifted_last) >= EPISODE_GAP_NS)) {
			if (last)
				last->observed_until = window->starts_at;
			last = &episodes[count++];
			last->first_window = i;
			last->injected_first = UINT64_MAX;
		}
		episode_extend(last, window);
	}
	if (count)
		episodes[count - 1].observed_until = history->ended_at;
	for (size_t i = 0; i < count; i++)
		if (episodes[i].lifted_last == UINT64_MAX)
			episodes[i].lifted_first = episodes[i].lifted_last = 0;
	analysis->episodes = episodes;
	analysis->episodes_count = count;
	return 0;
}

int analysis_make(const struct history *history, struct analysis *ret_analysis)
{
	struct analysis analysis = {.workflows_count = history->workflows_count};
	uint64_t baseline_end;
	int r = episodes_make(history, &analysis);

	if (r < 0)
		return r;
	baseline_end =
		analysis.episodes_count ? analysis.episodes[0].injected_first : history->ended_at;
	for (size_t i = 0; i < analysis.episodes_count && r == 0; i++) {
		struct episode *episode = &analysis.episodes[i];

		episode->results = calloc(history->workflows_count + 1, sizeof(*episode->results));
		if (!episode->results)
			r = -ENOMEM;
		for (size_t j = 0; j < history->workflows_count && r == 0; j++)
			r = result_make(history, (uint32_t)j, baseline_end, episode,
					&episode->results[j]);
		if (r == 0 && history->workflows_count)
			kernel_make(history, episode);
	}
	if (r < 0) {
		analysis_free(&analysis);
		return r;
	}
	verdict_run(history, &analysis);
	*ret_analysis = analysis;
	return 0;
}

void analysis_free(struct analysis *analysis)
{
	for (size_t i = 0; i < analysis->episodes_count; i++)
		free(analysis->episodes[i].results);
	free(analysis->episodes);
	*analysis = (struct analysis){0};
}

bool analysis_steady(const struct history *history, uint64_t until, char *ret_reason, size_t size)
{
	for (size_t i = 0; i < history->workflows_count; i++) {
		unsigned long long units = 0, failures = 0;

		for (size_t j = 0; j < history->units_count; j++) {
			const struct unit *unit = &history->units[j];

			if (!in_view(unit, (uint32_t)i, 0, until))
				continue;
			units++;
			failures += unit->class != CLASS_OK;
		}
		if (units < BASELINE_UNITS_MIN) {
			snprintf(ret_reason, size,
				 "workflow %s: %llu units ended in the baseline, %d are needed",
				 history->workflows[i].name, units, BASELINE_UNITS_MIN);
			return false;
		}
		if (failures * 1000000 > units * BASELINE_FAILURES_PPM) {
			snprintf(ret_reason, size,
				 "workflow %s: %llu of %llu units failed in the baseline",
				 history->workflows[i].name, failures, units);
			return false;
		}
	}
	return true;
}

static bool workflow_settled(const struct history *history, uint32_t workflow,
			     const struct episode *episode, uint64_t now)
{
	struct view view;
	bool affected = false, settled;

	if (view_make(history, workflow, episode->injected_first, now, &view) < 0)
		return false;
	for (size_t i = 0; i < view.count; i++)
		affected = affected || view.units[i].class != CLASS_OK;
	settled = find_stable(&view, &history->workflows[workflow], episode->lifted_last,
			      affected) >= 0;
	free(view.units);
	return settled;
}

bool analysis_settled(const struct history *history, uint64_t now)
{
	struct analysis analysis = {0};
	const struct episode *last;
	bool settled = true;

	if (episodes_make(history, &analysis) < 0)
		return false;
	last = analysis.episodes_count ? &analysis.episodes[analysis.episodes_count - 1] : NULL;
	if (last && (!last->lifted_last || last->lifted_last > now))
		settled = false;
	for (size_t i = 0; last && i < history->workflows_count && settled; i++)
		settled = since(now, last->lifted_last) >= history->workflows[i].stable_span_ns &&
			  workflow_settled(history, (uint32_t)i, last, now);
	analysis_free(&analysis);
	return settled;
}
