/* SPDX-License-Identifier: Apache-2.0 */
/* Enum to string tables of what the API says; sizes checked against the enums at compile time. */
#ifndef PROTOCOL_NAMES_H
#define PROTOCOL_NAMES_H

#include "user/protocol/engine.h"

/* "hit", "outside-window", "lease-expired", ... one word per enum fault_reason. NULL: no such. */
const char *fault_reason_name(unsigned int reason);
const char *engine_event_name(unsigned int kind);   /* "first-hit", ... */
const char *engine_cause_name(unsigned int cause);  /* "planned", ...; "" for NONE */
const char *fault_method_name(unsigned int method); /* "GET", ... */
/* "1xx", ..., "429", "503" */
const char *fault_response_name(unsigned int response);

#endif
