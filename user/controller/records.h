/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run records: the same structs while it goes on and when its journal is read again.
 * Instants are nanoseconds of CLOCK_BOOTTIME; 0 means that it did not happen.
 */
#ifndef CONTROLLER_RECORDS_H
#define CONTROLLER_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/experiment/experiment.h"

/* How an attempt ended. The names that journals carry stand in records.c. */
enum attempt_class {
	CLASS_OK = 0,
	CLASS_HTTP_STATUS, /* an expected range was missed by a status below 400 */
	CLASS_HTTP_4XX,
	CLASS_HTTP_5XX,
	CLASS_REFUSED,	   /* ECONNREFUSED */
	CLASS_UNREACHABLE, /* EHOSTUNREACH, ENETUNREACH */
	CLASS_DENIED,	   /* EACCES, EPERM from connect */
	CLASS_RESET,	   /* ECONNRESET, ECONNABORTED, EPIPE */
	CLASS_CLOSED,	   /* the peer closed before the answer was whole */
	CLASS_TIMEOUT,
	CLASS_TLS,
	CLASS_DNS,
	CLASS_PROTOCOL,	       /* what came was not HTTP, or another failure of the transfer */
	CLASS_EXIT_CODE,       /* the command ended with a code other than 0 */
	CLASS_KILLED,	       /* the command died of a signal that was not ours */
	CLASS_NOT_STARTED,     /* the command could not be executed, or memory ran out */
	CLASS_FAULTED,	       /* observed: the kernel did to it what the fault says */
	CLASS_NOT_ESTABLISHED, /* observed: connections did not come about in time */
	CLASS_OVERRUN,	       /* too many units in flight: abandoned without an attempt */
	CLASS_CUT,	       /* the run ended before the unit did; no outcome */
	CLASS_COUNT,
};
/* "ok", "http_4xx", ...; NULL: no such class. */
const char *attempt_class_name(unsigned int attempt_class);
/* 0 or -ENOENT. */
int attempt_class_by_name(const char *name, enum attempt_class *ret_class);

/* One try of a unit. */
struct attempt {
	uint32_t workflow;
	uint32_t number; /* 1 is the first */
	uint64_t unit;
	uint64_t intended_at; /* of the unit */
	uint64_t started_at, ended_at;
	uint64_t connect_ns; /* until the TCP connection stood; 0: unknown or reused */
	uint64_t bytes;	     /* of the body, or of a command's output */
	enum attempt_class class;
	int status;  /* HTTP status or exit code; 0: none */
	int error;   /* errno of the connection, or the signal; 0: none */
	int library; /* curl's code; 0: none */
	bool kept;   /* it went over a connection that was open already */
	/* Traffic that was there anyway: the tries in one bucket of the kernel's series, all of
	 * which stand for one outcome. 0: this is one try. */
	uint64_t observed;
};

/* One piece of work. Abandoned units have attempts = 0 and class CLASS_OVERRUN. */
struct unit {
	uint32_t workflow;
	uint32_t attempts;
	uint64_t number;
	uint64_t intended_at;
	uint64_t started_at;	  /* of the first attempt */
	uint64_t last_started_at; /* of the attempt that decided */
	uint64_t ended_at;
	enum attempt_class class; /* of the attempt that decided */
	/* Traffic that was there anyway: tries in one bucket of the kernel's series, and those of
	 * them that failed. 0: this is one piece of work. */
	uint64_t observed, observed_failures;
};

/* How much a unit counts for, and how much of it went well. */
static inline uint64_t unit_tries(const struct unit *unit)
{
	return unit->observed ? unit->observed : 1;
}

static inline uint64_t unit_successes(const struct unit *unit)
{
	if (unit->observed)
		return unit->observed - unit->observed_failures;
	return unit->class == CLASS_OK;
}

static inline uint64_t attempt_tries(const struct attempt *attempt)
{
	return attempt->observed ? attempt->observed : 1;
}

/* Why a window ended. */
enum lift_cause {
	LIFT_NONE = 0, /* not known: the journal stops before */
	LIFT_PLANNED,  /* the window's own end */
	LIFT_LIFTED,   /* a lift request of the timeline, of a person, or at the end */
	LIFT_HALTED,
	LIFT_ABORTED, /* an abort rule */
	LIFT_LEASE,
	LIFT_DEADLINE,
	LIFT_DISARMED,
	LIFT_CRASH,  /* the daemon was lost; the end is an interval */
	LIFT_BUDGET, /* the fault's own budget was used up */
	LIFT_COUNT,
};
const char *lift_cause_name(unsigned int cause);
int lift_cause_by_name(const char *name, enum lift_cause *ret_cause);

/* One injection of one fault. */
struct window {
	uint32_t fault; /* index into history.faults */
	uint64_t starts_at;
	uint64_t planned_end;
	uint64_t falls_at; /* a staged lift began here and ends at planned_end; 0: none */
	uint64_t ended_first, ended_last; /* the end lies in [first, last]; 0: still open */
	enum lift_cause cause;
	uint64_t first_hit_at;
	uint64_t existing_found, existing_reset, existing_adopted;
};

/* Why the run ended. */
enum run_end {
	END_NONE = 0, /* the journal has no end record: it was cut */
	END_COMPLETED,
	END_UNSTEADY,
	END_ABORTED,
	END_HALTED,
	END_DAEMON_LOST,
	END_SIGNAL,
	END_REFUSED, /* the daemon did not take the plan, or an inject */
	END_COUNT,
};
const char *run_end_name(unsigned int end);
int run_end_by_name(const char *name, enum run_end *ret_end);

/* How the units of a workflow come about. */
enum workflow_kind {
	WORKFLOW_KIND_RUN,     /* a command */
	WORKFLOW_KIND_HTTP,    /* a request of the controller's own */
	WORKFLOW_KIND_OBSERVE, /* traffic that is there anyway, from the kernel's series */
	WORKFLOW_KIND_COUNT,
};
const char *workflow_kind_name(unsigned int kind);
int workflow_kind_by_name(const char *name, enum workflow_kind *ret_kind);

/* Who noticed the outage: detected_at is its moment. */
enum detection {
	DETECTION_NONE,	    /* nobody */
	DETECTION_FAILURES, /* N failed units in a row, as `detect.failures` says */
	DETECTION_WEBHOOK,  /* an alert of the system under test, sent to the controller */
	DETECTION_COMMAND,  /* a command that asks for one; the figure is an interval then */
	DETECTION_COUNT,
};
/* "none", "failures", "webhook", "command"; NULL: no such one. */
const char *detection_name(unsigned int detection);
int detection_by_name(const char *name, enum detection *ret_detection);

/* An alert that came, or a command's yes. */
struct alert {
	uint32_t workflow;
	uint64_t after; /* start of the command's last no; 0: there was none, or no command */
	uint64_t at;
};

/* What the analysis needs to know of a workflow. */
struct terms {
	char *name;
	enum workflow_kind kind;
	bool warm;		  /* http: connections are kept between units */
	bool control;		  /* the same work as control_of's, outside the faults' scope */
	uint32_t control_of;	  /* index of a workflow, where `control` holds */
	enum detection detect_by; /* DETECTION_NONE reads as DETECTION_FAILURES */
	uint64_t observed_faults; /* bit per fault whose traffic it observes */
	uint64_t every_ns, timeout_ns;
	uint32_t detect_failures;
	uint32_t stable_successes;
	uint64_t stable_span_ns;
	struct workflow_budget budget;
};

/* One bucket of the kernel's series, of one rule. */
struct bucket {
	uint64_t at; /* start of the bucket */
	uint32_t rule;
	uint64_t connects, requests, hits, passes;
	uint64_t admitted, rejected; /* by an overload: of the passes, of the hits */
	/* Of observed rules alone; as in struct fault_series. */
	uint64_t opened, established, retransmits;
	uint64_t responses[FAULT_RESPONSE_COUNT];
	bool settled; /* FAULT_SETTLE_NS had passed when it was read: `established` is final */
};

/* Everything that the analysis sees. Owned by the struct; ends with history_free. */
struct history {
	struct strings faults;
	struct terms *workflows;
	size_t workflows_count;
	struct unit *units; /* in the order of their end */
	size_t units_count, units_size;
	struct attempt *attempts; /* in the order of their end */
	size_t attempts_count, attempts_size;
	struct window *windows; /* in the order of their start */
	size_t windows_count, windows_size;
	struct alert *alerts; /* in the order of their arrival */
	size_t alerts_count, alerts_size;
	uint32_t rule_faults[FAULT_RULES_MAX]; /* the fault of each rule of the plan */
	size_t rules_count;
	uint64_t packet_rules; /* bit per rule: its hits are packets */
	struct bucket *buckets;
	size_t buckets_count, buckets_size;
	uint64_t bucket_ns;  /* width of a bucket */
	uint64_t started_at; /* the schedule's origin; 0: it never began */
	uint64_t ended_at;   /* last instant of the run */
	enum run_end end;
	char *end_text;	    /* one line for people; may be NULL */
	int exit_code;	    /* of a refusal; 0: the verdict's own */
	uint64_t admitting; /* bit per fault: an overload that let traffic through */
	bool aborting;	    /* an abort rule has struck: lifts from here on are its doing */
	/* First hits that arrived before the reply to their inject. */
	struct hit {
		uint32_t fault;
		uint64_t at;
	} early_hits[FAULT_RULES_MAX];
	size_t early_hits_count;
};

/* Each appends a copy. 0 or -ENOMEM. */
int history_add_unit(struct history *history, const struct unit *unit);
int history_add_attempt(struct history *history, const struct attempt *attempt);
int history_add_window(struct history *history, const struct window *window);
int history_add_bucket(struct history *history, const struct bucket *bucket);
int history_add_alert(struct history *history, const struct alert *alert);

/* Closes the open windows of `fault` (UINT32_MAX: of every fault); the end lies in [first, last],
 * and never after a window's planned end, in which case the cause stays planned. */
void history_close(struct history *history, uint32_t fault, uint64_t first, uint64_t last,
		   enum lift_cause cause);
/* Ends a window at its planned end. */
void window_end_as_planned(struct window *window);
/* Notes a staged lift of the open windows of `fault` from `falls_at` on, which ends at `ends_at`.
 */
void history_fall(struct history *history, uint32_t fault, uint64_t falls_at, uint64_t ends_at);
/* Notes a first hit of `fault` in the window that it fell into, now or when that is added. */
void history_hit(struct history *history, uint32_t fault, uint64_t at);
/* Index of a fault or a workflow by name, or -ENOENT. */
int history_fault(const struct history *history, const char *name);
int history_workflow(const struct history *history, const char *name);
void history_free(struct history *history);

#endif
