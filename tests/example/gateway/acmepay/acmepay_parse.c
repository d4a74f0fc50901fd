/* SPDX-License-Identifier: Apache-2.0
 * acmepay_parse.c: what Acme Pay's answers mean. */
#include "gateway/acmepay/acmepay.h"

struct state {
    const char *status;
    enum gateway_outcome outcome;
};
static const struct state charge_states[] = {
    {"paid", GW_CHARGED},      {"held", GW_AUTHORIZED},   {"pending", GW_PENDING},
    {"declined", GW_DECLINED}, {"canceled", GW_CANCELED},
};
static const struct state refund_states[] = {
    {"done", GW_REFUNDED},
    {"pending", GW_PENDING},
    {"failed", GW_DECLINED},
};

static enum gateway_outcome outcome_of(const struct state *states, size_t count,
                                       const char *status) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(states[i].status, status) == 0) {
            return states[i].outcome;
        }
    }
    return GW_UNKNOWN;
}

/* Its id and status when it is the object that was asked about. */
static const char *status_of(const json_t *object, const char *reference, char *ret_id,
                             struct gateway_result *result) {
    const char *id = json_peek_text(object, "id", NULL);
    const char *status = json_peek_text(object, "status", NULL);
    const char *theirs = json_peek_text(object, "reference", NULL);
    if (id == NULL || status == NULL || theirs == NULL) {
        exchange_common_code(result, "gateway_garbled");
        return NULL;
    }
    if (strcmp(theirs, reference) != 0) {
        exchange_common_code(result, "reference_mismatch");
        return NULL;
    }
    exchange_copy_id(ret_id, GATEWAY_ID_CHARS_MAX + 1, id);
    return status;
}

static void read_money(const json_t *object, struct gateway_result *result) {
    const char *code = json_peek_text(object, "currency", NULL);
    struct err err;
    if (code == NULL || currency_parse(code, &result->currency, &err) < 0) {
        return; /* an amount of nobody knows what is none */
    }
    result->amount_minor = json_peek_int(object, -1, "amount", NULL);
    result->captured_minor = json_peek_int(object, -1, "captured", NULL);
    result->refunded_minor = json_peek_int(object, -1, "refunded", NULL);
    result->fee_minor = json_peek_int(object, -1, "fee", NULL);
}

void acmepay_read_charge(const json_t *charge, const char *reference,
                         struct gateway_result *result) {
    const char *status = status_of(charge, reference, result->gateway_id, result);
    if (status == NULL) {
        return;
    }
    exchange_copy_id(result->charge_id, sizeof(result->charge_id), result->gateway_id);
    read_money(charge, result);
    result->outcome = outcome_of(charge_states, COUNT_OF(charge_states), status);
    if (result->outcome != GW_DECLINED) {
        return;
    }
    const char *code = json_peek_text(charge, "code", NULL);
    const struct gateway_error *row = gateway_error_find(&acmepay_adapter, code);
    bool known = row != NULL && row->outcome == GW_DECLINED;
    result->advice = known ? row->advice : ADVICE_CUSTOMER;
    exchange_common_code(result, known ? row->common_code : "generic_decline");
    exchange_copy_text(result->code, sizeof(result->code), code);
}

void acmepay_read_refund(const json_t *refund, const char *reference,
                         struct gateway_result *result) {
    const char *status = status_of(refund, reference, result->refund_id, result);
    if (status == NULL) {
        return;
    }
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                     json_peek_text(refund, "charge_id", NULL));
    read_money(refund, result);
    result->outcome = outcome_of(refund_states, COUNT_OF(refund_states), status);
    if (result->outcome == GW_DECLINED) {
        exchange_common_code(result, "refund_failed");
    }
}

void acmepay_read_error(int status, const json_t *json, struct gateway_result *result) {
    const char *code = json_peek_text(json, "error", "code", NULL);
    char by_status[16];
    snprintf(by_status, sizeof(by_status), "http_%d", status);
    exchange_copy_text(result->message, sizeof(result->message),
                       json_peek_text(json, "error", "message", NULL));
    /* A server that broke down has refused nothing, whatever it says. */
    if (status >= 400 && status < 500 &&
        gateway_result_code(result, &acmepay_adapter, code, by_status)) {
        return;
    }
    result->outcome = GW_UNKNOWN;
    result->advice = ADVICE_LATER;
    exchange_common_code(result, status >= 500 ? "gateway_error" : "gateway_garbled");
    exchange_copy_text(result->code, sizeof(result->code), code != NULL ? code : by_status);
}
