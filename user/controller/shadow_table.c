/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/shadow_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/record_json.h"

/* Entries that differ in their rule alone, when the rules are of one fault. The texts are the
 * reply's. */
struct row {
	const char *fault, *cgroup, *command, *address, *name;
	uint64_t port;
	uint64_t hits, connections, protected_hits, address_only;
};

struct table {
	struct row *rows;
	size_t count;
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_text(object, key);

	return text ? text : "";
}

static bool is_same(const struct row *left, const struct row *right)
{
	return left->port == right->port && strcmp(left->fault, right->fault) == 0 &&
	       strcmp(left->cgroup, right->cgroup) == 0 &&
	       strcmp(left->command, right->command) == 0 &&
	       strcmp(left->address, right->address) == 0 && strcmp(left->name, right->name) == 0;
}

/* What is forwarded belongs to no cgroup; one that is no longer there has no path. */
static const char *unit_of(const json_t *entry)
{
	const char *path = text_of(entry, "cgroup");

	if (*path)
		return path;
	return json_u64(entry, "cgroup_id") ? "(gone)" : "(forwarded)";
}

static void add(struct table *table, const json_t *entry)
{
	struct row row = {
		.fault = text_of(entry, "fault"),
		.cgroup = unit_of(entry),
		.command = text_of(entry, "command"),
		.address = text_of(entry, "address"),
		.name = text_of(entry, "name"),
		.port = json_u64(entry, "port"),
	};
	size_t i = 0;

	while (i < table->count && !is_same(&table->rows[i], &row))
		i++;
	if (i == table->count)
		table->rows[table->count++] = row;
	table->rows[i].hits += json_u64(entry, "hits");
	table->rows[i].connections += json_u64(entry, "connections");
	table->rows[i].protected_hits += json_u64(entry, "protected");
	table->rows[i].address_only += json_u64(entry, "address_only");
}

static int compare(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int order = strcmp(a->fault, b->fault);

	if (order)
		return order;
	if (a->hits != b->hits)
		return a->hits < b->hits ? 1 : -1;
	order = strcmp(a->cgroup, b->cgroup);
	return order ? order : strcmp(a->command, b->command);
}

static int fill(const json_t *reply, struct table *table)
{
	const json_t *entries = json_object_get(reply, "entries"), *entry;
	size_t i;

	table->rows = calloc(json_array_size(entries) + 1, sizeof(*table->rows));
	if (!table->rows)
		return -ENOMEM;
	json_array_foreach(entries, i, entry)
	{
		add(table, entry);
	}
	qsort(table->rows, table->count, sizeof(*table->rows), compare);
	return 0;
}

static double per_second(uint64_t count, uint64_t ns)
{
	return ns ? (double)count * 1e9 / (double)ns : 0;
}

/* The columns that say who and what for. */
static void print_who(const struct row *row, FILE *out)
{
	const bool ipv6 = strchr(row->address, ':');
	char destination[80];

	snprintf(destination, sizeof(destination), ipv6 ? "[%s]:%llu" : "%s:%llu", row->address,
		 (unsigned long long)row->port);
	fprintf(out, "%-16s %-32s %-15s %-22s %-28s", row->fault, row->cgroup,
		*row->command ? row->command : "-", destination, *row->name ? row->name : "-");
}

static void print_head(const char *title, const char *columns, FILE *out)
{
	fprintf(out, "\n%s\n%-16s %-32s %-15s %-22s %-28s%s\n", title, "FAULT", "UNIT", "PROCESS",
		"DESTINATION", "NAME", columns);
}

static void print_hits(const struct table *table, uint64_t watched_ns, bool address_only, FILE *out)
{
	bool begun = false;

	for (size_t i = 0; i < table->count; i++) {
		const struct row *row = &table->rows[i];
		uint64_t hits = address_only ? row->address_only : row->hits - row->address_only;

		if (!hits)
			continue;
		if (!begun)
			print_head(address_only
					   ? "Would be hit by their address alone, no name was "
					     "seen:"
					   : "Would be hit:",
				   "       HITS CONNECTIONS  CONNECTIONS/S", out);
		begun = true;
		print_who(row, out);
		fprintf(out, " %10llu %11llu %14.2f\n", (unsigned long long)hits,
			(unsigned long long)row->connections,
			per_second(row->connections, watched_ns));
	}
}

static void print_protected(const struct table *table, FILE *out)
{
	bool begun = false;

	for (size_t i = 0; i < table->count; i++) {
		const struct row *row = &table->rows[i];

		if (!row->protected_hits)
			continue;
		if (!begun)
			print_head("Protected, never touched:", "   CONNECTS", out);
		begun = true;
		print_who(row, out);
		fprintf(out, " %10llu\n", (unsigned long long)row->protected_hits);
	}
}

double shadow_rate(const json_t *reply, uint64_t watched_ns)
{
	const json_t *entries = json_object_get(reply, "entries"), *entry;
	uint64_t connections = 0;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		connections += json_u64(entry, "connections");
	}
	return per_second(connections, watched_ns);
}

int shadow_table_print(const json_t *reply, uint64_t watched_ns, FILE *out)
{
	struct table table = {0};
	int r = fill(reply, &table);

	if (r < 0)
		return r;
	fprintf(out,
		"Watched for %.1f s, nothing was touched. Connections that would be hit: %.2f/s\n",
		(double)watched_ns / 1e9, shadow_rate(reply, watched_ns));
	if (!table.count)
		fputs("No traffic matched.\n", out);
	print_hits(&table, watched_ns, false, out);
	print_hits(&table, watched_ns, true, out);
	print_protected(&table, out);
	free(table.rows);
	return 0;
}
