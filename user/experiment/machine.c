/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The readers are tolerant: what they do not understand names no host, and the tools themselves
 * judge their files. Only hosts and ports are kept, never credentials.
 */
#include "user/experiment/machine.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/file.h"
#include "user/base/url.h"

#define CONFIGURATION_MAX (1024 * 1024)
#define SPACE		  " \t\r\n"

struct search {
	const struct machine_view *view;
	struct machine_findings *findings;
	bool named; /* the source that is being read named a host */
	int r;	    /* first -ENOMEM */
};

/* Takes the text of one source; may change it. */
typedef void (*parse_function)(struct search *search, char *text);

static bool is_known(const struct machine_findings *findings, const struct url *url)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->hosts[i].port == url->port &&
		    strcmp(findings->hosts[i].host, url->host) == 0)
			return true;
	}
	return false;
}

static int add_host(struct machine_findings *findings, const struct url *url)
{
	struct machine_host *hosts =
		reallocarray(findings->hosts, findings->count + 1, sizeof(*hosts));
	char *host = strdup(url->host);

	if (hosts)
		findings->hosts = hosts;
	if (!hosts || !host) {
		free(host);
		return -ENOMEM;
	}
	findings->hosts[findings->count++] = (struct machine_host){host, url->port};
	return 0;
}

/* One URL of `length` bytes; quotes around it and a front like "sparse+" are taken off. */
static void add_url(struct search *search, const char *text, size_t length)
{
	char copy[1024];
	const char *begin = copy, *colon, *plus;
	struct url url;

	while (length > 0 && strchr("\"'", text[0])) {
		text++;
		length--;
	}
	while (length > 0 && strchr("\"'", text[length - 1]))
		length--;
	if (length >= sizeof(copy))
		return;
	memcpy(copy, text, length);
	copy[length] = '\0';
	colon = strstr(copy, "://");
	plus = colon ? memrchr(copy, '+', (size_t)(colon - copy)) : NULL;
	if (plus)
		begin = plus + 1;
	if (url_parse(begin, &url) < 0 ||
	    (strcmp(url.scheme, "http") != 0 && strcmp(url.scheme, "https") != 0))
		return;
	search->named = true;
	if (is_known(search->findings, &url) || search->findings->count == PLAN_LIST_MAX)
		return;
	if (add_host(search->findings, &url) < 0)
		search->r = -ENOMEM;
}

/* URLs with any of `separators` between them. */
static void add_urls(struct search *search, const char *text, const char *separators)
{
	while (*text) {
		size_t length = strcspn(text, separators);

		if (length > 0)
			add_url(search, text, length);
		text += length;
		text += strspn(text, separators);
	}
}

/* Takes the next line off `*text`, NULL at the end. */
static char *next_line(char **text)
{
	char *line = *text;

	if (!line || !*line)
		return NULL;
	*text = strchr(line, '\n');
	if (*text)
		*(*text)++ = '\0';
	return line;
}

/* The value of "key = value" or "key: value" when the line is about `key`, NULL otherwise. */
static const char *value_of(const char *line, const char *key, const char *separators)
{
	size_t length = strlen(key);

	line += strspn(line, SPACE);
	if (strncasecmp(line, key, length) != 0)
		return NULL;
	line += length;
	line += strspn(line, SPACE);
	if (!*line || !strchr(separators, *line))
		return NULL;
	line++;
	return line + strspn(line, SPACE);
}

static void search_text(struct search *search, const char *shown, char *text, parse_function parse)
{
	search->named = false;
	if (strings_add(&search->findings->looked, shown) < 0)
		search->r = -ENOMEM;
	if (!text)
		return;
	parse(search, text);
	if (search->named && strings_add(&search->findings->sources, shown) < 0)
		search->r = -ENOMEM;
}

static void search_file(struct search *search, const char *front, const char *path,
			parse_function parse)
{
	_cleanup_free_ char *text = NULL;
	char real[PATH_MAX];
	size_t length;

	if ((size_t)snprintf(real, sizeof(real), "%s%s", front, path) >= sizeof(real))
		return;
	/* An unreadable file leaves `text` NULL; it counts as looked at. */
	file_read(real, CONFIGURATION_MAX, &text, &length);
	search_text(search, path, text, parse);
}

/* `path` begins below the home directory; it is shown with "~". */
static void search_home(struct search *search, const char *path, parse_function parse)
{
	_cleanup_free_ char *text = NULL;
	char real[PATH_MAX], shown[PATH_MAX];
	size_t length;

	snprintf(shown, sizeof(shown), "~/%s", path);
	if (search->view->home &&
	    (size_t)snprintf(real, sizeof(real), "%s/%s", search->view->home, path) < sizeof(real))
		file_read(real, CONFIGURATION_MAX, &text, &length);
	search_text(search, shown, text, parse);
}

static const char *environment(const struct search *search, const char *name)
{
	return search->view->environment ? search->view->environment(name) : NULL;
}

static void search_environment(struct search *search, const char *name, parse_function parse)
{
	const char *value = environment(search, name);
	_cleanup_free_ char *copy = value ? strdup(value) : NULL;
	char shown[80];

	snprintf(shown, sizeof(shown), "$%s", name);
	search_text(search, shown, copy, parse);
}

static void parse_urls(struct search *search, char *text)
{
	add_urls(search, text, SPACE ",|");
}

/* "deb [options] URI suite component..." */
static void parse_apt_list(struct search *search, char *text)
{
	char *line;

	while ((line = next_line(&text))) {
		const char *rest;

		line += strspn(line, SPACE);
		if (strncmp(line, "deb", 3) != 0)
			continue;
		rest = line + strcspn(line, SPACE);
		rest += strspn(rest, SPACE);
		if (*rest == '[') {
			rest += strcspn(rest, "]");
			rest += *rest == ']';
			rest += strspn(rest, SPACE);
		}
		add_url(search, rest, strcspn(rest, SPACE));
	}
}

/* One stanza of the deb822 form, lines ended by NUL from `begin` to `end`. */
static void parse_apt_stanza(struct search *search, const char *begin, const char *end)
{
	bool enabled = true, inside = false;

	for (const char *line = begin; line < end; line += strlen(line) + 1) {
		const char *value = value_of(line, "Enabled", ":");

		if (value && strncasecmp(value, "no", 2) == 0)
			enabled = false;
	}
	for (const char *line = begin; enabled && line < end; line += strlen(line) + 1) {
		const char *value = value_of(line, "URIs", ":");

		if (*line == '#')
			continue;
		inside = value || (inside && (*line == ' ' || *line == '\t'));
		if (inside)
			add_urls(search, value ? value : line, SPACE);
	}
}

static void parse_apt_sources(struct search *search, char *text)
{
	char *stanza = text, *line;

	while ((line = next_line(&text))) {
		if (line[strspn(line, SPACE)] == '\0') {
			parse_apt_stanza(search, stanza, line);
			stanza = line + strlen(line) + 1;
		} else if (!text || !*text) {
			parse_apt_stanza(search, stanza, line + strlen(line) + 1);
		}
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static void find_apt(struct search *search)
{
	static const char directory[] = "/etc/apt/sources.list.d";
	const char *root = search->view->root;
	struct dirent **entries = NULL;
	char path[PATH_MAX];
	size_t before;
	int count;

	search_file(search, root, "/etc/apt/sources.list", parse_apt_list);
	before = search->findings->looked.count;
	snprintf(path, sizeof(path), "%s%s", root, directory);
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (ends_with(entries[i]->d_name, ".list"))
			search_file(search, root, path, parse_apt_list);
		else if (ends_with(entries[i]->d_name, ".sources"))
			search_file(search, root, path, parse_apt_sources);
		free(entries[i]);
	}
	free(entries);
	if (search->findings->looked.count == before)
		search_text(search, directory, NULL, NULL);
}

/* "registry = URL" and "@scope:registry = URL". */
static void parse_npmrc(struct search *search, char *text)
{
	char *line;

	while ((line = next_line(&text))) {
		const char *value, *scope;

		line += strspn(line, SPACE);
		scope = line[0] == '@' ? strstr(line, ":registry") : NULL;
		value = value_of(scope ? scope + 1 : line, "registry", "=");
		if (value)
			add_url(search, value, strcspn(value, SPACE));
	}
}

static void find_npm(struct search *search)
{
	search_environment(search, "npm_config_registry", parse_urls);
	search_environment(search, "NPM_CONFIG_REGISTRY", parse_urls);
	search_home(search, ".npmrc", parse_npmrc);
	search_file(search, search->view->root, "/etc/npmrc", parse_npmrc);
}

static const char *pip_value(const char *line)
{
	static const char *const keys[] = {"index-url", "index_url", "extra-index-url",
					   "extra_index_url"};
	const char *value = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && !value; i++)
		value = value_of(line, keys[i], "=:");
	return value;
}

/* Indented lines go on with the value before them. */
static void parse_pip(struct search *search, char *text)
{
	bool inside = false;
	char *line;

	while ((line = next_line(&text))) {
		const char *value = pip_value(line);

		if (line[0] == '#' || line[0] == ';')
			continue;
		inside = value || (inside && (*line == ' ' || *line == '\t'));
		if (inside)
			add_urls(search, value ? value : line, SPACE);
	}
}

static void find_pip(struct search *search)
{
	const char *file = environment(search, "PIP_CONFIG_FILE");

	search_environment(search, "PIP_INDEX_URL", parse_urls);
	search_environment(search, "PIP_EXTRA_INDEX_URL", parse_urls);
	if (file)
		search_file(search, search->view->root, file, parse_pip);
	search_home(search, ".config/pip/pip.conf", parse_pip);
	search_home(search, ".pip/pip.conf", parse_pip);
	search_file(search, search->view->root, "/etc/pip.conf", parse_pip);
}

/* <url> of mirrors and repositories; nothing else in settings.xml has one. */
static void parse_maven(struct search *search, char *text)
{
	char *comment, *end;

	while ((comment = strstr(text, "<!--"))) {
		end = strstr(comment, "-->");
		memset(comment, ' ', end ? (size_t)(end + 3 - comment) : strlen(comment));
	}
	while ((text = strstr(text, "<url>"))) {
		text += strlen("<url>");
		end = strstr(text, "</url>");
		if (!end)
			return;
		*end = '\0';
		add_urls(search, text, SPACE);
		text = end + 1;
	}
}

static void find_maven(struct search *search)
{
	search_home(search, ".m2/settings.xml", parse_maven);
}

/* `registry = "URL"` and `index = "URL"`, also inside braces. */
static void parse_cargo(struct search *search, char *text)
{
	static const char *const keys[] = {"registry", "index"};
	char *line;

	while ((line = next_line(&text))) {
		char *brace = strchr(line, '{');

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			const char *value = value_of(brace ? brace + 1 : line, keys[i], "=");

			if (value && *value == '"')
				add_url(search, value + 1, strcspn(value + 1, "\""));
		}
	}
}

static void find_cargo(struct search *search)
{
	search_home(search, ".cargo/config.toml", parse_cargo);
	search_home(search, ".cargo/config", parse_cargo);
}

static void parse_go(struct search *search, char *text)
{
	char *line;

	while ((line = next_line(&text))) {
		const char *value = value_of(line, "GOPROXY", "=");

		if (value)
			add_urls(search, value, SPACE ",|");
	}
}

static void find_go(struct search *search)
{
	search_environment(search, "GOPROXY", parse_urls);
	search_home(search, ".config/go/env", parse_go);
}

static const struct {
	const char *tool;
	void (*find)(struct search *search);
} finders[] = {
	{"apt", find_apt},     {"npm", find_npm},     {"pip", find_pip},
	{"maven", find_maven}, {"cargo", find_cargo}, {"go", find_go},
};

int machine_find(const char *tool, const struct machine_view *view,
		 struct machine_findings *ret_findings)
{
	_cleanup_(machine_findings_free) struct machine_findings findings = {0};
	struct search search = {.view = view, .findings = &findings};
	size_t i = 0;

	while (i < ARRAY_SIZE(finders) && strcmp(finders[i].tool, tool) != 0)
		i++;
	if (i == ARRAY_SIZE(finders))
		return -ENOENT;
	finders[i].find(&search);
	if (search.r < 0)
		return search.r;
	*ret_findings = TAKE(findings, (struct machine_findings){0});
	return 0;
}

void machine_findings_free(struct machine_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		free(findings->hosts[i].host);
	free(findings->hosts);
	strings_free(&findings->sources);
	strings_free(&findings->looked);
	*findings = (struct machine_findings){0};
}

static const char *real_environment(const char *name)
{
	return getenv(name);
}

struct machine_view machine_view_real(void)
{
	return (struct machine_view){
		.root = "",
		.home = getenv("HOME"),
		.environment = real_environment,
	};
}
