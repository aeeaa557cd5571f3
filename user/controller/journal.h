/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a run: append-only JSON Lines, one record a line, one write(2) a record. Every
 * report is made from it. docs/measuring.md lists the records.
 */
#ifndef CONTROLLER_JOURNAL_H
#define CONTROLLER_JOURNAL_H

#include <jansson.h>
#include <limits.h>

#include "user/controller/records.h"

#define JOURNAL_FORMAT 1

struct journal;

/* $XDG_STATE_HOME/faultctl/runs/<utc time>-<title>, ~/.local/state for a missing variable; nothing
 * is made. 0, or -errno with the reason in `failure`. */
int journal_default_directory(const char *title, uint64_t realtime_ns, char buffer[PATH_MAX],
			      struct failure *failure);

/*
 * Creates DIRECTORY/journal.jsonl, and the directory with its parents. `directory` NULL:
 * the default one. A journal that is already there is refused (-EEXIST). 0, or -errno with the
 * reason in `failure`.
 */
int journal_create(const char *directory, const char *title, uint64_t realtime_ns,
		   struct journal **ret_journal, struct failure *failure);
/* Path of the file; lives as long as the journal. */
const char *journal_path(const struct journal *journal);
/* Appends one record. 0 or -errno of the write. */
int journal_write(struct journal *journal, const json_t *record);
/* Writes it out to the disk and closes it. NULL is fine. */
void journal_close(struct journal *journal);

/* What a journal says of its run beside the history. */
struct journal_run {
	char *path;
	json_t *header;
	json_t *counters; /* the last ones; NULL: none */
};

/*
 * Reads a journal, or the journal of a run's directory. A last line without its end is left out:
 * the run was cut there. 0, or -errno with the reason in `failure` and nothing to free.
 */
int journal_read(const char *path, struct history *ret_history, struct journal_run *ret_run,
		 struct failure *failure);
void journal_run_free(struct journal_run *run);

#endif
