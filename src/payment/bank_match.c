/* SPDX-License-Identifier: Apache-2.0
 * bank_match.c: what a row of the bank's statement is about. One transaction a row, under the row
 * of the payment that it turns out to be for.
 *
 *   money in    the virtual account that it came to, and the references in its text, name one
 *               attempt: bank_book.c; one refund or return of ours: it came back; none or several:
 *               unexplained, in suspense with a case
 *   money out   it names the row that it takes back; or a reference of a refund or return that is
 *               to be paid out, of exactly that amount: that is done; or it is unexplained
 * What is being closed or sent at this moment is waited for: a row is in no hurry. Files may come
 * in another order than the bank's: a row that was taken back before it came counts for nothing,
 * and a payout that comes back before it went waits for its own row. */
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/bank_impl.h"

#define MATCH_AGAIN_US (5 * US_PER_SECOND)
#define MATCH_AGAIN_US_MAX (3600 * US_PER_SECOND)
/* So long a payout that came back waits for the row that says it went. */
#define CAME_BACK_US (3 * 24 * 3600 * US_PER_SECOND)

struct match {
    struct payments *payments;
    const char *row_id;
    struct arena *arena;
    struct bank_row row;
    struct payment_row payment;
    struct attempt_row attempt;
    struct operation_row operation;
    struct case_row suspense; /* of a return */
    /* What the row names, "" none; two different ones make it nobody's. */
    char attempt_id[ID_TEXT_MAX], operation_id[ID_TEXT_MAX];
    bool several;
    bool wait;
};

/* ---- what it names ---- */

static void take_name(struct match *match, char place[ID_TEXT_MAX], const char *id) {
    if (place[0] != '\0' && strcmp(place, id) != 0) {
        match->several = true;
    }
    snprintf(place, ID_TEXT_MAX, "%s", id);
}

static int take_names(struct match *match, struct sql_rows *rows, char place[ID_TEXT_MAX],
                      struct err *err) {
    int r;
    while ((r = sql_next(rows, err)) > 0) {
        take_name(match, place, sql_text(rows, 0));
    }
    return r;
}

static int find_reference(struct match *match, struct store_tx *tx, const char *reference,
                          struct err *err) {
    SQL_ROWS_AUTO attempts = NULL;
    int r = sql_query(tx, err, &attempts,
                      "SELECT id FROM attempt WHERE gateway_id = $1 AND gateway_id <> '' AND "
                      "gateway = $2 LIMIT 2",
                      S_TEXT(reference), S_TEXT(match->row.gateway));
    r = r < 0 ? r : take_names(match, attempts, match->attempt_id, err);
    SQL_ROWS_AUTO operations = NULL;
    r = r < 0 ? r
              : sql_query(tx, err, &operations,
                          "SELECT id FROM operation WHERE refund_id = $1 AND refund_id <> '' AND "
                          "gateway = $2 LIMIT 2",
                          S_TEXT(reference), S_TEXT(match->row.gateway));
    return r < 0 ? r : take_names(match, operations, match->operation_id, err);
}

static int find_named(struct match *match, struct store_tx *tx, struct err *err) {
    const struct bank_row *row = &match->row;
    int r = 0;
    match->attempt_id[0] = '\0';
    match->operation_id[0] = '\0';
    match->several = false;
    if (row->virtual_account[0] != '\0') {
        SQL_ROWS_AUTO rows = NULL;
        r = sql_query(tx, err, &rows,
                      "SELECT id FROM attempt WHERE charge_id = $1 AND charge_id <> '' AND "
                      "gateway = $2 LIMIT 2",
                      S_TEXT(row->virtual_account), S_TEXT(row->gateway));
        r = r < 0 ? r : take_names(match, rows, match->attempt_id, err);
    }
    char reference[BANK_REFERENCE_CHARS_MAX + 1];
    for (const char *at = row->named; r >= 0 && at[0] != '\0';) {
        size_t count = strcspn(at, " ");
        snprintf(reference, sizeof reference, "%.*s", (int)count, at);
        r = find_reference(match, tx, reference, err);
        at += count + (at[count] == ' ');
    }
    match->several = match->several ||
                     (match->attempt_id[0] != '\0' && match->operation_id[0] != '\0');
    return r < 0 ? r : 0;
}

/* ---- loading what is named, payment first ---- */

static int lock_row(struct match *match, struct store_tx *tx, struct err *err) {
    return bank_row_load(tx, match->arena, match->row_id, true, &match->row, err);
}

static int lock_attempt(struct match *match, struct store_tx *tx, struct err *err) {
    int r = attempt_row_load(tx, match->arena, match->attempt_id, &match->attempt, err);
    r = r < 0 ? r
              : payment_row_load(tx, match->arena, match->attempt.payment_id.text, true,
                                 &match->payment, err);
    r = r < 0 ? r : attempt_row_load(tx, match->arena, match->attempt_id, &match->attempt, err);
    return r < 0 ? r : lock_row(match, tx, err);
}

static int lock_operation(struct match *match, struct store_tx *tx, struct err *err) {
    struct operation_row *operation = &match->operation;
    int r = operation_row_load(tx, match->arena, match->operation_id, false, operation, err);
    if (r >= 0 && operation->kind == OPERATION_RETURN) {
        r = return_load(tx, match->arena, match->operation_id, &match->suspense, &match->payment,
                        operation, err);
        return r < 0 ? r : lock_row(match, tx, err);
    }
    r = r < 0 ? r
              : payment_row_load(tx, match->arena, operation->payment_id.text, true,
                                 &match->payment, err);
    r = r < 0 ? r : operation_row_load(tx, match->arena, match->operation_id, true, operation, err);
    r = r < 0
            ? r
            : attempt_row_load(tx, match->arena, operation->attempt_id.text, &match->attempt, err);
    return r < 0 ? r : lock_row(match, tx, err);
}

/* 1: it is being closed or is being written at this moment, and how that ends decides. */
static int attempt_is_busy(const struct match *match, struct store_tx *tx, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    if (match->attempt.state == ATTEMPT_SENDING) {
        return 1;
    }
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM operation WHERE payment_id = $1 AND attempt_id = $2 AND "
                      "kind = 2 AND state IN (1, 2, 3) LIMIT 1",
                      S_TEXT(match->attempt.payment_id.text), S_TEXT(match->attempt_id));
    return r < 0 ? r : sql_next(rows, err);
}

/* ---- what is done ---- */

static int unexplained(struct match *match, struct store_tx *tx, const char *kind,
                       struct payment_row *payment, const char *why, struct err *err) {
    char detail[240], amount[MONEY_TEXT_MAX];
    const struct bank_row *row = &match->row;
    snprintf(detail, sizeof detail, "row %.64s of %s: %s %s: %s; it is posted to suspense",
             row->bank_id, row->gateway, money_show(row->amount_minor, row->currency, amount),
             row->credit ? "came in" : "went out", why);
    return bank_book_case(match->payments, tx, &match->row, kind, payment, detail, err);
}

/* Tells an operation what the bank says of it. */
static int tell_operation(struct match *match, struct store_tx *tx, enum gateway_outcome outcome,
                          enum bank_row_state state, struct err *err) {
    struct operation_row *operation = &match->operation;
    struct gateway_result word;
    bool changed = false;
    gateway_result_init(&word);
    word.outcome = outcome;
    word.amount_minor = match->row.amount_minor;
    word.currency = match->row.currency;
    int r = operation->kind == OPERATION_RETURN
                ? return_settle(match->payments, tx, &match->suspense, &match->payment, operation,
                                &word, "bank_row", &changed, err)
                : settle_operation(match->payments, tx, &match->payment, &match->attempt, operation,
                                   &word, "bank_row", &changed, err);
    if (r < 0) {
        return r;
    }
    match->row.state = state;
    match->row.payment_id = operation->payment_id.text;
    match->row.operation_id = operation->id.text;
    match->row.matched_us = clock_wall_us();
    match->row.matched_by = "bank";
    return bank_row_save(tx, &match->row, err);
}

static bool whole(const struct match *match) {
    return match->row.amount_minor == match->operation.amount_minor &&
           currency_equal(match->row.currency, match->operation.currency);
}

/* Money in that bears the reference of money that went out. */
static int came_back(struct match *match, struct store_tx *tx, struct err *err) {
    int r = lock_operation(match, tx, err);
    if (r < 0 || match->row.state != BANK_ROW_NEW) {
        return r;
    }
    if (operation_state_open(match->operation.state) && whole(match) &&
        clock_wall_us() < match->row.taken_us + CAME_BACK_US) {
        match->wait = true;
        return 0;
    }
    return match->operation.state == OPERATION_SUCCEEDED && whole(match)
               ? tell_operation(match, tx, GW_DECLINED, BANK_ROW_CAME_BACK, err)
               : unexplained(match, tx, "unmatched_transfer", NULL,
                             "it bears the reference of a payout that it does not give back", err);
}

/* The bank said that it takes the row back before it said the row. 1: the two balance. */
static int taken_back_before(struct match *match, struct store_tx *tx, struct err *err) {
    const struct bank_row *row = &match->row;
    SQL_ROWS_AUTO rows = NULL;
    struct bank_row debit;
    struct case_row open;
    struct payment_row none;
    int r = sql_query(tx, err, &rows,
                      "SELECT c.id, b.id FROM review_case c JOIN bank_row b ON b.id = c.subject "
                      "WHERE c.state = $1 AND c.kind = 'unexplained_debit' AND b.reverses = $2 AND "
                      "b.gateway = $3 AND b.amount_minor = $4 AND b.currency = $5 LIMIT 1",
                      S_INT(CASE_OPEN), S_TEXT(row->bank_id), S_TEXT(row->gateway),
                      S_INT(row->amount_minor), S_TEXT(row->currency.code));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    struct case_id id = case_id_stored(sql_text(rows, 0));
    const char *debit_id = arena_copy(match->arena, sql_text(rows, 1));
    r = case_row_take(tx, match->arena, id.text, &open, &none, err);
    r = r < 0 ? r : bank_row_load(tx, match->arena, debit_id, true, &debit, err);
    if (r < 0 || open.state != CASE_OPEN) {
        return r;
    }
    r = case_end(tx, &open, "bank", "the row that it takes back has come", err);
    r = r < 0 ? r
              : bank_book_in_vain(match->payments, tx, &debit, &match->row, &match->payment,
                                  &match->attempt, err);
    return r < 0 ? r : 1;
}

static int match_credit(struct match *match, struct store_tx *tx, struct err *err) {
    bool named = match->attempt_id[0] != '\0' || match->operation_id[0] != '\0';
    if (match->several || !named) {
        int r = lock_row(match, tx, err);
        return r < 0 || match->row.state != BANK_ROW_NEW
                   ? r
                   : unexplained(match, tx, "unmatched_transfer", NULL,
                                 match->several ? "it names several payments"
                                                : "no payment of ours explains it",
                                 err);
    }
    if (match->operation_id[0] != '\0') {
        return came_back(match, tx, err);
    }
    int r = lock_attempt(match, tx, err);
    if (r < 0 || match->row.state != BANK_ROW_NEW) {
        return r;
    }
    r = attempt_is_busy(match, tx, err);
    if (r != 0) {
        match->wait = r > 0;
        return r < 0 ? r : 0;
    }
    r = bank_attempt_waits(&match->attempt) ? taken_back_before(match, tx, err) : 0;
    if (r != 0) {
        return r < 0 ? r : 0;
    }
    return bank_book_credit(match->payments, tx, &match->row, &match->payment, &match->attempt,
                            "bank", false, err);
}

/* ---- money out ---- */

/* It was in suspense with a case that nobody has decided: the two balance there. 1: it was so. */
static int close_suspense(struct match *match, struct store_tx *tx, struct bank_row *credit,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    struct case_row suspense;
    struct payment_row none;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM review_case WHERE kind = 'unmatched_transfer' AND subject = "
                      "$1 AND state = $2",
                      S_TEXT(credit->id), S_INT(CASE_OPEN));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    struct case_id id = case_id_stored(sql_text(rows, 0));
    r = case_row_take(tx, match->arena, id.text, &suspense, &none, err);
    if (r < 0 || case_check_suspense(tx, match->arena, &suspense, NULL) < 0) {
        return r;
    }
    struct posting posting = {
        .kind = POST_SUSPENSE_RETURNED,
        .cause = match->row.id,
        .payment_id = "",
        .gateway = match->row.gateway,
        .customer = "",
        .amount_minor = match->row.amount_minor,
        .currency = match->row.currency,
        .at_us = clock_wall_us(),
    };
    r = ledger_post(tx, &posting, err);
    r = r < 0 ? r : case_end(tx, &suspense, "bank", "the bank took it back", err);
    credit->note = "the bank took it back";
    r = r < 0 ? r : bank_row_save(tx, credit, err);
    match->row.state = BANK_ROW_TAKES_BACK;
    match->row.matched_us = clock_wall_us();
    match->row.matched_by = "bank";
    r = r < 0 ? r : bank_row_save(tx, &match->row, err);
    return r < 0 ? r : 1;
}

/* A row that counts for a payment, with that payment locked. */
static int take_back_matched(struct match *match, struct store_tx *tx, struct bank_row *credit,
                             struct err *err) {
    snprintf(match->attempt_id, sizeof match->attempt_id, "%s", credit->attempt_id);
    int r = lock_attempt(match, tx, err);
    r = r < 0 ? r : bank_row_load(tx, match->arena, credit->id, true, credit, err);
    r = r < 0 ? r : attempt_is_busy(match, tx, err);
    if (r != 0) {
        match->wait = r > 0;
        return r < 0 ? r : 0;
    }
    if (credit->state != BANK_ROW_MATCHED || !bank_attempt_waits(&match->attempt)) {
        return unexplained(match, tx, "transfer_reversed", &match->payment,
                           "it takes back money that its payment was paid with", err);
    }
    match->row.state = BANK_ROW_TAKES_BACK;
    match->row.payment_id = match->payment.id.text;
    match->row.matched_us = clock_wall_us();
    match->row.matched_by = "bank";
    r = bank_row_save(tx, &match->row, err);
    return r < 0 ? r
                 : bank_book_back(match->payments, tx, &match->row, credit, &match->payment,
                                  &match->attempt, err);
}

/* It says which row it takes back. */
static int take_back(struct match *match, struct store_tx *tx, struct err *err) {
    struct bank_row credit;
    int r = bank_row_named(tx, match->arena, match->row.gateway, match->row.reverses, false,
                           &credit, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        r = lock_row(match, tx, err);
        return r < 0 ? r
                     : unexplained(match, tx, "unexplained_debit", NULL,
                                   "it takes back a row that nobody took in", err);
    }
    if (r < 0) {
        return r;
    }
    if (credit.state == BANK_ROW_NEW && credit.credit) {
        match->wait = true;
        return 0;
    }
    bool fits = credit.credit && credit.amount_minor == match->row.amount_minor &&
                currency_equal(credit.currency, match->row.currency);
    if (fits && credit.attempt_id[0] != '\0') {
        return take_back_matched(match, tx, &credit, err);
    }
    r = lock_row(match, tx, err);
    if (r >= 0 && fits) {
        r = close_suspense(match, tx, &credit, err);
    }
    return r != 0 ? (r < 0 ? r : 0)
                  : unexplained(match, tx, "unexplained_debit", NULL,
                                fits ? "it takes back money that was dealt with"
                                     : "it takes back a row of another amount",
                                err);
}

static int match_debit(struct match *match, struct store_tx *tx, struct err *err) {
    if (match->row.reverses[0] != '\0') {
        return take_back(match, tx, err);
    }
    if (!match->several && match->operation_id[0] != '\0') {
        int r = lock_operation(match, tx, err);
        if (r < 0 || match->row.state != BANK_ROW_NEW) {
            return r;
        }
        bool open = operation_state_open(match->operation.state);
        return open && whole(match)
                   ? tell_operation(match, tx, GW_REFUNDED, BANK_ROW_PAID_OUT, err)
                   : unexplained(match, tx, "unexplained_debit", NULL,
                                 open ? "a payout's reference with another amount"
                                      : "a payout's reference, and that payout is over",
                                 err);
    }
    bool about = !match->several && match->attempt_id[0] != '\0';
    int r = about ? lock_attempt(match, tx, err) : lock_row(match, tx, err);
    return r < 0 || match->row.state != BANK_ROW_NEW
               ? r
               : unexplained(match, tx, "unexplained_debit", about ? &match->payment : NULL,
                             "nothing here asked for it", err);
}

/* ---- the job ---- */

static int match_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct match *match = ctx;
    match->wait = false;
    int r = bank_row_load(tx, match->arena, match->row_id, false, &match->row, err);
    if (r < 0 || match->row.state != BANK_ROW_NEW) {
        return r;
    }
    r = find_named(match, tx, err);
    if (r < 0) {
        return r;
    }
    return match->row.credit ? match_credit(match, tx, err) : match_debit(match, tx, err);
}

int bank_match_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct match match = {.payments = payments, .row_id = job->key, .arena = arena};
    int r = store_write(payments->options.store, match_tx, &match, err);
    if (r < 0) {
        return r;
    }
    if (match.wait) {
        int64_t now = clock_wall_us(), pause = (now - match.row.taken_us) / 4;
        *ret_again_us = now + (pause < MATCH_AGAIN_US       ? MATCH_AGAIN_US
                               : pause > MATCH_AGAIN_US_MAX ? MATCH_AGAIN_US_MAX
                                                            : pause);
    }
    jobs_wake(payments);
    return 0;
}
