/* SPDX-License-Identifier: Apache-2.0 */
/* Every file of the malformed corpus is refused with exactly what its .expected file says. */
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/base/file.h"
#include "user/experiment/experiment.h"

#define CORPUS "tests/unit/experiment/malformed"

static void format_all(const struct diagnostics *diagnostics, char **ret_text)
{
	size_t size;
	FILE *out = open_memstream(ret_text, &size);

	assert_non_null(out);
	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct diagnostic *item = &diagnostics->items[i];

		fprintf(out, "%d:%d: %s%s%s\n", item->line, item->column, item->message,
			*item->suggestion ? "; " : "", item->suggestion);
	}
	assert_int_equal(fclose(out), 0);
}

/* Returns whether the file is refused as expected; tells how not. */
static bool check_file(const char *name)
{
	static struct diagnostics diagnostics;
	const struct experiment_options options = {.presets_directory = "experiments/presets",
						   .answers_directory = "experiments/answers"};
	_cleanup_free_ char *expected = NULL, *actual = NULL;
	struct experiment experiment = {0};
	char path[512], expected_path[512];
	size_t length;
	int r;

	snprintf(path, sizeof(path), CORPUS "/%s.yaml", name);
	snprintf(expected_path, sizeof(expected_path), CORPUS "/%s.expected", name);
	assert_int_equal(file_read(expected_path, 65536, &expected, &length), 0);
	r = experiment_load(path, &options, &experiment, &diagnostics);
	format_all(&diagnostics, &actual);
	if (r == -EINVAL && strcmp(actual, expected) == 0)
		return true;
	print_error("%s: returned %d, expected\n%sbut it said\n%s", path, r, expected, actual);
	experiment_free(&experiment);
	return false;
}

static void test_corpus(void **state)
{
	struct dirent **entries;
	int count = scandir(CORPUS, &entries, NULL, alphasort);
	size_t files = 0, wrong = 0;

	(void)state;
	assert_true(count > 0);
	for (int i = 0; i < count; i++) {
		char *dot = strstr(entries[i]->d_name, ".yaml");

		if (dot) {
			*dot = '\0';
			files++;
			wrong += !check_file(entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	print_message("%zu malformed files, %zu not refused as expected\n", files, wrong);
	assert_int_equal(wrong, 0);
	assert_true(files >= 90);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};

	check_enter_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
