/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4) for bytes inside JSON. */
#ifndef PROTOCOL_BASE64_H
#define PROTOCOL_BASE64_H

#include <stddef.h>

/* Padded text of `length` bytes; the caller frees `ret_text`. 0 or -ENOMEM. */
int base64_encode(const char *bytes, size_t length, char **ret_text);

/*
 * Reads padded text without spaces; the caller frees `ret_bytes`, which has a NUL behind its
 * `ret_length` bytes. 0, -EINVAL when it is not base64 in its one canonical form, or -ENOMEM.
 */
int base64_decode(const char *text, char **ret_bytes, size_t *ret_length);

#endif
