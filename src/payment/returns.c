/* SPDX-License-Identifier: Apache-2.0
 * returns.c: money in suspense that a person sends back through its gateway.
 *
 * A return is an operation like a refund: a row before the call (I2), the row's id as key, an
 * unknown state of its own that only evidence ends (I6), the resolver for what is not answered. But
 * it is no refund of a payment: no payment reserves it, and its row names the case (`retry_of`)
 * whose money it gives back, all of it and once: while one return may still take effect there is no
 * other. When the gateway has done it the case is closed; when it has not the case stays open; and
 * when what was done comes back, the money is in suspense again and the case open again. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/control.h"
#include "ledger/ledger.h"
#include "payment/cases.h"
#include "store/audit.h"

#define PENDING_FIRST_LOOK_US (60 * US_PER_SECOND)

int return_load(struct store_tx *tx, struct arena *arena, const char *operation_id,
                struct case_row *ret_case, struct payment_row *ret_payment,
                struct operation_row *ret_operation, struct err *err) {
    int r = operation_row_load(tx, arena, operation_id, false, ret_operation, err);
    r = r < 0 ? r : case_row_take(tx, arena, ret_operation->retry_of, ret_case, ret_payment, err);
    return r < 0 ? r : operation_row_load(tx, arena, operation_id, true, ret_operation, err);
}

void return_change(const struct case_row *row, const struct operation_row *operation,
                   struct gateway_change *ret_change) {
    *ret_change = (struct gateway_change){
        .payment =
            {
                .reference = row->attempt_id,
                .gateway_id = row->gateway_id,
                .charge_id = row->charge_id,
                .created_us = row->opened_us,
                .amount_minor = row->amount_minor,
                .currency = row->currency,
            },
        .reference = operation->id.text,
        .amount_minor = operation->amount_minor,
        .final = true,
        .reason = operation->reason,
        .refund_id = operation->refund_id,
        .created_us = operation->created_us,
    };
}

/* ---- settling ---- */

static int post_return(struct store_tx *tx, enum posting_kind kind, const struct case_row *row,
                       const struct operation_row *operation, struct err *err) {
    struct posting posting = {
        .kind = kind,
        .cause = operation->id.text,
        .payment_id = row->payment_id,
        .gateway = row->gateway,
        .customer = "",
        .amount_minor = operation->amount_minor,
        .currency = operation->currency,
        .at_us = clock_wall_us(),
    };
    return ledger_post(tx, &posting, err);
}

static int returned(struct store_tx *tx, struct case_row *row, struct payment_row *payment,
                    const struct operation_row *operation, struct err *err) {
    int r = post_return(tx, POST_SUSPENSE_RETURNED, row, operation, err);
    if (r >= 0 && row->state == CASE_OPEN) {
        r = case_end(tx, row, operation->actor, operation->reason, err);
    }
    return r < 0 ? r : case_let_go(tx, row, payment, err);
}

static int came_back(struct payments *payments, struct store_tx *tx, struct case_row *row,
                     struct payment_row *payment, const struct operation_row *operation,
                     struct err *err) {
    int r = post_return(tx, POST_SUSPENSE, row, operation, err);
    return r < 0 ? r : case_reopen(payments, tx, row, payment, err);
}

/* CB-5: what went back is not what was to go back. */
static int check_amount(struct store_tx *tx, const struct case_row *row,
                        const struct operation_row *operation, const struct gateway_result *result,
                        struct err *err) {
    bool other = result->currency.code[0] != '\0' &&
                 !currency_equal(result->currency, operation->currency);
    if (!other && (result->amount_minor < 0 || result->amount_minor == operation->amount_minor)) {
        return 0;
    }
    char detail[200], ours[MONEY_TEXT_MAX];
    snprintf(detail, sizeof detail, "return %s was of %s, %s says it was of %lld %s (minor units)",
             operation->id.text, money_show(operation->amount_minor, operation->currency, ours),
             operation->gateway, (long long)result->amount_minor, result->currency.code);
    struct case_note note = {
        .kind = "refund_mismatch",
        .subject = operation->id.text,
        .payment_id = row->payment_id,
        .attempt_id = row->attempt_id,
        .gateway = row->gateway,
        .detail = detail,
        .amount_minor = result->amount_minor >= 0 ? result->amount_minor : 0,
        .currency = other ? result->currency : operation->currency,
    };
    return case_open(tx, &note, err);
}

int return_settle(struct payments *payments, struct store_tx *tx, struct case_row *row,
                  struct payment_row *payment, struct operation_row *operation,
                  const struct gateway_result *result, const char *source, bool *ret_changed,
                  struct err *err) {
    *ret_changed = false;
    bool done = result->outcome == GW_REFUNDED;
    bool reversed = operation->state == OPERATION_SUCCEEDED &&
                    (result->outcome == GW_DECLINED || result->outcome == GW_CANCELED);
    bool late = operation->state == OPERATION_FAILED && done;
    if (!operation_state_open(operation->state) && !reversed && !late) {
        return 0;
    }
    enum operation_state to = reversed ? OPERATION_FAILED
                              : late   ? OPERATION_SUCCEEDED
                                       : operation_next(operation, result->outcome, result);
    to = to == OPERATION_SENDING ? OPERATION_UNKNOWN : to;
    if (to == operation->state) {
        return 0;
    }
    operation_take(operation, to, result->outcome, result, source);
    *ret_changed = true;
    int r = operation_row_save(tx, operation, err);
    if (r < 0) {
        return r;
    }
    if (to == OPERATION_SUCCEEDED) {
        r = check_amount(tx, row, operation, result, err);
        return r < 0 ? r : returned(tx, row, payment, operation, err);
    }
    if (to == OPERATION_FAILED) {
        return reversed ? came_back(payments, tx, row, payment, operation, err)
                        : confirm_later(payments, tx, JOB_CONFIRM_OPERATION, operation->id.text,
                                        operation->gateway, result, err);
    }
    int64_t due = clock_wall_us() +
                  (to == OPERATION_UNKNOWN ? resolve_delay_us(0) : PENDING_FIRST_LOOK_US);
    r = job_add(tx, JOB_RESOLVE_OPERATION, operation->id.text, due, "", err);
    return r < 0 ? r : 0;
}

/* ---- asking for one ---- */

struct giving {
    struct payments *payments;
    const struct caller *caller;
    struct arena *arena;
    const char *case_id, *reason;
    struct case_row row;
    struct payment_row payment;
    struct operation_row operation;
    enum idempotency_found found;
    char resource_id[ID_TEXT_MAX];
    struct refund_id fresh_id;
    bool calling;
    const struct gateway_result *result;
    const char *source;
    struct answer *answer;
};

static int write_return(struct giving *giving, struct store_tx *tx, struct err *err) {
    struct operation_row *operation = &giving->operation;
    operation_begin(giving->payments, giving->caller, OPERATION_RETURN, operation);
    operation->id = giving->fresh_id;
    operation->payment_id = payment_id_stored(giving->row.payment_id);
    operation->attempt_id = attempt_id_stored(giving->row.attempt_id);
    operation->gateway = giving->row.gateway;
    operation->amount_minor = giving->row.amount_minor;
    operation->currency = giving->row.currency;
    operation->reason = giving->reason;
    operation->retry_of = giving->row.id;
    giving->row.operation_id = operation->id.text;
    int r = operation_row_insert(tx, operation, err);
    r = r < 0 ? r
              : sql_put(tx, err, "UPDATE review_case SET operation_id = $2 WHERE id = $1",
                        S_TEXT(giving->row.id), S_TEXT(operation->id.text));
    return r < 0 ? r
                 : audit_append(tx, giving->caller->actor, "case.return", giving->row.id,
                                giving->reason, "{}", err);
}

static int begin_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct giving *giving = ctx;
    giving->calling = false;
    snprintf(giving->resource_id, sizeof giving->resource_id, "%s", giving->fresh_id.text);
    int r = idempotency_claim(giving->payments, tx, giving->caller, "case.return",
                              giving->resource_id, &giving->found, giving->answer, err);
    if (r < 0 || giving->found != IDEMPOTENCY_NEW) {
        return r;
    }
    r = case_row_take(tx, giving->arena, giving->case_id, &giving->row, &giving->payment, err);
    r = r < 0 ? r : case_check_suspense(tx, giving->arena, &giving->row, err);
    if (r < 0) {
        return r;
    }
    if (giving->row.posted != POST_SUSPENSE) {
        err_set(err, ERR_STATE, "case %s is about money that went back already", giving->row.id);
        return err_hint(err, "Accept it as a refund, or close the case when it has come back.");
    }
    r = gateway_usable(giving->payments, giving->row.gateway, err);
    r = r < 0 ? r : write_return(giving, tx, err);
    giving->calling = r >= 0;
    return r;
}

static int finish(struct giving *giving, struct store_tx *tx, struct err *err) {
    BUF_AUTO buf;
    buf_init(&buf, ARENA_REQUEST_BYTES_MAX);
    int r = render_case(tx, giving->arena, &buf, &giving->row, err);
    int status = operation_state_open(giving->operation.state) ? 202 : 201;
    r = r < 0 ? r : answer_take(giving->answer, status, &buf, err);
    return r < 0 ? r : idempotency_finish(tx, giving->caller, false, NULL, giving->answer, err);
}

static int settle_tx(struct store_tx *tx, void *ctx, struct err *err) {
    struct giving *giving = ctx;
    int r = return_load(tx, giving->arena, giving->resource_id, &giving->row, &giving->payment,
                        &giving->operation, err);
    if (r >= 0 && giving->result != NULL) {
        bool changed;
        r = return_settle(giving->payments, tx, &giving->row, &giving->payment, &giving->operation,
                          giving->result, giving->source, &changed, err);
    }
    return r < 0 ? r : finish(giving, tx, err);
}

static int give(struct giving *giving, struct err *err) {
    struct store *store = giving->payments->options.store;
    int r = store_write(store, begin_tx, giving, err);
    if (r < 0 || giving->found == IDEMPOTENCY_REPLAY) {
        return r;
    }
    struct gateway_result result;
    if (giving->found == IDEMPOTENCY_RESUME) {
        bool open;
        r = resolve_operation(giving->payments, giving->resource_id, "repeat", &open, err);
    } else {
        struct gateway_change change;
        return_change(&giving->row, &giving->operation, &change);
        giving->source = operation_call_gateway(giving->payments, &giving->operation, METHOD_CARD,
                                                &change, &result);
        giving->result = &result;
    }
    r = r < 0 ? r : store_write(store, settle_tx, giving, err);
    if (r >= 0) {
        jobs_wake(giving->payments);
    }
    return r;
}

int case_return(struct payments *payments, const struct caller *caller, const char *case_id,
                const char *reason, struct answer *ret_answer, struct err *err) {
    if (reason == NULL || reason[0] == '\0') {
        err_set(err, ERR_VALIDATION, "money is returned only with a reason");
        return err_place(err, "/reason");
    }
    ARENA_AUTO arena = arena_new(ARENA_REQUEST_BYTES_MAX);
    struct giving giving = {
        .payments = payments,
        .caller = caller,
        .arena = arena,
        .case_id = case_id,
        .reason = reason,
        .fresh_id = refund_id_new(),
        .answer = ret_answer,
    };
    int r = give(&giving, err);
    if (r < 0) {
        answer_release(ret_answer);
        if (giving.found == IDEMPOTENCY_RESUME || giving.calling || r == -ERR_STORE_UNKNOWN) {
            leases_release(payments, caller, "", giving.resource_id);
        }
    }
    return r;
}
