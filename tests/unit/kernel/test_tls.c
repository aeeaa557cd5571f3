/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "kernel/tls.h"
#include "tests/unit/kernel/build_tls.h"
#include "tests/unit/kernel/stale.h"
#include "user/base/cleanup.h"

#define NAME "artifacts.example.com"

static struct fault_text text;
static struct hello hello;

/* Parses the front of `size` bytes with every kind of stale bytes behind; all must give the same.
 */
static int parse_bytes(const uint8_t *bytes, size_t size, struct tls_hello *ret_found)
{
	struct tls_hello found;
	int result = -1;

	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		int again;

		memset(&found, 0xa5, sizeof(found));
		stale_fill(&text, bytes, size, stale);
		again = tls_parse_hello(&text, &found, (__u32)size);
		if (stale == 0) {
			result = again;
			*ret_found = found;
		}
		if (again != result || memcmp(&found, ret_found, sizeof(found)) != 0)
			fail_msg("stale bytes %zu change result %d to %d of %zu bytes", stale,
				 result, again, size);
	}
	if (result == TLS_NAME) {
		assert_true(ret_found->name_length > 0);
		assert_true(ret_found->name_at + ret_found->name_length <= text.length);
		assert_true(ret_found->name_at + ret_found->name_length <=
			    ret_found->record_length);
	} else {
		assert_int_equal(ret_found->name_length, 0);
	}
	return result;
}

static int parse(struct tls_hello *ret_found)
{
	return parse_bytes(hello.bytes, hello.length, ret_found);
}

static void check_name(const char *name)
{
	struct tls_hello found;

	assert_int_equal(parse(&found), TLS_NAME);
	assert_int_equal(found.name_length, strlen(name));
	assert_memory_equal(hello.bytes + found.name_at, name, strlen(name));
}

static void check_result(int result)
{
	struct tls_hello found;

	assert_int_equal(parse(&found), result);
}

static void test_real_clients(void **state)
{
	struct tls_hello found;

	(void)state;
	for (size_t i = 0; i < REAL_HELLO_COUNT; i++) {
		hello_real(&hello, i);
		if (real_hellos[i].name) {
			check_name(real_hellos[i].name);
		} else {
			check_result(TLS_NO_NAME);
		}
		parse(&found);
		assert_int_equal(found.record_length, real_hellos[i].length);
		/* What the same write holds behind the hello is not part of it. */
		memset(hello.bytes + hello.length, 0, 64);
		hello.length += 64;
		assert_int_equal(parse(&found), real_hellos[i].name ? TLS_NAME : TLS_NO_NAME);
	}
}

static void test_every_cut(void **state)
{
	struct tls_hello found;

	(void)state;
	for (size_t i = 0; i < REAL_HELLO_COUNT; i++) {
		hello_real(&hello, i);
		for (size_t cut = 1; cut < hello.length; cut++) {
			if (parse_bytes(hello.bytes, cut, &found) != TLS_INCOMPLETE)
				fail_msg("%s: %zu bytes are not incomplete", real_hellos[i].client,
					 cut);
			assert_int_equal(found.record_length, cut < 6 ? 6 : hello.length);
			/* The bytes that would complete it stand behind the cut. */
			stale_fill(&text, hello.bytes, hello.length, 0);
			text.length = (__u32)cut;
			assert_int_equal(tls_parse_hello(&text, &found, (__u32)cut),
					 TLS_INCOMPLETE);
		}
	}
	assert_int_equal(parse_bytes(hello.bytes, 0, &found), TLS_NOT);
}

/* A record that ends too early, its length corrected: nothing behind it may be read. */
static void test_every_short_record(void **state)
{
	struct tls_hello found;

	(void)state;
	for (size_t i = 0; i < REAL_HELLO_COUNT; i++) {
		struct tls_hello whole;
		int result;

		hello_real(&hello, i);
		result = parse(&whole);
		for (size_t cut = 9; cut < real_hellos[i].length; cut++) {
			hello_poke(&hello, HELLO_RECORD_AT, 2, cut - 5);
			hello.length = cut;
			/* The hello goes on in another record. */
			if (parse(&found) == TLS_NAME) {
				assert_int_equal(result, TLS_NAME);
				assert_int_equal(found.name_at, whole.name_at);
				assert_int_equal(found.name_length, whole.name_length);
			} else {
				check_result(TLS_TOO_LONG);
			}
			/* The hello itself claims to end there. */
			hello_poke(&hello, HELLO_LENGTH_AT, 3, cut - 9);
			assert_in_range(parse(&found), TLS_NO_NAME, TLS_NOT);
			hello_real(&hello, i);
		}
	}
}

static void test_not_hello(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		STALE_TEXT("\x17\x03\x03\x00\x20"),
		STALE_TEXT("\x15\x03\x03\x00\x02\x02\x28"),
		STALE_TEXT("\x16\x02"),
		STALE_TEXT("\x16\xfe\xff\x00\x00"),
		STALE_TEXT("\x16\x03\x01\x00\x00"),
		STALE_TEXT("\x16\x03\x01\x00\x03\x01"),
		STALE_TEXT("\x16\x03\x01\x40\x01"),
		STALE_TEXT("\x16\x03\x01\xff\xff\x01\x00"),
		STALE_TEXT("\x16\x03\x03\x00\x40\x02"),
		STALE_TEXT("\x80\x2e\x01\x03\x01"),
		STALE_TEXT("GET / HTTP/1.1\r\n\r\n"),
		STALE_TEXT("\0"),
	};
	struct tls_hello found;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (parse_bytes((const uint8_t *)cases[i].bytes, cases[i].length, &found) !=
		    TLS_NOT)
			fail_msg("case %zu is taken for a hello", i);
	assert_int_equal(tls_parse_hello(NULL, &found, 1), TLS_NOT);
	assert_int_equal(tls_parse_hello(&text, NULL, 1), TLS_NOT);
}

static void test_place_of_the_name(void **state)
{
	(void)state;
	hello_begin(&hello, 32, 62);
	hello_name(&hello, NAME);
	check_name(NAME);
	hello_extension(&hello, 0x002b, 5);
	check_name(NAME);

	hello_begin(&hello, 0, 2);
	hello_extension(&hello, 0x1a1a, 0);
	hello_extension(&hello, 0x0017, 0);
	hello_extension(&hello, 0x0015, 300);
	hello_name(&hello, NAME);
	check_name(NAME);
	/* The first of two counts; a server would refuse both. */
	hello_name(&hello, "other.example");
	check_name(NAME);
}

static void test_no_extensions(void **state)
{
	(void)state;
	hello_begin(&hello, 0, 2);
	check_result(TLS_NO_NAME);
	hello_begin(&hello, 255, 200);
	check_result(TLS_NO_NAME);
	/* Extensions, but none of them. */
	hello.extensions_at = hello.length;
	hello_put(&hello, 2, 0);
	hello_end(&hello);
	check_result(TLS_NO_NAME);
	hello_extension(&hello, 0x002b, 5);
	check_result(TLS_NO_NAME);
}

static void test_many_extensions(void **state)
{
	(void)state;
	for (unsigned before = 0; before < 70; before++) {
		hello_begin(&hello, 32, 62);
		for (unsigned i = 0; i < before; i++)
			hello_extension(&hello, 0x1000 + i, i & 3);
		if (before)
			check_result(before <= TLS_EXTENSIONS_MAX ? TLS_NO_NAME : TLS_TOO_LONG);
		hello_name(&hello, NAME);
		if (before <= TLS_EXTENSIONS_MAX)
			check_name(NAME);
		else
			check_result(TLS_TOO_LONG);
	}
}

static void test_name_type(void **state)
{
	(void)state;
	for (unsigned type = 1; type < 256; type += 127) {
		size_t at;

		hello_begin(&hello, 32, 62);
		at = hello_name(&hello, NAME);
		hello_poke(&hello, at + 2, 1, type);
		check_result(TLS_NO_NAME);
		/* Nor is it a hello when such a list reaches beyond its end. */
		hello_poke(&hello, at - 2, 2, 4867);
		hello_poke(&hello, at, 2, 4865);
		check_result(TLS_NOT);
	}
}

/* Builds a hello with one length `lie` off. */
static void build_lying(unsigned field, long lie)
{
	size_t name, value = 0, width = 2;

	hello_begin(&hello, 32, 62);
	hello_extension(&hello, 0x0017, 0);
	name = hello_name(&hello, NAME);
	hello_extension(&hello, 0x002b, 5);
	const size_t fields[] = {name,
				 name + 3,
				 HELLO_LENGTH_AT,
				 name - 2,
				 HELLO_CIPHERS_AT,
				 hello.extensions_at,
				 HELLO_SESSION_AT};

	if (fields[field] == HELLO_SESSION_AT)
		width = 1;
	else if (fields[field] == HELLO_LENGTH_AT)
		width = 3;
	for (size_t i = 0; i < width; i++)
		value = value << 8 | hello.bytes[fields[field] + i];
	hello_poke(&hello, fields[field], width, value + (size_t)lie);
}

/* Each length on the way to the name, a little off and far off: no name may come of it. */
static void test_lying_lengths(void **state)
{
	static const long lies[] = {-1, 1, 2, 40, 200, 4096, 30000};
	struct tls_hello found;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		for (unsigned field = 0; field < 6 + (lies[i] < 256); field++) {
			int result;

			build_lying(field, lies[i]);
			result = parse(&found);
			/* One byte of ciphers more, and the compression methods' 0 is their length:
			 * the same place by chance. */
			if (result == TLS_NAME && field == 4 && lies[i] == 1)
				continue;
			if (result != TLS_NOT && result != TLS_TOO_LONG)
				fail_msg("field %u off by %ld gave %d", field, lies[i], result);
		}
}

static void test_record_length(void **state)
{
	struct tls_hello found;

	(void)state;
	hello_begin(&hello, 32, 62);
	hello_name(&hello, NAME);
	/* A longer record is waited for, unless no server would. */
	hello_poke(&hello, HELLO_RECORD_AT, 2, hello.length);
	assert_int_equal(parse(&found), TLS_INCOMPLETE);
	assert_int_equal(found.record_length, hello.length + 5);
	hello_poke(&hello, HELLO_RECORD_AT, 2, TLS_RECORD_MAX);
	assert_int_equal(parse(&found), TLS_INCOMPLETE);
	hello_poke(&hello, HELLO_RECORD_AT, 2, TLS_RECORD_MAX + 1);
	assert_int_equal(parse(&found), TLS_NOT);
	/* The hello ends before its record does: what follows is another message. */
	hello_begin(&hello, 32, 62);
	hello_extension(&hello, 0x002b, 5);
	hello_put(&hello, 4, 0x0000001a);
	hello_put(&hello, 2, 24);
	hello_put(&hello, 3, 21);
	hello_put_bytes(&hello, 'a', 21);
	hello_poke(&hello, HELLO_RECORD_AT, 2, hello.length - 5);
	check_result(TLS_NO_NAME);
}

static void test_name_lengths(void **state)
{
	static char name[1024];
	size_t at;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	hello_begin(&hello, 32, 62);
	hello_name(&hello, name);
	check_name(name);
	hello_begin(&hello, 32, 62);
	hello_name(&hello, "x");
	check_name("x");
	hello_begin(&hello, 32, 62);
	hello_name(&hello, "");
	check_result(TLS_NOT);
	/* The empty answer that only servers send. */
	hello_begin(&hello, 32, 62);
	hello_extension(&hello, 0, 0);
	check_result(TLS_NOT);
	for (size_t length = 1; length < 6; length++) {
		hello_begin(&hello, 32, 62);
		hello_extension(&hello, 0, length);
		check_result(TLS_NOT);
	}
	/* Two names in one list, and one that ends before its list. */
	hello_begin(&hello, 32, 62);
	at = hello_name(&hello, "a.example"
				"\0\0\x09"
				"b.example");
	hello_poke(&hello, at + 3, 2, 5);
	check_result(TLS_NOT);
}

/* The text holds 4096 bytes of a hello that is longer: post-quantum key shares, tickets. */
static void test_long_hellos(void **state)
{
	struct tls_hello found;

	(void)state;
	for (size_t ahead = 1100; ahead < 4200; ahead++) {
		size_t name;
		int result;

		hello_begin(&hello, 32, 62);
		hello_extension(&hello, 0x0033, ahead);
		name = hello_name(&hello, NAME) + 5;
		hello_extension(&hello, 0x0029, 2000);
		result = parse(&found);
		assert_int_equal(found.record_length, hello.length);
		if (name + strlen(NAME) <= FAULT_TEXT_MAX) {
			assert_int_equal(result, TLS_NAME);
			assert_int_equal(found.name_at, name);
		} else {
			assert_int_equal(result, TLS_TOO_LONG);
		}
		if (ahead == 1216)
			ahead = 3900;
	}
	hello_begin(&hello, 32, 8000);
	hello_name(&hello, NAME);
	check_result(TLS_TOO_LONG);
	/* Beyond the text, the name would be the next extension; then there is none. */
	hello_begin(&hello, 32, 62);
	hello_extension(&hello, 0x0033, 9000);
	check_result(TLS_NO_NAME);
	hello_extension(&hello, 0x002b, 5);
	check_result(TLS_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_clients),	   cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_short_record), cmocka_unit_test(test_not_hello),
		cmocka_unit_test(test_place_of_the_name),  cmocka_unit_test(test_no_extensions),
		cmocka_unit_test(test_many_extensions),	   cmocka_unit_test(test_name_type),
		cmocka_unit_test(test_lying_lengths),	   cmocka_unit_test(test_record_length),
		cmocka_unit_test(test_name_lengths),	   cmocka_unit_test(test_long_hellos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
