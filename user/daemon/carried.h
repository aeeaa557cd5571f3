/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel programs of this build carry out: the one place to say so. */
#ifndef DAEMON_CARRIED_H
#define DAEMON_CARRIED_H

#include "kernel/contract.h"
#include "user/base/failure.h"

/* 0, or -EOPNOTSUPP with what of `rule` the kernel programs do not do in `failure`. */
int carried_check(const struct fault_rule *rule, struct failure *failure);
/* The same for a lift over some time. */
int carried_check_staged_lift(struct failure *failure);

#endif
