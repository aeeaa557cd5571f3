/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/policy.h"

static const char whole[] = "version: 1\n"
			    "longest duration: 30m\n"
			    "longest lease: 5s\n"
			    "allow whole host: false\n"
			    "effects: [refuse, answer]\n"
			    "allow gate: false\n"
			    "terminate: [Store.example, \"*.blob.example\"]\n"
			    "protect:\n"
			    "  - 10.0.0.0/8 port 22\n"
			    "  - fd00::/8\n"
			    "  - 192.0.2.1 port 8000-8010\n"
			    "users: [root, \"1234\"]\n"
			    "groups: [\"5678\"]\n";

static void test_whole(void **state)
{
	struct failure failure = {};
	struct policy policy;

	(void)state;
	assert_int_equal(policy_parse("p", whole, strlen(whole), &policy, &failure), 0);
	assert_int_equal(policy.longest_duration_ns, 1800 * NS_PER_S);
	assert_int_equal(policy.longest_lease_ns, 5 * NS_PER_S);
	assert_false(policy.allow_whole_host);
	assert_int_equal(policy.effects, 1 << FAULT_EFFECT_REFUSE | 1 << FAULT_EFFECT_ANSWER);
	assert_false(policy.allow_gate);
	assert_true(policy.limits_terminate);
	assert_int_equal(policy.terminate.count, 2);
	assert_string_equal(policy.terminate.items[0], "store.example");
	assert_string_equal(policy.terminate.items[1], "*.blob.example");
	assert_int_equal(policy.protect_count, 3);
	assert_string_equal(policy.protect[0].text, "10.0.0.0/8 port 22");
	assert_int_equal(policy.protect[0].ports[0].first, 22);
	assert_int_equal(policy.protect[1].ports_count, 0);
	assert_int_equal(policy.protect[2].prefix.length, 32);
	assert_int_equal(policy.protect[2].ports[0].last, 8010);
	assert_true(policy.restricted);
	assert_int_equal(policy.users_count, 2);
	assert_int_equal(policy.users[0], 0);
	assert_int_equal(policy.users[1], 1234);
	assert_int_equal(policy.groups[0], 5678);
	policy_free(&policy);
}

static const struct {
	const char *text;
	const char *message;
} refusals[] = {
	{"colour: 1\n", "p:1:1: unknown key 'colour'"},
	{"version: 2\n", "p:1:1: version: must be 1"},
	{"version: 1\nlongest duration: 30\n",
	 "p:2:1: longest duration: '30' is no duration like 30m"},
	{"longest duration: 0s\n", "p:1:1: longest duration: '0s' is out of range"},
	{"longest duration: 25h\n", "p:1:1: longest duration: '25h' is out of range"},
	{"longest lease: 2m\n", "p:1:1: longest lease: '2m' is out of range"},
	{"longest lease: [1s]\n", "p:1:1: longest lease: must be a duration like 30m, not a list"},
	{"allow whole host: yes\n", "p:1:1: allow whole host: must be true or false, not 'yes'"},
	{"effects: refuse\n", "p:1:1: effects: must be a list of effects, not text"},
	{"effects: [explode]\n", "p:1:1: effects: 'explode' is no effect"},
	{"allow gate: deny\n", "p:1:1: allow gate: must be true or false, not 'deny'"},
	{"terminate: store.example\n", "p:1:1: terminate: must be a list of names, not text"},
	{"terminate: [a.example, \"*\"]\n", "p:1:1: terminate: '*' is no host name"},
	{"protect: [ten]\n", "p:1:1: protect: 'ten' is no address or prefix"},
	{"protect: [10.0.0.1 port x]\n", "p:1:1: protect: 'x' is no port or range of ports"},
	{"users: [no-such-user-here]\n", "p:1:1: users: there is no user 'no-such-user-here'"},
	{"groups: [no-such-group-here]\n", "p:1:1: groups: there is no group 'no-such-group-here'"},
	{"- a\n", "p: must be a mapping, not a list"},
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct policy policy = {.longest_lease_ns = 42};
		struct failure failure = {};

		assert_int_equal(policy_parse("p", refusals[i].text, strlen(refusals[i].text),
					      &policy, &failure),
				 -EINVAL);
		assert_string_equal(failure.text, refusals[i].message);
		assert_int_equal(policy.longest_lease_ns, 42);
	}
}

/* Writes the policy into a file of its own; the caller unlinks it. */
static void write_file(char path[], mode_t mode)
{
	_cleanup_close_ int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, whole, strlen(whole)), (ssize_t)strlen(whole));
	assert_int_equal(fchmod(fd, mode), 0);
}

static void test_missing_file(void **state)
{
	struct policy policy;

	(void)state;
	assert_int_equal(policy_load("/nonexistent/policy.yaml", &policy, NULL), 0);
	assert_int_equal(policy.longest_duration_ns, 3600 * NS_PER_S);
	assert_int_equal(policy.longest_lease_ns, 60 * NS_PER_S);
	assert_true(policy.allow_whole_host && !policy.restricted);
	assert_true(policy.allow_gate && !policy.limits_terminate);
	assert_int_equal(policy.protect_count, 0);
	policy_free(&policy);
}

static void test_untrusted_file(void **state)
{
	char path[] = "/tmp/faultd-policy-XXXXXX", message[128];
	struct failure failure = {};
	struct policy policy;

	(void)state;
	write_file(path, 0664);
	snprintf(message, sizeof(message),
		 "%s: must belong to root and not be writable by group or others", path);
	assert_int_equal(policy_load(path, &policy, &failure), -EPERM);
	assert_string_equal(failure.text, message);
	unlink(path);
}

static void test_trusted_file(void **state)
{
	char path[] = "/tmp/faultd-policy-XXXXXX";
	struct failure failure = {};
	struct policy policy;

	(void)state;
	if (geteuid())
		skip(); /* only root can own a file as root does */
	write_file(path, 0644);
	assert_int_equal(policy_load(path, &policy, &failure), 0);
	assert_int_equal(policy.protect_count, 3);
	policy_free(&policy);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	     cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_missing_file), cmocka_unit_test(test_untrusted_file),
		cmocka_unit_test(test_trusted_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
