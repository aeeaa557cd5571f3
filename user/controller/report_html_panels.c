/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of the HTML report that hold pictures: the overview, and one for each workflow. */
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/controller/report_canvas.h"

enum { STATES_MOST = 300 };
/* Marks nearer than this, per cent of the width, touch each other on a phone. */
#define MARK_LEAST 7.5

/* A point in time that is marked above the charts of a workflow. */
struct mark {
	double percent;
	uint64_t at;
	size_t episode, point;
};

static int compare_marks(const void *left, const void *right)
{
	const struct mark *a = left, *b = right;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->point < b->point ? -1 : a->point > b->point;
}

static size_t marks_of(const struct canvas *canvas, struct mark *marks)
{
	const struct analysis *analysis = canvas->report->analysis;
	size_t count = 0;

	for (size_t i = 0; i < analysis->episodes_count; i++) {
		const struct episode *episode = &analysis->episodes[i];
		const struct workflow_result *result = &episode->results[canvas->workflow];

		for (size_t j = 0; result->affected && j < report_points_count; j++) {
			uint64_t at = report_points[j].read(episode, result);

			if (at)
				marks[count++] = (struct mark){
					.percent = chart_percent(&canvas->time,
								 canvas_offset(canvas, at)),
					.at = at,
					.episode = i,
					.point = j,
				};
		}
	}
	qsort(marks, count, sizeof(*marks), compare_marks);
	return count;
}

static void print_mark(const struct canvas *canvas, const struct mark *mark)
{
	const struct report_point *point = &report_points[mark->point];
	char time[REPORT_TIME_SIZE];

	report_time((uint64_t)canvas_offset(canvas, mark->at), time);
	fprintf(canvas->out,
		"<div class=\"at\" style=\"margin-left:calc(%.3f%% - .6rem)\"><span class=\"mark "
		"%s%s\" tabindex=\"0\" data-point=\"%s\" data-ns=\"%llu\" data-episode=\"%zu\" "
		"data-workflow=\"",
		mark->percent, page_tone(point->tone), mark->percent > 50 ? " far" : "", point->key,
		(unsigned long long)mark->at, mark->episode + 1);
	escape_markup(canvas->out, canvas->report->history->workflows[canvas->workflow].name);
	fprintf(canvas->out,
		"\">%c<span class=\"tip\" role=\"tooltip\"><b>%s</b> at %s, episode %zu. %s</span>"
		"</span></div>\n",
		point->letter, point->label, time, mark->episode + 1, point->definition);
}

static void print_legend(const struct canvas *canvas, const struct mark *marks, size_t count)
{
	fputs("<ol class=\"legend\">", canvas->out);
	for (size_t i = 0; i < count; i++) {
		const struct report_point *point = &report_points[marks[i].point];
		char time[REPORT_TIME_SIZE];

		report_time((uint64_t)canvas_offset(canvas, marks[i].at), time);
		fprintf(canvas->out, "<li><span class=\"mark %s\" aria-hidden=\"true\">%c</span> ",
			page_tone(point->tone), point->letter);
		page_term(canvas->out, point->label, point->definition);
		fprintf(canvas->out, " <b>%s</b></li>", time);
	}
	fputs("</ol>\n", canvas->out);
}

static int chart_marks(const struct canvas *canvas, struct mark **ret_marks, size_t *ret_count)
{
	size_t most = canvas->report->analysis->episodes_count * report_points_count, count, lanes;
	_cleanup_free_ struct mark *marks = calloc(most + 1, sizeof(*marks));
	_cleanup_free_ double *percents = calloc(most + 1, sizeof(*percents));
	_cleanup_free_ size_t *lane_of = calloc(most + 1, sizeof(*lane_of));

	if (!marks || !percents || !lane_of)
		return -ENOMEM;
	count = marks_of(canvas, marks);
	for (size_t i = 0; i < count; i++)
		percents[i] = marks[i].percent;
	lanes = chart_lanes(percents, count, MARK_LEAST, lane_of);
	if (count)
		fputs("<div class=\"marks\">\n", canvas->out);
	for (size_t i = 0; i < lanes; i++) {
		fputs("<div class=\"lane\">\n", canvas->out);
		for (size_t j = 0; j < count; j++)
			if (lane_of[j] == i)
				print_mark(canvas, &marks[j]);
		fputs("</div>\n", canvas->out);
	}
	if (count)
		fputs("</div>\n", canvas->out);
	*ret_marks = TAKE_PTR(marks);
	*ret_count = count;
	return 0;
}

/* One figure with its definition and what its budget says. */
static void print_fact(const struct canvas *canvas, const struct report_figure *figure,
		       const struct workflow_result *result)
{
	const struct terms *terms = &canvas->report->history->workflows[canvas->workflow];
	enum budget_outcome outcome =
		figure->budget == BUDGET_COUNT ? BUDGET_NONE : result->budgets[figure->budget];
	char value[REPORT_CELL_SIZE], limit[REPORT_CELL_SIZE], *interval;

	report_figure_text(figure, result, true, value);
	interval = strchr(value, ' ');
	fputs("<div class=\"fact\"><dt>", canvas->out);
	page_term(canvas->out, figure->label, figure->definition);
	fprintf(canvas->out, "</dt><dd>%.*s", (int)(interval ? interval - value : REPORT_CELL_SIZE),
		value);
	if (interval) {
		fputs(" <small>", canvas->out);
		escape_markup(canvas->out, interval + 1);
		fputs("</small>", canvas->out);
	}
	fputs("</dd>", canvas->out);
	if (outcome != BUDGET_NONE) {
		report_cell_limit(limit, &terms->budget, (enum budget_kind)figure->budget);
		fprintf(canvas->out, "<dd class=\"budget %s\">budget %s: %s</dd>",
			outcome == BUDGET_MET	   ? "good"
			: outcome == BUDGET_MISSED ? "bad"
						   : "noticed",
			limit, budget_outcome_name(outcome));
	}
	fputs("</div>\n", canvas->out);
}

static int print_facts(const struct canvas *canvas, size_t number)
{
	const struct episode *episode = &canvas->report->analysis->episodes[number];
	const struct workflow_result *result = &episode->results[canvas->workflow];
	_cleanup_free_ char *title =
		report_episode_title(canvas->report->history, episode, number + 1);

	if (!title)
		return -ENOMEM;
	fputs("<div class=\"facts\"><h4>", canvas->out);
	escape_markup(canvas->out, title);
	fputc(' ', canvas->out);
	page_verdict(canvas->out, result->verdict);
	if (result->metastable)
		page_chip(
			canvas->out, TONE_BAD, "metastable",
			"Offered no more than before the fault, the work stayed below half of its "
			"goodput long after the lift.");
	fputs("</h4>\n", canvas->out);
	fputs(result->affected ? "<dl>" : "<p class=\"soft\">No unit failed.</p>", canvas->out);
	for (size_t i = 0; result->affected && i < report_figures_count; i++)
		if (report_figures[i].leading)
			print_fact(canvas, &report_figures[i], result);
	fputs(result->affected ? "</dl></div>\n" : "</div>\n", canvas->out);
	return 0;
}

int page_workflow(const struct report *report, uint32_t workflow, FILE *out)
{
	const struct terms *terms = &report->history->workflows[workflow];
	_cleanup_free_ struct mark *marks = NULL;
	struct canvas canvas;
	size_t count = 0;
	int r = canvas_make(report, workflow, out, &canvas);

	if (r < 0)
		return r == -ENODATA ? 0 : r;
	fputs("<section class=\"panel\"><h3>", out);
	escape_markup(out, terms->name);
	if (terms->control) {
		fputs(" <small class=\"soft\">control of ", out);
		escape_markup(out, report->history->workflows[terms->control_of].name);
		fputs("</small>", out);
	}
	fputs("</h3>\n", out);
	for (size_t i = 0; i < report->analysis->episodes_count && r == 0; i++)
		r = print_facts(&canvas, i);
	fputs("<figure class=\"charts\">\n", out);
	if (r == 0)
		r = chart_marks(&canvas, &marks, &count);
	if (r == 0)
		r = canvas_availability(&canvas);
	if (r == 0)
		r = canvas_attempts(&canvas);
	if (r == 0)
		r = canvas_latency(&canvas);
	canvas_times(&canvas);
	if (r == 0 && count)
		print_legend(&canvas, marks, count);
	fputs("</figure></section>\n", out);
	return r;
}

/* The name of a lane of the overview stands above it. */
static void lane_name(FILE *out, const char *name)
{
	fputs("<div class=\"name\">", out);
	escape_markup(out, name);
	fputs("</div>", out);
}

static void lane_begin(FILE *out, const char *kind)
{
	fprintf(out,
		"<div class=\"strip %s\"><svg viewBox=\"0 0 1000 100\" "
		"preserveAspectRatio=\"none\" aria-hidden=\"true\">",
		kind);
}

static void fault_lane(const struct canvas *canvas, uint32_t fault)
{
	const struct history *history = canvas->report->history;

	lane_name(canvas->out, history->faults.items[fault]);
	lane_begin(canvas->out, "fault");
	for (size_t i = 0; i < history->windows_count; i++) {
		const struct window *window = &history->windows[i];
		uint64_t end = window->ended_last ? window->ended_last : history->ended_at;
		uint64_t top = window->falls_at && window->falls_at < end ? window->falls_at : end;

		if (window->fault == fault)
			fprintf(canvas->out, "<path d=\"M%.1f 0L%.1f 0L%.1f 100L%.1f 100Z\"/>",
				canvas_x(canvas, window->starts_at), canvas_x(canvas, top),
				canvas_x(canvas, end), canvas_x(canvas, window->starts_at));
	}
	fputs("</svg></div>\n", canvas->out);
}

/* A stretch in which all units, some or none succeeded; what was last known stands until more is.
 */
static enum report_tone state_of(const struct series_bin *bin, enum report_tone before)
{
	if (!bin->units)
		return before;
	return bin->successes == bin->units ? TONE_GOOD : bin->successes ? TONE_NOTICED : TONE_BAD;
}

static int workflow_lane(const struct canvas *canvas, uint32_t workflow)
{
	const struct history *history = canvas->report->history;
	/* Trouble stands out also to those who see no colours. */
	static const unsigned int heights[] = {
		[TONE_GOOD] = 35, [TONE_NOTICED] = 65, [TONE_BAD] = 100};
	enum report_tone state = TONE_NEUTRAL;
	struct series series;
	size_t first = 0;
	int r = series_make(history, workflow, history->workflows[workflow].every_ns, STATES_MOST,
			    &series);

	if (r < 0)
		return r;
	lane_name(canvas->out, history->workflows[workflow].name);
	lane_begin(canvas->out, "work");
	for (size_t i = 0; i <= series.count; i++) {
		enum report_tone next =
			i < series.count ? state_of(&series.bins[i], state) : TONE_NEUTRAL;
		double from = canvas_x(canvas, series.from + first * series.width_ns);

		if (next == state)
			continue;
		if (state != TONE_NEUTRAL)
			fprintf(canvas->out,
				"<rect class=\"%s\" x=\"%.1f\" y=\"%u\" width=\"%.1f\" "
				"height=\"%u\"/>",
				page_tone(state), from, 100 - heights[state],
				canvas_x(canvas, series.from + i * series.width_ns) - from,
				heights[state]);
		state = next;
		first = i;
	}
	fputs("</svg></div>\n", canvas->out);
	series_free(&series);
	return 0;
}

int page_overview(const struct report *report, FILE *out)
{
	struct canvas canvas;
	int r = canvas_make(report, UINT32_MAX, out, &canvas);

	if (r < 0)
		return r == -ENODATA ? 0 : r;
	fputs("<section class=\"panel overview\"><h2>At a glance</h2>\n<figure>\n", out);
	for (size_t i = 0; i < report->history->faults.count; i++)
		fault_lane(&canvas, (uint32_t)i);
	for (size_t i = 0; i < report->history->workflows_count && r == 0; i++)
		r = workflow_lane(&canvas, (uint32_t)i);
	canvas_times(&canvas);
	fputs("<figcaption><span class=\"key fault\">fault injected</span> "
	      "<span class=\"key good\">all work succeeded</span> "
	      "<span class=\"key noticed\">some failed</span> "
	      "<span class=\"key bad\">all failed</span></figcaption></figure></section>\n",
	      out);
	return r;
}
