/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JUnit XML as Jenkins and GitLab read it: a suite for the run and one per episode, in it a case
 * per workflow and one per budget. What decides nothing is an error, not a skip: CI services count
 * skipped cases as well.
 */
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/controller/report_figures.h"

/* A suite while its cases are gathered; its counts stand in front of them. */
struct suite {
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

static int suite_open(struct suite *suite)
{
	*suite = (struct suite){0};
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

/* Begins a case; the caller closes the element. */
static void case_begin(struct suite *suite, const struct report *report, const char *name,
		       const char *rest, uint64_t ns)
{
	suite->tests++;
	fputs("    <testcase classname=\"", suite->cases);
	print_class(report, suite->cases);
	fputs("\" name=\"", suite->cases);
	escape_markup(suite->cases, name);
	escape_markup(suite->cases, rest);
	fputs("\" time=\"", suite->cases);
	print_seconds(suite->cases, ns);
	fputs("\">\n", suite->cases);
}

static void case_outcome(struct suite *suite, const struct outcome *outcome)
{
	if (!outcome->element)
		return;
	suite->failures += strcmp(outcome->element, "failure") == 0;
	suite->errors += strcmp(outcome->element, "error") == 0;
	fprintf(suite->cases, "      <%s type=\"%s\" message=\"", outcome->element, outcome->type);
	escape_markup(suite->cases, outcome->message);
	fputs("\">", suite->cases);
	escape_markup(suite->cases, outcome->message);
	fprintf(suite->cases, "</%s>\n", outcome->element);
}

static void suite_close(struct suite *suite, const struct report *report, const char *name,
			uint64_t from, uint64_t until, FILE *out)
{
	char time[CLOCK_RFC3339_SIZE];

	report_time_of_day(report, from, time);
	time[strcspn(time, ".")] = '\0';
	fputs("  <testsuite name=\"", out);
	escape_markup(out, name);
	fprintf(out,
		"\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\" timestamp=\"%s\" "
		"hostname=\"",
		suite->tests, suite->failures, suite->errors, time);
	escape_markup(out, report_header(report, "host"));
	fputs("\" time=\"", out);
	print_seconds(out, until > from ? until - from : 0);
	fputs("\">\n", out);
	fwrite(suite->text, 1, suite->size, out);
	fputs("  </testsuite>\n", out);
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
	struct outcome outcome = outcome_of(report->analysis->verdict);

	case_begin(suite, report, "verdict", "",
		   history->ended_at > history->started_at && history->started_at
			   ? history->ended_at - history->started_at
			   : 0);
	snprintf(outcome.message, sizeof(outcome.message), "%s", report->analysis->reason);
	case_outcome(suite, &outcome);
	fputs("      <system-out>", suite->cases);
	escape_markup(suite->cases, report->analysis->reason);
	fputs("\n", suite->cases);
	escape_markup(suite->cases, report->run->path);
	fputs("</system-out>\n    </testcase>\n", suite->cases);
}

static void budget_case(struct suite *suite, const struct report *report,
			const struct report_figure *figure, const struct terms *terms,
			const struct workflow_result *result)
{
	const char *name = budget_name((unsigned int)figure->budget);
	char limit[REPORT_CELL_SIZE], value[REPORT_CELL_SIZE], rest[2 * REPORT_CELL_SIZE];
	enum budget_outcome judged = result->budgets[figure->budget];
	struct outcome outcome = {0};

	report_cell_limit(limit, &terms->budget, (enum budget_kind)figure->budget);
	report_figure_text(figure, result, true, value);
	snprintf(rest, sizeof(rest), ": %s %s %s", name,
		 figure->budget == BUDGET_AVAILABILITY ? "at least" : "at most", limit);
	case_begin(suite, report, terms->name, rest,
		   figure->kind == REPORT_DURATION ? figure->read(result).figure->ns : 0);
	if (judged != BUDGET_MET)
		outcome =
			outcome_of(judged == BUDGET_MISSED ? VERDICT_FAILED : VERDICT_INCONCLUSIVE);
	snprintf(outcome.message, sizeof(outcome.message), "%s is %s, the budget is %s", name,
		 value, limit);
	case_outcome(suite, &outcome);
	fputs("    </testcase>\n", suite->cases);
}

static void workflow_cases(struct suite *suite, const struct report *report,
			   const struct terms *terms, const struct workflow_result *result)
{
	struct outcome outcome = outcome_of(result->verdict);
	char value[REPORT_CELL_SIZE];

	case_begin(suite, report, terms->name, "",
		   result->outage.state == FIGURE_NONE ? 0 : result->outage.ns);
	snprintf(outcome.message, sizeof(outcome.message), "%s",
		 report_verdict_definition(result->verdict));
	case_outcome(suite, &outcome);
	fputs("      <system-out>", suite->cases);
	for (size_t i = 0; i < report_figures_count; i++) {
		report_figure_text(&report_figures[i], result, true, value);
		fprintf(suite->cases, "%s: %s\n", report_figures[i].label, value);
	}
	fputs("</system-out>\n    </testcase>\n", suite->cases);
	for (size_t i = 0; i < report_figures_count; i++)
		if (report_figures[i].budget != BUDGET_COUNT &&
		    result->budgets[report_figures[i].budget] != BUDGET_NONE)
			budget_case(suite, report, &report_figures[i], terms, result);
}

static int print_suite(const struct report *report, size_t number, struct suite *total, FILE *out)
{
	const struct history *history = report->history;
	const struct episode *episode = number ? &report->analysis->episodes[number - 1] : NULL;
	_cleanup_free_ char *title =
		episode ? report_episode_title(history, episode, number) : strdup("Run");
	struct suite suite;
	int r = title ? suite_open(&suite) : -ENOMEM;

	if (r < 0)
		return r;
	if (!episode)
		run_case(&suite, report);
	for (size_t i = 0; episode && i < history->workflows_count; i++)
		workflow_cases(&suite, report, &history->workflows[i], &episode->results[i]);
	if (fclose(suite.cases))
		r = -ENOMEM;
	else if (episode)
		suite_close(&suite, report, title, episode->injected_first, episode->observed_until,
			    out);
	else
		suite_close(&suite, report, title, history->started_at, history->ended_at, out);
	total->tests += suite.tests;
	total->failures += suite.failures;
	total->errors += suite.errors;
	free(suite.text);
	return r;
}

int report_junit(const struct report *report, FILE *out)
{
	struct suite total;
	int r = suite_open(&total);

	if (r < 0)
		return r;
	for (size_t i = 0; i <= report->analysis->episodes_count && r == 0; i++)
		r = print_suite(report, i, &total, total.cases);
	if (fclose(total.cases))
		r = -ENOMEM;
	if (r == 0) {
		fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"", out);
		escape_markup(out, report_header(report, "title"));
		fprintf(out, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\">\n",
			total.tests, total.failures, total.errors);
		fwrite(total.text, 1, total.size, out);
		fputs("</testsuites>\n", out);
	}
	free(total.text);
	return r;
}
