/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership by scope: variables marked with one of these attributes are released when they leave
 * scope, unless TAKE_PTR or TAKE_FD moved them out first. A descriptor starts at -1, a pointer at
 * NULL. Every cleanup keeps errno.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void cleanup_free(void *pointer)
{
	int saved = errno;

	free(*(void **)pointer);
	errno = saved;
}

static inline void cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_fclose(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

#define _cleanup_free_	 _cleanup_(cleanup_free)
#define _cleanup_close_	 _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

#define TAKE(variable, empty)                                                                      \
	({                                                                                         \
		__typeof__(variable) taken_ = (variable);                                          \
		(variable) = (empty);                                                              \
		taken_;                                                                            \
	})
#define TAKE_PTR(pointer) TAKE(pointer, NULL)
#define TAKE_FD(fd)	  TAKE(fd, -1)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
