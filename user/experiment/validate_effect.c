/* SPDX-License-Identifier: Apache-2.0 */
/* What effects and shapes may say, and on what they can act. */
#include "user/experiment/validate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "user/base/cleanup.h"

/* Headers that plan_render_answer writes, or that would contradict them. */
static const char *const reserved_headers[] = {"Content-Length", "Connection", "Transfer-Encoding"};

enum { TCP = 1U << 0, UDP = 1U << 1 };

/* What of the traffic an effect can see decides what its rule may ask for. */
static const struct {
	enum plan_layer layer;
	bool sees_http; /* may be limited to HTTP requests */
	unsigned int protocols;
} effect_traits[] = {
	[FAULT_EFFECT_REFUSE] = {PLAN_LAYER_CONNECT, false, TCP | UDP},
	[FAULT_EFFECT_UNREACHABLE] = {PLAN_LAYER_CONNECT, false, TCP | UDP},
	[FAULT_EFFECT_DROP] = {PLAN_LAYER_PACKET, false, TCP | UDP},
	[FAULT_EFFECT_LOSS] = {PLAN_LAYER_PACKET, false, TCP | UDP},
	[FAULT_EFFECT_HANG] = {PLAN_LAYER_MESSAGE, true, TCP},
	[FAULT_EFFECT_ANSWER] = {PLAN_LAYER_MESSAGE, true, TCP},
	[FAULT_EFFECT_ALERT] = {PLAN_LAYER_MESSAGE, false, TCP},
	[FAULT_EFFECT_RESET] = {PLAN_LAYER_LINK, false, TCP},
	[FAULT_EFFECT_CUT] = {PLAN_LAYER_LINK, false, TCP},
	[FAULT_EFFECT_STALL] = {PLAN_LAYER_PACKET, false, TCP},
	[FAULT_EFFECT_RATE] = {PLAN_LAYER_LINK, false, TCP},
	[FAULT_EFFECT_DNS] = {PLAN_LAYER_LINK, false, UDP},
	/* Has the traits of what it rejects by. */
	[FAULT_EFFECT_OVERLOAD] = {PLAN_LAYER_NONE, false, TCP},
	[FAULT_EFFECT_DELAY] = {PLAN_LAYER_MESSAGE, true, TCP},
	[FAULT_EFFECT_DRIP] = {PLAN_LAYER_MESSAGE, true, TCP},
	[FAULT_EFFECT_CERTIFICATE] = {PLAN_LAYER_MESSAGE, false, TCP},
	[FAULT_EFFECT_CORRUPT] = {PLAN_LAYER_LINK, false, TCP},
};
_Static_assert(ARRAY_SIZE(effect_traits) == FAULT_EFFECT_COUNT, "an effect has no traits");

/* The effect whose traits count: that of the rule, or what an overload rejects by. */
static enum fault_effect acting(enum fault_effect effect, enum fault_effect reject)
{
	enum fault_effect acts = effect == FAULT_EFFECT_OVERLOAD ? reject : effect;

	return acts < FAULT_EFFECT_COUNT ? acts : FAULT_EFFECT_NONE;
}

enum plan_layer plan_effect_layer(enum fault_effect effect, enum fault_effect reject)
{
	return effect_traits[acting(effect, reject)].layer;
}

bool plan_effect_answers(enum fault_effect effect, enum fault_effect reject)
{
	return acting(effect, reject) == FAULT_EFFECT_ANSWER;
}

bool plan_effect_sees_http(enum fault_effect effect, enum fault_effect reject)
{
	return effect_traits[acting(effect, reject)].sees_http;
}

unsigned int plan_effect_protocols(enum fault_effect effect, enum fault_effect reject)
{
	(void)reject;
	return effect < FAULT_EFFECT_COUNT ? effect_traits[effect].protocols : 0;
}

uint8_t plan_rule_gate(const struct plan_rule *rule)
{
	uint8_t tls = rule->terminate ? FAULT_GATE_TLS : 0;

	switch (rule->effect) {
	case FAULT_EFFECT_ANSWER:
		return (uint8_t)(tls | (rule->expand ? FAULT_GATE_HTTP : 0));
	case FAULT_EFFECT_DELAY:
		return rule->delay.at_connect ? FAULT_GATE_FIRST : FAULT_GATE_EACH;
	case FAULT_EFFECT_DRIP:
		return tls | FAULT_GATE_HTTP;
	case FAULT_EFFECT_CERTIFICATE:
		return FAULT_GATE_TLS;
	default:
		return 0;
	}
}

static bool is_token_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

int plan_header_check(const char *line, size_t length, struct failure *failure)
{
	size_t name = 0;

	while (name < length && is_token_character(line[name]))
		name++;
	if (name == 0 || name == length || line[name] != ':')
		return fail(failure, -EINVAL, "header line '%.*s' is not of the form 'Name: value'",
			    (int)length, line);
	for (size_t i = name + 1; i < length; i++) {
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return fail(failure, -EINVAL,
				    "header '%.*s' holds a control character in its value",
				    (int)name, line);
	}
	for (size_t i = 0; i < ARRAY_SIZE(reserved_headers); i++) {
		if (strlen(reserved_headers[i]) == name &&
		    strncasecmp(reserved_headers[i], line, name) == 0)
			return fail(failure, -EINVAL, "header '%s' is written by faultd itself",
				    reserved_headers[i]);
	}
	return 0;
}

/* Every line ends in CR LF, so that what follows the last one cannot be swallowed by it. */
static int check_headers(const char *headers, struct failure *failure)
{
	while (*headers) {
		const char *end = strstr(headers, "\r\n");
		int r;

		if (!end)
			return fail(failure, -EINVAL, "header lines do not end in CR LF");
		r = plan_header_check(headers, (size_t)(end - headers), failure);
		if (r < 0)
			return r;
		headers = end + 2;
	}
	return 0;
}

static int check_answer(const struct plan_rule *rule, struct failure *failure)
{
	_cleanup_free_ struct fault_answer *answer = NULL;
	int r;

	if (rule->status < 200 || rule->status > 599)
		return fail(failure, -EINVAL, "answer status %u is outside 200..599", rule->status);
	if (rule->reason && text_has_control(rule->reason))
		return fail(failure, -EINVAL, "the answer's reason holds a control character");
	r = rule->headers ? check_headers(rule->headers, failure) : 0;
	if (r < 0)
		return r;
	if (rule->body_length > 0 && !rule->body)
		return fail(failure, -EINVAL, "the answer's body is missing");
	if (rule->body_length > 0 && !plan_status_has_body(rule->status))
		return fail(failure, -EINVAL, "an answer of status %u has no body", rule->status);
	answer = malloc(sizeof(*answer));
	if (!answer)
		return fail(failure, -ENOMEM, "out of memory");
	for (int close = 0; close <= 1; close++) {
		r = plan_render_answer(rule, close, answer);
		if (r == -EMSGSIZE)
			return fail(failure, -EINVAL, "the answer is longer than %d bytes",
				    FAULT_ANSWER_MAX);
		if (r < 0)
			return fail(failure, r, "out of memory");
	}
	return 0;
}

/* Fields that say what an effect does belong to it alone. */
static bool has_loss(const struct plan_rule *rule)
{
	return rule->loss;
}

static bool has_alert(const struct plan_rule *rule)
{
	return rule->alert;
}

static bool has_after(const struct plan_rule *rule)
{
	return rule->after;
}

static bool has_rate(const struct plan_rule *rule)
{
	return rule->rate;
}

static bool has_dns(const struct plan_rule *rule)
{
	return rule->dns;
}

static bool has_reset(const struct plan_rule *rule)
{
	return rule->reset_at;
}

static bool has_overload(const struct plan_rule *rule)
{
	return rule->capacity || rule->burst || rule->reject_cost || rule->reject;
}

static bool has_every(const struct plan_rule *rule)
{
	return rule->every;
}

static bool has_delay(const struct plan_rule *rule)
{
	const struct plan_delay *delay = &rule->delay;

	return delay->time_ns || delay->jitter_ns || delay->distribution || delay->at_connect;
}

static bool has_certificate(const struct plan_rule *rule)
{
	return rule->certificate;
}

static bool has_terminate(const struct plan_rule *rule)
{
	return rule->terminate;
}

static bool has_expand(const struct plan_rule *rule)
{
	return rule->expand;
}

static const struct {
	const char *what, *owner;
	unsigned int effects; /* bit per effect that it belongs to */
	bool (*given)(const struct plan_rule *rule);
} fields[] = {
	{"a loss", "the effect loss", 1U << FAULT_EFFECT_LOSS, has_loss},
	{"an alert", "the effect alert", 1U << FAULT_EFFECT_ALERT, has_alert},
	{"a number of bytes", "the effects cut, stall and corrupt",
	 1U << FAULT_EFFECT_CUT | 1U << FAULT_EFFECT_STALL | 1U << FAULT_EFFECT_CORRUPT, has_after},
	{"a rate", "the effects rate and drip", 1U << FAULT_EFFECT_RATE | 1U << FAULT_EFFECT_DRIP,
	 has_rate},
	{"a resolver's error", "the effect dns", 1U << FAULT_EFFECT_DNS, has_dns},
	{"a moment of the reset", "the effect reset", 1U << FAULT_EFFECT_RESET, has_reset},
	{"a capacity", "the effect overload", 1U << FAULT_EFFECT_OVERLOAD, has_overload},
	{"a stretch of bytes", "the effect corrupt", 1U << FAULT_EFFECT_CORRUPT, has_every},
	{"a delay", "the effect delay", 1U << FAULT_EFFECT_DELAY, has_delay},
	{"a certificate", "the effect certificate", 1U << FAULT_EFFECT_CERTIFICATE,
	 has_certificate},
	{"the end of TLS", "the effects answer, drip and certificate",
	 1U << FAULT_EFFECT_ANSWER | 1U << FAULT_EFFECT_DRIP | 1U << FAULT_EFFECT_CERTIFICATE,
	 has_terminate},
	{"a text to be filled in", "the effect answer", 1U << FAULT_EFFECT_ANSWER, has_expand},
};

static int check_fields(const struct plan_rule *rule, struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!(fields[i].effects >> rule->effect & 1) && fields[i].given(rule))
			return fail(failure, -EINVAL, "%s belongs to %s only", fields[i].what,
				    fields[i].owner);
	}
	if (!plan_effect_answers(rule->effect, rule->reject) &&
	    (rule->status || rule->reason || rule->headers || rule->body_length > 0))
		return fail(failure, -EINVAL, "an answer belongs to the effect answer only");
	return 0;
}

static int check_loss(const struct plan_rule *rule, struct failure *failure)
{
	if (rule->loss == 0)
		return fail(failure, -EINVAL, "a loss of 0 %% does nothing");
	if (rule->loss > FAULT_SHARE_ALWAYS)
		return fail(failure, -EINVAL, "a loss above 100 %%");
	return 0;
}

static int check_alert(const struct plan_rule *rule, struct failure *failure)
{
	if (!plan_alert_name(rule->alert))
		return fail(failure, -EINVAL, "%u is no TLS error alert", rule->alert);
	return 0;
}

static int check_reset(const struct plan_rule *rule, struct failure *failure)
{
	if (!plan_reset_name(rule->reset_at))
		return fail(failure, -EINVAL, "%u is no moment of a reset",
			    (unsigned int)rule->reset_at);
	return 0;
}

static int check_after(const struct plan_rule *rule, struct failure *failure)
{
	if (rule->after == 0 || rule->after > PLAN_AFTER_HIGHEST)
		return fail(failure, -EINVAL, "%s acts after 1 byte to 1 TiB, not after %llu",
			    plan_effect_name(rule->effect), (unsigned long long)rule->after);
	return 0;
}

static int check_rate(const struct plan_rule *rule, struct failure *failure)
{
	if (rule->rate < PLAN_RATE_LOWEST || rule->rate > PLAN_RATE_HIGHEST)
		return fail(failure, -EINVAL, "a rate of %llu bytes/s is outside %llu..%llu",
			    (unsigned long long)rule->rate, PLAN_RATE_LOWEST, PLAN_RATE_HIGHEST);
	return 0;
}

static int check_dns(const struct plan_rule *rule, struct failure *failure)
{
	if (!plan_dns_name(rule->dns))
		return fail(failure, -EINVAL, "%u is no error of a resolver",
			    (unsigned int)rule->dns);
	return 0;
}

static int check_overload(const struct plan_rule *rule, struct failure *failure)
{
	if (rule->reject != FAULT_EFFECT_REFUSE && rule->reject != FAULT_EFFECT_HANG &&
	    rule->reject != FAULT_EFFECT_ANSWER)
		return fail(failure, -EINVAL, "an overload rejects by answer, hang or refuse");
	if (rule->capacity == 0 || rule->capacity > PLAN_CAPACITY_HIGHEST)
		return fail(failure, -EINVAL, "the capacity is outside 0.001..1000000 a second");
	if (rule->burst == 0 || rule->burst > PLAN_BURST_HIGHEST)
		return fail(failure, -EINVAL, "the burst is outside 1..%llu requests",
			    PLAN_BURST_HIGHEST);
	if (rule->reject_cost > PLAN_REJECT_COST_HIGHEST)
		return fail(failure, -EINVAL, "a rejected request costs more than 10 requests");
	return 0;
}

static int check_corrupt(const struct plan_rule *rule, struct failure *failure)
{
	if (rule->every < PLAN_EVERY_LOWEST || rule->every > PLAN_AFTER_HIGHEST)
		return fail(failure, -EINVAL,
			    "corrupt changes a byte in 4 KiB to 1 TiB, not in %llu bytes",
			    (unsigned long long)rule->every);
	if (rule->after > PLAN_AFTER_HIGHEST)
		return fail(failure, -EINVAL, "corrupt begins after at most 1 TiB, not after %llu",
			    (unsigned long long)rule->after);
	return 0;
}

static int check_delay(const struct plan_rule *rule, struct failure *failure)
{
	const struct plan_delay *delay = &rule->delay;

	if (delay->time_ns < PLAN_DELAY_LOWEST || delay->time_ns > PLAN_DELAY_HIGHEST)
		return fail(failure, -EINVAL, "a delay of %llu ns is outside 1ms..1m",
			    (unsigned long long)delay->time_ns);
	if (!plan_distribution_name(delay->distribution))
		return fail(failure, -EINVAL, "%u is no distribution", delay->distribution);
	if (delay->jitter_ns > PLAN_DELAY_HIGHEST)
		return fail(failure, -EINVAL, "a jitter of %llu ns is above 1m",
			    (unsigned long long)delay->jitter_ns);
	/* The other two have a long tail as it is. */
	if (delay->distribution == PLAN_DISTRIBUTION_UNIFORM && delay->jitter_ns > delay->time_ns)
		return fail(failure, -EINVAL, "the jitter is larger than the delay itself");
	return 0;
}

static int check_drip(const struct plan_rule *rule, struct failure *failure)
{
	if (rule->rate < PLAN_DRIP_LOWEST || rule->rate > PLAN_RATE_HIGHEST)
		return fail(failure, -EINVAL, "a rate of %llu bytes/s is outside %llu..%llu",
			    (unsigned long long)rule->rate, PLAN_DRIP_LOWEST, PLAN_RATE_HIGHEST);
	return 0;
}

static int check_certificate(const struct plan_rule *rule, struct failure *failure)
{
	if (!plan_certificate_name(rule->certificate))
		return fail(failure, -EINVAL, "%u is no wrong certificate", rule->certificate);
	return 0;
}

static int (*const effect_checks[FAULT_EFFECT_COUNT])(const struct plan_rule *rule,
						      struct failure *failure) = {
	[FAULT_EFFECT_LOSS] = check_loss,
	[FAULT_EFFECT_ALERT] = check_alert,
	[FAULT_EFFECT_RESET] = check_reset,
	[FAULT_EFFECT_CUT] = check_after,
	[FAULT_EFFECT_STALL] = check_after,
	[FAULT_EFFECT_RATE] = check_rate,
	[FAULT_EFFECT_DNS] = check_dns,
	[FAULT_EFFECT_OVERLOAD] = check_overload,
	[FAULT_EFFECT_DELAY] = check_delay,
	[FAULT_EFFECT_DRIP] = check_drip,
	[FAULT_EFFECT_CERTIFICATE] = check_certificate,
	[FAULT_EFFECT_CORRUPT] = check_corrupt,
};

static int check_ramp(const struct plan_rule *rule, struct failure *failure)
{
	const struct fault_shape *shape = &rule->shape;

	if (shape->ramp_over == 0)
		return shape->ramp_from || shape->ramp_to
			       ? fail(failure, -EINVAL, "a ramp takes no time")
			       : 0;
	if (shape->ramp_over > PLAN_SHAPE_TIME_HIGHEST)
		return fail(failure, -EINVAL, "a ramp takes longer than 24h");
	if (shape->ramp_from > FAULT_SHARE_ALWAYS || shape->ramp_to > FAULT_SHARE_ALWAYS)
		return fail(failure, -EINVAL, "a ramp goes above 100 %%");
	if (shape->ramp_from == shape->ramp_to)
		return fail(failure, -EINVAL, "a ramp ends where it begins");
	if (rule->share != FAULT_SHARE_ALWAYS)
		return fail(failure, -EINVAL, "a ramp takes the place of the share");
	return 0;
}

static int check_flap(const struct fault_shape *shape, struct failure *failure)
{
	if (shape->flap_period == 0)
		return shape->flap_duty ? fail(failure, -EINVAL, "a flap has no period") : 0;
	if (shape->flap_period < PLAN_FLAP_LOWEST || shape->flap_period > PLAN_SHAPE_TIME_HIGHEST)
		return fail(failure, -EINVAL, "the period of a flap is outside 100ms..24h");
	if (shape->flap_duty == 0 || shape->flap_duty >= FAULT_SHARE_ALWAYS)
		return fail(failure, -EINVAL, "the duty of a flap is not between 0 %% and 100 %%");
	return 0;
}

static int check_shape(const struct plan_rule *rule, struct failure *failure)
{
	const struct fault_shape *shape = &rule->shape;
	int r = check_ramp(rule, failure);

	if (r == 0)
		r = check_flap(shape, failure);
	if (r < 0)
		return r;
	if (shape->budget_hits > PLAN_SHAPE_COUNT_HIGHEST ||
	    shape->budget_connections > PLAN_SHAPE_COUNT_HIGHEST ||
	    shape->first > PLAN_SHAPE_COUNT_HIGHEST)
		return fail(failure, -EINVAL, "a budget or first is above %llu",
			    PLAN_SHAPE_COUNT_HIGHEST);
	return 0;
}

int plan_effect_check(const struct plan_rule *rule, struct failure *failure)
{
	int r;

	if (!plan_effect_name(rule->effect))
		return fail(failure, -EINVAL, "effect %u is unknown", (unsigned int)rule->effect);
	r = check_fields(rule, failure);
	if (r == 0 && effect_checks[rule->effect])
		r = effect_checks[rule->effect](rule, failure);
	return r < 0 ? r : check_shape(rule, failure);
}

/* Forwarded traffic belongs to no socket of the host: what needs one cannot act on it. */
static int check_forwarded(const struct plan_rule *rule, struct failure *failure)
{
	const unsigned int able = 1U << FAULT_EFFECT_REFUSE | 1U << FAULT_EFFECT_UNREACHABLE |
				  1U << FAULT_EFFECT_DROP | 1U << FAULT_EFFECT_LOSS |
				  1U << FAULT_EFFECT_RESET | 1U << FAULT_EFFECT_DNS;

	if (!(able >> rule->effect & 1))
		return fail(
			failure, -EINVAL,
			"effect %s does not act on forwarded traffic; refuse, unreachable, drop, "
			"loss, reset and dns do",
			plan_effect_name(rule->effect));
	if ((rule->effect == FAULT_EFFECT_REFUSE || rule->effect == FAULT_EFFECT_UNREACHABLE) &&
	    rule->match.udp)
		return fail(failure, -EINVAL, "effect %s acts on forwarded tcp only",
			    plan_effect_name(rule->effect));
	if (rule->match.cgroups.count > 0 || rule->match.units.count > 0 ||
	    rule->match.containers.count > 0)
		return fail(failure, -EINVAL, "forwarded traffic has no cgroup");
	if (rule->match.names.count > 0 && rule->effect != FAULT_EFFECT_DNS)
		return fail(failure, -EINVAL,
			    "forwarded traffic is matched by address or port; only dns sees names");
	if (rule->existing == PLAN_EXISTING_RESET)
		return fail(failure, -EINVAL, "forwarded connections cannot be destroyed");
	return 0;
}

int validate_effect(const struct plan_rule *rule, struct failure *failure)
{
	int r = plan_effect_check(rule, failure);

	if (r < 0)
		return r;
	r = rule->match.interfaces.count > 0 ? check_forwarded(rule, failure) : 0;
	if (r < 0)
		return r;
	if (rule->effect == FAULT_EFFECT_DNS && rule->match.names.count == 0)
		return fail(failure, -EINVAL, "effect dns acts on names; none is matched");
	/* The authority that stands in for the servers is limited to the names of the plan. */
	if (plan_rule_gate(rule) & FAULT_GATE_TLS && rule->match.names.count == 0)
		return fail(failure, -EINVAL, "TLS is ended for names only; none is matched");
	if (rule->match.http && !plan_effect_sees_http(rule->effect, rule->reject))
		return fail(failure, -EINVAL,
			    "effect %s acts before an HTTP request is seen; match without http",
			    plan_effect_name(rule->effect));
	return plan_effect_answers(rule->effect, rule->reject) ? check_answer(rule, failure) : 0;
}
