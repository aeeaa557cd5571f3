/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/experiment/experiment.h"

#define PRESETS "experiments/presets"

/* The catalogue: what must be there, of which class, with how many endpoints. */
static const struct {
	const char *name, *class;
	size_t endpoints;
	bool needs_host;
} catalogue[] = {
	{"apt", "artifact", 0, false},
	{"aws-ecs", "token", 1, false},
	{"aws-eks", "token", 1, false},
	{"aws-imds", "token", 1, false},
	{"aws-sts", "token", 1, false},
	{"azure-arc", "token", 1, false},
	{"azure-imds", "token", 1, false},
	{"azure-vm-extensions", "artifact", 2, false},
	{"crates", "artifact", 0, false},
	{"dockerhub", "artifact", 1, false},
	{"dockerhub-token", "token", 1, false},
	{"entra", "token", 1, false},
	{"gcp-metadata", "token", 1, false},
	{"gcp-sts", "token", 1, false},
	{"github-actions-data", "artifact", 2, false},
	{"github-app", "token", 1, false},
	{"github-oidc", "token", 1, false},
	{"github-packages", "artifact", 1, false},
	{"github-releases", "artifact", 1, false},
	{"go-modules", "artifact", 0, false},
	{"hashicorp", "artifact", 1, false},
	{"keycloak", "token", 1, true},
	{"kubernetes-artifacts", "artifact", 1, false},
	{"kubernetes-token", "token", 1, true},
	{"maven", "artifact", 0, false},
	{"mcr", "artifact", 1, false},
	{"npm", "artifact", 0, false},
	{"oidc", "token", 1, true},
	{"okta", "token", 1, true},
	{"pypi", "artifact", 0, false},
	{"quay", "artifact", 1, false},
	{"vault", "token", 1, true},
};

static void test_catalogue(void **state)
{
	_cleanup_(strings_free) struct strings names = {0};

	(void)state;
	assert_int_equal(preset_list(PRESETS, &names), 0);
	assert_int_equal(names.count, ARRAY_SIZE(catalogue));
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_(preset_free) struct preset preset = {0};
		struct diagnostics diagnostics;
		int r = preset_load(PRESETS, names.items[i], false, &preset, &diagnostics);

		if (r < 0)
			diagnostics_print(&diagnostics, names.items[i], stderr);
		assert_int_equal(r, 0);
		assert_string_equal(names.items[i], catalogue[i].name);
		assert_string_equal(preset.name, catalogue[i].name);
		assert_string_equal(preset.class, catalogue[i].class);
		assert_int_equal(preset.endpoints_count, catalogue[i].endpoints);
		assert_int_equal(preset.needs_host, catalogue[i].needs_host);
		assert_int_equal(preset.from != NULL, catalogue[i].endpoints == 0);
		assert_true(strlen(preset.description) > 0);
	}
}

static void test_imds(void **state)
{
	_cleanup_(preset_free) struct preset preset = {0};
	struct diagnostics diagnostics;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	assert_int_equal(preset_load(PRESETS, "aws-imds", false, &preset, &diagnostics), 0);
	assert_int_equal(preset.endpoints[0].prefixes_count, 2);
	address_format_prefix(&preset.endpoints[0].prefixes[1], text);
	assert_string_equal(text, "fd00:ec2::254");
	assert_int_equal(preset.endpoints[0].ports[0].first, 80);
	assert_int_equal(preset.endpoints[0].paths.count, 2);
	assert_string_equal(preset.endpoints[0].paths.items[0], "/latest/api/token");
	assert_true(preset.endpoints[0].http);
	assert_true(preset.endpoints[0].tcp);
	assert_false(preset.endpoints[0].udp);
}

static void test_partial_wildcard_is_widened(void **state)
{
	_cleanup_(preset_free) struct preset preset = {0};
	struct diagnostics diagnostics;

	(void)state;
	assert_int_equal(preset_load(PRESETS, "github-actions-data", false, &preset, &diagnostics),
			 0);
	assert_string_equal(preset.endpoints[1].names.items[0], "*.blob.core.windows.net");
	assert_string_equal(preset.notes.items[preset.notes.count - 1],
			    "'productionresultssa*.blob.core.windows.net' is widened to "
			    "'*.blob.core.windows.net': names match by whole labels");
}

static void test_unknown(void **state)
{
	static const char *const names[] = {"nothing", "", "../presets/apt", "apt.yaml", "Apt"};
	struct preset preset = {0};
	struct diagnostics diagnostics;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char message[64];

		assert_int_equal(preset_load(PRESETS, names[i], false, &preset, &diagnostics),
				 -ENOENT);
		snprintf(message, sizeof(message), "there is no preset '%s'", names[i]);
		assert_string_equal(diagnostics.items[0].message, message);
		assert_null(preset.name);
	}
}

/* Preset files of one's own can be wrong too. */
static void test_malformed(void **state)
{
	static const char head[] = "version: 1\npreset: own\nclass: token\ndescription: d\n";
	static const struct {
		const char *rest, *message;
		int line, column;
	} cases[] = {
		{"", "a preset needs either 'endpoints' or 'from'", 1, 1},
		{"from: apt\nendpoints: [{port: 80}]\n",
		 "a preset needs either 'endpoints' or 'from'", 1, 1},
		{"from: yum\n", "'from' cannot be 'yum'", 5, 7},
		{"endpoints: [{}]\n", "this would match everything", 5, 13},
		{"endpoints: [{preset: apt}]\n",
		 "an endpoint has no 'preset', 'cgroup' or 'interface'", 5, 13},
		{"endpoints: [{name: \"a.*.example\"}]\n",
		 "'a.*.example' is no name that can be matched", 5, 20},
		{"needs: port\nendpoints: [{port: 1}]\n", "'needs' cannot be 'port'", 5, 8},
	};
	char directory[] = "/tmp/faultd-test-XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/own.yaml", directory);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct preset preset = {0};
		struct diagnostics diagnostics;
		FILE *file = fopen(path, "we");

		assert_non_null(file);
		fprintf(file, "%s%s", head, cases[i].rest);
		fclose(file);
		assert_int_equal(preset_load(directory, "own", false, &preset, &diagnostics),
				 -EINVAL);
		assert_string_equal(diagnostics.items[0].message, cases[i].message);
		assert_int_equal(diagnostics.items[0].line, cases[i].line);
		assert_int_equal(diagnostics.items[0].column, cases[i].column);
	}
	unlink(path);
	rmdir(directory);
}

static void test_directory(void **state)
{
	char directory[PATH_MAX], tiny[4];
	_cleanup_(strings_free) struct strings names = {0};

	(void)state;
	assert_int_equal(setenv("FAULTD_PRESETS", "/some/where", 1), 0);
	assert_int_equal(experiment_presets_directory(directory, sizeof(directory)), 0);
	assert_string_equal(directory, "/some/where");
	assert_int_equal(experiment_presets_directory(tiny, sizeof(tiny)), -ENAMETOOLONG);
	assert_int_equal(preset_list(directory, &names), -ENOENT);
	unsetenv("FAULTD_PRESETS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_catalogue),
		cmocka_unit_test(test_imds),
		cmocka_unit_test(test_partial_wildcard_is_widened),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_directory),
	};

	check_enter_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
