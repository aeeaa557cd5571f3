/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/tcx.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* enum bpf_attach_type of Linux 6.6; older headers lack them, and libbpf 1.1 lacks the call. */
enum { TCX_INGRESS = 46, TCX_EGRESS = 47 };

/* union bpf_attr of BPF_LINK_CREATE for tcx, as Linux 6.6 has it. */
struct tcx_create {
	uint32_t program;
	uint32_t interface;
	uint32_t attach_type;
	uint32_t flags;
	uint32_t relative; /* 0: at the end */
	uint32_t padding;
	uint64_t expected_revision; /* 0: any */
};
_Static_assert(sizeof(struct tcx_create) == 32, "the layout of BPF_LINK_CREATE");

int tcx_attach(int program, unsigned int interface, bool egress)
{
	struct tcx_create create = {
		.program = (uint32_t)program,
		.interface = interface,
		.attach_type = egress ? TCX_EGRESS : TCX_INGRESS,
	};
	long link = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));

	return link < 0 ? -errno : (int)link;
}
