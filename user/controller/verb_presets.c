/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/record_json.h"
#include "user/controller/verb.h"

static json_t *strings_to_json(const struct strings *strings)
{
	json_t *array = json_array();

	for (size_t i = 0; i < strings->count; i++)
		json_array_append_new(array, json_string(strings->items[i]));
	return array;
}

static json_t *match_to_json(const struct plan_match *match)
{
	json_t *object = json_object(), *prefixes = json_array(), *ports = json_array();
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < match->prefixes_count; i++) {
		address_format_prefix(&match->prefixes[i], text);
		json_array_append_new(prefixes, json_string(text));
	}
	for (size_t i = 0; i < match->ports_count; i++) {
		snprintf(text, sizeof(text), "%u-%u", match->ports[i].first, match->ports[i].last);
		if (match->ports[i].first == match->ports[i].last)
			snprintf(text, sizeof(text), "%u", match->ports[i].first);
		json_array_append_new(ports, json_string(text));
	}
	json_object_set_new(object, "names", strings_to_json(&match->names));
	json_object_set_new(object, "prefixes", prefixes);
	json_object_set_new(object, "ports", ports);
	json_object_set_new(object, "paths", strings_to_json(&match->paths));
	return object;
}

static json_t *preset_to_json(const struct preset *preset)
{
	json_t *object = json_object(), *endpoints = json_array();

	json_object_set_new(object, "name", json_string(preset->name));
	json_object_set_new(object, "class", json_string(preset->class));
	json_object_set_new(object, "description",
			    json_string(preset->description ? preset->description : ""));
	json_object_set_new(object, "notes", strings_to_json(&preset->notes));
	for (size_t i = 0; i < preset->endpoints_count; i++)
		json_array_append_new(endpoints, match_to_json(&preset->endpoints[i]));
	json_object_set_new(object, "endpoints", endpoints);
	return object;
}

/* "names a, b; ports 443": what is there of an endpoint. */
static void print_endpoint(const json_t *endpoint)
{
	static const char *const keys[] = {"names", "prefixes", "ports", "paths"};
	const char *between = "  ";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const json_t *values = json_object_get(endpoint, keys[i]);

		if (!json_array_size(values))
			continue;
		printf("%s%s", between, keys[i]);
		for (size_t j = 0; j < json_array_size(values); j++)
			printf("%s%s", j ? ", " : " ",
			       json_string_value(json_array_get(values, j)));
		between = "; ";
	}
	putchar('\n');
}

static void print_preset(const struct preset *preset, const json_t *object)
{
	const json_t *endpoints = json_object_get(object, "endpoints");

	printf("%s (%s)\n", preset->name, preset->class);
	if (preset->description)
		printf("%s\n", preset->description);
	for (size_t i = 0; i < json_array_size(endpoints); i++)
		print_endpoint(json_array_get(endpoints, i));
	for (size_t i = 0; i < preset->notes.count; i++)
		printf("note: %s\n", preset->notes.items[i]);
}

static json_t *answer_to_json(const struct answer *answer)
{
	const struct plan_rule *rule = &answer->rule;
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(answer->name));
	json_object_set_new(object, "description", json_string(answer->description));
	json_object_set_new(object, "notes", strings_to_json(&answer->notes));
	json_object_set_new(object, "status", json_integer(rule->status));
	json_object_set_new(
		object, "reason",
		json_string(rule->reason ? rule->reason : plan_status_phrase(rule->status)));
	json_object_set_new(object, "headers", json_string(rule->headers ? rule->headers : ""));
	json_object_set_new(object, "body", json_string(rule->body ? rule->body : ""));
	return object;
}

static void print_answer(const json_t *object)
{
	const json_t *notes = json_object_get(object, "notes");
	const char *headers = json_text(object, "headers");

	printf("%s\n%s\n", json_text(object, "name"), json_text(object, "description"));
	for (size_t i = 0; i < json_array_size(notes); i++)
		printf("note: %s\n", json_string_value(json_array_get(notes, i)));
	printf("\n%llu %s\n", (unsigned long long)json_u64(object, "status"),
	       json_text(object, "reason"));
	/* Their line ends are for the wire. */
	for (; *headers; headers++)
		if (*headers != '\r')
			putchar(*headers);
	printf("\n%s\n", json_text(object, "body"));
}

static json_t *load_answer_json(const char *directory, const char *name)
{
	_cleanup_free_ struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));
	struct answer answer = {0};
	json_t *object;

	if (!diagnostics || answer_load(directory, name, &answer, diagnostics) < 0) {
		if (diagnostics)
			diagnostics_print(diagnostics, name, stderr);
		return NULL;
	}
	object = answer_to_json(&answer);
	answer_free(&answer);
	return object;
}

static void dump(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
}

static int show_answer(const struct arguments *arguments, const char *directory)
{
	json_t *object = load_answer_json(directory, arguments->operands[0]);

	if (!object)
		return EXIT_USAGE;
	if (arguments->format == REPORT_JSON)
		dump(object);
	else
		print_answer(object);
	json_decref(object);
	return 0;
}

static int list_answers(const struct arguments *arguments, const char *directory)
{
	struct strings names = {0};
	json_t *array = json_array();
	int status = 0;

	if (answer_list(directory, &names) < 0) {
		verb_complain("%s: cannot list the answers", directory);
		status = EXIT_USAGE;
	}
	for (size_t i = 0; i < names.count; i++) {
		json_t *object = load_answer_json(directory, names.items[i]);

		if (!object) {
			status = EXIT_USAGE;
			continue;
		}
		if (arguments->format != REPORT_JSON)
			printf("%-22s %-4llu %s\n", json_text(object, "name"),
			       (unsigned long long)json_u64(object, "status"),
			       json_text(object, "description"));
		json_array_append_new(array, object);
	}
	if (status == 0 && arguments->format == REPORT_JSON)
		dump(array);
	json_decref(array);
	strings_free(&names);
	return status;
}

static int answers(const struct arguments *arguments)
{
	char directory[PATH_MAX];

	if (experiment_answers_directory(directory, sizeof(directory)) < 0) {
		verb_complain("no directory of answers; FAULTD_ANSWERS names one");
		return EXIT_USAGE;
	}
	return arguments->operands_count ? show_answer(arguments, directory)
					 : list_answers(arguments, directory);
}

static int show(const struct arguments *arguments, const char *directory, const char *name)
{
	_cleanup_free_ struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));
	struct preset preset = {0};
	json_t *object;

	if (!diagnostics)
		return EXIT_BROKEN;
	if (preset_load(directory, name, true, &preset, diagnostics) < 0) {
		diagnostics_print(diagnostics, name, stderr);
		return EXIT_USAGE;
	}
	object = preset_to_json(&preset);
	if (arguments->format == REPORT_JSON) {
		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_preset(&preset, object);
	}
	json_decref(object);
	preset_free(&preset);
	return 0;
}

/* Names with class and description. What a machine's configuration adds is not looked up here. */
static int list(const struct arguments *arguments, const char *directory)
{
	struct strings names = {0};
	json_t *array = json_array();

	if (preset_list(directory, &names) < 0) {
		verb_complain("%s: cannot list the presets", directory);
		json_decref(array);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ struct diagnostics *diagnostics = calloc(1, sizeof(*diagnostics));
		struct preset preset = {0};

		if (!diagnostics ||
		    preset_load(directory, names.items[i], false, &preset, diagnostics) < 0) {
			verb_complain("%s: not a valid preset", names.items[i]);
			continue;
		}
		if (arguments->format == REPORT_JSON)
			json_array_append_new(array, preset_to_json(&preset));
		else
			printf("%-22s %-9s %s\n", preset.name, preset.class,
			       preset.description ? preset.description : "");
		preset_free(&preset);
	}
	if (arguments->format == REPORT_JSON) {
		json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(array);
	strings_free(&names);
	return 0;
}

int verb_presets(const struct arguments *arguments)
{
	char found[PATH_MAX];
	const char *directory = arguments->presets;

	if (arguments->answers)
		return answers(arguments);
	if (!directory) {
		if (experiment_presets_directory(found, sizeof(found)) < 0) {
			verb_complain(
				"no directory of presets; --presets DIR or FAULTD_PRESETS names "
				"one");
			return EXIT_USAGE;
		}
		directory = found;
	}
	if (arguments->operands_count)
		return show(arguments, directory, arguments->operands[0]);
	return list(arguments, directory);
}
