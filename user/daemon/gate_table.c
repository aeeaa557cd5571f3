/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's connections: by cookie, and in the order of their turns. */
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
	if (heap_reserve(&gate->turns, gate->connections + 1))
		return NULL;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->cookie = cookie;
	connection->turn.at = UINT64_MAX;
	connection->upstream = -1;
	*slot = connection;
	gate->connections++;
	return connection;
}

void gate_schedule(struct gate *gate, struct gate_connection *connection, uint64_t due)
{
	if (connection->turn.at == due)
		return;
	if (due == UINT64_MAX) {
		heap_remove(&gate->turns, &connection->turn);
		connection->turn.at = due;
	} else {
		/* gate_add has made room. */
		(void)heap_set(&gate->turns, &connection->turn, due);
	}
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
