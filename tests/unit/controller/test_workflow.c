/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "user/base/clock.h"
#include "user/controller/workflow.h"

static const struct workflow workflow = {
	.every_ns = 2 * NS_PER_S,
	.retry = {.attempts = 5,
		  .backoff_ns = NS_PER_S,
		  .factor = 2,
		  .cap_ns = 3 * NS_PER_S,
		  .jitter = RETRY_JITTER_NONE},
};

/* Fixed by the seed, in order, and never a tenth of a period late. */
static void test_schedule(void **state)
{
	uint64_t before = 0, differing = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t at = workflow_intended_at(&workflow, 3, i, 42, 1000);

		assert_int_equal(at, workflow_intended_at(&workflow, 3, i, 42, 1000));
		assert_in_range(at, 1000 + i * workflow.every_ns,
				1000 + i * workflow.every_ns + workflow.every_ns / 10 - 1);
		assert_true(at > before);
		differing += at != workflow_intended_at(&workflow, 3, i, 43, 1000);
		differing += at != workflow_intended_at(&workflow, 4, i, 42, 1000);
		before = at;
	}
	assert_int_equal(differing, 2000);
}

static void test_backoff(void **state)
{
	struct workflow jittered = workflow;
	uint64_t total = 0;

	(void)state;
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 2, 1), NS_PER_S);
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 3, 1), 2 * NS_PER_S);
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 4, 1), 3 * NS_PER_S);
	assert_int_equal(workflow_backoff(&workflow, 0, 0, 100, 1), 3 * NS_PER_S);

	jittered.retry.jitter = RETRY_JITTER_FULL;
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t pause = workflow_backoff(&jittered, 0, i, 2, 1);

		assert_in_range(pause, 0, NS_PER_S);
		assert_int_equal(pause, workflow_backoff(&jittered, 0, i, 2, 1));
		total += pause;
	}
	/* The mean of a uniform distribution, within five standard errors. */
	assert_in_range(total / 1000, NS_PER_S * 45 / 100, NS_PER_S * 55 / 100);
}

/* Whatever the factor: the pause stays finite. */
static void test_backoff_has_an_end(void **state)
{
	struct workflow steep = workflow;

	(void)state;
	steep.retry.cap_ns = 0;
	steep.retry.factor = 1000;
	assert_int_equal(workflow_backoff(&steep, 0, 0, 100, 1), 3600 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_backoff_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
