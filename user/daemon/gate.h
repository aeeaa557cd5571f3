/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate process: carries out what takes judgement beyond the kernel's (TLS, slow answers,
 * delays) on connections that the kernel diverts to it. It has no privilege, opens no file and no
 * connection, and is gone with the run.
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include "user/daemon/helper.h"

/* What certificates are made and judged by, as PEM texts. */
struct gate_pem {
	char *key, *certificate, *trust;
	size_t key_length, certificate_length, trust_length;
	int result; /* 0, or the -errno of what could not be read, with its cause */
	struct failure failure;
};

/*
 * Reads what `identity` names, as root, which the files belong to. A rule may need none of it, so
 * what fails is told by the one that does.
 */
void gate_pem_read(const struct gate_identity *identity, struct gate_pem *ret_pem);

/*
 * Takes what it needs of `pem` and wipes the key, shuts itself in, serves the descriptors `fds`
 * (enum gate_descriptor) until the engine closes its end, then ends what it still has. Privileges
 * are dropped before. 0 when the engine went, or -errno with the cause in `failure`, which the
 * engine was told too.
 */
int gate_serve(struct gate_pem *pem, const int fds[GATE_FD_COUNT], struct failure *failure);

#endif
