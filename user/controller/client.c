/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/record_json.h"

enum { REPLY_MAX = 4 << 20 };

struct call {
	struct client *client;
	struct call *previous, *next;
	struct http_transfer *transfer;
	client_done done;
	void (*event)(void *data, const json_t *event);
	void *data;
};

struct client {
	struct http *http;
	char *socket_path;
	struct call *first;
};

int client_new(struct http *http, const char *socket_path, struct client **ret_client)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->http = http;
	client->socket_path = strdup(socket_path);
	if (!client->socket_path) {
		free(client);
		return -ENOMEM;
	}
	*ret_client = client;
	return 0;
}

static void call_free(struct call *call)
{
	if (call->previous)
		call->previous->next = call->next;
	else
		call->client->first = call->next;
	if (call->next)
		call->next->previous = call->previous;
	free(call);
}

void client_free(struct client *client)
{
	if (!client)
		return;
	while (client->first) {
		http_cancel(client->first->transfer);
		call_free(client->first);
	}
	free(client->socket_path);
	free(client);
}

static enum client_outcome outcome_of(const struct http_result *result)
{
	if (result->library == 0)
		return result->class == CLASS_OK ? CLIENT_OK : CLIENT_REFUSED;
	switch (result->class) {
	case CLASS_DENIED:
		return CLIENT_FORBIDDEN;
	case CLASS_REFUSED:
		return CLIENT_UNREACHABLE;
	case CLASS_TIMEOUT:
		return CLIENT_TIMEOUT;
	default:
		/* A socket that is not there: no connection stood. */
		return result->error == ENOENT || result->error == ENOTDIR ? CLIENT_UNREACHABLE
									   : CLIENT_BROKEN;
	}
}

static void describe(const struct client *client, const struct http_result *result,
		     struct client_reply *reply, const json_t *body, char *text, size_t size)
{
	const char *error = json_text(body, "error"), *code = json_text(body, "code");

	switch (reply->outcome) {
	case CLIENT_OK:
		text[0] = '\0';
		break;
	case CLIENT_REFUSED:
		snprintf(text, size, "%s", error ? error : "the daemon refused");
		if (!error)
			snprintf(text, size, "the daemon answered with status %d", result->status);
		reply->code = code ? code : "";
		break;
	case CLIENT_UNREACHABLE:
	case CLIENT_FORBIDDEN:
		snprintf(text, size, "cannot reach the daemon at %s: %s", client->socket_path,
			 strerror(result->error));
		break;
	case CLIENT_TIMEOUT:
		snprintf(text, size, "the daemon at %s does not answer", client->socket_path);
		break;
	case CLIENT_BROKEN:
		snprintf(text, size, "the connection to the daemon at %s broke: %s",
			 client->socket_path, result->text);
		break;
	}
}

static void on_done(void *data, const struct http_result *result)
{
	struct call *call = data;
	client_done done = call->done;
	void *done_data = call->data;
	struct client_reply reply = {
		.outcome = outcome_of(result),
		.status = result->status,
		.code = "",
		.sent_at = result->started_at,
		.ended_at = result->ended_at,
	};
	json_t *body = call->event ? NULL : json_loadb(result->body, result->body_length, 0, NULL);
	struct http_result broken = *result;
	char text[1024];

	if (reply.outcome == CLIENT_OK && !call->event && !json_is_object(body)) {
		reply.outcome = CLIENT_BROKEN;
		broken.text = "the reply is not a JSON object";
	}
	describe(call->client, &broken, &reply, body, text, sizeof(text));
	reply.text = text;
	reply.body = reply.outcome == CLIENT_OK ? body : NULL;
	call_free(call);
	done(done_data, &reply);
	json_decref(body);
}

static void on_line(void *data, const char *line)
{
	struct call *call = data;
	json_t *event;

	if (!*line)
		return; /* the stream's heartbeat */
	event = json_loads(line, 0, NULL);
	if (json_is_object(event))
		call->event(call->data, event);
	json_decref(event);
}

/* `prototype` says what is different from one call to another. */
static int start(struct client *client, const struct http_request *prototype, const char *path,
		 const struct call *template)
{
	_cleanup_free_ struct call *call = malloc(sizeof(*call));
	struct strings headers = {0};
	struct http_request request = *prototype;
	char url[512];
	int r;

	if (!call || strings_add(&headers, "Content-Type: application/json") < 0)
		return -ENOMEM;
	*call = *template;
	call->client = client;
	snprintf(url, sizeof(url), "http://faultd%s", path);
	request.url = url;
	request.headers = &headers;
	request.unix_socket = client->socket_path;
	request.expect_first = 200;
	request.expect_last = 299;
	request.keep = REPLY_MAX;
	request.done = on_done;
	request.data = call;
	r = http_start(client->http, &request, &call->transfer);
	strings_free(&headers);
	if (r < 0)
		return r;
	call->next = client->first;
	if (client->first)
		client->first->previous = call;
	client->first = TAKE_PTR(call);
	return 0;
}

int client_call(struct client *client, const char *method, const char *path, json_t *body,
		uint64_t timeout_ns, client_done done, void *data)
{
	_cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct http_request request = {.method = method, .body = text, .timeout_ns = timeout_ns};
	struct call template = {.done = done, .data = data};
	bool failed = body && !text;

	json_decref(body);
	return failed ? -ENOMEM : start(client, &request, path, &template);
}

int client_events(struct client *client, const char *id,
		  void (*event)(void *data, const json_t *event), client_done done, void *data)
{
	struct http_request request = {.method = "GET", .line = on_line};
	struct call template = {.done = done, .event = event, .data = data};
	char path[256];

	snprintf(path, sizeof(path), "/v1/events?run=%s", id);
	return start(client, &request, path, &template);
}

int client_exit_code(const struct client_reply *reply)
{
	if (reply->outcome == CLIENT_FORBIDDEN)
		return 4;
	if (reply->outcome != CLIENT_REFUSED)
		return 3;
	switch (reply->status) {
	case 400:
	case 404:
	case 422:
		return 2;
	case 403:
	case 409:
		return 4;
	default:
		return 3;
	}
}
