/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/experiment/catalogue.h"
#include "user/experiment/load.h"

static const char *const class_names[] = {"artifact", "token"};

void preset_free(struct preset *preset)
{
	for (size_t i = 0; i < preset->endpoints_count; i++)
		plan_match_free(&preset->endpoints[i]);
	free(preset->endpoints);
	free(preset->name);
	free(preset->class);
	free(preset->description);
	free(preset->from);
	strings_free(&preset->notes);
	*preset = (struct preset){0};
}

static int add_endpoint(struct preset *preset, struct plan_match *match)
{
	struct plan_match *endpoints =
		reallocarray(preset->endpoints, preset->endpoints_count + 1, sizeof(*endpoints));

	if (!endpoints)
		return -ENOMEM;
	preset->endpoints = endpoints;
	preset->endpoints[preset->endpoints_count++] = TAKE(*match, (struct plan_match){0});
	return 0;
}

/* Whose traffic it must be is not for a preset to say. */
static bool has_owner(const struct yaml_node *const nodes[MATCH_COUNT])
{
	for (size_t i = MATCH_CGROUP; i < MATCH_COUNT; i++)
		if (nodes[i])
			return true;
	return false;
}

static int load_endpoints(const struct yaml_node *node, struct preset *preset,
			  struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node->count && r == 0; i++) {
		const struct yaml_node *nodes[MATCH_COUNT], *item = node->values[i];
		_cleanup_(plan_match_free) struct plan_match match = {0};
		size_t before = diagnostics->total;

		r = schema_read(&schema_match, item, item->at, NULL, nodes, diagnostics);
		if (r < 0)
			return r;
		if (nodes[MATCH_PRESET] || nodes[MATCH_INTERFACE] || has_owner(nodes)) {
			diagnose(diagnostics, item->at,
				 "an endpoint has no 'preset', 'cgroup' or 'interface'");
			continue;
		}
		r = load_match(nodes, &match, &preset->notes, diagnostics);
		/* What was wrong may be all that it says. */
		if (r == 0 && diagnostics->total == before && !plan_match_is_bounded(&match))
			diagnose(diagnostics, item->at, "this would match everything");
		if (r == 0)
			r = add_endpoint(preset, &match);
	}
	return r;
}

/* One endpoint per port: hosts by name, hosts by address. */
static int add_hosts(const struct machine_findings *findings, uint16_t port, bool names,
		     struct preset *preset)
{
	_cleanup_(plan_match_free) struct plan_match match = {.tcp = true};
	int r = 0;

	match.ports = calloc(1, sizeof(*match.ports));
	match.prefixes = calloc(findings->count, sizeof(*match.prefixes));
	if (!match.ports || !match.prefixes)
		return -ENOMEM;
	match.ports[match.ports_count++] = (struct port_range){port, port};
	for (size_t i = 0; i < findings->count && r == 0; i++) {
		struct address_prefix prefix;
		bool name = address_parse_prefix(findings->hosts[i].host, &prefix) < 0;

		if (findings->hosts[i].port != port || name != names)
			continue;
		if (name)
			r = strings_add(&match.names, findings->hosts[i].host);
		else
			match.prefixes[match.prefixes_count++] = prefix;
	}
	if (r < 0 || (match.names.count == 0 && match.prefixes_count == 0))
		return r;
	return add_endpoint(preset, &match);
}

static int note_findings(const struct machine_findings *findings, struct preset *preset)
{
	char note[1000];
	int used = snprintf(note, sizeof(note), "%zu host%s from", findings->count,
			    findings->count == 1 ? "" : "s");

	for (size_t i = 0; i < findings->sources.count && used < (int)sizeof(note); i++)
		used += snprintf(note + used, sizeof(note) - (size_t)used, "%s %s", i ? "," : "",
				 findings->sources.items[i]);
	return strings_add(&preset->notes, note);
}

static void nothing_found(const struct preset *preset, const struct machine_findings *findings,
			  struct place at, struct diagnostics *diagnostics)
{
	char looked[400] = "";
	int used = 0;

	for (size_t i = 0; i < findings->looked.count && used < (int)sizeof(looked); i++)
		used += snprintf(looked + used, sizeof(looked) - (size_t)used, "%s%s",
				 i ? ", " : "", findings->looked.items[i]);
	diagnose(diagnostics, at, "this machine's configuration of %s names no host; read: %s",
		 preset->from, looked);
	suggest(diagnostics,
		"name the host in the experiment: 'match: {name: mirror.corp.example}'");
}

static int load_machine(struct preset *preset, const struct machine_view *view, struct place at,
			struct diagnostics *diagnostics)
{
	_cleanup_(machine_findings_free) struct machine_findings findings = {0};
	int r;

	if (!view)
		return strings_add(
			&preset->notes,
			"its hosts are read from this machine when the experiment is run");
	r = machine_find(preset->from, view, &findings);
	if (r < 0)
		return r;
	if (findings.count == 0) {
		nothing_found(preset, &findings, at, diagnostics);
		return 0;
	}
	for (size_t i = 0; i < findings.count && r == 0; i++) {
		bool seen = false;

		for (size_t j = 0; j < i; j++)
			seen = seen || findings.hosts[j].port == findings.hosts[i].port;
		if (seen)
			continue;
		r = add_hosts(&findings, findings.hosts[i].port, true, preset);
		if (r == 0)
			r = add_hosts(&findings, findings.hosts[i].port, false, preset);
	}
	return r < 0 ? r : note_findings(&findings, preset);
}

static int load_words(const struct yaml_node *const *nodes, struct preset *preset,
		      struct diagnostics *diagnostics)
{
	unsigned int class = 0;
	bool good;

	if (nodes[PRESET_CLASS]) {
		schema_read_value(&schema_preset.keys[PRESET_CLASS], nodes[PRESET_CLASS], &class,
				  &good, diagnostics);
		preset->class = strdup(class_names[class]);
	}
	if (nodes[PRESET_FROM])
		preset->from = strdup(nodes[PRESET_FROM]->text);
	preset->needs_host = nodes[PRESET_NEEDS] != NULL;
	return (nodes[PRESET_CLASS] && !preset->class) || (nodes[PRESET_FROM] && !preset->from)
		       ? -ENOMEM
		       : 0;
}

static int load_root(const struct yaml_node *root, const char *name, struct preset *preset,
		     const struct machine_view *view, struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[PRESET_COUNT];
	int r;

	r = schema_read(&schema_preset, root, root->at, preset, nodes, diagnostics);
	if (r == 0)
		r = load_words(nodes, preset, diagnostics);
	if (r < 0)
		return r;
	if (nodes[PRESET_NAME] && strcmp(preset->name, name) != 0) {
		diagnose(diagnostics, nodes[PRESET_NAME]->at, "preset '%s' is in the file of '%s'",
			 preset->name, name);
		suggest(diagnostics, "write 'preset: %s'", name);
	}
	if (!nodes[PRESET_ENDPOINTS] == !nodes[PRESET_FROM] && diagnostics->total == 0) {
		diagnose(diagnostics, root->at, "a preset needs either 'endpoints' or 'from'");
		return 0;
	}
	if (nodes[PRESET_ENDPOINTS])
		return load_endpoints(nodes[PRESET_ENDPOINTS], preset, diagnostics);
	return nodes[PRESET_FROM] && diagnostics->total == 0
		       ? load_machine(preset, view, nodes[PRESET_FROM]->at, diagnostics)
		       : 0;
}

int preset_load_view(const char *directory, const char *name, const struct machine_view *machine,
		     struct preset *ret_preset, struct diagnostics *diagnostics)
{
	_cleanup_(preset_free) struct preset preset = {0};
	_cleanup_yaml_ struct yaml_node *root = NULL;
	char path[PATH_MAX];
	int r;

	*diagnostics = (struct diagnostics){0};
	r = catalogue_path(directory, name, path, sizeof(path));
	if (r < 0) {
		diagnose(diagnostics, (struct place){0}, "there is no preset '%s'", name);
		return r;
	}
	r = yaml_read(path, &root, diagnostics);
	if (r == 0)
		r = load_root(root, name, &preset, machine, diagnostics);
	diagnostics_sort(diagnostics);
	if (r == 0 && diagnostics->total > 0)
		r = -EINVAL;
	if (r == 0)
		*ret_preset = TAKE(preset, (struct preset){0});
	return r;
}

int preset_load(const char *directory, const char *name, bool resolve_machine,
		struct preset *ret_preset, struct diagnostics *diagnostics)
{
	struct machine_view machine = machine_view_real();

	return preset_load_view(directory, name, resolve_machine ? &machine : NULL, ret_preset,
				diagnostics);
}

int preset_list(const char *directory, struct strings *ret_names)
{
	return catalogue_list(directory, ret_names);
}

int experiment_presets_directory(char *buffer, size_t size)
{
	return catalogue_directory("presets", "FAULTD_PRESETS", buffer, size);
}
