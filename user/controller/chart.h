/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a chart: scales, ticks and the paths of SVG. A plot is CHART_WIDTH by CHART_HEIGHT
 * units, which the page stretches to whatever room there is; text is set beside it and never
 * stretched. Knows nothing of runs.
 */
#ifndef CONTROLLER_CHART_H
#define CONTROLLER_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CHART_WIDTH  1000.0
#define CHART_HEIGHT 100.0

/* Where values stand: `from` at 0, `until` at `range`. `until` is above `from`; both are above 0
 * where the scale is logarithmic. */
struct chart_scale {
	double from, until;
	double range;
	bool logarithmic;
};

/* The place of `value`, held within 0 and `range`. */
double chart_place(const struct chart_scale *scale, double value);
/* The same as a share of the range in per cent, for what stands beside the plot. */
double chart_percent(const struct chart_scale *scale, double value);

#define CHART_TICKS_MAX 16
/*
 * Round values (1, 2 or 5 times a power of ten) within [0, until], at most `most` steps of them and
 * 0 first. Returns their number.
 */
size_t chart_ticks(double until, size_t most, double ret_ticks[CHART_TICKS_MAX]);
/* Powers of ten within [from, until]: every n-th when there are more than `most`, and when there is
 * one or none 2 and 5 times them as well. */
size_t chart_ticks_log(double from, double until, size_t most, double ret_ticks[CHART_TICKS_MAX]);
/* Round durations (1, 2, 5, 10, 15, 30 s, minutes, hours) within [0, length], in ns, 0 first. */
size_t chart_ticks_time(uint64_t length_ns, size_t most, uint64_t ret_ticks[CHART_TICKS_MAX]);

/* Whatever is next higher of 1, 2 and 5 times a power of ten. `value` is above 0. */
double chart_round_up(double value);

/* The data of a path, point by point; a gap begins a new line. */
struct chart_path {
	FILE *out;
	bool begun;	/* a point has been written since the last gap */
	double x, y;	/* the last one */
	double first_x; /* of the line */
};
void chart_path_to(struct chart_path *path, double x, double y);
/* To `x` at the height of before, then to `y`: the value held until then. */
void chart_path_step(struct chart_path *path, double x, double y);
void chart_path_gap(struct chart_path *path);
/* Closes the line into an area that ends at the height `floor`. */
void chart_path_close(struct chart_path *path, double floor);

/*
 * Lanes for marks at `percents` (rising, per cent of the width) such that no two in a lane are
 * nearer than `least` per cent: the lowest that is free. Returns how many lanes there are.
 */
size_t chart_lanes(const double *percents, size_t count, double least, size_t *ret_lanes);

#endif
