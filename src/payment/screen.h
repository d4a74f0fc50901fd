/* SPDX-License-Identifier: Apache-2.0
 * screen.h: the fraud check as a payment sees it: its facts, the decision in the transaction that
 * writes it, and the dry run over payments of the past (risk/risk.h decides).
 * Threads: any. Errors: those of risk.h. */
#ifndef HOLDFAST_PAYMENT_SCREEN_H
#define HOLDFAST_PAYMENT_SCREEN_H

#include "payment/rows.h"
#include "risk/risk.h"

struct screen {
    bool wanted; /* there are rules; nothing below is looked at otherwise */
    char card[RISK_CARD_CHARS + 1];
    struct risk_scored scored;
    struct risk_decision decision;
};

/* Facts of a payment as it is now, borrowed from it and from `card`. */
void screen_facts(const struct payment_row *payment, const char *card, int64_t at_us,
                  struct risk_facts *ret_facts);
/* The name under which a card is counted and listed: the first of its names (card_limits.h), so
 * that it does not hang on the route. The same only as long as the merchant sends the same tokens;
 * "" for what is no card. */
void screen_card(const struct payments *payments, enum payment_method method, const json_t *tokens,
                 char ret_card[RISK_CARD_CHARS + 1]);
/* Before the transaction: asks the scorer within `budget_us`. */
void screen_ask(struct payments *payments, const struct payment_row *payment, const json_t *tokens,
                int64_t at_us, int64_t budget_us, struct screen *ret_screen);
/* In it: decides, and marks the payment for review. Who is denied is refused by
 * screen_refuse() after the row has been written. */
MUST_USE int screen_decide(struct payments *payments, struct store_tx *tx,
                           struct payment_row *payment, int64_t at_us, struct screen *screen,
                           struct err *err);
bool screen_denied(const struct screen *screen);
MUST_USE int screen_refuse(struct payments *payments, struct store_tx *tx,
                           struct payment_row *payment, struct err *err);
/* When it is committed. */
void screen_meter(const struct payment_row *payment, const struct screen *screen);

#endif
