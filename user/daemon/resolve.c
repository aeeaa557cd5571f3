/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

enum { THREADS_MAX = 8 };

/*
 * Shared by the caller and its threads; the last of them frees it. A look-up that hangs keeps its
 * thread and this, until the resolver gives up, and nothing else.
 */
struct job {
	pthread_mutex_t lock;
	pthread_cond_t progress;
	size_t holders;
	size_t count, next, finished;
	int *errors; /* EAI_*; meaningful once finished */
	bool *done;
	struct resolved *items;
};

static void release(struct job *job)
{
	size_t holders;

	pthread_mutex_lock(&job->lock);
	holders = --job->holders;
	pthread_mutex_unlock(&job->lock);
	if (holders)
		return;
	pthread_mutex_destroy(&job->lock);
	pthread_cond_destroy(&job->progress);
	if (job->items)
		resolved_free(job->items, job->count);
	free(job->errors);
	free(job->done);
	free(job);
}

static void keep_address(struct resolved *item, const struct addrinfo *info)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t address[16];

	if (info->ai_family == AF_INET) {
		const struct sockaddr_in *ipv4 = (const void *)info->ai_addr;

		memcpy(address, mapped, sizeof(mapped));
		memcpy(address + 12, &ipv4->sin_addr, 4);
	} else if (info->ai_family == AF_INET6) {
		memcpy(address, &((const struct sockaddr_in6 *)info->ai_addr)->sin6_addr, 16);
	} else {
		return;
	}
	for (size_t i = 0; i < item->count; i++)
		if (!memcmp(item->addresses[i], address, sizeof(address)))
			return;
	if (item->count < RESOLVE_ADDRESSES_MAX)
		memcpy(item->addresses[item->count++], address, sizeof(address));
}

/* Looks up into `item`, which only this thread touches until it is done. */
static int look_up(struct resolved *item)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	int error = getaddrinfo(item->name, NULL, &hints, &list);

	if (error)
		return error;
	for (const struct addrinfo *at = list; at; at = at->ai_next)
		keep_address(item, at);
	freeaddrinfo(list);
	return item->count ? 0 : EAI_NONAME;
}

static void *work(void *context)
{
	struct job *job = context;

	for (;;) {
		size_t mine;
		int error;

		pthread_mutex_lock(&job->lock);
		mine = job->next++;
		pthread_mutex_unlock(&job->lock);
		if (mine >= job->count)
			break;
		error = look_up(&job->items[mine]);
		pthread_mutex_lock(&job->lock);
		job->errors[mine] = error;
		job->done[mine] = true;
		job->finished++;
		pthread_cond_signal(&job->progress);
		pthread_mutex_unlock(&job->lock);
	}
	release(job);
	return NULL;
}

static int job_new(const struct strings *names, struct job **ret_job)
{
	struct job *job = calloc(1, sizeof(*job));
	pthread_condattr_t attributes;

	if (!job)
		return -ENOMEM;
	pthread_mutex_init(&job->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&job->progress, &attributes);
	pthread_condattr_destroy(&attributes);
	job->holders = 1;
	job->errors = calloc(names->count, sizeof(*job->errors));
	job->done = calloc(names->count, sizeof(*job->done));
	job->items = calloc(names->count, sizeof(*job->items));
	job->count = job->items ? names->count : 0;
	for (size_t i = 0; i < job->count; i++)
		job->items[i].name = strdup(names->items[i]);
	for (size_t i = 0; i < names->count; i++) {
		if (job->errors && job->done && job->items && job->items[i].name)
			continue;
		release(job);
		return -ENOMEM;
	}
	*ret_job = job;
	return 0;
}

static int start(struct job *job)
{
	size_t threads = job->count < THREADS_MAX ? job->count : THREADS_MAX, started = 0;
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (size_t i = 0; i < threads; i++) {
		pthread_mutex_lock(&job->lock);
		job->holders++;
		pthread_mutex_unlock(&job->lock);
		if (!pthread_create(&thread, &attributes, work, job))
			started++;
		else
			release(job);
	}
	pthread_attr_destroy(&attributes);
	return started ? 0 : -EAGAIN;
}

/* The job's lock is held. */
static void wait_finished(struct job *job, unsigned int timeout_ms)
{
	struct timespec until;
	uint64_t nanoseconds;

	clock_gettime(CLOCK_MONOTONIC, &until);
	nanoseconds = (uint64_t)until.tv_nsec + timeout_ms * NS_PER_MS;
	until.tv_sec += (time_t)(nanoseconds / NS_PER_S);
	until.tv_nsec = (long)(nanoseconds % NS_PER_S);
	while (job->finished < job->count &&
	       pthread_cond_timedwait(&job->progress, &job->lock, &until) != ETIMEDOUT)
		;
}

static int first_problem(const struct job *job, struct failure *failure)
{
	for (size_t i = 0; i < job->count; i++) {
		if (!job->done[i])
			return fail(failure, -ENOENT, "'%s' did not resolve in time",
				    job->items[i].name);
		if (job->errors[i])
			return fail(failure, -ENOENT, "'%s' does not resolve: %s",
				    job->items[i].name, gai_strerror(job->errors[i]));
	}
	return 0;
}

int resolve_names(const struct strings *names, unsigned int timeout_ms,
		  struct resolved **ret_resolved, struct failure *failure)
{
	struct job *job;
	int r;

	if (!names->count) {
		*ret_resolved = NULL;
		return 0;
	}
	r = job_new(names, &job);
	if (r)
		return fail(failure, r, "out of memory");
	r = start(job);
	if (r) {
		release(job);
		return fail(failure, r, "no thread could be started to resolve names");
	}
	pthread_mutex_lock(&job->lock);
	wait_finished(job, timeout_ms);
	r = first_problem(job, failure);
	if (!r)
		*ret_resolved = TAKE_PTR(job->items);
	pthread_mutex_unlock(&job->lock);
	release(job);
	return r;
}

void resolved_free(struct resolved *resolved, size_t count)
{
	for (size_t i = 0; resolved && i < count; i++)
		free(resolved[i].name);
	free(resolved);
}
