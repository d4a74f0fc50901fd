/* SPDX-License-Identifier: Apache-2.0
 * audited.c: money that somebody moves by hand: how much he may refund alone, and that it is on
 * the audit log (SEC-2): who, what, how much, why, in the transaction that writes it down.
 *
 * Somebody is a user, whoever is at the internal listener, and a key: of a refund every key, since
 * money leaves; of a capture or a cancellation the keys that were made for a user. The shop's own
 * machine captures each order it ships, by a key that is nobody's: its operations have its name,
 * and the log is one chain, on which every writer waits for the one before. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "payment/internal.h"
#include "store/audit.h"

#define DAY_US (24 * 3600 * US_PER_SECOND)

/* 1: a key that was made for a user. */
static int is_a_users(struct store_tx *tx, const char *key_id, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT id FROM api_key WHERE id = $1 AND user_id <> ''",
                      S_TEXT(key_id));
    return r < 0 ? r : sql_next(rows, err);
}

static int is_somebody(struct store_tx *tx, const char *actor, enum operation_kind kind,
                       struct err *err) {
    if (strncmp(actor, "user:", 5) == 0 || strcmp(actor, "internal") == 0) {
        return 1;
    }
    if (strncmp(actor, "key:", 4) != 0) {
        return 0;
    }
    return kind == OPERATION_REFUND ? 1 : is_a_users(tx, actor + 4, err);
}

int operation_audit(struct store_tx *tx, const struct caller *caller, const char *action,
                    const struct operation_row *operation, struct err *err) {
    char money[MONEY_TEXT_MAX], detail[200 + MONEY_TEXT_MAX];
    int r = is_somebody(tx, caller->actor, operation->kind, err);
    if (r <= 0) {
        return r;
    }
    snprintf(detail, sizeof detail,
             "{\"operation\":\"%s\",\"amount\":\"%s\",\"to_original_method\":%s}",
             operation->id.text, money_show(operation->amount_minor, operation->currency, money),
             operation->to_original ? "true" : "false");
    return audit_append(tx, caller->actor, action, operation->payment_id.text,
                        operation->reason != NULL ? operation->reason : "", detail, err);
}

/* ---- how much one refunds alone ---- */

static int over(const struct payment_row *payment, int64_t limit_minor, int64_t so_far_minor,
                const char *of, struct err *err) {
    char limit[MONEY_TEXT_MAX], so_far[MONEY_TEXT_MAX];
    err_set(err, ERR_FORBIDDEN, "you refund at most %s of %s alone, and %s are refunded already",
            money_show(limit_minor, payment->currency, limit), of,
            money_show(so_far_minor, payment->currency, so_far));
    return err_hint(err, "A second person agrees to more: `holdfast refund ask %s`.",
                    payment->id.text);
}

/* What this caller has refunded within a day, of any payment. */
static int refunded_by(struct store_tx *tx, const char *actor, struct currency currency,
                       int64_t *ret_minor, struct err *err) {
    char from_id[ID_TEXT_MAX];
    int64_t since_us = clock_wall_us() - DAY_US;
    SQL_ROWS_AUTO rows = NULL;
    id_floor("re", since_us, from_id);
    int r = sql_query(tx, err, &rows,
                      "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM operation WHERE "
                      "id >= $1 AND created_us >= $2 AND kind = 3 AND state <> 5 AND actor = $3 "
                      "AND currency = $4",
                      S_TEXT(from_id), S_INT(since_us), S_TEXT(actor), S_TEXT(currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    *ret_minor = r > 0 ? sql_int(rows, 0) : 0;
    return r < 0 ? r : 0;
}

int refund_within(struct store_tx *tx, const struct caller *caller,
                  const struct payment_row *payment, int64_t amount_minor, struct err *err) {
    struct refund_limit limit = {.currency = payment->currency};
    int64_t today = 0, sum = 0;
    if (caller->refunds == NULL) {
        return 0;
    }
    for (int i = 0; i < caller->refunds->count; i++) {
        if (currency_equal(caller->refunds->rows[i].currency, payment->currency)) {
            limit = caller->refunds->rows[i];
        }
    }
    if (!money_add(payment->refund_reserved_minor, amount_minor, &sum) ||
        sum > limit.payment_minor) {
        return over(payment, limit.payment_minor, payment->refund_reserved_minor, "a payment", err);
    }
    int r = limit.day_minor == 0
                ? 0
                : refunded_by(tx, caller->actor, payment->currency, &today, err);
    if (r < 0 || limit.day_minor == 0) {
        return r;
    }
    return money_add(today, amount_minor, &sum) && sum <= limit.day_minor
               ? 0
               : over(payment, limit.day_minor, today, "all payments in 24 hours", err);
}

struct may {
    const struct caller *caller;
    const char *payment_id;
    int64_t amount_minor;
};

static int may_tx(struct store_tx *tx, void *ctx, struct err *err) {
    const struct may *may = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct payment_row payment;
    int r = payment_row_load(tx, arena, may->payment_id, false, &payment, err);
    return r < 0 ? r : refund_within(tx, may->caller, &payment, may->amount_minor, err);
}

int payment_refund_may(struct payments *payments, const struct caller *caller,
                       const char *payment_id, int64_t amount_minor, struct err *err) {
    struct may may = {caller, payment_id, amount_minor};
    return store_read(payments->options.store, may_tx, &may, err);
}
