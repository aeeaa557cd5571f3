/* SPDX-License-Identifier: Apache-2.0 */
/* What a workflow has to do with others: who notices its outage, what it observes or controls. */
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/url.h"
#include "user/experiment/load.h"

/* Something to listen on: an address of this host, a port that is said, and a path. */
static void check_webhook(const struct yaml_node *node, struct diagnostics *diagnostics)
{
	const char *text = node->text, *authority = strstr(text, "://"), *path;
	struct address_prefix prefix;
	struct url url;
	bool good = url_parse(text, &url) == 0 && strcmp(url.scheme, "http") == 0 &&
		    address_parse_prefix(url.host, &prefix) == 0;

	path = good ? strchr(authority + 3, '/') : NULL;
	/* The port stands behind the last colon in front of the path, and behind a bracket. */
	if (path) {
		const char *colon = memrchr(authority + 3, ':', (size_t)(path - authority - 3));

		good = colon && !memchr(colon, ']', (size_t)(path - colon));
	}
	if (good && path)
		return;
	diagnose(diagnostics, node->at, "'%s' is nothing to listen on", text);
	suggest(diagnostics, "an address, a port and a path: 'http://127.0.0.1:9467/alert'");
}

int load_detect(const struct yaml_node *node, struct workflow_detect *detect,
		struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[DETECT_COUNT];
	int r = schema_read(&schema_detect, node, node->at, detect, nodes, diagnostics);

	if (r < 0)
		return r;
	if (nodes[DETECT_WEBHOOK] && nodes[DETECT_COMMAND]) {
		diagnose(diagnostics, nodes[DETECT_COMMAND]->at,
			 "'webhook' and 'command' cannot stand together");
		suggest(diagnostics, "one of them tells when the outage is noticed");
	}
	if (nodes[DETECT_WEBHOOK])
		check_webhook(nodes[DETECT_WEBHOOK], diagnostics);
	if (nodes[DETECT_COMMAND])
		r = load_command("command", nodes[DETECT_COMMAND], &detect->command, diagnostics);
	return r;
}

static const struct yaml_node *value_of(const struct yaml_node *map, const char *key)
{
	for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->values[i];
	return NULL;
}

static int load_observe(struct loader *loader, const struct yaml_node *node,
			struct workflow *workflow)
{
	int r = 0;

	if (node_count(node) == 0) {
		diagnose(loader->diagnostics, node->at, "'observe' names no fault");
		suggest(loader->diagnostics, "name those whose traffic is to be measured");
	}
	for (size_t i = 0; i < node_count(node) && r == 0; i++) {
		const struct yaml_node *item = node_item(node, i);

		if (item->kind != YAML_TEXT) {
			diagnose(loader->diagnostics, item->at,
				 "an entry of 'observe' must be text");
			suggest(loader->diagnostics, "the name of a fault");
		} else if (find_fault(loader, item) < loader->experiment->faults_count) {
			r = strings_add(&workflow->observe, item->text);
		}
	}
	return r;
}

static void check_control(struct loader *loader, const struct yaml_node *node, size_t index)
{
	size_t of = find_workflow(loader, node);

	if (of == loader->experiment->workflows_count)
		return;
	if (of == index || loader->experiment->workflows[of].control) {
		diagnose(loader->diagnostics, node->at, "'%s' is %s", node->text,
			 of == index ? "the workflow itself" : "a control group too");
		suggest(loader->diagnostics, "name the workflow that the faults are to meet");
	}
}

int load_relations(struct loader *loader, const struct yaml_node *workflows)
{
	int r = 0;

	for (size_t i = 0; i < workflows->count && r == 0; i++) {
		struct workflow *workflow = &loader->experiment->workflows[i];
		const struct yaml_node *observe = value_of(workflows->values[i], "observe");

		if (workflow->control)
			check_control(loader, value_of(workflows->values[i], "control"), i);
		if (observe && loader->experiment->faults_count)
			r = load_observe(loader, observe, workflow);
	}
	return r;
}
