/* SPDX-License-Identifier: Apache-2.0 */
/* The walks on a plain directory tree: cgroup2 is one to whoever reads it. */
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/daemon/cgroup.h"

/* Parents before children. */
static const char *const tree[] = {
	"/system.slice",
	"/system.slice/actions.runner.a.service",
	"/system.slice/actions.runner.a.service/job",
	"/system.slice/actions.runner.b.service",
	"/system.slice/ssh.service",
	"/user.slice",
};

static int set_up(void **state)
{
	char *root = strdup("/tmp/faultd-cgroup-XXXXXX"), path[256];

	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < ARRAY_SIZE(tree); i++) {
		snprintf(path, sizeof(path), "%s%s", root, tree[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	snprintf(path, sizeof(path), "%s/link", root);
	assert_int_equal(symlink("system.slice", path), 0);
	*state = root;
	return 0;
}

static int tear_down(void **state)
{
	char *root = *state, path[256];

	snprintf(path, sizeof(path), "%s/link", root);
	unlink(path);
	for (size_t i = ARRAY_SIZE(tree); i-- > 0;) {
		snprintf(path, sizeof(path), "%s%s", root, tree[i]);
		rmdir(path);
	}
	rmdir(root);
	free(root);
	return 0;
}

static void test_contains(void **state)
{
	(void)state;
	assert_true(cgroup_contains("/", "/a"));
	assert_true(cgroup_contains("/a", "/a"));
	assert_true(cgroup_contains("/a", "/a/b"));
	assert_false(cgroup_contains("/a", "/ab"));
	assert_false(cgroup_contains("/a/b", "/a"));
}

static void test_open(void **state)
{
	struct failure failure = {};
	int fd = cgroup_open(*state, "/system.slice/ssh.service", &failure);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(cgroup_open(*state, "/system.slice/none", &failure), -ENOENT);
	assert_string_equal(failure.text, "cgroup /system.slice/none: does not exist");
	assert_int_equal(cgroup_open(*state, "/../etc", &failure), -EINVAL);
	assert_string_equal(failure.text, "cgroup /../etc: not a path below the cgroup mount");
	/* A link is no cgroup. */
	assert_true(cgroup_open(*state, "/link", &failure) < 0);
}

static void test_ids(void **state)
{
	struct cgroup_ids ids = {};

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		assert_false(cgroup_ids_has(&ids, i));
	ids.items = malloc(3 * sizeof(*ids.items));
	assert_non_null(ids.items);
	ids.items[0] = 30;
	ids.items[1] = ~0ULL;
	ids.items[2] = 10;
	ids.count = 3;
	cgroup_ids_sort(&ids);
	assert_true(cgroup_ids_has(&ids, 10));
	assert_true(cgroup_ids_has(&ids, ~0ULL));
	assert_false(cgroup_ids_has(&ids, 20));
	cgroup_ids_free(&ids);
	assert_int_equal(ids.count, 0);
}

static int count_cgroup(void *context, int fd, const char *name, const char *path)
{
	size_t *count = context;

	assert_true(fd >= 0);
	assert_string_equal(strrchr(path, '/') + 1, name);
	(*count)++;
	return 0;
}

/* Each walk begins at the front, however often its descriptor was walked before. */
static void test_walk_again(void **state)
{
	struct failure failure = {};
	_cleanup_close_ int fd = cgroup_open(*state, "/", &failure);

	assert_true(fd >= 0);
	for (int i = 0; i < 3; i++) {
		size_t count = 0;

		assert_int_equal(cgroup_walk(fd, count_cgroup, &count), 0);
		assert_int_equal(count, ARRAY_SIZE(tree));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contains),
		cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
		cmocka_unit_test(test_ids),
		cmocka_unit_test_setup_teardown(test_walk_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
