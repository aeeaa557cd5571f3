/* SPDX-License-Identifier: Apache-2.0 */
/* When the system under test says that it has noticed: its webhooks, and commands that ask. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/controller/record_json.h"
#include "user/controller/run.h"
#include "user/controller/webhook.h"

/* A command is asked a second after its last answer; one that takes longer than this says no. */
#define ASK_EVERY_NS   NS_PER_S
#define ASK_TIMEOUT_NS (10 * NS_PER_S)

/* Alerts of one workflow that are written down; the first one counts. */
enum { ALERTS_MAX = 1000 };

struct watcher {
	struct run *run;
	size_t workflow;
	struct webhook *webhook;
	struct timer timer;
	struct command *command;
	uint64_t last_no; /* when the last question began that was answered with no; 0: none */
	size_t alerts;
};

static void record_alert(struct watcher *watcher, uint64_t after, uint64_t at)
{
	struct run *run = watcher->run;
	const struct workflow *workflow = &run->experiment->workflows[watcher->workflow];

	if (watcher->alerts++ >= ALERTS_MAX)
		return;
	progress_note(run->progress, at, "alert", "%s by %s", workflow->name,
		      workflow->detect.webhook ? "webhook" : "command");
	run_record(run,
		   json_pack("{s:s, s:I, s:s, s:I}", "record", "alert", "at_ns", (json_int_t)at,
			     "workflow", workflow->name, "after_ns", (json_int_t)after));
}

/* What an alert manager sends when all is well again is no alert. */
static bool is_resolved(const char *body, size_t length)
{
	json_t *message = json_loadb(body, length, 0, NULL);
	const char *status = json_text(message, "status");
	bool resolved = status && strcmp(status, "resolved") == 0;

	json_decref(message);
	return resolved;
}

static void on_webhook(void *data, const char *body, size_t length, uint64_t at)
{
	struct watcher *watcher = data;

	if (!watcher->run->stopping && !is_resolved(body, length))
		record_alert(watcher, 0, at);
}

static void on_answer(void *data, const struct command_result *result)
{
	struct watcher *watcher = data;

	watcher->command = NULL;
	if (watcher->run->stopping)
		return;
	if (result->class == CLASS_OK) {
		record_alert(watcher, watcher->last_no, result->ended_at);
		return;
	}
	watcher->last_no = result->started_at;
	loop_timer_set(watcher->run->loop, &watcher->timer, result->ended_at + ASK_EVERY_NS);
}

static void on_ask(void *data, uint64_t now)
{
	struct watcher *watcher = data;
	struct run *run = watcher->run;

	if (run->stopping)
		return;
	if (command_start(run->loop, &run->experiment->workflows[watcher->workflow].detect.command,
			  &run->identity, ASK_TIMEOUT_NS, on_answer, watcher,
			  &watcher->command) < 0)
		loop_timer_set(run->loop, &watcher->timer, now + ASK_EVERY_NS);
}

int run_alerts_start(struct run *run, struct failure *failure)
{
	const struct experiment *experiment = run->experiment;
	int r = 0;

	run->watchers = calloc(experiment->workflows_count + 1, sizeof(*run->watchers));
	if (!run->watchers)
		return fail(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < experiment->workflows_count && r == 0; i++) {
		struct watcher *watcher = &run->watchers[i];
		const char *url = experiment->workflows[i].detect.webhook;

		*watcher = (struct watcher){
			.run = run,
			.workflow = i,
			.timer = {.alarm = on_ask, .data = watcher},
		};
		if (url)
			r = webhook_new(run->loop, url, on_webhook, watcher, &watcher->webhook,
					failure);
	}
	return r;
}

void run_alerts_ask(struct run *run, uint64_t now)
{
	for (size_t i = 0; i < run->experiment->workflows_count; i++) {
		struct watcher *watcher = &run->watchers[i];

		/* Each episode asks anew. */
		if (!run->experiment->workflows[i].detect.command.count || watcher->command ||
		    watcher->timer.when.place)
			continue;
		watcher->last_no = 0;
		loop_timer_set(run->loop, &watcher->timer, now);
	}
}

void run_alerts_free(struct run *run)
{
	for (size_t i = 0; run->watchers && i < run->experiment->workflows_count; i++) {
		loop_timer_cancel(run->loop, &run->watchers[i].timer);
		command_cancel(run->watchers[i].command);
		webhook_free(run->watchers[i].webhook);
	}
	free(run->watchers);
	run->watchers = NULL;
}
