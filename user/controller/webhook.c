/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/webhook.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/base/url.h"

/* A sender that takes longer is let go. */
#define PATIENCE_NS (5 * NS_PER_S)

struct connection {
	struct webhook *webhook;
	int fd; /* -1: free */
	struct timer patience;
	char *request;
	size_t length;
};

struct webhook {
	struct loop *loop;
	int fd;
	char path[256];
	void (*alert)(void *data, const char *body, size_t length, uint64_t at);
	void *data;
	struct connection connections[WEBHOOK_CONNECTIONS_MAX];
};

static void connection_end(struct connection *connection)
{
	if (connection->fd < 0)
		return;
	loop_timer_cancel(connection->webhook->loop, &connection->patience);
	loop_forget(connection->webhook->loop, connection->fd);
	close(connection->fd);
	free(connection->request);
	connection->fd = -1;
	connection->request = NULL;
}

static void on_impatience(void *data, uint64_t now)
{
	(void)now;
	connection_end(data);
}

static void answer(struct connection *connection, const char *status)
{
	char text[128];
	int length =
		snprintf(text, sizeof(text),
			 "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);

	/* A socket that was just opened has room for it; a sender that is gone needs none. */
	send(connection->fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	connection_end(connection);
}

/* Value of the Content-Length of a head that ends with an empty line. 0 or -EINVAL. */
static int body_length(const char *head, size_t *ret_length)
{
	static const char name[] = "\r\nContent-Length:";
	const char *found = strcasestr(head, name), *end;
	char digits[24];
	uint64_t value;
	size_t length;

	*ret_length = 0;
	if (!found)
		return 0;
	found += sizeof(name) - 1;
	found += strspn(found, " \t");
	end = strstr(found, "\r\n");
	length = end ? (size_t)(end - found) : 0;
	if (length == 0 || length >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, found, length);
	digits[length] = '\0';
	if (number_parse_u64(digits, 0, WEBHOOK_REQUEST_MAX, &value) < 0)
		return -EINVAL;
	*ret_length = (size_t)value;
	return 0;
}

/* Takes a request that is whole. `body` lies behind the head in the same buffer; what follows it
 * is nothing that was waited for. */
static void take_request(struct connection *connection, char *body, size_t length)
{
	struct webhook *webhook = connection->webhook;
	const char *request = connection->request, *target = strchr(request, ' ');
	size_t method = target ? (size_t)(target - request) : 0, path;

	body[length] = '\0';
	if (!target) {
		answer(connection, "400 Bad Request");
		return;
	}
	path = strcspn(++target, " ?\r\n");
	if (path != strlen(webhook->path) || strncmp(target, webhook->path, path) != 0) {
		answer(connection, "404 Not Found");
	} else if ((method != 4 || strncmp(request, "POST", 4) != 0) &&
		   (method != 3 || strncmp(request, "PUT", 3) != 0)) {
		answer(connection, "405 Method Not Allowed");
	} else {
		webhook->alert(webhook->data, body, length, clock_boottime_ns());
		answer(connection, "204 No Content");
	}
}

static void on_readable(void *data, uint32_t events)
{
	struct connection *connection = data;
	char *end;
	size_t head, body;
	ssize_t count;

	(void)events;
	count = recv(connection->fd, connection->request + connection->length,
		     WEBHOOK_REQUEST_MAX - connection->length, MSG_DONTWAIT);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		connection_end(connection);
		return;
	}
	connection->length += (size_t)count;
	connection->request[connection->length] = '\0';
	end = strstr(connection->request, "\r\n\r\n");
	if (!end) {
		if (connection->length >= WEBHOOK_REQUEST_MAX)
			answer(connection, "413 Content Too Large");
		return;
	}
	head = (size_t)(end - connection->request) + 4;
	/* The body must not be searched for header fields. */
	end[2] = '\0';
	if (body_length(connection->request, &body) < 0 || body > WEBHOOK_REQUEST_MAX - head)
		answer(connection, "413 Content Too Large");
	else if (connection->length >= head + body)
		take_request(connection, connection->request + head, body);
	else
		end[2] = '\r';
}

static void on_connection(void *data, uint32_t events)
{
	struct webhook *webhook = data;
	struct connection *connection = NULL;
	int fd = accept4(webhook->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	for (size_t i = 0; i < WEBHOOK_CONNECTIONS_MAX && !connection; i++)
		if (webhook->connections[i].fd < 0)
			connection = &webhook->connections[i];
	if (!connection) {
		close(fd);
		return;
	}
	connection->fd = fd;
	connection->length = 0;
	connection->request = malloc(WEBHOOK_REQUEST_MAX + 1);
	if (!connection->request ||
	    loop_watch(webhook->loop, fd, EPOLLIN, on_readable, connection) < 0 ||
	    loop_timer_set(webhook->loop, &connection->patience,
			   clock_boottime_ns() + PATIENCE_NS) < 0)
		connection_end(connection);
}

static int listen_at(const struct url *url)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(url->port)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(url->port)};
	bool is_four = inet_pton(AF_INET, url->host, &four.sin_addr) == 1;
	_cleanup_close_ int fd = -1;
	int yes = 1;

	if (!is_four && inet_pton(AF_INET6, url->host, &six.sin6_addr) != 1)
		return -EINVAL;
	fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(fd, is_four ? (struct sockaddr *)&four : (struct sockaddr *)&six,
		 is_four ? sizeof(four) : sizeof(six)) < 0 ||
	    listen(fd, WEBHOOK_CONNECTIONS_MAX) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int webhook_new(struct loop *loop, const char *url,
		void (*alert)(void *data, const char *body, size_t length, uint64_t at), void *data,
		struct webhook **ret_webhook, struct failure *failure)
{
	_cleanup_free_ struct webhook *webhook = calloc(1, sizeof(*webhook));
	const char *authority = strstr(url, "://");
	const char *path = authority ? strchr(authority + 3, '/') : NULL;
	struct url parts;
	int r;

	if (!webhook)
		return fail(failure, -ENOMEM, "out of memory");
	if (!path || url_parse(url, &parts) < 0 || strlen(path) >= sizeof(webhook->path))
		return fail(failure, -EINVAL, "%s is nothing to listen on", url);
	webhook->loop = loop;
	webhook->alert = alert;
	webhook->data = data;
	memcpy(webhook->path, path, strlen(path) + 1);
	for (size_t i = 0; i < WEBHOOK_CONNECTIONS_MAX; i++)
		webhook->connections[i] = (struct connection){
			.webhook = webhook,
			.fd = -1,
			.patience = {.alarm = on_impatience, .data = &webhook->connections[i]},
		};
	webhook->fd = listen_at(&parts);
	if (webhook->fd < 0)
		return fail(failure, webhook->fd, "cannot listen at %s: %s", url,
			    strerror(-webhook->fd));
	r = loop_watch(loop, webhook->fd, EPOLLIN, on_connection, webhook);
	if (r < 0) {
		close(webhook->fd);
		return fail(failure, r, "cannot listen at %s: %s", url, strerror(-r));
	}
	*ret_webhook = TAKE_PTR(webhook);
	return 0;
}

void webhook_free(struct webhook *webhook)
{
	if (!webhook)
		return;
	for (size_t i = 0; i < WEBHOOK_CONNECTIONS_MAX; i++)
		connection_end(&webhook->connections[i]);
	loop_forget(webhook->loop, webhook->fd);
	close(webhook->fd);
	free(webhook);
}
