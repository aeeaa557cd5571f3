/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

enum { LINE_MAX_BYTES = 1 << 20 };

struct http {
	struct loop *loop;
	CURLM *multi;
	struct timer timer;
	struct http_transfer *first; /* all that are under way */
	/* Callbacks run when curl has returned: it must not be entered again from its own. */
	bool delivering;
};

struct http_transfer {
	struct http *http;
	struct http_transfer *previous, *next;
	CURL *easy;
	struct curl_slist *headers;
	struct timer timeout;
	struct http_request request; /* pointers to the caller's strings are not used later */
	char *body;
	size_t length, size;
	uint64_t started_at, bytes;
	char error[CURL_ERROR_SIZE];
};

static void deliver(struct http *http);

static void unlink_transfer(struct http_transfer *transfer)
{
	if (transfer->previous)
		transfer->previous->next = transfer->next;
	else
		transfer->http->first = transfer->next;
	if (transfer->next)
		transfer->next->previous = transfer->previous;
}

void http_cancel(struct http_transfer *transfer)
{
	if (!transfer)
		return;
	loop_timer_cancel(transfer->http->loop, &transfer->timeout);
	unlink_transfer(transfer);
	curl_multi_remove_handle(transfer->http->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	free(transfer->body);
	free(transfer);
}

/* Which errno means what; connect gives one, and so does a broken connection. */
static enum attempt_class class_of_error(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return CLASS_REFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return CLASS_UNREACHABLE;
	case EACCES:
	case EPERM:
		return CLASS_DENIED;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return CLASS_RESET;
	case ETIMEDOUT:
		return CLASS_TIMEOUT;
	default:
		return CLASS_PROTOCOL;
	}
}

static enum attempt_class class_of_code(CURLcode code, int error)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return CLASS_DNS;
	case CURLE_OPERATION_TIMEDOUT:
		return CLASS_TIMEOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return error ? class_of_error(error) : CLASS_CLOSED;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
		return class_of_error(error) == CLASS_RESET ? CLASS_RESET : CLASS_TLS;
	default:
		return class_of_error(error);
	}
}

static enum attempt_class class_of_status(const struct http_request *request, int status)
{
	if (status >= request->expect_first && status <= request->expect_last)
		return CLASS_OK;
	if (status >= 500)
		return CLASS_HTTP_5XX;
	return status >= 400 ? CLASS_HTTP_4XX : CLASS_HTTP_STATUS;
}

static void collect(const struct http_transfer *transfer, CURLcode code,
		    struct http_result *ret_result)
{
	long status = 0, error = 0, connections = 0, sent = 0;
	curl_off_t connect_us = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &error);
	curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connections);
	curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
	curl_easy_getinfo(transfer->easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	if (code == CURLE_OK)
		error = 0; /* curl leaves what an earlier address of the host met */
	*ret_result = (struct http_result){
		.class = code == CURLE_OK ? class_of_status(&transfer->request, (int)status)
					  : class_of_code(code, (int)error),
		.status = (int)status,
		.error = (int)error,
		.library = (int)code,
		.started_at = transfer->started_at,
		.ended_at = clock_boottime_ns(),
		.connect_ns = connections > 0 ? (uint64_t)connect_us * NS_PER_US : 0,
		.kept = connections == 0 && sent > 0,
		.bytes = transfer->bytes,
		.body = transfer->body ? transfer->body : "",
		.body_length = transfer->length,
		.text = transfer->error[0] ? transfer->error : curl_easy_strerror(code),
	};
}

/* Hands the result over, after the transfer has left every list. */
static void finish(struct http_transfer *transfer, const struct http_result *result)
{
	void (*done)(void *, const struct http_result *) = transfer->request.done;
	void *data = transfer->request.data;
	_cleanup_free_ char *body = TAKE_PTR(transfer->body);
	char text[CURL_ERROR_SIZE];
	struct http_result copy = *result;

	snprintf(text, sizeof(text), "%s", result->text);
	copy.text = text;
	http_cancel(transfer);
	done(data, &copy);
}

static void expire(void *data, uint64_t now)
{
	struct http_transfer *transfer = data;
	struct http_result result;

	(void)now;
	collect(transfer, CURLE_OPERATION_TIMEDOUT, &result);
	result.error = 0;
	result.text = "timed out";
	finish(transfer, &result);
}

/* Passes on the whole lines that have arrived. False when a callback cancelled a transfer or
 * started one, so that the caller's walk over the list must begin again. */
static bool deliver_line(struct http_transfer *transfer)
{
	char *end = transfer->length ? memchr(transfer->body, '\n', transfer->length) : NULL;
	_cleanup_free_ char *line = NULL;
	size_t length;

	if (!end)
		return false;
	length = (size_t)(end - transfer->body);
	line = strndup(transfer->body, length);
	transfer->length -= length + 1;
	memmove(transfer->body, end + 1, transfer->length);
	if (line)
		transfer->request.line(transfer->request.data, line);
	return true;
}

static bool deliver_lines(struct http *http)
{
	for (struct http_transfer *transfer = http->first; transfer; transfer = transfer->next)
		if (transfer->request.line && deliver_line(transfer))
			return true;
	return false;
}

static bool deliver_end(struct http *http)
{
	struct http_transfer *transfer = NULL;
	struct http_result result;
	CURLMsg *message;
	int left;

	do {
		message = curl_multi_info_read(http->multi, &left);
	} while (message && message->msg != CURLMSG_DONE);
	if (!message)
		return false;
	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
	collect(transfer, message->data.result, &result);
	finish(transfer, &result);
	return true;
}

static void deliver(struct http *http)
{
	if (http->delivering)
		return;
	http->delivering = true;
	/* Lines first: the end of a stream comes after its last line. */
	while (deliver_lines(http) || deliver_end(http))
		;
	http->delivering = false;
}

static void act(struct http *http, curl_socket_t fd, int mask)
{
	int running;

	curl_multi_socket_action(http->multi, fd, mask, &running);
	deliver(http);
}

struct socket_watch {
	struct http *http;
	curl_socket_t fd;
};

static void on_socket(void *data, uint32_t events)
{
	struct socket_watch *watch = data;
	int mask = 0;

	if (events & (EPOLLIN | EPOLLHUP))
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		mask |= CURL_CSELECT_ERR;
	act(watch->http, watch->fd, mask);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *watched)
{
	struct http *http = data;
	struct socket_watch *watch = watched;
	uint32_t events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		loop_forget(http->loop, fd);
		curl_multi_assign(http->multi, fd, NULL);
		free(watch);
		return 0;
	}
	if (!watch) {
		watch = malloc(sizeof(*watch));
		if (!watch)
			return -1;
		*watch = (struct socket_watch){.http = http, .fd = fd};
		curl_multi_assign(http->multi, fd, watch);
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	return loop_watch(http->loop, fd, events, on_socket, watch) < 0 ? -1 : 0;
}

static void on_timer(void *data, uint64_t now)
{
	(void)now;
	act(data, CURL_SOCKET_TIMEOUT, 0);
}

static int watch_timer(CURLM *multi, long timeout_ms, void *data)
{
	struct http *http = data;

	(void)multi;
	if (timeout_ms < 0) {
		loop_timer_cancel(http->loop, &http->timer);
		return 0;
	}
	return loop_timer_set(http->loop, &http->timer,
			      clock_boottime_ns() + (uint64_t)timeout_ms * NS_PER_MS) < 0
		       ? -1
		       : 0;
}

/* Keeps what is asked for; a stream keeps what is not yet a whole line. */
static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct http_transfer *transfer = data;
	size_t length = size * count, keep = length, limit = transfer->request.keep;

	transfer->bytes += length;
	if (transfer->request.line)
		limit = LINE_MAX_BYTES;
	if (keep > limit - transfer->length)
		keep = limit - transfer->length;
	if (transfer->request.line && keep < length)
		return 0; /* a line without an end: give the stream up */
	if (transfer->length + keep + 1 > transfer->size) {
		size_t larger = 2 * (transfer->length + keep + 1);
		char *grown = realloc(transfer->body, larger);

		if (!grown)
			return 0;
		transfer->body = grown;
		transfer->size = larger;
	}
	memcpy(transfer->body + transfer->length, bytes, keep);
	transfer->length += keep;
	transfer->body[transfer->length] = '\0';
	return length;
}

int http_new(struct loop *loop, struct http **ret_http)
{
	struct http *http;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->loop = loop;
	http->timer = (struct timer){.alarm = on_timer, .data = http};
	http->multi = curl_multi_init();
	if (!http->multi) {
		free(http);
		return -ENOMEM;
	}
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	*ret_http = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->first)
		http_cancel(http->first);
	curl_multi_cleanup(http->multi);
	loop_timer_cancel(http->loop, &http->timer);
	free(http);
	curl_global_cleanup();
}

static int add_headers(struct http_transfer *transfer, const struct strings *headers)
{
	/* No pause for a "100 Continue" that a faulted server would never send. */
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	transfer->headers = list;
	for (size_t i = 0; list && headers && i < headers->count; i++)
		list = curl_slist_append(transfer->headers, headers->items[i]);
	return list ? 0 : -ENOMEM;
}

/* The bundle that curl's own tool and OpenSSL's would take from the environment. */
static const char *trusted_bundle(void)
{
	const char *path = getenv("CURL_CA_BUNDLE");

	return path && *path ? path : getenv("SSL_CERT_FILE");
}

static void set_method(CURL *easy, const struct http_request *request)
{
	if (strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)strlen(request->body));
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
	} else if (strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "");
	}
	if (strcmp(request->method, "GET") != 0 || request->body)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_options(struct http_transfer *transfer, const struct http_request *request)
{
	const char *bundle = trusted_bundle();
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "faultctl/" FAULTD_VERSION);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* Without it a cancelled transfer would wait for its resolver thread, and the loop with
	 * it: a fault that drops DNS holds such a thread for many seconds. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	/* A resolver cache would hide DNS faults from a cold probe. */
	if (request->cold)
		curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->cold ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request->cold ? 1L : 0L);
	if (bundle && *bundle)
		curl_easy_setopt(easy, CURLOPT_CAINFO, bundle);
	if (request->unix_socket) {
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	}
	set_method(easy, request);
}

int http_start(struct http *http, const struct http_request *request,
	       struct http_transfer **ret_transfer)
{
	struct http_transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer)
		return -ENOMEM;
	transfer->easy = curl_easy_init();
	if (!transfer->easy || add_headers(transfer, request->headers) < 0)
		goto failed;
	transfer->http = http;
	transfer->request = *request;
	transfer->timeout = (struct timer){.alarm = expire, .data = transfer};
	set_options(transfer, request);
	transfer->started_at = clock_boottime_ns();
	if (request->timeout_ns && loop_timer_set(http->loop, &transfer->timeout,
						  transfer->started_at + request->timeout_ns) < 0)
		goto failed;
	if (curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
		loop_timer_cancel(http->loop, &transfer->timeout);
		goto failed;
	}
	transfer->next = http->first;
	if (http->first)
		http->first->previous = transfer;
	http->first = transfer;
	*ret_transfer = transfer;
	return 0;
failed:
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	free(transfer);
	return -ENOMEM;
}

const char *http_library(void)
{
	return curl_version();
}
