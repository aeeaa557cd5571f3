/* SPDX-License-Identifier: Apache-2.0 */
/* The time of a run laid out over the width of a chart, and the charts that stand on it. */
#ifndef CONTROLLER_REPORT_CANVAS_H
#define CONTROLLER_REPORT_CANVAS_H

#include "user/controller/chart.h"
#include "user/controller/page.h"
#include "user/controller/report_series.h"

/* What a chart is drawn with: instants stand as ns since the start of the schedule. */
struct canvas {
	const struct report *report;
	uint32_t workflow; /* UINT32_MAX: none */
	struct chart_scale time;
	FILE *out;
};

/* 0, or -ENODATA: the schedule never began. */
int canvas_make(const struct report *report, uint32_t workflow, FILE *out,
		struct canvas *ret_canvas);
/* An instant of CLOCK_BOOTTIME as ns since the start, and as a place in 0 to CHART_WIDTH. */
double canvas_offset(const struct canvas *canvas, uint64_t at);
double canvas_x(const struct canvas *canvas, uint64_t at);

/* Each prints a caption and a plot. 0 or -ENOMEM. */
int canvas_availability(const struct canvas *canvas);
int canvas_attempts(const struct canvas *canvas);
int canvas_latency(const struct canvas *canvas);
/* The labels of the time axis, below the plots. */
void canvas_times(const struct canvas *canvas);

#endif
