/* SPDX-License-Identifier: Apache-2.0
 * card_limits.c: the networks' retry limits: the rule, and the book that it is asked of. */
#include "payment/card_limits.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/plant.h"
#include "base/seal.h"
#include "payment/internal.h"

#define HOUR_US (3600 * US_PER_SECOND)
/* No rule looks further back, with a day to spare. */
#define BOOK_US (31 * 24 * HOUR_US)

/* ---- the rule ---- */

static const struct {
    const char *network;
    struct card_rule rule;
} rules[] = {
#define X(network, tries, hours) {network, {network, tries, (hours)*HOUR_US}},
#include "payment/card_limits.def"
#undef X
};

static bool has_rules(const char *network) {
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (strcmp(rules[i].network, network) == 0) {
            return true;
        }
    }
    return false;
}

const struct card_rule *card_rule_at(const char *network, int number) {
    const char *wanted = has_rules(network) ? network : "";
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (strcmp(rules[i].network, wanted) == 0 && number-- == 0) {
            return &rules[i].rule;
        }
    }
    return NULL;
}

/* Open again when the oldest try of those that fill the window leaves it. */
static int64_t closed_by(const struct card_rule *rule, const int64_t *tries_us, int count,
                         int64_t now_us) {
    int first = 0;
    while (first < count && tries_us[first] <= now_us - rule->window_us) {
        first++;
    }
    int inside = count - first;
    return inside < rule->tries ? 0 : tries_us[first + inside - rule->tries] + rule->window_us;
}

int64_t card_closed_until_us(const char *network, const int64_t *tries_us, int count,
                             int64_t now_us) {
    int64_t until_us = 0;
    const struct card_rule *rule;
    for (int i = 0; (rule = card_rule_at(network, i)) != NULL; i++) {
        int64_t by_this = closed_by(rule, tries_us, count, now_us);
        until_us = by_this > until_us ? by_this : until_us;
    }
    return until_us;
}

/* ---- names ---- */

static void name_of(const struct payments *payments, const char *kind, const char *text,
                    char ret_name[CARD_NAME_CHARS + 1]) {
    char bytes[GATEWAY_TOKEN_CHARS_MAX + 32];
    int count = snprintf(bytes, sizeof bytes, "%s\n%s", kind, text);
    size_t used = (size_t)count < sizeof bytes ? (size_t)count : sizeof bytes - 1;
    if (payments->options.seal != NULL) {
        seal_digest(payments->options.seal, bytes, used, ret_name);
    } else {
        crypto_sha256_hex(bytes, used, ret_name);
    }
}

static void add_name(const struct payments *payments, const char *kind, const char *text,
                     struct card *card) {
    char name[CARD_NAME_CHARS + 1];
    if (text == NULL || text[0] == '\0' || card->count == CARD_NAMES_MAX) {
        return;
    }
    name_of(payments, kind, text, name);
    for (int i = 0; i < card->count; i++) {
        if (strcmp(card->names[i], name) == 0) {
            return;
        }
    }
    memcpy(card->names[card->count++], name, sizeof name);
}

void card_of(const struct payments *payments, enum payment_method method, const json_t *tokens,
             struct card *ret_card) {
    const char *gateway;
    json_t *token;
    *ret_card = (struct card){0};
    if (method != METHOD_CARD) {
        return;
    }
    json_object_foreach((json_t *)tokens, gateway, token) {
        add_name(payments, "token", json_string_value(token), ret_card);
    }
}

/* ---- the book ---- */

#define SOME_NAMES "($1, $2, $3, $4, $5, $6, $7, $8)"
static_assert(CARD_NAMES_MAX == 8, "SOME_NAMES has one place for each");
#define NAME(card, i) S_TEXT((i) < (card)->count ? (card)->names[i] : "")
#define ALL_NAMES(card)                                                                            \
    NAME(card, 0), NAME(card, 1), NAME(card, 2), NAME(card, 3), NAME(card, 4), NAME(card, 5),      \
        NAME(card, 6), NAME(card, 7)

/* The cards of the book that these names belong to: mostly one, in order. */
static int find_cards(struct store_tx *tx, const struct card *card, struct card *ret_found,
                      struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_found = (struct card){0};
    int r = sql_query(tx, err, &rows,
                      "SELECT DISTINCT card FROM card_name WHERE name IN " SOME_NAMES
                      " ORDER BY card",
                      ALL_NAMES(card));
    while (r >= 0 && ret_found->count < CARD_NAMES_MAX && (r = sql_next(rows, err)) > 0) {
        snprintf(ret_found->names[ret_found->count++], CARD_NAME_CHARS + 1, "%s",
                 sql_text(rows, 0));
    }
    return r < 0 ? r : 0;
}

/* Two cards of the book turn out to be one. What a bank never approves stays so. */
static int join(struct store_tx *tx, const char *into, const char *other, struct err *err) {
    int64_t r = sql_exec(tx, err,
                         "UPDATE card_standing SET never_us = (SELECT MAX(never_us) FROM "
                         "card_standing WHERE card IN ($1, $2)) WHERE card = $1",
                         S_TEXT(into), S_TEXT(other));
    r = r < 0 ? r : sql_put(tx, err, "DELETE FROM card_standing WHERE card = $1", S_TEXT(other));
    r = r < 0 ? r
              : sql_put(tx, err, "UPDATE card_name SET card = $1 WHERE card = $2", S_TEXT(into),
                        S_TEXT(other));
    r = r < 0 ? r
              : sql_put(tx, err, "UPDATE card_try SET card = $1 WHERE card = $2", S_TEXT(into),
                        S_TEXT(other));
    return r < 0 ? (int)r : 0;
}

static int join_all(struct store_tx *tx, const struct card *found, struct err *err) {
    int r = 0;
    for (int i = 1; r >= 0 && i < found->count; i++) {
        r = join(tx, found->names[0], found->names[i], err);
    }
    return r;
}

/* Also locks it, until the transaction ends. */
static int load_standing(struct store_tx *tx, const char *card, char ret_network[16],
                         int64_t *ret_never_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT scheme, never_us FROM card_standing WHERE card = $1 FOR UPDATE",
                      S_TEXT(card));
    r = r < 0 ? r : sql_next(rows, err);
    snprintf(ret_network, 16, "%s", r > 0 ? sql_text(rows, 0) : "");
    *ret_never_us = r > 0 ? sql_int(rows, 1) : 0;
    return r < 0 ? r : 0;
}

/* Declined, or sent and not answered for. Oldest first. */
static int load_tries(struct store_tx *tx, const char *card, int64_t now_us,
                      int64_t ret_tries_us[CARD_TRIES_MAX], int *ret_count, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int count = 0;
    int r = sql_query(tx, err, &rows,
                      "SELECT t.at_us FROM card_try t LEFT JOIN attempt a ON a.id = t.attempt_id "
                      "WHERE t.card = $1 AND t.at_us > $2 AND (t.category > 0 OR a.state IN "
                      "(1, 2, 3, 4)) ORDER BY t.at_us DESC LIMIT $3",
                      S_TEXT(card), S_INT(now_us - BOOK_US), S_INT(CARD_TRIES_MAX));
    while (r >= 0 && count < CARD_TRIES_MAX && (r = sql_next(rows, err)) > 0) {
        ret_tries_us[count++] = sql_int(rows, 0);
    }
    for (int i = 0; i < count / 2; i++) {
        int64_t swapped = ret_tries_us[i];
        ret_tries_us[i] = ret_tries_us[count - 1 - i];
        ret_tries_us[count - 1 - i] = swapped;
    }
    *ret_count = count;
    return r < 0 ? r : 0;
}

int card_check(struct store_tx *tx, const struct card *card, int64_t now_us,
               struct card_verdict *ret_verdict, struct err *err) {
    struct card found = {0};
    char network[16];
    int64_t never_us = 0, tries_us[CARD_TRIES_MAX];
    int count = 0;
    *ret_verdict = (struct card_verdict){0};
    int r = card->count > 0 ? find_cards(tx, card, &found, err) : 0;
    if (r < 0 || found.count == 0) {
        return r;
    }
    r = join_all(tx, &found, err);
    r = r < 0 ? r : load_standing(tx, found.names[0], network, &never_us, err);
    r = r < 0 ? r : load_tries(tx, found.names[0], now_us, tries_us, &count, err);
    if (r < 0) {
        return r;
    }
    memcpy(ret_verdict->watched, found.names[0], sizeof ret_verdict->watched);
    if (never_us > 0 && !PLANTED(REFUSED_FOR_GOOD_FORGOTTEN)) {
        ret_verdict->code = "card_refused_for_good";
        return 0;
    }
    int64_t until_us = card_closed_until_us(network, tries_us, count, now_us);
    if (until_us > 0 && !PLANTED(RETRIES_UNLIMITED)) {
        ret_verdict->code = "retry_limit_reached";
        ret_verdict->again_us = until_us;
    }
    return 0;
}

int card_expect_clean(struct store_tx *tx, const struct card *card, struct err *err) {
    if (card->count == 0) {
        return 0;
    }
    return sql_put_one(tx, err,
                       "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM card_name WHERE name "
                       "IN " SOME_NAMES ")",
                       ALL_NAMES(card));
}

static int put_try(struct store_tx *tx, const char *card, const struct attempt_row *attempt,
                   enum network_category category, struct err *err) {
    return sql_put(tx, err,
                   "INSERT INTO card_try (attempt_id, card, gateway, category, at_us) VALUES "
                   "($1, $2, $3, $4, $5) ON CONFLICT (attempt_id) DO UPDATE SET category = $4",
                   S_TEXT(attempt->id.text), S_TEXT(card), S_TEXT(attempt->gateway),
                   S_INT(category), S_INT(attempt->created_us));
}

int card_asked(struct store_tx *tx, const struct card_verdict *verdict,
               const struct attempt_row *attempt, struct err *err) {
    return verdict->watched[0] != '\0' ? put_try(tx, verdict->watched, attempt, NETWORK_NONE, err)
                                       : 0;
}

/* The tokens of the payment are names of the card that was asked, unless the customer has chosen
 * another one since. */
static void names_of_attempt(const struct payments *payments, const struct payment_row *payment,
                             const struct attempt_row *attempt, const struct gateway_result *result,
                             struct card *ret_card) {
    struct card now;
    *ret_card = (struct card){0};
    add_name(payments, "token", attempt->token, ret_card);
    json_t *tokens = json_loads(payment->tokens, 0, NULL);
    card_of(payments, METHOD_CARD, tokens, &now);
    json_decref(tokens);
    for (int i = 0; i < now.count; i++) {
        if (strcmp(now.names[i], ret_card->names[0]) == 0) {
            *ret_card = now;
        }
    }
    if (result->card_fingerprint[0] != '\0' && ret_card->count == CARD_NAMES_MAX) {
        ret_card->count--; /* rather the fingerprint than the eighth token */
    }
    add_name(payments, "fingerprint", result->card_fingerprint, ret_card);
}

static int put_names(struct store_tx *tx, const struct card *card, const char *book,
                     struct err *err) {
    int r = 0;
    for (int i = 0; r >= 0 && i < card->count; i++) {
        r = sql_put(tx, err,
                    "INSERT INTO card_name (name, card) VALUES ($1, $2) ON CONFLICT (name) DO "
                    "NOTHING",
                    S_TEXT(card->names[i]), S_TEXT(book));
    }
    return r;
}

/* A card that was declined was asked, also where nobody says why (a callback, a question).
 * "Never again" counts where it can only be meant of the card: not of what was entered, and not of
 * what may pass another day or by another route. */
static enum network_category category_of(const struct attempt_row *attempt,
                                         const struct gateway_result *result) {
    const struct common_code *code = common_code_find(attempt->common_code);
    bool of_the_card = (code->advice == ADVICE_STOP || code->advice == ADVICE_CUSTOMER) &&
                       (code->network == NETWORK_LATER || code->network == NETWORK_GENERIC);
    return result->never_again && of_the_card ? NETWORK_NEVER
           : code->network == NETWORK_NONE    ? NETWORK_GENERIC
                                              : code->network;
}

int card_declined(const struct payments *payments, struct store_tx *tx,
                  const struct payment_row *payment, const struct attempt_row *attempt,
                  const struct gateway_result *result, struct err *err) {
    enum network_category category = category_of(attempt, result);
    if (payment->method != METHOD_CARD || attempt->token[0] == '\0' || PLANTED(DECLINE_UNNOTED)) {
        return 0;
    }
    struct card card, found;
    int64_t now = clock_wall_us();
    names_of_attempt(payments, payment, attempt, result, &card);
    int r = find_cards(tx, &card, &found, err);
    r = r < 0 ? r : join_all(tx, &found, err);
    if (r < 0) {
        return r;
    }
    const char *book = found.count > 0 ? found.names[0] : card.names[0];
    r = put_names(tx, &card, book, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "INSERT INTO card_standing (card, scheme, never_us, touched_us) VALUES "
                        "($1, $2, $3, $4) ON CONFLICT (card) DO UPDATE SET scheme = CASE WHEN "
                        "$2 = '' THEN card_standing.scheme ELSE $2 END, never_us = CASE WHEN "
                        "$3 = 0 THEN card_standing.never_us ELSE $3 END, touched_us = $4",
                        S_TEXT(book), S_TEXT(result->card_network),
                        S_INT(category == NETWORK_NEVER ? now : 0), S_INT(now));
    return r < 0 ? r : put_try(tx, book, attempt, category, err);
}

int card_prune(struct store_tx *tx, int64_t now_us, int limit, struct err *err) {
    int64_t before_us = now_us - BOOK_US;
    int64_t tries = sql_exec(tx, err,
                             "DELETE FROM card_try WHERE attempt_id IN (SELECT attempt_id FROM "
                             "card_try WHERE at_us < $1 ORDER BY at_us LIMIT $2)",
                             S_INT(before_us), S_INT(limit));
    if (tries < 0) {
        return (int)tries;
    }
    int64_t cards = sql_exec(tx, err,
                             "DELETE FROM card_standing WHERE card IN (SELECT card FROM "
                             "card_standing WHERE never_us = 0 AND touched_us < $1 ORDER BY "
                             "touched_us LIMIT $2)",
                             S_INT(before_us), S_INT(limit));
    if (cards <= 0) {
        return cards < 0 ? (int)cards : (int)tries;
    }
    int64_t names = sql_exec(tx, err,
                             "DELETE FROM card_name WHERE NOT EXISTS (SELECT 1 FROM card_standing "
                             "s WHERE s.card = card_name.card)");
    return names < 0 ? (int)names : (int)(tries > cards ? tries : cards);
}
