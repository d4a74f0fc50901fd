/* SPDX-License-Identifier: Apache-2.0
 * unionpay_parse.c: what UnionPay's answers mean. */
#include <string.h>

#include "gateway/unionpay/unionpay.h"

static const struct {
    const char *code;
    enum gateway_outcome ended;
} ends[] = {
#define X(code, outcome, advice, common_code, ended) {code, GW_##ended},
#include "gateway/unionpay/unionpay_errors.def"
#undef X
};

bool unionpay_is_done(const char *resp_code) {
    return strcmp(resp_code, "00") == 0 || strcmp(resp_code, "A6") == 0;
}

enum gateway_outcome unionpay_ended(const char *code, enum gateway_outcome done) {
    if (unionpay_is_done(code)) {
        return done;
    }
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (strcmp(ends[i].code, code) == 0) {
            return ends[i].ended;
        }
    }
    return GW_UNKNOWN;
}

void unionpay_read_refusal(const struct unionpay_message *answer, struct gateway_result *result) {
    if (!gateway_result_code(result, &unionpay_adapter, unionpay_get(answer, "respCode"), NULL)) {
        result->outcome = GW_UNKNOWN;
        result->advice = ADVICE_LATER;
        exchange_common_code(result, "gateway_error");
    }
}

void unionpay_read_ended(const char *code, enum gateway_outcome done,
                         struct gateway_result *result) {
    bool through = unionpay_is_done(code);
    if (!through && !gateway_result_code(result, &unionpay_adapter, code, NULL)) {
        exchange_common_code(result, "gateway_error");
    }
    exchange_copy_id(result->code, sizeof(result->code), through ? "" : code);
    result->outcome = unionpay_ended(code, done);
    if (result->outcome == GW_UNKNOWN || result->outcome == GW_PENDING) {
        result->advice = ADVICE_LATER;
    }
}

int64_t unionpay_read_amount(const struct unionpay_message *message,
                             struct currency *ret_currency) {
    const char *text = unionpay_get(message, "txnAmt");
    size_t count = strlen(text);
    int64_t amount_minor = 0;
    if (count == 0 || count > 12 || strspn(text, "0123456789") != count ||
        strcmp(unionpay_get(message, "currencyCode"), "156") != 0) {
        return -1;
    }
    for (; *text != '\0'; text++) {
        amount_minor = amount_minor * 10 + (*text - '0');
    }
    *ret_currency = currency_stored("CNY");
    return amount_minor;
}
