/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of plan_validate. */
#ifndef EXPERIMENT_VALIDATE_H
#define EXPERIMENT_VALIDATE_H

#include "user/experiment/plan.h"

/* Whether a control character is in `text`. */
static inline bool text_has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

/*
 * What a rule's effect and shape say, and whether they fit what it matches. The effect is one of
 * enum fault_effect. 0, -EINVAL with the problem in `failure`, or -ENOMEM.
 */
int validate_effect(const struct plan_rule *rule, struct failure *failure);

/* Texts of 1 to `longest` bytes without control characters; `what` in the plural. 0 or -EINVAL. */
int validate_strings(const struct strings *strings, const char *what, size_t longest,
		     struct failure *failure);

/* Whose traffic a match or a scope means. Borrowed. */
struct owners {
	const struct strings *units, *containers, *commands, *users, *namespaces;
};
/* scope.c: 0 or -EINVAL with the first that is not well-formed. */
int validate_owners(const struct owners *owners, struct failure *failure);

#endif
