/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted over the phases of an episode. */
#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/analysis_parts.h"
#include "user/controller/histogram.h"

static const char *const phase_names[] = {"baseline", "fault", "recovery"};
_Static_assert(ARRAY_SIZE(phase_names) == PHASE_COUNT, "a phase has no name");

const char *phase_name(unsigned int phase)
{
	return phase < PHASE_COUNT ? phase_names[phase] : NULL;
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

int figures_surge(const struct history *history, uint32_t workflow, const struct episode *episode,
		  struct workflow_result *result)
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
void figures_units(const struct history *history, uint32_t workflow, const struct episode *episode,
		   struct workflow_result *result)
{
	uint64_t until = result->recovered ? result->stable_at : episode->observed_until;

	/* Nothing to recover from: until the effect ended, or the whole time if it did not. */
	if (!result->affected && episode->lifted_last)
		until = episode->lifted_last;
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!view_holds(unit, workflow, episode->injected_first, episode->observed_until))
			continue;
		result->intended++;
		result->successes += unit->class == CLASS_OK;
		if (unit->intended_at >= until)
			continue;
		result->budget_units++;
		result->budget_attempts += unit->attempts;
	}
}

int figures_phases(const struct history *history, uint32_t workflow, uint64_t baseline_end,
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

void figures_kernel(const struct history *history, struct episode *episode)
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
