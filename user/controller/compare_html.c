/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A comparison as a page: every run a dot, the median a stroke, its interval a bar, one row per
 * figure; the numbers in a table below.
 */
#include <errno.h>
#include <math.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/controller/chart.h"
#include "user/controller/compare.h"
#include "user/controller/page.h"

enum { VALUE_TICKS = 4 };

static const char letters[COMPARE_VARIANTS_MAX] = {'A', 'B'};
static const char *const tones[COMPARE_VARIANTS_MAX] = {"cool", "cool2"};

static size_t sides_of(const struct comparison *comparison)
{
	return comparison->variants_count < COMPARE_VARIANTS_MAX ? 1 : COMPARE_VARIANTS_MAX;
}

/* The definition of a figure is that of the report of one run. */
static const struct report_figure *definition_of(unsigned int figure)
{
	static const char *const keys[] = {
		[COMPARED_RECOVER] = "time_to_recover",
		[COMPARED_OUTAGE] = "outage",
		[COMPARED_DETECT] = "time_to_detect",
		[COMPARED_FIRST_SUCCESS] = "time_to_first_success",
		[COMPARED_STEADY] = "time_to_steady",
		[COMPARED_DRAIN] = "time_to_drain",
		[COMPARED_AVAILABILITY] = "availability",
		[COMPARED_AMPLIFICATION] = "amplification",
		[COMPARED_SURGE] = "surge_ratio_1s",
		[COMPARED_GOODPUT_LOST] = "goodput_lost",
	};
	_Static_assert(ARRAY_SIZE(keys) == COMPARED_COUNT, "a figure has no key");

	return report_figure_by_key(keys[figure]);
}

static void raise(double *most, double value)
{
	if (isfinite(value) && value > *most)
		*most = value;
}

/* From 0, so that lengths compare; a share always up to 1. */
static struct chart_scale scale_of(const struct comparison *comparison,
				   const struct compared *compared, enum compared_unit unit)
{
	double most = unit == COMPARED_SHARE ? 1 : 0;

	for (size_t i = 0; i < sides_of(comparison); i++) {
		raise(&most, compared->medians[i].value);
		raise(&most, compared->medians[i].high);
		for (size_t j = 0; j < compared->counts[i]; j++)
			raise(&most, compared->samples[i][j].value);
	}
	return (struct chart_scale){.until = most > 0 ? most * 1.04 : 1, .range = CHART_WIDTH};
}

/* The runs, the interval and the median of one side, at `height` of the plot. */
static void draw_side(const struct chart_scale *scale, const struct compared *compared, size_t side,
		      double height, FILE *out)
{
	const struct estimate *median = &compared->medians[side];
	double low = isfinite(median->low) ? chart_place(scale, median->low) : 0;
	double high = isfinite(median->high) ? chart_place(scale, median->high) : CHART_WIDTH;

	if (median->method != INTERVAL_NONE && isfinite(median->value))
		fprintf(out, "<path class=\"interval %s\" d=\"M%.1f %.1fH%.1f\"/>", tones[side],
			low, height, high);
	for (size_t i = 0; i < compared->counts[side]; i++) {
		const struct sample *sample = &compared->samples[side][i];
		double x = chart_place(scale, sample->value);

		/* A line of no length with round ends is a dot that is not stretched. */
		fprintf(out, "<path class=\"run %s%s\" d=\"M%.1f %.1fh0\"/>", tones[side],
			sample->censored ? " censored" : "", x, height);
	}
	if (isfinite(median->value))
		fprintf(out, "<path class=\"median %s\" d=\"M%.1f %.1fv32\"/>", tones[side],
			chart_place(scale, median->value), height - 16);
}

static void print_axis(const struct chart_scale *scale, enum compared_unit unit, FILE *out)
{
	double ticks[CHART_TICKS_MAX];
	size_t count = chart_ticks(scale->until, VALUE_TICKS, ticks);

	fputs("<div class=\"times\" aria-hidden=\"true\">", out);
	for (size_t i = 0; i < count; i++) {
		double percent = chart_percent(scale, ticks[i]);

		fprintf(out, "<span class=\"x%s\" style=\"left:%.2f%%\">%g%s</span>",
			percent > 94 ? " last" : "", percent,
			unit == COMPARED_SHARE ? 100 * ticks[i] : ticks[i],
			unit == COMPARED_SECONDS ? "s"
			: unit == COMPARED_SHARE ? "%"
						 : "");
	}
	fputs("</div>\n", out);
}

static void print_figure(const struct comparison *comparison,
			 const struct compared_workflow *workflow, unsigned int figure, FILE *out)
{
	const struct compared *compared = &workflow->figures[figure];
	enum compared_unit unit = compared_unit_of(figure);
	struct chart_scale scale = scale_of(comparison, compared, unit);
	const struct report_figure *definition = definition_of(figure);
	char text[COMPARE_TEXT_SIZE];

	fputs("<figure class=\"charts versus\"><figcaption>", out);
	page_term(out, definition->label, definition->definition);
	for (size_t i = 0; i < sides_of(comparison); i++) {
		compare_estimate(text, unit, &compared->medians[i], false);
		fprintf(out,
			" <span class=\"side\"><span class=\"key %s\">%c</span><b>%s</b></span>",
			tones[i], letters[i], text);
	}
	fputs("</figcaption>\n<div class=\"plot runs\"><svg viewBox=\"0 0 1000 100\" "
	      "preserveAspectRatio=\"none\" aria-hidden=\"true\">",
	      out);
	for (size_t i = 0; i < sides_of(comparison); i++)
		draw_side(&scale, compared, i,
			  CHART_HEIGHT * (2 * (double)i + 1) / (2 * (double)sides_of(comparison)),
			  out);
	fputs("</svg>", out);
	for (size_t i = 0; i < sides_of(comparison); i++)
		fprintf(out, "<span class=\"y\" style=\"bottom:%.1f%%\">%c</span>",
			100 - 100 * (2 * (double)i + 1) / (2 * (double)sides_of(comparison)),
			letters[i]);
	fputs("</div>\n", out);
	print_axis(&scale, unit, out);
	fputs("</figure>\n", out);
}

static bool has_runs(const struct compared *compared)
{
	return compared->counts[0] || compared->counts[1];
}

static void print_proportion(const char *what, const struct proportion *proportion, FILE *out)
{
	fprintf(out, ", %llu of %llu %s <small>(%.0f to %.0f %%)</small>",
		(unsigned long long)proportion->count, (unsigned long long)proportion->total, what,
		100 * proportion->low, 100 * proportion->high);
}

static void print_numbers(const struct comparison *comparison,
			  const struct compared_workflow *workflow, FILE *out)
{
	static const char *const headers[] = {"median", "A", "B", "B - A", "effect"};
	static const char *const definitions[] = {
		NULL, NULL, NULL, "With its interval: one that holds 0 shows no difference.",
		"Cliff's delta: 1 or -1 when every run of B is above or below those of A."};
	bool both = comparison->variants_count == COMPARE_VARIANTS_MAX;
	struct page_table table;

	page_table_begin(&table, out, "Numbers", headers, definitions,
			 both ? ARRAY_SIZE(headers) : 2);
	for (unsigned int i = 0; i < COMPARED_COUNT; i++) {
		const struct compared *compared = &workflow->figures[i];
		char text[COMPARE_TEXT_SIZE];

		if (!has_runs(compared))
			continue;
		page_cell(&table, definition_of(i)->label);
		for (size_t j = 0; j < comparison->variants_count; j++) {
			compare_estimate(text, compared_unit_of(i), &compared->medians[j], false);
			page_cell(&table, text);
		}
		if (!both)
			continue;
		compare_estimate(text, compared_unit_of(i), &compared->difference, true);
		page_cell(&table, text);
		snprintf(text, sizeof(text), "%+.2f %s", compared->effect,
			 statistics_effect_word(compared->effect));
		page_cell(&table, text);
	}
	page_table_end(&table);
}

static void print_workflow(const struct comparison *comparison,
			   const struct compared_workflow *workflow, FILE *out)
{
	char few[COMPARE_TEXT_SIZE];

	fputs("<section class=\"panel\"><h3>", out);
	escape_markup(out, workflow->name);
	fprintf(out, ", episode %zu</h3>\n", workflow->episode + 1);
	for (size_t i = 0; i < sides_of(comparison); i++) {
		fprintf(out, "<p><span class=\"key %s\">%c</span>%llu runs", tones[i], letters[i],
			(unsigned long long)workflow->passed[i].total);
		print_proportion("passed", &workflow->passed[i], out);
		if (workflow->affected[i].count)
			print_proportion("recovered", &workflow->recovered[i], out);
		fputs("</p>\n", out);
	}
	if (comparison->variants_count == COMPARE_VARIANTS_MAX) {
		fputs("<p class=\"sentence\">", out);
		escape_markup(out, workflow->figures[workflow->headline].sentence);
		fputs("</p>\n", out);
		compare_few_runs(&workflow->figures[workflow->headline], few, sizeof(few));
		if (*few)
			fprintf(out, "<p class=\"soft\">%s</p>\n", few);
	}
	for (unsigned int i = 0; i < COMPARED_COUNT; i++)
		if (has_runs(&workflow->figures[i]))
			print_figure(comparison, workflow, i, out);
	print_numbers(comparison, workflow, out);
	fputs("</section>\n", out);
}

static void print_variant(const struct variant *variant, size_t side, FILE *out)
{
	fprintf(out, "<p><span class=\"key %s\">%c</span>", tones[side], letters[side]);
	escape_markup(out, variant->name);
	fprintf(out, " <span class=\"soft\">%zu runs", variant->runs_count);
	if (variant->left_out)
		fprintf(out, ", %zu left out", variant->left_out);
	fputs(", ", out);
	escape_markup(out, variant->path);
	fputs("</span></p>\n", out);
}

int compare_html(const struct comparison *comparison, FILE *out)
{
	bool both = comparison->variants_count == COMPARE_VARIANTS_MAX;

	page_begin(out, comparison->variants[0].name);
	fprintf(out, "<header class=\"%s\">\n<p class=\"verdict\">",
		!both			 ? "neutral"
		: comparison->better < 0 ? "noticed"
					 : "good");
	escape_markup(out, comparison->conclusion);
	fputs(both ? "</p>\n<h1>A and B</h1>\n" : "</p>\n<h1>Repeated runs</h1>\n", out);
	for (size_t i = 0; i < sides_of(comparison); i++)
		print_variant(&comparison->variants[i], i, out);
	fputs("<p class=\"soft\">A dot is a run, large and pale when what it waited for never "
	      "came; the stroke is their median, the bar its interval.</p>\n</header>\n<main>\n",
	      out);
	for (size_t i = 0; i < comparison->workflows_count; i++)
		print_workflow(comparison, &comparison->workflows[i], out);
	fprintf(out, "</main>\n<footer><p>seed %llu</p></footer>\n</body>\n</html>\n",
		(unsigned long long)comparison->seed);
	return ferror(out) ? -EIO : 0;
}
