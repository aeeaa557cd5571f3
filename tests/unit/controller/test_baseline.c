/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"
#include "user/controller/analysis.h"

/* `count` units a second apart, of which the later half takes `later` and the others `earlier`. */
static bool steady(size_t count, uint64_t earlier, uint64_t later, char *reason, size_t size)
{
	struct history history = {.started_at = NS_PER_S};
	bool result;

	history.workflows = calloc(1, sizeof(*history.workflows));
	history.workflows[history.workflows_count++] = (struct terms){.name = strdup("work")};
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = (i + 1) * NS_PER_S;
		struct unit unit = {
			.number = i,
			.attempts = 1,
			.intended_at = at,
			.started_at = at,
			.last_started_at = at,
			.ended_at = at + (i < count / 2 ? earlier : later),
		};

		assert_int_equal(history_add_unit(&history, &unit), 0);
	}
	result = analysis_steady(&history, UINT64_MAX, reason, size);
	history_free(&history);
	return result;
}

static void test_trend(void **state)
{
	char reason[256] = "";

	(void)state;
	assert_true(steady(20, 110 * NS_PER_MS, 220 * NS_PER_MS, reason, sizeof(reason)));
	assert_false(steady(20, 110 * NS_PER_MS, 221 * NS_PER_MS, reason, sizeof(reason)));
	assert_string_equal(reason,
			    "workflow work: its latency grows in the baseline, from a median "
			    "of 0.110 s in the first half to 0.221 s in the second");
	/* Within the slack, in too few units, and when it becomes less, it is no trend. */
	assert_true(steady(20, NS_PER_MS, 101 * NS_PER_MS, reason, sizeof(reason)));
	assert_false(steady(20, NS_PER_MS, 102 * NS_PER_MS, reason, sizeof(reason)));
	assert_true(steady(19, 30 * NS_PER_MS, 900 * NS_PER_MS, reason, sizeof(reason)));
	assert_true(steady(20, 900 * NS_PER_MS, 30 * NS_PER_MS, reason, sizeof(reason)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_trend)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
