/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's connections: by cookie, and in the order of their turns (a binary heap). */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/gate_state.h"

static struct gate_connection **slot_of(struct gate *gate, uint64_t cookie)
{
	/* Cookies are numbered in order. */
	struct gate_connection **slot = &gate->table[cookie & (GATE_TABLE_SIZE - 1)];

	while (*slot && (*slot)->cookie != cookie)
		slot = &(*slot)->next;
	return slot;
}

struct gate_connection *gate_find(struct gate *gate, uint64_t cookie)
{
	return *slot_of(gate, cookie);
}

struct gate_connection *gate_add(struct gate *gate, uint64_t cookie)
{
	struct gate_connection **slot = slot_of(gate, cookie), *connection = *slot;

	if (connection)
		return connection;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->cookie = cookie;
	connection->due = UINT64_MAX;
	connection->upstream = -1;
	*slot = connection;
	gate->connections++;
	return connection;
}

static void put(struct gate *gate, size_t place, struct gate_connection *connection)
{
	gate->heap[place] = connection;
	connection->place = place + 1;
}

static void rise(struct gate *gate, size_t place)
{
	struct gate_connection *connection = gate->heap[place];

	while (place && gate->heap[(place - 1) / 2]->due > connection->due) {
		put(gate, place, gate->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(gate, place, connection);
}

static void sink(struct gate *gate, size_t place)
{
	struct gate_connection *connection = gate->heap[place];

	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= gate->heap_count)
			break;
		if (child + 1 < gate->heap_count &&
		    gate->heap[child + 1]->due < gate->heap[child]->due)
			child++;
		if (gate->heap[child]->due >= connection->due)
			break;
		put(gate, place, gate->heap[child]);
		place = child;
	}
	put(gate, place, connection);
}

static void leave(struct gate *gate, struct gate_connection *connection)
{
	size_t place = connection->place - 1;
	struct gate_connection *last = gate->heap[--gate->heap_count];

	connection->place = 0;
	if (last == connection)
		return;
	put(gate, place, last);
	rise(gate, place);
	sink(gate, last->place - 1);
}

/* Room for every connection there is. 0 or -ENOMEM. */
static int make_room(struct gate *gate)
{
	size_t room = gate->heap_room ? 2 * gate->heap_room : 64;
	struct gate_connection **larger;

	if (gate->heap_count < gate->heap_room)
		return 0;
	larger = reallocarray(gate->heap, room, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	gate->heap = larger;
	gate->heap_room = room;
	return 0;
}

void gate_schedule(struct gate *gate, struct gate_connection *connection, uint64_t due)
{
	if (connection->due == due)
		return;
	connection->due = due;
	if (due == UINT64_MAX) {
		if (connection->place)
			leave(gate, connection);
		return;
	}
	if (!connection->place) {
		if (make_room(gate))
			return; /* the tick looks at it */
		put(gate, gate->heap_count++, connection);
	}
	rise(gate, connection->place - 1);
	sink(gate, connection->place - 1);
}

void gate_drop(struct gate *gate, struct gate_connection *connection)
{
	struct gate_connection **slot = slot_of(gate, connection->cookie);

	*slot = connection->next;
	gate->connections--;
	gate_schedule(gate, connection, UINT64_MAX);
	if (gate->input.target == connection) {
		gate->input.target = NULL;
		gate->input.delayed = NULL;
	}
	gate_delay_free(gate, connection);
	gate_end_free(gate, connection);
	free(connection);
}

void gate_visit(struct gate *gate, void (*visit)(struct gate *, struct gate_connection *))
{
	for (size_t i = 0; i < GATE_TABLE_SIZE; i++) {
		struct gate_connection *connection = gate->table[i], *next;

		for (; connection; connection = next) {
			next = connection->next;
			visit(gate, connection);
		}
	}
}

int gate_bytes_add(struct gate *gate, struct gate_bytes *buffer, const void *bytes, size_t length)
{
	size_t have = buffer->to - buffer->from;

	if (buffer->from && buffer->to + length > buffer->room) {
		memmove(buffer->bytes, buffer->bytes + buffer->from, have);
		buffer->from = 0;
		buffer->to = have;
	}
	if (buffer->to + length > buffer->room) {
		size_t room = buffer->to + length < 4096 ? 4096 : 2 * (buffer->to + length);
		unsigned char *larger = realloc(buffer->bytes, room);

		if (!larger)
			return -ENOMEM;
		buffer->bytes = larger;
		buffer->room = room;
	}
	memcpy(buffer->bytes + buffer->to, bytes, length);
	buffer->to += length;
	gate->held += length;
	return 0;
}

void gate_bytes_take(struct gate *gate, struct gate_bytes *buffer, size_t length)
{
	buffer->from += length;
	gate->held -= length;
	if (buffer->from == buffer->to)
		gate_bytes_free(gate, buffer);
}

void gate_bytes_free(struct gate *gate, struct gate_bytes *buffer)
{
	gate->held -= buffer->to - buffer->from;
	free(buffer->bytes);
	*buffer = (struct gate_bytes){};
}
