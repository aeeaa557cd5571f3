/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reports say of a workflow in an episode: one table of figures and one of points in time,
 * with the words for people. Keys are those of the JSON report.
 */
#ifndef CONTROLLER_REPORT_FIGURES_H
#define CONTROLLER_REPORT_FIGURES_H

#include "user/controller/report_text.h"

enum report_kind {
	REPORT_DURATION, /* a struct figure */
	REPORT_RATIO,	 /* so many times */
	REPORT_SHARE,	 /* 0 to 1 */
	REPORT_COUNT,
	REPORT_UNITS, /* units of work, not whole ones */
};

struct report_value {
	const struct figure *figure; /* REPORT_DURATION; NULL otherwise */
	double number;		     /* otherwise; negative: unknown */
};

struct report_figure {
	const char *key;	/* "time_to_recover" */
	const char *label;	/* "recover" */
	const char *definition; /* one or two sentences */
	enum report_kind kind;
	int budget;   /* enum budget_kind that limits it; BUDGET_COUNT: none */
	bool leading; /* belongs to the few that are shown first */
	struct report_value (*read)(const struct workflow_result *result);
};
extern const struct report_figure report_figures[];
extern const size_t report_figures_count;
/* NULL: there is none. */
const struct report_figure *report_figure_by_key(const char *key);

/* The value as text, with its interval for `interval`. */
void report_figure_text(const struct report_figure *figure, const struct workflow_result *result,
			bool interval, char cell[REPORT_CELL_SIZE]);

enum report_tone { TONE_NEUTRAL, TONE_BAD, TONE_NOTICED, TONE_GOOD };

/* A point in time, marked on charts. */
struct report_point {
	const char *key;	/* "stable_at_ns" */
	const char *label;	/* "stable" */
	const char *definition; /* one or two sentences */
	char letter;		/* its mark */
	enum report_tone tone;
	/* ns of CLOCK_BOOTTIME; 0: did not happen. */
	uint64_t (*read)(const struct episode *episode, const struct workflow_result *result);
};
extern const struct report_point report_points[];
extern const size_t report_points_count;

/* How a verdict reads on a page: TONE_GOOD, TONE_BAD, or TONE_NOTICED for what decides nothing. */
enum report_tone report_verdict_tone(enum verdict verdict);
/* One sentence that says what the verdict means. */
const char *report_verdict_definition(enum verdict verdict);

#endif
