/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JUnit XML as Ant, Jenkins and GitLab read it: a suite for the run and one per episode, in it a
 * case per workflow and one per budget. What decides nothing is an error, not a skip: CI services
 * count skipped cases as well.
 *
 * Ant's schema is the strictest, and all of it holds: no attributes of the whole, properties first
 * and output last in a suite, and nothing but what went wrong in a case.
 */
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/controller/record_json.h"
#include "user/controller/report_figures.h"
#include "user/gate/digest.h"

/* A suite while its cases are gathered; its counts stand in front of them. */
struct suite {
	size_t id;
	const struct episode *episode; /* NULL: it is the run's */
	char *text;
	size_t size;
	FILE *cases;
	unsigned int tests, failures, errors;
};

struct outcome {
	const char *element; /* "failure", "error"; NULL: passed */
	const char *type;
	char message[256];
};

/* What a case is called, in two parts, and how long it took. */
struct named {
	const char *name, *rest;
	uint64_t ns;
};

static int suite_open(struct suite *suite, size_t id, const struct episode *episode)
{
	*suite = (struct suite){.id = id, .episode = episode};
	suite->cases = open_memstream(&suite->text, &suite->size);
	return suite->cases ? 0 : -ENOMEM;
}

/* Jenkins takes what is in front of the last dot for a package. */
static void print_class(const struct report *report, FILE *out)
{
	_cleanup_free_ char *name = strdup(report_header(report, "title"));

	for (char *byte = name; byte && *byte; byte++)
		if (*byte == '.')
			*byte = '_';
	escape_markup(out, name ? name : "");
}

static void print_seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "%llu.%03llu", (unsigned long long)(ns / NS_PER_S),
		(unsigned long long)(ns % NS_PER_S / NS_PER_MS));
}

/* From `from`, which did not happen if 0, to `until`. */
static uint64_t span(uint64_t from, uint64_t until)
{
	return from && until > from ? until - from : 0;
}

static void print_figures(const struct workflow_result *result, FILE *out)
{
	char value[REPORT_CELL_SIZE];

	for (size_t i = 0; i < report_figures_count; i++) {
		report_figure_text(&report_figures[i], result, true, value);
		fprintf(out, "%s: %s\n", report_figures[i].label, value);
	}
}

/* Prints a case. What failed shows the figures of `result` too, where there is one. */
static void print_case(struct suite *suite, const struct report *report, const struct named *named,
		       const struct outcome *outcome, const struct workflow_result *result)
{
	suite->tests++;
	fputs("    <testcase classname=\"", suite->cases);
	print_class(report, suite->cases);
	fputs("\" name=\"", suite->cases);
	escape_markup(suite->cases, named->name);
	escape_markup(suite->cases, named->rest);
	fputs("\" time=\"", suite->cases);
	print_seconds(suite->cases, named->ns);
	if (!outcome->element) {
		fputs("\"/>\n", suite->cases);
		return;
	}
	suite->failures += strcmp(outcome->element, "failure") == 0;
	suite->errors += strcmp(outcome->element, "error") == 0;
	fprintf(suite->cases, "\">\n      <%s type=\"%s\" message=\"", outcome->element,
		outcome->type);
	escape_markup(suite->cases, outcome->message);
	fputs("\">", suite->cases);
	escape_markup(suite->cases, outcome->message);
	if (result) {
		fputc('\n', suite->cases);
		print_figures(result, suite->cases);
	}
	fprintf(suite->cases, "</%s>\n    </testcase>\n", outcome->element);
}

/* "failed", "inconclusive" and so on as an outcome, with a message yet to be filled in. */
static struct outcome outcome_of(enum verdict verdict)
{
	return (struct outcome){
		.element = verdict_exit_code(verdict) == 0   ? NULL
			   : verdict_exit_code(verdict) == 1 ? "failure"
							     : "error",
		.type = verdict_name(verdict),
	};
}

static void run_case(struct suite *suite, const struct report *report)
{
	const struct history *history = report->history;
	const struct named named = {"verdict", "", span(history->started_at, history->ended_at)};
	struct outcome outcome = outcome_of(report->analysis->verdict);

	snprintf(outcome.message, sizeof(outcome.message), "%s", report->analysis->reason);
	print_case(suite, report, &named, &outcome, NULL);
}

static void budget_case(struct suite *suite, const struct report *report,
			const struct report_figure *figure, const struct terms *terms,
			const struct workflow_result *result)
{
	const char *name = budget_name((unsigned int)figure->budget);
	char limit[REPORT_CELL_SIZE], value[REPORT_CELL_SIZE], rest[2 * REPORT_CELL_SIZE];
	enum budget_outcome judged = result->budgets[figure->budget];
	struct named named = {terms->name, rest, 0};
	struct outcome outcome = {0};

	report_cell_limit(limit, &terms->budget, (enum budget_kind)figure->budget);
	report_figure_text(figure, result, true, value);
	snprintf(rest, sizeof(rest), ": %s %s %s", name,
		 figure->budget == BUDGET_AVAILABILITY ? "at least" : "at most", limit);
	named.ns = figure->kind == REPORT_DURATION ? figure->read(result).figure->ns : 0;
	if (judged != BUDGET_MET)
		outcome =
			outcome_of(judged == BUDGET_MISSED ? VERDICT_FAILED : VERDICT_INCONCLUSIVE);
	snprintf(outcome.message, sizeof(outcome.message), "%s is %s, the budget is %s", name,
		 value, limit);
	print_case(suite, report, &named, &outcome, NULL);
}

static void workflow_cases(struct suite *suite, const struct report *report,
			   const struct terms *terms, const struct workflow_result *result)
{
	const struct named named = {terms->name, "",
				    result->outage.state == FIGURE_NONE ? 0 : result->outage.ns};
	struct outcome outcome = outcome_of(result->verdict);

	snprintf(outcome.message, sizeof(outcome.message), "%s",
		 report_verdict_definition(result->verdict));
	print_case(suite, report, &named, &outcome, result);
	for (size_t i = 0; i < report_figures_count; i++)
		if (report_figures[i].budget != BUDGET_COUNT &&
		    result->budgets[report_figures[i].budget] != BUDGET_NONE)
			budget_case(suite, report, &report_figures[i], terms, result);
}

static void print_property(const char *name, const char *value, FILE *out)
{
	fprintf(out, "      <property name=\"%s\" value=\"", name);
	escape_markup(out, value ? value : "");
	fputs("\"/>\n", out);
}

/* Which run this was: enough to find its experiment, its journal and its machine again. */
static void run_properties(const struct report *report, FILE *out)
{
	const json_t *experiment = json_object_get(report->run->header, "experiment");
	const char *text = json_text(experiment, "text");
	char digest[DIGEST_TEXT_SIZE], number[24];

	print_property("faultd.version", report_header(report, "version"), out);
	print_property("experiment", json_text(experiment, "path"), out);
	if (text && digest_sha256(text, strlen(text), digest) == 0)
		print_property("experiment.sha256", digest, out);
	snprintf(number, sizeof(number), "%llu",
		 (unsigned long long)json_u64(report->run->header, "seed"));
	print_property("seed", number, out);
	print_property("kernel", report_header(report, "kernel"), out);
	print_property("boot_id", report_header(report, "boot_id"), out);
	print_property("journal", report->run->path, out);
	print_property("verdict", verdict_name(report->analysis->verdict), out);
	snprintf(number, sizeof(number), "%d", report->analysis->exit_code);
	print_property("exit_code", number, out);
}

static void episode_properties(const struct report *report, const struct episode *episode,
			       FILE *out)
{
	char time[CLOCK_RFC3339_SIZE];

	print_property("verdict", verdict_name(episode->verdict), out);
	report_time_of_day(report, episode->injected_first, time);
	print_property("injected_at", time, out);
	if (episode->lifted_last) {
		report_time_of_day(report, episode->lifted_last, time);
		print_property("lifted_at", time, out);
	}
	print_property("cause", lift_cause_name(episode->cause), out);
}

/* What happened, for people: why the run ended so, the figures of every workflow. */
static void print_output(const struct report *report, const struct suite *suite, FILE *out)
{
	fputs("    <system-out>", out);
	if (!suite->episode) {
		escape_markup(out, report->analysis->reason);
		fputc('\n', out);
	}
	for (size_t i = 0; suite->episode && i < report->history->workflows_count; i++) {
		const struct workflow_result *result = &suite->episode->results[i];

		fputs(i ? "\n" : "", out);
		escape_markup(out, report->history->workflows[i].name);
		fprintf(out, ": %s\n", verdict_name(result->verdict));
		print_figures(result, out);
	}
	fputs("</system-out>\n    <system-err></system-err>\n", out);
}

/* The suite's element around its cases. */
static void suite_print(const struct suite *suite, const struct report *report, const char *name,
			FILE *out)
{
	const struct episode *episode = suite->episode;
	uint64_t from = episode ? episode->injected_first : report->history->started_at;
	uint64_t until = episode ? episode->observed_until : report->history->ended_at;
	const char *host = report_header(report, "host");
	char time[CLOCK_RFC3339_SIZE];

	report_time_of_day(report, from, time);
	time[strcspn(time, ".")] = '\0';
	fprintf(out, "  <testsuite id=\"%zu\" name=\"", suite->id);
	escape_markup(out, name);
	fputs("\" package=\"", out);
	print_class(report, out);
	fprintf(out, "\" timestamp=\"%s\" hostname=\"", time);
	escape_markup(out, *host ? host : "localhost");
	fprintf(out, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" time=\"", suite->tests,
		suite->failures, suite->errors);
	print_seconds(out, span(from, until));
	fputs("\">\n    <properties>\n", out);
	if (episode)
		episode_properties(report, episode, out);
	else
		run_properties(report, out);
	fputs("    </properties>\n", out);
	fwrite(suite->text, 1, suite->size, out);
	print_output(report, suite, out);
	fputs("  </testsuite>\n", out);
}

/* Suite 0 is the run's, the others are those of the episodes. */
static int print_suite(const struct report *report, size_t id, FILE *out)
{
	const struct history *history = report->history;
	const struct episode *episode = id ? &report->analysis->episodes[id - 1] : NULL;
	_cleanup_free_ char *title =
		episode ? report_episode_title(history, episode, id) : strdup("Run");
	struct suite suite;
	int r = title ? suite_open(&suite, id, episode) : -ENOMEM;

	if (r < 0)
		return r;
	if (!episode)
		run_case(&suite, report);
	for (size_t i = 0; episode && i < history->workflows_count; i++)
		workflow_cases(&suite, report, &history->workflows[i], &episode->results[i]);
	if (fclose(suite.cases))
		r = -ENOMEM;
	else
		suite_print(&suite, report, title, out);
	free(suite.text);
	return r;
}

int report_junit(const struct report *report, FILE *out)
{
	int r = 0;

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", out);
	for (size_t i = 0; i <= report->analysis->episodes_count && r == 0; i++)
		r = print_suite(report, i, out);
	fputs("</testsuites>\n", out);
	return r;
}
