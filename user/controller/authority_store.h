/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The experiments' certificate authority on this machine: DIRECTORY/ca.key, root's alone, which the
 * daemon reads, and DIRECTORY/ca.pem, which everybody may read; and who on this machine trusts it.
 */
#ifndef CONTROLLER_AUTHORITY_STORE_H
#define CONTROLLER_AUTHORITY_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "user/base/failure.h"
#include "user/gate/authority.h"

#define AUTHORITY_DIRECTORY "/var/lib/faultd/ca"

/* The certificate as PEM; the caller frees it. 0 or -errno (-ENOENT: there is no authority). */
int authority_read(const char *directory, char **ret_pem, size_t *ret_length);

/*
 * Writes key and certificate. Each file is there whole or not at all, the key first. With
 * `replace` false -EEXIST when there is one.
 */
int authority_write(const char *directory, const struct gate_authority_pem *pem, bool replace,
		    struct failure *failure);

/* Who looks where. */
struct authority_place {
	const char *who;      /* "curl, wget, git, Go" */
	const char *store;    /* file that they read; NULL: one of their own */
	const char *variable; /* environment variable that names another file; NULL: none */
	const char *how;      /* to make them trust it */
};
extern const struct authority_place authority_places[];
extern const size_t authority_places_count;

enum authority_trust {
	AUTHORITY_TRUSTED,
	AUTHORITY_DISTRUSTED,
	AUTHORITY_ABSENT, /* the store is not on this machine */
	AUTHORITY_UNKNOWN,
};

/*
 * Whether the certificate is in the place's store, or in the file that the variable names in this
 * environment. Writes what was looked at into `found`.
 */
enum authority_trust authority_check(const struct authority_place *place, const char *pem,
				     size_t length, char *found, size_t size);

/*
 * What a client on this host will make of a certificate for `name` by the authority in `directory`,
 * as far as the system's store says: one line for plans, without a full stop. True when it will
 * take it.
 */
bool authority_foresee(const char *directory, const char *name, char *text, size_t size);

#endif
