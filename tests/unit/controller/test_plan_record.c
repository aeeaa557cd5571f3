/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "user/controller/plan_record.h"

#define HOUR (3600ULL * 1000000000)

static char fault[] = "store", title[] = "T", directory[] = "/tmp/test-plan-record-XXXXXX";

static struct plan plan_of(struct plan_rule *rule, uint64_t seed)
{
	*rule = (struct plan_rule){
		.fault = fault, .effect = FAULT_EFFECT_REFUSE, .share = 1000000, .match.tcp = true};
	return (struct plan){.title = title, .seed = seed, .rules = rule, .rules_count = 1};
}

static void test_hash(void **state)
{
	struct plan_rule rule, other;
	struct plan plan = plan_of(&rule, 1), again = plan_of(&other, 2);
	uint64_t hash = 0, second = 0;

	(void)state;
	assert_int_equal(plan_record_hash(&plan, &hash), 0);
	again.shadow = true;
	assert_int_equal(plan_record_hash(&again, &second), 0);
	assert_int_equal(hash, second);
	other.share = 999999;
	assert_int_equal(plan_record_hash(&again, &second), 0);
	assert_int_not_equal(hash, second);
}

static void test_check(void **state)
{
	struct plan_rule rule;
	struct plan plan = plan_of(&rule, 1);
	struct failure failure = {0};
	uint64_t hash, now = 100 * HOUR;
	char path[256];

	(void)state;
	assert_int_equal(plan_record_check(&plan, now, &failure), -ENOENT);
	assert_string_equal(failure.text, "this experiment was not watched as it is: faultctl plan "
					  "FILE --watch 60s");
	assert_int_equal(plan_record_write(&plan, HOUR, now, &failure), 0);
	assert_int_equal(plan_record_check(&plan, now, &failure), 0);
	assert_int_equal(plan_record_check(&plan, now + 24 * HOUR - 1, &failure), 0);
	assert_int_equal(plan_record_check(&plan, now + 25 * HOUR, &failure), -ENOENT);
	assert_non_null(strstr(failure.text, "which is more than a day"));
	plan.seed = 77;
	assert_int_equal(plan_record_check(&plan, now, &failure), 0);
	rule.effect = FAULT_EFFECT_UNREACHABLE;
	assert_int_equal(plan_record_check(&plan, now, &failure), -ENOENT);

	rule.effect = FAULT_EFFECT_REFUSE;
	assert_int_equal(plan_record_hash(&plan, &hash), 0);
	snprintf(path, sizeof(path), "%s/faultctl/plans/%016llx.json", directory,
		 (unsigned long long)hash);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/faultctl/plans", directory);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/faultctl", directory);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_check),
	};
	int failed;

	if (!mkdtemp(directory) || setenv("XDG_STATE_HOME", directory, 1))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
