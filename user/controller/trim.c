/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/trim.h"

#include "user/base/clock.h"

enum { SLACK_S = 10 };

uint64_t trim_horizon(const struct history *history, uint64_t abort_ns)
{
	uint64_t horizon = abort_ns;

	for (size_t i = 0; i < history->workflows_count; i++) {
		const struct terms *terms = &history->workflows[i];
		uint64_t row = terms->stable_successes * terms->every_ns, need;

		need = 2 * (row > terms->stable_span_ns ? row : terms->stable_span_ns) +
		       2 * terms->timeout_ns;
		if (need > horizon)
			horizon = need;
	}
	return horizon + SLACK_S * NS_PER_S;
}

/* Which window was the latest to begin when the unit ended, counted from 1; 0: none. */
static size_t window_of(const struct history *history, const struct unit *unit)
{
	size_t window = 0;

	for (size_t i = 0; i < history->windows_count; i++)
		if (history->windows[i].starts_at < unit->ended_at)
			window = i + 1;
	return window;
}

/* Whether no unit of the same workflow and window that is kept already has failed. */
static bool first_failure(const struct history *history, size_t kept, const struct unit *unit)
{
	size_t window = window_of(history, unit);

	if (unit->class == CLASS_OK || unit->class == CLASS_CUT || !window)
		return false;
	for (size_t i = 0; i < kept; i++)
		if (history->units[i].workflow == unit->workflow &&
		    window_of(history, &history->units[i]) == window)
			return false;
	return true;
}

void trim_units(struct history *history, uint64_t before)
{
	size_t kept = 0, i = 0;

	if (!history->windows_count)
		return;
	/* Units stand in the order of their end: what was kept of old stays in front. */
	for (; i < history->units_count && history->units[i].ended_at < before; i++)
		if (first_failure(history, kept, &history->units[i]))
			history->units[kept++] = history->units[i];
	for (; i < history->units_count; i++)
		history->units[kept++] = history->units[i];
	history->units_count = kept;
}
