/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as one HTML file: no script, nothing from elsewhere, pictures first and tables below.
 * Its policy forbids the browser whatever an escape might have missed.
 */
#include <errno.h>

#include "user/base/cleanup.h"
#include "user/base/escape.h"
#include "user/controller/page.h"
#include "user/controller/record_json.h"

static void print_banner(const struct report *report, FILE *out)
{
	const struct history *history = report->history;
	const struct analysis *analysis = report->analysis;
	uint64_t began = json_u64(report->run->header, "at_ns");
	char date[CLOCK_RFC3339_SIZE], length[REPORT_TIME_SIZE], late[REPORT_TIME_SIZE];

	report_time_of_day(report, began, date);
	date[16] = '\0';
	date[10] = ' ';
	report_time(history->ended_at - began, length);
	fprintf(out, "<header class=\"%s\">\n<p class=\"verdict\">",
		page_tone(report_verdict_tone(analysis->verdict)));
	page_verdict(out, analysis->verdict);
	fputs(" <span>", out);
	escape_markup(out, analysis->reason);
	fputs("</span></p>\n<h1>", out);
	escape_markup(out, report_header(report, "title"));
	fprintf(out, "</h1>\n<p class=\"soft\">%s UTC on ", date);
	escape_markup(out, report_header(report, "host"));
	fprintf(out, ", %s long</p>\n", length);
	if (analysis->late) {
		report_time(analysis->late_by_ns, late);
		fprintf(out,
			"<p class=\"late\">The controller was late: up to %s behind its schedule. "
			"No figure is better known than that.</p>\n",
			late);
	}
	fputs("</header>\n", out);
}

static int print_pictures(const struct report *report, FILE *out)
{
	int r = page_overview(report, out);

	for (size_t i = 0; i < report->history->workflows_count && r == 0; i++)
		r = page_workflow(report, (uint32_t)i, out);
	return r == 0 ? page_kernel(report, out) : r;
}

static int print_tables(const struct report *report, FILE *out)
{
	int r = 0;

	for (size_t i = 0; i < report->analysis->episodes_count && r == 0; i++) {
		_cleanup_free_ char *title = report_episode_title(
			report->history, &report->analysis->episodes[i], i + 1);

		if (!title)
			return -ENOMEM;
		fputs("<section class=\"tables\"><h2>", out);
		escape_markup(out, title);
		fputs("</h2>\n", out);
		r = page_episode_tables(report, i, out);
		fputs("</section>\n", out);
	}
	fputs("<section class=\"tables\"><h2>The run</h2>\n", out);
	page_run_tables(report, out);
	fputs("</section>\n", out);
	return r;
}

static void print_definition(FILE *out, const char *label, const char *definition)
{
	fputs("<dt>", out);
	escape_markup(out, label);
	fputs("</dt><dd>", out);
	escape_markup(out, definition);
	fputs("</dd>\n", out);
}

static void print_definitions(FILE *out)
{
	fputs("<section class=\"definitions\"><h2>Definitions</h2>\n<dl>\n", out);
	for (size_t i = 0; i < report_figures_count; i++)
		print_definition(out, report_figures[i].label, report_figures[i].definition);
	for (size_t i = 0; i < report_points_count; i++) {
		char label[REPORT_CELL_SIZE];

		snprintf(label, sizeof(label), "%c: %s", report_points[i].letter,
			 report_points[i].label);
		print_definition(out, label, report_points[i].definition);
	}
	fputs("</dl></section>\n", out);
}

static void print_foot(const struct report *report, FILE *out)
{
	const json_t *experiment = json_object_get(report->run->header, "experiment");
	const char *text = json_text(experiment, "text");
	const char *const origins[][2] = {
		{"journal", report->run->path},
		{"faultd", report_header(report, "version")},
		{"kernel", report_header(report, "kernel")},
		{"boot id", report_header(report, "boot_id")},
	};

	if (text && *text) {
		fputs("<details><summary>The experiment</summary><pre>", out);
		escape_markup(out, text);
		fputs("</pre></details>\n", out);
	}
	fputs("<footer><p>", out);
	for (size_t i = 0; i < ARRAY_SIZE(origins); i++) {
		fprintf(out, "%s ", origins[i][0]);
		escape_markup(out, origins[i][1]);
		fputs(", ", out);
	}
	fprintf(out, "seed %llu</p></footer>\n</body>\n</html>\n",
		(unsigned long long)json_u64(report->run->header, "seed"));
}

int report_html(const struct report *report, FILE *out)
{
	int r;

	page_begin(out, report_header(report, "title"));
	print_banner(report, out);
	fputs("<main>\n", out);
	r = print_pictures(report, out);
	if (r == 0)
		r = print_tables(report, out);
	print_definitions(out);
	fputs("</main>\n", out);
	print_foot(report, out);
	return r;
}
