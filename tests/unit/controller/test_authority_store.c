/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/pem.h>

#include "user/base/cleanup.h"
#include "user/base/file.h"
#include "user/controller/authority_store.h"

static char directory[] = "/tmp/test_authority_store.XXXXXX";
static char inner[64];
static struct gate_authority_pem pem;

static int make(void **state)
{
	static const char *const names[] = {"one.test"};
	struct failure failure;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(inner, sizeof(inner), "%s/a/ca", directory);
	unsetenv("SSL_CERT_FILE");
	return gate_authority_create(names, 1, 3600, &pem, &failure);
}

static void remove_below(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", directory, name);
	remove(path);
}

static int unmake(void **state)
{
	static const char *const names[] = {"/a/ca/ca.key", "/a/ca/ca.pem", "/a/ca",
					    "/a",	    "/store",	    ""};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remove_below(names[i]);
	free(pem.key);
	free(pem.certificate);
	return 0;
}

static mode_t mode_of(const char *name)
{
	struct stat status;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", inner, name);
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 0777;
}

static void test_files(void **state)
{
	_cleanup_free_ char *text = NULL;
	struct failure failure = {0};
	char wanted[256];
	size_t length;

	(void)state;
	assert_int_equal(authority_read(inner, &text, &length), -ENOENT);
	assert_int_equal(authority_write(inner, &pem, false, &failure), 0);
	assert_int_equal(mode_of("ca.key"), 0400);
	assert_int_equal(mode_of("ca.pem"), 0644);
	assert_int_equal(authority_read(inner, &text, &length), 0);
	assert_string_equal(text, pem.certificate);
	assert_int_equal(authority_write(inner, &pem, false, &failure), -EEXIST);
	snprintf(wanted, sizeof(wanted),
		 "%s: an authority is there already; --replace makes another one, which clients do "
		 "not trust yet",
		 inner);
	assert_string_equal(failure.text, wanted);
	assert_int_equal(authority_write(inner, &pem, true, &failure), 0);
	assert_int_equal(mode_of("ca.key"), 0400);
}

/* A store of the test's own, under the name that a variable gives. */
static enum authority_trust check_store(const char *first, const void *more, size_t more_length)
{
	static const struct authority_place place = {.who = "test",
						     .variable = "TEST_AUTHORITY_STORE"};
	char path[128], found[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/store", directory);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(first, file);
	fwrite(more, 1, more_length, file);
	fclose(file);
	setenv(place.variable, path, 1);
	return authority_check(&place, pem.certificate, strlen(pem.certificate), found,
			       sizeof(found));
}

static void test_stores(void **state)
{
	static const char *const names[] = {"two.test"};
	const struct authority_place unset = {.who = "x", .variable = "TEST_AUTHORITY_UNSET"};
	const struct authority_place absent = {.who = "x", .store = "/nonexistent/store"};
	struct gate_authority_pem other;
	struct failure failure;
	char found[256];

	(void)state;
	assert_int_equal(gate_authority_create(names, 1, 3600, &other, &failure), 0);
	assert_int_equal(check_store(other.certificate, pem.certificate, strlen(pem.certificate)),
			 AUTHORITY_TRUSTED);
	assert_int_equal(check_store(other.certificate, "", 0), AUTHORITY_DISTRUSTED);
	assert_int_equal(check_store("no certificates", "", 0), AUTHORITY_DISTRUSTED);
	assert_int_equal(authority_check(&unset, "", 0, found, sizeof(found)), AUTHORITY_UNKNOWN);
	assert_string_equal(found, "TEST_AUTHORITY_UNSET is not set here");
	assert_int_equal(authority_check(&absent, "", 0, found, sizeof(found)), AUTHORITY_ABSENT);
	assert_string_equal(found, "/nonexistent/store");
	free(other.key);
	free(other.certificate);
}

/* Key stores of Java hold the bytes that PEM encodes. */
static void test_key_store(void **state)
{
	BIO *bio = BIO_new_mem_buf(pem.certificate, -1);
	X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	unsigned char *bytes = NULL;
	size_t length;

	(void)state;
	length = (size_t)i2d_X509(certificate, &bytes);
	assert_int_equal(check_store("\xfe\xed\xfe\xed", bytes, length), AUTHORITY_TRUSTED);
	assert_int_equal(check_store("\xfe\xed\xfe\xed", bytes, length - 1), AUTHORITY_DISTRUSTED);
	OPENSSL_free(bytes);
	X509_free(certificate);
	BIO_free(bio);
}

static void test_foresight(void **state)
{
	char text[256], wanted[256];

	(void)state;
	assert_false(authority_foresee("/nonexistent", NULL, text, sizeof(text)));
	assert_string_equal(text, "there is no authority in /nonexistent: run 'faultctl ca init'");
	assert_false(authority_foresee(inner, "two.test", text, sizeof(text)));
	snprintf(wanted, sizeof(wanted),
		 "the authority is for other names (one.test): clients refuse two.test");
	assert_string_equal(text, wanted);
	assert_false(authority_foresee(inner, "a.one.test", text, sizeof(text)));
	assert_memory_equal(text, "trusted by ", 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_stores),
		cmocka_unit_test(test_key_store),
		cmocka_unit_test(test_foresight),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
