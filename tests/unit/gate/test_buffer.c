/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/gate/buffer.h"

static void test_queue(void **state)
{
	struct buffer buffer = {.limit = 10};
	char bytes[16];

	(void)state;
	assert_int_equal(buffer_append(&buffer, "abcdef", 6), 0);
	assert_int_equal(buffer_room(&buffer), 4);
	assert_int_equal(buffer_append(&buffer, "ghijk", 5), -ENOBUFS);
	assert_int_equal(buffer.length, 6);
	assert_int_equal(buffer_take(&buffer, bytes, 4), 4);
	assert_memory_equal(bytes, "abcd", 4);
	assert_int_equal(buffer_append(&buffer, "ghijklmn", 8), 0);
	assert_int_equal(buffer_take(&buffer, bytes, sizeof(bytes)), 10);
	assert_memory_equal(bytes, "efghijklmn", 10);
	assert_int_equal(buffer_take(&buffer, bytes, sizeof(bytes)), 0);
	buffer_free(&buffer);
	assert_int_equal(buffer.limit, 10);
}

/* Bytes stay in order over many rounds in which the front moves and the memory grows. */
static void test_rounds(void **state)
{
	struct buffer buffer = {.limit = 5000};
	unsigned char in = 0, out = 0, bytes[777];

	(void)state;
	for (size_t round = 0; round < 2000; round++) {
		size_t wanted = round * 31 % sizeof(bytes), got;

		if (wanted > buffer_room(&buffer))
			wanted = buffer_room(&buffer);
		for (size_t i = 0; i < wanted; i++)
			bytes[i] = in++;
		assert_int_equal(buffer_append(&buffer, bytes, wanted), 0);
		got = buffer_take(&buffer, bytes, round * 17 % sizeof(bytes));
		for (size_t i = 0; i < got; i++)
			assert_int_equal(bytes[i], out++);
	}
	assert_true(buffer.size <= 8192);
	buffer_free(&buffer);
}

static void test_empty(void **state)
{
	struct buffer buffer = {0};
	uint8_t *end;

	(void)state;
	assert_int_equal(buffer_append(&buffer, "", 0), 0);
	assert_int_equal(buffer_append(&buffer, "a", 1), -ENOBUFS);
	assert_int_equal(buffer_reserve(&buffer, 1, &end), -ENOBUFS);
	buffer_drop(&buffer, 100);
	buffer_free(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
