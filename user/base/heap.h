/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instants in order: a binary heap of entries that are embedded in what they stand for. Setting,
 * moving and removing one take O(log n), looking at the earliest O(1).
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: in no heap. */
struct heap_entry {
	uint64_t at;  /* ns of the clock that its users agree on */
	size_t place; /* counted from 1; 0: in no heap */
};

/* Zeroed: empty. The entries stay their owners'. */
struct heap {
	struct heap_entry **entries; /* the earliest first */
	size_t count, room;
};

/* Puts an entry in, or moves the one that is in. 0, or -ENOMEM with the entry in no heap; its `at`
 * is set in either case. */
int heap_set(struct heap *heap, struct heap_entry *entry, uint64_t at);

/* Makes room for `count` entries: setting no more than these cannot fail. 0 or -ENOMEM. */
int heap_reserve(struct heap *heap, size_t count);

/* Takes an entry out; harmless when it is in no heap. `at` stays. */
void heap_remove(struct heap *heap, struct heap_entry *entry);

/* The earliest, or NULL. */
static inline struct heap_entry *heap_first(const struct heap *heap)
{
	return heap->count ? heap->entries[0] : NULL;
}

/* What an entry is embedded in, as `member` of a `type`. */
#define heap_owner(entry, type, member) ((type *)(void *)((char *)(entry)-offsetof(type, member)))

/* Frees what the heap itself holds. */
void heap_free(struct heap *heap);

#endif
