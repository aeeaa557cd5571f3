/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1 message heads (RFC 9112), bounded: enough of a request to match it and to know where it
 * ends, enough of a response to know where it ends. Anything unusual is an answer of its own, never
 * a guess.
 */
#ifndef FAULTD_HTTP_H
#define FAULTD_HTTP_H

#include "kernel/text.h"

#define HTTP_HEADERS_MAX 96 /* header lines that are looked at */

enum http_result {
	HTTP_COMPLETE = 0,   /* the head is whole */
	HTTP_INCOMPLETE = 1, /* so far it is one; its end has not come */
	HTTP_NOT = 2,	     /* not HTTP/1 */
	HTTP_TOO_LONG = 3,   /* beyond the parser's bounds, or ambiguous (two lengths, two hosts) */
};

enum {
	HTTP_CHUNKED = 1U << 0,
	HTTP_HAS_LENGTH = 1U << 1,
	HTTP_EXPECT = 1U << 2,	/* Expect: 100-continue */
	HTTP_UPGRADE = 1U << 3, /* the connection may stop being HTTP */
	HTTP_HAS_HOST = 1U << 4,
	HTTP_AMBIGUOUS = 1U << 5,
};

/* Positions are indices into the text. */
struct http_head {
	__u64 content_length;
	__u32 header_length; /* with the empty line */
	__u32 flags;	     /* HTTP_* */
	__u32 method;	     /* enum fault_method; requests */
	__u32 status;	     /* responses */
	__u32 path_at, path_length;
	__u32 host_at, host_length; /* without the port; length 0: none or an IPv6 literal */
	__u32 line_end;		    /* working position */
	__u32 padding;
};

/* The method at the text's front and its length with the space; 0 when there is none. */
FAULT_INLINE __u32 http_method(const struct fault_text *text, __u32 *method)
{
	__u32 end = text_find(text, 0, ' '), i;

	*method = FAULT_METHOD_OTHER;
	if (end == 0 || end > 20 || end >= text->length)
		return 0;
	for (i = 0; i < 20; i++) {
		__u8 byte = text_at(text, i);

		if (i >= end)
			break;
		if (!(byte >= 'A' && byte <= 'Z') && byte != '-')
			return 0;
	}
	if (end == 3 && text_is(text, 0, "get", 3))
		*method = FAULT_METHOD_GET;
	else if (end == 4 && text_is(text, 0, "head", 4))
		*method = FAULT_METHOD_HEAD;
	else if (end == 4 && text_is(text, 0, "post", 4))
		*method = FAULT_METHOD_POST;
	else if (end == 3 && text_is(text, 0, "put", 3))
		*method = FAULT_METHOD_PUT;
	else if (end == 6 && text_is(text, 0, "delete", 6))
		*method = FAULT_METHOD_DELETE;
	else if (end == 5 && text_is(text, 0, "patch", 5))
		*method = FAULT_METHOD_PATCH;
	else if (end == 7 && text_is(text, 0, "options", 7))
		*method = FAULT_METHOD_OPTIONS;
	return end + 1;
}

/* Host without port and brackets: a name or an IPv4 address; an IPv6 literal is no name. */
FAULT_INLINE void http_set_host(const struct fault_text *text, struct http_head *head, __u32 start,
				__u32 end)
{
	__u32 colon = text_find(text, start, ':');

	head->host_at = start;
	head->host_length = 0;
	if (start >= end || text_at(text, start) == '[')
		return;
	head->host_length = (colon < end ? colon : end) - start;
}

/* First position at or after `start`, before `end`, that is no blank. */
FAULT_SCAN __u32 http_skip_blanks(const struct fault_text *text, __u32 start, __u32 end)
{
	__u32 i;

	if (!text)
		return start;
	for (i = 0; i < 16; i++) {
		if (start + i >= end)
			return end;
		if (text_at(text, start + i) != ' ' && text_at(text, start + i) != '\t')
			return start + i;
	}
	return end;
}

/* Decimal digits from `start` to `end`, blanks around them allowed. -1 when it is no number. */
FAULT_SCAN long http_number(const struct fault_text *text, __u32 start, __u32 end)
{
	long value = 0;
	__u32 i;

	if (!text)
		return -1;
	start = http_skip_blanks(text, start, end);
	for (i = 0; i < 18; i++) {
		__u32 digit = (__u32)text_at(text, start + i) - '0';

		if (digit > 9)
			break;
		value = value * 10 + digit;
	}
	if (!i || start + i > end || http_skip_blanks(text, start + i, end) != end)
		return -1;
	return value;
}

FAULT_INLINE void http_set_length(struct http_head *head, long length)
{
	if (length < 0 ||
	    ((head->flags & HTTP_HAS_LENGTH) && head->content_length != (__u64)length))
		head->flags |= HTTP_AMBIGUOUS;
	head->content_length = (__u64)length;
	head->flags |= HTTP_HAS_LENGTH;
}

/* One header line, `start` to `end` (the CR, or the LF where there is none). */
FAULT_SCAN int http_header(const struct fault_text *text, struct http_head *head, __u32 start,
			   __u32 end)
{
	__u32 value;

	if (!text || !head)
		return -1;
	if (end < start + 5)
		return 0;
	if (text_at(text, start + 4) == ':' && text_is(text, start, "host", 4)) {
		if (head->flags & HTTP_HAS_HOST)
			head->flags |= HTTP_AMBIGUOUS;
		head->flags |= HTTP_HAS_HOST;
		value = http_skip_blanks(text, start + 5, end);
		http_set_host(text, head, value, end);
	} else if (end > start + 14 && text_at(text, start + 14) == ':' &&
		   text_is(text, start, "content-length", 14)) {
		http_set_length(head, http_number(text, start + 15, end));
	} else if (end > start + 17 && text_at(text, start + 17) == ':' &&
		   text_is(text, start, "transfer-encoding", 17)) {
		head->flags |= HTTP_CHUNKED;
	} else if (end > start + 6 && text_at(text, start + 6) == ':' &&
		   text_is(text, start, "expect", 6)) {
		head->flags |= HTTP_EXPECT;
	} else if (end > start + 7 && text_at(text, start + 7) == ':' &&
		   text_is(text, start, "upgrade", 7)) {
		head->flags |= HTTP_UPGRADE;
	}
	return 0;
}

/* Header lines from `start` to the empty line. Sets header_length. */
FAULT_INLINE int http_headers(const struct fault_text *text, struct http_head *head, __u32 start)
{
	__u32 i, end, stop;

	for (i = 0; i < HTTP_HEADERS_MAX; i++) {
		end = text_find(text, start, '\n');
		if (end >= text->length)
			return text->length >= FAULT_TEXT_MAX ? HTTP_TOO_LONG : HTTP_INCOMPLETE;
		stop = end > start && text_at(text, end - 1) == '\r' ? end - 1 : end;
		if (stop == start) {
			head->header_length = end + 1;
			/* Two lengths, or a length beside chunks, is how requests are smuggled. */
			if ((head->flags & HTTP_AMBIGUOUS) ||
			    ((head->flags & HTTP_CHUNKED) && (head->flags & HTTP_HAS_LENGTH)))
				return HTTP_TOO_LONG;
			return HTTP_COMPLETE;
		}
		http_header(text, head, start, stop);
		start = end + 1;
	}
	return HTTP_TOO_LONG;
}

/* Splits the request target (RFC 9112, 3.2): origin form, absolute form, or what is neither. */
FAULT_INLINE void http_set_target(const struct fault_text *text, struct http_head *head,
				  __u32 start, __u32 end)
{
	__u32 slash;

	head->path_at = start;
	head->path_length = end - start;
	if (end < start + 8 || !text_is(text, start, "http://", 7))
		return;
	slash = text_find(text, start + 7, '/');
	if (slash > end)
		slash = end;
	http_set_host(text, head, start + 7, slash);
	head->flags |= HTTP_HAS_HOST;
	head->path_at = slash;
	head->path_length = end - slash;
}

/* Parses the request head at the text's front into `head`. Returns an enum http_result. */
FAULT_SCAN int http_parse_request(const struct fault_text *text, struct http_head *head)
{
	__u32 target, line, space, absolute;
	int result;

	if (!text || !head)
		return HTTP_NOT;
	__builtin_memset(head, 0, sizeof(*head));
	if (text_at(text, 0) < 'A' || text_at(text, 0) > 'Z')
		return HTTP_NOT;
	target = http_method(text, &head->method);
	if (!target)
		return text->length <= 20 && text_find(text, 0, '\n') >= text->length
			       ? HTTP_INCOMPLETE
			       : HTTP_NOT;
	line = text_find(text, 0, '\n');
	if (line >= text->length)
		return text->length >= FAULT_TEXT_MAX ? HTTP_TOO_LONG : HTTP_INCOMPLETE;
	space = text_find(text, target, ' ');
	if (space >= line || line < space + 9 || !text_is(text, space + 1, "http/1.", 7))
		return HTTP_NOT;
	http_set_target(text, head, target, space);
	/* The target's authority wins over a Host header (RFC 9112, 3.2.2): parse that one apart.
	 */
	absolute = head->flags & HTTP_HAS_HOST;
	if (absolute) {
		__u32 host_at = head->host_at, host_length = head->host_length;

		head->flags &= ~HTTP_HAS_HOST;
		result = http_headers(text, head, line + 1);
		head->host_at = host_at;
		head->host_length = host_length;
		return result;
	}
	return http_headers(text, head, line + 1);
}

/* Parses the response head at the text's front into `head`. Returns an enum http_result. */
FAULT_SCAN int http_parse_response(const struct fault_text *text, struct http_head *head)
{
	__u32 line;
	long status;

	if (!text || !head)
		return HTTP_NOT;
	__builtin_memset(head, 0, sizeof(*head));
	if (text->length < 13)
		return HTTP_INCOMPLETE;
	if (!text_is(text, 0, "http/1.", 7))
		return HTTP_NOT;
	status = http_number(text, 9, 12);
	if (status < 100)
		return HTTP_NOT;
	head->status = (__u32)status;
	line = text_find(text, 0, '\n');
	if (line >= text->length)
		return HTTP_INCOMPLETE;
	return http_headers(text, head, line + 1);
}

#endif
