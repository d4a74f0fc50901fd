/* SPDX-License-Identifier: Apache-2.0
 * unionpay_statement.c: the settlement file of a day. Its message bears it as base 64 of a zlib
 * stream; inside is a zip archive (INN…ZM_<merchant> is the detail, …ZME_… what went wrong),
 * which is handed on as it is. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "gateway/unionpay/unionpay.h"

enum { CHUNK_BYTES = 64 * 1024 };

static int inflate_into(const unsigned char *packed, size_t packed_bytes, struct buf *file,
                        struct err *err) {
    unsigned char chunk[CHUNK_BYTES];
    z_stream stream = {.next_in = (unsigned char *)packed, .avail_in = (uInt)packed_bytes};
    INVARIANT(inflateInit(&stream) == Z_OK, "out of memory");
    int state = Z_OK;
    while (state == Z_OK && buf_ok(file) && file->len <= UNIONPAY_FILE_BYTES_MAX) {
        stream.next_out = chunk;
        stream.avail_out = sizeof(chunk);
        state = inflate(&stream, Z_NO_FLUSH);
        buf_add(file, chunk, sizeof(chunk) - stream.avail_out);
    }
    bool rest = stream.avail_in > 0;
    inflateEnd(&stream);
    if (!buf_ok(file) || state == Z_OK) {
        return err_set(err, ERR_BAD_REQUEST,
                       "the settlement file is too large when it is unpacked");
    }
    return state == Z_STREAM_END && !rest
               ? 0
               : err_set(err, ERR_BAD_REQUEST, "the settlement file cannot be unpacked");
}

static int read_file(const struct unionpay_message *answer, struct buf *ret_file, struct err *err) {
    size_t packed_bytes = 0;
    unsigned char *packed = crypto_unbase64(unionpay_get(answer, "fileContent"), &packed_bytes);
    if (packed == NULL || packed_bytes == 0) {
        free(packed);
        return err_set(err, ERR_BAD_REQUEST, "the settlement file is missing or no base 64");
    }
    BUF_AUTO file;
    buf_init(&file, ret_file->max);
    int rc = inflate_into(packed, packed_bytes, &file, err);
    free(packed);
    if (rc == 0) {
        buf_add(ret_file, file.data, file.len);
        rc = buf_ok(ret_file) ? 0 : err_set(err, ERR_TOO_LARGE, "there is no room for the file");
    }
    return rc;
}

static int read_answer(const struct gateway *gateway, const struct http_answer *http,
                       struct buf *ret_file, struct err *err) {
    UNIONPAY_MESSAGE_AUTO answer = {0};
    if (http->status != 200) {
        return err_set(err, ERR_UNREACHABLE, "UnionPay answered with HTTP status %d", http->status);
    }
    int rc = unionpay_message_read(&answer, http->body, http->body_bytes, UNIONPAY_FILE_BYTES_MAX,
                                   err);
    if (rc < 0) {
        return err_set(err, ERR_BAD_REQUEST, "the answer cannot be read as a message of UnionPay");
    }
    rc = unionpay_check(gateway, &answer, clock_wall_us(), err);
    if (rc < 0) {
        return rc;
    }
    const char *code = unionpay_get(&answer, "respCode");
    if (strcmp(code, "98") == 0) {
        return err_set(err, ERR_NOT_FOUND, "UnionPay has no settlement file of that day (yet)");
    }
    if (strcmp(code, "00") != 0) {
        struct gateway_result result;
        gateway_result_init(&result);
        unionpay_read_refusal(&answer, &result);
        bool later = gateway_outcome_is_fault(result.outcome);
        return err_set(err, later ? ERR_UNREACHABLE : ERR_BAD_REQUEST,
                       "UnionPay gave no settlement file: respCode %.8s", code);
    }
    return read_file(&answer, ret_file, err);
}

int unionpay_fetch_statement(const struct gateway_call *call,
                             const struct gateway_statement *statement, struct buf *ret_file,
                             struct err *err) {
    const struct unionpay_state *state = call->gateway->state;
    int64_t left_us = call->deadline_us - clock_mono_us();
    UNIONPAY_MESSAGE_AUTO request = {0};
    char day[16], time[UNIONPAY_TIME_MAX];
    if (strcmp(statement->kind, "settlement") != 0 || statement->month < 1 ||
        statement->month > 12 || statement->day < 1 || statement->day > 31) {
        return err_set(err, ERR_BAD_REQUEST, "UnionPay has files of the kind 'settlement', by day");
    }
    if (left_us <= 0) {
        return err_set(err, ERR_UNREACHABLE, "there was no time left to fetch the file");
    }
    snprintf(day, sizeof(day), "%02d%02d", statement->month, statement->day);
    unionpay_time(clock_wall_us(), time);
    unionpay_begin(call->gateway, &request, UNIONPAY_FILE, "01", NULL);
    unionpay_set(&request, "txnTime", time);
    unionpay_set(&request, "fileType", "00");
    unionpay_set(&request, "settleDate", day);
    int rc = unionpay_sign_request(call->gateway, &request, err);
    if (rc < 0) {
        return rc;
    }
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"},
    };
    BUF_AUTO body;
    buf_init(&body, UNIONPAY_MESSAGE_BYTES_MAX);
    unionpay_message_form(&request, &body);
    const struct http_call http = {
        .method = "POST",
        .url = state->file_url,
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = body.data,
        .body_bytes = body.len,
        .timeout_us = left_us,
        .answer_bytes_max = UNIONPAY_FILE_BYTES_MAX,
        .repeatable = true,
        .bulkhead = call->gateway->bulkhead,
    };
    HTTP_ANSWER_AUTO answer = {0};
    rc = http_call(call->client, &http, &answer, err);
    return rc < 0 ? rc : read_answer(call->gateway, &answer, ret_file, err);
}
