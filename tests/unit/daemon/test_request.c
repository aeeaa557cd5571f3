/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/daemon/request.h"

/* A message of each kind that passes; the bad ones below differ from it in one field. */
static struct engine_request good(enum engine_request_type type)
{
	struct engine_request request = {.version = ENGINE_PROTOCOL_VERSION, .type = type};

	switch (type) {
	case ENGINE_BEGIN:
		request.u.begin = (struct engine_begin){
			.duration_ns = 60 * NS_PER_S,
			.lease_ns = 3 * NS_PER_S,
			.rules = 1,
			.title = "Title",
		};
		break;
	case ENGINE_RULE:
		request.u.rule = (struct engine_rule){
			.tcp_udp = 1,
			.rule = {.effect = FAULT_EFFECT_REFUSE, .share = FAULT_SHARE_ALWAYS},
			.fault = "a",
		};
		break;
	case ENGINE_MATCH:
		request.u.match = (struct engine_match){
			.dimension = ENGINE_DIMENSION_PORT, .port_first = 80, .port_last = 90};
		break;
	case ENGINE_ANSWER:
		request.u.answer.answer.length = 40;
		request.u.answer.answer.header_length = 38;
		break;
	case ENGINE_SEED:
		snprintf(request.u.seed.name, sizeof(request.u.seed.name), "%s", "a.example");
		break;
	case ENGINE_INJECT:
	case ENGINE_LIFT:
		request.u.window = (struct engine_window){.rules = 1, .duration_ns = NS_PER_S};
		break;
	default:
		break;
	}
	return request;
}

static void test_good_ones(void **state)
{
	struct failure failure = {};

	(void)state;
	for (unsigned int type = ENGINE_BEGIN; type < ENGINE_REQUEST_COUNT; type++) {
		struct engine_request request = good(type);

		assert_int_equal(request_check(&request, sizeof(request), &failure), 0);
		assert_string_equal(failure.text, "");
		assert_string_not_equal(request_name(type), "?");
	}
	assert_string_equal(request_name(0), "?");
	assert_string_equal(request_name(ENGINE_REQUEST_COUNT), "?");
}

static void set_match(struct engine_request *request, __u32 dimension, const char *text)
{
	request->u.match = (struct engine_match){.dimension = dimension};
	snprintf(request->u.match.text, sizeof(request->u.match.text), "%s", text);
}

static void set_prefix(struct engine_request *request, __u8 ipv4, __u8 length, __u8 last)
{
	request->u.match =
		(struct engine_match){.dimension = ENGINE_DIMENSION_PREFIX, .ipv4 = ipv4};
	request->u.match.address[10] = 0xff;
	request->u.match.address[11] = 0xff;
	request->u.match.address[15] = last;
	request->u.match.length = length;
}

/* The ways to break a message. */
static void old_version(struct engine_request *r)
{
	r->version = 0;
}
static void no_type(struct engine_request *r)
{
	r->type = 0;
}
static void high_type(struct engine_request *r)
{
	r->type = 0xffffffff;
}
static void no_rules(struct engine_request *r)
{
	r->u.begin.rules = 0;
}
static void many_rules(struct engine_request *r)
{
	r->u.begin.rules = 65;
}
static void many_protections(struct engine_request *r)
{
	r->u.begin.protections = 65;
}
static void no_duration(struct engine_request *r)
{
	r->u.begin.duration_ns = 0;
}
static void long_duration(struct engine_request *r)
{
	r->u.begin.duration_ns = ~0ULL;
}
static void no_lease(struct engine_request *r)
{
	r->u.begin.lease_ns = 0;
}
static void long_lease(struct engine_request *r)
{
	r->u.begin.lease_ns = 61 * NS_PER_S;
}
static void begin_flags(struct engine_request *r)
{
	r->u.begin.flags = FAULT_CONTROL_NAMES;
}
static void endless_title(struct engine_request *r)
{
	memset(r->u.begin.title, 'a', 128);
}
static void control_title(struct engine_request *r)
{
	snprintf(r->u.begin.title, sizeof(r->u.begin.title), "%s", "a\nb");
}
static void rule_index(struct engine_request *r)
{
	r->u.rule.index = 64;
}
static void no_protocol(struct engine_request *r)
{
	r->u.rule.tcp_udp = 0;
}
static void odd_protocol(struct engine_request *r)
{
	r->u.rule.tcp_udp = 4;
}
static void no_effect(struct engine_request *r)
{
	r->u.rule.rule.effect = 0;
}
static void high_effect(struct engine_request *r)
{
	r->u.rule.rule.effect = FAULT_EFFECT_COUNT;
}
static void rule_flags(struct engine_request *r)
{
	r->u.rule.rule.flags = 16;
}
static void cut_nothing(struct engine_request *r)
{
	r->u.rule.rule.effect = FAULT_EFFECT_CUT;
}
static void stray_rate(struct engine_request *r)
{
	r->u.rule.rule.rate = 1000;
}
static void gate_bits(struct engine_request *r)
{
	r->u.rule.rule.gate = FAULT_GATE_HTTP;
}
static void gate_missing(struct engine_request *r)
{
	r->u.rule.rule.effect = FAULT_EFFECT_DELAY;
	r->u.rule.gate.delay_ns = NS_PER_S;
}
static void gate_distribution(struct engine_request *r)
{
	gate_missing(r);
	r->u.rule.rule.gate = FAULT_GATE_FIRST;
	r->u.rule.gate.distribution = 3;
}
static void gate_padding(struct engine_request *r)
{
	r->u.rule.gate.padding[4] = 1;
}
static void bare_flap(struct engine_request *r)
{
	r->u.rule.rule.shape.flap_period = NS_PER_S;
}
static void overload_drop(struct engine_request *r)
{
	r->u.rule.rule.effect = FAULT_EFFECT_OVERLOAD;
	r->u.rule.rule.reject = FAULT_EFFECT_DROP;
}
static void shape_padding(struct engine_request *r)
{
	r->u.rule.rule.shape.padding = 1;
}
static void steps_at_once(struct engine_request *r)
{
	r->u.window.duration_ns = 0;
	r->u.window.steps = 4;
}
static void many_steps(struct engine_request *r)
{
	r->u.window.steps = 1001;
}
static void window_padding(struct engine_request *r)
{
	r->u.window.padding = 1;
}
static void share(struct engine_request *r)
{
	r->u.rule.rule.share = 1000001;
}
static void loss(struct engine_request *r)
{
	r->u.rule.rule.loss = 1000001;
}
static void methods(struct engine_request *r)
{
	r->u.rule.rule.methods = 1 << FAULT_METHOD_COUNT;
}
static void padding(struct engine_request *r)
{
	r->u.rule.rule.padding = 1;
}
static void existing(struct engine_request *r)
{
	r->u.rule.existing = 3;
}
static void no_fault(struct engine_request *r)
{
	r->u.rule.fault[0] = '\0';
}
static void endless_fault(struct engine_request *r)
{
	memset(r->u.rule.fault, 'a', 64);
}
static void no_dimension(struct engine_request *r)
{
	r->u.match.dimension = 0;
}
static void high_dimension(struct engine_request *r)
{
	r->u.match.dimension = ENGINE_DIMENSION_COUNT;
}
static void match_rule(struct engine_request *r)
{
	r->u.match.rule = 64;
}
static void protection(struct engine_request *r)
{
	r->u.match.rule = ENGINE_PROTECTION | 64;
}
static void both_kinds(struct engine_request *r)
{
	r->u.match.rule = ENGINE_SCOPE | 1;
}
static void scope_port(struct engine_request *r)
{
	r->u.match.rule = ENGINE_SCOPE;
}
static void port_zero(struct engine_request *r)
{
	r->u.match.port_first = 0;
}
static void port_order(struct engine_request *r)
{
	r->u.match.port_first = 91;
}
static void ipv4_flag(struct engine_request *r)
{
	set_prefix(r, 2, 8, 0);
}
static void ipv4_length(struct engine_request *r)
{
	set_prefix(r, 1, 33, 0);
}
static void ipv6_length(struct engine_request *r)
{
	set_prefix(r, 0, 129, 0);
}
static void host_bits(struct engine_request *r)
{
	set_prefix(r, 1, 31, 1);
}
static void bad_name(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_NAME, "A.example");
}
static void empty_name(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_NAME, "");
}
static void bare_path(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_PATH, "x");
}
static void dot_dot(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_CGROUP, "/a/../b");
}
static void bare_cgroup(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_CGROUP, "a");
}
static void answer_rule(struct engine_request *r)
{
	r->u.answer.rule = 64;
}
static void answer_close(struct engine_request *r)
{
	r->u.answer.close = 2;
}
static void answer_empty(struct engine_request *r)
{
	r->u.answer.answer.length = 0;
}
static void answer_long(struct engine_request *r)
{
	r->u.answer.answer.length = 4097;
}
static void answer_head(struct engine_request *r)
{
	r->u.answer.answer.header_length = 41;
}
static void seed_wild(struct engine_request *r)
{
	snprintf(r->u.seed.name, sizeof(r->u.seed.name), "%s", "a..b");
}
static void no_window(struct engine_request *r)
{
	r->u.window.rules = 0;
}
static void no_length(struct engine_request *r)
{
	r->u.window.duration_ns = 0;
}
static void series_order(struct engine_request *r)
{
	r->u.series.from_bucket = 1;
}
static void series_long(struct engine_request *r)
{
	r->u.series.to_bucket = (1 << 20) + 1;
}
static void series_rule(struct engine_request *r)
{
	r->u.series.from_rule = 64;
}

static void unmapped(struct engine_request *r)
{
	set_prefix(r, 1, 32, 0);
	r->u.match.address[0] = 1;
}

static void protect_name(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_NAME, "a.example");
	r->u.match.rule = ENGINE_PROTECTION;
}

static void endless_text(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_PATH, "/");
	memset(r->u.match.text, '/', sizeof(r->u.match.text));
}

static void long_path(struct engine_request *r)
{
	set_match(r, ENGINE_DIMENSION_PATH, "/");
	memset(r->u.match.text, '/', 256);
}

static const struct {
	enum engine_request_type type;
	void (*spoil)(struct engine_request *request);
	int r;
	const char *message;
} bad_ones[] = {
	{ENGINE_STATUS, old_version, -EPROTO, "protocol version 0, 1 is spoken here"},
	{ENGINE_STATUS, no_type, -EPROTO, "request type 0 is none"},
	{ENGINE_STATUS, high_type, -EPROTO, "request type 4294967295 is none"},
	{ENGINE_BEGIN, no_rules, -ERANGE, "0 rules, 1 to 64 are allowed"},
	{ENGINE_BEGIN, many_rules, -ERANGE, "65 rules, 1 to 64 are allowed"},
	{ENGINE_BEGIN, many_protections, -ERANGE, "65 protections, at most 64 are allowed"},
	{ENGINE_BEGIN, no_duration, -ERANGE, "the duration is not within 1 ns to 7 days"},
	{ENGINE_BEGIN, long_duration, -ERANGE, "the duration is not within 1 ns to 7 days"},
	{ENGINE_BEGIN, no_lease, -ERANGE, "the lease is 0 or longer than the duration"},
	{ENGINE_BEGIN, long_lease, -ERANGE, "the lease is 0 or longer than the duration"},
	{ENGINE_BEGIN, begin_flags, -EINVAL, "unknown flags 0x1"},
	{ENGINE_BEGIN, endless_title, -EINVAL, "the title has no end"},
	{ENGINE_BEGIN, control_title, -EINVAL, "the title has a control character"},
	{ENGINE_RULE, rule_index, -ERANGE, "rule 64 is not below 64"},
	{ENGINE_RULE, no_protocol, -EINVAL, "protocol bits 0x0"},
	{ENGINE_RULE, odd_protocol, -EINVAL, "protocol bits 0x4"},
	{ENGINE_RULE, no_effect, -EINVAL, "effect 0 is none"},
	{ENGINE_RULE, high_effect, -EINVAL, "effect 18 is none"},
	{ENGINE_RULE, rule_flags, -EINVAL, "unknown rule flags 0x10"},
	{ENGINE_RULE, share, -ERANGE, "a share or loss above 1000000"},
	{ENGINE_RULE, loss, -ERANGE, "a share or loss above 1000000"},
	{ENGINE_RULE, methods, -EINVAL, "method bits 0x100"},
	{ENGINE_RULE, padding, -EINVAL, "padding is not 0"},
	{ENGINE_RULE, shape_padding, -EINVAL, "padding is not 0"},
	{ENGINE_RULE, cut_nothing, -EINVAL, "cut acts after 1 byte to 1 TiB, not after 0"},
	{ENGINE_RULE, stray_rate, -EINVAL, "a rate belongs to the effects rate and drip only"},
	{ENGINE_RULE, gate_bits, -EINVAL, "gate bits 0x2 do not belong to the effect"},
	{ENGINE_RULE, gate_missing, -EINVAL, "gate bits 0x0 do not belong to the effect"},
	{ENGINE_RULE, gate_distribution, -EINVAL, "3 is no distribution"},
	{ENGINE_RULE, gate_padding, -EINVAL, "padding is not 0"},
	{ENGINE_RULE, bare_flap, -EINVAL, "the duty of a flap is not between 0 % and 100 %"},
	{ENGINE_RULE, overload_drop, -EINVAL, "an overload rejects by answer, hang or refuse"},
	{ENGINE_RULE, existing, -EINVAL, "existing is 3"},
	{ENGINE_RULE, no_fault, -EINVAL, "the fault's name has 0 bytes, 1 to 63 are allowed"},
	{ENGINE_RULE, endless_fault, -EINVAL, "the fault's name has no end"},
	{ENGINE_MATCH, no_dimension, -EINVAL, "dimension 0 is none"},
	{ENGINE_MATCH, high_dimension, -EINVAL, "dimension 12 is none"},
	{ENGINE_MATCH, match_rule, -ERANGE, "rule 64 is not below 64"},
	{ENGINE_MATCH, protection, -ERANGE, "protection 64 is not below 64"},
	{ENGINE_MATCH, both_kinds, -ERANGE, "rule 2147483649 is not below 64"},
	{ENGINE_MATCH, scope_port, -EINVAL, "a scope that is no cgroup"},
	{ENGINE_MATCH, protect_name, -EINVAL, "a protection is made of prefixes and ports"},
	{ENGINE_MATCH, port_zero, -ERANGE, "ports 0 to 90"},
	{ENGINE_MATCH, port_order, -ERANGE, "ports 91 to 90"},
	{ENGINE_MATCH, ipv4_flag, -EINVAL, "ipv4 is 2"},
	{ENGINE_MATCH, ipv4_length, -ERANGE, "a prefix of 33 bits"},
	{ENGINE_MATCH, ipv6_length, -ERANGE, "a prefix of 129 bits"},
	{ENGINE_MATCH, host_bits, -EINVAL, "bits are set below the prefix length 31"},
	{ENGINE_MATCH, unmapped, -EINVAL, "an IPv4 prefix that is not v4-mapped"},
	{ENGINE_MATCH, bad_name, -EINVAL, "'A.example' is no name in lower case"},
	{ENGINE_MATCH, empty_name, -EINVAL, "the name has 0 bytes, 1 to 253 are allowed"},
	{ENGINE_MATCH, bare_path, -EINVAL, "the path does not begin with '/'"},
	{ENGINE_MATCH, long_path, -EINVAL, "the path has 256 bytes, 1 to 255 are allowed"},
	{ENGINE_MATCH, endless_text, -EINVAL, "the path has no end"},
	{ENGINE_MATCH, dot_dot, -EINVAL, "the cgroup is no path below the cgroup mount"},
	{ENGINE_MATCH, bare_cgroup, -EINVAL, "the cgroup is no path below the cgroup mount"},
	{ENGINE_ANSWER, answer_rule, -ERANGE, "rule 64 is not below 64"},
	{ENGINE_ANSWER, answer_close, -EINVAL, "close is 2"},
	{ENGINE_ANSWER, answer_empty, -ERANGE, "an answer of 0 bytes"},
	{ENGINE_ANSWER, answer_long, -ERANGE, "an answer of 4097 bytes"},
	{ENGINE_ANSWER, answer_head, -ERANGE, "headers of 41 bytes in an answer of 40"},
	{ENGINE_SEED, seed_wild, -EINVAL, "'a..b' is no name in lower case"},
	{ENGINE_INJECT, no_window, -EINVAL, "no rules are named"},
	{ENGINE_INJECT, no_length, -EINVAL, "the window has no length"},
	{ENGINE_LIFT, no_window, -EINVAL, "no rules are named"},
	{ENGINE_LIFT, steps_at_once, -EINVAL, "a lift in 4 steps takes no time"},
	{ENGINE_LIFT, many_steps, -ERANGE, "1001 steps, at most 1000 are allowed"},
	{ENGINE_LIFT, window_padding, -EINVAL, "padding is not 0"},
	{ENGINE_RULE_STATUS, rule_index, -ERANGE, "rule 64 is not below 64"},
	{ENGINE_SERIES, series_order, -ERANGE, "buckets 1 to 0"},
	{ENGINE_SERIES, series_long, -ERANGE, "1048577 buckets, at most 1048576 are read at once"},
	{ENGINE_SERIES, series_rule, -ERANGE, "rule 64 is not below 64"},
};

static void test_bad_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_ones); i++) {
		struct engine_request request = good(bad_ones[i].type);
		struct failure failure = {};

		bad_ones[i].spoil(&request);
		assert_int_equal(request_check(&request, sizeof(request), &failure), bad_ones[i].r);
		assert_string_equal(failure.text, bad_ones[i].message);
	}
}

static void test_sizes(void **state)
{
	struct engine_request request = good(ENGINE_STATUS);
	struct failure failure = {};

	(void)state;
	assert_int_equal(request_check(&request, 0, &failure), -EPROTO);
	assert_int_equal(request_check(&request, sizeof(request) - 1, &failure), -EPROTO);
	assert_int_equal(request_check(&request, sizeof(request) + 1, &failure), -EPROTO);
}

/* Whatever the bytes are, the check ends and says yes or no. */
static void test_noise(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct engine_request request;
		struct failure failure = {};
		uint8_t *bytes = (uint8_t *)&request;

		for (size_t i = 0; i < sizeof(request); i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(seed >> 24);
		}
		request.version = ENGINE_PROTOCOL_VERSION;
		request.type = 1 + (uint32_t)round % ENGINE_REQUEST_COUNT;
		if (request_check(&request, sizeof(request), &failure))
			assert_string_not_equal(failure.text, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_ones),
		cmocka_unit_test(test_bad_ones),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
