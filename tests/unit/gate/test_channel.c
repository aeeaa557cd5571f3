/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions whose client speaks TLS; their server does not. */
#include "tests/unit/check.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "kernel/contract.h"
#include "tests/unit/gate/bench.h"
#include "user/base/cleanup.h"

static const char request[] = "GET / HTTP/1.1\r\nHost: one.test\r\n\r\n";
static const struct gate_rule answer = {
	.share = FAULT_SHARE_ALWAYS, .status = 200, .body = "hello", .body_length = 5};
#define ANSWER "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello"

static struct gate_authority *authority;
static struct gate_authority_pem pem;
static struct gate_trust *trust;
static SSL_CTX *context;
static SSL_SESSION *kept;
static struct bench bench;

/* A client: its TLS and the wire's end of it. */
static SSL *client;
static BIO *wire;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

static int make(void **state)
{
	static const char *const names[] = {"one.test"};
	struct failure failure;
	BIO *bio;
	X509 *anchor;

	(void)state;
	if (gate_authority_create(names, 1, 3600, &pem, &failure) < 0 ||
	    gate_authority_new(pem.key, strlen(pem.key), pem.certificate, strlen(pem.certificate),
			       &authority, &failure) < 0 ||
	    gate_trust_new(pem.certificate, strlen(pem.certificate), &trust, &failure) < 0)
		return -1;
	context = SSL_CTX_new(TLS_client_method());
	bio = BIO_new_mem_buf(pem.certificate, -1);
	anchor = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(context), anchor);
	X509_free(anchor);
	BIO_free(bio);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	SSL_SESSION_free(kept);
	SSL_CTX_free(context);
	gate_trust_free(trust);
	gate_authority_free(authority);
	free(pem.key);
	free(pem.certificate);
	return 0;
}

static void open_session(const struct gate_rule *rules, size_t count, const char *default_name)
{
	struct gate_session_options options;
	struct failure failure;

	bench = (struct bench){.now = NS_PER_S};
	bench_options(&bench, rules, count, &options);
	options.authority = authority;
	options.name = default_name;
	assert_int_equal(gate_session_new(&options, bench.now, &bench.session, &failure), 0);
}

static void open_client(const char *name, int version, bool resume)
{
	BIO *inner;

	client = SSL_new(context);
	BIO_new_bio_pair(&inner, 0, &wire, 0);
	SSL_set_bio(client, inner, inner);
	SSL_set_connect_state(client);
	SSL_set_min_proto_version(client, version);
	SSL_set_max_proto_version(client, version);
	SSL_set1_host(client, "one.test");
	if (name)
		SSL_set_tlsext_host_name(client, name);
	if (resume)
		SSL_set_session(client, kept);
}

static void close_both(void)
{
	/* A connection that broke takes its session with it. */
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(client);
	BIO_free(wire);
	bench_close(&bench);
}

/* Carries bytes between client and session, at most `piece` at once; whether any moved. */
static bool carry(size_t piece)
{
	char bytes[4096];
	size_t room = gate_session_room(bench.session, GATE_CLIENT);
	bool moved = false;
	int got;

	if (piece > room)
		piece = room;
	got = piece ? BIO_read(wire, bytes, (int)piece) : 0;
	if (got > 0) {
		gate_session_feed(bench.session, GATE_CLIENT, bytes, (size_t)got);
		moved = true;
	}
	bench_run(&bench);
	room = BIO_ctrl_get_write_guarantee(wire);
	got = (int)gate_session_take(bench.session, GATE_CLIENT, bytes,
				     room < sizeof(bytes) ? room : sizeof(bytes));
	if (got > 0) {
		BIO_write(wire, bytes, got);
		moved = true;
	}
	return moved;
}

/* 1, or what SSL_do_handshake came to when nothing moves any more. */
static int shake_hands(size_t piece)
{
	int result;
	bool moved;

	do {
		ERR_clear_error();
		result = SSL_do_handshake(client);
		moved = carry(piece);
	} while (moved);
	return result;
}

/* Asks, and returns what came back. */
static const char *ask(void)
{
	static char text[1024];
	int used = 0, got;

	assert_int_equal(SSL_write(client, request, sizeof(request) - 1), sizeof(request) - 1);
	while (carry(4096))
		;
	while ((got = SSL_read(client, text + used, (int)sizeof(text) - 1 - used)) > 0)
		used += got;
	text[used] = '\0';
	return text;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void test_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		for (size_t piece = 1; piece <= 4096; piece *= 64) {
			open_session(&answer, 1, NULL);
			open_client("one.test", versions[i], false);
			assert_int_equal(shake_hands(piece), 1);
			assert_string_equal(gate_session_name(bench.session), "one.test");
			assert_string_equal(ask(), ANSWER);
			assert_int_equal(bench.counts[GATE_EVENT_HANDSHAKE], 1);
			assert_int_equal(bench.counts[GATE_EVENT_RESUMED], 0);
			close_both();
		}
	}
}

/* The name is known, and rules hold, when a session is taken up again too. */
static void test_resumption(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		for (int again = 0; again < 2; again++) {
			open_session(&answer, 1, NULL);
			open_client("one.test", versions[i], again);
			assert_int_equal(shake_hands(4096), 1);
			assert_string_equal(gate_session_name(bench.session), "one.test");
			assert_string_equal(ask(), ANSWER);
			assert_int_equal(bench.counts[GATE_EVENT_RESUMED], again);
			close_both();
		}
	}
}

static void test_no_name(void **state)
{
	(void)state;
	open_session(&answer, 1, "one.test");
	open_client(NULL, TLS1_3_VERSION, false);
	assert_int_equal(shake_hands(4096), 1);
	assert_string_equal(ask(), ANSWER);
	close_both();
	open_session(&answer, 1, NULL);
	open_client(NULL, TLS1_3_VERSION, false);
	assert_int_equal(shake_hands(4096), -1);
	assert_int_equal(bench.counts[GATE_EVENT_HANDSHAKE_FAILED], 1);
	assert_int_equal(gate_session_wants(bench.session), GATE_WANT_CLOSE);
	close_both();
}

static void test_wrong_certificates(void **state)
{
	static const struct {
		enum gate_certificate kind;
		long result;
	} cases[] = {
		{GATE_CERTIFICATE_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED},
		{GATE_CERTIFICATE_UNTRUSTED, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
		{GATE_CERTIFICATE_WRONG_NAME, X509_V_ERR_HOSTNAME_MISMATCH},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(versions); i++) {
		const struct gate_rule rule = {.share = FAULT_SHARE_ALWAYS,
					       .certificate = cases[i / 2].kind};

		/* The session that an earlier test kept is not taken up. */
		open_session(&rule, 1, NULL);
		open_client("one.test", versions[i % 2], true);
		assert_int_equal(shake_hands(4096), -1);
		assert_int_equal(SSL_get_verify_result(client), cases[i / 2].result);
		assert_int_equal(bench.counts[GATE_EVENT_CERTIFICATE], 1);
		assert_int_equal(bench.counts[GATE_EVENT_HANDSHAKE], 0);
		assert_int_equal(bench.counts[GATE_EVENT_DISTRUSTED] +
					 bench.counts[GATE_EVENT_HANDSHAKE_FAILED],
				 1);
		close_both();
	}
}

/* A client that only looks, and goes without a word. */
static void test_unused(void **state)
{
	(void)state;
	open_session(&answer, 1, NULL);
	open_client("one.test", TLS1_3_VERSION, false);
	assert_int_equal(shake_hands(4096), 1);
	gate_session_client_closed(bench.session);
	bench_run(&bench);
	assert_int_equal(bench.counts[GATE_EVENT_UNUSED], 1);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	close_both();
}

static void test_unknown_protocol(void **state)
{
	(void)state;
	open_session(&answer, 1, NULL);
	open_client("one.test", TLS1_3_VERSION, false);
	SSL_set_alpn_protos(client, (const unsigned char *)"\4mqtt", 5);
	assert_int_equal(shake_hands(4096), -1);
	assert_int_equal(bench.counts[GATE_EVENT_HANDSHAKE_FAILED], 1);
	close_both();
}

static void test_no_tls(void **state)
{
	(void)state;
	open_session(&answer, 1, NULL);
	bench_feed(&bench, GATE_CLIENT, request);
	assert_int_equal(bench.counts[GATE_EVENT_HANDSHAKE_FAILED], 1);
	assert_true(gate_session_wants(bench.session) & GATE_WANT_CLOSE);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions), cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_no_name),	 cmocka_unit_test(test_wrong_certificates),
		cmocka_unit_test(test_unused),	 cmocka_unit_test(test_unknown_protocol),
		cmocka_unit_test(test_no_tls),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
