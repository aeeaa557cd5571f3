/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run in progress needs to remember. The journal keeps everything; the run itself decides
 * only when its baseline is steady, when everything has settled and when to abort, and forgets what
 * no longer bears on that, so that it takes the same memory however long it is.
 */
#ifndef CONTROLLER_TRIM_H
#define CONTROLLER_TRIM_H

#include "user/controller/records.h"

/*
 * How long before now a unit may have ended and still matter: twice what a stable row takes, and
 * what was under way; `abort_ns` is the longest span that an abort rule looks at.
 */
uint64_t trim_horizon(const struct history *history, uint64_t abort_ns);

/*
 * Forgets units that ended before `before`, but for the first failure of each workflow after each
 * inject, which tells that it was affected. Before the first inject nothing is forgotten: all of
 * it is the baseline.
 */
void trim_units(struct history *history, uint64_t before);

#endif
