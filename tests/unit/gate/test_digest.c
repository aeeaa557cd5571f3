/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/check.h"
#include "user/gate/digest.h"

/* The examples that the standard's authors publish. */
static void test_digest(void **state)
{
	static const struct {
		const char *text, *digest;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	};
	char text[DIGEST_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(digest_sha256(cases[i].text, strlen(cases[i].text), text), 0);
		assert_string_equal(text, cases[i].digest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
