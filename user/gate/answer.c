/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of rules: their head, and what is filled in for one request. */
#include "user/gate/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

/* What one request fills in. */
struct filling {
	const struct message *request;
	char time[CLOCK_RFC3339_SIZE];
	char request_id[40];
};

static void put_escaped(FILE *out, const char *text)
{
	/* Into headers, JSON and XML alike: what could end a text there is percent-encoded. */
	for (; *text; text++) {
		if (strchr("\"'<>&\\", *text) || (unsigned char)*text < ' ')
			fprintf(out, "%%%02X", (unsigned int)(unsigned char)*text);
		else
			fputc(*text, out);
	}
}

static void put_value(FILE *out, const struct filling *filling, const char *name, size_t length)
{
	const struct message *request = filling->request;
	const struct {
		const char *name, *value;
	} values[] = {
		{"method", message_text(request, request->method)},
		{"host", message_text(request, request->authority)},
		{"path", message_text(request, request->target)},
		{"time", filling->time},
		{"request-id", filling->request_id},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (strlen(values[i].name) == length && memcmp(values[i].name, name, length) == 0)
			return put_escaped(out, values[i].value);
	/* Unknown ones stay as they are. */
	fprintf(out, "${%.*s}", (int)length, name);
}

/* `text` with everything filled in; the caller frees it. */
static int expand(const struct filling *filling, const char *text, size_t length, char **ret_text,
		  size_t *ret_length)
{
	const char *end = text + length;
	char *made = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&made, &size);

	if (!out)
		return -ENOMEM;
	while (text < end) {
		const char *mark = memmem(text, (size_t)(end - text), "${", 2);
		const char *stop = mark ? memchr(mark, '}', (size_t)(end - mark)) : NULL;

		if (!stop)
			break;
		fwrite(text, 1, (size_t)(mark - text), out);
		put_value(out, filling, mark + 2, (size_t)(stop - mark) - 2);
		text = stop + 1;
	}
	fwrite(text, 1, (size_t)(end - text), out);
	if (fclose(out) != 0) {
		free(made);
		return -ENOMEM;
	}
	*ret_text = made;
	*ret_length = size;
	return 0;
}

/* Header lines "Name: value\r\n" one by one. */
static int add_headers(struct message *response, const char *headers, size_t length)
{
	const char *end = headers + length;
	int r = 0;

	while (r == 0 && headers < end) {
		const char *stop = memmem(headers, (size_t)(end - headers), "\r\n", 2);
		const char *next = stop ? stop + 2 : end;
		const char *colon, *value;

		stop = stop ? stop : end;
		colon = memchr(headers, ':', (size_t)(stop - headers));
		if (colon) {
			for (value = colon + 1; value < stop && *value == ' '; value++)
				;
			r = message_add(response, headers, (size_t)(colon - headers), value,
					(size_t)(stop - value));
		}
		headers = next;
	}
	return r;
}

static void fill(struct filling *filling, const struct exchange *exchange, uint64_t random)
{
	const uint64_t mixer = 0x9e3779b97f4a7c15ULL;

	filling->request = &exchange->request;
	clock_format_rfc3339(clock_realtime_ns(), filling->time);
	/* The shape of a UUID, version 4 (RFC 9562). */
	snprintf(filling->request_id, sizeof(filling->request_id),
		 "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
		 random >> 32, random >> 16 & 0xffff, random & 0xfff,
		 0x8000 | (random >> 40 & 0x3fff), (random * mixer) >> 16);
}

static int make_expanded(struct exchange *exchange, const struct gate_rule *rule, uint64_t random)
{
	_cleanup_free_ char *headers = NULL;
	struct filling filling;
	size_t length;
	int r = 0;

	fill(&filling, exchange, random);
	if (rule->headers)
		r = expand(&filling, rule->headers, strlen(rule->headers), &headers, &length);
	if (r == 0 && headers)
		r = add_headers(&exchange->response, headers, length);
	if (r < 0)
		return r;
	r = expand(&filling, rule->body_length ? rule->body : "", rule->body_length,
		   &exchange->made, &exchange->answer_length);
	exchange->answer = (const uint8_t *)exchange->made;
	return r;
}

int answer_make(struct exchange *exchange, const struct gate_rule *rule, uint64_t random)
{
	struct message *response = &exchange->response;
	int r = 0;

	response->status = rule->status;
	if (rule->reason)
		r = message_keep(response, rule->reason, strlen(rule->reason), &response->reason);
	if (r < 0)
		return r;
	if (rule->expand) {
		r = make_expanded(exchange, rule, random);
	} else {
		exchange->answer = rule->body;
		exchange->answer_length = rule->body_length;
		if (rule->headers)
			r = add_headers(response, rule->headers, strlen(rule->headers));
	}
	response->content_length = (int64_t)exchange->answer_length;
	exchange->discard = true;
	exchange->response_ready = true;
	exchange->response_complete = true;
	exchange->stage = EXCHANGE_SETTLED;
	return r;
}
