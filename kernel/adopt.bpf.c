// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Adoption: connections that were open before a rule came are put where the message layer sees what
 * their clients send. User space has found them by sock_diag, with their cgroup and whether a
 * listener holds their local port, and names them by cookie in map `adoptees`; this iterator visits
 * the sockets of one network namespace and takes those. Needs the kernel's BTF.
 */
#include "kernel/lookup.h"

/*
 * Byte offsets of fields of the kernel's struct tcp_sock, read by the engine from its BTF before
 * loading. Without the first two nothing is adopted.
 */
const volatile __u32 config_adopt_rcv_nxt = 0;
const volatile __u32 config_adopt_copied_seq = 0;
const volatile __u32 config_adopt_last_sent = 0;     /* jiffies of the last data sent */
const volatile __u32 config_adopt_last_received = 0; /* jiffies of the last data received */
const volatile __u32 config_adopt_snd_una = 0;
const volatile __u32 config_adopt_snd_nxt = 0;
const volatile __u32 config_adopt_snd_wl1 = 0; /* sequence of the last segment that acknowledged */

/* What an iterator over TCP sockets is given (the kernel's struct bpf_iter__tcp). */
struct adopt_context {
	__u64 meta;
	void *socket; /* NULL at the end */
	__u32 uid;
};

/*
 * Positions in the server's stream begin here for an adopted connection, not at 0, so that a
 * segment from before the adoption does not lie below 0.
 */
#define ADOPT_POSITION (1ULL << 32)

static __always_inline __u32 tcp_field(const __u8 *tcp, __u32 offset)
{
	return *(__u32 *)(tcp + offset);
}

/*
 * Whether the client was the last to speak. Jiffies tell, unless both spoke within the same one:
 * then the server has if what it acknowledged last came in front of its newest byte.
 */
static __always_inline int adopt_is_due(const __u8 *tcp, __u32 next)
{
	__s32 ahead = (__s32)(tcp_field(tcp, config_adopt_last_sent) -
			      tcp_field(tcp, config_adopt_last_received));

	if (ahead)
		return ahead > 0;
	return tcp_field(tcp, config_adopt_snd_una) != tcp_field(tcp, config_adopt_snd_nxt) ||
	       tcp_field(tcp, config_adopt_snd_wl1) == next;
}

/*
 * Where the server's side stands. When the client was the last to speak and has read everything,
 * a response is due and begins with the next byte. Otherwise nothing is outstanding for a client
 * that does not pipeline; bytes that it has not read yet are seen when it sends.
 */
static __always_inline void adopt_position(struct socket_state *state, const __u8 *tcp)
{
	__u32 next = tcp_field(tcp, config_adopt_rcv_nxt);

	state->first_sequence = next;
	state->sequence_known = 1;
	state->received = ADOPT_POSITION;
	state->response.state = RESPONSE_IDLE;
	if (next == tcp_field(tcp, config_adopt_copied_seq) && adopt_is_due(tcp, next)) {
		state->response.state = RESPONSE_DUE;
		state->response.start = ADOPT_POSITION;
	}
}

/* A connection that no hook has seen, or whose packets alone were. */
static __always_inline void adopt_state(struct socket_state *state,
					const struct fault_adoptee *from,
					const struct fault_control *fault_control, __u64 cookie,
					const __u8 *tcp)
{
	state->generation = fault_control->generation;
	state->cookie = cookie;
	state->port = from->port;
	__builtin_memcpy(state->address, from->address, 16);
	adopt_position(state, tcp);
	state->mode = SOCKET_ADOPTED;
	state->adopted = 1;
}

SEC("iter/tcp")
int fault_adopt(struct adopt_context *context)
{
	struct fault_control *fault_control = control_get();
	void *socket = context->socket;
	struct fault_adoptee *adoptee;
	struct socket_state *state;
	__u64 cookie;
	__u8 *tcp;

	if (!socket || !fault_control || !config_adopt_rcv_nxt || !config_adopt_copied_seq)
		return 0;
	tcp = (__u8 *)bpf_skc_to_tcp_sock(socket);
	if (!tcp)
		return 0;
	cookie = bpf_get_socket_cookie(tcp);
	adoptee = bpf_map_lookup_elem(&adoptees, &cookie);
	if (!adoptee)
		return 0;
	state = bpf_sk_storage_get(&socket_state, tcp, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state || state->inbound)
		return 0;
	if (!state->candidates) {
		adopt_state(state, adoptee, fault_control, cookie, tcp);
		if (bpf_map_update_elem(&sockets, &cookie, tcp, BPF_ANY)) {
			/* Another program's sockmap holds the socket already. */
			state->mode = SOCKET_OPAQUE;
			count_reasons(adoptee->candidates, FAULT_REASON_NO_SOCKMAP);
			return 0;
		}
	}
	state->candidates |= adoptee->candidates;
	state->by_address |= adoptee->by_address;
	adoptee->adopted = 1;
	return 0;
}
