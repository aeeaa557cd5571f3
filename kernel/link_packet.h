/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of the link layer share: the packet at hand, and what becomes of DNS queries.
 */
#ifndef FAULTD_LINK_PACKET_H
#define FAULTD_LINK_PACKET_H

#include "kernel/dns.h"
#include "kernel/link.h"
#include "kernel/segment.h"
#include "kernel/shadow.h"
#include "kernel/verdict.h"

#define PORT_DNS     53
#define DNS_HEADER   12
#define DNS_FLAGS_AT 2

/* Verdicts of tcx. Other programs at the hook see what is not ours. */
enum { LINK_NEXT = -1, LINK_DELIVER = 0, LINK_DROP = 2 };

/* A packet on its way through a program. */
struct link_packet {
	struct segment segment;
	struct flow flow; /* its remote end */
	__u64 now;
	__u32 loopback;
	__u32 egress;
	__u64 device_rules; /* for forwarded traffic that enters here */
	struct fault_forwarded_key key;
	struct fault_look look;
	struct fault_match match;
	struct fault_text text; /* a query */
	struct dns_name dns_name;
	struct fault_name_key name;
	struct fault_shadow_key shadow; /* whose it is; the message layer has its own */
};

/*
 * The packet at hand, which is too much for the stack. The programs run with softirqs off, and what
 * they send themselves has no socket and is let through before it would be written here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct link_packet);
} link_packets SEC(".maps") __weak;

/* Reads the packet at hand. NULL for what is not looked at. */
static __always_inline struct link_packet *link_begin(struct __sk_buff *buffer, __u32 egress)
{
	__u32 index = buffer->ifindex, zero = 0;
	struct fault_device *device = bpf_map_lookup_elem(&devices, &index);
	struct link_packet *packet = bpf_map_lookup_elem(&link_packets, &zero);
	struct segment *segment;

	if (!device || !packet)
		return NULL_POINTER;
	segment = &packet->segment;
	__builtin_memset(segment, 0, sizeof(*segment));
	segment->header = device->header;
	packet->loopback = device->flags & FAULT_DEVICE_LOOPBACK;
	packet->egress = egress;
	packet->device_rules = device->rules;
	if (segment_read(buffer, segment))
		return NULL_POINTER;
	packet->flow.protocol = segment->protocol;
	packet->flow.port = egress ? segment->destination_port : segment->source_port;
	if (egress)
		__builtin_memcpy(packet->flow.address, segment->destination, 16);
	else
		__builtin_memcpy(packet->flow.address, segment->source, 16);
	packet->now = bpf_ktime_get_boot_ns();
	return packet;
}

/* Lets the packet at hand, rewritten to go back, arrive where it came from. On the loopback it does
 * so by going on. */
static __always_inline int link_return(struct __sk_buff *buffer, const struct link_packet *packet)
{
	if (packet->loopback)
		return LINK_DELIVER;
	return (int)bpf_redirect(buffer->ifindex, BPF_F_INGRESS);
}

/* Bytes of sequence space that the segment takes. */
static __always_inline __u32 link_extent(const struct segment *segment)
{
	return segment->payload + !!(segment->flags & (TCP_SYN | TCP_FIN));
}

/* Copies a query to packet->text. 0 or -1. */
FAULT_SCAN int link_load_query(struct __sk_buff *buffer)
{
	__u32 zero = 0, at, length;
	struct link_packet *packet = bpf_map_lookup_elem(&link_packets, &zero);

	if (!packet)
		return -1;
	at = packet->segment.transport + UDP_HEADER;
	length = packet->segment.payload;
	if (length <= DNS_HEADER)
		return -1;
	if (length > FAULT_TEXT_MAX)
		length = FAULT_TEXT_MAX;
	length = ((length - 1) & FAULT_TEXT_MASK) + 1;
	if (bpf_skb_load_bytes(buffer, at, packet->text.bytes, length))
		return -1;
	packet->text.length = length;
	return 0;
}

/* The rules whose names match that of the query in packet->text: a standard one of one question. */
FAULT_SCAN __u64 link_query_rules(void)
{
	struct fault_control *fault_control = control_get();
	__u32 zero = 0;
	struct link_packet *packet = bpf_map_lookup_elem(&link_packets, &zero);
	__u64 *found;

	if (!packet || !fault_control)
		return 0;
	if (text_at(&packet->text, DNS_FLAGS_AT) & 0xf8 || text_be16(&packet->text, 4) != 1)
		return 0;
	if (dns_read_name(&packet->text, DNS_HEADER, &packet->dns_name) ||
	    dns_name_key(&packet->dns_name, &packet->name))
		return 0;
	found = bpf_map_lookup_elem(&names, &packet->name);
	return found ? *found & fault_control->query_rules : 0;
}

/* In a shadow: the packet at hand belongs to `cgroup` (id; 0: it is forwarded). */
static __always_inline void link_identify(struct link_packet *packet, __u64 cgroup)
{
	struct fault_control *fault_control = control_get();

	if (!fault_control || !shadow_is_on(fault_control))
		return;
	__builtin_memset(&packet->shadow, 0, sizeof(packet->shadow));
	packet->shadow.cgroup = cgroup;
}

/* In a shadow: it is about the name in packet->dns_name. */
FAULT_SCAN int link_identify_query(void)
{
	struct fault_control *fault_control = control_get();
	__u32 zero = 0, i;
	struct link_packet *packet = bpf_map_lookup_elem(&link_packets, &zero);

	if (!packet || !fault_control || !shadow_is_on(fault_control))
		return 0;
	for (i = 0; i < FAULT_SHADOW_NAME_MAX - 1; i++) {
		if (i >= packet->dns_name.length)
			break;
		packet->shadow.name[i] = packet->dns_name.bytes[i];
	}
	return 0;
}

/* Counts for a shadow that `rule` has matched the packet at hand. */
FAULT_SCAN int link_shadow(__u32 rule, __u32 what)
{
	struct fault_control *fault_control = control_get();
	__u32 zero = 0;
	struct link_packet *packet = bpf_map_lookup_elem(&link_packets, &zero);

	if (!packet || !fault_control || !shadow_is_on(fault_control))
		return 0;
	return shadow_add(&packet->shadow, rule, &packet->flow, what);
}

/* Counts the packet at hand, protected, for every rule in `mask`. */
FAULT_SCAN int link_protected(__u64 mask)
{
	int i;

	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1)
		link_shadow(mask_lowest(mask), SHADOW_CONNECT | SHADOW_PROTECTED);
	return 0;
}

static __always_inline int link_would_hit(int reason)
{
	return reason == FAULT_REASON_HIT || reason == FAULT_REASON_SHADOW;
}

/* Lets the rules of `mask` decide on a query. What is to be said, or -1: it passes. */
FAULT_SCAN int link_decide_query(__u64 mask, const struct flow *flow, __u64 cookie, __u64 item)
{
	__u64 now = bpf_ktime_get_boot_ns();
	int i, answer = -1, won = 0;

	if (!flow)
		return -1;
	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		__u32 index = mask_lowest(mask);
		struct fault_rule *rule = bpf_map_lookup_elem(&rules, &index);
		int reason = rule_verdict(index, cookie, item, now);

		if (!rule)
			continue;
		count_arrival(index, MATCH_REQUEST, now);
		if (link_would_hit(reason))
			reason =
				won ? FAULT_REASON_OUTRANKED : rule_claim(index, cookie, flow, now);
		won |= link_would_hit(reason);
		if (reason != FAULT_REASON_HIT) {
			count_pass(index, flow, reason, now);
			link_shadow(index,
				    SHADOW_REQUEST | (reason == FAULT_REASON_SHADOW
							      ? SHADOW_HIT | SHADOW_CONNECTION
							      : 0));
			continue;
		}
		answer = rule->dns;
		count_hit(index, flow, now);
	}
	return answer;
}

/* Makes the query its own response, with `rcode` and without records. */
static __always_inline int link_answer_query(struct __sk_buff *buffer,
					     const struct link_packet *packet, __u32 rcode)
{
	const struct segment *segment = &packet->segment;
	__u32 at = segment->transport, flags_at = at + UDP_HEADER + DNS_FLAGS_AT;
	__be16 ports[2], from, to;
	__u32 addresses[8];

	if (bpf_skb_load_bytes(buffer, flags_at, &from, sizeof(from)))
		return LINK_NEXT;
	to = bpf_htons(link_dns_flags(bpf_ntohs(from), rcode));
	if (bpf_l4_csum_replace(buffer, at + UDP_CHECKSUM_AT, from, to,
				sizeof(to) | BPF_F_MARK_MANGLED_0))
		return LINK_NEXT;
	bpf_skb_store_bytes(buffer, flags_at, &to, sizeof(to), 0);
	/* Ends that change places leave both checksums as they are. */
	ports[0] = bpf_htons((__u16)segment->destination_port);
	ports[1] = bpf_htons((__u16)segment->source_port);
	bpf_skb_store_bytes(buffer, at, ports, sizeof(ports), 0);
	__builtin_memcpy(addresses, segment->destination, 16);
	__builtin_memcpy(addresses + 4, segment->source, 16);
	if (segment->ipv6) {
		bpf_skb_store_bytes(buffer, segment->header + 8, addresses, 32, 0);
	} else {
		addresses[0] = addresses[3];
		addresses[1] = addresses[7];
		bpf_skb_store_bytes(buffer, segment->header + 12, addresses, 8, 0);
	}
	segment_turn_frame(buffer, segment);
	return link_return(buffer, packet);
}

#endif
