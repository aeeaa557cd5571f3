/* SPDX-License-Identifier: Apache-2.0 */
/* DNS answers: every name and record, against stale bytes and a plain reference. */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <string.h>

#include "kernel/dns.h"

/* The same message with other stale bytes behind it. */
static struct fault_text text, other;

/* Reads a name the plain way. Its dotted length, or -1. */
static int reference_name(const uint8_t *data, size_t size, size_t at, uint8_t *ret_name)
{
	size_t length = 0, jumps = 0;

	while (at < size) {
		size_t label = data[at];

		if (label == 0)
			return length ? (int)length - 1 : -1;
		if (label >= 0xc0) {
			if (at + 1 >= size || ++jumps > DNS_POINTERS_MAX)
				return -1;
			at = (label & 0x3f) << 8 | data[at + 1];
			continue;
		}
		if (label > 63 || at + 1 + label > size || length + label > 253)
			return -1;
		for (at++; label--; at++) {
			if (data[at] <= ' ' || data[at] == '.')
				return -1;
			ret_name[length++] = (uint8_t)tolower(data[at]);
		}
		ret_name[length++] = '.';
	}
	return -1;
}

static void check_key(const struct dns_name *name)
{
	struct fault_name_key key;

	require(dns_name_key(name, &key) == 0, "a name that was read has a key");
	require(key.length == (name->length + 1) * 8, "the key's length");
	for (size_t i = 0; i < name->length; i++)
		require(key.name[i] == name->bytes[name->length - 1 - i], "the key is reversed");
	require(key.name[name->length] == 0, "the key ends with a NUL");
}

static void check_name(const uint8_t *data, size_t size, size_t at)
{
	static uint8_t wanted[512];
	struct dns_name name, again;
	int result = dns_read_name(&text, (__u32)at, &name);
	int length = reference_name(data, size, at, wanted);
	__u32 next = dns_skip_name(&text, (__u32)at);

	require(dns_read_name(&other, (__u32)at, &again) == result,
		"a name depends on stale bytes");
	require(dns_skip_name(&other, (__u32)at) == next, "a name's end depends on stale bytes");
	require(next == 0 || (next > at && next <= text.length), "a name ends in the text");
	require((result == 0) == (length >= 0), "the reference reads a name too");
	if (result)
		return;
	require(next != 0, "a name that was read can be passed");
	require(name.length == (__u32)length && name.length <= 253, "the name's length");
	require(memcmp(name.bytes, wanted, name.length) == 0, "the name is the reference's");
	require(again.length == name.length && memcmp(again.bytes, name.bytes, name.length) == 0,
		"a name's bytes depend on stale ones");
	check_key(&name);
}

/* Checks the record at `at`. Where the next one begins, or 0. */
static __u32 check_record(const uint8_t *data, size_t size, __u32 at)
{
	struct dns_record record = {0}, again = {0};
	int result = dns_read_record(&text, at, &record);

	require(dns_read_record(&other, at, &again) == result, "a record depends on stale bytes");
	check_name(data, size, at);
	if (result) {
		require(record.next == 0, "nothing follows a broken record");
		return 0;
	}
	require(memcmp(&record, &again, sizeof(record)) == 0, "a record depends on stale bytes");
	require(record.data_at + record.data_length == record.next, "data ends with the record");
	require(record.next >= at + 11 && record.next <= text.length, "a record is in the text");
	require(record.ttl < 0x80000000U, "a TTL has 31 bits");
	if (record.type == DNS_TYPE_CNAME)
		check_name(data, size, record.data_at);
	return record.next;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t choice = fuzz_choice(data, size);
	__u32 at, count;

	if (size > FAULT_TEXT_MAX)
		size = FAULT_TEXT_MAX;
	stale_fill(&text, data, size, choice % STALE_COUNT);
	stale_fill(&other, data, size,
		   (choice + 1 + choice / 64 % (STALE_COUNT - 1)) % STALE_COUNT);
	require(dns_is_answer(&text) == dns_is_answer(&other), "an answer, by stale bytes");
	check_name(data, size, choice % (FAULT_TEXT_MAX + 16));
	if (size)
		check_name(data, size, choice % size);
	if (!dns_is_answer(&text))
		return 0;
	check_name(data, size, 12);
	count = text_be16(&text, 6);
	at = dns_skip_name(&text, 12);
	if (at)
		at += 4;
	for (__u32 i = 0; at && i < count && i < DNS_RECORDS_MAX; i++)
		at = check_record(data, size, at);
	return 0;
}
