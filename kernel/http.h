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
#define HTTP_METHOD_MAX	 20 /* bytes of a method */
#define HTTP_BLANKS_MAX	 16 /* blanks on each side of a value */

enum http_result {
	HTTP_COMPLETE = 0,   /* the head is whole */
	HTTP_INCOMPLETE = 1, /* so far it is one; its end has not come */
	HTTP_NOT = 2,	     /* not HTTP/1 */
	HTTP_TOO_LONG = 3,   /* beyond the parser's bounds, or ambiguous (two lengths, folds) */
};

enum {
	HTTP_CHUNKED = 1U << 0,
	HTTP_HAS_LENGTH = 1U << 1,
	HTTP_EXPECT = 1U << 2,	/* Expect: 100-continue */
	HTTP_UPGRADE = 1U << 3, /* the connection may stop being HTTP */
	HTTP_HAS_HOST = 1U << 4,
	HTTP_AMBIGUOUS = 1U << 5,
};

/* What a scan returns instead of a position. */
#define HTTP_AT_NOTHING 0U	    /* what stands there is not HTTP/1 */
#define HTTP_AT_CUT	0xffffffffU /* the text ends before that can be told */

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

FAULT_INLINE int http_is_blank(__u8 byte)
{
	return byte == ' ' || byte == '\t';
}

/* What a text is whose bytes so far are right. */
FAULT_INLINE int http_more(const struct fault_text *text)
{
	return text->length >= FAULT_TEXT_MAX ? HTTP_TOO_LONG : HTTP_INCOMPLETE;
}

/* Position of the space behind the method at the text's front, or HTTP_AT_*. Only what can still
 * become a request is cut: a message that is taken for one is held back until more of it comes. */
FAULT_SCAN __u32 http_method_end(const struct fault_text *text)
{
	__u32 i;

	if (!text)
		return HTTP_AT_NOTHING;
	for (i = 0; i <= HTTP_METHOD_MAX; i++) {
		__u8 byte = text_at(text, i);

		if (i >= text->length)
			return HTTP_AT_CUT;
		if (byte == ' ')
			return i;
		if (!(byte >= 'A' && byte <= 'Z') && (byte != '-' || !i))
			return HTTP_AT_NOTHING;
	}
	return HTTP_AT_NOTHING;
}

/* First position at or after `start` that no request target reaches (a blank or a control byte), or
 * text->length. One branch a byte, as in text_find(). */
FAULT_SCAN __u32 http_target_end(const struct fault_text *text, __u32 start)
{
	__u32 i;

	if (!text)
		return 0;
	for (i = 0; i < FAULT_TEXT_MAX; i++) {
		if (text_at(text, start + i) <= ' ')
			break;
	}
	i += start;
	return i < text->length ? i : text->length;
}

/* Position behind the line that ends with the version at `at`, or HTTP_AT_*. */
FAULT_SCAN __u32 http_version(const struct fault_text *text, __u32 at)
{
	__u32 i;

	if (!text)
		return HTTP_AT_NOTHING;
	FAULT_UNROLL
	for (i = 0; i < 7; i++) {
		if (at + i >= text->length)
			return HTTP_AT_CUT;
		if (text_at(text, at + i) != (__u8) "HTTP/1."[i])
			return HTTP_AT_NOTHING;
	}
	at += 7;
	if (at < text->length && (__u32)text_at(text, at) - '0' > 9)
		return HTTP_AT_NOTHING;
	at++;
	if (at < text->length && text_at(text, at) == '\r')
		at++;
	if (at >= text->length)
		return HTTP_AT_CUT;
	return text_at(text, at) == '\n' ? at + 1 : HTTP_AT_NOTHING;
}

/* The method at the text's front and its length with the space, or HTTP_AT_*. */
FAULT_INLINE __u32 http_method(const struct fault_text *text, __u32 *method)
{
	__u32 end = http_method_end(text);

	*method = FAULT_METHOD_OTHER;
	if (end == HTTP_AT_NOTHING || end == HTTP_AT_CUT)
		return end;
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

/* Position of the colon in front of the port of a host that goes from `start` to `end`, or `end`.
 * Looks no further than that, and than a name can be long: most hosts have no port. */
FAULT_SCAN __u32 http_port_at(const struct fault_text *text, __u32 start, __u32 end)
{
	__u32 i;

	if (!text)
		return end;
	for (i = 0; i < FAULT_NAME_MAX; i++) {
		if (start + i >= end)
			break;
		if (text_at(text, start + i) == ':')
			return start + i;
	}
	return end;
}

/* Host without port and brackets: a name or an IPv4 address; an IPv6 literal is no name. A blank at
 * either end is no part of a host, and who ignores it cannot be told. */
FAULT_INLINE void http_set_host(const struct fault_text *text, struct http_head *head, __u32 start,
				__u32 end)
{
	__u32 colon = http_port_at(text, start, end);

	head->host_at = start;
	head->host_length = 0;
	if (start >= end || text_at(text, start) == '[' || colon == start)
		return;
	end = colon;
	head->host_length = end - start;
	if (http_is_blank(text_at(text, start)) || http_is_blank(text_at(text, end - 1)))
		head->flags |= HTTP_AMBIGUOUS;
}

/* First position at or after `start` that is no blank, or `end`. Behind HTTP_BLANKS_MAX blanks it
 * is the next one. */
FAULT_SCAN __u32 http_skip_blanks(const struct fault_text *text, __u32 start, __u32 end)
{
	__u32 i;

	if (!text)
		return start;
	for (i = 0; i < HTTP_BLANKS_MAX; i++) {
		if (start + i >= end)
			return end;
		if (!http_is_blank(text_at(text, start + i)))
			return start + i;
	}
	return start + i;
}

/* `end` without up to HTTP_BLANKS_MAX blanks in front of it, not before `start`. */
FAULT_SCAN __u32 http_trim_blanks(const struct fault_text *text, __u32 start, __u32 end)
{
	__u32 i;

	if (!text)
		return end;
	for (i = 0; i < HTTP_BLANKS_MAX; i++) {
		if (end <= start || !http_is_blank(text_at(text, end - 1)))
			break;
		end--;
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

/* The value of a Host header, `start` to `end`. */
FAULT_INLINE void http_header_host(const struct fault_text *text, struct http_head *head,
				   __u32 start, __u32 end)
{
	start = http_skip_blanks(text, start, end);
	end = http_trim_blanks(text, start, end);
	if (head->flags & HTTP_HAS_HOST)
		head->flags |= HTTP_AMBIGUOUS;
	head->flags |= HTTP_HAS_HOST;
	http_set_host(text, head, start, end);
}

/* The value of a Transfer-Encoding header: where a body of any coding but chunks ends is a guess.
 */
FAULT_INLINE void http_header_coding(const struct fault_text *text, struct http_head *head,
				     __u32 start, __u32 end)
{
	start = http_skip_blanks(text, start, end);
	end = http_trim_blanks(text, start, end);
	if ((head->flags & HTTP_CHUNKED) || end != start + 7 || !text_is(text, start, "chunked", 7))
		head->flags |= HTTP_AMBIGUOUS;
	head->flags |= HTTP_CHUNKED;
}

/*
 * Whether the header at `start` is `lower`. With a blank in front of the colon one server takes it
 * for that header and the next does not (RFC 9112, 5.1).
 */
FAULT_INLINE int http_header_is(const struct fault_text *text, struct http_head *head, __u32 start,
				__u32 end, const char *lower, __u32 length)
{
	__u8 behind = text_at(text, start + length);

	if (end <= start + length || (behind != ':' && !http_is_blank(behind)) ||
	    !text_is(text, start, lower, length))
		return 0;
	if (behind != ':')
		head->flags |= HTTP_AMBIGUOUS;
	return 1;
}

/* One header line, `start` to `end` (the CR, or the LF where there is none). */
FAULT_SCAN int http_header(const struct fault_text *text, struct http_head *head, __u32 start,
			   __u32 end)
{
	if (!text || !head)
		return -1;
	if (http_is_blank(text_at(text, start)))
		head->flags |= HTTP_AMBIGUOUS; /* goes on the line before (RFC 9112, 5.2) */
	else if (http_header_is(text, head, start, end, "host", 4))
		http_header_host(text, head, start + 5, end);
	else if (http_header_is(text, head, start, end, "content-length", 14))
		http_set_length(head, http_number(text, start + 15, end));
	else if (http_header_is(text, head, start, end, "transfer-encoding", 17))
		http_header_coding(text, head, start + 18, end);
	else if (http_header_is(text, head, start, end, "expect", 6))
		head->flags |= HTTP_EXPECT;
	else if (http_header_is(text, head, start, end, "upgrade", 7))
		head->flags |= HTTP_UPGRADE;
	return 0;
}

/* Header lines from `start` to the empty line. Sets header_length. */
FAULT_INLINE int http_headers(const struct fault_text *text, struct http_head *head, __u32 start)
{
	__u32 i, end, stop;

	/* One more than headers: the empty line. */
	for (i = 0; i <= HTTP_HEADERS_MAX; i++) {
		end = text_find(text, start, '\n');
		if (end >= text->length)
			return http_more(text);
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

/* First position at or after `start` that ends the host and port of a URI's authority, or `end`. */
FAULT_SCAN __u32 http_authority_end(const struct fault_text *text, __u32 start, __u32 end)
{
	__u32 i;

	if (!text)
		return start;
	for (i = 0; i < FAULT_NAME_MAX; i++) {
		__u8 byte = text_at(text, start + i);

		if (start + i >= end || byte == '/' || byte == '?' || byte == '#' || byte == '@')
			break;
	}
	return start + i;
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
	slash = http_authority_end(text, start + 7, end);
	if (slash < end && text_at(text, slash) != '/')
		head->flags |= HTTP_AMBIGUOUS; /* credentials, no path, or far too long */
	http_set_host(text, head, start + 7, slash);
	head->flags |= HTTP_HAS_HOST;
	head->path_at = slash;
	head->path_length = end - slash;
	if (slash == end) {
		/* An empty path means "/": there is one in front of the host. */
		head->path_at = start + 6;
		head->path_length = 1;
	}
}

/* Parses the request head at the text's front into `head`. Returns an enum http_result. */
FAULT_SCAN int http_parse_request(const struct fault_text *text, struct http_head *head)
{
	__u32 target, space, headers, absolute;
	int result;

	if (!text || !head)
		return HTTP_NOT;
	__builtin_memset(head, 0, sizeof(*head));
	target = http_method(text, &head->method);
	if (target == HTTP_AT_NOTHING)
		return HTTP_NOT;
	if (target == HTTP_AT_CUT)
		return HTTP_INCOMPLETE;
	space = http_target_end(text, target);
	if (space >= text->length)
		return http_more(text);
	if (space == target || text_at(text, space) != ' ')
		return HTTP_NOT;
	headers = http_version(text, space + 1);
	if (headers == HTTP_AT_NOTHING)
		return HTTP_NOT;
	if (headers == HTTP_AT_CUT)
		return http_more(text);
	http_set_target(text, head, target, space);
	/* The target's authority wins over a Host header (RFC 9112, 3.2.2): parse that one apart.
	 */
	absolute = head->flags & HTTP_HAS_HOST;
	if (absolute) {
		__u32 host_at = head->host_at, host_length = head->host_length;

		head->flags &= ~HTTP_HAS_HOST;
		result = http_headers(text, head, headers);
		head->host_at = host_at;
		head->host_length = host_length;
		return result;
	}
	return http_headers(text, head, headers);
}

/* Parses the response head at the text's front into `head`. Returns an enum http_result. */
FAULT_SCAN int http_parse_response(const struct fault_text *text, struct http_head *head)
{
	__u8 behind;
	__u32 line;
	long status;

	if (!text || !head)
		return HTTP_NOT;
	__builtin_memset(head, 0, sizeof(*head));
	if (text->length < 13)
		return HTTP_INCOMPLETE;
	behind = text_at(text, 12);
	if (!text_is(text, 0, "http/1.", 7) || (__u32)text_at(text, 7) - '0' > 9 ||
	    text_at(text, 8) != ' ' || (behind != ' ' && behind != '\r' && behind != '\n'))
		return HTTP_NOT;
	status = http_number(text, 9, 12);
	if (status < 100)
		return HTTP_NOT;
	head->status = (__u32)status;
	line = text_find(text, 12, '\n');
	if (line >= text->length)
		return http_more(text);
	return http_headers(text, head, line + 1);
}

#endif
