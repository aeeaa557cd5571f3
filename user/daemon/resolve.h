/* SPDX-License-Identifier: Apache-2.0 */
/* Resolving host names with a bound on the time. */
#ifndef DAEMON_RESOLVE_H
#define DAEMON_RESOLVE_H

#include <stdint.h>

#include "user/experiment/plan.h"

enum { RESOLVE_ADDRESSES_MAX = 64 };

struct resolved {
	char *name;
	uint8_t addresses[RESOLVE_ADDRESSES_MAX][16]; /* v4-mapped for IPv4, each once */
	size_t count;
};

/*
 * Resolves every name through the host's resolver, several at a time, within `timeout_ms` overall.
 * `ret_resolved` has one element per name, freed with resolved_free. -ENOENT naming the first that
 * did not resolve, or -ENOMEM.
 */
int resolve_names(const struct strings *names, unsigned int timeout_ms,
		  struct resolved **ret_resolved, struct failure *failure);
void resolved_free(struct resolved *resolved, size_t count);

#endif
