/* SPDX-License-Identifier: Apache-2.0
 * settle.c: what a gateway's answer does to an attempt, an operation and their payment.
 *
 * 1. An attempt moves only by attempt_moves.def; what has no row there changes nothing. So an old
 *    answer, a duplicate or one out of order cannot move a payment backwards (I5).
 * 2. Money that an answer proves is posted in this same transaction (I4): to sales when the payment
 *    explains it, to the gateway's suspense account when nothing does.
 * 3. A success for an attempt that was over is a *late success*: the attempt stays as it is, the
 * money is posted to suspense, and a case is opened for a person (I6).
 * 4. Unknown is left only by rows of the table, never by time.
 * Every function here runs inside a transaction that has locked the payment's row. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/plant.h"
#include "ledger/ledger.h"
#include "meter/meter.h"
#include "payment/card_limits.h"
#include "payment/internal.h"
#include "payment/review.h"

#define PENDING_FIRST_LOOK_US (60 * US_PER_SECOND)

int payment_move(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                 enum payment_event event, struct err *err) {
    const struct payment_move *move = payment_move_find(payment->state, event);
    if (move == NULL) {
        /* At once: the transaction ends with it, so nothing is said after its commit. */
        log_event(PAYMENT_REFUSED_MOVE, LT("payment", payment->id.text),
                  LT("state", payment_state_name(payment->state)),
                  LT("event", payment_event_name(event)));
        return err_set(err, ERR_STATE, "payment %s is %s: it cannot take \"%s\"", payment->id.text,
                       payment_state_name(payment->state), payment_event_name(event));
    }
    /* Whatever becomes of it: while money lies with a gateway for it, its order is not paid again.
     */
    bool holds = (payment_state_holds_order(move->to) && event != EVENT_NO_CANDIDATE) ||
                 payment_took_late(payment);
    enum payment_state from = payment->state;
    payment->state = move->to;
    payment->holds_order = payment->holds_order && holds;
    if (event != EVENT_ASK_CUSTOMER && event != EVENT_NO_CANDIDATE && event != EVENT_DEFER) {
        payment->action = "";
        payment->action_data = "";
        payment->action_expires_us = 0;
    }
    bool leaves_queue = payment->queued_until_us > 0 && move->to != PAYMENT_PROCESSING;
    int r = leaves_queue ? forward_done(tx, payment, err) : 0;
    r = r < 0 ? r : payment_row_save(tx, payment, err);
    if (r < 0) {
        return r;
    }
    outcome_payment(tx, payment, from, event);
    log_event_after(tx, PAYMENT_MOVED, LT("payment", payment->id.text),
                    LT("from", payment_state_name(from)), LT("to", payment_state_name(move->to)),
                    LT("event", payment_event_name(event)));
    if (move->tells[0] == '\0') {
        return 0;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_payment(&buf, payment);
    if (!buf_ok(&buf)) {
        return err_set(err, ERR_INTERNAL, "payment %s does not fit its event", payment->id.text);
    }
    if (payment->arena != NULL) {
        payment->json = arena_copy_bytes(payment->arena, buf.data, buf.len);
        payment->json_version = payment->version;
    }
    return outbox_event(payments, tx, payment, move->tells, buf.data, err);
}

/* The texts of a result live as long as the caller's frame; rows are saved before it ends. */
static void take_result(struct attempt_row *attempt, const struct gateway_result *result,
                        const char *source) {
    attempt->outcome = result->outcome;
    attempt->source = source;
    attempt->code = result->code;
    attempt->common_code = result->common_code;
    attempt->message = result->message;
    if (result->gateway_id[0] != '\0') {
        attempt->gateway_id = result->gateway_id;
    }
    if (result->charge_id[0] != '\0') {
        attempt->charge_id = result->charge_id;
    }
    if (result->trace[0] != '\0') {
        attempt->trace = result->trace;
    }
    if (result->reach != 0) {
        attempt->reach = result->reach;
        attempt->http_status = result->http_status;
        attempt->duration_us = result->duration_us;
    }
}

static int note_case(struct store_tx *tx, const struct payment_row *payment,
                     const struct attempt_row *attempt, const char *kind, const char *subject,
                     int64_t amount_minor, const char *detail, struct err *err) {
    struct case_note note = {
        .kind = kind,
        .subject = subject,
        .payment_id = payment->id.text,
        .attempt_id = attempt->id.text,
        .gateway = attempt->gateway,
        .detail = detail,
        .amount_minor = amount_minor,
        .currency = attempt->currency,
    };
    return case_open(tx, &note, err);
}

static int post(struct store_tx *tx, enum posting_kind kind, const char *cause,
                const struct payment_row *payment, const char *gateway, int64_t amount_minor,
                struct err *err) {
    struct posting posting = {
        .kind = kind,
        .cause = cause,
        .payment_id = payment->id.text,
        .gateway = gateway,
        .customer = payment->customer_id[0] != '\0' ? payment->customer_id : payment->id.text,
        .amount_minor = amount_minor,
        .currency = payment->currency,
        .at_us = clock_wall_us(),
        .probe = payment->purpose == PURPOSE_PROBE,
    };
    return ledger_post(tx, &posting, err);
}

/* Compares what the gateway says with what we asked for (CB-5). 1: it differs and a case was
 * opened. */
static int check_amount(struct store_tx *tx, struct payment_row *payment,
                        const struct attempt_row *attempt, const struct gateway_result *result,
                        struct err *err) {
    bool money_differs = result->amount_minor >= 0 && result->amount_minor != attempt->amount_minor;
    bool currency_differs = result->currency.code[0] != '\0' &&
                            !currency_equal(result->currency, attempt->currency);
    if (!money_differs && !currency_differs) {
        return 0;
    }
    char detail[200], ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX];
    struct currency said = currency_differs ? result->currency : attempt->currency;
    snprintf(detail, sizeof detail, "we asked %s for %s, it says %s", attempt->gateway,
             money_show(attempt->amount_minor, attempt->currency, ours),
             money_show(result->amount_minor, said, theirs));
    log_event_after(tx, CALLBACK_MISMATCH, LT("payment", payment->id.text), LT("detail", detail));
    payment->review = review_mark_name(REVIEW_AMOUNT_MISMATCH);
    int r = note_case(tx, payment, attempt, "amount_mismatch", attempt->id.text,
                      result->amount_minor, detail, err);
    return r < 0 ? r : 1;
}

/* What the gateway took. What was captured counts where it is said: a hold may have been captured
 * in part, and not by us. */
static int64_t taken_minor(const struct attempt_row *attempt, const struct gateway_result *result) {
    return result->outcome == GW_CHARGED && result->captured_minor > 0 ? result->captured_minor
           : result->amount_minor >= 0                                 ? result->amount_minor
                                                                       : attempt->amount_minor;
}

/* Postings and amounts of an attempt that was charged. `actual_minor` is what the gateway took. */
static int book_charge(struct store_tx *tx, struct payment_row *payment,
                       const struct attempt_row *attempt, enum attempt_state from,
                       const struct gateway_result *result, int64_t actual_minor, struct err *err) {
    enum posting_kind kind = from == ATTEMPT_AUTHORIZED || payment->capture_later ? POST_CAPTURE
                                                                                  : POST_CHARGE;
    int r = post(tx, kind, attempt->id.text, payment, attempt->gateway, actual_minor, err);
    if (r < 0) {
        return r;
    }
    payment->captured_minor += actual_minor;
    if (payment->authorized_minor < payment->captured_minor) {
        payment->authorized_minor = payment->captured_minor;
    }
    return result->fee_minor > 0 ? post(tx, POST_FEE, attempt->id.text, payment, attempt->gateway,
                                        result->fee_minor, err)
                                 : 0;
}

static int watch_later(const struct payments *payments, struct store_tx *tx,
                       const struct attempt_row *attempt, struct err *err) {
    int64_t delay = waiting_first_look_us(payments, attempt);
    int r = job_add(tx, JOB_RESOLVE, attempt->id.text, clock_wall_us() + delay, "", err);
    return r < 0 ? r : 0;
}

int payment_ask_method(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                       struct err *err) {
    if (payment->queued_until_us > 0) {
        return payment_move(payments, tx, payment, EVENT_QUEUE, err);
    }
    if (payment->deferred_until_us > 0) {
        return deferral_ask_again(payments, tx, payment, err);
    }
    payment->action = "choose_method";
    payment->action_data = "/v1/methods";
    payment->action_expires_us = 0;
    return payment_move(payments, tx, payment, EVENT_NO_CANDIDATE, err);
}

/* After the attempt alone was closed. A payment whose customer had approved it meanwhile does not
 * go back to asking: it is over. */
static int ask_another_way(struct payments *payments, struct store_tx *tx,
                           struct payment_row *payment, struct err *err) {
    return payment->state == PAYMENT_AUTHORIZED
               ? payment_move(payments, tx, payment, EVENT_CANCEL, err)
               : payment_ask_method(payments, tx, payment, err);
}

/* 1: the attempt alone ends, so that the customer can pay another way: it is being closed for that,
 * or its order is held and nobody cancels it. */
static int only_closed(struct store_tx *tx, const struct payment_row *payment,
                       const struct attempt_row *attempt, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT final FROM operation WHERE payment_id = $1 AND attempt_id = $2 AND "
                      "kind = 2 AND state IN (1, 2, 3) ORDER BY final LIMIT 1",
                      S_TEXT(attempt->payment_id.text), S_TEXT(attempt->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    return r < 0 ? r : r > 0 ? sql_int(rows, 0) == 0 : payment->deferred_until_us > 0;
}

/* A question asked later often says only that it still waits: what he was given stays. */
static void ask_to_act(struct payment_row *payment, const struct attempt_row *attempt,
                       const struct gateway_result *result) {
    if (result->action == ACTION_NONE) {
        return;
    }
    int64_t ends = attempt->expires_us;
    if (result->action_expires_us > 0 && (ends == 0 || result->action_expires_us < ends)) {
        ends = result->action_expires_us;
    }
    payment->action = action_name(result->action);
    payment->action_data = result->action_data;
    payment->action_expires_us = ends;
}

/* The payment's side of an attempt that has just moved from `from` to its present state. */
static int follow(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                  struct attempt_row *attempt, enum attempt_state from,
                  const struct gateway_result *result, struct settlement *settlement,
                  struct err *err) {
    int64_t actual = taken_minor(attempt, result);
    int r = 0;
    settlement->payment_moved = true;
    payment->gateway = attempt->gateway;
    switch (attempt->state) {
    case ATTEMPT_CHARGED:
        r = book_charge(tx, payment, attempt, from, result, actual, err);
        return r < 0 ? r : payment_move(payments, tx, payment, EVENT_CHARGE, err);
    case ATTEMPT_AUTHORIZED:
        payment->authorized_minor = actual;
        return payment_move(payments, tx, payment, EVENT_AUTHORIZE, err);
    case ATTEMPT_UNKNOWN:
        payment->was_unknown = true;
        log_event_after(tx, PAYMENT_UNKNOWN, LT("payment", payment->id.text),
                        LT("attempt", attempt->id.text), LT("gateway", attempt->gateway),
                        LT("code", attempt->code));
        r = watch_later(payments, tx, attempt, err);
        return r < 0 ? r : payment_move(payments, tx, payment, EVENT_WAIT, err);
    case ATTEMPT_PENDING:
        r = watch_later(payments, tx, attempt, err);
        return r < 0 ? r : payment_move(payments, tx, payment, EVENT_WAIT, err);
    case ATTEMPT_ACTION_NEEDED:
        ask_to_act(payment, attempt, result);
        r = watch_later(payments, tx, attempt, err);
        return r < 0 ? r : payment_move(payments, tx, payment, EVENT_ASK_CUSTOMER, err);
    case ATTEMPT_CANCELED:
        r = confirm_closed_later(payments, tx, attempt, from, err);
        r = r < 0 ? r : only_closed(tx, payment, attempt, err);
        return r < 0   ? r
               : r > 0 ? ask_another_way(payments, tx, payment, err)
                       : payment_move(payments, tx, payment, EVENT_CANCEL, err);
    case ATTEMPT_DECLINED:
    case ATTEMPT_NOT_CHARGED:
        settlement->payment_moved = false;
        settlement->may_go_on = true;
        return confirm_later(payments, tx, JOB_CONFIRM, attempt->id.text, attempt->gateway, result,
                             err);
    case ATTEMPT_NONE:
    case ATTEMPT_SENDING:
    case ATTEMPT_STATE_COUNT:
        break;
    }
    INVARIANT(false, "an attempt moved to a state that none moves to");
    return 0;
}

/* Captures of ours are booked by their own rows; only one that somebody made at the gateway itself
 * is booked by the attempt. 1: there is a capture of ours that did not fail. */
static int captured_by_us(struct store_tx *tx, const struct payment_row *payment, struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(
        tx, err, &rows,
        "SELECT id FROM operation WHERE payment_id = $1 AND kind = 1 AND state <> 5 LIMIT 1",
        S_TEXT(payment->id.text));
    return r < 0 ? r : sql_next(rows, err);
}

int settle_attempt(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                   struct attempt_row *attempt, const struct gateway_result *result,
                   const char *source, struct settlement *ret_settlement, struct err *err) {
    *ret_settlement = (struct settlement){0};
    enum attempt_state from = attempt->state;
    enum attempt_state to = attempt_move_find(from, result->outcome);
    bool success = result->outcome == GW_CHARGED || result->outcome == GW_AUTHORIZED;
    if (to == ATTEMPT_NONE && success && !attempt_state_live(from) && !PLANTED(LATE_PAY_UNSEEN)) {
        ret_settlement->late = true;
        return late_success(payments, tx, payment, attempt, result, attempt->id.text,
                            taken_minor(attempt, result), err);
    }
    if (to == ATTEMPT_NONE && from == ATTEMPT_SENDING) {
        to = ATTEMPT_UNKNOWN; /* an answer that says nothing about a charge */
    }
    if (to == ATTEMPT_NONE || to == from) {
        return 0;
    }
    if (from == ATTEMPT_AUTHORIZED && to == ATTEMPT_CHARGED && !PLANTED(CAPTURE_POSTED_TWICE)) {
        int ours = captured_by_us(tx, payment, err);
        if (ours != 0) {
            return ours < 0 ? ours : 0;
        }
    }
    int differs = success ? check_amount(tx, payment, attempt, result, err) : 0;
    if (differs < 0) {
        return differs;
    }
    if (differs == 1 && result->currency.code[0] != '\0' &&
        !currency_equal(result->currency, attempt->currency)) {
        /* Another currency cannot be booked on this payment: a person must look. */
        return payment_row_save(tx, payment, err);
    }
    take_result(attempt, result, source);
    attempt->state = to;
    attempt->was_unknown = attempt->was_unknown || to == ATTEMPT_UNKNOWN;
    attempt->owner = "";
    attempt->lease_us = 0;
    if (!attempt_state_live(to) || to == ATTEMPT_CHARGED || to == ATTEMPT_AUTHORIZED) {
        attempt->settled_us = clock_wall_us();
    }
    const struct gateway *gateway = gateway_find(payments->options.registry, attempt->gateway);
    bool probe = payment->purpose == PURPOSE_PROBE;
    if (success && gateway != NULL && !gateway->adapter->can.offline &&
        attempt->callback_us == 0 && !probe) {
        attempt->callback_due_us = attempt->settled_us + gateway->callback_due_us;
    }
    if (to != ATTEMPT_UNKNOWN && to != ATTEMPT_PENDING) {
        (void)review_waited(payment); /* saved with what follows */
    }
    ret_settlement->changed = true;
    int r = attempt_row_save(tx, attempt, err);
    if (r >= 0 && to == ATTEMPT_DECLINED && !probe) {
        r = card_declined(payments, tx, payment, attempt, result, err);
    }
    if (r < 0) {
        return r;
    }
    payment->was_unknown = payment->was_unknown || attempt->was_unknown;
    if (!probe) {
        meter_count_after(tx, METER_ATTEMPTS, attempt->gateway, method_name(payment->method),
                          attempt_state_name(attempt->state), attempt->common_code);
    }
    outcome_attempt(tx, payment, attempt, from);
    return follow(payments, tx, payment, attempt, from, result, ret_settlement, err);
}

void payment_failed_by(struct payment_row *payment, const char *code, int64_t again_us) {
    const struct common_code *row = common_code_find(code);
    payment->failure_code = code;
    payment->failure_message = row->english;
    payment->failure_again_us = again_us;
    if (again_us == 0 && row->again_us > 0) {
        payment->failure_again_us = clock_wall_us() + row->again_us;
    }
}

int settle_failed(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                  const struct attempt_row *attempt, struct err *err) {
    bool declined = attempt->state == ATTEMPT_DECLINED;
    payment_failed_by(payment,
                      attempt->common_code[0] != '\0' ? attempt->common_code
                      : declined                      ? "declined"
                                                      : "gateway_unavailable",
                      0);
    /* A held order's customer may try another way; what waits in the queue was only not taken. */
    bool goes_on = payment->deferred_until_us > 0 || (payment->queued_until_us > 0 && !declined);
    return goes_on && !payment_took_late(payment)
               ? payment_ask_method(payments, tx, payment, err)
               : payment_move(payments, tx, payment, EVENT_FAIL, err);
}

/* ---- Captures, cancellations, refunds ---- */

/* Something was captured, but by which call? All that we know of and all that is open together:
 * then by this one as well. Only what we know of: then not by this one, and a payment that takes no
 * more captures will not do it later. Anything between is somebody else's open capture: not known
 * yet. */
static int capture_by_sum(struct store_tx *tx, const struct payment_row *payment,
                          const struct gateway_result *result, enum gateway_outcome *ret_outcome,
                          struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM operation WHERE "
                      "payment_id = $1 AND kind = 1 AND state IN (1, 2, 3)",
                      S_TEXT(payment->id.text));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    int64_t open_minor = sql_int(rows, 0);
    *ret_outcome = result->captured_minor >= payment->captured_minor + open_minor ? GW_CHARGED
                   : result->captured_minor == payment->captured_minor            ? GW_DECLINED
                                                                                  : GW_UNKNOWN;
    return 0;
}

enum operation_state operation_next(const struct operation_row *operation,
                                    enum gateway_outcome outcome,
                                    const struct gateway_result *result) {
    bool refund = operation->kind == OPERATION_REFUND || operation->kind == OPERATION_RETURN;
    enum gateway_outcome done = refund                                 ? GW_REFUNDED
                                : operation->kind == OPERATION_CAPTURE ? GW_CHARGED
                                                                       : GW_CANCELED;
    if (outcome == done) {
        return OPERATION_SUCCEEDED;
    }
    switch (outcome) {
    case GW_PENDING:
        return OPERATION_PENDING;
    case GW_UNKNOWN:
        return operation->state == OPERATION_SENDING ? OPERATION_UNKNOWN : operation->state;
    case GW_DECLINED:
        return OPERATION_FAILED;
    case GW_CANCELED: /* the refund was withdrawn, or the hold is gone and took no more than we know
                       */
        return refund || result->captured_minor <= 0 ? OPERATION_FAILED : operation->state;
    case GW_CHARGED: /* only a cancellation: the money was taken instead */
        return operation->kind == OPERATION_CANCEL ? OPERATION_FAILED : operation->state;
    case GW_NOT_FOUND: /* reaches us only when it is conclusive */
        return OPERATION_FAILED;
    case GW_REJECTED_REQUEST:
    case GW_REJECTED_CREDENTIALS:
    case GW_RATE_LIMITED:
    case GW_UNAVAILABLE:
        /* Certainly not done if this was the first word; after an unknown it proves nothing. */
        return operation->state == OPERATION_SENDING && !operation->was_unknown ? OPERATION_FAILED
                                                                                : operation->state;
    default:
        return operation->state;
    }
}

/* CB-5 for refunds: what went back is not what was to go back. It is booked as asked for, since
 * that is what the payment reserved, and a person looks at the difference. */
static int check_refund_amount(struct store_tx *tx, const struct payment_row *payment,
                               const struct attempt_row *attempt,
                               const struct operation_row *operation,
                               const struct gateway_result *result, struct err *err) {
    bool other = result->currency.code[0] != '\0' &&
                 !currency_equal(result->currency, operation->currency);
    if (result->amount_minor < 0 || (result->amount_minor == operation->amount_minor && !other)) {
        return 0;
    }
    char detail[200], ours[MONEY_TEXT_MAX], theirs[MONEY_TEXT_MAX];
    snprintf(
        detail, sizeof detail, "refund %s was of %s, %s says it was of %s", operation->id.text,
        money_show(operation->amount_minor, operation->currency, ours), operation->gateway,
        money_show(result->amount_minor, other ? result->currency : operation->currency, theirs));
    return note_case(tx, payment, attempt, "refund_mismatch", operation->id.text,
                     result->amount_minor, detail, err);
}

/* What the gateway keeps for this capture. When it was read off the whole payment, what earlier
 * captures cost is in it, and is booked already. */
static int capture_fee(struct store_tx *tx, const struct payment_row *payment,
                       const struct gateway_result *result, int64_t *ret_fee_minor,
                       struct err *err) {
    *ret_fee_minor = result->fee_minor;
    if (!result->as_it_stands || result->fee_minor <= 0) {
        return 0;
    }
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS bigint) FROM posting WHERE "
                      "payment_id = $1 AND kind = $2",
                      S_TEXT(payment->id.text), S_INT(POST_FEE));
    r = r < 0 ? r : sql_next(rows, err);
    if (r < 0) {
        return r;
    }
    *ret_fee_minor -= sql_int(rows, 0);
    return 0;
}

static int refund_done(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                       const struct operation_row *operation, struct err *err) {
    payment->refunded_minor += operation->amount_minor;
    INVARIANT(payment->refunded_minor <= payment->refund_reserved_minor,
              "I10: refunded more than reserved");
    enum posting_kind kind = operation->to_original ? POST_REFUND : POST_STORE_CREDIT;
    int r = post(tx, kind, operation->id.text, payment, operation->gateway, operation->amount_minor,
                 err);
    if (payment->purpose != PURPOSE_PROBE) {
        meter_count_after(tx, METER_REFUNDS, operation->gateway, "succeeded");
    }
    return r;
}

/* The payment was over when its capture went through: money that no payment explains, as with a
 * late success. */
static int late_capture(struct store_tx *tx, struct payment_row *payment,
                        const struct attempt_row *attempt, const struct operation_row *operation,
                        struct err *err) {
    char detail[200];
    snprintf(detail, sizeof detail, "capture %s went through when the payment was %s",
             operation->id.text, payment_state_name(payment->state));
    log_event_after(tx, PAYMENT_LATE_SUCCESS, LT("payment", payment->id.text),
                    LT("attempt", attempt->id.text), LT("gateway", attempt->gateway));
    struct case_note note = {
        .kind = "late_success",
        .subject = operation->id.text,
        .payment_id = payment->id.text,
        .attempt_id = attempt->id.text,
        .gateway = operation->gateway,
        .detail = detail,
        .amount_minor = operation->amount_minor,
        .currency = operation->currency,
        .gateway_id = attempt->gateway_id,
        .charge_id = attempt->charge_id,
        .posted = POST_SUSPENSE,
    };
    int r = case_open(tx, &note, err);
    if (r < 0) {
        return r;
    }
    payment->review = review_mark_name(REVIEW_LATE_SUCCESS);
    return payment_row_save(tx, payment, err);
}

/* PayPal names each capture by itself. Of several none is *the* charge: the row then names none,
 * and the adapter looks for one that has room for a refund. But a refund that is under way was sent
 * to the capture that the row has named until now, and its repeats must not go to another one:
 * there they would be other refunds. */
static int name_capture(struct store_tx *tx, struct attempt_row *attempt,
                        const struct payment_row *payment, const struct gateway_result *result,
                        struct err *err) {
    if (result->charge_id[0] == '\0') {
        return 0;
    }
    bool another = payment->captured_minor > 0 &&
                   strcmp(attempt->charge_id, result->charge_id) != 0;
    const char *before = attempt->charge_id;
    attempt->charge_id = another ? "" : result->charge_id;
    if (!another || before[0] == '\0') {
        return 0;
    }
    int64_t changed = sql_exec(tx, err,
                               "UPDATE operation SET target = $2 WHERE payment_id = $1 AND "
                               "kind = 3 AND target = '' AND state IN (1, 2, 3)",
                               S_TEXT(payment->id.text), S_TEXT(before));
    return changed < 0 ? (int)changed : 0;
}

int operation_done(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                   struct attempt_row *attempt, const struct operation_row *operation,
                   const struct gateway_result *result, struct err *err) {
    int r;
    switch (operation->kind) {
    case OPERATION_REFUND:
        r = check_refund_amount(tx, payment, attempt, operation, result, err);
        return r < 0 ? r : refund_done(payments, tx, payment, operation, err);
    case OPERATION_CAPTURE:
        if (payment_move_find(payment->state, EVENT_CHARGE) == NULL) {
            return late_capture(tx, payment, attempt, operation, err);
        }
        r = post(tx, POST_CAPTURE, operation->id.text, payment, operation->gateway,
                 operation->amount_minor, err);
        int64_t fee_minor = 0;
        r = r < 0 ? r : capture_fee(tx, payment, result, &fee_minor, err);
        if (r >= 0 && fee_minor > 0) {
            r = post(tx, POST_FEE, operation->id.text, payment, operation->gateway, fee_minor, err);
        }
        if (r < 0) {
            return r;
        }
        r = name_capture(tx, attempt, payment, result, err);
        if (r < 0) {
            return r;
        }
        payment->captured_minor += operation->amount_minor;
        if (attempt->state == ATTEMPT_AUTHORIZED) {
            attempt->state = ATTEMPT_CHARGED;
        }
        r = attempt_row_save(tx, attempt, err);
        return r < 0 ? r : payment_move(payments, tx, payment, EVENT_CHARGE, err);
    case OPERATION_RETURN: /* return_settle() */
        break;
    case OPERATION_CANCEL:
        if (!attempt_state_live(attempt->state) || attempt->state == ATTEMPT_CHARGED) {
            return late_undoing(payments, tx, payment, attempt, operation, err);
        }
        r = confirm_closed_later(payments, tx, attempt, attempt->state, err);
        attempt->state = ATTEMPT_CANCELED;
        attempt->callback_due_us = 0;
        r = r < 0 ? r : attempt_row_save(tx, attempt, err);
        r = r < 0 ? r : bank_leave_parts(tx, payment, attempt, err);
        return r < 0              ? r
               : operation->final ? payment_move(payments, tx, payment, EVENT_CANCEL, err)
                                  : ask_another_way(payments, tx, payment, err);
    }
    INVARIANT(false, "an operation kind out of its table");
    return 0;
}

static int refund_event(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                        const struct operation_row *operation, struct err *err) {
    static const char *const types[] = {
        [OPERATION_NONE] = "",
        [OPERATION_SENDING] = "",
        [OPERATION_PENDING] = "refund.pending",
        [OPERATION_UNKNOWN] = "refund.processing",
        [OPERATION_SUCCEEDED] = "refund.succeeded",
        [OPERATION_FAILED] = "refund.failed",
    };
    static_assert(COUNT_OF(types) == OPERATION_STATE_COUNT, "every operation state has an event");
    int r = payment_row_save(tx, payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_operation(&buf, operation);
    return outbox_event(payments, tx, payment, types[operation->state], buf.data, err);
}

/* As take_result(): the texts live as long as the result. */
void operation_take(struct operation_row *operation, enum operation_state to,
                    enum gateway_outcome outcome, const struct gateway_result *result,
                    const char *source) {
    operation->state = to;
    operation->outcome = outcome;
    operation->source = source;
    operation->code = result->code;
    operation->common_code = result->common_code;
    operation->message = result->message;
    operation->trace = result->trace[0] != '\0' ? result->trace : operation->trace;
    if (result->refund_id[0] != '\0') {
        operation->refund_id = result->refund_id;
    }
    operation->was_unknown = operation->was_unknown || to == OPERATION_UNKNOWN;
    operation->owner = "";
    operation->lease_us = 0;
}

/* 1: this refund was booked before (and came back since: a booking is made once). */
static int refund_booked(struct store_tx *tx, const struct operation_row *operation,
                         struct err *err) {
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows, "SELECT id FROM posting WHERE id = 'pst_refund_' || $1",
                      S_TEXT(operation->id.text));
    return r < 0 ? r : sql_next(rows, err);
}

/* A refund that counted as failed and went through after all. It is booked as a refund where the
 * captured amount has room for it (I10); where it has not (it was sent again meanwhile) the money
 * is posted as given back without a reason. A person looks at both: the merchant was told that it
 * had failed. One that was booked and came back is not paid again by what was said of it before:
 * the answer to a copy of its request, or a callback of then, that was on its way meanwhile. */
static int late_refund(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                       struct operation_row *operation, const struct gateway_result *result,
                       const char *source, bool *ret_changed, struct err *err) {
    char detail[200], shown[MONEY_TEXT_MAX];
    int64_t left = payment->captured_minor - payment->refund_reserved_minor -
                   payment->disputed_minor;
    int booked = refund_booked(tx, operation, err);
    if (booked < 0 || (booked > 0 && !result->as_it_stands)) {
        return booked < 0 ? booked : 0;
    }
    bool room = booked == 0 && left >= operation->amount_minor;
    snprintf(detail, sizeof detail, "refund %s of %s had failed; %s now says that it was paid%s",
             operation->id.text, money_show(operation->amount_minor, operation->currency, shown),
             operation->gateway, room ? "" : ", and there is no room for it");
    struct case_note note = {
        .kind = "late_refund",
        .subject = operation->id.text,
        .payment_id = payment->id.text,
        .attempt_id = operation->attempt_id.text,
        .gateway = operation->gateway,
        .detail = detail,
        .amount_minor = operation->amount_minor,
        .currency = operation->currency,
        .posted = room ? 0 : POST_SUSPENSE_RETURNED,
        .payments = payments,
        .payment = payment,
    };
    int r = case_open(tx, &note, err);
    if (r < 0 || !room) {
        return r;
    }
    operation_take(operation, OPERATION_SUCCEEDED, GW_REFUNDED, result, source);
    *ret_changed = true;
    payment->refund_reserved_minor += operation->amount_minor;
    r = operation_row_save(tx, operation, err);
    r = r < 0 ? r : refund_done(payments, tx, payment, operation, err);
    return r < 0 ? r : refund_event(payments, tx, payment, operation, err);
}

int settle_operation(struct payments *payments, struct store_tx *tx, struct payment_row *payment,
                     struct attempt_row *attempt, struct operation_row *operation,
                     const struct gateway_result *result, const char *source, bool *ret_changed,
                     struct err *err) {
    *ret_changed = false;
    bool reversed = operation->kind == OPERATION_REFUND &&
                    operation->state == OPERATION_SUCCEEDED &&
                    (result->outcome == GW_DECLINED || result->outcome == GW_CANCELED) &&
                    !PLANTED(REFUND_BACK_IGNORED);
    if (operation->kind == OPERATION_REFUND && operation->state == OPERATION_FAILED &&
        result->outcome == GW_REFUNDED) {
        return late_refund(payments, tx, payment, operation, result, source, ret_changed, err);
    }
    if (operation->kind == OPERATION_CAPTURE && operation->state == OPERATION_FAILED &&
        result->as_it_stands) {
        return capture_late(payments, tx, payment, attempt, operation, result, source, ret_changed,
                            err);
    }
    if (operation->kind == OPERATION_CANCEL && operation->state == OPERATION_FAILED) {
        return late_undone(payments, tx, payment, attempt, operation, result, source, ret_changed,
                           err);
    }
    if (!operation_state_open(operation->state) && !reversed) {
        return 0;
    }
    enum gateway_outcome outcome = result->outcome;
    int r = 0;
    if (operation->kind == OPERATION_CAPTURE && outcome == GW_CHARGED && result->as_it_stands) {
        r = capture_by_sum(tx, payment, result, &outcome, err);
        if (r < 0) {
            return r;
        }
    }
    r = r < 0 || operation->kind != OPERATION_CANCEL
            ? r
            : late_undoing_outcome(payments, tx, payment, attempt, &outcome, err);
    if (r < 0) {
        return r;
    }
    enum operation_state to = reversed ? OPERATION_FAILED
                                       : operation_next(operation, outcome, result);
    if (to == OPERATION_SENDING) {
        to = OPERATION_UNKNOWN; /* an answer that says nothing about this call */
    }
    if (to == operation->state) {
        return 0;
    }
    enum operation_state from = operation->state;
    operation_take(operation, to, outcome, result, source);
    *ret_changed = true;
    r = operation_row_save(tx, operation, err);
    if (r >= 0) {
        outcome_operation(tx, payment, operation, from);
    }
    r = r < 0 || operation_state_open(to) || !review_waited(payment)
            ? r
            : payment_row_save(tx, payment, err);
    if (r < 0) {
        return r;
    }
    if (to == OPERATION_SUCCEEDED) {
        r = operation_done(payments, tx, payment, attempt, operation, result, err);
    } else if (to == OPERATION_FAILED && operation->kind == OPERATION_REFUND) {
        payment->refund_reserved_minor -= operation->amount_minor;
        if (payment->purpose != PURPOSE_PROBE) {
            meter_count_after(tx, METER_REFUNDS, operation->gateway, "failed");
        }
        if (reversed) {
            payment->refunded_minor -= operation->amount_minor;
            r = post(tx, POST_REFUND_RETURNED, operation->id.text, payment, operation->gateway,
                     operation->amount_minor, err);
        }
    } else if (operation_state_open(to)) {
        int64_t due = clock_wall_us() +
                      (to == OPERATION_UNKNOWN ? resolve_delay_us(0) : PENDING_FIRST_LOOK_US);
        r = job_add(tx, JOB_RESOLVE_OPERATION, operation->id.text, due, "", err);
    }
    if (r >= 0 && to == OPERATION_FAILED && !reversed) {
        r = late_undoing_may_come(payments, attempt, operation)
                ? confirm_undoing_later(tx, operation, err)
                : confirm_later(payments, tx, JOB_CONFIRM_OPERATION, operation->id.text,
                                operation->gateway, result, err);
    }
    if (r < 0) {
        return r;
    }
    return operation->kind == OPERATION_REFUND ? refund_event(payments, tx, payment, operation, err)
                                               : 0;
}
