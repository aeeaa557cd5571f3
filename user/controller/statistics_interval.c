/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals of medians. */
#include <errno.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/controller/random.h"
#include "user/controller/statistics_parts.h"

#define TAIL ((1 - STATISTICS_CONFIDENCE) / 2)

static int compare_values(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

/* The percentiles of `values`, which it sorts. */
static void take_percentiles(double *values, size_t count, struct estimate *estimate)
{
	size_t cut = (size_t)(TAIL * (double)count);

	qsort(values, count, sizeof(*values), compare_values);
	estimate->low = values[cut];
	estimate->high = values[count - 1 - cut];
	estimate->confidence = STATISTICS_CONFIDENCE;
	estimate->method = INTERVAL_BOOTSTRAP;
}

/*
 * Resamples of a row. The median of a plain resample can only be one of few values, and its
 * intervals miss their confidence; so each draw is moved by a little noise (Silverman and Young,
 * Biometrika 74, 1987), whose width is a part of the spread over the fifth root of the number of
 * runs; the part is that with which intervals hold the truth in 95 % of trials. Censored samples
 * are drawn as they are (Efron, JASA 76, 1981).
 */
struct resampler {
	const struct sample *sorted;
	size_t count;
	double width, lowest, highest;
	struct sample *again;
};

#define SMOOTHING 0.6

/* The smaller of the standard deviation and what the quartiles would be of a normal one. */
static double spread(const struct sample *sorted, size_t count)
{
	size_t quarter = count / 4;
	double mean = 0, squares = 0, deviation, quartiles;

	if (count < 4)
		return 0;
	for (size_t i = 0; i < count; i++)
		mean += sorted[i].value / (double)count;
	for (size_t i = 0; i < count; i++)
		squares += (sorted[i].value - mean) * (sorted[i].value - mean);
	deviation = sqrt(squares / (double)(count - 1));
	quartiles = (sorted[3 * quarter].value - sorted[quarter].value) / 1.349;
	return quartiles > 0 && quartiles < deviation ? quartiles : deviation;
}

static int resampler_make(const struct sample *sorted, size_t count, struct resampler *resampler)
{
	_cleanup_free_ struct sample *reached = calloc(count + 1, sizeof(*reached));
	size_t used = 0;

	*resampler = (struct resampler){.sorted = sorted, .count = count};
	resampler->again = calloc(count + 1, sizeof(*resampler->again));
	if (!reached || !resampler->again)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (!sorted[i].censored)
			reached[used++] = sorted[i];
	resampler->width = SMOOTHING * spread(reached, used) / pow((double)count, 0.2);
	resampler->lowest = used ? reached[0].value : 0;
	resampler->highest = used ? reached[used - 1].value : 0;
	return 0;
}

static void resampler_free(struct resampler *resampler)
{
	free(resampler->again);
}

/* Uniform in (0, 1). */
static double fraction(uint64_t random)
{
	return ((double)(random >> 11) + 0.5) / 9007199254740992.0;
}

/* Box and Muller's (1958), from two numbers. */
static double normal(uint64_t first, uint64_t second)
{
	return sqrt(-2 * log(fraction(first))) * cos(2 * M_PI * fraction(second));
}

/* Noise leads to nothing that no run has shown. */
static double resample_median(struct resampler *resampler, uint64_t seed, uint64_t round)
{
	for (size_t i = 0; i < resampler->count; i++) {
		uint64_t draw = random_at(seed, RANDOM_RESAMPLE, round, i, 0);
		struct sample *sample = &resampler->again[i];

		*sample = resampler->sorted[random_below(draw, resampler->count)];
		if (sample->censored || resampler->width <= 0)
			continue;
		sample->value +=
			resampler->width * normal(random_mix(draw), random_mix(draw ^ seed));
		sample->value = fmin(fmax(sample->value, resampler->lowest), resampler->highest);
	}
	sort_samples(resampler->again, resampler->count);
	return median_of_sorted(resampler->again, resampler->count);
}

static int bootstrap_median(const struct sample *sorted, size_t count, uint64_t seed,
			    struct estimate *estimate)
{
	_cleanup_free_ double *medians = calloc(STATISTICS_RESAMPLES, sizeof(*medians));
	_cleanup_(resampler_free) struct resampler resampler = {0};
	int r = resampler_make(sorted, count, &resampler);

	if (r < 0 || !medians)
		return -ENOMEM;
	for (size_t i = 0; i < STATISTICS_RESAMPLES; i++)
		medians[i] = resample_median(&resampler, seed, i);
	take_percentiles(medians, STATISTICS_RESAMPLES, estimate);
	return 0;
}

/* What never came goes last, however long it was waited for. */
static int compare_reached(const void *left, const void *right)
{
	const struct sample *a = left, *b = right;

	if (a->censored != b->censored)
		return a->censored - b->censored;
	return a->value < b->value ? -1 : a->value > b->value;
}

/*
 * The interval from the k-th to the k-th last sample holds the median with 1 - 2 P(X < k), X
 * binomial of n and 1/2. The narrowest that reaches the confidence, or all there is.
 */
static void order_interval(struct sample *samples, size_t count, struct estimate *estimate)
{
	double term = pow(0.5, (double)count), below = 0;
	size_t k = 1;

	for (size_t i = 0; i < count / 2; i++) {
		below += term;
		if (i > 0 && 2 * below > 1 - STATISTICS_CONFIDENCE)
			break;
		k = i + 1;
		estimate->confidence = 1 - 2 * below;
		term *= (double)(count - i) / (double)(i + 1);
	}
	qsort(samples, count, sizeof(*samples), compare_reached);
	estimate->low = samples[k - 1].value;
	estimate->high = samples[count - k].censored ? INFINITY : samples[count - k].value;
	estimate->method = INTERVAL_ORDER;
}

int statistics_median(const struct sample *samples, size_t count, uint64_t seed,
		      struct estimate *ret_estimate)
{
	_cleanup_free_ struct sample *sorted = sorted_copy(samples, count);
	struct estimate estimate = {.low = -INFINITY, .high = INFINITY};
	int r = 0;

	if (!sorted)
		return -ENOMEM;
	estimate.value = median_of_sorted(sorted, count);
	if (count >= STATISTICS_BOOTSTRAP_LEAST)
		r = bootstrap_median(sorted, count, seed, &estimate);
	else if (count >= 2)
		order_interval(sorted, count, &estimate);
	if (r == 0)
		*ret_estimate = estimate;
	return r;
}
