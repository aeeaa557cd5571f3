/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/daemon/listener.h"

struct place {
	char directory[64];
	char socket[96];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	snprintf(place->directory, sizeof(place->directory), "%s", "/tmp/faultd-listener-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->socket, sizeof(place->socket), "%s/run/s", place->directory);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char *slash = strrchr(place->socket, '/');

	unlink(place->socket);
	*slash = '\0';
	rmdir(place->socket);
	rmdir(place->directory);
	free(place);
	return 0;
}

static void test_mode(void **state)
{
	struct place *place = *state;
	struct stat status;
	int fd = listener_open(place->socket, (gid_t)-1, NULL);

	assert_true(fd >= 0);
	assert_int_equal(stat(place->socket, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0660);
	close(fd);
}

static void test_served_by_another(void **state)
{
	struct place *place = *state;
	struct failure failure = {};
	char message[160];
	int fd = listener_open(place->socket, (gid_t)-1, NULL);

	assert_true(fd >= 0);
	assert_int_equal(listener_open(place->socket, (gid_t)-1, &failure), -EADDRINUSE);
	snprintf(message, sizeof(message), "%s: another faultd serves it", place->socket);
	assert_string_equal(failure.text, message);
	close(fd);
}

static void test_left_behind(void **state)
{
	struct place *place = *state;
	int fd = listener_open(place->socket, (gid_t)-1, NULL);

	assert_true(fd >= 0);
	close(fd);
	fd = listener_open(place->socket, (gid_t)-1, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void test_no_socket(void **state)
{
	struct place *place = *state;
	struct failure failure = {};
	char message[160];
	int fd = listener_open(place->socket, (gid_t)-1, NULL);

	close(fd);
	unlink(place->socket);
	fd = open(place->socket, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(listener_open(place->socket, (gid_t)-1, &failure), -EEXIST);
	snprintf(message, sizeof(message), "%s: is there and no socket", place->socket);
	assert_string_equal(failure.text, message);
}

static void test_long_name(void **state)
{
	struct failure failure = {};
	char path[200];

	(void)state;
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(listener_open(path, (gid_t)-1, &failure), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_served_by_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_left_behind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_socket, set_up, tear_down),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
