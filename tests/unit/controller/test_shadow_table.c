/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "user/base/cleanup.h"
#include "user/controller/shadow_table.h"

#define ENTRY(rule, fault, cgroup, name, hits, connections, protected, address_only)               \
	"{\"rule\":" #rule ",\"fault\":\"" fault "\",\"cgroup_id\":7,\"cgroup\":\"" cgroup         \
	"\",\"command\":\"curl\",\"address\":\"10.0.0.1\",\"port\":443,\"name\":\"" name           \
	"\",\"hits\":" #hits ",\"connections\":" #connections                                      \
	",\"protected\":" #protected ",\"address_only\":" #address_only "}"

static char *print(const char *entries, uint64_t watched_ns)
{
	json_t *reply = json_pack("{s:o}", "entries", json_loads(entries, 0, NULL));
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(reply);
	assert_non_null(out);
	assert_int_equal(shadow_table_print(reply, watched_ns, out), 0);
	fclose(out);
	json_decref(reply);
	return text;
}

static void test_nothing(void **state)
{
	_cleanup_free_ char *text = print("[]", 2000000000);

	(void)state;
	assert_string_equal(text, "Watched for 2.0 s, nothing was touched. Connections that would "
				  "be hit: 0.00/s\nNo traffic matched.\n");
}

/* Rules of one fault make one row; the kinds of hits stand in tables of their own. */
static void test_sections(void **state)
{
	_cleanup_free_ char *text =
		print("[" ENTRY(0, "store", "/a.service", "x.example", 3, 2, 0,
				0) "," ENTRY(1, "store", "/a.service", "x.example", 4, 2, 0,
					     1) "," ENTRY(0, "store", "", "", 0, 0, 5, 0) "]",
		      2000000000);
	char *rest = text, *line, *lines[16] = {0};
	size_t count = 0;

	(void)state;
	while ((line = strsep(&rest, "\n")) && count < ARRAY_SIZE(lines))
		lines[count++] = line;
	assert_string_equal(lines[0], "Watched for 2.0 s, nothing was touched. Connections that "
				      "would be hit: 2.00/s");
	assert_string_equal(lines[2], "Would be hit:");
	assert_non_null(strstr(lines[4], "store            /a.service "));
	assert_non_null(strstr(lines[4], " curl "));
	assert_non_null(strstr(lines[4], " 10.0.0.1:443 "));
	assert_non_null(strstr(lines[4], " x.example "));
	assert_non_null(strstr(lines[4], "          6           4           2.00"));
	assert_string_equal(lines[6], "Would be hit by their address alone, no name was seen:");
	assert_non_null(strstr(lines[8], "          1           4 "));
	assert_string_equal(lines[10], "Protected, never touched:");
	assert_non_null(strstr(lines[12], "(gone)"));
	assert_non_null(strstr(lines[12], "          5"));
	assert_string_equal(lines[13], "");
	assert_int_equal(count, 14);
}

/* What is forwarded has neither unit nor process. */
static void test_forwarded(void **state)
{
	_cleanup_free_ char *text = print(
		"[{\"rule\":0,\"fault\":\"f\",\"cgroup_id\":0,\"cgroup\":\"\","
		"\"command\":\"\",\"address\":\"fd00::1\",\"port\":80,\"name\":\"\",\"hits\":1,"
		"\"connections\":1,\"protected\":0,\"address_only\":0}]",
		1000000000);

	(void)state;
	assert_non_null(strstr(text, "\nf                (forwarded)                      -        "
				     "       [fd00::1]:80           -  "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_forwarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
