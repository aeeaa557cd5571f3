/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/record_json.h"
#include "user/controller/run.h"

/* Nothing that the daemon is asked takes longer when it is well; a name lookup at arming may. */
enum { CALL_TIMEOUT_NS = 2000000000 };

void run_call(struct run *run, const char *method, const char *rest, json_t *body, client_done done)
{
	char path[256];

	snprintf(path, sizeof(path), "/v1/runs/%s%s", run->id, rest);
	if (client_call(run->client, method, path, body, CALL_TIMEOUT_NS, done, run) < 0)
		run_end(run, END_ABORTED, "out of memory");
}

/* What the faults did after the last word from the daemon is known to an interval only. */
static void lose(struct run *run, const char *text)
{
	if (run->daemon_gone)
		return;
	run->daemon_gone = true;
	run_record(run, json_pack("{s:s, s:I, s:I, s:I, s:s}", "record", "lost", "at_ns",
				  (json_int_t)clock_boottime_ns(), "last_renewal_ns",
				  (json_int_t)run->last_renewal, "lease_until_ns",
				  (json_int_t)run->lease_until, "text", text));
	run_end(run, END_DAEMON_LOST, "%s", text);
}

static void on_renewed(void *data, const struct client_reply *reply)
{
	struct run *run = data;

	run->renewing = false;
	if (run->daemon_gone)
		return;
	switch (reply->outcome) {
	case CLIENT_OK:
		run->last_renewal = json_u64(reply->body, "now_ns");
		run->lease_until = json_u64(reply->body, "lease_until_ns");
		run_record(run, json_pack("{s:s, s:I, s:I, s:I, s:I}", "record", "renew", "at_ns",
					  (json_int_t)reply->ended_at, "sent_ns",
					  (json_int_t)reply->sent_at, "now_ns",
					  (json_int_t)run->last_renewal, "lease_until_ns",
					  (json_int_t)run->lease_until));
		break;
	case CLIENT_TIMEOUT:
		break; /* the next one may come through before the lease ends */
	case CLIENT_REFUSED:
		/* The run has ended behind our back; the events say by whom. */
		if (strcmp(reply->code, "halted") == 0)
			run_end(run, END_HALTED, "%s", "");
		else if (!run->stopping)
			lose(run, reply->text);
		break;
	default:
		if (!run->stopping)
			lose(run, reply->text);
	}
}

static void on_renew_due(void *data, uint64_t now)
{
	struct run *run = data;

	if (run->daemon_gone)
		return;
	/* Stopped for a while ourselves, the daemon may well be there: let it be heard first. */
	if (now >= run->lease_until && run->renewing &&
	    now - run->renew_timer.when.at < run->plan.lease_ns / 4) {
		lose(run, "the lease ran out without an answer from the daemon");
		return;
	}
	if (!run->renewing) {
		run->renewing = true;
		run_call(run, "POST", "/renew", NULL, on_renewed);
	}
	loop_timer_set(run->loop, &run->renew_timer, now + run->plan.lease_ns / 4);
}

void run_daemon_series(struct run *run, const json_t *reply)
{
	const json_t *buckets = json_object_get(reply, "buckets");

	run->next_bucket = json_u64(reply, "to");
	if (json_array_size(buckets))
		run_record(run, json_pack("{s:s, s:I, s:I, s:I, s:O}", "record", "series", "at_ns",
					  (json_int_t)clock_boottime_ns(), "bucket_ns",
					  (json_int_t)json_u64(reply, "bucket_ns"), "started_ns",
					  (json_int_t)json_u64(reply, "started_ns"), "buckets",
					  buckets));
	live_buckets(&run->live, &run->history);
}

static void on_series(void *data, const struct client_reply *reply)
{
	struct run *run = data;

	run->polling = false;
	/* A round that fails is made up for by the next one, and one that comes late by the last,
	 * which may have been asked for already. */
	if (reply->outcome == CLIENT_OK && !run->stopping)
		run_daemon_series(run, reply->body);
}

/* Whether some workflow's work is what the kernel sees of others' traffic. */
static bool observes(const struct run *run)
{
	for (size_t i = 0; i < run->plan.rules_count; i++)
		if (run->plan.rules[i].observed)
			return true;
	return false;
}

static void on_series_due(void *data, uint64_t now)
{
	struct run *run = data;
	bool settled = observes(run);
	char rest[64];

	if (run->stopping)
		return;
	if (!run->polling) {
		run->polling = true;
		snprintf(rest, sizeof(rest), "/series?from=%llu%s",
			 (unsigned long long)run->next_bucket, settled ? "&settled=1" : "");
		run_call(run, "GET", rest, NULL, on_series);
	}
	/* What is settled is late already. */
	loop_timer_set(run->loop, &run->series_timer, now + (settled ? NS_PER_S / 4 : NS_PER_S));
}

static void on_second(void *data, uint64_t now)
{
	struct run *run = data;

	if (run->stopping)
		return;
	run_watch_second(run, now);
	loop_timer_set(run->loop, &run->second_timer, now + NS_PER_S);
}

static void note_event(struct run *run, const json_t *event)
{
	const char *name = json_text(event, "event"), *cause = json_text(event, "cause");
	const char *destination = json_text(event, "destination");
	const char *target = json_text(event, "target");
	const json_t *faults = json_object_get(event, "faults"), *fault;
	char text[256];
	size_t used = 0, i;

	/* The replies to inject, lift and the end say these already. */
	if (strcmp(name, "armed") == 0 || strcmp(name, "injected") == 0 ||
	    strcmp(name, "disarmed") == 0)
		return;
	/* A cgroup that came or went stands where other events have what was hit. */
	if (target)
		destination = target;
	json_array_foreach(faults, i, fault)
	{
		if (used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
						 i ? ", " : " ", json_string_value(fault));
	}
	progress_note(run->progress, json_u64(event, "at_ns"), name, "%s%s%s%s%s",
		      used ? text + 1 : "", destination && *destination ? " at " : "",
		      destination ? destination : "", cause && *cause ? ": " : "",
		      cause ? cause : "");
}

/* Ends that the daemon decided. */
static const struct {
	const char *event, *cause; /* cause NULL: any */
	enum run_end end;
	const char *text;
} fatal_events[] = {
	{"halted", NULL, END_HALTED, ""},
	{"lifted", "halted", END_HALTED, ""},
	{"lifted", "lease", END_DAEMON_LOST, "the lease ran out"},
	{"lifted", "deadline", END_DAEMON_LOST, "the deadline passed"},
	{"disarmed", "halted", END_HALTED, ""},
	{"disarmed", NULL, END_DAEMON_LOST, "the run was disarmed"},
};

static void on_event(void *data, const json_t *event)
{
	struct run *run = data;
	const char *name = json_text(event, "event"), *cause = json_text(event, "cause");
	json_t *record;

	if (!name)
		return;
	record = json_copy((json_t *)event);
	json_object_set_new(record, "record", json_string("event"));
	run_record(run, record);
	note_event(run, event);
	for (size_t i = 0; i < ARRAY_SIZE(fatal_events) && !run->stopping; i++) {
		if (strcmp(name, fatal_events[i].event) != 0 ||
		    (fatal_events[i].cause &&
		     (!cause || strcmp(cause, fatal_events[i].cause) != 0)))
			continue;
		run_end(run, fatal_events[i].end, "%s", fatal_events[i].text);
	}
}

static void on_events_end(void *data, const struct client_reply *reply)
{
	struct run *run = data;

	(void)reply;
	run->listening = false;
	if (run->stopping) {
		/* The closing calls wait for the last events. */
		loop_timer_set(run->loop, &run->stop_timer, clock_boottime_ns());
		return;
	}
	/* The next renewal tells whether the daemon is gone; let it be now. */
	loop_timer_set(run->loop, &run->renew_timer, clock_boottime_ns());
}

void run_daemon_start(struct run *run, const json_t *reply)
{
	uint64_t now = clock_boottime_ns();
	json_t *record = json_copy((json_t *)reply);

	snprintf(run->id, sizeof(run->id), "%s", json_text(reply, "run"));
	run->last_renewal = json_u64(reply, "now_ns");
	run->lease_until = json_u64(reply, "lease_until_ns");
	json_object_set_new(record, "record", json_string("armed"));
	json_object_set_new(record, "at_ns", json_integer((json_int_t)now));
	run_record(run, record);
	run->renew_timer = (struct timer){.alarm = on_renew_due, .data = run};
	run->second_timer = (struct timer){.alarm = on_second, .data = run};
	run->series_timer = (struct timer){.alarm = on_series_due, .data = run};
	loop_timer_set(run->loop, &run->renew_timer, now + run->plan.lease_ns / 4);
	loop_timer_set(run->loop, &run->second_timer, now + NS_PER_S);
	loop_timer_set(run->loop, &run->series_timer, now + NS_PER_S);
	run->listening = true;
	if (client_events(run->client, run->id, on_event, on_events_end, run) < 0)
		run_end(run, END_ABORTED, "out of memory");
}

void run_daemon_stop(struct run *run)
{
	loop_timer_cancel(run->loop, &run->renew_timer);
	loop_timer_cancel(run->loop, &run->second_timer);
	loop_timer_cancel(run->loop, &run->series_timer);
}
