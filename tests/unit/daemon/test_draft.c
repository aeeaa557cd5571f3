/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/draft.h"

static struct draft *draft_of(__u32 rules, __u32 protections)
{
	const struct engine_begin begin = {.rules = rules, .protections = protections};
	struct draft *draft = NULL;

	assert_int_equal(draft_new(&begin, &draft), 0);
	return draft;
}

static int add_rule(struct draft *draft, __u32 index, __u16 effect, __u16 flags,
		    struct failure *failure)
{
	const struct engine_rule rule = {.index = index,
					 .tcp_udp = 1,
					 .rule = {.effect = effect, .flags = flags},
					 .fault = "a"};

	return draft_add_rule(draft, &rule, failure);
}

static int add_match(struct draft *draft, __u32 owner, __u32 dimension, const char *text,
		     struct failure *failure)
{
	struct engine_match match = {
		.rule = owner, .dimension = dimension, .port_first = 80, .port_last = 80};

	snprintf(match.text, sizeof(match.text), "%s", text);
	return draft_add_match(draft, &match, failure);
}

static int add_answer(struct draft *draft, __u32 rule, __u32 close, struct failure *failure)
{
	const struct engine_answer answer = {
		.rule = rule, .close = close, .answer = {.length = 4, .header_length = 4}};

	return draft_add_answer(draft, &answer, failure);
}

static void test_whole(void **state)
{
	struct draft *draft = draft_of(2, 1);
	struct failure failure = {};

	(void)state;
	assert_int_equal(add_rule(draft, 0, FAULT_EFFECT_REFUSE, 0, NULL), 0);
	assert_int_equal(add_match(draft, 0, ENGINE_DIMENSION_PORT, "", NULL), 0);
	assert_int_equal(add_rule(draft, 1, FAULT_EFFECT_ANSWER,
				  FAULT_RULE_BY_NAME | FAULT_RULE_BY_HTTP, NULL),
			 0);
	assert_int_equal(add_match(draft, 1, ENGINE_DIMENSION_NAME, "a.example", NULL), 0);
	assert_int_equal(add_match(draft, 1, ENGINE_DIMENSION_PATH, "/x", NULL), 0);
	assert_int_equal(add_answer(draft, 1, 0, NULL), 0);
	assert_int_equal(add_answer(draft, 1, 1, NULL), 0);
	assert_int_equal(add_match(draft, ENGINE_PROTECTION, ENGINE_DIMENSION_PORT, "", NULL), 0);
	assert_int_equal(draft_check(draft, &failure), 0);
	assert_true(draft_has(draft, 1, ENGINE_DIMENSION_PATH));
	assert_false(draft_has(draft, 0, ENGINE_DIMENSION_PATH));
	draft_free(draft);
}

static void test_order(void **state)
{
	struct draft *draft = draft_of(1, 1);
	struct failure failure = {};

	(void)state;
	assert_int_equal(add_match(draft, 0, ENGINE_DIMENSION_PORT, "", &failure), -EINVAL);
	assert_string_equal(failure.text, "a match for rule 0, which was not sent");
	assert_int_equal(add_answer(draft, 0, 0, &failure), -EINVAL);
	assert_string_equal(failure.text, "an answer for rule 0, which was not sent");
	assert_int_equal(add_rule(draft, 1, FAULT_EFFECT_REFUSE, 0, &failure), -EINVAL);
	assert_string_equal(failure.text, "rule 1 came where rule 0 was due");
	assert_int_equal(add_rule(draft, 0, FAULT_EFFECT_REFUSE, 0, NULL), 0);
	assert_int_equal(add_rule(draft, 1, FAULT_EFFECT_REFUSE, 0, &failure), -EINVAL);
	assert_string_equal(failure.text, "more than the 1 rules that were announced");
	assert_int_equal(add_answer(draft, 0, 0, &failure), -EINVAL);
	assert_string_equal(failure.text, "an answer for rule 0, which gives none");
	assert_int_equal(
		add_match(draft, ENGINE_PROTECTION | 1, ENGINE_DIMENSION_PORT, "", &failure),
		-EINVAL);
	assert_string_equal(failure.text, "more than the 1 protections that were announced");
	draft_free(draft);
}

static void test_answer_twice(void **state)
{
	struct draft *draft = draft_of(1, 0);
	struct failure failure = {};

	(void)state;
	assert_int_equal(add_rule(draft, 0, FAULT_EFFECT_ANSWER, 0, NULL), 0);
	assert_int_equal(add_answer(draft, 0, 1, NULL), 0);
	assert_int_equal(add_answer(draft, 0, 1, &failure), -EINVAL);
	assert_string_equal(failure.text, "rule 0 has this answer already");
	draft_free(draft);
}

/* What an incomplete draft of one rule is refused with. */
static const struct {
	__u16 effect, flags;
	__u32 dimension; /* 0: none */
	const char *text;
	const char *message;
} halves[] = {
	{FAULT_EFFECT_REFUSE, 0, 0, "", "rule 0 matches every destination"},
	{FAULT_EFFECT_REFUSE, FAULT_RULE_BY_NAME, ENGINE_DIMENSION_PORT, "",
	 "rule 0 says without reason that it matches by name"},
	{FAULT_EFFECT_REFUSE, 0, ENGINE_DIMENSION_NAME, "a.example",
	 "rule 0 does not say that it matches by name"},
	{FAULT_EFFECT_HANG, 0, ENGINE_DIMENSION_PATH, "/x",
	 "rule 0 does not say that it matches by HTTP"},
	{FAULT_EFFECT_ANSWER, 0, ENGINE_DIMENSION_PORT, "", "rule 0 lacks an answer"},
};

static void test_halves(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		struct draft *draft = draft_of(1, 0);
		struct failure failure = {};

		assert_int_equal(add_rule(draft, 0, halves[i].effect, halves[i].flags, NULL), 0);
		if (halves[i].dimension)
			assert_int_equal(
				add_match(draft, 0, halves[i].dimension, halves[i].text, NULL), 0);
		assert_int_equal(draft_check(draft, &failure), -EINVAL);
		assert_string_equal(failure.text, halves[i].message);
		draft_free(draft);
	}
}

static void test_missing(void **state)
{
	struct draft *draft = draft_of(2, 1);
	struct failure failure = {};

	(void)state;
	assert_int_equal(add_rule(draft, 0, FAULT_EFFECT_REFUSE, 0, NULL), 0);
	assert_int_equal(add_match(draft, 0, ENGINE_DIMENSION_PORT, "", NULL), 0);
	assert_int_equal(draft_check(draft, &failure), -EINVAL);
	assert_string_equal(failure.text, "1 of 2 rules were sent");
	assert_int_equal(add_rule(draft, 1, FAULT_EFFECT_REFUSE, 0, NULL), 0);
	assert_int_equal(add_match(draft, 1, ENGINE_DIMENSION_PORT, "", NULL), 0);
	assert_int_equal(draft_check(draft, &failure), -EINVAL);
	assert_string_equal(failure.text, "protection 0 is empty");
	draft_free(draft);
}

static void test_bounds(void **state)
{
	struct draft *draft = draft_of(1, FAULT_PROTECTED_MAX);
	const struct engine_seed seed = {.name = "a.example"};
	struct address_prefix prefix;
	struct failure failure = {};

	(void)state;
	assert_int_equal(add_rule(draft, 0, FAULT_EFFECT_REFUSE, 0, NULL), 0);
	assert_int_equal(address_parse_prefix("10.0.0.0/8", &prefix), 0);
	assert_int_equal(draft_protect(draft, &prefix, NULL, 0, &failure), -E2BIG);
	assert_string_equal(failure.text, "more than 64 protections with the policy's");
	for (int i = 0; i < DRAFT_MATCHES_MAX; i++)
		assert_int_equal(add_match(draft, 0, ENGINE_DIMENSION_PORT, "", NULL), 0);
	assert_int_equal(add_match(draft, 0, ENGINE_DIMENSION_NAME, "a", &failure), -E2BIG);
	assert_string_equal(failure.text, "more than 4096 destinations");
	for (int i = 0; i < DRAFT_SEEDS_MAX; i++)
		assert_int_equal(draft_add_seed(draft, &seed, NULL), 0);
	assert_int_equal(draft_add_seed(draft, &seed, &failure), -E2BIG);
	assert_string_equal(failure.text, "more than 1024 resolved addresses");
	draft_free(draft);
}

static void test_policy_protection(void **state)
{
	struct draft *draft = draft_of(1, 1);
	const struct port_range ports = {22, 22};
	struct address_prefix prefix;

	(void)state;
	assert_int_equal(address_parse_prefix("10.0.0.0/8", &prefix), 0);
	assert_int_equal(draft_protect(draft, &prefix, &ports, 1, NULL), 0);
	assert_int_equal(draft->begin.protections, 2);
	assert_true(draft_has(draft, ENGINE_PROTECTION | 1, ENGINE_DIMENSION_PREFIX));
	assert_true(draft_has(draft, ENGINE_PROTECTION | 1, ENGINE_DIMENSION_PORT));
	draft_free(draft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_halves),
		cmocka_unit_test(test_answer_twice),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_policy_protection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
