/* SPDX-License-Identifier: Apache-2.0
 * alipay_parse.c: Alipay's codes, amounts and trade states in our words. */
#include "gateway/alipay/alipay.h"

/* Rows. */

enum code_kind { KIND_BUYER, KIND_UNKNOWN, KIND_DONE, KIND_REQUEST, KIND_MERCHANT, KIND_ENTRANCE };

static const enum code_kind kinds[] = {
#define X(kind, code, outcome, advice, common_code) KIND_##kind,
#include "gateway/alipay/alipay_errors.def"
#undef X
};

static const struct {
    enum gateway_operation operation;
    struct gateway_error row;
} by_operation[] = {
#define X(kind, code, outcome, advice, common_code)
#define Y(operation, code, outcome, advice, common_code)                                           \
    {OP_##operation, {code, GW_##outcome, ADVICE_##advice, common_code}},
#include "gateway/alipay/alipay_errors.def"
#undef Y
#undef X
};

static bool same(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* The longest row that ends with '*' and with which the code begins, or NULL. */
static const struct gateway_error *family_row(const char *code) {
    const struct gateway_error *best = NULL;
    size_t best_count = 0;
    for (int i = 0; i < alipay_adapter.error_count; i++) {
        const struct gateway_error *row = &alipay_adapter.errors[i];
        size_t count = strlen(row->code) - 1;
        if (row->code[count] == '*' && count > best_count && strncmp(row->code, code, count) == 0) {
            best = row;
            best_count = count;
        }
    }
    return best;
}

const struct gateway_error *alipay_row(enum gateway_operation operation, const char *sub_code,
                                       const char *code) {
    for (size_t i = 0; i < COUNT_OF(by_operation); i++) {
        if (by_operation[i].operation == operation && same(by_operation[i].row.code, sub_code)) {
            return &by_operation[i].row;
        }
    }
    const struct gateway_error *row = gateway_error_find(&alipay_adapter, sub_code);
    if (row == NULL && sub_code != NULL) {
        row = family_row(sub_code);
    }
    return row != NULL ? row : gateway_error_find(&alipay_adapter, code);
}

static bool kind_is(const char *row_code, enum code_kind kind) {
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (kinds[i] == kind && same(alipay_adapter.errors[i].code, row_code)) {
            return true;
        }
    }
    return false;
}

bool alipay_code_is_entrance(const char *row_code) {
    return kind_is(row_code, KIND_ENTRANCE);
}

bool alipay_code_is_done(const char *row_code) {
    return kind_is(row_code, KIND_DONE);
}

/* Amounts, references, times. */

int64_t alipay_read_amount(const json_t *object, const char *name) {
    const char *text = json_peek_text(object, name, NULL);
    int64_t amount_minor = -1;
    struct err err;
    if (text == NULL ||
        money_parse_decimal(text, currency_stored("CNY"), &amount_minor, &err) < 0 ||
        amount_minor < 0) {
        return -1;
    }
    return amount_minor;
}

bool alipay_reference_ok(const char *reference) {
    return exchange_reference_ok(reference) && strchr(reference, '-') == NULL;
}

int64_t alipay_ends_us(int64_t created_us, int64_t expires_us) {
    return expires_us > 0 ? expires_us : created_us + ALIPAY_LIFE_US;
}

/* Trades. */

enum gateway_outcome alipay_trade_outcome(const char *status, enum gateway_outcome waits) {
    if (same(status, "TRADE_SUCCESS") || same(status, "TRADE_FINISHED")) {
        return GW_CHARGED;
    }
    if (same(status, "TRADE_CLOSED")) {
        return GW_CANCELED;
    }
    return same(status, "WAIT_BUYER_PAY") ? waits : GW_UNKNOWN;
}

/* A trade that is closed although it was paid was paid back to the last fen: as if it had never
 * been, but for what the amounts tell. */
static void read_closed(const json_t *trade, struct gateway_result *result) {
    if (json_peek_text(trade, "send_pay_date", NULL) == NULL) {
        exchange_common_code(result, "closed");
        return;
    }
    result->captured_minor = result->amount_minor;
    result->refunded_minor = result->amount_minor;
    exchange_common_code(result, "paid_back");
}

void alipay_read_trade(const json_t *trade, enum gateway_outcome waits,
                       struct gateway_result *result) {
    const char *status = json_peek_text(trade, "trade_status", NULL);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                     json_peek_text(trade, "trade_no", NULL));
    result->amount_minor = alipay_read_amount(trade, "total_amount");
    if (result->amount_minor >= 0) {
        result->currency = currency_stored("CNY");
    }
    result->outcome = alipay_trade_outcome(status, waits);
    switch (result->outcome) {
    case GW_CHARGED:
        result->captured_minor = result->amount_minor;
        break;
    case GW_CANCELED:
        read_closed(trade, result);
        break;
    case GW_ACTION_NEEDED:
        result->advice = ADVICE_CUSTOMER;
        exchange_common_code(result, "customer_action");
        break;
    case GW_PENDING:
        result->advice = ADVICE_LATER;
        exchange_common_code(result, "in_progress");
        break;
    default:
        exchange_common_code(result, "gateway_garbled");
        break;
    }
}
