/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/heap.h"

#include <errno.h>
#include <stdlib.h>

enum { HEAP_FIRST_ROOM = 64 };

static void put(struct heap *heap, size_t index, struct heap_entry *entry)
{
	heap->entries[index] = entry;
	entry->place = index + 1;
}

static void rise(struct heap *heap, size_t index)
{
	struct heap_entry *entry = heap->entries[index];

	while (index && heap->entries[(index - 1) / 2]->at > entry->at) {
		put(heap, index, heap->entries[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	put(heap, index, entry);
}

static void sink(struct heap *heap, size_t index)
{
	struct heap_entry *entry = heap->entries[index];

	for (;;) {
		size_t child = 2 * index + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
		    heap->entries[child + 1]->at < heap->entries[child]->at)
			child++;
		if (heap->entries[child]->at >= entry->at)
			break;
		put(heap, index, heap->entries[child]);
		index = child;
	}
	put(heap, index, entry);
}

int heap_reserve(struct heap *heap, size_t count)
{
	size_t room = heap->room ? heap->room : HEAP_FIRST_ROOM;
	struct heap_entry **larger;

	if (count <= heap->room)
		return 0;
	while (room < count)
		room *= 2;
	larger = reallocarray(heap->entries, room, sizeof(struct heap_entry *));
	if (!larger)
		return -ENOMEM;
	heap->entries = larger;
	heap->room = room;
	return 0;
}

int heap_set(struct heap *heap, struct heap_entry *entry, uint64_t at)
{
	entry->at = at;
	if (!entry->place) {
		int r = heap_reserve(heap, heap->count + 1);

		if (r)
			return r;
		put(heap, heap->count++, entry);
	}
	rise(heap, entry->place - 1);
	sink(heap, entry->place - 1);
	return 0;
}

void heap_remove(struct heap *heap, struct heap_entry *entry)
{
	size_t index = entry->place - 1;
	struct heap_entry *last;

	if (!entry->place)
		return;
	entry->place = 0;
	last = heap->entries[--heap->count];
	if (last == entry)
		return;
	put(heap, index, last);
	rise(heap, index);
	sink(heap, last->place - 1);
}

void heap_free(struct heap *heap)
{
	free(heap->entries);
	*heap = (struct heap){};
}
