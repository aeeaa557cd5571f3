/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between the engine and the gate over one SOCK_SEQPACKET socketpair. The engine
 * speaks first: what the gate is to do, up to GATE_SETUP. Same host, same build: native byte order.
 * The engine trusts nothing that it is told: it looks cookies up in the kernel's own records.
 */
#ifndef PROTOCOL_GATE_H
#define PROTOCOL_GATE_H

#include "user/protocol/engine.h"

#define GATE_PROTOCOL_VERSION 1

enum gate_message_type {
	/* From the engine: */
	GATE_RULE = 1,	    /* u.rule: one with any FAULT_GATE_* */
	GATE_PATH = 2,	    /* u.path: one of its paths */
	GATE_ANSWER = 3,    /* u.answer: its answer as the kernel would write it */
	GATE_SETUP = 4,	    /* everything was said; answered by GATE_READY */
	GATE_CLOSED = 5,    /* the client of `cookie` has closed */
	GATE_FORWARDED = 6, /* `result` of GATE_FORWARD; 0 with a descriptor that is connecting */
	GATE_UNREAD = 7,    /* reply to GATE_MEASURE: `value` bytes wait for the client */
	GATE_SYNC = 8,	    /* GATE_COUNTS of everything so far, then GATE_SYNCED */
	/* From the gate: */
	GATE_READY = 20,   /* `result`; u.text says what failed */
	GATE_FORWARD = 21, /* open a connection to where the client of `cookie` had connected */
	GATE_RESET = 22,   /* the connection of `cookie` is to be reset */
	GATE_COUNTS = 23,  /* u.counts: what came of a rule's requests since the last ones */
	GATE_SYNCED = 25,
	GATE_MEASURE = 24, /* how much waits for the client of `cookie`? */
};

struct gate_path {
	__u32 rule;
	__u32 padding;
	char text[FAULT_PATH_MAX]; /* NUL-terminated */
};

struct gate_counts {
	__u32 rule;
	__u32 injection;
	__u64 requests; /* that the rule matched */
	__u64 hits;
	__u64 passes;			 /* let through; why is among the reasons */
	__u64 reasons[FAULT_REASON_MAX]; /* but FAULT_REASON_HIT */
	__u64 first_hit_at, last_hit_at; /* ns; 0: no hit */
	__u32 spent;			 /* the rule's budget is used up */
	__u32 padding;
};

struct gate_message {
	__u32 version;
	__u32 type; /* enum gate_message_type */
	__u64 cookie;
	__u64 value;
	__s32 result; /* 0 or -errno */
	__u32 padding;
	union {
		struct engine_rule rule;
		struct engine_answer answer;
		struct gate_path path;
		struct gate_counts counts;
		char text[512];
	} u;
};

#endif
