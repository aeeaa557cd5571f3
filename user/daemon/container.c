/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/container.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/experiment/plan.h"

enum {
	ID_DIGITS = 64,
	ID_PREFIX_LEAST = 12,	  /* digits of an id that name a container */
	FILE_SIZE_MAX = 16 << 20, /* Podman keeps all of its containers in one file */
};

static const struct {
	const char *front, *back;
} forms[] = {
	{"docker-", ".scope"},
	{"libpod-", ".scope"},
	{"cri-containerd-", ".scope"},
	{"crio-", ".scope"},
	{"nerdctl-", ".scope"},
	{"libpod-", ""},
	{"", ""},
};

static bool is_id(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isdigit((unsigned char)text[i]) && !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	return length == ID_DIGITS;
}

bool container_id_of(const char *cgroup_name, char id[CONTAINER_ID_SIZE])
{
	size_t length = strlen(cgroup_name);

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t front = strlen(forms[i].front), back = strlen(forms[i].back);

		if (length <= front + back || strncmp(cgroup_name, forms[i].front, front) ||
		    strcmp(cgroup_name + length - back, forms[i].back) ||
		    !is_id(cgroup_name + front, length - front - back))
			continue;
		memcpy(id, cgroup_name + front, ID_DIGITS);
		id[ID_DIGITS] = '\0';
		return true;
	}
	return false;
}

/* A JSON file that only root can have written; NULL: it tells nothing. */
static json_t *read_json(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	struct stat status;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if (fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_uid ||
	    status.st_mode & S_IWOTH || status.st_size > FILE_SIZE_MAX)
		return NULL;
	return json_loadf(file, 0, NULL);
}

static bool is_text(const json_t *value, const char *wanted)
{
	return json_is_string(value) && !strcmp(json_string_value(value), wanted);
}

static bool docker_calls_it(const char *root, const char *id, const char *wanted)
{
	char path[PATH_MAX];
	const char *name;
	json_t *config;
	bool is;

	snprintf(path, sizeof(path), "%s/var/lib/docker/containers/%s/config.v2.json", root, id);
	config = read_json(path);
	name = json_string_value(json_object_get(config, "Name"));
	is = name && !strcmp(name[0] == '/' ? name + 1 : name, wanted);
	json_decref(config);
	return is;
}

static bool podman_calls_it(const char *root, const char *id, const char *wanted)
{
	const json_t *container, *name;
	char path[PATH_MAX];
	json_t *containers;
	bool is = false;
	size_t i, j;

	snprintf(path, sizeof(path),
		 "%s/var/lib/containers/storage/overlay-containers/"
		 "containers.json",
		 root);
	containers = read_json(path);
	json_array_foreach(containers, i, container)
	{
		if (!is_text(json_object_get(container, "id"), id))
			continue;
		json_array_foreach(json_object_get(container, "names"), j, name) is |=
			is_text(name, wanted);
	}
	json_decref(containers);
	return is;
}

/* Annotations that hold what people call a container. */
static const char *const name_annotations[] = {
	"nerdctl/name",
	"io.kubernetes.cri.container-name",
	"io.kubernetes.container.name",
};

static bool annotations_call_it(const char *path, const char *wanted)
{
	json_t *config = read_json(path);
	const json_t *annotations = json_object_get(config, "annotations");
	bool is = false;

	for (size_t i = 0; i < ARRAY_SIZE(name_annotations); i++)
		is |= is_text(json_object_get(annotations, name_annotations[i]), wanted);
	json_decref(config);
	return is;
}

/* Its tasks stand below the namespaces of its clients ("moby", "k8s.io", "default"). */
static bool containerd_calls_it(const char *root, const char *id, const char *wanted)
{
	char path[PATH_MAX], config[PATH_MAX + 512];
	const struct dirent *entry;
	DIR *namespaces;
	bool is = false;

	snprintf(path, sizeof(path), "%s/run/containerd/io.containerd.runtime.v2.task", root);
	namespaces = opendir(path);
	while (namespaces && !is && (entry = readdir(namespaces))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(config, sizeof(config), "%s/%s/%s/config.json", path, entry->d_name, id);
		is = annotations_call_it(config, wanted);
	}
	if (namespaces)
		closedir(namespaces);
	return is;
}

bool container_is(const char *root, const char *id, const char *wanted)
{
	size_t length = strlen(wanted);

	if (length >= ID_PREFIX_LEAST && !strncmp(id, wanted, length))
		return true;
	return docker_calls_it(root, id, wanted) || podman_calls_it(root, id, wanted) ||
	       containerd_calls_it(root, id, wanted);
}
