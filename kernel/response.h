/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the server's responses end, on connections whose requests the message layer answers: by
 * position in the TCP stream, from the segments as they arrive.
 */
#ifndef FAULTD_RESPONSE_H
#define FAULTD_RESPONSE_H

#include "kernel/lookup.h"

#define TCP_FLAG_SYN_BYTE 0x02 /* in byte 13 of the header */

struct packet {
	__u32 protocol;
	__u32 transport; /* offset of the transport header */
	__u32 egress;
	__u32 ipv6;
};

/* Copies up to FAULT_TEXT_MAX bytes from `offset` to the scratch text. 0 or -1. */
FAULT_SCAN int packet_load(struct __sk_buff *buffer, __u32 offset)
{
	struct scratch *memory = scratch_get(SCRATCH_PACKET);
	__u32 length = buffer->len;

	if (!memory || offset >= length)
		return -1;
	length -= offset;
	if (length > FAULT_TEXT_MAX)
		length = FAULT_TEXT_MAX;
	/* The verifier of older kernels wants the bound in this form. */
	length = ((length - 1) & FAULT_TEXT_MASK) + 1;
	if (bpf_skb_load_bytes(buffer, offset, memory->text.bytes, length))
		return -1;
	memory->text.length = length;
	return 0;
}

/* The last up to 8 bytes of the stream: those of the packet behind those of `tail`. */
static __always_inline __u64 response_tail(struct __sk_buff *buffer, __u64 tail, __u32 payload)
{
	__u32 length = payload < 8 ? payload : 8, i;
	__u8 bytes[8] = {};

	length = ((length - 1) & 7) + 1;
	if (bpf_skb_load_bytes(buffer, buffer->len - length, bytes, length))
		return 0;
	for (i = 0; i < 8; i++)
		if (i < length)
			tail = tail << 8 | bytes[i];
	return tail;
}

/* Whether a chunked body ends with these bytes: "\r\n0\r\n\r\n". */
static __always_inline int response_tail_ends(__u64 tail)
{
	return (tail & 0xffffffffffffffULL) == 0x0d0a300d0a0d0aULL;
}

/* The final response's head begins at `offset` of the packet. Returns the state after it. */
static __always_inline __u32 response_final(struct response *response, const struct http_head *head)
{
	__u64 body = response->start + head->header_length;

	if (response->to_head || head->status == 204 || head->status == 304) {
		response->end = body;
		return RESPONSE_BODY;
	}
	if (head->flags & HTTP_CHUNKED)
		return RESPONSE_CHUNKED;
	if (!(head->flags & HTTP_HAS_LENGTH))
		return RESPONSE_UNKNOWN;
	response->end = body + head->content_length;
	return RESPONSE_BODY;
}

/* The response due begins at `offset` of the packet. Interim responses (1xx) come before it. */
FAULT_SCAN __u32 response_begin(struct __sk_buff *buffer, struct response *response, __u32 offset)
{
	struct scratch *memory = scratch_get(SCRATCH_PACKET);
	struct http_head *head;
	int i;

	if (!memory || !response)
		return RESPONSE_UNKNOWN;
	head = &memory->head;
	for (i = 0; i < 3; i++) {
		if (offset >= buffer->len)
			return RESPONSE_DUE;
		if (packet_load(buffer, offset) ||
		    http_parse_response(&memory->text, head) != HTTP_COMPLETE ||
		    head->status == 101)
			return RESPONSE_UNKNOWN;
		if (head->status >= 200)
			return response_final(response, head);
		offset += head->header_length;
		response->start += head->header_length;
	}
	return RESPONSE_UNKNOWN;
}

/*
 * Follows one segment of the server's stream: `start` is its position there, `newest` tells whether
 * it reaches further than any before, `gap` whether what lies in front of it has not been seen.
 * Segments may come out of order, twice, and on two CPUs at once; then the one with the response's
 * head may be looked at behind the one with its end.
 */
static __always_inline void response_follow(struct __sk_buff *buffer, struct socket_state *state,
					    __u64 start, __u32 offset, int newest, int gap)
{
	if (state->response.state == RESPONSE_IDLE)
		return;
	if (newest)
		state->response.tail =
			response_tail(buffer, gap ? 0 : state->response.tail, buffer->len - offset);
	if (state->response.state == RESPONSE_DUE && start == state->response.start)
		state->response.state = response_begin(buffer, &state->response, offset);
	if (state->response.state == RESPONSE_CHUNKED && response_tail_ends(state->response.tail))
		state->response.state = RESPONSE_IDLE;
	if (state->response.state == RESPONSE_BODY && state->received >= state->response.end)
		state->response.state =
			state->received == state->response.end ? RESPONSE_IDLE : RESPONSE_UNKNOWN;
}

/* Where the payload of one segment of the server lies. */
struct segment {
	__u64 start;	/* position of its first byte in the server's stream */
	__u32 sequence; /* of that byte, as TCP numbers it */
	__u32 offset;	/* in the packet */
	__u32 payload;	/* bytes; 0: none, or its position is not known */
	__u32 padding;
};

/* The server's position that `sequence` stands for: the nearest to what was received. */
static __always_inline __u64 segment_position(const struct socket_state *state, __u32 sequence)
{
	__u64 received = state->received;

	return received + (__u64)(__s64)(__s32)(sequence - state->first_sequence - (__u32)received);
}

/*
 * Reads one packet from the server, and learns from the SYN-ACK where its stream begins. Of a
 * connection that was open before the run, the stream begins with the first packet seen.
 */
static __always_inline void segment_read(struct __sk_buff *buffer, struct socket_state *state,
					 const struct packet *packet, struct segment *ret_segment)
{
	__u8 head[14];
	__u32 sequence;

	__builtin_memset(ret_segment, 0, sizeof(*ret_segment));
	if (bpf_skb_load_bytes(buffer, packet->transport, head, sizeof(head)))
		return;
	sequence = (__u32)head[4] << 24 | (__u32)head[5] << 16 | (__u32)head[6] << 8 | head[7];
	if (!state->sequence_known) {
		if (!(head[13] & TCP_FLAG_SYN_BYTE) && !state->adopted)
			return;
		state->first_sequence = sequence + (head[13] & TCP_FLAG_SYN_BYTE ? 1 : 0);
		state->sequence_known = 1;
	}
	ret_segment->offset = packet->transport + (head[12] >> 4) * 4;
	if (head[13] & TCP_FLAG_SYN_BYTE || ret_segment->offset >= buffer->len)
		return;
	ret_segment->start = segment_position(state, sequence);
	/* From before the stream began: sent again, of a connection that was open already. */
	if ((__s64)ret_segment->start < 0)
		return;
	ret_segment->sequence = sequence;
	ret_segment->payload = buffer->len - ret_segment->offset;
}

/* Takes one segment that reaches the client, and follows the responses when `follow` is set. */
static __always_inline void segment_take(struct __sk_buff *buffer, struct socket_state *state,
					 const struct segment *segment, int follow)
{
	int newest, gap;
	__u64 start;

	if (!segment->payload)
		return;
	bpf_spin_lock(&state->lock);
	start = segment_position(state, segment->sequence);
	gap = start != state->received;
	newest = start + segment->payload > state->received;
	if (newest)
		state->received = start + segment->payload;
	bpf_spin_unlock(&state->lock);
	if (follow)
		response_follow(buffer, state, start, segment->offset, newest, gap);
}

#endif
