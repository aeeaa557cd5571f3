/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the kernel programs and user space: every type that both sides read or
 * write, and nothing else. Fixed-width types, padding spelled out, sizes asserted on both sides.
 *
 * Times are nanoseconds of CLOCK_BOOTTIME. Addresses are 16 bytes in network byte order; IPv4 is
 * written v4-mapped (::ffff:a.b.c.d). Ports are in host byte order.
 *
 * A rule is a bit in a 64-bit mask (bit-vector packet classification, Lakshman and Stiliadis,
 * SIGCOMM 1998). Every dimension looks up a mask, the masks are ANDed, the lowest live bit acts.
 */
#ifndef FAULTD_CONTRACT_H
#define FAULTD_CONTRACT_H

#include <linux/types.h>

#define FAULT_CONTRACT_VERSION 1

enum {
	FAULT_RULES_MAX = 64,	  /* rules armed on a host: bits of a mask */
	FAULT_PROTECTED_MAX = 64, /* protected destinations: bits of a second mask */
	FAULT_NAME_MAX = 256,	  /* LPM key bytes: reversed name and its terminator */
	FAULT_PATH_MAX = 256, /* LPM key bytes of an HTTP path; longer paths match by their front */
	FAULT_ANSWER_MAX = 4096,      /* bytes of one rendered HTTP answer: headers and body */
	FAULT_CGROUP_LEVELS_MAX = 16, /* depth to which cgroup ancestors are looked up */
	FAULT_BUCKET_NS = 100000000,  /* width of one bucket of the time series */
	FAULT_DIVERTED_MAX = 16384,   /* connections that are in the gate's hands at a time */
	FAULT_SETTLE_NS = 1000000000, /* in which an outcome counts where its attempt began */
};

/* One share in parts per million: 1,000,000 means always. */
#define FAULT_SHARE_ALWAYS 1000000U

/* What a rule does to matched traffic. The layer that carries it is in the comment. */
enum fault_effect {
	FAULT_EFFECT_NONE = 0,
	FAULT_EFFECT_REFUSE = 1,      /* connect: ECONNREFUSED at once */
	FAULT_EFFECT_UNREACHABLE = 2, /* connect: EHOSTUNREACH at once */
	FAULT_EFFECT_DROP = 3,	      /* packet: silence in both directions */
	FAULT_EFFECT_LOSS = 4,	      /* packet: each packet is lost with a probability */
	FAULT_EFFECT_HANG = 5,	 /* message: swallow what the client sends, keep the connection */
	FAULT_EFFECT_ANSWER = 6, /* message: an HTTP response from the kernel */
	FAULT_EFFECT_ALERT = 7,	 /* message: a fatal TLS alert in reply to the ClientHello */
	FAULT_EFFECT_RESET = 8,	 /* link: RST, when `reset_at` says */
	FAULT_EFFECT_CUT = 9,	 /* link: RST after `after` bytes of the server */
	FAULT_EFFECT_STALL = 10, /* packet: silence after `after` bytes of the server */
	FAULT_EFFECT_RATE = 11,	 /* link: the server's bytes throttled to `rate` */
	FAULT_EFFECT_DNS = 12,	 /* link: a resolver's error for the rule's names */
	FAULT_EFFECT_OVERLOAD = 13,    /* message or connect: a service of finite capacity */
	FAULT_EFFECT_DELAY = 14,       /* gate: what the client sends reaches the server later */
	FAULT_EFFECT_DRIP = 15,	       /* gate: the response's body at `rate` */
	FAULT_EFFECT_CERTIFICATE = 16, /* gate: a wrong certificate in the TLS handshake */
	FAULT_EFFECT_CORRUPT = 17,     /* link: a byte in `every` of the server's is another */
	FAULT_EFFECT_COUNT = 18,
};

enum fault_protocol {
	FAULT_PROTOCOL_TCP = 6,
	FAULT_PROTOCOL_UDP = 17,
};

/* Request methods that a rule can name; a bit each in the `methods` dimension. */
enum fault_method {
	FAULT_METHOD_OTHER = 0,
	FAULT_METHOD_GET = 1,
	FAULT_METHOD_HEAD = 2,
	FAULT_METHOD_POST = 3,
	FAULT_METHOD_PUT = 4,
	FAULT_METHOD_DELETE = 5,
	FAULT_METHOD_PATCH = 6,
	FAULT_METHOD_OPTIONS = 7,
	FAULT_METHOD_COUNT = 8,
};

/* FAULT_EFFECT_DNS: what the resolver says; values are RCODEs (RFC 1035, 4.1.1). */
enum fault_dns {
	FAULT_DNS_DROP = 0, /* nothing: the query is lost */
	FAULT_DNS_SERVFAIL = 2,
	FAULT_DNS_NXDOMAIN = 3,
	FAULT_DNS_REFUSED = 5,
};

/* FAULT_EFFECT_RESET: when the connection is reset. */
enum fault_reset {
	FAULT_RESET_CONNECT = 0, /* the SYN is answered by RST */
	FAULT_RESET_REQUEST = 1, /* the first bytes that the client sends are */
	FAULT_RESET_LIVE = 2,	 /* the next segment in either direction is */
};

/*
 * What of a rule's traffic the kernel hands to the gate; bits of fault_rule.gate, 0: nothing. What
 * the gate does with it is no matter of the kernel's.
 */
enum fault_gate {
	FAULT_GATE_TLS = 1U << 0,   /* TLS connections from their ClientHello on: it ends the TLS */
	FAULT_GATE_HTTP = 1U << 1,  /* plain HTTP requests, with the responses that follow */
	FAULT_GATE_FIRST = 1U << 2, /* the first message of a connection, to hold it back */
	FAULT_GATE_EACH =
		1U << 3, /* each request, or each turn of the client inside TLS; likewise */
	FAULT_GATE_ALL = (1U << 4) - 1,
};

/* Rule flags. */
enum {
	FAULT_RULE_BY_NAME = 1U << 0,	 /* the rule names hosts: DNS answer, SNI or Host decide */
	FAULT_RULE_BY_HTTP = 1U << 1,	 /* the rule needs an HTTP request (path, method, host) */
	FAULT_RULE_QUIC_BLOCK = 1U << 2, /* refuse UDP port 443 to the rule's learned addresses */
	FAULT_RULE_OBSERVED = 1U << 3,	 /* count what becomes of the rule's connections */
};

/*
 * Why a verdict was what it was: an index into fault_counters.reasons, one per decision.
 * The names that user space prints stand in fault_reason_names (user/protocol/names.c).
 */
enum fault_reason {
	FAULT_REASON_HIT = 0,		 /* the effect was carried out */
	FAULT_REASON_OUTSIDE_WINDOW = 1, /* matched, but the rule's window is not open */
	FAULT_REASON_LEASE_EXPIRED =
		2,		       /* matched in its window, but lease or deadline has passed */
	FAULT_REASON_SHARE = 3,	       /* matched, spared by the rule's share */
	FAULT_REASON_PROTECTED = 4,    /* matched, but the destination is protected */
	FAULT_REASON_ADDRESS_ONLY = 5, /* hit by a learned address alone; no name was seen */
	FAULT_REASON_SHARED_ADDRESS =
		6,		     /* left to a later look: the address serves other names too */
	FAULT_REASON_INBOUND = 7,    /* matched, but the connection was opened by the peer */
	FAULT_REASON_QUIC = 8,	     /* UDP port 443 refused so that QUIC does not slip past */
	FAULT_REASON_NO_SOCKMAP = 9, /* the socket cannot be watched: another sockmap owns it */
	FAULT_REASON_OUTRANKED = 10, /* matched, but a rule before it acted */
	FAULT_REASON_PIPELINED = 11, /* an earlier response is outstanding: not handled */
	FAULT_REASON_NOT_HTTP = 12,  /* neither HTTP/1 nor TLS: not handled */
	FAULT_REASON_TLS_HIDES = 13, /* the rule needs an HTTP request, the connection is TLS */
	FAULT_REASON_TOO_LONG = 14,  /* request line or Host longer than the parser's bound */
	FAULT_REASON_BODY_SWALLOWED = 15, /* messages of a request body that were swallowed */
	FAULT_REASON_KERNEL_ERROR = 16,	  /* a helper failed; the traffic was passed */
	FAULT_REASON_BUDGET = 17,	  /* matched, but the rule's budget is spent */
	FAULT_REASON_FIRST = 18,	  /* matched, but behind the first ones that fail */
	FAULT_REASON_ADMITTED = 19,	  /* admitted by a service of finite capacity */
	FAULT_REASON_REJECTED = 20,	  /* rejected by it; these are hits too */
	FAULT_REASON_SHADOW = 21,	  /* would have been hit: a shadow only counts */
	FAULT_REASON_DIVERTED = 22,	  /* connections handed to the gate: it ends them */
	FAULT_REASON_GATE_DOWN = 23,	  /* matched, but the gate does not answer: passed */
	FAULT_REASON_GATE_FULL = 24,	  /* matched, but the gate has too much to do: passed */
	FAULT_REASON_GATE_ENDED = 25, /* connections that ended because the gate let go of them */
	FAULT_REASON_DISTRUSTED = 26, /* clients that refused the gate's certificate by an alert */
	FAULT_REASON_HANDSHAKE_FAILED = 27,   /* handshakes with the gate that failed otherwise */
	FAULT_REASON_UNUSED = 28,	      /* connections ended behind it without a request */
	FAULT_REASON_UPSTREAM_FAILED = 29,    /* requests told by 502 that the server broke off */
	FAULT_REASON_UPSTREAM_UNTRUSTED = 30, /* ... that its certificate does not verify */
	FAULT_REASON_CLIENT_CERTIFICATE = 31, /* ... that it asks for a client certificate */
	FAULT_REASON_COUNT = 32,
	FAULT_REASON_MAX =
		32, /* size of the counters: a power of two, so that an index is masked */
};

/* fault_control.flags */
enum {
	FAULT_CONTROL_NAMES = 1U << 0,	    /* some rule matches by name: learn DNS answers */
	FAULT_CONTROL_MESSAGE = 1U << 1,    /* some rule needs the message layer */
	FAULT_CONTROL_PACKET = 1U << 2,	    /* some rule needs the packet layer */
	FAULT_CONTROL_SHADOW = 1U << 3,	    /* count only, touch nothing */
	FAULT_CONTROL_CGROUP = 1U << 4,	    /* some rule names a cgroup */
	FAULT_CONTROL_ANSWER = 1U << 5,	    /* some rule answers: follow where responses end */
	FAULT_CONTROL_LINK = 1U << 6,	    /* some rule needs the link layer */
	FAULT_CONTROL_STREAM = 1U << 7,	    /* some rule counts the bytes of the server */
	FAULT_CONTROL_COMMAND = 1U << 8,    /* some rule names a process */
	FAULT_CONTROL_USER = 1U << 9,	    /* some rule names a user */
	FAULT_CONTROL_NAMESPACE = 1U << 10, /* some rule names a network namespace */
	FAULT_CONTROL_SCOPE = 1U << 16,	    /* the link layer asks map `scope` */
	FAULT_CONTROL_INGRESS = 1U << 17,   /* some rule looks at segments that arrive */
	FAULT_CONTROL_FORWARD = 1U << 18,   /* some rule is for forwarded traffic */
	FAULT_CONTROL_GATE = 1U << 19,	    /* some rule needs the gate */
	FAULT_CONTROL_OBSERVE = 1U << 20,   /* some rule is observed */
};

/* The one element of map `control`: what every program checks first. Written by the engine. */
struct fault_control {
	__u64 lease_until; /* ns; nothing acts from this moment on */
	__u64 deadline;	   /* ns; nothing acts from this moment on, whatever the lease says */
	__u64 generation;  /* cached socket verdicts of another generation are stale */
	__u64 started_at;  /* ns; bucket 0 of the series starts here */
	__u64 dns_grace;   /* ns that a learned address outlives its TTL */
	__u64 seed;	   /* of share decisions */
	/* Masks of rules that do not constrain a dimension: the value on a miss. */
	__u64 any_destination;
	__u64 any_tcp_port;
	__u64 any_udp_port;
	__u64 any_cgroup;
	__u64 any_command;
	__u64 any_user;
	__u64 any_namespace;
	__u64 any_name;
	__u64 any_path;
	/* The same for protected destinations. */
	__u64 protect_any_destination;
	__u64 protect_any_tcp_port;
	__u64 protect_any_udp_port;
	/* Masks of rules by the layer that carries them and by how they match. */
	__u64 connect_rules;
	__u64 packet_rules;
	__u64 message_rules;
	__u64 link_rules;
	__u64 query_rules; /* those of the link layer that act on DNS queries, by name alone */
	__u64 name_rules;  /* FAULT_RULE_BY_NAME */
	__u64 http_rules;  /* FAULT_RULE_BY_HTTP */
	__u64 quic_rules;  /* FAULT_RULE_QUIC_BLOCK */
	__u64 gate_rules;  /* those with any FAULT_GATE_*; all but answers are the gate's alone */
	__u64 observed_rules; /* FAULT_RULE_OBSERVED; TCP alone */
	__u64 all_rules;
	__u32 flags; /* FAULT_CONTROL_* */
	__u32 padding;
};

/* Map `windows`, one per rule: when it acts. Both 0: not injected. Written by the engine. */
struct fault_window {
	__u64 starts_at;	/* ns, first moment at which the rule acts */
	__u64 ends_at;		/* ns, first moment at which it no longer does */
	__u64 first_hit_at;	/* ns, written by the kernel; 0: none in this window */
	__u64 last_hit_at;	/* ns, written by the kernel */
	__u64 first_pass_after; /* ns, first matched traffic that passed after ends_at; kernel */
	__u32 injection;	/* counts injections of this rule; in events */
	__u32 fall_steps;	/* a staged lift goes in this many equal steps; 0: smoothly */
	__u64 falls_at; /* ns; from here the share falls to 0 at ends_at; 0: no staged lift */
};

/*
 * How a rule's share changes with time, and when it has done enough. All 0: always the same,
 * without end. Evaluated in the kernel from the clock, so that it needs nobody.
 */
struct fault_shape {
	__u64 ramp_over; /* ns from starts_at in which the share goes from ... to ...; 0: none */
	__u32 ramp_from, ramp_to; /* parts per million; take the place of `share` */
	__u64 flap_period;	  /* ns; 0: none. The rule acts in the first part of each period */
	__u32 flap_duty;	  /* parts per million of the period in which it acts */
	__u32 padding;
	__u64 budget_hits;	  /* the rule's window ends after this many hits; 0: no limit */
	__u64 budget_connections; /* likewise, after hits on this many connections */
	__u64 first;		  /* of each injection only this many matched items fail; 0: all */
};

/* Map `rules`, one per rule: what it does. Written at arming. */
struct fault_rule {
	__u16 effect;  /* enum fault_effect */
	__u16 flags;   /* FAULT_RULE_* */
	__u32 share;   /* parts per million of connections or requests */
	__u32 loss;    /* parts per million of packets, for FAULT_EFFECT_LOSS */
	__u16 methods; /* bit per enum fault_method; 0: any */
	__u8 alert;    /* TLS alert description (RFC 8446, 6.2) */
	__u8 dns;      /* enum fault_dns */
	__u8 reset_at; /* enum fault_reset */
	__u8 reject;   /* FAULT_EFFECT_OVERLOAD: REFUSE, HANG or ANSWER for what is rejected */
	__u8 gate;     /* FAULT_GATE_*; 0: the kernel alone carries the rule out */
	__u8 padding;
	__u32 reject_cost; /* millionths of a request's cost that a rejected one takes */
	__u64 after;	   /* bytes, for CUT, STALL and CORRUPT */
	__u64 every;	   /* bytes of which one is changed, for CORRUPT */
	__u64 rate;	   /* bytes a second, for RATE and DRIP */
	__u64 capacity;	   /* thousandths of a request a second, for OVERLOAD */
	__u64 burst;	   /* requests, for OVERLOAD */
	struct fault_shape shape;
};

/*
 * Map `answers`, two per rule: element 2 * rule keeps the connection alive, element 2 * rule + 1
 * says `Connection: close`. Bytes as they go on the wire.
 */
struct fault_answer {
	__u32 length;	     /* of headers and body */
	__u32 header_length; /* of the headers with the empty line: the answer to HEAD */
	__u8 bytes[FAULT_ANSWER_MAX];
};

/* Map `counters`, per CPU, one per rule. */
struct fault_counters {
	__u64 connects; /* connection attempts (UDP: connects and first sends) that the rule matched
			 */
	__u64 requests; /* HTTP requests or ClientHellos that the rule matched */
	__u64 hits;   /* effects carried out: connections, requests, or packets for drop and loss */
	__u64 passes; /* matched, and let through */
	__u64 packets;			 /* packets dropped */
	__u64 reasons[FAULT_REASON_MAX]; /* FAULT_REASON_COUNT are in use */
};

/* What the status of a server's response says; an index into fault_series.responses. */
enum fault_response {
	FAULT_RESPONSE_1XX = 0,
	FAULT_RESPONSE_2XX = 1,
	FAULT_RESPONSE_3XX = 2,
	FAULT_RESPONSE_4XX = 3, /* but 429 */
	FAULT_RESPONSE_5XX = 4, /* but 503 */
	FAULT_RESPONSE_429 = 5,
	FAULT_RESPONSE_503 = 6,
	FAULT_RESPONSE_COUNT = 7,
	FAULT_RESPONSE_MAX = 8, /* a power of two, so that an index is masked */
};

/* Map `series`, key: one bucket of one rule. */
struct fault_series_key {
	__u32 rule;
	__u32 bucket; /* (now - started_at) / FAULT_BUCKET_NS */
};

struct fault_series {
	__u64 connects;
	__u64 requests;
	__u64 hits;
	__u64 passes;
	__u64 admitted; /* FAULT_EFFECT_OVERLOAD; among the passes */
	__u64 rejected; /* likewise; among the hits */
	/* Of observed rules alone: */
	__u64 opened;	   /* TCP connections of theirs that went out to the server */
	__u64 established; /* those of them that stood within FAULT_SETTLE_NS */
	__u64 retransmits; /* segments that such connections sent again in this bucket, SYNs too */
	/*
	 * Heads of the server's HTTP/1 responses in the clear, by enum fault_response. One that
	 * comes within FAULT_SETTLE_NS counts in the bucket of the request or connection attempt
	 * that it answers; any other in the bucket in which it comes.
	 */
	__u64 responses[FAULT_RESPONSE_MAX];
};

/* Masks of both kinds of bit, the value of `ports`, `prefixes4` and `prefixes6`. */
struct fault_masks {
	__u64 rules;
	__u64 protect;
};

/* Key of `ports`: (protocol << 16) | port, host byte order. */

struct fault_prefix4 {
	__u32 length; /* bits */
	__u8 address[4];
};

struct fault_prefix6 {
	__u32 length; /* bits */
	__u8 address[16];
};

/*
 * Key of `names`: the name lower-cased, without the root dot, reversed byte by byte. An exact
 * name ends with a NUL; the suffix of `*.example.com` ends with a dot ("moc.elpmaxe."), so that
 * it matches one or more labels in front of it and never the name itself.
 * User space ORs the mask of every shorter entry into the longer ones that it is a prefix of.
 */
struct fault_name_key {
	__u32 length; /* bits */
	__u8 name[FAULT_NAME_MAX];
};

/* Key of `paths`: the bytes of the request target's path and query, as sent. */
struct fault_path_key {
	__u32 length; /* bits */
	__u8 path[FAULT_PATH_MAX];
};

/* Map `addresses` (LRU), key 16 bytes: what DNS answers said of one address. */
struct fault_learned {
	__u64 mask;    /* rules that match a name with this address */
	__u64 other;   /* rules that do not match some other name with this address */
	__u64 expires; /* ns: end of TTL and grace */
};

/* fault_device.flags */
enum {
	FAULT_DEVICE_LOOPBACK = 1U << 0,
};

/* Map `devices`, key: interface index. What the link layer must know of an interface. */
struct fault_device {
	__u32 header; /* bytes in front of the IP header: 14 for Ethernet, 0 for a tunnel */
	__u32 flags;  /* FAULT_DEVICE_* */
	__u64 rules;  /* rules for forwarded traffic that enters here */
};

/* Key of `forwarded` (LRU): a connection through this host, as its first packet went. */
struct fault_forwarded_key {
	__u8 source[16];
	__u8 destination[16];
	__u32 source_port;
	__u32 destination_port;
};

struct fault_forwarded {
	__u64 rules;
	__u64 hit;	 /* rules that were counted as a hit on it */
	__u32 requested; /* its first data has passed */
	__u32 padding;
};

enum {
	FAULT_COMMAND_MAX = 16,	    /* bytes of a process's name (comm), NUL included */
	FAULT_SHADOW_NAME_MAX = 64, /* bytes of a name that a shadow tells; the rest is cut off */
};

/* Key of `shadow` (LRU): who asked for what. Texts are filled up with NULs. */
struct fault_shadow_key {
	__u32 rule;
	__u32 port;
	__u64 cgroup; /* id */
	__u8 command[FAULT_COMMAND_MAX];
	__u8 address[16];
	__u8 name[FAULT_SHADOW_NAME_MAX]; /* SNI or Host in lower case; empty: none was seen */
};

/* What of it a shadow has counted. */
struct fault_shadow {
	__u64 connects;	      /* connection attempts that the rule matched */
	__u64 requests;	      /* requests or ClientHellos that it matched */
	__u64 hits;	      /* connects or requests that would have been hit */
	__u64 connections;    /* connections with such hits */
	__u64 protected_hits; /* connects to a protected destination that it matched */
	__u64 address_only;   /* hits by a learned address alone */
};

/* Map `adoptees`, key: socket cookie. A connection that is to be looked at from now on. */
struct fault_adoptee {
	__u64 candidates; /* rules that may look at its stream */
	__u64 by_address; /* name rules among them that own the address alone */
	__u8 address[16]; /* destination */
	__u32 port;
	__u32 adopted; /* written by the kernel: 1 when it was taken */
};

/*
 * The gate: a process that is handed what clients send on connections that its rules have matched.
 * Both ways go through one socket of its own as frames: this header, then `length` bytes.
 */
enum fault_frame_operation {
	/* From the kernel: */
	FAULT_FRAME_OPEN = 1,	 /* the first bytes of a connection that the gate is to end */
	FAULT_FRAME_DATA = 2,	 /* further bytes of one */
	FAULT_FRAME_DELAY = 3,	 /* bytes that go on to the server, later when `rules` is not 0 */
	FAULT_FRAME_REFUSED = 7, /* without bytes: one from the gate led nowhere */
	/* From the gate: */
	FAULT_FRAME_TO_CLIENT = 4, /* the client reads them as the server's */
	FAULT_FRAME_TO_SERVER = 5, /* bytes of FAULT_FRAME_DELAY go on; none: up to `at` they have
				    */
	FAULT_FRAME_LAST = 6,	   /* the last ones that the client reads, also behind the fault */
};

struct fault_frame {
	__u64 cookie;	/* of the client's socket */
	__u64 at;	/* ns: when the client sent it; FAULT_FRAME_TO_SERVER: the first byte's
			   position among all that was given; otherwise 0 */
	__u64 rules;	/* mask of those that the connection or message is subject to */
	__u32 length;	/* bytes behind the header */
	__u8 operation; /* enum fault_frame_operation */
	__u8 kind;	/* FAULT_FRAME_OPEN: FAULT_GATE_TLS or FAULT_GATE_HTTP, as it begins */
	__u8 padding[2];
};

enum {
	FAULT_FRAME_MAX = 16384,	  /* bytes behind the header, from the gate */
	FAULT_FRAME_LAST_MAX = 1024,	  /* of FAULT_FRAME_LAST */
	FAULT_GATE_BEAT_NS = 100000000,	  /* a gate that has not beaten for longer is down */
	FAULT_GATE_QUEUE_NEW = 33554432,  /* bytes yet to read beyond which it gets nothing new, */
	FAULT_GATE_QUEUE_MAX = 134217728, /* and nothing more of what it has already */
};

/* The key of the gate's own socket in map `sockets`: no socket's cookie. */
#define FAULT_GATE_KEY 0ULL

/* The one element of map `beat`, written by the gate, which has it mapped. */
struct fault_beat {
	__u64 at;    /* ns: when it last went round its loop */
	__u64 taken; /* bytes read from its socket, headers included */
	__u32 full;  /* it takes no connection more */
	__u32 padding;
};

/* fault_diverted.flags */
enum {
	FAULT_DIVERTED_ENDS_HERE = 1U << 0, /* the gate ends it: the server gets nothing */
	FAULT_DIVERTED_OVER = 1U << 1,	    /* the gate has let go of it */
};

/* Map `diverted`, key: socket cookie. Connections that are in the gate's hands. */
struct fault_diverted {
	__u64 space;	  /* cookie of its network namespace; 0: the kernel does not tell */
	__u64 rules;	  /* FAULT_DIVERTED_ENDS_HERE: mask */
	__u64 given;	  /* bytes of FAULT_FRAME_DELAY given to the gate */
	__u64 returned;	  /* bytes of them that have gone on to the server */
	__u8 address[16]; /* destination */
	__u8 local[16];	  /* the client's own address */
	__u32 port;	  /* destination */
	__u32 local_port; /* the client's own */
	__u32 process;	  /* that sent the first bytes */
	__u32 flags;	  /* FAULT_DIVERTED_* */
	__u32 unread;	  /* bytes that wait for the client, as fault_unread saw it last */
	__u32 padding;
};

enum fault_event_kind {
	FAULT_EVENT_FIRST_HIT = 1,  /* first hit of a rule in this injection */
	FAULT_EVENT_FIRST_PASS = 2, /* first matched traffic that passed after the window's end */
	FAULT_EVENT_BUDGET = 3,	    /* the rule has used up its budget: it acts no more */
	FAULT_EVENT_CLOSED = 4,	    /* the client of a diverted connection closes it; cookie */
};

/* Records of the ring buffer `events`. */
struct fault_event {
	__u64 at; /* ns */
	__u32 kind;
	__u32 rule;
	__u32 injection;
	__u32 protocol;
	__u8 address[16]; /* destination */
	__u32 port;
	__u32 padding;
	__u64 cookie; /* of FAULT_EVENT_CLOSED; the fields from `rule` on are 0 there */
};

#define FAULT_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " changed size")
FAULT_ASSERT_SIZE(struct fault_control, 29 * 8 + 8);
FAULT_ASSERT_SIZE(struct fault_window, 56);
FAULT_ASSERT_SIZE(struct fault_shape, 56);
FAULT_ASSERT_SIZE(struct fault_rule, 120);
FAULT_ASSERT_SIZE(struct fault_answer, 8 + FAULT_ANSWER_MAX);
FAULT_ASSERT_SIZE(struct fault_counters, (5 + FAULT_REASON_MAX) * 8);
FAULT_ASSERT_SIZE(struct fault_series_key, 8);
FAULT_ASSERT_SIZE(struct fault_series, (9 + FAULT_RESPONSE_MAX) * 8);
FAULT_ASSERT_SIZE(struct fault_masks, 16);
FAULT_ASSERT_SIZE(struct fault_prefix4, 8);
FAULT_ASSERT_SIZE(struct fault_prefix6, 20);
FAULT_ASSERT_SIZE(struct fault_name_key, 4 + FAULT_NAME_MAX);
FAULT_ASSERT_SIZE(struct fault_path_key, 4 + FAULT_PATH_MAX);
FAULT_ASSERT_SIZE(struct fault_learned, 24);
FAULT_ASSERT_SIZE(struct fault_device, 16);
FAULT_ASSERT_SIZE(struct fault_forwarded_key, 40);
FAULT_ASSERT_SIZE(struct fault_forwarded, 24);
FAULT_ASSERT_SIZE(struct fault_adoptee, 40);
FAULT_ASSERT_SIZE(struct fault_shadow_key, 112);
FAULT_ASSERT_SIZE(struct fault_shadow, 48);
FAULT_ASSERT_SIZE(struct fault_event, 56);
FAULT_ASSERT_SIZE(struct fault_frame, 32);
FAULT_ASSERT_SIZE(struct fault_beat, 24);
FAULT_ASSERT_SIZE(struct fault_diverted, 88);

#endif
