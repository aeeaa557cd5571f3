/* SPDX-License-Identifier: Apache-2.0 */
#include "user/controller/observe.h"

#include "user/base/cleanup.h"

bool observe_holds(const struct history *history, const struct terms *terms, uint32_t rule)
{
	return rule < history->rules_count && history->rule_faults[rule] < FAULT_RULES_MAX &&
	       terms->observed_faults >> history->rule_faults[rule] & 1;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void observe_add(const struct bucket *bucket, bool packets, struct observed_work *work)
{
	uint64_t tries = bucket->hits + bucket->passes, faulted = bucket->hits, lost = 0;
	uint64_t answered = 0, throttled = bucket->responses[FAULT_RESPONSE_429];
	uint64_t failed =
		bucket->responses[FAULT_RESPONSE_5XX] + bucket->responses[FAULT_RESPONSE_503];

	for (unsigned int i = FAULT_RESPONSE_2XX; i < FAULT_RESPONSE_COUNT; i++)
		answered += bucket->responses[i];
	if (bucket->settled && bucket->opened > bucket->established)
		lost = bucket->opened - bucket->established;
	if (packets) {
		/* Every connection passes the connect; what hits it later are its packets. One
		 * whose SYN is taken away does not come about either: it counts once. */
		tries = bucket->connects;
		faulted = bucket->hits < tries ? bucket->hits : tries;
		lost = lost > faulted ? lost - faulted : 0;
	}
	/* On kept connections there are more responses than tries that the rule has seen. */
	work->tries += larger(tries, faulted + lost + answered);
	work->faulted += faulted;
	work->not_established += lost;
	work->http_4xx += throttled;
	work->http_5xx += failed;
}

uint64_t observe_failures(const struct observed_work *work)
{
	return work->faulted + work->not_established + work->http_4xx + work->http_5xx;
}

enum attempt_class observe_class(const struct observed_work *work)
{
	const struct {
		uint64_t count;
		enum attempt_class class;
	} kinds[] = {
		{work->faulted, CLASS_FAULTED},
		{work->not_established, CLASS_NOT_ESTABLISHED},
		{work->http_5xx, CLASS_HTTP_5XX},
		{work->http_4xx, CLASS_HTTP_4XX},
	};
	size_t most = 0;

	if (observe_failures(work) * 1000000 <= work->tries * BASELINE_FAILURES_PPM)
		return CLASS_OK;
	for (size_t i = 1; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].count > kinds[most].count)
			most = i;
	return kinds[most].class;
}

void observe_figures(const struct bucket *bucket, struct observed_figures *figures)
{
	if (bucket->settled) {
		figures->opened += bucket->opened;
		figures->established += bucket->established;
	}
	figures->retransmits += bucket->retransmits;
	for (size_t i = 0; i < FAULT_RESPONSE_COUNT; i++)
		figures->responses[i] += bucket->responses[i];
}
