/* SPDX-License-Identifier: Apache-2.0 */
/* h2 on both sides of a session, by nghttp2 in the part of the client and of the server. TLS, which
 * would choose the protocol, is left out: the test does. */
#include "tests/unit/check.h"

#include <errno.h>

#include <nghttp2/nghttp2.h>

#include "kernel/contract.h"
#include "tests/unit/gate/bench.h"
#include "user/base/cleanup.h"
#include "user/gate/session_parts.h"

enum { STREAMS = 8 };

/* What one side of the test has seen of a stream. */
struct stream {
	int32_t id;
	char head[512]; /* "name: value\n" lines */
	char trailers[128];
	size_t body;
	bool head_over, ended, closed;
	uint32_t error;
};

struct end {
	enum gate_side side;
	nghttp2_session *http2;
	struct stream streams[STREAMS];
	size_t to_send; /* of the bodies that it sends */
};

static const char *const blocked_paths[] = {"/blocked"};
static const struct gate_rule blocked = {.paths = blocked_paths,
					 .paths_count = 1,
					 .share = FAULT_SHARE_ALWAYS,
					 .status = 409,
					 .headers = "X-Code: No\r\n",
					 .body = "<Error/>",
					 .body_length = 8};
static struct bench bench;
static struct end client, server;

static struct stream *stream_of(struct end *end, int32_t id)
{
	for (size_t i = 0; i < STREAMS; i++) {
		if (end->streams[i].id == 0)
			end->streams[i].id = id;
		if (end->streams[i].id == id)
			return &end->streams[i];
	}
	fail_msg("too many streams");
	return NULL;
}

static int on_header(nghttp2_session *http2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
		     void *context)
{
	struct stream *stream = stream_of(context, frame->hd.stream_id);
	char *text = stream->head_over ? stream->trailers : stream->head;
	size_t size = stream->head_over ? sizeof(stream->trailers) : sizeof(stream->head);

	(void)http2;
	(void)name_length;
	(void)value_length;
	(void)flags;
	snprintf(text + strlen(text), size - strlen(text), "%s: %s\n", (const char *)name,
		 (const char *)value);
	return 0;
}

static int on_frame(nghttp2_session *http2, const nghttp2_frame *frame, void *context)
{
	struct stream *stream;

	(void)http2;
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	stream = stream_of(context, frame->hd.stream_id);
	stream->head_over = true;
	stream->ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	return 0;
}

static int on_data(nghttp2_session *http2, uint8_t flags, int32_t id, const uint8_t *bytes,
		   size_t length, void *context)
{
	(void)http2;
	(void)flags;
	(void)bytes;
	stream_of(context, id)->body += length;
	return 0;
}

static int on_close(nghttp2_session *http2, int32_t id, uint32_t error, void *context)
{
	struct stream *stream = stream_of(context, id);

	(void)http2;
	stream->closed = true;
	stream->error = error;
	return 0;
}

static void start(struct end *end, enum gate_side side)
{
	nghttp2_session_callbacks *callbacks;

	*end = (struct end){.side = side};
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	if (side == GATE_CLIENT)
		nghttp2_session_client_new(&end->http2, callbacks, end);
	else
		nghttp2_session_server_new(&end->http2, callbacks, end);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(end->http2, NGHTTP2_FLAG_NONE, NULL, 0);
}

/* Carries what there is between one end and the session; whether there was anything. */
static bool carry(struct end *end)
{
	const uint8_t *out;
	uint8_t in[8192];
	bool moved = false;
	ssize_t length;
	size_t got;

	while (gate_session_room(bench.session, end->side) > 20000 &&
	       (length = nghttp2_session_mem_send(end->http2, &out)) > 0) {
		assert_int_equal(gate_session_feed(bench.session, end->side, out, (size_t)length),
				 length);
		moved = true;
	}
	bench_run(&bench);
	while ((got = gate_session_take(bench.session, end->side, in, sizeof(in))) > 0) {
		assert_int_equal(nghttp2_session_mem_recv(end->http2, in, got), got);
		moved = true;
	}
	return moved;
}

static void settle(void)
{
	bool moved;

	do {
		moved = carry(&client);
		if (server.http2)
			moved = carry(&server) || moved;
	} while (moved);
}

static void open_all(const struct gate_rule *rules, size_t count)
{
	bench_open(&bench, rules, count);
	bench.session->client.protocol = CHANNEL_HTTP2;
	assert_int_equal(front2_start(bench.session), 0);
	start(&client, GATE_CLIENT);
	server = (struct end){0};
	settle();
}

/* The session gets its connection to a server that speaks h2. */
static void connect_server(void)
{
	assert_true(gate_session_wants(bench.session) & GATE_WANT_OPEN);
	gate_session_upstream_opened(bench.session);
	bench.session->upstream.protocol = CHANNEL_HTTP2;
	start(&server, GATE_UPSTREAM);
	settle();
}

static void close_all(void)
{
	nghttp2_session_del(client.http2);
	nghttp2_session_del(server.http2);
	bench_close(&bench);
}

static ssize_t give(nghttp2_session *http2, int32_t id, uint8_t *buffer, size_t size,
		    uint32_t *flags, nghttp2_data_source *source, void *context)
{
	struct end *end = context;

	(void)http2;
	(void)id;
	(void)source;
	if (size > end->to_send)
		size = end->to_send;
	memset(buffer, 'x', size);
	end->to_send -= size;
	if (end->to_send == 0)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)size;
}

#define NV(field, text)                                                                            \
	{                                                                                          \
		.name = (uint8_t *)(field), .value = (uint8_t *)(text),                            \
		.namelen = sizeof(field) - 1, .valuelen = strlen(text)                             \
	}

static int32_t ask(const char *method, const char *path, size_t body)
{
	const nghttp2_nv fields[] = {
		NV(":method", method), NV(":scheme", "https"), NV(":authority", "one.test"),
		NV(":path", path),     NV("te", "trailers"),   NV("cookie", "a=1"),
		NV("x-mine", "1")};
	const nghttp2_data_provider provider = {.read_callback = give};
	int32_t id;

	client.to_send = body;
	id = nghttp2_submit_request(client.http2, NULL, fields, ARRAY_SIZE(fields),
				    body ? &provider : NULL, NULL);
	settle();
	return id;
}

static void respond(int32_t id, size_t body)
{
	const nghttp2_nv fields[] = {NV(":status", "200"), NV("x-served-by", "real")};
	const nghttp2_data_provider provider = {.read_callback = give};

	server.to_send = body;
	nghttp2_submit_response(server.http2, id, fields, ARRAY_SIZE(fields),
				body ? &provider : NULL);
	settle();
}

#define OWN_HEAD                                                                                   \
	":scheme: https\n:authority: one.test\n:path: /own\ncookie: a=1\nx-mine: 1\n"              \
	"te: trailers\n"

static void test_answers(void **state)
{
	(void)state;
	open_all(&blocked, 1);
	for (int i = 0; i < 5; i++) {
		struct stream *stream = stream_of(&client, ask("GET", "/blocked", 0));

		assert_string_equal(stream->head, ":status: 409\nx-code: No\ncontent-length: 8\n");
		assert_int_equal(stream->body, 8);
		assert_true(stream->closed);
		assert_int_equal(stream->error, NGHTTP2_NO_ERROR);
	}
	assert_int_equal(bench.session->exchanges_count, 0);
	assert_int_equal(bench.counts[GATE_EVENT_ANSWERED], 5);
	close_all();
}

static void test_forwards(void **state)
{
	struct stream *asked, *seen;
	int32_t id;

	(void)state;
	open_all(&blocked, 1);
	id = ask("GET", "/own", 0);
	connect_server();
	seen = stream_of(&server, 1);
	assert_string_equal(seen->head, ":method: GET\n" OWN_HEAD);
	assert_true(seen->ended);
	respond(1, 1000000);
	asked = stream_of(&client, id);
	assert_string_equal(asked->head, ":status: 200\nx-served-by: real\n");
	assert_int_equal(asked->body, 1000000);
	assert_true(asked->closed);
	assert_int_equal(asked->error, NGHTTP2_NO_ERROR);
	close_all();
}

static void test_uploads(void **state)
{
	int32_t id;

	(void)state;
	open_all(&blocked, 1);
	/* To the server: more than any window. */
	id = ask("POST", "/own", 1000000);
	connect_server();
	assert_int_equal(stream_of(&server, 1)->body, 1000000);
	assert_true(stream_of(&server, 1)->ended);
	respond(1, 0);
	assert_true(stream_of(&client, id)->closed);
	/* To a rule: read and dropped, over and over on one connection. */
	for (int i = 0; i < 3; i++) {
		id = ask("POST", "/blocked", 300000);
		assert_true(stream_of(&client, id)->closed);
		assert_int_equal(client.to_send, 0);
	}
	close_all();
}

static ssize_t give_then_trail(nghttp2_session *http2, int32_t id, uint8_t *buffer, size_t size,
			       uint32_t *flags, nghttp2_data_source *source, void *context)
{
	const nghttp2_nv fields[] = {NV("grpc-status", "0")};

	(void)size;
	(void)source;
	(void)context;
	memset(buffer, 'x', 3);
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	nghttp2_submit_trailer(http2, id, fields, ARRAY_SIZE(fields));
	return 3;
}

static void test_trailers(void **state)
{
	const nghttp2_nv early[] = {NV(":status", "103")};
	const nghttp2_nv fields[] = {NV(":status", "200")};
	const nghttp2_data_provider provider = {.read_callback = give_then_trail};
	struct stream *asked;

	(void)state;
	open_all(NULL, 0);
	asked = stream_of(&client, ask("POST", "/grpc", 10));
	connect_server();
	nghttp2_submit_headers(server.http2, NGHTTP2_FLAG_NONE, 1, NULL, early, 1, NULL);
	nghttp2_submit_response(server.http2, 1, fields, 1, &provider);
	settle();
	assert_string_equal(asked->head, ":status: 200\n");
	assert_string_equal(asked->trailers, "grpc-status: 0\n");
	assert_int_equal(asked->body, 3);
	assert_true(asked->closed);
	close_all();
}

static void test_server_refuses_and_goes(void **state)
{
	int32_t id;

	(void)state;
	open_all(NULL, 0);
	id = ask("GET", "/own", 0);
	connect_server();
	/* It has not looked at the stream: it is asked again, on a new connection. */
	nghttp2_submit_goaway(server.http2, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
	settle();
	assert_false(stream_of(&client, id)->closed);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE_UPSTREAM);
	gate_session_upstream_closed(bench.session);
	bench_run(&bench);
	nghttp2_session_del(server.http2);
	connect_server();
	respond(1, 10);
	assert_int_equal(stream_of(&client, id)->body, 10);
	assert_true(stream_of(&client, id)->closed);
	close_all();
}

static void test_server_breaks_off(void **state)
{
	const nghttp2_nv fields[] = {NV(":status", "200")};
	int32_t whole, none, half;

	(void)state;
	open_all(NULL, 0);
	whole = ask("GET", "/a", 0);
	none = ask("GET", "/b", 0);
	half = ask("GET", "/c", 0);
	connect_server();
	respond(1, 10);
	nghttp2_submit_headers(server.http2, NGHTTP2_FLAG_NONE, 5, NULL, fields, 1, NULL);
	settle();
	gate_session_upstream_closed(bench.session);
	settle();
	assert_int_equal(stream_of(&client, whole)->error, NGHTTP2_NO_ERROR);
	assert_int_equal(stream_of(&client, half)->error, NGHTTP2_INTERNAL_ERROR);
	/* Nothing had come of it, on a connection that had been good: once more. */
	assert_false(stream_of(&client, none)->closed);
	nghttp2_session_del(server.http2);
	connect_server();
	gate_session_upstream_closed(bench.session);
	settle();
	assert_memory_equal(stream_of(&client, none)->head, ":status: 502\n", 13);
	assert_int_equal(bench.counts[GATE_EVENT_UPSTREAM_FAILED], 2);
	close_all();
}

/* The client resets streams in every state; nothing of them stays. */
static void test_client_cancels(void **state)
{
	static const char *const paths[] = {"/own", "/own", "/blocked"};

	(void)state;
	open_all(&blocked, 1);
	ask("GET", "/own", 0);
	connect_server();
	for (size_t i = 0; i < 300; i++) {
		const nghttp2_nv fields[] = {NV(":method", "POST"), NV(":scheme", "https"),
					     NV(":authority", "one.test"),
					     NV(":path", paths[i % 3])};
		const nghttp2_data_provider provider = {.read_callback = give};
		int32_t id;

		client.to_send = 5000;
		id = nghttp2_submit_request(client.http2, NULL, fields, ARRAY_SIZE(fields),
					    &provider, NULL);
		for (size_t k = 0; k < i % 4; k++)
			carry(k % 2 ? &server : &client);
		nghttp2_submit_rst_stream(client.http2, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
		memset(client.streams, 0, sizeof(client.streams));
		memset(server.streams, 0, sizeof(server.streams));
		settle();
		memset(server.streams, 0, sizeof(server.streams));
	}
	assert_int_equal(bench.session->exchanges_count, 1);
	respond(1, 100000);
	assert_int_equal(stream_of(&client, 1)->body, 100000);
	assert_int_equal(bench.session->exchanges_count, 0);
	close_all();
}

/* h2 for the client, HTTP/1.1 for the server. */
static void test_mixed(void **state)
{
	struct stream *one, *two;

	(void)state;
	open_all(NULL, 0);
	one = stream_of(&client, ask("POST", "/own", 5));
	two = stream_of(&client, ask("HEAD", "/own", 0));
	gate_session_upstream_opened(bench.session);
	bench_run(&bench);
	assert_string_equal(bench_take(&bench, GATE_UPSTREAM),
			    "POST /own HTTP/1.1\r\nHost: one.test\r\ncookie: a=1\r\nx-mine: 1\r\n"
			    "Transfer-Encoding: chunked\r\n\r\n5\r\nxxxxx\r\n0\r\n\r\n");
	bench_feed(&bench, GATE_UPSTREAM,
		   "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: "
		   "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	settle();
	assert_string_equal(one->head, ":status: 200\nx-a: b\n");
	assert_int_equal(one->body, 3);
	assert_true(one->closed);
	assert_string_equal(
		bench_take(&bench, GATE_UPSTREAM),
		"HEAD /own HTTP/1.1\r\nHost: one.test\r\ncookie: a=1\r\nx-mine: 1\r\n\r\n");
	bench_feed(&bench, GATE_UPSTREAM, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
	settle();
	assert_string_equal(two->head, ":status: 200\ncontent-length: 99\n");
	assert_int_equal(two->body, 0);
	assert_true(two->closed);
	close_all();
}

static void test_finish(void **state)
{
	int32_t id;

	(void)state;
	open_all(NULL, 0);
	id = ask("GET", "/own", 0);
	connect_server();
	gate_session_finish(bench.session);
	settle();
	assert_false(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	assert_int_equal(nghttp2_session_check_request_allowed(client.http2), 0);
	respond(1, 10);
	assert_true(stream_of(&client, id)->closed);
	assert_int_equal(stream_of(&client, id)->body, 10);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	close_all();
}

static void test_not_http2(void **state)
{
	(void)state;
	open_all(NULL, 0);
	nghttp2_session_del(client.http2);
	client.http2 = NULL;
	bench_close(&bench);
	bench_open(&bench, NULL, 0);
	assert_int_equal(front2_start(bench.session), 0);
	bench_feed(&bench, GATE_CLIENT, "GET / HTTP/1.1\r\nHost: one.test\r\n\r\n");
	bench_take(&bench, GATE_CLIENT);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_forwards),
		cmocka_unit_test(test_uploads),
		cmocka_unit_test(test_trailers),
		cmocka_unit_test(test_server_refuses_and_goes),
		cmocka_unit_test(test_server_breaks_off),
		cmocka_unit_test(test_client_cancels),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_finish),
		cmocka_unit_test(test_not_http2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
