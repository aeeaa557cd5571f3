/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the loader. Every function reads one part of the file, notes what is wrong in the
 * diagnostics and goes on; it returns 0 or -ENOMEM. What it has stored so far is owned by the
 * struct that it was given and released by experiment_free or preset_free.
 */
#ifndef EXPERIMENT_LOAD_H
#define EXPERIMENT_LOAD_H

#include <string.h>

#include "user/experiment/experiment.h"
#include "user/experiment/machine.h"
#include "user/experiment/schema.h"

struct loader {
	struct experiment *experiment;
	struct diagnostics *diagnostics;
	const char *presets_directory;	    /* NULL: there is none */
	const char *answers_directory;	    /* NULL: there is none */
	const struct machine_view *machine; /* NULL: machine presets stay without hosts */
};

/* A single value stands for a list of one. */
static inline size_t node_count(const struct yaml_node *node)
{
	return !node ? 0 : node->kind == YAML_LIST ? node->count : 1;
}

static inline const struct yaml_node *node_item(const struct yaml_node *node, size_t index)
{
	return node->kind == YAML_LIST ? node->values[index] : node;
}

/* The node of `key` itself in a mapping; NULL: it is not there, or `map` is none. */
static inline const struct yaml_node *key_node(const struct yaml_node *map, const char *key)
{
	for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->keys[i];
	return NULL;
}

int load_workflows(struct loader *loader, const struct yaml_node *node);
int load_faults(struct loader *loader, const struct yaml_node *node);
/* Whose control and which faults' observer each workflow is; after both. */
int load_relations(struct loader *loader, const struct yaml_node *workflows);
int load_timeline(struct loader *loader, const struct yaml_node *node,
		  const struct yaml_node *faults);
int load_aborts(struct loader *loader, const struct yaml_node *node);
int load_protect(struct loader *loader, const struct yaml_node *node);
int load_scope(struct loader *loader, const struct yaml_node *node);

/*
 * The effect of a fault into `rule`. `ret_good` tells whether it was right, so that what depends
 * on it is worth checking.
 */
int load_effect(struct loader *loader, const struct yaml_node *node, struct plan_rule *rule,
		bool *ret_good);
/* The mapping of an answer into `rule`. */
int load_answer(struct loader *loader, const struct yaml_node *node, struct plan_rule *rule);
/* How the fault changes with time, from the keys of a fault. */
int load_shape(const struct yaml_node *const nodes[FAULT_KEY_COUNT], struct plan_rule *rule,
	       struct diagnostics *diagnostics);
/* Tells at `item`, which names a file of `kind`, what is wrong with that. */
void forward_problem(const struct diagnostics *from, const char *kind, const struct yaml_node *item,
		     struct diagnostics *diagnostics);
/* Whether `rule`'s effect can act on what it matches; notes at `at` why not. */
void check_effect_fits(const struct plan_rule *rule, struct place at,
		       struct diagnostics *diagnostics);

/* An argv from the list at `key`. */
int load_command(const char *key, const struct yaml_node *node, struct strings *command,
		 struct diagnostics *diagnostics);
/* The mapping of a detect rule. */
int load_detect(const struct yaml_node *node, struct workflow_detect *detect,
		struct diagnostics *diagnostics);

/* A mapping of header names to values as "Name: value" lines. */
int load_headers(const struct yaml_node *node, struct strings *headers,
		 struct diagnostics *diagnostics);

/*
 * The keys of a match that say where (all but `preset`). A '*' at the end of a first label is
 * widened to the whole label when `notes` is given, which then says so, and refused otherwise.
 */
int load_match(const struct yaml_node *const nodes[MATCH_COUNT], struct plan_match *match,
	       struct strings *notes, struct diagnostics *diagnostics);

/* Texts that `is_valid` takes; what is none is called no `what`. */
int load_texts(const struct yaml_node *node, const char *what, bool (*is_valid)(const char *text),
	       struct strings *texts, struct diagnostics *diagnostics);
/* Users by name or number, as uids in digits. */
int load_users(const struct yaml_node *node, struct strings *users,
	       struct diagnostics *diagnostics);

/* preset_load with the view of the machine to read: NULL leaves machine presets without hosts. */
int preset_load_view(const char *directory, const char *name, const struct machine_view *machine,
		     struct preset *ret_preset, struct diagnostics *diagnostics);

/* "name" of workflow or fault is well-formed; notes it otherwise. */
void check_name(const struct yaml_node *key, const char *what, struct diagnostics *diagnostics);

/* Index of the fault or workflow; their count when there is none, with a note and a suggestion. */
size_t find_fault(const struct loader *loader, const struct yaml_node *name);
size_t find_workflow(const struct loader *loader, const struct yaml_node *name);

/* "PREFIX" into `ret_prefix`; `ret_good` as above. */
bool load_prefix(const char *what, const char *text, struct place at,
		 struct address_prefix *ret_prefix, struct diagnostics *diagnostics);
bool load_port(const char *what, const char *text, struct place at, struct port_range *ret_range,
	       struct diagnostics *diagnostics);

#endif
