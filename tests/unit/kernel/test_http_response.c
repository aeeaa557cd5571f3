/* SPDX-License-Identifier: Apache-2.0 */
/* Response heads: where each ends, and how long its body is. */
#include <stdio.h>

#include "tests/unit/kernel/parse_http.h"
#include "user/base/cleanup.h"

static void test_status(void **state)
{
	static const struct {
		const char *line;
		unsigned status;
	} cases[] = {
		{"HTTP/1.1 100 Continue", 100},
		{"HTTP/1.1 101 Switching Protocols", 101},
		{"HTTP/1.1 103 Early Hints", 103},
		{"HTTP/1.1 200 OK", 200},
		{"HTTP/1.0 200 OK", 200},
		{"HTTP/1.1 204 No Content", 204},
		{"HTTP/1.1 206 ", 206},
		{"HTTP/1.1 304", 304},
		{"HTTP/1.1 404 Not Found: the 200 OK", 404},
		{"HTTP/1.1 503 Service Unavailable", 503},
		{"HTTP/1.1 999 ?", 999},
	};
	struct http_head head;
	char response[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(response, sizeof(response), "%s\r\nServer: x\r\n\r\n", cases[i].line);
		assert_int_equal(parse_response(response, &head), HTTP_COMPLETE);
		assert_int_equal(head.status, cases[i].status);
		assert_int_equal(head.header_length, strlen(response));
		assert_int_equal(head.flags, 0);
	}
}

static void test_not_http(void **state)
{
	static const char *const cases[] = {
		"HTTP/2 200 OK\r\n\r\n",
		"HTTP/1.1  20 OK\r\n\r\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 20\r\nX: y\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1 -20 OK\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 OK 200\r\n\r\n",
		"HTTP/1.1x200 OK\r\n\r\n",
		"HTTP/1.1 200x\r\n\r\n",
		"HTTP/1.\n 200 OK\r\n\r\n",
		"HTTP/1.1\n200 OK\r\n\r\n",
		"HTTP/1.10 200 OK\r\n\r\n",
		"HTTP 200 OK\r\n\r\n",
		"ICY 200 OK\r\n\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
		"<html>\r\n\r\n</html>",
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (parse_response(cases[i], &head) != HTTP_NOT)
			fail_msg("taken for HTTP/1: '%s'", cases[i]);
	assert_int_equal(http_parse_response(NULL, &head), HTTP_NOT);
	assert_int_equal(http_parse_response(&text, NULL), HTTP_NOT);
}

static void test_bodies(void **state)
{
	static const struct {
		const char *headers;
		int result;
		unsigned long long length;
		unsigned flags;
	} cases[] = {
		{"Content-Length: 0", HTTP_COMPLETE, 0, HTTP_HAS_LENGTH},
		{"Content-Length: 1234", HTTP_COMPLETE, 1234, HTTP_HAS_LENGTH},
		{"Content-Length: 5\nContent-Length: 5", HTTP_COMPLETE, 5, HTTP_HAS_LENGTH},
		{"Transfer-Encoding: chunked", HTTP_COMPLETE, 0, HTTP_CHUNKED},
		{"Transfer-Encoding: Chunked\r\nTrailer: X", HTTP_COMPLETE, 0, HTTP_CHUNKED},
		{"Connection: close", HTTP_COMPLETE, 0, 0},
		{"Upgrade: h2c", HTTP_COMPLETE, 0, HTTP_UPGRADE},
		{"Content-Length: 5\r\nContent-Length: 6", HTTP_TOO_LONG, 0, 0},
		{"Content-Length: 5\r\nTransfer-Encoding: chunked", HTTP_TOO_LONG, 0, 0},
		{"Content-Length: 1000000000000000000", HTTP_TOO_LONG, 0, 0},
		{"Content-Length: 5 \r\n 6", HTTP_TOO_LONG, 0, 0},
		{"Transfer-Encoding: gzip", HTTP_TOO_LONG, 0, 0},
		{"Transfer-Encoding: gzip, chunked", HTTP_TOO_LONG, 0, 0},
	};
	struct http_head head;
	char response[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int result;

		snprintf(response, sizeof(response), "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
			 cases[i].headers);
		result = parse_response(response, &head);
		if (result != cases[i].result)
			fail_msg("'%s' gave %d", cases[i].headers, result);
		if (result != HTTP_COMPLETE)
			continue;
		assert_true(head.content_length == cases[i].length);
		assert_int_equal(head.flags, cases[i].flags);
		assert_int_equal(head.header_length, strlen(response));
	}
}

static void test_every_cut(void **state)
{
	static const char *const responses[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
		"HTTP/1.1 304\r\n\r\n",
		"HTTP/1.0 503 Service Unavailable\nTransfer-Encoding: chunked\n\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(responses); i++) {
		size_t length = strlen(responses[i]);

		assert_int_equal(parse_response(responses[i], &head), HTTP_COMPLETE);
		for (size_t cut = 0; cut < length; cut++) {
			if (parse_bytes(http_parse_response, responses[i], cut, &head) !=
			    HTTP_INCOMPLETE)
				fail_msg("%zu bytes of '%s' are not incomplete", cut, responses[i]);
			stale_fill(&text, responses[i], length, 0);
			text.length = (__u32)cut;
			assert_int_equal(http_parse_response(&text, &head), HTTP_INCOMPLETE);
		}
	}
}

/* The body's bytes, and the next response's, are not looked at. */
static void test_what_follows(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(parse_response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
					"Content-Length: 3\r\n\r\nabc",
					&head),
			 HTTP_COMPLETE);
	assert_int_equal(head.status, 100);
	assert_int_equal(head.header_length, 25);
	assert_int_equal(head.flags, 0);
	assert_int_equal(parse_response("HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n"
					"\r\nContent-Length: 7\r\n\r\n",
					&head),
			 HTTP_COMPLETE);
	assert_true(head.content_length == 24);
	assert_int_equal(head.header_length, 39);
}

static void test_long_head(void **state)
{
	static char response[FAULT_TEXT_MAX + 8];
	struct http_head head;

	(void)state;
	memset(response, 'x', sizeof(response));
	overwrite(response, "HTTP/1.1 200 OK\r\nX: ");
	assert_int_equal(parse_bytes(http_parse_response, response, sizeof(response), &head),
			 HTTP_TOO_LONG);
	assert_int_equal(parse_bytes(http_parse_response, response, FAULT_TEXT_MAX - 1, &head),
			 HTTP_INCOMPLETE);
	overwrite(response + FAULT_TEXT_MAX - 4, "\r\n\r\n");
	assert_int_equal(parse_bytes(http_parse_response, response, FAULT_TEXT_MAX, &head),
			 HTTP_COMPLETE);
	assert_int_equal(head.header_length, FAULT_TEXT_MAX);
	memset(response + 16, 'x', sizeof(response) - 16);
	response[15] = 'x';
	assert_int_equal(parse_bytes(http_parse_response, response, sizeof(response), &head),
			 HTTP_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),	     cmocka_unit_test(test_not_http),
		cmocka_unit_test(test_bodies),	     cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_what_follows), cmocka_unit_test(test_long_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
