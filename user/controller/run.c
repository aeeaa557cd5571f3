/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/run.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/record_json.h"
#include "user/protocol/plan_json.h"

enum {
	/* Arming looks names up and loads programs. */
	ARM_TIMEOUT_S = 15,
	/* The closing calls together; the lease ends the faults if the daemon does not answer. */
	CLOSING_TIMEOUT_S = 5,
	FILE_MAX = 1 << 20,
};

void run_record(struct run *run, json_t *record)
{
	struct failure failure = {0};
	int r = record ? journal_write(run->journal, record) : -ENOMEM;

	if (r == 0)
		r = record_apply(&run->history, record, &failure);
	json_decref(record);
	if (r < 0)
		run_end(run, END_ABORTED, "the journal cannot be written: %s",
			failure.text[0] ? failure.text : strerror(-r));
}

void run_end(struct run *run, enum run_end end, const char *format, ...)
{
	uint64_t now = clock_boottime_ns();
	va_list arguments;

	if (run->stopping)
		return;
	run->stopping = true;
	run->end = end;
	va_start(arguments, format);
	vsnprintf(run->end_text, sizeof(run->end_text), format, arguments);
	va_end(arguments);
	/* A run that was never armed fails with one line, which the verb prints. */
	if (run->id[0])
		progress_note(run->progress, now, "end", "%s%s%s", run_end_name(end),
			      run->end_text[0] ? ": " : "", run->end_text);
	loop_timer_cancel(run->loop, &run->step_timer);
	loop_timer_set(run->loop, &run->stop_timer, now);
	loop_timer_set(run->loop, &run->patience_timer, now + CLOSING_TIMEOUT_S * NS_PER_S);
}

static void closing_done(void *data, const struct client_reply *reply)
{
	struct run *run = data;
	size_t stage = run->stop_stage;
	json_t *record;

	run->closing = false;
	run->stop_stage++;
	loop_timer_set(run->loop, &run->stop_timer, clock_boottime_ns());
	if (reply->outcome != CLIENT_OK)
		return;
	if (stage == 1) {
		run_daemon_series(run, reply->body);
	} else if (stage == 2) {
		record = json_copy((json_t *)reply->body);
		json_object_set_new(record, "record", json_string("counters"));
		json_object_set_new(record, "at_ns", json_integer((json_int_t)reply->ended_at));
		run_record(run, record);
	} else {
		uint64_t at = json_u64(reply->body, stage == 0 ? "ends_at_ns" : "now_ns");

		run_record(run, json_pack("{s:s, s:I, s:I, s:[], s:I}", "record", "lift", "at_ns",
					  (json_int_t)reply->ended_at, "sent_ns",
					  (json_int_t)reply->sent_at, "faults", "ended_ns",
					  (json_int_t)at));
	}
}

/* What is asked of the daemon at the end, in this order: the faults go first. */
static const struct {
	const char *method, *rest;
} closing_calls[] = {
	{"POST", "/lift"},
	{"GET", "/series"},
	{"GET", "/counters"},
	{"DELETE", ""},
};

static bool window_open(const struct run *run)
{
	record_finish((struct history *)&run->history);
	for (size_t i = 0; i < run->history.windows_count; i++)
		if (!run->history.windows[i].ended_last)
			return true;
	return false;
}

static void finish(struct run *run)
{
	run_record(run, json_pack("{s:s, s:I, s:s, s:i, s:s}", "record", "end", "at_ns",
				  (json_int_t)clock_boottime_ns(), "end", run_end_name(run->end),
				  "exit_code", run->exit_code, "text", run->end_text));
	loop_stop(run->loop);
}

static void on_stop(void *data, uint64_t now)
{
	struct run *run = data;
	char rest[64];

	(void)now;
	run_daemon_stop(run);
	/* Before the units are cut: the lift must not wait for them. */
	if (run->stop_stage == 0 && !run->daemon_gone && run->id[0] && !window_open(run))
		run->stop_stage = 1;
	if (run->stop_stage < ARRAY_SIZE(closing_calls) && !run->daemon_gone && run->id[0] &&
	    !run->closing) {
		run->closing = true;
		snprintf(rest, sizeof(rest), "%s", closing_calls[run->stop_stage].rest);
		if (run->stop_stage == 1)
			snprintf(rest, sizeof(rest), "/series?from=%llu",
				 (unsigned long long)run->next_bucket);
		run_call(run, closing_calls[run->stop_stage].method, rest,
			 run->stop_stage == 0 ? json_object() : NULL, closing_done);
	}
	workflows_stop(run->workflows);
	if (run->daemon_gone || !run->id[0] ||
	    (run->stop_stage >= ARRAY_SIZE(closing_calls) && !run->listening))
		finish(run);
}

static void on_patience_end(void *data, uint64_t now)
{
	struct run *run = data;

	if (run->stop_stage < ARRAY_SIZE(closing_calls))
		progress_note(run->progress, now, "warning",
			      "the daemon did not confirm; the faults end with their lease");
	finish(run);
}

static void on_signal(void *data, uint32_t events)
{
	struct run *run = data;
	struct signalfd_siginfo info;

	(void)events;
	if (read(run->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (run->stopping && run->end == END_SIGNAL) {
		finish(run); /* asked twice: not another moment */
		return;
	}
	run_end(run, END_SIGNAL, "SIG%s", sigabbrev_np((int)info.ssi_signo));
}

static void on_armed(void *data, const struct client_reply *reply)
{
	struct run *run = data;
	uint64_t now = clock_boottime_ns();

	if (reply->outcome != CLIENT_OK || !json_text(reply->body, "run")) {
		run->exit_code = reply->outcome == CLIENT_OK ? 3 : client_exit_code(reply);
		run->daemon_gone = true;
		run_end(run, END_REFUSED, "%s",
			reply->outcome == CLIENT_OK ? "the daemon gave the run no name"
						    : reply->text);
		return;
	}
	run_daemon_start(run, reply->body);
	if (run->stopping) {
		loop_timer_set(run->loop, &run->stop_timer, now);
		return;
	}
	run->origin = now;
	progress_origin(run->progress, now);
	run_record(run, json_pack("{s:s, s:I}", "record", "start", "at_ns", (json_int_t)now));
	if (live_new(&run->history, now, &run->live) < 0 ||
	    workflows_start(run->workflows, now) < 0)
		run_end(run, END_ABORTED, "out of memory");
	run_step(run);
	run_watch_draw(run, now);
}

static int watch_signals(struct run *run, struct failure *failure)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return fail(failure, -errno, "cannot block signals: %s", strerror(errno));
	run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals < 0)
		return fail(failure, -errno, "cannot watch signals: %s", strerror(errno));
	return loop_watch(run->loop, run->signals, EPOLLIN, on_signal, run);
}

/* The file as it was at the start of the run. NULL when it is not UTF-8 or has gone. */
static json_t *file_text(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = malloc(FILE_MAX);
	size_t length = file && text ? fread(text, 1, FILE_MAX, file) : 0;

	return json_stringn(text ? text : "", length);
}

static void boot_id(char *buffer, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	buffer[0] = '\0';
	if (file && fgets(buffer, (int)size, file))
		buffer[strcspn(buffer, "\n")] = '\0';
}

static void write_header(struct run *run, uint64_t realtime_ns, json_t *plan)
{
	const struct experiment *experiment = run->experiment;
	json_t *workflows = json_array(), *faults = json_array(), *text;
	struct utsname names = {0};
	char boot[64];

	uname(&names);
	boot_id(boot, sizeof(boot));
	text = file_text(experiment->path);
	for (size_t i = 0; i < experiment->workflows_count; i++)
		json_array_append_new(workflows, record_of_terms(&experiment->workflows[i]));
	for (size_t i = 0; i < experiment->faults_count; i++)
		json_array_append_new(faults, json_string(experiment->faults[i].name));
	run_record(
		run,
		json_pack("{s:s, s:i, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:s, s:{s:s, s:o*},"
			  " s:o, s:o, s:O}",
			  "record", "header", "format", JOURNAL_FORMAT, "version", FAULTD_VERSION,
			  "library", http_library(), "at_ns", (json_int_t)clock_boottime_ns(),
			  "realtime_ns", (json_int_t)realtime_ns, "boot_id", boot, "host",
			  names.nodename, "kernel", names.release, "seed",
			  (json_int_t)run->options->seed, "title", experiment->title, "experiment",
			  "path", experiment->path, "text", text, "workflows", workflows, "faults",
			  faults, "plan", plan));
}

static int prepare(struct run *run, struct failure *failure)
{
	int r = loop_new(&run->loop);

	if (r == 0)
		r = http_new(run->loop, &run->http);
	if (r == 0)
		r = client_new(run->http, run->options->socket_path, &run->client);
	if (r == 0)
		r = progress_new(run->options->quiet, &run->progress);
	if (r == 0)
		r = workflows_new(run->experiment, run->loop, run->http, &run->identity,
				  run->options->seed,
				  &(struct workflow_hooks){run_hooks.attempt_ended,
							   run_hooks.unit_ended, run},
				  &run->workflows);
	if (r < 0)
		return fail(failure, r, "cannot set up: %s", strerror(-r));
	run->stop_timer = (struct timer){.alarm = on_stop, .data = run};
	run->patience_timer = (struct timer){.alarm = on_patience_end, .data = run};
	run->draw_timer = (struct timer){.alarm = run_watch_draw, .data = run};
	r = run_alerts_start(run, failure);
	return r < 0 ? r : watch_signals(run, failure);
}

static void release(struct run *run)
{
	run_alerts_free(run);
	workflows_free(run->workflows);
	client_free(run->client);
	http_free(run->http);
	cleanup_close(&run->signals);
	loop_free(run->loop);
	progress_free(run->progress);
	journal_close(run->journal);
	live_free(&run->live);
	history_free(&run->history);
	plan_free(&run->plan);
}

static int play(struct run *run, char **ret_journal, struct failure *failure)
{
	uint64_t realtime_ns = clock_realtime_ns();
	_cleanup_free_ char *text = NULL;
	json_t *plan;
	int r = experiment_compile(run->experiment, run->options->seed, &run->plan, failure);

	if (r < 0)
		return r;
	if (plan_to_json(&run->plan, &text) < 0 || !(plan = json_loads(text, 0, NULL)))
		return fail(failure, -ENOMEM, "out of memory");
	r = journal_create(run->options->output, run->experiment->title, realtime_ns, &run->journal,
			   failure);
	if (r < 0) {
		json_decref(plan);
		return r;
	}
	*ret_journal = strdup(journal_path(run->journal));
	write_header(run, realtime_ns, plan);
	if (client_call(run->client, "POST", "/v1/runs", plan, ARM_TIMEOUT_S * NS_PER_S, on_armed,
			run) < 0)
		return fail(failure, -ENOMEM, "out of memory");
	r = loop_run(run->loop);
	return r < 0 ? fail(failure, r, "the event loop broke: %s", strerror(-r)) : 0;
}

int run_play(const struct run_options *options, const struct experiment *experiment,
	     char **ret_journal, int *ret_exit_code, struct failure *failure)
{
	struct run run = {.options = options, .experiment = experiment, .signals = -1};
	int r = identity_find(options->as_root, &run.identity, failure);

	if (r == 0)
		r = prepare(&run, failure);
	if (r == 0)
		r = play(&run, ret_journal, failure);
	if (r == 0 && run.exit_code && !run.id[0])
		fail(failure, 0, "%s", run.end_text);
	*ret_exit_code = run.exit_code;
	release(&run);
	return r;
}
