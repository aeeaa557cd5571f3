/* SPDX-License-Identifier: Apache-2.0 */
/* Work that is due and not done: how much there is, and when it is no more than usual again. */
#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/controller/analysis_parts.h"

/* A unit falls due, or ends. */
struct change {
	uint64_t at;
	int by; /* 1, -1 */
};

static int compare_changes(const void *left, const void *right)
{
	const struct change *a = left, *b = right;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	/* What ends at the moment at which the next is due does not wait beside it. */
	return a->by - b->by;
}

static int compare_levels(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return a < b ? -1 : a > b;
}

static struct change *changes_make(const struct history *history, uint32_t workflow,
				   size_t *ret_count)
{
	struct change *changes = malloc((2 * history->units_count + 1) * sizeof(*changes));
	size_t count = 0;

	for (size_t i = 0; changes && i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (unit->workflow != workflow)
			continue;
		changes[count++] = (struct change){unit->intended_at, 1};
		changes[count++] = (struct change){unit->ended_at, -1};
	}
	if (changes)
		qsort(changes, count, sizeof(*changes), compare_changes);
	*ret_count = count;
	return changes;
}

/*
 * The 95th percentile (nearest rank) of what the units of [from, until) found waiting when they
 * fell due, themselves included. It cannot be taken over time: most of the time nothing waits, and
 * every unit would be more than usual.
 */
static int usual_level(const struct change *changes, size_t count, uint64_t from, uint64_t until,
		       int64_t *ret_level)
{
	_cleanup_free_ int64_t *levels = malloc((count + 1) * sizeof(*levels));
	int64_t level = 0;
	size_t found = 0;

	if (!levels)
		return -ENOMEM;
	for (size_t i = 0; i < count && changes[i].at < until; i++) {
		level += changes[i].by;
		if (changes[i].by > 0 && changes[i].at >= from)
			levels[found++] = level;
	}
	qsort(levels, found, sizeof(*levels), compare_levels);
	*ret_level = found ? levels[(found * 95 + 99) / 100 - 1] : 0;
	return 0;
}

static int64_t largest_level(const struct change *changes, size_t count,
			     const struct episode *episode)
{
	int64_t level = 0, largest = 0;

	for (size_t i = 0; i < count && changes[i].at <= episode->observed_until; i++) {
		level += changes[i].by;
		if (changes[i].at >= episode->injected_first && level > largest)
			largest = level;
	}
	return largest;
}

/* First moment from the lift on at which the backlog is at `usual` or below and stays for `span`.
 */
static void drain_find(const struct change *changes, size_t count, int64_t usual, uint64_t span,
		       const struct episode *episode, struct workflow_result *result)
{
	uint64_t lifted = episode->lifted_last, low_since = lifted;
	int64_t level = 0;
	bool low = true;

	for (size_t i = 0; i < count && changes[i].at <= episode->observed_until; i++) {
		uint64_t at = changes[i].at;

		if (low && at > lifted && at - low_since >= span)
			break;
		level += changes[i].by;
		if (!low && level <= usual)
			low_since = at > lifted ? at : lifted;
		low = level <= usual;
	}
	if (!low || since(episode->observed_until, low_since) < span) {
		result->drain = figure_censored(low ? low_since : episode->observed_until, lifted);
		return;
	}
	result->drained_at = low_since;
	result->drain = (struct figure){
		.state = FIGURE_VALUE,
		.ns = low_since - lifted,
		.low_ns = low_since - lifted,
		.high_ns = low_since - episode->lifted_first,
	};
}

int figures_backlog(const struct history *history, uint32_t workflow, const struct episode *episode,
		    struct workflow_result *result)
{
	const struct phase_figures *baseline = &result->phases[PHASE_BASELINE];
	const struct terms *terms = &history->workflows[workflow];
	_cleanup_free_ struct change *changes = NULL;
	int64_t usual;
	size_t count;
	int r;

	/* What is only observed has no moment at which it was due. */
	if (terms->kind == WORKFLOW_KIND_OBSERVE)
		return 0;
	changes = changes_make(history, workflow, &count);
	if (!changes)
		return -ENOMEM;
	r = usual_level(changes, count, baseline->from, baseline->until, &usual);
	if (r < 0 || usual <= 0)
		return r;
	result->backlog_baseline = (uint64_t)usual;
	result->backlog_largest = (uint64_t)largest_level(changes, count, episode);
	if (episode->effective_at && episode->lifted_last)
		drain_find(changes, count, usual, terms->stable_span_ns, episode, result);
	return 0;
}
