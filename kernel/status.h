/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The status of an HTTP/1 response, from the front of a segment: "HTTP/1.x NNN" (RFC 9112, 4).
 * Pure, also compiled on the host.
 */
#ifndef FAULTD_STATUS_H
#define FAULTD_STATUS_H

#include "kernel/contract.h"
#include "kernel/portable.h"

enum { STATUS_FRONT = 12 }; /* bytes of a status line up to its status */

FAULT_INLINE int status_is_digit(__u8 byte)
{
	return byte >= '0' && byte <= '9';
}

/* The status of the response that begins with `front`; 0: none does. */
FAULT_INLINE __u32 status_of(const __u8 front[STATUS_FRONT])
{
	if (front[0] != 'H' || front[1] != 'T' || front[2] != 'T' || front[3] != 'P' ||
	    front[4] != '/' || front[5] != '1' || front[6] != '.' || !status_is_digit(front[7]) ||
	    front[8] != ' ' || front[9] < '1' || front[9] > '5' || !status_is_digit(front[10]) ||
	    !status_is_digit(front[11]))
		return 0;
	return (__u32)(front[9] - '0') * 100 + (__u32)(front[10] - '0') * 10 +
	       (__u32)(front[11] - '0');
}

/* What `status`, from 100 to 599, counts as. */
FAULT_INLINE enum fault_response status_class(__u32 status)
{
	if (status == 429)
		return FAULT_RESPONSE_429;
	if (status == 503)
		return FAULT_RESPONSE_503;
	return (enum fault_response)(FAULT_RESPONSE_1XX + status / 100 - 1);
}

#endif
