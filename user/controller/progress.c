/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/progress.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/base/clock.h"

struct progress {
	bool quiet, live;
	uint64_t origin;
	size_t drawn; /* status lines on the screen now */
};

int progress_new(bool quiet, struct progress **ret_progress)
{
	struct progress *progress = calloc(1, sizeof(*progress));
	const char *terminal = getenv("TERM");

	if (!progress)
		return -ENOMEM;
	progress->quiet = quiet;
	progress->live =
		!quiet && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
	*ret_progress = progress;
	return 0;
}

bool progress_live(const struct progress *progress)
{
	return progress->live;
}

void progress_origin(struct progress *progress, uint64_t origin)
{
	progress->origin = origin;
}

static unsigned int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

/* Up to the first status line, and everything from there on away. */
static void erase(struct progress *progress)
{
	if (progress->drawn)
		fprintf(stderr, "\033[%zuF\033[J", progress->drawn);
	progress->drawn = 0;
}

void progress_note(struct progress *progress, uint64_t at, const char *format, ...)
{
	uint64_t ns = at > progress->origin && progress->origin ? at - progress->origin : 0;
	char text[512];
	va_list arguments;

	if (progress->quiet)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	erase(progress);
	fprintf(stderr, "%9.3f  %s\n", (double)ns / (double)NS_PER_S, text);
	fflush(stderr);
}

void progress_draw(struct progress *progress, const char *const *lines, size_t count)
{
	unsigned int width = columns();

	if (!progress->live)
		return;
	erase(progress);
	/* A line that wraps would spoil the count of lines to go up. */
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "%.*s\n", (int)width - 1, lines[i]);
	fflush(stderr);
	progress->drawn = count;
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	erase(progress);
	free(progress);
}
