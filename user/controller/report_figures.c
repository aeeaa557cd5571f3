/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/report_figures.h"

#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"

static struct report_value duration(const struct figure *figure)
{
	return (struct report_value){.figure = figure};
}

static struct report_value number(double value)
{
	return (struct report_value){.number = value};
}

static double ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : -1;
}

static struct report_value read_detect(const struct workflow_result *result)
{
	return duration(&result->detect);
}

static struct report_value read_outage(const struct workflow_result *result)
{
	return duration(&result->outage);
}

static struct report_value read_first_success(const struct workflow_result *result)
{
	return duration(&result->first_success);
}

static struct report_value read_recover(const struct workflow_result *result)
{
	return duration(&result->recover);
}

static struct report_value read_steady(const struct workflow_result *result)
{
	return duration(&result->steady);
}

static struct report_value read_drain(const struct workflow_result *result)
{
	return duration(&result->drain);
}

static struct report_value read_goodput_lost(const struct workflow_result *result)
{
	return number(result->goodput_lost);
}

static struct report_value read_goodput_caught_up(const struct workflow_result *result)
{
	return number(result->goodput_caught_up);
}

static struct report_value read_backlog(const struct workflow_result *result)
{
	return number((double)result->backlog_largest);
}

static struct report_value read_amplification(const struct workflow_result *result)
{
	return number(ratio(result->budget_attempts, result->budget_units));
}

static struct report_value read_surge_1s(const struct workflow_result *result)
{
	return number(result->surge_1s);
}

static struct report_value read_surge_10s(const struct workflow_result *result)
{
	return number(result->surge_10s);
}

static struct report_value read_availability(const struct workflow_result *result)
{
	return number(ratio(result->successes, result->intended));
}

static struct report_value read_relapses(const struct workflow_result *result)
{
	return number((double)result->relapses);
}

const struct report_figure report_figures[] = {
	{"time_to_recover", "recover",
	 "From the end of the fault until the work was stable again. Probes know it only to within "
	 "the interval in brackets: after the last attempt that failed began, and not after the "
	 "first success of the stable row ended.",
	 REPORT_DURATION, BUDGET_RECOVER, true, read_recover},
	{"outage", "outage",
	 "From the end of the first failed unit until the work was stable again, with its "
	 "interval.",
	 REPORT_DURATION, BUDGET_OUTAGE, true, read_outage},
	{"time_to_detect", "detect",
	 "From the first hit that the kernel saw until the N-th failed unit in a row ended "
	 "(detect.failures, 3 unless the experiment says otherwise).",
	 REPORT_DURATION, BUDGET_DETECT, true, read_detect},
	{"time_to_first_success", "first success",
	 "From the end of the fault until the first successful unit ended.", REPORT_DURATION,
	 BUDGET_COUNT, false, read_first_success},
	{"time_to_steady", "steady",
	 "From the end of the fault until goodput, latency and errors were the baseline's again, "
	 "in "
	 "three windows in a row.",
	 REPORT_DURATION, BUDGET_COUNT, false, read_steady},
	{"time_to_drain", "drain",
	 "From the end of the fault until no more units waited for their end than before it.",
	 REPORT_DURATION, BUDGET_COUNT, false, read_drain},
	{"availability", "availability",
	 "Successful units over all units that were due and ended in the episode, from the inject "
	 "to the end of the observation. Units that were abandoned count as failed.",
	 REPORT_SHARE, BUDGET_AVAILABILITY, true, read_availability},
	{"amplification", "amplification",
	 "Attempts per unit of work, of the units that were due before the work was stable: how "
	 "much "
	 "retries multiplied the load.",
	 REPORT_RATIO, BUDGET_AMPLIFICATION, true, read_amplification},
	{"surge_ratio_1s", "surge",
	 "Most attempts begun in any one second after the lift, over the usual number a second "
	 "before the fault.",
	 REPORT_RATIO, BUDGET_COUNT, true, read_surge_1s},
	{"surge_ratio_10s", "surge over 10 s",
	 "Most attempts a second over any ten seconds after the lift, over the usual rate.",
	 REPORT_RATIO, BUDGET_COUNT, false, read_surge_10s},
	{"goodput_lost", "goodput lost",
	 "Successful units that were missing against the baseline's rate, from the first hit until "
	 "the "
	 "work was steady again.",
	 REPORT_UNITS, BUDGET_COUNT, false, read_goodput_lost},
	{"goodput_caught_up", "caught up",
	 "Successful units above the baseline's rate in the same time: work that was made up for.",
	 REPORT_UNITS, BUDGET_COUNT, false, read_goodput_caught_up},
	{"backlog_largest", "largest backlog",
	 "Most units that were due and had not ended at one moment after the inject.", REPORT_COUNT,
	 BUDGET_COUNT, false, read_backlog},
	{"relapses", "relapses", "Units that failed after the work had become stable again.",
	 REPORT_COUNT, BUDGET_COUNT, false, read_relapses},
};
const size_t report_figures_count = ARRAY_SIZE(report_figures);

const struct report_figure *report_figure_by_key(const char *key)
{
	for (size_t i = 0; i < report_figures_count; i++)
		if (strcmp(report_figures[i].key, key) == 0)
			return &report_figures[i];
	return NULL;
}

void report_figure_text(const struct report_figure *figure, const struct workflow_result *result,
			bool interval, char cell[REPORT_CELL_SIZE])
{
	struct report_value value = figure->read(result);

	if (figure->kind == REPORT_DURATION)
		report_cell_figure(cell, value.figure, interval);
	else if (value.number < 0)
		snprintf(cell, REPORT_CELL_SIZE, "-");
	else if (figure->kind == REPORT_SHARE)
		snprintf(cell, REPORT_CELL_SIZE, "%.1f%%", 100 * value.number);
	else
		snprintf(cell, REPORT_CELL_SIZE, "%.*f",
			 figure->kind == REPORT_COUNT	? 0
			 : figure->kind == REPORT_UNITS ? 1
							: 2,
			 value.number);
}

static uint64_t read_effective_at(const struct episode *episode,
				  const struct workflow_result *result)
{
	(void)result;
	return episode->effective_at;
}

static uint64_t read_lifted_at(const struct episode *episode, const struct workflow_result *result)
{
	(void)result;
	return episode->lifted_last;
}

static uint64_t read_first_failure_at(const struct episode *episode,
				      const struct workflow_result *result)
{
	(void)episode;
	return result->first_failure_at;
}

static uint64_t read_detected_at(const struct episode *episode,
				 const struct workflow_result *result)
{
	(void)episode;
	return result->detected_at;
}

static uint64_t read_first_success_at(const struct episode *episode,
				      const struct workflow_result *result)
{
	(void)episode;
	return result->first_success_at;
}

static uint64_t read_stable_at(const struct episode *episode, const struct workflow_result *result)
{
	(void)episode;
	return result->stable_at;
}

static uint64_t read_steady_at(const struct episode *episode, const struct workflow_result *result)
{
	(void)episode;
	return result->steady_at;
}

static uint64_t read_drained_at(const struct episode *episode, const struct workflow_result *result)
{
	(void)episode;
	return result->drained_at;
}

const struct report_point report_points[] = {
	{"effective_at_ns", "first hit", "The first moment at which the kernel acted on a match.",
	 'H', TONE_NEUTRAL, read_effective_at},
	{"first_failure_at_ns", "first failure",
	 "End of the first unit that failed after the inject.", 'F', TONE_BAD,
	 read_first_failure_at},
	{"detected_at_ns", "detected",
	 "End of the N-th failed unit in a row: when a watcher of the work would have known.", 'D',
	 TONE_NOTICED, read_detected_at},
	{"lifted_at_ns", "lifted", "The last moment at which the kernel still acted.", 'L',
	 TONE_NEUTRAL, read_lifted_at},
	{"first_success_at_ns", "first success",
	 "End of the first unit that succeeded after the lift.", 'S', TONE_GOOD,
	 read_first_success_at},
	{"stable_at_ns", "stable",
	 "Begin of the first row of successes that was long enough to call the work well again.",
	 'R', TONE_GOOD, read_stable_at},
	{"steady_at_ns", "steady",
	 "Begin of the first windows in which goodput, latency and errors were the baseline's.",
	 'T', TONE_GOOD, read_steady_at},
	{"drained_at_ns", "drained",
	 "The backlog of units that were due and had not ended was the baseline's again.", 'Q',
	 TONE_GOOD, read_drained_at},
};
const size_t report_points_count = ARRAY_SIZE(report_points);

static const struct {
	enum report_tone tone;
	const char *definition;
} verdicts[] = {
	[VERDICT_PASSED] = {TONE_GOOD, "Every budget was met."},
	[VERDICT_NOT_AFFECTED] = {TONE_GOOD, "No unit failed while the fault was there."},
	[VERDICT_INCONCLUSIVE] = {TONE_NOTICED, "A budget lies inside the interval within which "
						"the probes know the figure, or the observation "
						"was too short."},
	[VERDICT_NOT_EXERCISED] = {TONE_NOTICED, "No traffic met the fault, so it proves nothing."},
	[VERDICT_FAILED] = {TONE_BAD, "A budget was missed, or the work did not recover."},
	[VERDICT_UNSTEADY] = {TONE_NOTICED, "The work did not run steadily before the fault, so "
					    "nothing was injected."},
	[VERDICT_ABORTED] = {TONE_BAD, "A stop condition or a halt ended the run."},
	[VERDICT_DAEMON_LOST] = {TONE_BAD, "The daemon went away; the faults ended with their "
					   "lease."},
	[VERDICT_REFUSED] = {TONE_BAD, "The daemon did not take the plan or an inject."},
	[VERDICT_INTERRUPTED] = {TONE_BAD, "The run was interrupted; this is what there is."},
};
_Static_assert(ARRAY_SIZE(verdicts) == VERDICT_COUNT, "a verdict has no words");

enum report_tone report_verdict_tone(enum verdict verdict)
{
	return verdicts[verdict].tone;
}

const char *report_verdict_definition(enum verdict verdict)
{
	return verdicts[verdict].definition;
}
