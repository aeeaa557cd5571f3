/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people read them, alike in every report. */
#ifndef CONTROLLER_REPORT_TEXT_H
#define CONTROLLER_REPORT_TEXT_H

#include "user/base/clock.h"
#include "user/controller/report.h"

/* "340ms", "1.82s", "12.3s", "2m05s", "1h02m": at most six bytes below 1000 hours. */
#define REPORT_TIME_SIZE 24
void report_time(uint64_t ns, char buffer[REPORT_TIME_SIZE]);

/* Long enough for everything below; longer text is cut. */
#define REPORT_CELL_SIZE 96

/* "1.30s", with `interval`, if it has one, "1.30s (0.80s,1.32s]"; "never (>12.0s)"; "-". */
void report_cell_figure(char cell[REPORT_CELL_SIZE], const struct figure *figure, bool interval);
/* "3.00" and `unit`, or "-" of nothing. */
void report_cell_ratio(char cell[REPORT_CELL_SIZE], uint64_t part, uint64_t whole,
		       const char *unit);
/* "not_affected" reads "not affected". */
void report_cell_words(char cell[REPORT_CELL_SIZE], const char *name);
/* What was observed in a phase: "97.5%" of connections stood in time; "2xx 120, 503 7". */
void report_cell_established(char cell[REPORT_CELL_SIZE], const struct observed_figures *observed);
void report_cell_responses(char cell[REPORT_CELL_SIZE], const struct observed_figures *observed);
/* What a budget allows: "30.0s", "3.00", "40.0%". */
void report_cell_limit(char cell[REPORT_CELL_SIZE], const struct workflow_budget *budget,
		       enum budget_kind kind);

/* "Episode 1: artifacts, tokens". Owned by the caller; NULL without memory. */
char *report_episode_title(const struct history *history, const struct episode *episode,
			   size_t number);

/* Failed attempts of a workflow by class, from the inject to the end of the episode. */
void report_count_failures(const struct history *history, uint32_t workflow,
			   const struct episode *episode, uint64_t ret_counts[CLASS_COUNT]);

/* An instant of CLOCK_BOOTTIME as time of day, by the two clocks of the journal's header. */
void report_time_of_day(const struct report *report, uint64_t at, char buffer[CLOCK_RFC3339_SIZE]);
/* The same as Unix time, in ns. */
uint64_t report_realtime_ns(const struct report *report, uint64_t at);

/* A text of the journal's header; "" when it is not there. */
const char *report_header(const struct report *report, const char *key);

/* Whether some workflow observes traffic. */
bool report_observes(const struct history *history);

#endif
