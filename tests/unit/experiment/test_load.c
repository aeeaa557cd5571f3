/* SPDX-License-Identifier: Apache-2.0 */
/* What right files become. The wrong ones are in test_malformed.c. */
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/root.h"
#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/experiment/experiment.h"

#define MINUTE (60 * NS_PER_S)

static const struct experiment_options options = {.presets_directory = "experiments/presets",
						  .answers_directory = "experiments/answers"};

static void load(const char *path, struct experiment *experiment)
{
	static struct diagnostics diagnostics;
	int r = experiment_load(path, &options, experiment, &diagnostics);

	if (r < 0)
		diagnostics_print(&diagnostics, path, stderr);
	assert_int_equal(r, 0);
	assert_int_equal(diagnostics.total, 0);
}

/* "a, b, c" */
static void check_strings(const struct strings *strings, const char *expected)
{
	char text[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < strings->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
					 strings->items[i]);
	assert_string_equal(text, expected);
}

static int setup(void **state)
{
	struct experiment *experiment = calloc(1, sizeof(*experiment));

	assert_non_null(experiment);
	load("tests/unit/experiment/good/everything.yaml", experiment);
	*state = experiment;
	return 0;
}

static int teardown(void **state)
{
	experiment_free(*state);
	free(*state);
	return 0;
}

static void test_head(void **state)
{
	const struct experiment *experiment = *state;

	assert_string_equal(experiment->path, "tests/unit/experiment/good/everything.yaml");
	assert_string_equal(experiment->title, "Everything once");
	assert_string_equal(experiment->description, "Two\nlines.\n");
	check_strings(&experiment->tags, "one, two");
	check_strings(&experiment->scope_cgroups, "/a/b.slice");
	check_strings(&experiment->scope_units, "runner.*.service, cron.service");
	assert_int_equal(experiment->lease_ns, 1500 * NS_PER_MS);
	assert_int_equal(experiment->protect_count, 3);
	assert_string_equal(experiment->protect[1].text, "fd00::/8 port 22,8000-8010");
	assert_int_equal(experiment->protect[1].prefix.length, 8);
	assert_false(experiment->protect[1].prefix.ipv4);
	assert_int_equal(experiment->protect[1].ports_count, 2);
	assert_int_equal(experiment->protect[1].ports[1].last, 8010);
	assert_int_equal(experiment->protect[2].ports_count, 0);
	assert_int_equal(experiment->aborts_count, 1);
	assert_int_equal(experiment->aborts[0].workflow, 1);
	assert_int_equal(experiment->aborts[0].availability_below, 100000);
	assert_int_equal(experiment->aborts[0].for_ns, 2 * MINUTE);
}

static void test_command(void **state)
{
	const struct experiment *experiment = *state;
	const struct workflow *workflow = &experiment->workflows[0];

	assert_int_equal(experiment->workflows_count, 3);
	assert_string_equal(workflow->name, "command");
	check_strings(&workflow->run, "./provision.sh, --once, , two words");
	assert_null(workflow->http.url);
	assert_int_equal(workflow->every_ns, 2 * NS_PER_S);
	assert_int_equal(workflow->timeout_ns, 90 * NS_PER_S);
	assert_int_equal(workflow->retry.attempts, 5);
	assert_int_equal(workflow->retry.backoff_ns, 1500 * NS_PER_MS);
	assert_true(workflow->retry.factor == 1.5);
	assert_int_equal(workflow->retry.cap_ns, 20 * NS_PER_S);
	assert_int_equal(workflow->retry.jitter, RETRY_JITTER_NONE);
	assert_true(workflow->budget.has_detect && workflow->budget.has_recover &&
		    workflow->budget.has_outage && workflow->budget.has_amplification &&
		    workflow->budget.has_availability);
	assert_int_equal(workflow->budget.detect_ns, 10 * NS_PER_S);
	assert_int_equal(workflow->budget.recover_ns, MINUTE);
	assert_int_equal(workflow->budget.outage_ns, 6 * MINUTE);
	assert_true(workflow->budget.amplification == 2.5);
	assert_int_equal(workflow->budget.availability, 400000);
	assert_int_equal(workflow->detect.failures, 5);
	assert_int_equal(workflow->stable_successes, 7);
	assert_int_equal(workflow->stable_span_ns, 9 * NS_PER_S);
}

static void test_request(void **state)
{
	const struct experiment *experiment = *state;
	const struct workflow *workflow = &experiment->workflows[1];

	assert_int_equal(workflow->run.count, 0);
	assert_string_equal(workflow->http.method, "POST");
	assert_string_equal(workflow->http.url, "https://a.example:8443/x?y=z");
	check_strings(&workflow->http.headers, "Metadata: true, X-Empty:");
	assert_string_equal(workflow->http.body, "a=b");
	assert_int_equal(workflow->http.expect_first, 200);
	assert_int_equal(workflow->http.expect_last, 204);
	assert_true(workflow->http.warm);
	assert_int_equal(experiment->workflows[2].http.expect_first, 404);
	assert_int_equal(experiment->workflows[2].http.expect_last, 404);
}

static void test_defaults(void **state)
{
	const struct experiment *experiment = *state;
	const struct workflow *request = &experiment->workflows[1],
			      *plain = &experiment->workflows[2];

	assert_int_equal(request->retry.attempts, 1);
	assert_int_equal(request->retry.backoff_ns, NS_PER_S);
	assert_true(request->retry.factor == 2);
	assert_int_equal(request->retry.cap_ns, 0);
	assert_int_equal(request->retry.jitter, RETRY_JITTER_FULL);
	assert_false(request->budget.has_detect || request->budget.has_recover ||
		     request->budget.has_outage || request->budget.has_amplification ||
		     request->budget.has_availability);
	assert_int_equal(request->detect.failures, 3);
	assert_int_equal(request->stable_successes, 10);
	assert_int_equal(request->stable_span_ns, 5 * NS_PER_S);
	assert_int_equal(plain->stable_span_ns, 30 * NS_PER_S); /* 3 periods are longer */
	assert_false(plain->http.warm);
	assert_null(plain->http.body);
}

static void test_fault_by_name_and_address(void **state)
{
	const struct experiment *experiment = *state;
	const struct fault *store = &experiment->faults[0];
	const struct plan_match *match;

	assert_int_equal(experiment->faults_count, 5);
	assert_string_equal(store->name, "store");
	assert_int_equal(store->rules_count, 2);
	assert_int_equal(store->rules[0].effect, FAULT_EFFECT_REFUSE);
	assert_string_equal(store->rules[1].fault, "store");
	assert_int_equal(store->rules[1].share, 125000);
	assert_int_equal(store->rules[1].existing, PLAN_EXISTING_RESET);
	assert_false(store->rules[1].quic_allow);
	match = &store->rules[0].match;
	check_strings(&match->names, "a.example, *.b.example");
	assert_int_equal(match->ports_count, 2);
	assert_int_equal(match->ports[1].first, 8000);
	assert_true(match->tcp && !match->udp && !match->http);
	match = &store->rules[1].match;
	assert_int_equal(match->prefixes_count, 2);
	assert_int_equal(match->prefixes[0].length, 16);
	assert_true(match->tcp && match->udp);
	check_strings(&match->cgroups, "/a/b.slice/c");
}

static void test_fault_by_preset(void **state)
{
	const struct experiment *experiment = *state;
	const struct fault *tokens = &experiment->faults[1], *login = &experiment->faults[3];
	const struct plan_rule *rule = &tokens->rules[0];

	assert_int_equal(tokens->rules_count, 1);
	check_strings(&tokens->presets, "azure-imds");
	assert_int_equal(tokens->notes.count, 1);
	assert_memory_equal(tokens->notes.items[0], "azure-imds: Only the token path", 31);
	check_strings(&rule->match.paths, "/metadata/identity/oauth2/token");
	check_strings(&rule->match.cgroups, "/x, /y");
	assert_int_equal(rule->effect, FAULT_EFFECT_ANSWER);
	assert_int_equal(rule->status, 429);
	assert_string_equal(rule->reason, "Slow down");
	assert_string_equal(rule->headers, "Retry-After: 5\r\nX-A: b\r\n");
	assert_int_equal(rule->body_length, 2);
	assert_memory_equal(rule->body, "{}", 2);
	assert_true(rule->quic_allow);
	assert_int_equal(rule->share, FAULT_SHARE_ALWAYS);
	check_strings(&login->rules[0].match.names, "vault.corp.example");
	assert_int_equal(login->rules[0].match.ports[0].first, 8200);
	assert_int_equal(login->rules[0].alert, 40);
}

static void test_fault_by_request(void **state)
{
	const struct experiment *experiment = *state;
	const struct plan_match *match = &experiment->faults[4].rules[0].match;

	assert_int_equal(experiment->faults[2].rules[0].loss, 5000);
	assert_true(experiment->faults[2].rules[0].match.udp);
	assert_false(experiment->faults[2].rules[0].match.tcp);
	check_strings(&match->names, "c.example");
	check_strings(&match->paths, "/a, /b");
	assert_int_equal(match->methods, 1U << FAULT_METHOD_GET | 1U << FAULT_METHOD_POST);
	assert_true(match->http);
	assert_int_equal(match->prefixes_count, 1);
}

static void test_timeline(void **state)
{
	static const struct {
		enum step_kind kind;
		size_t faults;
		uint64_t for_ns, wait_ns;
		int line;
	} expected[] = {
		{STEP_STEADY, 0, 30 * NS_PER_S, 0, 68},
		{STEP_INJECT, 2, 5 * MINUTE, 4 * MINUTE, 69},
		{STEP_INJECT, 1, 2 * MINUTE, 0, 72},
		{STEP_WAIT, 0, 90 * NS_PER_S, 0, 75},
		{STEP_LIFT, 1, 0, 0, 76},
		{STEP_LIFT, 5, 0, 0, 77},
		{STEP_RECOVER, 0, 5 * MINUTE, 0, 78},
		{STEP_INJECT, 3, MINUTE, MINUTE, 79},
		{STEP_RECOVER, 0, 10 * MINUTE, 0, 81},
	};
	const struct experiment *experiment = *state;

	assert_int_equal(experiment->timeline_count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct step *step = &experiment->timeline[i];

		assert_int_equal(step->kind, expected[i].kind);
		assert_int_equal(step->faults_count, expected[i].faults);
		assert_int_equal(step->for_ns, expected[i].for_ns);
		assert_int_equal(step->wait_ns, expected[i].wait_ns);
		assert_int_equal(step->line, expected[i].line);
		assert_int_equal(step->column, 5);
	}
	assert_int_equal(experiment->timeline[1].faults[1], 2);
	assert_int_equal(experiment_duration_ns(experiment), 22 * MINUTE);
}

static void test_compile(void **state)
{
	const struct experiment *experiment = *state;
	_cleanup_(plan_free) struct plan plan = {0};
	struct failure failure = {0};

	assert_int_equal(experiment_compile(experiment, 42, &plan, &failure), 0);
	assert_string_equal(plan.title, "Everything once");
	assert_int_equal(plan.seed, 42);
	assert_int_equal(plan.duration_ns, 22 * MINUTE + 30 * NS_PER_S);
	assert_int_equal(plan.lease_ns, 1500 * NS_PER_MS);
	assert_int_equal(plan.rules_count, 6);
	assert_string_equal(plan.rules[2].fault, "tokens");
	assert_string_equal(plan.rules[2].headers, "Retry-After: 5\r\nX-A: b\r\n");
	assert_ptr_not_equal(plan.rules[2].headers, experiment->faults[1].rules[0].headers);
	assert_int_equal(plan.protect_count, 3);
	assert_int_equal(plan.protect[0].ports[0].first, 22);
	check_strings(&plan.units, "runner.*.service, cron.service");
	check_strings(&plan.cgroups, "/a/b.slice");
}

/* Only what some workflow observes is watched any closer. */
static void test_compile_observed(void **state)
{
	_cleanup_(experiment_free) struct experiment experiment = {0};
	_cleanup_(plan_free) struct plan plan = {0}, again = {0};
	size_t observed = 0;

	(void)state;
	load("tests/unit/experiment/good/everything.yaml", &experiment);
	assert_int_equal(experiment_compile(&experiment, 1, &plan, NULL), 0);
	for (size_t i = 0; i < plan.rules_count; i++)
		assert_false(plan.rules[i].observed);
	assert_int_equal(strings_add(&experiment.workflows[1].observe, "tokens"), 0);
	assert_int_equal(experiment_compile(&experiment, 1, &again, NULL), 0);
	for (size_t i = 0; i < again.rules_count; i++) {
		bool named = strcmp(again.rules[i].fault, "tokens") == 0;

		assert_int_equal(again.rules[i].observed, named);
		observed += named;
	}
	assert_true(observed > 0 && observed < again.rules_count);
}

static void test_compile_refuses_what_the_daemon_would(void **state)
{
	struct experiment experiment = {.title = (char *)"T", .lease_ns = 3 * NS_PER_S};
	struct plan plan = {0};
	struct failure failure = {0};

	(void)state;
	assert_int_equal(experiment_compile(&experiment, 0, &plan, &failure), -EINVAL);
	assert_string_equal(failure.text, "there is no rule");
	assert_null(plan.title);
}

static void test_deadline_stays_below_a_day(void **state)
{
	struct experiment *experiment = *state;
	_cleanup_(plan_free) struct plan plan = {0};
	uint64_t *last = &experiment->timeline[experiment->timeline_count - 1].for_ns;
	uint64_t before = *last;

	*last += 24 * 60 * MINUTE - experiment_duration_ns(experiment) - 5 * NS_PER_S;
	assert_int_equal(experiment_compile(experiment, 0, &plan, NULL), 0);
	assert_int_equal(plan.duration_ns, 24 * 60 * MINUTE);
	*last = before;
}

static void test_json(void **state)
{
	_cleanup_(experiment_free) struct experiment experiment = {0};

	(void)state;
	load("tests/unit/experiment/good/plain.json", &experiment);
	assert_int_equal(experiment.faults[0].rules[0].effect, FAULT_EFFECT_DROP);
	assert_int_equal(experiment_duration_ns(&experiment), 13 * NS_PER_S);
}

static void test_unreadable(void **state)
{
	static struct diagnostics diagnostics;
	struct experiment experiment = {0};

	(void)state;
	assert_int_equal(experiment_load("/nonexistent.yaml", &options, &experiment, &diagnostics),
			 -ENOENT);
	assert_int_equal(diagnostics.total, 1);
	assert_int_equal(diagnostics.items[0].line, 0);
	assert_string_equal(diagnostics.items[0].message,
			    "cannot be read: No such file or directory");
	assert_null(experiment.path);
}

/* Loads an experiment whose one fault has this match and effect. */
static int load_fault_text(const char *fault, struct experiment *ret_experiment,
			   struct diagnostics *diagnostics)
{
	char path[] = "/tmp/faultd-test-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	int r;

	assert_true(dprintf(fd,
			    "version: 1\ntitle: T\n"
			    "workflows: {w: {run: [x], every: 1s, timeout: 1s}}\n"
			    "faults: {f: {%s}}\n"
			    "timeline: [{steady: 3s}, {inject: f, for: 1s}, {recover: 1s}]\n",
			    fault) > 0);
	r = experiment_load(path, &options, ret_experiment, diagnostics);
	unlink(path);
	return r;
}

/* Without its interface the fault would be for the host's own traffic. */
static void test_preset_keeps_the_interface(void **state)
{
	_cleanup_(experiment_free) struct experiment experiment = {0};
	static struct diagnostics diagnostics;

	(void)state;
	assert_int_equal(load_fault_text("match: {preset: github-releases, interface: 'docker*'}, "
					 "effect: drop",
					 &experiment, &diagnostics),
			 -EINVAL);
	assert_string_equal(diagnostics.items[0].message,
			    "fault f: forwarded traffic is matched by address or port; only dns "
			    "sees names");
}

/* A forwarded query tells its name, whoever names it; of a preset's endpoint the rest goes. */
static void test_dns_of_a_preset_on_an_interface(void **state)
{
	_cleanup_(experiment_free) struct experiment experiment = {0};
	static struct diagnostics diagnostics;
	const struct plan_match *match;

	(void)state;
	assert_int_equal(
		load_fault_text("match: {preset: github-actions-data, interface: ['docker*', br0]},"
				" effect: {dns: nxdomain}",
				&experiment, &diagnostics),
		0);
	assert_int_equal(experiment.faults[0].rules_count, 2);
	for (size_t i = 0; i < experiment.faults[0].rules_count; i++) {
		match = &experiment.faults[0].rules[i].match;
		assert_int_equal(match->names.count, 1);
		assert_int_equal(match->interfaces.count, 2);
		assert_string_equal(match->interfaces.items[0], "docker*");
		assert_string_equal(match->interfaces.items[1], "br0");
		assert_true(match->udp && !match->tcp);
		assert_int_equal(match->ports_count, 1);
		assert_int_equal(match->ports[0].first, 53);
	}
}

static void test_machine_preset_waits_for_the_machine(void **state)
{
	static const char text[] =
		"version: 1\ntitle: T\n"
		"workflows: {w: {run: [x], every: 1s, timeout: 1s}}\n"
		"faults: {f: {match: {preset: apt}, effect: refuse}}\n"
		"timeline: [{steady: 3s}, {inject: f, for: 1s}, {recover: 1s}]\n";
	_cleanup_(experiment_free) struct experiment experiment = {0};
	char path[] = "/tmp/faultd-test-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	load(path, &experiment);
	unlink(path);
	assert_int_equal(experiment.faults[0].rules_count, 0);
	assert_string_equal(experiment.faults[0].notes.items[1],
			    "apt: its hosts are read from this machine when the experiment is run");
}

static void test_shipped_experiments(void **state)
{
	struct dirent **entries;
	int count = scandir("experiments", &entries, NULL, alphasort), loaded = 0;

	(void)state;
	for (int i = 0; i < count; i++) {
		_cleanup_(experiment_free) struct experiment experiment = {0};
		_cleanup_(plan_free) struct plan plan = {0};
		char path[512];

		snprintf(path, sizeof(path), "experiments/%s", entries[i]->d_name);
		if (strstr(entries[i]->d_name, ".yaml")) {
			load(path, &experiment);
			assert_non_null(experiment.description);
			assert_int_equal(experiment_compile(&experiment, 1, &plan, NULL), 0);
			/* The daemon's default policy allows an hour. */
			assert_true(plan.duration_ns <= 60 * MINUTE);
			loaded++;
		}
		free(entries[i]);
	}
	free(entries);
	assert_int_equal(loaded, 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_fault_by_name_and_address),
		cmocka_unit_test(test_fault_by_preset),
		cmocka_unit_test(test_fault_by_request),
		cmocka_unit_test(test_timeline),
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_compile_observed),
		cmocka_unit_test(test_compile_refuses_what_the_daemon_would),
		cmocka_unit_test(test_deadline_stays_below_a_day),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_preset_keeps_the_interface),
		cmocka_unit_test(test_dns_of_a_preset_on_an_interface),
		cmocka_unit_test(test_machine_preset_waits_for_the_machine),
		cmocka_unit_test(test_shipped_experiments),
	};

	check_enter_root();
	return cmocka_run_group_tests(tests, setup, teardown);
}
