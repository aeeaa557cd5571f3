/* SPDX-License-Identifier: Apache-2.0 */
/* How a run went over time: its records counted in equal stretches. */
#ifndef CONTROLLER_REPORT_SERIES_H
#define CONTROLLER_REPORT_SERIES_H

#include "user/controller/analysis.h"

struct series_bin {
	uint64_t units, successes;	 /* that were due then */
	uint64_t attempts;		 /* that began then */
	uint64_t p50_ns, p95_ns, p99_ns; /* of those successes, from when they were due */
	uint64_t requests, hits;	 /* the kernel's, of all rules */
};

struct series {
	uint64_t from, width_ns;
	size_t count;
	struct series_bin *bins;
};

/*
 * Counts `history` from its start to its end in stretches of at least `least_ns` and at most `most`
 * of them. `workflow` UINT32_MAX: only what the kernel counted. 0, -ENODATA (the schedule never
 * began) or -ENOMEM. The caller ends it with series_free.
 */
int series_make(const struct history *history, uint32_t workflow, uint64_t least_ns, size_t most,
		struct series *ret_series);
void series_free(struct series *series);

#endif
