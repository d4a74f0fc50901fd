/* SPDX-License-Identifier: Apache-2.0
 * alipay_statement.c: a day's bill: its address is asked for, is good for 30 seconds, and leads to
 * a ZIP file with two CSV files in GBK, the bill itself and a summary of it. The bill's bytes are
 * handed on as they were published. */
#include "gateway/alipay/alipay.h"

#include "base/archive.h"

enum { ZIP_BYTES_MAX = 256 * 1024 * 1024, YEAR_MAX = 9999 };

static int failed(const struct gateway_result *result, struct err *err) {
    enum err_code code = strcmp(result->common_code, "bad_signature") == 0 ? ERR_SIGNATURE
                         : result->outcome == GW_NOT_FOUND                 ? ERR_NOT_FOUND
                         : result->outcome == GW_REJECTED_REQUEST          ? ERR_GATEWAY_REJECTED
                         : result->failure == HTTP_FAIL_TIMEOUT            ? ERR_TIMEOUT
                         : result->reach != HTTP_ANSWERED                  ? ERR_UNREACHABLE
                                                                           : ERR_GATEWAY;
    return err_set(err, code, "Alipay gave no bill: %.60s %.200s", result->code, result->message);
}

static int ask_url(const struct gateway_call *call, const struct gateway_statement *statement,
                   char ret_url[GATEWAY_URL_CHARS_MAX + 1], struct err *err) {
    char date[16];
    struct gateway_result result;
    gateway_result_init(&result);
    snprintf(date, sizeof(date), "%04d-%02d-%02d", statement->year, statement->month,
             statement->day);
    json_t *biz = json_pack("{s:s,s:s}", "bill_type", statement->kind, "bill_date", date);
    JSON_AUTO body = NULL;
    if (alipay_send(call, "alipay.data.dataservice.bill.downloadurl.query", biz, false, OP_QUERY,
                    false, &result, &body) != ALIPAY_DONE) {
        return failed(&result, err);
    }
    exchange_copy_url(ret_url, GATEWAY_URL_CHARS_MAX + 1,
                      json_peek_text(body, "bill_download_url", NULL));
    bool safe = strncmp(ret_url, "https://", 8) == 0 ||
                (exchange_url_is_loopback(ret_url) &&
                 exchange_url_is_loopback(call->gateway->base_url));
    return safe ? 0
                : err_set(err, ERR_BAD_REQUEST,
                          "Alipay's answer names no address over https for the bill");
}

/* Not the summary ("汇总"): the name is in GBK, or in UTF-8. */
static bool is_bill(const char *name) {
    size_t count = strlen(name);
    bool csv = count > 4 && strcmp(name + count - 4, ".csv") == 0;
    return csv && strstr(name, "\xBB\xE3\xD7\xDC") == NULL && strstr(name, "汇总") == NULL;
}

static int download(const struct gateway_call *call, const char *url, struct buf *ret_file,
                    struct err *err) {
    HTTP_ANSWER_AUTO answer = {0};
    const struct http_call http = {
        .method = "GET",
        .url = url,
        .timeout_us = call->deadline_us - clock_mono_us(),
        .answer_bytes_max = ZIP_BYTES_MAX,
        .repeatable = true,
        .bulkhead = call->gateway->bulkhead,
    };
    if (http.timeout_us <= 0) {
        return err_set(err, ERR_TIMEOUT, "the time for the bill was over before it was fetched");
    }
    int rc = http_call(call->client, &http, &answer, err);
    if (rc < 0) {
        return rc;
    }
    if (answer.status != 200) {
        return err_set(err, ERR_GATEWAY, "the bill's address answered %d", answer.status);
    }
    return archive_zip_read(answer.body, answer.body_bytes, is_bill, ret_file, err);
}

int alipay_fetch_statement(const struct gateway_call *call,
                           const struct gateway_statement *statement, struct buf *ret_file,
                           struct err *err) {
    char url[GATEWAY_URL_CHARS_MAX + 1];
    if (strcmp(statement->kind, "trade") != 0 && strcmp(statement->kind, "signcustomer") != 0) {
        return err_set(err, ERR_VALIDATION, "Alipay has the bills 'trade' and 'signcustomer'");
    }
    if (statement->year < 2000 || statement->year > YEAR_MAX || statement->month < 1 ||
        statement->month > 12 || statement->day < 1 || statement->day > 31) {
        return err_set(err, ERR_VALIDATION, "the bill's day is no date");
    }
    int rc = ask_url(call, statement, url, err);
    rc = rc == 0 ? download(call, url, ret_file, err) : rc;
    if (rc < 0) {
        return err_while(err, "fetching the bill of %04d-%02d-%02d", statement->year,
                         statement->month, statement->day);
    }
    return 0;
}
