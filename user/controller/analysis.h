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
/* From so many successes on its latency must not trend: the median of the second half of them is
 * at most twice that of the first half, or within this slack of it. */
#define BASELINE_TREND_UNITS 20
#define BASELINE_TREND_NS    100000000ULL

/*
 * Rates after the lift are taken over windows of 10 s, or of 10 periods where those are longer, so
 * that a window holds about ten units at least. `steady_at` looks for a row of them on a grid of
 * one second from the lift on.
 */
#define WINDOW_NS	   10000000000ULL
#define WINDOW_PERIODS	   10
#define WINDOW_GRID_NS	   1000000000ULL
#define STEADY_WINDOWS	   3
#define STEADY_SLACK_NS	   1000000ULL /* by which a 95th percentile may always grow */
#define METASTABLE_SPAN_NS 300000000000ULL

/* A schedule is late when its 99th percentile is beyond this, or beyond a tenth of the period. */
#define LATE_BOUND_NS 10000000ULL

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

/* What the kernel saw of the traffic that a workflow observes. */
struct observed_figures {
	uint64_t opened, established; /* connections of which it is known, and those that stood */
	uint64_t retransmits;	      /* segments that they sent again */
	uint64_t responses[FAULT_RESPONSE_COUNT]; /* of the servers, by enum fault_response */
};

struct phase_figures {
	uint64_t from, until;
	uint64_t units, successes, attempts;
	uint64_t p50_ns, p95_ns, p99_ns; /* of successes, from intended_at */
	/* Attempts over a connection of their own, and over one that was kept. Of commands, and of
	 * attempts that never had one, neither is known. */
	uint64_t cold, warm;
	struct observed_figures observed; /* all 0 for workflows that do not observe */
};

/*
 * What the kernel counted for all rules, by phase, and what the workflows know of themselves in the
 * same phase: connects or requests per unit above attempts per unit are retries inside a client.
 */
struct kernel_figures {
	uint64_t connects, requests, hits;
	uint64_t units;	   /* of all workflows in that phase, controls left out */
	uint64_t attempts; /* likewise */
};

/* How far behind its schedule the controller began units, of one workflow over the whole run. */
struct lateness {
	uint64_t units;
	uint64_t p50_ns, p99_ns, largest_ns;
	uint64_t bound_ns; /* that p99 must not exceed: the larger of LATE_BOUND_NS and a tenth of
			      the period */
	bool late;	   /* it does; no figure is better than largest_ns then */
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
	uint64_t steady_at;  /* goodput, latency and errors are the baseline's again */
	uint64_t drained_at; /* the backlog is the baseline's again */
	enum detection detected_by;
	/* Each from the lift, but detect (from effective_at) and outage (from first_failure_at).
	 * `steady` is none where the observation is too short to see three windows. */
	struct figure detect, outage, first_success, recover, steady, drain;
	struct phase_figures phases[PHASE_COUNT];
	uint64_t budget_units, budget_attempts; /* from the inject to stable: amplification */
	double surge_1s, surge_10s;		/* over the baseline's rate; negative: unknown */
	uint64_t surge_at, surge_attempts; /* the second of surge_1s: its begin and its attempts */
	double goodput_baseline; /* successes per second in the baseline; negative: unknown */
	/* Successes that were missing, and that came above the baseline's rate, from effective_at
	 * to goodput_until: steady_at, or the observation's end without one. Negative: unknown. */
	double goodput_lost, goodput_caught_up;
	uint64_t goodput_until; /* 0: unknown */
	/* Offered no more than in the baseline, goodput stayed below half of it, from
	 * metastable_from until metastable_until. */
	bool metastable;
	uint64_t metastable_from, metastable_until; /* 0: not metastable */
	uint64_t backlog_baseline;    /* p95 of units due and not ended, as units find it */
	uint64_t backlog_largest;     /* from the inject on */
	uint64_t intended, successes; /* that ended in the episode: availability */
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
	/* Connections that the injects found open, and what became of them; the rest was kept. */
	uint64_t existing_found, existing_reset, existing_adopted;
	struct kernel_figures kernel[PHASE_COUNT];
	struct workflow_result *results; /* per workflow */
	enum verdict verdict;
};

struct analysis {
	struct episode *episodes;
	size_t episodes_count;
	size_t workflows_count;
	struct lateness *lateness; /* per workflow */
	bool late;		   /* one of them is: the run is marked */
	uint64_t late_by_ns;	   /* the largest lateness of all; the bound of every figure */
	enum verdict verdict;
	int exit_code;
	char reason[256]; /* one line: what decided the verdict */
};

/* 0 or -ENOMEM. Ends with analysis_free. */
int analysis_make(const struct history *history, struct analysis *ret_analysis);
void analysis_free(struct analysis *analysis);

/*
 * Whether units that ended before `until` make a steady baseline for every workflow; when not,
 * `ret_reason` says why in one line. Without memory a trend is not looked for. In baseline.c.
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
