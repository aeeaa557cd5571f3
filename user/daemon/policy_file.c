/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the policy file: a table of keys, each with its reader. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/number.h"
#include "user/daemon/identity.h"
#include "user/daemon/policy.h"
#include "user/experiment/yaml.h"

/* Reads one value into the policy. 0, or -EINVAL with what is wrong in `failure`. */
typedef int (*read_fn)(const struct yaml_node *node, struct policy *policy,
		       struct failure *failure);

static int need(const struct yaml_node *node, enum yaml_kind kind, const char *what,
		struct failure *failure)
{
	if (node->kind == kind)
		return 0;
	return fail(failure, -EINVAL, "must be %s, not %s", what, yaml_kind_name(node));
}

static int read_duration(const struct yaml_node *node, uint64_t highest, uint64_t *ret_ns,
			 struct failure *failure)
{
	uint64_t ns;
	int r = need(node, YAML_TEXT, "a duration like 30m", failure);

	if (r)
		return r;
	if (number_parse_duration(node->text, &ns))
		return fail(failure, -EINVAL, "'%.64s' is no duration like 30m", node->text);
	if (!ns || ns > highest)
		return fail(failure, -EINVAL, "'%.64s' is out of range", node->text);
	*ret_ns = ns;
	return 0;
}

static int read_longest(const struct yaml_node *node, struct policy *policy,
			struct failure *failure)
{
	return read_duration(node, 24 * 3600 * NS_PER_S, &policy->longest_duration_ns, failure);
}

static int read_lease(const struct yaml_node *node, struct policy *policy, struct failure *failure)
{
	return read_duration(node, 60 * NS_PER_S, &policy->longest_lease_ns, failure);
}

static int read_flag(const struct yaml_node *node, bool *ret_flag, struct failure *failure)
{
	int r = need(node, YAML_TEXT, "true or false", failure);

	if (r)
		return r;
	if (strcmp(node->text, "true") && strcmp(node->text, "false"))
		return fail(failure, -EINVAL, "must be true or false, not '%.64s'", node->text);
	*ret_flag = !strcmp(node->text, "true");
	return 0;
}

static int read_whole_host(const struct yaml_node *node, struct policy *policy,
			   struct failure *failure)
{
	return read_flag(node, &policy->allow_whole_host, failure);
}

static int read_gate(const struct yaml_node *node, struct policy *policy, struct failure *failure)
{
	return read_flag(node, &policy->allow_gate, failure);
}

static int read_terminate(const struct yaml_node *node, struct policy *policy,
			  struct failure *failure)
{
	int r = need(node, YAML_LIST, "a list of names", failure);

	policy->limits_terminate = true;
	for (size_t i = 0; !r && i < node->count; i++) {
		char name[NAME_SIZE];

		r = need(node->values[i], YAML_TEXT, "a name", failure);
		if (r)
			return r;
		if (name_parse(node->values[i]->text, name, NULL))
			return fail(failure, -EINVAL, "'%.64s' is no host name",
				    node->values[i]->text);
		if (strings_add(&policy->terminate, name))
			return fail(failure, -ENOMEM, "out of memory");
	}
	return r;
}

static int read_effects(const struct yaml_node *node, struct policy *policy,
			struct failure *failure)
{
	enum fault_effect effect;
	int r = need(node, YAML_LIST, "a list of effects", failure);

	if (r)
		return r;
	policy->effects = 0;
	for (size_t i = 0; i < node->count; i++) {
		r = need(node->values[i], YAML_TEXT, "an effect", failure);
		if (r)
			return r;
		if (plan_effect_by_name(node->values[i]->text, &effect))
			return fail(failure, -EINVAL, "'%.64s' is no effect",
				    node->values[i]->text);
		policy->effects |= 1U << effect;
	}
	return 0;
}

/* "10.0.0.0/8" or "10.0.0.0/8 port 22" or "... port 8000-8010". */
static int parse_protection(const char *text, struct plan_protect *protect, struct failure *failure)
{
	static const char word[] = " port ";
	_cleanup_free_ char *prefix = strdup(text);
	char *ports;

	protect->text = strdup(text);
	if (!prefix || !protect->text)
		return fail(failure, -ENOMEM, "out of memory");
	ports = strstr(prefix, word);
	if (ports) {
		*ports = '\0';
		ports += strlen(word);
		protect->ports = calloc(1, sizeof(*protect->ports));
		if (!protect->ports)
			return fail(failure, -ENOMEM, "out of memory");
		if (port_parse_range(ports, protect->ports))
			return fail(failure, -EINVAL, "'%.64s' is no port or range of ports",
				    ports);
		protect->ports_count = 1;
	}
	if (address_parse_prefix(prefix, &protect->prefix))
		return fail(failure, -EINVAL, "'%.64s' is no address or prefix", prefix);
	return 0;
}

static int read_protect(const struct yaml_node *node, struct policy *policy,
			struct failure *failure)
{
	int r = need(node, YAML_LIST, "a list of destinations", failure);

	if (r)
		return r;
	if (node->count > FAULT_PROTECTED_MAX)
		return fail(failure, -EINVAL, "%zu destinations, at most %d are allowed",
			    node->count, FAULT_PROTECTED_MAX);
	policy->protect = calloc(node->count + 1, sizeof(*policy->protect));
	if (!policy->protect)
		return fail(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; !r && i < node->count; i++) {
		r = need(node->values[i], YAML_TEXT, "a destination", failure);
		if (!r)
			r = parse_protection(node->values[i]->text,
					     &policy->protect[policy->protect_count++], failure);
	}
	return r;
}

/* A name, or a number for what this host has no name for. */
static int find_user(const char *name, uid_t *ret_uid)
{
	uint64_t number;

	if (!number_parse_u64(name, 0, UINT32_MAX - 1, &number)) {
		*ret_uid = (uid_t)number;
		return 0;
	}
	return identity_find_user(name, ret_uid, NULL);
}

static int find_group(const char *name, gid_t *ret_gid)
{
	uint64_t number;

	if (!number_parse_u64(name, 0, UINT32_MAX - 1, &number)) {
		*ret_gid = (gid_t)number;
		return 0;
	}
	return identity_find_group(name, ret_gid);
}

/* Names are looked up now, so that the api process never has to. */
static int read_ids(const struct yaml_node *node, const char *what,
		    int (*find)(const char *name, uint32_t *ret_id), uint32_t **ret_ids,
		    size_t *ret_count, struct failure *failure)
{
	int r = need(node, YAML_LIST, "a list of names", failure);

	if (r)
		return r;
	*ret_ids = calloc(node->count + 1, sizeof(**ret_ids));
	if (!*ret_ids)
		return fail(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < node->count; i++) {
		r = need(node->values[i], YAML_TEXT, "a name", failure);
		if (r)
			return r;
		if (find(node->values[i]->text, &(*ret_ids)[i]))
			return fail(failure, -EINVAL, "there is no %s '%.64s'", what,
				    node->values[i]->text);
		(*ret_count)++;
	}
	return 0;
}

static int read_users(const struct yaml_node *node, struct policy *policy, struct failure *failure)
{
	policy->restricted = true;
	return read_ids(node, "user", find_user, &policy->users, &policy->users_count, failure);
}

static int read_groups(const struct yaml_node *node, struct policy *policy, struct failure *failure)
{
	policy->restricted = true;
	return read_ids(node, "group", find_group, &policy->groups, &policy->groups_count, failure);
}

static int read_version(const struct yaml_node *node, struct policy *policy,
			struct failure *failure)
{
	(void)policy;
	if (node->kind != YAML_TEXT || strcmp(node->text, "1"))
		return fail(failure, -EINVAL, "must be 1");
	return 0;
}

static const struct {
	const char *key;
	read_fn read;
} keys[] = {
	{"version", read_version},     {"longest duration", read_longest},
	{"longest lease", read_lease}, {"allow whole host", read_whole_host},
	{"effects", read_effects},     {"protect", read_protect},
	{"allow gate", read_gate},     {"terminate", read_terminate},
	{"users", read_users},	       {"groups", read_groups},
};

static int read_key(const struct yaml_node *key, const struct yaml_node *value,
		    struct policy *policy, struct failure *failure)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].key, key->text))
			continue;
		r = keys[i].read(value, policy, failure);
		return r ? fail_in(failure, r, "%s", keys[i].key) : 0;
	}
	return fail(failure, -EINVAL, "unknown key '%.64s'", key->text);
}

static int read_root(const char *path, const struct yaml_node *root, struct policy *policy,
		     struct failure *failure)
{
	int r = need(root, YAML_MAP, "a mapping", failure);

	if (r)
		return fail_in(failure, r, "%s", path);
	for (size_t i = 0; i < root->count; i++) {
		r = read_key(root->keys[i], root->values[i], policy, failure);
		if (r)
			return fail_in(failure, r, "%s:%d:%d", path, root->keys[i]->at.line,
				       root->keys[i]->at.column);
	}
	return 0;
}

/* The whole file through one descriptor, so that what was judged is what is read. */
static int read_trusted(const char *path, char **ret_text, size_t *ret_length,
			struct failure *failure)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = malloc(YAML_FILE_MAX + 1);
	struct stat status;
	size_t used = 0;
	ssize_t size;

	if (!text)
		return fail(failure, -ENOMEM, "out of memory");
	if (fd < 0 || fstat(fd, &status))
		return fail(failure, -errno, "%s: %s", path, strerror(errno));
	if (status.st_uid || status.st_mode & (S_IWGRP | S_IWOTH))
		return fail(failure, -EPERM,
			    "%s: must belong to root and not be writable by group or others", path);
	while ((size = read(fd, text + used, YAML_FILE_MAX + 1 - used)) > 0)
		used += (size_t)size;
	if (size < 0)
		return fail(failure, -errno, "%s: %s", path, strerror(errno));
	if (used > YAML_FILE_MAX)
		return fail(failure, -EINVAL, "%s: larger than 1 MiB", path);
	*ret_text = TAKE_PTR(text);
	*ret_length = used;
	return 0;
}

int policy_parse(const char *path, const char *text, size_t length, struct policy *ret_policy,
		 struct failure *failure)
{
	_cleanup_yaml_ struct yaml_node *root = NULL;
	_cleanup_free_ struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));
	struct policy policy;
	int r;

	if (!diagnostics)
		return fail(failure, -ENOMEM, "out of memory");
	r = yaml_parse(text, length, &root, diagnostics);
	if (r || diagnostics->total)
		return fail(failure, r ? r : -EINVAL, "%s:%d:%d: %s", path,
			    diagnostics->items[0].line, diagnostics->items[0].column,
			    diagnostics->total ? diagnostics->items[0].message : strerror(-r));
	policy_defaults(&policy);
	r = read_root(path, root, &policy, failure);
	if (r) {
		policy_free(&policy);
		return r;
	}
	*ret_policy = policy;
	return 0;
}

int policy_load(const char *path, struct policy *ret_policy, struct failure *failure)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	int r = read_trusted(path, &text, &length, failure);

	if (r == -ENOENT) {
		policy_defaults(ret_policy);
		return 0;
	}
	return r ? r : policy_parse(path, text, length, ret_policy, failure);
}
