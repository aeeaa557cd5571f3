/* SPDX-License-Identifier: Apache-2.0 */
/* Deep copies of the parts of a plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/experiment/plan.h"

/* A copy of `count` elements; 0 elements give NULL. */
static int copy_array(const void *items, size_t count, size_t size, void **ret_items)
{
	void *copy;

	if (count == 0) {
		*ret_items = NULL;
		return 0;
	}
	copy = reallocarray(NULL, count, size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, items, count * size);
	*ret_items = copy;
	return 0;
}

static int copy_text(const char *text, char **ret_text)
{
	return text ? copy_array(text, strlen(text) + 1, 1, (void **)ret_text) : 0;
}

int strings_copy(const struct strings *strings, struct strings *ret_strings)
{
	_cleanup_(strings_free) struct strings copy = {0};
	int r = 0;

	for (size_t i = 0; i < strings->count && r == 0; i++)
		r = strings_add(&copy, strings->items[i]);
	if (r == 0)
		*ret_strings = TAKE(copy, (struct strings){0});
	return r;
}

int plan_match_copy(const struct plan_match *match, struct plan_match *ret_match)
{
	struct plan_match copy = {.tcp = match->tcp,
				  .udp = match->udp,
				  .methods = match->methods,
				  .http = match->http,
				  .ports_count = match->ports_count,
				  .prefixes_count = match->prefixes_count};
	int r;

	r = copy_array(match->ports, match->ports_count, sizeof(*match->ports),
		       (void **)&copy.ports);
	if (r == 0)
		r = copy_array(match->prefixes, match->prefixes_count, sizeof(*match->prefixes),
			       (void **)&copy.prefixes);
	if (r == 0)
		r = strings_copy(&match->names, &copy.names);
	if (r == 0)
		r = strings_copy(&match->paths, &copy.paths);
	if (r == 0)
		r = strings_copy(&match->cgroups, &copy.cgroups);
	if (r == 0)
		r = strings_copy(&match->interfaces, &copy.interfaces);
	if (r == 0)
		r = strings_copy(&match->units, &copy.units);
	if (r == 0)
		r = strings_copy(&match->containers, &copy.containers);
	if (r == 0)
		r = strings_copy(&match->commands, &copy.commands);
	if (r == 0)
		r = strings_copy(&match->users, &copy.users);
	if (r == 0)
		r = strings_copy(&match->namespaces, &copy.namespaces);
	if (r == 0)
		*ret_match = copy;
	else
		plan_match_free(&copy);
	return r;
}

int plan_rule_copy(const struct plan_rule *rule, struct plan_rule *ret_rule)
{
	struct plan_rule copy = *rule;
	int r;

	copy.fault = copy.reason = copy.headers = copy.body = NULL;
	copy.match = (struct plan_match){0};
	r = plan_match_copy(&rule->match, &copy.match);
	if (r == 0)
		r = copy_text(rule->fault, &copy.fault);
	if (r == 0)
		r = copy_text(rule->reason, &copy.reason);
	if (r == 0)
		r = copy_text(rule->headers, &copy.headers);
	if (r == 0)
		r = copy_array(rule->body, rule->body_length, 1, (void **)&copy.body);
	if (r == 0)
		*ret_rule = copy;
	else
		plan_rule_free(&copy);
	return r;
}

int plan_protect_copy(const struct plan_protect *protect, struct plan_protect *ret_protect)
{
	struct plan_protect copy = *protect;
	int r;

	copy.text = NULL;
	copy.ports = NULL;
	r = copy_text(protect->text, &copy.text);
	if (r == 0)
		r = copy_array(protect->ports, protect->ports_count, sizeof(*protect->ports),
			       (void **)&copy.ports);
	if (r == 0)
		*ret_protect = copy;
	else
		plan_protect_free(&copy);
	return r;
}
