/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/gate_socket.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"

/* Strangers that may come between before this is given up. */
enum { STRANGERS_MAX = 16 };

static int address_of(int fd, struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof(*ret_address);

	return getsockname(fd, (struct sockaddr *)ret_address, &size) ? -errno : 0;
}

/* Accepts the connection that comes from `from`. Returns it or -errno. */
static int accept_from(int listener, const struct sockaddr_in *from)
{
	for (int i = 0; i < STRANGERS_MAX; i++) {
		struct sockaddr_in peer;
		socklen_t size = sizeof(peer);
		_cleanup_close_ int fd =
			accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);

		if (fd < 0)
			return -errno;
		if (peer.sin_port == from->sin_port &&
		    peer.sin_addr.s_addr == from->sin_addr.s_addr)
			return TAKE_FD(fd);
	}
	return -ECONNABORTED;
}

static int open_both(int *ret_socket, int *ret_other_end)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int other, r;

	if (listener < 0 || fd < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
		return -errno;
	r = address_of(listener, &address);
	if (r)
		return r;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	r = address_of(fd, &address);
	if (r)
		return r;
	other = accept_from(listener, &address);
	if (other < 0)
		return other;
	*ret_socket = TAKE_FD(fd);
	*ret_other_end = other;
	return 0;
}

int gate_socket_open(int *ret_socket, int *ret_other_end, struct failure *failure)
{
	int r = open_both(ret_socket, ret_other_end);

	return r ? fail(failure, r, "a connection over loopback for the gate: %s", strerror(-r))
		 : 0;
}
