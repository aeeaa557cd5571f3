/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/pass.h"

#include <string.h>
#include <sys/socket.h>

#include "user/base/cleanup.h"

union ancillary {
	struct cmsghdr header;
	char space[CMSG_SPACE(PASS_MAX * sizeof(int))];
};

int pass_send(int socket, const void *message, size_t size, const int *fds, size_t fds_count,
	      int flags)
{
	struct iovec part = {.iov_base = (void *)message, .iov_len = size};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union ancillary ancillary = {};

	if (fds_count > PASS_MAX)
		return -EINVAL;
	if (fds_count) {
		struct cmsghdr *rights;

		header.msg_control = &ancillary;
		header.msg_controllen = CMSG_SPACE(fds_count * sizeof(int));
		rights = CMSG_FIRSTHDR(&header);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(fds_count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, fds_count * sizeof(int));
	}
	return sendmsg(socket, &header, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Takes the descriptors of one ancillary message: as many as there is room for. */
static size_t take_rights(const struct cmsghdr *rights, int *fds, size_t most)
{
	size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int), taken = 0;

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(rights) + i * sizeof(fd), sizeof(fd));
		if (taken < most)
			fds[taken++] = fd;
		else
			close(fd);
	}
	return taken;
}

ssize_t pass_receive(int socket, void *message, size_t size, int *fds, size_t fds_most,
		     size_t *ret_fds_count, int flags)
{
	struct iovec part = {.iov_base = message, .iov_len = size};
	union ancillary ancillary = {};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &ancillary,
		.msg_controllen = sizeof(ancillary),
	};
	ssize_t got = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
	size_t taken = 0;

	if (got < 0)
		return -errno;
	for (struct cmsghdr *part_header = CMSG_FIRSTHDR(&header); part_header;
	     part_header = CMSG_NXTHDR(&header, part_header))
		if (part_header->cmsg_level == SOL_SOCKET && part_header->cmsg_type == SCM_RIGHTS)
			taken += take_rights(part_header, fds + taken, fds_most - taken);
	if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < taken; i++)
			close(fds[i]);
		return -EMSGSIZE;
	}
	*ret_fds_count = taken;
	return got;
}
