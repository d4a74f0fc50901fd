/* SPDX-License-Identifier: Apache-2.0
 * verify.c: the invariants of design §6, asked of the whole store (payments_verify, `holdfast db
 * check`). Each rule is one query that gives the ids that break it; nothing here is an assertion on
 * memory. */
#include <string.h>

#include "payment/internal.h"

enum { BROKEN_SHOWN_MAX = 50 };

/* Rule, what a row found by the query means, query (id of what breaks it in column 0). */
static const struct {
    const char *rule, *what, *sql;
} rules[] = {
    {"I1", "a payment with more than one attempt that may have taken money",
     "SELECT payment_id FROM attempt WHERE state IN (1, 2, 3, 4, 5, 6) GROUP BY payment_id HAVING "
     "COUNT(*) > 1"},
    {"I1", "an attempt whose live mark does not follow from its state",
     "SELECT id FROM attempt WHERE (state IN (1, 2, 3, 4, 5, 6)) <> (live IS NOT NULL)"},
    {"I1", "an order held by more than one payment",
     "SELECT order_id FROM payment WHERE holds_order = 1 GROUP BY order_id HAVING COUNT(*) > 1"},
    {"I2", "a payment that says it was charged without a charged attempt",
     "SELECT p.id FROM payment p WHERE p.state = 5 AND NOT EXISTS (SELECT 1 FROM attempt a WHERE "
     "a.payment_id = p.id "
     "AND a.state = 6)"},
    {"I4", "a charged attempt whose payment does not say so",
     "SELECT a.id FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE a.state = 6 AND "
     "p.state <> 5"},
    {"I4", "a payment whose captured amount is not what was posted",
     "SELECT p.id FROM payment p WHERE p.captured_minor <> (SELECT COALESCE(SUM(s.amount_minor), "
     "0) FROM posting s "
     "WHERE s.payment_id = p.id AND s.kind IN (1, 2, 12))"},
    {"I4", "a payment whose refunded amount is not what was posted",
     "SELECT p.id FROM payment p WHERE p.refunded_minor <> (SELECT COALESCE(SUM(CASE WHEN s.kind = "
     "4 THEN "
     "-s.amount_minor ELSE s.amount_minor END), 0) FROM posting s WHERE s.payment_id = p.id AND "
     "s.kind IN (3, 4, 8))"},
    {"I4", "a posting of another currency than its payment",
     "SELECT s.id FROM posting s JOIN payment p ON p.id = s.payment_id WHERE s.currency <> "
     "p.currency"},
    {"I4", "a posting that is not positive or moves nothing",
     "SELECT id FROM posting WHERE amount_minor <= 0 OR debit_account = credit_account"},
    {"I5", "a payment that ended while an attempt of it may still take money",
     "SELECT p.id FROM payment p JOIN attempt a ON a.payment_id = p.id WHERE p.state IN (6, 7) AND "
     "a.live = 1"},
    {"I6", "an unresolved payment that nobody will ask about",
     "SELECT a.id FROM attempt a WHERE a.state IN (2, 3, 4) AND NOT EXISTS (SELECT 1 FROM job j "
     "WHERE "
     "j.kind = 'resolve' AND j.key = a.id)"},
    {"I6", "an unresolved capture, cancellation or refund that nobody will ask about",
     "SELECT o.id FROM operation o WHERE o.state IN (2, 3) AND NOT EXISTS (SELECT 1 FROM job j "
     "WHERE "
     "j.kind = 'resolve_operation' AND j.key = o.id)"},
    {"I6", "a processing payment without an attempt that may still be answered",
     "SELECT p.id FROM payment p WHERE p.state = 2 AND NOT EXISTS (SELECT 1 FROM attempt a WHERE "
     "a.payment_id = p.id AND a.state IN (1, 2, 4))"},
    {"I4", "an authorized payment without an attempt that holds the money",
     "SELECT p.id FROM payment p WHERE p.state = 4 AND NOT EXISTS (SELECT 1 FROM attempt a WHERE "
     "a.payment_id = p.id AND a.state = 5)"},
    {"I10", "a payment refunded, or reserved to be, beyond what was captured",
     "SELECT id FROM payment WHERE refund_reserved_minor > captured_minor OR refunded_minor > "
     "refund_reserved_minor "
     "OR refunded_minor < 0"},
    {"I10", "a payment whose reserved refunds are not the sum of its open and done ones",
     "SELECT p.id FROM payment p WHERE p.refund_reserved_minor <> (SELECT "
     "COALESCE(SUM(o.amount_minor), 0) FROM "
     "operation o WHERE o.payment_id = p.id AND o.kind = 3 AND o.state IN (1, 2, 3, 4))"},
    {"I3", "a callback that was acknowledged and that no job will process",
     "SELECT c.id FROM callback c WHERE c.state IN (1, 4) AND NOT EXISTS (SELECT 1 FROM job j "
     "WHERE "
     "j.kind = 'callback' AND j.key = c.id)"},
    {"I3", "a webhook that waits and that no job will send",
     "SELECT d.id FROM webhook_delivery d WHERE d.state = 1 AND NOT EXISTS (SELECT 1 FROM job j "
     "WHERE "
     "j.kind = 'webhook' AND j.key = d.id)"},
};

struct verify {
    struct answer *answer;
};

static int verify_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct verify *verify = ctx;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_addf(&buf, "{\"checked\":%d,\"broken\":[", (int)COUNT_OF(rules));
    const char *comma = "";
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        SQL_ROWS_AUTO rows = NULL;
        int r = sql_query(tx, err, &rows, rules[i].sql);
        for (int shown = 0; r >= 0 && shown < BROKEN_SHOWN_MAX && (r = sql_next(rows, err)) > 0;
             shown++) {
            buf_addf(&buf, "%s{\"rule\":\"%s\",\"id\":", comma, rules[i].rule);
            buf_add_json(&buf, sql_text(rows, 0));
            buf_add_text(&buf, ",\"what\":");
            buf_add_json(&buf, rules[i].what);
            buf_add_char(&buf, '}');
            comma = ",";
        }
        if (r < 0) {
            return r;
        }
    }
    buf_add_text(&buf, "]}");
    return answer_take(verify->answer, 200, &buf, err);
}

int payments_verify_store(struct store *store, struct answer *ret_answer, struct err *err) {
    struct verify verify = {ret_answer};
    return store_read(store, verify_tx, &verify, err);
}

int payments_verify(struct payments *payments, struct answer *ret_answer, struct err *err) {
    return payments_verify_store(payments->options.store, ret_answer, err);
}
