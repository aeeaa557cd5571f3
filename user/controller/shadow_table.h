/* SPDX-License-Identifier: Apache-2.0 */
/* What a shadow has counted, as a table. Pure. */
#ifndef CONTROLLER_SHADOW_TABLE_H
#define CONTROLLER_SHADOW_TABLE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* Prints the daemon's reply to GET .../shadow, watched for `watched_ns`. 0 or -ENOMEM. */
int shadow_table_print(const json_t *reply, uint64_t watched_ns, FILE *out);

/* Connections a second that would be hit, over all faults. */
double shadow_rate(const json_t *reply, uint64_t watched_ns);

#endif
