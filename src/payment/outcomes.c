/* SPDX-License-Identifier: Apache-2.0
 * outcomes.c: what became of payments, attempts, operations, calls, callbacks and fraud checks, as
 * outcomes by slice (meter/slices.h); docs/metrics.md says what counts. Nothing here is part of a
 * payment: what is said inside a transaction counts when that is committed. */
#include <string.h>

#include "base/clock.h"
#include "gateway/common_codes.h"
#include "meter/slices.h"
#include "payment/disputes.h"
#include "payment/internal.h"
#include "payment/screen.h"

/* ---- after a commit ---- */

struct event_later {
    struct slice_event event; /* its texts point here */
    char texts[SLICE_DIMENSIONS + 1][SLICE_LABEL_CHARS_MAX + 1];
};

static void event_now(void *what) {
    struct event_later *later = what;
    for (int i = 0; i < SLICE_DIMENSIONS; i++) {
        later->event.labels[i] = later->texts[i];
    }
    later->event.code = later->texts[SLICE_DIMENSIONS];
    slice_record(&later->event);
}

static void record_after(struct store_tx *tx, const struct slice_event *event) {
    struct event_later *later = store_after(tx, event_now, sizeof(*later));
    later->event = *event;
    for (int i = 0; i <= SLICE_DIMENSIONS; i++) {
        const char *text = i < SLICE_DIMENSIONS ? event->labels[i] : event->code;
        memcpy(later->texts[i], text != NULL ? text : "",
               text != NULL ? strnlen(text, SLICE_LABEL_CHARS_MAX) : 0);
    }
}

/* ---- what they have in common ---- */

/* One person behind several tries; where nobody says who it is, the card or account. */
static uint64_t customer_of(const struct payment_row *payment, const char *token) {
    const char *const names[] = {payment->customer_id, payment->customer_email, token};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (names[i] != NULL && names[i][0] != '\0') {
            return slice_customer(names[i]);
        }
    }
    return 0;
}

static struct slice_event event_of(const struct payment_row *payment,
                                   enum slice_operation operation, const char *gateway) {
    return (struct slice_event){
        .operation = operation,
        .labels = {gateway, method_name(payment->method), payment->customer_region,
                   payment->currency.code, payment->customer_segment},
        .duration_us = -1,
        .amount_minor = payment->amount_minor,
        .customer = customer_of(payment, NULL),
    };
}

static int64_t since(int64_t wall_us) {
    int64_t us = clock_wall_us() - wall_us;
    return us < 0 ? 0 : us;
}

/* ---- payments ---- */

/* Codes of a payment that failed and that nobody declined. */
static bool is_technical(const char *code) {
    static const char *const codes[] = {
        "gateway_unavailable", "gateway_unreachable", "rate_limited",     "credentials",
        "merchant_account",    "invalid_request",     "not_found_there",  "reference_conflict",
        "gateway_error",       "gateway_no_answer",   "gateway_garbled",  "answer_not_genuine",
        "reference_mismatch",  "too_many_to_search",  "order_not_durable", "idempotency_mismatch",
    };
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (strcmp(code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

void outcome_payment(struct store_tx *tx, const struct payment_row *payment,
                     enum payment_state from, enum payment_event why) {
    if (payment->purpose == PURPOSE_PROBE) {
        return; /* no customer's */
    }
    struct slice_event event = event_of(payment, SLICE_PAYMENT, payment->gateway);
    bool open = from == PAYMENT_CREATED || from == PAYMENT_PROCESSING ||
                from == PAYMENT_REQUIRES_ACTION;
    event.code = payment->failure_code;
    if (open && (why == EVENT_CHARGE || why == EVENT_AUTHORIZE)) {
        event.outcome = SLICE_OK;
    } else if (open && why == EVENT_FAIL) {
        event.outcome = is_technical(payment->failure_code) ? SLICE_FAILED : SLICE_DECLINED;
    } else if (why == EVENT_NO_CANDIDATE && from != PAYMENT_REQUIRES_ACTION) {
        event.outcome = SLICE_FAILED;
        event.code = "no_gateway";
    } else if (why == EVENT_DEFER && from == PAYMENT_PROCESSING) {
        event.outcome = is_technical(payment->failure_code) ? SLICE_FAILED : SLICE_DECLINED;
    } else {
        return;
    }
    /* With a customer's or a resolver's time in it, it says nothing about how fast we are. */
    if (from != PAYMENT_REQUIRES_ACTION && !payment->was_unknown &&
        payment->queued_until_us == 0 && payment->deferred_until_us == 0) {
        event.duration_us = since(payment->created_us);
    }
    record_after(tx, &event);
}

/* ---- attempts and operations ---- */

void outcome_attempt(struct store_tx *tx, const struct payment_row *payment,
                     const struct attempt_row *attempt, enum attempt_state from) {
    if (payment->purpose == PURPOSE_PROBE) {
        return; /* no customer's */
    }
    /* Nobody knew: that has been counted as a failure, and what it turned out to be is another
     * figure, also when it was pending in between. What only waited has no other end than this. */
    bool known = from == ATTEMPT_SENDING || (from != ATTEMPT_UNKNOWN && !attempt->was_unknown);
    enum slice_operation operation = known ? SLICE_CHARGE : SLICE_RESOLVE;
    struct slice_event event = event_of(payment, operation, attempt->gateway);
    event.amount_minor = attempt->amount_minor;
    event.customer = customer_of(payment, attempt->token);
    event.code = attempt->common_code;
    if (from == ATTEMPT_AUTHORIZED || from == ATTEMPT_CHARGED) {
        return; /* a capture or a cancellation, counted as such */
    }
    switch (attempt->state) {
    case ATTEMPT_CHARGED:
    case ATTEMPT_AUTHORIZED:
        event.outcome = SLICE_OK;
        event.code = NULL;
        break;
    case ATTEMPT_DECLINED:
        event.outcome = SLICE_DECLINED;
        break;
    case ATTEMPT_NOT_CHARGED:
    case ATTEMPT_UNKNOWN:
        event.outcome = SLICE_FAILED;
        break;
    default:
        return; /* it waits; or its customer has let it be */
    }
    if (from == ATTEMPT_SENDING && attempt->duration_us > 0) {
        event.duration_us = attempt->duration_us;
    }
    record_after(tx, &event);
}

void outcome_operation(struct store_tx *tx, const struct payment_row *payment,
                       const struct operation_row *operation, enum operation_state from) {
    if (payment->purpose == PURPOSE_PROBE) {
        return; /* no customer's */
    }
    static const enum slice_operation kinds[] = {
        [OPERATION_CAPTURE] = SLICE_CAPTURE,
        [OPERATION_CANCEL] = SLICE_CANCEL,
        [OPERATION_REFUND] = SLICE_REFUND,
        [OPERATION_RETURN] = SLICE_REFUND,
    };
    bool first = from == OPERATION_SENDING;
    struct slice_event event = event_of(payment, first ? kinds[operation->kind] : SLICE_RESOLVE,
                                        operation->gateway);
    event.amount_minor = operation->amount_minor;
    event.code = operation->common_code;
    switch (operation->state) {
    case OPERATION_PENDING: /* taken; how it ends is counted then */
    case OPERATION_SUCCEEDED:
        event.outcome = SLICE_OK;
        event.code = NULL;
        break;
    case OPERATION_FAILED:
        event.outcome = operation->outcome == GW_DECLINED ? SLICE_DECLINED : SLICE_FAILED;
        break;
    default:
        event.outcome = SLICE_FAILED;
        break;
    }
    if (first) {
        event.duration_us = since(operation->created_us);
    } else if (operation->state == OPERATION_PENDING) {
        return;
    }
    record_after(tx, &event);
}

void outcome_dispute(struct store_tx *tx, const struct payment_row *payment,
                     const struct dispute_row *dispute) {
    if (dispute->payment_id[0] != '\0' && payment->purpose == PURPOSE_PROBE) {
        return;
    }
    struct slice_event event = {
        .operation = SLICE_DISPUTE,
        .labels = {dispute->gateway, "", "", dispute->currency.code, ""},
    };
    if (dispute->payment_id[0] != '\0') {
        event = event_of(payment, SLICE_DISPUTE, dispute->gateway);
    }
    event.duration_us = -1;
    event.amount_minor = dispute->amount_minor;
    event.code = dispute->reason;
    record_after(tx, &event);
}

/* ---- calls, callbacks, fraud ---- */

void outcome_call(const struct gateway_ask *ask, const struct gateway_result *result) {
    const char *currency = ask->charge != NULL   ? ask->charge->currency.code
                           : ask->lookup != NULL ? ask->lookup->currency.code
                                                 : "";
    if (ask->operation == OP_PROBE || ask->gateway->adapter->can.offline ||
        (result->reach == 0 && result->outcome == GW_UNKNOWN)) {
        return; /* nobody was asked */
    }
    bool fault = gateway_outcome_is_fault(result->outcome);
    slice_record(&(struct slice_event){
        .operation = SLICE_CALL,
        .outcome = fault                            ? SLICE_FAILED
                   : result->outcome == GW_DECLINED ? SLICE_DECLINED
                                                    : SLICE_OK,
        .labels = {ask->gateway->name, method_name(ask->method), "", currency, ""},
        .code = fault && result->common_code[0] == '\0' ? gateway_outcome_name(result->outcome)
                                                        : result->common_code,
        .duration_us = result->reach == HTTP_ANSWERED ? result->duration_us : -1,
    });
}

void outcome_callback(const char *gateway, enum slice_outcome outcome, const char *code,
                      int64_t delay_us) {
    slice_record(&(struct slice_event){
        .operation = SLICE_CALLBACK,
        .outcome = outcome,
        .labels = {gateway},
        .code = code,
        .duration_us = delay_us,
    });
}

void outcome_awaited(struct store_tx *tx, const struct payment_row *payment, const char *gateway,
                     bool came) {
    struct slice_event event = event_of(payment, SLICE_AWAITED, gateway);
    event.outcome = came ? SLICE_OK : SLICE_FAILED;
    event.code = came ? NULL : "callback_missing";
    event.duration_us = -1;
    event.amount_minor = 0;
    event.customer = 0; /* whose it is says nothing of the gateway's sending */
    record_after(tx, &event);
}

void outcome_fraud(const struct payment_row *payment, const struct risk_decision *decision) {
    struct slice_event event = event_of(payment, SLICE_FRAUD, "");
    bool unscored = decision->scored.answer != RISK_SCORED &&
                    decision->scored.answer != RISK_NOT_ASKED;
    event.outcome = unscored                          ? SLICE_FAILED
                    : decision->action == RISK_DENY ? SLICE_DECLINED
                                                      : SLICE_OK;
    event.code = unscored ? risk_answer_name(decision->scored.answer)
                          : risk_action_name(decision->action);
    event.duration_us = decision->duration_us;
    slice_record(&event);
}
