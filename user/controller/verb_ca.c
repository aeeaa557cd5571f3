/* SPDX-License-Identifier: Apache-2.0 */
/* faultctl ca init | show | trust: the authority whose certificates the gate shows to clients. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/authority_store.h"
#include "user/controller/record_json.h"
#include "user/controller/verb.h"

#define LIFETIME_DEFAULT (7 * 24 * 3600 * NS_PER_S)

static const char *directory_of(const struct arguments *arguments)
{
	return arguments->authority ? arguments->authority : AUTHORITY_DIRECTORY;
}

/* A file rather than a name: it has a slash, or ends as experiments do. */
static bool is_file(const char *operand)
{
	static const char *const ends[] = {".yaml", ".yml", ".json"};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t length = strlen(operand), end = strlen(ends[i]);

		if (length > end && strcmp(operand + length - end, ends[i]) == 0)
			return true;
	}
	return strchr(operand, '/') != NULL;
}

static int add_once(struct strings *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return 0;
	return strings_add(names, name);
}

/* The host names that an experiment's faults match. 0 or the exit code. */
static int add_experiment(const struct arguments *arguments, const char *path,
			  struct strings *names)
{
	struct experiment experiment = {0};
	struct failure failure = {0};
	struct plan plan = {0};
	int r = verb_load(arguments, path, &experiment);

	if (r)
		return r;
	r = experiment_compile(&experiment, 0, &plan, &failure);
	if (r < 0)
		verb_complain("%s: %s", path, failure.text);
	for (size_t i = 0; r == 0 && i < plan.rules_count; i++)
		for (size_t k = 0; r == 0 && k < plan.rules[i].match.names.count; k++)
			r = add_once(names, plan.rules[i].match.names.items[k]);
	plan_free(&plan);
	experiment_free(&experiment);
	return r < 0 ? EXIT_USAGE : 0;
}

static int collect_names(const struct arguments *arguments, struct strings *names)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < arguments->operands_count; i++) {
		const char *operand = arguments->operands[i];

		if (is_file(operand))
			r = add_experiment(arguments, operand, names);
		else if (add_once(names, operand) < 0)
			r = EXIT_BROKEN;
	}
	if (r == 0 && names->count == 0) {
		verb_complain("no host name: name some, or experiments that match by name, as in "
			      "'faultctl ca init \"*.blob.core.windows.net\"'");
		return EXIT_USAGE;
	}
	return r;
}

static void format_day(uint64_t seconds, char text[CLOCK_RFC3339_SIZE])
{
	clock_format_rfc3339(seconds * NS_PER_S, text);
	text[strcspn(text, ".")] = '\0'; /* whole seconds, of UTC */
}

static int print_authority(const struct arguments *arguments, const char *pem, size_t length)
{
	struct gate_certificate_facts facts;
	struct failure failure = {0};
	char from[CLOCK_RFC3339_SIZE], until[CLOCK_RFC3339_SIZE];
	bool expired;

	if (gate_certificate_read(pem, length, &facts, &failure) < 0) {
		verb_complain("%s/ca.pem: %s", directory_of(arguments), failure.text);
		return EXIT_BROKEN;
	}
	expired = facts.until <= clock_realtime_ns() / NS_PER_S;
	format_day(facts.from, from);
	format_day(facts.until, until);
	if (arguments->format == REPORT_JSON) {
		json_t *object =
			json_pack("{s:s+, s:s, s:s, s:s, s:s, s:s, s:b}", "certificate",
				  directory_of(arguments), "/ca.pem", "subject", facts.subject,
				  "names", facts.names, "from", from, "until", until, "sha256",
				  facts.fingerprint, "expired", expired);

		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(object);
	} else {
		printf("certificate  %s/ca.pem\nsubject      %s\nnames        %s, and below them\n"
		       "valid        %s to %s UTC%s\nsha-256      %s\n",
		       directory_of(arguments), facts.subject, facts.names, from, until,
		       expired ? ": expired" : "", facts.fingerprint);
	}
	gate_certificate_facts_free(&facts);
	return expired ? 1 : 0;
}

static int load_pem(const struct arguments *arguments, char **ret_pem, size_t *ret_length)
{
	int r = authority_read(directory_of(arguments), ret_pem, ret_length);

	if (r == -ENOENT)
		verb_complain("%s: there is no authority; 'faultctl ca init NAME...' makes one",
			      directory_of(arguments));
	else if (r < 0)
		verb_complain("%s/ca.pem: %s", directory_of(arguments), strerror(-r));
	return r < 0 ? EXIT_USAGE : 0;
}

static int init(const struct arguments *arguments)
{
	uint64_t lifetime = arguments->lifetime_ns ? arguments->lifetime_ns : LIFETIME_DEFAULT;
	struct gate_authority_pem pem = {0};
	struct strings names = {0};
	struct failure failure = {0};
	int r = collect_names(arguments, &names);

	if (r == 0 && gate_authority_create((const char *const *)names.items, names.count,
					    lifetime / NS_PER_S, &pem, &failure) < 0) {
		verb_complain("%s", failure.text);
		r = EXIT_USAGE;
	}
	if (r == 0 &&
	    authority_write(directory_of(arguments), &pem, arguments->replace, &failure) < 0) {
		verb_complain("%s", failure.text);
		r = EXIT_USAGE;
	}
	if (r == 0)
		r = print_authority(arguments, pem.certificate, strlen(pem.certificate));
	if (r == 0 && arguments->format != REPORT_JSON)
		puts("\nNo client trusts it yet: 'faultctl ca trust' says how to make them.");
	if (pem.key)
		explicit_bzero(pem.key, strlen(pem.key));
	free(pem.key);
	free(pem.certificate);
	strings_free(&names);
	return r;
}

static int show(const struct arguments *arguments)
{
	_cleanup_free_ char *pem = NULL;
	size_t length;
	int r = load_pem(arguments, &pem, &length);

	return r ? r : print_authority(arguments, pem, length);
}

static const char *const trust_words[] = {
	[AUTHORITY_TRUSTED] = "trusts it",
	[AUTHORITY_DISTRUSTED] = "does not",
	[AUTHORITY_ABSENT] = "not installed",
	[AUTHORITY_UNKNOWN] = "not known",
};

/* One line a place. Whether those that were found trust it. */
static bool print_places(const struct arguments *arguments, const char *pem, size_t length)
{
	json_t *report = json_array();
	bool all = true;

	for (size_t i = 0; i < authority_places_count; i++) {
		const struct authority_place *place = &authority_places[i];
		char found[256];
		enum authority_trust trust =
			authority_check(place, pem, length, found, sizeof(found));

		all = all && trust != AUTHORITY_DISTRUSTED;
		json_array_append_new(report, json_pack("{s:s, s:s, s:s, s:s}", "clients",
							place->who, "trust", trust_words[trust],
							"found", found, "how", place->how));
		if (arguments->format == REPORT_JSON)
			continue;
		printf("%-33s %-14s %s\n", place->who, trust_words[trust], found);
		if (trust != AUTHORITY_TRUSTED)
			printf("%-33s %s\n", "", place->how);
	}
	if (arguments->format == REPORT_JSON) {
		json_dumpf(report, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(report);
	return all;
}

static int trust(const struct arguments *arguments)
{
	_cleanup_free_ char *pem = NULL;
	bool trusted;
	size_t length;
	int r = load_pem(arguments, &pem, &length);

	if (r)
		return r;
	trusted = print_places(arguments, pem, length);
	return arguments->check && !trusted ? 1 : 0;
}

int verb_ca(const struct arguments *arguments)
{
	static const struct {
		const char *name;
		int (*run)(const struct arguments *arguments);
		bool takes_names;
	} actions[] = {{"init", init, true}, {"show", show, false}, {"trust", trust, false}};
	const char *name = arguments->operands[0];

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		if (arguments->operands_count > 1 && !actions[i].takes_names) {
			verb_complain("ca %s takes no argument", name);
			return EXIT_USAGE;
		}
		return actions[i].run(arguments);
	}
	verb_complain("no such action: ca %s; init, show and trust are", name);
	return EXIT_USAGE;
}
