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
#include "user/base/escape.h"

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

static void terminal_size(unsigned int *ret_columns, unsigned int *ret_rows)
{
	struct winsize size = {0};

	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	*ret_columns = size.ws_col < 20 ? 80 : size.ws_col;
	*ret_rows = size.ws_row < 3 ? 24 : size.ws_row;
}

/* Up to the first status line, and everything from there on away. */
static void erase(struct progress *progress, FILE *out)
{
	if (progress->drawn)
		fprintf(out, "\033[%zuF\033[J", progress->drawn);
	progress->drawn = 0;
}

/* All at once, so that a screen never shows half of it. */
static void show(FILE *out, char **text, const size_t *size)
{
	if (fclose(out) == 0) {
		fwrite(*text, 1, *size, stderr);
		fflush(stderr);
	}
	free(*text);
}

void progress_note(struct progress *progress, uint64_t at, const char *event, const char *format,
		   ...)
{
	uint64_t ns = at > progress->origin && progress->origin ? at - progress->origin : 0;
	char text[512], *shown = NULL;
	size_t size = 0;
	va_list arguments;
	FILE *out;

	out = progress->quiet ? NULL : open_memstream(&shown, &size);
	if (!out)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	erase(progress, out);
	fprintf(out, "%9.3f  %-8s", (double)ns / (double)NS_PER_S, event);
	fputs(*text ? " " : "", out);
	escape_line(out, text);
	fputc('\n', out);
	show(out, &shown, &size);
}

void progress_fit(FILE *out, const char *line, unsigned int width)
{
	unsigned int used = 0;

	while (*line) {
		size_t length = 1;

		if (*line == '\033') {
			length = strcspn(line, "m");
			length += line[length] == 'm';
			fwrite(line, 1, length, out);
			line += length;
			continue;
		}
		while ((line[length] & 0xc0) == 0x80)
			length++;
		if (used < width)
			fwrite(line, 1, length, out);
		used++;
		line += length;
	}
}

void progress_draw(struct progress *progress, const char *const *lines, size_t count)
{
	unsigned int width, height;
	char *shown = NULL;
	size_t size = 0;
	FILE *out = progress->live ? open_memstream(&shown, &size) : NULL;

	if (!out)
		return;
	terminal_size(&width, &height);
	/* What does not fit, or wraps, would spoil the count of lines to go up. */
	if (count > height - 1)
		count = height - 1;
	if (progress->drawn)
		fprintf(out, "\033[%zuF", progress->drawn);
	for (size_t i = 0; i < count; i++) {
		progress_fit(out, lines[i], width - 1);
		fputs("\033[K\n", out);
	}
	fputs("\033[J", out);
	progress->drawn = count;
	show(out, &shown, &size);
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	erase(progress, stderr);
	free(progress);
}
