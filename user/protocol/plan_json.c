/* SPDX-License-Identifier: Apache-2.0 */
#include "user/protocol/plan_json.h"

#include <stddef.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/protocol/base64.h"
#include "user/protocol/json_reader.h"
#include "user/protocol/names.h"

enum {
	PLAN_JSON_MAX = 1 << 20, /* bytes of one document */
};

static int read_strings(const json_t *value, void *target, struct failure *failure)
{
	struct strings *strings = target;

	return json_read_array(value, json_read_string, sizeof(char *), PLAN_LIST_MAX,
			       (void **)&strings->items, &strings->count, failure);
}

static int read_port(const json_t *value, void *target, struct failure *failure)
{
	if (!json_is_string(value))
		return fail(failure, -EINVAL, "must be a string");
	if (port_parse_range(json_string_value(value), target))
		return fail(failure, -EINVAL, "'%.32s' is no port or range of ports",
			    json_string_value(value));
	return 0;
}

static int read_prefix(const json_t *value, void *target, struct failure *failure)
{
	if (!json_is_string(value))
		return fail(failure, -EINVAL, "must be a string");
	if (address_parse_prefix(json_string_value(value), target))
		return fail(failure, -EINVAL, "'%.64s' is no address or prefix",
			    json_string_value(value));
	return 0;
}

/* Readers of lists whose pointer and count are neighbours get the struct that holds both. */
static int read_match_ports(const json_t *value, void *target, struct failure *failure)
{
	struct plan_match *match = target;

	return json_read_array(value, read_port, sizeof(*match->ports), PLAN_LIST_MAX,
			       (void **)&match->ports, &match->ports_count, failure);
}

static int read_match_prefixes(const json_t *value, void *target, struct failure *failure)
{
	struct plan_match *match = target;

	return json_read_array(value, read_prefix, sizeof(*match->prefixes), PLAN_LIST_MAX,
			       (void **)&match->prefixes, &match->prefixes_count, failure);
}

static int read_match_protocols(const json_t *value, void *target, struct failure *failure)
{
	struct plan_match *match = target;
	const json_t *item;
	size_t i;

	if (!json_is_array(value))
		return fail(failure, -EINVAL, "must be a list");
	json_array_foreach(value, i, item)
	{
		const char *text = json_is_string(item) ? json_string_value(item) : "";

		if (!strcmp(text, "tcp"))
			match->tcp = true;
		else if (!strcmp(text, "udp"))
			match->udp = true;
		else
			return fail(failure, -EINVAL, "%zu: must be \"tcp\" or \"udp\"", i);
	}
	return 0;
}

static int method_by_name(const char *name)
{
	/* FAULT_METHOD_OTHER is what the kernel calls the rest; no rule can name it. */
	for (unsigned int method = FAULT_METHOD_GET; method < FAULT_METHOD_COUNT; method++)
		if (!strcmp(name, fault_method_name(method)))
			return (int)method;
	return -ENOENT;
}

static int read_match_methods(const json_t *value, void *target, struct failure *failure)
{
	struct plan_match *match = target;
	const json_t *item;
	size_t i;

	if (!json_is_array(value))
		return fail(failure, -EINVAL, "must be a list");
	json_array_foreach(value, i, item)
	{
		int method = method_by_name(json_is_string(item) ? json_string_value(item) : "");

		if (method < 0)
			return fail(failure, -EINVAL, "%zu: must be an HTTP method", i);
		match->methods |= (uint16_t)(1U << method);
	}
	return 0;
}

static const struct json_field match_fields[] = {
	{"protocols", read_match_protocols, 0, false},
	{"ports", read_match_ports, 0, false},
	{"prefixes", read_match_prefixes, 0, false},
	{"names", read_strings, offsetof(struct plan_match, names), false},
	{"paths", read_strings, offsetof(struct plan_match, paths), false},
	{"methods", read_match_methods, 0, false},
	{"http", json_read_bool, offsetof(struct plan_match, http), false},
	{"cgroups", read_strings, offsetof(struct plan_match, cgroups), false},
	{"interfaces", read_strings, offsetof(struct plan_match, interfaces), false},
	{"units", read_strings, offsetof(struct plan_match, units), false},
	{"containers", read_strings, offsetof(struct plan_match, containers), false},
	{"commands", read_strings, offsetof(struct plan_match, commands), false},
	{"users", read_strings, offsetof(struct plan_match, users), false},
	{"namespaces", read_strings, offsetof(struct plan_match, namespaces), false},
};

static int read_match(const json_t *value, void *target, struct failure *failure)
{
	return json_read_object(value, match_fields, ARRAY_SIZE(match_fields), target, failure);
}

static int read_body(const json_t *value, void *target, struct failure *failure)
{
	struct plan_rule *rule = target;
	int r;

	if (!json_is_string(value))
		return fail(failure, -EINVAL, "must be a string");
	r = base64_decode(json_string_value(value), &rule->body, &rule->body_length);
	return r ? fail(failure, r, "is not base64") : 0;
}

static const struct json_field answer_fields[] = {
	{"status", json_read_u16, offsetof(struct plan_rule, status), true},
	{"reason", json_read_string, offsetof(struct plan_rule, reason), false},
	{"headers", json_read_string, offsetof(struct plan_rule, headers), false},
	{"body_base64", read_body, 0, false},
};

static int read_answer(const json_t *value, void *target, struct failure *failure)
{
	return json_read_object(value, answer_fields, ARRAY_SIZE(answer_fields), target, failure);
}

static int read_effect(const json_t *value, void *target, struct failure *failure)
{
	if (!json_is_string(value))
		return fail(failure, -EINVAL, "must be a string");
	if (plan_effect_by_name(json_string_value(value), target))
		return fail(failure, -EINVAL, "'%.32s' is no effect", json_string_value(value));
	return 0;
}

/* One of two words; the second makes `ret_second` true. */
static int read_word(const json_t *value, const char *first, const char *second, bool *ret_second,
		     struct failure *failure)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";

	if (strcmp(text, first) && strcmp(text, second))
		return fail(failure, -EINVAL, "must be \"%s\" or \"%s\"", first, second);
	*ret_second = !strcmp(text, second);
	return 0;
}

static int read_quic(const json_t *value, void *target, struct failure *failure)
{
	return read_word(value, "block", "allow", target, failure);
}

static int read_existing(const json_t *value, void *target, struct failure *failure)
{
	static const char *const words[] = {"keep", "reset", "adopt"};
	const char *text = json_is_string(value) ? json_string_value(value) : "";
	unsigned int *existing = target;

	_Static_assert(ARRAY_SIZE(words) == PLAN_EXISTING_COUNT, "a word is missing");
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(text, words[i])) {
			*existing = i;
			return 0;
		}
	return fail(failure, -EINVAL, "must be \"keep\", \"reset\" or \"adopt\"");
}

static int read_dns(const json_t *value, void *target, struct failure *failure)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";

	if (plan_dns_by_name(text, target))
		return fail(failure, -EINVAL,
			    "must be \"nxdomain\", \"servfail\", \"refused\" or \"drop\"");
	return 0;
}

static int read_reset(const json_t *value, void *target, struct failure *failure)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";

	if (plan_reset_by_name(text, target))
		return fail(failure, -EINVAL, "must be \"connect\", \"request\" or \"live\"");
	return 0;
}

static int read_reject(const json_t *value, void *target, struct failure *failure)
{
	enum fault_effect effect = FAULT_EFFECT_NONE;

	if (json_is_string(value))
		plan_effect_by_name(json_string_value(value), &effect);
	if (effect != FAULT_EFFECT_ANSWER && effect != FAULT_EFFECT_HANG &&
	    effect != FAULT_EFFECT_REFUSE)
		return fail(failure, -EINVAL, "must be \"answer\", \"hang\" or \"refuse\"");
	*(enum fault_effect *)target = effect;
	return 0;
}

static int read_tls(const json_t *value, void *target, struct failure *failure)
{
	return read_word(value, "pass", "terminate", target, failure);
}

static int read_certificate(const json_t *value, void *target, struct failure *failure)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";

	if (plan_certificate_by_name(text, target))
		return fail(failure, -EINVAL,
			    "must be \"expired\", \"untrusted\" or \"wrong-name\"");
	return 0;
}

static int read_distribution(const json_t *value, void *target, struct failure *failure)
{
	const char *text = json_is_string(value) ? json_string_value(value) : "";

	if (plan_distribution_by_name(text, target))
		return fail(failure, -EINVAL, "must be \"uniform\", \"normal\" or \"pareto\"");
	return 0;
}

static int read_delay_at(const json_t *value, void *target, struct failure *failure)
{
	return read_word(value, "request", "connect", target, failure);
}

static int read_delay(const json_t *value, void *target, struct failure *failure)
{
	static const struct json_field fields[] = {
		{"time_ns", json_read_u64, offsetof(struct plan_delay, time_ns), true},
		{"jitter_ns", json_read_u64, offsetof(struct plan_delay, jitter_ns), false},
		{"distribution", read_distribution, offsetof(struct plan_delay, distribution),
		 false},
		{"at", read_delay_at, offsetof(struct plan_delay, at_connect), false},
	};

	return json_read_object(value, fields, ARRAY_SIZE(fields), target, failure);
}

static int read_ramp(const json_t *value, void *target, struct failure *failure)
{
	static const struct json_field fields[] = {
		{"from_ppm", json_read_u32, offsetof(struct fault_shape, ramp_from), true},
		{"to_ppm", json_read_u32, offsetof(struct fault_shape, ramp_to), true},
		{"over_ns", json_read_u64, offsetof(struct fault_shape, ramp_over), true},
	};

	return json_read_object(value, fields, ARRAY_SIZE(fields), target, failure);
}

static int read_flap(const json_t *value, void *target, struct failure *failure)
{
	static const struct json_field fields[] = {
		{"period_ns", json_read_u64, offsetof(struct fault_shape, flap_period), true},
		{"duty_ppm", json_read_u32, offsetof(struct fault_shape, flap_duty), true},
	};

	return json_read_object(value, fields, ARRAY_SIZE(fields), target, failure);
}

static int read_budget(const json_t *value, void *target, struct failure *failure)
{
	static const struct json_field fields[] = {
		{"hits", json_read_u64, offsetof(struct fault_shape, budget_hits), false},
		{"connections", json_read_u64, offsetof(struct fault_shape, budget_connections),
		 false},
	};

	return json_read_object(value, fields, ARRAY_SIZE(fields), target, failure);
}

static int read_shape(const json_t *value, void *target, struct failure *failure)
{
	static const struct json_field fields[] = {
		{"ramp", read_ramp, 0, false},
		{"flap", read_flap, 0, false},
		{"budget", read_budget, 0, false},
		{"first", json_read_u64, offsetof(struct fault_shape, first), false},
	};

	return json_read_object(value, fields, ARRAY_SIZE(fields), target, failure);
}

static const struct json_field rule_fields[] = {
	{"fault", json_read_string, offsetof(struct plan_rule, fault), true},
	{"effect", read_effect, offsetof(struct plan_rule, effect), true},
	{"share_ppm", json_read_u32, offsetof(struct plan_rule, share), false},
	{"loss_ppm", json_read_u32, offsetof(struct plan_rule, loss), false},
	{"alert", json_read_u8, offsetof(struct plan_rule, alert), false},
	{"dns", read_dns, offsetof(struct plan_rule, dns), false},
	{"at", read_reset, offsetof(struct plan_rule, reset_at), false},
	{"after", json_read_u64, offsetof(struct plan_rule, after), false},
	{"every", json_read_u64, offsetof(struct plan_rule, every), false},
	{"rate", json_read_u64, offsetof(struct plan_rule, rate), false},
	{"delay", read_delay, offsetof(struct plan_rule, delay), false},
	{"certificate", read_certificate, offsetof(struct plan_rule, certificate), false},
	{"tls", read_tls, offsetof(struct plan_rule, terminate), false},
	{"expand", json_read_bool, offsetof(struct plan_rule, expand), false},
	{"capacity", json_read_u64, offsetof(struct plan_rule, capacity), false},
	{"burst", json_read_u64, offsetof(struct plan_rule, burst), false},
	{"reject_cost_millionths", json_read_u32, offsetof(struct plan_rule, reject_cost), false},
	{"reject", read_reject, offsetof(struct plan_rule, reject), false},
	{"shape", read_shape, offsetof(struct plan_rule, shape), false},
	{"quic", read_quic, offsetof(struct plan_rule, quic_allow), false},
	{"existing", read_existing, offsetof(struct plan_rule, existing), false},
	{"observed", json_read_bool, offsetof(struct plan_rule, observed), false},
	{"match", read_match, offsetof(struct plan_rule, match), true},
	{"answer", read_answer, 0, false},
};

static int read_rule(const json_t *value, void *target, struct failure *failure)
{
	struct plan_rule *rule = target;

	int r;

	rule->share = FAULT_SHARE_ALWAYS;
	r = json_read_object(value, rule_fields, ARRAY_SIZE(rule_fields), rule, failure);
	/* Their first words are zero: what was not said must not pass for them. */
	if (!r && rule->effect == FAULT_EFFECT_DNS && !json_object_get(value, "dns"))
		r = fail(failure, -EINVAL, "'dns' is missing");
	if (!r && rule->effect == FAULT_EFFECT_RESET && !json_object_get(value, "at"))
		r = fail(failure, -EINVAL, "'at' is missing");
	return r;
}

static int read_protect_ports(const json_t *value, void *target, struct failure *failure)
{
	struct plan_protect *protect = target;

	return json_read_array(value, read_port, sizeof(*protect->ports), PLAN_LIST_MAX,
			       (void **)&protect->ports, &protect->ports_count, failure);
}

static int read_protect_prefix(const json_t *value, void *target, struct failure *failure)
{
	struct plan_protect *protect = target;
	int r = read_prefix(value, &protect->prefix, failure);

	return r ? r : json_read_string(value, &protect->text, failure);
}

static const struct json_field protect_fields[] = {
	{"prefix", read_protect_prefix, 0, true},
	{"ports", read_protect_ports, 0, false},
};

static int read_protect(const json_t *value, void *target, struct failure *failure)
{
	return json_read_object(value, protect_fields, ARRAY_SIZE(protect_fields), target, failure);
}

static int read_scope(const json_t *value, void *target, struct failure *failure)
{
	static const struct json_field fields[] = {
		{"cgroups", read_strings, offsetof(struct plan, cgroups), false},
		{"units", read_strings, offsetof(struct plan, units), false},
		{"containers", read_strings, offsetof(struct plan, containers), false},
		{"commands", read_strings, offsetof(struct plan, commands), false},
		{"users", read_strings, offsetof(struct plan, users), false},
		{"namespaces", read_strings, offsetof(struct plan, namespaces), false},
	};

	return json_read_object(value, fields, ARRAY_SIZE(fields), target, failure);
}

static int read_version(const json_t *value, void *target, struct failure *failure)
{
	(void)target;
	if (!json_is_integer(value) || json_integer_value(value) != 1)
		return fail(failure, -EINVAL, "must be 1");
	return 0;
}

static int read_protects(const json_t *value, void *target, struct failure *failure)
{
	struct plan *plan = target;

	return json_read_array(value, read_protect, sizeof(*plan->protect), FAULT_PROTECTED_MAX,
			       (void **)&plan->protect, &plan->protect_count, failure);
}

static int read_rules(const json_t *value, void *target, struct failure *failure)
{
	struct plan *plan = target;

	return json_read_array(value, read_rule, sizeof(*plan->rules), FAULT_RULES_MAX,
			       (void **)&plan->rules, &plan->rules_count, failure);
}

static const struct json_field plan_fields[] = {
	{"version", read_version, 0, true},
	{"title", json_read_string, offsetof(struct plan, title), true},
	{"seed", json_read_u64, offsetof(struct plan, seed), true},
	{"shadow", json_read_bool, offsetof(struct plan, shadow), false},
	{"duration_ns", json_read_u64, offsetof(struct plan, duration_ns), true},
	{"lease_ns", json_read_u64, offsetof(struct plan, lease_ns), true},
	{"scope", read_scope, 0, false},
	{"protect", read_protects, 0, false},
	{"rules", read_rules, 0, true},
};

int plan_from_json(const char *text, size_t length, struct plan *ret_plan, struct failure *failure)
{
	struct plan plan = {};
	json_t *root;
	int r;

	if (length > PLAN_JSON_MAX)
		return fail(failure, -EINVAL, "a plan of %zu bytes is over the limit of 1 MiB",
			    length);
	r = json_read_text(text, length, &root, failure);
	if (r)
		return r;
	r = json_read_object(root, plan_fields, ARRAY_SIZE(plan_fields), &plan, failure);
	json_decref(root);
	if (!r)
		r = plan_validate(&plan, failure);
	if (r) {
		plan_free(&plan);
		return r;
	}
	*ret_plan = plan;
	return 0;
}
