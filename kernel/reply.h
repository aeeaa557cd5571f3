/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is done to a message: passed, swallowed, or replaced by bytes that the client reads as the
 * server's.
 */
#ifndef FAULTD_REPLY_H
#define FAULTD_REPLY_H

#include "kernel/lookup.h"

/* The longest run of bytes that one verdict can cover. */
#define APPLY_MAX 0x7fffffffU

/* The longest request body that is swallowed before its answer rather than behind it. */
#define ANSWER_AFTER_MAX (1 << 20)

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

#endif
