/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/escape.h"

#include <stddef.h>
#include <string.h>

/* What one byte becomes. */
struct replacement {
	char byte;
	const char *text;
};

static const struct replacement markup[] = {
	{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL},
};
static const struct replacement command[] = {
	{'%', "%25"},
	{'\r', "%0D"},
	{'\n', "%0A"},
	{0, NULL},
};
static const struct replacement property_of_command[] = {
	{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}, {':', "%3A"}, {',', "%2C"}, {0, NULL},
};
static const struct replacement label[] = {
	{'\\', "\\\\"},
	{'"', "\\\""},
	{'\n', "\\n"},
	{0, NULL},
};

static const char *replacement_of(const struct replacement *table, char byte)
{
	for (; table->text; table++)
		if (table->byte == byte)
			return table->text;
	return NULL;
}

static void escape(FILE *out, const char *text, const struct replacement *table)
{
	for (; *text; text++) {
		const char *instead = replacement_of(table, *text);

		if (instead)
			fputs(instead, out);
		else
			fputc(*text, out);
	}
}

/*
 * Bytes of a character that must not get through: controls other than tab and line ends, which
 * drive terminals and are not of XML 1.0; the overrides of writing direction (U+202A to U+202E,
 * U+2066 to U+2069), which reach beyond their place; U+FFFE and U+FFFF. 0: a character may.
 */
static size_t foreign(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;

	if (bytes[0] == 0x7f || (bytes[0] < 0x20 && !strchr("\t\n\r", bytes[0])))
		return 1;
	if (bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] < 0xa0)
		return 2;
	if (bytes[0] == 0xe2 && ((bytes[1] == 0x80 && bytes[2] >= 0xaa && bytes[2] <= 0xae) ||
				 (bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9)))
		return 3;
	return bytes[0] == 0xef && bytes[1] == 0xbf && bytes[2] >= 0xbe ? 3 : 0;
}

/* Writes the character at `text` in its place if it must not get through. Its length, or 0. */
static size_t replace_foreign(FILE *out, const char *text)
{
	size_t length = foreign(text);

	if (length)
		fputs("\xef\xbf\xbd", out);
	return length;
}

void escape_markup(FILE *out, const char *text)
{
	while (*text) {
		size_t length = replace_foreign(out, text);
		const char *instead = replacement_of(markup, *text);

		if (!length && instead)
			fputs(instead, out);
		else if (!length)
			fputc(*text, out);
		text += length ? length : 1;
	}
}

void escape_line(FILE *out, const char *text)
{
	while (*text) {
		size_t length = replace_foreign(out, text);

		if (!length)
			fputc(strchr("\t\n\r", *text) ? ' ' : *text, out);
		text += length ? length : 1;
	}
}

void escape_lines(FILE *out, const char *text)
{
	while (*text) {
		size_t length = replace_foreign(out, text);

		if (!length)
			fputc(*text, out);
		text += length ? length : 1;
	}
}

static void escape_markdown_byte(FILE *out, char byte)
{
	const char *entity = replacement_of(markup, byte);

	if (strchr("\t\n\r", byte))
		fputc(' ', out);
	else if (entity)
		fputs(entity, out);
	else if (byte == '@')
		fputs("&#64;", out);
	else if (strchr("\\`*_[]()#|~:", byte))
		fprintf(out, "\\%c", byte);
	else
		fputc(byte, out);
}

void escape_markdown(FILE *out, const char *text)
{
	while (*text) {
		size_t length = replace_foreign(out, text);

		if (!length)
			escape_markdown_byte(out, *text);
		text += length ? length : 1;
	}
}

void escape_command(FILE *out, const char *text, bool property)
{
	escape(out, text, property ? property_of_command : command);
}

void escape_label(FILE *out, const char *text)
{
	escape(out, text, label);
}
