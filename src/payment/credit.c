/* SPDX-License-Identifier: Apache-2.0
 * credit.c: a customer's store credit: what the ledger says of it, and what a named person gives or
 * takes. It is given by refunds, too (POST_STORE_CREDIT).
 *
 * Whoever takes some away locks the customer's row of credit_holder first, so that two at once
 * cannot take the same; whoever only gives need not. It is never negative. */
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/internal.h"
#include "store/audit.h"

enum { ENTRIES_SHOWN = 50 };

struct credit {
    const char *customer_id, *reason;
    const struct caller *caller;
    int64_t amount_minor;
    struct currency currency;
    bool take;
    struct answer *answer;
};

/* The kinds are those of the two indexes on postings. */
#define CREDIT_LEGS                                                                                \
    "SELECT id, kind, currency, amount_minor AS moved, journal_id, payment_id, at_us FROM "        \
    "posting "                                                                                     \
    "WHERE kind IN (8, 9, 19, 20, 24) AND credit_account = $1 UNION ALL SELECT id, kind, "         \
    "currency, "                                                                                   \
    "-amount_minor AS moved, journal_id, payment_id, at_us FROM posting WHERE kind IN (8, 9, 19, " \
    "20, 24) AND debit_account = $1"

static void account_of(const char *customer_id, char ret_account[ACCOUNT_CHARS_MAX]) {
    ledger_account(ACCOUNT_STORE_CREDIT, customer_id, ret_account);
}

static void render_balance(struct buf *buf, const struct sql_rows *row, void *ctx) {
    (void)ctx;
    char decimal[MONEY_TEXT_MAX];
    struct currency currency = currency_stored(sql_text(row, 0));
    buf_addf(buf, "{\"currency\":\"%s\",\"balance\":%lld,\"balance_decimal\":\"%s\"}",
             currency.code, (long long)sql_int(row, 1),
             money_decimal(sql_int(row, 1), currency, decimal));
}

static void render_entry(struct buf *buf, const struct sql_rows *row, void *ctx) {
    (void)ctx;
    char time[CLOCK_TEXT_MAX];
    buf_addf(buf, "{\"kind\":\"%s\",\"currency\":\"%s\",\"amount\":%lld,\"cause\":",
             posting_kind_name(sql_int(row, 0)), sql_text(row, 1), (long long)sql_int(row, 2));
    buf_add_json(buf, sql_text(row, 3));
    buf_add_text(buf, ",\"payment_id\":");
    if (sql_text(row, 4)[0] == '\0') {
        buf_add_text(buf, "null");
    } else {
        buf_add_json(buf, sql_text(row, 4));
    }
    buf_addf(buf, ",\"at\":\"%s\"}", clock_format(sql_int(row, 5), time));
}

static int render_credit(struct store_tx *tx, const char *customer_id, struct buf *buf,
                         struct err *err) {
    char account[ACCOUNT_CHARS_MAX];
    SQL_ROWS_AUTO balances = NULL;
    SQL_ROWS_AUTO entries = NULL;
    account_of(customer_id, account);
    int r = sql_query(tx, err, &balances,
                      "SELECT currency, CAST(SUM(moved) AS bigint) FROM (" CREDIT_LEGS
                      ") AS legs GROUP BY currency ORDER BY currency",
                      S_TEXT(account));
    buf_add_text(buf, "{\"customer_id\":");
    buf_add_json(buf, customer_id);
    buf_add_text(buf, ",\"balances\":");
    r = r < 0 ? r : render_rows(buf, balances, render_balance, NULL, err);
    r = r < 0 ? r
              : sql_query(tx, err, &entries,
                          "SELECT kind, currency, moved, journal_id, payment_id, at_us FROM "
                          "(" CREDIT_LEGS ") AS legs ORDER BY at_us DESC, id DESC LIMIT $2",
                          S_TEXT(account), S_INT(ENTRIES_SHOWN));
    buf_add_text(buf, ",\"entries\":");
    r = r < 0 ? r : render_rows(buf, entries, render_entry, NULL, err);
    buf_add_char(buf, '}');
    return r < 0 ? r : 0;
}

static int get_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct credit *credit = ctx;
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = render_credit(tx, credit->customer_id, &buf, err);
    return r < 0 ? r : answer_take(credit->answer, 200, &buf, err);
}

int credit_get(struct payments *payments, const char *customer_id, struct answer *ret_answer,
               struct err *err) {
    struct credit credit = {.customer_id = customer_id, .answer = ret_answer};
    return store_read(payments->options.store, get_tx, &credit, err);
}

/* ---- changing it ---- */

static int hold(struct store_tx *tx, const char *customer_id, struct err *err) {
    int r = sql_put(tx, err,
                    "INSERT INTO credit_holder (customer_id, since_us) VALUES ($1, $2) ON CONFLICT "
                    "(customer_id) DO NOTHING",
                    S_TEXT(customer_id), S_INT(clock_wall_us()));
    SQL_ROWS_AUTO rows = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &rows,
                          "SELECT customer_id FROM credit_holder WHERE customer_id = $1 FOR UPDATE",
                          S_TEXT(customer_id));
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r : 0;
}

static int check_left(const struct credit *credit, struct store_tx *tx, struct err *err) {
    char account[ACCOUNT_CHARS_MAX], asked[MONEY_TEXT_MAX], left[MONEY_TEXT_MAX];
    SQL_ROWS_AUTO rows = NULL;
    account_of(credit->customer_id, account);
    int r = sql_query(tx, err, &rows,
                      "SELECT CAST(COALESCE(SUM(moved), 0) AS bigint) FROM (" CREDIT_LEGS
                      ") AS legs WHERE currency = $2",
                      S_TEXT(account), S_TEXT(credit->currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    int64_t balance = sql_int(rows, 0);
    if (credit->amount_minor <= balance) {
        return 0;
    }
    err_set(err, ERR_AMOUNT, "%s is more than the customer's credit of %s",
            money_show(credit->amount_minor, credit->currency, asked),
            money_show(balance, credit->currency, left));
    return err_place(err, "/amount");
}

static int adjust_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct credit *credit = ctx;
    struct journal_id cause = journal_id_new();
    struct posting posting = {
        .kind = credit->take ? POST_CREDIT_TAKEN : POST_CREDIT_GRANTED,
        .cause = cause.text,
        .payment_id = "",
        .gateway = "",
        .customer = credit->customer_id,
        .amount_minor = credit->amount_minor,
        .currency = credit->currency,
        .at_us = clock_wall_us(),
    };
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = hold(tx, credit->customer_id, err);
    r = r < 0 || !credit->take ? r : check_left(credit, tx, err);
    r = r < 0 ? r : ledger_post(tx, &posting, err);
    r = r < 0 ? r : render_credit(tx, credit->customer_id, &buf, err);
    r = r < 0 ? r : answer_take(ret_answer, 201, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, credit->caller->actor,
                                credit->take ? "credit.take" : "credit.grant", cause.text,
                                credit->reason, "{}", err);
}

int credit_adjust(struct payments *payments, const struct caller *caller, const char *customer_id,
                  int64_t amount_minor, struct currency currency, bool take, const char *reason,
                  struct answer *ret_answer, struct err *err) {
    struct credit credit = {
        .customer_id = customer_id,
        .reason = reason,
        .caller = caller,
        .amount_minor = amount_minor,
        .currency = currency,
        .take = take,
    };
    if (reason == NULL || reason[0] == '\0') {
        err_set(err, ERR_VALIDATION, "credit is changed only with a reason");
        return err_place(err, "/reason");
    }
    return idempotent_run(payments, caller, "credit.adjust", adjust_fn, &credit, ret_answer, err);
}
