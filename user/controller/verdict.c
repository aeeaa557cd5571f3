/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "user/base/cleanup.h"
#include "user/controller/analysis.h"

static const struct {
	const char *name;
	int exit_code;
} verdicts[] = {
	[VERDICT_PASSED] = {"passed", 0},
	[VERDICT_NOT_AFFECTED] = {"not_affected", 0},
	[VERDICT_INCONCLUSIVE] = {"inconclusive", 5},
	[VERDICT_NOT_EXERCISED] = {"not_exercised", 5},
	[VERDICT_FAILED] = {"failed", 1},
	[VERDICT_UNSTEADY] = {"unsteady", 5},
	[VERDICT_ABORTED] = {"aborted", 6},
	[VERDICT_DAEMON_LOST] = {"daemon_lost", 3},
	[VERDICT_REFUSED] = {"refused", 4},
	[VERDICT_INTERRUPTED] = {"interrupted", 130},
};
_Static_assert(ARRAY_SIZE(verdicts) == VERDICT_COUNT, "a verdict has no row");

static const char *const budget_names[] = {
	[BUDGET_DETECT] = "detect",
	[BUDGET_RECOVER] = "recover",
	[BUDGET_OUTAGE] = "outage",
	[BUDGET_AMPLIFICATION] = "amplification",
	[BUDGET_AVAILABILITY] = "availability",
};
_Static_assert(ARRAY_SIZE(budget_names) == BUDGET_COUNT, "a budget has no name");

static const char *const outcome_names[] = {
	[BUDGET_NONE] = "",
	[BUDGET_MET] = "met",
	[BUDGET_MISSED] = "missed",
	[BUDGET_INSIDE] = "inconclusive",
};

/* How a run that did not come to its end is judged, whatever its figures. */
static const struct {
	enum verdict verdict;
	const char *reason;
} ends[] = {
	[END_NONE] = {VERDICT_INTERRUPTED, "the journal ends before the run does"},
	[END_COMPLETED] = {VERDICT_PASSED, NULL},
	[END_UNSTEADY] = {VERDICT_UNSTEADY, "the baseline is not steady"},
	[END_ABORTED] = {VERDICT_ABORTED, "an abort rule stopped the run"},
	[END_HALTED] = {VERDICT_ABORTED, "the host was halted"},
	[END_DAEMON_LOST] = {VERDICT_DAEMON_LOST, "the daemon was lost"},
	[END_SIGNAL] = {VERDICT_INTERRUPTED, "interrupted"},
	[END_REFUSED] = {VERDICT_REFUSED, "the daemon refused"},
};
_Static_assert(ARRAY_SIZE(ends) == END_COUNT, "an end has no verdict");

const char *verdict_name(unsigned int verdict)
{
	return verdict < VERDICT_COUNT ? verdicts[verdict].name : NULL;
}

int verdict_exit_code(enum verdict verdict)
{
	return verdicts[verdict].exit_code;
}

const char *budget_name(unsigned int budget)
{
	return budget < BUDGET_COUNT ? budget_names[budget] : NULL;
}

const char *budget_outcome_name(unsigned int outcome)
{
	return outcome < ARRAY_SIZE(outcome_names) ? outcome_names[outcome] : NULL;
}

/* A limit that lies inside what the probes can tell apart decides nothing. */
static enum budget_outcome judge_figure(const struct figure *figure, uint64_t limit)
{
	if (figure->state == FIGURE_NONE || figure->high_ns <= limit)
		return BUDGET_MET;
	return figure->low_ns >= limit ? BUDGET_MISSED : BUDGET_INSIDE;
}

/* A recovery that did not come is missed, unless there was no time to see one. */
static enum budget_outcome judge_recovery(const struct workflow_result *result,
					  const struct figure *figure, uint64_t limit)
{
	enum budget_outcome outcome = judge_figure(figure, limit);

	if (outcome == BUDGET_INSIDE && figure->state == FIGURE_CENSORED && result->observed)
		return BUDGET_MISSED;
	return outcome;
}

static void judge_budgets(const struct workflow_budget *budget, struct workflow_result *result)
{
	enum budget_outcome *outcomes = result->budgets;

	/* What was never detected while it was there was detected too late. */
	if (budget->has_detect)
		outcomes[BUDGET_DETECT] =
			result->detect.state == FIGURE_CENSORED
				? BUDGET_MISSED
				: judge_figure(&result->detect, budget->detect_ns);
	if (budget->has_recover)
		outcomes[BUDGET_RECOVER] =
			judge_recovery(result, &result->recover, budget->recover_ns);
	if (budget->has_outage)
		outcomes[BUDGET_OUTAGE] =
			judge_recovery(result, &result->outage, budget->outage_ns);
	if (budget->has_amplification)
		outcomes[BUDGET_AMPLIFICATION] =
			(double)result->budget_attempts <=
					budget->amplification * (double)result->budget_units + 1e-9
				? BUDGET_MET
				: BUDGET_MISSED;
	if (budget->has_availability)
		outcomes[BUDGET_AVAILABILITY] =
			result->successes * 1000000 >=
					result->intended * (uint64_t)budget->availability
				? BUDGET_MET
				: BUDGET_MISSED;
}

/* A control group may fail as a baseline may; more is not the fault's doing alone. */
static bool control_held(const struct workflow_result *result)
{
	return (result->intended - result->successes) * 1000000 <=
	       result->intended * BASELINE_FAILURES_PPM;
}

void verdict_workflow(const struct terms *terms, const struct episode *episode,
		      struct workflow_result *result)
{
	bool missed = false, inside = false;

	judge_budgets(&terms->budget, result);
	for (int i = 0; i < BUDGET_COUNT; i++) {
		missed = missed || result->budgets[i] == BUDGET_MISSED;
		inside = inside || result->budgets[i] == BUDGET_INSIDE;
	}
	if (!episode->effective_at)
		result->verdict = VERDICT_NOT_EXERCISED;
	else if (terms->control)
		result->verdict =
			control_held(result) ? VERDICT_NOT_AFFECTED : VERDICT_INCONCLUSIVE;
	else if (missed || (result->affected && !result->recovered && result->observed))
		result->verdict = VERDICT_FAILED;
	else if (inside || (result->affected && !result->recovered))
		result->verdict = VERDICT_INCONCLUSIVE;
	else
		result->verdict = result->affected ? VERDICT_PASSED : VERDICT_NOT_AFFECTED;
}

/* The higher decides; the rest of enum verdict are ends of the run. */
static int weight(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_FAILED:
		return 4;
	case VERDICT_NOT_EXERCISED:
		return 3;
	case VERDICT_INCONCLUSIVE:
		return 2;
	case VERDICT_PASSED:
		return 1;
	default:
		return 0;
	}
}

static void explain(struct analysis *analysis, const struct history *history, size_t episode,
		    size_t workflow)
{
	const struct workflow_result *result = &analysis->episodes[episode].results[workflow];
	const char *name = history->workflows[workflow].name;

	if (history->workflows[workflow].control) {
		snprintf(analysis->reason, sizeof(analysis->reason),
			 "control group %s failed too in episode %zu: not the fault alone was "
			 "measured",
			 name, episode + 1);
		return;
	}
	for (int i = 0; i < BUDGET_COUNT; i++) {
		if (result->budgets[i] != BUDGET_MISSED && result->budgets[i] != BUDGET_INSIDE)
			continue;
		if (result->verdict == VERDICT_FAILED && result->budgets[i] == BUDGET_INSIDE)
			continue;
		snprintf(analysis->reason, sizeof(analysis->reason),
			 "%s: budget %s %s in episode %zu", name, budget_names[i],
			 result->budgets[i] == BUDGET_MISSED
				 ? "missed"
				 : "lies inside the measurement interval",
			 episode + 1);
		return;
	}
	snprintf(analysis->reason, sizeof(analysis->reason), "%s %s in episode %zu", name,
		 result->observed ? "did not recover" : "was observed too briefly to recover",
		 episode + 1);
}

/* A fault that was injected and never acted tells nothing about itself. */
static void judge_exercise(const struct history *history, struct analysis *analysis)
{
	if (!history->windows_count) {
		analysis->verdict = VERDICT_NOT_EXERCISED;
		snprintf(analysis->reason, sizeof(analysis->reason), "nothing was injected");
		return;
	}
	for (size_t i = 0; i < history->faults.count; i++) {
		/* What a service of finite capacity can bear meets it as well. */
		bool injected = false, hit = history->admitting >> (i % FAULT_RULES_MAX) & 1;

		for (size_t j = 0; j < history->windows_count; j++) {
			if (history->windows[j].fault != i)
				continue;
			injected = true;
			hit = hit || history->windows[j].first_hit_at;
		}
		if (!injected || hit || weight(analysis->verdict) > weight(VERDICT_NOT_EXERCISED))
			continue;
		analysis->verdict = VERDICT_NOT_EXERCISED;
		snprintf(analysis->reason, sizeof(analysis->reason),
			 "fault %s was injected, but no traffic met it", history->faults.items[i]);
		return;
	}
}

/* Where the control group fails too, neither a pass nor a failure is the fault's. */
static void judge_controls(const struct history *history, struct analysis *analysis)
{
	if (analysis->verdict != VERDICT_FAILED && analysis->verdict != VERDICT_PASSED)
		return;
	for (size_t i = 0; i < analysis->episodes_count; i++) {
		for (size_t j = 0; j < analysis->workflows_count; j++) {
			if (!history->workflows[j].control ||
			    analysis->episodes[i].results[j].verdict != VERDICT_INCONCLUSIVE)
				continue;
			analysis->verdict = VERDICT_INCONCLUSIVE;
			explain(analysis, history, i, j);
			return;
		}
	}
}

void verdict_run(const struct history *history, struct analysis *analysis)
{
	analysis->verdict = VERDICT_PASSED;
	snprintf(analysis->reason, sizeof(analysis->reason), "every budget met");
	for (size_t i = 0; i < analysis->episodes_count; i++) {
		struct episode *episode = &analysis->episodes[i];

		episode->verdict =
			episode->effective_at ? VERDICT_NOT_AFFECTED : VERDICT_NOT_EXERCISED;
		for (size_t j = 0; j < analysis->workflows_count; j++) {
			enum verdict verdict = episode->results[j].verdict;

			if (weight(verdict) > weight(episode->verdict))
				episode->verdict = verdict;
			if (weight(verdict) <= weight(analysis->verdict))
				continue;
			analysis->verdict = verdict;
			if (verdict != VERDICT_NOT_EXERCISED)
				explain(analysis, history, i, j);
			else
				snprintf(analysis->reason, sizeof(analysis->reason),
					 "no traffic met the faults of episode %zu", i + 1);
		}
	}
	judge_controls(history, analysis);
	judge_exercise(history, analysis);
	if (ends[history->end].reason) {
		analysis->verdict = ends[history->end].verdict;
		snprintf(analysis->reason, sizeof(analysis->reason), "%s%s%s",
			 ends[history->end].reason, history->end_text ? ": " : "",
			 history->end_text ? history->end_text : "");
	}
	/* Why the daemon refused tells more than that it did. */
	analysis->exit_code =
		history->exit_code ? history->exit_code : verdict_exit_code(analysis->verdict);
}
