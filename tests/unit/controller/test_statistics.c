/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"
#include "user/controller/random.h"
#include "user/controller/statistics.h"

#define SAID(value)                                                                                \
	{                                                                                          \
		(value), false                                                                     \
	}
#define NEVER(value)                                                                               \
	{                                                                                          \
		(value), true                                                                      \
	}

static void check_near(double value, double truth)
{
	if (!(fabs(value - truth) <= 1e-9 * (1 + fabs(truth))) && !(isnan(value) && isnan(truth)))
		fail_msg("%.17g is not %.17g", value, truth);
}

/* Uniform in (0, 1), by place. */
static double uniform(uint64_t seed, uint64_t first, uint64_t second)
{
	return ((double)(random_at(seed, RANDOM_SCHEDULE, first, second, 0) >> 11) + 0.5) /
	       9007199254740992.0;
}

static void test_median(void **state)
{
	const struct sample odd[] = {SAID(5), SAID(1), SAID(3)};
	const struct sample even[] = {SAID(4), SAID(1), SAID(3), SAID(2)};
	const struct sample few[] = {SAID(4), NEVER(9), SAID(2), SAID(3), SAID(1)};
	const struct sample half[] = {SAID(4), NEVER(9)};
	const struct sample early[] = {SAID(4), NEVER(1), SAID(2), SAID(3)};
	struct estimate estimate;

	(void)state;
	assert_int_equal(statistics_median(odd, 3, 1, &estimate), 0);
	check_near(estimate.value, 3);
	check_near(estimate.low, 1);
	check_near(estimate.high, 5);
	check_near(estimate.confidence, 0.75);
	assert_int_equal(estimate.method, INTERVAL_ORDER);
	assert_int_equal(statistics_median(even, 4, 1, &estimate), 0);
	check_near(estimate.value, 2.5);
	assert_int_equal(statistics_median(few, 5, 1, &estimate), 0);
	check_near(estimate.value, 3);
	check_near(estimate.low, 1);
	assert_true(isinf(estimate.high));
	assert_int_equal(statistics_median(half, 2, 1, &estimate), 0);
	assert_true(isinf(estimate.value));
	/* One that was not watched long enough tells nothing of later: 2, 3, 4 are left. */
	assert_int_equal(statistics_median(early, 4, 1, &estimate), 0);
	check_near(estimate.value, 3);
	assert_int_equal(statistics_median(odd, 1, 1, &estimate), 0);
	check_near(estimate.value, 5);
	assert_int_equal(estimate.method, INTERVAL_NONE);
	assert_int_equal(statistics_median(odd, 0, 1, &estimate), 0);
	assert_true(isnan(estimate.value));
}

static void test_difference(void **state)
{
	const struct sample left[] = {SAID(50), SAID(52), SAID(49), SAID(51)};
	const struct sample right[] = {SAID(12), SAID(13), SAID(11), SAID(14)};
	const struct sample never[] = {NEVER(60), NEVER(60), SAID(13), NEVER(60)};
	struct estimate estimate;

	(void)state;
	assert_int_equal(statistics_difference(left, 4, right, 4, 1, &estimate), 0);
	check_near(estimate.value, -38);
	/* All but the least and the greatest of 16 differences: 1 - 2/70. */
	check_near(estimate.low, -41);
	check_near(estimate.high, -35);
	check_near(estimate.confidence, 1 - 2.0 / 70);
	assert_int_equal(estimate.method, INTERVAL_ORDER);
	check_near(statistics_effect(left, 4, right, 4), -1);
	check_near(statistics_effect(right, 4, left, 4), 1);
	check_near(statistics_effect(left, 4, left, 4), 0);
	assert_int_equal(statistics_difference(left, 4, never, 4, 1, &estimate), 0);
	assert_true(isinf(estimate.value) && estimate.value > 0);
	check_near(statistics_effect(left, 4, never, 4), 0.5);
	assert_string_equal(statistics_effect_word(-0.146), "negligible");
	assert_string_equal(statistics_effect_word(0.147), "small");
	assert_string_equal(statistics_effect_word(-0.33), "medium");
	assert_string_equal(statistics_effect_word(0.5), "large");
}

/* Tabled critical values: of the sign test, and of Mann and Whitney's U at 0.05, two-sided. */
static void test_order_tables(void **state)
{
	static const struct {
		size_t count, low; /* the low-th and the low-th last hold the median */
		double confidence;
	} signs[] = {{5, 1, 0.9375}, {6, 1, 0.96875}, {8, 1, 0.9921875}, {9, 2, 0.9609375}};
	static const struct {
		size_t left, right, critical; /* U at or below it is significant */
	} shifts[] = {{4, 4, 0}, {5, 5, 2}, {6, 6, 5}, {7, 5, 5}, {8, 8, 13}, {9, 9, 17}};
	struct sample left[10], right[10];
	struct estimate estimate;
	double differences[100];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		left[i] = (struct sample)SAID((double)i + 1);
		right[i] = (struct sample)SAID(100 + 11 * ((double)i + 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		assert_int_equal(statistics_median(left, signs[i].count, 1, &estimate), 0);
		check_near(estimate.low, (double)signs[i].low);
		check_near(estimate.high, (double)(signs[i].count + 1 - signs[i].low));
		check_near(estimate.confidence, signs[i].confidence);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		size_t m = shifts[i].left, n = shifts[i].right, below = 0;

		assert_int_equal(statistics_difference(left, m, right, n, 1, &estimate), 0);
		for (size_t j = 0; j < m * n; j++) {
			differences[j] = right[j % n].value - left[j / n].value;
			below += differences[j] < estimate.low;
		}
		assert_int_equal(below, shifts[i].critical);
		assert_true(estimate.confidence >= 0.95);
	}
}

enum { TRIALS = 1000, RUNS_MAX = 40 };

/* A recovery after 20 s at the least, mostly soon after. */
static void draw_runs(uint64_t trial, uint64_t side, size_t count, struct sample *ret_samples)
{
	for (size_t i = 0; i < count; i++)
		ret_samples[i] = (struct sample)SAID(20 - 10 * log(uniform(trial, side, i)));
}

/* In how many of many trials the interval holds what the runs are drawn from. */
static void test_coverage(void **state)
{
	static const size_t counts[] = {10, 16};
	const double truth = 20 + 10 * M_LN2;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		unsigned int medians = 0, differences = 0;

		for (uint64_t trial = 0; trial < TRIALS; trial++) {
			struct sample left[RUNS_MAX], right[RUNS_MAX];
			struct estimate median, difference;

			draw_runs(trial + 7000 * i, 1, counts[i], left);
			draw_runs(trial + 7000 * i, 2, counts[i], right);
			for (size_t j = 0; j < counts[i]; j++)
				right[j].value -= 38;
			assert_int_equal(statistics_median(left, counts[i], trial, &median), 0);
			assert_int_equal(statistics_difference(left, counts[i], right, counts[i],
							       trial, &difference),
					 0);
			assert_int_equal(median.method, INTERVAL_BOOTSTRAP);
			medians += median.low <= truth && truth <= median.high;
			differences += difference.low <= -38 && -38 <= difference.high;
		}
		print_message(
			"%zu runs: the median is held by %.1f %%, the difference by %.1f %%\n",
			counts[i], 100.0 * medians / TRIALS, 100.0 * differences / TRIALS);
		assert_in_range(medians, TRIALS * 93 / 100, TRIALS * 97 / 100);
		assert_in_range(differences, TRIALS * 93 / 100, TRIALS * 97 / 100);
	}
}

/* The same seed gives the same interval. */
static void test_seed(void **state)
{
	struct sample runs[12];
	struct estimate first, again, other;

	(void)state;
	draw_runs(1, 1, 12, runs);
	assert_int_equal(statistics_median(runs, 12, 5, &first), 0);
	assert_int_equal(statistics_median(runs, 12, 5, &again), 0);
	assert_int_equal(statistics_median(runs, 12, 6, &other), 0);
	assert_true(first.low == again.low && first.high == again.high);
	assert_true(first.low != other.low || first.high != other.high);
	check_near(first.value, other.value);
}

enum { ROUNDS = 40 };

static size_t draw_survival(uint64_t round, struct sample *ret_samples)
{
	size_t count = 2 + (size_t)(uniform(round, 9, 0) * 30);

	/* Whole tenths, so that there are ties. */
	for (size_t i = 0; i < count; i++)
		ret_samples[i] = (struct sample){
			.value = ceil(100 * uniform(round, 10, i)) / 10,
			.censored = uniform(round, 11, i) < 0.3,
		};
	return count;
}

static void write_script(FILE *out)
{
	fputs("suppressMessages(library(survival))\nn <- function(x) cat(sprintf('%.17f\\n', x), "
	      "sep = '')\n",
	      out);
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct sample samples[RUNS_MAX];
		size_t count = draw_survival(round, samples);

		fputs("t <- c(", out);
		for (size_t i = 0; i < count; i++)
			fprintf(out, "%s%.17g", i ? "," : "", samples[i].value);
		fputs(")\nd <- c(", out);
		for (size_t i = 0; i < count; i++)
			fprintf(out, "%s%d", i ? "," : "", !samples[i].censored);
		fputs(")\nf <- survfit(Surv(t, d) ~ 1, conf.type = 'log-log')\n"
		      "for (i in seq_along(f$time)) n(c(f$time[i], f$n.risk[i], f$n.event[i], "
		      "f$surv[i], f$std.err[i] * f$surv[i], f$lower[i], f$upper[i]))\n",
		      out);
	}
	for (unsigned int total = 1; total <= 20; total++)
		for (unsigned int count = 0; count <= total; count++)
			fprintf(out,
				"n(suppressWarnings(prop.test(%u, %u, correct = "
				"FALSE)$conf.int))\n",
				count, total);
}

static double next_number(FILE *in)
{
	char line[64];
	double value;

	assert_non_null(fgets(line, sizeof(line), in));
	line[strcspn(line, "\n")] = '\0';
	/* "NA" of a number that there is not, "NaN" of one that cannot be. */
	if (strncmp(line, "Na", 2) == 0 || strncmp(line, "NA", 2) == 0)
		return NAN;
	assert_int_equal(number_parse_decimal(line, &value), 0);
	return value;
}

static void compare_curve(FILE *in, uint64_t round)
{
	struct sample samples[RUNS_MAX];
	struct survival_step steps[RUNS_MAX];
	int count = statistics_survival(samples, draw_survival(round, samples), steps);

	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		double deviation, low, high;

		check_near(steps[i].at, next_number(in));
		check_near((double)steps[i].at_risk, next_number(in));
		check_near((double)steps[i].events, next_number(in));
		check_near(steps[i].survival, next_number(in));
		deviation = next_number(in);
		low = next_number(in);
		high = next_number(in);
		check_near(steps[i].deviation, deviation);
		/* R says 1 to 1, or nothing, where there is nothing to tell. */
		if (steps[i].survival > 0 && steps[i].survival < 1) {
			check_near(steps[i].low, low);
			check_near(steps[i].high, high);
		}
	}
}

/* Kaplan and Meier's curve, Greenwood's deviation and Wilson's interval, as R has them. */
static void test_against_r(void **state)
{
	char path[] = "/tmp/faultd-statistics-XXXXXX", command[128];
	int fd;
	FILE *file;

	(void)state;
	/* Both commands are ours, whole. NOLINTNEXTLINE(cert-env33-c) */
	if (system("Rscript -e 'library(survival)' >/dev/null 2>&1") != 0) {
		print_message("SKIP: R or its package survival is not installed\n");
		skip();
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	write_script(file);
	fclose(file);
	snprintf(command, sizeof(command), "Rscript %s", path);
	file = popen(command, "r"); /* NOLINT(cert-env33-c) */
	assert_non_null(file);
	for (uint64_t round = 0; round < ROUNDS; round++)
		compare_curve(file, round);
	for (unsigned int total = 1; total <= 20; total++) {
		for (unsigned int count = 0; count <= total; count++) {
			struct proportion proportion = statistics_wilson(count, total);

			check_near(proportion.low, next_number(file));
			check_near(proportion.high, next_number(file));
		}
	}
	assert_int_equal(pclose(file), 0);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_median),	     cmocka_unit_test(test_difference),
		cmocka_unit_test(test_order_tables), cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_seed),	     cmocka_unit_test(test_against_r),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
