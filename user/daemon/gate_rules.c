/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that the gate carries out: as the engine has said them, whether they act now (by the
 * kernel's own windows, which are mapped here to be read), and what came of them.
 */
#include <string.h>
#include <strings.h>

#include "kernel/effect.h"
#include "user/base/cleanup.h"
#include "user/base/number.h"
#include "user/daemon/gate_state.h"

static int take_rule(struct gate *gate, const struct engine_rule *rule)
{
	struct gate_task *task = &gate->tasks[rule->index % FAULT_RULES_MAX];

	task->rule = *rule;
	task->known = true;
	task->session = (struct gate_rule){
		.rule = rule->index,
		.methods = rule->rule.methods,
		.paths = (const char *const *)task->paths,
		/* Shares move with time: they are drawn by gate_rule_admit. */
		.share = FAULT_SHARE_ALWAYS,
		.expand = rule->gate.expand,
		.drip_rate = rule->rule.effect == FAULT_EFFECT_DRIP ? rule->rule.rate : 0,
		.certificate = rule->gate.certificate,
	};
	return 0;
}

static int take_path(struct gate *gate, const struct gate_path *path)
{
	struct gate_task *task = &gate->tasks[path->rule % FAULT_RULES_MAX];

	if (task->paths_count == ARRAY_SIZE(task->paths))
		return -E2BIG;
	task->paths[task->paths_count] = strndup(path->text, sizeof(path->text) - 1);
	if (!task->paths[task->paths_count])
		return -ENOMEM;
	task->session.paths_count = ++task->paths_count;
	return 0;
}

/* Headers that a session writes by itself. */
static bool is_framing(const char *line)
{
	static const char *const names[] = {"Content-Length:", "Connection:", "Date:"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncasecmp(line, names[i], strlen(names[i])))
			return true;
	return false;
}

/* Takes "HTTP/1.1 409 Conflict" apart; `line` ends with a NUL. 0 or -EPROTO. */
static int take_status(struct gate_rule *session, char *line)
{
	char *status = strchr(line, ' '), *reason = status ? strchr(status + 1, ' ') : NULL;
	uint64_t number;

	if (!reason)
		return -EPROTO;
	*reason++ = '\0';
	if (number_parse_u64(status + 1, 100, 999, &number))
		return -EPROTO;
	session->status = (uint16_t)number;
	session->reason = reason;
	return 0;
}

/* Keeps of the `length` bytes of header lines those that are not framing. */
static void keep_headers(char *headers, size_t length)
{
	char *to = headers, *line = headers, *end = headers + length;

	while (line < end) {
		char *next = strchr(line, '\n');
		size_t size = next ? (size_t)(next + 1 - line) : (size_t)(end - line);

		if (!is_framing(line)) {
			memmove(to, line, size);
			to += size;
		}
		line += size;
	}
	*to = '\0';
}

static int take_answer(struct gate *gate, const struct engine_answer *message)
{
	struct gate_task *task = &gate->tasks[message->rule % FAULT_RULES_MAX];
	const struct fault_answer *answer = &message->answer;
	char *line_end;

	if (answer->length > FAULT_ANSWER_MAX || answer->header_length < 2 ||
	    answer->header_length > answer->length || task->answer)
		return -EPROTO;
	task->answer = calloc(1, answer->length + 1);
	if (!task->answer)
		return -ENOMEM;
	memcpy(task->answer, answer->bytes, answer->length);
	/* The empty line goes, so that the headers end with a NUL. */
	task->answer[answer->header_length - 2] = '\0';
	line_end = strstr(task->answer, "\r\n");
	if (!line_end)
		return -EPROTO;
	*line_end = '\0';
	task->session.headers = line_end + 2;
	keep_headers(line_end + 2,
		     answer->header_length - 2 - (size_t)(line_end + 2 - task->answer));
	task->session.body = task->answer + answer->header_length;
	task->session.body_length = answer->length - answer->header_length;
	return take_status(&task->session, task->answer);
}

int gate_rules_take(struct gate *gate, const struct gate_message *message)
{
	switch (message->type) {
	case GATE_RULE:
		return take_rule(gate, &message->u.rule);
	case GATE_PATH:
		return take_path(gate, &message->u.path);
	case GATE_ANSWER:
		return take_answer(gate, &message->u.answer);
	default:
		return -EPROTO;
	}
}

void gate_rules_free(struct gate *gate)
{
	for (size_t i = 0; i < FAULT_RULES_MAX; i++) {
		struct gate_task *task = &gate->tasks[i];

		for (size_t path = 0; path < task->paths_count; path++)
			free(task->paths[path]);
		free(task->answer);
	}
}

/* The kernel's memory as it is now; what is read may be in the middle of a change. */
static struct fault_window window_of(const struct gate *gate, uint32_t rule)
{
	const volatile struct fault_window *window = &gate->windows[rule];
	struct fault_window copy = {
		.ends_at = __atomic_load_n(&window->ends_at, __ATOMIC_SEQ_CST),
		.starts_at = window->starts_at,
		.injection = window->injection,
		.fall_steps = window->fall_steps,
		.falls_at = window->falls_at,
	};

	return copy;
}

static enum fault_reason live(const struct gate *gate, const struct fault_window *window,
			      uint64_t now)
{
	const struct fault_control control = {
		.lease_until = gate->control->lease_until,
		.deadline = gate->control->deadline,
	};

	return effect_live(&control, window, now);
}

static bool is_live(const struct gate *gate, uint32_t rule, uint64_t now)
{
	struct fault_window window = window_of(gate, rule);

	return live(gate, &window, now) == FAULT_REASON_HIT;
}

bool gate_rules_live(const struct gate *gate, uint64_t rules, uint64_t now)
{
	for (uint32_t i = 0; i < FAULT_RULES_MAX; i++)
		if (rules >> i & 1 && is_live(gate, i, now))
			return true;
	return false;
}

uint64_t gate_rules_ended(struct gate *gate, uint64_t now)
{
	uint64_t ended = 0;

	for (uint32_t i = 0; i < FAULT_RULES_MAX; i++) {
		struct gate_task *task = &gate->tasks[i];
		bool lives = task->known && is_live(gate, i, now);

		if (task->live && !lives)
			ended |= 1ULL << i;
		task->live = lives;
	}
	return ended;
}

/* What the rule's shape allows of this injection. FAULT_REASON_HIT, or why nothing. */
static enum fault_reason claim(const struct gate *gate, struct gate_task *task)
{
	const struct fault_shape *shape = &task->rule.rule.shape;
	uint64_t bit = 1ULL << task->rule.index;
	bool new_connection = !gate->current || !(gate->current->hits & bit);

	if (task->spent)
		return FAULT_REASON_BUDGET;
	if (shape->first && task->hits >= shape->first)
		return FAULT_REASON_FIRST;
	task->hits++;
	task->connections += new_connection;
	if (gate->current)
		gate->current->hits |= bit;
	task->spent = (shape->budget_hits && task->hits >= shape->budget_hits) ||
		      (shape->budget_connections && task->connections >= shape->budget_connections);
	task->counts.spent = task->spent;
	return FAULT_REASON_HIT;
}

static void renew(struct gate_task *task, uint32_t injection)
{
	if (task->injection == injection)
		return;
	task->injection = injection;
	task->numbered = 0;
	task->hits = 0;
	task->connections = 0;
	task->spent = false;
	task->counts.spent = 0;
}

static enum fault_reason judge(struct gate *gate, struct gate_task *task, uint64_t now)
{
	struct fault_window window = window_of(gate, task->rule.index);
	enum fault_reason reason = live(gate, &window, now);
	uint32_t share;

	renew(task, window.injection);
	if (reason != FAULT_REASON_HIT)
		return reason;
	share = effect_share_at(&task->rule.rule, &window, now);
	if (!effect_share(gate->control->seed, task->numbered++, task->rule.index, share))
		return FAULT_REASON_SHARE;
	return claim(gate, task);
}

bool gate_rule_admit(void *context, uint32_t rule, uint64_t now, uint64_t *ret_delay_ns)
{
	struct gate *gate = context;
	struct gate_task *task = &gate->tasks[rule % FAULT_RULES_MAX];
	enum fault_reason reason = judge(gate, task, now);

	(void)ret_delay_ns;
	task->counts.requests++;
	if (reason == FAULT_REASON_HIT)
		return true;
	task->counts.passes++;
	task->counts.reasons[reason]++;
	return false;
}

/* The events that are told as a reason. */
static const enum fault_reason reasons_of_events[GATE_EVENT_COUNT] = {
	[GATE_EVENT_DISTRUSTED] = FAULT_REASON_DISTRUSTED,
	[GATE_EVENT_HANDSHAKE_FAILED] = FAULT_REASON_HANDSHAKE_FAILED,
	[GATE_EVENT_UNUSED] = FAULT_REASON_UNUSED,
	[GATE_EVENT_NOT_HTTP] = FAULT_REASON_NOT_HTTP,
	[GATE_EVENT_UPSTREAM_FAILED] = FAULT_REASON_UPSTREAM_FAILED,
	[GATE_EVENT_UPSTREAM_UNTRUSTED] = FAULT_REASON_UPSTREAM_UNTRUSTED,
	[GATE_EVENT_UPSTREAM_ASKS_CERTIFICATE] = FAULT_REASON_CLIENT_CERTIFICATE,
};

void gate_rule_count(void *context, enum gate_event event, uint32_t rule)
{
	struct gate *gate = context;
	struct gate_task *task;

	/* What belongs to no rule is booked to the first one of the connection. */
	if (rule == GATE_RULE_NONE && gate->current && gate->current->rules)
		rule = (uint32_t)__builtin_ctzll(gate->current->rules);
	task = &gate->tasks[rule % FAULT_RULES_MAX];
	if (reasons_of_events[event])
		task->counts.reasons[reasons_of_events[event]]++;
	if (event != GATE_EVENT_ANSWERED && event != GATE_EVENT_SLOWED &&
	    event != GATE_EVENT_CERTIFICATE)
		return;
	task->counts.hits++;
	task->counts.last_hit_at = clock_boottime_ns();
	if (!task->counts.first_hit_at)
		task->counts.first_hit_at = task->counts.last_hit_at;
}

void gate_rule_reason(struct gate *gate, uint64_t mask, enum fault_reason reason)
{
	if (mask)
		gate->tasks[__builtin_ctzll(mask)].counts.reasons[reason]++;
}

void gate_rules_send(struct gate *gate, uint64_t now)
{
	static const struct gate_counts none;

	if (now < gate->counted_at + GATE_COUNTS_NS)
		return;
	gate->counted_at = now;
	for (uint32_t i = 0; i < FAULT_RULES_MAX; i++) {
		struct gate_task *task = &gate->tasks[i];
		struct gate_message message = {.type = GATE_COUNTS};

		if (!memcmp(&task->counts, &none, sizeof(none)))
			continue;
		task->counts.rule = i;
		task->counts.injection = task->injection;
		message.u.counts = task->counts;
		gate_tell(gate, &message);
		task->counts = none;
	}
}
