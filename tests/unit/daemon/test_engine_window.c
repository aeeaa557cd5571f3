/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/daemon/engine_state.h"

#define SECOND NS_PER_S

/* An armed engine of four rules on plain memory, and the peer's end of its channel. */
struct fixture {
	struct engine *engine;
	struct fault_control control;
	struct fault_window windows[FAULT_RULES_MAX];
	int peer;
};

/* Armed at 100 s with a lease of 10 s; the deadline is at 160 s. */
static int set_up(void **state)
{
	const struct engine_begin begin = {.rules = 4};
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct engine *engine = calloc(1, sizeof(*engine));
	int pair[2];

	assert_true(fixture && engine);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(draft_new(&begin, &engine->draft), 0);
	for (__u32 i = 0; i < 4; i++) {
		struct engine_rule rule = {.index = i, .tcp_udp = 1, .fault = "a"};

		/* Rules 0 and 1 are of one fault, 2 and 3 of others. */
		rule.fault[0] = "aabc"[i];

		assert_int_equal(draft_add_rule(engine->draft, &rule, NULL), 0);
	}
	fixture->control.started_at = 100 * SECOND;
	fixture->control.lease_until = 110 * SECOND;
	fixture->control.deadline = 160 * SECOND;
	engine->channel = pair[0];
	engine->control = &fixture->control;
	engine->windows = fixture->windows;
	engine->classified.control.all_rules = 15;
	fixture->engine = engine;
	fixture->peer = pair[1];
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	close(fixture->engine->channel);
	close(fixture->peer);
	draft_free(fixture->engine->draft);
	free(fixture->engine);
	free(fixture);
	return 0;
}

/* The next event must be this one; `kind` 0: there must be none. */
static void expect_event(const struct fixture *fixture, __u32 kind, __u32 cause, __u64 rules,
			 __u64 at)
{
	struct engine_reply reply = {};
	ssize_t size = recv(fixture->peer, &reply, sizeof(reply), MSG_DONTWAIT);

	if (!kind) {
		assert_int_equal(size, -1);
		return;
	}
	assert_int_equal(size, sizeof(reply));
	assert_int_equal(reply.type, ENGINE_EVENT);
	assert_int_equal(reply.u.event.kind, kind);
	assert_int_equal(reply.u.event.cause, cause);
	assert_int_equal(reply.u.event.rules, rules);
	assert_int_equal(reply.u.event.at, at);
}

static void inject(const struct fixture *fixture, __u64 rules, __u64 duration, __u64 now)
{
	struct engine_window window = {.rules = rules, .duration_ns = duration};

	assert_int_equal(engine_inject(fixture->engine, &window, now, NULL), 0);
	expect_event(fixture, ENGINE_EVENT_INJECTED, 0, rules, now);
}

static void test_inject(void **state)
{
	struct fixture *fixture = *state;
	struct engine_window window = {.rules = 5, .duration_ns = 3 * SECOND};

	fixture->windows[0] = (struct fault_window){1, 2, 3, 4, 5, 6, 7, 8};
	assert_int_equal(engine_inject(fixture->engine, &window, 101 * SECOND, NULL), 0);
	assert_int_equal(window.starts_at, 101 * SECOND);
	assert_int_equal(window.ends_at, 104 * SECOND);
	assert_int_equal(fixture->windows[0].starts_at, 101 * SECOND);
	assert_int_equal(fixture->windows[0].ends_at, 104 * SECOND);
	assert_int_equal(fixture->windows[0].first_hit_at, 0);
	assert_int_equal(fixture->windows[0].last_hit_at, 0);
	assert_int_equal(fixture->windows[0].first_pass_after, 0);
	assert_int_equal(fixture->windows[0].injection, 7);
	assert_int_equal(fixture->windows[0].fall_steps, 0);
	assert_int_equal(fixture->windows[0].falls_at, 0);
	assert_int_equal(fixture->windows[1].ends_at, 0);
	assert_int_equal(fixture->windows[2].injection, 1);
	assert_int_equal(engine_next(fixture->engine), 104 * SECOND);
}

static void test_inject_is_capped(void **state)
{
	struct fixture *fixture = *state;
	struct engine_window window = {.rules = 1, .duration_ns = ~0ULL};

	assert_int_equal(engine_inject(fixture->engine, &window, 101 * SECOND, NULL), 0);
	assert_int_equal(window.ends_at, 160 * SECOND);
}

static void test_inject_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct engine_window window = {.rules = 16, .duration_ns = SECOND};
	struct failure failure = {};

	assert_int_equal(engine_inject(fixture->engine, &window, 101 * SECOND, &failure), -EINVAL);
	assert_string_equal(failure.text, "no such rule is armed");
	window.rules = 1;
	assert_int_equal(engine_inject(fixture->engine, &window, 110 * SECOND, &failure), -ETIME);
	assert_string_equal(failure.text, "the lease has lapsed; renew it first");
	assert_int_equal(fixture->windows[0].injection, 0);
	expect_event(fixture, 0, 0, 0, 0);
}

static void test_planned_end(void **state)
{
	struct fixture *fixture = *state;

	inject(fixture, 3, 3 * SECOND, 101 * SECOND);
	inject(fixture, 4, 2 * SECOND, 101 * SECOND);
	engine_tick(fixture->engine, 103 * SECOND - 1);
	expect_event(fixture, 0, 0, 0, 0);
	/* Late: both are reported with their own instants, the earlier first. */
	engine_tick(fixture->engine, 106 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_PLANNED, 4, 103 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_PLANNED, 3, 104 * SECOND);
	expect_event(fixture, 0, 0, 0, 0);
	assert_int_equal(fixture->engine->open, 0);
}

static void test_lift(void **state)
{
	struct fixture *fixture = *state;

	inject(fixture, 3, 5 * SECOND, 101 * SECOND);
	fixture->windows[0].first_hit_at = 102 * SECOND;
	engine_lift(fixture->engine, 1 | 4, ENGINE_CAUSE_LIFTED, 103 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_LIFTED, 1, 103 * SECOND);
	assert_int_equal(fixture->windows[0].ends_at, 103 * SECOND);
	assert_int_equal(fixture->windows[0].first_hit_at, 102 * SECOND);
	assert_int_equal(fixture->windows[1].ends_at, 106 * SECOND);
	/* Again: nothing is open there, so nothing is said. */
	engine_lift(fixture->engine, 1, ENGINE_CAUSE_LIFTED, 104 * SECOND);
	expect_event(fixture, 0, 0, 0, 0);
	assert_int_equal(fixture->windows[0].ends_at, 103 * SECOND);
}

static void test_staged_lift(void **state)
{
	struct fixture *fixture = *state;
	struct engine_window window = {.rules = 3, .duration_ns = 8 * SECOND, .steps = 4};
	struct failure failure = {};

	fixture->control.lease_until = 170 * SECOND;
	inject(fixture, 1, 5 * SECOND, 101 * SECOND);
	/* It ends when the lift says, which is later than was planned; rule 1 is not open. */
	assert_int_equal(engine_lift_staged(fixture->engine, &window, 103 * SECOND, NULL), 0);
	assert_int_equal(window.starts_at, 103 * SECOND);
	assert_int_equal(window.ends_at, 111 * SECOND);
	assert_int_equal(fixture->windows[0].starts_at, 101 * SECOND);
	assert_int_equal(fixture->windows[0].ends_at, 111 * SECOND);
	assert_int_equal(fixture->windows[0].falls_at, 103 * SECOND);
	assert_int_equal(fixture->windows[0].fall_steps, 4);
	assert_int_equal(fixture->windows[1].ends_at, 0);
	assert_int_equal(engine_next(fixture->engine), 111 * SECOND);
	assert_int_equal(engine_lift_staged(fixture->engine, &window, 104 * SECOND, &failure),
			 -EALREADY);
	assert_string_equal(failure.text, "'a' is being lifted already");
	engine_tick(fixture->engine, 112 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_LIFTED, 1, 111 * SECOND);
	expect_event(fixture, 0, 0, 0, 0);
}

static void test_staged_lift_is_capped(void **state)
{
	struct fixture *fixture = *state;
	struct engine_window window = {.rules = 1, .duration_ns = ~0ULL};

	fixture->control.lease_until = 170 * SECOND;
	inject(fixture, 1, 5 * SECOND, 101 * SECOND);
	assert_int_equal(engine_lift_staged(fixture->engine, &window, 103 * SECOND, NULL), 0);
	assert_int_equal(window.ends_at, 160 * SECOND);
	assert_int_equal(fixture->windows[0].ends_at, 160 * SECOND);
	/* What is left of it can still be lifted at once. */
	engine_lift(fixture->engine, 1, ENGINE_CAUSE_LIFTED, 105 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_LIFTED, 1, 105 * SECOND);
	assert_int_equal(fixture->windows[0].ends_at, 105 * SECOND);
	/* The next injection is whole. */
	inject(fixture, 1, 5 * SECOND, 106 * SECOND);
	assert_int_equal(fixture->windows[0].falls_at, 0);
}

static void test_staged_lift_of_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct engine_window window = {.rules = 15, .duration_ns = 8 * SECOND};

	assert_int_equal(engine_lift_staged(fixture->engine, &window, 103 * SECOND, NULL), 0);
	assert_int_equal(window.ends_at, 103 * SECOND);
	assert_int_equal(fixture->windows[0].ends_at, 0);
	expect_event(fixture, 0, 0, 0, 0);
}

/* With the budget of one rule its whole fault ends. */
static void test_budget(void **state)
{
	struct fixture *fixture = *state;
	struct fault_event spent = {
		.at = 102 * SECOND, .kind = FAULT_EVENT_BUDGET, .rule = 1, .injection = 1};

	inject(fixture, 7, 5 * SECOND, 101 * SECOND);
	engine_end_budget(fixture->engine, &spent);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_BUDGET, 3, 102 * SECOND);
	expect_event(fixture, 0, 0, 0, 0);
	assert_int_equal(fixture->windows[0].ends_at, 102 * SECOND);
	assert_int_equal(fixture->windows[1].ends_at, 102 * SECOND);
	assert_int_equal(fixture->windows[2].ends_at, 106 * SECOND);
	/* What the first injection had to say does not end the second. */
	inject(fixture, 3, 5 * SECOND, 103 * SECOND);
	engine_end_budget(fixture->engine, &spent);
	expect_event(fixture, 0, 0, 0, 0);
	assert_int_equal(fixture->windows[1].ends_at, 108 * SECOND);
}

/* A lease that lapsed is not revived by a renewal: what it ended stays ended. */
static void test_lease(void **state)
{
	struct fixture *fixture = *state;

	inject(fixture, 1, 30 * SECOND, 101 * SECOND);
	inject(fixture, 2, 5 * SECOND, 101 * SECOND);
	assert_int_equal(engine_next(fixture->engine), 106 * SECOND);
	engine_tick(fixture->engine, 112 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_PLANNED, 2, 106 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_LEASE, 1, 110 * SECOND);
	assert_int_equal(fixture->windows[0].ends_at, 110 * SECOND);
	fixture->control.lease_until = 122 * SECOND;
	assert_int_equal(engine_next(fixture->engine), 127 * SECOND);
	engine_tick(fixture->engine, 113 * SECOND);
	expect_event(fixture, 0, 0, 0, 0);
}

static void test_deadline(void **state)
{
	struct fixture *fixture = *state;

	fixture->control.lease_until = 170 * SECOND;
	inject(fixture, 1, 100 * SECOND, 150 * SECOND);
	assert_int_equal(engine_next(fixture->engine), 160 * SECOND);
	/* At the deadline the lift comes with it; what disarming does is not judged here. */
	fixture->engine->control = &fixture->control;
	engine_tick(fixture->engine, 160 * SECOND);
	expect_event(fixture, ENGINE_EVENT_LIFTED, ENGINE_CAUSE_DEADLINE, 1, 160 * SECOND);
	assert_null(fixture->engine->control);
	assert_null(fixture->engine->draft);
}

static void test_lease_grace(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(engine_next(fixture->engine), 115 * SECOND);
	engine_tick(fixture->engine, 115 * SECOND - 1);
	assert_non_null(fixture->engine->control);
	engine_tick(fixture->engine, 115 * SECOND);
	assert_null(fixture->engine->control);
	assert_true(engine_next(fixture->engine) == ~0ULL);
}

/* What a run that is over still holds is let go in its time, whether another one is armed or not.
 */
static void test_retired(void **state)
{
	struct fixture *fixture = *state;
	struct engine *engine = fixture->engine;

	assert_int_equal(engine_next(engine), 115 * SECOND);
	engine->retired = (struct programs *)fixture; /* never looked into before its time */
	engine->retired_until = 105 * SECOND;
	assert_int_equal(engine_next(engine), 105 * SECOND);
	engine_tick(engine, 105 * SECOND - 1);
	assert_ptr_equal(engine->retired, fixture);
	engine->control = NULL;
	assert_int_equal(engine_next(engine), 105 * SECOND);
	engine->retired = NULL;
	assert_int_equal(engine_next(engine), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inject, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_inject_is_capped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_inject_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_planned_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lift, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_staged_lift, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_staged_lift_is_capped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_staged_lift_of_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_budget, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lease, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lease_grace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_retired, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
