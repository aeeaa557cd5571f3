/* SPDX-License-Identifier: Apache-2.0 */
#include "user/gate/authority.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "user/base/cleanup.h"
#include "user/gate/authority_parts.h"

#define SUBJECT	      "faultd fault injection CA"
#define STRAY_SUBJECT "an authority that nobody trusts"
#define STRAY_SECONDS (7 * 24 * 3600U)

/* What a memory BIO holds, as a text with a NUL behind it. */
static char *text_of(BIO *bio)
{
	char *bytes, *text;
	long length = BIO_get_mem_data(bio, &bytes);

	text = malloc((size_t)length + 1);
	if (!text)
		return NULL;
	memcpy(text, bytes, (size_t)length);
	text[length] = '\0';
	return text;
}

int gate_authority_create(const char *const *names, size_t names_count, uint64_t seconds,
			  struct gate_authority_pem *ret_pem, struct failure *failure)
{
	_cleanup_pkey_ EVP_PKEY *key = certificate_key();
	_cleanup_x509_ X509 *certificate = NULL;
	_cleanup_bio_ BIO *key_bio = BIO_new(BIO_s_secmem()), *bio = BIO_new(BIO_s_mem());
	_cleanup_free_ char *key_text = NULL, *text = NULL;
	int r;

	if (names_count == 0)
		return fail(failure, -EINVAL, "an authority needs names that it is for");
	if (!key || !key_bio || !bio)
		return fail_tls(failure, -ENOMEM, "no key can be made");
	r = certificate_make_authority(key, SUBJECT, names, names_count, seconds, &certificate,
				       failure);
	if (r < 0)
		return r;
	if (!PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) ||
	    !PEM_write_bio_X509(bio, certificate))
		return fail_tls(failure, -EIO, "the key cannot be written");
	key_text = text_of(key_bio);
	text = text_of(bio);
	if (!key_text || !text)
		return fail(failure, -ENOMEM, "out of memory");
	ret_pem->key = TAKE_PTR(key_text);
	ret_pem->certificate = TAKE_PTR(text);
	return 0;
}

static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static int read_key(struct gate_authority *authority, const char *pem, size_t length,
		    struct failure *failure)
{
	_cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, (int)length);

	authority->key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	if (!authority->key)
		return fail_tls(failure, -EINVAL, "the key is no private key in PEM");
	if (EVP_PKEY_get_base_id(authority->key) != EVP_PKEY_EC)
		return fail(failure, -EINVAL, "the key is no EC key");
	return 0;
}

static int read_certificate(struct gate_authority *authority, const char *pem, size_t length,
			    struct failure *failure)
{
	_cleanup_bio_ BIO *bio = BIO_new_mem_buf(pem, (int)length);

	authority->certificate = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
	if (!authority->certificate)
		return fail_tls(failure, -EINVAL, "the certificate is none in PEM");
	if (X509_check_ca(authority->certificate) != 1)
		return fail(failure, -EINVAL, "the certificate is not that of an authority");
	if (X509_check_private_key(authority->certificate, authority->key) != 1)
		return fail_tls(failure, -EINVAL, "key and certificate do not belong together");
	if (X509_cmp_current_time(X509_get0_notBefore(authority->certificate)) >= 0)
		return fail(failure, -EINVAL, "the authority's certificate is not valid yet");
	if (X509_cmp_current_time(X509_get0_notAfter(authority->certificate)) <= 0)
		return fail(failure, -EINVAL,
			    "the authority's certificate has expired: run 'faultctl ca init'");
	return 0;
}

static int make_parts(struct gate_authority *authority, struct failure *failure)
{
	authority->leaf_key = certificate_key();
	authority->stray_key = certificate_key();
	authority->server = tls_server_context(true);
	authority->fresh = tls_server_context(false);
	if (!authority->leaf_key || !authority->stray_key || !authority->server ||
	    !authority->fresh)
		return fail_tls(failure, -EIO, "TLS cannot be set up");
	return certificate_make_authority(authority->stray_key, STRAY_SUBJECT, NULL, 0,
					  STRAY_SECONDS, &authority->stray, failure);
}

int gate_authority_new(const char *key, size_t key_length, const char *certificate,
		       size_t certificate_length, struct gate_authority **ret_authority,
		       struct failure *failure)
{
	_cleanup_(gate_authority_cleanup) struct gate_authority *authority =
		calloc(1, sizeof(*authority));
	int r;

	if (!authority)
		return fail(failure, -ENOMEM, "out of memory");
	if (key_length > INT32_MAX || certificate_length > INT32_MAX)
		return fail(failure, -EINVAL, "far too long for a key or certificate");
	r = read_key(authority, key, key_length, failure);
	if (r == 0)
		r = read_certificate(authority, certificate, certificate_length, failure);
	if (r == 0)
		r = make_parts(authority, failure);
	if (r < 0)
		return r;
	*ret_authority = TAKE_PTR(authority);
	return 0;
}

void gate_authority_free(struct gate_authority *authority)
{
	if (!authority)
		return;
	leaf_free_all(authority);
	SSL_CTX_free(authority->server);
	SSL_CTX_free(authority->fresh);
	X509_free(authority->certificate);
	X509_free(authority->stray);
	EVP_PKEY_free(authority->key);
	EVP_PKEY_free(authority->leaf_key);
	EVP_PKEY_free(authority->stray_key);
	free(authority);
}
