/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "user/protocol/names.h"

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(fault_reason_name(FAULT_REASON_HIT), "hit");
	assert_string_equal(fault_reason_name(FAULT_REASON_TLS_HIDES), "tls-hides");
	assert_string_equal(engine_event_name(ENGINE_EVENT_FIRST_PASS), "first-pass");
	assert_string_equal(engine_cause_name(ENGINE_CAUSE_LEASE), "lease");
	assert_string_equal(engine_cause_name(ENGINE_CAUSE_NONE), "");
	assert_string_equal(fault_method_name(FAULT_METHOD_OPTIONS), "OPTIONS");
	assert_string_equal(fault_response_name(FAULT_RESPONSE_429), "429");
}

static void test_every_value_has_a_word(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FAULT_REASON_COUNT; i++)
		assert_non_null(fault_reason_name(i));
	for (unsigned int i = ENGINE_EVENT_FIRST_HIT; i <= ENGINE_EVENT_RELEASED; i++)
		assert_non_null(engine_event_name(i));
	for (unsigned int i = 0; i <= ENGINE_CAUSE_BUDGET; i++)
		assert_non_null(engine_cause_name(i));
	for (unsigned int i = 0; i < FAULT_METHOD_COUNT; i++)
		assert_non_null(fault_method_name(i));
	for (unsigned int i = 0; i < FAULT_RESPONSE_COUNT; i++)
		assert_non_null(fault_response_name(i));
}

static void test_what_is_none(void **state)
{
	(void)state;
	assert_null(fault_reason_name(FAULT_REASON_COUNT));
	assert_null(engine_event_name(0));
	assert_null(engine_event_name(ENGINE_EVENT_TARGET_GONE + 1));
	assert_null(engine_cause_name(ENGINE_CAUSE_BUDGET + 1));
	assert_null(fault_method_name(FAULT_METHOD_COUNT));
	assert_null(fault_response_name(FAULT_RESPONSE_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_every_value_has_a_word),
		cmocka_unit_test(test_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
