/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"

static const char *const class_names[] = {
	[CLASS_OK] = "ok",
	[CLASS_HTTP_STATUS] = "http_status",
	[CLASS_HTTP_4XX] = "http_4xx",
	[CLASS_HTTP_5XX] = "http_5xx",
	[CLASS_REFUSED] = "refused",
	[CLASS_UNREACHABLE] = "unreachable",
	[CLASS_DENIED] = "denied",
	[CLASS_RESET] = "reset",
	[CLASS_CLOSED] = "closed",
	[CLASS_TIMEOUT] = "timeout",
	[CLASS_TLS] = "tls",
	[CLASS_DNS] = "dns",
	[CLASS_PROTOCOL] = "protocol",
	[CLASS_EXIT_CODE] = "exit_code",
	[CLASS_KILLED] = "killed",
	[CLASS_NOT_STARTED] = "not_started",
	[CLASS_FAULTED] = "faulted",
	[CLASS_NOT_ESTABLISHED] = "not_established",
	[CLASS_OVERRUN] = "overrun",
	[CLASS_CUT] = "cut",
};
_Static_assert(ARRAY_SIZE(class_names) == CLASS_COUNT, "a class has no name");

static const char *const cause_names[] = {
	[LIFT_NONE] = "unknown",      [LIFT_PLANNED] = "planned",   [LIFT_LIFTED] = "lifted",
	[LIFT_HALTED] = "halted",     [LIFT_ABORTED] = "aborted",   [LIFT_LEASE] = "lease",
	[LIFT_DEADLINE] = "deadline", [LIFT_DISARMED] = "disarmed", [LIFT_CRASH] = "crash",
	[LIFT_BUDGET] = "budget",
};
_Static_assert(ARRAY_SIZE(cause_names) == LIFT_COUNT, "a cause has no name");

static const char *const end_names[] = {
	[END_NONE] = "interrupted",  [END_COMPLETED] = "completed",
	[END_UNSTEADY] = "unsteady", [END_ABORTED] = "aborted",
	[END_HALTED] = "halted",     [END_DAEMON_LOST] = "daemon_lost",
	[END_SIGNAL] = "signal",     [END_REFUSED] = "refused",
};
_Static_assert(ARRAY_SIZE(end_names) == END_COUNT, "an end has no name");

static const char *const kind_names[] = {
	[WORKFLOW_KIND_RUN] = "run",
	[WORKFLOW_KIND_HTTP] = "http",
	[WORKFLOW_KIND_OBSERVE] = "observe",
};
_Static_assert(ARRAY_SIZE(kind_names) == WORKFLOW_KIND_COUNT, "a kind of workflow has no name");

static const char *const detection_names[] = {
	[DETECTION_NONE] = "none",
	[DETECTION_FAILURES] = "failures",
	[DETECTION_WEBHOOK] = "webhook",
	[DETECTION_COMMAND] = "command",
};
_Static_assert(ARRAY_SIZE(detection_names) == DETECTION_COUNT, "a detection has no name");

static const char *name_at(const char *const *names, size_t count, unsigned int index)
{
	return index < count ? names[index] : NULL;
}

static int index_of(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

const char *attempt_class_name(unsigned int attempt_class)
{
	return name_at(class_names, CLASS_COUNT, attempt_class);
}

int attempt_class_by_name(const char *name, enum attempt_class *ret_class)
{
	int index = index_of(class_names, CLASS_COUNT, name);

	if (index < 0)
		return index;
	*ret_class = (enum attempt_class)index;
	return 0;
}

const char *lift_cause_name(unsigned int cause)
{
	return name_at(cause_names, LIFT_COUNT, cause);
}

int lift_cause_by_name(const char *name, enum lift_cause *ret_cause)
{
	int index = index_of(cause_names, LIFT_COUNT, name);

	if (index < 0)
		return index;
	*ret_cause = (enum lift_cause)index;
	return 0;
}

const char *workflow_kind_name(unsigned int kind)
{
	return name_at(kind_names, WORKFLOW_KIND_COUNT, kind);
}

int workflow_kind_by_name(const char *name, enum workflow_kind *ret_kind)
{
	int index = index_of(kind_names, WORKFLOW_KIND_COUNT, name);

	if (index < 0)
		return index;
	*ret_kind = (enum workflow_kind)index;
	return 0;
}

const char *detection_name(unsigned int detection)
{
	return name_at(detection_names, DETECTION_COUNT, detection);
}

int detection_by_name(const char *name, enum detection *ret_detection)
{
	int index = index_of(detection_names, DETECTION_COUNT, name);

	if (index < 0)
		return index;
	*ret_detection = (enum detection)index;
	return 0;
}

const char *run_end_name(unsigned int end)
{
	return name_at(end_names, END_COUNT, end);
}

int run_end_by_name(const char *name, enum run_end *ret_end)
{
	int index = index_of(end_names, END_COUNT, name);

	if (index < 0)
		return index;
	*ret_end = (enum run_end)index;
	return 0;
}

/* Makes room for one more element of `width` bytes in a growing array. */
static int grow(void **array, size_t count, size_t *size, size_t width)
{
	size_t larger = *size ? 2 * *size : 64;
	void *grown;

	if (count < *size)
		return 0;
	grown = reallocarray(*array, larger, width);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*size = larger;
	return 0;
}

int history_add_unit(struct history *history, const struct unit *unit)
{
	int r = grow((void **)&history->units, history->units_count, &history->units_size,
		     sizeof(*unit));

	if (r < 0)
		return r;
	history->units[history->units_count++] = *unit;
	return 0;
}

int history_add_attempt(struct history *history, const struct attempt *attempt)
{
	int r = grow((void **)&history->attempts, history->attempts_count, &history->attempts_size,
		     sizeof(*attempt));

	if (r < 0)
		return r;
	history->attempts[history->attempts_count++] = *attempt;
	return 0;
}

int history_add_window(struct history *history, const struct window *window)
{
	int r = grow((void **)&history->windows, history->windows_count, &history->windows_size,
		     sizeof(*window));
	size_t early;

	if (r < 0)
		return r;
	history->windows[history->windows_count++] = *window;
	early = history->early_hits_count;
	history->early_hits_count = 0;
	for (size_t i = 0; i < early; i++)
		history_hit(history, history->early_hits[i].fault, history->early_hits[i].at);
	return 0;
}

int history_add_bucket(struct history *history, const struct bucket *bucket)
{
	int r = grow((void **)&history->buckets, history->buckets_count, &history->buckets_size,
		     sizeof(*bucket));

	if (r < 0)
		return r;
	history->buckets[history->buckets_count++] = *bucket;
	return 0;
}

int history_add_alert(struct history *history, const struct alert *alert)
{
	int r = grow((void **)&history->alerts, history->alerts_count, &history->alerts_size,
		     sizeof(*alert));

	if (r < 0)
		return r;
	history->alerts[history->alerts_count++] = *alert;
	return 0;
}

void window_end_as_planned(struct window *window)
{
	window->ended_first = window->ended_last = window->planned_end;
	window->cause = window->falls_at ? LIFT_LIFTED : LIFT_PLANNED;
}

void history_fall(struct history *history, uint32_t fault, uint64_t falls_at, uint64_t ends_at)
{
	for (size_t i = 0; i < history->windows_count; i++) {
		struct window *window = &history->windows[i];

		if (window->fault != fault || window->ended_last || falls_at >= window->planned_end)
			continue;
		window->falls_at = falls_at;
		window->planned_end = ends_at;
	}
}

void history_close(struct history *history, uint32_t fault, uint64_t first, uint64_t last,
		   enum lift_cause cause)
{
	for (size_t i = 0; i < history->windows_count; i++) {
		struct window *window = &history->windows[i];

		if (window->ended_last || (fault != UINT32_MAX && window->fault != fault))
			continue;
		/* The kernel enforces the planned end by itself, whatever came later. */
		if (first >= window->planned_end) {
			window_end_as_planned(window);
			continue;
		}
		window->ended_first = first > window->starts_at ? first : window->starts_at;
		window->ended_last = last < window->planned_end ? last : window->planned_end;
		window->cause = cause;
	}
}

static struct window *window_of(const struct history *history, uint32_t fault, uint64_t at)
{
	for (size_t i = history->windows_count; i > 0; i--) {
		struct window *window = &history->windows[i - 1];

		if (window->fault == fault && at >= window->starts_at)
			return at < window->planned_end ? window : NULL;
	}
	return NULL;
}

void history_hit(struct history *history, uint32_t fault, uint64_t at)
{
	struct window *window = window_of(history, fault, at);

	if (window && (!window->first_hit_at || at < window->first_hit_at))
		window->first_hit_at = at;
	if (!window && history->early_hits_count < ARRAY_SIZE(history->early_hits))
		history->early_hits[history->early_hits_count++] =
			(struct hit){.fault = fault, .at = at};
}

int history_fault(const struct history *history, const char *name)
{
	for (size_t i = 0; i < history->faults.count; i++)
		if (strcmp(history->faults.items[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

int history_workflow(const struct history *history, const char *name)
{
	for (size_t i = 0; i < history->workflows_count; i++)
		if (strcmp(history->workflows[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

void history_free(struct history *history)
{
	strings_free(&history->faults);
	for (size_t i = 0; i < history->workflows_count; i++)
		free(history->workflows[i].name);
	free(history->workflows);
	free(history->units);
	free(history->attempts);
	free(history->windows);
	free(history->buckets);
	free(history->alerts);
	free(history->end_text);
	*history = (struct history){0};
}
