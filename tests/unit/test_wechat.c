/* SPDX-License-Identifier: Apache-2.0
 * test_wechat.c: taking money through WeChat Pay's orders: what is sent, and what every answer
 * means. */
#include "wechat_fixture.h"

#define NATIVE BASE "/v3/pay/transactions/native"
#define CLOSE_URL BASE "/v3/pay/transactions/out-trade-no/" REFERENCE "/close"
#define QUERY_URL BASE "/v3/pay/transactions/out-trade-no/" REFERENCE "?mchid=" MCHID
#define CODE_URL "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"
#define PREPAY_ID "wx201410272009395522657a690389285100"

/* What is sent. */

static void a_code_is_asked_for_with_a_signed_request(void **state) {
    struct wechat *wechat = *state;
    struct fake *fake = wechat->fake;
    WECHAT_SCRIPT(wechat, {200, "{\"code_url\":\"" CODE_URL "\"}"});
    struct gateway_result result = wechat_charged(wechat, FLOW_QR, "");
    assert_script_done(fake);
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_int_equal(result.action, ACTION_QR);
    assert_string_equal(result.action_data, CODE_URL);
    assert_string_equal(result.gateway_id, REFERENCE);
    assert_string_equal(result.trace, "08F8D6-268435461");
    assert_int_equal(result.advice, ADVICE_CUSTOMER);
    assert_string_equal(fake->sent[0].method, "POST");
    assert_string_equal(fake->sent[0].url, NATIVE);
    assert_string_equal(fake->sent[0].body,
                        "{\"appid\":\"" APPID "\",\"mchid\":\"" MCHID
                        "\",\"description\":\"Two teas\",\"out_trade_no\":\"" REFERENCE
                        "\",\"time_expire\":\"2026-01-01T10:00:00+08:00\",\"attach\":\"o 1\","
                        "\"notify_url\":\"" NOTIFY_URL
                        "\",\"amount\":{\"total\":1099,\"currency\":\"CNY\"}}");
    assert_non_null(strstr(fake->sent[0].headers, "\nAccept: application/json\n"
                                                  "User-Agent: Holdfast/1\n"
                                                  "Content-Type: application/json\n"
                                                  "Wechatpay-Serial: " PUBLIC_KEY_ID "\n"));
    assert_signed(wechat, 0);
    assert_true(fake->sent[0].repeatable);
    assert_ptr_equal(fake->sent[0].bulkhead, fake->gateway.bulkhead);
    /* The code ends with its order, which ended two hours after our row was written. */
    assert_int_equal(result.action_expires_us, INT64_C(1767232800) * US_PER_SECOND);
}

static void a_repeat_is_the_same_request_to_the_byte(void **state) {
    struct wechat *wechat = *state;
    char first[FAKE_BYTES_MAX];
    WECHAT_SCRIPT(wechat, {200, "{\"code_url\":\"" CODE_URL "\"}"},
                  {200, "{\"code_url\":\"" CODE_URL "\"}"});
    (void)wechat_charged(wechat, FLOW_QR, "");
    memcpy(first, wechat->fake->sent[0].body, sizeof(first));
    (void)wechat_charged(wechat, 0, "");
    assert_string_equal(wechat->fake->sent[1].body, first);
    assert_string_equal(wechat->fake->sent[1].url, NATIVE);
}

static void a_phones_page_needs_an_address_and_comes_back_to_the_shop(void **state) {
    struct wechat *wechat = *state;
    struct gateway_charge charge = wechat_charge_of(FLOW_MOBILE, "");
    struct gateway_result result;
    charge.expires_us = clock_wall_us() + 3600 * US_PER_SECOND;
    WECHAT_SCRIPT(
        wechat, {200, "{\"h5_url\":\"https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?a=1\"}"});
    int64_t before_us = clock_wall_us();
    wechat->fake->gateway.adapter->charge(&wechat->fake->call, &charge, &result);
    assert_int_equal(result.outcome, GW_ACTION_NEEDED);
    assert_int_equal(result.action, ACTION_REDIRECT);
    assert_string_equal(result.action_data,
                        "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?a=1&redirect_url="
                        "https%3A%2F%2Fshop.example%2Fback%3Fa%3D1");
    assert_true(result.action_expires_us >= before_us + 300 * US_PER_SECOND &&
                result.action_expires_us <= clock_wall_us() + 300 * US_PER_SECOND);
    assert_string_equal(wechat->fake->sent[0].url, BASE "/v3/pay/transactions/h5");
    assert_non_null(strstr(wechat->fake->sent[0].body,
                           "\"scene_info\":{\"payer_client_ip\":\"203.0.113.7\",\"h5_info\":"
                           "{\"type\":\"Wap\"}}"));
    charge.customer_ip = "";
    fake_script(wechat->fake, NULL, 0);
    wechat->fake->gateway.adapter->charge(&wechat->fake->call, &charge, &result);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
}

/* The signature that the wallet's kit is given, checked as the wallet does. */
static void check_client(const struct gateway_result *result, bool page) {
    JSON_AUTO json = NULL;
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct buf text;
    struct err err;
    assert_int_equal(result->outcome, GW_ACTION_NEEDED);
    assert_int_equal(result->action, ACTION_APP);
    assert_int_equal(
        json_read(result->action_data, strlen(result->action_data), 4096, 4, &json, &err), 0);
    size_t count = vector_read("merchant.pub.pem", pem);
    assert_int_equal(rsa_key_public(pem, count, &key, &err), 0);
    buf_init(&text, 4096);
    assert_true(wechat_signed_client(json_peek_text(json, page ? "appId" : "appid", NULL),
                                     json_peek_text(json, page ? "timeStamp" : "timestamp", NULL),
                                     json_peek_text(json, page ? "nonceStr" : "noncestr", NULL),
                                     page ? json_peek_text(json, "package", NULL)
                                          : json_peek_text(json, "prepayid", NULL),
                                     &text));
    assert_true(rsa_verify_sha256(key, text.data, text.len,
                                  json_peek_text(json, page ? "paySign" : "sign", NULL)));
    assert_string_equal(json_peek_text(json, "package", NULL),
                        page ? "prepay_id=" PREPAY_ID : "Sign=WXPay");
    if (page) {
        assert_string_equal(json_peek_text(json, "signType", NULL), "RSA");
    } else {
        assert_string_equal(json_peek_text(json, "partnerid", NULL), MCHID);
    }
    buf_release(&text);
    rsa_key_free(key);
}

static void an_app_is_given_what_its_kit_takes(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {200, "{\"prepay_id\":\"" PREPAY_ID "\"}"});
    struct gateway_result result = wechat_charged(wechat, FLOW_APP, "");
    assert_string_equal(wechat->fake->sent[0].url, BASE "/v3/pay/transactions/app");
    check_client(&result, false);
}

static void a_page_inside_wechat_is_given_what_its_bridge_takes(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {200, "{\"prepay_id\":\"" PREPAY_ID "\"}"});
    struct gateway_result result = wechat_charged(wechat, FLOW_PAGE,
                                                  "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    assert_string_equal(wechat->fake->sent[0].url, BASE "/v3/pay/transactions/jsapi");
    assert_non_null(strstr(wechat->fake->sent[0].body,
                           "\"payer\":{\"openid\":\"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\"}"));
    check_client(&result, true);
}

static void what_cannot_be_asked_is_refused_before_anything_is_sent(void **state) {
    static const struct {
        const char *reference, *currency, *token;
        int64_t amount_minor;
        enum payment_method method;
        enum gateway_flow flow;
        bool authorize, off_session;
    } rows[] = {
        {"att 1", "CNY", "", 100, METHOD_WECHATPAY, FLOW_QR, false, false},
        {"att_1", "CNY", "", 100, METHOD_WECHATPAY, FLOW_QR, false, false},
        {"att_01JD5R6Q6Y0V3M8X2K4N7T9BCF012", "CNY", "", 100, METHOD_WECHATPAY, FLOW_QR, 0, 0},
        {REFERENCE, "USD", "", 100, METHOD_WECHATPAY, FLOW_QR, false, false},
        {REFERENCE, "CNY", "", 0, METHOD_WECHATPAY, FLOW_QR, false, false},
        {REFERENCE, "CNY", "", AMOUNT_MINOR_MAX + 1, METHOD_WECHATPAY, FLOW_QR, false, false},
        {REFERENCE, "CNY", "", 100, METHOD_ALIPAY, FLOW_QR, false, false},
        {REFERENCE, "CNY", "", 100, METHOD_WECHATPAY, FLOW_QR, true, false},
        {REFERENCE, "CNY", "", 100, METHOD_WECHATPAY, FLOW_QR, false, true},
        {REFERENCE, "CNY", "", 100, METHOD_WECHATPAY, FLOW_PAGE, false, false},
        {REFERENCE, "CNY", "an openid", 100, METHOD_WECHATPAY, FLOW_PAGE, false, false},
    };
    struct wechat *wechat = *state;
    fake_script(wechat->fake, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_charge charge = wechat_charge_of(rows[i].flow, rows[i].token);
        struct gateway_result result;
        charge.reference = rows[i].reference;
        charge.currency = money_of(rows[i].currency);
        charge.amount_minor = rows[i].amount_minor;
        charge.method = rows[i].method;
        charge.capture = !rows[i].authorize;
        charge.off_session = rows[i].off_session;
        wechat->fake->gateway.adapter->charge(&wechat->fake->call, &charge, &result);
        assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
        assert_string_not_equal(result.common_code, "");
        assert_int_equal(result.reach, 0);
    }
}

/* An order moves no money when it is made. */

static void an_unanswered_creation_is_closed_and_was_not_charged(void **state) {
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(fake_failures); i++) {
        bool sent = fake_failures[i].reach == HTTP_MAYBE_SENT;
        bool other_host = fake_failures[i].failure == HTTP_FAIL_RESOLVE ||
                          fake_failures[i].failure == HTTP_FAIL_CONNECT ||
                          fake_failures[i].failure == HTTP_FAIL_TLS;
        const struct step failed = {0, NULL, fake_failures[i].reach, fake_failures[i].failure};
        const struct step steps[] = {
            failed, sent ? (struct step){204, ""} : failed, {200, TRANSACTION("CLOSED")}};
        memset(wechat->sealing, 0, sizeof(wechat->sealing));
        fake_script(wechat->fake, steps, sent ? 3 : other_host ? 2 : 1);
        struct gateway_result result = wechat_charged(wechat, FLOW_QR, "");
        assert_script_done(wechat->fake);
        assert_int_equal(result.outcome, GW_UNAVAILABLE);
        assert_int_equal(result.action, ACTION_NONE);
        if (sent) {
            assert_string_equal(wechat->fake->sent[1].url, CLOSE_URL);
            assert_string_equal(wechat->fake->sent[1].body, "{\"mchid\":\"" MCHID "\"}");
        }
    }
}

static void whatever_becomes_of_the_closing_nobody_was_shown_the_code(void **state) {
    static const struct step closings[] = {{404, ERROR("ORDER_NOT_EXIST")},
                                           {500, ERROR("SYSTEM_ERROR")},
                                           {429, ERROR("FREQUENCY_LIMITED")},
                                           {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT},
                                           {401, ERROR("SIGN_ERROR")}};
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(closings); i++) {
        const struct step steps[] = {{500, ERROR("SYSTEM_ERROR")}, closings[i]};
        fake_script(wechat->fake, steps, 2);
        assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_UNAVAILABLE);
        assert_script_done(wechat->fake);
    }
}

static void an_order_that_turns_out_to_be_paid_is_charged(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {400, ERROR("ORDER_PAID")}, {400, ERROR("ORDERPAID")},
                  {200, TRANSACTION("SUCCESS")});
    struct gateway_result result = wechat_charged(wechat, FLOW_QR, "");
    assert_script_done(wechat->fake);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_string_equal(result.charge_id, TRANSACTION_ID);
    assert_int_equal(result.captured_minor, 1099);
    WECHAT_SCRIPT(wechat, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_RESET}, {400, ERROR("ORDER_PAID")},
                  {200, TRANSACTION("SUCCESS")});
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_CHARGED);
}

static void an_answer_that_is_not_theirs_shows_the_customer_nothing(void **state) {
    struct wechat *wechat = *state;
    for (enum sealing sealing = UNSIGNED; sealing <= OTHER_TYPE; sealing++) {
        WECHAT_SCRIPT(wechat, {200, "{\"code_url\":\"" CODE_URL "\"}"}, {204, ""},
                      {200, TRANSACTION("CLOSED")});
        wechat->sealing[0] = sealing;
        struct gateway_result result = wechat_charged(wechat, FLOW_QR, "");
        assert_script_done(wechat->fake);
        assert_int_equal(result.outcome, GW_UNAVAILABLE);
        assert_string_equal(result.action_data, "");
        assert_string_equal(result.common_code, "answer_not_genuine");
    }
}

static void an_answer_without_its_code_is_closed(void **state) {
    static const char *const bodies[] = {"{}", "{\"prepay_id\":\"wx1\"}", "{\"code_url\":7}", "[",
                                         "{\"code_url\":\"\"}"};
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        const struct step steps[] = {{200, bodies[i]}, {404, ERROR("ORDER_NOT_EXIST")}};
        fake_script(wechat->fake, steps, 2);
        assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_UNAVAILABLE);
        assert_script_done(wechat->fake);
    }
}

static void time_is_kept_back_for_closing(void **state) {
    struct wechat *wechat = *state;
    struct fake *fake = wechat->fake;
    WECHAT_SCRIPT(wechat, {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT},
                  {404, ERROR("ORDER_NOT_EXIST")});
    fake->call.deadline_us = clock_mono_us() + 40 * US_PER_SECOND;
    (void)wechat_charged(wechat, FLOW_QR, "");
    assert_true(fake->sent[0].timeout_us <= 30 * US_PER_SECOND);
    assert_true(fake->sent[1].timeout_us > 30 * US_PER_SECOND);
}

/* The second host. */

static void the_second_host_is_asked_only_when_the_first_was_not_reached(void **state) {
    static const enum http_failure unreached[] = {HTTP_FAIL_RESOLVE, HTTP_FAIL_CONNECT,
                                                  HTTP_FAIL_TLS};
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(unreached); i++) {
        const struct step steps[] = {{0, NULL, HTTP_NOT_SENT, unreached[i]},
                                     {200, "{\"code_url\":\"" CODE_URL "\"}"}};
        fake_script(wechat->fake, steps, 2);
        struct gateway_result result = wechat_charged(wechat, FLOW_QR, "");
        assert_int_equal(result.outcome, GW_ACTION_NEEDED);
        assert_string_equal(result.common_code, "customer_action");
        assert_string_equal(wechat->fake->sent[1].url, FALLBACK "/v3/pay/transactions/native");
        assert_string_equal(wechat->fake->sent[1].headers, wechat->fake->sent[0].headers);
        assert_int_equal(result.duration_us, 1007);
    }
    WECHAT_SCRIPT(wechat, {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_BULKHEAD});
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_UNAVAILABLE);
    wechat_free(wechat);
    *state = wechat = wechat_made(true);
    struct err err;
    assert_int_equal(wechat->fake->gateway.adapter->open(&wechat->fake->gateway, &err), 0);
    WECHAT_SCRIPT(wechat, {0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT});
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_UNAVAILABLE);
    assert_int_equal(wechat->fake->sent_count, 1);
}

/* The table. */

static const struct {
    const char *kind, *code;
    int status;
    enum gateway_outcome outcome;
    enum gateway_advice advice;
    const char *common_code;
} table[] = {
#define X(kind, code, status, outcome, advice, common_code)                                        \
    {#kind, code, status, GW_##outcome, ADVICE_##advice, common_code},
#include "gateway/wechatpay/wechat_errors.def"
#undef X
};

static struct gateway_result read_row(const char *code, int status, enum wechat_errors_of of) {
    JSON_AUTO json = json_pack("{s:s,s:s}", "code", code, "message", "it says so");
    struct gateway_result result;
    gateway_result_init(&result);
    wechat_read_error(status, json, of, &result);
    return result;
}

static void every_row_is_read_in_both_spellings(void **state) {
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        bool refund = strcmp(table[i].kind, "REFUND") == 0;
        bool status_only = strcmp(table[i].kind, "STATUS") == 0;
        const char *code = status_only ? "NO_SUCH_CODE"
                                       : table[i].code + (refund ? strlen("refund/") : 0);
        char older[64];
        size_t count = 0;
        for (const char *c = code; *c != '\0'; c++) {
            if (*c != '_') {
                older[count++] = *c;
            }
        }
        older[count] = '\0';
        const char *const spellings[] = {code, older};
        for (int k = 0; k < 2; k++) {
            struct gateway_result result = read_row(spellings[k], table[i].status,
                                                    refund ? WECHAT_ERRORS_OF_REFUND
                                                           : WECHAT_ERRORS_OF_ANY);
            assert_int_equal(result.outcome, table[i].outcome);
            assert_int_equal(result.advice, table[i].advice);
            assert_string_equal(result.common_code, table[i].common_code);
            assert_string_equal(result.code, status_only ? spellings[k] : table[i].code);
            assert_string_equal(result.message, "it says so");
        }
    }
}

static void every_code_of_the_documentation_has_its_row(void **state) {
    static const struct {
        const char *code;
        int status;
        bool refund;
        enum gateway_outcome outcome;
    } wanted[] = {
        {"USERPAYING", 202, false, GW_PENDING},
        {"NOT_ENOUGH", 403, false, GW_DECLINED},
        {"ACCOUNT_ERROR", 403, false, GW_DECLINED},
        {"TRADE_ERROR", 403, false, GW_DECLINED},
        {"RULE_LIMIT", 403, false, GW_DECLINED},
        {"PARAM_ERROR", 400, false, GW_REJECTED_REQUEST},
        {"INVALID_REQUEST", 400, false, GW_REJECTED_REQUEST},
        {"APPID_MCHID_NOT_MATCH", 400, false, GW_REJECTED_CREDENTIALS},
        {"MCH_NOT_EXISTS", 400, false, GW_REJECTED_CREDENTIALS},
        {"ORDER_CLOSED", 400, false, GW_CANCELED},
        {"SIGN_ERROR", 401, false, GW_REJECTED_CREDENTIALS},
        {"NO_AUTH", 403, false, GW_REJECTED_CREDENTIALS},
        {"OUT_TRADE_NO_USED", 403, false, GW_UNKNOWN},
        {"OPENID_MISMATCH", 500, false, GW_REJECTED_REQUEST},
        {"INVALID_TRANSACTIONID", 500, false, GW_REJECTED_REQUEST},
        {"ORDER_PAID", 400, false, GW_UNKNOWN},
        {"ORDER_NOT_EXIST", 404, false, GW_NOT_FOUND},
        {"RESOURCE_NOT_EXISTS", 404, false, GW_NOT_FOUND},
        {"FREQUENCY_LIMITED", 429, false, GW_RATE_LIMITED},
        {"RATELIMIT_EXCEEDED", 429, false, GW_RATE_LIMITED},
        {"SYSTEM_ERROR", 500, false, GW_UNKNOWN},
        {"BANK_ERROR", 500, false, GW_UNKNOWN},
        {"NOT_ENOUGH", 403, true, GW_REJECTED_REQUEST},
        {"INVALID_REQUEST", 400, true, GW_REJECTED_REQUEST},
        {"USER_ACCOUNT_ABNORMAL", 403, true, GW_REJECTED_REQUEST},
        {"MCH_NOT_EXISTS", 403, true, GW_REJECTED_CREDENTIALS},
        {"SYSTEM_ERROR", 500, true, GW_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        struct gateway_result result = read_row(wanted[i].code, wanted[i].status,
                                                wanted[i].refund ? WECHAT_ERRORS_OF_REFUND
                                                                 : WECHAT_ERRORS_OF_ANY);
        assert_int_equal(result.outcome, wanted[i].outcome);
        assert_string_not_equal(result.common_code, "gateway_error_");
    }
}

static void a_server_that_broke_down_has_refused_nothing(void **state) {
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        bool status_only = strcmp(table[i].kind, "STATUS") == 0;
        if (status_only || table[i].status == 500 || strcmp(table[i].kind, "REFUND") == 0) {
            continue;
        }
        for (int status = 500; status <= 504; status++) {
            assert_int_equal(read_row(table[i].code, status, WECHAT_ERRORS_OF_ANY).outcome,
                             GW_UNKNOWN);
        }
    }
    /* What comes with 500 and is permanent is believed with 500 only. */
    assert_int_equal(read_row("OPENID_MISMATCH", 502, WECHAT_ERRORS_OF_ANY).outcome, GW_UNKNOWN);
    assert_int_equal(read_row("SOMETHING_NEW", 400, WECHAT_ERRORS_OF_ANY).outcome, GW_UNKNOWN);
    assert_int_equal(read_row("SOMETHING_NEW", 429, WECHAT_ERRORS_OF_ANY).outcome, GW_RATE_LIMITED);
    assert_int_equal(read_row("SOMETHING_NEW", 401, WECHAT_ERRORS_OF_ANY).outcome,
                     GW_REJECTED_CREDENTIALS);
    struct gateway_result result;
    gateway_result_init(&result);
    wechat_read_error(503, NULL, WECHAT_ERRORS_OF_ANY, &result);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    assert_string_equal(result.code, "http_503");
}

/* What each row does to the making of an order and to a bar code. */
static void every_row_ends_a_creation_as_its_class_says(void **state) {
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(table[i].kind, "REFUND") == 0) {
            continue;
        }
        char body[200];
        bool unclear = table[i].outcome == GW_UNKNOWN || table[i].outcome == GW_PENDING;
        snprintf(body, sizeof(body), "{\"code\":\"%s\",\"message\":\"x\"}", table[i].code);
        const struct step steps[] = {{table[i].status, body}, {404, ERROR("ORDER_NOT_EXIST")}};
        memset(wechat->sealing, 0, sizeof(wechat->sealing));
        fake_script(wechat->fake, steps, unclear ? 2 : 1);
        struct gateway_result result = wechat_charged(wechat, FLOW_QR, "");
        assert_script_done(wechat->fake);
        assert_true(gateway_outcome_not_charged(result.outcome));
        assert_int_not_equal(result.outcome, GW_DECLINED); /* nobody's bank was asked */
    }
}

/* A bar code takes money at once. */

static void a_bar_code_is_charged_or_waits_for_its_password(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {200, TRANSACTION("SUCCESS")});
    struct gateway_result result = wechat_charged(wechat, 0, BAR_CODE);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.amount_minor, 1099);
    assert_string_equal(wechat->fake->sent[0].url, BASE "/v3/pay/transactions/codepay");
    assert_string_equal(wechat->fake->sent[0].body,
                        "{\"appid\":\"" APPID "\",\"mchid\":\"" MCHID
                        "\",\"description\":\"Two teas\",\"out_trade_no\":\"" REFERENCE
                        "\",\"attach\":\"o 1\",\"amount\":{\"total\":1099,\"currency\":\"CNY\"},"
                        "\"payer\":{\"auth_code\":\"" BAR_CODE
                        "\"},\"scene_info\":{\"store_info\":{\"id\":\"S1\"}}}");
    WECHAT_SCRIPT(wechat, {202, ERROR("USERPAYING")});
    result = wechat_charged(wechat, 0, BAR_CODE);
    assert_int_equal(result.outcome, GW_PENDING);
    assert_string_equal(result.gateway_id, REFERENCE);
}

static void whatever_is_unclear_about_a_bar_code_is_unknown(void **state) {
    static const struct step unclear[] = {
        {500, ERROR("SYSTEM_ERROR")},
        {500, ERROR("BANK_ERROR")},
        {502, ""},
        {400, ERROR("SOMETHING_NEW")},
        {200, "{}"},
        {200, "["},
        {200, TRANSACTION("SOMETHING_NEW")},
        {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT},
        {0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_RESET},
    };
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(unclear); i++) {
        memset(wechat->sealing, 0, sizeof(wechat->sealing));
        fake_script(wechat->fake, &unclear[i], 1);
        assert_int_equal(wechat_charged(wechat, 0, BAR_CODE).outcome, GW_UNKNOWN);
        assert_script_done(wechat->fake);
    }
    for (enum sealing sealing = UNSIGNED; sealing <= OTHER_TYPE; sealing++) {
        WECHAT_SCRIPT(wechat, {200, TRANSACTION("SUCCESS")});
        wechat->sealing[0] = sealing;
        assert_int_equal(wechat_charged(wechat, 0, BAR_CODE).outcome, GW_UNKNOWN);
    }
    WECHAT_SCRIPT(wechat, {403, ERROR("OUT_TRADE_NO_USED")}, {200, TRANSACTION("SUCCESS")});
    assert_int_equal(wechat_charged(wechat, 0, BAR_CODE).outcome, GW_CHARGED);
    WECHAT_SCRIPT(wechat, {400, ERROR("ORDER_PAID")}, {500, ERROR("SYSTEM_ERROR")});
    assert_int_equal(wechat_charged(wechat, 0, BAR_CODE).outcome, GW_UNKNOWN);
}

static void a_bar_code_needs_a_store(void **state) {
    struct wechat *wechat = wechat_made(true);
    struct err err;
    assert_int_equal(wechat->fake->gateway.adapter->open(&wechat->fake->gateway, &err), 0);
    fake_script(wechat->fake, NULL, 0);
    assert_int_equal(wechat_charged(wechat, 0, BAR_CODE).outcome, GW_REJECTED_REQUEST);
    wechat_free(wechat);
}

/* Asking. */

static struct gateway_result asked(struct wechat *wechat, const char *token, int64_t age_us) {
    struct gateway_lookup lookup = wechat_lookup_of(token);
    struct gateway_result result;
    lookup.created_us = clock_wall_us() - age_us;
    wechat->fake->gateway.adapter->query(&wechat->fake->call, &lookup, &result);
    return result;
}

static void every_state_of_an_order_is_known(void **state) {
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
        int64_t captured_minor;
    } rows[] = {
        {TRANSACTION("SUCCESS"), GW_CHARGED, 1099},    {TRANSACTION("REFUND"), GW_CHARGED, 1099},
        {TRANSACTION("NOTPAY"), GW_ACTION_NEEDED, -1}, {TRANSACTION("USERPAYING"), GW_PENDING, -1},
        {TRANSACTION("ACCEPT"), GW_PENDING, -1},       {TRANSACTION("CLOSED"), GW_CANCELED, -1},
        {TRANSACTION("REVOKED"), GW_CANCELED, -1},     {TRANSACTION("PAYERROR"), GW_DECLINED, -1},
        {TRANSACTION("NEW_STATE"), GW_UNKNOWN, -1},
    };
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        WECHAT_SCRIPT(wechat, {200, rows[i].body});
        struct gateway_result result = asked(wechat, "", 0);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_int_equal(result.captured_minor, rows[i].captured_minor);
        assert_int_equal(result.amount_minor, 1099);
        assert_string_equal(result.currency.code, "CNY");
        assert_string_equal(result.charge_id, TRANSACTION_ID);
        assert_string_equal(wechat->fake->sent[0].url, QUERY_URL);
        assert_false(wechat->fake->sent[0].has_body);
        assert_signed(wechat, 0);
    }
    WECHAT_SCRIPT(wechat, {200, TRANSACTION("NOTPAY")});
    assert_int_equal(asked(wechat, BAR_CODE, 0).outcome, GW_PENDING);
}

static void a_young_order_that_is_not_found_is_asked_for_once_more(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {404, ERROR("ORDER_NOT_EXIST")}, {200, TRANSACTION("SUCCESS")});
    assert_int_equal(asked(wechat, "", 0).outcome, GW_CHARGED);
    assert_script_done(wechat->fake);
    WECHAT_SCRIPT(wechat, {404, ERROR("ORDER_NOT_EXIST")}, {404, ERROR("ORDERNOTEXIST")});
    assert_int_equal(asked(wechat, "", 0).outcome, GW_NOT_FOUND);
    assert_script_done(wechat->fake);
    WECHAT_SCRIPT(wechat, {404, ERROR("ORDER_NOT_EXIST")});
    assert_int_equal(asked(wechat, "", 61 * US_PER_SECOND).outcome, GW_NOT_FOUND);
}

static void a_question_that_is_not_answered_says_nothing_about_the_payment(void **state) {
    static const struct {
        struct step step;
        enum gateway_outcome outcome;
    } rows[] = {
        {{500, ERROR("SYSTEM_ERROR")}, GW_UNAVAILABLE},
        {{429, ERROR("FREQUENCY_LIMITED")}, GW_RATE_LIMITED},
        {{401, ERROR("SIGN_ERROR")}, GW_REJECTED_CREDENTIALS},
        {{400, ERROR("PARAM_ERROR")}, GW_UNAVAILABLE},
        {{403, ERROR("NOT_ENOUGH")}, GW_UNAVAILABLE},
        {{400, ERROR("ORDER_CLOSED")}, GW_UNAVAILABLE},
        {{404, "<html>"}, GW_UNAVAILABLE},
        {{200, "{}"}, GW_UNAVAILABLE},
        {{200, "not JSON"}, GW_UNAVAILABLE},
        {{200, TRANSACTION_OF("att_another0", "SUCCESS", "1099")}, GW_UNAVAILABLE},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, GW_UNAVAILABLE},
    };
    struct wechat *wechat = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        fake_script(wechat->fake, &rows[i].step, 1);
        assert_int_equal(asked(wechat, "", INT64_C(3600) * US_PER_SECOND).outcome, rows[i].outcome);
    }
    for (enum sealing sealing = UNSIGNED; sealing <= OTHER_TYPE; sealing++) {
        WECHAT_SCRIPT(wechat, {200, TRANSACTION("SUCCESS")});
        wechat->sealing[0] = sealing;
        assert_int_equal(asked(wechat, "", 0).outcome, GW_UNAVAILABLE);
    }
}

static void an_answer_about_another_account_is_no_answer(void **state) {
    struct wechat *wechat = *state;
    WECHAT_SCRIPT(wechat, {200, "{\"mchid\":\"1900000002\",\"out_trade_no\":\"" REFERENCE
                                "\",\"trade_state\":\"SUCCESS\",\"amount\":{\"total\":1099,"
                                "\"currency\":\"CNY\"}}"});
    struct gateway_result result = asked(wechat, "", 0);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
    assert_string_equal(result.common_code, "reference_mismatch");
}

static void the_probe_asks_about_an_order_that_is_never_made(void **state) {
    struct wechat *wechat = *state;
    struct gateway_result result;
    WECHAT_SCRIPT(wechat, {404, ERROR("ORDER_NOT_EXIST")});
    wechat->fake->gateway.adapter->probe(&wechat->fake->call, &result);
    assert_int_equal(result.outcome, GW_NONE);
    assert_string_equal(result.common_code, "");
    WECHAT_SCRIPT(wechat, {401, ERROR("SIGN_ERROR")});
    wechat->fake->gateway.adapter->probe(&wechat->fake->call, &result);
    assert_int_equal(result.outcome, GW_REJECTED_CREDENTIALS);
    WECHAT_SCRIPT(wechat, {503, ""});
    wechat->fake->gateway.adapter->probe(&wechat->fake->call, &result);
    assert_int_equal(result.outcome, GW_UNAVAILABLE);
}

/* Configuration. */

static void a_configuration_that_cannot_work_is_refused(void **state) {
    static const struct {
        const char *credential, *option, *value;
    } rows[] = {
        {NULL, "appid", "wx d678"},
        {NULL, "mchid", "1900000001\n"},
        {NULL, "wechat_public_key_id", "PUB_KEY_ID_1"}, /* without the key */
        {NULL, "fallback_url", "api2.mch.weixin.qq.com"},
        {NULL, "fallback_url", "http://api2.mch.weixin.qq.com"},
        {NULL, "fallback_url", "https://api2.mch.weixin.qq.com/"},
        {"api_v3_key_old", NULL, "too short"},
        {"private_key", NULL, "no PEM"},
        {"webhook_secret", NULL, "x"},
        {"wechat_public_key", NULL, "x"}, /* without its id */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct wechat *wechat = wechat_made(false);
        struct gateway *gateway = &wechat->fake->gateway;
        struct err err = {0};
        for (int k = 0; k < gateway->option_count; k++) {
            if (rows[i].option != NULL && strcmp(gateway->options[k].name, rows[i].option) == 0) {
                gateway->options[k].name[0] = '\0';
            }
        }
        for (int k = 0; k < gateway->credential_count; k++) {
            if (rows[i].credential != NULL &&
                strcmp(gateway->credentials[k].name, rows[i].credential) == 0) {
                secret_free(gateway->credentials[k].value);
                gateway->credentials[k] = gateway->credentials[--gateway->credential_count];
            }
        }
        if (rows[i].option != NULL) {
            fake_option(wechat->fake, rows[i].option, rows[i].value);
        } else {
            fake_credential(wechat->fake, rows[i].credential, rows[i].value);
        }
        int rc = gateway->adapter->open(gateway, &err);
        assert_true(rc == -ERR_CONFIG || rc == -ERR_CRYPTO);
        assert_null(gateway->state);
        wechat_free(wechat);
    }
    struct wechat *wechat = wechat_made(false);
    struct err err = {0};
    wechat->fake->gateway.callback_url[0] = '\0';
    assert_int_equal(wechat->fake->gateway.adapter->open(&wechat->fake->gateway, &err),
                     -ERR_CONFIG);
    wechat_free(wechat);
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, wechat_setup, wechat_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_GATEWAY(a_code_is_asked_for_with_a_signed_request),
        WITH_GATEWAY(a_repeat_is_the_same_request_to_the_byte),
        WITH_GATEWAY(a_phones_page_needs_an_address_and_comes_back_to_the_shop),
        WITH_GATEWAY(an_app_is_given_what_its_kit_takes),
        WITH_GATEWAY(a_page_inside_wechat_is_given_what_its_bridge_takes),
        WITH_GATEWAY(what_cannot_be_asked_is_refused_before_anything_is_sent),
        WITH_GATEWAY(an_unanswered_creation_is_closed_and_was_not_charged),
        WITH_GATEWAY(whatever_becomes_of_the_closing_nobody_was_shown_the_code),
        WITH_GATEWAY(an_order_that_turns_out_to_be_paid_is_charged),
        WITH_GATEWAY(an_answer_that_is_not_theirs_shows_the_customer_nothing),
        WITH_GATEWAY(an_answer_without_its_code_is_closed),
        WITH_GATEWAY(time_is_kept_back_for_closing),
        WITH_GATEWAY(the_second_host_is_asked_only_when_the_first_was_not_reached),
        cmocka_unit_test(every_row_is_read_in_both_spellings),
        cmocka_unit_test(every_code_of_the_documentation_has_its_row),
        cmocka_unit_test(a_server_that_broke_down_has_refused_nothing),
        WITH_GATEWAY(every_row_ends_a_creation_as_its_class_says),
        WITH_GATEWAY(a_bar_code_is_charged_or_waits_for_its_password),
        WITH_GATEWAY(whatever_is_unclear_about_a_bar_code_is_unknown),
        cmocka_unit_test(a_bar_code_needs_a_store),
        WITH_GATEWAY(every_state_of_an_order_is_known),
        WITH_GATEWAY(a_young_order_that_is_not_found_is_asked_for_once_more),
        WITH_GATEWAY(a_question_that_is_not_answered_says_nothing_about_the_payment),
        WITH_GATEWAY(an_answer_about_another_account_is_no_answer),
        WITH_GATEWAY(the_probe_asks_about_an_order_that_is_never_made),
        cmocka_unit_test(a_configuration_that_cannot_work_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
