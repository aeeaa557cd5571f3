/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/kernel.h"

static void test_release(void **state)
{
	static const struct {
		const char *release;
		bool is;
	} cases[] = {
		{"6.1.0-56-cloud-amd64", true},
		{"6.1", true},
		{"6.12.95+deb12", true},
		{"7.0-rc1", true},
		{"6.0.19", false},
		{"5.19", false},
		{"5.10.0-46", false},
		{"6", false},
		{"", false},
		{"linux", false},
		{"60.0", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(kernel_release_is_at_least(cases[i].release, 6, 1), cases[i].is);
}

static void test_this_one(void **state)
{
	char release[65] = "";

	(void)state;
	assert_true(kernel_is_at_least(2, 6, release, sizeof(release)));
	assert_true(strlen(release) > 2);
	assert_false(kernel_is_at_least(1000, 0, release, 4));
	assert_int_equal(strlen(release), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_this_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
