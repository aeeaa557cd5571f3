/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that work on several runs: run --repeat, run --compare, compare. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/compare.h"
#include "user/controller/random.h"
#include "user/controller/run.h"
#include "user/controller/verb.h"

enum { REPEAT_DEFAULT = 5, EXIT_INCONCLUSIVE = 5 };

/* What the series plays: one experiment or two. */
struct series {
	const struct arguments *arguments;
	struct experiment experiments[COMPARE_VARIANTS_MAX];
	size_t count;
	uint64_t repeat, seed;
	char directory[PATH_MAX];
	char sides[COMPARE_VARIANTS_MAX][PATH_MAX + 4]; /* where the runs of each are */
	size_t played;
	int worst; /* exit code */
};

/* The exit codes of runs, the worse the later. */
static const int severities[] = {0, EXIT_INCONCLUSIVE, 6, 1};

static size_t severity(int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(severities); i++)
		if (severities[i] == code)
			return i;
	return ARRAY_SIZE(severities);
}

/* One run. 0, or the exit code with which the series ends here. */
static int play_one(struct series *series, size_t side, uint64_t round)
{
	const struct arguments *arguments = series->arguments;
	char directory[PATH_MAX + 32];
	struct run_options options = {
		.path = series->experiments[side].path,
		.output = directory,
		.socket_path = arguments->socket_path,
		/* Both experiments get the same: what the seed decides is no difference. */
		.seed = random_at(series->seed, RANDOM_ORDER, 1, round, 0) >> 11,
		.quiet = arguments->quiet,
		.as_root = arguments->as_root,
	};
	_cleanup_free_ char *journal = NULL;
	struct compared_run run = {0};
	struct failure failure = {0};
	int refusal = 0, code;

	snprintf(directory, sizeof(directory), "%s/%03llu", series->sides[side],
		 (unsigned long long)round + 1);
	if (!arguments->quiet)
		fprintf(stderr, "run %zu of %llu: %s\n", ++series->played,
			(unsigned long long)series->repeat * series->count,
			series->experiments[side].title);
	if (run_play(&options, &series->experiments[side], &journal, &refusal, &failure) < 0 ||
	    (refusal && failure.text[0]) ||
	    journal_read(journal, &run.history, &run.journal, &failure) < 0) {
		verb_complain("%s", failure.text);
		return refusal ? refusal : EXIT_BROKEN;
	}
	code = analysis_make(&run.history, &run.analysis) < 0 ? EXIT_BROKEN
							      : run.analysis.exit_code;
	analysis_free(&run.analysis);
	history_free(&run.history);
	journal_run_free(&run.journal);
	if (severity(code) == ARRAY_SIZE(severities))
		return code;
	if (severity(code) > severity(series->worst))
		series->worst = code;
	return 0;
}

/* Each round plays every experiment once, in an order that the seed draws. */
static int play_all(struct series *series)
{
	int code = 0;

	for (uint64_t round = 0; round < series->repeat && !code; round++) {
		size_t first = random_at(series->seed, RANDOM_ORDER, 0, round, 0) % series->count;

		for (size_t i = 0; i < series->count && !code; i++)
			code = play_one(series, (first + i) % series->count, round);
	}
	return code;
}

/* Below --output, or the default directory of the first title: A and B, or the runs themselves. */
static int choose_directories(struct series *series, struct failure *failure)
{
	const char *output = series->arguments->output;
	int r = 0;

	if (output && strlen(output) >= sizeof(series->directory))
		return fail(failure, -ENAMETOOLONG, "the output's path is too long");
	if (output)
		snprintf(series->directory, sizeof(series->directory), "%s", output);
	else
		r = journal_default_directory(series->experiments[0].title, clock_realtime_ns(),
					      series->directory, failure);
	for (size_t i = 0; i < series->count; i++)
		snprintf(series->sides[i], sizeof(series->sides[i]), "%s%s", series->directory,
			 series->count == 1 ? ""
			 : i		    ? "/B"
					    : "/A");
	return r;
}

/* How each format is made of a comparison; the others are of one run. */
static int (*const printers[REPORT_FORMAT_COUNT])(const struct comparison *comparison,
						  FILE *out) = {
	[REPORT_TABLE] = compare_table,
	[REPORT_JSON] = compare_json,
	[REPORT_HTML] = compare_html,
};

/* Before anything is run: whether the outputs can be had. 0 or the exit code. */
static int open_outputs(struct report_outputs *outputs)
{
	struct failure failure = {0};

	for (size_t i = 0; i < outputs->count; i++) {
		if (printers[outputs->items[i].format])
			continue;
		verb_complain("a comparison is a table, json or html, not %s",
			      report_format_name(outputs->items[i].format));
		return EXIT_USAGE;
	}
	if (report_outputs_open(outputs, &failure) == 0)
		return 0;
	verb_complain("%s", failure.text);
	return EXIT_USAGE;
}

static int print_comparison(struct report_outputs *outputs, const char *const *paths, size_t count,
			    uint64_t seed)
{
	struct comparison comparison = {0};
	struct failure failure = {0};
	bool empty = false;
	int r = comparison_make(paths, count, seed, &comparison, &failure);

	if (r < 0) {
		verb_complain("%s", failure.text);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < comparison.variants_count; i++)
		empty = empty ||
			comparison.variants[i].left_out == comparison.variants[i].runs_count;
	for (size_t i = 0; i < outputs->count && r == 0; i++) {
		report_output_begin(&outputs->items[i]);
		r = printers[outputs->items[i].format](&comparison, outputs->items[i].stream);
	}
	comparison_free(&comparison);
	if (r < 0)
		verb_complain("cannot print: %s", strerror(-r));
	return r < 0 ? EXIT_BROKEN : empty ? EXIT_INCONCLUSIVE : 0;
}

/* Everything is read and checked before the first run begins. */
static int prepare(struct series *series)
{
	const struct arguments *arguments = series->arguments;
	struct failure failure = {0};
	int code = 0;

	if (arguments->operands_count != (arguments->compare ? COMPARE_VARIANTS_MAX : 1)) {
		verb_complain(arguments->compare ? "run: --compare takes two experiments"
						 : "run: one experiment; two are for --compare");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < arguments->operands_count && !code; i++) {
		code = verb_load(arguments, arguments->operands[i], &series->experiments[i]);
		if (code)
			break;
		series->count++;
		code = verb_require_plan(arguments, &series->experiments[i]);
	}
	if (!code && choose_directories(series, &failure) < 0) {
		verb_complain("%s", failure.text);
		code = EXIT_BROKEN;
	}
	return code;
}

int verb_run_series(const struct arguments *arguments)
{
	struct series series = {
		.arguments = arguments,
		.repeat = arguments->repeat ? arguments->repeat : REPEAT_DEFAULT,
		.seed = verb_seed(arguments),
	};
	const char *paths[] = {series.sides[0], series.sides[1]};
	struct report_outputs outputs = arguments->reports;
	int code = prepare(&series), report;

	if (!code)
		code = open_outputs(&outputs);
	if (!code) {
		code = play_all(&series);
		/* What was played is told, also when it ended early. */
		report = print_comparison(&outputs, paths, series.count, series.seed);
		if (!code)
			code = arguments->compare ? report : series.worst;
	}
	report_outputs_close(&outputs);
	for (size_t i = 0; i < series.count; i++)
		experiment_free(&series.experiments[i]);
	return code;
}

int verb_compare(const struct arguments *arguments)
{
	struct report_outputs outputs = arguments->reports;
	int code = open_outputs(&outputs);

	if (!code)
		code = print_comparison(&outputs, (const char *const *)arguments->operands,
					arguments->operands_count,
					arguments->has_seed ? arguments->seed : 1);
	report_outputs_close(&outputs);
	return code;
}
