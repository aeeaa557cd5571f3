/* SPDX-License-Identifier: Apache-2.0 */
/* The link layer's programs, which are attached to interfaces, not to cgroups. */
#include <fnmatch.h>

#include "user/daemon/bpf_state.h"

/* Rules for forwarded traffic that name the interface. */
static __u64 rules_at(const struct draft *draft, const char *name)
{
	__u64 mask = 0;

	for (size_t i = 0; i < draft->matches_count; i++)
		if (draft->matches[i].dimension == ENGINE_DIMENSION_INTERFACE &&
		    !fnmatch(draft->matches[i].text, name, 0))
			mask |= 1ULL << draft->matches[i].owner;
	return mask;
}

static int tell_device(void *context, uint32_t interface, const char *name,
		       const struct fault_device *device, struct failure *failure)
{
	const struct programs *programs = context;
	const struct bpf_map *devices = programs->skeleton->maps.devices;
	struct fault_device value;

	if (device) {
		value = *device;
		value.rules = rules_at(programs->draft, name);
		return programs_put(devices, &interface, &value, failure);
	}
	bpf_map__delete_elem(devices, &interface, sizeof(interface), 0);
	return 0;
}

/* Descriptor of a program; -1: the plan does not need it. */
static int loaded(const struct bpf_program *program)
{
	return bpf_program__autoload(program) ? bpf_program__fd(program) : -1;
}

/* All at once, for both directions, because interfaces come and go. */
int programs_attach_links(struct programs *programs, struct failure *failure)
{
	const struct faultd_bpf *skeleton = programs->skeleton;
	const struct links_programs set = {
		.egress = loaded(skeleton->progs.fault_link_egress),
		.forward = loaded(skeleton->progs.fault_link_forward),
		.ingress = loaded(skeleton->progs.fault_link_ingress),
		.tell = tell_device,
		.context = programs,
	};

	return links_open(&set, &programs->interfaces, failure);
}

int programs_interfaces_fd(const struct programs *programs)
{
	return programs->interfaces ? links_fd(programs->interfaces) : -1;
}

int programs_interfaces_read(struct programs *programs, struct failure *failure)
{
	return programs->interfaces ? links_read(programs->interfaces, failure) : 0;
}
