/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's frames and delays, with a socketpair in the kernel's place. */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/daemon/gate_state.h"

#define DELAY_NS (300 * NS_PER_MS)

struct fixture {
	struct gate gate;
	struct fault_beat beat;
	int kernel; /* the other end of its frames */
	int engine; /* of its channel */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int frames[2], channel[2];

	assert_non_null(fixture);
	*state = fixture;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, frames), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
	fixture->gate.frames = frames[0];
	fixture->kernel = frames[1];
	fixture->gate.channel = channel[0];
	fixture->engine = channel[1];
	fixture->gate.beat = &fixture->beat;
	fixture->gate.tasks[3].known = true;
	fixture->gate.tasks[3].rule.gate.delay_ns = DELAY_NS;
	return 0;
}

static void drop(struct gate *gate, struct gate_connection *connection)
{
	gate_drop(gate, connection);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	gate_visit(&fixture->gate, drop);
	assert_int_equal(fixture->gate.held, 0);
	assert_int_equal(fixture->gate.connections, 0);
	assert_int_equal(fixture->gate.turns.count, 0);
	heap_free(&fixture->gate.turns);
	close(fixture->gate.frames);
	close(fixture->gate.channel);
	close(fixture->kernel);
	close(fixture->engine);
	free(fixture);
	return 0;
}

static void give(struct fixture *fixture, const struct fault_frame *frame, const char *bytes)
{
	assert_int_equal(write(fixture->kernel, frame, sizeof(*frame)), sizeof(*frame));
	if (frame->length)
		assert_int_equal(write(fixture->kernel, bytes, frame->length), frame->length);
}

static void give_delay(struct fixture *fixture, uint64_t cookie, uint64_t at, uint64_t rules,
		       const char *text)
{
	const struct fault_frame frame = {
		.cookie = cookie,
		.at = at,
		.rules = rules,
		.length = (__u32)strlen(text),
		.operation = FAULT_FRAME_DELAY,
	};

	give(fixture, &frame, text);
	assert_int_equal(gate_read_frames(&fixture->gate, at), 0);
}

/* The gate has written this frame. */
static void expect(struct fixture *fixture, uint64_t cookie, uint64_t at, const char *text)
{
	struct fault_frame frame;
	char bytes[64] = "";

	assert_int_equal(recv(fixture->kernel, &frame, sizeof(frame), MSG_DONTWAIT), sizeof(frame));
	assert_int_equal(frame.cookie, cookie);
	assert_int_equal(frame.operation, FAULT_FRAME_TO_SERVER);
	assert_int_equal(frame.at, at);
	assert_int_equal(frame.length, strlen(text));
	if (frame.length)
		assert_int_equal(recv(fixture->kernel, bytes, frame.length, MSG_DONTWAIT),
				 frame.length);
	assert_string_equal(bytes, text);
}

static void expect_nothing(const struct fixture *fixture)
{
	char byte;

	assert_int_equal(recv(fixture->kernel, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void run(struct fixture *fixture, uint64_t cookie, uint64_t now)
{
	struct gate_connection *connection = gate_find(&fixture->gate, cookie);

	assert_non_null(connection);
	gate_delay_run(&fixture->gate, connection, now);
}

static void test_delay(void **state)
{
	struct fixture *fixture = *state;

	give_delay(fixture, 5, 1000, 1ULL << 3, "GET");
	assert_int_equal(fixture->beat.taken, sizeof(struct fault_frame) + 3);
	assert_int_equal(fixture->gate.held, 3);
	assert_int_equal(heap_first(&fixture->gate.turns)->at, 1000 + DELAY_NS);
	run(fixture, 5, 999 + DELAY_NS);
	expect_nothing(fixture);
	run(fixture, 5, 1000 + DELAY_NS);
	expect(fixture, 5, 0, "GET");
	expect(fixture, 5, 3, "");
	expect_nothing(fixture);
	assert_int_equal(fixture->gate.turns.count, 0);
	/* Positions go on. */
	give_delay(fixture, 5, 2000, 0, "more");
	expect(fixture, 5, 3, "more");
	expect(fixture, 5, 7, "");
}

/* What comes behind waits, however short its own delay is. */
static void test_order(void **state)
{
	struct fixture *fixture = *state;

	give_delay(fixture, 5, 1000, 1ULL << 3, "one");
	give_delay(fixture, 5, 2000, 0, "two");
	give_delay(fixture, 6, 1500, 0, "other");
	expect(fixture, 6, 0, "other");
	expect(fixture, 6, 5, "");
	expect_nothing(fixture);
	run(fixture, 5, 1000 + DELAY_NS);
	expect(fixture, 5, 0, "one");
	expect(fixture, 5, 3, "two");
	expect(fixture, 5, 6, "");
}

static void test_turns(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t cookie = 1; cookie <= 200; cookie++)
		give_delay(fixture, cookie, (cookie * 7919) % 200, 1ULL << 3, "x");
	assert_int_equal(fixture->gate.turns.count, 200);
	for (uint64_t due = 0; due < 200; due++) {
		struct gate_connection *first =
			heap_owner(heap_first(&fixture->gate.turns), struct gate_connection, turn);

		assert_int_equal(first->turn.at, DELAY_NS + due);
		gate_delay_run(&fixture->gate, first, first->turn.at);
		expect(fixture, first->cookie, 0, "x");
		expect(fixture, first->cookie, 1, "");
	}
	assert_int_equal(fixture->gate.turns.count, 0);
}

static void test_release(void **state)
{
	struct fixture *fixture = *state;
	struct gate_connection *connection;

	give_delay(fixture, 5, 1000, 1ULL << 3, "GET");
	connection = gate_find(&fixture->gate, 5);
	gate_delay_release(&fixture->gate, connection, 1ULL << 4, 2000);
	expect_nothing(fixture);
	gate_delay_release(&fixture->gate, connection, 1ULL << 3, 2000);
	expect(fixture, 5, 0, "GET");
	expect(fixture, 5, 3, "");
}

/* Refused by the kernel: nothing more goes on, and the engine is asked to reset it. */
static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	const struct fault_frame refused = {.cookie = 5, .operation = FAULT_FRAME_REFUSED};
	struct gate_message message;

	give_delay(fixture, 5, 1000, 1ULL << 3, "GET");
	give(fixture, &refused, NULL);
	assert_int_equal(gate_read_frames(&fixture->gate, 2000), 0);
	assert_int_equal(recv(fixture->engine, &message, sizeof(message), MSG_DONTWAIT),
			 sizeof(message));
	assert_int_equal(message.type, GATE_RESET);
	assert_int_equal(message.cookie, 5);
	run(fixture, 5, 1000 + DELAY_NS);
	expect_nothing(fixture);
	assert_int_equal(fixture->gate.held, 0);
}

static void test_pieces(void **state)
{
	struct fixture *fixture = *state;
	const struct fault_frame frame = {.cookie = 5, .length = 6, .operation = FAULT_FRAME_DELAY};
	const char *bytes = (const char *)&frame;

	for (size_t i = 0; i < sizeof(frame); i++) {
		assert_int_equal(write(fixture->kernel, bytes + i, 1), 1);
		assert_int_equal(gate_read_frames(&fixture->gate, 0), 0);
	}
	assert_int_equal(write(fixture->kernel, "abc", 3), 3);
	assert_int_equal(gate_read_frames(&fixture->gate, 0), 0);
	expect_nothing(fixture);
	assert_int_equal(write(fixture->kernel, "def", 3), 3);
	assert_int_equal(gate_read_frames(&fixture->gate, 0), 0);
	expect(fixture, 5, 0, "abcdef");
}

static void test_dropped_midway(void **state)
{
	struct fixture *fixture = *state;
	const struct fault_frame frame = {.cookie = 5, .length = 6, .operation = FAULT_FRAME_DELAY};

	assert_int_equal(write(fixture->kernel, &frame, sizeof(frame)), sizeof(frame));
	assert_int_equal(write(fixture->kernel, "abc", 3), 3);
	assert_int_equal(gate_read_frames(&fixture->gate, 0), 0);
	gate_drop(&fixture->gate, gate_find(&fixture->gate, 5));
	assert_int_equal(write(fixture->kernel, "def", 3), 3);
	assert_int_equal(gate_read_frames(&fixture->gate, 0), 0);
	give_delay(fixture, 6, 0, 0, "next");
	expect(fixture, 6, 0, "next");
}

static void test_nonsense(void **state)
{
	static const struct fault_frame frames[] = {
		{.cookie = 1, .length = 1, .operation = 0},
		{.cookie = 1, .length = 1, .operation = FAULT_FRAME_TO_SERVER},
		{.cookie = 1, .length = 1, .operation = FAULT_FRAME_REFUSED},
		{.cookie = 1, .length = 0, .operation = FAULT_FRAME_DELAY},
		{.cookie = 1, .length = 1, .operation = 255},
	};

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		struct fixture *fixture = *state;

		memset(&fixture->gate.input, 0, sizeof(fixture->gate.input));
		assert_int_equal(write(fixture->kernel, &frames[i], sizeof(frames[i])),
				 sizeof(frames[i]));
		assert_int_equal(gate_read_frames(&fixture->gate, 0), -EPROTO);
	}
}

static void test_closed(void **state)
{
	struct fixture *fixture = *state;

	shutdown(fixture->kernel, SHUT_WR);
	assert_int_equal(gate_read_frames(&fixture->gate, 0), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_delay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_release, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dropped_midway, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nonsense, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_closed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
