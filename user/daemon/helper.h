/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper: a process that holds the privileges which the gate's service and other network
 * namespaces take, does three things with them and reads nothing but fixed-size messages of the
 * engine.
 *
 * It starts the gate, which becomes another user (CAP_SETUID, CAP_SETGID, CAP_SETPCAP); it makes
 * sockets in other processes' network namespaces (CAP_SYS_ADMIN, CAP_SYS_PTRACE), unconnected:
 * where to is the engine's business; and it opens the engine's socket iterator there.
 */
#ifndef DAEMON_HELPER_H
#define DAEMON_HELPER_H

#include <stdint.h>
#include <sys/types.h>

#include "user/base/failure.h"

/* What the gate is given: descriptors in this order. */
enum gate_descriptor {
	GATE_FD_FRAMES = 0,  /* its socket */
	GATE_FD_CHANNEL = 1, /* to the engine */
	GATE_FD_BEAT = 2,    /* map `gate` */
	GATE_FD_CONTROL = 3, /* map `control` */
	GATE_FD_WINDOWS = 4, /* map `windows` */
	GATE_FD_COUNT = 5,
};

/* Who and what the gate is. */
struct gate_identity {
	uid_t uid;
	gid_t gid;
	const char *authority; /* directory with ca.key and ca.pem, root's own */
	const char *trust;     /* PEM file: what real servers' certificates are verified against */
};

/*
 * The helper's life: serves the engine at `channel` until that is gone. Keeps the privileges named
 * above and no others. -EPIPE when the engine went, another -errno with the cause in `failure`.
 */
int helper_serve(int channel, const struct gate_identity *identity, pid_t parent,
		 struct failure *failure);

/*
 * The engine's side. Starts a gate with copies of `descriptors`, which stay the caller's. 0 with
 * the gate's process id, or -errno.
 */
int helper_start_gate(int helper, const int descriptors[GATE_FD_COUNT], pid_t *ret_pid,
		      struct failure *failure);

/*
 * A socket of `family`, `type` and `protocol` in the network namespace of process `pid`. The caller
 * closes it and checks that it is the namespace that was meant: a process id may have passed on.
 * Returns the descriptor or -errno.
 */
int helper_socket(int helper, pid_t pid, int family, int type, int protocol,
		  struct failure *failure);

/* The same in the network namespace `space`, a descriptor, which stays the caller's. */
int helper_socket_in(int helper, int space, int family, int type, int protocol,
		     struct failure *failure);

/*
 * Opens a BPF iterator over sockets so that it visits those of the network namespace `space`; both
 * descriptors stay the caller's, who closes the one returned. Returns it or -errno.
 */
int helper_iterate(int helper, int link, int space, struct failure *failure);

#endif
