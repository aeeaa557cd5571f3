/* SPDX-License-Identifier: Apache-2.0 */
#include "user/base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"

/* An exact decimal: digits / 10^scale. */
struct decimal {
	uint64_t digits;
	unsigned int scale;
};

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: a duration names its units in this order, each at most once. */
static const struct unit duration_units[] = {
	{"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S}, {"s", NS_PER_S},
	{"ms", NS_PER_MS},	{"us", NS_PER_US},    {"ns", 1},
};

static const struct unit size_units[] = {
	{"B", 1},      {"kB", 1000},	     {"MB", 1000 * 1000}, {"GB", 1000000000},
	{"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1ULL << 30},
};

/* In bits. */
static const struct unit rate_units[] = {
	{"bit/s", 1},
	{"kbit/s", 1000},
	{"Mbit/s", 1000000},
	{"Gbit/s", 1000000000},
};

/* Also read; rates are printed in bits. */
static const struct unit byte_rate_units[] = {
	{"B/s", 8}, {"kB/s", 8000}, {"MB/s", 8000000}, {"KiB/s", 8 << 10}, {"MiB/s", 8 << 20},
};

static const struct unit frequency_units[] = {{"/s", 1000}};

static const struct unit percent_units[] = {{"%", 10000}};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Appends digits to `value`; stops behind the last one. -ERANGE when they do not fit. */
static int take_digits(const char **text, uint64_t *value, unsigned int *ret_count)
{
	unsigned int count = 0;

	for (; is_digit(**text); (*text)++, count++) {
		if (__builtin_mul_overflow(*value, 10ULL, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(**text - '0'), value))
			return -ERANGE;
	}
	*ret_count = count;
	return 0;
}

/* "12" or "12.5": digits on both sides of the point. */
static int take_decimal(const char **text, struct decimal *ret_decimal)
{
	struct decimal decimal = {0};
	unsigned int count;
	int r;

	r = take_digits(text, &decimal.digits, &count);
	if (r < 0)
		return r;
	if (count == 0)
		return -EINVAL;
	if (**text == '.') {
		(*text)++;
		r = take_digits(text, &decimal.digits, &decimal.scale);
		if (r < 0)
			return r;
		if (decimal.scale == 0)
			return -EINVAL;
	}
	*ret_decimal = decimal;
	return 0;
}

/* decimal * factor; -EINVAL when that is no whole number, -ERANGE when it does not fit. */
static int scale_decimal(const struct decimal *decimal, uint64_t factor, uint64_t *ret_value)
{
	unsigned __int128 value = (unsigned __int128)decimal->digits * factor;

	for (unsigned int i = 0; i < decimal->scale; i++) {
		if (value % 10 != 0)
			return -EINVAL;
		value /= 10;
	}
	if (value > UINT64_MAX)
		return -ERANGE;
	*ret_value = (uint64_t)value;
	return 0;
}

/* Length of the run of letters and '%' at `text`: a unit must be the whole of it. */
static size_t unit_length(const char *text)
{
	size_t length = 0;

	while (text[length] && !is_digit(text[length]) && text[length] != '.')
		length++;
	return length;
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *text)
{
	size_t length = unit_length(text);

	for (size_t i = 0; i < count; i++) {
		if (strlen(units[i].name) == length && memcmp(units[i].name, text, length) == 0)
			return &units[i];
	}
	return NULL;
}

/* One decimal with one of `units` behind it, and nothing else. */
static int parse_with_unit(const char *text, const struct unit *units, size_t count,
			   uint64_t *ret_value)
{
	const struct unit *unit;
	struct decimal decimal;
	int r;

	r = take_decimal(&text, &decimal);
	if (r < 0)
		return r;
	unit = find_unit(units, count, text);
	if (!unit || text[strlen(unit->name)])
		return -EINVAL;
	return scale_decimal(&decimal, unit->factor, ret_value);
}

int number_parse_u64(const char *text, uint64_t low, uint64_t high, uint64_t *ret_value)
{
	uint64_t value = 0;
	unsigned int count;
	int r;

	if (text[strspn(text, "0123456789")])
		return -EINVAL;
	r = take_digits(&text, &value, &count);
	if (r < 0)
		return r;
	if (count == 0)
		return -EINVAL;
	if (value < low || value > high)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int number_parse_duration(const char *text, uint64_t *ret_ns)
{
	size_t rank = 0;
	uint64_t total = 0;

	do {
		struct decimal decimal;
		const struct unit *unit;
		uint64_t part;
		int r;

		r = take_decimal(&text, &decimal);
		if (r < 0)
			return r;
		unit = find_unit(duration_units + rank, ARRAY_SIZE(duration_units) - rank, text);
		if (!unit)
			return -EINVAL;
		rank = (size_t)(unit - duration_units) + 1;
		text += strlen(unit->name);
		/* "1.5h30m" reads two ways; only the last part may have a fraction. */
		if (decimal.scale > 0 && *text)
			return -EINVAL;
		r = scale_decimal(&decimal, unit->factor, &part);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(total, part, &total))
			return -ERANGE;
	} while (*text);
	*ret_ns = total;
	return 0;
}

int number_parse_percent(const char *text, uint32_t *ret_ppm)
{
	uint64_t ppm;
	int r;

	r = parse_with_unit(text, percent_units, ARRAY_SIZE(percent_units), &ppm);
	if (r < 0)
		return r;
	if (ppm > 1000000)
		return -ERANGE;
	*ret_ppm = (uint32_t)ppm;
	return 0;
}

int number_parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse_with_unit(text, size_units, ARRAY_SIZE(size_units), ret_bytes);
}

int number_parse_rate(const char *text, uint64_t *ret_bytes)
{
	uint64_t bits;
	int r = parse_with_unit(text, rate_units, ARRAY_SIZE(rate_units), &bits);

	if (r == -EINVAL)
		r = parse_with_unit(text, byte_rate_units, ARRAY_SIZE(byte_rate_units), &bits);
	if (r < 0)
		return r;
	if (bits % 8 != 0)
		return -EINVAL;
	*ret_bytes = bits / 8;
	return 0;
}

int number_parse_frequency(const char *text, uint64_t *ret_millihertz)
{
	return parse_with_unit(text, frequency_units, ARRAY_SIZE(frequency_units), ret_millihertz);
}

/* With the largest unit of which it is a whole number. */
static void format_whole(uint64_t value, const struct unit *units, size_t count, char *buffer)
{
	const struct unit *best = &units[0];

	for (size_t i = 0; i < count; i++) {
		if (value % units[i].factor == 0 && units[i].factor > best->factor && value)
			best = &units[i];
	}
	snprintf(buffer, NUMBER_QUANTITY_SIZE, "%llu%s", (unsigned long long)(value / best->factor),
		 best->name);
}

void number_format_rate(uint64_t bytes, char buffer[NUMBER_QUANTITY_SIZE])
{
	format_whole(bytes * 8, rate_units, ARRAY_SIZE(rate_units), buffer);
}

void number_format_size(uint64_t bytes, char buffer[NUMBER_QUANTITY_SIZE])
{
	format_whole(bytes, size_units, ARRAY_SIZE(size_units), buffer);
}

int number_parse_decimal(const char *text, double *ret_value)
{
	struct decimal decimal;
	double divisor = 1;
	int r;

	r = take_decimal(&text, &decimal);
	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	for (unsigned int i = 0; i < decimal.scale; i++)
		divisor *= 10;
	*ret_value = (double)decimal.digits / divisor;
	return 0;
}

/* Writes ns / factor with as many decimals as it takes. */
static int format_exact(uint64_t ns, const struct unit *unit, char *buffer, size_t size)
{
	uint64_t rest = ns % unit->factor, factor = unit->factor;
	int used = snprintf(buffer, size, "%llu", (unsigned long long)(ns / unit->factor));

	if (rest)
		used += snprintf(buffer + used, size - (size_t)used, ".");
	while (rest) {
		factor /= 10;
		used += snprintf(buffer + used, size - (size_t)used, "%u",
				 (unsigned int)(rest / factor));
		rest %= factor;
	}
	return used + snprintf(buffer + used, size - (size_t)used, "%s", unit->name);
}

void number_format_duration(uint64_t ns, char buffer[NUMBER_DURATION_SIZE])
{
	int used = 0;

	if (ns == 0) {
		snprintf(buffer, NUMBER_DURATION_SIZE, "0s");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(duration_units) && ns; i++) {
		const struct unit *unit = &duration_units[i];
		bool whole_only = unit->factor > NS_PER_S;
		uint64_t part = whole_only ? ns - ns % unit->factor : ns;

		if (ns < unit->factor)
			continue;
		used += format_exact(part, unit, buffer + used,
				     (size_t)(NUMBER_DURATION_SIZE - used));
		ns -= part;
	}
}

/* To three significant digits, half up. */
static uint64_t round_to_three_digits(uint64_t ns)
{
	uint64_t step = 1;

	while (ns / step >= 1000)
		step *= 10;
	return (ns + step / 2) / step * step;
}

static void format_minutes(uint64_t ns, char *buffer)
{
	unsigned long long seconds = ns / NS_PER_S + (ns % NS_PER_S >= NS_PER_S / 2);

	if (seconds < 3600)
		snprintf(buffer, NUMBER_DURATION_SIZE, "%llu min %llu s", seconds / 60,
			 seconds % 60);
	else
		snprintf(buffer, NUMBER_DURATION_SIZE, "%llu h %llu min", (seconds + 30) / 3600,
			 (seconds + 30) / 60 % 60);
}

void number_format_seconds(uint64_t ns, char buffer[NUMBER_DURATION_SIZE])
{
	static const struct unit units[] = {
		{"s", NS_PER_S}, {"ms", NS_PER_MS}, {"us", NS_PER_US}, {"ns", 1}};
	uint64_t rounded = ns < 60 * NS_PER_S ? round_to_three_digits(ns) : ns;
	const struct unit *unit = units;
	uint64_t whole, hundredths;

	if (ns == 0) {
		snprintf(buffer, NUMBER_DURATION_SIZE, "0 s");
		return;
	}
	if (rounded >= 60 * NS_PER_S) {
		format_minutes(rounded, buffer);
		return;
	}
	while (rounded < unit->factor)
		unit++;
	whole = rounded / unit->factor;
	hundredths = unit->factor < 100 ? 0 : rounded % unit->factor / (unit->factor / 100);
	if (whole >= 100 || unit->factor == 1)
		snprintf(buffer, NUMBER_DURATION_SIZE, "%llu %s", (unsigned long long)whole,
			 unit->name);
	else if (whole >= 10)
		snprintf(buffer, NUMBER_DURATION_SIZE, "%llu.%llu %s", (unsigned long long)whole,
			 (unsigned long long)hundredths / 10, unit->name);
	else
		snprintf(buffer, NUMBER_DURATION_SIZE, "%llu.%02llu %s", (unsigned long long)whole,
			 (unsigned long long)hundredths, unit->name);
}
