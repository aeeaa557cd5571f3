/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"

#define CHUNK 16384

int file_read(const char *path, size_t limit, char **ret_text, size_t *ret_length)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t length = 0, size = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	do {
		if (size - length < CHUNK + 1) {
			char *larger = realloc(text, size * 2 + CHUNK + 1);

			if (!larger)
				return -ENOMEM;
			text = larger;
			size = size * 2 + CHUNK + 1;
		}
		got = read(fd, text + length, CHUNK);
		if (got < 0 && errno != EINTR)
			return -errno;
		length += got > 0 ? (size_t)got : 0;
		if (length > limit)
			return -EFBIG;
	} while (got != 0);
	text[length] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_length = length;
	return 0;
}
