/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages between the api process and the engine over one SOCK_SEQPACKET socketpair: fixed
 * size, one request at a time, one reply to each; the engine sends events unasked. The engine
 * re-validates every field: counts against the contract, enums against their range, strings for
 * their terminator, prefixes for their length. Same host, same build: native byte order.
 */
#ifndef PROTOCOL_ENGINE_H
#define PROTOCOL_ENGINE_H

#include "kernel/contract.h"

#define ENGINE_PROTOCOL_VERSION 1

enum engine_request_type {
	ENGINE_BEGIN = 1,	 /* start a plan; drops an unfinished one. u.begin */
	ENGINE_RULE = 2,	 /* u.rule, indices 0, 1, 2, ... in order */
	ENGINE_MATCH = 3,	 /* u.match: one entry of one dimension of one rule or protection */
	ENGINE_ANSWER = 4,	 /* u.answer */
	ENGINE_SEED = 5,	 /* u.seed: an address that a name resolved to before arming */
	ENGINE_ARM = 6,		 /* load, fill the maps, attach: all or nothing */
	ENGINE_INJECT = 7,	 /* u.window: open the windows of the rules in a mask */
	ENGINE_LIFT = 8,	 /* u.window: close them now */
	ENGINE_RENEW = 9,	 /* extend the lease */
	ENGINE_DISARM = 10,	 /* detach and forget */
	ENGINE_STATUS = 11,	 /* u.status in the reply */
	ENGINE_RULE_STATUS = 12, /* u.rule: index; u.rule_status in the reply */
	ENGINE_SERIES = 13,	 /* u.series: up to ENGINE_SERIES_MAX buckets from a cursor */
	ENGINE_HALT = 14,	 /* lift and disarm now, refuse BEGIN until ENGINE_RELEASE */
	ENGINE_RELEASE = 15,
	ENGINE_SHADOW = 16, /* u.shadow: up to ENGINE_SHADOW_MAX entries from a cursor */
	ENGINE_REQUEST_COUNT = 17,
};

enum engine_dimension {
	ENGINE_DIMENSION_PORT = 1,   /* port_first..port_last */
	ENGINE_DIMENSION_PREFIX = 2, /* address, length (bits), ipv4 */
	ENGINE_DIMENSION_NAME = 3,   /* text: "a.example" or "*.example" */
	ENGINE_DIMENSION_PATH = 4,   /* text */
	/* text: path below the cgroup2 mount; with rule ENGINE_SCOPE: programs are attached there
	 */
	ENGINE_DIMENSION_CGROUP = 5,
	ENGINE_DIMENSION_UNIT = 6,	 /* text: systemd unit or glob; likewise */
	ENGINE_DIMENSION_CONTAINER = 7,	 /* text: id, front of an id, or name; likewise */
	ENGINE_DIMENSION_COMMAND = 8,	 /* text: a process's name (comm) */
	ENGINE_DIMENSION_USER = 9,	 /* number: uid */
	ENGINE_DIMENSION_NAMESPACE = 10, /* number: inode of a network namespace */
	ENGINE_DIMENSION_INTERFACE =
		11, /* text: a name or glob; the rule is for forwarded traffic */
	ENGINE_DIMENSION_COUNT = 12,
};

/* Values of engine_match.rule that are no rule: bit 0x40000000 | index is a protection. */
#define ENGINE_PROTECTION 0x40000000U
#define ENGINE_SCOPE	  0x80000000U

struct engine_begin {
	__u64 seed;
	__u64 duration_ns;
	__u64 lease_ns;
	__u32 rules;
	__u32 protections;
	__u32 uid;   /* of the controller, for the log */
	__u32 flags; /* FAULT_CONTROL_SHADOW */
	char title[128];
};

/* What the gate does with what the kernel hands it for a rule. 0 where fault_rule.gate is 0. */
struct engine_gate {
	__u64 delay_ns, jitter_ns;
	__u8 distribution; /* enum plan_distribution */
	__u8 certificate;  /* enum plan_certificate */
	__u8 expand;	   /* the answer holds ${...} */
	__u8 padding[5];
};

struct engine_rule {
	__u32 index;
	__u32 tcp_udp; /* bit 0: tcp, bit 1: udp */
	struct fault_rule rule;
	struct engine_gate gate;
	__u32 existing; /* enum plan_existing */
	char fault[64];
};

struct engine_match {
	__u32 rule;
	__u32 dimension; /* enum engine_dimension */
	__u16 port_first, port_last;
	__u8 address[16];
	__u8 length;
	__u8 ipv4;
	__u8 padding[2];
	__u32 number;
	char text[FAULT_NAME_MAX + 768]; /* NUL-terminated; names up to 253, paths up to 255 */
};

struct engine_answer {
	__u32 rule;
	__u32 close; /* 0: keep-alive variant, 1: close variant */
	struct fault_answer answer;
};

struct engine_seed {
	char name[FAULT_NAME_MAX]; /* the exact name that resolved */
	__u8 address[16];
};

struct engine_window {
	__u64 rules;	   /* mask */
	__u64 duration_ns; /* ENGINE_INJECT; ENGINE_LIFT: in which the share falls; 0: at once */
	__u32 steps;	   /* ENGINE_LIFT over a duration: in this many; 0: smoothly */
	__u32 padding;
	/* In the reply: */
	/* ns; for ENGINE_LIFT the moment of the lift and that at which nothing is left of it */
	__u64 starts_at, ends_at;
	/* Connections open at the inject; those destroyed; those looked at from now on. */
	__u64 existing_found, existing_reset, existing_adopted;
};

struct engine_status {
	__u64 now;
	__u64 lease_until, deadline, started_at;
	__u32 armed, halted, rules, attached; /* attached: number of links and attachments */
	__u32 uid;
	__u32 padding;
	char title[128];
};

struct engine_rule_status {
	struct fault_window window;
	struct fault_counters counters; /* summed over CPUs */
	char fault[64];
};

#define ENGINE_SERIES_MAX 48
struct engine_series_entry {
	struct fault_series_key key;
	struct fault_series value;
};
struct engine_series {
	__u32 from_bucket, to_bucket; /* request: half-open range of complete buckets */
	__u32 from_rule;	      /* request: where to go on inside the range */
	__u32 count;		      /* reply */
	__u32 next_bucket, next_rule; /* reply: cursor; next_bucket == to_bucket: done */
	struct engine_series_entry entries[ENGINE_SERIES_MAX];
};

/* What a shadow has counted. The engine takes it all together when it is asked from 0. */
#define ENGINE_SHADOW_MAX 24
struct engine_shadow_entry {
	struct fault_shadow_key key;
	struct fault_shadow value;
};
struct engine_shadow {
	__u32 from;  /* request: entry to begin with */
	__u32 count; /* reply */
	__u32 total; /* reply: entries that there are */
	__u32 padding;
	struct engine_shadow_entry entries[ENGINE_SHADOW_MAX];
};

struct engine_request {
	__u32 version;
	__u32 type;
	__u64 sequence;
	union {
		struct engine_begin begin;
		struct engine_rule rule;
		struct engine_match match;
		struct engine_answer answer;
		struct engine_seed seed;
		struct engine_window window;
		struct engine_series series;
		struct engine_shadow shadow;
	} u;
};

enum engine_reply_type {
	ENGINE_REPLY = 1, /* to the request with this sequence */
	ENGINE_EVENT = 2, /* unasked; u.event */
};

enum engine_event_kind {
	ENGINE_EVENT_FIRST_HIT = 1,
	ENGINE_EVENT_FIRST_PASS = 2,
	ENGINE_EVENT_INJECTED = 3, /* a window was opened */
	ENGINE_EVENT_LIFTED = 4,   /* a window ended; cause */
	ENGINE_EVENT_ARMED = 5,
	ENGINE_EVENT_DISARMED = 6, /* cause */
	ENGINE_EVENT_HALTED = 7,
	ENGINE_EVENT_RELEASED = 8,
	ENGINE_EVENT_TARGET_FOUND = 9, /* a cgroup that the plan names has come; target */
	ENGINE_EVENT_TARGET_GONE = 10, /* one has gone; target */
};

enum engine_cause {
	ENGINE_CAUSE_NONE = 0,
	ENGINE_CAUSE_PLANNED = 1, /* the window's own end */
	ENGINE_CAUSE_LIFTED = 2,  /* a lift request */
	ENGINE_CAUSE_LEASE = 3,
	ENGINE_CAUSE_DEADLINE = 4,
	ENGINE_CAUSE_HALTED = 5,
	ENGINE_CAUSE_DISARMED = 6,
	ENGINE_CAUSE_BUDGET = 7, /* the fault's own budget is used up */
};

struct engine_event {
	__u64 at; /* ns: the moment that the kernel programs use, not of the report */
	__u32 kind, cause;
	__u64 rules; /* mask */
	__u64 ends_at;
	struct fault_event detail; /* of FIRST_HIT and FIRST_PASS */
	char target[256]; /* of TARGET_FOUND and TARGET_GONE: path of the cgroup, cut off */
};

struct engine_reply {
	__u32 version;
	__u32 type;
	__u64 sequence;
	__s32 result; /* 0 or -errno */
	__u32 padding;
	char text[512]; /* what failed, one line */
	union {
		struct engine_window window;
		struct engine_status status;
		struct engine_rule_status rule_status;
		struct engine_series series;
		struct engine_shadow shadow;
		struct engine_event event;
	} u;
};

#endif
