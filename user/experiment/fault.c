/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/similar.h"
#include "user/experiment/load.h"

#define DNS_PORT 53

/* One fault while it is read. */
struct reading {
	struct loader *loader;
	struct fault *fault;
	struct plan_rule template; /* everything but the match */
	bool effect_good;
	struct place effect_at;
};

static bool is_dns(const struct reading *reading)
{
	return reading->effect_good && reading->template.effect == FAULT_EFFECT_DNS;
}

/* Whether the effect means nothing where no name is. */
static bool is_of_names(const struct reading *reading)
{
	return is_dns(reading) ||
	       (reading->effect_good && reading->template.effect == FAULT_EFFECT_CERTIFICATE);
}

/* The keys that may stand beside a preset or a resolver's name, and their lists in a match. */
static const struct beside {
	size_t key, list;
} beside[] = {
	{MATCH_NAME, offsetof(struct plan_match, names)},
	{MATCH_CGROUP, offsetof(struct plan_match, cgroups)},
	{MATCH_INTERFACE, offsetof(struct plan_match, interfaces)},
	{MATCH_UNIT, offsetof(struct plan_match, units)},
	{MATCH_CONTAINER, offsetof(struct plan_match, containers)},
	{MATCH_PROCESS, offsetof(struct plan_match, commands)},
	{MATCH_USER, offsetof(struct plan_match, users)},
	{MATCH_NAMESPACE, offsetof(struct plan_match, namespaces)},
};
/* A key behind MATCH_CGROUP says whose traffic it must be, and none of them may be lost. */
_Static_assert(ARRAY_SIZE(beside) == 1 + MATCH_COUNT - MATCH_CGROUP, "a key has no list");

static struct strings *list_of(struct plan_match *match, const struct beside *one)
{
	return (struct strings *)((char *)match + one->list);
}

/* Of what is asked of a resolver only the name says where it leads. */
static int narrow_to_names(struct plan_match *match)
{
	struct plan_match narrow = {.udp = true, .ports_count = 1};

	narrow.ports = calloc(1, sizeof(*narrow.ports));
	if (!narrow.ports)
		return -ENOMEM;
	narrow.ports[0] = (struct port_range){DNS_PORT, DNS_PORT};
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
		*list_of(&narrow, &beside[i]) =
			TAKE(*list_of(match, &beside[i]), (struct strings){0});
	plan_match_free(match);
	*match = narrow;
	return 0;
}

/* Adds a rule for `match`, which moves into it. */
static int add_rule(struct reading *reading, struct plan_match *match, struct place at)
{
	struct diagnostics *diagnostics = reading->loader->diagnostics;
	struct fault *fault = reading->fault;
	struct plan_rule rule = {0};
	struct plan_rule *rules;
	int r;

	if (fault->rules_count == FAULT_RULES_MAX) {
		diagnose(diagnostics, at, "fault '%s' has more than %d endpoints", fault->name,
			 FAULT_RULES_MAX);
		suggest(diagnostics, "put names, addresses and ports of one kind in lists");
		return 0;
	}
	rules = reallocarray(fault->rules, fault->rules_count + 1, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	fault->rules = rules;
	if (is_dns(reading) && narrow_to_names(match) < 0)
		return -ENOMEM;
	r = plan_rule_copy(&reading->template, &rule);
	if (r < 0)
		return r;
	rule.match = TAKE(*match, (struct plan_match){0});
	if (reading->effect_good)
		check_effect_fits(&rule, reading->effect_at, diagnostics);
	fault->rules[fault->rules_count++] = rule;
	return 0;
}

/* The rules of plan_validate that no earlier check has named, as a last look with a place. */
static void check_bounded(const struct plan_match *match, const struct yaml_node *node,
			  struct diagnostics *diagnostics)
{
	if (plan_match_is_bounded(match))
		return;
	diagnose(diagnostics, node->at, "this would match everything");
	suggest(diagnostics, "add a name, an address, a port, an http path or a cgroup");
}

/* The keys of a match that mean nothing to a resolver. */
static void check_names_only(const struct yaml_node *node, const struct yaml_node *const *nodes,
			     struct diagnostics *diagnostics)
{
	static const size_t others[] = {MATCH_ADDRESS, MATCH_PORT, MATCH_PROTOCOL, MATCH_HTTP};
	size_t before = diagnostics->total;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!nodes[others[i]])
			continue;
		diagnose(diagnostics, nodes[others[i]]->at, "'%s' cannot stand beside effect 'dns'",
			 schema_match.keys[others[i]].key);
		suggest(diagnostics, "it acts on the names that the resolver is asked for");
	}
	if (!nodes[MATCH_NAME] && diagnostics->total == before) {
		diagnose(diagnostics, node->at, "effect 'dns' needs a name");
		suggest(diagnostics, "add 'name: store.example'");
	}
}

static int load_plain(struct reading *reading, const struct yaml_node *node,
		      const struct yaml_node *const *nodes)
{
	struct diagnostics *diagnostics = reading->loader->diagnostics;
	_cleanup_(plan_match_free) struct plan_match match = {0};
	size_t before = diagnostics->total;
	int r;

	if (is_dns(reading))
		check_names_only(node, nodes, diagnostics);
	r = load_match(nodes, &match, NULL, diagnostics);
	if (r < 0)
		return r;
	if (diagnostics->total != before)
		return 0;
	check_bounded(&match, node, diagnostics);
	return add_rule(reading, &match, node->at);
}

static void unknown_preset(const struct loader *loader, const struct yaml_node *item)
{
	_cleanup_(strings_free) struct strings names = {0};
	const char *best = NULL;

	diagnose(loader->diagnostics, item->at, "unknown preset '%s'", item->text);
	if (!loader->presets_directory || preset_list(loader->presets_directory, &names) < 0) {
		suggest(loader->diagnostics, "no preset directory was found; set FAULTD_PRESETS");
		return;
	}
	for (size_t i = 0; i < names.count; i++)
		best = similar_better(item->text, best, names.items[i]);
	if (best)
		suggest(loader->diagnostics, "did you mean '%s'?", best);
	else
		suggest(loader->diagnostics, "'faultctl presets' lists them");
}

/* Keys that say whose traffic it must be: the last ones. */
static bool is_owner_key(size_t key)
{
	return key >= MATCH_CGROUP;
}

/* The keys that may stand beside `preset`, by what the preset is. */
static void check_beside(const struct preset *preset, const struct yaml_node *item,
			 const struct yaml_node *const *nodes, struct diagnostics *diagnostics)
{
	bool has_host = nodes[MATCH_NAME] || nodes[MATCH_ADDRESS];

	for (size_t i = 0; i < MATCH_COUNT; i++) {
		bool host = i == MATCH_NAME || i == MATCH_ADDRESS;

		if (!nodes[i] || i == MATCH_PRESET || is_owner_key(i) ||
		    (host && preset->needs_host))
			continue;
		diagnose(diagnostics, nodes[i]->at, "'%s' cannot stand beside preset '%s'",
			 schema_match.keys[i].key, preset->name);
		suggest(diagnostics,
			"the preset says it already; what may be added is whose traffic it "
			"must be: 'cgroup', 'unit', 'interface' and the like");
	}
	if (preset->needs_host && !has_host) {
		diagnose(diagnostics, item->at, "preset '%s' needs the host", preset->name);
		suggest(diagnostics, "write 'match: {preset: %s, name: %s.corp.example}'",
			preset->name, preset->name);
	}
}

static int merge_lists(struct plan_match *extra, struct plan_match *match)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		const struct strings *from = list_of(extra, &beside[i]);

		for (size_t j = 0; r == 0 && j < from->count; j++)
			r = strings_add(list_of(match, &beside[i]), from->items[j]);
	}
	return r;
}

/* What `extra` names, into a copy of the preset's endpoint. */
static int merge_match(const struct plan_match *endpoint, const struct plan_match *extra,
		       struct plan_match *ret_match)
{
	struct plan_match merged = {0}, parts = {0};
	int r;

	r = plan_match_copy(endpoint, &merged);
	if (r == 0)
		r = plan_match_copy(extra, &parts);
	if (r == 0)
		r = merge_lists(&parts, &merged);
	if (r == 0 && parts.prefixes_count > 0) {
		/* An endpoint that needs its host has no address of its own. */
		free(merged.prefixes);
		merged.prefixes = TAKE_PTR(parts.prefixes);
		merged.prefixes_count = parts.prefixes_count;
	}
	plan_match_free(&parts);
	if (r == 0)
		*ret_match = merged;
	else
		plan_match_free(&merged);
	return r;
}

/* What is wrong with a preset file is told at the place that uses it. */
void forward_problem(const struct diagnostics *from, const char *kind, const struct yaml_node *item,
		     struct diagnostics *diagnostics)
{
	const struct diagnostic *first = &from->items[0];

	if (first->line > 0)
		diagnose(diagnostics, item->at, "%s '%s' cannot be used: line %d: %s", kind,
			 item->text, first->line, first->message);
	else
		diagnose(diagnostics, item->at, "%s '%s' cannot be used: %s", kind, item->text,
			 first->message);
	suggest(diagnostics, "%s", first->suggestion);
}

/*
 * An endpoint of a preset. TLS is ended for names alone: what is reached by address is plain HTTP
 * as a rule, and is answered there.
 */
static int add_endpoint(struct reading *reading, struct plan_match *match, struct place at)
{
	bool terminate = reading->template.terminate;
	int r;

	reading->template.terminate = terminate && match->names.count > 0;
	r = add_rule(reading, match, at);
	reading->template.terminate = terminate;
	return r;
}

static int add_preset_rules(struct reading *reading, const struct preset *preset,
			    const struct plan_match *extra, struct place at)
{
	struct fault *fault = reading->fault;
	size_t before = fault->rules_count;
	int r = strings_add(&fault->presets, preset->name);

	for (size_t i = 0; i < preset->notes.count && r == 0; i++) {
		char note[1200];

		snprintf(note, sizeof(note), "%s: %s", preset->name, preset->notes.items[i]);
		r = strings_add(&fault->notes, note);
	}
	for (size_t i = 0; i < preset->endpoints_count && r == 0; i++) {
		_cleanup_(plan_match_free) struct plan_match match = {0};

		r = merge_match(&preset->endpoints[i], extra, &match);
		if (r == 0 && is_of_names(reading) && match.names.count == 0)
			continue;
		if (r == 0)
			r = add_endpoint(reading, &match, at);
	}
	if (r == 0 && preset->endpoints_count > 0 && fault->rules_count == before) {
		diagnose(reading->loader->diagnostics, at,
			 "preset '%s' has no name, which effect '%s' needs", preset->name,
			 plan_effect_name(reading->template.effect));
		suggest(reading->loader->diagnostics,
			"use another effect: it is reached by address");
	}
	return r;
}

static int load_preset(struct reading *reading, const struct yaml_node *item,
		       const struct yaml_node *const *nodes, const struct plan_match *extra)
{
	struct loader *loader = reading->loader;
	_cleanup_(preset_free) struct preset preset = {0};
	struct diagnostics problems = {0};
	int r = -ENOENT;

	if (loader->presets_directory)
		r = preset_load_view(loader->presets_directory, item->text, loader->machine,
				     &preset, &problems);
	if (r == -ENOENT) {
		unknown_preset(loader, item);
		return 0;
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		forward_problem(&problems, "preset", item, loader->diagnostics);
		return 0;
	}
	check_beside(&preset, item, nodes, loader->diagnostics);
	return add_preset_rules(reading, &preset, extra, item->at);
}

static int load_presets(struct reading *reading, const struct yaml_node *const *nodes)
{
	struct diagnostics *diagnostics = reading->loader->diagnostics;
	const struct yaml_node *added[MATCH_COUNT] = {[MATCH_ADDRESS] = nodes[MATCH_ADDRESS]};
	_cleanup_(plan_match_free) struct plan_match extra = {0};
	size_t before = diagnostics->total;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
		added[beside[i].key] = nodes[beside[i].key];
	r = load_match(added, &extra, NULL, diagnostics);
	if (r < 0 || diagnostics->total != before)
		return r;
	for (size_t i = 0; i < node_count(nodes[MATCH_PRESET]) && r == 0; i++)
		r = load_preset(reading, node_item(nodes[MATCH_PRESET], i), nodes, &extra);
	return r;
}

static int load_endpoint(struct reading *reading, const struct yaml_node *node)
{
	struct diagnostics *diagnostics = reading->loader->diagnostics;
	const struct yaml_node *nodes[MATCH_COUNT];
	size_t before = diagnostics->total;
	int r;

	r = schema_read(&schema_match, node, node->at, NULL, nodes, diagnostics);
	/* With an unknown or wrong key it would seem to match more than it says. */
	if (r < 0 || diagnostics->total != before)
		return r;
	return nodes[MATCH_PRESET] ? load_presets(reading, nodes)
				   : load_plain(reading, node, nodes);
}

static int load_fault(struct loader *loader, const struct yaml_node *key,
		      const struct yaml_node *value, struct fault *fault)
{
	struct reading reading = {.loader = loader, .fault = fault};
	const struct yaml_node *nodes[FAULT_KEY_COUNT] = {NULL};
	int r;

	check_name(key, "fault", loader->diagnostics);
	fault->name = strdup(key->text);
	reading.template.fault = strdup(key->text);
	r = fault->name && reading.template.fault ? 0 : -ENOMEM;
	if (r == 0)
		r = schema_read(&schema_fault, value, key->at, &reading.template, nodes,
				loader->diagnostics);
	if (r == 0 && nodes[FAULT_EFFECT]) {
		reading.effect_at = nodes[FAULT_EFFECT]->at;
		r = load_effect(loader, nodes[FAULT_EFFECT], &reading.template,
				&reading.effect_good);
	}
	if (r == 0)
		r = load_shape(nodes, &reading.template, loader->diagnostics);
	if (r == 0 && is_dns(&reading) && reading.template.existing != PLAN_EXISTING_KEEP) {
		diagnose(loader->diagnostics, nodes[FAULT_EXISTING]->at,
			 "effect 'dns' has no connections that could be reset");
		suggest(loader->diagnostics, "leave 'existing' out");
	}
	if (r == 0 && reading.effect_good && plan_rule_gate(&reading.template) &&
	    reading.template.existing == PLAN_EXISTING_ADOPT) {
		diagnose(loader->diagnostics, nodes[FAULT_EXISTING]->at,
			 "the gate sees connections from their beginning, it adopts none");
		suggest(loader->diagnostics, "use 'existing: reset'");
	}
	if (r == 0 && nodes[FAULT_MATCH]) {
		const struct yaml_node *match = nodes[FAULT_MATCH];

		if (match->kind == YAML_TEXT) {
			schema_wrong_kind(&schema_fault.keys[FAULT_MATCH], match,
					  loader->diagnostics);
		} else if (node_count(match) == 0) {
			diagnose(loader->diagnostics, match->at, "'match' is empty");
			suggest(loader->diagnostics, "for example 'match: %s'",
				schema_fault.keys[FAULT_MATCH].example);
		}
		for (size_t i = 0; match->kind != YAML_TEXT && i < node_count(match) && r == 0; i++)
			r = load_endpoint(&reading, node_item(match, i));
	}
	plan_rule_free(&reading.template);
	return r;
}

int load_faults(struct loader *loader, const struct yaml_node *node)
{
	struct experiment *experiment = loader->experiment;
	size_t rules = 0;
	int r = 0;

	if (node->count == 0) {
		diagnose(loader->diagnostics, node->at, "'faults' is empty");
		suggest(loader->diagnostics, "declare at least one and inject it in the timeline");
		return 0;
	}
	experiment->faults = calloc(node->count, sizeof(*experiment->faults));
	if (!experiment->faults)
		return -ENOMEM;
	experiment->faults_count = node->count;
	for (size_t i = 0; i < node->count && r == 0; i++) {
		r = load_fault(loader, node->keys[i], node->values[i], &experiment->faults[i]);
		rules += experiment->faults[i].rules_count;
	}
	if (rules > FAULT_RULES_MAX) {
		diagnose(loader->diagnostics, node->at, "the faults have %zu endpoints together",
			 rules);
		suggest(loader->diagnostics, "at most %d can be armed at once", FAULT_RULES_MAX);
	}
	return r;
}
