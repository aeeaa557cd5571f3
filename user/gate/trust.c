/* SPDX-License-Identifier: Apache-2.0 */
/* What certificates are verified against, and what an authority's certificate says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "user/base/cleanup.h"
#include "user/gate/authority_parts.h"

/* More anchors than any store has. */
#define ANCHORS_MAX 4096

int gate_trust_new(const char *pem, size_t length, struct gate_trust **ret_trust,
		   struct failure *failure)
{
	_cleanup_(gate_trust_cleanup) struct gate_trust *trust = calloc(1, sizeof(*trust));
	_cleanup_bio_ BIO *bio = length <= INT32_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
	size_t count = 0;
	X509 *anchor;

	if (trust)
		trust->store = X509_STORE_new();
	if (!trust || !trust->store || !bio)
		return fail_tls(failure, -ENOMEM, "out of memory");
	while (count < ANCHORS_MAX && (anchor = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		/* One that is there already is no error. */
		int good = X509_STORE_add_cert(trust->store, anchor);

		X509_free(anchor);
		if (!good)
			return fail_tls(failure, -ENOMEM, "a certificate cannot be kept");
		count++;
	}
	ERR_clear_error(); /* that there is no further one */
	if (count == 0)
		return fail(failure, -EINVAL, "no certificate in PEM");
	trust->client = tls_client_context(trust->store);
	if (!trust->client)
		return fail_tls(failure, -EIO, "TLS cannot be set up");
	*ret_trust = TAKE_PTR(trust);
	return 0;
}

void gate_trust_free(struct gate_trust *trust)
{
	if (!trust)
		return;
	SSL_CTX_free(trust->client);
	X509_STORE_free(trust->store);
	free(trust);
}

static X509 *read_pem(const char *pem, size_t length)
{
	_cleanup_bio_ BIO *bio = length <= INT32_MAX ? BIO_new_mem_buf(pem, (int)length) : NULL;
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	ERR_clear_error();
	return certificate;
}

int gate_trust_has(const struct gate_trust *trust, const char *pem, size_t length)
{
	_cleanup_x509_ X509 *certificate = read_pem(pem, length);
	STACK_OF(X509_OBJECT) * objects;

	if (!certificate)
		return -EINVAL;
	objects = X509_STORE_get0_objects(trust->store);
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509 *anchor = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (anchor && X509_cmp(anchor, certificate) == 0)
			return 1;
	}
	return 0;
}

static uint64_t seconds_of(const ASN1_TIME *time)
{
	struct tm parts;

	return ASN1_TIME_to_tm(time, &parts) ? (uint64_t)timegm(&parts) : 0;
}

static void format_fingerprint(const X509 *certificate, char *text, size_t size)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	size_t used = 0;

	text[0] = '\0';
	if (!X509_digest(certificate, EVP_sha256(), digest, &length))
		return;
	for (unsigned int i = 0; i < length && used + 4 <= size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%02X", i ? ":" : "",
					 digest[i]);
}

/* The name of permitted subtree `i`; NULL: it is none of a host. */
static const char *permitted_name(const NAME_CONSTRAINTS *constraints, int i, int *ret_length)
{
	const GENERAL_SUBTREE *tree = sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i);

	if (tree->base->type != GEN_DNS)
		return NULL;
	*ret_length = ASN1_STRING_length(tree->base->d.dNSName);
	return (const char *)ASN1_STRING_get0_data(tree->base->d.dNSName);
}

static NAME_CONSTRAINTS *constraints_of(const X509 *certificate)
{
	return X509_get_ext_d2i(certificate, NID_name_constraints, NULL, NULL);
}

/* The permitted names, separated by ", "; "" without constraints; NULL: out of memory. */
static char *format_names(const X509 *certificate)
{
	NAME_CONSTRAINTS *constraints = constraints_of(certificate);
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		NAME_CONSTRAINTS_free(constraints);
		return NULL;
	}
	for (int i = 0; constraints && i < sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees);
	     i++) {
		int length = 0;
		const char *name = permitted_name(constraints, i, &length);

		if (name)
			fprintf(out, "%s%.*s", i ? ", " : "", length, name);
	}
	NAME_CONSTRAINTS_free(constraints);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

int gate_certificate_read(const char *pem, size_t length, struct gate_certificate_facts *ret_facts,
			  struct failure *failure)
{
	_cleanup_x509_ X509 *certificate = read_pem(pem, length);
	_cleanup_free_ char *names = NULL;
	char subject[256];

	if (!certificate)
		return fail(failure, -EINVAL, "no certificate in PEM");
	names = format_names(certificate);
	if (!names)
		return fail(failure, -ENOMEM, "out of memory");
	subject[0] = '\0';
	X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, subject,
				  sizeof(subject));
	ret_facts->subject = strdup(subject);
	if (!ret_facts->subject)
		return fail(failure, -ENOMEM, "out of memory");
	ret_facts->names = TAKE_PTR(names);
	format_fingerprint(certificate, ret_facts->fingerprint, sizeof(ret_facts->fingerprint));
	ret_facts->from = seconds_of(X509_get0_notBefore(certificate));
	ret_facts->until = seconds_of(X509_get0_notAfter(certificate));
	return 0;
}

void gate_certificate_facts_free(struct gate_certificate_facts *facts)
{
	free(facts->subject);
	free(facts->names);
	*facts = (struct gate_certificate_facts){0};
}

/* Whether `name` is `tree` or below it. */
static bool is_below(const char *name, const char *tree, int tree_length)
{
	size_t length = strlen(name), behind = (size_t)tree_length;

	if (length < behind || strncasecmp(name + length - behind, tree, behind) != 0)
		return false;
	return length == behind || name[length - behind - 1] == '.';
}

int gate_certificate_permits(const char *pem, size_t length, const char *name)
{
	_cleanup_x509_ X509 *certificate = read_pem(pem, length);
	NAME_CONSTRAINTS *constraints;
	int permits = 0;

	if (!certificate)
		return -EINVAL;
	constraints = constraints_of(certificate);
	if (!constraints)
		return 1;
	if (strncmp(name, "*.", 2) == 0)
		name += 2;
	for (int i = 0; i < sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees); i++) {
		int tree_length = 0;
		const char *tree = permitted_name(constraints, i, &tree_length);

		if (tree && is_below(name, tree, tree_length))
			permits = 1;
	}
	NAME_CONSTRAINTS_free(constraints);
	return permits;
}
