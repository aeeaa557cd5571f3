/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate to libbpf: the kernel programs of one armed plan. Needs CAP_BPF, CAP_PERFMON and
 * CAP_NET_ADMIN. Nothing is pinned: with the last descriptor everything is gone.
 */
#ifndef DAEMON_BPF_H
#define DAEMON_BPF_H

#include <stdbool.h>

#include "user/daemon/classify.h"

struct programs;

/*
 * Loads the programs that `classified` needs and fills the maps; the addresses in
 * classified->learned hold until `learned_until`, ns. All or nothing; whatever the programs see
 * passes until programs_publish. `draft` must stay until programs_detach. 0 with `ret_programs`, or
 * -errno with the cause in `failure`.
 */
int programs_arm(const struct draft *draft, const struct classified *classified,
		 __u64 learned_until, struct programs **ret_programs, struct failure *failure);

/* Attaches at the cgroup `fd` (borrowed), whose id is `id`, for it and all below. 0 or -errno. */
int programs_attach(struct programs *programs, int fd, __u64 id, struct failure *failure);
/* Rules of `mask` are about cgroup `id` and all below it. 0 or -errno. */
int programs_name_cgroup(struct programs *programs, __u64 id, __u64 mask, struct failure *failure);
/* Undoes both. */
void programs_forget_cgroup(struct programs *programs, __u64 id);

/* Hands the programs their control block: from here on they match. 0 or -errno. */
int programs_publish(struct programs *programs, const struct fault_control *control,
		     struct failure *failure);

/*
 * Detaches: nothing new comes to the programs from here on, and no events either. True when they
 * still hold open connections, whose clients may have answers to read that unloading would take
 * from them.
 */
bool programs_detach(struct programs *programs);

/* Detaches and unloads; open connections are let go. NULL is fine. */
/* Lets go of every connection in the map `sockets`; answers that were not read are lost. */
void programs_release_sockets(struct programs *programs);

void programs_free(struct programs *programs);

/* The kernel's own memory: what is stored here is what the programs see. */
volatile struct fault_control *programs_control(struct programs *programs);
volatile struct fault_window *programs_window(struct programs *programs, __u32 rule);

/* Number of links and attachments. */
__u32 programs_attached(const struct programs *programs);

/* Each 0 or -errno; -ENOENT when there is no such element. */
int programs_counters(struct programs *programs, __u32 rule, struct fault_counters *ret_counters);
int programs_series(struct programs *programs, const struct fault_series_key *key,
		    struct fault_series *ret_series);
/* Adds what the gate has counted. */
int programs_series_add(struct programs *programs, const struct fault_series_key *key,
			const struct fault_series *part);
int programs_series_delete(struct programs *programs, const struct fault_series_key *key);
/* All that a shadow has counted, in no order; the caller frees `ret_entries`. 0 or -errno. */
int programs_shadow(struct programs *programs, struct engine_shadow_entry **ret_entries,
		    size_t *ret_count);
int programs_learned(struct programs *programs, const __u8 address[16],
		     struct fault_learned *ret_learned);

/* Becomes readable when network interfaces come or go; -1: that does not matter. Borrowed. */
int programs_interfaces_fd(const struct programs *programs);
/* Attaches at those that have come, lets go of those that have gone. 0 or -errno. */
int programs_interfaces_read(struct programs *programs, struct failure *failure);

/* Open connections for the message layer; everything is borrowed. */
struct programs_adoption {
	const __u64 *cookies; /* of their sockets */
	const struct fault_adoptee *adoptees;
	size_t count;	   /* of each */
	int helper;	   /* as helper.h takes it */
	const int *spaces; /* network namespaces besides this process's own in which they are */
	size_t spaces_count;
};

/*
 * Has the message layer look at open connections from now on. `ret_adopted` counts those that it
 * took, also on failure. 0 or -errno with the cause.
 */
int programs_adopt(struct programs *programs, const struct programs_adoption *adoption,
		   __u64 *ret_adopted, struct failure *failure);

/*
 * Opens the iterator of `link`, a descriptor: it visits the network namespace that the calling
 * process is in. The caller closes what is returned; -errno.
 */
int programs_iterator(int link);

/*
 * The gate (bpf_gate.c). `socket`: the gate's own, from here on the way to and from it; after
 * programs_arm. 0 or -errno.
 */
int programs_set_gate(struct programs *programs, int socket, struct failure *failure);
/* Whether a program of the plan hands anything to the gate. */
bool programs_need_gate(const struct programs *programs);
/* No rule touches what this socket, not connected yet, connects to. 0 or -errno. */
int programs_spare(struct programs *programs, int socket);
/* Descriptors of the maps `beat`, `control` and `windows`, borrowed. */
void programs_gate_maps(const struct programs *programs, int ret_fds[3]);
/* When the gate has last beaten, ns. */
__u64 programs_beat(struct programs *programs);
/* The gate is gone: from here on nothing is handed to it. */
void programs_stop_beat(struct programs *programs);
/* Has the kernel note how much waits for each client of the gate. 0, or -EOPNOTSUPP when it does
 * not tell; another -errno. */
int programs_measure_unread(struct programs *programs);
/* What the kernel has noted of a diverted connection. 0 or -ENOENT. */
int programs_diverted(struct programs *programs, __u64 cookie, struct fault_diverted *ret_diverted);
/* Calls `visit` for each of them. */
void programs_diverted_visit(struct programs *programs,
			     void (*visit)(void *context, __u64 cookie,
					   const struct fault_diverted *diverted),
			     void *context);

/* Becomes readable when the kernel has reported something. Borrowed. */
int programs_events_fd(const struct programs *programs);
/* Hands every pending record to `handle`. 0 or -errno. */
int programs_events_read(struct programs *programs,
			 void (*handle)(void *context, const struct fault_event *event),
			 void *context);

/* Whom libbpf's debug lines go to; once per process, before any other call. */
void programs_set_log(void (*line)(const char *text));

#endif
