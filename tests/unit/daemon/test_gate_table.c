/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/gate_state.h"

enum { TOTAL = 3 * GATE_PIECE_SIZE + 7 };

/* What byte `at` of a long series is. */
static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 31 + at / 251);
}

/* Adds bytes `from` to `to` of the series. */
static void add(struct gate *gate, struct gate_bytes *buffer, size_t from, size_t to)
{
	static unsigned char bytes[TOTAL];

	for (size_t i = from; i < to; i++)
		bytes[i - from] = byte_at(i);
	assert_int_equal(gate_bytes_add(gate, buffer, bytes, to - from), 0);
}

/* Takes bytes `from` to `to`, at most `most` at a time. */
static void take(struct gate *gate, struct gate_bytes *buffer, size_t from, size_t to, size_t most)
{
	while (from < to) {
		size_t length;
		const unsigned char *bytes = gate_bytes_front(buffer, &length);

		assert_non_null(bytes);
		assert_true(length > 0);
		length = length < most ? length : most;
		length = length < to - from ? length : to - from;
		for (size_t i = 0; i < length; i++)
			assert_int_equal(bytes[i], byte_at(from + i));
		gate_bytes_take(gate, buffer, length);
		from += length;
	}
}

static void test_bytes_keep_their_order(void **state)
{
	struct gate gate = {};
	struct gate_bytes buffer = {};

	(void)state;
	add(&gate, &buffer, 0, 10);
	add(&gate, &buffer, 10, GATE_PIECE_SIZE + 5);
	take(&gate, &buffer, 0, 100, 7);
	add(&gate, &buffer, GATE_PIECE_SIZE + 5, TOTAL);
	assert_int_equal(buffer.length, TOTAL - 100);
	assert_int_equal(gate.held, TOTAL - 100);
	take(&gate, &buffer, 100, TOTAL, 16384);
	assert_int_equal(buffer.length, 0);
	assert_int_equal(gate.held, 0);
	assert_null(buffer.first);
	assert_null(buffer.last);
	add(&gate, &buffer, 0, 3);
	take(&gate, &buffer, 0, 3, 3);
}

static void test_nothing_is_there(void **state)
{
	const struct gate_bytes buffer = {};
	size_t length = 5;

	(void)state;
	assert_null(gate_bytes_front(&buffer, &length));
	assert_int_equal(length, 0);
}

static void test_bytes_are_freed(void **state)
{
	struct gate gate = {.held = 11};
	struct gate_bytes buffer = {};

	(void)state;
	add(&gate, &buffer, 0, TOTAL);
	take(&gate, &buffer, 0, 1, 1);
	gate_bytes_free(&gate, &buffer);
	assert_int_equal(gate.held, 11);
	assert_int_equal(buffer.length, 0);
	assert_null(buffer.first);
	gate_bytes_free(&gate, &buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_keep_their_order),
		cmocka_unit_test(test_nothing_is_there),
		cmocka_unit_test(test_bytes_are_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
