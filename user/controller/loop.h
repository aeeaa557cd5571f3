/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one event loop of the controller: descriptors by epoll, instants by one timerfd of
 * CLOCK_BOOTTIME. Single-threaded; callbacks may watch, forget, set and cancel freely.
 */
#ifndef CONTROLLER_LOOP_H
#define CONTROLLER_LOOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "user/base/heap.h"

struct loop;

/* `events` is a mask of EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP. */
typedef void (*loop_io)(void *data, uint32_t events);
/* `now` is the CLOCK_BOOTTIME instant of this round of the loop, in ns. */
typedef void (*loop_alarm)(void *data, uint64_t now);

/* A timer, embedded in what it serves. Fill alarm and data; the rest is the loop's. */
struct timer {
	struct heap_entry when; /* ns of CLOCK_BOOTTIME */
	loop_alarm alarm;
	void *data;
};

/* 0 or -errno. The caller ends it with loop_free. */
int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop);

/* Calls `io` when one of `events` is there; a second call for the same fd changes what is awaited.
 * The fd stays the caller's, who forgets it before closing it. 0 or -errno. */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_io io, void *data);
void loop_forget(struct loop *loop, int fd);

/* Sets or moves a timer. It fires once, at or after `at`. 0 or -ENOMEM. */
int loop_timer_set(struct loop *loop, struct timer *timer, uint64_t at);
/* Harmless when the timer is not set. */
void loop_timer_cancel(struct loop *loop, struct timer *timer);

/* Dispatches until loop_stop. 0 or -errno of epoll. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
