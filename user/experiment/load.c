/* SPDX-License-Identifier: Apache-2.0 */
#include "user/experiment/load.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/similar.h"

void check_name(const struct yaml_node *key, const char *what, struct diagnostics *diagnostics)
{
	if (plan_name_is_valid(key->text))
		return;
	diagnose(diagnostics, key->at, "'%s' is no name for a %s", key->text, what);
	suggest(diagnostics, "up to %d of a-z, 0-9, '-' and '_', a letter or digit first",
		PLAN_FAULT_NAME_MAX);
}

size_t find_fault(const struct loader *loader, const struct yaml_node *name)
{
	const struct experiment *experiment = loader->experiment;
	const char *best = NULL;

	for (size_t i = 0; i < experiment->faults_count; i++) {
		if (strcmp(experiment->faults[i].name, name->text) == 0)
			return i;
		best = similar_better(name->text, best, experiment->faults[i].name);
	}
	diagnose(loader->diagnostics, name->at, "there is no fault '%s'", name->text);
	if (best)
		suggest(loader->diagnostics, "did you mean '%s'?", best);
	else
		suggest(loader->diagnostics, "declare it under 'faults'");
	return experiment->faults_count;
}

size_t find_workflow(const struct loader *loader, const struct yaml_node *name)
{
	const struct experiment *experiment = loader->experiment;
	const char *best = NULL;

	for (size_t i = 0; i < experiment->workflows_count; i++) {
		if (strcmp(experiment->workflows[i].name, name->text) == 0)
			return i;
		best = similar_better(name->text, best, experiment->workflows[i].name);
	}
	diagnose(loader->diagnostics, name->at, "there is no workflow '%s'", name->text);
	if (best)
		suggest(loader->diagnostics, "did you mean '%s'?", best);
	else
		suggest(loader->diagnostics, "declare it under 'workflows'");
	return experiment->workflows_count;
}

static void check_scope_units(const struct yaml_node *node, struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < node_count(node); i++) {
		const struct yaml_node *item = node_item(node, i);

		if (plan_unit_is_valid(item->text))
			continue;
		diagnose(diagnostics, item->at, "'%s' is no unit name", item->text);
		suggest(diagnostics,
			strchr(item->text, '/')
				? "a path belongs under 'cgroups'"
				: "for example 'runner.service' or 'runner.*.service'");
	}
}

/* What the schema has stored already. */
static void check_scope_texts(const struct yaml_node *node, const char *what,
			      bool (*is_valid)(const char *text), struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < node_count(node); i++) {
		const struct yaml_node *item = node_item(node, i);

		if (!is_valid(item->text))
			diagnose(diagnostics, item->at, "'%s' is no %s that can be matched",
				 item->text, what);
	}
}

int load_scope(struct loader *loader, const struct yaml_node *node)
{
	const struct yaml_node *nodes[SCOPE_COUNT];
	size_t before = loader->diagnostics->total;
	int r;

	r = schema_read(&schema_scope, node, node->at, loader->experiment, nodes,
			loader->diagnostics);
	if (r < 0 || loader->diagnostics->total != before)
		return r;
	if (!nodes[SCOPE_CGROUPS] && !nodes[SCOPE_UNITS] && !nodes[SCOPE_CONTAINERS] &&
	    !nodes[SCOPE_PROCESSES] && !nodes[SCOPE_USERS] && !nodes[SCOPE_NAMESPACES]) {
		diagnose(loader->diagnostics, node->at, "'scope' is empty");
		suggest(loader->diagnostics, "add 'cgroups' or 'units', or leave it out for the "
					     "whole host");
	}
	for (size_t i = 0; i < node_count(nodes[SCOPE_CGROUPS]); i++) {
		const struct yaml_node *item = node_item(nodes[SCOPE_CGROUPS], i);

		if (plan_cgroup_is_valid(item->text))
			continue;
		diagnose(loader->diagnostics, item->at, "'%s' is no cgroup path", item->text);
		suggest(loader->diagnostics, strcmp(item->text, "/") == 0
						     ? "leave 'scope' out for the whole host"
						     : "a path below the cgroup2 mount, like "
						       "'/system.slice/runner.service'");
	}
	check_scope_units(nodes[SCOPE_UNITS], loader->diagnostics);
	check_scope_texts(nodes[SCOPE_CONTAINERS], "container", plan_container_is_valid,
			  loader->diagnostics);
	check_scope_texts(nodes[SCOPE_NAMESPACES], "network namespace", plan_namespace_is_valid,
			  loader->diagnostics);
	return load_users(nodes[SCOPE_USERS], &loader->experiment->scope_users,
			  loader->diagnostics);
}

/* "22,8000-8010" behind " port ". */
static int load_protect_ports(const struct yaml_node *node, const char *text,
			      struct plan_protect *protect, struct diagnostics *diagnostics)
{
	size_t count = 1;

	for (const char *c = text; *c; c++)
		count += *c == ',';
	protect->ports = calloc(count, sizeof(*protect->ports));
	if (!protect->ports)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t length = strcspn(text, ",");
		_cleanup_free_ char *port = strndup(text, length);

		if (!port)
			return -ENOMEM;
		if (load_port("port", port, node->at, &protect->ports[protect->ports_count],
			      diagnostics))
			protect->ports_count++;
		text += length + 1;
	}
	return 0;
}

static int load_protection(const struct yaml_node *node, struct plan_protect *protect,
			   struct diagnostics *diagnostics)
{
	static const char middle[] = " port ";
	_cleanup_free_ char *prefix = NULL;
	const char *ports;

	if (node->kind != YAML_TEXT || node->length == 0 || strlen(node->text) != node->length) {
		diagnose(diagnostics, node->at, "an entry of 'protect' must be text, not %s",
			 node->kind == YAML_TEXT ? "empty" : yaml_kind_name(node));
		suggest(diagnostics, "for example '10.0.0.0/8 port 22'");
		return 0;
	}
	ports = strstr(node->text, middle);
	prefix = strndup(node->text, ports ? (size_t)(ports - node->text) : node->length);
	protect->text = strdup(node->text);
	if (!prefix || !protect->text)
		return -ENOMEM;
	if (strspn(prefix, "0123456789-") == strlen(prefix)) {
		diagnose(diagnostics, node->at, "'%s' is no protection", node->text);
		suggest(diagnostics, "quote an entry with a comma: \"10.0.0.0/8 port 22,443\"");
		return 0;
	}
	if (strchr(prefix, ' ')) {
		diagnose(diagnostics, node->at, "'%s' is no protection", node->text);
		suggest(diagnostics, "write 'PREFIX' or 'PREFIX port N[,N-M]'");
		return 0;
	}
	load_prefix("protected", prefix, node->at, &protect->prefix, diagnostics);
	return ports ? load_protect_ports(node, ports + strlen(middle), protect, diagnostics) : 0;
}

int load_protect(struct loader *loader, const struct yaml_node *node)
{
	struct experiment *experiment = loader->experiment;
	int r = 0;

	if (node->count > FAULT_PROTECTED_MAX) {
		diagnose(loader->diagnostics, node->at, "'protect' has %zu entries", node->count);
		suggest(loader->diagnostics, "at most %d are possible", FAULT_PROTECTED_MAX);
		return 0;
	}
	experiment->protect = calloc(node->count ? node->count : 1, sizeof(*experiment->protect));
	if (!experiment->protect)
		return -ENOMEM;
	experiment->protect_count = node->count;
	for (size_t i = 0; i < node->count && r == 0; i++)
		r = load_protection(node->values[i], &experiment->protect[i], loader->diagnostics);
	return r;
}

int load_aborts(struct loader *loader, const struct yaml_node *node)
{
	struct experiment *experiment = loader->experiment;
	int r = 0;

	experiment->aborts = calloc(node->count ? node->count : 1, sizeof(*experiment->aborts));
	if (!experiment->aborts)
		return -ENOMEM;
	experiment->aborts_count = node->count;
	for (size_t i = 0; i < node->count && r == 0; i++) {
		const struct yaml_node *nodes[ABORT_COUNT], *item = node->values[i];

		r = schema_read(&schema_abort, item, item->at, &experiment->aborts[i], nodes,
				loader->diagnostics);
		if (r == 0 && nodes[ABORT_WORKFLOW])
			experiment->aborts[i].workflow =
				find_workflow(loader, nodes[ABORT_WORKFLOW]);
	}
	return r;
}

/* In an order that lets later parts refer to earlier ones. */
static int load_parts(struct loader *loader, const struct yaml_node *const *nodes)
{
	int r = 0;

	if (nodes[TOP_SCOPE])
		r = load_scope(loader, nodes[TOP_SCOPE]);
	if (r == 0 && nodes[TOP_PROTECT])
		r = load_protect(loader, nodes[TOP_PROTECT]);
	if (r == 0 && nodes[TOP_WORKFLOWS])
		r = load_workflows(loader, nodes[TOP_WORKFLOWS]);
	if (r == 0 && nodes[TOP_FAULTS])
		r = load_faults(loader, nodes[TOP_FAULTS]);
	if (r == 0 && nodes[TOP_WORKFLOWS] && nodes[TOP_FAULTS])
		r = load_relations(loader, nodes[TOP_WORKFLOWS]);
	/* Without the faults every name in the timeline would seem wrong. */
	if (r == 0 && nodes[TOP_TIMELINE] && nodes[TOP_FAULTS])
		r = load_timeline(loader, nodes[TOP_TIMELINE], nodes[TOP_FAULTS]);
	if (r == 0 && nodes[TOP_ABORT])
		r = load_aborts(loader, nodes[TOP_ABORT]);
	return r;
}

static bool has_rules(const struct experiment *experiment)
{
	for (size_t i = 0; i < experiment->faults_count; i++) {
		if (experiment->faults[i].rules_count == 0)
			return false;
	}
	return true;
}

/* What the daemon would refuse and no check above has a better place for. */
static int check_plan(const struct loader *loader, struct place at)
{
	_cleanup_(plan_free) struct plan plan = {0};
	struct failure failure = {0};
	int r;

	if (loader->diagnostics->total > 0 || !has_rules(loader->experiment))
		return 0;
	r = experiment_compile(loader->experiment, 0, &plan, &failure);
	if (r == -EINVAL)
		diagnose(loader->diagnostics, at, "%s", failure.text);
	return r == -EINVAL ? 0 : r;
}

static int load_root(struct loader *loader, const struct yaml_node *root)
{
	const struct yaml_node *nodes[TOP_COUNT];
	int r;

	r = schema_read(&schema_top, root, root->at, loader->experiment, nodes,
			loader->diagnostics);
	if (r == 0)
		r = load_parts(loader, nodes);
	if (r == 0)
		r = check_plan(loader, nodes[TOP_FAULTS] ? nodes[TOP_FAULTS]->at : root->at);
	return r;
}

int experiment_load(const char *path, const struct experiment_options *options,
		    struct experiment *ret_experiment, struct diagnostics *diagnostics)
{
	_cleanup_(experiment_free) struct experiment experiment = {0};
	_cleanup_yaml_ struct yaml_node *root = NULL;
	struct machine_view machine = machine_view_real();
	struct loader loader = {.experiment = &experiment, .diagnostics = diagnostics};
	char directory[PATH_MAX], answers[PATH_MAX];
	int r;

	*diagnostics = (struct diagnostics){0};
	if (options && options->presets_directory)
		loader.presets_directory = options->presets_directory;
	else if (experiment_presets_directory(directory, sizeof(directory)) == 0)
		loader.presets_directory = directory;
	if (options && options->answers_directory)
		loader.answers_directory = options->answers_directory;
	else if (experiment_answers_directory(answers, sizeof(answers)) == 0)
		loader.answers_directory = answers;
	if (options && options->resolve_machine_presets)
		loader.machine = &machine;
	experiment.path = strdup(path);
	r = experiment.path ? yaml_read(path, &root, diagnostics) : -ENOMEM;
	if (r == 0)
		r = load_root(&loader, root);
	diagnostics_sort(diagnostics);
	if (r == -ENOMEM && diagnostics->total == 0)
		diagnose(diagnostics, (struct place){0}, "out of memory");
	if (r == 0 && diagnostics->total > 0)
		r = -EINVAL;
	if (r < 0)
		return r;
	*ret_experiment = TAKE(experiment, (struct experiment){0});
	return 0;
}
