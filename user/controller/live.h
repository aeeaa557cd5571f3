/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is shown of a run while it goes on: each workflow's counts, last outcome and last moments,
 * and the kernel's hits per second. Taken in as it happens, so that showing it costs the same
 * however long the run is.
 */
#ifndef CONTROLLER_LIVE_H
#define CONTROLLER_LIVE_H

#include "user/controller/records.h"

/* Stretches of time that a sparkline shows. */
#define LIVE_COLUMNS 18

/* What is counted in consecutive stretches of time; the newest stand for those long gone. */
struct live_line {
	uint64_t width_ns; /* of a stretch */
	struct live_cell {
		uint64_t number; /* of the stretch, counted from the origin, from 1 */
		uint64_t good, all;
	} cells[LIVE_COLUMNS];
};

struct live_workflow {
	uint64_t successes, failures;
	enum attempt_class last; /* of the last unit; CLASS_OK before the first */
	struct live_line line;
};

struct live {
	uint64_t origin;
	struct live_workflow *workflows;
	size_t count;
	struct live_line hits;
	size_t buckets_seen;
};

/* Takes the workflows' terms from `history`. 0 or -ENOMEM; ends with live_free. */
int live_new(const struct history *history, uint64_t origin, struct live *ret_live);
void live_free(struct live *live);

/* A unit has ended. True when its workflow began to fail with it, or to work again. */
bool live_unit(struct live *live, const struct unit *unit);
/* Takes in the buckets of the kernel's series that are new in `history`. Nothing before live_new.
 */
void live_buckets(struct live *live, const struct history *history);
/* Hits per second in the last whole stretch before `now`; negative: none is known. */
double live_hits(const struct live *live, uint64_t now);

/* How a line may be painted. */
struct live_style {
	bool unicode, color;
};
/* From the environment: NO_COLOR, and whether the locale is one of UTF-8. */
struct live_style live_style_find(void);

/*
 * The last stretches up to `now` as one character each, LIVE_COLUMNS wide: how much of it was good,
 * by height and, where there is, colour; a space where nothing ended. Without Unicode '.', '+' and
 * 'x' stand for all, some and none.
 */
#define LIVE_LINE_SIZE (LIVE_COLUMNS * 16)
void live_sparkline(const struct live *live, const struct live_line *line, uint64_t now,
		    struct live_style style, char buffer[LIVE_LINE_SIZE]);
/* The same of hits, by their number against the most there is in the line. */
void live_hits_sparkline(const struct live *live, uint64_t now, struct live_style style,
			 char buffer[LIVE_LINE_SIZE]);

#endif
