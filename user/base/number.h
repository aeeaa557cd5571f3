/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict parsing and printing of numbers with units. Parsers take the whole string or fail: no
 * leading or trailing space, no sign unless said, no bare number where a unit is due. They return
 * 0, -EINVAL (not of the form) or -ERANGE (out of range) and leave the output untouched on failure.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Decimal digits only. */
int number_parse_u64(const char *text, uint64_t low, uint64_t high, uint64_t *ret_value);

/* "250ms", "1.5s", "2m", "1h30m", "10us", "5ns"; "0s" is allowed. A unit is required. */
int number_parse_duration(const char *text, uint64_t *ret_ns);

/* "30%", "0.5%", "100%": parts per million, 0 to 1,000,000. The sign is required. */
int number_parse_percent(const char *text, uint32_t *ret_ppm);

/* "512B", "64KiB", "1MiB", "2GiB", "10kB", "5MB": bytes. A unit is required. */
int number_parse_size(const char *text, uint64_t *ret_bytes);

/* "10Mbit/s", "64kbit/s", "1.5Gbit/s", "800bit/s", "1kB/s", "1MiB/s": bytes a second, in whole
 * ones. */
int number_parse_rate(const char *text, uint64_t *ret_bytes);

/* "20/s", "0.5/s": thousandths a second. */
int number_parse_frequency(const char *text, uint64_t *ret_millihertz);

/* "3", "0.5", "12.25": a plain non-negative decimal, for ratios. */
int number_parse_decimal(const char *text, double *ret_value);

/* Shortest exact form that number_parse_duration reads back: "1h30m", "1.5s", "250ms", "0s". */
#define NUMBER_DURATION_SIZE 48
void number_format_duration(uint64_t ns, char buffer[NUMBER_DURATION_SIZE]);

/* Shortest exact form that number_parse_rate and number_parse_size read back. */
#define NUMBER_QUANTITY_SIZE 32
void number_format_rate(uint64_t bytes, char buffer[NUMBER_QUANTITY_SIZE]);
void number_format_size(uint64_t bytes, char buffer[NUMBER_QUANTITY_SIZE]);

/* For people: three significant digits, "12.3 s", "340 ms", "2 min 5 s". */
void number_format_seconds(uint64_t ns, char buffer[NUMBER_DURATION_SIZE]);

#endif
