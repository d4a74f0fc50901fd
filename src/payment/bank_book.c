/* SPDX-License-Identifier: Apache-2.0
 * bank_book.c: what a row of the bank's statement does to the payment it is for.
 *
 *   less than is asked for   a deposit: the customer is shown what has come and what is missing
 *   as much                  the deposits so far are taken, and the payment is charged as any is
 *   a little less            the same, within what the account allows; the difference is given up
 *   more                     the same; what is too much goes to suspense with a case
 *   for what was paid        all of it is too much
 *   for what was over        a late success (late.c)
 * Deposits are used up before anything else is booked, so that at the end of each transaction a
 * payment that is paid or over has none. */
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "ledger/ledger.h"
#include "payment/bank_impl.h"
#include "payment/review.h"

bool bank_attempt_waits(const struct attempt_row *attempt) {
    return attempt->state == ATTEMPT_ACTION_NEEDED || attempt->state == ATTEMPT_PENDING ||
           attempt->state == ATTEMPT_UNKNOWN;
}

static int post(struct store_tx *tx, enum posting_kind kind, const char *cause,
                const char *payment_id, const char *gateway, int64_t amount_minor,
                struct currency currency, struct err *err) {
    struct posting posting = {
        .kind = kind,
        .cause = cause,
        .payment_id = payment_id,
        .gateway = gateway,
        .customer = "",
        .amount_minor = amount_minor,
        .currency = currency,
        .at_us = clock_wall_us(),
    };
    return ledger_post(tx, &posting, err);
}

/* What rows have brought for this attempt, and has not been used. */
static int deposits_of(struct store_tx *tx, const char *attempt_id, int64_t *ret_minor,
                       struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT CAST(COALESCE(SUM(amount_minor - excess_minor), 0) AS bigint) FROM "
                      "bank_row WHERE attempt_id = $1 AND attempt_id <> '' AND state = $2",
                      S_TEXT(attempt_id), S_INT(BANK_ROW_MATCHED));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    *ret_minor = sql_int(rows, 0);
    return 0;
}

/* What the customer is shown says what has come (in action, and as an event). */
static int show_parts(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                      const struct attempt_row *attempt, int64_t received_minor, struct err *err) {
    char instructions[GATEWAY_ACTION_CHARS_MAX + 1];
    const struct gateway *gateway = gateway_find(payments->options.registry, attempt->gateway);
    if (gateway != NULL && strcmp(payment->action, action_name(ACTION_TRANSFER)) == 0) {
        bank_instructions(gateway, attempt->id.text, attempt->amount_minor, attempt->currency,
                          payment->action_expires_us, received_minor, instructions);
        payment->action_data = arena_copy(payment->arena, instructions);
    }
    int r = payment_row_save(tx, payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_payment(&buf, payment);
    return outbox_event(payments, tx, payment, "payment.partially_paid", buf.data, err);
}

static void mark(struct bank_row *row, enum bank_row_state state, const struct payment_row *payment,
                 const struct attempt_row *attempt, const char *by, const char *note) {
    row->state = state;
    row->payment_id = payment->id.text;
    row->attempt_id = attempt->id.text;
    row->matched_us = clock_wall_us();
    row->matched_by = by;
    row->note = note;
}

int bank_book_case(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                   const char *kind, struct payment_row *payment, const char *detail,
                   struct err *err) {
    bool excess = row->excess_minor > 0;
    struct case_note note = {
        .kind = kind,
        .subject = row->id,
        .payment_id = payment != NULL ? payment->id.text : "",
        .attempt_id = row->attempt_id,
        .gateway = row->gateway,
        .detail = detail,
        .amount_minor = excess ? row->excess_minor : row->amount_minor,
        .currency = row->currency,
        .posted = row->credit ? POST_SUSPENSE : POST_SUSPENSE_RETURNED,
        .payments = payments,
        .payment = payment,
    };
    if (!excess) {
        row->state = BANK_ROW_SUSPENSE;
        row->payment_id = note.payment_id;
        row->note = detail;
        row->matched_us = clock_wall_us();
        row->matched_by = "bank";
    }
    int r = case_open(tx, &note, err);
    return r < 0 ? r : bank_row_save(tx, row, err);
}

/* ---- money in ---- */

/* More than the payment asked for: `excess_minor` of this row. */
static int book_excess(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                       struct payment_row *payment, struct err *err) {
    char detail[200], whole[MONEY_TEXT_MAX], more[MONEY_TEXT_MAX];
    if (row->excess_minor == 0) {
        return bank_row_save(tx, row, err);
    }
    snprintf(detail, sizeof detail, "a transfer of %s was %s more than payment %s asked for",
             money_show(row->amount_minor, row->currency, whole),
             money_show(row->excess_minor, row->currency, more), payment->id.text);
    return bank_book_case(payments, tx, row, "overpayment", payment, detail, err);
}

static int deposit(struct store_tx *tx, const struct bank_row *row,
                   const struct payment_row *payment, bool in_suspense, struct err *err) {
    return post(tx, in_suspense ? POST_SUSPENSE_MATCHED : POST_DEPOSIT, row->id, payment->id.text,
                row->gateway, row->amount_minor - row->excess_minor, row->currency, err);
}

/* All that was asked for is here, or so much of it that the rest is given up. */
static int pay(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
               struct attempt_row *attempt, int64_t used_minor, struct err *err) {
    struct settlement settlement;
    struct gateway_result word;
    gateway_result_init(&word);
    word.outcome = GW_CHARGED;
    word.amount_minor = attempt->amount_minor;
    word.captured_minor = attempt->amount_minor;
    word.currency = attempt->currency;
    int r = post(tx, POST_DEPOSIT_USED, attempt->id.text, payment->id.text, attempt->gateway,
                 used_minor, attempt->currency, err);
    r = r < 0 ? r
              : settle_attempt(payments, tx, payment, attempt, &word, "bank_row", &settlement, err);
    return r < 0 ? r
                 : post(tx, POST_WRITE_OFF, attempt->id.text, payment->id.text, attempt->gateway,
                        attempt->amount_minor - used_minor, attempt->currency, err);
}

static int book_waiting(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                        struct payment_row *payment, struct attempt_row *attempt, bool in_suspense,
                        struct err *err) {
    struct bank_terms terms = {.short_minor_max = 0};
    const struct gateway *gateway = gateway_find(payments->options.registry, attempt->gateway);
    if (gateway != NULL && !bank_terms_of(gateway, &terms)) {
        return err_set(err, ERR_STATE, "gateway %s is no bank account any more", gateway->name);
    }
    int64_t before = 0, due = attempt->amount_minor;
    int r = deposits_of(tx, attempt->id.text, &before, err);
    int64_t total = before + row->amount_minor;
    row->excess_minor = total > due ? total - due : 0;
    r = r < 0 ? r : deposit(tx, row, payment, in_suspense, err);
    if (r < 0) {
        return r;
    }
    /* So little that a tolerance covers it is nobody's payment. */
    bool paid = total >= due || (total >= due - terms.short_minor_max && total > due / 2);
    r = paid ? pay(payments, tx, payment, attempt, total < due ? total : due, err)
             : show_parts(payments, tx, payment, attempt, total, err);
    return r < 0 ? r : book_excess(payments, tx, row, payment, err);
}

static int book_late(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                     struct payment_row *payment, struct attempt_row *attempt, struct err *err) {
    struct gateway_result word;
    gateway_result_init(&word);
    word.outcome = GW_CHARGED;
    word.amount_minor = row->amount_minor;
    word.currency = row->currency;
    int r = late_success(payments, tx, payment, attempt, &word, row->id, row->amount_minor, err);
    return r < 0 ? r : bank_row_save(tx, row, err);
}

/* A person found out that unexplained money is for what is over by now: its case becomes one of
 * late money, which he may accept. */
static int become_late(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                       struct payment_row *payment, const struct attempt_row *attempt,
                       struct err *err) {
    int r = sql_put(tx, err,
                    "UPDATE review_case SET kind = 'late_success', payment_id = $2, attempt_id = "
                    "$3, gateway_id = $4 WHERE kind = 'unmatched_transfer' AND subject = $1",
                    S_TEXT(row->id), S_TEXT(payment->id.text), S_TEXT(attempt->id.text),
                    S_TEXT(attempt->gateway_id));
    r = r < 0 ? r : late_hold(payments, tx, payment, err);
    if (r < 0) {
        return r;
    }
    payment->review = review_mark_name(REVIEW_LATE_SUCCESS);
    r = review_tell(payments, tx, payment, err);
    return r < 0 ? r : bank_row_save(tx, row, err);
}

int bank_book_credit(struct payments *payments, struct store_tx *tx, struct bank_row *row,
                     struct payment_row *payment, struct attempt_row *attempt, const char *by,
                     bool in_suspense, struct err *err) {
    char detail[200], came[MONEY_TEXT_MAX];
    if (!currency_equal(row->currency, attempt->currency) && !PLANTED(CURRENCY_IGNORED)) {
        snprintf(detail, sizeof detail, "%s came for payment %s, which asked for %s",
                 money_show(row->amount_minor, row->currency, came), payment->id.text,
                 attempt->currency.code);
        mark(row, BANK_ROW_SUSPENSE, payment, attempt, by, "");
        return bank_book_case(payments, tx, row, "wrong_currency", payment, detail, err);
    }
    if (bank_attempt_waits(attempt)) {
        mark(row, BANK_ROW_MATCHED, payment, attempt, by, "");
        return book_waiting(payments, tx, row, payment, attempt, in_suspense, err);
    }
    if (attempt->state == ATTEMPT_CHARGED) {
        snprintf(detail, sizeof detail, "%s came for payment %s, which was paid before",
                 money_show(row->amount_minor, row->currency, came), payment->id.text);
        mark(row, BANK_ROW_SUSPENSE, payment, attempt, by, "");
        return bank_book_case(payments, tx, row, "overpayment", payment, detail, err);
    }
    mark(row, BANK_ROW_SUSPENSE, payment, attempt, by, "the payment was over when it came");
    return in_suspense ? become_late(payments, tx, row, payment, attempt, err)
                       : book_late(payments, tx, row, payment, attempt, err);
}

/* ---- what came in parts for what ends ---- */

int bank_leave_parts(struct store_tx *tx, struct payment_row *payment,
                     const struct attempt_row *attempt, struct err *err) {
    char detail[200], came[MONEY_TEXT_MAX], asked[MONEY_TEXT_MAX];
    int64_t parts = 0;
    int r = deposits_of(tx, attempt->id.text, &parts, err);
    if (r < 0 || parts == 0) {
        return r;
    }
    snprintf(detail, sizeof detail, "%s of %s had come for payment %s when it ended",
             money_show(parts, attempt->currency, came),
             money_show(attempt->amount_minor, attempt->currency, asked), payment->id.text);
    struct case_note note = {
        .kind = "short_payment",
        .subject = attempt->id.text,
        .payment_id = payment->id.text,
        .attempt_id = attempt->id.text,
        .gateway = attempt->gateway,
        .detail = detail,
        .amount_minor = parts,
        .currency = attempt->currency,
        .gateway_id = attempt->gateway_id,
        .charge_id = attempt->charge_id,
        .posted = POST_SUSPENSE,
    };
    r = post(tx, POST_DEPOSIT_USED, attempt->id.text, payment->id.text, attempt->gateway, parts,
             attempt->currency, err);
    r = r < 0 ? r
              : sql_put(tx, err,
                        "UPDATE bank_row SET state = $2, note = $3 WHERE attempt_id = $1 AND "
                        "attempt_id <> '' AND state = $4",
                        S_TEXT(attempt->id.text), S_INT(BANK_ROW_SUSPENSE), S_TEXT(detail),
                        S_INT(BANK_ROW_MATCHED));
    payment->review = review_mark_name(REVIEW_SHORT_PAYMENT);
    return r < 0 ? r : case_open(tx, &note, err);
}

/* ---- money that the bank takes back ---- */

int bank_book_back(struct payments *payments, struct store_tx *tx, const struct bank_row *debit,
                   struct bank_row *credit, struct payment_row *payment,
                   const struct attempt_row *attempt, struct err *err) {
    int64_t left = 0;
    int r = post(tx, POST_DEPOSIT_USED, debit->id, payment->id.text, debit->gateway,
                 credit->amount_minor, credit->currency, err);
    credit->state = PLANTED(REVERSAL_IGNORED) ? BANK_ROW_MATCHED : BANK_ROW_TAKEN_BACK;
    credit->note = "the bank took it back";
    r = r < 0 ? r : bank_row_save(tx, credit, err);
    r = r < 0 ? r : deposits_of(tx, attempt->id.text, &left, err);
    return r < 0 ? r : show_parts(payments, tx, payment, attempt, left, err);
}

int bank_book_in_vain(struct payments *payments, struct store_tx *tx, struct bank_row *debit,
                      struct bank_row *credit, struct payment_row *payment,
                      const struct attempt_row *attempt, struct err *err) {
    int r = post(tx, POST_SUSPENSE, debit->id, "", debit->gateway, debit->amount_minor,
                 debit->currency, err);
    debit->state = BANK_ROW_TAKES_BACK;
    debit->payment_id = payment->id.text;
    debit->matched_us = clock_wall_us();
    debit->matched_by = "bank";
    r = r < 0 ? r : bank_row_save(tx, debit, err);
    mark(credit, BANK_ROW_MATCHED, payment, attempt, "bank", "");
    r = r < 0 ? r : deposit(tx, credit, payment, false, err);
    return r < 0 ? r : bank_book_back(payments, tx, debit, credit, payment, attempt, err);
}
