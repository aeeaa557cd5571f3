// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The message layer. sockops puts a connection that a rule may have to look at into map `sockets`;
 * from then on every send of the client passes fault_message, which sees whole writes before they
 * become packets. An answer or alert is written in front of the client's bytes, those are popped,
 * and the rest is redirected to the ingress queue of the same socket: the client reads it as the
 * server's, the server sees nothing, and the connection stays in step.
 */
#include "kernel/lookup.h"

/* The longest run of bytes that one verdict can cover. */
#define APPLY_MAX 0x7fffffffU

/* The longest request body that is swallowed before its answer rather than behind it. */
#define ANSWER_AFTER_MAX (1 << 20)

/*
 * Byte offsets of two fields of the kernel's struct tcp_sock, read by the engine from the kernel's
 * BTF before loading; 0: unknown. They are no part of the UAPI.
 */
const volatile __u32 config_rcv_nxt = 0;
const volatile __u32 config_copied_seq = 0;

/* What the front of a message was recognised as. */
enum message_kind {
	KIND_OTHER = 0, /* first bytes of neither HTTP/1 nor TLS */
	KIND_HTTP = 1,
	KIND_TLS = 2,	/* a ClientHello */
	KIND_LATER = 3, /* further bytes of a connection that is neither HTTP nor new */
};

struct message_decision {
	struct flow flow;
	__u64 cookie;
	__u64 now;
	__u64 item;	   /* number of the request on its connection */
	__u64 connected;   /* rules whose connect was counted before */
	__u32 kind;	   /* enum message_kind */
	__u32 method;	   /* enum fault_method */
	__u32 first;	   /* the connection's first message */
	__u32 out_of_step; /* an earlier response is still due: an answer would overtake it */
	__u32 address_only;
	__u32 winner;	   /* 1 + the rule that acts; 0: none */
	__u32 effect;	   /* of the winner */
	__u32 packet_rule; /* 1 + rule whose packets are to be dropped */
	__u32 stays;	   /* a matched rule may still act on later messages */
	__u32 padding;
};

/* Why `effect` cannot be carried out on a message of this kind; HIT when it can. */
static __always_inline enum fault_reason message_obstacle(const struct message_decision *decision,
							  __u32 effect)
{
	if (effect == FAULT_EFFECT_ANSWER) {
		if (decision->kind == KIND_TLS)
			return FAULT_REASON_TLS_HIDES;
		if (decision->kind != KIND_HTTP)
			return FAULT_REASON_NOT_HTTP;
		if (decision->out_of_step)
			return FAULT_REASON_PIPELINED;
	}
	if (effect == FAULT_EFFECT_ALERT && decision->kind != KIND_TLS)
		return FAULT_REASON_NOT_HTTP;
	return FAULT_REASON_HIT;
}

/* Lets one rule, matched in every dimension but the method, act on the message. */
FAULT_SCAN int message_decide_rule(struct message_decision *decision, __u32 index)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	__u32 effect;
	int reason;

	if (!decision || !rule)
		return 0;
	effect = rule->effect;
	if (decision->kind == KIND_LATER && effect != FAULT_EFFECT_HANG)
		return 0;
	if (decision->kind == KIND_HTTP && !match_method(rule, decision->method))
		return 0;
	if (decision->kind != KIND_LATER) {
		if (decision->first && !(decision->connected >> (index & 63) & 1))
			count_arrival(index, MATCH_CONNECT, decision->now);
		count_arrival(index, MATCH_REQUEST, decision->now);
	}
	reason = message_obstacle(decision, effect);
	if (reason == FAULT_REASON_HIT)
		reason = rule_verdict(index, decision->cookie,
				      effect == FAULT_EFFECT_ANSWER ? decision->item : 0,
				      decision->now);
	if (effect == FAULT_EFFECT_HANG)
		decision->stays = 1;
	if (effect == FAULT_EFFECT_DROP || effect == FAULT_EFFECT_LOSS) {
		if (!decision->packet_rule)
			decision->packet_rule = index + 1;
		if (reason == FAULT_REASON_HIT)
			return 0; /* the packets are counted as they are dropped */
	}
	if (reason == FAULT_REASON_HIT && decision->winner)
		reason = FAULT_REASON_OUTRANKED;
	if (reason != FAULT_REASON_HIT) {
		if (decision->kind != KIND_LATER)
			count_pass(index, &decision->flow, reason, decision->now);
		return 0;
	}
	decision->winner = index + 1;
	decision->effect = effect;
	count_hit(index, &decision->flow, decision->now);
	if (decision->address_only && (rule->flags & FAULT_RULE_BY_NAME))
		count_reason(index, FAULT_REASON_ADDRESS_ONLY);
	return 0;
}

FAULT_SCAN int message_decide(struct message_decision *decision, __u64 mask)
{
	int i;

	if (!decision)
		return 0;
	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1)
		message_decide_rule(decision, mask_lowest(mask));
	return 0;
}

/* Volatile, because the verifier refuses the address arithmetic that clang would share. */
static __always_inline __u32 message_size(const struct sk_msg_md *message)
{
	return *(const volatile __u32 *)&message->size;
}

/*
 * The copies below come in two functions each, whole words and the rest, so that the verifier does
 * not walk the second loop once for every way out of the first.
 */

/* Copies whole words of the message's linear part to the scratch text. Returns the bytes copied. */
FAULT_SCAN __u32 message_load_words(struct sk_msg_md *message)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	__u8 *data = (__u8 *)(long)message->data, *end = (__u8 *)(long)message->data_end;
	__u32 i;

	if (!memory)
		return 0;
	for (i = 0; i < FAULT_TEXT_MAX / 8; i++) {
		if (data + 8 > end)
			break;
		*(__u64 *)&memory->text.bytes[i * 8] = *(__u64 *)data;
		data += 8;
	}
	return i * 8;
}

/* Copies the up to 7 bytes from `at` to the end. Returns where it ended. */
FAULT_SCAN __u32 message_load_rest(struct sk_msg_md *message, __u32 at)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	__u8 *data = (__u8 *)(long)message->data, *end = (__u8 *)(long)message->data_end;
	__u32 i;

	if (!memory || at >= FAULT_TEXT_MAX)
		return at;
	data += at & FAULT_TEXT_MASK;
	for (i = 0; i < 7; i++) {
		if (data + 1 > end)
			break;
		memory->text.bytes[(at + i) & FAULT_TEXT_MASK] = *data;
		data++;
	}
	return at + i;
}

/* Copies the message's front to the scratch text. 0 or -1. */
static __always_inline int message_load(struct sk_msg_md *message, struct fault_text *text)
{
	__u32 want = message_size(message), have;

	if (want > FAULT_TEXT_MAX)
		want = FAULT_TEXT_MAX;
	/* Only a message in several pieces is copied by this; most are linear already. */
	if (bpf_msg_pull_data(message, 0, want, 0))
		return -1;
	have = message_load_rest(message, message_load_words(message));
	text->length = have < want ? have : want;
	return have ? 0 : -1;
}

/* Writes whole words of answer `key` over the message's front. Returns the bytes written. */
FAULT_SCAN __u32 message_write_words(struct sk_msg_md *message, __u32 key, __u32 length)
{
	struct fault_answer *answer = bpf_map_lookup_elem(&answers, &key);
	__u8 *data = (__u8 *)(long)message->data, *end = (__u8 *)(long)message->data_end;
	__u32 i, words = length / 8;

	if (!answer)
		return 0;
	for (i = 0; i < FAULT_ANSWER_MAX / 8; i++) {
		if (i >= words || data + 8 > end)
			break;
		*(__u64 *)data = *(__u64 *)&answer->bytes[i * 8];
		data += 8;
	}
	return i * 8;
}

/* Writes the up to 7 bytes from `at` to `length`. Returns where it ended. */
FAULT_SCAN __u32 message_write_rest(struct sk_msg_md *message, __u32 key, __u32 at, __u32 length)
{
	struct fault_answer *answer = bpf_map_lookup_elem(&answers, &key);
	__u8 *data = (__u8 *)(long)message->data, *end = (__u8 *)(long)message->data_end;
	__u32 i;

	if (!answer || at >= FAULT_ANSWER_MAX)
		return at;
	data += at & (FAULT_ANSWER_MAX - 1);
	for (i = 0; i < 7; i++) {
		if (at + i >= length || data + 1 > end)
			break;
		*data = answer->bytes[(at + i) & (FAULT_ANSWER_MAX - 1)];
		data++;
	}
	return at + i;
}

/* Writes answer `key` over the message's front, which has room for `length` bytes. 0 or -1. */
static __always_inline int message_write_answer(struct sk_msg_md *message, __u32 key, __u32 length)
{
	__u32 at;

	if (bpf_msg_pull_data(message, 0, length, 0))
		return -1;
	at = message_write_words(message, key, length);
	return message_write_rest(message, key, at, length) == length ? 0 : -1;
}

/* Takes the whole message away: the sender's call succeeds and nothing leaves. */
static __always_inline int message_swallow(struct sk_msg_md *message)
{
	bpf_msg_pop_data(message, 0, message_size(message), 0);
	return SK_PASS;
}

static __always_inline int message_pass_for_good(struct sk_msg_md *message,
						 struct socket_state *state)
{
	state->mode = SOCKET_OPAQUE;
	bpf_msg_apply_bytes(message, APPLY_MAX);
	return SK_PASS;
}

/*
 * Puts `length` prepared bytes (written by the caller after the push) in the place of the first
 * `replaced` bytes of the client's message and hands them to the client.
 */
static __always_inline int message_reflect(struct sk_msg_md *message, struct socket_state *state,
					   __u32 length, __u32 replaced)
{
	__u64 cookie = state->cookie;

	if (bpf_msg_pop_data(message, length, replaced, 0))
		return SK_DROP;
	if (message_size(message) > length) {
		state->behind_answer = message_size(message) - length;
		bpf_msg_apply_bytes(message, length);
	}
	return bpf_msg_redirect_hash(message, &sockets, &cookie, BPF_F_INGRESS);
}

static __always_inline int message_alert(struct sk_msg_md *message, struct socket_state *state,
					 __u32 index)
{
	struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
	__u32 size = message_size(message);
	__u8 *data, *end;

	state->mode = SOCKET_DEAF;
	if (!rule || bpf_msg_push_data(message, 0, 7, 0) || bpf_msg_pull_data(message, 0, 7, 0))
		return SK_DROP;
	data = (__u8 *)(long)message->data;
	end = (__u8 *)(long)message->data_end;
	if (data + 7 > end)
		return SK_DROP;
	/* Record: type alert, TLS 1.2, 2 bytes; level fatal, description (RFC 8446, 5.1 and 6). */
	data[0] = 21;
	data[1] = 3;
	data[2] = 3;
	data[3] = 0;
	data[4] = 2;
	data[5] = 2;
	data[6] = rule->alert;
	return message_reflect(message, state, 7, size);
}

/* Puts answer `key` in the place of the message's first `replaced` bytes. */
static __always_inline int message_reply(struct sk_msg_md *message, struct socket_state *state,
					 __u32 key, __u32 head_only, __u32 replaced)
{
	struct fault_answer *answer = bpf_map_lookup_elem(&answers, &key);
	__u32 length;

	if (!answer)
		return SK_DROP;
	length = head_only ? answer->header_length : answer->length;
	if (!length || length > FAULT_ANSWER_MAX)
		return SK_DROP;
	if (bpf_msg_push_data(message, 0, length, 0) ||
	    message_write_answer(message, key, length)) {
		count_reason(key / 2, FAULT_REASON_KERNEL_ERROR);
		return SK_DROP;
	}
	return message_reflect(message, state, length, replaced);
}

/*
 * Answers the request at the message's front. A body of known length is swallowed as it comes and
 * the connection goes on; up to ANSWER_AFTER_MAX bytes of it come before the answer, because some
 * clients give the connection up when they are answered while they send. Behind a body of unknown
 * length (chunks, Expect) the answer says close, and everything that follows is swallowed.
 */
static __always_inline int message_answer(struct sk_msg_md *message, struct socket_state *state,
					  const struct http_head *head, __u32 index)
{
	__u32 close = (head->flags & (HTTP_CHUNKED | HTTP_EXPECT)) != 0;
	__u32 size = message_size(message), replaced = size;
	__u64 extent = head->header_length + head->content_length;

	if (close) {
		state->mode = SOCKET_DEAF;
	} else if (extent > size) {
		state->mode = SOCKET_SWALLOW;
		state->swallow = extent - size;
		if (head->content_length <= ANSWER_AFTER_MAX) {
			state->answer_due = index + 1;
			return message_swallow(message);
		}
	} else {
		state->mode = SOCKET_HTTP;
		replaced = (__u32)extent;
	}
	return message_reply(message, state, index * 2 + close, head->method == FAULT_METHOD_HEAD,
			     replaced);
}

/* Swallows what is left of an answered request's body; answers behind it when that is still due.
 * -1: the message goes on with something else. */
static __always_inline int message_swallow_body(struct sk_msg_md *message,
						struct socket_state *state)
{
	__u32 size = message_size(message), left, due = state->answer_due;

	count_reasons(state->candidates, FAULT_REASON_BODY_SWALLOWED);
	if (state->swallow > size) {
		state->swallow -= size;
		return message_swallow(message);
	}
	left = (__u32)state->swallow;
	state->swallow = 0;
	state->answer_due = 0;
	state->mode = SOCKET_HTTP;
	if (due)
		return message_reply(message, state, (due - 1) * 2, 0, left);
	bpf_msg_pop_data(message, 0, left, 0);
	return left == size ? SK_PASS : -1;
}

/* Carries out what was decided. -1: nothing acts, the message passes. */
static __always_inline int message_act(struct sk_msg_md *message, struct socket_state *state,
				       const struct message_decision *decision,
				       const struct http_head *head)
{
	if (decision->packet_rule && !state->packet_rule)
		state->packet_rule = decision->packet_rule;
	if (!decision->winner)
		return -1;
	switch (decision->effect) {
	case FAULT_EFFECT_ANSWER:
		return message_answer(message, state, head, decision->winner - 1);
	case FAULT_EFFECT_ALERT:
		return message_alert(message, state, decision->winner - 1);
	case FAULT_EFFECT_HANG:
		state->mode = SOCKET_DEAF;
		return message_swallow(message);
	case FAULT_EFFECT_REFUSE:
	case FAULT_EFFECT_UNREACHABLE:
		/* Too late for the connect's errno: every send fails with EACCES instead. */
		state->mode = SOCKET_REFUSED;
		return SK_DROP;
	default:
		return -1;
	}
}

/*
 * A request passes to the server. Where its body ends is not counted in bytes: when the send buffer
 * is full the kernel takes back what it had accepted and the client sends it again, so a count
 * would run ahead. The next message that reads as a request begins the next one.
 */
static __always_inline int message_pass_request(struct sk_msg_md *message,
						struct socket_state *state,
						const struct fault_control *fault_control,
						const struct http_head *head)
{
	__u64 extent = head->header_length + head->content_length;

	state->mode = SOCKET_HTTP;
	if (!(fault_control->flags & FAULT_CONTROL_ANSWER))
		return SK_PASS;
	if (state->response != RESPONSE_IDLE || extent < message_size(message)) {
		/* The client pipelines: nothing tells when an answer would be in order. */
		count_reasons(state->candidates, FAULT_REASON_PIPELINED);
		return message_pass_for_good(message, state);
	}
	state->response = state->sequence_known ? RESPONSE_DUE : RESPONSE_UNKNOWN;
	state->response_start = state->received;
	state->response_to_head = head->method == FAULT_METHOD_HEAD;
	return SK_PASS;
}

/*
 * What begins like a request but is none, or not yet. A head that is not whole is held back until
 * more of it comes: a server would not answer it either.
 */
static __always_inline int message_not_request(struct sk_msg_md *message,
					       struct socket_state *state, int result)
{
	if (state->mode == SOCKET_HTTP && (result == HTTP_NOT || state->response != RESPONSE_IDLE))
		return SK_PASS; /* part of a body */
	if (result == HTTP_INCOMPLETE) {
		bpf_msg_cork_bytes(message, message_size(message) + 1);
		return SK_PASS;
	}
	count_reasons(state->candidates,
		      result == HTTP_TOO_LONG ? FAULT_REASON_TOO_LONG : FAULT_REASON_NOT_HTTP);
	return message_pass_for_good(message, state);
}

/*
 * Whether the socket holds bytes of the server that the client has not read. An answer would be
 * read before them. 0 as well where the kernel's BTF did not tell.
 */
static __always_inline int message_unread(struct sk_msg_md *message)
{
	__u8 *socket;

	if (!config_rcv_nxt || !config_copied_seq)
		return 0;
	socket = (__u8 *)bpf_skc_to_tcp_sock(message->sk);
	if (!socket)
		return 0;
	return *(__u32 *)(socket + config_rcv_nxt) != *(__u32 *)(socket + config_copied_seq);
}

/* Fills the decision's fixed part. */
static __always_inline void message_begin(struct message_decision *decision,
					  struct sk_msg_md *message,
					  const struct socket_state *state, __u32 kind)
{
	__builtin_memset(decision, 0, sizeof(*decision));
	__builtin_memcpy(decision->flow.address, state->address, 16);
	decision->flow.protocol = FAULT_PROTOCOL_TCP;
	decision->flow.port = state->port;
	decision->cookie = state->cookie;
	decision->item = state->requests;
	decision->connected = state->decided;
	decision->now = bpf_ktime_get_boot_ns();
	decision->kind = kind;
	decision->first = state->mode == SOCKET_FRESH;
	decision->out_of_step = state->response != RESPONSE_IDLE || message_unread(message);
}

static __always_inline __u64 look_names(const struct fault_control *fault_control,
					struct scratch *memory, __u32 at, __u32 length)
{
	__u64 *found;

	if (text_name_key(&memory->text, at, length, &memory->name))
		return fault_control->any_name;
	found = bpf_map_lookup_elem(&names, &memory->name);
	return found ? *found : fault_control->any_name;
}

static __always_inline __u64 look_paths(const struct fault_control *fault_control,
					struct scratch *memory)
{
	__u64 *found;

	text_path_key(&memory->text, memory->head.path_at, memory->head.path_length, &memory->path);
	found = bpf_map_lookup_elem(&paths, &memory->path);
	return found ? *found : fault_control->any_path;
}

/* One HTTP request begins at the message's front. */
static __always_inline int message_http(struct sk_msg_md *message, struct socket_state *state,
					const struct fault_control *fault_control,
					struct scratch *memory)
{
	struct http_head *head = &memory->head;
	struct message_decision decision;
	__u64 mask, named = 0;
	int result, verdict, has_name;

	result = http_parse_request(&memory->text, head);
	if (result != HTTP_COMPLETE)
		return message_not_request(message, state, result);
	message_begin(&decision, message, state, KIND_HTTP);
	decision.method = head->method;
	has_name = head->host_length != 0;
	if (has_name)
		named = look_names(fault_control, memory, head->host_at, head->host_length);
	decision.address_only = !has_name;
	mask = match_stream(fault_control, state->candidates, state->by_address, has_name, named, 1,
			    look_paths(fault_control, memory));
	state->requests++;
	message_decide(&decision, mask);
	verdict = message_act(message, state, &decision, head);
	if (verdict >= 0)
		return verdict;
	return message_pass_request(message, state, fault_control, head);
}

/* The first bytes of a connection that are no HTTP request: a ClientHello or something else. */
static __always_inline int message_opening(struct sk_msg_md *message, struct socket_state *state,
					   const struct fault_control *fault_control,
					   struct scratch *memory)
{
	struct message_decision decision;
	__u64 mask, named = 0, hidden;
	int result, verdict;

	result = tls_parse_hello(&memory->text, &memory->hello, message_size(message));
	if (result == TLS_INCOMPLETE) {
		/* Held back until the record is whole, as a server would wait for it. */
		bpf_msg_cork_bytes(message, memory->hello.record_length);
		return SK_PASS;
	}
	if (result == TLS_TOO_LONG) {
		count_reasons(state->candidates, FAULT_REASON_TOO_LONG);
		return message_pass_for_good(message, state);
	}
	message_begin(&decision, message, state, result == TLS_NOT ? KIND_OTHER : KIND_TLS);
	if (result == TLS_NAME)
		named = look_names(fault_control, memory, memory->hello.name_at,
				   memory->hello.name_length);
	decision.address_only = result != TLS_NAME;
	mask = match_stream(fault_control, state->candidates, state->by_address, result == TLS_NAME,
			    named, 0, 0);
	hidden = state->candidates & fault_control->http_rules;
	if (result == TLS_NAME)
		hidden &= named;
	if (hidden)
		count_reasons(hidden,
			      result == TLS_NOT ? FAULT_REASON_NOT_HTTP : FAULT_REASON_TLS_HIDES);
	message_decide(&decision, mask);
	verdict = message_act(message, state, &decision, &memory->head);
	if (verdict >= 0)
		return verdict;
	if (!decision.stays)
		return message_pass_for_good(message, state);
	state->mode = SOCKET_NAMED;
	state->candidates = mask;
	return SK_PASS;
}

/* Further bytes of a connection whose rules are known: only a hang can still begin. */
static __always_inline int message_later(struct sk_msg_md *message, struct socket_state *state)
{
	struct message_decision decision;

	message_begin(&decision, message, state, KIND_LATER);
	message_decide(&decision, state->candidates);
	if (!decision.winner)
		return SK_PASS;
	state->mode = SOCKET_DEAF;
	return message_swallow(message);
}

static __always_inline int message_look(struct sk_msg_md *message, struct socket_state *state,
					const struct fault_control *fault_control)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	__u8 first;

	if (!memory || message_load(message, &memory->text)) {
		count_reasons(state->candidates, FAULT_REASON_KERNEL_ERROR);
		return message_pass_for_good(message, state);
	}
	first = text_at(&memory->text, 0);
	if (state->mode == SOCKET_HTTP || (first >= 'A' && first <= 'Z'))
		return message_http(message, state, fault_control, memory);
	return message_opening(message, state, fault_control, memory);
}

static __always_inline int message_handle(struct sk_msg_md *message, struct socket_state *state,
					  const struct fault_control *fault_control)
{
	int verdict;

	switch (state->mode) {
	case SOCKET_OPAQUE:
		return message_pass_for_good(message, state);
	case SOCKET_REFUSED:
		return SK_DROP;
	case SOCKET_DEAF:
		return message_swallow(message);
	case SOCKET_NAMED:
		return message_later(message, state);
	case SOCKET_SWALLOW:
		verdict = message_swallow_body(message, state);
		if (verdict >= 0)
			return verdict;
		break;
	default:
		break;
	}
	return message_look(message, state, fault_control);
}

SEC("sk_msg")
int fault_message(struct sk_msg_md *message)
{
	struct fault_control *fault_control = control_get();
	struct socket_state *state;
	__u64 cookie;

	if (!message->sk || !message_size(message))
		return SK_PASS;
	state = bpf_sk_storage_get(&socket_state, message->sk, 0, 0);
	if (!state || !fault_control)
		return SK_PASS;
	/* A message that was held back, or whose front was answered, still has what was asked for
	 * then: it would hold back, or cut off, what follows. */
	bpf_msg_cork_bytes(message, 0);
	bpf_msg_apply_bytes(message, 0);
	if (state->behind_answer) {
		/*
		 * The rest of a write whose first request was answered. The kernel keeps that
		 * redirect for the whole write, so what passes must be redirected too: out of the
		 * same socket.
		 */
		state->behind_answer = 0;
		cookie = state->cookie;
		if (bpf_msg_redirect_hash(message, &sockets, &cookie, 0) != SK_PASS)
			return SK_DROP;
	}
	return message_handle(message, state, fault_control);
}

SEC("sockops")
int fault_sockops(struct bpf_sock_ops *operation)
{
	struct socket_state *state;
	__u64 cookie;

	if (operation->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB || !operation->sk)
		return 1;
	state = bpf_sk_storage_get(&socket_state, operation->sk, 0, 0);
	if (!state || !state->candidates)
		return 1;
	cookie = state->cookie;
	/* Fails with EBUSY when another program's sockmap holds the socket already. */
	if (bpf_sock_hash_update(operation, &sockets, &cookie, BPF_ANY))
		count_reasons(state->candidates, FAULT_REASON_NO_SOCKMAP);
	return 1;
}
