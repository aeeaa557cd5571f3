/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine with its real programs, on a cgroup of its own and over loopback: what is armed acts
 * in its window and nothing stays behind, whoever ends first. Needs root; skipped without.
 */
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/cgroup.h"
#include "user/daemon/engine.h"
#include "user/protocol/engine.h"

struct fixture {
	char *mount;
	char name[64];	     /* of the cgroup, "/faultd-test-PID" */
	char directory[256]; /* the cgroup in the file system */
	struct policy policy;
	int listener; /* on loopback */
	uint16_t port;
	pid_t engine;
	int channel; /* to it */
	uint64_t sequence;
	struct engine_event events[64]; /* that came so far */
	size_t events_count;
};

/* The engine in a process of its own, as faultd runs it. */
static void start_engine(struct fixture *fixture)
{
	const struct engine_settings settings = {
		.cgroup_mount = fixture->mount,
		.cgroup_root = fixture->name,
		.policy = &fixture->policy,
	};
	struct failure failure = {};
	sigset_t signals;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fixture->engine = fork();
	assert_true(fixture->engine >= 0);
	if (!fixture->engine) {
		sigemptyset(&signals);
		sigaddset(&signals, SIGTERM);
		sigaddset(&signals, SIGINT);
		sigprocmask(SIG_BLOCK, &signals, NULL);
		close(pair[0]);
		_exit(engine_run(pair[1], &settings, &failure) == -EPIPE ? 3 : 0);
	}
	close(pair[1]);
	fixture->channel = pair[0];
	fixture->sequence = 0;
	fixture->events_count = 0;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	assert_non_null(fixture);
	*state = fixture;
	fixture->channel = -1;
	if (geteuid() || cgroup_find_mount(&fixture->mount, NULL))
		return 0;
	snprintf(fixture->name, sizeof(fixture->name), "/faultd-test-%d", getpid());
	snprintf(fixture->directory, sizeof(fixture->directory), "%s%s", fixture->mount,
		 fixture->name);
	assert_int_equal(mkdir(fixture->directory, 0755), 0);
	policy_defaults(&fixture->policy);
	fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fixture->listener, 64), 0);
	assert_int_equal(getsockname(fixture->listener, (struct sockaddr *)&address, &size), 0);
	fixture->port = ntohs(address.sin_port);
	start_engine(fixture);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->mount) {
		if (fixture->channel >= 0)
			close(fixture->channel);
		if (fixture->engine > 0)
			waitpid(fixture->engine, NULL, 0);
		close(fixture->listener);
		rmdir(fixture->directory);
	}
	policy_free(&fixture->policy);
	free(fixture->mount);
	free(fixture);
	return 0;
}

static void need_root(const struct fixture *fixture)
{
	if (!fixture->mount)
		skip();
}

static int call(struct fixture *fixture, struct engine_request *request, struct engine_reply *reply)
{
	request->version = ENGINE_PROTOCOL_VERSION;
	request->sequence = ++fixture->sequence;
	assert_int_equal(send(fixture->channel, request, sizeof(*request), MSG_NOSIGNAL),
			 sizeof(*request));
	for (;;) {
		assert_int_equal(recv(fixture->channel, reply, sizeof(*reply), 0), sizeof(*reply));
		if (reply->type == ENGINE_REPLY)
			break;
		assert_true(fixture->events_count < ARRAY_SIZE(fixture->events));
		fixture->events[fixture->events_count++] = reply->u.event;
	}
	assert_int_equal(reply->sequence, fixture->sequence);
	return reply->result;
}

static int ask(struct fixture *fixture, enum engine_request_type type, struct engine_reply *reply)
{
	struct engine_request request = {.type = type};

	return call(fixture, &request, reply);
}

/* One rule that refuses TCP to the listener, armed for 60 s with a lease of `lease_ns`. */
static int arm(struct fixture *fixture, uint64_t lease_ns, struct engine_reply *reply)
{
	struct engine_request request = {.type = ENGINE_BEGIN};

	request.u.begin = (struct engine_begin){
		.duration_ns = 60 * NS_PER_S, .lease_ns = lease_ns, .rules = 1, .title = "Test"};
	assert_int_equal(call(fixture, &request, reply), 0);
	request = (struct engine_request){.type = ENGINE_RULE};
	request.u.rule = (struct engine_rule){
		.tcp_udp = 1,
		.rule = {.effect = FAULT_EFFECT_REFUSE, .share = FAULT_SHARE_ALWAYS},
		.fault = "refusal"};
	assert_int_equal(call(fixture, &request, reply), 0);
	request = (struct engine_request){.type = ENGINE_MATCH};
	request.u.match = (struct engine_match){.dimension = ENGINE_DIMENSION_PORT,
						.port_first = fixture->port,
						.port_last = fixture->port};
	assert_int_equal(call(fixture, &request, reply), 0);
	return ask(fixture, ENGINE_ARM, reply);
}

static int window(struct fixture *fixture, enum engine_request_type type, uint64_t duration_ns,
		  struct engine_reply *reply)
{
	struct engine_request request = {.type = type,
					 .u.window = {.rules = 1, .duration_ns = duration_ns}};

	return call(fixture, &request, reply);
}

/* In the child: joins the cgroup and connects. Returns the errno of the connect. */
static int join_and_connect(const struct fixture *fixture)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					    .sin_port = htons(fixture->port)};
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", fixture->directory);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return 255;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) ? errno : 0;
}

/* Connects from inside the cgroup; the errno, 0 for success. */
static int connect_inside(const struct fixture *fixture)
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (!child)
		_exit(join_and_connect(fixture));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static __u32 attached(const struct fixture *fixture)
{
	static const enum bpf_attach_type types[] = {
		BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_UDP4_SENDMSG,
		BPF_CGROUP_UDP6_SENDMSG,  BPF_CGROUP_SOCK_OPS,	    BPF_CGROUP_INET_INGRESS,
		BPF_CGROUP_INET_EGRESS,
	};
	_cleanup_close_ int fd = cgroup_open(fixture->mount, fixture->name, NULL);
	__u32 total = 0;

	assert_true(fd >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		__u32 ids[16], flags, count = ARRAY_SIZE(ids);

		assert_int_equal(bpf_prog_query(fd, types[i], 0, &flags, ids, &count), 0);
		total += count;
	}
	return total;
}

static void test_refuse_and_lift(void **state)
{
	struct fixture *fixture = *state;
	struct engine_reply reply;

	need_root(fixture);
	assert_int_equal(attached(fixture), 0);
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), 0);
	/* Refusing takes the two connect hooks and nothing else. */
	assert_int_equal(reply.u.status.attached, 2);
	assert_int_equal(attached(fixture), 2);
	assert_int_equal(connect_inside(fixture), 0);
	assert_int_equal(window(fixture, ENGINE_INJECT, 20 * NS_PER_S, &reply), 0);
	assert_int_equal(reply.u.window.ends_at - reply.u.window.starts_at, 20 * NS_PER_S);
	assert_int_equal(connect_inside(fixture), ECONNREFUSED);
	assert_int_equal(window(fixture, ENGINE_LIFT, 0, &reply), 0);
	assert_int_equal(connect_inside(fixture), 0);
	assert_int_equal(ask(fixture, ENGINE_RULE_STATUS, &reply), 0);
	assert_int_equal(reply.u.rule_status.counters.connects, 3);
	assert_int_equal(reply.u.rule_status.counters.hits, 1);
	assert_int_equal(reply.u.rule_status.counters.passes, 2);
	assert_int_equal(reply.u.rule_status.counters.reasons[FAULT_REASON_OUTSIDE_WINDOW], 2);
	assert_string_equal(reply.u.rule_status.fault, "refusal");
	assert_int_equal(ask(fixture, ENGINE_DISARM, &reply), 0);
	assert_int_equal(attached(fixture), 0);
	/* The last counters stay readable. */
	assert_int_equal(ask(fixture, ENGINE_RULE_STATUS, &reply), 0);
	assert_int_equal(reply.u.rule_status.counters.hits, 1);
}

static void test_events(void **state)
{
	static const __u32 kinds[] = {ENGINE_EVENT_ARMED,      ENGINE_EVENT_INJECTED,
				      ENGINE_EVENT_FIRST_HIT,  ENGINE_EVENT_LIFTED,
				      ENGINE_EVENT_FIRST_PASS, ENGINE_EVENT_DISARMED};
	struct fixture *fixture = *state;
	struct engine_reply reply;

	need_root(fixture);
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), 0);
	assert_int_equal(window(fixture, ENGINE_INJECT, 20 * NS_PER_S, &reply), 0);
	assert_int_equal(connect_inside(fixture), ECONNREFUSED);
	assert_int_equal(window(fixture, ENGINE_LIFT, 0, &reply), 0);
	assert_int_equal(connect_inside(fixture), 0);
	assert_int_equal(ask(fixture, ENGINE_DISARM, &reply), 0);
	assert_int_equal(fixture->events_count, ARRAY_SIZE(kinds));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_int_equal(fixture->events[i].kind, kinds[i]);
		assert_true(!i || fixture->events[i].at >= fixture->events[i - 1].at);
	}
	assert_int_equal(fixture->events[2].detail.port, fixture->port);
}

/* A short window ends in the kernel, whether or not this process asks. */
static void test_window_ends_by_itself(void **state)
{
	struct fixture *fixture = *state;
	struct engine_reply reply;
	struct timespec until;
	uint64_t ends_at;

	need_root(fixture);
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), 0);
	assert_int_equal(window(fixture, ENGINE_INJECT, 300 * NS_PER_MS, &reply), 0);
	ends_at = reply.u.window.ends_at;
	assert_int_equal(kill(fixture->engine, SIGSTOP), 0);
	assert_int_equal(connect_inside(fixture), ECONNREFUSED);
	until = (struct timespec){(time_t)(ends_at / NS_PER_S), (long)(ends_at % NS_PER_S)};
	assert_int_equal(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL), 0);
	assert_int_equal(connect_inside(fixture), 0);
	assert_int_equal(kill(fixture->engine, SIGCONT), 0);
	assert_int_equal(ask(fixture, ENGINE_DISARM, &reply), 0);
	assert_int_equal(fixture->events[fixture->events_count - 1].kind, ENGINE_EVENT_DISARMED);
	for (size_t i = 0; i < fixture->events_count; i++)
		if (fixture->events[i].kind == ENGINE_EVENT_LIFTED) {
			assert_int_equal(fixture->events[i].cause, ENGINE_CAUSE_PLANNED);
			assert_int_equal(fixture->events[i].at, ends_at);
		}
}

static void test_peer_goes(void **state)
{
	struct fixture *fixture = *state;
	struct engine_reply reply;
	int status;

	need_root(fixture);
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), 0);
	assert_int_equal(window(fixture, ENGINE_INJECT, 20 * NS_PER_S, &reply), 0);
	close(fixture->channel);
	fixture->channel = -1;
	assert_int_equal(waitpid(fixture->engine, &status, 0), fixture->engine);
	fixture->engine = 0;
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(attached(fixture), 0);
	assert_int_equal(connect_inside(fixture), 0);
}

static void test_engine_is_killed(void **state)
{
	struct fixture *fixture = *state;
	struct engine_reply reply;

	need_root(fixture);
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), 0);
	assert_int_equal(window(fixture, ENGINE_INJECT, 20 * NS_PER_S, &reply), 0);
	assert_int_equal(connect_inside(fixture), ECONNREFUSED);
	assert_int_equal(kill(fixture->engine, SIGKILL), 0);
	assert_int_equal(waitpid(fixture->engine, NULL, 0), fixture->engine);
	fixture->engine = 0;
	assert_int_equal(attached(fixture), 0);
	assert_int_equal(connect_inside(fixture), 0);
}

static void test_halt(void **state)
{
	struct fixture *fixture = *state;
	struct engine_request begin = {.type = ENGINE_BEGIN,
				       .u.begin = {.duration_ns = 1, .lease_ns = 1, .rules = 1}};
	struct engine_reply reply;

	need_root(fixture);
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), 0);
	assert_int_equal(call(fixture, &begin, &reply), -EBUSY);
	assert_string_equal(reply.text, "a run is armed");
	assert_int_equal(ask(fixture, ENGINE_HALT, &reply), 0);
	assert_int_equal(attached(fixture), 0);
	assert_int_equal(call(fixture, &begin, &reply), -ECANCELED);
	assert_string_equal(reply.text, "the host is halted");
	assert_int_equal(ask(fixture, ENGINE_RELEASE, &reply), 0);
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), 0);
}

/* The engine's own copy of the policy holds, whatever the peer sends. */
static void test_policy_holds(void **state)
{
	struct fixture *fixture = *state;
	struct plan_protect protect = {};
	struct engine_reply reply;

	need_root(fixture);
	close(fixture->channel);
	assert_int_equal(waitpid(fixture->engine, NULL, 0), fixture->engine);
	assert_int_equal(address_parse_prefix("127.0.0.0/8", &protect.prefix), 0);
	fixture->policy.protect = &protect;
	fixture->policy.protect_count = 1;
	fixture->policy.longest_lease_ns = 20 * NS_PER_S;
	start_engine(fixture);
	fixture->policy.protect = NULL;
	fixture->policy.protect_count = 0;
	assert_int_equal(arm(fixture, 30 * NS_PER_S, &reply), -EACCES);
	assert_string_equal(reply.text, "a lease of 30s is over the policy's 20s");
	assert_int_equal(attached(fixture), 0);
	assert_int_equal(arm(fixture, 10 * NS_PER_S, &reply), 0);
	assert_int_equal(window(fixture, ENGINE_INJECT, 20 * NS_PER_S, &reply), 0);
	assert_int_equal(connect_inside(fixture), 0);
	assert_int_equal(ask(fixture, ENGINE_RULE_STATUS, &reply), 0);
	assert_int_equal(reply.u.rule_status.counters.hits, 0);
	assert_int_equal(reply.u.rule_status.counters.reasons[FAULT_REASON_PROTECTED], 1);
}

static void test_messages_out_of_turn(void **state)
{
	struct fixture *fixture = *state;
	struct engine_reply reply;

	need_root(fixture);
	assert_int_equal(ask(fixture, ENGINE_ARM, &reply), -EINVAL);
	assert_string_equal(reply.text, "no plan was begun");
	assert_int_equal(ask(fixture, ENGINE_RENEW, &reply), -ENOENT);
	assert_string_equal(reply.text, "nothing is armed");
	assert_int_equal(ask(fixture, 99, &reply), -EPROTO);
	assert_string_equal(reply.text, "request type 99 is none");
	assert_int_equal(ask(fixture, ENGINE_STATUS, &reply), 0);
	assert_int_equal(reply.u.status.armed, 0);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINE_TEST(test_refuse_and_lift),	 ENGINE_TEST(test_events),
		ENGINE_TEST(test_window_ends_by_itself), ENGINE_TEST(test_peer_goes),
		ENGINE_TEST(test_engine_is_killed),	 ENGINE_TEST(test_halt),
		ENGINE_TEST(test_policy_holds),		 ENGINE_TEST(test_messages_out_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
