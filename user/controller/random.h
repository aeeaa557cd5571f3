/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers that a seed and a place determine, with no state: the schedule and the backoffs
 * of a run can be computed again from the seed in its journal.
 */
#ifndef CONTROLLER_RANDOM_H
#define CONTROLLER_RANDOM_H

#include <stdint.h>

/* What a number is drawn for, so that two uses at one place do not correlate. */
enum random_use { RANDOM_SCHEDULE = 1, RANDOM_BACKOFF = 2, RANDOM_RESAMPLE = 3, RANDOM_ORDER = 4 };

/* The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static inline uint64_t random_mix(uint64_t value)
{
	value += 0x9e3779b97f4a7c15ULL;
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
	return value ^ (value >> 31);
}

static inline uint64_t random_at(uint64_t seed, enum random_use use, uint64_t first,
				 uint64_t second, uint64_t third)
{
	uint64_t value = random_mix(seed ^ (uint64_t)use);

	value = random_mix(value ^ first);
	value = random_mix(value ^ second);
	return random_mix(value ^ third);
}

/* Uniform in [0, bound) as far as a product of 64 bits goes; 0 for a bound of 0. */
static inline uint64_t random_below(uint64_t random, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)random * bound) >> 64);
}

#endif
