/* SPDX-License-Identifier: Apache-2.0 */
/* TLS that a client or a real server sends. An odd first byte: the server's, behind a client that
 * has asked in the clear. */
#include "tests/fuzz/gate_play.h"

static struct gate_authority *authority;
static struct gate_trust *trust;

static void make(void)
{
	static const char *const names[] = {"one.test"};
	struct gate_authority_pem pem;
	struct failure failure;

	require(gate_authority_create(names, 1, 86400, &pem, &failure) == 0, "an authority");
	require(gate_authority_new(pem.key, strlen(pem.key), pem.certificate,
				   strlen(pem.certificate), &authority, &failure) == 0,
		"it loads");
	require(gate_trust_new(pem.certificate, strlen(pem.certificate), &trust, &failure) == 0,
		"it is trusted");
	free(pem.key);
	free(pem.certificate);
}

static struct gate_session *open_server(void)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: one.test\r\n\r\n";
	struct gate_session *session = play_open(trust);

	gate_session_feed(session, GATE_CLIENT, request, sizeof(request) - 1);
	gate_session_run(session, 1000000000);
	gate_session_upstream_opened(session);
	return session;
}

static struct gate_session *open_client(void)
{
	static const struct gate_rule rule = {.share = FAULT_SHARE_ALWAYS,
					      .certificate = GATE_CERTIFICATE_WRONG_NAME};
	const struct gate_session_options options = {
		.authority = authority, .trust = trust, .rules = &rule, .rules_count = 1};
	struct gate_session *session;

	require(gate_session_new(&options, 1000000000, &session, NULL) == 0, "a session is made");
	return session;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!authority)
		make();
	if (size == 0)
		return 0;
	play(*data & 1 ? open_server() : open_client(), 1000000000, data + 1, size - 1);
	return 0;
}
