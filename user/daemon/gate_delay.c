/* SPDX-License-Identifier: Apache-2.0 */
/* Delays: what a client sends is held, and goes on to the server on the client's own connection. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/gate_draw.h"
#include "user/daemon/gate_state.h"

/* After this much a connection whose buffer was full is tried again. */
#define RETRY_NS (NS_PER_MS / 2)

static uint64_t draw(struct gate *gate, uint64_t rules)
{
	uint64_t delay = 0;

	for (uint32_t i = 0; i < FAULT_RULES_MAX; i++)
		if (rules >> i & 1 && gate->tasks[i].known)
			delay = gate_draw(&gate->tasks[i].rule.gate, gate_random(gate),
					  gate_random(gate));
	return delay;
}

struct gate_delayed *gate_delay_begin(struct gate *gate, struct gate_connection *connection,
				      const struct fault_frame *frame)
{
	struct gate_delayed *delayed = malloc(sizeof(*delayed) + frame->length);

	/* The stream has a hole now. */
	if (!delayed) {
		connection->over = true;
		return NULL;
	}
	*delayed = (struct gate_delayed){
		.due = frame->at + draw(gate, frame->rules),
		.rules = frame->rules,
		.at = connection->given,
		.length = frame->length,
	};
	connection->given += frame->length;
	gate->held += frame->length;
	if (connection->last) {
		if (delayed->due < connection->last->due)
			delayed->due = connection->last->due;
		connection->last->next = delayed;
	} else {
		connection->first = delayed;
	}
	connection->last = delayed;
	return delayed;
}

static void take_first(struct gate *gate, struct gate_connection *connection)
{
	struct gate_delayed *delayed = connection->first;

	connection->first = delayed->next;
	if (!connection->first)
		connection->last = NULL;
	gate->held -= delayed->length;
	free(delayed);
}

/* As much as the client's socket takes. 0 when all of it went, or -errno. */
static int push(struct gate *gate, const struct gate_connection *connection,
		struct gate_delayed *delayed)
{
	while (delayed->written < delayed->length) {
		size_t left = delayed->length - delayed->written;
		ssize_t size;

		left = left < FAULT_FRAME_MAX ? left : FAULT_FRAME_MAX;
		size = gate_write_frame(gate, connection->cookie, FAULT_FRAME_TO_SERVER,
					delayed->at + delayed->written,
					delayed->bytes + delayed->written, left);
		if (size < 0)
			return (int)size;
		delayed->written += (uint32_t)size;
		if ((size_t)size < left)
			return -EAGAIN;
	}
	return 0;
}

/* Nothing goes on any more: the kernel lets nothing overtake it. */
void gate_delay_refused(struct gate *gate, struct gate_connection *connection)
{
	struct gate_message message = {.type = GATE_RESET, .cookie = connection->cookie};

	connection->over = true;
	gate_delay_free(gate, connection);
	gate_schedule(gate, connection, UINT64_MAX);
	gate_tell(gate, &message);
}

void gate_delay_run(struct gate *gate, struct gate_connection *connection, uint64_t now)
{
	struct gate_delayed *delayed;
	bool went = false;
	int r = 0;

	while (!r && !connection->over && (delayed = connection->first) &&
	       delayed->filled == delayed->length && delayed->due <= now) {
		r = push(gate, connection, delayed);
		if (!r) {
			take_first(gate, connection);
			went = true;
		}
	}
	if (connection->over || (r && r != -EAGAIN && r != -ENOMEM)) {
		gate_delay_refused(gate, connection);
		return;
	}
	/* From here on the client's messages need not come this way. */
	if (went && !connection->first)
		gate_write_frame(gate, connection->cookie, FAULT_FRAME_TO_SERVER, connection->given,
				 NULL, 0);
	if (r)
		gate_schedule(gate, connection, now + RETRY_NS);
	else if (connection->first && connection->first->filled == connection->first->length)
		gate_schedule(gate, connection, connection->first->due);
	else
		gate_schedule(gate, connection, UINT64_MAX);
}

void gate_delay_release(struct gate *gate, struct gate_connection *connection, uint64_t rules,
			uint64_t now)
{
	for (struct gate_delayed *delayed = connection->first; delayed; delayed = delayed->next)
		if (!delayed->rules || delayed->rules & rules)
			delayed->due = now;
	gate_delay_run(gate, connection, now);
}

void gate_delay_free(struct gate *gate, struct gate_connection *connection)
{
	if (gate->input.delayed && gate->input.target == connection)
		gate->input.delayed = NULL;
	while (connection->first)
		take_first(gate, connection);
}
