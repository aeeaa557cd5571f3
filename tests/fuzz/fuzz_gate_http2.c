/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions whose client speaks h2; its connection preface goes without saying. */
#include "tests/fuzz/gate_play.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_session *session = play_open(NULL);

	session->client.protocol = CHANNEL_HTTP2;
	require(front2_start(session) == 0, "h2 is set up");
	gate_session_feed(session, GATE_CLIENT, preface, sizeof(preface) - 1);
	play(session, 1000000000, data, size);
	return 0;
}
