/* SPDX-License-Identifier: Apache-2.0 */
#include "user/experiment/schema.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"
#include "user/base/similar.h"
#include "user/experiment/plan.h"

/* One conversion: 0, -ENOMEM, or -EINVAL with the problem noted. `field` NULL: check only. */
typedef int (*read_function)(const struct schema_key *key, const struct yaml_node *node,
			     void *field, struct diagnostics *diagnostics);

static void suggest_example(const struct schema_key *key, struct diagnostics *diagnostics)
{
	if (key->example)
		suggest(diagnostics, "for example '%s: %s'", key->key, key->example);
}

static bool has_line_break(const struct yaml_node *node)
{
	return strpbrk(node->text, "\n\r") != NULL;
}

static int store_text(const struct yaml_node *node, void *field)
{
	char *copy;

	if (!field)
		return 0;
	copy = strdup(node->text);
	if (!copy)
		return -ENOMEM;
	free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

/* Bytes within the key's bounds, no NUL inside. */
static int check_text(const struct schema_key *key, const struct yaml_node *node,
		      struct diagnostics *diagnostics)
{
	if (strlen(node->text) != node->length) {
		diagnose(diagnostics, node->at, "'%s' holds a NUL", key->key);
		suggest(diagnostics, "leave the '\\0' out");
		return -EINVAL;
	}
	if (key->high && node->length > key->high) {
		diagnose(diagnostics, node->at, "'%s' has %zu bytes", key->key, node->length);
		suggest(diagnostics, "at most %llu are allowed", (unsigned long long)key->high);
		return -EINVAL;
	}
	return 0;
}

static int read_text(const struct schema_key *key, const struct yaml_node *node, void *field,
		     struct diagnostics *diagnostics)
{
	int r = check_text(key, node, diagnostics);

	return r < 0 ? r : store_text(node, field);
}

static int read_line(const struct schema_key *key, const struct yaml_node *node, void *field,
		     struct diagnostics *diagnostics)
{
	int r = check_text(key, node, diagnostics);

	if (r == 0 && has_line_break(node)) {
		diagnose(diagnostics, node->at, "'%s' has more than one line", key->key);
		suggest(diagnostics, "write it in one line");
		return -EINVAL;
	}
	return r < 0 ? r : store_text(node, field);
}

/* Prints bounds or values of a key's type, as one would write them. */
static void format_bound(const struct schema_key *key, uint64_t value, char *buffer)
{
	if (key->type == SCHEMA_DURATION)
		number_format_duration(value, buffer);
	else if (key->type == SCHEMA_SIZE)
		number_format_size(value, buffer);
	else if (key->type == SCHEMA_RATE)
		number_format_rate(value, buffer);
	else if (key->type == SCHEMA_FREQUENCY)
		snprintf(buffer, NUMBER_DURATION_SIZE, "%.10g/s", (double)value / 1000);
	else if (key->type == SCHEMA_PERCENT)
		snprintf(buffer, NUMBER_DURATION_SIZE, "%.10g%%", (double)value / 10000);
	else
		snprintf(buffer, NUMBER_DURATION_SIZE, "%llu", (unsigned long long)value);
}

static int out_of_range(const struct schema_key *key, const struct yaml_node *node,
			struct diagnostics *diagnostics)
{
	char low[NUMBER_DURATION_SIZE], high[NUMBER_DURATION_SIZE];

	format_bound(key, key->low, low);
	format_bound(key, key->high, high);
	diagnose(diagnostics, node->at, "'%s' is out of range: '%s'", key->key, node->text);
	suggest(diagnostics, "%s to %s is allowed", low, high);
	return -EINVAL;
}

static bool is_bare_number(const char *text)
{
	double value;

	return number_parse_decimal(text, &value) == 0;
}

/* What to say of a number whose parser returned `r`, and which lies `inside` its bounds or not. */
static int check_number(const struct schema_key *key, const struct yaml_node *node,
			const char *what, int r, bool inside, struct diagnostics *diagnostics)
{
	if (r == -EINVAL) {
		diagnose(diagnostics, node->at, "'%s' is no %s: '%s'", key->key, what, node->text);
		suggest_example(key, diagnostics);
		return r;
	}
	return r < 0 || !inside ? out_of_range(key, node, diagnostics) : 0;
}

static int read_duration(const struct schema_key *key, const struct yaml_node *node, void *field,
			 struct diagnostics *diagnostics)
{
	uint64_t value;
	int r = number_parse_duration(node->text, &value);

	if (r == -EINVAL && is_bare_number(node->text)) {
		diagnose(diagnostics, node->at, "'%s' has no unit: '%s'", key->key, node->text);
		suggest(diagnostics, "write '%ss' for seconds or '%sms' for milliseconds",
			node->text, node->text);
		return r;
	}
	r = check_number(key, node, "duration", r, value >= key->low && value <= key->high,
			 diagnostics);
	if (r == 0 && field)
		*(uint64_t *)field = value;
	return r;
}

static int read_percent(const struct schema_key *key, const struct yaml_node *node, void *field,
			struct diagnostics *diagnostics)
{
	uint32_t value;
	int r = number_parse_percent(node->text, &value);

	if (r == -EINVAL && is_bare_number(node->text)) {
		diagnose(diagnostics, node->at, "'%s' has no percent sign: '%s'", key->key,
			 node->text);
		suggest(diagnostics, "write '%s%%'", node->text);
		return r;
	}
	r = check_number(key, node, "percentage", r, value >= key->low && value <= key->high,
			 diagnostics);
	if (r == 0 && field)
		*(uint32_t *)field = value;
	return r;
}

static int read_number(const struct schema_key *key, const struct yaml_node *node, void *field,
		       struct diagnostics *diagnostics)
{
	uint64_t value;
	int r = number_parse_u64(node->text, key->low, key->high, &value);

	r = check_number(key, node, "whole number", r, true, diagnostics);
	if (r == 0 && field)
		*(uint64_t *)field = value;
	return r;
}

static int read_count(const struct schema_key *key, const struct yaml_node *node, void *field,
		      struct diagnostics *diagnostics)
{
	uint64_t value = 0;
	int r = read_number(key, node, &value, diagnostics);

	if (r == 0 && field)
		*(uint32_t *)field = (uint32_t)value;
	return r;
}

/* Quantities that are a number and a unit. */
static const struct {
	int (*parse)(const char *text, uint64_t *ret_value);
	const char *what; /* "is no ..." */
	const char *unit; /* that a bare number most likely lacks */
} quantities[] = {
	[SCHEMA_SIZE] = {number_parse_size, "size", "KiB"},
	[SCHEMA_RATE] = {number_parse_rate, "rate", "Mbit/s"},
	[SCHEMA_FREQUENCY] = {number_parse_frequency, "frequency", "/s"},
};

static int read_quantity(const struct schema_key *key, const struct yaml_node *node, void *field,
			 struct diagnostics *diagnostics)
{
	uint64_t value;
	int r = quantities[key->type].parse(node->text, &value);

	if (r == -EINVAL && is_bare_number(node->text)) {
		diagnose(diagnostics, node->at, "'%s' has no unit: '%s'", key->key, node->text);
		suggest(diagnostics, "write '%s%s'", node->text, quantities[key->type].unit);
		return r;
	}
	r = check_number(key, node, quantities[key->type].what, r,
			 value >= key->low && value <= key->high, diagnostics);
	if (r == 0 && field)
		*(uint64_t *)field = value;
	return r;
}

static int read_decimal(const struct schema_key *key, const struct yaml_node *node, void *field,
			struct diagnostics *diagnostics)
{
	double value;
	int r = number_parse_decimal(node->text, &value);

	r = check_number(key, node, "number", r,
			 value >= (double)key->low && value <= (double)key->high, diagnostics);
	if (r == 0 && field)
		*(double *)field = value;
	return r;
}

static int read_index(const struct schema_key *key, const struct yaml_node *node,
		      unsigned int *ret_index, struct diagnostics *diagnostics)
{
	char list[200];
	size_t used = 0;

	for (unsigned int i = 0; key->words[i]; i++) {
		if (strcmp(key->words[i], node->text) == 0) {
			*ret_index = i;
			return 0;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 key->words[i]);
	}
	diagnose(diagnostics, node->at, "'%s' cannot be '%s'", key->key, node->text);
	suggest(diagnostics, "it is %s%s", key->words[1] ? "one of " : "always ", list);
	return -EINVAL;
}

static int read_word(const struct schema_key *key, const struct yaml_node *node, void *field,
		     struct diagnostics *diagnostics)
{
	unsigned int index = 0;
	int r = read_index(key, node, &index, diagnostics);

	if (r == 0 && field)
		*(unsigned int *)field = index;
	return r;
}

static int read_flag(const struct schema_key *key, const struct yaml_node *node, void *field,
		     struct diagnostics *diagnostics)
{
	unsigned int index = 0;
	int r = read_index(key, node, &index, diagnostics);

	if (r == 0 && field)
		*(bool *)field = index == 1;
	return r;
}

/* One entry of SCHEMA_LINES. */
static int add_line(const struct schema_key *key, const struct yaml_node *node, void *field,
		    struct diagnostics *diagnostics)
{
	int r;

	if (node->kind != YAML_TEXT || node->length == 0) {
		diagnose(diagnostics, node->at, "an entry of '%s' must be text, not %s", key->key,
			 node->kind == YAML_TEXT ? "empty" : yaml_kind_name(node));
		suggest_example(key, diagnostics);
		return -EINVAL;
	}
	r = read_line(key, node, NULL, diagnostics);
	return r == 0 && field ? strings_add(field, node->text) : r;
}

static int read_lines(const struct schema_key *key, const struct yaml_node *node, void *field,
		      struct diagnostics *diagnostics)
{
	int r = 0, bad = 0;

	if (node->kind == YAML_TEXT)
		return add_line(key, node, field, diagnostics);
	if (node->count == 0) {
		diagnose(diagnostics, node->at, "'%s' is an empty list", key->key);
		suggest_example(key, diagnostics);
		return -EINVAL;
	}
	for (size_t i = 0; i < node->count && r != -ENOMEM; i++) {
		r = add_line(key, node->values[i], field, diagnostics);
		bad = r < 0 ? r : bad;
	}
	return bad;
}

static int read_nothing(const struct schema_key *key, const struct yaml_node *node, void *field,
			struct diagnostics *diagnostics)
{
	(void)key;
	(void)node;
	(void)field;
	(void)diagnostics;
	return 0;
}

static const struct {
	const char *name; /* "must be ..." */
	const char *short_name;
	bool text, list, map; /* kinds of node that it may be */
	read_function read;
} types[] = {
	[SCHEMA_LINE] = {"text", "text", true, false, false, read_line},
	[SCHEMA_TEXT] = {"text", "text", true, false, false, read_text},
	[SCHEMA_DURATION] = {"a duration", "duration", true, false, false, read_duration},
	[SCHEMA_PERCENT] = {"a percentage", "percentage", true, false, false, read_percent},
	[SCHEMA_COUNT] = {"a whole number", "whole number", true, false, false, read_count},
	[SCHEMA_NUMBER] = {"a whole number", "whole number", true, false, false, read_number},
	[SCHEMA_SIZE] = {"a size", "size", true, false, false, read_quantity},
	[SCHEMA_RATE] = {"a rate", "rate", true, false, false, read_quantity},
	[SCHEMA_FREQUENCY] = {"a frequency", "frequency", true, false, false, read_quantity},
	[SCHEMA_DECIMAL] = {"a number", "number", true, false, false, read_decimal},
	[SCHEMA_WORD] = {"a word", "word", true, false, false, read_word},
	[SCHEMA_FLAG] = {"a word", "word", true, false, false, read_flag},
	[SCHEMA_LINES] = {"text or a list of texts", "text or list", true, true, false, read_lines},
	[SCHEMA_LIST] = {"a list", "list", false, true, false, read_nothing},
	[SCHEMA_MAP] = {"a mapping", "mapping", false, false, true, read_nothing},
	[SCHEMA_ANY] = {"a value", "value", true, true, true, read_nothing},
};
_Static_assert(ARRAY_SIZE(types) == SCHEMA_TYPE_COUNT, "a schema type is not described");

static bool kind_fits(const struct schema_key *key, const struct yaml_node *node)
{
	switch (node->kind) {
	case YAML_TEXT:
		return types[key->type].text;
	case YAML_LIST:
		return types[key->type].list;
	default:
		return types[key->type].map;
	}
}

void schema_wrong_kind(const struct schema_key *key, const struct yaml_node *node,
		       struct diagnostics *diagnostics)
{
	const char *article = "";

	if (key->type_text)
		article = strchr("aeiou", key->type_text[0]) ? "an " : "a ";
	if (node->kind == YAML_TEXT && node->length == 0)
		diagnose(diagnostics, node->at, "'%s' has no value", key->key);
	else
		diagnose(diagnostics, node->at, "'%s' must be %s%s, not %s", key->key, article,
			 key->type_text ? key->type_text : types[key->type].name,
			 yaml_kind_name(node));
	suggest_example(key, diagnostics);
}

int schema_read_value(const struct schema_key *key, const struct yaml_node *node, void *field,
		      bool *ret_good, struct diagnostics *diagnostics)
{
	int r;

	*ret_good = false;
	if (!kind_fits(key, node) || (node->kind == YAML_TEXT && node->length == 0)) {
		schema_wrong_kind(key, node, diagnostics);
		return 0;
	}
	r = types[key->type].read(key, node, field, diagnostics);
	if (r == -ENOMEM)
		return r;
	*ret_good = r == 0;
	return 0;
}

const char *schema_closest(const struct schema *schema, const char *word)
{
	const char *best = NULL;

	for (size_t i = 0; i < schema->count; i++)
		best = similar_better(word, best, schema->keys[i].key);
	return best;
}

static void unknown_key(const struct schema *schema, const struct yaml_node *key,
			struct diagnostics *diagnostics)
{
	const char *closest = schema_closest(schema, key->text);
	char list[220];
	size_t used = 0;

	diagnose(diagnostics, key->at, "unknown key '%s' in %s", key->text, schema->what);
	if (closest) {
		suggest(diagnostics, "did you mean '%s'?", closest);
		return;
	}
	for (size_t i = 0; i < schema->count && used < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
					 schema->keys[i].key);
	suggest(diagnostics, "known keys are %s", list);
}

static size_t find_key(const struct schema *schema, const char *word)
{
	size_t i = 0;

	while (i < schema->count && strcmp(schema->keys[i].key, word) != 0)
		i++;
	return i;
}

static void *field_of(const struct schema_key *key, void *base)
{
	return base && key->field != SCHEMA_NO_FIELD ? (char *)base + key->field : NULL;
}

static int store_fallback(const struct schema_key *key, void *base)
{
	struct yaml_node node = {.text = (char *)key->fallback};
	struct diagnostics none = {0};
	bool good;

	if (!key->fallback || !field_of(key, base))
		return 0;
	node.length = strlen(key->fallback);
	return schema_read_value(key, &node, field_of(key, base), &good, &none);
}

static int read_entry(const struct schema *schema, const struct yaml_node *key,
		      const struct yaml_node *value, void *base, const struct yaml_node **nodes,
		      struct diagnostics *diagnostics)
{
	size_t index = find_key(schema, key->text);
	const struct schema_key *entry = &schema->keys[index];
	bool good;
	int r;

	if (index == schema->count) {
		unknown_key(schema, key, diagnostics);
		return 0;
	}
	r = schema_read_value(entry, value, field_of(entry, base), &good, diagnostics);
	if (good && nodes)
		nodes[index] = value;
	if (good && base && entry->has_field != SCHEMA_NO_FIELD)
		*(bool *)((char *)base + entry->has_field) = true;
	return r;
}

int schema_read(const struct schema *schema, const struct yaml_node *node, struct place at,
		void *base, const struct yaml_node **nodes, struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; nodes && i < schema->count; i++)
		nodes[i] = NULL;
	if (node->kind != YAML_MAP) {
		diagnose(diagnostics, node->at, "%s must be a mapping, not %s", schema->what,
			 yaml_kind_name(node));
		suggest(diagnostics, "write it as 'key: value'");
		return 0;
	}
	for (size_t i = 0; i < schema->count && r == 0; i++)
		r = store_fallback(&schema->keys[i], base);
	for (size_t i = 0; i < node->count && r == 0; i++)
		r = read_entry(schema, node->keys[i], node->values[i], base, nodes, diagnostics);
	for (size_t i = 0; i < schema->count && r == 0; i++) {
		const struct schema_key *key = &schema->keys[i];

		if (!key->required || yaml_has_key(node, key->key))
			continue;
		diagnose(diagnostics, at, "%s needs '%s'", schema->what, key->key);
		suggest(diagnostics, "add '%s: %s'", key->key, key->example);
	}
	return r;
}

static void print_type(const struct schema_key *key, FILE *out)
{
	char low[NUMBER_DURATION_SIZE], high[NUMBER_DURATION_SIZE];

	if (key->words) {
		for (size_t i = 0; key->words[i]; i++)
			fprintf(out, "%s`%s`", i ? ", " : "", key->words[i]);
		return;
	}
	fputs(key->type_text ? key->type_text : types[key->type].short_name, out);
	if (!key->high)
		return;
	format_bound(key, key->low, low);
	format_bound(key, key->high, high);
	if (key->type == SCHEMA_LINES)
		fprintf(out, ", at most %s bytes each", high);
	else if (key->type == SCHEMA_LINE || key->type == SCHEMA_TEXT)
		fprintf(out, ", at most %s bytes", high);
	else
		fprintf(out, ", %s to %s", low, high);
}

void schema_print_markdown(const struct schema *schema, FILE *out)
{
	fputs("| key | value | default | meaning |\n|---|---|---|---|\n", out);
	for (size_t i = 0; i < schema->count; i++) {
		const struct schema_key *key = &schema->keys[i];

		fprintf(out, "| `%s` | ", key->key);
		print_type(key, out);
		if (key->required)
			fputs(" | required", out);
		else if (key->fallback)
			fprintf(out, " | `%s`", key->fallback);
		else
			fprintf(out, " | %s", key->fallback_text ? key->fallback_text : "");
		fprintf(out, " | %s |\n", key->help);
	}
}
