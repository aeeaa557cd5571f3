/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/runs/ID/shadow: who would have been hit. */
#include <string.h>

#include "user/base/address.h"
#include "user/base/cleanup.h"
#include "user/daemon/api_state.h"
#include "user/daemon/cgroup.h"

/* All entries, and the paths of their cgroups. */
struct shadow {
	struct engine_shadow_entry *entries; /* owned */
	size_t count;
	uint64_t *ids; /* of the cgroups, each once; owned */
	char **paths;  /* one per id; NULL: the cgroup is gone */
	size_t ids_count;
};

static void shadow_free(struct shadow *shadow)
{
	for (size_t i = 0; shadow->paths && i < shadow->ids_count; i++)
		free(shadow->paths[i]);
	free(shadow->paths);
	free(shadow->ids);
	free(shadow->entries);
}

static int append(struct shadow *shadow, const struct engine_shadow *part, struct failure *failure)
{
	size_t count = part->count < ENGINE_SHADOW_MAX ? part->count : ENGINE_SHADOW_MAX;
	struct engine_shadow_entry *larger =
		reallocarray(shadow->entries, shadow->count + count + 1, sizeof(*larger));

	if (!larger)
		return fail(failure, -ENOMEM, "out of memory");
	shadow->entries = larger;
	memcpy(larger + shadow->count, part->entries, count * sizeof(*larger));
	shadow->count += count;
	return 0;
}

static int read_entries(struct api *api, struct shadow *shadow, struct failure *failure)
{
	struct engine_request request = {.type = ENGINE_SHADOW};
	struct engine_reply reply;
	int r;

	do {
		request.u.shadow.from = (__u32)shadow->count;
		r = channel_call(api->channel, &request, &reply, failure);
		if (!r)
			r = append(shadow, &reply.u.shadow, failure);
	} while (!r && reply.u.shadow.count && shadow->count < reply.u.shadow.total);
	return r;
}

static size_t place_of(const struct shadow *shadow, uint64_t id)
{
	size_t i = 0;

	while (i < shadow->ids_count && shadow->ids[i] != id)
		i++;
	return i;
}

static int find_paths(struct api *api, struct shadow *shadow, struct failure *failure)
{
	shadow->ids = calloc(shadow->count + 1, sizeof(*shadow->ids));
	shadow->paths = calloc(shadow->count + 1, sizeof(*shadow->paths));
	if (!shadow->ids || !shadow->paths)
		return fail(failure, -ENOMEM, "out of memory");
	for (size_t i = 0; i < shadow->count; i++)
		if (place_of(shadow, shadow->entries[i].key.cgroup) == shadow->ids_count)
			shadow->ids[shadow->ids_count++] = shadow->entries[i].key.cgroup;
	return cgroup_find_paths(api->settings->cgroup_mount, shadow->ids, shadow->paths,
				 shadow->ids_count, failure);
}

/* Text of `size` bytes from the kernel as JSON; what is no UTF-8 there becomes '?'. */
static json_t *write_text(const __u8 *bytes, size_t size)
{
	char text[FAULT_SHADOW_NAME_MAX + 1] = "";

	for (size_t i = 0; i < size && i < FAULT_SHADOW_NAME_MAX && bytes[i]; i++)
		text[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
	return json_string(text);
}

static json_t *write_entry(const struct run *run, const struct shadow *shadow,
			   const struct engine_shadow_entry *entry)
{
	const struct fault_shadow *value = &entry->value;
	const char *path = shadow->paths[place_of(shadow, entry->key.cgroup)];
	const struct plan *plan = run_plan(run);
	char address[ADDRESS_TEXT_SIZE];

	address_format(entry->key.address, address);
	return json_pack(
		"{s:I, s:s, s:s, s:I, s:o, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "rule",
		(json_int_t)entry->key.rule, "fault",
		entry->key.rule < plan->rules_count ? plan->rules[entry->key.rule].fault : "",
		"cgroup", path ? path : "", "cgroup_id", (json_int_t)entry->key.cgroup, "command",
		write_text(entry->key.command, FAULT_COMMAND_MAX), "address", address, "port",
		(json_int_t)entry->key.port, "name",
		write_text(entry->key.name, FAULT_SHADOW_NAME_MAX), "connects",
		(json_int_t)value->connects, "requests", (json_int_t)value->requests, "hits",
		(json_int_t)value->hits, "connections", (json_int_t)value->connections, "protected",
		(json_int_t)value->protected_hits, "address_only", (json_int_t)value->address_only);
}

void api_get_shadow(struct api_call *call)
{
	struct failure failure = {};
	struct shadow shadow = {};
	struct engine_reply reply;
	json_t *entries;
	int r = api_ask(call->api, ENGINE_STATUS, &reply, &failure);

	if (!r)
		r = read_entries(call->api, &shadow, &failure);
	if (!r)
		r = find_paths(call->api, &shadow, &failure);
	if (r) {
		shadow_free(&shadow);
		api_engine_error(call, r, &failure);
		return;
	}
	entries = json_array();
	for (size_t i = 0; i < shadow.count; i++)
		json_array_append_new(entries, write_entry(call->run, &shadow, &shadow.entries[i]));
	api_reply(call, 200,
		  json_pack("{s:I, s:I, s:o}", "now_ns", (json_int_t)reply.u.status.now,
			    "started_ns", (json_int_t)reply.u.status.started_at, "entries",
			    entries));
	shadow_free(&shadow);
}
