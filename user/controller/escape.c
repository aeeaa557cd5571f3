/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/escape.h"

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

/* Control characters other than tab and line ends, and U+FFFE and U+FFFF, are not of XML 1.0. */
static size_t foreign_to_xml(const char *text)
{
	unsigned char byte = (unsigned char)*text;

	if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
		return 1;
	if (memcmp(text, "\xef\xbf", strnlen(text, 2)) == 0 && byte == 0xef &&
	    ((unsigned char)text[2] == 0xbe || (unsigned char)text[2] == 0xbf))
		return 3;
	return 0;
}

void escape_markup(FILE *out, const char *text)
{
	while (*text) {
		size_t foreign = foreign_to_xml(text);
		const char *instead = replacement_of(markup, *text);

		if (foreign)
			fputs("\xef\xbf\xbd", out);
		else if (instead)
			fputs(instead, out);
		else
			fputc(*text, out);
		text += foreign ? foreign : 1;
	}
}

void escape_markdown(FILE *out, const char *text)
{
	for (; *text; text++) {
		const char *entity = replacement_of(markup, *text);

		if ((unsigned char)*text < 0x20)
			fputc(' ', out);
		else if (entity)
			fputs(entity, out);
		else if (*text == '@')
			fputs("&#64;", out);
		else if (strchr("\\`*_[]()#|~:", *text))
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
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
