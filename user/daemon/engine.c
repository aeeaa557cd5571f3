/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/engine.h"

#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/daemon/carried.h"
#include "user/daemon/engine_state.h"
#include "user/daemon/notify.h"
#include "user/daemon/request.h"

/* How often old series go and the watchdog is fed. */
#define HOUSEKEEPING_NS NS_PER_S

void engine_report(struct engine *engine, const struct engine_event *event)
{
	struct engine_reply reply = {
		.version = ENGINE_PROTOCOL_VERSION,
		.type = ENGINE_EVENT,
		.u.event = *event,
	};

	/* A peer that does not read must not stop the clock of this process. */
	if (send(engine->channel, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		engine->events_lost++;
}

void engine_take_event(struct engine *engine, const struct fault_event *detail)
{
	struct engine_event event = {
		.at = detail->at,
		.kind = detail->kind == FAULT_EVENT_FIRST_HIT ? ENGINE_EVENT_FIRST_HIT
							      : ENGINE_EVENT_FIRST_PASS,
		.detail = *detail,
	};

	if (detail->rule >= FAULT_RULES_MAX)
		return;
	if (detail->kind == FAULT_EVENT_CLOSED) {
		engine_gate_closed(engine, detail->cookie);
		return;
	}
	if (detail->kind == FAULT_EVENT_BUDGET) {
		engine_end_budget(engine, detail);
		return;
	}
	event.rules = 1ULL << detail->rule;
	engine_report(engine, &event);
}

static void on_kernel_event(void *context, const struct fault_event *detail)
{
	engine_take_event(context, detail);
}

static void read_kernel_events(struct engine *engine)
{
	if (engine->programs)
		programs_events_read(engine->programs, on_kernel_event, engine);
}

/* The handlers of the requests. `reply->u` is zeroed. */
typedef int (*handle_fn)(struct engine *engine, const struct engine_request *request,
			 struct engine_reply *reply, __u64 now, struct failure *failure);

static int handle_begin(struct engine *engine, const struct engine_request *request,
			struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)reply;
	(void)now;
	if (engine->halted)
		return fail(failure, -ECANCELED, "the host is halted");
	if (engine->programs)
		return fail(failure, -EBUSY, "a run is armed");
	draft_free(engine->draft);
	engine->draft = NULL;
	engine->last_count = 0;
	if (draft_new(&request->u.begin, &engine->draft))
		return fail(failure, -ENOMEM, "out of memory");
	return 0;
}

static int handle_rule(struct engine *engine, const struct engine_request *request,
		       struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)reply;
	(void)now;
	return draft_add_rule(engine->draft, &request->u.rule, failure);
}

static int handle_match(struct engine *engine, const struct engine_request *request,
			struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)reply;
	(void)now;
	return draft_add_match(engine->draft, &request->u.match, failure);
}

static int handle_answer(struct engine *engine, const struct engine_request *request,
			 struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)reply;
	(void)now;
	return draft_add_answer(engine->draft, &request->u.answer, failure);
}

static int handle_seed(struct engine *engine, const struct engine_request *request,
		       struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)reply;
	(void)now;
	return draft_add_seed(engine->draft, &request->u.seed, failure);
}

static int handle_arm(struct engine *engine, const struct engine_request *request,
		      struct engine_reply *reply, __u64 now, struct failure *failure)
{
	int r;

	(void)request;
	r = engine_arm(engine, now, failure);
	if (r)
		return r;
	log_info("armed '%.127s': %u rules, %u attachments, for user %u",
		 engine->draft->begin.title, engine->draft->rules_count,
		 programs_attached(engine->programs), engine->draft->begin.uid);
	engine_status(engine, clock_boottime_ns(), &reply->u.status);
	return 0;
}

static int handle_inject(struct engine *engine, const struct engine_request *request,
			 struct engine_reply *reply, __u64 now, struct failure *failure)
{
	reply->u.window = request->u.window;
	return engine_inject(engine, &reply->u.window, now, failure);
}

static int handle_lift(struct engine *engine, const struct engine_request *request,
		       struct engine_reply *reply, __u64 now, struct failure *failure)
{
	__u64 rules = request->u.window.rules;

	if (request->u.window.duration_ns) {
		int r = carried_check_staged_lift(failure);

		if (r)
			return r;
		reply->u.window = request->u.window;
		return engine_lift_staged(engine, &reply->u.window, now, failure);
	}
	engine_lift(engine, rules, ENGINE_CAUSE_LIFTED, now);
	reply->u.window = (struct engine_window){.rules = rules, .starts_at = now, .ends_at = now};
	return 0;
}

static int handle_renew(struct engine *engine, const struct engine_request *request,
			struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)request;
	(void)failure;
	__atomic_store_n(&engine->control->lease_until, now + engine->draft->begin.lease_ns,
			 __ATOMIC_SEQ_CST);
	engine_status(engine, now, &reply->u.status);
	return 0;
}

static int handle_disarm(struct engine *engine, const struct engine_request *request,
			 struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)request;
	(void)failure;
	engine_disarm(engine, ENGINE_CAUSE_DISARMED, now);
	engine_status(engine, now, &reply->u.status);
	return 0;
}

static int handle_status(struct engine *engine, const struct engine_request *request,
			 struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)request;
	(void)failure;
	engine_status(engine, now, &reply->u.status);
	return 0;
}

static int handle_rule_status(struct engine *engine, const struct engine_request *request,
			      struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)now;
	return engine_rule_status(engine, request->u.rule.index, &reply->u.rule_status, failure);
}

static int handle_series(struct engine *engine, const struct engine_request *request,
			 struct engine_reply *reply, __u64 now, struct failure *failure)
{
	reply->u.series = request->u.series;
	return engine_series(engine, &reply->u.series, now, failure);
}

static int handle_shadow(struct engine *engine, const struct engine_request *request,
			 struct engine_reply *reply, __u64 now, struct failure *failure)
{
	(void)now;
	reply->u.shadow.from = request->u.shadow.from;
	return engine_shadow(engine, &reply->u.shadow, failure);
}

static int handle_halt(struct engine *engine, const struct engine_request *request,
		       struct engine_reply *reply, __u64 now, struct failure *failure)
{
	struct engine_event event = {.at = now, .kind = ENGINE_EVENT_HALTED};

	(void)request;
	(void)failure;
	engine->halted = true;
	engine_disarm(engine, ENGINE_CAUSE_HALTED, now);
	engine_report(engine, &event);
	log_warning("halted: everything is lifted, no run is taken until the release");
	engine_status(engine, now, &reply->u.status);
	return 0;
}

static int handle_release(struct engine *engine, const struct engine_request *request,
			  struct engine_reply *reply, __u64 now, struct failure *failure)
{
	struct engine_event event = {.at = now, .kind = ENGINE_EVENT_RELEASED};

	(void)request;
	(void)failure;
	if (engine->halted) {
		engine->halted = false;
		engine_report(engine, &event);
		log_info("released");
	}
	engine_status(engine, now, &reply->u.status);
	return 0;
}

enum precondition { ANY_TIME, WITH_DRAFT, WHILE_ARMED };

static const struct {
	handle_fn handle;
	enum precondition when;
} handlers[] = {
	[ENGINE_BEGIN] = {handle_begin, ANY_TIME},
	[ENGINE_RULE] = {handle_rule, WITH_DRAFT},
	[ENGINE_MATCH] = {handle_match, WITH_DRAFT},
	[ENGINE_ANSWER] = {handle_answer, WITH_DRAFT},
	[ENGINE_SEED] = {handle_seed, WITH_DRAFT},
	[ENGINE_ARM] = {handle_arm, WITH_DRAFT},
	[ENGINE_INJECT] = {handle_inject, WHILE_ARMED},
	[ENGINE_LIFT] = {handle_lift, WHILE_ARMED},
	[ENGINE_RENEW] = {handle_renew, WHILE_ARMED},
	[ENGINE_DISARM] = {handle_disarm, ANY_TIME},
	[ENGINE_STATUS] = {handle_status, ANY_TIME},
	[ENGINE_RULE_STATUS] = {handle_rule_status, ANY_TIME},
	[ENGINE_SERIES] = {handle_series, ANY_TIME},
	[ENGINE_HALT] = {handle_halt, ANY_TIME},
	[ENGINE_RELEASE] = {handle_release, ANY_TIME},
	[ENGINE_SHADOW] = {handle_shadow, WHILE_ARMED},
};
_Static_assert(ARRAY_SIZE(handlers) == ENGINE_REQUEST_COUNT, "a request lacks its handler");

static int handle(struct engine *engine, const struct engine_request *request, size_t size,
		  struct engine_reply *reply, __u64 now, struct failure *failure)
{
	int r = request_check(request, size, failure);

	if (r)
		return r;
	if (handlers[request->type].when == WITH_DRAFT && (!engine->draft || engine->programs))
		return fail(failure, -EINVAL, "no plan was begun");
	if (handlers[request->type].when == WHILE_ARMED && !engine->programs)
		return fail(failure, -ENOENT, "nothing is armed");
	return handlers[request->type].handle(engine, request, reply, now, failure);
}

/* One message. 0, or -EPIPE when the peer is gone. */
static int serve(struct engine *engine)
{
	static struct engine_request request;
	static struct engine_reply reply;
	struct failure failure = {};
	ssize_t size = recv(engine->channel, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);
	__u64 now = clock_boottime_ns();

	if (size < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!size)
		return -EPIPE;
	memset(&reply, 0, sizeof(reply));
	reply.version = ENGINE_PROTOCOL_VERSION;
	reply.type = ENGINE_REPLY;
	reply.sequence = request.sequence;
	/* What time has ended comes before what is asked now. */
	read_kernel_events(engine);
	engine_tick(engine, now);
	reply.result = handle(engine, &request, (size_t)size, &reply, now, &failure);
	if (reply.result)
		log_debug("%s: %s", request_name(request.type), failure.text);
	snprintf(reply.text, sizeof(reply.text), "%.*s", (int)sizeof(reply.text) - 1, failure.text);
	if (send(engine->channel, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? -EPIPE : -errno;
	return 0;
}

/* The descriptors of the loop. The kernel's event ring comes and goes with the programs. */
struct loop {
	int epoll, timer, signals;
	int ring;	/* -1: not watched */
	int targets;	/* likewise */
	int interfaces; /* likewise */
	int gate;	/* likewise */
};

static int watch(const struct loop *loop, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Closed descriptors leave epoll by themselves, so only new ones need care. */
static int watch_run(const struct engine *engine, struct loop *loop)
{
	int ring = engine->programs ? programs_events_fd(engine->programs) : -1, r = 0;
	int interfaces = engine->programs ? programs_interfaces_fd(engine->programs) : -1;
	int targets = engine->targets ? targets_fd(engine->targets) : -1;
	int gate = engine->gate.running ? engine->gate.channel : -1;

	if (ring >= 0 && loop->ring < 0)
		r = watch(loop, ring);
	loop->ring = ring;
	if (!r && interfaces >= 0 && loop->interfaces < 0)
		r = watch(loop, interfaces);
	loop->interfaces = interfaces;
	if (!r && targets >= 0 && loop->targets < 0)
		r = watch(loop, targets);
	loop->targets = targets;
	if (!r && gate >= 0 && loop->gate < 0)
		r = watch(loop, gate);
	loop->gate = gate;
	return r;
}

/* An interface that cannot be watched is no reason to end a run: it passes its traffic. */
static void read_interfaces(struct engine *engine)
{
	struct failure failure = {};

	if (engine->programs && programs_interfaces_read(engine->programs, &failure))
		log_warning("%s", failure.text);
}

static int set_timer(const struct engine *engine, const struct loop *loop, __u64 now)
{
	struct itimerspec when = {};
	__u64 next = engine_next(engine);

	if (next > now + HOUSEKEEPING_NS)
		next = now + HOUSEKEEPING_NS;
	when.it_value.tv_sec = (time_t)(next / NS_PER_S);
	when.it_value.tv_nsec = (long)(next % NS_PER_S);
	return timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL) ? -errno : 0;
}

static int loop_open(struct loop *loop, const struct engine *engine)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	loop->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->epoll < 0 || loop->timer < 0 || loop->signals < 0)
		return -errno;
	r = watch(loop, engine->channel);
	if (!r)
		r = watch(loop, loop->timer);
	return r ? r : watch(loop, loop->signals);
}

static void loop_close(const struct loop *loop)
{
	cleanup_close(&loop->epoll);
	cleanup_close(&loop->timer);
	cleanup_close(&loop->signals);
}

static void housekeep(struct engine *engine, __u64 now)
{
	engine_sweep_series(engine, now);
	notify_watchdog();
	if (!engine->events_lost)
		return;
	log_warning("%u events were lost: the api process does not read", engine->events_lost);
	engine->events_lost = 0;
}

/* One round. 1: a signal asks to stop; 0: go on; -errno. */
static int turn(struct engine *engine, struct loop *loop)
{
	struct epoll_event events[4];
	uint64_t expirations;
	int count, r = set_timer(engine, loop, clock_boottime_ns());

	if (!r)
		r = watch_run(engine, loop);
	if (r)
		return r;
	count = epoll_wait(loop->epoll, events, ARRAY_SIZE(events), -1);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	/* First: what comes must be covered before it connects. */
	engine_read_targets(engine);
	read_kernel_events(engine);
	read_interfaces(engine);
	engine_gate_read(engine);
	engine_tick(engine, clock_boottime_ns());
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == loop->signals)
			return 1;
		if (events[i].data.fd == engine->channel)
			r = serve(engine);
		else if (events[i].data.fd == loop->timer &&
			 read(loop->timer, &expirations, sizeof(expirations)) > 0)
			housekeep(engine, clock_boottime_ns());
		if (r)
			return r;
	}
	return 0;
}

int engine_run(int channel, const struct engine_settings *settings, struct failure *failure)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	struct loop loop = {-1, -1, -1, -1, -1, -1, -1};
	int r;

	if (!engine)
		return fail(failure, -ENOMEM, "out of memory");
	engine->channel = channel;
	engine->settings = settings;
	engine->gate = ENGINE_GATE_NONE;
	r = loop_open(&loop, engine);
	while (!r)
		r = turn(engine, &loop);
	engine_disarm(engine, ENGINE_CAUSE_DISARMED, clock_boottime_ns());
	engine_forget_retired(engine);
	loop_close(&loop);
	free(engine);
	if (r > 0)
		return 0;
	return fail(failure, r, r == -EPIPE ? "the api process is gone" : "the event loop: %s",
		    strerror(-r));
}
