/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's series in a journal, and the units of workflows that only observe it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/observe.h"
#include "user/controller/record_parts.h"

/* What these act on are packets or segments, of which a connection has many. */
static const char *const packet_effects[] = {"drop", "loss", "stall", "reset", "cut", "rate"};

static bool is_of_packets(const char *effect)
{
	for (size_t i = 0; effect && i < ARRAY_SIZE(packet_effects); i++)
		if (strcmp(effect, packet_effects[i]) == 0)
			return true;
	return false;
}

void record_rules(const json_t *rules, struct history *history)
{
	const json_t *item;
	size_t i;

	json_array_foreach(rules, i, item)
	{
		const char *name = json_text(item, "fault");
		int fault = name ? history_fault(history, name) : -ENOENT;

		if (i >= FAULT_RULES_MAX)
			return;
		history->rule_faults[i] = fault < 0 ? UINT32_MAX : (uint32_t)fault;
		if (is_of_packets(json_text(item, "effect")))
			history->packet_rules |= 1ULL << i;
		history->rules_count = i + 1;
	}
}

/* One bucket's traffic: one unit, which fails when more of it did than a baseline may. */
static int observed_add(struct history *history, const struct observed_work *work,
			const struct unit *observed)
{
	struct unit unit = *observed;
	struct attempt attempt = {
		.workflow = unit.workflow,
		.number = 1,
		.unit = unit.number,
		.intended_at = unit.intended_at,
		.started_at = unit.started_at,
		.ended_at = unit.ended_at,
		.observed = work->tries,
	};
	int r;

	unit.observed = work->tries;
	unit.observed_failures = observe_failures(work);
	unit.class = observe_class(work);
	attempt.class = unit.class;
	r = history_add_attempt(history, &attempt);
	return r < 0 ? r : history_add_unit(history, &unit);
}

static int compare_buckets(const void *left, const void *right)
{
	const struct bucket *a = left, *b = right;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* The buckets from `first` on, which one record brought, in the order of their time. */
static int observe_series(struct history *history, uint32_t workflow, size_t first, uint64_t width)
{
	const struct terms *terms = &history->workflows[workflow];
	const struct bucket *buckets = history->buckets;
	int r = 0;

	for (size_t i = first, next; i < history->buckets_count && r == 0; i = next) {
		struct unit unit = {
			.workflow = workflow,
			.attempts = 1,
			.number = buckets[i].at / width,
			.intended_at = buckets[i].at,
			.started_at = buckets[i].at,
			.last_started_at = buckets[i].at,
			.ended_at = buckets[i].at + width,
		};
		struct observed_work work = {0};

		for (next = i; next < history->buckets_count && buckets[next].at == buckets[i].at;
		     next++)
			if (observe_holds(history, terms, buckets[next].rule))
				observe_add(&buckets[next],
					    history->packet_rules >> buckets[next].rule & 1, &work);
		/* What was there before the schedule's origin is no part of the run. */
		if (work.tries && history->started_at && unit.intended_at >= history->started_at)
			r = observed_add(history, &work, &unit);
	}
	return r;
}

static int read_bucket(const json_t *item, uint64_t origin, uint64_t width,
		       struct bucket *ret_bucket, struct failure *failure)
{
	json_int_t values[6];

	if (json_unpack((json_t *)item, "[IIIIII]", &values[0], &values[1], &values[2], &values[3],
			&values[4], &values[5]) < 0)
		return fail(failure, -EINVAL, "a bucket is not six numbers or more");
	*ret_bucket = (struct bucket){
		.at = origin + (uint64_t)values[1] * width,
		.rule = (uint32_t)values[0],
		.connects = (uint64_t)values[2],
		.requests = (uint64_t)values[3],
		.hits = (uint64_t)values[4],
		.passes = (uint64_t)values[5],
		/* Journals of before there were overloads do not hold these. */
		.admitted = (uint64_t)json_integer_value(json_array_get(item, 6)),
		.rejected = (uint64_t)json_integer_value(json_array_get(item, 7)),
		/* Nor do buckets of rules that nobody observes hold these. */
		.opened = (uint64_t)json_integer_value(json_array_get(item, 8)),
		.established = (uint64_t)json_integer_value(json_array_get(item, 9)),
		.retransmits = (uint64_t)json_integer_value(json_array_get(item, 10)),
	};
	for (size_t i = 0; i < FAULT_RESPONSE_COUNT; i++)
		ret_bucket->responses[i] =
			(uint64_t)json_integer_value(json_array_get(item, 11 + i));
	return 0;
}

int record_series(struct history *history, const json_t *record, struct failure *failure)
{
	const json_t *buckets = json_object_get(record, "buckets"), *item;
	uint64_t origin = json_u64(record, "started_ns"), width = json_u64(record, "bucket_ns");
	uint64_t read_at = json_u64(record, "at_ns");
	size_t first = history->buckets_count, i;
	int r = 0;

	json_array_foreach(buckets, i, item)
	{
		struct bucket bucket = {0};

		r = read_bucket(item, origin, width, &bucket, failure);
		if (r < 0)
			return r;
		bucket.settled = bucket.at + width + FAULT_SETTLE_NS <= read_at;
		r = history_add_bucket(history, &bucket);
		if (r < 0)
			return r;
	}
	if (first < history->buckets_count)
		qsort(history->buckets + first, history->buckets_count - first,
		      sizeof(*history->buckets), compare_buckets);
	for (i = 0; i < history->workflows_count && r == 0 && width; i++)
		if (history->workflows[i].kind == WORKFLOW_KIND_OBSERVE)
			r = observe_series(history, (uint32_t)i, first, width);
	return r;
}
