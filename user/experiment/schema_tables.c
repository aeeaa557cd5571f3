/* SPDX-License-Identifier: Apache-2.0 */
#include "user/experiment/schema_table.h"

static const char *const only_version[] = {"1", NULL};
static const char *const existing_words[] = {"keep", "reset", "adopt", NULL};
static const char *const quic_words[] = {"block", "allow", NULL};
static const char *const protocol_words[] = {"tcp", "udp", "any", NULL};
static const char *const class_words[] = {"artifact", "token", NULL};
static const char *const from_words[] = {"apt", "npm", "pip", "maven", "cargo", "go", NULL};
static const char *const needs_words[] = {"host", NULL};

static const struct schema_key top_keys[] = {
	[TOP_VERSION] = {"version", SCHEMA_WORD, .required = true, .words = only_version,
			 .example = "1", .help = "Version of the format.", NO_FIELD},
	[TOP_TITLE] = {"title", SCHEMA_LINE, .required = true, .high = 120,
		       .example = "Registry refuses for a minute",
		       .help = "One line that names the experiment in reports.",
		       FIELD(struct experiment, title)},
	[TOP_DESCRIPTION] = {"description", SCHEMA_TEXT, .high = 16384,
			     .example = "What is tried, and why.",
			     .help = "What is tried, and why.",
			     FIELD(struct experiment, description)},
	[TOP_TAGS] = {"tags", SCHEMA_LINES, .high = 64, .example = "[azure, token]",
		      .help = "Words to find the experiment by.", FIELD(struct experiment, tags)},
	[TOP_SCOPE] = {"scope", SCHEMA_MAP, .fallback_text = "the whole host",
		       .example = "{units: [\"runner.*.service\"]}",
		       .help = "Whose traffic is touched.", NO_FIELD},
	[TOP_PROTECT] = {"protect", SCHEMA_LIST, .type_text = "list of protected destinations",
			 .example = "[10.0.0.0/8 port 22]",
			 .help = "Destinations that are never touched, whatever a fault says: "
				 "`PREFIX` or `PREFIX port N[,N-M]`.",
			 NO_FIELD},
	[TOP_LEASE] = {"lease", SCHEMA_DURATION, .fallback = "3s", .low = 500 * NS_PER_MS,
		       .high = MINUTE, .example = "3s",
		       .help = "How long faults outlive the controller's last sign of life.",
		       FIELD(struct experiment, lease_ns)},
	[TOP_WORKFLOWS] = {"workflows", SCHEMA_MAP, .required = true,
			   .example = "{pull: {run: [./pull.sh], every: 2s, timeout: 30s}}",
			   .help = "The work whose health is measured, by name; at least one.",
			   NO_FIELD},
	[TOP_FAULTS] = {"faults", SCHEMA_MAP, .required = true,
			.example = "{store: {match: {name: store.example}, effect: refuse}}",
			.help = "What can be injected, by name; at least one.", NO_FIELD},
	[TOP_TIMELINE] = {"timeline", SCHEMA_LIST, .required = true,
			  .example = "[{steady: 30s}, {inject: store, for: 1m}, {recover: 5m}]",
			  .help = "What happens when; begins with `steady`, ends with `recover`.",
			  NO_FIELD},
	[TOP_ABORT] = {"abort", SCHEMA_LIST, .type_text = "list of stop conditions",
		       .example = "[{workflow: pull, availability below: 10%, for: 2m}]",
		       .help = "When to lift everything and stop.", NO_FIELD},
};

static const struct schema_key scope_keys[] = {
	[SCOPE_CGROUPS] =
		{"cgroups", SCHEMA_LINES, .high = 1023, .example = "[/system.slice/runner.service]",
		 .help = "Paths below the cgroup2 mount; what is inside them is in scope.",
		 FIELD(struct experiment, scope_cgroups)},
	[SCOPE_UNITS] = {"units", SCHEMA_LINES, .high = 255, .example = "[\"runner.*.service\"]",
			 .help = "systemd units, by name or glob. Those that start during the run "
				 "are in scope "
				 "too.",
			 FIELD(struct experiment, scope_units)},
	[SCOPE_CONTAINERS] = {"containers", SCHEMA_LINES, .high = 128,
			      .example = "[registry-mirror]",
			      .help = "Containers of Docker, Podman or containerd: their id, at "
				      "least 12 digits of its front, or their name.",
			      FIELD(struct experiment, scope_containers)},
	[SCOPE_PROCESSES] = {"processes", SCHEMA_LINES, .high = FAULT_COMMAND_MAX - 1,
			     .example = "[apt-get]",
			     .help = "Processes by name, as the kernel keeps it: its first 15 "
				     "bytes.",
			     FIELD(struct experiment, scope_commands)},
	[SCOPE_USERS] = {"users", SCHEMA_LINES, .high = 255, .example = "[runner, 1001]",
			 .help = "Users by name or number.", NO_FIELD},
	[SCOPE_NAMESPACES] = {"namespaces", SCHEMA_LINES, .high = 1023,
			      .example = "[/run/netns/tenant]",
			      .help = "Network namespaces, by path or by inode.",
			      FIELD(struct experiment, scope_namespaces)},
};

static const struct schema_key fault_keys[] = {
	[FAULT_MATCH] =
		{"match", SCHEMA_ANY, .required = true, .type_text = "mapping, or list of mappings",
		 .example = "{name: store.example, port: 443}",
		 .help = "What is touched. Every key of a mapping must hold; of a list, any "
			 "one mapping.",
		 NO_FIELD},
	[FAULT_EFFECT] = {"effect", SCHEMA_ANY, .required = true, .type_text = "word or mapping",
			  .example = "refuse", .help = "What happens to it; see below.", NO_FIELD},
	[FAULT_SHARE] = {"share", SCHEMA_PERCENT, .fallback = "100%", .low = 1,
			 .high = 100 * PERCENT, .example = "30%",
			 .help = "Share of connections or requests that are touched.",
			 FIELD(struct plan_rule, share)},
	[FAULT_RAMP] = {"ramp", SCHEMA_MAP, .example = "{from: 0%, to: 100%, over: 30s}",
			.help = "The share changes with time; in the place of `share`.", NO_FIELD},
	[FAULT_FLAP] = {"flap", SCHEMA_MAP, .example = "{period: 10s, duty: 50%}",
			.help = "The fault comes and goes.", NO_FIELD},
	[FAULT_BUDGET] = {"budget", SCHEMA_MAP, .example = "{hits: 100}",
			  .help = "When the fault ends by itself, before its time.", NO_FIELD},
	[FAULT_FIRST] = {"first", SCHEMA_NUMBER, .low = 1, .high = PLAN_SHAPE_COUNT_HIGHEST,
			 .fallback_text = "all", .example = "3",
			 .help = "Of each inject only so many connections or requests are touched, "
				 "the first ones.",
			 FIELD(struct plan_rule, shape.first)},
	[FAULT_EXISTING] =
		{"existing", SCHEMA_WORD, .fallback = "keep", .words = existing_words,
		 .example = "reset",
		 .help = "What becomes of connections that are open at the inject. `adopt`, with "
			 "`answer` and `hang`: their next requests are looked at.",
		 FIELD(struct plan_rule, existing)},
	[FAULT_QUIC] =
		{"quic", SCHEMA_FLAG, .fallback = "block", .words = quic_words, .example = "allow",
		 .help = "With the effects of the message layer by name: whether UDP port 443 of "
			 "the name is refused, so that HTTP/3 does not slip past.",
		 FIELD(struct plan_rule, quic_allow)},
};

static const struct schema_key ramp_keys[] = {
	[RAMP_FROM] = {"from", SCHEMA_PERCENT, .fallback = "0%", .high = 100 * PERCENT,
		       .example = "0%", .help = "Share at the inject.",
		       FIELD(struct plan_rule, shape.ramp_from)},
	[RAMP_TO] = {"to", SCHEMA_PERCENT, .fallback = "100%", .high = 100 * PERCENT,
		     .example = "100%", .help = "Share at the end of `over`, and from then on.",
		     FIELD(struct plan_rule, shape.ramp_to)},
	[RAMP_OVER] = {"over", SCHEMA_DURATION, .required = true, .low = 100 * NS_PER_MS,
		       .high = DAY, .example = "30s", .help = "Time from the one to the other.",
		       FIELD(struct plan_rule, shape.ramp_over)},
};

static const struct schema_key flap_keys[] = {
	[FLAP_PERIOD] = {"period", SCHEMA_DURATION, .required = true, .low = PLAN_FLAP_LOWEST,
			 .high = DAY, .example = "10s",
			 .help = "Time from one coming to the next, the first at the inject.",
			 FIELD(struct plan_rule, shape.flap_period)},
	[FLAP_DUTY] = {"duty", SCHEMA_PERCENT, .fallback = "50%", .low = 1,
		       .high = FAULT_SHARE_ALWAYS - 1, .example = "50%",
		       .help = "First part of each period, in which the fault is there.",
		       FIELD(struct plan_rule, shape.flap_duty)},
};

static const struct schema_key fault_budget_keys[] = {
	[FAULT_BUDGET_HITS] = {"hits", SCHEMA_NUMBER, .low = 1, .high = PLAN_SHAPE_COUNT_HIGHEST,
			       .example = "100", .help = "After so many hits;",
			       FIELD(struct plan_rule, shape.budget_hits)},
	[FAULT_BUDGET_CONNECTIONS] = {"connections", SCHEMA_NUMBER, .low = 1,
				      .high = PLAN_SHAPE_COUNT_HIGHEST, .example = "20",
				      .help = "after hits on so many connections.",
				      FIELD(struct plan_rule, shape.budget_connections)},
};

static const struct schema_key match_keys[] = {
	[MATCH_PRESET] =
		{"preset", SCHEMA_LINES, .type_text = "name or list of names", .high = 64,
		 .example = "azure-imds",
		 .help = "Endpoints from a preset file. Beside it may stand whose traffic it must "
			 "be, `cgroup` and the keys behind it, and `name` or `address` where the "
			 "preset needs the host.",
		 NO_FIELD},
	[MATCH_NAME] = {"name", SCHEMA_LINES, .type_text = "host name or list", .high = 253,
			.example = "\"*.store.example\"",
			.help = "`a.example`, or `*.a.example` for everything below `a.example`.",
			NO_FIELD},
	[MATCH_ADDRESS] = {"address", SCHEMA_LINES, .type_text = "address, prefix, or list",
			   .high = 64, .example = "10.0.0.0/8", .help = "IPv4 or IPv6 destination.",
			   NO_FIELD},
	[MATCH_PORT] = {"port", SCHEMA_LINES, .type_text = "port, range, or list",
			.fallback_text = "every port", .high = 16, .example = "[80, 8000-8010]",
			.help = "Destination port.", NO_FIELD},
	[MATCH_PROTOCOL] = {"protocol", SCHEMA_WORD, .fallback = "tcp", .words = protocol_words,
			    .example = "udp", .help = "`any` is tcp and udp.", NO_FIELD},
	[MATCH_HTTP] = {"http", SCHEMA_MAP, .example = "{path: /token}",
			.help = "An HTTP request; with `answer`, `hang`, `delay` and `drip`. "
				"What is inside TLS is seen with `tls: terminate` alone.",
			NO_FIELD},
	[MATCH_CGROUP] = {"cgroup", SCHEMA_LINES, .type_text = "path or list",
			  .fallback_text = "the whole scope", .high = 1023,
			  .example = "/system.slice/runner.service",
			  .help = "Only traffic of these cgroups, paths below the cgroup2 mount.",
			  NO_FIELD},
	[MATCH_INTERFACE] = {"interface", SCHEMA_LINES, .type_text = "name, glob, or list",
			     .fallback_text = "the host's own traffic", .high = 63,
			     .example = "\"docker*\"",
			     .help = "Instead of the host's own traffic, what it forwards and "
				     "receives on these interfaces; with `refuse`, `reset`, "
				     "`drop`, `loss` and `dns`.",
			     NO_FIELD},
	[MATCH_UNIT] = {"unit", SCHEMA_LINES, .type_text = "unit, glob, or list",
			.fallback_text = "the whole scope", .high = 255,
			.example = "\"runner.*.service\"",
			.help = "Only traffic of these systemd units. Of `cgroup`, `unit` and "
				"`container` any one holds.",
			NO_FIELD},
	[MATCH_CONTAINER] = {"container", SCHEMA_LINES, .type_text = "id, name, or list",
			     .fallback_text = "the whole scope", .high = 128,
			     .example = "registry-mirror",
			     .help = "Only traffic of these containers.", NO_FIELD},
	[MATCH_PROCESS] =
		{"process", SCHEMA_LINES, .type_text = "name or list",
		 .fallback_text = "the whole scope", .high = FAULT_COMMAND_MAX - 1,
		 .example = "apt-get",
		 .help = "Only connections that a process of this name opens. Like `user` "
			 "and `namespace` it must hold beside the rest.",
		 NO_FIELD},
	[MATCH_USER] = {"user", SCHEMA_LINES, .type_text = "name, uid, or list",
			.fallback_text = "the whole scope", .high = 255, .example = "runner",
			.help = "Only connections of these users.", NO_FIELD},
	[MATCH_NAMESPACE] = {"namespace", SCHEMA_LINES, .type_text = "path, inode, or list",
			     .fallback_text = "the whole scope", .high = 1023,
			     .example = "/run/netns/tenant",
			     .help = "Only connections from these network namespaces.", NO_FIELD},
};

static const struct schema_key match_http_keys[] = {
	[MATCH_HTTP_HOST] = {"host", SCHEMA_LINES, .type_text = "host name or list", .high = 253,
			     .example = "store.example", .help = "Host field of the request.",
			     NO_FIELD},
	[MATCH_HTTP_PATH] = {"path", SCHEMA_LINES, .type_text = "path or list", .high = 255,
			     .example = "/metadata/identity",
			     .help = "Begin of the path, with its `/`.", NO_FIELD},
	[MATCH_HTTP_METHOD] = {"method", SCHEMA_LINES, .type_text = "method or list",
			       .fallback_text = "any", .high = 16, .example = "[GET, HEAD]",
			       .help = "Request method.", NO_FIELD},
};

static const struct schema_key step_keys[] = {
	[STEP_KEY_STEADY] = {"steady", SCHEMA_DURATION, .low = 100 * NS_PER_MS, .high = DAY,
			     .example = "30s",
			     .help = "Step: nothing is changed. The first one is the baseline and "
				     "lasts at least 3 periods of every workflow.",
			     NO_FIELD},
	[STEP_KEY_INJECT] = {"inject", SCHEMA_LINES, .type_text = "fault or list of faults",
			     .high = PLAN_FAULT_NAME_MAX, .example = "store",
			     .help = "Step: the faults take effect; needs `for`.", NO_FIELD},
	[STEP_KEY_FOR] = {"for", SCHEMA_DURATION, .low = 100 * NS_PER_MS, .high = DAY,
			  .example = "1m",
			  .help = "With `inject`: after this time the kernel ends them by itself.",
			  NO_FIELD},
	[STEP_KEY_LIFT] = {"lift", SCHEMA_LINES, .type_text = "fault, list of faults, or `all`",
			   .high = PLAN_FAULT_NAME_MAX, .example = "all",
			   .help = "Step: the faults end now, or within `over`.", NO_FIELD},
	[STEP_KEY_OVER] =
		{"over", SCHEMA_DURATION, .low = 100 * NS_PER_MS, .high = DAY,
		 .fallback_text = "at once", .example = "2m",
		 .help = "With `lift`: the share falls to 0 over this time, which the step "
			 "takes.",
		 FIELD(struct step, over_ns)},
	[STEP_KEY_STEPS] = {"steps", SCHEMA_COUNT, .low = 1, .high = PLAN_FALL_STEPS_HIGHEST,
			    .fallback_text = "smoothly", .example = "4",
			    .help = "With `over`: in so many equal steps.",
			    FIELD(struct step, steps)},
	[STEP_KEY_WAIT] = {"wait", SCHEMA_DURATION, .high = DAY, .example = "10s",
			   .help = "Step: nothing is changed. With `inject`: how long the timeline "
				   "stays there, at most `for` (default: `for`).",
			   NO_FIELD},
	[STEP_KEY_RECOVER] = {"recover", SCHEMA_DURATION, .low = 100 * NS_PER_MS, .high = DAY,
			      .example = "5m",
			      .help = "Step: until every workflow is stable, at most this long. "
				      "No fault may still be in effect. The last step is one.",
			      NO_FIELD},
};

static const struct schema_key abort_keys[] = {
	[ABORT_WORKFLOW] = {"workflow", SCHEMA_LINE, .required = true, .high = PLAN_FAULT_NAME_MAX,
			    .example = "pull", .help = "Name of the workflow that is watched.",
			    NO_FIELD},
	[ABORT_BELOW] = {"availability below", SCHEMA_PERCENT, .required = true, .low = 1,
			 .high = 100 * PERCENT, .example = "10%",
			 .help = "Share of successful units below which it counts.",
			 FIELD(struct abort_rule, availability_below)},
	[ABORT_FOR] = {"for", SCHEMA_DURATION, .required = true, .low = 100 * NS_PER_MS,
		       .high = DAY, .example = "2m", .help = "How long it must have been so.",
		       FIELD(struct abort_rule, for_ns)},
};

static const struct schema_key preset_keys[] = {
	[PRESET_VERSION] = {"version", SCHEMA_WORD, .required = true, .words = only_version,
			    .example = "1", .help = "Version of the format.", NO_FIELD},
	[PRESET_NAME] = {"preset", SCHEMA_LINE, .required = true, .high = 64,
			 .example = "azure-imds", .help = "Its name, that of the file.",
			 FIELD(struct preset, name)},
	[PRESET_CLASS] = {"class", SCHEMA_WORD, .required = true, .words = class_words,
			  .example = "token", .help = "What it is to its clients.", NO_FIELD},
	[PRESET_DESCRIPTION] = {"description", SCHEMA_TEXT, .required = true, .high = 4096,
				.example = "What is behind these endpoints.",
				.help = "What is behind the endpoints.",
				FIELD(struct preset, description)},
	[PRESET_NOTES] = {"notes", SCHEMA_LINES, .high = 1024, .example = "[check it]",
			  .help = "What its user should know or check.",
			  FIELD(struct preset, notes)},
	[PRESET_ENDPOINTS] = {"endpoints", SCHEMA_LIST, .type_text = "list of match mappings",
			      .example = "[{name: store.example, port: 443}]",
			      .help = "What it stands for; either `endpoints` or `from` is needed.",
			      NO_FIELD},
	[PRESET_FROM] = {"from", SCHEMA_WORD, .words = from_words, .example = "apt",
			 .help = "The machine's own configuration that names the hosts.", NO_FIELD},
	[PRESET_NEEDS] = {"needs", SCHEMA_WORD, .words = needs_words, .example = "host",
			  .help = "The experiment says the host, by `name` or `address`.",
			  NO_FIELD},
};

static const struct schema_key template_keys[] = {
	[TEMPLATE_VERSION] = {"version", SCHEMA_WORD, .required = true, .words = only_version,
			      .example = "1", .help = "Version of the format.", NO_FIELD},
	[TEMPLATE_NAME] = {"answer", SCHEMA_LINE, .required = true, .high = 64,
			   .example = "registry-503", .help = "Its name, that of the file.",
			   FIELD(struct answer, name)},
	[TEMPLATE_DESCRIPTION] = {"description", SCHEMA_TEXT, .required = true, .high = 4096,
				  .example = "A registry that is overloaded.",
				  .help = "Which service answers so, and when.",
				  FIELD(struct answer, description)},
	[TEMPLATE_NOTES] = {"notes", SCHEMA_LINES, .high = 1024, .example = "[check it]",
			    .help = "What its user should know or check.",
			    FIELD(struct answer, notes)},
	[TEMPLATE_STATUS] = {"status", SCHEMA_COUNT, .required = true, .low = 200, .high = 599,
			     .example = "503", .help = "As in an answer, like the next ones.",
			     NO_FIELD},
	[TEMPLATE_REASON] = {"reason", SCHEMA_LINE, .fallback_text = "the standard phrase",
			     .high = 128, .example = "Service Unavailable",
			     .help = "Reason phrase.", FIELD(struct answer, rule.reason)},
	[TEMPLATE_HEADERS] = {"headers", SCHEMA_MAP, .type_text = "mapping of names to values",
			      .example = "{Retry-After: \"5\"}", .help = "Header fields.",
			      NO_FIELD},
	[TEMPLATE_BODY] = {"body", SCHEMA_TEXT, .high = FAULT_ANSWER_MAX, .example = "\"go away\"",
			   .help = "Body.", FIELD(struct answer, rule.body)},
};

SCHEMA(schema_top, "experiment", "an experiment", top_keys);
SCHEMA(schema_scope, "scope", "a scope", scope_keys);
SCHEMA(schema_fault, "fault", "a fault", fault_keys);
SCHEMA(schema_ramp, "ramp", "a ramp", ramp_keys);
SCHEMA(schema_flap, "flap", "a flap", flap_keys);
SCHEMA(schema_fault_budget, "fault-budget", "a fault's budget", fault_budget_keys);
SCHEMA(schema_match, "match", "a match", match_keys);
SCHEMA(schema_match_http, "match-http", "an http match", match_http_keys);
SCHEMA(schema_step, "timeline", "a step", step_keys);
SCHEMA(schema_abort, "abort", "a stop condition", abort_keys);
SCHEMA(schema_preset, "preset", "a preset", preset_keys);
SCHEMA(schema_template, "template", "a named answer", template_keys);

const struct schema *const schemas[] = {
	&schema_top,	  &schema_scope,
	&schema_workflow, &schema_http,
	&schema_retry,	  &schema_budget,
	&schema_detect,	  &schema_stable,
	&schema_fault,	  &schema_ramp,
	&schema_flap,	  &schema_fault_budget,
	&schema_match,	  &schema_match_http,
	&schema_effect,	  &schema_cut,
	&schema_corrupt,  &schema_delay,
	&schema_drip,	  &schema_overload,
	&schema_answer,	  &schema_step,
	&schema_abort,	  &schema_preset,
	&schema_template, NULL,
};
