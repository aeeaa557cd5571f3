/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP on a unix socket (the gate to libmicrohttpd): a thread per connection, bodies whole. */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include <stddef.h>
#include <sys/types.h>

#include "user/base/failure.h"

enum {
	HTTP_BODY_MAX = 1 << 20, /* bytes of a request body */
	HTTP_CONNECTIONS_MAX = 128,
};

struct http_request {
	const char *method;
	const char *path; /* without the query, decoded */
	const char *body; /* `body_length` bytes and a NUL */
	size_t body_length;
	int fd;		  /* the connection, for its peer's credentials */
	void *connection; /* for http_query */
};

/* Writes up to `size` bytes of a stream into `buffer`; may wait. 0 bytes are not allowed; -1: end.
 */
typedef ssize_t (*http_stream_fn)(void *context, char *buffer, size_t size);

struct http_response {
	unsigned int status;
	char *body;	  /* text, owned by the gate once the handler returns; NULL: `stream` */
	const char *type; /* of the body; NULL: JSON. Static */
	http_stream_fn stream;
	void (*stream_free)(void *context);
	void *stream_context;
};

/* Answers one request; on any thread. `ret_response` is zeroed. */
typedef void (*http_handler_fn)(void *context, const struct http_request *request,
				struct http_response *ret_response);

/* Serves `listener`, a listening socket, on threads of its own from here on. 0 or -errno. */
int http_serve(int listener, http_handler_fn handler, void *context, struct failure *failure);

/* Value of a query parameter, NULL when it is not there. Lives as long as the request. */
const char *http_query(const struct http_request *request, const char *key);

#endif
