/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/http.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <string.h>

#include "user/base/cleanup.h"

enum {
	IDLE_S = 10,		      /* after which a silent connection is closed */
	BODY_DISCARDED_MAX = 8 << 20, /* of a body that is too long, before the line is cut */
	STREAM_BLOCK = 16384,
};

struct server {
	http_handler_fn handler;
	void *context;
};

/* What is gathered of one request over the calls that libmicrohttpd makes. */
struct gathering {
	char *body;
	size_t length;
	bool too_long;
	bool out_of_memory;
};

static const char too_long_text[] =
	"{\"error\": \"a body over the limit of 1 MiB\", \"code\": \"invalid\"}\n";
static const char no_memory_text[] = "{\"error\": \"out of memory\", \"code\": \"failed\"}\n";

static void gather(struct gathering *gathering, const char *data, size_t size)
{
	char *larger;

	if (gathering->too_long || size > HTTP_BODY_MAX - gathering->length) {
		gathering->too_long = true;
		gathering->length += size;
		return;
	}
	larger = realloc(gathering->body, gathering->length + size + 1);
	if (!larger) {
		gathering->out_of_memory = true;
		return;
	}
	memcpy(larger + gathering->length, data, size);
	gathering->body = larger;
	gathering->length += size;
	gathering->body[gathering->length] = '\0';
}

static ssize_t read_stream(void *context, uint64_t position, char *buffer, size_t size)
{
	struct http_response *response = context;
	ssize_t count;

	(void)position;
	count = response->stream(response->stream_context, buffer, size);
	return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : count;
}

static void free_stream(void *context)
{
	struct http_response *response = context;

	response->stream_free(response->stream_context);
	free(response);
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned int status, char *text,
				 const char *type, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *answer = MHD_create_response_from_buffer(strlen(text), text, mode);
	enum MHD_Result result;

	if (!answer)
		return MHD_NO;
	MHD_add_response_header(answer, "Content-Type", type ? type : "application/json");
	result = MHD_queue_response(connection, status, answer);
	MHD_destroy_response(answer);
	return result;
}

static enum MHD_Result send_stream(struct MHD_Connection *connection,
				   const struct http_response *response)
{
	struct http_response *copy = malloc(sizeof(*copy));
	struct MHD_Response *answer = NULL;
	enum MHD_Result result;

	if (copy) {
		*copy = *response;
		answer = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
							   read_stream, copy, free_stream);
	}
	if (!answer) {
		free(copy);
		response->stream_free(response->stream_context);
		return MHD_NO;
	}
	MHD_add_response_header(answer, "Content-Type", "application/jsonl");
	result = MHD_queue_response(connection, response->status, answer);
	MHD_destroy_response(answer);
	return result;
}

static enum MHD_Result respond(const struct server *server, struct MHD_Connection *connection,
			       const struct http_request *request)
{
	struct http_response response = {};

	server->handler(server->context, request, &response);
	if (response.stream)
		return send_stream(connection, &response);
	if (!response.body)
		return send_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, (char *)no_memory_text,
				 NULL, MHD_RESPMEM_PERSISTENT);
	return send_text(connection, response.status, response.body, response.type,
			 MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
				  const char *path, const char *method, const char *version,
				  const char *data, size_t *size, void **state)
{
	const union MHD_ConnectionInfo *info;
	struct gathering *gathering = *state;
	struct http_request request = {.method = method, .path = path, .connection = connection};

	(void)version;
	if (!gathering) {
		*state = calloc(1, sizeof(*gathering));
		return *state ? MHD_YES : MHD_NO;
	}
	if (*size) {
		gather(gathering, data, *size);
		*size = 0;
		return gathering->length > BODY_DISCARDED_MAX ? MHD_NO : MHD_YES;
	}
	if (gathering->too_long)
		return send_text(connection, MHD_HTTP_BAD_REQUEST, (char *)too_long_text, NULL,
				 MHD_RESPMEM_PERSISTENT);
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (!info || gathering->out_of_memory)
		return send_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, (char *)no_memory_text,
				 NULL, MHD_RESPMEM_PERSISTENT);
	request.fd = info->connect_fd;
	request.body = gathering->body ? gathering->body : "";
	request.body_length = gathering->length;
	return respond(context, connection, &request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct gathering *gathering = *state;

	(void)context;
	(void)connection;
	(void)code;
	if (gathering)
		free(gathering->body);
	free(gathering);
	*state = NULL;
}

const char *http_query(const struct http_request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

int http_serve(int listener, http_handler_fn handler, void *context, struct failure *failure)
{
	struct server *server = malloc(sizeof(*server));
	struct MHD_Daemon *daemon;

	if (!server)
		return fail(failure, -ENOMEM, "out of memory");
	*server = (struct server){handler, context};
	/* A thread each: a look-up of names or a stream of events keeps nobody else waiting. */
	daemon = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0,
		NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)HTTP_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_S, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, NULL, MHD_OPTION_END);
	if (!daemon) {
		free(server);
		return fail(failure, -EIO, "the HTTP server did not start");
	}
	return 0;
}
