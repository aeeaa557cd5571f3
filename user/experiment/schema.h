/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of experiment and preset files as tables. The loader, its suggestions and the key
 * tables of docs/experiments.md come from them.
 */
#ifndef EXPERIMENT_SCHEMA_H
#define EXPERIMENT_SCHEMA_H

#include <stdint.h>
#include <stdio.h>

#include "user/experiment/yaml.h"

enum schema_type {
	SCHEMA_LINE,	  /* char *: text without line breaks */
	SCHEMA_TEXT,	  /* char *: text */
	SCHEMA_DURATION,  /* uint64_t: nanoseconds */
	SCHEMA_PERCENT,	  /* uint32_t: parts per million */
	SCHEMA_COUNT,	  /* uint32_t */
	SCHEMA_NUMBER,	  /* uint64_t */
	SCHEMA_SIZE,	  /* uint64_t: bytes */
	SCHEMA_RATE,	  /* uint64_t: bytes a second */
	SCHEMA_FREQUENCY, /* uint64_t: thousandths a second */
	SCHEMA_DECIMAL,	  /* double */
	SCHEMA_WORD,	  /* unsigned int: index into `words` */
	SCHEMA_FLAG,	  /* bool: index into two `words` */
	SCHEMA_LINES,	  /* struct strings: a list of lines, or a single one */
	SCHEMA_LIST,	  /* the node only */
	SCHEMA_MAP,	  /* the node only */
	SCHEMA_ANY,	  /* the node only, of any kind; `type_text` says what it may be */
	SCHEMA_TYPE_COUNT,
};

#define SCHEMA_NO_FIELD ((size_t)-1)

struct schema_key {
	const char *key;
	enum schema_type type;
	bool required;
	const char *type_text; /* without article, where the type alone does not say it; or NULL */
	const char *fallback;  /* text of the default value; NULL: none */
	const char *fallback_text; /* default in words, where it is no constant; or NULL */
	uint64_t low, high;	   /* bounds in the field's unit, of text in bytes; high 0: none */
	const char *const *words;  /* SCHEMA_WORD, SCHEMA_FLAG: ends with NULL */
	const char *example;	   /* a value that would be right */
	const char *help;	   /* one sentence for the reference; names where it applies */
	size_t field;		   /* offset of where to store it; SCHEMA_NO_FIELD: nowhere */
	size_t has_field;	   /* offset of a bool that tells whether it is given */
};

struct schema {
	const char *name; /* marker in the reference */
	const char *what; /* "a workflow" */
	const struct schema_key *keys;
	size_t count;
};

/*
 * Reads the mapping `node` as `schema` says: finds unknown and missing keys, converts scalars and
 * stores them and the defaults in the struct at `base` (NULL: store nothing). `nodes`, if not
 * NULL, has room for schema->count entries and gets the value of each key, NULL where it is absent
 * or wrong. `at` is where a missing key is reported. What is wrong goes to `diagnostics`. 0 or
 * -ENOMEM. What is stored in char * and struct strings belongs to the owner of `base`.
 */
int schema_read(const struct schema *schema, const struct yaml_node *node, struct place at,
		void *base, const struct yaml_node **nodes, struct diagnostics *diagnostics);

/* Reads one value by the rules of `key` into `field`. `ret_good` tells whether it was right. */
int schema_read_value(const struct schema_key *key, const struct yaml_node *node, void *field,
		      bool *ret_good, struct diagnostics *diagnostics);

/* Notes that a key's value is of the wrong kind, and what would be right. */
void schema_wrong_kind(const struct schema_key *key, const struct yaml_node *node,
		       struct diagnostics *diagnostics);

/* Closest key to `word` in `schema`, NULL when none is close. */
const char *schema_closest(const struct schema *schema, const char *word);

/* The table of `schema`'s keys in Markdown, as it stands in docs/experiments.md. */
void schema_print_markdown(const struct schema *schema, FILE *out);

/* All schemas, in the order of the reference; ends with NULL. */
extern const struct schema *const schemas[];

/* Index of each key in its schema's table: schema_read's `nodes`. */
enum {
	TOP_VERSION,
	TOP_TITLE,
	TOP_DESCRIPTION,
	TOP_TAGS,
	TOP_SCOPE,
	TOP_PROTECT,
	TOP_LEASE,
	TOP_WORKFLOWS,
	TOP_FAULTS,
	TOP_TIMELINE,
	TOP_ABORT,
	TOP_COUNT
};
enum { CUT_AFTER, CUT_COUNT };
enum { CORRUPT_EVERY, CORRUPT_AFTER, CORRUPT_COUNT };
enum { DELAY_TIME, DELAY_JITTER, DELAY_DISTRIBUTION, DELAY_AT, DELAY_COUNT };
enum { DRIP_RATE, DRIP_TLS, DRIP_COUNT };
enum { RAMP_FROM, RAMP_TO, RAMP_OVER, RAMP_COUNT };
enum { FLAP_PERIOD, FLAP_DUTY, FLAP_COUNT };
enum { FAULT_BUDGET_HITS, FAULT_BUDGET_CONNECTIONS, FAULT_BUDGET_COUNT };
enum {
	OVERLOAD_CAPACITY,
	OVERLOAD_BURST,
	OVERLOAD_REJECT_COST,
	OVERLOAD_ANSWER,
	OVERLOAD_REJECT,
	OVERLOAD_COUNT
};
enum {
	TEMPLATE_VERSION,
	TEMPLATE_NAME,
	TEMPLATE_DESCRIPTION,
	TEMPLATE_NOTES,
	TEMPLATE_STATUS,
	TEMPLATE_REASON,
	TEMPLATE_HEADERS,
	TEMPLATE_BODY,
	TEMPLATE_COUNT
};
enum {
	SCOPE_CGROUPS,
	SCOPE_UNITS,
	SCOPE_CONTAINERS,
	SCOPE_PROCESSES,
	SCOPE_USERS,
	SCOPE_NAMESPACES,
	SCOPE_COUNT
};
enum {
	WORKFLOW_RUN,
	WORKFLOW_HTTP,
	WORKFLOW_EVERY,
	WORKFLOW_TIMEOUT,
	WORKFLOW_RETRY,
	WORKFLOW_BUDGET,
	WORKFLOW_DETECT,
	WORKFLOW_STABLE,
	WORKFLOW_OBSERVE,
	WORKFLOW_CONTROL,
	WORKFLOW_COUNT
};
enum { DETECT_FAILURES, DETECT_WEBHOOK, DETECT_COMMAND, DETECT_COUNT };
enum {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_PATCH,
	HTTP_OPTIONS,
	HTTP_HEADERS,
	HTTP_BODY,
	HTTP_EXPECT,
	HTTP_CONNECTION,
	HTTP_COUNT
};
enum {
	FAULT_MATCH,
	FAULT_EFFECT,
	FAULT_SHARE,
	FAULT_RAMP,
	FAULT_FLAP,
	FAULT_BUDGET,
	FAULT_FIRST,
	FAULT_EXISTING,
	FAULT_QUIC,
	FAULT_KEY_COUNT
};
enum {
	MATCH_PRESET,
	MATCH_NAME,
	MATCH_ADDRESS,
	MATCH_PORT,
	MATCH_PROTOCOL,
	MATCH_HTTP,
	MATCH_CGROUP,
	MATCH_INTERFACE,
	MATCH_UNIT,
	MATCH_CONTAINER,
	MATCH_PROCESS,
	MATCH_USER,
	MATCH_NAMESPACE,
	MATCH_COUNT
};
enum { MATCH_HTTP_HOST, MATCH_HTTP_PATH, MATCH_HTTP_METHOD, MATCH_HTTP_COUNT };
enum {
	EFFECT_LOSS,
	EFFECT_ANSWER,
	EFFECT_ALERT,
	EFFECT_RESET,
	EFFECT_CUT,
	EFFECT_STALL,
	EFFECT_RATE,
	EFFECT_DNS,
	EFFECT_OVERLOAD,
	EFFECT_DELAY,
	EFFECT_DRIP,
	EFFECT_CERTIFICATE,
	EFFECT_CORRUPT,
	EFFECT_KEY_COUNT
};
enum {
	ANSWER_STATUS,
	ANSWER_REASON,
	ANSWER_HEADERS,
	ANSWER_BODY,
	ANSWER_FILE,
	ANSWER_TEMPLATE,
	ANSWER_TLS,
	ANSWER_EXPAND,
	ANSWER_COUNT
};
enum {
	STEP_KEY_STEADY,
	STEP_KEY_INJECT,
	STEP_KEY_FOR,
	STEP_KEY_LIFT,
	STEP_KEY_OVER,
	STEP_KEY_STEPS,
	STEP_KEY_WAIT,
	STEP_KEY_RECOVER,
	STEP_KEY_COUNT
};
enum { ABORT_WORKFLOW, ABORT_BELOW, ABORT_FOR, ABORT_COUNT };
enum {
	PRESET_VERSION,
	PRESET_NAME,
	PRESET_CLASS,
	PRESET_DESCRIPTION,
	PRESET_NOTES,
	PRESET_ENDPOINTS,
	PRESET_FROM,
	PRESET_NEEDS,
	PRESET_COUNT
};

extern const struct schema schema_top, schema_scope, schema_workflow, schema_http, schema_retry,
	schema_budget, schema_detect, schema_stable, schema_fault, schema_ramp, schema_flap,
	schema_fault_budget, schema_match, schema_match_http, schema_effect, schema_cut,
	schema_corrupt, schema_delay, schema_drip, schema_overload, schema_answer, schema_step,
	schema_abort, schema_preset, schema_template;

#endif
