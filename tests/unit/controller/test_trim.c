/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"
#include "tests/unit/controller/story.h"
#include "user/controller/trim.h"

/* Gives `live` the units of `whole` that end by `now`. */
static void take(const struct history *whole, struct history *live, size_t *given, uint64_t now)
{
	for (; *given < whole->units_count && whole->units[*given].ended_at <= now; ++*given)
		assert_int_equal(history_add_unit(live, &whole->units[*given]), 0);
}

/* When the recover step of a story would end, 0: never; with what a run remembers, or with all. */
static uint64_t settles(const struct history *whole, bool trimmed, size_t *ret_most)
{
	struct history live = *whole;
	size_t given = 0;
	uint64_t at = 0;

	live.units = NULL;
	live.units_count = live.units_size = 0;
	*ret_most = 0;
	for (uint64_t now = whole->started_at; now <= whole->ended_at && !at;
	     now += 100 * NS_PER_MS) {
		take(whole, &live, &given, now);
		if (trimmed && now > whole->windows[0].starts_at)
			trim_units(&live, now - trim_horizon(whole, 0));
		if (live.units_count > *ret_most)
			*ret_most = live.units_count;
		if (now >= whole->windows[0].ended_last && analysis_settled(&live, now))
			at = now;
	}
	free(live.units);
	return at;
}

/* What is forgotten changes nothing: the recover step ends at the same moment. */
static void test_same_end(void **state)
{
	struct story story = {
		.every = MS(200),
		.ok_takes = MS(5),
		.fail_takes = MS(900),
		.attempts = 2,
		.backoff = MS(100),
		.before = MS(10000),
		.during = MS(60000),
		.after = MS(120000),
	};

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		int64_t until = MS(1000) * (int64_t)(seed % 8) * 10;
		size_t whole_most, most;
		struct history history;
		uint64_t whole;

		story.seed = seed;
		/* Hit from the beginning, only at the end, in between, or not at all. */
		story.outages[0] = (struct outage){MS(-60000) + MS(1400) * (int64_t)seed, until};
		story.outages[1] = (struct outage){until + MS(2000), until + MS(2000 + 50 * seed)};
		if (seed % 5 == 4)
			story.outages[0] = story.outages[1] = (struct outage){0, 0};
		story_play(&story, &history);
		whole = settles(&history, false, &whole_most);
		assert_int_equal(settles(&history, true, &most), whole);
		/* The horizon is 2 * 5 s + 2 * 0.9 s + 10 s; of the baseline nothing stays. */
		assert_true(most <= 5 * 25);
		assert_true(whole_most > 5 * 60);
		history_free(&history);
	}
}

static void test_marks(void **state)
{
	struct history history = {0};
	const struct window windows[] = {{.starts_at = 1000}, {.starts_at = 5000}};
	static const struct unit units[] = {
		{.number = 0, .ended_at = 500, .class = CLASS_RESET},
		{.number = 1, .ended_at = 1500},
		{.number = 2, .ended_at = 2000, .class = CLASS_RESET},
		{.number = 3, .ended_at = 2500, .class = CLASS_RESET},
		{.number = 4, .ended_at = 3000, .class = CLASS_RESET, .workflow = 1},
		{.number = 5, .ended_at = 6000, .class = CLASS_RESET},
		{.number = 6, .ended_at = 6500, .class = CLASS_RESET},
		{.number = 7, .ended_at = 7000},
	};
	static const uint64_t left[] = {2, 4, 5, 7};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		assert_int_equal(history_add_unit(&history, &units[i]), 0);
	trim_units(&history, 7000);
	assert_int_equal(history.units_count, ARRAY_SIZE(units)); /* it is all baseline yet */
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++)
		assert_int_equal(history_add_window(&history, &windows[i]), 0);
	for (int i = 0; i < 2; i++) {
		trim_units(&history, 7000);
		assert_int_equal(history.units_count, ARRAY_SIZE(left));
		for (size_t j = 0; j < ARRAY_SIZE(left); j++)
			assert_int_equal(history.units[j].number, left[j]);
	}
	history_free(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_end),
		cmocka_unit_test(test_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
