/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "user/base/clock.h"
#include "user/controller/analysis.h"
#include "user/controller/record_json.h"
#include "user/controller/run.h"

/* The settled check looks at many units; this often is often enough, and where there are very many
 * it gets a small part of the time, so that it does not make the schedule late. */
enum { SETTLED_EVERY_NS = 100000000, SETTLED_PART = 300 };

static const char *const step_names[] = {
	[STEP_STEADY] = "steady", [STEP_INJECT] = "inject",   [STEP_LIFT] = "lift",
	[STEP_WAIT] = "wait",	  [STEP_RECOVER] = "recover",
};

static const struct step *current(const struct run *run)
{
	return &run->experiment->timeline[run->step];
}

static void next(struct run *run)
{
	loop_timer_cancel(run->loop, &run->step_timer);
	run->step++;
	run_step(run);
}

static void on_step_end(void *data, uint64_t now)
{
	struct run *run = data;

	(void)now;
	if (!run->stopping)
		next(run);
}

static void stay_until(struct run *run, uint64_t at)
{
	run->step_ends_at = at;
	run->step_timer.alarm = on_step_end;
	run->step_timer.data = run;
	if (loop_timer_set(run->loop, &run->step_timer, at) < 0)
		run_end(run, END_ABORTED, "out of memory");
}

/* "artifacts, tokens" */
static void list_faults(const struct run *run, const struct step *step, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < step->faults_count && used < size; i++)
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", i ? ", " : "",
					 run->experiment->faults[step->faults[i]].name);
}

static void on_injected(void *data, const struct client_reply *reply)
{
	struct run *run = data;
	const struct step *step = current(run);
	uint64_t starts_at, found;
	char names[256];

	if (run->stopping)
		return;
	if (reply->outcome == CLIENT_REFUSED) {
		run->exit_code = client_exit_code(reply);
		run_end(run, END_REFUSED, "%s", reply->text);
		return;
	}
	if (reply->outcome != CLIENT_OK) {
		run_end(run, END_DAEMON_LOST, "%s", reply->text);
		return;
	}
	starts_at = json_u64(reply->body, "starts_at_ns");
	found = json_u64(reply->body, "existing_found");
	run_record(run, json_pack("{s:s, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I}", "record",
				  "inject", "at_ns", (json_int_t)reply->ended_at, "sent_ns",
				  (json_int_t)reply->sent_at, "faults",
				  record_of_faults(&run->history, step->faults, step->faults_count),
				  "starts_at_ns", (json_int_t)starts_at, "ends_at_ns",
				  (json_int_t)json_u64(reply->body, "ends_at_ns"), "existing_found",
				  (json_int_t)found, "existing_reset",
				  (json_int_t)json_u64(reply->body, "existing_reset"),
				  "existing_adopted",
				  (json_int_t)json_u64(reply->body, "existing_adopted")));
	list_faults(run, step, names, sizeof(names));
	progress_note(run->progress, starts_at, "inject", "%s for %.3f s", names,
		      (double)step->for_ns / (double)NS_PER_S);
	run_alerts_ask(run, reply->ended_at);
	stay_until(run, starts_at + step->wait_ns);
}

static void on_lifted(void *data, const struct client_reply *reply)
{
	struct run *run = data;
	const struct step *step = current(run);
	uint64_t falls_at, at;
	char names[256];

	if (run->stopping)
		return;
	if (reply->outcome == CLIENT_REFUSED && step->over_ns) {
		run->exit_code = client_exit_code(reply);
		run_end(run, END_REFUSED, "%s", reply->text);
		return;
	}
	if (reply->outcome != CLIENT_OK) {
		run_end(run, END_DAEMON_LOST, "%s", reply->text);
		return;
	}
	at = json_u64(reply->body, "ends_at_ns");
	falls_at = step->over_ns ? json_u64(reply->body, "starts_at_ns") : 0;
	run_record(run, json_pack("{s:s, s:I, s:I, s:o, s:I, s:I}", "record", "lift", "at_ns",
				  (json_int_t)reply->ended_at, "sent_ns",
				  (json_int_t)reply->sent_at, "faults",
				  record_of_faults(&run->history, step->faults, step->faults_count),
				  "falls_ns", (json_int_t)falls_at, "ended_ns", (json_int_t)at));
	list_faults(run, step, names, sizeof(names));
	if (!step->over_ns) {
		progress_note(run->progress, at, "lift", "%s", names);
		next(run);
		return;
	}
	progress_note(run->progress, falls_at, "lift", "%s over %.3f s", names,
		      (double)step->over_ns / (double)NS_PER_S);
	stay_until(run, at);
}

/* Nothing is injected into what does not work anyway. */
static bool baseline_holds(struct run *run)
{
	char reason[256];

	if (run->history.windows_count ||
	    analysis_steady(&run->history, clock_boottime_ns(), reason, sizeof(reason)))
		return true;
	run_end(run, END_UNSTEADY, "%s", reason);
	return false;
}

static json_t *faults_body(const struct run *run, const struct step *step)
{
	json_t *body = json_object();

	json_object_set_new(body, "faults",
			    record_of_faults(&run->history, step->faults, step->faults_count));
	if (step->kind == STEP_INJECT)
		json_object_set_new(body, "for_ns", json_integer((json_int_t)step->for_ns));
	if (step->over_ns)
		json_object_set_new(body, "over_ns", json_integer((json_int_t)step->over_ns));
	if (step->steps)
		json_object_set_new(body, "steps", json_integer((json_int_t)step->steps));
	return body;
}

void run_step(struct run *run)
{
	const struct step *step = current(run);
	uint64_t now = clock_boottime_ns();

	if (run->step == run->experiment->timeline_count) {
		run_end(run, END_COMPLETED, "%s", "");
		return;
	}
	if (step->kind == STEP_INJECT && !baseline_holds(run))
		return;
	run_record(run, json_pack("{s:s, s:I, s:I, s:s, s:I}", "record", "step", "at_ns",
				  (json_int_t)now, "step", (json_int_t)run->step, "kind",
				  step_names[step->kind], "for_ns", (json_int_t)step->for_ns));
	run->step_ends_at = 0;
	switch (step->kind) {
	case STEP_INJECT:
		run_call(run, "POST", "/inject", faults_body(run, step), on_injected);
		break;
	case STEP_LIFT:
		run_call(run, "POST", "/lift", faults_body(run, step), on_lifted);
		break;
	case STEP_STEADY:
	case STEP_WAIT:
	case STEP_RECOVER:
		progress_note(run->progress, now, "step", "%s %s%.3f s", step_names[step->kind],
			      step->kind == STEP_RECOVER ? "at most " : "",
			      (double)step->for_ns / (double)NS_PER_S);
		stay_until(run, now + step->for_ns);
		break;
	}
}

void run_step_settled(struct run *run, uint64_t now)
{
	uint64_t began = clock_boottime_ns(), took;
	bool settled;

	if (run->stopping || run->step >= run->experiment->timeline_count ||
	    current(run)->kind != STEP_RECOVER || now < run->settled_check_at)
		return;
	record_finish(&run->history);
	settled = analysis_settled(&run->history, now);
	took = clock_boottime_ns() - began;
	run->settled_check_at =
		began +
		(took * SETTLED_PART > SETTLED_EVERY_NS ? took * SETTLED_PART : SETTLED_EVERY_NS);
	if (!settled)
		return;
	progress_note(run->progress, now, "stable", "every workflow");
	/* Not from here: a hook of the workflows must not stop them. */
	loop_timer_set(run->loop, &run->step_timer, now);
}
