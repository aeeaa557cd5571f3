/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct programs; for the bpf*.c files only, which are the gate to libbpf. */
#ifndef DAEMON_BPF_STATE_H
#define DAEMON_BPF_STATE_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <kernel/faultd.skel.h>

#include "user/daemon/bpf.h"
#include "user/daemon/links.h"

enum {
	LINKS_MAX = 1024,
	VERIFIER_LOG_SIZE = 1 << 18,
	SERIES_BUCKETS_MAX = 1 << 17,
};

struct programs {
	struct faultd_bpf *skeleton;
	struct bpf_link *links[LINKS_MAX];
	__u32 links_count;
	bool verdict_attached;	   /* fault_message on the map `sockets` */
	struct links *interfaces;  /* NULL: the plan does not need the link layer */
	const struct draft *draft; /* borrowed while attached */
	struct ring_buffer *events;
	struct fault_control *control; /* mapped */
	struct fault_window *windows;  /* mapped */
	int cpus;
	struct fault_counters *percpu; /* `cpus` elements to read into */
	void (*handle)(void *context, const struct fault_event *event);
	void *context;
};

#endif
