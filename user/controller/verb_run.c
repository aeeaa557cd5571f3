/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that work on files: validate, plan, run, report, presets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/controller/plan_record.h"
#include "user/controller/run.h"
#include "user/controller/verb.h"
#include "user/protocol/plan_json.h"

uint64_t verb_seed(const struct arguments *arguments)
{
	uint64_t seed = 0;

	if (arguments->has_seed)
		return arguments->seed;
	/* Without entropy a seed of 0 is as good as any: it is recorded. 53 bits survive readers
	 * of JSON that keep numbers in doubles. */
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 0;
	return seed >> 11;
}

static int load(const struct arguments *arguments, const char *path, bool resolve,
		struct experiment *ret_experiment)
{
	struct experiment_options options = {
		.presets_directory = arguments->presets,
		.resolve_machine_presets = resolve,
	};
	_cleanup_free_ struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));

	if (!diagnostics) {
		verb_complain("out of memory");
		return EXIT_BROKEN;
	}
	if (experiment_load(path, &options, ret_experiment, diagnostics) == 0)
		return 0;
	diagnostics_print(diagnostics, path, stderr);
	return EXIT_USAGE;
}

int verb_load(const struct arguments *arguments, const char *path,
	      struct experiment *ret_experiment)
{
	return load(arguments, path, true, ret_experiment);
}

static int validate_one(const struct arguments *arguments, const char *path)
{
	struct experiment experiment = {0};
	struct failure failure = {0};
	struct plan plan = {0};
	char time[NUMBER_DURATION_SIZE];
	int r = load(arguments, path, true, &experiment);

	if (r)
		return r;
	r = experiment_compile(&experiment, 0, &plan, &failure);
	if (r < 0) {
		fprintf(stderr, "%s: error: %s\n", path, failure.text);
	} else {
		number_format_seconds(experiment_duration_ns(&experiment), time);
		printf("%s: valid: %zu workflows, %zu faults, %zu rules, at most %s\n", path,
		       experiment.workflows_count, experiment.faults_count, plan.rules_count, time);
		plan_free(&plan);
	}
	experiment_free(&experiment);
	return r < 0 ? EXIT_USAGE : 0;
}

int verb_validate(const struct arguments *arguments)
{
	int worst = 0;

	for (size_t i = 0; i < arguments->operands_count; i++) {
		int r = validate_one(arguments, arguments->operands[i]);

		if (r)
			worst = r;
	}
	return worst;
}

static int print_plan(const struct plan *plan)
{
	_cleanup_free_ char *text = NULL;
	json_t *object;

	if (plan_to_json(plan, &text) < 0 || !(object = json_loads(text, 0, NULL)))
		return -ENOMEM;
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
	return 0;
}

int verb_plan(const struct arguments *arguments)
{
	const char *path = arguments->operands[0];
	struct experiment experiment = {0};
	struct failure failure = {0};
	struct plan plan = {0};
	int r = verb_load(arguments, path, &experiment), code = 0;

	if (r)
		return r;
	r = experiment_compile(&experiment, verb_seed(arguments), &plan, &failure);
	if (r < 0)
		verb_complain("%s: %s", path, failure.text);
	else if (arguments->watch_ns)
		code = shadow_watch(arguments, &plan);
	else if (arguments->format == REPORT_JSON)
		r = print_plan(&plan);
	else
		r = explain_experiment(&experiment, &plan, stdout);
	plan_free(&plan);
	experiment_free(&experiment);
	return r < 0 ? EXIT_USAGE : code;
}

int verb_require_plan(const struct arguments *arguments, const struct experiment *experiment)
{
	struct failure failure = {0};
	struct plan plan = {0};
	int r;

	if (!arguments->require_plan)
		return 0;
	r = experiment_compile(experiment, 0, &plan, &failure);
	if (r == 0)
		r = plan_record_check(&plan, clock_realtime_ns(), &failure);
	plan_free(&plan);
	if (r == 0)
		return 0;
	verb_complain("%s", failure.text);
	return r == -ENOENT ? EXIT_DENIED : EXIT_USAGE;
}

/* Plays the experiment and reports it. The exit code. */
static int play(const struct arguments *arguments, const struct experiment *experiment,
		struct report_outputs *reports)
{
	const struct run_options options = {
		.path = arguments->operands[0],
		.output = arguments->output,
		.socket_path = arguments->socket_path,
		.seed = verb_seed(arguments),
		.quiet = arguments->quiet,
		.as_root = arguments->as_root,
	};
	_cleanup_free_ char *journal = NULL;
	struct failure failure = {0};
	int refusal = 0, code = EXIT_BROKEN;

	if (run_play(&options, experiment, &journal, &refusal, &failure) < 0) {
		verb_complain("%s", failure.text);
		return EXIT_BROKEN;
	}
	/* Refused before anything was armed: there is nothing to report. */
	if (refusal && failure.text[0]) {
		verb_complain("%s", failure.text);
		return refusal;
	}
	if (report_journal(journal, reports, &code, &failure) < 0)
		verb_complain("%s", failure.text);
	return refusal ? refusal : code;
}

int verb_run(const struct arguments *arguments)
{
	struct report_outputs reports = arguments->reports;
	struct experiment experiment = {0};
	struct failure failure = {0};
	int code;

	if (arguments->repeat || arguments->compare)
		return verb_run_series(arguments);
	if (arguments->operands_count > 1) {
		verb_complain("run: one experiment; two are for --compare");
		return EXIT_USAGE;
	}
	code = verb_load(arguments, arguments->operands[0], &experiment);
	if (code)
		return code;
	code = verb_require_plan(arguments, &experiment);
	if (code == 0 && report_outputs_open(&reports, &failure) < 0) {
		verb_complain("%s", failure.text);
		code = EXIT_USAGE;
	}
	if (code == 0)
		code = play(arguments, &experiment, &reports);
	report_outputs_close(&reports);
	experiment_free(&experiment);
	return code;
}

int verb_report(const struct arguments *arguments)
{
	struct report_outputs reports = arguments->reports;
	struct failure failure = {0};
	int code = 0, r = report_outputs_open(&reports, &failure);

	if (r == 0)
		r = report_journal(arguments->operands[0], &reports, &code, &failure);
	report_outputs_close(&reports);
	if (r == 0)
		return code;
	verb_complain("%s", failure.text);
	return EXIT_USAGE;
}
