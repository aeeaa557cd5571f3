/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its response, between the client's protocol (front) and the real server's (back).
 */
#ifndef GATE_EXCHANGE_H
#define GATE_EXCHANGE_H

#include <stdbool.h>

#include "user/gate/buffer.h"
#include "user/gate/message.h"
#include "user/gate/session.h"

enum {
	EXCHANGE_UP = 65536,	      /* bytes of a request's body that wait */
	EXCHANGE_DOWN = 65536,	      /* bytes of a response's body that wait; HTTP/1.1 */
	EXCHANGE_DOWN_HTTP2 = 262144, /* of one stream's: its window */
	EXCHANGES_STREAMS = 100,      /* that a client may have open at once */
	EXCHANGES_MAX = 256,	      /* with those that are being cleaned up */
};

enum exchange_stage {
	EXCHANGE_READING = 0, /* the head is not whole */
	EXCHANGE_ROUTING,     /* its rule is to be found */
	EXCHANGE_DELAYED,     /* until ready_at */
	EXCHANGE_QUEUED,      /* for the real server */
	EXCHANGE_CARRIED,     /* the real server has it */
	EXCHANGE_SETTLED,     /* nothing more comes from behind: answered here, or all is there */
};

struct exchange {
	struct exchange *next;
	enum exchange_stage stage;
	struct message request, response, trailers;
	struct buffer up, down; /* bodies */
	const uint8_t *answer;	/* what is left of a body that was not received */
	size_t answer_length;
	char *made;		      /* owns it, when it was made for this one */
	const struct gate_rule *rule; /* that acts; NULL: none */
	uint64_t ready_at;
	uint64_t drip_since, drip_sent;
	bool to_head;	       /* the request is a HEAD */
	bool upgrade;	       /* it asks for another protocol; HTTP/1.1 */
	bool tunnel;	       /* the server has agreed: both bodies are what it says */
	bool request_complete; /* its body is in `up`, or dropped */
	bool discard;	       /* what comes of its body is dropped */
	bool up_taken;	       /* the real server has seen some of its body */
	bool retried;
	bool response_ready;	/* the head is whole */
	bool response_complete; /* the body is in `down` or `answer` */
	bool broken;		/* the real server broke off */
	/* Front */
	int32_t stream;
	bool head_written, waiting; /* for more of the body */
	bool front_done;	    /* the client has it all, or wants no more */
	/* Back */
	int32_t back_stream;
	bool owes;	 /* what leaves `down` opens the connection's window again */
	bool up_waiting; /* the stream waits for more of `up` */
};

struct exchange *exchange_new(void);
void exchange_free(struct exchange *exchange);

/* Makes the response one of ours: a status with a line of text, also in the field Faultd-Gate. 0 or
 * -ENOMEM. */
int exchange_refuse(struct exchange *exchange, uint16_t status, const char *reason,
		    const char *text);

/*
 * Bytes of the response's body that may go to the client at `now`, side by side; `*ret_wake_at` is
 * set when a drip holds some back.
 */
size_t exchange_body(struct exchange *exchange, uint64_t now, const uint8_t **ret_bytes,
		     uint64_t *ret_wake_at);
void exchange_body_drop(struct exchange *exchange, size_t length);
/* Whether the client has been given the whole body. */
bool exchange_body_is_over(const struct exchange *exchange);

#endif
