/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "kernel/contract.h"
#include "user/base/cleanup.h"
#include "user/gate/message.h"

static int add(struct message *message, const char *name, const char *value)
{
	return message_add(message, name, strlen(name), value, strlen(value));
}

static bool stays(const struct message *message, size_t index)
{
	return message_field_stays(message, &message->fields[index]);
}

static void test_fields(void **state)
{
	struct message message = MESSAGE_EMPTY;

	(void)state;
	assert_int_equal(add(&message, "X-One", "1"), 0);
	assert_int_equal(add(&message, "x-one", "2"), 0);
	assert_string_equal(message_value(&message, "x-one"), "1");
	assert_null(message_value(&message, "x-two"));
	assert_string_equal(message_text(&message, message.method), "");
	message_free(&message);
	assert_int_equal(message.content_length, -1);
}

static void test_content_length(void **state)
{
	static const char *const bad[] = {
		"", "-1", "+5", " 5", "5, 5", "0x5", "99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct message message = MESSAGE_EMPTY;

		assert_int_equal(add(&message, "Content-Length", bad[i]), -EBADMSG);
		message_free(&message);
	}
	struct message message = MESSAGE_EMPTY;

	assert_int_equal(add(&message, "CONTENT-length", "5"), 0);
	assert_int_equal(message.content_length, 5);
	assert_int_equal(add(&message, "Content-Length", "5"), 0);
	assert_int_equal(add(&message, "Content-Length", "6"), -EBADMSG);
	message_free(&message);
}

static void test_what_stays(void **state)
{
	struct message message = MESSAGE_EMPTY;

	(void)state;
	add(&message, "Connection", "close , X-Private");
	add(&message, "x-private", "1");
	add(&message, "X-Privat", "1");
	add(&message, "Transfer-Encoding", "chunked");
	add(&message, "Upgrade", "websocket");
	add(&message, "Authorization", "secret");
	assert_true(stays(&message, 0));
	assert_true(stays(&message, 1));
	assert_false(stays(&message, 2));
	assert_true(stays(&message, 3));
	assert_true(stays(&message, 4));
	assert_false(stays(&message, 5));
	message_free(&message);
}

static void test_bounds(void **state)
{
	struct message message = MESSAGE_EMPTY;
	static char value[MESSAGE_TEXT_MAX + 1];
	int count = 0;

	(void)state;
	while (add(&message, "a", "b") == 0)
		count++;
	assert_int_equal(count, MESSAGE_FIELDS_MAX);
	message_free(&message);
	memset(value, 'v', sizeof(value) - 1);
	assert_int_equal(add(&message, "a", value), -ENOBUFS);
	message_free(&message);
}

static void test_lists(void **state)
{
	(void)state;
	assert_true(message_list_has("a, Close ,b", "close", 5));
	assert_true(message_list_has("close", "close", 5));
	assert_false(message_list_has("closed", "close", 5));
	assert_false(message_list_has("", "close", 5));
	assert_false(message_list_has(" , ,", "close", 5));
}

static void test_methods(void **state)
{
	static const struct {
		const char *text;
		unsigned int number;
	} cases[] = {{"GET", FAULT_METHOD_GET},
		     {"OPTIONS", FAULT_METHOD_OPTIONS},
		     {"PATCH", FAULT_METHOD_PATCH},
		     {"get", FAULT_METHOD_OTHER},
		     {"PROPFIND", FAULT_METHOD_OTHER}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message message = MESSAGE_EMPTY;

		message_keep(&message, cases[i].text, strlen(cases[i].text), &message.method);
		assert_int_equal(message_method_number(&message), cases[i].number);
		message_free(&message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),	   cmocka_unit_test(test_content_length),
		cmocka_unit_test(test_what_stays), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_lists),	   cmocka_unit_test(test_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
