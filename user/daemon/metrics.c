/* SPDX-License-Identifier: Apache-2.0 */
#include "user/daemon/metrics.h"

#include <stdbool.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/base/escape.h"

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_host(const json_t *status, FILE *out)
{
	static const struct {
		const char *name, *help, *key;
	} gauges[] = {
		{"faultd_armed", "1: a run is armed on this host.", "armed"},
		{"faultd_halted", "1: the host is halted and refuses runs.", "halted"},
		{"faultd_attached", "Programs attached to cgroups and interfaces.", "attached"},
	};
	json_int_t now = number_of(status, "now_ns"), lease = number_of(status, "lease_until_ns");
	const char *version = json_string_value(json_object_get(status, "version"));

	family(out, "faultd_build_info", "gauge", "The version that runs.");
	fputs("faultd_build_info{version=\"", out);
	escape_label(out, version ? version : "");
	fputs("\"} 1\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(gauges); i++) {
		const json_t *value = json_object_get(status, gauges[i].key);

		family(out, gauges[i].name, "gauge", gauges[i].help);
		fprintf(out, "%s %lld\n", gauges[i].name,
			json_is_boolean(value) ? (long long)json_is_true(value)
					       : (long long)json_integer_value(value));
	}
	family(out, "faultd_lease_remaining_seconds", "gauge",
	       "After which the faults end unless the run's controller renews.");
	fprintf(out, "faultd_lease_remaining_seconds %.3f\n",
		lease > now ? (double)(lease - now) / (double)NS_PER_S : 0);
}

/* "name{rule="0",fault="artifacts",effect="refuse"" */
static void rule_sample(FILE *out, const char *name, const json_t *rule)
{
	static const char *const keys[] = {"fault", "effect"};

	fprintf(out, "%s{rule=\"%lld\"", name, (long long)number_of(rule, "index"));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = json_string_value(json_object_get(rule, keys[i]));

		fprintf(out, ",%s=\"", keys[i]);
		escape_label(out, text ? text : "");
		fputc('"', out);
	}
}

static void print_counters(const json_t *rules, FILE *out)
{
	static const struct {
		const char *name, *help, *key;
	} counters[] = {
		{"faultd_rule_connects_total", "Connections that the rule matched.", "connects"},
		{"faultd_rule_requests_total", "Requests that the rule matched.", "requests"},
		{"faultd_rule_hits_total", "Effects that were carried out.", "hits"},
		{"faultd_rule_passes_total", "Matched, and let through.", "passes"},
		{"faultd_rule_packets_total", "Packets that were dropped.", "packets"},
	};
	const json_t *rule;
	size_t i;

	for (size_t j = 0; j < ARRAY_SIZE(counters); j++) {
		family(out, counters[j].name, "counter", counters[j].help);
		json_array_foreach(rules, i, rule)
		{
			rule_sample(out, counters[j].name, rule);
			fprintf(out, "} %lld\n", (long long)number_of(rule, counters[j].key));
		}
	}
}

static void print_reasons(const json_t *rules, FILE *out)
{
	const json_t *rule, *count;
	const char *reason;
	size_t i;

	family(out, "faultd_rule_reasons_total", "counter",
	       "What was done with what the rule matched, and why.");
	json_array_foreach(rules, i, rule)
	{
		json_object_foreach(json_object_get(rule, "reasons"), reason, count)
		{
			rule_sample(out, "faultd_rule_reasons_total", rule);
			fputs(",reason=\"", out);
			escape_label(out, reason);
			fprintf(out, "\"} %lld\n", (long long)json_integer_value(count));
		}
	}
}

static void print_windows(const json_t *rules, json_int_t now, FILE *out)
{
	const json_t *rule;
	size_t i;

	family(out, "faultd_rule_injected", "gauge", "1: the rule's window is open.");
	json_array_foreach(rules, i, rule)
	{
		bool open = number_of(rule, "starts_at_ns") <= now &&
			    now < number_of(rule, "ends_at_ns");

		rule_sample(out, "faultd_rule_injected", rule);
		fprintf(out, "} %d\n", open);
	}
}

void metrics_print(const json_t *status, FILE *out)
{
	const json_t *rules = json_object_get(status, "rules");

	print_host(status, out);
	print_windows(rules, number_of(status, "now_ns"), out);
	print_counters(rules, out);
	print_reasons(rules, out);
}
