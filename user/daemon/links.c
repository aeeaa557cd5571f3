/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/links.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/rtnl.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/tcx.h"

enum { INTERFACES_MAX = 4096 };

struct interface {
	unsigned int index;
	int egress, forward, ingress; /* links; -1: none */
};

struct links {
	struct links_programs programs;
	struct interface *items;
	size_t count;
	struct nl_sock *changes;
	struct failure *failure; /* of the call that is under way */
	int r;			 /* of the message last handled */
};

/* What is in front of the IP header on each kind of interface; the others are left alone. */
static const struct {
	unsigned short type; /* ARPHRD_* */
	struct fault_device device;
} kinds[] = {
	{ARPHRD_ETHER, {.header = 14}},
	{ARPHRD_LOOPBACK, {.header = 14, .flags = FAULT_DEVICE_LOOPBACK}},
	{ARPHRD_NONE, {.header = 0}}, /* WireGuard, tun */
	{ARPHRD_RAWIP, {.header = 0}},
};

static const struct fault_device *device_of(unsigned short type)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].type == type)
			return &kinds[i].device;
	return NULL;
}

static struct interface *find(const struct links *links, unsigned int index)
{
	for (size_t i = 0; i < links->count; i++)
		if (links->items[i].index == index)
			return &links->items[i];
	return NULL;
}

static void detach(struct links *links, struct interface *interface)
{
	struct failure ignored;

	cleanup_close(&interface->egress);
	cleanup_close(&interface->forward);
	cleanup_close(&interface->ingress);
	links->programs.tell(links->programs.context, interface->index, NULL, NULL, &ignored);
	*interface = links->items[--links->count];
}

static int attach_at(int program, unsigned int index, bool egress, int *ret_link,
		     struct failure *failure)
{
	int link = program < 0 ? -1 : tcx_attach(program, index, egress);

	if (program < 0 || link >= 0) {
		*ret_link = link;
		return 0;
	}
	if (link == -EINVAL)
		return fail(failure, -EOPNOTSUPP, LINKS_NEED_TCX);
	return fail(failure, link, "attaching at interface %u: %s", index, strerror(-link));
}

static int attach(struct links *links, unsigned int index, const char *name,
		  const struct fault_device *device, struct failure *failure)
{
	struct interface *larger, interface = {index, -1, -1, -1};
	int r;

	if (links->count == INTERFACES_MAX)
		return fail(failure, -E2BIG, "more than %d interfaces", INTERFACES_MAX);
	larger = reallocarray(links->items, links->count + 1, sizeof(*larger));
	if (!larger)
		return fail(failure, -ENOMEM, "out of memory");
	links->items = larger;
	r = links->programs.tell(links->programs.context, index, name, device, failure);
	if (r)
		return r;
	r = attach_at(links->programs.egress, index, true, &interface.egress, failure);
	if (!r)
		r = attach_at(links->programs.forward, index, false, &interface.forward, failure);
	if (!r)
		r = attach_at(links->programs.ingress, index, false, &interface.ingress, failure);
	links->items[links->count++] = interface;
	if (!r)
		return 0;
	detach(links, &links->items[links->count - 1]);
	/* It has gone in the meantime. */
	return r == -ENODEV ? 0 : r;
}

/* One interface as the kernel tells of it, in a dump or when it changes. */
static int on_interface(struct nl_msg *message, void *context)
{
	struct links *links = context;
	const struct nlmsghdr *header = nlmsg_hdr(message);
	const struct fault_device *device;
	const struct ifinfomsg *info;
	const struct nlattr *attribute;
	struct interface *known;
	unsigned int index;
	const char *name;

	if (!nlmsg_valid_hdr(header, sizeof(*info)))
		return NL_SKIP;
	info = nlmsg_data(header);
	/* Bridges tell of their ports in messages of their own family. */
	if (info->ifi_family != AF_UNSPEC || info->ifi_index <= 0)
		return NL_SKIP;
	index = (unsigned int)info->ifi_index;
	known = find(links, index);
	device = device_of(info->ifi_type);
	attribute = nlmsg_find_attr((struct nlmsghdr *)header, sizeof(*info), IFLA_IFNAME);
	name = attribute ? nla_get_string(attribute) : "";
	if (header->nlmsg_type == RTM_DELLINK && known)
		detach(links, known);
	else if (header->nlmsg_type == RTM_NEWLINK && known)
		/* It may have another name now. */
		links->r = links->programs.tell(links->programs.context, index, name, device,
						links->failure);
	else if (header->nlmsg_type == RTM_NEWLINK && device)
		links->r = attach(links, index, name, device, links->failure);
	return links->r ? NL_STOP : NL_OK;
}

static struct nl_sock *open_socket(struct links *links)
{
	struct nl_sock *netlink = nl_socket_alloc();

	if (!netlink)
		return NULL;
	nl_socket_disable_seq_check(netlink);
	if (nl_socket_modify_cb(netlink, NL_CB_VALID, NL_CB_CUSTOM, on_interface, links) ||
	    nl_connect(netlink, NETLINK_ROUTE)) {
		nl_socket_free(netlink);
		return NULL;
	}
	return netlink;
}

/* Attaches at every interface that is there. */
static int take_all(struct links *links, struct failure *failure)
{
	struct nl_sock *netlink = open_socket(links);
	int r;

	if (!netlink)
		return fail(failure, -EIO, "asking for the interfaces: no netlink");
	links->r = 0;
	links->failure = failure;
	r = nl_rtgen_request(netlink, RTM_GETLINK, AF_UNSPEC, NLM_F_DUMP);
	r = r < 0 ? r : nl_recvmsgs_default(netlink);
	nl_socket_free(netlink);
	if (links->r)
		return links->r;
	return r < 0 ? fail(failure, -EIO, "asking for the interfaces: %s", nl_geterror(r)) : 0;
}

int links_open(const struct links_programs *programs, struct links **ret_links,
	       struct failure *failure)
{
	struct links *links = calloc(1, sizeof(*links));
	int r = 0;

	if (!links)
		return fail(failure, -ENOMEM, "out of memory");
	links->programs = *programs;
	/* Watching begins before the look, so that none is missed between the two. */
	links->changes = open_socket(links);
	if (!links->changes || nl_socket_set_nonblocking(links->changes) ||
	    nl_socket_add_memberships(links->changes, RTNLGRP_LINK, 0))
		r = fail(failure, -EIO, "watching for interfaces: no netlink");
	if (!r)
		r = take_all(links, failure);
	if (r) {
		links_free(links);
		return r;
	}
	*ret_links = links;
	return 0;
}

void links_free(struct links *links)
{
	if (!links)
		return;
	while (links->count)
		detach(links, &links->items[links->count - 1]);
	if (links->changes)
		nl_socket_free(links->changes);
	free(links->items);
	free(links);
}

int links_fd(const struct links *links)
{
	return nl_socket_get_fd(links->changes);
}

int links_read(struct links *links, struct failure *failure)
{
	int r;

	do {
		links->r = 0;
		links->failure = failure;
		r = nl_recvmsgs_default(links->changes);
	} while (r >= 0 && !links->r);
	if (links->r)
		return links->r;
	/* More changes than the socket holds: what is there now is what counts. */
	if (r == -NLE_NOMEM)
		return take_all(links, failure);
	return r == -NLE_AGAIN ? 0
			       : fail(failure, -EIO, "watching for interfaces: %s", nl_geterror(r));
}

uint32_t links_count(const struct links *links)
{
	uint32_t count = 0;

	for (size_t i = 0; i < links->count; i++)
		count += (links->items[i].egress >= 0) + (links->items[i].forward >= 0) +
			 (links->items[i].ingress >= 0);
	return count;
}
