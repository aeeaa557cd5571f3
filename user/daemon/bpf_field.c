/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/bpf_field.h"

#include <bpf/btf.h>
#include <string.h>

#include "user/base/cleanup.h"

/* Bit offset of a member of `type`, also inside its unnamed members; -1 when there is none. */
static __s64 member_offset(const struct btf *btf, const struct btf_type *type, const char *name,
			   const struct btf_type **ret_type)
{
	for (__u32 i = 0; i < btf_vlen(type); i++) {
		const struct btf_member *member = &btf_members(type)[i];
		__s32 id = btf__resolve_type(btf, member->type);
		const struct btf_type *inner = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
		const char *own = btf__name_by_offset(btf, member->name_off);
		__s64 below, offset = btf_member_bit_offset(type, i);

		if (own && !strcmp(own, name)) {
			*ret_type = inner;
			return offset;
		}
		if ((own && *own) || !inner || !btf_is_composite(inner))
			continue;
		below = member_offset(btf, inner, name, ret_type);
		if (below >= 0)
			return offset + below;
	}
	return -1;
}

__u32 kernel_field_offset(const struct btf *btf, const char *name, const char *path)
{
	__s32 id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
	_cleanup_free_ char *copy = strdup(path);
	char *rest = copy, *part;
	__u64 bits = 0;

	while (rest && (part = strsep(&rest, "."))) {
		__s64 offset =
			type && btf_is_composite(type) ? member_offset(btf, type, part, &type) : -1;

		if (offset < 0)
			return 0;
		bits += (__u64)offset;
	}
	return (__u32)(bits / 8);
}
