/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/daemon/metrics.h"

static void check(const char *status, const char *expected)
{
	json_t *object = json_loads(status, 0, NULL);
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(object);
	assert_non_null(out);
	metrics_print(object, out);
	fclose(out);
	json_decref(object);
	assert_string_equal(text, expected);
}

#define HOST(armed, halted, attached, lease)                                                       \
	"# HELP faultd_build_info The version that runs.\n"                                        \
	"# TYPE faultd_build_info gauge\n"                                                         \
	"faultd_build_info{version=\"1.2\"} 1\n"                                                   \
	"# HELP faultd_armed 1: a run is armed on this host.\n"                                    \
	"# TYPE faultd_armed gauge\n"                                                              \
	"faultd_armed " armed "\n"                                                                 \
	"# HELP faultd_halted 1: the host is halted and refuses runs.\n"                           \
	"# TYPE faultd_halted gauge\n"                                                             \
	"faultd_halted " halted "\n"                                                               \
	"# HELP faultd_attached Programs attached to cgroups and interfaces.\n"                    \
	"# TYPE faultd_attached gauge\n"                                                           \
	"faultd_attached " attached "\n"                                                           \
	"# HELP faultd_lease_remaining_seconds After which the faults end unless the run's "       \
	"controller renews.\n"                                                                     \
	"# TYPE faultd_lease_remaining_seconds gauge\n"                                            \
	"faultd_lease_remaining_seconds " lease "\n"

#define FAMILY(name, type, help, sample)                                                           \
	"# HELP faultd_rule_" name " " help "\n# TYPE faultd_rule_" name " " type "\n" sample

#define LABELS "{rule=\"0\",fault=\"a\\\"b\",effect=\"refuse\""

static void test_idle(void **state)
{
	(void)state;
	check("{\"version\":\"1.2\",\"now_ns\":5,\"armed\":false,\"halted\":true,\"attached\":0,"
	      "\"lease_until_ns\":0,\"rules\":[]}",
	      HOST("0", "1", "0", "0.000") FAMILY(
		      "injected", "gauge", "1: the rule's window is open.",
		      "") FAMILY("connects_total", "counter", "Connections that the rule matched.",
				 "") FAMILY("requests_total", "counter",
					    "Requests that the rule matched.", "")
		      FAMILY("hits_total", "counter", "Effects that were carried out.",
			     "") FAMILY("passes_total", "counter", "Matched, and let through.", "")
			      FAMILY("packets_total", "counter", "Packets that were dropped.", "")
				      FAMILY("reasons_total", "counter",
					     "What was done with what the rule matched, and why.",
					     ""));
}

static void test_armed(void **state)
{
	(void)state;
	check("{\"version\":\"1.2\",\"now_ns\":1000000000,\"armed\":true,\"halted\":false,"
	      "\"attached\":7,\"lease_until_ns\":3500000000,\"rules\":[{\"index\":0,"
	      "\"fault\":\"a\\\"b\",\"effect\":\"refuse\",\"starts_at_ns\":1000000000,"
	      "\"ends_at_ns\":1000000001,\"connects\":1,\"requests\":2,\"hits\":3,\"passes\":4,"
	      "\"packets\":5,\"reasons\":{\"hit\":3}}]}",
	      HOST("1", "0", "7", "2.500") FAMILY(
		      "injected", "gauge", "1: the rule's window is open.",
		      "faultd_rule_injected" LABELS
		      "} 1\n") FAMILY("connects_total", "counter",
				      "Connections that the rule matched.",
				      "faultd_rule_connects_total" LABELS
				      "} 1\n") FAMILY("requests_total", "counter",
						      "Requests that the rule matched.",
						      "faultd_rule_requests_total" LABELS "} 2\n")
		      FAMILY("hits_total", "counter", "Effects that were carried out.",
			     "faultd_rule_hits_total" LABELS
			     "} 3\n") FAMILY("passes_total", "counter", "Matched, and let through.",
					     "faultd_rule_passes_total" LABELS "} 4\n")
			      FAMILY("packets_total", "counter", "Packets that were dropped.",
				     "faultd_rule_packets_total" LABELS "} 5\n")
				      FAMILY("reasons_total", "counter",
					     "What was done with what the rule matched, and why.",
					     "faultd_rule_reasons_total" LABELS
					     ",reason=\"hit\"} 3\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_armed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
