/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place where the system under test sends its alerts: a listener on the event loop that reads one
 * small HTTP/1 request a connection and answers it. It knows no more of HTTP than that takes.
 */
#ifndef CONTROLLER_WEBHOOK_H
#define CONTROLLER_WEBHOOK_H

#include "user/base/failure.h"
#include "user/controller/loop.h"

/* Bytes of a request, its head and body together; connections at a time. */
enum { WEBHOOK_REQUEST_MAX = 65536, WEBHOOK_CONNECTIONS_MAX = 16 };

struct webhook;

/*
 * Listens at `url`, "http://127.0.0.1:9467/alert". `alert` is called with the body of each POST or
 * PUT to its path, NUL-terminated and valid in the call, and with the moment at which the last byte
 * was read; others are answered with 404 or 405. The loop outlives it. 0, or -errno with the reason
 * in `failure`.
 */
int webhook_new(struct loop *loop, const char *url,
		void (*alert)(void *data, const char *body, size_t length, uint64_t at), void *data,
		struct webhook **ret_webhook, struct failure *failure);
/* Closes it and the connections that are open. NULL is fine. */
void webhook_free(struct webhook *webhook);

#endif
