/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/channel.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "user/base/cleanup.h"

enum { REPLY_WITHIN_S = 60 };

struct channel {
	int fd;
	channel_event_fn on_event;
	void *context;
	pthread_mutex_t turn; /* held over one request and its reply */
	pthread_mutex_t lock; /* guards what is below */
	pthread_cond_t arrived;
	uint64_t sequence; /* of the request that is waited for */
	bool done, gone;
	struct engine_reply reply;
};

int channel_new(int fd, channel_event_fn on_event, void *context, struct channel **ret_channel)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	pthread_condattr_t attributes;

	if (!channel)
		return -ENOMEM;
	channel->fd = fd;
	channel->on_event = on_event;
	channel->context = context;
	pthread_mutex_init(&channel->turn, NULL);
	pthread_mutex_init(&channel->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&channel->arrived, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret_channel = channel;
	return 0;
}

static void take_reply(struct channel *channel, const struct engine_reply *reply)
{
	pthread_mutex_lock(&channel->lock);
	/* A reply to a request that was given up on is nobody's any more. */
	if (reply->sequence == channel->sequence && !channel->done) {
		channel->reply = *reply;
		channel->done = true;
		pthread_cond_broadcast(&channel->arrived);
	}
	pthread_mutex_unlock(&channel->lock);
}

void channel_read(struct channel *channel)
{
	static struct engine_reply reply;

	for (;;) {
		ssize_t size = recv(channel->fd, &reply, sizeof(reply), 0);

		if (size < 0 && errno == EINTR)
			continue;
		if (size != sizeof(reply) || reply.version != ENGINE_PROTOCOL_VERSION)
			break;
		if (reply.type == ENGINE_EVENT)
			channel->on_event(channel->context, &reply.u.event);
		else
			take_reply(channel, &reply);
	}
	pthread_mutex_lock(&channel->lock);
	channel->gone = true;
	pthread_cond_broadcast(&channel->arrived);
	pthread_mutex_unlock(&channel->lock);
}

static int wait_reply(struct channel *channel, struct engine_reply *ret_reply,
		      struct failure *failure)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REPLY_WITHIN_S;
	pthread_mutex_lock(&channel->lock);
	while (!channel->done && !channel->gone && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&channel->arrived, &channel->lock, &until);
	if (channel->done) {
		*ret_reply = channel->reply;
		r = 0;
	} else {
		r = channel->gone ? fail(failure, -EPIPE, "the engine is gone")
				  : fail(failure, -ETIMEDOUT, "the engine does not answer");
	}
	channel->done = true;
	pthread_mutex_unlock(&channel->lock);
	return r;
}

int channel_call(struct channel *channel, struct engine_request *request,
		 struct engine_reply *ret_reply, struct failure *failure)
{
	int r;

	pthread_mutex_lock(&channel->turn);
	pthread_mutex_lock(&channel->lock);
	request->version = ENGINE_PROTOCOL_VERSION;
	request->sequence = ++channel->sequence;
	channel->done = false;
	pthread_mutex_unlock(&channel->lock);
	if (send(channel->fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		r = fail(failure, -errno, "the engine: %s", strerror(errno));
	else
		r = wait_reply(channel, ret_reply, failure);
	pthread_mutex_unlock(&channel->turn);
	if (r || !ret_reply->result)
		return r;
	ret_reply->text[sizeof(ret_reply->text) - 1] = '\0';
	return fail(failure, ret_reply->result < 0 ? ret_reply->result : -EPROTO, "%s",
		    ret_reply->text);
}
