/* SPDX-License-Identifier: Apache-2.0
 * acmepay_statement.c: a day's statement: a CSV file, handed on as it was published. */
#include "gateway/acmepay/acmepay.h"

#include "base/clock.h"

enum { STATEMENT_BYTES_MAX = 64 * 1024 * 1024 };

int acmepay_fetch_statement(const struct gateway_call *call,
                            const struct gateway_statement *statement, struct buf *ret_file,
                            struct err *err) {
    char path[ACMEPAY_PATH_BYTES_MAX];
    char url[GATEWAY_URL_CHARS_MAX + ACMEPAY_PATH_BYTES_MAX + 1];
    struct acmepay_headers headers;
    HTTP_ANSWER_AUTO answer = {0};
    if (strcmp(statement->kind, "settlement") != 0) {
        return err_set(err, ERR_VALIDATION, "Acme Pay has statements of the kind 'settlement'");
    }
    snprintf(path, sizeof(path), "/v1/statements/%04d-%02d-%02d", statement->year, statement->month,
             statement->day);
    snprintf(url, sizeof(url), "%s%s", call->gateway->base_url, path);
    acmepay_headers(call->gateway, "GET", path, "", NULL, &headers);
    const struct http_call http = {
        .method = "GET",
        .url = url,
        .headers = headers.headers,
        .header_count = headers.count,
        .timeout_us = call->deadline_us - clock_mono_us(),
        .answer_bytes_max = STATEMENT_BYTES_MAX,
        .repeatable = true,
        .bulkhead = call->gateway->bulkhead,
    };
    if (http.timeout_us <= 0) {
        return err_set(err, ERR_TIMEOUT, "the time for the statement was over before it was asked");
    }
    int rc = http_call(call->client, &http, &answer, err);
    if (rc < 0) {
        return rc;
    }
    if (answer.status != 200) {
        return err_set(err, answer.status == 404 ? ERR_NOT_FOUND : ERR_GATEWAY,
                       "Acme Pay has no statement of that day: it answered %d", answer.status);
    }
    buf_add(ret_file, answer.body, answer.body_bytes);
    return buf_ok(ret_file) ? 0 : err_set(err, ERR_TOO_LARGE, "the statement is too long");
}
