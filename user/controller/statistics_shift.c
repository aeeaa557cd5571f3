/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interval of the difference between two rows of runs, by the order statistics of all pairwise
 * differences. Not by resamples: the median of a resample of few runs can only be one of few
 * values, a run itself for odd numbers of runs, and such intervals hold the truth more often than
 * they say.
 */
#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/controller/statistics_parts.h"

#define TAIL ((1 - STATISTICS_CONFIDENCE) / 2)

enum {
	/* Beyond so many runs the orders are not counted: U is as good as normal. */
	COUNTED_MOST = 30,
	/* With so many runs the variance that they show counts for as much as that of a mere shift.
	 */
	SHOWN_HALF = 10,
};

/* All pairwise differences, sorted, of two rows. */
struct pairs {
	const struct sample *left, *right;
	size_t left_count, right_count;
	double *differences;
	size_t count;
};

static int compare_values(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

static int pairs_make(struct pairs *pairs)
{
	pairs->differences =
		calloc(pairs->left_count * pairs->right_count + 1, sizeof(*pairs->differences));
	if (!pairs->differences)
		return -ENOMEM;
	for (size_t i = 0; i < pairs->left_count; i++)
		for (size_t j = 0; j < pairs->right_count; j++)
			pairs->differences[pairs->count++] =
				difference_of(&pairs->left[i], &pairs->right[j]);
	qsort(pairs->differences, pairs->count, sizeof(*pairs->differences), compare_values);
	return 0;
}

static void pairs_free(struct pairs *pairs)
{
	free(pairs->differences);
}

/*
 * ret_ways[u]: in how many orders of `left` and `right` values u of all pairs have the right one
 * below, the null distribution of Mann and Whitney's U (1947). `ret_ways` has room for
 * left * right + 1.
 */
static int count_orders(size_t left, size_t right, double *ret_ways)
{
	size_t width = left * right + 1;
	_cleanup_free_ double *ways = calloc((right + 1) * width, sizeof(*ways));

	if (!ways)
		return -ENOMEM;
	for (size_t j = 0; j <= right; j++)
		ways[j * width] = 1;
	for (size_t i = 1; i <= left; i++) {
		for (size_t j = 1; j <= right; j++) {
			double *here = ways + j * width;

			/* The largest is a left one, above all j right ones, or a right one. From
			 * the end on, so that what is read is still that of i - 1. */
			for (size_t u = i * j + 1; u-- > 0;)
				here[u] = (u >= j ? here[u - j] : 0) + (here - width)[u];
		}
	}
	for (size_t u = 0; u < width; u++)
		ret_ways[u] = ways[right * width + u];
	return 0;
}

/* The variance of U where both rows differ by a shift alone. */
static double shift_variance(size_t left, size_t right)
{
	return (double)left * (double)right * (double)(left + right + 1) / 12;
}

int shift_rank(size_t left, size_t right, double *ret_rank, double *ret_confidence)
{
	size_t pairs = left * right;
	double all = 0, below = 0, before = 0, rank = 1, confidence = 1;
	_cleanup_free_ double *ways = NULL;

	if (left > COUNTED_MOST || right > COUNTED_MOST) {
		*ret_rank =
			(double)(pairs + 1) / 2 - NORMAL_975 * sqrt(shift_variance(left, right));
		*ret_confidence = STATISTICS_CONFIDENCE;
		return 0;
	}
	ways = calloc(pairs + 1, sizeof(*ways));
	if (!ways || count_orders(left, right, ways) < 0)
		return -ENOMEM;
	for (size_t u = 0; u <= pairs; u++)
		all += ways[u];
	for (size_t u = 0; u < (pairs + 1) / 2; u++) {
		before = below;
		below += ways[u] / all;
		if (u > 0 && below > TAIL) {
			rank = (double)u + (TAIL - before) / (below - before);
			break;
		}
		rank = (double)u + 1;
		confidence = 1 - 2 * below;
	}
	*ret_rank = rank;
	*ret_confidence = confidence;
	return 0;
}

/* How many of `others` lie below `sample` once that is moved by `shift`, a tie for half. */
static double placement(const struct sample *sample, double shift, const struct sample *others,
			size_t count)
{
	const struct sample moved = {sample->value + shift, sample->censored};
	double below = 0;

	for (size_t i = 0; i < count; i++) {
		double difference = difference_of(&others[i], &moved);

		below += difference > 0 ? 1 : difference < 0 ? 0 : 0.5;
	}
	return below;
}

/* The variance of the placements of `samples` among `others`. */
static double placement_variance(const struct sample *samples, size_t count, double shift,
				 const struct sample *others, size_t others_count)
{
	double mean = 0, squares = 0;

	for (size_t i = 0; i < count; i++)
		mean += placement(&samples[i], shift, others, others_count) / (double)count;
	for (size_t i = 0; i < count; i++)
		squares += pow(placement(&samples[i], shift, others, others_count) - mean, 2);
	return squares / (double)(count - 1);
}

/*
 * How much wider than for a mere shift the interval must be. Where one row is spread more than the
 * other, U varies more than that, or less; the placements of the rows tell how much, once the shift
 * between them is taken out (Brunner and Munzel, Biometrical Journal 42, 2000). Of a mere shift
 * they show left * right * (left + right + 2) / 12 in the mean. Few runs tell it badly, so that the
 * mean of both variances is taken, weighted by the number of runs.
 */
static double widening(const struct pairs *pairs)
{
	double left = (double)pairs->left_count, right = (double)pairs->right_count;
	double weight = fmin(left, right) / (fmin(left, right) + SHOWN_HALF), shown;
	double shift = (pairs->differences[(pairs->count - 1) / 2] +
			pairs->differences[pairs->count / 2]) /
		       2;

	if (!isfinite(shift))
		return 1;
	shown = left * placement_variance(pairs->left, pairs->left_count, shift, pairs->right,
					  pairs->right_count) +
		right * placement_variance(pairs->right, pairs->right_count, -shift, pairs->left,
					   pairs->left_count);
	return sqrt(1 - weight + weight * shown / (left * right * (left + right + 2) / 12));
}

/* Part of the way from one difference to the next one inside; there is none from or to never. */
static double between(double outer, double inner, double part)
{
	return isfinite(outer) && isfinite(inner) ? outer + part * (inner - outer) : outer;
}

/* The interval from the `rank`-th to the `rank`-th last difference. */
static void take_ranks(const struct pairs *pairs, double rank, struct estimate *estimate)
{
	size_t whole = rank < 1 ? 1 : (size_t)rank;
	double part = rank < 1 ? 0 : rank - (double)whole;
	const double *low = pairs->differences + whole - 1;
	const double *high = pairs->differences + pairs->count - whole;

	estimate->low = between(low[0], low[1], part);
	estimate->high = between(high[0], high[-1], part);
}

static int shift_interval(struct pairs *pairs, struct estimate *estimate)
{
	double middle, rank;
	int r = pairs_make(pairs);

	if (r < 0)
		return r;
	middle = (double)(pairs->count + 1) / 2;
	r = shift_rank(pairs->left_count, pairs->right_count, &rank, &estimate->confidence);
	if (r < 0)
		return r;
	estimate->method = INTERVAL_ORDER;
	if (pairs->left_count < STATISTICS_SHIFT_LEAST ||
	    pairs->right_count < STATISTICS_SHIFT_LEAST) {
		take_ranks(pairs, floor(rank), estimate);
		return 0;
	}
	estimate->confidence = STATISTICS_CONFIDENCE;
	take_ranks(pairs, middle - widening(pairs) * (middle - rank), estimate);
	return 0;
}

/* Difference of two medians of which either may be infinite. */
static double median_difference(double left, double right)
{
	return isinf(left) && isinf(right) ? 0 : right - left;
}

int statistics_difference(const struct sample *left, size_t left_count, const struct sample *right,
			  size_t right_count, struct estimate *ret_estimate)
{
	_cleanup_free_ struct sample *first = sorted_copy(left, left_count);
	_cleanup_free_ struct sample *second = sorted_copy(right, right_count);
	_cleanup_(pairs_free) struct pairs pairs = {
		.left = left,
		.right = right,
		.left_count = left_count,
		.right_count = right_count,
	};
	struct estimate estimate = {.value = NAN, .low = -INFINITY, .high = INFINITY};
	int r = 0;

	if (!first || !second)
		return -ENOMEM;
	if (left_count && right_count)
		estimate.value = median_difference(median_of_sorted(first, left_count),
						   median_of_sorted(second, right_count));
	if (left_count && right_count && left_count + right_count > 2)
		r = shift_interval(&pairs, &estimate);
	/* Rows of different shapes may have medians that are further apart than they are shifted.
	 */
	estimate.low = fmin(estimate.low, estimate.value);
	estimate.high = fmax(estimate.high, estimate.value);
	if (r == 0)
		*ret_estimate = estimate;
	return r;
}
