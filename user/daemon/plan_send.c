/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/plan_send.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/owner_send.h"

struct sender {
	struct channel *channel;
	struct failure *failure;
	struct engine_request request;
	struct engine_reply reply;
};

static void copy_text(char *target, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(target, text, length);
	target[length] = '\0';
}

/* Clears the request for the next message. */
static struct engine_request *next(struct sender *sender, enum engine_request_type type)
{
	memset(&sender->request, 0, sizeof(sender->request));
	sender->request.type = type;
	return &sender->request;
}

static int send_it(struct sender *sender)
{
	return channel_call(sender->channel, &sender->request, &sender->reply, sender->failure);
}

static int send_begin(struct sender *sender, const struct plan *plan, uid_t uid)
{
	struct engine_begin *begin = &next(sender, ENGINE_BEGIN)->u.begin;

	begin->seed = plan->seed;
	begin->duration_ns = plan->duration_ns;
	/* Nothing outlives the deadline, whatever the lease says. */
	begin->lease_ns = plan->lease_ns < plan->duration_ns ? plan->lease_ns : plan->duration_ns;
	begin->rules = (__u32)plan->rules_count;
	begin->protections = (__u32)plan->protect_count;
	begin->uid = uid;
	begin->flags = plan->shadow ? FAULT_CONTROL_SHADOW : 0;
	copy_text(begin->title, sizeof(begin->title), plan->title);
	return send_it(sender);
}

static __u16 rule_flags(const struct plan_rule *rule)
{
	bool message = plan_effect_layer(rule->effect, rule->reject) == PLAN_LAYER_MESSAGE;
	__u16 flags = 0;

	if (rule->match.names.count)
		flags |= FAULT_RULE_BY_NAME;
	if (rule->match.http)
		flags |= FAULT_RULE_BY_HTTP;
	if (message && rule->match.names.count && rule->match.tcp && !rule->quic_allow)
		flags |= FAULT_RULE_QUIC_BLOCK;
	if (rule->observed)
		flags |= FAULT_RULE_OBSERVED;
	return flags;
}

static struct engine_gate gate_of(const struct plan_rule *rule)
{
	return (struct engine_gate){
		.delay_ns = rule->delay.time_ns,
		.jitter_ns = rule->delay.jitter_ns,
		.distribution = (__u8)rule->delay.distribution,
		.certificate = (__u8)rule->certificate,
		.expand = rule->expand,
	};
}

static int send_rule(struct sender *sender, const struct plan_rule *rule, __u32 index)
{
	struct engine_rule *message = &next(sender, ENGINE_RULE)->u.rule;

	message->index = index;
	message->tcp_udp = (rule->match.tcp ? 1U : 0U) | (rule->match.udp ? 2U : 0U);
	message->rule.effect = (__u16)rule->effect;
	message->rule.flags = rule_flags(rule);
	message->rule.share = rule->share;
	message->rule.loss = rule->loss;
	message->rule.methods = rule->match.methods;
	message->rule.alert = rule->alert;
	message->rule.dns = (__u8)rule->dns;
	message->rule.reset_at = (__u8)rule->reset_at;
	message->rule.reject = (__u8)rule->reject;
	message->rule.reject_cost = rule->reject_cost;
	message->rule.after = rule->after;
	message->rule.every = rule->every;
	message->rule.rate = rule->rate;
	message->rule.gate = plan_rule_gate(rule);
	message->gate = gate_of(rule);
	message->rule.capacity = rule->capacity;
	message->rule.burst = rule->burst;
	message->rule.shape = rule->shape;
	message->existing = rule->existing;
	copy_text(message->fault, sizeof(message->fault), rule->fault);
	return send_it(sender);
}

static int send_ports(struct sender *sender, __u32 owner, const struct port_range *ports,
		      size_t count)
{
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		struct engine_match *match = &next(sender, ENGINE_MATCH)->u.match;

		match->rule = owner;
		match->dimension = ENGINE_DIMENSION_PORT;
		match->port_first = ports[i].first;
		match->port_last = ports[i].last;
		r = send_it(sender);
	}
	return r;
}

static int send_prefixes(struct sender *sender, __u32 owner, const struct address_prefix *prefixes,
			 size_t count)
{
	int r = 0;

	for (size_t i = 0; !r && i < count; i++) {
		struct engine_match *match = &next(sender, ENGINE_MATCH)->u.match;

		match->rule = owner;
		match->dimension = ENGINE_DIMENSION_PREFIX;
		memcpy(match->address, prefixes[i].address, sizeof(match->address));
		match->length = prefixes[i].length;
		match->ipv4 = prefixes[i].ipv4;
		r = send_it(sender);
	}
	return r;
}

static int send_texts(struct sender *sender, __u32 owner, __u32 dimension,
		      const struct strings *texts)
{
	int r = 0;

	for (size_t i = 0; !r && i < texts->count; i++) {
		struct engine_match *match = &next(sender, ENGINE_MATCH)->u.match;

		match->rule = owner;
		match->dimension = dimension;
		copy_text(match->text, sizeof(match->text), texts->items[i]);
		r = send_it(sender);
	}
	return r;
}

static int send_match(struct sender *sender, const struct plan_match *match, __u32 owner)
{
	int r = send_ports(sender, owner, match->ports, match->ports_count);

	if (!r)
		r = send_prefixes(sender, owner, match->prefixes, match->prefixes_count);
	if (!r)
		r = send_texts(sender, owner, ENGINE_DIMENSION_NAME, &match->names);
	if (!r)
		r = send_texts(sender, owner, ENGINE_DIMENSION_PATH, &match->paths);
	if (!r)
		r = send_texts(sender, owner, ENGINE_DIMENSION_CGROUP, &match->cgroups);
	if (!r)
		r = send_texts(sender, owner, ENGINE_DIMENSION_UNIT, &match->units);
	if (!r)
		r = send_texts(sender, owner, ENGINE_DIMENSION_CONTAINER, &match->containers);
	return r ? r : send_texts(sender, owner, ENGINE_DIMENSION_INTERFACE, &match->interfaces);
}

static int send_owner(void *context, const struct engine_match *match)
{
	struct sender *sender = context;

	next(sender, ENGINE_MATCH)->u.match = *match;
	return send_it(sender);
}

static int send_answers(struct sender *sender, const struct plan_rule *rule, __u32 index)
{
	int r = 0;

	for (__u32 close = 0; !r && close < 2; close++) {
		struct engine_answer *answer = &next(sender, ENGINE_ANSWER)->u.answer;

		answer->rule = index;
		answer->close = close;
		r = plan_render_answer(rule, close, &answer->answer);
		if (r)
			return fail(sender->failure, r, "the answer of '%s' is too long",
				    rule->fault);
		r = send_it(sender);
	}
	return r;
}

static int send_seeds(struct sender *sender, const struct resolved *resolved)
{
	int r = 0;

	for (size_t i = 0; !r && i < resolved->count; i++) {
		struct engine_seed *seed = &next(sender, ENGINE_SEED)->u.seed;

		copy_text(seed->name, sizeof(seed->name), resolved->name);
		memcpy(seed->address, resolved->addresses[i], sizeof(seed->address));
		r = send_it(sender);
	}
	return r;
}

static int send_all(struct sender *sender, const struct plan *plan, const struct resolved *resolved,
		    size_t resolved_count, uid_t uid)
{
	int r = send_begin(sender, plan, uid);

	for (__u32 i = 0; !r && i < plan->rules_count; i++) {
		r = send_rule(sender, &plan->rules[i], i);
		if (!r)
			r = send_match(sender, &plan->rules[i].match, i);
		if (!r)
			r = owner_send(plan, i, send_owner, sender, sender->failure);
		if (!r && plan_effect_answers(plan->rules[i].effect, plan->rules[i].reject))
			r = send_answers(sender, &plan->rules[i], i);
	}
	for (__u32 i = 0; !r && i < plan->protect_count; i++) {
		r = send_prefixes(sender, ENGINE_PROTECTION | i, &plan->protect[i].prefix, 1);
		if (!r)
			r = send_ports(sender, ENGINE_PROTECTION | i, plan->protect[i].ports,
				       plan->protect[i].ports_count);
	}
	if (!r)
		r = send_texts(sender, ENGINE_SCOPE, ENGINE_DIMENSION_CGROUP, &plan->cgroups);
	if (!r)
		r = send_texts(sender, ENGINE_SCOPE, ENGINE_DIMENSION_UNIT, &plan->units);
	if (!r)
		r = send_texts(sender, ENGINE_SCOPE, ENGINE_DIMENSION_CONTAINER, &plan->containers);
	for (size_t i = 0; !r && i < resolved_count; i++)
		r = send_seeds(sender, &resolved[i]);
	return r;
}

int plan_send(struct channel *channel, const struct plan *plan, const struct resolved *resolved,
	      size_t resolved_count, uid_t uid, struct failure *failure)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	int r;

	if (!sender)
		return fail(failure, -ENOMEM, "out of memory");
	sender->channel = channel;
	sender->failure = failure;
	r = send_all(sender, plan, resolved, resolved_count, uid);
	free(sender);
	return r;
}
