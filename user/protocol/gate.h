/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between the engine and the gate over one SOCK_SEQPACKET socketpair. The engine
 * speaks first: what the gate is to do, up to GATE_READY. Same host, same build: native byte order.
 * The engine trusts nothing that it is told: it looks cookies up in the kernel's own records.
 */
#ifndef PROTOCOL_GATE_H
#define PROTOCOL_GATE_H

#include "kernel/contract.h"

#define GATE_PROTOCOL_VERSION 1

enum gate_message_type {
	/* From the engine: */
	GATE_RULE = 1,	    /* u.rule */
	GATE_PATH = 2,	    /* u.text: one path of a rule */
	GATE_HEADERS = 3,   /* u.text: header lines of a rule's answer */
	GATE_REASON = 4,    /* u.text: its reason phrase */
	GATE_BODY = 5,	    /* u.text: a piece of its body; pieces come in order */
	GATE_SETUP = 6,	    /* u.setup: everything was said; answered by GATE_READY */
	GATE_LIFTED = 7,    /* `rules` have ended: what they delay goes on, what they end is ended */
	GATE_CLOSED = 8,    /* the client of `cookie` has closed */
	GATE_FORWARDED = 9, /* `result` of GATE_FORWARD; 0 with a descriptor that is connecting */
	GATE_UNREAD = 10,   /* reply to GATE_MEASURE: `value` bytes wait for the client */
	/* From the gate: */
	GATE_READY = 20,   /* `result`; u.text says what failed */
	GATE_FORWARD = 21, /* open a connection to where the client of `cookie` had connected */
	GATE_RESET = 22,   /* the connection of `cookie` is to be reset */
	GATE_FORGET = 23,  /* the gate has done with `cookie` */
	GATE_COUNTS = 24,  /* u.counts: since the last ones */
	GATE_MEASURE = 25, /* how much waits for the client of `cookie`? */
	GATE_SPENT = 26,   /* the budget of the rule `value` is used up */
};

enum {
	GATE_TEXT_MAX = 32768,
	GATE_COUNTS_MAX = 16, /* events of user/gate/session.h; more than there are */
};

struct gate_text {
	__u32 rule;
	__u32 length;
	char bytes[GATE_TEXT_MAX];
};

struct gate_rule_message {
	__u32 index;
	__u32 status;
	struct fault_rule rule;
};

struct gate_setup {
	__u64 seed; /* of share decisions */
};

/* What came of a rule's requests. */
struct gate_counts {
	__u32 rule;
	__u32 padding;
	__u64 requests; /* that the rule matched */
	__u64 hits;
	__u64 passes[FAULT_REASON_MAX]; /* by reason */
	__u64 last_hit_at;		/* ns; 0: none */
	__u64 events[GATE_COUNTS_MAX];
};

struct gate_message {
	__u32 version;
	__u32 type; /* enum gate_message_type */
	__u64 cookie;
	__u64 rules; /* mask */
	__u64 value;
	__s32 result; /* 0 or -errno */
	__u32 padding;
	union {
		struct gate_rule_message rule;
		struct gate_text text;
		struct gate_setup setup;
		struct gate_counts counts;
	} u;
};

#endif
