/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/helper.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/base/log.h"
#include "user/daemon/bpf.h"
#include "user/daemon/gate.h"
#include "user/daemon/pass.h"
#include "user/daemon/privilege.h"

enum helper_request_type {
	HELPER_GATE = 1,
	HELPER_SOCKET = 2, /* in a namespace whose descriptor comes with it, or that of `pid` */
	HELPER_ITERATE = 3,
};

/* What HELPER_ITERATE is given: descriptors in this order. */
enum {
	ITERATE_FD_LINK = 0,
	ITERATE_FD_SPACE = 1,
	ITERATE_FD_COUNT = 2,
};

struct helper_request {
	uint32_t type; /* enum helper_request_type */
	int32_t pid;
	int32_t family, type_of_socket, protocol;
};

struct helper_reply {
	int32_t result; /* 0 or -errno */
	int32_t pid;
};

/* Closes what the gate was not given; `fds` become the numbers behind the standard streams. */
static int keep_descriptors(int fds[GATE_FD_COUNT])
{
	enum { FIRST = STDERR_FILENO + 1 };

	/* Out of the way first, so that none of them is overwritten. */
	for (int i = 0; i < GATE_FD_COUNT; i++) {
		fds[i] = fcntl(fds[i], F_DUPFD, FIRST + GATE_FD_COUNT);
		if (fds[i] < 0)
			return -errno;
	}
	for (int i = 0; i < GATE_FD_COUNT; i++) {
		if (dup2(fds[i], FIRST + i) < 0)
			return -errno;
		fds[i] = FIRST + i;
	}
	closefrom(FIRST + GATE_FD_COUNT);
	return 0;
}

/* The gate's process: from here on it is nobody. */
static int run_gate(const struct gate_identity *identity, int *fds, pid_t parent)
{
	struct gate_pem pem = {};
	struct failure failure = {};
	int r = keep_descriptors(fds);

	log_rename("faultd-gate");
	prctl(PR_SET_NAME, "faultd-gate");
	if (r)
		fail(&failure, r, "keeping descriptors: %s", strerror(-r));
	gate_pem_read(identity, &pem);
	if (!r)
		r = privilege_drop(identity->uid, identity->gid, parent, &failure);
	if (!r)
		r = gate_serve(&pem, fds, &failure);
	if (r && r != -EPIPE)
		log_error("%s", failure.text);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void start_gate(const struct gate_identity *identity, int *fds, struct helper_reply *reply)
{
	pid_t self = getpid(), child = fork();

	if (!child)
		_exit(run_gate(identity, fds, self));
	reply->result = child < 0 ? -errno : 0;
	reply->pid = child;
}

/* A socket stays in the namespace that its maker was in. Returns the descriptor or -errno. */
static int make_socket(const struct helper_request *request)
{
	int made =
		socket(request->family, request->type_of_socket | SOCK_CLOEXEC, request->protocol);

	return made < 0 ? -errno : made;
}

/* What is asked for, made inside the namespace `space`. Returns the descriptor or -errno. */
static int make_inside(const struct helper_request *request, const int *fds, int space, int home)
{
	int made;

	if (setns(space, CLONE_NEWNET))
		return -errno;
	made = request->type == HELPER_SOCKET ? make_socket(request)
					      : programs_iterator(fds[ITERATE_FD_LINK]);
	/* In the wrong namespace this process is of no use. */
	if (setns(home, CLONE_NEWNET))
		abort();
	return made;
}

static int make_socket_of(const struct helper_request *request, int home)
{
	_cleanup_close_ int space = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", request->pid);
	space = open(path, O_RDONLY | O_CLOEXEC);
	return space < 0 ? -errno : make_inside(request, NULL, space, home);
}

/* One request. 0, or -EPIPE when the engine is gone. */
static int serve(int channel, const struct gate_identity *identity, int home)
{
	struct helper_request request;
	struct helper_reply reply = {.result = -EPROTO};
	int fds[GATE_FD_COUNT], made = -1, r;
	size_t count = 0;
	ssize_t size =
		pass_receive(channel, &request, sizeof(request), fds, GATE_FD_COUNT, &count, 0);

	if (size == -EINTR)
		return 0;
	if (size <= 0)
		return size ? (int)size : -EPIPE;
	if (size == sizeof(request) && request.type == HELPER_GATE && count == GATE_FD_COUNT) {
		start_gate(identity, fds, &reply);
	} else if (size == sizeof(request) && request.type == HELPER_SOCKET && count <= 1) {
		made = count ? make_inside(&request, NULL, fds[0], home)
			     : make_socket_of(&request, home);
		reply.result = made < 0 ? made : 0;
	} else if (size == sizeof(request) && request.type == HELPER_ITERATE &&
		   count == ITERATE_FD_COUNT) {
		made = make_inside(&request, fds, fds[ITERATE_FD_SPACE], home);
		reply.result = made < 0 ? made : 0;
	}
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	r = pass_send(channel, &reply, sizeof(reply), &made, made >= 0, 0);
	cleanup_close(&made);
	return r;
}

int helper_serve(int channel, const struct gate_identity *identity, pid_t parent,
		 struct failure *failure)
{
	_cleanup_close_ int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int r;

	if (home < 0)
		return fail(failure, -errno, "/proc/self/ns/net: %s", strerror(errno));
	r = privilege_keep_helper(parent, failure);
	if (r)
		return r;
	/* Nobody waits for gates that have ended. */
	signal(SIGCHLD, SIG_IGN);
	while (!r)
		r = serve(channel, identity, home);
	return fail(failure, r, "the engine: %s", strerror(-r));
}

/* One request and its reply; `ret_fd`: a descriptor that came with it, or -1. */
static int ask(int helper, const struct helper_request *request, const int *fds, size_t count,
	       struct helper_reply *ret_reply, int *ret_fd, struct failure *failure)
{
	size_t got = 0;
	ssize_t size;
	int r = pass_send(helper, request, sizeof(*request), fds, count, 0);

	if (r)
		return fail(failure, r, "the helper process: %s", strerror(-r));
	*ret_fd = -1;
	do
		size = pass_receive(helper, ret_reply, sizeof(*ret_reply), ret_fd, 1, &got, 0);
	while (size == -EINTR);
	if (size != sizeof(*ret_reply))
		return fail(failure, size < 0 ? (int)size : -EPIPE, "the helper process is gone");
	return ret_reply->result;
}

int helper_start_gate(int helper, const int descriptors[GATE_FD_COUNT], pid_t *ret_pid,
		      struct failure *failure)
{
	const struct helper_request request = {.type = HELPER_GATE};
	struct helper_reply reply;
	int none, r = ask(helper, &request, descriptors, GATE_FD_COUNT, &reply, &none, failure);

	if (r)
		return fail(failure, r, "starting the gate: %s", strerror(-r));
	*ret_pid = reply.pid;
	return 0;
}

/* As ask, for a descriptor. Returns it or -errno; `what` begins the sentence of a failure. */
static int ask_for(int helper, const struct helper_request *request, const int *fds, size_t count,
		   const char *what, struct failure *failure)
{
	struct helper_reply reply;
	int fd = -1, r = ask(helper, request, fds, count, &reply, &fd, failure);

	if (r) {
		cleanup_close(&fd);
		return fail(failure, r, "%s: %s", what, strerror(-r));
	}
	return fd >= 0 ? fd : fail(failure, -EPROTO, "%s: the helper process sent none", what);
}

int helper_socket(int helper, pid_t pid, int family, int type, int protocol,
		  struct failure *failure)
{
	const struct helper_request request = {
		.type = HELPER_SOCKET,
		.pid = pid,
		.family = family,
		.type_of_socket = type,
		.protocol = protocol,
	};
	char what[80];

	snprintf(what, sizeof(what), "a socket in the network namespace of process %d", pid);
	return ask_for(helper, &request, NULL, 0, what, failure);
}

int helper_socket_in(int helper, int space, int family, int type, int protocol,
		     struct failure *failure)
{
	const struct helper_request request = {
		.type = HELPER_SOCKET,
		.family = family,
		.type_of_socket = type,
		.protocol = protocol,
	};

	return ask_for(helper, &request, &space, 1, "a socket in another network namespace",
		       failure);
}

int helper_iterate(int helper, int link, int space, struct failure *failure)
{
	const struct helper_request request = {.type = HELPER_ITERATE};
	const int fds[ITERATE_FD_COUNT] = {
		[ITERATE_FD_LINK] = link,
		[ITERATE_FD_SPACE] = space,
	};

	return ask_for(helper, &request, fds, ITERATE_FD_COUNT,
		       "a socket iterator in another network namespace", failure);
}
