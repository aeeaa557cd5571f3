/* SPDX-License-Identifier: Apache-2.0 */
/* The api process's end of the socketpair: one request at a time, events in between. */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include "user/base/failure.h"
#include "user/protocol/engine.h"

struct channel;

/* Events are handed out on the thread that runs channel_read. */
typedef void (*channel_event_fn)(void *context, const struct engine_event *event);

/* `fd` stays the caller's. 0 or -ENOMEM. */
int channel_new(int fd, channel_event_fn on_event, void *context, struct channel **ret_channel);

/* Reads until the engine is gone. */
void channel_read(struct channel *channel);

/*
 * Sends `request` (version and sequence are filled in) and waits for its reply; any thread. Returns
 * the reply's result with its text in `failure`; -ETIMEDOUT when none comes within 15 s, -EPIPE
 * when the engine is gone.
 */
int channel_call(struct channel *channel, struct engine_request *request,
		 struct engine_reply *ret_reply, struct failure *failure);

#endif
