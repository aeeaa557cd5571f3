/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

/*
 * Reads a whole regular file (or pipe) of at most `limit` bytes. The caller frees `ret_text`, which
 * has a NUL behind its `ret_length` bytes. -EFBIG when it is longer, -EISDIR for a directory, or
 * the errno of open or read.
 */
int file_read(const char *path, size_t limit, char **ret_text, size_t *ret_length);

#endif
