/* SPDX-License-Identifier: Apache-2.0 */
/* State and helpers that the api_*.c files share. */
#ifndef DAEMON_API_STATE_H
#define DAEMON_API_STATE_H

#include <jansson.h>
#include <pthread.h>

#include "user/daemon/api.h"
#include "user/daemon/channel.h"
#include "user/daemon/http.h"
#include "user/daemon/run.h"

struct api {
	const struct api_settings *settings;
	struct channel *channel;
	char boot_id[40];
	pthread_mutex_t lock; /* guards what is below */
	bool arming;	      /* a run is on its way: the host is taken */
	struct run *run;      /* the current or the last one; NULL: none yet */
};

/* One request on its way through a handler. */
struct api_call {
	struct api *api;
	const struct http_request *request;
	struct http_response *response;
	struct policy_peer peer;
	const char *id;	 /* run id in the path; "" when it has none */
	struct run *run; /* the run of that id, a reference; NULL when it has none */
};

/* Each answers the call. `body` is taken over. */
void api_reply(struct api_call *call, unsigned int status, json_t *body);
void api_error(struct api_call *call, unsigned int status, const char *code, const char *text);
/* The status and code that -errno of the engine means. */
void api_engine_error(struct api_call *call, int r, const struct failure *failure);

/* Sends a request without fields. 0, or -errno with `failure`. */
int api_ask(struct api *api, enum engine_request_type type, struct engine_reply *ret_reply,
	    struct failure *failure);

/* The `rules` array of status and counters; NULL with `failure` when the engine said no. */
json_t *api_read_rules(struct api *api, const struct run *run, int *ret_error,
		       struct failure *failure);

/* The handlers, one per request of docs/api.md. */
void api_get_status(struct api_call *call);
void api_get_metrics(struct api_call *call);
void api_post_run(struct api_call *call);
void api_post_inject(struct api_call *call);
void api_post_lift(struct api_call *call);
void api_post_renew(struct api_call *call);
void api_get_counters(struct api_call *call);
void api_get_series(struct api_call *call);
void api_get_shadow(struct api_call *call);
void api_delete_run(struct api_call *call);
void api_get_events(struct api_call *call);
void api_post_halt(struct api_call *call);
void api_post_release(struct api_call *call);

#endif
