/* SPDX-License-Identifier: Apache-2.0 */
/* Whether there is anything to compare with: nothing is injected into what does not work anyway. */
#include <stdio.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/analysis_parts.h"

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static uint64_t median(uint64_t *numbers, size_t count)
{
	qsort(numbers, count, sizeof(*numbers), compare_numbers);
	return numbers[(count - 1) / 2];
}

static bool enough(const struct history *history, uint32_t workflow, uint64_t until,
		   char *ret_reason, size_t size)
{
	const char *name = history->workflows[workflow].name;
	unsigned long long units = 0, tries = 0, failures = 0;

	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (!view_holds(unit, workflow, 0, until))
			continue;
		units++;
		tries += unit_tries(unit);
		failures += unit_tries(unit) - unit_successes(unit);
	}
	if (units < BASELINE_UNITS_MIN) {
		snprintf(ret_reason, size,
			 "workflow %s: %llu units ended in the baseline, %d are needed", name,
			 units, BASELINE_UNITS_MIN);
		return false;
	}
	if (failures * 1000000 > tries * BASELINE_FAILURES_PPM) {
		snprintf(ret_reason, size, "workflow %s: %llu of %llu units failed in the baseline",
			 name, failures, tries);
		return false;
	}
	return true;
}

/* Latencies of the successes, in the order of their end. */
static size_t latencies_of(const struct history *history, uint32_t workflow, uint64_t until,
			   uint64_t *ret_latencies)
{
	size_t count = 0;

	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];

		if (view_holds(unit, workflow, 0, until) && unit->class == CLASS_OK &&
		    !unit->observed)
			ret_latencies[count++] = since(unit->ended_at, unit->intended_at);
	}
	return count;
}

static bool level(const struct history *history, uint32_t workflow, uint64_t until,
		  char *ret_reason, size_t size)
{
	_cleanup_free_ uint64_t *latencies =
		malloc((history->units_count + 1) * sizeof(*latencies));
	size_t count = latencies ? latencies_of(history, workflow, until, latencies) : 0;
	uint64_t first, second;

	if (count < BASELINE_TREND_UNITS)
		return true;
	first = median(latencies, count / 2);
	second = median(latencies + count / 2, count - count / 2);
	if (second <= 2 * first || second <= first + BASELINE_TREND_NS)
		return true;
	snprintf(ret_reason, size,
		 "workflow %s: its latency grows in the baseline, from a median of %.3f s in the "
		 "first half to %.3f s in the second",
		 history->workflows[workflow].name, (double)first / (double)NS_PER_S,
		 (double)second / (double)NS_PER_S);
	return false;
}

bool analysis_steady(const struct history *history, uint64_t until, char *ret_reason, size_t size)
{
	for (size_t i = 0; i < history->workflows_count; i++)
		if (!enough(history, (uint32_t)i, until, ret_reason, size) ||
		    !level(history, (uint32_t)i, until, ret_reason, size))
			return false;
	return true;
}
