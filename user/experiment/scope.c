/* SPDX-License-Identifier: Apache-2.0 */
/* Whose traffic is meant: what units and containers may be called. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/experiment/validate.h"

enum {
	UNIT_MAX = 255,
	CONTAINER_NAME_MAX = 128,
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

int validate_owners(const struct strings *units, const struct strings *containers,
		    struct failure *failure)
{
	int r = check_each(units, "unit", "units", UNIT_MAX, plan_unit_is_valid, failure);

	return r ? r
		 : check_each(containers, "container", "containers", CONTAINER_NAME_MAX,
			      plan_container_is_valid, failure);
}
