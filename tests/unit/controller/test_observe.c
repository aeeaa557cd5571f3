/* SPDX-License-Identifier: Apache-2.0 */
/* What buckets of the kernel's series come to as work that is observed. */
#include "tests/unit/check.h"

#include <string.h>

#include "user/base/cleanup.h"
#include "user/controller/observe.h"

#define RESPONSES(...) .responses = {__VA_ARGS__}

static const struct {
	const char *name;
	struct bucket bucket;
	bool packets;
	struct observed_work work;
	enum attempt_class class;
} cases[] = {
	{"as before there was more than hits and passes",
	 {.connects = 10, .hits = 4, .passes = 6},
	 .work = {.tries = 10, .faulted = 4},
	 .class = CLASS_FAULTED},
	{"each connection has its answer: none counts twice",
	 {.connects = 10,
	  .passes = 10,
	  .opened = 10,
	  .established = 10,
	  .settled = true,
	  RESPONSES([FAULT_RESPONSE_2XX] = 9, [FAULT_RESPONSE_503] = 1)},
	 .work = {.tries = 10, .http_5xx = 1},
	 .class = CLASS_HTTP_5XX},
	{"1 of 20 is what a baseline may have",
	 {.connects = 20,
	  .passes = 20,
	  .opened = 20,
	  .established = 20,
	  .settled = true,
	  RESPONSES([FAULT_RESPONSE_2XX] = 15, [FAULT_RESPONSE_4XX] = 4, [FAULT_RESPONSE_429] = 1)},
	 .work = {.tries = 20, .http_4xx = 1},
	 .class = CLASS_OK},
	{"kept connections: what is held are responses",
	 {RESPONSES([FAULT_RESPONSE_2XX] = 90, [FAULT_RESPONSE_3XX] = 4, [FAULT_RESPONSE_5XX] = 2,
		    [FAULT_RESPONSE_429] = 3, [FAULT_RESPONSE_503] = 1)},
	 .work = {.tries = 100, .http_5xx = 3, .http_4xx = 3},
	 .class = CLASS_HTTP_5XX},
	{"interim responses answer nothing",
	 {.connects = 2,
	  .passes = 2,
	  .opened = 2,
	  .established = 2,
	  .settled = true,
	  RESPONSES([FAULT_RESPONSE_1XX] = 9, [FAULT_RESPONSE_2XX] = 2)},
	 .work = {.tries = 2},
	 .class = CLASS_OK},
	{"connections that did not come about",
	 {.connects = 10,
	  .passes = 10,
	  .opened = 10,
	  .established = 7,
	  .settled = true,
	  RESPONSES([FAULT_RESPONSE_2XX] = 7)},
	 .work = {.tries = 10, .not_established = 3},
	 .class = CLASS_NOT_ESTABLISHED},
	{"of which nothing is known yet",
	 {.connects = 10,
	  .passes = 10,
	  .opened = 10,
	  .established = 7,
	  RESPONSES([FAULT_RESPONSE_2XX] = 7)},
	 .work = {.tries = 10},
	 .class = CLASS_OK},
	{"what was refused was never opened",
	 {.connects = 10,
	  .hits = 6,
	  .passes = 4,
	  .opened = 4,
	  .established = 3,
	  .settled = true,
	  RESPONSES([FAULT_RESPONSE_429] = 3)},
	 .work = {.tries = 10, .faulted = 6, .not_established = 1, .http_4xx = 3},
	 .class = CLASS_FAULTED},
	{"a request's connection that does not stand is no request",
	 {.requests = 5,
	  .passes = 5,
	  .opened = 7,
	  .established = 5,
	  .settled = true,
	  RESPONSES([FAULT_RESPONSE_2XX] = 5)},
	 .work = {.tries = 7, .not_established = 2},
	 .class = CLASS_NOT_ESTABLISHED},
	{"packets: a SYN that is taken away is the same connection",
	 {.connects = 4, .hits = 9, .passes = 4, .opened = 4, .settled = true},
	 .packets = true,
	 .work = {.tries = 4, .faulted = 4},
	 .class = CLASS_FAULTED},
	{"packets: behind the fault the server loses them",
	 {.connects = 4,
	  .hits = 1,
	  .passes = 4,
	  .opened = 4,
	  .established = 1,
	  .settled = true,
	  RESPONSES([FAULT_RESPONSE_2XX] = 1)},
	 .packets = true,
	 .work = {.tries = 4, .faulted = 1, .not_established = 2},
	 .class = CLASS_NOT_ESTABLISHED},
	{"more that stood than were opened: a counter that ran over",
	 {.connects = 1, .passes = 1, .opened = 1, .established = 2, .settled = true},
	 .work = {.tries = 1},
	 .class = CLASS_OK},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct observed_work work = {0};

		observe_add(&cases[i].bucket, cases[i].packets, &work);
		if (memcmp(&work, &cases[i].work, sizeof(work)) != 0)
			fail_msg("%s: %llu tries, failed %llu %llu %llu %llu", cases[i].name,
				 (unsigned long long)work.tries, (unsigned long long)work.faulted,
				 (unsigned long long)work.not_established,
				 (unsigned long long)work.http_4xx,
				 (unsigned long long)work.http_5xx);
		assert_true(observe_failures(&work) <= work.tries);
		assert_int_equal(observe_class(&work), cases[i].class);
	}
}

/* Rules of one bucket add up. */
static void test_sum(void **state)
{
	struct observed_work work = {0};

	(void)state;
	observe_add(&cases[0].bucket, false, &work);
	observe_add(&cases[3].bucket, false, &work);
	assert_int_equal(work.tries, 110);
	assert_int_equal(observe_failures(&work), 10);
	assert_int_equal(observe_class(&work), CLASS_FAULTED);
}

static void test_figures(void **state)
{
	const struct bucket settled = {.opened = 5,
				       .established = 3,
				       .retransmits = 2,
				       .settled = true,
				       RESPONSES([FAULT_RESPONSE_2XX] = 3)};
	const struct bucket fresh = {.opened = 5,
				     .established = 1,
				     .retransmits = 7,
				     RESPONSES([FAULT_RESPONSE_2XX] = 1, [FAULT_RESPONSE_503] = 4)};
	struct observed_figures figures = {0};

	(void)state;
	observe_figures(&settled, &figures);
	observe_figures(&fresh, &figures);
	assert_int_equal(figures.opened, 5);
	assert_int_equal(figures.established, 3);
	assert_int_equal(figures.retransmits, 9);
	assert_int_equal(figures.responses[FAULT_RESPONSE_2XX], 4);
	assert_int_equal(figures.responses[FAULT_RESPONSE_503], 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
