/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: how an invariant's breach is reported, and texts with stale bytes.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/kernel/stale.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(int holds, const char *invariant)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", invariant);
	abort();
}

/* A number that depends on every byte (FNV-1a), for choices that an input shall repeat. */
static inline uint32_t fuzz_choice(const uint8_t *data, size_t size)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * 16777619U;
	return hash ^ hash >> 15;
}

/* Fills `text` with the input's front and `length` of it as content; behind that the rest of the
 * input when `stale` is 0, otherwise one of the stale patterns. */
static inline void fuzz_fill(struct fault_text *text, const uint8_t *data, size_t size,
			     size_t length, size_t stale)
{
	if (stale) {
		stale_fill(text, data, length, (stale - 1) % STALE_COUNT);
		return;
	}
	stale_fill(text, data, size, 0);
	text->length = (__u32)(length < FAULT_TEXT_MAX ? length : FAULT_TEXT_MAX);
}

#endif
