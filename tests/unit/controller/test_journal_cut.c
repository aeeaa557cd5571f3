/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a controller that was killed at any byte: what had happened is reported right. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "tests/unit/controller/synthetic_check.h"
#include "user/base/cleanup.h"
#include "user/controller/journal.h"
#include "user/controller/record_json.h"

enum { TEXT_SIZE = 65536, LINES_MAX = 256, UNITS_MAX = 28 };

/* A record's line: when it was written, and what is known behind it. */
struct line {
	int64_t at;
	int units; /* whole ones so far */
	bool told; /* no attempt stands without its unit */
	size_t end;
};

struct cut_journal {
	char text[TEXT_SIZE];
	size_t length;
	struct line lines[LINES_MAX];
	size_t count;
	char path[64];
};

static void add_text(struct cut_journal *journal, int64_t at, int units, bool told,
		     const char *text)
{
	int length = snprintf(journal->text + journal->length, TEXT_SIZE - journal->length, "%s\n",
			      text);

	assert_true(length > 0 && journal->length + (size_t)length < TEXT_SIZE);
	assert_true(journal->count < LINES_MAX);
	journal->length += (size_t)length;
	journal->lines[journal->count++] =
		(struct line){.at = at, .units = units, .told = told, .end = journal->length};
}

static void add_record(struct cut_journal *journal, int units, bool told, json_t *record)
{
	_cleanup_free_ char *text = json_dumps(record, JSON_COMPACT);

	add_text(journal, (int64_t)json_u64(record, "at_ns"), units, told, text);
	json_decref(record);
}

/* What is not of a unit: header, start, inject, first hit and lift, in the order of their time. */
static void add_others(struct cut_journal *journal, const struct synthetic *s, int units, bool told,
		       int64_t until, int *next)
{
	const struct {
		int64_t at;
		json_t *record;
	} others[] = {
		{s->origin - 1,
		 json_pack("{s:s, s:i, s:I, s:s, s:[s], s:[{s:s, s:s, s:I, s:I, s:i, s:i, s:I}]}",
			   "record", "header", "format", JOURNAL_FORMAT, "at_ns",
			   (json_int_t)s->origin - 1, "title", "T", "faults", "fault", "workflows",
			   "name", "work", "kind", "http", "every_ns", (json_int_t)s->period,
			   "timeout_ns", (json_int_t)s->fails, "detect_failures", s->detect,
			   "stable_successes", s->successes, "stable_span_ns",
			   (json_int_t)s->span)},
		{s->origin,
		 json_pack("{s:s, s:I}", "record", "start", "at_ns", (json_int_t)s->origin)},
		{s->inject,
		 json_pack("{s:s, s:I, s:[s], s:I, s:I}", "record", "inject", "at_ns",
			   (json_int_t)s->inject, "faults", "fault", "starts_at_ns",
			   (json_int_t)s->inject, "ends_at_ns", (json_int_t)(s->end + SECOND))},
		{s->hit, json_pack("{s:s, s:I, s:s, s:[s]}", "record", "event", "at_ns",
				   (json_int_t)s->hit, "event", "first-hit", "faults", "fault")},
		{s->lift_last, json_pack("{s:s, s:I, s:[s], s:I}", "record", "lift", "at_ns",
					 (json_int_t)s->lift_last, "faults", "fault", "ended_ns",
					 (json_int_t)s->lift_last)},
	};

	for (int i = 0; i < (int)ARRAY_SIZE(others); i++) {
		if (i != *next || others[i].at > until) {
			json_decref(others[i].record);
			continue;
		}
		add_record(journal, units, told, others[i].record);
		++*next;
	}
}

static void write_journal(const struct synthetic *s, struct cut_journal *journal)
{
	struct history history;
	size_t attempt = 0;
	int other = 0;

	synthetic_history(s, &history);
	for (int i = 0; i < s->total; i++) {
		const struct unit *unit = &history.units[i];

		for (; attempt < history.attempts_count &&
		       history.attempts[attempt].unit == unit->number;
		     attempt++) {
			add_others(journal, s, i, history.attempts[attempt].number == 1,
				   (int64_t)history.attempts[attempt].ended_at, &other);
			add_record(journal, i, false,
				   record_of_attempt(&history, &history.attempts[attempt], "", 0));
		}
		add_record(journal, i + 1, true, record_of_unit(&history, unit));
	}
	add_others(journal, s, s->total, true, INT64_MAX, &other);
	history_free(&history);
}

/* The first `length` bytes, as if the controller had died there. */
static void check_cut(const struct synthetic *whole, struct cut_journal *journal, size_t length,
		      const struct line *last, unsigned int *checked)
{
	struct failure failure = {0};
	struct synthetic s = *whole;
	struct analysis analysis;
	struct journal_run run;
	struct history history;

	assert_int_equal(truncate(journal->path, (off_t)length), 0);
	assert_int_equal(journal_read(journal->path, &history, &run, &failure), 0);
	assert_int_equal(analysis_make(&history, &analysis), 0);
	assert_int_equal(analysis.verdict, VERDICT_INTERRUPTED);
	assert_int_equal(analysis.exit_code, 130);
	assert_string_equal(analysis.reason, "the journal ends before the run does");
	assert_int_equal(history.units_count, last->units);
	assert_int_equal(analysis.episodes_count, last->at >= s.inject);
	s.total = last->units;
	s.end = last->at;
	if (last->told && last->at >= s.lift_last && last->units > s.baseline) {
		check_all(&s, &analysis);
		++*checked;
	} else if (last->told && last->units > s.baseline) {
		assert_int_equal(analysis.episodes[0].lifted_last, 0);
		check_detection(&s, &analysis.episodes[0].results[0]);
		++*checked;
	}
	analysis_free(&analysis);
	history_free(&history);
	journal_run_free(&run);
}

/* Units end before the next is due, so that what is in the journal is a beginning of the list. */
static bool is_plain(const struct synthetic *s)
{
	return s->total <= UNITS_MAX && s->total > s->baseline + s->failing + 10 &&
	       s->attempts * (s->fails + s->pause) < s->period * 8 / 10 &&
	       s->lift_first == s->lift_last && s->lift_last < s->pieces[s->total - 5].due &&
	       s->attempts > 1;
}

static void test_every_byte(void **state)
{
	static struct cut_journal journal = {.path = "/tmp/faultctl-test-XXXXXX"};
	static struct synthetic s;
	unsigned int checked = 0;
	uint64_t seed = 1;
	size_t line;
	int fd = mkstemp(journal.path);

	(void)state;
	assert_true(fd >= 0);
	do
		synthetic_make(&s, seed++);
	while (!is_plain(&s));
	write_journal(&s, &journal);
	assert_int_equal(write(fd, journal.text, journal.length), journal.length);
	close(fd);
	line = journal.count - 1;
	for (size_t i = journal.length; i >= journal.lines[0].end; i--) {
		while (journal.lines[line].end > i)
			line--;
		check_cut(&s, &journal, i, &journal.lines[line], &checked);
	}
	print_message("%zu bytes, %zu records, figures checked at %u bytes\n", journal.length,
		      journal.count, checked);
	assert_true(checked > journal.length / 4);
	unlink(journal.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_byte)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
