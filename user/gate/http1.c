/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/http1.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "user/base/cleanup.h"

/* One line of a head, without its end. */
struct line {
	const char *text;
	size_t length;
};

static bool is_token_byte(unsigned char byte)
{
	return isalnum(byte) || (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_token_byte((unsigned char)text[i]))
			return false;
	return length > 0;
}

/* Whether no byte is a control character; tabs only when `tabs`. */
static bool is_plain(const char *text, size_t length, bool tabs)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte < ' ' && !(tabs && byte == '\t')) || byte == 0x7f)
			return false;
	}
	return true;
}

/* Position behind the empty line that ends a head; 0: it has not come. */
static size_t find_end(const uint8_t *bytes, size_t length, size_t scanned)
{
	size_t i = scanned > 3 ? scanned - 3 : 0;
	const uint8_t *found;

	while (i < length && (found = memchr(bytes + i, '\n', length - i))) {
		i = (size_t)(found - bytes) + 1;
		if (i < length && bytes[i] == '\n')
			return i + 1;
		if (i + 1 < length && bytes[i] == '\r' && bytes[i + 1] == '\n')
			return i + 2;
	}
	return 0;
}

/* Takes the next line of a head whose end is known to be there. */
static struct line next_line(const char **text, const char *end)
{
	struct line line = {.text = *text};
	const char *stop = memchr(*text, '\n', (size_t)(end - *text));

	line.length = stop ? (size_t)(stop - *text) : (size_t)(end - *text);
	*text = stop ? stop + 1 : end;
	if (line.length > 0 && line.text[line.length - 1] == '\r')
		line.length--;
	return line;
}

static int read_field(struct message *message, struct line line)
{
	const char *colon = memchr(line.text, ':', line.length), *value;
	size_t name_length, length;

	if (!colon)
		return -EBADMSG;
	name_length = (size_t)(colon - line.text);
	if (!is_token(line.text, name_length))
		return -EBADMSG; /* a fold and a blank in front of the colon too */
	value = colon + 1;
	length = line.length - name_length - 1;
	while (length > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		length--;
	}
	while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t'))
		length--;
	if (!is_plain(value, length, true))
		return -EBADMSG;
	return message_add(message, line.text, name_length, value, length);
}

static int read_fields(struct message *message, const char *text, const char *end)
{
	int r = 0;

	while (r == 0 && text < end) {
		struct line line = next_line(&text, end);

		if (line.length == 0)
			return 0;
		r = read_field(message, line);
	}
	return r;
}

static size_t count_fields(const struct message *message, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < message->fields_count; i++)
		count += strcasecmp(message_text(message, message->fields[i].name), name) == 0;
	return count;
}

static bool connection_says(const struct message *message, const char *token)
{
	for (size_t i = 0; i < message->fields_count; i++) {
		const struct message_field *field = &message->fields[i];

		if (strcasecmp(message_text(message, field->name), "connection") == 0 &&
		    message_list_has(message_text(message, field->value), token, strlen(token)))
			return true;
	}
	return false;
}

/* "HTTP/1.0" or "HTTP/1.1"; a higher minor number is 1.1 to us. */
static int read_version(const char *text, size_t length, bool *ret_1_0)
{
	if (length != 8 || memcmp(text, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)text[7]))
		return -EBADMSG;
	*ret_1_0 = text[7] == '0';
	return 0;
}

/* Splits "http://host/path" (RFC 9112, 3.2.2); origin and asterisk form are the target itself. */
static int read_target(struct message *message, const char *target, size_t length)
{
	const char *authority = memmem(target, length, "://", 3), *slash;
	size_t rest;
	int r;

	if (target[0] == '/' || !authority)
		return message_keep(message, target, length, &message->target);
	authority += 3;
	rest = length - (size_t)(authority - target);
	slash = memchr(authority, '/', rest);
	r = message_keep(message, authority, slash ? (size_t)(slash - authority) : rest,
			 &message->authority);
	if (r < 0)
		return r;
	if (!slash)
		return message_keep(message, "/", 1, &message->target);
	return message_keep(message, slash, length - (size_t)(slash - target), &message->target);
}

static int read_request_line(struct message *message, struct line line, bool *ret_1_0)
{
	const char *target, *version;
	size_t length;
	int r;

	target = memchr(line.text, ' ', line.length);
	version = memrchr(line.text, ' ', line.length);
	if (!target || target == version || !is_token(line.text, (size_t)(target - line.text)))
		return -EBADMSG;
	target++;
	length = (size_t)(version - target);
	if (length == 0 || memchr(target, ' ', length) || !is_plain(target, length, false))
		return -EBADMSG;
	version++;
	r = read_version(version, line.length - (size_t)(version - line.text), ret_1_0);
	if (r == 0)
		r = message_keep(message, line.text, (size_t)(target - 1 - line.text),
				 &message->method);
	return r < 0 ? r : read_target(message, target, length);
}

/* The authority is that of the target, else the one Host field. */
static int check_host(struct message *message, bool version_1_0)
{
	const char *host = message_value(message, "host");
	size_t count = count_fields(message, "host");

	if (count > 1 || (count == 0 && !version_1_0))
		return -EBADMSG;
	if (message->authority || !host)
		return 0;
	for (size_t i = 0; i < message->fields_count; i++)
		if (message->text + message->fields[i].value == host)
			message->authority = message->fields[i].value;
	return 0;
}

/* The one coding that is known is chunked, alone; with a length beside it, it is how requests are
 * smuggled. */
static int read_coding(const struct message *message, bool version_1_0, bool *ret_chunked)
{
	const char *coding = message_value(message, "transfer-encoding");

	*ret_chunked = coding != NULL;
	if (!coding)
		return 0;
	if (version_1_0 || count_fields(message, "transfer-encoding") > 1 ||
	    message->has_content_length_field || strcasecmp(coding, "chunked") != 0)
		return -EBADMSG;
	return 0;
}

static bool reads_keep_alive(const struct message *message, bool version_1_0)
{
	if (version_1_0)
		return connection_says(message, "keep-alive");
	return !connection_says(message, "close");
}

static bool reads_upgrade(const struct message *message, bool version_1_0)
{
	return !version_1_0 && connection_says(message, "upgrade") &&
	       message_value(message, "upgrade");
}

/* Finds the head's end and its first line. 0, -EAGAIN or -ENOBUFS. */
static int open_head(const uint8_t *bytes, size_t length, size_t *scanned, size_t *ret_end)
{
	*ret_end = find_end(bytes, length, *scanned);
	if (*ret_end == 0) {
		*scanned = length;
		return length >= MESSAGE_TEXT_MAX ? -ENOBUFS : -EAGAIN;
	}
	return *ret_end > MESSAGE_TEXT_MAX ? -ENOBUFS : 0;
}

int http1_read_request(const uint8_t *bytes, size_t length, size_t *scanned,
		       struct message *message, struct http1_head *ret_head)
{
	struct http1_head head = {0};
	const char *text, *end, *expect;
	bool chunked = false;
	size_t skipped = 0;
	int r;

	/* Empty lines in front of a request (RFC 9112, 2.2), a few of them. */
	while (skipped < length && skipped < 8 &&
	       (bytes[skipped] == '\r' || bytes[skipped] == '\n'))
		skipped++;
	if (skipped == length)
		return -EAGAIN;
	r = open_head(bytes + skipped, length - skipped, scanned, &head.length);
	if (r < 0)
		return r;
	text = (const char *)bytes + skipped;
	end = text + head.length;
	head.length += skipped;
	r = read_request_line(message, next_line(&text, end), &head.version_1_0);
	if (r == 0)
		r = read_fields(message, text, end);
	if (r == 0)
		r = check_host(message, head.version_1_0);
	if (r == 0)
		r = read_coding(message, head.version_1_0, &chunked);
	if (r < 0)
		return r;
	if (chunked)
		head.framing = HTTP1_CHUNKED;
	else if (message->content_length > 0)
		head.framing = HTTP1_LENGTH;
	head.keep_alive = reads_keep_alive(message, head.version_1_0);
	expect = message_value(message, "expect");
	head.upgrade = reads_upgrade(message, head.version_1_0);
	head.expects = expect && strcasecmp(expect, "100-continue") == 0 && !head.version_1_0;
	*ret_head = head;
	return 0;
}

static int read_status_line(struct message *message, struct line line, bool *ret_1_0)
{
	int r;

	if (line.length < 12 || line.text[8] != ' ' || (line.length > 12 && line.text[12] != ' '))
		return -EBADMSG;
	r = read_version(line.text, 8, ret_1_0);
	if (r < 0)
		return r;
	for (size_t i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)line.text[i]))
			return -EBADMSG;
		message->status = (uint16_t)(10 * message->status + (line.text[i] - '0'));
	}
	if (message->status < 100 || !is_plain(line.text + 12, line.length - 12, true))
		return -EBADMSG;
	if (line.length <= 13)
		return 0;
	return message_keep(message, line.text + 13, line.length - 13, &message->reason);
}

bool http1_is_bodyless(unsigned int status, bool to_head)
{
	return to_head || status < 200 || status == 204 || status == 304;
}

int http1_read_response(const uint8_t *bytes, size_t length, size_t *scanned, bool to_head,
			struct message *message, struct http1_head *ret_head)
{
	struct http1_head head = {0};
	const char *text = (const char *)bytes, *end;
	bool chunked = false;
	int r = open_head(bytes, length, scanned, &head.length);

	if (r < 0)
		return r;
	end = text + head.length;
	r = read_status_line(message, next_line(&text, end), &head.version_1_0);
	if (r == 0)
		r = read_fields(message, text, end);
	if (r == 0)
		r = read_coding(message, head.version_1_0, &chunked);
	if (r < 0)
		return r;
	head.keep_alive = reads_keep_alive(message, head.version_1_0);
	if (!http1_is_bodyless(message->status, to_head)) {
		if (chunked)
			head.framing = HTTP1_CHUNKED;
		else if (message->content_length > 0)
			head.framing = HTTP1_LENGTH;
		else if (message->content_length < 0)
			head.framing = HTTP1_UNTIL_CLOSE;
	}
	head.upgrade = message->status == 101 && reads_upgrade(message, head.version_1_0);
	if (head.upgrade)
		head.framing = HTTP1_UNTIL_CLOSE;
	head.keep_alive = head.keep_alive && head.framing != HTTP1_UNTIL_CLOSE;
	*ret_head = head;
	return 0;
}
