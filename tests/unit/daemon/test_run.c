/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/run.h"

/* Two faults; the first has the rules 0 and 2. */
static struct run *sample(void)
{
	static const char *const faults[] = {"artifacts", "tokens", "artifacts"};
	struct plan plan = {.rules_count = ARRAY_SIZE(faults)};
	struct run *run = NULL;

	plan.title = strdup("Title");
	plan.rules = calloc(ARRAY_SIZE(faults), sizeof(*plan.rules));
	assert_non_null(plan.rules);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		plan.rules[i].fault = strdup(faults[i]);
	assert_int_equal(run_new(&plan, 1000, &run), 0);
	assert_null(plan.rules);
	return run;
}

static void test_rules(void **state)
{
	struct run *run = sample();

	(void)state;
	assert_int_equal(strlen(run_id(run)), RUN_ID_SIZE - 1);
	assert_int_equal(run_uid(run), 1000);
	assert_int_equal(run_rules_of(run, "artifacts"), 5);
	assert_int_equal(run_rules_of(run, "tokens"), 2);
	assert_int_equal(run_rules_of(run, "others"), 0);
	assert_int_equal(run_all_rules(run), 7);
	run_unref(run);
}

static void expect_line(struct run_stream *stream, const char *line)
{
	char buffer[512] = "";
	ssize_t size = run_stream_read(stream, buffer, sizeof(buffer) - 1);

	assert_int_equal(size, strlen(line));
	assert_string_equal(buffer, line);
}

static void test_stream(void **state)
{
	static const char first[] = "{\"at_ns\":5,\"event\":\"injected\",\"cause\":\"\","
				    "\"faults\":[\"tokens\",\"artifacts\"],\"rules\":[1,2],"
				    "\"ends_at_ns\":9,\"destination\":\"\"}\n";
	static const char second[] = "{\"at_ns\":6,\"event\":\"first-hit\",\"cause\":\"\","
				     "\"faults\":[\"artifacts\"],\"rules\":[2],\"ends_at_ns\":0,"
				     "\"destination\":\"[fd00::1]:443\"}\n";
	static const char last[] = "{\"at_ns\":9,\"event\":\"disarmed\",\"cause\":\"lease\","
				   "\"faults\":[],\"rules\":[],\"ends_at_ns\":0,"
				   "\"destination\":\"\"}\n";
	struct engine_event event = {
		.at = 5, .kind = ENGINE_EVENT_INJECTED, .rules = 6, .ends_at = 9};
	struct run *run = sample();
	struct run_stream *stream;
	char byte;

	(void)state;
	run_add_event(run, &event);
	assert_int_equal(run_stream_new(run, &stream), 0);
	expect_line(stream, first);
	/* Nothing for a second: the blank line. */
	expect_line(stream, "\n");
	event = (struct engine_event){.at = 6, .kind = ENGINE_EVENT_FIRST_HIT, .rules = 4};
	event.detail = (struct fault_event){.kind = FAULT_EVENT_FIRST_HIT, .port = 443};
	event.detail.address[0] = 0xfd;
	event.detail.address[15] = 1;
	run_add_event(run, &event);
	expect_line(stream, second);
	event = (struct engine_event){
		.at = 9, .kind = ENGINE_EVENT_DISARMED, .cause = ENGINE_CAUSE_LEASE};
	assert_false(run_has_ended(run));
	run_add_event(run, &event);
	assert_true(run_has_ended(run));
	/* The stream outlives the run's owner. */
	run_unref(run);
	expect_line(stream, last);
	assert_int_equal(run_stream_read(stream, &byte, 1), -1);
	run_stream_free(stream);
}

/* Who comes late gets the whole history, in pieces as small as the reader's buffer. */
static void test_history(void **state)
{
	struct engine_event event = {.at = 1, .kind = ENGINE_EVENT_ARMED, .rules = 7};
	struct run *run = sample();
	struct run_stream *stream;
	size_t lines = 0;
	char byte;

	(void)state;
	for (int i = 0; i < 100; i++)
		run_add_event(run, &event);
	event.kind = ENGINE_EVENT_DISARMED;
	run_add_event(run, &event);
	/* After the end nothing is added. */
	run_add_event(run, &event);
	assert_int_equal(run_stream_new(run, &stream), 0);
	while (run_stream_read(stream, &byte, 1) == 1)
		lines += byte == '\n';
	assert_int_equal(lines, 101);
	run_stream_free(stream);
	run_unref(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
