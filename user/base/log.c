/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *log_program = "faultd";
static enum log_level log_highest = LOG_LEVEL_INFO;

void log_setup(const char *program, enum log_level highest)
{
	log_program = program;
	log_highest = highest;
}

void log_rename(const char *program)
{
	log_program = program;
}

void log_line(enum log_level level, const char *format, ...)
{
	int saved = errno;
	va_list arguments;
	char text[1400];

	if (level > log_highest)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* One write per line, so that lines of several processes do not mix. */
	if (isatty(STDERR_FILENO))
		dprintf(STDERR_FILENO, "%s: %s\n", log_program, text);
	else
		dprintf(STDERR_FILENO, "<%d>%s: %s\n", (int)level, log_program, text);
	errno = saved;
}
