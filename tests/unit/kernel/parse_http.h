/* SPDX-License-Identifier: Apache-2.0 */
/* Parses HTTP heads with every kind of stale bytes behind them; all must give the same. */
#ifndef TESTS_UNIT_KERNEL_PARSE_HTTP_H
#define TESTS_UNIT_KERNEL_PARSE_HTTP_H

#include "tests/unit/check.h"

#include "kernel/http.h"
#include "tests/unit/kernel/stale.h"

static struct fault_text text;

static inline int parse_bytes(int (*parser)(const struct fault_text *, struct http_head *),
			      const void *bytes, size_t length, struct http_head *ret_head)
{
	struct http_head head;
	int result = -1;

	for (size_t stale = 0; stale < STALE_COUNT; stale++) {
		int again;

		memset(&head, 0xa5, sizeof(head));
		stale_fill(&text, bytes, length, stale);
		again = parser(&text, &head);
		if (stale == 0) {
			result = again;
			*ret_head = head;
		}
		if (again != result || memcmp(&head, ret_head, sizeof(head)) != 0)
			fail_msg("stale bytes %zu change result %d to %d of %zu bytes '%.60s'",
				 stale, result, again, length, (const char *)bytes);
	}
	return result;
}

static inline int parse_request(const char *request, struct http_head *ret_head)
{
	return parse_bytes(http_parse_request, request, strlen(request), ret_head);
}

static inline int parse_response(const char *response, struct http_head *ret_head)
{
	return parse_bytes(http_parse_response, response, strlen(response), ret_head);
}

/* Fails unless `length` bytes at `at` of `request` are `wanted`. */
static inline void check_part(const char *request, unsigned at, unsigned length, const char *wanted)
{
	if (length != strlen(wanted) || memcmp(request + at, wanted, length) != 0)
		fail_msg("'%.*s' instead of '%s' in '%s'", (int)length, request + at, wanted,
			 request);
}

/* Writes over a part of a message, without an end. */
static inline void overwrite(char *at, const char *bytes)
{
	while (*bytes)
		*at++ = *bytes++;
}

#endif
