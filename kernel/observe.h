/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What becomes of the connections of observed rules: whether they come about, what they send again,
 * and what the server answers. Nothing here changes what happens to them.
 */
#ifndef FAULTD_OBSERVE_H
#define FAULTD_OBSERVE_H

#include "kernel/lookup.h"
#include "kernel/status.h"

enum observation { OBSERVED_OPENED, OBSERVED_ESTABLISHED, OBSERVED_RETRANSMITS };

/* Adds `amount` to what is counted as `what` for each rule of `mask` in the bucket of `at`. */
FAULT_SCAN int observe_count(__u64 mask, __u32 what, __u64 amount, __u64 at)
{
	int i;

	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		struct fault_series *bucket = series_get(mask_lowest(mask), at);

		if (!bucket)
			continue;
		if (what == OBSERVED_OPENED)
			COUNT(bucket->opened, amount);
		else if (what == OBSERVED_ESTABLISHED)
			COUNT(bucket->established, amount);
		else
			COUNT(bucket->retransmits, amount);
	}
	return 0;
}

/* Counts one response for each rule of `mask` in the bucket of `at`. */
FAULT_SCAN int observe_count_response(__u64 mask, __u32 response, __u64 at)
{
	int i;

	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1) {
		struct fault_series *bucket = series_get(mask_lowest(mask), at);

		if (bucket)
			COUNT(bucket->responses[response & (FAULT_RESPONSE_MAX - 1)], 1);
	}
	return 0;
}

/* A connection that the rules of `mask` have matched goes out to the server. */
static __always_inline void observe_opened(struct socket_state *state, __u64 mask, __u64 now)
{
	state->observed = mask;
	state->awaited = mask;
	state->asked_at = now;
	observe_count(mask, OBSERVED_OPENED, 1, now);
}

/* A message that the rules of `matched` were counted for goes out; `request`: HTTP in the clear. */
static __always_inline void observe_message(struct socket_state *state,
					    const struct fault_control *fault_control,
					    __u64 matched, int request, __u64 now)
{
	__u64 rules = fault_control->observed_rules & (matched | state->decided);

	state->observed |= rules;
	if (!request)
		return;
	state->awaited = rules;
	state->asked_at = now;
}

/* The connection stands. Later than FAULT_SETTLE_NS is too late for its bucket. */
static __always_inline void observe_established(const struct socket_state *state)
{
	__u64 asked_at = state->asked_at, now = bpf_ktime_get_boot_ns();

	if (state->observed && now - asked_at <= FAULT_SETTLE_NS)
		observe_count(state->observed, OBSERVED_ESTABLISHED, 1, asked_at);
}

/*
 * One segment of the server that reaches the client, its TCP header at `transport`: when it begins
 * with a response's head, that is counted. A head that is sent again is not ahead of the last one.
 */
static __always_inline void observe_segment(struct __sk_buff *buffer, struct socket_state *state,
					    __u32 transport)
{
	__u8 header[14], front[STATUS_FRONT];
	__u32 sequence, status;
	__u64 now, at;

	if (!state->awaited || bpf_skb_load_bytes(buffer, transport, header, sizeof(header)) ||
	    bpf_skb_load_bytes(buffer, transport + (header[12] >> 4) * 4, front, sizeof(front)))
		return;
	status = status_of(front);
	sequence =
		(__u32)header[4] << 24 | (__u32)header[5] << 16 | (__u32)header[6] << 8 | header[7];
	if (!status || (state->head_seen && (__s32)(sequence - state->head_sequence) <= 0))
		return;
	state->head_sequence = sequence;
	state->head_seen = 1;
	now = bpf_ktime_get_boot_ns();
	at = state->asked_at;
	if (!at || now - at > FAULT_SETTLE_NS)
		at = now;
	observe_count_response(state->awaited, status_class(status), at);
	/* An interim response comes before the one that answers. */
	if (status >= 200)
		state->asked_at = 0;
}

#endif
