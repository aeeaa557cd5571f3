/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind authority.h share with those behind session.h. */
#ifndef GATE_AUTHORITY_PARTS_H
#define GATE_AUTHORITY_PARTS_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "user/base/address.h"
#include "user/gate/authority.h"

#define _cleanup_x509_ _cleanup_(cleanup_x509)
#define _cleanup_pkey_ _cleanup_(cleanup_pkey)
#define _cleanup_bio_  _cleanup_(cleanup_bio)

static inline void cleanup_x509(X509 **certificate)
{
	X509_free(*certificate);
}

static inline void cleanup_pkey(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static inline void cleanup_bio(BIO **bio)
{
	BIO_free(*bio);
}

/* A minted certificate that is kept. */
struct leaf {
	char name[NAME_SIZE]; /* "": free */
	enum gate_certificate kind;
	X509 *certificate;
	uint64_t minted_at; /* seconds of the epoch */
	uint64_t used;	    /* tick of its last use */
};

#define LEAVES_MAX 256

struct gate_authority {
	EVP_PKEY *key;
	X509 *certificate;
	EVP_PKEY *leaf_key; /* of all leaves: minting is then one signature */
	EVP_PKEY *stray_key;
	X509 *stray; /* an authority that nobody trusts */
	SSL_CTX *server;
	SSL_CTX *fresh; /* without resumption: a wrong certificate is seen on every connection */
	struct leaf leaves[LEAVES_MAX];
	uint64_t tick;
};

struct gate_trust {
	X509_STORE *store;
	SSL_CTX *client;
};

/* The TLS library's own words for what went wrong last, or `fallback`; empties its queue. */
int fail_tls(struct failure *failure, int r, const char *what);

/* A fresh EC P-256 key; NULL on failure. */
EVP_PKEY *certificate_key(void);
/* A self-signed authority. `names` may be 0: not constrained. 0, -EINVAL, -ENOMEM or -EIO. */
int certificate_make_authority(EVP_PKEY *key, const char *subject, const char *const *names,
			       size_t names_count, uint64_t seconds, X509 **ret_certificate,
			       struct failure *failure);
/* A leaf for `name`, at `now` (seconds of the epoch). 0 or -EIO. */
int certificate_make_leaf(struct gate_authority *authority, const char *name,
			  enum gate_certificate kind, uint64_t now, X509 **ret_certificate);

/*
 * The leaf for a name: one that is kept, or a new one in place of the one that was not used for
 * longest. It stays the authority's. 0, -EINVAL (no host name), -EIO.
 */
int leaf_find(struct gate_authority *authority, const char *name, enum gate_certificate kind,
	      X509 **ret_certificate);
void leaf_free_all(struct gate_authority *authority);

/* The configuration of TLS towards clients, without and with resumption. NULL on failure. */
SSL_CTX *tls_server_context(bool resume);
/* Towards real servers. */
SSL_CTX *tls_client_context(X509_STORE *store);

#endif
