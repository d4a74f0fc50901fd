/* SPDX-License-Identifier: Apache-2.0
 * wechat_http.c: one API call: signed, sent, and its answer checked. */
#include "base/clock.h"
#include "gateway/wechatpay/wechatpay.h"

enum { HEADERS_MAX = 5 };

int wechat_authorize(const struct wechat_state *state, const char *method, const char *target,
                     const char *body, struct buf *ret_value, struct err *err) {
    char nonce[WECHAT_NONCE_CHARS + 1];
    char timestamp[24];
    char *signature = NULL;
    BUF_AUTO text;
    buf_init(&text, WECHAT_SIGNED_BYTES_MAX);
    wechat_nonce(nonce);
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)(clock_wall_us() / US_PER_SECOND));
    if (!wechat_signed_request(method, target, timestamp, nonce, body, strlen(body), &text)) {
        return err_set(err, ERR_VALIDATION, "the request cannot be signed");
    }
    int rc = rsa_sign_sha256(state->private_key, text.data, text.len, &signature, err);
    if (rc < 0) {
        return rc;
    }
    buf_addf(ret_value,
             WECHAT_SCHEME " mchid=\"%s\",nonce_str=\"%s\",signature=\"%s\",timestamp=\"%s\","
                           "serial_no=\"%s\"",
             state->mchid, nonce, signature, timestamp, state->serial);
    free(signature);
    return buf_ok(ret_value) ? 0 : err_set(err, ERR_VALIDATION, "the request cannot be signed");
}

static bool run_at(const struct gateway_call *call, const char *host,
                   const struct wechat_request *request, const char *authorization,
                   const char *body, struct gateway_result *result, struct http_answer *ret_answer,
                   json_t **ret_json) {
    const struct wechat_state *state = call->gateway->state;
    char url[WECHAT_URL_BYTES_MAX];
    struct http_header headers[HEADERS_MAX] = {
        {"Authorization", authorization},
        {"Accept", "application/json"},
        {"User-Agent", "Holdfast/1"},
    };
    int count = 3;
    if (request->body != NULL) {
        headers[count++] = (struct http_header){"Content-Type", "application/json"};
    }
    if (state->public_key_id[0] != '\0') {
        /* Asks for an answer signed with the public key, while the account moves to it. */
        headers[count++] = (struct http_header){"Wechatpay-Serial", state->public_key_id};
    }
    snprintf(url, sizeof(url), "%s%s", host, request->target);
    const struct exchange exchange = {
        .method = request->method,
        .url = url,
        .headers = headers,
        .header_count = count,
        .body = request->body != NULL ? body : NULL,
        .body_bytes = strlen(body),
        .moves_money = request->moves_money,
        .trace_header = "Request-ID",
    };
    return exchange_run(call, &exchange, result, ret_answer, ret_json);
}

/* Certainly nothing went out: the other host may be asked. A full bulkhead and a passed deadline
 * are ours, and are the same there. */
static bool was_not_reached(const struct gateway_result *result) {
    return result->reach == HTTP_NOT_SENT &&
           (result->failure == HTTP_FAIL_RESOLVE || result->failure == HTTP_FAIL_CONNECT ||
            result->failure == HTTP_FAIL_TLS);
}

bool wechat_exchange(const struct gateway_call *call, const struct wechat_request *request,
                     struct gateway_result *result, struct http_answer *ret_answer,
                     json_t **ret_json) {
    const struct wechat_state *state = call->gateway->state;
    char *body = request->body != NULL ? json_write(request->body) : NULL;
    const char *bytes = body != NULL ? body : "";
    struct err err = {0};
    BUF_AUTO authorization;
    buf_init(&authorization, WECHAT_AUTHORIZATION_BYTES_MAX);
    if (strlen(request->target) >= WECHAT_TARGET_BYTES_MAX ||
        wechat_authorize(state, request->method, request->target, bytes, &authorization, &err) <
            0) {
        exchange_refuse(result, "invalid_request", "the request cannot be signed for WeChat Pay");
        result->reach = HTTP_NOT_SENT;
        free(body);
        return false;
    }
    bool answered = run_at(call, call->gateway->base_url, request, authorization.data, bytes,
                           result, ret_answer, ret_json);
    if (!answered && was_not_reached(result) && state->fallback_url[0] != '\0') {
        int64_t spent_us = result->duration_us;
        gateway_result_init(result);
        result->duration_us = spent_us;
        /* The host is not part of what is signed. */
        answered = run_at(call, state->fallback_url, request, authorization.data, bytes, result,
                          ret_answer, ret_json);
    }
    free(body);
    return answered;
}

bool wechat_send(const struct gateway_call *call, const struct wechat_request *request,
                 struct gateway_result *result, struct http_answer *ret_answer, json_t **ret_json) {
    struct wechat_state *state = call->gateway->state;
    if (!wechat_exchange(call, request, result, ret_answer, ret_json)) {
        return false;
    }
    if (ret_answer->status < 200 || ret_answer->status > 299) {
        return true;
    }
    struct wechat_message message;
    struct err err = {0};
    wechat_message_of(ret_answer->headers, ret_answer->header_count, ret_answer->body,
                      ret_answer->body_bytes, &message);
    if (wechat_message_check(&state->keys, call, &message, clock_wall_us(), &err) == 0) {
        return true;
    }
    http_answer_release(ret_answer);
    json_decref(*ret_json);
    *ret_json = NULL;
    result->outcome = request->moves_money ? GW_UNKNOWN : GW_UNAVAILABLE;
    result->advice = ADVICE_LATER;
    exchange_common_code(result, "answer_not_genuine");
    exchange_copy_text(result->message, sizeof(result->message), err.detail);
    return false;
}

char *wechat_open_with(const struct gateway *gateway, const json_t *resource, size_t *ret_count) {
    /* Resetting the key takes effect at once, but what was sent before is still sealed with the one
     * before. */
    static const char *const names[] = {"api_v3_key", "api_v3_key_old"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct secret *key = gateway_credential(gateway, names[i]);
        unsigned char *plain = key != NULL ? wechat_open(resource, secret_bytes(key),
                                                         secret_count(key), ret_count)
                                           : NULL;
        if (plain != NULL) {
            return (char *)plain;
        }
    }
    return NULL;
}
