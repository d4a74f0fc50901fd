/* SPDX-License-Identifier: Apache-2.0
 * screen.c: the fraud check as a payment sees it. See screen.h; the dry run is in screen_past.c. */
#include "payment/screen.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/plant.h"
#include "payment/card_limits.h"
#include "payment/internal.h"
#include "payment/review.h"

void screen_facts(const struct payment_row *payment, const char *card, int64_t at_us,
                  struct risk_facts *ret_facts) {
    *ret_facts = (struct risk_facts){
        .subject = payment->id.text,
        .number = payment->version,
        .order_id = payment->order_id,
        .customer_id = payment->customer_id,
        .email = payment->customer_email,
        .ip = payment->customer_ip,
        .region = payment->customer_region,
        .card = card,
        .amount_minor = payment->amount_minor,
        .currency = payment->currency,
        .method = method_name(payment->method),
        .purpose = purpose_name(payment->purpose),
        .vip = payment->customer_vip,
        .attempts = payment->attempts,
        .at_us = at_us,
    };
}

void screen_card(const struct payments *payments, enum payment_method method, const json_t *tokens,
                 char ret_card[RISK_CARD_CHARS + 1]) {
    struct card card;
    const char *first = NULL;
    card_of(payments, method, tokens, &card);
    for (int i = 0; i < card.count; i++) {
        first = first == NULL || strcmp(card.names[i], first) < 0 ? card.names[i] : first;
    }
    snprintf(ret_card, RISK_CARD_CHARS + 1, "%.*s", RISK_CARD_CHARS, first != NULL ? first : "");
}

void screen_ask(struct payments *payments, const struct payment_row *payment, const json_t *tokens,
                int64_t at_us, int64_t budget_us, struct screen *ret_screen) {
    struct risk *risk = payments->options.risk;
    struct risk_facts facts;
    *ret_screen = (struct screen){
        .wanted = risk_configured(risk) && payment->purpose != PURPOSE_PROBE,
    };
    if (!ret_screen->wanted) {
        return;
    }
    screen_card(payments, payment->method, tokens, ret_screen->card);
    screen_facts(payment, ret_screen->card, at_us, &facts);
    risk_score(risk, &facts, budget_us, &ret_screen->scored);
}

int screen_decide(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                  int64_t at_us, struct screen *screen, struct err *err) {
    struct risk_facts facts;
    if (!screen->wanted) {
        return 0;
    }
    screen_facts(payment, screen->card, at_us, &facts);
    int r = risk_decide(payments->options.risk, tx, &facts, &screen->scored, &screen->decision,
                        err);
    enum risk_action action = screen->decision.action;
    if (r >= 0 && (action == RISK_REVIEW || action == RISK_HOLD) && payment->review[0] == '\0') {
        payment->review = review_mark_name(REVIEW_FRAUD_RULES);
    }
    return r;
}

bool screen_denied(const struct screen *screen) {
    return screen->wanted && screen->decision.action == RISK_DENY && !PLANTED(DENIED_SENT);
}

int screen_refuse(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                  struct err *err) {
    payment_failed_by(payment, "declined_by_fraud_rules", 0); /* which rule, the story tells */
    return payment_move(payments, tx, payment, EVENT_FAIL, err);
}

void screen_meter(const struct payment_row *payment, const struct screen *screen) {
    if (!screen->wanted) {
        return;
    }
    risk_meter(&screen->decision);
    outcome_fraud(payment, &screen->decision);
    if (screen->decision.action == RISK_DENY) {
        const struct risk_decision *decision = &screen->decision;
        log_event(RISK_DENIED, LT("payment", payment->id.text),
                  LT("rule", decision->hit_count > 0 ? decision->hits[0].rule : ""),
                  LI("score", decision->score));
    }
}
