/* SPDX-License-Identifier: Apache-2.0 */
#include "user/protocol/names.h"

#include <stddef.h>

#include "user/base/cleanup.h"

static const char *const reason_names[] = {
	[FAULT_REASON_HIT] = "hit",
	[FAULT_REASON_OUTSIDE_WINDOW] = "outside-window",
	[FAULT_REASON_LEASE_EXPIRED] = "lease-expired",
	[FAULT_REASON_SHARE] = "share",
	[FAULT_REASON_PROTECTED] = "protected",
	[FAULT_REASON_ADDRESS_ONLY] = "address-only",
	[FAULT_REASON_SHARED_ADDRESS] = "shared-address",
	[FAULT_REASON_INBOUND] = "inbound",
	[FAULT_REASON_QUIC] = "quic",
	[FAULT_REASON_NO_SOCKMAP] = "no-sockmap",
	[FAULT_REASON_OUTRANKED] = "outranked",
	[FAULT_REASON_PIPELINED] = "pipelined",
	[FAULT_REASON_NOT_HTTP] = "not-http",
	[FAULT_REASON_TLS_HIDES] = "tls-hides",
	[FAULT_REASON_TOO_LONG] = "too-long",
	[FAULT_REASON_BODY_SWALLOWED] = "body-swallowed",
	[FAULT_REASON_KERNEL_ERROR] = "kernel-error",
	[FAULT_REASON_BUDGET] = "budget",
	[FAULT_REASON_FIRST] = "first",
	[FAULT_REASON_ADMITTED] = "admitted",
	[FAULT_REASON_REJECTED] = "rejected",
	[FAULT_REASON_SHADOW] = "shadow",
	[FAULT_REASON_DIVERTED] = "diverted",
	[FAULT_REASON_GATE_DOWN] = "gate-down",
	[FAULT_REASON_GATE_FULL] = "gate-full",
	[FAULT_REASON_GATE_ENDED] = "gate-ended",
	[FAULT_REASON_DISTRUSTED] = "distrusted",
	[FAULT_REASON_HANDSHAKE_FAILED] = "handshake-failed",
	[FAULT_REASON_UNUSED] = "unused",
	[FAULT_REASON_UPSTREAM_FAILED] = "upstream-failed",
	[FAULT_REASON_UPSTREAM_UNTRUSTED] = "upstream-untrusted",
	[FAULT_REASON_CLIENT_CERTIFICATE] = "client-certificate",
};
_Static_assert(ARRAY_SIZE(reason_names) == FAULT_REASON_COUNT, "a reason lacks its name");

static const char *const event_names[] = {
	[ENGINE_EVENT_FIRST_HIT] = "first-hit",
	[ENGINE_EVENT_FIRST_PASS] = "first-pass",
	[ENGINE_EVENT_INJECTED] = "injected",
	[ENGINE_EVENT_LIFTED] = "lifted",
	[ENGINE_EVENT_ARMED] = "armed",
	[ENGINE_EVENT_DISARMED] = "disarmed",
	[ENGINE_EVENT_HALTED] = "halted",
	[ENGINE_EVENT_RELEASED] = "released",
	[ENGINE_EVENT_TARGET_FOUND] = "target-found",
	[ENGINE_EVENT_TARGET_GONE] = "target-gone",
};
_Static_assert(ARRAY_SIZE(event_names) == ENGINE_EVENT_TARGET_GONE + 1, "an event lacks its name");

static const char *const cause_names[] = {
	[ENGINE_CAUSE_NONE] = "",
	[ENGINE_CAUSE_PLANNED] = "planned",
	[ENGINE_CAUSE_LIFTED] = "lifted",
	[ENGINE_CAUSE_LEASE] = "lease",
	[ENGINE_CAUSE_DEADLINE] = "deadline",
	[ENGINE_CAUSE_HALTED] = "halted",
	[ENGINE_CAUSE_DISARMED] = "disarmed",
	[ENGINE_CAUSE_BUDGET] = "budget",
};
_Static_assert(ARRAY_SIZE(cause_names) == ENGINE_CAUSE_BUDGET + 1, "a cause lacks its name");

static const char *const method_names[] = {
	[FAULT_METHOD_OTHER] = "other", [FAULT_METHOD_GET] = "GET",
	[FAULT_METHOD_HEAD] = "HEAD",	[FAULT_METHOD_POST] = "POST",
	[FAULT_METHOD_PUT] = "PUT",	[FAULT_METHOD_DELETE] = "DELETE",
	[FAULT_METHOD_PATCH] = "PATCH", [FAULT_METHOD_OPTIONS] = "OPTIONS",
};
_Static_assert(ARRAY_SIZE(method_names) == FAULT_METHOD_COUNT, "a method lacks its name");

static const char *const response_names[] = {
	[FAULT_RESPONSE_1XX] = "1xx", [FAULT_RESPONSE_2XX] = "2xx", [FAULT_RESPONSE_3XX] = "3xx",
	[FAULT_RESPONSE_4XX] = "4xx", [FAULT_RESPONSE_5XX] = "5xx", [FAULT_RESPONSE_429] = "429",
	[FAULT_RESPONSE_503] = "503",
};
_Static_assert(ARRAY_SIZE(response_names) == FAULT_RESPONSE_COUNT, "a response lacks its name");

static const char *look_up(const char *const names[], size_t count, unsigned int value)
{
	return value < count ? names[value] : NULL;
}

const char *fault_reason_name(unsigned int reason)
{
	return look_up(reason_names, ARRAY_SIZE(reason_names), reason);
}

const char *engine_event_name(unsigned int kind)
{
	return look_up(event_names, ARRAY_SIZE(event_names), kind);
}

const char *engine_cause_name(unsigned int cause)
{
	return look_up(cause_names, ARRAY_SIZE(cause_names), cause);
}

const char *fault_method_name(unsigned int method)
{
	return look_up(method_names, ARRAY_SIZE(method_names), method);
}

const char *fault_response_name(unsigned int response)
{
	return look_up(response_names, ARRAY_SIZE(response_names), response);
}
