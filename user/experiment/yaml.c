/* SPDX-License-Identifier: Apache-2.0 */
#include "user/experiment/yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/file.h"

struct reader {
	struct fy_parser *parser;
	const char *text;
	size_t length;
	struct diagnostics *diagnostics;
	/* locate() goes on from here: marks come in the order of the text. */
	size_t position, line_start;
	int line;
};

static void cleanup_parser(struct fy_parser **parser)
{
	if (*parser)
		fy_parser_destroy(*parser);
}

static void cleanup_diag(struct fy_diag **diag)
{
	if (*diag)
		fy_diag_destroy(*diag);
}

void yaml_free(struct yaml_node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++) {
		if (node->keys)
			yaml_free(node->keys[i]);
		yaml_free(node->values[i]);
	}
	free(node->keys);
	free(node->values);
	free(node->text);
	free(node);
}

const char *yaml_kind_name(const struct yaml_node *node)
{
	static const char *const names[] = {
		[YAML_TEXT] = "text", [YAML_LIST] = "a list", [YAML_MAP] = "a mapping"};

	return names[node->kind];
}

bool yaml_has_key(const struct yaml_node *node, const char *key)
{
	for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
		if (strcmp(node->keys[i]->text, key) == 0)
			return true;
	}
	return false;
}

static struct place locate(struct reader *reader, size_t position)
{
	if (position > reader->length)
		position = reader->length;
	if (position < reader->position) {
		reader->position = reader->line_start = 0;
		reader->line = 1;
	}
	for (; reader->position < position; reader->position++) {
		if (reader->text[reader->position] == '\n') {
			reader->line++;
			reader->line_start = reader->position + 1;
		}
	}
	return (struct place){reader->line, (int)(position - reader->line_start) + 1};
}

/* Bytes of the UTF-8 character at `text`; 0 when it is none (RFC 3629, 4). */
static size_t character_length(const unsigned char *text, size_t left)
{
	static const struct {
		unsigned char first, last, second_low, second_high;
		size_t length;
	} forms[] = {
		{0x00, 0x7f, 0, 0, 1},	     {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		if (forms[i].length > left)
			return 0;
		if (forms[i].length > 1 &&
		    (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
			return 0;
		for (size_t j = 2; j < forms[i].length; j++) {
			if ((text[j] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].length;
	}
	return 0;
}

static int check_characters(struct reader *reader)
{
	const unsigned char *text = (const unsigned char *)reader->text;

	for (size_t i = 0; i < reader->length;) {
		size_t length = character_length(text + i, reader->length - i);

		if (length == 0) {
			diagnose(reader->diagnostics, locate(reader, i),
				 "byte 0x%02x is not UTF-8 here", text[i]);
			suggest(reader->diagnostics, "save the file as UTF-8");
			return -EINVAL;
		}
		if ((text[i] < 0x20 && !strchr("\t\n\r", text[i])) || text[i] == 0 ||
		    text[i] == 0x7f) {
			diagnose(reader->diagnostics, locate(reader, i), "control character 0x%02x",
				 text[i]);
			suggest(reader->diagnostics, "the file must be plain text");
			return -EINVAL;
		}
		i += length;
	}
	return 0;
}

/* libfyaml counts characters; we count bytes. */
static struct place place_of_error(const struct reader *reader, const struct fy_diag_error *error)
{
	const char *line = reader->text, *end = reader->text + reader->length;
	int column = 1;

	for (int i = 1; i < error->line; i++) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		/* The end of a file without a last newline is reported as a line of its own. */
		if (!next)
			return (struct place){i, (int)(end - line) + 1};
		line = next + 1;
	}
	for (int i = 1; i < error->column && line + column - 1 < end; i++)
		column += (int)character_length((const unsigned char *)line + column - 1,
						(size_t)(end - line) - (size_t)column + 1);
	return (struct place){error->line > 0 ? error->line : 1, column};
}

static int report_syntax(struct reader *reader, struct fy_diag *diag)
{
	void *cursor = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &cursor);

	if (!error) {
		diagnose(reader->diagnostics, locate(reader, reader->position), "this is not YAML");
	} else {
		diagnose(reader->diagnostics, place_of_error(reader, error), "this is not YAML: %s",
			 error->msg);
		if (strstr(error->msg, "tab"))
			suggest(reader->diagnostics, "indent with spaces");
	}
	return -EINVAL;
}

/* What every node may carry and none should. */
static int refuse_extras(struct reader *reader, struct fy_token *anchor, struct fy_token *tag)
{
	struct fy_token *extra = anchor ? anchor : tag;

	if (!extra)
		return 0;
	diagnose(reader->diagnostics, locate(reader, fy_token_start_mark(extra)->input_pos),
		 anchor ? "anchors are not allowed" : "tags are not allowed");
	suggest(reader->diagnostics, anchor ? "write the value out where it is needed"
					    : "leave it out: each key tells how its value is read");
	return -EINVAL;
}

static struct yaml_node *node_new(enum yaml_kind kind, struct place at)
{
	struct yaml_node *node = calloc(1, sizeof(*node));

	if (node) {
		node->kind = kind;
		node->at = at;
	}
	return node;
}

/* Text that is not there ("key:") has no token; it stands where its key does. */
static int take_text(struct reader *reader, const struct fy_event *event, struct place at,
		     struct yaml_node **ret_node)
{
	struct fy_token *token = event->scalar.value;
	_cleanup_yaml_ struct yaml_node *node = NULL;
	const char *text = "";
	size_t length = 0;
	int r;

	r = refuse_extras(reader, event->scalar.anchor, event->scalar.tag);
	if (r < 0)
		return r;
	if (token) {
		enum fy_scalar_style style = fy_token_scalar_style(token);
		size_t position = fy_token_start_mark(token)->input_pos;

		text = fy_token_get_text(token, &length);
		if (!text)
			return -ENOMEM;
		/* The mark stands behind the opening quote. */
		if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && position > 0)
			position--;
		at = locate(reader, position);
	}
	node = node_new(YAML_TEXT, at);
	if (!node)
		return -ENOMEM;
	node->text = malloc(length + 1);
	if (!node->text)
		return -ENOMEM;
	memcpy(node->text, text, length);
	node->text[length] = '\0';
	node->length = length;
	*ret_node = TAKE_PTR(node);
	return 0;
}

static int take_node(struct reader *reader, const struct fy_event *event, struct place at,
		     int depth, struct yaml_node **ret_node);

/* Room for one more value, and its key, doubled as needed. */
static int node_grow(struct yaml_node *node)
{
	struct yaml_node **larger;

	if (node->count & (node->count - 1))
		return 0;
	larger = reallocarray(node->values, node->count ? node->count * 2 : 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	node->values = larger;
	if (node->kind == YAML_LIST)
		return 0;
	larger = reallocarray(node->keys, node->count ? node->count * 2 : 1, sizeof(*larger));
	if (!larger)
		return -ENOMEM;
	node->keys = larger;
	return 0;
}

static int check_key(struct reader *reader, const struct yaml_node *key)
{
	if (key->kind != YAML_TEXT || key->length == 0 || strlen(key->text) != key->length) {
		diagnose(reader->diagnostics, key->at, "a key must be text, not %s",
			 key->kind == YAML_TEXT ? "empty" : yaml_kind_name(key));
		return -EINVAL;
	}
	if (strcmp(key->text, "<<") == 0) {
		diagnose(reader->diagnostics, key->at, "merge keys are not allowed");
		suggest(reader->diagnostics, "write the keys out");
		return -EINVAL;
	}
	return 0;
}

static bool is_duplicate(struct reader *reader, const struct yaml_node *node,
			 const struct yaml_node *key)
{
	for (size_t i = 0; i < node->count; i++) {
		if (strcmp(node->keys[i]->text, key->text) != 0)
			continue;
		diagnose(reader->diagnostics, key->at, "key '%s' is there twice", key->text);
		suggest(reader->diagnostics, "the first one is in line %d", node->keys[i]->at.line);
		return true;
	}
	return false;
}

static int too_many(struct reader *reader, const struct yaml_node *node, int most)
{
	diagnose(reader->diagnostics, node->at, "%s has more than %d entries", yaml_kind_name(node),
		 most);
	return -EINVAL;
}

/* The next event, which is the caller's to free. NULL: a syntax error or the end. */
static struct fy_event *next_event(struct reader *reader)
{
	return fy_parser_parse(reader->parser);
}

/* Adds the pair that begins with `event`. */
static int take_pair(struct reader *reader, const struct fy_event *event, int depth,
		     struct yaml_node *map)
{
	_cleanup_yaml_ struct yaml_node *key = NULL, *value = NULL;
	struct fy_event *next;
	int r;

	r = take_node(reader, event, map->at, depth, &key);
	if (r == 0)
		r = check_key(reader, key);
	if (r == 0 && map->count == YAML_KEYS_MAX)
		r = too_many(reader, map, YAML_KEYS_MAX);
	if (r < 0)
		return r;
	next = next_event(reader);
	if (!next)
		return -EBADMSG;
	r = take_node(reader, next, key->at, depth, &value);
	fy_parser_event_free(reader->parser, next);
	if (r < 0)
		return r;
	if (is_duplicate(reader, map, key))
		return 0;
	r = node_grow(map);
	if (r < 0)
		return r;
	map->keys[map->count] = TAKE_PTR(key);
	map->values[map->count++] = TAKE_PTR(value);
	return 0;
}

static int take_item(struct reader *reader, const struct fy_event *event, int depth,
		     struct yaml_node *list)
{
	int r = list->count == YAML_ITEMS_MAX ? too_many(reader, list, YAML_ITEMS_MAX) : 0;

	if (r == 0)
		r = node_grow(list);
	if (r == 0)
		r = take_node(reader, event, list->at, depth, &list->values[list->count]);
	if (r == 0)
		list->count++;
	return r;
}

static int take_collection(struct reader *reader, const struct fy_event *event, int depth,
			   struct yaml_node **ret_node)
{
	bool map = event->type == FYET_MAPPING_START;
	struct fy_token *token =
		map ? event->mapping_start.mapping_start : event->sequence_start.sequence_start;
	_cleanup_yaml_ struct yaml_node *node = node_new(
		map ? YAML_MAP : YAML_LIST, locate(reader, fy_token_start_mark(token)->input_pos));
	int r = refuse_extras(reader,
			      map ? event->mapping_start.anchor : event->sequence_start.anchor,
			      map ? event->mapping_start.tag : event->sequence_start.tag);

	if (!node)
		return -ENOMEM;
	if (r == 0 && depth > YAML_DEPTH_MAX) {
		diagnose(reader->diagnostics, node->at, "more than %d levels of nesting",
			 YAML_DEPTH_MAX);
		r = -EINVAL;
	}
	while (r == 0) {
		struct fy_event *next = next_event(reader);
		bool end;

		if (!next)
			return -EBADMSG;
		end = next->type == FYET_MAPPING_END || next->type == FYET_SEQUENCE_END;
		if (!end)
			r = map ? take_pair(reader, next, depth + 1, node)
				: take_item(reader, next, depth + 1, node);
		fy_parser_event_free(reader->parser, next);
		if (end)
			break;
	}
	if (r < 0)
		return r;
	*ret_node = TAKE_PTR(node);
	return 0;
}

/* `at`: where the node stands when it is empty. -EBADMSG: libfyaml reports a syntax error. */
static int take_node(struct reader *reader, const struct fy_event *event, struct place at,
		     int depth, struct yaml_node **ret_node)
{
	size_t position;

	switch (event->type) {
	case FYET_SCALAR:
		return take_text(reader, event, at, ret_node);
	case FYET_MAPPING_START:
	case FYET_SEQUENCE_START:
		return take_collection(reader, event, depth, ret_node);
	case FYET_ALIAS:
		/* The mark stands behind the '*'. */
		position = fy_token_start_mark(event->alias.anchor)->input_pos;
		diagnose(reader->diagnostics, locate(reader, position > 0 ? position - 1 : 0),
			 "aliases are not allowed");
		suggest(reader->diagnostics, "write the value out");
		return -EINVAL;
	default:
		return -EBADMSG;
	}
}

/* The one document of the stream. */
static int take_stream(struct reader *reader, struct yaml_node **ret_root)
{
	_cleanup_yaml_ struct yaml_node *root = NULL;
	struct fy_event *event;
	int documents = 0, r = 0;

	while (r == 0 && (event = next_event(reader))) {
		if (event->type == FYET_DOCUMENT_START) {
			const struct fy_token *start = event->document_start.document_start;

			if (++documents > 1) {
				size_t position = reader->position;

				if (start)
					position = fy_token_start_mark((struct fy_token *)start)
							   ->input_pos;
				diagnose(reader->diagnostics, locate(reader, position),
					 "a second document begins here");
				suggest(reader->diagnostics, "one file holds one document");
				r = -EINVAL;
			}
		} else if (event->type != FYET_STREAM_START && event->type != FYET_STREAM_END &&
			   event->type != FYET_DOCUMENT_END) {
			r = take_node(reader, event, (struct place){1, 1}, 1, &root);
		}
		fy_parser_event_free(reader->parser, event);
	}
	if (r == 0 && fy_parser_get_stream_error(reader->parser))
		r = -EBADMSG;
	if (r == 0 && (!root || (root->kind == YAML_TEXT && root->length == 0))) {
		diagnose(reader->diagnostics, (struct place){1, 1}, "the file is empty");
		r = -EINVAL;
	}
	if (r == 0)
		*ret_root = TAKE_PTR(root);
	return r;
}

int yaml_parse(const char *text, size_t length, struct yaml_node **ret_root,
	       struct diagnostics *diagnostics)
{
	struct reader reader = {
		.text = text, .length = length, .diagnostics = diagnostics, .line = 1};
	_cleanup_(cleanup_diag) struct fy_diag *diag = NULL;
	_cleanup_(cleanup_parser) struct fy_parser *parser = NULL;
	struct fy_parse_cfg parse = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
					      FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE |
					      FYPCF_SLOPPY_FLOW_INDENTATION};
	struct fy_diag_cfg config;
	int r;

	r = check_characters(&reader);
	if (r < 0)
		return r;
	fy_diag_cfg_default(&config);
	config.fp = NULL;
	diag = fy_diag_create(&config);
	if (!diag)
		return -ENOMEM;
	fy_diag_set_collect_errors(diag, true);
	parse.diag = diag;
	parser = fy_parser_create(&parse);
	if (!parser || fy_parser_set_string(parser, text, length) < 0)
		return -ENOMEM;
	reader.parser = parser;
	r = take_stream(&reader, ret_root);
	return r == -EBADMSG ? report_syntax(&reader, diag) : r;
}

int yaml_read(const char *path, struct yaml_node **ret_root, struct diagnostics *diagnostics)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	int r;

	r = file_read(path, YAML_FILE_MAX, &text, &length);
	if (r == -EFBIG)
		diagnose(diagnostics, (struct place){0}, "the file is larger than 1 MiB");
	else if (r < 0)
		diagnose(diagnostics, (struct place){0}, "cannot be read: %s", strerror(-r));
	if (r < 0)
		return r;
	return yaml_parse(text, length, ret_root, diagnostics);
}
