/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks. All durations and instants are nanoseconds in uint64_t. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* CLOCK_BOOTTIME now, the clock of the kernel programs (bpf_ktime_get_boot_ns). */
uint64_t clock_boottime_ns(void);

/* CLOCK_REALTIME now, only to label a run for people. */
uint64_t clock_realtime_ns(void);

/* Writes `realtime_ns` as RFC 3339 UTC with milliseconds ("2026-02-02T18:03:00.000Z"). */
#define CLOCK_RFC3339_SIZE 32
void clock_format_rfc3339(uint64_t realtime_ns, char buffer[CLOCK_RFC3339_SIZE]);

#endif
