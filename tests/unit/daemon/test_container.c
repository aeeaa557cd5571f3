/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/daemon/container.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_ids(void **state)
{
	static const char *const containers[] = {
		ID,
		"docker-" ID ".scope",
		"libpod-" ID ".scope",
		"libpod-" ID,
		"cri-containerd-" ID ".scope",
		"crio-" ID ".scope",
		"nerdctl-" ID ".scope",
	};
	static const char *const others[] = {
		"",
		"ssh.service",
		"docker.service",
		"docker-0123.scope",
		"libpod-conmon-" ID ".scope",
		ID "0",
		"docker-" ID,
		"docker-" ID ".slice",
		"Docker-" ID ".scope",
		"x-" ID ".scope",
		"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
	};
	char id[CONTAINER_ID_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(containers); i++) {
		memset(id, 'x', sizeof(id));
		assert_true(container_id_of(containers[i], id));
		assert_string_equal(id, ID);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(container_id_of(others[i], id));
}

static void test_prefix(void **state)
{
	(void)state;
	assert_true(container_is("/nowhere", ID, ID));
	assert_true(container_is("/nowhere", ID, "0123456789ab"));
	assert_false(container_is("/nowhere", ID, "0123456789a"));
	assert_false(container_is("/nowhere", ID, "123456789abc"));
	assert_false(container_is("/nowhere", ID, ID "0"));
}

/* A file of root's below `root`, when root runs the test. */
static void write_file(const char *root, const char *path, const char *text, mode_t mode)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(full, mode);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static void remove_tree(const char *root)
{
	assert_int_equal(nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void test_names(void **state)
{
	char root[] = "/tmp/test-container-XXXXXX";

	(void)state;
	if (geteuid())
		skip();
	assert_non_null(mkdtemp(root));
	assert_false(container_is(root, ID, "web"));
	write_file(root, "var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\":\"/web\"}",
		   0600);
	write_file(root, "var/lib/containers/storage/overlay-containers/containers.json",
		   "[{\"id\":\"x\",\"names\":[\"none\"]},{\"id\":\"" ID
		   "\",\"names\":[\"cache\",\"store\"]}]",
		   0600);
	write_file(root, "run/containerd/io.containerd.runtime.v2.task/default/" ID "/config.json",
		   "{\"annotations\":{\"nerdctl/name\":\"mirror\"}}", 0600);
	assert_true(container_is(root, ID, "web"));
	assert_true(container_is(root, ID, "cache"));
	assert_true(container_is(root, ID, "store"));
	assert_true(container_is(root, ID, "mirror"));
	assert_false(container_is(root, ID, "none"));
	assert_false(container_is(root, ID, "/web"));
	/* What others may write, or what is no JSON, tells nothing. */
	write_file(root, "var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\":\"/web\"}",
		   0666);
	assert_false(container_is(root, ID, "web"));
	write_file(root, "var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\":", 0600);
	assert_false(container_is(root, ID, "web"));
	remove_tree(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
