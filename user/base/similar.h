/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the closest of some known words to one that is unknown. */
#ifndef BASE_SIMILAR_H
#define BASE_SIMILAR_H

#include <stddef.h>

/*
 * How many edits (a character inserted, removed, replaced, or two neighbours swapped) lead from
 * one word to the other. Words above 64 bytes count as entirely different: SIZE_MAX.
 */
size_t similar_distance(const char *a, const char *b);

/*
 * Keeps the better of `best` (NULL: none yet) and `candidate` as an answer to `word`. NULL while
 * nothing is close: one edit per three characters of `word`, at least one.
 */
const char *similar_better(const char *word, const char *best, const char *candidate);

#endif
