/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal of the Chaos Toolkit's form, for the tools that read those: the workflows are the
 * probes of the steady state, before the first inject and at the end; the timeline's injects and
 * lifts are the actions of the method.
 */
#include <errno.h>

#include "user/base/cleanup.h"
#include "user/controller/record_json.h"
#include "user/controller/report_figures.h"

static void put_text(json_t *object, const char *key, const char *text)
{
	json_object_set_new(object, key, json_string(text));
}

/* Its times are UTC without a zone. */
static void put_time(const struct report *report, json_t *object, const char *key, uint64_t at)
{
	char time[CLOCK_RFC3339_SIZE];

	report_time_of_day(report, at, time);
	for (char *byte = time; *byte; byte++)
		if (*byte == 'Z')
			*byte = '\0';
	put_text(object, key, time);
}

static void put_span(const struct report *report, json_t *object, uint64_t from, uint64_t until)
{
	put_time(report, object, "start", from);
	put_time(report, object, "end", until);
	json_object_set_new(
		object, "duration",
		json_real(until > from ? (double)(until - from) / (double)NS_PER_S : 0));
}

static json_t *activity(const char *type, const char *verb, const char *name)
{
	return json_pack("{s:s, s:s+, s:{s:s, s:s, s:[s]}}", "type", type, "name", verb, name,
			 "provider", "type", "process", "path", "faultctl", "arguments", "run");
}

static json_t *probe_of(const struct report *report, size_t workflow)
{
	json_t *probe = activity("probe", "", report->history->workflows[workflow].name);

	json_object_set_new(probe, "tolerance", json_true());
	return probe;
}

static json_t *probes(const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->history->workflows_count; i++)
		json_array_append_new(array, probe_of(report, i));
	return array;
}

/* Whether a workflow was well: steady before the first inject; passed, after the last episode. */
static bool met(const struct report *report, size_t workflow, bool after)
{
	const struct analysis *analysis = report->analysis;
	bool good = analysis->verdict != VERDICT_UNSTEADY;

	for (size_t i = 0; after && i < analysis->episodes_count; i++)
		good = good &&
		       verdict_exit_code(analysis->episodes[i].results[workflow].verdict) == 0;
	return good;
}

static json_t *state_output(const struct report *report, size_t workflow)
{
	const struct analysis *analysis = report->analysis;
	json_t *output = json_object();
	char cell[REPORT_CELL_SIZE];

	if (!analysis->episodes_count)
		return output;
	for (size_t i = 0; i < report_figures_count; i++) {
		report_figure_text(
			&report_figures[i],
			&analysis->episodes[analysis->episodes_count - 1].results[workflow], true,
			cell);
		put_text(output, report_figures[i].label, cell);
	}
	return output;
}

static json_t *steady_state(const struct report *report, bool after)
{
	const struct history *history = report->history;
	const struct analysis *analysis = report->analysis;
	uint64_t injected =
		analysis->episodes_count ? analysis->episodes[0].injected_first : history->ended_at;
	json_t *array = json_array();
	bool all = true;

	for (size_t i = 0; i < history->workflows_count; i++) {
		bool good = met(report, i, after);
		json_t *run =
			json_pack("{s:o, s:s, s:b, s:o}", "activity", probe_of(report, i), "status",
				  good ? "succeeded" : "failed", "tolerance_met", (int)good,
				  "output", after ? state_output(report, i) : json_boolean(good));

		all = all && good;
		put_span(report, run, after ? injected : history->started_at,
			 after ? history->ended_at : injected);
		json_array_append_new(array, run);
	}
	return json_pack("{s:b, s:o}", "steady_state_met", (int)all, "probes", array);
}

static json_t *window_output(const struct window *window)
{
	return json_pack("{s:s, s:b, s:I, s:I}", "cause", lift_cause_name(window->cause), "hit",
			 window->first_hit_at != 0, "existing_found",
			 (json_int_t)window->existing_found, "existing_reset",
			 (json_int_t)window->existing_reset);
}

static void put_method(const struct report *report, json_t *method, json_t *runs)
{
	const struct history *history = report->history;

	for (size_t i = 0; i < history->windows_count; i++) {
		const struct window *window = &history->windows[i];
		uint64_t end = window->ended_last ? window->ended_last : history->ended_at;
		json_t *action =
			activity("action", "inject ", history->faults.items[window->fault]);
		json_t *run = json_pack("{s:O, s:s, s:o}", "activity", action, "status",
					"succeeded", "output", window_output(window));

		put_span(report, run, window->starts_at, end);
		json_array_append_new(method, action);
		json_array_append_new(runs, run);
	}
}

/* A run that was stopped is told from one that went wrong. */
static const char *status_of(const struct analysis *analysis)
{
	switch (analysis->verdict) {
	case VERDICT_INTERRUPTED:
		return "interrupted";
	case VERDICT_ABORTED:
	case VERDICT_DAEMON_LOST:
	case VERDICT_REFUSED:
		return "aborted";
	case VERDICT_UNSTEADY:
	case VERDICT_FAILED:
		return "failed";
	default:
		return "completed";
	}
}

static json_t *experiment_of(const struct report *report, json_t *method)
{
	return json_pack("{s:s, s:s, s:s, s:[], s:{s:s, s:o}, s:o, s:[]}", "version", "1.0.0",
			 "title", report_header(report, "title"), "description",
			 report->analysis->reason, "tags", "steady-state-hypothesis", "title",
			 "The workflows work", "probes", probes(report), "method", method,
			 "rollbacks");
}

int report_chaos_toolkit(const struct report *report, FILE *out)
{
	const struct analysis *analysis = report->analysis;
	json_t *method = json_array(), *runs = json_array(), *root;
	int r;

	put_method(report, method, runs);
	root = json_pack("{s:s+, s:s, s:s, s:o, s:s, s:b, s:{s:o, s:o, s:[]}, s:o, s:[]}",
			 "chaoslib-version", "faultd ", report_header(report, "version"),
			 "platform", report_header(report, "kernel"), "node",
			 report_header(report, "host"), "experiment", experiment_of(report, method),
			 "status", status_of(analysis), "deviated",
			 (int)(analysis->verdict == VERDICT_FAILED), "steady_states", "before",
			 steady_state(report, false), "after", steady_state(report, true), "during",
			 "run", runs, "rollbacks");
	if (!root)
		return -ENOMEM;
	put_span(report, root, json_u64(report->run->header, "at_ns"), report->history->ended_at);
	r = json_dumpf(root, out, JSON_INDENT(2)) < 0 ? -EIO : 0;
	fputc('\n', out);
	json_decref(root);
	return r;
}
