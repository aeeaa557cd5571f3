/* SPDX-License-Identifier: Apache-2.0 */
/* The charts of the HTML report: what chart.c knows of scales and paths, put round a run. */
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/base/number.h"
#include "user/controller/report_canvas.h"
#include "user/controller/report_series.h"

enum {
	TIME_TICKS = 6, /* more would touch each other on a phone */
	VALUE_TICKS = 4,
	BINS_MOST = 120,  /* of shares and percentiles */
	RATES_MOST = 150, /* of rates */
};
/* A share of 1 stands a little below the top, or half of its line would be cut off. */
#define SHARE_TOP 1.04

double canvas_offset(const struct canvas *canvas, uint64_t at)
{
	uint64_t start = canvas->report->history->started_at;

	return at > start ? (double)(at - start) : 0;
}

double canvas_x(const struct canvas *canvas, uint64_t at)
{
	return chart_place(&canvas->time, canvas_offset(canvas, at));
}

int canvas_make(const struct report *report, uint32_t workflow, FILE *out,
		struct canvas *ret_canvas)
{
	const struct history *history = report->history;

	if (!history->started_at || history->ended_at <= history->started_at)
		return -ENODATA;
	*ret_canvas = (struct canvas){
		.report = report,
		.workflow = workflow,
		.time = {.until = (double)(history->ended_at - history->started_at),
			 .range = CHART_WIDTH},
		.out = out,
	};
	return 0;
}

/* A fault's window; one that was lifted in stages falls off. */
static void draw_windows(const struct canvas *canvas)
{
	const struct history *history = canvas->report->history;

	for (size_t i = 0; i < history->windows_count; i++) {
		const struct window *window = &history->windows[i];
		uint64_t end = window->ended_last ? window->ended_last : history->ended_at;
		uint64_t top = window->falls_at && window->falls_at < end ? window->falls_at : end;

		fprintf(canvas->out,
			"<path class=\"window\" d=\"M%.1f 0L%.1f 0L%.1f 100L%.1f 100Z\"/>",
			canvas_x(canvas, window->starts_at), canvas_x(canvas, top),
			canvas_x(canvas, end), canvas_x(canvas, window->starts_at));
	}
}

static size_t time_ticks(const struct canvas *canvas, uint64_t ticks[CHART_TICKS_MAX])
{
	return chart_ticks_time((uint64_t)canvas->time.until, TIME_TICKS, ticks);
}

static void draw_points(const struct canvas *canvas)
{
	const struct analysis *analysis = canvas->report->analysis;

	for (size_t i = 0; canvas->workflow != UINT32_MAX && i < analysis->episodes_count; i++) {
		const struct episode *episode = &analysis->episodes[i];
		const struct workflow_result *result = &episode->results[canvas->workflow];

		for (size_t j = 0; result->affected && j < report_points_count; j++) {
			uint64_t at = report_points[j].read(episode, result);

			if (at)
				fprintf(canvas->out, "<path class=\"at %s\" d=\"M%.1f 0V100\"/>",
					page_tone(report_points[j].tone), canvas_x(canvas, at));
		}
	}
}

/* Opens the picture of a plot with everything that lies behind its curves. */
static void picture_begin(const struct canvas *canvas, const char *kind)
{
	uint64_t ticks[CHART_TICKS_MAX];
	size_t count = time_ticks(canvas, ticks);

	fprintf(canvas->out,
		"<div class=\"plot %s\"><svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\">",
		kind);
	draw_windows(canvas);
	for (size_t i = 1; i < count; i++)
		fprintf(canvas->out, "<path class=\"grid\" d=\"M%.1f 0V100\"/>",
			chart_place(&canvas->time, (double)ticks[i]));
}

static void picture_end(const struct canvas *canvas)
{
	draw_points(canvas);
	fputs("</svg>", canvas->out);
}

static void draw_rule(const struct canvas *canvas, const char *kind, double height)
{
	fprintf(canvas->out, "<path class=\"%s\" d=\"M0 %.1fH1000\"/>", kind,
		CHART_HEIGHT - height);
}

/* A label beside the plot at `percent` of its height. */
static void label_value(const struct canvas *canvas, double percent, const char *text)
{
	fprintf(canvas->out, "<span class=\"y\" style=\"bottom:%.2f%%\">%s</span>", percent, text);
}

void canvas_times(const struct canvas *canvas)
{
	uint64_t ticks[CHART_TICKS_MAX];
	size_t count = time_ticks(canvas, ticks);
	char text[NUMBER_DURATION_SIZE];

	fputs("<div class=\"times\" aria-hidden=\"true\">", canvas->out);
	for (size_t i = 0; i < count; i++) {
		double percent = chart_percent(&canvas->time, (double)ticks[i]);

		number_format_duration(ticks[i], text);
		fprintf(canvas->out, "<span class=\"x%s\" style=\"left:%.2f%%\">%s</span>",
			percent > 94 ? " last" : "", percent, i ? text : "0");
	}
	fputs("</div>\n", canvas->out);
}

/* Share of successes as a line, and what was missing above it as an area. */
static void draw_availability(const struct canvas *canvas, const struct series *series)
{
	static const char *const kinds[] = {"missed", "line good"};
	const struct chart_scale share = {.until = SHARE_TOP, .range = CHART_HEIGHT};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct chart_path path = {.out = canvas->out};

		fprintf(canvas->out, "<path class=\"%s\" d=\"", kinds[i]);
		for (size_t j = 0; j < series->count; j++) {
			const struct series_bin *bin = &series->bins[j];
			uint64_t from = series->from + j * series->width_ns;
			double y;

			if (!bin->units)
				continue; /* what was known before stands */
			y = CHART_HEIGHT -
			    chart_place(&share, (double)bin->successes / (double)bin->units);
			chart_path_step(&path, canvas_x(canvas, from), y);
			chart_path_to(&path, canvas_x(canvas, from + series->width_ns), y);
		}
		if (i == 0)
			chart_path_close(&path, CHART_HEIGHT - chart_place(&share, 1));
		fputs("\"/>", canvas->out);
	}
}

int canvas_availability(const struct canvas *canvas)
{
	const struct history *history = canvas->report->history;
	struct series series;
	int r = series_make(history, canvas->workflow,
			    2 * history->workflows[canvas->workflow].every_ns, BINS_MOST, &series);

	if (r < 0)
		return r;
	fputs("<figcaption>", canvas->out);
	page_term(canvas->out, "availability",
		  "Share of the units due at that time that succeeded. What is missing is filled; "
		  "the time of a fault is shaded.");
	fputs("</figcaption>\n", canvas->out);
	picture_begin(canvas, "tall");
	draw_rule(canvas, "grid", CHART_HEIGHT / 2 / SHARE_TOP);
	draw_availability(canvas, &series);
	picture_end(canvas);
	label_value(canvas, 0, "0%");
	label_value(canvas, 50 / SHARE_TOP, "50%");
	label_value(canvas, 100 / SHARE_TOP, "100%");
	fputs("</div>\n", canvas->out);
	series_free(&series);
	return 0;
}

/* Counts of a series as a stepped area of rates, per second. */
static void draw_rate(const struct canvas *canvas, const struct series *series,
		      const struct chart_scale *scale, const char *kind,
		      uint64_t (*count)(const struct series_bin *bin))
{
	double seconds = (double)series->width_ns / (double)NS_PER_S;
	struct chart_path path = {.out = canvas->out};

	fprintf(canvas->out, "<path class=\"%s\" d=\"", kind);
	for (size_t i = 0; i < series->count; i++) {
		double y = CHART_HEIGHT -
			   chart_place(scale, (double)count(&series->bins[i]) / seconds);
		uint64_t from = series->from + i * series->width_ns;

		chart_path_step(&path, canvas_x(canvas, from), y);
		chart_path_to(&path, canvas_x(canvas, from + series->width_ns), y);
	}
	chart_path_close(&path, CHART_HEIGHT);
	fputs("\"/>", canvas->out);
}

static uint64_t attempts_in(const struct series_bin *bin)
{
	return bin->attempts;
}

static uint64_t requests_in(const struct series_bin *bin)
{
	return bin->requests;
}

static uint64_t hits_in(const struct series_bin *bin)
{
	return bin->hits;
}

/* For rates up to those of `series`, and to `most` at the least. */
static struct chart_scale rate_scale(const struct series *series, double most,
				     uint64_t (*count)(const struct series_bin *bin))
{
	double seconds = (double)series->width_ns / (double)NS_PER_S;

	for (size_t i = 0; i < series->count; i++)
		if ((double)count(&series->bins[i]) / seconds > most)
			most = (double)count(&series->bins[i]) / seconds;
	return (struct chart_scale){.until = most > 0 ? most * 1.08 : 1, .range = CHART_HEIGHT};
}

static void label_rates(const struct canvas *canvas, const struct chart_scale *scale)
{
	double ticks[CHART_TICKS_MAX];
	size_t count = chart_ticks(scale->until, VALUE_TICKS, ticks);
	char text[REPORT_CELL_SIZE];

	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%g", ticks[i]);
		label_value(canvas, chart_percent(scale, ticks[i]), text);
	}
}

static void draw_rate_grid(const struct canvas *canvas, const struct chart_scale *scale)
{
	double ticks[CHART_TICKS_MAX];
	size_t count = chart_ticks(scale->until, VALUE_TICKS, ticks);

	for (size_t i = 1; i < count; i++)
		draw_rule(canvas, "grid", chart_place(scale, ticks[i]));
}

/* Attempts per second of the baseline; 0: unknown. */
static double usual_rate(const struct canvas *canvas)
{
	const struct analysis *analysis = canvas->report->analysis;
	const struct phase_figures *phase;

	if (!analysis->episodes_count)
		return 0;
	phase = &analysis->episodes[0].results[canvas->workflow].phases[PHASE_BASELINE];
	if (phase->until <= phase->from)
		return 0;
	return (double)phase->attempts * (double)NS_PER_S / (double)(phase->until - phase->from);
}

/* The episode's second of surge_ratio_1s in the picture; NULL: there is none to be marked. */
static const struct workflow_result *peak_of(const struct canvas *canvas, size_t episode)
{
	const struct workflow_result *result =
		&canvas->report->analysis->episodes[episode].results[canvas->workflow];

	return result->affected && result->surge_at ? result : NULL;
}

/* The rate of the highest peak; a stretch of the chart is longer than a second and may be lower. */
static double highest_peak(const struct canvas *canvas)
{
	double most = 0;

	for (size_t i = 0; i < canvas->report->analysis->episodes_count; i++) {
		const struct workflow_result *result = peak_of(canvas, i);

		if (result && (double)result->surge_attempts > most)
			most = (double)result->surge_attempts;
	}
	return most;
}

/* A dot at each peak, with its ratio beside it. */
static void label_peaks(const struct canvas *canvas, const struct chart_scale *scale)
{
	for (size_t i = 0; i < canvas->report->analysis->episodes_count; i++) {
		const struct workflow_result *result = peak_of(canvas, i);
		double percent;

		if (!result)
			continue;
		percent = chart_percent(&canvas->time, canvas_offset(canvas, result->surge_at));
		fprintf(canvas->out,
			"<span class=\"peak%s\" style=\"left:%.3f%%;bottom:%.2f%%\" "
			"data-peak=\"surge_peak_at_ns\" data-ns=\"%llu\" data-episode=\"%zu\" "
			"data-workflow=\"",
			percent > 50 ? " far" : "", percent,
			chart_percent(scale, (double)result->surge_attempts),
			(unsigned long long)result->surge_at, i + 1);
		escape_markup(canvas->out,
			      canvas->report->history->workflows[canvas->workflow].name);
		fprintf(canvas->out, "\"><b>surge %.2f\u00d7</b></span>", result->surge_1s);
	}
}

/* "usual 1.00, surge 6.00 times" */
static void caption_attempts(const struct canvas *canvas)
{
	const struct analysis *analysis = canvas->report->analysis;
	double usual = usual_rate(canvas), surge = -1;

	for (size_t i = 0; i < analysis->episodes_count; i++)
		if (analysis->episodes[i].results[canvas->workflow].surge_1s > surge)
			surge = analysis->episodes[i].results[canvas->workflow].surge_1s;
	fputs("<figcaption>", canvas->out);
	page_term(canvas->out, "attempts per second",
		  "Attempts that began, retries included. The dashed line is the usual rate before "
		  "the first fault; the surge is the highest second after a lift over that rate, "
		  "its dot stands "
		  "where that second begins.");
	if (usual > 0)
		fprintf(canvas->out, " <span class=\"soft\">usual %.2f</span>", usual);
	if (surge >= 0)
		fprintf(canvas->out, " <span class=\"soft\">surge %.2f\u00d7</span>", surge);
	fputs("</figcaption>\n", canvas->out);
}

int canvas_attempts(const struct canvas *canvas)
{
	const struct terms *terms = &canvas->report->history->workflows[canvas->workflow];
	/* In less than two periods one unit more or less is all that would be seen. */
	uint64_t least = terms->every_ns > NS_PER_S / 2 ? 2 * terms->every_ns : NS_PER_S;
	struct chart_scale scale;
	struct series series;
	int r = series_make(canvas->report->history, canvas->workflow, least, RATES_MOST, &series);

	if (r < 0)
		return r;
	scale = rate_scale(&series, highest_peak(canvas), attempts_in);
	caption_attempts(canvas);
	picture_begin(canvas, "low");
	draw_rate_grid(canvas, &scale);
	draw_rate(canvas, &series, &scale, "area cool", attempts_in);
	if (usual_rate(canvas) > 0)
		draw_rule(canvas, "usual", chart_place(&scale, usual_rate(canvas)));
	picture_end(canvas);
	label_rates(canvas, &scale);
	label_peaks(canvas, &scale);
	fputs("</div>\n", canvas->out);
	series_free(&series);
	return 0;
}

static const struct {
	const char *name, *kind;
	size_t field;
} percentiles[] = {
	{"p50", "line cool", offsetof(struct series_bin, p50_ns)},
	{"p95", "line cool2", offsetof(struct series_bin, p95_ns)},
	{"p99", "line cool3", offsetof(struct series_bin, p99_ns)},
};

static uint64_t percentile_in(const struct series_bin *bin, size_t which)
{
	return *(const uint64_t *)((const char *)bin + percentiles[which].field);
}

/* Whole decades around what there is. False: nothing succeeded. */
static bool latency_scale(const struct series *series, struct chart_scale *ret_scale)
{
	double least = 0, most = 0;

	for (size_t i = 0; i < series->count; i++) {
		const struct series_bin *bin = &series->bins[i];

		if (!bin->successes)
			continue;
		if (least == 0 || (double)bin->p50_ns < least)
			least = (double)bin->p50_ns;
		if ((double)bin->p99_ns > most)
			most = (double)bin->p99_ns;
	}
	if (least < 1)
		return false;
	*ret_scale = (struct chart_scale){.from = least / 1.5,
					  .until = most * 1.5,
					  .range = CHART_HEIGHT,
					  .logarithmic = true};
	return true;
}

static void draw_latencies(const struct canvas *canvas, const struct series *series,
			   const struct chart_scale *scale)
{
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++) {
		struct chart_path path = {.out = canvas->out};

		fprintf(canvas->out, "<path class=\"%s\" d=\"", percentiles[i].kind);
		for (size_t j = 0; j < series->count; j++) {
			uint64_t from = series->from + j * series->width_ns;
			double y;

			if (!series->bins[j].successes) {
				chart_path_gap(&path);
				continue;
			}
			y = CHART_HEIGHT -
			    chart_place(scale, (double)percentile_in(&series->bins[j], i));
			chart_path_step(&path, canvas_x(canvas, from), y);
			chart_path_to(&path, canvas_x(canvas, from + series->width_ns), y);
		}
		fputs("\"/>", canvas->out);
	}
}

static void label_latencies(const struct canvas *canvas, const struct chart_scale *scale)
{
	double ticks[CHART_TICKS_MAX];
	size_t count = chart_ticks_log(scale->from, scale->until, VALUE_TICKS, ticks);
	char text[NUMBER_DURATION_SIZE];

	for (size_t i = 0; i < count; i++) {
		number_format_duration((uint64_t)(ticks[i] + 0.5), text);
		label_value(canvas, chart_percent(scale, ticks[i]), text);
	}
}

int canvas_latency(const struct canvas *canvas)
{
	const struct history *history = canvas->report->history;
	double ticks[CHART_TICKS_MAX];
	struct chart_scale scale;
	struct series series;
	int r = series_make(history, canvas->workflow,
			    2 * history->workflows[canvas->workflow].every_ns, BINS_MOST, &series);

	if (r < 0)
		return r;
	if (latency_scale(&series, &scale)) {
		fputs("<figcaption>", canvas->out);
		page_term(canvas->out, "latency",
			  "Of the units that succeeded, from the moment each was due: median, 95th "
			  "and 99th percentile. The scale is logarithmic.");
		for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
			fprintf(canvas->out, " <span class=\"key %s\">%s</span>",
				percentiles[i].kind, percentiles[i].name);
		fputs("</figcaption>\n", canvas->out);
		picture_begin(canvas, "low");
		for (size_t i = chart_ticks_log(scale.from, scale.until, VALUE_TICKS, ticks); i;
		     i--)
			draw_rule(canvas, "grid", chart_place(&scale, ticks[i - 1]));
		draw_latencies(canvas, &series, &scale);
		picture_end(canvas);
		label_latencies(canvas, &scale);
		fputs("</div>\n", canvas->out);
	}
	series_free(&series);
	return 0;
}

int page_kernel(const struct report *report, FILE *out)
{
	struct canvas canvas;
	struct chart_scale scale;
	struct series series;
	int r = canvas_make(report, UINT32_MAX, out, &canvas);

	if (r == 0 && report->history->buckets_count)
		r = series_make(report->history, UINT32_MAX, NS_PER_S, RATES_MOST, &series);
	if (r < 0 || !report->history->buckets_count)
		return r == -ENODATA ? 0 : r;
	scale = rate_scale(&series, 0, requests_in);
	fputs("<section class=\"panel\"><h3>What the kernel saw</h3>\n"
	      "<figure class=\"charts\"><figcaption>",
	      out);
	page_term(out, "requests and hits per second",
		  "Requests that matched a rule, whoever made them, and those of them that a fault "
		  "acted on.");
	fputs(" <span class=\"key area cool\">requests</span> <span class=\"key area bad\">hits"
	      "</span></figcaption>\n",
	      out);
	picture_begin(&canvas, "low");
	draw_rate_grid(&canvas, &scale);
	draw_rate(&canvas, &series, &scale, "area cool", requests_in);
	draw_rate(&canvas, &series, &scale, "area bad", hits_in);
	picture_end(&canvas);
	label_rates(&canvas, &scale);
	fputs("</div>\n", out);
	canvas_times(&canvas);
	fputs("</figure></section>\n", out);
	series_free(&series);
	return 0;
}
