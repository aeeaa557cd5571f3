/* SPDX-License-Identifier: Apache-2.0 */
/* A session without TLS between a client and a server that a test plays byte by byte. */
#ifndef TESTS_UNIT_GATE_BENCH_H
#define TESTS_UNIT_GATE_BENCH_H

#include <string.h>

#include "user/base/clock.h"
#include "user/gate/session.h"

struct bench {
	struct gate_session *session;
	uint64_t now;
	uint64_t counts[GATE_EVENT_COUNT];
	bool denies; /* no rule is admitted */
};

static inline bool bench_admit(void *context, uint32_t rule, uint64_t now, uint64_t *ret_delay_ns)
{
	const struct bench *bench = context;

	(void)rule;
	(void)now;
	(void)ret_delay_ns;
	return !bench->denies;
}

static inline void bench_count(void *context, enum gate_event event, uint32_t rule)
{
	struct bench *bench = context;

	(void)rule;
	bench->counts[event]++;
}

static inline void bench_options(struct bench *bench, const struct gate_rule *rules, size_t count,
				 struct gate_session_options *ret_options)
{
	*ret_options = (struct gate_session_options){
		.rules = rules,
		.rules_count = count,
		.seed = 1,
		.host = {.context = bench, .admit = bench_admit, .count = bench_count},
	};
}

static inline void bench_open(struct bench *bench, const struct gate_rule *rules, size_t count)
{
	struct gate_session_options options;
	struct failure failure;

	*bench = (struct bench){.now = NS_PER_S};
	bench_options(bench, rules, count, &options);
	assert_int_equal(gate_session_new(&options, bench->now, &bench->session, &failure), 0);
}

static inline void bench_run(struct bench *bench)
{
	gate_session_run(bench->session, bench->now);
}

static inline void bench_close(struct bench *bench)
{
	gate_session_free(bench->session);
	bench->session = NULL;
}

/* Feeds all of it, which must fit, and runs. */
static inline void bench_feed(struct bench *bench, enum gate_side side, const char *text)
{
	size_t length = strlen(text);

	assert_int_equal(gate_session_feed(bench->session, side, text, length), length);
	bench_run(bench);
}

/* Takes and runs until nothing is left; the last 65535 bytes stay. */
static inline const char *bench_take(struct bench *bench, enum gate_side side)
{
	static char texts[GATE_SIDE_COUNT][65536];
	char *text = texts[side];
	size_t used = 0, got;

	while ((got = gate_session_take(bench->session, side, text + used,
					sizeof(texts[side]) - 1 - used)) > 0) {
		used += got;
		bench_run(bench);
	}
	text[used] = '\0';
	return text;
}

/* The session asks for a connection to the server, and gets it. */
static inline void bench_connect(struct bench *bench)
{
	assert_true(gate_session_wants(bench->session) & GATE_WANT_OPEN);
	gate_session_upstream_opened(bench->session);
	bench_run(bench);
	assert_false(gate_session_wants(bench->session) & GATE_WANT_OPEN);
}

/* The session asks for its end, and gets it. */
static inline void bench_disconnect(struct bench *bench)
{
	assert_true(gate_session_wants(bench->session) & GATE_WANT_CLOSE_UPSTREAM);
	gate_session_upstream_closed(bench->session);
	bench_run(bench);
}

#endif
