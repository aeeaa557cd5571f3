/* SPDX-License-Identifier: Apache-2.0 */
/* How long a delay is: the distributions of enum plan_distribution. Pure. */
#ifndef DAEMON_GATE_DRAW_H
#define DAEMON_GATE_DRAW_H

#include "user/protocol/engine.h"

/* One delay in ns from two random numbers, 0 to PLAN_DELAY_HIGHEST. */
__u64 gate_draw(const struct engine_gate *gate, __u64 random1, __u64 random2);

#endif
