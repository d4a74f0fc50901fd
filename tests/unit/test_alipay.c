/* SPDX-License-Identifier: Apache-2.0
 * test_alipay.c: asking for money at Alipay: what is sent in each flow, and what every answer, and
 * none, means. */
#include "alipay_fixture.h"

#define PAID TRADE("TRADE_SUCCESS")
#define PRECREATED                                                                                 \
    "{\"code\":\"10000\",\"msg\":\"Success\",\"out_trade_no\":\"" REFERENCE                        \
    "\",\"qr_code\":\"https:\\/\\/qr.alipay.com\\/bax03206ug0kulveltqc80a8\"}"

/* ---- what is sent ---- */

static void assert_param(const struct sent *sent, const char *name, const char *value) {
    char text[4096];
    assert_string_equal(sent_param(sent, name, text), value);
}

/* Verified as Alipay would: over what arrived, with the shop's public key. */
static void assert_signed(const char *query, const char *body) {
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct alipay_form form = {0};
    struct err err;
    struct buf all;
    buf_init(&all, 1 << 20);
    buf_addf(&all, "%s&%s", query, body);
    size_t count = vector_read("merchant.pub.pem", pem);
    assert_int_equal(rsa_key_public(pem, count, &key, &err), 0);
    assert_int_equal(alipay_form_read(&form, all.data, all.len, &err), 0);
    assert_true(alipay_sign_verify(key, form.params, form.count, ALIPAY_REQUEST,
                                   alipay_form_get(&form, "sign")));
    alipay_form_release(&form);
    rsa_key_free(key);
    buf_release(&all);
}

static void a_qr_code_is_asked_for_by_one_signed_call(void **state) {
    struct alipay *alipay = *state;
    struct sent *sent = &alipay->fake->sent[0];
    script(alipay);
    says(alipay, "trade_precreate", PRECREATED);
    struct gateway_result result = alipay_charged(alipay, FLOW_QR, "");
    assert_script_done(alipay->fake);
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_int_equal(result.action, ACTION_QR);
    assert_string_equal(result.action_data, QR);
    assert_string_equal(sent->method, "POST");
    assert_int_equal(strncmp(sent->url, BASE "/gateway.do?", strlen(BASE "/gateway.do?")), 0);
    assert_string_equal(sent->headers,
                        "Content-Type: application/x-www-form-urlencoded;charset=utf-8\n"
                        "Accept: application/json\n");
    assert_param(sent, "app_id", APP_ID);
    assert_param(sent, "method", "alipay.trade.precreate");
    assert_param(sent, "format", "JSON");
    assert_param(sent, "charset", "utf-8");
    assert_param(sent, "sign_type", "RSA2");
    assert_param(sent, "version", "1.0");
    assert_param(sent, "notify_url", NOTIFY_URL);
    assert_param(sent, "return_url", "");
    assert_param(sent, "app_cert_sn", "");
    assert_param(sent, "biz_content",
                 "{\"out_trade_no\":\"" REFERENCE "\",\"total_amount\":\"10.99\",\"subject\":"
                 "\"两杯茶 & more\",\"passback_params\":\"o%201\",\"seller_id\":\"" SELLER_ID "\","
                 "\"qr_code_timeout_express\":\"120m\",\"timeout_express\":\"120m\"}");
    char text[4096];
    int64_t stamped_us = 0;
    assert_true(clock_parse_at(sent_param(sent, "timestamp", text), BEIJING_MINUTES, &stamped_us));
    assert_true(stamped_us <= clock_wall_us() && stamped_us > clock_wall_us() - 60 * US_PER_SECOND);
    assert_signed(strchr(sent->url, '?') + 1, sent->body);
    assert_ptr_equal(sent->bulkhead, alipay->fake->gateway.bulkhead);
}

static void a_qr_codes_life_is_the_orders_in_whole_minutes(void **state) {
    static const struct {
        int64_t seconds;
        const char *minutes;
    } rows[] = {{1, "1m"}, {119, "1m"}, {900, "15m"}, {86400, "120m"}};
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[4096], wanted[64];
        struct gateway_charge charge = alipay_charge_of(FLOW_QR, "");
        struct gateway_result result;
        charge.expires_us = charge.created_us + rows[i].seconds * US_PER_SECOND;
        script(alipay);
        says(alipay, "trade_precreate", PRECREATED);
        alipay_adapter.charge(&alipay->fake->call, &charge, &result);
        assert_int_equal(result.action_expires_us, charge.expires_us);
        snprintf(wanted, sizeof(wanted), "\"qr_code_timeout_express\":\"%s\"", rows[i].minutes);
        assert_non_null(strstr(sent_param(&alipay->fake->sent[0], "biz_content", text), wanted));
    }
}

static void pages_and_the_app_are_signed_requests_and_no_call(void **state) {
    static const struct {
        enum gateway_flow flow;
        const char *method, *product_code;
        enum gateway_action action;
    } rows[] = {
        {0, "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY", ACTION_REDIRECT},
        {FLOW_PAGE, "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY", ACTION_REDIRECT},
        {FLOW_MOBILE, "alipay.trade.wap.pay", "QUICK_WAP_WAY", ACTION_REDIRECT},
        {FLOW_APP, "alipay.trade.app.pay", "QUICK_MSECURITY_PAY", ACTION_APP},
    };
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        script(alipay);
        struct gateway_result result = alipay_charged(alipay, rows[i].flow, "");
        assert_int_equal(alipay->fake->sent_count, 0);
        assert_int_equal(result.outcome, GW_ACTION_NEEDED);
        assert_int_equal(result.action, rows[i].action);
        assert_int_equal(result.reach, 0);
        bool app = rows[i].action == ACTION_APP;
        const char *query = app ? result.action_data : strchr(result.action_data, '?') + 1;
        if (!app) {
            assert_int_equal(strncmp(result.action_data, BASE "/gateway.do?", 12), 0);
        }
        assert_signed(query, "");
        struct alipay_form form = {0};
        struct err err;
        assert_int_equal(alipay_form_read(&form, query, strlen(query), &err), 0);
        assert_string_equal(alipay_form_get(&form, "method"), rows[i].method);
        assert_string_equal(alipay_form_get(&form, "notify_url"), NOTIFY_URL);
        assert_string_equal(alipay_form_get(&form, "return_url"),
                            app ? "" : "https://shop.example/back?a=1&b=2");
        json_t *biz = json_loads(alipay_form_get(&form, "biz_content"), 0, NULL);
        assert_string_equal(json_peek_text(biz, "product_code", NULL), rows[i].product_code);
        assert_string_equal(json_peek_text(biz, "total_amount", NULL), "10.99");
        int64_t ends_us = 0;
        assert_true(
            clock_parse_at(json_peek_text(biz, "time_expire", NULL), BEIJING_MINUTES, &ends_us));
        assert_int_equal(ends_us / US_PER_SECOND, result.action_expires_us / US_PER_SECOND);
        assert_int_equal(json_peek_text(biz, "quit_url", NULL) != NULL,
                         rows[i].flow == FLOW_MOBILE);
        json_decref(biz);
        alipay_form_release(&form);
    }
}

static void a_page_that_is_too_long_for_an_address_is_refused(void **state) {
    struct alipay *alipay = *state;
    struct gateway_charge charge = alipay_charge_of(FLOW_PAGE, "");
    struct gateway_result result;
    char url[4096] = "https://shop.example/";
    memset(url + strlen(url), '&', 2000);
    charge.return_url = url;
    script(alipay);
    alipay_adapter.charge(&alipay->fake->call, &charge, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    assert_string_equal(result.action_data, "");
}

static void a_payment_code_is_charged_by_one_call_that_is_never_repeated(void **state) {
    struct alipay *alipay = *state;
    script(alipay);
    says(alipay, "trade_pay", PAID);
    struct gateway_result result = alipay_charged(alipay, 0, AUTH_CODE);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(result.gateway_id, TRADE_NO);
    assert_int_equal(result.amount_minor, 1099);
    assert_int_equal(result.captured_minor, 1099);
    assert_string_equal(result.currency.code, "CNY");
    assert_false(alipay->fake->sent[0].repeatable);
    assert_param(&alipay->fake->sent[0], "biz_content",
                 "{\"out_trade_no\":\"" REFERENCE "\",\"total_amount\":\"10.99\",\"subject\":"
                 "\"两杯茶 & more\",\"passback_params\":\"o%201\",\"seller_id\":\"" SELLER_ID
                 "\",\"scene\":\"bar_code\","
                 "\"auth_code\":\"" AUTH_CODE "\",\"timeout_express\":\"120m\"}");
}

static void certificate_mode_names_the_certificates_and_believes_the_named_one(void **state) {
    struct alipay *alipay = alipay_new(true);
    says_with(alipay, 200, "alipay_trade_precreate_response", PRECREATED, alipay->platform,
              ",\"alipay_cert_sn\":\"" CERT_SN_PLATFORM "\"");
    assert_int_equal(alipay_charged(alipay, FLOW_QR, "").outcome, GW_ACTION_NEEDED);
    assert_param(&alipay->fake->sent[0], "app_cert_sn", CERT_SN_MERCHANT);
    assert_param(&alipay->fake->sent[0], "alipay_root_cert_sn", CERT_SN_PLATFORM);
    assert_signed(strchr(alipay->fake->sent[0].url, '?') + 1, alipay->fake->sent[0].body);
    script(alipay);
    says_with(alipay, 200, "alipay_trade_precreate_response", PRECREATED, alipay->platform,
              ",\"alipay_cert_sn\":\"" CERT_SN_MERCHANT "\"");
    struct gateway_result result = alipay_charged(alipay, FLOW_QR, "");
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_string_equal(result.common_code, "bad_signature");
    alipay_free(alipay);
}

static void what_cannot_be_asked_is_refused_before_anything_is_sent(void **state) {
    static const struct {
        const char *reference, *currency, *token, *common_code;
        int64_t amount_minor;
        enum payment_method method;
        bool off_session, hold;
    } rows[] = {
        {"att-1", "CNY", "", "invalid_request", 100, METHOD_ALIPAY, false, false},
        {"att 1", "CNY", "", "invalid_request", 100, METHOD_ALIPAY, false, false},
        {REFERENCE, "USD", "", "invalid_amount", 100, METHOD_ALIPAY, false, false},
        {REFERENCE, "CNY", "", "invalid_amount", 0, METHOD_ALIPAY, false, false},
        {REFERENCE, "CNY", "", "invalid_amount", -1, METHOD_ALIPAY, false, false},
        {REFERENCE, "CNY", "", "invalid_request", 100, METHOD_CARD, false, false},
        {REFERENCE, "CNY", "", "token_missing", 100, METHOD_ALIPAY, true, false},
        {REFERENCE, "CNY", "", "invalid_request", 100, METHOD_ALIPAY, false, true},
        {REFERENCE, "CNY", "248765432109876543", "token_unusable", 100, METHOD_ALIPAY, false,
         false},
        {REFERENCE, "CNY", "318765432109876543", "token_unusable", 100, METHOD_ALIPAY, false,
         false},
        {REFERENCE, "CNY", "25876543210987", "token_unusable", 100, METHOD_ALIPAY, false, false},
        {REFERENCE, "CNY", "2587654321098765432109876", "token_unusable", 100, METHOD_ALIPAY, false,
         false},
        {REFERENCE, "CNY", "25876543210987654x", "token_unusable", 100, METHOD_ALIPAY, false,
         false},
    };
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_charge charge = alipay_charge_of(FLOW_QR, rows[i].token);
        struct gateway_result result;
        charge.reference = rows[i].reference;
        charge.currency = money_of(rows[i].currency);
        charge.amount_minor = rows[i].amount_minor;
        charge.method = rows[i].method;
        charge.off_session = rows[i].off_session;
        charge.capture = !rows[i].hold;
        script(alipay);
        alipay_adapter.charge(&alipay->fake->call, &charge, &result);
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_string_equal(result.common_code, rows[i].common_code);
        assert_int_equal(alipay->fake->sent_count, 0);
    }
}

/* ---- what answers mean ---- */

/* One row of the table, as by hand from the fact sheet's classes: what it means for a payment code
 * and for a QR code. Families are asked by a member. */
static const struct {
    const char *code, *sub_code;
    enum gateway_outcome paid, shown;
    const char *common_code;
    const char *paid_code; /* when it is another for a payment code */
} refusals[] = {
    {"20000", "isp.unknow-error", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
    {"20000", "isp.unknown-error", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
    {"20000", "aop.unknow-error", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
    {"20000", "aop.unknown-error", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
    {"20000", "nobody.knows-this", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
    {"10003", "", GW_PENDING, GW_UNAVAILABLE, "in_progress"},
    {"40004", "ACQ.SYSTEM_ERROR", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
    {"40004", "AQC.SYSTEM_ERROR", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
    {"40004", "ACQ.INVOKE_TIMEOUT", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_no_answer"},
    {"40004", "ACQ.PAYMENT_UNKNOW", GW_UNKNOWN, GW_UNAVAILABLE, "in_progress"},
    {"40004", "ACQ.PAYMENT_UNKNOWN", GW_UNKNOWN, GW_UNAVAILABLE, "in_progress"},
    {"40004", "ACQ.DISCORDANT_REPEAT_REQUEST", GW_UNKNOWN, GW_UNAVAILABLE, "already_done"},
    {"40004", "ACQ.NOBODY_KNOWS_THIS", GW_UNKNOWN, GW_UNAVAILABLE, "gateway_error"},
#define BUYER(code, common)                                                                        \
    { "40004", code, GW_DECLINED, GW_REJECTED_REQUEST, common }
    BUYER("ACQ.BUYER_BALANCE_NOT_ENOUGH", "insufficient_funds"),
    BUYER("ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH", "insufficient_funds"),
    BUYER("ACQ.ERROR_BALANCE_PAYMENT_DISABLE", "invalid_account"),
    BUYER("ACQ.BUYER_SELLER_EQUAL", "not_permitted"),
    BUYER("ACQ.PAYMENT_FAIL", "generic_decline"),
    BUYER("ACQ.PAYMENT_REQUEST_HAS_RISK", "fraud_suspected"),
    BUYER("ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", "limit_exceeded"),
    BUYER("ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR", "limit_exceeded"),
    BUYER("ACQ.PAYMENT_AUTH_CODE_INVALID", "token_unusable"),
    BUYER("ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE", "generic_decline"),
    BUYER("ACQ.BUYER_ENABLE_STATUS_FORBID", "invalid_account"),
    BUYER("ACQ.NOT_CERTIFIED_USER", "invalid_account"),
    BUYER("ACQ.USER_FACE_PAYMENT_SWITCH_OFF", "not_permitted"),
    BUYER("ACQ.PULL_MOBILE_CASHIER_FAIL", "generic_decline"),
    BUYER("ACQ.MOBILE_PAYMENT_SWITCH_OFF", "not_permitted"),
    BUYER("ACQ.SELLER_BALANCE_NOT_ENOUGH", "merchant_balance"),
    BUYER("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "invalid_amount"),
    BUYER("ACQ.REASON_TRADE_BEEN_FREEZEN", "wrong_state"),
    BUYER("ACQ.TRADE_NOT_ALLOW_REFUND", "wrong_state"),
    BUYER("ACQ.REASON_TRADE_REFUND_FEE_ERR", "invalid_amount"),
    BUYER("ACQ.CANCEL_NOT_ALLOWED", "wrong_state"),
    BUYER("ACQ.TRADE_CANCEL_TIME_OUT", "wrong_state"),
#define SAME(code, sub_code, outcome, common)                                                      \
    { code, sub_code, outcome, outcome, common }
    SAME("40004", "ACQ.INVALID_PARAMETER", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40004", "ACQ.CONTEXT_INCONSISTENT", GW_REJECTED_REQUEST, "reference_conflict"),
    SAME("40004", "ACQ.TOTAL_FEE_EXCEED", GW_REJECTED_REQUEST, "invalid_amount"),
    SAME("40004", "ACQ.EXIST_FORBIDDEN_WORD", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40004", "ACQ.ACCESS_FORBIDDEN", GW_REJECTED_REQUEST, "merchant_account"),
    SAME("40004", "ACQ.PARTNER_ERROR", GW_REJECTED_REQUEST, "merchant_account"),
    SAME("40004", "ACQ.SELLER_BEEN_BLOCKED", GW_REJECTED_REQUEST, "merchant_account"),
    SAME("40004", "ACQ.BEYOND_PAY_RESTRICTION", GW_REJECTED_REQUEST, "limit_exceeded"),
    SAME("40004", "ACQ.BEYOND_PER_RECEIPT_RESTRICTION", GW_REJECTED_REQUEST, "limit_exceeded"),
    SAME("40004", "ACQ.MERCHANT_AGREEMENT_INVALID", GW_REJECTED_REQUEST, "merchant_account"),
    SAME("40001", "isv.missing-app-id", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40002", "isv.invalid-timestamp", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40002", "isv.suspected-attack", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40002", "isv.invalid-signature", GW_REJECTED_CREDENTIALS, "credentials"),
    SAME("40002", "isv.invalid-app-id", GW_REJECTED_CREDENTIALS, "credentials"),
    SAME("40002", "isv.something-else", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40001", "", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40002", "", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40003", "", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("40002", "invalid_arguments", GW_REJECTED_REQUEST, "invalid_request"),
    SAME("20001", "aop.invalid-auth-token", GW_REJECTED_CREDENTIALS, "credentials"),
    SAME("40006", "isv.insufficient-isv-permissions", GW_REJECTED_CREDENTIALS, "credentials"),
    SAME("40006", "", GW_REJECTED_CREDENTIALS, "credentials"),
    SAME("40005", "isv.app-call-limited", GW_RATE_LIMITED, "rate_limited"),
    SAME("40005", "isv.method-call-limited", GW_RATE_LIMITED, "rate_limited"),
    SAME("40005", "", GW_RATE_LIMITED, "rate_limited"),
    {"40004", "isp.bill_not_exist", GW_UNKNOWN, GW_UNAVAILABLE, "not_found_there",
     "gateway_no_answer"},
    {"40004", "ACQ.TRADE_NOT_EXIST", GW_UNKNOWN, GW_UNAVAILABLE, "not_found_there",
     "gateway_no_answer"},
};

static const char *refused(const char *code, const char *sub_code, char text[512]) {
    if (sub_code[0] == '\0') {
        snprintf(text, 512, "{\"code\":\"%s\",\"msg\":\"it says so\"}", code);
    } else {
        snprintf(text, 512,
                 "{\"code\":\"%s\",\"msg\":\"Failed\",\"sub_code\":\"%s\",\"sub_msg\":\"it says "
                 "so\"}",
                 code, sub_code);
    }
    return text;
}

static void every_refusal_means_what_the_table_says(void **state) {
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        char text[512];
        for (int shown = 0; shown < 2; shown++) {
            script(alipay);
            says(alipay, shown ? "trade_precreate" : "trade_pay",
                 refused(refusals[i].code, refusals[i].sub_code, text));
            struct gateway_result result = alipay_charged(alipay, FLOW_QR, shown ? "" : AUTH_CODE);
            enum gateway_outcome wanted = shown ? refusals[i].shown : refusals[i].paid;
            const char *common = shown || refusals[i].paid_code == NULL ? refusals[i].common_code
                                                                        : refusals[i].paid_code;
            if (result.outcome != wanted || strcmp(result.common_code, common) != 0) {
                fail_msg("%s %s: %s %s", refusals[i].code, refusals[i].sub_code,
                         gateway_outcome_name(result.outcome), result.common_code);
            }
            assert_string_equal(result.code, refusals[i].sub_code[0] != '\0' ? refusals[i].sub_code
                                                                             : refusals[i].code);
            assert_string_equal(result.message, "it says so");
            assert_string_equal(result.action_data, "");
        }
    }
}

/* A row that is added without a case above fails here. */
static void every_row_of_the_table_has_a_case(void **state) {
    for (int i = 0; i < alipay_adapter.error_count; i++) {
        const char *code = alipay_adapter.errors[i].code;
        size_t count = strlen(code);
        bool family = code[count - 1] == '*';
        bool found = alipay_code_is_done(code); /* these have a test of their own */
        for (size_t k = 0; k < COUNT_OF(refusals) && !found; k++) {
            found = strcmp(refusals[k].sub_code, code) == 0 ||
                    strcmp(refusals[k].code, code) == 0 ||
                    (family && strncmp(refusals[k].sub_code, code, count - 1) == 0);
        }
        if (!found) {
            fail_msg("%s has no case", code);
        }
    }
}

static void it_was_done_before_is_answered_by_asking_the_trade(void **state) {
    static const char *const codes[] = {"ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE",
                                        "ACQ.TRADE_HAS_FINISHED", "ACQ.TRADE_STATUS_ERROR"};
    static const struct {
        const char *trade;
        enum gateway_outcome paid, shown;
    } trades[] = {
        {TRADE("TRADE_SUCCESS"), GW_CHARGED, GW_CHARGED},
        {TRADE("TRADE_FINISHED"), GW_CHARGED, GW_CHARGED},
        {TRADE("TRADE_CLOSED"), GW_CANCELED, GW_CANCELED},
        {TRADE("WAIT_BUYER_PAY"), GW_PENDING, GW_ACTION_NEEDED},
        {TRADE("SOMETHING_NEW"), GW_UNKNOWN, GW_UNKNOWN},
        {REFUSED("20000", "isp.unknow-error"), GW_UNKNOWN, GW_UNKNOWN},
        {REFUSED("40005", "isv.app-call-limited"), GW_UNKNOWN, GW_UNKNOWN},
        {TRADE_OF("att_somebody_elses", "TRADE_SUCCESS", ""), GW_UNKNOWN, GW_UNKNOWN},
    };
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        for (size_t k = 0; k < COUNT_OF(trades); k++) {
            for (int shown = 0; shown < 2; shown++) {
                char text[512];
                script(alipay);
                says(alipay, shown ? "trade_precreate" : "trade_pay",
                     refused("40004", codes[i], text));
                says(alipay, "trade_query", trades[k].trade);
                struct gateway_result result = alipay_charged(alipay, FLOW_QR,
                                                              shown ? "" : AUTH_CODE);
                assert_script_done(alipay->fake);
                assert_int_equal(result.outcome, shown ? trades[k].shown : trades[k].paid);
            }
        }
    }
}

static void
an_unanswered_payment_code_is_unknown_and_an_unanswered_qr_code_is_no_charge(void **state) {
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        bool unsent = fake_failures[i].reach == HTTP_NOT_SENT;
        script(alipay);
        falls_silent(alipay, (int)i);
        assert_int_equal(alipay_charged(alipay, 0, AUTH_CODE).outcome,
                         unsent ? GW_UNAVAILABLE : GW_UNKNOWN);
        script(alipay);
        falls_silent(alipay, (int)i);
        struct gateway_result result = alipay_charged(alipay, FLOW_QR, "");
        assert_int_equal(result.outcome, GW_UNAVAILABLE);
        assert_int_equal(result.action, ACTION_NONE);
    }
}

/* ---- what is believed ---- */

static void an_answer_that_is_not_signed_by_alipay_is_not_believed(void **state) {
    struct alipay *alipay = *state;
    const struct rsa_key *const signers[] = {NULL, alipay->stranger};
    for (size_t i = 0; i < COUNT_OF(signers); i++) {
        static const char *const answers[] = {
            PAID, REFUSED("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH"),
            REFUSED("40004", "ACQ.TRADE_HAS_CLOSE"), REFUSED("10003", "x"),
            REFUSED("40002", "ACQ.ACCESS_FORBIDDEN")};
        for (size_t k = 0; k < COUNT_OF(answers); k++) {
            script(alipay);
            says_with(alipay, 200, "alipay_trade_pay_response", answers[k], signers[i], "");
            struct gateway_result result = alipay_charged(alipay, 0, AUTH_CODE);
            assert_int_equal(result.outcome, GW_UNKNOWN);
            assert_string_equal(result.common_code, "bad_signature");
            script(alipay);
            says_with(alipay, 200, "alipay_trade_precreate_response", PRECREATED, signers[i], "");
            result = alipay_charged(alipay, FLOW_QR, "");
            assert_int_equal(result.outcome, GW_UNAVAILABLE);
            assert_string_equal(result.action_data, "");
        }
    }
}

static void alipays_own_trouble_is_told_as_such_and_not_as_a_wrong_signature(void **state) {
    struct alipay *alipay = *state;
    const struct rsa_key *const signers[] = {NULL, alipay->stranger};
    static const char *const told[] = {"gateway_error", "bad_signature"};
    for (size_t i = 0; i < COUNT_OF(signers); i++) {
        script(alipay);
        says_with(alipay, 503, "error_response", REFUSED("20000", "isp.unknow-error"), signers[i],
                  "");
        struct gateway_result result = alipay_charged(alipay, 0, AUTH_CODE);
        assert_int_equal(result.outcome, GW_UNKNOWN);
        assert_string_equal(result.common_code, told[i]);
        assert_string_equal(result.code, i == 0 ? "isp.unknow-error" : "");
        script(alipay);
        says_with(alipay, 503, "error_response", REFUSED("20000", "isp.unknow-error"), signers[i],
                  "");
        result = alipay_charged(alipay, FLOW_QR, "");
        assert_int_equal(result.outcome, GW_UNAVAILABLE);
        assert_string_equal(result.common_code, told[i]);
    }
}

static void without_a_signature_only_a_refusal_at_the_entrance_is_believed(void **state) {
    static const struct {
        const char *code, *sub_code;
        enum gateway_outcome outcome;
    } rows[] = {
        {"40002", "isv.invalid-signature", GW_REJECTED_CREDENTIALS},
        {"40002", "isv.invalid-app-id", GW_REJECTED_CREDENTIALS},
        {"40001", "isv.missing-method", GW_REJECTED_REQUEST},
        {"40005", "isv.app-call-limited", GW_RATE_LIMITED},
        {"40006", "isv.insufficient-isv-permissions", GW_REJECTED_CREDENTIALS},
        {"20001", "", GW_REJECTED_CREDENTIALS},
        {"20000", "isp.unknow-error", GW_UNKNOWN},
        {"10000", "", GW_UNKNOWN},
        {"40004", "ACQ.PAYMENT_FAIL", GW_UNKNOWN},
        {"40004", "ACQ.ACCESS_FORBIDDEN", GW_UNKNOWN},
    };
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        static const char *const members[] = {"error_response", "alipay_trade_pay_response"};
        for (size_t k = 0; k < COUNT_OF(members); k++) {
            script(alipay);
            says_with(alipay, 200, members[k], refused(rows[i].code, rows[i].sub_code, text), NULL,
                      "");
            assert_int_equal(alipay_charged(alipay, 0, AUTH_CODE).outcome, rows[i].outcome);
            /* With a wrong signature not even that. */
            script(alipay);
            says_with(alipay, 200, members[k], text, alipay->stranger, "");
            assert_int_equal(alipay_charged(alipay, 0, AUTH_CODE).outcome, GW_UNKNOWN);
        }
    }
}

static void a_success_under_another_methods_name_is_no_success(void **state) {
    struct alipay *alipay = *state;
    static const char *const members[] = {"error_response", "alipay_trade_query_response"};
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        script(alipay);
        says_with(alipay, 200, members[i], PAID, alipay->platform, "");
        assert_int_equal(alipay_charged(alipay, 0, AUTH_CODE).outcome, GW_UNKNOWN);
    }
    script(alipay);
    says(alipay, "trade_pay", TRADE_OF("att_somebody_elses", "TRADE_SUCCESS", ""));
    struct gateway_result result = alipay_charged(alipay, 0, AUTH_CODE);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.common_code, "reference_mismatch");
    assert_string_equal(result.gateway_id, "");
}

static void what_is_no_answer_of_alipays_says_nothing(void **state) {
    static const struct {
        int status;
        const char *body;
    } rows[] = {
        {200, ""},
        {200, "<html>"},
        {200, "[]"},
        {200, "{}"},
        {200, "{\"alipay_trade_pay_response\":\"AAAA\",\"sign\":\"x\"}"},
        {500, "{}"},
        {502, "bad gateway"},
        {503, ""},
        {200, "{\"alipay_trade_pay_response\":{},\"alipay_trade_pay_response\":{}}"},
    };
    struct alipay *alipay = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        script(alipay);
        add_step(alipay, (struct step){.status = rows[i].status, .body = rows[i].body});
        assert_int_equal(alipay_charged(alipay, 0, AUTH_CODE).outcome, GW_UNKNOWN);
        script(alipay);
        add_step(alipay, (struct step){.status = rows[i].status, .body = rows[i].body});
        assert_int_equal(alipay_charged(alipay, FLOW_QR, "").outcome, GW_UNAVAILABLE);
    }
}

static void every_one_byte_change_of_a_signed_answer_is_refused(void **state) {
    struct alipay *alipay = *state;
    script(alipay);
    says(alipay, "trade_pay", PAID);
    char *body = strdup(alipay->bodies[0]);
    assert_non_null(body);
    size_t count = strlen(body);
    for (size_t at = 0; at < count; at++) {
        for (int bit = 1; bit <= 32; bit *= 32) {
            body[at] = (char)(body[at] ^ bit);
            script(alipay);
            add_step(alipay, (struct step){.status = 200, .body = body});
            struct gateway_result result = alipay_charged(alipay, 0, AUTH_CODE);
            body[at] = (char)(body[at] ^ bit);
            if (result.outcome != GW_UNKNOWN) {
                fail_msg("byte %zu: %s", at, gateway_outcome_name(result.outcome));
            }
        }
    }
    free(body);
}

static void a_probe_is_well_when_alipay_says_that_there_is_no_such_trade(void **state) {
    struct alipay *alipay = *state;
    struct gateway_result result;
    script(alipay);
    says(alipay, "trade_query", NO_TRADE);
    alipay_adapter.probe(&alipay->fake->call, &result);
    assert_int_equal(result.outcome, GW_NONE);
    assert_string_equal(result.code, "");
    script(alipay);
    says_with(alipay, 200, "error_response", REFUSED("40002", "isv.invalid-signature"), NULL, "");
    alipay_adapter.probe(&alipay->fake->call, &result);
    assert_int_equal(result.outcome, GW_REJECTED_CREDENTIALS);
    script(alipay);
    says_with(alipay, 200, "alipay_trade_query_response", NO_TRADE, alipay->stranger, "");
    alipay_adapter.probe(&alipay->fake->call, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, alipay_setup, alipay_teardown)
        TEST(a_qr_code_is_asked_for_by_one_signed_call),
        TEST(a_qr_codes_life_is_the_orders_in_whole_minutes),
        TEST(pages_and_the_app_are_signed_requests_and_no_call),
        TEST(a_page_that_is_too_long_for_an_address_is_refused),
        TEST(a_payment_code_is_charged_by_one_call_that_is_never_repeated),
        TEST(certificate_mode_names_the_certificates_and_believes_the_named_one),
        TEST(what_cannot_be_asked_is_refused_before_anything_is_sent),
        TEST(every_refusal_means_what_the_table_says),
        TEST(every_row_of_the_table_has_a_case),
        TEST(it_was_done_before_is_answered_by_asking_the_trade),
        TEST(an_unanswered_payment_code_is_unknown_and_an_unanswered_qr_code_is_no_charge),
        TEST(an_answer_that_is_not_signed_by_alipay_is_not_believed),
        TEST(alipays_own_trouble_is_told_as_such_and_not_as_a_wrong_signature),
        TEST(without_a_signature_only_a_refusal_at_the_entrance_is_believed),
        TEST(a_success_under_another_methods_name_is_no_success),
        TEST(what_is_no_answer_of_alipays_says_nothing),
        TEST(every_one_byte_change_of_a_signed_answer_is_refused),
        TEST(a_probe_is_well_when_alipay_says_that_there_is_no_such_trade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
