/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to the real server: opened for the first request that goes there, again when it
 * has ended and another one comes. */
#include <stdio.h>
#include <string.h>

#include "user/gate/session_parts.h"

struct exchange *upstream_next_queued(const struct gate_session *session)
{
	struct exchange *exchange = session->exchanges;

	while (exchange && (exchange->stage != EXCHANGE_QUEUED || exchange->front_done))
		exchange = exchange->next;
	return exchange;
}

static void refuse(struct gate_session *session, struct exchange *exchange, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "the real server cannot be asked: %s", why);
	if (exchange_refuse(exchange, 502, "Bad Gateway", text) < 0)
		session->waste = true;
}

void upstream_refuse_queued(struct gate_session *session, enum gate_event event, const char *why)
{
	struct exchange *exchange;

	while ((exchange = upstream_next_queued(session))) {
		session_count(session, event, exchange->rule);
		refuse(session, exchange, why);
	}
}

void upstream_fail_exchange(struct gate_session *session, struct exchange *exchange,
			    const char *why)
{
	exchange->stage = EXCHANGE_SETTLED;
	if (exchange->front_done)
		return;
	session_count(session, GATE_EVENT_UPSTREAM_FAILED, exchange->rule);
	if (exchange->response_ready) {
		exchange->broken = true;
	} else {
		back_consumed(session, exchange, exchange->down.length);
		refuse(session, exchange, why);
	}
}

/* A kept connection may end as a request is on its way; if nothing has come back, it is sent again
 * on a new one (RFC 9112, 9.3.1). */
static bool may_retry(const struct gate_session *session, const struct exchange *exchange)
{
	return session->back1.used && !exchange->response_ready && !exchange->up_taken &&
	       !exchange->retried && !exchange->front_done && session->back1.scanned == 0 &&
	       session->upstream.in.length == 0;
}

void upstream_lose(struct gate_session *session, const char *why)
{
	for (struct exchange *exchange = session->exchanges; exchange; exchange = exchange->next) {
		if (exchange->stage != EXCHANGE_CARRIED)
			continue;
		if (may_retry(session, exchange)) {
			exchange->retried = true;
			exchange->stage = EXCHANGE_QUEUED;
		} else {
			upstream_fail_exchange(session, exchange, why);
		}
	}
	session->back1.current = NULL;
	upstream_close(session);
}

void upstream_close(struct gate_session *session)
{
	channel_end(&session->upstream);
	session->upstream_stage = UPSTREAM_CLOSING;
}

/* The handshake came to nothing. */
static void refuse_handshake(struct gate_session *session)
{
	static const enum gate_event events[] = {
		[CHANNEL_PROBLEM_NONE] = GATE_EVENT_UPSTREAM_FAILED,
		[CHANNEL_PROBLEM_OTHER] = GATE_EVENT_UPSTREAM_FAILED,
		[CHANNEL_PROBLEM_DISTRUSTED] = GATE_EVENT_UPSTREAM_FAILED,
		[CHANNEL_PROBLEM_UNTRUSTED] = GATE_EVENT_UPSTREAM_UNTRUSTED,
		[CHANNEL_PROBLEM_ASKED] = GATE_EVENT_UPSTREAM_ASKS_CERTIFICATE,
	};

	upstream_refuse_queued(session, events[session->upstream.problem],
			       session->upstream.problem_text);
	upstream_close(session);
}

static bool pump_handshake(struct gate_session *session)
{
	struct channel *upstream = &session->upstream;

	if (upstream->state == CHANNEL_FAILED) {
		refuse_handshake(session);
		return true;
	}
	if (upstream->state != CHANNEL_OPEN)
		return false;
	session->back1 = (struct http1_end){0};
	session->back_drains = false;
	session->upstream_stage = UPSTREAM_READY;
	if (upstream->protocol == CHANNEL_HTTP2 && back2_start(session) < 0)
		session->waste = true;
	return true;
}

static bool pump_ready(struct gate_session *session)
{
	struct channel *upstream = &session->upstream;

	if (upstream->state == CHANNEL_FAILED) {
		/* With TLS 1.3 a server asks, and refuses, when the handshake is over for us. */
		if (upstream->problem == CHANNEL_PROBLEM_ASKED)
			session_count(session, GATE_EVENT_UPSTREAM_ASKS_CERTIFICATE, NULL);
		upstream_lose(session, upstream->problem_text);
		return true;
	}
	return session->back2 ? back2_pump(session) : back1_pump(session);
}

/* Forgets a connection that the caller has closed. */
static bool forget(struct gate_session *session)
{
	if (!session->upstream_gone)
		return false;
	back2_stop(session);
	channel_close(&session->upstream);
	session->upstream_gone = false;
	session->upstream_stage = UPSTREAM_NONE;
	return true;
}

bool upstream_pump(struct gate_session *session)
{
	bool moved = channel_pump(&session->upstream);

	switch (session->upstream_stage) {
	case UPSTREAM_NONE:
		if (!upstream_next_queued(session))
			return moved;
		session->upstream_stage = UPSTREAM_ASKED;
		return true;
	case UPSTREAM_ASKED:
		return moved;
	case UPSTREAM_HANDSHAKE:
		return pump_handshake(session) || moved;
	case UPSTREAM_READY:
		return pump_ready(session) || moved;
	case UPSTREAM_CLOSING:
		return forget(session) || moved;
	}
	return moved;
}

void back_cancel(struct gate_session *session, struct exchange *exchange)
{
	if (exchange->stage != EXCHANGE_CARRIED)
		return;
	exchange->stage = EXCHANGE_SETTLED;
	if (session->back2) {
		back2_cancel(session, exchange);
		return;
	}
	session->back1.current = NULL;
	upstream_close(session);
}

void gate_session_upstream_opened(struct gate_session *session)
{
	const char *name = session->name[0] ? session->name : session->options.name;
	struct failure failure;

	if (session->upstream_stage != UPSTREAM_ASKED)
		return;
	session->upstream_stage = UPSTREAM_HANDSHAKE;
	if (channel_connect(&session->upstream, session->options.trust, name ? name : "",
			    session->client.protocol == CHANNEL_HTTP2, &failure) < 0) {
		upstream_refuse_queued(session, GATE_EVENT_UPSTREAM_FAILED, failure.text);
		upstream_close(session);
	}
}

void gate_session_upstream_failed(struct gate_session *session, int r)
{
	if (session->upstream_stage != UPSTREAM_ASKED)
		return;
	session->upstream_stage = UPSTREAM_NONE;
	upstream_refuse_queued(session, GATE_EVENT_UPSTREAM_FAILED, strerror(-r));
}

void gate_session_upstream_closed(struct gate_session *session)
{
	if (session->upstream_stage < UPSTREAM_HANDSHAKE)
		return;
	session->upstream_gone = true;
	channel_wire_ended(&session->upstream);
}
