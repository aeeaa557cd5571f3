/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request or response, whichever version of HTTP it came by: what the request asks
 * for or the status, and the header fields in their order. Bounded in number and bytes.
 */
#ifndef GATE_MESSAGE_H
#define GATE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MESSAGE_FIELDS_MAX = 128,
	MESSAGE_TEXT_MAX = 32768, /* bytes of all texts with a NUL behind each */
};

/* Texts of a message: offsets, because they move while it grows. 0 is the empty text. */
struct message_field {
	uint32_t name, value;
};

struct message {
	char *text;
	size_t length, size;
	struct message_field *fields;
	size_t fields_count, fields_size;
	/* Requests */
	uint32_t method, target, authority, scheme;
	/* Responses */
	uint32_t reason;
	uint16_t status;
	/* Framing */
	int64_t content_length; /* -1: not said */
	bool has_content_length_field;
};

#define MESSAGE_EMPTY                                                                              \
	{                                                                                          \
		.content_length = -1                                                               \
	}

static inline const char *message_text(const struct message *message, uint32_t at)
{
	return at ? message->text + at : "";
}

/* Keeps `length` bytes without NULs as a text. 0, -ENOBUFS beyond the bounds, -ENOMEM. */
int message_keep(struct message *message, const char *text, size_t length, uint32_t *ret_at);

/*
 * Adds a field at the end; names keep their case. Content-Length fields are also read into
 * content_length. 0, -ENOBUFS, -ENOMEM, or -EBADMSG for a length that is no number or differs from
 * an earlier one.
 */
int message_add(struct message *message, const char *name, size_t name_length, const char *value,
		size_t value_length);

/* The first value of a field, by its lower-case name; NULL: there is none. */
const char *message_value(const struct message *message, const char *name);

/* Whether a comma-separated list names `token` (lower case), without regard to case. */
bool message_list_has(const char *list, const char *token, size_t length);

/*
 * Whether a field belongs to one connection and is not handed on (RFC 9110, 7.6.1; RFC 9113,
 * 8.2.2): those that always do, those that `Connection` lists, and what this room writes itself
 * (Content-Length, Host).
 */
bool message_field_stays(const struct message *message, const struct message_field *field);

/* enum fault_method of kernel/contract.h. */
unsigned int message_method_number(const struct message *message);

/* Releases what it holds and makes it an empty message again. */
void message_free(struct message *message);

#endif
