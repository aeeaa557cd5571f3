/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that read files of the source tree run in its root, wherever they are started. */
#ifndef TESTS_UNIT_ROOT_H
#define TESTS_UNIT_ROOT_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Goes up from the running program to the directory that holds experiments/presets. */
static inline void check_enter_root(void)
{
	char path[PATH_MAX], probe[PATH_MAX + 32];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[length > 0 ? length : 0] = '\0';
	while ((slash = strrchr(path, '/'))) {
		*slash = '\0';
		snprintf(probe, sizeof(probe), "%s/experiments/presets", path);
		if (access(probe, F_OK) == 0 && chdir(path) == 0)
			return;
	}
	fprintf(stderr, "the root of the source tree was not found\n");
	exit(1);
}

#endif
