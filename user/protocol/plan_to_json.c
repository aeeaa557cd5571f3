/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing half of plan_json.h. jansson's setters refuse a NULL value, so that the allocations
 * in their arguments need no check of their own: the first refusal is kept in *r.
 */
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/protocol/base64.h"
#include "user/protocol/json_reader.h"
#include "user/protocol/names.h"
#include "user/protocol/plan_json.h"

/* Steals `value`; remembers the first failure in *r. */
static void set(json_t *object, const char *key, json_t *value, int *r)
{
	if (json_object_set_new(object, key, value))
		*r = -ENOMEM;
}

static void append(json_t *array, json_t *value, int *r)
{
	if (json_array_append_new(array, value))
		*r = -ENOMEM;
}

static json_t *write_strings(const struct strings *strings, int *r)
{
	json_t *array = json_array();

	for (size_t i = 0; i < strings->count; i++)
		append(array, json_string(strings->items[i]), r);
	return array;
}

/* A list that is empty as a rule is left out. */
static void set_strings(json_t *object, const char *key, const struct strings *strings, int *r)
{
	if (strings->count)
		set(object, key, write_strings(strings, r), r);
}

static json_t *write_ports(const struct port_range *ports, size_t count, int *r)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct port_range *range = &ports[i];

		if (range->first == range->last)
			append(array, json_sprintf("%u", range->first), r);
		else
			append(array, json_sprintf("%u-%u", range->first, range->last), r);
	}
	return array;
}

static json_t *write_prefix(const struct address_prefix *prefix)
{
	char text[ADDRESS_TEXT_SIZE];

	address_format_prefix(prefix, text);
	return json_string(text);
}

static json_t *write_match(const struct plan_match *match, int *r)
{
	json_t *object = json_object(), *protocols = json_array(), *prefixes = json_array(),
	       *methods = json_array();

	if (match->tcp)
		append(protocols, json_string("tcp"), r);
	if (match->udp)
		append(protocols, json_string("udp"), r);
	for (size_t i = 0; i < match->prefixes_count; i++)
		append(prefixes, write_prefix(&match->prefixes[i]), r);
	for (unsigned int method = FAULT_METHOD_GET; method < FAULT_METHOD_COUNT; method++)
		if (match->methods & 1U << method)
			append(methods, json_string(fault_method_name(method)), r);
	set(object, "protocols", protocols, r);
	set(object, "ports", write_ports(match->ports, match->ports_count, r), r);
	set(object, "prefixes", prefixes, r);
	set(object, "names", write_strings(&match->names, r), r);
	set(object, "paths", write_strings(&match->paths, r), r);
	set(object, "methods", methods, r);
	set(object, "http", json_boolean(match->http), r);
	set(object, "cgroups", write_strings(&match->cgroups, r), r);
	if (match->interfaces.count)
		set(object, "interfaces", write_strings(&match->interfaces, r), r);
	set_strings(object, "units", &match->units, r);
	set_strings(object, "containers", &match->containers, r);
	set_strings(object, "commands", &match->commands, r);
	set_strings(object, "users", &match->users, r);
	set_strings(object, "namespaces", &match->namespaces, r);
	return object;
}

static json_t *write_answer(const struct plan_rule *rule, int *r)
{
	_cleanup_free_ char *body = NULL;
	json_t *object = json_object();

	if (base64_encode(rule->body ? rule->body : "", rule->body_length, &body))
		*r = -ENOMEM;
	set(object, "status", json_integer(rule->status), r);
	if (rule->reason)
		set(object, "reason", json_string(rule->reason), r);
	if (rule->headers)
		set(object, "headers", json_string(rule->headers), r);
	set(object, "body_base64", json_string(body ? body : ""), r);
	return object;
}

static const char *const existing_words[] = {
	[PLAN_EXISTING_KEEP] = "keep",
	[PLAN_EXISTING_RESET] = "reset",
	[PLAN_EXISTING_ADOPT] = "adopt",
};
_Static_assert(ARRAY_SIZE(existing_words) == PLAN_EXISTING_COUNT, "a word is missing");

static void set_u64(json_t *object, const char *key, uint64_t value, int *r)
{
	set(object, key, json_integer((json_int_t)(value & INT64_MAX)), r);
}

static json_t *write_shape(const struct fault_shape *shape, int *r)
{
	json_t *object = json_object();

	if (shape->ramp_over)
		set(object, "ramp",
		    json_pack("{s:I, s:I, s:I}", "from_ppm", (json_int_t)shape->ramp_from, "to_ppm",
			      (json_int_t)shape->ramp_to, "over_ns", (json_int_t)shape->ramp_over),
		    r);
	if (shape->flap_period)
		set(object, "flap",
		    json_pack("{s:I, s:I}", "period_ns", (json_int_t)shape->flap_period, "duty_ppm",
			      (json_int_t)shape->flap_duty),
		    r);
	if (shape->budget_hits || shape->budget_connections)
		set(object, "budget",
		    json_pack("{s:I, s:I}", "hits", (json_int_t)shape->budget_hits, "connections",
			      (json_int_t)shape->budget_connections),
		    r);
	if (shape->first)
		set_u64(object, "first", shape->first, r);
	return object;
}

static json_t *write_delay(const struct plan_delay *delay, int *r)
{
	json_t *object = json_object();

	set_u64(object, "time_ns", delay->time_ns, r);
	set_u64(object, "jitter_ns", delay->jitter_ns, r);
	set(object, "distribution", json_string(plan_distribution_name(delay->distribution)), r);
	set(object, "at", json_string(delay->at_connect ? "connect" : "request"), r);
	return object;
}

/* Only what belongs to the effect: the others are read as 0. */
static void write_effect(json_t *object, const struct plan_rule *rule, int *r)
{
	switch (rule->effect) {
	case FAULT_EFFECT_RESET:
		set(object, "at", json_string(plan_reset_name(rule->reset_at)), r);
		break;
	case FAULT_EFFECT_CUT:
	case FAULT_EFFECT_STALL:
		set_u64(object, "after", rule->after, r);
		break;
	case FAULT_EFFECT_CORRUPT:
		set_u64(object, "after", rule->after, r);
		set_u64(object, "every", rule->every, r);
		break;
	case FAULT_EFFECT_DELAY:
		set(object, "delay", write_delay(&rule->delay, r), r);
		break;
	case FAULT_EFFECT_CERTIFICATE:
		set(object, "certificate", json_string(plan_certificate_name(rule->certificate)),
		    r);
		break;
	case FAULT_EFFECT_DRIP:
	case FAULT_EFFECT_RATE:
		set_u64(object, "rate", rule->rate, r);
		break;
	case FAULT_EFFECT_DNS:
		set(object, "dns", json_string(plan_dns_name(rule->dns)), r);
		break;
	case FAULT_EFFECT_OVERLOAD:
		set_u64(object, "capacity", rule->capacity, r);
		set_u64(object, "burst", rule->burst, r);
		set_u64(object, "reject_cost_millionths", rule->reject_cost, r);
		set(object, "reject", json_string(plan_effect_name(rule->reject)), r);
		break;
	default:
		break;
	}
	if (rule->terminate)
		set(object, "tls", json_string("terminate"), r);
	if (rule->expand)
		set(object, "expand", json_true(), r);
	if (plan_effect_answers(rule->effect, rule->reject))
		set(object, "answer", write_answer(rule, r), r);
}

static json_t *write_rule(const struct plan_rule *rule, int *r)
{
	const char *effect = plan_effect_name(rule->effect);
	json_t *object = json_object();

	set(object, "fault", json_string(rule->fault ? rule->fault : ""), r);
	set(object, "effect", json_string(effect ? effect : ""), r);
	set(object, "share_ppm", json_integer(rule->share), r);
	set(object, "loss_ppm", json_integer(rule->loss), r);
	set(object, "alert", json_integer(rule->alert), r);
	set(object, "quic", json_string(rule->quic_allow ? "allow" : "block"), r);
	set(object, "existing", json_string(existing_words[rule->existing]), r);
	set(object, "match", write_match(&rule->match, r), r);
	if (memcmp(&rule->shape, &(struct fault_shape){0}, sizeof(rule->shape)) != 0)
		set(object, "shape", write_shape(&rule->shape, r), r);
	write_effect(object, rule, r);
	if (rule->observed)
		set(object, "observed", json_true(), r);
	return object;
}

static json_t *write_protect(const struct plan_protect *protect, int *r)
{
	json_t *object = json_object();

	set(object, "prefix", write_prefix(&protect->prefix), r);
	set(object, "ports", write_ports(protect->ports, protect->ports_count, r), r);
	return object;
}

static json_t *write_plan(const struct plan *plan, int *r)
{
	json_t *root = json_object(), *scope = json_object(), *protect = json_array(),
	       *rules = json_array();

	set(scope, "cgroups", write_strings(&plan->cgroups, r), r);
	set(scope, "units", write_strings(&plan->units, r), r);
	set_strings(scope, "containers", &plan->containers, r);
	set_strings(scope, "commands", &plan->commands, r);
	set_strings(scope, "users", &plan->users, r);
	set_strings(scope, "namespaces", &plan->namespaces, r);
	for (size_t i = 0; i < plan->protect_count; i++)
		append(protect, write_protect(&plan->protect[i], r), r);
	for (size_t i = 0; i < plan->rules_count; i++)
		append(rules, write_rule(&plan->rules[i], r), r);
	set(root, "version", json_integer(1), r);
	set(root, "title", json_string(plan->title ? plan->title : ""), r);
	/* JSON integers have 63 bits here; a seed needs no more. */
	set(root, "seed", json_integer((json_int_t)(plan->seed & INT64_MAX)), r);
	if (plan->shadow)
		set(root, "shadow", json_true(), r);
	set(root, "duration_ns", json_integer((json_int_t)(plan->duration_ns & INT64_MAX)), r);
	set(root, "lease_ns", json_integer((json_int_t)(plan->lease_ns & INT64_MAX)), r);
	set(root, "scope", scope, r);
	set(root, "protect", protect, r);
	set(root, "rules", rules, r);
	return root;
}

int plan_to_json(const struct plan *plan, char **ret_text)
{
	json_t *root;
	char *text = NULL;
	int r = 0;

	root = write_plan(plan, &r);
	if (!r)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (!text)
		return -ENOMEM;
	*ret_text = text;
	return 0;
}
