/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/loop.h"
#include "user/controller/random.h"

enum { TIMERS = 200 };

static struct loop *loop;
static uint64_t fired[TIMERS];
static size_t fired_count;

static void on_alarm(void *data, uint64_t now)
{
	struct timer *timer = data;

	assert_true(now >= timer->when.at);
	fired[fired_count++] = timer->when.at;
}

static void on_last(void *data, uint64_t now)
{
	(void)data;
	(void)now;
	loop_stop(loop);
}

/* Set in any order, some moved, some cancelled: they fire in order, each once. */
static void test_timers_in_order(void **state)
{
	struct timer timers[TIMERS], last = {.alarm = on_last};
	uint64_t start = clock_boottime_ns();
	size_t expected = 0;

	(void)state;
	fired_count = 0;
	for (size_t i = 0; i < TIMERS; i++) {
		uint64_t delay = random_below(random_mix(i), 20 * NS_PER_MS);

		timers[i] = (struct timer){.alarm = on_alarm, .data = &timers[i]};
		assert_int_equal(loop_timer_set(loop, &timers[i], start + delay), 0);
	}
	for (size_t i = 0; i < TIMERS; i += 3)
		loop_timer_cancel(loop, &timers[i]);
	for (size_t i = 1; i < TIMERS; i += 3)
		assert_int_equal(loop_timer_set(loop, &timers[i], start + i * NS_PER_MS / 10), 0);
	for (size_t i = 0; i < TIMERS; i++)
		expected += timers[i].when.place != 0;
	assert_int_equal(loop_timer_set(loop, &last, start + 30 * NS_PER_MS), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(fired_count, expected);
	for (size_t i = 1; i < fired_count; i++)
		assert_true(fired[i] >= fired[i - 1]);
	assert_true(clock_boottime_ns() >= start + 30 * NS_PER_MS);
}

static int pipes[2][2];
static int calls;

/* The first to be called closes the other's descriptor; a pipe made anew may take its number. */
static void on_readable(void *data, uint32_t events)
{
	int *mine = data, *other = mine == pipes[0] ? pipes[1] : pipes[0];

	assert_true(events & EPOLLIN);
	calls++;
	loop_forget(loop, other[0]);
	close(other[0]);
	close(other[1]);
	assert_int_equal(pipe(other), 0);
	assert_int_equal(loop_watch(loop, other[0], EPOLLIN, on_readable, other), 0);
	loop_forget(loop, mine[0]);
}

/* Both are ready in one batch; the event of the descriptor that was closed is dropped. */
static void test_stale_events_are_dropped(void **state)
{
	struct timer last = {.alarm = on_last};

	(void)state;
	calls = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		assert_int_equal(write(pipes[i][1], "x", 1), 1);
		assert_int_equal(loop_watch(loop, pipes[i][0], EPOLLIN, on_readable, pipes[i]), 0);
	}
	assert_int_equal(loop_timer_set(loop, &last, clock_boottime_ns() + 20 * NS_PER_MS), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(calls, 1);
	for (int i = 0; i < 2; i++) {
		loop_forget(loop, pipes[i][0]);
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

static int set_up(void **state)
{
	(void)state;
	return loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timers_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale_events_are_dropped, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
