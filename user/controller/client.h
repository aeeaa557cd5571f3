/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the daemon's API (docs/api.md), asynchronous, on the event loop. */
#ifndef CONTROLLER_CLIENT_H
#define CONTROLLER_CLIENT_H

#include <jansson.h>

#include "user/controller/http.h"

#define CLIENT_SOCKET_DEFAULT "/run/faultd/faultd.sock"

struct client;

enum client_outcome {
	CLIENT_OK,	    /* 2xx, and a JSON object came with it */
	CLIENT_REFUSED,	    /* 4xx or 5xx; `text` is the daemon's line */
	CLIENT_UNREACHABLE, /* nobody listens there */
	CLIENT_FORBIDDEN,   /* the socket may not be opened */
	CLIENT_TIMEOUT,	    /* no reply in time */
	CLIENT_BROKEN,	    /* the connection broke, or what came was no JSON object */
};

struct client_reply {
	enum client_outcome outcome;
	int status;
	const json_t *body; /* valid in the callback; NULL unless CLIENT_OK */
	const char *text;   /* one line; "" when CLIENT_OK */
	const char *code;   /* the daemon's word for a refusal, or "" */
	uint64_t sent_at, ended_at;
};
typedef void (*client_done)(void *data, const struct client_reply *reply);

/* `socket_path` is copied. 0 or -ENOMEM. The client ends before `http` does. */
int client_new(struct http *http, const char *socket_path, struct client **ret_client);
/* Cancels what is under way. */
void client_free(struct client *client);

/*
 * Calls; `done` is called once, later. Takes over the reference to `body` (NULL: none). -ENOMEM
 * when the call could not be made; `done` then is not called.
 */
int client_call(struct client *client, const char *method, const char *path, json_t *body,
		uint64_t timeout_ns, client_done done, void *data);

/*
 * Opens the stream of events of run `id`: `event` gets each as a JSON object, `done` the end. One
 * stream a client. 0 or -ENOMEM.
 */
int client_events(struct client *client, const char *id,
		  void (*event)(void *data, const json_t *event), client_done done, void *data);

/* The exit code of faultctl for a reply that is not CLIENT_OK. */
int client_exit_code(const struct client_reply *reply);

#endif
