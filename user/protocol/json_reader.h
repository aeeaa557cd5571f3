/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON objects of an untrusted peer against a table: which keys there are, how each value
 * is read and where it goes. Unknown keys are refused. Every message names the place.
 */
#ifndef PROTOCOL_JSON_READER_H
#define PROTOCOL_JSON_READER_H

#include <jansson.h>
#include <stdbool.h>

#include "user/base/failure.h"

/* Reads `value` into `target`. 0, -EINVAL with the problem in `failure`, or -ENOMEM. */
typedef int (*json_read_fn)(const json_t *value, void *target, struct failure *failure);

struct json_field {
	const char *key;
	json_read_fn read;
	size_t offset; /* of the target in the object's struct */
	bool required;
};

/* Reads an object by its table into `object`. What was read before a failure stays in `object`. */
int json_read_object(const json_t *value, const struct json_field *fields, size_t count,
		     void *object, struct failure *failure);

/* Reads each element of an array into *ret_items, grown by `size` bytes per element (zeroed). */
int json_read_array(const json_t *value, json_read_fn read, size_t size, size_t most,
		    void **ret_items, size_t *ret_count, struct failure *failure);

/* Readers for plain targets: char * (owned), bool, uint64_t, uint32_t, uint16_t, uint8_t. */
int json_read_string(const json_t *value, void *target, struct failure *failure);
int json_read_bool(const json_t *value, void *target, struct failure *failure);
int json_read_u64(const json_t *value, void *target, struct failure *failure);
int json_read_u32(const json_t *value, void *target, struct failure *failure);
int json_read_u16(const json_t *value, void *target, struct failure *failure);
int json_read_u8(const json_t *value, void *target, struct failure *failure);

/* Parses a whole document; duplicate keys are errors. `ret_root` is owned by the caller. */
int json_read_text(const char *text, size_t length, json_t **ret_root, struct failure *failure);

#endif
