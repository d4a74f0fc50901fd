/* SPDX-License-Identifier: Apache-2.0
 * cases_decide.c: a named person takes money out of suspense by accepting it, or lets an order go
 * that late money holds (docs/decisions/0009). Nothing here calls a gateway.
 *
 * 1. Money that came late for a payment that took nothing else becomes that payment: the attempt
 *    counts as charged, the payment succeeds, and it can be refunded from then on.
 * 2. Any other money is income of the merchant's without a payment: a second charge, another
 *    currency and a charge of nobody's never enter a payment's sums, since no refund of that
 *    payment could give them back.
 * 3. A refund that the gateway made unasked becomes a refund of its payment, with a row of its own,
 *    as far as the captured amount has room for it (I10). */
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "payment/cases.h"
#include "payment/review.h"
#include "store/audit.h"

struct decide {
    const struct caller *caller;
    const char *id, *reason;
    struct arena *arena;
    struct case_row row;
    struct payment_row payment; /* when the case has one */
};

static int post_accepted(struct decide *decide, struct store_tx *tx, enum posting_kind kind,
                         const char *cause, const char *payment_id, struct err *err) {
    struct posting posting = {
        .kind = kind,
        .cause = cause,
        .payment_id = payment_id,
        .gateway = decide->row.gateway,
        .customer = "",
        .amount_minor = decide->row.amount_minor,
        .currency = decide->row.currency,
        .at_us = clock_wall_us(),
    };
    int r = payment_is_probe(tx, posting.payment_id, &posting.probe, err);
    return r < 0 ? r : ledger_post(tx, &posting, err);
}

static bool explained(const struct decide *decide) {
    return decide->row.payment_id[0] != '\0' &&
           currency_equal(decide->row.currency, decide->payment.currency);
}

/* ---- a charge ---- */

/* 1: it is what this payment was asked for, and the payment took nothing else. */
static int becomes_payment(struct decide *decide, struct store_tx *tx, struct err *err) {
    bool for_it = strcmp(decide->row.kind, "late_success") == 0 ||
                  strcmp(decide->row.kind, "short_payment") == 0;
    if (!explained(decide) || !for_it || !case_payment_is_over(&decide->payment) ||
        decide->payment.captured_minor > 0) {
        return 0;
    }
    struct attempt_row live;
    int r = attempt_row_live(tx, decide->arena, decide->row.payment_id, &live, err);
    if (r == -ERR_NOT_FOUND) {
        err_clear(err);
        return 1;
    }
    return r < 0 ? r : 0;
}

static int accept_as_payment(struct payments *payments, struct decide *decide, struct store_tx *tx,
                             struct err *err) {
    struct payment_row *payment = &decide->payment;
    int r = post_accepted(decide, tx, POST_SUSPENSE_ACCEPTED, decide->row.id, payment->id.text,
                          err);
    /* Back to life, which no gateway's answer could do: the unique index on `live` still sees to it
     * that it is the only one (I1). */
    r = r < 0 ? r
              : sql_put(tx, err,
                        "UPDATE attempt SET state = $2, live = 1, source = 'person', owner = '', "
                        "lease_us = 0, settled_us = $3, callback_due_us = 0, "
                        "gateway_id = CASE WHEN $4 = '' THEN gateway_id ELSE $4 END, "
                        "charge_id = CASE WHEN $5 = '' THEN charge_id ELSE $5 END WHERE id = $1",
                        S_TEXT(decide->row.attempt_id), S_INT(ATTEMPT_CHARGED),
                        S_INT(clock_wall_us()), S_TEXT(decide->row.gateway_id),
                        S_TEXT(decide->row.charge_id));
    r = r < 0 ? r : review_settled(tx, payment, err);
    if (r < 0) {
        return r;
    }
    payment->captured_minor = decide->row.amount_minor;
    if (payment->authorized_minor < payment->captured_minor) {
        payment->authorized_minor = payment->captured_minor;
    }
    payment->failure_code = "";
    payment->failure_message = "";
    payment->failure_again_us = 0;
    payment->action = "";
    payment->action_data = "";
    payment->action_expires_us = 0;
    payment->gateway = decide->row.gateway;
    return payment_move(payments, tx, payment, EVENT_ACCEPT, err);
}

static int accept_charge(struct payments *payments, struct decide *decide, struct store_tx *tx,
                         struct err *err) {
    int becomes = becomes_payment(decide, tx, err);
    if (becomes != 0) {
        return becomes < 0 ? becomes : accept_as_payment(payments, decide, tx, err);
    }
    int r = post_accepted(decide, tx, POST_SUSPENSE_ACCEPTED, decide->row.id, "", err);
    return r < 0 || decide->row.payment_id[0] == '\0'
               ? r
               : review_settled_save(tx, &decide->payment, err);
}

/* ---- a refund ---- */

static int room_for(const struct decide *decide, struct err *err) {
    const struct payment_row *payment = &decide->payment;
    if (payment->state != PAYMENT_SUCCEEDED) {
        err_set(err, ERR_STATE, "payment %s is %s: it has taken nothing that could be refunded",
                payment->id.text, payment_state_name(payment->state));
        return err_hint(err, "If it gave back other money in suspense, the two balance there: "
                             "close both cases.");
    }
    int64_t left = payment->captured_minor - payment->refund_reserved_minor -
                   payment->disputed_minor;
    if (decide->row.amount_minor <= left) {
        return 0;
    }
    char gone[MONEY_TEXT_MAX], rest[MONEY_TEXT_MAX];
    err_set(err, ERR_AMOUNT, "%s went back, but only %s of payment %s is left to be refunded",
            money_show(decide->row.amount_minor, decide->row.currency, gone),
            money_show(left, payment->currency, rest), payment->id.text);
    return err_hint(err, "What went back beyond it stays in suspense until it is claimed back.");
}

static int refund_told(struct payments *payments, struct decide *decide, struct store_tx *tx,
                       const struct operation_row *operation, struct err *err) {
    int r = payment_row_save(tx, &decide->payment, err);
    if (r < 0) {
        return r;
    }
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    render_operation(&buf, operation);
    return outbox_event(payments, tx, &decide->payment, "refund.succeeded", buf.data, err);
}

static int accept_refund(struct payments *payments, struct decide *decide, struct store_tx *tx,
                         struct err *err) {
    if (!explained(decide)) {
        int r = post_accepted(decide, tx, POST_REFUND_ACCEPTED, decide->row.id, "", err);
        return r < 0 || decide->row.payment_id[0] == '\0'
                   ? r
                   : review_settled_save(tx, &decide->payment, err);
    }
    int r = room_for(decide, err);
    r = r < 0 ? r : review_settled(tx, &decide->payment, err);
    struct attempt_row attempt;
    r = r < 0 ? r : attempt_row_live(tx, decide->arena, decide->row.payment_id, &attempt, err);
    if (r < 0) {
        return r;
    }
    int64_t now = clock_wall_us();
    struct operation_row operation = {
        .id = refund_id_new(),
        .payment_id = decide->payment.id,
        .attempt_id = attempt.id,
        .kind = OPERATION_REFUND,
        .state = OPERATION_SUCCEEDED,
        .gateway = decide->row.gateway,
        .amount_minor = decide->row.amount_minor,
        .currency = decide->row.currency,
        .final = true,
        .to_original = true,
        .reason = decide->reason,
        .actor = decide->caller->actor,
        .retry_of = "",
        .outcome = GW_REFUNDED,
        .source = "person",
        .refund_id = decide->row.refund_id,
        .code = "",
        .common_code = "",
        .message = "",
        .trace = "",
        .owner = "",
        .created_us = now,
        .updated_us = now,
    };
    r = operation_row_insert(tx, &operation, err);
    r = r < 0 ? r
              : post_accepted(decide, tx, POST_REFUND_ACCEPTED, operation.id.text,
                              decide->payment.id.text, err);
    if (r < 0) {
        return r;
    }
    decide->payment.refund_reserved_minor += operation.amount_minor;
    decide->payment.refunded_minor += operation.amount_minor;
    INVARIANT(decide->payment.refund_reserved_minor <= decide->payment.captured_minor,
              "I10: reserved over captured");
    return refund_told(payments, decide, tx, &operation, err);
}

/* ---- public ---- */

static int answer_case(struct decide *decide, struct store_tx *tx, const char *action,
                       struct answer *ret_answer, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = render_case(tx, decide->arena, &buf, &decide->row, err);
    r = r < 0 ? r : answer_take(ret_answer, 200, &buf, err);
    return r < 0 ? r
                 : audit_append(tx, decide->caller->actor, action, decide->row.id, decide->reason,
                                "{}", err);
}

static int accept_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    struct decide *decide = ctx;
    int r = case_row_take(tx, decide->arena, decide->id, &decide->row, &decide->payment, err);
    r = r < 0 ? r : case_check_suspense(tx, decide->arena, &decide->row, err);
    /* Closed first: what follows looks for other open cases of the payment. */
    r = r < 0 ? r : case_end(tx, &decide->row, decide->caller->actor, decide->reason, err);
    if (r < 0) {
        return r;
    }
    r = decide->row.posted == POST_SUSPENSE ? accept_charge(payments, decide, tx, err)
                                            : accept_refund(payments, decide, tx, err);
    return r < 0 ? r : answer_case(decide, tx, "case.accept", ret_answer, err);
}

static int need_reason(const char *reason, struct err *err) {
    if (reason != NULL && reason[0] != '\0') {
        return 0;
    }
    err_set(err, ERR_VALIDATION, "a case is decided only with a reason");
    return err_place(err, "/reason");
}

int case_accept(struct payments *payments, const struct caller *caller, const char *case_id,
                const char *reason, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct decide decide = {.caller = caller, .id = case_id, .reason = reason, .arena = arena};
    int r = need_reason(reason, err);
    r = r < 0
            ? r
            : idempotent_run(payments, caller, "case.accept", accept_fn, &decide, ret_answer, err);
    if (r >= 0) {
        jobs_wake(payments);
    }
    return r;
}

static int credit_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                     struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct decide *decide = ctx;
    int r = case_row_take(tx, decide->arena, decide->id, &decide->row, &decide->payment, err);
    r = r < 0 ? r : case_check_suspense(tx, decide->arena, &decide->row, err);
    if (r < 0) {
        return r;
    }
    if (decide->row.posted != POST_SUSPENSE || decide->row.payment_id[0] == '\0' ||
        decide->payment.customer_id[0] == '\0') {
        err_set(err, ERR_STATE, "case %s holds no money of a customer who is known",
                decide->row.id);
        return err_hint(err, "Accept it, or send it back.");
    }
    struct posting posting = {
        .kind = POST_SUSPENSE_CREDITED,
        .cause = decide->row.id,
        .payment_id = "",
        .gateway = decide->row.gateway,
        .customer = decide->payment.customer_id,
        .amount_minor = decide->row.amount_minor,
        .currency = decide->row.currency,
        .at_us = clock_wall_us(),
    };
    r = ledger_post(tx, &posting, err);
    r = r < 0 ? r : case_end(tx, &decide->row, decide->caller->actor, decide->reason, err);
    r = r < 0 ? r : case_let_go(tx, &decide->row, &decide->payment, err);
    return r < 0 ? r : answer_case(decide, tx, "case.credit", ret_answer, err);
}

int case_credit(struct payments *payments, const struct caller *caller, const char *case_id,
                const char *reason, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct decide decide = {.caller = caller, .id = case_id, .reason = reason, .arena = arena};
    int r = need_reason(reason, err);
    return r < 0 ? r
                 : idempotent_run(payments, caller, "case.credit", credit_fn, &decide, ret_answer,
                                  err);
}

/* The case stays open: the money is still to be decided about. */
static int release_fn(struct payments *payments, struct store_tx *tx, void *ctx,
                      struct answer *ret_answer, struct err *err) {
    (void)payments;
    struct decide *decide = ctx;
    int r = case_row_take(tx, decide->arena, decide->id, &decide->row, &decide->payment, err);
    if (r < 0) {
        return r;
    }
    if (decide->row.payment_id[0] == '\0' || !decide->payment.holds_order ||
        !case_payment_is_over(&decide->payment)) {
        err_set(err, ERR_STATE, "case %s is about no payment that is over and holds its order",
                decide->row.id);
        return err_hint(err, "Only an order that late money holds can be let go.");
    }
    decide->payment.holds_order = false;
    r = payment_row_save(tx, &decide->payment, err);
    return r < 0 ? r : answer_case(decide, tx, "case.release_order", ret_answer, err);
}

int case_release_order(struct payments *payments, const struct caller *caller, const char *case_id,
                       const char *reason, struct answer *ret_answer, struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct decide decide = {.caller = caller, .id = case_id, .reason = reason, .arena = arena};
    int r = need_reason(reason, err);
    return r < 0 ? r
                 : idempotent_run(payments, caller, "case.release_order", release_fn, &decide,
                                  ret_answer, err);
}
