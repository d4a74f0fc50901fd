/* SPDX-License-Identifier: Apache-2.0
 * operations.c: captures, cancellations and refunds (PAY-1, PAY-7).
 *
 * Each is a row written before the gateway is called (I2), in a transaction that holds the
 * payment's row: the sum of what was refunded and what may yet be refunded never exceeds what was
 * captured (I10), however many ask at once. What the gateway answers is applied by
 * settle_operation(); what it does not answer is left to the resolver. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/plant.h"
#include "gateway/control.h"
#include "meter/meter.h"
#include "payment/disputes.h"
#include "payment/later.h"
#include "store/audit.h"

/* An adapter says so of an order that waits and that its gateway closes by its end alone. */
#define CANNOT_CLOSE "cannot_close"

struct work {
    struct payments *payments;
    const struct caller *caller;
    const char *name; /* of the idempotency row */
    struct arena *arena;
    enum operation_kind kind;
    const char *payment_id;
    int64_t asked_minor; /* 0: all that is left */
    bool final, to_original;
    bool at_till; /* a cancellation of what is open or unknown, which its gateway takes back */
    bool asked;   /* by its caller, whose name goes on the audit log where he is somebody */
    const char *reason, *retry_of;
    struct payment_row payment;
    struct attempt_row attempt;
    struct operation_row operation;
    bool calling; /* the operation is written and waits for its gateway */
    enum idempotency_found found;
    char resource_id[ID_TEXT_MAX];
    const struct gateway_result *result;
    const char *source;
    struct answer *answer;
};

/* ---- answers ---- */

static void render_problem(struct buf *buf, const struct work *work) {
    buf_addf(buf, "{\"type\":\"" ERR_TYPE_PREFIX "%s\",\"title\":\"%s\",\"status\":422,\"detail\":",
             err_type(ERR_GATEWAY_REJECTED), err_title(ERR_GATEWAY_REJECTED));
    buf_add_json(buf, work->operation.message[0] != '\0'
                          ? work->operation.message
                          : "the gateway did not do it; nothing changed");
    buf_add_text(buf, ",\"operation\":");
    render_operation(buf, &work->operation);
    buf_add_char(buf, '}');
}

static int finish(struct work *work, struct store_tx *tx, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int status = work->operation.state == OPERATION_SUCCEEDED ||
                         work->operation.state == OPERATION_FAILED
                     ? 201
                     : 202;
    if (work->kind == OPERATION_REFUND) {
        render_operation(&buf, &work->operation);
    } else if (work->operation.state == OPERATION_FAILED) {
        status = 422;
        render_problem(&buf, work);
    } else {
        render_payment(&buf, &work->payment);
    }
    int r = answer_take(work->answer, status, &buf, err);
    return r < 0 ? r : idempotency_finish(tx, work->caller, false, NULL, work->answer, err);
}

/* ---- what may be done ---- */

/* Captures and cancellations of a payment that were done, or may still be. */
struct open_work {
    int64_t capturing_minor; /* the sum of the open captures */
    bool closed;             /* a final one exists, or a cancellation is under way */
    bool cannot_close;       /* it is, where nothing is closed before its time */
};

static int open_work(struct store_tx *tx, const char *payment_id, struct open_work *ret_work,
                     struct err *err) {
    *ret_work = (struct open_work){0};
    SQL_ROWS_AUTO rows = NULL;
    int r = sql_query(tx, err, &rows,
                      "SELECT kind, state, amount_minor, final, common_code FROM operation WHERE "
                      "payment_id = $1 AND kind IN (1, 2) AND state <> 5",
                      S_TEXT(payment_id));
    while (r >= 0 && (r = sql_next(rows, err)) > 0) {
        bool open = operation_state_open((enum operation_state)sql_int(rows, 1));
        bool capture = sql_int(rows, 0) == OPERATION_CAPTURE;
        if (capture && open) {
            ret_work->capturing_minor += sql_int(rows, 2);
        }
        /* What was only closed so that another way can be tried does not end the payment. */
        if (sql_int(rows, 3) == 1 || (!capture && open)) {
            ret_work->closed = true;
        }
        if (!capture && open && strcmp(sql_text(rows, 4), CANNOT_CLOSE) == 0) {
            ret_work->cannot_close = true;
        }
    }
    return r;
}

/* Its customer can still pay with what he was shown: until when, and what to do meanwhile. */
static int still_open(const struct attempt_row *attempt, bool cannot_close, struct err *err) {
    char end[CLOCK_TEXT_MAX];
    const char *gateway = attempt->gateway, *payment_id = attempt->payment_id.text;
    if (!cannot_close) {
        err_set(err, ERR_STATE, "%s has not confirmed yet that what payment %s waits for is closed",
                gateway, payment_id);
        return err_hint(err,
                        "Until then the customer could pay twice. Look at it in a few seconds.");
    }
    err_set(err, ERR_STATE, "%s cannot close what payment %s waits for before its own end%s%s",
            gateway, payment_id, attempt->expires_us > 0 ? ", " : "",
            attempt->expires_us > 0 ? clock_format(attempt->expires_us, end) : "");
    return err_hint(err, "Until then the customer can pay with what he was shown, and nothing else "
                         "is asked for the money. Some minutes after it the payment asks for "
                         "another way by itself (choose_method): repeat this then.");
}

static int wrong_state(const struct work *work, const char *what, struct err *err) {
    err_set(err, ERR_STATE, "payment %s is %s: it cannot be %s", work->payment.id.text,
            payment_state_name(work->payment.state), what);
    return err_place(err, "/v1/payments/%s", work->payment.id.text);
}

/* The state alone would be no reason: an authorized payment can be captured and cancelled. */
static int under_way(const struct payment_row *payment, bool begun, struct err *err) {
    if (begun && payment->state == PAYMENT_AUTHORIZED) {
        err_hint(err,
                 "A capture or a cancellation of it was begun and its gateway has not confirmed "
                 "it yet; the payment's story has it.");
    }
    return -ERR_STATE;
}

static int over(const struct work *work, int64_t left_minor, const char *what, struct err *err) {
    char asked[MONEY_TEXT_MAX], left[MONEY_TEXT_MAX];
    err_set(err, ERR_AMOUNT, "%s was asked to be %s, but only %s is left",
            money_show(work->asked_minor, work->payment.currency, asked), what,
            money_show(left_minor, work->payment.currency, left));
    err_place(err, "/amount");
    return err_hint(
        err, "Refunds that are pending or unknown count as refunded until they have failed.");
}

/* A failed refund is sent again once at a time: two clicks are one refund. */
static int check_retry(const struct work *work, struct store_tx *tx, struct err *err) {
    if (work->retry_of == NULL) {
        return 0;
    }
    struct operation_row old;
    int r = operation_row_load(tx, work->arena, work->retry_of, false, &old, err);
    if (r < 0) {
        return r;
    }
    if (old.state != OPERATION_FAILED) {
        return err_set(err, ERR_STATE, "%s is %s by now: only a failed refund can be sent again",
                       work->retry_of, operation_state_name(old.state));
    }
    SQL_ROWS_AUTO rows = NULL;
    r = sql_query(tx, err, &rows,
                  "SELECT id FROM operation WHERE payment_id = $1 AND retry_of = $2 AND state <> 5",
                  S_TEXT(work->payment.id.text), S_TEXT(work->retry_of));
    if (r < 0) {
        return r;
    }
    r = sql_next(rows, err);
    if (r <= 0) {
        return r;
    }
    return err_set(err, ERR_STATE, "%s has been sent again already, as %s", work->retry_of,
                   sql_text(rows, 0));
}

static int check_refund(struct work *work, struct store_tx *tx, int64_t *ret_amount,
                        struct err *err) {
    const struct payment_row *payment = &work->payment;
    if (payment->state != PAYMENT_SUCCEEDED) {
        return wrong_state(work, "refunded", err);
    }
    if (work->to_original && strcmp(payment->gateway, GATEWAY_BY_HAND) == 0) {
        wrong_state(work, "refunded by a gateway: it was paid by hand", err);
        return err_hint(err, "Give it as store credit (to_original_method: false).");
    }
    int r = check_retry(work, tx, err);
    r = r < 0 ? r : dispute_refuses_refund(tx, payment, err);
    if (r < 0) {
        return r;
    }
    int64_t counted = PLANTED(REFUNDS_PENDING_IGNORED) ? payment->refunded_minor
                                                       : payment->refund_reserved_minor;
    int64_t left = payment->captured_minor - counted - payment->disputed_minor;
    int64_t amount = work->asked_minor > 0 ? work->asked_minor : left;
    if (amount > left || amount <= 0) {
        return over(work, left, "refunded", err);
    }
    if (!work->to_original && payment->customer_id[0] == '\0') {
        err_set(err, ERR_VALIDATION, "store credit needs a customer, and payment %s names none",
                payment->id.text);
        return err_place(err, "/refundToOriginalMethod");
    }
    *ret_amount = amount;
    return work->retry_of != NULL ? 0 : refund_within(tx, work->caller, payment, amount, err);
}

static int check_capture(struct work *work, struct store_tx *tx, int64_t *ret_amount,
                         struct err *err) {
    const struct payment_row *payment = &work->payment;
    struct open_work before;
    int r = open_work(tx, payment->id.text, &before, err);
    if (r < 0) {
        return r;
    }
    bool open = payment->state == PAYMENT_AUTHORIZED || payment->state == PAYMENT_SUCCEEDED;
    if (!open || before.closed || !payment->capture_later) {
        wrong_state(work, "captured (again)", err);
        return under_way(payment, before.closed, err);
    }
    int64_t left = payment->authorized_minor - payment->captured_minor - before.capturing_minor;
    int64_t amount = work->asked_minor > 0 ? work->asked_minor : left;
    if (amount > left || amount <= 0) {
        return over(work, left, "captured", err);
    }
    *ret_amount = amount;
    return 0;
}

static int check_cancel(struct work *work, struct store_tx *tx, int64_t *ret_amount,
                        struct err *err) {
    const struct payment_row *payment = &work->payment;
    struct open_work before;
    int r = open_work(tx, payment->id.text, &before, err);
    if (r < 0) {
        return r;
    }
    bool open = payment->state == PAYMENT_AUTHORIZED || payment->state == PAYMENT_REQUIRES_ACTION ||
                payment->queued_until_us > 0 ||
                (work->at_till && payment->state == PAYMENT_PROCESSING);
    if (payment->state == PAYMENT_REQUIRES_ACTION && before.closed) {
        r = attempt_row_live(tx, work->arena, payment->id.text, &work->attempt, err);
        if (r != -ERR_NOT_FOUND) {
            return r < 0 ? r : still_open(&work->attempt, before.cannot_close, err);
        }
    }
    if (!open || before.capturing_minor > 0 || before.closed) {
        wrong_state(work, "cancelled", err);
        if (payment->state == PAYMENT_PROCESSING) {
            err_hint(err,
                     "Its gateway has not answered yet; it can be refunded once it succeeded.");
        } else if (payment->state == PAYMENT_SUCCEEDED) {
            err_hint(err, "The money was taken: refund it instead.");
        }
        return under_way(payment, before.closed || before.capturing_minor > 0, err);
    }
    *ret_amount = payment->authorized_minor - payment->captured_minor;
    return 0;
}

int gateway_usable(struct payments *payments, const char *name, struct err *err) {
    struct gateway_control_view view;
    gateway_control_view(payments->options.control, &view);
    for (int i = 0; i < gateway_count(payments->options.registry); i++) {
        struct gateway *gateway = gateway_at(payments->options.registry, i);
        if (strcmp(gateway->name, name) != 0) {
            continue;
        }
        if (view.state[i] == GATEWAY_DISABLED) {
            err_set(err, ERR_NO_GATEWAY, "gateway %s is disabled: %s", gateway->name,
                    view.reason[i]);
            return err_hint(err, "Enable or drain it first: a draining gateway still refunds.");
        }
        return 0;
    }
    return err_set(err, ERR_NO_GATEWAY, "gateway %s is not configured any more", name);
}

/* The customer has just approved it, say, and its gateway is being asked for the money: what is
 * being charged is not cancelled at the same time. */
static int not_being_called(struct work *work, struct store_tx *tx, struct err *err) {
    bool holds = false;
    int r = lease_holds(work->payments, tx, work->attempt.owner, work->attempt.lease_us, &holds,
                        err);
    if (r < 0 || !holds) {
        return r;
    }
    err_set(err, ERR_STATE, "payment %s is being charged at this moment: it cannot be cancelled",
            work->payment.id.text);
    return err_hint(err, "Look at it in a few seconds.");
}

/* ---- begin ---- */

void operation_begin(const struct payments *payments, const struct caller *caller,
                     enum operation_kind kind, struct operation_row *ret_operation) {
    int64_t now = clock_wall_us();
    *ret_operation = (struct operation_row){
        .kind = kind,
        .state = OPERATION_SENDING,
        .final = true,
        .to_original = true,
        .actor = caller->actor,
        .source = "",
        .refund_id = "",
        .code = "",
        .common_code = "",
        .message = "",
        .trace = "",
        .tries = 1,
        .owner = payments->instance,
        .lease_us = now + CALL_LEASE_US,
        .created_us = now,
        .updated_us = now,
    };
}

/* Store credit needs no gateway. */
static bool goes_there(const struct work *work) {
    return work->kind != OPERATION_REFUND || work->to_original || PLANTED(CREDIT_PAID_TOO);
}

static int write_operation(struct work *work, struct store_tx *tx, int64_t amount_minor,
                           struct err *err) {
    bool at_gateway = goes_there(work);
    struct operation_row *operation = &work->operation;
    operation_begin(work->payments, work->caller, work->kind, operation);
    operation->id = refund_id_stored(work->resource_id);
    operation->payment_id = work->payment.id;
    operation->attempt_id = work->attempt.id;
    operation->gateway = at_gateway ? work->attempt.gateway : "";
    operation->amount_minor = amount_minor;
    operation->currency = work->payment.currency;
    operation->final = work->final;
    operation->to_original = work->to_original;
    operation->reason = work->reason;
    operation->retry_of = work->retry_of;
    int r = operation_row_insert(tx, operation, err);
    if (r < 0 || work->kind != OPERATION_REFUND) {
        return r;
    }
    work->payment.refund_reserved_minor += amount_minor;
    INVARIANT(work->payment.refund_reserved_minor <= work->payment.captured_minor,
              "I10: reserved over captured");
    return payment_row_save(tx, &work->payment, err);
}

/* Done in the transaction that writes it. */
static int give_credit(struct work *work, struct store_tx *tx, struct err *err) {
    struct gateway_result done;
    gateway_result_init(&done);
    done.outcome = GW_REFUNDED;
    bool changed;
    int r = settle_operation(work->payments, tx, &work->payment, &work->attempt, &work->operation,
                             &done, "ledger", &changed, err);
    return r < 0 ? r : finish(work, tx, err);
}

static int told(const struct work *work, struct store_tx *tx, const struct operation_row *operation,
                struct err *err) {
    return work->asked ? operation_audit(tx, work->caller, work->name, operation, err) : 0;
}

/* A payment that waits for another method holds nothing anywhere. */
static int cancel_here(struct work *work, struct store_tx *tx, struct err *err) {
    int r = payment_move(work->payments, tx, &work->payment, EVENT_CANCEL, err);
    const struct operation_row operation = {
        .kind = OPERATION_CANCEL,
        .payment_id = work->payment.id,
        .currency = work->payment.currency,
        .to_original = true,
        .reason = work->reason,
    };
    work->operation.state = OPERATION_SUCCEEDED;
    r = r < 0 ? r : finish(work, tx, err);
    return r < 0 ? r : told(work, tx, &operation, err);
}

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct work *work = ctx;
    work->calling = false;
    snprintf(work->resource_id, sizeof work->resource_id, "%s", work->operation.id.text);
    int r = idempotency_claim(work->payments, tx, work->caller, work->name, work->resource_id,
                              &work->found, work->answer, err);
    if (r < 0 || work->found != IDEMPOTENCY_NEW) {
        return r;
    }
    r = payment_row_load(tx, work->arena, work->payment_id, true, &work->payment, err);
    if (r < 0) {
        return r;
    }
    int64_t amount = 0;
    r = work->kind == OPERATION_REFUND    ? check_refund(work, tx, &amount, err)
        : work->kind == OPERATION_CAPTURE ? check_capture(work, tx, &amount, err)
                                          : check_cancel(work, tx, &amount, err);
    if (r < 0) {
        return r;
    }
    r = attempt_row_live(tx, work->arena, work->payment_id, &work->attempt, err);
    if (r == -ERR_NOT_FOUND && work->kind == OPERATION_CANCEL) {
        return cancel_here(work, tx, err);
    }
    if (r < 0) {
        return r;
    }
    if (work->kind == OPERATION_CANCEL && work->payment.queued_until_us > 0) {
        return wrong_state(work, "cancelled: it has left the queue and is being charged", err);
    }
    r = work->kind == OPERATION_CANCEL ? not_being_called(work, tx, err) : 0;
    if (r < 0) {
        return r;
    }
    bool at_gateway = goes_there(work);
    r = at_gateway ? gateway_usable(work->payments, work->attempt.gateway, err) : 0;
    if (r < 0) {
        return r;
    }
    r = write_operation(work, tx, amount, err);
    if (r < 0) {
        return r;
    }
    work->calling = at_gateway;
    r = at_gateway ? 0 : give_credit(work, tx, err);
    return r < 0 ? r : told(work, tx, &work->operation, err);
}

/* ---- call and settle ---- */

const char *operation_call_gateway(struct payments *payments, const struct operation_row *operation,
                                   enum payment_method method, const struct gateway_change *change,
                                   struct gateway_result *ret_result) {
    struct gateway_change aimed = *change;
    struct operation_target target;
    operation_target_of(payments, operation, &target, &aimed);
    struct gateway_ask ask = {
        .gateway = gateway_find(payments->options.registry, operation->gateway),
        .operation = operation_call(operation->kind),
        .method = method,
        .change = &aimed,
        .budget_us = payments->options.request_budget_us,
        /* Unlike a charge it has nowhere else to go, and a refusal unsent would be a failed refund.
         */
        .past_breaker = true,
        .not_after_us = operation->lease_us,
        .persist = operation_persist,
        .persist_ctx = &target,
    };
    gateway_ask(payments, &ask, ret_result);
    const struct gateway_capabilities *can = &ask.gateway->adapter->can;
    if (ret_result->outcome == GW_UNKNOWN && (can->key_lifetime_us > 0 || can->changes_again)) {
        struct gateway_result again;
        gateway_ask(payments, &ask, &again);
        if (again.outcome == GW_REFUNDED || again.outcome == GW_CHARGED ||
            again.outcome == GW_CANCELED || again.outcome == GW_PENDING) {
            *ret_result = again;
            return "repeat";
        }
    }
    return "answer";
}

static int settle_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct work *work = ctx;
    int r = payment_row_load(tx, work->arena, work->payment.id.text, true, &work->payment, err);
    if (r < 0) {
        return r;
    }
    r = operation_row_load(tx, work->arena, work->resource_id, true, &work->operation, err);
    if (r < 0) {
        return r;
    }
    r = attempt_row_load(tx, work->arena, work->operation.attempt_id.text, &work->attempt, err);
    if (r < 0) {
        return r;
    }
    if (work->result != NULL) {
        bool changed;
        r = settle_operation(work->payments, tx, &work->payment, &work->attempt, &work->operation,
                             work->result, work->source, &changed, err);
        if (r < 0) {
            return r;
        }
    }
    return finish(work, tx, err);
}

static int resume(struct work *work, struct err *err) {
    bool open;
    int r = resolve_operation(work->payments, work->resource_id, "repeat", &open, err);
    if (r == -ERR_NOT_FOUND) {
        return err_set(err, ERR_INTERNAL,
                       "the first request with this key wrote nothing; use a new key");
    }
    return r;
}

static int run(struct work *work, struct err *err) {
    struct store *store = work->payments->options.store;
    int64_t began = clock_mono_us();
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    work->arena = arena;
    work->operation.id = refund_id_new();
    int r = store_write(store, begin_tx, work, err);
    if (r < 0 || work->found == IDEMPOTENCY_REPLAY ||
        (work->found == IDEMPOTENCY_NEW && !work->calling)) {
        return r;
    }
    struct gateway_result result;
    if (work->found == IDEMPOTENCY_RESUME) {
        r = resume(work, err);
        snprintf(work->payment.id.text, sizeof work->payment.id.text, "%s", work->payment_id);
    } else {
        struct gateway_change change;
        change_of(&work->payment, &work->attempt, &work->operation, &change);
        work->source = operation_call_gateway(work->payments, &work->operation,
                                              work->payment.method, &change, &result);
        work->result = &result;
    }
    r = r < 0 ? r : store_write(store, settle_tx, work, err);
    if (r < 0) {
        return r;
    }
    jobs_wake(work->payments);
    if (work->kind == OPERATION_REFUND && work->payment.purpose != PURPOSE_PROBE) {
        meter_time(METER_REFUND_SECONDS, clock_mono_us() - began, work->attempt.gateway);
    }
    return 0;
}

static int run_clean(struct work *work, struct err *err) {
    int r = mode_may_change(work->payments->options.mode, err);
    if (r < 0) {
        return r;
    }
    r = run(work, err);
    if (r < 0) {
        answer_release(work->answer);
        /* Rolled back before anything was written, there is nothing to give up and this is quick.
         */
        if (work->found == IDEMPOTENCY_RESUME || work->calling || r == -ERR_STORE_UNKNOWN) {
            leases_release(work->payments, work->caller, "", work->resource_id);
        }
    }
    return r;
}

/* ---- public ---- */

int payment_capture(struct payments *payments, const struct caller *caller, const char *payment_id,
                    int64_t amount_minor, bool final, struct answer *ret_answer, struct err *err) {
    struct work work = {
        .payments = payments,
        .caller = caller,
        .name = "payment.capture",
        .asked = true,
        .kind = OPERATION_CAPTURE,
        .payment_id = payment_id,
        .asked_minor = amount_minor,
        .final = final,
        .to_original = true,
        .reason = "",
        .answer = ret_answer,
    };
    return run_clean(&work, err);
}

int payment_cancel(struct payments *payments, const struct caller *caller, const char *payment_id,
                   const char *reason, struct answer *ret_answer, struct err *err) {
    struct work work = {
        .payments = payments,
        .caller = caller,
        .name = "payment.cancel",
        .asked = true,
        .kind = OPERATION_CANCEL,
        .payment_id = payment_id,
        .final = true,
        .to_original = true,
        .reason = reason,
        .answer = ret_answer,
    };
    return run_clean(&work, err);
}

/* ---- closing what a customer was asked to pay ---- */

struct closing {
    struct arena *arena;
    const char *operation_id;
    struct operation_row operation;
    struct attempt_row attempt;
};

static int closing_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct closing *closing = ctx;
    int r = operation_row_load(tx, closing->arena, closing->operation_id, false,
                               &closing->operation, err);
    return r < 0 ? r
                 : attempt_row_load(tx, closing->arena, closing->operation.attempt_id.text,
                                    &closing->attempt, err);
}

static int not_closed(const struct closing *closing, struct err *err) {
    const struct operation_row *operation = &closing->operation;
    if (operation->state == OPERATION_FAILED) {
        err_set(err, ERR_STATE, "%s has not closed what payment %s waits for: %s",
                operation->gateway, operation->payment_id.text,
                operation->outcome == GW_CHARGED ? "it was paid at this very moment"
                : operation->message[0] != '\0'  ? operation->message
                                                 : gateway_outcome_name(operation->outcome));
        return err_hint(err, "Look at the payment: nothing else was asked for its money.");
    }
    return still_open(&closing->attempt, strcmp(operation->common_code, CANNOT_CLOSE) == 0, err);
}

/* How an order ends that nobody paid; the name is that of the idempotency row. */
struct ending {
    const char *name, *reason;
    bool final, at_till;
};

static int close_order(struct payments *payments, const struct caller *caller,
                       const char *payment_id, const struct ending *ending, struct err *err) {
    struct caller unkeyed = *caller;
    ANSWER_AUTO answer = {0};
    unkeyed.key = NULL;
    struct work work = {
        .payments = payments,
        .caller = &unkeyed,
        .name = ending->name,
        .kind = OPERATION_CANCEL,
        .payment_id = payment_id,
        .final = ending->final,
        .to_original = true,
        .at_till = ending->at_till,
        .reason = ending->reason,
        .answer = &answer,
    };
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct closing closing = {.arena = arena, .operation_id = work.resource_id};
    int r = run_clean(&work, err);
    if (r < 0 || work.operation.state == OPERATION_SUCCEEDED) {
        return r;
    }
    /* What the run has read went with it. */
    r = store_read(payments->options.store, closing_tx, &closing, err);
    if (r >= 0 && closing.operation.outcome == GW_CHARGED) { /* nobody need wait to be told */
        struct gateway_result result;
        bool open;
        r = resolve_attempt(payments, closing.operation.attempt_id.text, "check", &open, &result,
                            err);
    }
    return r < 0 ? r : not_closed(&closing, err);
}

int attempt_close(struct payments *payments, const struct caller *caller, const char *payment_id,
                  struct err *err) {
    static const struct ending ending = {
        .name = "payment.close",
        .reason = "the customer pays another way",
    };
    return close_order(payments, caller, payment_id, &ending, err);
}

int attempt_close_unshown(struct payments *payments, const char *payment_id, struct err *err) {
    static const struct caller nobody = {.actor = "rule:no-code", .scope = "", .request_hash = ""};
    static const struct ending ending = {
        .name = "payment.close",
        .reason = "its code was lost before anybody was shown it",
    };
    return close_order(payments, &nobody, payment_id, &ending, err);
}

int attempt_expire(struct payments *payments, const char *payment_id, bool final, struct err *err) {
    static const struct caller nobody = {.actor = "rule:expiry", .scope = "", .request_hash = ""};
    const struct ending ending = {
        .name = "payment.expire",
        .reason = "the customer did not pay in time",
        .final = final,
    };
    return close_order(payments, &nobody, payment_id, &ending, err);
}

int attempt_take_back(struct payments *payments, const char *payment_id, struct err *err) {
    static const struct caller nobody = {.actor = "rule:till", .scope = "", .request_hash = ""};
    static const struct ending ending = {
        .name = "payment.expire",
        .reason = "the customer at the till did not confirm in time",
        .final = true,
        .at_till = true,
    };
    return close_order(payments, &nobody, payment_id, &ending, err);
}

int payment_refund(struct payments *payments, const struct caller *caller, const char *payment_id,
                   int64_t amount_minor, const char *reason, bool to_original,
                   struct answer *ret_answer, struct err *err) {
    struct work work = {
        .payments = payments,
        .caller = caller,
        .name = "payment.refund",
        .asked = true,
        .kind = OPERATION_REFUND,
        .payment_id = payment_id,
        .asked_minor = amount_minor,
        .final = true,
        .to_original = to_original,
        .reason = reason,
        .answer = ret_answer,
    };
    return run_clean(&work, err);
}

struct retry_ctx {
    struct arena *arena;
    const char *refund_id;
    struct operation_row old;
};

static int retry_look_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct retry_ctx *retry = ctx;
    return operation_row_load(tx, retry->arena, retry->refund_id, false, &retry->old, err);
}

static int send_again(struct payments *payments, const struct caller *caller, const char *name,
                      const char *refund_id, bool as_credit, struct answer *ret_answer,
                      struct err *err) {
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct retry_ctx retry = {.arena = arena, .refund_id = refund_id};
    int r = store_read(payments->options.store, retry_look_tx, &retry, err);
    if (r < 0) {
        return r;
    }
    if (retry.old.kind != OPERATION_REFUND || retry.old.state != OPERATION_FAILED) {
        return err_set(err, ERR_STATE,
                       "%s is a %s that is %s: only a failed refund can be sent again", refund_id,
                       operation_kind_name(retry.old.kind), operation_state_name(retry.old.state));
    }
    const char *reason = arena_printf(arena, "again after %s: %s", refund_id, retry.old.reason);
    struct work work = {
        .payments = payments,
        .caller = caller,
        .name = name,
        .asked = true,
        .kind = OPERATION_REFUND,
        .payment_id = retry.old.payment_id.text,
        .asked_minor = retry.old.amount_minor,
        .final = true,
        .to_original = retry.old.to_original && !as_credit,
        .reason = reason,
        /* All that send one again name the first of them: only one of them goes through. */
        .retry_of = retry.old.retry_of[0] != '\0' ? retry.old.retry_of : refund_id,
        .answer = ret_answer,
    };
    return run_clean(&work, err);
}

int refund_retry(struct payments *payments, const struct caller *caller, const char *refund_id,
                 struct answer *ret_answer, struct err *err) {
    return send_again(payments, caller, "refund.retry", refund_id, false, ret_answer, err);
}

int refund_as_credit(struct payments *payments, const struct caller *caller, const char *refund_id,
                     struct answer *ret_answer, struct err *err) {
    return send_again(payments, caller, "refund.credit", refund_id, true, ret_answer, err);
}
