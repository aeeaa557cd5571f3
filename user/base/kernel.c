/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/kernel.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "user/base/cleanup.h"

bool kernel_release_is_at_least(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int numbers[2] = {0, 0};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++, release += *release == '.')
		for (; *release >= '0' && *release <= '9' && numbers[i] < 10000; release++)
			numbers[i] = 10 * numbers[i] + (unsigned int)(*release - '0');
	return numbers[0] > major || (numbers[0] == major && numbers[1] >= minor);
}

bool kernel_is_at_least(unsigned int major, unsigned int minor, char *release, size_t size)
{
	struct utsname names = {0};

	uname(&names);
	snprintf(release, size, "%s", names.release);
	return kernel_release_is_at_least(names.release, major, minor);
}
