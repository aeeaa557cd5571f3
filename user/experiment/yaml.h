/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate to libfyaml: a YAML 1.2 or JSON text as a small tree of nodes that know their place.
 * Every scalar is text; what it means is up to the schema. Refused: more than YAML_FILE_MAX bytes,
 * what is not UTF-8, control characters, more than one document, anchors, aliases, tags, merge
 * keys, keys that are no text, duplicate keys, more than YAML_DEPTH_MAX levels.
 */
#ifndef EXPERIMENT_YAML_H
#define EXPERIMENT_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "user/experiment/diagnostic.h"

#define YAML_FILE_MAX  (1024 * 1024) /* bytes */
#define YAML_DEPTH_MAX 16	     /* lists and mappings inside each other */
#define YAML_KEYS_MAX  1024	     /* keys of one mapping */
#define YAML_ITEMS_MAX 4096	     /* items of one list */

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	struct place at;
	/* YAML_TEXT: NUL-terminated; may hold NULs (from "\0") before `length`. */
	char *text;
	size_t length;
	/* YAML_LIST, YAML_MAP: `count` values; of a mapping with as many keys, all YAML_TEXT. */
	struct yaml_node **keys;
	struct yaml_node **values;
	size_t count;
};

/*
 * Reads `length` bytes. 0 with the tree in `ret_root` (to be freed with yaml_free), -EINVAL with
 * what is wrong in `diagnostics`, or -ENOMEM. Duplicate keys are noted and left out of the tree,
 * so that the rest can still be checked: the result is good only while diagnostics->total is 0.
 */
int yaml_parse(const char *text, size_t length, struct yaml_node **ret_root,
	       struct diagnostics *diagnostics);

/* The same for a file. -errno with one diagnostic of line 0 when it cannot be read. */
int yaml_read(const char *path, struct yaml_node **ret_root, struct diagnostics *diagnostics);

void yaml_free(struct yaml_node *node);

static inline void cleanup_yaml(struct yaml_node **node)
{
	yaml_free(*node);
}
#define _cleanup_yaml_ __attribute__((cleanup(cleanup_yaml)))

/* Whether the mapping `node` has `key`; false when it is none. */
bool yaml_has_key(const struct yaml_node *node, const char *key);

/* "text", "a list" or "a mapping", for messages. */
const char *yaml_kind_name(const struct yaml_node *node);

#endif
