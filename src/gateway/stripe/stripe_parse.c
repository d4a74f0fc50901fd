/* SPDX-License-Identifier: Apache-2.0
 * stripe_parse.c: what Stripe's answers mean. */
#include "gateway/stripe/stripe.h"

/* Where a PaymentIntent stands (documentation, "PaymentIntent lifecycle"). Two states are missing
 * on purpose: requires_payment_method needs a look at the last error, and requires_confirmation
 * cannot follow from our charge, which creates and confirms in one call: whoever sees it sees a
 * call that is still being executed, so it stays UNKNOWN. */
static const struct {
    const char *status;
    enum gateway_outcome outcome;
} intent_states[] = {
    {"succeeded", GW_CHARGED},  {"requires_capture", GW_AUTHORIZED},
    {"processing", GW_PENDING}, {"requires_action", GW_ACTION_NEEDED},
    {"canceled", GW_CANCELED},
};

static const struct {
    const char *status;
    enum gateway_outcome outcome;
} refund_states[] = {
    {"succeeded", GW_REFUNDED}, {"pending", GW_PENDING},   {"requires_action", GW_PENDING},
    {"failed", GW_DECLINED},    {"canceled", GW_CANCELED},
};

static const struct {
    const char *code;
    enum gateway_advice advice;
} advices[] = {
    {"try_again_later", ADVICE_LATER},
    {"do_not_try_again", ADVICE_STOP},
    {"confirm_card_data", ADVICE_CUSTOMER},
};

static bool same(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

const char *stripe_metadata(const json_t *object, const char *key) {
    const char *text = json_peek_text(object, "metadata", key, NULL);
    return text != NULL ? text : "";
}

const char *stripe_id_of(const json_t *field) {
    return json_is_string(field) ? json_string_value(field) : json_peek_text(field, "id", NULL);
}

int64_t stripe_read_amount(const json_t *object, const char *key, struct currency *ret_currency) {
    int64_t amount_minor = -1;
    const char *code = json_peek_text(object, "currency", NULL);
    struct err err;
    if (code == NULL || currency_parse(code, ret_currency, &err) < 0 ||
        !stripe_amount_back(json_peek_int(object, -1, key, NULL), *ret_currency, &amount_minor)) {
        return -1;
    }
    return amount_minor;
}

/* The charge inside an intent, when it came expanded: what went back, and what Stripe took for it.
 */
static void read_expanded_charge(const json_t *charge, struct gateway_result *result) {
    struct currency currency = {0};
    if (!json_is_object(charge)) {
        return;
    }
    result->refunded_minor = stripe_read_amount(charge, "amount_refunded", &currency);
    const json_t *balance = json_peek(charge, "balance_transaction", NULL);
    if (json_is_object(balance)) {
        /* The fee is in the account's currency; one of another currency is no figure of this
         * payment. */
        struct currency settled = {0};
        int64_t fee_minor = stripe_read_amount(balance, "fee", &settled);
        if (currency_equal(settled, result->currency)) {
            result->fee_minor = fee_minor;
        }
    }
}

/* Finds the row for an error, from the most telling of its names to the least. NULL: unknown. */
static const struct gateway_error *error_row(int status, const char *type, const char *code,
                                             const char *decline_code) {
    const struct gateway_adapter *adapter = &stripe_adapter;
    char by_status[16];
    snprintf(by_status, sizeof(by_status), "http_%d", status);
    const struct gateway_error *status_row = gateway_error_find(adapter, by_status);
    const struct gateway_error *row = gateway_error_find(adapter, code);

    /* These statuses are the answer, whatever the body says. */
    if (status >= 500 || status == 424) {
        return status_row;
    }
    if (status == 429 || status == 401 || status == 403) {
        return row != NULL && row->outcome == status_row->outcome ? row : status_row;
    }
    if (same(type, "idempotency_error")) {
        return gateway_error_find(adapter, type);
    }
    if (status == 409) {
        return row != NULL && (row->outcome == GW_UNKNOWN || row->outcome == GW_RATE_LIMITED)
                   ? row
                   : NULL;
    }
    if (status != 400 && status != 402 && status != 404) {
        return NULL;
    }
    if (same(type, "card_error")) {
        const struct gateway_error *decline = gateway_error_find(adapter, decline_code);
        row = decline != NULL ? decline : row;
        return row != NULL ? row : gateway_error_find(adapter, type);
    }
    if (row != NULL) {
        return row;
    }
    return status == 402 ? status_row : gateway_error_find(adapter, type);
}

/* Fills outcome, codes and message from an error object ("error", or an intent's
 * last_payment_error). */
static void read_error_object(int status, const json_t *error, struct gateway_result *result) {
    const char *type = json_peek_text(error, "type", NULL);
    const char *code = json_peek_text(error, "code", NULL);
    const char *decline_code = json_peek_text(error, "decline_code", NULL);
    const struct gateway_error *row = error_row(status, type, code, decline_code);
    result->outcome = row != NULL ? row->outcome : GW_UNKNOWN;
    result->advice = row != NULL ? row->advice : ADVICE_LATER;
    exchange_common_code(result, row != NULL ? row->common_code : "gateway_error");

    char text[2 * GATEWAY_CODE_CHARS_MAX];
    if (code != NULL && decline_code != NULL) {
        snprintf(text, sizeof(text), "%.60s/%.60s", code, decline_code);
    } else if (code != NULL || type != NULL) {
        snprintf(text, sizeof(text), "%.60s", code != NULL ? code : type);
    } else {
        snprintf(text, sizeof(text), "http_%d", status);
    }
    exchange_copy_text(result->code, sizeof(result->code), text);
    exchange_copy_text(result->message, sizeof(result->message),
                       json_peek_text(error, "message", NULL));

    const json_t *card = json_peek(error, "payment_method", "card", NULL);
    exchange_copy_id(result->card_fingerprint, sizeof(result->card_fingerprint),
                     json_peek_text(card, "fingerprint", NULL));
    exchange_copy_id(result->card_network, sizeof(result->card_network),
                     json_peek_text(card, "brand", NULL));

    /* For a decline Stripe may say itself whether to try again. */
    const char *advice = json_peek_text(error, "advice_code", NULL);
    for (size_t i = 0; result->outcome == GW_DECLINED && i < COUNT_OF(advices); i++) {
        if (same(advices[i].code, advice)) {
            result->advice = advices[i].advice;
            result->never_again = advices[i].advice == ADVICE_STOP;
        }
    }
}

/* An intent that waits for a payment method after an error has lost its try: whatever the error, no
 * money moved, and none will without another confirmation from us. */
static void read_lost_try(const json_t *error, struct gateway_result *result) {
    read_error_object(402, error, result);
    if (result->outcome != GW_DECLINED) {
        result->outcome = GW_DECLINED;
        result->advice = ADVICE_LATER;
    }
}

void stripe_read_intent(const json_t *intent, struct gateway_result *result) {
    const char *id = json_peek_text(intent, "id", NULL);
    const char *status = json_peek_text(intent, "status", NULL);
    if (id == NULL || !same(json_peek_text(intent, "object", NULL), "payment_intent")) {
        exchange_common_code(result, "gateway_garbled");
        return;
    }
    const json_t *charge = json_peek(intent, "latest_charge", NULL);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), id);
    exchange_copy_id(result->charge_id, sizeof(result->charge_id), stripe_id_of(charge));
    result->amount_minor = stripe_read_amount(intent, "amount", &result->currency);
    struct currency unused;
    result->captured_minor = stripe_read_amount(intent, "amount_received", &unused);
    read_expanded_charge(charge, result);

    const json_t *last_error = json_peek(intent, "last_payment_error", NULL);
    if (same(status, "requires_payment_method") && json_is_object(last_error)) {
        read_lost_try(last_error, result);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(intent_states); i++) {
        if (same(intent_states[i].status, status)) {
            result->outcome = intent_states[i].outcome;
        }
    }
    if (result->outcome == GW_ACTION_NEEDED) {
        result->advice = ADVICE_CUSTOMER;
        exchange_common_code(result, "authentication_required");
        exchange_redirect(result,
                          json_peek_text(intent, "next_action", "redirect_to_url", "url", NULL));
    }
}

void stripe_read_charge_status(const json_t *charge, struct gateway_result *result) {
    const char *status = json_peek_text(charge, "status", NULL);
    if (same(status, "succeeded")) {
        result->outcome = json_is_true(json_peek(charge, "captured", NULL)) ? GW_CHARGED
                                                                            : GW_AUTHORIZED;
    } else if (same(status, "pending")) {
        result->outcome = GW_PENDING;
    } else if (same(status, "failed")) {
        result->outcome = GW_DECLINED;
    }
}

void stripe_read_refund(const json_t *refund, struct gateway_result *result) {
    const char *id = json_peek_text(refund, "id", NULL);
    if (id == NULL || !same(json_peek_text(refund, "object", NULL), "refund")) {
        exchange_common_code(result, "gateway_garbled");
        return;
    }
    exchange_copy_id(result->refund_id, sizeof(result->refund_id), id);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                     stripe_id_of(json_peek(refund, "payment_intent", NULL)));
    exchange_copy_id(result->charge_id, sizeof(result->charge_id),
                     stripe_id_of(json_peek(refund, "charge", NULL)));
    result->amount_minor = stripe_read_amount(refund, "amount", &result->currency);
    const char *status = json_peek_text(refund, "status", NULL);
    for (size_t i = 0; i < COUNT_OF(refund_states); i++) {
        if (same(refund_states[i].status, status)) {
            result->outcome = refund_states[i].outcome;
        }
    }
    if (result->outcome == GW_DECLINED) {
        exchange_copy_text(result->code, sizeof(result->code),
                           json_peek_text(refund, "failure_reason", NULL));
        exchange_common_code(result, "refund_failed");
    }
}

/* An error may carry the intent as it is now, and that outranks the error: a capture of what is
 * captured already is an error, and the money is there all the same. */
static void read_carried_intent(const json_t *error, enum gateway_operation operation,
                                struct gateway_result *result) {
    const json_t *intent = json_peek(error, "payment_intent", NULL);
    if (!json_is_object(intent)) {
        return;
    }
    struct gateway_result now;
    gateway_result_init(&now);
    stripe_read_intent(intent, &now);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), now.gateway_id);
    exchange_copy_id(result->charge_id, sizeof(result->charge_id), now.charge_id);
    result->amount_minor = now.amount_minor;
    result->captured_minor = now.captured_minor;
    result->currency = now.currency;
    bool moved = now.outcome == GW_CHARGED || now.outcome == GW_AUTHORIZED ||
                 now.outcome == GW_PENDING;
    bool outranks = operation == OP_CHARGE ? moved
                                           : same(result->code, "payment_intent_unexpected_state");
    if (outranks && now.outcome != GW_UNKNOWN) {
        result->outcome = now.outcome;
        result->advice = now.advice;
        result->as_it_stands = operation == OP_CAPTURE;
    }
}

void stripe_read_error(int status, const json_t *json, enum gateway_operation operation,
                       struct gateway_result *result) {
    const json_t *error = json_peek(json, "error", NULL);
    if (!json_is_object(error) && status != 429) {
        /* Not Stripe's words: perhaps a proxy's. Nothing is known but that something was sent. */
        exchange_common_code(result, status >= 500 ? "gateway_error" : "gateway_garbled");
        snprintf(result->code, sizeof(result->code), "http_%d", status);
        result->advice = ADVICE_LATER;
        return;
    }
    read_error_object(status, error, result);
    /* A charge names nothing of theirs but the customer's card or account. */
    if (operation == OP_CHARGE && result->outcome == GW_REJECTED_REQUEST &&
        strcmp(result->code, "resource_missing") == 0) {
        exchange_common_code(result, "token_unusable");
    }
    exchange_copy_id(result->charge_id, sizeof(result->charge_id),
                     json_peek_text(error, "charge", NULL));
    if (status < 500 && operation != OP_REFUND) {
        read_carried_intent(error, operation, result);
    }
}
