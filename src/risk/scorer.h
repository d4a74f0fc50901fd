/* SPDX-License-Identifier: Apache-2.0
 * scorer.h: asks somebody else's model, by HTTP, what it makes of a payment.
 *
 *   POST URL  {"payment_id","order_id","amount","currency","method","purpose","vip","at",
 *              "customer":{"id","email","ip","region"},"card"}
 *   200       {"score": 0 to 1000, "reasons": ["…"]}; other members are passed over
 *
 * It has until its deadline, connection included. An answer with another status (a redirect too, it
 * is not followed), of more than SCORER_ANSWER_BYTES_MAX bytes or of another form is garbage. After
 * SCORER_FAILURES_MAX failures in a row it is not asked for a while (5 s, doubled each time up to
 * 60 s), then one payment tries it: a dead scorer does not cost each payment its deadline.
 * It is told the customer's e-mail and address, so it must be one that may know them; never a
 * token.
 * Threads: any. Errors: ERR_CONFIG at opening. */
#ifndef HOLDFAST_RISK_SCORER_H
#define HOLDFAST_RISK_SCORER_H

#include "risk/risk.h"
#include "risk/risk_config.h"

enum {
    SCORER_TIMEOUT_MS = 150,
    SCORER_TIMEOUT_MS_MAX = 5000,
    SCORER_ANSWER_BYTES_MAX = 16 * 1024,
    SCORER_FAILURES_MAX = 5,
    SCORER_CALLS_MAX = 64, /* at once; one more is refused and counts as unreachable */
};

struct risk_scorer;
MUST_USE int scorer_new(const struct risk_scorer_config *config, struct http_client *client,
                        struct risk_scorer **ret_scorer, struct err *err);
void scorer_free(struct risk_scorer *scorer); /* NULL is fine */
void scorer_ask(struct risk_scorer *scorer, const struct risk_facts *facts, int64_t budget_us,
                struct risk_scored *ret_scored);
struct risk_scorer_look scorer_look(struct risk_scorer *scorer); /* `off`: not its to say */
/* {"url","timeout_ms","fail","breaker":"closed"|"open","failures"} */
void scorer_json(struct risk_scorer *scorer, struct buf *buf);

#endif
