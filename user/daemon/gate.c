/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/gate.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "user/base/cleanup.h"
#include "user/base/file.h"
#include "user/base/log.h"
#include "user/daemon/gate_state.h"
#include "user/daemon/pass.h"
#include "user/daemon/sandbox.h"

/* What epoll tells of the gate's own descriptors; others are told by their cookie. */
enum gate_source {
	SOURCE_FRAMES = 1,
	SOURCE_CHANNEL = 2,
	SOURCE_TIMER = 3,
};
#define SOURCE_OWN (1ULL << 63)

enum {
	PEM_MAX = 4 << 20,
	DUE_NS = 5 * (int)NS_PER_MS, /* of turns between two looks at everything else */
	END_WITHIN_NS = 500 * (int)NS_PER_MS,
};

void gate_tell(struct gate *gate, struct gate_message *message)
{
	message->version = GATE_PROTOCOL_VERSION;
	/* An engine that does not read must not stop the gate. */
	(void)send(gate->channel, message, sizeof(*message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
uint64_t gate_random(struct gate *gate)
{
	uint64_t value = gate->random += 0x9e3779b97f4a7c15ULL;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static int map(int fd, size_t size, int protection, void *ret_memory, struct failure *failure)
{
	void *memory = mmap(NULL, size, protection, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return fail(failure, -errno, "mapping the kernel's memory: %s", strerror(errno));
	memcpy(ret_memory, &memory, sizeof(memory));
	return 0;
}

/* What is mapped for reading only can never be written by this process. */
static int map_all(struct gate *gate, const int fds[GATE_FD_COUNT], struct failure *failure)
{
	int r = map(fds[GATE_FD_BEAT], sizeof(struct fault_beat), PROT_READ | PROT_WRITE,
		    &gate->beat, failure);

	if (!r)
		r = map(fds[GATE_FD_CONTROL], sizeof(struct fault_control), PROT_READ,
			&gate->control, failure);
	if (!r)
		r = map(fds[GATE_FD_WINDOWS], FAULT_RULES_MAX * sizeof(struct fault_window),
			PROT_READ, &gate->windows, failure);
	close(fds[GATE_FD_BEAT]);
	close(fds[GATE_FD_CONTROL]);
	close(fds[GATE_FD_WINDOWS]);
	return r;
}

static bool some_rule_ends_tls(const struct gate *gate)
{
	for (size_t i = 0; i < FAULT_RULES_MAX; i++)
		if (gate->tasks[i].known && gate->tasks[i].rule.rule.gate & FAULT_GATE_TLS)
			return true;
	return false;
}

static int read_pem(const char *directory, const char *name, char **ret_text, size_t *ret_length,
		    struct failure *failure)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s%s", directory, name) < 0) {
		path = NULL;
		return fail(failure, -ENOMEM, "out of memory");
	}
	r = file_read(path, PEM_MAX, ret_text, ret_length);
	return r ? fail(failure, r, "%s: %s", path, strerror(-r)) : 0;
}

void gate_pem_read(const struct gate_identity *identity, struct gate_pem *ret_pem)
{
	struct gate_pem *pem = ret_pem;
	int r = read_pem(identity->authority, "/ca.key", &pem->key, &pem->key_length,
			 &pem->failure);

	if (!r)
		r = read_pem(identity->authority, "/ca.pem", &pem->certificate,
			     &pem->certificate_length, &pem->failure);
	if (r)
		fail_in(&pem->failure, r, "to end TLS takes an authority ('faultctl ca init')");
	if (!r)
		r = read_pem(identity->trust, "", &pem->trust, &pem->trust_length, &pem->failure);
	pem->result = r;
}

static void forget_pem(struct gate_pem *pem)
{
	if (pem->key)
		explicit_bzero(pem->key, pem->key_length);
	free(pem->key);
	free(pem->certificate);
	free(pem->trust);
	*pem = (struct gate_pem){};
}

/* The authority and what real servers are judged by. */
static int load_trust(struct gate *gate, const struct gate_pem *pem, struct failure *failure)
{
	int r = pem->result;

	if (r)
		return fail(failure, r, "%s", pem->failure.text);
	r = gate_authority_new(pem->key, pem->key_length, pem->certificate, pem->certificate_length,
			       &gate->authority, failure);
	return r ? r : gate_trust_new(pem->trust, pem->trust_length, &gate->trust, failure);
}

/* Reads one message of the engine. 0; -EAGAIN: none; -EPIPE: the engine is gone. */
static int receive(const struct gate *gate, struct gate_message *message, int *ret_fd, int flags)
{
	size_t count = 0;
	ssize_t size;

	*ret_fd = -1;
	size = pass_receive(gate->channel, message, sizeof(*message), ret_fd, 1, &count, flags);
	if (!size)
		return -EPIPE;
	if (size < 0)
		return size == -EINTR ? -EAGAIN : (int)size;
	if (size == sizeof(*message) && message->version == GATE_PROTOCOL_VERSION)
		return 0;
	cleanup_close(ret_fd);
	return -EPROTO;
}

/* Everything that the engine has to say before the gate begins. */
static int learn(struct gate *gate, struct failure *failure)
{
	struct gate_message message;
	int fd, r;

	for (;;) {
		r = receive(gate, &message, &fd, 0);
		cleanup_close(&fd);
		if (r == -EAGAIN)
			continue;
		if (!r && message.type == GATE_SETUP)
			return 0;
		if (!r)
			r = gate_rules_take(gate, &message);
		if (r)
			return fail(failure, r, "what the gate is told: %s", strerror(-r));
	}
}

static void on_message(struct gate *gate, const struct gate_message *message, int fd, uint64_t now)
{
	struct gate_connection *connection = gate_find(gate, message->cookie);
	struct gate_message synced = {.type = GATE_SYNCED};

	if (message->type == GATE_SYNC) {
		gate_rules_send(gate, now);
		gate_tell(gate, &synced);
	}
	if (!connection) {
		cleanup_close(&fd);
		return;
	}
	switch (message->type) {
	case GATE_CLOSED:
		gate_end_closed(gate, connection, now);
		if (message->value)
			gate_drop(gate, connection);
		break;
	case GATE_FORWARDED:
		gate_end_forwarded(gate, connection, message->result, fd, now);
		return;
	case GATE_UNREAD:
		gate_end_measured(gate, connection, message->value, now);
		break;
	default:
		break;
	}
	cleanup_close(&fd);
}

/* 0, or -EPIPE when the engine is gone. */
static int read_channel(struct gate *gate, uint64_t now)
{
	struct gate_message message;
	int fd, r;

	while (!(r = receive(gate, &message, &fd, MSG_DONTWAIT)))
		on_message(gate, &message, fd, now);
	return r == -EAGAIN ? 0 : r;
}

/* One connection whose time has come. */
static void run_connection(struct gate *gate, struct gate_connection *connection, uint64_t now)
{
	/* Whoever has something left to do says when. */
	gate_schedule(gate, connection, UINT64_MAX);
	if (connection->rules)
		gate_end_run(gate, connection, now);
	else
		gate_delay_run(gate, connection, now);
}

static void run_due(struct gate *gate, uint64_t now)
{
	uint64_t until = clock_boottime_ns() + DUE_NS;
	struct heap_entry *first;

	/* One that has much to do has its next turn at once. */
	while ((first = heap_first(&gate->turns)) && first->at <= now &&
	       clock_boottime_ns() < until)
		run_connection(gate, heap_owner(first, struct gate_connection, turn), now);
}

static void end_connection(struct gate *gate, struct gate_connection *connection)
{
	uint64_t now = clock_boottime_ns();

	if (connection->rules && !gate_rules_live(gate, connection->rules, now))
		gate_end_finish(gate, connection, now);
	if (connection->first)
		gate_delay_release(gate, connection, gate->ended, now);
}

/* What the clock asks for, whoever else is there or not. */
static void tick(struct gate *gate, uint64_t now)
{
	gate->ended = gate_rules_ended(gate, now);
	if (gate->ended)
		gate_visit(gate, end_connection);
	if (now >= gate->counted_at + GATE_COUNTS_NS)
		gate_rules_send(gate, now);
}

static int set_timer(const struct gate *gate, uint64_t now)
{
	const struct heap_entry *first = heap_first(&gate->turns);
	struct itimerspec when = {};
	uint64_t next = now + GATE_TICK_NS;

	if (first && first->at < next)
		next = first->at;
	when.it_value.tv_sec = (time_t)(next / NS_PER_S);
	when.it_value.tv_nsec = (long)(next % NS_PER_S);
	return timerfd_settime(gate->timer, TFD_TIMER_ABSTIME, &when, NULL) ? -errno : 0;
}

static int watch(const struct gate *gate, int fd, enum gate_source source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = SOURCE_OWN | source};

	return epoll_ctl(gate->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* While too much is in hand the kernel is left to see that nothing is read. */
static int watch_frames(struct gate *gate)
{
	bool reading = gate->held <= GATE_HELD_MAX;
	struct epoll_event event = {
		.events = reading ? EPOLLIN : 0,
		.data.u64 = SOURCE_OWN | SOURCE_FRAMES,
	};

	if (reading == gate->reading)
		return 0;
	gate->reading = reading;
	return epoll_ctl(gate->epoll, EPOLL_CTL_MOD, gate->frames, &event) ? -errno : 0;
}

static int open_loop(struct gate *gate, struct failure *failure)
{
	int r;

	gate->epoll = epoll_create1(EPOLL_CLOEXEC);
	gate->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (gate->epoll < 0 || gate->timer < 0)
		return fail(failure, -errno, "the event loop: %s", strerror(errno));
	gate->reading = true;
	r = watch(gate, gate->frames, SOURCE_FRAMES);
	if (!r)
		r = watch(gate, gate->channel, SOURCE_CHANNEL);
	if (!r)
		r = watch(gate, gate->timer, SOURCE_TIMER);
	return r ? fail(failure, r, "the event loop: %s", strerror(-r)) : 0;
}

static int on_event(struct gate *gate, const struct epoll_event *event, uint64_t now)
{
	struct gate_connection *connection;
	uint64_t expirations;

	switch (event->data.u64) {
	case SOURCE_OWN | SOURCE_FRAMES:
		return gate_read_frames(gate, now);
	case SOURCE_OWN | SOURCE_CHANNEL:
		return read_channel(gate, now);
	case SOURCE_OWN | SOURCE_TIMER:
		return read(gate->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN
			       ? -errno
			       : 0;
	default:
		connection = gate_find(gate, event->data.u64);
		if (connection)
			gate_end_upstream(gate, connection, event->events, now);
		return 0;
	}
}

/* One round. 0, or why the gate ends: -EPIPE when the engine is gone. */
static int turn(struct gate *gate)
{
	struct epoll_event events[64];
	uint64_t now = clock_boottime_ns();
	int count, r;

	gate->beat->at = now;
	run_due(gate, now);
	tick(gate, now);
	r = set_timer(gate, clock_boottime_ns());
	if (!r)
		r = watch_frames(gate);
	if (r)
		return r;
	count = epoll_wait(gate->epoll, events, ARRAY_SIZE(events), -1);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; !r && i < count; i++)
		r = on_event(gate, &events[i], clock_boottime_ns());
	return r;
}

static void release(struct gate *gate, struct gate_connection *connection)
{
	uint64_t now = clock_boottime_ns();

	gate_end_finish(gate, connection, now);
	gate_delay_release(gate, connection, UINT64_MAX, now);
}

/* The run is over: what is held goes on, what is ended here is ended. */
static void wind_up(struct gate *gate)
{
	uint64_t until = clock_boottime_ns() + END_WITHIN_NS;
	const struct timespec pause = {.tv_nsec = NS_PER_MS};

	/* Nothing new comes; what came is in the socket. */
	(void)gate_read_frames(gate, clock_boottime_ns());
	gate_visit(gate, release);
	while (gate->held && clock_boottime_ns() < until) {
		nanosleep(&pause, NULL);
		run_due(gate, clock_boottime_ns());
	}
}

static void drop(struct gate *gate, struct gate_connection *connection)
{
	gate_drop(gate, connection);
}

static void gate_free(struct gate *gate)
{
	gate_visit(gate, drop);
	gate_rules_free(gate);
	gate_authority_free(gate->authority);
	gate_trust_free(gate->trust);
	cleanup_close(&gate->epoll);
	cleanup_close(&gate->timer);
	heap_free(&gate->turns);
	free(gate);
}

static int begin(struct gate *gate, struct gate_pem *pem, const int fds[GATE_FD_COUNT],
		 struct failure *failure)
{
	struct gate_message ready = {.type = GATE_READY};
	int r = map_all(gate, fds, failure);

	if (!r)
		r = learn(gate, failure);
	if (!r && some_rule_ends_tls(gate))
		r = load_trust(gate, pem, failure);
	forget_pem(pem);
	if (!r && getrandom(&gate->random, sizeof(gate->random), 0) < 0)
		r = fail(failure, -errno, "random numbers: %s", strerror(errno));
	if (!r)
		r = open_loop(gate, failure);
	if (!r)
		r = sandbox_enter_gate(failure);
	if (!r)
		gate->beat->at = clock_boottime_ns();
	ready.result = r;
	if (r)
		snprintf(ready.u.text, sizeof(ready.u.text), "%.*s", (int)sizeof(ready.u.text) - 1,
			 failure->text);
	gate_tell(gate, &ready);
	return r;
}

int gate_serve(struct gate_pem *pem, const int fds[GATE_FD_COUNT], struct failure *failure)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return fail(failure, -ENOMEM, "out of memory");
	gate->frames = fds[GATE_FD_FRAMES];
	gate->channel = fds[GATE_FD_CHANNEL];
	gate->epoll = -1;
	gate->timer = -1;
	r = begin(gate, pem, fds, failure);
	if (r) {
		gate_free(gate);
		return r;
	}
	while (!r)
		r = turn(gate);
	if (r == -EPIPE || r == -ECONNRESET) {
		wind_up(gate);
		r = 0;
	}
	gate_free(gate);
	return r ? fail(failure, r, "the gate's event loop: %s", strerror(-r)) : 0;
}
