/* SPDX-License-Identifier: Apache-2.0
 * paypal_parse.c: what PayPal's answers mean. */
#include "gateway/paypal/paypal.h"

struct state {
    const char *status;
    enum gateway_outcome outcome;
};

static const struct state capture_states[] = {
    {"COMPLETED", GW_CHARGED}, {"PARTIALLY_REFUNDED", GW_CHARGED}, {"REFUNDED", GW_CHARGED},
    {"PENDING", GW_PENDING},   {"DECLINED", GW_DECLINED},          {"FAILED", GW_DECLINED},
};

static const struct state authorization_states[] = {
    {"CREATED", GW_AUTHORIZED}, {"PARTIALLY_CAPTURED", GW_AUTHORIZED},
    {"CAPTURED", GW_CHARGED},   {"PENDING", GW_PENDING},
    {"DENIED", GW_DECLINED},    {"VOIDED", GW_CANCELED},
};

static const struct state refund_states[] = {
    {"COMPLETED", GW_REFUNDED},
    {"PENDING", GW_PENDING},
    {"FAILED", GW_DECLINED},
    {"CANCELLED", GW_CANCELED},
};

/* Orders whose payments do not say. CREATED and SAVED are missing on purpose, see
 * read_open_order(). */
static const struct state order_states[] = {
    {"PAYER_ACTION_REQUIRED", GW_ACTION_NEEDED},
    {"APPROVED", GW_APPROVED},
    {"VOIDED", GW_CANCELED},
};

enum code_kind { KIND_ISSUE, KIND_DONE, KIND_BUSY, KIND_NAME, KIND_PROCESSOR };
static const struct {
    const char *code;
    enum code_kind kind;
} code_kinds[] = {
#define X(kind, code, status, outcome, advice, common_code) {code, KIND_##kind},
#include "gateway/paypal/paypal_errors.def"
#undef X
};

static bool same(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static enum gateway_outcome outcome_of(const struct state *states, size_t count,
                                       const char *status) {
    for (size_t i = 0; i < count; i++) {
        if (same(states[i].status, status)) {
            return states[i].outcome;
        }
    }
    return GW_UNKNOWN;
}

enum gateway_outcome paypal_capture_outcome(const char *status) {
    return outcome_of(capture_states, COUNT_OF(capture_states), status);
}

enum gateway_outcome paypal_authorization_outcome(const char *status) {
    return outcome_of(authorization_states, COUNT_OF(authorization_states), status);
}

enum gateway_outcome paypal_refund_outcome(const char *status) {
    return outcome_of(refund_states, COUNT_OF(refund_states), status);
}

static bool code_is(const char *code, enum code_kind kind) {
    for (size_t i = 0; i < COUNT_OF(code_kinds); i++) {
        if (code_kinds[i].kind == kind && same(code_kinds[i].code, code)) {
            return true;
        }
    }
    return false;
}

bool paypal_code_is_done(const char *code) {
    return code_is(code, KIND_DONE);
}

bool paypal_code_is_busy(const char *code) {
    return code_is(code, KIND_BUSY);
}

/* Amounts. */

static bool whole_units_only(struct currency currency) {
    return strcmp(currency.code, "HUF") == 0 || strcmp(currency.code, "TWD") == 0;
}

bool paypal_amount(int64_t amount_minor, struct currency currency, char ret_text[MONEY_TEXT_MAX]) {
    int exponent = currency_exponent(currency);
    if (amount_minor < 1 || amount_minor > AMOUNT_MINOR_MAX ||
        (exponent != 2 && strcmp(currency.code, "JPY") != 0)) {
        return false;
    }
    if (!whole_units_only(currency)) {
        money_decimal(amount_minor, currency, ret_text);
        return true;
    }
    if (amount_minor % 100 != 0) {
        return false;
    }
    snprintf(ret_text, MONEY_TEXT_MAX, "%lld", (long long)(amount_minor / 100));
    return true;
}

int64_t paypal_read_amount(const json_t *money, struct currency *ret_currency) {
    const char *code = json_peek_text(money, "currency_code", NULL);
    const char *value = json_peek_text(money, "value", NULL);
    struct currency currency;
    int64_t amount_minor = -1;
    struct err err;
    if (code == NULL || value == NULL || currency_parse(code, &currency, &err) < 0 ||
        money_parse_decimal(value, currency, &amount_minor, &err) < 0 || amount_minor < 0) {
        return -1;
    }
    *ret_currency = currency;
    return amount_minor;
}

/* Orders and what hangs on them. */

const char *paypal_link(const json_t *object, const char *rel) {
    const json_t *links = json_peek(object, "links", NULL);
    for (size_t i = 0; i < json_array_size(links); i++) {
        const json_t *link = json_array_get(links, i);
        if (same(json_peek_text(link, "rel", NULL), rel)) {
            return json_peek_text(link, "href", NULL);
        }
    }
    return NULL;
}

const json_t *paypal_unit(const json_t *order) {
    return json_array_get(json_peek(order, "purchase_units", NULL), 0);
}

const json_t *paypal_payments(const json_t *order, const char *kind) {
    const json_t *array = json_peek(paypal_unit(order), "payments", kind, NULL);
    return json_is_array(array) ? array : NULL;
}

/* Why a capture did not go through, as far as the card's processor says. */
static void read_processor(const json_t *capture, struct gateway_result *result) {
    const char *code = json_peek_text(capture, "processor_response", "response_code", NULL);
    if (!code_is(code, KIND_PROCESSOR) ||
        !gateway_result_code(result, &paypal_adapter, code, NULL)) {
        result->outcome = GW_DECLINED;
        result->advice = ADVICE_STOP;
        exchange_common_code(result, "generic_decline");
    }
    char text[2 * GATEWAY_CODE_CHARS_MAX];
    const char *status = json_peek_text(capture, "status", NULL);
    snprintf(text, sizeof(text), "%.40s%s%.20s", status != NULL ? status : "",
             code != NULL ? "/" : "", code != NULL ? code : "");
    exchange_copy_text(result->code, sizeof(result->code), text);
}

static void add(int64_t *sum, int64_t amount_minor) {
    if (amount_minor >= 0 && !money_add(*sum > 0 ? *sum : 0, amount_minor, sum)) {
        *sum = -1;
    }
}

/* Adds one capture's money to the result; what did not go through adds nothing. */
static void add_capture(const json_t *capture, struct gateway_result *result) {
    struct currency currency = {0};
    int64_t amount_minor = paypal_read_amount(json_peek(capture, "amount", NULL), &currency);
    if (paypal_capture_outcome(json_peek_text(capture, "status", NULL)) != GW_CHARGED ||
        amount_minor < 0) {
        return;
    }
    add(&result->captured_minor, amount_minor);
    struct currency fee_currency = {0};
    int64_t fee_minor = paypal_read_amount(
        json_peek(capture, "seller_receivable_breakdown", "paypal_fee", NULL), &fee_currency);
    if (currency_equal(fee_currency, currency)) {
        add(&result->fee_minor, fee_minor);
    }
}

void paypal_read_capture(const json_t *capture, struct gateway_result *result) {
    const char *id = json_peek_text(capture, "id", NULL);
    if (id == NULL) {
        exchange_common_code(result, "gateway_garbled");
        return;
    }
    exchange_copy_id(result->charge_id, sizeof(result->charge_id), id);
    result->amount_minor = paypal_read_amount(json_peek(capture, "amount", NULL),
                                              &result->currency);
    add_capture(capture, result);
    result->outcome = paypal_capture_outcome(json_peek_text(capture, "status", NULL));
    if (result->outcome == GW_DECLINED) {
        read_processor(capture, result);
    }
}

/* The outcome of the captures together: money that came counts before money that did not. */
static void read_captures(const json_t *captures, struct gateway_result *result) {
    static const enum gateway_outcome order[] = {GW_CHARGED, GW_PENDING, GW_UNKNOWN, GW_DECLINED};
    for (size_t i = 0; i < json_array_size(captures); i++) {
        add_capture(json_array_get(captures, i), result);
    }
    for (size_t k = 0; k < COUNT_OF(order); k++) {
        for (size_t i = 0; i < json_array_size(captures); i++) {
            const json_t *capture = json_array_get(captures, i);
            if (paypal_capture_outcome(json_peek_text(capture, "status", NULL)) == order[k]) {
                result->outcome = order[k];
                exchange_copy_id(result->charge_id, sizeof(result->charge_id),
                                 json_peek_text(capture, "id", NULL));
                if (order[k] == GW_DECLINED) {
                    read_processor(capture, result);
                }
                return;
            }
        }
    }
}

/* Authorizations come first: PARTIALLY_CAPTURED leaves the rest open, whatever was captured. */
static void read_authorizations(const json_t *authorizations, size_t capture_count,
                                struct gateway_result *result) {
    const json_t *last = json_array_get(authorizations, json_array_size(authorizations) - 1);
    enum gateway_outcome outcome = paypal_authorization_outcome(
        json_peek_text(last, "status", NULL));
    bool captured = capture_count > 0 && result->captured_minor > 0;
    if (outcome == GW_CHARGED && capture_count > 0) {
        return; /* the captures say more: one of them may be pending */
    }
    if (outcome == GW_CANCELED && captured) {
        result->outcome = GW_CHARGED; /* the rest was released */
        return;
    }
    result->outcome = outcome;
    if (!captured) {
        exchange_copy_id(result->charge_id, sizeof(result->charge_id),
                         json_peek_text(last, "id", NULL));
    }
    if (outcome == GW_DECLINED) {
        read_processor(last, result);
    }
}

static void read_refunds(const json_t *refunds, struct gateway_result *result) {
    struct currency unused;
    for (size_t i = 0; i < json_array_size(refunds); i++) {
        const json_t *refund = json_array_get(refunds, i);
        if (paypal_refund_outcome(json_peek_text(refund, "status", NULL)) == GW_REFUNDED) {
            add(&result->refunded_minor,
                paypal_read_amount(json_peek(refund, "amount", NULL), &unused));
        }
    }
}

/* An order on which nothing has been paid yet. One that waits for the payer has the link to send
 * him to. A CREATED one without that link was made for a stored token: our capture either never
 * arrived or is under way, and the order cannot say which, so it stays UNKNOWN until the repeat of
 * the capture, or the order's end, decides. */
static void read_open_order(const json_t *order, const char *status,
                            struct gateway_result *result) {
    const char *payer_action = paypal_link(order, "payer-action");
    const char *approve = paypal_link(order, "approve");
    result->outcome = outcome_of(order_states, COUNT_OF(order_states), status);
    if (result->outcome == GW_UNKNOWN && payer_action != NULL &&
        (same(status, "CREATED") || same(status, "SAVED"))) {
        result->outcome = GW_ACTION_NEEDED;
    }
    exchange_redirect(result, payer_action != NULL ? payer_action : approve);
    if (result->outcome == GW_ACTION_NEEDED) {
        result->advice = ADVICE_CUSTOMER;
        exchange_common_code(result, "customer_action");
    } else if (result->outcome == GW_UNKNOWN) {
        exchange_common_code(result, "not_captured_yet");
    }
}

void paypal_read_order(const json_t *order, struct gateway_result *result) {
    const char *id = json_peek_text(order, "id", NULL);
    const char *status = json_peek_text(order, "status", NULL);
    if (id == NULL || status == NULL) {
        exchange_common_code(result, "gateway_garbled");
        return;
    }
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), id);
    result->amount_minor = paypal_read_amount(json_peek(paypal_unit(order), "amount", NULL),
                                              &result->currency);
    const json_t *captures = paypal_payments(order, "captures");
    const json_t *authorizations = paypal_payments(order, "authorizations");
    size_t capture_count = json_array_size(captures);
    read_captures(captures, result);
    read_refunds(paypal_payments(order, "refunds"), result);
    if (json_array_size(authorizations) > 0) {
        read_authorizations(authorizations, capture_count, result);
    } else if (capture_count == 0) {
        read_open_order(order, status, result);
    }
}

void paypal_read_refund(const json_t *refund, struct gateway_result *result) {
    const char *id = json_peek_text(refund, "id", NULL);
    const char *status = json_peek_text(refund, "status", NULL);
    if (id == NULL || status == NULL) {
        exchange_common_code(result, "gateway_garbled");
        return;
    }
    exchange_copy_id(result->refund_id, sizeof(result->refund_id), id);
    result->amount_minor = paypal_read_amount(json_peek(refund, "amount", NULL), &result->currency);
    result->outcome = paypal_refund_outcome(status);
    if (result->outcome == GW_DECLINED) {
        exchange_copy_text(result->code, sizeof(result->code),
                           json_peek_text(refund, "status_details", "reason", NULL));
        exchange_common_code(result, "refund_failed");
    }
}

/* Errors. */

/* These statuses come before or instead of what the body says; NULL: look at the body. */
static const char *status_code(int status, char text[16]) {
    if (status == 401 || status == 403 || status == 429) {
        snprintf(text, 16, "http_%d", status);
        return text;
    }
    return NULL;
}

static const struct gateway_error *error_row(int status, const char *issue, const char *name) {
    char text[16];
    const struct gateway_error *by_status = gateway_error_find(&paypal_adapter,
                                                               status_code(status, text));
    const struct gateway_error *row = gateway_error_find(&paypal_adapter, issue);
    if (row == NULL) {
        row = gateway_error_find(&paypal_adapter, name);
    }
    if (status == 401 || status == 429) {
        return row != NULL && row->outcome == by_status->outcome ? row : by_status;
    }
    if (status == 409) {
        return row != NULL && row->outcome == GW_UNKNOWN ? row : NULL;
    }
    bool speaks = status == 400 || status == 403 || status == 404 || status == 405 ||
                  status == 406 || status == 415 || status == 422;
    return !speaks ? NULL : row != NULL ? row : by_status;
}

void paypal_read_error(int status, const json_t *json, struct gateway_result *result) {
    const json_t *detail = json_array_get(json_peek(json, "details", NULL), 0);
    const char *issue = json_peek_text(detail, "issue", NULL);
    const char *name = json_peek_text(json, "name", NULL);
    const char *message = json_peek_text(detail, "description", NULL);
    if (name == NULL) {
        name = json_peek_text(json, "error", NULL); /* OAuth's way */
        message = message != NULL ? message : json_peek_text(json, "error_description", NULL);
    }
    message = message != NULL ? message : json_peek_text(json, "message", NULL);
    bool words = name != NULL || issue != NULL || status == 429;
    const struct gateway_error *row = words ? error_row(status, issue, name) : NULL;
    result->outcome = row != NULL ? row->outcome : GW_UNKNOWN;
    result->advice = row != NULL ? row->advice : ADVICE_LATER;
    exchange_common_code(result, row != NULL              ? row->common_code
                                 : words || status >= 500 ? "gateway_error"
                                                          : "gateway_garbled");
    char text[16];
    snprintf(text, sizeof(text), "http_%d", status);
    exchange_copy_text(result->code, sizeof(result->code),
                       issue != NULL  ? issue
                       : name != NULL ? name
                                      : text);
    exchange_copy_text(result->message, sizeof(result->message), message);
    exchange_redirect(result, paypal_link(json, "payer-action"));
}
