/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel this is. Features are looked for where they can be; this is for people's sake. */
#ifndef BASE_KERNEL_H
#define BASE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether `release` ("6.1.0-56-cloud-amd64") is of that version or a later one. */
bool kernel_release_is_at_least(const char *release, unsigned int major, unsigned int minor);

/* Likewise of the kernel that runs, whose release goes into `release`, cut off at `size`. */
bool kernel_is_at_least(unsigned int major, unsigned int minor, char *release, size_t size);

#endif
