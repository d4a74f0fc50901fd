/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_unionpay.c: our UnionPay adapter against the simulated UnionPay, over real HTTP:
 * pages, apps, holds and refunds, races, and what is lost on the way. */
#include "sandbox_unionpay_fixture.h"

/* ---- flows ---- */

static void a_probe_finds_all_well(void **state) {
    struct gateway_result result;
    patience(PATIENCE_US);
    gateway.adapter->probe(&call, &result);
    assert_is(&result, GW_NONE);
}

static void a_page_is_posted_paid_told_and_found(void **state) {
    struct gateway_event event;
    struct gateway_result page = charged(ATT("A"), FLOW_PAGE, true);
    assert_is(&page, GW_ACTION_NEEDED);
    struct gateway_result result = queried(ATT("A"), false);
    assert_is(&result, GW_ACTION_NEEDED);
    assert_int_equal(acted(ATT("A"), "pay"), 404); /* the browser has not posted it yet */
    open_page(&page);
    open_page(&page); /* and may post it again */
    result = queried(ATT("A"), false);
    assert_is(&result, GW_ACTION_NEEDED);
    assert_int_equal(booked("unionpay", "CNY", "charges"), 0);
    assert_int_equal(acted(ATT("A"), "pay") / 100, 2);
    result = queried(ATT("A"), false);
    assert_is(&result, GW_CHARGED);
    assert_int_equal(result.amount_minor, 2500);
    assert_int_equal(strlen(result.gateway_id), 21);
    assert_int_equal(booked("unionpay", "CNY", "charged_minor"), 2500);
    assert_int_equal(acted(ATT("A"), "pay"), 409);
    await_taken(1);
    assert_int_equal(verify(0, &event), 0);
    assert_int_equal(event.subject, CALLBACK_PAYMENT);
    assert_int_equal(event.outcome, GW_CHARGED);
    assert_string_equal(event.reference, ATT("A"));
    assert_string_equal(event.gateway_id, result.gateway_id);
    assert_string_equal(event.order_id, "order-1");
    assert_int_equal(event.amount_minor, 2500);
    assert_int_equal(booked("unionpay", "CNY", "charges"), 1);
}

static void the_page_itself_takes_the_money_and_sends_the_customer_back(void **state) {
    struct gateway_result page = charged(ATT("B"), FLOW_MOBILE, true);
    char location[256];
    assert_int_equal(posted_form(&page, location, sizeof(location)), 303);
    const char *path = strstr(location, "/sandbox/pay/");
    assert_non_null(path);
    HTTP_ANSWER_AUTO shown = {0};
    const struct ask look = {.port = SANDBOX_UNIONPAY, .method = "GET", .path = path};
    assert_int_equal(ask_raw(&look, &shown), 0);
    assert_int_equal(shown.status, 200);
    assert_non_null(strstr(shown.body, "25.00 CNY"));
    HTTP_ANSWER_AUTO done = {0};
    const struct ask pay = {.port = SANDBOX_UNIONPAY,
                            .method = "POST",
                            .path = path,
                            .body = "choice=yes",
                            .type = FORM};
    assert_int_equal(ask_raw(&pay, &done), 0);
    assert_int_equal(done.status, 303);
    const char *back = http_header_find(done.headers, done.header_count, "Location");
    assert_non_null(back);
    assert_int_equal(strncmp(back, "https://shop.test/back?order=1&lang=zh&orderId=", 47), 0);
    struct gateway_result result = queried(ATT("B"), false);
    assert_is(&result, GW_CHARGED);
}

static void an_app_pays_with_the_tn(void **state) {
    struct gateway_result app = charged(ATT("C"), FLOW_APP, true);
    assert_is(&app, GW_ACTION_NEEDED);
    assert_int_equal(app.action, ACTION_APP);
    assert_int_equal(strlen(app.action_data), 21);
    struct gateway_result again = charged(ATT("C"), FLOW_APP, true);
    assert_is(&again, GW_UNKNOWN); /* known there, and not paid: its tn may be out */
    assert_int_equal(acted(app.action_data, "pay") / 100, 2);
    again = charged(ATT("C"), FLOW_APP, true);
    assert_is(&again, GW_CHARGED);
    assert_int_equal(booked("unionpay", "CNY", "charges"), 1);
}

static void a_decline_on_the_page_is_a_decline(void **state) {
    fault("unionpay:decline:operation=charge,code=64,count=1");
    struct gateway_result page = charged(ATT("D"), FLOW_PAGE, true);
    open_page(&page);
    assert_int_equal(acted(ATT("D"), "pay") / 100, 2);
    struct gateway_result result = queried(ATT("D"), false);
    assert_is(&result, GW_DECLINED);
    assert_string_equal(result.common_code, "insufficient_funds");
    assert_int_equal(booked("unionpay", "CNY", "charges"), 0);
    await_quiet();
    assert_int_equal(fixture.taken_count, 0); /* of a page only success is told */
}

static void an_order_that_expired_is_not_paid_and_is_canceled_later(void **state) {
    struct gateway_result page = charged(ATT("E"), FLOW_PAGE, true);
    open_page(&page);
    struct gateway_change close = change_of(RE("E"), ATT("E"), NULL, 0);
    struct gateway_result result = changed(unionpay_cancel, &close);
    assert_is(&result, GW_PENDING);
    assert_int_equal(acted(ATT("E"), "expire") / 100, 2);
    assert_int_equal(acted(ATT("E"), "pay"), 409);
    close.payment.expires_us = clock_wall_us() - 660 * US_PER_SECOND;
    result = changed(unionpay_cancel, &close);
    assert_is(&result, GW_CANCELED);
    assert_int_equal(booked("unionpay", "CNY", "charges"), 0);
    /* A form that is posted too late shows no order. */
    began_us -= 3600 * US_PER_SECOND;
    char location[256];
    page = charged(ATT("F"), FLOW_PAGE, true);
    assert_int_equal(posted_form(&page, location, sizeof(location)), 200);
    assert_int_equal(acted(ATT("F"), "pay"), 404);
}

static void nobody_pays_after_the_payTimeout_of_the_page(void **state) {
    struct gateway_charge charge = charge_of(ATT("Q"), FLOW_PAGE, true);
    struct gateway_result page;
    charge.expires_us = clock_wall_us() + 2 * US_PER_SECOND;
    patience(PATIENCE_US);
    unionpay_charge(&call, &charge, &page);
    open_page(&page);
    while (clock_wall_us() <= charge.expires_us) {
        task_sleep_us(20 * US_PER_MS);
    }
    assert_int_equal(acted(ATT("Q"), "pay"), 409);
    assert_int_equal(booked("unionpay", "CNY", "charges"), 0);
}

struct racer {
    const char *name;
    const char *act;
    int status;
};

static void race(void *arg) {
    struct racer *racer = arg;
    racer->status = acted(racer->name, racer->act);
}

static void of_pay_and_expire_exactly_one_wins(void **state) {
    static const char *const names[] = {ATT("G"), ATT("H"), ATT("J"), ATT("K"), ATT("M"), ATT("N")};
    int64_t won = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct gateway_result page = charged(names[i], FLOW_PAGE, true);
        open_page(&page);
        struct racer racers[2] = {{names[i], "pay", 0}, {names[i], "expire", 0}};
        struct task *tasks[2];
        for (int k = 0; k < 2; k++) {
            tasks[k] = task_start("racer", 0, race, &racers[k]);
            assert_non_null(tasks[k]);
        }
        for (int k = 0; k < 2; k++) {
            task_join(tasks[k]);
        }
        bool pays = racers[0].status / 100 == 2;
        assert_int_equal(racers[pays ? 1 : 0].status, 409);
        assert_int_equal(racers[pays ? 0 : 1].status / 100, 2);
        struct gateway_result result = queried(names[i], false);
        assert_is(&result, pays ? GW_CHARGED : GW_ACTION_NEEDED);
        won += pays ? 1 : 0;
    }
    assert_int_equal(booked("unionpay", "CNY", "charged_minor"), won * 2500);
}

/* ---- holds ---- */

static void a_hold_is_completed_in_part_and_paid_back(void **state) {
    struct gateway_event event;
    struct gateway_result held = paid(ATT("P"), false);
    assert_int_equal(booked("unionpay", "CNY", "held_minor"), 2500);
    struct gateway_change change = change_of(RE("P"), ATT("P"), &held, 2000);
    change.payment.hold = true;
    struct gateway_result captured = changed(unionpay_capture, &change);
    assert_is(&captured, GW_CHARGED);
    assert_int_equal(captured.captured_minor, 2000);
    assert_string_equal(captured.gateway_id, held.gateway_id);
    assert_string_not_equal(captured.charge_id, held.gateway_id);
    assert_int_equal(booked("unionpay", "CNY", "held_minor"), 0);
    assert_int_equal(booked("unionpay", "CNY", "charged_minor"), 2000);
    struct gateway_result again = changed(unionpay_capture, &change);
    assert_is(&again, GW_CHARGED);
    assert_string_equal(again.charge_id, captured.charge_id);
    struct gateway_lookup lookup = change.payment;
    lookup.change = &change;
    lookup.asked = OP_CAPTURE;
    again = asked(&lookup);
    assert_is(&again, GW_CHARGED);
    assert_int_equal(again.captured_minor, 2000);
    struct gateway_change second = change_of(RE("Q"), ATT("P"), &held, 500);
    second.payment.hold = true;
    again = changed(unionpay_capture, &second);
    assert_is(&again, GW_REJECTED_REQUEST); /* a hold is completed once */
    struct gateway_change refund = change_of(RE("R"), ATT("P"), &captured, 700);
    again = changed(unionpay_refund, &refund);
    assert_is(&again, GW_PENDING);
    flush();
    again = changed(unionpay_query_refund, &refund);
    assert_is(&again, GW_REFUNDED);
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 700);
    await_taken(3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verify(i, &event), 0);
    }
    assert_string_equal(event.reference, RE("R"));
    assert_int_equal(event.subject, CALLBACK_REFUND);
    assert_int_equal(event.outcome, GW_REFUNDED);
    assert_string_equal(event.charge_id, captured.charge_id);
}

static void a_hold_is_undone(void **state) {
    struct gateway_result held = paid(ATT("S"), false);
    struct gateway_change change = change_of(RE("S"), ATT("S"), &held, 0);
    change.payment.hold = true;
    struct gateway_result result = changed(unionpay_cancel, &change);
    assert_is(&result, GW_CANCELED);
    assert_int_equal(booked("unionpay", "CNY", "held_minor"), 0);
    result = changed(unionpay_cancel, &change);
    assert_is(&result, GW_CANCELED);
    struct gateway_lookup lookup = change.payment;
    lookup.change = &change;
    lookup.asked = OP_CANCEL;
    result = asked(&lookup);
    assert_is(&result, GW_CANCELED);
    struct gateway_change capture = change_of(RE("T"), ATT("S"), &held, 2500);
    capture.payment.hold = true;
    result = changed(unionpay_capture, &capture);
    assert_is(&result, GW_REJECTED_REQUEST);
    assert_int_equal(booked("unionpay", "CNY", "charged_minor"), 0);
}

static void a_declined_completion_takes_nothing(void **state) {
    struct gateway_result held = paid(ATT("V"), false);
    struct gateway_change change = change_of(RE("V"), ATT("V"), &held, 2500);
    change.payment.hold = true;
    fault("unionpay:decline:operation=capture,code=30,count=1");
    struct gateway_result result = changed(unionpay_capture, &change);
    assert_is(&result, GW_DECLINED);
    assert_int_equal(booked("unionpay", "CNY", "charged_minor"), 0);
    assert_int_equal(booked("unionpay", "CNY", "held_minor"), 2500);
}

/* ---- refunds ---- */

static void a_refund_is_pending_until_it_has_ended_and_has_one_effect(void **state) {
    struct gateway_result payment = paid(ATT("0"), true);
    struct gateway_change change = change_of(RE("0"), ATT("0"), &payment, 700);
    struct gateway_result result = changed(unionpay_refund, &change);
    assert_is(&result, GW_PENDING);
    struct gateway_result again = changed(unionpay_refund, &change);
    assert_is(&again, GW_PENDING);
    assert_string_equal(again.refund_id, result.refund_id);
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 0);
    flush();
    again = changed(unionpay_refund, &change);
    assert_is(&again, GW_REFUNDED);
    assert_string_equal(again.refund_id, result.refund_id);
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 700);
    struct gateway_change over = change_of(RE("1"), ATT("0"), &payment, 1801);
    again = changed(unionpay_refund, &over);
    assert_is(&again, GW_REJECTED_REQUEST);
    assert_string_equal(again.common_code, "invalid_amount");
    again = changed(unionpay_query_refund, &over);
    assert_is(&again, GW_NOT_FOUND);
    struct gateway_change rest = change_of(RE("2"), ATT("0"), &payment, 1800);
    again = changed(unionpay_refund, &rest);
    assert_is(&again, GW_PENDING);
    /* What is promised counts, though it has not gone back yet. */
    struct gateway_change more = change_of(RE("3"), ATT("0"), &payment, 1);
    again = changed(unionpay_refund, &more);
    assert_is(&again, GW_REJECTED_REQUEST);
    flush();
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 2500);
}

static void a_refund_that_was_processed_and_not_answered_is_found_by_its_repeat(void **state) {
    static const char *const faults[] = {
        "unionpay:timeout_after:operation=refund,count=1",
        "unionpay:reset:operation=refund,count=1",
        "unionpay:error:operation=refund,status=500,executed=true,count=1",
        "unionpay:wrong_signature:operation=refund,count=1",
        "unionpay:error:operation=refund,code=99,executed=true,count=1",
    };
    static const char *const references[] = {RE("4"), RE("5"), RE("6"), RE("7"), RE("8")};
    struct gateway_result payment = paid(ATT("4"), true);
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct gateway_change change = change_of(references[i], ATT("4"), &payment, 100);
        struct gateway_result result;
        fault(faults[i]);
        patience(i == 0 ? 500 * US_PER_MS : PATIENCE_US);
        unionpay_refund(&call, &change, &result);
        assert_true(result.outcome == GW_UNKNOWN || (i == 4 && result.outcome == GW_PENDING));
        result = changed(unionpay_refund, &change);
        assert_is(&result, GW_PENDING);
    }
    flush();
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 500);
    assert_int_equal(booked("unionpay", "CNY", "refunds"), 5);
}

static void a_refund_that_was_not_processed_goes_out_with_its_repeat(void **state) {
    struct gateway_result payment = paid(ATT("5"), true);
    struct gateway_change change = change_of(RE("9"), ATT("5"), &payment, 100);
    struct gateway_result result;
    fault("unionpay:timeout_before:operation=refund,count=1");
    patience(500 * US_PER_MS);
    unionpay_refund(&call, &change, &result);
    assert_is(&result, GW_UNKNOWN);
    result = changed(unionpay_query_refund, &change);
    assert_is(&result, GW_NOT_FOUND);
    result = changed(unionpay_refund, &change);
    assert_is(&result, GW_PENDING);
    flush();
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 100);
}

static void a_refund_that_fails_is_told_and_gives_its_room_back(void **state) {
    struct gateway_event event;
    struct gateway_result payment = paid(ATT("6"), true);
    struct gateway_change change = change_of(RE("A"), ATT("6"), &payment, 2500);
    fault("unionpay:decline:operation=refund,code=01,count=1");
    struct gateway_result result = changed(unionpay_refund, &change);
    assert_is(&result, GW_PENDING);
    result = changed(unionpay_query_refund, &change);
    assert_is(&result, GW_DECLINED);
    await_taken(2);
    assert_int_equal(verify(1, &event), 0);
    if (event.subject != CALLBACK_REFUND) { /* the payment's own came last */
        assert_int_equal(verify(0, &event), 0);
    }
    assert_int_equal(event.subject, CALLBACK_REFUND);
    assert_int_equal(event.outcome, GW_DECLINED);
    struct gateway_change again = change_of(RE("B"), ATT("6"), &payment, 2500);
    result = changed(unionpay_refund, &again);
    assert_is(&result, GW_PENDING);
    flush();
    assert_int_equal(booked("unionpay", "CNY", "refunded_minor"), 2500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_probe_finds_all_well),
        TEST(a_page_is_posted_paid_told_and_found),
        TEST(the_page_itself_takes_the_money_and_sends_the_customer_back),
        TEST(an_app_pays_with_the_tn),
        TEST(a_decline_on_the_page_is_a_decline),
        TEST(an_order_that_expired_is_not_paid_and_is_canceled_later),
        TEST(nobody_pays_after_the_payTimeout_of_the_page),
        TEST(of_pay_and_expire_exactly_one_wins),
        TEST(a_hold_is_completed_in_part_and_paid_back),
        TEST(a_hold_is_undone),
        TEST(a_declined_completion_takes_nothing),
        TEST(a_refund_is_pending_until_it_has_ended_and_has_one_effect),
        TEST(a_refund_that_was_processed_and_not_answered_is_found_by_its_repeat),
        TEST(a_refund_that_was_not_processed_goes_out_with_its_repeat),
        TEST(a_refund_that_fails_is_told_and_gives_its_room_back),
    };
    RUN_WITH_IDENTITY(tests);
}
