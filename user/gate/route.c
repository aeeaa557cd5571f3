/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule acts on a request, and what becomes of it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kernel/contract.h"
#include "user/gate/answer.h"
#include "user/gate/session_parts.h"

/* SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ULL;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static bool is_drawn(struct gate_session *session, uint32_t share)
{
	return share >= FAULT_SHARE_ALWAYS ||
	       next_random(&session->random) % FAULT_SHARE_ALWAYS < share;
}

/* Prefixes are compared byte by byte, as the kernel's look-up of a path does. */
static bool matches_path(const struct gate_rule *rule, const char *target)
{
	if (rule->paths_count == 0)
		return true;
	for (size_t i = 0; i < rule->paths_count; i++)
		if (strncmp(target, rule->paths[i], strlen(rule->paths[i])) == 0)
			return true;
	return false;
}

/* The rules are for the name in the SNI; a request for another host on the same connection is not
 * theirs. */
static bool is_for_name(const struct gate_session *session, const struct exchange *exchange)
{
	const char *authority = message_text(&exchange->request, exchange->request.authority);
	size_t length = strcspn(authority, ":");

	if (!session->name[0] || !authority[0])
		return true;
	return strlen(session->name) == length &&
	       strncasecmp(authority, session->name, length) == 0;
}

static bool acts_on_requests(const struct gate_rule *rule)
{
	return rule->status || rule->drip_rate || rule->delay_ns;
}

static bool admits(struct gate_session *session, const struct gate_rule *rule,
		   uint64_t *ret_delay_ns)
{
	const struct gate_host *host = &session->options.host;

	*ret_delay_ns = rule->delay_ns;
	return is_drawn(session, rule->share) &&
	       (!host->admit || host->admit(host->context, rule->rule, session->now, ret_delay_ns));
}

static const struct gate_rule *find_rule(struct gate_session *session,
					 const struct exchange *exchange, uint64_t *ret_delay_ns)
{
	const char *target = message_text(&exchange->request, exchange->request.target);
	unsigned int method = message_method_number(&exchange->request);

	*ret_delay_ns = 0;
	if (!is_for_name(session, exchange))
		return NULL;
	for (size_t i = 0; i < session->options.rules_count; i++) {
		const struct gate_rule *rule = &session->options.rules[i];

		if (acts_on_requests(rule) && (!rule->methods || (rule->methods >> method & 1U)) &&
		    matches_path(rule, target) && admits(session, rule, ret_delay_ns))
			return rule;
	}
	*ret_delay_ns = 0;
	return NULL;
}

enum gate_certificate route_certificate(struct gate_session *session, const char *name)
{
	uint64_t delay_ns;

	snprintf(session->name, sizeof(session->name), "%s", name);
	for (size_t i = 0; i < session->options.rules_count; i++) {
		const struct gate_rule *rule = &session->options.rules[i];

		if (rule->certificate != GATE_CERTIFICATE_GOOD &&
		    admits(session, rule, &delay_ns)) {
			session_count(session, GATE_EVENT_CERTIFICATE, rule);
			return rule->certificate;
		}
	}
	return GATE_CERTIFICATE_GOOD;
}

/* The rule's delay is over, or there was none. */
static void go_on(struct gate_session *session, struct exchange *exchange)
{
	const struct gate_rule *rule = exchange->rule;

	if (rule && rule->status) {
		session_count(session, GATE_EVENT_ANSWERED, rule);
		if (answer_make(exchange, rule, next_random(&session->random)) < 0)
			session->waste = true;
		return;
	}
	session_count(session, rule ? GATE_EVENT_SLOWED : GATE_EVENT_FORWARDED, rule);
	exchange->stage = EXCHANGE_QUEUED;
}

static void route(struct gate_session *session, struct exchange *exchange)
{
	uint64_t delay_ns;

	session->requests++;
	session_count(session, GATE_EVENT_REQUEST, NULL);
	exchange->to_head = message_method_number(&exchange->request) == FAULT_METHOD_HEAD;
	if (strcmp(message_text(&exchange->request, exchange->request.method), "CONNECT") == 0) {
		if (exchange_refuse(exchange, 501, "Not Implemented", "CONNECT is not supported") <
		    0)
			session->waste = true;
		return;
	}
	exchange->rule = find_rule(session, exchange, &delay_ns);
	exchange->ready_at = session->now + delay_ns;
	exchange->stage = EXCHANGE_DELAYED;
}

bool route_pump(struct gate_session *session)
{
	bool moved = false;

	for (struct exchange *exchange = session->exchanges; exchange; exchange = exchange->next) {
		if (exchange->front_done)
			continue;
		if (exchange->stage == EXCHANGE_ROUTING) {
			route(session, exchange);
			moved = true;
		}
		if (exchange->stage != EXCHANGE_DELAYED)
			continue;
		if (session->now >= exchange->ready_at) {
			go_on(session, exchange);
			moved = true;
		} else {
			session_wake(session, exchange->ready_at);
		}
	}
	return moved;
}
