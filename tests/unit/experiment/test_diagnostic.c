/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/experiment/diagnostic.h"

static struct diagnostics diagnostics;

/* What diagnostics_print writes about a file of this text. The path stands as "FILE". */
static void check_print(const char *text, const char *expected)
{
	char path[] = "/tmp/faultd-test-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	_cleanup_free_ char *printed = NULL, *wanted = NULL;
	size_t size;
	FILE *out;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	out = open_memstream(&printed, &size);
	diagnostics_print(&diagnostics, path, out);
	fclose(out);
	out = open_memstream(&wanted, &size);
	for (const char *c = expected; *c; c++) {
		if (*c == '@')
			fputs(path, out);
		else
			fputc(*c, out);
	}
	fclose(out);
	unlink(path);
	assert_string_equal(printed, wanted);
}

static void test_print(void **state)
{
	(void)state;
	diagnostics = (struct diagnostics){0};
	diagnose(&diagnostics, (struct place){2, 9}, "'%s' is wrong", "x");
	suggest(&diagnostics, "write '%s'", "y");
	diagnose(&diagnostics, (struct place){3, 2}, "tab");
	diagnose(&diagnostics, (struct place){9, 1}, "behind the end");
	check_print("one\n\xc3\xa9\xc3\xa9  key: x\n\ttabbed\n",
		    "@:2:9: error: 'x' is wrong; write 'y'\n"
		    "  \xc3\xa9\xc3\xa9  key: x\n"
		    "        ^\n"
		    "@:3:2: error: tab\n"
		    "  \ttabbed\n"
		    "  \t^\n"
		    "@:9:1: error: behind the end\n");
}

static void test_print_whole_file(void **state)
{
	(void)state;
	diagnostics = (struct diagnostics){0};
	diagnose(&diagnostics, (struct place){0}, "cannot be read");
	check_print("", "@: error: cannot be read\n");
}

static void test_terminal_is_not_steered(void **state)
{
	(void)state;
	diagnostics = (struct diagnostics){0};
	diagnose(&diagnostics, (struct place){1, 1}, "unknown key '\x1b[31m\n'");
	check_print("\x1b[31m: 1\n", "@:1:1: error: unknown key '?[31m?'\n  ?[31m: 1\n  ^\n");
}

static void test_long_line(void **state)
{
	_cleanup_free_ char *text = malloc(5001);
	char expected[512];

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 5000);
	text[3000] = '!';
	text[5000] = '\0';
	diagnostics = (struct diagnostics){0};
	diagnose(&diagnostics, (struct place){1, 3001}, "there");
	snprintf(expected, sizeof(expected), "@:1:3001: error: there\n  %.80s!%.79s\n  %*s^\n",
		 text, text, 80, "");
	check_print(text, expected);
}

static void test_only_the_first_are_kept(void **state)
{
	char expected[4096] = "";
	size_t used = 0;

	(void)state;
	diagnostics = (struct diagnostics){0};
	for (int i = 0; i < 40; i++) {
		diagnose(&diagnostics, (struct place){0}, "problem %d", i);
		suggest(&diagnostics, "hint %d", i);
	}
	assert_int_equal(diagnostics.total, 40);
	assert_int_equal(diagnostics.count, 32);
	for (int i = 0; i < 32; i++)
		used += (size_t)snprintf(expected + used, sizeof(expected) - used,
					 "@: error: problem %d; hint %d\n", i, i);
	snprintf(expected + used, sizeof(expected) - used, "@: 8 more errors are not shown\n");
	check_print("", expected);
}

static void test_sort(void **state)
{
	static const char *const expected[] = {"a", "b", "c", "d"};

	(void)state;
	diagnostics = (struct diagnostics){0};
	diagnose(&diagnostics, (struct place){3, 1}, "d");
	diagnose(&diagnostics, (struct place){1, 5}, "b");
	diagnose(&diagnostics, (struct place){1, 5}, "c");
	diagnose(&diagnostics, (struct place){1, 2}, "a");
	diagnostics_sort(&diagnostics);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(diagnostics.items[i].message, expected[i]);
}

static void test_cut_between_characters(void **state)
{
	char text[601];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[510] = '\xc3'; /* its second byte would not fit */
	text[511] = '\xa9';
	text[600] = '\0';
	diagnostics = (struct diagnostics){0};
	diagnose(&diagnostics, (struct place){1, 1}, "%s", text);
	assert_int_equal(strlen(diagnostics.items[0].message), 510);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_print_whole_file),
		cmocka_unit_test(test_terminal_is_not_steered),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_only_the_first_are_kept),
		cmocka_unit_test(test_sort),
		cmocka_unit_test(test_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
