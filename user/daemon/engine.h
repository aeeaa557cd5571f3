/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged process: takes fixed-size messages from the api process, arms and disarms kernel
 * programs and keeps their time. It parses no text from outside and trusts no field.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "user/daemon/policy.h"

struct engine_settings {
	const char *cgroup_mount; /* where cgroup2 is mounted */
	const char *cgroup_root;  /* cgroup below the mount that a plan without a scope means */
	const char *runtime_root; /* where the files of container runtimes are; NULL: the host's */
	const struct policy *policy;
	int helper; /* the helper process's channel, borrowed; -1: there is no gate */
};

/*
 * Serves `channel` (a SOCK_SEQPACKET socket, borrowed) until the peer is gone or SIGTERM or SIGINT
 * arrives; both must be blocked. Returns with nothing of ours loaded: 0 after a signal, -EPIPE when
 * the peer went, another -errno with the cause in `failure`.
 */
int engine_run(int channel, const struct engine_settings *settings, struct failure *failure);

#endif
