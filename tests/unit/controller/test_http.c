/* SPDX-License-Identifier: Apache-2.0 */
/* How transfers end, against a server on loopback that does what its port stands for. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/http.h"

static struct loop *loop;
static struct http *http;
static struct http_result seen;
static char seen_body[64], lines[256];

static int listen_on(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* What the server does with the first bytes of a connection. NULL: nothing, ever. */
enum { ANSWER, RESET, HANG };

static void serve(int fd, int how, const char *answer)
{
	struct linger abort_close = {.l_onoff = 1};
	char bytes[4096];

	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0 || read(peer, bytes, sizeof(bytes)) < 0)
			_exit(1);
		if (how == HANG)
			continue;
		if (how == RESET)
			setsockopt(peer, SOL_SOCKET, SO_LINGER, &abort_close, sizeof(abort_close));
		else if (write(peer, answer, strlen(answer)) < 0)
			_exit(1);
		close(peer);
	}
}

static pid_t start_server(int how, const char *answer, uint16_t *ret_port)
{
	int fd = listen_on(ret_port);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* A failed assertion must not leave it behind. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, how, answer);
	}
	close(fd);
	return pid;
}

static void stop_server(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void on_done(void *data, const struct http_result *result)
{
	(void)data;
	seen = *result;
	snprintf(seen_body, sizeof(seen_body), "%s", result->body);
	loop_stop(loop);
}

static void on_line(void *data, const char *line)
{
	size_t used = strlen(lines);

	(void)data;
	snprintf(lines + used, sizeof(lines) - used, "[%s]", line);
}

static void get(const char *scheme, uint16_t port, bool stream)
{
	struct http_transfer *transfer;
	char url[64];
	struct http_request request = {
		.method = "GET",
		.url = url,
		.timeout_ns = 300 * NS_PER_MS,
		.expect_first = 200,
		.expect_last = 299,
		.cold = true,
		.keep = 5,
		.done = on_done,
		.line = stream ? on_line : NULL,
	};

	snprintf(url, sizeof(url), "%s://127.0.0.1:%u/", scheme, port);
	assert_int_equal(http_start(http, &request, &transfer), 0);
	assert_int_equal(loop_run(loop), 0);
}

static void test_classes(void **state)
{
	static const struct {
		const char *scheme;
		int how;
		const char *answer;
		enum attempt_class class;
		int status, error;
	} cases[] = {
		{"http", ANSWER, "HTTP/1.1 204 X\r\n\r\n", CLASS_OK, 204, 0},
		{"http", ANSWER, "HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
		 CLASS_HTTP_STATUS, 302, 0},
		{"http", ANSWER, "HTTP/1.1 429 X\r\nContent-Length: 0\r\n\r\n", CLASS_HTTP_4XX, 429,
		 0},
		{"http", ANSWER, "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", CLASS_HTTP_5XX, 503,
		 0},
		{"http", ANSWER, "", CLASS_CLOSED, 0, 0},
		{"http", ANSWER, "HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nhalf", CLASS_CLOSED,
		 200, 0},
		{"http", ANSWER, "220 smtp.example\r\n", CLASS_PROTOCOL, 0, 0},
		{"http", RESET, NULL, CLASS_RESET, 0, ECONNRESET},
		{"http", HANG, NULL, CLASS_TIMEOUT, 0, 0},
		{"https", ANSWER, "HTTP/1.1 400 X\r\n\r\n", CLASS_TLS, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint16_t port;
		pid_t pid = start_server(cases[i].how, cases[i].answer, &port);

		get(cases[i].scheme, port, false);
		stop_server(pid);
		assert_string_equal(attempt_class_name(seen.class),
				    attempt_class_name(cases[i].class));
		assert_int_equal(seen.status, cases[i].status);
		assert_int_equal(seen.error, cases[i].error);
		assert_true(seen.ended_at > seen.started_at);
	}
}

static void test_refused(void **state)
{
	uint16_t port;
	int fd = listen_on(&port);

	(void)state;
	close(fd);
	get("http", port, false);
	assert_int_equal(seen.class, CLASS_REFUSED);
	assert_int_equal(seen.error, ECONNREFUSED);
	assert_int_equal(seen.connect_ns, 0);
}

static void test_timeout_is_kept(void **state)
{
	uint16_t port;
	pid_t pid = start_server(HANG, NULL, &port);

	(void)state;
	get("http", port, false);
	stop_server(pid);
	assert_in_range(seen.ended_at - seen.started_at, 300 * NS_PER_MS, 400 * NS_PER_MS);
}

static void test_body_is_bounded(void **state)
{
	uint16_t port;
	pid_t pid =
		start_server(ANSWER, "HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n123456789", &port);

	(void)state;
	get("http", port, false);
	stop_server(pid);
	assert_int_equal(seen.class, CLASS_OK);
	assert_int_equal(seen.bytes, 9);
	assert_int_equal(seen.body_length, 5);
	assert_string_equal(seen_body, "12345");
	assert_true(seen.connect_ns > 0);
}

/* Whole lines as they come; what has no end when the stream ends is no line. */
static void test_lines(void **state)
{
	uint16_t port;
	pid_t pid = start_server(ANSWER, "HTTP/1.1 200 X\r\n\r\none\n\nthree\nfo", &port);

	(void)state;
	lines[0] = '\0';
	get("http", port, true);
	stop_server(pid);
	assert_string_equal(lines, "[one][][three]");
	assert_int_equal(seen.class, CLASS_OK);
}

static int set_up(void **state)
{
	(void)state;
	/* A proxy of the environment would answer in the server's place. */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	if (loop_new(&loop) < 0)
		return -1;
	return http_new(loop, &http);
}

static int tear_down(void **state)
{
	(void)state;
	http_free(http);
	loop_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_timeout_is_kept), cmocka_unit_test(test_body_is_bounded),
		cmocka_unit_test(test_lines),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
