/* SPDX-License-Identifier: Apache-2.0
 * cases.c: what a person must look at. A case is opened once per kind and subject, in the
 * transaction that noticed it; it is closed by a named person with a resolution, on the audit log.
 */
#include "base/clock.h"
#include "base/log.h"
#include "payment/internal.h"
#include "store/audit.h"

enum { CASE_OPEN = 1, CASE_CLOSED = 2 };

#define CASE_INSERT                                                                                \
    "INSERT INTO review_case (id, kind, state, payment_id, attempt_id, gateway, subject, "         \
    "detail, amount_minor, currency, resolution, opened_us, closed_us) VALUES ($1, $2, $3, "       \
    "$4, $5, $6, $7, $8, $9, $10, '', $11, 0) ON CONFLICT (kind, subject) DO "

int case_open(struct store_tx *tx, const struct case_note *note, struct err *err) {
    static const char once[] = CASE_INSERT "NOTHING";
    static const char again[] = CASE_INSERT
        "UPDATE SET state = excluded.state, detail = excluded.detail, closed_us = 0";
    struct case_id id = case_id_new();
    return sql_put(tx, err, note->again ? again : once, S_TEXT(id.text), S_TEXT(note->kind),
                   S_INT(CASE_OPEN), S_TEXT(note->payment_id), S_TEXT(note->attempt_id),
                   S_TEXT(note->gateway), S_TEXT(note->subject), S_TEXT(note->detail),
                   S_INT(note->amount_minor), S_TEXT(note->currency.code), S_INT(clock_wall_us()));
}

static void render_case(struct buf *buf, const struct sql_rows *rows) {
    char opened[CLOCK_TEXT_MAX], closed[CLOCK_TEXT_MAX];
    buf_add_text(buf, "{\"id\":");
    buf_add_json(buf, sql_text(rows, 0));
    buf_add_text(buf, ",\"kind\":");
    buf_add_json(buf, sql_text(rows, 1));
    buf_addf(buf, ",\"state\":\"%s\",\"payment_id\":",
             sql_int(rows, 2) == CASE_OPEN ? "open" : "closed");
    buf_add_json(buf, sql_text(rows, 3));
    buf_add_text(buf, ",\"attempt_id\":");
    buf_add_json(buf, sql_text(rows, 4));
    buf_add_text(buf, ",\"gateway\":");
    buf_add_json(buf, sql_text(rows, 5));
    buf_add_text(buf, ",\"subject\":");
    buf_add_json(buf, sql_text(rows, 6));
    buf_add_text(buf, ",\"detail\":");
    buf_add_json(buf, sql_text(rows, 7));
    buf_addf(buf, ",\"amount\":%lld,\"currency\":", (long long)sql_int(rows, 8));
    buf_add_json(buf, sql_text(rows, 9));
    buf_add_text(buf, ",\"resolution\":");
    buf_add_json(buf, sql_text(rows, 10));
    buf_addf(buf, ",\"opened_at\":\"%s\"", clock_format(sql_int(rows, 11), opened));
    if (sql_int(rows, 12) > 0) {
        buf_addf(buf, ",\"closed_at\":\"%s\"", clock_format(sql_int(rows, 12), closed));
    }
    buf_add_char(buf, '}');
}

#define CASE_COLUMNS                                                                               \
    "id, kind, state, payment_id, attempt_id, gateway, subject, detail, amount_minor, currency, "  \
    "resolution, opened_us, closed_us"

struct list_ctx {
    bool open_only;
    int limit;
    struct answer *answer;
};

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct list_ctx *list = ctx;
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
    return r < 0 ? r : answer_rows(list->answer, rows, render_case, err);
}

int case_list(struct payments *payments, bool open_only, int limit, struct answer *ret_answer,
              struct err *err) {
    struct list_ctx list = {open_only, limit > 0 && limit <= PAGE_MAX ? limit : 20, ret_answer};
    return store_read(payments->options.store, list_tx, &list, err);
}

struct close_ctx {
    const struct caller *caller;
    const char *id, *resolution;
};

static int close_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    struct close_ctx *close = ctx;
    int64_t changed = sql_exec(tx, err,
                               "UPDATE review_case SET state = $2, resolution = $3, closed_us = $4 "
                               "WHERE id = $1 AND state = 1",
                               S_TEXT(close->id), S_INT(CASE_CLOSED), S_TEXT(close->resolution),
                               S_INT(clock_wall_us()));
    if (changed < 0) {
        return (int)changed;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT " CASE_COLUMNS " FROM review_case WHERE id = $1",
                      S_TEXT(close->id));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    if (r == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no case %s", close->id);
    }
    if (changed == 0) {
        return err_set(err, ERR_STATE, "case %s was closed before: %s", close->id,
                       sql_text(rows, 10));
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_case(&buf, rows);
    r = answer_take(ret_answer, 200, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, close->caller->actor, "case.close", close->id,
                                close->resolution, "{}", err);
}

int case_close(struct payments *payments, const struct caller *caller, const char *case_id,
               const char *resolution, struct answer *ret_answer, struct err *err) {
    struct close_ctx close = {caller, case_id, resolution};
    return idempotent_run(payments, caller, "case.close", close_fn, &close, ret_answer, err);
}
