/* SPDX-License-Identifier: Apache-2.0
 * alipay_http.c: one call of the v2 gateway: made, signed, sent, and its answer believed only as
 * far as its signature goes.
 *
 * An answer holds "<method>_response" or "error_response" and a signature over that object's raw
 * bytes. Without a signature only a refusal at the entrance is believed (Alipay cannot sign for an
 * application that it does not know, and what it turned away there did not reach a trade); with a
 * wrong one nothing is. */
#include "gateway/alipay/alipay.h"

enum { MEMBER_CHARS_MAX = 127 };

/* Requests. */

static void add(struct alipay_request *request, const char *name, const char *value) {
    if (value == NULL || value[0] == '\0') {
        return;
    }
    INVARIANT(request->count < ALIPAY_COMMON_PARAMS, "a request has room for its parameters");
    request->params[request->count++] = (struct alipay_param){name, value};
}

bool alipay_request_make(const struct gateway_call *call, const char *method, json_t *biz,
                         const char *return_url, bool notify, struct alipay_request *request,
                         struct gateway_result *result) {
    const struct gateway *gateway = call->gateway;
    const struct alipay_state *state = gateway->state;
    struct err err = {0};
    *request = (struct alipay_request){.biz_content = json_write(biz)};
    json_decref(biz);
    clock_format_at(clock_wall_us(), BEIJING_MINUTES, request->timestamp);
    add(request, "app_id", gateway_option(gateway, "app_id"));
    add(request, "method", method);
    add(request, "format", "JSON");
    add(request, "charset", "utf-8");
    add(request, "sign_type", ALIPAY_SIGN_TYPE);
    add(request, "timestamp", request->timestamp);
    add(request, "version", "1.0");
    add(request, "app_cert_sn", state->keys.app_cert_sn);
    add(request, "alipay_root_cert_sn", state->keys.root_cert_sn);
    add(request, "return_url", return_url);
    add(request, "notify_url", notify ? gateway->callback_url : "");
    add(request, "biz_content", request->biz_content);
    if (alipay_sign(state->keys.own, request->params, request->count, ALIPAY_REQUEST,
                    &request->sign, &err) < 0) {
        exchange_refuse(result, "invalid_request", err.detail);
        alipay_request_release(request);
        return false;
    }
    add(request, "sign", request->sign);
    return true;
}

void alipay_request_release(struct alipay_request *request) {
    free(request->biz_content);
    free(request->sign);
    *request = (struct alipay_request){0};
}

void alipay_request_write(const struct alipay_request *request, bool body_apart, struct buf *out) {
    bool first = true;
    for (int i = 0; i < request->count; i++) {
        if (body_apart && strcmp(request->params[i].name, "biz_content") == 0) {
            continue;
        }
        buf_add_text(out, first ? "" : "&");
        buf_add_text(out, request->params[i].name);
        buf_add_char(out, '=');
        buf_add_urlencoded(out, request->params[i].value);
        first = false;
    }
}

/* Answers. */

/* There was an answer, and what it says about this call is nothing. */
static enum alipay_answer say_nothing(struct gateway_result *result, bool moves_money,
                                      const char *common_code, const char *message) {
    result->outcome = moves_money ? GW_UNKNOWN : GW_UNAVAILABLE;
    result->advice = ADVICE_LATER;
    exchange_common_code(result, common_code);
    exchange_copy_text(result->message, sizeof(result->message), message);
    return ALIPAY_SILENT;
}

/* "alipay.trade.query" → "alipay_trade_query_response". */
static void member_name(const char *method, char ret_name[MEMBER_CHARS_MAX + 1]) {
    snprintf(ret_name, MEMBER_CHARS_MAX + 1, "%s_response", method);
    for (char *c = ret_name; *c != '\0'; c++) {
        *c = *c == '.' ? '_' : *c;
    }
}

/* What the answer says in its own words, and the row that they have. */
static enum alipay_answer read_words(const json_t *body, enum gateway_operation operation,
                                     bool moves_money, struct gateway_result *result) {
    const char *code = json_peek_text(body, "code", NULL);
    const char *sub_code = json_peek_text(body, "sub_code", NULL);
    const char *message = json_peek_text(body, "sub_msg", NULL);
    if (code == NULL) {
        return say_nothing(result, moves_money, "gateway_garbled", "the answer has no code");
    }
    if (strcmp(code, "10000") == 0) {
        return ALIPAY_DONE;
    }
    exchange_copy_text(result->code, sizeof(result->code), sub_code != NULL ? sub_code : code);
    exchange_copy_text(result->message, sizeof(result->message),
                       message != NULL ? message : json_peek_text(body, "msg", NULL));
    const struct gateway_error *row = alipay_row(operation, sub_code, code);
    result->outcome = row != NULL ? row->outcome : moves_money ? GW_UNKNOWN : GW_UNAVAILABLE;
    result->advice = row != NULL ? row->advice : ADVICE_LATER;
    exchange_common_code(result, row != NULL ? row->common_code : "gateway_error");
    return ALIPAY_REFUSED;
}

/* Nobody vouches for these words: only that we were turned away at the entrance is believed. */
static bool unsigned_ok(const json_t *body, enum gateway_operation operation) {
    const struct gateway_error *row = alipay_row(operation, json_peek_text(body, "sub_code", NULL),
                                                 json_peek_text(body, "code", NULL));
    return row != NULL && alipay_code_is_entrance(row->code);
}

/* Alipay's own troubles come unsigned as a rule. Whether it is believed or not the call stays
 * unanswered, so whoever looks is told of those, and not of a signature. */
static bool is_unsigned_trouble(const json_t *body, enum gateway_operation operation,
                                struct gateway_result *result) {
    const char *code = json_peek_text(body, "code", NULL);
    const char *sub_code = json_peek_text(body, "sub_code", NULL);
    const struct gateway_error *row = alipay_row(operation, sub_code, code);
    if (row == NULL || row->outcome != GW_UNKNOWN ||
        strcmp(row->common_code, "gateway_error") != 0) {
        return false;
    }
    exchange_copy_text(result->code, sizeof(result->code), sub_code != NULL ? sub_code : code);
    return true;
}

static enum alipay_answer read_answer(const struct gateway_call *call, const char *method,
                                      const struct http_answer *answer, json_t *json,
                                      enum gateway_operation operation, bool moves_money,
                                      struct gateway_result *result, json_t **ret_body) {
    const struct alipay_state *state = call->gateway->state;
    char name[MEMBER_CHARS_MAX + 1];
    member_name(method, name);
    const char *member = json_object_get(json, name) != NULL ? name : "error_response";
    json_t *body = json_object_get(json, member);
    const char *sign = json_peek_text(json, "sign", NULL);
    const char *cert_sn = json_peek_text(json, "alipay_cert_sn", NULL);
    const char *raw = NULL;
    size_t raw_bytes = 0;
    if (!json_is_object(body) ||
        !alipay_raw_member(answer->body, answer->body_bytes, member, &raw, &raw_bytes)) {
        char code[16];
        snprintf(code, sizeof(code), "http_%d", answer->status);
        exchange_copy_text(result->code, sizeof(result->code), code);
        return say_nothing(result, moves_money,
                           answer->status >= 500 ? "gateway_error" : "gateway_garbled",
                           "the answer is not one of Alipay's gateway");
    }
    if (sign == NULL && is_unsigned_trouble(body, operation, result)) {
        const char *message = json_peek_text(body, "msg", NULL);
        return say_nothing(result, moves_money, "gateway_error",
                           message != NULL ? message : "Alipay has trouble of its own");
    }
    if (sign == NULL ? !unsigned_ok(body, operation)
                     : !alipay_keys_verify(&state->keys, cert_sn != NULL ? cert_sn : "", raw,
                                           raw_bytes, sign)) {
        return say_nothing(result, moves_money, "bad_signature",
                           "the answer's signature is missing or wrong, so it was not believed");
    }
    enum alipay_answer kind = read_words(body, operation, moves_money, result);
    if (kind == ALIPAY_DONE && strcmp(member, name) != 0) {
        return say_nothing(result, moves_money, "gateway_garbled",
                           "the answer is of no method that was called");
    }
    *ret_body = kind != ALIPAY_SILENT ? json_incref(body) : NULL;
    return kind;
}

enum alipay_answer alipay_send(const struct gateway_call *call, const char *method, json_t *biz,
                               bool notify, enum gateway_operation operation, bool moves_money,
                               struct gateway_result *result, json_t **ret_body) {
    struct alipay_request request;
    BUF_AUTO url;
    BUF_AUTO body;
    buf_init(&url, ALIPAY_URL_BYTES_MAX);
    buf_init(&body, 4 * ALIPAY_BIZ_BYTES_MAX);
    *ret_body = NULL;
    if (!alipay_request_make(call, method, biz, "", notify, &request, result)) {
        return ALIPAY_SILENT;
    }
    buf_addf(&url, "%s/gateway.do?", call->gateway->base_url);
    alipay_request_write(&request, true, &url);
    buf_add_text(&body, "biz_content=");
    buf_add_urlencoded(&body, request.biz_content);
    alipay_request_release(&request);
    if (!buf_ok(&url) || !buf_ok(&body)) {
        exchange_refuse(result, "invalid_request", "the request is too long for Alipay");
        return ALIPAY_SILENT;
    }
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded;charset=utf-8"},
        {"Accept", "application/json"},
    };
    const struct exchange exchange = {
        .method = "POST",
        .url = url.data,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body.data,
        .body_bytes = body.len,
        .moves_money = moves_money,
        /* A second bar code payment of the same code is refused, whatever the first one did. */
        .once = operation == OP_CHARGE && moves_money,
        .trace_header = "trace_id",
    };
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    if (!exchange_run(call, &exchange, result, &answer, &json)) {
        return ALIPAY_SILENT;
    }
    return read_answer(call, method, &answer, json, operation, moves_money, result, ret_body);
}
