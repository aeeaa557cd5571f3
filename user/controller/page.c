/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/page.h"

#include "user/base/escape.h"

const char *page_tone(enum report_tone tone)
{
	static const char *const names[] = {
		[TONE_NEUTRAL] = "neutral",
		[TONE_BAD] = "bad",
		[TONE_NOTICED] = "noticed",
		[TONE_GOOD] = "good",
	};

	return names[tone];
}

static void tip(FILE *out, const char *definition)
{
	fputs("<span class=\"tip\" role=\"tooltip\">", out);
	escape_markup(out, definition);
	fputs("</span>", out);
}

void page_term(FILE *out, const char *label, const char *definition)
{
	fputs("<span class=\"term\" tabindex=\"0\">", out);
	escape_markup(out, label);
	tip(out, definition);
	fputs("</span>", out);
}

void page_chip(FILE *out, enum report_tone tone, const char *name, const char *definition)
{
	char words[REPORT_CELL_SIZE];

	report_cell_words(words, name);
	fprintf(out, "<span class=\"chip %s\" tabindex=\"0\">", page_tone(tone));
	escape_markup(out, words);
	tip(out, definition);
	fputs("</span>", out);
}

void page_verdict(FILE *out, enum verdict verdict)
{
	page_chip(out, report_verdict_tone(verdict), verdict_name(verdict),
		  report_verdict_definition(verdict));
}

void page_table_begin(struct page_table *table, FILE *out, const char *title,
		      const char *const *headers, const char *const *definitions, size_t columns)
{
	*table = (struct page_table){.out = out, .headers = headers, .columns = columns};
	fputs("<div class=\"sheet\"><table>\n<caption>", out);
	escape_markup(out, title);
	fputs("</caption>\n<thead><tr>", out);
	for (size_t i = 0; i < columns; i++) {
		fputs("<th scope=\"col\">", out);
		if (definitions && definitions[i])
			page_term(out, headers[i], definitions[i]);
		else
			escape_markup(out, headers[i]);
		fputs("</th>", out);
	}
	fputs("</tr></thead>\n<tbody>\n", out);
}

void page_cell_begin(struct page_table *table)
{
	size_t column = table->column % table->columns;

	if (column == 0) {
		fputs("<tr><th scope=\"row\">", table->out);
		return;
	}
	fputs("<td data-label=\"", table->out);
	escape_markup(table->out, table->headers[column]);
	fputs("\">", table->out);
}

void page_cell_end(struct page_table *table)
{
	size_t column = table->column++ % table->columns;

	fputs(column == 0 ? "</th>" : "</td>", table->out);
	if (column + 1 == table->columns)
		fputs("</tr>\n", table->out);
}

void page_cell(struct page_table *table, const char *text)
{
	page_cell_begin(table);
	escape_markup(table->out, text);
	page_cell_end(table);
}

void page_table_end(struct page_table *table)
{
	fputs("</tbody></table></div>\n", table->out);
}

void page_begin(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      out);
	escape_markup(out, title);
	fprintf(out, " - faultd</title>\n<style>\n%s</style>\n</head>\n<body>\n", page_style);
}
