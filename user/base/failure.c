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
	char text[sizeof(failure->text)];
	int saved = errno, used;
	va_list arguments;

	if (!failure)
		return r;
	va_start(arguments, format);
	used = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (used >= 0 && (size_t)used < sizeof(text))
		/* What is too long is cut off. */
		snprintf(text + used, sizeof(text) - (size_t)used, ": %.*s",
			 (int)strnlen(failure->text, sizeof(text) - (size_t)used), failure->text);
	memcpy(failure->text, text, sizeof(text));
	errno = saved;
	return r;
}
