/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/base/url.h"
#include "user/experiment/load.h"

#define ARGUMENTS_MAX 256
#define STABLE_LEAST  (5 * NS_PER_S)
/* The shortest period of what is a command. */
#define COMMAND_LEAST (10 * NS_PER_MS)

static const char *const http_methods[] = {
	[HTTP_GET] = "GET",	    [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT",	    [HTTP_DELETE] = "DELETE", [HTTP_PATCH] = "PATCH",
	[HTTP_OPTIONS] = "OPTIONS",
};
_Static_assert(ARRAY_SIZE(http_methods) == HTTP_HEADERS, "a method has no name");

/* A command written as one text: shows the list that was probably meant. */
static void suggest_list(const struct yaml_node *node, struct diagnostics *diagnostics)
{
	char list[200];
	size_t used = 0;
	const char *word = node->text;

	diagnose(diagnostics, node->at,
		 "'run' must be a list of a program and its arguments, not text");
	while (*word && used < sizeof(list)) {
		size_t length = strcspn(word, " \t\n");

		if (length > 0)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%.*s",
						 used ? ", " : "", (int)length, word);
		word += length + strspn(word + length, " \t\n");
	}
	suggest(diagnostics, "write 'run: [%s]'",
		used && used < sizeof(list) ? list : "./provision.sh");
}

/* `node` is a list when this is called: schema_read has noted otherwise. */
int load_command(const char *key, const struct yaml_node *node, struct strings *command,
		 struct diagnostics *diagnostics)
{
	int r = 0;

	if (node->count == 0 || node->count > ARGUMENTS_MAX) {
		diagnose(diagnostics, node->at, "'%s' has %zu entries", key, node->count);
		suggest(diagnostics, "the program and its arguments, at most %d", ARGUMENTS_MAX);
		return 0;
	}
	for (size_t i = 0; i < node->count && r == 0; i++) {
		const struct yaml_node *item = node->values[i];

		/* Arguments may be empty, the program may not. */
		if (item->kind != YAML_TEXT || strlen(item->text) != item->length ||
		    (i == 0 && item->length == 0)) {
			diagnose(diagnostics, item->at, "entry %zu of '%s' must be text", i + 1,
				 key);
			suggest(diagnostics, "for example '--once'");
			continue;
		}
		r = strings_add(command, item->text);
	}
	return r;
}

static void check_url(const struct yaml_node *node, struct diagnostics *diagnostics)
{
	struct url url;

	if (!strstr(node->text, "://")) {
		diagnose(diagnostics, node->at, "'%s' is no URL", node->text);
		suggest(diagnostics, "write 'http://%s'", node->text);
	} else if (url_parse(node->text, &url) < 0) {
		diagnose(diagnostics, node->at, "'%s' is no URL", node->text);
		suggest(diagnostics, "for example 'http://store.example/file'");
	} else if (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0) {
		diagnose(diagnostics, node->at, "scheme '%s' is not supported", url.scheme);
		suggest(diagnostics, "write 'http://' or 'https://'");
	}
}

/* "200" or "200-299". */
static void load_expect(const struct yaml_node *node, struct workflow_http *http,
			struct diagnostics *diagnostics)
{
	const char *dash = strchr(node->text, '-');
	uint64_t first = 0, last = 0;
	char front[8] = "";
	int r = -EINVAL;

	if ((dash ? (size_t)(dash - node->text) : node->length) < sizeof(front)) {
		memcpy(front, node->text, dash ? (size_t)(dash - node->text) : node->length);
		r = number_parse_u64(front, 100, 599, &first);
		last = first;
		if (r == 0 && dash)
			r = number_parse_u64(dash + 1, 100, 599, &last);
	}
	if (r < 0 || first > last) {
		diagnose(diagnostics, node->at, "'expect' is no status: '%s'", node->text);
		suggest(diagnostics, "for example '200' or '200-299', from 100 to 599");
		return;
	}
	http->expect_first = (uint16_t)first;
	http->expect_last = (uint16_t)last;
}

static int load_method(const struct yaml_node *node, const struct yaml_node *const *nodes,
		       struct workflow_http *http, struct diagnostics *diagnostics)
{
	int found = -1;

	for (int i = 0; i < HTTP_HEADERS; i++) {
		if (!nodes[i])
			continue;
		if (found >= 0) {
			diagnose(diagnostics, nodes[i]->at, "'%s' and '%s' cannot stand together",
				 schema_http.keys[found].key, schema_http.keys[i].key);
			suggest(diagnostics, "one workflow does one request");
			return 0;
		}
		found = i;
	}
	if (found < 0) {
		diagnose(diagnostics, node->at, "an http request needs a method with its URL");
		suggest(diagnostics, "for example 'get: \"http://store.example/\"'");
		return 0;
	}
	check_url(nodes[found], diagnostics);
	http->method = strdup(http_methods[found]);
	http->url = strdup(nodes[found]->text);
	return http->method && http->url ? 0 : -ENOMEM;
}

static int load_http(const struct yaml_node *node, struct workflow_http *http,
		     struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[HTTP_COUNT];
	size_t before = diagnostics->total;
	int r;

	http->expect_first = 200;
	http->expect_last = 299;
	r = schema_read(&schema_http, node, node->at, http, nodes, diagnostics);
	if (r < 0)
		return r;
	if (nodes[HTTP_EXPECT])
		load_expect(nodes[HTTP_EXPECT], http, diagnostics);
	if (nodes[HTTP_HEADERS])
		r = load_headers(nodes[HTTP_HEADERS], &http->headers, diagnostics);
	if (r < 0)
		return r;
	/* A method with a wrong value was noted already; it would look as if it were missing. */
	if (before != diagnostics->total)
		return 0;
	return load_method(node, nodes, http, diagnostics);
}

static int load_parts(const struct yaml_node *const *nodes, struct workflow *workflow,
		      struct diagnostics *diagnostics)
{
	const struct {
		const struct schema *schema;
		const struct yaml_node *node;
		void *base;
	} parts[] = {
		{&schema_retry, nodes[WORKFLOW_RETRY], &workflow->retry},
		{&schema_budget, nodes[WORKFLOW_BUDGET], &workflow->budget},
		{&schema_stable, nodes[WORKFLOW_STABLE], workflow},
	};
	/* A part that is absent still has its defaults. */
	const struct yaml_node nothing = {.kind = YAML_MAP};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++) {
		const struct yaml_node *node = parts[i].node ? parts[i].node : &nothing;

		r = schema_read(parts[i].schema, node, node->at, parts[i].base, NULL, diagnostics);
	}
	return r == 0 ? load_detect(nodes[WORKFLOW_DETECT] ? nodes[WORKFLOW_DETECT] : &nothing,
				    &workflow->detect, diagnostics)
		      : r;
}

/* One of a command, a request and a look at what is there. */
static void check_kind(const struct yaml_node *key, const struct yaml_node *value,
		       struct diagnostics *diagnostics)
{
	static const size_t kinds[] = {WORKFLOW_RUN, WORKFLOW_HTTP, WORKFLOW_OBSERVE};
	const struct yaml_node *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && value->kind == YAML_MAP; i++) {
		const char *word = schema_workflow.keys[kinds[i]].key;
		const struct yaml_node *at = key_node(value, word);

		if (!at)
			continue;
		if (found) {
			diagnose(diagnostics, at->at, "'%s' and '%s' cannot stand together",
				 found->text, word);
			suggest(diagnostics, "make two workflows of it");
			return;
		}
		found = at;
	}
	if (value->kind == YAML_MAP && !found) {
		diagnose(diagnostics, key->at, "workflow '%s' does nothing", key->text);
		suggest(diagnostics, "add 'run: [./provision.sh]' or 'http: {get: ...}'");
	}
}

/* What has a schedule needs it; what is only observed has none, and tries nothing. */
static void check_schedule(const struct yaml_node *key, const struct yaml_node *value,
			   struct diagnostics *diagnostics)
{
	static const size_t own[] = {WORKFLOW_EVERY, WORKFLOW_TIMEOUT, WORKFLOW_RETRY};
	bool observes = key_node(value, "observe");

	for (size_t i = 0; i < ARRAY_SIZE(own) && value->kind == YAML_MAP; i++) {
		const struct schema_key *wanted = &schema_workflow.keys[own[i]];
		const struct yaml_node *there = key_node(value, wanted->key);

		if (observes && there) {
			diagnose(diagnostics, there->at, "'%s' does not go with 'observe'",
				 wanted->key);
			suggest(diagnostics, "leave it out: nothing is run");
		} else if (!observes && !there && own[i] != WORKFLOW_RETRY) {
			diagnose(diagnostics, key->at, "%s needs '%s'", schema_workflow.what,
				 wanted->key);
			suggest(diagnostics, "add '%s: %s'", wanted->key, wanted->example);
		}
	}
}

/* Requests can follow each other faster than processes can be started. */
static void check_period(const struct yaml_node *const *nodes, const struct workflow *workflow,
			 struct diagnostics *diagnostics)
{
	if (!nodes[WORKFLOW_RUN] || !workflow->every_ns || workflow->every_ns >= COMMAND_LEAST)
		return;
	diagnose(diagnostics, nodes[WORKFLOW_EVERY]->at, "'every' is too short for a command: '%s'",
		 nodes[WORKFLOW_EVERY]->text);
	suggest(diagnostics, "10ms to 1h is allowed with 'run', from 1ms on with 'http'");
}

/* `run: "a b"` is common enough for a message of its own; schema_read would not show the list. */
static bool note_command_text(const struct yaml_node *value, struct diagnostics *diagnostics)
{
	for (size_t i = 0; value->kind == YAML_MAP && i < value->count; i++) {
		const struct yaml_node *node = value->values[i];

		if (strcmp(value->keys[i]->text, "run") == 0 && node->kind == YAML_TEXT &&
		    node->length > 0) {
			suggest_list(node, diagnostics);
			return true;
		}
	}
	return false;
}

static int load_workflow(const struct yaml_node *key, const struct yaml_node *value,
			 struct workflow *workflow, struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[WORKFLOW_COUNT];
	int r;

	check_name(key, "workflow", diagnostics);
	workflow->name = strdup(key->text);
	if (!workflow->name)
		return -ENOMEM;
	if (note_command_text(value, diagnostics))
		return 0;
	r = schema_read(&schema_workflow, value, key->at, workflow, nodes, diagnostics);
	if (r < 0)
		return r;
	check_schedule(key, value, diagnostics);
	check_kind(key, value, diagnostics);
	check_period(nodes, workflow, diagnostics);
	if (nodes[WORKFLOW_RUN])
		r = load_command("run", nodes[WORKFLOW_RUN], &workflow->run, diagnostics);
	if (r == 0 && nodes[WORKFLOW_HTTP])
		r = load_http(nodes[WORKFLOW_HTTP], &workflow->http, diagnostics);
	if (r == 0)
		r = load_parts(nodes, workflow, diagnostics);
	if (nodes[WORKFLOW_OBSERVE])
		workflow->every_ns = FAULT_BUCKET_NS;
	if (workflow->stable_span_ns == 0)
		workflow->stable_span_ns = 3 * workflow->every_ns > STABLE_LEAST
						   ? 3 * workflow->every_ns
						   : STABLE_LEAST;
	return r;
}

int load_workflows(struct loader *loader, const struct yaml_node *node)
{
	struct experiment *experiment = loader->experiment;
	int r = 0;

	if (node->count == 0) {
		diagnose(loader->diagnostics, node->at, "'workflows' is empty");
		suggest(loader->diagnostics, "at least one tells what the faults do to it");
		return 0;
	}
	experiment->workflows = calloc(node->count, sizeof(*experiment->workflows));
	if (!experiment->workflows)
		return -ENOMEM;
	experiment->workflows_count = node->count;
	for (size_t i = 0; i < node->count && r == 0; i++)
		r = load_workflow(node->keys[i], node->values[i], &experiment->workflows[i],
				  loader->diagnostics);
	return r;
}
