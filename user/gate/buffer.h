/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of bytes that lie side by side, grows as needed and holds no more than its limit. */
#ifndef GATE_BUFFER_H
#define GATE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *bytes;
	size_t start;  /* of what is held */
	size_t length; /* of what is held */
	size_t size;   /* allocated */
	size_t limit;  /* of length; a buffer that is all 0 takes nothing */
};

static inline const uint8_t *buffer_front(const struct buffer *buffer)
{
	return buffer->bytes + buffer->start;
}

static inline size_t buffer_room(const struct buffer *buffer)
{
	return buffer->length < buffer->limit ? buffer->limit - buffer->length : 0;
}

/*
 * Makes `length` bytes behind the end writable, `*ret_bytes` points to them; buffer_commit() then
 * says how many were filled. 0, -ENOBUFS beyond the limit, -ENOMEM.
 */
int buffer_reserve(struct buffer *buffer, size_t length, uint8_t **ret_bytes);
void buffer_commit(struct buffer *buffer, size_t length);

/* Copies all of it to the end, or nothing. 0, -ENOBUFS or -ENOMEM. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);

/* Drops `length` bytes, at most what is held, from the front. */
void buffer_drop(struct buffer *buffer, size_t length);

/* Moves up to `size` bytes from the front to `bytes`; returns how many. */
size_t buffer_take(struct buffer *buffer, void *bytes, size_t size);

/* Releases the bytes; the limit stays. */
void buffer_free(struct buffer *buffer);

#endif
