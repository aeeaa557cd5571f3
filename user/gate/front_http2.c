/* SPDX-License-Identifier: Apache-2.0 */
/* The client speaks h2: each stream is an exchange. */
#include <errno.h>
#include <string.h>

#include "user/gate/http2.h"

static void refuse(struct gate_session *session, struct exchange *exchange, int r)
{
	if (r == -ENOBUFS)
		r = exchange_refuse(exchange, 431, "Request Header Fields Too Large",
				    "the request's head is too long");
	else if (r == -EBADMSG)
		r = exchange_refuse(exchange, 400, "Bad Request",
				    "the request's head is malformed");
	if (r < 0)
		session->waste = true;
}

static int on_begin_headers(nghttp2_session *http2, const nghttp2_frame *frame, void *context)
{
	struct gate_session *session = context;
	struct exchange *exchange;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	exchange = session_add_exchange(session);
	if (!exchange)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	exchange->stream = frame->hd.stream_id;
	nghttp2_session_set_stream_user_data(http2, exchange->stream, exchange);
	return 0;
}

static int keep_field(struct message *request, const char *name, size_t name_length,
		      const char *value, size_t value_length)
{
	const struct {
		const char *name;
		uint32_t *at;
	} pseudos[] = {
		{":method", &request->method},
		{":path", &request->target},
		{":authority", &request->authority},
		{":scheme", &request->scheme},
	};

	for (size_t i = 0; i < sizeof(pseudos) / sizeof(pseudos[0]); i++)
		if (strcmp(pseudos[i].name, name) == 0)
			return message_keep(request, value, value_length, pseudos[i].at);
	return message_add(request, name, name_length, value, value_length);
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
		     void *context)
{
	struct exchange *exchange =
		nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
	int r;

	(void)flags;
	/* Trailers of requests are dropped. */
	if (!exchange || exchange->stage != EXCHANGE_READING)
		return 0;
	r = keep_field(&exchange->request, (const char *)name, name_length, (const char *)value,
		       value_length);
	if (r < 0)
		refuse(context, exchange, r);
	return 0;
}

/* Without :authority the Host field says it (RFC 9113, 8.3.1). */
static void note_head(struct exchange *exchange)
{
	struct message *request = &exchange->request;

	for (size_t i = 0; !request->authority && i < request->fields_count; i++)
		if (strcmp(message_text(request, request->fields[i].name), "host") == 0)
			request->authority = request->fields[i].value;
	if (exchange->stage == EXCHANGE_READING)
		exchange->stage = EXCHANGE_ROUTING;
}

static int on_frame(nghttp2_session *http2, const nghttp2_frame *frame, void *context)
{
	struct exchange *exchange;

	(void)context;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	exchange = nghttp2_session_get_stream_user_data(http2, frame->hd.stream_id);
	if (!exchange)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		note_head(exchange);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		exchange->request_complete = true;
	return 0;
}

static int on_data(nghttp2_session *http2, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t length, void *context)
{
	struct exchange *exchange = nghttp2_session_get_stream_user_data(http2, stream);
	struct gate_session *session = context;

	(void)flags;
	if (!exchange || exchange->discard)
		nghttp2_session_consume(http2, stream, length);
	else if (buffer_append(&exchange->up, bytes, length) < 0)
		session->waste = true; /* the window does not allow it: no memory */
	return 0;
}

static int on_close(nghttp2_session *http2, int32_t stream, uint32_t code, void *context)
{
	struct exchange *exchange = nghttp2_session_get_stream_user_data(http2, stream);

	(void)code;
	(void)context;
	if (!exchange)
		return 0;
	nghttp2_session_set_stream_user_data(http2, stream, NULL);
	nghttp2_session_consume_connection(http2, exchange->up.length);
	buffer_free(&exchange->up);
	exchange->front_done = true;
	return 0;
}

static int submit_trailers(nghttp2_session *http2, const struct exchange *exchange)
{
	struct http2_fields fields;
	int r;

	if (http2_make_trailers(&exchange->trailers, &fields) < 0)
		return -ENOMEM;
	r = nghttp2_submit_trailer(http2, exchange->stream, fields.list, fields.count);
	http2_free_fields(&fields);
	return r == 0 ? 0 : -ENOMEM;
}

static ssize_t give_body(nghttp2_session *http2, int32_t stream, uint8_t *buffer, size_t size,
			 uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct exchange *exchange = nghttp2_session_get_stream_user_data(http2, stream);
	struct gate_session *session = context;
	const uint8_t *bytes;
	uint64_t wake_at = 0;
	size_t length;

	(void)source;
	if (!exchange)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	length = exchange_body(exchange, session->now, &bytes, &wake_at);
	session_wake(session, wake_at);
	if (length > size)
		length = size;
	if (length > 0) {
		memcpy(buffer, bytes, length);
		exchange_body_drop(exchange, length);
		back_consumed(session, exchange, length);
	} else if (exchange->broken && exchange->down.length == 0) {
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	} else if (!exchange_body_is_over(exchange)) {
		exchange->waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (exchange_body_is_over(exchange)) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (exchange->trailers.fields_count > 0 && submit_trailers(http2, exchange) == 0)
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	}
	return (ssize_t)length;
}

int front2_start(struct gate_session *session)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, EXCHANGES_STREAMS},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MESSAGE_TEXT_MAX},
	};
	nghttp2_session_callbacks *callbacks;
	int r;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	r = http2_new(true, callbacks, session, &session->front2);
	nghttp2_session_callbacks_del(callbacks);
	if (r < 0)
		return r;
	return nghttp2_submit_settings(session->front2, NGHTTP2_FLAG_NONE, settings,
				       sizeof(settings) / sizeof(settings[0])) == 0
		       ? 0
		       : -ENOMEM;
}

void front2_stop(struct gate_session *session)
{
	nghttp2_session_del(session->front2);
	session->front2 = NULL;
}

static void respond(struct gate_session *session, struct exchange *exchange)
{
	nghttp2_data_provider provider = {.read_callback = give_body};
	struct http2_fields fields;
	bool empty;
	int r;

	if (http1_is_bodyless(exchange->response.status, exchange->to_head))
		exchange->answer_length = 0;
	empty = exchange_body_is_over(exchange) && exchange->trailers.fields_count == 0;
	exchange->head_written = true;
	if (http2_make_head(&exchange->response, &fields) < 0) {
		session->waste = true;
		return;
	}
	r = nghttp2_submit_response(session->front2, exchange->stream, fields.list, fields.count,
				    empty ? NULL : &provider);
	http2_free_fields(&fields);
	if (nghttp2_is_fatal(r))
		session->waste = true;
}

/* Whether a stream that waits can go on. */
static bool may_resume(struct gate_session *session, struct exchange *exchange)
{
	const uint8_t *bytes;
	uint64_t wake_at = 0;
	size_t length = exchange_body(exchange, session->now, &bytes, &wake_at);

	session_wake(session, wake_at);
	return length > 0 || exchange_body_is_over(exchange) ||
	       (exchange->broken && exchange->down.length == 0);
}

static bool pump_exchange(struct gate_session *session, struct exchange *exchange)
{
	bool moved = false;

	if (exchange->discard && exchange->up.length > 0) {
		front_consumed(session, exchange, exchange->up.length);
		buffer_free(&exchange->up);
		moved = true;
	}
	if (exchange->response_ready && !exchange->head_written) {
		respond(session, exchange);
		moved = true;
	}
	if (exchange->waiting && may_resume(session, exchange)) {
		exchange->waiting = false;
		nghttp2_session_resume_data(session->front2, exchange->stream);
		moved = true;
	}
	return moved;
}

void front_consumed(struct gate_session *session, struct exchange *exchange, size_t length)
{
	if (session->front2)
		nghttp2_session_consume(session->front2, exchange->stream, length);
}

/* The client is gone: nobody waits for what is there. */
static void drop_all(struct gate_session *session)
{
	for (struct exchange *exchange = session->exchanges; exchange; exchange = exchange->next) {
		nghttp2_session_set_stream_user_data(session->front2, exchange->stream, NULL);
		exchange->front_done = true;
	}
}

static bool end(struct gate_session *session)
{
	struct channel *client = &session->client;
	bool gone = client->in_ended && client->in.length == 0;
	bool over = !nghttp2_session_want_read(session->front2) &&
		    !nghttp2_session_want_write(session->front2);

	if (client->ending)
		return false;
	if (session->finishing && !session->front_ended) {
		session->front_ended = true;
		nghttp2_submit_goaway(session->front2, NGHTTP2_FLAG_NONE,
				      nghttp2_session_get_last_proc_stream_id(session->front2),
				      NGHTTP2_NO_ERROR, NULL, 0);
		return true;
	}
	if (!gone && !over &&
	    !(session->finishing && session->exchanges_count == 0 &&
	      !nghttp2_session_want_write(session->front2)))
		return false;
	drop_all(session);
	channel_end(client);
	return true;
}

bool front2_pump(struct gate_session *session)
{
	bool moved = false;
	int r = http2_read(session->front2, &session->client);

	if (r < 0) {
		drop_all(session);
		channel_end(&session->client);
		return true;
	}
	moved = r > 0;
	for (struct exchange *exchange = session->exchanges; exchange; exchange = exchange->next)
		if (!exchange->front_done)
			moved = pump_exchange(session, exchange) || moved;
	r = http2_write(session->front2, &session->client);
	if (r < 0)
		session->waste = true;
	moved = r > 0 || moved;
	return end(session) || moved;
}
