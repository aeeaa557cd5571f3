/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/daemon/pass.h"

static int make_pair(void **state)
{
	static int pair[2];

	*state = pair;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	int *pair = *state;

	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void test_message(void **state)
{
	int *pair = *state, fd = -1;
	size_t count = 7;
	char text[8];

	assert_int_equal(pass_send(pair[0], "hello", 6, NULL, 0, 0), 0);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), &fd, 1, &count, 0), 6);
	assert_string_equal(text, "hello");
	assert_int_equal(count, 0);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), &fd, 1, &count, MSG_DONTWAIT),
			 -EAGAIN);
}

static void test_descriptors(void **state)
{
	int *pair = *state, ends[2], fds[PASS_MAX], more[PASS_MAX + 1];
	size_t count = 0;
	char text[8];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pass_send(pair[0], "x", 1, ends, 2, 0), 0);
	close(ends[0]);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), fds, PASS_MAX, &count, 0), 1);
	assert_int_equal(count, 2);
	assert_int_equal(write(ends[1], "y", 1), 1);
	assert_int_equal(read(fds[0], text, 1), 1);
	assert_int_equal(text[0], 'y');
	close(fds[0]);
	close(fds[1]);
	memset(more, 0, sizeof(more));
	assert_int_equal(pass_send(pair[0], "x", 1, more, PASS_MAX + 1, 0), -EINVAL);
	close(ends[1]);
}

/* More than there is room for is closed: the pipe's last end with it. */
static void test_surplus(void **state)
{
	int *pair = *state, ends[2], fds[1];
	size_t count = 0;
	char text[8];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pass_send(pair[0], "x", 1, ends, 2, 0), 0);
	close(ends[1]);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), fds, 1, &count, 0), 1);
	assert_int_equal(count, 1);
	assert_int_equal(read(ends[0], text, 1), 0);
	close(ends[0]);
	close(fds[0]);
}

static void test_too_long(void **state)
{
	int *pair = *state, ends[2], fds[2];
	size_t count = 0;
	char text[4];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pass_send(pair[0], "too long", 8, &ends[1], 1, 0), 0);
	close(ends[1]);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), fds, 2, &count, 0), -EMSGSIZE);
	assert_int_equal(count, 0);
	assert_int_equal(read(ends[0], text, 1), 0);
	close(ends[0]);
}

static void test_gone(void **state)
{
	int *pair = *state, fd;
	size_t count;
	char text[4];

	shutdown(pair[0], SHUT_WR);
	assert_int_equal(pass_receive(pair[1], text, sizeof(text), &fd, 1, &count, 0), 0);
	assert_int_equal(pass_send(pair[0], "x", 1, NULL, 0, 0), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_message, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_descriptors, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_surplus, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_too_long, make_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_gone, make_pair, close_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
