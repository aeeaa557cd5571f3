/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories that are drawn from a seed, with everything that is true of them computed here, by
 * plain scans over a plain list and none of the code under test.
 */
#ifndef TESTS_UNIT_CONTROLLER_SYNTHETIC_H
#define TESTS_UNIT_CONTROLLER_SYNTHETIC_H

#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/controller/analysis.h"

#define SYNTHETIC_UNITS	   400
#define SYNTHETIC_ATTEMPTS 4

/* One unit as the generator made it. */
struct piece {
	int64_t due, began, last, end; /* `last`: start of the attempt that decided */
	int64_t tries[SYNTHETIC_ATTEMPTS];
	int count;
	bool good;
};

/* A service that is well, fails, and is well again; perhaps slowly, perhaps with a relapse. */
struct synthetic {
	uint64_t state; /* of the generator's random numbers */
	int64_t period, takes, slow, fails, pause;
	int attempts, baseline, failing, slower, relapse_at, relapse, total;
	int64_t origin, inject, hit, lift_first, lift_last, end;
	int detect, successes;
	int64_t span;
	struct piece pieces[SYNTHETIC_UNITS];
};

/* xorshift64* (Vigna 2016); the code under test uses another generator. */
static inline uint64_t synthetic_random(struct synthetic *s)
{
	s->state ^= s->state >> 12;
	s->state ^= s->state << 25;
	s->state ^= s->state >> 27;
	return s->state * 2685821657736338717ULL;
}

/* In [low, high]. */
static inline int64_t synthetic_draw(struct synthetic *s, int64_t low, int64_t high)
{
	return low + (int64_t)(synthetic_random(s) % (uint64_t)(high - low + 1));
}

static inline void synthetic_parameters(struct synthetic *s)
{
	const int64_t second = 1000000000;
	bool overlap = synthetic_draw(s, 0, 1);

	s->period = synthetic_draw(s, second / 4, 3 * second);
	s->takes = synthetic_draw(s, 1000, s->period / 3);
	s->slow = synthetic_draw(s, s->takes, s->period * 2 / 3);
	s->attempts = (int)synthetic_draw(s, 1, SYNTHETIC_ATTEMPTS);
	/* Failing units take up to three periods, or end before the next is due. */
	s->fails = synthetic_draw(s, 1000, (overlap ? 3 : 1) * s->period / (2 * s->attempts));
	s->pause = synthetic_draw(s, 0, s->fails);
	s->baseline = (int)synthetic_draw(s, 5, 60);
	s->failing = (int)synthetic_draw(s, 1, 60);
	s->slower = (int)synthetic_draw(s, 0, 40);
	s->total = s->baseline + s->failing + (int)synthetic_draw(s, 1, 200);
	s->relapse = synthetic_draw(s, 0, 3) ? 0 : (int)synthetic_draw(s, 1, 150);
	s->relapse_at = (int)synthetic_draw(s, s->baseline + s->failing + 1, s->total + 20);
	s->detect = (int)synthetic_draw(s, 1, 6);
	s->successes = (int)synthetic_draw(s, 1, 15);
	s->span = synthetic_draw(s, second, 8 * second);
}

static inline bool synthetic_fails(const struct synthetic *s, int unit)
{
	return (unit >= s->baseline && unit < s->baseline + s->failing) ||
	       (unit >= s->relapse_at && unit < s->relapse_at + s->relapse);
}

static inline void synthetic_piece(struct synthetic *s, int unit)
{
	struct piece *piece = &s->pieces[unit];
	int first_good = s->baseline + s->failing;
	/* The first good unit may need a few tries. */
	int bad = unit == first_good ? (int)synthetic_draw(s, 0, s->attempts - 1) : 0;
	int64_t takes = unit >= first_good && unit < first_good + s->slower ? s->slow : s->takes;

	piece->good = !synthetic_fails(s, unit);
	if (!piece->good)
		bad = s->attempts;
	piece->due = s->origin + unit * s->period + synthetic_draw(s, 0, s->period / 10 - 1);
	/* The controller is late by up to a millisecond. */
	piece->began = piece->due + synthetic_draw(s, 0, 1000000);
	piece->end = piece->last = piece->began;
	for (piece->count = 0; piece->count < bad + piece->good; piece->count++) {
		piece->last = piece->count ? piece->end + s->pause : piece->began;
		piece->tries[piece->count] = piece->last;
		piece->end = piece->last + (piece->count < bad ? s->fails : takes);
	}
}

static inline void synthetic_make(struct synthetic *s, uint64_t seed)
{
	int64_t healed;

	memset(s, 0, sizeof(*s));
	s->state = seed * 0x9e3779b97f4a7c15ULL + 1;
	synthetic_parameters(s);
	s->origin = 1000000000000 + synthetic_draw(s, 0, 1000000000);
	for (int i = 0; i < s->total; i++)
		synthetic_piece(s, i);
	/* After the last good unit has ended, before the first bad one is due. */
	s->inject = synthetic_draw(s, s->pieces[s->baseline - 1].end, s->pieces[s->baseline].due);
	s->hit = synthetic_draw(s, s->inject, s->pieces[s->baseline].end - 1);
	healed = s->pieces[s->baseline + s->failing].due;
	s->lift_first = synthetic_draw(s, s->hit, healed + 2 * s->period);
	s->lift_last =
		s->lift_first + (synthetic_draw(s, 0, 3) ? 0 : synthetic_draw(s, 0, s->period));
	s->end = s->lift_last;
	for (int i = 0; i < s->total; i++)
		if (s->pieces[i].end > s->end)
			s->end = s->pieces[i].end;
	s->end += synthetic_draw(s, 0, s->period);
}

static inline int synthetic_by_end(const void *left, const void *right)
{
	const struct unit *a = left, *b = right;

	return a->ended_at < b->ended_at ? -1 : a->ended_at > b->ended_at;
}

static inline void synthetic_attempts(const struct synthetic *s, int unit, struct history *history)
{
	const struct piece *piece = &s->pieces[unit];

	for (int i = 0; i < piece->count; i++) {
		bool last = i + 1 == piece->count;
		struct attempt attempt = {
			.number = (uint32_t)i + 1,
			.unit = (uint64_t)unit,
			.intended_at = (uint64_t)piece->due,
			.started_at = (uint64_t)piece->tries[i],
			.ended_at = (uint64_t)(last ? piece->end : piece->tries[i] + s->fails),
			.class = last && piece->good ? CLASS_OK : CLASS_TIMEOUT,
		};

		if (history_add_attempt(history, &attempt) < 0)
			abort();
	}
}

/* The same as records; ends with history_free. */
static inline void synthetic_history(const struct synthetic *s, struct history *ret_history)
{
	struct history history = {.started_at = (uint64_t)s->origin,
				  .ended_at = (uint64_t)s->end,
				  .end = END_COMPLETED};
	struct window window = {
		.starts_at = (uint64_t)s->inject,
		.planned_end = (uint64_t)s->lift_last + 1,
		.ended_first = (uint64_t)s->lift_first,
		.ended_last = (uint64_t)s->lift_last,
		.cause = LIFT_LIFTED,
		.first_hit_at = (uint64_t)s->hit,
	};

	history.workflows = calloc(1, sizeof(*history.workflows));
	history.workflows[history.workflows_count++] = (struct terms){
		.name = strdup("work"),
		.kind = WORKFLOW_KIND_HTTP,
		.every_ns = (uint64_t)s->period,
		.timeout_ns = (uint64_t)s->fails,
		.detect_failures = (uint32_t)s->detect,
		.stable_successes = (uint32_t)s->successes,
		.stable_span_ns = (uint64_t)s->span,
	};
	if (strings_add(&history.faults, "fault") < 0 || history_add_window(&history, &window) < 0)
		abort();
	for (int i = 0; i < s->total; i++) {
		const struct piece *piece = &s->pieces[i];
		struct unit unit = {
			.number = (uint64_t)i,
			.attempts = (uint32_t)piece->count,
			.intended_at = (uint64_t)piece->due,
			.started_at = (uint64_t)piece->began,
			.last_started_at = (uint64_t)piece->last,
			.ended_at = (uint64_t)piece->end,
			.class = piece->good ? CLASS_OK : CLASS_TIMEOUT,
		};

		if (history_add_unit(&history, &unit) < 0)
			abort();
		synthetic_attempts(s, i, &history);
	}
	qsort(history.units, history.units_count, sizeof(*history.units), synthetic_by_end);
	*ret_history = history;
}

#endif
