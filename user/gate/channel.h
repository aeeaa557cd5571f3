/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's bytes: those that come and go on the wire, and what they mean inside, through
 * TLS or as they are. All four queues are bounded; a queue that is full stops the one in front.
 */
#ifndef GATE_CHANNEL_H
#define GATE_CHANNEL_H

#include <stdbool.h>

#include "user/gate/authority.h"
#include "user/gate/buffer.h"

enum {
	CHANNEL_WIRE = 32768,	   /* bytes each way between the wire and TLS */
	CHANNEL_IN = 49152,	   /* bytes inside that wait to be read */
	CHANNEL_OUT = 98304,	   /* bytes inside that wait to be sent */
	CHANNEL_OUT_START = 49152, /* writers begin nothing new when that much waits */
};

enum channel_state {
	CHANNEL_CLOSED = 0,
	CHANNEL_HANDSHAKE,
	CHANNEL_OPEN,
	CHANNEL_FAILED, /* no TLS session came about, or it broke */
};

enum channel_protocol { CHANNEL_HTTP1 = 0, CHANNEL_HTTP2, CHANNEL_PROTOCOL_COUNT };

/* How TLS came to nothing. */
enum channel_problem {
	CHANNEL_PROBLEM_NONE = 0,
	CHANNEL_PROBLEM_OTHER,
	CHANNEL_PROBLEM_DISTRUSTED, /* the other end said by an alert that our certificate is bad */
	CHANNEL_PROBLEM_UNTRUSTED,  /* the other end's certificate does not verify */
	CHANNEL_PROBLEM_ASKED,	    /* the other end asked for a client certificate */
};

struct ssl_st;
struct bio_st;

/* Asked when the client's SNI ("" without one) is known: which certificate it is shown. */
typedef enum gate_certificate (*channel_choose)(void *context, const char *name);

struct channel {
	struct ssl_st *ssl;  /* NULL: in the clear */
	struct bio_st *wire; /* the wire's end of the pair */
	struct gate_authority *authority;
	struct buffer in, out; /* inside */
	enum channel_state state;
	enum channel_protocol protocol;
	enum channel_problem problem;
	char problem_text[160];
	bool in_ended; /* nothing more will come in */
	bool wire_ended;
	bool ending; /* to be ended when `out` is empty */
	bool ended;  /* TLS's end is in the wire's queue */
	bool resumed;
	bool asked; /* for a client certificate */
	channel_choose choose;
	void *context;
	enum gate_certificate kind; /* what it chose */
	const char *default_name;
};

/*
 * Both begin a channel, which must be closed. Without `authority` or `trust` it is in the clear,
 * and open at once. 0, -ENOMEM or -EIO.
 */
int channel_accept(struct channel *channel, struct gate_authority *authority, bool resume,
		   struct failure *failure);
/* `name` is the server's; `http2`: h2 is offered too. */
int channel_connect(struct channel *channel, struct gate_trust *trust, const char *name, bool http2,
		    struct failure *failure);
/* Releases everything; the channel is closed then. */
void channel_close(struct channel *channel);

size_t channel_room(const struct channel *channel);
size_t channel_feed(struct channel *channel, const void *bytes, size_t length);
size_t channel_take(struct channel *channel, void *bytes, size_t size);
/* Whether bytes wait to be taken. */
bool channel_has_output(const struct channel *channel);
/* The wire ended: nothing more will be fed. */
void channel_wire_ended(struct channel *channel);

/* Moves bytes between wire and inside as far as they go. Whether anything moved or changed. */
bool channel_pump(struct channel *channel);
/* Ends it in order when what waits has been sent. */
void channel_end(struct channel *channel);

/* Whether a writer may begin something new. */
static inline bool channel_is_writable(const struct channel *channel)
{
	return channel->state == CHANNEL_OPEN && !channel->ending &&
	       channel->out.length < CHANNEL_OUT_START;
}

#endif
