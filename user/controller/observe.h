/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic that was there anyway: what the kernel's series says of it, as docs/measuring.md defines
 * it under "Observed traffic". Pure functions of the records.
 */
#ifndef CONTROLLER_OBSERVE_H
#define CONTROLLER_OBSERVE_H

#include "user/controller/analysis.h"

/* How often a stretch of traffic was tried, and how often it failed of what. */
struct observed_work {
	uint64_t tries;
	uint64_t faulted;	  /* by the fault */
	uint64_t not_established; /* connections that did not come about in time */
	uint64_t http_4xx;	  /* responses of 429 */
	uint64_t http_5xx;
};

/* Whether the workflow's work is the traffic of `rule`. */
bool observe_holds(const struct history *history, const struct terms *terms, uint32_t rule);

/* Adds what one bucket holds; `packets`: what the rule hits are packets, not connections. */
void observe_add(const struct bucket *bucket, bool packets, struct observed_work *work);
/* All that failed; at most work->tries. */
uint64_t observe_failures(const struct observed_work *work);
/* What a unit of this work is: CLASS_OK, or what most of it failed of when too much did. */
enum attempt_class observe_class(const struct observed_work *work);

/* Adds what one bucket tells of connections; of one that is not settled only what is final. */
void observe_figures(const struct bucket *bucket, struct observed_figures *figures);

#endif
