/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run's records say: points in time, figures and verdicts, as docs/measuring.md defines
 * them. A pure function of the records: no clock, no input, no output.
 */
#ifndef CONTROLLER_ANALYSIS_H
#define CONTROLLER_ANALYSIS_H

#include "user/controller/records.h"

/* Windows that are less than this apart belong to one episode: it is the time that two requests
 * to the daemon may take, and too short to see a recovery in. */
#define EPISODE_GAP_NS 1000000000ULL

/* A baseline needs this many units of each workflow, and at most this share of failures. */
#define BASELINE_UNITS_MIN    3
#define BASELINE_FAILURES_PPM 50000

enum verdict {
	VERDICT_PASSED,
	VERDICT_NOT_AFFECTED,
	VERDICT_INCONCLUSIVE,
	VERDICT_NOT_EXERCISED,
	VERDICT_FAILED,
	VERDICT_UNSTEADY,
	VERDICT_ABORTED,
	VERDICT_DAEMON_LOST,
	VERDICT_REFUSED,
	VERDICT_INTERRUPTED,
	VERDICT_COUNT,
};
const char *verdict_name(unsigned int verdict);
/* The exit code of faultctl that goes with it. */
int verdict_exit_code(enum verdict verdict);

enum figure_state {
	FIGURE_NONE,	 /* not defined: what it needs did not happen */
	FIGURE_VALUE,	 /* ns, known to lie in (low_ns, high_ns] */
	FIGURE_CENSORED, /* did not happen while observed: longer than low_ns */
};
struct figure {
	enum figure_state state;
	uint64_t ns;
	uint64_t low_ns, high_ns; /* equal to ns where the figure is not a probe's estimate */
};

enum phase { PHASE_BASELINE, PHASE_FAULT, PHASE_RECOVERY, PHASE_COUNT };
const char *phase_name(unsigned int phase);

struct phase_figures {
	uint64_t from, until;
	uint64_t units, successes, attempts;
	uint64_t p50_ns, p95_ns, p99_ns; /* of successes, from intended_at */
};

/* What the kernel counted for all rules, by phase. */
struct kernel_figures {
	uint64_t connects, requests, hits;
	uint64_t units; /* of all workflows in that phase */
};

enum budget_kind {
	BUDGET_DETECT,
	BUDGET_RECOVER,
	BUDGET_OUTAGE,
	BUDGET_AMPLIFICATION,
	BUDGET_AVAILABILITY,
	BUDGET_COUNT,
};
const char *budget_name(unsigned int budget);

enum budget_outcome { BUDGET_NONE, BUDGET_MET, BUDGET_MISSED, BUDGET_INSIDE };
/* "", "met", "missed", "inconclusive" */
const char *budget_outcome_name(unsigned int outcome);

/* One workflow in one episode. Instants are 0 when they did not happen. */
struct workflow_result {
	bool affected;	/* a unit failed */
	bool recovered; /* stable_at is there */
	bool observed;	/* the observation after the lift was long enough to see a recovery */
	uint64_t first_failure_at, detected_at, first_success_at, stable_at;
	struct figure detect, outage, first_success, recover;
	struct phase_figures phases[PHASE_COUNT];
	uint64_t budget_units, budget_attempts; /* from the inject to stable: amplification */
	double surge_1s, surge_10s;		/* over the baseline's rate; negative: unknown */
	uint64_t intended, successes;		/* that ended in the episode: availability */
	uint64_t relapses;
	enum budget_outcome budgets[BUDGET_COUNT];
	enum verdict verdict;
};

struct episode {
	size_t first_window, windows_count;
	uint64_t injected_first, injected_last;
	uint64_t effective_at;		    /* 0: not exercised */
	uint64_t lifted_first, lifted_last; /* 0: not lifted while observed */
	enum lift_cause cause;		    /* of the window that ended last */
	uint64_t observed_until;
	struct kernel_figures kernel[PHASE_COUNT];
	struct workflow_result *results; /* per workflow */
	enum verdict verdict;
};

struct analysis {
	struct episode *episodes;
	size_t episodes_count;
	size_t workflows_count;
	enum verdict verdict;
	int exit_code;
	char reason[256]; /* one line: what decided the verdict */
};

/* 0 or -ENOMEM. Ends with analysis_free. */
int analysis_make(const struct history *history, struct analysis *ret_analysis);
void analysis_free(struct analysis *analysis);

/*
 * Whether units that ended before `until` make a steady baseline for every workflow; when not,
 * `ret_reason` says why in one line.
 */
bool analysis_steady(const struct history *history, uint64_t until, char *ret_reason, size_t size);

/*
 * Whether every window has ended by `now` and every workflow is stable, or was never affected, and
 * has been watched since the lift for as long as stable asks: a recover step ends then. False also
 * without memory.
 */
bool analysis_settled(const struct history *history, uint64_t now);

/* Verdicts and budgets, from the figures; called by analysis_make. In verdict.c. */
void verdict_workflow(const struct terms *terms, const struct episode *episode,
		      struct workflow_result *result);
void verdict_run(const struct history *history, struct analysis *analysis);

#endif
