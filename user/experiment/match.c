/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/experiment/load.h"

static const struct {
	const char *name;
	enum fault_method method;
} methods[] = {
	{"GET", FAULT_METHOD_GET},	   {"HEAD", FAULT_METHOD_HEAD},
	{"POST", FAULT_METHOD_POST},	   {"PUT", FAULT_METHOD_PUT},
	{"DELETE", FAULT_METHOD_DELETE},   {"PATCH", FAULT_METHOD_PATCH},
	{"OPTIONS", FAULT_METHOD_OPTIONS},
};

enum protocol_word { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ANY };

bool load_prefix(const char *what, const char *text, struct place at,
		 struct address_prefix *ret_prefix, struct diagnostics *diagnostics)
{
	char right[ADDRESS_TEXT_SIZE], name[NAME_SIZE];
	struct address_prefix masked;
	int r = address_parse_prefix(text, ret_prefix);

	if (r == 0)
		return true;
	if (r == -ERANGE && address_mask_prefix(text, &masked) == 0) {
		address_format_prefix(&masked, right);
		diagnose(diagnostics, at, "'%s' has bits set behind its prefix length", text);
		suggest(diagnostics, "write '%s'", right);
		return false;
	}
	diagnose(diagnostics, at, "%s '%s' is no address or prefix", what, text);
	/* Digits and dots make a name too, but an address was meant. */
	if (strspn(text, "0123456789.") != strlen(text) && name_parse(text, name, NULL) == 0)
		suggest(diagnostics, "a host is matched by 'name: %s'", name);
	else
		suggest(diagnostics, "for example '10.0.0.0/8' or 'fd00::1'");
	return false;
}

bool load_port(const char *what, const char *text, struct place at, struct port_range *ret_range,
	       struct diagnostics *diagnostics)
{
	int r = port_parse_range(text, ret_range);

	if (r == 0)
		return true;
	if (r == -ERANGE) {
		diagnose(diagnostics, at, "%s '%s' is out of range", what, text);
		suggest(diagnostics, "1 to 65535 is allowed, the lower one first");
		return false;
	}
	diagnose(diagnostics, at, "%s '%s' is no port or range", what, text);
	suggest(diagnostics, strchr(text, ',') ? "write several as a list: [80, 443]"
					       : "for example 443 or 8000-8010");
	return false;
}

/* Says why `text` is no name, by what it looks like. */
static void explain_name(const char *text, struct place at, struct diagnostics *diagnostics)
{
	struct address_prefix prefix;
	size_t length = strlen(text);
	char name[NAME_SIZE];
	bool partial;

	if (strcmp(text, "*") == 0 || strcmp(text, "*.") == 0) {
		diagnose(diagnostics, at, "'%s' would match every name", text);
		suggest(diagnostics, "for example '*.store.example'");
	} else if (strstr(text, "://")) {
		diagnose(diagnostics, at, "'%s' is a URL, not a host name", text);
		suggest(diagnostics, "write its host only");
	} else if (name_parse(text, name, &partial) == 0 && partial) {
		diagnose(diagnostics, at, "'%s' has a '*' inside a label", text);
		suggest(diagnostics, "a '*' is a whole label: '*%s'", strchr(name, '.'));
	} else if (strncmp(text, "*.", 2) == 0 && !strchr(text + 2, '.')) {
		diagnose(diagnostics, at, "'%s' would match a whole top-level domain", text);
		suggest(diagnostics, "at least two labels must follow the '*'");
	} else if (strchr(text, '*')) {
		diagnose(diagnostics, at, "'%s' is no name that can be matched", text);
		suggest(diagnostics, "a '*' is the whole first label: '*.store.example'");
	} else if (length > 1 && text[length - 1] == '.') {
		diagnose(diagnostics, at, "'%s' ends in a dot", text);
		suggest(diagnostics, "write '%.*s'", (int)length - 1, text);
	} else if (address_mask_prefix(text, &prefix) == 0) {
		diagnose(diagnostics, at, "'%s' is an address, not a name", text);
		suggest(diagnostics, "write 'address: %s'", text);
	} else if (strchr(text, ':')) {
		diagnose(diagnostics, at, "'%s' is no host name", text);
		suggest(diagnostics, "a port stands apart: 'port: 443'");
	} else {
		diagnose(diagnostics, at, "'%s' is no host name", text);
		suggest(diagnostics, "for example 'store.example' or '*.store.example'");
	}
}

static int widen(const char *name, struct strings *names, struct strings *notes)
{
	char wide[NAME_SIZE + 1], note[2 * NAME_SIZE + 64];
	int r;

	snprintf(wide, sizeof(wide), "*%s", strchr(name, '.'));
	snprintf(note, sizeof(note), "'%s' is widened to '%s': names match by whole labels", name,
		 wide);
	r = strings_add(names, wide);
	return r < 0 ? r : strings_add(notes, note);
}

static int load_names(const struct yaml_node *node, struct strings *names, struct strings *notes,
		      struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node_count(node) && r == 0; i++) {
		const struct yaml_node *item = node_item(node, i);
		struct address_prefix prefix;
		char name[NAME_SIZE];
		bool partial = false;

		/* An IPv4 address would pass for a name of four labels. */
		if (address_mask_prefix(item->text, &prefix) == 0 ||
		    name_parse(item->text, name, &partial) < 0 || (partial && !notes))
			explain_name(item->text, item->at, diagnostics);
		else if (partial)
			r = widen(name, names, notes);
		else
			r = strings_add(names, name);
	}
	return r;
}

static int load_addresses(const struct yaml_node *node, struct plan_match *match,
			  struct diagnostics *diagnostics)
{
	size_t count = node_count(node);

	if (count == 0)
		return 0;
	match->prefixes = calloc(count, sizeof(*match->prefixes));
	if (!match->prefixes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = node_item(node, i);

		if (load_prefix("address", item->text, item->at,
				&match->prefixes[match->prefixes_count], diagnostics))
			match->prefixes_count++;
	}
	return 0;
}

static int load_ports(const struct yaml_node *node, struct plan_match *match,
		      struct diagnostics *diagnostics)
{
	size_t count = node_count(node);

	if (count == 0)
		return 0;
	match->ports = calloc(count, sizeof(*match->ports));
	if (!match->ports)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = node_item(node, i);

		if (load_port("port", item->text, item->at, &match->ports[match->ports_count],
			      diagnostics))
			match->ports_count++;
	}
	return 0;
}

static int load_paths(const struct yaml_node *node, struct strings *paths,
		      struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node_count(node) && r == 0; i++) {
		const struct yaml_node *item = node_item(node, i);

		if (item->text[0] != '/') {
			diagnose(diagnostics, item->at, "path '%s' does not begin with '/'",
				 item->text);
			suggest(diagnostics, "for example '/metadata/identity'");
		} else if (strchr(item->text, ' ')) {
			diagnose(diagnostics, item->at, "path '%s' holds a space", item->text);
			suggest(diagnostics, "write it as it is sent, with '%%20'");
		} else {
			r = strings_add(paths, item->text);
		}
	}
	return r;
}

static void load_methods(const struct yaml_node *node, struct plan_match *match,
			 struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < node_count(node); i++) {
		const struct yaml_node *item = node_item(node, i);
		const char *close = NULL;
		size_t j = 0;

		for (; j < ARRAY_SIZE(methods); j++) {
			if (strcmp(methods[j].name, item->text) == 0)
				break;
			if (strcasecmp(methods[j].name, item->text) == 0)
				close = methods[j].name;
		}
		if (j < ARRAY_SIZE(methods)) {
			match->methods |= (uint16_t)(1U << methods[j].method);
			continue;
		}
		diagnose(diagnostics, item->at, "method '%s' is unknown", item->text);
		if (close)
			suggest(diagnostics, "write '%s'", close);
		else
			suggest(diagnostics, "it is one of GET, HEAD, POST, PUT, DELETE, PATCH, "
					     "OPTIONS");
	}
}

static int load_match_http(const struct yaml_node *node, const struct yaml_node *name,
			   struct plan_match *match, struct strings *notes,
			   struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[MATCH_HTTP_COUNT];
	int r;

	r = schema_read(&schema_match_http, node, node->at, NULL, nodes, diagnostics);
	if (r < 0)
		return r;
	if (node->count == 0) {
		diagnose(diagnostics, node->at, "'http' is empty");
		suggest(diagnostics, "add 'host', 'path' or 'method'");
	}
	if (nodes[MATCH_HTTP_HOST] && name) {
		diagnose(diagnostics, nodes[MATCH_HTTP_HOST]->at,
			 "'http.host' and 'name' cannot stand together");
		suggest(diagnostics, "keep 'name': it decides by the request's host too");
		return 0;
	}
	match->http = true;
	r = load_names(nodes[MATCH_HTTP_HOST], &match->names, notes, diagnostics);
	if (r == 0)
		r = load_paths(nodes[MATCH_HTTP_PATH], &match->paths, diagnostics);
	load_methods(nodes[MATCH_HTTP_METHOD], match, diagnostics);
	return r;
}

static int load_cgroups(const struct yaml_node *node, struct strings *cgroups,
			struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node_count(node) && r == 0; i++) {
		const struct yaml_node *item = node_item(node, i);

		if (plan_cgroup_is_valid(item->text)) {
			r = strings_add(cgroups, item->text);
			continue;
		}
		if (strcmp(item->text, "/") == 0) {
			diagnose(diagnostics, item->at, "cgroup '/' is the whole host");
			suggest(diagnostics, "leave 'cgroup' out");
			continue;
		}
		diagnose(diagnostics, item->at, "'%s' is no cgroup path", item->text);
		suggest(diagnostics, "a path below the cgroup2 mount, like "
				     "'/system.slice/runner.service'");
	}
	return r;
}

static int load_interfaces(const struct yaml_node *node, struct strings *interfaces,
			   struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node_count(node) && r == 0; i++) {
		const struct yaml_node *item = node_item(node, i);

		if (plan_interface_is_valid(item->text)) {
			r = strings_add(interfaces, item->text);
			continue;
		}
		diagnose(diagnostics, item->at, "'%s' is no name of an interface", item->text);
		suggest(diagnostics, "a name like 'docker0', or a glob like 'veth*'");
	}
	return r;
}

int load_texts(const struct yaml_node *node, const char *what, bool (*is_valid)(const char *text),
	       struct strings *texts, struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node_count(node) && r == 0; i++) {
		const struct yaml_node *item = node_item(node, i);

		if (is_valid(item->text))
			r = strings_add(texts, item->text);
		else
			diagnose(diagnostics, item->at, "'%s' is no %s that can be matched",
				 item->text, what);
	}
	return r;
}

int load_users(const struct yaml_node *node, struct strings *users, struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node_count(node) && r == 0; i++) {
		const struct yaml_node *item = node_item(node, i);
		char uid[16], buffer[4096];
		struct passwd entry, *user = NULL;

		if (plan_user_is_valid(item->text)) {
			r = strings_add(users, item->text);
			continue;
		}
		if (getpwnam_r(item->text, &entry, buffer, sizeof(buffer), &user) || !user) {
			diagnose(diagnostics, item->at, "user '%s' is unknown here", item->text);
			suggest(diagnostics, "write the uid");
			continue;
		}
		snprintf(uid, sizeof(uid), "%u", user->pw_uid);
		r = strings_add(users, uid);
	}
	return r;
}

static void load_protocol(const struct yaml_node *node, const struct yaml_node *http,
			  struct plan_match *match, struct diagnostics *diagnostics)
{
	unsigned int word = PROTOCOL_TCP;
	bool good;

	if (node)
		schema_read_value(&schema_match.keys[MATCH_PROTOCOL], node, &word, &good,
				  diagnostics);
	match->tcp = word != PROTOCOL_UDP;
	match->udp = word != PROTOCOL_TCP;
	if (match->udp && http) {
		diagnose(diagnostics, node->at, "'http' is matched on tcp only");
		suggest(diagnostics, "leave 'protocol' out");
		match->tcp = true;
		match->udp = false;
	}
}

int load_match(const struct yaml_node *const nodes[MATCH_COUNT], struct plan_match *match,
	       struct strings *notes, struct diagnostics *diagnostics)
{
	int r;

	load_protocol(nodes[MATCH_PROTOCOL], nodes[MATCH_HTTP], match, diagnostics);
	if (nodes[MATCH_NAME] && nodes[MATCH_ADDRESS]) {
		diagnose(diagnostics, nodes[MATCH_ADDRESS]->at,
			 "'name' and 'address' in one mapping would both have to hold");
		suggest(diagnostics, "write two mappings in a list: [{name: ...}, {address: ...}]");
	}
	r = load_names(nodes[MATCH_NAME], &match->names, notes, diagnostics);
	if (r == 0)
		r = load_addresses(nodes[MATCH_ADDRESS], match, diagnostics);
	if (r == 0)
		r = load_ports(nodes[MATCH_PORT], match, diagnostics);
	if (r == 0 && nodes[MATCH_HTTP])
		r = load_match_http(nodes[MATCH_HTTP], nodes[MATCH_NAME], match, notes,
				    diagnostics);
	if (r == 0)
		r = load_cgroups(nodes[MATCH_CGROUP], &match->cgroups, diagnostics);
	if (r == 0)
		r = load_interfaces(nodes[MATCH_INTERFACE], &match->interfaces, diagnostics);
	if (r == 0)
		r = load_texts(nodes[MATCH_UNIT], "unit", plan_unit_is_valid, &match->units,
			       diagnostics);
	if (r == 0)
		r = load_texts(nodes[MATCH_CONTAINER], "container", plan_container_is_valid,
			       &match->containers, diagnostics);
	if (r == 0)
		r = load_texts(nodes[MATCH_PROCESS], "process name", plan_command_is_valid,
			       &match->commands, diagnostics);
	if (r == 0)
		r = load_users(nodes[MATCH_USER], &match->users, diagnostics);
	if (r == 0)
		r = load_texts(nodes[MATCH_NAMESPACE], "network namespace", plan_namespace_is_valid,
			       &match->namespaces, diagnostics);
	return r;
}
