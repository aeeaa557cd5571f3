/* SPDX-License-Identifier: Apache-2.0 */
#include "user/experiment/diagnostic.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/file.h"
#include "user/experiment/yaml.h"

#define LINE_SHOWN 160 /* bytes of an offending line that are printed */

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* What a file says must not steer a terminal, nor end in half a character. */
static void tidy(char *text, size_t size)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	}
	if (length == size - 1) {
		while (length > 0 && is_continuation(text[length - 1]))
			length--;
		if (length > 0 && (unsigned char)text[length - 1] >= 0xc0)
			length--;
		text[length] = '\0';
	}
}

void diagnose(struct diagnostics *diagnostics, struct place at, const char *format, ...)
{
	struct diagnostic *item;
	va_list arguments;

	diagnostics->total++;
	if (diagnostics->count == ARRAY_SIZE(diagnostics->items))
		return;
	item = &diagnostics->items[diagnostics->count++];
	*item = (struct diagnostic){.line = at.line, .column = at.column};
	va_start(arguments, format);
	vsnprintf(item->message, sizeof(item->message), format, arguments);
	va_end(arguments);
	tidy(item->message, sizeof(item->message));
}

void suggest(struct diagnostics *diagnostics, const char *format, ...)
{
	struct diagnostic *item;
	va_list arguments;

	/* The problem itself was one too many to be kept. */
	if (diagnostics->count == 0 || diagnostics->total > diagnostics->count)
		return;
	item = &diagnostics->items[diagnostics->count - 1];
	va_start(arguments, format);
	vsnprintf(item->suggestion, sizeof(item->suggestion), format, arguments);
	va_end(arguments);
	tidy(item->suggestion, sizeof(item->suggestion));
}

static bool is_behind(const struct diagnostic *a, const struct diagnostic *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

void diagnostics_sort(struct diagnostics *diagnostics)
{
	struct diagnostic *items = diagnostics->items;

	for (size_t i = 1; i < diagnostics->count; i++) {
		struct diagnostic item = items[i];
		size_t j = i;

		for (; j > 0 && is_behind(&items[j - 1], &item); j--)
			items[j] = items[j - 1];
		items[j] = item;
	}
}

/* Start of line `line` in `text`, NULL when there is no such line. */
static const char *find_line(const char *text, int line)
{
	while (text && --line > 0) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return text;
}

static void print_source(const char *text, const struct diagnostic *item, FILE *out)
{
	const char *line = find_line(text, item->line);
	size_t length, column = item->column > 0 ? (size_t)item->column - 1 : 0, from = 0;

	if (!line)
		return;
	length = strcspn(line, "\r\n");
	if (column > length)
		column = length;
	/* A file of one long line: show what stands around the place. */
	if (column > LINE_SHOWN / 2 && length > LINE_SHOWN)
		from = column - LINE_SHOWN / 2;
	while (from > 0 && is_continuation(line[from]))
		from--;
	fputs("  ", out);
	for (size_t i = from; i < length && i < from + LINE_SHOWN; i++)
		fputc((unsigned char)line[i] < 0x20 && line[i] != '\t' ? '?' : line[i], out);
	fputs("\n  ", out);
	for (size_t i = from; i < column; i++) {
		if (!is_continuation(line[i]))
			fputc(line[i] == '\t' ? '\t' : ' ', out);
	}
	fputs("^\n", out);
}

void diagnostics_print(const struct diagnostics *diagnostics, const char *path, FILE *out)
{
	_cleanup_free_ char *text = NULL;
	size_t length;

	/* Without the text the messages stand alone, for example when the file cannot be read. */
	file_read(path, YAML_FILE_MAX, &text, &length);
	for (size_t i = 0; i < diagnostics->count; i++) {
		const struct diagnostic *item = &diagnostics->items[i];
		const char *between = *item->suggestion ? "; " : "";

		fputs(path, out);
		if (item->line > 0)
			fprintf(out, ":%d:%d", item->line, item->column);
		fprintf(out, ": error: %s%s%s\n", item->message, between, item->suggestion);
		if (item->line > 0 && text)
			print_source(text, item, out);
	}
	if (diagnostics->total > diagnostics->count)
		fprintf(out, "%s: %zu more errors are not shown\n", path,
			diagnostics->total - diagnostics->count);
}
