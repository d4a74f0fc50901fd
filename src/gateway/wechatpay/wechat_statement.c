/* SPDX-License-Identifier: Apache-2.0
 * wechat_statement.c: the bills: asked for, downloaded from where the answer says, unpacked, and
 * held against the checksum of the answer. The download itself bears no signature, so the checksum,
 * which came in a signed answer, is what vouches for it. */
#include <zlib.h>

#include "base/clock.h"
#include "gateway/wechatpay/wechatpay.h"

enum {
    PACKED_BYTES_MAX = 64 * 1024 * 1024,
    CHUNK_BYTES = 64 * 1024,
    GZIP_WINDOW_BITS = 15 + 16, /* the largest window, and gzip's frame around it */
};

static const struct {
    const char *kind, *before_date, *after_date;
} bills[] = {
    {"trade", "/v3/bill/tradebill?bill_date=", "&bill_type=ALL&tar_type=GZIP"},
    {"refund", "/v3/bill/tradebill?bill_date=", "&bill_type=REFUND&tar_type=GZIP"},
    {"fund", "/v3/bill/fundflowbill?bill_date=", "&account_type=BASIC&tar_type=GZIP"},
};

static int bill_target(const struct gateway_statement *statement,
                       char target[WECHAT_TARGET_BYTES_MAX], struct err *err) {
    for (size_t i = 0; i < COUNT_OF(bills); i++) {
        if (strcmp(bills[i].kind, statement->kind) == 0) {
            snprintf(target, WECHAT_TARGET_BYTES_MAX, "%s%04d-%02d-%02d%s", bills[i].before_date,
                     statement->year, statement->month, statement->day, bills[i].after_date);
            return 0;
        }
    }
    return err_set(err, ERR_VALIDATION,
                   "WeChat Pay has no statement '%.20s'; it has trade, refund and fund",
                   statement->kind);
}

static int not_answered(const struct gateway_result *result, struct err *err) {
    return err_set(err, result->failure == HTTP_FAIL_TIMEOUT ? ERR_TIMEOUT : ERR_UNREACHABLE,
                   "WeChat Pay gave no answer: %s", result->message);
}

/* The bill's answer that is not 200: codes that say "none that day" or "not yet", and others. */
static int refused(int status, const json_t *json, struct err *err) {
    static const struct {
        const char *code;
        enum err_code means;
    } none[] = {{"NO_STATEMENT_EXIST", ERR_GONE},
                {"STATEMENT_CREATING", ERR_NOT_FOUND},
                {"RESOURCE_NOT_EXISTS", ERR_NOT_FOUND}};
    const char *code = json_peek_text(json, "code", NULL);
    for (size_t i = 0; code != NULL && i < COUNT_OF(none); i++) {
        if (status >= 400 && status <= 499 && wechat_code_equal(none[i].code, code)) {
            return err_set(err, none[i].means, "WeChat Pay has published no such statement (%s)",
                           none[i].code);
        }
    }
    return err_set(err, status == 429 || status >= 500 ? ERR_UNREACHABLE : ERR_GATEWAY_REJECTED,
                   "WeChat Pay gives no statement: HTTP status %d, %.60s", status,
                   code != NULL ? code : "without a code");
}

/* The path and query of the address, when it is one of ours to sign: a signed request goes to no
 * other host. */
static const char *download_target(const struct gateway *gateway, const char *url) {
    static const char path[] = "/v3/billdownload/file?";
    const struct wechat_state *state = gateway->state;
    const char *const hosts[] = {gateway->base_url, state->fallback_url};
    for (size_t i = 0; url != NULL && i < COUNT_OF(hosts); i++) {
        size_t count = strlen(hosts[i]);
        if (count > 0 && strncmp(url, hosts[i], count) == 0 &&
            strncmp(url + count, path, strlen(path)) == 0 && strpbrk(url, " \r\n#\"") == NULL &&
            strlen(url + count) < WECHAT_TARGET_BYTES_MAX) {
            return url + count;
        }
    }
    return NULL;
}

static int download(const struct gateway_call *call, const char *url, const char *target,
                    struct http_answer *ret_answer, struct err *err) {
    const struct wechat_state *state = call->gateway->state;
    BUF_AUTO authorization;
    buf_init(&authorization, WECHAT_AUTHORIZATION_BYTES_MAX);
    int64_t left_us = call->deadline_us - clock_mono_us();
    if (left_us <= 0) {
        return err_set(err, ERR_TIMEOUT, "there was no time left for the download");
    }
    int rc = wechat_authorize(state, "GET", target, "", &authorization, err);
    if (rc < 0) {
        return rc;
    }
    const struct http_header headers[] = {
        {"Authorization", authorization.data},
        {"Accept", "*/*"},
        {"User-Agent", "Holdfast/1"},
    };
    const struct http_call http = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .timeout_us = left_us,
        .answer_bytes_max = PACKED_BYTES_MAX,
        .repeatable = true,
        .bulkhead = call->gateway->bulkhead,
    };
    return http_call(call->client, &http, ret_answer, err);
}

/* Into `file`, up to its maximum. */
static int unpack(const char *packed, size_t packed_bytes, struct buf *file, struct err *err) {
    unsigned char chunk[CHUNK_BYTES];
    z_stream stream = {.next_in = (unsigned char *)packed, .avail_in = (uInt)packed_bytes};
    INVARIANT(inflateInit2(&stream, GZIP_WINDOW_BITS) == Z_OK, "zlib has memory");
    int rc = Z_OK;
    while (rc == Z_OK && buf_ok(file)) {
        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        rc = inflate(&stream, Z_NO_FLUSH);
        if (rc == Z_OK || rc == Z_STREAM_END) {
            buf_add(file, chunk, sizeof(chunk) - stream.avail_out);
        }
    }
    bool whole = rc == Z_STREAM_END && stream.avail_in == 0;
    (void)inflateEnd(&stream);
    if (!buf_ok(file)) {
        return err_set(err, ERR_TOO_LARGE, "the statement is too large");
    }
    return whole ? 0 : err_set(err, ERR_BAD_REQUEST, "the statement is not whole gzip");
}

static int check_sum(const json_t *bill, const struct buf *file, struct err *err) {
    const char *type = json_peek_text(bill, "hash_type", NULL);
    const char *stated = json_peek_text(bill, "hash_value", NULL);
    char sum[SHA1_HEX_CHARS + 1];
    crypto_sha1_hex(file->data, file->len, sum);
    if (type == NULL || strcmp(type, "SHA1") != 0 || stated == NULL ||
        strcasecmp(stated, sum) != 0) {
        return err_set(err, ERR_SIGNATURE, "the statement does not fit its checksum");
    }
    return 0;
}

static int fetch_file(const struct gateway_call *call, const json_t *bill, struct buf *ret_file,
                      struct err *err) {
    const char *url = json_peek_text(bill, "download_url", NULL);
    const char *target = download_target(call->gateway, url);
    if (target == NULL) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the statement is said to be where WeChat Pay has none");
    }
    HTTP_ANSWER_AUTO answer = {0};
    int rc = download(call, url, target, &answer, err);
    if (rc < 0) {
        return rc;
    }
    if (answer.status != 200) {
        return err_set(err, ERR_UNREACHABLE, "the statement's download answered HTTP status %d",
                       answer.status);
    }
    BUF_AUTO file;
    buf_init(&file, ret_file->max);
    rc = unpack(answer.body, answer.body_bytes, &file, err);
    rc = rc == 0 ? check_sum(bill, &file, err) : rc;
    if (rc == 0) {
        buf_add(ret_file, file.data, file.len);
    }
    return rc;
}

int wechat_fetch_statement(const struct gateway_call *call,
                           const struct gateway_statement *statement, struct buf *ret_file,
                           struct err *err) {
    char target[WECHAT_TARGET_BYTES_MAX];
    struct gateway_result result;
    HTTP_ANSWER_AUTO answer = {0};
    JSON_AUTO json = NULL;
    gateway_result_init(&result);
    int rc = bill_target(statement, target, err);
    if (rc < 0) {
        return rc;
    }
    const struct wechat_request request = {.method = "GET", .target = target};
    if (!wechat_send(call, &request, &result, &answer, &json)) {
        return not_answered(&result, err);
    }
    if (!wechat_success(&answer)) {
        return refused(answer.status, json, err);
    }
    return fetch_file(call, json, ret_file, err);
}
