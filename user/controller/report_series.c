/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/report_series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/analysis_parts.h"
#include "user/controller/histogram.h"

static struct series_bin *bin_at(const struct series *series, uint64_t at)
{
	uint64_t index = since(at, series->from) / series->width_ns;

	return at >= series->from && index < series->count ? &series->bins[index] : NULL;
}

static int compare_bins(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return 0;
}

/* Successes as pairs of bin and latency, by bin. */
static size_t latencies_of(const struct history *history, uint32_t workflow,
			   const struct series *series, uint64_t (*pairs)[2])
{
	size_t count = 0;

	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];
		const struct series_bin *bin = bin_at(series, unit->intended_at);

		if (unit->workflow != workflow || unit->class != CLASS_OK || unit->observed || !bin)
			continue;
		pairs[count][0] = (uint64_t)(bin - series->bins);
		pairs[count++][1] = since(unit->ended_at, unit->intended_at);
	}
	qsort(pairs, count, sizeof(*pairs), compare_bins);
	return count;
}

static int fill_percentiles(const struct history *history, uint32_t workflow, struct series *series)
{
	_cleanup_free_ uint64_t(*pairs)[2] = calloc(history->units_count + 1, sizeof(*pairs));
	_cleanup_free_ struct histogram *histogram = calloc(1, sizeof(*histogram));
	size_t count, i = 0;

	if (!pairs || !histogram)
		return -ENOMEM;
	count = latencies_of(history, workflow, series, pairs);
	while (i < count) {
		struct series_bin *bin = &series->bins[pairs[i][0]];
		uint64_t index = pairs[i][0];

		memset(histogram, 0, sizeof(*histogram));
		for (; i < count && pairs[i][0] == index; i++)
			histogram_add(histogram, pairs[i][1]);
		bin->p50_ns = histogram_quantile(histogram, 500000);
		bin->p95_ns = histogram_quantile(histogram, 950000);
		bin->p99_ns = histogram_quantile(histogram, 990000);
	}
	return 0;
}

static void count_work(const struct history *history, uint32_t workflow, struct series *series)
{
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];
		struct series_bin *bin = bin_at(series, unit->intended_at);

		if (unit->workflow != workflow || unit->class == CLASS_CUT || !bin)
			continue;
		bin->units += unit_tries(unit);
		bin->successes += unit_successes(unit);
	}
	for (size_t i = 0; i < history->attempts_count; i++) {
		const struct attempt *attempt = &history->attempts[i];
		struct series_bin *bin = bin_at(series, attempt->started_at);

		if (attempt->workflow == workflow && bin)
			bin->attempts += attempt_tries(attempt);
	}
}

static void count_kernel(const struct history *history, struct series *series)
{
	for (size_t i = 0; i < history->buckets_count; i++) {
		struct series_bin *bin = bin_at(series, history->buckets[i].at);

		if (!bin)
			continue;
		bin->requests += history->buckets[i].requests;
		bin->hits += history->buckets[i].hits;
	}
}

int series_make(const struct history *history, uint32_t workflow, uint64_t least_ns, size_t most,
		struct series *ret_series)
{
	uint64_t length = since(history->ended_at, history->started_at);
	struct series series = {.from = history->started_at};
	int r = 0;

	if (!history->started_at || !length)
		return -ENODATA;
	series.width_ns = length / most + 1;
	if (series.width_ns < least_ns)
		series.width_ns = least_ns;
	series.count = length / series.width_ns + 1;
	series.bins = calloc(series.count, sizeof(*series.bins));
	if (!series.bins)
		return -ENOMEM;
	count_kernel(history, &series);
	if (workflow != UINT32_MAX) {
		count_work(history, workflow, &series);
		r = fill_percentiles(history, workflow, &series);
	}
	if (r < 0) {
		series_free(&series);
		return r;
	}
	*ret_series = series;
	return 0;
}

void series_free(struct series *series)
{
	free(series->bins);
	*series = (struct series){0};
}
