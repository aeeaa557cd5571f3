/* SPDX-License-Identifier: Apache-2.0 */
/* The requests about an armed run, and about the host as a whole. */
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"
#include "user/daemon/api_state.h"
#include "user/daemon/metrics.h"
#include "user/protocol/json_reader.h"
#include "user/protocol/names.h"

static json_t *write_reasons(const struct fault_counters *counters)
{
	json_t *reasons = json_object();

	for (unsigned int i = 0; i < FAULT_REASON_COUNT; i++)
		if (counters->reasons[i])
			json_object_set_new(reasons, fault_reason_name(i),
					    json_integer((json_int_t)counters->reasons[i]));
	return reasons;
}

static json_t *write_rule(const struct run *run, __u32 index,
			  const struct engine_rule_status *status)
{
	const struct plan_rule *rule = &run_plan(run)->rules[index];
	const struct fault_counters *counters = &status->counters;
	const struct fault_window *window = &status->window;
	const struct {
		const char *key;
		__u64 value;
	} numbers[] = {
		{"starts_at_ns", window->starts_at},
		{"ends_at_ns", window->ends_at},
		{"first_hit_at_ns", window->first_hit_at},
		{"last_hit_at_ns", window->last_hit_at},
		{"first_pass_after_ns", window->first_pass_after},
		{"injection", window->injection},
		{"connects", counters->connects},
		{"requests", counters->requests},
		{"hits", counters->hits},
		{"passes", counters->passes},
		{"packets", counters->packets},
	};
	json_t *object = json_pack("{s:i, s:s, s:s}", "index", (int)index, "fault", rule->fault,
				   "effect", plan_effect_name(rule->effect));

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		json_object_set_new(object, numbers[i].key,
				    json_integer((json_int_t)numbers[i].value));
	json_object_set_new(object, "reasons", write_reasons(counters));
	return object;
}

json_t *api_read_rules(struct api *api, const struct run *run, int *ret_error,
		       struct failure *failure)
{
	json_t *rules = json_array();

	for (__u32 i = 0; i < run_plan(run)->rules_count; i++) {
		struct engine_request request = {.type = ENGINE_RULE_STATUS, .u.rule.index = i};
		struct engine_reply reply;
		int r = channel_call(api->channel, &request, &reply, failure);

		if (r) {
			json_decref(rules);
			*ret_error = r;
			return NULL;
		}
		json_array_append_new(rules, write_rule(run, i, &reply.u.rule_status));
	}
	return rules;
}

static json_t *write_status(const struct api *api, const struct engine_status *status,
			    const char *run, json_t *rules)
{
	return json_pack("{s:s, s:I, s:s, s:b, s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "version", FAULTD_VERSION, "now_ns", (json_int_t)status->now, "boot_id",
			 api->boot_id, "armed", (int)status->armed, "halted", (int)status->halted,
			 "run", run, "title", status->title, "uid", (json_int_t)status->uid,
			 "lease_until_ns", (json_int_t)status->lease_until, "deadline_ns",
			 (json_int_t)status->deadline, "started_ns", (json_int_t)status->started_at,
			 "attached", (json_int_t)status->attached, "rules", rules);
}

/* What GET /v1/status replies. NULL with the error in `ret_error` and `failure`. */
static json_t *read_status(struct api *api, int *ret_error, struct failure *failure)
{
	struct engine_reply reply;
	struct run *run = NULL;
	json_t *rules = NULL, *status;
	int r = api_ask(api, ENGINE_STATUS, &reply, failure);

	if (r) {
		*ret_error = r;
		return NULL;
	}
	pthread_mutex_lock(&api->lock);
	if (reply.u.status.armed && api->run)
		run = run_ref(api->run);
	pthread_mutex_unlock(&api->lock);
	if (run)
		rules = api_read_rules(api, run, &r, failure);
	/* It may have ended between the two questions: then there is none to show. */
	status = write_status(api, &reply.u.status, run ? run_id(run) : "",
			      rules ? rules : json_array());
	run_unref(run);
	return status;
}

void api_get_status(struct api_call *call)
{
	struct failure failure = {};
	int r = 0;
	json_t *status = read_status(call->api, &r, &failure);

	if (r && !status)
		api_engine_error(call, r, &failure);
	else
		api_reply(call, 200, status);
}

void api_get_metrics(struct api_call *call)
{
	struct failure failure = {};
	char *text = NULL;
	size_t size = 0;
	int r = 0;
	json_t *status = read_status(call->api, &r, &failure);
	FILE *out = status ? open_memstream(&text, &size) : NULL;

	if (r && !status) {
		api_engine_error(call, r, &failure);
		return;
	}
	if (out) {
		metrics_print(status, out);
		fclose(out);
	}
	json_decref(status);
	call->response->status = 200;
	call->response->type = "text/plain; version=0.0.4; charset=utf-8";
	call->response->body = text;
}

struct faults_body {
	struct strings faults;
	bool has_faults;
	uint64_t for_ns;  /* of an inject */
	uint64_t over_ns; /* of a lift */
	uint32_t steps;
};

static int read_faults(const json_t *value, void *target, struct failure *failure)
{
	struct faults_body *body = target;

	body->has_faults = true;
	return json_read_array(value, json_read_string, sizeof(char *), FAULT_RULES_MAX,
			       (void **)&body->faults.items, &body->faults.count, failure);
}

static const struct json_field inject_fields[] = {
	{"faults", read_faults, 0, true},
	{"for_ns", json_read_u64, offsetof(struct faults_body, for_ns), true},
};
static const struct json_field lift_fields[] = {
	{"faults", read_faults, 0, false},
	{"over_ns", json_read_u64, offsetof(struct faults_body, over_ns), false},
	{"steps", json_read_u32, offsetof(struct faults_body, steps), false},
};

/* The body of inject and lift, as a mask of the run's rules. Answers the call when it is wrong. */
static bool read_body(struct api_call *call, struct engine_window *window, bool inject)
{
	struct faults_body body = {};
	struct failure failure = {};
	char text[256];
	json_t *root = NULL;
	int r = 0;

	if (call->request->body_length || inject)
		r = json_read_text(call->request->body, call->request->body_length, &root,
				   &failure);
	/* An absent body of a lift means every fault, as an absent list does. */
	if (!r && root)
		r = inject ? json_read_object(root, inject_fields, ARRAY_SIZE(inject_fields), &body,
					      &failure)
			   : json_read_object(root, lift_fields, ARRAY_SIZE(lift_fields), &body,
					      &failure);
	json_decref(root);
	if (!r && inject && (!body.faults.count || !body.for_ns))
		r = fail(&failure, -EINVAL, "'faults' and 'for_ns' are needed");
	if (!r && body.steps && !body.over_ns)
		r = fail(&failure, -EINVAL, "'steps' needs 'over_ns'");
	if (!r && body.steps > PLAN_FALL_STEPS_HIGHEST)
		r = fail(&failure, -EINVAL, "'steps' is above %u", PLAN_FALL_STEPS_HIGHEST);
	if (r)
		api_error(call, 400, "invalid", failure.text);
	window->rules = body.has_faults ? 0 : run_all_rules(call->run);
	window->duration_ns = inject ? body.for_ns : body.over_ns;
	window->steps = body.steps;
	for (size_t i = 0; !r && i < body.faults.count; i++) {
		__u64 rules = run_rules_of(call->run, body.faults.items[i]);

		window->rules |= rules;
		if (rules)
			continue;
		snprintf(text, sizeof(text), "the run has no fault '%.64s'", body.faults.items[i]);
		api_error(call, 404, "not-found", text);
		r = -ENOENT;
	}
	strings_free(&body.faults);
	return !r;
}

/* A run that is over cannot be asked to do anything. Answers the call then. */
static bool is_live(struct api_call *call)
{
	if (!run_has_ended(call->run))
		return true;
	api_error(call, 404, "not-found", "the run has ended");
	return false;
}

static bool change_window(struct api_call *call, enum engine_request_type type,
			  struct engine_window *ret_window)
{
	struct engine_request request = {.type = type};
	struct engine_reply reply;
	struct failure failure = {};
	int r;

	if (!is_live(call) || !read_body(call, &request.u.window, type == ENGINE_INJECT))
		return false;
	r = channel_call(call->api->channel, &request, &reply, &failure);
	if (r) {
		api_engine_error(call, r, &failure);
		return false;
	}
	*ret_window = reply.u.window;
	return true;
}

void api_post_inject(struct api_call *call)
{
	struct engine_window window;

	if (!change_window(call, ENGINE_INJECT, &window))
		return;
	api_reply(call, 200,
		  json_pack("{s:I, s:I, s:I, s:I, s:I}", "starts_at_ns",
			    (json_int_t)window.starts_at, "ends_at_ns", (json_int_t)window.ends_at,
			    "existing_found", (json_int_t)window.existing_found, "existing_reset",
			    (json_int_t)window.existing_reset, "existing_adopted",
			    (json_int_t)window.existing_adopted));
}

void api_post_lift(struct api_call *call)
{
	struct engine_window window;

	if (!change_window(call, ENGINE_LIFT, &window))
		return;
	api_reply(call, 200,
		  json_pack("{s:I, s:I}", "starts_at_ns", (json_int_t)window.starts_at,
			    "ends_at_ns", (json_int_t)window.ends_at));
}

void api_post_renew(struct api_call *call)
{
	struct engine_reply reply;
	struct failure failure = {};
	int r;

	if (!is_live(call))
		return;
	r = api_ask(call->api, ENGINE_RENEW, &reply, &failure);
	if (r) {
		api_engine_error(call, r, &failure);
		return;
	}
	api_reply(call, 200,
		  json_pack("{s:I, s:I}", "now_ns", (json_int_t)reply.u.status.now,
			    "lease_until_ns", (json_int_t)reply.u.status.lease_until));
}

void api_get_counters(struct api_call *call)
{
	struct engine_reply reply;
	struct failure failure = {};
	json_t *rules;
	int r = api_ask(call->api, ENGINE_STATUS, &reply, &failure);

	rules = r ? NULL : api_read_rules(call->api, call->run, &r, &failure);
	if (!rules) {
		api_engine_error(call, r, &failure);
		return;
	}
	api_reply(
		call, 200,
		json_pack("{s:I, s:o}", "now_ns", (json_int_t)reply.u.status.now, "rules", rules));
}

static json_t *write_bucket(const struct engine_series_entry *entry, bool observed)
{
	const struct fault_series *value = &entry->value;
	json_t *bucket = json_pack("[I, I, I, I, I, I, I, I]", (json_int_t)entry->key.rule,
				   (json_int_t)entry->key.bucket, (json_int_t)value->connects,
				   (json_int_t)value->requests, (json_int_t)value->hits,
				   (json_int_t)value->passes, (json_int_t)value->admitted,
				   (json_int_t)value->rejected);

	if (!observed)
		return bucket;
	json_array_append_new(bucket, json_integer((json_int_t)value->opened));
	json_array_append_new(bucket, json_integer((json_int_t)value->established));
	json_array_append_new(bucket, json_integer((json_int_t)value->retransmits));
	for (unsigned int i = 0; i < FAULT_RESPONSE_COUNT; i++)
		json_array_append_new(bucket, json_integer((json_int_t)value->responses[i]));
	return bucket;
}

static void append_buckets(json_t *buckets, const struct plan *plan,
			   const struct engine_series *series)
{
	for (__u32 i = 0; i < series->count && i < ENGINE_SERIES_MAX; i++) {
		__u32 rule = series->entries[i].key.rule;

		json_array_append_new(buckets, write_bucket(&series->entries[i],
							    rule < plan->rules_count &&
								    plan->rules[rule].observed));
	}
}

/* Reads on until the engine says that the range, `from` to `to` at most, is done. */
static int read_series(const struct api_call *call, __u32 from, __u32 to, json_t *buckets,
		       __u32 *ret_to, struct failure *failure)
{
	struct engine_request request = {.type = ENGINE_SERIES};
	struct engine_series *cursor = &request.u.series;
	struct engine_reply reply;
	int r;

	cursor->from_bucket = from;
	cursor->to_bucket = to;
	do {
		r = channel_call(call->api->channel, &request, &reply, failure);
		if (r)
			return r;
		append_buckets(buckets, run_plan(call->run), &reply.u.series);
		cursor->from_bucket = reply.u.series.next_bucket;
		cursor->from_rule = reply.u.series.next_rule;
		cursor->to_bucket = reply.u.series.to_bucket;
	} while (cursor->from_bucket < cursor->to_bucket);
	*ret_to = cursor->to_bucket;
	return 0;
}

/* Behind the last bucket to read: the engine shortens it to what is complete. With `settled` only
 * buckets are wanted of which the kernel counts no outcome any more. */
static __u32 series_end(const struct engine_status *status, __u32 from, bool settled)
{
	__u64 last = (__u64)from + (1U << 20), age = 0;

	if (status->now > status->started_at + FAULT_SETTLE_NS)
		age = status->now - status->started_at - FAULT_SETTLE_NS;
	if (settled && age / FAULT_BUCKET_NS < last)
		last = age / FAULT_BUCKET_NS;
	return last < from ? from : (__u32)last;
}

void api_get_series(struct api_call *call)
{
	const char *text = http_query(call->request, "from");
	const char *settled = http_query(call->request, "settled");
	struct failure failure = {};
	struct engine_reply reply;
	json_t *buckets;
	uint64_t from = 0;
	__u32 to = 0;
	int r;

	if (text && number_parse_u64(text, 0, UINT32_MAX / 2, &from)) {
		api_error(call, 400, "invalid", "'from' is no bucket number");
		return;
	}
	if (settled && strcmp(settled, "1")) {
		api_error(call, 400, "invalid", "'settled' is 1 or left out");
		return;
	}
	buckets = json_array();
	r = api_ask(call->api, ENGINE_STATUS, &reply, &failure);
	if (!r)
		r = read_series(call, (__u32)from,
				series_end(&reply.u.status, (__u32)from, settled != NULL), buckets,
				&to, &failure);
	if (r) {
		json_decref(buckets);
		api_engine_error(call, r, &failure);
		return;
	}
	api_reply(call, 200,
		  json_pack("{s:I, s:I, s:I, s:I, s:o}", "bucket_ns", (json_int_t)FAULT_BUCKET_NS,
			    "started_ns", (json_int_t)reply.u.status.started_at, "from",
			    (json_int_t)from, "to", (json_int_t)(to < from ? from : to), "buckets",
			    buckets));
}

/* Requests that have no fields and whose reply is the moment. */
static void ask_moment(struct api_call *call, enum engine_request_type type)
{
	struct engine_reply reply;
	struct failure failure = {};
	int r = api_ask(call->api, type, &reply, &failure);

	if (r)
		api_engine_error(call, r, &failure);
	else
		api_reply(call, 200, json_pack("{s:I}", "now_ns", (json_int_t)reply.u.status.now));
}

void api_delete_run(struct api_call *call)
{
	if (is_live(call))
		ask_moment(call, ENGINE_DISARM);
}

void api_post_halt(struct api_call *call)
{
	ask_moment(call, ENGINE_HALT);
}

void api_post_release(struct api_call *call)
{
	ask_moment(call, ENGINE_RELEASE);
}

void api_get_events(struct api_call *call)
{
	const char *id = http_query(call->request, "run");
	struct run_stream *stream;
	struct run *run = NULL;
	struct api *api = call->api;

	pthread_mutex_lock(&api->lock);
	if (id && api->run && !strcmp(run_id(api->run), id))
		run = run_ref(api->run);
	pthread_mutex_unlock(&api->lock);
	if (!run) {
		api_error(call, 404, "not-found", "no such run");
		return;
	}
	if (run_stream_new(run, &stream)) {
		api_error(call, 500, "failed", "out of memory");
	} else {
		call->response->status = 200;
		call->response->stream = run_stream_read;
		call->response->stream_free = run_stream_free;
		call->response->stream_context = stream;
	}
	run_unref(run);
}
