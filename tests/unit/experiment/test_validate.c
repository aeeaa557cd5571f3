/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/base/clock.h"
#include "user/experiment/plan.h"

/* A valid plan of one rule, on the stack of each test: refuse tcp to 10.0.0.0/8 port 443. */
struct sample {
	struct plan plan;
	struct plan_rule rules[FAULT_RULES_MAX + 1];
	struct plan_protect protects[FAULT_PROTECTED_MAX + 1];
	struct port_range port;
	struct address_prefix prefix;
	char *one;
};

static void sample_fill(struct sample *sample)
{
	memset(sample, 0, sizeof(*sample));
	sample->port = (struct port_range){443, 443};
	assert_int_equal(address_parse_prefix("10.0.0.0/8", &sample->prefix), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sample->rules); i++)
		sample->rules[i] = (struct plan_rule){
			.fault = (char *)"artifacts",
			.effect = FAULT_EFFECT_REFUSE,
			.share = FAULT_SHARE_ALWAYS,
			.match = {.tcp = true,
				  .ports = &sample->port,
				  .ports_count = 1,
				  .prefixes = &sample->prefix,
				  .prefixes_count = 1},
		};
	for (size_t i = 0; i < ARRAY_SIZE(sample->protects); i++)
		sample->protects[i] = (struct plan_protect){.prefix = sample->prefix};
	sample->plan = (struct plan){
		.title = (char *)"Title",
		.duration_ns = 60 * NS_PER_S,
		.lease_ns = 3 * NS_PER_S,
		.rules = sample->rules,
		.rules_count = 1,
		.protect = sample->protects,
		.protect_count = 1,
	};
}

static struct strings one_string(struct sample *sample, const char *text)
{
	sample->one = (char *)text;
	return (struct strings){.items = &sample->one, .count = 1};
}

static void no_constraint(struct sample *s)
{
	s->rules[0].match.ports_count = 0;
	s->rules[0].match.prefixes_count = 0;
}

static void set_answer(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_ANSWER;
	s->rules[0].status = 503;
}

static void set_path(struct sample *s, const char *path)
{
	set_answer(s);
	s->rules[0].match.http = true;
	s->rules[0].match.paths = one_string(s, path);
}

/* One breach each; the message follows in the table below. */
static void everything(struct sample *s)
{
	no_constraint(s);
}

static void whole_internet(struct sample *s)
{
	no_constraint(s);
	memset(&s->prefix, 0, sizeof(s->prefix));
	s->rules[0].match.prefixes_count = 1;
}

static void every_port(struct sample *s)
{
	no_constraint(s);
	s->port = (struct port_range){1, 65535};
	s->rules[0].match.ports_count = 1;
}

static void every_path(struct sample *s)
{
	no_constraint(s);
	set_path(s, "/");
}

static void share_zero(struct sample *s)
{
	s->rules[0].share = 0;
}

static void share_above(struct sample *s)
{
	s->rules[0].share = FAULT_SHARE_ALWAYS + 1;
}

static void loss_zero(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_LOSS;
}

static void loss_above(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_LOSS;
	s->rules[0].loss = 1000001;
}

static void loss_elsewhere(struct sample *s)
{
	s->rules[0].loss = 1;
}

static void hang_udp(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_HANG;
	s->rules[0].match.udp = true;
}

static void answer_udp(struct sample *s)
{
	set_answer(s);
	s->rules[0].match.udp = true;
}

static void alert_udp(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_ALERT;
	s->rules[0].alert = 40;
	s->rules[0].match.udp = true;
}

static void http_udp(struct sample *s)
{
	s->rules[0].match.http = true;
	s->rules[0].match.udp = true;
}

static void status_low(struct sample *s)
{
	set_answer(s);
	s->rules[0].status = 199;
}

static void status_high(struct sample *s)
{
	set_answer(s);
	s->rules[0].status = 600;
}

static void header_open(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"A: b";
}

static void header_bare_newline(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"A: b\nC: d\r\n";
}

static void header_bare_return(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"A: b\rC: d\r\n";
}

static void header_empty_line(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"A: b\r\n\r\nbody\r\n";
}

static void header_folded(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"A: b\r\n c\r\n";
}

static void header_space(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"Content-Length : 3\r\n";
}

static void header_length(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"content-length: 3\r\n";
}

static void header_connection(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"X: y\r\nConnection: close\r\n";
}

static void header_transfer(struct sample *s)
{
	set_answer(s);
	s->rules[0].headers = (char *)"Transfer-Encoding: chunked\r\n";
}

static void reason_newline(struct sample *s)
{
	set_answer(s);
	s->rules[0].reason = (char *)"No\r\nX: y";
}

static void body_missing(struct sample *s)
{
	set_answer(s);
	s->rules[0].body_length = 1;
}

static void body_in_204(struct sample *s)
{
	set_answer(s);
	s->rules[0].status = 204;
	s->rules[0].body = (char *)"x";
	s->rules[0].body_length = 1;
}

static char long_body[FAULT_ANSWER_MAX];

static void answer_long(struct sample *s)
{
	/* One byte too long with keep-alive, fits with close: both variants must be tried. */
	set_answer(s);
	s->rules[0].status = 200;
	s->rules[0].body = long_body;
	s->rules[0].body_length = FAULT_ANSWER_MAX - 64;
}

static void answer_elsewhere(struct sample *s)
{
	s->rules[0].status = 503;
}

static void alert_zero(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_ALERT;
}

static void alert_unknown(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_ALERT;
	s->rules[0].alert = 41;
}

static void alert_elsewhere(struct sample *s)
{
	s->rules[0].alert = 40;
}

static void effect_none(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_NONE;
}

static void effect_unknown(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_COUNT;
}

static void refuse_http(struct sample *s)
{
	s->rules[0].match.http = true;
}

static void alert_http(struct sample *s)
{
	s->rules[0].effect = FAULT_EFFECT_ALERT;
	s->rules[0].alert = 40;
	s->rules[0].match.http = true;
}

static void rules_none(struct sample *s)
{
	s->plan.rules_count = 0;
}

static void rules_many(struct sample *s)
{
	s->plan.rules_count = FAULT_RULES_MAX + 1;
}

static void protects_many(struct sample *s)
{
	s->plan.protect_count = FAULT_PROTECTED_MAX + 1;
}

static void protect_bits(struct sample *s)
{
	s->protects[0].prefix.address[15] = 1;
}

static void protect_port(struct sample *s)
{
	s->port = (struct port_range){0, 5};
	s->protects[0].ports = &s->port;
	s->protects[0].ports_count = 1;
}

static void list_long(struct sample *s)
{
	s->rules[0].match.ports_count = PLAN_LIST_MAX + 1;
}

static void list_null(struct sample *s)
{
	s->rules[0].match.names.count = 1;
}

static void prefix_length(struct sample *s)
{
	s->prefix.length = 33;
}

static void prefix_family(struct sample *s)
{
	s->prefix.address[0] = 0xfd;
}

static void port_swapped(struct sample *s)
{
	s->port = (struct port_range){90, 80};
}

static void name_upper(struct sample *s)
{
	s->rules[0].match.names = one_string(s, "A.example");
}

static void name_partial(struct sample *s)
{
	s->rules[0].match.names = one_string(s, "a*.blob.example");
}

static void path_relative(struct sample *s)
{
	set_path(s, "token");
}

static void path_without_http(struct sample *s)
{
	set_path(s, "/token");
	s->rules[0].match.http = false;
}

static void methods_without_http(struct sample *s)
{
	s->rules[0].match.methods = 1U << FAULT_METHOD_GET;
}

static void methods_unknown(struct sample *s)
{
	s->rules[0].match.methods = 1U << FAULT_METHOD_COUNT;
}

static void cgroup_root(struct sample *s)
{
	s->rules[0].match.cgroups = one_string(s, "/");
}

static void cgroup_above(struct sample *s)
{
	s->rules[0].match.cgroups = one_string(s, "/a/../..");
}

static void scope_root(struct sample *s)
{
	s->plan.cgroups = one_string(s, "/");
}

static void scope_unit(struct sample *s)
{
	s->plan.units = one_string(s, "");
}

static void protocol_none(struct sample *s)
{
	s->rules[0].match.tcp = false;
}

static void duration_zero(struct sample *s)
{
	s->plan.duration_ns = 0;
}

static void duration_long(struct sample *s)
{
	s->plan.duration_ns = 24 * 3600 * NS_PER_S + 1;
}

static void lease_short(struct sample *s)
{
	s->plan.lease_ns = 500 * NS_PER_MS - 1;
}

static void lease_long(struct sample *s)
{
	s->plan.lease_ns = 60 * NS_PER_S + 1;
}

static void title_missing(struct sample *s)
{
	s->plan.title = NULL;
}

static void title_newline(struct sample *s)
{
	s->plan.title = (char *)"a\nb";
}

static void fault_name(struct sample *s)
{
	s->rules[0].fault = (char *)"Artifacts";
}

static void fault_missing(struct sample *s)
{
	s->rules[0].fault = NULL;
}

static const struct {
	void (*breach)(struct sample *sample);
	const char *text;
} refusals[] = {
	{everything, "fault artifacts: it would match everything; an address, name, port, path or "
		     "cgroup is needed"},
	{whole_internet, "fault artifacts: it would match everything; an address, name, port, path "
			 "or cgroup is needed"},
	{every_port, "fault artifacts: it would match everything; an address, name, port, path or "
		     "cgroup is needed"},
	{every_path, "fault artifacts: it would match everything; an address, name, port, path or "
		     "cgroup is needed"},
	{share_zero, "fault artifacts: the share is not above 0 % and at most 100 %"},
	{share_above, "fault artifacts: the share is not above 0 % and at most 100 %"},
	{loss_zero, "fault artifacts: a loss of 0 % does nothing"},
	{loss_above, "fault artifacts: a loss above 100 %"},
	{loss_elsewhere, "fault artifacts: a loss belongs to the effect loss only"},
	{hang_udp, "fault artifacts: effect hang acts on tcp only"},
	{answer_udp, "fault artifacts: effect answer acts on tcp only"},
	{alert_udp, "fault artifacts: effect alert acts on tcp only"},
	{http_udp, "fault artifacts: HTTP requests are matched on tcp only"},
	{status_low, "fault artifacts: answer status 199 is outside 200..599"},
	{status_high, "fault artifacts: answer status 600 is outside 200..599"},
	{header_open, "fault artifacts: header lines do not end in CR LF"},
	{header_bare_newline, "fault artifacts: header 'A' holds a control character in its value"},
	{header_bare_return, "fault artifacts: header 'A' holds a control character in its value"},
	{header_empty_line, "fault artifacts: header line '' is not of the form 'Name: value'"},
	{header_folded, "fault artifacts: header line ' c' is not of the form 'Name: value'"},
	{header_space,
	 "fault artifacts: header line 'Content-Length : 3' is not of the form 'Name: "
	 "value'"},
	{header_length, "fault artifacts: header 'Content-Length' is written by faultd itself"},
	{header_connection, "fault artifacts: header 'Connection' is written by faultd itself"},
	{header_transfer,
	 "fault artifacts: header 'Transfer-Encoding' is written by faultd itself"},
	{reason_newline, "fault artifacts: the answer's reason holds a control character"},
	{body_missing, "fault artifacts: the answer's body is missing"},
	{body_in_204, "fault artifacts: an answer of status 204 has no body"},
	{answer_long, "fault artifacts: the answer is longer than 4096 bytes"},
	{answer_elsewhere, "fault artifacts: an answer belongs to the effect answer only"},
	{alert_zero, "fault artifacts: 0 is no TLS error alert"},
	{alert_unknown, "fault artifacts: 41 is no TLS error alert"},
	{alert_elsewhere, "fault artifacts: an alert belongs to the effect alert only"},
	{effect_none, "fault artifacts: effect 0 is unknown"},
	{effect_unknown, "fault artifacts: effect 18 is unknown"},
	{refuse_http, "fault artifacts: effect refuse acts before an HTTP request is seen; match "
		      "without http"},
	{alert_http, "fault artifacts: effect alert acts before an HTTP request is seen; match "
		     "without http"},
	{rules_none, "there is no rule"},
	{rules_many, "65 rules are more than 64"},
	{protects_many, "65 protections are more than 64"},
	{protect_bits, "protection 1: '10.0.0.1/8' is no valid prefix"},
	{protect_port, "protection 1: ports 0-5 are no range of 1..65535"},
	{list_long, "fault artifacts: 1025 port ranges are more than 1024"},
	{list_null, "fault artifacts: 1 names are counted, none is there"},
	{prefix_length, "fault artifacts: prefix length 33 is out of range"},
	{prefix_family, "fault artifacts: 'fd00::ffff:a00:0/8' is no valid prefix"},
	{port_swapped, "fault artifacts: ports 90-80 are no range of 1..65535"},
	{name_upper, "fault artifacts: 'A.example' is no lower-case host name or "
		     "'*.domain.example'"},
	{name_partial, "fault artifacts: 'a*.blob.example' is no lower-case host name or "
		       "'*.domain.example'"},
	{path_relative, "fault artifacts: path 'token' does not begin with '/' or has a space"},
	{path_without_http, "fault artifacts: paths and methods need an HTTP request, http is off"},
	{methods_without_http,
	 "fault artifacts: paths and methods need an HTTP request, http is off"},
	{methods_unknown, "fault artifacts: an HTTP method is unknown"},
	{cgroup_root, "fault artifacts: cgroup '/' is no path below the cgroup mount like '/a/b'"},
	{cgroup_above, "fault artifacts: cgroup '/a/../..' is no path below the cgroup mount like "
		       "'/a/b'"},
	{scope_root, "scope: cgroup '/' is no path below the cgroup mount like '/a/b'"},
	{scope_unit, "scope: one of the units is empty or longer than 255 bytes"},
	{protocol_none, "fault artifacts: no protocol is matched"},
	{duration_zero, "the duration is 0"},
	{duration_long, "the duration is above 24h"},
	{lease_short, "the lease is outside 500ms..1m"},
	{lease_long, "the lease is outside 500ms..1m"},
	{title_missing, "the title is missing or longer than 127 bytes"},
	{title_newline, "the title holds a control character"},
	{fault_name, "rule 1: the fault's name is not of the form [a-z0-9][a-z0-9_-]{0,47}"},
	{fault_missing, "rule 1: the fault's name is not of the form [a-z0-9][a-z0-9_-]{0,47}"},
};

static void test_refusals(void **state)
{
	static struct sample sample;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct failure failure = {0};

		sample_fill(&sample);
		refusals[i].breach(&sample);
		assert_int_equal(plan_validate(&sample.plan, &failure), -EINVAL);
		assert_string_equal(failure.text, refusals[i].text);
	}
}

static void test_accepts(void **state)
{
	static struct sample sample;
	struct failure failure = {0};

	(void)state;
	sample_fill(&sample);
	assert_int_equal(plan_validate(&sample.plan, &failure), 0);
	sample.plan.rules_count = FAULT_RULES_MAX;
	sample.plan.protect_count = FAULT_PROTECTED_MAX;
	sample.plan.duration_ns = 24 * 3600 * NS_PER_S;
	assert_int_equal(plan_validate(&sample.plan, &failure), 0);
	set_path(&sample, "/metadata");
	sample.rules[0].headers = (char *)"Retry-After: 5\r\nX-Empty:\r\n";
	sample.rules[0].match.methods = 1U << FAULT_METHOD_GET;
	assert_int_equal(plan_validate(&sample.plan, &failure), 0);
	sample_fill(&sample);
	no_constraint(&sample);
	sample.rules[0].match.cgroups = one_string(&sample, "/system.slice/a..b.service");
	sample.rules[0].match.udp = true;
	assert_int_equal(plan_validate(&sample.plan, &failure), 0);
	assert_string_equal(failure.text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_accepts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
