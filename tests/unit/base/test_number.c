/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>

#include "user/base/cleanup.h"
#include "user/base/number.h"

#define S 1000000000ULL

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"42", 0, 42},
		{"007", 0, 7},
		{"100", 0, 100},
		{"101", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"0x1", -EINVAL, 0},
		{"99999999999999999999x", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 12345;

		assert_int_equal(number_parse_u64(cases[i].text, 0, 100, &value), cases[i].r);
		assert_int_equal(value, cases[i].r == 0 ? cases[i].value : 12345);
	}
	uint64_t value = 0;

	assert_int_equal(number_parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(number_parse_u64("4", 5, 9, &value), -ERANGE);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"0s", 0, 0},
		{"5ns", 0, 5},
		{"10us", 0, 10000},
		{"250ms", 0, 250000000},
		{"1.5s", 0, 1500000000},
		{"1.000000001s", 0, 1000000001},
		{"2m", 0, 120 * S},
		{"1h30m", 0, 5400 * S},
		{"1h0.5s", 0, 3600 * S + S / 2},
		{"2h3m4s5ms6us7ns", 0, 7384005006007ULL},
		{"1.50s", 0, 1500000000},
		{"", -EINVAL, 0},
		{"2", -EINVAL, 0},
		{"s", -EINVAL, 0},
		{"1 s", -EINVAL, 0},
		{"1s ", -EINVAL, 0},
		{"-1s", -EINVAL, 0},
		{"1S", -EINVAL, 0},
		{"1sec", -EINVAL, 0},
		{"1d", -EINVAL, 0},
		{".5s", -EINVAL, 0},
		{"1.s", -EINVAL, 0},
		{"1.5h30m", -EINVAL, 0},
		{"30m1h", -EINVAL, 0},
		{"1s1s", -EINVAL, 0},
		{"0.5ns", -EINVAL, 0},
		{"1e3s", -EINVAL, 0},
		{"9999999h", -ERANGE, 0},
		{"5124095h60m", -ERANGE, 0},
		{"99999999999999999999s", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 12345;

		assert_int_equal(number_parse_duration(cases[i].text, &value), cases[i].r);
		assert_true(value == (cases[i].r == 0 ? cases[i].value : 12345));
	}
}

static void test_percent(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint32_t value;
	} cases[] = {
		{"0%", 0, 0},
		{"30%", 0, 300000},
		{"0.5%", 0, 5000},
		{"100%", 0, 1000000},
		{"0.0001%", 0, 1},
		{"33.3300%", 0, 333300},
		{"100.0001%", -ERANGE, 0},
		{"101%", -ERANGE, 0},
		{"0.00001%", -EINVAL, 0},
		{"30", -EINVAL, 0},
		{"%", -EINVAL, 0},
		{"30 %", -EINVAL, 0},
		{"-3%", -EINVAL, 0},
		{"30%%", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"30%5", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t value = 12345;

		assert_int_equal(number_parse_percent(cases[i].text, &value), cases[i].r);
		assert_int_equal(value, cases[i].r == 0 ? cases[i].value : 12345);
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"512B", 0, 512},	{"64KiB", 0, 65536},
		{"1.5MiB", 0, 1572864}, {"2GiB", 0, 1ULL << 31},
		{"10kB", 0, 10000},	{"5MB", 0, 5000000},
		{"1GB", 0, 1000000000}, {"0B", 0, 0},
		{"64", -EINVAL, 0},	{"64K", -EINVAL, 0},
		{"64kib", -EINVAL, 0},	{"0.5B", -EINVAL, 0},
		{"-1B", -EINVAL, 0},	{"64 KiB", -EINVAL, 0},
		{"", -EINVAL, 0},	{"99999999999GiB", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 12345;

		assert_int_equal(number_parse_size(cases[i].text, &value), cases[i].r);
		assert_true(value == (cases[i].r == 0 ? cases[i].value : 12345));
	}
}

static void test_rate(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"10Mbit/s", 0, 1250000},
		{"64kbit/s", 0, 8000},
		{"1.5Gbit/s", 0, 187500000},
		{"800bit/s", 0, 100},
		{"0.008kbit/s", 0, 1},
		{"0bit/s", 0, 0},
		{"1bit/s", -EINVAL, 0},
		{"10", -EINVAL, 0},
		{"10Mbit", -EINVAL, 0},
		{"10MB/s", 0, 10000000},
		{"1.5kB/s", 0, 1500},
		{"1KiB/s", 0, 1024},
		{"0.5B/s", -EINVAL, 0},
		{"10mB/s", -EINVAL, 0},
		{"10mbit/s", -EINVAL, 0},
		{"10Mbit/s ", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"-1bit/s", -EINVAL, 0},
		{"99999999999Gbit/s", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 12345;

		assert_int_equal(number_parse_rate(cases[i].text, &value), cases[i].r);
		assert_true(value == (cases[i].r == 0 ? cases[i].value : 12345));
	}
}

static void test_frequency(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{"20/s", 0, 20000},	  {"0.5/s", 0, 500},  {"0.001/s", 0, 1},
		{"0.0001/s", -EINVAL, 0}, {"20", -EINVAL, 0}, {"20/m", -EINVAL, 0},
		{"20 /s", -EINVAL, 0},	  {"/s", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 12345;

		assert_int_equal(number_parse_frequency(cases[i].text, &value), cases[i].r);
		assert_true(value == (cases[i].r == 0 ? cases[i].value : 12345));
	}
}

static void test_format_quantities(void **state)
{
	static const struct {
		uint64_t value;
		const char *rate, *size;
	} cases[] = {
		{0, "0bit/s", "0B"},
		{1, "8bit/s", "1B"},
		{1000, "8kbit/s", "1kB"},
		{1024, "8192bit/s", "1KiB"},
		{1250000, "10Mbit/s", "1250kB"},
		{1048576, "8388608bit/s", "1MiB"},
		{12500000000, "100Gbit/s", "12500MB"},
		{1ULL << 40, "8796093022208bit/s", "1024GiB"},
	};
	char text[NUMBER_QUANTITY_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		number_format_rate(cases[i].value, text);
		assert_string_equal(text, cases[i].rate);
		number_format_size(cases[i].value, text);
		assert_string_equal(text, cases[i].size);
	}
}

static void test_decimal(void **state)
{
	static const struct {
		const char *text;
		int r;
		double value;
	} cases[] = {
		{"3", 0, 3},	     {"0.5", 0, 0.5},	  {"12.25", 0, 12.25},
		{"0.1", 0, 0.1},     {"1.1", 0, 1.1},	  {"", -EINVAL, 0},
		{"-1", -EINVAL, 0},  {"1.", -EINVAL, 0},  {".5", -EINVAL, 0},
		{"1e3", -EINVAL, 0}, {"nan", -EINVAL, 0}, {"inf", -EINVAL, 0},
		{"1,5", -EINVAL, 0}, {"1 ", -EINVAL, 0},  {"99999999999999999999", -ERANGE, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		double value = 12345;

		assert_int_equal(number_parse_decimal(cases[i].text, &value), cases[i].r);
		assert_true(value == (cases[i].r == 0 ? cases[i].value : 12345));
	}
}

static void test_format_duration(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1ns"},
		{1500, "1.5us"},
		{250000000, "250ms"},
		{1500000000, "1.5s"},
		{60 * S, "1m"},
		{5400 * S, "1h30m"},
		{3600 * S + 1, "1h1ns"},
		{61 * S + 5000000, "1m1.005s"},
		{59999999999ULL, "59.999999999s"},
		{UINT64_MAX, "5124095h34m33.709551615s"},
	};
	char text[NUMBER_DURATION_SIZE];
	uint64_t again = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		number_format_duration(cases[i].ns, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(number_parse_duration(text, &again), 0);
		assert_true(again == cases[i].ns);
	}
}

static void test_format_seconds(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0 s"},
		{7, "7 ns"},
		{340, "340 ns"},
		{1234, "1.23 us"},
		{72400, "72.4 us"},
		{340 * 1000000ULL, "340 ms"},
		{999600000, "1.00 s"},
		{12340000000ULL, "12.3 s"},
		{1005000000, "1.01 s"},
		{59940000000ULL, "59.9 s"},
		{59960000000ULL, "1 min 0 s"},
		{125 * S, "2 min 5 s"},
		{3599 * S + S / 2, "1 h 0 min"},
		{3900 * S, "1 h 5 min"},
	};
	char text[NUMBER_DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		number_format_seconds(cases[i].ns, text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_frequency),
		cmocka_unit_test(test_format_quantities),
		cmocka_unit_test(test_decimal),
		cmocka_unit_test(test_format_duration),
		cmocka_unit_test(test_format_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
