/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(struct failure *failure, int r, const char *format, ...)
{
	int saved = errno;
	va_list arguments;

	if (!failure)
		return r;
	va_start(arguments, format);
	vsnprintf(failure->text, sizeof(failure->text), format, arguments);
	va_end(arguments);
	errno = saved;
	return r;
}

int fail_in(struct failure *failure, int r, const char *format, ...)
{
	char inner[sizeof(failure->text)];
	int saved = errno, used;
	va_list arguments;
	size_t room;

	if (!failure)
		return r;
	memcpy(inner, failure->text, sizeof(inner));
	va_start(arguments, format);
	used = vsnprintf(failure->text, sizeof(failure->text), format, arguments);
	va_end(arguments);
	if (used >= 0 && (size_t)used + sizeof(": ") < sizeof(failure->text)) {
		room = sizeof(failure->text) - (size_t)used;
		/* What does not fit any more is cut off at the end. */
		snprintf(failure->text + used, room, ": %.*s", (int)(room - sizeof(": ")), inner);
	}
	errno = saved;
	return r;
}
