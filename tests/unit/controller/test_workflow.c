/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "user/base/clock.h"
#include "user/controller/workflow.h"

static const struct workflow workflow = {
	.every_ns = 2 * NS_PER_S,
	.retry = {.attempts = 5,
		  .backoff_ns = NS_PER_S,
		  .factor = 2,
		  .cap_ns = 3 * NS_PER_S,
		  .jitter = RETRY_JITTER_NONE},
};

/* Fixed by the seed, in order, and never a tenth of a period late. */
static void test_schedule(void **state)
{
	uint64_t before = 0, differing = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t at = workflow_intended_at(&workflow, 3, i, 42, 1000);

		assert_int_equal(at, workflow_intended_at(&workflow, 3, i, 42, 1000));
		assert_in_range(at, 1000 + i * workflow.every_ns,
				1000 + i * workflow.every_ns + workflow.every_ns / 10 - 1);
		assert_true(at > before);
		differing += at != workflow_intended_at(&workflow, 3, i, 43, 1000);
		differing += at != workflow_intended_at(&workflow, 4, i, 42, 1000);
		before = at;
	}
	assert_int_equal(differing, 2000);
}

static void test_backoff(void **state)
{
	struct workflow jittered = workflow;
	uint64_t total = 0;

	(void)state;
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 2, 1), NS_PER_S);
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 3, 1), 2 * NS_PER_S);
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 4, 1), 3 * NS_PER_S);
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 100, 1), 3 * NS_PER_S);

	jittered.retry.jitter = RETRY_JITTER_FULL;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t pause = workflow_backoff(&jittered, 0, i, 2, 1);

		assert_in_range(pause, 0, NS_PER_S);
		assert_int_equal(pause, workflow_backoff(&jittered, 0, i, 2, 1));
		total += pause;
	}
	/* The mean of a uniform distribution, within five standard errors. */
	assert_in_range(total / 1000, NS_PER_S * 45 / 100, NS_PER_S * 55 / 100);
}

/* Whatever the factor: the pause stays finite. */
static void test_backoff_has_an_end(void **state)
{
	struct workflow steep = workflow;

	(void)state;
	steep.retry.cap_ns = 0;
	steep.retry.factor = 1000;
	assert_int_equal(workflow_backoff(&steep, 0, 0, 100, 1), 3600 * NS_PER_S);
}

/* What came of the units of a short run. */
struct seen {
	struct loop *loop;
	uint64_t origin, stop_at, units, largest_lateness;
	bool stopping;
};

static const struct workflow quick = {
	.every_ns = NS_PER_MS,
	.timeout_ns = NS_PER_S,
	.http = {.method = "GET", .expect_first = 200, .expect_last = 299},
	.retry = {.attempts = 1},
};

/* Units end out of order, but each once, on its own schedule, and never begun before it. */
static void see_unit(void *data, const struct unit *unit)
{
	struct seen *seen = data;

	assert_int_equal(unit->intended_at,
			 workflow_intended_at(&quick, 0, unit->number, 42, seen->origin));
	assert_true(unit->started_at >= unit->intended_at);
	assert_true(unit->class == CLASS_REFUSED || unit->class == CLASS_OVERRUN ||
		    (seen->stopping && unit->class == CLASS_CUT));
	if (unit->started_at - unit->intended_at > seen->largest_lateness)
		seen->largest_lateness = unit->started_at - unit->intended_at;
	seen->units++;
}

static void see_attempt(void *data, const struct attempt *attempt, const char *detail,
			size_t length)
{
	(void)data;
	(void)attempt;
	(void)detail;
	(void)length;
}

static void stop(void *data, uint64_t now)
{
	struct seen *seen = data;

	(void)now;
	loop_stop(seen->loop);
}

/* A port at which nobody listens; the socket keeps it from others. */
static int refusing_url(char *url, size_t size)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	snprintf(url, size, "http://127.0.0.1:%u/", ntohs(address.sin_port));
	return fd;
}

/* A thousand requests a second: however busy the machine, every unit that was due has been begun,
 * and what was late says so. */
static void test_thousand_a_second(void **state)
{
	struct workflow workflow_of_run = quick;
	const struct experiment experiment = {.workflows = &workflow_of_run, .workflows_count = 1};
	const struct identity identity = {0};
	struct seen seen = {0};
	const struct workflow_hooks hooks = {see_attempt, see_unit, &seen};
	struct timer end = {.alarm = stop, .data = &seen};
	struct workflows *workflows;
	struct http *http;
	char url[64];
	int fd = refusing_url(url, sizeof(url));
	uint64_t due = 0;

	(void)state;
	workflow_of_run.http.url = url;
	assert_int_equal(loop_new(&seen.loop), 0);
	assert_int_equal(http_new(seen.loop, &http), 0);
	assert_int_equal(
		workflows_new(&experiment, seen.loop, http, &identity, 42, &hooks, &workflows), 0);
	seen.origin = clock_boottime_ns();
	seen.stop_at = seen.origin + 300 * NS_PER_MS;
	assert_int_equal(workflows_start(workflows, seen.origin), 0);
	assert_int_equal(loop_timer_set(seen.loop, &end, seen.stop_at), 0);
	assert_int_equal(loop_run(seen.loop), 0);
	seen.stopping = true;
	workflows_stop(workflows);
	while (workflow_intended_at(&quick, 0, due, 42, seen.origin) <= seen.stop_at)
		due++;
	assert_true(due >= 299);
	/* What fell due while the loop was late for its end was begun too. */
	assert_true(seen.units >= due);
	assert_true(seen.units <= due + 1 + seen.largest_lateness / NS_PER_MS);
	print_message("%llu units, at most %llu us late\n", (unsigned long long)seen.units,
		      (unsigned long long)(seen.largest_lateness / 1000));
	workflows_free(workflows);
	http_free(http);
	loop_free(seen.loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_backoff_has_an_end),
		cmocka_unit_test(test_thousand_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
