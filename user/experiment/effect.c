/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/similar.h"
#include "user/experiment/load.h"

/* Effects that the design names and this version has not. */
static const char *const later_effects[] = {"reset",	"cut",	 "stall", "rate",	 "dns",
					    "overload", "delay", "drip",  "certificate", "corrupt"};

/* Effects that are a word by themselves; the others are a mapping. */
static const enum fault_effect plain_effects[] = {FAULT_EFFECT_REFUSE, FAULT_EFFECT_UNREACHABLE,
						  FAULT_EFFECT_DROP, FAULT_EFFECT_HANG};
static const enum fault_effect mapped_effects[] = {[EFFECT_LOSS] = FAULT_EFFECT_LOSS,
						   [EFFECT_ANSWER] = FAULT_EFFECT_ANSWER,
						   [EFFECT_ALERT] = FAULT_EFFECT_ALERT};
_Static_assert(ARRAY_SIZE(mapped_effects) == EFFECT_KEY_COUNT, "an effect's mapping is missing");

static bool is_later(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(later_effects); i++) {
		if (strcmp(later_effects[i], word) == 0)
			return true;
	}
	return false;
}

static bool is_plain(enum fault_effect effect)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain_effects); i++) {
		if (plain_effects[i] == effect)
			return true;
	}
	return false;
}

#define EFFECT_LIST "refuse, unreachable, drop, hang, {loss: ...}, {answer: ...}, {alert: ...}"

static void unknown_effect(const struct yaml_node *word, struct diagnostics *diagnostics)
{
	const char *best = NULL;

	if (is_later(word->text)) {
		diagnose(diagnostics, word->at, "effect '%s' is not supported by this version",
			 word->text);
		suggest(diagnostics, "it is one of %s", EFFECT_LIST);
		return;
	}
	for (int i = 1; i < FAULT_EFFECT_COUNT; i++)
		best = similar_better(word->text, best, plan_effect_name((enum fault_effect)i));
	diagnose(diagnostics, word->at, "unknown effect '%s'", word->text);
	if (best)
		suggest(diagnostics, "did you mean '%s'?", best);
	else
		suggest(diagnostics, "it is one of %s", EFFECT_LIST);
}

static void load_word(const struct yaml_node *node, struct plan_rule *rule, bool *ret_good,
		      struct diagnostics *diagnostics)
{
	enum fault_effect effect;

	if (is_later(node->text) || plan_effect_by_name(node->text, &effect) < 0) {
		unknown_effect(node, diagnostics);
	} else if (!is_plain(effect)) {
		diagnose(diagnostics, node->at, "effect '%s' says what it does in a mapping",
			 node->text);
		for (size_t i = 0; i < schema_effect.count; i++) {
			if (strcmp(schema_effect.keys[i].key, node->text) == 0)
				suggest(diagnostics, "for example 'effect: {%s: %s}'", node->text,
					schema_effect.keys[i].example);
		}
	} else {
		rule->effect = effect;
		*ret_good = true;
	}
}

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

/* What only shows when all parts of an answer are there. */
static int check_answer(const struct yaml_node *node, const struct yaml_node *body,
			const struct plan_rule *rule, struct diagnostics *diagnostics)
{
	_cleanup_free_ struct fault_answer *answer = malloc(sizeof(*answer));

	if (!answer)
		return -ENOMEM;
	if (rule->body_length > 0 && !plan_status_has_body(rule->status)) {
		diagnose(diagnostics, body->at, "an answer of status %u has no body", rule->status);
		suggest(diagnostics, "leave 'body' out");
	}
	/* The variant that keeps the connection is the longer one. */
	if (plan_render_answer(rule, false, answer) == -EMSGSIZE) {
		diagnose(diagnostics, node->at, "the answer is longer than %d bytes",
			 FAULT_ANSWER_MAX);
		suggest(diagnostics, "shorten its body or headers");
	}
	return 0;
}

static int load_answer(const struct yaml_node *node, struct plan_rule *rule,
		       struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[ANSWER_COUNT];
	_cleanup_(strings_free) struct strings headers = {0};
	uint32_t status = 0;
	bool good;
	int r;

	r = schema_read(&schema_answer, node, node->at, rule, nodes, diagnostics);
	if (r < 0 || !nodes[ANSWER_STATUS])
		return r;
	/* Was read once to be checked; this time it cannot fail. */
	schema_read_value(&schema_answer.keys[ANSWER_STATUS], nodes[ANSWER_STATUS], &status, &good,
			  diagnostics);
	rule->status = (uint16_t)status;
	rule->body_length = rule->body ? strlen(rule->body) : 0;
	if (nodes[ANSWER_HEADERS]) {
		r = load_headers(nodes[ANSWER_HEADERS], &headers, diagnostics);
		if (r == 0)
			r = join_headers(&headers, &rule->headers);
		if (r < 0)
			return r;
	}
	return check_answer(node, nodes[ANSWER_BODY], rule, diagnostics);
}

static void load_alert(const struct yaml_node *node, struct plan_rule *rule,
		       struct diagnostics *diagnostics)
{
	const char *best = NULL;

	if (plan_alert_by_name(node->text, &rule->alert) == 0)
		return;
	for (size_t i = 0; plan_alert_at(i); i++)
		best = similar_better(node->text, best, plan_alert_at(i));
	diagnose(diagnostics, node->at, "unknown TLS alert '%s'", node->text);
	suggest(diagnostics, best ? "did you mean '%s'?" : "for example '%s' (RFC 8446, 6.2)",
		best ? best : "handshake_failure");
}

/* `effect: {refuse: ...}` and keys that are no effect. */
static bool check_effect_key(const struct yaml_node *key, struct diagnostics *diagnostics)
{
	enum fault_effect effect;

	if (is_later(key->text) || plan_effect_by_name(key->text, &effect) < 0) {
		unknown_effect(key, diagnostics);
		return false;
	}
	if (is_plain(effect)) {
		diagnose(diagnostics, key->at, "effect '%s' takes no value", key->text);
		suggest(diagnostics, "write 'effect: %s'", key->text);
		return false;
	}
	return true;
}

static int load_mapping(const struct yaml_node *node, struct plan_rule *rule,
			struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[EFFECT_KEY_COUNT];
	int r;

	if (node->count != 1) {
		diagnose(diagnostics, node->count ? node->keys[1]->at : node->at,
			 "an effect has exactly one key, this one has %zu", node->count);
		suggest(diagnostics, "use several faults for several effects");
		return 0;
	}
	if (!check_effect_key(node->keys[0], diagnostics))
		return 0;
	r = schema_read(&schema_effect, node, node->at, rule, nodes, diagnostics);
	if (r < 0)
		return r;
	for (size_t i = 0; i < EFFECT_KEY_COUNT; i++) {
		if (nodes[i])
			rule->effect = mapped_effects[i];
	}
	if (nodes[EFFECT_ANSWER])
		return load_answer(nodes[EFFECT_ANSWER], rule, diagnostics);
	if (nodes[EFFECT_ALERT])
		load_alert(nodes[EFFECT_ALERT], rule, diagnostics);
	return 0;
}

int load_effect(const struct yaml_node *node, struct plan_rule *rule, bool *ret_good,
		struct diagnostics *diagnostics)
{
	size_t before = diagnostics->total;
	int r;

	*ret_good = false;
	if (node->kind == YAML_TEXT) {
		load_word(node, rule, ret_good, diagnostics);
		return 0;
	}
	if (node->kind == YAML_LIST) {
		schema_wrong_kind(&schema_fault.keys[FAULT_EFFECT], node, diagnostics);
		return 0;
	}
	r = load_mapping(node, rule, diagnostics);
	*ret_good = r == 0 && diagnostics->total == before;
	return r;
}

static bool only_port(const struct plan_match *match, uint16_t port)
{
	for (size_t i = 0; i < match->ports_count; i++) {
		if (match->ports[i].first != port || match->ports[i].last != port)
			return false;
	}
	return match->ports_count > 0;
}

void check_effect_fits(const struct plan_rule *rule, struct place at,
		       struct diagnostics *diagnostics)
{
	const char *name = plan_effect_name(rule->effect);
	const struct plan_match *match = &rule->match;

	if (match->udp && !(plan_effect_protocols(rule->effect, rule->reject) & 2)) {
		diagnose(diagnostics, at, "effect '%s' acts on tcp only", name);
		suggest(diagnostics,
			"leave 'protocol' out, or use refuse, unreachable, drop or loss");
	} else if (match->http && !plan_effect_sees_http(rule->effect, rule->reject)) {
		diagnose(diagnostics, at, "effect '%s' acts before an HTTP request is seen", name);
		suggest(diagnostics,
			"match by name, address or port without http, or use answer or "
			"hang");
	} else if (only_port(match, 443) && (match->http || rule->effect == FAULT_EFFECT_ANSWER)) {
		diagnose(diagnostics, at,
			 "effect '%s' cannot act on port 443: the request is inside TLS", name);
		suggest(diagnostics, "use alert, refuse, drop, or hang without http");
	} else if (only_port(match, 80) && rule->effect == FAULT_EFFECT_ALERT) {
		diagnose(diagnostics, at, "effect 'alert' cannot act on port 80: there is no TLS");
		suggest(diagnostics, "use answer, refuse, drop or hang");
	}
}
