/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/report_text.h"

#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/record_json.h"
#include "user/protocol/names.h"

void report_time(uint64_t ns, char buffer[REPORT_TIME_SIZE])
{
	double seconds = (double)ns / (double)NS_PER_S;
	unsigned long long whole = (ns + NS_PER_S / 2) / NS_PER_S;

	if (ns < NS_PER_MS)
		snprintf(buffer, REPORT_TIME_SIZE, "%lluus", (unsigned long long)(ns / NS_PER_US));
	else if (ns < NS_PER_S)
		snprintf(buffer, REPORT_TIME_SIZE, "%llums", (unsigned long long)(ns / NS_PER_MS));
	else if (seconds < 9.995)
		snprintf(buffer, REPORT_TIME_SIZE, "%.2fs", seconds);
	else if (seconds < 59.95)
		snprintf(buffer, REPORT_TIME_SIZE, "%.1fs", seconds);
	else if (whole < 3600)
		snprintf(buffer, REPORT_TIME_SIZE, "%llum%02llus", whole / 60, whole % 60);
	else
		snprintf(buffer, REPORT_TIME_SIZE, "%lluh%02llum", whole / 3600, whole % 3600 / 60);
}

void report_cell_figure(char cell[REPORT_CELL_SIZE], const struct figure *figure, bool interval)
{
	char value[REPORT_TIME_SIZE], low[REPORT_TIME_SIZE], high[REPORT_TIME_SIZE];

	report_time(figure->ns, value);
	report_time(figure->low_ns, low);
	report_time(figure->high_ns, high);
	if (figure->state == FIGURE_NONE)
		snprintf(cell, REPORT_CELL_SIZE, "-");
	else if (figure->state == FIGURE_CENSORED)
		snprintf(cell, REPORT_CELL_SIZE, "never (>%s)", low);
	else if (interval && figure->low_ns != figure->high_ns)
		snprintf(cell, REPORT_CELL_SIZE, "%s (%s,%s]", value, low, high);
	else
		snprintf(cell, REPORT_CELL_SIZE, "%s", value);
}

void report_cell_ratio(char cell[REPORT_CELL_SIZE], uint64_t part, uint64_t whole, const char *unit)
{
	if (whole)
		snprintf(cell, REPORT_CELL_SIZE, "%.2f%s", (double)part / (double)whole, unit);
	else
		snprintf(cell, REPORT_CELL_SIZE, "-");
}

void report_cell_established(char cell[REPORT_CELL_SIZE], const struct observed_figures *observed)
{
	if (observed->opened)
		snprintf(cell, REPORT_CELL_SIZE, "%.1f%%",
			 100.0 * (double)observed->established / (double)observed->opened);
	else
		snprintf(cell, REPORT_CELL_SIZE, "-");
}

void report_cell_responses(char cell[REPORT_CELL_SIZE], const struct observed_figures *observed)
{
	size_t used = 0;

	snprintf(cell, REPORT_CELL_SIZE, "-");
	for (unsigned int i = 0; i < FAULT_RESPONSE_COUNT && used < REPORT_CELL_SIZE; i++)
		if (observed->responses[i])
			used += (size_t)snprintf(cell + used, REPORT_CELL_SIZE - used, "%s%s %llu",
						 used ? ", " : "", fault_response_name(i),
						 (unsigned long long)observed->responses[i]);
}

bool report_observes(const struct history *history)
{
	for (size_t i = 0; i < history->workflows_count; i++)
		if (history->workflows[i].kind == WORKFLOW_KIND_OBSERVE)
			return true;
	return false;
}

void report_cell_words(char cell[REPORT_CELL_SIZE], const char *name)
{
	snprintf(cell, REPORT_CELL_SIZE, "%s", name);
	for (char *byte = cell; *byte; byte++)
		if (*byte == '_')
			*byte = ' ';
}

void report_cell_limit(char cell[REPORT_CELL_SIZE], const struct workflow_budget *budget,
		       enum budget_kind kind)
{
	char time[REPORT_TIME_SIZE];

	switch (kind) {
	case BUDGET_AMPLIFICATION:
		snprintf(cell, REPORT_CELL_SIZE, "%.2f", budget->amplification);
		return;
	case BUDGET_AVAILABILITY:
		snprintf(cell, REPORT_CELL_SIZE, "%.1f%%", budget->availability / 10000.0);
		return;
	case BUDGET_DETECT:
		report_time(budget->detect_ns, time);
		break;
	case BUDGET_RECOVER:
		report_time(budget->recover_ns, time);
		break;
	default:
		report_time(budget->outage_ns, time);
	}
	snprintf(cell, REPORT_CELL_SIZE, "%s", time);
}

char *report_episode_title(const struct history *history, const struct episode *episode,
			   size_t number)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "Episode %zu:", number);
	for (size_t i = 0; i < episode->windows_count; i++)
		fprintf(out, "%s %s", i ? "," : "",
			history->faults.items[history->windows[episode->first_window + i].fault]);
	return fclose(out) ? NULL : text;
}

void report_count_failures(const struct history *history, uint32_t workflow,
			   const struct episode *episode, uint64_t ret_counts[CLASS_COUNT])
{
	memset(ret_counts, 0, CLASS_COUNT * sizeof(*ret_counts));
	for (size_t i = 0; i < history->attempts_count; i++) {
		const struct attempt *attempt = &history->attempts[i];

		if (attempt->workflow == workflow && attempt->class != CLASS_OK &&
		    attempt->ended_at > episode->injected_first &&
		    attempt->ended_at <= episode->observed_until)
			ret_counts[attempt->class]++;
	}
}

uint64_t report_realtime_ns(const struct report *report, uint64_t at)
{
	uint64_t origin = json_u64(report->run->header, "at_ns");

	return json_u64(report->run->header, "realtime_ns") + (at > origin ? at - origin : 0);
}

void report_time_of_day(const struct report *report, uint64_t at, char buffer[CLOCK_RFC3339_SIZE])
{
	clock_format_rfc3339(report_realtime_ns(report, at), buffer);
}

const char *report_header(const struct report *report, const char *key)
{
	const char *text = json_text(report->run->header, key);

	return text ? text : "";
}
