/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The front of a message or packet, copied to memory that the parsers may index freely. Every index
 * is masked with FAULT_TEXT_MASK, which is what the verifier needs to see and costs one AND.
 */
#ifndef FAULTD_TEXT_H
#define FAULTD_TEXT_H

#include "kernel/contract.h"
#include "kernel/portable.h"

#define FAULT_TEXT_MAX	4096
#define FAULT_TEXT_MASK (FAULT_TEXT_MAX - 1)

struct fault_text {
	__u32 length; /* bytes that are filled, at most FAULT_TEXT_MAX */
	__u32 padding;
	__u8 bytes[FAULT_TEXT_MAX];
};

FAULT_INLINE __u8 text_at(const struct fault_text *text, __u32 index)
{
	index &= FAULT_TEXT_MASK;
	FAULT_OPAQUE(index);
	return text->bytes[index & FAULT_TEXT_MASK];
}

/* Big-endian 16 bits at `index`. */
FAULT_INLINE __u32 text_be16(const struct fault_text *text, __u32 index)
{
	return (__u32)text_at(text, index) << 8 | text_at(text, index + 1);
}

FAULT_INLINE __u32 text_be32(const struct fault_text *text, __u32 index)
{
	return text_be16(text, index) << 16 | text_be16(text, index + 2);
}

/* Whether `length` bytes of `lower`, folded to lower case, stand at `index`. The caller has checked
 * that they lie inside the text. `length` is a constant at every call. */
FAULT_INLINE int text_is(const struct fault_text *text, __u32 index, const char *lower,
			 __u32 length)
{
	__u32 i;

	FAULT_UNROLL
	for (i = 0; i < length; i++)
		if (byte_lower(text_at(text, index + i)) != (__u8)lower[i])
			return 0;
	return 1;
}

/*
 * Position of the first `wanted` at or after `start`, or text->length when there is none. One
 * branch a byte, because the verifier follows at most 8,192 open branches: a find beyond the
 * length, in bytes of an earlier message, is cut off at the end.
 */
FAULT_SCAN __u32 text_find(const struct fault_text *text, __u32 start, __u32 wanted)
{
	__u32 i;

	if (!text)
		return 0;
	for (i = 0; i < FAULT_TEXT_MAX; i++) {
		if (text_at(text, start + i) == (__u8)wanted)
			break;
	}
	i += start;
	return i < text->length ? i : text->length;
}

/*
 * Builds the key of map `names` from `length` bytes at `start`: reversed, lower-cased, a root dot
 * dropped, NUL at the end. 0, or -1 when there is no name that a rule could mean: empty, longer
 * than 253 bytes, beyond the text, an empty label in front, blanks or control bytes. A NUL in it
 * would pass for the end of an exact name.
 */
FAULT_SCAN int text_name_key(const struct fault_text *text, __u32 start, __u32 length,
			     struct fault_name_key *key)
{
	__u32 i;

	if (!text || !key)
		return -1;
	if (length && text_at(text, start + length - 1) == '.')
		length--;
	if (!length || length > FAULT_NAME_MAX - 3 || start > FAULT_TEXT_MAX ||
	    start + length > text->length || text_at(text, start) == '.')
		return -1;
	for (i = 0; i < FAULT_NAME_MAX - 1; i++) {
		__u8 byte = text_at(text, start + length - 1 - i);

		if (i >= length)
			break;
		if (byte <= ' ')
			return -1;
		FAULT_OPAQUE(i);
		key->name[i & (FAULT_NAME_MAX - 1)] = byte_lower(byte);
	}
	key->name[length & (FAULT_NAME_MAX - 1)] = 0;
	key->length = (length + 1) * 8;
	return 0;
}

/* Builds the key of map `paths` from the first bytes of a request target. */
FAULT_SCAN int text_path_key(const struct fault_text *text, __u32 start, __u32 length,
			     struct fault_path_key *key)
{
	__u32 i;

	if (!text || !key)
		return -1;
	if (length > FAULT_PATH_MAX)
		length = FAULT_PATH_MAX;
	for (i = 0; i < FAULT_PATH_MAX; i++) {
		if (i >= length)
			break;
		FAULT_OPAQUE(i);
		key->path[i & (FAULT_PATH_MAX - 1)] = text_at(text, start + i);
	}
	key->length = length * 8;
	return 0;
}

#endif
