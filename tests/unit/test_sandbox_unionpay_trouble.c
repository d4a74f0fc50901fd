/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_unionpay_trouble.c: what the simulated UnionPay does wrong when it is told to, what
 * it refuses, its undoings and its settlement file, as our adapter sees them. */
#include "base/archive.h"
#include "sandbox_unionpay_fixture.h"

/* ---- when it goes wrong ---- */

static void a_question_that_is_not_answered_says_nothing(void **state) {
    static const struct {
        const char *fault;
        enum gateway_outcome outcome;
    } faults[] = {
        {"unionpay:down", GW_UNAVAILABLE},
        {"unionpay:refuse", GW_UNAVAILABLE},
        {"unionpay:error:status=500", GW_UNAVAILABLE},
        {"unionpay:error:code=37", GW_RATE_LIMITED},
        {"unionpay:error:code=06", GW_UNAVAILABLE},
        {"unionpay:wrong_signature", GW_UNAVAILABLE},
        {"unionpay:reset:bytes=300", GW_UNAVAILABLE},
    };
    (void)paid(ATT("7"), true);
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        fault(faults[i].fault);
        struct gateway_result result = queried(ATT("7"), false);
        assert_is(&result, faults[i].outcome);
        sandbox_heal(fixture.sandbox);
        result = queried(ATT("7"), false);
        assert_is(&result, GW_CHARGED);
    }
}

static void an_app_order_whose_answer_is_lost_can_be_paid_by_nobody(void **state) {
    fault("unionpay:reset:operation=create,count=1");
    struct gateway_result result = charged(ATT("8"), FLOW_APP, true);
    assert_is(&result, GW_UNAVAILABLE);
    assert_true(gateway_outcome_not_charged(result.outcome));
    fault("unionpay:wrong_signature:operation=create,count=1");
    result = charged(ATT("9"), FLOW_APP, true);
    assert_is(&result, GW_UNAVAILABLE);
    assert_int_equal(result.action, ACTION_NONE);
}

static void forged_cut_and_doubled_notifies_are_told_apart(void **state) {
    struct gateway_event event;
    char first[GATEWAY_ID_CHARS_MAX + 1] = "";
    int genuine = 0;
    fault("unionpay:callback_forged:count=1");
    fault("unionpay:callback_truncated:count=1");
    fault("unionpay:callback_duplicate:copies=2,count=1");
    (void)paid(ATT("W"), true);
    await_taken(5);
    await_quiet();
    assert_int_equal(fixture.taken_count, 5);
    for (int i = 0; i < 5; i++) {
        int rc = verify(i, &event);
        assert_true(rc == 0 || rc == -ERR_SIGNATURE);
        if (rc == 0) {
            if (genuine++ == 0) {
                memcpy(first, event.event_id, sizeof(first));
            }
            assert_string_equal(event.event_id, first);
        }
    }
    assert_int_equal(genuine, 3);
}

static void a_notify_of_another_amount_says_another_amount(void **state) {
    struct gateway_event event;
    fault("unionpay:callback_amount:amount_minor=100,count=1");
    struct gateway_result result = paid(ATT("X"), true);
    await_taken(1);
    assert_int_equal(verify(0, &event), 0);
    assert_int_equal(event.amount_minor, 2600);
    assert_int_equal(result.amount_minor, 2500);
}

static void a_refused_notify_comes_again_the_same(void **state) {
    fixture.refuse_next = 2;
    (void)paid(ATT("Y"), true);
    await_taken(3);
    assert_string_equal(fixture.taken[0].body, fixture.taken[2].body);
}

static void an_order_taken_twice_is_two_charges_that_are_told(void **state) {
    struct gateway_event one, other;
    fault("unionpay:double_charge:count=1");
    (void)paid(ATT("Z"), true);
    await_taken(2);
    assert_int_equal(verify(0, &one), 0);
    assert_int_equal(verify(1, &other), 0);
    assert_string_equal(one.reference, other.reference);
    assert_string_not_equal(one.gateway_id, other.gateway_id);
    assert_int_equal(booked_twice("references"), 1);
    assert_int_equal(booked("unionpay", "CNY", "charged_minor"), 5000);
}

static void by_secret_key_all_goes_the_same_way(void **state) {
    struct gateway_event event;
    struct gateway_result payment = paid(ATT("A"), true);
    struct gateway_change change = change_of(RE("A"), ATT("A"), &payment, 700);
    struct gateway_result result = changed(unionpay_refund, &change);
    assert_is(&result, GW_PENDING);
    flush();
    result = changed(unionpay_query_refund, &change);
    assert_is(&result, GW_REFUNDED);
    await_taken(2);
    assert_int_equal(verify(0, &event), 0);
    assert_int_equal(verify(1, &event), 0);
    fault("unionpay:wrong_signature:count=1");
    result = changed(unionpay_query_refund, &change);
    assert_is(&result, GW_UNAVAILABLE);
}

/* ---- what the sandbox refuses ---- */

/* Signs and posts what is given; the respCode of the answer. */
static const char *resp_code(const char *path, struct unionpay_message *request, bool sign) {
    static char code[8];
    UNIONPAY_MESSAGE_AUTO answer = {0};
    HTTP_ANSWER_AUTO http = {0};
    struct err err = {0};
    BUF_AUTO body;
    buf_init(&body, 32 * 1024);
    assert_true(!sign || unionpay_sign_request(&gateway, request, &err) == 0);
    unionpay_message_form(request, &body);
    const struct ask ask = {.port = SANDBOX_UNIONPAY,
                            .method = "POST",
                            .path = path,
                            .body = body.data,
                            .type = UNIONPAY_FORM};
    assert_int_equal(ask_raw(&ask, &http), 0);
    assert_int_equal(http.status, 200);
    assert_int_equal(
        unionpay_message_read(&answer, http.body, http.body_bytes, UNIONPAY_FILE_BYTES_MAX, &err),
        0);
    snprintf(code, sizeof(code), "%s", unionpay_get(&answer, "respCode"));
    return code;
}

static void refund_request(const char *reference, const char *of, const char *type,
                           const char *amount, struct unionpay_message *ret_request) {
    struct unionpay_order order;
    assert_true(unionpay_order_of(reference, began_us, &order));
    unionpay_begin(&gateway, ret_request, type, "00", &order);
    unionpay_set(ret_request, "channelType", "07");
    unionpay_set(ret_request, "txnAmt", amount);
    unionpay_set(ret_request, "currencyCode", "156");
    unionpay_set(ret_request, "origQryId", of);
    unionpay_set(ret_request, "backUrl", fixture.hook_url);
}

static void every_wrong_field_is_refused_with_its_code(void **state) {
    struct gateway_result payment = paid(ATT("A"), true);
    static const struct {
        const char *name, *value, *code;
    } wrong[] = {
        {"version", "5.0.0", "10"},
        {"version", NULL, "13"},
        {"encoding", "GBK", "10"},
        {"encoding", NULL, "13"},
        {"txnType", "99", "10"},
        {"txnType", NULL, "10"},
        {"txnSubType", "01", "10"},
        {"bizType", "000000", "10"},
        {"channelType", "06", "10"},
        {"channelType", NULL, "13"},
        {"accessType", "1", "10"},
        {"merId", "777290058110049", "31"},
        {"merId", NULL, "13"},
        {"orderId", "short", "10"},
        {"orderId", "with_underscore", "10"},
        {"orderId", NULL, "13"},
        {"txnTime", "20010101000000", "10"},
        {"txnTime", "20991231235959", "10"},
        {"txnTime", "20261321000000", "10"},
        {"txnTime", NULL, "13"},
        {"txnAmt", "0", "10"},
        {"txnAmt", "7.00", "10"},
        {"txnAmt", NULL, "13"},
        {"txnAmt", "2501", "33"},
        {"currencyCode", "840", "10"},
        {"currencyCode", NULL, "13"},
        {"origQryId", "123456789012345678901", "34"},
        {"origQryId", "12", "10"},
        {"origQryId", NULL, "13"},
        {"backUrl", NULL, "13"},
        {"txnAmount", "700", "10"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        UNIONPAY_MESSAGE_AUTO request = {0};
        refund_request(RE("A"), payment.gateway_id, "04", "700", &request);
        unionpay_set(&request, wrong[i].name, wrong[i].value);
        const char *code = resp_code(UNIONPAY_BACK_PATH, &request, true);
        if (strcmp(code, wrong[i].code) != 0) {
            fail_msg("%s=%s is %s, not %s", wrong[i].name,
                     wrong[i].value != NULL ? wrong[i].value : "", code, wrong[i].code);
        }
    }
    UNIONPAY_MESSAGE_AUTO request = {0};
    refund_request(RE("A"), payment.gateway_id, "04", "700", &request);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &request, true), "00");
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &request, true), "12");
}

static void what_is_not_signed_by_the_merchant_is_refused(void **state) {
    struct gateway_result payment = paid(ATT("A"), true);
    UNIONPAY_MESSAGE_AUTO request = {0};
    struct err err;
    refund_request(RE("A"), payment.gateway_id, "04", "700", &request);
    assert_int_equal(unionpay_sign_request(&gateway, &request, &err), 0);
    unionpay_set(&request, "txnAmt", "701");
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &request, false), "11");
    unionpay_set(&request, "txnAmt", "700");
    unionpay_set(&request, "certId", "4097");
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &request, false), "11");
    unionpay_set(&request, "signature", NULL);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &request, false), "13");
    struct secret *key = secret_new("x", 1);
    const struct unionpay_signer signer = {.secure_key = key};
    unionpay_set(&request, "certId", NULL);
    assert_int_equal(unionpay_sign(&request, &signer, &err), 0);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &request, false), "11");
    secret_free(key);
    assert_int_equal(booked("unionpay", "CNY", "refunds"), 0);
}

static void a_payment_is_undone_once_whole_and_on_its_day(void **state) {
    struct gateway_result payment = paid(ATT("A"), true);
    UNIONPAY_MESSAGE_AUTO part = {0};
    UNIONPAY_MESSAGE_AUTO whole = {0};
    UNIONPAY_MESSAGE_AUTO hold = {0};
    UNIONPAY_MESSAGE_AUTO again = {0};
    UNIONPAY_MESSAGE_AUTO refund = {0};
    refund_request(RE("A"), payment.gateway_id, "31", "700", &part);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &part, true), "36");
    refund_request(RE("B"), payment.gateway_id, "32", "2500", &hold);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &hold, true), "35");
    refund_request(RE("C"), payment.gateway_id, "31", "2500", &whole);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &whole, true), "00");
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 2500);
    refund_request(RE("D"), payment.gateway_id, "31", "2500", &again);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &again, true), "35");
    refund_request(RE("E"), payment.gateway_id, "04", "100", &refund);
    assert_string_equal(resp_code(UNIONPAY_BACK_PATH, &refund, true), "35");
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 2500);
}

/* ---- the settlement file ---- */

static void the_days_file_has_what_was_paid_that_day(void **state) {
    struct err err;
    char now[UNIONPAY_TIME_MAX];
    BUF_AUTO file;
    buf_init(&file, 1 << 20);
    (void)paid(ATT("A"), true);
    unionpay_time(clock_wall_us(), now);
    struct gateway_statement statement = {"settlement", 2026, (now[4] - '0') * 10 + now[5] - '0',
                                          (now[6] - '0') * 10 + now[7] - '0'};
    patience(PATIENCE_US);
    assert_int_equal(gateway.adapter->fetch_statement(&call, &statement, &file, &err), 0);
    assert_memory_equal(file.data, "PK\x03\x04", 4);
    assert_non_null(memmem(file.data, file.len, "ZM_" SANDBOX_UNIONPAY_MERCHANT_ID,
                           strlen("ZM_" SANDBOX_UNIONPAY_MERCHANT_ID)));
    struct archive_member members[2];
    int count = 0;
    assert_int_equal(archive_zip_read_all(file.data, file.len, 1 << 20, members, 2, &count, &err),
                     0);
    assert_int_equal(count, 2);
    assert_int_equal(members[1].count, 0);
    assert_non_null(strstr(members[0].bytes, " att01JD5R6Q6Y0V3M8X2K4N7T9BCA "));
    assert_non_null(strstr(members[0].bytes, " 000000002500 "));
    assert_non_null(strstr(members[0].bytes, " D000000000015 C000000002485 "));
    archive_members_free(members, count);
    statement.day = statement.day == 1 ? 2 : 1;
    statement.month = statement.month == 1 ? 2 : 1;
    buf_clear(&file);
    assert_int_equal(gateway.adapter->fetch_statement(&call, &statement, &file, &err),
                     -ERR_NOT_FOUND);
    assert_int_equal(file.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_question_that_is_not_answered_says_nothing),
        TEST(an_app_order_whose_answer_is_lost_can_be_paid_by_nobody),
        TEST(forged_cut_and_doubled_notifies_are_told_apart),
        TEST(a_notify_of_another_amount_says_another_amount),
        TEST(a_refused_notify_comes_again_the_same),
        TEST(an_order_taken_twice_is_two_charges_that_are_told),
        cmocka_unit_test_setup_teardown(by_secret_key_all_goes_the_same_way, start_by_key, stop),
        TEST(every_wrong_field_is_refused_with_its_code),
        TEST(what_is_not_signed_by_the_merchant_is_refused),
        TEST(a_payment_is_undone_once_whole_and_on_its_day),
        TEST(the_days_file_has_what_was_paid_that_day),
    };
    RUN_WITH_IDENTITY(tests);
}
