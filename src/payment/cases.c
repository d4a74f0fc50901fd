/* SPDX-License-Identifier: Apache-2.0
 * cases.c: what a person must look at. A case is opened once per kind and subject, in the
 * transaction that noticed it; it is closed by a named person with a resolution, on the audit log.
 */
#include "payment/cases.h"

#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/repair.h"
#include "payment/review.h"
#include "store/audit.h"

#define CASE_COLUMNS                                                                               \
    "id, kind, state, payment_id, attempt_id, gateway, subject, detail, amount_minor, currency, "  \
    "resolution, opened_us, closed_us, gateway_id, charge_id, refund_id, posted, operation_id, "   \
    "decided_by"
#define CASE_INSERT                                                                                \
    "INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, subject, "         \
    "detail, amount_minor, currency, resolution, opened_us, closed_us, gateway_id, charge_id, "    \
    "refund_id, event_id, posted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, 0, "   \
    "$12, $13, $14, $15, $16) ON CONFLICT (kind, subject) DO "

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

/* Whoever opens tickets and repairs (recon/repair/) looks at it; not at once, since what decides
 * about it by itself is faster. */
static int look_soon(struct store_tx *tx, const char *case_id, int64_t after_us, struct err *err) {
    int64_t due_us = clock_wall_us() + after_us;
    int r = job_add(tx, JOB_CASE, case_id, due_us, "", err);
    r = r == 0 ? job_hasten(tx, JOB_CASE, case_id, due_us, err) : r;
    return r < 0 ? r : 0;
}

static int mark(struct store_tx *tx, const struct case_note *note, struct err *err) {
    bool marked = note->payment != NULL &&
                  review_case_marks(note->payment, note->kind, note->posted);
    return marked && note->payments != NULL ? review_tell(note->payments, tx, note->payment, err)
                                            : 0;
}

static int post_of(struct store_tx *tx, const struct case_note *note, struct err *err) {
    struct posting posting = {
        .kind = (enum posting_kind)note->posted,
        .cause = note->subject,
        .payment_id = note->payment_id,
        .gateway = note->gateway,
        .customer = "",
        .amount_minor = note->amount_minor,
        .currency = note->currency,
        .at_us = clock_wall_us(),
    };
    return note->posted == 0 ? 0 : ledger_post(tx, &posting, err);
}

int case_open(struct store_tx *tx, const struct case_note *note, struct err *err) {
    static const char once[] = CASE_INSERT "NOTHING RETURNING id";
    static const char again[] = CASE_INSERT "UPDATE SET state = excluded.state, detail = "
                                            "excluded.detail, closed_us = 0 RETURNING id";
    /* It may have been opened by word that no money had moved yet. */
    static const char posts[] = CASE_INSERT
        "UPDATE SET state = excluded.state, detail = excluded.detail, closed_us = 0, "
        "amount_minor = excluded.amount_minor, currency = excluded.currency, "
        "gateway_id = excluded.gateway_id, charge_id = excluded.charge_id, "
        "posted = excluded.posted WHERE review_case.posted = 0 RETURNING id";
    struct case_id id = case_id_new();
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      note->again         ? again
                      : note->posted != 0 ? posts
                                          : once,
                      S_TEXT(id.text), S_TEXT(note->kind), S_INT(CASE_OPEN),
                      S_TEXT(note->payment_id), S_TEXT(note->attempt_id), S_TEXT(note->gateway),
                      S_TEXT(note->subject), S_TEXT(note->detail), S_INT(note->amount_minor),
                      S_TEXT(note->currency.code), S_INT(clock_wall_us()),
                      S_TEXT(or_empty(note->gateway_id)), S_TEXT(or_empty(note->charge_id)),
                      S_TEXT(or_empty(note->refund_id)), S_TEXT(or_empty(note->event_id)),
                      S_INT(note->posted));
    r = r < 0 ? r : sql_next(rows, err);
    bool news = r > 0;
    if (news) {
        id = case_id_stored(sql_text(rows, 0));
    }
    sql_rows_free(rows);
    rows = NULL;
    r = r < 0 ? r : post_of(tx, note, err);
    r = r < 0 || !news ? r : mark(tx, note, err);
    return r < 0 || !news ? r : look_soon(tx, id.text, CASE_LOOK_US, err);
}

int case_has_posted(struct store_tx *tx, const char *kind, const char *subject, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind = $1 AND subject = $2 AND posted <> 0",
                      S_TEXT(kind), S_TEXT(subject));
    return r < 0 ? r : sql_next(rows, err);
}

static void case_row_read(const struct sql_rows *rows, struct arena *arena,
                          struct case_row *ret_row) {
    *ret_row = (struct case_row){
        .id = arena_copy(arena, sql_text(rows, 0)),
        .kind = arena_copy(arena, sql_text(rows, 1)),
        .state = (enum case_state)sql_int(rows, 2),
        .payment_id = arena_copy(arena, sql_text(rows, 3)),
        .attempt_id = arena_copy(arena, sql_text(rows, 4)),
        .gateway = arena_copy(arena, sql_text(rows, 5)),
        .subject = arena_copy(arena, sql_text(rows, 6)),
        .detail = arena_copy(arena, sql_text(rows, 7)),
        .amount_minor = sql_int(rows, 8),
        .currency = currency_stored(sql_text(rows, 9)),
        .resolution = arena_copy(arena, sql_text(rows, 10)),
        .opened_us = sql_int(rows, 11),
        .closed_us = sql_int(rows, 12),
        .gateway_id = arena_copy(arena, sql_text(rows, 13)),
        .charge_id = arena_copy(arena, sql_text(rows, 14)),
        .refund_id = arena_copy(arena, sql_text(rows, 15)),
        .posted = sql_int(rows, 16),
        .operation_id = arena_copy(arena, sql_text(rows, 17)),
        .decided_by = arena_copy(arena, sql_text(rows, 18)),
    };
}

int case_row_load(struct store_tx *tx, struct arena *arena, const char *id, bool lock,
                  struct case_row *ret_row, struct err *err) {
    static const char plain[] = "SELECT " CASE_COLUMNS " FROM review_case WHERE id = $1";
    static const char locked[] = "SELECT " CASE_COLUMNS
                                 " FROM review_case WHERE id = $1 FOR UPDATE";
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, lock ? locked : plain, S_TEXT(id));
    r = r < 0 ? r : row_found(rows, "case", id, err);
    if (r < 0) {
        return r;
    }
    case_row_read(rows, arena, ret_row);
    return 0;
}

int case_row_take(struct store_tx *tx, struct arena *arena, const char *id,
                  struct case_row *ret_row, struct payment_row *ret_payment, struct err *err) {
    int r = case_row_load(tx, arena, id, false, ret_row, err);
    if (r >= 0 && ret_row->payment_id[0] != '\0') {
        r = payment_row_load(tx, arena, ret_row->payment_id, true, ret_payment, err);
    }
    return r < 0 ? r : case_row_load(tx, arena, id, true, ret_row, err);
}

/* ---- rendering ---- */

static void put(struct buf *buf, const char *key, const char *value) {
    buf_addf(buf, "\"%s\":", key);
    buf_add_json(buf, value);
    buf_add_char(buf, ',');
}

static void render_row(struct buf *buf, const struct case_row *row) {
    char time[CLOCK_TEXT_MAX];
    buf_add_char(buf, '{');
    put(buf, "id", row->id);
    put(buf, "kind", row->kind);
    put(buf, "state", row->state == CASE_OPEN ? "open" : "closed");
    put(buf, "payment_id", row->payment_id);
    put(buf, "attempt_id", row->attempt_id);
    put(buf, "gateway", row->gateway);
    put(buf, "gateway_id", row->gateway_id);
    put(buf, "charge_id", row->charge_id);
    put(buf, "refund_id", row->refund_id);
    put(buf, "subject", row->subject);
    put(buf, "detail", row->detail);
    buf_addf(buf, "\"amount\":%lld,", (long long)row->amount_minor);
    put(buf, "currency", row->currency.code);
    buf_add_text(buf, "\"posted\":");
    if (row->posted != 0) {
        buf_add_json(buf, posting_kind_name(row->posted));
    } else {
        buf_add_text(buf, "null");
    }
    buf_add_char(buf, ',');
    put(buf, "resolution", row->resolution);
    put(buf, "decided_by", row->decided_by);
    buf_addf(buf, "\"opened_at\":\"%s\"", clock_format(row->opened_us, time));
    if (row->closed_us > 0) {
        buf_addf(buf, ",\"closed_at\":\"%s\"", clock_format(row->closed_us, time));
    }
}

int render_case(struct store_tx *tx, struct arena *arena, struct buf *buf,
                const struct case_row *row, struct err *err) {
    render_row(buf, row);
    if (row->operation_id[0] != '\0') {
        struct operation_row operation;
        int r = operation_row_load(tx, arena, row->operation_id, false, &operation, err);
        if (r < 0) {
            return r;
        }
        buf_add_text(buf, ",\"return\":");
        render_operation(buf, &operation);
    }
    buf_add_char(buf, '}');
    return 0;
}

/* ---- looking ---- */

struct look_ctx {
    struct arena *arena;
    const char *id;
    bool open_only;
    int limit;
    struct answer *answer;
};

static void render_listed_case(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    struct case_row row;
    case_row_read(rows, ctx, &row);
    render_row(buf, &row);
    buf_add_char(buf, '}');
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look_ctx *list = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = list->open_only
                ? sql_query(tx, err, &rows,
                            "SELECT " CASE_COLUMNS " FROM review_case WHERE state = 1 ORDER BY "
                            "opened_us DESC LIMIT $1",
                            S_INT(list->limit))
                : sql_query(tx, err, &rows,
                            "SELECT " CASE_COLUMNS
                            " FROM review_case ORDER BY opened_us DESC LIMIT $1",
                            S_INT(list->limit));
    return r < 0 ? r : answer_rows(list->answer, rows, render_listed_case, list->arena, err);
}

int case_list(struct payments *payments, bool open_only, int limit, struct answer *ret_answer,
              struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look_ctx list = {arena, "", open_only, page_rows(limit), ret_answer};
    return store_read(payments->options.store, list_tx, &list, err);
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct look_ctx *get = ctx;
    struct case_row row;
    int r = case_row_load(tx, get->arena, get->id, false, &row, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    r = render_case(tx, get->arena, &buf, &row, err);
    return r < 0 ? r : answer_take(get->answer, 200, &buf, err);
}

int case_get(struct payments *payments, const char *case_id, struct answer *ret_answer,
             struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct look_ctx get = {.arena = arena, .id = case_id, .answer = ret_answer};
    return store_read(payments->options.store, get_tx, &get, err);
}

/* ---- what decisions have in common ---- */

int case_end(struct store_tx *tx, struct case_row *row, const char *actor, const char *resolution,
             struct err *err) {
    row->state = CASE_CLOSED;
    row->resolution = resolution;
    row->decided_by = actor;
    row->closed_us = clock_wall_us();
    int r = sql_put(tx, err,
                    "UPDATE review_case SET state = $2, resolution = $3, decided_by = $4, "
                    "closed_us = $5 WHERE id = $1",
                    S_TEXT(row->id), S_INT(CASE_CLOSED), S_TEXT(resolution), S_TEXT(actor),
                    S_INT(row->closed_us));
    return r < 0 ? r : look_soon(tx, row->id, 0, err);
}

/* ERR_STATE while the gateway has not said what became of the latest return. */
static int no_return_under_way(struct store_tx *tx, struct arena *arena, const struct case_row *row,
                               struct err *err) {
    if (row->operation_id[0] == '\0') {
        return 0;
    }
    struct operation_row operation;
    int r = operation_row_load(tx, arena, row->operation_id, false, &operation, err);
    if (r < 0 || !operation_state_open(operation.state)) {
        return r;
    }
    err_set(err, ERR_STATE, "return %s of this money is %s", operation.id.text,
            operation_state_name(operation.state));
    return err_hint(err, "Decide when its gateway has answered.");
}

static int check_open(const struct case_row *row, struct err *err) {
    return row->state == CASE_OPEN
               ? 0
               : err_set(err, ERR_STATE, "case %s was closed before: %s", row->id, row->resolution);
}

int case_check_suspense(struct store_tx *tx, struct arena *arena, const struct case_row *row,
                        struct err *err) {
    int r = check_open(row, err);
    if (r < 0) {
        return r;
    }
    if (row->posted == 0) {
        err_set(err, ERR_STATE, "case %s put no money in suspense", row->id);
        return err_hint(err, "There is nothing to accept or to return; close it when it is clear.");
    }
    return no_return_under_way(tx, arena, row, err);
}

bool case_payment_is_over(const struct payment_row *payment) {
    return payment->state == PAYMENT_FAILED || payment->state == PAYMENT_CANCELED ||
           payment_asks_for_method(payment);
}

int case_reopen(struct payments *payments, struct store_tx *tx, struct case_row *row,
                struct payment_row *payment, struct err *err) {
    row->state = CASE_OPEN;
    row->closed_us = 0;
    int r = sql_put(tx, err, "UPDATE review_case SET state = $2, closed_us = 0 WHERE id = $1",
                    S_TEXT(row->id), S_INT(CASE_OPEN));
    bool marked = r >= 0 && row->payment_id[0] != '\0' &&
                  review_case_marks(payment, row->kind, row->posted);
    r = marked ? review_tell(payments, tx, payment, err) : r;
    return r < 0 ? r : look_soon(tx, row->id, 0, err);
}

int case_let_go(struct store_tx *tx, const struct case_row *row, struct payment_row *payment,
                struct err *err) {
    if (row->payment_id[0] == '\0') {
        return 0;
    }
    if (!payment_took_late(payment)) {
        return review_settled_save(tx, payment, err);
    }
    int r = review_settled(tx, payment, err);
    if (r < 0) {
        return r;
    }
    if (!payment_took_late(payment) && case_payment_is_over(payment) &&
        payment->state != PAYMENT_REQUIRES_ACTION) {
        payment->holds_order = false;
    }
    return payment_row_save(tx, payment, err);
}

/* ---- closing ---- */

struct close_ctx {
    const struct caller *caller;
    const char *id, *resolution;
};

static int close_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct close_ctx *close = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct case_row row;
    struct payment_row payment;
    int r = case_row_take(tx, arena, close->id, &row, &payment, err);
    r = r < 0 ? r : check_open(&row, err);
    r = r < 0 ? r : no_return_under_way(tx, arena, &row, err);
    r = r < 0 ? r : case_end(tx, &row, close->caller->actor, close->resolution, err);
    /* What came late holds its order, and is marked until that is let go. */
    if (r >= 0 && row.payment_id[0] != '\0' && !payment_took_late(&payment)) {
        r = review_settled_save(tx, &payment, err);
    }
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    r = render_case(tx, arena, &buf, &row, err);
    r = r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, close->caller->actor, "case.close", close->id,
                                close->resolution, "{}", err);
}

int case_close(struct payments *payments, const struct caller *caller, const char *case_id,
               const char *resolution, struct answer *ret_answer, struct err *err) {
    struct close_ctx close = {caller, case_id, resolution};
    return idempotent_run(payments, caller, "case.close", close_fn, &close, ret_answer, err);
}
