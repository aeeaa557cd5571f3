/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/session.h"

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/gate/session_parts.h"

static const char *const event_names[] = {
	[GATE_EVENT_HANDSHAKE] = "handshake",
	[GATE_EVENT_RESUMED] = "resumed",
	[GATE_EVENT_DISTRUSTED] = "distrusted",
	[GATE_EVENT_HANDSHAKE_FAILED] = "handshake-failed",
	[GATE_EVENT_UNUSED] = "unused",
	[GATE_EVENT_CERTIFICATE] = "certificate",
	[GATE_EVENT_REQUEST] = "request",
	[GATE_EVENT_ANSWERED] = "answered",
	[GATE_EVENT_SLOWED] = "slowed",
	[GATE_EVENT_FORWARDED] = "forwarded",
	[GATE_EVENT_NOT_HTTP] = "not-http",
	[GATE_EVENT_UPSTREAM_FAILED] = "upstream-failed",
	[GATE_EVENT_UPSTREAM_UNTRUSTED] = "upstream-untrusted",
	[GATE_EVENT_UPSTREAM_ASKS_CERTIFICATE] = "upstream-asks-certificate",
};
_Static_assert(ARRAY_SIZE(event_names) == GATE_EVENT_COUNT, "an event lacks its name");

const char *gate_event_name(enum gate_event event)
{
	return (size_t)event < GATE_EVENT_COUNT ? event_names[event] : NULL;
}

void session_count(struct gate_session *session, enum gate_event event,
		   const struct gate_rule *rule)
{
	const struct gate_host *host = &session->options.host;

	if (host->count)
		host->count(host->context, event, rule ? rule->rule : GATE_RULE_NONE);
}

void session_wake(struct gate_session *session, uint64_t at)
{
	if (at && (!session->wake_at || at < session->wake_at))
		session->wake_at = at;
}

struct exchange *session_add_exchange(struct gate_session *session)
{
	struct exchange **end = &session->exchanges, *exchange;

	if (session->exchanges_count == EXCHANGES_MAX)
		return NULL;
	exchange = exchange_new();
	if (!exchange) {
		session->waste = true;
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	*end = exchange;
	session->exchanges_count++;
	return exchange;
}

static enum gate_certificate choose_certificate(void *context, const char *name)
{
	return route_certificate(context, name);
}

/* Whether some rule shows a wrong certificate: then no session is resumed. */
static bool has_wrong_certificate(const struct gate_session_options *options)
{
	for (size_t i = 0; i < options->rules_count; i++)
		if (options->rules[i].certificate != GATE_CERTIFICATE_GOOD)
			return true;
	return false;
}

int gate_session_new(const struct gate_session_options *options, uint64_t now,
		     struct gate_session **ret_session, struct failure *failure)
{
	_cleanup_(gate_session_cleanup) struct gate_session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return fail(failure, -ENOMEM, "out of memory");
	session->options = *options;
	session->now = now;
	session->random = options->seed;
	session->client.choose = choose_certificate;
	session->client.context = session;
	session->client.default_name = options->name;
	r = channel_accept(&session->client, options->authority, !has_wrong_certificate(options),
			   failure);
	if (r < 0)
		return r;
	*ret_session = TAKE_PTR(session);
	return 0;
}

void gate_session_free(struct gate_session *session)
{
	if (!session)
		return;
	front2_stop(session);
	back2_stop(session);
	while (session->exchanges) {
		struct exchange *exchange = session->exchanges;

		session->exchanges = exchange->next;
		exchange_free(exchange);
	}
	channel_close(&session->client);
	channel_close(&session->upstream);
	free(session);
}

static struct channel *channel_of(struct gate_session *session, enum gate_side side)
{
	return side == GATE_CLIENT ? &session->client : &session->upstream;
}

size_t gate_session_room(const struct gate_session *session, enum gate_side side)
{
	return channel_room(side == GATE_CLIENT ? &session->client : &session->upstream);
}

size_t gate_session_feed(struct gate_session *session, enum gate_side side, const void *bytes,
			 size_t length)
{
	return channel_feed(channel_of(session, side), bytes, length);
}

size_t gate_session_take(struct gate_session *session, enum gate_side side, void *buffer,
			 size_t size)
{
	return channel_take(channel_of(session, side), buffer, size);
}

void gate_session_client_closed(struct gate_session *session)
{
	channel_wire_ended(&session->client);
}

void gate_session_finish(struct gate_session *session)
{
	session->finishing = true;
}

/* Counts how the handshake went, once, and sets up what was agreed on. */
static bool note_handshake(struct gate_session *session)
{
	struct channel *client = &session->client;

	if (session->shaken || client->state == CHANNEL_HANDSHAKE)
		return false;
	session->shaken = true;
	if (!client->ssl)
		return true;
	if (client->state == CHANNEL_FAILED) {
		session->noted_end = true;
		session_count(session,
			      client->problem == CHANNEL_PROBLEM_DISTRUSTED
				      ? GATE_EVENT_DISTRUSTED
				      : GATE_EVENT_HANDSHAKE_FAILED,
			      NULL);
		return true;
	}
	session_count(session, GATE_EVENT_HANDSHAKE, NULL);
	if (client->resumed)
		session_count(session, GATE_EVENT_RESUMED, NULL);
	if (client->protocol == CHANNEL_HTTP2 && front2_start(session) < 0)
		session->waste = true;
	return true;
}

/* A client may find out that it does not like the certificate when the handshake is over. */
static void note_end(struct gate_session *session)
{
	struct channel *client = &session->client;

	if (!client->ssl || session->requests > 0 || session->noted_end)
		return;
	session->noted_end = true;
	session_count(session,
		      client->problem == CHANNEL_PROBLEM_DISTRUSTED ? GATE_EVENT_DISTRUSTED
								    : GATE_EVENT_UNUSED,
		      NULL);
}

static bool pump_front(struct gate_session *session)
{
	struct channel *client = &session->client;
	bool moved = channel_pump(client);

	moved = note_handshake(session) || moved;
	if (client->state == CHANNEL_OPEN) {
		if (client->in_ended)
			note_end(session);
		moved = (session->front2 ? front2_pump(session) : front1_pump(session)) || moved;
	} else if (client->state == CHANNEL_FAILED) {
		note_end(session);
		for (struct exchange *exchange = session->exchanges; exchange;
		     exchange = exchange->next)
			exchange->front_done = true;
		session->front1.current = NULL;
		front2_stop(session);
	}
	return moved;
}

/* Frees what both ends have done with. */
static bool collect(struct gate_session *session)
{
	struct exchange **link = &session->exchanges;
	bool moved = false;

	while (*link) {
		struct exchange *exchange = *link;

		if (!exchange->front_done) {
			link = &exchange->next;
			continue;
		}
		back_cancel(session, exchange);
		back_consumed(session, exchange, exchange->down.length);
		*link = exchange->next;
		exchange_free(exchange);
		session->exchanges_count--;
		moved = true;
	}
	return moved;
}

void gate_session_run(struct gate_session *session, uint64_t now)
{
	bool moved;

	session->now = now;
	do {
		session->wake_at = 0;
		moved = pump_front(session);
		moved = route_pump(session) || moved;
		moved = upstream_pump(session) || moved;
		moved = collect(session) || moved;
	} while (moved && !session->waste);
}

unsigned int gate_session_wants(const struct gate_session *session)
{
	unsigned int wants = 0;

	if (session->waste)
		return GATE_WANT_RESET;
	if (session->upstream_stage == UPSTREAM_ASKED)
		wants |= GATE_WANT_OPEN;
	if (session->upstream_stage == UPSTREAM_CLOSING && !session->upstream_gone)
		wants |= GATE_WANT_CLOSE_UPSTREAM;
	if (session->client.ended)
		wants |= session->reset ? GATE_WANT_RESET : GATE_WANT_CLOSE;
	return wants;
}

uint64_t gate_session_wake_at(const struct gate_session *session)
{
	return session->wake_at;
}

const char *gate_session_name(const struct gate_session *session)
{
	return session->name;
}
