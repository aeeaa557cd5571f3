/* SPDX-License-Identifier: Apache-2.0 */
/* Request lines and where heads end; test_http_headers.c and test_http_response.c have the rest. */
#include <stdio.h>

#include "tests/unit/kernel/parse_http.h"
#include "user/base/cleanup.h"

static void test_methods(void **state)
{
	static const struct {
		const char *method;
		unsigned number;
	} cases[] = {
		{"GET", FAULT_METHOD_GET},
		{"HEAD", FAULT_METHOD_HEAD},
		{"POST", FAULT_METHOD_POST},
		{"PUT", FAULT_METHOD_PUT},
		{"DELETE", FAULT_METHOD_DELETE},
		{"PATCH", FAULT_METHOD_PATCH},
		{"OPTIONS", FAULT_METHOD_OPTIONS},
		{"CONNECT", FAULT_METHOD_OTHER},
		{"TRACE", FAULT_METHOD_OTHER},
		{"M-SEARCH", FAULT_METHOD_OTHER},
		{"G", FAULT_METHOD_OTHER},
		{"GE", FAULT_METHOD_OTHER},
		{"GETS", FAULT_METHOD_OTHER},
		{"OPTION", FAULT_METHOD_OTHER},
		{"ABCDEFGHIJKLMNOPQRST", FAULT_METHOD_OTHER},
	};
	struct http_head head;
	char request[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request), "%s /p HTTP/1.1\r\n\r\n", cases[i].method);
		assert_int_equal(parse_request(request, &head), HTTP_COMPLETE);
		assert_int_equal(head.method, cases[i].number);
		check_part(request, head.path_at, head.path_length, "/p");
		assert_int_equal(head.header_length, strlen(request));
		assert_int_equal(head.flags, 0);
		assert_int_equal(head.host_length, 0);
	}
}

/* Each is no HTTP/1 request, or none that this parser answers for. */
static void test_not_http(void **state)
{
	static const char *const cases[] = {
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/2\r\n\r\n",
		"GET / HTTP/0.9\r\n\r\n",
		"GET /\r\n\r\n",
		"GET\r\n\r\n",
		"GET\n/ HTTP/1.1\r\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"GET /  HTTP/1.1\r\n\r\n",
		"GET /a b HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1 \r\n\r\n",
		"GET / HTTP/1.1 more\r\n\r\n",
		"GET / HTTP/1.10\r\n\r\n",
		"GET / HTTP/1.\r\n\r\n",
		"GET / HTTP/1.x\r\n\r\n",
		"GET / HTTP/1.1\r\r\n\r\n",
		"GET / HTTP\r\n\r\n",
		"GET / HTTP/1\r\n\r\n",
		"GET / FTP/1.1\r\n\r\n",
		" GET / HTTP/1.1\r\n\r\n",
		"\r\nGET / HTTP/1.1\r\n\r\n",
		"get / HTTP/1.1\r\n\r\n",
		"Get / HTTP/1.1\r\n\r\n",
		"G\001T / HTTP/1.1\r\n\r\n",
		"GET\t/ HTTP/1.1\r\n\r\n",
		"ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
		"EHLO client.example.com\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"{\"a\": 1}",
		"\x16\x03\x01\x02",
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (parse_request(cases[i], &head) != HTTP_NOT)
			fail_msg("taken for HTTP/1: '%s'", cases[i]);
	assert_int_equal(http_parse_request(NULL, &head), HTTP_NOT);
	assert_int_equal(http_parse_request(&text, NULL), HTTP_NOT);
}

/* What is taken for the front of a request is held back until more of it comes. These never become
 * one, and their servers would wait for them for ever. */
static void test_openings_of_others(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		STALE_TEXT("AMQP\x00\x00\x09\x01"),
		STALE_TEXT("JRMI\x00\x02K"),
		STALE_TEXT("ZBXD\x01\x05\x00\x00\x00\x00\x00\x00\x00hello"),
		STALE_TEXT("P\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07"),
		STALE_TEXT("B\x00\x00\x0b\x00\x00"),
		STALE_TEXT("-GET / "),
		STALE_TEXT("GET \x00"),
		STALE_TEXT("GET /\x00"),
		STALE_TEXT("GET /a\t"),
		STALE_TEXT("GET /\r"),
		STALE_TEXT("GET  "),
		STALE_TEXT("GET / F"),
		STALE_TEXT("GET / HTTPS"),
		STALE_TEXT("PRI * HTTP/2"),
		STALE_TEXT("GET / HTTP/1.x"),
		STALE_TEXT("GET / HTTP/1.1x"),
		STALE_TEXT("GET / HTTP/1.1\rx"),
		STALE_TEXT("ABCDEFGHIJKLMNOPQRSTU"),
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (parse_bytes(http_parse_request, cases[i].bytes, cases[i].length, &head) !=
		    HTTP_NOT)
			fail_msg("taken for the front of a request: '%s'", cases[i].bytes);
}

static const struct {
	const char *target;
	const char *path;
	const char *host;
} targets[] = {
	{"/", "/", "host"},
	{"/a/b?c=d&e", "/a/b?c=d&e", "host"},
	{"*", "*", "host"},
	{"host.example.com:443", "host.example.com:443", "host"},
	{"//double/slash", "//double/slash", "host"},
	{"/http://inner/path", "/http://inner/path", "host"},
	{"/a@b?http://c", "/a@b?http://c", "host"},
	/* Absolute form: the target's authority wins over the Host header. */
	{"http://One.example/", "/", "One.example"},
	{"HTTP://one.example/p?q", "/p?q", "one.example"},
	{"http://one.example:8080/p", "/p", "one.example"},
	{"http://one.example./p", "/p", "one.example."},
	{"http://one.example", "/", "one.example"},
	{"http://one.example:80", "/", "one.example"},
	{"http://x", "/", "x"},
	{"http://10.0.0.1/p", "/p", "10.0.0.1"},
	{"http://[2001:db8::1]/p", "/p", ""},
	{"http://[2001:db8::1]:80/p", "/p", ""},
	{"http://one.example/p@q?r#s", "/p@q?r#s", "one.example"},
	/* Empty authority, and schemes that no plain server serves: targets like any other. */
	{"http://", "http://", "host"},
	{"http:///p", "/p", ""},
	{"https://one.example/p", "https://one.example/p", "host"},
	{"http:/one.example", "http:/one.example", "host"},
};

static void test_targets(void **state)
{
	struct http_head head;
	char request[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: host\r\n\r\n",
			 targets[i].target);
		assert_int_equal(parse_request(request, &head), HTTP_COMPLETE);
		check_part(request, head.path_at, head.path_length, targets[i].path);
		check_part(request, head.host_at, head.host_length, targets[i].host);
		assert_int_equal(head.header_length, strlen(request));
	}
}

/* Authorities whose host one cannot tell at a glance: passed, never guessed. */
static void test_ambiguous_targets(void **state)
{
	static const char *const cases[] = {
		"http://user@one.example/",
		"http://victim.example:secret@one.example/",
		"http://one.example?q=/p",
		"http://one.example#/p",
	};
	struct http_head head;
	char request[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n\r\n", cases[i]);
		if (parse_request(request, &head) != HTTP_TOO_LONG)
			fail_msg("a host was guessed: '%s'", cases[i]);
	}
}

static void test_long_authority(void **state)
{
	char request[512] = "GET http://";
	size_t length = strlen(request);
	struct http_head head;

	(void)state;
	memset(request + length, 'a', 300);
	snprintf(request + length + 300, sizeof(request) - length - 300,
		 "/p HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(parse_request(request, &head), HTTP_TOO_LONG);
}

/* A head cut anywhere is incomplete, whatever bytes of earlier messages stand behind the cut: also
 * the very bytes that would complete it. */
static void test_every_cut(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
		"GET / HTTP/1.1\nHost: example.com\n\n",
		"OPTIONS * HTTP/1.1\r\n\r\n",
		"ABCDEFGHIJKLMNOPQRST / HTTP/1.1\r\n\r\n",
		"GET http://example.com:80/p HTTP/1.1\r\nHost: other\r\nX: y\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: [::1]:8\r\nContent-Length: 1\r\nExpect: x\r\n\r\n",
		"PUT /p?q HTTP/1.1\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n\r\n",
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		size_t length = strlen(requests[i]);

		assert_int_equal(parse_request(requests[i], &head), HTTP_COMPLETE);
		assert_int_equal(head.header_length, length);
		for (size_t cut = 0; cut < length; cut++) {
			if (parse_bytes(http_parse_request, requests[i], cut, &head) !=
			    HTTP_INCOMPLETE)
				fail_msg("%zu bytes of '%s' are not incomplete", cut, requests[i]);
			stale_fill(&text, requests[i], length, 0);
			text.length = (__u32)cut;
			assert_int_equal(http_parse_request(&text, &head), HTTP_INCOMPLETE);
			assert_int_equal(head.header_length, 0);
		}
	}
}

static void test_long_path(void **state)
{
	char request[1024] = "GET /";
	struct fault_path_key key;
	struct http_head head;

	(void)state;
	memset(request + 5, 'p', 600);
	snprintf(request + 605, sizeof(request) - 605, " HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(parse_request(request, &head), HTTP_COMPLETE);
	assert_int_equal(head.path_at, 4);
	assert_int_equal(head.path_length, 601);
	assert_int_equal(text_path_key(&text, head.path_at, head.path_length, &key), 0);
	assert_int_equal(key.length, FAULT_PATH_MAX * 8);
	assert_memory_equal(key.path, request + 4, FAULT_PATH_MAX);
}

/* A GET whose head is `length` bytes long. */
static void build_long(char *request, size_t length)
{
	static const char front[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ", end[] = "\r\n\r\n";

	memset(request, 'x', length);
	memcpy(request, front, sizeof(front) - 1);
	memcpy(request + length - sizeof(end) + 1, end, sizeof(end) - 1);
}

static void test_long_head(void **state)
{
	static char request[FAULT_TEXT_MAX + 64];
	struct http_head head;

	(void)state;
	build_long(request, FAULT_TEXT_MAX);
	assert_int_equal(parse_bytes(http_parse_request, request, FAULT_TEXT_MAX, &head),
			 HTTP_COMPLETE);
	assert_int_equal(head.header_length, FAULT_TEXT_MAX);
	assert_int_equal(parse_bytes(http_parse_request, request, FAULT_TEXT_MAX - 1, &head),
			 HTTP_INCOMPLETE);
	for (size_t more = 1; more < 6; more++) {
		build_long(request, FAULT_TEXT_MAX + more);
		assert_int_equal(
			parse_bytes(http_parse_request, request, FAULT_TEXT_MAX + more, &head),
			HTTP_TOO_LONG);
	}
	/* A request line without an end, a target without one, a method without one. */
	memset(request, 'A', sizeof(request));
	assert_int_equal(parse_bytes(http_parse_request, request, sizeof(request), &head),
			 HTTP_NOT);
	overwrite(request, "GET /");
	assert_int_equal(parse_bytes(http_parse_request, request, sizeof(request), &head),
			 HTTP_TOO_LONG);
	assert_int_equal(parse_bytes(http_parse_request, request, FAULT_TEXT_MAX - 1, &head),
			 HTTP_INCOMPLETE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_not_http),
		cmocka_unit_test(test_openings_of_others),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_ambiguous_targets),
		cmocka_unit_test(test_long_authority),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_long_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
