/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/escape.h"

/* What `escape` makes of `text`. */
static void check(void (*escape)(FILE *out, const char *text), const char *text,
		  const char *expected)
{
	_cleanup_free_ char *written = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&written, &size);

	assert_non_null(out);
	escape(out, text);
	fclose(out);
	assert_string_equal(written, expected);
}

static void test_markup(void **state)
{
	(void)state;
	check(escape_markup, "", "");
	check(escape_markup, "plain \xc3\xa9 \xe2\x82\xac", "plain \xc3\xa9 \xe2\x82\xac");
	check(escape_markup, "<a href=\"x\" b='y'>&amp;",
	      "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
	check(escape_markup, "]]>", "]]&gt;");
	check(escape_markup, "a\tb\nc", "a\tb\nc");
}

/* Controls and overrides of direction do not get through, wherever they stand. */
static void test_foreign(void **state)
{
	static const char *const foreign[] = {
		"\x01",		"\x1b",		"\x7f",		"\xc2\x9b",
		"\xe2\x80\xae", "\xe2\x81\xa6", "\xef\xbf\xbe", "\xef\xbf\xbf",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		char text[16];

		snprintf(text, sizeof(text), "a%sb", foreign[i]);
		check(escape_markup, text,
		      "a\xef\xbf\xbd"
		      "b");
		check(escape_line, text,
		      "a\xef\xbf\xbd"
		      "b");
		check(escape_lines, text,
		      "a\xef\xbf\xbd"
		      "b");
		check(escape_markdown, text,
		      "a\xef\xbf\xbd"
		      "b");
		/* At the end, also half of it, nothing behind is read. */
		text[2] = '\0';
		check(escape_line, text, foreign[i][1] ? text : "a\xef\xbf\xbd");
	}
	check(escape_line, "\xef\xbf\xbd \xe2\x80\xa6", "\xef\xbf\xbd \xe2\x80\xa6");
}

static void test_lines(void **state)
{
	(void)state;
	check(escape_line, "a\tb\r\nc", "a b  c");
	check(escape_lines, "a\tb\nc", "a\tb\nc");
}

static void test_markdown(void **state)
{
	(void)state;
	check(escape_markdown, "a|b", "a\\|b");
	check(escape_markdown, "![x](javascript:y)", "!\\[x\\]\\(javascript\\:y\\)");
	check(escape_markdown, "<b>*_`~#\\", "&lt;b&gt;\\*\\_\\`\\~\\#\\\\");
	check(escape_markdown, "@everyone\nx", "&#64;everyone x");
}

static void escape_message(FILE *out, const char *text)
{
	escape_command(out, text, false);
}

static void escape_property(FILE *out, const char *text)
{
	escape_command(out, text, true);
}

static void test_command(void **state)
{
	(void)state;
	check(escape_message, "100% of\r\nx: a, b", "100%25 of%0D%0Ax: a, b");
	check(escape_property, "100% of\r\nx: a, b", "100%25 of%0D%0Ax%3A a%2C b");
}

static void test_label(void **state)
{
	(void)state;
	check(escape_label, "a\\b\"c\nd", "a\\\\b\\\"c\\nd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markup),	cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_lines),	cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_command), cmocka_unit_test(test_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
