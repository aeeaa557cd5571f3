/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of effects, and of what they say. */
#include "user/experiment/schema_table.h"

static const char *const reset_words[] = {"connect", "request", "live", NULL};
static const char *const dns_words[] = {"nxdomain", "servfail", "refused", "drop", NULL};
static const char *const reject_words[] = {"hang", "refuse", NULL};
static const char *const tls_words[] = {"pass", "terminate", NULL};
static const char *const expand_words[] = {"false", "true", NULL};
static const char *const distribution_words[] = {"uniform", "normal", "pareto", NULL};
static const char *const delay_at_words[] = {"request", "connect", NULL};
static const char *const certificate_words[] = {"expired", "untrusted", "wrong-name", NULL};

static const struct schema_key effect_keys[] = {
	[EFFECT_LOSS] = {"loss", SCHEMA_PERCENT, .low = 1, .high = 100 * PERCENT, .example = "30%",
			 .help = "Each packet is lost with this probability.",
			 FIELD(struct plan_rule, loss)},
	[EFFECT_ANSWER] = {"answer", SCHEMA_MAP, .example = "{status: 503}",
			   .help = "An HTTP response; the server never sees the request.",
			   NO_FIELD},
	[EFFECT_ALERT] = {"alert", SCHEMA_LINE, .type_text = "name of a TLS alert (RFC 8446, 6.2)",
			  .example = "handshake_failure",
			  .help = "A fatal TLS alert in reply to the ClientHello.", NO_FIELD},
	[EFFECT_RESET] =
		{"reset", SCHEMA_WORD, .words = reset_words, .example = "request",
		 .help = "The connection is reset: at the connect, at the first bytes that "
			 "the client sends, or where it stands. `reset` alone is `request`.",
		 FIELD(struct plan_rule, reset_at)},
	[EFFECT_CUT] = {"cut", SCHEMA_MAP, .example = "{after: 1MiB}",
			.help = "The connection is reset in the middle of what the server sends.",
			NO_FIELD},
	[EFFECT_STALL] = {"stall", SCHEMA_MAP, .example = "{after: 1MiB}",
			  .help = "What the server sends stops coming, and goes on after the lift.",
			  NO_FIELD},
	[EFFECT_RATE] = {"rate", SCHEMA_RATE, .low = PLAN_RATE_LOWEST, .high = PLAN_RATE_HIGHEST,
			 .example = "10Mbit/s",
			 .help = "What the server sends on a connection comes no faster.",
			 FIELD(struct plan_rule, rate)},
	[EFFECT_DNS] = {"dns", SCHEMA_WORD, .words = dns_words, .example = "nxdomain",
			.help = "What the resolver says of the names, or `drop`: nothing.",
			NO_FIELD},
	[EFFECT_OVERLOAD] = {"overload", SCHEMA_MAP,
			     .example = "{capacity: 20/s, burst: 20, reject: hang}",
			     .help = "A service of finite capacity; what is beyond it is rejected.",
			     NO_FIELD},
	[EFFECT_DELAY] = {"delay", SCHEMA_ANY, .type_text = "duration or mapping",
			  .example = "300ms",
			  .help = "What the client sends reaches the server so much later.",
			  NO_FIELD},
	[EFFECT_DRIP] = {"drip", SCHEMA_MAP, .example = "{rate: 1kB/s}",
			 .help = "The body of the response trickles.", NO_FIELD},
	[EFFECT_CERTIFICATE] = {"certificate", SCHEMA_WORD, .words = certificate_words,
				.example = "expired",
				.help = "The server shows a certificate that is out of date, by "
					"nobody that is known, or for another name.",
				NO_FIELD},
	[EFFECT_CORRUPT] = {"corrupt", SCHEMA_MAP, .example = "{every: 64KiB}",
			    .help = "Bytes of the server arrive changed, with a right checksum.",
			    NO_FIELD},
};

static const struct schema_key corrupt_keys[] = {
	[CORRUPT_EVERY] = {"every", SCHEMA_SIZE, .required = true, .low = PLAN_EVERY_LOWEST,
			   .high = PLAN_AFTER_HIGHEST, .example = "64KiB",
			   .help = "In each stretch of this length one byte is changed, at a "
				   "place drawn from the run's seed.",
			   FIELD(struct plan_rule, every)},
	[CORRUPT_AFTER] = {"after", SCHEMA_SIZE, .fallback = "8KiB", .high = PLAN_AFTER_HIGHEST,
			   .example = "8KiB",
			   .help = "First bytes of the server on each connection that stay whole, "
				   "for the head of a response or a TLS handshake.",
			   FIELD(struct plan_rule, after)},
};

static const struct schema_key delay_keys[] = {
	[DELAY_TIME] = {"time", SCHEMA_DURATION, .required = true, .low = PLAN_DELAY_LOWEST,
			.high = PLAN_DELAY_HIGHEST, .example = "300ms",
			.help = "How much later. `delay: 300ms` is `delay: {time: 300ms}`.",
			FIELD(struct plan_rule, delay.time_ns)},
	[DELAY_JITTER] = {"jitter", SCHEMA_DURATION, .fallback_text = "none",
			  .high = PLAN_DELAY_HIGHEST, .example = "50ms",
			  .help = "How far the single delays lie apart.",
			  FIELD(struct plan_rule, delay.jitter_ns)},
	[DELAY_DISTRIBUTION] = {"distribution", SCHEMA_WORD, .fallback = "uniform",
				.words = distribution_words, .example = "pareto",
				.help = "`uniform`: `time` give or take `jitter`. `normal`: around "
					"`time`, with the deviation `jitter`. `pareto`: at least "
					"`time`, beyond it a long tail of mean `jitter`.",
				FIELD(struct plan_rule, delay.distribution)},
	[DELAY_AT] = {"at", SCHEMA_FLAG, .fallback = "request", .words = delay_at_words,
		      .example = "connect",
		      .help = "Each request is delayed, or the first message of each connection.",
		      FIELD(struct plan_rule, delay.at_connect)},
};

static const struct schema_key drip_keys[] = {
	[DRIP_RATE] = {"rate", SCHEMA_RATE, .required = true, .low = PLAN_DRIP_LOWEST,
		       .high = PLAN_RATE_HIGHEST, .example = "1kB/s",
		       .help = "How fast a body comes.", FIELD(struct plan_rule, rate)},
	[DRIP_TLS] = {"tls", SCHEMA_FLAG, .fallback = "pass", .words = tls_words,
		      .example = "terminate", .help = "As in an answer.",
		      FIELD(struct plan_rule, terminate)},
};

/* Of cut and of stall. */
static const struct schema_key cut_keys[] = {
	[CUT_AFTER] = {"after", SCHEMA_SIZE, .required = true, .low = 1, .high = PLAN_AFTER_HIGHEST,
		       .example = "1MiB",
		       .help = "Bytes of the server that come through on each connection.",
		       FIELD(struct plan_rule, after)},
};

static const struct schema_key overload_keys[] = {
	[OVERLOAD_CAPACITY] = {"capacity", SCHEMA_FREQUENCY, .required = true, .low = 1,
			       .high = PLAN_CAPACITY_HIGHEST, .example = "20/s",
			       .help = "Requests that the service can bear.",
			       FIELD(struct plan_rule, capacity)},
	[OVERLOAD_BURST] = {"burst", SCHEMA_NUMBER, .low = 1, .high = PLAN_BURST_HIGHEST,
			    .fallback_text = "the capacity of a second, at least 1",
			    .example = "20",
			    .help = "Requests beyond it that it takes after a time of rest.",
			    FIELD(struct plan_rule, burst)},
	[OVERLOAD_REJECT_COST] = {"reject-cost", SCHEMA_DECIMAL, .fallback_text = "`0`", .high = 10,
				  .example = "0.5",
				  .help = "What a rejected request takes of the capacity, in "
					  "requests: above 0 retries can keep it down.",
				  NO_FIELD},
	[OVERLOAD_ANSWER] = {"answer", SCHEMA_MAP, .example = "{status: 503}",
			     .help = "What is rejected gets this answer;", NO_FIELD},
	[OVERLOAD_REJECT] = {"reject", SCHEMA_WORD, .words = reject_words, .example = "hang",
			     .help = "hangs, or cannot connect. Either `answer` or `reject` is "
				     "needed.",
			     NO_FIELD},
};

static const struct schema_key answer_keys[] = {
	[ANSWER_STATUS] = {"status", SCHEMA_COUNT, .low = 200, .high = 599,
			   .fallback_text = "required without `template`", .example = "503",
			   .help = "Status code.", NO_FIELD},
	[ANSWER_REASON] = {"reason", SCHEMA_LINE, .fallback_text = "the standard phrase",
			   .high = 128, .example = "Service Unavailable", .help = "Reason phrase.",
			   FIELD(struct plan_rule, reason)},
	[ANSWER_HEADERS] = {"headers", SCHEMA_MAP, .type_text = "mapping of names to values",
			    .example = "{Retry-After: \"5\"}",
			    .help = "Header fields. `Content-Length` and `Connection` are added.",
			    NO_FIELD},
	[ANSWER_BODY] = {"body", SCHEMA_TEXT, .high = FAULT_ANSWER_MAX, .example = "\"go away\"",
			 .help = "Body. The whole answer has at most 4096 bytes.",
			 FIELD(struct plan_rule, body)},
	[ANSWER_FILE] =
		{"file", SCHEMA_LINE, .high = 1024, .example = "body.json",
		 .help = "The body is in this file, a path from the experiment's directory; "
			 "in the place of `body`.",
		 NO_FIELD},
	[ANSWER_TEMPLATE] = {"template", SCHEMA_LINE, .high = 64, .example = "registry-503",
			     .help = "A named answer; only `tls` and `expand` may stand beside it.",
			     NO_FIELD},
	[ANSWER_TLS] =
		{"tls", SCHEMA_FLAG, .fallback = "pass", .words = tls_words, .example = "terminate",
		 .help = "`terminate`: TLS connections are answered too, by a certificate of the "
			 "experiment's authority; needs a name. `pass`: they pass.",
		 FIELD(struct plan_rule, terminate)},
	[ANSWER_EXPAND] = {"expand", SCHEMA_FLAG, .fallback = "false", .words = expand_words,
			   .example = "true",
			   .help = "Whether `${method}`, `${host}`, `${path}`, `${time}` and "
				   "`${request-id}` in headers and body are filled in.",
			   FIELD(struct plan_rule, expand)},
};

SCHEMA(schema_effect, "effect", "an effect", effect_keys);
SCHEMA(schema_cut, "cut", "a cut or stall", cut_keys);
SCHEMA(schema_corrupt, "corrupt", "a corruption", corrupt_keys);
SCHEMA(schema_delay, "delay", "a delay", delay_keys);
SCHEMA(schema_drip, "drip", "a drip", drip_keys);
SCHEMA(schema_overload, "overload", "an overload", overload_keys);
SCHEMA(schema_answer, "answer", "an answer", answer_keys);
