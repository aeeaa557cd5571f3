/* SPDX-License-Identifier: Apache-2.0 */
/* Loading the kernel programs, and why a kernel does not take them. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/kernel.h"
#include "user/daemon/bpf_state.h"

enum {
	VERIFIER_LOG_SIZE = (1 << 24) - 1, /* the most that every kernel takes */
	OLDEST_MAJOR = 6,		   /* the oldest kernel that tests/kernels finds fit */
	OLDEST_MINOR = 1,
	RELEASE_SIZE = 65,
};

/* Last line of the verifier's log that says something; its own last ones are statistics. */
static const char *verifier_complaint(char *log)
{
	const char *complaint = "";
	char *line, *rest = log;

	while ((line = strsep(&rest, "\n")))
		if (*line && strncmp(line, "processed ", 10) &&
		    strncmp(line, "verification time ", 18) && strncmp(line, "stack depth ", 12))
			complaint = line;
	return complaint;
}

static bool needs_tcx(const struct programs *programs)
{
	const struct faultd_bpf *skeleton = programs->skeleton;

	return bpf_program__autoload(skeleton->progs.fault_link_egress) ||
	       bpf_program__autoload(skeleton->progs.fault_link_ingress) ||
	       bpf_program__autoload(skeleton->progs.fault_link_forward);
}

/* What the kernel's age explains is not for people to read out of a verifier's words. */
static int explain(const struct programs *programs, int r, char *log, struct failure *failure)
{
	char release[RELEASE_SIZE];

	if (!kernel_is_at_least(OLDEST_MAJOR, OLDEST_MINOR, release, sizeof(release)))
		return fail(failure, -EOPNOTSUPP,
			    "Linux %s does not take the kernel programs, %d.%d and later do; its "
			    "verifier: %s",
			    release, OLDEST_MAJOR, OLDEST_MINOR, verifier_complaint(log));
	if (needs_tcx(programs) && !kernel_is_at_least(6, 6, release, sizeof(release)))
		return fail(failure, -EOPNOTSUPP, LINKS_NEED_TCX);
	return fail(failure, r, "loading the kernel programs: %s; verifier: %s", programs_cause(r),
		    verifier_complaint(log));
}

int programs_load(struct programs *programs, struct failure *failure)
{
	_cleanup_free_ char *log = calloc(1, VERIFIER_LOG_SIZE);
	struct bpf_program *program;
	int r;

	if (!log)
		return fail(failure, -ENOMEM, "out of memory");
	bpf_object__for_each_program(program,
				     programs->skeleton->obj) if (bpf_program__autoload(program))
		bpf_program__set_log_buf(program, log, VERIFIER_LOG_SIZE);
	r = faultd_bpf__load(programs->skeleton);
	return r ? explain(programs, r, log, failure) : 0;
}
