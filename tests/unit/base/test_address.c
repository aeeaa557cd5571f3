/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "user/base/address.h"
#include "user/base/cleanup.h"

static void test_prefix(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *again; /* NULL: as `text` */
		bool ipv4;
		uint8_t length;
	} cases[] = {
		{"10.0.0.0/8", 0, NULL, true, 8},
		{"169.254.169.254", 0, NULL, true, 32},
		{"169.254.169.254/32", 0, "169.254.169.254", true, 32},
		{"0.0.0.0/0", 0, NULL, true, 0},
		{"fd00:ec2::254", 0, NULL, false, 128},
		{"[fd00::1]", 0, "fd00::1", false, 128},
		{"[fd00::]/8", 0, "fd00::/8", false, 8},
		{"FD00::/8", 0, "fd00::/8", false, 8},
		{"::/0", 0, NULL, false, 0},
		{"::ffff:10.0.0.1", 0, "10.0.0.1", true, 32},
		{"::ffff:10.0.0.0/104", 0, "10.0.0.0/8", true, 8},
		{"10.0.0.1/8", -ERANGE, NULL, false, 0},
		{"10.0.0.128/24", -ERANGE, NULL, false, 0},
		{"fd00::1/64", -ERANGE, NULL, false, 0},
		{"10.0.0.0/33", -EINVAL, NULL, false, 0},
		{"fd00::/129", -EINVAL, NULL, false, 0},
		{"10.0.0.0/", -EINVAL, NULL, false, 0},
		{"10.0.0.0/-1", -EINVAL, NULL, false, 0},
		{"10.0.0.0/8/8", -EINVAL, NULL, false, 0},
		{"10.0.0", -EINVAL, NULL, false, 0},
		{"010.0.0.1", -EINVAL, NULL, false, 0},
		{"[10.0.0.1]", -EINVAL, NULL, false, 0},
		{"[fd00::1", -EINVAL, NULL, false, 0},
		{"[]", -EINVAL, NULL, false, 0},
		{"fe80::1%eth0", -EINVAL, NULL, false, 0},
		{"example.com", -EINVAL, NULL, false, 0},
		{"", -EINVAL, NULL, false, 0},
		{" 10.0.0.1", -EINVAL, NULL, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address_prefix prefix = {.length = 77};
		char text[ADDRESS_TEXT_SIZE];

		assert_int_equal(address_parse_prefix(cases[i].text, &prefix), cases[i].r);
		if (cases[i].r < 0) {
			assert_int_equal(prefix.length, 77);
			continue;
		}
		assert_int_equal(prefix.ipv4, cases[i].ipv4);
		assert_int_equal(prefix.length, cases[i].length);
		address_format_prefix(&prefix, text);
		assert_string_equal(text, cases[i].again ? cases[i].again : cases[i].text);
	}
}

static void test_mapped_form(void **state)
{
	static const uint8_t expected[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 2, 3};
	struct address_prefix prefix;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	assert_int_equal(address_parse_prefix("10.1.2.3", &prefix), 0);
	assert_memory_equal(prefix.address, expected, 16);
	address_format(expected, text);
	assert_string_equal(text, "10.1.2.3");
}

static void test_contains(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool contains;
	} cases[] = {
		{"10.0.0.0/8", "10.1.0.0/16", true},
		{"10.0.0.0/8", "10.0.0.0/8", true},
		{"10.1.0.0/16", "10.0.0.0/8", false},
		{"10.0.0.0/8", "11.0.0.0/8", false},
		{"10.64.0.0/10", "10.127.0.1", true},
		{"10.64.0.0/10", "10.128.0.1", false},
		{"0.0.0.0/0", "1.2.3.4", true},
		{"::/0", "1.2.3.4", false},
		{"::/0", "fd00::1", true},
		{"fd00::/9", "fd80::", false},
		{"0.0.0.0/0", "fd00::1", false},
		{"10.1.2.3", "10.1.2.3", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct address_prefix outer, inner;

		assert_int_equal(address_parse_prefix(cases[i].outer, &outer), 0);
		assert_int_equal(address_parse_prefix(cases[i].inner, &inner), 0);
		assert_int_equal(address_prefix_contains(&outer, &inner), cases[i].contains);
		if (inner.length == (inner.ipv4 ? 32 : 128))
			assert_int_equal(address_prefix_matches(&outer, inner.address),
					 cases[i].contains);
	}
}

static void test_ports(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint16_t first, last;
	} cases[] = {
		{"443", 0, 443, 443},	      {"8000-8010", 0, 8000, 8010},
		{"1-65535", 0, 1, 65535},     {"80-80", 0, 80, 80},
		{"0", -ERANGE, 0, 0},	      {"65536", -ERANGE, 0, 0},
		{"8010-8000", -ERANGE, 0, 0}, {"1-70000", -ERANGE, 0, 0},
		{"", -EINVAL, 0, 0},	      {"-", -EINVAL, 0, 0},
		{"80-", -EINVAL, 0, 0},	      {"-80", -EINVAL, 0, 0},
		{"80 - 90", -EINVAL, 0, 0},   {"http", -EINVAL, 0, 0},
		{"80,90", -EINVAL, 0, 0},     {"000000000080", -EINVAL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct port_range range = {7, 9};

		assert_int_equal(port_parse_range(cases[i].text, &range), cases[i].r);
		assert_int_equal(range.first, cases[i].r == 0 ? cases[i].first : 7);
		assert_int_equal(range.last, cases[i].r == 0 ? cases[i].last : 9);
	}
}

#define LABEL_63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_names(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *name;
		bool partial;
	} cases[] = {
		{"example.com", 0, "example.com", false},
		{"Status.EXAMPLE", 0, "status.example", false},
		{"localhost", 0, "localhost", false},
		{"_srv.a-b.example", 0, "_srv.a-b.example", false},
		{"*.Blob.example", 0, "*.blob.example", false},
		{"productionresultssa*.blob.core.example", 0,
		 "productionresultssa*.blob.core.example", true},
		{LABEL_63 ".example", 0, LABEL_63 ".example", false},
		{LABEL_63 "a.example", -EINVAL, NULL, false},
		{LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, -EINVAL, NULL, false},
		{"*.example", -EINVAL, NULL, false},
		{"*", -EINVAL, NULL, false},
		{"*.", -EINVAL, NULL, false},
		{"**.blob.example", -EINVAL, NULL, false},
		{"*a.blob.example", -EINVAL, NULL, false},
		{"a.*.blob.example", -EINVAL, NULL, false},
		{"a*.*.blob.example", -EINVAL, NULL, false},
		{"", -EINVAL, NULL, false},
		{".example", -EINVAL, NULL, false},
		{"a..example", -EINVAL, NULL, false},
		{"example.com.", -EINVAL, NULL, false},
		{"exa mple.com", -EINVAL, NULL, false},
		{"http://example.com", -EINVAL, NULL, false},
		{"b\xc3\xbc"
		 "cher.example",
		 -EINVAL, NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char name[NAME_SIZE] = "untouched";
		bool partial = false;

		assert_int_equal(name_parse(cases[i].text, name, &partial), cases[i].r);
		assert_string_equal(name, cases[i].r == 0 ? cases[i].name : "untouched");
		assert_int_equal(partial, cases[i].partial);
	}
}

static void test_partial_name_needs_a_caller_that_widens(void **state)
{
	char name[NAME_SIZE];

	(void)state;
	assert_int_equal(name_parse("sa*.blob.example", name, NULL), -EINVAL);
	assert_int_equal(name_parse("*.blob.example", name, NULL), 0);
	assert_string_equal(name, "*.blob.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_mapped_form),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_partial_name_needs_a_caller_that_widens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
