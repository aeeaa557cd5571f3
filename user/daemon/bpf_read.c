/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from the programs while they are attached, and the connections that they adopt. */
#include <bpf/bpf.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/bpf_state.h"
#include "user/daemon/helper.h"

int programs_counters(struct programs *programs, __u32 rule, struct fault_counters *ret_counters)
{
	struct fault_counters sum = {};
	__u64 *total = (__u64 *)&sum;

	if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.counters), &rule,
				programs->percpu))
		return -errno;
	for (int cpu = 0; cpu < programs->cpus; cpu++) {
		const __u64 *part = (const __u64 *)&programs->percpu[cpu];

		for (size_t i = 0; i < sizeof(sum) / sizeof(*total); i++)
			total[i] += part[i];
	}
	*ret_counters = sum;
	return 0;
}

/* The gate's share of a bucket, which the kernel does not write, has a key of its own. */
static struct fault_series_key gate_key(const struct fault_series_key *key)
{
	return (struct fault_series_key){key->rule + FAULT_RULES_MAX, key->bucket};
}

/* Every field is a count. */
static void add_series(struct fault_series *sum, const struct fault_series *part)
{
	__u64 *total = (__u64 *)sum;
	const __u64 *counts = (const __u64 *)part;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*total); i++)
		total[i] += counts[i];
}

int programs_series(struct programs *programs, const struct fault_series_key *key,
		    struct fault_series *ret_series)
{
	int fd = bpf_map__fd(programs->skeleton->maps.series);
	struct fault_series_key second = gate_key(key);
	struct fault_series sum = {}, part;
	bool kernel = !bpf_map_lookup_elem(fd, key, &sum);
	bool gate = !bpf_map_lookup_elem(fd, &second, &part);

	if (!kernel && !gate)
		return -ENOENT;
	if (gate)
		add_series(&sum, &part);
	*ret_series = sum;
	return 0;
}

int programs_series_add(struct programs *programs, const struct fault_series_key *key,
			const struct fault_series *part)
{
	int fd = bpf_map__fd(programs->skeleton->maps.series);
	struct fault_series_key second = gate_key(key);
	struct fault_series sum = {};

	(void)bpf_map_lookup_elem(fd, &second, &sum);
	add_series(&sum, part);
	return bpf_map_update_elem(fd, &second, &sum, BPF_ANY) ? -errno : 0;
}

int programs_series_delete(struct programs *programs, const struct fault_series_key *key)
{
	int fd = bpf_map__fd(programs->skeleton->maps.series);
	struct fault_series_key second = gate_key(key);

	(void)bpf_map_delete_elem(fd, &second);
	return bpf_map_delete_elem(fd, key) ? -errno : 0;
}

int programs_shadow(struct programs *programs, struct engine_shadow_entry **ret_entries,
		    size_t *ret_count)
{
	int fd = bpf_map__fd(programs->skeleton->maps.shadow), r = 0;
	size_t most = bpf_map__max_entries(programs->skeleton->maps.shadow), count = 0;
	struct engine_shadow_entry *entries = calloc(most, sizeof(*entries));
	const struct fault_shadow_key *before = NULL;

	if (!entries)
		return -ENOMEM;
	/* Entries come and go meanwhile; one that went leads back to the first. */
	while (count < most) {
		struct engine_shadow_entry *entry = &entries[count];

		if (bpf_map_get_next_key(fd, before, &entry->key)) {
			r = errno == ENOENT ? 0 : -errno;
			break;
		}
		before = &entry->key;
		if (bpf_map_lookup_elem(fd, &entry->key, &entry->value))
			entry->value = (struct fault_shadow){};
		count++;
	}
	if (r) {
		free(entries);
		return r;
	}
	*ret_entries = entries;
	*ret_count = count;
	return 0;
}

int programs_learned(struct programs *programs, const __u8 address[16],
		     struct fault_learned *ret_learned)
{
	struct fault_learned value;

	if (bpf_map_lookup_elem(bpf_map__fd(programs->skeleton->maps.addresses), address, &value))
		return -errno;
	*ret_learned = value;
	return 0;
}

/* Has an iterator visit what it visits. 0 or -errno. */
static int drain(int iterator)
{
	char nothing[64];
	ssize_t count;

	do
		count = read(iterator, nothing, sizeof(nothing));
	while (count > 0 || (count < 0 && errno == EAGAIN));
	return count < 0 ? -errno : 0;
}

int programs_iterator(int link)
{
	int iterator = bpf_iter_create(link);

	return iterator < 0 ? -errno : iterator;
}

int programs_iterate(struct bpf_link *link)
{
	_cleanup_close_ int iterator = programs_iterator(bpf_link__fd(link));

	return iterator < 0 ? iterator : drain(iterator);
}

static int iterate_in(struct bpf_link *link, int helper, int space, struct failure *failure)
{
	_cleanup_close_ int iterator = helper_iterate(helper, bpf_link__fd(link), space, failure);
	int r;

	if (iterator < 0)
		return iterator;
	r = drain(iterator);
	return r ? fail(failure, r, "reading the socket iterator: %s", strerror(-r)) : 0;
}

/* Lets the iterator visit every TCP socket of this network namespace and of `spaces`. */
static int run_iterator(const struct programs *programs, const struct programs_adoption *adoption,
			struct failure *failure)
{
	struct bpf_program *program = programs_find(programs, "fault_adopt");
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int r;

	if (!link)
		return fail(failure, -errno, "attaching the socket iterator: %s",
			    programs_cause(-errno));
	r = programs_iterate(link);
	if (r)
		r = fail(failure, r, "reading the socket iterator: %s", strerror(-r));
	for (size_t i = 0; !r && i < adoption->spaces_count; i++)
		r = iterate_in(link, adoption->helper, adoption->spaces[i], failure);
	bpf_link__destroy(link);
	return r;
}

void programs_release_sockets(struct programs *programs)
{
	int fd = bpf_map__fd(programs->skeleton->maps.sockets);
	__u64 cookie;

	while (!bpf_map_get_next_key(fd, NULL, &cookie))
		if (bpf_map_delete_elem(fd, &cookie))
			break;
}

int programs_adopt(struct programs *programs, const struct programs_adoption *adoption,
		   __u64 *ret_adopted, struct failure *failure)
{
	const struct bpf_map *map = programs->skeleton->maps.adoptees;
	struct fault_adoptee seen;
	__u64 adopted = 0;
	int r = 0;

	if (!bpf_program__autoload(programs_find(programs, "fault_adopt")))
		return fail(failure, -EOPNOTSUPP, "the plan adopts nothing");
	for (size_t i = 0; !r && i < adoption->count; i++)
		r = programs_put(map, &adoption->cookies[i], &adoption->adoptees[i], failure);
	if (!r && adoption->count)
		r = run_iterator(programs, adoption, failure);
	for (size_t i = 0; i < adoption->count; i++) {
		if (!bpf_map_lookup_elem(bpf_map__fd(map), &adoption->cookies[i], &seen))
			adopted += seen.adopted;
		bpf_map_delete_elem(bpf_map__fd(map), &adoption->cookies[i]);
	}
	*ret_adopted = adopted;
	return r;
}

int programs_events_fd(const struct programs *programs)
{
	return ring_buffer__epoll_fd(programs->events);
}

int programs_events_read(struct programs *programs,
			 void (*handle)(void *context, const struct fault_event *event),
			 void *context)
{
	int r;

	programs->handle = handle;
	programs->context = context;
	r = ring_buffer__consume(programs->events);
	return r < 0 ? r : 0;
}
