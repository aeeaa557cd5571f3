// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the gate sends. Each write of its socket is one frame; the header is taken off, and the rest
 * goes to the client or, on the client's own connection, to the server. The gate is not trusted:
 * it reaches only connections that were handed to it, lets a server have no more bytes than the
 * client has sent, and speaks to a client only while a rule of that connection acts.
 */
#include "kernel/gate.h"
#include "kernel/lookup.h"
#include "kernel/verdict.h"

/*
 * Bytes that go on to the server, from position `at` of what was given. Whether the socket took
 * them all is not known here: a frame without any says up to where it has.
 */
static __always_inline int gate_judge_return(const struct fault_frame *frame,
					     struct fault_diverted *note)
{
	if (note->flags & FAULT_DIVERTED_ENDS_HERE || frame->at < note->returned ||
	    frame->at > note->given || frame->length > note->given - frame->at)
		return -1;
	if (!frame->length)
		note->returned = frame->at;
	return 0;
}

/* Whether the gate may do this; leaves noted what it comes to. 0 or -1. */
static __always_inline int gate_judge(const struct fault_frame *frame, struct fault_diverted *note)
{
	if (frame->operation == FAULT_FRAME_TO_SERVER)
		return gate_judge_return(frame, note);
	if (!(note->flags & FAULT_DIVERTED_ENDS_HERE) || note->flags & FAULT_DIVERTED_OVER)
		return -1;
	if (frame->operation == FAULT_FRAME_TO_CLIENT)
		return rules_live(note->rules, bpf_ktime_get_boot_ns()) ? 0 : -1;
	if (frame->operation != FAULT_FRAME_LAST || frame->length > FAULT_FRAME_LAST_MAX)
		return -1;
	note->flags |= FAULT_DIVERTED_OVER;
	return 0;
}

/* Reads the header at the message's front. 0 or -1. */
static __always_inline int gate_read_header(struct sk_msg_md *message,
					    struct fault_frame *ret_frame)
{
	__u64 *words = (__u64 *)ret_frame, *data;
	void *end;

	if (bpf_msg_pull_data(message, 0, sizeof(*ret_frame), 0))
		return -1;
	data = (__u64 *)(long)message->data;
	end = (void *)(long)message->data_end;
	if ((void *)data + sizeof(*ret_frame) > end)
		return -1;
	words[0] = data[0];
	words[1] = data[1];
	words[2] = data[2];
	words[3] = data[3];
	return 0;
}

/* Nothing leaves, and the write succeeds. A write that the kernel is told to drop would be the
 * socket's last: the verdict stays. */
static __always_inline int gate_swallow(struct sk_msg_md *message, __u32 size)
{
	bpf_msg_pop_data(message, 0, size, 0);
	return SK_PASS;
}

/* Sends the header back as the answer that the frame was refused. */
static __always_inline int gate_refuse(struct sk_msg_md *message, const struct fault_frame *frame)
{
	__u64 key = FAULT_GATE_KEY, *data, *given;
	__u32 zero = 0;
	void *end;

	if (frame->length && bpf_msg_pop_data(message, sizeof(*frame), frame->length, 0))
		return gate_swallow(message, sizeof(*frame) + frame->length);
	if (bpf_msg_pull_data(message, 0, sizeof(*frame), 0))
		return gate_swallow(message, sizeof(*frame));
	data = (__u64 *)(long)message->data;
	end = (void *)(long)message->data_end;
	given = bpf_map_lookup_elem(&gate_given, &zero);
	if (!given || (void *)data + sizeof(*frame) > end)
		return gate_swallow(message, sizeof(*frame));
	/* Length 0, then the operation; the other fields of this word are 0. */
	data[3] = (__u64)FAULT_FRAME_REFUSED << 32;
	if (bpf_msg_redirect_hash(message, &sockets, &key, BPF_F_INGRESS) != SK_PASS)
		return gate_swallow(message, sizeof(*frame));
	COUNT(*given, sizeof(*frame));
	return SK_PASS;
}

SEC("sk_msg")
int fault_gate(struct sk_msg_md *message)
{
	struct fault_frame frame;
	struct fault_diverted *note;
	__u32 size = *(const volatile __u32 *)&message->size;
	__u64 cookie;

	if (gate_read_header(message, &frame) || frame.length > FAULT_FRAME_MAX ||
	    size != sizeof(frame) + frame.length)
		return gate_swallow(message, size);
	cookie = frame.cookie;
	note = bpf_map_lookup_elem(&diverted, &cookie);
	if (!note || gate_judge(&frame, note))
		return gate_refuse(message, &frame);
	if (!frame.length)
		return gate_swallow(message, size);
	/* The socket may have gone since it was noted. */
	if (bpf_msg_redirect_hash(message, &sockets, &cookie,
				  frame.operation == FAULT_FRAME_TO_SERVER ? 0 : BPF_F_INGRESS) !=
	    SK_PASS)
		return gate_refuse(message, &frame);
	if (bpf_msg_pop_data(message, 0, sizeof(frame), 0))
		return gate_swallow(message, size);
	return SK_PASS;
}
