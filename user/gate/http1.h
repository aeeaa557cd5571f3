/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 on the wire (RFC 9112): heads of requests and responses, and where bodies end. What two
 * servers could read in two ways is malformed here, never guessed at. kernel/http.h answers the
 * narrower question of what a request is; this one hands every field on.
 */
#ifndef GATE_HTTP1_H
#define GATE_HTTP1_H

#include "user/gate/buffer.h"
#include "user/gate/message.h"

enum http1_framing {
	HTTP1_NONE = 0, /* no body */
	HTTP1_LENGTH,	/* so many bytes */
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* responses only */
};

/* Where in a body its reader stands. */
struct http1_body {
	enum http1_framing framing;
	uint64_t left;	     /* bytes of the body, or of the chunk */
	unsigned int state;  /* of a chunked body */
	unsigned int digits; /* of the chunk's size that were read */
	size_t extra;	     /* bytes of extensions and trailers that were read */
	bool complete;
};

/* What a head says beyond its fields. */
struct http1_head {
	size_t length; /* bytes of the head, with the empty line */
	enum http1_framing framing;
	bool keep_alive; /* the connection may be used again */
	bool expects;	 /* Expect: 100-continue */
	bool version_1_0;
	bool upgrade; /* the connection is to become another protocol */
};

/*
 * Reads the head at the front of `bytes` into `message`, which must be empty. `*scanned` is how
 * many bytes earlier calls looked at without finding the end: 0 at first, kept by the caller. 0,
 * -EAGAIN (its end has not come), -EBADMSG (malformed or ambiguous), -ENOBUFS (beyond the bounds of
 * struct message), -ENOMEM. On failure the message holds what was read of it.
 */
int http1_read_request(const uint8_t *bytes, size_t length, size_t *scanned,
		       struct message *message, struct http1_head *ret_head);
/* Likewise; `to_head` tells that the request was a HEAD, whose response has no body. */
int http1_read_response(const uint8_t *bytes, size_t length, size_t *scanned, bool to_head,
			struct message *message, struct http1_head *ret_head);

/* The start of a body behind a head. */
void http1_body_start(struct http1_body *body, const struct message *message,
		      const struct http1_head *head);

/*
 * Reads on in a body: of `length` bytes, `*ret_used` are consumed, of which the last `*ret_content`
 * bytes are content. Call again until nothing more is used or the body is complete; content is
 * limited to `most`. 0 or -EBADMSG.
 */
int http1_body_read(struct http1_body *body, const uint8_t *bytes, size_t length, size_t most,
		    size_t *ret_used, size_t *ret_content);

/* How the body of a message that is written is framed. */
struct http1_write {
	bool chunked;	/* Transfer-Encoding: chunked; else Content-Length if it is known */
	bool close;	/* Connection: close */
	bool no_length; /* neither: no body, or one that ends with the connection */
	bool upgrade;	/* Connection and Upgrade are handed on */
};

/*
 * Appends a head: of a response when its status is set, else of a request. Fields that belong to
 * one connection stay behind. 0, -ENOBUFS or -ENOMEM, with nothing appended.
 */
int http1_write_head(struct buffer *out, const struct message *message,
		     const struct http1_write *how);

/* The most that framing adds to one chunk's content. */
#define HTTP1_CHUNK_OVERHEAD 24U
/* Appends one chunk; `length` 0 is the end of the body. 0, -ENOBUFS or -ENOMEM. */
int http1_write_chunk(struct buffer *out, const void *bytes, size_t length);

/* Whether a response to that request has no body, whatever its fields say (RFC 9112, 6.3). */
bool http1_is_bodyless(unsigned int status, bool to_head);

#endif
