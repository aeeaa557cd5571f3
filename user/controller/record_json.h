/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as JSON objects, both ways. The run applies each record that it writes to its history by
 * the same function that reads a journal again, so that both see the same.
 */
#ifndef CONTROLLER_RECORD_JSON_H
#define CONTROLLER_RECORD_JSON_H

#include <jansson.h>

#include "user/controller/records.h"

/* A number that is absent, negative or of another type is 0; a string NULL. */
uint64_t json_u64(const json_t *object, const char *key);
const char *json_text(const json_t *object, const char *key);

/* Each returns a new reference, NULL without memory. */
json_t *record_of_terms(const struct workflow *workflow);
json_t *record_of_attempt(const struct history *history, const struct attempt *attempt,
			  const char *detail, size_t detail_length);
json_t *record_of_unit(const struct history *history, const struct unit *unit);
json_t *record_of_faults(const struct history *history, const size_t *faults, size_t count);

/*
 * Takes one record of a journal into the history. Records of kinds that it does not know change
 * nothing but the last instant. 0; -EINVAL with the reason in `failure`; -ENOMEM.
 */
int record_apply(struct history *history, const json_t *record, struct failure *failure);

/* Closes what the end of the records leaves open: windows whose planned end has passed. */
void record_finish(struct history *history);

#endif
