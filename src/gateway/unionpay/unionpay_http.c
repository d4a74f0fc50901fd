/* SPDX-License-Identifier: Apache-2.0
 * unionpay_http.c: one request: its common fields, its signature, and whether the answer is
 * UnionPay's and about what was asked. */
#include "base/plant.h"
#include "gateway/unionpay/unionpay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

bool unionpay_order_of(const char *reference, int64_t created_us,
                       struct unionpay_order *ret_order) {
    struct unionpay_order order;
    size_t count = 0;
    if (!exchange_reference_ok(reference) || created_us <= 0) {
        return false;
    }
    /* One '_' may go and still no two references of ours have the same order; '-' may not. */
    const char *gap = strchr(reference, '_');
    if (strchr(reference, '-') != NULL || (gap != NULL && strchr(gap + 1, '_') != NULL)) {
        return false;
    }
    for (const char *c = reference; *c != '\0'; c++) {
        if (count == UNIONPAY_ORDER_CHARS_MAX) {
            return false;
        }
        if (*c != '_') {
            order.id[count++] = *c;
        }
    }
    order.id[count] = '\0';
    if (count < UNIONPAY_ORDER_CHARS_MIN) {
        return false;
    }
    unionpay_time(created_us, order.time);
    *ret_order = order;
    return true;
}

void unionpay_begin(const struct gateway *gateway, struct unionpay_message *request,
                    const char *txn_type, const char *sub_type,
                    const struct unionpay_order *order) {
    bool plain = strcmp(txn_type, UNIONPAY_FILE) == 0;
    unionpay_set(request, "version", UNIONPAY_VERSION);
    unionpay_set(request, "encoding", "UTF-8");
    unionpay_set(request, "txnType", txn_type);
    unionpay_set(request, "txnSubType", sub_type);
    unionpay_set(request, "bizType", plain ? "000000" : "000201");
    unionpay_set(request, "accessType", "0");
    unionpay_set(request, "merId", gateway_option(gateway, "merchant_id"));
    if (order != NULL) {
        unionpay_set(request, "orderId", order->id);
        unionpay_set(request, "txnTime", order->time);
    }
}

int unionpay_sign_request(const struct gateway *gateway, struct unionpay_message *request,
                          struct err *err) {
    const struct unionpay_state *state = gateway->state;
    const struct unionpay_signer signer = {
        .key = state->key,
        .cert_id = state->cert_id,
        .secure_key = state->key == NULL ? gateway_credential(gateway, "secure_key") : NULL,
    };
    return unionpay_sign(request, &signer, err);
}

static int check_signature(struct unionpay_state *state, const struct secret *secure_key,
                           const struct unionpay_message *message, int64_t now_us,
                           struct err *err) {
    if (!state->trusts) {
        return unionpay_verify_key(message, secure_key)
                   ? 0
                   : err_set(err, ERR_SIGNATURE,
                             "the signature does not fit the message and our secure_key");
    }
    struct unionpay_cert *cert = NULL;
    int rc = unionpay_trust_take(&state->trust, unionpay_get(message, "signPubKeyCert"), now_us,
                                 &cert, err);
    if (rc < 0) {
        return rc;
    }
    bool genuine = unionpay_verify_rsa(message, cert->key);
    unionpay_trust_give(&state->trust, cert);
    return genuine ? 0
                   : err_set(err, ERR_SIGNATURE,
                             "the signature does not fit the message and its certificate");
}

int unionpay_check(const struct gateway *gateway, const struct unionpay_message *message,
                   int64_t now_us, struct err *err) {
    if (!unionpay_message_is_plain(message)) {
        return err_set(err, ERR_SIGNATURE, "the message can be divided in more than one way");
    }
    if (strcmp(unionpay_get(message, "version"), UNIONPAY_VERSION) != 0) {
        return err_set(err, ERR_SIGNATURE, "the message is not of version " UNIONPAY_VERSION);
    }
    int rc = check_signature(gateway->state, gateway_credential(gateway, "secure_key"), message,
                             now_us, err);
    if (rc < 0 && !PLANTED(UNIONPAY_UNSIGNED)) {
        return rc;
    }
    const char *merchant = unionpay_get(message, "merId");
    return strcmp(merchant, gateway_option(gateway, "merchant_id")) == 0
               ? 0
               : err_set(err, ERR_SIGNATURE, "the message is for another merchant");
}

/* An answer came, but none that can be believed or is about this. */
static bool in_doubt(struct gateway_result *result, bool moves_money, const char *common_code,
                     const char *message) {
    result->outcome = moves_money ? GW_UNKNOWN : GW_UNAVAILABLE;
    result->advice = ADVICE_LATER;
    exchange_common_code(result, common_code);
    exchange_copy_text(result->message, sizeof(result->message), message);
    return false;
}

static bool same_field(const struct unionpay_message *request,
                       const struct unionpay_message *answer, const char *name) {
    return strcmp(unionpay_get(request, name), unionpay_get(answer, name)) == 0;
}

static bool read_answer(const struct gateway *gateway, const struct unionpay_message *request,
                        bool moves_money, const struct http_answer *http,
                        struct gateway_result *result, struct unionpay_message *answer) {
    struct err err = {0};
    if (http->status != 200) {
        return in_doubt(result, moves_money, "gateway_error",
                        "UnionPay answered with an HTTP status that is not 200");
    }
    if (unionpay_message_read(answer, http->body, http->body_bytes, UNIONPAY_MESSAGE_BYTES_MAX,
                              &err) < 0) {
        return in_doubt(result, moves_money, "gateway_garbled", err.detail);
    }
    if (unionpay_check(gateway, answer, clock_wall_us(), &err) < 0) {
        return in_doubt(result, moves_money, "answer_not_genuine", err.detail);
    }
    if (!same_field(request, answer, "orderId") || !same_field(request, answer, "txnTime")) {
        return in_doubt(result, moves_money, "reference_mismatch",
                        "UnionPay answered about another order than the one asked about");
    }
    exchange_copy_id(result->code, sizeof(result->code), unionpay_get(answer, "respCode"));
    exchange_copy_text(result->message, sizeof(result->message), unionpay_get(answer, "respMsg"));
    exchange_copy_id(result->trace, sizeof(result->trace), unionpay_get(answer, "traceNo"));
    return true;
}

bool unionpay_send(const struct gateway_call *call, const char *path,
                   struct unionpay_message *request, bool moves_money,
                   struct gateway_result *result, struct unionpay_message *ret_answer) {
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"},
    };
    char url[UNIONPAY_URL_BYTES_MAX];
    struct err err = {0};
    if (unionpay_sign_request(call->gateway, request, &err) < 0) {
        exchange_refuse(result, "credentials", err.detail);
        return false;
    }
    BUF_AUTO body;
    buf_init(&body, UNIONPAY_MESSAGE_BYTES_MAX);
    unionpay_message_form(request, &body);
    snprintf(url, sizeof(url), "%s%s", call->gateway->base_url, path);
    const struct exchange exchange = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body.data,
        .body_bytes = body.len,
        .moves_money = moves_money,
        .trace_header = "", /* no header names a request; traceNo does */
    };
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    return exchange_run(call, &exchange, result, &answer, &json) &&
           read_answer(call->gateway, request, moves_money, &answer, result, ret_answer);
}
