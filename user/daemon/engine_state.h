/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's state and its parts' functions; for the engine_*.c files only. */
#ifndef DAEMON_ENGINE_STATE_H
#define DAEMON_ENGINE_STATE_H

#include "user/base/clock.h"
#include "user/daemon/bpf.h"
#include "user/daemon/engine.h"
#include "user/daemon/helper.h"
#include "user/daemon/targets.h"

/* After this much time without a lease the run is over, not only its effects. */
#define ENGINE_LEASE_GRACE_NS (5 * NS_PER_S)
/* How long after a run its clients have for reading the last answers. */
#define ENGINE_RETIRE_NS (2 * NS_PER_S)
/* Buckets of the series that are older than this are deleted. */
#define ENGINE_SERIES_KEEP_NS (120 * NS_PER_S)

/* Between two looks at whether the gate still beats. */
#define ENGINE_GATE_LOOK_NS (20 * NS_PER_MS)

/* The gate, while a run needs it. */
struct gate_link {
	bool running;
	int channel;	 /* to it; -1: none */
	int other_end;	 /* of its socket: silent */
	__u64 looked_at; /* ns: whether it beats */
	bool silent;	 /* it did not */
	bool synced;	 /* what was asked of it by GATE_SYNC has come */
	bool measured;	 /* in this round: how much waits for its clients */
	struct fault_counters counters[FAULT_RULES_MAX]; /* what it has counted */
};
#define ENGINE_GATE_NONE ((struct gate_link){.channel = -1, .other_end = -1})

struct engine {
	int channel; /* borrowed */
	const struct engine_settings *settings;
	bool halted;
	struct draft *draft; /* being put together, or armed */
	/* While armed: */
	struct classified classified;
	struct programs *programs;		/* NULL: nothing is armed */
	volatile struct fault_control *control; /* the kernel's own memory */
	volatile struct fault_window *windows;	/* likewise, one per rule */
	struct targets *targets;		/* cgroups that the plan names */
	bool scope_is_everything;
	__u64 open;	    /* rules whose window was opened and has not been reported as ended */
	__u32 series_swept; /* buckets below this one are deleted */
	struct gate_link gate;
	/* A run that is over, but holds open connections: unloaded at `retired_until`. */
	struct programs *retired;
	__u64 retired_until;
	struct engine_shadow_entry *shadow; /* what is being read; NULL: nothing */
	size_t shadow_count;
	/* What the last run's rules came to, kept until the next one begins. */
	struct engine_rule_status last[FAULT_RULES_MAX];
	__u32 last_count;
	__u32 events_lost; /* that the peer did not take */
};

/* engine_arm.c */
int engine_arm(struct engine *engine, __u64 now, struct failure *failure);
/* Lifts what is open, reports both with `cause`, unloads everything. Nothing armed: nothing. */
void engine_disarm(struct engine *engine, enum engine_cause cause, __u64 at);

/* Covers the cgroups that have come, lets go of those that have gone. 0 or -errno. */
int engine_read_targets(struct engine *engine);

/* Unloads what an earlier run still holds open connections by. */
void engine_forget_retired(struct engine *engine);

/* engine_window.c: all take the moment as an argument. */
int engine_inject(struct engine *engine, struct engine_window *window, __u64 now,
		  struct failure *failure);
/*
 * Lets the share of the open windows among window->rules fall from now on to 0 at the end of
 * window->duration_ns, or at the deadline, and says in `window` from when to when.
 */
int engine_lift_staged(struct engine *engine, struct engine_window *window, __u64 now,
		       struct failure *failure);
/* Ends a fault, one of whose rules has used its budget up, as the kernel says. */
void engine_end_budget(struct engine *engine, const struct fault_event *detail);
/* Ends open windows among `rules` at `at` and reports it. */
void engine_lift(struct engine *engine, __u64 rules, enum engine_cause cause, __u64 at);
/* Reports windows that have ended by themselves, by lease or by deadline, with their own instants,
 * and disarms when the run is over. */
void engine_tick(struct engine *engine, __u64 now);
/* The next moment at which engine_tick has something to do; UINT64_MAX: none. */
__u64 engine_next(const struct engine *engine);

/*
 * engine_existing.c: counts the connections of window->rules that are open already, destroys those
 * of `resets` among them and has the message layer look at those of `adopts`. The window's counts
 * are true even when it failed half way.
 */
int engine_find_existing(struct engine *engine, struct engine_window *window, __u64 resets,
			 __u64 adopts, __u64 now, struct failure *failure);

/* engine_space.c */
/* The network namespace of a socket by its cookie; 0: the kernel does not tell. */
__u64 engine_space_of(int fd);
/* `netlink`: a NETLINK_SOCK_DIAG socket in a namespace; `space`: the namespace, or -1: not told.
 * Both are borrowed. 0, or -errno: stop. */
typedef int (*engine_space_fn)(void *context, int netlink, int space, struct failure *failure);
/*
 * Calls `visit` once for each network namespace but the engine's own in which some process of the
 * scope lives now. Takes the helper, and a kernel that tells namespaces apart (5.14): without them
 * none is visited. 0 or what `visit` returned.
 */
int engine_visit_spaces(struct engine *engine, engine_space_fn visit, void *context,
			struct failure *failure);

/* engine_read.c */
void engine_status(const struct engine *engine, __u64 now, struct engine_status *ret_status);
int engine_rule_status(struct engine *engine, __u32 rule, struct engine_rule_status *ret_status,
		       struct failure *failure);
void engine_keep_last(struct engine *engine);
int engine_series(struct engine *engine, struct engine_series *series, __u64 now,
		  struct failure *failure);
int engine_shadow(struct engine *engine, struct engine_shadow *shadow, struct failure *failure);
void engine_sweep_series(struct engine *engine, __u64 now);

/* engine_gate.c */
/* Starts the gate when the armed programs need it, which must not be published yet. 0 or -errno. */
int engine_gate_start(struct engine *engine, struct failure *failure);
/* Lets it wind up and end by itself. */
void engine_gate_stop(struct engine *engine);
/* Does what it asks for. */
void engine_gate_read(struct engine *engine);
/* The kernel says that the client of a diverted connection closes it. */
void engine_gate_closed(struct engine *engine, __u64 cookie);
/* Looks whether it beats, and when it is to be asked again (UINT64_MAX: never). */
void engine_gate_tick(struct engine *engine, __u64 now);
__u64 engine_gate_next(const struct engine *engine);
/* Has it say what it has counted so far; a gate that does not answer soon is not waited for. */
void engine_gate_sync(struct engine *engine);
/* Adds what it has counted of a rule. */
void engine_gate_add_counters(const struct engine *engine, __u32 rule,
			      struct fault_counters *counters);

/* engine.c: sends an event to the peer. */
void engine_report(struct engine *engine, const struct engine_event *event);
/* Takes what a kernel program has reported, or would have. */
void engine_take_event(struct engine *engine, const struct fault_event *detail);

#endif
