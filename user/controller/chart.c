/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/chart.h"

#include <math.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

double chart_place(const struct chart_scale *scale, double value)
{
	double share;

	if (scale->logarithmic)
		share = value <= scale->from
				? 0
				: log(value / scale->from) / log(scale->until / scale->from);
	else
		share = (value - scale->from) / (scale->until - scale->from);
	return scale->range * (share < 0 ? 0 : share > 1 ? 1 : share);
}

double chart_percent(const struct chart_scale *scale, double value)
{
	return 100 * chart_place(scale, value) / scale->range;
}

double chart_round_up(double value)
{
	double power = pow(10, floor(log10(value)));

	/* A hair of slack: 0.1 is not a tenth of 1 in binary. */
	for (int i = 0; i < 3; i++) {
		static const double steps[] = {1, 2, 5};

		if (value <= steps[i] * power * (1 + 1e-9))
			return steps[i] * power;
	}
	return 10 * power;
}

size_t chart_ticks(double until, size_t most, double ret_ticks[CHART_TICKS_MAX])
{
	double step = chart_round_up(until / (double)most);
	size_t count = 0;

	while (count < CHART_TICKS_MAX && (double)count * step <= until * (1 + 1e-9)) {
		ret_ticks[count] = (double)count * step;
		count++;
	}
	return count;
}

/* Those of 1, 2 and 5 times a power of ten, or with `every` above 1 only of its n-th powers. */
static size_t ticks_log(double from, double until, int every, bool between,
			double ret_ticks[CHART_TICKS_MAX])
{
	static const double steps[] = {1, 2, 5};
	int first = (int)floor(log10(from)), last = (int)floor(log10(until) + 1e-9);
	size_t count = 0;

	for (int i = first; i <= last; i++)
		for (size_t j = 0; j < (between ? ARRAY_SIZE(steps) : 1); j++) {
			double tick = steps[j] * pow(10, i);

			if (tick < from * (1 - 1e-9) || tick > until * (1 + 1e-9) ||
			    i % every != 0 || count == CHART_TICKS_MAX)
				continue;
			ret_ticks[count++] = tick;
		}
	return count;
}

size_t chart_ticks_log(double from, double until, size_t most, double ret_ticks[CHART_TICKS_MAX])
{
	size_t count = ticks_log(from, until, 1, false, ret_ticks);

	if (count < 2)
		return ticks_log(from, until, 1, true, ret_ticks);
	for (int every = 2; count > most; every++)
		count = ticks_log(from, until, every, false, ret_ticks);
	return count;
}

size_t chart_ticks_time(uint64_t length_ns, size_t most, uint64_t ret_ticks[CHART_TICKS_MAX])
{
	static const uint64_t seconds[] = {1,	  2,	 5,	10,    15,    30,   60,
					   120,	  300,	 600,	900,   1800,  3600, 7200,
					   10800, 21600, 43200, 86400, 172800};
	uint64_t step = 0;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		step = seconds[i] * NS_PER_S;
		if (length_ns / step <= most)
			break;
	}
	while (count < CHART_TICKS_MAX && count * step <= length_ns) {
		ret_ticks[count] = count * step;
		count++;
	}
	return count;
}

void chart_path_to(struct chart_path *path, double x, double y)
{
	fprintf(path->out, "%c%.1f %.1f", path->begun ? 'L' : 'M', x, y);
	if (!path->begun)
		path->first_x = x;
	path->begun = true;
	path->x = x;
	path->y = y;
}

void chart_path_step(struct chart_path *path, double x, double y)
{
	if (path->begun)
		chart_path_to(path, x, path->y);
	chart_path_to(path, x, y);
}

void chart_path_gap(struct chart_path *path)
{
	path->begun = false;
}

void chart_path_close(struct chart_path *path, double floor)
{
	if (path->begun)
		fprintf(path->out, "L%.1f %.1fL%.1f %.1fZ", path->x, floor, path->first_x, floor);
	path->begun = false;
}

size_t chart_lanes(const double *percents, size_t count, double least, size_t *ret_lanes)
{
	size_t lanes = 0;

	for (size_t i = 0; i < count; i++) {
		size_t lane = 0;

		/* What stands in the lane last decides, for the marks rise. */
		for (size_t j = i; j > 0; j--)
			if (ret_lanes[j - 1] == lane && percents[i] - percents[j - 1] < least) {
				lane++;
				j = i + 1;
			}
		ret_lanes[i] = lane;
		if (lane + 1 > lanes)
			lanes = lane + 1;
	}
	return lanes;
}
