/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of durations in the HDR layout (Tene): exact below 256, then 128 linear steps per
 * power of two, so that a quantile is at most 1/128 above the true value. 64-bit range.
 */
#ifndef CONTROLLER_HISTOGRAM_H
#define CONTROLLER_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_STEP_BITS = 7,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

struct histogram {
	uint64_t total;
	uint64_t largest;
	uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/*
 * The value at or below which `ppm` parts per million of the samples lie: the upper end of their
 * bucket, never above the largest sample. 0 when there are none.
 */
uint64_t histogram_quantile(const struct histogram *histogram, uint32_t ppm);

#endif
