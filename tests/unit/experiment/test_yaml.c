/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/experiment/yaml.h"

static struct diagnostics diagnostics;

static struct yaml_node *parse(const char *text)
{
	struct yaml_node *root = NULL;

	diagnostics = (struct diagnostics){0};
	assert_int_equal(yaml_parse(text, strlen(text), &root, &diagnostics), 0);
	assert_int_equal(diagnostics.total, 0);
	return root;
}

static void check_place(const struct yaml_node *node, int line, int column)
{
	assert_int_equal(node->at.line, line);
	assert_int_equal(node->at.column, column);
}

static void test_tree_and_places(void **state)
{
	_cleanup_yaml_ struct yaml_node *root =
		parse("a: b\n\"\xc3\xa9\": {x: [1, '2'], y: }\nempty:\nlist:\n  - q\n  - r: s\n");
	const struct yaml_node *map, *list;

	(void)state;
	assert_int_equal(root->kind, YAML_MAP);
	assert_int_equal(root->count, 4);
	assert_string_equal(root->keys[0]->text, "a");
	check_place(root->values[0], 1, 4);
	check_place(root->keys[1], 2, 1); /* the quote, not what is inside */
	map = root->values[1];
	check_place(map, 2, 7); /* bytes: the letter in front has two */
	check_place(map->values[0], 2, 11);
	assert_string_equal(map->values[0]->values[1]->text, "2");
	check_place(map->values[0]->values[1], 2, 15);
	assert_int_equal(map->values[1]->length, 0);
	check_place(map->values[1], 2, 21); /* no value: where its key is */
	check_place(root->values[2], 3, 1);
	list = root->values[3];
	assert_int_equal(list->kind, YAML_LIST);
	check_place(list, 5, 3);
	check_place(list->values[1]->values[0], 6, 8);
}

static void test_everything_is_text(void **state)
{
	static const char *const expected[] = {"yes", "on", "null", "~", "010", "1e3", "0x1f"};
	_cleanup_yaml_ struct yaml_node *root = parse("[yes, on, null, ~, 010, 1e3, 0x1f]");

	(void)state;
	assert_int_equal(root->count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < root->count; i++)
		assert_string_equal(root->values[i]->text, expected[i]);
}

static void test_json(void **state)
{
	_cleanup_yaml_ struct yaml_node *root =
		parse("{\n\t\"a\": [1, true, {\"b\": \"c\\n\\u0041\"}],\n\t\"d\": null\n}\n");

	(void)state;
	assert_int_equal(root->count, 2);
	assert_string_equal(root->values[0]->values[2]->values[0]->text, "c\nA");
	assert_string_equal(root->values[1]->text, "null");
	check_place(root->keys[1], 3, 2);
}

static void test_text_with_nul(void **state)
{
	_cleanup_yaml_ struct yaml_node *root = parse("a: \"x\\0y\"");

	(void)state;
	assert_int_equal(root->values[0]->length, 3);
	assert_memory_equal(root->values[0]->text, "x\0y", 4);
}

static void test_block_text_and_marker(void **state)
{
	_cleanup_yaml_ struct yaml_node *root =
		parse("---\na: |\n  one\n  two\nb: >-\n  x\n  y\n...\n");

	(void)state;
	assert_string_equal(root->values[0]->text, "one\ntwo\n");
	assert_string_equal(root->values[1]->text, "x y");
}

static void test_duplicates_go_on(void **state)
{
	static const char text[] = "a: 1\na: 2\nb: 3\nb: 4\n";
	_cleanup_yaml_ struct yaml_node *root = NULL;

	(void)state;
	diagnostics = (struct diagnostics){0};
	assert_int_equal(yaml_parse(text, strlen(text), &root, &diagnostics), 0);
	assert_int_equal(diagnostics.total, 2);
	assert_string_equal(diagnostics.items[1].message, "key 'b' is there twice");
	assert_string_equal(diagnostics.items[1].suggestion, "the first one is in line 3");
	assert_int_equal(root->count, 2);
	assert_string_equal(root->values[0]->text, "1");
}

/* `count` lines of a number between `before` and `after`. */
static int parse_many(const char *before, size_t count, const char *after)
{
	_cleanup_yaml_ struct yaml_node *root = NULL;
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%zu%s\n", before, i, after);
	assert_int_equal(fclose(out), 0);
	diagnostics = (struct diagnostics){0};
	return yaml_parse(text, length, &root, &diagnostics);
}

/* `depth` lists inside each other; the brackets are not closed when that is to be seen too late. */
static int parse_deep(size_t depth, bool closed)
{
	_cleanup_yaml_ struct yaml_node *root = NULL;
	_cleanup_free_ char *text = malloc(2 * depth);

	assert_non_null(text);
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	diagnostics = (struct diagnostics){0};
	return yaml_parse(text, closed ? 2 * depth : depth, &root, &diagnostics);
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(parse_many("k", YAML_KEYS_MAX, ": v"), 0);
	assert_int_equal(parse_many("k", YAML_KEYS_MAX + 1, ": v"), -EINVAL);
	assert_string_equal(diagnostics.items[0].message, "a mapping has more than 1024 entries");
	assert_int_equal(parse_many("- ", YAML_ITEMS_MAX, ""), 0);
	assert_int_equal(parse_many("- ", YAML_ITEMS_MAX + 1, ""), -EINVAL);
	assert_string_equal(diagnostics.items[0].message, "a list has more than 4096 entries");
	assert_int_equal(parse_deep(YAML_DEPTH_MAX, true), 0);
	assert_int_equal(parse_deep(YAML_DEPTH_MAX + 1, true), -EINVAL);
	assert_string_equal(diagnostics.items[0].message, "more than 16 levels of nesting");
	/* No stack is used up by what is refused. */
	assert_int_equal(parse_deep(100000, false), -EINVAL);
}

static void test_files(void **state)
{
	char path[] = "/tmp/faultd-test-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	struct yaml_node *root = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, YAML_FILE_MAX + 1), 0);
	diagnostics = (struct diagnostics){0};
	assert_int_equal(yaml_read(path, &root, &diagnostics), -EFBIG);
	assert_int_equal(diagnostics.items[0].line, 0);
	assert_string_equal(diagnostics.items[0].message, "the file is larger than 1 MiB");
	unlink(path);
	diagnostics = (struct diagnostics){0};
	assert_int_equal(yaml_read(path, &root, &diagnostics), -ENOENT);
	assert_string_equal(diagnostics.items[0].message,
			    "cannot be read: No such file or directory");
	assert_null(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree_and_places),
		cmocka_unit_test(test_everything_is_text),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_text_with_nul),
		cmocka_unit_test(test_block_text_and_marker),
		cmocka_unit_test(test_duplicates_go_on),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
