/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int state_path(const char *below, char buffer[PATH_MAX], struct failure *failure)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int used;

	if (state && state[0] == '/')
		used = snprintf(buffer, PATH_MAX, "%s/faultctl/%s", state, below);
	else if (home && home[0] == '/')
		used = snprintf(buffer, PATH_MAX, "%s/.local/state/faultctl/%s", home, below);
	else
		return fail(failure, -ENOENT,
			    "neither XDG_STATE_HOME nor HOME is set: say "
			    "--output DIRECTORY");
	if (used >= PATH_MAX)
		return fail(failure, -ENAMETOOLONG, "the journal's path is too long");
	return 0;
}

int state_make_directories(const char *path, struct failure *failure)
{
	char part[PATH_MAX];
	size_t length = strlen(path);

	if (length == 0 || length >= sizeof(part))
		return fail(failure, -ENAMETOOLONG, "not a usable directory: \"%s\"", path);
	memcpy(part, path, length + 1);
	for (size_t i = 1; i <= length; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, 0777) < 0 && errno != EEXIST)
			return fail(failure, -errno, "cannot make %s: %s", part, strerror(errno));
		if (i < length)
			part[i] = '/';
	}
	return 0;
}
