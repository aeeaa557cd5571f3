/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/experiment/load.h"

#define BASELINE_PERIODS 3
#define DURATION_HIGHEST (24 * 3600 * NS_PER_S)

/* The keys that make a step, and what it is then. `wait` is one only where no other is. */
static const struct {
	size_t key;
	enum step_kind kind;
} step_kinds[] = {
	{STEP_KEY_STEADY, STEP_STEADY},	  {STEP_KEY_INJECT, STEP_INJECT},
	{STEP_KEY_LIFT, STEP_LIFT},	  {STEP_KEY_WAIT, STEP_WAIT},
	{STEP_KEY_RECOVER, STEP_RECOVER},
};

#define STEP_LIST "steady, inject, lift, wait or recover"

static uint64_t duration_of(size_t key, const struct yaml_node *node)
{
	struct diagnostics none = {0};
	uint64_t value = 0;
	bool good;

	schema_read_value(&schema_step.keys[key], node, &value, &good, &none);
	return value;
}

static int list_faults(struct loader *loader, const struct yaml_node *node, struct step *step)
{
	size_t every = loader->experiment->faults_count;
	bool all = step->kind == STEP_LIFT && node->kind == YAML_TEXT &&
		   strcmp(node->text, "all") == 0;
	size_t count = all ? every : node_count(node);

	step->faults = calloc(count ? count : 1, sizeof(*step->faults));
	if (!step->faults)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct yaml_node *item = all ? node : node_item(node, i);
		size_t fault = all ? i : find_fault(loader, item);
		bool again = false;

		for (size_t j = 0; j < step->faults_count; j++)
			again = again || step->faults[j] == fault;
		if (again) {
			diagnose(loader->diagnostics, item->at, "fault '%s' is listed twice",
				 item->text);
			suggest(loader->diagnostics, "name it once");
		} else if (fault < every) {
			step->faults[step->faults_count++] = fault;
		}
	}
	return 0;
}

static void load_inject_times(const struct yaml_node *const *nodes, struct place at,
			      struct step *step, struct diagnostics *diagnostics)
{
	const struct yaml_node *length = nodes[STEP_KEY_FOR], *wait = nodes[STEP_KEY_WAIT];

	if (!length) {
		diagnose(diagnostics, at, "'inject' needs 'for'");
		suggest(diagnostics, "add 'for: 1m': the kernel ends the fault by itself");
		return;
	}
	step->for_ns = duration_of(STEP_KEY_FOR, length);
	step->wait_ns = wait ? duration_of(STEP_KEY_WAIT, wait) : step->for_ns;
	if (step->wait_ns > step->for_ns) {
		diagnose(diagnostics, wait->at, "'wait' is longer than 'for'");
		suggest(diagnostics, "leave it out and add a step 'wait' behind this one");
	}
}

/* Which of the kinds `nodes` is: noted when it is none or several. */
static bool find_kind(const struct yaml_node *node, const struct yaml_node *const *nodes,
		      size_t *ret_index, struct diagnostics *diagnostics)
{
	size_t found = ARRAY_SIZE(step_kinds);

	for (size_t i = 0; i < ARRAY_SIZE(step_kinds); i++) {
		size_t key = step_kinds[i].key;

		if (!nodes[key] || (key == STEP_KEY_WAIT && nodes[STEP_KEY_INJECT]))
			continue;
		if (found < ARRAY_SIZE(step_kinds)) {
			diagnose(diagnostics, node->at, "'%s' and '%s' in one step",
				 schema_step.keys[step_kinds[found].key].key,
				 schema_step.keys[key].key);
			suggest(diagnostics, "make two steps of it");
			return false;
		}
		found = i;
	}
	if (found == ARRAY_SIZE(step_kinds)) {
		diagnose(diagnostics, node->at, "this step does nothing");
		suggest(diagnostics, "a step is %s", STEP_LIST);
		return false;
	}
	*ret_index = found;
	return true;
}

/* A lift may take its time; nothing else does. */
static void check_over(const struct yaml_node *const *nodes, const struct step *step,
		       struct diagnostics *diagnostics)
{
	if (nodes[STEP_KEY_OVER] && step->kind != STEP_LIFT) {
		diagnose(diagnostics, nodes[STEP_KEY_OVER]->at, "'over' belongs to 'lift' only");
		suggest(diagnostics, "leave it out");
	}
	if (nodes[STEP_KEY_STEPS] && !nodes[STEP_KEY_OVER]) {
		diagnose(diagnostics, nodes[STEP_KEY_STEPS]->at, "'steps' needs 'over'");
		suggest(diagnostics, "add 'over: 2m': the time that the steps take together");
	}
}

static int load_step(struct loader *loader, const struct yaml_node *node, struct step *step,
		     bool *ret_good)
{
	struct diagnostics *diagnostics = loader->diagnostics;
	const struct yaml_node *nodes[STEP_KEY_COUNT];
	size_t before = diagnostics->total, index = 0;
	int r;

	*ret_good = false;
	step->line = node->at.line;
	step->column = node->at.column;
	r = schema_read(&schema_step, node, node->at, step, nodes, diagnostics);
	if (r < 0 || diagnostics->total != before)
		return r;
	if (!find_kind(node, nodes, &index, diagnostics))
		return 0;
	step->kind = step_kinds[index].kind;
	if (nodes[STEP_KEY_FOR] && step->kind != STEP_INJECT) {
		diagnose(diagnostics, nodes[STEP_KEY_FOR]->at, "'for' belongs to 'inject' only");
		suggest(diagnostics, "write '%s: %s'", schema_step.keys[step_kinds[index].key].key,
			step->kind == STEP_LIFT ? "all" : nodes[STEP_KEY_FOR]->text);
	}
	check_over(nodes, step, diagnostics);
	if (step->kind == STEP_INJECT) {
		load_inject_times(nodes, node->at, step, diagnostics);
		r = list_faults(loader, nodes[STEP_KEY_INJECT], step);
	} else if (step->kind == STEP_LIFT) {
		r = list_faults(loader, nodes[STEP_KEY_LIFT], step);
	} else {
		step->for_ns = duration_of(step_kinds[index].key, nodes[step_kinds[index].key]);
		if (step->for_ns == 0) {
			diagnose(diagnostics, nodes[STEP_KEY_WAIT]->at, "a step 'wait' of 0s");
			suggest(diagnostics, "leave it out");
		}
	}
	*ret_good = r == 0 && diagnostics->total == before;
	return r;
}

static void check_baseline(const struct loader *loader, const struct step *first)
{
	struct place at = {first->line, first->column};
	const struct workflow *slowest = NULL;
	char have[NUMBER_DURATION_SIZE], every[NUMBER_DURATION_SIZE], need[NUMBER_DURATION_SIZE];

	if (first->kind != STEP_STEADY) {
		diagnose(loader->diagnostics, at, "the first step must be 'steady': the baseline");
		suggest(loader->diagnostics, "put 'steady: 30s' in front");
		return;
	}
	for (size_t i = 0; i < loader->experiment->workflows_count; i++) {
		const struct workflow *workflow = &loader->experiment->workflows[i];

		if (!slowest || workflow->every_ns > slowest->every_ns)
			slowest = workflow;
	}
	if (!slowest || first->for_ns >= BASELINE_PERIODS * slowest->every_ns)
		return;
	number_format_duration(first->for_ns, have);
	number_format_duration(slowest->every_ns, every);
	number_format_duration(BASELINE_PERIODS * slowest->every_ns, need);
	diagnose(loader->diagnostics, at,
		 "a baseline of %s is too short: workflow '%s' runs every %s", have, slowest->name,
		 every);
	suggest(loader->diagnostics, "at least 'steady: %s' (%d periods)", need, BASELINE_PERIODS);
}

/* The clock of the timeline while it is walked through. */
struct walk {
	uint64_t now;
	uint64_t *ends; /* per fault: when its window ends */
	bool *injected; /* per fault: ever */
	bool any;	/* something was injected */
};

static void walk_inject(const struct loader *loader, const struct step *step, struct walk *walk)
{
	struct place at = {step->line, step->column};

	for (size_t i = 0; i < step->faults_count; i++) {
		size_t fault = step->faults[i];

		if (walk->ends[fault] > walk->now) {
			diagnose(loader->diagnostics, at,
				 "fault '%s' is injected again while it is still in effect",
				 loader->experiment->faults[fault].name);
			suggest(loader->diagnostics, "lift it before");
		}
		walk->ends[fault] = walk->now + step->for_ns;
		walk->injected[fault] = true;
		walk->any = true;
	}
	walk->now += step->wait_ns;
}

static void walk_lift(const struct loader *loader, const struct step *step, struct walk *walk)
{
	struct place at = {step->line, step->column};

	/* `lift: all` may come before some fault's first inject. */
	for (size_t i = 0; i < step->faults_count; i++) {
		size_t fault = step->faults[i];

		if (!walk->injected[fault] &&
		    step->faults_count < loader->experiment->faults_count) {
			diagnose(loader->diagnostics, at, "fault '%s' is lifted before any inject",
				 loader->experiment->faults[fault].name);
			suggest(loader->diagnostics, "inject it first");
		}
		/* The step takes as long as the share falls. */
		walk->ends[fault] = walk->now + step->over_ns;
	}
	if (!walk->any && step->faults_count == loader->experiment->faults_count) {
		diagnose(loader->diagnostics, at, "nothing was injected that could be lifted");
		suggest(loader->diagnostics, "inject a fault first");
	}
	walk->now += step->over_ns;
}

static void walk_recover(const struct loader *loader, const struct step *step, struct walk *walk)
{
	struct place at = {step->line, step->column};

	for (size_t i = 0; i < loader->experiment->faults_count; i++) {
		if (walk->ends[i] <= walk->now)
			continue;
		diagnose(loader->diagnostics, at,
			 "'recover' begins while fault '%s' is still in effect",
			 loader->experiment->faults[i].name);
		suggest(loader->diagnostics, "lift it or wait for its end before");
		walk->ends[i] = 0;
	}
	walk->now += step->for_ns;
}

static void walk_step(const struct loader *loader, const struct step *step, struct walk *walk)
{
	switch (step->kind) {
	case STEP_INJECT:
		walk_inject(loader, step, walk);
		break;
	case STEP_LIFT:
		walk_lift(loader, step, walk);
		break;
	case STEP_RECOVER:
		walk_recover(loader, step, walk);
		break;
	case STEP_STEADY:
	case STEP_WAIT:
		walk->now += step->for_ns;
		break;
	}
}

static void check_whole(const struct loader *loader, const struct yaml_node *node,
			const struct yaml_node *faults, const struct walk *walk)
{
	const struct experiment *experiment = loader->experiment;
	const struct step *last = &experiment->timeline[experiment->timeline_count - 1];

	if (!walk->any) {
		diagnose(loader->diagnostics, node->at, "the timeline injects nothing");
		suggest(loader->diagnostics, "add a step 'inject' with 'for'");
	}
	for (size_t i = 0; walk->any && i < experiment->faults_count; i++) {
		if (walk->injected[i])
			continue;
		diagnose(loader->diagnostics, faults->keys[i]->at, "fault '%s' is never injected",
			 experiment->faults[i].name);
		suggest(loader->diagnostics, "inject it in the timeline or take it out");
	}
	if (last->kind != STEP_RECOVER) {
		diagnose(loader->diagnostics, (struct place){last->line, last->column},
			 "the last step must be 'recover'");
		suggest(loader->diagnostics, "add 'recover: 5m' behind it");
	}
	if (walk->now > DURATION_HIGHEST) {
		diagnose(loader->diagnostics, node->at, "the timeline is longer than 24h");
		suggest(loader->diagnostics, "shorten its steps");
	}
}

static int walk_timeline(const struct loader *loader, const struct yaml_node *node,
			 const struct yaml_node *faults)
{
	const struct experiment *experiment = loader->experiment;
	size_t count = experiment->faults_count ? experiment->faults_count : 1;
	_cleanup_free_ uint64_t *ends = calloc(count, sizeof(*ends));
	_cleanup_free_ bool *injected = calloc(count, sizeof(*injected));
	struct walk walk = {.ends = ends, .injected = injected};

	if (!ends || !injected)
		return -ENOMEM;
	check_baseline(loader, &experiment->timeline[0]);
	for (size_t i = 0; i < experiment->timeline_count; i++)
		walk_step(loader, &experiment->timeline[i], &walk);
	check_whole(loader, node, faults, &walk);
	return 0;
}

int load_timeline(struct loader *loader, const struct yaml_node *node,
		  const struct yaml_node *faults)
{
	struct experiment *experiment = loader->experiment;
	bool every_good = true, good = false;
	int r = 0;

	if (node->count == 0) {
		diagnose(loader->diagnostics, node->at, "'timeline' is empty");
		suggest(loader->diagnostics, "a step is %s", STEP_LIST);
		return 0;
	}
	experiment->timeline = calloc(node->count, sizeof(*experiment->timeline));
	if (!experiment->timeline)
		return -ENOMEM;
	experiment->timeline_count = node->count;
	for (size_t i = 0; i < node->count && r == 0; i++) {
		r = load_step(loader, node->values[i], &experiment->timeline[i], &good);
		every_good = every_good && good;
	}
	/* What one step did wrong would look like a mistake of others. */
	return r == 0 && every_good ? walk_timeline(loader, node, faults) : r;
}
