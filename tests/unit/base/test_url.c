/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>

#include "user/base/cleanup.h"
#include "user/base/url.h"

static void test_urls(void **state)
{
	static const struct {
		const char *text, *scheme, *host;
		uint16_t port;
	} cases[] = {
		{"http://a.example", "http", "a.example", 80},
		{"https://A.example/x?y#z", "https", "a.example", 443},
		{"HTTP://a.example:8080/", "http", "a.example", 8080},
		{"https://user:p@ss@a.example:8443/", "https", "a.example", 8443},
		{"http://a.example?x=@y", "http", "a.example", 80},
		{"http://10.0.0.1:3128", "http", "10.0.0.1", 3128},
		{"http://[FD00::1]/", "http", "fd00::1", 80},
		{"http://[fd00::1]:81", "http", "fd00::1", 81},
		{"ftp://a.example/", "ftp", "a.example", 0},
		{"mirror+http://a.example/", "mirror+http", "a.example", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct url url;

		assert_int_equal(url_parse(cases[i].text, &url), 0);
		assert_string_equal(url.scheme, cases[i].scheme);
		assert_string_equal(url.host, cases[i].host);
		assert_int_equal(url.port, cases[i].port);
	}
}

static void test_refusals(void **state)
{
	static const char *const cases[] = {
		"",
		"a.example",
		"//a.example",
		"://a.example",
		"1http://a.example",
		"http://",
		"http:///path",
		"http://:80/",
		"http://a.example:/",
		"http://a.example:0/",
		"http://a.example:65536/",
		"http://a.example:80-90/",
		"http://a.example:http/",
		"http://*.example.com/",
		"http://a..example/",
		"http://[fd00::1/",
		"http://[fd00::1]x/",
		"http://fd00::1/",
		"http://a.example/a b",
		"http://a.example/\r\nHost: b",
		"http://${host}/",
		"averyveryverylongscheme://a.example",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct url url = {.port = 7};

		assert_int_equal(url_parse(cases[i], &url), -EINVAL);
		assert_int_equal(url.port, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
