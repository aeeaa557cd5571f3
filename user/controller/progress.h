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

struct progress;

/* `quiet`: say nothing at all. 0 or -ENOMEM. */
int progress_new(bool quiet, struct progress **ret_progress);
/* Whether status lines are worth making. */
bool progress_live(const struct progress *progress);
/* Instants are printed as seconds since this one. */
void progress_origin(struct progress *progress, uint64_t origin);
void progress_note(struct progress *progress, uint64_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Draws `lines` in place of the last ones. */
void progress_draw(struct progress *progress, const char *const *lines, size_t count);
/* Takes the status lines away. NULL is fine. */
void progress_free(struct progress *progress);

#endif
