/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATE_ANSWER_H
#define GATE_ANSWER_H

#include "user/gate/exchange.h"

/*
 * Makes the response of `exchange` the rule's answer and settles it. Without rule->expand the body
 * is not copied. `random` is what ${request-id} is made of. 0, -ENOBUFS or -ENOMEM.
 */
int answer_make(struct exchange *exchange, const struct gate_rule *rule, uint64_t random);

#endif
