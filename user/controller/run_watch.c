/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/controller/record_json.h"
#include "user/controller/run.h"

enum { DRAW_EVERY_NS = 250000000, STATUS_LINE_SIZE = 256 };

static void on_attempt(void *data, const struct attempt *attempt, const char *detail,
		       size_t detail_length)
{
	struct run *run = data;

	run_record(run, record_of_attempt(&run->history, attempt, detail, detail_length));
}

/* Says when a workflow begins to fail and when it works again, not each unit. */
static void note_change(struct run *run, const struct unit *unit)
{
	const struct history *history = &run->history;
	bool ok = unit->class == CLASS_OK, before = true;

	for (size_t i = history->units_count; i > 0; i--) {
		if (history->units[i - 1].workflow != unit->workflow)
			continue;
		before = history->units[i - 1].class == CLASS_OK;
		break;
	}
	if (ok != before)
		progress_note(run->progress, unit->ended_at, "%s %s%s%s",
			      history->workflows[unit->workflow].name,
			      ok ? "works" : "fails: ", ok ? "" : attempt_class_name(unit->class),
			      "");
}

static void on_unit(void *data, const struct unit *unit)
{
	struct run *run = data;

	if (unit->class != CLASS_CUT)
		note_change(run, unit);
	run_record(run, record_of_unit(&run->history, unit));
	run_step_settled(run, unit->ended_at);
}

const struct workflow_hooks run_hooks = {.attempt_ended = on_attempt, .unit_ended = on_unit};

/* Share of successes among the units that ended in (from, now], in ppm; none ended while some are
 * under way: 0. */
static uint32_t availability(const struct run *run, size_t workflow, uint64_t from)
{
	const struct history *history = &run->history;
	uint64_t units = 0, successes = 0;

	for (size_t i = history->units_count; i > 0; i--) {
		const struct unit *unit = &history->units[i - 1];

		/* The kernel's series comes a second late, and stands between younger units. */
		if (unit->ended_at <= from && unit->observed)
			continue;
		if (unit->ended_at <= from)
			break;
		if (unit->workflow != workflow || unit->class == CLASS_CUT)
			continue;
		units += unit_tries(unit);
		successes += unit_successes(unit);
	}
	if (!units)
		return workflows_in_flight(run->workflows, workflow) ? 0 : 1000000;
	return (uint32_t)(successes * 1000000 / units);
}

static void watch_aborts(struct run *run, uint64_t now)
{
	const struct experiment *experiment = run->experiment;
	uint64_t injected;

	if (!run->history.windows_count)
		return;
	injected = run->history.windows[0].starts_at;
	for (size_t i = 0; i < experiment->aborts_count && !run->stopping; i++) {
		const struct abort_rule *rule = &experiment->aborts[i];
		const char *name = experiment->workflows[rule->workflow].name;
		uint32_t share;

		if (now < injected + rule->for_ns)
			continue;
		share = availability(run, rule->workflow, now - rule->for_ns);
		if (share >= rule->availability_below)
			continue;
		run_record(run, json_pack("{s:s, s:I, s:s, s:I, s:I}", "record", "abort", "at_ns",
					  (json_int_t)now, "workflow", name, "availability_ppm",
					  (json_int_t)share, "for_ns", (json_int_t)rule->for_ns));
		run_end(run, END_ABORTED, "%s: availability %.1f%% over %.0f s is below %.1f%%",
			name, share / 10000.0, (double)rule->for_ns / (double)NS_PER_S,
			rule->availability_below / 10000.0);
	}
}

void run_watch_second(struct run *run, uint64_t now)
{
	watch_aborts(run, now);
	run_step_settled(run, now);
}

static void step_line(const struct run *run, uint64_t now, char *line)
{
	static const char *const words[] = {
		[STEP_STEADY] = "baseline",    [STEP_INJECT] = "faults injected",
		[STEP_LIFT] = "lifting",       [STEP_WAIT] = "waiting",
		[STEP_RECOVER] = "recovering",
	};
	uint64_t left = run->step_ends_at > now ? run->step_ends_at - now : 0;

	if (run->stopping || run->step >= run->experiment->timeline_count)
		snprintf(line, STATUS_LINE_SIZE, "  ending");
	else
		snprintf(line, STATUS_LINE_SIZE, "  step %zu of %zu: %s, %llu:%02llu left",
			 run->step + 1, run->experiment->timeline_count,
			 words[run->experiment->timeline[run->step].kind],
			 (unsigned long long)(left / NS_PER_S / 60),
			 (unsigned long long)(left / NS_PER_S % 60));
}

static void workflow_line(const struct run *run, size_t index, char *line)
{
	const struct history *history = &run->history;
	unsigned long long successes = 0, failures = 0;
	const struct unit *last = NULL;

	for (size_t i = 0; i < history->units_count; i++) {
		if (history->units[i].workflow != index || history->units[i].class == CLASS_CUT)
			continue;
		last = &history->units[i];
		successes += unit_successes(last);
		failures += unit_tries(last) - unit_successes(last);
	}
	snprintf(line, STATUS_LINE_SIZE, "  %-16.16s %7llu ok %7llu failed %4zu running  %s",
		 history->workflows[index].name, successes, failures,
		 workflows_in_flight(run->workflows, index),
		 last ? attempt_class_name(last->class) : "");
}

void run_watch_draw(void *data, uint64_t now)
{
	struct run *run = data;
	size_t count = run->history.workflows_count;
	_cleanup_free_ char *text = malloc((count + 1) * STATUS_LINE_SIZE);
	_cleanup_free_ const char **lines = calloc(count + 1, sizeof(*lines));

	if (!text || !lines || !progress_live(run->progress))
		return;
	for (size_t i = 0; i <= count; i++)
		lines[i] = text + i * STATUS_LINE_SIZE;
	step_line(run, now, text);
	for (size_t i = 0; i < count; i++)
		workflow_line(run, i, text + (i + 1) * STATUS_LINE_SIZE);
	progress_draw(run->progress, lines, count + 1);
	loop_timer_set(run->loop, &run->draw_timer, now + DRAW_EVERY_NS);
}
