/* SPDX-License-Identifier: Apache-2.0
 * card_limits.h: the card networks' retry limits, counted for each card and enforced before
 * anything is sent (card_limits.def).
 *
 * A card is known by its *names*: digests, keyed with the master key, of the tokens that the
 * merchant gave for it and of the fingerprint that a gateway told with a decline. Names that were
 * seen together are one card. Only declines write rows, so a card that was never declined costs one
 * look that finds nothing; from its first decline on it is *watched*: tries under way count too,
 * and its row is locked while they are counted, so that two payments at once cannot pass the limit
 * together. Before its first decline nothing is counted: what is under way then is let through.
 *
 * Threads: inside the caller's transaction, after the payment's row was locked. */
#ifndef HOLDFAST_PAYMENT_CARD_LIMITS_H
#define HOLDFAST_PAYMENT_CARD_LIMITS_H

#include "gateway/common_codes.h"
#include "payment/rows.h"

enum {
    CARD_NAMES_MAX = 8, /* tokens of one payment that are looked at, and the fingerprint */
    CARD_NAME_CHARS = 64,
    CARD_TRIES_MAX = 64, /* more than any row of the table allows */
};

struct card {
    char names[CARD_NAMES_MAX][CARD_NAME_CHARS + 1];
    int count; /* 0: it is no card, or one that nothing names */
};

/* The names of the card that this payment is to be paid by: of `method` METHOD_CARD, from the
 * tokens by gateway ("": portable). */
void card_of(const struct payments *payments, enum payment_method method, const json_t *tokens,
             struct card *ret_card);

/* ---- the rule itself ---- */

struct card_rule {
    const char *network;
    int tries;
    int64_t window_us;
};
/* By number, those of that network, or those of "" when it has none; NULL: there are no more. */
const struct card_rule *card_rule_at(const char *network, int number);
/* `tries_us`: when it was tried, oldest first. 0: it may be asked now; else when again. */
int64_t card_closed_until_us(const char *network, const int64_t *tries_us, int count,
                             int64_t now_us);

/* ---- the card's book ---- */

struct card_verdict {
    const char *code;                  /* why it is not asked: a common code; NULL: it may be */
    int64_t again_us;                  /* wall; 0: never, or not said */
    char watched[CARD_NAME_CHARS + 1]; /* the card in the book; "": it has not been declined */
};
MUST_USE int card_check(struct store_tx *tx, const struct card *card, int64_t now_us,
                        struct card_verdict *ret_verdict, struct err *err);
/* In the place of card_check() where a card without declines is expected: of any other the
 * transaction fails with ERR_STATE, at its commit at the latest, and nobody waits for that. */
MUST_USE int card_expect_clean(struct store_tx *tx, const struct card *card, struct err *err);
/* In the transaction that writes the attempt: a watched card is about to be asked. */
MUST_USE int card_asked(struct store_tx *tx, const struct card_verdict *verdict,
                        const struct attempt_row *attempt, struct err *err);
/* The attempt was declined: counted by its common code. Nothing for what is no card. */
MUST_USE int card_declined(const struct payments *payments, struct store_tx *tx,
                           const struct payment_row *payment, const struct attempt_row *attempt,
                           const struct gateway_result *result, struct err *err);
/* Forgets what no rule looks at any more; returns how many rows. */
MUST_USE int card_prune(struct store_tx *tx, int64_t now_us, int limit, struct err *err);

#endif
