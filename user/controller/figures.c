/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted over the phases of an episode. */
#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/analysis_parts.h"
#include "user/controller/histogram.h"
#include "user/controller/observe.h"

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
		figures->units += unit_tries(unit);
		figures->attempts += unit->observed ? unit->observed : unit->attempts;
		figures->successes += unit_successes(unit);
		/* What is only observed has no latency. */
		if (unit->class != CLASS_OK || unit->observed)
			continue;
		histogram_add(latencies, since(unit->ended_at, unit->intended_at));
	}
	figures->p50_ns = histogram_quantile(latencies, 500000);
	figures->p95_ns = histogram_quantile(latencies, 950000);
	figures->p99_ns = histogram_quantile(latencies, 990000);
	return 0;
}

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* So many attempts that began at one moment. */
struct starts {
	uint64_t at, count;
};

static int compare_starts(const void *left, const void *right)
{
	return compare_numbers(&((const struct starts *)left)->at,
			       &((const struct starts *)right)->at);
}

/* Largest number of attempts that began in any window of `width`, and the begin of the first such
 * window; `starts` is sorted. */
static uint64_t densest(const struct starts *starts, size_t count, uint64_t width, uint64_t *ret_at)
{
	uint64_t most = 0, inside = 0, at = 0;
	size_t first = 0;

	for (size_t i = 0; i < count; i++) {
		inside += starts[i].count;
		while (starts[i].at - starts[first].at >= width)
			inside -= starts[first++].count;
		if (inside > most) {
			most = inside;
			at = starts[first].at;
		}
	}
	*ret_at = at;
	return most;
}

int figures_surge(const struct history *history, uint32_t workflow, const struct episode *episode,
		  struct workflow_result *result)
{
	const struct phase_figures *baseline = &result->phases[PHASE_BASELINE];
	double seconds = (double)since(baseline->until, baseline->from) / (double)NS_PER_S, rate;
	_cleanup_free_ struct starts *starts = NULL;
	uint64_t before = 0, most, at;
	size_t count = 0;

	result->surge_1s = result->surge_10s = -1;
	starts = malloc((history->attempts_count + 1) * sizeof(*starts));
	if (!starts)
		return -ENOMEM;
	for (size_t i = 0; i < history->attempts_count; i++) {
		const struct attempt *attempt = &history->attempts[i];

		if (attempt->workflow != workflow)
			continue;
		if (attempt->started_at >= baseline->from && attempt->started_at < baseline->until)
			before += attempt_tries(attempt);
		if (attempt->started_at >= episode->lifted_last &&
		    attempt->started_at < episode->observed_until)
			starts[count++] =
				(struct starts){attempt->started_at, attempt_tries(attempt)};
	}
	if (!before || seconds <= 0)
		return 0;
	rate = (double)before / seconds;
	seconds = (double)since(episode->observed_until, episode->lifted_last) / (double)NS_PER_S;
	qsort(starts, count, sizeof(*starts), compare_starts);
	/* A window that the observation does not fill has no rate. */
	if (seconds >= 1) {
		most = densest(starts, count, NS_PER_S, &at);
		result->surge_1s = (double)most / rate;
		result->surge_attempts = most;
		result->surge_at = at;
	}
	if (seconds >= 10) {
		most = densest(starts, count, 10 * NS_PER_S, &at);
		result->surge_10s = (double)most / 10 / rate;
	}
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
		result->intended += unit_tries(unit);
		result->successes += unit_successes(unit);
		/* Which of the tries that the kernel saw belong together is not known. */
		if (unit->intended_at >= until || unit->observed)
			continue;
		result->budget_units++;
		result->budget_attempts += unit->attempts;
	}
}

/* Over which connections a workflow's attempts went, by phase. */
static void count_connections(const struct history *history, uint32_t workflow,
			      struct phase_figures phases[PHASE_COUNT])
{
	for (size_t i = 0; i < history->attempts_count; i++) {
		const struct attempt *attempt = &history->attempts[i];

		if (attempt->workflow != workflow)
			continue;
		for (int j = 0; j < PHASE_COUNT; j++) {
			if (attempt->started_at < phases[j].from ||
			    attempt->started_at >= phases[j].until)
				continue;
			phases[j].warm += attempt->kept;
			phases[j].cold += !attempt->kept && attempt->connect_ns;
		}
	}
}

/* What became of the connections of a workflow that observes, by phase. */
static void count_observed(const struct history *history, const struct terms *terms,
			   struct phase_figures phases[PHASE_COUNT])
{
	for (size_t i = 0; i < history->buckets_count; i++) {
		const struct bucket *bucket = &history->buckets[i];

		if (!observe_holds(history, terms, bucket->rule))
			continue;
		for (int j = 0; j < PHASE_COUNT; j++)
			if (bucket->at >= phases[j].from && bucket->at < phases[j].until)
				observe_figures(bucket, &phases[j].observed);
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
	count_connections(history, workflow, phases);
	count_observed(history, &history->workflows[workflow], phases);
	return r;
}

/* Whether the work is the controller's own and meets the faults. */
static bool is_own_work(const struct terms *terms)
{
	return !terms->control && terms->kind != WORKFLOW_KIND_OBSERVE;
}

static void kernel_phase(const struct history *history, const struct phase_figures *phase,
			 struct kernel_figures *kernel)
{
	for (size_t i = 0; i < history->buckets_count; i++) {
		const struct bucket *bucket = &history->buckets[i];

		if (bucket->at < phase->from || bucket->at >= phase->until)
			continue;
		kernel->connects += bucket->connects;
		kernel->requests += bucket->requests;
		kernel->hits += bucket->hits;
	}
	for (size_t i = 0; i < history->attempts_count; i++) {
		const struct attempt *attempt = &history->attempts[i];

		if (is_own_work(&history->workflows[attempt->workflow]) &&
		    attempt->started_at >= phase->from && attempt->started_at < phase->until)
			kernel->attempts++;
	}
}

void figures_kernel(const struct history *history, struct episode *episode)
{
	for (int i = 0; i < PHASE_COUNT; i++) {
		struct kernel_figures *kernel = &episode->kernel[i];

		/* The phases are the same for every workflow. */
		kernel_phase(history, &episode->results[0].phases[i], kernel);
		for (size_t j = 0; j < history->workflows_count; j++)
			if (is_own_work(&history->workflows[j]))
				kernel->units += episode->results[j].phases[i].units;
	}
}

int figures_lateness(const struct history *history, uint32_t workflow,
		     struct lateness *ret_lateness)
{
	const struct terms *terms = &history->workflows[workflow];
	struct lateness lateness = {.bound_ns = terms->every_ns / 10};
	_cleanup_free_ uint64_t *behind = malloc((history->units_count + 1) * sizeof(*behind));
	size_t count = 0;

	if (!behind)
		return -ENOMEM;
	if (lateness.bound_ns < LATE_BOUND_NS)
		lateness.bound_ns = LATE_BOUND_NS;
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (unit->workflow == workflow && unit->started_at && !unit->observed)
			behind[count++] = since(unit->started_at, unit->intended_at);
	}
	if (count) {
		qsort(behind, count, sizeof(*behind), compare_numbers);
		lateness.units = count;
		lateness.p50_ns = behind[(count * 50 + 99) / 100 - 1];
		lateness.p99_ns = behind[(count * 99 + 99) / 100 - 1];
		lateness.largest_ns = behind[count - 1];
		lateness.late = lateness.p99_ns > lateness.bound_ns;
	}
	*ret_lateness = lateness;
	return 0;
}
