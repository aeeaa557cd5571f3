/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/gate/http1.h"

/* Reads `text` in pieces of `piece` bytes, content into `content`. Bytes used, or -EBADMSG. */
static long read_body(struct http1_body *body, const char *text, size_t piece, char *content)
{
	size_t length = strlen(text), at = 0;

	while (at < length && !body->complete) {
		size_t there = length - at < piece ? length - at : piece, used, got;

		if (http1_body_read(body, (const uint8_t *)text + at, there, 3, &used, &got) < 0)
			return -EBADMSG;
		memcpy(content, text + at + used - got, got);
		content += got;
		at += used;
		if (used == 0)
			break;
	}
	*content = '\0';
	return (long)at;
}

static void test_chunks(void **state)
{
	static const char text[] = "5\r\nhello\r\n1;name=value\r\n \r\n"
				   "0005\nworld\r\n0\r\nTrailer: x\r\n\r\nNEXT";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct http1_body body = {.framing = HTTP1_CHUNKED};
		char content[64];

		assert_int_equal(read_body(&body, text, piece, content), sizeof(text) - 5);
		assert_true(body.complete);
		assert_string_equal(content, "hello world");
	}
}

static void test_malformed_chunks(void **state)
{
	static const char *const cases[] = {
		"\r\n", "g\r\n",    "-1\r\n",	 "1\r\nab\r\n",	 "1\r\na\n",
		"1\rx", "0\r\n\rx", "1 1\r\nax", "0x1\r\na\r\n", "1000000000000000\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http1_body body = {.framing = HTTP1_CHUNKED};
		char content[64];

		if (read_body(&body, cases[i], 100, content) != -EBADMSG)
			fail_msg("case %zu is read as chunks", i);
	}
}

/* What is read over without being handed on is bounded. */
static void test_endless_trailers(void **state)
{
	struct http1_body body = {.framing = HTTP1_CHUNKED};
	size_t used, content, total = 0;
	int r;

	(void)state;
	r = http1_body_read(&body, (const uint8_t *)"0\r\n", 3, 10, &used, &content);
	for (; r == 0 && total < 100000; total += 3)
		r = http1_body_read(&body, (const uint8_t *)"a\r\n", 3, 10, &used, &content);
	assert_int_equal(r, -EBADMSG);
	assert_true(total < 20000);
}

static void test_length(void **state)
{
	struct http1_body body = {.framing = HTTP1_LENGTH, .left = 5};
	char content[16];

	(void)state;
	assert_int_equal(read_body(&body, "helloNEXT", 100, content), 5);
	assert_true(body.complete);
	assert_string_equal(content, "hello");
	body = (struct http1_body){.framing = HTTP1_UNTIL_CLOSE};
	assert_int_equal(read_body(&body, "hello", 100, content), 5);
	assert_false(body.complete);
}

static struct buffer out = {.limit = 300};

static const char *written(void)
{
	static char text[301];

	memcpy(text, buffer_front(&out), out.length);
	text[out.length] = '\0';
	buffer_drop(&out, out.length);
	return text;
}

static void add(struct message *message, const char *name, const char *value)
{
	assert_int_equal(message_add(message, name, strlen(name), value, strlen(value)), 0);
}

static void test_heads(void **state)
{
	struct message request = MESSAGE_EMPTY, response = MESSAGE_EMPTY;

	(void)state;
	message_keep(&request, "GET", 3, &request.method);
	message_keep(&request, "/a", 2, &request.target);
	message_keep(&request, "one.test", 8, &request.authority);
	add(&request, "host", "other");
	add(&request, "cookie", "a=1");
	add(&request, "Connection", "x-gone");
	add(&request, "X-Gone", "1");
	add(&request, "cookie", "b=2");
	add(&request, "Accept", "*/*");
	http1_write_head(&out, &request, &(struct http1_write){.chunked = true});
	assert_string_equal(written(), "GET /a HTTP/1.1\r\nHost: one.test\r\ncookie: a=1; b=2\r\n"
				       "Accept: */*\r\nTransfer-Encoding: chunked\r\n\r\n");
	response.status = 409;
	add(&response, "Content-Length", "12");
	message_keep(&response, "No", 2, &response.reason);
	http1_write_head(&out, &response, &(struct http1_write){.close = true});
	assert_string_equal(written(),
			    "HTTP/1.1 409 No\r\nContent-Length: 12\r\nConnection: close\r\n\r\n");
	http1_write_head(&out, &response, &(struct http1_write){.no_length = true});
	assert_string_equal(written(), "HTTP/1.1 409 No\r\n\r\n");
	for (int i = 0; i < 20; i++)
		add(&response, "X-Filler", "0123456789");
	assert_int_equal(http1_write_head(&out, &response, &(struct http1_write){0}), -ENOBUFS);
	assert_int_equal(out.length, 0);
	message_free(&request);
	message_free(&response);
}

static void test_written_chunks(void **state)
{
	(void)state;
	assert_int_equal(http1_write_chunk(&out, "hello world, hello", 18), 0);
	assert_int_equal(http1_write_chunk(&out, NULL, 0), 0);
	assert_string_equal(written(), "12\r\nhello world, hello\r\n0\r\n\r\n");
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_malformed_chunks),
		cmocka_unit_test(test_endless_trailers),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_written_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
