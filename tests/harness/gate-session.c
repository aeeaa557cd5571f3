/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate-session --listen PORT --upstream PORT --key FILE --certificate FILE --trust FILE
 *              [--plain] [--name NAME] [--rule [--path P] [--status N] [--reason R] [--header H]...
 *              [--body FILE] [--expand] [--drip BYTES] [--delay MS] [--share PPM]
 *              [--show expired|untrusted|wrong-name]]...
 *
 * Puts user/gate/ between real clients and a real server on the loopback, without the kernel's
 * part: accepts, pumps sessions and connects to the server itself. Prints "ready" when it listens
 * and one line "EVENT COUNT" each on SIGTERM, then "most-bytes COUNT", its largest resident memory.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/file.h"
#include "user/base/number.h"
#include "user/gate/session.h"

enum { CONNECTIONS_MAX = 2048, RULES_MAX = 16, PIECE = 65536, FILE_MAX = 1 << 24 };

struct side {
	int fd;
	bool ended;	      /* nothing more comes */
	size_t start, length; /* of what waits to be sent */
	uint8_t waiting[PIECE];
};

struct connection {
	struct gate_session *session;
	struct side sides[GATE_SIDE_COUNT];
	bool connecting;
};

static struct {
	uint16_t listen, upstream;
	const char *key, *certificate, *trust, *name;
	bool plain;
	struct gate_rule rules[RULES_MAX];
	size_t rules_count;
	char headers[RULES_MAX][4096];
	const char *paths[RULES_MAX][8];
} setup;
static uint64_t counts[GATE_EVENT_COUNT];
static struct connection *connections[CONNECTIONS_MAX];
static struct gate_session_options options;
static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

__attribute__((noreturn)) static void die(const char *what, const char *why)
{
	fprintf(stderr, "gate-session: %s: %s\n", what, why);
	exit(2);
}

static void count(void *context, enum gate_event event, uint32_t rule)
{
	(void)context;
	(void)rule;
	counts[event]++;
}

static void set_timely(int fd)
{
	const int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void close_upstream(struct connection *connection)
{
	struct side *side = &connection->sides[GATE_UPSTREAM];

	if (side->fd >= 0)
		close(side->fd);
	*side = (struct side){.fd = -1};
	connection->connecting = false;
}

static void drop(size_t index, bool reset)
{
	struct connection *connection = connections[index];
	const struct linger at_once = {.l_onoff = 1};
	int fd = connection->sides[GATE_CLIENT].fd;

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	close_upstream(connection);
	gate_session_free(connection->session);
	free(connection);
	connections[index] = NULL;
}

static void open_upstream(struct connection *connection)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(setup.upstream),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
		       errno != EINPROGRESS)) {
		gate_session_upstream_failed(connection->session, -errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	set_timely(fd);
	connection->sides[GATE_UPSTREAM].fd = fd;
	connection->connecting = true;
}

static void finish_connect(struct connection *connection)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(connection->sides[GATE_UPSTREAM].fd, SOL_SOCKET, SO_ERROR, &error, &size);
	connection->connecting = false;
	if (!error) {
		gate_session_upstream_opened(connection->session);
		return;
	}
	close_upstream(connection);
	gate_session_upstream_failed(connection->session, -error);
}

/* Whether something came. */
static bool receive(struct connection *connection, enum gate_side which)
{
	struct side *side = &connection->sides[which];
	size_t room = gate_session_room(connection->session, which);
	uint8_t bytes[PIECE];
	ssize_t got;

	if (side->fd < 0 || side->ended || room == 0)
		return false;
	got = recv(side->fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes), MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got > 0) {
		gate_session_feed(connection->session, which, bytes, (size_t)got);
		return true;
	}
	side->ended = true;
	if (which == GATE_CLIENT)
		gate_session_client_closed(connection->session);
	else
		gate_session_upstream_closed(connection->session);
	return true;
}

/* Whether something went. */
static bool transmit(struct connection *connection, enum gate_side which)
{
	struct side *side = &connection->sides[which];
	ssize_t sent;

	if (side->fd < 0)
		return false;
	if (side->length == 0) {
		side->start = 0;
		side->length = gate_session_take(connection->session, which, side->waiting,
						 sizeof(side->waiting));
	}
	if (side->length == 0)
		return false;
	sent = send(side->fd, side->waiting + side->start, side->length,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (sent < 0)
		sent = (ssize_t)side->length; /* nobody reads it */
	side->start += (size_t)sent;
	side->length -= (size_t)sent;
	return true;
}

static void serve(size_t index)
{
	struct connection *connection = connections[index];
	unsigned int wants;
	bool moved;

	do {
		moved = receive(connection, GATE_CLIENT);
		if (!connection->connecting)
			moved = receive(connection, GATE_UPSTREAM) || moved;
		gate_session_run(connection->session, clock_boottime_ns());
		wants = gate_session_wants(connection->session);
		if ((wants & GATE_WANT_OPEN) && connection->sides[GATE_UPSTREAM].fd < 0) {
			open_upstream(connection);
			moved = true;
		}
		moved = transmit(connection, GATE_CLIENT) || moved;
		if (!connection->connecting)
			moved = transmit(connection, GATE_UPSTREAM) || moved;
		if (!moved && (wants & GATE_WANT_CLOSE_UPSTREAM)) {
			close_upstream(connection);
			gate_session_upstream_closed(connection->session);
			moved = true;
		} else if (!moved && connection->sides[GATE_UPSTREAM].ended) {
			close_upstream(connection);
			moved = true;
		}
	} while (moved);
	if ((wants & (GATE_WANT_CLOSE | GATE_WANT_RESET)) &&
	    connection->sides[GATE_CLIENT].length == 0)
		drop(index, wants & GATE_WANT_RESET);
}

static void take_client(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *connection;
	struct failure failure;
	size_t i = 0;

	if (fd < 0)
		return;
	set_timely(fd);
	while (i < CONNECTIONS_MAX && connections[i])
		i++;
	connection = calloc(1, sizeof(*connection));
	if (i == CONNECTIONS_MAX || !connection)
		die("accept", "too many connections");
	connection->sides[GATE_CLIENT].fd = fd;
	connection->sides[GATE_UPSTREAM].fd = -1;
	if (gate_session_new(&options, clock_boottime_ns(), &connection->session, &failure) < 0)
		die("session", failure.text);
	connections[i] = connection;
}

static short events_of(const struct connection *connection, enum gate_side which)
{
	const struct side *side = &connection->sides[which];
	short events = 0;

	if (which == GATE_UPSTREAM && connection->connecting)
		return POLLOUT;
	if (!side->ended && gate_session_room(connection->session, which) > 0)
		events |= POLLIN;
	if (side->length > 0)
		events |= POLLOUT;
	return events;
}

/* Milliseconds until some session is due; -1: none is. */
static int next_due(void)
{
	uint64_t now = clock_boottime_ns(), due = 0;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		uint64_t at = connections[i] ? gate_session_wake_at(connections[i]->session) : 0;

		if (at && (!due || at < due))
			due = at;
	}
	if (!due)
		return -1;
	return due <= now ? 0 : (int)((due - now) / NS_PER_MS + 1);
}

static void loop(int listener)
{
	static struct pollfd fds[1 + 2 * CONNECTIONS_MAX];
	static size_t owners[1 + 2 * CONNECTIONS_MAX];

	while (!stopped) {
		nfds_t used = 0;

		fds[used++] = (struct pollfd){.fd = listener, .events = POLLIN};
		for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
			for (int side = 0; connections[i] && side < GATE_SIDE_COUNT; side++) {
				owners[used] = i;
				fds[used++] = (struct pollfd){
					.fd = connections[i]->sides[side].fd,
					.events = events_of(connections[i], (enum gate_side)side)};
			}
		}
		if (poll(fds, used, next_due()) < 0)
			continue;
		for (nfds_t i = 1; i < used; i++) {
			struct connection *connection = connections[owners[i]];

			if (connection && connection->connecting && fds[i].revents &&
			    fds[i].fd == connection->sides[GATE_UPSTREAM].fd)
				finish_connect(connection);
		}
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			if (connections[i])
				serve(i);
		if (fds[0].revents)
			take_client(listener);
	}
}

static uint64_t number(const char *text, uint64_t high)
{
	uint64_t value;

	if (number_parse_u64(text, 0, high, &value) < 0)
		die(text, "no such number");
	return value;
}

static char *contents(const char *path, size_t *ret_length)
{
	char *text;
	int r = file_read(path, FILE_MAX, &text, ret_length);

	if (r < 0)
		die(path, strerror(-r));
	return text;
}

static enum gate_certificate certificate_kind(const char *text)
{
	static const char *const kinds[] = {"good", "expired", "untrusted", "wrong-name"};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i], text) == 0)
			return (enum gate_certificate)i;
	die(text, "no kind of certificate");
}

/* An option of the last rule. */
static void set_rule(int option, const char *text)
{
	size_t index = setup.rules_count - 1, used;
	struct gate_rule *rule = &setup.rules[index];

	if (setup.rules_count == 0)
		die("--rule", "missing");
	if (option == 'p' && rule->paths_count < 8) {
		rule->paths = setup.paths[index];
		setup.paths[index][rule->paths_count++] = text;
	} else if (option == 's') {
		rule->status = (uint16_t)number(text, 999);
	} else if (option == 'r') {
		rule->reason = text;
	} else if (option == 'h') {
		used = strlen(setup.headers[index]);
		snprintf(setup.headers[index] + used, sizeof(setup.headers[index]) - used, "%s\r\n",
			 text);
		rule->headers = setup.headers[index];
	} else if (option == 'b') {
		rule->body = contents(text, &rule->body_length);
	} else if (option == 'x') {
		rule->expand = true;
	} else if (option == 'd') {
		rule->drip_rate = number(text, UINT32_MAX);
	} else if (option == 'y') {
		rule->delay_ns = number(text, 60000) * NS_PER_MS;
	} else if (option == 'q') {
		rule->share = (uint32_t)number(text, 1000000);
	} else if (option == 'w') {
		rule->certificate = certificate_kind(text);
	}
}

static void set_option(int option, const char *text)
{
	if (option == 'L') {
		setup.listen = (uint16_t)number(text, UINT16_MAX);
	} else if (option == 'U') {
		setup.upstream = (uint16_t)number(text, UINT16_MAX);
	} else if (option == 'K') {
		setup.key = text;
	} else if (option == 'C') {
		setup.certificate = text;
	} else if (option == 'T') {
		setup.trust = text;
	} else if (option == 'N') {
		setup.name = text;
	} else if (option == 'P') {
		setup.plain = true;
	} else if (option == 'R' && setup.rules_count < RULES_MAX) {
		setup.rules[setup.rules_count].rule = (uint32_t)setup.rules_count;
		setup.rules[setup.rules_count++].share = 1000000;
	} else if (strchr("psrhbxdyqw", option)) {
		set_rule(option, text);
	} else {
		die("usage", "see the front of tests/harness/gate-session.c");
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option all[] = {
		{"listen", 1, NULL, 'L'}, {"upstream", 1, NULL, 'U'},
		{"key", 1, NULL, 'K'},	  {"certificate", 1, NULL, 'C'},
		{"trust", 1, NULL, 'T'},  {"name", 1, NULL, 'N'},
		{"plain", 0, NULL, 'P'},  {"rule", 0, NULL, 'R'},
		{"path", 1, NULL, 'p'},	  {"status", 1, NULL, 's'},
		{"reason", 1, NULL, 'r'}, {"header", 1, NULL, 'h'},
		{"body", 1, NULL, 'b'},	  {"expand", 0, NULL, 'x'},
		{"drip", 1, NULL, 'd'},	  {"delay", 1, NULL, 'y'},
		{"share", 1, NULL, 'q'},  {"show", 1, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", all, NULL)) != -1)
		set_option(option, optarg);
}

static void make_options(void)
{
	struct gate_authority *authority = NULL;
	struct gate_trust *trust = NULL;
	struct failure failure;
	size_t key_length, length;
	char *key, *text;

	options = (struct gate_session_options){.name = setup.name,
						.rules = setup.rules,
						.rules_count = setup.rules_count,
						.seed = 1,
						.host.count = count};
	if (setup.plain)
		return;
	if (!setup.key || !setup.certificate || !setup.trust)
		die("--key, --certificate, --trust", "missing");
	key = contents(setup.key, &key_length);
	text = contents(setup.certificate, &length);
	if (gate_authority_new(key, key_length, text, length, &authority, &failure) < 0)
		die(setup.key, failure.text);
	free(key);
	free(text);
	text = contents(setup.trust, &length);
	if (gate_trust_new(text, length, &trust, &failure) < 0)
		die(setup.trust, failure.text);
	free(text);
	options.authority = authority;
	options.trust = trust;
}

static int start_listening(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(setup.listen),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 512) < 0)
		die("listen", strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};
	struct rusage usage;
	int listener;

	read_options(argc, argv);
	make_options();
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	listener = start_listening();
	puts("ready");
	fflush(stdout);
	loop(listener);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (connections[i])
			drop(i, false);
	for (int i = 0; i < GATE_EVENT_COUNT; i++)
		printf("%s %llu\n", gate_event_name((enum gate_event)i),
		       (unsigned long long)counts[i]);
	getrusage(RUSAGE_SELF, &usage);
	printf("most-bytes %lld\n", (long long)usage.ru_maxrss * 1024);
	gate_authority_free(options.authority);
	gate_trust_free(options.trust);
	for (size_t i = 0; i < setup.rules_count; i++)
		free((void *)setup.rules[i].body);
	close(listener);
	return 0;
}
