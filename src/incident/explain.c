/* SPDX-License-Identifier: Apache-2.0
 * explain.c: finding a customer's payments, and what is known of each (explain.h). */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/pan.h"
#include "base/text.h"
#include "incident/explain_impl.h"
#include "match/match.h"
#include "payment/disputes.h"

enum { PAYMENTS = 5, CASE_OPEN = 1, CONTACTS_MAX = 20 };
#define DAY_US (24 * 3600 * US_PER_SECOND)

/* ---- which payments ---- */

struct finding {
    struct explain_look *look;
    struct store_tx *tx;
    char ids[EXPLAIN_PAYMENTS_MAX + 1][ID_TEXT_MAX];
    int count;
};

static int take_ids(struct finding *finding, struct sql_rows *rows, int r, struct err *err) {
    while (r >= 0 && finding->count <= finding->look->limit && (r = sql_next(rows, err)) > 0) {
        snprintf(finding->ids[finding->count++], ID_TEXT_MAX, "%s", sql_text(rows, 0));
    }
    return r;
}

/* Each by an index. */
static int find_by_number(struct finding *finding, const char **ret_by, struct err *err) {
    static const struct {
        const char *by, *sql;
    } ways[] = {
        {"payment", "SELECT id FROM payment WHERE id = $1 LIMIT $2"},
        {"order", "SELECT id FROM payment WHERE order_id = $1 ORDER BY id DESC LIMIT $2"},
        {"attempt", "SELECT payment_id FROM attempt WHERE id = $1 LIMIT $2"},
        {"refund", "SELECT payment_id FROM operation WHERE id = $1 LIMIT $2"},
        {"gateway_number",
         "SELECT DISTINCT payment_id FROM attempt WHERE gateway_id = $1 AND gateway_id <> '' LIMIT "
         "$2"},
        {"gateway_number",
         "SELECT DISTINCT payment_id FROM attempt WHERE charge_id = $1 AND charge_id <> '' LIMIT "
         "$2"},
        {"refund",
         "SELECT DISTINCT payment_id FROM operation WHERE refund_id = $1 AND refund_id <> '' LIMIT "
         "$2"},
        {"case", "SELECT payment_id FROM review_case WHERE id = $1 AND payment_id <> '' LIMIT $2"},
    };
    const struct explain_look *look = finding->look;
    int r = 0;
    for (size_t i = 0; r >= 0 && finding->count == 0 && i < COUNT_OF(ways); i++) {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(finding->tx, err, &rows, ways[i].sql, S_TEXT(look->query),
                      S_INT(look->limit + 1));
        r = take_ids(finding, rows, r, err);
        *ret_by = ways[i].by;
    }
    return r;
}

/* No index leads from a customer to his payments: each charge would pay for one. The newest are
 * looked at first, by their ids. */
static int find_of_customer(struct finding *finding, const char *customer, const char *email,
                            struct err *err) {
    char from_id[ID_TEXT_MAX];
    SQL_ROWS_AUTO rows = NULL;
    id_floor("pay", clock_wall_us() - EXPLAIN_CUSTOMER_DAYS * DAY_US, from_id);
    int r = sql_query(finding->tx, err, &rows,
                      "SELECT id FROM payment WHERE id >= $1 AND (($2 <> '' AND customer_id = $2) OR "
                      "($3 <> '' AND customer_email = $3)) ORDER BY id DESC LIMIT $4",
                      S_TEXT(from_id), S_TEXT(customer), S_TEXT(email),
                      S_INT(finding->look->limit + 1 - finding->count));
    return take_ids(finding, rows, r, err);
}

/* Customers whose contact it is. */
static int find_by_contact(struct finding *finding, const char *column_sql, struct err *err) {
    char customers[CONTACTS_MAX][CUSTOMER_ID_CHARS_MAX * 4 + 1];
    int count = 0, r = 0;
    {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(finding->tx, err, &rows, column_sql, S_TEXT(finding->look->query),
                      S_INT(CONTACTS_MAX));
        while (r >= 0 && count < CONTACTS_MAX && (r = sql_next(rows, err)) > 0) {
            snprintf(customers[count++], sizeof customers[0], "%s", sql_text(rows, 0));
        }
    }
    for (int i = 0; r >= 0 && i < count; i++) {
        r = find_of_customer(finding, customers[i], "", err);
    }
    return r;
}

static int find(struct finding *finding, const char **ret_by, struct err *err) {
    const char *query = finding->look->query;
    int r = find_by_number(finding, ret_by, err);
    if (r < 0 || finding->count > 0) {
        return r;
    }
    if (strchr(query, '@') != NULL) {
        *ret_by = "email";
        r = find_of_customer(finding, "", query, err);
        return r < 0 || finding->count > 0
                   ? r
                   : find_by_contact(finding,
                                     "SELECT customer_id FROM customer_contact WHERE email = $1 "
                                     "LIMIT $2",
                                     err);
    }
    if (query[0] == '+') {
        *ret_by = "phone";
        return find_by_contact(
            finding, "SELECT customer_id FROM customer_contact WHERE phone = $1 LIMIT $2", err);
    }
    *ret_by = "customer";
    return find_of_customer(finding, query, "", err);
}

/* ---- what is known of one ---- */

static int look_at_attempts(struct explain_case *one, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT state FROM attempt WHERE payment_id = $1",
                      S_TEXT(one->payment.id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t state = sql_int(rows, 0);
        bool unknown = state == ATTEMPT_UNKNOWN;
        one->evidence.attempt_unknown = one->evidence.attempt_unknown || unknown;
        one->evidence.attempt_open = one->evidence.attempt_open || unknown ||
                                     state == ATTEMPT_SENDING || state == ATTEMPT_PENDING;
    }
    return r;
}

/* Of refunds the newest counts; one that was sent again after it had failed is newer. */
static void take_refund(struct explain_case *one, int64_t state, int64_t amount_minor) {
    struct explain_evidence *evidence = &one->evidence;
    bool open = state == OPERATION_SENDING || state == OPERATION_PENDING;
    if (state == OPERATION_UNKNOWN) {
        evidence->refund_unknown = true;
    }
    evidence->refund_pending = evidence->refund_pending || open;
    evidence->refund_failed = state == OPERATION_FAILED;
    if (state != OPERATION_SUCCEEDED) {
        one->refund_minor = amount_minor;
    }
}

static int look_at_operations(struct explain_case *one, struct store_tx *tx, struct err *err) {
    struct explain_evidence *evidence = &one->evidence;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT kind, state, amount_minor FROM operation WHERE payment_id = $1 ORDER "
                      "BY created_us, id",
                      S_TEXT(one->payment.id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t kind = sql_int(rows, 0), state = sql_int(rows, 1);
        bool open = state != OPERATION_SUCCEEDED && state != OPERATION_FAILED;
        if (kind == OPERATION_REFUND) {
            take_refund(one, state, sql_int(rows, 2));
        } else if (kind == OPERATION_RETURN) {
            evidence->return_open = evidence->return_open || open;
            evidence->return_done = evidence->return_done || state == OPERATION_SUCCEEDED;
        } else {
            evidence->change_open = evidence->change_open || open;
        }
    }
    return r;
}

static int look_at_cases(struct explain_case *one, struct store_tx *tx, struct err *err) {
    struct explain_evidence *evidence = &one->evidence;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, kind FROM review_case WHERE payment_id = $1 AND state = $2 ORDER "
                      "BY opened_us, id LIMIT 20",
                      S_TEXT(one->payment.id.text), S_INT(CASE_OPEN));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        const char *kind = sql_text(rows, 1);
        bool twice = strcmp(kind, "duplicate_charge") == 0;
        bool late = strcmp(kind, "late_success") == 0;
        evidence->double_case = evidence->double_case || twice;
        evidence->late_case = evidence->late_case || late || twice;
        evidence->amount_case = evidence->amount_case || strcmp(kind, "amount_mismatch") == 0 ||
                                strcmp(kind, "short_payment") == 0 ||
                                strcmp(kind, "wrong_currency") == 0 ||
                                strcmp(kind, "overpayment") == 0;
        if ((twice || late) && one->case_id[0] == '\0') {
            snprintf(one->case_id, sizeof one->case_id, "%s", sql_text(rows, 0));
        }
        explain_list_add(&one->cases, sql_text(rows, 0));
    }
    return r;
}

static int look_at_disputes(struct explain_case *one, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT state FROM dispute WHERE payment_id = $1",
                      S_TEXT(one->payment.id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t state = sql_int(rows, 0);
        one->evidence.dispute_open = one->evidence.dispute_open ||
                                     state == DISPUTE_NEEDS_RESPONSE || state == DISPUTE_UNDER_REVIEW;
        one->evidence.dispute_lost = one->evidence.dispute_lost || state == DISPUTE_LOST;
    }
    return r;
}

static int look_at_breaks(struct explain_case *one, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, class FROM recon_break WHERE payment_id = $1 AND payment_id <> '' "
                      "AND state IN (1, 2) ORDER BY id LIMIT 20",
                      S_TEXT(one->payment.id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        int64_t class = sql_int(rows, 1);
        one->evidence.double_break = one->evidence.double_break || class == CLASS_DOUBLE_CHARGE ||
                                     class == CLASS_TWO_GATEWAYS;
        explain_list_add(&one->breaks, sql_text(rows, 0));
    }
    return r;
}

static int look_at_tickets(struct explain_case *one, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM ticket WHERE payment_id = $1 AND payment_id <> '' AND state "
                      "IN (1, 2, 3, 4, 7) ORDER BY id LIMIT 20",
                      S_TEXT(one->payment.id.text));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        explain_list_add(&one->tickets, sql_text(rows, 0));
    }
    return r;
}

static int any(struct sql_rows *rows, int r, bool *ret_any, struct err *err) {
    r = r < 0 ? r : sql_next(rows, err);
    *ret_any = r > 0;
    return r < 0 ? r : 0;
}

/* The last thing that an endpoint was to be told of it has not arrived there. */
static int look_at_webhooks(struct explain_case *one, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT d.id FROM webhook_endpoint w JOIN event e ON e.payment_id = $1 JOIN "
                      "webhook_delivery d ON d.endpoint_id = w.id AND d.event_id = e.id WHERE "
                      "w.enabled = 1 AND (d.state = 3 OR (d.state = 1 AND d.tries > 0 AND "
                      "(d.last_status < 200 OR d.last_status > 299))) AND NOT EXISTS (SELECT 1 "
                      "FROM event newer JOIN webhook_delivery told ON told.event_id = newer.id AND "
                      "told.endpoint_id = w.id WHERE newer.payment_id = $1 AND newer.sequence > "
                      "e.sequence) LIMIT 1",
                      S_TEXT(one->payment.id.text));
    return any(rows, r, &one->evidence.not_told, err);
}

static int look_at_hand(struct explain_case *one, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT m.payment_id FROM manual_payment m JOIN approval a ON a.id = "
                      "m.approval_id WHERE m.payment_id = $1 AND a.state = 1",
                      S_TEXT(one->payment.id.text));
    return any(rows, r, &one->evidence.by_hand_waits, err);
}

/* Another payment of its order that is paid or reserved, or may be. Where an order may have several
 * payments only those count whose end is open. */
static int look_at_others(struct explain_case *one, struct store_tx *tx, struct err *err) {
    const struct payment_row *payment = &one->payment;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT o.id FROM payment o WHERE o.order_id = $2 AND o.id <> $1 AND "
                      "(o.state IN (1, 2) OR EXISTS (SELECT 1 FROM attempt a WHERE a.payment_id = "
                      "o.id AND a.state IN (1, 2, 3, 4)) OR ($3 = 0 AND (o.state = 4 OR (o.state = "
                      "5 AND o.refunded_minor < o.captured_minor)))) LIMIT 1",
                      S_TEXT(payment->id.text), S_TEXT(payment->order_id),
                      S_INT(payment->several_per_order));
    return any(rows, r, &one->evidence.other_counts, err);
}

static bool has_mark(const char *review) {
    static const char *const marks[] = {"late_success", "in_suspense", "double_charge"};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        if (strcmp(review, marks[i]) == 0) {
            return true;
        }
    }
    return false;
}

int explain_gather(struct explain_case *one, struct store_tx *tx, struct arena *arena,
                   const char *id, struct err *err) {
    const struct payment_row *payment = &one->payment;
    int r = payment_row_load(tx, arena, id, false, &one->payment, err);
    if (r < 0) {
        return r;
    }
    one->evidence = (struct explain_evidence){
        .state = payment->state,
        .action = payment->action,
        .failure_code = payment->failure_code,
        .captured_minor = payment->captured_minor,
        .refunded_minor = payment->refunded_minor,
        .over = payment->state == PAYMENT_FAILED || payment->state == PAYMENT_CANCELED,
        .asks_for_method = payment->state == PAYMENT_REQUIRES_ACTION &&
                           (strcmp(payment->action, "choose_method") == 0 ||
                            strcmp(payment->action, "pay_later") == 0),
        .queued = payment->queued_until_us > 0,
        .late_mark = has_mark(payment->review),
    };
    r = look_at_attempts(one, tx, err);
    r = r < 0 ? r : look_at_operations(one, tx, err);
    r = r < 0 ? r : look_at_cases(one, tx, err);
    r = r < 0 ? r : look_at_disputes(one, tx, err);
    r = r < 0 ? r : look_at_breaks(one, tx, err);
    r = r < 0 ? r : look_at_tickets(one, tx, err);
    r = r < 0 ? r : look_at_webhooks(one, tx, err);
    r = r < 0 ? r : look_at_hand(one, tx, err);
    r = r < 0 ? r : look_at_others(one, tx, err);
    one->situation = explain_pick(&one->evidence);
    return r < 0 ? r : 0;
}

/* ---- all ---- */

static void begin(struct explain_look *look, const char *by, struct buf *buf) {
    buf_clear(buf);
    buf_add_text(buf, "{\"object\":\"desk_lookup\",\"query\":");
    buf_add_json(buf, look->query);
    buf_addf(buf, ",\"by\":\"%s\",\"data\":[", by);
}

static int explain_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct explain_look *look = ctx;
    struct finding finding = {.look = look, .tx = tx};
    const char *by = "";
    int r = find(&finding, &by, err);
    begin(look, by, look->buf);
    for (int i = 0; r >= 0 && i < finding.count && i < look->limit; i++) {
        ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
        struct explain_case one = {.look = look, .arena = arena};
        r = explain_gather(&one, tx, arena, finding.ids[i], err);
        buf_add_text(look->buf, i > 0 ? "," : "");
        r = r < 0 ? r : explain_render(&one, tx, look->buf, err);
    }
    bool none = finding.count == 0;
    buf_addf(look->buf, "],\"more\":%s,\"note\":", finding.count > look->limit ? "true" : "false");
    buf_add_text(look->buf,
                 none ? "{\"en\":\"We have no payment by this. That does not say that no money "
                        "moved: ask for the order's number, or the number on the customer's "
                        "statement, and look again.\",\"zh\":\"没有找到对应的付款。这并不说明没有"
                        "扣款：请询问订单号或客户账单上的编号后再查。\"}"
                      : "null");
    buf_add_char(look->buf, '}');
    return r < 0 ? r : 0;
}

static int check(const char *query, struct err *err) {
    size_t chars = g_utf8_validate(query, -1, NULL) ? (size_t)g_utf8_strlen(query, -1) : 0;
    if (chars == 0 || chars > EXPLAIN_QUERY_CHARS_MAX || text_has_controls(query, false)) {
        err_set(err, ERR_VALIDATION, "what is looked for has 1 to %d characters",
                EXPLAIN_QUERY_CHARS_MAX);
        err_place(err, "query parameter q");
        return err_hint(err, "An order's number, a payment's id, the gateway's number, a customer's "
                             "id, e-mail address or telephone number (+49…).");
    }
    return pan_refuse_text(query, "query parameter q", err);
}

int desk_explain(const struct explain_options *options, const char *query, int limit,
                 struct answer *ret_answer, struct err *err) {
    int r = check(query, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, EXPLAIN_BYTES_MAX);
    struct explain_look look = {
        .options = options,
        .query = query,
        .limit = limit > 0 && limit <= EXPLAIN_PAYMENTS_MAX ? limit : PAYMENTS,
        .buf = &buf,
    };
    r = store_read(options->store, explain_tx, &look, err);
    return r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
}
