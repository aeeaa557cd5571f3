/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that ask the daemon one thing: status, lift, halt, release. */
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/conversation.h"
#include "user/controller/record_json.h"
#include "user/controller/report_text.h"
#include "user/controller/verb.h"

/* "in 2.50s", "3.10s ago", "-" for an instant of 0. */
static void print_instant(const char *label, uint64_t at, uint64_t now)
{
	char time[REPORT_TIME_SIZE];

	report_time(at > now ? at - now : now - at, time);
	if (!at)
		printf("%-12s -\n", label);
	else if (at > now)
		printf("%-12s in %s\n", label, time);
	else
		printf("%-12s %s ago\n", label, time);
}

static void print_rules(const json_t *rules, uint64_t now)
{
	const json_t *rule;
	size_t i;

	if (json_array_size(rules))
		printf("\n%-5s %-16s %-12s %-8s %10s %10s %10s %10s\n", "RULE", "FAULT", "EFFECT",
		       "WINDOW", "CONNECTS", "REQUESTS", "HITS", "PASSES");
	json_array_foreach(rules, i, rule)
	{
		bool open =
			json_u64(rule, "starts_at_ns") <= now && json_u64(rule, "ends_at_ns") > now;

		printf("%-5llu %-16s %-12s %-8s %10llu %10llu %10llu %10llu\n",
		       (unsigned long long)json_u64(rule, "index"), json_text(rule, "fault"),
		       json_text(rule, "effect"), open ? "open" : "closed",
		       (unsigned long long)json_u64(rule, "connects"),
		       (unsigned long long)json_u64(rule, "requests"),
		       (unsigned long long)json_u64(rule, "hits"),
		       (unsigned long long)json_u64(rule, "passes"));
	}
}

static void print_status(const json_t *status)
{
	uint64_t now = json_u64(status, "now_ns");
	const char *run = json_text(status, "run"), *title = json_text(status, "title");

	printf("%-12s %s\n", "daemon", json_text(status, "version"));
	printf("%-12s %s\n", "halted",
	       json_is_true(json_object_get(status, "halted")) ? "yes" : "no");
	if (!json_is_true(json_object_get(status, "armed"))) {
		printf("%-12s none\n", "run");
		return;
	}
	printf("%-12s %s of uid %lld: %s\n", "run", run ? run : "",
	       (long long)json_integer_value(json_object_get(status, "uid")), title ? title : "");
	print_instant("started", json_u64(status, "started_ns"), now);
	print_instant("lease ends", json_u64(status, "lease_until_ns"), now);
	print_instant("deadline", json_u64(status, "deadline_ns"), now);
	printf("%-12s %llu\n", "attached", (unsigned long long)json_u64(status, "attached"));
	print_rules(json_object_get(status, "rules"), now);
}

int verb_status(const struct arguments *arguments)
{
	struct conversation conversation;
	int code = conversation_begin(&conversation, arguments->socket_path);

	if (code == 0)
		code = conversation_ask(&conversation, "GET", "/v1/status", NULL);
	if (code == 0 && arguments->format == REPORT_JSON) {
		json_dumpf(conversation.body, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (code == 0) {
		print_status(conversation.body);
	}
	conversation_end(&conversation);
	return code;
}

static json_t *fault_list(const struct arguments *arguments)
{
	json_t *body = json_object(), *faults = json_array();

	for (size_t i = 0; i < arguments->operands_count; i++)
		json_array_append_new(faults, json_string(arguments->operands[i]));
	if (arguments->operands_count)
		json_object_set(body, "faults", faults);
	json_decref(faults);
	return body;
}

int verb_lift(const struct arguments *arguments)
{
	struct conversation conversation;
	const char *run = NULL;
	char path[256];
	int code = conversation_begin(&conversation, arguments->socket_path);

	if (code == 0)
		code = conversation_ask(&conversation, "GET", "/v1/status", NULL);
	if (code == 0)
		run = json_text(conversation.body, "run");
	if (code == 0 && (!run || !*run)) {
		puts("no run on this host; nothing to lift");
	} else if (code == 0) {
		snprintf(path, sizeof(path), "/v1/runs/%s/lift", run);
		code = conversation_ask(&conversation, "POST", path, fault_list(arguments));
		if (code == 0)
			puts("lifted");
	}
	conversation_end(&conversation);
	return code;
}

static int post(const struct arguments *arguments, const char *path, const char *said)
{
	struct conversation conversation;
	int code = conversation_begin(&conversation, arguments->socket_path);

	if (code == 0)
		code = conversation_ask(&conversation, "POST", path, NULL);
	if (code == 0)
		puts(said);
	conversation_end(&conversation);
	return code;
}

int verb_halt(const struct arguments *arguments)
{
	return post(arguments, "/v1/halt", "halted: everything is lifted, new runs are refused");
}

int verb_release(const struct arguments *arguments)
{
	return post(arguments, "/v1/release", "released: new runs are allowed");
}
