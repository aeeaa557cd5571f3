/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/owner_send.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"

/* The inode that stands for a network namespace. */
static int find_namespace(const char *text, __u32 *ret_inode, struct failure *failure)
{
	struct stat status;
	struct statfs system;
	uint64_t number;

	if (number_parse_u64(text, 1, UINT32_MAX - 1, &number) == 0) {
		*ret_inode = (__u32)number;
		return 0;
	}
	if (stat(text, &status) || statfs(text, &system))
		return fail(failure, -ESRCH, "network namespace %s: %s", text, strerror(errno));
	if (system.f_type != NSFS_MAGIC)
		return fail(failure, -ESRCH, "network namespace %s: is none", text);
	*ret_inode = (__u32)status.st_ino;
	return 0;
}

static int convert_command(const char *text, struct engine_match *match, struct failure *failure)
{
	(void)failure;
	snprintf(match->text, sizeof(match->text), "%s", text);
	return 0;
}

static int convert_user(const char *text, struct engine_match *match, struct failure *failure)
{
	uint64_t number = 0;

	if (number_parse_u64(text, 0, UINT32_MAX - 1, &number) < 0)
		return fail(failure, -EINVAL, "user '%s' is no uid", text);
	match->number = (__u32)number;
	return 0;
}

static int convert_namespace(const char *text, struct engine_match *match, struct failure *failure)
{
	return find_namespace(text, &match->number, failure);
}

static const struct {
	const char *what;
	__u32 dimension;
	size_t of_plan, of_match;
	int (*convert)(const char *text, struct engine_match *match, struct failure *failure);
} kinds[] = {
	{"process", ENGINE_DIMENSION_COMMAND, offsetof(struct plan, commands),
	 offsetof(struct plan_match, commands), convert_command},
	{"user", ENGINE_DIMENSION_USER, offsetof(struct plan, users),
	 offsetof(struct plan_match, users), convert_user},
	{"network namespace", ENGINE_DIMENSION_NAMESPACE, offsetof(struct plan, namespaces),
	 offsetof(struct plan_match, namespaces), convert_namespace},
};

/* Whether `match` is among what `texts` come to; an empty list holds everything. */
static int is_among(const struct strings *texts, size_t kind, const struct engine_match *match,
		    bool *ret_is, struct failure *failure)
{
	*ret_is = !texts->count;
	for (size_t i = 0; i < texts->count; i++) {
		struct engine_match other = {};
		int r = kinds[kind].convert(texts->items[i], &other, failure);

		if (r)
			return r;
		if (other.number == match->number && !strcmp(other.text, match->text))
			*ret_is = true;
	}
	return 0;
}

static int send_kind(const struct plan *plan, __u32 index, size_t kind, owner_send_fn send,
		     void *context, struct failure *failure)
{
	const struct plan_rule *rule = &plan->rules[index];
	const struct strings *scope = (const void *)((const char *)plan + kinds[kind].of_plan);
	const struct strings *own =
		(const void *)((const char *)&rule->match + kinds[kind].of_match);
	const struct strings *texts = own->count ? own : scope;
	size_t sent = 0;
	int r = 0;

	for (size_t i = 0; !r && i < texts->count; i++) {
		struct engine_match match = {.rule = index, .dimension = kinds[kind].dimension};
		bool is = false;

		r = kinds[kind].convert(texts->items[i], &match, failure);
		if (!r)
			r = is_among(scope, kind, &match, &is, failure);
		if (!r && is) {
			r = send(context, &match);
			sent++;
		}
	}
	if (!r && texts->count && !sent)
		r = fail(failure, -ESRCH, "fault '%s': no %s is in its match and in the scope",
			 rule->fault, kinds[kind].what);
	return r;
}

int owner_send(const struct plan *plan, __u32 index, owner_send_fn send, void *context,
	       struct failure *failure)
{
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(kinds); i++)
		r = send_kind(plan, index, i, send, context, failure);
	return r;
}
