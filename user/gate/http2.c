/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/http2.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Pseudo-fields, Content-Length and TE. */
#define EXTRA_FIELDS 8U

static void add(struct http2_fields *fields, const char *name, const char *value)
{
	/* nghttp2 copies both, and does not write. */
	fields->list[fields->count++] = (nghttp2_nv){
		.name = (uint8_t *)name,
		.value = (uint8_t *)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
	};
}

static int prepare(const struct message *message, struct http2_fields *ret_fields)
{
	size_t size = 1;

	memset(ret_fields, 0, sizeof(*ret_fields));
	for (size_t i = 0; i < message->fields_count; i++)
		size += strlen(message_text(message, message->fields[i].name)) + 1;
	ret_fields->list = calloc(message->fields_count + EXTRA_FIELDS, sizeof(nghttp2_nv));
	ret_fields->names = malloc(size);
	if (ret_fields->list && ret_fields->names)
		return 0;
	http2_free_fields(ret_fields);
	return -ENOMEM;
}

static void add_fields(const struct message *message, struct http2_fields *fields)
{
	char *lower = fields->names;

	for (size_t i = 0; i < message->fields_count; i++) {
		const char *name = message_text(message, message->fields[i].name);
		char *start = lower;

		if (message_field_stays(message, &message->fields[i]))
			continue;
		for (; *name; name++)
			*lower++ = (char)tolower((unsigned char)*name);
		*lower++ = '\0';
		add(fields, start, message_text(message, message->fields[i].value));
	}
}

int http2_make_trailers(const struct message *message, struct http2_fields *ret_fields)
{
	int r = prepare(message, ret_fields);

	if (r == 0)
		add_fields(message, ret_fields);
	return r;
}

int http2_make_head(const struct message *message, struct http2_fields *ret_fields)
{
	struct http2_fields *fields = ret_fields;
	const char *te;
	int r = prepare(message, fields);

	if (r < 0)
		return r;
	if (message->status) {
		snprintf(fields->status_text, sizeof(fields->status_text), "%03u",
			 (unsigned int)message->status);
		add(fields, ":status", fields->status_text);
	} else {
		add(fields, ":method", message_text(message, message->method));
		add(fields, ":scheme", "https");
		add(fields, ":authority", message_text(message, message->authority));
		add(fields, ":path", message_text(message, message->target));
	}
	add_fields(message, fields);
	if (message->content_length >= 0 && message->status != 204) {
		snprintf(fields->length_text, sizeof(fields->length_text), "%lld",
			 (long long)message->content_length);
		add(fields, "content-length", fields->length_text);
	}
	/* The one value that h2 hands on (RFC 9113, 8.2.2). */
	te = message->status ? NULL : message_value(message, "te");
	if (te && message_list_has(te, "trailers", 8))
		add(fields, "te", "trailers");
	return 0;
}

void http2_free_fields(struct http2_fields *fields)
{
	free(fields->list);
	free(fields->names);
	memset(fields, 0, sizeof(*fields));
}

int http2_new(bool server, const nghttp2_session_callbacks *callbacks, void *context,
	      nghttp2_session **ret_session)
{
	nghttp2_option *option;
	int r;

	if (nghttp2_option_new(&option) != 0)
		return -ENOMEM;
	nghttp2_option_set_no_auto_window_update(option, 1);
	r = server ? nghttp2_session_server_new2(ret_session, callbacks, context, option)
		   : nghttp2_session_client_new2(ret_session, callbacks, context, option);
	nghttp2_option_del(option);
	return r == 0 ? 0 : -ENOMEM;
}

int http2_read(nghttp2_session *http2, struct channel *channel)
{
	ssize_t read;

	/* What arrives may have to be replied to: not while nothing can be sent. */
	if (channel->in.length == 0 || !channel_is_writable(channel))
		return 0;
	read = nghttp2_session_mem_recv(http2, buffer_front(&channel->in), channel->in.length);
	if (read < 0)
		return -EPROTO;
	buffer_drop(&channel->in, (size_t)read);
	return read > 0;
}

int http2_write(nghttp2_session *http2, struct channel *channel)
{
	int moved = 0, r;

	while (channel_is_writable(channel)) {
		const uint8_t *bytes;
		ssize_t length = nghttp2_session_mem_send(http2, &bytes);

		if (length < 0)
			return -ENOMEM;
		if (length == 0)
			break;
		r = buffer_append(&channel->out, bytes, (size_t)length);
		if (r < 0)
			return r;
		moved = 1;
	}
	return moved;
}
