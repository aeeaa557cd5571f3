/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as JSON, both ways. The format stands in docs/api.md. */
#ifndef PROTOCOL_PLAN_JSON_H
#define PROTOCOL_PLAN_JSON_H

#include "user/experiment/plan.h"

/* The plan as one JSON document; the caller frees `ret_text`. 0 or -ENOMEM. */
int plan_to_json(const struct plan *plan, char **ret_text);

/*
 * Reads `length` bytes of JSON from an untrusted peer. 0, or -EINVAL with the place and the
 * problem in `failure`. Runs plan_validate. At most 1 MiB is taken.
 */
int plan_from_json(const char *text, size_t length, struct plan *ret_plan, struct failure *failure);

#endif
