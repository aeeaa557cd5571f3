/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/similar.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 64

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment; three rows are enough, as a swap looks two rows back. */
size_t similar_distance(const char *a, const char *b)
{
	size_t a_length = strlen(a), b_length = strlen(b);
	size_t rows[3][WORD_MAX + 1];

	if (a_length > WORD_MAX || b_length > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = smaller(best, above[j] + 1);
			best = smaller(best, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = smaller(best, two_above[j - 2] + 1);
			row[j] = best;
		}
	}
	return rows[a_length % 3][b_length];
}

const char *similar_better(const char *word, const char *best, const char *candidate)
{
	size_t allowed = strlen(word) / 3 > 1 ? strlen(word) / 3 : 1;
	size_t distance = similar_distance(word, candidate);

	if (distance > allowed)
		return best;
	if (best && similar_distance(word, best) <= distance)
		return best;
	return candidate;
}
