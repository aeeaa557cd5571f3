/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of strangers (titles, names, paths, messages) in the notations that we write. Input is
 * UTF-8, as jansson hands it out. Nothing that stands in a text may end its place.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stdbool.h>
#include <stdio.h>

/* For text and quoted attributes of HTML and of XML 1.0. Here and in the three below, controls and
 * overrides of the writing direction become U+FFFD. */
void escape_markup(FILE *out, const char *text);

/* For a terminal: whole lines, and one line, in which tabs and line ends become spaces. */
void escape_lines(FILE *out, const char *text);
void escape_line(FILE *out, const char *text);

/* For running text and table cells of Markdown: one line, no markup, no HTML, no link, no mention.
 */
void escape_markdown(FILE *out, const char *text);

/* For the message, or with `property` for a property, of a GitHub workflow command. */
void escape_command(FILE *out, const char *text, bool property);

/* For the value of a label in the text format of Prometheus and in OpenMetrics. */
void escape_label(FILE *out, const char *text);

#endif
