/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

enum { LOOP_BATCH = 64 };

struct source {
	loop_io io;
	void *data;
	/* Bumped at every loop_forget: an event of this batch that was meant for an earlier user
	 * of the same descriptor number is dropped. */
	uint32_t generation;
	bool watched;
};

struct loop {
	int epoll, timerfd;
	struct source *sources; /* by descriptor */
	size_t sources_size;
	struct heap timers;
	uint64_t armed_at; /* what the timerfd is set to; 0: nothing */
	bool stopped;
};

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event event = {.events = EPOLLIN};

	if (!loop)
		return -ENOMEM;
	loop->timerfd = -1;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		goto failed;
	loop->timerfd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timerfd < 0)
		goto failed;
	event.data.u64 = (uint64_t)loop->timerfd;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->timerfd, &event) < 0)
		goto failed;
	*ret_loop = loop;
	return 0;
failed:
	loop_free(loop);
	return -errno;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	cleanup_close(&loop->timerfd);
	cleanup_close(&loop->epoll);
	free(loop->sources);
	heap_free(&loop->timers);
	cleanup_free(&loop);
}

static int grow_sources(struct loop *loop, size_t count)
{
	size_t size = loop->sources_size ? loop->sources_size : 64;
	struct source *grown;

	if (count <= loop->sources_size)
		return 0;
	while (size < count)
		size *= 2;
	grown = realloc(loop->sources, size * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (size_t i = loop->sources_size; i < size; i++)
		grown[i] = (struct source){0};
	loop->sources = grown;
	loop->sources_size = size;
	return 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_io io, void *data)
{
	struct epoll_event event = {.events = events};
	struct source *source;

	if (grow_sources(loop, (size_t)fd + 1) < 0)
		return -ENOMEM;
	source = &loop->sources[fd];
	event.data.u64 = (uint64_t)source->generation << 32 | (uint32_t)fd;
	if (epoll_ctl(loop->epoll, source->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	source->io = io;
	source->data = data;
	source->watched = true;
	return 0;
}

void loop_forget(struct loop *loop, int fd)
{
	struct source *source;

	if (fd < 0 || (size_t)fd >= loop->sources_size || !loop->sources[fd].watched)
		return;
	source = &loop->sources[fd];
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	source->watched = false;
	source->generation++;
}

int loop_timer_set(struct loop *loop, struct timer *timer, uint64_t at)
{
	return heap_set(&loop->timers, &timer->when, at);
}

void loop_timer_cancel(struct loop *loop, struct timer *timer)
{
	heap_remove(&loop->timers, &timer->when);
}

/* The timerfd follows the earliest timer; an instant of 0 would disarm it, so 1 stands for it. */
static int arm_timerfd(struct loop *loop)
{
	const struct heap_entry *first = heap_first(&loop->timers);
	uint64_t at = !first ? 0 : first->at ? first->at : 1;
	struct itimerspec when = {0};

	if (at == loop->armed_at)
		return 0;
	when.it_value.tv_sec = (time_t)(at / NS_PER_S);
	when.it_value.tv_nsec = (long)(at % NS_PER_S);
	if (timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		return -errno;
	loop->armed_at = at;
	return 0;
}

static void fire_timers(struct loop *loop)
{
	uint64_t now = clock_boottime_ns();
	struct heap_entry *first;

	while (!loop->stopped && (first = heap_first(&loop->timers)) && first->at <= now) {
		struct timer *timer = heap_owner(first, struct timer, when);

		loop_timer_cancel(loop, timer);
		timer->alarm(timer->data, now);
	}
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	uint32_t fd = (uint32_t)event->data.u64, generation = (uint32_t)(event->data.u64 >> 32);
	uint64_t expirations;

	if ((int)fd == loop->timerfd) {
		if (read(loop->timerfd, &expirations, sizeof(expirations)) > 0)
			loop->armed_at = 0;
		return;
	}
	if (fd >= loop->sources_size || !loop->sources[fd].watched ||
	    loop->sources[fd].generation != generation)
		return;
	loop->sources[fd].io(loop->sources[fd].data, event->events);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[LOOP_BATCH];

	loop->stopped = false;
	while (!loop->stopped) {
		int r = arm_timerfd(loop), count;

		if (r < 0)
			return r;
		count = epoll_wait(loop->epoll, events, LOOP_BATCH, -1);
		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < count && !loop->stopped; i++)
			dispatch(loop, &events[i]);
		fire_timers(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}
