/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "user/base/cleanup.h"

enum { WIDTH_DEFAULT = 80, WIDTH_LEAST = 40, WIDTH_MAX = 160 };

static unsigned int columns(FILE *out)
{
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) < 0 || size.ws_col < WIDTH_LEAST)
		return WIDTH_DEFAULT;
	return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

static int print_table(const struct report *report, FILE *out)
{
	return report_table(report, columns(out), out);
}

static const struct {
	const char *name;
	int (*print)(const struct report *report, FILE *out);
	bool lines; /* lines for people or a CI service, which may stand behind others */
} formats[] = {
	[REPORT_TABLE] = {"table", print_table, true},
	[REPORT_JSON] = {"json", report_json, false},
	[REPORT_JUNIT] = {"junit", report_junit, false},
	[REPORT_GITHUB] = {"github", report_github, true},
	[REPORT_MARKDOWN] = {"markdown", report_markdown, false},
	[REPORT_CHAOS_TOOLKIT] = {"chaos-toolkit", report_chaos_toolkit, false},
	[REPORT_OPENMETRICS] = {"openmetrics", report_openmetrics, false},
	[REPORT_HTML] = {"html", report_html, false},
};
_Static_assert(ARRAY_SIZE(formats) == REPORT_FORMAT_COUNT, "a format has no row");

const char *report_format_name(unsigned int format)
{
	return format < REPORT_FORMAT_COUNT ? formats[format].name : NULL;
}

int report_format_by_name(const char *name, enum report_format *ret_format)
{
	for (unsigned int i = 0; i < REPORT_FORMAT_COUNT; i++) {
		if (strcmp(formats[i].name, name) != 0)
			continue;
		*ret_format = (enum report_format)i;
		return 0;
	}
	return -ENOENT;
}

const char *report_format_list(void)
{
	static char list[128];
	size_t used = 0;

	for (unsigned int i = 0; i < REPORT_FORMAT_COUNT; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
					 !i			       ? ""
					 : i + 1 < REPORT_FORMAT_COUNT ? ", "
								       : " or ",
					 formats[i].name);
	return list;
}

static int add(struct report_outputs *outputs, enum report_format format, const char *path,
	       struct failure *failure)
{
	if (outputs->count == REPORT_OUTPUTS_MAX)
		return fail(failure, -EINVAL, "more than %d reports", REPORT_OUTPUTS_MAX);
	for (size_t i = 0; i < outputs->count && !path; i++) {
		const struct report_output *other = &outputs->items[i];

		if (!other->path && !(formats[other->format].lines && formats[format].lines))
			return fail(failure, -EINVAL,
				    "%s and %s cannot both go to standard output; name a file, as "
				    "in %s=FILE",
				    formats[other->format].name, formats[format].name,
				    formats[format].name);
	}
	outputs->items[outputs->count++] = (struct report_output){.format = format, .path = path};
	return 0;
}

int report_outputs_add(struct report_outputs *outputs, const char *text, struct failure *failure)
{
	const char *equals = strchr(text, '=');
	const char *path = equals && strcmp(equals, "=-") != 0 ? equals + 1 : NULL;
	_cleanup_free_ char *name = strndup(text, equals ? (size_t)(equals - text) : strlen(text));
	enum report_format format;

	if (!name)
		return fail(failure, -ENOMEM, "out of memory");
	if (report_format_by_name(name, &format) < 0)
		return fail(failure, -EINVAL, "no such format: %s; there are %s", name,
			    report_format_list());
	if (path && !*path)
		return fail(failure, -EINVAL, "%s= names no file", name);
	return add(outputs, format, path, failure);
}

/* Not truncated yet: the last report stays until the next is ready. */
static FILE *open_path(const char *path, bool *ret_created)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *stream;

	*ret_created = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopen(fd, "w");
	if (stream)
		TAKE_FD(fd);
	return stream;
}

int report_outputs_open(struct report_outputs *outputs, struct failure *failure)
{
	bool printed = false;

	for (size_t i = 0; i < outputs->count; i++) {
		struct report_output *output = &outputs->items[i];

		printed = printed || !output->path;
		output->stream = output->path ? open_path(output->path, &output->created) : stdout;
		if (!output->stream)
			return fail(failure, -errno, "cannot write %s: %s", output->path,
				    strerror(errno));
	}
	if (printed)
		return 0;
	if (outputs->count == REPORT_OUTPUTS_MAX)
		return fail(failure, -EINVAL, "more than %d reports", REPORT_OUTPUTS_MAX - 1);
	outputs->items[outputs->count++] = (struct report_output){.stream = stdout};
	return 0;
}

void report_outputs_close(struct report_outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		const struct report_output *output = &outputs->items[i];

		if (!output->path || !output->stream)
			continue;
		fclose(output->stream);
		if (output->created && !output->begun)
			unlink(output->path);
	}
	outputs->count = 0;
}

void report_output_begin(struct report_output *output)
{
	output->begun = true;
	/* A device or a pipe has nothing to cut off. */
	if (output->path && ftruncate(fileno(output->stream), 0) < 0)
		errno = 0;
}

static int print_all(const struct report *report, struct report_outputs *outputs,
		     struct failure *failure)
{
	for (size_t i = 0; i < outputs->count; i++) {
		struct report_output *output = &outputs->items[i];
		int r;

		report_output_begin(output);
		r = formats[output->format].print(report, output->stream);
		if (r == 0 && (fflush(output->stream) || ferror(output->stream)))
			r = -EIO;
		if (r < 0)
			return fail(failure, r, "cannot write the report to %s: %s",
				    output->path ? output->path : "standard output", strerror(-r));
	}
	return 0;
}

int report_journal(const char *path, struct report_outputs *outputs, int *ret_exit_code,
		   struct failure *failure)
{
	struct journal_run run = {0};
	struct history history = {0};
	struct analysis analysis = {0};
	const struct report report = {.history = &history, .run = &run, .analysis = &analysis};
	int r = journal_read(path, &history, &run, failure);

	if (r < 0)
		return r;
	r = analysis_make(&history, &analysis);
	if (r < 0)
		fail(failure, r, "%s: %s", path, strerror(-r));
	else
		r = print_all(&report, outputs, failure);
	if (r == 0)
		*ret_exit_code = analysis.exit_code;
	analysis_free(&analysis);
	history_free(&history);
	journal_run_free(&run);
	return r;
}
