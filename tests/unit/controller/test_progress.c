/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/controller/progress.h"

static void check(const char *line, unsigned int width, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	progress_fit(out, line, width);
	fclose(out);
	assert_string_equal(text, expected);
}

static void test_fit(void **state)
{
	(void)state;
	check("", 3, "");
	check("abc", 3, "abc");
	check("abcd", 3, "abc");
	/* A character is not cut in two. */
	check("\xe2\x96\x81\xc3\xa9z", 2, "\xe2\x96\x81\xc3\xa9");
	/* Colours take no room, and end even where their text does not fit. */
	check("\033[31mab\033[0mcd\033[32me\033[0m", 3, "\033[31mab\033[0mc\033[32m\033[0m");
	check("ab\033[31", 9, "ab\033[31");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fit)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
