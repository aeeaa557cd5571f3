/* SPDX-License-Identifier: Apache-2.0 */
/* The terms of a workflow in a journal's header, both ways. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/record_parts.h"

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *budget_to_json(const struct workflow_budget *budget)
{
	json_t *object = json_object();

	if (budget->has_detect)
		put(object, "detect_ns", budget->detect_ns);
	if (budget->has_recover)
		put(object, "recover_ns", budget->recover_ns);
	if (budget->has_outage)
		put(object, "outage_ns", budget->outage_ns);
	if (budget->has_amplification)
		json_object_set_new(object, "amplification", json_real(budget->amplification));
	if (budget->has_availability)
		put(object, "availability_ppm", budget->availability);
	return object;
}

static void budget_from_json(const json_t *object, struct workflow_budget *budget)
{
	budget->has_detect = json_object_get(object, "detect_ns");
	budget->detect_ns = json_u64(object, "detect_ns");
	budget->has_recover = json_object_get(object, "recover_ns");
	budget->recover_ns = json_u64(object, "recover_ns");
	budget->has_outage = json_object_get(object, "outage_ns");
	budget->outage_ns = json_u64(object, "outage_ns");
	budget->has_amplification = json_object_get(object, "amplification");
	budget->amplification = json_number_value(json_object_get(object, "amplification"));
	budget->has_availability = json_object_get(object, "availability_ppm");
	budget->availability = (uint32_t)json_u64(object, "availability_ppm");
}

static enum workflow_kind kind_of(const struct workflow *workflow)
{
	if (workflow->observe.count)
		return WORKFLOW_KIND_OBSERVE;
	return workflow->http.url ? WORKFLOW_KIND_HTTP : WORKFLOW_KIND_RUN;
}

static enum detection detection_of(const struct workflow_detect *detect)
{
	if (detect->webhook)
		return DETECTION_WEBHOOK;
	return detect->command.count ? DETECTION_COMMAND : DETECTION_FAILURES;
}

json_t *record_of_terms(const struct workflow *workflow)
{
	json_t *object = json_object(), *observe = json_array();
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"every_ns", workflow->every_ns},
		{"timeout_ns", workflow->timeout_ns},
		{"detect_failures", workflow->detect.failures},
		{"stable_successes", workflow->stable_successes},
		{"stable_span_ns", workflow->stable_span_ns},
	};

	json_object_set_new(object, "name", json_string(workflow->name));
	json_object_set_new(object, "kind", json_string(workflow_kind_name(kind_of(workflow))));
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		put(object, numbers[i].key, numbers[i].value);
	json_object_set_new(object, "detect_by",
			    json_string(detection_name(detection_of(&workflow->detect))));
	if (workflow->http.warm)
		json_object_set_new(object, "warm", json_true());
	if (workflow->control)
		json_object_set_new(object, "control_of", json_string(workflow->control));
	for (size_t i = 0; i < workflow->observe.count; i++)
		json_array_append_new(observe, json_string(workflow->observe.items[i]));
	json_object_set_new(object, "observe", observe);
	json_object_set_new(object, "budget", budget_to_json(&workflow->budget));
	return object;
}

int record_terms(const json_t *object, struct terms *terms, struct failure *failure)
{
	const char *name = json_text(object, "name"), *kind = json_text(object, "kind");
	const char *by = json_text(object, "detect_by");

	if (!name)
		return fail(failure, -EINVAL, "a workflow has no name");
	/* Journals of before there were more kinds say nothing of it. */
	if (kind && workflow_kind_by_name(kind, &terms->kind) < 0)
		return fail(failure, -EINVAL, "no such kind of workflow: \"%s\"", kind);
	if (by && detection_by_name(by, &terms->detect_by) < 0)
		return fail(failure, -EINVAL, "no such detection: \"%s\"", by);
	terms->name = strdup(name);
	if (!terms->name)
		return -ENOMEM;
	terms->warm = json_is_true(json_object_get(object, "warm"));
	terms->every_ns = json_u64(object, "every_ns");
	terms->timeout_ns = json_u64(object, "timeout_ns");
	terms->detect_failures = (uint32_t)json_u64(object, "detect_failures");
	terms->stable_successes = (uint32_t)json_u64(object, "stable_successes");
	terms->stable_span_ns = json_u64(object, "stable_span_ns");
	budget_from_json(json_object_get(object, "budget"), &terms->budget);
	return 0;
}

static int observe_faults(const json_t *observe, const struct history *history, struct terms *terms,
			  struct failure *failure)
{
	const json_t *item;
	size_t i;

	json_array_foreach(observe, i, item)
	{
		const char *name = json_string_value(item);
		int fault = name ? history_fault(history, name) : -ENOENT;

		if (fault < 0)
			return fail(failure, -EINVAL, "fault \"%s\" is not in the header",
				    name ? name : "");
		terms->observed_faults |= 1ULL << (fault % FAULT_RULES_MAX);
	}
	return 0;
}

int record_relations(const json_t *workflows, struct history *history, struct failure *failure)
{
	const json_t *item;
	size_t i;

	json_array_foreach(workflows, i, item)
	{
		struct terms *terms = &history->workflows[i];
		const char *control = json_text(item, "control_of");
		int r = observe_faults(json_object_get(item, "observe"), history, terms, failure);
		int of = control ? history_workflow(history, control) : 0;

		if (r < 0)
			return r;
		if (of < 0)
			return fail(failure, -EINVAL, "workflow \"%s\" is not in the header",
				    control);
		terms->control = control;
		terms->control_of = (uint32_t)of;
	}
	return 0;
}
