/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of record_json.c that stand in files of their own. */
#ifndef CONTROLLER_RECORD_PARTS_H
#define CONTROLLER_RECORD_PARTS_H

#include "user/controller/record_json.h"

/* record_terms.c: one workflow of a header. 0, -EINVAL with the reason in `failure`, -ENOMEM. */
int record_terms(const json_t *object, struct terms *terms, struct failure *failure);
/* Whose control and which faults' observer each workflow of a header is; after all of them. */
int record_relations(const json_t *workflows, struct history *history, struct failure *failure);

/* record_series.c: which fault each rule of the plan belongs to, and how it counts. */
void record_rules(const json_t *rules, struct history *history);
/* A record of the kernel's series: its buckets, and the units of who observes them. */
int record_series(struct history *history, const json_t *record, struct failure *failure);

#endif
