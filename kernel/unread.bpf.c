// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How much of what the gate has written waits for each client. The kernel takes any amount for a
 * client that does not read; with this the gate stops before that fills the host's memory. The
 * iterator visits the sockets of map `sockets`, whatever their network namespace.
 */
#include "kernel/lookup.h"

/* Byte offset of the kernel's sk_rmem_alloc in struct tcp_sock, from its BTF; 0: unknown. */
const volatile __u32 config_rmem_alloc = 0;

/* What an iterator over a socket map is given (the kernel's struct bpf_iter__sockmap). */
struct unread_context {
	__u64 meta;
	__u64 map;
	void *key; /* NULL at the end */
	void *socket;
};

SEC("iter/sockmap")
int fault_unread(struct unread_context *context)
{
	void *socket = context->socket;
	__u64 *key = context->key, cookie;
	struct fault_diverted *note;
	__u8 *tcp;

	if (!key || !socket || !config_rmem_alloc)
		return 0;
	cookie = *key;
	note = bpf_map_lookup_elem(&diverted, &cookie);
	tcp = (__u8 *)bpf_skc_to_tcp_sock(socket);
	if (note && tcp)
		note->unread = *(__u32 *)(tcp + config_rmem_alloc);
	return 0;
}
