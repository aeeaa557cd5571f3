/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as the engine's messages. */
#ifndef DAEMON_PLAN_SEND_H
#define DAEMON_PLAN_SEND_H

#include <sys/types.h>

#include "user/daemon/channel.h"
#include "user/daemon/resolve.h"

/*
 * Sends everything of `plan` up to, and without, ENGINE_ARM. 0, or what the engine
 * said.
 */
int plan_send(struct channel *channel, const struct plan *plan, const struct resolved *resolved,
	      size_t resolved_count, uid_t uid, struct failure *failure);

#endif
