/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts that this machine's own package tools are configured to fetch from. */
#ifndef EXPERIMENT_MACHINE_H
#define EXPERIMENT_MACHINE_H

#include "user/experiment/plan.h"

/* Where to look; tests give fixture directories. */
struct machine_view {
	const char *root; /* in front of absolute paths; "" for the real machine */
	const char *home; /* the user's home directory, NULL: none */
	const char *(*environment)(const char *name); /* as getenv; NULL: none is set */
};

struct machine_host {
	char *host; /* lower-case name, or an address */
	uint16_t port;
};

struct machine_findings {
	struct machine_host *hosts; /* each host and port once */
	size_t count;
	struct strings sources; /* files and variables that named a host */
	struct strings looked;	/* everything that was looked at, for a message when none did */
};

/*
 * Reads the configuration of `tool` ("apt", "npm", "pip", "maven", "cargo", "go"). 0 even when no
 * host is named, -ENOENT for another tool, -ENOMEM. Files that cannot be read count as looked at.
 * What `ret_findings` holds is released by machine_findings_free.
 */
int machine_find(const char *tool, const struct machine_view *view,
		 struct machine_findings *ret_findings);
void machine_findings_free(struct machine_findings *findings);

/* The machine that this program runs on. */
struct machine_view machine_view_real(void);

#endif
