/* SPDX-License-Identifier: Apache-2.0 */
/* Processes, users and network namespaces of a plan, as what the engine is told. */
#ifndef DAEMON_OWNER_SEND_H
#define DAEMON_OWNER_SEND_H

#include "user/experiment/plan.h"
#include "user/protocol/engine.h"

/* Hands one match on; 0 or -errno. */
typedef int (*owner_send_fn)(void *context, const struct engine_match *match);

/*
 * Calls `send` for every process, user and namespace that rule `index` is left with when both its
 * match and the plan's scope hold. 0, -ESRCH when none is left or a namespace does not exist, or
 * what `send` returned.
 */
int owner_send(const struct plan *plan, __u32 index, owner_send_fn send, void *context,
	       struct failure *failure);

#endif
