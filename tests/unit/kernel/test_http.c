/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads. Responses are in test_http_response.c. */
#include "tests/unit/check.h"

#include <stdio.h>

#include "kernel/http.h"
#include "tests/unit/kernel/stale.h"
#include "user/base/cleanup.h"

static struct fault_text text;

/* Parses `length` bytes with every kind of stale bytes behind them; all must give the same. */
static int parse_bytes(const void *bytes, size_t length, struct http_head *ret_head)
{
	struct http_head head;
	int result = -1;

	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		int again;

		memset(&head, 0xa5, sizeof(head));
		stale_fill(&text, bytes, length, stale);
		again = http_parse_request(&text, &head);
		if (stale == 0) {
			result = again;
			*ret_head = head;
		}
		if (again != result || memcmp(&head, ret_head, sizeof(head)) != 0)
			fail_msg("stale bytes %zu change result %d to %d of %zu bytes '%.60s'",
				 stale, result, again, length, (const char *)bytes);
	}
	return result;
}

static int parse(const char *request, struct http_head *ret_head)
{
	return parse_bytes(request, strlen(request), ret_head);
}

/* Fails unless `length` bytes at `at` of `request` are `wanted`. */
static void check_part(const char *request, unsigned at, unsigned length, const char *wanted)
{
	if (length != strlen(wanted) || memcmp(request + at, wanted, length) != 0)
		fail_msg("'%.*s' instead of '%s' in '%s'", (int)length, request + at, wanted,
			 request);
}

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
		assert_int_equal(parse(request, &head), HTTP_COMPLETE);
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
		if (parse(cases[i], &head) != HTTP_NOT)
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
		if (parse_bytes(cases[i].bytes, cases[i].length, &head) != HTTP_NOT)
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
		assert_int_equal(parse(request, &head), HTTP_COMPLETE);
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
		if (parse(request, &head) != HTTP_TOO_LONG)
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
	assert_int_equal(parse(request, &head), HTTP_TOO_LONG);
}

static void test_hosts(void **state)
{
	static const struct {
		const char *header;
		const char *host;
	} cases[] = {
		{"Host: example.com", "example.com"},
		{"hOsT: example.com", "example.com"},
		{"Host:example.com", "example.com"},
		{"Host: \t \texample.com", "example.com"},
		{"Host: example.com \t ", "example.com"},
		{"Host: example.com:8080 ", "example.com"},
		{"Host:                example.com", "example.com"}, /* 16 blanks */
		{"Host: example.com:8080", "example.com"},
		{"Host: example.com:", "example.com"},
		{"Host: EXAMPLE.Com.", "EXAMPLE.Com."},
		{"Host: EXAMPLE.Com.:80", "EXAMPLE.Com."},
		{"Host: 10.1.2.3:80", "10.1.2.3"},
		{"Host: [::1]", ""},
		{"Host: [2001:db8::1]:8080", ""},
		{"Host:", ""},
		{"Host:   ", ""},
		{"Host: :80", ""},
		{"Hostile: example.com", ""},
		{"Hos: example.com", ""},
		{"XHost: example.com", ""},
		{"X-Host: example.com", ""},
		{"Host-: example.com", ""},
		{"X: Host: example.com", ""},
		{"Host", ""},
	};
	struct http_head head;
	char request[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nA: b\r\n%s\r\nC: d\r\n\r\n",
			 cases[i].header);
		assert_int_equal(parse(request, &head), HTTP_COMPLETE);
		check_part(request, head.host_at, head.host_length, cases[i].host);
		assert_int_equal(head.header_length, strlen(request));
	}
}

/* Header lines that make a request too doubtful to answer for the server. */
static void test_ambiguous_headers(void **state)
{
	static const char *const cases[] = {
		"Host: a\r\nHost: b",
		"Host: a\r\nHost: a",
		"Host:\r\nhost: a",
		"Host : a",
		"Host\t: a",
		"Host: a : 80",
		"Host: a\t:80",
		"Host:                 example.com", /* 17 blanks */
		"Content-Length: 5\r\nContent-Length: 6",
		"Content-Length: 5\r\nContent-Length: x",
		"Content-Length: x\r\nContent-Length: 5",
		"Content-Length: 5, 5",
		"Content-Length:",
		"Content-Length: ",
		"Content-Length: -1",
		"Content-Length: +5",
		"Content-Length: 0x10",
		"Content-Length: 5;",
		"Content-Length: 5 6",
		"Content-Length: 5                  6",
		"Content-Length:                  5",
		"Content-Length: 1e3",
		"Content-Length: 1000000000000000000",
		"Content-Length: 18446744073709551616",
		"Content-Length: 99999999999999999999999999999999",
		"Content-Length : 5",
		"Content-Length\t: 5",
		"Content-Length: 5\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding: chunked\r\nContent-Length: 5",
		"Content-Length: 0\r\nTransfer-Encoding: chunked",
		"Transfer-Encoding : chunked",
		"Transfer-Encoding: gzip",
		"Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding: identity",
		"Transfer-Encoding: xchunked",
		"Transfer-Encoding: chunkedx",
		"Transfer-Encoding: chunked, identity",
		"Transfer-Encoding:",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
		/* obs-fold (RFC 9112, 5.2) */
		"Host: a\r\n .example.com",
		"Host:\r\n example.com",
		"Content-Length: 1\r\n 0",
		"X: y\r\n\tContent-Length: 5",
		"X: y\r\n ",
		"Transfer-Encoding:\r\n chunked",
		" Host: a",
	};
	struct http_head head;
	char request[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request), "POST / HTTP/1.1\r\n%s\r\n\r\n", cases[i]);
		if (parse(request, &head) != HTTP_TOO_LONG)
			fail_msg("guessed: '%s'", cases[i]);
	}
	/* The same in absolute form, whose authority hides the Host header but not two of them. */
	assert_int_equal(parse("GET http://c/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &head),
			 HTTP_TOO_LONG);
}

static void test_lengths(void **state)
{
	static const struct {
		const char *headers;
		unsigned long long length;
		unsigned flags;
	} cases[] = {
		{"Content-Length: 0", 0, HTTP_HAS_LENGTH},
		{"Content-Length: 5", 5, HTTP_HAS_LENGTH},
		{"content-LENGTH:5", 5, HTTP_HAS_LENGTH},
		{"Content-Length:\t 5 \t", 5, HTTP_HAS_LENGTH},
		{"Content-Length:                5                ", 5, HTTP_HAS_LENGTH},
		{"Content-Length: 007", 7, HTTP_HAS_LENGTH},
		{"Content-Length: 5\r\nContent-Length: 5", 5, HTTP_HAS_LENGTH},
		{"Content-Length: 5\r\nContent-Length: 05", 5, HTTP_HAS_LENGTH},
		{"Content-Length: 4294967296", 4294967296ULL, HTTP_HAS_LENGTH},
		{"Content-Length: 999999999999999999", 999999999999999999ULL, HTTP_HAS_LENGTH},
		{"Content-Lengthy: 5", 0, 0},
		{"Content-Lengt: 5", 0, 0},
		{"XContent-Length: 5", 0, 0},
		{"Content_Length: 5", 0, 0},
		{"X: y\rContent-Length: 5", 0, 0},
		{"Transfer-Encoding: chunked", 0, HTTP_CHUNKED},
		{"TRANSFER-encoding:CHUNKED \t", 0, HTTP_CHUNKED},
		{"Transfer-Encodings: chunked", 0, 0},
		{"Expect: 100-continue", 0, HTTP_EXPECT},
		{"expect:100-continue\r\nContent-Length: 9", 9, HTTP_EXPECT | HTTP_HAS_LENGTH},
		{"Expected: 100-continue", 0, 0},
		{"Expect-CT: max-age=1", 0, 0},
		{"Upgrade: websocket", 0, HTTP_UPGRADE},
		{"Upgrade-Insecure-Requests: 1", 0, 0},
	};
	struct http_head head;
	char request[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(request, sizeof(request), "POST / HTTP/1.1\r\n%s\r\n\r\n",
			 cases[i].headers);
		if (parse(request, &head) != HTTP_COMPLETE ||
		    head.content_length != cases[i].length || head.flags != cases[i].flags)
			fail_msg("'%s': length %llu, flags %x", cases[i].headers,
				 (unsigned long long)head.content_length, head.flags);
		assert_int_equal(head.header_length, strlen(request));
	}
}

static void test_line_ends(void **state)
{
	static const struct {
		const char *request;
		unsigned header_length;
	} cases[] = {
		{"GET / HTTP/1.1\n\n", 16},
		{"GET / HTTP/1.1\nHost: a\n\n", 24},
		{"GET / HTTP/1.1\r\nHost: a\n\r\n", 26},
		{"GET / HTTP/1.1\nHost: a\r\n\n", 25},
		{"GET / HTTP/1.0\r\nHost: a\r\n\r\n", 27},
		{"GET / HTTP/1.1\r\n\r\nHost: b\r\n\r\n", 18},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n", 27},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n\xff\xfe", 27},
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].request, &head), HTTP_COMPLETE);
		assert_int_equal(head.header_length, cases[i].header_length);
		if (head.host_length)
			check_part(cases[i].request, head.host_at, head.host_length, "a");
	}
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
		"POST /p HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 10\r\nExpect: "
		"100-continue\r\n\r\n",
		"PUT /p?q HTTP/1.1\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\n\r\n",
	};
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		size_t length = strlen(requests[i]);

		assert_int_equal(parse(requests[i], &head), HTTP_COMPLETE);
		assert_int_equal(head.header_length, length);
		for (size_t cut = 0; cut < length; cut++) {
			if (parse_bytes(requests[i], cut, &head) != HTTP_INCOMPLETE)
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
	assert_int_equal(parse(request, &head), HTTP_COMPLETE);
	assert_int_equal(head.path_at, 4);
	assert_int_equal(head.path_length, 601);
	assert_int_equal(text_path_key(&text, head.path_at, head.path_length, &key), 0);
	assert_int_equal(key.length, FAULT_PATH_MAX * 8);
	assert_memory_equal(key.path, request + 4, FAULT_PATH_MAX);
}

/* A request with `headers` header lines; returns its length. */
static size_t build_many(char *request, size_t size, unsigned headers)
{
	size_t length = (size_t)snprintf(request, size, "GET / HTTP/1.1\r\n");

	for (unsigned i = 0; i < headers; i++)
		length += (size_t)snprintf(request + length, size - length, "X-%u: y\r\n", i);
	return length + (size_t)snprintf(request + length, size - length, "\r\n");
}

static void test_many_headers(void **state)
{
	struct http_head head;
	char request[2048];
	size_t length;

	(void)state;
	length = build_many(request, sizeof(request), HTTP_HEADERS_MAX);
	assert_int_equal(parse(request, &head), HTTP_COMPLETE);
	assert_int_equal(head.header_length, length);
	for (unsigned more = 1; more < 5; more++) {
		build_many(request, sizeof(request), HTTP_HEADERS_MAX + more);
		assert_int_equal(parse(request, &head), HTTP_TOO_LONG);
	}
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
	assert_int_equal(parse_bytes(request, FAULT_TEXT_MAX, &head), HTTP_COMPLETE);
	assert_int_equal(head.header_length, FAULT_TEXT_MAX);
	assert_int_equal(parse_bytes(request, FAULT_TEXT_MAX - 1, &head), HTTP_INCOMPLETE);
	for (size_t more = 1; more < 6; more++) {
		build_long(request, FAULT_TEXT_MAX + more);
		assert_int_equal(parse_bytes(request, FAULT_TEXT_MAX + more, &head), HTTP_TOO_LONG);
	}
	/* A request line without an end, a target without one, a method without one. */
	memset(request, 'A', sizeof(request));
	assert_int_equal(parse_bytes(request, sizeof(request), &head), HTTP_NOT);
	memcpy(request, "GET /", 5);
	assert_int_equal(parse_bytes(request, sizeof(request), &head), HTTP_TOO_LONG);
	assert_int_equal(parse_bytes(request, FAULT_TEXT_MAX - 1, &head), HTTP_INCOMPLETE);
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
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_ambiguous_headers),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_many_headers),
		cmocka_unit_test(test_long_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
