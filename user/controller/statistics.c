/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/statistics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/controller/statistics_parts.h"

static const char *const method_names[] = {
	[INTERVAL_NONE] = "none",
	[INTERVAL_ORDER] = "order",
	[INTERVAL_BOOTSTRAP] = "bootstrap",
};
_Static_assert(ARRAY_SIZE(method_names) == INTERVAL_COUNT, "a method has no name");

const char *interval_method_name(unsigned int method)
{
	return method < INTERVAL_COUNT ? method_names[method] : NULL;
}

struct proportion statistics_wilson(uint64_t count, uint64_t total)
{
	struct proportion proportion = {.count = count, .total = total, .high = 1};
	double n = (double)total, z2 = NORMAL_975 * NORMAL_975, share, middle, half;

	if (!total)
		return proportion;
	share = (double)count / n;
	middle = (share + z2 / (2 * n)) / (1 + z2 / n);
	half = NORMAL_975 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n));
	/* At the ends the formula gives 0 and 1 but for rounding. */
	proportion.low = count ? middle - half : 0;
	proportion.high = count < total ? middle + half : 1;
	return proportion;
}

/* By value; of equal ones what happened comes before what was no longer seen. */
static int compare_samples(const void *left, const void *right)
{
	const struct sample *a = left, *b = right;

	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	return a->censored - b->censored;
}

static struct survival_step step_after(const struct survival_step *before, double *ratios,
				       double at, uint64_t at_risk, uint64_t events)
{
	struct survival_step step = {.at = at, .at_risk = at_risk, .events = events};
	double n = (double)at_risk, d = (double)events, half;

	step.survival = (before ? before->survival : 1) * (1 - d / n);
	*ratios += at_risk > events ? d / (n * (n - d)) : 0;
	step.deviation = step.survival * sqrt(*ratios);
	step.low = step.high = NAN;
	if (at_risk == events)
		step.deviation = NAN;
	else if (step.survival < 1) {
		half = NORMAL_975 * sqrt(*ratios) / log(step.survival);
		step.low = pow(step.survival, exp(-half));
		step.high = pow(step.survival, exp(half));
	}
	return step;
}

int statistics_survival(const struct sample *samples, size_t count, struct survival_step *ret_steps)
{
	_cleanup_free_ struct sample *sorted = sorted_copy(samples, count);
	double ratios = 0;
	int steps = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0, next; i < count; i = next) {
		uint64_t events = 0;

		for (next = i; next < count && sorted[next].value == sorted[i].value; next++)
			events += !sorted[next].censored;
		ret_steps[steps] = step_after(steps ? &ret_steps[steps - 1] : NULL, &ratios,
					      sorted[i].value, count - i, events);
		steps++;
	}
	return steps;
}

struct sample *sorted_copy(const struct sample *samples, size_t count)
{
	struct sample *sorted = calloc(count + 1, sizeof(*sorted));

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < count; i++)
		sorted[i] = samples[i];
	sort_samples(sorted, count);
	return sorted;
}

void sort_samples(struct sample *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), compare_samples);
}

/*
 * Where the curve passes one half: the middle of the flat piece where it lies on it. The counts are
 * kept as they are, so that it is one half exactly when it should be.
 */
double median_of_sorted(const struct sample *sorted, size_t count)
{
	double survival = 1, flat = -1;

	if (!count)
		return NAN;
	for (size_t i = 0, next; i < count; i = next) {
		size_t events = 0;

		for (next = i; next < count && sorted[next].value == sorted[i].value; next++)
			events += !sorted[next].censored;
		if (!events)
			continue;
		if (flat >= 0)
			return (flat + sorted[i].value) / 2;
		survival *= (double)(count - i - events) / (double)(count - i);
		if (fabs(survival - 0.5) < 1e-12)
			flat = sorted[i].value;
		else if (survival < 0.5)
			return sorted[i].value;
	}
	return INFINITY;
}

double statistics_effect(const struct sample *left, size_t left_count, const struct sample *right,
			 size_t right_count)
{
	double balance = 0;

	for (size_t i = 0; i < left_count; i++) {
		for (size_t j = 0; j < right_count; j++) {
			double difference = difference_of(&left[i], &right[j]);

			balance += (difference > 0) - (difference < 0);
		}
	}
	return left_count && right_count ? balance / (double)left_count / (double)right_count : 0;
}

const char *statistics_effect_word(double effect)
{
	static const struct {
		double below;
		const char *word;
	} words[] = {{0.147, "negligible"}, {0.33, "small"}, {0.474, "medium"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (fabs(effect) < words[i].below)
			return words[i].word;
	return "large";
}
