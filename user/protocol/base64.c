/* SPDX-License-Identifier: Apache-2.0 */
#include "user/protocol/base64.h"

#include <stdint.h>
#include <string.h>

#include "user/base/cleanup.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(const char *bytes, size_t length, char **ret_text)
{
	char *text = malloc((length + 2) / 3 * 4 + 1), *out = text;
	size_t i, j;

	if (!text)
		return -ENOMEM;
	for (i = 0; i < length; i += 3) {
		size_t here = length - i < 3 ? length - i : 3;
		uint32_t group = 0;

		for (j = 0; j < 3; j++)
			group = group << 8 | (j < here ? (uint8_t)bytes[i + j] : 0);
		for (j = 0; j < 4; j++)
			*out++ = j <= here ? alphabet[group >> (18 - 6 * j) & 63] : '=';
	}
	*out = '\0';
	*ret_text = text;
	return 0;
}

/* Value of one character, -1 for what is none. */
static int sextet(char character)
{
	const char *at = character ? strchr(alphabet, character) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

int base64_decode(const char *text, char **ret_bytes, size_t *ret_length)
{
	size_t length = strlen(text), padding = 0, used = 0, i, j;
	_cleanup_free_ char *bytes = NULL;

	if (length % 4)
		return -EINVAL;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	bytes = malloc(length / 4 * 3 + 1);
	if (!bytes)
		return -ENOMEM;
	for (i = 0; i < length; i += 4) {
		size_t here = i + 4 == length ? 4 - padding : 4;
		uint32_t group = 0;

		for (j = 0; j < 4; j++) {
			int value = j < here ? sextet(text[i + j]) : 0;

			if (value < 0)
				return -EINVAL;
			group = group << 6 | (uint32_t)value;
		}
		/* Bits behind the last byte must be 0: one text for one value. */
		if (here < 4 && group & ((1U << (8 * (4 - here))) - 1))
			return -EINVAL;
		for (j = 0; j + 1 < here; j++)
			bytes[used++] = (char)(group >> (16 - 8 * j));
	}
	bytes[used] = '\0';
	*ret_bytes = TAKE_PTR(bytes);
	*ret_length = used;
	return 0;
}
