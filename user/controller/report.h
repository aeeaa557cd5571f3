/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of a run, from its journal alone. */
#ifndef CONTROLLER_REPORT_H
#define CONTROLLER_REPORT_H

#include <stdio.h>

#include "user/controller/analysis.h"
#include "user/controller/journal.h"

enum report_format {
	REPORT_TABLE,
	REPORT_JSON,
	REPORT_JUNIT,
	REPORT_GITHUB,
	REPORT_MARKDOWN,
	REPORT_CHAOS_TOOLKIT,
	REPORT_OPENMETRICS,
	REPORT_HTML,
	REPORT_FORMAT_COUNT,
};
/* "table", "json", "junit", ...; NULL: no such format. */
const char *report_format_name(unsigned int format);
/* 0 or -ENOENT. */
int report_format_by_name(const char *name, enum report_format *ret_format);
/* "table, json, ... or html", for messages and help. */
const char *report_format_list(void);

/* Where reports go. */
#define REPORT_OUTPUTS_MAX 16
struct report_outputs {
	struct report_output {
		enum report_format format;
		const char *path; /* NULL: standard output. Not owned */
		FILE *stream;	  /* filled by report_outputs_open */
		bool created;	  /* the file was not there before */
		bool begun;	  /* a report was printed to it */
	} items[REPORT_OUTPUTS_MAX];
	size_t count;
};

/*
 * Takes "FORMAT" or "FORMAT=FILE" ("-" is standard output). `text` must outlive the outputs. 0;
 * -EINVAL with the reason in `failure` when there is no such format, or standard output would get
 * two documents that cannot stand one behind the other.
 */
int report_outputs_add(struct report_outputs *outputs, const char *text, struct failure *failure);
/*
 * Opens what was added, so that a place that cannot be written is told before a run and not after
 * it; what is in the files stays until a report is ready, and a file that was made for one which
 * did not come is taken away again at the end. Without a report for standard output the table goes
 * there. 0 or -errno with `failure`; ends with report_outputs_close in either case.
 */
int report_outputs_open(struct report_outputs *outputs, struct failure *failure);
void report_outputs_close(struct report_outputs *outputs);
/* Before something is printed to an output: empties its file. */
void report_output_begin(struct report_output *output);

/*
 * Reads the journal (or the run's directory), analyses it and prints every output. 0 with the exit
 * code of the verdict in `ret_exit_code`; -errno with `failure`: a journal that cannot be read
 * leaves every output as it was.
 */
int report_journal(const char *path, struct report_outputs *outputs, int *ret_exit_code,
		   struct failure *failure);

/* What a report is made from. Nothing is owned. */
struct report {
	const struct history *history;
	const struct journal_run *run;
	const struct analysis *analysis;
};

/* Each prints one report: 0, -ENOMEM or -EIO. */
int report_table(const struct report *report, unsigned int width, FILE *out);
int report_json(const struct report *report, FILE *out);
int report_junit(const struct report *report, FILE *out);
int report_markdown(const struct report *report, FILE *out);
/* Annotations to `out`; with GITHUB_STEP_SUMMARY set, the Markdown is appended to that file. */
int report_github(const struct report *report, FILE *out);
int report_chaos_toolkit(const struct report *report, FILE *out);
int report_openmetrics(const struct report *report, FILE *out);
int report_html(const struct report *report, FILE *out);

/* For the table: one row per fault and per workflow over the time of the run. */
void report_chart(const struct history *history, unsigned int width, FILE *out);

#endif
