/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that the gate ends in the server's place: carries bytes between the kernel's frames,
 * a session (user/gate/session.h) and the connection to the real server.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/daemon/gate_state.h"

static void say(struct gate *gate, const struct gate_connection *connection,
		enum gate_message_type type)
{
	struct gate_message message = {.type = type, .cookie = connection->cookie};

	gate_tell(gate, &message);
}

static void close_upstream(struct gate *gate, struct gate_connection *connection)
{
	/* epoll forgets a descriptor that is closed. */
	cleanup_close(&connection->upstream);
	connection->upstream = -1;
	connection->opening = false;
	connection->upstream_ended = false;
	connection->watched = 0;
	gate_bytes_free(gate, &connection->outbound);
}

void gate_end_free(struct gate *gate, struct gate_connection *connection)
{
	if (connection->session) {
		gate_session_free(connection->session);
		connection->session = NULL;
		gate->sessions--;
		gate->beat->full = gate->sessions >= GATE_SESSIONS_MAX;
	}
	free(connection->session_rules);
	connection->session_rules = NULL;
	close_upstream(gate, connection);
	gate_bytes_free(gate, &connection->pending);
}

/* The gate lets go of it: the client has some time to close, then it is made to. */
static void let_go(struct gate *gate, struct gate_connection *connection, uint64_t reset_at)
{
	connection->over = true;
	connection->reset_at = reset_at;
	gate_end_free(gate, connection);
	gate_schedule(gate, connection, reset_at);
}

/* By RST, at once. */
static void reset(struct gate *gate, struct gate_connection *connection)
{
	let_go(gate, connection, UINT64_MAX);
	gate_write_frame(gate, connection->cookie, FAULT_FRAME_LAST, 0, NULL, 0);
	say(gate, connection, GATE_RESET);
}

/* The rules of a connection as a session wants them. How many. */
static size_t pick_rules(const struct gate *gate, uint64_t mask, unsigned int kind,
			 struct gate_rule *rules)
{
	size_t count = 0;

	for (uint32_t i = 0; i < FAULT_RULES_MAX; i++)
		if (mask >> i & 1 && gate->tasks[i].known && gate->tasks[i].rule.rule.gate & kind)
			rules[count++] = gate->tasks[i].session;
	return count;
}

void gate_end_begin(struct gate *gate, struct gate_connection *connection,
		    const struct fault_frame *frame, uint64_t now)
{
	struct gate_session_options options = {
		.authority = frame->kind == FAULT_GATE_TLS ? gate->authority : NULL,
		.trust = frame->kind == FAULT_GATE_TLS ? gate->trust : NULL,
		.seed = gate->control->seed,
		.host = {gate, gate_rule_admit, gate_rule_count},
	};

	connection->rules = frame->rules;
	connection->session_rules = calloc(FAULT_RULES_MAX, sizeof(*connection->session_rules));
	options.rules = connection->session_rules;
	if (options.rules)
		options.rules_count =
			pick_rules(gate, frame->rules, frame->kind, connection->session_rules);
	if (!options.rules || (frame->kind == FAULT_GATE_TLS && !gate->authority) ||
	    gate_session_new(&options, now, &connection->session, NULL)) {
		reset(gate, connection);
		return;
	}
	gate->sessions++;
	gate->beat->full = gate->sessions >= GATE_SESSIONS_MAX;
}

/*
 * Whether `length` bytes more may wait for this connection's session. Nothing can slow down a
 * client that sends faster than its server takes: what it sends is held here. One may hold as much
 * as it leaves free for the others (a dynamic threshold: Choudhury and Hahne, 1998), so that none
 * of them can use up all.
 */
static bool may_hold(const struct gate *gate, const struct gate_bytes *pending, size_t length)
{
	size_t held = gate->held + length;

	return held <= GATE_HELD_MAX && pending->length + length <= GATE_HELD_MAX - held;
}

void gate_end_feed(struct gate *gate, struct gate_connection *connection, const void *bytes,
		   size_t length)
{
	struct gate_bytes *pending = &connection->pending;
	size_t taken = 0;

	if (!connection->session)
		return;
	if (!pending->length)
		taken = gate_session_feed(connection->session, GATE_CLIENT, bytes, length);
	if (taken == length)
		return;
	if (!may_hold(gate, pending, length - taken)) {
		gate_rule_reason(gate, connection->rules, FAULT_REASON_GATE_FULL);
		reset(gate, connection);
	} else if (gate_bytes_add(gate, pending, (const char *)bytes + taken, length - taken)) {
		reset(gate, connection);
	}
}

/* What the session had no room for. Whether anything moved. */
static bool feed_pending(struct gate *gate, struct gate_connection *connection)
{
	struct gate_bytes *pending = &connection->pending;
	size_t length, taken;
	const unsigned char *bytes = gate_bytes_front(pending, &length);

	if (!length)
		return false;
	taken = gate_session_feed(connection->session, GATE_CLIENT, bytes, length);
	if (taken)
		gate_bytes_take(gate, pending, taken);
	return taken;
}

/* A client that does not read has its answer wait here. Whether there is room. */
static bool client_has_room(struct gate *gate, struct gate_connection *connection)
{
	if (connection->unread < GATE_UNREAD_MAX)
		return true;
	if (!connection->measuring) {
		connection->measuring = true;
		say(gate, connection, GATE_MEASURE);
	}
	return false;
}

/* Whether anything moved; the session may be gone behind it. */
static bool take_for_client(struct gate *gate, struct gate_connection *connection)
{
	static unsigned char buffer[FAULT_FRAME_MAX];
	ssize_t size;
	size_t have;

	if (!client_has_room(gate, connection) ||
	    !gate_rules_live(gate, connection->rules, clock_boottime_ns()))
		return false;
	have = gate_session_take(connection->session, GATE_CLIENT, buffer, sizeof(buffer));
	if (!have)
		return false;
	size = gate_write_frame(gate, connection->cookie, FAULT_FRAME_TO_CLIENT, 0, buffer, have);
	/* The client is gone, or what it reads has a hole. */
	if (size != (ssize_t)have) {
		reset(gate, connection);
		return false;
	}
	connection->unread += have;
	return true;
}

/* Sends what is held for the real server. 0 when nothing is left, or -errno. */
static int send_outbound(struct gate *gate, struct gate_connection *connection)
{
	struct gate_bytes *outbound = &connection->outbound;

	while (outbound->length) {
		size_t length;
		const unsigned char *bytes = gate_bytes_front(outbound, &length);
		ssize_t size =
			send(connection->upstream, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (size < 0)
			return -errno;
		gate_bytes_take(gate, outbound, (size_t)size);
	}
	return 0;
}

static bool take_for_upstream(struct gate *gate, struct gate_connection *connection)
{
	unsigned char buffer[FAULT_FRAME_MAX];
	size_t have;

	if (connection->upstream < 0 || connection->opening || connection->outbound.length)
		return false;
	have = gate_session_take(connection->session, GATE_UPSTREAM, buffer, sizeof(buffer));
	if (!have || gate_bytes_add(gate, &connection->outbound, buffer, have))
		return false;
	/* What goes wrong is seen when it is read from. */
	(void)send_outbound(gate, connection);
	return true;
}

/* Reads what the real server has sent and the session has room for. */
static bool read_upstream(struct gate_connection *connection)
{
	unsigned char buffer[FAULT_FRAME_MAX];
	size_t room = gate_session_room(connection->session, GATE_UPSTREAM);
	ssize_t size;

	if (connection->upstream < 0 || connection->opening || connection->upstream_ended || !room)
		return false;
	size = recv(connection->upstream, buffer, room < sizeof(buffer) ? room : sizeof(buffer),
		    MSG_DONTWAIT);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (size <= 0) {
		connection->upstream_ended = true;
		gate_session_upstream_closed(connection->session);
		return true;
	}
	gate_session_feed(connection->session, GATE_UPSTREAM, buffer, (size_t)size);
	return true;
}

/* Whether something was done. The session may be gone behind it. */
static bool obey(struct gate *gate, struct gate_connection *connection)
{
	unsigned int wants = gate_session_wants(connection->session);

	if (wants & GATE_WANT_RESET) {
		reset(gate, connection);
		return false;
	}
	if (wants & GATE_WANT_CLOSE) {
		gate_write_frame(gate, connection->cookie, FAULT_FRAME_LAST, 0, NULL, 0);
		let_go(gate, connection, clock_boottime_ns() + GATE_LINGER_NS);
		return false;
	}
	if (wants & GATE_WANT_CLOSE_UPSTREAM && !connection->outbound.length &&
	    connection->upstream >= 0) {
		close_upstream(gate, connection);
		gate_session_upstream_closed(connection->session);
		return true;
	}
	if (wants & GATE_WANT_OPEN && !connection->opening && !connection->open_asked) {
		close_upstream(gate, connection);
		connection->opening = true;
		connection->open_asked = true;
		say(gate, connection, GATE_FORWARD);
	}
	return false;
}

/* Has epoll watch the upstream for what can be used. */
static void watch(struct gate *gate, struct gate_connection *connection)
{
	struct epoll_event event = {.data.u64 = connection->cookie};

	if (connection->upstream < 0)
		return;
	if (connection->opening || connection->outbound.length)
		event.events |= EPOLLOUT;
	if (!connection->opening && !connection->upstream_ended &&
	    gate_session_room(connection->session, GATE_UPSTREAM))
		event.events |= EPOLLIN;
	if (event.events == connection->watched)
		return;
	if (epoll_ctl(gate->epoll, connection->watched_once ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
		      connection->upstream, &event))
		reset(gate, connection);
	connection->watched_once = true;
	connection->watched = event.events;
}

void gate_end_run(struct gate *gate, struct gate_connection *connection, uint64_t now)
{
	bool moved = true;
	uint64_t wake;

	if (connection->over && connection->reset_at <= now) {
		connection->reset_at = UINT64_MAX;
		gate_schedule(gate, connection, UINT64_MAX);
		say(gate, connection, GATE_RESET);
	}
	gate->current = connection;
	for (int i = 0; moved && connection->session && i < GATE_TURNS_MAX; i++) {
		moved = feed_pending(gate, connection);
		gate_session_run(connection->session, now);
		moved |= take_for_client(gate, connection);
		if (connection->session)
			moved |= take_for_upstream(gate, connection);
		if (connection->session && !moved)
			moved = obey(gate, connection);
		if (connection->session && !moved)
			moved = read_upstream(connection);
	}
	if (connection->session)
		watch(gate, connection);
	if (!connection->session)
		return;
	wake = gate_session_wake_at(connection->session);
	/* Others have their turn in between. */
	if (moved)
		wake = now;
	gate_schedule(gate, connection, wake ? wake : UINT64_MAX);
}

void gate_end_finish(struct gate *gate, struct gate_connection *connection, uint64_t now)
{
	unsigned char buffer[FAULT_FRAME_LAST_MAX];
	size_t have;

	if (!connection->session)
		return;
	gate->current = connection;
	gate_rule_reason(gate, connection->rules, FAULT_REASON_GATE_ENDED);
	gate_session_finish(connection->session);
	gate_session_run(connection->session, now);
	have = gate_session_take(connection->session, GATE_CLIENT, buffer, sizeof(buffer));
	gate_session_run(connection->session, now);
	/* Not in the middle of a response: the client must see that it is not whole. */
	if (!(gate_session_wants(connection->session) & GATE_WANT_CLOSE) ||
	    have == sizeof(buffer)) {
		reset(gate, connection);
		return;
	}
	gate_write_frame(gate, connection->cookie, FAULT_FRAME_LAST, 0, buffer, have);
	let_go(gate, connection, now + GATE_LINGER_NS);
}

void gate_end_refused(struct gate *gate, struct gate_connection *connection)
{
	reset(gate, connection);
}

void gate_end_closed(struct gate *gate, struct gate_connection *connection, uint64_t now)
{
	if (!connection->session)
		return;
	gate_session_client_closed(connection->session);
	gate_end_run(gate, connection, now);
}

void gate_end_forwarded(struct gate *gate, struct gate_connection *connection, int result, int fd,
			uint64_t now)
{
	connection->open_asked = false;
	if (!connection->session || !connection->opening || (!result && fd < 0)) {
		cleanup_close(&fd);
		return;
	}
	if (result) {
		connection->opening = false;
		gate_session_upstream_failed(connection->session, result);
	} else {
		connection->upstream = fd;
		connection->watched_once = false;
		connection->watched = 0;
	}
	gate_end_run(gate, connection, now);
}

/* The connection to the real server is there, or is not. */
static void finish_opening(struct gate *gate, struct gate_connection *connection)
{
	int error = 0;
	socklen_t size = sizeof(error);

	connection->opening = false;
	if (getsockopt(connection->upstream, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	if (error) {
		close_upstream(gate, connection);
		gate_session_upstream_failed(connection->session, -error);
	} else {
		gate_session_upstream_opened(connection->session);
	}
}

void gate_end_upstream(struct gate *gate, struct gate_connection *connection, uint32_t events,
		       uint64_t now)
{
	if (!connection->session || connection->upstream < 0)
		return;
	if (connection->opening && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		finish_opening(gate, connection);
	else if (send_outbound(gate, connection) && errno != EAGAIN)
		gate_bytes_free(gate, &connection->outbound);
	gate_end_run(gate, connection, now);
}

void gate_end_measured(struct gate *gate, struct gate_connection *connection, uint64_t unread,
		       uint64_t now)
{
	connection->measuring = false;
	connection->unread = unread;
	if (unread >= GATE_UNREAD_MAX)
		gate_schedule(gate, connection, now + GATE_MEASURE_NS);
	else
		gate_end_run(gate, connection, now);
}
