/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Look-ups in the maps, counting and events: what every layer shares. */
#ifndef FAULTD_LOOKUP_H
#define FAULTD_LOOKUP_H

#include "kernel/maps.h"

#include <bpf/bpf_endian.h>

#include "kernel/effect.h"
#include "kernel/match.h"

/* Destination of a connection or packet. */
struct flow {
	__u8 address[16]; /* v4-mapped for IPv4 */
	__u32 protocol;	  /* IPPROTO_* */
	__u32 port;
};

static __always_inline int address_is_ipv4(const __u8 address[16])
{
	const __u32 *words = (const __u32 *)address;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

static __always_inline void address_set_ipv4(__u8 address[16], __u32 ipv4)
{
	__u32 *words = (__u32 *)address;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = ipv4;
}

static __always_inline void look_port(const struct fault_control *control, const struct flow *flow,
				      struct fault_masks *ret_masks)
{
	__u32 key = flow->protocol << 16 | (flow->port & 0xffff);
	struct fault_masks *found = bpf_map_lookup_elem(&ports, &key);

	if (found) {
		*ret_masks = *found;
		return;
	}
	if (flow->protocol == FAULT_PROTOCOL_TCP) {
		ret_masks->rules = control->any_tcp_port;
		ret_masks->protect = control->protect_any_tcp_port;
	} else {
		ret_masks->rules = control->any_udp_port;
		ret_masks->protect = control->protect_any_udp_port;
	}
}

static __always_inline void look_destination(const struct fault_control *control,
					     const __u8 address[16], struct fault_masks *ret_masks)
{
	struct fault_masks *found;

	if (address_is_ipv4(address)) {
		struct fault_prefix4 key = {.length = 32};

		__builtin_memcpy(key.address, address + 12, 4);
		found = bpf_map_lookup_elem(&prefixes4, &key);
	} else {
		struct fault_prefix6 key = {.length = 128};

		__builtin_memcpy(key.address, address, 16);
		found = bpf_map_lookup_elem(&prefixes6, &key);
	}
	if (found) {
		*ret_masks = *found;
		return;
	}
	ret_masks->rules = control->any_destination;
	ret_masks->protect = control->protect_any_destination;
}

static __always_inline void look_learned(const struct fault_control *control,
					 const __u8 address[16], struct fault_learned *ret_learned)
{
	struct fault_learned *found;

	__builtin_memset(ret_learned, 0, sizeof(*ret_learned));
	if (!(control->flags & FAULT_CONTROL_NAMES))
		return;
	found = bpf_map_lookup_elem(&addresses, address);
	if (found)
		*ret_learned = *found;
}

/*
 * Rules that the cgroup of the packet's socket leaves; 0 outside the scope. A program that is
 * `attached` to the scope's cgroups sees no packet from outside of it.
 */
static __always_inline __u64 look_packet_cgroup(const struct fault_control *control,
						struct __sk_buff *buffer, int attached)
{
	__u64 mask = control->any_cgroup;
	int level, inside = attached || !(control->flags & FAULT_CONTROL_SCOPE);

	if (inside && !(control->flags & FAULT_CONTROL_CGROUP))
		return mask;
	for (level = 1; level < FAULT_CGROUP_LEVELS_MAX; level++) {
		__u64 id = bpf_skb_ancestor_cgroup_id(buffer, level);
		__u64 *found;

		if (!id)
			break;
		if (!inside && bpf_map_lookup_elem(&scope, &id))
			inside = 1;
		found = bpf_map_lookup_elem(&cgroups, &id);
		if (found)
			mask |= *found;
	}
	return inside ? mask : 0;
}

/* Adds `amount` to a counter that other contexts on this CPU may add to as well. */
#define COUNT(field, amount) __sync_fetch_and_add(&(field), (amount))

static __always_inline void count_reason(__u32 rule, __u32 reason)
{
	struct fault_counters *counted = bpf_map_lookup_elem(&counters, &rule);

	if (counted)
		COUNT(counted->reasons[reason & (FAULT_REASON_MAX - 1)], 1);
}

/* Counts `reason` for every rule in `mask`. */
FAULT_SCAN int count_reasons(__u64 mask, __u32 reason)
{
	int i;

	for (i = 0; i < FAULT_RULES_MAX && mask; i++, mask &= mask - 1)
		count_reason(mask_lowest(mask), reason);
	return 0;
}

/* What a bucket begins with. Not on the stack, of which there is little. */
static const struct fault_series series_empty = {};

static __always_inline struct fault_series *series_get(__u32 rule, __u64 now)
{
	struct fault_series_key key = {.rule = rule};
	struct fault_control *fault_control = control_get();
	struct fault_series *bucket;

	if (!fault_control || now < fault_control->started_at)
		return NULL_POINTER;
	key.bucket = (__u32)((now - fault_control->started_at) / FAULT_BUCKET_NS);
	bucket = bpf_map_lookup_elem(&series, &key);
	if (bucket)
		return bucket;
	/* Another CPU may insert it first; then this fails and the look-up below finds that one. */
	bpf_map_update_elem(&series, &key, &series_empty, BPF_NOEXIST);
	return bpf_map_lookup_elem(&series, &key);
}

static __always_inline void emit_event(__u32 kind, __u32 rule, const struct fault_window *window,
				       const struct flow *flow, __u64 now)
{
	struct fault_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return; /* the window itself holds the instant; user space reads it there too */
	event->at = now;
	event->kind = kind;
	event->rule = rule;
	event->injection = window->injection;
	event->protocol = flow->protocol;
	__builtin_memcpy(event->address, flow->address, 16);
	event->port = flow->port;
	event->padding = 0;
	bpf_ringbuf_submit(event, 0);
}

/* What kind of thing arrived; selects the counter. */
enum match_unit { MATCH_CONNECT, MATCH_REQUEST };

/* Counts one connection attempt or request that `rule` matched, whatever becomes of it. */
FAULT_SCAN int count_arrival(__u32 rule, __u32 unit, __u64 now)
{
	struct fault_counters *counted = bpf_map_lookup_elem(&counters, &rule);
	struct fault_series *bucket = series_get(rule, now);

	if (!counted || !bucket)
		return 0;
	if (unit == MATCH_CONNECT) {
		COUNT(bucket->connects, 1);
		COUNT(counted->connects, 1);
	} else {
		COUNT(bucket->requests, 1);
		COUNT(counted->requests, 1);
	}
	return 0;
}

/* Counts an effect that was carried out and reports the first one of an injection. */
FAULT_SCAN int count_hit(__u32 rule, const struct flow *flow, __u64 now)
{
	struct fault_counters *counted = bpf_map_lookup_elem(&counters, &rule);
	struct fault_window *window = bpf_map_lookup_elem(&windows, &rule);
	struct fault_series *bucket = series_get(rule, now);

	if (!flow || !counted || !window)
		return 0;
	if (!window->first_hit_at) {
		window->first_hit_at = now;
		emit_event(FAULT_EVENT_FIRST_HIT, rule, window, flow, now);
	}
	window->last_hit_at = now;
	if (bucket)
		COUNT(bucket->hits, 1);
	COUNT(counted->hits, 1);
	COUNT(counted->reasons[FAULT_REASON_HIT], 1);
	return 0;
}

/* Counts that a hit was the rejection of a request by an overloaded service. */
FAULT_SCAN int count_rejected(__u32 rule, __u64 now)
{
	struct fault_series *bucket = series_get(rule, now);

	if (bucket)
		COUNT(bucket->rejected, 1);
	count_reason(rule, FAULT_REASON_REJECTED);
	return 0;
}

/* Counts matched traffic that was let through, and reports the first after a window's end. */
FAULT_SCAN int count_pass(__u32 rule, const struct flow *flow, __u32 reason, __u64 now)
{
	struct fault_counters *counted = bpf_map_lookup_elem(&counters, &rule);
	struct fault_window *window = bpf_map_lookup_elem(&windows, &rule);
	struct fault_series *bucket = series_get(rule, now);

	if (!flow || !counted || !window)
		return 0;
	if (window->ends_at && !window->first_pass_after &&
	    (now >= window->ends_at || reason == FAULT_REASON_LEASE_EXPIRED)) {
		window->first_pass_after = now;
		emit_event(FAULT_EVENT_FIRST_PASS, rule, window, flow, now);
	}
	if (bucket) {
		COUNT(bucket->passes, 1);
		if (reason == FAULT_REASON_ADMITTED)
			COUNT(bucket->admitted, 1);
	}
	COUNT(counted->passes, 1);
	COUNT(counted->reasons[reason & (FAULT_REASON_MAX - 1)], 1);
	return 0;
}

#endif
