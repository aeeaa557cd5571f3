/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/experiment/experiment.h"

/* A controller that is this much late still ends its own run; the windows end on time anyway. */
#define DEADLINE_MARGIN	 (30 * NS_PER_S)
#define DEADLINE_HIGHEST (24 * 3600 * NS_PER_S)

static void workflow_free(struct workflow *workflow)
{
	free(workflow->name);
	strings_free(&workflow->run);
	free(workflow->http.method);
	free(workflow->http.url);
	free(workflow->http.body);
	strings_free(&workflow->http.headers);
	strings_free(&workflow->observe);
	strings_free(&workflow->detect.command);
	free(workflow->detect.webhook);
	free(workflow->control);
}

static void fault_free(struct fault *fault)
{
	for (size_t i = 0; i < fault->rules_count; i++)
		plan_rule_free(&fault->rules[i]);
	free(fault->rules);
	free(fault->name);
	strings_free(&fault->presets);
	strings_free(&fault->notes);
}

void experiment_free(struct experiment *experiment)
{
	for (size_t i = 0; i < experiment->workflows_count; i++)
		workflow_free(&experiment->workflows[i]);
	for (size_t i = 0; i < experiment->faults_count; i++)
		fault_free(&experiment->faults[i]);
	for (size_t i = 0; i < experiment->timeline_count; i++)
		free(experiment->timeline[i].faults);
	for (size_t i = 0; i < experiment->protect_count; i++)
		plan_protect_free(&experiment->protect[i]);
	free(experiment->workflows);
	free(experiment->faults);
	free(experiment->timeline);
	free(experiment->protect);
	free(experiment->aborts);
	free(experiment->path);
	free(experiment->title);
	free(experiment->description);
	strings_free(&experiment->tags);
	strings_free(&experiment->scope_cgroups);
	strings_free(&experiment->scope_units);
	strings_free(&experiment->scope_containers);
	strings_free(&experiment->scope_commands);
	strings_free(&experiment->scope_users);
	strings_free(&experiment->scope_namespaces);
	*experiment = (struct experiment){0};
}

uint64_t experiment_duration_ns(const struct experiment *experiment)
{
	uint64_t total = 0;

	/* No window outlives the steps: the last one is a recover, which waits for all of them. */
	for (size_t i = 0; i < experiment->timeline_count; i++) {
		const struct step *step = &experiment->timeline[i];

		if (step->kind == STEP_INJECT)
			total += step->wait_ns;
		else
			total += step->kind == STEP_LIFT ? step->over_ns : step->for_ns;
	}
	return total;
}

/* Whether some workflow's work is the traffic that the fault matches. */
static bool is_observed(const struct experiment *experiment, const struct fault *fault)
{
	for (size_t i = 0; i < experiment->workflows_count; i++) {
		const struct strings *observe = &experiment->workflows[i].observe;

		for (size_t j = 0; j < observe->count; j++)
			if (strcmp(observe->items[j], fault->name) == 0)
				return true;
	}
	return false;
}

static int compile_rules(const struct experiment *experiment, struct plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < experiment->faults_count; i++)
		count += experiment->faults[i].rules_count;
	plan->rules = calloc(count ? count : 1, sizeof(*plan->rules));
	if (!plan->rules)
		return -ENOMEM;
	for (size_t i = 0; i < experiment->faults_count; i++) {
		for (size_t j = 0; j < experiment->faults[i].rules_count; j++) {
			int r = plan_rule_copy(&experiment->faults[i].rules[j],
					       &plan->rules[plan->rules_count]);

			if (r < 0)
				return r;
			plan->rules[plan->rules_count].observed =
				is_observed(experiment, &experiment->faults[i]);
			plan->rules_count++;
		}
	}
	return 0;
}

static int compile_protect(const struct experiment *experiment, struct plan *plan)
{
	int r = 0;

	plan->protect = calloc(experiment->protect_count ? experiment->protect_count : 1,
			       sizeof(*plan->protect));
	if (!plan->protect)
		return -ENOMEM;
	for (size_t i = 0; i < experiment->protect_count && r == 0; i++) {
		r = plan_protect_copy(&experiment->protect[i], &plan->protect[i]);
		plan->protect_count += r == 0;
	}
	return r;
}

static uint64_t deadline_of(const struct experiment *experiment)
{
	uint64_t duration = experiment_duration_ns(experiment);

	/* Beyond 24h the margin goes first; a longer timeline is for plan_validate to refuse. */
	if (duration > DEADLINE_HIGHEST)
		return duration;
	duration += DEADLINE_MARGIN;
	return duration < DEADLINE_HIGHEST ? duration : DEADLINE_HIGHEST;
}

int experiment_compile(const struct experiment *experiment, uint64_t seed, struct plan *ret_plan,
		       struct failure *failure)
{
	_cleanup_(plan_free) struct plan plan = {
		.seed = seed,
		.duration_ns = deadline_of(experiment),
		.lease_ns = experiment->lease_ns,
	};
	int r;

	plan.title = strdup(experiment->title ? experiment->title : "");
	r = plan.title ? 0 : -ENOMEM;
	if (r == 0)
		r = strings_copy(&experiment->scope_cgroups, &plan.cgroups);
	if (r == 0)
		r = strings_copy(&experiment->scope_units, &plan.units);
	if (r == 0)
		r = strings_copy(&experiment->scope_containers, &plan.containers);
	if (r == 0)
		r = strings_copy(&experiment->scope_commands, &plan.commands);
	if (r == 0)
		r = strings_copy(&experiment->scope_users, &plan.users);
	if (r == 0)
		r = strings_copy(&experiment->scope_namespaces, &plan.namespaces);
	if (r == 0)
		r = compile_protect(experiment, &plan);
	if (r == 0)
		r = compile_rules(experiment, &plan);
	if (r < 0)
		return fail(failure, r, "out of memory");
	r = plan_validate(&plan, failure);
	if (r < 0)
		return r;
	*ret_plan = TAKE(plan, (struct plan){0});
	return 0;
}
