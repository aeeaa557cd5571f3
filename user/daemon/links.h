/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link layer's programs at every interface of this network namespace, those that appear later
 * too. With the last descriptor everything is gone.
 */
#ifndef DAEMON_LINKS_H
#define DAEMON_LINKS_H

#include <stdint.h>

#include "kernel/contract.h"
#include "user/base/failure.h"

/* Why a kernel without tcx refuses them. */
#define LINKS_NEED_TCX                                                                             \
	"reset, cut, rate, corrupt, dns and forwarded traffic need tcx, which this kernel has "    \
	"not: Linux 6.6 is the first with it"

struct links;

struct links_programs {
	/* Descriptors, borrowed; -1: not needed. `forward` sees what enters before `ingress`. */
	int egress, forward, ingress;
	/* Tells the programs of an interface before they are attached to it, or to forget it:
	 * `device` NULL. 0 or -errno with the cause in `failure`. */
	int (*tell)(void *context, uint32_t interface, const char *name,
		    const struct fault_device *device, struct failure *failure);
	void *context;
};

/*
 * Attaches at every interface that is there and watches for others. The caller ends it with
 * links_free. 0 with `ret_links`, or -errno with the cause in `failure`: -EOPNOTSUPP where the
 * kernel has no tcx.
 */
int links_open(const struct links_programs *programs, struct links **ret_links,
	       struct failure *failure);
/* NULL is fine. */
void links_free(struct links *links);

/* Becomes readable when interfaces have come or gone. Borrowed. */
int links_fd(const struct links *links);
/* Attaches at those that have come, lets go of those that have gone. 0 or -errno. */
int links_read(struct links *links, struct failure *failure);
/* Number of attachments. */
uint32_t links_count(const struct links *links);

#endif
