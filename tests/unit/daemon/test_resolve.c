/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/resolve.h"

static void test_nothing(void **state)
{
	const struct strings names = {};
	struct resolved *resolved = (void *)-1;

	(void)state;
	assert_int_equal(resolve_names(&names, 5000, &resolved, NULL), 0);
	assert_null(resolved);
	resolved_free(resolved, 0);
}

/* Names that no name server is asked about: a numeric one resolves to itself. */
static void test_numeric(void **state)
{
	static const uint8_t mapped[16] = {
		[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 7};
	char *items[] = {(char *)"192.0.2.7", (char *)"fd00::1"};
	const struct strings names = {items, ARRAY_SIZE(items)};
	struct resolved *resolved = NULL;

	(void)state;
	assert_int_equal(resolve_names(&names, 5000, &resolved, NULL), 0);
	assert_string_equal(resolved[0].name, "192.0.2.7");
	assert_int_equal(resolved[0].count, 1);
	assert_memory_equal(resolved[0].addresses[0], mapped, 16);
	assert_int_equal(resolved[1].count, 1);
	assert_int_equal(resolved[1].addresses[0][0], 0xfd);
	resolved_free(resolved, names.count);
}

/* More names than threads, each once. */
static void test_many(void **state)
{
	char *items[40];
	struct strings names = {items, ARRAY_SIZE(items)};
	struct resolved *resolved = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		items[i] = (char *)"192.0.2.7";
	assert_int_equal(resolve_names(&names, 5000, &resolved, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		assert_int_equal(resolved[i].count, 1);
	resolved_free(resolved, names.count);
}

/* The resolver refuses an empty label by itself, without asking anybody. */
static void test_unresolvable(void **state)
{
	char *items[] = {(char *)"192.0.2.7", (char *)"a..example"};
	const struct strings names = {items, ARRAY_SIZE(items)};
	struct resolved *resolved = NULL;
	struct failure failure = {};

	(void)state;
	assert_int_equal(resolve_names(&names, 5000, &resolved, &failure), -ENOENT);
	assert_memory_equal(failure.text, "'a..example' does not resolve: ", 31);
	assert_null(resolved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_numeric),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_unresolvable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
