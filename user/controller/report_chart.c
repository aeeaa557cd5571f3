/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/report.h"
#include "user/controller/report_text.h"

enum { LABEL_WIDTH = 14, ROW_MAX = 160 };

/* The time of the run cut into the columns of a row. */
struct scale {
	uint64_t from, until;
	unsigned int columns;
};

static unsigned int column_of(const struct scale *scale, uint64_t at)
{
	uint64_t length = scale->until - scale->from;
	uint64_t offset = at > scale->from ? at - scale->from : 0;
	unsigned int column;

	column = (unsigned int)((unsigned __int128)offset * scale->columns / length);
	return column < scale->columns ? column : scale->columns - 1;
}

static void print_row(const char *label, const char *row, FILE *out)
{
	if (strlen(label) > LABEL_WIDTH - 1)
		fprintf(out, "%.*s~ %s\n", LABEL_WIDTH - 2, label, row);
	else
		fprintf(out, "%-*s%s\n", LABEL_WIDTH, label, row);
}

/* "0", the middle and the end, over the columns that they belong to. */
static void print_axis(const struct scale *scale, FILE *out)
{
	char row[ROW_MAX + 1], text[REPORT_TIME_SIZE];
	uint64_t length = scale->until - scale->from;
	size_t used;

	memset(row, ' ', scale->columns);
	row[scale->columns] = '\0';
	row[0] = '0';
	report_time(length / 2, text);
	used = strlen(text);
	if (scale->columns / 2 + used < scale->columns)
		memcpy(row + scale->columns / 2, text, used);
	report_time(length, text);
	used = strlen(text);
	if (used < scale->columns / 2)
		memcpy(row + scale->columns - used, text, used);
	print_row("", row, out);
}

static void print_fault(const struct history *history, const struct scale *scale, uint32_t fault,
			FILE *out)
{
	char row[ROW_MAX + 1];

	memset(row, ' ', scale->columns);
	row[scale->columns] = '\0';
	for (size_t i = 0; i < history->windows_count; i++) {
		const struct window *window = &history->windows[i];
		uint64_t end = window->ended_last ? window->ended_last : scale->until;

		if (window->fault != fault)
			continue;
		for (unsigned int j = column_of(scale, window->starts_at);
		     j <= column_of(scale, end); j++)
			row[j] = '=';
	}
	print_row(history->faults.items[fault], row, out);
}

/* By the moment a unit was due, so that a row shows what a person would have met then. */
static void mark_units(const struct history *history, const struct scale *scale, uint32_t workflow,
		       bool good[ROW_MAX], bool bad[ROW_MAX])
{
	for (size_t i = 0; i < history->units_count; i++) {
		const struct unit *unit = &history->units[i];
		unsigned int column = column_of(scale, unit->intended_at);

		if (unit->workflow != workflow || unit->class == CLASS_CUT)
			continue;
		good[column] = good[column] || unit->class == CLASS_OK;
		bad[column] = bad[column] || unit->class != CLASS_OK;
	}
}

static void print_workflow(const struct history *history, const struct scale *scale,
			   uint32_t workflow, FILE *out)
{
	uint64_t width = (scale->until - scale->from) / scale->columns + 1;
	/* What a unit met stands until the next is due, and not longer. */
	uint64_t carry = history->workflows[workflow].every_ns * 3 / 2 / width + 1;
	bool good[ROW_MAX] = {false}, bad[ROW_MAX] = {false};
	char row[ROW_MAX + 1];
	uint64_t empty = carry;

	mark_units(history, scale, workflow, good, bad);
	for (unsigned int i = 0; i < scale->columns; i++) {
		empty = good[i] || bad[i] ? 0 : empty + 1;
		if (empty && empty <= carry && i)
			row[i] = row[i - 1] == '+' ? 'x' : row[i - 1];
		else
			row[i] = good[i] && bad[i] ? '+' : good[i] ? '.' : bad[i] ? 'x' : ' ';
	}
	row[scale->columns] = '\0';
	print_row(history->workflows[workflow].name, row, out);
}

void report_chart(const struct history *history, unsigned int width, FILE *out)
{
	struct scale scale = {
		.from = history->started_at,
		.until = history->ended_at,
		.columns = width - LABEL_WIDTH - 1,
	};

	if (scale.columns > ROW_MAX)
		scale.columns = ROW_MAX;
	if (scale.until <= scale.from)
		return;
	print_axis(&scale, out);
	for (size_t i = 0; i < history->faults.count; i++)
		print_fault(history, &scale, (uint32_t)i, out);
	for (size_t i = 0; i < history->workflows_count; i++)
		print_workflow(history, &scale, (uint32_t)i, out);
	print_row("", "=: injected   .: ok   x: failed   +: both", out);
}
