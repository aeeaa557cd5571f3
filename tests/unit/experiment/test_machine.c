/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/experiment/load.h"
#include "user/experiment/machine.h"

#define FULL  "tests/unit/experiment/machine/full"
#define EMPTY "tests/unit/experiment/machine/empty"

static const char *(*variables)[2];

static const char *environment(const char *name)
{
	for (size_t i = 0; variables && variables[i][0]; i++) {
		if (strcmp(variables[i][0], name) == 0)
			return variables[i][1];
	}
	return NULL;
}

static const struct machine_view full = {FULL, FULL "/home", environment};
static const struct machine_view empty = {EMPTY, EMPTY "/home", environment};

/* "host:port host:port | source, source" */
static void check(const char *tool, const struct machine_view *view, const char *expected)
{
	_cleanup_(machine_findings_free) struct machine_findings findings = {0};
	char text[2048] = "";
	size_t used = 0;

	assert_int_equal(machine_find(tool, view, &findings), 0);
	for (size_t i = 0; i < findings.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s:%u ",
					 findings.hosts[i].host, findings.hosts[i].port);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "|");
	for (size_t i = 0; i < findings.sources.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
					 findings.sources.items[i]);
	assert_string_equal(text, expected);
}

static void check_looked(const char *tool, const char *expected)
{
	_cleanup_(machine_findings_free) struct machine_findings findings = {0};
	char text[2048] = "";
	size_t used = 0;

	assert_int_equal(machine_find(tool, &empty, &findings), 0);
	assert_int_equal(findings.count, 0);
	assert_int_equal(findings.sources.count, 0);
	for (size_t i = 0; i < findings.looked.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 findings.looked.items[i]);
	assert_string_equal(text, expected);
}

static void test_files(void **state)
{
	(void)state;
	variables = NULL;
	check("apt", &full,
	      "mirror.example:80 mirror.example:443 list.example:80 one.example:80 "
	      "two.example:8443 10.1.2.3:80 last.example:80 listed.example:80 | "
	      "/etc/apt/sources.list /etc/apt/sources.list.d/extra.sources "
	      "/etc/apt/sources.list.d/more.list");
	check("npm", &full, "packages.example:443 corp.example:4873 | ~/.npmrc");
	check("pip", &full,
	      "python.example:443 more.example:443 fd00::1:3141 | ~/.config/pip/pip.conf");
	check("maven", &full, "maven.example:443 other.example:8081 | ~/.m2/settings.xml");
	check("cargo", &full,
	      "crates.example:443 git.example:443 second.example:8000 | ~/.cargo/config.toml");
	check("go", &full, "modules.example:443 second.example:443 | ~/.config/go/env");
}

static void test_environment(void **state)
{
	static const char *set[][2] = {
		{"npm_config_registry", "http://npm.example/"},
		{"PIP_INDEX_URL", "https://pip.example/simple"},
		{"PIP_EXTRA_INDEX_URL", "https://x.example/ https://pip.example/other"},
		{"PIP_CONFIG_FILE", "/home/.config/pip/pip.conf"},
		{"GOPROXY", "off"},
		{NULL, NULL},
	};

	(void)state;
	variables = set;
	check("npm", &empty, "npm.example:80 | $npm_config_registry");
	check("pip", &empty, "pip.example:443 x.example:443 | $PIP_INDEX_URL $PIP_EXTRA_INDEX_URL");
	check("pip", &(struct machine_view){FULL, NULL, environment},
	      "pip.example:443 x.example:443 python.example:443 more.example:443 fd00::1:3141 | "
	      "$PIP_INDEX_URL $PIP_EXTRA_INDEX_URL /home/.config/pip/pip.conf");
	check("go", &empty, "|");
}

static void test_nothing(void **state)
{
	struct machine_findings findings = {.count = 7};

	(void)state;
	variables = NULL;
	check_looked("apt", "/etc/apt/sources.list /etc/apt/sources.list.d");
	check_looked("npm", "$npm_config_registry $NPM_CONFIG_REGISTRY ~/.npmrc /etc/npmrc");
	check_looked("pip", "$PIP_INDEX_URL $PIP_EXTRA_INDEX_URL ~/.config/pip/pip.conf "
			    "~/.pip/pip.conf /etc/pip.conf");
	check_looked("maven", "~/.m2/settings.xml");
	check_looked("cargo", "~/.cargo/config.toml ~/.cargo/config");
	check_looked("go", "$GOPROXY ~/.config/go/env");
	assert_int_equal(machine_find("yum", &empty, &findings), -ENOENT);
	assert_int_equal(findings.count, 7);
}

static void test_preset_from_machine(void **state)
{
	_cleanup_(preset_free) struct preset preset = {0};
	struct diagnostics diagnostics;

	(void)state;
	variables = NULL;
	assert_int_equal(
		preset_load_view("experiments/presets", "apt", &full, &preset, &diagnostics), 0);
	/* By port: names of 80, addresses of 80, names of 443, names of 8443. */
	assert_int_equal(preset.endpoints_count, 4);
	assert_int_equal(preset.endpoints[0].ports[0].first, 80);
	assert_int_equal(preset.endpoints[0].names.count, 5);
	assert_string_equal(preset.endpoints[0].names.items[4], "listed.example");
	assert_int_equal(preset.endpoints[1].prefixes_count, 1);
	assert_int_equal(preset.endpoints[1].names.count, 0);
	assert_int_equal(preset.endpoints[1].prefixes[0].length, 32);
	assert_string_equal(preset.endpoints[2].names.items[0], "mirror.example");
	assert_int_equal(preset.endpoints[3].ports[0].last, 8443);
	assert_int_equal(preset.notes.count, 2);
	assert_string_equal(preset.notes.items[1], "8 hosts from /etc/apt/sources.list, "
						   "/etc/apt/sources.list.d/extra.sources, "
						   "/etc/apt/sources.list.d/more.list");
}

static void test_preset_without_configuration(void **state)
{
	struct preset preset = {0};
	struct diagnostics diagnostics;

	(void)state;
	variables = NULL;
	assert_int_equal(preset_load_view("experiments/presets", "go-modules", &empty, &preset,
					  &diagnostics),
			 -EINVAL);
	assert_int_equal(diagnostics.total, 1);
	assert_string_equal(diagnostics.items[0].message,
			    "this machine's configuration of go names no host; read: $GOPROXY, "
			    "~/.config/go/env");
	assert_string_equal(diagnostics.items[0].suggestion,
			    "name the host in the experiment: 'match: {name: "
			    "mirror.corp.example}'");
	assert_null(preset.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_preset_from_machine),
		cmocka_unit_test(test_preset_without_configuration),
	};

	check_enter_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
