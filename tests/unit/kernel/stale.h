/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts as the kernel has them: a message's front in a buffer that still holds the bytes of earlier
 * messages behind it. What a parser says must not depend on those.
 */
#ifndef TESTS_UNIT_KERNEL_STALE_H
#define TESTS_UNIT_KERNEL_STALE_H

#include <stddef.h>
#include <string.h>

#include "kernel/text.h"

#define STALE_TEXT(bytes)                                                                          \
	{                                                                                          \
		(bytes), sizeof(bytes) - 1                                                         \
	}

/* What earlier messages left: repeated to the buffer's end. Each would complete or change what a
 * parser that runs past the end is reading. */
static const struct {
	const char *bytes;
	size_t length;
} stale_patterns[] = {
	STALE_TEXT("\0"),
	STALE_TEXT("\xff"),
	STALE_TEXT("\n"),
	STALE_TEXT("\r\n\r\n"),
	STALE_TEXT(" "),
	STALE_TEXT("9"),
	STALE_TEXT(":/"),
	STALE_TEXT("GET / HTTP/1.1\r\nHost: stale.example\r\nContent-Length: 7\r\n\r\n"),
	STALE_TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n"),
	STALE_TEXT("\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03"),
	STALE_TEXT("\x00\x00\x00\x0c\x00\x0a\x00\x00\x07stale.e"),
	STALE_TEXT("\x05stale\x07"
		   "example\0\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"),
};

#define STALE_COUNT (sizeof(stale_patterns) / sizeof(stale_patterns[0]))

/* Puts the first `length` of `bytes` (what lies beyond FAULT_TEXT_MAX is cut off, as in the kernel)
 * into `text`, behind them pattern number `stale`. */
static inline void stale_fill(struct fault_text *text, const void *bytes, size_t length,
			      size_t stale)
{
	size_t size = stale_patterns[stale].length, room;
	__u8 *behind;

	if (length > FAULT_TEXT_MAX)
		length = FAULT_TEXT_MAX;
	room = FAULT_TEXT_MAX - length;
	behind = text->bytes + length;
	if (length)
		memcpy(text->bytes, bytes, length);
	/* What is there already, doubled each time: a whole number of patterns. */
	for (size_t done = 0; done < room;) {
		size_t next = done ? done : size;

		if (next > room - done)
			next = room - done;
		memcpy(behind + done, done ? (const void *)behind : stale_patterns[stale].bytes,
		       next);
		done += next;
	}
	text->length = (__u32)length;
	text->padding = 0;
}

#endif
