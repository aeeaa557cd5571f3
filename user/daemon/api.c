/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/api.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/daemon/api_state.h"
#include "user/daemon/sandbox.h"

static const struct {
	int error;
	unsigned int status;
	const char *code;
} engine_errors[] = {
	{EBUSY, 409, "busy"},	    {ECANCELED, 409, "halted"},	  {EACCES, 403, "denied"},
	{ENOENT, 404, "not-found"}, {ESRCH, 422, "unresolvable"}, {EINVAL, 400, "invalid"},
	{E2BIG, 400, "invalid"},    {ERANGE, 400, "invalid"},	  {EALREADY, 409, "busy"},
};

void api_reply(struct api_call *call, unsigned int status, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	call->response->status = status;
	call->response->body = text;
}

void api_error(struct api_call *call, unsigned int status, const char *code, const char *text)
{
	api_reply(call, status, json_pack("{s:s, s:s}", "error", text, "code", code));
}

void api_engine_error(struct api_call *call, int r, const struct failure *failure)
{
	for (size_t i = 0; i < ARRAY_SIZE(engine_errors); i++)
		if (engine_errors[i].error == -r) {
			api_error(call, engine_errors[i].status, engine_errors[i].code,
				  failure->text);
			return;
		}
	log_error("%s", failure->text);
	api_error(call, 500, "failed", failure->text);
}

int api_ask(struct api *api, enum engine_request_type type, struct engine_reply *ret_reply,
	    struct failure *failure)
{
	struct engine_request request = {.type = type};

	return channel_call(api->channel, &request, ret_reply, failure);
}

/* Which of them need the run of the path, and who may ask. */
enum access {
	ACCESS_ALL,   /* whoever can open the socket */
	ACCESS_USERS, /* whom the policy lets run experiments */
	ACCESS_OWNER, /* of those, the run's own user and root */
};

static const struct {
	const char *method;
	const char *front, *back; /* the path, with the run's id in between when `back` is given */
	enum access access;
	void (*handle)(struct api_call *call);
} routes[] = {
	{"GET", "/v1/status", NULL, ACCESS_ALL, api_get_status},
	{"GET", "/metrics", NULL, ACCESS_ALL, api_get_metrics},
	{"POST", "/v1/runs", NULL, ACCESS_USERS, api_post_run},
	{"POST", "/v1/runs/", "/inject", ACCESS_OWNER, api_post_inject},
	{"POST", "/v1/runs/", "/lift", ACCESS_USERS, api_post_lift},
	{"POST", "/v1/runs/", "/renew", ACCESS_OWNER, api_post_renew},
	{"GET", "/v1/runs/", "/counters", ACCESS_ALL, api_get_counters},
	{"GET", "/v1/runs/", "/series", ACCESS_ALL, api_get_series},
	{"GET", "/v1/runs/", "/shadow", ACCESS_OWNER, api_get_shadow},
	{"DELETE", "/v1/runs/", "", ACCESS_USERS, api_delete_run},
	{"GET", "/v1/events", NULL, ACCESS_ALL, api_get_events},
	{"POST", "/v1/halt", NULL, ACCESS_USERS, api_post_halt},
	{"POST", "/v1/release", NULL, ACCESS_USERS, api_post_release},
};

/* Whether `path` is the route's; copies the run's id. */
static bool path_matches(size_t route, const char *path, char ret_id[RUN_ID_SIZE])
{
	const char *front = routes[route].front, *back = routes[route].back;
	size_t length = strlen(front);

	ret_id[0] = '\0';
	if (!back)
		return !strcmp(path, front);
	if (strncmp(path, front, length) || strcspn(path + length, "/") != RUN_ID_SIZE - 1 ||
	    strcmp(path + length + RUN_ID_SIZE - 1, back))
		return false;
	memcpy(ret_id, path + length, RUN_ID_SIZE - 1);
	ret_id[RUN_ID_SIZE - 1] = '\0';
	return true;
}

static int read_peer(int fd, struct policy_peer *ret_peer, struct failure *failure)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
		return fail(failure, -errno, "who asks is not known: %s", strerror(errno));
	ret_peer->uid = credentials.uid;
	size = sizeof(ret_peer->groups) - sizeof(gid_t);
	/* Without SO_PEERGROUPS (before Linux 4.13) or with too many, the primary group counts. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ret_peer->groups, &size))
		size = 0;
	ret_peer->groups_count = size / sizeof(gid_t);
	ret_peer->groups[ret_peer->groups_count++] = credentials.gid;
	return 0;
}

static struct run *find_run(struct api *api, const char *id)
{
	struct run *found = NULL;

	pthread_mutex_lock(&api->lock);
	if (api->run && !strcmp(run_id(api->run), id))
		found = run_ref(api->run);
	pthread_mutex_unlock(&api->lock);
	return found;
}

/* Whether the caller may; answers the call when not. */
static bool may(struct api_call *call, enum access access)
{
	const struct policy *policy = call->api->settings->policy;
	struct failure failure = {};
	char text[128];

	if (access == ACCESS_ALL)
		return true;
	if (policy_check_peer(policy, &call->peer, &failure)) {
		log_warning("%s %s: %s", call->request->method, call->request->path, failure.text);
		api_error(call, 403, "denied", failure.text);
		return false;
	}
	if (access == ACCESS_OWNER && call->peer.uid && call->peer.uid != run_uid(call->run)) {
		snprintf(text, sizeof(text), "the run belongs to user %u", run_uid(call->run));
		api_error(call, 403, "denied", text);
		return false;
	}
	return true;
}

static void dispatch(struct api_call *call, size_t route)
{
	struct failure failure = {};

	if (read_peer(call->request->fd, &call->peer, &failure)) {
		api_error(call, 403, "denied", failure.text);
		return;
	}
	if (*call->id) {
		call->run = find_run(call->api, call->id);
		if (!call->run) {
			api_error(call, 404, "not-found", "no such run");
			return;
		}
	}
	if (may(call, routes[route].access))
		routes[route].handle(call);
	run_unref(call->run);
}

static void on_request(void *context, const struct http_request *request,
		       struct http_response *response)
{
	struct api_call call = {.api = context, .request = request, .response = response};
	char id[RUN_ID_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(request->method, routes[i].method) ||
		    !path_matches(i, request->path, id))
			continue;
		call.id = id;
		dispatch(&call, i);
		return;
	}
	api_error(&call, 404, "not-found", "no such request");
}

/* Runs on the thread that reads the channel. */
static void on_event(void *context, const struct engine_event *event)
{
	struct api *api = context;
	struct run *run;

	pthread_mutex_lock(&api->lock);
	run = api->run ? run_ref(api->run) : NULL;
	pthread_mutex_unlock(&api->lock);
	if (!run)
		return;
	run_add_event(run, event);
	run_unref(run);
}

static void read_boot_id(char buffer[40])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, buffer, 39);

	buffer[size > 0 ? size : 0] = '\0';
	buffer[strcspn(buffer, "\n")] = '\0';
}

int api_serve(const struct api_settings *settings, struct failure *failure)
{
	static struct api api = {.lock = PTHREAD_MUTEX_INITIALIZER};
	const struct timespec last_words = {.tv_nsec = 200 * NS_PER_MS};
	int r;

	api.settings = settings;
	/* A resolver that hangs keeps its thread only this long. */
	setenv("RES_OPTIONS", "timeout:2 attempts:2", 1);
	r = sandbox_enter(failure);
	if (r)
		return r;
	read_boot_id(api.boot_id);
	r = channel_new(settings->channel, on_event, &api, &api.channel);
	if (r)
		return fail(failure, r, "out of memory");
	r = http_serve(settings->listener, on_request, &api, failure);
	if (r)
		return r;
	channel_read(api.channel);
	/* The last events are on their way to whoever streams them. */
	clock_nanosleep(CLOCK_MONOTONIC, 0, &last_words, NULL);
	return fail(failure, -EPIPE, "the engine is gone");
}
