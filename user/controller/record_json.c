/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/record_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"

uint64_t json_u64(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

const char *json_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static json_int_t number(uint64_t value)
{
	return (json_int_t)value;
}

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer(number(value)));
}

json_t *record_of_attempt(const struct history *history, const struct attempt *attempt,
			  const char *detail, size_t detail_length)
{
	json_t *record = json_pack(
		"{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "record", "attempt", "at_ns",
		number(attempt->ended_at), "workflow", history->workflows[attempt->workflow].name,
		"unit_id", number(attempt->unit), "attempt", number(attempt->number),
		"intended_at_ns", number(attempt->intended_at), "started_at_ns",
		number(attempt->started_at), "ended_at_ns", number(attempt->ended_at), "outcome",
		attempt->class == CLASS_OK ? "success" : "failure", "class",
		attempt_class_name(attempt->class));
	const struct {
		const char *key;
		uint64_t value;
	} optional[] = {
		{"status", (uint64_t)attempt->status},	 {"errno", (uint64_t)attempt->error},
		{"library", (uint64_t)attempt->library}, {"bytes", attempt->bytes},
		{"connect_ns", attempt->connect_ns},
	};

	for (size_t i = 0; record && i < ARRAY_SIZE(optional); i++)
		if (optional[i].value)
			put(record, optional[i].key, optional[i].value);
	if (record && attempt->kept)
		json_object_set_new(record, "kept", json_true());
	if (record && detail_length) {
		json_t *text = json_stringn(detail, detail_length);

		/* JSON holds UTF-8 only. */
		json_object_set_new(record, "detail",
				    text ? text : json_string("(output is not UTF-8)"));
	}
	return record;
}

json_t *record_of_unit(const struct history *history, const struct unit *unit)
{
	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "record",
			 "unit", "at_ns", number(unit->ended_at), "workflow",
			 history->workflows[unit->workflow].name, "unit_id", number(unit->number),
			 "attempts", number(unit->attempts), "intended_at_ns",
			 number(unit->intended_at), "started_at_ns", number(unit->started_at),
			 "last_started_at_ns", number(unit->last_started_at), "ended_at_ns",
			 number(unit->ended_at), "outcome",
			 unit->class == CLASS_OK    ? "success"
			 : unit->class == CLASS_CUT ? "cut"
						    : "failure",
			 "class", attempt_class_name(unit->class));
}

json_t *record_of_faults(const struct history *history, const size_t *faults, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(history->faults.items[faults[i]]));
	return array;
}

static int apply_header(struct history *history, const json_t *record, struct failure *failure)
{
	const json_t *workflows = json_object_get(record, "workflows"), *item;
	const json_t *faults = json_object_get(record, "faults");
	size_t i;

	if (history->workflows || history->faults.count)
		return fail(failure, -EINVAL, "a second header");
	history->workflows = calloc(json_array_size(workflows) + 1, sizeof(struct terms));
	if (!history->workflows)
		return -ENOMEM;
	json_array_foreach(workflows, i, item)
	{
		int r;

		history->workflows_count++;
		r = record_terms(item, &history->workflows[i], failure);
		if (r < 0)
			return r;
	}
	json_array_foreach(faults, i, item)
	{
		const char *name = json_string_value(item);

		if (strings_add(&history->faults, name ? name : "") < 0)
			return -ENOMEM;
	}
	record_rules(json_object_get(json_object_get(record, "plan"), "rules"), history);
	return record_relations(workflows, history, failure);
}

static int apply_start(struct history *history, const json_t *record, struct failure *failure)
{
	(void)failure;
	history->started_at = json_u64(record, "at_ns");
	return 0;
}

static int apply_armed(struct history *history, const json_t *record, struct failure *failure)
{
	(void)failure;
	history->bucket_ns = json_u64(record, "bucket_ns");
	return 0;
}

static int find_workflow(const struct history *history, const json_t *record,
			 struct failure *failure)
{
	const char *name = json_text(record, "workflow");
	int index = name ? history_workflow(history, name) : -ENOENT;

	if (index < 0)
		return fail(failure, -EINVAL, "workflow \"%s\" is not in the header",
			    name ? name : "");
	return index;
}

static int find_class(const json_t *record, enum attempt_class *ret_class, struct failure *failure)
{
	const char *name = json_text(record, "class");

	if (!name || attempt_class_by_name(name, ret_class) < 0)
		return fail(failure, -EINVAL, "no such class: \"%s\"", name ? name : "");
	return 0;
}

static int apply_attempt(struct history *history, const json_t *record, struct failure *failure)
{
	struct attempt attempt = {
		.number = (uint32_t)json_u64(record, "attempt"),
		.unit = json_u64(record, "unit_id"),
		.intended_at = json_u64(record, "intended_at_ns"),
		.started_at = json_u64(record, "started_at_ns"),
		.ended_at = json_u64(record, "ended_at_ns"),
		.connect_ns = json_u64(record, "connect_ns"),
		.bytes = json_u64(record, "bytes"),
		.status = (int)json_u64(record, "status"),
		.error = (int)json_u64(record, "errno"),
		.library = (int)json_u64(record, "library"),
		.kept = json_is_true(json_object_get(record, "kept")),
	};
	int index = find_workflow(history, record, failure);

	if (index < 0 || find_class(record, &attempt.class, failure) < 0)
		return -EINVAL;
	attempt.workflow = (uint32_t)index;
	return history_add_attempt(history, &attempt);
}

static int apply_unit(struct history *history, const json_t *record, struct failure *failure)
{
	struct unit unit = {
		.attempts = (uint32_t)json_u64(record, "attempts"),
		.number = json_u64(record, "unit_id"),
		.intended_at = json_u64(record, "intended_at_ns"),
		.started_at = json_u64(record, "started_at_ns"),
		.last_started_at = json_u64(record, "last_started_at_ns"),
		.ended_at = json_u64(record, "ended_at_ns"),
	};
	int index = find_workflow(history, record, failure);

	if (index < 0 || find_class(record, &unit.class, failure) < 0)
		return -EINVAL;
	unit.workflow = (uint32_t)index;
	return history_add_unit(history, &unit);
}

static int apply_inject(struct history *history, const json_t *record, struct failure *failure)
{
	const json_t *faults = json_object_get(record, "faults"), *item;
	size_t i;

	json_array_foreach(faults, i, item)
	{
		const char *name = json_string_value(item);
		int index = name ? history_fault(history, name) : -ENOENT, r;
		struct window window = {
			.fault = (uint32_t)index,
			.starts_at = json_u64(record, "starts_at_ns"),
			.planned_end = json_u64(record, "ends_at_ns"),
			.existing_found = json_u64(record, "existing_found"),
			.existing_reset = json_u64(record, "existing_reset"),
			.existing_adopted = json_u64(record, "existing_adopted"),
		};

		if (index < 0)
			return fail(failure, -EINVAL, "fault \"%s\" is not in the header",
				    name ? name : "");
		r = history_add_window(history, &window);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Calls for each fault of the record's list that the header knows; for all when there is none. */
static void each_fault(struct history *history, const json_t *record, uint64_t at,
		       enum lift_cause cause)
{
	const json_t *faults = json_object_get(record, "faults"), *item;
	size_t i;

	if (!json_array_size(faults)) {
		history_close(history, UINT32_MAX, at, at, cause);
		return;
	}
	json_array_foreach(faults, i, item)
	{
		const char *name = json_string_value(item);
		int index = name ? history_fault(history, name) : -ENOENT;

		if (index >= 0)
			history_close(history, (uint32_t)index, at, at, cause);
	}
}

static enum lift_cause asked(const struct history *history)
{
	return history->aborting ? LIFT_ABORTED : LIFT_LIFTED;
}

/* A lift over some time moves the planned end; the fault is there until then. */
static void apply_staged_lift(struct history *history, const json_t *record)
{
	const json_t *faults = json_object_get(record, "faults"), *item;
	size_t i;

	json_array_foreach(faults, i, item)
	{
		const char *name = json_string_value(item);
		int index = name ? history_fault(history, name) : -ENOENT;

		if (index >= 0)
			history_fall(history, (uint32_t)index, json_u64(record, "falls_ns"),
				     json_u64(record, "ended_ns"));
	}
}

static int apply_lift(struct history *history, const json_t *record, struct failure *failure)
{
	(void)failure;
	if (json_u64(record, "falls_ns")) {
		apply_staged_lift(history, record);
		return 0;
	}
	each_fault(history, record, json_u64(record, "ended_ns"), asked(history));
	return 0;
}

static int apply_event(struct history *history, const json_t *record, struct failure *failure)
{
	const char *event = json_text(record, "event"), *name = json_text(record, "cause");
	const json_t *faults = json_object_get(record, "faults"), *item;
	enum lift_cause cause = LIFT_LIFTED;
	uint64_t at = json_u64(record, "at_ns");
	size_t i;

	(void)failure;
	if (!event)
		return 0;
	if (name && lift_cause_by_name(name, &cause) < 0)
		cause = LIFT_LIFTED;
	if (cause == LIFT_LIFTED || cause == LIFT_DISARMED)
		cause = asked(history);
	if (strcmp(event, "lifted") == 0) {
		each_fault(history, record, at, cause);
	} else if (strcmp(event, "disarmed") == 0) {
		history_close(history, UINT32_MAX, at, at, cause);
	} else if (strcmp(event, "halted") == 0) {
		history_close(history, UINT32_MAX, at, at, LIFT_HALTED);
	} else if (strcmp(event, "first-hit") == 0) {
		json_array_foreach(faults, i, item)
		{
			const char *fault = json_string_value(item);
			int index = fault ? history_fault(history, fault) : -ENOENT;

			if (index >= 0)
				history_hit(history, (uint32_t)index, at);
		}
	}
	return 0;
}

/* What the kernel says of each rule; a second source of first hits beside the events. */
static int apply_counters(struct history *history, const json_t *record, struct failure *failure)
{
	const json_t *rules = json_object_get(record, "rules"), *item;
	size_t i;

	(void)failure;
	json_array_foreach(rules, i, item)
	{
		const char *fault = json_text(item, "fault");
		int index = fault ? history_fault(history, fault) : -ENOENT;
		uint64_t at = json_u64(item, "first_hit_at_ns");

		if (index >= 0 && at)
			history_hit(history, (uint32_t)index, at);
		if (index >= 0 && json_u64(json_object_get(item, "reasons"), "admitted"))
			history->admitting |= 1ULL << (index % FAULT_RULES_MAX);
	}
	return 0;
}

static int apply_alert(struct history *history, const json_t *record, struct failure *failure)
{
	struct alert alert = {
		.after = json_u64(record, "after_ns"),
		.at = json_u64(record, "at_ns"),
	};
	int index = find_workflow(history, record, failure);

	if (index < 0)
		return -EINVAL;
	alert.workflow = (uint32_t)index;
	return history_add_alert(history, &alert);
}

static int apply_abort(struct history *history, const json_t *record, struct failure *failure)
{
	(void)record;
	(void)failure;
	history->aborting = true;
	return 0;
}

static int apply_lost(struct history *history, const json_t *record, struct failure *failure)
{
	(void)failure;
	history_close(history, UINT32_MAX, json_u64(record, "last_renewal_ns"),
		      json_u64(record, "lease_until_ns"), LIFT_CRASH);
	return 0;
}

static int apply_end(struct history *history, const json_t *record, struct failure *failure)
{
	const char *name = json_text(record, "end"), *text = json_text(record, "text");

	if (!name || run_end_by_name(name, &history->end) < 0)
		return fail(failure, -EINVAL, "no such end: \"%s\"", name ? name : "");
	history->exit_code = (int)json_u64(record, "exit_code");
	history->end_text = text && *text ? strdup(text) : NULL;
	return 0;
}

static const struct {
	const char *record;
	int (*apply)(struct history *history, const json_t *record, struct failure *failure);
} kinds[] = {
	{"header", apply_header},     {"armed", apply_armed}, {"start", apply_start},
	{"attempt", apply_attempt},   {"unit", apply_unit},   {"inject", apply_inject},
	{"lift", apply_lift},	      {"event", apply_event}, {"series", record_series},
	{"counters", apply_counters}, {"abort", apply_abort}, {"alert", apply_alert},
	{"lost", apply_lost},	      {"end", apply_end},
};

int record_apply(struct history *history, const json_t *record, struct failure *failure)
{
	const char *kind = json_text(record, "record");
	uint64_t at = json_u64(record, "at_ns");

	if (!kind)
		return fail(failure, -EINVAL, "not a record");
	if (at > history->ended_at)
		history->ended_at = at;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].record, kind) == 0)
			return kinds[i].apply(history, record, failure);
	return 0;
}

void record_finish(struct history *history)
{
	for (size_t i = 0; i < history->windows_count; i++) {
		struct window *window = &history->windows[i];

		if (window->ended_last || history->ended_at < window->planned_end)
			continue;
		window_end_as_planned(window);
	}
}
