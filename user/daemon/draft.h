/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as the engine puts it together from messages, before and while it is armed. The messages
 * have passed request_check; what is judged here is how they fit together.
 */
#ifndef DAEMON_DRAFT_H
#define DAEMON_DRAFT_H

#include <stdbool.h>
#include <stddef.h>

#include "user/base/address.h"
#include "user/base/failure.h"
#include "user/protocol/engine.h"

enum {
	DRAFT_MATCHES_MAX = 4096,
	DRAFT_SEEDS_MAX = 1024,
};

/* One entry of one dimension. `owner` is an engine_match.rule. */
struct draft_match {
	__u32 owner;
	__u32 dimension; /* enum engine_dimension */
	struct port_range ports;
	struct address_prefix prefix;
	__u32 number;
	char *text; /* owned; names, paths, cgroups, ... */
};

struct draft {
	struct engine_begin begin;
	struct engine_rule rules[FAULT_RULES_MAX];
	__u32 rules_count;
	struct draft_match *matches;
	size_t matches_count;
	struct engine_seed *seeds;
	size_t seeds_count;
	struct fault_answer *answers[FAULT_RULES_MAX][2]; /* [rule][close]; NULL: none */
};

/* Starts a draft. The caller ends it with draft_free. 0 or -ENOMEM. */
int draft_new(const struct engine_begin *begin, struct draft **ret_draft);
void draft_free(struct draft *draft);
void draft_freep(struct draft **draft);

/* Each takes one message. 0, -EINVAL or -E2BIG with `failure`, or -ENOMEM. */
int draft_add_rule(struct draft *draft, const struct engine_rule *rule, struct failure *failure);
int draft_add_match(struct draft *draft, const struct engine_match *match, struct failure *failure);
int draft_add_answer(struct draft *draft, const struct engine_answer *answer,
		     struct failure *failure);
int draft_add_seed(struct draft *draft, const struct engine_seed *seed, struct failure *failure);

/* Adds a protection that the peer did not send: the policy's. `ports` empty: every port. */
int draft_protect(struct draft *draft, const struct address_prefix *prefix,
		  const struct port_range *ports, size_t ports_count, struct failure *failure);

/* Whether the draft is whole: all rules there, flags true, answers given. */
int draft_check(const struct draft *draft, struct failure *failure);

bool draft_has(const struct draft *draft, __u32 owner, __u32 dimension);
/* Whether `owner` names cgroups: by path, unit or container. */
bool draft_has_cgroups(const struct draft *draft, __u32 owner);

#endif
