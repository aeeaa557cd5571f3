/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"
#include "user/controller/random.h"
#include "user/controller/statistics_parts.h"

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

static void check_close(double value, double truth, double within)
{
	if (!(fabs(value - truth) <= within))
		fail_msg("%.17g is not within %g of %.17g", value, within, truth);
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
	assert_int_equal(statistics_difference(left, 4, right, 4, &estimate), 0);
	check_near(estimate.value, -38);
	/* All but the least and the greatest of 16 differences: 1 - 2/70. */
	check_near(estimate.low, -41);
	check_near(estimate.high, -35);
	check_near(estimate.confidence, 1 - 2.0 / 70);
	assert_int_equal(estimate.method, INTERVAL_ORDER);
	check_near(statistics_effect(left, 4, right, 4), -1);
	check_near(statistics_effect(right, 4, left, 4), 1);
	check_near(statistics_effect(left, 4, left, 4), 0);
	assert_int_equal(statistics_difference(left, 4, never, 4, &estimate), 0);
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
	struct sample left[10];
	struct estimate estimate;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		left[i] = (struct sample)SAID((double)i + 1);
	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		assert_int_equal(statistics_median(left, signs[i].count, 1, &estimate), 0);
		check_near(estimate.low, (double)signs[i].low);
		check_near(estimate.high, (double)(signs[i].count + 1 - signs[i].low));
		check_near(estimate.confidence, signs[i].confidence);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
		double rank, confidence;

		assert_int_equal(shift_rank(shifts[i].left, shifts[i].right, &rank, &confidence),
				 0);
		assert_int_equal((size_t)rank, shifts[i].critical + 1);
		assert_true(confidence >= 0.95);
	}
}

/* As many orders as are counted and as are not give ranks that are next to each other. */
static void test_many_runs(void **state)
{
	double counted, normal, confidence;

	(void)state;
	assert_int_equal(shift_rank(30, 30, &counted, &confidence), 0);
	assert_int_equal(shift_rank(30, 31, &normal, &confidence), 0);
	/* By one more run the middle moves up by 15 and the reach grows by the root of 31 * 62 / 61
	 * / 30, that of the variances, of 132.5. */
	check_close(normal - counted, 15 - 132.5 * (sqrt(31.0 * 62 / 61 / 30) - 1), 0.5);
	check_near(confidence, 0.95);
}

enum { TRIALS = 2000, RUNS_MAX = 40 };

/* A recovery after 20 s at the least, mostly soon after: 10 s is the mean of what comes on top. */
static void draw_runs(uint64_t trial, uint64_t side, size_t count, double scale,
		      struct sample *ret_samples)
{
	for (size_t i = 0; i < count; i++)
		ret_samples[i] =
			(struct sample)SAID(20 - 10 * scale * log(uniform(trial, side, i)));
}

static void check_coverage(unsigned int held, unsigned int trials, unsigned int least_percent)
{
	assert_in_range(held, trials * least_percent / 100, trials * 97 / 100);
}

/* In how many of many trials the interval holds what the runs are drawn from. */
static void test_median_coverage(void **state)
{
	static const size_t counts[] = {10, 17};
	const double truth = 20 + 10 * M_LN2;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		unsigned int held = 0;

		for (uint64_t trial = 0; trial < TRIALS / 2; trial++) {
			struct sample runs[RUNS_MAX];
			struct estimate median;

			draw_runs(trial + 7000 * i, 1, counts[i], 1, runs);
			assert_int_equal(statistics_median(runs, counts[i], trial, &median), 0);
			assert_int_equal(median.method, INTERVAL_BOOTSTRAP);
			held += median.low <= truth && truth <= median.high;
		}
		print_message("%zu runs: the median is held in %.1f %%\n", counts[i],
			      200.0 * held / TRIALS);
		check_coverage(held, TRIALS / 2, 93);
	}
}

/* The same of the difference of two medians; the right runs are spread `scale` times as much. */
static unsigned int difference_held(size_t left_count, size_t right_count, double scale,
				    unsigned int trials)
{
	const double truth = 10 * (scale - 1) * M_LN2;
	unsigned int held = 0;

	for (uint64_t trial = 0; trial < trials; trial++) {
		struct sample left[RUNS_MAX], right[RUNS_MAX];
		struct estimate difference;

		draw_runs(trial + 7000 * left_count, 3, left_count, 1, left);
		draw_runs(trial + 7000 * right_count, 4, right_count, scale, right);
		assert_int_equal(
			statistics_difference(left, left_count, right, right_count, &difference),
			0);
		check_near(difference.confidence, 0.95);
		held += difference.low <= truth && truth <= difference.high;
	}
	return held;
}

static void test_difference_coverage(void **state)
{
	(void)state;
	for (size_t count = STATISTICS_SHIFT_LEAST; count <= 20; count++) {
		unsigned int alike = difference_held(count, count, 1, TRIALS);
		unsigned int spread = difference_held(count, count, 2, TRIALS);
		unsigned int uneven = difference_held(count, 25 - count, 1, TRIALS / 2);

		print_message("%zu and %zu runs: the difference is held in %.1f %%, with twice the "
			      "spread in %.1f %%; %zu and %zu: %.1f %%\n",
			      count, count, 100.0 * alike / TRIALS, 100.0 * spread / TRIALS, count,
			      25 - count, 200.0 * uneven / TRIALS);
		check_coverage(alike, TRIALS, 93);
		/* No order statistics are exact for what is more than a shift. */
		check_coverage(spread, TRIALS, 92);
		check_coverage(uneven, TRIALS / 2, 93);
	}
}

/* Ten runs of which one never came: the interval is open above, and no number is made up. */
static void test_censored_difference(void **state)
{
	struct sample left[10], right[10];
	struct estimate estimate;

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		left[i] = (struct sample)SAID(10 + (double)i);
		right[i] = (struct sample)SAID(30 + 2 * (double)i);
	}
	for (size_t i = 5; i < 10; i++)
		right[i].censored = true;
	assert_int_equal(statistics_difference(left, 10, right, 10, &estimate), 0);
	assert_true(isinf(estimate.value) && estimate.value > 0);
	assert_true(isinf(estimate.high) && estimate.high > 0);
	assert_true(isfinite(estimate.low) && estimate.low > 10);
	for (size_t i = 0; i < 10; i++)
		left[i].censored = true;
	assert_int_equal(statistics_difference(left, 10, left, 10, &estimate), 0);
	check_near(estimate.value, 0);
	check_near(estimate.low, 0);
	check_near(estimate.high, 0);
}

/* The same seed gives the same interval. */
static void test_seed(void **state)
{
	struct sample runs[12];
	struct estimate first, again, other;

	(void)state;
	draw_runs(1, 1, 12, 1, runs);
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
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_order_tables),
		cmocka_unit_test(test_many_runs),
		cmocka_unit_test(test_median_coverage),
		cmocka_unit_test(test_difference_coverage),
		cmocka_unit_test(test_censored_difference),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_against_r),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
