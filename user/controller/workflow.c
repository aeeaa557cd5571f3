/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/workflow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/controller/random.h"

struct flight;

/* One workflow at work. */
struct line {
	struct workflows *set;
	const struct workflow *workflow;
	uint32_t index;
	uint64_t next; /* number of the next unit */
	struct timer timer;
	struct flight *first;
	size_t flying;
};

struct workflows {
	struct loop *loop;
	struct http *http;
	const struct identity *identity;
	uint64_t seed, origin;
	struct workflow_hooks hooks;
	size_t count;
	struct line lines[];
};

/* One unit under way: an attempt (transfer or command), or the pause before the next. */
struct flight {
	struct line *line;
	struct flight *previous, *next;
	struct unit unit;
	struct timer pause;
	struct http_transfer *transfer;
	struct command *command;
};

uint64_t workflow_intended_at(const struct workflow *workflow, uint32_t index, uint64_t number,
			      uint64_t seed, uint64_t origin)
{
	uint64_t random = random_at(seed, RANDOM_SCHEDULE, index, number, 0);

	return origin + number * workflow->every_ns +
	       random_below(random, workflow->every_ns / WORKFLOW_JITTER);
}

uint64_t workflow_backoff(const struct workflow *workflow, uint32_t index, uint64_t number,
			  uint32_t next, uint64_t seed)
{
	const struct retry_policy *retry = &workflow->retry;
	/* An hour is the longest pause whatever the factor, so that the product stays finite. */
	double pause = (double)retry->backoff_ns, longest = 3600.0 * (double)NS_PER_S;
	uint64_t ns;

	if (retry->cap_ns && (double)retry->cap_ns < longest)
		longest = (double)retry->cap_ns;
	for (uint32_t i = 2; i < next && pause < longest; i++)
		pause *= retry->factor;
	ns = (uint64_t)(pause < longest ? pause : longest);
	if (retry->jitter == RETRY_JITTER_FULL)
		ns = random_below(random_at(seed, RANDOM_BACKOFF, index, number, next), ns + 1);
	return ns;
}

static void flight_end(struct flight *flight)
{
	struct line *line = flight->line;
	struct unit unit = flight->unit;

	loop_timer_cancel(line->set->loop, &flight->pause);
	if (flight->previous)
		flight->previous->next = flight->next;
	else
		line->first = flight->next;
	if (flight->next)
		flight->next->previous = flight->previous;
	line->flying--;
	free(flight);
	line->set->hooks.unit_ended(line->set->hooks.data, &unit);
}

/* Takes the outcome of an attempt: the unit ends, or pauses before its next one. */
static void flight_attempted(struct flight *flight, struct attempt *attempt, const char *detail,
			     size_t detail_length)
{
	const struct workflow *workflow = flight->line->workflow;
	struct workflows *set = flight->line->set;
	struct unit *unit = &flight->unit;
	uint64_t pause;

	attempt->workflow = unit->workflow;
	attempt->number = unit->attempts;
	attempt->unit = unit->number;
	attempt->intended_at = unit->intended_at;
	unit->last_started_at = attempt->started_at;
	unit->ended_at = attempt->ended_at;
	unit->class = attempt->class;
	set->hooks.attempt_ended(set->hooks.data, attempt, detail, detail_length);
	if (attempt->class == CLASS_OK || unit->attempts >= workflow->retry.attempts) {
		flight_end(flight);
		return;
	}
	pause = workflow_backoff(workflow, unit->workflow, unit->number, unit->attempts + 1,
				 set->seed);
	if (loop_timer_set(set->loop, &flight->pause, attempt->ended_at + pause) < 0)
		flight_end(flight);
}

static void on_http_done(void *data, const struct http_result *result)
{
	struct flight *flight = data;
	struct attempt attempt = {
		.started_at = result->started_at,
		.ended_at = result->ended_at,
		.connect_ns = result->connect_ns,
		.kept = result->kept,
		.bytes = result->bytes,
		.class = result->class,
		.status = result->status,
		.error = result->error,
		.library = result->library,
	};
	const char *detail = result->library ? result->text : "";

	flight->transfer = NULL;
	flight_attempted(flight, &attempt, detail, strlen(detail));
}

static void on_command_done(void *data, const struct command_result *result)
{
	struct flight *flight = data;
	struct attempt attempt = {
		.started_at = result->started_at,
		.ended_at = result->ended_at,
		.bytes = result->bytes,
		.class = result->class,
		.status = result->status,
		.error = result->error,
	};

	flight->command = NULL;
	flight_attempted(flight, &attempt, result->output,
			 result->class == CLASS_OK ? 0 : result->output_length);
}

static int start_http(struct flight *flight)
{
	const struct workflow *workflow = flight->line->workflow;
	struct http_request request = {
		.method = workflow->http.method,
		.url = workflow->http.url,
		.headers = &workflow->http.headers,
		.body = workflow->http.body,
		.timeout_ns = workflow->timeout_ns,
		.expect_first = workflow->http.expect_first,
		.expect_last = workflow->http.expect_last,
		.cold = !workflow->http.warm,
		.done = on_http_done,
		.data = flight,
	};

	return http_start(flight->line->set->http, &request, &flight->transfer);
}

static void attempt_start(void *data, uint64_t now)
{
	struct flight *flight = data;
	struct line *line = flight->line;
	struct unit *unit = &flight->unit;
	int r;

	unit->attempts++;
	if (!unit->started_at)
		unit->started_at = now;
	if (line->workflow->http.url)
		r = start_http(flight);
	else
		r = command_start(line->set->loop, &line->workflow->run, line->set->identity,
				  line->workflow->timeout_ns, on_command_done, flight,
				  &flight->command);
	if (r < 0) {
		struct attempt attempt = {
			.started_at = now,
			.ended_at = now,
			.class = CLASS_NOT_STARTED,
			.error = -r,
		};

		flight_attempted(flight, &attempt, strerror(-r), strlen(strerror(-r)));
	}
}

static void unit_abandon(struct line *line, uint64_t number, uint64_t intended, uint64_t now)
{
	struct unit unit = {
		.workflow = line->index,
		.number = number,
		.intended_at = intended,
		.started_at = now,
		.last_started_at = now,
		.ended_at = now,
		.class = CLASS_OVERRUN,
	};

	line->set->hooks.unit_ended(line->set->hooks.data, &unit);
}

static void unit_start(struct line *line, uint64_t number, uint64_t intended, uint64_t now)
{
	struct flight *flight =
		line->flying < WORKFLOW_FLIGHT_MAX ? calloc(1, sizeof(*flight)) : NULL;

	if (!flight) {
		unit_abandon(line, number, intended, now);
		return;
	}
	flight->line = line;
	flight->unit = (struct unit){
		.workflow = line->index,
		.number = number,
		.intended_at = intended,
	};
	flight->pause = (struct timer){.alarm = attempt_start, .data = flight};
	flight->next = line->first;
	if (line->first)
		line->first->previous = flight;
	line->first = flight;
	line->flying++;
	attempt_start(flight, clock_boottime_ns());
}

static uint64_t next_due(const struct line *line)
{
	return workflow_intended_at(line->workflow, line->index, line->next, line->set->seed,
				    line->set->origin);
}

static void on_due(void *data, uint64_t now)
{
	struct line *line = data;
	uint64_t due = next_due(line);

	/* Open loop: what the loop was late for starts now, all of it. */
	while (due <= now) {
		unit_start(line, line->next++, due, now);
		due = next_due(line);
	}
	loop_timer_set(line->set->loop, &line->timer, due);
}

int workflows_new(const struct experiment *experiment, struct loop *loop, struct http *http,
		  const struct identity *identity, uint64_t seed,
		  const struct workflow_hooks *hooks, struct workflows **ret_workflows)
{
	size_t count = experiment->workflows_count;
	struct workflows *set = calloc(1, sizeof(*set) + count * sizeof(set->lines[0]));

	if (!set)
		return -ENOMEM;
	set->loop = loop;
	set->http = http;
	set->identity = identity;
	set->seed = seed;
	set->hooks = *hooks;
	set->count = count;
	for (size_t i = 0; i < count; i++)
		set->lines[i] = (struct line){
			.set = set,
			.workflow = &experiment->workflows[i],
			.index = (uint32_t)i,
			.timer = {.alarm = on_due, .data = &set->lines[i]},
		};
	*ret_workflows = set;
	return 0;
}

int workflows_start(struct workflows *workflows, uint64_t origin)
{
	workflows->origin = origin;
	for (size_t i = 0; i < workflows->count; i++) {
		struct line *line = &workflows->lines[i];
		int r;

		/* What is only observed comes with the kernel's series. */
		if (line->workflow->observe.count)
			continue;
		r = loop_timer_set(workflows->loop, &line->timer, next_due(line));
		if (r < 0)
			return r;
	}
	return 0;
}

void workflows_stop(struct workflows *workflows)
{
	for (size_t i = 0; i < workflows->count; i++) {
		struct line *line = &workflows->lines[i];

		loop_timer_cancel(workflows->loop, &line->timer);
		while (line->first) {
			struct flight *flight = line->first;

			http_cancel(flight->transfer);
			command_cancel(flight->command);
			flight->unit.class = CLASS_CUT;
			flight->unit.ended_at = clock_boottime_ns();
			flight_end(flight);
		}
	}
}

size_t workflows_in_flight(const struct workflows *workflows, size_t index)
{
	return workflows->lines[index].flying;
}

void workflows_free(struct workflows *workflows)
{
	if (!workflows)
		return;
	for (size_t i = 0; i < workflows->count; i++) {
		struct line *line = &workflows->lines[i];

		loop_timer_cancel(workflows->loop, &line->timer);
		while (line->first) {
			struct flight *flight = line->first;

			line->first = flight->next;
			loop_timer_cancel(workflows->loop, &flight->pause);
			http_cancel(flight->transfer);
			command_cancel(flight->command);
			free(flight);
		}
	}
	free(workflows);
}
