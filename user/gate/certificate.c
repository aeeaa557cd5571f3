/* SPDX-License-Identifier: Apache-2.0 */
/* How certificates are made (RFC 5280). */
#include <errno.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "user/base/cleanup.h"
#include "user/gate/authority_parts.h"

#define HOUR 3600L
#define DAY  (24 * HOUR)
/* Clocks of clients are not always right. */
#define SLACK HOUR
/* Leaves are for one run, which lasts at most a day. */
#define LEAF_SECONDS (2 * DAY)
/* X.520: the longest common name. */
#define COMMON_NAME_MAX 64

int fail_tls(struct failure *failure, int r, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *words = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return words ? fail(failure, r, "%s: %s", what, words) : fail(failure, r, "%s", what);
}

EVP_PKEY *certificate_key(void)
{
	return EVP_EC_gen("P-256");
}

static int set_serial(X509 *certificate)
{
	unsigned char bytes[16];
	BIGNUM *number;
	int good;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return 0;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and always as long */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return good;
}

static int set_subject(X509 *certificate, const char *subject)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	/* What does not fit stands in subjectAltName alone. */
	if (strlen(subject) > COMMON_NAME_MAX)
		return 1;
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject,
					  -1, -1, 0);
}

/* Version, serial number, subject and validity; `from` and `until` count from now. */
static X509 *begin(EVP_PKEY *key, const char *subject, uint64_t now, long from, long until)
{
	_cleanup_x509_ X509 *certificate = X509_new();
	time_t base = (time_t)now;

	if (!certificate || !X509_set_version(certificate, X509_VERSION_3) ||
	    !set_serial(certificate) || !set_subject(certificate, subject) ||
	    !X509_set_pubkey(certificate, key) ||
	    !X509_time_adj_ex(X509_getm_notBefore(certificate), 0, from, &base) ||
	    !X509_time_adj_ex(X509_getm_notAfter(certificate), 0, until, &base))
		return NULL;
	return TAKE_PTR(certificate);
}

static int add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	int good;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	good = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return good;
}

/* One name that is permitted: "*.a.example" too is said by "a.example" (RFC 5280, 4.2.1.10). */
static int permit_name(NAME_CONSTRAINTS *constraints, const char *name)
{
	GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	if (!constraints->permittedSubtrees)
		constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
	if (!tree || !text || !constraints->permittedSubtrees || !ASN1_STRING_set(text, name, -1) ||
	    !sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, tree)) {
		GENERAL_SUBTREE_free(tree);
		ASN1_IA5STRING_free(text);
		return 0;
	}
	GENERAL_NAME_set0_value(tree->base, GEN_DNS, text);
	return 1;
}

/* All addresses of `length` bytes are excluded: address and mask are zeros. */
static int exclude_addresses(NAME_CONSTRAINTS *constraints, int length)
{
	static const unsigned char zeros[32];
	GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();
	ASN1_OCTET_STRING *address = ASN1_OCTET_STRING_new();

	if (!constraints->excludedSubtrees)
		constraints->excludedSubtrees = sk_GENERAL_SUBTREE_new_null();
	if (!tree || !address || !constraints->excludedSubtrees ||
	    !ASN1_OCTET_STRING_set(address, zeros, 2 * length) ||
	    !sk_GENERAL_SUBTREE_push(constraints->excludedSubtrees, tree)) {
		GENERAL_SUBTREE_free(tree);
		ASN1_OCTET_STRING_free(address);
		return 0;
	}
	GENERAL_NAME_set0_value(tree->base, GEN_IPADD, address);
	return 1;
}

static int add_constraints(X509 *certificate, const char *const *names, size_t names_count)
{
	NAME_CONSTRAINTS *constraints = NAME_CONSTRAINTS_new();
	int good = constraints != NULL;

	for (size_t i = 0; good && i < names_count; i++)
		good = permit_name(constraints, names[i]);
	good = good && exclude_addresses(constraints, 4) && exclude_addresses(constraints, 16) &&
	       X509_add1_ext_i2d(certificate, NID_name_constraints, constraints, 1, 0) == 1;
	NAME_CONSTRAINTS_free(constraints);
	return good;
}

static int check_names(const char *const *names, size_t names_count, struct failure *failure)
{
	char parsed[NAME_SIZE];

	for (size_t i = 0; i < names_count; i++)
		if (name_parse(names[i], parsed, NULL) < 0)
			return fail(failure, -EINVAL,
				    "'%s' is no host name and no wildcard like '*.example.com'",
				    names[i]);
	return 0;
}

int certificate_make_authority(EVP_PKEY *key, const char *subject, const char *const *names,
			       size_t names_count, uint64_t seconds, X509 **ret_certificate,
			       struct failure *failure)
{
	_cleanup_x509_ X509 *certificate = NULL;
	int r = check_names(names, names_count, failure);

	if (r < 0)
		return r;
	certificate = begin(key, subject, (uint64_t)time(NULL), -SLACK, (long)seconds);
	if (!certificate ||
	    !X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) ||
	    !add_extension(certificate, certificate, NID_basic_constraints,
			   "critical,CA:TRUE,pathlen:0") ||
	    !add_extension(certificate, certificate, NID_key_usage,
			   "critical,keyCertSign,cRLSign") ||
	    !add_extension(certificate, certificate, NID_ext_key_usage, "serverAuth") ||
	    !add_extension(certificate, certificate, NID_subject_key_identifier, "hash") ||
	    (names_count > 0 && !add_constraints(certificate, names, names_count)) ||
	    !X509_sign(certificate, key, EVP_sha256()))
		return fail_tls(failure, -EIO, "the authority's certificate cannot be made");
	*ret_certificate = TAKE_PTR(certificate);
	return 0;
}

/* What differs between a good leaf and those that are wrong on purpose. */
static const struct {
	const char *prefix; /* of the name in it: below the name, where the constraints permit it */
	long from, until;
	bool stray; /* signed by an authority that nobody trusts */
} shapes[GATE_CERTIFICATE_COUNT] = {
	[GATE_CERTIFICATE_GOOD] = {"", -SLACK, LEAF_SECONDS, false},
	[GATE_CERTIFICATE_EXPIRED] = {"", -31 * DAY, -DAY, false},
	[GATE_CERTIFICATE_UNTRUSTED] = {"", -SLACK, LEAF_SECONDS, true},
	[GATE_CERTIFICATE_WRONG_NAME] = {"wrong-name.", -SLACK, LEAF_SECONDS, false},
};

int certificate_make_leaf(struct gate_authority *authority, const char *name,
			  enum gate_certificate kind, uint64_t now, X509 **ret_certificate)
{
	X509 *issuer = shapes[kind].stray ? authority->stray : authority->certificate;
	EVP_PKEY *key = shapes[kind].stray ? authority->stray_key : authority->key;
	_cleanup_x509_ X509 *certificate = NULL;
	char subject[NAME_SIZE + 16], alternative[NAME_SIZE + 32];

	snprintf(subject, sizeof(subject), "%s%s", shapes[kind].prefix, name);
	snprintf(alternative, sizeof(alternative), "%sDNS:%s",
		 strlen(subject) > COMMON_NAME_MAX ? "critical," : "", subject);
	certificate =
		begin(authority->leaf_key, subject, now, shapes[kind].from, shapes[kind].until);
	if (!certificate || !X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) ||
	    !add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth") ||
	    !add_extension(certificate, issuer, NID_subject_key_identifier, "hash") ||
	    !add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") ||
	    !add_extension(certificate, issuer, NID_subject_alt_name, alternative) ||
	    !X509_sign(certificate, key, EVP_sha256())) {
		ERR_clear_error();
		return -EIO;
	}
	*ret_certificate = TAKE_PTR(certificate);
	return 0;
}
