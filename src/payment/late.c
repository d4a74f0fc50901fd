/* SPDX-License-Identifier: Apache-2.0
 * late.c: money that came when what it was asked for was over: it is posted to suspense with a
 * case, and its order is held. And the rule about one sort of it: the customer paid an old code
 * after all, one that was closed so that he could pay another way (docs/decisions/0016).
 *
 * What is done about that sort need not wait for a person where the answer is plain, and is decided
 * by a job, once the payment's other way has come to an end:
 *   the other way took the money, or another payment has the order    the late money is sent back
 *   the payment asks for another method, or failed; nobody has paid   it is accepted: the order is
 *                                                                     paid
 *   anything else (the merchant had called it off, it expired)        a person decides (0007)
 * Money of another amount than was asked for is never accepted by the rule. At most one of the two
 * stays with the merchant, and the case names the rule. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ledger/ledger.h"
#include "payment/cases.h"
#include "payment/review.h"

#define LATE_FIRST_US (5 * US_PER_SECOND)
#define LATE_AGAIN_US (30 * US_PER_SECOND)

static const struct caller rule = {.actor = "rule:paid-twice", .scope = "", .request_hash = ""};

struct late {
    struct arena *arena;
    const char *subject; /* of the case */
    int64_t amount_minor;
    struct currency currency;
    char case_id[ID_TEXT_MAX];
    enum late_verdict verdict;
};

/* In the transaction that posts the late money to suspense. An attempt that nobody replaced is none
 * of ours. */
static int late_decide_later(struct payments *payments, struct store_tx *tx,
                             const struct attempt_row *attempt, const char *subject,
                             struct err *err) {
    if (payments->options.ask_about_late || attempt->state != ATTEMPT_CANCELED) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM operation WHERE payment_id = $1 AND attempt_id = $2 AND "
                      "kind = 2 AND final = 0 AND state = 4 LIMIT 1",
                      S_TEXT(attempt->payment_id.text), S_TEXT(attempt->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    r = r <= 0 ? r : job_add(tx, JOB_LATE, subject, clock_wall_us() + LATE_FIRST_US, "", err);
    return r < 0 ? r : 0;
}

bool payment_took_late(const struct payment_row *payment) {
    return review_is(payment, REVIEW_LATE_SUCCESS) || review_is(payment, REVIEW_SHORT_PAYMENT);
}

/* An order whose money came after all is paid, though no payment of it says so: nobody is to pay it
 * again before a person has looked (PAY-15). If another payment holds it by now, there is nothing
 * to hold. */
int late_hold(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
              struct err *err) {
    if (payment->holds_order || payments->options.several_per_order || payment->several_per_order) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM payment WHERE order_id = $1 AND holds_order = 1",
                      S_TEXT(payment->order_id));
    r = r < 0 ? r : sql_next(rows, err);
    payment->holds_order = r == 0;
    return r < 0 ? r : 0;
}

/* 1: what was held was released by a transaction of its own, of which the gateway's word about the
 * hold says nothing. */
static int was_undone(struct store_tx *tx, const struct attempt_row *attempt, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM operation WHERE payment_id = $1 AND attempt_id = $2 AND "
                      "kind = 2 AND state = 4 AND refund_id <> '' LIMIT 1",
                      S_TEXT(attempt->payment_id.text), S_TEXT(attempt->id.text));
    return r < 0 ? r : sql_next(rows, err);
}

/* 1: what this subject was charged counted as paid and was taken back, since its gateway had said
 * otherwise: what it tells now is money anew, for a person. */
static int was_taken_back(struct store_tx *tx, const char *subject, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM posting WHERE id IN ('pst_taken_back_pst_charge_' || $1, "
                      "'pst_taken_back_pst_capture_' || $1, 'pst_taken_back_pst_suspense_' || $1) "
                      "LIMIT 1",
                      S_TEXT(subject));
    return r < 0 ? r : sql_next(rows, err);
}

int late_success(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                 const struct attempt_row *attempt, const struct gateway_result *result,
                 const char *subject, int64_t amount, struct err *err) {
    int undone = result->outcome == GW_AUTHORIZED ? was_undone(tx, attempt, err) : 0;
    if (undone != 0) {
        return undone < 0 ? undone : 0;
    }
    bool foreign = result->currency.code[0] != '\0' &&
                   !currency_equal(result->currency, attempt->currency);
    bool told = payment_took_late(payment), held = payment->holds_order;
    char detail[200], shown[MONEY_TEXT_MAX];
    snprintf(detail, sizeof detail, "attempt %s was %s; %s now says %s of %s", attempt->id.text,
             attempt_state_name(attempt->state), attempt->gateway,
             gateway_outcome_name(result->outcome),
             money_show(amount, foreign ? result->currency : attempt->currency, shown));
    log_event_after(tx, PAYMENT_LATE_SUCCESS, LT("payment", payment->id.text),
                    LT("attempt", attempt->id.text), LT("gateway", attempt->gateway));
    bool by_person = strcmp(attempt->source, "person") == 0;
    int taken_back = by_person ? was_taken_back(tx, subject, err) : 0;
    char anew[ID_TEXT_MAX + 8];
    snprintf(anew, sizeof anew, "%s.2", subject);
    subject = taken_back > 0 ? anew : subject;
    int known = taken_back < 0 ? taken_back : case_has_posted(tx, "late_success", subject, err);
    if (known < 0) {
        return known;
    }
    struct case_note note = {
        .kind = "late_success",
        .subject = subject,
        .payment_id = payment->id.text,
        .attempt_id = attempt->id.text,
        .gateway = attempt->gateway,
        .detail = detail,
        .amount_minor = amount,
        /* Suspense takes it in its own currency; the payment's sums never do. */
        .currency = foreign ? result->currency : attempt->currency,
        .gateway_id = result->gateway_id[0] != '\0' ? result->gateway_id : attempt->gateway_id,
        .charge_id = result->charge_id[0] != '\0' ? result->charge_id : attempt->charge_id,
        .posted = result->outcome == GW_CHARGED ? POST_SUSPENSE : 0,
    };
    int r = case_open(tx, &note, err);
    /* Held when the money is first heard of: a person may have let the order go since. */
    if (r >= 0 && result->outcome == GW_CHARGED && known == 0) {
        r = late_hold(payments, tx, payment, err);
        r = r < 0 ? r : late_decide_later(payments, tx, attempt, subject, err);
    }
    if (r < 0) {
        return r;
    }
    if (told && held == payment->holds_order) {
        return 0;
    }
    payment->review = review_mark_name(REVIEW_LATE_SUCCESS);
    return told ? payment_row_save(tx, payment, err) : review_tell(payments, tx, payment, err);
}

/* What of a payment's money has not gone back in another way that we know of: by our refunds, or at
 * the gateway's own desk. A refund as store credit moved nothing there. */
static int not_back_minor(struct store_tx *tx, const struct payment_row *payment,
                          int64_t *ret_minor, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT (SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM "
                      "review_case WHERE payment_id = $1 AND posted = $2 AND kind <> 'paid_back'), "
                      "(SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM operation WHERE "
                      "payment_id = $1 AND kind = $3 AND state = $4 AND to_original = 0)",
                      S_TEXT(payment->id.text), S_INT(POST_SUSPENSE_RETURNED),
                      S_INT(OPERATION_REFUND), S_INT(OPERATION_SUCCEEDED));
    r = r < 0 ? r : sql_next(rows, err);
    int64_t at_desk_minor = r > 0 ? sql_int(rows, 0) : 0;
    int64_t credit_minor = r > 0 ? sql_int(rows, 1) : 0;
    *ret_minor = payment->captured_minor - (payment->refunded_minor - credit_minor) -
                 payment->disputed_minor - at_desk_minor;
    return r < 0 ? r : 0;
}

int late_undoing_outcome(struct payments *payments, struct store_tx *tx,
                         const struct payment_row *payment, const struct attempt_row *attempt,
                         enum gateway_outcome *outcome, struct err *err) {
    if (*outcome != GW_CANCELED || attempt->state != ATTEMPT_CHARGED ||
        !waiting_at_till(payments, attempt)) {
        return 0;
    }
    int64_t left_minor = 0;
    int r = not_back_minor(tx, payment, &left_minor, err);
    if (payment->refund_reserved_minor > payment->refunded_minor) {
        *outcome = GW_UNKNOWN; /* of a refund that is open nobody knows yet what it gave back */
    } else if (left_minor <= 0) {
        *outcome = GW_DECLINED;
    }
    return r;
}

int late_undoing(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                 const struct attempt_row *attempt, const struct operation_row *operation,
                 struct err *err) {
    char detail[200];
    int64_t left_minor = 0;
    if (attempt->state != ATTEMPT_CHARGED || !waiting_at_till(payments, attempt)) {
        return 0;
    }
    int r = not_back_minor(tx, payment, &left_minor, err);
    if (r < 0) {
        return r;
    }
    snprintf(detail, sizeof detail, "%s took it back (%s) after the customer had confirmed",
             attempt->gateway, operation->id.text);
    struct case_note note = {
        .kind = "paid_back",
        .subject = operation->id.text,
        .payment_id = payment->id.text,
        .attempt_id = attempt->id.text,
        .gateway = attempt->gateway,
        .detail = detail,
        .amount_minor = left_minor,
        .currency = attempt->currency,
        .gateway_id = attempt->gateway_id,
        .charge_id = attempt->charge_id,
        .posted = POST_SUSPENSE_RETURNED,
        .payments = payments,
        .payment = payment,
    };
    return case_open(tx, &note, err);
}

bool late_undoing_may_come(const struct payments *payments, const struct attempt_row *attempt,
                           const struct operation_row *operation) {
    return operation->kind == OPERATION_CANCEL && operation->state == OPERATION_FAILED &&
           operation->was_unknown && attempt->state == ATTEMPT_CHARGED &&
           waiting_at_till(payments, attempt);
}

int late_undone(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                const struct attempt_row *attempt, struct operation_row *operation,
                const struct gateway_result *result, const char *source, bool *ret_changed,
                struct err *err) {
    enum gateway_outcome outcome = result->outcome;
    if (outcome != GW_CANCELED || !late_undoing_may_come(payments, attempt, operation)) {
        return 0;
    }
    int r = late_undoing_outcome(payments, tx, payment, attempt, &outcome, err);
    if (r >= 0 && outcome == GW_UNKNOWN) {
        return err_set(err, ERR_GATEWAY, "payment %s has a refund that is not answered for",
                       payment->id.text);
    }
    if (r < 0 || outcome != GW_CANCELED) {
        return r;
    }
    operation_take(operation, OPERATION_SUCCEEDED, GW_CANCELED, result, source);
    *ret_changed = true;
    r = operation_row_save(tx, operation, err);
    return r < 0 ? r : late_undoing(payments, tx, payment, attempt, operation, err);
}

/* ---- the rule ---- */

/* 1: another payment has the order. */
static int order_elsewhere(struct store_tx *tx, const struct payment_row *payment,
                           struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id FROM payment WHERE order_id = $1 AND id <> $2 AND holds_order = 1",
                      S_TEXT(payment->order_id), S_TEXT(payment->id.text));
    return r < 0 ? r : sql_next(rows, err);
}

static int judge(struct late *late, struct store_tx *tx, const struct payment_row *payment,
                 struct err *err) {
    struct attempt_row live;
    if (payment->captured_minor > 0) {
        late->verdict = LATE_RETURN;
        return 0;
    }
    int r = attempt_row_live(tx, late->arena, payment->id.text, &live, err);
    if (r != -ERR_NOT_FOUND) {
        late->verdict = LATE_WAIT; /* for the other way's end; a hold is one until captured */
        return r;
    }
    err_clear(err);
    bool open = (payment->state == PAYMENT_REQUIRES_ACTION || payment->state == PAYMENT_FAILED) &&
                late->amount_minor == payment->amount_minor &&
                currency_equal(late->currency, payment->currency);
    r = order_elsewhere(tx, payment, err);
    late->verdict = r > 0 ? LATE_RETURN : open ? LATE_ACCEPT : LATE_PERSON;
    return r < 0 ? r : 0;
}

static int late_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct late *late = ctx;
    struct attempt_row attempt;
    struct payment_row payment;
    late->verdict = LATE_PERSON;
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT id, attempt_id, amount_minor, currency FROM review_case WHERE kind = "
                      "'late_success' AND subject = $1 AND state = $2 AND operation_id = '' AND "
                      "posted <> 0",
                      S_TEXT(late->subject), S_INT(CASE_OPEN));
    r = r < 0 ? r : sql_next(rows, err);
    if (r <= 0) {
        return r; /* somebody has decided, or is at it */
    }
    snprintf(late->case_id, sizeof late->case_id, "%s", sql_text(rows, 0));
    late->amount_minor = sql_int(rows, 2);
    late->currency = currency_stored(sql_text(rows, 3));
    struct attempt_id id = attempt_id_stored(sql_text(rows, 1));
    r = attempt_row_load(tx, late->arena, id.text, &attempt, err);
    r = r < 0 ? r
              : payment_row_load(tx, late->arena, attempt.payment_id.text, false, &payment, err);
    return r < 0 ? r : judge(late, tx, &payment, err);
}

int late_judge(struct store_tx *tx, struct arena *arena, const char *subject,
               char ret_case_id[ID_TEXT_MAX], enum late_verdict *ret_verdict, struct err *err) {
    struct late late = {.arena = arena, .subject = subject};
    int r = late_tx(tx, &late, err);
    snprintf(ret_case_id, ID_TEXT_MAX, "%s", late.case_id);
    *ret_verdict = late.verdict;
    return r < 0 ? r : 0;
}

int late_job(void *ctx, const struct job *job, int64_t *ret_again_us, struct err *err) {
    struct payments *payments = ctx;
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct late late = {.arena = arena, .subject = job->key};
    ANSWER_AUTO answer = {0};
    int r = store_read(payments->options.store, late_tx, &late, err);
    if (r < 0) {
        return r;
    }
    switch (late.verdict) {
    case LATE_PERSON:
        return 0;
    case LATE_WAIT:
        *ret_again_us = clock_wall_us() + LATE_AGAIN_US;
        return 0;
    case LATE_RETURN:
        r = case_return(payments, &rule, late.case_id,
                        "the order was paid another way after this code was closed", &answer, err);
        break;
    case LATE_ACCEPT:
        r = case_accept(payments, &rule, late.case_id,
                        "the customer paid the code that he had been given first", &answer, err);
        break;
    }
    if (r == -ERR_STATE) {
        log_error(JOB_FAILED, err, LT("job", job->id));
        err_clear(err); /* what has changed meanwhile is for a person; the case is open */
        return 0;
    }
    return r;
}
