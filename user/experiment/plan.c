/* SPDX-License-Identifier: Apache-2.0 */
#include "user/experiment/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"

static const char *const effect_names[] = {
	[FAULT_EFFECT_REFUSE] = "refuse",     [FAULT_EFFECT_UNREACHABLE] = "unreachable",
	[FAULT_EFFECT_DROP] = "drop",	      [FAULT_EFFECT_LOSS] = "loss",
	[FAULT_EFFECT_HANG] = "hang",	      [FAULT_EFFECT_ANSWER] = "answer",
	[FAULT_EFFECT_ALERT] = "alert",	      [FAULT_EFFECT_RESET] = "reset",
	[FAULT_EFFECT_CUT] = "cut",	      [FAULT_EFFECT_STALL] = "stall",
	[FAULT_EFFECT_RATE] = "rate",	      [FAULT_EFFECT_DNS] = "dns",
	[FAULT_EFFECT_OVERLOAD] = "overload", [FAULT_EFFECT_DELAY] = "delay",
	[FAULT_EFFECT_DRIP] = "drip",	      [FAULT_EFFECT_CERTIFICATE] = "certificate",
	[FAULT_EFFECT_CORRUPT] = "corrupt",
};
_Static_assert(ARRAY_SIZE(effect_names) == FAULT_EFFECT_COUNT, "an effect has no name");

static const char *const dns_names[] = {
	[FAULT_DNS_DROP] = "drop",
	[FAULT_DNS_SERVFAIL] = "servfail",
	[FAULT_DNS_NXDOMAIN] = "nxdomain",
	[FAULT_DNS_REFUSED] = "refused",
};

static const char *const reset_names[] = {
	[FAULT_RESET_CONNECT] = "connect",
	[FAULT_RESET_REQUEST] = "request",
	[FAULT_RESET_LIVE] = "live",
};

static const char *const distribution_names[] = {
	[PLAN_DISTRIBUTION_UNIFORM] = "uniform",
	[PLAN_DISTRIBUTION_NORMAL] = "normal",
	[PLAN_DISTRIBUTION_PARETO] = "pareto",
};
_Static_assert(ARRAY_SIZE(distribution_names) == PLAN_DISTRIBUTION_COUNT, "a name is missing");

static const char *const certificate_names[] = {
	[PLAN_CERTIFICATE_EXPIRED] = "expired",
	[PLAN_CERTIFICATE_UNTRUSTED] = "untrusted",
	[PLAN_CERTIFICATE_WRONG_NAME] = "wrong-name",
};
_Static_assert(ARRAY_SIZE(certificate_names) == PLAN_CERTIFICATE_COUNT, "a name is missing");

/* RFC 8446, 6.2: the error alerts. The two closure alerts of 6.1 end a connection in peace. */
static const struct {
	const char *name;
	uint8_t alert;
} alerts[] = {
	{"unexpected_message", 10},
	{"bad_record_mac", 20},
	{"record_overflow", 22},
	{"handshake_failure", 40},
	{"bad_certificate", 42},
	{"unsupported_certificate", 43},
	{"certificate_revoked", 44},
	{"certificate_expired", 45},
	{"certificate_unknown", 46},
	{"illegal_parameter", 47},
	{"unknown_ca", 48},
	{"access_denied", 49},
	{"decode_error", 50},
	{"decrypt_error", 51},
	{"protocol_version", 70},
	{"insufficient_security", 71},
	{"internal_error", 80},
	{"inappropriate_fallback", 86},
	{"missing_extension", 109},
	{"unsupported_extension", 110},
	{"unrecognized_name", 112},
	{"bad_certificate_status_response", 113},
	{"unknown_psk_identity", 115},
	{"certificate_required", 116},
	{"no_application_protocol", 120},
};

/* Phrases of RFC 9110, 15 and RFC 6585, for answers that give none. */
static const struct {
	uint16_t status;
	const char *phrase;
} phrases[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{418, "I'm a teapot"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Content"},
	{425, "Too Early"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{451, "Unavailable For Legal Reasons"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
	{507, "Insufficient Storage"},
	{511, "Network Authentication Required"},
};

int strings_add(struct strings *strings, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char **items;

	if (!copy)
		return -ENOMEM;
	items = reallocarray(strings->items, strings->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	strings->items = items;
	strings->items[strings->count++] = TAKE_PTR(copy);
	return 0;
}

void strings_free(struct strings *strings)
{
	for (size_t i = 0; i < strings->count; i++)
		free(strings->items[i]);
	free(strings->items);
	*strings = (struct strings){0};
}

void plan_match_free(struct plan_match *match)
{
	free(match->ports);
	free(match->prefixes);
	strings_free(&match->names);
	strings_free(&match->paths);
	strings_free(&match->cgroups);
	strings_free(&match->interfaces);
	strings_free(&match->units);
	strings_free(&match->containers);
	strings_free(&match->commands);
	strings_free(&match->users);
	strings_free(&match->namespaces);
	*match = (struct plan_match){0};
}

void plan_rule_free(struct plan_rule *rule)
{
	plan_match_free(&rule->match);
	free(rule->fault);
	free(rule->reason);
	free(rule->headers);
	free(rule->body);
	*rule = (struct plan_rule){0};
}

void plan_protect_free(struct plan_protect *protect)
{
	free(protect->ports);
	free(protect->text);
	*protect = (struct plan_protect){0};
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->rules_count; i++)
		plan_rule_free(&plan->rules[i]);
	for (size_t i = 0; i < plan->protect_count; i++)
		plan_protect_free(&plan->protect[i]);
	free(plan->rules);
	free(plan->protect);
	free(plan->title);
	strings_free(&plan->cgroups);
	strings_free(&plan->units);
	strings_free(&plan->containers);
	strings_free(&plan->commands);
	strings_free(&plan->users);
	strings_free(&plan->namespaces);
	*plan = (struct plan){0};
}

/* Header lines that the renderer writes itself go behind the ones of the rule. */
static int append(struct fault_answer *answer, const char *bytes, size_t length)
{
	if (length > FAULT_ANSWER_MAX - answer->length)
		return -EMSGSIZE;
	if (length > 0)
		memcpy(answer->bytes + answer->length, bytes, length);
	answer->length += (uint32_t)length;
	return 0;
}

static int append_text(struct fault_answer *answer, const char *text)
{
	return append(answer, text, strlen(text));
}

const char *plan_status_phrase(uint16_t status)
{
	for (size_t i = 0; i < ARRAY_SIZE(phrases); i++) {
		if (phrases[i].status == status)
			return phrases[i].phrase;
	}
	return "";
}

bool plan_status_has_body(uint16_t status)
{
	return status >= 200 && status != 204 && status != 205 && status != 304;
}

int plan_render_answer(const struct plan_rule *rule, bool close, struct fault_answer *ret_answer)
{
	const char *reason = rule->reason ? rule->reason : plan_status_phrase(rule->status);
	_cleanup_free_ struct fault_answer *answer = calloc(1, sizeof(*answer));
	char status[24], length[48] = "";

	if (!answer)
		return -ENOMEM;
	snprintf(status, sizeof(status), "HTTP/1.1 %u ", rule->status);
	/* RFC 9110, 8.6: not with 204; with 304 it would tell the length of another response. */
	if (rule->status != 204 && rule->status != 304)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", rule->body_length);
	if (append_text(answer, status) < 0 || append_text(answer, reason) < 0 ||
	    append_text(answer, "\r\n") < 0 ||
	    append_text(answer, rule->headers ? rule->headers : "") < 0 ||
	    append_text(answer, length) < 0 ||
	    append_text(answer,
			close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n") < 0)
		return -EMSGSIZE;
	answer->header_length = answer->length;
	if (append(answer, rule->body, rule->body_length) < 0)
		return -EMSGSIZE;
	*ret_answer = *answer;
	return 0;
}

int plan_alert_by_name(const char *name, uint8_t *ret_alert)
{
	for (size_t i = 0; i < ARRAY_SIZE(alerts); i++) {
		if (strcmp(alerts[i].name, name) == 0) {
			*ret_alert = alerts[i].alert;
			return 0;
		}
	}
	return -ENOENT;
}

const char *plan_alert_name(uint8_t alert)
{
	for (size_t i = 0; i < ARRAY_SIZE(alerts); i++) {
		if (alerts[i].alert == alert)
			return alerts[i].name;
	}
	return NULL;
}

const char *plan_alert_at(size_t index)
{
	return index < ARRAY_SIZE(alerts) ? alerts[index].name : NULL;
}

static const char *name_of(const char *const *names, size_t count, size_t value)
{
	return value < count ? names[value] : NULL;
}

/* Value of `name` in a table that may have gaps; -ENOENT. */
static int value_of(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i] && strcmp(names[i], name) == 0)
			return (int)i;
	}
	return -ENOENT;
}

const char *plan_effect_name(enum fault_effect effect)
{
	return name_of(effect_names, ARRAY_SIZE(effect_names), effect);
}

int plan_effect_by_name(const char *name, enum fault_effect *ret_effect)
{
	int value = value_of(effect_names, ARRAY_SIZE(effect_names), name);

	if (value < 0)
		return value;
	*ret_effect = (enum fault_effect)value;
	return 0;
}

const char *plan_dns_name(enum fault_dns dns)
{
	return name_of(dns_names, ARRAY_SIZE(dns_names), dns);
}

int plan_dns_by_name(const char *name, enum fault_dns *ret_dns)
{
	int value = value_of(dns_names, ARRAY_SIZE(dns_names), name);

	if (value < 0)
		return value;
	*ret_dns = (enum fault_dns)value;
	return 0;
}

const char *plan_reset_name(enum fault_reset reset_at)
{
	return name_of(reset_names, ARRAY_SIZE(reset_names), reset_at);
}

int plan_reset_by_name(const char *name, enum fault_reset *ret_reset)
{
	int value = value_of(reset_names, ARRAY_SIZE(reset_names), name);

	if (value < 0)
		return value;
	*ret_reset = (enum fault_reset)value;
	return 0;
}

const char *plan_distribution_name(unsigned int distribution)
{
	return name_of(distribution_names, ARRAY_SIZE(distribution_names), distribution);
}

int plan_distribution_by_name(const char *name, unsigned int *ret_distribution)
{
	int value = value_of(distribution_names, ARRAY_SIZE(distribution_names), name);

	if (value < 0)
		return value;
	*ret_distribution = (unsigned int)value;
	return 0;
}

const char *plan_certificate_name(unsigned int certificate)
{
	return name_of(certificate_names, ARRAY_SIZE(certificate_names), certificate);
}

int plan_certificate_by_name(const char *name, unsigned int *ret_certificate)
{
	int value = value_of(certificate_names, ARRAY_SIZE(certificate_names), name);

	if (value < 0)
		return value;
	*ret_certificate = (unsigned int)value;
	return 0;
}
