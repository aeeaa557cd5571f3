/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the administrator allows, from /etc/faultd/policy.yaml. Read once at the start as root; both
 * processes hold a copy and judge by it.
 */
#ifndef DAEMON_POLICY_H
#define DAEMON_POLICY_H

#include <sys/types.h>

#include "user/experiment/plan.h"

struct policy {
	uint64_t longest_duration_ns; /* default 1 h */
	uint64_t longest_lease_ns;    /* default 60 s */
	bool allow_whole_host;	      /* plans without a scope; default true */
	__u32 effects;		      /* bit per enum fault_effect; default: all */
	bool allow_gate;	      /* rules that need the gate; default true */
	/* TLS may be ended for these names alone, "a.example" or "*.example"; or for every name */
	bool limits_terminate;
	struct strings terminate;
	struct plan_protect *protect;
	size_t protect_count;
	/* Who may run; root always. Neither list: whoever can open the socket. */
	bool restricted;
	uid_t *users;
	size_t users_count;
	gid_t *groups;
	size_t groups_count;
};

/* Who asks, by the kernel's word. */
struct policy_peer {
	uid_t uid;
	gid_t groups[64]; /* primary and supplementary */
	size_t groups_count;
};

void policy_defaults(struct policy *ret_policy);

/*
 * Reads `path`. A file that is not there gives the defaults. -EPERM when the file is not root's or
 * others may write it, -EINVAL when its content is wrong; `failure` says where.
 */
int policy_load(const char *path, struct policy *ret_policy, struct failure *failure);
/* The same for a text; `path` is for messages. */
int policy_parse(const char *path, const char *text, size_t length, struct policy *ret_policy,
		 struct failure *failure);
void policy_free(struct policy *policy);

/* Each 0, or -EACCES with the reason in `failure`. */
int policy_check_peer(const struct policy *policy, const struct policy_peer *peer,
		      struct failure *failure);
int policy_check_duration(const struct policy *policy, uint64_t duration_ns, uint64_t lease_ns,
			  struct failure *failure);
int policy_check_effect(const struct policy *policy, enum fault_effect effect,
			struct failure *failure);
/* `gate`: FAULT_GATE_* bits of a rule. */
int policy_check_gate(const struct policy *policy, uint8_t gate, struct failure *failure);
/* For a name, or names below one ("*.example"), of a rule that ends TLS. */
int policy_check_terminate(const struct policy *policy, const char *name, struct failure *failure);
int policy_check_scope(const struct policy *policy, bool whole_host, struct failure *failure);

/*
 * Whether a destination of `match` lies wholly inside one of `protect`: such a rule could never
 * act. Returns the protection's text, or NULL.
 */
const char *policy_find_protection(const struct plan_protect *protect, size_t count,
				   const struct plan_match *match);

/* Duration, effects, scope and protections of a whole plan. -EACCES with the reason. */
int policy_check_plan(const struct policy *policy, const struct plan *plan,
		      struct failure *failure);

#endif
