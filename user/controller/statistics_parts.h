/* SPDX-License-Identifier: Apache-2.0 */
/* What statistics.c, statistics_interval.c and statistics_shift.c share. */
#ifndef CONTROLLER_STATISTICS_PARTS_H
#define CONTROLLER_STATISTICS_PARTS_H

#include <math.h>

#include "user/controller/statistics.h"

/* The 97.5th percentile of the standard normal distribution. */
#define NORMAL_975 1.959963984540054

/* A copy by value, of equal ones the censored last; NULL without memory. Ends with free. */
struct sample *sorted_copy(const struct sample *samples, size_t count);
void sort_samples(struct sample *samples, size_t count);
/* The median of samples in that order; NAN of none, INFINITY where half of them never came. */
double median_of_sorted(const struct sample *sorted, size_t count);

/*
 * From the k-th to the k-th last of all pairwise differences lies a shift of `right` against `left`
 * with 1 - 2 P(U < k), U that of Mann and Whitney (1947; Moses 1965). The largest k with at least
 * STATISTICS_CONFIDENCE, and the part of the way to the next that leaves just as much; where even
 * k = 1 has less it is 1. Beside it the confidence of the whole k. 0 or -ENOMEM.
 */
int shift_rank(size_t left, size_t right, double *ret_rank, double *ret_confidence);

/* right - left; what never came is infinitely late, and two of those are equal. */
static inline double difference_of(const struct sample *left, const struct sample *right)
{
	if (left->censored && right->censored)
		return 0;
	if (left->censored)
		return -INFINITY;
	return right->censored ? INFINITY : right->value - left->value;
}

#endif
