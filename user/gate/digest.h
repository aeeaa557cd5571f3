/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of a text. */
#ifndef GATE_DIGEST_H
#define GATE_DIGEST_H

#include <stddef.h>

/* 64 lower-case hexadecimal digits and the end. */
#define DIGEST_TEXT_SIZE 65

/* The digest of `size` bytes at `data` as text. 0, or -EIO when the library cannot. */
int digest_sha256(const void *data, size_t size, char ret_text[DIGEST_TEXT_SIZE]);

#endif
