/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 1024U

static int grow(struct buffer *buffer, size_t needed)
{
	size_t size = buffer->size ? buffer->size : SMALLEST;
	uint8_t *bytes;

	while (size < needed)
		size *= 2;
	bytes = malloc(size);
	if (!bytes)
		return -ENOMEM;
	if (buffer->length > 0)
		memcpy(bytes, buffer_front(buffer), buffer->length);
	free(buffer->bytes);
	buffer->bytes = bytes;
	buffer->start = 0;
	buffer->size = size;
	return 0;
}

int buffer_reserve(struct buffer *buffer, size_t length, uint8_t **ret_bytes)
{
	int r = 0;

	if (length > buffer_room(buffer))
		return -ENOBUFS;
	if (buffer->length + length > buffer->size) {
		r = grow(buffer, buffer->length + length);
	} else if (buffer->start + buffer->length + length > buffer->size) {
		memmove(buffer->bytes, buffer_front(buffer), buffer->length);
		buffer->start = 0;
	}
	if (r < 0)
		return r;
	*ret_bytes = buffer->bytes + buffer->start + buffer->length;
	return 0;
}

void buffer_commit(struct buffer *buffer, size_t length)
{
	buffer->length += length;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
	uint8_t *end;
	int r;

	if (length == 0)
		return 0;
	r = buffer_reserve(buffer, length, &end);
	if (r < 0)
		return r;
	memcpy(end, bytes, length);
	buffer_commit(buffer, length);
	return 0;
}

void buffer_drop(struct buffer *buffer, size_t length)
{
	if (length >= buffer->length) {
		buffer->start = 0;
		buffer->length = 0;
		return;
	}
	buffer->start += length;
	buffer->length -= length;
}

size_t buffer_take(struct buffer *buffer, void *bytes, size_t size)
{
	size_t length = size < buffer->length ? size : buffer->length;

	if (length > 0)
		memcpy(bytes, buffer_front(buffer), length);
	buffer_drop(buffer, length);
	return length;
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){.limit = buffer->limit};
}
