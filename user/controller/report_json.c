/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "user/base/cleanup.h"
#include "user/controller/record_json.h"
#include "user/controller/report_text.h"
#include "user/protocol/names.h"

#define REPORT_FORMAT 1

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* An instant that did not happen is null. */
static void put_instant(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, value ? json_integer((json_int_t)value) : json_null());
}

static void put_ratio(json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, value < 0 ? json_null() : json_real(value));
}

static double ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : -1;
}

static json_t *range(uint64_t first, uint64_t last)
{
	if (!last)
		return json_null();
	return json_pack("{s:I, s:I}", "first_ns", (json_int_t)first, "last_ns", (json_int_t)last);
}

/* An open upper end is null: not seen while the run lasted. */
static json_t *figure_to_json(const struct figure *figure)
{
	json_t *object;

	if (figure->state == FIGURE_NONE)
		return json_null();
	object = json_object();
	json_object_set_new(object, "censored", json_boolean(figure->state == FIGURE_CENSORED));
	put(object, "value_ns", figure->ns);
	put(object, "after_ns", figure->low_ns);
	if (figure->state == FIGURE_CENSORED) {
		json_object_set_new(object, "value_ns", json_null());
		json_object_set_new(object, "until_ns", json_null());
	} else {
		put(object, "until_ns", figure->high_ns);
	}
	return object;
}

/* What the kernel saw of traffic that is observed. */
static json_t *observed_to_json(const struct observed_figures *observed)
{
	json_t *object = json_object(), *responses = json_object();

	put(object, "connections", observed->opened);
	put(object, "established", observed->established);
	put_ratio(object, "established_share", ratio(observed->established, observed->opened));
	put(object, "retransmits", observed->retransmits);
	for (unsigned int i = 0; i < FAULT_RESPONSE_COUNT; i++)
		put(responses, fault_response_name(i), observed->responses[i]);
	json_object_set_new(object, "responses", responses);
	return object;
}

static json_t *phase_to_json(const struct phase_figures *phase, bool observes)
{
	json_t *object = json_object();

	put(object, "from_ns", phase->from);
	put(object, "until_ns", phase->until);
	put(object, "units", phase->units);
	put(object, "successes", phase->successes);
	put(object, "attempts", phase->attempts);
	put(object, "attempts_cold", phase->cold);
	put(object, "attempts_warm", phase->warm);
	put_ratio(object, "attempts_per_unit", ratio(phase->attempts, phase->units));
	put(object, "latency_p50_ns", phase->p50_ns);
	put(object, "latency_p95_ns", phase->p95_ns);
	put(object, "latency_p99_ns", phase->p99_ns);
	if (observes)
		json_object_set_new(object, "observed", observed_to_json(&phase->observed));
	return object;
}

static json_t *kernel_to_json(const struct kernel_figures *kernel)
{
	json_t *object = json_object();

	put(object, "connects", kernel->connects);
	put(object, "requests", kernel->requests);
	put(object, "hits", kernel->hits);
	put_ratio(object, "attempts_per_unit", ratio(kernel->attempts, kernel->units));
	put_ratio(object, "connects_per_unit", ratio(kernel->connects, kernel->units));
	put_ratio(object, "requests_per_unit", ratio(kernel->requests, kernel->units));
	return object;
}

static json_t *failures_to_json(const struct history *history, uint32_t workflow,
				const struct episode *episode)
{
	json_t *object = json_object();
	uint64_t counts[CLASS_COUNT];

	report_count_failures(history, workflow, episode, counts);
	for (unsigned int i = CLASS_OK + 1; i < CLASS_COUNT; i++)
		if (counts[i])
			put(object, attempt_class_name(i), counts[i]);
	return object;
}

static json_t *budgets_to_json(const struct workflow_result *result)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < BUDGET_COUNT; i++)
		if (result->budgets[i] != BUDGET_NONE)
			json_object_set_new(object, budget_name(i),
					    json_string(budget_outcome_name(result->budgets[i])));
	return object;
}

static json_t *result_to_json(const struct history *history, uint32_t workflow,
			      const struct episode *episode)
{
	const struct workflow_result *result = &episode->results[workflow];
	bool observes = history->workflows[workflow].kind == WORKFLOW_KIND_OBSERVE;
	json_t *object = json_object(), *phases = json_object();

	json_object_set_new(object, "workflow", json_string(history->workflows[workflow].name));
	json_object_set_new(object, "verdict", json_string(verdict_name(result->verdict)));
	json_object_set_new(object, "affected", json_boolean(result->affected));
	json_object_set_new(object, "recovered", json_boolean(result->recovered));
	put_instant(object, "first_failure_at_ns", result->first_failure_at);
	put_instant(object, "detected_at_ns", result->detected_at);
	json_object_set_new(object, "detected_by",
			    json_string(detection_name(result->detected_by)));
	put_instant(object, "first_success_at_ns", result->first_success_at);
	put_instant(object, "stable_at_ns", result->stable_at);
	put_instant(object, "steady_at_ns", result->steady_at);
	put_instant(object, "drained_at_ns", result->drained_at);
	json_object_set_new(object, "time_to_detect", figure_to_json(&result->detect));
	json_object_set_new(object, "outage", figure_to_json(&result->outage));
	json_object_set_new(object, "time_to_first_success",
			    figure_to_json(&result->first_success));
	json_object_set_new(object, "time_to_recover", figure_to_json(&result->recover));
	json_object_set_new(object, "time_to_steady", figure_to_json(&result->steady));
	json_object_set_new(object, "time_to_drain", figure_to_json(&result->drain));
	put_ratio(object, "amplification", ratio(result->budget_attempts, result->budget_units));
	put_ratio(object, "surge_ratio_1s", result->surge_1s);
	put_ratio(object, "surge_ratio_10s", result->surge_10s);
	put_instant(object, "surge_peak_at_ns", result->surge_at);
	put(object, "surge_peak_attempts", result->surge_attempts);
	put(object, "units_intended", result->intended);
	put(object, "units_successful", result->successes);
	put_ratio(object, "availability", ratio(result->successes, result->intended));
	put_ratio(object, "goodput_baseline", result->goodput_baseline);
	put_ratio(object, "goodput_lost", result->goodput_lost);
	put_ratio(object, "goodput_caught_up", result->goodput_caught_up);
	put_instant(object, "goodput_until_ns", result->goodput_until);
	json_object_set_new(object, "metastable", json_boolean(result->metastable));
	put_instant(object, "metastable_from_ns", result->metastable_from);
	put_instant(object, "metastable_until_ns", result->metastable_until);
	put(object, "backlog_baseline", result->backlog_baseline);
	put(object, "backlog_largest", result->backlog_largest);
	put(object, "relapses", result->relapses);
	json_object_set_new(object, "failed_attempts",
			    failures_to_json(history, workflow, episode));
	json_object_set_new(object, "budgets", budgets_to_json(result));
	for (unsigned int i = 0; i < PHASE_COUNT; i++)
		json_object_set_new(phases, phase_name(i),
				    phase_to_json(&result->phases[i], observes));
	json_object_set_new(object, "phases", phases);
	return object;
}

static json_t *windows_to_json(const struct history *history, const struct episode *episode)
{
	json_t *array = json_array();

	for (size_t i = 0; i < episode->windows_count; i++) {
		const struct window *window = &history->windows[episode->first_window + i];
		json_t *object = json_object();

		json_object_set_new(object, "fault",
				    json_string(history->faults.items[window->fault]));
		put(object, "starts_at_ns", window->starts_at);
		put(object, "planned_end_ns", window->planned_end);
		json_object_set_new(object, "ended_at",
				    range(window->ended_first, window->ended_last));
		json_object_set_new(object, "cause", json_string(lift_cause_name(window->cause)));
		put_instant(object, "first_hit_at_ns", window->first_hit_at);
		put(object, "existing_found", window->existing_found);
		put(object, "existing_reset", window->existing_reset);
		put(object, "existing_adopted", window->existing_adopted);
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *episode_to_json(const struct history *history, const struct episode *episode)
{
	json_t *object = json_object(), *kernel = json_object(), *results = json_array();

	json_object_set_new(object, "verdict", json_string(verdict_name(episode->verdict)));
	json_object_set_new(object, "injected_at",
			    range(episode->injected_first, episode->injected_last));
	put_instant(object, "effective_at_ns", episode->effective_at);
	json_object_set_new(object, "lifted_at",
			    range(episode->lifted_first, episode->lifted_last));
	json_object_set_new(object, "cause", json_string(lift_cause_name(episode->cause)));
	put(object, "observed_until_ns", episode->observed_until);
	put(object, "existing_found", episode->existing_found);
	put(object, "existing_reset", episode->existing_reset);
	put(object, "existing_adopted", episode->existing_adopted);
	json_object_set_new(object, "windows", windows_to_json(history, episode));
	for (unsigned int i = 0; i < PHASE_COUNT; i++)
		json_object_set_new(kernel, phase_name(i), kernel_to_json(&episode->kernel[i]));
	json_object_set_new(object, "kernel", kernel);
	for (size_t i = 0; i < history->workflows_count; i++)
		json_array_append_new(results, result_to_json(history, (uint32_t)i, episode));
	json_object_set_new(object, "workflows", results);
	return object;
}

/* The workflows of the run: what they are, and how far behind its schedule each was begun. */
static json_t *workflows_to_json(const struct report *report)
{
	const struct history *history = report->history;
	json_t *array = json_array();

	for (size_t i = 0; i < history->workflows_count; i++) {
		const struct terms *terms = &history->workflows[i];
		const struct lateness *lateness =
			report->analysis->lateness ? &report->analysis->lateness[i] : NULL;
		json_t *object = json_pack("{s:s, s:s, s:s, s:I}", "name", terms->name, "kind",
					   workflow_kind_name(terms->kind), "connection",
					   terms->warm ? "warm" : "cold", "every_ns",
					   (json_int_t)terms->every_ns);

		json_object_set_new(
			object, "control_of",
			terms->control ? json_string(history->workflows[terms->control_of].name)
				       : json_null());
		if (lateness) {
			put(object, "lateness_p50_ns", lateness->p50_ns);
			put(object, "lateness_p99_ns", lateness->p99_ns);
			put(object, "lateness_largest_ns", lateness->largest_ns);
			put(object, "lateness_bound_ns", lateness->bound_ns);
			json_object_set_new(object, "late", json_boolean(lateness->late));
		}
		json_array_append_new(array, object);
	}
	return array;
}

int report_json(const struct report *report, FILE *out)
{
	const struct history *history = report->history;
	const struct analysis *analysis = report->analysis;
	const json_t *header = report->run->header, *counters = report->run->counters;
	static const char *const copied[] = {"title",	    "version", "seed",	"boot_id",
					     "realtime_ns", "host",    "kernel"};
	json_t *root = json_object(), *episodes = json_array();
	int r;

	put(root, "format", REPORT_FORMAT);
	json_object_set_new(root, "verdict", json_string(verdict_name(analysis->verdict)));
	put(root, "exit_code", (uint64_t)analysis->exit_code);
	json_object_set_new(root, "reason", json_string(analysis->reason));
	json_object_set_new(root, "journal", json_string(report->run->path));
	for (size_t i = 0; i < ARRAY_SIZE(copied); i++)
		json_object_set(root, copied[i], json_object_get(header, copied[i]));
	put(root, "boottime_ns", json_u64(header, "at_ns"));
	put_instant(root, "started_at_ns", history->started_at);
	put_instant(root, "ended_at_ns", history->ended_at);
	json_object_set_new(root, "late", json_boolean(analysis->late));
	put(root, "late_by_ns", analysis->late_by_ns);
	json_object_set_new(root, "workflows", workflows_to_json(report));
	json_object_set_new(root, "end", json_string(run_end_name(history->end)));
	for (size_t i = 0; i < analysis->episodes_count; i++)
		json_array_append_new(episodes, episode_to_json(history, &analysis->episodes[i]));
	json_object_set_new(root, "episodes", episodes);
	if (counters)
		json_object_set(root, "rules", json_object_get(counters, "rules"));
	r = json_dumpf(root, out, JSON_INDENT(2)) < 0 ? -EIO : 0;
	fputc('\n', out);
	json_decref(root);
	return r;
}
