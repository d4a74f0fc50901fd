/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_wechat_signed.c: what the simulated WeChat Pay signs and what it believes: its
 * notifications, its keys as they change, and the requests that it refuses. */
#include "sandbox_wechat_fixture.h"

/* ---- notifications ---- */

static const char *header_of(int number, const char *name) {
    lock_take(&fixture.lock);
    const char *value = http_header_find(fixture.taken[number].headers,
                                         fixture.taken[number].header_count, name);
    lock_give(&fixture.lock);
    assert_non_null(value);
    return value;
}

static void each_try_is_signed_anew_over_the_same_body(void **state) {
    struct gateway_event event;
    fixture.refuse_next = 2;
    paid_order("att_notify_01");
    await_taken(3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verify(i, &event), 0);
        assert_string_equal(fixture.taken[i].body, fixture.taken[0].body);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(header_of(i, "Wechatpay-Nonce"),
                                    header_of(k, "Wechatpay-Nonce"));
            assert_string_not_equal(header_of(i, "Wechatpay-Signature"),
                                    header_of(k, "Wechatpay-Signature"));
        }
    }
    await_quiet();
}

static void forged_stale_and_truncated_ones_are_refused_and_duplicates_known(void **state) {
    struct gateway_event event;
    fault("wechat:callback_forged:count=1");
    fault("wechat:callback_stale:count=1");
    fault("wechat:callback_truncated:count=1");
    fault("wechat:callback_duplicate:copies=2,count=1");
    paid_order("att_notify_01");
    await_quiet();
    int genuine = 0, refused = 0;
    char id[GATEWAY_ID_CHARS_MAX + 1] = "";
    for (int i = 0; i < fixture.taken_count; i++) {
        int rc = verify(i, &event);
        assert_true(rc == 0 || rc == -ERR_SIGNATURE);
        if (rc == 0) {
            assert_true(id[0] == '\0' || strcmp(id, event.event_id) == 0);
            snprintf(id, sizeof(id), "%s", event.event_id);
        }
        genuine += rc == 0 ? 1 : 0;
        refused += rc == 0 ? 0 : 1;
    }
    assert_int_equal(genuine, 3);
    assert_int_equal(refused, 3);
}

static void a_falsified_amount_is_signed_and_sealed_all_the_same(void **state) {
    struct gateway_event event;
    fault("wechat:callback_amount:amount_minor=77,count=1");
    paid_order("att_notify_01");
    await_taken(1);
    assert_int_equal(verify(0, &event), 0);
    assert_int_equal(event.amount_minor, 2577); /* whoever compares it sees it */
    assert_int_equal(asked("att_notify_01").amount_minor, 2500);
}

static void a_complaint_is_told_of(void **state) {
    struct gateway_event event;
    char path[200];
    paid_order("att_notify_01");
    await_taken(1);
    snprintf(path, sizeof(path), "/wechat/charges/%s/dispute", asked("att_notify_01").charge_id);
    JSON_AUTO made = control("POST", path, "{}", 201);
    await_taken(2);
    assert_int_equal(verify(1, &event), 0);
    assert_string_equal(event.type, "COMPLAINT.CREATE");
    assert_int_equal(event.subject, CALLBACK_OTHER);
    snprintf(path, sizeof(path), "/wechat/disputes/%s/close", json_peek_text(made, "id", NULL));
    json_decref(control("POST", path, "{}", 200));
    await_taken(3);
    assert_int_equal(verify(2, &event), 0);
    assert_string_equal(event.type, "COMPLAINT.STATE_CHANGE");
    json_decref(control("POST", path, "{}", 409));
}

/* ---- keys ---- */

static void keys_change_in_the_middle_and_nothing_is_lost(void **state) {
    struct gateway_event event;
    struct err err;
    paid_order("att_rotate_01");
    await_taken(1);
    EXPECT(charged("att_rotate_02", FLOW_QR, ""), GW_ACTION_NEEDED);
    json_decref(control("POST", "/wechat/keys/rotate", NULL, 200));
    customer("reference", "att_rotate_02", "pay", 200);
    await_taken(2);
    assert_int_equal(verify(0, &event), 0); /* signed before */
    assert_int_equal(verify(1, &event), 0); /* signed after */
    assert_string_equal(header_of(0, "Wechatpay-Serial"), paper("platform.serial"));
    assert_string_equal(header_of(1, "Wechatpay-Serial"), paper("platform_next.serial"));
    EXPECT(asked("att_rotate_02"), GW_CHARGED);
    json_decref(control("POST", "/wechat/keys/rotate", NULL, 200));
    EXPECT(asked("att_rotate_01"), GW_CHARGED);
    json_decref(control("POST", "/wechat/keys/rotate", NULL, 409));
    /* Whoever starts after the old one is gone. */
    gateway.adapter->close(&gateway);
    assert_int_equal(gateway.adapter->open(&gateway, &err), 0);
    EXPECT(asked("att_rotate_01"), GW_CHARGED);
    assert_int_equal(verify(0, &event), -ERR_SIGNATURE); /* its certificate is gone there */
}

static void the_public_key_alone_is_enough(void **state) {
    struct gateway_event event;
    paid_order("att_key_00001");
    await_taken(1);
    assert_int_equal(verify(0, &event), 0);
    assert_string_equal(header_of(0, "Wechatpay-Serial"), SANDBOX_WECHAT_PUBLIC_KEY_ID);
    EXPECT(asked("att_key_00001"), GW_CHARGED);
    EXPECT(changed(wechat_cancel, "cxl_1", "att_key_00001", "", 0), GW_CHARGED);
}

/* ---- strictness ---- */

/* One request, signed as the adapter signs, after which one thing is made wrong. */
enum tamper {
    AS_IT_IS,
    NO_AUTHORIZATION,
    OTHER_BODY,
    OTHER_TARGET,
    STALE,
    AHEAD,
    OTHER_MERCHANT,
    OTHER_SERIAL,
    LOWER_SERIAL,
    NO_AGENT,
    NO_ACCEPT,
    NO_TYPE
};

static int sent(const char *method, const char *target, const char *body, enum tamper tamper) {
    struct rsa_key *key = NULL;
    struct err err;
    char nonce[WECHAT_NONCE_CHARS + 1], timestamp[24], url[2048], authorization[2048];
    char serial[64];
    char *signature = NULL;
    struct buf text;
    int64_t now_s = clock_wall_us() / US_PER_SECOND + (tamper == STALE   ? -302
                                                       : tamper == AHEAD ? 302
                                                                         : 0);
    buf_init(&text, 100000);
    snprintf(serial, sizeof(serial), "%s", paper("merchant.serial"));
    for (char *c = serial; tamper == LOWER_SERIAL && *c != '\0'; c++) {
        *c = *c >= 'A' && *c <= 'F' ? (char)(*c + 32) : *c;
    }
    assert_int_equal(
        rsa_key_private(paper("merchant.key.pem"), strlen(paper("merchant.key.pem")), &key, &err),
        0);
    wechat_nonce(nonce);
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)now_s);
    assert_true(wechat_signed_request(method, target, timestamp, nonce, body, strlen(body), &text));
    assert_int_equal(rsa_sign_sha256(key, text.data, text.len, &signature, &err), 0);
    snprintf(authorization, sizeof(authorization),
             WECHAT_SCHEME " mchid=\"%s\",nonce_str=\"%s\",signature=\"%s\",timestamp=\"%s\","
                           "serial_no=\"%s\"",
             tamper == OTHER_MERCHANT ? "1900000002" : SANDBOX_WECHAT_MCHID, nonce, signature,
             timestamp, tamper == OTHER_SERIAL ? paper("platform.serial") : serial);
    snprintf(url, sizeof(url), "%s%s%s", gateway.base_url, target,
             tamper == OTHER_TARGET ? "?x=1" : "");
    const struct http_header headers[] = {
        {"Authorization", tamper == NO_AUTHORIZATION ? "" : authorization},
        {"User-Agent", tamper == NO_AGENT ? "" : "test/1"},
        {"Accept", tamper == NO_ACCEPT ? "text/html" : "application/json"},
        {"Content-Type", tamper == NO_TYPE ? "text/plain" : "application/json"},
    };
    char other[4096];
    snprintf(other, sizeof(other), "%s ", body);
    const char *bytes = tamper == OTHER_BODY ? other : body;
    const struct http_call http = {.method = method,
                                   .url = url,
                                   .headers = headers,
                                   .header_count = COUNT_OF(headers),
                                   .body = bytes[0] != '\0' ? bytes : NULL,
                                   .body_bytes = strlen(bytes),
                                   .timeout_us = PATIENCE_US};
    HTTP_ANSWER_AUTO answer = {0};
    assert_int_equal(http_call(fixture.client, &http, &answer, &err), 0);
    free(signature);
    rsa_key_free(key);
    buf_release(&text);
    return answer.status;
}

#define ORDER_WITH(number, more)                                                                   \
    "{\"appid\":\"" SANDBOX_WECHAT_APPID "\",\"mchid\":\"" SANDBOX_WECHAT_MCHID                    \
    "\",\"description\":\"x\",\"out_trade_no\":\"" number                                          \
    "\",\"notify_url\":\"https://shop.test/hook\"" more "}"
#define AMOUNT ",\"amount\":{\"total\":1,\"currency\":\"CNY\"}"
#define NATIVE "/v3/pay/transactions/native"

static void only_the_merchants_own_requests_are_believed(void **state) {
    static const struct {
        enum tamper tamper;
        int status;
    } rows[] = {
        {AS_IT_IS, 200},       {NO_AUTHORIZATION, 401},
        {OTHER_BODY, 401},     {OTHER_TARGET, 401},
        {STALE, 401},          {AHEAD, 401},
        {OTHER_MERCHANT, 401}, {OTHER_SERIAL, 401},
        {LOWER_SERIAL, 401},   {NO_AGENT, 400},
        {NO_ACCEPT, 400},      {NO_TYPE, 400},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int status = sent("POST", NATIVE, ORDER_WITH("strict_1", AMOUNT), rows[i].tamper);
        if (status != rows[i].status) {
            fail_msg("row %zu: %d, not %d", i, status, rows[i].status);
        }
    }
}

static void what_the_real_one_refuses_is_refused(void **state) {
    static const struct {
        const char *path, *body;
        int status;
    } rows[] = {
        {NATIVE, ORDER_WITH("short", AMOUNT), 400},
        {NATIVE, ORDER_WITH("a number", AMOUNT), 400},
        {NATIVE, ORDER_WITH("012345678901234567890123456789012", AMOUNT), 400},
        {NATIVE, ORDER_WITH("strict_1", ""), 400},
        {NATIVE, ORDER_WITH("strict_1", ",\"amount\":{\"total\":0,\"currency\":\"CNY\"}"), 400},
        {NATIVE, ORDER_WITH("strict_1", ",\"amount\":{\"total\":1.5,\"currency\":\"CNY\"}"), 400},
        {NATIVE, ORDER_WITH("strict_1", ",\"amount\":{\"total\":1,\"currency\":\"USD\"}"), 400},
        {NATIVE, ORDER_WITH("strict_1", AMOUNT ",\"new_field\":1"), 400},
        {NATIVE, ORDER_WITH("strict_1", AMOUNT ",\"time_expire\":\"2020-01-01T00:00:00+08:00\""),
         400},
        {NATIVE, ORDER_WITH("strict_1", AMOUNT ",\"time_expire\":\"2099-01-01T00:00:00+08:00\""),
         400},
        {NATIVE, ORDER_WITH("strict_1", AMOUNT ",\"payer\":{\"openid\":\"o1\"}"), 400},
        {"/v3/pay/transactions/jsapi", ORDER_WITH("strict_1", AMOUNT), 400},
        {"/v3/pay/transactions/h5", ORDER_WITH("strict_1", AMOUNT), 400},
        {"/v3/pay/transactions/codepay", ORDER_WITH("strict_1", AMOUNT), 400},
        {NATIVE, "not JSON", 400},
        {NATIVE, "[]", 400},
        {NATIVE, "{\"appid\":\"wx0\",\"mchid\":\"" SANDBOX_WECHAT_MCHID "\"}", 400},
        {"/v3/pay/transactions/out-trade-no/strict_1/close", "{\"mchid\":\"1\"}", 400},
        {"/v3/pay/transactions/out-trade-no/strict_1/close",
         "{\"mchid\":\"" SANDBOX_WECHAT_MCHID "\"}", 404},
        {"/v3/refund/domestic/refunds", "{\"out_refund_no\":\"1\"}", 400},
        {"/v3/nothing", "{}", 404},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int status = sent("POST", rows[i].path, rows[i].body, AS_IT_IS);
        if (status != rows[i].status) {
            fail_msg("row %zu: %d, not %d", i, status, rows[i].status);
        }
    }
    assert_int_equal(sent("GET", "/v3/pay/transactions/out-trade-no/strict_1", "", AS_IT_IS), 400);
    assert_int_equal(sent("GET",
                          "/v3/pay/transactions/out-trade-no/strict_1?mchid=" SANDBOX_WECHAT_MCHID,
                          "", AS_IT_IS),
                     404);
    assert_int_equal(sent("POST", NATIVE, ORDER_WITH("strict_1", AMOUNT), AS_IT_IS), 200);
    customer("reference", "strict_1", "pay", 200);
    assert_int_equal(sent("POST", "/v3/pay/transactions/out-trade-no/strict_1/close",
                          "{\"mchid\":\"" SANDBOX_WECHAT_MCHID "\"}", AS_IT_IS),
                     400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(each_try_is_signed_anew_over_the_same_body),
        IN_SANDBOX(forged_stale_and_truncated_ones_are_refused_and_duplicates_known),
        IN_SANDBOX(a_falsified_amount_is_signed_and_sealed_all_the_same),
        IN_SANDBOX(a_complaint_is_told_of),
        IN_SANDBOX(keys_change_in_the_middle_and_nothing_is_lost),
        cmocka_unit_test_setup_teardown(the_public_key_alone_is_enough, start_with_public_key,
                                        stop),
        IN_SANDBOX(only_the_merchants_own_requests_are_believed),
        IN_SANDBOX(what_the_real_one_refuses_is_refused),
    };
    return cmocka_run_group_tests(tests, identity_make, identity_drop);
}
