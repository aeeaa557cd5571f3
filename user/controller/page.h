/* SPDX-License-Identifier: Apache-2.0 */
/* The building blocks of the HTML report: terms with their definitions, chips, tables. */
#ifndef CONTROLLER_PAGE_H
#define CONTROLLER_PAGE_H

#include "user/controller/report_figures.h"

/* Everything up to the beginning of the body. */
void page_begin(FILE *out, const char *title);

/* "good", "bad", "noticed" or "neutral": the class of the page's style for a tone. */
const char *page_tone(enum report_tone tone);

/* A word whose definition is one hover, tap or focus away. Both texts are escaped. */
void page_term(FILE *out, const char *label, const char *definition);
/* A word on a coloured ground, with its definition. "not_affected" reads "not affected". */
void page_chip(FILE *out, enum report_tone tone, const char *name, const char *definition);
/* The same for a verdict. */
void page_verdict(FILE *out, enum verdict verdict);

/* A table that becomes a list of cards where the page is narrow. */
struct page_table {
	FILE *out;
	const char *const *headers;
	size_t columns, column;
};
/* `definitions` may be NULL, or hold NULLs. `title` and headers are escaped. */
void page_table_begin(struct page_table *table, FILE *out, const char *title,
		      const char *const *headers, const char *const *definitions, size_t columns);
/* The next cell; the first of a row is its header. Text is escaped. */
void page_cell(struct page_table *table, const char *text);
/* The next cell with its content written by the caller between the two calls. */
void page_cell_begin(struct page_table *table);
void page_cell_end(struct page_table *table);
void page_table_end(struct page_table *table);

/* report_html_panels.c: all of the run in one picture, and one workflow. 0 or -ENOMEM. */
int page_overview(const struct report *report, FILE *out);
int page_workflow(const struct report *report, uint32_t workflow, FILE *out);
/* report_html_charts.c: what the kernel counted; nothing when it did not. 0 or -ENOMEM. */
int page_kernel(const struct report *report, FILE *out);

/* report_html_tables.c: the tables of one episode, and of the whole run. 0 or -ENOMEM. */
int page_episode_tables(const struct report *report, size_t episode, FILE *out);
void page_run_tables(const struct report *report, FILE *out);

/* The style sheet, NUL-terminated. */
extern const char page_style[];

#endif
