/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of struct programs; for the bpf*.c files only, which are the gate to libbpf. */
#ifndef DAEMON_BPF_STATE_H
#define DAEMON_BPF_STATE_H

#include <bpf/libbpf.h>
#include <kernel/faultd.skel.h>

#include "user/daemon/bpf.h"
#include "user/daemon/links.h"

enum {
	LINKS_MAX = 1024,
	SERIES_BUCKETS_MAX = 1 << 17,
};

struct programs {
	struct faultd_bpf *skeleton;
	struct bpf_link *links[LINKS_MAX];
	__u64 places[LINKS_MAX]; /* ids of the cgroups that they are attached to */
	__u32 links_count;
	struct bpf_link *unread;   /* of fault_unread; NULL: not attached yet */
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

struct bpf_program *programs_find(const struct programs *programs, const char *name);
/* Writes one element. 0 or -errno with the map's name. */
int programs_put(const struct bpf_map *map, const void *key, const void *value,
		 struct failure *failure);
/* What an errno of loading or attaching means here. */
const char *programs_cause(int r);
/* bpf_read.c: reads an iterator to its end. 0 or -errno. */
int programs_iterate(struct bpf_link *link);
/*
 * bpf_load.c: loads the programs that the plan needs. 0 or -errno with the verifier's word, or, for
 * a kernel that is too old for them, -EOPNOTSUPP and since when it is not.
 */
int programs_load(struct programs *programs, struct failure *failure);
/* bpf_link.c: attaches the link layer at every interface. 0 or -errno with the cause. */
int programs_attach_links(struct programs *programs, struct failure *failure);

#endif
