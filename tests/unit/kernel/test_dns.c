/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdio.h>

#include "kernel/dns.h"
#include "tests/unit/kernel/build_dns.h"
#include "tests/unit/kernel/stale.h"
#include "user/base/cleanup.h"

static struct fault_text text;
static struct dns_built built;

/* The name at `at` as a string: what every kind of stale bytes gives. NULL: broken. */
static const char *read_name(size_t at)
{
	static char first[FAULT_NAME_MAX];
	static struct dns_name name;
	int result = 0;

	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		int again;

		memset(&name, 0xa5, sizeof(name));
		stale_fill(&text, built.bytes, built.length, stale);
		again = dns_read_name(&text, (__u32)at, &name);
		if (again == 0)
			assert_in_range(name.length, 1, FAULT_NAME_MAX - 3);
		if (stale == 0) {
			result = again;
			if (again == 0)
				snprintf(first, sizeof(first), "%.*s", (int)name.length,
					 (const char *)name.bytes);
		}
		if (again != result || (again == 0 && (strlen(first) != name.length ||
						       memcmp(first, name.bytes, name.length))))
			fail_msg("stale bytes %zu change the name at %zu", stale, at);
	}
	return result == 0 ? first : NULL;
}

static void check_name(size_t at, const char *wanted)
{
	const char *name = read_name(at);

	assert_non_null(name);
	assert_string_equal(name, wanted);
}

/* Where reading goes on behind the name at `at`, with every kind of stale bytes. */
static unsigned skip_name(size_t at)
{
	unsigned first = 0;

	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		unsigned again;

		stale_fill(&text, built.bytes, built.length, stale);
		again = dns_skip_name(&text, (__u32)at);
		if (stale == 0)
			first = again;
		assert_int_equal(again, first);
		assert_true(again <= text.length);
	}
	return first;
}

static int read_record(size_t at, struct dns_record *ret_record)
{
	struct dns_record record;
	int first = 0;

	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		int again;

		memset(&record, 0, sizeof(record));
		stale_fill(&text, built.bytes, built.length, stale);
		again = dns_read_record(&text, (__u32)at, &record);
		if (stale == 0) {
			first = again;
			*ret_record = record;
		}
		assert_int_equal(again, first);
		assert_memory_equal(&record, ret_record, sizeof(record));
		if (again) {
			assert_int_equal(record.next, 0);
			continue;
		}
		assert_true(record.next > at);
		assert_true(record.next <= text.length);
		assert_true(record.data_at + record.data_length == record.next);
	}
	return first;
}

static int is_answer(void)
{
	int first = 0;

	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		stale_fill(&text, built.bytes, built.length, stale);
		if (stale == 0)
			first = dns_is_answer(&text);
		assert_int_equal(dns_is_answer(&text), first);
	}
	return first;
}

static void test_is_answer(void **state)
{
	static const struct {
		unsigned flags;
		unsigned questions;
		int answer;
	} cases[] = {
		{0x8180, 1, 1}, {0x8580, 1, 1}, /* authoritative */
		{0x81b0, 1, 1},			/* authentic data, checking disabled */
		{0x8380, 1, 1},			/* cut short: the records that are there are true */
		{0x8180, 0, 0}, {0x8180, 2, 0}, {0x8180, 257, 0}, {0x8180, 0xffff, 0},
		{0x0100, 1, 0},							  /* a query */
		{0x8183, 1, 0},							  /* NXDOMAIN */
		{0x8182, 1, 0}, {0x8185, 1, 0}, {0x818f, 1, 0},	  {0xa180, 1, 0}, /* notify */
		{0x8980, 1, 0}, {0xf980, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		dns_begin(&built, cases[i].flags, cases[i].questions, 1);
		dns_put_name(&built, "a");
		if (is_answer() != cases[i].answer)
			fail_msg("flags %x, %u questions", cases[i].flags, cases[i].questions);
	}
	dns_begin(&built, 0x8180, 1, 1);
	for (built.length = 0; built.length <= 12; built.length++)
		assert_false(is_answer());
}

static void test_names(void **state)
{
	(void)state;
	dns_answer(&built, "Artifacts.EXAMPLE.com", 0);
	check_name(DNS_QUESTION_AT, "artifacts.example.com");
	assert_int_equal(skip_name(DNS_QUESTION_AT), 12 + 23);
	dns_answer(&built, "a", 0);
	check_name(DNS_QUESTION_AT, "a");
	dns_answer(&built, "_https._tcp.x-1", 0);
	check_name(DNS_QUESTION_AT, "_https._tcp.x-1");
	dns_answer(&built, "", 0);
	assert_null(read_name(DNS_QUESTION_AT)); /* the root */
	assert_int_equal(skip_name(DNS_QUESTION_AT), 13);
	assert_int_equal(dns_skip_name(NULL, 0), 0);
	assert_int_equal(dns_read_name(NULL, 0, NULL), -1);
	assert_int_equal(dns_read_name(&text, 0, NULL), -1);
}

/* Labels of bytes that would pass for other labels, or for the end of an exact name's key. */
static void test_hostile_labels(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} labels[] = {
		STALE_TEXT("evil.example"), STALE_TEXT("."),   STALE_TEXT("evil\0example"),
		STALE_TEXT("\0"),	    STALE_TEXT("a b"), STALE_TEXT("a\n"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		dns_begin(&built, 0x8180, 1, 0);
		dns_put_label(&built, labels[i].bytes, labels[i].length);
		dns_put_name(&built, "com");
		if (read_name(DNS_QUESTION_AT))
			fail_msg("label %zu was read", i);
		assert_int_equal(skip_name(DNS_QUESTION_AT), built.length);
	}
}

static void test_label_lengths(void **state)
{
	static char label[256];

	(void)state;
	memset(label, 'l', sizeof(label));
	for (size_t length = 1; length < 256; length++) {
		const char *name;

		/* From 64 on the length's upper bits make it a pointer, or nothing. */
		dns_begin(&built, 0x8180, 1, 0);
		dns_put_label(&built, label, length);
		dns_put(&built, 1, 0);
		name = read_name(DNS_QUESTION_AT);
		if (length > 63) {
			assert_null(name);
			assert_int_equal(skip_name(DNS_QUESTION_AT), length < 0xc0 ? 0 : 14);
			continue;
		}
		assert_non_null(name);
		assert_int_equal(strlen(name), length);
		assert_int_equal(skip_name(DNS_QUESTION_AT), built.length);
	}
}

/* Puts a name of `length` bytes when dotted, in labels of at most `most`. */
static void put_long_name(size_t length, size_t most)
{
	static char label[64];

	memset(label, 'L', sizeof(label));
	while (length) {
		size_t next = length < most ? length : most;

		/* No label is empty: the last but one leaves a byte for it. */
		if (length == next + 1)
			next--;
		dns_put_label(&built, label, next);
		length -= next;
		if (length)
			length--; /* the dot */
	}
	dns_put(&built, 1, 0);
}

static void test_name_lengths(void **state)
{
	static const size_t most[] = {2, 3, 10, 62, 63};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(most); i++)
		for (size_t length = 250; length < 256; length++) {
			const char *name;

			dns_begin(&built, 0x8180, 1, 0);
			put_long_name(length, most[i]);
			name = read_name(DNS_QUESTION_AT);
			if (length > 253) {
				assert_null(name);
				continue;
			}
			assert_non_null(name);
			assert_int_equal(strlen(name), length);
		}
	/* As many labels as there can be. */
	dns_begin(&built, 0x8180, 1, 0);
	for (unsigned i = 0; i < 127; i++)
		dns_put_label(&built, "x", 1);
	dns_put(&built, 1, 0);
	assert_non_null(read_name(DNS_QUESTION_AT));
	assert_int_equal(skip_name(DNS_QUESTION_AT), built.length);
	built.length--;
	dns_put_label(&built, "x", 1);
	dns_put(&built, 1, 0);
	assert_null(read_name(DNS_QUESTION_AT));
	assert_int_equal(skip_name(DNS_QUESTION_AT), 0);
}

static void test_pointers(void **state)
{
	size_t at;

	(void)state;
	dns_answer(&built, "www.Example.com", 0);
	at = built.length;
	dns_put_pointer(&built, DNS_QUESTION_AT + 4);
	check_name(at, "example.com");
	assert_int_equal(skip_name(at), at + 2);
	at = built.length;
	dns_put_labels(&built, "cdn.edge");
	dns_put_pointer(&built, at - 2);
	check_name(at, "cdn.edge.example.com");
	assert_int_equal(skip_name(at), built.length);
	/* To the root: nothing but a name's end. */
	at = built.length;
	dns_put_label(&built, "x", 1);
	dns_put_pointer(&built, DNS_QUESTION_AT + 16);
	check_name(at, "x");
}

/* Chains of pointers up to the bound, and one more. */
static void test_pointer_chains(void **state)
{
	(void)state;
	for (size_t jumps = 1; jumps < 20; jumps++) {
		size_t at = DNS_QUESTION_AT;

		dns_answer(&built, "a.b", 0);
		for (size_t i = 0; i < jumps; i++) {
			size_t next = built.length;

			dns_put_pointer(&built, at);
			at = next;
		}
		if (jumps <= DNS_POINTERS_MAX)
			check_name(at, "a.b");
		else
			assert_null(read_name(at));
	}
}

static void test_pointer_loops(void **state)
{
	size_t at;

	(void)state;
	dns_answer(&built, "a.b", 0);
	at = built.length;
	dns_put_pointer(&built, at); /* itself */
	assert_null(read_name(at));
	at = built.length;
	dns_put_pointer(&built, at + 2); /* each other */
	dns_put_pointer(&built, at);
	assert_null(read_name(at));
	assert_null(read_name(at + 2));
	at = built.length;
	dns_put_label(&built, "x", 1); /* growing */
	dns_put_pointer(&built, at);
	assert_null(read_name(at));
	at = built.length;
	dns_put_pointer(&built, at + 1); /* its own second byte */
	assert_null(read_name(at));
}

/* Names that the message's end cuts off, or that lead beyond it. */
static void test_names_beyond_the_end(void **state)
{
	static const unsigned beyond[] = {0, 1, 100, 4095, 4096, 8191, 16383};
	size_t at, end;

	(void)state;
	dns_answer(&built, "example.com", 0);
	end = built.length;
	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		built.length = end;
		dns_put_pointer(&built, beyond[i] < 4095 ? end + 2 + beyond[i] : beyond[i]);
		assert_null(read_name(end));
		assert_int_equal(skip_name(end), end + 2);
	}
	/* A pointer whose second byte is not there. */
	built.length = end + 1;
	assert_null(read_name(end));
	assert_int_equal(skip_name(end), 0);
	assert_null(read_name(end + 1));
	assert_int_equal(skip_name(end + 1), 0);
	assert_null(read_name(0xfffffff0));
	/* Every cut of a name. */
	dns_answer(&built, "artifacts.example.com", 0);
	end = 12 + 23;
	for (at = DNS_QUESTION_AT; at < end; at++) {
		built.length = at;
		assert_null(read_name(DNS_QUESTION_AT));
		assert_int_equal(skip_name(DNS_QUESTION_AT), 0);
	}
}

static void test_records(void **state)
{
	struct dns_record record;
	size_t at, data;

	(void)state;
	dns_answer(&built, "example.com", 3);
	at = built.length;
	data = dns_put_address(&built, DNS_QUESTION_AT, 300, 7);
	assert_int_equal(read_record(at, &record), 0);
	assert_int_equal(record.type, DNS_TYPE_A);
	assert_int_equal(record.ttl, 300);
	assert_int_equal(record.data_at, data);
	assert_int_equal(record.data_length, 4);
	assert_int_equal(record.next, built.length);
	assert_true(text_be32(&text, record.data_at) == 0x0a000007);
	/* Nothing follows. */
	assert_int_equal(read_record(record.next, &record), -1);
	/* A name spelled out, an IPv6 address, data that is not looked at, none at all. */
	at = built.length;
	dns_put_name(&built, "example.com");
	dns_put_record(&built, DNS_TYPE_AAAA, 0x7fffffff, 16);
	dns_put(&built, 16, 1);
	assert_int_equal(read_record(at, &record), 0);
	assert_int_equal(record.type, DNS_TYPE_AAAA);
	assert_int_equal(record.ttl, 0x7fffffff);
	assert_int_equal(record.data_length, 16);
	at = record.next;
	dns_put_pointer(&built, DNS_QUESTION_AT);
	dns_put_record(&built, 0xffff, 0, 0);
	assert_int_equal(read_record(at, &record), 0);
	assert_int_equal(record.type, 0xffff);
	assert_int_equal(record.data_length, 0);
	assert_int_equal(record.next, built.length);
	assert_int_equal(dns_read_record(NULL, 0, &record), -1);
	assert_int_equal(dns_read_record(&text, 0, NULL), -1);
}

/* A TTL whose top bit is set counts as 0 (RFC 2181, 8): no learned address lives for a century. */
static void test_ttl_of_a_century(void **state)
{
	struct dns_record record;
	size_t at;

	(void)state;
	dns_answer(&built, "example.com", 1);
	at = built.length;
	dns_put_address(&built, DNS_QUESTION_AT, 0x80000000, 7);
	assert_int_equal(read_record(at, &record), 0);
	assert_int_equal(record.ttl, 0);
	built.bytes[at + 9] = 0xff;
	assert_int_equal(read_record(at, &record), 0);
	assert_int_equal(record.ttl, 0);
}

static void test_truncated_records(void **state)
{
	struct dns_record record;
	size_t at, end;

	(void)state;
	dns_answer(&built, "example.com", 1);
	at = built.length;
	dns_put_address(&built, DNS_QUESTION_AT, 300, 7);
	end = built.length;
	for (built.length = at; built.length < end; built.length++)
		assert_int_equal(read_record(at, &record), -1);
	/* Data that claims to be longer than the message. */
	for (unsigned lie = 5; lie < 65536; lie = lie * 2 + 1) {
		built.bytes[at + 10] = (uint8_t)(lie >> 8);
		built.bytes[at + 11] = (uint8_t)lie;
		assert_int_equal(read_record(at, &record), -1);
	}
	assert_int_equal(read_record(0xfffffff0, &record), -1);
}

/* Reads a message as the kernel does. Appends the names to `names`, counts addresses. */
static unsigned learn(char *names, size_t size)
{
	size_t length = 0;
	unsigned addresses = 0;
	struct dns_record record;
	__u32 at, count;

	stale_fill(&text, built.bytes, built.length, STALE_COUNT - 1);
	if (!dns_is_answer(&text))
		return 0;
	length = (size_t)snprintf(names, size, "%s", read_name(DNS_QUESTION_AT));
	at = dns_skip_name(&text, DNS_QUESTION_AT);
	if (!at)
		return 0;
	at += 4;
	count = text_be16(&text, 6);
	for (__u32 i = 0; i < count && i < DNS_RECORDS_MAX; i++) {
		if (read_record(at, &record))
			break;
		if (record.type == DNS_TYPE_CNAME) {
			const char *name = read_name(record.data_at);

			length += (size_t)snprintf(names + length, size - length, " %s",
						   name ? name : "-");
		}
		addresses += record.type == DNS_TYPE_A && record.data_length == 4;
		at = record.next;
	}
	return addresses;
}

static void test_cname_chain(void **state)
{
	char names[1024];
	size_t at;

	(void)state;
	dns_answer(&built, "Store.example.com", 5);
	at = dns_put_cname(&built, DNS_QUESTION_AT, "store.CDN.example.net");
	at = dns_put_cname(&built, at, "edge.example.org");
	/* The last target is compressed: "node" and a pointer into the one before. */
	dns_put_pointer(&built, at);
	dns_put_record(&built, DNS_TYPE_CNAME, 60, 7);
	dns_put_label(&built, "node", 4);
	dns_put_pointer(&built, at + 5);
	dns_put_address(&built, built.length - 7, 60, 1);
	dns_put_address(&built, built.length - 23, 60, 2);
	assert_int_equal(learn(names, sizeof(names)), 2);
	assert_string_equal(names, "store.example.com store.cdn.example.net edge.example.org "
				   "node.example.org");
}

static void test_counts_that_lie(void **state)
{
	char names[64];

	(void)state;
	for (unsigned count = 0; count < 6; count++) {
		dns_answer(&built, "a.b", count == 5 ? 0xffff : count);
		dns_put_address(&built, DNS_QUESTION_AT, 60, 1);
		dns_put_address(&built, DNS_QUESTION_AT, 60, 2);
		dns_put_address(&built, DNS_QUESTION_AT, 60, 3);
		assert_int_equal(learn(names, sizeof(names)), count < 3 ? count : 3);
		assert_string_equal(names, "a.b");
	}
	/* More than are looked at. */
	dns_answer(&built, "a.b", 100);
	for (unsigned i = 0; i < 100; i++)
		dns_put_address(&built, DNS_QUESTION_AT, 60, i);
	assert_int_equal(learn(names, sizeof(names)), DNS_RECORDS_MAX);
}

/* The text is full: names and records reach its last byte, and none reaches around the corner. */
static void test_full_text(void **state)
{
	struct dns_record record;

	(void)state;
	memset(built.bytes, 0, sizeof(built.bytes));
	built.length = FAULT_TEXT_MAX - 16;
	dns_put_address(&built, DNS_QUESTION_AT, 60, 1);
	assert_int_equal(built.length, FAULT_TEXT_MAX);
	assert_int_equal(read_record(FAULT_TEXT_MAX - 16, &record), 0);
	assert_int_equal(record.next, FAULT_TEXT_MAX);
	assert_int_equal(read_record(record.next, &record), -1);
	built.length = FAULT_TEXT_MAX - 4;
	dns_put_label(&built, "abc", 3);
	assert_null(read_name(FAULT_TEXT_MAX - 4));
	assert_int_equal(skip_name(FAULT_TEXT_MAX - 4), 0);
	built.bytes[FAULT_TEXT_MAX - 4] = 2;
	built.bytes[FAULT_TEXT_MAX - 1] = 0;
	check_name(FAULT_TEXT_MAX - 4, "ab");
	assert_int_equal(skip_name(FAULT_TEXT_MAX - 4), FAULT_TEXT_MAX);
	built.bytes[FAULT_TEXT_MAX - 1] = 0xc0;
	assert_null(read_name(FAULT_TEXT_MAX - 4));
}

static void test_name_key(void **state)
{
	struct fault_name_key key = {0}, from_text = {0};
	struct dns_name name = {0};

	(void)state;
	dns_answer(&built, "A.Example.com", 0);
	check_name(DNS_QUESTION_AT, "a.example.com");
	assert_int_equal(dns_read_name(&text, DNS_QUESTION_AT, &name), 0);
	assert_int_equal(dns_name_key(&name, &key), 0);
	assert_int_equal(key.length, 14 * 8);
	assert_memory_equal(key.name, "moc.elpmaxe.a", 14);
	/* The same key as from a Host header or server name. */
	stale_fill(&text, "a.EXAMPLE.com.", 14, 1);
	assert_int_equal(text_name_key(&text, 0, 14, &from_text), 0);
	assert_int_equal(from_text.length, key.length);
	assert_memory_equal(from_text.name, key.name, 14);
	name.length = 0;
	assert_int_equal(dns_name_key(&name, &key), -1);
	memset(name.bytes, 'a', sizeof(name.bytes));
	name.length = 253;
	assert_int_equal(dns_name_key(&name, &key), 0);
	assert_int_equal(key.length, 254 * 8);
	assert_int_equal(key.name[253], 0);
	name.length = 254;
	assert_int_equal(dns_name_key(&name, &key), -1);
	assert_int_equal(dns_name_key(NULL, &key), -1);
	assert_int_equal(dns_name_key(&name, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_answer),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hostile_labels),
		cmocka_unit_test(test_label_lengths),
		cmocka_unit_test(test_name_lengths),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_pointer_chains),
		cmocka_unit_test(test_pointer_loops),
		cmocka_unit_test(test_names_beyond_the_end),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_ttl_of_a_century),
		cmocka_unit_test(test_truncated_records),
		cmocka_unit_test(test_cname_chain),
		cmocka_unit_test(test_counts_that_lie),
		cmocka_unit_test(test_full_text),
		cmocka_unit_test(test_name_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
