/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How library code reports what went wrong: it returns -errno and writes one line for people into
 * the caller's struct failure. It does not log; whoever gives up logs once.
 */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

struct failure {
	char text[1024]; /* one line, no newline; empty when nothing failed */
};

/*
 * Formats `text` into `failure` (which may be NULL) and returns `r`, a negative errno, so that
 * callers write `return fail(failure, -EINVAL, "...")`. Keeps errno.
 */
int fail(struct failure *failure, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of what is in `failure` already. Returns `r`. */
int fail_in(struct failure *failure, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
