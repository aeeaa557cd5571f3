/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates against the baseline's: when the work was steady again, what was lost until then, and
 * whether it was held down without a fault. Counts are compared by cross-multiplication in
 * integers, so that no figure hangs on a rounding.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/analysis_parts.h"

typedef unsigned __int128 wide;

/* One unit at its end, or as it falls due. */
struct mark {
	uint64_t at;
	uint64_t successes, failures; /* of a unit that is due: 1, 0 */
	uint64_t latency;
};

struct marks {
	struct mark *items; /* by `at` */
	size_t count;
};

/* What happened in a stretch of time. */
struct tally {
	uint64_t successes, failures;
	uint64_t p95_ns; /* of the successes */
};

struct rates {
	struct marks ends, arrivals;
	uint64_t *scratch; /* room for a latency per unit */
	struct tally baseline;
	uint64_t baseline_ns, baseline_arrivals;
	uint64_t window_ns; /* of the steady and the metastable row */
	uint64_t step_ns;   /* of the integral */
	bool has_latency;   /* what is only observed has none */
};

static int compare_marks(const void *left, const void *right)
{
	const struct mark *a = left, *b = right;

	return a->at < b->at ? -1 : a->at > b->at;
}

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Index of the first mark later than `at`. */
static size_t marks_after(const struct marks *marks, uint64_t at)
{
	size_t low = 0, high = marks->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (marks->items[middle].at > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Of the units that ended in (from, until]; the quantile is the nearest rank. */
static struct tally tally_of(const struct rates *rates, uint64_t from, uint64_t until)
{
	const struct marks *ends = &rates->ends;
	struct tally tally = {0};
	size_t count = 0;

	for (size_t i = marks_after(ends, from); i < ends->count && ends->items[i].at <= until;
	     i++) {
		const struct mark *mark = &ends->items[i];

		tally.successes += mark->successes;
		tally.failures += mark->failures;
		if (mark->successes && rates->has_latency)
			rates->scratch[count++] = mark->latency;
	}
	if (count) {
		qsort(rates->scratch, count, sizeof(*rates->scratch), compare_numbers);
		tally.p95_ns = rates->scratch[(count * 95 + 99) / 100 - 1];
	}
	return tally;
}

/* Units that fell due in [from, until). */
static uint64_t arrivals_in(const struct rates *rates, uint64_t from, uint64_t until)
{
	const struct marks *arrivals = &rates->arrivals;
	uint64_t count = 0;

	for (size_t i = marks_after(arrivals, from - 1);
	     i < arrivals->count && arrivals->items[i].at < until; i++)
		count += arrivals->items[i].successes;
	return count;
}

static uint64_t round_up(uint64_t ns, uint64_t to)
{
	return (ns + to - 1) / to * to;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void rates_free(struct rates *rates)
{
	free(rates->ends.items);
	free(rates->arrivals.items);
	free(rates->scratch);
}
static void rates_fill(const struct history *history, uint32_t workflow, struct rates *rates)
{
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (unit->workflow != workflow)
			continue;
		rates->arrivals.items[rates->arrivals.count++] =
			(struct mark){.at = unit->intended_at, .successes = unit_tries(unit)};
		if (unit->class == CLASS_CUT)
			continue;
		rates->ends.items[rates->ends.count++] = (struct mark){
			.at = unit->ended_at,
			.successes = unit_successes(unit),
			.failures = unit_tries(unit) - unit_successes(unit),
			.latency = since(unit->ended_at, unit->intended_at),
		};
	}
	qsort(rates->ends.items, rates->ends.count, sizeof(struct mark), compare_marks);
	qsort(rates->arrivals.items, rates->arrivals.count, sizeof(struct mark), compare_marks);
}

static int rates_make(const struct history *history, uint32_t workflow,
		      const struct phase_figures *baseline, struct rates *rates)
{
	const struct terms *terms = &history->workflows[workflow];
	uint64_t periods = WINDOW_PERIODS * terms->every_ns;
	size_t room = history->units_count + 1;

	rates->ends.items = malloc(room * sizeof(struct mark));
	rates->arrivals.items = malloc(room * sizeof(struct mark));
	rates->scratch = malloc(room * sizeof(*rates->scratch));
	if (!rates->ends.items || !rates->arrivals.items || !rates->scratch)
		return -ENOMEM;
	rates->has_latency = terms->kind != WORKFLOW_KIND_OBSERVE;
	rates_fill(history, workflow, rates);
	rates->window_ns = round_up(larger(WINDOW_NS, periods), WINDOW_GRID_NS);
	rates->step_ns = round_up(larger(WINDOW_GRID_NS, periods), WINDOW_GRID_NS);
	rates->baseline_ns = since(baseline->until, baseline->from);
	rates->baseline = tally_of(rates, 0, baseline->until);
	rates->baseline_arrivals = arrivals_in(rates, baseline->from, baseline->until);
	return 0;
}

static bool window_is_steady(const struct rates *rates, uint64_t from)
{
	const struct tally *base = &rates->baseline;
	struct tally tally = tally_of(rates, from, from + rates->window_ns);
	wide expected = (wide)base->successes * rates->window_ns;
	uint64_t all = tally.successes + tally.failures;
	uint64_t base_all = base->successes + base->failures;

	/* A unit may fall on either side of a window's edge. */
	if ((wide)(tally.successes + 1) * rates->baseline_ns * 10 < expected * 9)
		return false;
	if ((wide)tally.failures * 100 * base_all >
	    (wide)all * (100 * (wide)base->failures + base_all))
		return false;
	return !rates->has_latency || (wide)tally.p95_ns * 4 <= (wide)base->p95_ns * 5 ||
	       tally.p95_ns <= base->p95_ns + STEADY_SLACK_NS;
}

static int steady_find(const struct rates *rates, const struct episode *episode,
		       struct workflow_result *result)
{
	uint64_t lifted = episode->lifted_last;
	uint64_t row_ns = STEADY_WINDOWS * rates->window_ns;
	uint64_t seen = since(episode->observed_until, lifted);
	size_t apart = rates->window_ns / WINDOW_GRID_NS, last, windows;
	_cleanup_free_ bool *steady = NULL;

	if (seen < row_ns)
		return 0;
	last = (seen - row_ns) / WINDOW_GRID_NS;
	windows = last + (STEADY_WINDOWS - 1) * apart + 1;
	steady = calloc(windows, sizeof(*steady));
	if (!steady)
		return -ENOMEM;
	for (size_t i = 0; i < windows; i++)
		steady[i] = window_is_steady(rates, lifted + i * WINDOW_GRID_NS);
	for (size_t i = 0; i <= last && !result->steady_at; i++)
		if (steady[i] && steady[i + apart] && steady[i + 2 * apart])
			result->steady_at = lifted + i * WINDOW_GRID_NS;
	if (!result->steady_at) {
		result->steady = figure_censored(lifted + last * WINDOW_GRID_NS, lifted);
		return 0;
	}
	result->steady = (struct figure){
		.state = FIGURE_VALUE,
		.ns = result->steady_at - lifted,
		.low_ns = since(result->steady_at, lifted + WINDOW_GRID_NS),
		.high_ns = result->steady_at - episode->lifted_first,
	};
	return 0;
}

/* The integrals of what is below and above the baseline's rate, step by step. */
static void goodput_integrate(const struct rates *rates, uint64_t from,
			      struct workflow_result *result)
{
	wide lost = 0, more = 0;

	for (uint64_t at = from; at < result->goodput_until; at += rates->step_ns) {
		uint64_t end = at + rates->step_ns;
		wide expected, got;

		if (end > result->goodput_until)
			end = result->goodput_until;
		expected = (wide)rates->baseline.successes * (end - at);
		got = (wide)tally_of(rates, at, end).successes * rates->baseline_ns;
		if (got < expected)
			lost += expected - got;
		else
			more += got - expected;
	}
	result->goodput_lost = (double)lost / (double)rates->baseline_ns;
	result->goodput_caught_up = (double)more / (double)rates->baseline_ns;
}

static bool window_is_held_down(const struct rates *rates, uint64_t from)
{
	uint64_t until = from + rates->window_ns;
	wide offered = arrivals_in(rates, from, until), good;

	good = tally_of(rates, from, until).successes;
	if (offered == 0)
		return false;
	/* One unit more may be due in a window than its share of the baseline's. */
	return (offered - 1) * rates->baseline_ns <=
		       (wide)rates->baseline_arrivals * rates->window_ns &&
	       2 * good * rates->baseline_ns < (wide)rates->baseline.successes * rates->window_ns;
}

/* The first row of such windows that lasts long enough, or until nobody looks any more. */
static void metastable_find(const struct rates *rates, const struct episode *episode,
			    struct workflow_result *result)
{
	uint64_t begin = 0;

	for (uint64_t at = episode->lifted_last;; at += rates->window_ns) {
		bool seen = at + rates->window_ns <= episode->observed_until;
		uint64_t least = seen ? METASTABLE_SPAN_NS : STEADY_WINDOWS * rates->window_ns;

		if (seen && window_is_held_down(rates, at)) {
			if (!begin)
				begin = at;
			continue;
		}
		if (begin && at - begin >= least) {
			result->metastable = true;
			result->metastable_from = begin;
			result->metastable_until = at;
			return;
		}
		if (!seen)
			return;
		begin = 0;
	}
}

int figures_goodput(const struct history *history, uint32_t workflow, const struct episode *episode,
		    struct workflow_result *result)
{
	const struct phase_figures *baseline = &result->phases[PHASE_BASELINE];
	_cleanup_(rates_free) struct rates rates = {0};
	int r;

	result->goodput_baseline = result->goodput_lost = result->goodput_caught_up = -1;
	r = rates_make(history, workflow, baseline, &rates);
	if (r < 0)
		return r;
	if (!rates.baseline_ns || !rates.baseline.successes)
		return 0;
	result->goodput_baseline =
		(double)rates.baseline.successes / (double)rates.baseline_ns * (double)NS_PER_S;
	if (!episode->effective_at)
		return 0;
	if (episode->lifted_last) {
		r = steady_find(&rates, episode, result);
		if (r < 0)
			return r;
		metastable_find(&rates, episode, result);
	}
	result->goodput_until = result->steady_at ? result->steady_at : episode->observed_until;
	goodput_integrate(&rates, episode->effective_at, result);
	return 0;
}
