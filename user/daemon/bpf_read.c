/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from the programs while they are attached. */
#include <errno.h>

#include "user/daemon/bpf_state.h"

volatile struct fault_control *programs_control(struct programs *programs)
{
	return programs->control;
}

volatile struct fault_window *programs_window(struct programs *programs, __u32 rule)
{
	return &programs->windows[rule];
}

__u32 programs_attached(const struct programs *programs)
{
	return programs->links_count + programs->verdict_attached +
	       (programs->interfaces ? links_count(programs->interfaces) : 0);
}

int programs_counters(struct programs *programs, __u32 rule, struct fault_counters *ret_counters)
{
	struct fault_counters sum = {};
	__u64 *total = (__u64 *)&sum;

	if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.counters), &rule,
				programs->percpu))
		return -errno;
	for (int cpu = 0; cpu < programs->cpus; cpu++) {
		const __u64 *part = (const __u64 *)&programs->percpu[cpu];

		for (size_t i = 0; i < sizeof(sum) / sizeof(*total); i++)
			total[i] += part[i];
	}
	*ret_counters = sum;
	return 0;
}

int programs_series(struct programs *programs, const struct fault_series_key *key,
		    struct fault_series *ret_series)
{
	struct fault_series value;

	if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.series), key, &value))
		return -errno;
	*ret_series = value;
	return 0;
}

int programs_series_delete(struct programs *programs, const struct fault_series_key *key)
{
	if (bpf_map_delete_elem(bpf_map__fd(programs->skeleton->maps.series), key))
		return -errno;
	return 0;
}

int programs_learned(struct programs *programs, const __u8 address[16],
		     struct fault_learned *ret_learned)
{
	struct fault_learned value;

	if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.addresses), address, &value))
		return -errno;
	*ret_learned = value;
	return 0;
}

int programs_interfaces_fd(const struct programs *programs)
{
	return programs->interfaces ? links_fd(programs->interfaces) : -1;
}

int programs_interfaces_read(struct programs *programs, struct failure *failure)
{
	return programs->interfaces ? links_read(programs->interfaces, failure) : 0;
}

int programs_events_fd(const struct programs *programs)
{
	return ring_buffer__epoll_fd(programs->events);
}

int programs_events_read(struct programs *programs,
			 void (*handle)(void *context, const struct fault_event *event),
			 void *context)
{
	int r;

	programs->handle = handle;
	programs->context = context;
	r = ring_buffer__consume(programs->events);
	return r < 0 ? r : 0;
}
