/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server name in a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), bounded. */
#ifndef FAULTD_TLS_H
#define FAULTD_TLS_H

#include "kernel/text.h"

#define TLS_EXTENSIONS_MAX 64

enum tls_result {
	TLS_NAME = 0,	    /* a server name was found */
	TLS_NO_NAME = 1,    /* a whole ClientHello without one */
	TLS_NOT = 2,	    /* not a ClientHello */
	TLS_INCOMPLETE = 3, /* the record goes on in a later write */
	TLS_TOO_LONG = 4,   /* the name may stand beyond the parser's bound */
};

struct tls_hello {
	__u32 name_at, name_length; /* indices into the text */
	__u32 record_length;	    /* with its 5-byte header; 6 while that is not known */
	__u32 padding;
};

/* Position after the vector of one-byte length at `at`. */
FAULT_INLINE __u32 tls_skip8(const struct fault_text *text, __u32 at)
{
	return at + 1 + text_at(text, at);
}

FAULT_INLINE __u32 tls_skip16(const struct fault_text *text, __u32 at)
{
	return at + 2 + text_be16(text, at);
}

/* Walks the extensions from `at`; `end` is the hello's end, which may lie beyond the text. */
FAULT_INLINE int tls_find_name(const struct fault_text *text, struct tls_hello *hello, __u32 at,
			       __u32 end)
{
	__u32 i, length;

	for (i = 0; i < TLS_EXTENSIONS_MAX; i++) {
		if (at + 4 > end)
			return TLS_NO_NAME;
		if (at + 4 > text->length)
			return TLS_TOO_LONG;
		length = text_be16(text, at + 2);
		if (text_be16(text, at) == 0) {
			/* list length (2), type host_name (1), name length (2), name */
			if (length < 5 || text_at(text, at + 6) != 0)
				return TLS_NO_NAME;
			hello->name_at = at + 9;
			hello->name_length = text_be16(text, at + 7);
			if (hello->name_length + 5 > length)
				return TLS_NOT;
			return hello->name_at + hello->name_length > text->length ? TLS_TOO_LONG
										  : TLS_NAME;
		}
		at += 4 + length;
	}
	return TLS_TOO_LONG;
}

/* `size`: bytes of the whole message, of which the text holds the front. Returns enum tls_result.
 */
FAULT_SCAN int tls_parse_hello(const struct fault_text *text, struct tls_hello *hello, __u32 size)
{
	__u32 at, end;

	if (!text || !hello)
		return TLS_NOT;
	__builtin_memset(hello, 0, sizeof(*hello));
	if (text_at(text, 0) != 22 || text->length < 1)
		return TLS_NOT;
	hello->record_length = 6;
	if (text->length < 6)
		return TLS_INCOMPLETE;
	if (text_at(text, 1) != 3 || text_at(text, 5) != 1)
		return TLS_NOT;
	hello->record_length = 5 + text_be16(text, 3);
	if (size < hello->record_length)
		return TLS_INCOMPLETE;
	end = hello->record_length;
	at = 5 + 4 + 2 + 32;
	if (at >= text->length)
		return TLS_NOT;
	at = tls_skip8(text, at); /* session id */
	if (at + 2 > text->length)
		return TLS_NOT;
	at = tls_skip16(text, at); /* cipher suites */
	if (at + 1 > text->length)
		return at + 1 > end ? TLS_NOT : TLS_TOO_LONG;
	at = tls_skip8(text, at); /* compression methods */
	if (at + 2 > end)
		return TLS_NO_NAME;
	return tls_find_name(text, hello, at + 2, end);
}

#endif
