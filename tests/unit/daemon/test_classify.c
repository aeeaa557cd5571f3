/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "user/base/cleanup.h"
#include "user/daemon/classify.h"

/* A draft of `count` refuse rules on TCP; tests change and fill it. */
static struct draft *draft_of(__u32 count, __u32 protections)
{
	const struct engine_begin begin = {.rules = count, .protections = protections};
	struct draft *draft = NULL;

	assert_int_equal(draft_new(&begin, &draft), 0);
	for (__u32 i = 0; i < count; i++) {
		const struct engine_rule rule = {
			.index = i,
			.tcp_udp = 1,
			.rule = {.effect = FAULT_EFFECT_REFUSE},
			.fault = "a",
		};

		assert_int_equal(draft_add_rule(draft, &rule, NULL), 0);
	}
	return draft;
}

static void add_port(struct draft *draft, __u32 owner, __u16 first, __u16 last)
{
	const struct engine_match match = {.rule = owner,
					   .dimension = ENGINE_DIMENSION_PORT,
					   .port_first = first,
					   .port_last = last};

	assert_int_equal(draft_add_match(draft, &match, NULL), 0);
}

static void add_prefix(struct draft *draft, __u32 owner, const char *text)
{
	struct engine_match match = {.rule = owner, .dimension = ENGINE_DIMENSION_PREFIX};
	struct address_prefix prefix;

	assert_int_equal(address_parse_prefix(text, &prefix), 0);
	memcpy(match.address, prefix.address, sizeof(match.address));
	match.length = prefix.length;
	match.ipv4 = prefix.ipv4;
	assert_int_equal(draft_add_match(draft, &match, NULL), 0);
}

static void add_text(struct draft *draft, __u32 owner, __u32 dimension, const char *text)
{
	struct engine_match match = {.rule = owner, .dimension = dimension};

	snprintf(match.text, sizeof(match.text), "%s", text);
	assert_int_equal(draft_add_match(draft, &match, NULL), 0);
	if (dimension == ENGINE_DIMENSION_NAME)
		draft->rules[owner].rule.flags |= FAULT_RULE_BY_NAME;
}

static void add_seed(struct draft *draft, const char *name, const char *address)
{
	struct address_prefix prefix;
	struct engine_seed seed = {};

	assert_int_equal(address_parse_prefix(address, &prefix), 0);
	snprintf(seed.name, sizeof(seed.name), "%s", name);
	memcpy(seed.address, prefix.address, sizeof(seed.address));
	assert_int_equal(draft_add_seed(draft, &seed, NULL), 0);
}

static struct fault_masks look(const struct classified *classified, const char *address,
			       __u32 protocol, __u16 port)
{
	struct address_prefix prefix;

	assert_int_equal(address_parse_prefix(address, &prefix), 0);
	return classify_destination(classified, prefix.address, protocol, port);
}

/* The value that the table holds under a key; the test fails when there is none. */
static const void *value_of(const struct classify_table *table, const void *key)
{
	size_t i = 0;

	while (i < table->count && memcmp(table->keys + i * table->key_size, key, table->key_size))
		i++;
	assert_true(i < table->count);
	return table->values + i * table->value_size;
}

static __u64 prefix4_rules(const struct classified *classified, __u8 a, __u8 b, __u32 length)
{
	const struct fault_prefix4 key = {.length = length, .address = {a, b}};

	return ((const struct fault_masks *)value_of(&classified->prefixes4, &key))->rules;
}

static void finish(struct draft *draft, struct classified *classified)
{
	classified_free(classified);
	draft_free(draft);
}

static void test_prefixes_inherit(void **state)
{
	struct draft *draft = draft_of(5, 0);
	struct classified classified;

	(void)state;
	add_prefix(draft, 0, "10.0.0.0/8");
	add_prefix(draft, 1, "10.1.0.0/16");
	add_prefix(draft, 2, "10.2.0.0/16");
	add_prefix(draft, 3, "fd00::/8");
	/* Rule 4 names a port and no destination: its bit is everywhere. */
	add_port(draft, 4, 443, 443);
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.any_destination, 1 << 4);
	assert_int_equal(classified.prefixes4.count, 3);
	assert_int_equal(prefix4_rules(&classified, 10, 0, 8), 1 << 4 | 1 << 0);
	assert_int_equal(prefix4_rules(&classified, 10, 1, 16), 1 << 4 | 1 << 1 | 1 << 0);
	assert_int_equal(prefix4_rules(&classified, 10, 2, 16), 1 << 4 | 1 << 2 | 1 << 0);
	assert_int_equal(classified.prefixes6.count, 1);
	assert_int_equal(((struct fault_masks *)classified.prefixes6.values)->rules,
			 1 << 4 | 1 << 3);
	finish(draft, &classified);
}

static void test_prefixes_that_share_bytes_only(void **state)
{
	struct draft *draft = draft_of(3, 0);
	struct classified classified;

	(void)state;
	add_prefix(draft, 0, "10.128.0.0/9");
	add_prefix(draft, 1, "10.0.0.0/9");
	add_prefix(draft, 2, "0.0.0.0/0");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(prefix4_rules(&classified, 10, 128, 9), 1 << 0 | 1 << 2);
	assert_int_equal(prefix4_rules(&classified, 10, 0, 9), 1 << 1 | 1 << 2);
	assert_int_equal(prefix4_rules(&classified, 0, 0, 0), 1 << 2);
	/* Everything in IPv4 is nothing in IPv6. */
	assert_int_equal(look(&classified, "10.1.1.1", FAULT_PROTOCOL_TCP, 1).rules,
			 1 << 1 | 1 << 2);
	assert_int_equal(look(&classified, "fd00::1", FAULT_PROTOCOL_TCP, 1).rules, 0);
	finish(draft, &classified);
}

static void test_ports(void **state)
{
	struct draft *draft = draft_of(4, 1);
	struct classified classified;
	__u32 key;

	(void)state;
	draft->rules[1].tcp_udp = 3;
	draft->rules[3].tcp_udp = 2;
	add_port(draft, 0, 443, 443);
	add_port(draft, 1, 440, 443);
	add_port(draft, 2, 1, 65535);
	add_prefix(draft, 2, "10.0.0.0/8");
	add_prefix(draft, 3, "10.0.0.0/8");
	add_port(draft, ENGINE_PROTECTION | 0, 22, 22);
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.any_tcp_port, 1 << 2);
	assert_int_equal(classified.control.any_udp_port, 1 << 3);
	assert_int_equal(classified.control.protect_any_tcp_port, 0);
	assert_int_equal(classified.control.protect_any_destination, 1);
	/* 440 to 443 and 22, for both protocols. */
	assert_int_equal(classified.ports.count, 10);
	key = FAULT_PROTOCOL_TCP << 16 | 443;
	assert_int_equal(((const struct fault_masks *)value_of(&classified.ports, &key))->rules,
			 1 << 0 | 1 << 1 | 1 << 2);
	key = FAULT_PROTOCOL_UDP << 16 | 441;
	assert_int_equal(((const struct fault_masks *)value_of(&classified.ports, &key))->rules,
			 1 << 1 | 1 << 3);
	key = FAULT_PROTOCOL_UDP << 16 | 22;
	assert_int_equal(((const struct fault_masks *)value_of(&classified.ports, &key))->protect,
			 1);
	finish(draft, &classified);
}

static void test_protection_of_prefix_and_port(void **state)
{
	struct draft *draft = draft_of(1, 2);
	struct classified classified;

	(void)state;
	add_prefix(draft, 0, "10.0.0.0/8");
	add_prefix(draft, ENGINE_PROTECTION | 0, "10.1.0.0/16");
	add_port(draft, ENGINE_PROTECTION | 0, 22, 22);
	add_prefix(draft, ENGINE_PROTECTION | 1, "10.2.0.0/16");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(look(&classified, "10.1.0.1", FAULT_PROTOCOL_TCP, 22).protect, 1 << 0);
	assert_int_equal(look(&classified, "10.1.0.1", FAULT_PROTOCOL_TCP, 80).protect, 0);
	assert_int_equal(look(&classified, "10.2.0.1", FAULT_PROTOCOL_UDP, 80).protect, 1 << 1);
	assert_int_equal(look(&classified, "10.3.0.1", FAULT_PROTOCOL_TCP, 22).protect, 0);
	assert_int_equal(look(&classified, "10.1.0.1", FAULT_PROTOCOL_TCP, 80).rules, 1);
	finish(draft, &classified);
}

static void test_name_keys(void **state)
{
	struct fault_name_key exact = {.length = 10 * 8, .name = "moc.elpma"};
	struct fault_name_key wild = {.length = 10 * 8, .name = "moc.elpma."};
	struct draft *draft = draft_of(2, 0);
	struct classified classified;

	(void)state;
	add_text(draft, 0, ENGINE_DIMENSION_NAME, "ample.com");
	add_text(draft, 1, ENGINE_DIMENSION_NAME, "*.ample.com");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(*(const __u64 *)value_of(&classified.names, &exact), 1 << 0);
	assert_int_equal(*(const __u64 *)value_of(&classified.names, &wild), 1 << 1);
	finish(draft, &classified);
}

static void test_names_inherit(void **state)
{
	struct draft *draft = draft_of(4, 0);
	struct classified classified;

	(void)state;
	add_text(draft, 0, ENGINE_DIMENSION_NAME, "*.example.com");
	add_text(draft, 1, ENGINE_DIMENSION_NAME, "*.b.example.com");
	add_text(draft, 2, ENGINE_DIMENSION_NAME, "a.b.example.com");
	add_prefix(draft, 3, "10.0.0.0/8");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.any_name, 1 << 3);
	assert_int_equal(classified.control.name_rules, 7);
	assert_int_equal(classify_name(&classified, "a.b.example.com"), 15);
	assert_int_equal(classify_name(&classified, "x.b.example.com"), 8 | 2 | 1);
	assert_int_equal(classify_name(&classified, "y.x.b.example.com"), 8 | 2 | 1);
	assert_int_equal(classify_name(&classified, "b.example.com"), 8 | 1);
	assert_int_equal(classify_name(&classified, "example.com"), 8);
	assert_int_equal(classify_name(&classified, "aa.b.example.com"), 8 | 2 | 1);
	assert_int_equal(classify_name(&classified, "notexample.com"), 8);
	finish(draft, &classified);
}

static void test_paths(void **state)
{
	struct fault_path_key shorter = {.length = 4 * 8, .path = "/a/b"};
	struct fault_path_key longer = {.length = 6 * 8, .path = "/a/b/c"};
	struct draft *draft = draft_of(3, 0);
	struct classified classified;

	(void)state;
	add_text(draft, 0, ENGINE_DIMENSION_PATH, "/a/b");
	add_text(draft, 1, ENGINE_DIMENSION_PATH, "/a/b/c");
	add_port(draft, 2, 80, 80);
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.any_path, 1 << 2);
	assert_int_equal(*(const __u64 *)value_of(&classified.paths, &shorter), 4 | 1);
	assert_int_equal(*(const __u64 *)value_of(&classified.paths, &longer), 4 | 2 | 1);
	finish(draft, &classified);
}

static void test_cgroups(void **state)
{
	struct draft *draft = draft_of(4, 0);
	struct classified classified;

	(void)state;
	add_text(draft, 0, ENGINE_DIMENSION_CGROUP, "/a");
	add_text(draft, 1, ENGINE_DIMENSION_UNIT, "a.service");
	add_text(draft, 2, ENGINE_DIMENSION_CONTAINER, "web");
	add_port(draft, 3, 80, 80);
	add_text(draft, ENGINE_SCOPE, ENGINE_DIMENSION_CGROUP, "/a");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.any_cgroup, 1 << 3);
	assert_true(classified.control.flags & FAULT_CONTROL_CGROUP);
	finish(draft, &classified);
}

/* Values hold the rules that leave the dimension open; what is not named leaves those alone. */
static void test_owners(void **state)
{
	static const char command[FAULT_COMMAND_MAX] = "apt-get";
	struct draft *draft = draft_of(4, 0);
	struct classified classified;
	struct draft_match *user, *namespace;

	(void)state;
	add_text(draft, 0, ENGINE_DIMENSION_COMMAND, "apt-get");
	add_text(draft, 1, ENGINE_DIMENSION_USER, "");
	user = &draft->matches[draft->matches_count - 1];
	user->number = 1000;
	add_text(draft, 2, ENGINE_DIMENSION_NAMESPACE, "");
	namespace = &draft->matches[draft->matches_count - 1];
	namespace->number = 4026531840;
	add_port(draft, 3, 80, 80);
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.any_command, 14);
	assert_int_equal(classified.control.any_user, 13);
	assert_int_equal(classified.control.any_namespace, 11);
	assert_true(classified.control.flags & FAULT_CONTROL_COMMAND);
	assert_true(classified.control.flags & FAULT_CONTROL_USER);
	assert_true(classified.control.flags & FAULT_CONTROL_NAMESPACE);
	assert_int_equal(*(const __u64 *)value_of(&classified.commands, command), 15);
	/* Where the process is not known, a rule that names one does not hold. */
	assert_int_equal(classify_owner(&classified, 1000, 4026531840), 14);
	assert_int_equal(classify_owner(&classified, 1001, 4026531840), 12);
	assert_int_equal(classify_owner(&classified, 1000, 1), 10);
	finish(draft, &classified);
}

/* An address under two names tells both: which rules own it, and which do not. */
static void test_learned(void **state)
{
	struct draft *draft = draft_of(2, 0);
	const struct fault_learned *learned;
	struct classified classified;
	struct address_prefix prefix;

	(void)state;
	add_text(draft, 0, ENGINE_DIMENSION_NAME, "a.example");
	add_text(draft, 1, ENGINE_DIMENSION_NAME, "b.example");
	add_seed(draft, "a.example", "10.0.0.1");
	add_seed(draft, "a.example", "10.0.0.2");
	add_seed(draft, "b.example", "10.0.0.2");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.learned.count, 2);
	assert_int_equal(address_parse_prefix("10.0.0.1", &prefix), 0);
	learned = value_of(&classified.learned, prefix.address);
	assert_int_equal(learned->mask, 1);
	assert_int_equal(learned->other, 2);
	assert_int_equal(address_parse_prefix("10.0.0.2", &prefix), 0);
	learned = value_of(&classified.learned, prefix.address);
	assert_int_equal(learned->mask, 3);
	assert_int_equal(learned->other, 3);
	finish(draft, &classified);
}

static void test_layers(void **state)
{
	static const enum fault_effect effects[] = {
		FAULT_EFFECT_REFUSE, FAULT_EFFECT_UNREACHABLE, FAULT_EFFECT_DROP,
		FAULT_EFFECT_LOSS,   FAULT_EFFECT_HANG,	       FAULT_EFFECT_ANSWER,
		FAULT_EFFECT_ALERT,
	};
	struct draft *draft = draft_of(ARRAY_SIZE(effects), 0);
	struct classified classified;

	(void)state;
	for (__u32 i = 0; i < ARRAY_SIZE(effects); i++)
		draft->rules[i].rule.effect = (__u16)effects[i];
	draft->rules[5].rule.flags = FAULT_RULE_BY_HTTP | FAULT_RULE_QUIC_BLOCK;
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.connect_rules, 3);
	assert_int_equal(classified.control.packet_rules, 12);
	assert_int_equal(classified.control.message_rules, 112);
	assert_int_equal(classified.control.http_rules, 32);
	assert_int_equal(classified.control.quic_rules, 32);
	assert_int_equal(classified.control.all_rules, 127);
	assert_int_equal(classified.control.flags,
			 FAULT_CONTROL_MESSAGE | FAULT_CONTROL_PACKET | FAULT_CONTROL_ANSWER);
	finish(draft, &classified);
}

/* A rule for forwarded traffic is in no mask of what the host's own sockets are asked for. */
static void test_forwarded(void **state)
{
	struct draft *draft = draft_of(3, 0);
	struct classified classified;

	(void)state;
	draft->rules[0].rule.effect = FAULT_EFFECT_DROP;
	draft->rules[1].rule.effect = FAULT_EFFECT_RESET;
	draft->rules[1].rule.reset_at = FAULT_RESET_LIVE;
	draft->rules[2].rule.effect = FAULT_EFFECT_REFUSE;
	add_text(draft, 0, ENGINE_DIMENSION_INTERFACE, "docker*");
	add_text(draft, 1, ENGINE_DIMENSION_INTERFACE, "veth0");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.any_cgroup, 4);
	assert_int_equal(classified.control.packet_rules, 0);
	assert_int_equal(classified.control.link_rules, 0);
	assert_int_equal(classified.control.connect_rules, 4);
	assert_int_equal(classified.control.all_rules, 7);
	assert_int_equal(classified.control.flags, FAULT_CONTROL_FORWARD);
	finish(draft, &classified);
}

/* An overload is carried out where it rejects. */
static void test_layer_of_overload(void **state)
{
	struct draft *draft = draft_of(6, 0);
	struct classified classified;

	(void)state;
	draft->rules[0].rule.effect = FAULT_EFFECT_STALL;
	draft->rules[1].rule.effect = FAULT_EFFECT_CUT;
	draft->rules[2].rule.effect = FAULT_EFFECT_DNS;
	for (__u32 i = 3; i < 6; i++)
		draft->rules[i].rule.effect = FAULT_EFFECT_OVERLOAD;
	draft->rules[3].rule.reject = FAULT_EFFECT_REFUSE;
	draft->rules[4].rule.reject = FAULT_EFFECT_HANG;
	draft->rules[5].rule.reject = FAULT_EFFECT_HANG;
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.packet_rules, 1);
	assert_int_equal(classified.control.link_rules, 6);
	assert_int_equal(classified.control.query_rules, 4);
	assert_int_equal(classified.control.connect_rules, 8);
	assert_int_equal(classified.control.message_rules, 48);
	assert_int_equal(classified.control.flags,
			 FAULT_CONTROL_PACKET | FAULT_CONTROL_LINK | FAULT_CONTROL_MESSAGE |
				 FAULT_CONTROL_STREAM | FAULT_CONTROL_INGRESS);
	classified_free(&classified);
	draft->rules[5].rule.reject = FAULT_EFFECT_ANSWER;
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.message_rules, 48);
	assert_true(classified.control.flags & FAULT_CONTROL_ANSWER);
	finish(draft, &classified);
}

/* Which rules the message layer hands over, and what looks at segments that arrive. */
static void test_gate(void **state)
{
	struct draft *draft = draft_of(4, 0);
	struct classified classified;

	(void)state;
	draft->rules[0].rule.effect = FAULT_EFFECT_REFUSE;
	draft->rules[1].rule.effect = FAULT_EFFECT_DELAY;
	draft->rules[1].rule.gate = FAULT_GATE_EACH;
	draft->rules[2].rule.effect = FAULT_EFFECT_ANSWER;
	draft->rules[2].rule.gate = FAULT_GATE_TLS;
	draft->rules[3].rule.effect = FAULT_EFFECT_CORRUPT;
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.gate_rules, 6);
	assert_int_equal(classified.control.message_rules, 6);
	assert_int_equal(classified.control.link_rules, 8);
	assert_int_equal(classified.control.flags,
			 FAULT_CONTROL_GATE | FAULT_CONTROL_MESSAGE | FAULT_CONTROL_ANSWER |
				 FAULT_CONTROL_LINK | FAULT_CONTROL_INGRESS);
	finish(draft, &classified);
}

/* Connections alone are observed, those of the host's own sockets, and in a shadow none. */
static void test_observed(void **state)
{
	struct draft *draft = draft_of(4, 0);
	struct classified classified;

	(void)state;
	for (__u32 i = 0; i < 4; i++)
		draft->rules[i].rule.flags = i == 1 ? 0 : FAULT_RULE_OBSERVED;
	draft->rules[2].tcp_udp = 2;
	add_text(draft, 3, ENGINE_DIMENSION_INTERFACE, "docker*");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.observed_rules, 1);
	assert_int_equal(classified.control.flags, FAULT_CONTROL_FORWARD | FAULT_CONTROL_OBSERVE);
	classified_free(&classified);
	draft->begin.flags = FAULT_CONTROL_SHADOW;
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.observed_rules, 0);
	assert_int_equal(classified.control.flags, FAULT_CONTROL_FORWARD | FAULT_CONTROL_SHADOW);
	finish(draft, &classified);
}

/* What is not needed is not attached: the flags decide. */
static void test_flags(void **state)
{
	struct draft *draft = draft_of(1, 0);
	struct classified classified;

	(void)state;
	add_port(draft, 0, 443, 443);
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.flags, 0);
	classified_free(&classified);
	add_text(draft, 0, ENGINE_DIMENSION_NAME, "a.example");
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.flags, FAULT_CONTROL_NAMES | FAULT_CONTROL_MESSAGE);
	classified_free(&classified);
	draft->rules[0].tcp_udp = 2;
	assert_int_equal(classify(draft, &classified), 0);
	assert_int_equal(classified.control.flags, FAULT_CONTROL_NAMES);
	finish(draft, &classified);
}

static void test_all_bits(void **state)
{
	struct draft *draft = draft_of(64, 64);
	struct classified classified;

	(void)state;
	add_port(draft, 63, 80, 80);
	add_prefix(draft, ENGINE_PROTECTION | 63, "10.0.0.0/8");
	assert_int_equal(classify(draft, &classified), 0);
	assert_true(classified.control.all_rules == ~0ULL);
	assert_true(classified.control.any_tcp_port == ~0ULL >> 1);
	assert_true(classified.control.protect_any_destination == ~0ULL >> 1);
	assert_true(look(&classified, "10.0.0.1", FAULT_PROTOCOL_TCP, 80).rules == ~0ULL);
	finish(draft, &classified);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes_inherit),
		cmocka_unit_test(test_prefixes_that_share_bytes_only),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_protection_of_prefix_and_port),
		cmocka_unit_test(test_name_keys),
		cmocka_unit_test(test_names_inherit),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_cgroups),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_learned),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_layer_of_overload),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_forwarded),
		cmocka_unit_test(test_observed),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_all_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
