/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison in plain sentences. */
#include <math.h>
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/controller/compare.h"

enum { AMOUNT_SIZE = 32 };

/* How each figure is told: `lead`, the amount, and `less` or `more`. */
static const struct {
	const char *lead, *less, *more, *noun;
} phrases[] = {
	[COMPARED_RECOVER] = {"B recovers ", " sooner", " later", "time to recover"},
	[COMPARED_OUTAGE] = {"B's outage is ", " shorter", " longer", "outage"},
	[COMPARED_DETECT] = {"B's outage is noticed ", " sooner", " later", "time to detect"},
	[COMPARED_FIRST_SUCCESS] = {"B succeeds first ", " sooner", " later",
				    "time to first success"},
	[COMPARED_STEADY] = {"B is steady ", " sooner", " later", "time to steady"},
	[COMPARED_DRAIN] = {"B's backlog is gone ", " sooner", " later", "time to drain"},
	[COMPARED_AVAILABILITY] = {"B's availability is ", " lower", " higher", "availability"},
	[COMPARED_AMPLIFICATION] = {"B makes ", " attempts per unit fewer",
				    " attempts per unit more", "amplification"},
	[COMPARED_SURGE] = {"B's surge ratio is ", " lower", " higher", "surge ratio"},
	[COMPARED_GOODPUT_LOST] = {"B loses ", " fewer", " more", "goodput lost"},
};
_Static_assert(ARRAY_SIZE(phrases) == COMPARED_COUNT, "a figure has no phrase");

static const struct {
	double scale;
	const char *unit;
} units[] = {
	[COMPARED_SECONDS] = {1, " s"},
	[COMPARED_SHARE] = {100, " points"},
	[COMPARED_RATIO] = {1, ""},
	[COMPARED_UNITS] = {1, " units"},
};

/* As many digits after the point as it takes to tell the ends of the interval apart, or as the
 * value itself deserves. */
static int digits(double value, double width)
{
	static const double steps[] = {5, 0.5, 0.05};
	double size = isfinite(width) && width > 0 ? width : fabs(value) / 2;
	int count = 0;

	while (count < (int)ARRAY_SIZE(steps) && size < steps[count])
		count++;
	return count;
}

static void put_amount(char text[AMOUNT_SIZE], double value, int precision)
{
	if (isinf(value))
		snprintf(text, AMOUNT_SIZE, "%s", value < 0 ? "less than any" : "more than any");
	else
		snprintf(text, AMOUNT_SIZE, "%.*f", precision, value);
}

/* ", 95 % interval 31 to 44 s"; an open end reads "more than 31 s". */
static void put_interval(const struct estimate *difference, double sign, double scale,
			 const char *unit, int precision, char *text, size_t size)
{
	double ends[2] = {sign * scale * difference->low, sign * scale * difference->high};
	double low = fmin(ends[0], ends[1]), high = fmax(ends[0], ends[1]);
	char first[AMOUNT_SIZE], last[AMOUNT_SIZE];

	put_amount(first, low, precision);
	put_amount(last, high, precision);
	if (difference->method == INTERVAL_NONE)
		snprintf(text, size, ", one run of each");
	else if (isinf(low) && isinf(high))
		snprintf(text, size, ", the %.3g %% interval is open on both sides",
			 100 * difference->confidence);
	else if (isinf(low) || isinf(high))
		snprintf(text, size, ", %.3g %% interval %s than %s%s",
			 100 * difference->confidence, isinf(low) ? "less" : "more",
			 isinf(low) ? last : first, unit);
	else
		snprintf(text, size, ", %.3g %% interval %s to %s%s", 100 * difference->confidence,
			 first, last, unit);
}

/* One of the two never comes in half of its runs or more. */
static void say_never(const struct compared_workflow *workflow, enum compared_figure figure,
		      char *text, size_t size)
{
	const struct compared *compared = &workflow->figures[figure];
	const struct proportion *sides = workflow->recovered;

	snprintf(
		text, size,
		"%s: A %s and B %s in half of the runs or more; recovered: A %llu of %llu (%.0f to "
		"%.0f %%), B %llu of %llu (%.0f to %.0f %%)",
		phrases[figure].noun, isinf(compared->medians[0].value) ? "never ends" : "ends",
		isinf(compared->medians[1].value) ? "never ends" : "ends",
		(unsigned long long)sides[0].count, (unsigned long long)sides[0].total,
		100 * sides[0].low, 100 * sides[0].high, (unsigned long long)sides[1].count,
		(unsigned long long)sides[1].total, 100 * sides[1].low, 100 * sides[1].high);
}

void compare_sentence(const struct compared_workflow *workflow, enum compared_figure figure,
		      char *ret_text, size_t size)
{
	const struct compared *compared = &workflow->figures[figure];
	double value = compared->difference.value, sign = value < 0 ? -1 : 1;
	double scale = units[compared_unit_of(figure)].scale;
	const char *unit = units[compared_unit_of(figure)].unit;
	double width = compared->difference.high - compared->difference.low;
	int precision = digits(scale * value, scale * width);
	char interval[128], amount[AMOUNT_SIZE];

	if (isnan(value)) {
		snprintf(ret_text, size, "%s: not measured on both sides", phrases[figure].noun);
		return;
	}
	if (isinf(compared->medians[0].value) || isinf(compared->medians[1].value)) {
		say_never(workflow, figure, ret_text, size);
		return;
	}
	/* What the interval does not tell apart is told with its sign. */
	if (compared->better < 0)
		sign = 1;
	put_amount(amount, sign * scale * value, precision);
	put_interval(&compared->difference, sign, scale, unit, precision, interval,
		     sizeof(interval));
	if (compared->better < 0)
		snprintf(ret_text, size, "%s: %s; B - A is %s%s%s", phrases[figure].noun,
			 compared->difference.confidence < COMPARE_CONFIDENCE - 1e-9
				 ? "too few runs to tell"
				 : "no difference is shown",
			 amount, unit, interval);
	else
		snprintf(ret_text, size, "%s%s%s%s%s", phrases[figure].lead, amount, unit,
			 value < 0 ? phrases[figure].less : phrases[figure].more, interval);
}

void compare_few_runs(const struct compared *compared, char *ret_text, size_t size)
{
	const struct estimate *difference = &compared->difference;

	*ret_text = '\0';
	if (!isnan(difference->value) && difference->method != INTERVAL_NONE &&
	    difference->confidence != STATISTICS_CONFIDENCE)
		snprintf(ret_text, size,
			 "with fewer than %d runs of a side intervals of B - A have steps of "
			 "confidence: here %.3g %% and not %.3g %%",
			 STATISTICS_SHIFT_LEAST, 100 * difference->confidence,
			 100 * STATISTICS_CONFIDENCE);
}

static void conclude_alone(struct comparison *comparison)
{
	const struct proportion *passed = &comparison->variants[0].passed;

	snprintf(comparison->conclusion, sizeof(comparison->conclusion),
		 "%llu of %llu runs passed, 95 %% interval %.0f to %.0f %%",
		 (unsigned long long)passed->count, (unsigned long long)passed->total,
		 100 * passed->low, 100 * passed->high);
}

void compare_conclude(struct comparison *comparison)
{
	const struct compared_workflow *telling = NULL;
	const struct compared *best;
	bool agree = true;

	comparison->better = -1;
	if (comparison->variants_count < COMPARE_VARIANTS_MAX) {
		conclude_alone(comparison);
		return;
	}
	for (size_t i = 0; i < comparison->workflows_count; i++) {
		const struct compared_workflow *workflow = &comparison->workflows[i];
		const struct compared *compared = &workflow->figures[workflow->headline];

		if (compared->better < 0)
			continue;
		if (telling && telling->figures[telling->headline].better != compared->better)
			agree = false;
		if (!telling || fabs(compared->difference.value) >
					fabs(telling->figures[telling->headline].difference.value))
			telling = workflow;
	}
	if (!telling) {
		snprintf(comparison->conclusion, sizeof(comparison->conclusion),
			 "neither is shown to be better");
		return;
	}
	best = &telling->figures[telling->headline];
	if (agree)
		comparison->better = best->better;
	snprintf(comparison->conclusion, sizeof(comparison->conclusion), "%s: %s: %s",
		 !agree		? "neither is better for every workflow"
		 : best->better ? "B is better"
				: "A is better",
		 telling->name, best->sentence);
}
