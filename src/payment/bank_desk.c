/* SPDX-License-Identifier: Apache-2.0
 * bank_desk.c: what people see and do about bank transfers: rows and accounts, a row matched by
 * hand, and what is to be paid out. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "payment/bank_impl.h"
#include "store/audit.h"

struct desk {
    struct payments *payments;
    struct arena *arena;
    const char *id;
    int64_t state;
    const char *gateway, *payment_id;
    int limit;
    struct answer *answer;
};

static int desk_read(struct payments *payments, store_fn *fn, struct desk *desk,
                     struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    desk->payments = payments;
    desk->arena = arena;
    desk->answer = ret_answer;
    return store_read(payments->options.store, fn, desk, err);
}

/* ---- rows ---- */

static void render_listed(struct buf *buf, const struct sql_rows *rows, void *ctx) {
    struct bank_row row;
    bank_row_read(rows, ctx, &row);
    bank_row_render(buf, &row);
}

static int list_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct desk *desk = ctx;
    SQL_ROWS_AUTO rows = NULL;
    int r = desk->payment_id[0] != '\0'
                ? sql_query(tx, err, &rows,
                            "SELECT " BANK_ROW_COLUMNS " FROM bank_row WHERE payment_id = $1 AND "
                            "payment_id <> '' AND ($2 = 0 OR state = $2) AND ($3 = '' OR gateway "
                            "= $3) ORDER BY taken_us DESC, id DESC LIMIT $4",
                            S_TEXT(desk->payment_id), S_INT(desk->state), S_TEXT(desk->gateway),
                            S_INT(desk->limit))
                : sql_query(tx, err, &rows,
                            "SELECT " BANK_ROW_COLUMNS " FROM bank_row WHERE ($1 = 0 OR state = "
                            "$1) AND ($2 = '' OR gateway = $2) ORDER BY taken_us DESC, id DESC "
                            "LIMIT $3",
                            S_INT(desk->state), S_TEXT(desk->gateway), S_INT(desk->limit));
    return r < 0 ? r : answer_rows(desk->answer, rows, render_listed, desk->arena, err);
}

int bank_row_list(struct payments *payments, const char *state, const char *gateway,
                  const char *payment_id, int limit, struct answer *ret_answer, struct err *err) {
    struct desk desk = {.gateway = gateway, .payment_id = payment_id, .limit = page_rows(limit)};
    if (state[0] != '\0' && !bank_row_state_parse(state, &desk.state)) {
        err_set(err, ERR_VALIDATION, "there is no state \"%.40s\" of a bank row", state);
        return err_place(err, "state");
    }
    return desk_read(payments, list_tx, &desk, ret_answer, err);
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct desk *desk = ctx;
    struct bank_row row;
    int r = bank_row_load(tx, desk->arena, desk->id, false, &row, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    bank_row_render(&buf, &row);
    return answer_take(desk->answer, 200, &buf, err);
}

int bank_row_get(struct payments *payments, const char *row_id, struct answer *ret_answer,
                 struct err *err) {
    struct desk desk = {.id = row_id};
    return desk_read(payments, get_tx, &desk, ret_answer, err);
}

/* ---- accounts ---- */

struct waits {
    int64_t orders, unmatched, payouts;
    char last_on[16]; /* the newest day of which there is a row; "" */
};

static int count_waits(struct store_tx *tx, const char *gateway, struct waits *ret_waits,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    *ret_waits = (struct waits){0};
    int r = sql_query(
        tx, err, &rows,
        "SELECT (SELECT COUNT(*) FROM attempt WHERE gateway = $1 AND state = 3), (SELECT COUNT(*) "
        "FROM review_case WHERE gateway = $1 AND state = 1 AND kind = 'unmatched_transfer'), "
        "(SELECT COUNT(*) FROM operation WHERE gateway = $1 AND kind IN (3, 4) AND state = 2), "
        "(SELECT COALESCE(MAX(booked_on), '') FROM bank_row WHERE gateway = $1)",
        S_TEXT(gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    ret_waits->orders = sql_int(rows, 0);
    ret_waits->unmatched = sql_int(rows, 1);
    ret_waits->payouts = sql_int(rows, 2);
    snprintf(ret_waits->last_on, sizeof ret_waits->last_on, "%s", sql_text(rows, 3));
    return 0;
}

static void render_account(struct buf *buf, const struct gateway *gateway,
                           const struct bank_terms *terms, const struct waits *waits) {
    buf_add_char(buf, '{');
    bank_put(buf, "gateway", gateway->name);
    bank_put(buf, "account_holder", terms->holder);
    bank_put(buf, "account", terms->account);
    bank_put(buf, "bank", terms->bank);
    bank_put(buf, "bic", terms->bic);
    bank_put(buf, "cnaps", terms->cnaps);
    bank_put(buf, "virtual_prefix", terms->virtual_prefix);
    buf_add_text(buf, "\"currencies\":[");
    for (int i = 0; i < gateway->currency_count; i++) {
        buf_addf(buf, "%s\"%s\"", i > 0 ? "," : "", gateway->currencies[i].code);
    }
    buf_addf(buf, "],\"short_max\":%lld,", (long long)terms->short_minor_max);
    bank_put(buf, "last_row_on", waits->last_on);
    buf_addf(buf, "\"waiting_payments\":%lld,\"unmatched_rows\":%lld,\"payouts\":%lld}",
             (long long)waits->orders, (long long)waits->unmatched, (long long)waits->payouts);
}

static int accounts_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct desk *desk = ctx;
    const struct gateway_registry *registry = desk->payments->options.registry;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"data\":[");
    const char *comma = "";
    for (int i = 0; i < gateway_count(registry); i++) {
        struct gateway *gateway = gateway_at(registry, i);
        struct bank_terms terms;
        struct waits waits;
        if (!bank_terms_of(gateway, &terms)) {
            continue;
        }
        int r = count_waits(tx, gateway->name, &waits, err);
        if (r < 0) {
            return r;
        }
        buf_add_text(&buf, comma);
        render_account(&buf, gateway, &terms, &waits);
        comma = ",";
    }
    buf_add_text(&buf, "]}");
    return answer_take(desk->answer, 200, &buf, err);
}

int bank_account_list(struct payments *payments, struct answer *ret_answer, struct err *err) {
    struct desk desk = {.id = ""};
    return desk_read(payments, accounts_tx, &desk, ret_answer, err);
}

/* ---- a row matched by hand ---- */

struct by_hand {
    const struct caller *caller;
    const char *row_id, *payment_id, *reason;
    struct arena *arena;
    struct bank_row row;
    struct payment_row payment, unused;
    struct attempt_row attempt;
    struct case_row suspense;
};

/* The latest attempt of the payment to be paid by transfer to the row's account. */
static int find_attempt(struct by_hand *hand, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM attempt WHERE payment_id = $1 AND gateway = $2 ORDER BY "
                      "number DESC LIMIT 1",
                      S_TEXT(hand->payment.id.text), S_TEXT(hand->row.gateway));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_STATE, "payment %s was never to be paid by transfer to %s",
                hand->payment.id.text, hand->row.gateway);
        return err_hint(err, "Return the money, or give it as store credit: its case does both.");
    }
    if (r < 0) {
        return r;
    }
    struct attempt_id id = attempt_id_stored(sql_text(rows, 0));
    return attempt_row_load(tx, hand->arena, id.text, &hand->attempt, err);
}

/* The case that holds its money, open and undecided. */
static int find_suspense(struct by_hand *hand, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind = 'unmatched_transfer' AND subject = "
                      "$1 AND state = $2",
                      S_TEXT(hand->row_id), S_INT(CASE_OPEN));
    r = r < 0 ? r : sql_next(rows, err);
    if (r == 0) {
        err_set(err, ERR_STATE, "row %s is %s: it does not wait for its payment to be found",
                hand->row_id, bank_row_state_name(hand->row.state));
        return err_hint(err, "Only money that no payment explains is matched by hand.");
    }
    if (r < 0) {
        return r;
    }
    struct case_id id = case_id_stored(sql_text(rows, 0));
    r = case_row_take(tx, hand->arena, id.text, &hand->suspense, &hand->unused, err);
    return r < 0 ? r : case_check_suspense(tx, hand->arena, &hand->suspense, err);
}

static int may_match(const struct by_hand *hand, struct err *err) {
    if (!currency_equal(hand->row.currency, hand->attempt.currency)) {
        err_set(err, ERR_STATE, "row %s is in %s, and payment %s asked for %s", hand->row.id,
                hand->row.currency.code, hand->payment.id.text, hand->attempt.currency.code);
        return err_hint(err, "Return the money: no rate of exchange is assumed.");
    }
    if (hand->attempt.state == ATTEMPT_CHARGED || hand->attempt.state == ATTEMPT_SENDING) {
        err_set(err, ERR_STATE, "payment %s is paid already, or being sent", hand->payment.id.text);
        return err_hint(err, "Return the money, or give it as store credit: its case does both.");
    }
    return 0;
}

static int match_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                    struct answer *ret_answer, struct err *err) {
    struct by_hand *hand = ctx;
    int r = payment_row_load(tx, hand->arena, hand->payment_id, true, &hand->payment, err);
    r = r < 0 ? r : bank_row_load(tx, hand->arena, hand->row_id, false, &hand->row, err);
    r = r < 0 ? r : find_suspense(hand, tx, err);
    r = r < 0 ? r : bank_row_load(tx, hand->arena, hand->row_id, true, &hand->row, err);
    r = r < 0 ? r : find_attempt(hand, tx, err);
    r = r < 0 ? r : may_match(hand, err);
    /* What is over keeps its case, which becomes one of late money. */
    if (r >= 0 && bank_attempt_waits(&hand->attempt)) {
        r = case_end(tx, &hand->suspense, hand->caller->actor, hand->reason, err);
    }
    r = r < 0 ? r
              : bank_book_credit(payments, tx, &hand->row, &hand->payment, &hand->attempt,
                                 hand->caller->actor, true, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    buf_add_text(&buf, "{\"row\":");
    bank_row_render(&buf, &hand->row);
    buf_add_text(&buf, ",\"payment\":");
    render_payment(&buf, &hand->payment);
    buf_add_char(&buf, '}');
    r = answer_take(ret_answer, 200, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, hand->caller->actor, "bank.match", hand->row_id, hand->reason,
                                "{}", err);
}

int bank_row_match(struct payments *payments, const struct caller *caller, const char *row_id,
                   const char *payment_id, const char *reason, struct answer *ret_answer,
                   struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct by_hand hand = {
        .caller = caller,
        .row_id = row_id,
        .payment_id = payment_id,
        .reason = reason,
        .arena = arena,
    };
    int r = idempotent_run(payments, caller, "bank.match", match_fn, &hand, ret_answer, err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}
