/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "kernel/contract.h"
#include "user/base/cleanup.h"
#include "user/gate/answer.h"

static struct exchange *asked(const char *method, const char *host, const char *target)
{
	struct exchange *exchange = exchange_new();
	struct message *request = &exchange->request;

	assert_int_equal(message_keep(request, method, strlen(method), &request->method), 0);
	assert_int_equal(message_keep(request, host, strlen(host), &request->authority), 0);
	assert_int_equal(message_keep(request, target, strlen(target), &request->target), 0);
	return exchange;
}

static const char *body_of(const struct exchange *exchange)
{
	static char text[1024];

	assert_true(exchange->answer_length < sizeof(text));
	memcpy(text, exchange->answer, exchange->answer_length);
	text[exchange->answer_length] = '\0';
	return text;
}

static void test_as_it_stands(void **state)
{
	static const char body[] = "a ${path} \0 b";
	const struct gate_rule rule = {.status = 409,
				       .reason = "No",
				       .headers = "A: b\r\nC:d:e\r\nEmpty:\r\n",
				       .body = body,
				       .body_length = sizeof(body) - 1};
	struct exchange *exchange = asked("GET", "one.test", "/x");

	(void)state;
	assert_int_equal(answer_make(exchange, &rule, 1), 0);
	assert_ptr_equal(exchange->answer, body);
	assert_int_equal(exchange->answer_length, sizeof(body) - 1);
	assert_int_equal(exchange->response.content_length, sizeof(body) - 1);
	assert_int_equal(exchange->response.status, 409);
	assert_string_equal(message_text(&exchange->response, exchange->response.reason), "No");
	assert_string_equal(message_value(&exchange->response, "a"), "b");
	assert_string_equal(message_value(&exchange->response, "c"), "d:e");
	assert_string_equal(message_value(&exchange->response, "empty"), "");
	assert_int_equal(exchange->stage, EXCHANGE_SETTLED);
	exchange_free(exchange);
}

static void test_filled_in(void **state)
{
	static const char body[] = "${method} ${host}${path} ${other} ${ ${request-id";
	const struct gate_rule rule = {.status = 200,
				       .headers = "X-Path: ${path}\r\nX-Id: ${request-id}\r\n"
						  "X-Time: ${time}\r\n",
				       .body = body,
				       .body_length = sizeof(body) - 1,
				       .expand = true};
	struct exchange *exchange = asked("GET", "one.test", "/x?a=\"<b>&c'\\");
	const char *id, *time;

	(void)state;
	assert_int_equal(answer_make(exchange, &rule, 0x0123456789abcdefULL), 0);
	assert_string_equal(body_of(exchange),
			    "GET one.test/x?a=%22%3Cb%3E%26c%27%5C ${other} ${ ${request-id");
	assert_int_equal(exchange->response.content_length, exchange->answer_length);
	assert_string_equal(message_value(&exchange->response, "x-path"),
			    "/x?a=%22%3Cb%3E%26c%27%5C");
	id = message_value(&exchange->response, "x-id");
	assert_int_equal(strlen(id), 36);
	assert_memory_equal(id, "01234567-89ab-4def-", 19);
	time = message_value(&exchange->response, "x-time");
	assert_int_equal(strlen(time), 24);
	assert_int_equal(time[23], 'Z');
	exchange_free(exchange);
}

static void test_bounds(void **state)
{
	static char path[20000];
	const struct gate_rule rule = {.status = 200,
				       .headers = "A: ${path}\r\nB: ${path}\r\n",
				       .body = "",
				       .body_length = 0,
				       .expand = true};
	struct exchange *exchange;

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	exchange = asked("GET", "one.test", path);
	assert_int_equal(answer_make(exchange, &rule, 1), -ENOBUFS);
	exchange_free(exchange);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_stands),
		cmocka_unit_test(test_filled_in),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
