/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs have to do with the gate. */
#include <bpf/bpf.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/bpf_state.h"

bool programs_need_gate(const struct programs *programs)
{
	return bpf_program__autoload(programs_find(programs, "fault_gate"));
}

int programs_set_gate(struct programs *programs, int socket, struct failure *failure)
{
	const __u64 key = FAULT_GATE_KEY, value = (__u64)socket;

	return programs_put(programs->skeleton->maps.sockets, &key, &value, failure);
}

void programs_gate_maps(const struct programs *programs, int ret_fds[3])
{
	ret_fds[0] = bpf_map__fd(programs->skeleton->maps.beat);
	ret_fds[1] = bpf_map__fd(programs->skeleton->maps.control);
	ret_fds[2] = bpf_map__fd(programs->skeleton->maps.windows);
}

__u64 programs_beat(struct programs *programs)
{
	struct fault_beat beat;
	__u32 zero = 0;

	return bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.beat), &zero, &beat)
		       ? 0
		       : beat.at;
}

int programs_measure_unread(struct programs *programs)
{
	struct bpf_program *program = programs_find(programs, "fault_unread");
	union bpf_iter_link_info which = {
		.map.map_fd = (__u32)bpf_map__fd(programs->skeleton->maps.sockets)};
	struct bpf_iter_attach_opts options = {
		.sz = sizeof(options), .link_info = &which, .link_info_len = sizeof(which)};

	if (!bpf_program__autoload(program))
		return -EOPNOTSUPP;
	if (!programs->unread)
		programs->unread = bpf_program__attach_iter(program, &options);
	return programs->unread ? programs_iterate(programs->unread) : -errno;
}

void programs_stop_beat(struct programs *programs)
{
	const struct fault_beat none = {};
	__u32 zero = 0;

	(void)bpf_map_update_elem(bpf_map__fd(programs->skeleton->maps.beat), &zero, &none,
				  BPF_ANY);
}

int programs_diverted(struct programs *programs, __u64 cookie, struct fault_diverted *ret_diverted)
{
	struct fault_diverted value;

	if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.diverted), &cookie, &value))
		return -errno;
	*ret_diverted = value;
	return 0;
}

void programs_diverted_visit(struct programs *programs,
			     void (*visit)(void *context, __u64 cookie,
					   const struct fault_diverted *diverted),
			     void *context)
{
	int fd = bpf_map__fd(programs->skeleton->maps.diverted);
	__u64 cookie, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &cookie);

	/* An element that goes meanwhile leads back to the first: hence the bound. */
	for (int i = 0; more && i < FAULT_DIVERTED_MAX; i++) {
		struct fault_diverted value;
		bool there = !bpf_map_lookup_elem(fd, &cookie, &value);

		more = !bpf_map_get_next_key(fd, &cookie, &next);
		if (there)
			visit(context, cookie, &value);
		cookie = next;
	}
}

int programs_spare(struct programs *programs, int socket)
{
	const __u32 yes = 1;
	int fd = bpf_map__fd(programs->skeleton->maps.own_sockets);

	return bpf_map_update_elem(fd, &socket, &yes, BPF_ANY) ? -errno : 0;
}
