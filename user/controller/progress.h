/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person sees while a run goes on, on stderr. On a terminal a few status lines are drawn
 * again in place and events scroll by above them; elsewhere each event is a line.
 */
#ifndef CONTROLLER_PROGRESS_H
#define CONTROLLER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress;

/* `quiet`: say nothing at all. 0 or -ENOMEM. */
int progress_new(bool quiet, struct progress **ret_progress);
/* Whether status lines are worth making. */
bool progress_live(const struct progress *progress);
/* Instants are printed as seconds since this one. */
void progress_origin(struct progress *progress, uint64_t origin);
/* One line: "   12.004  inject   artifacts for 60.000 s". `event` is one word of a fixed set, so
 * that scripts can look for it. */
void progress_note(struct progress *progress, uint64_t at, const char *event, const char *format,
		   ...) __attribute__((format(printf, 4, 5)));
/* Draws `lines` in place of the last ones. */
void progress_draw(struct progress *progress, const char *const *lines, size_t count);
/* Takes the status lines away. NULL is fine. */
void progress_free(struct progress *progress);

/* Prints as much of `line` as fits into `width` columns. Sequences that set colours take none and
 * all get through; a character of UTF-8 takes one. */
void progress_fit(FILE *out, const char *line, unsigned int width);

#endif
