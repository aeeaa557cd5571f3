/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the link layer does with one segment of a connection. Pure, also compiled on the host. */
#ifndef FAULTD_LINK_H
#define FAULTD_LINK_H

#include "kernel/contract.h"
#include "kernel/corrupt.h"
#include "kernel/portable.h"

enum link_action {
	LINK_PASS = 0,
	LINK_REFUSE = 1,   /* answer the SYN with a reset */
	LINK_RESET = 2,	   /* reset both ends; the segment is gone */
	LINK_CUT = 3,	   /* deliver the segment up to the limit, then reset both ends */
	LINK_THROTTLE = 4, /* lower the window that the segment advertises */
	LINK_LIMIT = 5,	   /* likewise, so that the server stops at the limit */
	LINK_CORRUPT = 6,  /* change the bytes of the segment that are drawn */
};

struct link_facts {
	__u64 position; /* egress: bytes of the server received; ingress: with this segment */
	__u64 draw;	/* ingress: of corrupt_draw */
	__u32 egress;
	__u32 syn;
	__u32 payload;	 /* bytes */
	__u32 opened;	 /* the connection was opened while the rule was armed */
	__u32 late;	 /* the rule was matched by the connection's first message */
	__u32 requested; /* the client's first data has passed */
};

/* Whether `rule` has something to do with the segment; if it is live is asked elsewhere. */
FAULT_INLINE enum link_action link_action(const struct fault_rule *rule,
					  const struct link_facts *facts)
{
	int first = facts->egress && facts->payload && facts->opened && !facts->requested;

	switch (rule->effect) {
	case FAULT_EFFECT_RESET:
		if (rule->reset_at == FAULT_RESET_CONNECT) {
			if (facts->egress && facts->syn)
				return LINK_REFUSE;
			/* The name came too late for the SYN. */
			return first && facts->late ? LINK_RESET : LINK_PASS;
		}
		if (rule->reset_at == FAULT_RESET_REQUEST)
			return first ? LINK_RESET : LINK_PASS;
		return facts->syn ? LINK_PASS : LINK_RESET;
	case FAULT_EFFECT_CUT:
		if (facts->syn)
			return LINK_PASS;
		if (facts->egress)
			return facts->position >= rule->after ? LINK_RESET : LINK_LIMIT;
		return facts->position > rule->after ? LINK_CUT : LINK_PASS;
	case FAULT_EFFECT_RATE:
		return facts->egress && !facts->syn ? LINK_THROTTLE : LINK_PASS;
	case FAULT_EFFECT_CORRUPT:
		if (facts->egress || facts->syn || !facts->payload)
			return LINK_PASS;
		return corrupt_next(rule, facts->draw, facts->position - facts->payload) <
				       facts->position
			       ? LINK_CORRUPT
			       : LINK_PASS;
	default:
		return LINK_PASS;
	}
}

/*
 * A position in a stream of 64 bits from its lower 32, that of a segment, and one near to it.
 */
FAULT_INLINE __u64 link_position(__u64 near, __u32 low)
{
	return near + (__u64)(__s64)(__s32)(low - (__u32)near);
}

/* Turns the front of a query, its flags, into those of a response with `rcode` (RFC 1035, 4.1.1):
 * opcode and RD stay, QR and RA are set, AA and TC are not. */
FAULT_INLINE __u16 link_dns_flags(__u16 query, __u32 rcode)
{
	return (__u16)((query & 0x7900) | 0x8080 | (rcode & 15));
}

#endif
