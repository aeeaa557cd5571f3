/* SPDX-License-Identifier: Apache-2.0 */
/* Markdown with tables, as GitHub and GitLab show it, and GitHub's annotations. */
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/controller/record_json.h"
#include "user/controller/report_figures.h"

static void print_head(const struct report *report, FILE *out)
{
	const struct history *history = report->history;
	char date[CLOCK_RFC3339_SIZE], length[REPORT_TIME_SIZE], words[REPORT_CELL_SIZE];

	report_time_of_day(report, json_u64(report->run->header, "at_ns"), date);
	report_time(history->ended_at - json_u64(report->run->header, "at_ns"), length);
	report_cell_words(words, verdict_name(report->analysis->verdict));
	fputs("# ", out);
	escape_markdown(out, report_header(report, "title"));
	fprintf(out, "\n\n**%s**: ", words);
	escape_markdown(out, report->analysis->reason);
	fprintf(out, "\n\n%s on ", date);
	escape_markdown(out, report_header(report, "host"));
	fprintf(out, ", %s long, seed %llu\n", length,
		(unsigned long long)json_u64(report->run->header, "seed"));
}

static void print_windows(const struct report *report, const struct episode *episode, FILE *out)
{
	const struct history *history = report->history;
	char text[REPORT_TIME_SIZE];

	report_time(episode->injected_first - history->started_at, text);
	fprintf(out, "Injected at %s", text);
	if (episode->effective_at) {
		report_time(episode->effective_at - episode->injected_first, text);
		fprintf(out, ", hit after %s", text);
	} else {
		fputs(", not hit", out);
	}
	if (episode->lifted_last) {
		report_time(episode->lifted_last - history->started_at, text);
		fprintf(out, ", ended at %s (%s)", text, lift_cause_name(episode->cause));
	}
	fputs(".\n\n", out);
}

static void print_figures(const struct history *history, const struct episode *episode, FILE *out)
{
	char cell[REPORT_CELL_SIZE];

	fputs("| workflow | verdict |", out);
	for (size_t i = 0; i < report_figures_count; i++)
		fprintf(out, " %s |", report_figures[i].label);
	fputs("\n|---|---|", out);
	for (size_t i = 0; i < report_figures_count; i++)
		fputs("--:|", out);
	fputc('\n', out);
	for (size_t i = 0; i < history->workflows_count; i++) {
		const struct workflow_result *result = &episode->results[i];

		fputs("| ", out);
		escape_markdown(out, history->workflows[i].name);
		report_cell_words(cell, verdict_name(result->verdict));
		fprintf(out, " | %s |", cell);
		for (size_t j = 0; j < report_figures_count; j++) {
			report_figure_text(&report_figures[j], result, true, cell);
			fprintf(out, " %s |", cell);
		}
		fputc('\n', out);
	}
}

/* What the kernel saw of the traffic that is only observed. */
static void print_observed(const struct history *history, const struct episode *episode, FILE *out)
{
	char cell[REPORT_CELL_SIZE];

	if (!report_observes(history))
		return;
	fputs("\n| observed | phase | established | retransmits | responses |\n"
	      "|---|---|--:|--:|---|\n",
	      out);
	for (size_t i = 0; i < history->workflows_count; i++)
		for (unsigned int j = 0; j < PHASE_COUNT; j++) {
			const struct observed_figures *observed =
				&episode->results[i].phases[j].observed;

			if (history->workflows[i].kind != WORKFLOW_KIND_OBSERVE)
				continue;
			fputs("| ", out);
			escape_markdown(out, history->workflows[i].name);
			report_cell_established(cell, observed);
			fprintf(out, " | %s | %s | %llu |", phase_name(j), cell,
				(unsigned long long)observed->retransmits);
			report_cell_responses(cell, observed);
			fprintf(out, " %s |\n", cell);
		}
}

/* Calls for each budget that was set. */
static void each_budget(const struct report *report, FILE *out,
			void (*print)(const struct report *report, size_t episode, size_t workflow,
				      const struct report_figure *figure, FILE *out),
			size_t episode)
{
	const struct episode *results = &report->analysis->episodes[episode];

	for (size_t i = 0; i < report->history->workflows_count; i++)
		for (size_t j = 0; j < report_figures_count; j++)
			if (report_figures[j].budget != BUDGET_COUNT &&
			    results->results[i].budgets[report_figures[j].budget] != BUDGET_NONE)
				print(report, episode, i, &report_figures[j], out);
}

static void budget_row(const struct report *report, size_t episode, size_t workflow,
		       const struct report_figure *figure, FILE *out)
{
	const struct terms *terms = &report->history->workflows[workflow];
	const struct workflow_result *result =
		&report->analysis->episodes[episode].results[workflow];
	char value[REPORT_CELL_SIZE], limit[REPORT_CELL_SIZE];

	report_figure_text(figure, result, true, value);
	report_cell_limit(limit, &terms->budget, (enum budget_kind)figure->budget);
	fputs("| ", out);
	escape_markdown(out, terms->name);
	fprintf(out, " | %s | %s | %s | %s |\n", figure->label, limit, value,
		budget_outcome_name(result->budgets[figure->budget]));
}

static bool any_budget(const struct report *report, size_t episode)
{
	const struct episode *results = &report->analysis->episodes[episode];

	for (size_t i = 0; i < report->history->workflows_count; i++)
		for (int j = 0; j < BUDGET_COUNT; j++)
			if (results->results[i].budgets[j] != BUDGET_NONE)
				return true;
	return false;
}

int report_markdown(const struct report *report, FILE *out)
{
	print_head(report, out);
	for (size_t i = 0; i < report->analysis->episodes_count; i++) {
		const struct episode *episode = &report->analysis->episodes[i];
		_cleanup_free_ char *title = report_episode_title(report->history, episode, i + 1);

		if (!title)
			return -ENOMEM;
		fputs("\n## ", out);
		escape_markdown(out, title);
		fputs("\n\n", out);
		print_windows(report, episode, out);
		print_figures(report->history, episode, out);
		print_observed(report->history, episode, out);
		if (!any_budget(report, i))
			continue;
		fputs("\n| workflow | budget | limit | figure | outcome |\n|---|---|--:|--:|---|\n",
		      out);
		each_budget(report, out, budget_row, i);
	}
	fputs("\nJournal: ", out);
	escape_markdown(out, report->run->path);
	fputc('\n', out);
	return 0;
}

/* "error", "warning" or "notice", by what the exit code means. */
static const char *level_of(int exit_code)
{
	return exit_code == 0 ? "notice" : exit_code == 5 ? "warning" : "error";
}

static void begin_annotation(const struct report *report, const char *level, FILE *out)
{
	const json_t *experiment = json_object_get(report->run->header, "experiment");
	const char *path = json_text(experiment, "path");

	fprintf(out, "::%s ", level);
	/* Annotations stand at a file of the repository, which is named from its root. */
	if (path && *path && *path != '/') {
		fputs("file=", out);
		escape_command(out, path, true);
		fputc(',', out);
	}
	fputs("title=", out);
	escape_command(out, report_header(report, "title"), true);
	fputs("::", out);
}

static void annotate_budget(const struct report *report, size_t episode, size_t workflow,
			    const struct report_figure *figure, FILE *out)
{
	const struct terms *terms = &report->history->workflows[workflow];
	const struct workflow_result *result =
		&report->analysis->episodes[episode].results[workflow];
	enum budget_outcome outcome = result->budgets[figure->budget];
	char value[REPORT_CELL_SIZE], limit[REPORT_CELL_SIZE];

	if (outcome == BUDGET_MET)
		return;
	report_figure_text(figure, result, true, value);
	report_cell_limit(limit, &terms->budget, (enum budget_kind)figure->budget);
	begin_annotation(report, outcome == BUDGET_MISSED ? "error" : "warning", out);
	escape_command(out, terms->name, false);
	escape_command(out, ": ", false);
	fprintf(out, "%s ", figure->label);
	escape_command(out, value, false);
	fputs(", budget ", out);
	escape_command(out, limit, false);
	fprintf(out, ": %s in episode %zu\n", budget_outcome_name(outcome), episode + 1);
}

static int append_summary(const struct report *report)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	_cleanup_fclose_ FILE *summary = path && *path ? fopen(path, "ae") : NULL;
	int r;

	if (!path || !*path)
		return 0;
	if (!summary)
		return -errno;
	r = report_markdown(report, summary);
	return r == 0 && fflush(summary) ? -errno : r;
}

int report_github(const struct report *report, FILE *out)
{
	char words[REPORT_CELL_SIZE];

	report_cell_words(words, verdict_name(report->analysis->verdict));
	begin_annotation(report, level_of(report->analysis->exit_code), out);
	fprintf(out, "%s: ", words);
	escape_command(out, report->analysis->reason, false);
	fputc('\n', out);
	for (size_t i = 0; i < report->analysis->episodes_count; i++)
		each_budget(report, out, annotate_budget, i);
	return append_summary(report);
}
