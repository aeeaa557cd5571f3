// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The message layer. fault_sockops puts a connection that a rule may have to look at into map
 * `sockets`; from then on every send of the client passes fault_message, which sees whole writes
 * before they become packets. An answer or alert is written in front of the client's bytes, those
 * are popped, and the rest is redirected to the ingress queue of the same socket: the client reads
 * it as the server's, the server sees nothing, and the connection stays in step.
 */
#include "kernel/decide.h"
#include "kernel/gate.h"
#include "kernel/lookup.h"
#include "kernel/observe.h"
#include "kernel/reply.h"

const volatile __u8 config_has_space = 1;

/* Verdict of a handler: the message is held back until more of it has come. */
#define MESSAGE_HELD 2

/*
 * Byte offsets of two fields of the kernel's struct tcp_sock, read by the engine from the kernel's
 * BTF before loading; 0: unknown. They are no part of the UAPI.
 */
const volatile __u32 config_rcv_nxt = 0;
const volatile __u32 config_copied_seq = 0;

/* From here on the gate speaks with the client; the server hears nothing more. */
static __always_inline int message_divert(struct sk_msg_md *message, struct socket_state *state,
					  const struct message_decision *decision)
{
	__u32 kind = decision->kind == KIND_TLS ? FAULT_GATE_TLS : FAULT_GATE_HTTP;

	state->mode = SOCKET_GATED;
	state->gate_rules = decision->gated;
	if (gate_note(message, state, decision->gated)) {
		count_reasons(decision->gated, FAULT_REASON_KERNEL_ERROR);
		return message_pass_for_good(message, state);
	}
	return gate_give(message, state, FAULT_FRAME_OPEN, kind, decision->gated, decision->now);
}

/* More on a connection that the gate ends. Once nothing of it acts any more the send fails. */
static __always_inline int message_gated(struct sk_msg_md *message, struct socket_state *state)
{
	__u64 now = bpf_ktime_get_boot_ns(), cookie = state->cookie;
	const struct fault_diverted *note = bpf_map_lookup_elem(&diverted, &cookie);

	if (note && !(note->flags & FAULT_DIVERTED_OVER) && rules_live(state->gate_rules, now) &&
	    gate_obstacle(now) == FAULT_REASON_HIT)
		return gate_give(message, state, FAULT_FRAME_DATA, 0, 0, now);
	/* What the gate has ended is counted there. */
	if (!note || !(note->flags & FAULT_DIVERTED_OVER))
		count_reasons(state->gate_rules, FAULT_REASON_GATE_ENDED);
	state->mode = SOCKET_OVER;
	return SK_DROP;
}

/*
 * A message that passes goes by way of the gate when a rule delays it, or when the gate still holds
 * what the client has sent before it.
 */
static __always_inline int message_follow(struct sk_msg_md *message, struct socket_state *state)
{
	__u64 now = bpf_ktime_get_boot_ns(), cookie = state->cookie;
	__u32 due = state->delay_due, size = message_size(message);
	struct fault_diverted *note;

	if (due && gate_note(message, state, 0)) {
		count_reason(due - 1, FAULT_REASON_KERNEL_ERROR);
		due = 0;
	}
	state->delay_due = 0;
	note = bpf_map_lookup_elem(&diverted, &cookie);
	if (!due && (!note || note->given == note->returned)) {
		state->delayed = 0;
		return SK_PASS;
	}
	/* Nothing may overtake what a gate holds that answers no more. */
	if (!note || (!due && gate_obstacle(now) != FAULT_REASON_HIT)) {
		count_reasons(state->candidates, FAULT_REASON_GATE_ENDED);
		state->mode = SOCKET_OVER;
		return SK_DROP;
	}
	state->delayed = 1;
	bpf_msg_apply_bytes(message, 0);
	COUNT(note->given, size);
	return gate_give(message, state, FAULT_FRAME_DELAY, 0, due ? 1ULL << ((due - 1) & 63) : 0,
			 now);
}

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
	if (decision->gated)
		return message_divert(message, state, decision);
	switch (decision->effect) {
	case FAULT_EFFECT_DELAY:
		state->delay_due = decision->winner;
		return -1;
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
		return MESSAGE_HELD;
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
	__u64 mask, everywhere, named = 0;
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
	everywhere = match_stream(fault_control, state->candidates, state->by_address, has_name,
				  named, 1, ~0ULL);
	mask = everywhere & look_paths(fault_control, memory);
	state->requests++;
	if (shadow_is_on(fault_control)) {
		decision.shadow = 1;
		shadow_identify_stream(state, head->host_at, head->host_length);
	}
	message_decide(&decision, mask);
	observe_message(state, fault_control, decision.matched, 1, decision.now);
	/* The requests that follow are the gate's too, whatever their path. */
	if (decision.gated)
		decision.gated = everywhere & fault_control->gate_rules;
	verdict = message_act(message, state, &decision, head);
	if (verdict >= 0)
		return verdict;
	return message_pass_request(message, state, fault_control, head);
}

/* Whether the server has spoken since the client's last message; takes note of how far it has. */
static __always_inline __u32 message_turn(struct sk_msg_md *message, struct socket_state *state)
{
	__u32 next, turn;
	__u8 *socket;

	if (!config_rcv_nxt)
		return 0;
	socket = (__u8 *)bpf_skc_to_tcp_sock(message->sk);
	if (!socket)
		return 0;
	next = *(__u32 *)(socket + config_rcv_nxt);
	turn = next != state->turned_at;
	state->turned_at = next;
	return turn;
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
		return MESSAGE_HELD;
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
	/* What requests a rule wants is seen by the gate, when that ends the TLS. */
	if (result == TLS_NAME || result == TLS_NO_NAME)
		decision.inside = match_stream(fault_control, state->candidates, state->by_address,
					       result == TLS_NAME, named, 1, ~0ULL) &
				  fault_control->gate_rules & fault_control->http_rules;
	mask |= decision.inside;
	hidden = state->candidates & fault_control->http_rules & ~mask;
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
	observe_message(state, fault_control, decision.matched, 0, decision.now);
	verdict = message_act(message, state, &decision, &memory->head);
	if (verdict >= 0)
		return verdict;
	if (!decision.stays)
		return message_pass_for_good(message, state);
	state->mode = SOCKET_NAMED;
	state->candidates = mask;
	message_turn(message, state);
	return SK_PASS;
}

/* Further bytes of a connection whose rules are known: a hang can still begin, or a turn of the
 * client be delayed. */
static __always_inline int message_later(struct sk_msg_md *message, struct socket_state *state)
{
	struct message_decision decision;

	message_begin(&decision, message, state, KIND_LATER);
	decision.turn = message_turn(message, state);
	state->requests += decision.turn;
	message_decide(&decision, state->candidates);
	if (!decision.winner)
		return SK_PASS;
	if (decision.effect == FAULT_EFFECT_DELAY) {
		state->delay_due = decision.winner;
		return SK_PASS;
	}
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
	case SOCKET_GATED:
		return message_gated(message, state);
	case SOCKET_OVER:
		return SK_DROP;
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
	int verdict;
	__u64 cookie;

	if (!message->sk || !message_size(message))
		return SK_PASS;
	state = bpf_sk_storage_get(&socket_state, message->sk, 0, 0);
	if (!fault_control)
		return SK_PASS;
	if (!state || state->cookie == FAULT_GATE_KEY) {
		/* Of the sockets that are watched only the gate's is none of a client. */
		bpf_tail_call(message, &stream, STREAM_GATE);
		return SK_PASS;
	}
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
	verdict = message_handle(message, state, fault_control);
	if (verdict == SK_PASS && (state->delayed || state->delay_due) && message_size(message))
		verdict = message_follow(message, state);
	return verdict == SK_DROP ? SK_DROP : SK_PASS;
}

/* What a socket holds: it must use no map but `stream`. */
SEC("sk_msg")
int fault_message(struct sk_msg_md *message)
{
	bpf_tail_call(message, &stream, STREAM_CLIENTS);
	return SK_PASS;
}
