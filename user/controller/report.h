/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of a run, from its journal alone. */
#ifndef CONTROLLER_REPORT_H
#define CONTROLLER_REPORT_H

#include <stdio.h>

#include "user/controller/analysis.h"
#include "user/controller/journal.h"

enum report_format { REPORT_TABLE, REPORT_JSON };

/*
 * Reads the journal (or the run's directory), analyses it and prints the report to `out`. 0 with
 * the exit code of the verdict in `ret_exit_code`; -errno with `failure`, and nothing printed.
 */
int report_journal(const char *path, enum report_format format, FILE *out, int *ret_exit_code,
		   struct failure *failure);

/* The parts, for a width of `width` columns. */
int report_table(const struct history *history, const struct journal_run *run,
		 const struct analysis *analysis, unsigned int width, FILE *out);
int report_json(const struct history *history, const struct journal_run *run,
		const struct analysis *analysis, FILE *out);
/* One row per fault and per workflow over the time of the run. */
void report_chart(const struct history *history, unsigned int width, FILE *out);

/* "340ms", "1.82s", "12.3s", "2m05s", "1h02m": at most six bytes below 1000 hours. */
#define REPORT_TIME_SIZE 24
void report_time(uint64_t ns, char buffer[REPORT_TIME_SIZE]);

#endif
