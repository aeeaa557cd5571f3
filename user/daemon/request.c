/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/request.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "user/base/address.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/experiment/plan.h"

enum {
	NAME_BYTES_MAX = 253,
	PATH_BYTES_MAX = 255,
	INTERFACE_MAX = 63,
	SERIES_SPAN_MAX = 1 << 20, /* buckets in one request: a day and a bit */
};

/* Whether `text` ends inside its array; no control characters are taken anywhere. */
static int check_text(const char *what, const char *text, size_t size, size_t least, size_t most,
		      struct failure *failure)
{
	size_t length = strnlen(text, size);

	if (length == size)
		return fail(failure, -EINVAL, "%s has no end", what);
	if (length < least || length > most)
		return fail(failure, -EINVAL, "%s has %zu bytes, %zu to %zu are allowed", what,
			    length, least, most);
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)text[i]))
			return fail(failure, -EINVAL, "%s has a control character", what);
	return 0;
}

static int check_begin(const struct engine_request *request, struct failure *failure)
{
	const struct engine_begin *begin = &request->u.begin;

	if (!begin->rules || begin->rules > FAULT_RULES_MAX)
		return fail(failure, -ERANGE, "%u rules, 1 to %d are allowed", begin->rules,
			    FAULT_RULES_MAX);
	if (begin->protections > FAULT_PROTECTED_MAX)
		return fail(failure, -ERANGE, "%u protections, at most %d are allowed",
			    begin->protections, FAULT_PROTECTED_MAX);
	if (!begin->duration_ns || begin->duration_ns > 7 * 86400 * NS_PER_S)
		return fail(failure, -ERANGE, "the duration is not within 1 ns to 7 days");
	if (!begin->lease_ns || begin->lease_ns > begin->duration_ns)
		return fail(failure, -ERANGE, "the lease is 0 or longer than the duration");
	if (begin->flags & ~(uint32_t)FAULT_CONTROL_SHADOW)
		return fail(failure, -EINVAL, "unknown flags 0x%x", begin->flags);
	return check_text("the title", begin->title, sizeof(begin->title), 0,
			  sizeof(begin->title) - 1, failure);
}

/* The plan's own checks, on what has come over the channel. */
static int check_effect(const struct engine_rule *message, struct failure *failure)
{
	const struct fault_rule *rule = &message->rule;
	const struct engine_gate *gate = &message->gate;
	const struct plan_rule values = {
		.effect = rule->effect,
		.share = rule->share,
		.loss = rule->loss,
		.alert = rule->alert,
		.dns = rule->dns,
		.reset_at = rule->reset_at,
		.after = rule->after,
		.rate = rule->rate,
		.capacity = rule->capacity,
		.burst = rule->burst,
		.reject_cost = rule->reject_cost,
		.reject = rule->reject,
		.shape = rule->shape,
		.every = rule->every,
		.delay = {gate->delay_ns, gate->jitter_ns, gate->distribution,
			  rule->gate & FAULT_GATE_FIRST},
		.certificate = gate->certificate,
		.terminate = rule->gate & FAULT_GATE_TLS,
		.expand = gate->expand,
	};
	int r = plan_effect_check(&values, failure);

	if (!r && plan_rule_gate(&values) != rule->gate)
		r = fail(failure, -EINVAL, "gate bits 0x%x do not belong to the effect",
			 rule->gate);
	return r;
}

static int check_rule(const struct engine_request *request, struct failure *failure)
{
	const struct engine_rule *rule = &request->u.rule;
	const uint16_t flags = FAULT_RULE_BY_NAME | FAULT_RULE_BY_HTTP | FAULT_RULE_QUIC_BLOCK |
			       FAULT_RULE_OBSERVED;
	static const struct engine_gate zero;
	int r;

	if (rule->index >= FAULT_RULES_MAX)
		return fail(failure, -ERANGE, "rule %u is not below %d", rule->index,
			    FAULT_RULES_MAX);
	if (!rule->tcp_udp || rule->tcp_udp > 3)
		return fail(failure, -EINVAL, "protocol bits 0x%x", rule->tcp_udp);
	if (rule->rule.effect <= FAULT_EFFECT_NONE || rule->rule.effect >= FAULT_EFFECT_COUNT)
		return fail(failure, -EINVAL, "effect %u is none", rule->rule.effect);
	if (rule->rule.flags & ~flags)
		return fail(failure, -EINVAL, "unknown rule flags 0x%x", rule->rule.flags);
	if (rule->rule.share > FAULT_SHARE_ALWAYS || rule->rule.loss > FAULT_SHARE_ALWAYS)
		return fail(failure, -ERANGE, "a share or loss above %u", FAULT_SHARE_ALWAYS);
	if (rule->rule.methods >> FAULT_METHOD_COUNT)
		return fail(failure, -EINVAL, "method bits 0x%x", rule->rule.methods);
	if (rule->rule.padding || rule->rule.shape.padding ||
	    memcmp(rule->gate.padding, zero.padding, sizeof(zero.padding)))
		return fail(failure, -EINVAL, "padding is not 0");
	r = check_effect(rule, failure);
	if (r)
		return r;
	if (rule->existing >= PLAN_EXISTING_COUNT)
		return fail(failure, -EINVAL, "existing is %u", rule->existing);
	return check_text("the fault's name", rule->fault, sizeof(rule->fault), 1,
			  sizeof(rule->fault) - 1, failure);
}

static int check_port(const struct engine_match *match, struct failure *failure)
{
	if (!match->port_first || match->port_first > match->port_last)
		return fail(failure, -ERANGE, "ports %u to %u", match->port_first,
			    match->port_last);
	return 0;
}

static int check_prefix(const struct engine_match *match, struct failure *failure)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	unsigned int first = match->ipv4 ? 96 : 0;

	if (match->ipv4 > 1)
		return fail(failure, -EINVAL, "ipv4 is %u", match->ipv4);
	if (match->length > 128 - first)
		return fail(failure, -ERANGE, "a prefix of %u bits", match->length);
	if (match->ipv4 && memcmp(match->address, mapped, sizeof(mapped)))
		return fail(failure, -EINVAL, "an IPv4 prefix that is not v4-mapped");
	for (unsigned int bit = first + match->length; bit < 128; bit++)
		if (match->address[bit / 8] & 0x80 >> bit % 8)
			return fail(failure, -EINVAL, "bits are set below the prefix length %u",
				    match->length);
	return 0;
}

static int check_name(const char *text, struct failure *failure)
{
	char name[NAME_SIZE];
	bool partial;

	if (name_parse(text, name, &partial) || partial || strcmp(name, text))
		return fail(failure, -EINVAL, "'%.253s' is no name in lower case", text);
	return 0;
}

static int check_name_match(const struct engine_match *match, struct failure *failure)
{
	int r = check_text("the name", match->text, sizeof(match->text), 1, NAME_BYTES_MAX,
			   failure);

	return r ? r : check_name(match->text, failure);
}

static int check_path(const struct engine_match *match, struct failure *failure)
{
	if (match->text[0] != '/')
		return fail(failure, -EINVAL, "the path does not begin with '/'");
	return check_text("the path", match->text, sizeof(match->text), 1, PATH_BYTES_MAX, failure);
}

static int check_cgroup(const struct engine_match *match, struct failure *failure)
{
	int r = check_text("the cgroup", match->text, sizeof(match->text), 1,
			   sizeof(match->text) - 1, failure);

	if (r)
		return r;
	if (!plan_cgroup_is_valid(match->text))
		return fail(failure, -EINVAL, "the cgroup is no path below the cgroup mount");
	return 0;
}

static int check_interface(const struct engine_match *match, struct failure *failure)
{
	int r = check_text("the interface", match->text, sizeof(match->text), 1, INTERFACE_MAX,
			   failure);

	return r ? r
	       : plan_interface_is_valid(match->text)
		       ? 0
		       : fail(failure, -EINVAL, "'%s' is no name of an interface", match->text);
}

static int check_unit(const struct engine_match *match, struct failure *failure)
{
	int r = check_text("the unit", match->text, sizeof(match->text), 1, sizeof(match->text) - 1,
			   failure);

	if (!r && !plan_unit_is_valid(match->text))
		r = fail(failure, -EINVAL, "the unit is no name or glob of one");
	return r;
}

static int check_container(const struct engine_match *match, struct failure *failure)
{
	int r = check_text("the container", match->text, sizeof(match->text), 1,
			   sizeof(match->text) - 1, failure);

	if (!r && !plan_container_is_valid(match->text))
		r = fail(failure, -EINVAL, "the container is no id or name of one");
	return r;
}

static int check_command(const struct engine_match *match, struct failure *failure)
{
	return check_text("the process", match->text, sizeof(match->text), 1, FAULT_COMMAND_MAX - 1,
			  failure);
}

static int check_number(const struct engine_match *match, struct failure *failure)
{
	if (match->number == UINT32_MAX)
		return fail(failure, -ERANGE, "number %u is none", match->number);
	return check_text("the text", match->text, sizeof(match->text), 0, 0, failure);
}

typedef int (*match_check_fn)(const struct engine_match *match, struct failure *failure);

static const match_check_fn match_checks[] = {
	[ENGINE_DIMENSION_PORT] = check_port,		[ENGINE_DIMENSION_PREFIX] = check_prefix,
	[ENGINE_DIMENSION_NAME] = check_name_match,	[ENGINE_DIMENSION_PATH] = check_path,
	[ENGINE_DIMENSION_CGROUP] = check_cgroup,	[ENGINE_DIMENSION_UNIT] = check_unit,
	[ENGINE_DIMENSION_CONTAINER] = check_container, [ENGINE_DIMENSION_COMMAND] = check_command,
	[ENGINE_DIMENSION_USER] = check_number,		[ENGINE_DIMENSION_NAMESPACE] = check_number,
	[ENGINE_DIMENSION_INTERFACE] = check_interface,
};
_Static_assert(ARRAY_SIZE(match_checks) == ENGINE_DIMENSION_COUNT, "a dimension lacks its check");

static int check_match_owner(const struct engine_match *match, struct failure *failure)
{
	bool shared = match->dimension == ENGINE_DIMENSION_PORT ||
		      match->dimension == ENGINE_DIMENSION_PREFIX;

	if (match->rule == ENGINE_SCOPE)
		return match->dimension == ENGINE_DIMENSION_CGROUP ||
				       match->dimension == ENGINE_DIMENSION_UNIT ||
				       match->dimension == ENGINE_DIMENSION_CONTAINER
			       ? 0
			       : fail(failure, -EINVAL, "a scope that is no cgroup");
	if (match->rule & ENGINE_PROTECTION && !(match->rule & ENGINE_SCOPE)) {
		if ((match->rule & ~ENGINE_PROTECTION) >= FAULT_PROTECTED_MAX)
			return fail(failure, -ERANGE, "protection %u is not below %d",
				    match->rule & ~ENGINE_PROTECTION, FAULT_PROTECTED_MAX);
		return shared ? 0
			      : fail(failure, -EINVAL,
				     "a protection is made of prefixes and ports");
	}
	if (match->rule >= FAULT_RULES_MAX)
		return fail(failure, -ERANGE, "rule %u is not below %d", match->rule,
			    FAULT_RULES_MAX);
	return 0;
}

static int check_match(const struct engine_request *request, struct failure *failure)
{
	const struct engine_match *match = &request->u.match;
	int r;

	if (match->dimension >= ARRAY_SIZE(match_checks) || !match_checks[match->dimension])
		return fail(failure, -EINVAL, "dimension %u is none", match->dimension);
	r = check_match_owner(match, failure);
	return r ? r : match_checks[match->dimension](match, failure);
}

static int check_answer(const struct engine_request *request, struct failure *failure)
{
	const struct engine_answer *answer = &request->u.answer;

	if (answer->rule >= FAULT_RULES_MAX)
		return fail(failure, -ERANGE, "rule %u is not below %d", answer->rule,
			    FAULT_RULES_MAX);
	if (answer->close > 1)
		return fail(failure, -EINVAL, "close is %u", answer->close);
	if (!answer->answer.length || answer->answer.length > FAULT_ANSWER_MAX)
		return fail(failure, -ERANGE, "an answer of %u bytes", answer->answer.length);
	if (!answer->answer.header_length || answer->answer.header_length > answer->answer.length)
		return fail(failure, -ERANGE, "headers of %u bytes in an answer of %u",
			    answer->answer.header_length, answer->answer.length);
	return 0;
}

static int check_seed(const struct engine_request *request, struct failure *failure)
{
	const struct engine_seed *seed = &request->u.seed;
	int r = check_text("the name", seed->name, sizeof(seed->name), 1, NAME_BYTES_MAX, failure);

	return r ? r : check_name(seed->name, failure);
}

static int check_window(const struct engine_request *request, struct failure *failure)
{
	const struct engine_window *window = &request->u.window;

	if (!window->rules)
		return fail(failure, -EINVAL, "no rules are named");
	if (request->type == ENGINE_INJECT && !window->duration_ns)
		return fail(failure, -EINVAL, "the window has no length");
	if (request->type == ENGINE_LIFT && window->steps && !window->duration_ns)
		return fail(failure, -EINVAL, "a lift in %u steps takes no time", window->steps);
	if (window->steps > PLAN_FALL_STEPS_HIGHEST)
		return fail(failure, -ERANGE, "%u steps, at most %u are allowed", window->steps,
			    PLAN_FALL_STEPS_HIGHEST);
	if (window->padding)
		return fail(failure, -EINVAL, "padding is not 0");
	return 0;
}

static int check_rule_index(const struct engine_request *request, struct failure *failure)
{
	if (request->u.rule.index >= FAULT_RULES_MAX)
		return fail(failure, -ERANGE, "rule %u is not below %d", request->u.rule.index,
			    FAULT_RULES_MAX);
	return 0;
}

static int check_series(const struct engine_request *request, struct failure *failure)
{
	const struct engine_series *series = &request->u.series;

	if (series->from_bucket > series->to_bucket)
		return fail(failure, -ERANGE, "buckets %u to %u", series->from_bucket,
			    series->to_bucket);
	if (series->to_bucket - series->from_bucket > SERIES_SPAN_MAX)
		return fail(failure, -ERANGE, "%u buckets, at most %d are read at once",
			    series->to_bucket - series->from_bucket, SERIES_SPAN_MAX);
	if (series->from_rule >= FAULT_RULES_MAX)
		return fail(failure, -ERANGE, "rule %u is not below %d", series->from_rule,
			    FAULT_RULES_MAX);
	return 0;
}

static int check_nothing(const struct engine_request *request, struct failure *failure)
{
	(void)request;
	(void)failure;
	return 0;
}

static const struct {
	const char *name;
	int (*check)(const struct engine_request *request, struct failure *failure);
} request_kinds[] = {
	[ENGINE_BEGIN] = {"begin", check_begin},
	[ENGINE_RULE] = {"rule", check_rule},
	[ENGINE_MATCH] = {"match", check_match},
	[ENGINE_ANSWER] = {"answer", check_answer},
	[ENGINE_SEED] = {"seed", check_seed},
	[ENGINE_ARM] = {"arm", check_nothing},
	[ENGINE_INJECT] = {"inject", check_window},
	[ENGINE_LIFT] = {"lift", check_window},
	[ENGINE_RENEW] = {"renew", check_nothing},
	[ENGINE_DISARM] = {"disarm", check_nothing},
	[ENGINE_STATUS] = {"status", check_nothing},
	[ENGINE_RULE_STATUS] = {"rule status", check_rule_index},
	[ENGINE_SERIES] = {"series", check_series},
	[ENGINE_HALT] = {"halt", check_nothing},
	[ENGINE_RELEASE] = {"release", check_nothing},
	[ENGINE_SHADOW] = {"shadow", check_nothing},
};
_Static_assert(ARRAY_SIZE(request_kinds) == ENGINE_REQUEST_COUNT, "a request lacks its check");

const char *request_name(unsigned int type)
{
	return type < ARRAY_SIZE(request_kinds) && request_kinds[type].name
		       ? request_kinds[type].name
		       : "?";
}

int request_check(const struct engine_request *request, size_t size, struct failure *failure)
{
	if (size != sizeof(*request))
		return fail(failure, -EPROTO, "a message of %zu bytes, %zu are due", size,
			    sizeof(*request));
	if (request->version != ENGINE_PROTOCOL_VERSION)
		return fail(failure, -EPROTO, "protocol version %u, %d is spoken here",
			    request->version, ENGINE_PROTOCOL_VERSION);
	if (request->type >= ARRAY_SIZE(request_kinds) || !request_kinds[request->type].check)
		return fail(failure, -EPROTO, "request type %u is none", request->type);
	return request_kinds[request->type].check(request, failure);
}
