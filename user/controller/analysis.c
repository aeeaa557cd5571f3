/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/analysis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "user/controller/analysis_parts.h"

static int result_make(const struct history *history, uint32_t workflow, uint64_t baseline_end,
		       const struct episode *episode, struct workflow_result *result)
{
	struct view view;
	int r = view_make(history, workflow, episode->injected_first, episode->observed_until,
			  &view);

	if (r < 0)
		return r;
	result->surge_1s = result->surge_10s = -1;
	recovery_failures(history, workflow, episode, result);
	recovery_detection(history, workflow, episode, result);
	if (result->affected && episode->lifted_last) {
		recovery_first_success(history, workflow, episode, result);
		recovery_find(history, workflow, episode, &view, result);
	}
	result->observed =
		episode->lifted_last && recovery_observable(&history->workflows[workflow], episode);
	figures_units(history, workflow, episode, result);
	r = figures_phases(history, workflow, baseline_end, episode, result);
	if (r == 0 && episode->lifted_last)
		r = figures_surge(history, workflow, episode, result);
	if (r == 0)
		r = figures_goodput(history, workflow, episode, result);
	if (r == 0)
		r = figures_backlog(history, workflow, episode, result);
	free(view.units);
	verdict_workflow(&history->workflows[workflow], episode, result);
	return r;
}

/* Adds a window to the episode that it overlaps or nearly touches. */
static void episode_extend(struct episode *episode, const struct window *window)
{
	episode->windows_count++;
	episode->existing_found += window->existing_found;
	episode->existing_reset += window->existing_reset;
	episode->existing_adopted += window->existing_adopted;
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

static int lateness_make(const struct history *history, struct analysis *analysis)
{
	int r = 0;

	analysis->lateness = calloc(history->workflows_count + 1, sizeof(*analysis->lateness));
	if (!analysis->lateness)
		return -ENOMEM;
	for (size_t i = 0; i < history->workflows_count && r == 0; i++) {
		struct lateness *lateness = &analysis->lateness[i];

		r = figures_lateness(history, (uint32_t)i, lateness);
		analysis->late = analysis->late || lateness->late;
		if (lateness->largest_ns > analysis->late_by_ns)
			analysis->late_by_ns = lateness->largest_ns;
	}
	return r;
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
			figures_kernel(history, episode);
	}
	if (r == 0)
		r = lateness_make(history, &analysis);
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
	free(analysis->lateness);
	*analysis = (struct analysis){0};
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
	settled = recovery_stable(&view, &history->workflows[workflow], episode->lifted_last,
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
		settled = history->workflows[i].control ||
			  (since(now, last->lifted_last) >= history->workflows[i].stable_span_ns &&
			   workflow_settled(history, (uint32_t)i, last, now));
	analysis_free(&analysis);
	return settled;
}
