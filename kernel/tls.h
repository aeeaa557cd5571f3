/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The server name in a TLS ClientHello (RFC 8446, 4.1.2; RFC 6066, 3), bounded. */
#ifndef FAULTD_TLS_H
#define FAULTD_TLS_H

#include "kernel/text.h"

#define TLS_EXTENSIONS_MAX 64
#define TLS_RECORD_MAX	   16384 /* bytes of a plaintext record (RFC 8446, 5.1) */

enum tls_result {
	TLS_NAME = 0,	    /* a server name was found */
	TLS_NO_NAME = 1,    /* a whole ClientHello without one */
	TLS_NOT = 2,	    /* not a ClientHello, or none that a server would accept */
	TLS_INCOMPLETE = 3, /* the record goes on in a later write */
	TLS_TOO_LONG = 4,   /* the name may stand beyond the parser's bound, or in another record */
};

struct tls_hello {
	__u32 name_at, name_length; /* indices into the text */
	__u32 record_length;	    /* with its 5-byte header; 6 while that is not known */
	__u32 end;		    /* of the hello, or of the record where that ends first */
	__u32 overrun;		    /* enum tls_result of a hello that reaches beyond `end` */
	__u32 padding;
};

enum { TLS_WITHIN = -1 };

/* TLS_WITHIN when all bytes before `reach` are at hand, otherwise the enum tls_result. */
FAULT_INLINE int tls_within(const struct fault_text *text, const struct tls_hello *hello,
			    __u32 reach)
{
	if (reach > hello->end)
		return (int)hello->overrun;
	return reach > text->length ? TLS_TOO_LONG : TLS_WITHIN;
}

/* Takes the name from the `length` bytes of a server_name extension at `at`. */
FAULT_SCAN int tls_take_name(const struct fault_text *text, struct tls_hello *hello, __u32 at,
			     __u32 length)
{
	__u32 name_length;
	int result;

	/* List length (2), type (1), name length (2), name. */
	if (!text || !hello || length < 6)
		return TLS_NOT;
	result = tls_within(text, hello, at + 5);
	if (result != TLS_WITHIN)
		return result;
	name_length = text_be16(text, at + 3);
	if (text_be16(text, at) != length - 2)
		return TLS_NOT;
	result = tls_within(text, hello, at + length);
	if (result != TLS_WITHIN)
		return result;
	if (text_at(text, at + 2) != 0)
		return TLS_NO_NAME; /* only type 0, host_name, was ever defined */
	if (name_length != length - 5)
		return TLS_NOT;
	hello->name_at = at + 5;
	hello->name_length = name_length;
	return TLS_NAME;
}

/* Walks the extensions from `at`. */
FAULT_INLINE int tls_find_name(const struct fault_text *text, struct tls_hello *hello, __u32 at)
{
	__u32 i, length;
	int result;

	for (i = 0; i <= TLS_EXTENSIONS_MAX; i++) {
		if (at == hello->end && hello->overrun == TLS_NOT)
			return TLS_NO_NAME;
		result = tls_within(text, hello, at + 4);
		if (result != TLS_WITHIN)
			return result;
		length = text_be16(text, at + 2);
		if (text_be16(text, at) == 0)
			return tls_take_name(text, hello, at + 4, length);
		at += 4 + length;
	}
	return TLS_TOO_LONG;
}

/* Passes the vector at `*at`, whose length has `width` bytes. TLS_WITHIN or what is wrong. */
FAULT_INLINE int tls_skip(const struct fault_text *text, const struct tls_hello *hello, __u32 *at,
			  __u32 width)
{
	int result = tls_within(text, hello, *at + width);

	if (result == TLS_WITHIN)
		*at += width + (width == 1 ? text_at(text, *at) : text_be16(text, *at));
	return result;
}

/* Finds where the hello's extensions begin. TLS_WITHIN with `*ret_at` set, or an enum tls_result.
 */
FAULT_SCAN int tls_find_extensions(const struct fault_text *text, struct tls_hello *hello,
				   __u32 *ret_at)
{
	__u32 at = 5 + 4 + 2 + 32, hello_end;
	int result;

	if (!text || !hello || !ret_at)
		return TLS_NOT;
	hello_end = 9 + ((__u32)text_at(text, 6) << 16 | text_be16(text, 7));
	hello->overrun = hello_end > hello->record_length ? TLS_TOO_LONG : TLS_NOT;
	hello->end = hello_end > hello->record_length ? hello->record_length : hello_end;
	result = tls_skip(text, hello, &at, 1); /* session id */
	if (result == TLS_WITHIN)
		result = tls_skip(text, hello, &at, 2); /* cipher suites */
	if (result == TLS_WITHIN)
		result = tls_skip(text, hello, &at, 1); /* compression methods */
	if (result != TLS_WITHIN)
		return result;
	if (at == hello_end)
		return TLS_NO_NAME;
	result = tls_within(text, hello, at + 2);
	if (result == TLS_WITHIN && at + 2 + text_be16(text, at) != hello_end)
		result = TLS_NOT;
	*ret_at = at + 2;
	return result;
}

/* `size`: bytes of the whole message, of which the text holds the front. Returns enum tls_result.
 */
FAULT_SCAN int tls_parse_hello(const struct fault_text *text, struct tls_hello *hello, __u32 size)
{
	__u32 at = 0, length;
	int result;

	if (!text || !hello)
		return TLS_NOT;
	__builtin_memset(hello, 0, sizeof(*hello));
	/* What cannot become a hello is told at once: an incomplete one is held back. */
	if (text->length < 1 || text_at(text, 0) != 22 ||
	    (text->length >= 2 && text_at(text, 1) != 3))
		return TLS_NOT;
	length = text_be16(text, 3);
	if (text->length >= 5 && (length < 4 || length > TLS_RECORD_MAX))
		return TLS_NOT;
	hello->record_length = 6;
	if (text->length < 6)
		return TLS_INCOMPLETE;
	if (text_at(text, 5) != 1)
		return TLS_NOT;
	hello->record_length = 5 + length;
	if (size < hello->record_length)
		return TLS_INCOMPLETE;
	result = tls_find_extensions(text, hello, &at);
	return result == TLS_WITHIN ? tls_find_name(text, hello, at) : result;
}

#endif
