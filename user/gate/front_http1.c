/* SPDX-License-Identifier: Apache-2.0 */
/* The client speaks HTTP/1.1: one exchange at a time, what is pipelined waits in its channel. */
#include <errno.h>
#include <string.h>

#include "user/gate/session_parts.h"

/* Most content that is copied in one go. */
#define PIECE 16384U

static void refuse_head(struct gate_session *session, struct exchange *exchange, int r)
{
	struct http1_end *front = &session->front1;

	if (r == -EBADMSG && session->requests == 0)
		session_count(session, GATE_EVENT_NOT_HTTP, NULL);
	if (r == -ENOBUFS)
		r = exchange_refuse(exchange, 431, "Request Header Fields Too Large",
				    "the request's head is too long");
	else if (r == -EBADMSG)
		r = exchange_refuse(exchange, 400, "Bad Request", "this is no HTTP/1.1 request");
	if (r < 0)
		session->waste = true;
	/* Where the next request begins is not known. */
	front->close = true;
	front->body = (struct http1_body){.complete = true};
	exchange->request_complete = true;
	buffer_drop(&session->client.in, session->client.in.length);
}

static bool read_head(struct gate_session *session)
{
	struct http1_end *front = &session->front1;
	struct channel *client = &session->client;
	struct message request = MESSAGE_EMPTY;
	struct exchange *exchange;
	int r = -EAGAIN;

	if (client->ending)
		return false;
	if (!session->finishing && client->in.length > 0)
		r = http1_read_request(buffer_front(&client->in), client->in.length,
				       &front->scanned, &request, &front->head);
	if (r == -EAGAIN) {
		if (!client->in_ended && !session->finishing)
			return false;
		channel_end(client);
		return true;
	}
	exchange = session_add_exchange(session);
	if (!exchange) {
		message_free(&request);
		return false;
	}
	exchange->request = request;
	*front = (struct http1_end){.current = exchange, .head = front->head};
	if (r < 0) {
		refuse_head(session, exchange, r);
		return true;
	}
	buffer_drop(&client->in, front->head.length);
	http1_body_start(&front->body, &exchange->request, &front->head);
	exchange->request_complete = front->body.complete;
	exchange->stage = EXCHANGE_ROUTING;
	exchange->upgrade = front->head.upgrade;
	front->close = !front->head.keep_alive;
	return true;
}

/* The client broke off, or sent what is no body. */
static void abandon(struct gate_session *session)
{
	struct http1_end *front = &session->front1;

	front->current->request_complete = true;
	front->body.complete = true;
	front->close = true;
	if (!front->current->head_written && !front->current->response_ready) {
		front->current->front_done = true;
		front->current = NULL;
	}
	channel_end(&session->client);
}

static bool read_body(struct gate_session *session)
{
	struct http1_end *front = &session->front1;
	struct exchange *exchange = front->current;
	struct buffer *in = &session->client.in;
	bool moved = false;

	while (!front->body.complete && in->length > 0) {
		size_t most = exchange->discard ? in->length : buffer_room(&exchange->up);
		size_t used, content;

		if (http1_body_read(&front->body, buffer_front(in), in->length, most, &used,
				    &content) < 0) {
			abandon(session);
			return true;
		}
		if (!exchange->discard &&
		    buffer_append(&exchange->up, buffer_front(in) + used - content, content) < 0)
			session->waste = true;
		buffer_drop(in, used);
		if (used == 0)
			break;
		moved = true;
	}
	if (front->body.complete) {
		exchange->request_complete = true;
	} else if (session->client.in_ended && in->length == 0) {
		abandon(session);
		return true;
	}
	return moved;
}

/* A client that asks first is told to go on when somebody wants the body. */
static bool say_continue(struct gate_session *session)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http1_end *front = &session->front1;
	struct exchange *exchange = front->current;

	if (!front->head.expects || front->continued || front->body.complete)
		return false;
	if (exchange->response_ready) {
		/* It will not send the body, or it will: the connection cannot go on. */
		exchange->request_complete = true;
		front->body.complete = true;
		front->close = true;
		return true;
	}
	if (exchange->stage < EXCHANGE_QUEUED || !channel_is_writable(&session->client))
		return false;
	if (buffer_append(&session->client.out, line, sizeof(line) - 1) < 0)
		session->waste = true;
	front->continued = true;
	return true;
}

static bool write_head(struct gate_session *session)
{
	struct http1_end *front = &session->front1;
	struct exchange *exchange = front->current;
	const struct message *response = &exchange->response;
	bool bodyless = http1_is_bodyless(response->status, exchange->to_head);
	bool unknown = !bodyless && response->content_length < 0;
	struct http1_write how = {
		.chunked = unknown && !front->head.version_1_0,
		.no_length = response->status < 200 || response->status == 204,
		.upgrade = exchange->tunnel,
	};

	if (!channel_is_writable(&session->client))
		return false;
	if ((unknown && !how.chunked) || session->finishing || front->head.version_1_0)
		front->close = true;
	how.close = front->close && !exchange->tunnel;
	front->chunked = how.chunked;
	if (bodyless)
		exchange->answer_length = 0;
	if (http1_write_head(&session->client.out, response, &how) < 0)
		session->waste = true;
	exchange->head_written = true;
	return true;
}

static bool write_body(struct gate_session *session)
{
	struct http1_end *front = &session->front1;
	struct exchange *exchange = front->current;
	struct buffer *out = &session->client.out;
	bool moved = false;
	int r = 0;

	while (channel_is_writable(&session->client)) {
		const uint8_t *bytes;
		uint64_t wake_at = 0;
		size_t length = exchange_body(exchange, session->now, &bytes, &wake_at);

		session_wake(session, wake_at);
		if (length == 0)
			break;
		if (length > PIECE)
			length = PIECE;
		r = front->chunked ? http1_write_chunk(out, bytes, length)
				   : buffer_append(out, bytes, length);
		if (r < 0)
			break;
		exchange_body_drop(exchange, length);
		back_consumed(session, exchange, length);
		moved = true;
	}
	if (r == 0 && exchange_body_is_over(exchange) && !front->written) {
		if (front->chunked)
			r = http1_write_chunk(out, NULL, 0);
		front->written = true;
		moved = true;
	}
	if (r < 0)
		session->waste = true;
	return moved;
}

/* What the client has got is not all, and it must not pass for it. */
static void break_off(struct gate_session *session)
{
	session->front1.current->front_done = true;
	session->front1.current = NULL;
	session->reset = true;
	channel_end(&session->client);
}

static bool write_response(struct gate_session *session)
{
	struct http1_end *front = &session->front1;
	struct exchange *exchange = front->current;
	bool moved = false;

	if (exchange->response_ready && !exchange->head_written)
		moved = write_head(session);
	if (exchange->head_written)
		moved = write_body(session) || moved;
	if (exchange->broken && exchange->down.length == 0) {
		break_off(session);
		return true;
	}
	if (!front->written)
		return moved;
	if (exchange->tunnel) {
		exchange->request_complete = true;
		front->close = true;
	}
	if (!exchange->request_complete && !exchange->discard) {
		exchange->discard = true;
		buffer_free(&exchange->up);
		moved = true;
	}
	if (exchange->request_complete) {
		exchange->front_done = true;
		front->current = NULL;
		if (front->close)
			channel_end(&session->client);
		moved = true;
	}
	return moved;
}

bool front1_pump(struct gate_session *session)
{
	struct http1_end *front = &session->front1;
	bool moved = false;

	if (!front->current)
		moved = read_head(session);
	if (front->current && front->current->tunnel && !front->current->head_written)
		front->body = (struct http1_body){.framing = HTTP1_UNTIL_CLOSE};
	if (front->current && !front->body.complete)
		moved = say_continue(session) || moved;
	if (front->current && !front->current->request_complete)
		moved = read_body(session) || moved;
	if (front->current)
		moved = write_response(session) || moved;
	return moved;
}
