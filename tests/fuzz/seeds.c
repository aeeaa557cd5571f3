/* SPDX-License-Identifier: Apache-2.0 */
/* seeds DIRECTORY: writes the corpora that the fuzz targets start from to DIRECTORY/TARGET. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/contract.h"
#include "tests/unit/kernel/build_dns.h"
#include "tests/unit/kernel/build_tls.h"

static const char *const heads[] = {
	"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
	"GET http://One.example:80/p?q HTTP/1.1\r\nHost: other\r\n\r\n",
	"OPTIONS * HTTP/1.1\nHost: [::1]:80\n\n",
	"POST /p HTTP/1.1\r\nHost: EXAMPLE.com.:8080\r\nContent-Length: 5\r\n\r\nabcde",
	"PUT /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
	"DELETE /p HTTP/1.1\r\nUpgrade: h2c\r\nContent-Length : 5\r\nX: y\r\n folded\r\n\r\n",
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.0 503\nTransfer-Encoding: chunked\n\n",
};

static struct hello hello;
static struct dns_built built;

/* Writes one seed. 0 or -errno. */
static int write_seed(const char *directory, const char *target, size_t number, const void *bytes,
		      size_t length)
{
	char path[512];
	FILE *file;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", directory, target);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	snprintf(path, sizeof(path), "%s/%s/seed-%zu", directory, target, number);
	file = fopen(path, "wbe");
	if (!file)
		return -errno;
	if (fwrite(bytes, 1, length, file) != length)
		r = -EIO;
	return fclose(file) == 0 ? r : -errno;
}

static int write_heads(const char *directory)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(heads) / sizeof(heads[0]); i++)
		r = write_seed(directory, "http", i, heads[i], strlen(heads[i]));
	return r;
}

static int write_hellos(const char *directory)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < REAL_HELLO_COUNT; i++) {
		hello_real(&hello, i);
		r = write_seed(directory, "tls", i, hello.bytes, hello.length);
	}
	hello_begin(&hello, 0, 2);
	hello_name(&hello, "a.example");
	hello_extension(&hello, 0x002b, 5);
	if (r == 0)
		r = write_seed(directory, "tls", 100, hello.bytes, hello.length);
	hello_begin(&hello, 32, 62);
	hello_extension(&hello, 0x0033, 4000);
	hello_name(&hello, "a.example");
	return r ? r : write_seed(directory, "tls", 101, hello.bytes, hello.length);
}

static int write_messages(const char *directory)
{
	size_t at;
	int r;

	dns_answer(&built, "Store.example.com", 3);
	at = dns_put_cname(&built, DNS_QUESTION_AT, "store.cdn.example.net");
	dns_put_address(&built, at, 60, 1);
	dns_put_pointer(&built, at);
	dns_put_record(&built, 28, 60, 16);
	dns_put(&built, 16, 1);
	r = write_seed(directory, "dns", 0, built.bytes, built.length);
	if (r)
		return r;
	dns_answer(&built, "a.b", 1);
	dns_put_labels(&built, "www");
	dns_put_address(&built, DNS_QUESTION_AT, 0xffffffff, 1);
	r = write_seed(directory, "dns", 1, built.bytes, built.length);
	if (r)
		return r;
	dns_begin(&built, 0x8183, 2, 0);
	dns_put_pointer(&built, built.length);
	return write_seed(directory, "dns", 2, built.bytes, built.length);
}

/* What happens to a session, as tests/fuzz/gate_play.h reads it. */
struct played {
	uint8_t bytes[HELLO_MAX + 64];
	size_t length;
};

static struct played played;

static void play_step(uint8_t step)
{
	played.bytes[played.length++] = step;
}

static void play_bytes(uint8_t side, const void *bytes, size_t length)
{
	play_step(side);
	play_step((uint8_t)(length >> 8));
	play_step((uint8_t)length);
	memcpy(played.bytes + played.length, bytes, length);
	played.length += length;
}

static int write_played(const char *directory, const char *target, size_t number)
{
	size_t length = played.length;

	played.length = 0;
	return write_seed(directory, target, number, played.bytes, length);
}

#define PLAYED_REQUEST                                                                             \
	"POST /b HTTP/1.1\r\nHost: one.test\r\nTransfer-Encoding: "                                \
	"chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
#define PLAYED_RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
/* Frames of h2: a GET of / for one.test by indexed and literal fields; its response, 200. */
#define PLAYED_STREAM	 "\0\0\x0d\1\5\0\0\0\1\x82\x84\x87\x41\x08one.test"
#define PLAYED_SETTINGS	 "\0\0\0\4\0\0\0\0\0"
#define PLAYED_RESPONDED "\0\0\1\1\4\0\0\0\1\x88\0\0\3\0\1\0\0\0\1abc"

static int write_requests(const char *directory)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(heads) / sizeof(heads[0]); i++) {
		play_bytes(0, heads[i], strlen(heads[i]));
		play_step(4);
		play_bytes(1, heads[sizeof(heads) / sizeof(heads[0]) - 1 - i],
			   strlen(heads[sizeof(heads) / sizeof(heads[0]) - 1 - i]));
		play_step(2);
		r = write_played(directory, "gate_http1", i);
	}
	play_bytes(0, PLAYED_REQUEST PLAYED_REQUEST, 2 * strlen(PLAYED_REQUEST));
	play_step(4);
	play_step(3);
	play_bytes(1, PLAYED_RESPONSE PLAYED_RESPONSE, 2 * strlen(PLAYED_RESPONSE));
	play_step(2);
	play_step(7);
	play_step(9);
	return r ? r : write_played(directory, "gate_http1", 100);
}

static int write_streams(const char *directory)
{
	int r;

	play_bytes(0, PLAYED_STREAM, sizeof(PLAYED_STREAM) - 1);
	play_step(5);
	play_step(3);
	play_bytes(1, PLAYED_SETTINGS PLAYED_RESPONDED,
		   sizeof(PLAYED_SETTINGS PLAYED_RESPONDED) - 1);
	play_step(2);
	r = write_played(directory, "gate_http2", 0);
	play_bytes(0, PLAYED_STREAM, sizeof(PLAYED_STREAM) - 1);
	play_step(4);
	play_step(3);
	play_bytes(1, PLAYED_RESPONSE, strlen(PLAYED_RESPONSE));
	play_step(2);
	play_step(10);
	return r ? r : write_played(directory, "gate_http2", 1);
}

static int write_handshakes(const char *directory)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < REAL_HELLO_COUNT; i++) {
		hello_real(&hello, i);
		play_step(0);
		play_bytes(0, hello.bytes, hello.length);
		play_step(2);
		r = write_played(directory, "gate_tls", i);
	}
	play_step(1);
	play_bytes(1, "\x15\3\3\0\2\2\x28", 7);
	return r ? r : write_played(directory, "gate_tls", 100);
}

static void put_frame(struct fault_frame frame, const char *text)
{
	frame.length = (__u32)strlen(text);
	memcpy(played.bytes + played.length, &frame, sizeof(frame));
	played.length += sizeof(frame);
	memcpy(played.bytes + played.length, text, frame.length);
	played.length += frame.length;
}

/* Rules 3 and 4 are the delay and the answer of tests/fuzz/fuzz_gate_frames.c. */
static int write_frames(const char *directory)
{
	const struct fault_frame delay = {.operation = FAULT_FRAME_DELAY, .cookie = 5};
	const struct fault_frame open = {.operation = FAULT_FRAME_OPEN,
					 .cookie = 6,
					 .rules = 1 << 4,
					 .kind = FAULT_GATE_HTTP};
	const struct fault_frame data = {.operation = FAULT_FRAME_DATA, .cookie = 6};
	const struct fault_frame refused = {.operation = FAULT_FRAME_REFUSED, .cookie = 5};
	struct fault_frame slow = delay;
	int r;

	slow.rules = 1 << 3;
	put_frame(slow, heads[0]);
	put_frame(delay, "behind it");
	put_frame(refused, "");
	r = write_played(directory, "gate_frames", 0);
	put_frame(open, PLAYED_REQUEST);
	put_frame(data, heads[0]);
	put_frame(slow, heads[3]);
	put_frame(data, "GET /a HTTP/1.1\r\nHost: one.test\r\n\r\n");
	return r ? r : write_played(directory, "gate_frames", 1);
}

int main(int argc, char **argv)
{
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: seeds DIRECTORY\n");
		return 2;
	}
	r = write_heads(argv[1]);
	if (r == 0)
		r = write_hellos(argv[1]);
	if (r == 0)
		r = write_messages(argv[1]);
	if (r == 0)
		r = write_requests(argv[1]);
	if (r == 0)
		r = write_streams(argv[1]);
	if (r == 0)
		r = write_handshakes(argv[1]);
	if (r == 0)
		r = write_frames(argv[1]);
	if (r)
		fprintf(stderr, "seeds: %s: %s\n", argv[1], strerror(-r));
	return r ? 1 : 0;
}
