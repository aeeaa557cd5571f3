/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That an experiment was watched in shadow: one small file per plan below the state directory. A
 * plan is known by what it does to the host; seed and shadow are no part of that.
 */
#ifndef CONTROLLER_PLAN_RECORD_H
#define CONTROLLER_PLAN_RECORD_H

#include "user/experiment/plan.h"

/* How long a watched plan counts as fresh. */
#define PLAN_RECORD_FRESH_NS (24ULL * 3600 * 1000000000)

/* A number that two plans share only when they do the same (FNV-1a, 64 bits). 0 or -ENOMEM. */
int plan_record_hash(const struct plan *plan, uint64_t *ret_hash);

/* Notes that `plan` was watched for `watched_ns` until `realtime_ns`. 0 or -errno. */
int plan_record_write(const struct plan *plan, uint64_t watched_ns, uint64_t realtime_ns,
		      struct failure *failure);

/* Whether `plan` was watched within PLAN_RECORD_FRESH_NS before `realtime_ns`. 0, -ENOENT when it
 * was not, another -errno when the record cannot be read; the cause is in `failure`. */
int plan_record_check(const struct plan *plan, uint64_t realtime_ns, struct failure *failure);

#endif
