/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose a connection is, beside its cgroup: process, user, network namespace. */
#ifndef FAULTD_OWNER_H
#define FAULTD_OWNER_H

#include "kernel/lookup.h"

/* Byte offsets in the kernel's structs that lead from a task to the inode of its network namespace.
 * They are no part of the UAPI. */
struct owner_offsets {
	__u32 task_nsproxy; /* of task_struct */
	__u32 nsproxy_net;  /* of nsproxy */
	__u32 net_inode;    /* of net */
};

static __always_inline __u64 look_user(const struct fault_control *fault_control, __u32 user)
{
	__u64 *found = bpf_map_lookup_elem(&users, &user);

	return found ? *found : fault_control->any_user;
}

static __always_inline __u64 look_command(const struct fault_control *fault_control)
{
	__u8 command[FAULT_COMMAND_MAX] = {};
	__u64 *found;

	bpf_get_current_comm(command, sizeof(command));
	found = bpf_map_lookup_elem(&commands, command);
	return found ? *found : fault_control->any_command;
}

/* A namespace that cannot be told is none that a rule names. */
static __always_inline __u64 look_namespace(const struct fault_control *fault_control,
					    const struct owner_offsets *offsets)
{
	__u64 task = bpf_get_current_task(), pointer = 0;
	__u32 inode = 0;
	__u64 *found;

	if (bpf_probe_read_kernel(&pointer, sizeof(pointer),
				  (void *)(task + offsets->task_nsproxy)) ||
	    !pointer ||
	    bpf_probe_read_kernel(&pointer, sizeof(pointer),
				  (void *)(pointer + offsets->nsproxy_net)) ||
	    !pointer ||
	    bpf_probe_read_kernel(&inode, sizeof(inode), (void *)(pointer + offsets->net_inode)))
		return fault_control->any_namespace;
	found = bpf_map_lookup_elem(&namespaces, &inode);
	return found ? *found : fault_control->any_namespace;
}

/* Rules that the current process, its user and its network namespace leave. */
static __always_inline __u64 look_owner(const struct fault_control *fault_control,
					const struct owner_offsets *offsets)
{
	__u64 mask = ~0ULL;

	if (fault_control->flags & FAULT_CONTROL_USER)
		mask &= look_user(fault_control, (__u32)bpf_get_current_uid_gid());
	if (fault_control->flags & FAULT_CONTROL_COMMAND)
		mask &= look_command(fault_control);
	if (fault_control->flags & FAULT_CONTROL_NAMESPACE)
		mask &= look_namespace(fault_control, offsets);
	return mask;
}

#endif
