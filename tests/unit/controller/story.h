/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulator for tests of the analysis: a service whose health is a known function of time, and
 * units of work against it on the controller's own schedule. It knows the truth.
 */
#ifndef TESTS_UNIT_CONTROLLER_STORY_H
#define TESTS_UNIT_CONTROLLER_STORY_H

#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/analysis.h"
#include "user/controller/workflow.h"

#define MS(n)	    ((int64_t)(n)*1000000)
#define STORY_NEVER INT64_MAX
#define STORY_START 1000000000000LL

/* A stretch of time relative to the lift in which the service fails. */
struct outage {
	int64_t from, until;
};

struct story {
	const char *name;
	int64_t every, ok_takes, fail_takes; /* ns */
	uint32_t attempts;
	int64_t backoff;
	struct outage outages[8]; /* relative to the lift; the first with until <= from ends */
	int64_t truth;		  /* healthy for good from here, relative to the lift */
	uint64_t relapses;
	int64_t before, during, after; /* lengths: baseline, fault, observation */
	int64_t lift_doubt;	       /* the daemon was lost: how long the end is uncertain */
	uint64_t seed;
};

static inline int64_t story_lift(const struct story *story)
{
	return STORY_START + story->before + story->during;
}

static inline bool story_healthy(const struct story *story, int64_t at)
{
	int64_t relative = at - story_lift(story);

	for (size_t i = 0; i < 8 && story->outages[i].until > story->outages[i].from; i++)
		if (relative >= story->outages[i].from && relative < story->outages[i].until)
			return false;
	return true;
}

/* One unit with its retries. A request is judged by the service when it arrives. */
static inline void story_unit(const struct story *story, struct history *history,
			      const struct workflow *workflow, struct unit *unit)
{
	int64_t at = (int64_t)unit->intended_at;

	for (uint32_t i = 1;; i++) {
		bool ok = story_healthy(story, at);
		struct attempt attempt = {
			.number = i,
			.unit = unit->number,
			.intended_at = unit->intended_at,
			.started_at = (uint64_t)at,
			.ended_at = (uint64_t)(at + (ok ? story->ok_takes : story->fail_takes)),
			.class = ok ? CLASS_OK : CLASS_TIMEOUT,
		};

		if (history_add_attempt(history, &attempt) < 0)
			abort();
		unit->attempts = i;
		unit->class = attempt.class;
		unit->last_started_at = attempt.started_at;
		unit->ended_at = attempt.ended_at;
		if (ok || i >= story->attempts)
			return;
		at = (int64_t)(attempt.ended_at +
			       workflow_backoff(workflow, 0, unit->number, i + 1, story->seed));
	}
}

static inline int story_by_end(const void *left, const void *right)
{
	uint64_t a = ((const struct unit *)left)->ended_at;
	uint64_t b = ((const struct unit *)right)->ended_at;

	return a < b ? -1 : a > b;
}

/* The records of a run of `story`; the caller ends them with history_free. */
static inline void story_play(const struct story *story, struct history *ret_history)
{
	struct history history = {.started_at = STORY_START, .end = END_COMPLETED};
	int64_t lift = story_lift(story), end = lift + story->after;
	struct workflow workflow = {
		.every_ns = (uint64_t)story->every,
		.retry = {.attempts = story->attempts,
			  .backoff_ns = (uint64_t)story->backoff,
			  .factor = 2,
			  .jitter = RETRY_JITTER_FULL},
	};
	struct window window = {
		.starts_at = (uint64_t)(lift - story->during),
		.planned_end = (uint64_t)(lift + story->lift_doubt + MS(1)),
		.ended_first = (uint64_t)(lift - story->lift_doubt),
		.ended_last = (uint64_t)(lift + story->lift_doubt),
		.cause = story->lift_doubt ? LIFT_CRASH : LIFT_LIFTED,
		.first_hit_at = (uint64_t)(lift - story->during + 1),
	};
	uint64_t span = (uint64_t)(3 * story->every);

	history.workflows = calloc(1, sizeof(*history.workflows));
	history.workflows[history.workflows_count++] = (struct terms){
		.name = strdup("work"),
		.every_ns = (uint64_t)story->every,
		.timeout_ns = (uint64_t)story->fail_takes,
		.detect_failures = 3,
		.stable_successes = 10,
		.stable_span_ns = span > 5 * NS_PER_S ? span : 5 * NS_PER_S,
	};
	if (strings_add(&history.faults, "fault") < 0 || history_add_window(&history, &window) < 0)
		abort();
	for (uint64_t i = 0;; i++) {
		struct unit unit = {.number = i};

		unit.intended_at = workflow_intended_at(&workflow, 0, i, story->seed, STORY_START);
		unit.started_at = unit.intended_at;
		if ((int64_t)unit.intended_at >= end)
			break;
		story_unit(story, &history, &workflow, &unit);
		if ((int64_t)unit.ended_at > end)
			unit.class = CLASS_CUT;
		if (history_add_unit(&history, &unit) < 0)
			abort();
	}
	qsort(history.units, history.units_count, sizeof(*history.units), story_by_end);
	history.ended_at = (uint64_t)end;
	*ret_history = history;
}

#endif
