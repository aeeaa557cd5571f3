/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who opened a connection that was there before any hook looked. */
#ifndef FAULTD_INBOUND_H
#define FAULTD_INBOUND_H

#include "kernel/lookup.h"

#define ADDRESS_FAMILY_INET  2
#define ADDRESS_FAMILY_INET6 10

/* Whether a listener holds the socket's local address: then its peer opened the connection. */
static __always_inline int socket_is_inbound(struct __sk_buff *buffer, struct bpf_sock *socket)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *listener;
	__u32 size, state;

	/* A remote port of 0 belongs to no connection, so that only a listener can be found. */
	if (socket->family == ADDRESS_FAMILY_INET) {
		tuple.ipv4.saddr = socket->dst_ip4;
		tuple.ipv4.daddr = socket->src_ip4;
		tuple.ipv4.dport = bpf_htons((__u16)socket->src_port);
		size = sizeof(tuple.ipv4);
	} else {
		tuple.ipv6.saddr[0] = socket->dst_ip6[0];
		tuple.ipv6.saddr[1] = socket->dst_ip6[1];
		tuple.ipv6.saddr[2] = socket->dst_ip6[2];
		tuple.ipv6.saddr[3] = socket->dst_ip6[3];
		tuple.ipv6.daddr[0] = socket->src_ip6[0];
		tuple.ipv6.daddr[1] = socket->src_ip6[1];
		tuple.ipv6.daddr[2] = socket->src_ip6[2];
		tuple.ipv6.daddr[3] = socket->src_ip6[3];
		tuple.ipv6.dport = bpf_htons((__u16)socket->src_port);
		size = sizeof(tuple.ipv6);
	}
	listener = bpf_skc_lookup_tcp(buffer, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!listener)
		return 0;
	state = listener->state;
	bpf_sk_release(listener);
	return state == BPF_TCP_LISTEN;
}

#endif
