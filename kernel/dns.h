/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS answers (RFC 1035, 4.1), bounded: the question's name, every CNAME target on the way, and the
 * A and AAAA records. The caller looks each name up and gives each address the union of the masks.
 */
#ifndef FAULTD_DNS_H
#define FAULTD_DNS_H

#include "kernel/text.h"

#define DNS_RECORDS_MAX	 32
#define DNS_POINTERS_MAX 16

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_AAAA = 28,
};

/* A name read from a message, dotted and in message order. */
struct dns_name {
	__u32 length;
	__u32 at;    /* where reading goes on */
	__u32 left;  /* bytes of the label at hand that are still to come */
	__u32 jumps; /* pointers followed */
	__u8 bytes[FAULT_NAME_MAX];
};

/* One resource record; positions are indices into the text. */
struct dns_record {
	__u32 type;
	__u32 ttl; /* seconds */
	__u32 data_at, data_length;
	__u32 next; /* where the following record begins; 0: the message ends or is broken */
	__u32 padding;
};

/* Whether the text begins with a standard, successful response to one question. */
FAULT_INLINE int dns_is_answer(const struct fault_text *text)
{
	return text->length > 12 && (text_at(text, 2) & 0xf8) == 0x80 &&
	       (text_at(text, 3) & 0x0f) == 0 && text_be16(text, 4) == 1;
}

/* Position after the name at `at`, pointers not followed. 0: broken. */
FAULT_SCAN __u32 dns_skip_name(const struct fault_text *text, __u32 at)
{
	__u32 i;

	if (!text)
		return 0;
	for (i = 0; i < 128; i++) {
		__u8 length = text_at(text, at);

		if (at >= text->length)
			return 0;
		if (length == 0)
			return at + 1;
		if (length >= 0xc0)
			return at + 2 <= text->length ? at + 2 : 0;
		if (length > 63)
			return 0;
		at += 1 + length;
	}
	return 0;
}

enum { DNS_NAME_MORE = 0, DNS_NAME_END = 1, DNS_NAME_BROKEN = -1 };

/* Reads one byte of a name: a letter, a label's length, or a pointer. Its state lies in memory and
 * each step is a function of its own, so that the verifier does not tell its many paths apart. */
FAULT_SCAN int dns_name_step(const struct fault_text *text, struct dns_name *name)
{
	__u8 byte;

	if (!text || !name || name->at >= text->length || name->length >= FAULT_NAME_MAX - 2)
		return DNS_NAME_BROKEN;
	byte = text_at(text, name->at);
	if (name->left) {
		/* Would pass for a label's end, or for the end of an exact name's key. */
		if (byte == '.' || byte <= ' ')
			return DNS_NAME_BROKEN;
		name->bytes[name->length & (FAULT_NAME_MAX - 1)] = byte_lower(byte);
		name->length++;
		name->left--;
		name->at++;
		return DNS_NAME_MORE;
	}
	if (byte >= 0xc0) {
		if (name->at + 1 >= text->length)
			return DNS_NAME_BROKEN;
		name->at = (__u32)(byte & 0x3f) << 8 | text_at(text, name->at + 1);
		return ++name->jumps > DNS_POINTERS_MAX ? DNS_NAME_BROKEN : DNS_NAME_MORE;
	}
	if (!byte)
		return name->length ? DNS_NAME_END : DNS_NAME_BROKEN;
	if (byte > 63)
		return DNS_NAME_BROKEN;
	if (name->length) {
		name->bytes[name->length & (FAULT_NAME_MAX - 1)] = '.';
		name->length++;
	}
	name->left = byte;
	name->at++;
	return DNS_NAME_MORE;
}

/* Reads the name at `at`, pointers followed, in lower case. 0, or -1 when it is broken, too long or
 * the root. */
FAULT_SCAN int dns_read_name(const struct fault_text *text, __u32 at, struct dns_name *name)
{
	__u32 i;

	if (!text || !name)
		return -1;
	name->length = 0;
	name->left = 0;
	name->jumps = 0;
	name->at = at;
	for (i = 0; i < 2 * FAULT_NAME_MAX; i++) {
		int step = dns_name_step(text, name);

		if (step)
			return step == DNS_NAME_END ? 0 : -1;
	}
	return -1;
}

/* The names-map key of `name`. 0, or -1 when it is empty. */
FAULT_SCAN int dns_name_key(const struct dns_name *name, struct fault_name_key *key)
{
	__u32 i, length;

	if (!name || !key)
		return -1;
	length = name->length;
	if (!length || length > FAULT_NAME_MAX - 3)
		return -1;
	for (i = 0; i < FAULT_NAME_MAX - 1; i++) {
		if (i >= length)
			break;
		FAULT_OPAQUE(i);
		key->name[i & (FAULT_NAME_MAX - 1)] =
			name->bytes[(length - 1 - i) & (FAULT_NAME_MAX - 1)];
	}
	key->name[length & (FAULT_NAME_MAX - 1)] = 0;
	key->length = (length + 1) * 8;
	return 0;
}

/* Reads the record at `at`. 0, or -1 when it is broken or lies beyond the text. */
FAULT_SCAN int dns_read_record(const struct fault_text *text, __u32 at, struct dns_record *record)
{
	if (!text || !record)
		return -1;
	record->next = 0;
	at = dns_skip_name(text, at);
	if (!at || at + 10 > text->length)
		return -1;
	record->type = text_be16(text, at);
	record->ttl = text_be32(text, at + 4);
	if (record->ttl >> 31)
		record->ttl = 0; /* RFC 2181, 8 */
	record->data_length = text_be16(text, at + 8);
	record->data_at = at + 10;
	if (record->data_at + record->data_length > text->length)
		return -1;
	record->next = record->data_at + record->data_length;
	return 0;
}

#endif
