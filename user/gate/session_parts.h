/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session from the inside. Bytes go
 *
 *	client channel - front (HTTP/1.1 or h2) - exchanges - back (HTTP/1.1 or h2) - upstream
 *channel
 *
 * and each part is pumped until none moves. An exchange belongs to the session; front and back say
 * when they have done with it, and session.c frees it then.
 */
#ifndef GATE_SESSION_PARTS_H
#define GATE_SESSION_PARTS_H

#include "user/base/address.h"
#include "user/gate/channel.h"
#include "user/gate/exchange.h"
#include "user/gate/http1.h"

struct nghttp2_session;

enum upstream_stage {
	UPSTREAM_NONE = 0,
	UPSTREAM_ASKED,	    /* the caller is to open it */
	UPSTREAM_HANDSHAKE, /* it is there, TLS is not */
	UPSTREAM_READY,
	UPSTREAM_CLOSING, /* the caller is to close it */
};

/* One end of HTTP/1.1, where requests come one after the other. */
struct http1_end {
	struct exchange *current;
	struct http1_head head;
	struct http1_body body; /* that is read */
	size_t scanned;
	bool head_read; /* back: the response's */
	bool chunked;	/* the body that is written */
	bool written;	/* all of what is written */
	bool close;	/* front: end the connection after this response */
	bool continued; /* front: 100 Continue was said */
	bool used;	/* back: an earlier request went well on this connection */
};

struct gate_session {
	struct gate_session_options options;
	struct channel client, upstream;
	struct exchange *exchanges; /* in the order of their arrival */
	size_t exchanges_count;
	uint64_t requests;
	uint64_t now, wake_at;
	uint64_t random;
	char name[NAME_SIZE];
	bool shaken;	/* the handshake's end has been counted */
	bool noted_end; /* of a client that asked nothing */
	bool finishing;
	bool reset;
	bool waste; /* no memory: end it */
	struct http1_end front1, back1;
	struct nghttp2_session *front2, *back2;
	enum upstream_stage upstream_stage;
	bool front_ended;   /* h2: GOAWAY has been said */
	bool upstream_gone; /* the caller has no connection any more */
	bool back_drains;   /* nothing new goes on this connection */
};

void session_count(struct gate_session *session, enum gate_event event,
		   const struct gate_rule *rule);
/* Notes that a run is due at `at` (0: no), the earliest wins. */
void session_wake(struct gate_session *session, uint64_t at);
/* Adds an exchange at the end; NULL when there are too many, or memory is short: the session then
 * ends. */
struct exchange *session_add_exchange(struct gate_session *session);

/* route.c: whether some exchange went on. */
bool route_pump(struct gate_session *session);
/* What a client that asks for `name` is shown. */
enum gate_certificate route_certificate(struct gate_session *session, const char *name);

/* The client's end. Each pump says whether something moved. */
bool front1_pump(struct gate_session *session);
int front2_start(struct gate_session *session);
bool front2_pump(struct gate_session *session);
void front2_stop(struct gate_session *session);
/* `length` bytes have left exchange->up: h2 opens its window again. */
void front_consumed(struct gate_session *session, struct exchange *exchange, size_t length);

/* The real server's end. */
bool back1_pump(struct gate_session *session);
int back2_start(struct gate_session *session);
bool back2_pump(struct gate_session *session);
void back2_stop(struct gate_session *session);
void back2_cancel(struct gate_session *session, struct exchange *exchange);
/* The client wants no more of an exchange that is carried; it is settled afterwards. */
void back_cancel(struct gate_session *session, struct exchange *exchange);
/* `length` bytes have left exchange->down. */
void back_consumed(struct gate_session *session, struct exchange *exchange, size_t length);

/* upstream.c */
bool upstream_pump(struct gate_session *session);
/* Ends the connection; what is carried is tried again where it may be, else told to the client. */
void upstream_lose(struct gate_session *session, const char *why);
/* One exchange came to nothing behind. */
void upstream_fail_exchange(struct gate_session *session, struct exchange *exchange,
			    const char *why);
/* Tells every exchange that waits for the real server why there is none. */
void upstream_refuse_queued(struct gate_session *session, enum gate_event event, const char *why);
/* Ends the connection in order: nothing is carried by it. */
void upstream_close(struct gate_session *session);
struct exchange *upstream_next_queued(const struct gate_session *session);

#endif
