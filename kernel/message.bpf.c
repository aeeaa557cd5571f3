// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The message layer. sockops puts a connection that a rule may have to look at into map `sockets`;
 * from then on every send of the client passes fault_message, which sees whole writes before they
 * become packets. An answer or alert is written in front of the client's bytes, those are popped,
 * and the rest is redirected to the ingress queue of the same socket: the client reads it as the
 * server's, the server sees nothing, and the connection stays in step.
 */
#include "kernel/decide.h"
#include "kernel/lookup.h"
#include "kernel/reply.h"

/*
 * Byte offsets of two fields of the kernel's struct tcp_sock, read by the engine from the kernel's
 * BTF before loading; 0: unknown. They are no part of the UAPI.
 */
const volatile __u32 config_rcv_nxt = 0;
const volatile __u32 config_copied_seq = 0;

/* Carries out what was decided. -1: nothing acts, the message passes. */
static __always_inline int message_act(struct sk_msg_md *message, struct socket_state *state,
				       const struct message_decision *decision,
				       const struct http_head *head)
{
	state->packet_rules |= decision->packet_rules;
	state->link_rules |= decision->link_rules;
	state->shadowed = decision->shadowed;
	if (decision->shadow_ends)
		return message_pass_for_good(message, state);
	if (!decision->winner)
		return -1;
	switch (decision->effect) {
	case FAULT_EFFECT_ANSWER:
		return message_answer(message, state, head, decision->winner - 1);
	case FAULT_EFFECT_ALERT:
		return message_alert(message, state, decision->winner - 1);
	case FAULT_EFFECT_HANG:
		state->mode = SOCKET_HUNG;
		state->hung_rule = decision->winner - 1;
		return message_swallow(message);
	case FAULT_EFFECT_REFUSE:
	case FAULT_EFFECT_UNREACHABLE:
		/* Too late for the connect's errno: the send fails with EACCES instead. */
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
	if (state->response.state != RESPONSE_IDLE || extent < message_size(message)) {
		/* The client pipelines: nothing tells when an answer would be in order. */
		count_reasons(state->candidates, FAULT_REASON_PIPELINED);
		return message_pass_for_good(message, state);
	}
	state->response.state = state->sequence_known ? RESPONSE_DUE : RESPONSE_UNKNOWN;
	state->response.start = state->received;
	state->response.to_head = head->method == FAULT_METHOD_HEAD;
	return SK_PASS;
}

/* Whether a message may as well be part of a body as begin a request. */
static __always_inline int message_is_midway(const struct socket_state *state)
{
	return state->mode == SOCKET_HTTP || state->mode == SOCKET_ADOPTED;
}

/*
 * What begins like a request but is none, or not yet. A head that is not whole is held back until
 * more of it comes: a server would not answer it either.
 */
static __always_inline int message_not_request(struct sk_msg_md *message,
					       struct socket_state *state, int result)
{
	if (message_is_midway(state) &&
	    (result == HTTP_NOT || state->response.state != RESPONSE_IDLE))
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
	decision->shadowed = state->shadowed;
	decision->out_of_step = state->response.state != RESPONSE_IDLE || message_unread(message);
}

static __always_inline __u64 look_names(const struct fault_control *fault_control,
					struct scratch *memory, __u32 at, __u32 length)
{
	__u64 *found;

	/* No rule has a name: there is nothing to look in. */
	if (!fault_control->name_rules || text_name_key(&memory->text, at, length, &memory->name))
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
	if (shadow_is_on(fault_control)) {
		decision.shadow = 1;
		shadow_identify_stream(state, head->host_at, head->host_length);
	}
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
	if (shadow_is_on(fault_control)) {
		decision.shadow = 1;
		shadow_identify_stream(state, memory->hello.name_at,
				       result == TLS_NAME ? memory->hello.name_length : 0);
	}
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
	state->mode = SOCKET_HUNG;
	state->hung_rule = decision.winner - 1;
	return message_swallow(message);
}

/*
 * Bytes on an adopted connection that begin no request: inside TLS, or of a protocol that is not
 * known. Only a hang that the address decides can act on them.
 */
static __always_inline int message_adopted(struct sk_msg_md *message, struct socket_state *state,
					   const struct fault_control *fault_control)
{
	struct message_decision decision;
	__u64 mask = match_stream(fault_control, state->candidates, state->by_address, 0, 0, 0, 0);

	message_begin(&decision, message, state, KIND_LATER);
	message_decide(&decision, mask);
	if (!decision.winner)
		return SK_PASS;
	state->mode = SOCKET_HUNG;
	state->hung_rule = decision.winner - 1;
	return message_swallow(message);
}

/*
 * More on a connection whose request was swallowed. Once the rule has ended, the server could only
 * answer out of step: the send fails, and the client knows that the connection is of no use.
 */
static __always_inline int message_hung(struct sk_msg_md *message, const struct socket_state *state)
{
	if (rule_verdict(state->hung_rule, state->cookie, 0, bpf_ktime_get_boot_ns()) !=
	    FAULT_REASON_HIT)
		return SK_DROP;
	return message_swallow(message);
}

/* Whether the message's first byte can begin a request. Saves the copy for bodies that pass. */
static __always_inline int message_may_be_request(struct sk_msg_md *message)
{
	__u8 *data = (__u8 *)(long)message->data, *end = (__u8 *)(long)message->data_end;

	return data + 1 > end || (*data >= 'A' && *data <= 'Z');
}

static __always_inline int message_look(struct sk_msg_md *message, struct socket_state *state,
					const struct fault_control *fault_control)
{
	struct scratch *memory = scratch_get(SCRATCH_MESSAGE);
	__u8 first;

	if (message_is_midway(state) && !message_may_be_request(message))
		return state->mode == SOCKET_HTTP ? SK_PASS
						  : message_adopted(message, state, fault_control);
	if (!memory || message_load(message, &memory->text)) {
		count_reasons(state->candidates, FAULT_REASON_KERNEL_ERROR);
		return message_pass_for_good(message, state);
	}
	first = text_at(&memory->text, 0);
	if (message_is_midway(state) || (first >= 'A' && first <= 'Z'))
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
	case SOCKET_DEAF:
		return message_swallow(message);
	case SOCKET_HUNG:
		return message_hung(message, state);
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
int fault_stream(struct sk_msg_md *message)
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

/* What a socket holds: it must use no map but `stream`. */
SEC("sk_msg")
int fault_message(struct sk_msg_md *message)
{
	bpf_tail_call(message, &stream, 0);
	return SK_PASS;
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
