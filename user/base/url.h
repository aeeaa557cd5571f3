/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stdint.h>

#include "user/base/address.h"

/* The parts of a URL that say where it leads. */
struct url {
	char scheme[16];      /* lower case */
	char host[NAME_SIZE]; /* lower case name, or an address without brackets */
	uint16_t port;	      /* that of the scheme when none is given; 0: neither */
};

/*
 * "https://user@host:8443/path": -EINVAL when there is no scheme or host, the host is neither a
 * name nor an address, the port is none, or a space or control character is anywhere.
 */
int url_parse(const char *text, struct url *ret_url);

#endif
