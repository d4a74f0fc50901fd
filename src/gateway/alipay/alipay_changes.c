/* SPDX-License-Identifier: Apache-2.0
 * alipay_changes.c: where a trade stands, ending one that was not paid, and refunds.
 *
 * A trade comes into being when the customer scans the code or opens the page. Until then Alipay
 * knows nothing of it (ACQ.TRADE_NOT_EXIST) and cannot close it either: it is over when the time
 * that we gave it is over, and not before. */
#include "gateway/alipay/alipay.h"

static bool has_token(const struct gateway_lookup *lookup) {
    return lookup->token != NULL && lookup->token[0] != '\0';
}

static bool is_over(const struct gateway_lookup *lookup) {
    return clock_wall_us() >
           alipay_ends_us(lookup->created_us, lookup->expires_us) + ALIPAY_LIFE_MARGIN_US;
}

static bool reference_ok(const char *reference, struct gateway_result *result) {
    if (alipay_reference_ok(reference)) {
        return true;
    }
    exchange_refuse(result, "invalid_request", "the reference cannot be a number at Alipay");
    return false;
}

/* Query. */

/* An answer about another trade is no answer about ours. */
static bool is_about(const json_t *trade, const char *reference, struct gateway_result *result) {
    const char *theirs = json_peek_text(trade, "out_trade_no", NULL);
    if (theirs != NULL && strcmp(theirs, reference) == 0) {
        return true;
    }
    gateway_result_init(result);
    exchange_common_code(result, "reference_mismatch");
    exchange_copy_text(result->message, sizeof(result->message),
                       "Alipay answered about another trade than the one asked about");
    return false;
}

/* No trade: a bar code that never arrived; else a code or page that was not opened. */
static void read_missing(const struct gateway_lookup *lookup, struct gateway_result *result) {
    if (has_token(lookup)) {
        return; /* NOT_FOUND */
    }
    if (is_over(lookup)) {
        result->outcome = GW_CANCELED;
        exchange_common_code(result, "expired");
        return;
    }
    result->outcome = GW_ACTION_NEEDED;
    result->advice = ADVICE_CUSTOMER;
    exchange_common_code(result, "customer_action");
}

void alipay_query(const struct gateway_call *call, const struct gateway_lookup *lookup,
                  struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (!reference_ok(lookup->reference, ret_result)) {
        return;
    }
    json_t *biz = json_pack("{s:s}", "out_trade_no", lookup->reference);
    JSON_AUTO trade = NULL;
    switch (
        alipay_send(call, "alipay.trade.query", biz, false, OP_QUERY, false, ret_result, &trade)) {
    case ALIPAY_DONE:
        if (is_about(trade, lookup->reference, ret_result)) {
            alipay_read_trade(trade, has_token(lookup) ? GW_PENDING : GW_ACTION_NEEDED, ret_result);
        }
        break;
    case ALIPAY_REFUSED:
        if (ret_result->outcome == GW_NOT_FOUND) {
            read_missing(lookup, ret_result);
        } else {
            exchange_no_answer(ret_result);
        }
        break;
    case ALIPAY_SILENT:
    default:
        break;
    }
}

/* Capture. */

void alipay_capture(const struct gateway_call *call, const struct gateway_change *change,
                    struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    exchange_refuse(ret_result, "wrong_state", "Alipay's trades take the money at once");
}

/* Ending a trade. */

/* Nothing was sent, or it was turned away: then nothing has changed and nothing need be asked. */
static bool was_not_done(const struct gateway_result *result) {
    return result->outcome == GW_UNAVAILABLE || result->outcome == GW_RATE_LIMITED ||
           result->outcome == GW_REJECTED_CREDENTIALS;
}

/* Whatever closing or cancelling said, how the trade stands is what counts. `done`: it was said to
 * have been done, so that a trade that is not there will not come. */
static void confirm_end(const struct gateway_call *call, const struct gateway_lookup *lookup,
                        bool done, struct gateway_result *result) {
    struct gateway_result said = *result;
    alipay_query(call, lookup, result);
    result->duration_us += said.duration_us;
    if (result->outcome == GW_CHARGED || result->outcome == GW_CANCELED) {
        return;
    }
    if (result->outcome == GW_NOT_FOUND && done) {
        result->outcome = GW_CANCELED; /* a bar code that was cancelled before it arrived */
        exchange_common_code(result, "closed");
        return;
    }
    if (result->outcome == GW_ACTION_NEEDED && said.outcome == GW_NOT_FOUND) {
        exchange_common_code(result, "cannot_close");
        exchange_copy_text(result->message, sizeof(result->message),
                           "nobody has opened it, and Alipay closes such an order only by its end");
        return;
    }
    exchange_copy_text(result->code, sizeof(result->code), said.code);
    exchange_copy_text(result->message, sizeof(result->message), said.message);
    result->outcome = GW_UNKNOWN;
    result->advice = ADVICE_LATER;
}

static void close_waiting(const struct gateway_call *call, const struct gateway_lookup *lookup,
                          struct gateway_result *result) {
    JSON_AUTO body = NULL;
    json_t *biz = json_pack("{s:s}", "out_trade_no", lookup->reference);
    enum alipay_answer answer = alipay_send(call, "alipay.trade.close", biz, false, OP_CANCEL, true,
                                            result, &body);
    if (answer != ALIPAY_DONE && was_not_done(result)) {
        return;
    }
    confirm_end(call, lookup, answer == ALIPAY_DONE, result);
}

/* The bar code's way back: closed when it was not paid, paid back when it was. While Alipay says
 * retry_flag Y it is not known whether it was done. */
static void cancel_code(const struct gateway_call *call, const struct gateway_lookup *lookup,
                        struct gateway_result *result) {
    JSON_AUTO body = NULL;
    json_t *biz = json_pack("{s:s}", "out_trade_no", lookup->reference);
    enum alipay_answer answer = alipay_send(call, "alipay.trade.cancel", biz, false, OP_CANCEL,
                                            true, result, &body);
    if (answer != ALIPAY_DONE && was_not_done(result)) {
        return;
    }
    const char *retry = json_peek_text(body, "retry_flag", NULL);
    bool done = answer == ALIPAY_DONE && retry != NULL && strcmp(retry, "N") == 0;
    confirm_end(call, lookup, done, result);
}

void alipay_cancel(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (!reference_ok(change->payment.reference, ret_result)) {
        return;
    }
    if (has_token(&change->payment)) {
        cancel_code(call, &change->payment, ret_result);
    } else {
        close_waiting(call, &change->payment, ret_result);
    }
}

/* Refunds. */

/* "code 10000" alone says that the question was understood; a refund that went through is said. */
static void read_refund_query(const json_t *body, const struct gateway_change *change,
                              struct gateway_result *result) {
    const char *number = json_peek_text(body, "out_request_no", NULL);
    const char *status = json_peek_text(body, "refund_status", NULL);
    int64_t amount_minor = alipay_read_amount(body, "refund_amount");
    if (number != NULL && strcmp(number, change->reference) != 0) {
        exchange_common_code(result, "reference_mismatch");
        return; /* UNKNOWN */
    }
    if (status == NULL && amount_minor < 0) {
        result->outcome = GW_NOT_FOUND;
        return;
    }
    if (status != NULL && strcmp(status, "REFUND_SUCCESS") != 0) {
        exchange_copy_text(result->code, sizeof(result->code), status);
        exchange_common_code(result, "in_progress");
        return; /* UNKNOWN */
    }
    result->outcome = GW_REFUNDED;
    result->amount_minor = amount_minor;
    result->currency = amount_minor >= 0 ? currency_stored("CNY") : (struct currency){{0}};
    exchange_copy_id(result->refund_id, sizeof(result->refund_id), change->reference);
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                     json_peek_text(body, "trade_no", NULL));
}

void alipay_query_refund(const struct gateway_call *call, const struct gateway_change *change,
                         struct gateway_result *ret_result) {
    gateway_result_init(ret_result);
    if (!reference_ok(change->payment.reference, ret_result) ||
        !reference_ok(change->reference, ret_result)) {
        return;
    }
    if (clock_wall_us() < change->created_us + ALIPAY_REFUND_WAIT_US) {
        /* What Alipay says of a refund so young is not to be relied on. */
        exchange_common_code(ret_result, "asked_too_soon");
        return; /* UNKNOWN */
    }
    json_t *biz = json_pack("{s:s,s:s}", "out_trade_no", change->payment.reference,
                            "out_request_no", change->reference);
    JSON_AUTO body = NULL;
    switch (alipay_send(call, "alipay.trade.fastpay.refund.query", biz, false, OP_QUERY_REFUND,
                        false, ret_result, &body)) {
    case ALIPAY_DONE:
        read_refund_query(body, change, ret_result);
        break;
    case ALIPAY_REFUSED:
        if (ret_result->outcome != GW_UNKNOWN ||
            strcmp(ret_result->common_code, "not_found_there") != 0) {
            exchange_no_answer(ret_result);
        }
        break;
    case ALIPAY_SILENT:
    default:
        break;
    }
}

/* fund_change Y: money went back by this call. N: it had gone before, or has not yet. */
static void read_refund(const struct gateway_call *call, const struct gateway_change *change,
                        const json_t *body, struct gateway_result *result) {
    const char *moved = json_peek_text(body, "fund_change", NULL);
    int64_t spent_us = result->duration_us;
    exchange_copy_id(result->gateway_id, sizeof(result->gateway_id),
                     json_peek_text(body, "trade_no", NULL));
    result->refunded_minor = alipay_read_amount(body, "refund_fee"); /* of all its refunds */
    exchange_copy_id(result->refund_id, sizeof(result->refund_id), change->reference);
    if (moved != NULL && strcmp(moved, "Y") == 0) {
        result->outcome = GW_REFUNDED;
        return;
    }
    if (clock_wall_us() >= change->created_us + ALIPAY_REFUND_WAIT_US) {
        struct gateway_result asked;
        alipay_query_refund(call, change, &asked);
        asked.duration_us += spent_us;
        if (asked.outcome == GW_REFUNDED) {
            *result = asked;
            return;
        }
    }
    result->outcome = GW_UNKNOWN;
    result->advice = ADVICE_LATER;
    exchange_common_code(result, "in_progress");
}

void alipay_refund(const struct gateway_call *call, const struct gateway_change *change,
                   struct gateway_result *ret_result) {
    char amount[MONEY_TEXT_MAX];
    gateway_result_init(ret_result);
    if (!reference_ok(change->payment.reference, ret_result) ||
        !reference_ok(change->reference, ret_result)) {
        return;
    }
    if (strcmp(change->payment.currency.code, "CNY") != 0 || change->amount_minor < 1) {
        exchange_refuse(ret_result, "invalid_amount", "Alipay pays back yuan, from 0.01");
        return;
    }
    json_t *biz = json_pack("{s:s,s:s,s:s}", "out_trade_no", change->payment.reference,
                            "refund_amount",
                            money_decimal(change->amount_minor, change->payment.currency, amount),
                            "out_request_no", change->reference);
    if (change->reason != NULL && change->reason[0] != '\0') {
        json_object_set_new(biz, "refund_reason", json_string(change->reason));
    }
    JSON_AUTO body = NULL;
    if (alipay_send(call, "alipay.trade.refund", biz, false, OP_REFUND, true, ret_result, &body) ==
        ALIPAY_DONE) {
        read_refund(call, change, body, ret_result);
    }
}
