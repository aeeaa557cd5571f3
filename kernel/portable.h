/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lets the pure headers compile for the BPF target and for the host: inlining attributes and
 * fixed-width types. Functions marked FAULT_SCAN are global to the verifier: it checks each once
 * and takes the result as an unknown scalar, so that their loops do not multiply with the callers'
 * paths. They take only scalars and pointers to structs of a known size.
 */
#ifndef FAULTD_PORTABLE_H
#define FAULTD_PORTABLE_H

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define FAULT_INLINE static __always_inline
#ifdef __bpf__
#define FAULT_SCAN   __attribute__((weak, noinline))
#define FAULT_UNROLL _Pragma("unroll")
#else
#define FAULT_SCAN static __attribute__((noinline, unused))
#define FAULT_UNROLL
#endif

#define NULL_POINTER ((void *)0)

/* Keeps the compiler from reasoning about `value`, so that the bound the verifier needs stays. */
#define FAULT_OPAQUE(value) __asm__ volatile("" : "+r"(value))

FAULT_INLINE __u8 byte_lower(__u8 byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

#endif
