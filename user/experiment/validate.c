/* SPDX-License-Identifier: Apache-2.0 */
/* plan_validate: what is checkable of a plan without a host, whoever made it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/experiment/validate.h"

#define TITLE_MAX	 127
#define CGROUP_MAX	 1023
#define INTERFACE_MAX	 63
#define LEASE_LOWEST	 (500 * NS_PER_MS)
#define LEASE_HIGHEST	 (60 * NS_PER_S)
#define DURATION_HIGHEST (24 * 3600 * NS_PER_S)

bool plan_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	return length >= 1 && length <= PLAN_FAULT_NAME_MAX && name[0] != '-' && name[0] != '_' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

/* A list within bounds, and there when it is counted. */
static int check_count(const void *items, size_t count, size_t most, const char *what,
		       struct failure *failure)
{
	if (count > most)
		return fail(failure, -EINVAL, "%zu %s are more than %zu", count, what, most);
	if (count > 0 && !items)
		return fail(failure, -EINVAL, "%zu %s are counted, none is there", count, what);
	return 0;
}

static int check_ports(const struct port_range *ports, size_t count, struct failure *failure)
{
	int r = check_count(ports, count, PLAN_LIST_MAX, "port ranges", failure);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (ports[i].first == 0 || ports[i].first > ports[i].last)
			r = fail(failure, -EINVAL, "ports %u-%u are no range of 1..65535",
				 ports[i].first, ports[i].last);
	}
	return r;
}

static int check_prefix(const struct address_prefix *prefix, struct failure *failure)
{
	struct address_prefix again;
	char text[ADDRESS_TEXT_SIZE];

	if (prefix->length > (prefix->ipv4 ? 32 : 128))
		return fail(failure, -EINVAL, "prefix length %u is out of range", prefix->length);
	address_format_prefix(prefix, text);
	/* Reading back what it says finds host bits, and a family that is not the address's. */
	if (address_parse_prefix(text, &again) < 0 || again.ipv4 != prefix->ipv4)
		return fail(failure, -EINVAL, "'%s' is no valid prefix", text);
	return 0;
}

int validate_strings(const struct strings *strings, const char *what, size_t longest,
		     struct failure *failure)
{
	int r = check_count(strings->items, strings->count, PLAN_LIST_MAX, what, failure);

	for (size_t i = 0; r == 0 && i < strings->count; i++) {
		const char *text = strings->items[i];

		if (!*text || strlen(text) > longest)
			r = fail(failure, -EINVAL,
				 "one of the %s is empty or longer than %zu bytes", what, longest);
		else if (text_has_control(text))
			r = fail(failure, -EINVAL, "one of the %s holds a control character", what);
	}
	return r;
}

static int check_names(const struct strings *names, struct failure *failure)
{
	char name[NAME_SIZE];
	int r = validate_strings(names, "names", 253, failure);

	for (size_t i = 0; r == 0 && i < names->count; i++) {
		if (name_parse(names->items[i], name, NULL) < 0 ||
		    strcmp(name, names->items[i]) != 0)
			r = fail(failure, -EINVAL,
				 "'%s' is no lower-case host name or '*.domain.example'",
				 names->items[i]);
	}
	return r;
}

static int check_paths(const struct strings *paths, struct failure *failure)
{
	int r = validate_strings(paths, "paths", FAULT_PATH_MAX - 1, failure);

	for (size_t i = 0; r == 0 && i < paths->count; i++) {
		if (paths->items[i][0] != '/' || strchr(paths->items[i], ' '))
			r = fail(failure, -EINVAL,
				 "path '%s' does not begin with '/' or has a space",
				 paths->items[i]);
	}
	return r;
}

bool plan_cgroup_is_valid(const char *path)
{
	const char *part = path;

	if (path[0] != '/' || strlen(path) > CGROUP_MAX)
		return false;
	/* No "//", "/.", "/..", nor a slash at the end: one spelling per cgroup, none above. */
	while (*part == '/') {
		size_t length = strcspn(++part, "/");

		if (length == 0 || (length == 1 && part[0] == '.') ||
		    (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part += length;
	}
	return true;
}

bool plan_interface_is_valid(const char *text)
{
	size_t length = strlen(text);

	return length >= 1 && length <= INTERFACE_MAX &&
	       strspn(text,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-*?[]") ==
		       length;
}

static int check_interfaces(const struct strings *interfaces, struct failure *failure)
{
	int r = validate_strings(interfaces, "interfaces", INTERFACE_MAX, failure);

	for (size_t i = 0; r == 0 && i < interfaces->count; i++) {
		if (!plan_interface_is_valid(interfaces->items[i]))
			r = fail(failure, -EINVAL, "'%s' is no name of an interface",
				 interfaces->items[i]);
	}
	return r;
}

static int check_cgroups(const struct strings *cgroups, struct failure *failure)
{
	int r = validate_strings(cgroups, "cgroups", CGROUP_MAX, failure);

	for (size_t i = 0; r == 0 && i < cgroups->count; i++) {
		if (!plan_cgroup_is_valid(cgroups->items[i]))
			r = fail(failure, -EINVAL,
				 "cgroup '%s' is no path below the cgroup mount like '/a/b'",
				 cgroups->items[i]);
	}
	return r;
}

/* A list constrains when no entry of it stands for everything. */
bool plan_match_is_bounded(const struct plan_match *match)
{
	bool ports = match->ports_count > 0, prefixes = match->prefixes_count > 0;
	bool paths = match->paths.count > 0;

	for (size_t i = 0; i < match->ports_count; i++)
		ports = ports && (match->ports[i].first > 1 || match->ports[i].last < 65535);
	for (size_t i = 0; i < match->prefixes_count; i++)
		prefixes = prefixes && match->prefixes[i].length > 0;
	for (size_t i = 0; i < match->paths.count; i++)
		paths = paths && strcmp(match->paths.items[i], "/") != 0;
	return ports || prefixes || paths || match->names.count > 0 || match->cgroups.count > 0 ||
	       match->units.count > 0 || match->containers.count > 0 || match->commands.count > 0 ||
	       match->users.count > 0 || match->namespaces.count > 0 || match->interfaces.count > 0;
}

static int check_match(const struct plan_match *match, struct failure *failure)
{
	int r = check_ports(match->ports, match->ports_count, failure);

	if (r == 0)
		r = check_count(match->prefixes, match->prefixes_count, PLAN_LIST_MAX, "prefixes",
				failure);
	for (size_t i = 0; r == 0 && i < match->prefixes_count; i++)
		r = check_prefix(&match->prefixes[i], failure);
	if (r == 0)
		r = check_names(&match->names, failure);
	if (r == 0)
		r = check_paths(&match->paths, failure);
	if (r == 0)
		r = check_cgroups(&match->cgroups, failure);
	if (r == 0)
		r = check_interfaces(&match->interfaces, failure);
	if (r == 0)
		r = validate_owners(&(struct owners){&match->units, &match->containers,
						     &match->commands, &match->users,
						     &match->namespaces},
				    failure);
	if (r < 0)
		return r;
	if (!match->tcp && !match->udp)
		return fail(failure, -EINVAL, "no protocol is matched");
	if (match->methods >= 1U << FAULT_METHOD_COUNT)
		return fail(failure, -EINVAL, "an HTTP method is unknown");
	if ((match->paths.count > 0 || match->methods) && !match->http)
		return fail(failure, -EINVAL,
			    "paths and methods need an HTTP request, http is off");
	if (match->http && match->udp)
		return fail(failure, -EINVAL, "HTTP requests are matched on tcp only");
	if (!plan_match_is_bounded(match))
		return fail(failure, -EINVAL,
			    "it would match everything; an address, name, port, path or cgroup is "
			    "needed");
	return 0;
}

static int check_protocols(const struct plan_rule *rule, struct failure *failure)
{
	unsigned int protocols = plan_effect_protocols(rule->effect, rule->reject);
	bool tcp = protocols & 1, udp = protocols & 2;

	if ((rule->match.tcp && !tcp) || (rule->match.udp && !udp))
		return fail(failure, -EINVAL, "effect %s acts on %s only",
			    plan_effect_name(rule->effect), tcp ? "tcp" : "udp");
	return 0;
}

static int check_rule(const struct plan_rule *rule, struct failure *failure)
{
	int r;

	if (!plan_effect_name(rule->effect))
		return fail(failure, -EINVAL, "effect %u is unknown", (unsigned int)rule->effect);
	if (rule->share == 0 || rule->share > FAULT_SHARE_ALWAYS)
		return fail(failure, -EINVAL, "the share is not above 0 %% and at most 100 %%");
	r = check_protocols(rule, failure);
	if (r == 0)
		r = check_match(&rule->match, failure);
	if (r == 0 && rule->existing == PLAN_EXISTING_ADOPT &&
	    (!plan_effect_sees_http(rule->effect, rule->reject) || plan_rule_gate(rule)))
		r = fail(failure, -EINVAL, "effect %s cannot act on a connection that it adopts",
			 plan_effect_name(rule->effect));
	return r < 0 ? r : validate_effect(rule, failure);
}

static int check_protect(const struct plan_protect *protect, struct failure *failure)
{
	int r = check_prefix(&protect->prefix, failure);

	return r < 0 ? r : check_ports(protect->ports, protect->ports_count, failure);
}

static int check_times(const struct plan *plan, struct failure *failure)
{
	if (plan->duration_ns == 0)
		return fail(failure, -EINVAL, "the duration is 0");
	if (plan->duration_ns > DURATION_HIGHEST)
		return fail(failure, -EINVAL, "the duration is above 24h");
	if (plan->lease_ns < LEASE_LOWEST || plan->lease_ns > LEASE_HIGHEST)
		return fail(failure, -EINVAL, "the lease is outside 500ms..1m");
	return 0;
}

static int check_head(const struct plan *plan, struct failure *failure)
{
	int r;

	if (!plan->title || !*plan->title || strlen(plan->title) > TITLE_MAX)
		return fail(failure, -EINVAL, "the title is missing or longer than %d bytes",
			    TITLE_MAX);
	if (text_has_control(plan->title))
		return fail(failure, -EINVAL, "the title holds a control character");
	r = check_times(plan, failure);
	if (r < 0)
		return r;
	r = check_cgroups(&plan->cgroups, failure);
	if (r < 0)
		return fail_in(failure, r, "scope");
	r = validate_owners(&(struct owners){&plan->units, &plan->containers, &plan->commands,
					     &plan->users, &plan->namespaces},
			    failure);
	if (r < 0)
		return fail_in(failure, r, "scope");
	r = check_count(plan->protect, plan->protect_count, FAULT_PROTECTED_MAX, "protections",
			failure);
	if (r < 0)
		return r;
	if (plan->rules_count == 0)
		return fail(failure, -EINVAL, "there is no rule");
	return check_count(plan->rules, plan->rules_count, FAULT_RULES_MAX, "rules", failure);
}

/* A packet does not tell its process or namespace, and a forwarded one is no user's of this host.
 */
static int check_owner_is_told(const struct plan *plan, const struct plan_rule *rule,
			       struct failure *failure)
{
	const struct plan_match *match = &rule->match;
	bool process = plan->commands.count > 0 || match->commands.count > 0;
	bool user = plan->users.count > 0 || match->users.count > 0;
	bool space = plan->namespaces.count > 0 || match->namespaces.count > 0;

	if (match->interfaces.count > 0 && (process || user || space))
		return fail(failure, -EINVAL,
			    "forwarded traffic has no process, user or network namespace");
	if (rule->effect == FAULT_EFFECT_DNS && (process || space))
		return fail(failure, -EINVAL,
			    "effect dns sees neither a query's process nor its network namespace");
	return 0;
}

int plan_validate(const struct plan *plan, struct failure *failure)
{
	int r = check_head(plan, failure);

	if (r < 0)
		return r;
	for (size_t i = 0; i < plan->protect_count; i++) {
		r = check_protect(&plan->protect[i], failure);
		if (r < 0)
			return fail_in(failure, r, "protection %zu", i + 1);
	}
	for (size_t i = 0; i < plan->rules_count; i++) {
		const struct plan_rule *rule = &plan->rules[i];

		if (!rule->fault || !plan_name_is_valid(rule->fault))
			return fail(failure, -EINVAL,
				    "rule %zu: the fault's name is not of the form "
				    "[a-z0-9][a-z0-9_-]{0,47}",
				    i + 1);
		r = check_rule(rule, failure);
		if (r == 0)
			r = check_owner_is_told(plan, rule, failure);
		if (r < 0)
			return fail_in(failure, r, "fault %s", rule->fault);
	}
	return 0;
}
