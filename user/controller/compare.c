/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/compare.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/record_json.h"

static const struct {
	const char *name;
	enum compared_unit unit;
	bool more_is_better;
} compared_table[] = {
	[COMPARED_RECOVER] = {"recover", COMPARED_SECONDS, false},
	[COMPARED_OUTAGE] = {"outage", COMPARED_SECONDS, false},
	[COMPARED_DETECT] = {"detect", COMPARED_SECONDS, false},
	[COMPARED_FIRST_SUCCESS] = {"first_success", COMPARED_SECONDS, false},
	[COMPARED_STEADY] = {"steady", COMPARED_SECONDS, false},
	[COMPARED_DRAIN] = {"drain", COMPARED_SECONDS, false},
	[COMPARED_AVAILABILITY] = {"availability", COMPARED_SHARE, true},
	[COMPARED_AMPLIFICATION] = {"amplification", COMPARED_RATIO, false},
	[COMPARED_SURGE] = {"surge", COMPARED_RATIO, false},
	[COMPARED_GOODPUT_LOST] = {"goodput_lost", COMPARED_UNITS, false},
};
_Static_assert(ARRAY_SIZE(compared_table) == COMPARED_COUNT, "a figure has no row");

const char *compared_name(unsigned int figure)
{
	return figure < COMPARED_COUNT ? compared_table[figure].name : NULL;
}

enum compared_unit compared_unit_of(unsigned int figure)
{
	return compared_table[figure].unit;
}

/* What ended before it could show anything is no run of the variant. */
static bool says_nothing(enum verdict verdict)
{
	return verdict == VERDICT_UNSTEADY || verdict == VERDICT_NOT_EXERCISED ||
	       verdict == VERDICT_REFUSED || verdict == VERDICT_INTERRUPTED ||
	       verdict == VERDICT_DAEMON_LOST;
}

static int run_add(const char *path, struct variant *variant, struct failure *failure)
{
	struct compared_run *grown, *run;
	int r;

	grown = reallocarray(variant->runs, variant->runs_count + 1, sizeof(*grown));
	if (!grown)
		return fail(failure, -ENOMEM, "out of memory");
	variant->runs = grown;
	run = &grown[variant->runs_count];
	*run = (struct compared_run){0};
	r = journal_read(path, &run->history, &run->journal, failure);
	if (r < 0)
		return r;
	r = analysis_make(&run->history, &run->analysis);
	variant->runs_count++;
	if (r < 0)
		return fail(failure, r, "out of memory");
	run->left_out = says_nothing(run->analysis.verdict);
	variant->left_out += run->left_out;
	return 0;
}

/* Whether `path` is a journal or the directory of one. */
static bool is_run(const char *path)
{
	_cleanup_free_ char *inside = NULL;
	struct stat status;

	if (stat(path, &status) < 0)
		return false;
	if (!S_ISDIR(status.st_mode))
		return true;
	return asprintf(&inside, "%s/journal.jsonl", path) >= 0 && stat(inside, &status) == 0;
}

static int below_add(const char *path, struct variant *variant, struct failure *failure)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, versionsort), r = 0;

	if (count < 0)
		return fail(failure, -errno, "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *inside = NULL;

		if (r == 0 && entries[i]->d_name[0] != '.' &&
		    asprintf(&inside, "%s/%s/journal.jsonl", path, entries[i]->d_name) >= 0 &&
		    is_run(inside))
			r = run_add(inside, variant, failure);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int variant_read(const char *path, struct variant *variant, struct failure *failure)
{
	uint64_t passed = 0;
	const char *title;
	int r;

	r = is_run(path) ? run_add(path, variant, failure) : below_add(path, variant, failure);
	if (r < 0)
		return r;
	if (!variant->runs)
		return fail(failure, -ENOENT,
			    "%s: no run is there: no journal.jsonl in it nor in "
			    "a directory below",
			    path);
	title = json_text(variant->runs[0].journal.header, "title");
	variant->name = strdup(title ? title : path);
	variant->path = strdup(path);
	if (!variant->name || !variant->path)
		return fail(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < variant->runs_count; i++)
		passed += variant->runs[i].analysis.verdict == VERDICT_PASSED;
	variant->passed = statistics_wilson(passed, variant->runs_count - variant->left_out);
	return 0;
}

/* A workflow of one run in one episode, by name; NULL: it is not there. */
static const struct workflow_result *result_of(const struct compared_run *run, const char *name,
					       size_t episode)
{
	int index = history_workflow(&run->history, name);

	if (run->left_out || index < 0 || episode >= run->analysis.episodes_count)
		return NULL;
	return &run->analysis.episodes[episode].results[index];
}

static bool take_figure(const struct figure *figure, struct sample *ret_sample)
{
	if (figure->state == FIGURE_NONE)
		return false;
	ret_sample->censored = figure->state == FIGURE_CENSORED;
	ret_sample->value =
		(double)(ret_sample->censored ? figure->low_ns : figure->ns) / (double)NS_PER_S;
	return true;
}

static bool take_number(double value, struct sample *ret_sample)
{
	*ret_sample = (struct sample){.value = value};
	return isfinite(value) && value >= 0;
}

static double ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : -1;
}

/* Whether the run has the figure. Work that did not fail was out for no time at all. */
static bool take_sample(const struct workflow_result *result, enum compared_figure figure,
			struct sample *ret_sample)
{
	const struct figure *figures[] = {
		[COMPARED_RECOVER] = &result->recover,
		[COMPARED_OUTAGE] = &result->outage,
		[COMPARED_DETECT] = &result->detect,
		[COMPARED_FIRST_SUCCESS] = &result->first_success,
		[COMPARED_STEADY] = &result->steady,
		[COMPARED_DRAIN] = &result->drain,
	};

	switch (figure) {
	case COMPARED_AVAILABILITY:
		return take_number(ratio(result->successes, result->intended), ret_sample);
	case COMPARED_AMPLIFICATION:
		return take_number(ratio(result->budget_attempts, result->budget_units),
				   ret_sample);
	case COMPARED_SURGE:
		return take_number(result->surge_1s, ret_sample);
	case COMPARED_GOODPUT_LOST:
		return take_number(result->goodput_lost, ret_sample);
	default:
		if (!result->affected && (figure == COMPARED_RECOVER || figure == COMPARED_OUTAGE))
			return take_number(0, ret_sample);
		return take_figure(figures[figure], ret_sample);
	}
}

static int take_samples(const struct variant *variant, const struct compared_workflow *workflow,
			enum compared_figure figure, size_t side, struct compared *compared)
{
	size_t count = 0;

	compared->samples[side] = calloc(variant->runs_count + 1, sizeof(struct sample));
	compared->runs[side] = calloc(variant->runs_count + 1, sizeof(size_t));
	if (!compared->samples[side] || !compared->runs[side])
		return -ENOMEM;
	for (size_t i = 0; i < variant->runs_count; i++) {
		const struct workflow_result *result =
			result_of(&variant->runs[i], workflow->name, workflow->episode);

		if (!result || !take_sample(result, figure, &compared->samples[side][count]))
			continue;
		compared->runs[side][count++] = i;
	}
	compared->counts[side] = count;
	return 0;
}

/* 0: A, 1: B, -1: not to be told. */
static int better_of(enum compared_figure figure, const struct estimate *difference)
{
	if (isnan(difference->value) || difference->method == INTERVAL_NONE ||
	    difference->confidence < COMPARE_CONFIDENCE - 1e-9)
		return -1;
	if (difference->low > 0)
		return compared_table[figure].more_is_better;
	if (difference->high < 0)
		return !compared_table[figure].more_is_better;
	return -1;
}

static int compare_figure(const struct comparison *comparison, struct compared_workflow *workflow,
			  enum compared_figure figure)
{
	struct compared *compared = &workflow->figures[figure];
	int r = 0;

	compared->better = -1;
	compared->difference.value = NAN;
	for (size_t i = 0; i < comparison->variants_count && r == 0; i++) {
		r = take_samples(&comparison->variants[i], workflow, figure, i, compared);
		if (r == 0)
			r = statistics_median(compared->samples[i], compared->counts[i],
					      comparison->seed, &compared->medians[i]);
	}
	if (r < 0 || comparison->variants_count < 2)
		return r;
	r = statistics_difference(compared->samples[0], compared->counts[0], compared->samples[1],
				  compared->counts[1], &compared->difference);
	if (r < 0)
		return r;
	compared->effect = statistics_effect(compared->samples[0], compared->counts[0],
					     compared->samples[1], compared->counts[1]);
	compared->better = better_of(figure, &compared->difference);
	compare_sentence(workflow, figure, compared->sentence, sizeof(compared->sentence));
	return 0;
}

/*
 * Where several faults come together, or a lift takes time, the end of the last one says little of
 * when the work was well again: the outage counts, which begins and ends where people feel it.
 */
static bool outage_counts(const struct comparison *comparison, size_t episode)
{
	for (size_t i = 0; i < comparison->variants_count; i++) {
		for (size_t j = 0; j < comparison->variants[i].runs_count; j++) {
			const struct compared_run *run = &comparison->variants[i].runs[j];
			const struct episode *here;

			if (episode >= run->analysis.episodes_count)
				continue;
			here = &run->analysis.episodes[episode];
			if (here->windows_count > 1 ||
			    run->history.windows[here->first_window].falls_at)
				return true;
		}
	}
	return false;
}

static void count_outcomes(const struct variant *variant, struct compared_workflow *workflow,
			   size_t side)
{
	uint64_t runs = 0, affected = 0, recovered = 0, passed = 0;

	for (size_t i = 0; i < variant->runs_count; i++) {
		const struct workflow_result *result =
			result_of(&variant->runs[i], workflow->name, workflow->episode);

		if (!result)
			continue;
		runs++;
		affected += result->affected;
		recovered += result->affected && result->recovered;
		passed += result->verdict == VERDICT_PASSED ||
			  result->verdict == VERDICT_NOT_AFFECTED;
	}
	workflow->affected[side] = statistics_wilson(affected, runs);
	workflow->recovered[side] = statistics_wilson(recovered, affected);
	workflow->passed[side] = statistics_wilson(passed, runs);
}

static int workflow_add(struct comparison *comparison, const char *name, size_t episode)
{
	struct compared_workflow *grown, *workflow;
	int r = 0;

	grown = reallocarray(comparison->workflows, comparison->workflows_count + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	comparison->workflows = grown;
	workflow = &grown[comparison->workflows_count++];
	*workflow = (struct compared_workflow){
		.name = name,
		.episode = episode,
		.headline = outage_counts(comparison, episode) ? COMPARED_OUTAGE : COMPARED_RECOVER,
	};
	for (size_t i = 0; i < comparison->variants_count; i++)
		count_outcomes(&comparison->variants[i], workflow, i);
	for (unsigned int i = 0; i < COMPARED_COUNT && r == 0; i++)
		r = compare_figure(comparison, workflow, (enum compared_figure)i);
	return r;
}

/* The workflows and episodes of the first run that says something. */
static int compare_workflows(struct comparison *comparison)
{
	const struct variant *first = &comparison->variants[0];
	const struct compared_run *run = NULL;
	int r = 0;

	for (size_t i = 0; i < first->runs_count && !run; i++)
		if (!first->runs[i].left_out)
			run = &first->runs[i];
	for (size_t i = 0; run && i < run->analysis.episodes_count; i++)
		for (size_t j = 0; j < run->history.workflows_count && r == 0; j++)
			r = workflow_add(comparison, run->history.workflows[j].name, i);
	return r;
}

int comparison_make(const char *const *paths, size_t count, uint64_t seed,
		    struct comparison *ret_comparison, struct failure *failure)
{
	struct comparison comparison = {.seed = seed, .better = -1};
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		comparison.variants_count++;
		r = variant_read(paths[i], &comparison.variants[i], failure);
	}
	if (r == 0) {
		r = compare_workflows(&comparison);
		if (r < 0)
			fail(failure, r, "out of memory");
	}
	if (r < 0) {
		comparison_free(&comparison);
		return r;
	}
	compare_conclude(&comparison);
	*ret_comparison = comparison;
	return 0;
}

static void variant_free(struct variant *variant)
{
	for (size_t i = 0; i < variant->runs_count; i++) {
		analysis_free(&variant->runs[i].analysis);
		history_free(&variant->runs[i].history);
		journal_run_free(&variant->runs[i].journal);
	}
	free(variant->runs);
	free(variant->name);
	free(variant->path);
}

void comparison_free(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->workflows_count; i++) {
		for (size_t j = 0; j < COMPARED_COUNT; j++) {
			struct compared *compared = &comparison->workflows[i].figures[j];

			for (size_t k = 0; k < COMPARE_VARIANTS_MAX; k++) {
				free(compared->samples[k]);
				free(compared->runs[k]);
			}
		}
	}
	free(comparison->workflows);
	for (size_t i = 0; i < COMPARE_VARIANTS_MAX; i++)
		variant_free(&comparison->variants[i]);
	*comparison = (struct comparison){0};
}
