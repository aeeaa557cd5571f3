/* SPDX-License-Identifier: Apache-2.0 */
/* How a fault changes with time, and when it has done enough. */
#include "user/experiment/load.h"

static int load_ramp(const struct yaml_node *node, const struct yaml_node *share,
		     struct plan_rule *rule, struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[RAMP_COUNT];
	size_t before = diagnostics->total;
	int r = schema_read(&schema_ramp, node, node->at, rule, nodes, diagnostics);

	if (r < 0)
		return r;
	if (share) {
		diagnose(diagnostics, share->at, "'share' and 'ramp' cannot stand together");
		suggest(diagnostics, "leave 'share' out: the ramp tells it");
	}
	if (diagnostics->total == before && rule->shape.ramp_from == rule->shape.ramp_to) {
		diagnose(diagnostics, node->at, "the ramp ends where it begins");
		suggest(diagnostics, "write 'share: %.10g%%'", rule->shape.ramp_to / 10000.0);
	}
	return 0;
}

static int load_budget(const struct yaml_node *node, struct plan_rule *rule,
		       struct diagnostics *diagnostics)
{
	const struct yaml_node *nodes[FAULT_BUDGET_COUNT];
	size_t before = diagnostics->total;
	int r = schema_read(&schema_fault_budget, node, node->at, rule, nodes, diagnostics);

	if (r < 0)
		return r;
	if (diagnostics->total == before && node->count == 0) {
		diagnose(diagnostics, node->at, "'budget' is empty");
		suggest(diagnostics, "add 'hits' or 'connections'");
	}
	return 0;
}

int load_shape(const struct yaml_node *const nodes[FAULT_KEY_COUNT], struct plan_rule *rule,
	       struct diagnostics *diagnostics)
{
	const struct yaml_node *flap[FLAP_COUNT];
	int r = 0;

	if (nodes[FAULT_RAMP])
		r = load_ramp(nodes[FAULT_RAMP], nodes[FAULT_SHARE], rule, diagnostics);
	if (r == 0 && nodes[FAULT_FLAP])
		r = schema_read(&schema_flap, nodes[FAULT_FLAP], nodes[FAULT_FLAP]->at, rule, flap,
				diagnostics);
	if (r == 0 && nodes[FAULT_BUDGET])
		r = load_budget(nodes[FAULT_BUDGET], rule, diagnostics);
	return r;
}
