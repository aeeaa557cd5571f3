/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's state and its parts' functions; for the gate*.c files only. */
#ifndef DAEMON_GATE_STATE_H
#define DAEMON_GATE_STATE_H

#include <stdbool.h>

#include "user/base/clock.h"
#include "user/base/heap.h"
#include "user/daemon/gate.h"
#include "user/gate/session.h"
#include "user/protocol/gate.h"

enum {
	GATE_TABLE_SIZE = 4096,	    /* a power of two */
	GATE_READ_SIZE = 256 << 10, /* bytes read at a time */
	GATE_PIECE_SIZE = 64 << 10, /* bytes allocated at a time for what waits */
	GATE_HELD_MAX = 256 << 20,  /* bytes in hand, above which nothing is read */
	GATE_SESSIONS_MAX = 2048,
	GATE_UNREAD_MAX = 1 << 20,	    /* bytes that a client may have to read */
	GATE_TURNS_MAX = 64,		    /* of one connection in a row */
	GATE_TICK_NS = 10 * (int)NS_PER_MS, /* between two beats */
	GATE_COUNTS_NS = 50 * (int)NS_PER_MS,
	GATE_MEASURE_NS = 2 * (int)NS_PER_MS,  /* between two questions about one client */
	GATE_LINGER_NS = 200 * (int)NS_PER_MS, /* that a client has to close by itself */
};

/* Bytes that go on to the server. */
struct gate_delayed {
	struct gate_delayed *next;
	uint64_t due;	  /* ns; not before those in front of it */
	uint64_t rules;	  /* mask: 0 for what only keeps the order */
	uint64_t at;	  /* position among all that was given */
	uint32_t length;  /* all of them */
	uint32_t filled;  /* read from the frames so far */
	uint32_t written; /* gone on */
	unsigned char bytes[];
};

/* Some of the bytes that wait. */
struct gate_piece {
	struct gate_piece *next;
	size_t from, to;
	unsigned char bytes[GATE_PIECE_SIZE];
};

/* Bytes in order: added at the end, taken from the front. */
struct gate_bytes {
	struct gate_piece *first, *last;
	size_t length;
};

/* One connection of a client. It is there from its first frame until its client closes. */
struct gate_connection {
	struct gate_connection *next; /* in the same slot */
	uint64_t cookie;
	struct heap_entry turn; /* when it has something to do; UINT64_MAX: never */
	uint64_t rules;		/* that it was diverted for; 0: it is delayed alone */
	uint64_t hits;		/* rules that have hit it */
	bool over;		/* the gate has let go of it: only the client's close is awaited */
	/* Delayed: */
	struct gate_delayed *first, *last;
	uint64_t given; /* position behind everything that came */
	/* Ended here: */
	struct gate_session *session;
	struct gate_rule *session_rules;
	struct gate_bytes pending;  /* of the client, not yet fed */
	struct gate_bytes outbound; /* for the real server, not yet sent */
	int upstream;		    /* -1: none */
	bool opening;		    /* asked for, or connecting */
	bool upstream_ended;	    /* nothing more comes from it */
	bool open_asked;	    /* the engine has not answered yet */
	bool watched_once;	    /* epoll knows the upstream */
	uint32_t watched;	    /* epoll events that the upstream is watched for */
	uint64_t unread;	    /* bytes for the client since it was last known to have read */
	bool measuring;
	uint64_t reset_at; /* ns: when the client has had its time to close; 0: not yet */
};

/* One rule, as sessions and delays see it. */
struct gate_task {
	struct engine_rule rule;
	bool known;
	char *paths[256];
	size_t paths_count;
	char *answer; /* headers and body; the texts of `session` point into it */
	struct gate_rule session;
	struct gate_counts counts; /* since they were last sent */
	/* Of this injection: */
	uint32_t injection;
	uint64_t numbered; /* items that it has matched, as their shares are drawn */
	uint64_t hits, connections;
	bool spent; /* its budget is */
	bool live;  /* as it was at the last look */
};

/* The frame that is being read. */
struct gate_input {
	struct fault_frame frame;
	size_t header;			/* bytes of the header that are there */
	uint32_t left;			/* bytes behind it that are still to come */
	struct gate_connection *target; /* NULL: they are nobody's */
	struct gate_delayed *delayed;	/* FAULT_FRAME_DELAY */
};

struct gate {
	int frames, channel, epoll, timer;
	volatile struct fault_beat *beat;
	const volatile struct fault_control *control;
	const volatile struct fault_window *windows;
	struct gate_authority *authority; /* NULL: no rule ends TLS */
	struct gate_trust *trust;
	struct gate_task tasks[FAULT_RULES_MAX];
	struct gate_input input;
	struct gate_connection *table[GATE_TABLE_SIZE];
	struct heap turns;
	uint64_t ended; /* rules that have ended since the last look */
	size_t connections, sessions;
	struct gate_connection *current; /* whose session runs */
	size_t held;			 /* bytes in hand */
	bool reading;
	uint64_t random;
	uint64_t counted_at; /* ns */
};

/* gate_frames.c */
/* Reads what is there, up to a bound. 0, -EPIPE when the socket is closed, -EPROTO for what no
 * kernel sends. */
int gate_read_frames(struct gate *gate, uint64_t now);
/*
 * Writes one frame of at most FAULT_FRAME_MAX bytes. How many of them were taken, or -errno:
 * -EAGAIN when the client's socket has no room. That the kernel refuses it (the client is gone, the
 * rules have ended) comes back as a frame.
 */
ssize_t gate_write_frame(struct gate *gate, uint64_t cookie, unsigned int operation, uint64_t at,
			 const void *bytes, size_t length);

/* gate_table.c */
struct gate_connection *gate_find(struct gate *gate, uint64_t cookie);
/* NULL: out of memory. */
struct gate_connection *gate_add(struct gate *gate, uint64_t cookie);
void gate_drop(struct gate *gate, struct gate_connection *connection);
/* Sets when it is its turn; UINT64_MAX: never. */
void gate_schedule(struct gate *gate, struct gate_connection *connection, uint64_t due);
/* Calls `visit` for every connection, which it may drop. */
void gate_visit(struct gate *gate, void (*visit)(struct gate *, struct gate_connection *));
/* 0, or -ENOMEM: some of them may have been added. */
int gate_bytes_add(struct gate *gate, struct gate_bytes *buffer, const void *bytes, size_t length);
/* The bytes at the front that lie side by side; NULL: there are none. */
const unsigned char *gate_bytes_front(const struct gate_bytes *buffer, size_t *ret_length);
/* Takes `length` of the bytes that gate_bytes_front tells. */
void gate_bytes_take(struct gate *gate, struct gate_bytes *buffer, size_t length);
void gate_bytes_free(struct gate *gate, struct gate_bytes *buffer);

/* gate_delay.c */
struct gate_delayed *gate_delay_begin(struct gate *gate, struct gate_connection *connection,
				      const struct fault_frame *frame);
/* Lets go what is due. */
void gate_delay_run(struct gate *gate, struct gate_connection *connection, uint64_t now);
/* What `rules` delay is due now. */
void gate_delay_release(struct gate *gate, struct gate_connection *connection, uint64_t rules,
			uint64_t now);
/* What was written for it did not get through. */
void gate_delay_refused(struct gate *gate, struct gate_connection *connection);
void gate_delay_free(struct gate *gate, struct gate_connection *connection);

/* gate_end.c */
void gate_end_begin(struct gate *gate, struct gate_connection *connection,
		    const struct fault_frame *frame, uint64_t now);
void gate_end_feed(struct gate *gate, struct gate_connection *connection, const void *bytes,
		   size_t length);
void gate_end_run(struct gate *gate, struct gate_connection *connection, uint64_t now);
/* No rule acts on it any more: it says what there is to say and is over. */
void gate_end_finish(struct gate *gate, struct gate_connection *connection, uint64_t now);
/* What was written for it did not get through. */
void gate_end_refused(struct gate *gate, struct gate_connection *connection);
void gate_end_closed(struct gate *gate, struct gate_connection *connection, uint64_t now);
void gate_end_forwarded(struct gate *gate, struct gate_connection *connection, int result, int fd,
			uint64_t now);
void gate_end_upstream(struct gate *gate, struct gate_connection *connection, uint32_t events,
		       uint64_t now);
/* `unread` bytes wait for the client. */
void gate_end_measured(struct gate *gate, struct gate_connection *connection, uint64_t unread,
		       uint64_t now);
void gate_end_free(struct gate *gate, struct gate_connection *connection);

/* gate_rules.c */
int gate_rules_take(struct gate *gate, const struct gate_message *message);
void gate_rules_free(struct gate *gate);
bool gate_rules_live(const struct gate *gate, uint64_t rules, uint64_t now);
/* Looks at the windows; the rules that were live at the last look and are so no more. */
uint64_t gate_rules_ended(struct gate *gate, uint64_t now);
/* For sessions: struct gate_host. */
bool gate_rule_admit(void *context, uint32_t rule, uint64_t now, uint64_t *ret_delay_ns);
void gate_rule_count(void *context, enum gate_event event, uint32_t rule);
/* Counts `reason` for the first rule of `mask`. */
void gate_rule_reason(struct gate *gate, uint64_t mask, enum fault_reason reason);
void gate_rules_send(struct gate *gate, uint64_t now);

/* gate.c: to the engine; what cannot be sent is lost. `fd`: -1, none. */
void gate_tell(struct gate *gate, struct gate_message *message);
uint64_t gate_random(struct gate *gate);

#endif
