/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>

#include "user/daemon/carried.h"

static void test_effects(void **state)
{
	struct fault_rule rule = {.effect = FAULT_EFFECT_COUNT};
	struct failure failure = {};

	(void)state;
	assert_int_equal(carried_check(&rule, &failure), -EOPNOTSUPP);
	assert_string_equal(failure.text, "? is not carried out by this build's kernel programs");
	for (int effect = FAULT_EFFECT_REFUSE; effect <= FAULT_EFFECT_ALERT; effect++) {
		rule.effect = (__u16)effect;
		assert_int_equal(carried_check(&rule, NULL), 0);
	}
}

static void test_gate(void **state)
{
	struct fault_rule rule = {.effect = FAULT_EFFECT_ANSWER, .gate = FAULT_GATE_TLS};

	(void)state;
	assert_int_equal(carried_check(&rule, NULL), 0);
	rule.effect = FAULT_EFFECT_DELAY;
	rule.gate = FAULT_GATE_EACH;
	assert_int_equal(carried_check(&rule, NULL), 0);
	rule.effect = FAULT_EFFECT_CORRUPT;
	rule.gate = 0;
	assert_int_equal(carried_check(&rule, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
