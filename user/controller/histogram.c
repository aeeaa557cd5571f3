/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/histogram.h"

static unsigned int bucket_of(uint64_t value)
{
	unsigned int top, shift;

	if (value < (2U << HISTOGRAM_STEP_BITS))
		return (unsigned int)value;
	top = 63U - (unsigned int)__builtin_clzll(value);
	shift = top - HISTOGRAM_STEP_BITS;
	return (shift << HISTOGRAM_STEP_BITS) + (unsigned int)(value >> shift);
}

static uint64_t bucket_end(unsigned int bucket)
{
	unsigned int shift;
	uint64_t step;

	if (bucket < (2U << HISTOGRAM_STEP_BITS))
		return bucket;
	shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
	step = (bucket & ((1U << HISTOGRAM_STEP_BITS) - 1)) | (1U << HISTOGRAM_STEP_BITS);
	return (step << shift) + ((1ULL << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->counts[bucket_of(value)]++;
	histogram->total++;
	if (value > histogram->largest)
		histogram->largest = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, uint32_t ppm)
{
	/* The rank counts from 1 and is rounded up, so that 0 ppm is the smallest sample. */
	uint64_t rank = (uint64_t)(((unsigned __int128)histogram->total * ppm + 999999) / 1000000);
	uint64_t seen = 0;

	if (!histogram->total)
		return 0;
	if (!rank)
		rank = 1;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen >= rank) {
			uint64_t end = bucket_end(i);

			return end < histogram->largest ? end : histogram->largest;
		}
	}
	return histogram->largest;
}
