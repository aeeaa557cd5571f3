/* SPDX-License-Identifier: Apache-2.0 */
/* The real server speaks h2: requests go to it as they come, each on a stream. */
#include <errno.h>
#include <string.h>

#include "user/base/number.h"
#include "user/gate/http2.h"

/* Bytes that all streams together may have outstanding. */
#define CONNECTION_WINDOW (1 << 20)

static struct exchange *exchange_of(nghttp2_session *http2, int32_t stream)
{
	return nghttp2_session_get_stream_user_data(http2, stream);
}

/* Unusable: the stream is ended, and its exchange told. */
static void give_up(struct gate_session *session, struct exchange *exchange, const char *why)
{
	back2_cancel(session, exchange);
	upstream_fail_exchange(session, exchange, why);
}

static int keep_status(struct message *response, const char *value)
{
	uint64_t status;

	if (number_parse_u64(value, 100, 999, &status) < 0)
		return -EBADMSG;
	response->status = (uint16_t)status;
	return 0;
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
		     void *context)
{
	struct exchange *exchange = exchange_of(http2, frame->hd.stream_id);
	int r;

	(void)flags;
	if (!exchange)
		return 0;
	if (strcmp((const char *)name, ":status") == 0)
		r = keep_status(&exchange->response, (const char *)value);
	else
		r = message_add(exchange->response_ready ? &exchange->trailers
							 : &exchange->response,
				(const char *)name, name_length, (const char *)value, value_length);
	if (r < 0)
		give_up(context, exchange, "its response's head is too long or malformed");
	return 0;
}

static void note_head(struct exchange *exchange)
{
	if (exchange->response_ready)
		return; /* these were trailers */
	if (exchange->response.status < 200)
		message_free(&exchange->response); /* provisional: the next one may be final */
	else
		exchange->response_ready = true;
}

static int on_frame(nghttp2_session *http2, const nghttp2_frame *frame, void *context)
{
	struct gate_session *session = context;
	struct exchange *exchange;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		session->back_drains = true;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	exchange = exchange_of(http2, frame->hd.stream_id);
	if (!exchange)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS)
		note_head(exchange);
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && exchange->response_ready)
		exchange->response_complete = true;
	return 0;
}

static int on_data(nghttp2_session *http2, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t length, void *context)
{
	struct exchange *exchange = exchange_of(http2, stream);
	struct gate_session *session = context;

	(void)flags;
	if (!exchange)
		nghttp2_session_consume(http2, stream, length);
	else if (buffer_append(&exchange->down, bytes, length) < 0)
		session->waste = true; /* the window does not allow it: no memory */
	return 0;
}

static int on_close(nghttp2_session *http2, int32_t stream, uint32_t code, void *context)
{
	struct exchange *exchange = exchange_of(http2, stream);
	struct gate_session *session = context;

	if (!exchange)
		return 0;
	nghttp2_session_set_stream_user_data(http2, stream, NULL);
	exchange->back_stream = 0;
	if (exchange->response_complete) {
		exchange->stage = EXCHANGE_SETTLED;
		exchange->discard = true;
		session->back1.used = true;
	} else if (code == NGHTTP2_REFUSED_STREAM && !exchange->up_taken && !exchange->front_done) {
		/* It says that it has not looked at it (RFC 9113, 8.7). */
		exchange->stage = EXCHANGE_QUEUED;
		session->back_drains = true;
	} else {
		upstream_fail_exchange(session, exchange, "it broke off the response");
	}
	return 0;
}

static ssize_t give_body(nghttp2_session *http2, int32_t stream, uint8_t *buffer, size_t size,
			 uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct exchange *exchange = exchange_of(http2, stream);
	size_t length;

	(void)source;
	if (!exchange)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	length = buffer_take(&exchange->up, buffer, size);
	if (length > 0) {
		exchange->up_taken = true;
		front_consumed(context, exchange, length);
	}
	if (exchange->request_complete && exchange->up.length == 0) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	} else if (length == 0) {
		exchange->up_waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)length;
}

int back2_start(struct gate_session *session)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, EXCHANGE_DOWN_HTTP2},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MESSAGE_TEXT_MAX},
	};
	nghttp2_session_callbacks *callbacks;
	int r;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	r = http2_new(false, callbacks, session, &session->back2);
	nghttp2_session_callbacks_del(callbacks);
	if (r < 0)
		return r;
	if (nghttp2_submit_settings(session->back2, NGHTTP2_FLAG_NONE, settings,
				    sizeof(settings) / sizeof(settings[0])) != 0 ||
	    nghttp2_session_set_local_window_size(session->back2, NGHTTP2_FLAG_NONE, 0,
						  CONNECTION_WINDOW) != 0)
		return -ENOMEM;
	return 0;
}

void back2_stop(struct gate_session *session)
{
	for (struct exchange *exchange = session->exchanges; exchange; exchange = exchange->next)
		exchange->owes = false;
	nghttp2_session_del(session->back2);
	session->back2 = NULL;
}

void back2_cancel(struct gate_session *session, struct exchange *exchange)
{
	if (!exchange->back_stream)
		return;
	nghttp2_session_set_stream_user_data(session->back2, exchange->back_stream, NULL);
	nghttp2_submit_rst_stream(session->back2, NGHTTP2_FLAG_NONE, exchange->back_stream,
				  NGHTTP2_CANCEL);
	exchange->back_stream = 0;
}

void back_consumed(struct gate_session *session, struct exchange *exchange, size_t length)
{
	if (!session->back2 || !exchange->owes)
		return;
	/* A stream that is gone still has its share of the connection's window. */
	if (exchange->back_stream)
		nghttp2_session_consume(session->back2, exchange->back_stream, length);
	else
		nghttp2_session_consume_connection(session->back2, length);
}

static bool submit(struct gate_session *session, struct exchange *exchange)
{
	nghttp2_data_provider provider = {.read_callback = give_body};
	bool empty = exchange->request_complete && exchange->up.length == 0;
	struct http2_fields fields;
	int32_t stream;

	if (http2_make_head(&exchange->request, &fields) < 0) {
		session->waste = true;
		return false;
	}
	stream = nghttp2_submit_request(session->back2, NULL, fields.list, fields.count,
					empty ? NULL : &provider, exchange);
	http2_free_fields(&fields);
	if (stream < 0) {
		/* Stream numbers are used up, for one. */
		session->back_drains = true;
		return false;
	}
	exchange->back_stream = stream;
	exchange->owes = true;
	exchange->down.limit = EXCHANGE_DOWN_HTTP2;
	exchange->stage = EXCHANGE_CARRIED;
	return true;
}

static bool pump_exchanges(struct gate_session *session, size_t *ret_carried)
{
	bool moved = false;

	for (struct exchange *exchange = session->exchanges; exchange; exchange = exchange->next) {
		if (exchange->stage == EXCHANGE_QUEUED && !exchange->front_done &&
		    !session->back_drains)
			moved = submit(session, exchange) || moved;
		if (exchange->stage != EXCHANGE_CARRIED)
			continue;
		(*ret_carried)++;
		if (exchange->up_waiting &&
		    (exchange->up.length > 0 || exchange->request_complete)) {
			exchange->up_waiting = false;
			nghttp2_session_resume_data(session->back2, exchange->back_stream);
			moved = true;
		}
	}
	return moved;
}

bool back2_pump(struct gate_session *session)
{
	struct channel *upstream = &session->upstream;
	size_t carried = 0;
	bool moved;
	int r = http2_read(session->back2, upstream);

	if (r < 0) {
		upstream_lose(session, "its h2 is malformed");
		return true;
	}
	moved = r > 0;
	moved = pump_exchanges(session, &carried) || moved;
	r = http2_write(session->back2, upstream);
	if (r < 0)
		session->waste = true;
	moved = r > 0 || moved;
	if ((upstream->in_ended && upstream->in.length == 0) ||
	    (!nghttp2_session_want_read(session->back2) &&
	     !nghttp2_session_want_write(session->back2))) {
		upstream_lose(session, "it ended the connection in the middle");
		return true;
	}
	if (session->back_drains && carried == 0) {
		upstream_close(session);
		return true;
	}
	return moved;
}
