/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/journal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/record_json.h"
#include "user/controller/state.h"

enum { SLUG_SIZE = 48 };

struct journal {
	int fd;
	char path[PATH_MAX];
};

/* "Artifact store turns readers away" as "artifact-store-turns-readers-away". */
static void make_slug(const char *title, char slug[SLUG_SIZE])
{
	size_t length = 0;

	for (; *title && length + 1 < SLUG_SIZE; title++) {
		unsigned char byte = (unsigned char)*title;

		if (isalnum(byte) && byte < 0x80)
			slug[length++] = (char)tolower(byte);
		else if (length && slug[length - 1] != '-')
			slug[length++] = '-';
	}
	while (length && slug[length - 1] == '-')
		length--;
	slug[length] = '\0';
}

int journal_default_directory(const char *title, uint64_t realtime_ns, char buffer[PATH_MAX],
			      struct failure *failure)
{
	char time[CLOCK_RFC3339_SIZE], slug[SLUG_SIZE], below[SLUG_SIZE + CLOCK_RFC3339_SIZE + 8];

	make_slug(title, slug);
	clock_format_rfc3339(realtime_ns, time);
	/* Colons are awkward in paths. */
	for (char *byte = time; *byte; byte++)
		if (*byte == ':')
			*byte = '-';
	snprintf(below, sizeof(below), "runs/%s-%s", time, slug);
	return state_path(below, buffer, failure);
}

int journal_create(const char *directory, const char *title, uint64_t realtime_ns,
		   struct journal **ret_journal, struct failure *failure)
{
	_cleanup_free_ struct journal *journal = malloc(sizeof(*journal));
	char buffer[PATH_MAX];
	int r;

	if (!journal)
		return fail(failure, -ENOMEM, "out of memory");
	if (!directory) {
		r = journal_default_directory(title, realtime_ns, buffer, failure);
		if (r < 0)
			return r;
		directory = buffer;
	}
	r = state_make_directories(directory, failure);
	if (r < 0)
		return r;
	if (snprintf(journal->path, sizeof(journal->path), "%s/journal.jsonl", directory) >=
	    (int)sizeof(journal->path))
		return fail(failure, -ENAMETOOLONG, "the journal's path is too long");
	journal->fd = open(journal->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
	if (journal->fd < 0 && errno == EEXIST)
		return fail(failure, -EEXIST, "%s holds the journal of another run", directory);
	if (journal->fd < 0)
		return fail(failure, -errno, "cannot create %s: %s", journal->path,
			    strerror(errno));
	*ret_journal = TAKE_PTR(journal);
	return 0;
}

const char *journal_path(const struct journal *journal)
{
	return journal->path;
}

int journal_write(struct journal *journal, const json_t *record)
{
	_cleanup_free_ char *text = json_dumps(record, JSON_COMPACT);
	size_t length, done = 0;

	if (!text)
		return -ENOMEM;
	length = strlen(text);
	/* The newline takes the place of the terminator: one write, so that a line is whole. */
	text[length++] = '\n';
	while (done < length) {
		ssize_t count = write(journal->fd, text + done, length - done);

		if (count < 0 && errno != EINTR)
			return -errno;
		if (count > 0)
			done += (size_t)count;
	}
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	fdatasync(journal->fd);
	close(journal->fd);
	free(journal);
}

static int read_line(const char *line, size_t length, struct history *history,
		     struct journal_run *run, struct failure *failure)
{
	json_error_t error;
	json_t *record = json_loadb(line, length, 0, &error);
	const char *kind;
	int r;

	if (!record)
		return fail(failure, -EINVAL, "not JSON: %s", error.text);
	kind = json_text(record, "record");
	if (!kind)
		kind = "";
	if (!run->header && strcmp(kind, "header") != 0)
		r = fail(failure, -EINVAL, "the first record is not a header");
	else
		r = record_apply(history, record, failure);
	if (r == 0 && strcmp(kind, "header") == 0) {
		run->header = json_incref(record);
		if (json_u64(record, "format") != JOURNAL_FORMAT)
			r = fail(failure, -EINVAL, "a journal of format %llu; this is %d",
				 (unsigned long long)json_u64(record, "format"), JOURNAL_FORMAT);
	} else if (r == 0 && strcmp(kind, "counters") == 0) {
		json_decref(run->counters);
		run->counters = json_incref(record);
	}
	json_decref(record);
	return r;
}

static int read_lines(FILE *file, struct history *history, struct journal_run *run,
		      struct failure *failure)
{
	_cleanup_free_ char *line = NULL;
	unsigned int number = 0;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, file)) > 0 && line[length - 1] == '\n') {
		int r = read_line(line, (size_t)length - 1, history, run, failure);

		number++;
		if (r < 0)
			return fail_in(failure, r, "%s:%u", run->path, number);
	}
	if (!run->header)
		return fail(failure, -EINVAL, "%s: no whole header: nothing to report", run->path);
	record_finish(history);
	return 0;
}

int journal_read(const char *path, struct history *ret_history, struct journal_run *ret_run,
		 struct failure *failure)
{
	struct history history = {0};
	struct journal_run run = {0};
	_cleanup_fclose_ FILE *file = NULL;
	struct stat status;
	int r;

	if (stat(path, &status) < 0)
		return fail(failure, -errno, "%s: %s", path, strerror(errno));
	if (asprintf(&run.path, "%s%s", path, S_ISDIR(status.st_mode) ? "/journal.jsonl" : "") < 0)
		return fail(failure, -ENOMEM, "out of memory");
	file = fopen(run.path, "re");
	if (!file)
		r = fail(failure, -errno, "%s: %s", run.path, strerror(errno));
	else
		r = read_lines(file, &history, &run, failure);
	if (r < 0) {
		history_free(&history);
		journal_run_free(&run);
		return r;
	}
	*ret_history = history;
	*ret_run = run;
	return 0;
}

void journal_run_free(struct journal_run *run)
{
	free(run->path);
	json_decref(run->header);
	json_decref(run->counters);
	*run = (struct journal_run){0};
}
