/* SPDX-License-Identifier: Apache-2.0 */
#include "user/experiment/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"

#define SUFFIX ".yaml"

static bool is_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return length > 0 && length <= 64 && name[length] == '\0';
}

int catalogue_path(const char *directory, const char *name, char *buffer, size_t size)
{
	/* The name becomes part of a path: nothing in it may lead elsewhere. */
	if (!is_name(name) ||
	    (size_t)snprintf(buffer, size, "%s/%s" SUFFIX, directory, name) >= size ||
	    access(buffer, F_OK) < 0)
		return -ENOENT;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void cleanup_directory(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

int catalogue_list(const char *directory, struct strings *ret_names)
{
	_cleanup_(cleanup_directory) DIR *open_directory = opendir(directory);
	_cleanup_(strings_free) struct strings names = {0};
	const struct dirent *entry;
	int r = 0;

	if (!open_directory)
		return -errno;
	while (r == 0 && (entry = readdir(open_directory))) {
		size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);
		char name[NAME_MAX + 1];

		if (length <= suffix || strcmp(entry->d_name + length - suffix, SUFFIX) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(length - suffix), entry->d_name);
		if (is_name(name))
			r = strings_add(&names, name);
	}
	if (r < 0)
		return r;
	if (names.count > 0)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	*ret_names = TAKE(names, (struct strings){0});
	return 0;
}

static bool is_directory(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int catalogue_directory(const char *kind, const char *variable, char *buffer, size_t size)
{
	/* Beside the program in a source tree (build/), then in an installed one (bin/). */
	static const char *const beside[] = {"../experiments", "../share/faultd/experiments"};
	const char *chosen = getenv(variable);
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char path[2 * PATH_MAX];
	const char *slash;

	if (chosen && *chosen)
		return (size_t)snprintf(buffer, size, "%s", chosen) < size ? 0 : -ENAMETOOLONG;
	program[length > 0 ? length : 0] = '\0';
	slash = strrchr(program, '/');
	for (size_t i = 0; slash && i < ARRAY_SIZE(beside); i++) {
		snprintf(path, sizeof(path), "%.*s/%s/%s", (int)(slash - program), program,
			 beside[i], kind);
		if (is_directory(path))
			return (size_t)snprintf(buffer, size, "%s", path) < size ? 0
										 : -ENAMETOOLONG;
	}
	snprintf(path, sizeof(path), "%s/share/faultd/experiments/%s", FAULTD_PREFIX, kind);
	if (!is_directory(path))
		return -ENOENT;
	return (size_t)snprintf(buffer, size, "%s", path) < size ? 0 : -ENAMETOOLONG;
}
