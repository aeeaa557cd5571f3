/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a client that the gate ends in place of the real server: TLS, HTTP/1.1 and h2
 * towards the client, answers by rule, everything else forwarded to the real server over a
 * connection that the caller opens.
 *
 * A session has no socket, timer, file or thread; only validity of certificates and ${time} of
 *answers go by the time of day. The caller carries bytes:
 *
 *	gate_session_feed(session, GATE_CLIENT, bytes, length);  what the client has sent
 *	gate_session_run(session, now);                          does what can be done
 *	gate_session_take(session, GATE_CLIENT, buffer, size);   what is for the client
 *	gate_session_take(session, GATE_UPSTREAM, buffer, size); what is for the real server
 *	gate_session_wants(session);                             what the caller is to do
 *	gate_session_wake_at(session);                           when to run it again at the latest
 *
 * Run it after every feed, take or event: a take makes room that a run fills again. Take until 0
 * comes back from both sides, then sleep until there are bytes, an event or wake_at.
 *
 * Memory is bounded: a feed takes no more than there is room for, and what does not fit stays with
 * the caller (stop reading there: back-pressure). A session holds at most about 1.5 MiB, an idle
 *one about 100 KiB.
 *
 * Times are nanoseconds of any one clock that does not go back. Nothing here is safe to be called
 * for one session from two threads, nor for two sessions of one authority.
 */
#ifndef GATE_SESSION_H
#define GATE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/failure.h"
#include "user/gate/authority.h"

enum gate_side {
	GATE_CLIENT = 0,
	GATE_UPSTREAM = 1, /* the real server */
	GATE_SIDE_COUNT = 2,
};

/*
 * What a rule does to requests on connections that the kernel has diverted for it. Host names were
 * decided by the kernel's match of the SNI. The first rule in the array that matches and is
 * admitted acts; a request that none acts on is forwarded. Texts belong to the caller and outlive
 * the session.
 */
struct gate_rule {
	uint32_t rule;		  /* the caller's number, handed back in callbacks */
	uint16_t methods;	  /* bit per enum fault_method (kernel/contract.h); 0: any */
	const char *const *paths; /* prefixes of the target's path and query, byte by byte */
	size_t paths_count;	  /* 0: any path */
	uint32_t share;		  /* parts per million of the requests */
	uint16_t status;	  /* of the answer; 0: none, the request is forwarded */
	const char *headers;	  /* "Name: value\r\n" lines without Content-Length, Connection and
				     Date; NULL: none */
	const char *reason;	  /* reason phrase of HTTP/1.1; NULL: none */
	const void *body;	  /* of the answer */
	size_t body_length;	  /* bytes; any length */
	bool expand;		  /* `headers` and `body` hold ${method}, ${host}, ${path}, ${time}
				     and ${request-id}, to be filled in */
	uint64_t drip_rate;	  /* bytes a second of the response's body, answered or forwarded;
				     0: at full speed */
	uint64_t delay_ns;	  /* before the request is answered or forwarded */
	enum gate_certificate certificate; /* what the client is shown; methods and paths do not
					      count for it, `share` does */
};

/* What happened, for the caller's counters and reports. */
enum gate_event {
	GATE_EVENT_HANDSHAKE = 0,    /* TLS with the client is up */
	GATE_EVENT_RESUMED,	     /* of those: by an earlier session */
	GATE_EVENT_DISTRUSTED,	     /* the client refused our certificate by an alert */
	GATE_EVENT_HANDSHAKE_FAILED, /* it came to nothing for another reason */
	GATE_EVENT_UNUSED,	/* the client ended a connection that was up without a request: some
				   look at the certificate only then, and say nothing */
	GATE_EVENT_CERTIFICATE, /* a rule's wrong certificate was shown */
	GATE_EVENT_REQUEST,	/* a request was read; `rule` is GATE_RULE_NONE */
	GATE_EVENT_ANSWERED,	/* a rule's answer went out */
	GATE_EVENT_SLOWED,	/* a rule delays or drips it, and it is forwarded */
	GATE_EVENT_FORWARDED,	/* no rule acts: it goes to the real server */
	GATE_EVENT_NOT_HTTP,	/* inside TLS was neither HTTP/1.1 nor h2 */
	GATE_EVENT_UPSTREAM_FAILED,    /* the real server could not be reached, or broke off */
	GATE_EVENT_UPSTREAM_UNTRUSTED, /* its certificate does not verify */
	GATE_EVENT_UPSTREAM_ASKS_CERTIFICATE, /* it wants a client certificate: not supported */
	GATE_EVENT_COUNT,
};
#define GATE_RULE_NONE UINT32_MAX

/* "distrusted", "upstream-untrusted", ...: as counters and reports print it. */
const char *gate_event_name(enum gate_event event);

/* What a session asks of its caller while it runs. Either function may be NULL. */
struct gate_host {
	void *context;
	/*
	 * Whether `rule` may act on this request (or, for a certificate, on this connection) now:
	 * its window, lease, budget. Asked after methods, paths and share have matched. May change
	 * `ret_delay_ns`, which holds the rule's own delay. NULL: every rule may.
	 */
	bool (*admit)(void *context, uint32_t rule, uint64_t now, uint64_t *ret_delay_ns);
	void (*count)(void *context, enum gate_event event, uint32_t rule);
};

/* What one session is made of; everything that it points to outlives it. */
struct gate_session_options {
	struct gate_authority
		*authority;	  /* NULL: no TLS, the client speaks HTTP/1.1 in the clear */
	struct gate_trust *trust; /* what the real server's certificate is verified against; NULL:
				     no TLS towards it */
	const char *name;	  /* of the server when the client sends no SNI; NULL: none, the
				     handshake then fails. With SNI it is not looked at. */
	const struct gate_rule *rules;
	size_t rules_count;
	uint64_t seed; /* of share decisions */
	struct gate_host host;
};

struct gate_session;

/* 0, -ENOMEM or -EIO with the TLS library's words in `failure`. `now` as in gate_session_run. */
int gate_session_new(const struct gate_session_options *options, uint64_t now,
		     struct gate_session **ret_session, struct failure *failure);
/* NULL is allowed. */
void gate_session_free(struct gate_session *session);
static inline void gate_session_cleanup(struct gate_session **session)
{
	gate_session_free(*session);
}

/* How many bytes of that side a feed would take now. */
size_t gate_session_room(const struct gate_session *session, enum gate_side side);
/* Takes up to `length` bytes that this side has sent; returns how many. Needs a run afterwards. */
size_t gate_session_feed(struct gate_session *session, enum gate_side side, const void *bytes,
			 size_t length);
/* Moves up to `size` bytes that are for this side into `buffer`; returns how many. */
size_t gate_session_take(struct gate_session *session, enum gate_side side, void *buffer,
			 size_t size);

/* The client has closed its sending side, or the connection is gone. */
void gate_session_client_closed(struct gate_session *session);

/*
 * What became of GATE_WANT_OPEN: the connection is there, or it is not (`r`, a negative errno, is
 * told to the client in a 502). May come at any time later.
 */
void gate_session_upstream_opened(struct gate_session *session);
void gate_session_upstream_failed(struct gate_session *session, int r);
/* The real server has closed. The session may want another connection later. */
void gate_session_upstream_closed(struct gate_session *session);

/*
 * Begins to end the connection: the requests that are there are still answered, no new ones are
 * taken (GOAWAY, `Connection: close`), then GATE_WANT_CLOSE comes. The caller sets the limit.
 */
void gate_session_finish(struct gate_session *session);

/* Does everything that bytes, events and the time allow. */
void gate_session_run(struct gate_session *session, uint64_t now);

/* What the caller is to do; a set that stays until it is done. */
enum {
	GATE_WANT_OPEN = 1U << 0, /* open a connection to the real server, then tell; asked again
				     only after opened or failed and a close */
	GATE_WANT_CLOSE_UPSTREAM = 1U << 1, /* close it when nothing is left to take for it, then
					       tell by gate_session_upstream_closed() */
	GATE_WANT_CLOSE = 1U << 2, /* close the client's connection when nothing is left to take
				      for it, and free the session */
	GATE_WANT_RESET = 1U << 3, /* likewise, but by RST: a clean end would pass for a whole
				      response */
};
unsigned int gate_session_wants(const struct gate_session *session);

/* When to run the session again at the latest; 0: not without an event. */
uint64_t gate_session_wake_at(const struct gate_session *session);

/* The SNI that the client sent, "" before it is known. */
const char *gate_session_name(const struct gate_session *session);

#endif
