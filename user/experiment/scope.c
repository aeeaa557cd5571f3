/* SPDX-License-Identifier: Apache-2.0 */
/* Whose traffic is meant: what units, containers and the rest may be called. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"
#include "user/experiment/validate.h"

enum {
	UNIT_MAX = 255,
	CONTAINER_NAME_MAX = 128,
	PATH_LENGTH_MAX = 1023,
};

bool plan_unit_is_valid(const char *glob)
{
	static const char *const suffixes[] = {"*", ".service", ".slice", ".scope"};
	size_t length = strlen(glob);

	if (!length || length > UNIT_MAX || glob[0] == '.')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!((glob[i] >= '0' && glob[i] <= '9') || (glob[i] >= 'A' && glob[i] <= 'Z') ||
		      (glob[i] >= 'a' && glob[i] <= 'z') || strchr(":_.@\\*?-", glob[i])))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (length >= suffix && !strcmp(glob + length - suffix, suffixes[i]))
			return strspn(glob, "*?.") < length;
	}
	return false;
}

bool plan_container_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (!length || length > CONTAINER_NAME_MAX || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

static int check_each(const struct strings *texts, const char *what, const char *kinds,
		      size_t size_max, bool (*is_valid)(const char *text), struct failure *failure)
{
	int r = validate_strings(texts, kinds, size_max, failure);

	for (size_t i = 0; r == 0 && i < texts->count; i++)
		if (!is_valid(texts->items[i]))
			r = fail(failure, -EINVAL, "'%s' is no %s that can be matched",
				 texts->items[i], what);
	return r;
}

bool plan_command_is_valid(const char *name)
{
	return *name && strlen(name) < FAULT_COMMAND_MAX && !text_has_control(name);
}

bool plan_user_is_valid(const char *text)
{
	uint64_t uid;

	return number_parse_u64(text, 0, UINT32_MAX - 1, &uid) == 0;
}

bool plan_namespace_is_valid(const char *text)
{
	uint64_t inode;

	return (text[0] == '/' && strlen(text) < PATH_LENGTH_MAX) ||
	       number_parse_u64(text, 1, UINT32_MAX - 1, &inode) == 0;
}

int validate_owners(const struct owners *owners, struct failure *failure)
{
	const struct {
		const struct strings *texts;
		const char *what, *kinds;
		size_t longest;
		bool (*is_valid)(const char *text);
	} kinds[] = {
		{owners->units, "unit", "units", UNIT_MAX, plan_unit_is_valid},
		{owners->containers, "container", "containers", CONTAINER_NAME_MAX,
		 plan_container_is_valid},
		{owners->commands, "process name", "processes", FAULT_COMMAND_MAX - 1,
		 plan_command_is_valid},
		{owners->users, "uid", "users", 10, plan_user_is_valid},
		{owners->namespaces, "network namespace", "namespaces", PATH_LENGTH_MAX,
		 plan_namespace_is_valid},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = check_each(kinds[i].texts, kinds[i].what, kinds[i].kinds, kinds[i].longest,
			       kinds[i].is_valid, failure);
	return r;
}
