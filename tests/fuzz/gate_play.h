/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays an input as what happens to a session of user/gate/: a byte says what, bytes of either side
 * follow as a length of two bytes and that many bytes. What must hold is checked after every step.
 */
#ifndef TESTS_FUZZ_GATE_PLAY_H
#define TESTS_FUZZ_GATE_PLAY_H

#include <errno.h>
#include <string.h>

#include "kernel/contract.h"
#include "tests/fuzz/fuzz.h"
#include "user/gate/session_parts.h"

enum play_step {
	PLAY_CLIENT = 0, /* bytes of the client */
	PLAY_UPSTREAM = 1,
	PLAY_TAKE_CLIENT = 2, /* what is for the client is taken */
	PLAY_TAKE_UPSTREAM = 3,
	PLAY_OPEN = 4, /* what the session asks for is done */
	PLAY_OPEN_HTTP2 = 5,
	PLAY_FAIL = 6,
	PLAY_UPSTREAM_ENDS = 7,
	PLAY_CLIENT_ENDS = 8,
	PLAY_LATER = 9, /* 50 ms */
	PLAY_FINISH = 10,
	PLAY_STEPS = 11,
};

/* More than a session may hold with 100 streams whose heads are long. */
#define PLAY_BYTES_MAX (16U << 20)

struct play {
	struct gate_session *session;
	uint64_t now;
	const uint8_t *data;
	size_t size;
};

static const char *const play_paths[] = {"/a"};
static const struct gate_rule play_rules[] = {
	{.paths = play_paths,
	 .paths_count = 1,
	 .share = FAULT_SHARE_ALWAYS / 2,
	 .status = 409,
	 .headers = "X-Path: ${path}\r\nX-Id: ${request-id}\r\n",
	 .body = "${method} ${host} ${path} ${none} ${",
	 .body_length = 36,
	 .expand = true,
	 .drip_rate = 500},
	{.methods = 1U << FAULT_METHOD_PUT, .share = FAULT_SHARE_ALWAYS, .delay_ns = 100000000},
};

static inline size_t play_held(const struct gate_session *session)
{
	size_t held = session->client.in.size + session->client.out.size +
		      session->upstream.in.size + session->upstream.out.size;

	for (const struct exchange *exchange = session->exchanges; exchange;
	     exchange = exchange->next)
		held += sizeof(*exchange) + exchange->request.size + exchange->response.size +
			exchange->trailers.size + exchange->up.size + exchange->down.size;
	return held;
}

static inline void play_check(const struct play *play)
{
	const struct gate_session *session = play->session;
	unsigned int wants = gate_session_wants(session);

	require(play_held(session) <= PLAY_BYTES_MAX, "memory is bounded");
	require(session->exchanges_count <= EXCHANGES_MAX, "exchanges are bounded");
	require(!session->waste, "a session does not give up while there is memory");
	require(!(wants & GATE_WANT_OPEN) || session->upstream_stage == UPSTREAM_ASKED,
		"a connection is asked for once");
	require(!session->wake_at || session->wake_at > play->now || session->client.ended,
		"nothing that is due is left");
}

static inline size_t play_number(struct play *play, size_t width)
{
	size_t value = 0;

	while (width-- && play->size > 0) {
		value = value << 8 | *play->data++;
		play->size--;
	}
	return value;
}

/* Feeds what there is room for; what does not fit is lost, as if the wire were. */
static inline void play_feed(struct play *play, enum gate_side side)
{
	size_t length = play_number(play, 2);

	if (length > play->size)
		length = play->size;
	while (length > 0) {
		size_t fed = gate_session_feed(play->session, side, play->data, length);

		require(fed <= length, "no more is fed than there is");
		gate_session_run(play->session, play->now);
		play->data += fed;
		play->size -= fed;
		length -= fed;
		if (fed == 0)
			break;
	}
	play->data += length;
	play->size -= length;
}

static inline void play_take(struct play *play, enum gate_side side)
{
	static uint8_t taken[8192];

	while (gate_session_take(play->session, side, taken, sizeof(taken)) > 0)
		gate_session_run(play->session, play->now);
}

static inline void play_step(struct play *play)
{
	struct gate_session *session = play->session;
	enum play_step step = (enum play_step)(play_number(play, 1) % PLAY_STEPS);

	switch (step) {
	case PLAY_CLIENT:
	case PLAY_UPSTREAM:
		play_feed(play, (enum gate_side)step);
		break;
	case PLAY_TAKE_CLIENT:
	case PLAY_TAKE_UPSTREAM:
		play_take(play, (enum gate_side)(step - PLAY_TAKE_CLIENT));
		break;
	case PLAY_OPEN:
	case PLAY_OPEN_HTTP2:
		if (!(gate_session_wants(session) & GATE_WANT_OPEN))
			break;
		gate_session_upstream_opened(session);
		if (step == PLAY_OPEN_HTTP2 && !session->upstream.ssl)
			session->upstream.protocol = CHANNEL_HTTP2;
		break;
	case PLAY_FAIL:
		gate_session_upstream_failed(session, -ECONNREFUSED);
		break;
	case PLAY_UPSTREAM_ENDS:
		gate_session_upstream_closed(session);
		break;
	case PLAY_CLIENT_ENDS:
		gate_session_client_closed(session);
		break;
	case PLAY_LATER:
		play->now += 50000000;
		break;
	case PLAY_FINISH:
	case PLAY_STEPS:
		gate_session_finish(session);
		break;
	}
	gate_session_run(session, play->now);
}

/* Plays the whole input on a session that was just made. */
static inline void play(struct gate_session *session, uint64_t now, const uint8_t *data,
			size_t size)
{
	struct play play = {.session = session, .now = now, .data = data, .size = size};

	gate_session_run(session, now);
	while (play.size > 0) {
		play_step(&play);
		play_check(&play);
	}
	gate_session_free(session);
}

/* A session whose client speaks in the clear. */
static inline struct gate_session *play_open(struct gate_trust *trust)
{
	const struct gate_session_options options = {
		.trust = trust,
		.name = "one.test",
		.rules = play_rules,
		.rules_count = sizeof(play_rules) / sizeof(play_rules[0]),
		.seed = 1,
	};
	struct gate_session *session;

	require(gate_session_new(&options, 1000000000, &session, NULL) == 0, "a session is made");
	return session;
}

#endif
