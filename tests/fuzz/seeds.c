/* SPDX-License-Identifier: Apache-2.0 */
/* seeds DIRECTORY: writes the corpora that the fuzz targets start from to DIRECTORY/{http,tls,dns}.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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
	if (r)
		fprintf(stderr, "seeds: %s: %s\n", argv[1], strerror(-r));
	return r ? 1 : 0;
}
