/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the analysis; analysis.c puts them together. */
#ifndef CONTROLLER_ANALYSIS_PARTS_H
#define CONTROLLER_ANALYSIS_PARTS_H

#include <sys/types.h>

#include "user/controller/analysis.h"

static inline uint64_t since(uint64_t later, uint64_t earlier)
{
	return later > earlier ? later - earlier : 0;
}

/* A figure that counts from `origin` and was still not there at `last`. */
static inline struct figure figure_censored(uint64_t last, uint64_t origin)
{
	uint64_t low = since(last, origin);

	return (struct figure){
		.state = FIGURE_CENSORED, .ns = low, .low_ns = low, .high_ns = UINT64_MAX};
}

/*
 * The units of one workflow that ended in (from, until], by their place: when the attempt that
 * decided them was due. Owned; ends with free(view.units).
 */
struct view {
	struct unit *units;
	size_t count;
};
bool view_holds(const struct unit *unit, uint32_t workflow, uint64_t from, uint64_t until);
int view_make(const struct history *history, uint32_t workflow, uint64_t from, uint64_t until,
	      struct view *ret_view);

/* recovery.c: each fills its part of the result. */
ssize_t recovery_stable(const struct view *view, const struct terms *terms, uint64_t lifted,
			bool after_failure);
void recovery_failures(const struct history *history, uint32_t workflow,
		       const struct episode *episode, struct workflow_result *result);
/* detected_at by an alert, where the workflow asks for one, and the time to detect. */
void recovery_detection(const struct history *history, uint32_t workflow,
			const struct episode *episode, struct workflow_result *result);
void recovery_first_success(const struct history *history, uint32_t workflow,
			    const struct episode *episode, struct workflow_result *result);
void recovery_find(const struct history *history, uint32_t workflow, const struct episode *episode,
		   const struct view *view, struct workflow_result *result);
/* Whether the time after the lift was enough to see a recovery in, had there been one. */
bool recovery_observable(const struct terms *terms, const struct episode *episode);

/* figures.c */
int figures_phases(const struct history *history, uint32_t workflow, uint64_t baseline_end,
		   const struct episode *episode, struct workflow_result *result);
int figures_surge(const struct history *history, uint32_t workflow, const struct episode *episode,
		  struct workflow_result *result);
/* Attempts per unit from the inject until stable, and successes per unit over the episode. */
void figures_units(const struct history *history, uint32_t workflow, const struct episode *episode,
		   struct workflow_result *result);
void figures_kernel(const struct history *history, struct episode *episode);
/* How late the units of one workflow began, over the whole run. 0 or -ENOMEM. */
int figures_lateness(const struct history *history, uint32_t workflow,
		     struct lateness *ret_lateness);

/* goodput.c: steady, goodput and metastable; after the phases. 0 or -ENOMEM. */
int figures_goodput(const struct history *history, uint32_t workflow, const struct episode *episode,
		    struct workflow_result *result);

/* backlog.c: drained; after the phases. 0 or -ENOMEM. */
int figures_backlog(const struct history *history, uint32_t workflow, const struct episode *episode,
		    struct workflow_result *result);

#endif
