/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a file, where, and what would be right. */
#ifndef EXPERIMENT_DIAGNOSTIC_H
#define EXPERIMENT_DIAGNOSTIC_H

#include <stddef.h>
#include <stdio.h>

/* A place in a file. Both count from 1; the column counts bytes. Line 0: the file as a whole. */
struct place {
	int line, column;
};

/* One problem in a file. line and column count from 1; column counts bytes. */
struct diagnostic {
	int line, column;
	char message[512];    /* what is wrong */
	char suggestion[256]; /* what would be right; may be empty */
};

struct diagnostics {
	struct diagnostic items[32]; /* the first ones; loading goes on after most errors */
	size_t count;		     /* of items */
	size_t total;
};

/* Notes a problem. Control characters that came from the file are shown as '?'. */
void diagnose(struct diagnostics *diagnostics, struct place at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Says what would be right about the problem that was noted last. */
void suggest(struct diagnostics *diagnostics, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts the kept ones in the order of the file; those of one place stay as they are. */
void diagnostics_sort(struct diagnostics *diagnostics);

/* "file:line:column: error: message; suggestion", the offending line and a caret below it. */
void diagnostics_print(const struct diagnostics *diagnostics, const char *path, FILE *out);

#endif
