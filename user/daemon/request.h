/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine believes of a message: every field that can be judged without state. Pure.
 */
#ifndef DAEMON_REQUEST_H
#define DAEMON_REQUEST_H

#include <stddef.h>

#include "user/base/failure.h"
#include "user/protocol/engine.h"

/*
 * Checks one received message of `size` bytes. 0; -EPROTO when it is no message of this build;
 * -EINVAL or -ERANGE when a field breaks its rule, which `failure` names.
 */
int request_check(const struct engine_request *request, size_t size, struct failure *failure);

/* "begin", "rule", ...; "?" for what is none. */
const char *request_name(unsigned int type);

#endif
