/* SPDX-License-Identifier: Apache-2.0 */
/* Request and response heads: against each other's cuts, stale bytes and a plain reference. */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "kernel/http.h"

static struct fault_text text;

typedef int parse_function(const struct fault_text *, struct http_head *);

/* Parses `length` bytes of the input; stale bytes must not matter. */
static int parse(parse_function *parser, const uint8_t *data, size_t size, size_t length,
		 struct http_head *ret_head)
{
	size_t stale = 1 + fuzz_choice(data, size) % STALE_COUNT;
	struct http_head again;
	int result;

	memset(ret_head, 0x11, sizeof(*ret_head));
	memset(&again, 0xee, sizeof(again));
	fuzz_fill(&text, data, size, length, stale);
	result = parser(&text, ret_head);
	fuzz_fill(&text, data, size, length, 0);
	require(parser(&text, &again) == result, "the result depends on stale bytes");
	require(memcmp(&again, ret_head, sizeof(again)) == 0, "the head depends on stale bytes");
	return result;
}

/* Where the first empty line ends, found the plain way; 0: nowhere. */
static size_t head_end(const uint8_t *data, size_t size)
{
	size_t start = 0;

	for (size_t i = 0; i < size; i++) {
		if (data[i] != '\n')
			continue;
		if (start && (i == start || (i == start + 1 && data[start] == '\r')))
			return i + 1;
		start = i + 1;
	}
	return 0;
}

/* What a complete head says must be in the head, and as a plain reader has it. */
static void check_complete(const uint8_t *data, size_t size, const struct http_head *head)
{
	size_t end = head->header_length;

	require(end > 0 && end <= size && end <= FAULT_TEXT_MAX, "the head ends in the text");
	require(end == head_end(data, size), "the head ends at the first empty line");
	require(head->path_at + head->path_length <= end, "the path lies in the head");
	require(head->host_at + head->host_length <= end, "the host lies in the head");
	for (size_t i = 0; i < head->path_length; i++)
		require(data[head->path_at + i] > ' ', "no blank in the path");
	/* What is too long for a name is looked up nowhere; its port is not looked for. */
	require(head->host_length > FAULT_NAME_MAX ||
			!memchr(data + head->host_at, ':', head->host_length),
		"no port in the host");
	require(!memchr(data + head->host_at, '\n', head->host_length), "no line end in the host");
	if (head->host_length) {
		require(!isblank(data[head->host_at]), "no blank in front of the host");
		require(!isblank(data[head->host_at + head->host_length - 1]),
			"no blank behind the host");
	}
	require(head->content_length < 1000000000000000000ULL, "the length has 18 digits");
	require(!(head->flags & HTTP_AMBIGUOUS), "ambiguous heads are not complete");
	require(!((head->flags & HTTP_CHUNKED) && (head->flags & HTTP_HAS_LENGTH)),
		"chunks or a length");
	require((head->flags & HTTP_HAS_LENGTH) || !head->content_length, "no length, no body");
}

/* What was told of the front of a stream must still hold when more of it has come. */
static void check_cut(parse_function *parser, const uint8_t *data, size_t size, size_t cut,
		      int result, const struct http_head *head)
{
	struct http_head front;
	int before = parser == http_parse_request || cut >= 13
			     ? parse(parser, data, size, cut, &front)
			     : HTTP_INCOMPLETE;

	if (before == HTTP_NOT)
		require(result == HTTP_NOT, "what was no HTTP/1 stays none");
	else if (before == HTTP_COMPLETE)
		require(result == HTTP_COMPLETE && memcmp(&front, head, sizeof(front)) == 0,
			"a whole head stays as it is");
	else if (before == HTTP_TOO_LONG)
		require(result == HTTP_TOO_LONG, "what is too long stays so");
	if (result == HTTP_COMPLETE && cut < head->header_length)
		require(before == HTTP_INCOMPLETE, "the front of a head is incomplete");
}

static void check(parse_function *parser, const uint8_t *data, size_t size)
{
	struct http_head head;
	int result = parse(parser, data, size, size, &head);

	require(result >= HTTP_COMPLETE && result <= HTTP_TOO_LONG, "the result is one");
	if (result == HTTP_COMPLETE)
		check_complete(data, size, &head);
	if (result == HTTP_INCOMPLETE)
		require(size < FAULT_TEXT_MAX, "a full text is never waited for");
	check_cut(parser, data, size, size ? fuzz_choice(data, size) % size : 0, result, &head);
	if (result == HTTP_COMPLETE) {
		check_cut(parser, data, size, head.header_length, result, &head);
		check_cut(parser, data, size, head.header_length - 1, result, &head);
	}
}

/* The keys that the maps are asked for. */
static void check_keys(const uint8_t *data, size_t size)
{
	struct fault_name_key name;
	struct fault_path_key path;
	struct http_head head;

	if (parse(http_parse_request, data, size, size, &head) != HTTP_COMPLETE)
		return;
	require(text_path_key(&text, head.path_at, head.path_length, &path) == 0, "a path key");
	require(path.length <= FAULT_PATH_MAX * 8, "the path key is in bounds");
	require(memcmp(path.path, data + head.path_at, path.length / 8) == 0, "the path key");
	if (text_name_key(&text, head.host_at, head.host_length, &name))
		return;
	require(name.length > 8 && name.length <= 254 * 8, "the name key is in bounds");
	require(strlen((const char *)name.name) == name.length / 8 - 1, "one NUL, at the end");
	for (size_t i = 0; name.name[i]; i++)
		require(name.name[i] > ' ' && !isupper(name.name[i]), "a name's bytes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(http_parse_request, data, size);
	check(http_parse_response, data, size);
	check_keys(data, size);
	return 0;
}
