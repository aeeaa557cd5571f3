/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/similar.h"
#include "user/experiment/load.h"

/* Effects that the design names and this version has not. */
static const char *const later_effects[] = {"delay", "drip", "certificate", "corrupt"};

/* Effects that are a word by themselves; the others are a mapping, and reset is either. */
static const enum fault_effect plain_effects[] = {FAULT_EFFECT_REFUSE, FAULT_EFFECT_UNREACHABLE,
						  FAULT_EFFECT_DROP, FAULT_EFFECT_HANG,
						  FAULT_EFFECT_RESET};
static const enum fault_effect mapped_effects[] = {
	[EFFECT_LOSS] = FAULT_EFFECT_LOSS,	   [EFFECT_ANSWER] = FAULT_EFFECT_ANSWER,
	[EFFECT_ALERT] = FAULT_EFFECT_ALERT,	   [EFFECT_RESET] = FAULT_EFFECT_RESET,
	[EFFECT_CUT] = FAULT_EFFECT_CUT,	   [EFFECT_STALL] = FAULT_EFFECT_STALL,
	[EFFECT_RATE] = FAULT_EFFECT_RATE,	   [EFFECT_DNS] = FAULT_EFFECT_DNS,
	[EFFECT_OVERLOAD] = FAULT_EFFECT_OVERLOAD,
};
_Static_assert(ARRAY_SIZE(mapped_effects) == EFFECT_KEY_COUNT, "an effect's mapping is missing");
_Static_assert(ARRAY_SIZE(plain_effects) + ARRAY_SIZE(mapped_effects) == FAULT_EFFECT_COUNT,
	       "an effect is neither a word nor a mapping");

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

static bool is_mapped(enum fault_effect effect)
{
	for (size_t i = 0; i < ARRAY_SIZE(mapped_effects); i++) {
		if (mapped_effects[i] == effect)
			return true;
	}
	return false;
}

#define EFFECT_LIST                                                                                \
	"refuse, unreachable, drop, hang, reset, {loss: ...}, {answer: ...}, {alert: ...}, "       \
	"{cut: ...}, {stall: ...}, {rate: ...}, {dns: ...}, {overload: ...}"

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

	if (plan_effect_by_name(node->text, &effect) < 0) {
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
		rule->reset_at = effect == FAULT_EFFECT_RESET ? FAULT_RESET_REQUEST : 0;
		*ret_good = true;
	}
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

	if (plan_effect_by_name(key->text, &effect) < 0) {
		unknown_effect(key, diagnostics);
		return false;
	}
	if (!is_mapped(effect)) {
		diagnose(diagnostics, key->at, "effect '%s' takes no value", key->text);
		suggest(diagnostics, "write 'effect: %s'", key->text);
		return false;
	}
	return true;
}

/* One way of rejecting, and only one. */
static int load_reject(struct loader *loader, const struct yaml_node *node,
		       const struct yaml_node *const *nodes, struct plan_rule *rule)
{
	const struct yaml_node *answer = nodes[OVERLOAD_ANSWER], *reject = nodes[OVERLOAD_REJECT];

	if (answer && reject) {
		diagnose(loader->diagnostics, reject->at,
			 "'answer' and 'reject' cannot stand together");
		suggest(loader->diagnostics, "keep one: what is rejected is rejected in one way");
		return 0;
	}
	if (answer) {
		rule->reject = FAULT_EFFECT_ANSWER;
		return load_answer(loader, answer, rule);
	}
	if (reject)
		return plan_effect_by_name(reject->text, &rule->reject);
	if (!yaml_has_key(node, "answer") && !yaml_has_key(node, "reject")) {
		diagnose(loader->diagnostics, node->at, "an overload needs 'answer' or 'reject'");
		suggest(loader->diagnostics, "add 'answer: {status: 503}'");
	}
	return 0;
}

static int load_overload(struct loader *loader, const struct yaml_node *node,
			 struct plan_rule *rule)
{
	const struct yaml_node *nodes[OVERLOAD_COUNT];
	double cost = 0;
	bool good;
	int r;

	r = schema_read(&schema_overload, node, node->at, rule, nodes, loader->diagnostics);
	if (r < 0)
		return r;
	if (nodes[OVERLOAD_REJECT_COST])
		schema_read_value(&schema_overload.keys[OVERLOAD_REJECT_COST],
				  nodes[OVERLOAD_REJECT_COST], &cost, &good, loader->diagnostics);
	rule->reject_cost = (uint32_t)(cost * 1000000 + 0.5);
	if (!nodes[OVERLOAD_BURST])
		rule->burst = (rule->capacity + 999) / 1000;
	return load_reject(loader, node, nodes, rule);
}

static int load_after(const struct yaml_node *node, struct plan_rule *rule,
		      struct diagnostics *diagnostics)
{
	return schema_read(&schema_cut, node, node->at, rule, NULL, diagnostics);
}

static int load_parts(struct loader *loader, const struct yaml_node *const *nodes,
		      struct plan_rule *rule)
{
	if (nodes[EFFECT_ANSWER])
		return load_answer(loader, nodes[EFFECT_ANSWER], rule);
	if (nodes[EFFECT_ALERT])
		load_alert(nodes[EFFECT_ALERT], rule, loader->diagnostics);
	if (nodes[EFFECT_DNS])
		return plan_dns_by_name(nodes[EFFECT_DNS]->text, &rule->dns);
	if (nodes[EFFECT_CUT])
		return load_after(nodes[EFFECT_CUT], rule, loader->diagnostics);
	if (nodes[EFFECT_STALL])
		return load_after(nodes[EFFECT_STALL], rule, loader->diagnostics);
	if (nodes[EFFECT_OVERLOAD])
		return load_overload(loader, nodes[EFFECT_OVERLOAD], rule);
	return 0;
}

static int load_mapping(struct loader *loader, const struct yaml_node *node, struct plan_rule *rule)
{
	struct diagnostics *diagnostics = loader->diagnostics;
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
	return load_parts(loader, nodes, rule);
}

int load_effect(struct loader *loader, const struct yaml_node *node, struct plan_rule *rule,
		bool *ret_good)
{
	struct diagnostics *diagnostics = loader->diagnostics;
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
	r = load_mapping(loader, node, rule);
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

	bool answers = plan_effect_answers(rule->effect, rule->reject);

	if (match->udp && !(plan_effect_protocols(rule->effect, rule->reject) & 2)) {
		diagnose(diagnostics, at, "effect '%s' acts on tcp only", name);
		suggest(diagnostics,
			"leave 'protocol' out, or use refuse, unreachable, drop or loss");
	} else if (match->http && !plan_effect_sees_http(rule->effect, rule->reject)) {
		diagnose(diagnostics, at, "effect '%s' acts before an HTTP request is seen", name);
		suggest(diagnostics,
			rule->effect == FAULT_EFFECT_OVERLOAD
				? "match without http, or reject by an answer or a hang"
				: "match by name, address or port without http, or use answer or "
				  "hang");
	} else if (only_port(match, 443) && (match->http || answers)) {
		diagnose(diagnostics, at,
			 "effect '%s' cannot act on port 443: the request is inside TLS", name);
		suggest(diagnostics, rule->effect == FAULT_EFFECT_OVERLOAD
					     ? "use 'reject: hang' or 'reject: refuse' without http"
					     : "use alert, refuse, drop, or hang without http");
	} else if (only_port(match, 80) && rule->effect == FAULT_EFFECT_ALERT) {
		diagnose(diagnostics, at, "effect 'alert' cannot act on port 80: there is no TLS");
		suggest(diagnostics, "use answer, refuse, drop or hang");
	}
}
