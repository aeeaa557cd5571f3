/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/escape.h"
#include "user/controller/record_json.h"
#include "user/controller/report_text.h"

enum { COLUMNS_MAX = 9 };

/* A table whose columns are as wide as they must be. */
struct table {
	char (*cells)[COLUMNS_MAX][REPORT_CELL_SIZE];
	size_t rows, columns;
};

static int table_new(struct table *table, size_t rows, const char *const *header, size_t columns)
{
	*table = (struct table){.columns = columns};
	table->cells = calloc(rows + 1, sizeof(*table->cells));
	if (!table->cells)
		return -ENOMEM;
	for (size_t i = 0; i < columns; i++)
		snprintf(table->cells[0][i], REPORT_CELL_SIZE, "%s", header[i]);
	table->rows = 1;
	return 0;
}

static void table_print(const struct table *table, FILE *out)
{
	size_t widths[COLUMNS_MAX] = {0};

	for (size_t i = 0; i < table->rows; i++)
		for (size_t j = 0; j < table->columns; j++)
			if (strlen(table->cells[i][j]) > widths[j])
				widths[j] = strlen(table->cells[i][j]);
	for (size_t i = 0; i < table->rows; i++) {
		for (size_t j = 0; j + 1 < table->columns; j++)
			fprintf(out, "%-*s ", (int)widths[j], table->cells[i][j]);
		fprintf(out, "%s\n", table->cells[i][table->columns - 1]);
	}
}

static void cell_name(char cell[REPORT_CELL_SIZE], const char *name)
{
	if (strlen(name) > 14)
		snprintf(cell, REPORT_CELL_SIZE, "%.13s~", name);
	else
		snprintf(cell, REPORT_CELL_SIZE, "%s", name);
}

static void result_row(const struct terms *terms, const struct workflow_result *result,
		       char cells[COLUMNS_MAX][REPORT_CELL_SIZE])
{
	cell_name(cells[0], terms->name);
	report_cell_figure(cells[1], &result->detect, false);
	if (result->detect.state == FIGURE_CENSORED)
		snprintf(cells[1], REPORT_CELL_SIZE, "never");
	report_cell_figure(cells[2], &result->outage, false);
	report_cell_figure(cells[3], &result->recover, true);
	report_cell_ratio(cells[4], result->budget_attempts, result->budget_units, "");
	if (result->surge_1s < 0)
		snprintf(cells[5], REPORT_CELL_SIZE, "-");
	else
		snprintf(cells[5], REPORT_CELL_SIZE, "%.1f", result->surge_1s);
	if (result->intended)
		snprintf(cells[6], REPORT_CELL_SIZE, "%.1f%%",
			 100.0 * (double)result->successes / (double)result->intended);
	else
		snprintf(cells[6], REPORT_CELL_SIZE, "-");
	snprintf(cells[7], REPORT_CELL_SIZE, "%llu", (unsigned long long)result->relapses);
	report_cell_words(cells[8], verdict_name(result->verdict));
}

static int results_print(const struct history *history, const struct episode *episode, FILE *out)
{
	static const char *const header[] = {"WORKFLOW", "DETECT", "OUTAGE", "RECOVER", "AMPL",
					     "SURGE",	 "AVAIL",  "REL",    "VERDICT"};
	struct table table;
	int r = table_new(&table, history->workflows_count, header, ARRAY_SIZE(header));

	if (r < 0)
		return r;
	for (size_t i = 0; i < history->workflows_count; i++)
		result_row(&history->workflows[i], &episode->results[i], table.cells[table.rows++]);
	table_print(&table, out);
	free(table.cells);
	return 0;
}

/* Those that were met are counted, the others told one by one. */
static void budgets_print(const struct history *history, const struct episode *episode, FILE *out)
{
	for (size_t i = 0; i < history->workflows_count; i++) {
		const struct workflow_result *result = &episode->results[i];
		unsigned int met = 0, all = 0;

		for (int j = 0; j < BUDGET_COUNT; j++) {
			all += result->budgets[j] != BUDGET_NONE;
			met += result->budgets[j] == BUDGET_MET;
		}
		if (!all)
			continue;
		fprintf(out, "budgets of %s: %u of %u met", history->workflows[i].name, met, all);
		for (int j = 0; j < BUDGET_COUNT; j++) {
			char limit[REPORT_CELL_SIZE];

			if (result->budgets[j] == BUDGET_NONE || result->budgets[j] == BUDGET_MET)
				continue;
			report_cell_limit(limit, &history->workflows[i].budget,
					  (enum budget_kind)j);
			fprintf(out, "; %s %s %s", budget_name((unsigned int)j), limit,
				budget_outcome_name(result->budgets[j]));
		}
		fputc('\n', out);
	}
}

/* What the table has no column for, where there is any of it. */
static void rest_print(const struct history *history, const struct episode *episode, FILE *out)
{
	for (size_t i = 0; i < history->workflows_count; i++) {
		const struct workflow_result *result = &episode->results[i];
		char steady[REPORT_CELL_SIZE], drained[REPORT_CELL_SIZE];

		if (!result->affected || result->goodput_lost < 0)
			continue;
		report_cell_figure(steady, &result->steady, false);
		report_cell_figure(drained, &result->drain, false);
		fprintf(out, "%s: to steady %s, to drain %s; %.1f units lost, %.1f caught up%s\n",
			history->workflows[i].name, steady, drained, result->goodput_lost,
			result->goodput_caught_up, result->metastable ? "; METASTABLE" : "");
	}
}

static void late_print(const struct analysis *analysis, FILE *out)
{
	char late[REPORT_TIME_SIZE];

	if (!analysis->late)
		return;
	report_time(analysis->late_by_ns, late);
	fprintf(out, "\nthe controller was up to %s late: no figure is better known than that\n",
		late);
}

static int phases_print(const struct history *history, const struct episode *episode, FILE *out)
{
	static const char *const header[] = {"WORKFLOW", "PHASE", "UNITS", "OK",
					     "TRIES",	 "P50",	  "P95",   "P99"};
	struct table table;
	int r = table_new(&table, PHASE_COUNT * history->workflows_count, header,
			  ARRAY_SIZE(header));

	if (r < 0)
		return r;
	for (size_t i = 0; i < history->workflows_count; i++) {
		for (unsigned int j = 0; j < PHASE_COUNT; j++) {
			const struct phase_figures *phase = &episode->results[i].phases[j];
			char(*cells)[REPORT_CELL_SIZE] = table.cells[table.rows++];
			const uint64_t latencies[] = {phase->p50_ns, phase->p95_ns, phase->p99_ns};

			cell_name(cells[0], j ? "" : history->workflows[i].name);
			snprintf(cells[1], REPORT_CELL_SIZE, "%s", phase_name(j));
			snprintf(cells[2], REPORT_CELL_SIZE, "%llu",
				 (unsigned long long)phase->units);
			snprintf(cells[3], REPORT_CELL_SIZE, "%llu",
				 (unsigned long long)phase->successes);
			report_cell_ratio(cells[4], phase->attempts, phase->units, "/unit");
			for (size_t k = 0; k < ARRAY_SIZE(latencies); k++) {
				snprintf(cells[5 + k], REPORT_CELL_SIZE, "-");
				if (phase->successes)
					report_time(latencies[k], cells[5 + k]);
			}
		}
	}
	table_print(&table, out);
	free(table.cells);
	return 0;
}

/* What the kernel saw of the traffic that is only observed. */
static int observed_print(const struct history *history, const struct episode *episode, FILE *out)
{
	static const char *const header[] = {"OBSERVED", "PHASE", "ESTABLISHED", "RETRANSMITS",
					     "RESPONSES"};
	struct table table;
	int r;

	if (!report_observes(history))
		return 0;
	r = table_new(&table, PHASE_COUNT * history->workflows_count, header, ARRAY_SIZE(header));
	if (r < 0)
		return r;
	for (size_t i = 0; i < history->workflows_count; i++) {
		for (unsigned int j = 0; j < PHASE_COUNT; j++) {
			const struct observed_figures *observed =
				&episode->results[i].phases[j].observed;
			char(*cells)[REPORT_CELL_SIZE] = table.cells[table.rows];

			if (history->workflows[i].kind != WORKFLOW_KIND_OBSERVE)
				continue;
			table.rows++;
			cell_name(cells[0], j ? "" : history->workflows[i].name);
			snprintf(cells[1], REPORT_CELL_SIZE, "%s", phase_name(j));
			report_cell_established(cells[2], observed);
			snprintf(cells[3], REPORT_CELL_SIZE, "%llu",
				 (unsigned long long)observed->retransmits);
			report_cell_responses(cells[4], observed);
		}
	}
	table_print(&table, out);
	free(table.cells);
	return 0;
}

static void kernel_print(const struct episode *episode, FILE *out)
{
	bool any = false;

	for (int i = 0; i < PHASE_COUNT; i++)
		any = any || episode->kernel[i].connects || episode->kernel[i].requests;
	if (!any)
		return;
	fprintf(out, "kernel connects/requests per unit by phase:");
	for (unsigned int i = 0; i < PHASE_COUNT; i++) {
		const struct kernel_figures *kernel = &episode->kernel[i];
		char connects[REPORT_CELL_SIZE], requests[REPORT_CELL_SIZE];

		report_cell_ratio(connects, kernel->connects, kernel->units, "");
		report_cell_ratio(requests, kernel->requests, kernel->units, "");
		fprintf(out, "%s %s/%s", i ? "," : "", connects, requests);
	}
	fputc('\n', out);
}

static void episode_head(const struct history *history, const struct episode *episode,
			 size_t number, FILE *out)
{
	char text[REPORT_TIME_SIZE];
	uint64_t found = 0, reset = 0, adopted = 0;

	fprintf(out, "\nEpisode %zu:", number);
	for (size_t i = 0; i < episode->windows_count; i++) {
		const struct window *window = &history->windows[episode->first_window + i];

		fprintf(out, "%s %s", i ? "," : "", history->faults.items[window->fault]);
		found += window->existing_found;
		reset += window->existing_reset;
		adopted += window->existing_adopted;
	}
	report_time(episode->injected_first - history->started_at, text);
	fprintf(out, "; injected at %s", text);
	if (episode->effective_at) {
		report_time(episode->effective_at - episode->injected_first, text);
		fprintf(out, ", hit after %s", text);
	} else {
		fprintf(out, ", not hit");
	}
	if (episode->lifted_last) {
		report_time(episode->lifted_last - history->started_at, text);
		fprintf(out, ", ended at %s (%s)", text, lift_cause_name(episode->cause));
	}
	if (found)
		fprintf(out, "; %llu connections were open, %llu reset, %llu adopted",
			(unsigned long long)found, (unsigned long long)reset,
			(unsigned long long)adopted);
	fputs("\n\n", out);
}

static void head_print(const struct history *history, const struct journal_run *run, FILE *out)
{
	uint64_t realtime = json_u64(run->header, "realtime_ns");
	char date[CLOCK_RFC3339_SIZE], length[REPORT_TIME_SIZE];

	clock_format_rfc3339(realtime, date);
	report_time(history->ended_at - json_u64(run->header, "at_ns"), length);
	escape_line(out, json_text(run->header, "title"));
	fprintf(out, "\n%s on ", date);
	escape_line(out, json_text(run->header, "host"));
	fprintf(out, ", %s long, seed %llu\n", length,
		(unsigned long long)json_u64(run->header, "seed"));
	fprintf(out, "%s\n\n", run->path);
}

static int table_print_all(const struct report *report, unsigned int width, FILE *out)
{
	const struct history *history = report->history;
	const struct analysis *analysis = report->analysis;
	int r = 0;

	head_print(history, report->run, out);
	if (history->units_count)
		report_chart(history, width, out);
	for (size_t i = 0; i < analysis->episodes_count && r == 0; i++) {
		const struct episode *episode = &analysis->episodes[i];

		episode_head(history, episode, i + 1, out);
		r = results_print(history, episode, out);
		budgets_print(history, episode, out);
		rest_print(history, episode, out);
		fputc('\n', out);
		if (r == 0)
			r = phases_print(history, episode, out);
		if (r == 0)
			r = observed_print(history, episode, out);
		kernel_print(episode, out);
	}
	late_print(analysis, out);
	fprintf(out, "\nverdict: ");
	for (const char *byte = verdict_name(analysis->verdict); *byte; byte++)
		fputc(*byte == '_' ? ' ' : *byte, out);
	fputs(": ", out);
	escape_line(out, analysis->reason);
	fputc('\n', out);
	return r;
}

int report_table(const struct report *report, unsigned int width, FILE *out)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *table = open_memstream(&text, &size);
	int r;

	if (!table)
		return -ENOMEM;
	r = table_print_all(report, width, table);
	if (fclose(table) && r == 0)
		r = -ENOMEM;
	/* No name of a journal drives the terminal. */
	if (r == 0)
		escape_lines(out, text);
	return r;
}
