/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/experiment/plan.h"

static void test_strings(void **state)
{
	struct strings strings = {0};

	(void)state;
	assert_int_equal(strings_add(&strings, "one"), 0);
	assert_int_equal(strings_add(&strings, "two"), 0);
	assert_int_equal(strings.count, 2);
	assert_string_equal(strings.items[0], "one");
	assert_string_equal(strings.items[1], "two");
	strings_free(&strings);
	assert_int_equal(strings.count, 0);
	assert_null(strings.items);
}

static void test_effects(void **state)
{
	static const char *const names[FAULT_EFFECT_COUNT] = {
		NULL,	  "refuse",   "unreachable", "drop", "loss",	    "hang",
		"answer", "alert",    "reset",	     "cut",  "stall",	    "rate",
		"dns",	  "overload", "delay",	     "drip", "certificate", "corrupt"};
	enum fault_effect effect = FAULT_EFFECT_NONE;

	(void)state;
	assert_null(plan_effect_name(FAULT_EFFECT_NONE));
	assert_null(plan_effect_name(FAULT_EFFECT_COUNT));
	for (int i = 1; i < FAULT_EFFECT_COUNT; i++) {
		assert_string_equal(plan_effect_name((enum fault_effect)i), names[i]);
		assert_int_equal(plan_effect_by_name(names[i], &effect), 0);
		assert_int_equal(effect, i);
	}
	assert_int_equal(plan_effect_by_name("quake", &effect), -ENOENT);
}

static void test_words(void **state)
{
	enum fault_dns dns = FAULT_DNS_DROP;
	enum fault_reset reset_at = FAULT_RESET_CONNECT;

	(void)state;
	assert_int_equal(plan_dns_by_name("nxdomain", &dns), 0);
	assert_int_equal(dns, 3);
	assert_string_equal(plan_dns_name(FAULT_DNS_REFUSED), "refused");
	assert_string_equal(plan_dns_name(FAULT_DNS_DROP), "drop");
	assert_null(plan_dns_name((enum fault_dns)1));
	assert_null(plan_dns_name((enum fault_dns)6));
	assert_int_equal(plan_dns_by_name("", &dns), -ENOENT);
	assert_int_equal(plan_reset_by_name("live", &reset_at), 0);
	assert_int_equal(reset_at, FAULT_RESET_LIVE);
	assert_string_equal(plan_reset_name(FAULT_RESET_REQUEST), "request");
	assert_null(plan_reset_name((enum fault_reset)3));
	assert_int_equal(plan_reset_by_name("never", &reset_at), -ENOENT);
}

static void test_gate_words(void **state)
{
	unsigned int value = 77;

	(void)state;
	assert_int_equal(plan_distribution_by_name("pareto", &value), 0);
	assert_int_equal(value, PLAN_DISTRIBUTION_PARETO);
	assert_string_equal(plan_distribution_name(PLAN_DISTRIBUTION_UNIFORM), "uniform");
	assert_null(plan_distribution_name(PLAN_DISTRIBUTION_COUNT));
	assert_int_equal(plan_distribution_by_name("", &value), -ENOENT);
	assert_int_equal(plan_certificate_by_name("wrong-name", &value), 0);
	assert_int_equal(value, PLAN_CERTIFICATE_WRONG_NAME);
	assert_string_equal(plan_certificate_name(PLAN_CERTIFICATE_EXPIRED), "expired");
	assert_null(plan_certificate_name(PLAN_CERTIFICATE_NONE));
	assert_int_equal(plan_certificate_by_name("good", &value), -ENOENT);
}

/* What the kernel hands over, by what a rule says. */
static void test_gate_bits(void **state)
{
	static const struct {
		struct plan_rule rule;
		uint8_t gate;
	} cases[] = {
		{{.effect = FAULT_EFFECT_REFUSE}, 0},
		{{.effect = FAULT_EFFECT_ANSWER}, 0},
		{{.effect = FAULT_EFFECT_ANSWER, .terminate = true}, FAULT_GATE_TLS},
		{{.effect = FAULT_EFFECT_ANSWER, .expand = true}, FAULT_GATE_HTTP},
		{{.effect = FAULT_EFFECT_ANSWER, .terminate = true, .expand = true},
		 FAULT_GATE_TLS | FAULT_GATE_HTTP},
		{{.effect = FAULT_EFFECT_DELAY}, FAULT_GATE_EACH},
		{{.effect = FAULT_EFFECT_DELAY, .delay.at_connect = true}, FAULT_GATE_FIRST},
		{{.effect = FAULT_EFFECT_DRIP}, FAULT_GATE_HTTP},
		{{.effect = FAULT_EFFECT_DRIP, .terminate = true},
		 FAULT_GATE_HTTP | FAULT_GATE_TLS},
		{{.effect = FAULT_EFFECT_CERTIFICATE}, FAULT_GATE_TLS},
		{{.effect = FAULT_EFFECT_CORRUPT}, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(plan_rule_gate(&cases[i].rule), cases[i].gate);
}

static void test_layers(void **state)
{
	(void)state;
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_REFUSE, 0), PLAN_LAYER_CONNECT);
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_STALL, 0), PLAN_LAYER_PACKET);
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_CUT, 0), PLAN_LAYER_LINK);
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_ALERT, 0), PLAN_LAYER_MESSAGE);
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_NONE, 0), PLAN_LAYER_NONE);
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_COUNT, 0), PLAN_LAYER_NONE);
	/* An overload is of the layer that it rejects by. */
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_REFUSE),
			 PLAN_LAYER_CONNECT);
	assert_int_equal(plan_effect_layer(FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_HANG),
			 PLAN_LAYER_MESSAGE);
	assert_true(plan_effect_answers(FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_ANSWER));
	assert_true(plan_effect_answers(FAULT_EFFECT_ANSWER, FAULT_EFFECT_NONE));
	assert_false(plan_effect_answers(FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_HANG));
	assert_true(plan_effect_sees_http(FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_HANG));
	assert_false(plan_effect_sees_http(FAULT_EFFECT_OVERLOAD, FAULT_EFFECT_REFUSE));
	assert_int_equal(plan_effect_protocols(FAULT_EFFECT_DNS, 0), 2);
	assert_int_equal(plan_effect_protocols(FAULT_EFFECT_LOSS, 0), 3);
	assert_int_equal(plan_effect_protocols(FAULT_EFFECT_RATE, 0), 1);
}

static void test_alerts(void **state)
{
	uint8_t alert = 0;
	size_t count = 0;

	(void)state;
	assert_int_equal(plan_alert_by_name("handshake_failure", &alert), 0);
	assert_int_equal(alert, 40);
	assert_int_equal(plan_alert_by_name("unrecognized_name", &alert), 0);
	assert_int_equal(alert, 112);
	assert_string_equal(plan_alert_name(112), "unrecognized_name");
	assert_int_equal(plan_alert_by_name("close_notify", &alert), -ENOENT);
	assert_null(plan_alert_name(0));
	while (plan_alert_at(count))
		count++;
	assert_int_equal(count, 25);
}

static void render(const struct plan_rule *rule, bool close, const char *expected)
{
	_cleanup_free_ struct fault_answer *answer = calloc(1, sizeof(*answer));

	assert_non_null(answer);
	assert_int_equal(plan_render_answer(rule, close, answer), 0);
	assert_int_equal(answer->length, strlen(expected));
	assert_memory_equal(answer->bytes, expected, answer->length);
	assert_int_equal(answer->header_length, answer->length - rule->body_length);
}

static void test_render(void **state)
{
	struct plan_rule rule = {
		.status = 429,
		.headers = (char *)"Retry-After: 5\r\nX-A: b\r\n",
		.body = (char *)"slow down",
		.body_length = 9,
	};

	(void)state;
	render(&rule, false,
	       "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nX-A: b\r\n"
	       "Content-Length: 9\r\nConnection: keep-alive\r\n\r\nslow down");
	render(&rule, true,
	       "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nX-A: b\r\n"
	       "Content-Length: 9\r\nConnection: close\r\n\r\nslow down");
}

static void test_render_without_body(void **state)
{
	struct plan_rule rule = {.status = 204};

	(void)state;
	render(&rule, false, "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n");
	rule.status = 299;
	render(&rule, true, "HTTP/1.1 299 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	rule.reason = (char *)"Public access is not permitted";
	rule.status = 409;
	render(&rule, true,
	       "HTTP/1.1 409 Public access is not permitted\r\nContent-Length: 0\r\n"
	       "Connection: close\r\n\r\n");
}

static void test_render_too_long(void **state)
{
	_cleanup_free_ struct fault_answer *answer = calloc(1, sizeof(*answer));
	/* Head of the keep-alive variant: 17 + 22 + 26 bytes; of the other: 17 + 22 + 21. */
	_cleanup_free_ char *body = calloc(1, FAULT_ANSWER_MAX);
	struct plan_rule rule = {.status = 200, .body = body, .body_length = FAULT_ANSWER_MAX - 65};

	(void)state;
	assert_non_null(answer);
	answer->length = 77;
	assert_int_equal(plan_render_answer(&rule, false, answer), 0);
	assert_int_equal(answer->length, FAULT_ANSWER_MAX);
	rule.body_length++;
	answer->length = 77;
	assert_int_equal(plan_render_answer(&rule, false, answer), -EMSGSIZE);
	assert_int_equal(answer->length, 77);
	assert_int_equal(plan_render_answer(&rule, true, answer), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_gate_words),
		cmocka_unit_test(test_gate_bits),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_alerts),
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_render_without_body),
		cmocka_unit_test(test_render_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
