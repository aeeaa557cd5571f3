/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include "kernel/status.h"
#include "user/base/cleanup.h"

static const struct {
	const char *front;
	__u32 status;
} fronts[] = {
	{"HTTP/1.1 200 OK", 200},      {"HTTP/1.0 503 Service", 503},
	{"HTTP/1.1 100\r\n\r\n", 100}, {"HTTP/1.1 599 x", 599},
	{"HTTP/1.1 600 x", 0},	       {"HTTP/1.1 099 x", 0},
	{"HTTP/2.0 200 x", 0},	       {"HTTP/1.x 200 x", 0},
	{"HTTP/1.1  200", 0},	       {"HTTP/1.1 20x OK", 0},
	{"HTTP/1.1 2x0 OK", 0},	       {"http/1.1 200 OK", 0},
	{"GET / HTTP/1.1", 0},	       {"\x16\x03\x03\x00\x50\x02\x00\x00\x4c\x03\x03\x00", 0},
	{"HTTP 1.1 200 OK", 0},	       {"HTTP/1,1 200 OK", 0},
};

static void test_fronts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fronts); i++)
		assert_int_equal(status_of((const __u8 *)fronts[i].front), fronts[i].status);
}

static void test_classes(void **state)
{
	(void)state;
	assert_int_equal(status_class(100), FAULT_RESPONSE_1XX);
	assert_int_equal(status_class(200), FAULT_RESPONSE_2XX);
	assert_int_equal(status_class(304), FAULT_RESPONSE_3XX);
	assert_int_equal(status_class(428), FAULT_RESPONSE_4XX);
	assert_int_equal(status_class(429), FAULT_RESPONSE_429);
	assert_int_equal(status_class(499), FAULT_RESPONSE_4XX);
	assert_int_equal(status_class(500), FAULT_RESPONSE_5XX);
	assert_int_equal(status_class(503), FAULT_RESPONSE_503);
	assert_int_equal(status_class(599), FAULT_RESPONSE_5XX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fronts),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
