/* SPDX-License-Identifier: Apache-2.0 */
/* The unprivileged process: parses HTTP and JSON, judges who may do what, talks to the engine. */
#ifndef DAEMON_API_H
#define DAEMON_API_H

#include "user/daemon/policy.h"

struct api_settings {
	int listener;		  /* listening unix socket */
	int channel;		  /* to the engine */
	const char *cgroup_mount; /* where cgroup2 is mounted */
	const struct policy *policy;
};

/*
 * Serves docs/api.md until the engine is gone; privileges are dropped before. Returns -errno with
 * the cause when it could not start, -EPIPE when the engine went.
 */
int api_serve(const struct api_settings *settings, struct failure *failure);

#endif
