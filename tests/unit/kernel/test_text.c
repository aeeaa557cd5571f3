/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdlib.h>

#include "tests/unit/kernel/stale.h"
#include "user/base/cleanup.h"

static struct fault_text text;

static void fill(const char *bytes, size_t stale)
{
	stale_fill(&text, bytes, strlen(bytes), stale);
}

static void test_index_wraps(void **state)
{
	(void)state;
	stale_fill(&text, "abcd", 4, 0);
	text.bytes[FAULT_TEXT_MAX - 1] = 'z';
	assert_int_equal(text_at(&text, 0), 'a');
	assert_int_equal(text_at(&text, FAULT_TEXT_MAX - 1), 'z');
	assert_int_equal(text_at(&text, FAULT_TEXT_MAX), 'a');
	assert_int_equal(text_at(&text, 0xffffffff), 'z');
	assert_int_equal(text_at(&text, 0x80000002), 'c');
}

static void test_big_endian(void **state)
{
	(void)state;
	stale_fill(&text, "\x12\x34\xfe\xdc", 4, 0);
	assert_int_equal(text_be16(&text, 0), 0x1234);
	assert_int_equal(text_be16(&text, 2), 0xfedc);
	assert_true(text_be32(&text, 0) == 0x1234fedc);
	/* The last byte and, around the corner, the first: no read outside the array. */
	assert_int_equal(text_be16(&text, FAULT_TEXT_MAX - 1), 0x0012);
}

static void test_is(void **state)
{
	(void)state;
	fill("hOsT[\\]", 0);
	assert_true(text_is(&text, 0, "host", 4));
	assert_true(text_is(&text, 1, "ost", 3));
	assert_false(text_is(&text, 0, "hose", 4));
	/* Only letters are folded: '[' | 0x20 is '{'. */
	assert_false(text_is(&text, 4, "{", 1));
	assert_false(text_is(&text, 5, "|", 1));
}

static void test_find(void **state)
{
	static const struct {
		const char *bytes;
		unsigned start;
		char wanted;
		unsigned at;
	} cases[] = {
		{"abc", 0, 'a', 0}, {"abc", 0, 'c', 2},	 {"abc", 1, 'a', 3},  {"abc", 0, ':', 3},
		{"abc", 3, 'a', 3}, {"abc", 99, 'a', 3}, {"aXbX", 2, 'X', 3}, {"", 0, ' ', 0},
	};

	(void)state;
	for (size_t stale = 0; stale < STALE_COUNT; stale++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			fill(cases[i].bytes, stale);
			assert_int_equal(text_find(&text, cases[i].start, (__u8)cases[i].wanted),
					 cases[i].at);
		}
	assert_int_equal(text_find(NULL, 0, 'a'), 0);
}

static void test_find_in_a_full_text(void **state)
{
	(void)state;
	memset(text.bytes, 'x', FAULT_TEXT_MAX);
	text.length = FAULT_TEXT_MAX;
	assert_int_equal(text_find(&text, 0, '\n'), FAULT_TEXT_MAX);
	text.bytes[FAULT_TEXT_MAX - 1] = '\n';
	assert_int_equal(text_find(&text, 0, '\n'), FAULT_TEXT_MAX - 1);
	assert_int_equal(text_find(&text, FAULT_TEXT_MAX - 1, '\n'), FAULT_TEXT_MAX - 1);
	/* A find around the corner is none. */
	text.bytes[FAULT_TEXT_MAX - 1] = 'x';
	text.bytes[5] = '\n';
	assert_int_equal(text_find(&text, 6, '\n'), FAULT_TEXT_MAX);
}

static void test_name_key(void **state)
{
	static const struct {
		const char *name;
		const char *reversed; /* NULL: no key */
	} cases[] = {
		{"example.com", "moc.elpmaxe"},
		{"EXAMPLE.Com.", "moc.elpmaxe"},
		{"a", "a"},
		{"a.", "a"},
		{"x_y-1.Z", "z.1-y_x"},
		{"10.1.2.3", "3.2.1.01"},
		/* Two root dots are no name of the resolver's, but match nothing either. */
		{"a..", ".a"},
		{"", NULL},
		{".", NULL},
		/* `*.example.com` asks for a label in front of the dot. */
		{".example.com", NULL},
		{"a b.example.com", NULL},
		{"example.com ", NULL},
		{"example.com\t", NULL},
		{"example.com\r", NULL},
	};
	struct fault_name_key key = {0};

	(void)state;
	for (size_t stale = 0; stale < STALE_COUNT; stale++)
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			size_t length = strlen(cases[i].name);
			int wanted = cases[i].reversed ? 0 : -1;

			memset(&key, 'S', sizeof(key));
			fill(cases[i].name, stale);
			assert_int_equal(text_name_key(&text, 0, (__u32)length, &key), wanted);
			if (wanted)
				continue;
			/* The terminating NUL belongs to the key. */
			length = strlen(cases[i].reversed) + 1;
			assert_int_equal(key.length, length * 8);
			assert_memory_equal(key.name, cases[i].reversed, length);
		}
	assert_int_equal(text_name_key(NULL, 0, 1, &key), -1);
	assert_int_equal(text_name_key(&text, 0, 1, NULL), -1);
}

/* An exact name's key ends with a NUL: a NUL within a name must not pass for that end. */
static void test_name_key_with_nul(void **state)
{
	struct fault_name_key key = {0};

	(void)state;
	stale_fill(&text, "evil\0example.com", 16, 0);
	assert_int_equal(text_name_key(&text, 0, 16, &key), -1);
	stale_fill(&text, "\0example.com", 12, 0);
	assert_int_equal(text_name_key(&text, 0, 12, &key), -1);
}

static void test_name_key_lengths(void **state)
{
	struct fault_name_key key = {0};

	(void)state;
	memset(text.bytes, 'A', FAULT_TEXT_MAX);
	text.length = FAULT_TEXT_MAX;
	assert_int_equal(text_name_key(&text, 0, 253, &key), 0);
	assert_int_equal(key.length, 254 * 8);
	assert_int_equal(key.name[0], 'a');
	assert_int_equal(key.name[252], 'a');
	assert_int_equal(key.name[253], 0);
	assert_int_equal(text_name_key(&text, 0, 254, &key), -1);
	text.bytes[253] = '.';
	assert_int_equal(text_name_key(&text, 0, 254, &key), 0);
	assert_int_equal(key.length, 254 * 8);
	assert_int_equal(text_name_key(&text, 0, 0xffffffff, &key), -1);
	/* The last bytes of the text, and one more than there are. */
	assert_int_equal(text_name_key(&text, FAULT_TEXT_MAX - 3, 3, &key), 0);
	assert_int_equal(text_name_key(&text, FAULT_TEXT_MAX - 3, 4, &key), -1);
	/* The caller's text ends before the name does. */
	text.length = 100;
	assert_int_equal(text_name_key(&text, 90, 11, &key), -1);
	assert_int_equal(text_name_key(&text, 90, 10, &key), 0);
	assert_int_equal(text_name_key(&text, 0xfffffffe, 4, &key), -1);
}

static void test_path_key(void **state)
{
	struct fault_path_key key;

	(void)state;
	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		fill("GET /a/B?c=%2F HTTP/1.1", stale);
		assert_int_equal(text_path_key(&text, 4, 10, &key), 0);
		assert_int_equal(key.length, 80);
		assert_memory_equal(key.path, "/a/B?c=%2F", 10);
		assert_int_equal(text_path_key(&text, 4, 0, &key), 0);
		assert_int_equal(key.length, 0);
	}
	memset(text.bytes, 'p', FAULT_TEXT_MAX);
	assert_int_equal(text_path_key(&text, 0, 255, &key), 0);
	assert_int_equal(key.length, 255 * 8);
	assert_int_equal(text_path_key(&text, 0, 256, &key), 0);
	assert_int_equal(key.length, 256 * 8);
	assert_int_equal(text_path_key(&text, 0, 0xffffffff, &key), 0);
	assert_int_equal(key.length, 256 * 8);
	assert_int_equal(key.path[255], 'p');
	assert_int_equal(text_path_key(NULL, 0, 1, &key), -1);
	assert_int_equal(text_path_key(&text, 0, 1, NULL), -1);
}

static void test_lower(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++)
		assert_int_equal(byte_lower((__u8)byte),
				 byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_wraps),
		cmocka_unit_test(test_big_endian),
		cmocka_unit_test(test_is),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_in_a_full_text),
		cmocka_unit_test(test_name_key),
		cmocka_unit_test(test_name_key_with_nul),
		cmocka_unit_test(test_name_key_lengths),
		cmocka_unit_test(test_path_key),
		cmocka_unit_test(test_lower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
