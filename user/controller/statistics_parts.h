/* SPDX-License-Identifier: Apache-2.0 */
/* What statistics.c and statistics_interval.c share. */
#ifndef CONTROLLER_STATISTICS_PARTS_H
#define CONTROLLER_STATISTICS_PARTS_H

#include <math.h>

#include "user/controller/statistics.h"

/* A copy by value, of equal ones the censored last; NULL without memory. Ends with free. */
struct sample *sorted_copy(const struct sample *samples, size_t count);
void sort_samples(struct sample *samples, size_t count);
/* The median of samples in that order; NAN of none, INFINITY where half of them never came. */
double median_of_sorted(const struct sample *sorted, size_t count);

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
