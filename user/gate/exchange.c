/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/clock.h"

/* A drip sends twenty times a second, or a byte at a time. */
#define DRIPS_PER_S 20U

struct exchange *exchange_new(void)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->request = (struct message)MESSAGE_EMPTY;
	exchange->response = (struct message)MESSAGE_EMPTY;
	exchange->trailers = (struct message)MESSAGE_EMPTY;
	exchange->up.limit = EXCHANGE_UP;
	exchange->down.limit = EXCHANGE_DOWN;
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	message_free(&exchange->request);
	message_free(&exchange->response);
	message_free(&exchange->trailers);
	buffer_free(&exchange->up);
	buffer_free(&exchange->down);
	free(exchange->made);
	free(exchange);
}

int exchange_refuse(struct exchange *exchange, uint16_t status, const char *reason,
		    const char *text)
{
	struct message *response = &exchange->response;
	int length, r;

	message_free(response);
	buffer_free(&exchange->down);
	free(exchange->made);
	exchange->made = NULL;
	length = asprintf(&exchange->made, "faultd: %s\n", text);
	if (length < 0) {
		exchange->made = NULL;
		return -ENOMEM;
	}
	response->status = status;
	response->content_length = length;
	exchange->answer = (const uint8_t *)exchange->made;
	exchange->answer_length = (size_t)length;
	exchange->stage = EXCHANGE_SETTLED;
	exchange->discard = true;
	exchange->response_ready = true;
	exchange->response_complete = true;
	r = message_keep(response, reason, strlen(reason), &response->reason);
	if (r == 0)
		r = message_add(response, "Content-Type", 12, "text/plain", 10);
	return r < 0 ? r : message_add(response, "Faultd-Gate", 11, text, strlen(text));
}

/* What of `length` bytes a drip lets through now: in drops, the last one may be smaller. */
static size_t drip(struct exchange *exchange, uint64_t now, size_t length, uint64_t *ret_wake_at)
{
	uint64_t rate = exchange->rule->drip_rate, due, drop = rate / DRIPS_PER_S + 1;

	if (!exchange->drip_since)
		exchange->drip_since = now;
	/* 128 bits: a day at 12.5 GB/s. */
	due = (uint64_t)((unsigned __int128)(now - exchange->drip_since) * rate / NS_PER_S);
	due = due > exchange->drip_sent ? due - exchange->drip_sent : 0;
	if (drop > length)
		drop = length;
	if (due >= drop)
		return due < length ? (size_t)due : length;
	*ret_wake_at =
		exchange->drip_since +
		(uint64_t)((unsigned __int128)(exchange->drip_sent + drop) * NS_PER_S / rate) + 1;
	return 0;
}

size_t exchange_body(struct exchange *exchange, uint64_t now, const uint8_t **ret_bytes,
		     uint64_t *ret_wake_at)
{
	size_t length = exchange->answer_length;

	*ret_bytes = exchange->answer;
	if (length == 0) {
		length = exchange->down.length;
		*ret_bytes = length ? buffer_front(&exchange->down) : NULL;
	}
	if (length == 0 || !exchange->rule || !exchange->rule->drip_rate)
		return length;
	return drip(exchange, now, length, ret_wake_at);
}

void exchange_body_drop(struct exchange *exchange, size_t length)
{
	exchange->drip_sent += length;
	if (exchange->answer_length > 0) {
		exchange->answer += length;
		exchange->answer_length -= length;
	} else {
		buffer_drop(&exchange->down, length);
	}
}

bool exchange_body_is_over(const struct exchange *exchange)
{
	return exchange->response_complete && exchange->answer_length == 0 &&
	       exchange->down.length == 0;
}
