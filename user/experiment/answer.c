/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP answers: written out, with a body from a file, or taken from experiments/answers. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/file.h"
#include "user/base/similar.h"
#include "user/experiment/catalogue.h"
#include "user/experiment/load.h"

static int add_header(const struct yaml_node *name, const struct yaml_node *value,
		      struct strings *headers, struct diagnostics *diagnostics)
{
	size_t size = name->length + value->length + 3;
	_cleanup_free_ char *line = malloc(size);
	struct failure failure;

	if (!line)
		return -ENOMEM;
	if (value->kind != YAML_TEXT || strlen(value->text) != value->length) {
		diagnose(diagnostics, value->at, "header '%s' must have text as its value",
			 name->text);
		suggest(diagnostics, "for example 'Retry-After: \"5\"'");
		return 0;
	}
	snprintf(line, size, "%s:%s%s", name->text, value->length ? " " : "", value->text);
	if (strpbrk(name->text, ": \t")) {
		diagnose(diagnostics, name->at, "'%s' is no header name", name->text);
		suggest(diagnostics, "for example 'Retry-After'");
		return 0;
	}
	if (plan_header_check(line, strlen(line), &failure) < 0) {
		diagnose(diagnostics, name->at, "%s", failure.text);
		suggest(diagnostics, strstr(failure.text, "itself")
					     ? "leave it out"
					     : "for example 'Retry-After: \"5\"'");
		return 0;
	}
	return strings_add(headers, line);
}

int load_headers(const struct yaml_node *node, struct strings *headers,
		 struct diagnostics *diagnostics)
{
	int r = 0;

	for (size_t i = 0; i < node->count && r == 0; i++)
		r = add_header(node->keys[i], node->values[i], headers, diagnostics);
	return r;
}

/* "Name: value" lines as one text with CR LF behind each. */
static int join_headers(const struct strings *headers, char **ret_text)
{
	size_t size = 1, used = 0;
	char *text;

	for (size_t i = 0; i < headers->count; i++)
		size += strlen(headers->items[i]) + 2;
	text = malloc(size);
	if (!text)
		return -ENOMEM;
	text[0] = '\0';
	for (size_t i = 0; i < headers->count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s\r\n", headers->items[i]);
	*ret_text = text;
	return 0;
}

/* What only shows when all parts of an answer are there. `body` is what `body_key` says. */
static int check_answer(const struct yaml_node *node, const char *body_key,
			const struct yaml_node *body, const struct plan_rule *rule,
			struct diagnostics *diagnostics)
{
	_cleanup_free_ struct fault_answer *answer = malloc(sizeof(*answer));

	if (!answer)
		return -ENOMEM;
	if (rule->body_length > 0 && !plan_status_has_body(rule->status)) {
		diagnose(diagnostics, body->at, "an answer of status %u has no body", rule->status);
		suggest(diagnostics, "leave '%s' out", body_key);
	}
	/* The variant that keeps the connection is the longer one. */
	if (plan_render_answer(rule, false, answer) == -EMSGSIZE) {
		diagnose(diagnostics, node->at, "the answer is longer than %d bytes",
			 FAULT_ANSWER_MAX);
		suggest(diagnostics, "shorten its body or headers");
	}
	return 0;
}

/* Status and headers, whose nodes have been checked, into `rule`. */
static int take_head(const struct schema_key *status_key, const struct yaml_node *status,
		     const struct yaml_node *headers_node, struct plan_rule *rule,
		     struct diagnostics *diagnostics)
{
	_cleanup_(strings_free) struct strings headers = {0};
	uint32_t value = 0;
	bool good;
	int r;

	schema_read_value(status_key, status, &value, &good, diagnostics);
	rule->status = (uint16_t)value;
	if (!headers_node)
		return 0;
	r = load_headers(headers_node, &headers, diagnostics);
	return r < 0 ? r : join_headers(&headers, &rule->headers);
}

static int load_root(const struct yaml_node *root, const char *name, struct answer *answer,
		     struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[TEMPLATE_COUNT];
	int r = schema_read(&schema_template, root, root->at, answer, nodes, diagnostics);

	if (r < 0)
		return r;
	if (nodes[TEMPLATE_NAME] && strcmp(answer->name, name) != 0) {
		diagnose(diagnostics, nodes[TEMPLATE_NAME]->at,
			 "answer '%s' is in the file of '%s'", answer->name, name);
		suggest(diagnostics, "write 'answer: %s'", name);
	}
	if (!nodes[TEMPLATE_STATUS])
		return 0;
	answer->rule.body_length = answer->rule.body ? strlen(answer->rule.body) : 0;
	r = take_head(&schema_template.keys[TEMPLATE_STATUS], nodes[TEMPLATE_STATUS],
		      nodes[TEMPLATE_HEADERS], &answer->rule, diagnostics);
	return r < 0 ? r
		     : check_answer(root, "body", nodes[TEMPLATE_BODY], &answer->rule, diagnostics);
}

void answer_free(struct answer *answer)
{
	free(answer->name);
	free(answer->description);
	strings_free(&answer->notes);
	plan_rule_free(&answer->rule);
	*answer = (struct answer){0};
}

int answer_load(const char *directory, const char *name, struct answer *ret_answer,
		struct diagnostics *diagnostics)
{
	_cleanup_(answer_free) struct answer answer = {0};
	_cleanup_yaml_ struct yaml_node *root = NULL;
	char path[PATH_MAX];
	int r;

	*diagnostics = (struct diagnostics){0};
	r = catalogue_path(directory, name, path, sizeof(path));
	if (r < 0) {
		diagnose(diagnostics, (struct place){0}, "there is no answer '%s'", name);
		return r;
	}
	r = yaml_read(path, &root, diagnostics);
	if (r == 0)
		r = load_root(root, name, &answer, diagnostics);
	diagnostics_sort(diagnostics);
	if (r == 0 && diagnostics->total > 0)
		r = -EINVAL;
	if (r == 0)
		*ret_answer = TAKE(answer, (struct answer){0});
	return r;
}

int answer_list(const char *directory, struct strings *ret_names)
{
	return catalogue_list(directory, ret_names);
}

int experiment_answers_directory(char *buffer, size_t size)
{
	return catalogue_directory("answers", "FAULTD_ANSWERS", buffer, size);
}

static void unknown_template(const struct loader *loader, const struct yaml_node *node)
{
	_cleanup_(strings_free) struct strings names = {0};
	const char *best = NULL;

	diagnose(loader->diagnostics, node->at, "unknown answer '%s'", node->text);
	if (!loader->answers_directory || answer_list(loader->answers_directory, &names) < 0) {
		suggest(loader->diagnostics,
			"no directory of answers was found; set FAULTD_ANSWERS");
		return;
	}
	for (size_t i = 0; i < names.count; i++)
		best = similar_better(node->text, best, names.items[i]);
	if (best)
		suggest(loader->diagnostics, "did you mean '%s'?", best);
	else
		suggest(loader->diagnostics, "'faultctl presets --answers' lists them");
}

static int take_template(struct loader *loader, const struct yaml_node *const *nodes,
			 struct plan_rule *rule)
{
	const struct yaml_node *node = nodes[ANSWER_TEMPLATE];
	_cleanup_(answer_free) struct answer answer = {0};
	_cleanup_free_ struct diagnostics *problems = calloc(1, sizeof(*problems));
	int r = -ENOENT;

	if (!problems)
		return -ENOMEM;
	for (size_t i = 0; i < ANSWER_COUNT; i++) {
		if (!nodes[i] || i == ANSWER_TEMPLATE || i == ANSWER_TLS || i == ANSWER_EXPAND)
			continue;
		diagnose(loader->diagnostics, nodes[i]->at, "'%s' cannot stand beside 'template'",
			 schema_answer.keys[i].key);
		suggest(loader->diagnostics, "the named answer says everything");
		return 0;
	}
	if (loader->answers_directory)
		r = answer_load(loader->answers_directory, node->text, &answer, problems);
	if (r == -ENOENT)
		unknown_template(loader, node);
	else if (r < 0 && r != -ENOMEM)
		forward_problem(problems, "answer", node, loader->diagnostics);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	rule->status = answer.rule.status;
	rule->reason = TAKE_PTR(answer.rule.reason);
	rule->headers = TAKE_PTR(answer.rule.headers);
	rule->body = TAKE_PTR(answer.rule.body);
	rule->body_length = answer.rule.body_length;
	return 0;
}

/* Whether a relative path stays below where it begins. */
static bool stays_below(const char *path)
{
	if (path[0] == '/')
		return false;
	for (const char *part = path; *part;) {
		size_t length = strcspn(part, "/");

		if (length == 2 && part[0] == '.' && part[1] == '.')
			return false;
		part += length + (part[length] == '/');
	}
	return true;
}

static int take_file(struct loader *loader, const struct yaml_node *node, struct plan_rule *rule)
{
	const char *experiment = loader->experiment->path, *slash = strrchr(experiment, '/');
	char path[PATH_MAX];
	int directory = slash ? (int)(slash - experiment) + 1 : 0, r;

	if (!stays_below(node->text)) {
		diagnose(loader->diagnostics, node->at,
			 "'%s' leads out of the experiment's directory", node->text);
		suggest(loader->diagnostics, "put the file beside the experiment");
		return 0;
	}
	if ((size_t)snprintf(path, sizeof(path), "%.*s%s", directory, experiment, node->text) >=
	    sizeof(path))
		r = -ENAMETOOLONG;
	else
		r = file_read(path, FAULT_ANSWER_MAX, &rule->body, &rule->body_length);
	if (r == 0 || r == -ENOMEM)
		return r;
	if (r == -EFBIG) {
		diagnose(loader->diagnostics, node->at, "'%s' is longer than %d bytes", node->text,
			 FAULT_ANSWER_MAX);
		suggest(loader->diagnostics, "that is all that an answer has room for");
	} else {
		diagnose(loader->diagnostics, node->at, "'%s' cannot be read: %s", node->text,
			 strerror(-r));
		suggest(loader->diagnostics, "the path begins at the experiment's directory");
	}
	return 0;
}

static int take_parts(struct loader *loader, const struct yaml_node *node,
		      const struct yaml_node *const *nodes, struct plan_rule *rule)
{
	struct diagnostics *diagnostics = loader->diagnostics;
	size_t body = nodes[ANSWER_FILE] ? ANSWER_FILE : ANSWER_BODY;
	int r = 0;

	if (nodes[ANSWER_FILE] && nodes[ANSWER_BODY]) {
		diagnose(diagnostics, nodes[ANSWER_FILE]->at,
			 "'body' and 'file' cannot stand together");
		suggest(diagnostics, "keep one of them");
		return 0;
	}
	rule->body_length = rule->body ? strlen(rule->body) : 0;
	if (nodes[ANSWER_FILE])
		r = take_file(loader, nodes[ANSWER_FILE], rule);
	if (r == 0)
		r = take_head(&schema_answer.keys[ANSWER_STATUS], nodes[ANSWER_STATUS],
			      nodes[ANSWER_HEADERS], rule, diagnostics);
	if (r < 0)
		return r;
	return check_answer(node, schema_answer.keys[body].key, nodes[body], rule, diagnostics);
}

int load_answer(struct loader *loader, const struct yaml_node *node, struct plan_rule *rule)
{
	const struct yaml_node *nodes[ANSWER_COUNT];
	int r;

	r = schema_read(&schema_answer, node, node->at, rule, nodes, loader->diagnostics);
	if (r < 0)
		return r;
	if (nodes[ANSWER_TEMPLATE])
		return take_template(loader, nodes, rule);
	if (!yaml_has_key(node, "status") && !yaml_has_key(node, "template") &&
	    node->kind == YAML_MAP) {
		diagnose(loader->diagnostics, node->at, "an answer needs 'status'");
		suggest(loader->diagnostics, "add 'status: 503'");
	}
	return nodes[ANSWER_STATUS] ? take_parts(loader, node, nodes, rule) : 0;
}
