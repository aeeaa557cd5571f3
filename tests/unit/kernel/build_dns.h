/* SPDX-License-Identifier: Apache-2.0 */
/* Builds DNS messages, right ones and such as no server should send. */
#ifndef TESTS_UNIT_KERNEL_BUILD_DNS_H
#define TESTS_UNIT_KERNEL_BUILD_DNS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DNS_BUILT_MAX = 8192, DNS_QUESTION_AT = 12 };

struct dns_built {
	size_t length;
	uint8_t bytes[DNS_BUILT_MAX];
};

static inline void dns_put(struct dns_built *built, size_t width, size_t value)
{
	for (size_t i = width; i--; value >>= 8)
		built->bytes[built->length + i] = (uint8_t)value;
	built->length += width;
}

/* One label, of any bytes. */
static inline void dns_put_label(struct dns_built *built, const void *bytes, size_t length)
{
	dns_put(built, 1, length);
	memcpy(built->bytes + built->length, bytes, length);
	built->length += length;
}

/* The labels of a dotted name, without an end. */
static inline void dns_put_labels(struct dns_built *built, const char *name)
{
	while (*name) {
		size_t length = strcspn(name, ".");

		dns_put_label(built, name, length);
		name += length + (name[length] == '.');
	}
}

static inline void dns_put_name(struct dns_built *built, const char *name)
{
	dns_put_labels(built, name);
	dns_put(built, 1, 0);
}

static inline void dns_put_pointer(struct dns_built *built, size_t at)
{
	dns_put(built, 2, 0xc000 | at);
}

static inline void dns_begin(struct dns_built *built, unsigned flags, unsigned questions,
			     unsigned answers)
{
	built->length = 0;
	dns_put(built, 2, 0x1234);
	dns_put(built, 2, flags);
	dns_put(built, 2, questions);
	dns_put(built, 2, answers);
	dns_put(built, 4, 0);
}

/* A successful answer of `answers` records to a question for A records of `name`. */
static inline void dns_answer(struct dns_built *built, const char *name, unsigned answers)
{
	dns_begin(built, 0x8180, 1, answers);
	dns_put_name(built, name);
	dns_put(built, 2, 1);
	dns_put(built, 2, 1);
}

/* What follows a record's name: type, class, TTL, and the length of data that the caller puts. */
static inline void dns_put_record(struct dns_built *built, unsigned type, size_t ttl, size_t length)
{
	dns_put(built, 2, type);
	dns_put(built, 2, 1);
	dns_put(built, 4, ttl);
	dns_put(built, 2, length);
}

/* An A record of 10.0.0.`last` whose name is a pointer. Returns where its data begins. */
static inline size_t dns_put_address(struct dns_built *built, size_t name_at, size_t ttl,
				     unsigned last)
{
	dns_put_pointer(built, name_at);
	dns_put_record(built, 1, ttl, 4);
	dns_put(built, 4, 0x0a000000 | last);
	return built->length - 4;
}

/* A CNAME record whose name is a pointer. Returns where the target begins. */
static inline size_t dns_put_cname(struct dns_built *built, size_t name_at, const char *target)
{
	size_t length_at, at;

	dns_put_pointer(built, name_at);
	dns_put_record(built, 5, 300, 0);
	length_at = built->length - 2;
	at = built->length;
	dns_put_name(built, target);
	built->bytes[length_at] = (uint8_t)((built->length - at) >> 8);
	built->bytes[length_at + 1] = (uint8_t)(built->length - at);
	return at;
}

#endif
