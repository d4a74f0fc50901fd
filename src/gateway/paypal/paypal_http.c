/* SPDX-License-Identifier: Apache-2.0
 * paypal_http.c: one API call: the token, the headers, and one more try with a new token after a
 * 401. */
#include "gateway/paypal/paypal.h"

enum { HEADERS_MAX = 6 };

void paypal_path(struct buf *path, const char *prefix, const char *id, const char *suffix) {
    buf_add_text(path, prefix);
    buf_add_urlencoded(path, id);
    buf_add_text(path, suffix);
}

static int make_headers(const char *authorization, const char *key, const char *type,
                        struct http_header ret_headers[HEADERS_MAX]) {
    int count = 0;
    ret_headers[count++] = (struct http_header){"Authorization", authorization};
    ret_headers[count++] = (struct http_header){"Accept", "application/json"};
    if (type != NULL) {
        ret_headers[count++] = (struct http_header){"Content-Type", type};
        ret_headers[count++] = (struct http_header){"Prefer", "return=representation"};
    }
    if (key != NULL) {
        ret_headers[count++] = (struct http_header){"PayPal-Request-Id", key};
    }
    return count;
}

/* A 401 that a new token may cure. Whatever the call was, a 401 says that it was not executed. */
static bool token_refused(const struct http_answer *answer, const json_t *json) {
    const json_t *details = json_peek(json, "details", NULL);
    const char *issue = json_peek_text(json_array_get(details, 0), "issue", NULL);
    return answer->status == 401 && (issue == NULL || strcmp(issue, "INVALID_ACCOUNT_STATUS") != 0);
}

bool paypal_send_bytes(const struct gateway_call *call, const char *method, const char *path,
                       const struct paypal_body *body, const char *key, bool moves_money,
                       struct gateway_result *result, struct http_answer *ret_answer,
                       json_t **ret_json) {
    struct paypal_state *state = call->gateway->state;
    char url[PAYPAL_URL_BYTES_MAX];
    int url_chars = snprintf(url, sizeof(url), "%s%s", call->gateway->base_url, path);
    if (url_chars < 0 || (size_t)url_chars >= sizeof(url)) {
        exchange_refuse(result, "invalid_request", "the request is too long for PayPal");
        return false;
    }
    char authorization[PAYPAL_AUTHORIZATION_BYTES];
    bool answered = false;
    for (int tries = 0; tries < 2; tries++) {
        uint64_t generation = 0;
        if (!paypal_token_get(&state->tokens, call, authorization, &generation, result)) {
            answered = false;
            break;
        }
        struct http_header headers[HEADERS_MAX];
        const struct exchange exchange = {
            .method = method,
            .url = url,
            .headers = headers,
            .header_count = make_headers(authorization, key, body->type, headers),
            .body = body->bytes,
            .body_bytes = body->byte_count,
            .moves_money = moves_money,
            .trace_header = "PayPal-Debug-Id",
        };
        answered = exchange_run(call, &exchange, result, ret_answer, ret_json);
        if (!answered || !token_refused(ret_answer, *ret_json) || tries > 0) {
            break;
        }
        paypal_token_drop(&state->tokens, generation);
        json_decref(*ret_json);
        *ret_json = NULL;
        http_answer_release(ret_answer);
    }
    explicit_bzero(authorization, sizeof(authorization));
    return answered;
}

bool paypal_send(const struct gateway_call *call, const char *method, const char *path,
                 const json_t *body, const char *key, bool moves_money,
                 struct gateway_result *result, struct http_answer *ret_answer, json_t **ret_json) {
    char *text = body != NULL ? json_write(body) : NULL;
    struct paypal_body bytes = {0};
    if (text != NULL) {
        bytes = (struct paypal_body){"application/json", text, strlen(text)};
    }
    bool answered = paypal_send_bytes(call, method, path, &bytes, key, moves_money, result,
                                      ret_answer, ret_json);
    free(text);
    return answered;
}
