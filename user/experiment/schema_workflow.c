/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of workflows; the rest of the schema is in schema_tables.c. */
#include "user/experiment/schema_table.h"

static const char *const connection_words[] = {"cold", "warm", NULL};
static const char *const jitter_words[] = {"none", "full", NULL};

static const struct schema_key workflow_keys[] = {
	[WORKFLOW_RUN] = {"run", SCHEMA_LIST, .type_text = "list of a program and its arguments",
			  .example = "[./provision.sh, --once]",
			  .help = "A command; exit status 0 is success. No shell reads it. One of "
				  "`run`, `http` and `observe` is needed.",
			  NO_FIELD},
	[WORKFLOW_HTTP] = {"http", SCHEMA_MAP, .example = "{get: \"http://store.example/\"}",
			   .help = "An HTTP request.", NO_FIELD},
	[WORKFLOW_EVERY] = {"every", SCHEMA_DURATION,
			    .fallback_text = "required, but not of `observe`", .low = NS_PER_MS,
			    .high = HOUR, .example = "2s",
			    .help = "Period; units start on schedule however long others take. Of "
				    "`run` at least 10ms: a command takes longer to start than a "
				    "request.",
			    FIELD(struct workflow, every_ns)},
	[WORKFLOW_TIMEOUT] = {"timeout", SCHEMA_DURATION,
			      .fallback_text = "required, but not of `observe`", .low = NS_PER_MS,
			      .high = HOUR, .example = "30s",
			      .help = "Longest time of one attempt; then it is ended and has "
				      "failed.",
			      FIELD(struct workflow, timeout_ns)},
	[WORKFLOW_RETRY] = {"retry", SCHEMA_MAP, .fallback_text = "one attempt",
			    .example = "{attempts: 5, backoff: 1s}",
			    .help = "How a failed attempt is repeated.", NO_FIELD},
	[WORKFLOW_BUDGET] = {"budget", SCHEMA_MAP, .fallback_text = "nothing is judged",
			     .example = "{recover: 60s}", .help = "What must be met to pass.",
			     NO_FIELD},
	[WORKFLOW_DETECT] = {"detect", SCHEMA_MAP, .example = "{failures: 3}",
			     .help = "When an outage counts as noticed.", NO_FIELD},
	[WORKFLOW_STABLE] = {"stable", SCHEMA_MAP, .example = "{successes: 10, for: 5s}",
			     .help = "When the workflow counts as recovered.", NO_FIELD},
	[WORKFLOW_OBSERVE] = {"observe", SCHEMA_ANY, .type_text = "fault, or list of faults",
			      .example = "tokens",
			      .help = "Nothing is run: the traffic that these faults match is "
				      "measured as the kernel sees it.",
			      NO_FIELD},
	[WORKFLOW_CONTROL] = {"control", SCHEMA_LINE, .type_text = "workflow", .high = 48,
			      .example = "pull",
			      .help = "This is the control group of that workflow: the same work "
				      "outside the faults' scope. It is measured and not judged.",
			      FIELD(struct workflow, control)},
};

#define HTTP_METHOD_KEY(name)                                                                      \
	{                                                                                          \
		name, SCHEMA_LINE,                                                                 \
			.type_text = "URL", .high = 2048, .example = "\"http://store.example/\"",  \
			.help = "Request with this method; exactly one method is needed.",         \
			NO_FIELD                                                                   \
	}

static const struct schema_key http_keys[] = {
	[HTTP_GET] = HTTP_METHOD_KEY("get"),
	[HTTP_HEAD] = HTTP_METHOD_KEY("head"),
	[HTTP_POST] = HTTP_METHOD_KEY("post"),
	[HTTP_PUT] = HTTP_METHOD_KEY("put"),
	[HTTP_DELETE] = HTTP_METHOD_KEY("delete"),
	[HTTP_PATCH] = HTTP_METHOD_KEY("patch"),
	[HTTP_OPTIONS] = HTTP_METHOD_KEY("options"),
	[HTTP_HEADERS] = {"headers", SCHEMA_MAP, .type_text = "mapping of names to values",
			  .example = "{Metadata: \"true\"}",
			  .help = "Header fields of the request.", NO_FIELD},
	[HTTP_BODY] = {"body", SCHEMA_TEXT, .high = 65536, .example = "\"grant_type=x\"",
		       .help = "Body of the request.", FIELD(struct workflow_http, body)},
	[HTTP_EXPECT] = {"expect", SCHEMA_LINE, .type_text = "status or range of statuses",
			 .fallback_text = "`200-299`", .example = "200",
			 .help = "Statuses that are a success, from 100 to 599.", NO_FIELD},
	[HTTP_CONNECTION] = {"connection", SCHEMA_FLAG, .fallback = "cold",
			     .words = connection_words, .example = "warm",
			     .help = "Whether each unit opens a connection (cold) or keeps one "
				     "(warm).",
			     FIELD(struct workflow_http, warm)},
};

static const struct schema_key retry_keys[] = {
	{"attempts", SCHEMA_COUNT, .fallback = "1", .low = 1, .high = 100, .example = "5",
	 .help = "Attempts in all.", FIELD(struct retry_policy, attempts)},
	{"backoff", SCHEMA_DURATION, .fallback = "1s", .high = HOUR, .example = "1s",
	 .help = "Pause before the second attempt.", FIELD(struct retry_policy, backoff_ns)},
	{"factor", SCHEMA_DECIMAL, .fallback = "2", .low = 1, .high = 100, .example = "2",
	 .help = "Growth of the pause per attempt.", FIELD(struct retry_policy, factor)},
	{"cap", SCHEMA_DURATION, .low = NS_PER_MS, .high = HOUR, .fallback_text = "none",
	 .example = "30s", .help = "Longest pause.", FIELD(struct retry_policy, cap_ns)},
	{"jitter", SCHEMA_WORD, .fallback = "full", .words = jitter_words, .example = "full",
	 .help = "`full`: the pause is drawn from zero to its length.",
	 FIELD(struct retry_policy, jitter)},
};

static const struct schema_key budget_keys[] = {
	{"detect", SCHEMA_DURATION, .low = NS_PER_MS, .high = DAY, .example = "15s",
	 .help = "Longest time from the first effect to detection.",
	 OPTIONAL_FIELD(struct workflow_budget, detect_ns, has_detect)},
	{"recover", SCHEMA_DURATION, .low = NS_PER_MS, .high = DAY, .example = "60s",
	 .help = "Longest time from the lift to stable.",
	 OPTIONAL_FIELD(struct workflow_budget, recover_ns, has_recover)},
	{"outage", SCHEMA_DURATION, .low = NS_PER_MS, .high = DAY, .example = "6m",
	 .help = "Longest time from the first failure to stable.",
	 OPTIONAL_FIELD(struct workflow_budget, outage_ns, has_outage)},
	{"amplification", SCHEMA_DECIMAL, .low = 1, .high = 1000, .example = "3",
	 .help = "Most attempts per unit, from the inject to stable.",
	 OPTIONAL_FIELD(struct workflow_budget, amplification, has_amplification)},
	{"availability", SCHEMA_PERCENT, .high = 100 * PERCENT, .example = "40%",
	 .help = "Least share of intended units that succeed.",
	 OPTIONAL_FIELD(struct workflow_budget, availability, has_availability)},
};

static const struct schema_key detect_keys[] = {
	[DETECT_FAILURES] = {"failures", SCHEMA_COUNT, .fallback = "3", .low = 1, .high = 1000,
			     .example = "3",
			     .help = "Failed units in a row after which the outage is noticed.",
			     FIELD(struct workflow_detect, failures)},
	[DETECT_WEBHOOK] = {"webhook", SCHEMA_LINE, .type_text = "URL", .high = 255,
			    .example = "\"http://127.0.0.1:9467/alert\"",
			    .help = "It is noticed when an alert is sent here: faultctl listens at "
				    "this address.",
			    FIELD(struct workflow_detect, webhook)},
	[DETECT_COMMAND] = {"command", SCHEMA_LIST,
			    .type_text = "list of a program and its arguments",
			    .example = "[./alert-is-firing.sh]",
			    .help = "It is noticed when this command, asked once a second from the "
				    "inject on, ends with 0.",
			    NO_FIELD},
};

static const struct schema_key stable_keys[] = {
	{"successes", SCHEMA_COUNT, .fallback = "10", .low = 1, .high = 10000, .example = "10",
	 .help = "Successful units in a row,", FIELD(struct workflow, stable_successes)},
	{"for", SCHEMA_DURATION, .low = NS_PER_MS, .high = HOUR,
	 .fallback_text = "`5s` or 3 periods, the longer", .example = "5s",
	 .help = "that span at least this time.", FIELD(struct workflow, stable_span_ns)},
};

SCHEMA(schema_workflow, "workflow", "a workflow", workflow_keys);
SCHEMA(schema_http, "http", "an http request", http_keys);
SCHEMA(schema_retry, "retry", "a retry policy", retry_keys);
SCHEMA(schema_budget, "budget", "a budget", budget_keys);
SCHEMA(schema_detect, "detect", "a detect rule", detect_keys);
SCHEMA(schema_stable, "stable", "a stable rule", stable_keys);
