/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/number.h"

static const uint8_t mapped_front[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const uint8_t address[16])
{
	return memcmp(address, mapped_front, sizeof(mapped_front)) == 0;
}

/* Bits of the 16-byte form that `prefix` fixes. */
static unsigned int bits_in_full(const struct address_prefix *prefix)
{
	return prefix->length + (prefix->ipv4 ? 96U : 0U);
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & (0xff00U >> rest) & 0xffU) == 0;
}

static bool bits_clear_behind(const uint8_t address[16], unsigned int bits)
{
	for (unsigned int i = bits; i < 128; i++) {
		if (address[i / 8] & (0x80U >> i % 8))
			return false;
	}
	return true;
}

/* Copies the address in front of '/', without its brackets. `ret_length` is NULL without one. */
static int split_prefix(const char *text, char *address, size_t size, const char **ret_length)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (text[0] == '[') {
		if (length < 2 || text[length - 1] != ']' || !memchr(text, ':', length))
			return -EINVAL;
		text++;
		length -= 2;
	}
	if (length >= size)
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	*ret_length = slash ? slash + 1 : NULL;
	return 0;
}

static int parse_prefix(const char *text, struct address_prefix *ret_prefix)
{
	struct address_prefix prefix = {0};
	const char *length_text;
	uint64_t length;
	char address[64];
	int r;

	r = split_prefix(text, address, sizeof(address), &length_text);
	if (r < 0)
		return r;
	if (inet_pton(AF_INET, address, prefix.address + 12) == 1) {
		memcpy(prefix.address, mapped_front, sizeof(mapped_front));
		prefix.ipv4 = true;
	} else if (inet_pton(AF_INET6, address, prefix.address) != 1) {
		return -EINVAL;
	}
	length = prefix.ipv4 ? 32 : 128;
	if (length_text && number_parse_u64(length_text, 0, length, &length) < 0)
		return -EINVAL;
	/* "::ffff:10.0.0.1" is the IPv4 address that it maps. */
	if (!prefix.ipv4 && length >= 96 && is_mapped(prefix.address)) {
		prefix.ipv4 = true;
		length -= 96;
	}
	prefix.length = (uint8_t)length;
	*ret_prefix = prefix;
	return 0;
}

int address_parse_prefix(const char *text, struct address_prefix *ret_prefix)
{
	struct address_prefix prefix;
	int r = parse_prefix(text, &prefix);

	if (r < 0)
		return r;
	if (!bits_clear_behind(prefix.address, bits_in_full(&prefix)))
		return -ERANGE;
	*ret_prefix = prefix;
	return 0;
}

int address_mask_prefix(const char *text, struct address_prefix *ret_prefix)
{
	struct address_prefix prefix;
	int r = parse_prefix(text, &prefix);

	if (r < 0)
		return r;
	for (unsigned int i = bits_in_full(&prefix); i < 128; i++)
		prefix.address[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
	*ret_prefix = prefix;
	return 0;
}

void address_format(const uint8_t address[16], char buffer[ADDRESS_TEXT_SIZE])
{
	if (is_mapped(address))
		inet_ntop(AF_INET, address + 12, buffer, ADDRESS_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, address, buffer, ADDRESS_TEXT_SIZE);
}

void address_format_prefix(const struct address_prefix *prefix, char buffer[ADDRESS_TEXT_SIZE])
{
	unsigned int full = prefix->ipv4 ? 32 : 128;
	size_t used;

	address_format(prefix->address, buffer);
	if (prefix->length == full)
		return;
	used = strlen(buffer);
	snprintf(buffer + used, ADDRESS_TEXT_SIZE - used, "/%u", prefix->length);
}

bool address_prefix_contains(const struct address_prefix *outer, const struct address_prefix *inner)
{
	return outer->ipv4 == inner->ipv4 && outer->length <= inner->length &&
	       bits_equal(outer->address, inner->address, bits_in_full(outer));
}

bool address_prefix_matches(const struct address_prefix *prefix, const uint8_t address[16])
{
	return prefix->ipv4 == is_mapped(address) &&
	       bits_equal(prefix->address, address, bits_in_full(prefix));
}

int port_parse_range(const char *text, struct port_range *ret_range)
{
	const char *dash = strchr(text, '-');
	size_t length = dash ? (size_t)(dash - text) : strlen(text);
	uint64_t first, last;
	char front[8];
	int r;

	if (length >= sizeof(front))
		return -EINVAL;
	memcpy(front, text, length);
	front[length] = '\0';
	r = number_parse_u64(front, 1, 65535, &first);
	if (r < 0)
		return r;
	last = first;
	if (dash) {
		r = number_parse_u64(dash + 1, 1, 65535, &last);
		if (r < 0)
			return r;
	}
	if (first > last)
		return -ERANGE;
	*ret_range = (struct port_range){.first = (uint16_t)first, .last = (uint16_t)last};
	return 0;
}

static bool is_name_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Length of the label at `text`, 0 when it is empty, too long, or has a strange character. */
static size_t label_length(const char *text)
{
	size_t length = 0;

	while (is_name_character(text[length]))
		length++;
	return (text[length] == '\0' || text[length] == '.') && length <= 63 ? length : 0;
}

/* Checks the labels from `name` on; returns how many there are, 0 when one is bad. */
static unsigned int count_labels(const char *name)
{
	unsigned int count = 0;

	for (;;) {
		size_t length = label_length(name);

		if (length == 0)
			return 0;
		count++;
		if (name[length] == '\0')
			return count;
		name += length + 1;
	}
}

int name_parse(const char *text, char ret_name[NAME_SIZE], bool *ret_partial)
{
	const char *star = strchr(text, '*');
	const char *labels = text;
	char name[NAME_SIZE] = "";
	size_t length = strlen(text);

	if (length == 0 || length > 253)
		return -EINVAL;
	for (size_t i = 0; i <= length; i++)
		name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	if (star) {
		size_t front = (size_t)(star - text);

		for (size_t i = 0; i < front; i++) {
			if (!is_name_character(name[i]))
				return -EINVAL;
		}
		if (star[1] != '.' || front > 62 || (front > 0 && !ret_partial))
			return -EINVAL;
		labels = name + front + 2;
	} else {
		labels = name;
	}
	if (count_labels(labels) < (star ? 2U : 1U))
		return -EINVAL;
	memcpy(ret_name, name, length + 1);
	if (ret_partial)
		*ret_partial = star && star != text;
	return 0;
}
