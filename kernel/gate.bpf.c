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

SEC("sk_msg")
int fault_gate(struct sk_msg_md *message)
{
	struct fault_frame frame;
	struct fault_diverted *note;
	__u32 size = *(const volatile __u32 *)&message->size;
	__u64 cookie;

	if (gate_read_header(message, &frame) || frame.length > FAULT_FRAME_MAX ||
	    size != sizeof(frame) + frame.length)
		return SK_DROP;
	cookie = frame.cookie;
	note = bpf_map_lookup_elem(&diverted, &cookie);
	/* A frame without bytes has done all it can: the gate's write fails, as it expects. */
	if (!note || gate_judge(&frame, note) || !frame.length)
		return SK_DROP;
	if (bpf_msg_pop_data(message, 0, sizeof(frame), 0))
		return SK_DROP;
	return bpf_msg_redirect_hash(message, &sockets, &cookie,
				     frame.operation == FAULT_FRAME_TO_SERVER ? 0 : BPF_F_INGRESS);
}
