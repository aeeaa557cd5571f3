/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets as tc sees them: what they say, and what they can be made into. IPv4 with options or in
 * fragments and IPv6 with extension headers are left alone.
 */
#ifndef FAULTD_SEGMENT_H
#define FAULTD_SEGMENT_H

#include "kernel/corrupt.h"
#include "kernel/lookup.h"

#define ETHERNET_HEADER	   14
#define ETHERNET_TYPE_IPV4 0x0800
#define ETHERNET_TYPE_IPV6 0x86dd
#define IPV4_HEADER	   20
#define IPV6_HEADER	   40
#define TCP_HEADER	   20
#define UDP_HEADER	   8
#define TCP_FLAGS_AT	   13
#define TCP_WINDOW_AT	   14
#define TCP_CHECKSUM_AT	   16
#define UDP_CHECKSUM_AT	   6
#define SEGMENT_CHUNK	   128
#define SEGMENT_CHUNKS_MAX 513 /* of a packet of 64 KiB */

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

struct segment {
	__u8 source[16];      /* v4-mapped for IPv4 */
	__u8 destination[16]; /* likewise */
	__u32 header;	      /* bytes in front of the IP header */
	__u32 transport;      /* offset of the transport header */
	__u32 ipv6;
	__u32 protocol;
	__u32 source_port, destination_port;
	__u32 payload; /* bytes behind the transport header */
	/* TCP alone: */
	__u32 sequence, acknowledgement;
	__u32 options; /* offset of the payload in the segment: its header's length */
	__u32 flags;
	__u32 window;
	__u32 partial; /* the checksum is left to the device: it covers the pseudo header alone */
};

struct tcp_header {
	__be16 source, destination;
	__be32 sequence, acknowledgement;
	__u8 offset; /* upper half: words of the header */
	__u8 flags;
	__be16 window;
	__u16 checksum;
	__be16 urgent;
};

/* One's complement sum (RFC 1071) of 32-bit words in memory order, folded to 16 bits. */
static __always_inline __u16 sum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

/* Of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1) over `length` bytes. */
static __always_inline __u64 sum_pseudo(const struct segment *segment, __u32 length)
{
	const __u32 *source = (const __u32 *)segment->source;
	const __u32 *destination = (const __u32 *)segment->destination;
	__u64 sum = (__u64)source[3] + destination[3];

	if (segment->ipv6) {
		sum += (__u64)source[0] + source[1] + source[2];
		sum += (__u64)destination[0] + destination[1] + destination[2];
	}
	return sum + bpf_htonl(segment->protocol) + bpf_htonl(length);
}

/* The network header. Length of what is behind it, or -1. */
static __always_inline int segment_network(struct __sk_buff *buffer, struct segment *segment)
{
	__u32 words[10] = {}, *bytes = words;
	__u32 length;

	if (segment->ipv6) {
		if (bpf_skb_load_bytes(buffer, segment->header, bytes, IPV6_HEADER))
			return -1;
		segment->protocol = bpf_ntohl(words[1]) >> 8 & 0xff;
		length = bpf_ntohl(words[1]) >> 16;
		segment->transport = segment->header + IPV6_HEADER;
		__builtin_memcpy(segment->source, &words[2], 16);
		__builtin_memcpy(segment->destination, &words[6], 16);
	} else {
		if (bpf_skb_load_bytes(buffer, segment->header, bytes, IPV4_HEADER))
			return -1;
		/* Version 4, no options, no fragment. */
		if (bpf_ntohl(words[0]) >> 24 != 0x45 || bpf_ntohl(words[1]) & 0x3fff)
			return -1;
		segment->protocol = bpf_ntohl(words[2]) >> 16 & 0xff;
		length = bpf_ntohl(words[0]) & 0xffff;
		if (length)
			length -= IPV4_HEADER;
		segment->transport = segment->header + IPV4_HEADER;
		address_set_ipv4(segment->source, words[3]);
		address_set_ipv4(segment->destination, words[4]);
	}
	/* A packet that stands for more than 64 KiB does not say how long it is. */
	if (!length)
		length = buffer->len - segment->transport;
	return (int)length;
}

/* Reads the packet into `segment`, whose `header` is set. 0, or -1 for what is not looked at. */
FAULT_SCAN int segment_read(struct __sk_buff *buffer, struct segment *segment)
{
	struct tcp_header tcp;
	int length;

	if (!segment)
		return -1;
	if (buffer->protocol == bpf_htons(ETHERNET_TYPE_IPV6))
		segment->ipv6 = 1;
	else if (buffer->protocol != bpf_htons(ETHERNET_TYPE_IPV4))
		return -1;
	length = segment_network(buffer, segment);
	if (length < 0)
		return -1;
	if (segment->protocol == FAULT_PROTOCOL_UDP) {
		if (length < UDP_HEADER ||
		    bpf_skb_load_bytes(buffer, segment->transport, &tcp, UDP_HEADER))
			return -1;
		segment->source_port = bpf_ntohs(tcp.source);
		segment->destination_port = bpf_ntohs(tcp.destination);
		segment->payload = (__u32)length - UDP_HEADER;
		return 0;
	}
	if (segment->protocol != FAULT_PROTOCOL_TCP ||
	    bpf_skb_load_bytes(buffer, segment->transport, &tcp, sizeof(tcp)))
		return -1;
	segment->source_port = bpf_ntohs(tcp.source);
	segment->destination_port = bpf_ntohs(tcp.destination);
	segment->sequence = bpf_ntohl(tcp.sequence);
	segment->acknowledgement = bpf_ntohl(tcp.acknowledgement);
	segment->options = (tcp.offset >> 4) * 4;
	segment->flags = tcp.flags;
	segment->window = bpf_ntohs(tcp.window);
	segment->partial = tcp.checksum == sum_fold(sum_pseudo(segment, (__u32)length));
	if (segment->options < TCP_HEADER || segment->options > (__u32)length)
		return -1;
	segment->payload = (__u32)length - segment->options;
	return 0;
}

/* Lets an Ethernet frame go back to where it came from. */
static __always_inline void segment_turn_frame(struct __sk_buff *buffer,
					       const struct segment *segment)
{
	__u8 addresses[12], turned[12];

	if (segment->header != ETHERNET_HEADER ||
	    bpf_skb_load_bytes(buffer, 0, addresses, sizeof(addresses)))
		return;
	__builtin_memcpy(turned, addresses + 6, 6);
	__builtin_memcpy(turned + 6, addresses, 6);
	bpf_skb_store_bytes(buffer, 0, turned, sizeof(turned), 0);
}

/* Writes an IP header for `length` bytes of the segment's protocol. */
static __always_inline void segment_write_network(struct __sk_buff *buffer,
						  const struct segment *segment, __u32 length)
{
	const __u32 *source = (const __u32 *)segment->source;
	const __u32 *destination = (const __u32 *)segment->destination;
	__u32 words[10] = {};
	__u64 sum;

	if (segment->ipv6) {
		words[0] = bpf_htonl(6U << 28);
		words[1] = bpf_htonl(length << 16 | segment->protocol << 8 | 64);
		__builtin_memcpy(&words[2], segment->source, 16);
		__builtin_memcpy(&words[6], segment->destination, 16);
		bpf_skb_store_bytes(buffer, segment->header, words, IPV6_HEADER, 0);
		return;
	}
	words[0] = bpf_htonl(0x45U << 24 | (IPV4_HEADER + length));
	words[1] = bpf_htonl(0x4000); /* do not fragment */
	words[2] = bpf_htonl(64U << 24 | segment->protocol << 16);
	words[3] = source[3];
	words[4] = destination[3];
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	words[2] |= bpf_htonl(bpf_ntohs((__u16)~sum_fold(sum)));
	bpf_skb_store_bytes(buffer, segment->header, words, IPV4_HEADER, 0);
}

/*
 * Makes the packet at hand a reset between the ends of `segment`, which was read from it: on its
 * way when not `back`, to its sender otherwise. 0 or -1.
 */
FAULT_SCAN int segment_make_reset(struct __sk_buff *buffer, const struct segment *segment,
				  __u32 back, __u32 sequence, __u32 acknowledgement)
{
	struct tcp_header tcp = {
		.sequence = bpf_htonl(sequence),
		.acknowledgement = bpf_htonl(acknowledgement),
		.offset = TCP_HEADER / 4 << 4,
		.flags = TCP_RST | TCP_ACK,
	};
	const __u32 *words = (const __u32 *)&tcp;
	struct segment ends;
	__u64 sum;

	if (!segment)
		return -1;
	ends = *segment;
	if (back) {
		__builtin_memcpy(ends.source, segment->destination, 16);
		__builtin_memcpy(ends.destination, segment->source, 16);
		ends.source_port = segment->destination_port;
		ends.destination_port = segment->source_port;
	}
	if (bpf_skb_change_tail(buffer, segment->transport + TCP_HEADER, 0))
		return -1;
	if (back)
		segment_turn_frame(buffer, segment);
	segment_write_network(buffer, &ends, TCP_HEADER);
	tcp.source = bpf_htons((__u16)ends.source_port);
	tcp.destination = bpf_htons((__u16)ends.destination_port);
	sum = sum_pseudo(&ends, TCP_HEADER);
	if (segment->partial)
		tcp.checksum = sum_fold(sum);
	else
		tcp.checksum = (__u16)~sum_fold(sum + words[0] + words[1] + words[2] + words[3] +
						words[4]);
	return bpf_skb_store_bytes(buffer, segment->transport, &tcp, sizeof(tcp), 0) ? -1 : 0;
}

/* One's complement sum of `length` bytes from `at`, not folded. */
FAULT_SCAN __u32 segment_sum(struct __sk_buff *buffer, __u32 at, __u32 length)
{
	__u32 bytes[SEGMENT_CHUNK / 4] = {}, sum = 0, i, whole = length / SEGMENT_CHUNK;

	for (i = 0; i < SEGMENT_CHUNKS_MAX; i++) {
		if (i >= whole)
			break;
		if (bpf_skb_load_bytes(buffer, at + i * SEGMENT_CHUNK, bytes, sizeof(bytes)))
			return 0;
		sum = (__u32)bpf_csum_diff(NULL_POINTER, 0, bytes, sizeof(bytes), sum);
	}
	length -= whole * SEGMENT_CHUNK;
	if (!length)
		return sum;
	length = ((length - 1) & (SEGMENT_CHUNK - 1)) + 1;
	__builtin_memset(bytes, 0, sizeof(bytes));
	if (bpf_skb_load_bytes(buffer, at + whole * SEGMENT_CHUNK, bytes, length))
		return 0;
	return (__u32)bpf_csum_diff(NULL_POINTER, 0, bytes, sizeof(bytes), sum);
}

/*
 * Changes the byte `offset` of the segment's payload as corrupt_byte says, and its checksum with
 * it. 0 or -1.
 */
FAULT_SCAN int segment_change(struct __sk_buff *buffer, const struct segment *segment, __u32 offset,
			      __u64 draw, __u64 place)
{
	__u8 before[2] = {}, after[2];
	__u32 in_segment, odd, size, at;

	if (!segment)
		return -1;
	/* Checksums are over pairs of bytes from the header on; the last may stand alone. */
	in_segment = segment->options + offset;
	odd = in_segment & 1;
	size = odd || offset + 1 < segment->payload ? 2 : 1;
	at = segment->transport + in_segment - odd;
	if (size == 2 ? bpf_skb_load_bytes(buffer, at, before, 2)
		      : bpf_skb_load_bytes(buffer, at, before, 1))
		return -1;
	after[0] = odd ? before[0] : corrupt_byte(draw, place, before[0]);
	after[1] = odd ? corrupt_byte(draw, place, before[1]) : before[1];
	if (size == 2 ? bpf_skb_store_bytes(buffer, at, after, 2, 0)
		      : bpf_skb_store_bytes(buffer, at, after, 1, 0))
		return -1;
	/* Nothing is done where the device writes the checksum. */
	return bpf_l4_csum_replace(buffer, segment->transport + TCP_CHECKSUM_AT, *(__u16 *)before,
				   *(__u16 *)after, sizeof(__u16))
		       ? -1
		       : 0;
}

/* Cuts the segment off after `keep` bytes of its payload, which has more. 0 or -1. */
FAULT_SCAN int segment_trim(struct __sk_buff *buffer, const struct segment *segment, __u32 keep)
{
	__u32 length, at;
	__u16 checksum = 0;
	__u8 flags;

	if (!segment)
		return -1;
	at = segment->transport;
	length = segment->options + keep;
	flags = (__u8)(segment->flags & ~TCP_FIN);
	if (bpf_skb_change_tail(buffer, at + length, 0))
		return -1;
	segment_write_network(buffer, segment, length);
	bpf_skb_store_bytes(buffer, at + TCP_FLAGS_AT, &flags, sizeof(flags), 0);
	if (segment->partial) {
		checksum = sum_fold(sum_pseudo(segment, length));
	} else {
		bpf_skb_store_bytes(buffer, at + TCP_CHECKSUM_AT, &checksum, sizeof(checksum), 0);
		checksum = (__u16)~sum_fold(sum_pseudo(segment, length) +
					    segment_sum(buffer, at, length));
	}
	return bpf_skb_store_bytes(buffer, at + TCP_CHECKSUM_AT, &checksum, sizeof(checksum), 0)
		       ? -1
		       : 0;
}

#endif
