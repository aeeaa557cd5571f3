/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/protocol/base64.h"

/* The vectors of RFC 4648, section 10, and one with bytes that are no text. */
static const struct {
	const char *bytes;
	size_t length;
	const char *text;
} vectors[] = {
	{"", 0, ""},
	{"f", 1, "Zg=="},
	{"fo", 2, "Zm8="},
	{"foo", 3, "Zm9v"},
	{"foob", 4, "Zm9vYg=="},
	{"fooba", 5, "Zm9vYmE="},
	{"foobar", 6, "Zm9vYmFy"},
	{"\0\xff\x10", 3, "AP8Q"},
};

static void test_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		char *text = NULL, *bytes = NULL;
		size_t length = 99;

		assert_int_equal(base64_encode(vectors[i].bytes, vectors[i].length, &text), 0);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(base64_decode(text, &bytes, &length), 0);
		assert_int_equal(length, vectors[i].length);
		assert_memory_equal(bytes, vectors[i].bytes, length);
		assert_int_equal(bytes[length], 0);
		free(text);
		free(bytes);
	}
}

static void test_refusals(void **state)
{
	static const char *const texts[] = {
		"Z",	"Zg",	"Zg=",	 "Zh==",	 "Zm9=", "Zg==Zg==",
		"Z===", "====", "Zm 9v", "Zm9v\n\n\n\n", "Zm-_"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char *bytes = NULL;
		size_t length = 99;

		assert_int_equal(base64_decode(texts[i], &bytes, &length), -EINVAL);
		assert_null(bytes);
		assert_int_equal(length, 99);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
