/* SPDX-License-Identifier: Apache-2.0 */
/* A comparison as a table and as JSON. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/compare.h"
#include "user/controller/record_json.h"
#include "user/controller/report.h"

#define COMPARE_FORMAT 1

/* A, B: what reports call a variant. */
static char letter(size_t variant)
{
	return (char)('A' + variant);
}

void compare_value(char text[COMPARE_VALUE_SIZE], enum compared_unit unit, double value,
		   bool difference)
{
	const char *sign;

	/* A zero has no sign, also where more digits would show one. */
	if (fabs(value) < (unit == COMPARED_SHARE ? 0.0005 : 0.005))
		value = 0;
	sign = difference && value > 0 ? "+" : "";
	if (isnan(value))
		snprintf(text, COMPARE_VALUE_SIZE, "-");
	else if (isinf(value))
		snprintf(text, COMPARE_VALUE_SIZE, "%s", difference ? "open" : "never");
	else if (unit == COMPARED_SECONDS)
		snprintf(text, COMPARE_VALUE_SIZE, "%s%.*fs", sign, fabs(value) < 10 ? 2 : 1,
			 value);
	else if (unit == COMPARED_SHARE)
		snprintf(text, COMPARE_VALUE_SIZE, "%s%.1f%%", sign, 100 * value);
	else
		snprintf(text, COMPARE_VALUE_SIZE, "%s%.2f", sign, value);
}

void compare_estimate(char text[COMPARE_TEXT_SIZE], enum compared_unit unit,
		      const struct estimate *estimate, bool difference)
{
	char value[COMPARE_VALUE_SIZE], low[COMPARE_VALUE_SIZE], high[COMPARE_VALUE_SIZE];

	compare_value(value, unit, estimate->value, difference);
	compare_value(low, unit, estimate->low, difference);
	compare_value(high, unit, estimate->high, difference);
	if (isnan(estimate->value) || estimate->method == INTERVAL_NONE)
		snprintf(text, COMPARE_TEXT_SIZE, "%s", value);
	else
		snprintf(text, COMPARE_TEXT_SIZE, "%s [%s,%s]", value, low, high);
}

static void print_figures(const struct comparison *comparison,
			  const struct compared_workflow *workflow, FILE *out)
{
	bool both = comparison->variants_count == COMPARE_VARIANTS_MAX;

	fprintf(out, "  %-14s %-26s", "MEDIAN", "A");
	if (both)
		fprintf(out, " %-26s %-26s %s", "B", "B - A", "EFFECT");
	fputc('\n', out);
	for (unsigned int i = 0; i < COMPARED_COUNT; i++) {
		const struct compared *compared = &workflow->figures[i];
		char text[COMPARE_TEXT_SIZE];

		if (!compared->counts[0] && !compared->counts[1])
			continue;
		fprintf(out, "  %-14s", compared_name(i));
		for (size_t j = 0; j < comparison->variants_count; j++) {
			compare_estimate(text, compared_unit_of(i), &compared->medians[j], false);
			fprintf(out, " %-26s", text);
		}
		if (both) {
			compare_estimate(text, compared_unit_of(i), &compared->difference, true);
			fprintf(out, " %-26s %+.2f %s", text, compared->effect,
				statistics_effect_word(compared->effect));
		}
		fputc('\n', out);
	}
}

/* Every run of the headline figure, in the order of the runs. */
static void print_runs(const struct comparison *comparison,
		       const struct compared_workflow *workflow, FILE *out)
{
	const struct compared *compared = &workflow->figures[workflow->headline];

	for (size_t i = 0; i < comparison->variants_count; i++) {
		fprintf(out, "  %s of each run, %c:", compared_name(workflow->headline), letter(i));
		for (size_t j = 0; j < compared->counts[i]; j++) {
			const struct sample *sample = &compared->samples[i][j];
			char text[COMPARE_VALUE_SIZE];

			compare_value(text, compared_unit_of(workflow->headline), sample->value,
				      false);
			fprintf(out, sample->censored ? " never(>%s)" : " %s", text);
		}
		fputc('\n', out);
	}
}

static void print_proportion(const char *what, const struct proportion *proportion, FILE *out)
{
	fprintf(out, ", %llu of %llu %s (%.0f to %.0f %%)", (unsigned long long)proportion->count,
		(unsigned long long)proportion->total, what, 100 * proportion->low,
		100 * proportion->high);
}

static void print_workflow(const struct comparison *comparison,
			   const struct compared_workflow *workflow, FILE *out)
{
	char few[COMPARE_TEXT_SIZE];

	fprintf(out, "\n%s, episode %zu\n", workflow->name, workflow->episode + 1);
	for (size_t i = 0; i < comparison->variants_count; i++) {
		fprintf(out, "  %c: %llu runs", letter(i),
			(unsigned long long)workflow->passed[i].total);
		print_proportion("passed", &workflow->passed[i], out);
		if (workflow->affected[i].count)
			print_proportion("recovered", &workflow->recovered[i], out);
		fputc('\n', out);
	}
	print_figures(comparison, workflow, out);
	print_runs(comparison, workflow, out);
	if (comparison->variants_count < COMPARE_VARIANTS_MAX)
		return;
	fprintf(out, "  %s\n", workflow->figures[workflow->headline].sentence);
	compare_few_runs(&workflow->figures[workflow->headline], few, sizeof(few));
	if (*few)
		fprintf(out, "  %s\n", few);
}

int compare_table(const struct comparison *comparison, FILE *out)
{
	for (size_t i = 0; i < comparison->variants_count; i++) {
		const struct variant *variant = &comparison->variants[i];

		fprintf(out, "%c: %s\n   %s: %zu runs", letter(i), variant->name, variant->path,
			variant->runs_count);
		if (variant->left_out)
			fprintf(out, ", %zu left out", variant->left_out);
		print_proportion("passed", &variant->passed, out);
		fputc('\n', out);
		for (size_t j = 0; j < variant->runs_count; j++)
			if (variant->runs[j].left_out)
				fprintf(out, "   left out: %s: %s\n", variant->runs[j].journal.path,
					variant->runs[j].analysis.reason);
	}
	for (size_t i = 0; i < comparison->workflows_count; i++)
		print_workflow(comparison, &comparison->workflows[i], out);
	fprintf(out, "\nconclusion: %s\n", comparison->conclusion);
	return ferror(out) ? -EIO : 0;
}

/* What is not a finite number is null. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *estimate_to_json(const struct estimate *estimate)
{
	if (isnan(estimate->value))
		return json_null();
	return json_pack("{s:o, s:b, s:o, s:o, s:f, s:s}", "value", number(estimate->value),
			 "never", isinf(estimate->value), "low", number(estimate->low), "high",
			 number(estimate->high), "confidence", estimate->confidence, "method",
			 interval_method_name(estimate->method));
}

static json_t *proportion_to_json(const struct proportion *proportion)
{
	return json_pack("{s:I, s:I, s:f, s:f}", "count", (json_int_t)proportion->count, "total",
			 (json_int_t)proportion->total, "low", proportion->low, "high",
			 proportion->high);
}

static const char *better_name(int better)
{
	if (better < 0)
		return NULL;
	return better ? "B" : "A";
}

/* The curve by which runs that never came count for as long as they were watched. */
static json_t *survival_to_json(const struct sample *samples, size_t count)
{
	_cleanup_free_ struct survival_step *steps = calloc(count + 1, sizeof(*steps));
	json_t *array = json_array();
	int used = steps ? statistics_survival(samples, count, steps) : 0;

	for (int i = 0; i < used; i++)
		json_array_append_new(array,
				      json_pack("{s:f, s:I, s:I, s:f, s:o, s:o}", "at", steps[i].at,
						"at_risk", (json_int_t)steps[i].at_risk, "events",
						(json_int_t)steps[i].events, "survival",
						steps[i].survival, "low", number(steps[i].low),
						"high", number(steps[i].high)));
	return array;
}

static json_t *side_to_json(const struct compared *compared, size_t side, bool survival)
{
	json_t *runs = json_array(), *object;

	for (size_t i = 0; i < compared->counts[side]; i++)
		json_array_append_new(runs, json_pack("{s:I, s:f, s:b}", "run",
						      (json_int_t)compared->runs[side][i], "value",
						      compared->samples[side][i].value, "censored",
						      compared->samples[side][i].censored));
	object = json_pack("{s:o, s:o}", "median", estimate_to_json(&compared->medians[side]),
			   "runs", runs);
	if (survival)
		json_object_set_new(
			object, "survival",
			survival_to_json(compared->samples[side], compared->counts[side]));
	return object;
}

static json_t *figure_to_json(const struct comparison *comparison, const struct compared *compared,
			      enum compared_unit unit)
{
	static const char *const unit_names[] = {
		[COMPARED_SECONDS] = "s",
		[COMPARED_SHARE] = "share",
		[COMPARED_RATIO] = "ratio",
		[COMPARED_UNITS] = "units",
	};
	json_t *object = json_pack("{s:s}", "unit", unit_names[unit]);

	for (size_t i = 0; i < comparison->variants_count; i++)
		json_object_set_new(object, better_name((int)i),
				    side_to_json(compared, i, unit == COMPARED_SECONDS));
	if (comparison->variants_count < COMPARE_VARIANTS_MAX)
		return object;
	json_object_set_new(object, "difference", estimate_to_json(&compared->difference));
	json_object_set_new(object, "effect", json_real(compared->effect));
	json_object_set_new(object, "effect_size",
			    json_string(statistics_effect_word(compared->effect)));
	json_object_set_new(object, "better", json_pack("s?", better_name(compared->better)));
	json_object_set_new(object, "sentence", json_string(compared->sentence));
	return object;
}

static json_t *workflow_to_json(const struct comparison *comparison,
				const struct compared_workflow *workflow)
{
	json_t *object = json_pack("{s:s, s:I, s:s}", "workflow", workflow->name, "episode",
				   (json_int_t)workflow->episode + 1, "headline",
				   compared_name(workflow->headline));
	json_t *figures = json_object();

	for (size_t i = 0; i < comparison->variants_count; i++)
		json_object_set_new(object, better_name((int)i),
				    json_pack("{s:o, s:o, s:o}", "affected",
					      proportion_to_json(&workflow->affected[i]),
					      "recovered",
					      proportion_to_json(&workflow->recovered[i]), "passed",
					      proportion_to_json(&workflow->passed[i])));
	for (unsigned int i = 0; i < COMPARED_COUNT; i++)
		if (workflow->figures[i].counts[0] || workflow->figures[i].counts[1])
			json_object_set_new(figures, compared_name(i),
					    figure_to_json(comparison, &workflow->figures[i],
							   compared_unit_of(i)));
	json_object_set_new(object, "figures", figures);
	return object;
}

static json_t *variant_to_json(const struct variant *variant)
{
	json_t *runs = json_array();

	for (size_t i = 0; i < variant->runs_count; i++) {
		const struct compared_run *run = &variant->runs[i];

		json_array_append_new(
			runs, json_pack("{s:s, s:s, s:s, s:b}", "journal", run->journal.path,
					"verdict", verdict_name(run->analysis.verdict), "reason",
					run->analysis.reason, "left_out", run->left_out));
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "title", variant->name, "path", variant->path,
			 "passed", proportion_to_json(&variant->passed), "runs", runs);
}

int compare_json(const struct comparison *comparison, FILE *out)
{
	json_t *report, *variants = json_array(), *workflows = json_array();
	int r;

	for (size_t i = 0; i < comparison->variants_count; i++)
		json_array_append_new(variants, variant_to_json(&comparison->variants[i]));
	for (size_t i = 0; i < comparison->workflows_count; i++)
		json_array_append_new(workflows,
				      workflow_to_json(comparison, &comparison->workflows[i]));
	report = json_pack("{s:i, s:I, s:s?, s:s, s:o, s:o}", "format", COMPARE_FORMAT, "seed",
			   (json_int_t)comparison->seed, "better", better_name(comparison->better),
			   "conclusion", comparison->conclusion, "variants", variants, "workflows",
			   workflows);
	r = report && json_dumpf(report, out, JSON_INDENT(2)) == 0 ? 0 : -EIO;
	fputc('\n', out);
	json_decref(report);
	return r;
}
