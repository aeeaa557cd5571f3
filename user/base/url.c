/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/url.h"

#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"

static const struct {
	const char *scheme;
	uint16_t port;
} default_ports[] = {{"http", 80}, {"https", 443}};

static int parse_scheme(const char *text, size_t length, struct url *url)
{
	if (length == 0 || length >= sizeof(url->scheme))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		char c = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);

		if ((c < 'a' || c > 'z') && (i == 0 || ((c < '0' || c > '9') && !strchr("+-.", c))))
			return -EINVAL;
		url->scheme[i] = c;
	}
	for (size_t i = 0; i < ARRAY_SIZE(default_ports); i++) {
		if (strcmp(url->scheme, default_ports[i].scheme) == 0)
			url->port = default_ports[i].port;
	}
	return 0;
}

/* "host", "host:port", "[address]:port". */
static int parse_host(const char *text, size_t length, struct url *url)
{
	const char *bracket = text[0] == '[' ? memchr(text, ']', length) : NULL;
	const char *colon = memchr(bracket ? bracket : text, ':',
				   length - (size_t)(bracket ? bracket - text : 0));
	size_t host_length = colon ? (size_t)(colon - text) : length;
	struct address_prefix prefix;
	struct port_range port;
	char host[NAME_SIZE], digits[8];
	size_t port_length = length - host_length;

	if (host_length >= sizeof(host) || port_length > sizeof(digits))
		return -EINVAL;
	memcpy(host, text, host_length);
	host[host_length] = '\0';
	if (colon) {
		memcpy(digits, colon + 1, port_length - 1);
		digits[port_length - 1] = '\0';
		if (strchr(digits, '-') || port_parse_range(digits, &port) < 0)
			return -EINVAL;
		url->port = port.first;
	}
	if (!strchr(host, '/') && address_parse_prefix(host, &prefix) == 0) {
		char address[ADDRESS_TEXT_SIZE];

		address_format(prefix.address, address);
		memcpy(url->host, address, sizeof(address));
		return 0;
	}
	return strchr(host, '*') ? -EINVAL : name_parse(host, url->host, NULL);
}

int url_parse(const char *text, struct url *ret_url)
{
	const char *authority = strstr(text, "://");
	struct url url = {0};
	const char *at;
	size_t length;

	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c <= 0x20 || *c == 0x7f)
			return -EINVAL;
	}
	if (!authority || parse_scheme(text, (size_t)(authority - text), &url) < 0)
		return -EINVAL;
	authority += 3;
	length = strcspn(authority, "/?#");
	at = memrchr(authority, '@', length);
	if (at) {
		length -= (size_t)(at + 1 - authority);
		authority = at + 1;
	}
	if (length == 0 || parse_host(authority, length, &url) < 0)
		return -EINVAL;
	*ret_url = url;
	return 0;
}
