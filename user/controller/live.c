/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

enum { HEIGHTS = 8 };

#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define GREEN  "\033[32m"
#define PLAIN  "\033[0m"

/* Number of the stretch that an instant is in; 0: before the origin. */
static uint64_t number_of(const struct live *live, const struct live_line *line, uint64_t at)
{
	return at < live->origin ? 0 : (at - live->origin) / line->width_ns + 1;
}

static void count(const struct live *live, struct live_line *line, uint64_t at, uint64_t good,
		  uint64_t all)
{
	uint64_t number = number_of(live, line, at);
	struct live_cell *cell = &line->cells[number % LIVE_COLUMNS];

	if (!number || cell->number > number)
		return;
	if (cell->number != number)
		*cell = (struct live_cell){.number = number};
	cell->good += good;
	cell->all += all;
}

static const struct live_cell *cell_of(const struct live_line *line, uint64_t number)
{
	const struct live_cell *cell = &line->cells[number % LIVE_COLUMNS];

	return cell->number == number && cell->all ? cell : NULL;
}

int live_new(const struct history *history, uint64_t origin, struct live *ret_live)
{
	size_t workflows = history->workflows_count;
	struct live live = {.origin = origin, .count = workflows, .hits.width_ns = NS_PER_S};

	live.workflows = calloc(workflows + 1, sizeof(*live.workflows));
	if (!live.workflows)
		return -ENOMEM;
	for (size_t i = 0; i < workflows; i++) {
		uint64_t every = history->workflows[i].every_ns;

		live.workflows[i].line.width_ns = every > NS_PER_S ? every : NS_PER_S;
	}
	*ret_live = live;
	return 0;
}

void live_free(struct live *live)
{
	free(live->workflows);
	*live = (struct live){0};
}

bool live_unit(struct live *live, const struct unit *unit)
{
	struct live_workflow *workflow = &live->workflows[unit->workflow];
	bool changed = (unit->class == CLASS_OK) != (workflow->last == CLASS_OK);
	uint64_t successes = unit_successes(unit), tries = unit_tries(unit);

	workflow->successes += successes;
	workflow->failures += tries - successes;
	workflow->last = unit->class;
	count(live, &workflow->line, unit->ended_at, successes, tries);
	return changed;
}

void live_buckets(struct live *live, const struct history *history)
{
	for (; live->workflows && live->buckets_seen < history->buckets_count;
	     live->buckets_seen++) {
		const struct bucket *bucket = &history->buckets[live->buckets_seen];

		count(live, &live->hits, bucket->at, bucket->hits, 1);
	}
}

double live_hits(const struct live *live, uint64_t now)
{
	uint64_t number = number_of(live, &live->hits, now);

	/* The series comes once a second: the stretch before the last may be the newest whole. */
	for (uint64_t back = 1; back <= 2 && number > back; back++) {
		const struct live_cell *cell = cell_of(&live->hits, number - back);

		if (cell)
			return (double)cell->good;
	}
	return -1;
}

struct live_style live_style_find(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *plain = getenv("NO_COLOR"), *locale = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(names) && (!locale || !*locale); i++)
		locale = getenv(names[i]);
	return (struct live_style){
		.unicode = locale && (strcasestr(locale, "UTF-8") || strcasestr(locale, "UTF8")),
		.color = !plain || !*plain,
	};
}

/* One character for `part` of `whole`. */
static size_t paint(char *buffer, size_t size, uint64_t part, uint64_t whole, const char *color,
		    struct live_style style)
{
	/* U+2581 to U+2588, the lower eighths of a block. */
	char block[4] = "\xe2\x96\x81";
	const char *text = block;

	block[2] = (char)(0x81 + (part * (HEIGHTS - 1) + whole / 2) / whole);
	if (!style.unicode)
		text = part == whole ? "." : part ? "+" : "x";
	return (size_t)snprintf(buffer, size, "%s%s%s", style.color ? color : "", text,
				style.color ? PLAIN : "");
}

void live_sparkline(const struct live *live, const struct live_line *line, uint64_t now,
		    struct live_style style, char buffer[LIVE_LINE_SIZE])
{
	uint64_t last = number_of(live, line, now);
	size_t used = 0;

	for (uint64_t back = LIVE_COLUMNS; back > 0; back--) {
		const struct live_cell *cell = last >= back ? cell_of(line, last - back + 1) : NULL;
		const char *color = NULL;

		if (!cell) {
			used += (size_t)snprintf(buffer + used, LIVE_LINE_SIZE - used, " ");
			continue;
		}
		color = cell->good == cell->all ? GREEN : cell->good ? YELLOW : RED;
		used += paint(buffer + used, LIVE_LINE_SIZE - used, cell->good, cell->all, color,
			      style);
	}
}

void live_hits_sparkline(const struct live *live, uint64_t now, struct live_style style,
			 char buffer[LIVE_LINE_SIZE])
{
	uint64_t last = number_of(live, &live->hits, now), most = 1;
	size_t used = 0;

	for (size_t i = 0; i < LIVE_COLUMNS; i++)
		if (live->hits.cells[i].good > most)
			most = live->hits.cells[i].good;
	for (uint64_t back = LIVE_COLUMNS; back > 0; back--) {
		const struct live_cell *cell =
			last >= back ? cell_of(&live->hits, last - back + 1) : NULL;

		if (cell && style.unicode)
			used += paint(buffer + used, LIVE_LINE_SIZE - used, cell->good, most,
				      cell->good ? RED : "", style);
		else
			used += (size_t)snprintf(buffer + used, LIVE_LINE_SIZE - used, "%s",
						 !cell	      ? " "
						 : cell->good ? "#"
							      : "_");
	}
}
