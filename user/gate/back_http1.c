/* SPDX-License-Identifier: Apache-2.0 */
/* The real server speaks HTTP/1.1: requests go to it one at a time, on one kept connection. */
#include <errno.h>
#include <string.h>

#include "user/gate/session_parts.h"

#define PIECE 16384U

static bool send_head(struct gate_session *session)
{
	struct exchange *exchange = upstream_next_queued(session);
	struct http1_end *back = &session->back1;
	struct http1_write how = {0};

	if (!exchange || session->back_drains || !channel_is_writable(&session->upstream))
		return false;
	*back = (struct http1_end){.current = exchange, .used = back->used};
	how.chunked = exchange->request.content_length < 0 &&
		      (!exchange->request_complete || exchange->up.length > 0);
	how.upgrade = exchange->upgrade;
	back->chunked = how.chunked;
	if (http1_write_head(&session->upstream.out, &exchange->request, &how) < 0)
		session->waste = true;
	exchange->stage = EXCHANGE_CARRIED;
	return true;
}

static bool send_body(struct gate_session *session)
{
	struct http1_end *back = &session->back1;
	struct exchange *exchange = back->current;
	struct buffer *out = &session->upstream.out;
	bool moved = false;
	int r = 0;

	while (r == 0 && exchange->up.length > 0 && channel_is_writable(&session->upstream)) {
		size_t length = exchange->up.length < PIECE ? exchange->up.length : PIECE;
		const uint8_t *bytes = buffer_front(&exchange->up);

		r = back->chunked ? http1_write_chunk(out, bytes, length)
				  : buffer_append(out, bytes, length);
		buffer_drop(&exchange->up, length);
		front_consumed(session, exchange, length);
		exchange->up_taken = true;
		moved = true;
	}
	if (r == 0 && exchange->request_complete && exchange->up.length == 0 && !back->written) {
		if (back->chunked)
			r = http1_write_chunk(out, NULL, 0);
		back->written = true;
		moved = true;
	}
	if (r < 0)
		session->waste = true;
	return moved;
}

/* From now on both sides say what they like, until one of them ends. */
static void start_tunnel(struct http1_end *back)
{
	back->current->tunnel = true;
	back->current->request_complete = false;
	back->chunked = false;
	back->written = false;
}

static bool read_head(struct gate_session *session)
{
	struct http1_end *back = &session->back1;
	struct exchange *exchange = back->current;
	struct buffer *in = &session->upstream.in;
	struct message response = MESSAGE_EMPTY;
	int r = -EAGAIN;

	if (in->length > 0)
		r = http1_read_response(buffer_front(in), in->length, &back->scanned,
					exchange->to_head, &response, &back->head);
	if (r == -EAGAIN)
		return false;
	if (r < 0 || (response.status == 101 && !(exchange->upgrade && back->head.upgrade))) {
		message_free(&response);
		upstream_lose(session, "its response is no HTTP/1.1");
		return true;
	}
	back->scanned = 0;
	buffer_drop(in, back->head.length);
	if (response.status < 200 && response.status != 101) {
		/* The client has been told to continue, or never asked. */
		message_free(&response);
		return true;
	}
	exchange->response = response;
	exchange->response_ready = true;
	back->head_read = true;
	http1_body_start(&back->body, &exchange->response, &back->head);
	if (back->head.framing == HTTP1_CHUNKED)
		exchange->response.content_length = -1;
	if (back->head.upgrade)
		start_tunnel(back);
	return true;
}

static bool read_body(struct gate_session *session)
{
	struct http1_end *back = &session->back1;
	struct exchange *exchange = back->current;
	struct buffer *in = &session->upstream.in;
	bool moved = false;

	while (!back->body.complete && in->length > 0) {
		size_t used, content;

		if (http1_body_read(&back->body, buffer_front(in), in->length,
				    buffer_room(&exchange->down), &used, &content) < 0) {
			upstream_lose(session, "its response is no HTTP/1.1");
			return true;
		}
		if (buffer_append(&exchange->down, buffer_front(in) + used - content, content) < 0)
			session->waste = true;
		buffer_drop(in, used);
		if (used == 0)
			break;
		moved = true;
	}
	if (back->body.framing == HTTP1_UNTIL_CLOSE && session->upstream.in_ended &&
	    in->length == 0)
		back->body.complete = true;
	return moved;
}

/* The response is whole. */
static void settle(struct gate_session *session)
{
	struct http1_end *back = &session->back1;
	struct exchange *exchange = back->current;

	exchange->response_complete = true;
	exchange->stage = EXCHANGE_SETTLED;
	exchange->discard = true;
	back->current = NULL;
	back->used = true;
	if (!back->head.keep_alive || !back->written)
		upstream_close(session);
}

bool back1_pump(struct gate_session *session)
{
	struct http1_end *back = &session->back1;
	struct channel *upstream = &session->upstream;
	bool moved = false;

	if (!back->current) {
		/* Nothing is due: a server that speaks now, or that ends, wants to end. */
		if (upstream->in_ended || upstream->in.length > 0) {
			upstream_close(session);
			return true;
		}
		moved = send_head(session);
	}
	if (back->current && back->current->front_done) {
		back_cancel(session, back->current);
		return true;
	}
	if (back->current && !back->written)
		moved = send_body(session) || moved;
	if (back->current && !back->head_read)
		moved = read_head(session) || moved;
	if (back->current && back->head_read)
		moved = read_body(session) || moved;
	if (back->current && back->head_read && back->body.complete) {
		settle(session);
		return true;
	}
	if (back->current && upstream->in_ended && upstream->in.length == 0) {
		upstream_lose(session, "it ended the connection in the middle");
		return true;
	}
	return moved;
}
