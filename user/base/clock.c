/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	/* Cannot fail for the two clocks below on any supported kernel. */
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_boottime_ns(void)
{
	return now_ns(CLOCK_BOOTTIME);
}

uint64_t clock_realtime_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}

void clock_format_rfc3339(uint64_t realtime_ns, char buffer[CLOCK_RFC3339_SIZE])
{
	time_t seconds = (time_t)(realtime_ns / NS_PER_S);
	char date[24];
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(buffer, CLOCK_RFC3339_SIZE, "%s.%03uZ", date,
		 (unsigned int)(realtime_ns % NS_PER_S / NS_PER_MS));
}
