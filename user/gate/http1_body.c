/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of HTTP/1.1 (RFC 9112, 6 and 7), and how messages are written. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/gate/http1.h"

/* Bytes of chunk extensions and trailers that are read over in one body. */
#define EXTRA_MAX 8192U

/* Where a chunked body's reader stands. */
enum { SIZE = 0, EXTENSION, SIZE_END, DATA, DATA_CR, DATA_END, TRAILER_START, TRAILER, LAST_END };

void http1_body_start(struct http1_body *body, const struct message *message,
		      const struct http1_head *head)
{
	*body = (struct http1_body){.framing = head->framing};
	if (head->framing == HTTP1_LENGTH)
		body->left = (uint64_t)message->content_length;
	body->complete = head->framing == HTTP1_NONE;
}

static int read_digit(struct http1_body *body, uint8_t byte)
{
	unsigned int digit = isdigit(byte) ? byte - 0x30U : (byte | 0x20U) - 'a' + 10U;

	if (!isxdigit(byte) || ++body->digits > 15)
		return -EBADMSG;
	body->left = body->left << 4 | digit;
	return 0;
}

/* Behind a chunk's size: its data, or the trailers behind the last one. */
static unsigned int after_size(const struct http1_body *body)
{
	return body->left > 0 ? DATA : TRAILER_START;
}

/* `byte` must be the line's end. */
static int read_end(struct http1_body *body, uint8_t byte, unsigned int next)
{
	body->state = next;
	return byte == '\n' ? 0 : -EBADMSG;
}

static int read_size(struct http1_body *body, uint8_t byte)
{
	if (isxdigit(byte))
		return read_digit(body, byte);
	if (body->digits == 0)
		return -EBADMSG;
	if (byte == '\r')
		body->state = SIZE_END;
	else if (byte == ';' || byte == ' ' || byte == '\t')
		body->state = EXTENSION;
	else
		return read_end(body, byte, after_size(body));
	return 0;
}

/* One byte of framing. Lines may end in LF alone, except behind a chunk's data. */
static int read_byte(struct http1_body *body, uint8_t byte)
{
	switch (body->state) {
	case SIZE:
		return read_size(body, byte);
	case EXTENSION:
		if (byte == '\r')
			body->state = SIZE_END;
		else if (byte == '\n')
			body->state = after_size(body);
		return ++body->extra > EXTRA_MAX ? -EBADMSG : 0;
	case SIZE_END:
		return read_end(body, byte, after_size(body));
	case DATA_CR:
		body->state = DATA_END;
		return byte == '\r' ? 0 : -EBADMSG;
	case DATA_END:
		body->digits = 0;
		return read_end(body, byte, SIZE);
	case TRAILER_START:
		if (byte == '\r') {
			body->state = LAST_END;
			return 0;
		}
		body->state = TRAILER;
		body->complete = byte == '\n';
		return 0;
	case TRAILER:
		if (byte == '\n')
			body->state = TRAILER_START;
		return ++body->extra > EXTRA_MAX ? -EBADMSG : 0;
	default: /* LAST_END */
		body->complete = true;
		return byte == '\n' ? 0 : -EBADMSG;
	}
}

/* Content that is there, and `*left` counted down. */
static size_t take_content(uint64_t *left, size_t length, size_t most)
{
	size_t content = length < most ? length : most;

	if (content > *left)
		content = (size_t)*left;
	*left -= content;
	return content;
}

static int read_chunked(struct http1_body *body, const uint8_t *bytes, size_t length, size_t most,
			size_t *ret_used, size_t *ret_content)
{
	size_t i = 0, content = 0;
	int r = 0;

	while (r == 0 && i < length && !body->complete && body->state != DATA)
		r = read_byte(body, bytes[i++]);
	if (r < 0)
		return r;
	if (body->state == DATA) {
		content = take_content(&body->left, length - i, most);
		if (body->left == 0)
			body->state = DATA_CR;
	}
	*ret_used = i + content;
	*ret_content = content;
	return 0;
}

int http1_body_read(struct http1_body *body, const uint8_t *bytes, size_t length, size_t most,
		    size_t *ret_used, size_t *ret_content)
{
	uint64_t endless = UINT64_MAX;

	*ret_used = 0;
	*ret_content = 0;
	if (body->complete)
		return 0;
	if (body->framing == HTTP1_CHUNKED)
		return read_chunked(body, bytes, length, most, ret_used, ret_content);
	*ret_content =
		take_content(body->framing == HTTP1_LENGTH ? &body->left : &endless, length, most);
	*ret_used = *ret_content;
	body->complete = body->framing == HTTP1_LENGTH && body->left == 0;
	return 0;
}

static int put(struct buffer *out, const char *text)
{
	return buffer_append(out, text, strlen(text));
}

static int put_field(struct buffer *out, const char *name, const char *value)
{
	int r = put(out, name);

	if (r == 0)
		r = put(out, ": ");
	if (r == 0)
		r = put(out, value);
	return r < 0 ? r : put(out, "\r\n");
}

static int put_first_line(struct buffer *out, const struct message *message)
{
	char start[32];
	int r;

	if (message->status) {
		snprintf(start, sizeof(start), "HTTP/1.1 %03u ", (unsigned int)message->status);
		r = put(out, start);
		if (r == 0)
			r = put(out, message_text(message, message->reason));
		return r < 0 ? r : put(out, "\r\n");
	}
	r = put(out, message_text(message, message->method));
	if (r == 0)
		r = put(out, " ");
	if (r == 0)
		r = put(out, message_text(message, message->target));
	if (r == 0)
		r = put(out, " HTTP/1.1\r\n");
	return r < 0 ? r : put_field(out, "Host", message_text(message, message->authority));
}

static int put_fields(struct buffer *out, const struct message *message)
{
	const char *cookies = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < message->fields_count; i++) {
		const char *name = message_text(message, message->fields[i].name);
		const char *value = message_text(message, message->fields[i].value);

		/* h2 splits cookies into fields; here they are one (RFC 9113, 8.2.3). */
		if (!message->status && strcmp(name, "cookie") == 0) {
			r = put(out, cookies ? "; " : "cookie: ");
			cookies = value;
			if (r == 0)
				r = put(out, value);
		}
	}
	if (r == 0 && cookies)
		r = put(out, "\r\n");
	for (size_t i = 0; r == 0 && i < message->fields_count; i++) {
		const char *name = message_text(message, message->fields[i].name);

		if (!(cookies && strcmp(name, "cookie") == 0) &&
		    !message_field_stays(message, &message->fields[i]))
			r = put_field(out, name, message_text(message, message->fields[i].value));
	}
	return r;
}

static int put_framing(struct buffer *out, const struct message *message,
		       const struct http1_write *how)
{
	char number[32];
	int r = 0;

	if (how->chunked) {
		r = put_field(out, "Transfer-Encoding", "chunked");
	} else if (!how->no_length && message->content_length >= 0) {
		snprintf(number, sizeof(number), "%lld", (long long)message->content_length);
		r = put_field(out, "Content-Length", number);
	}
	if (r == 0 && how->close)
		r = put_field(out, "Connection", "close");
	if (r == 0 && how->upgrade)
		r = put_field(out, "Connection", "Upgrade");
	if (r == 0 && how->upgrade)
		r = put_field(out, "Upgrade", message_value(message, "upgrade"));
	return r < 0 ? r : put(out, "\r\n");
}

int http1_write_head(struct buffer *out, const struct message *message,
		     const struct http1_write *how)
{
	size_t before = out->length;
	int r = put_first_line(out, message);

	if (r == 0)
		r = put_fields(out, message);
	if (r == 0)
		r = put_framing(out, message, how);
	if (r < 0)
		out->length = before;
	return r;
}

int http1_write_chunk(struct buffer *out, const void *bytes, size_t length)
{
	char size[HTTP1_CHUNK_OVERHEAD];
	size_t before = out->length;
	int r;

	if (length == 0)
		return put(out, "0\r\n\r\n");
	snprintf(size, sizeof(size), "%zx\r\n", length);
	r = put(out, size);
	if (r == 0)
		r = buffer_append(out, bytes, length);
	if (r == 0)
		r = put(out, "\r\n");
	if (r < 0)
		out->length = before;
	return r;
}
