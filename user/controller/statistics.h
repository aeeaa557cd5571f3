/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Estimates from few runs, some of which never came to their end: medians, proportions and their
 * intervals. Pure functions; where chance is needed a seed decides it.
 */
#ifndef CONTROLLER_STATISTICS_H
#define CONTROLLER_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From so many runs on the median's interval is bootstrapped; below, order statistics give it. */
#define STATISTICS_BOOTSTRAP_LEAST 10
/* From so many runs of each on the interval of a difference has STATISTICS_CONFIDENCE. */
#define STATISTICS_SHIFT_LEAST 5
#define STATISTICS_RESAMPLES   1000
#define STATISTICS_CONFIDENCE  0.95

/* One run's figure. */
struct sample {
	double value;
	bool censored; /* it did not happen while observed: longer than `value` */
};

enum interval_method {
	INTERVAL_NONE,	    /* no interval: fewer than two runs */
	INTERVAL_ORDER,	    /* order statistics */
	INTERVAL_BOOTSTRAP, /* percentiles of seeded resamples */
	INTERVAL_COUNT,
};
/* "none", "order", "bootstrap"; NULL: no such one. */
const char *interval_method_name(unsigned int method);

struct estimate {
	double value;	   /* NAN: no run; INFINITY: in half of the runs or more it never came */
	double low, high;  /* -INFINITY and INFINITY: open on that side */
	double confidence; /* that the interval really has: few runs do not give 0.95 */
	enum interval_method method;
};

/* k of n, with Wilson's score interval (JASA 22, 1927) of 95 %. n = 0: 0 to 1. */
struct proportion {
	uint64_t count, total;
	double low, high;
};
struct proportion statistics_wilson(uint64_t count, uint64_t total);

/* One step of a Kaplan-Meier curve (JASA 53, 1958): from `at` on. */
struct survival_step {
	double at;
	uint64_t at_risk, events;
	double survival;
	double deviation; /* Greenwood's, of `survival` itself; NAN where survival is 0 */
	double low, high; /* 95 %, on the log(-log) scale; NAN where survival is 0 or 1 */
};
/*
 * The curve of `samples`: a step for each distinct value, censored or not, in rising order.
 * `ret_steps` has room for `count`. Returns their number, or -ENOMEM.
 */
int statistics_survival(const struct sample *samples, size_t count,
			struct survival_step *ret_steps);

/*
 * The median: where the Kaplan-Meier curve passes one half, which without censored runs is the
 * ordinary median. `seed` decides the resamples. 0 or -ENOMEM.
 */
int statistics_median(const struct sample *samples, size_t count, uint64_t seed,
		      struct estimate *ret_estimate);

/*
 * The median of `right` minus that of `left`, with the interval of the shift between both by the
 * order statistics of all pairwise differences (Hodges and Lehmann 1963, Moses 1965). From
 * STATISTICS_SHIFT_LEAST runs of each on it is interpolated to STATISTICS_CONFIDENCE, and corrected
 * for rows that differ in their spread; below, order statistics give steps of confidence, and it is
 * the narrowest that reaches as much, or all there is. The value itself is always within. A
 * censored run counts as longer than any other. 0 or -ENOMEM.
 */
int statistics_difference(const struct sample *left, size_t left_count, const struct sample *right,
			  size_t right_count, struct estimate *ret_estimate);

/*
 * Cliff's delta (1993): how much more often a run of `right` lies above one of `left` than below,
 * from -1 to 1. 0 without runs.
 */
double statistics_effect(const struct sample *left, size_t left_count, const struct sample *right,
			 size_t right_count);
/* "negligible", "small", "medium", "large", by 0.147, 0.33 and 0.474 (Romano and others 2006). */
const char *statistics_effect_word(double effect);

#endif
