/* SPDX-License-Identifier: Apache-2.0 */
#include "user/protocol/json_reader.h"

#include <stdint.h>
#include <string.h>

#include "user/base/cleanup.h"

static const struct json_field *find_field(const struct json_field *fields, size_t count,
					   const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(fields[i].key, key))
			return &fields[i];
	return NULL;
}

int json_read_object(const json_t *value, const struct json_field *fields, size_t count,
		     void *object, struct failure *failure)
{
	const char *key;
	json_t *member;
	int r;

	if (!json_is_object(value))
		return fail(failure, -EINVAL, "must be an object");
	json_object_foreach((json_t *)value, key, member)
	{
		const struct json_field *field = find_field(fields, count, key);

		if (!field)
			return fail(failure, -EINVAL, "unknown key '%.64s'", key);
		r = field->read(member, (char *)object + field->offset, failure);
		if (r)
			return fail_in(failure, r, "%s", key);
	}
	for (size_t i = 0; i < count; i++)
		if (fields[i].required && !json_object_get(value, fields[i].key))
			return fail(failure, -EINVAL, "'%s' is missing", fields[i].key);
	return 0;
}

int json_read_array(const json_t *value, json_read_fn read, size_t size, size_t most,
		    void **ret_items, size_t *ret_count, struct failure *failure)
{
	size_t count = json_array_size(value), i;
	char *items;
	int r;

	if (!json_is_array(value))
		return fail(failure, -EINVAL, "must be a list");
	if (count > most)
		return fail(failure, -EINVAL, "%zu entries, at most %zu are allowed", count, most);
	if (!count)
		return 0;
	items = calloc(count, size);
	if (!items)
		return fail(failure, -ENOMEM, "out of memory");
	/* Handed over first: the owner releases what was read, whatever happens below. */
	*ret_items = items;
	*ret_count = count;
	for (i = 0; i < count; i++) {
		r = read(json_array_get(value, i), items + i * size, failure);
		if (r)
			return fail_in(failure, r, "%zu", i);
	}
	return 0;
}

int json_read_string(const json_t *value, void *target, struct failure *failure)
{
	char *copy;

	if (!json_is_string(value))
		return fail(failure, -EINVAL, "must be a string");
	copy = strdup(json_string_value(value));
	if (!copy)
		return fail(failure, -ENOMEM, "out of memory");
	free(*(char **)target);
	*(char **)target = copy;
	return 0;
}

int json_read_bool(const json_t *value, void *target, struct failure *failure)
{
	if (!json_is_boolean(value))
		return fail(failure, -EINVAL, "must be true or false");
	*(bool *)target = json_is_true(value);
	return 0;
}

static int read_integer(const json_t *value, uint64_t most, uint64_t *ret_value,
			struct failure *failure)
{
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value))
		return fail(failure, -EINVAL, "must be an integer");
	if (number < 0 || (uint64_t)number > most)
		return fail(failure, -EINVAL, "%" JSON_INTEGER_FORMAT " is not within 0 to %llu",
			    number, (unsigned long long)most);
	*ret_value = (uint64_t)number;
	return 0;
}

int json_read_u64(const json_t *value, void *target, struct failure *failure)
{
	return read_integer(value, INT64_MAX, target, failure);
}

int json_read_u32(const json_t *value, void *target, struct failure *failure)
{
	uint64_t number = 0;
	int r = read_integer(value, UINT32_MAX, &number, failure);

	if (!r)
		*(uint32_t *)target = (uint32_t)number;
	return r;
}

int json_read_u16(const json_t *value, void *target, struct failure *failure)
{
	uint64_t number = 0;
	int r = read_integer(value, UINT16_MAX, &number, failure);

	if (!r)
		*(uint16_t *)target = (uint16_t)number;
	return r;
}

int json_read_u8(const json_t *value, void *target, struct failure *failure)
{
	uint64_t number = 0;
	int r = read_integer(value, UINT8_MAX, &number, failure);

	if (!r)
		*(uint8_t *)target = (uint8_t)number;
	return r;
}

int json_read_text(const char *text, size_t length, json_t **ret_root, struct failure *failure)
{
	json_error_t error;
	json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		return fail(failure, -EINVAL, "not JSON: line %d, column %d: %s", error.line,
			    error.column, error.text);
	*ret_root = root;
	return 0;
}
