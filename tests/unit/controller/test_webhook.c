/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/base/clock.h"
#include "user/controller/webhook.h"

/* A request that is sent in pieces, and what came of it. */
struct exchange {
	struct loop *loop;
	int fd;
	const char *pieces[4];
	size_t sent;
	struct timer next, limit;
	char reply[256];
	size_t length;
	char body[64];
	int alerts;
	uint64_t at;
};

static void on_alert(void *data, const char *body, size_t length, uint64_t at)
{
	struct exchange *exchange = data;

	assert_int_equal(strlen(body), length);
	snprintf(exchange->body, sizeof(exchange->body), "%s", body);
	exchange->alerts++;
	exchange->at = at;
}

static void on_reply(void *data, uint32_t events)
{
	struct exchange *exchange = data;
	ssize_t count = read(exchange->fd, exchange->reply + exchange->length,
			     sizeof(exchange->reply) - 1 - exchange->length);

	(void)events;
	if (count > 0)
		exchange->length += (size_t)count;
	else
		loop_stop(exchange->loop);
}

static void on_next(void *data, uint64_t now)
{
	struct exchange *exchange = data;
	const char *piece = exchange->pieces[exchange->sent];

	if (!piece)
		return;
	assert_int_equal(write(exchange->fd, piece, strlen(piece)), strlen(piece));
	exchange->sent++;
	loop_timer_set(exchange->loop, &exchange->next, now + NS_PER_MS);
}

static void on_limit(void *data, uint64_t now)
{
	struct exchange *exchange = data;

	(void)now;
	loop_stop(exchange->loop);
}

static uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Sends the pieces; the webhook's answer is in exchange->reply. */
static void talk(struct exchange *exchange)
{
	struct failure failure = {0};
	struct webhook *webhook;
	uint16_t port = free_port();
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/alert", port);
	assert_int_equal(loop_new(&exchange->loop), 0);
	assert_int_equal(webhook_new(exchange->loop, url, on_alert, exchange, &webhook, &failure),
			 0);
	exchange->fd = connect_to(port);
	exchange->next = (struct timer){.alarm = on_next, .data = exchange};
	exchange->limit = (struct timer){.alarm = on_limit, .data = exchange};
	loop_watch(exchange->loop, exchange->fd, EPOLLIN, on_reply, exchange);
	loop_timer_set(exchange->loop, &exchange->next, clock_boottime_ns());
	loop_timer_set(exchange->loop, &exchange->limit, clock_boottime_ns() + 20 * NS_PER_S);
	assert_int_equal(loop_run(exchange->loop), 0);
	loop_forget(exchange->loop, exchange->fd);
	close(exchange->fd);
	webhook_free(webhook);
	loop_free(exchange->loop);
}

static void check_exchange(const char *first, const char *second, const char *status, int alerts)
{
	struct exchange exchange = {.pieces = {first, second}};
	char expected[64];

	talk(&exchange);
	snprintf(expected, sizeof(expected), "HTTP/1.1 %s\r\n", status);
	assert_memory_equal(exchange.reply, expected, strlen(expected));
	assert_int_equal(exchange.alerts, alerts);
}

static void test_alert(void **state)
{
	struct exchange exchange = {
		.pieces = {"POST /alert HTTP/1.1\r\nHost: x\r\ncontent-length: 12\r\n",
			   "\r\n{\"a\":", "\"\r\n\r\n\"}"}};
	uint64_t before = clock_boottime_ns();

	(void)state;
	talk(&exchange);
	assert_int_equal(exchange.alerts, 1);
	assert_string_equal(exchange.body, "{\"a\":\"\r\n\r\n\"}");
	assert_true(exchange.at > before && exchange.at < clock_boottime_ns());
	assert_string_equal(exchange.reply, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n"
					    "Connection: close\r\n\r\n");
}

static void test_others(void **state)
{
	(void)state;
	check_exchange("PUT /alert?x=1 HTTP/1.1\r\n\r\n", NULL, "204 No Content", 1);
	check_exchange("GET /alert HTTP/1.1\r\n\r\n", NULL, "405 Method Not Allowed", 0);
	check_exchange("POST /alerts HTTP/1.1\r\n\r\n", NULL, "404 Not Found", 0);
	check_exchange("POST /alert HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", NULL,
		       "413 Content Too Large", 0);
	check_exchange("POST /alert HTTP/1.1\r\nContent-Length: +5\r\n\r\n", NULL,
		       "413 Content Too Large", 0);
	check_exchange("nonsense\r\n\r\n", NULL, "400 Bad Request", 0);
}

/* A head without an end is not kept for ever. */
static void test_endless_head(void **state)
{
	static char head[WEBHOOK_REQUEST_MAX + 1];
	struct exchange exchange = {.pieces = {head}};

	(void)state;
	memset(head, 'a', WEBHOOK_REQUEST_MAX);
	talk(&exchange);
	assert_memory_equal(exchange.reply, "HTTP/1.1 413 ", 13);
	assert_int_equal(exchange.alerts, 0);
}

static void test_refusals(void **state)
{
	struct failure failure = {0};
	struct webhook *webhook;
	struct loop *loop;
	uint16_t port = free_port();
	char url[64], expected[128];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons(port)};

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/a", port);
	assert_int_equal(webhook_new(loop, url, on_alert, NULL, &webhook, &failure), -EADDRINUSE);
	snprintf(expected, sizeof(expected), "cannot listen at %s: Address already in use", url);
	assert_string_equal(failure.text, expected);
	close(fd);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_endless_head),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
