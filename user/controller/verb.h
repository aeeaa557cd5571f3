/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of faultctl: one table, from which dispatch and --help come. A verb prints its data on
 * stdout, says what went wrong in one line on stderr and returns the exit code.
 */
#ifndef CONTROLLER_VERB_H
#define CONTROLLER_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "user/controller/report.h"

/* Exit codes that no verdict stands for. What cannot even begin (no memory, no directory for the
 * journal) shares the code of bad input: 1 would read as a missed budget. */
enum { EXIT_USAGE = 2, EXIT_BROKEN = 2, EXIT_DENIED = 4, EXIT_INTERRUPTED = 130 };

/* Runs of one series at most, of each of its experiments. */
enum { REPEAT_HIGHEST = 1000 };

/* What the command line said; an option that the verb does not take keeps its default. */
struct arguments {
	const char *socket_path;
	const char *output;	       /* directory; NULL: the default */
	const char *presets;	       /* directory; NULL: found */
	enum report_format format;     /* of verbs that print a table or JSON */
	struct report_outputs reports; /* of those that report a run */
	bool has_seed;
	uint64_t seed;
	bool quiet, as_root;
	uint64_t watch_ns; /* 0: explain, without a daemon */
	bool require_plan;
	const char *authority; /* directory; NULL: the default */
	uint64_t lifetime_ns;  /* of an authority; 0: the default */
	bool replace, check;   /* the authority that is there; who trusts it */
	uint64_t repeat;       /* 0: not said */
	bool compare;	       /* two experiments */
	bool answers;	       /* what `presets` lists: the named answers */
	char **operands;
	size_t operands_count;
};

struct verb {
	const char *name;
	int (*run)(const struct arguments *arguments);
	const char *operands; /* for the usage line */
	size_t operands_min, operands_max;
	const char *options; /* the keys of those that it takes */
	const char *help;    /* one line */
	const char *more;    /* paragraphs; may be NULL */
};

extern const struct verb verbs[];
extern const size_t verbs_count;

int verb_validate(const struct arguments *arguments);
int verb_plan(const struct arguments *arguments);
int verb_run(const struct arguments *arguments);
int verb_report(const struct arguments *arguments);
int verb_compare(const struct arguments *arguments);
int verb_status(const struct arguments *arguments);
int verb_lift(const struct arguments *arguments);
int verb_halt(const struct arguments *arguments);
int verb_release(const struct arguments *arguments);
int verb_presets(const struct arguments *arguments);
int verb_doctor(const struct arguments *arguments);
int verb_ca(const struct arguments *arguments);

/* Reads an experiment for a verb, prints its diagnostics on stderr. 0 or the exit code. */
int verb_load(const struct arguments *arguments, const char *path,
	      struct experiment *ret_experiment);
/* Whether the experiment was watched lately, where --require-plan asks for it. 0 or the exit code;
 * what is missing has been said. */
int verb_require_plan(const struct arguments *arguments, const struct experiment *experiment);
/* Plays the experiments of the operands again and again and reports them together. */
int verb_run_series(const struct arguments *arguments);
/* "faultctl: ..." on stderr. */
void verb_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The seed of the command line, or a fresh one. */
uint64_t verb_seed(const struct arguments *arguments);

/* Arms `plan` as a shadow for arguments->watch_ns and prints whom it would hit. The exit code. */
int shadow_watch(const struct arguments *arguments, const struct plan *plan);

/* Prints what would be done, for `plan`. 0 or -errno. */
int explain_experiment(const struct experiment *experiment, const struct plan *plan, FILE *out);

#endif
