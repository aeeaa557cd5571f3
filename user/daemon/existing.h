/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that are open already: found and destroyed through sock_diag (the gate to libnl).
 * Each function sees one network namespace: that of `netlink`, a NETLINK_SOCK_DIAG socket, which is
 * borrowed, or with -1 the calling process's own. Needs CAP_NET_ADMIN, also of who opened it.
 */
#ifndef DAEMON_EXISTING_H
#define DAEMON_EXISTING_H

#include <stdint.h>

#include "user/base/failure.h"

/* One TCP connection that this host opened, established or being opened. */
struct existing_connection {
	uint8_t address[16]; /* destination, v4-mapped for IPv4 */
	uint16_t port;	     /* host byte order */
	uint64_t cgroup;     /* id; 0: the kernel does not tell */
	uint64_t cookie;     /* of the socket */
	uint32_t uid;	     /* of the socket */
};

enum existing_verdict {
	EXISTING_IGNORE, /* not the rule's */
	EXISTING_SPARE,	 /* perhaps the rule's: counted, left alone */
	EXISTING_RESET,
};
typedef enum existing_verdict (*existing_judge_fn)(void *context,
						   const struct existing_connection *connection);

/*
 * Asks `judge` about every connection and destroys those it says; the peer gets an RST, the owner
 * ECONNABORTED. `ret_found` counts all but the ignored, `ret_reset` what was destroyed; both are
 * set on failure too. 0, or -errno with the cause; -EOPNOTSUPP when this kernel cannot destroy
 * sockets.
 */
int existing_reset(int netlink, existing_judge_fn judge, void *context, uint64_t *ret_found,
		   uint64_t *ret_reset, struct failure *failure);

/* A connection by its two ends; addresses v4-mapped for IPv4. */
struct existing_ends {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint64_t cookie; /* of the socket: another one between these ends is spared */
};

/* Destroys one connection. 1: destroyed; 0: gone already; -errno with the cause. */
int existing_destroy(int netlink, const struct existing_ends *ends, struct failure *failure);

#endif
