/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/command.h"

static struct loop *loop;
static struct command_result seen;
static char output[COMMAND_OUTPUT_SIZE + 1];

static void on_done(void *data, const struct command_result *result)
{
	(void)data;
	seen = *result;
	memcpy(output, result->output, result->output_length);
	output[result->output_length] = '\0';
	loop_stop(loop);
}

/* Runs `script` in a shell, or the program itself when it has no blank. */
static void run(const char *script, uint64_t timeout_ns)
{
	const struct identity identity = {0};
	struct command *command;
	struct strings argv = {0};

	if (strchr(script, ' ')) {
		assert_int_equal(strings_add(&argv, "sh"), 0);
		assert_int_equal(strings_add(&argv, "-c"), 0);
	}
	assert_int_equal(strings_add(&argv, script), 0);
	assert_int_equal(command_start(loop, &argv, &identity, timeout_ns, on_done, NULL, &command),
			 0);
	assert_int_equal(loop_run(loop), 0);
	strings_free(&argv);
}

static void test_success(void **state)
{
	(void)state;
	run("true", 5 * NS_PER_S);
	assert_int_equal(seen.class, CLASS_OK);
	assert_int_equal(seen.status, 0);
	assert_true(seen.ended_at > seen.started_at);
}

static void test_exit_code_and_output(void **state)
{
	(void)state;
	run("echo one; echo two >&2; exit 3", 5 * NS_PER_S);
	assert_int_equal(seen.class, CLASS_EXIT_CODE);
	assert_int_equal(seen.status, 3);
	assert_string_equal(output, "one\ntwo\n");
	assert_int_equal(seen.bytes, 8);
}

/* No terminal and no input: what reads finds the end at once. */
static void test_no_input(void **state)
{
	(void)state;
	run("cat; exit 0", 5 * NS_PER_S);
	assert_int_equal(seen.class, CLASS_OK);
}

static void test_last_output_is_kept(void **state)
{
	(void)state;
	run("seq 1 2000; exit 1", 5 * NS_PER_S);
	assert_int_equal(seen.bytes, 8893);
	assert_int_equal(seen.output_length, COMMAND_OUTPUT_SIZE);
	assert_string_equal(output + seen.output_length - 10, "1999\n2000\n");
}

static void test_signal(void **state)
{
	(void)state;
	run("kill -SEGV $$", 5 * NS_PER_S);
	assert_int_equal(seen.class, CLASS_KILLED);
	assert_int_equal(seen.error, SIGSEGV);
}

static void test_not_started(void **state)
{
	(void)state;
	run("/nonexistent/program", 5 * NS_PER_S);
	assert_int_equal(seen.class, CLASS_NOT_STARTED);
	assert_int_equal(seen.error, ENOENT);
}

/* The pid that the command printed goes, and so does the whole group: SIGKILL was sent, and a
 * process of it may still be on its way out. */
static void assert_gone(void)
{
	uint64_t until = clock_boottime_ns() + 2 * NS_PER_S;

	char path[64], target[64];

	output[strcspn(output, "\n")] = '\0';
	snprintf(path, sizeof(path), "/proc/%.20s/exe", output);
	/* A zombie that init has yet to reap has no exe any more. */
	while (readlink(path, target, sizeof(target)) >= 0)
		assert_true(clock_boottime_ns() < until);
}

static void test_timeout_kills_the_group(void **state)
{
	(void)state;
	run("sleep 60 & echo $!; wait", 50 * NS_PER_MS);
	assert_int_equal(seen.class, CLASS_TIMEOUT);
	assert_in_range(seen.ended_at - seen.started_at, 50 * NS_PER_MS, 500 * NS_PER_MS);
	assert_gone();
}

static void test_nothing_is_left_behind(void **state)
{
	(void)state;
	run("sleep 60 & echo $!; exit 0", 5 * NS_PER_S);
	assert_int_equal(seen.class, CLASS_OK);
	assert_gone();
}

static void test_identity(void **state)
{
	struct failure failure = {0};
	struct identity identity;

	(void)state;
	unsetenv("SUDO_UID");
	assert_int_equal(identity_find(false, &identity, &failure), 0);
	assert_false(identity.change);
	setenv("SUDO_UID", "0x10", 1);
	setenv("SUDO_GID", "10", 1);
	assert_int_equal(identity_find(true, &identity, &failure), 0);
	assert_false(identity.change);
	if (geteuid() != 0)
		skip();
	assert_int_equal(identity_find(false, &identity, &failure), -EINVAL);
	assert_string_equal(failure.text, "SUDO_UID and SUDO_GID are not the ids of a user; "
					  "--as-root runs commands as root");
	setenv("SUDO_UID", "0", 1);
	assert_int_equal(identity_find(false, &identity, &failure), 0);
	assert_false(identity.change);
	setenv("SUDO_UID", "4294967000", 1);
	assert_int_equal(identity_find(false, &identity, &failure), -EINVAL);
	assert_string_equal(failure.text, "SUDO_UID names no user: 4294967000");
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
}

static int set_up(void **state)
{
	(void)state;
	return loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_exit_code_and_output),
		cmocka_unit_test(test_no_input),
		cmocka_unit_test(test_last_output_is_kept),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_not_started),
		cmocka_unit_test(test_timeout_kills_the_group),
		cmocka_unit_test(test_nothing_is_left_behind),
		cmocka_unit_test(test_identity),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
