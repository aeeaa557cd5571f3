/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps. Static linking merges the definitions of the three program files into one of each. */
#ifndef FAULTD_MAPS_H
#define FAULTD_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "kernel/dns.h"
#include "kernel/http.h"
#include "kernel/tls.h"

/* What a socket's stream is known to be. */
enum socket_mode {
	SOCKET_FRESH = 0,   /* nothing was sent yet */
	SOCKET_HTTP = 1,    /* requests and bodies that pass; each message may begin a request */
	SOCKET_SWALLOW = 3, /* `swallow` bytes of an answered request's body are still to come */
	SOCKET_DEAF = 4,    /* the kernel has had the last word: what still comes is swallowed */
	SOCKET_HUNG = 5,    /* a request was swallowed; so is what follows, until the rule ends */
	SOCKET_NAMED = 6,   /* TLS whose name was matched: hang may still apply */
	SOCKET_OPAQUE = 7,  /* not looked at any more */
	SOCKET_ADOPTED = 8, /* was open before: the next message may be anything */
	SOCKET_GATED = 9,   /* the gate ends it: all that the client sends is the gate's */
	SOCKET_OVER = 10,   /* it did, and is done: what the client sends fails */
};

/* Where the server's side of a watched HTTP connection stands. */
enum response_state {
	RESPONSE_IDLE = 0,    /* none is due */
	RESPONSE_DUE = 1,     /* a request was passed on; its response has not begun */
	RESPONSE_BODY = 2,    /* until its end */
	RESPONSE_CHUNKED = 3, /* until the last chunk */
	RESPONSE_UNKNOWN = 4, /* its end cannot be told */
};

/* The response that is due on a connection; positions are bytes of the server's stream. */
struct response {
	__u64 start;   /* where it begins */
	__u64 end;     /* RESPONSE_BODY: where it ends */
	__u64 tail;    /* the last 8 bytes up to the furthest segment seen */
	__u32 state;   /* enum response_state */
	__u32 to_head; /* its request was HEAD: no body comes */
};

/* Per socket, in `socket_state`: the cached verdict and where the stream stands. */
struct socket_state {
	__u64 generation; /* of the verdict; another than control's: stale */
	__u64 cookie;
	__u64 candidates;   /* rules that protocol, port, destination and cgroup leave */
	__u64 by_address;   /* name rules among them that own the address alone */
	__u64 decided;	    /* rules that the destination decided at the connect */
	__u64 packet_rules; /* rules of the packet layer that its packets are subject to */
	__u64 link_rules;   /* rules of the link layer that its segments are subject to */
	__u64 swallow;	    /* SOCKET_SWALLOW: bytes still to come */
	__u64 requests;	    /* seen on this connection; numbers the share decisions */
	__u64 received;	    /* bytes of the server's stream up to the furthest segment seen */
	struct response response;
	__u32 mode;	      /* enum socket_mode */
	__u32 behind_answer;  /* bytes of the message at hand behind a request that was answered */
	__u32 hung_rule;      /* SOCKET_HUNG: the rule */
	__u32 answer_due;     /* 1 + rule that answers once the request's body is swallowed */
	__u32 first_sequence; /* TCP sequence number of the server's first byte */
	__u32 sequence_known; /* the SYN-ACK was seen */
	__u32 inbound;	      /* the peer opened it: never touched */
	__u32 adopted;	      /* it was open before: no hook has seen its connect */
	__u32 delay_due;      /* 1 + rule that delays the message at hand */
	__u32 turned_at;      /* SOCKET_NAMED: sequence of the server's next byte when the client
				 last spoke */
	__u32 delayed;	      /* the gate may still hold bytes that go on to the server */
	__u32 port;
	__u8 address[16];
	__u64 gate_rules;    /* SOCKET_GATED: those that it was diverted for */
	__u64 observed;	     /* observed rules that the connection was counted for */
	__u64 awaited;	     /* those of them whose response the server's next is */
	__u64 asked_at;	     /* ns: of the attempt or request that it answers; 0: none */
	__u32 head_sequence; /* sequence number of the last response's head */
	__u32 head_seen;     /* there was one */
	__u64 shadowed;	     /* shadow: rules that would have hit this connection */
	__u64 cgroup;	     /* shadow: of the process that connected */
	__u8 command[FAULT_COMMAND_MAX]; /* shadow: its name */
	struct bpf_spin_lock lock; /* of `received`: segments arrive on several CPUs at once */
};

/* Per rule, in `meters`: what the CPUs share of an injection. Another injection's is stale. */
struct rule_meter {
	__u64 full_at;	   /* ns: when the token bucket is full again */
	__u64 failed;	   /* items that failed, up to shape.first */
	__u64 hits;	   /* up to shape.budget_hits */
	__u64 connections; /* with hits, up to shape.budget_connections */
	__u64 matched;	   /* items that were numbered for their draw */
	__u32 injection;
	__u32 spent; /* the budget is; stays so until the next injection */
	struct bpf_spin_lock lock;
	__u32 padding;
};

/* Key of `draws`: what one item of a connection has its number by. */
struct draw_key {
	__u64 cookie;
	__u64 item;
	__u32 rule;
	__u32 injection;
};

/* Key of `claims`: what was decided of one connection in one injection of a rule. */
struct claim_key {
	__u64 cookie;
	__u32 rule;
	__u32 injection;
};

/* The values: bits. */
enum {
	CLAIM_MADE = 1U << 0,	/* by whoever inserted it, who decides now */
	CLAIM_TAKEN = 1U << 1,	/* counted in, its further hits cost no connection */
	CLAIM_SPARED = 1U << 2, /* came behind the first ones */
};

struct scratch {
	struct fault_text text;
	struct http_head head;
	struct tls_hello hello;
	struct fault_name_key name;
	struct fault_path_key path;
	struct dns_name dns_name;
	struct dns_record record;
	struct fault_shadow_key shadow;
	struct fault_diverted diverted;
	struct fault_frame frame;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fault_control);
} control SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FAULT_RULES_MAX);
	__type(key, __u32);
	__type(value, struct fault_window);
} windows SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FAULT_RULES_MAX);
	__type(key, __u32);
	__type(value, struct fault_rule);
} rules SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * FAULT_RULES_MAX);
	__type(key, __u32);
	__type(value, struct fault_answer);
} answers SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FAULT_RULES_MAX);
	__type(key, __u32);
	__type(value, struct fault_counters);
} counters SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FAULT_RULES_MAX);
	__type(key, __u32);
	__type(value, struct rule_meter);
} meters SEC(".maps") __weak;

/* Numbers of the items that are asked about again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct draw_key);
	__type(value, __u64);
} draws SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct claim_key);
	__type(value, __u32);
} claims SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fault_series_key);
	__type(value, struct fault_series);
} series SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct fault_masks);
} ports SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fault_prefix4);
	__type(value, struct fault_masks);
} prefixes4 SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fault_prefix6);
	__type(value, struct fault_masks);
} prefixes6 SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fault_name_key);
	__type(value, __u64);
} names SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fault_path_key);
	__type(value, __u64);
} paths SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
} cgroups SEC(".maps") __weak;

/* Ids of the scope's cgroups, for the layer that is not attached to them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
} scope SEC(".maps") __weak;

/* By interface index, in the engine's network namespace: those that the link layer watches. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct fault_device);
} devices SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u8[FAULT_COMMAND_MAX]);
	__type(value, __u64);
} commands SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} users SEC(".maps") __weak;

/* Key: inode of the network namespace in nsfs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} namespaces SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u8[16]);
	__type(value, struct fault_learned);
} addresses SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct fault_shadow_key);
	__type(value, struct fault_shadow);
} shadow SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u64);
} sockets SEC(".maps") __weak;

/*
 * Holds fault_stream and behind it fault_gate, for the gate's own socket. A socket in `sockets`
 * keeps the program that it was put in with, beyond any detaching; was that program a user of
 * `sockets`, they would keep each other for as long as the connection lives. So it is only a step
 * to the one in here, and the kernel empties an array of programs when its last descriptor is
 * closed: with the engine ends what it does to open connections.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} stream SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct fault_adoptee);
} adoptees SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct fault_beat);
} beat SEC(".maps") __weak;

/* The bytes that were handed to the gate, headers included. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} gate_given SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FAULT_DIVERTED_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct fault_diverted);
} diverted SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_state);
} socket_state SEC(".maps") __weak;

/* The engine's own sockets to real servers, which no rule touches. Put here by user space: a
 * process id would have to be the one that this kernel's first namespace knows it by. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} own_sockets SEC(".maps") __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 262144);
} events SEC(".maps") __weak;

/*
 * Two elements, because a program in process context may be interrupted on its CPU by one in
 * softirq context: the message layer uses the first, the packet layer the second.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch SEC(".maps") __weak;

enum { STREAM_CLIENTS = 0, STREAM_GATE = 1 };

enum { SCRATCH_MESSAGE = 0, SCRATCH_PACKET = 1 };

static __always_inline struct scratch *scratch_get(__u32 layer)
{
	return bpf_map_lookup_elem(&scratch, &layer);
}

static __always_inline struct fault_control *control_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

#endif
