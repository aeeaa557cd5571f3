/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to the daemon one call at a time, for verbs that have nothing else to do meanwhile. */
#ifndef CONTROLLER_CONVERSATION_H
#define CONTROLLER_CONVERSATION_H

#include "user/controller/client.h"

struct conversation {
	struct loop *loop;
	struct http *http;
	struct client *client;
	struct timer timer;
	int signals; /* signalfd; -1: not asked for */
	bool interrupted;
	json_t *body; /* of the last reply; owned */
	int exit_code;
};

/* 0 or the exit code; what failed has been said. Ended by conversation_end in either case. */
int conversation_begin(struct conversation *conversation, const char *socket_path);
void conversation_end(struct conversation *conversation);

/* Asks, and replaces the last reply's body; takes over the reference to `body`. 0 or the exit code;
 * what failed has been said. */
int conversation_ask(struct conversation *conversation, const char *method, const char *path,
		     json_t *body);

/* From here on SIGINT, SIGTERM and SIGHUP end a wait and set `interrupted`. 0 or the exit code. */
int conversation_take_signals(struct conversation *conversation);
/* Waits until `at` (ns, CLOCK_BOOTTIME) or a signal. 0 or the exit code. */
int conversation_wait(struct conversation *conversation, uint64_t at);

#endif
