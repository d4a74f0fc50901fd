/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_wechat.c: the simulated WeChat Pay over real HTTP with our own adapter before it:
 * every flow, every state, the faults, refunds, the desk and the bills. */
#include "sandbox_wechat_fixture.h"

/* ---- flows ---- */

static void a_scanned_code_is_paid_and_told_of(void **state) {
    struct gateway_event event;
    struct gateway_result result = charged("att_native_1", FLOW_QR, "");
    assert_is(&result, GW_ACTION_NEEDED);
    assert_int_equal(strncmp(result.action_data, "weixin://wxpay/bizpayurl?pr=", 28), 0);
    EXPECT(asked("att_native_1"), GW_ACTION_NEEDED);
    customer("code", result.action_data, "scan", 200);
    EXPECT(asked("att_native_1"), GW_ACTION_NEEDED);
    customer("code", result.action_data, "pay", 200);
    await_taken(1);
    assert_int_equal(verify(0, &event), 0);
    assert_string_equal(event.type, "TRANSACTION.SUCCESS");
    assert_string_equal(event.reference, "att_native_1");
    assert_string_equal(event.order_id, "order-1");
    assert_int_equal(event.outcome, GW_CHARGED);
    assert_int_equal(event.amount_minor, 2500);
    struct gateway_result paid = asked("att_native_1");
    assert_is(&paid, GW_CHARGED);
    assert_int_equal(paid.captured_minor, 2500);
    assert_string_equal(paid.charge_id, event.charge_id);
    assert_int_equal(booked("wechat", "CNY", "charged_minor"), 2500);
    customer("reference", "att_native_1", "pay", 409);
    /* Made again: it is paid. */
    EXPECT(charged("att_native_1", FLOW_QR, ""), GW_CHARGED);
    assert_int_equal(booked("wechat", "CNY", "charges"), 1);
}

static void a_repeat_of_an_open_order_gives_the_same_code(void **state) {
    struct gateway_charge charge = charge_of("att_repeat_1", FLOW_QR, "");
    struct gateway_result first, second;
    patience(PATIENCE_US);
    gateway.adapter->charge(&call, &charge, &first);
    gateway.adapter->charge(&call, &charge, &second);
    assert_is(&second, GW_ACTION_NEEDED);
    assert_string_equal(first.action_data, second.action_data);
    charge.amount_minor++; /* the same number for something else */
    gateway.adapter->charge(&call, &charge, &second);
    assert_is(&second, GW_REJECTED_REQUEST);
    assert_string_equal(second.code, "INVALID_REQUEST");
}

static void a_phones_page_pays_and_goes_back_to_the_shop(void **state) {
    struct gateway_result result = charged("att_h5_000001", FLOW_MOBILE, "");
    assert_is(&result, GW_ACTION_NEEDED);
    assert_int_equal(result.action, ACTION_REDIRECT);
    const char *path = strstr(result.action_data, "/sandbox/pay/");
    assert_non_null(path);
    struct ask ask = {SANDBOX_WECHAT, "GET", path, NULL, NULL, NULL, NULL, 0};
    HTTP_ANSWER_AUTO page = {0};
    assert_int_equal(ask_raw(&ask, &page), 0);
    assert_int_equal(page.status, 200);
    assert_non_null(strstr(page.body, "25.00 CNY"));
    ask.method = "POST";
    ask.body = "choice=yes";
    ask.type = FORM;
    HTTP_ANSWER_AUTO paid = {0};
    assert_int_equal(ask_raw(&ask, &paid), 0);
    assert_int_equal(paid.status, 303);
    assert_string_equal(http_header_find(paid.headers, paid.header_count, "Location"),
                        "https://shop.test/back?out_trade_no=att_h5_000001");
    EXPECT(asked("att_h5_000001"), GW_CHARGED);
}

static void apps_and_pages_inside_wechat_are_paid_by_their_prepay_id(void **state) {
    struct err err;
    JSON_AUTO app = NULL;
    JSON_AUTO page = NULL;
    struct gateway_result result = charged("att_app_00001", FLOW_APP, "");
    assert_is(&result, GW_ACTION_NEEDED);
    assert_int_equal(json_read(result.action_data, strlen(result.action_data), 4096, 4, &app, &err),
                     0);
    customer("code", json_peek_text(app, "prepayid", NULL), "pay", 200);
    EXPECT(asked("att_app_00001"), GW_CHARGED);
    result = charged("att_jsapi_001", FLOW_PAGE, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    assert_is(&result, GW_ACTION_NEEDED);
    assert_int_equal(
        json_read(result.action_data, strlen(result.action_data), 4096, 4, &page, &err), 0);
    const char *package = json_peek_text(page, "package", NULL);
    customer("code", package + strlen("prepay_id="), "pay", 200);
    EXPECT(asked("att_jsapi_001"), GW_CHARGED);
}

#define PAYS "130000000000000001"
#define ASKS "130000000000009901"
#define POOR "130000000000009902"

static void a_bar_code_pays_asks_or_is_declined(void **state) {
    EXPECT(charged("att_code_0001", 0, PAYS), GW_CHARGED);
    EXPECT(charged("att_code_0002", 0, POOR), GW_DECLINED);
    EXPECT(asked("att_code_0002"), GW_DECLINED);
    EXPECT(charged("att_code_0003", 0, ASKS), GW_PENDING);
    EXPECT(asked("att_code_0003"), GW_PENDING);
    customer("reference", "att_code_0003", "pay", 200);
    EXPECT(asked("att_code_0003"), GW_CHARGED);
    EXPECT(charged("att_code_0004", 0, ASKS), GW_PENDING);
    customer("reference", "att_code_0004", "cancel", 200);
    EXPECT(asked("att_code_0004"), GW_DECLINED);
    fault("wechat:decline:operation=charge,code=RULE_LIMIT,count=1");
    EXPECT(charged("att_code_0005", 0, PAYS), GW_DECLINED);
    assert_int_equal(booked("wechat", "CNY", "charges"), 2);
}

static void a_bar_codes_payment_is_reversed(void **state) {
    EXPECT(charged("att_code_0001", 0, PAYS), GW_CHARGED);
    EXPECT(changed(wechat_cancel, "cxl_1", "att_code_0001", PAYS, 0), GW_CANCELED);
    EXPECT(changed(wechat_cancel, "cxl_1", "att_code_0001", PAYS, 0), GW_CANCELED);
    EXPECT(charged("att_code_0002", 0, ASKS), GW_PENDING);
    EXPECT(changed(wechat_cancel, "cxl_2", "att_code_0002", ASKS, 0), GW_CANCELED);
    customer("reference", "att_code_0002", "pay", 409);
    assert_int_equal(booked("wechat", "CNY", "refunded_minor"), 2500);
}

/* ---- what goes wrong ---- */

static void a_creation_that_was_done_and_not_answered_is_closed(void **state) {
    fault("wechat:timeout_after:operation=create,count=1");
    const struct gateway_charge charge = charge_of("att_lost_0001", FLOW_QR, "");
    struct gateway_result result;
    patience(800 * US_PER_MS);
    gateway.adapter->charge(&call, &charge, &result);
    assert_is(&result, GW_UNAVAILABLE);
    EXPECT(asked("att_lost_0001"), GW_CANCELED);
    customer("reference", "att_lost_0001", "pay", 409);
    fault("wechat:error:operation=create,status=500,executed=true,count=1");
    EXPECT(charged("att_lost_0002", FLOW_QR, ""), GW_UNAVAILABLE);
    EXPECT(asked("att_lost_0002"), GW_CANCELED);
    fault("wechat:reset:operation=create,count=1");
    EXPECT(charged("att_lost_0003", FLOW_QR, ""), GW_UNAVAILABLE);
    EXPECT(asked("att_lost_0003"), GW_CANCELED);
    fault("wechat:wrong_signature:operation=create,count=1");
    EXPECT(charged("att_lost_0004", FLOW_QR, ""), GW_UNAVAILABLE);
    EXPECT(asked("att_lost_0004"), GW_CANCELED);
    fault("wechat:down:operation=create,count=1");
    EXPECT(charged("att_lost_0005", FLOW_QR, ""), GW_UNAVAILABLE);
    EXPECT(asked("att_lost_0005"), GW_NOT_FOUND);
    fault("wechat:error:operation=create,status=429,count=1");
    EXPECT(charged("att_lost_0006", FLOW_QR, ""), GW_RATE_LIMITED);
    assert_int_equal(booked("wechat", "CNY", "charges"), 0);
}

static void a_bar_code_that_was_charged_and_not_answered_is_charged_once(void **state) {
    static const char *const faults[] = {
        "wechat:error:operation=charge,status=500,executed=true,count=1",
        "wechat:reset:operation=charge,count=1",
        "wechat:wrong_signature:operation=charge,count=1",
    };
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        char reference[32];
        snprintf(reference, sizeof(reference), "att_doubt_%03zu", i);
        fault(faults[i]);
        EXPECT(charged(reference, 0, PAYS), GW_UNKNOWN);
        EXPECT(charged(reference, 0, PAYS), GW_CHARGED); /* the repeat asks */
        EXPECT(asked(reference), GW_CHARGED);
        assert_int_equal(booked("wechat", "CNY", "charges"), (int)i + 1);
    }
    assert_int_equal(booked_twice("references"), 0);
}

static void a_question_with_a_wrong_signature_is_not_answered(void **state) {
    EXPECT(charged("att_native_1", FLOW_QR, ""), GW_ACTION_NEEDED);
    fault("wechat:wrong_signature:operation=query,count=1");
    EXPECT(asked("att_native_1"), GW_UNAVAILABLE);
    EXPECT(asked("att_native_1"), GW_ACTION_NEEDED);
}

static void a_closed_order_is_never_paid_and_a_paid_one_never_closed(void **state) {
    EXPECT(charged("att_close_001", FLOW_QR, ""), GW_ACTION_NEEDED);
    EXPECT(changed(wechat_cancel, "cxl_1", "att_close_001", "", 0), GW_CANCELED);
    EXPECT(changed(wechat_cancel, "cxl_1", "att_close_001", "", 0), GW_CANCELED);
    customer("reference", "att_close_001", "pay", 409);
    EXPECT(charged("att_close_001", FLOW_QR, ""), GW_CANCELED);
    EXPECT(charged("att_close_002", FLOW_QR, ""), GW_ACTION_NEEDED);
    customer("reference", "att_close_002", "pay", 200);
    EXPECT(changed(wechat_cancel, "cxl_2", "att_close_002", "", 0), GW_CHARGED);
    EXPECT(changed(wechat_cancel, "cxl_3", "att_close_003", "", 0), GW_NOT_FOUND);
    assert_int_equal(booked("wechat", "CNY", "charges"), 1);
}

static void pay_in_task(void *arg) {
    char body[200];
    snprintf(body, sizeof(body), "{\"gateway\":\"wechat\",\"reference\":\"%s\",\"act\":\"pay\"}",
             (const char *)arg);
    const struct ask ask = {SANDBOX_CONTROL, "POST", "/pay", body, NULL, NULL, NULL, 0};
    HTTP_ANSWER_AUTO answer = {0};
    (void)ask_raw(&ask, &answer);
}

static void who_closes_while_the_customer_pays_is_told_the_truth(void **state) {
    int64_t paid = 0;
    for (int i = 0; i < 20; i++) {
        char reference[32];
        snprintf(reference, sizeof(reference), "att_race_%04d", i);
        EXPECT(charged(reference, FLOW_QR, ""), GW_ACTION_NEEDED);
        struct task *task = task_start("customer", 0, pay_in_task, reference);
        assert_non_null(task);
        struct gateway_result closed = changed(wechat_cancel, "cxl_1", reference, "", 0);
        task_join(task);
        assert_true(closed.outcome == GW_CHARGED || closed.outcome == GW_CANCELED);
        paid += closed.outcome == GW_CHARGED ? 1 : 0;
        EXPECT(asked(reference), closed.outcome);
    }
    assert_int_equal(booked("wechat", "CNY", "charges"), paid);
}

static void an_expired_code_is_closed(void **state) {
    struct gateway_result result = charged("att_expire_01", FLOW_QR, "");
    assert_is(&result, GW_ACTION_NEEDED);
    customer("code", result.action_data, "expire", 200);
    customer("code", result.action_data, "pay", 409);
    EXPECT(asked("att_expire_01"), GW_CANCELED);
    EXPECT(changed(wechat_cancel, "cxl_1", "att_expire_01", "", 0), GW_CANCELED);
}

/* ---- refunds ---- */

static void a_refund_is_accepted_and_ends_later(void **state) {
    struct gateway_event event;
    paid_order("att_refund_01");
    await_taken(1);
    struct gateway_result result = changed(wechat_refund, "re_1", "att_refund_01", "", 1000);
    assert_is(&result, GW_PENDING);
    assert_int_equal(result.amount_minor, 1000);
    EXPECT(changed(wechat_refund, "re_1", "att_refund_01", "", 1000), GW_PENDING);
    EXPECT(changed(wechat_query_refund, "re_1", "att_refund_01", "", 1000), GW_PENDING);
    assert_int_equal(booked("wechat", "CNY", "refunded_minor"), 1000);
    json_decref(control("POST", "/callbacks/flush", NULL, 200));
    await_taken(2);
    assert_int_equal(verify(1, &event), 0);
    assert_string_equal(event.type, "REFUND.SUCCESS");
    assert_int_equal(event.subject, CALLBACK_REFUND);
    assert_string_equal(event.reference, "re_1");
    assert_string_equal(event.refund_id, result.refund_id);
    assert_int_equal(event.outcome, GW_REFUNDED);
    assert_int_equal(event.amount_minor, 1000);
    EXPECT(changed(wechat_query_refund, "re_1", "att_refund_01", "", 1000), GW_REFUNDED);
    EXPECT(asked("att_refund_01"), GW_CHARGED);
    /* The same number for another amount; more than there is; what is left. */
    EXPECT(changed(wechat_refund, "re_1", "att_refund_01", "", 1001), GW_REJECTED_REQUEST);
    EXPECT(changed(wechat_refund, "re_2", "att_refund_01", "", 1501), GW_REJECTED_REQUEST);
    EXPECT(changed(wechat_refund, "re_3", "att_refund_01", "", 1500), GW_PENDING);
    assert_int_equal(booked("wechat", "CNY", "refunded_minor"), 2500);
    EXPECT(changed(wechat_query_refund, "re_2", "att_refund_01", "", 1501), GW_NOT_FOUND);
    EXPECT(changed(wechat_refund, "re_4", "att_missing_1", "", 100), GW_REJECTED_REQUEST);
}

static void a_refund_that_was_done_and_not_answered_has_one_effect(void **state) {
    paid_order("att_refund_01");
    fault("wechat:error:operation=refund,status=502,executed=true,count=1");
    EXPECT(changed(wechat_refund, "re_1", "att_refund_01", "", 2500), GW_UNKNOWN);
    EXPECT(changed(wechat_refund, "re_1", "att_refund_01", "", 2500), GW_PENDING);
    assert_int_equal(booked("wechat", "CNY", "refunds"), 1);
    assert_int_equal(booked("wechat", "CNY", "refunded_minor"), 2500);
}

static void a_refund_that_fails_later_is_told_of(void **state) {
    struct gateway_event event;
    paid_order("att_refund_01");
    await_taken(1);
    fault("wechat:decline:operation=refund,code=ABNORMAL,count=1");
    EXPECT(changed(wechat_refund, "re_1", "att_refund_01", "", 2500), GW_PENDING);
    json_decref(control("POST", "/callbacks/flush", NULL, 200));
    await_taken(2);
    assert_int_equal(verify(1, &event), 0);
    assert_string_equal(event.type, "REFUND.ABNORMAL");
    assert_int_equal(event.outcome, GW_DECLINED);
    struct gateway_result result = changed(wechat_query_refund, "re_1", "att_refund_01", "", 2500);
    assert_is(&result, GW_DECLINED);
    assert_string_equal(result.common_code, "refund_abnormal");
    assert_int_equal(booked("wechat", "CNY", "refunded_minor"), 0);
    fault("wechat:decline:operation=refund,code=NOT_ENOUGH,count=1");
    result = changed(wechat_refund, "re_2", "att_refund_01", "", 2500);
    assert_is(&result, GW_REJECTED_REQUEST);
    assert_string_equal(result.common_code, "balance_insufficient");
}

/* ---- at the desk ---- */

static void what_is_done_at_the_desk_is_in_the_book(void **state) {
    char path[200];
    paid_order("att_desk_0001");
    await_taken(1);
    snprintf(path, sizeof(path), "/wechat/charges/%s/refund", asked("att_desk_0001").charge_id);
    json_decref(control("POST", path, "{\"amount_minor\":300}", 201));
    json_decref(control("POST", path, "{\"amount_minor\":2300}", 409));
    assert_int_equal(booked("wechat", "CNY", "refunded_minor"), 300);
    json_decref(
        control("POST", "/wechat/charges", "{\"amount_minor\":900,\"currency\":\"CNY\"}", 201));
    assert_int_equal(booked("wechat", "CNY", "charged_minor"), 3400);
}

/* ---- bills ---- */

static int bill(const char *kind, int64_t when_us, struct buf *file, struct err *err) {
    char text[CLOCK_TEXT_MAX];
    struct gateway_statement statement = {.kind = kind};
    clock_format_at(when_us, BEIJING_MINUTES, text);
    assert_int_equal(sscanf(text, "%d-%d-%d", &statement.year, &statement.month, &statement.day),
                     3);
    patience(PATIENCE_US);
    buf_clear(file);
    return gateway.adapter->fetch_statement(&call, &statement, file, err);
}

static void bills_list_what_the_book_holds(void **state) {
    struct buf file;
    struct err err;
    int64_t now_us = clock_wall_us();
    buf_init(&file, 1 << 20);
    assert_int_equal(bill("trade", now_us, &file, &err), -ERR_GONE);
    paid_order("att_bill_0001");
    EXPECT(changed(wechat_refund, "re_bill_1", "att_bill_0001", "", 1000), GW_PENDING);
    EXPECT(charged("att_bill_0002", FLOW_QR, ""), GW_ACTION_NEEDED);
    assert_int_equal(bill("trade", now_us, &file, &err), 0);
    assert_int_equal(memcmp(file.data, "\xEF\xBB\xBF", 3), 0);
    assert_non_null(strstr(file.data, "`att_bill_0001,"));
    assert_non_null(strstr(file.data, "`25.00,"));
    assert_non_null(strstr(file.data, "`re_bill_1,`10.00,"));
    assert_null(strstr(file.data, "att_bill_0002"));
    assert_non_null(strstr(file.data, "\r\n`2,`25.00,`10.00,`0.00,`0.15000,`25.00,`10.00\r\n"));
    assert_int_equal(bill("refund", now_us, &file, &err), 0);
    assert_non_null(strstr(file.data, "\r\n`1,`0.00,`10.00,"));
    assert_int_equal(bill("fund", now_us, &file, &err), 0);
    assert_non_null(strstr(file.data, "\r\n`3,`1,`25.00,`2,`10.15\r\n"));
    assert_int_equal(bill("trade", now_us - INT64_C(86400) * 3 * US_PER_SECOND, &file, &err),
                     -ERR_GONE);
    assert_int_equal(bill("trade", now_us + INT64_C(86400) * 3 * US_PER_SECOND, &file, &err),
                     -ERR_NOT_FOUND);
    buf_release(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SANDBOX(a_scanned_code_is_paid_and_told_of),
        IN_SANDBOX(a_repeat_of_an_open_order_gives_the_same_code),
        IN_SANDBOX(a_phones_page_pays_and_goes_back_to_the_shop),
        IN_SANDBOX(apps_and_pages_inside_wechat_are_paid_by_their_prepay_id),
        IN_SANDBOX(a_bar_code_pays_asks_or_is_declined),
        IN_SANDBOX(a_bar_codes_payment_is_reversed),
        IN_SANDBOX(a_creation_that_was_done_and_not_answered_is_closed),
        IN_SANDBOX(a_bar_code_that_was_charged_and_not_answered_is_charged_once),
        IN_SANDBOX(a_question_with_a_wrong_signature_is_not_answered),
        IN_SANDBOX(a_closed_order_is_never_paid_and_a_paid_one_never_closed),
        IN_SANDBOX(who_closes_while_the_customer_pays_is_told_the_truth),
        IN_SANDBOX(an_expired_code_is_closed),
        IN_SANDBOX(a_refund_is_accepted_and_ends_later),
        IN_SANDBOX(a_refund_that_was_done_and_not_answered_has_one_effect),
        IN_SANDBOX(a_refund_that_fails_later_is_told_of),
        IN_SANDBOX(what_is_done_at_the_desk_is_in_the_book),
        IN_SANDBOX(bills_list_what_the_book_holds),
    };
    return cmocka_run_group_tests(tests, identity_make, identity_drop);
}
