/* SPDX-License-Identifier: Apache-2.0
 * wechat_parse.c: what WeChat Pay's answers mean. */
#include "gateway/wechatpay/wechatpay.h"

enum kind { KIND_ANY, KIND_DONE, KIND_REFUND, KIND_STATUS };
static const struct {
    struct gateway_error error;
    enum kind kind;
    int status;
} rows[] = {
#define X(kind, code, status, outcome, advice, common_code)                                        \
    {{code, GW_##outcome, ADVICE_##advice, common_code}, KIND_##kind, status},
#include "gateway/wechatpay/wechat_errors.def"
#undef X
};
#define REFUND_PREFIX "refund/"

static const struct state {
    const char *name;
    enum gateway_outcome outcome;
} trade_states[] = {
    {"SUCCESS", GW_CHARGED},      {"REFUND", GW_CHARGED}, /* paid, and money went back */
    {"NOTPAY", GW_ACTION_NEEDED}, {"USERPAYING", GW_PENDING}, {"ACCEPT", GW_PENDING},
    {"CLOSED", GW_CANCELED},      {"REVOKED", GW_CANCELED},   {"PAYERROR", GW_DECLINED},
};

static const struct state refund_states[] = {
    {"SUCCESS", GW_REFUNDED},
    {"PROCESSING", GW_PENDING},
    {"CLOSED", GW_DECLINED},
    {"ABNORMAL", GW_DECLINED},
};

static enum gateway_outcome outcome_of(const struct state *states, size_t count, const char *name) {
    for (size_t i = 0; name != NULL && i < count; i++) {
        if (strcmp(states[i].name, name) == 0) {
            return states[i].outcome;
        }
    }
    return GW_UNKNOWN;
}

enum gateway_outcome wechat_trade_outcome(const char *trade_state) {
    return outcome_of(trade_states, COUNT_OF(trade_states), trade_state);
}

enum gateway_outcome wechat_refund_outcome(const char *refund_status) {
    return outcome_of(refund_states, COUNT_OF(refund_states), refund_status);
}

bool wechat_check_account(const struct wechat_state *state, const json_t *json,
                          struct gateway_result *result) {
    const char *mchid = json_peek_text(json, "mchid", NULL);
    const char *appid = json_peek_text(json, "appid", NULL);
    if ((mchid == NULL || strcmp(mchid, state->mchid) == 0) &&
        (appid == NULL || strcmp(appid, state->appid) == 0)) {
        return true;
    }
    exchange_common_code(result, "reference_mismatch");
    exchange_copy_text(result->message, sizeof(result->message),
                       "WeChat Pay answered about another account than the one asked about");
    return false;
}

/* {"total","currency"} or {"refund","currency"}. */
static int64_t read_amount(const json_t *json, const char *key, struct currency *ret_currency) {
    int64_t amount_minor = json_peek_int(json, -1, "amount", key, NULL);
    const char *code = json_peek_text(json, "amount", "currency", NULL);
    struct err unused;
    if (amount_minor < 0 || code == NULL || currency_parse(code, ret_currency, &unused) < 0) {
        return -1;
    }
    return amount_minor;
}

void wechat_read_transaction(const json_t *transaction, struct gateway_result *result) {
    const char *reference = json_peek_text(transaction, "out_trade_no", NULL);
    const char *trade_state = json_peek_text(transaction, "trade_state", NULL);
    if (reference == NULL || trade_state == NULL) {
        exchange_common_code(result, "gateway_garbled");
        return;
    }
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id), reference);
    exchange_copy_id(result->charge_id, sizeof(result->charge_id),
                     json_peek_text(transaction, "transaction_id", NULL));
    result->amount_minor = read_amount(transaction, "total", &result->currency);
    result->outcome = wechat_trade_outcome(trade_state);
    if (result->outcome == GW_CHARGED) {
        result->captured_minor = result->amount_minor;
    } else if (result->outcome == GW_DECLINED) {
        result->advice = ADVICE_CUSTOMER;
        exchange_copy_text(result->code, sizeof(result->code), trade_state);
        exchange_common_code(result, "generic_decline");
        exchange_copy_text(result->message, sizeof(result->message),
                           json_peek_text(transaction, "trade_state_desc", NULL));
    } else if (result->outcome == GW_ACTION_NEEDED) {
        result->advice = ADVICE_CUSTOMER;
        exchange_common_code(result, "customer_action");
    }
}

void wechat_read_refund(const json_t *refund, struct gateway_result *result) {
    const char *id = json_peek_text(refund, "refund_id", NULL);
    const char *status = json_peek_text(refund, "status", NULL);
    if (id == NULL || status == NULL) {
        exchange_common_code(result, "gateway_garbled");
        return;
    }
    exchange_copy_id(result->refund_id, sizeof(result->refund_id), id);
    exchange_copy_id(result->charge_id, sizeof(result->charge_id),
                     json_peek_text(refund, "transaction_id", NULL));
    result->amount_minor = read_amount(refund, "refund", &result->currency);
    result->outcome = wechat_refund_outcome(status);
    if (result->outcome != GW_DECLINED) {
        return;
    }
    exchange_copy_text(result->code, sizeof(result->code), status);
    if (strcmp(status, "ABNORMAL") == 0) {
        /* The customer's account took it no longer; the merchant can still send it elsewhere by
         * hand, and a notification would tell of that. */
        result->advice = ADVICE_CUSTOMER;
        exchange_common_code(result, "refund_abnormal");
        exchange_copy_text(result->message, sizeof(result->message),
                           "the customer's account did not take the refund; handle it on WeChat "
                           "Pay's merchant platform");
    } else {
        exchange_common_code(result, "refund_failed");
    }
}

/* Errors. */

bool wechat_code_equal(const char *code, const char *other) {
    for (;;) {
        code += strspn(code, "_");
        other += strspn(other, "_");
        if (*code != *other) {
            return false;
        }
        if (*code == '\0') {
            return true;
        }
        code++;
        other++;
    }
}

static bool refuses(int status) {
    return status >= 400 && status <= 499;
}

static int row_find(int status, const char *code, enum kind kind) {
    for (size_t i = 0; code != NULL && i < COUNT_OF(rows); i++) {
        const char *of = rows[i].error.code;
        of += rows[i].kind == KIND_REFUND ? strlen(REFUND_PREFIX) : 0;
        bool alike = rows[i].kind == kind || (kind == KIND_ANY && rows[i].kind == KIND_DONE);
        if (alike && wechat_code_equal(of, code) &&
            (rows[i].status == status || (refuses(status) && refuses(rows[i].status)))) {
            return (int)i;
        }
    }
    return -1;
}

bool wechat_code_is_done(const char *code) {
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].kind == KIND_DONE && strcmp(rows[i].error.code, code) == 0) {
            return true;
        }
    }
    return false;
}

void wechat_read_error(int status, const json_t *json, enum wechat_errors_of of,
                       struct gateway_result *result) {
    const char *code = json_peek_text(json, "code", NULL);
    char by_status[16];
    snprintf(by_status, sizeof(by_status), "http_%d", status);
    int at = of == WECHAT_ERRORS_OF_REFUND ? row_find(status, code, KIND_REFUND) : -1;
    at = at < 0 ? row_find(status, code, KIND_ANY) : at;
    for (size_t i = 0; at < 0 && i < COUNT_OF(rows); i++) {
        at = rows[i].kind == KIND_STATUS && rows[i].status == status ? (int)i : -1;
    }
    result->outcome = at >= 0 ? rows[at].error.outcome : GW_UNKNOWN;
    result->advice = at >= 0 ? rows[at].error.advice : ADVICE_LATER;
    exchange_common_code(result, at >= 0        ? rows[at].error.common_code
                                 : code != NULL ? "gateway_error"
                                                : "gateway_garbled");
    exchange_copy_text(result->code, sizeof(result->code),
                       at >= 0 && rows[at].kind != KIND_STATUS ? rows[at].error.code
                       : code != NULL                          ? code
                                                               : by_status);
    exchange_copy_text(result->message, sizeof(result->message),
                       json_peek_text(json, "message", NULL));
}
