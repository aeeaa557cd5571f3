/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the HTML report. */
#include <errno.h>

#include "user/base/cleanup.h"
#include "user/controller/page.h"

/* Rows are figures and columns workflows, so that what is to be compared stands side by side. */
static int table_figures(const struct report *report, const struct episode *episode, FILE *out)
{
	size_t count = report->history->workflows_count;
	_cleanup_free_ const char **headers = calloc(count + 1, sizeof(*headers));
	char cell[REPORT_CELL_SIZE];
	struct page_table table;

	if (!headers)
		return -ENOMEM;
	headers[0] = "figure";
	for (size_t i = 0; i < count; i++)
		headers[i + 1] = report->history->workflows[i].name;
	page_table_begin(&table, out, "Figures", headers, NULL, count + 1);
	for (size_t i = 0; i < report_figures_count; i++) {
		page_cell_begin(&table);
		page_term(out, report_figures[i].label, report_figures[i].definition);
		page_cell_end(&table);
		for (size_t j = 0; j < count; j++) {
			report_figure_text(&report_figures[i], &episode->results[j], true, cell);
			page_cell(&table, cell);
		}
	}
	page_table_end(&table);
	return 0;
}

static void cell_count(struct page_table *table, uint64_t count)
{
	char cell[REPORT_CELL_SIZE];

	snprintf(cell, sizeof(cell), "%llu", (unsigned long long)count);
	page_cell(table, cell);
}

static void cell_ratio(struct page_table *table, uint64_t part, uint64_t whole)
{
	char cell[REPORT_CELL_SIZE];

	report_cell_ratio(cell, part, whole, "");
	page_cell(table, cell);
}

static void cell_time(struct page_table *table, uint64_t ns, bool known)
{
	char cell[REPORT_TIME_SIZE] = "-";

	if (known)
		report_time(ns, cell);
	page_cell(table, cell);
}

static void table_phases(const struct report *report, const struct episode *episode, FILE *out)
{
	static const char *const headers[] = {"workflow",	   "phase", "units", "succeeded",
					      "attempts per unit", "p50",   "p95",   "p99"};
	static const char *const definitions[] = {
		NULL,
		"Before the first inject; due before the lift; due after it.",
		"Pieces of work that ended.",
		NULL,
		"1.00: nothing was tried twice.",
		"Latency of successes from when they were due: median.",
		"95th percentile.",
		"99th percentile.",
	};
	struct page_table table;

	page_table_begin(&table, out, "Phases", headers, definitions, ARRAY_SIZE(headers));
	for (size_t i = 0; i < report->history->workflows_count; i++)
		for (unsigned int j = 0; j < PHASE_COUNT; j++) {
			const struct phase_figures *phase = &episode->results[i].phases[j];

			page_cell(&table, report->history->workflows[i].name);
			page_cell(&table, phase_name(j));
			cell_count(&table, phase->units);
			cell_count(&table, phase->successes);
			cell_ratio(&table, phase->attempts, phase->units);
			cell_time(&table, phase->p50_ns, phase->successes);
			cell_time(&table, phase->p95_ns, phase->successes);
			cell_time(&table, phase->p99_ns, phase->successes);
		}
	page_table_end(&table);
}

static void table_observed(const struct report *report, const struct episode *episode, FILE *out)
{
	static const char *const headers[] = {"workflow", "phase", "established", "retransmits",
					      "responses"};
	static const char *const definitions[] = {
		NULL,
		NULL,
		"Connections that stood within a second, of those that went out to the server.",
		"Segments that these connections sent again.",
		"The server's plaintext HTTP responses by status; faults' answers are no part.",
	};
	const struct history *history = report->history;
	char cell[REPORT_CELL_SIZE];
	struct page_table table;

	if (!report_observes(history))
		return;
	page_table_begin(&table, out, "Observed traffic", headers, definitions,
			 ARRAY_SIZE(headers));
	for (size_t i = 0; i < history->workflows_count; i++)
		for (unsigned int j = 0; j < PHASE_COUNT; j++) {
			const struct observed_figures *observed =
				&episode->results[i].phases[j].observed;

			if (history->workflows[i].kind != WORKFLOW_KIND_OBSERVE)
				continue;
			page_cell(&table, history->workflows[i].name);
			page_cell(&table, phase_name(j));
			report_cell_established(cell, observed);
			page_cell(&table, cell);
			cell_count(&table, observed->retransmits);
			report_cell_responses(cell, observed);
			page_cell(&table, cell);
		}
	page_table_end(&table);
}

static void table_windows(const struct report *report, const struct episode *episode, FILE *out)
{
	static const char *const headers[] = {"fault", "injected at", "first hit after", "ended at",
					      "cause", "open before", "of those reset",	 "adopted"};
	static const char *const definitions[] = {
		NULL,
		NULL,
		"From the inject to the first match that the kernel acted on.",
		NULL,
		"What ended the fault.",
		"Connections that were open at the inject and match.",
		NULL,
		"Connections whose next requests the fault looks at.",
	};
	const struct history *history = report->history;
	struct page_table table;

	page_table_begin(&table, out, "Faults", headers, definitions, ARRAY_SIZE(headers));
	for (size_t i = 0; i < episode->windows_count; i++) {
		const struct window *window = &history->windows[episode->first_window + i];

		page_cell(&table, history->faults.items[window->fault]);
		cell_time(&table, window->starts_at - history->started_at, true);
		cell_time(&table, window->first_hit_at - window->starts_at,
			  window->first_hit_at != 0);
		cell_time(&table, window->ended_last - history->started_at,
			  window->ended_last != 0);
		page_cell(&table, lift_cause_name(window->cause));
		cell_count(&table, window->existing_found);
		cell_count(&table, window->existing_reset);
		cell_count(&table, window->existing_adopted);
	}
	page_table_end(&table);
}

static void table_kernel(const struct episode *episode, FILE *out)
{
	static const char *const headers[] = {"phase", "hits", "connects per unit",
					      "requests per unit", "attempts per unit"};
	static const char *const definitions[] = {
		NULL,
		"Matches that a fault acted on.",
		"Connections that the kernel saw at the faults, over all workflows' units.",
		"Requests likewise. More than the attempts are retries that a client hides.",
		"What the workflows know of themselves.",
	};
	struct page_table table;

	page_table_begin(&table, out, "What the kernel counted", headers, definitions,
			 ARRAY_SIZE(headers));
	for (unsigned int i = 0; i < PHASE_COUNT; i++) {
		const struct kernel_figures *kernel = &episode->kernel[i];

		page_cell(&table, phase_name(i));
		cell_count(&table, kernel->hits);
		cell_ratio(&table, kernel->connects, kernel->units);
		cell_ratio(&table, kernel->requests, kernel->units);
		cell_ratio(&table, kernel->attempts, kernel->units);
	}
	page_table_end(&table);
}

static void table_failures(const struct report *report, const struct episode *episode, FILE *out)
{
	static const char *const headers[] = {"workflow", "how attempts failed", "times"};
	uint64_t counts[CLASS_COUNT];
	struct page_table table;

	page_table_begin(&table, out, "Failed attempts", headers, NULL, ARRAY_SIZE(headers));
	for (size_t i = 0; i < report->history->workflows_count; i++) {
		report_count_failures(report->history, (uint32_t)i, episode, counts);
		for (unsigned int j = CLASS_OK + 1; j < CLASS_COUNT; j++) {
			if (!counts[j])
				continue;
			page_cell(&table, report->history->workflows[i].name);
			page_cell(&table, attempt_class_name(j));
			cell_count(&table, counts[j]);
		}
	}
	page_table_end(&table);
}

int page_episode_tables(const struct report *report, size_t number, FILE *out)
{
	const struct episode *episode = &report->analysis->episodes[number];
	int r = table_figures(report, episode, out);

	if (r < 0)
		return r;
	table_phases(report, episode, out);
	table_observed(report, episode, out);
	table_windows(report, episode, out);
	table_failures(report, episode, out);
	table_kernel(episode, out);
	return 0;
}

void page_run_tables(const struct report *report, FILE *out)
{
	static const char *const headers[] = {"workflow", "kind", "connection", "every",
					      "p50",	  "p99",  "worst",	"allowed"};
	static const char *const definitions[] = {
		NULL,
		NULL,
		"warm: a kept connection may carry an attempt and hide a fault of new ones.",
		NULL,
		"How far behind its schedule the controller began units: median.",
		"99th percentile.",
		"The largest: no figure is better than this when the schedule was late.",
		"The bound of the 99th percentile.",
	};
	const struct lateness *all = report->analysis->lateness;
	struct page_table table;

	page_table_begin(&table, out, "Schedule", headers, definitions, ARRAY_SIZE(headers));
	for (size_t i = 0; i < report->history->workflows_count; i++) {
		const struct terms *terms = &report->history->workflows[i];
		const struct lateness lateness = all ? all[i] : (struct lateness){0};

		page_cell(&table, terms->name);
		page_cell(&table, workflow_kind_name(terms->kind));
		page_cell(&table, terms->kind != WORKFLOW_KIND_HTTP ? "-"
				  : terms->warm			    ? "warm"
								    : "cold");
		cell_time(&table, terms->every_ns, true);
		cell_time(&table, lateness.p50_ns, lateness.units);
		cell_time(&table, lateness.p99_ns, lateness.units);
		cell_time(&table, lateness.largest_ns, lateness.units);
		cell_time(&table, lateness.bound_ns, lateness.units);
	}
	page_table_end(&table);
}
