/* SPDX-License-Identifier: Apache-2.0 */
/* A run as the api process knows it: its plan, its owner and its events so far. */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include <stdbool.h>
#include <sys/types.h>

#include "user/experiment/plan.h"
#include "user/protocol/engine.h"

#define RUN_ID_SIZE 17

struct run;

/* Takes the plan over, also on failure. One reference is the caller's. 0 or -errno. */
int run_new(struct plan *plan, uid_t uid, struct run **ret_run);
struct run *run_ref(struct run *run);
void run_unref(struct run *run);

const char *run_id(const struct run *run);
uid_t run_uid(const struct run *run);
const struct plan *run_plan(const struct run *run);
bool run_has_ended(struct run *run);

/* Rules of the fault `name`; 0: there is no such fault. */
__u64 run_rules_of(const struct run *run, const char *name);
__u64 run_all_rules(const struct run *run);

/* Appends an event; a `disarmed` one ends the run. */
void run_add_event(struct run *run, const struct engine_event *event);
/* Ends a run that never was armed. */
void run_end(struct run *run);

/* The stream of a run's events (http_stream_fn): history, then what comes, "\n" each idle second.
 */
struct run_stream;
int run_stream_new(struct run *run, struct run_stream **ret_stream);
ssize_t run_stream_read(void *stream, char *buffer, size_t size);
void run_stream_free(void *stream);

#endif
