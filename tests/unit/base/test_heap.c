/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "user/base/heap.h"

enum { ENTRIES = 500, ROUNDS = 20000 };

struct owner {
	int number;
	struct heap_entry entry;
};

/* The earliest of those that are in, by looking at all. */
static uint64_t earliest(const struct owner *owners, size_t *ret_count)
{
	uint64_t at = UINT64_MAX;

	*ret_count = 0;
	for (size_t i = 0; i < ENTRIES; i++) {
		if (!owners[i].entry.place)
			continue;
		++*ret_count;
		if (owners[i].entry.at < at)
			at = owners[i].entry.at;
	}
	return at;
}

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223; /* Numerical Recipes' constants */
	return *state >> 8;
}

static void test_agrees_with_a_search(void **state)
{
	static struct owner owners[ENTRIES];
	struct heap heap = {};
	uint32_t random = 1;
	size_t count;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct owner *owner = &owners[draw(&random) % ENTRIES];
		uint64_t at;

		if (draw(&random) % 3)
			assert_int_equal(heap_set(&heap, &owner->entry, draw(&random) % 1000), 0);
		else
			heap_remove(&heap, &owner->entry);
		at = earliest(owners, &count);
		assert_int_equal(heap.count, count);
		if (count)
			assert_int_equal(heap_first(&heap)->at, at);
		else
			assert_null(heap_first(&heap));
	}
	heap_free(&heap);
}

static void test_comes_out_in_order(void **state)
{
	struct owner owners[] = {{.number = 3}, {.number = 1}, {.number = 2}, {.number = 4}};
	const uint64_t at[] = {30, 10, 20, UINT64_MAX - 1};
	struct heap heap = {};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(heap_set(&heap, &owners[i].entry, at[i]), 0);
	for (int number = 1; number <= 4; number++) {
		struct owner *owner = heap_owner(heap_first(&heap), struct owner, entry);

		assert_int_equal(owner->number, number);
		heap_remove(&heap, &owner->entry);
		assert_int_equal(owner->entry.place, 0);
		assert_int_equal(owner->entry.at, at[owner - owners]);
		heap_remove(&heap, &owner->entry);
	}
	assert_null(heap_first(&heap));
	heap_free(&heap);
}

static void test_reserved_room_is_enough(void **state)
{
	struct owner owners[100] = {};
	struct heap heap = {};
	struct heap_entry **room;

	(void)state;
	assert_int_equal(heap_reserve(&heap, 100), 0);
	assert_true(heap.room >= 100);
	room = heap.entries;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(heap_set(&heap, &owners[i].entry, 100 - i), 0);
	assert_ptr_equal(heap.entries, room);
	assert_int_equal(heap_first(&heap)->at, 1);
	heap_free(&heap);
	assert_int_equal(heap.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_a_search),
		cmocka_unit_test(test_comes_out_in_order),
		cmocka_unit_test(test_reserved_room_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
