/* SPDX-License-Identifier: Apache-2.0
 * test_alipay_changes.c: where an Alipay trade stands, ending one, refunds, and bills. */
#include "alipay_fixture.h"

#include "base/archive.h"

/* ---- query ---- */

static struct gateway_result queried(struct alipay *alipay, const struct gateway_lookup *lookup) {
    struct gateway_result result;
    alipay_adapter.query(&alipay->fake->call, lookup, &result);
    return result;
}

static void every_trade_status_is_one_of_ours(void **state) {
    static const struct {
        const char *trade;
        enum gateway_outcome waiting, by_code;
        int64_t captured_minor, refunded_minor;
    } rows[] = {
        {TRADE("WAIT_BUYER_PAY"), GW_ACTION_NEEDED, GW_PENDING, -1, -1},
        {TRADE("TRADE_SUCCESS"), GW_CHARGED, GW_CHARGED, 1099, -1},
        {TRADE("TRADE_FINISHED"), GW_CHARGED, GW_CHARGED, 1099, -1},
        {TRADE("TRADE_CLOSED"), GW_CANCELED, GW_CANCELED, -1, -1},
        {PAID_BACK, GW_CANCELED, GW_CANCELED, 1099, 1099},
        {TRADE("SOMETHING_NEW"), GW_UNKNOWN, GW_UNKNOWN, -1, -1},
    };
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int by_code = 0; by_code < 2; by_code++) {
            char text[4096];
            struct gateway_lookup lookup = alipay_lookup_of(by_code ? AUTH_CODE : "");
            script(alipay);
            says(alipay, "trade_query", rows[i].trade);
            struct gateway_result result = queried(alipay, &lookup);
            assert_int_equal(result.outcome, by_code ? rows[i].by_code : rows[i].waiting);
            assert_int_equal(result.amount_minor, 1099);
            assert_string_equal(result.currency.code, "CNY");
            assert_string_equal(result.gateway_id, TRADE_NO);
            assert_int_equal(result.captured_minor, rows[i].captured_minor);
            assert_int_equal(result.refunded_minor, rows[i].refunded_minor);
            assert_string_equal(sent_param(&alipay->fake->sent[0], "biz_content", text),
                                "{\"out_trade_no\":\"" REFERENCE "\"}");
            assert_string_equal(sent_param(&alipay->fake->sent[0], "notify_url", text), "");
            assert_true(alipay->fake->sent[0].repeatable);
        }
    }
}

static void a_trade_that_is_not_there_waits_until_its_end_and_is_canceled_after(void **state) {
    static const struct {
        int64_t age_s, life_s; /* life 0: not said */
        enum gateway_outcome outcome;
    } rows[] = {
        {0, 900, GW_ACTION_NEEDED}, {899, 900, GW_ACTION_NEEDED}, {1190, 900, GW_ACTION_NEEDED},
        {1300, 900, GW_CANCELED},   {1300, 0, GW_ACTION_NEEDED},  {7200, 0, GW_ACTION_NEEDED},
        {2 * 7200, 0, GW_CANCELED},
    };
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_lookup lookup = alipay_lookup_of("");
        lookup.created_us = clock_wall_us() - rows[i].age_s * US_PER_SECOND;
        lookup.expires_us = rows[i].life_s > 0 ? lookup.created_us + rows[i].life_s * US_PER_SECOND
                                               : 0;
        script(alipay);
        says(alipay, "trade_query", NO_TRADE);
        struct gateway_result result = queried(alipay, &lookup);
        assert_int_equal(result.outcome, rows[i].outcome);
        lookup = alipay_lookup_of(AUTH_CODE);
        lookup.created_us = clock_wall_us() - rows[i].age_s * US_PER_SECOND;
        script(alipay);
        says(alipay, "trade_query", NO_TRADE);
        assert_int_equal(queried(alipay, &lookup).outcome, GW_NOT_FOUND);
    }
}

static void a_question_without_an_answer_says_nothing_about_the_payment(void **state) {
    static const struct {
        const char *answer;
        enum gateway_outcome outcome;
    } rows[] = {
        {REFUSED("20000", "isp.unknow-error"), GW_UNAVAILABLE},
        {REFUSED("40004", "ACQ.SYSTEM_ERROR"), GW_UNAVAILABLE},
        {REFUSED("40004", "ACQ.INVALID_PARAMETER"), GW_UNAVAILABLE},
        {REFUSED("40004", "ACQ.NOBODY_KNOWS_THIS"), GW_UNAVAILABLE},
        {REFUSED("40005", "isv.app-call-limited"), GW_RATE_LIMITED},
        {REFUSED("40006", "isv.insufficient-isv-permissions"), GW_REJECTED_CREDENTIALS},
        {TRADE_OF("att_somebody_elses", "TRADE_SUCCESS", ""), GW_UNKNOWN},
    };
    struct alipay *alipay = *state;
    const struct gateway_lookup lookup = alipay_lookup_of("");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        script(alipay);
        says(alipay, "trade_query", rows[i].answer);
        assert_int_equal(queried(alipay, &lookup).outcome, rows[i].outcome);
    }
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        script(alipay);
        falls_silent(alipay, (int)i);
        assert_int_equal(queried(alipay, &lookup).outcome, GW_UNAVAILABLE);
    }
    script(alipay);
    says_with(alipay, 200, "alipay_trade_query_response", TRADE("TRADE_SUCCESS"), alipay->stranger,
              "");
    assert_int_equal(queried(alipay, &lookup).outcome, GW_UNAVAILABLE);
}

/* ---- ending ---- */

#define CLOSED                                                                                     \
    "{\"code\":\"10000\",\"out_trade_no\":\"" REFERENCE "\",\"trade_no\":\"" TRADE_NO "\"}"
#define CANCELLED(retry, action)                                                                   \
    "{\"code\":\"10000\",\"out_trade_no\":\"" REFERENCE "\",\"retry_flag\":\"" retry               \
    "\",\"action\":\"" action "\"}"

/* What closing or cancelling said, how the trade stands then (NULL: it is not asked), and what that
 * comes to. */
struct ending {
    const char *said, *stands;
    enum gateway_outcome outcome;
};

static void walk_endings(struct alipay *alipay, const struct ending *rows, size_t count,
                         const char *token, const char *method) {
    for (size_t i = 0; i < count; i++) {
        struct gateway_change change = alipay_change_of(token);
        struct gateway_result result;
        char text[4096], wanted[64];
        script(alipay);
        says(alipay, method, rows[i].said);
        if (rows[i].stands != NULL) {
            says(alipay, "trade_query", rows[i].stands);
        }
        alipay_adapter.cancel(&alipay->fake->call, &change, &result);
        assert_script_done(alipay->fake);
        if (result.outcome != rows[i].outcome) {
            fail_msg("row %zu: %s", i, gateway_outcome_name(result.outcome));
        }
        snprintf(wanted, sizeof(wanted), "alipay.trade.%s", method + strlen("trade_"));
        assert_string_equal(sent_param(&alipay->fake->sent[0], "method", text), wanted);
    }
}

static void a_waiting_order_is_closed_and_believed_closed_when_the_trade_says_so(void **state) {
    static const struct ending rows[] = {
        {CLOSED, TRADE("TRADE_CLOSED"), GW_CANCELED},
        {CLOSED, PAID_BACK, GW_CANCELED},
        {CLOSED, TRADE("TRADE_SUCCESS"), GW_CHARGED},
        {CLOSED, TRADE("WAIT_BUYER_PAY"), GW_UNKNOWN},
        {CLOSED, REFUSED("20000", "isp.unknow-error"), GW_UNKNOWN},
        {REFUSED("40004", "ACQ.TRADE_STATUS_ERROR"), TRADE("TRADE_SUCCESS"), GW_CHARGED},
        {REFUSED("40004", "ACQ.TRADE_STATUS_ERROR"), TRADE("TRADE_CLOSED"), GW_CANCELED},
        {REFUSED("40004", "ACQ.TRADE_STATUS_ERROR"), TRADE("WAIT_BUYER_PAY"), GW_UNKNOWN},
        {REFUSED("40004", "ACQ.TRADE_HAS_CLOSE"), TRADE("TRADE_CLOSED"), GW_CANCELED},
        {REFUSED("40004", "ACQ.SYSTEM_ERROR"), TRADE("TRADE_CLOSED"), GW_CANCELED},
        {REFUSED("40004", "ACQ.SYSTEM_ERROR"), TRADE("WAIT_BUYER_PAY"), GW_UNKNOWN},
        {REFUSED("40004", "ACQ.NOBODY_KNOWS_THIS"), TRADE("TRADE_CLOSED"), GW_CANCELED},
        {NO_TRADE, NO_TRADE, GW_ACTION_NEEDED},
        {NO_TRADE, TRADE("TRADE_SUCCESS"), GW_CHARGED},
        {REFUSED("40005", "isv.app-call-limited"), NULL, GW_RATE_LIMITED},
        {REFUSED("40006", "isv.insufficient-isv-permissions"), NULL, GW_REJECTED_CREDENTIALS},
    };
    walk_endings(*state, rows, COUNT_OF(rows), "", "trade_close");
}

static void an_order_that_nobody_opened_cannot_be_closed(void **state) {
    struct alipay *alipay = *state;
    struct gateway_change change = alipay_change_of("");
    struct gateway_result result;
    script(alipay);
    says(alipay, "trade_close", NO_TRADE);
    says(alipay, "trade_query", NO_TRADE);
    alipay_adapter.cancel(&alipay->fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_string_equal(result.common_code, "cannot_close");
}

static void an_order_that_nobody_opened_is_over_after_its_end(void **state) {
    struct alipay *alipay = *state;
    struct gateway_change change = alipay_change_of("");
    struct gateway_result result;
    change.payment.created_us = clock_wall_us() - 3600 * US_PER_SECOND;
    change.payment.expires_us = change.payment.created_us + 900 * US_PER_SECOND;
    script(alipay);
    says(alipay, "trade_close", NO_TRADE);
    says(alipay, "trade_query", NO_TRADE);
    alipay_adapter.cancel(&alipay->fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_CANCELED);
}

static void a_payment_code_is_cancelled_until_there_is_nothing_to_repeat(void **state) {
    static const struct ending rows[] = {
        {CANCELLED("N", "close"), TRADE("TRADE_CLOSED"), GW_CANCELED},
        {CANCELLED("N", "refund"), PAID_BACK, GW_CANCELED},
        {CANCELLED("N", ""), NO_TRADE, GW_CANCELED},
        {CANCELLED("N", "close"), TRADE("TRADE_SUCCESS"), GW_CHARGED},
        {CANCELLED("N", "close"), TRADE("WAIT_BUYER_PAY"), GW_UNKNOWN},
        {CANCELLED("Y", ""), NO_TRADE, GW_UNKNOWN},
        {CANCELLED("Y", ""), TRADE("WAIT_BUYER_PAY"), GW_UNKNOWN},
        {CANCELLED("Y", ""), TRADE("TRADE_CLOSED"), GW_CANCELED},
        {REFUSED("40004", "ACQ.CANCEL_NOT_ALLOWED"), TRADE("TRADE_SUCCESS"), GW_CHARGED},
        {REFUSED("40004", "ACQ.TRADE_CANCEL_TIME_OUT"), TRADE("TRADE_FINISHED"), GW_CHARGED},
        {REFUSED("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH"), TRADE("TRADE_SUCCESS"), GW_CHARGED},
        {REFUSED("40004", "ACQ.SYSTEM_ERROR"), NO_TRADE, GW_UNKNOWN},
        {REFUSED("20000", "isp.unknow-error"), NO_TRADE, GW_UNKNOWN},
        {REFUSED("40005", "isv.app-call-limited"), NULL, GW_RATE_LIMITED},
    };
    walk_endings(*state, rows, COUNT_OF(rows), AUTH_CODE, "trade_cancel");
}

static void an_unanswered_ending_is_settled_by_the_trade_alone(void **state) {
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        for (int by_code = 0; by_code < 2; by_code++) {
            struct gateway_change change = alipay_change_of(by_code ? AUTH_CODE : "");
            struct gateway_result result;
            bool unsent = fake_failures[i].reach == HTTP_NOT_SENT;
            script(alipay);
            falls_silent(alipay, (int)i);
            if (!unsent) {
                says(alipay, "trade_query", TRADE("TRADE_CLOSED"));
            }
            alipay_adapter.cancel(&alipay->fake->call, &change, &result);
            assert_script_done(alipay->fake);
            assert_int_equal(result.outcome, unsent ? GW_UNAVAILABLE : GW_CANCELED);
            if (unsent) {
                continue;
            }
            script(alipay);
            falls_silent(alipay, (int)i);
            falls_silent(alipay, (int)i);
            alipay_adapter.cancel(&alipay->fake->call, &change, &result);
            assert_int_equal(result.outcome, GW_UNKNOWN);
        }
    }
}

static void there_is_nothing_to_capture(void **state) {
    struct alipay *alipay = *state;
    struct gateway_change change = alipay_change_of("");
    struct gateway_result result;
    alipay_adapter.capture(&alipay->fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    assert_int_equal(alipay->fake->sent_count, 0);
}

/* ---- refunds ---- */

#define REFUND(change)                                                                             \
    "{\"code\":\"10000\",\"out_trade_no\":\"" REFERENCE "\",\"trade_no\":\"" TRADE_NO              \
    "\",\"fund_change\":\"" change "\",\"refund_fee\":\"7.00\"}"
#define REFUND_QUERY(more)                                                                         \
    "{\"code\":\"10000\",\"msg\":\"Success\",\"trade_no\":\"" TRADE_NO "\"" more "}"
#define NUMBER ",\"out_request_no\":\"" REFUND_REFERENCE "\""
#define REFUND_DONE                                                                                \
    REFUND_QUERY(NUMBER ",\"refund_amount\":\"5.00\",\"refund_status\":\"REFUND_SUCCESS\"")

static struct gateway_change old_change(void) {
    struct gateway_change change = alipay_change_of("");
    change.created_us -= 11 * US_PER_SECOND;
    return change;
}

static void a_refund_is_named_by_its_own_reference_and_done_when_money_moved(void **state) {
    struct alipay *alipay = *state;
    struct gateway_change change = alipay_change_of("");
    struct gateway_result result;
    char text[4096];
    change.reason = "requested_by_customer";
    script(alipay);
    says(alipay, "trade_refund", REFUND("Y"));
    alipay_adapter.refund(&alipay->fake->call, &change, &result);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_string_equal(result.refund_id, REFUND_REFERENCE);
    assert_int_equal(result.amount_minor, -1); /* refund_fee is of all its refunds together */
    assert_int_equal(result.refunded_minor, 700);
    assert_string_equal(sent_param(&alipay->fake->sent[0], "biz_content", text),
                        "{\"out_trade_no\":\"" REFERENCE "\",\"refund_amount\":\"5.00\","
                        "\"out_request_no\":\"" REFUND_REFERENCE "\",\"refund_reason\":"
                        "\"requested_by_customer\"}");
}

static void a_refund_that_moved_nothing_is_asked_about_once_it_is_old_enough(void **state) {
    struct alipay *alipay = *state;
    struct gateway_change young = alipay_change_of("");
    struct gateway_change old = old_change();
    struct gateway_result result;
    script(alipay);
    says(alipay, "trade_refund", REFUND("N"));
    alipay_adapter.refund(&alipay->fake->call, &young, &result);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    script(alipay);
    says(alipay, "trade_refund", REFUND("N"));
    says(alipay, "trade_fastpay_refund_query", REFUND_DONE);
    alipay_adapter.refund(&alipay->fake->call, &old, &result);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_int_equal(result.amount_minor, 500);
    script(alipay);
    says(alipay, "trade_refund", REFUND("N"));
    says(alipay, "trade_fastpay_refund_query", REFUND_QUERY(""));
    alipay_adapter.refund(&alipay->fake->call, &old, &result);
    assert_int_equal(result.outcome, GW_UNKNOWN);
}

static void every_refusal_of_a_refund_means_what_the_table_says(void **state) {
    static const struct {
        const char *answer;
        enum gateway_outcome outcome;
        const char *common_code;
    } rows[] = {
        {REFUSED("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH"), GW_DECLINED, "merchant_balance"},
        {REFUSED("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"), GW_DECLINED, "invalid_amount"},
        {REFUSED("40004", "ACQ.REASON_TRADE_BEEN_FREEZEN"), GW_DECLINED, "wrong_state"},
        {REFUSED("40004", "ACQ.TRADE_NOT_ALLOW_REFUND"), GW_DECLINED, "wrong_state"},
        {REFUSED("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR"), GW_DECLINED, "invalid_amount"},
        {REFUSED("40004", "ACQ.TRADE_HAS_FINISHED"), GW_DECLINED, "wrong_state"},
        {REFUSED("40004", "ACQ.TRADE_NOT_EXIST"), GW_REJECTED_REQUEST, "not_found_there"},
        {REFUSED("40004", "ACQ.TRADE_STATUS_ERROR"), GW_REJECTED_REQUEST, "wrong_state"},
        {REFUSED("40004", "ACQ.TRADE_HAS_CLOSE"), GW_REJECTED_REQUEST, "wrong_state"},
        {REFUSED("40004", "ACQ.INVALID_PARAMETER"), GW_REJECTED_REQUEST, "invalid_request"},
        {REFUSED("40004", "ACQ.DISCORDANT_REPEAT_REQUEST"), GW_UNKNOWN, "already_done"},
        {REFUSED("40004", "ACQ.SYSTEM_ERROR"), GW_UNKNOWN, "gateway_error"},
        {REFUSED("40004", "AQC.SYSTEM_ERROR"), GW_UNKNOWN, "gateway_error"},
        {REFUSED("20000", "isp.unknow-error"), GW_UNKNOWN, "gateway_error"},
        {REFUSED("40004", "ACQ.NOBODY_KNOWS_THIS"), GW_UNKNOWN, "gateway_error"},
        {REFUSED("40005", "isv.app-call-limited"), GW_RATE_LIMITED, "rate_limited"},
        {REFUSED("40002", "isv.invalid-signature"), GW_REJECTED_CREDENTIALS, "credentials"},
    };
    struct alipay *alipay = *state;
    struct gateway_change change = alipay_change_of("");
    struct gateway_result result;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        script(alipay);
        says(alipay, "trade_refund", rows[i].answer);
        alipay_adapter.refund(&alipay->fake->call, &change, &result);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.common_code, rows[i].common_code);
    }
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        script(alipay);
        falls_silent(alipay, (int)i);
        alipay_adapter.refund(&alipay->fake->call, &change, &result);
        assert_int_equal(result.outcome,
                         fake_failures[i].reach == HTTP_NOT_SENT ? GW_UNAVAILABLE : GW_UNKNOWN);
    }
}

static void a_refund_query_is_success_only_when_it_says_that_money_went_back(void **state) {
    static const struct {
        const char *answer;
        enum gateway_outcome outcome;
    } rows[] = {
        {REFUND_DONE, GW_REFUNDED},
        {REFUND_QUERY(NUMBER ",\"refund_amount\":\"5.00\""), GW_REFUNDED},
        {REFUND_QUERY(",\"refund_status\":\"REFUND_SUCCESS\""), GW_REFUNDED},
        {REFUND_QUERY(""), GW_NOT_FOUND},
        {REFUND_QUERY(NUMBER), GW_NOT_FOUND},
        {REFUND_QUERY(NUMBER ",\"refund_amount\":\"5.00\",\"refund_status\":\"SOMETHING\""),
         GW_UNKNOWN},
        {REFUND_QUERY(",\"out_request_no\":\"re_other\",\"refund_status\":\"REFUND_SUCCESS\""),
         GW_UNKNOWN},
        {NO_TRADE, GW_UNKNOWN},
        {REFUSED("40004", "ACQ.SYSTEM_ERROR"), GW_UNAVAILABLE},
        {REFUSED("40005", "isv.app-call-limited"), GW_RATE_LIMITED},
    };
    struct alipay *alipay = *state;
    struct gateway_change change = old_change();
    struct gateway_result result;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[4096];
        script(alipay);
        says(alipay, "trade_fastpay_refund_query", rows[i].answer);
        alipay_adapter.query_refund(&alipay->fake->call, &change, &result);
        if (result.outcome != rows[i].outcome) {
            fail_msg("row %zu: %s", i, gateway_outcome_name(result.outcome));
        }
        assert_string_equal(sent_param(&alipay->fake->sent[0], "biz_content", text),
                            "{\"out_trade_no\":\"" REFERENCE
                            "\",\"out_request_no\":\"" REFUND_REFERENCE "\"}");
    }
}

static void a_refund_is_not_asked_about_in_its_first_ten_seconds(void **state) {
    struct alipay *alipay = *state;
    struct gateway_change change = alipay_change_of("");
    struct gateway_result result;
    change.created_us -= 5 * US_PER_SECOND;
    script(alipay);
    alipay_adapter.query_refund(&alipay->fake->call, &change, &result);
    assert_int_equal(alipay->fake->sent_count, 0);
    assert_int_equal(result.outcome, GW_UNKNOWN);
}

static void a_refund_of_other_money_is_refused_unsent(void **state) {
    struct alipay *alipay = *state;
    struct gateway_result result;
    for (int i = 0; i < 3; i++) {
        struct gateway_change change = alipay_change_of("");
        change.amount_minor = i == 0 ? 0 : 500;
        change.payment.currency = money_of(i == 1 ? "USD" : "CNY");
        change.reference = i == 2 ? "re-1" : REFUND_REFERENCE;
        script(alipay);
        alipay_adapter.refund(&alipay->fake->call, &change, &result);
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_int_equal(alipay->fake->sent_count, 0);
    }
}

/* ---- bills ---- */

#define BILL_URL "https://dwbillcenter.alipay.com/downloadBillFile.resource?bizType=trade&fileId=1"
#define BILL_NAME "20881021462251350156_20261121_\xD2\xB5\xCE\xF1\xC3\xF7\xCF\xB8.csv"
#define SUMMARY_NAME                                                                               \
    "20881021462251350156_20261121_\xD2\xB5\xCE\xF1\xC3\xF7\xCF\xB8(\xBB\xE3\xD7\xDC).csv"
#define BILL_TEXT "#\xD6\xA7\xB8\xB6\xB1\xA6\xD2\xB5\xCE\xF1\r\n1,2,3\r\n"

static int fetched(struct alipay *alipay, const char *kind, struct buf *file, struct err *err) {
    const struct gateway_statement statement = {.kind = kind, .year = 2026, .month = 11, .day = 21};
    return alipay_adapter.fetch_statement(&alipay->fake->call, &statement, file, err);
}

static void a_bill_comes_out_of_its_archive_as_it_was_published(void **state) {
    static const struct archive_file files[] = {
        {SUMMARY_NAME, "the summary", 11},
        {BILL_NAME, BILL_TEXT, sizeof(BILL_TEXT) - 1},
    };
    struct alipay *alipay = *state;
    struct err err = {0};
    char text[4096];
    BUF_AUTO zip;
    BUF_AUTO file;
    buf_init(&zip, 1 << 20);
    buf_init(&file, 1 << 20);
    assert_int_equal(archive_zip_write(files, COUNT_OF(files), &zip, &err), 0);
    says(alipay, "data_dataservice_bill_downloadurl_query",
         "{\"code\":\"10000\",\"msg\":\"Success\",\"bill_download_url\":\"" BILL_URL "\"}");
    add_step(alipay, (struct step){.status = 200, .body = zip.data, .body_bytes = zip.len});
    if (fetched(alipay, "trade", &file, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_int_equal(file.len, sizeof(BILL_TEXT) - 1);
    assert_memory_equal(file.data, BILL_TEXT, file.len);
    assert_string_equal(sent_param(&alipay->fake->sent[0], "biz_content", text),
                        "{\"bill_type\":\"trade\",\"bill_date\":\"2026-11-21\"}");
    assert_string_equal(alipay->fake->sent[1].method, "GET");
    assert_string_equal(alipay->fake->sent[1].url, BILL_URL);
}

static void a_bill_that_is_not_there_or_not_to_be_trusted_is_an_error(void **state) {
    static const struct {
        const char *answer;
        enum err_code code;
    } rows[] = {
        {REFUSED("40004", "isp.bill_not_exist"), ERR_NOT_FOUND},
        {REFUSED("40004", "invalid_arguments"), ERR_GATEWAY_REJECTED},
        {REFUSED("20000", "isp.unknow-error"), ERR_GATEWAY},
        {"{\"code\":\"10000\"}", ERR_BAD_REQUEST},
        {"{\"code\":\"10000\",\"bill_download_url\":\"http://bills.example/x\"}", ERR_BAD_REQUEST},
        {"{\"code\":\"10000\",\"bill_download_url\":\"http://127.0.0.1/x\"}", ERR_BAD_REQUEST},
        {"{\"code\":\"10000\",\"bill_download_url\":\"file:///etc/passwd\"}", ERR_BAD_REQUEST},
    };
    struct alipay *alipay = *state;
    struct err err = {0};
    BUF_AUTO file;
    buf_init(&file, 1 << 20);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        script(alipay);
        says(alipay, "data_dataservice_bill_downloadurl_query", rows[i].answer);
        assert_int_equal(fetched(alipay, "trade", &file, &err), -(int)rows[i].code);
    }
    script(alipay);
    says_with(alipay, 200, "alipay_data_dataservice_bill_downloadurl_query_response",
              "{\"code\":\"10000\",\"bill_download_url\":\"" BILL_URL "\"}", alipay->stranger, "");
    assert_int_equal(fetched(alipay, "trade", &file, &err), -ERR_SIGNATURE);
    script(alipay);
    assert_int_equal(fetched(alipay, "fund", &file, &err), -ERR_VALIDATION);
    static const struct step downloads[] = {{.status = 404, .body = "gone"},
                                            {.status = 200, .body = "no archive"}};
    for (size_t i = 0; i < COUNT_OF(downloads); i++) {
        script(alipay);
        says(alipay, "data_dataservice_bill_downloadurl_query",
             "{\"code\":\"10000\",\"bill_download_url\":\"" BILL_URL "\"}");
        add_step(alipay, downloads[i]);
        assert_int_equal(fetched(alipay, "trade", &file, &err),
                         i == 0 ? -ERR_GATEWAY : -ERR_BAD_REQUEST);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, alipay_setup, alipay_teardown)
        TEST(every_trade_status_is_one_of_ours),
        TEST(a_trade_that_is_not_there_waits_until_its_end_and_is_canceled_after),
        TEST(a_question_without_an_answer_says_nothing_about_the_payment),
        TEST(a_waiting_order_is_closed_and_believed_closed_when_the_trade_says_so),
        TEST(an_order_that_nobody_opened_cannot_be_closed),
        TEST(an_order_that_nobody_opened_is_over_after_its_end),
        TEST(a_payment_code_is_cancelled_until_there_is_nothing_to_repeat),
        TEST(an_unanswered_ending_is_settled_by_the_trade_alone),
        TEST(there_is_nothing_to_capture),
        TEST(a_refund_is_named_by_its_own_reference_and_done_when_money_moved),
        TEST(a_refund_that_moved_nothing_is_asked_about_once_it_is_old_enough),
        TEST(every_refusal_of_a_refund_means_what_the_table_says),
        TEST(a_refund_query_is_success_only_when_it_says_that_money_went_back),
        TEST(a_refund_is_not_asked_about_in_its_first_ten_seconds),
        TEST(a_refund_of_other_money_is_refused_unsent),
        TEST(a_bill_comes_out_of_its_archive_as_it_was_published),
        TEST(a_bill_that_is_not_there_or_not_to_be_trusted_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
