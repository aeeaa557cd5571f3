/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP transfers on the event loop: the probes of workflows and the calls to the daemon. The gate
 * to libcurl: no other file includes it. Nothing here blocks.
 */
#ifndef CONTROLLER_HTTP_H
#define CONTROLLER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/controller/loop.h"
#include "user/controller/records.h"

struct http;
struct http_transfer;

struct http_result {
	enum attempt_class class; /* from the transfer and `expect`; CLASS_OK: a success */
	int status;		  /* 0: no answer */
	int error;		  /* errno of the connection; 0: none */
	int library;		  /* curl's code */
	uint64_t started_at, ended_at;
	uint64_t connect_ns; /* until the TCP connection stood; 0: none or reused */
	bool kept;	     /* the request went over a connection that was open already */
	uint64_t bytes;	     /* of the body, whether kept or not */
	const char *body;    /* NUL-terminated, at most `keep` bytes; valid in the callback */
	size_t body_length;
	const char *text; /* what went wrong; valid in the callback */
};

/* What to send. Everything but `data` is copied. */
struct http_request {
	const char *method;
	const char *url;
	const struct strings *headers;	    /* "Name: value"; may be NULL */
	const char *body;		    /* NULL: none */
	const char *unix_socket;	    /* connect here, through no proxy; NULL: by the URL */
	uint64_t timeout_ns;		    /* from the start; 0: none */
	uint16_t expect_first, expect_last; /* statuses of a success */
	bool cold;			    /* a connection of its own */
	size_t keep;			    /* bytes of the body to keep */
	/* Called once, unless the transfer was cancelled. May start and cancel others. */
	void (*done)(void *data, const struct http_result *result);
	/* When set the body is a stream: called with each whole line, without its newline, and
	 * nothing is kept. May start and cancel transfers, also this one. */
	void (*line)(void *data, const char *line);
	void *data;
};

/* 0 or -errno. `loop` outlives it. Ends with http_free, which cancels what is under way. */
int http_new(struct loop *loop, struct http **ret_http);
void http_free(struct http *http);

/* Starts a transfer. 0, or -ENOMEM; `done` then is not called. */
int http_start(struct http *http, const struct http_request *request,
	       struct http_transfer **ret_transfer);

/* Ends it without a call of `done`. */
void http_cancel(struct http_transfer *transfer);

/* "7.88.1 OpenSSL/3.0.9", for the header of a journal. */
const char *http_library(void);

#endif
