/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures as OpenMetrics text, for the textfile collector of a node exporter and the like. A
 * report is a snapshot, so every family is a gauge; that also reads as Prometheus' older format.
 */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/controller/record_json.h"
#include "user/controller/report_figures.h"

static void family(FILE *out, const char *name, const char *unit, const char *help)
{
	fprintf(out, "# TYPE %s gauge\n", name);
	if (*unit)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s %s\n", name, help);
}

/* A label of a sample: `front` is "{" or ",". */
static void label(FILE *out, char front, const char *name, const char *value)
{
	fprintf(out, "%c%s=\"", front, name);
	escape_label(out, value);
	fputc('"', out);
}

/* "}" and the value. */
static void value(FILE *out, double number)
{
	fprintf(out, "} %.17g\n", number);
}

/* The same for a duration, to the nanosecond. */
static void seconds(FILE *out, uint64_t ns)
{
	fprintf(out, "} %llu.%09llu\n", (unsigned long long)(ns / NS_PER_S),
		(unsigned long long)(ns % NS_PER_S));
}

static void sample(const struct report *report, FILE *out, const char *name, size_t episode,
		   size_t workflow)
{
	char number[32];

	snprintf(number, sizeof(number), "%zu", episode + 1);
	fputs(name, out);
	label(out, '{', "episode", number);
	label(out, ',', "workflow", report->history->workflows[workflow].name);
}

static void print_run(const struct report *report, FILE *out)
{
	static const char *const keys[] = {"title", "host", "kernel", "version"};
	const struct history *history = report->history;

	family(out, "faultd_run_info", "", "The run that these figures are of.");
	fputs("faultd_run_info", out);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		label(out, i ? ',' : '{', keys[i], report_header(report, keys[i]));
	label(out, ',', "verdict", verdict_name(report->analysis->verdict));
	value(out, 1);
	family(out, "faultd_run_exit_code", "", "Exit code of faultctl; 0 is passed.");
	fprintf(out, "faultd_run_exit_code %d\n", report->analysis->exit_code);
	family(out, "faultd_run_start_timestamp_seconds", "seconds", "When the run began.");
	fputs("faultd_run_start_timestamp_seconds{", out);
	seconds(out, report_realtime_ns(report, json_u64(report->run->header, "at_ns")));
	family(out, "faultd_run_duration_seconds", "seconds", "How long the run took.");
	fputs("faultd_run_duration_seconds{", out);
	seconds(out, history->ended_at - json_u64(report->run->header, "at_ns"));
}

/* A duration comes with the ends of its interval; one that did not end has only the lower. */
static void print_bounds(const struct report *report, const struct report_figure *figure, FILE *out)
{
	char bounds[96];

	snprintf(bounds, sizeof(bounds), "faultd_%s_bound_seconds", figure->key);
	family(out, bounds, "seconds",
	       "Ends of the interval in which the figure of this name without bound lies.");
	for (size_t i = 0; i < report->analysis->episodes_count; i++)
		for (size_t j = 0; j < report->history->workflows_count; j++) {
			const struct workflow_result *result =
				&report->analysis->episodes[i].results[j];
			const struct figure *duration = figure->read(result).figure;

			if (duration->state == FIGURE_NONE)
				continue;
			sample(report, out, bounds, i, j);
			label(out, ',', "bound", "after");
			seconds(out, duration->low_ns);
			sample(report, out, bounds, i, j);
			label(out, ',', "bound", "until");
			if (duration->state == FIGURE_VALUE)
				seconds(out, duration->high_ns);
			else
				fputs("} +Inf\n", out);
		}
}

static const char *unit_of(const struct report_figure *figure)
{
	if (figure->kind == REPORT_DURATION)
		return "seconds";
	return figure->kind == REPORT_COUNT || strstr(figure->key, "ratio") ? "" : "ratio";
}

static void print_figure(const struct report *report, const struct report_figure *figure, FILE *out)
{
	const char *unit = unit_of(figure);
	char name[96];

	snprintf(name, sizeof(name), "faultd_%s%s%s", figure->key, *unit ? "_" : "", unit);
	family(out, name, unit, figure->definition);
	for (size_t i = 0; i < report->analysis->episodes_count; i++)
		for (size_t j = 0; j < report->history->workflows_count; j++) {
			struct report_value read =
				figure->read(&report->analysis->episodes[i].results[j]);

			if (figure->kind == REPORT_DURATION ? read.figure->state != FIGURE_VALUE
							    : read.number < 0)
				continue;
			sample(report, out, name, i, j);
			if (read.figure)
				seconds(out, read.figure->ns);
			else
				value(out, read.number);
		}
	if (figure->kind == REPORT_DURATION)
		print_bounds(report, figure, out);
}

static double read_units(const struct phase_figures *phase)
{
	return (double)phase->units;
}

static double read_successes(const struct phase_figures *phase)
{
	return (double)phase->successes;
}

static double read_attempts(const struct phase_figures *phase)
{
	return (double)phase->attempts;
}

static const struct {
	const char *name, *help;
	double (*read)(const struct phase_figures *phase);
} phase_counts[] = {
	{"faultd_units", "Units of work that ended, by phase.", read_units},
	{"faultd_successes", "Units of work that succeeded, by phase.", read_successes},
	{"faultd_attempts", "Attempts of those units, by phase.", read_attempts},
};

/* Calls for every workflow in every episode and phase, with the sample begun. */
static void each_phase(const struct report *report, FILE *out, const char *name,
		       void (*print)(const struct phase_figures *phase, size_t which, FILE *out),
		       size_t which)
{
	for (size_t i = 0; i < report->analysis->episodes_count; i++)
		for (size_t j = 0; j < report->history->workflows_count; j++)
			for (unsigned int k = 0; k < PHASE_COUNT; k++) {
				sample(report, out, name, i, j);
				label(out, ',', "phase", phase_name(k));
				print(&report->analysis->episodes[i].results[j].phases[k], which,
				      out);
			}
}

static void print_count(const struct phase_figures *phase, size_t which, FILE *out)
{
	value(out, phase_counts[which].read(phase));
}

static void print_percentile(const struct phase_figures *phase, size_t which, FILE *out)
{
	static const char *const names[] = {"50", "95", "99"};
	const uint64_t latencies[] = {phase->p50_ns, phase->p95_ns, phase->p99_ns};

	label(out, ',', "percentile", names[which]);
	if (phase->successes)
		seconds(out, latencies[which]);
	else
		fputs("} NaN\n", out);
}

static void print_phases(const struct report *report, FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(phase_counts); i++) {
		family(out, phase_counts[i].name, "", phase_counts[i].help);
		each_phase(report, out, phase_counts[i].name, print_count, i);
	}
	family(out, "faultd_latency_seconds", "seconds",
	       "Latency of successful units from the moment they were due, by phase.");
	for (size_t i = 0; i < 3; i++)
		each_phase(report, out, "faultd_latency_seconds", print_percentile, i);
}

static void print_judgements(const struct report *report, FILE *out)
{
	family(out, "faultd_workflow_exit_code", "",
	       "What the workflow alone would have made of the exit code; 0 is passed.");
	for (size_t i = 0; i < report->analysis->episodes_count; i++)
		for (size_t j = 0; j < report->history->workflows_count; j++) {
			enum verdict verdict = report->analysis->episodes[i].results[j].verdict;

			sample(report, out, "faultd_workflow_exit_code", i, j);
			label(out, ',', "verdict", verdict_name(verdict));
			value(out, verdict_exit_code(verdict));
		}
	family(out, "faultd_budget_met", "",
	       "1: the budget was met; 0: it was not, or may not be.");
	for (size_t i = 0; i < report->analysis->episodes_count; i++)
		for (size_t j = 0; j < report->history->workflows_count; j++)
			for (unsigned int k = 0; k < BUDGET_COUNT; k++) {
				enum budget_outcome outcome =
					report->analysis->episodes[i].results[j].budgets[k];

				if (outcome == BUDGET_NONE)
					continue;
				sample(report, out, "faultd_budget_met", i, j);
				label(out, ',', "budget", budget_name(k));
				value(out, outcome == BUDGET_MET);
			}
}

static double read_connects(const struct kernel_figures *kernel)
{
	return (double)kernel->connects;
}

static double read_requests(const struct kernel_figures *kernel)
{
	return (double)kernel->requests;
}

static double read_hits(const struct kernel_figures *kernel)
{
	return (double)kernel->hits;
}

static void print_kernel(const struct report *report, FILE *out)
{
	static const struct {
		const char *name, *help;
		double (*read)(const struct kernel_figures *kernel);
	} counts[] = {
		{"faultd_kernel_connects", "Connections that matched a rule, by phase.",
		 read_connects},
		{"faultd_kernel_requests", "Requests that matched a rule, by phase.",
		 read_requests},
		{"faultd_kernel_hits", "Matches that a fault acted on, by phase.", read_hits},
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		family(out, counts[i].name, "", counts[i].help);
		for (size_t j = 0; j < report->analysis->episodes_count; j++)
			for (unsigned int k = 0; k < PHASE_COUNT; k++) {
				fprintf(out, "%s{episode=\"%zu\",phase=\"%s\"", counts[i].name,
					j + 1, phase_name(k));
				value(out,
				      counts[i].read(&report->analysis->episodes[j].kernel[k]));
			}
	}
}

int report_openmetrics(const struct report *report, FILE *out)
{
	print_run(report, out);
	for (size_t i = 0; i < report_figures_count; i++)
		print_figure(report, &report_figures[i], out);
	print_phases(report, out);
	print_judgements(report, out);
	print_kernel(report, out);
	fputs("# EOF\n", out);
	return 0;
}
