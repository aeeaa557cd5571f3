/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/message.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernel/contract.h"
#include "user/base/cleanup.h"
#include "user/base/number.h"

static const char *const methods[FAULT_METHOD_COUNT] = {
	[FAULT_METHOD_OTHER] = "",	[FAULT_METHOD_GET] = "GET",
	[FAULT_METHOD_HEAD] = "HEAD",	[FAULT_METHOD_POST] = "POST",
	[FAULT_METHOD_PUT] = "PUT",	[FAULT_METHOD_DELETE] = "DELETE",
	[FAULT_METHOD_PATCH] = "PATCH", [FAULT_METHOD_OPTIONS] = "OPTIONS",
};

static const char *const connection_fields[] = {
	"connection", "keep-alive",	"proxy-connection", "te",   "transfer-encoding", "upgrade",
	"expect",     "http2-settings", "content-length",   "host",
};

/* Makes room for `more` bytes of text; the first byte is the NUL that offset 0 stands for. */
static int grow_text(struct message *message, size_t more)
{
	size_t needed = message->length + more + (message->length == 0);
	size_t size = message->size ? message->size : 512;
	char *text;

	if (needed > MESSAGE_TEXT_MAX)
		return -ENOBUFS;
	while (size < needed)
		size *= 2;
	if (size != message->size) {
		text = realloc(message->text, size);
		if (!text)
			return -ENOMEM;
		message->text = text;
		message->size = size;
	}
	if (message->length == 0)
		message->text[message->length++] = '\0';
	return 0;
}

int message_keep(struct message *message, const char *text, size_t length, uint32_t *ret_at)
{
	int r = grow_text(message, length + 1);

	if (r < 0)
		return r;
	*ret_at = (uint32_t)message->length;
	if (length > 0)
		memcpy(message->text + message->length, text, length);
	message->text[message->length + length] = '\0';
	message->length += length + 1;
	return 0;
}

static int read_length(struct message *message, const char *value)
{
	uint64_t length;

	if (number_parse_u64(value, 0, INT64_MAX, &length) < 0)
		return -EBADMSG;
	if (message->has_content_length_field && (uint64_t)message->content_length != length)
		return -EBADMSG;
	message->content_length = (int64_t)length;
	message->has_content_length_field = true;
	return 0;
}

int message_add(struct message *message, const char *name, size_t name_length, const char *value,
		size_t value_length)
{
	struct message_field field;
	int r;

	if (message->fields_count == MESSAGE_FIELDS_MAX)
		return -ENOBUFS;
	if (message->fields_count == message->fields_size) {
		size_t size = message->fields_size ? message->fields_size * 2 : 16;
		struct message_field *fields =
			realloc(message->fields, size * sizeof(*message->fields));

		if (!fields)
			return -ENOMEM;
		message->fields = fields;
		message->fields_size = size;
	}
	r = message_keep(message, name, name_length, &field.name);
	if (r == 0)
		r = message_keep(message, value, value_length, &field.value);
	if (r < 0)
		return r;
	message->fields[message->fields_count++] = field;
	if (strcasecmp(message_text(message, field.name), "content-length") == 0)
		return read_length(message, message_text(message, field.value));
	return 0;
}

const char *message_value(const struct message *message, const char *name)
{
	for (size_t i = 0; i < message->fields_count; i++)
		if (strcasecmp(message_text(message, message->fields[i].name), name) == 0)
			return message_text(message, message->fields[i].value);
	return NULL;
}

bool message_list_has(const char *list, const char *token, size_t length)
{
	while (*list) {
		size_t item, end;

		list += strspn(list, ", \t");
		item = strcspn(list, ",");
		for (end = item; end > 0 && isspace((unsigned char)list[end - 1]); end--)
			;
		if (end == length && strncasecmp(list, token, length) == 0)
			return true;
		list += item;
	}
	return false;
}

bool message_field_stays(const struct message *message, const struct message_field *field)
{
	const char *name = message_text(message, field->name);

	for (size_t i = 0; i < ARRAY_SIZE(connection_fields); i++)
		if (strcasecmp(name, connection_fields[i]) == 0)
			return true;
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct message_field *other = &message->fields[i];

		if (strcasecmp(message_text(message, other->name), "connection") == 0 &&
		    message_list_has(message_text(message, other->value), name, strlen(name)))
			return true;
	}
	return false;
}

unsigned int message_method_number(const struct message *message)
{
	const char *method = message_text(message, message->method);

	for (unsigned int i = FAULT_METHOD_OTHER + 1; i < FAULT_METHOD_COUNT; i++)
		if (strcmp(method, methods[i]) == 0)
			return i;
	return FAULT_METHOD_OTHER;
}

void message_free(struct message *message)
{
	free(message->text);
	free(message->fields);
	*message = (struct message)MESSAGE_EMPTY;
}
