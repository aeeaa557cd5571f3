/* SPDX-License-Identifier: Apache-2.0 */
/* Where fields stand in the structs of the running kernel, by its BTF; for bpf.c only. */
#ifndef DAEMON_BPF_FIELD_H
#define DAEMON_BPF_FIELD_H

#include <linux/types.h>

struct btf;

/* Byte offset of `path` ("a.b.c") in the kernel's struct `name`; 0 when its BTF does not tell. */
__u32 kernel_field_offset(const struct btf *btf, const char *name, const char *path);

#endif
