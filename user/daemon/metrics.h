/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon does now, in the text format of Prometheus. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include <jansson.h>
#include <stdio.h>

/* Prints the metrics of `status`, the body of GET /v1/status. */
void metrics_print(const json_t *status, FILE *out);

#endif
