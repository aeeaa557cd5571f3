/* SPDX-License-Identifier: Apache-2.0 */
/* plan FILE --watch TIME: arms the plan as a shadow for a while and says whom it would hit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/controller/conversation.h"
#include "user/controller/plan_record.h"
#include "user/controller/record_json.h"
#include "user/controller/shadow_table.h"
#include "user/controller/verb.h"
#include "user/protocol/plan_json.h"

/* The shadow's own deadline, should its end not come through. */
#define DEADLINE_MARGIN (30 * NS_PER_S)

struct watch {
	struct conversation conversation;
	const struct plan *plan;
	char id[64];
	uint64_t started_at, ends_at;
};

static int call(struct watch *watch, const char *method, const char *rest)
{
	char path[128];

	snprintf(path, sizeof(path), "/v1/runs/%s%s", watch->id, rest);
	return conversation_ask(&watch->conversation, method, path, NULL);
}

static int arm(struct watch *watch, uint64_t length)
{
	_cleanup_free_ char *text = NULL;
	struct plan shadow = *watch->plan; /* borrows */
	const char *id;
	int code;

	shadow.shadow = true;
	shadow.duration_ns = length + DEADLINE_MARGIN;
	if (plan_to_json(&shadow, &text) < 0) {
		verb_complain("out of memory");
		return EXIT_BROKEN;
	}
	code = conversation_ask(&watch->conversation, "POST", "/v1/runs",
				json_loads(text, 0, NULL));
	if (code)
		return code;
	id = json_text(watch->conversation.body, "run");
	snprintf(watch->id, sizeof(watch->id), "%s", id ? id : "");
	watch->started_at = json_u64(watch->conversation.body, "started_ns");
	watch->ends_at = watch->started_at + length;
	return 0;
}

/* Keeps the lease until the time is over or a signal comes. */
static int stay(struct watch *watch)
{
	uint64_t now = clock_boottime_ns(), step = watch->plan->lease_ns / 4;
	int code = 0;

	while (code == 0 && now < watch->ends_at && !watch->conversation.interrupted) {
		code = call(watch, "POST", "/renew");
		if (code == 0)
			code = conversation_wait(&watch->conversation, now + step < watch->ends_at
									       ? now + step
									       : watch->ends_at);
		now = clock_boottime_ns();
	}
	return code;
}

static void print(const struct arguments *arguments, const struct watch *watch, const json_t *reply,
		  uint64_t watched)
{
	json_t *object;

	(void)watch;
	if (arguments->format != REPORT_JSON) {
		shadow_table_print(reply, watched, stdout);
		return;
	}
	object = json_pack("{s:I, s:f, s:O}", "watched_ns", (json_int_t)watched,
			   "connections_per_second", shadow_rate(reply, watched), "entries",
			   json_object_get(reply, "entries"));
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
}

static int look(const struct arguments *arguments, struct watch *watch)
{
	struct failure failure = {0};
	uint64_t watched;
	json_t *reply;
	int code = stay(watch), end;

	if (code == 0)
		code = call(watch, "GET", "/shadow");
	reply = code ? NULL : json_incref(watch->conversation.body);
	end = call(watch, "DELETE", "");
	if (!reply)
		return code;
	watched = json_u64(reply, "now_ns") - watch->started_at;
	print(arguments, watch, reply, watched);
	json_decref(reply);
	/* Cut short, it is no plan to go by. */
	if (watch->conversation.interrupted)
		return EXIT_INTERRUPTED;
	if (plan_record_write(watch->plan, watched, clock_realtime_ns(), &failure) < 0)
		verb_complain("%s", failure.text);
	return end;
}

int shadow_watch(const struct arguments *arguments, const struct plan *plan)
{
	struct watch watch = {.plan = plan};
	int code = conversation_begin(&watch.conversation, arguments->socket_path);

	if (code == 0)
		code = conversation_take_signals(&watch.conversation);
	if (code == 0)
		code = arm(&watch, arguments->watch_ns);
	if (code == 0)
		code = look(arguments, &watch);
	conversation_end(&watch.conversation);
	return code;
}
