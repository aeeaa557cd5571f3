/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/existing.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "user/base/cleanup.h"

enum { SOCKETS_MAX = 1 << 20 };

struct found_socket {
	struct inet_diag_sockid id;
	uint64_t cgroup;
	uint32_t uid;
	uint8_t family;
	uint8_t state;
};

struct sockets {
	struct found_socket *items;
	size_t count;
	bool short_of_memory;
	uint8_t listening[65536 / 8]; /* bit per local port that somebody listens on */
};

static void cleanup_socket(struct nl_sock **netlink)
{
	nl_socket_free(*netlink);
}

static void cleanup_message(struct nl_msg **message)
{
	nlmsg_free(*message);
}

static bool is_listening(const struct sockets *sockets, uint16_t port)
{
	return sockets->listening[port / 8] >> port % 8 & 1;
}

static void keep(struct sockets *sockets, const struct found_socket *found)
{
	struct found_socket *larger;

	if (sockets->count >= SOCKETS_MAX) {
		sockets->short_of_memory = true;
		return;
	}
	if (!(sockets->count & (sockets->count - 1))) {
		larger = reallocarray(sockets->items, sockets->count ? sockets->count * 2 : 1,
				      sizeof(*larger));
		if (!larger) {
			sockets->short_of_memory = true;
			return;
		}
		sockets->items = larger;
	}
	sockets->items[sockets->count++] = *found;
}

static int on_socket(struct nl_msg *message, void *context)
{
	struct sockets *sockets = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct inet_diag_msg *socket;
	const struct nlattr *cgroup;
	struct found_socket found = {};
	uint16_t port;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    nlmsg_datalen(header) < (int)sizeof(*socket))
		return NL_SKIP;
	socket = nlmsg_data(header);
	if (socket->idiag_state == TCP_LISTEN) {
		port = ntohs(socket->id.idiag_sport);
		sockets->listening[port / 8] |= (uint8_t)(1U << port % 8);
		return NL_OK;
	}
	found.id = socket->id;
	found.uid = socket->idiag_uid;
	found.family = socket->idiag_family;
	found.state = socket->idiag_state;
	cgroup = nlmsg_find_attr(header, sizeof(*socket), INET_DIAG_CGROUP_ID);
	if (cgroup && nla_len(cgroup) >= (int)sizeof(found.cgroup))
		found.cgroup = nla_get_u64(cgroup);
	keep(sockets, &found);
	return NL_OK;
}

static int dump(struct nl_sock *netlink, uint8_t family, struct failure *failure)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = 1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_LISTEN,
	};
	int r = nl_send_simple(netlink, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request));

	if (r >= 0)
		r = nl_recvmsgs_default(netlink);
	return r < 0 ? fail(failure, -EIO, "listing TCP sockets: %s", nl_geterror(r)) : 0;
}

/* 1: destroyed; 0: gone meanwhile; -errno. */
static int destroy(struct nl_sock *netlink, const struct found_socket *found,
		   struct failure *failure)
{
	_cleanup_(cleanup_message) struct nl_msg *message =
		nlmsg_alloc_simple(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK);
	struct inet_diag_req_v2 request = {
		.sdiag_family = found->family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = 1U << found->state,
		.id = found->id,
	};
	int r;

	if (!message || nlmsg_append(message, &request, sizeof(request), NLMSG_ALIGNTO))
		return fail(failure, -ENOMEM, "out of memory");
	r = nl_send_auto(netlink, message);
	if (r >= 0)
		r = nl_wait_for_ack(netlink);
	switch (-r) {
	case NLE_OBJ_NOTFOUND:
		return 0;
	case NLE_OPNOTSUPP:
		return fail(failure, -EOPNOTSUPP,
			    "this kernel cannot destroy sockets (CONFIG_INET_DIAG_DESTROY)");
	default:
		return r < 0 ? fail(failure, -EIO, "destroying a socket: %s", nl_geterror(r)) : 1;
	}
}

static void describe(const struct found_socket *found, struct existing_connection *ret_connection)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (found->family == AF_INET) {
		memcpy(ret_connection->address, mapped, sizeof(mapped));
		memcpy(ret_connection->address + 12, found->id.idiag_dst, 4);
	} else {
		memcpy(ret_connection->address, found->id.idiag_dst, 16);
	}
	ret_connection->port = ntohs(found->id.idiag_dport);
	ret_connection->cgroup = found->cgroup;
	ret_connection->cookie =
		(uint64_t)found->id.idiag_cookie[1] << 32 | found->id.idiag_cookie[0];
	ret_connection->uid = found->uid;
}

/* Makes `netlink` a copy of `fd`; -1: one of the calling process's own namespace. */
static int open_diag(struct nl_sock *netlink, int fd, struct failure *failure)
{
	int copy, r;

	if (fd < 0) {
		r = nl_connect(netlink, NETLINK_SOCK_DIAG);
	} else {
		/* Freeing the socket closes its descriptor. */
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		r = copy < 0 ? -NLE_BAD_SOCK : nl_socket_set_fd(netlink, NETLINK_SOCK_DIAG, copy);
		if (copy >= 0 && r < 0)
			close(copy);
	}
	return r < 0 ? fail(failure, -EIO, "opening sock_diag: %s", nl_geterror(r)) : 0;
}

static int list(struct nl_sock *netlink, struct sockets *sockets, struct failure *failure)
{
	int r;

	nl_socket_modify_cb(netlink, NL_CB_VALID, NL_CB_CUSTOM, on_socket, sockets);
	/* A dump during which sockets came or went is as good as any. */
	nl_socket_modify_cb(netlink, NL_CB_DUMP_INTR, NL_CB_DEFAULT, NULL, NULL);
	r = dump(netlink, AF_INET, failure);
	if (!r)
		r = dump(netlink, AF_INET6, failure);
	if (!r && sockets->short_of_memory)
		r = fail(failure, -ENOMEM, "too many TCP sockets to list");
	return r;
}

static int reset_matching(struct nl_sock *netlink, const struct sockets *sockets,
			  existing_judge_fn judge, void *context, uint64_t *found_count,
			  uint64_t *reset_count, struct failure *failure)
{
	for (size_t i = 0; i < sockets->count; i++) {
		const struct found_socket *found = &sockets->items[i];
		struct existing_connection connection;
		enum existing_verdict verdict;
		int r;

		/* Somebody listens on its local port: the peer opened it. */
		if (is_listening(sockets, ntohs(found->id.idiag_sport)))
			continue;
		describe(found, &connection);
		verdict = judge(context, &connection);
		*found_count += verdict != EXISTING_IGNORE;
		if (verdict != EXISTING_RESET)
			continue;
		r = destroy(netlink, found, failure);
		if (r < 0)
			return r;
		*reset_count += (uint64_t)r;
	}
	return 0;
}

int existing_reset(int netlink_fd, existing_judge_fn judge, void *context, uint64_t *ret_found,
		   uint64_t *ret_reset, struct failure *failure)
{
	_cleanup_(cleanup_socket) struct nl_sock *netlink = nl_socket_alloc();
	struct sockets *sockets = calloc(1, sizeof(*sockets));
	uint64_t found = 0, reset = 0;
	int r;

	if (!netlink || !sockets) {
		free(sockets);
		return fail(failure, -ENOMEM, "out of memory");
	}
	r = open_diag(netlink, netlink_fd, failure);
	if (!r)
		r = list(netlink, sockets, failure);
	if (!r)
		r = reset_matching(netlink, sockets, judge, context, &found, &reset, failure);
	free(sockets->items);
	free(sockets);
	/* Counts stay true when it failed half way. */
	*ret_found = found;
	*ret_reset = reset;
	return r;
}

static bool is_mapped(const uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(address, mapped, sizeof(mapped));
}

/* Dual-stack sockets are found as what they were opened for, so both families are tried. */
static int destroy_as(struct nl_sock *netlink, const struct existing_ends *ends, uint8_t family,
		      struct failure *failure)
{
	struct found_socket found = {.family = family, .state = TCP_ESTABLISHED};
	size_t skip = family == AF_INET ? 12 : 0;

	found.id.idiag_sport = htons(ends->local_port);
	found.id.idiag_dport = htons(ends->remote_port);
	memcpy(found.id.idiag_src, ends->local + skip, 16 - skip);
	memcpy(found.id.idiag_dst, ends->remote + skip, 16 - skip);
	found.id.idiag_cookie[0] = (uint32_t)ends->cookie;
	found.id.idiag_cookie[1] = (uint32_t)(ends->cookie >> 32);
	return destroy(netlink, &found, failure);
}

int existing_destroy(int netlink_fd, const struct existing_ends *ends, struct failure *failure)
{
	_cleanup_(cleanup_socket) struct nl_sock *netlink = nl_socket_alloc();
	int r;

	if (!netlink)
		return fail(failure, -ENOMEM, "out of memory");
	r = open_diag(netlink, netlink_fd, failure);
	if (r)
		return r;
	r = is_mapped(ends->remote) ? destroy_as(netlink, ends, AF_INET, failure) : 0;
	return r ? r : destroy_as(netlink, ends, AF_INET6, failure);
}
