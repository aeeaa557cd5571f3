/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/bpf.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <string.h>
#include <sys/mman.h>

#include "user/base/cleanup.h"
#include "user/daemon/bpf_field.h"
#include "user/daemon/bpf_state.h"
#include "user/experiment/plan.h"

/* What a plan needs; a program is loaded when the plan has any of its needs. */
enum need {
	NEED_ALWAYS = 1U << 0,
	NEED_UDP = 1U << 1,
	NEED_MESSAGE = 1U << 2,
	NEED_INGRESS = 1U << 3,
	NEED_EGRESS = 1U << 4,
	NEED_LINK = 1U << 5,
	NEED_LINK_INGRESS = 1U << 6,
	NEED_FORWARD = 1U << 7,
	NEED_ADOPT = 1U << 8,
	NEED_GATE = 1U << 9,
	NEED_UNREAD = 1U << 10,
	NEED_OBSERVE = 1U << 11,
};

enum place {
	PLACE_CGROUPS, /* attached to each cgroup of the scope */
	PLACE_SOCKETS, /* attached to the map `sockets` */
	PLACE_STREAM,  /* in the map `stream` */
	PLACE_GATE,    /* likewise, behind it */
	PLACE_LINKS,   /* attached to each interface */
	PLACE_NOWHERE, /* run when it is asked to */
};

/* In the order in which they are put in place: what runs comes after what it needs. */
static const struct {
	const char *name;
	unsigned int needs;
	enum place place;
} program_table[] = {
	{"fault_stream", NEED_MESSAGE, PLACE_STREAM},
	{"fault_gate", NEED_GATE, PLACE_GATE},
	{"fault_message", NEED_MESSAGE, PLACE_SOCKETS},
	{"fault_connect4", NEED_ALWAYS, PLACE_CGROUPS},
	{"fault_connect6", NEED_ALWAYS, PLACE_CGROUPS},
	{"fault_sendmsg4", NEED_UDP, PLACE_CGROUPS},
	{"fault_sendmsg6", NEED_UDP, PLACE_CGROUPS},
	{"fault_sockops", NEED_MESSAGE | NEED_OBSERVE, PLACE_CGROUPS},
	{"fault_ingress", NEED_INGRESS | NEED_OBSERVE, PLACE_CGROUPS},
	{"fault_egress", NEED_EGRESS, PLACE_CGROUPS},
	{"fault_link_egress", NEED_LINK, PLACE_LINKS},
	{"fault_link_ingress", NEED_LINK_INGRESS, PLACE_LINKS},
	{"fault_link_forward", NEED_FORWARD, PLACE_LINKS},
	{"fault_adopt", NEED_ADOPT, PLACE_NOWHERE},
	{"fault_unread", NEED_UNREAD, PLACE_NOWHERE},
};

static void (*log_sink)(const char *text);

static int print_to_sink(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char text[1024];

	(void)level;
	if (!log_sink)
		return 0;
	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_sink(text);
	return 0;
}

void programs_set_log(void (*line)(const char *text))
{
	log_sink = line;
	libbpf_set_print(print_to_sink);
}

static unsigned int needs_of(const struct draft *draft, const struct fault_control *control)
{
	unsigned int needs = NEED_ALWAYS;

	if (control->quic_rules)
		needs |= NEED_UDP;
	if (control->flags & FAULT_CONTROL_MESSAGE)
		needs |= NEED_MESSAGE;
	/* An answer's place in the stream is known from the server's side. */
	if (control->flags & (FAULT_CONTROL_NAMES | FAULT_CONTROL_PACKET | FAULT_CONTROL_ANSWER))
		needs |= NEED_INGRESS;
	if (control->flags & FAULT_CONTROL_PACKET)
		needs |= NEED_EGRESS;
	if (control->flags & FAULT_CONTROL_OBSERVE)
		needs |= NEED_OBSERVE;
	if (control->flags & FAULT_CONTROL_LINK)
		needs |= NEED_LINK;
	if (control->flags & FAULT_CONTROL_INGRESS)
		needs |= NEED_LINK_INGRESS;
	if (control->flags & FAULT_CONTROL_FORWARD)
		needs |= NEED_FORWARD;
	if (control->flags & FAULT_CONTROL_GATE && !(control->flags & FAULT_CONTROL_SHADOW))
		needs |= NEED_GATE | NEED_UNREAD;
	for (__u32 i = 0; i < draft->rules_count; i++) {
		/* Queries are seen to on their way out, not where they are sent. */
		if (draft->rules[i].tcp_udp & 2 && draft->rules[i].rule.effect != FAULT_EFFECT_DNS)
			needs |= NEED_UDP;
		if (draft->rules[i].existing == PLAN_EXISTING_ADOPT)
			needs |= NEED_ADOPT;
	}
	return needs;
}

const char *programs_cause(int r)
{
	static const struct {
		int error;
		const char *text;
	} causes[] = {
		{EPERM, "missing privilege (CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are needed)"},
		{EINVAL, "this kernel does not know the program type or a helper that it uses"},
		{ENOENT, "not there (was the cgroup removed?)"},
		{EBUSY, "another program holds the hook exclusively"},
		{E2BIG, "too many programs are attached, or the program is too large to verify"},
		{ENOMEM, "out of memory"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
		if (causes[i].error == -r)
			return causes[i].text;
	return strerror(-r);
}

struct bpf_program *programs_find(const struct programs *programs, const char *name)
{
	return bpf_object__find_program_by_name(programs->skeleton->obj, name);
}

/* What the programs cannot know at build time. */
static void configure(struct faultd_bpf *skeleton)
{
	struct btf *btf = btf__load_vmlinux_btf();

	skeleton->rodata->config_has_retval =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_FUNC_set_retval,
					NULL) == 1;
	skeleton->rodata->config_has_space =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_SK_MSG, BPF_FUNC_get_netns_cookie, NULL) == 1;
	if (libbpf_get_error(btf))
		return;
	skeleton->rodata->config_rcv_nxt = kernel_field_offset(btf, "tcp_sock", "rcv_nxt");
	skeleton->rodata->config_copied_seq = kernel_field_offset(btf, "tcp_sock", "copied_seq");
	skeleton->rodata->config_adopt_rcv_nxt = skeleton->rodata->config_rcv_nxt;
	skeleton->rodata->config_adopt_copied_seq = skeleton->rodata->config_copied_seq;
	skeleton->rodata->config_adopt_last_sent = kernel_field_offset(btf, "tcp_sock", "lsndtime");
	skeleton->rodata->config_adopt_snd_una = kernel_field_offset(btf, "tcp_sock", "snd_una");
	skeleton->rodata->config_adopt_snd_nxt = kernel_field_offset(btf, "tcp_sock", "snd_nxt");
	skeleton->rodata->config_adopt_snd_wl1 = kernel_field_offset(btf, "tcp_sock", "snd_wl1");
	skeleton->rodata->config_adopt_last_received =
		kernel_field_offset(btf, "tcp_sock", "inet_conn.icsk_ack.lrcvtime");
	skeleton->rodata->config_task_nsproxy = kernel_field_offset(btf, "task_struct", "nsproxy");
	skeleton->rodata->config_nsproxy_net = kernel_field_offset(btf, "nsproxy", "net_ns");
	skeleton->rodata->config_net_inode = kernel_field_offset(btf, "net", "ns.inum");
	skeleton->rodata->config_rmem_alloc = kernel_field_offset(
		btf, "tcp_sock", "inet_conn.icsk_inet.sk.sk_backlog.rmem_alloc");
	skeleton->rodata->config_rcv_wnd = kernel_field_offset(btf, "tcp_sock", "rcv_wnd");
	btf__free(btf);
}

/* What the kernel's BTF did not tell and a rule cannot do without. */
static int check_offsets(const struct programs *programs, const struct draft *draft,
			 const struct fault_control *control, struct failure *failure)
{
	for (__u32 i = 0; i < draft->rules_count; i++)
		if (draft->rules[i].rule.effect == FAULT_EFFECT_RATE &&
		    !programs->skeleton->rodata->config_rcv_wnd)
			return fail(failure, -EOPNOTSUPP,
				    "rate needs the kernel's BTF, which this kernel has not");
	if (control->flags & FAULT_CONTROL_NAMESPACE &&
	    !programs->skeleton->rodata->config_task_nsproxy)
		return fail(
			failure, -EOPNOTSUPP,
			"to match a network namespace needs the kernel's BTF, which this kernel "
			"has not");
	return 0;
}

static int open_and_load(struct programs *programs, unsigned int needs, struct failure *failure)
{
	struct faultd_bpf *skeleton = faultd_bpf__open();
	int r;

	if (!skeleton)
		return fail(failure, -errno, "opening the kernel programs: %s", strerror(errno));
	programs->skeleton = skeleton;
	for (size_t i = 0; i < ARRAY_SIZE(program_table); i++) {
		struct bpf_program *program = programs_find(programs, program_table[i].name);

		if (!program)
			return fail(failure, -ENOENT, "this build has no program %s",
				    program_table[i].name);
		bpf_program__set_autoload(program, needs & program_table[i].needs);
	}
	configure(skeleton);
	/* Types of the kernel's are needed to load it. */
	if (!skeleton->rodata->config_rmem_alloc)
		bpf_program__set_autoload(skeleton->progs.fault_unread, false);
	/* Mapped, an inject is a few stores, and none of the kernel's own is overwritten. */
	r = bpf_map__set_map_flags(skeleton->maps.control,
				   bpf_map__map_flags(skeleton->maps.control) | BPF_F_MMAPABLE);
	if (!r)
		r = bpf_map__set_map_flags(skeleton->maps.windows,
					   bpf_map__map_flags(skeleton->maps.windows) |
						   BPF_F_MMAPABLE);
	if (!r)
		r = bpf_map__set_max_entries(skeleton->maps.series, SERIES_BUCKETS_MAX);
	if (r)
		return fail(failure, r, "preparing the maps: %s", strerror(-r));
	return 0;
}

/* A map may not be smaller than what goes into it; room is made before loading. */
static int make_room(struct bpf_map *map, size_t count, struct failure *failure)
{
	int r;

	if (count <= bpf_map__max_entries(map))
		return 0;
	r = bpf_map__set_max_entries(map, (__u32)count);
	return r ? fail(failure, r, "map %s: %s", bpf_map__name(map), strerror(-r)) : 0;
}

int programs_put(const struct bpf_map *map, const void *key, const void *value,
		 struct failure *failure)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		return fail(failure, -errno, "map %s: %s", bpf_map__name(map), strerror(errno));
	return 0;
}

static int put_table(const struct bpf_map *map, const struct classify_table *table,
		     struct failure *failure)
{
	int r = 0;

	if (table->count && (bpf_map__key_size(map) != table->key_size ||
			     bpf_map__value_size(map) != table->value_size))
		return fail(failure, -EPROTO, "map %s has another layout", bpf_map__name(map));
	for (size_t i = 0; !r && i < table->count; i++)
		r = programs_put(map, table->keys + i * table->key_size,
				 table->values + i * table->value_size, failure);
	return r;
}

static int put_rules(const struct programs *programs, const struct draft *draft,
		     struct failure *failure)
{
	int r = 0;

	for (__u32 i = 0; !r && i < draft->rules_count; i++) {
		r = programs_put(programs->skeleton->maps.rules, &i, &draft->rules[i].rule,
				 failure);
		for (__u32 variant = 0; !r && variant < 2; variant++) {
			__u32 key = 2 * i + variant;

			if (draft->answers[i][variant])
				r = programs_put(programs->skeleton->maps.answers, &key,
						 draft->answers[i][variant], failure);
		}
	}
	return r;
}

static int put_learned(const struct programs *programs, const struct classified *classified,
		       __u64 expires, struct failure *failure)
{
	const struct classify_table *table = &classified->learned;
	int r = 0;

	for (size_t i = 0; !r && i < table->count; i++) {
		struct fault_learned learned;

		memcpy(&learned, table->values + i * table->value_size, sizeof(learned));
		learned.expires = expires;
		r = programs_put(programs->skeleton->maps.addresses,
				 table->keys + i * table->key_size, &learned, failure);
	}
	return r;
}

static int map_memory(const struct bpf_map *map, size_t size, void **ret_memory,
		      struct failure *failure)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	if (memory == MAP_FAILED)
		return fail(failure, -errno, "mapping %s: %s", bpf_map__name(map), strerror(errno));
	*ret_memory = memory;
	return 0;
}

static int fill(struct programs *programs, const struct draft *draft,
		const struct classified *classified, __u64 learned_until, struct failure *failure)
{
	const struct faultd_bpf *skeleton = programs->skeleton;
	int r = put_rules(programs, draft, failure);

	if (!r)
		r = put_table(skeleton->maps.ports, &classified->ports, failure);
	if (!r)
		r = put_table(skeleton->maps.prefixes4, &classified->prefixes4, failure);
	if (!r)
		r = put_table(skeleton->maps.prefixes6, &classified->prefixes6, failure);
	if (!r)
		r = put_table(skeleton->maps.names, &classified->names, failure);
	if (!r)
		r = put_table(skeleton->maps.paths, &classified->paths, failure);
	if (!r)
		r = put_table(skeleton->maps.commands, &classified->commands, failure);
	if (!r)
		r = put_table(skeleton->maps.users, &classified->users, failure);
	if (!r)
		r = put_table(skeleton->maps.namespaces, &classified->namespaces, failure);
	return r ? r : put_learned(programs, classified, learned_until, failure);
}

int programs_publish(struct programs *programs, const struct fault_control *control,
		     struct failure *failure)
{
	__u32 zero = 0;

	return programs_put(programs->skeleton->maps.control, &zero, control, failure);
}

static int attach_cgroup(struct programs *programs, struct bpf_program *program, int fd, __u64 id,
			 struct failure *failure)
{
	struct bpf_link *link;

	if (programs->links_count == LINKS_MAX)
		return fail(failure, -E2BIG, "more than %d attachments", LINKS_MAX);
	link = bpf_program__attach_cgroup(program, fd);
	if (!link)
		return fail(failure, -errno, "attaching %s: %s", bpf_program__name(program),
			    programs_cause(-errno));
	programs->places[programs->links_count] = id;
	programs->links[programs->links_count++] = link;
	return 0;
}

int programs_attach(struct programs *programs, int fd, __u64 id, struct failure *failure)
{
	const __u64 inside = 1;
	/* The link layer is not attached to the scope's cgroups: it looks them up. */
	int r = programs_put(programs->skeleton->maps.scope, &id, &inside, failure);

	for (size_t i = 0; !r && i < ARRAY_SIZE(program_table); i++) {
		struct bpf_program *program = programs_find(programs, program_table[i].name);

		if (program_table[i].place == PLACE_CGROUPS && bpf_program__autoload(program))
			r = attach_cgroup(programs, program, fd, id, failure);
	}
	return r;
}

void programs_forget_cgroup(struct programs *programs, __u64 id)
{
	__u32 kept = 0;

	for (__u32 i = 0; i < programs->links_count; i++) {
		if (programs->places[i] == id) {
			bpf_link__destroy(programs->links[i]);
			continue;
		}
		programs->places[kept] = programs->places[i];
		programs->links[kept++] = programs->links[i];
	}
	programs->links_count = kept;
	bpf_map_delete_elem(bpf_map__fd(programs->skeleton->maps.cgroups), &id);
	bpf_map_delete_elem(bpf_map__fd(programs->skeleton->maps.scope), &id);
}

int programs_name_cgroup(struct programs *programs, __u64 id, __u64 mask, struct failure *failure)
{
	return programs_put(programs->skeleton->maps.cgroups, &id, &mask, failure);
}

static int attach_sockets(struct programs *programs, struct bpf_program *program,
			  struct failure *failure)
{
	if (bpf_prog_attach(bpf_program__fd(program), bpf_map__fd(programs->skeleton->maps.sockets),
			    BPF_SK_MSG_VERDICT, 0))
		return fail(failure, -errno, "attaching %s: %s", bpf_program__name(program),
			    programs_cause(-errno));
	programs->verdict_attached = true;
	return 0;
}

/* Puts in place what is not attached to cgroups. */
static int install(struct programs *programs, struct failure *failure)
{
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(program_table); i++) {
		struct bpf_program *program = programs_find(programs, program_table[i].name);
		__u32 clients = 0, gate = 1, fd = (__u32)bpf_program__fd(program);

		if (!bpf_program__autoload(program))
			continue;
		switch (program_table[i].place) {
		case PLACE_CGROUPS:
			break; /* by programs_attach */
		case PLACE_SOCKETS:
			r = attach_sockets(programs, program, failure);
			break;
		case PLACE_STREAM:
			r = programs_put(programs->skeleton->maps.stream, &clients, &fd, failure);
			break;
		case PLACE_GATE:
			r = programs_put(programs->skeleton->maps.stream, &gate, &fd, failure);
			break;
		case PLACE_NOWHERE:
			break;
		case PLACE_LINKS:
			if (!programs->interfaces)
				r = programs_attach_links(programs, failure);
			break;
		}
	}
	return r;
}

static int handle_record(void *context, void *data, size_t size)
{
	struct programs *programs = context;

	if (size >= sizeof(struct fault_event) && programs->handle)
		programs->handle(programs->context, data);
	return 0;
}

/* Everything user space needs to look into the maps. */
static int open_views(struct programs *programs, struct failure *failure)
{
	const struct faultd_bpf *skeleton = programs->skeleton;
	int r = map_memory(skeleton->maps.control, sizeof(*programs->control),
			   (void **)&programs->control, failure);

	if (!r)
		r = map_memory(skeleton->maps.windows, FAULT_RULES_MAX * sizeof(*programs->windows),
			       (void **)&programs->windows, failure);
	if (r)
		return r;
	programs->cpus = libbpf_num_possible_cpus();
	if (programs->cpus < 0)
		return fail(failure, programs->cpus, "counting CPUs: %s",
			    strerror(-programs->cpus));
	programs->percpu = calloc((size_t)programs->cpus, sizeof(*programs->percpu));
	if (!programs->percpu)
		return fail(failure, -ENOMEM, "out of memory");
	programs->events =
		ring_buffer__new(bpf_map__fd(skeleton->maps.events), handle_record, programs, NULL);
	if (!programs->events)
		return fail(failure, -errno, "opening the event ring: %s", strerror(errno));
	return 0;
}

static int prepare_room(const struct programs *programs, const struct classified *classified,
			struct failure *failure)
{
	const struct faultd_bpf *skeleton = programs->skeleton;
	int r = make_room(skeleton->maps.ports, classified->ports.count, failure);

	if (!r)
		r = make_room(skeleton->maps.paths, classified->paths.count, failure);
	return r;
}

int programs_arm(const struct draft *draft, const struct classified *classified,
		 __u64 learned_until, struct programs **ret_programs, struct failure *failure)
{
	struct programs *programs = calloc(1, sizeof(*programs));
	int r;

	if (!programs)
		return fail(failure, -ENOMEM, "out of memory");
	programs->draft = draft;
	r = open_and_load(programs, needs_of(draft, &classified->control), failure);
	if (!r)
		r = check_offsets(programs, draft, &classified->control, failure);
	if (!r)
		r = prepare_room(programs, classified, failure);
	if (!r)
		r = programs_load(programs, failure);
	if (!r)
		r = open_views(programs, failure);
	if (!r)
		r = fill(programs, draft, classified, learned_until, failure);
	if (!r)
		r = install(programs, failure);
	if (r) {
		programs_free(programs);
		return r;
	}
	*ret_programs = programs;
	return 0;
}

static void detach_verdict(const struct programs *programs)
{
	struct bpf_program *program = programs_find(programs, "fault_message");

	/* The kernel would do so with the map's last descriptor; here it is done at once. */
	bpf_prog_detach2(bpf_program__fd(program), bpf_map__fd(programs->skeleton->maps.sockets),
			 BPF_SK_MSG_VERDICT);
}

bool programs_detach(struct programs *programs)
{
	__u64 cookie;

	for (__u32 i = 0; i < programs->links_count; i++)
		bpf_link__destroy(programs->links[i]);
	programs->links_count = 0;
	bpf_link__destroy(programs->unread);
	programs->unread = NULL;
	links_free(programs->interfaces);
	programs->interfaces = NULL;
	ring_buffer__free(programs->events);
	programs->events = NULL;
	if (!programs->verdict_attached)
		return false;
	detach_verdict(programs);
	programs->verdict_attached = false;
	return !bpf_map_get_next_key(bpf_map__fd(programs->skeleton->maps.sockets), NULL, &cookie);
}

void programs_free(struct programs *programs)
{
	if (!programs)
		return;
	programs_detach(programs);
	if (programs->control)
		munmap(programs->control, sizeof(*programs->control));
	if (programs->windows)
		munmap(programs->windows, FAULT_RULES_MAX * sizeof(*programs->windows));
	free(programs->percpu);
	faultd_bpf__destroy(programs->skeleton);
	free(programs);
}

volatile struct fault_control *programs_control(struct programs *programs)
{
	return programs->control;
}

volatile struct fault_window *programs_window(struct programs *programs, __u32 rule)
{
	return &programs->windows[rule];
}

__u32 programs_attached(const struct programs *programs)
{
	return programs->links_count + programs->verdict_attached +
	       (programs->interfaces ? links_count(programs->interfaces) : 0);
}
