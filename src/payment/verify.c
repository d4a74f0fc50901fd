/* SPDX-License-Identifier: Apache-2.0
 * verify.c: the invariants of design §6, asked of the whole store (payments_verify, `holdfast db
 * check`). Each rule is one query that gives the ids that break it; nothing here is an assertion on
 * memory. */
#include <stdio.h>
#include <string.h>

#include "payment/internal.h"

enum { BROKEN_SHOWN_MAX = 50, STRETCH_CHARS_MAX = 512 };

/* A rule is asked of a stretch of one column at a time: more than $1, up to $2. Each stretch is a
 * statement of its own, so that no store is too large for the engine's limit on a statement. `next`
 * gives where the stretch ends (NULL: there is nothing more); what the rows found by `sql` mean is
 * `what`, and the id of what breaks the rule is in column 0. */
#define STRETCH(table, column)                                                                     \
    "SELECT MAX(c) FROM (SELECT " column " AS c FROM " table " WHERE " column                      \
    " > $1 ORDER BY " column " LIMIT 5000) AS stretch"
#define BY_PAYMENT STRETCH("payment", "id")
#define BY_ATTEMPT STRETCH("attempt", "id")

static const struct {
    const char *rule, *what, *next, *sql;
} rules[] = {
    {"I1", "a payment with more than one attempt that may have taken money",
     STRETCH("attempt", "payment_id"),
     "SELECT payment_id FROM attempt WHERE payment_id > $1 AND payment_id <= $2 AND state IN (1, "
     "2, 3, 4, 5, 6) GROUP BY payment_id HAVING COUNT(*) > 1"},
    {"I1", "an attempt whose live mark does not follow from its state", BY_ATTEMPT,
     "SELECT id FROM attempt WHERE id > $1 AND id <= $2 AND (state IN (1, 2, 3, 4, 5, 6)) <> (live "
     "IS NOT NULL)"},
    {"I1", "an order held by more than one payment", STRETCH("payment", "order_id"),
     "SELECT order_id FROM payment WHERE order_id > $1 AND order_id <= $2 AND holds_order = 1 "
     "GROUP BY order_id HAVING COUNT(*) > 1"},
    {"I2", "a payment that says it was charged without a charged attempt", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.state = 5 AND NOT EXISTS "
     "(SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND a.state = 6)"},
    {"I4", "a charged attempt whose payment does not say so", BY_ATTEMPT,
     "SELECT a.id FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE a.id > $1 AND a.id "
     "<= $2 AND a.state = 6 AND p.state <> 5"},
    {"I4", "a payment whose captured amount is not what was posted", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.captured_minor <> (SELECT "
     "COALESCE(SUM(s.amount_minor), 0) FROM posting s WHERE s.payment_id = p.id AND s.kind IN (1, "
     "2, 12))"},
    {"I4", "a payment whose refunded amount is not what was posted", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.refunded_minor <> (SELECT "
     "COALESCE(SUM(CASE WHEN s.kind = 4 THEN -s.amount_minor ELSE s.amount_minor END), 0) FROM "
     "posting s WHERE s.payment_id = p.id AND s.kind IN (3, 4, 8, 15))"},
    /* What is in suspense (10, 11) is in no payment's sums and keeps its own currency. */
    {"I4", "a posting of another currency than its payment", STRETCH("posting", "id"),
     "SELECT s.id FROM posting s JOIN payment p ON p.id = s.payment_id WHERE s.id > $1 AND s.id "
     "<= $2 AND s.currency <> p.currency AND s.kind NOT IN (10, 11)"},
    {"I4", "a posting that is not positive or moves nothing", STRETCH("posting", "id"),
     "SELECT id FROM posting WHERE id > $1 AND id <= $2 AND (amount_minor <= 0 OR debit_account = "
     "credit_account)"},
    {"I4", "a case that says it posted its money to suspense without such a posting",
     STRETCH("review_case", "id"),
     "SELECT c.id FROM review_case c WHERE c.id > $1 AND c.id <= $2 AND c.posted IN (10, 11) AND "
     "NOT EXISTS (SELECT 1 FROM posting s WHERE s.id = (CASE WHEN c.posted = 10 THEN "
     "'pst_suspense_' ELSE 'pst_suspense_returned_' END) || c.subject)"},
    {"I5", "a payment that ended while an attempt of it may still take money", BY_PAYMENT,
     "SELECT p.id FROM payment p JOIN attempt a ON a.payment_id = p.id WHERE p.id > $1 AND p.id "
     "<= $2 AND p.state IN (6, 7) AND a.live = 1"},
    {"I6", "an unresolved payment that nobody will ask about", BY_ATTEMPT,
     "SELECT a.id FROM attempt a WHERE a.id > $1 AND a.id <= $2 AND a.state IN (2, 3, 4) AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'resolve' AND j.key = a.id)"},
    {"I6", "an unresolved capture, cancellation, refund or return that nobody will ask about",
     STRETCH("operation", "id"),
     "SELECT o.id FROM operation o WHERE o.id > $1 AND o.id <= $2 AND o.state IN (2, 3) AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'resolve_operation' AND j.key = o.id)"},
    {"I6", "a processing payment without an attempt that may still be answered", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.state = 2 AND NOT EXISTS "
     "(SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND a.state IN (1, 2, 4))"},
    {"I4", "an authorized payment without an attempt that holds the money", BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.state = 4 AND NOT EXISTS "
     "(SELECT 1 FROM attempt a WHERE a.payment_id = p.id AND a.state = 5)"},
    {"I10", "a payment refunded, or reserved to be, beyond what was captured", BY_PAYMENT,
     "SELECT id FROM payment WHERE id > $1 AND id <= $2 AND (refund_reserved_minor > "
     "captured_minor OR refunded_minor > refund_reserved_minor OR refunded_minor < 0)"},
    {"I10", "a payment whose reserved refunds are not the sum of its open and done ones",
     BY_PAYMENT,
     "SELECT p.id FROM payment p WHERE p.id > $1 AND p.id <= $2 AND p.refund_reserved_minor <> "
     "(SELECT COALESCE(SUM(o.amount_minor), 0) FROM operation o WHERE o.payment_id = p.id AND "
     "o.kind = 3 AND o.state IN (1, 2, 3, 4))"},
    {"I3", "a callback that was acknowledged and that no job will process",
     STRETCH("callback", "id"),
     "SELECT c.id FROM callback c WHERE c.id > $1 AND c.id <= $2 AND c.state IN (1, 4) AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'callback' AND j.key = c.id)"},
    {"I3", "a webhook that waits and that no job will send", STRETCH("webhook_delivery", "id"),
     "SELECT d.id FROM webhook_delivery d WHERE d.id > $1 AND d.id <= $2 AND d.state = 1 AND NOT "
     "EXISTS (SELECT 1 FROM job j WHERE j.kind = 'webhook' AND j.key = d.id)"},
};

struct verify {
    struct buf buf;  /* what was found in the stretches before */
    struct buf part; /* and in this one */
    size_t rule;
    char from[STRETCH_CHARS_MAX], until[STRETCH_CHARS_MAX];
    int shown, shown_before;
    bool over;
};

/* The rows of one rule in one stretch. It may run again, and then takes back what it wrote. */
static int stretch_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct verify *verify = ctx;
    buf_clear(&verify->part);
    verify->shown = verify->shown_before;
    SQL_ROWS_AUTO end = NULL;
    int r = sql_query(tx, err, &end, rules[verify->rule].next, S_TEXT(verify->from));
    r = r < 0 ? r : sql_next(end, err);
    verify->over = r == 0 || (r > 0 && sql_null(end, 0));
    if (r < 0 || verify->over) {
        return r < 0 ? r : 0;
    }
    snprintf(verify->until, sizeof verify->until, "%s", sql_text(end, 0));
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows, rules[verify->rule].sql, S_TEXT(verify->from),
                  S_TEXT(verify->until));
    while (r >= 0 && verify->shown < BROKEN_SHOWN_MAX && (r = sql_next(rows, err)) > 0) {
        buf_addf(&verify->part, ",{\"rule\":\"%s\",\"id\":", rules[verify->rule].rule);
        buf_add_json(&verify->part, sql_text(rows, 0));
        buf_add_text(&verify->part, ",\"what\":");
        buf_add_json(&verify->part, rules[verify->rule].what);
        buf_add_char(&verify->part, '}');
        verify->shown++;
    }
    return r < 0 ? r : 0;
}

static int verify_rule(struct store *store, struct verify *verify, struct err *err) {
    verify->from[0] = '\0';
    verify->shown = 0;
    verify->over = false;
    while (!verify->over && verify->shown < BROKEN_SHOWN_MAX) {
        verify->shown_before = verify->shown;
        int r = store_read(store, stretch_tx, verify, err);
        if (r < 0) {
            return r;
        }
        memcpy(verify->from, verify->until, sizeof verify->from);
        bool first = verify->buf.data[verify->buf.len - 1] == '[';
        buf_add_text(&verify->buf, verify->part.data + (first && verify->part.len > 0));
    }
    return 0;
}

int payments_verify_store(struct store *store, struct answer *ret_answer, struct err *err) {
    struct verify verify = {.shown = 0};
    buf_init(&verify.buf, ARENA_REQUEST_BYTES_MAX);
    buf_init(&verify.part, ARENA_REQUEST_BYTES_MAX);
    buf_addf(&verify.buf, "{\"checked\":%d,\"broken\":[", (int)COUNT_OF(rules));
    int r = 0;
    for (verify.rule = 0; r >= 0 && verify.rule < COUNT_OF(rules); verify.rule++) {
        r = verify_rule(store, &verify, err);
    }
    if (r >= 0) {
        buf_add_text(&verify.buf, "]}");
        r = answer_take(ret_answer, 200, &verify.buf, err);
    }
    buf_release(&verify.buf);
    buf_release(&verify.part);
    return r;
}

int payments_verify(struct payments *payments, struct answer *ret_answer, struct err *err) {
    return payments_verify_store(payments->options.store, ret_answer, err);
}
