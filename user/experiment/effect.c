/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/similar.h"
#include "user/experiment/load.h"

/* Effects that are a word by themselves; the others are a mapping, and reset is either. */
static const enum fault_effect plain_effects[] = {FAULT_EFFECT_REFUSE, FAULT_EFFECT_UNREACHABLE,
						  FAULT_EFFECT_DROP, FAULT_EFFECT_HANG,
						  FAULT_EFFECT_RESET};
static const enum fault_effect mapped_effects[] = {
	[EFFECT_LOSS] = FAULT_EFFECT_LOSS,	   [EFFECT_ANSWER] = FAULT_EFFECT_ANSWER,
	[EFFECT_ALERT] = FAULT_EFFECT_ALERT,	   [EFFECT_RESET] = FAULT_EFFECT_RESET,
	[EFFECT_CUT] = FAULT_EFFECT_CUT,	   [EFFECT_STALL] = FAULT_EFFECT_STALL,
	[EFFECT_RATE] = FAULT_EFFECT_RATE,	   [EFFECT_DNS] = FAULT_EFFECT_DNS,
	[EFFECT_OVERLOAD] = FAULT_EFFECT_OVERLOAD, [EFFECT_DELAY] = FAULT_EFFECT_DELAY,
	[EFFECT_DRIP] = FAULT_EFFECT_DRIP,	   [EFFECT_CERTIFICATE] = FAULT_EFFECT_CERTIFICATE,
	[EFFECT_CORRUPT] = FAULT_EFFECT_CORRUPT,
};
_Static_assert(ARRAY_SIZE(mapped_effects) == EFFECT_KEY_COUNT, "an effect's mapping is missing");
_Static_assert(ARRAY_SIZE(plain_effects) + ARRAY_SIZE(mapped_effects) == FAULT_EFFECT_COUNT,
	       "an effect is neither a word nor a mapping");

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
	"{cut: ...}, {stall: ...}, {rate: ...}, {dns: ...}, {overload: ...}, {delay: ...}, "       \
	"{drip: ...}, {certificate: ...}, {corrupt: ...}"

static void unknown_effect(const struct yaml_node *word, struct diagnostics *diagnostics)
{
	const char *best = NULL;

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

/* The answer of an overload, which the kernel alone carries out. */
static int load_rejection(struct loader *loader, const struct yaml_node *node,
			  struct plan_rule *rule)
{
	static const char *const others[] = {"tls", "expand"};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (!yaml_has_key(node, others[i]))
			continue;
		diagnose(loader->diagnostics, node->at, "the answer of an overload has no '%s'",
			 others[i]);
		suggest(loader->diagnostics, "use it with the effect 'answer'");
		return 0;
	}
	return load_answer(loader, node, rule);
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
		return load_rejection(loader, answer, rule);
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

/* A duration, or a mapping. */
static int load_delay(const struct yaml_node *node, struct plan_rule *rule,
		      struct diagnostics *diagnostics)
{
	size_t before = diagnostics->total;
	bool good;
	int r;

	if (node->kind == YAML_TEXT)
		return schema_read_value(&schema_delay.keys[DELAY_TIME], node, &rule->delay.time_ns,
					 &good, diagnostics);
	r = schema_read(&schema_delay, node, node->at, rule, NULL, diagnostics);
	if (r == 0 && diagnostics->total == before &&
	    rule->delay.distribution == PLAN_DISTRIBUTION_UNIFORM &&
	    rule->delay.jitter_ns > rule->delay.time_ns) {
		diagnose(diagnostics, node->at, "the jitter is larger than the delay itself");
		suggest(diagnostics, "lower 'jitter', or use 'distribution: pareto'");
	}
	return r;
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
	if (nodes[EFFECT_DELAY])
		return load_delay(nodes[EFFECT_DELAY], rule, loader->diagnostics);
	if (nodes[EFFECT_DRIP])
		return schema_read(&schema_drip, nodes[EFFECT_DRIP], nodes[EFFECT_DRIP]->at, rule,
				   NULL, loader->diagnostics);
	if (nodes[EFFECT_CERTIFICATE])
		return plan_certificate_by_name(nodes[EFFECT_CERTIFICATE]->text,
						&rule->certificate);
	if (nodes[EFFECT_CORRUPT])
		return schema_read(&schema_corrupt, nodes[EFFECT_CORRUPT],
				   nodes[EFFECT_CORRUPT]->at, rule, NULL, loader->diagnostics);
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

/* Whether the rule acts on nothing but requests and responses. */
static bool is_inside_tls(const struct plan_rule *rule)
{
	return plan_effect_answers(rule->effect, rule->reject) || rule->effect == FAULT_EFFECT_DRIP;
}

static bool is_of_handshakes(enum fault_effect effect)
{
	return effect == FAULT_EFFECT_ALERT || effect == FAULT_EFFECT_CERTIFICATE;
}

static const char *instead_on_443(const struct plan_rule *rule)
{
	switch (rule->effect) {
	case FAULT_EFFECT_OVERLOAD:
		return "use 'reject: hang' or 'reject: refuse' without http";
	case FAULT_EFFECT_ANSWER:
		return "add 'tls: terminate' to the answer, or use alert, refuse or drop";
	case FAULT_EFFECT_DRIP:
		return "add 'tls: terminate' to the drip, or use rate";
	case FAULT_EFFECT_DELAY:
		return "leave http out: every request of the connection is delayed";
	default:
		return "use alert, refuse, drop, or hang without http";
	}
}

void check_effect_fits(const struct plan_rule *rule, struct place at,
		       struct diagnostics *diagnostics)
{
	const char *name = plan_effect_name(rule->effect);
	const struct plan_match *match = &rule->match;
	bool tls = plan_rule_gate(rule) & FAULT_GATE_TLS;

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
	} else if (tls && match->names.count == 0) {
		diagnose(diagnostics, at, "to end TLS needs a name");
		suggest(diagnostics, "add 'name: store.example': the experiment's authority stands "
				     "in for named servers only");
	} else if (only_port(match, 443) && !tls && (match->http || is_inside_tls(rule))) {
		diagnose(diagnostics, at,
			 "effect '%s' cannot act on port 443: the request is inside TLS", name);
		suggest(diagnostics, "%s", instead_on_443(rule));
	} else if (only_port(match, 80) && is_of_handshakes(rule->effect)) {
		diagnose(diagnostics, at, "effect '%s' cannot act on port 80: there is no TLS",
			 name);
		suggest(diagnostics, "use answer, refuse, drop or hang");
	}
}
