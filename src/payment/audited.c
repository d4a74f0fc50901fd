/* SPDX-License-Identifier: Apache-2.0
 * audited.c: money that somebody moves by hand is on the audit log (SEC-2): who, what, how much,
 * why, in the transaction that writes it down.
 *
 * Somebody is a user, whoever is at the internal listener, and a key: of a refund every key, since
 * money leaves; of a capture or a cancellation the keys that were made for a user. The shop's own
 * machine captures each order it ships, by a key that is nobody's: its operations have its name,
 * and the log is one chain, on which every writer waits for the one before. */
#include <stdio.h>
#include <string.h>

#include "payment/internal.h"
#include "store/audit.h"

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
