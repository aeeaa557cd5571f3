/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's side of the gate: starts it, tells it the rules, opens connections for it, counts
 * what it has done, and ends what it leaves behind. Nothing that it says is trusted: connections
 * are those that the kernel has noted, and lead where their clients had connected to.
 */
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/daemon/engine_state.h"
#include "user/daemon/existing.h"
#include "user/daemon/gate_socket.h"
#include "user/daemon/pass.h"
#include "user/protocol/gate.h"

enum {
	CHANNEL_SIZE = 4 << 20,
	READY_WITHIN_MS = 5000,
	MESSAGES_MAX = 256, /* in one round */
	SYNC_WITHIN_NS = 50 * (int)NS_PER_MS,
};

static int tell(const struct gate_link *gate, struct gate_message *message, int fd)
{
	message->version = GATE_PROTOCOL_VERSION;
	return pass_send(gate->channel, message, sizeof(*message), &fd, fd >= 0, MSG_DONTWAIT);
}

static int tell_rule(const struct gate_link *gate, const struct draft *draft, __u32 index)
{
	struct gate_message message = {.type = GATE_RULE};
	int r;

	message.u.rule = draft->rules[index];
	r = tell(gate, &message, -1);
	for (size_t i = 0; !r && i < draft->matches_count; i++) {
		const struct draft_match *match = &draft->matches[i];

		if (match->owner != index || match->dimension != ENGINE_DIMENSION_PATH)
			continue;
		message = (struct gate_message){.type = GATE_PATH, .u.path.rule = index};
		snprintf(message.u.path.text, sizeof(message.u.path.text), "%s", match->text);
		r = tell(gate, &message, -1);
	}
	if (!r && draft->answers[index][0]) {
		message = (struct gate_message){.type = GATE_ANSWER, .u.answer.rule = index};
		message.u.answer.answer = *draft->answers[index][0];
		r = tell(gate, &message, -1);
	}
	return r;
}

static int tell_rules(const struct gate_link *gate, const struct draft *draft,
		      struct failure *failure)
{
	struct gate_message setup = {.type = GATE_SETUP};
	int r = 0;

	for (__u32 i = 0; !r && i < draft->rules_count; i++)
		if (draft->rules[i].rule.gate)
			r = tell_rule(gate, draft, i);
	if (!r)
		r = tell(gate, &setup, -1);
	return r ? fail(failure, r, "telling the gate its rules: %s", strerror(-r)) : 0;
}

/* Waits for its word that it has begun. */
static int await_ready(const struct gate_link *gate, struct failure *failure)
{
	struct pollfd readable = {.fd = gate->channel, .events = POLLIN};
	struct gate_message message;

	if (poll(&readable, 1, READY_WITHIN_MS) != 1)
		return fail(failure, -ETIMEDOUT, "the gate does not start");
	if (recv(gate->channel, &message, sizeof(message), MSG_DONTWAIT) != sizeof(message) ||
	    message.type != GATE_READY)
		return fail(failure, -EPIPE, "the gate ended as it began");
	message.u.text[sizeof(message.u.text) - 1] = '\0';
	if (message.result)
		return fail(failure, message.result < 0 ? message.result : -EPROTO, "the gate: %s",
			    message.u.text);
	return 0;
}

/* Hands the gate's ends to the helper. `frames` and `channel` are the gate's. */
static int start(struct engine *engine, int frames, int channel, struct failure *failure)
{
	int fds[GATE_FD_COUNT], r;
	pid_t pid;

	fds[GATE_FD_FRAMES] = frames;
	fds[GATE_FD_CHANNEL] = channel;
	programs_gate_maps(engine->programs, fds + GATE_FD_BEAT);
	r = helper_start_gate(engine->settings->helper, fds, &pid, failure);
	if (!r)
		log_debug("the gate is process %d", pid);
	return r;
}

int engine_gate_start(struct engine *engine, struct failure *failure)
{
	struct gate_link *gate = &engine->gate;
	_cleanup_close_ int frames = -1, theirs = -1;
	const int size = CHANNEL_SIZE;
	int pair[2], r;

	if (!programs_need_gate(engine->programs))
		return 0;
	if (engine->settings->helper < 0)
		return fail(failure, -EOPNOTSUPP, "there is no helper process to start the gate");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(failure, -errno, "a channel to the gate: %s", strerror(errno));
	gate->channel = pair[0];
	theirs = pair[1];
	setsockopt(gate->channel, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(theirs, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	r = gate_socket_open(&frames, &gate->other_end, failure);
	if (!r)
		r = programs_set_gate(engine->programs, frames, failure);
	if (!r)
		r = start(engine, frames, theirs, failure);
	cleanup_close(&theirs);
	theirs = -1;
	if (!r)
		r = tell_rules(gate, engine->draft, failure);
	if (!r)
		r = await_ready(gate, failure);
	gate->running = !r;
	if (r)
		engine_gate_stop(engine);
	return r;
}

void engine_gate_stop(struct engine *engine)
{
	struct gate_link *gate = &engine->gate;

	/* What it has said so far still counts. */
	if (engine->control)
		engine_gate_read(engine);
	cleanup_close(&gate->channel);
	cleanup_close(&gate->other_end);
	*gate = ENGINE_GATE_NONE;
}

/* A namespace that is looked for. */
struct sought {
	__u64 space;
	int fd; /* -1: not found yet */
};

static int is_sought(void *context, int netlink, int space, struct failure *failure)
{
	struct sought *sought = context;

	(void)failure;
	if (sought->fd < 0 && engine_space_of(netlink) == sought->space)
		sought->fd = fcntl(space, F_DUPFD_CLOEXEC, 0);
	return 0;
}

/* By the processes of the scope: the one that connected is gone, or is known by another number in
 * this process's own pid namespace. */
static int socket_by_scope(struct engine *engine, const struct fault_diverted *diverted, int family,
			   int type, int protocol, struct failure *failure)
{
	struct sought sought = {.space = diverted->space, .fd = -1};
	int fd = engine_visit_spaces(engine, is_sought, &sought, failure);

	if (!fd && sought.fd < 0)
		fd = fail(failure, -ESRCH, "the client's process is gone");
	if (!fd)
		fd = helper_socket_in(engine->settings->helper, sought.fd, family, type, protocol,
				      failure);
	cleanup_close(&sought.fd);
	return fd;
}

/* A socket in the network namespace of a diverted connection. Returns it or -errno. */
static int socket_beside(struct engine *engine, const struct fault_diverted *diverted, int family,
			 int type, int protocol, struct failure *failure)
{
	_cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return fail(failure, -errno, "a socket: %s", strerror(errno));
	if (!diverted->space || engine_space_of(fd) == diverted->space)
		return TAKE_FD(fd);
	cleanup_close(&fd);
	fd = helper_socket(engine->settings->helper, (pid_t)diverted->process, family, type,
			   protocol, NULL);
	if (fd >= 0 && engine_space_of(fd) == diverted->space)
		return TAKE_FD(fd);
	return socket_by_scope(engine, diverted, family, type, protocol, failure);
}

static bool is_ipv4(const __u8 address[16])
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(address, mapped, sizeof(mapped));
}

/* Begins to connect to where the client had. Returns the descriptor or -errno. */
static int connect_beside(struct engine *engine, const struct fault_diverted *diverted)
{
	bool ipv4 = is_ipv4(diverted->address);
	_cleanup_close_ int fd = socket_beside(engine, diverted, ipv4 ? AF_INET : AF_INET6,
					       SOCK_STREAM | SOCK_NONBLOCK, 0, NULL);
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons((__u16)diverted->port)};
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons((__u16)diverted->port)};
	int r;

	if (fd < 0)
		return fd;
	r = programs_spare(engine->programs, fd);
	if (r)
		return r;
	memcpy(&to4.sin_addr, diverted->address + 12, 4);
	memcpy(&to6.sin6_addr, diverted->address, 16);
	if (ipv4)
		r = connect(fd, (struct sockaddr *)&to4, sizeof(to4));
	else
		r = connect(fd, (struct sockaddr *)&to6, sizeof(to6));
	if (r && errno != EINPROGRESS)
		return -errno;
	return TAKE_FD(fd);
}

static void handle_forward(struct engine *engine, const struct gate_message *asked)
{
	struct gate_message reply = {.type = GATE_FORWARDED, .cookie = asked->cookie};
	struct fault_diverted diverted;
	_cleanup_close_ int fd = -1;
	int r = programs_diverted(engine->programs, asked->cookie, &diverted);

	/* A connection that goes on by itself has no use for another one. */
	if (!r && !(diverted.flags & FAULT_DIVERTED_ENDS_HERE))
		r = -EPERM;
	if (!r)
		r = fd = connect_beside(engine, &diverted);
	reply.result = r < 0 ? r : 0;
	(void)tell(&engine->gate, &reply, fd);
}

/* Ends a diverted connection by RST. */
static void destroy(struct engine *engine, __u64 cookie, const struct fault_diverted *diverted)
{
	struct existing_ends ends = {
		.local_port = (uint16_t)diverted->local_port,
		.remote_port = (uint16_t)diverted->port,
		.cookie = cookie,
	};
	struct failure failure = {};
	_cleanup_close_ int netlink =
		socket_beside(engine, diverted, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, &failure);

	memcpy(ends.local, diverted->local, sizeof(ends.local));
	memcpy(ends.remote, diverted->address, sizeof(ends.remote));
	if (netlink < 0 || existing_destroy(netlink, &ends, &failure) < 0)
		log_debug("ending a diverted connection: %s", failure.text);
}

static void handle_reset(struct engine *engine, const struct gate_message *asked)
{
	struct fault_diverted diverted;

	if (!programs_diverted(engine->programs, asked->cookie, &diverted))
		destroy(engine, asked->cookie, &diverted);
}

static void report_first_hit(struct engine *engine, __u32 rule, __u64 at)
{
	const struct fault_event detail = {
		.at = at,
		.kind = FAULT_EVENT_FIRST_HIT,
		.rule = rule,
		.injection = engine->windows[rule].injection,
		.protocol = FAULT_PROTOCOL_TCP,
	};

	engine_take_event(engine, &detail);
}

/* What an experiment's author would want to change is told once a run, when it is first counted. */
static void warn_of(const __u64 had[FAULT_REASON_MAX], const __u64 came[FAULT_REASON_MAX])
{
	static const struct {
		enum fault_reason reason;
		const char *words;
	} warnings[] = {
		{FAULT_REASON_CLIENT_CERTIFICATE,
		 "the real server asks for a client certificate, which a connection that the gate "
		 "ends cannot show: its requests get a 502 (client-certificate)"},
		{FAULT_REASON_UPSTREAM_UNTRUSTED,
		 "the real server's certificate does not verify: requests to it through the gate "
		 "get a 502 (upstream-untrusted)"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(warnings); i++)
		if (came[warnings[i].reason] && !had[warnings[i].reason])
			log_warning("%s", warnings[i].words);
}

/* Books what the gate has counted as if the kernel had. */
static void handle_counts(struct engine *engine, const struct gate_message *message)
{
	const struct gate_counts *counts = &message->u.counts;
	struct fault_series part = {
		.requests = counts->requests, .hits = counts->hits, .passes = counts->passes};
	struct fault_series_key key = {.rule = counts->rule};
	struct fault_counters *sum;
	volatile struct fault_window *window;
	__u64 now = clock_boottime_ns();

	if (counts->rule >= engine->draft->rules_count)
		return;
	sum = &engine->gate.counters[counts->rule];
	window = &engine->windows[counts->rule];
	sum->requests += counts->requests;
	sum->hits += counts->hits;
	sum->passes += counts->passes;
	sum->reasons[FAULT_REASON_HIT] += counts->hits;
	warn_of(sum->reasons, counts->reasons);
	for (size_t i = 1; i < FAULT_REASON_COUNT; i++)
		sum->reasons[i] += counts->reasons[i];
	key.bucket = (__u32)((now - engine->control->started_at) / FAULT_BUCKET_NS);
	if (part.requests || part.hits || part.passes)
		(void)programs_series_add(engine->programs, &key, &part);
	if (counts->hits && counts->injection == window->injection) {
		window->last_hit_at = counts->last_hit_at;
		if (!window->first_hit_at) {
			window->first_hit_at = counts->first_hit_at;
			report_first_hit(engine, counts->rule, counts->first_hit_at);
		}
	}
	if (counts->spent) {
		const struct fault_event detail = {
			.at = now, .rule = counts->rule, .injection = counts->injection};

		engine_end_budget(engine, &detail);
	}
}

static void handle_measure(struct engine *engine, const struct gate_message *asked)
{
	struct gate_message reply = {.type = GATE_UNREAD, .cookie = asked->cookie};
	struct fault_diverted diverted = {};

	/* Once for all that ask at a time. What the kernel does not tell is no limit. */
	if (!engine->gate.measured)
		(void)programs_measure_unread(engine->programs);
	engine->gate.measured = true;
	(void)programs_diverted(engine->programs, asked->cookie, &diverted);
	reply.value = diverted.unread;
	(void)tell(&engine->gate, &reply, -1);
}

static void take_message(struct engine *engine, const struct gate_message *message)
{
	switch (message->type) {
	case GATE_FORWARD:
		handle_forward(engine, message);
		break;
	case GATE_RESET:
		handle_reset(engine, message);
		break;
	case GATE_COUNTS:
		handle_counts(engine, message);
		break;
	case GATE_MEASURE:
		handle_measure(engine, message);
		break;
	case GATE_SYNCED:
		engine->gate.synced = true;
		break;
	default:
		log_debug("the gate says %u", message->type);
		break;
	}
}

static void end_diverted(void *context, __u64 cookie, const struct fault_diverted *diverted)
{
	struct engine *engine = context;

	if (diverted->flags & FAULT_DIVERTED_ENDS_HERE || diverted->given != diverted->returned)
		destroy(engine, cookie, diverted);
}

/* Requests that wait for a gate that does not answer are not to wait any longer. */
static void end_all(struct engine *engine)
{
	programs_diverted_visit(engine->programs, end_diverted, engine);
}

static void gone(struct engine *engine)
{
	log_warning("the gate is gone: what it carried out passes from now on");
	cleanup_close(&engine->gate.channel);
	engine->gate.channel = -1;
	engine->gate.running = false;
	programs_stop_beat(engine->programs);
	end_all(engine);
}

void engine_gate_read(struct engine *engine)
{
	struct gate_message message;

	engine->gate.measured = false;
	for (int i = 0; engine->gate.running && i < MESSAGES_MAX; i++) {
		ssize_t size = recv(engine->gate.channel, &message, sizeof(message), MSG_DONTWAIT);

		if (size < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (size != sizeof(message) || message.version != GATE_PROTOCOL_VERSION) {
			gone(engine);
			return;
		}
		take_message(engine, &message);
	}
}

void engine_gate_sync(struct engine *engine)
{
	struct gate_message message = {.type = GATE_SYNC};
	__u64 until = clock_boottime_ns() + SYNC_WITHIN_NS;

	if (!engine->gate.running || engine->gate.silent || tell(&engine->gate, &message, -1))
		return;
	engine->gate.synced = false;
	while (engine->gate.running && !engine->gate.synced && clock_boottime_ns() < until) {
		struct pollfd readable = {.fd = engine->gate.channel, .events = POLLIN};

		if (poll(&readable, 1, SYNC_WITHIN_NS / (int)NS_PER_MS) == 1)
			engine_gate_read(engine);
	}
	/* The others that ask do not wait as well; the next look tells better. */
	if (!engine->gate.synced)
		engine->gate.silent = true;
}

void engine_gate_closed(struct engine *engine, __u64 cookie)
{
	struct gate_message message = {.type = GATE_CLOSED, .cookie = cookie};
	struct fault_diverted diverted;

	if (!engine->gate.running)
		return;
	/* The kernel forgets it when nothing of it is left. */
	message.value = programs_diverted(engine->programs, cookie, &diverted) != 0;
	(void)tell(&engine->gate, &message, -1);
}

void engine_gate_tick(struct engine *engine, __u64 now)
{
	struct gate_link *gate = &engine->gate;
	__u64 beat;

	if (!gate->running || now < gate->looked_at + ENGINE_GATE_LOOK_NS)
		return;
	gate->looked_at = now;
	beat = programs_beat(engine->programs);
	if (now < beat + FAULT_GATE_BEAT_NS) {
		gate->silent = false;
		return;
	}
	if (!gate->silent)
		log_warning("the gate does not answer: what it carried out passes");
	gate->silent = true;
	end_all(engine);
}

__u64 engine_gate_next(const struct engine *engine)
{
	return engine->gate.running ? engine->gate.looked_at + ENGINE_GATE_LOOK_NS : UINT64_MAX;
}

void engine_gate_add_counters(const struct engine *engine, __u32 rule,
			      struct fault_counters *counters)
{
	const __u64 *part = (const __u64 *)&engine->gate.counters[rule];
	__u64 *sum = (__u64 *)counters;

	for (size_t i = 0; i < sizeof(*counters) / sizeof(*sum); i++)
		sum[i] += part[i];
}
