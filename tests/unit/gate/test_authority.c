/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "user/base/cleanup.h"
#include "user/gate/authority_parts.h"

static const char *const names[] = {"one.test", "*.two.test"};
static struct gate_authority_pem pem;
static struct gate_authority *authority;

static int make(void **state)
{
	struct failure failure = {0};

	(void)state;
	if (gate_authority_create(names, 2, 3600, &pem, &failure) < 0)
		return -1;
	return gate_authority_new(pem.key, strlen(pem.key), pem.certificate,
				  strlen(pem.certificate), &authority, &failure);
}

static int unmake(void **state)
{
	(void)state;
	gate_authority_free(authority);
	free(pem.key);
	free(pem.certificate);
	return 0;
}

/* What a client that trusts the authority makes of a certificate: X509_V_*. */
static int verify(X509 *leaf, const char *name)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int result;

	X509_STORE_add_cert(store, authority->certificate);
	X509_STORE_CTX_init(context, store, leaf, NULL);
	X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(context), name, 0);
	X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
	X509_verify_cert(context);
	result = X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return result;
}

static void test_leaves(void **state)
{
	static const struct {
		const char *name;
		enum gate_certificate kind;
		int result;
	} cases[] = {
		{"one.test", GATE_CERTIFICATE_GOOD, X509_V_OK},
		{"sub.one.test", GATE_CERTIFICATE_GOOD, X509_V_OK},
		{"a.two.test", GATE_CERTIFICATE_GOOD, X509_V_OK},
		{"a-label-of-some-length.another-label-of-some-length.and-one-more.one.test",
		 GATE_CERTIFICATE_GOOD, X509_V_OK},
		{"one.test", GATE_CERTIFICATE_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED},
		{"one.test", GATE_CERTIFICATE_UNTRUSTED,
		 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
		{"one.test", GATE_CERTIFICATE_WRONG_NAME, X509_V_ERR_HOSTNAME_MISMATCH},
		{"three.test", GATE_CERTIFICATE_GOOD, X509_V_ERR_PERMITTED_VIOLATION},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		X509 *leaf;

		assert_int_equal(leaf_find(authority, cases[i].name, cases[i].kind, &leaf), 0);
		assert_string_equal(X509_verify_cert_error_string(verify(leaf, cases[i].name)),
				    X509_verify_cert_error_string(cases[i].result));
	}
}

static void test_bad_names(void **state)
{
	static const char *const cases[] = {"",	  "*.one.test", "a b", "a,DNS:evil.test",
					    "..", "a\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		X509 *leaf;

		assert_int_equal(leaf_find(authority, cases[i], GATE_CERTIFICATE_GOOD, &leaf),
				 -EINVAL);
	}
}

/* A leaf is kept until others have pushed it out. */
static void test_cache(void **state)
{
	X509 *first, *again, *other;

	(void)state;
	assert_int_equal(leaf_find(authority, "One.Test", GATE_CERTIFICATE_GOOD, &first), 0);
	assert_int_equal(leaf_find(authority, "one.test", GATE_CERTIFICATE_GOOD, &again), 0);
	assert_ptr_equal(first, again);
	assert_int_equal(leaf_find(authority, "one.test", GATE_CERTIFICATE_EXPIRED, &other), 0);
	assert_ptr_not_equal(first, other);
	X509_up_ref(first);
	for (int i = 0; i < LEAVES_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.one.test", i);
		assert_int_equal(leaf_find(authority, name, GATE_CERTIFICATE_GOOD, &other), 0);
	}
	assert_int_equal(leaf_find(authority, "one.test", GATE_CERTIFICATE_GOOD, &again), 0);
	assert_ptr_not_equal(first, again);
	X509_free(first);
}

/* One that is too old is made again. */
static void test_age(void **state)
{
	X509 *first, *again;

	(void)state;
	assert_int_equal(leaf_find(authority, "aged.one.test", GATE_CERTIFICATE_GOOD, &first), 0);
	X509_up_ref(first);
	for (size_t i = 0; i < LEAVES_MAX; i++)
		if (authority->leaves[i].certificate == first)
			authority->leaves[i].minted_at -= 25 * 3600;
	assert_int_equal(leaf_find(authority, "aged.one.test", GATE_CERTIFICATE_GOOD, &again), 0);
	assert_ptr_not_equal(first, again);
	X509_free(first);
}

static void check_refused(const char *key, const char *certificate, const char *message)
{
	struct gate_authority *other = NULL;
	struct failure failure = {0};

	assert_int_equal(gate_authority_new(key, strlen(key), certificate, strlen(certificate),
					    &other, &failure),
			 -EINVAL);
	assert_null(other);
	assert_string_equal(failure.text, message);
}

static void test_loading(void **state)
{
	struct gate_authority_pem other;
	struct failure failure = {0};

	(void)state;
	assert_int_equal(gate_authority_create(names, 1, 3600, &other, &failure), 0);
	check_refused(pem.key, other.certificate,
		      "key and certificate do not belong together: key values mismatch");
	check_refused("no key", pem.certificate, "the key is no private key in PEM: unsupported");
	check_refused(pem.key, "no certificate", "the certificate is none in PEM: no start line");
	free(other.key);
	free(other.certificate);
	assert_int_equal(gate_authority_create(names, 0, 3600, &other, &failure), -EINVAL);
	assert_string_equal(failure.text, "an authority needs names that it is for");
	assert_int_equal(
		gate_authority_create((const char *[]){"10.0.0.1/8"}, 1, 3600, &other, &failure),
		-EINVAL);
	assert_string_equal(failure.text,
			    "'10.0.0.1/8' is no host name and no wildcard like '*.example.com'");
}

static void test_facts(void **state)
{
	struct gate_certificate_facts facts;
	struct failure failure = {0};
	uint64_t now = (uint64_t)time(NULL);
	size_t length = strlen(pem.certificate);

	(void)state;
	assert_int_equal(gate_certificate_read(pem.certificate, length, &facts, &failure), 0);
	assert_string_equal(facts.subject, "faultd fault injection CA");
	assert_string_equal(facts.names, "one.test, two.test");
	assert_int_equal(strlen(facts.fingerprint), 95);
	assert_in_range(facts.until, now + 3500, now + 3600);
	gate_certificate_facts_free(&facts);
	assert_int_equal(gate_certificate_permits(pem.certificate, length, "one.test"), 1);
	assert_int_equal(gate_certificate_permits(pem.certificate, length, "*.One.test"), 1);
	assert_int_equal(gate_certificate_permits(pem.certificate, length, "a.b.two.test"), 1);
	assert_int_equal(gate_certificate_permits(pem.certificate, length, "bone.test"), 0);
	assert_int_equal(gate_certificate_permits(pem.certificate, length, "test"), 0);
	assert_int_equal(gate_certificate_permits("x", 1, "one.test"), -EINVAL);
	assert_int_equal(gate_certificate_read("x", 1, &facts, &failure), -EINVAL);
}

static void test_trust(void **state)
{
	struct gate_authority_pem other;
	struct gate_trust *trust;
	struct failure failure = {0};
	char *both;

	(void)state;
	assert_int_equal(gate_authority_create(names, 1, 3600, &other, &failure), 0);
	assert_true(asprintf(&both, "text\n%s%s", other.certificate, other.certificate) > 0);
	assert_int_equal(gate_trust_new(both, strlen(both), &trust, &failure), 0);
	assert_int_equal(gate_trust_has(trust, other.certificate, strlen(other.certificate)), 1);
	assert_int_equal(gate_trust_has(trust, pem.certificate, strlen(pem.certificate)), 0);
	assert_int_equal(gate_trust_has(trust, "x", 1), -EINVAL);
	gate_trust_free(trust);
	assert_int_equal(gate_trust_new("x", 1, &trust, &failure), -EINVAL);
	assert_string_equal(failure.text, "no certificate in PEM");
	free(both);
	free(other.key);
	free(other.certificate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves),	cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_cache),	cmocka_unit_test(test_age),
		cmocka_unit_test(test_loading), cmocka_unit_test(test_facts),
		cmocka_unit_test(test_trust),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
