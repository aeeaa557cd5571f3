/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several runs of one experiment, and of two: their figures with intervals, and which of the two is
 * better. From the runs' journals alone.
 */
#ifndef CONTROLLER_COMPARE_H
#define CONTROLLER_COMPARE_H

#include <stdio.h>

#include "user/controller/analysis.h"
#include "user/controller/journal.h"
#include "user/controller/statistics.h"

#define COMPARE_VARIANTS_MAX 2
/* With less than three runs of each an interval is worth less than this, and names nothing. */
#define COMPARE_CONFIDENCE 0.9

enum compared_figure {
	COMPARED_RECOVER,
	COMPARED_OUTAGE,
	COMPARED_DETECT,
	COMPARED_FIRST_SUCCESS,
	COMPARED_STEADY,
	COMPARED_DRAIN,
	COMPARED_AVAILABILITY,
	COMPARED_AMPLIFICATION,
	COMPARED_SURGE,
	COMPARED_GOODPUT_LOST,
	COMPARED_COUNT,
};
/* "recover", "outage", ... */
const char *compared_name(unsigned int figure);
enum compared_unit { COMPARED_SECONDS, COMPARED_SHARE, COMPARED_RATIO, COMPARED_UNITS };
enum compared_unit compared_unit_of(unsigned int figure);

/* One figure over the runs. Index 0 is variant A, 1 is B; the second is empty without a B. */
struct compared {
	struct sample *samples[COMPARE_VARIANTS_MAX]; /* in the order of the runs */
	size_t *runs[COMPARE_VARIANTS_MAX]; /* each sample's run, an index of variant.runs */
	size_t counts[COMPARE_VARIANTS_MAX];
	struct estimate medians[COMPARE_VARIANTS_MAX];
	struct estimate difference; /* B minus A; value NAN: a side has no run */
	double effect;		    /* Cliff's delta of B over A */
	int better; /* 0: A, 1: B, -1: the interval holds 0, or has less than COMPARE_CONFIDENCE */
	char sentence[256]; /* "B recovers 38 s sooner, 95 % interval 31 to 44 s" */
};

/* One workflow in one episode, by its name and the episode's number in all runs. */
struct compared_workflow {
	const char *name; /* of the first run that has it */
	size_t episode;	  /* from 0 */
	struct proportion affected[COMPARE_VARIANTS_MAX];
	struct proportion recovered[COMPARE_VARIANTS_MAX]; /* of the affected ones */
	struct proportion passed[COMPARE_VARIANTS_MAX];
	struct compared figures[COMPARED_COUNT];
	enum compared_figure headline; /* the figure that decides which is better */
};

/* One run of a variant. */
struct compared_run {
	struct journal_run journal;
	struct history history;
	struct analysis analysis;
	bool left_out; /* it says nothing about the variant: not exercised, unsteady, ... */
};

struct variant {
	char *name; /* title of its first run's experiment */
	char *path; /* that it was read from */
	struct compared_run *runs;
	size_t runs_count, left_out;
	struct proportion passed;
};

struct comparison {
	struct variant variants[COMPARE_VARIANTS_MAX];
	size_t variants_count; /* 1: repeats only */
	struct compared_workflow *workflows;
	size_t workflows_count;
	uint64_t seed;
	int better;	      /* for the workflows that tell, when they agree; -1: none is */
	char conclusion[512]; /* one plain sentence */
};

/*
 * Reads the runs below each of `paths` (a run's directory or journal, or a directory of those) and
 * compares them. 0, or -errno with the reason in `failure`. Ends with comparison_free.
 */
int comparison_make(const char *const *paths, size_t count, uint64_t seed,
		    struct comparison *ret_comparison, struct failure *failure);
void comparison_free(struct comparison *comparison);

/* In compare_words.c: the sentences, from the figures. The second says what confidence so few runs
 * give, and nothing where they give that of STATISTICS_CONFIDENCE. */
void compare_sentence(const struct compared_workflow *workflow, enum compared_figure figure,
		      char *ret_text, size_t size);
void compare_few_runs(const struct compared *compared, char *ret_text, size_t size);
void compare_conclude(struct comparison *comparison);

/* A value in its unit, a difference with its sign: "52.1s", "never", "-". */
#define COMPARE_VALUE_SIZE 64
void compare_value(char text[COMPARE_VALUE_SIZE], enum compared_unit unit, double value,
		   bool difference);
/* With its interval: "52.1s [50.0s,53.2s]". */
#define COMPARE_TEXT_SIZE (3 * COMPARE_VALUE_SIZE + 8)
void compare_estimate(char text[COMPARE_TEXT_SIZE], enum compared_unit unit,
		      const struct estimate *estimate, bool difference);

/* Prints it: the first two in compare_report.c, the page in compare_html.c. 0 or -errno. */
int compare_table(const struct comparison *comparison, FILE *out);
int compare_json(const struct comparison *comparison, FILE *out);
int compare_html(const struct comparison *comparison, FILE *out);

#endif
