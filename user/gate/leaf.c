/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves that have been minted are kept, so that a client's next connection costs no signature. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "user/gate/authority_parts.h"

/* A leaf is replaced when it is that old: half of its validity. */
#define AGE_MAX (24 * 3600U)

static bool is_current(const struct leaf *leaf, uint64_t now)
{
	return leaf->minted_at <= now && now - leaf->minted_at < AGE_MAX;
}

/* The leaf that is kept for the name, or the place for a new one. */
static struct leaf *find_place(struct gate_authority *authority, const char *name,
			       enum gate_certificate kind)
{
	struct leaf *oldest = &authority->leaves[0];

	for (size_t i = 0; i < LEAVES_MAX; i++) {
		struct leaf *leaf = &authority->leaves[i];

		if (leaf->certificate && leaf->kind == kind && strcmp(leaf->name, name) == 0)
			return leaf;
		if (leaf->used < oldest->used)
			oldest = leaf;
	}
	return oldest;
}

int leaf_find(struct gate_authority *authority, const char *name, enum gate_certificate kind,
	      X509 **ret_certificate)
{
	uint64_t now = (uint64_t)time(NULL);
	char parsed[NAME_SIZE];
	X509 *certificate;
	struct leaf *leaf;
	int r;

	/* The name comes from the client. */
	if (name_parse(name, parsed, NULL) < 0 || parsed[0] == '*')
		return -EINVAL;
	leaf = find_place(authority, parsed, kind);
	if (!leaf->certificate || leaf->kind != kind || strcmp(leaf->name, parsed) != 0 ||
	    !is_current(leaf, now)) {
		r = certificate_make_leaf(authority, parsed, kind, now, &certificate);
		if (r < 0)
			return r;
		X509_free(leaf->certificate);
		memcpy(leaf->name, parsed, sizeof(leaf->name));
		leaf->kind = kind;
		leaf->certificate = certificate;
		leaf->minted_at = now;
	}
	leaf->used = ++authority->tick;
	*ret_certificate = leaf->certificate;
	return 0;
}

void leaf_free_all(struct gate_authority *authority)
{
	for (size_t i = 0; i < LEAVES_MAX; i++)
		X509_free(authority->leaves[i].certificate);
	memset(authority->leaves, 0, sizeof(authority->leaves));
}
