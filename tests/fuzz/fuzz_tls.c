/* SPDX-License-Identifier: Apache-2.0 */
/* ClientHellos: against their cuts, stale bytes and a reference that reads the whole record. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "kernel/tls.h"

static struct fault_text text;

/* Parses the front of `length` bytes of the input; stale bytes must not matter. */
static int parse(const uint8_t *data, size_t size, size_t length, struct tls_hello *ret_hello)
{
	size_t stale = 1 + fuzz_choice(data, size) % STALE_COUNT;
	struct tls_hello again;
	int result;

	memset(ret_hello, 0x11, sizeof(*ret_hello));
	memset(&again, 0xee, sizeof(again));
	fuzz_fill(&text, data, size, length, stale);
	result = tls_parse_hello(&text, ret_hello, (__u32)length);
	fuzz_fill(&text, data, size, length, 0);
	require(tls_parse_hello(&text, &again, (__u32)length) == result,
		"the result depends on stale bytes");
	require(memcmp(&again, ret_hello, sizeof(again)) == 0, "the hello depends on stale bytes");
	return result;
}

/* A part of the hello that is still to be read. */
struct part {
	const uint8_t *bytes;
	size_t length;
};

static int take_number(struct part *part, size_t width, size_t *ret_value)
{
	*ret_value = 0;
	if (part->length < width)
		return -1;
	for (; width--; part->bytes++, part->length--)
		*ret_value = *ret_value << 8 | *part->bytes;
	return 0;
}

/* Takes a vector whose length has `width` bytes. */
static int take_vector(struct part *part, size_t width, struct part *ret_vector)
{
	size_t length;

	if (take_number(part, width, &length) || part->length < length)
		return -1;
	*ret_vector = (struct part){part->bytes, length};
	part->bytes += length;
	part->length -= length;
	return 0;
}

static int reference_name(struct part extension, struct part *ret_name)
{
	struct part list;
	size_t type;

	if (take_vector(&extension, 2, &list) || extension.length || list.length < 3)
		return TLS_NOT;
	take_number(&list, 1, &type);
	if (type != 0)
		return TLS_NO_NAME;
	if (take_vector(&list, 2, ret_name) || list.length || !ret_name->length)
		return TLS_NOT;
	return TLS_NAME;
}

/* What a whole hello of one record is; TLS_TOO_LONG: it is not that. */
static int reference(const uint8_t *data, size_t size, struct part *ret_name)
{
	struct part rest = {data, size}, record, hello, vector, extensions;
	size_t value;

	if (take_number(&rest, 3, &value) || take_vector(&rest, 2, &record) ||
	    take_number(&record, 1, &value))
		return TLS_TOO_LONG;
	if (take_vector(&record, 3, &hello))
		return TLS_TOO_LONG;
	if (hello.length < 34)
		return TLS_NOT;
	hello.bytes += 34;
	hello.length -= 34;
	if (take_vector(&hello, 1, &vector) || take_vector(&hello, 2, &vector) ||
	    take_vector(&hello, 1, &vector))
		return TLS_NOT;
	if (!hello.length)
		return TLS_NO_NAME;
	if (take_vector(&hello, 2, &extensions) || hello.length)
		return TLS_NOT;
	while (extensions.length) {
		if (take_number(&extensions, 2, &value) || take_vector(&extensions, 2, &vector))
			return TLS_NOT;
		if (value == 0)
			return reference_name(vector, ret_name);
	}
	return TLS_NO_NAME;
}

/* Whether some bound of the kernel's parser lets it give up on this record. */
static int may_give_up(size_t record_length, const uint8_t *data)
{
	size_t hello = 9 + ((size_t)data[6] << 16 | data[7] << 8 | data[8]);

	/* 65 extensions without data make 260 bytes. */
	return record_length > FAULT_TEXT_MAX || hello > record_length || record_length > 300;
}

static void check_whole(const uint8_t *data, int result, const struct tls_hello *hello)
{
	struct part name = {0};
	int wanted = reference(data, hello->record_length, &name);

	if (result == TLS_TOO_LONG) {
		require(may_give_up(hello->record_length, data), "gives up within its bounds");
		return;
	}
	if (wanted == TLS_TOO_LONG) /* goes on in another record: only what is there counts */
		return;
	require(result == wanted ||
			/* A name in front of what is broken further back. */
			(wanted == TLS_NOT && result == TLS_NAME),
		"the reference says the same");
	if (wanted == TLS_NAME)
		require(data + hello->name_at == name.bytes && hello->name_length == name.length,
			"the name is the reference's");
}

static void check_cut(const uint8_t *data, size_t size, size_t cut, int result,
		      const struct tls_hello *hello)
{
	struct tls_hello front;
	int before = parse(data, size, cut, &front);

	if (!cut)
		return;
	if (before == TLS_INCOMPLETE)
		require(front.record_length > cut && front.record_length <= 5 + TLS_RECORD_MAX,
			"what is waited for can come");
	else if (before == TLS_NOT)
		require(result == TLS_NOT, "what was no hello stays none");
	else
		require(before == result && front.name_at == hello->name_at &&
				front.name_length == hello->name_length,
			"a whole record stays as it is");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tls_hello hello;
	int result = parse(data, size, size, &hello);

	require(result >= TLS_NAME && result <= TLS_TOO_LONG, "the result is one");
	if (result == TLS_NAME) {
		require(hello.name_length > 0, "a name has a length");
		require(hello.name_at + hello.name_length <= hello.record_length,
			"the name lies in the record");
		require(hello.name_at + hello.name_length <= FAULT_TEXT_MAX,
			"the name lies in the text");
	} else {
		require(hello.name_at == 0 && hello.name_length == 0, "no result, no position");
	}
	if (result == TLS_NAME || result == TLS_NO_NAME || result == TLS_TOO_LONG)
		check_whole(data, result, &hello);
	check_cut(data, size, size ? fuzz_choice(data, size) % size : 0, result, &hello);
	if (hello.record_length > 0 && hello.record_length < size)
		check_cut(data, size, hello.record_length, result, &hello);
	return 0;
}
