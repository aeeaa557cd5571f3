/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "user/base/clock.h"
#include "user/gate/exchange.h"

static void test_refusal(void **state)
{
	struct exchange *exchange = exchange_new();

	(void)state;
	assert_int_equal(buffer_append(&exchange->down, "stale", 5), 0);
	assert_int_equal(exchange_refuse(exchange, 502, "Bad Gateway", "no"), 0);
	assert_int_equal(exchange->response.status, 502);
	assert_string_equal(message_value(&exchange->response, "faultd-gate"), "no");
	assert_int_equal(exchange->answer_length, 11);
	assert_memory_equal(exchange->answer, "faultd: no\n", 11);
	assert_int_equal(exchange->down.length, 0);
	assert_false(exchange_body_is_over(exchange));
	exchange_body_drop(exchange, 11);
	assert_true(exchange_body_is_over(exchange));
	exchange_free(exchange);
	exchange_free(NULL);
}

/* Takes all that is due, as often as it wakes, until `until`; bytes taken. */
static size_t take_until(struct exchange *exchange, uint64_t *now, uint64_t until)
{
	size_t taken = 0;

	for (;;) {
		const uint8_t *bytes;
		uint64_t wake_at = 0;
		size_t length = exchange_body(exchange, *now, &bytes, &wake_at);

		if (length > 0) {
			exchange_body_drop(exchange, length);
			taken += length;
		} else if (wake_at && wake_at <= until) {
			assert_true(wake_at > *now);
			*now = wake_at;
		} else {
			return taken;
		}
	}
}

static void test_rates(void **state)
{
	static const uint64_t rates[] = {1, 7, 1000, 123457, 1000000};
	static uint8_t body[10000000];

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		const struct gate_rule rule = {.drip_rate = rates[i]};
		struct exchange *exchange = exchange_new();
		uint64_t now = 5 * NS_PER_S, seconds = 9;
		size_t taken;

		exchange->rule = &rule;
		exchange->answer = body;
		exchange->answer_length = sizeof(body);
		taken = take_until(exchange, &now, now + seconds * NS_PER_S);
		assert_in_range(taken, rates[i] * seconds - rates[i] / 20 - 1, rates[i] * seconds);
		exchange_free(exchange);
	}
}

/* Where the body comes slower than the drip, nothing is saved up beyond what is due. */
static void test_end_of_body(void **state)
{
	const struct gate_rule rule = {.drip_rate = 1000};
	struct exchange *exchange = exchange_new();
	uint64_t now = NS_PER_S;

	(void)state;
	exchange->rule = &rule;
	assert_int_equal(buffer_append(&exchange->down, "abc", 3), 0);
	exchange->response_complete = true;
	/* The last bytes are fewer than a drop, and go when they are due. */
	assert_int_equal(take_until(exchange, &now, 2 * NS_PER_S), 3);
	assert_in_range(now, NS_PER_S + 3 * NS_PER_MS, NS_PER_S + 4 * NS_PER_MS);
	assert_true(exchange_body_is_over(exchange));
	exchange_free(exchange);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_end_of_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
