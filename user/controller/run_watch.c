/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/controller/record_json.h"
#include "user/controller/run.h"
#include "user/controller/trim.h"

enum { DRAW_EVERY_NS = 250000000, STATUS_LINE_SIZE = 512 };

static void on_attempt(void *data, const struct attempt *attempt, const char *detail,
		       size_t detail_length)
{
	struct run *run = data;

	run_record(run, record_of_attempt(&run->history, attempt, detail, detail_length));
}

static void on_unit(void *data, const struct unit *unit)
{
	struct run *run = data;
	bool ok = unit->class == CLASS_OK;

	/* What begins to fail, or works again, is told; not each unit. */
	if (unit->class != CLASS_CUT && live_unit(&run->live, unit))
		progress_note(run->progress, unit->ended_at, ok ? "works" : "fails", "%s%s%s",
			      run->history.workflows[unit->workflow].name, ok ? "" : ": ",
			      ok ? "" : attempt_class_name(unit->class));
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

		/* The kernel's series comes late, and stands between younger units. */
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

/* Everything is in the journal; what decides nothing any more need not stay in memory as well. */
static void forget(struct run *run, uint64_t now)
{
	uint64_t longest = 0, horizon;

	for (size_t i = 0; i < run->experiment->aborts_count; i++)
		if (run->experiment->aborts[i].for_ns > longest)
			longest = run->experiment->aborts[i].for_ns;
	horizon = trim_horizon(&run->history, longest);
	trim_history(&run->history, now > horizon ? now - horizon : 0);
}

void run_watch_second(struct run *run, uint64_t now)
{
	watch_aborts(run, now);
	forget(run, now);
	run_step_settled(run, now);
}

/* "artifacts, tokens": whose windows are open. */
static void open_faults(const struct run *run, uint64_t now, char *buffer, size_t size)
{
	const struct history *history = &run->history;
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < history->windows_count && used < size; i++) {
		const struct window *window = &history->windows[i];

		if (window->ended_last || now < window->starts_at || now >= window->planned_end)
			continue;
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", used ? ", " : ": ",
					 history->faults.items[window->fault]);
	}
}

static void step_line(const struct run *run, uint64_t now, char *line)
{
	static const char *const words[] = {
		[STEP_STEADY] = "baseline",    [STEP_INJECT] = "faults injected",
		[STEP_LIFT] = "lifting",       [STEP_WAIT] = "waiting",
		[STEP_RECOVER] = "recovering",
	};
	uint64_t left = run->step_ends_at > now ? run->step_ends_at - now : 0;
	char faults[STATUS_LINE_SIZE / 2];

	if (run->stopping || run->step >= run->experiment->timeline_count) {
		snprintf(line, STATUS_LINE_SIZE, "  ending");
		return;
	}
	open_faults(run, now, faults, sizeof(faults));
	snprintf(line, STATUS_LINE_SIZE, "  step %zu of %zu, %llu:%02llu left, %s%s", run->step + 1,
		 run->experiment->timeline_count, (unsigned long long)(left / NS_PER_S / 60),
		 (unsigned long long)(left / NS_PER_S % 60),
		 words[run->experiment->timeline[run->step].kind], faults);
}

static void workflow_line(const struct run *run, size_t index, uint64_t now,
			  struct live_style style, char *line)
{
	const struct live_workflow *workflow = &run->live.workflows[index];
	char spark[LIVE_LINE_SIZE];

	live_sparkline(&run->live, &workflow->line, now, style, spark);
	snprintf(line, STATUS_LINE_SIZE, "  %-14.14s %-11s %s %5llu ok %5llu failed %3zu open",
		 run->history.workflows[index].name,
		 workflow->successes + workflow->failures ? attempt_class_name(workflow->last) : "",
		 spark, (unsigned long long)workflow->successes,
		 (unsigned long long)workflow->failures,
		 workflows_in_flight(run->workflows, index));
}

static void hits_line(const struct run *run, uint64_t now, struct live_style style, char *line)
{
	double hits = live_hits(&run->live, now);
	char spark[LIVE_LINE_SIZE], text[32] = "";

	live_hits_sparkline(&run->live, now, style, spark);
	if (hits >= 0)
		snprintf(text, sizeof(text), "%.0f hits/s", hits);
	snprintf(line, STATUS_LINE_SIZE, "  %-14s %-11s %s", "kernel", text, spark);
}

void run_watch_draw(void *data, uint64_t now)
{
	struct run *run = data;
	struct live_style style = live_style_find();
	size_t count = run->live.count, drawn = 0;
	_cleanup_free_ char *text = malloc((count + 3) * STATUS_LINE_SIZE);
	_cleanup_free_ const char **lines = calloc(count + 3, sizeof(*lines));

	if (!text || !lines || !progress_live(run->progress) || !run->live.workflows)
		return;
	for (size_t i = 0; i < count + 3; i++)
		lines[i] = text + i * STATUS_LINE_SIZE;
	step_line(run, now, text + drawn++ * STATUS_LINE_SIZE);
	for (size_t i = 0; i < count; i++)
		workflow_line(run, i, now, style, text + drawn++ * STATUS_LINE_SIZE);
	hits_line(run, now, style, text + drawn++ * STATUS_LINE_SIZE);
	snprintf(text + drawn++ * STATUS_LINE_SIZE, STATUS_LINE_SIZE,
		 "  Ctrl-C lifts the faults and reports");
	progress_draw(run->progress, lines, drawn);
	loop_timer_set(run->loop, &run->draw_timer, now + DRAW_EVERY_NS);
}
