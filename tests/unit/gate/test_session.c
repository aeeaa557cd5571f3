/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>

#include "kernel/contract.h"
#include "tests/unit/gate/bench.h"
#include "user/base/cleanup.h"

#define GET(path)	   "GET " path " HTTP/1.1\r\nHost: one.test\r\n\r\n"
#define POST(path, fields) "POST " path " HTTP/1.1\r\nHost: one.test\r\n" fields "\r\n"
#define SMALL		   "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

static const char *const blocked_paths[] = {"/a/", "/b"};
static const struct gate_rule blocked = {
	.rule = 7,
	.paths = blocked_paths,
	.paths_count = 2,
	.share = FAULT_SHARE_ALWAYS,
	.status = 409,
	.reason = "Public access is not permitted",
	.headers = "x-ms-error-code: PublicAccessNotPermitted\r\n",
	.body = "<Error/>",
	.body_length = 8,
};
#define BLOCKED                                                                                    \
	"HTTP/1.1 409 Public access is not permitted\r\n"                                          \
	"x-ms-error-code: PublicAccessNotPermitted\r\nContent-Length: 8\r\n"

static struct bench bench;

static void check_client(const char *text)
{
	assert_string_equal(bench_take(&bench, GATE_CLIENT), text);
}

static void check_server(const char *text)
{
	assert_string_equal(bench_take(&bench, GATE_UPSTREAM), text);
}

static void test_answer(void **state)
{
	(void)state;
	bench_open(&bench, &blocked, 1);
	bench_feed(&bench, GATE_CLIENT, GET("/a/x") GET("/bcd"));
	check_client(BLOCKED "\r\n<Error/>" BLOCKED "\r\n<Error/>");
	bench_feed(&bench, GATE_CLIENT, "HEAD /b HTTP/1.1\r\nHost: one.test\r\n\r\n");
	check_client(BLOCKED "\r\n");
	bench_feed(&bench, GATE_CLIENT, "GET /b HTTP/1.0\r\n\r\n");
	check_client(BLOCKED "Connection: close\r\n\r\n<Error/>");
	assert_int_equal(gate_session_wants(bench.session), GATE_WANT_CLOSE);
	assert_int_equal(bench.counts[GATE_EVENT_ANSWERED], 4);
	assert_int_equal(bench.counts[GATE_EVENT_FORWARDED], 0);
	bench_close(&bench);
}

static void test_forward(void **state)
{
	(void)state;
	bench_open(&bench, &blocked, 1);
	/* The second one is answered here, but behind the first. */
	bench_feed(&bench, GATE_CLIENT, GET("/a") GET("/b"));
	check_client("");
	bench_connect(&bench);
	check_server(GET("/a"));
	bench_feed(&bench, GATE_UPSTREAM,
		   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
		   "Content-Length: 3\r\nX: y\r\nConnection: x-z\r\nX-Z: 1\r\n\r\na");
	check_client("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 3\r\n\r\na");
	bench_feed(&bench, GATE_UPSTREAM, "bc");
	check_client("bc" BLOCKED "\r\n<Error/>");
	/* The next one goes over the same connection. */
	bench_feed(&bench, GATE_CLIENT, GET("/c"));
	assert_int_equal(gate_session_wants(bench.session), 0);
	check_server(GET("/c"));
	bench_feed(&bench, GATE_UPSTREAM,
		   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	check_client("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	assert_int_equal(bench.counts[GATE_EVENT_FORWARDED], 2);
	gate_session_client_closed(bench.session);
	bench_run(&bench);
	assert_int_equal(gate_session_wants(bench.session), GATE_WANT_CLOSE);
	bench_close(&bench);
}

static void test_matching(void **state)
{
	static const char *const paths[] = {"/p?q"};
	static const struct gate_rule rules[] = {
		{.methods = 1U << FAULT_METHOD_PUT, .share = FAULT_SHARE_ALWAYS, .status = 201},
		{.paths = paths, .paths_count = 1, .share = FAULT_SHARE_ALWAYS, .status = 202},
		{.share = 0, .status = 203},
	};
	static const struct {
		const char *line;
		bool answered;
	} cases[] = {
		{"PUT / HTTP/1.1\r\nHost: a\r\n\r\n", true},
		{"put / HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /p?q=1 HTTP/1.1\r\nHost: a\r\n\r\n", true},
		{"GET http://a/p?q=1 HTTP/1.1\r\nHost: b\r\n\r\n", true},
		{"GET /P?q=1 HTTP/1.1\r\nHost: a\r\n\r\n", false},
		{"GET /p HTTP/1.1\r\nHost: a\r\n\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bench_open(&bench, rules, ARRAY_SIZE(rules));
		bench_feed(&bench, GATE_CLIENT, cases[i].line);
		assert_int_equal(bench.counts[GATE_EVENT_ANSWERED], cases[i].answered);
		assert_int_equal(bench.counts[GATE_EVENT_FORWARDED], !cases[i].answered);
		bench_close(&bench);
	}
}

static void test_share_and_admission(void **state)
{
	static const struct gate_rule half = {.share = FAULT_SHARE_ALWAYS / 2, .status = 204};

	(void)state;
	bench_open(&bench, &half, 1);
	for (int i = 0; i < 1000; i++) {
		bench_feed(&bench, GATE_CLIENT, GET("/"));
		if (gate_session_wants(bench.session) & GATE_WANT_OPEN)
			gate_session_upstream_failed(bench.session, -ECONNREFUSED);
		bench_run(&bench);
		bench_take(&bench, GATE_CLIENT);
	}
	assert_in_range(bench.counts[GATE_EVENT_ANSWERED], 450, 550);
	bench_close(&bench);
	bench_open(&bench, &blocked, 1);
	bench.denies = true;
	bench_feed(&bench, GATE_CLIENT, GET("/a/"));
	assert_int_equal(bench.counts[GATE_EVENT_FORWARDED], 1);
	bench_close(&bench);
}

static void test_expect(void **state)
{
	(void)state;
	bench_open(&bench, &blocked, 1);
	bench_feed(&bench, GATE_CLIENT,
		   POST("/c", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
	check_client("HTTP/1.1 100 Continue\r\n\r\n");
	bench_connect(&bench);
	bench_feed(&bench, GATE_CLIENT, "abc");
	check_server(POST("/c", "Content-Length: 3\r\n") "abc");
	bench_feed(&bench, GATE_UPSTREAM, SMALL);
	check_client(SMALL);
	/* Answered at once: whether the body still comes cannot be known. */
	bench_feed(&bench, GATE_CLIENT,
		   POST("/b", "Expect: 100-continue\r\nContent-Length: 3\r\n"));
	check_client(BLOCKED "Connection: close\r\n\r\n<Error/>");
	assert_int_equal(gate_session_wants(bench.session), GATE_WANT_CLOSE);
	bench_close(&bench);
}

/* A body that nobody wants is read and dropped, and the connection goes on. */
static void test_swallowed_body(void **state)
{
	static char zeros[1001];

	(void)state;
	memset(zeros, '0', sizeof(zeros) - 1);
	bench_open(&bench, &blocked, 1);
	bench_feed(&bench, GATE_CLIENT, POST("/b", "Content-Length: 300000\r\n"));
	check_client(BLOCKED "\r\n<Error/>");
	for (int i = 0; i < 300; i++)
		bench_feed(&bench, GATE_CLIENT, zeros);
	bench_feed(&bench, GATE_CLIENT, GET("/b"));
	check_client(BLOCKED "\r\n<Error/>");
	bench_close(&bench);
}

static void test_chunked_upload(void **state)
{
	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT,
		   POST("/c", "Transfer-Encoding: chunked\r\n") "3;x\r\nabc\r\n");
	bench_connect(&bench);
	check_server(POST("/c", "Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n");
	bench_feed(&bench, GATE_CLIENT, "2\r\nde\r\n0\r\nTrailer: x\r\n\r\n");
	check_server("2\r\nde\r\n0\r\n\r\n");
	/* Sent as a body of unknown length, it ends with the connection: chunks for the client. */
	bench_feed(&bench, GATE_UPSTREAM, "HTTP/1.0 200 OK\r\n\r\nab");
	check_client("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
	gate_session_upstream_closed(bench.session);
	bench_run(&bench);
	check_client("0\r\n\r\n");
	bench_close(&bench);
}

static void test_server_ends(void **state)
{
	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	bench_connect(&bench);
	check_server(GET("/"));
	bench_feed(&bench, GATE_UPSTREAM,
		   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	check_client("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	bench_disconnect(&bench);
	/* A new connection for the next; it is kept, and ends as a request is on its way. */
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	bench_connect(&bench);
	check_server(GET("/"));
	bench_feed(&bench, GATE_UPSTREAM, SMALL);
	check_client(SMALL);
	bench_feed(&bench, GATE_CLIENT, GET("/again"));
	check_server(GET("/again"));
	gate_session_upstream_closed(bench.session);
	bench_run(&bench);
	bench_connect(&bench);
	check_server(GET("/again"));
	/* Ended on a new connection, it is an error. */
	gate_session_upstream_closed(bench.session);
	bench_run(&bench);
	assert_non_null(strstr(bench_take(&bench, GATE_CLIENT), "HTTP/1.1 502 Bad Gateway\r\n"));
	assert_int_equal(bench.counts[GATE_EVENT_UPSTREAM_FAILED], 1);
	assert_int_equal(gate_session_wants(bench.session), 0);
	bench_close(&bench);
}

static void test_server_breaks_off(void **state)
{
	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	bench_connect(&bench);
	check_server(GET("/"));
	bench_feed(&bench, GATE_UPSTREAM, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	gate_session_upstream_closed(bench.session);
	bench_run(&bench);
	check_client("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	assert_int_equal(gate_session_wants(bench.session), GATE_WANT_RESET);
	bench_close(&bench);
}

static void test_server_speaks_nonsense(void **state)
{
	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	bench_connect(&bench);
	bench_feed(&bench, GATE_UPSTREAM, "220 mail.test ESMTP\r\n\r\n");
	check_client("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\n"
		     "Faultd-Gate: the real server cannot be asked: its response is no HTTP/1.1\r\n"
		     "Content-Length: 69\r\n\r\n"
		     "faultd: the real server cannot be asked: its response is no HTTP/1.1\n");
	bench_close(&bench);
}

static void test_server_unreachable(void **state)
{
	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, GET("/") GET("/"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gate_session_wants(bench.session), GATE_WANT_OPEN);
		gate_session_upstream_failed(bench.session, -ECONNREFUSED);
		bench_run(&bench);
		assert_non_null(strstr(bench_take(&bench, GATE_CLIENT),
				       "cannot be asked: Connection refused\n"));
	}
	assert_int_equal(bench.counts[GATE_EVENT_UPSTREAM_FAILED], 2);
	bench_close(&bench);
}

static void test_bad_requests(void **state)
{
	static const struct {
		const char *text, *status;
	} cases[] = {
		{"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
		{"CONNECT one.test:443 HTTP/1.1\r\nHost: one.test\r\n\r\n",
		 "HTTP/1.1 501 Not Implemented\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bench_open(&bench, NULL, 0);
		bench_feed(&bench, GATE_CLIENT, cases[i].text);
		assert_memory_equal(bench_take(&bench, GATE_CLIENT), cases[i].status,
				    strlen(cases[i].status));
		bench_close(&bench);
	}
}

/* The client goes in the middle of its request, or of the response. */
static void test_client_goes(void **state)
{
	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, POST("/", "Content-Length: 10\r\n") "abc");
	bench_connect(&bench);
	gate_session_client_closed(bench.session);
	bench_run(&bench);
	bench_run(&bench);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE_UPSTREAM);
	bench_close(&bench);
}

static void test_delay(void **state)
{
	static const struct gate_rule late = {
		.share = FAULT_SHARE_ALWAYS, .status = 503, .delay_ns = 300 * NS_PER_MS};

	(void)state;
	bench_open(&bench, &late, 1);
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	check_client("");
	assert_int_equal(gate_session_wake_at(bench.session), bench.now + 300 * NS_PER_MS);
	bench.now += 300 * NS_PER_MS - 1;
	bench_run(&bench);
	check_client("");
	bench.now += 1;
	bench_run(&bench);
	check_client("HTTP/1.1 503 \r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(gate_session_wake_at(bench.session), 0);
	bench_close(&bench);
}

/* 1,000 bytes a second: what came at any time is what is due, to a drop of 51 bytes. */
static void test_drip(void **state)
{
	static char body[2000];
	const struct gate_rule slow = {.share = FAULT_SHARE_ALWAYS,
				       .status = 200,
				       .body = body,
				       .body_length = sizeof(body),
				       .drip_rate = 1000};
	uint64_t started;
	size_t got = 0;

	(void)state;
	memset(body, 'x', sizeof(body));
	bench_open(&bench, &slow, 1);
	started = bench.now;
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	check_client("HTTP/1.1 200 \r\nContent-Length: 2000\r\n\r\n");
	while (got < sizeof(body)) {
		uint64_t due;

		assert_true(gate_session_wake_at(bench.session) > bench.now);
		bench.now = gate_session_wake_at(bench.session);
		bench_run(&bench);
		got += strlen(bench_take(&bench, GATE_CLIENT));
		due = (bench.now - started) / NS_PER_MS;
		assert_in_range(got, due - 1, due + 1);
	}
	assert_in_range(bench.now - started, 2 * NS_PER_S, 2 * NS_PER_S + NS_PER_MS);
	bench_close(&bench);
}

/* Neither a client that does not read nor a server that does not costs memory without bound. */
static void test_back_pressure(void **state)
{
	static char zeros[4096];
	size_t fed = 0, got;

	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	bench_connect(&bench);
	bench_feed(&bench, GATE_UPSTREAM, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
	while ((got = gate_session_feed(bench.session, GATE_UPSTREAM, zeros, sizeof(zeros))) > 0) {
		fed += got;
		bench_run(&bench);
	}
	assert_in_range(fed, 65536, 262144);
	assert_int_equal(gate_session_room(bench.session, GATE_UPSTREAM), 0);
	/* It goes on when the client reads. */
	assert_int_equal(gate_session_take(bench.session, GATE_CLIENT, zeros, sizeof(zeros)),
			 sizeof(zeros));
	for (int i = 0; i < 30; i++) {
		gate_session_take(bench.session, GATE_CLIENT, zeros, sizeof(zeros));
		bench_run(&bench);
	}
	assert_true(gate_session_room(bench.session, GATE_UPSTREAM) > 0);
	bench_close(&bench);

	fed = 0;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, POST("/", "Content-Length: 10000000\r\n"));
	bench_connect(&bench);
	while ((got = gate_session_feed(bench.session, GATE_CLIENT, zeros, sizeof(zeros))) > 0) {
		fed += got;
		bench_run(&bench);
	}
	assert_in_range(fed, 65536, 262144);
	bench_close(&bench);
}

static void test_tunnel(void **state)
{
	static const char request[] = "GET /socket HTTP/1.1\r\nHost: one.test\r\n"
				      "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
	static const char response[] = "HTTP/1.1 101 Switching Protocols\r\n"
				       "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, request);
	bench_connect(&bench);
	check_server(request);
	bench_feed(&bench, GATE_UPSTREAM, response);
	check_client(response);
	bench_feed(&bench, GATE_UPSTREAM, "from the server");
	check_client("from the server");
	bench_feed(&bench, GATE_CLIENT, "GET / from the client");
	check_server("GET / from the client");
	gate_session_upstream_closed(bench.session);
	bench_run(&bench);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	bench_close(&bench);
	/* A server that says no goes on with HTTP; one that was not asked makes no sense. */
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, request);
	bench_connect(&bench);
	bench_feed(&bench, GATE_UPSTREAM, SMALL);
	check_client(SMALL);
	bench_feed(&bench, GATE_CLIENT, GET("/"));
	bench_feed(&bench, GATE_UPSTREAM, response);
	assert_memory_equal(bench_take(&bench, GATE_CLIENT), "HTTP/1.1 502 ", 13);
	bench_close(&bench);
}

static void test_finish(void **state)
{
	(void)state;
	bench_open(&bench, NULL, 0);
	bench_feed(&bench, GATE_CLIENT, GET("/") GET("/"));
	bench_connect(&bench);
	gate_session_finish(bench.session);
	bench_run(&bench);
	assert_int_equal(gate_session_wants(bench.session), 0);
	bench_feed(&bench, GATE_UPSTREAM, SMALL);
	check_client("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	bench_close(&bench);
	/* One that is idle ends at once. */
	bench_open(&bench, NULL, 0);
	gate_session_finish(bench.session);
	bench_run(&bench);
	bench_run(&bench);
	assert_int_equal(gate_session_wants(bench.session), GATE_WANT_CLOSE);
	bench_close(&bench);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(gate_event_name(GATE_EVENT_HANDSHAKE), "handshake");
	assert_string_equal(gate_event_name(GATE_EVENT_UPSTREAM_ASKS_CERTIFICATE),
			    "upstream-asks-certificate");
	assert_null(gate_event_name(GATE_EVENT_COUNT));
	gate_session_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_forward),
		cmocka_unit_test(test_matching),
		cmocka_unit_test(test_share_and_admission),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_swallowed_body),
		cmocka_unit_test(test_chunked_upload),
		cmocka_unit_test(test_server_ends),
		cmocka_unit_test(test_server_breaks_off),
		cmocka_unit_test(test_server_speaks_nonsense),
		cmocka_unit_test(test_server_unreachable),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_client_goes),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_drip),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
