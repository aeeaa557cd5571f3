// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What the kernel's TCP tells of connections (sockops): that one stands which the message layer may
 * have to look at, that the client of one in the gate's hands closes it, and what becomes of those
 * that are observed.
 */
#include "kernel/lookup.h"
#include "kernel/observe.h"

/* The client's end of a diverted connection closes: the gate is told by way of the engine. */
static __always_inline void report_closed(const struct bpf_sock_ops *operation,
					  const struct socket_state *state)
{
	struct fault_event *event;
	__u64 cookie = state->cookie;

	if (!bpf_map_lookup_elem(&diverted, &cookie))
		return;
	if (operation->args[1] == BPF_TCP_CLOSE)
		bpf_map_delete_elem(&diverted, &cookie);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->at = bpf_ktime_get_boot_ns();
	event->kind = FAULT_EVENT_CLOSED;
	event->cookie = cookie;
	bpf_ringbuf_submit(event, 0);
}

/* What the connection sends again is of interest to some rule, or may come to be. */
static __always_inline void observe_retransmits(struct bpf_sock_ops *operation,
						const struct socket_state *state)
{
	struct fault_control *fault_control = control_get();

	if (fault_control && fault_control->observed_rules & (state->observed | state->candidates))
		bpf_sock_ops_cb_flags_set(operation, operation->bpf_sock_ops_cb_flags |
							     BPF_SOCK_OPS_RETRANS_CB_FLAG);
}

static __always_inline void watch_connection(struct bpf_sock_ops *operation,
					     const struct socket_state *state)
{
	struct fault_control *fault_control = control_get();
	__u64 cookie;

	if (!state->candidates || !fault_control)
		return;
	cookie = state->cookie;
	/* Fails with EBUSY when another program's sockmap holds the socket already. */
	if (bpf_sock_hash_update(operation, &sockets, &cookie, BPF_ANY))
		count_reasons(state->candidates, FAULT_REASON_NO_SOCKMAP);
	else if (fault_control->flags & FAULT_CONTROL_GATE)
		bpf_sock_ops_cb_flags_set(operation, operation->bpf_sock_ops_cb_flags |
							     BPF_SOCK_OPS_STATE_CB_FLAG);
}

/* Whether the client has sent its last: by FIN, or all at once. */
static __always_inline int state_is_closing(__u32 state)
{
	return state == BPF_TCP_FIN_WAIT1 || state == BPF_TCP_LAST_ACK || state == BPF_TCP_CLOSE;
}

SEC("sockops")
int fault_sockops(struct bpf_sock_ops *operation)
{
	struct bpf_sock *socket = operation->sk;
	struct socket_state *state;

	if (!socket)
		return 1;
	state = bpf_sk_storage_get(&socket_state, socket, 0, 0);
	if (!state)
		return 1;
	switch (operation->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		observe_retransmits(operation, state);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		observe_established(state);
		watch_connection(operation, state);
		break;
	case BPF_SOCK_OPS_RETRANS_CB:
		observe_count(state->observed, OBSERVED_RETRANSMITS, operation->args[1],
			      bpf_ktime_get_boot_ns());
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (state_is_closing(operation->args[1]))
			report_closed(operation, state);
		break;
	}
	return 1;
}
