/* SPDX-License-Identifier: Apache-2.0 */
/* Builds ClientHellos, right ones and such as no client sends. */
#ifndef TESTS_UNIT_KERNEL_BUILD_TLS_H
#define TESTS_UNIT_KERNEL_BUILD_TLS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/kernel/hellos.h"

enum {
	HELLO_MAX = 32768,
	HELLO_RECORD_AT = 3, /* length of the record's payload, 2 bytes */
	HELLO_LENGTH_AT = 6, /* length of the handshake message, 3 bytes */
	HELLO_SESSION_AT = 43,
	HELLO_CIPHERS_AT = 76, /* behind a session id of 32 bytes */
};

struct hello {
	size_t length;
	size_t extensions_at; /* where their common length stands; 0: none */
	uint8_t bytes[HELLO_MAX];
};

static inline void hello_poke(struct hello *hello, size_t at, size_t width, size_t value)
{
	while (width--) {
		hello->bytes[at + width] = (uint8_t)value;
		value >>= 8;
	}
}

static inline void hello_put(struct hello *hello, size_t width, size_t value)
{
	hello_poke(hello, hello->length, width, value);
	hello->length += width;
}

static inline void hello_put_bytes(struct hello *hello, uint8_t byte, size_t count)
{
	memset(hello->bytes + hello->length, byte, count);
	hello->length += count;
}

/* Sets the lengths that the bytes so far call for. */
static inline void hello_end(struct hello *hello)
{
	hello_poke(hello, HELLO_RECORD_AT, 2, hello->length - 5);
	hello_poke(hello, HELLO_LENGTH_AT, 3, hello->length - 9);
	if (hello->extensions_at)
		hello_poke(hello, hello->extensions_at, 2,
			   hello->length - hello->extensions_at - 2);
}

/* A hello up to its compression methods: without extensions, as it stands. */
static inline void hello_begin(struct hello *hello, size_t session, size_t ciphers)
{
	hello->length = 0;
	hello->extensions_at = 0;
	hello_put(hello, 3, 0x160301);
	hello_put(hello, 2, 0);
	hello_put(hello, 1, 1);
	hello_put(hello, 3, 0);
	hello_put(hello, 2, 0x0303);
	hello_put_bytes(hello, 0x5a, 32);
	hello_put(hello, 1, session);
	hello_put_bytes(hello, 0x73, session);
	hello_put(hello, 2, ciphers);
	hello_put_bytes(hello, 0x13, ciphers);
	hello_put(hello, 2, 0x0100);
	hello_end(hello);
}

/* An extension of `length` bytes that are all 0, which a lost parser takes for a server_name. */
static inline void hello_extension(struct hello *hello, unsigned type, size_t length)
{
	if (!hello->extensions_at) {
		hello->extensions_at = hello->length;
		hello_put(hello, 2, 0);
	}
	hello_put(hello, 2, type);
	hello_put(hello, 2, length);
	hello_put_bytes(hello, 0, length);
	hello_end(hello);
}

/* Returns where the extension's data begins: list length, name type, name length, name. */
static inline size_t hello_name(struct hello *hello, const char *name)
{
	size_t length = strlen(name), at;

	hello_extension(hello, 0, length + 5);
	at = hello->length - length - 5;
	hello_poke(hello, at, 2, length + 3);
	hello_poke(hello, at + 3, 2, length);
	memcpy(hello->bytes + at + 5, name, length);
	return at;
}

static inline uint8_t hello_digit(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static inline void hello_real(struct hello *hello, size_t index)
{
	const char *hex = real_hellos[index].hex;

	hello->extensions_at = 0;
	hello->length = real_hellos[index].length;
	for (size_t i = 0; i < hello->length; i++)
		hello->bytes[i] =
			(uint8_t)(hello_digit(hex[2 * i]) << 4 | hello_digit(hex[2 * i + 1]));
}

#endif
