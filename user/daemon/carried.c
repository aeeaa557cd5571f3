/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/carried.h"

#include <errno.h>
#include <stdbool.h>

#include "user/base/cleanup.h"
#include "user/experiment/plan.h"

static const bool carried_effects[FAULT_EFFECT_COUNT] = {
	[FAULT_EFFECT_REFUSE] = true,	[FAULT_EFFECT_UNREACHABLE] = true,
	[FAULT_EFFECT_DROP] = true,	[FAULT_EFFECT_LOSS] = true,
	[FAULT_EFFECT_HANG] = true,	[FAULT_EFFECT_ANSWER] = true,
	[FAULT_EFFECT_ALERT] = true,	[FAULT_EFFECT_RESET] = true,
	[FAULT_EFFECT_CUT] = true,	[FAULT_EFFECT_STALL] = true,
	[FAULT_EFFECT_RATE] = true,	[FAULT_EFFECT_DNS] = true,
	[FAULT_EFFECT_OVERLOAD] = true, [FAULT_EFFECT_DELAY] = true,
	[FAULT_EFFECT_DRIP] = true,	[FAULT_EFFECT_CERTIFICATE] = true,
	[FAULT_EFFECT_CORRUPT] = true,
};

static const bool carried_staged_lift = true;

static bool has_ramp(const struct fault_shape *shape)
{
	return shape->ramp_over;
}

static bool has_flap(const struct fault_shape *shape)
{
	return shape->flap_period;
}

static bool has_budget(const struct fault_shape *shape)
{
	return shape->budget_hits || shape->budget_connections;
}

static bool has_first(const struct fault_shape *shape)
{
	return shape->first;
}

static const struct {
	const char *name;
	bool carried;
	bool (*given)(const struct fault_shape *shape);
} shapes[] = {
	{"ramp", true, has_ramp},
	{"flap", true, has_flap},
	{"budget", true, has_budget},
	{"first", true, has_first},
};

static int refuse(const char *what, struct failure *failure)
{
	return fail(failure, -EOPNOTSUPP, "%s is not carried out by this build's kernel programs",
		    what);
}

int carried_check(const struct fault_rule *rule, struct failure *failure)
{
	const char *name = plan_effect_name(rule->effect);

	if (rule->effect >= FAULT_EFFECT_COUNT || !carried_effects[rule->effect])
		return refuse(name ? name : "?", failure);
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (!shapes[i].carried && shapes[i].given(&rule->shape))
			return refuse(shapes[i].name, failure);
	return 0;
}

int carried_check_staged_lift(struct failure *failure)
{
	return carried_staged_lift ? 0 : refuse("a lift over some time", failure);
}
