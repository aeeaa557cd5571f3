/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with descriptors over a unix socket (SCM_RIGHTS). */
#ifndef DAEMON_PASS_H
#define DAEMON_PASS_H

#include <stddef.h>
#include <sys/types.h>

enum { PASS_MAX = 8 };

/* Sends one message; `fds` are copied to the peer. `flags` as for send(2). 0 or -errno. */
int pass_send(int socket, const void *message, size_t size, const int *fds, size_t fds_count,
	      int flags);

/*
 * Receives one message. The caller closes the up to `fds_most` (at most PASS_MAX) descriptors that
 * `fds` is given; what the peer sent beyond that is closed. Returns the message's size, 0 when the
 * peer is gone, or -errno; -EMSGSIZE when it is longer than `size`.
 */
ssize_t pass_receive(int socket, void *message, size_t size, int *fds, size_t fds_most,
		     size_t *ret_fds_count, int flags);

#endif
