/* SPDX-License-Identifier: Apache-2.0 */
#include <argp.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/controller/authority_store.h"
#include "user/controller/client.h"
#include "user/controller/verb.h"

/* What an option of the command line is called; the key is also what struct verb lists. */
enum { KEY_SOCKET = 's', KEY_OUTPUT = 'd', KEY_FORMAT = 'o', KEY_SEED = 'n', KEY_QUIET = 'q' };
enum { KEY_AS_ROOT = 'r', KEY_PRESETS = 'p', KEY_ANSWERS = 'a' };
enum { KEY_WATCH = 'w', KEY_REQUIRE_PLAN = 'f', KEY_REPEAT = 'k', KEY_COMPARE = 'c' };
enum { KEY_AUTHORITY = 'C', KEY_LIFETIME = 'l', KEY_REPLACE = 't', KEY_CHECK = 'e' };
/* In struct verb: -o of those that print reports of a run, any number of them. */
enum { LETTER_REPORT = 'O' };

static const struct argp_option all_options[] = {
	{"socket", KEY_SOCKET, "PATH", 0, "The daemon's socket (" CLIENT_SOCKET_DEFAULT ")", 0},
	{"output", KEY_OUTPUT, "DIR", 0,
	 "Directory of the journal (below $XDG_STATE_HOME/faultctl/runs)", 0},
	{"format", KEY_FORMAT, "FORMAT", 0, "table or json", 0},
	{"seed", KEY_SEED, "N", 0, "Seed of the schedule and of shares (random)", 0},
	{"quiet", KEY_QUIET, NULL, 0, "No progress on stderr", 0},
	{"as-root", KEY_AS_ROOT, NULL, 0, "Run commands as root, also under sudo", 0},
	{"watch", KEY_WATCH, "TIME", 0,
	 "Arm as a shadow for that long and say whom the plan would hit", 0},
	{"require-plan", KEY_REQUIRE_PLAN, NULL, 0,
	 "Run only what `plan --watch` has watched within a day", 0},
	{"repeat", KEY_REPEAT, "N", 0, "Run it N times and report them together", 0},
	{"compare", KEY_COMPARE, NULL, 0,
	 "Run two experiments in turns, in an order that is drawn, and compare them", 0},
	{"presets", KEY_PRESETS, "DIR", 0, "Directory of the presets", 0},
	{"directory", KEY_AUTHORITY, "DIR", 0, "Where the authority is (" AUTHORITY_DIRECTORY ")",
	 0},
	{"lifetime", KEY_LIFETIME, "TIME", 0, "How long it is valid: 1h to 2160h (168h)", 0},
	{"replace", KEY_REPLACE, NULL, 0, "Make another one in place of what is there", 0},
	{"check", KEY_CHECK, NULL, 0, "Exit with 1 when a client would not trust it", 0},
	{"answers", KEY_ANSWERS, NULL, 0, "The named answers instead of the presets", 0},
};

static const struct argp_option report_option = {
	"format",
	KEY_FORMAT,
	"FORMAT[=FILE]",
	0,
	"A report: table, json, junit, github, markdown, chaos-toolkit, openmetrics or html; may "
	"be "
	"given several times",
	0,
};

#define WATCH_LOWEST  NS_PER_S
#define WATCH_HIGHEST (23 * 3600 * NS_PER_S)

#define LIFETIME_LOWEST	 (3600 * NS_PER_S)
#define LIFETIME_HIGHEST (90 * 24 * 3600 * NS_PER_S)

struct invocation {
	const struct verb *verb;
	struct arguments arguments;
};

static error_t parse_format(struct argp_state *state, const char *text,
			    enum report_format *ret_format)
{
	if (report_format_by_name(text, ret_format) < 0 ||
	    (*ret_format != REPORT_TABLE && *ret_format != REPORT_JSON))
		argp_error(state, "no such format: %s; table and json are", text);
	return 0;
}

static error_t parse_report(struct argp_state *state, const char *text, struct arguments *arguments)
{
	struct failure failure;

	if (report_outputs_add(&arguments->reports, text, &failure) < 0)
		argp_error(state, "%s", failure.text);
	return 0;
}

static error_t parse_seed(struct argp_state *state, const char *text, struct arguments *arguments)
{
	if (number_parse_u64(text, 0, INT64_MAX, &arguments->seed) < 0)
		argp_error(state, "a seed is a whole number below 2^63, not %s", text);
	arguments->has_seed = true;
	return 0;
}

static error_t parse_watch(struct argp_state *state, const char *text, struct arguments *arguments)
{
	if (number_parse_duration(text, &arguments->watch_ns) < 0 ||
	    arguments->watch_ns < WATCH_LOWEST || arguments->watch_ns > WATCH_HIGHEST)
		argp_error(state, "a time to watch is 1s to 23h, not %s", text);
	return 0;
}

static error_t parse_lifetime(struct argp_state *state, const char *text,
			      struct arguments *arguments)
{
	if (number_parse_duration(text, &arguments->lifetime_ns) < 0 ||
	    arguments->lifetime_ns < LIFETIME_LOWEST || arguments->lifetime_ns > LIFETIME_HIGHEST)
		argp_error(state, "a lifetime is 1h to 2160h, not %s", text);
	return 0;
}

static error_t parse_repeat(struct argp_state *state, const char *text, struct arguments *arguments)
{
	if (number_parse_u64(text, 1, REPEAT_HIGHEST, &arguments->repeat) < 0)
		argp_error(state, "a number of runs is 1 to %d, not %s", REPEAT_HIGHEST, text);
	return 0;
}

static error_t parse_end(struct argp_state *state, const struct invocation *invocation)
{
	const struct verb *verb = invocation->verb;

	if (invocation->arguments.operands_count < verb->operands_min)
		argp_error(state, "%s is missing", verb->operands);
	if (invocation->arguments.operands_count > verb->operands_max)
		argp_error(state, "too many arguments");
	return 0;
}

/* Options that are kept as they are said: flags, and texts. */
static const struct {
	int key;
	size_t flag, text; /* where; 0: the other one */
} kept_options[] = {
	{KEY_QUIET, offsetof(struct arguments, quiet), 0},
	{KEY_REQUIRE_PLAN, offsetof(struct arguments, require_plan), 0},
	{KEY_COMPARE, offsetof(struct arguments, compare), 0},
	{KEY_ANSWERS, offsetof(struct arguments, answers), 0},
	{KEY_AS_ROOT, offsetof(struct arguments, as_root), 0},
	{KEY_REPLACE, offsetof(struct arguments, replace), 0},
	{KEY_CHECK, offsetof(struct arguments, check), 0},
	{KEY_OUTPUT, 0, offsetof(struct arguments, output)},
	{KEY_PRESETS, 0, offsetof(struct arguments, presets)},
	{KEY_AUTHORITY, 0, offsetof(struct arguments, authority)},
};

static error_t keep_option(int key, char *text, struct arguments *arguments)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept_options); i++) {
		if (kept_options[i].key != key)
			continue;
		if (kept_options[i].flag)
			*(bool *)((char *)arguments + kept_options[i].flag) = true;
		else
			*(const char **)((char *)arguments + kept_options[i].text) = text;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct invocation *invocation = state->input;
	struct arguments *arguments = &invocation->arguments;

	switch (key) {
	case KEY_SOCKET:
		arguments->socket_path = text;
		return 0;
	case KEY_FORMAT:
		if (strchr(invocation->verb->options, LETTER_REPORT))
			return parse_report(state, text, arguments);
		return parse_format(state, text, &arguments->format);
	case KEY_SEED:
		return parse_seed(state, text, arguments);
	case KEY_WATCH:
		return parse_watch(state, text, arguments);
	case KEY_REPEAT:
		return parse_repeat(state, text, arguments);
	case KEY_LIFETIME:
		return parse_lifetime(state, text, arguments);
	case ARGP_KEY_ARGS:
		arguments->operands = state->argv + state->next;
		arguments->operands_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_END:
		return parse_end(state, invocation);
	default:
		return keep_option(key, text, arguments);
	}
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
	struct argp_option options[ARRAY_SIZE(all_options) + 1] = {0};
	struct invocation invocation = {
		.verb = verb,
		.arguments.socket_path = CLIENT_SOCKET_DEFAULT,
	};
	struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = verb->operands,
	};
	_cleanup_free_ char *name = NULL, *text = NULL;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all_options); i++)
		if (strchr(verb->options, all_options[i].key))
			options[count++] = all_options[i];
	if (strchr(verb->options, LETTER_REPORT))
		options[count++] = report_option;
	if (asprintf(&name, "faultctl %s", verb->name) < 0 ||
	    asprintf(&text, "%s.\v%s", verb->help, verb->more ? verb->more : "") < 0)
		return EXIT_BROKEN;
	argp.doc = text;
	argv[0] = name;
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &invocation);
	return verb->run(&invocation.arguments);
}

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: faultctl VERB [OPTION...] [ARGUMENT...]\n\n");
	for (size_t i = 0; i < verbs_count; i++) {
		char usage[64];

		snprintf(usage, sizeof(usage), "%s %s", verbs[i].name, verbs[i].operands);
		fprintf(out, "  %-22s %s\n", usage, verbs[i].help);
	}
	fprintf(out,
		"\n'faultctl VERB --help' says more. Exit codes: 0 passed, 1 failed, 2 usage or "
		"invalid\nfile, 3 daemon unreachable, 4 denied or busy, 5 inconclusive, "
		"6 aborted,\n130 interrupted.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("faultctl " FAULTD_VERSION);
		return 0;
	}
	for (size_t i = 0; i < verbs_count; i++)
		if (strcmp(verbs[i].name, argv[1]) == 0)
			return run_verb(&verbs[i], argc - 1, argv + 1);
	fprintf(stderr, "faultctl: no such verb: %s; 'faultctl --help' lists them\n", argv[1]);
	return EXIT_USAGE;
}
