/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/classify.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/classify_parts.h"

enum { PORTS = 65536 };

static int table_new(struct classify_table *table, size_t key_size, size_t value_size, size_t most)
{
	table->key_size = key_size;
	table->value_size = value_size;
	table->keys = calloc(most ? most : 1, key_size);
	table->values = calloc(most ? most : 1, value_size);
	return table->keys && table->values ? 0 : -ENOMEM;
}

static void *table_key(const struct classify_table *table, size_t index)
{
	return table->keys + index * table->key_size;
}

static void *table_value(const struct classify_table *table, size_t index)
{
	return table->values + index * table->value_size;
}

/* Index of `key`, which is put in when it is not there yet. */
static size_t table_place(struct classify_table *table, const void *key)
{
	size_t i;

	for (i = 0; i < table->count; i++)
		if (!memcmp(table_key(table, i), key, table->key_size))
			return i;
	memcpy(table_key(table, i), key, table->key_size);
	table->count++;
	return i;
}

static void table_free(struct classify_table *table)
{
	free(table->keys);
	free(table->values);
	*table = (struct classify_table){};
}

/* Which rules and protections name each port. */
struct port_marks {
	__u64 rules[PORTS], protect[PORTS];
};

static void mark_ports(const struct draft *draft, struct port_marks *marks)
{
	for (size_t i = 0; i < draft->matches_count; i++) {
		const struct draft_match *match = &draft->matches[i];
		struct fault_masks bit = classify_owner_bit(match->owner);

		if (match->dimension != ENGINE_DIMENSION_PORT || classify_every_port(match))
			continue;
		for (size_t port = match->ports.first; port <= match->ports.last; port++) {
			marks->rules[port] |= bit.rules;
			marks->protect[port] |= bit.protect;
		}
	}
}

static void add_ports(struct classified *classified, const struct port_marks *marks, __u32 protocol,
		      __u64 rules, struct fault_masks any)
{
	struct classify_table *table = &classified->ports;

	for (__u32 port = 0; port < PORTS; port++) {
		struct fault_masks value = {marks->rules[port] & rules, marks->protect[port]};
		__u32 key = protocol << 16 | port;

		if (!value.rules && !value.protect)
			continue;
		classify_masks_or(&value, any);
		memcpy(table_key(table, table->count), &key, sizeof(key));
		memcpy(table_value(table, table->count), &value, sizeof(value));
		table->count++;
	}
}

static int fill_ports(const struct draft *draft, struct classified *classified)
{
	const struct fault_control *control = &classified->control;
	_cleanup_free_ struct port_marks *marks = calloc(1, sizeof(*marks));
	struct fault_masks tcp = {control->any_tcp_port, control->protect_any_tcp_port};
	struct fault_masks udp = {control->any_udp_port, control->protect_any_udp_port};
	size_t most = 0;

	if (!marks)
		return -ENOMEM;
	mark_ports(draft, marks);
	for (size_t port = 0; port < PORTS; port++)
		most += marks->rules[port] || marks->protect[port];
	if (table_new(&classified->ports, sizeof(__u32), sizeof(struct fault_masks), 2 * most))
		return -ENOMEM;
	add_ports(classified, marks, FAULT_PROTOCOL_TCP, classify_rules_of_protocol(draft, 1), tcp);
	add_ports(classified, marks, FAULT_PROTOCOL_UDP, classify_rules_of_protocol(draft, 2), udp);
	return 0;
}

/* Whether the first bits of `key` are those of the shorter or equal `prefix`; both have `size`
 * bytes and begin with a __u32 of bits, as every LPM key does. */
static bool key_within(const unsigned char *key, const unsigned char *prefix, size_t size)
{
	__u32 key_bits, prefix_bits;
	size_t last;

	memcpy(&key_bits, key, sizeof(key_bits));
	memcpy(&prefix_bits, prefix, sizeof(prefix_bits));
	last = sizeof(prefix_bits) + prefix_bits / 8;
	if (prefix_bits > key_bits || memcmp(key + 4, prefix + 4, prefix_bits / 8))
		return false;
	if (!(prefix_bits % 8) || last >= size)
		return true;
	return !((key[last] ^ prefix[last]) >> (8 - prefix_bits % 8));
}

/* ORs into every entry the words of the entries that contain it, and those on a miss. */
static int inherit(struct classify_table *table, const __u64 *any)
{
	size_t words = table->value_size / sizeof(__u64), i, j, word;
	_cleanup_free_ __u64 *own = malloc(table->count * table->value_size + 1);
	__u64 *values = (__u64 *)table->values;

	if (!own)
		return -ENOMEM;
	memcpy(own, values, table->count * table->value_size);
	for (i = 0; i < table->count; i++) {
		for (j = 0; j < table->count; j++) {
			if (!key_within(table_key(table, i), table_key(table, j), table->key_size))
				continue;
			for (word = 0; word < words; word++)
				values[i * words + word] |= own[j * words + word];
		}
		for (word = 0; word < words; word++)
			values[i * words + word] |= any[word];
	}
	return 0;
}

static void add_prefix(struct classified *classified, const struct draft_match *match)
{
	struct fault_prefix4 key4 = {.length = match->prefix.length};
	struct fault_prefix6 key6 = {.length = match->prefix.length};
	struct classify_table *table;
	size_t place;

	if (match->prefix.ipv4) {
		table = &classified->prefixes4;
		memcpy(key4.address, match->prefix.address + 12, sizeof(key4.address));
		place = table_place(table, &key4);
	} else {
		table = &classified->prefixes6;
		memcpy(key6.address, match->prefix.address, sizeof(key6.address));
		place = table_place(table, &key6);
	}
	classify_masks_or(table_value(table, place), classify_owner_bit(match->owner));
}

static int fill_prefixes(const struct draft *draft, struct classified *classified)
{
	const struct fault_control *control = &classified->control;
	const __u64 any[] = {control->any_destination, control->protect_any_destination};
	int r = table_new(&classified->prefixes4, sizeof(struct fault_prefix4),
			  sizeof(struct fault_masks), draft->matches_count);

	if (!r)
		r = table_new(&classified->prefixes6, sizeof(struct fault_prefix6),
			      sizeof(struct fault_masks), draft->matches_count);
	if (r)
		return r;
	for (size_t i = 0; i < draft->matches_count; i++)
		if (draft->matches[i].dimension == ENGINE_DIMENSION_PREFIX)
			add_prefix(classified, &draft->matches[i]);
	r = inherit(&classified->prefixes4, any);
	return r ? r : inherit(&classified->prefixes6, any);
}

/* The contract's form of a name; an exact one has its NUL counted. */
static void name_key(const char *name, struct fault_name_key *ret_key)
{
	bool wild = name[0] == '*';
	size_t length = strlen(name), bytes;

	memset(ret_key, 0, sizeof(*ret_key));
	/* "*.a.b" without its star is ".a.b", which reversed is the suffix with its dot. */
	bytes = wild ? length - 1 : length;
	for (size_t i = 0; i < bytes; i++)
		ret_key->name[i] = (__u8)name[length - 1 - i];
	ret_key->length = (__u32)(wild ? bytes : bytes + 1) * 8;
}

static void path_key(const char *path, struct fault_path_key *ret_key)
{
	size_t length = strnlen(path, FAULT_PATH_MAX - 1);

	memset(ret_key, 0, sizeof(*ret_key));
	memcpy(ret_key->path, path, length);
	ret_key->length = (__u32)length * 8;
}

static int fill_texts(const struct draft *draft, struct classified *classified)
{
	int r = table_new(&classified->names, sizeof(struct fault_name_key), sizeof(__u64),
			  draft->matches_count);

	if (!r)
		r = table_new(&classified->paths, sizeof(struct fault_path_key), sizeof(__u64),
			      draft->matches_count);
	if (r)
		return r;
	for (size_t i = 0; i < draft->matches_count; i++) {
		const struct draft_match *match = &draft->matches[i];
		struct classify_table *table = NULL;
		struct fault_name_key name;
		struct fault_path_key path;
		const void *key = NULL;

		if (match->dimension == ENGINE_DIMENSION_NAME) {
			name_key(match->text, &name);
			table = &classified->names;
			key = &name;
		} else if (match->dimension == ENGINE_DIMENSION_PATH) {
			path_key(match->text, &path);
			table = &classified->paths;
			key = &path;
		}
		if (table)
			*(__u64 *)table_value(table, table_place(table, key)) |=
				classify_owner_bit(match->owner).rules;
	}
	r = inherit(&classified->names, &classified->control.any_name);
	return r ? r : inherit(&classified->paths, &classified->control.any_path);
}

/* A table without prefixes: every value has the bits of `any`. */
static int fill_exact(const struct draft *draft, __u32 dimension, size_t key_size, __u64 any,
		      struct classify_table *table)
{
	int r = table_new(table, key_size, sizeof(__u64), draft->matches_count);

	for (size_t i = 0; !r && i < draft->matches_count; i++) {
		const struct draft_match *match = &draft->matches[i];
		unsigned char key[FAULT_COMMAND_MAX] = {};

		if (match->dimension != dimension)
			continue;
		if (dimension == ENGINE_DIMENSION_COMMAND)
			memcpy(key, match->text, strnlen(match->text, FAULT_COMMAND_MAX - 1));
		else
			memcpy(key, &match->number, sizeof(match->number));
		*(__u64 *)table_value(table, table_place(table, key)) |=
			classify_owner_bit(match->owner).rules | any;
	}
	return r;
}

static int fill_owners(const struct draft *draft, struct classified *classified)
{
	const struct fault_control *control = &classified->control;
	int r = fill_exact(draft, ENGINE_DIMENSION_COMMAND, FAULT_COMMAND_MAX, control->any_command,
			   &classified->commands);

	if (!r)
		r = fill_exact(draft, ENGINE_DIMENSION_USER, sizeof(__u32), control->any_user,
			       &classified->users);
	return r ? r
		 : fill_exact(draft, ENGINE_DIMENSION_NAMESPACE, sizeof(__u32),
			      control->any_namespace, &classified->namespaces);
}

static int fill_learned(const struct draft *draft, struct classified *classified)
{
	struct classify_table *table = &classified->learned;
	__u64 name_rules = classified->control.name_rules;
	int r = table_new(table, 16, sizeof(struct fault_learned), draft->seeds_count);

	for (size_t i = 0; !r && i < draft->seeds_count; i++) {
		size_t place = table_place(table, draft->seeds[i].address);
		struct fault_learned *learned = table_value(table, place);
		__u64 mask = classify_name(classified, draft->seeds[i].name) & name_rules;

		learned->mask |= mask;
		learned->other |= name_rules & ~mask;
	}
	return r;
}

int classify(const struct draft *draft, struct classified *ret_classified)
{
	struct classified classified = {};
	int r;

	classify_fill_control(draft, &classified.control);
	r = fill_ports(draft, &classified);
	if (!r)
		r = fill_prefixes(draft, &classified);
	if (!r)
		r = fill_texts(draft, &classified);
	if (!r)
		r = fill_owners(draft, &classified);
	if (!r)
		r = fill_learned(draft, &classified);
	if (r) {
		classified_free(&classified);
		return r;
	}
	*ret_classified = classified;
	return 0;
}

void classified_free(struct classified *classified)
{
	table_free(&classified->ports);
	table_free(&classified->prefixes4);
	table_free(&classified->prefixes6);
	table_free(&classified->names);
	table_free(&classified->paths);
	table_free(&classified->commands);
	table_free(&classified->users);
	table_free(&classified->namespaces);
	table_free(&classified->learned);
}

/* The value behind the longest entry that contains `key`; NULL: a miss. */
static const void *look_up(const struct classify_table *table, const void *key)
{
	const void *found = NULL;
	__u32 longest = 0;

	for (size_t i = 0; i < table->count; i++) {
		__u32 bits;

		memcpy(&bits, table_key(table, i), sizeof(bits));
		if (key_within(key, table_key(table, i), table->key_size) &&
		    (!found || bits >= longest)) {
			found = table_value(table, i);
			longest = bits;
		}
	}
	return found;
}

__u64 classify_name(const struct classified *classified, const char *name)
{
	struct fault_name_key key;
	const __u64 *found;

	name_key(name, &key);
	found = look_up(&classified->names, &key);
	return found ? *found : classified->control.any_name;
}

static struct fault_masks look_port(const struct classified *classified, __u32 protocol, __u16 port)
{
	const struct fault_control *control = &classified->control;
	bool tcp = protocol == FAULT_PROTOCOL_TCP;
	struct fault_masks miss = {
		tcp ? control->any_tcp_port : control->any_udp_port,
		tcp ? control->protect_any_tcp_port : control->protect_any_udp_port,
	};
	__u32 key = protocol << 16 | port;

	for (size_t i = 0; i < classified->ports.count; i++)
		if (!memcmp(table_key(&classified->ports, i), &key, sizeof(key)))
			return *(struct fault_masks *)table_value(&classified->ports, i);
	return miss;
}

struct fault_masks classify_destination(const struct classified *classified, const __u8 address[16],
					__u32 protocol, __u16 port)
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct fault_masks masks = look_port(classified, protocol, port);
	struct fault_masks miss = {classified->control.any_destination,
				   classified->control.protect_any_destination};
	struct fault_prefix4 key4 = {.length = 32};
	struct fault_prefix6 key6 = {.length = 128};
	const struct fault_masks *found;

	memcpy(key4.address, address + 12, sizeof(key4.address));
	memcpy(key6.address, address, sizeof(key6.address));
	found = memcmp(address, mapped, sizeof(mapped)) ? look_up(&classified->prefixes6, &key6)
							: look_up(&classified->prefixes4, &key4);
	if (!found)
		found = &miss;
	masks.rules &= found->rules;
	masks.protect &= found->protect;
	return masks;
}

static __u64 look_number(const struct classify_table *table, __u32 number, __u64 any)
{
	for (size_t i = 0; i < table->count; i++)
		if (!memcmp(table_key(table, i), &number, sizeof(number)))
			return *(const __u64 *)table_value(table, i);
	return any;
}

__u64 classify_owner(const struct classified *classified, __u32 user, __u32 inode)
{
	const struct fault_control *control = &classified->control;

	return control->any_command & look_number(&classified->users, user, control->any_user) &
	       look_number(&classified->namespaces, inode, control->any_namespace);
}
