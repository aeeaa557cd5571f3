/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/runs: from a plan in JSON to an armed run. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/log.h"
#include "user/daemon/api_state.h"
#include "user/daemon/plan_send.h"
#include "user/protocol/plan_json.h"

enum { RESOLVE_WITHIN_MS = 5000 };

/* What a plan comes to on this host. */
struct arming {
	struct plan plan;
	struct strings names;	   /* exact ones, each once */
	struct resolved *resolved; /* one per name */
};

static void arming_free(struct arming *arming)
{
	plan_free(&arming->plan);
	resolved_free(arming->resolved, arming->names.count);
	strings_free(&arming->names);
}

static bool strings_has(const struct strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++)
		if (!strcmp(strings->items[i], text))
			return true;
	return false;
}

static int resolve_plan(struct arming *arming, struct failure *failure)
{
	const struct plan *plan = &arming->plan;
	int r = 0;

	for (size_t i = 0; i < plan->rules_count; i++) {
		const struct strings *names = &plan->rules[i].match.names;

		/* What a wildcard stands for is learned from DNS answers as they arrive. */
		for (size_t j = 0; !r && j < names->count; j++)
			if (names->items[j][0] != '*' &&
			    !strings_has(&arming->names, names->items[j]))
				r = strings_add(&arming->names, names->items[j]);
	}
	if (r)
		return fail(failure, r, "out of memory");
	return resolve_names(&arming->names, RESOLVE_WITHIN_MS, &arming->resolved, failure);
}

/* A plan that protects what it attacks contradicts itself. */
static int check_contradiction(const struct plan *plan, struct failure *failure)
{
	for (size_t i = 0; i < plan->rules_count; i++) {
		const char *inside = policy_find_protection(plan->protect, plan->protect_count,
							    &plan->rules[i].match);

		if (inside)
			return fail(failure, -EINVAL,
				    "fault '%s': its destination is protected by the plan (%s)",
				    plan->rules[i].fault, inside);
	}
	return 0;
}

/* Takes the host for this call. */
static bool take_host(struct api_call *call)
{
	struct api *api = call->api;
	bool taken;

	pthread_mutex_lock(&api->lock);
	taken = api->arming || (api->run && !run_has_ended(api->run));
	if (!taken)
		api->arming = true;
	pthread_mutex_unlock(&api->lock);
	if (taken)
		api_error(call, 409, "busy", "another run holds the host");
	return !taken;
}

static void leave_host(struct api *api)
{
	pthread_mutex_lock(&api->lock);
	api->arming = false;
	pthread_mutex_unlock(&api->lock);
}

/* From here on events belong to `run`. */
static void make_current(struct api *api, struct run *run)
{
	struct run *before;

	pthread_mutex_lock(&api->lock);
	before = api->run;
	api->run = run_ref(run);
	pthread_mutex_unlock(&api->lock);
	run_unref(before);
}

static json_t *write_resolved(const struct arming *arming)
{
	json_t *list = json_array();

	for (size_t i = 0; i < arming->names.count; i++) {
		json_t *addresses = json_array();

		for (size_t j = 0; j < arming->resolved[i].count; j++) {
			char text[ADDRESS_TEXT_SIZE];

			address_format(arming->resolved[i].addresses[j], text);
			json_array_append_new(addresses, json_string(text));
		}
		json_array_append_new(list, json_pack("{s:s, s:o}", "name", arming->names.items[i],
						      "addresses", addresses));
	}
	return list;
}

static void reply_armed(struct api_call *call, const struct run *run, const struct arming *arming,
			const struct engine_status *status)
{
	api_reply(
		call, 201,
		json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "run", run_id(run), "now_ns",
			  (json_int_t)status->now, "started_ns", (json_int_t)status->started_at,
			  "deadline_ns", (json_int_t)status->deadline, "lease_until_ns",
			  (json_int_t)status->lease_until, "bucket_ns", (json_int_t)FAULT_BUCKET_NS,
			  "rules", (json_int_t)status->rules, "resolved", write_resolved(arming)));
}

static int arm(struct api *api, struct arming *arming, uid_t uid, struct run **ret_run,
	       struct engine_status *ret_status, struct failure *failure)
{
	struct engine_reply reply;
	struct run *run;
	int r = plan_send(api->channel, &arming->plan, arming->resolved, arming->names.count, uid,
			  failure);

	if (r)
		return r;
	r = run_new(&arming->plan, uid, &run);
	if (r)
		return fail(failure, r, "out of memory");
	make_current(api, run);
	r = api_ask(api, ENGINE_ARM, &reply, failure);
	if (r) {
		run_end(run);
		run_unref(run);
		return r;
	}
	*ret_run = run;
	*ret_status = reply.u.status;
	return 0;
}

/* What can be judged of a plan before the host is looked at; answers the call when it may not. */
static bool judge(struct api_call *call, struct arming *arming)
{
	struct failure failure = {};

	if (plan_from_json(call->request->body, call->request->body_length, &arming->plan,
			   &failure) ||
	    check_contradiction(&arming->plan, &failure)) {
		api_error(call, 400, "invalid", failure.text);
		return false;
	}
	if (policy_check_plan(call->api->settings->policy, &arming->plan, &failure)) {
		api_error(call, 403, "denied", failure.text);
		return false;
	}
	return true;
}

static void begin(struct api_call *call, struct arming *arming)
{
	struct engine_status status = {};
	struct engine_reply reply;
	struct failure failure = {};
	struct run *run = NULL;
	int r = api_ask(call->api, ENGINE_STATUS, &reply, &failure);

	if (!r && reply.u.status.halted) {
		api_error(call, 409, "halted", "the host is halted; release it first");
		return;
	}
	if (resolve_plan(arming, &failure)) {
		api_error(call, 422, "unresolvable", failure.text);
		return;
	}
	r = arm(call->api, arming, call->peer.uid, &run, &status, &failure);
	if (r) {
		api_engine_error(call, r, &failure);
		return;
	}
	reply_armed(call, run, arming, &status);
	run_unref(run);
}

void api_post_run(struct api_call *call)
{
	struct arming arming = {};

	if (judge(call, &arming) && take_host(call)) {
		begin(call, &arming);
		leave_host(call->api);
	}
	arming_free(&arming);
}
