/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/gate/http1.h"

static struct message message = MESSAGE_EMPTY;
static struct http1_head head;

static int request(const char *text)
{
	size_t scanned = 0;

	message_free(&message);
	return http1_read_request((const uint8_t *)text, strlen(text), &scanned, &message, &head);
}

static int response(const char *text, bool to_head)
{
	size_t scanned = 0;

	message_free(&message);
	return http1_read_response((const uint8_t *)text, strlen(text), &scanned, to_head, &message,
				   &head);
}

static void check_request(const char *method, const char *target, const char *authority)
{
	assert_string_equal(message_text(&message, message.method), method);
	assert_string_equal(message_text(&message, message.target), target);
	assert_string_equal(message_text(&message, message.authority), authority);
}

static void test_requests(void **state)
{
	(void)state;
	assert_int_equal(
		request("GET /a?b=c HTTP/1.1\r\nHost: One.test:443\r\nX: \t y \r\n\r\nmore"), 0);
	check_request("GET", "/a?b=c", "One.test:443");
	assert_string_equal(message_value(&message, "x"), "y");
	assert_int_equal(head.length, 52);
	assert_int_equal(head.framing, HTTP1_NONE);
	assert_true(head.keep_alive);
	assert_false(head.expects);

	assert_int_equal(request("\r\nPOST http://one.test/p HTTP/1.1\nHost: other\n"
				 "Transfer-Encoding: Chunked\nExpect: 100-Continue\n"
				 "Connection: x, close\n\n"),
			 0);
	check_request("POST", "/p", "one.test");
	assert_int_equal(head.framing, HTTP1_CHUNKED);
	assert_true(head.expects);
	assert_false(head.keep_alive);

	assert_int_equal(request("OPTIONS * HTTP/1.1\r\nHost:\r\nContent-Length: 0\r\n\r\n"), 0);
	check_request("OPTIONS", "*", "");
	assert_int_equal(head.framing, HTTP1_NONE);

	assert_int_equal(request("PUT https://one.test HTTP/1.0\r\nContent-Length: 7\r\n\r\n"), 0);
	check_request("PUT", "/", "one.test");
	assert_int_equal(head.framing, HTTP1_LENGTH);
	assert_int_equal(message.content_length, 7);
	assert_false(head.keep_alive);
	message_free(&message);
}

static void test_malformed_requests(void **state)
{
	static const char *const cases[] = {
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
		"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /\r\nHost: a\r\n\r\n",
		"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n fold\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01z\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST / HTTP/1.1\nHost: a\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"\x16\x03\x01 / \r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (request(cases[i]) != -EBADMSG)
			fail_msg("case %zu is read as a request", i);
	message_free(&message);
}

/* A head that comes byte by byte is the same, whatever was seen of it before. */
static void test_pieces(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
	size_t scanned = 0;

	(void)state;
	message_free(&message);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_int_equal(
			http1_read_request((const uint8_t *)text, i, &scanned, &message, &head),
			-EAGAIN);
	assert_int_equal(http1_read_request((const uint8_t *)text, sizeof(text) - 1, &scanned,
					    &message, &head),
			 0);
	message_free(&message);
}

static void test_too_long(void **state)
{
	static char text[MESSAGE_TEXT_MAX + 1];
	size_t used;

	(void)state;
	memset(text, 'a', MESSAGE_TEXT_MAX);
	assert_int_equal(request(text), -ENOBUFS);
	used = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 0; i < MESSAGE_FIELDS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "a: b\r\n");
	snprintf(text + used, sizeof(text) - used, "\r\n");
	assert_int_equal(request(text), -ENOBUFS);
	message_free(&message);
}

static void test_responses(void **state)
{
	static const struct {
		const char *text;
		bool to_head;
		enum http1_framing framing;
		uint16_t status;
		bool keep_alive;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, HTTP1_LENGTH, 200, true},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, HTTP1_NONE, 200, true},
		{"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", false, HTTP1_CHUNKED, 200,
		 true},
		{"HTTP/1.1 200 \r\n\r\n", false, HTTP1_UNTIL_CLOSE, 200, false},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, HTTP1_NONE, 304,
		 true},
		{"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", false, HTTP1_NONE, 204,
		 false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", false, HTTP1_LENGTH, 200, false},
		{"HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 0\n\n", false,
		 HTTP1_NONE, 200, true},
		{"HTTP/1.1 100 Continue\r\n\r\n", false, HTTP1_NONE, 100, true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(response(cases[i].text, cases[i].to_head), 0);
		assert_int_equal(head.framing, cases[i].framing);
		assert_int_equal(message.status, cases[i].status);
		assert_int_equal(head.keep_alive, cases[i].keep_alive);
	}
	assert_int_equal(response("HTTP/1.1 409 Public access\r\n\r\n", false), 0);
	assert_string_equal(message_text(&message, message.reason), "Public access");
	assert_int_equal(response("HTTP/1.1 20 OK\r\n\r\n", false), -EBADMSG);
	assert_int_equal(response("HTTP/1.1 2000 OK\r\n\r\n", false), -EBADMSG);
	assert_int_equal(response("HTTP/1.1 099 OK\r\n\r\n", false), -EBADMSG);
	assert_int_equal(response("ICY 200 OK\r\n\r\n", false), -EBADMSG);
	message_free(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),  cmocka_unit_test(test_malformed_requests),
		cmocka_unit_test(test_pieces),	  cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
