/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: what the daemon is asked to arm. It is compiled from an experiment (presets expanded,
 * one rule per endpoint of a fault), crosses to the daemon as JSON (user/protocol/plan_json.h) and
 * holds nothing that must be executed. All strings are owned by the plan.
 */
#ifndef EXPERIMENT_PLAN_H
#define EXPERIMENT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/contract.h"
#include "user/base/address.h"
#include "user/base/failure.h"

/* A list of owned strings. */
struct strings {
	char **items;
	size_t count;
};
/* Copies `text` to the end. 0 or -ENOMEM. */
int strings_add(struct strings *strings, const char *text);
void strings_free(struct strings *strings);

/* What of a destination a rule or a protection names. Empty lists do not constrain. */
struct plan_match {
	bool tcp, udp; /* at least one is set */
	struct port_range *ports;
	size_t ports_count;
	struct address_prefix *prefixes;
	size_t prefixes_count;
	struct strings names; /* "a.example" or "*.example", lower case */
	struct strings paths; /* HTTP path prefixes, each begins with '/' */
	uint16_t methods;     /* bit per enum fault_method; 0: any */
	bool http;	      /* an HTTP request is needed: paths, methods, or http host given */
	/* Whose it must be, any one of these: */
	struct strings cgroups; /* paths below the cgroup2 mount, begin with '/'; ancestors match */
	struct strings units;	/* systemd units, by name or glob */
	struct strings containers; /* by id, front of an id, or name */
	/* And each of these that is given: */
	struct strings commands;   /* process names (comm), exact */
	struct strings users;	   /* uids in digits */
	struct strings namespaces; /* network namespaces: paths, or inodes in digits */
	/* Or none of them: */
	struct strings interfaces; /* names or globs: forwarded traffic that enters there, alone */
};

/* What becomes of connections that are open at the inject. */
enum plan_existing {
	PLAN_EXISTING_KEEP = 0,	 /* nothing */
	PLAN_EXISTING_RESET = 1, /* they are destroyed */
	PLAN_EXISTING_ADOPT = 2, /* what their clients send from then on is looked at */
	PLAN_EXISTING_COUNT = 3,
};

/*
 * How long FAULT_EFFECT_DELAY holds back. With u, u1, u2 even on [0, 1):
 *   uniform	time + jitter * (2 u - 1)
 *   normal	time + jitter * sqrt(-2 ln(1 - u1)) * cos(2 pi u2): jitter is the deviation
 *   pareto	time + 2 * jitter * ((1 - u)^(-1/3) - 1): Lomax of shape 3 above time, mean jitter
 * What falls below 0 is 0, what goes beyond PLAN_DELAY_HIGHEST is that.
 */
enum plan_distribution {
	PLAN_DISTRIBUTION_UNIFORM = 0,
	PLAN_DISTRIBUTION_NORMAL = 1,
	PLAN_DISTRIBUTION_PARETO = 2,
	PLAN_DISTRIBUTION_COUNT = 3,
};

struct plan_delay {
	uint64_t time_ns;   /* 1 ms to PLAN_DELAY_HIGHEST */
	uint64_t jitter_ns; /* 0: always time_ns, whatever the distribution says */
	unsigned int distribution;
	bool at_connect; /* the connection's first message alone; else every request */
};

/* FAULT_EFFECT_CERTIFICATE: what is wrong with it. Each is by the experiment's authority, but for
 * the one that is untrusted. */
enum plan_certificate {
	PLAN_CERTIFICATE_NONE = 0, /* of every other effect */
	PLAN_CERTIFICATE_EXPIRED = 1,
	PLAN_CERTIFICATE_UNTRUSTED = 2,
	PLAN_CERTIFICATE_WRONG_NAME = 3,
	PLAN_CERTIFICATE_COUNT = 4,
};

struct plan_rule {
	char *fault; /* name of the fault in the experiment; several rules may share it */
	struct plan_match match;
	enum fault_effect effect;
	uint32_t share;		   /* parts per million */
	uint32_t loss;		   /* parts per million, FAULT_EFFECT_LOSS */
	uint8_t alert;		   /* FAULT_EFFECT_ALERT */
	enum fault_dns dns;	   /* FAULT_EFFECT_DNS */
	enum fault_reset reset_at; /* FAULT_EFFECT_RESET */
	uint64_t after;		   /* bytes of the server; FAULT_EFFECT_CUT, _STALL, _CORRUPT */
	uint64_t every;		   /* bytes of which one is changed; FAULT_EFFECT_CORRUPT */
	uint64_t rate;		   /* bytes a second; FAULT_EFFECT_RATE, _DRIP */
	struct plan_delay delay;   /* FAULT_EFFECT_DELAY */
	unsigned int certificate;  /* enum plan_certificate; FAULT_EFFECT_CERTIFICATE */
	bool terminate; /* TLS is ended in the server's place, so that what is inside is seen:
			   FAULT_EFFECT_ANSWER and _DRIP; always with _CERTIFICATE */
	bool expand;	/* the answer holds ${...} to be filled in; FAULT_EFFECT_ANSWER */
	bool observed;	/* what becomes of its connections is counted: some workflow asks */
	/* FAULT_EFFECT_OVERLOAD; as in struct fault_rule */
	uint64_t capacity;	  /* thousandths of a request a second */
	uint64_t burst;		  /* requests */
	uint32_t reject_cost;	  /* millionths of a request */
	enum fault_effect reject; /* REFUSE, HANG or ANSWER; NONE with every other effect */
	struct fault_shape shape;
	bool quic_allow;
	unsigned int existing; /* enum plan_existing */
	/* FAULT_EFFECT_ANSWER, and FAULT_EFFECT_OVERLOAD that rejects by one */
	uint16_t status;
	char *reason;  /* reason phrase */
	char *headers; /* "Name: value\r\n" lines as they go on the wire, without Content-Length,
			  Connection and Date, which the daemon adds */
	char *body;    /* may hold NULs */
	size_t body_length;
};

struct plan_protect {
	struct address_prefix prefix;
	struct port_range *ports; /* none: every port */
	size_t ports_count;
	char *text; /* as written, for messages */
};

struct plan {
	char *title;
	uint64_t seed;
	bool shadow;		/* count what would be hit, touch nothing */
	uint64_t duration_ns;	/* longest time from arming to the end: the deadline */
	uint64_t lease_ns;	/* how long faults outlive the controller's last renewal */
	struct strings cgroups; /* scope: attach here; none: the host's root as the policy says */
	struct strings units;	/* scope: systemd units, by name or glob */
	struct strings containers;		    /* scope: by id, front of an id, or name */
	struct strings commands, users, namespaces; /* scope: as in a match, for every rule */
	struct plan_protect *protect;
	size_t protect_count;
	struct plan_rule *rules;
	size_t rules_count; /* 1..FAULT_RULES_MAX */
};

#define PLAN_FAULT_NAME_MAX 48	 /* bytes of a fault's or workflow's name */
#define PLAN_LIST_MAX	    1024 /* entries of one list of a match or a scope */

/* Bounds of what effects and shapes say, both included. */
#define PLAN_AFTER_HIGHEST	 (1ULL << 40)	   /* bytes */
#define PLAN_EVERY_LOWEST	 4096ULL	   /* bytes */
#define PLAN_DELAY_LOWEST	 1000000ULL	   /* ns */
#define PLAN_DELAY_HIGHEST	 60000000000ULL	   /* ns */
#define PLAN_DRIP_LOWEST	 1ULL		   /* bytes a second */
#define PLAN_RATE_LOWEST	 1000ULL	   /* bytes a second */
#define PLAN_RATE_HIGHEST	 12500000000ULL	   /* bytes a second: 100 Gbit/s */
#define PLAN_CAPACITY_HIGHEST	 1000000000ULL	   /* thousandths of a request a second */
#define PLAN_BURST_HIGHEST	 1000000ULL	   /* requests */
#define PLAN_REJECT_COST_HIGHEST 10000000U	   /* millionths: ten requests */
#define PLAN_FLAP_LOWEST	 100000000ULL	   /* ns of a period */
#define PLAN_SHAPE_TIME_HIGHEST	 86400000000000ULL /* ns of a ramp or a period */
#define PLAN_SHAPE_COUNT_HIGHEST 1000000000ULL	   /* of hits, connections, items */
#define PLAN_FALL_STEPS_HIGHEST	 1000U		   /* of a staged lift */

/* A deep copy; `ret_…` must be empty or hold nothing that is owned. 0 or -ENOMEM. */
int plan_match_copy(const struct plan_match *match, struct plan_match *ret_match);
int plan_rule_copy(const struct plan_rule *rule, struct plan_rule *ret_rule);
int plan_protect_copy(const struct plan_protect *protect, struct plan_protect *ret_protect);
int strings_copy(const struct strings *strings, struct strings *ret_strings);

/* These release what the struct owns and leave it empty; the struct itself is the caller's. */
void plan_match_free(struct plan_match *match);
void plan_rule_free(struct plan_rule *rule);
void plan_protect_free(struct plan_protect *protect);
void plan_free(struct plan *plan);

/*
 * Checks everything that is checkable without a host: counts and bounds of the contract, fields
 * that belong to the effect, answer length, shares, that no rule matches everything. 0 or -EINVAL
 * with the rule's fault named in `failure`. The controller, the api process and the engine's
 * caller all run it, so that a plan from elsewhere is held to the same terms.
 */
int plan_validate(const struct plan *plan, struct failure *failure);

/* [a-z0-9][a-z0-9_-]{0,47}: what faults and workflows may be called. */
bool plan_name_is_valid(const char *name);
/* An absolute path below the cgroup2 mount with no empty, "." or ".." part; not "/" itself. */
bool plan_cgroup_is_valid(const char *path);
/* 1 to 63 bytes, letters, digits, "._-" and what a glob has: "*?[]". */
bool plan_interface_is_valid(const char *text);
/* A systemd unit's name or a glob of one: a service, slice or scope, or any by a '*' at the end. */
bool plan_unit_is_valid(const char *glob);
/* 1 to 15 bytes without control characters: what the kernel keeps of a process's name. */
bool plan_command_is_valid(const char *name);
/* A uid in digits. */
bool plan_user_is_valid(const char *text);
/* An absolute path, or an inode in digits. */
bool plan_namespace_is_valid(const char *text);
/* [A-Za-z0-9][A-Za-z0-9_.-]{0,127}: what ids and names of containers are made of. */
bool plan_container_is_valid(const char *name);
/*
 * One header line of `length` bytes, "Name: value" without its CR LF. -EINVAL with the problem in
 * `failure` when it is malformed or a header that the answer writes itself.
 */
int plan_header_check(const char *line, size_t length, struct failure *failure);
/* Whether some dimension constrains: false when it would match everything. */
bool plan_match_is_bounded(const struct plan_match *match);
/* The layer of the kernel programs that carries an effect out. */
enum plan_layer {
	PLAN_LAYER_NONE, /* of what is no effect */
	PLAN_LAYER_CONNECT,
	PLAN_LAYER_PACKET,
	PLAN_LAYER_MESSAGE,
	PLAN_LAYER_LINK,
};
/* `reject` is that of the rule: it decides for FAULT_EFFECT_OVERLOAD. */
enum plan_layer plan_effect_layer(enum fault_effect effect, enum fault_effect reject);
/* Whether the rule has an answer to give. */
bool plan_effect_answers(enum fault_effect effect, enum fault_effect reject);
/* Whether it can tell HTTP requests apart. */
bool plan_effect_sees_http(enum fault_effect effect, enum fault_effect reject);
/*
 * What of the rule's traffic goes to the gate: FAULT_GATE_* bits, from the effect, terminate,
 * expand and delay.at_connect. 0: the kernel carries the rule out alone.
 */
uint8_t plan_rule_gate(const struct plan_rule *rule);
/* Bits of the protocols that it can act on: 1 tcp, 2 udp. */
unsigned int plan_effect_protocols(enum fault_effect effect, enum fault_effect reject);
/*
 * The numbers that say what a rule's effect does and how it changes with time: each within its
 * bounds, none that belongs to another effect. Neither match nor answer is looked at. As above.
 */
int plan_effect_check(const struct plan_rule *rule, struct failure *failure);
/* False for 204, 205 and 304, whose answers end with their headers. */
bool plan_status_has_body(uint16_t status);
/* The standard reason phrase, "" when there is none. */
const char *plan_status_phrase(uint16_t status);

/*
 * Renders the answer of `rule` as it goes on the wire into `ret_answer`: status line, headers,
 * Content-Length, Connection (close when `close` is set), an empty line, body. -EMSGSIZE when it
 * does not fit FAULT_ANSWER_MAX.
 */
int plan_render_answer(const struct plan_rule *rule, bool close, struct fault_answer *ret_answer);

/* TLS alert names of RFC 8446, 6 ("handshake_failure"); -ENOENT for another name. */
int plan_alert_by_name(const char *name, uint8_t *ret_alert);
const char *plan_alert_name(uint8_t alert);
/* Name of the alert at `index` of the table, to list them; NULL behind the last. */
const char *plan_alert_at(size_t index);
/* "refuse", "unreachable", ...; NULL and -ENOENT for what is none. */
const char *plan_effect_name(enum fault_effect effect);
int plan_effect_by_name(const char *name, enum fault_effect *ret_effect);
/* "nxdomain", "servfail", "refused", "drop"; "connect", "request", "live"; likewise. */
const char *plan_dns_name(enum fault_dns dns);
int plan_dns_by_name(const char *name, enum fault_dns *ret_dns);
const char *plan_reset_name(enum fault_reset reset_at);
/* "uniform", "normal", "pareto"; "expired", "untrusted", "wrong-name"; NULL: none. Likewise. */
const char *plan_distribution_name(unsigned int distribution);
int plan_distribution_by_name(const char *name, unsigned int *ret_distribution);
const char *plan_certificate_name(unsigned int certificate);
int plan_certificate_by_name(const char *name, unsigned int *ret_certificate);
int plan_reset_by_name(const char *name, enum fault_reset *ret_reset);

#endif
