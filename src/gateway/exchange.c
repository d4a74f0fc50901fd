/* SPDX-License-Identifier: Apache-2.0
 * exchange.c: one HTTP exchange of an adapter, and copying a gateway's words into a result. */
#include "gateway/exchange.h"

#include <glib.h>

#include "base/clock.h"
#include "base/pan.h"
#include "net/http_url.h"

enum { TEXT_BYTES_MAX = 1024 };

void exchange_common_code(struct gateway_result *result, const char *common_code) {
    snprintf(result->common_code, sizeof(result->common_code), "%s", common_code);
}

void exchange_copy_id(char *to, size_t bytes, const char *from) {
    size_t count = from != NULL ? strlen(from) : 0;
    count = count < bytes ? count : 0;
    if (count > 0) {
        memcpy(to, from, count);
    }
    to[count] = '\0';
}

/* Drops the bytes of a character that was cut in its middle. */
static void trim_utf8(char *text) {
    size_t end = strlen(text);
    size_t start = end;
    while (start > 0 && end - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (end - (start - 1) < need) {
        text[start - 1] = '\0';
    }
}

void exchange_copy_text(char *to, size_t bytes, const char *from) {
    /* Masked before it is cut: the first half of a card number would not be recognised as one. */
    char text[TEXT_BYTES_MAX];
    if (from == NULL || from[0] == '\0') {
        to[0] = '\0';
        return;
    }
    snprintf(text, sizeof(text), "%s", from);
    (void)pan_mask(text, strlen(text));
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) {
            *c = ' ';
        }
    }
    snprintf(to, bytes, "%.*s", (int)(bytes - 1), text);
    trim_utf8(to);
}

void exchange_copy_url(char *to, size_t bytes, const char *from) {
    to[0] = '\0';
    if (from == NULL || (strncmp(from, "https://", 8) != 0 && strncmp(from, "http://", 7) != 0)) {
        return;
    }
    for (const char *c = from; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7F || *c == '"' || *c == '<' || *c == '>') {
            return;
        }
    }
    exchange_copy_id(to, bytes, from);
}

void exchange_redirect(struct gateway_result *result, const char *url) {
    exchange_copy_url(result->action_data, sizeof(result->action_data), url);
    result->action = result->action_data[0] != '\0' ? ACTION_REDIRECT : ACTION_NONE;
}

bool exchange_url_is_loopback(const char *url) {
    return http_url_is_loopback(url);
}

bool exchange_reference_ok(const char *reference) {
    size_t count = reference != NULL ? strlen(reference) : 0;
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return count >= 1 && count <= EXCHANGE_REFERENCE_CHARS_MAX &&
           strspn(reference, allowed) == count;
}

void exchange_refuse(struct gateway_result *result, const char *common_code, const char *message) {
    result->outcome = GW_REJECTED_REQUEST;
    result->advice = ADVICE_ELSEWHERE;
    exchange_common_code(result, common_code);
    exchange_copy_text(result->message, sizeof(result->message), message);
}

void exchange_no_answer(struct gateway_result *result) {
    if (result->outcome != GW_RATE_LIMITED && result->outcome != GW_REJECTED_CREDENTIALS) {
        result->outcome = GW_UNAVAILABLE;
        result->advice = ADVICE_LATER;
    }
}

void exchange_in_doubt(struct gateway_result *result) {
    if (result->outcome == GW_UNAVAILABLE || result->outcome == GW_RATE_LIMITED ||
        result->outcome == GW_REJECTED_CREDENTIALS || result->outcome == GW_NOT_FOUND) {
        result->outcome = GW_UNKNOWN;
        result->advice = ADVICE_LATER;
        exchange_common_code(result, "gateway_no_answer"); /* not one that says: pay otherwise */
    }
}

/* The deadline passed before anything was sent by this exchange. */
static bool out_of_time(struct gateway_result *result) {
    struct http_answer answer = {.reach = HTTP_NOT_SENT, .failure = HTTP_FAIL_TIMEOUT};
    exchange_copy_text(result->message, sizeof(result->message),
                       "the time for this call was over before it was sent");
    return gateway_result_http(result, &answer, true);
}

bool exchange_run(const struct gateway_call *call, const struct exchange *exchange,
                  struct gateway_result *result, struct http_answer *ret_answer,
                  json_t **ret_json) {
    int64_t left_us = call->deadline_us - clock_mono_us();
    if (left_us <= 0) {
        return out_of_time(result);
    }
    const struct http_call http = {
        .method = exchange->method,
        .url = exchange->url,
        .headers = exchange->headers,
        .header_count = exchange->header_count,
        .body = exchange->body,
        .body_bytes = exchange->body_bytes,
        .timeout_us = left_us,
        .answer_bytes_max = EXCHANGE_ANSWER_BYTES_MAX,
        .repeatable = !exchange->once,
        .bulkhead = call->gateway->bulkhead,
    };
    struct http_answer answer = {0};
    struct err err = {0};
    int rc = http_call(call->client, &http, &answer, &err);
    if (!gateway_result_http(result, &answer, exchange->moves_money)) {
        exchange_copy_text(result->message, sizeof(result->message), rc < 0 ? err.detail : "");
        http_answer_release(&answer);
        return false;
    }
    const char *trace = http_header_find(answer.headers, answer.header_count,
                                         exchange->trace_header);
    exchange_copy_id(result->trace, sizeof(result->trace), trace);
    json_t *json = NULL;
    if (json_read_named(answer.body, answer.body_bytes, EXCHANGE_ANSWER_BYTES_MAX,
                        EXCHANGE_DEPTH_MAX, exchange->answer_names, &json, &err) < 0) {
        json = NULL;
    }
    *ret_answer = answer;
    *ret_json = json;
    return true;
}
