/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "user/base/cleanup.h"
#include "user/base/similar.h"

static void test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{"", "", 0},
		{"every", "every", 0},
		{"evry", "every", 1},
		{"everyy", "every", 1},
		{"evert", "every", 1},
		{"evrey", "every", 1},
		{"", "abc", 3},
		{"abc", "", 3},
		{"kitten", "sitting", 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(similar_distance(cases[i].a, cases[i].b), cases[i].distance);
		assert_int_equal(similar_distance(cases[i].b, cases[i].a), cases[i].distance);
	}
}

static void test_long_words_are_different(void **state)
{
	char word[66];

	(void)state;
	for (size_t i = 0; i < 65; i++)
		word[i] = 'a';
	word[65] = '\0';
	assert_true(similar_distance(word, "a") == SIZE_MAX);
	assert_null(similar_better("a", NULL, word));
}

static void test_better(void **state)
{
	(void)state;
	assert_string_equal(similar_better("timout", NULL, "timeout"), "timeout");
	assert_null(similar_better("timout", NULL, "every"));
	assert_string_equal(similar_better("get", "gut", "get"), "get");
	/* Of two equally close ones the first stays. */
	assert_string_equal(similar_better("pot", "put", "pat"), "put");
	assert_string_equal(similar_better("x", "kept", "far away"), "kept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_long_words_are_different),
		cmocka_unit_test(test_better),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
