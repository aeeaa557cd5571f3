/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions whose client speaks HTTP/1.1; the server speaks HTTP/1.1 or h2. */
#include "tests/fuzz/gate_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	play(play_open(NULL), 1000000000, data, size);
	return 0;
}
