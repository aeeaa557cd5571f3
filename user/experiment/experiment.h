/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An experiment as the file says it, checked and with presets expanded. Everything is owned by the
 * struct experiment and ends with experiment_free.
 */
#ifndef EXPERIMENT_EXPERIMENT_H
#define EXPERIMENT_EXPERIMENT_H

#include "user/experiment/diagnostic.h"
#include "user/experiment/plan.h"

enum retry_jitter { RETRY_JITTER_NONE, RETRY_JITTER_FULL };

/* How one unit of work is retried by the controller. attempts = 1: not at all. */
struct retry_policy {
	uint32_t attempts;   /* tries in all, 1..100 */
	uint64_t backoff_ns; /* before the second try */
	double factor;	     /* growth per try */
	uint64_t cap_ns;     /* longest pause; 0: none */
	enum retry_jitter jitter;
};

/* What a workflow must meet; a field that is not set has its `has_` flag down. */
struct workflow_budget {
	bool has_detect, has_recover, has_outage, has_amplification, has_availability;
	uint64_t detect_ns;
	uint64_t recover_ns;
	uint64_t outage_ns;
	double amplification;  /* attempts per unit from the inject to stable, at most */
	uint32_t availability; /* ppm of intended units over the whole episode, at least */
};

struct workflow_http {
	char *method; /* "GET", "POST", ... */
	char *url;
	struct strings headers; /* "Name: value" */
	char *body;		/* NULL: none */
	uint16_t expect_first,
		expect_last; /* statuses that count as success, 200..299 by default */
	bool warm;	     /* keep the connection between units; default: cold */
};

/* Who says that an outage was noticed; without either, failed units in a row do. */
struct workflow_detect {
	uint32_t failures;	/* N consecutive failures, default 3 */
	char *webhook;		/* "http://127.0.0.1:9467/alert": listened on; NULL: none */
	struct strings command; /* argv; exit status 0 is a yes; empty: none */
};

/* Exactly one of `run`, `http` and `observe` is there. */
struct workflow {
	char *name;
	struct strings run;	   /* argv */
	struct workflow_http http; /* url NULL: not there */
	struct strings observe;	   /* faults whose matched traffic is the work */
	char *control;		   /* workflow of which this is the control group; NULL: of none */
	uint64_t every_ns;
	uint64_t timeout_ns; /* per attempt */
	struct retry_policy retry;
	struct workflow_budget budget;
	struct workflow_detect detect;
	uint32_t stable_successes; /* K consecutive successes, default 10 */
	uint64_t stable_span_ns;   /* V; default max(5 s, 3 periods) */
};

struct fault {
	char *name;
	struct plan_rule *rules; /* one per endpoint, `fault` set; moved into the plan by copy */
	size_t rules_count;
	struct strings presets; /* that it was expanded from, for people */
	struct strings notes;	/* what a preset says should be checked, or what it found */
};

enum step_kind { STEP_STEADY, STEP_INJECT, STEP_LIFT, STEP_WAIT, STEP_RECOVER };

struct step {
	enum step_kind kind;
	size_t *faults; /* indices, for inject and lift; `lift: all` lists every fault */
	size_t faults_count;
	uint64_t for_ns;  /* steady, wait, recover: its length; inject: the kernel's window */
	uint64_t wait_ns; /* inject: how long the timeline stays here; default for_ns */
	uint64_t over_ns; /* lift: time in which the share falls to 0; 0: at once */
	uint32_t steps;	  /* lift over some time: in this many; 0: smoothly */
	int line, column;
};

struct abort_rule {
	size_t workflow;
	uint32_t availability_below; /* ppm */
	uint64_t for_ns;
};

struct experiment {
	char *path;
	char *title;
	char *description;
	struct strings tags;
	struct strings scope_cgroups, scope_units, scope_containers, scope_commands, scope_users,
		scope_namespaces;
	struct plan_protect *protect;
	size_t protect_count;
	struct workflow *workflows;
	size_t workflows_count;
	struct fault *faults;
	size_t faults_count;
	struct step *timeline;
	size_t timeline_count;
	struct abort_rule *aborts;
	size_t aborts_count;
	uint64_t lease_ns; /* default 3 s */
};

struct experiment_options {
	const char *presets_directory; /* NULL: found as experiment_presets_directory says */
	const char *answers_directory; /* likewise */
	bool resolve_machine_presets;  /* read apt's, npm's, ... configuration of this machine */
};

/*
 * Reads and checks one experiment file (YAML 1.2 or JSON; at most 1 MiB; no aliases, one document).
 * 0 with `ret_experiment` filled, -EINVAL with diagnostics when the content is wrong, another
 * -errno with one diagnostic of line 0 when the file cannot be read. Needs no privilege.
 */
int experiment_load(const char *path, const struct experiment_options *options,
		    struct experiment *ret_experiment, struct diagnostics *diagnostics);
void experiment_free(struct experiment *experiment);

/* Longest time that the timeline can take, all recover steps to their end; no margin. */
uint64_t experiment_duration_ns(const struct experiment *experiment);

/*
 * The rules of every fault, scope and protection, ready for the daemon. Copies. The plan's duration
 * is the experiment's and 30 s, so that a controller that is a little late still ends its own run.
 * 0, -EINVAL when the plan would be refused (plan_validate), or -ENOMEM.
 */
int experiment_compile(const struct experiment *experiment, uint64_t seed, struct plan *ret_plan,
		       struct failure *failure);

/* One preset file, for `faultctl presets`. */
struct preset {
	char *name;
	char *class; /* "artifact" or "token" */
	char *description;
	char *from;	 /* machine configuration that names its hosts ("apt"); NULL: none */
	bool needs_host; /* the experiment must say the host beside the preset */
	struct strings notes;
	struct plan_match *endpoints;
	size_t endpoints_count;
};
int preset_load(const char *directory, const char *name, bool resolve_machine,
		struct preset *ret_preset, struct diagnostics *diagnostics);
void preset_free(struct preset *preset);
/* Names of all presets in `directory`, sorted. */
int preset_list(const char *directory, struct strings *ret_names);
/* $FAULTD_PRESETS, else ../experiments/presets beside the running program, else the installed
 * place. `buffer` gets the path. -ENOENT when there is none. */
int experiment_presets_directory(char *buffer, size_t size);

/* One named answer: the body that a real service sends with an error. */
struct answer {
	char *name;
	char *description;
	struct strings notes;
	struct plan_rule rule; /* status, reason, headers, body and its length; nothing else */
};
int answer_load(const char *directory, const char *name, struct answer *ret_answer,
		struct diagnostics *diagnostics);
void answer_free(struct answer *answer);
/* Names of all answers in `directory`, sorted. */
int answer_list(const char *directory, struct strings *ret_names);
/* As above, of $FAULTD_ANSWERS and experiments/answers. */
int experiment_answers_directory(char *buffer, size_t size);

#endif
