/* SPDX-License-Identifier: Apache-2.0 */
/* What the peer can ask about: state, counters, series. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/daemon/engine_state.h"

enum {
	SERIES_LOOKUPS_MAX =
		8192, /* elements that one request looks at, so that no reply is late */
};

void engine_status(const struct engine *engine, __u64 now, struct engine_status *ret_status)
{
	*ret_status = (struct engine_status){.now = now, .halted = engine->halted};
	if (!engine->programs)
		return;
	ret_status->armed = 1;
	ret_status->lease_until = engine->control->lease_until;
	ret_status->deadline = engine->control->deadline;
	ret_status->started_at = engine->control->started_at;
	ret_status->rules = engine->draft->rules_count;
	ret_status->attached = programs_attached(engine->programs);
	ret_status->uid = engine->draft->begin.uid;
	memcpy(ret_status->title, engine->draft->begin.title, sizeof(ret_status->title));
}

static int read_live(struct engine *engine, __u32 rule, struct engine_rule_status *ret_status)
{
	struct engine_rule_status status = {};
	volatile struct fault_window *window = &engine->windows[rule];
	int r = programs_counters(engine->programs, rule, &status.counters);

	if (r)
		return r;
	engine_gate_sync(engine);
	engine_gate_add_counters(engine, rule, &status.counters);
	status.window.starts_at = window->starts_at;
	status.window.ends_at = window->ends_at;
	status.window.first_hit_at = window->first_hit_at;
	status.window.last_hit_at = window->last_hit_at;
	status.window.first_pass_after = window->first_pass_after;
	status.window.injection = window->injection;
	memcpy(status.fault, engine->draft->rules[rule].fault, sizeof(status.fault));
	*ret_status = status;
	return 0;
}

int engine_rule_status(struct engine *engine, __u32 rule, struct engine_rule_status *ret_status,
		       struct failure *failure)
{
	int r;

	if (!engine->programs) {
		if (rule >= engine->last_count)
			return fail(failure, -ENOENT, "rule %u: nothing is armed", rule);
		*ret_status = engine->last[rule];
		return 0;
	}
	if (rule >= engine->draft->rules_count)
		return fail(failure, -ENOENT, "rule %u is not armed", rule);
	r = read_live(engine, rule, ret_status);
	return r ? fail(failure, r, "reading the counters: %s", strerror(-r)) : 0;
}

void engine_keep_last(struct engine *engine)
{
	engine->last_count = 0;
	for (__u32 i = 0; i < engine->draft->rules_count; i++)
		if (read_live(engine, i, &engine->last[i]))
			return;
	engine->last_count = engine->draft->rules_count;
}

/* First bucket that is still being filled. */
static __u32 current_bucket(const struct engine *engine, __u64 now)
{
	__u64 started_at = engine->control->started_at;

	return now < started_at ? 0 : (__u32)((now - started_at) / FAULT_BUCKET_NS);
}

int engine_series(struct engine *engine, struct engine_series *series, __u64 now,
		  struct failure *failure)
{
	__u32 current, bucket = series->from_bucket, rule = series->from_rule, looks = 0;

	if (!engine->programs)
		return fail(failure, -ENOENT, "nothing is armed");
	current = current_bucket(engine, now);
	if (series->to_bucket > current)
		series->to_bucket = current;
	if (bucket < engine->series_swept)
		bucket = engine->series_swept, rule = 0;
	series->count = 0;
	for (; bucket < series->to_bucket; bucket++, rule = 0) {
		for (; rule < engine->draft->rules_count; rule++, looks++) {
			struct engine_series_entry *entry = &series->entries[series->count];

			if (series->count == ENGINE_SERIES_MAX || looks == SERIES_LOOKUPS_MAX)
				goto full;
			entry->key = (struct fault_series_key){rule, bucket};
			if (!programs_series(engine->programs, &entry->key, &entry->value))
				series->count++;
		}
	}
	rule = 0;
	bucket = series->to_bucket;
full:
	series->next_bucket = bucket;
	series->next_rule = rule;
	return 0;
}

int engine_shadow(struct engine *engine, struct engine_shadow *shadow, struct failure *failure)
{
	size_t from = shadow->from, left;
	int r;

	if (!(engine->classified.control.flags & FAULT_CONTROL_SHADOW))
		return fail(failure, -EINVAL, "the run is no shadow");
	if (!from || !engine->shadow) {
		free(engine->shadow);
		engine->shadow = NULL;
		engine->shadow_count = 0;
		r = programs_shadow(engine->programs, &engine->shadow, &engine->shadow_count);
		if (r)
			return fail(failure, r, "reading what was counted: %s", strerror(-r));
	}
	left = from < engine->shadow_count ? engine->shadow_count - from : 0;
	shadow->total = (__u32)engine->shadow_count;
	shadow->count = (__u32)(left < ENGINE_SHADOW_MAX ? left : ENGINE_SHADOW_MAX);
	if (shadow->count)
		memcpy(shadow->entries, engine->shadow + from,
		       shadow->count * sizeof(*shadow->entries));
	return 0;
}

void engine_sweep_series(struct engine *engine, __u64 now)
{
	__u32 keep = ENGINE_SERIES_KEEP_NS / FAULT_BUCKET_NS, current, looks = 0;

	if (!engine->programs)
		return;
	current = current_bucket(engine, now);
	for (; engine->series_swept + keep < current && looks < SERIES_LOOKUPS_MAX;
	     engine->series_swept++) {
		for (__u32 rule = 0; rule < engine->draft->rules_count; rule++, looks++) {
			struct fault_series_key key = {rule, engine->series_swept};

			programs_series_delete(engine->programs, &key);
		}
	}
}
