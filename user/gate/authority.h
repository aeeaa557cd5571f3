/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates: the experiment's certificate authority (EC P-256, X.509 v3, constrained to names),
 * leaf certificates minted for names that clients ask for, and what the real servers' certificates
 * are verified against.
 */
#ifndef GATE_AUTHORITY_H
#define GATE_AUTHORITY_H

#include <stddef.h>
#include <stdint.h>

#include "user/base/failure.h"

/* What a client is shown. */
enum gate_certificate {
	GATE_CERTIFICATE_GOOD = 0,	 /* for its name, by the authority, valid now */
	GATE_CERTIFICATE_EXPIRED = 1,	 /* as good, but its validity ended a day ago */
	GATE_CERTIFICATE_UNTRUSTED = 2,	 /* by an authority that was made on the spot */
	GATE_CERTIFICATE_WRONG_NAME = 3, /* for another name below the one asked for */
	GATE_CERTIFICATE_COUNT = 4,
};

/* Key and certificate as PEM texts with a NUL behind each; the caller frees both. */
struct gate_authority_pem {
	char *key;
	char *certificate;
};

/*
 * Makes a new authority. `names` are host names or wildcards ("*.example.com"), at least one: the
 * certificate permits these and names below them, and no address (RFC 5280, 4.2.1.10).
 * `seconds` is its validity from now on. 0, -EINVAL for a name, -ENOMEM or -EIO.
 */
int gate_authority_create(const char *const *names, size_t names_count, uint64_t seconds,
			  struct gate_authority_pem *ret_pem, struct failure *failure);

struct gate_authority;

/*
 * Loads an authority that signs leaves. `key` and `certificate` are PEM texts of these lengths and
 * may be wiped afterwards. 0, -EINVAL (not PEM, no EC key, the two do not belong together, no
 * authority, not valid now), -ENOMEM or -EIO.
 */
int gate_authority_new(const char *key, size_t key_length, const char *certificate,
		       size_t certificate_length, struct gate_authority **ret_authority,
		       struct failure *failure);
/* NULL is allowed. Sessions that use it must be gone. */
void gate_authority_free(struct gate_authority *authority);
static inline void gate_authority_cleanup(struct gate_authority **authority)
{
	gate_authority_free(*authority);
}

/* What a certificate of an authority says, for people and for checks. */
struct gate_certificate_facts {
	char *subject;	      /* "CN=..." */
	char *names;	      /* permitted, separated by ", " */
	char fingerprint[96]; /* SHA-256, "AA:BB:..." */
	uint64_t from, until; /* seconds of the epoch */
};
/* Reads them from a PEM text. The caller releases them. 0, -EINVAL, -ENOMEM. */
int gate_certificate_read(const char *pem, size_t length, struct gate_certificate_facts *ret_facts,
			  struct failure *failure);
void gate_certificate_facts_free(struct gate_certificate_facts *facts);

/*
 * Whether a name, or every name that a wildcard stands for, is permitted by the constraints of the
 * authority in a PEM text. 1, 0 or -EINVAL.
 */
int gate_certificate_permits(const char *pem, size_t length, const char *name);

struct gate_trust;

/*
 * The certificates of a PEM text as trust anchors. 0, -EINVAL (none in it), -ENOMEM or -EIO.
 */
int gate_trust_new(const char *pem, size_t length, struct gate_trust **ret_trust,
		   struct failure *failure);
/* NULL is allowed. Sessions that use it must be gone. */
void gate_trust_free(struct gate_trust *trust);
static inline void gate_trust_cleanup(struct gate_trust **trust)
{
	gate_trust_free(*trust);
}

/* Whether the certificate of a PEM text is among the trust anchors. 1, 0 or -EINVAL. */
int gate_trust_has(const struct gate_trust *trust, const char *pem, size_t length);

#endif
