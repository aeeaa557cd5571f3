/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/run.h"

#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "user/base/cleanup.h"
#include "user/protocol/names.h"

enum { EVENTS_MAX = 65536 };

struct run {
	char id[RUN_ID_SIZE];
	uid_t uid;
	struct plan plan;
	pthread_mutex_t lock; /* guards what is below */
	pthread_cond_t changed;
	unsigned int references;
	bool ended;
	char **lines; /* JSON with its newline */
	size_t count;
};

int run_new(struct plan *plan, uid_t uid, struct run **ret_run)
{
	struct run *run = calloc(1, sizeof(*run));
	pthread_condattr_t attributes;
	uint64_t number;

	if (!run || getrandom(&number, sizeof(number), 0) != sizeof(number)) {
		free(run);
		plan_free(plan);
		return -ENOMEM;
	}
	snprintf(run->id, sizeof(run->id), "%016llx", (unsigned long long)number);
	run->uid = uid;
	run->plan = *plan;
	*plan = (struct plan){};
	run->references = 1;
	pthread_mutex_init(&run->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&run->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret_run = run;
	return 0;
}

struct run *run_ref(struct run *run)
{
	pthread_mutex_lock(&run->lock);
	run->references++;
	pthread_mutex_unlock(&run->lock);
	return run;
}

void run_unref(struct run *run)
{
	unsigned int references;

	if (!run)
		return;
	pthread_mutex_lock(&run->lock);
	references = --run->references;
	pthread_mutex_unlock(&run->lock);
	if (references)
		return;
	for (size_t i = 0; i < run->count; i++)
		free(run->lines[i]);
	free(run->lines);
	plan_free(&run->plan);
	pthread_mutex_destroy(&run->lock);
	pthread_cond_destroy(&run->changed);
	free(run);
}

const char *run_id(const struct run *run)
{
	return run->id;
}

uid_t run_uid(const struct run *run)
{
	return run->uid;
}

const struct plan *run_plan(const struct run *run)
{
	return &run->plan;
}

bool run_has_ended(struct run *run)
{
	bool ended;

	pthread_mutex_lock(&run->lock);
	ended = run->ended;
	pthread_mutex_unlock(&run->lock);
	return ended;
}

__u64 run_rules_of(const struct run *run, const char *name)
{
	__u64 mask = 0;

	for (size_t i = 0; i < run->plan.rules_count; i++)
		if (!strcmp(run->plan.rules[i].fault, name))
			mask |= 1ULL << i;
	return mask;
}

__u64 run_all_rules(const struct run *run)
{
	return ~0ULL >> (FAULT_RULES_MAX - run->plan.rules_count);
}

/* Names of the faults in a mask, each once: the rules of a fault stand side by side or not. */
static json_t *write_faults(const struct run *run, __u64 rules)
{
	json_t *faults = json_array();

	for (size_t i = 0; i < run->plan.rules_count; i++) {
		__u64 same = run_rules_of(run, run->plan.rules[i].fault) & rules;

		if (same && (same & -same) == 1ULL << i)
			json_array_append_new(faults, json_string(run->plan.rules[i].fault));
	}
	return faults;
}

static json_t *write_rules(__u64 rules)
{
	json_t *indices = json_array();

	for (int i = 0; i < FAULT_RULES_MAX; i++)
		if (rules >> i & 1)
			json_array_append_new(indices, json_integer(i));
	return indices;
}

/* "10.1.2.3:443" or "[fd00::1]:443"; "" for events that have no destination. */
static json_t *write_destination(const struct fault_event *detail)
{
	char address[ADDRESS_TEXT_SIZE];

	if (!detail->kind)
		return json_string("");
	address_format(detail->address, address);
	return json_sprintf(strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, detail->port);
}

static char *write_event(const struct run *run, const struct engine_event *event)
{
	const char *kind = engine_event_name(event->kind), *cause = engine_cause_name(event->cause);
	json_t *object = json_object();
	char *text, *line = NULL;

	json_object_set_new(object, "at_ns", json_integer((json_int_t)event->at));
	json_object_set_new(object, "event", json_string(kind ? kind : "unknown"));
	json_object_set_new(object, "cause", json_string(cause ? cause : ""));
	json_object_set_new(object, "faults", write_faults(run, event->rules));
	json_object_set_new(object, "rules", write_rules(event->rules));
	json_object_set_new(object, "ends_at_ns", json_integer((json_int_t)event->ends_at));
	json_object_set_new(object, "destination", write_destination(&event->detail));
	if (event->target[0])
		json_object_set_new(object, "target", json_string(event->target));
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

void run_add_event(struct run *run, const struct engine_event *event)
{
	_cleanup_free_ char *line = write_event(run, event);
	bool last = event->kind == ENGINE_EVENT_DISARMED;
	char **larger;

	pthread_mutex_lock(&run->lock);
	if (!run->ended && line && (run->count < EVENTS_MAX || last)) {
		larger = reallocarray(run->lines, run->count + 1, sizeof(*larger));
		if (larger) {
			run->lines = larger;
			run->lines[run->count++] = TAKE_PTR(line);
		}
	}
	run->ended |= last;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

void run_end(struct run *run)
{
	pthread_mutex_lock(&run->lock);
	run->ended = true;
	pthread_cond_broadcast(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

struct run_stream {
	struct run *run;
	size_t line, offset; /* what was handed out */
};

int run_stream_new(struct run *run, struct run_stream **ret_stream)
{
	struct run_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->run = run_ref(run);
	*ret_stream = stream;
	return 0;
}

void run_stream_free(void *stream)
{
	run_unref(((struct run_stream *)stream)->run);
	free(stream);
}

/* As much as fits of the lines that are there. The lock is held. */
static size_t copy_lines(struct run_stream *stream, char *buffer, size_t size)
{
	const struct run *run = stream->run;
	size_t used = 0;

	while (stream->line < run->count && used < size) {
		const char *rest = run->lines[stream->line] + stream->offset;
		size_t length = strlen(rest);
		size_t part = length < size - used ? length : size - used;

		memcpy(buffer + used, rest, part);
		used += part;
		stream->offset += part;
		if (part == length) {
			stream->line++;
			stream->offset = 0;
		}
	}
	return used;
}

ssize_t run_stream_read(void *context, char *buffer, size_t size)
{
	struct run_stream *stream = context;
	struct run *run = stream->run;
	struct timespec until;
	ssize_t count;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&run->lock);
	while (stream->line == run->count && !run->ended && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&run->changed, &run->lock, &until);
	count = (ssize_t)copy_lines(stream, buffer, size);
	if (!count && run->ended)
		count = -1;
	pthread_mutex_unlock(&run->lock);
	if (count)
		return count;
	/* Tells the client that the daemon is there, and the daemon that the client is. */
	buffer[0] = '\n';
	return 1;
}
