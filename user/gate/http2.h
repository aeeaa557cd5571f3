/* SPDX-License-Identifier: Apache-2.0 */
/* What both ends of h2 (RFC 9113) share; nghttp2 does the framing. */
#ifndef GATE_HTTP2_H
#define GATE_HTTP2_H

#include <nghttp2/nghttp2.h>

#include "user/gate/session_parts.h"

/* Fields as nghttp2 takes them; they point into the message and into `names`. */
struct http2_fields {
	nghttp2_nv *list;
	size_t count;
	char *names; /* in lower case */
	char length_text[24];
	char status_text[8];
};

/* Pseudo-fields and fields of a request, or of a response when its status is set. 0 or -ENOMEM. */
int http2_make_head(const struct message *message, struct http2_fields *ret_fields);
/* The fields alone. */
int http2_make_trailers(const struct message *message, struct http2_fields *ret_fields);
void http2_free_fields(struct http2_fields *fields);

/* Sessions of either kind, with flow control by what has been handed on. 0 or -ENOMEM. */
int http2_new(bool server, const nghttp2_session_callbacks *callbacks, void *context,
	      nghttp2_session **ret_session);

/* Lets `http2` read what is in the channel. 1: something was read; 0; -EPROTO. */
int http2_read(nghttp2_session *http2, struct channel *channel);
/* Lets it write. 1, 0 or a negative errno. */
int http2_write(nghttp2_session *http2, struct channel *channel);

#endif
