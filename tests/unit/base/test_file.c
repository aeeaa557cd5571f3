/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/file.h"

/* A file of `size` bytes 'x'; the test removes it. */
static void make_file(char path[32], size_t size)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *bytes = malloc(size + 1);

	memcpy(path, "/tmp/faultd-test-XXXXXX", 24);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_non_null(bytes);
	memset(bytes, 'x', size + 1);
	assert_int_equal(write(fd, bytes, size), size);
}

static void test_whole_file(void **state)
{
	static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 100000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_free_ char *text = NULL;
		size_t length = 0;
		char path[32];

		make_file(path, sizes[i]);
		assert_int_equal(file_read(path, 100000, &text, &length), 0);
		assert_int_equal(length, sizes[i]);
		assert_int_equal(strlen(text), sizes[i]);
		unlink(path);
	}
}

static void test_refusals(void **state)
{
	char *text = (char *)"untouched";
	size_t length = 7;
	char path[32];

	(void)state;
	make_file(path, 11);
	assert_int_equal(file_read(path, 10, &text, &length), -EFBIG);
	unlink(path);
	assert_int_equal(file_read(path, 10, &text, &length), -ENOENT);
	assert_int_equal(file_read("/tmp", 10, &text, &length), -EISDIR);
	assert_string_equal(text, "untouched");
	assert_int_equal(length, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_file),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
