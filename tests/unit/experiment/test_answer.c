/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/experiment/experiment.h"

#define SHIPPED "experiments/answers"

static struct diagnostics diagnostics;

/* Every shipped answer fits, is a plan's answer, and has the type of its body. */
static void test_shipped(void **state)
{
	_cleanup_(strings_free) struct strings names = {0};
	_cleanup_free_ struct fault_answer *rendered = calloc(1, sizeof(*rendered));

	(void)state;
	assert_non_null(rendered);
	assert_int_equal(answer_list(SHIPPED, &names), 0);
	assert_int_equal(names.count, 16);
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_(answer_free) struct answer answer = {0};
		int r = answer_load(SHIPPED, names.items[i], &answer, &diagnostics);

		if (r < 0)
			diagnostics_print(&diagnostics, names.items[i], stderr);
		assert_int_equal(r, 0);
		assert_string_equal(answer.name, names.items[i]);
		assert_true(answer.rule.status >= 400 && answer.rule.status < 600);
		assert_non_null(strstr(answer.rule.headers, "Content-Type: "));
		assert_true(answer.rule.body_length > 0);
		assert_int_equal(plan_render_answer(&answer.rule, false, rendered), 0);
	}
}

static void test_one(void **state)
{
	_cleanup_(answer_free) struct answer answer = {0};

	(void)state;
	assert_int_equal(answer_load(SHIPPED, "aws-sts-throttling", &answer, &diagnostics), 0);
	/* Throttled by a 400: what its clients must be able to tell. */
	assert_int_equal(answer.rule.status, 400);
	assert_non_null(strstr(answer.rule.body, "<Code>Throttling</Code>"));
	answer_free(&answer);
	assert_int_equal(answer_load(SHIPPED, "azure-storage-409", &answer, &diagnostics), 0);
	assert_int_equal(answer.rule.status, 409);
	assert_non_null(
		strstr(answer.rule.headers, "x-ms-error-code: PublicAccessNotPermitted\r\n"));
	assert_non_null(strstr(answer.rule.body, "<Code>PublicAccessNotPermitted</Code>"));
}

static void test_none(void **state)
{
	static const char *const names[] = {"nowhere", "../presets/apt", "", "Registry-503",
					    "registry-503.yaml"};
	struct answer answer = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char expected[64];

		snprintf(expected, sizeof(expected), "there is no answer '%s'", names[i]);
		assert_int_equal(answer_load(SHIPPED, names[i], &answer, &diagnostics), -ENOENT);
		assert_string_equal(diagnostics.items[0].message, expected);
		assert_null(answer.name);
	}
}

/* What is wrong with a file of one; the place is in it. */
static const struct {
	const char *text;
	int line, column;
	const char *message;
} wrong[] = {
	{"version: 1\nanswer: b\ndescription: d\nstatus: 503\n", 2, 9,
	 "answer 'b' is in the file of 'a'"},
	{"version: 1\nanswer: a\ndescription: d\n", 1, 1, "a named answer needs 'status'"},
	{"version: 1\nanswer: a\ndescription: d\nstatus: 199\n", 4, 9,
	 "'status' is out of range: '199'"},
	{"version: 1\nanswer: a\ndescription: d\nstatus: 204\nbody: x\n", 5, 7,
	 "an answer of status 204 has no body"},
	{"version: 1\nanswer: a\ndescription: d\nstatus: 503\nheaders: {Connection: close}\n", 5,
	 11, "header 'Connection' is written by faultd itself"},
	{"version: 1\nanswer: a\ndescription: d\nstatus: 503\ntemplate: b\n", 5, 1,
	 "unknown key 'template' in a named answer"},
};

static void test_wrong(void **state)
{
	char directory[] = "/tmp/answers-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/a.yaml", directory);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct answer answer = {0};
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(wrong[i].text, file);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(answer_load(directory, "a", &answer, &diagnostics), -EINVAL);
		assert_string_equal(diagnostics.items[0].message, wrong[i].message);
		assert_int_equal(diagnostics.items[0].line, wrong[i].line);
		assert_int_equal(diagnostics.items[0].column, wrong[i].column);
		assert_null(answer.name);
	}
	unlink(path);
	rmdir(directory);
}

static void test_directory(void **state)
{
	char path[256], tiny[4];

	(void)state;
	setenv("FAULTD_ANSWERS", "/some/where", 1);
	assert_int_equal(experiment_answers_directory(path, sizeof(path)), 0);
	assert_string_equal(path, "/some/where");
	assert_int_equal(experiment_answers_directory(tiny, sizeof(tiny)), -ENAMETOOLONG);
	unsetenv("FAULTD_ANSWERS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),	  cmocka_unit_test(test_one),
		cmocka_unit_test(test_none),	  cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_directory),
	};

	check_enter_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
