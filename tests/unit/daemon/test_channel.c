/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/daemon/channel.h"

/* The engine's side answers each request with the replies that its type asks for. */
enum { WITH_EVENT = ENGINE_STATUS, WITH_STALE = ENGINE_RENEW, GO_AWAY = ENGINE_HALT };

struct fixture {
	int pair[2];
	pthread_t engine, reader;
	struct channel *channel;
	unsigned int events;
	uint64_t last_at;
};

static void send_reply(int fd, __u32 type, uint64_t sequence, __s32 result)
{
	struct engine_reply reply = {.version = ENGINE_PROTOCOL_VERSION,
				     .type = type,
				     .sequence = sequence,
				     .result = result,
				     .text = "because"};

	if (type == ENGINE_EVENT)
		reply.u.event.at = 42;
	else
		reply.u.status.now = sequence;
	assert_int_equal(send(fd, &reply, sizeof(reply), MSG_NOSIGNAL), sizeof(reply));
}

static void *answer(void *context)
{
	struct fixture *fixture = context;
	int fd = fixture->pair[1];
	struct engine_request request;

	while (recv(fd, &request, sizeof(request), 0) == sizeof(request)) {
		if (request.type == GO_AWAY)
			break;
		if (request.type == WITH_EVENT)
			send_reply(fd, ENGINE_EVENT, 0, 0);
		if (request.type == WITH_STALE)
			send_reply(fd, ENGINE_REPLY, request.sequence - 1, -EIO);
		send_reply(fd, ENGINE_REPLY, request.sequence,
			   request.type == ENGINE_ARM ? -EACCES : 0);
	}
	shutdown(fd, SHUT_RDWR);
	return NULL;
}

static void on_event(void *context, const struct engine_event *event)
{
	struct fixture *fixture = context;

	fixture->events++;
	fixture->last_at = event->at;
}

static void *read_channel(void *context)
{
	channel_read(((struct fixture *)context)->channel);
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fixture->pair), 0);
	assert_int_equal(channel_new(fixture->pair[0], on_event, fixture, &fixture->channel), 0);
	assert_int_equal(pthread_create(&fixture->engine, NULL, answer, fixture), 0);
	assert_int_equal(pthread_create(&fixture->reader, NULL, read_channel, fixture), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	shutdown(fixture->pair[0], SHUT_RDWR);
	pthread_join(fixture->engine, NULL);
	pthread_join(fixture->reader, NULL);
	close(fixture->pair[0]);
	close(fixture->pair[1]);
	free(fixture->channel);
	free(fixture);
	return 0;
}

static int ask(struct fixture *fixture, unsigned int type, struct failure *failure)
{
	struct engine_request request = {.type = type};
	struct engine_reply reply;
	int r = channel_call(fixture->channel, &request, &reply, failure);

	if (!r)
		assert_int_equal(reply.u.status.now, request.sequence);
	return r;
}

static void test_replies(void **state)
{
	struct failure failure = {};

	for (int i = 0; i < 100; i++)
		assert_int_equal(ask(*state, ENGINE_RELEASE, &failure), 0);
	assert_int_equal(ask(*state, ENGINE_ARM, &failure), -EACCES);
	assert_string_equal(failure.text, "because");
}

/* Events come on the reader's thread, before the reply that follows them. */
static void test_events(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(ask(fixture, WITH_EVENT, NULL), 0);
	assert_int_equal(fixture->events, 1);
	assert_int_equal(fixture->last_at, 42);
}

static void test_stale_reply(void **state)
{
	assert_int_equal(ask(*state, WITH_STALE, NULL), 0);
}

static void test_engine_goes(void **state)
{
	struct failure failure = {};

	assert_int_equal(ask(*state, GO_AWAY, &failure), -EPIPE);
	assert_string_equal(failure.text, "the engine is gone");
	assert_int_equal(ask(*state, ENGINE_STATUS, &failure), -EPIPE);
}

#define CHANNEL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANNEL_TEST(test_replies),
		CHANNEL_TEST(test_events),
		CHANNEL_TEST(test_stale_reply),
		CHANNEL_TEST(test_engine_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
