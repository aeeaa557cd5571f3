/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a router says when it knows no way to a host (RFC 792; RFC 4443, 3.1). */
#ifndef FAULTD_ICMP_H
#define FAULTD_ICMP_H

#include "kernel/segment.h"

#define ICMP_PROTOCOL		1
#define ICMP_HOST_UNREACHABLE	0x0301 /* type and code */
#define ICMPV6_PROTOCOL		58
#define ICMPV6_HOST_UNREACHABLE 0x0103 /* address unreachable */
#define ICMP_HEADER		8
#define ICMP_QUOTED		8 /* bytes of the transport header: the ports are among them */

/* A message of ICMP: its header and what it quotes. */
struct icmp_message {
	__be16 what;
	__u16 checksum;
	__u32 unused;
	__u8 quote[IPV6_HEADER + ICMP_QUOTED];
};

/* Completes `message`, of which `quoted` bytes are quoted, and writes it and its network header
 * over the packet. `quoted` is a constant. */
static __always_inline int icmp_write(struct __sk_buff *buffer, const struct segment *ends,
				      struct icmp_message *message, __u32 quoted, __u64 sum)
{
	__u32 length = ICMP_HEADER + quoted;

	if (bpf_skb_load_bytes(buffer, ends->header, message->quote, quoted) ||
	    bpf_skb_change_tail(buffer, ends->transport + length, 0))
		return -1;
	sum += (__u32)bpf_csum_diff(NULL_POINTER, 0, (__be32 *)message, length, 0);
	message->checksum = (__u16)~sum_fold(sum);
	segment_turn_frame(buffer, ends);
	segment_write_network(buffer, ends, length);
	return bpf_skb_store_bytes(buffer, ends->transport, message, length, 0) ? -1 : 0;
}

/*
 * Makes the packet at hand, of which `segment` was read, the message to its sender that its
 * destination cannot be reached, as if from that destination. A checksum that was left to a device
 * is not looked at where such a packet comes from: virtual interfaces. 0 or -1.
 */
FAULT_SCAN int icmp_make_unreachable(struct __sk_buff *buffer, const struct segment *segment)
{
	struct icmp_message message = {};
	struct segment ends;

	if (!segment)
		return -1;
	ends = *segment;
	__builtin_memcpy(ends.source, segment->destination, 16);
	__builtin_memcpy(ends.destination, segment->source, 16);
	if (segment->ipv6) {
		ends.protocol = ICMPV6_PROTOCOL;
		message.what = bpf_htons(ICMPV6_HOST_UNREACHABLE);
		return icmp_write(buffer, &ends, &message, IPV6_HEADER + ICMP_QUOTED,
				  sum_pseudo(&ends, ICMP_HEADER + IPV6_HEADER + ICMP_QUOTED));
	}
	ends.protocol = ICMP_PROTOCOL;
	message.what = bpf_htons(ICMP_HOST_UNREACHABLE);
	return icmp_write(buffer, &ends, &message, IPV4_HEADER + ICMP_QUOTED, 0);
}

#endif
