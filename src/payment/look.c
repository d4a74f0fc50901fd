/* SPDX-License-Identifier: Apache-2.0
 * look.c: reading only: payments, refunds and lists of them. Every list is bounded and newest
 * first; a cursor is the last row's place in that order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "payment/internal.h"
#include "payment/later.h"

enum { CURSOR_CHARS_MAX = 64 };

struct reading {
    struct payments *payments;
    struct arena *arena;
    const char *id;
    const struct payment_filter *filter;
    int64_t since_us, state;
    char from_id[ID_TEXT_MAX]; /* no row since then has a smaller one */
    int limit;
    struct answer *answer;
};

static int reading_run(struct payments *payments, store_fn *fn, struct reading *reading,
                       struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    reading->payments = payments;
    reading->arena = arena;
    reading->answer = ret_answer;
    return store_read(payments->options.store, fn, reading, err);
}

/* ---- one payment ---- */

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    struct payment_row payment;
    int r = payment_row_load(tx, reading->arena, reading->id, false, &payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_payment(&buf, &payment);
    return answer_take(reading->answer, 200, &buf, err);
}

int payment_get(struct payments *payments, const char *payment_id, struct answer *ret_answer,
                struct err *err) {
    struct reading reading = {.id = payment_id};
    return reading_run(payments, get_tx, &reading, ret_answer, err);
}

/* ---- lists of payments ---- */

/* A row's id is made a moment before or after its created_us is taken. */
#define ID_SLACK_US (1 * US_PER_SECOND)

/* "<created_us>.<id>" of the last row shown; "pay_Z" sorts behind every id. */
static int cursor_read(const char *cursor, const char **ret_id, struct err *err) {
    char *end = NULL;
    if (cursor == NULL || cursor[0] == '\0') {
        *ret_id = "pay_Z";
        return 0;
    }
    long long us = strtoll(cursor, &end, 10);
    if (strlen(cursor) > CURSOR_CHARS_MAX || us <= 0 || end == cursor || *end != '.') {
        err_set(err, ERR_VALIDATION, "this is not a cursor that a list gave out");
        return err_place(err, "cursor");
    }
    *ret_id = end + 1;
    return 0;
}

static void close_list(struct buf *buf, bool more, int64_t last_us, const char *last_id) {
    if (more) {
        buf_addf(buf, "],\"next_cursor\":\"%lld.%s\"}", (long long)last_us, last_id);
    } else {
        buf_add_text(buf, "],\"next_cursor\":null}");
    }
}

/* Ids sort by the time they were made: the primary key gives the order and the bounds, and a page
 * is read from its end instead of sorting all there is. The other filters are looked at row by row,
 * but for the order, which has an index. */
#define LIST_SQL(order)                                                                            \
    "SELECT " PAYMENT_COLUMNS " FROM payment WHERE id < $1 AND id >= $2 AND " order                \
    " AND ($4 = '' OR gateway = $4) AND ($5 = '' OR customer_id = $5) "                            \
    "AND ($6 = 0 OR state = $6) AND ($7 = 0 OR method = $7) AND created_us >= $8 "                 \
    "AND ($9 = 0 OR created_us < $9) AND ($10 = 0 OR review <> '') ORDER BY id DESC LIMIT $11"

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    static const char any[] = LIST_SQL("$3 = ''"), one[] = LIST_SQL("order_id = $3");
    struct reading *reading = ctx;
    const struct payment_filter *filter = reading->filter;
    const char *before_id = "";
    int r = cursor_read(filter->cursor, &before_id, err);
    if (r < 0) {
        return r;
    }
    int limit = page_rows(filter->limit);
    char from_id[ID_TEXT_MAX], until_id[ID_TEXT_MAX];
    id_floor("pay", filter->since_us - ID_SLACK_US, from_id);
    id_floor("pay", filter->until_us + ID_SLACK_US, until_id);
    bool first = filter->cursor == NULL || filter->cursor[0] == '\0';
    if (first && filter->until_us > 0) {
        before_id = until_id;
    }
    const char *order = filter->order_id != NULL ? filter->order_id : "";
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows, order[0] != '\0' ? one : any, S_TEXT(before_id), S_TEXT(from_id),
                  S_TEXT(order), S_TEXT(filter->gateway != NULL ? filter->gateway : ""),
                  S_TEXT(filter->customer_id != NULL ? filter->customer_id : ""),
                  S_INT(filter->state), S_INT(filter->method), S_INT(filter->since_us),
                  S_INT(filter->until_us), S_INT(filter->review_only), S_INT(limit + 1));
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    struct payment_row payment = {0};
    int shown = 0;
    bool more = false;
    while ((r = sql_next(rows, err)) > 0) {
        more = shown == limit;
        if (more) {
            break;
        }
        payment_row_read(rows, reading->arena, &payment);
        buf_add_text(&buf, shown++ > 0 ? "," : "");
        render_payment(&buf, &payment);
    }
    if (r < 0) {
        return r;
    }
    close_list(&buf, more, payment.created_us, payment.id.text);
    return answer_take(reading->answer, 200, &buf, err);
}

int payment_list(struct payments *payments, const struct payment_filter *filter,
                 struct answer *ret_answer, struct err *err) {
    struct reading reading = {.filter = filter};
    return reading_run(payments, list_tx, &reading, ret_answer, err);
}

/* Captures, cancellations, refunds and returns that the resolver asks about. */
static int stuck_operations(struct store_tx *tx, const struct reading *reading, struct buf *buf,
                            struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT " OPERATION_COLUMNS " FROM operation WHERE id IN (SELECT key FROM job WHERE kind = "
        "'" JOB_RESOLVE_OPERATION "') AND created_us < $1 ORDER BY created_us LIMIT $2",
        S_INT(reading->since_us), S_INT(reading->limit));
    return r < 0 ? r : render_rows(buf, rows, render_operation_row, reading->arena, err);
}

static void render_stuck(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    struct attempt_row attempt;
    attempt_row_read(rows, ctx, &attempt);
    buf_addf(buf,
             "{\"payment_id\":\"%s\",\"age_seconds\":%lld,\"attempt\":", attempt.payment_id.text,
             (long long)((clock_wall_us() - attempt.created_us) / US_PER_SECOND));
    render_attempt(buf, &attempt);
    buf_add_char(buf, '}');
}

/* A payment with the attempt that keeps it open; then the operations. */
static int stuck_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " ATTEMPT_COLUMNS
                      " FROM attempt WHERE id IN (SELECT id FROM attempt WHERE state = 1 UNION "
                      "SELECT id FROM attempt WHERE state = 2 UNION SELECT id FROM attempt WHERE "
                      "state = 4) AND created_us < $1 ORDER BY created_us LIMIT $2",
                      S_INT(reading->since_us), S_INT(reading->limit));
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":");
    r = r < 0 ? r : render_rows(&buf, rows, render_stuck, reading->arena, err);
    buf_add_text(&buf, ",\"operations\":");
    r = r < 0 ? r : stuck_operations(tx, reading, &buf, err);
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(reading->answer, 200, &buf, err);
}

int payment_stuck(struct payments *payments, int64_t older_us, int limit, struct answer *ret_answer,
                  struct err *err) {
    struct reading reading = {.since_us = clock_wall_us() - older_us, .limit = page_rows(limit)};
    return reading_run(payments, stuck_tx, &reading, ret_answer, err);
}

static void render_count(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    (void)ctx;
    buf_add_text(buf, "{\"gateway\":");
    buf_add_json(buf, sql_text(rows, 0));
    buf_add_text(buf, ",\"common_code\":");
    buf_add_json(buf, sql_text(rows, 1));
    buf_add_text(buf, ",\"code\":");
    buf_add_json(buf, sql_text(rows, 2));
    buf_addf(buf, ",\"count\":%lld}", (long long)sql_int(rows, 3));
}

/* Attempts that failed, and payments that came to none. */
static int failed_counts(struct store_tx *tx, const struct reading *reading, struct buf *buf,
                         struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT gateway, common_code, code, COUNT(*) FROM (SELECT gateway, common_code, code FROM "
        "attempt WHERE id >= $2 AND created_us >= $1 AND state IN (7, 8) UNION ALL "
        "SELECT gateway, common_code, code FROM not_sent WHERE at_us >= $1) AS failed "
        "GROUP BY gateway, common_code, code ORDER BY COUNT(*) DESC, gateway, code LIMIT 100",
        S_INT(reading->since_us), S_TEXT(reading->from_id));
    return r < 0 ? r : render_rows(buf, rows, render_count, NULL, err);
}

static void render_failed(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    struct attempt_row attempt;
    attempt_row_read(rows, ctx, &attempt);
    attempt.decision = "{}";
    buf_addf(buf, "{\"payment_id\":\"%s\",\"attempt\":", attempt.payment_id.text);
    render_attempt(buf, &attempt);
    buf_add_char(buf, '}');
}

static void render_not_sent(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    (void)ctx;
    not_sent_render(buf, rows, false);
}

static int failed_not_sent(struct store_tx *tx, const struct reading *reading, struct buf *buf,
                           struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " NOT_SENT_COLUMNS
                      " FROM not_sent WHERE at_us >= $1 ORDER BY at_us DESC, payment_id DESC "
                      "LIMIT $2",
                      S_INT(reading->since_us), S_INT(reading->limit));
    return r < 0 ? r : render_rows(buf, rows, render_not_sent, NULL, err);
}

static int failed_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"by_code\":");
    int r = failed_counts(tx, reading, &buf, err);
    if (r < 0) {
        return r;
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT " ATTEMPT_COLUMNS
                  " FROM attempt WHERE id >= $3 AND created_us >= $1 AND state IN (7, 8) "
                  "ORDER BY id DESC LIMIT $2",
                  S_INT(reading->since_us), S_INT(reading->limit), S_TEXT(reading->from_id));
    buf_add_text(&buf, ",\"data\":");
    r = r < 0 ? r : render_rows(&buf, rows, render_failed, reading->arena, err);
    buf_add_text(&buf, ",\"not_sent\":");
    r = r < 0 ? r : failed_not_sent(tx, reading, &buf, err);
    buf_add_char(&buf, '}');
    return r < 0 ? r : answer_take(reading->answer, 200, &buf, err);
}

int payment_failed(struct payments *payments, int64_t since_us, int limit,
                   struct answer *ret_answer, struct err *err) {
    struct reading reading = {.since_us = since_us, .limit = page_rows(limit)};
    id_floor("att", since_us - ID_SLACK_US, reading.from_id);
    return reading_run(payments, failed_tx, &reading, ret_answer, err);
}

static void render_rate(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    (void)ctx;
    int64_t good = sql_int(rows, 2), declined = sql_int(rows, 3), failed = sql_int(rows, 4);
    int64_t ended = good + declined + failed;
    buf_addf(buf,
             "{\"method\":\"%s\",\"gateway\":", method_name((enum payment_method)sql_int(rows, 0)));
    buf_add_json(buf, sql_text(rows, 1));
    buf_addf(buf,
             ",\"succeeded\":%lld,\"declined\":%lld,\"not_charged\":%lld,\"open\":%lld,"
             "\"attempts\":%lld,\"success_percent\":",
             (long long)good, (long long)declined, (long long)failed, (long long)sql_int(rows, 5),
             (long long)sql_int(rows, 6));
    if (ended > 0) {
        buf_addf(buf, "%lld.%02lld}", (long long)(good * 100 / ended),
                 (long long)(good * 10000 / ended % 100));
    } else {
        buf_add_text(buf, "null}");
    }
}

/* Success by the method of then and gateway: of the attempts that ended, how many were charged or
 * authorized; declines are shown apart, since they are not the gateway's fault. */
static int rates_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT CASE WHEN a.method = 0 THEN p.method ELSE a.method END AS way, a.gateway, SUM(CASE "
        "WHEN a.state IN (5, 6) THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN a.state = 7 THEN 1 ELSE 0 END), SUM(CASE WHEN a.state = 8 THEN 1 ELSE 0 "
        "END), "
        "SUM(CASE WHEN a.state IN (1, 2, 3, 4) THEN 1 ELSE 0 END), COUNT(*) "
        "FROM attempt a JOIN payment p ON p.id = a.payment_id WHERE a.id >= $2 AND "
        "a.created_us >= $1 AND p.purpose <> '100' AND a.gateway <> '" GATEWAY_BY_HAND
        "' GROUP BY way, a.gateway ORDER BY way, a.gateway",
        S_INT(reading->since_us), S_TEXT(reading->from_id));
    return r < 0 ? r : answer_rows(reading->answer, rows, render_rate, NULL, err);
}

int payment_rates(struct payments *payments, int64_t since_us, struct answer *ret_answer,
                  struct err *err) {
    struct reading reading = {.since_us = since_us};
    id_floor("att", since_us - ID_SLACK_US, reading.from_id);
    return reading_run(payments, rates_tx, &reading, ret_answer, err);
}

/* ---- an order, as a customer may be told ---- */

static void render_order_payment(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    struct payment_row payment;
    char time[CLOCK_TEXT_MAX], decimal[MONEY_TEXT_MAX];
    payment_row_read(rows, ctx, &payment);
    buf_addf(buf,
             "{\"reference\":\"%s\",\"state\":\"%s\",\"amount\":%lld,\"currency\":\"%s\","
             "\"amount_decimal\":\"%s\",\"amount_refunded\":%lld,\"message\":",
             payment.id.text, payment_state_name(payment.state), (long long)payment.amount_minor,
             payment.currency.code, money_decimal(payment.amount_minor, payment.currency, decimal),
             (long long)payment.refunded_minor);
    buf_add_json(buf, render_sentence(&payment, "en"));
    buf_add_text(buf, ",\"message_zh\":");
    buf_add_json(buf, render_sentence(&payment, "zh"));
    render_next(buf, &payment);
    buf_addf(buf, ",\"may_pay_again\":%s,\"updated_at\":\"%s\"}",
             payment.holds_order ? "false" : "true", clock_format(payment.updated_us, time));
}

static int order_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " PAYMENT_COLUMNS " FROM payment WHERE order_id = $1 ORDER BY "
                      "CASE WHEN holds_order = 1 THEN 0 ELSE 1 END, created_us DESC LIMIT $2",
                      S_TEXT(reading->id), S_INT(PAGE_MAX));
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"order_id\":");
    buf_add_json(&buf, reading->id);
    buf_add_text(&buf, ",\"payments\":");
    r = r < 0 ? r : render_rows(&buf, rows, render_order_payment, reading->arena, err);
    buf_add_char(&buf, '}');
    if (r == 0) {
        return err_set(err, ERR_NOT_FOUND, "no payment was made for order %s", reading->id);
    }
    return r < 0 ? r : answer_take(reading->answer, 200, &buf, err);
}

int payment_order_status(struct payments *payments, const char *order_id, struct answer *ret_answer,
                         struct err *err) {
    struct reading reading = {.id = order_id};
    return reading_run(payments, order_tx, &reading, ret_answer, err);
}

/* ---- refunds ---- */

static int refund_get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    struct operation_row operation;
    int r = operation_row_load(tx, reading->arena, reading->id, false, &operation, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_operation(&buf, &operation);
    return answer_take(reading->answer, 200, &buf, err);
}

int refund_get(struct payments *payments, const char *refund_id, struct answer *ret_answer,
               struct err *err) {
    struct reading reading = {.id = refund_id};
    return reading_run(payments, refund_get_tx, &reading, ret_answer, err);
}

/* Not those that were sent again, unless that has failed as well: nobody need see to them. */
#define NOT_SENT_AGAIN                                                                             \
    "NOT EXISTS (SELECT 1 FROM operation AS again WHERE again.payment_id = operation.payment_id "  \
    "AND again.state <> 5 AND again.retry_of = CASE WHEN operation.retry_of = '' THEN "            \
    "operation.id ELSE operation.retry_of END)"

static int refund_list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct reading *reading = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT " OPERATION_COLUMNS
                      " FROM operation WHERE id >= $4 AND kind = 3 AND ($1 = 0 OR state = $1) "
                      "AND created_us >= $2 AND ($1 <> 5 OR " NOT_SENT_AGAIN
                      ") ORDER BY id DESC LIMIT $3",
                      S_INT(reading->state), S_INT(reading->since_us), S_INT(reading->limit),
                      S_TEXT(reading->from_id));
    return r < 0 ? r
                 : answer_rows(reading->answer, rows, render_operation_row, reading->arena, err);
}

int refund_list(struct payments *payments, const char *state, int64_t since_us, int limit,
                struct answer *ret_answer, struct err *err) {
    struct reading reading = {.since_us = since_us, .limit = page_rows(limit)};
    id_floor("re", since_us - ID_SLACK_US, reading.from_id);
    for (int64_t i = 1; state != NULL && i < OPERATION_STATE_COUNT; i++) {
        reading.state = strcmp(state, operation_state_name(i)) == 0 ? i : reading.state;
    }
    if (state != NULL && reading.state == 0) {
        err_set(err, ERR_VALIDATION, "there is no refund state \"%s\"", state);
        err_place(err, "state");
        return err_hint(err, "One of: sending, pending, unknown, succeeded, failed.");
    }
    return reading_run(payments, refund_list_tx, &reading, ret_answer, err);
}

/* ---- backlog ---- */

static int count_into(struct store_tx *tx, const char *sql, int64_t *ret_count,
                      int64_t *ret_oldest_us, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, sql);
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r > 0) {
        *ret_count = sql_int(rows, 0);
        if (ret_oldest_us != NULL) {
            *ret_oldest_us = sql_int(rows, 1);
        }
    }
    return r < 0 ? r : 0;
}

/* Asked for by every scrape of the metrics, so each count is of an index that holds only what is
 * open. A callback that waits has its job. */
static int backlog_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct backlog *backlog = ctx;
#define NO_PROBE(id)                                                                               \
    "NOT EXISTS (SELECT 1 FROM payment y WHERE y.id = " id " AND y.purpose = '100')"
    const struct {
        const char *sql;
        int64_t *count, *oldest_us;
    } counts[] = {
        {"SELECT COUNT(*), MIN(created_us) FROM attempt WHERE live = 1 AND state = 4 AND "
         NO_PROBE("payment_id"),
         &backlog->unknown_payments, &backlog->oldest_unresolved_us},
        {"SELECT COUNT(*) FROM payment WHERE state = 2 AND purpose <> '100' AND id IN ("
         "SELECT payment_id FROM attempt WHERE state = 1 UNION "
         "SELECT payment_id FROM attempt WHERE state = 2 UNION "
         "SELECT payment_id FROM attempt WHERE state = 4)",
         &backlog->processing_payments, NULL},
        {"SELECT COUNT(*) FROM operation WHERE state = 3 AND id IN (SELECT key FROM job WHERE "
         "kind = '" JOB_RESOLVE_OPERATION "') AND " NO_PROBE("payment_id"),
         &backlog->unknown_operations, NULL},
        {"SELECT COUNT(*) FROM job WHERE kind = 'callback' AND parked_us = 0",
         &backlog->callbacks_waiting, NULL},
        {"SELECT COUNT(*) FROM callback WHERE state = 5", &backlog->callbacks_parked, NULL},
        {"SELECT COUNT(*) FROM webhook_delivery WHERE state = 1", &backlog->webhooks_waiting, NULL},
        {"SELECT COUNT(*) FROM webhook_delivery WHERE state = 3", &backlog->webhooks_parked, NULL},
        {"SELECT COUNT(*) FROM review_case WHERE state = 1", &backlog->open_cases, NULL},
    };
#undef NO_PROBE
    *backlog = (struct backlog){0};
    int r = 0;
    for (size_t i = 0; r >= 0 && i < COUNT_OF(counts); i++) {
        r = count_into(tx, counts[i].sql, counts[i].count, counts[i].oldest_us, err);
    }
    return r;
}

int payments_backlog(struct payments *payments, struct backlog *ret_backlog, struct err *err) {
    return store_read(payments->options.store, backlog_tx, ret_backlog, err);
}
