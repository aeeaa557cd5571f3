/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: the plan goes to the daemon, the timeline is played, the workflows work, and everything
 * is written to the journal. Split over run.c (start and end), run_timeline.c (the steps),
 * run_daemon.c (lease, events, series) and run_watch.c (units, abort rules, the status lines).
 */
#ifndef CONTROLLER_RUN_H
#define CONTROLLER_RUN_H

#include <jansson.h>

#include "user/controller/client.h"
#include "user/controller/journal.h"
#include "user/controller/live.h"
#include "user/controller/progress.h"
#include "user/controller/workflow.h"

struct run_options {
	const char *path;	 /* of the experiment */
	const char *output;	 /* directory of the journal; NULL: the default */
	const char *socket_path; /* of the daemon */
	uint64_t seed;
	bool quiet;
	bool as_root; /* commands run as root, also under sudo */
};

struct run {
	const struct run_options *options;
	const struct experiment *experiment;
	struct plan plan;
	struct identity identity;
	struct history history;

	struct loop *loop;
	struct http *http;
	struct client *client;
	struct journal *journal;
	struct workflows *workflows;
	struct watcher *watchers; /* of alerts, one per workflow */
	struct progress *progress;
	struct live live; /* from the start of the schedule on */
	int signals;	  /* signalfd */

	char id[64]; /* the daemon's name for the run; empty: not armed */
	uint64_t origin;
	size_t step;
	uint64_t step_ends_at; /* 0: unknown until the daemon has answered */
	struct timer step_timer;

	struct timer renew_timer, second_timer, series_timer, draw_timer, stop_timer,
		patience_timer;
	bool renewing, polling, listening;
	uint64_t last_renewal, lease_until;
	uint64_t next_bucket;
	uint64_t settled_check_at; /* not before */

	bool stopping;	   /* the end is decided */
	bool daemon_gone;  /* no more calls to it */
	bool closing;	   /* a closing call is under way */
	size_t stop_stage; /* which of the closing calls */
	enum run_end end;
	char end_text[512];
	int exit_code; /* of a refusal; 0: the verdict's */
};

/*
 * Plays `experiment` to its end. 0 with the exit code of a refusal or 0 in `ret_exit_code`, the
 * journal's path in `ret_journal` (owned by the caller); -errno with `failure` when the run could
 * not even begin; nothing is left behind then but perhaps a journal that says so.
 */
int run_play(const struct run_options *options, const struct experiment *experiment,
	     char **ret_journal, int *ret_exit_code, struct failure *failure);

/* Writes a record and applies it to the history; takes over the reference. A journal that cannot
 * be written ends the run. */
void run_record(struct run *run, json_t *record);

/* Decides the end of the run; the first call counts. Returns at once: the rest is done by the loop.
 */
void run_end(struct run *run, enum run_end end, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* run_timeline.c: begins step `run->step`; past the last one the run is completed. */
void run_step(struct run *run);
/* Ends a recover step when everything has settled. */
void run_step_settled(struct run *run, uint64_t now);

/* run_daemon.c: takes the reply to POST /v1/runs; starts lease, events and series. */
void run_daemon_start(struct run *run, const json_t *reply);
void run_daemon_stop(struct run *run);
/* Asks for one more round of series now; used at the end. */
void run_daemon_series(struct run *run, const json_t *reply);
/* A call about this run: "/v1/runs/ID" and `rest`. */
void run_call(struct run *run, const char *method, const char *rest, json_t *body,
	      client_done done);

/* run_alert.c: listens for webhooks; 0, or -errno with the reason in `failure`. */
int run_alerts_start(struct run *run, struct failure *failure);
/* Asks the commands that tell of an outage, from an inject on until they say yes. */
void run_alerts_ask(struct run *run, uint64_t now);
void run_alerts_free(struct run *run);

/* run_watch.c */
extern const struct workflow_hooks run_hooks;
void run_watch_second(struct run *run, uint64_t now);
void run_watch_draw(void *data, uint64_t now);

#endif
