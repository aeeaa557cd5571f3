/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workflows of a run: units on an open-loop schedule that the seed fixes beforehand, attempts
 * with the workflow's retry policy, outcomes to the caller's hooks.
 */
#ifndef CONTROLLER_WORKFLOW_H
#define CONTROLLER_WORKFLOW_H

#include "user/controller/command.h"
#include "user/controller/http.h"

/* Units of one workflow under way at most; one more is abandoned (CLASS_OVERRUN). */
#define WORKFLOW_FLIGHT_MAX 256
/* A unit is due up to this part of a period after its multiple of the period. */
#define WORKFLOW_JITTER 10

struct workflows;

/* Hooks must not stop or free the set; a timer of the loop can. */
struct workflow_hooks {
	/* `detail` is one line or the command's last output; "" when the attempt succeeded. */
	void (*attempt_ended)(void *data, const struct attempt *attempt, const char *detail,
			      size_t detail_length);
	void (*unit_ended)(void *data, const struct unit *unit);
	void *data;
};

/*
 * When unit `number` of workflow `index` is due: number periods after `origin` and a jitter of up
 * to a tenth of a period, so that units do not fall in step with a client's backoff. ns.
 */
uint64_t workflow_intended_at(const struct workflow *workflow, uint32_t index, uint64_t number,
			      uint64_t seed, uint64_t origin);

/* The pause before attempt `next` (2 is the first retry) of a unit, ns. */
uint64_t workflow_backoff(const struct workflow *workflow, uint32_t index, uint64_t number,
			  uint32_t next, uint64_t seed);

/* The experiment, the loop, http and the identity must outlive it. 0 or -ENOMEM. */
int workflows_new(const struct experiment *experiment, struct loop *loop, struct http *http,
		  const struct identity *identity, uint64_t seed,
		  const struct workflow_hooks *hooks, struct workflows **ret_workflows);
/* Starts the schedule; unit 0 of each workflow is due shortly after `origin`. 0 or -ENOMEM. */
int workflows_start(struct workflows *workflows, uint64_t origin);
/* Ends the schedule and cuts what is under way: those units end as CLASS_CUT, through the hook. */
void workflows_stop(struct workflows *workflows);
/* Units under way of one workflow. */
size_t workflows_in_flight(const struct workflows *workflows, size_t index);
void workflows_free(struct workflows *workflows);

#endif
