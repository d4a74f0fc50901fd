/* SPDX-License-Identifier: Apache-2.0
 * test_wechat_changes.c: closing and reversing orders, giving money back, fetching bills. */
#include <zlib.h>

#include "wechat_fixture.h"

#define ORDER BASE "/v3/pay/transactions/out-trade-no/" REFERENCE
#define REFUNDS BASE "/v3/refund/domestic/refunds"

/* Closing. */

static struct gateway_result canceled(struct wechat *wechat, const char *token) {
    struct gateway_change change = wechat_change_of("cxl_1", 0);
    struct gateway_result result;
    change.payment.token = token;
    wechat->fake->gateway.adapter->cancel(&wechat->fake->call, &change, &result);
    return result;
}

static void closing_is_believed_when_the_order_says_so(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {204, ""}, {200, TRANSACTION("CLOSED")});
    assert_int_equal(canceled(wechat, "").outcome, GW_CANCELED);
    assert_script_done(wechat->fake);
    assert_string_equal(wechat->fake->sent[0].url, ORDER "/close");
    assert_string_equal(wechat->fake->sent[0].body, "{\"mchid\":\"" MCHID "\"}");
    assert_string_equal(wechat->fake->sent[1].url, ORDER "?mchid=" MCHID);
    assert_signed(wechat, 0);
    WECHAT_SCRIPT(wechat, {204, ""}, {200, TRANSACTION("NOTPAY")}, {200, TRANSACTION("NOTPAY")},
                  {200, TRANSACTION("CLOSED")});
    assert_int_equal(canceled(wechat, "").outcome, GW_CANCELED);
    assert_script_done(wechat->fake);
    WECHAT_SCRIPT(wechat, {204, ""}, {200, TRANSACTION("NOTPAY")}, {200, TRANSACTION("NOTPAY")},
                  {200, TRANSACTION("NOTPAY")});
    assert_int_equal(canceled(wechat, "").outcome, GW_UNKNOWN);
}

static void a_customer_who_was_quicker_has_paid(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {400, ERROR("ORDER_PAID")}, {200, TRANSACTION("SUCCESS")});
    struct gateway_result result = canceled(wechat, "");
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.captured_minor, 1099);
    /* It took the close and the payment, and the payment was first. */
    WECHAT_SCRIPT(wechat, {204, ""}, {200, TRANSACTION("SUCCESS")});
    assert_int_equal(canceled(wechat, "").outcome, GW_CHARGED);
    WECHAT_SCRIPT(wechat, {400, ERROR("ORDERCLOSED")}, {200, TRANSACTION("CLOSED")});
    assert_int_equal(canceled(wechat, "").outcome, GW_CANCELED);
}

static void every_other_answer_to_a_close_is_no_close(void **state) {
    static const struct {
        struct step close, look;
        enum gateway_outcome outcome;
    } rows[] = {
        {{404, ERROR("ORDER_NOT_EXIST")}, {0}, GW_NOT_FOUND},
        {{500, ERROR("SYSTEM_ERROR")}, {0}, GW_UNKNOWN},
        {{429, ERROR("FREQUENCY_LIMITED")}, {0}, GW_RATE_LIMITED},
        {{401, ERROR("SIGN_ERROR")}, {0}, GW_REJECTED_CREDENTIALS},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, {0}, GW_UNKNOWN},
        {{0, NULL, HTTP_NOT_SENT, HTTP_FAIL_BULKHEAD}, {0}, GW_UNAVAILABLE},
        {{400, ERROR("ORDER_PAID")}, {500, ERROR("SYSTEM_ERROR")}, GW_UNKNOWN},
        {{204, ""}, {500, ERROR("SYSTEM_ERROR")}, GW_UNKNOWN},
        {{204, ""}, {404, ERROR("ORDER_NOT_EXIST")}, GW_UNKNOWN},
        {{204, ""}, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, GW_UNKNOWN},
    };
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct step steps[] = {rows[i].close, rows[i].look};
        bool looks = rows[i].look.status != 0 || rows[i].look.reach != 0;
        memset(wechat->sealing, 0, sizeof(wechat->sealing));
        fake_script(wechat->fake, steps, looks ? 2 : 1);
        assert_int_equal(canceled(wechat, "").outcome, rows[i].outcome);
        assert_script_done(wechat->fake);
    }
    WECHAT_SCRIPT(wechat, {204, ""});
    wechat->sealing[0] = FORGED;
    assert_int_equal(canceled(wechat, "").outcome, GW_UNKNOWN);
}

static void a_bar_codes_payment_is_reversed(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {204, ""}, {200, TRANSACTION("REVOKED")});
    assert_int_equal(canceled(wechat, BAR_CODE).outcome, GW_CANCELED);
    assert_string_equal(wechat->fake->sent[0].url, ORDER "/reverse");
    assert_string_equal(wechat->fake->sent[0].body,
                        "{\"appid\":\"" APPID "\",\"mchid\":\"" MCHID "\"}");
}

static void nothing_is_held_that_could_be_captured(void **state) {
    struct wechat *wechat = *state;
    struct gateway_change change = wechat_change_of("cap_1", 100);
    struct gateway_result result;
    fake_script(wechat->fake, NULL, 0);
    wechat->fake->gateway.adapter->capture(&wechat->fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
}

/* Refunds. */

static struct gateway_result refunded(struct wechat *wechat, int64_t amount_minor) {
    struct gateway_change change = wechat_change_of(REFUND_REFERENCE, amount_minor);
    struct gateway_result result;
    change.reason = "duplicate";
    wechat->fake->gateway.adapter->refund(&wechat->fake->call, &change, &result);
    return result;
}

static void a_refund_names_both_numbers_and_both_amounts(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {200, REFUND("PROCESSING")});
    struct gateway_result result = refunded(wechat, 500);
    assert_int_equal(result.outcome, GW_PENDING);
    assert_string_equal(result.refund_id, "50000000382019052709732678859");
    assert_int_equal(result.amount_minor, 500);
    assert_string_equal(wechat->fake->sent[0].url, REFUNDS);
    assert_string_equal(wechat->fake->sent[0].body,
                        "{\"out_trade_no\":\"" REFERENCE "\",\"out_refund_no\":\"" REFUND_REFERENCE
                        "\",\"reason\":\"Duplicate payment\",\"notify_url\":\"" NOTIFY_URL
                        "\",\"amount\":{\"refund\":500,\"total\":1099,\"currency\":\"CNY\"}}");
    assert_signed(wechat, 0);
}

static void every_state_of_a_refund_is_known(void **state) {
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
        const char *common_code;
    } rows[] = {
        {REFUND("SUCCESS"), GW_REFUNDED, ""},
        {REFUND("PROCESSING"), GW_PENDING, ""},
        {REFUND("CLOSED"), GW_DECLINED, "refund_failed"},
        {REFUND("ABNORMAL"), GW_DECLINED, "refund_abnormal"},
        {REFUND("NEW_STATE"), GW_UNKNOWN, ""},
        {"{}", GW_UNKNOWN, "gateway_garbled"},
        {REFUND_OF("re_another", "SUCCESS", "500"), GW_UNKNOWN, "reference_mismatch"},
    };
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        WECHAT_SCRIPT(wechat, {200, rows[i].body});
        struct gateway_result result = refunded(wechat, 500);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.common_code, rows[i].common_code);
    }
}

static void whatever_is_unclear_about_a_refund_is_unknown(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{500, ERROR("SYSTEM_ERROR")}, GW_UNKNOWN},
        {{502, ""}, GW_UNKNOWN},
        {{400, ERROR("SOMETHING_NEW")}, GW_UNKNOWN},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, GW_UNKNOWN},
        {{0, NULL, HTTP_NOT_SENT, HTTP_FAIL_BULKHEAD}, GW_UNAVAILABLE},
        {{403, ERROR("NOT_ENOUGH")}, GW_REJECTED_REQUEST},
        {{400, ERROR("INVALID_REQUEST")}, GW_REJECTED_REQUEST},
        {{404, ERROR("RESOURCE_NOT_EXISTS")}, GW_REJECTED_REQUEST},
        {{400, ERROR("ORDER_CLOSED")}, GW_REJECTED_REQUEST},
        {{429, ERROR("FREQUENCY_LIMITED")}, GW_RATE_LIMITED},
    };
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memset(wechat->sealing, 0, sizeof(wechat->sealing));
        fake_script(wechat->fake, &rows[i].step, 1);
        assert_int_equal(refunded(wechat, 500).outcome, rows[i].outcome);
    }
    for (enum sealing sealing = UNSIGNED; sealing <= OTHER_TYPE; sealing++) {
        WECHAT_SCRIPT(wechat, {200, REFUND("SUCCESS")});
        wechat->sealing[0] = sealing;
        assert_int_equal(refunded(wechat, 500).outcome, GW_UNKNOWN);
    }
}

static void a_refund_over_its_payment_is_refused_unsent(void **state) {
    struct wechat *wechat = *state;
    fake_script(wechat->fake, NULL, 0);
    assert_int_equal(refunded(wechat, 1100).outcome, GW_REJECTED_REQUEST);
    assert_int_equal(refunded(wechat, 0).outcome, GW_REJECTED_REQUEST);
}

static void a_refund_is_asked_about_by_our_number(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{200, REFUND("SUCCESS")}, GW_REFUNDED},
        {{200, REFUND("PROCESSING")}, GW_PENDING},
        {{404, ERROR("RESOURCE_NOT_EXISTS")}, GW_NOT_FOUND},
        {{500, ERROR("SYSTEM_ERROR")}, GW_UNAVAILABLE},
        {{429, ERROR("RATELIMIT_EXCEEDED")}, GW_RATE_LIMITED},
        {{403, ERROR("NOT_ENOUGH")}, GW_UNAVAILABLE},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, GW_UNAVAILABLE},
    };
    struct wechat *wechat = *state;
    struct gateway_change change = wechat_change_of(REFUND_REFERENCE, 500);
    struct gateway_result result;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memset(wechat->sealing, 0, sizeof(wechat->sealing));
        fake_script(wechat->fake, &rows[i].step, 1);
        wechat->fake->gateway.adapter->query_refund(&wechat->fake->call, &change, &result);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(wechat->fake->sent[0].url, REFUNDS "/" REFUND_REFERENCE);
    }
}

/* Bills. The fixture's bodies end at their first NUL, so the packed file comes by a client of its
 * own. */

struct bill {
    struct wechat *wechat;
    unsigned char packed[4096];
    size_t packed_bytes;
    int file_status;
    char downloaded[1024];
};

static int bill_answer(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                       struct err *err) {
    struct bill *bill = ctx;
    if (strstr(call->url, "/v3/billdownload/") == NULL) {
        return wechat_answer(bill->wechat, call, ret_answer, err);
    }
    snprintf(bill->downloaded, sizeof(bill->downloaded), "%s", call->url);
    http_answer_fill(ret_answer, bill->file_status, NULL, 0, bill->packed, bill->packed_bytes);
    return 0;
}

static void pack(struct bill *bill, const char *text) {
    z_stream stream = {.next_in = (unsigned char *)text, .avail_in = (uInt)strlen(text)};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = bill->packed;
    stream.avail_out = sizeof(bill->packed);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    bill->packed_bytes = sizeof(bill->packed) - stream.avail_out;
    deflateEnd(&stream);
}

#define BILL                                                                                       \
    "\xEF\xBB\xBF"                                                                                 \
    "time,id\r\n`2026-01-01 08:00:00,`4200\r\n"
#define FILE_URL BASE "/v3/billdownload/file?token=abc%2B1"

static int fetch(struct bill *bill, const char *kind, const char *url, const char *sum,
                 struct buf *file, struct err *err) {
    static const struct http_client_ops ops = {bill_answer, NULL};
    struct fake *fake = bill->wechat->fake;
    struct http_client *client = http_client_custom(&ops, bill);
    struct gateway_call call = fake->call;
    const struct gateway_statement statement = {kind, 2026, 1, 9};
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"hash_type\":\"SHA1\",\"hash_value\":\"%s\",\"download_url\":\"%s\"}", sum, url);
    const struct step steps[] = {{200, body}};
    fake_script(fake, steps, 1);
    call.client = client;
    call.deadline_us = fake->call.deadline_us;
    memset(err, 0, sizeof(*err));
    int rc = fake->gateway.adapter->fetch_statement(&call, &statement, file, err);
    http_client_free(client);
    return rc;
}

static void a_bill_is_unpacked_and_held_against_its_checksum(void **state) {
    static const char *const kinds[][2] = {
        {"trade", "/v3/bill/tradebill?bill_date=2026-01-09&bill_type=ALL&tar_type=GZIP"},
        {"refund", "/v3/bill/tradebill?bill_date=2026-01-09&bill_type=REFUND&tar_type=GZIP"},
        {"fund", "/v3/bill/fundflowbill?bill_date=2026-01-09&account_type=BASIC&tar_type=GZIP"},
    };
    struct bill bill = {.wechat = *state, .file_status = 200};
    char sum[SHA1_HEX_CHARS + 1], url[1024];
    struct buf file;
    struct err err;
    pack(&bill, BILL);
    crypto_sha1_hex(BILL, strlen(BILL), sum);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        buf_init(&file, 100000);
        assert_int_equal(fetch(&bill, kinds[i][0], FILE_URL, sum, &file, &err), 0);
        assert_string_equal(file.data, BILL);
        snprintf(url, sizeof(url), "%s%s", BASE, kinds[i][1]);
        assert_string_equal(bill.wechat->fake->sent[0].url, url);
        assert_string_equal(bill.downloaded, FILE_URL);
        assert_signed(bill.wechat, 0);
        buf_release(&file);
    }
}

static void a_bill_that_is_damaged_or_elsewhere_is_not_taken(void **state) {
    struct bill bill = {.wechat = *state, .file_status = 200};
    char sum[SHA1_HEX_CHARS + 1];
    struct buf file;
    struct err err;
    pack(&bill, BILL);
    crypto_sha1_hex(BILL, strlen(BILL), sum);
    static const char *const elsewhere[] = {
        "https://evil.example/v3/billdownload/file?token=a",
        BASE ".evil.example/v3/billdownload/file?token=a",
        "https://api.mch.weixin.qq.con/v3/billdownload/file?token=a",
        BASE "/v3/other?token=a",
        "http://api.mch.weixin.qq.com/v3/billdownload/file?token=a",
        BASE "/v3/billdownload/file?token=a#b",
        "",
    };
    buf_init(&file, 100000);
    for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
        bill.downloaded[0] = '\0';
        assert_int_equal(fetch(&bill, "trade", elsewhere[i], sum, &file, &err), -ERR_BAD_REQUEST);
        assert_string_equal(bill.downloaded, ""); /* no signature of ours went there */
    }
    assert_int_equal(fetch(&bill, "fees", FILE_URL, sum, &file, &err), -ERR_VALIDATION);
    sum[3] = sum[3] == '0' ? '1' : '0';
    assert_int_equal(fetch(&bill, "trade", FILE_URL, sum, &file, &err), -ERR_SIGNATURE);
    crypto_sha1_hex(BILL, strlen(BILL), sum);
    size_t whole = bill.packed_bytes;
    for (size_t cut = 0; cut < whole; cut++) {
        bill.packed_bytes = cut;
        assert_int_equal(fetch(&bill, "trade", FILE_URL, sum, &file, &err), -ERR_BAD_REQUEST);
    }
    bill.packed_bytes = whole + 1; /* something behind its end */
    assert_int_equal(fetch(&bill, "trade", FILE_URL, sum, &file, &err), -ERR_BAD_REQUEST);
    bill.packed_bytes = whole;
    bill.file_status = 500;
    assert_int_equal(fetch(&bill, "trade", FILE_URL, sum, &file, &err), -ERR_UNREACHABLE);
    assert_int_equal(file.len, 0); /* nothing of all that was handed out */
    buf_release(&file);
    buf_init(&file, 10);
    bill.file_status = 200;
    assert_int_equal(fetch(&bill, "trade", FILE_URL, sum, &file, &err), -ERR_TOO_LARGE);
    buf_release(&file);
}

static void a_bill_that_is_not_there_yet_says_so(void **state) {
    static const struct {
        struct step step;
        int rc;
    } rows[] = {
        {{400, ERROR("NO_STATEMENT_EXIST")}, -ERR_GONE},
        {{400, ERROR("STATEMENT_CREATING")}, -ERR_NOT_FOUND},
        {{400, ERROR("STATEMENTCREATING")}, -ERR_NOT_FOUND},
        {{400, ERROR("PARAM_ERROR")}, -ERR_GATEWAY_REJECTED},
        {{500, ERROR("SYSTEM_ERROR")}, -ERR_UNREACHABLE},
        {{429, ERROR("FREQUENCY_LIMITED")}, -ERR_UNREACHABLE},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, -ERR_TIMEOUT},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_RESET}, -ERR_UNREACHABLE},
    };
    struct wechat *wechat = *state;
    const struct gateway_statement statement = {"trade", 2026, 1, 9};
    struct buf file;
    struct err err;
    buf_init(&file, 1000);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memset(wechat->sealing, 0, sizeof(wechat->sealing));
        fake_script(wechat->fake, &rows[i].step, 1);
        assert_int_equal(wechat->fake->gateway.adapter->fetch_statement(&wechat->fake->call,
                                                                        &statement, &file, &err),
                         rows[i].rc);
    }
    buf_release(&file);
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, wechat_setup, wechat_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(closing_is_believed_when_the_order_says_so),
        WITH_GATEWAY(a_customer_who_was_quicker_has_paid),
        WITH_GATEWAY(every_other_answer_to_a_close_is_no_close),
        WITH_GATEWAY(a_bar_codes_payment_is_reversed),
        WITH_GATEWAY(nothing_is_held_that_could_be_captured),
        WITH_GATEWAY(a_refund_names_both_numbers_and_both_amounts),
        WITH_GATEWAY(every_state_of_a_refund_is_known),
        WITH_GATEWAY(whatever_is_unclear_about_a_refund_is_unknown),
        WITH_GATEWAY(a_refund_over_its_payment_is_refused_unsent),
        WITH_GATEWAY(a_refund_is_asked_about_by_our_number),
        WITH_GATEWAY(a_bill_is_unpacked_and_held_against_its_checksum),
        WITH_GATEWAY(a_bill_that_is_damaged_or_elsewhere_is_not_taken),
        WITH_GATEWAY(a_bill_that_is_not_there_yet_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
