/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/draft.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/carried.h"
#include "user/experiment/plan.h"

int draft_new(const struct engine_begin *begin, struct draft **ret_draft)
{
	struct draft *draft = calloc(1, sizeof(*draft));

	if (!draft)
		return -ENOMEM;
	draft->begin = *begin;
	*ret_draft = draft;
	return 0;
}

void draft_free(struct draft *draft)
{
	if (!draft)
		return;
	for (size_t i = 0; i < draft->matches_count; i++)
		free(draft->matches[i].text);
	for (size_t i = 0; i < FAULT_RULES_MAX; i++) {
		free(draft->answers[i][0]);
		free(draft->answers[i][1]);
	}
	free(draft->matches);
	free(draft->seeds);
	free(draft);
}

void draft_freep(struct draft **draft)
{
	draft_free(*draft);
}

bool draft_has(const struct draft *draft, __u32 owner, __u32 dimension)
{
	for (size_t i = 0; i < draft->matches_count; i++)
		if (draft->matches[i].owner == owner && draft->matches[i].dimension == dimension)
			return true;
	return false;
}

bool draft_has_cgroups(const struct draft *draft, __u32 owner)
{
	return draft_has(draft, owner, ENGINE_DIMENSION_CGROUP) ||
	       draft_has(draft, owner, ENGINE_DIMENSION_UNIT) ||
	       draft_has(draft, owner, ENGINE_DIMENSION_CONTAINER);
}

int draft_add_rule(struct draft *draft, const struct engine_rule *rule, struct failure *failure)
{
	if (rule->index != draft->rules_count)
		return fail(failure, -EINVAL, "rule %u came where rule %u was due", rule->index,
			    draft->rules_count);
	if (rule->index >= draft->begin.rules)
		return fail(failure, -EINVAL, "more than the %u rules that were announced",
			    draft->begin.rules);
	draft->rules[draft->rules_count++] = *rule;
	return 0;
}

/* Room for one more element of `size` bytes. Grows by doubling. */
static int grow(void **items, size_t count, size_t size)
{
	void *larger;

	if (count & (count - 1))
		return 0;
	larger = reallocarray(*items, count ? count * 2 : 1, size);
	if (!larger)
		return -ENOMEM;
	*items = larger;
	return 0;
}

static int add_match(struct draft *draft, const struct draft_match *match, struct failure *failure)
{
	if (draft->matches_count >= DRAFT_MATCHES_MAX)
		return fail(failure, -E2BIG, "more than %d destinations", DRAFT_MATCHES_MAX);
	if (grow((void **)&draft->matches, draft->matches_count, sizeof(*match)))
		return fail(failure, -ENOMEM, "out of memory");
	draft->matches[draft->matches_count++] = *match;
	return 0;
}

static int check_owner(const struct draft *draft, __u32 owner, struct failure *failure)
{
	if (owner == ENGINE_SCOPE)
		return 0;
	if (owner & ENGINE_PROTECTION) {
		if ((owner & ~ENGINE_PROTECTION) >= draft->begin.protections)
			return fail(failure, -EINVAL,
				    "more than the %u protections that were announced",
				    draft->begin.protections);
		return 0;
	}
	if (owner >= draft->rules_count)
		return fail(failure, -EINVAL, "a match for rule %u, which was not sent", owner);
	return 0;
}

int draft_add_match(struct draft *draft, const struct engine_match *match, struct failure *failure)
{
	_cleanup_free_ char *text = NULL;
	struct draft_match entry = {
		.owner = match->rule,
		.dimension = match->dimension,
		.ports = {match->port_first, match->port_last},
		.number = match->number,
		.prefix = {.length = match->length, .ipv4 = match->ipv4},
	};
	int r = check_owner(draft, match->rule, failure);

	if (r)
		return r;
	memcpy(entry.prefix.address, match->address, sizeof(match->address));
	if (match->dimension >= ENGINE_DIMENSION_NAME) {
		text = strdup(match->text);
		if (!text)
			return fail(failure, -ENOMEM, "out of memory");
		entry.text = text;
	}
	r = add_match(draft, &entry, failure);
	if (!r)
		TAKE_PTR(text);
	return r;
}

static bool answers(const struct fault_rule *rule)
{
	return plan_effect_answers(rule->effect, rule->reject);
}

int draft_add_answer(struct draft *draft, const struct engine_answer *answer,
		     struct failure *failure)
{
	struct fault_answer **slot;

	if (answer->rule >= draft->rules_count)
		return fail(failure, -EINVAL, "an answer for rule %u, which was not sent",
			    answer->rule);
	if (!answers(&draft->rules[answer->rule].rule))
		return fail(failure, -EINVAL, "an answer for rule %u, which gives none",
			    answer->rule);
	slot = &draft->answers[answer->rule][answer->close];
	if (*slot)
		return fail(failure, -EINVAL, "rule %u has this answer already", answer->rule);
	*slot = malloc(sizeof(**slot));
	if (!*slot)
		return fail(failure, -ENOMEM, "out of memory");
	**slot = answer->answer;
	return 0;
}

int draft_add_seed(struct draft *draft, const struct engine_seed *seed, struct failure *failure)
{
	if (draft->seeds_count >= DRAFT_SEEDS_MAX)
		return fail(failure, -E2BIG, "more than %d resolved addresses", DRAFT_SEEDS_MAX);
	if (grow((void **)&draft->seeds, draft->seeds_count, sizeof(*seed)))
		return fail(failure, -ENOMEM, "out of memory");
	draft->seeds[draft->seeds_count++] = *seed;
	return 0;
}

int draft_protect(struct draft *draft, const struct address_prefix *prefix,
		  const struct port_range *ports, size_t ports_count, struct failure *failure)
{
	struct draft_match entry = {.dimension = ENGINE_DIMENSION_PREFIX, .prefix = *prefix};
	int r;

	if (draft->begin.protections >= FAULT_PROTECTED_MAX)
		return fail(failure, -E2BIG, "more than %d protections with the policy's",
			    FAULT_PROTECTED_MAX);
	entry.owner = ENGINE_PROTECTION | draft->begin.protections++;
	r = add_match(draft, &entry, failure);
	for (size_t i = 0; !r && i < ports_count; i++) {
		entry.dimension = ENGINE_DIMENSION_PORT;
		entry.ports = ports[i];
		r = add_match(draft, &entry, failure);
	}
	return r;
}

static int check_flag(const struct draft *draft, __u32 index, __u16 flag, bool is, const char *what,
		      struct failure *failure)
{
	bool says = draft->rules[index].rule.flags & flag;

	if (says != is)
		return fail(failure, -EINVAL, "rule %u %s %s", index,
			    says ? "says without reason that it" : "does not say that it", what);
	return 0;
}

static int check_rule(const struct draft *draft, __u32 index, struct failure *failure)
{
	const struct engine_rule *rule = &draft->rules[index];
	bool by_path = draft_has(draft, index, ENGINE_DIMENSION_PATH);
	int r;

	r = check_flag(draft, index, FAULT_RULE_BY_NAME,
		       draft_has(draft, index, ENGINE_DIMENSION_NAME), "matches by name", failure);
	if (r)
		return r;
	if (rule->rule.gate & FAULT_GATE_TLS && !(rule->rule.flags & FAULT_RULE_BY_NAME))
		return fail(failure, -EINVAL, "rule %u ends TLS and matches no name", index);
	/* A rule may ask for HTTP by its host alone, so only the other way round is an error. */
	if ((by_path || rule->rule.methods) && !(rule->rule.flags & FAULT_RULE_BY_HTTP))
		return fail(failure, -EINVAL, "rule %u does not say that it matches by HTTP",
			    index);
	if (answers(&rule->rule) && (!draft->answers[index][0] || !draft->answers[index][1]))
		return fail(failure, -EINVAL, "rule %u lacks an answer", index);
	if (!draft_has(draft, index, ENGINE_DIMENSION_NAME) &&
	    !draft_has(draft, index, ENGINE_DIMENSION_PREFIX) &&
	    !draft_has(draft, index, ENGINE_DIMENSION_PORT) && !draft_has_cgroups(draft, index) &&
	    !draft_has(draft, index, ENGINE_DIMENSION_COMMAND) &&
	    !draft_has(draft, index, ENGINE_DIMENSION_USER) &&
	    !draft_has(draft, index, ENGINE_DIMENSION_NAMESPACE) &&
	    !draft_has(draft, index, ENGINE_DIMENSION_INTERFACE) && !by_path)
		return fail(failure, -EINVAL, "rule %u matches every destination", index);
	return 0;
}

int draft_check(const struct draft *draft, struct failure *failure)
{
	int r;

	if (draft->rules_count != draft->begin.rules)
		return fail(failure, -EINVAL, "%u of %u rules were sent", draft->rules_count,
			    draft->begin.rules);
	for (__u32 i = 0; i < draft->rules_count; i++) {
		r = check_rule(draft, i, failure);
		if (!r)
			r = carried_check(&draft->rules[i].rule, failure);
		if (r)
			return r;
	}
	for (__u32 i = 0; i < draft->begin.protections; i++)
		if (!draft_has(draft, ENGINE_PROTECTION | i, ENGINE_DIMENSION_PREFIX) &&
		    !draft_has(draft, ENGINE_PROTECTION | i, ENGINE_DIMENSION_PORT))
			return fail(failure, -EINVAL, "protection %u is empty", i);
	return 0;
}
