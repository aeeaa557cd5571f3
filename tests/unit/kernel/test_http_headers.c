/* SPDX-License-Identifier: Apache-2.0 */
/* The header lines of request heads. */
#include <stdio.h>

#include "tests/unit/kernel/parse_http.h"
#include "user/base/cleanup.h"

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
		assert_int_equal(parse_request(request, &head), HTTP_COMPLETE);
		check_part(request, head.host_at, head.host_length, cases[i].host);
		assert_int_equal(head.header_length, strlen(request));
	}
}

/* Header lines that make a request too doubtful to answer for the server. */
static const char *const doubtful[] = {
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

static void test_ambiguous_headers(void **state)
{
	struct http_head head;
	char request[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(doubtful); i++) {
		snprintf(request, sizeof(request), "POST / HTTP/1.1\r\n%s\r\n\r\n", doubtful[i]);
		if (parse_request(request, &head) != HTTP_TOO_LONG)
			fail_msg("guessed: '%s'", doubtful[i]);
	}
	/* The same in absolute form, whose authority hides the Host header but not two of them. */
	assert_int_equal(
		parse_request("GET http://c/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", &head),
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
		if (parse_request(request, &head) != HTTP_COMPLETE ||
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
		assert_int_equal(parse_request(cases[i].request, &head), HTTP_COMPLETE);
		assert_int_equal(head.header_length, cases[i].header_length);
		if (head.host_length)
			check_part(cases[i].request, head.host_at, head.host_length, "a");
	}
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
	assert_int_equal(parse_request(request, &head), HTTP_COMPLETE);
	assert_int_equal(head.header_length, length);
	for (unsigned more = 1; more < 5; more++) {
		build_many(request, sizeof(request), HTTP_HEADERS_MAX + more);
		assert_int_equal(parse_request(request, &head), HTTP_TOO_LONG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),	     cmocka_unit_test(test_ambiguous_headers),
		cmocka_unit_test(test_lengths),	     cmocka_unit_test(test_line_ends),
		cmocka_unit_test(test_many_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
