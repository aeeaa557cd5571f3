/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A sender held to a rate by the window that its peer advertises. Credit in bytes comes in with
 * time and goes with every byte that is acknowledged; what is left is the window. Pure, also
 * compiled on the host.
 */
#ifndef FAULTD_THROTTLE_H
#define FAULTD_THROTTLE_H

#include "kernel/contract.h"
#include "kernel/portable.h"

#define THROTTLE_NS_PER_S 1000000000ULL
/* Credit that may pile up, as time: more than a sender takes to ask again at a window that is shut
 * (two of TCP's timers, 200 ms and 400 ms, when its first question is not answered). */
#define THROTTLE_DEPTH_NS 1000000000ULL
/* Credit that a connection begins with, as time, and at least as bytes: some segments. */
#define THROTTLE_START_NS    20000000ULL
#define THROTTLE_START_BYTES 4096
/*
 * A shut window stays open by its smallest unit, below one segment: then what the sender asks with
 * is data, which is always acknowledged. Empty probes are answered twice a second at most (RFC
 * 5961).
 */
#define THROTTLE_UNIT_MAX 1024
/* Bytes that are sent last, and in front of them less than a sender takes for worth its while. */
#define THROTTLE_LAST	  8192
#define THROTTLE_SEGMENTS 4096

struct throttle {
	__u64 counted_at; /* ns, up to which credit has come in; 0: not begun */
	__s64 credit;	  /* bytes; below 0 while more is acknowledged than was allowed */
	__u32 acknowledged;
	__u32 padding;
};

FAULT_INLINE __u64 throttle_bytes(__u64 rate, __u64 time)
{
	/* In two parts: the product of both would not fit for a rate of Gbit/s. */
	return rate * (time / 1000) / 1000000 + rate / 1000000 * (time % 1000) / 1000;
}

/*
 * Takes note of an acknowledgement up to `acknowledged` at `now` (ns) and returns the window in
 * bytes that `rate` (bytes a second, not 0) allows behind it.
 */
FAULT_INLINE __u64 throttle_window(struct throttle *throttle, __u64 rate, __u32 acknowledged,
				   __u64 now)
{
	__u64 elapsed, earned;
	__s64 most = (__s64)throttle_bytes(rate, THROTTLE_DEPTH_NS);

	if (!throttle->counted_at) {
		throttle->counted_at = now;
		throttle->acknowledged = acknowledged;
		throttle->credit = (__s64)throttle_bytes(rate, THROTTLE_START_NS);
		if (throttle->credit < THROTTLE_START_BYTES)
			throttle->credit = THROTTLE_START_BYTES;
		return (__u64)throttle->credit;
	}
	elapsed = now - throttle->counted_at;
	if (elapsed > 60 * THROTTLE_NS_PER_S)
		elapsed = 60 * THROTTLE_NS_PER_S;
	earned = throttle_bytes(rate, elapsed);
	/* Time too short for a byte counts the next time. */
	if (earned) {
		throttle->counted_at = now;
		throttle->credit += (__s64)earned;
	}
	/* An older acknowledgement, of a segment that is sent again, takes nothing. */
	if ((__s32)(acknowledged - throttle->acknowledged) > 0) {
		throttle->credit -= acknowledged - throttle->acknowledged;
		throttle->acknowledged = acknowledged;
	}
	if (most < THROTTLE_START_BYTES)
		most = THROTTLE_START_BYTES;
	if (throttle->credit > most)
		throttle->credit = most;
	return throttle->credit > 0 ? (__u64)throttle->credit : 0;
}

/*
 * The window that lets a sender's stream end after `left` more bytes: it stops shortly before, and
 * then sends what is left at once. That is small enough for bpf_skb_change_tail, which does not
 * make packets of more than 16 KiB; the surplus over the limit is then cut off exactly.
 */
FAULT_INLINE __u64 throttle_limit(__u64 left, __u32 scale)
{
	if (left > THROTTLE_LAST + THROTTLE_SEGMENTS)
		return left - THROTTLE_LAST;
	return left + (1U << (scale & 15)) - 1;
}

/*
 * The window field that stands for `allowed` bytes where the client says `field`, each worth
 * 1 << `scale` bytes. Never more than the client's own.
 */
FAULT_INLINE __u32 throttle_field(__u32 field, __u32 scale, __u64 allowed)
{
	__u64 units = allowed >> (scale & 15);

	if (!units && (1U << (scale & 15)) <= THROTTLE_UNIT_MAX)
		units = 1;
	return units < field ? (__u32)units : field;
}

/* The window scale of a socket that advertises `window` bytes by `field`, 0 to 14. */
FAULT_INLINE __u32 throttle_scale(__u32 window, __u32 field)
{
	__u32 scale;

	for (scale = 0; scale < 14; scale++)
		if (window >> scale <= field)
			break;
	return scale;
}

#endif
