/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/experiment/plan.h"

static void test_units(void **state)
{
	static const char *const good[] = {
		"runner.service",  "runner-*.service", "user@1000.service", "user-1000.slice",
		"session-2.scope", "runner*",	       "a\\x2db.service",   "?.service"};
	static const char *const bad[] = {"",	    "*",	   "*.*",      "a/b.service",
					  "runner", "a b.service", ".service", "x.timer",
					  "..*",    "a[b].service"};
	char text[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(plan_unit_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(plan_unit_is_valid(bad[i]));
	memset(text, 'a', sizeof(text));
	memcpy(text + 247, ".service", 9);
	assert_true(plan_unit_is_valid(text));
	memcpy(text + 247, "a.service", 10);
	assert_false(plan_unit_is_valid(text));
}

static void test_containers(void **state)
{
	static const char *const good[] = {"web", "a.b_c-1", "0123456789ab", "W"};
	static const char *const bad[] = {"", "/web", "-web", ".web", "a b", "a/b", "..", "web*"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(plan_container_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(plan_container_is_valid(bad[i]));
}

static void test_owners(void **state)
{
	(void)state;
	assert_true(plan_command_is_valid("123456789012345"));
	assert_false(plan_command_is_valid("1234567890123456"));
	assert_false(plan_command_is_valid(""));
	assert_false(plan_command_is_valid("a\n"));
	assert_true(plan_user_is_valid("0"));
	assert_true(plan_user_is_valid("4294967294"));
	assert_false(plan_user_is_valid("4294967295"));
	assert_false(plan_user_is_valid("root"));
	assert_true(plan_namespace_is_valid("/run/netns/a"));
	assert_true(plan_namespace_is_valid("4026531840"));
	assert_false(plan_namespace_is_valid("netns/a"));
	assert_false(plan_namespace_is_valid("0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
