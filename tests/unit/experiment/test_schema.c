/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/base/file.h"
#include "user/experiment/schema.h"

#define REFERENCE "docs/experiments.md"
#define END	  "<!-- end -->\n"

/* The table as the reference must have it between its markers. */
static char *expected_table(const struct schema *schema)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out, "<!-- keys: %s -->\n", schema->name);
	schema_print_markdown(schema, out);
	fputs(END, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_reference_has_every_table(void **state)
{
	_cleanup_free_ char *reference = NULL;
	size_t length, markers = 0, wrong = 0, count = 0;

	(void)state;
	assert_int_equal(file_read(REFERENCE, 1024 * 1024, &reference, &length), 0);
	for (; schemas[count]; count++) {
		_cleanup_free_ char *expected = expected_table(schemas[count]);

		if (strstr(reference, expected))
			continue;
		print_error("%s should have:\n%s\n", REFERENCE, expected);
		wrong++;
	}
	for (const char *at = reference; (at = strstr(at, "<!-- keys: ")); at++)
		markers++;
	assert_int_equal(wrong, 0);
	assert_int_equal(markers, count);
}

/* Values that the tables themselves call right must be: defaults and examples. */
static void test_tables_agree_with_themselves(void **state)
{
	(void)state;
	for (size_t i = 0; schemas[i]; i++) {
		for (size_t j = 0; j < schemas[i]->count; j++) {
			const struct schema_key *key = &schemas[i]->keys[j];
			_cleanup_yaml_ struct yaml_node *root = NULL;
			struct diagnostics diagnostics = {0};
			char text[512];
			bool good = false;

			assert_non_null(key->help);
			assert_non_null(key->example);
			snprintf(text, sizeof(text), "%s: %s\n", key->key, key->example);
			assert_int_equal(yaml_parse(text, strlen(text), &root, &diagnostics), 0);
			assert_int_equal(
				schema_read_value(key, root->values[0], NULL, &good, &diagnostics),
				0);
			if (!good)
				print_error("%s: %s\n", text, diagnostics.items[0].message);
			assert_true(good);
		}
	}
}

static void test_closest(void **state)
{
	(void)state;
	assert_string_equal(schema_closest(&schema_workflow, "evry"), "every");
	assert_string_equal(schema_closest(&schema_top, "timelin"), "timeline");
	assert_null(schema_closest(&schema_top, "colour"));
}

struct sample {
	char *line;
	uint64_t duration;
	bool has_duration;
};

static const struct schema_key sample_keys[] = {
	{"line", SCHEMA_LINE, .required = true, .high = 5, .example = "x", .help = "h",
	 .field = offsetof(struct sample, line), .has_field = SCHEMA_NO_FIELD},
	{"duration", SCHEMA_DURATION, .fallback = "2s", .high = 10000000000, .example = "1s",
	 .help = "h", .field = offsetof(struct sample, duration),
	 .has_field = offsetof(struct sample, has_duration)},
};
static const struct schema sample_schema = {"sample", "a sample", sample_keys, 2};

static void test_read_stores_values_and_defaults(void **state)
{
	static const struct {
		const char *text;
		const char *line;
		uint64_t duration;
		bool has_duration;
		size_t problems;
	} cases[] = {
		{"{line: abc}", "abc", 2000000000, false, 0},
		{"{line: abc, duration: 3s}", "abc", 3000000000, true, 0},
		{"{duration: 3s}", NULL, 3000000000, true, 1},
		{"{line: abcdef, duration: 3}", NULL, 2000000000, false, 2},
		{"{lime: a}", NULL, 2000000000, false, 2},
		{"[]", NULL, 0, false, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_yaml_ struct yaml_node *root = NULL;
		const struct yaml_node *nodes[2];
		struct diagnostics diagnostics = {0};
		struct sample sample = {0};

		assert_int_equal(
			yaml_parse(cases[i].text, strlen(cases[i].text), &root, &diagnostics), 0);
		assert_int_equal(
			schema_read(&sample_schema, root, root->at, &sample, nodes, &diagnostics),
			0);
		assert_int_equal(diagnostics.total, cases[i].problems);
		assert_true(sample.duration == cases[i].duration);
		assert_int_equal(sample.has_duration, cases[i].has_duration);
		if (cases[i].line)
			assert_string_equal(sample.line, cases[i].line);
		else
			assert_null(sample.line);
		assert_int_equal(nodes[0] != NULL, cases[i].line != NULL);
		free(sample.line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_has_every_table),
		cmocka_unit_test(test_tables_agree_with_themselves),
		cmocka_unit_test(test_closest),
		cmocka_unit_test(test_read_stores_values_and_defaults),
	};

	check_enter_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
