/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the api process sends is what the engine takes: the messages of a plan go over a channel to
 * a thread that checks them and puts the draft together, as the engine does.
 */
#include "tests/unit/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/daemon/draft.h"
#include "user/daemon/plan_send.h"
#include "user/daemon/request.h"
#include "user/protocol/plan_json.h"

static const char text[] =
	"{\"version\":1,\"title\":\"Try\",\"seed\":7,\"duration_ns\":2000000000,"
	"\"lease_ns\":3000000000,\"scope\":{\"cgroups\":[\"/"
	"scope\"]},\"protect\":[{\"prefix\":\"10.0.0.0/8\",\"ports\":[\"22\"]}],"
	"\"rules\":["
	"{\"fault\":\"a\",\"effect\":\"refuse\",\"existing\":\"reset\",\"match\":{"
	"\"protocols\":[\"tcp\",\"udp\"],\"ports\":[\"53\",\"8000-8010\"],"
	"\"prefixes\":[\"192.0.2.0/24\",\"fd00::/8\"]}},"
	"{\"fault\":\"b\",\"effect\":\"answer\",\"share_ppm\":500000,\"match\":{"
	"\"protocols\":[\"tcp\"],\"names\":[\"a.example\",\"*.b.example\"],\"paths\":[\"/x\"],"
	"\"methods\":[\"GET\"],\"http\":true,\"cgroups\":[\"/c\"]},"
	"\"answer\":{\"status\":503,\"body_base64\":\"bm8=\"}},"
	"{\"fault\":\"c\",\"effect\":\"hang\",\"quic\":\"allow\",\"match\":{"
	"\"protocols\":[\"tcp\"],\"names\":[\"c.example\"]}},"
	"{\"fault\":\"d\",\"effect\":\"overload\",\"capacity\":20000,\"burst\":20,"
	"\"reject_cost_millionths\":500000,\"reject\":\"answer\",\"shape\":{\"first\":3},\"match\":"
	"{"
	"\"protocols\":[\"tcp\"],\"ports\":[\"80\"]},\"answer\":{\"status\":503}}]}";

/* The engine's side. */
struct peer {
	int fd;
	struct draft *draft;
	size_t bad;			 /* messages that were refused */
	enum engine_request_type refuse; /* 0: none; answered with -EBUSY */
};

static int take(struct peer *peer, const struct engine_request *request)
{
	switch (request->type) {
	case ENGINE_BEGIN:
		return draft_new(&request->u.begin, &peer->draft);
	case ENGINE_RULE:
		return draft_add_rule(peer->draft, &request->u.rule, NULL);
	case ENGINE_MATCH:
		return draft_add_match(peer->draft, &request->u.match, NULL);
	case ENGINE_ANSWER:
		return draft_add_answer(peer->draft, &request->u.answer, NULL);
	case ENGINE_SEED:
		return draft_add_seed(peer->draft, &request->u.seed, NULL);
	default:
		return -EPROTO;
	}
}

static void *serve(void *context)
{
	struct peer *peer = context;
	struct engine_request request;
	ssize_t size;

	while ((size = recv(peer->fd, &request, sizeof(request), 0)) > 0) {
		struct engine_reply reply = {.version = ENGINE_PROTOCOL_VERSION,
					     .type = ENGINE_REPLY,
					     .sequence = request.sequence,
					     .text = "not now"};

		if (request_check(&request, (size_t)size, NULL) || take(peer, &request))
			peer->bad++;
		reply.result = request.type == peer->refuse ? -EBUSY : 0;
		if (send(peer->fd, &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			break;
	}
	return NULL;
}

static void ignore(void *context, const struct engine_event *event)
{
	(void)context;
	(void)event;
}

static void *read_channel(void *channel)
{
	channel_read(channel);
	return NULL;
}

/* Sends the plan of `text` to `peer` and returns what plan_send did. */
static int send_plan(struct peer *peer, struct failure *failure)
{
	struct resolved resolved[2] = {{.name = (char *)"a.example", .count = 2},
				       {.name = (char *)"c.example", .count = 1}};
	struct channel *channel = NULL;
	pthread_t threads[2];
	struct plan plan = {};
	int pair[2], r;

	assert_int_equal(plan_from_json(text, strlen(text), &plan, failure), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	peer->fd = pair[1];
	assert_int_equal(channel_new(pair[0], ignore, NULL, &channel), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, serve, peer), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, read_channel, channel), 0);
	r = plan_send(channel, &plan, resolved, 2, 1000, failure);
	/* Both ends see the end of the stream. */
	shutdown(pair[0], SHUT_RDWR);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	close(pair[0]);
	close(pair[1]);
	free(channel);
	plan_free(&plan);
	return r;
}

static void test_whole_plan(void **state)
{
	struct failure failure = {};
	struct peer peer = {};
	const struct draft *draft;

	(void)state;
	assert_int_equal(send_plan(&peer, &failure), 0);
	assert_int_equal(peer.bad, 0);
	draft = peer.draft;
	assert_int_equal(draft->begin.uid, 1000);
	assert_int_equal(draft->begin.seed, 7);
	assert_string_equal(draft->begin.title, "Try");
	/* A lease longer than the run is as long as the run. */
	assert_int_equal(draft->begin.lease_ns, 2000000000);
	assert_int_equal(draft->rules_count, 4);
	assert_int_equal(draft->rules[0].tcp_udp, 3);
	assert_int_equal(draft->rules[0].existing, 1);
	assert_int_equal(draft->rules[0].rule.flags, 0);
	assert_int_equal(draft->rules[1].rule.share, 500000);
	assert_int_equal(draft->rules[1].rule.methods, 1 << FAULT_METHOD_GET);
	assert_int_equal(draft->rules[1].rule.flags,
			 FAULT_RULE_BY_NAME | FAULT_RULE_BY_HTTP | FAULT_RULE_QUIC_BLOCK);
	assert_int_equal(draft->rules[2].rule.flags, FAULT_RULE_BY_NAME);
	assert_non_null(draft->answers[1][0]);
	assert_non_null(draft->answers[1][1]);
	assert_int_equal(draft->rules[3].rule.capacity, 20000);
	assert_int_equal(draft->rules[3].rule.burst, 20);
	assert_int_equal(draft->rules[3].rule.reject_cost, 500000);
	assert_int_equal(draft->rules[3].rule.reject, FAULT_EFFECT_ANSWER);
	assert_int_equal(draft->rules[3].rule.shape.first, 3);
	assert_int_equal(draft->rules[3].rule.flags, 0);
	assert_non_null(draft->answers[3][1]);
	assert_int_equal(draft->matches_count, 4 + 4 + 1 + 1 + 2 + 1);
	assert_int_equal(draft->seeds_count, 3);
	assert_true(draft_has(draft, ENGINE_SCOPE, ENGINE_DIMENSION_CGROUP));
	assert_true(draft_has(draft, ENGINE_PROTECTION, ENGINE_DIMENSION_PORT));
	draft_free(peer.draft);
}

static void test_refusal(void **state)
{
	struct peer peer = {.refuse = ENGINE_ANSWER};
	struct failure failure = {};

	(void)state;
	assert_int_equal(send_plan(&peer, &failure), -EBUSY);
	assert_string_equal(failure.text, "not now");
	assert_int_equal(peer.draft->rules_count, 2);
	draft_free(peer.draft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_plan),
		cmocka_unit_test(test_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
