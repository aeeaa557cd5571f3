/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's socket: an input is what stands in it, frames and what is none, read in pieces while
 * time passes and the engine has messages of its own. A socketpair is in the kernel's place.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/gate_play.h"
#include "user/base/cleanup.h"
#include "user/daemon/gate_state.h"

enum {
	DELAY_RULE = 3,
	ANSWER_RULE = 4,
	STEP_BYTES = 257, /* read between two turns: no divisor of anything */
	LENGTH_MAX = 4 << 20,
	START_NS = 1000000000,
	STEP_NS = 3000000,
	GIVEN_MAX = 8 << 20, /* more than an input can be with its frames' heads */
};

static struct fault_beat beat;
static struct fault_control control = {.seed = 1};
static struct fault_window windows[FAULT_RULES_MAX];

/* The engine does not answer; what it is told is drained. */
void gate_tell(struct gate *gate, struct gate_message *message)
{
	(void)send(gate->channel, message, sizeof(*message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Repeatable. */
uint64_t gate_random(struct gate *gate)
{
	return ++gate->random * 0x9e3779b97f4a7c15ULL;
}

/* A header that promises more than a message can have is no kernel's: 4 GiB in a header are for the
 * allocator to refuse, not for the fuzzer. */
static void shorten(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + sizeof(struct fault_frame) <= size;) {
		struct fault_frame frame;

		memcpy(&frame, data + at, sizeof(frame));
		frame.length %= LENGTH_MAX;
		memcpy(data + at, &frame, sizeof(frame));
		at += sizeof(frame) + frame.length;
	}
}

static void open_gate(struct gate *gate, int *kernel, int *engine)
{
	int frames[2], channel[2];

	require(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, frames), "a socketpair");
	require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), "a socketpair");
	*kernel = frames[1];
	*engine = channel[1];
	beat = (struct fault_beat){};
	control.lease_until = UINT64_MAX;
	control.deadline = UINT64_MAX;
	windows[DELAY_RULE] = windows[ANSWER_RULE] =
		(struct fault_window){.ends_at = UINT64_MAX, .injection = 1};
	*gate = (struct gate){
		.frames = frames[0],
		.channel = channel[0],
		.epoll = epoll_create1(EPOLL_CLOEXEC),
		.timer = -1,
		.beat = &beat,
		.control = &control,
		.windows = windows,
	};
	gate->tasks[DELAY_RULE].known = true;
	gate->tasks[DELAY_RULE].rule.gate.delay_ns = STEP_NS;
	gate->tasks[ANSWER_RULE].known = true;
	gate->tasks[ANSWER_RULE].rule.rule.gate = FAULT_GATE_HTTP;
	gate->tasks[ANSWER_RULE].session = play_rules[0];
	gate->tasks[ANSWER_RULE].session.rule = ANSWER_RULE;
}

static void drain(int fd)
{
	static uint8_t bytes[1 << 16];

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void drop(struct gate *gate, struct gate_connection *connection)
{
	gate_drop(gate, connection);
}

static void run_due(struct gate *gate, uint64_t now)
{
	struct heap_entry *first;

	for (int i = 0; i < 64 && (first = heap_first(&gate->turns)) && first->at <= now; i++) {
		struct gate_connection *connection =
			heap_owner(first, struct gate_connection, turn);

		gate_schedule(gate, connection, UINT64_MAX);
		if (connection->rules)
			gate_end_run(gate, connection, now);
		else
			gate_delay_run(gate, connection, now);
	}
}

/* What is written goes into the socket a piece at a time; false when the gate would end. */
static bool play_piece(struct gate *gate, int kernel, const uint8_t *data, size_t size,
		       uint64_t now)
{
	int r;

	require(write(kernel, data, size) == (ssize_t)size, "the piece fits");
	r = gate_read_frames(gate, now);
	require(!r || r == -EPROTO, "a frame is taken or refused");
	run_due(gate, now);
	require(gate->held <= GIVEN_MAX, "memory is bounded");
	require(gate->input.header <= sizeof(gate->input.frame), "a header has its size");
	return !r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t copy[1 << 16];
	static struct gate gate;
	uint64_t now = START_NS;
	int kernel, engine;

	if (size > sizeof(copy))
		return 0;
	memcpy(copy, data, size);
	shorten(copy, size);
	open_gate(&gate, &kernel, &engine);
	for (size_t at = 0, part; at < size; at += part, now += STEP_NS) {
		part = size - at < STEP_BYTES ? size - at : STEP_BYTES;
		if (!play_piece(&gate, kernel, copy + at, part, now))
			break;
		drain(kernel);
		drain(engine);
	}
	gate_visit(&gate, drop);
	require(gate.held == 0, "what was held is let go");
	require(gate.connections == 0 && gate.sessions == 0, "no connection is left");
	require(gate.turns.count == 0, "nobody has a turn");
	heap_free(&gate.turns);
	close(gate.epoll);
	close(gate.frames);
	close(gate.channel);
	close(kernel);
	close(engine);
	return 0;
}
