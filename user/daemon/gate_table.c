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

/* The piece that has room for more; NULL: out of memory. */
static struct gate_piece *last_piece(struct gate_bytes *buffer)
{
	struct gate_piece *piece = buffer->last;

	if (piece && piece->to < sizeof(piece->bytes))
		return piece;
	piece = malloc(sizeof(*piece));
	if (!piece)
		return NULL;
	piece->next = NULL;
	piece->from = 0;
	piece->to = 0;
	if (buffer->last)
		buffer->last->next = piece;
	else
		buffer->first = piece;
	buffer->last = piece;
	return piece;
}

int gate_bytes_add(struct gate *gate, struct gate_bytes *buffer, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;

	while (length) {
		struct gate_piece *piece = last_piece(buffer);
		size_t part;

		if (!piece)
			return -ENOMEM;
		part = sizeof(piece->bytes) - piece->to;
		part = part < length ? part : length;
		memcpy(piece->bytes + piece->to, from, part);
		piece->to += part;
		buffer->length += part;
		gate->held += part;
		from += part;
		length -= part;
	}
	return 0;
}

const unsigned char *gate_bytes_front(const struct gate_bytes *buffer, size_t *ret_length)
{
	const struct gate_piece *piece = buffer->first;

	*ret_length = piece ? piece->to - piece->from : 0;
	return piece ? piece->bytes + piece->from : NULL;
}

void gate_bytes_take(struct gate *gate, struct gate_bytes *buffer, size_t length)
{
	struct gate_piece *piece = buffer->first;

	piece->from += length;
	buffer->length -= length;
	gate->held -= length;
	if (piece->from < piece->to)
		return;
	buffer->first = piece->next;
	if (!buffer->first)
		buffer->last = NULL;
	free(piece);
}

void gate_bytes_free(struct gate *gate, struct gate_bytes *buffer)
{
	while (buffer->first)
		gate_bytes_take(gate, buffer, buffer->first->to - buffer->first->from);
}
