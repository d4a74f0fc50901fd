/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_alipay.c: the Alipay adapter against the simulated Alipay, over real HTTP: every
 * flow and state, what goes wrong on the way, notifies, refunds and bills. */
#include "gateway/alipay/alipay.h"
#include "sandbox_gateway_fixture.h"

static int codes;      /* payment codes that were used */
static void *identity; /* keys for all the sandboxes: making them is slow */

static void gateway_make(bool certificates) {
    gateway_at(&alipay_adapter, SANDBOX_ALIPAY);
    option("app_id", SANDBOX_ALIPAY_APP_ID);
    option("seller_id", SANDBOX_ALIPAY_SELLER_ID);
    credential("private_key", paper("merchant.key.pem"));
    if (certificates) {
        option("mode", "certificate");
        credential("app_cert", paper("merchant.crt.pem"));
        credential("alipay_cert", paper("alipay.crt.pem"));
        credential("alipay_root_cert", paper("root.crt.pem"));
    } else {
        credential("alipay_public_key", paper("alipay.pub.pem"));
    }
    gateway_open();
}

static int start_in(bool certificates) {
    struct sandbox_options options = fixture_options();
    struct err err;
    receiver_start();
    assert_int_equal(sandbox_options_set(&options, "alipay-bills", "at-once", &err), 0);
    options.identities[SANDBOX_ALIPAY] = identity;
    options.callback_retry_ms = 2;
    fixture_start(&options);
    fixture.ack = "success";
    gateway_make(certificates);
    codes = 0;
    return 0;
}

static int start(void **state) {
    return start_in(false);
}

static int start_certificates(void **state) {
    return start_in(true);
}

/* ---- calls ---- */

/* A payment code that was not used yet; its last figures say what its buyer does. */
static const char *code_of(const char *last, char text[32]) {
    snprintf(text, 32, "28000000%06d%s", ++codes, last);
    return text;
}

static struct gateway_charge charge_of(const char *reference, enum gateway_flow flow,
                                       const char *token) {
    return (struct gateway_charge){
        .reference = reference,
        .order_id = "order 1&2",
        .amount_minor = 2500,
        .currency = currency_stored("CNY"),
        .method = METHOD_ALIPAY,
        .token = token,
        .capture = true,
        .return_url = "https://shop.test/back",
        .cancel_url = "",
        .description = "两杯茶",
        .customer_email = "",
        .customer_ip = "",
        .flow = flow,
        .created_us = clock_wall_us(),
    };
}

static struct gateway_result charged(const char *reference, enum gateway_flow flow,
                                     const char *token) {
    const struct gateway_charge charge = charge_of(reference, flow, token);
    struct gateway_result result;
    patience(PATIENCE_US);
    alipay_adapter.charge(&call, &charge, &result);
    return result;
}

static struct gateway_lookup lookup_of(const char *reference, const char *token) {
    return (struct gateway_lookup){
        .reference = reference,
        .gateway_id = "",
        .charge_id = "",
        .created_us = clock_wall_us(),
        .amount_minor = 2500,
        .currency = currency_stored("CNY"),
        .method = METHOD_ALIPAY,
        .token = token,
    };
}

static struct gateway_result queried(const char *reference, const char *token) {
    const struct gateway_lookup lookup = lookup_of(reference, token);
    struct gateway_result result;
    patience(PATIENCE_US);
    alipay_adapter.query(&call, &lookup, &result);
    return result;
}

static struct gateway_result canceled(const char *reference, const char *token) {
    const struct gateway_change change = {.payment = lookup_of(reference, token),
                                          .reference = "re_cancel"};
    struct gateway_result result;
    patience(PATIENCE_US);
    alipay_adapter.cancel(&call, &change, &result);
    return result;
}

/* As if it had been asked for so long ago. */
static struct gateway_change refund_of(const char *reference, const char *number,
                                       int64_t amount_minor, int64_t age_s) {
    return (struct gateway_change){
        .payment = lookup_of(reference, ""),
        .reference = number,
        .amount_minor = amount_minor,
        .reason = "requested_by_customer",
        .refund_id = "",
        .created_us = clock_wall_us() - age_s * US_PER_SECOND,
    };
}

static struct gateway_result refunded(const char *reference, const char *number,
                                      int64_t amount_minor, int64_t age_s) {
    const struct gateway_change change = refund_of(reference, number, amount_minor, age_s);
    struct gateway_result result;
    patience(PATIENCE_US);
    alipay_adapter.refund(&call, &change, &result);
    return result;
}

static void customer(const char *reference, const char *act, int status) {
    char body[256];
    snprintf(body, sizeof(body), "{\"gateway\":\"alipay\",\"reference\":\"%s\",\"act\":\"%s\"}",
             reference, act);
    json_decref(control("POST", "/pay", body, status));
}

static int64_t booked_cny(const char *name) {
    return booked("alipay", "CNY", name);
}

/* ---- flows ---- */

static void a_probe_finds_all_well(void **state) {
    struct gateway_result result;
    patience(PATIENCE_US);
    alipay_adapter.probe(&call, &result);
    assert_is(&result, GW_NONE);
}

static void a_qr_code_waits_is_scanned_paid_and_told(void **state) {
    struct gateway_result result = charged("att_qr", FLOW_QR, "");
    assert_is(&result, GW_ACTION_NEEDED);
    assert_int_equal(result.action, ACTION_QR);
    result = queried("att_qr", "");
    assert_is(&result, GW_ACTION_NEEDED);
    assert_string_equal(result.gateway_id, ""); /* Alipay knows nothing of it yet */
    customer("att_qr", "scan", 200);
    result = queried("att_qr", "");
    assert_is(&result, GW_ACTION_NEEDED);
    assert_string_not_equal(result.gateway_id, "");
    customer("att_qr", "pay", 200);
    result = queried("att_qr", "");
    assert_is(&result, GW_CHARGED);
    assert_int_equal(result.captured_minor, 2500);
    assert_int_equal(booked_cny("charged_minor"), 2500);
    await_taken(1);
}

static void a_repeat_of_the_same_order_shows_the_same_code(void **state) {
    struct gateway_charge charge = charge_of("att_same", FLOW_QR, "");
    struct gateway_result first, second;
    patience(PATIENCE_US);
    alipay_adapter.charge(&call, &charge, &first);
    alipay_adapter.charge(&call, &charge, &second);
    assert_is(&second, GW_ACTION_NEEDED);
    assert_string_equal(first.action_data, second.action_data);
    charge.amount_minor = 2600;
    alipay_adapter.charge(&call, &charge, &second);
    assert_is(&second, GW_REJECTED_REQUEST);
    assert_string_equal(second.common_code, "reference_conflict");
    customer("att_same", "pay", 200);
    charge.amount_minor = 2500;
    alipay_adapter.charge(&call, &charge, &second);
    assert_is(&second, GW_CHARGED);
    assert_int_equal(booked_cny("charges"), 1);
}

/* Goes where the customer's side is sent, and presses the button. */
static void visit(const char *url, const char *form, int status, char location[1024]) {
    const struct http_header headers[] = {{"Content-Type", FORM}};
    HTTP_ANSWER_AUTO answer = {0};
    struct err err = {0};
    const struct http_call visit_call = {
        .method = form != NULL ? "POST" : "GET",
        .url = url,
        .headers = headers,
        .header_count = 1,
        .body = form,
        .body_bytes = form != NULL ? strlen(form) : 0,
        .timeout_us = PATIENCE_US,
    };
    assert_int_equal(http_call(fixture.client, &visit_call, &answer, &err), 0);
    if (answer.status != status) {
        fail_msg("%s: %d %s", url, answer.status, answer.body);
    }
    const char *to = http_header_find(answer.headers, answer.header_count, "Location");
    snprintf(location, 1024, "%s", to != NULL ? to : "");
}

static void pages_and_the_app_lead_to_the_buyers_page_and_back_to_the_shop(void **state) {
    static const enum gateway_flow flows[] = {FLOW_PAGE, FLOW_MOBILE, FLOW_APP};
    for (size_t i = 0; i < COUNT_OF(flows); i++) {
        char reference[32], page[1024], back[1024], url[8192];
        snprintf(reference, sizeof(reference), "att_page%zu", i);
        struct gateway_result result = charged(reference, flows[i], "");
        assert_is(&result, GW_ACTION_NEEDED);
        if (flows[i] == FLOW_APP) { /* what the app hands to Alipay's */
            snprintf(url, sizeof(url), "%s/gateway.do?%s", gateway.base_url, result.action_data);
        } else {
            snprintf(url, sizeof(url), "%s", result.action_data);
        }
        result = queried(reference, "");
        assert_is(&result, GW_ACTION_NEEDED);
        visit(url, NULL, 302, page);
        visit(page, NULL, 200, back);
        visit(page, "choice=yes", flows[i] == FLOW_APP ? 200 : 303, back);
        if (flows[i] != FLOW_APP) {
            assert_non_null(strstr(back, "https://shop.test/back?out_trade_no=att_page"));
        }
        result = queried(reference, "");
        assert_is(&result, GW_CHARGED);
    }
    assert_int_equal(booked_cny("charges"), 3);
}

static void a_page_whose_address_was_changed_is_refused(void **state) {
    char location[1024], url[GATEWAY_ACTION_CHARS_MAX + 1];
    struct gateway_result result = charged("att_forged", FLOW_PAGE, "");
    snprintf(url, sizeof(url), "%s", result.action_data);
    char *amount = strstr(url, "25.00");
    assert_non_null(amount);
    *amount = '0';
    visit(url, NULL, 200, location);
    assert_string_equal(location, "");
    customer("att_forged", "pay", 404);
}

static void a_payment_code_is_charged_or_declined_at_once(void **state) {
    char code[32];
    struct gateway_result result = charged("att_code", 0, code_of("1234", code));
    assert_is(&result, GW_CHARGED);
    assert_int_equal(result.amount_minor, 2500);
    assert_int_equal(booked_cny("charged_minor"), 2500);
    result = charged("att_used", 0, code); /* once is enough */
    assert_is(&result, GW_DECLINED);
    assert_string_equal(result.common_code, "token_unusable");
    result = charged("att_poor", 0, code_of("0002", code));
    assert_is(&result, GW_DECLINED);
    assert_string_equal(result.common_code, "insufficient_funds");
    assert_int_equal(booked_cny("charges"), 1);
}

static void a_payment_code_that_must_be_confirmed_is_pending_until_it_is(void **state) {
    char code[32];
    struct gateway_result result = charged("att_confirm", 0, code_of("0001", code));
    assert_is(&result, GW_PENDING);
    result = queried("att_confirm", code);
    assert_is(&result, GW_PENDING);
    customer("att_confirm", "pay", 200);
    result = queried("att_confirm", code);
    assert_is(&result, GW_CHARGED);
    result = charged("att_refuse", 0, code_of("0001", code));
    customer("att_refuse", "cancel", 200);
    result = queried("att_refuse", code);
    assert_is(&result, GW_CANCELED);
}

/* ---- what goes wrong ---- */

static void a_payment_code_that_was_charged_and_not_answered_is_found_by_its_number(void **state) {
    char code[32];
    const struct gateway_charge charge = charge_of("att_lost", 0, code_of("1234", code));
    struct gateway_result result;
    fault("alipay:timeout_after:operation=charge,count=1");
    patience(300 * US_PER_MS);
    alipay_adapter.charge(&call, &charge, &result);
    assert_is(&result, GW_UNKNOWN);
    result = queried("att_lost", code);
    assert_is(&result, GW_CHARGED);
    result = charged("att_lost", 0, code); /* asked for once more, it tells */
    assert_is(&result, GW_CHARGED);
    assert_int_equal(booked_cny("charges"), 1);
}

static void
a_payment_code_that_never_arrived_is_not_found_and_cannot_come_once_cancelled(void **state) {
    char code[32];
    const struct gateway_charge charge = charge_of("att_before", 0, code_of("1234", code));
    struct gateway_result result;
    fault("alipay:timeout_before:operation=charge,count=1");
    patience(300 * US_PER_MS);
    alipay_adapter.charge(&call, &charge, &result);
    assert_is(&result, GW_UNKNOWN);
    result = queried("att_before", code);
    assert_is(&result, GW_NOT_FOUND);
    result = canceled("att_before", code);
    assert_is(&result, GW_CANCELED);
    result = charged("att_before", 0, code); /* late on its way */
    assert_false(result.outcome == GW_CHARGED);
    assert_int_equal(booked_cny("charges"), 0);
}

static void cancelling_a_payment_code_of_unknown_state_gives_the_money_back(void **state) {
    char code[32];
    struct gateway_result result = charged("att_back", 0, code_of("1234", code));
    assert_is(&result, GW_CHARGED);
    result = canceled("att_back", code);
    assert_is(&result, GW_CANCELED);
    assert_int_equal(result.refunded_minor, 2500);
    assert_int_equal(booked_cny("refunded_minor"), 2500);
    result = canceled("att_back", code); /* and once more has no effect */
    assert_is(&result, GW_CANCELED);
    assert_int_equal(booked_cny("refunded_minor"), 2500);
}

static void errors_and_silence_at_a_qr_code_are_no_charge(void **state) {
    struct gateway_result result;
    fault("alipay:error:operation=create,count=1");
    result = charged("att_e1", FLOW_QR, "");
    assert_is(&result, GW_UNAVAILABLE);
    fault("alipay:error:operation=create,executed=true,count=1");
    result = charged("att_e2", FLOW_QR, "");
    assert_is(&result, GW_UNAVAILABLE);
    fault("alipay:wrong_signature:operation=create,count=1");
    result = charged("att_e3", FLOW_QR, "");
    assert_is(&result, GW_UNAVAILABLE);
    assert_string_equal(result.common_code, "bad_signature");
}

static void errors_and_wrong_signatures_at_a_payment_code_are_unknown(void **state) {
    static const char *const faults[] = {"alipay:error:operation=charge,count=1",
                                         "alipay:error:operation=charge,executed=true,count=1",
                                         "alipay:wrong_signature:operation=charge,count=1",
                                         "alipay:reset:operation=charge,count=1"};
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        char code[32], reference[32];
        snprintf(reference, sizeof(reference), "att_f%zu", i);
        fault(faults[i]);
        struct gateway_result result = charged(reference, 0, code_of("1234", code));
        assert_is(&result, GW_UNKNOWN);
        result = queried(reference, code);
        assert_is(&result, i == 0 ? GW_NOT_FOUND : GW_CHARGED);
    }
}

static void a_gateway_that_refuses_connections_has_charged_nothing(void **state) {
    char code[32];
    fault("alipay:refuse");
    struct gateway_result result = charged("att_refused", 0, code_of("1234", code));
    assert_is(&result, GW_UNAVAILABLE);
    result = canceled("att_refused", code);
    assert_is(&result, GW_UNAVAILABLE);
    sandbox_heal(fixture.sandbox);
    result = queried("att_refused", code);
    assert_is(&result, GW_NOT_FOUND);
}

/* ---- ending ---- */

static void a_scanned_order_is_closed_and_its_code_takes_no_money_after(void **state) {
    (void)charged("att_close", FLOW_QR, "");
    customer("att_close", "scan", 200);
    struct gateway_result result = canceled("att_close", "");
    assert_is(&result, GW_CANCELED);
    customer("att_close", "pay", 409);
    assert_int_equal(booked_cny("charges"), 0);
}

static void an_order_that_was_paid_while_it_was_being_closed_is_charged(void **state) {
    (void)charged("att_race", FLOW_QR, "");
    customer("att_race", "pay", 200);
    struct gateway_result result = canceled("att_race", "");
    assert_is(&result, GW_CHARGED);
    assert_int_equal(booked_cny("refunded_minor"), 0);
}

static void an_order_that_nobody_opened_can_still_be_paid_and_ends_by_its_time(void **state) {
    (void)charged("att_unopened", FLOW_QR, "");
    struct gateway_result result = canceled("att_unopened", "");
    assert_is(&result, GW_ACTION_NEEDED);
    customer("att_unopened", "pay", 200);
    result = canceled("att_unopened", "");
    assert_is(&result, GW_CHARGED);
    /* Another one's time runs out. */
    (void)charged("att_expired", FLOW_QR, "");
    customer("att_expired", "expire", 200);
    customer("att_expired", "pay", 409);
    struct gateway_change change = {.payment = lookup_of("att_expired", ""),
                                    .reference = "re_cancel"};
    change.payment.created_us -= 3 * 3600 * US_PER_SECOND;
    alipay_adapter.cancel(&call, &change, &result);
    assert_is(&result, GW_CANCELED);
}

static void an_order_whose_time_ran_out_after_it_was_opened_is_closed(void **state) {
    (void)charged("att_timeout", FLOW_QR, "");
    customer("att_timeout", "scan", 200);
    customer("att_timeout", "expire", 200);
    struct gateway_result result = queried("att_timeout", "");
    assert_is(&result, GW_CANCELED);
    await_taken(1);
}

static void a_close_that_was_done_and_not_answered_is_settled_by_the_query(void **state) {
    (void)charged("att_cl", FLOW_QR, "");
    customer("att_cl", "scan", 200);
    fault("alipay:error:operation=cancel,executed=true,count=1");
    struct gateway_result result = canceled("att_cl", "");
    assert_is(&result, GW_CANCELED);
}

/* ---- refunds ---- */

static void refunds_in_parts_go_back_once_each_and_never_more_than_was_paid(void **state) {
    char code[32];
    (void)charged("att_r", 0, code_of("1234", code));
    struct gateway_result result = refunded("att_r", "re_1", 1000, 0);
    assert_is(&result, GW_REFUNDED);
    result = refunded("att_r", "re_1", 1000, 11); /* again: it was done before */
    assert_is(&result, GW_REFUNDED);
    assert_int_equal(result.amount_minor, 1000);
    result = refunded("att_r", "re_1", 900, 11); /* the same number for another amount */
    assert_is(&result, GW_UNKNOWN);
    result = refunded("att_r", "re_2", 1600, 0);
    assert_is(&result, GW_DECLINED);
    assert_string_equal(result.common_code, "invalid_amount");
    result = refunded("att_r", "re_3", 1500, 0);
    assert_is(&result, GW_REFUNDED);
    assert_int_equal(result.refunded_minor, 2500);
    result = refunded("att_r", "re_4", 1, 0);
    assert_is(&result, GW_REJECTED_REQUEST);
    assert_int_equal(booked_cny("refunded_minor"), 2500);
    assert_int_equal(booked_cny("refunds"), 2);
    result = queried("att_r", code);
    assert_is(&result, GW_CANCELED); /* all of it went back */
}

static void an_unanswered_refund_is_found_or_not_by_its_number(void **state) {
    char code[32];
    struct gateway_result result;
    (void)charged("att_ur", 0, code_of("1234", code));
    for (int done = 0; done < 2; done++) {
        const char *number = done ? "re_done" : "re_lost";
        struct gateway_change change = refund_of("att_ur", number, 500, 0);
        fault(done ? "alipay:timeout_after:operation=refund,count=1"
                   : "alipay:timeout_before:operation=refund,count=1");
        patience(300 * US_PER_MS);
        alipay_adapter.refund(&call, &change, &result);
        assert_is(&result, GW_UNKNOWN);
        patience(PATIENCE_US);
        alipay_adapter.query_refund(&call, &change, &result);
        assert_is(&result, GW_UNKNOWN); /* too soon to ask */
        change.created_us -= 11 * US_PER_SECOND;
        alipay_adapter.query_refund(&call, &change, &result);
        assert_is(&result, done ? GW_REFUNDED : GW_NOT_FOUND);
    }
    assert_int_equal(booked_cny("refunded_minor"), 500);
}

static void a_refund_of_what_was_not_paid_is_refused(void **state) {
    (void)charged("att_np", FLOW_QR, "");
    struct gateway_result result = refunded("att_np", "re_1", 100, 0);
    assert_is(&result, GW_REJECTED_REQUEST);
    customer("att_np", "scan", 200);
    result = refunded("att_np", "re_1", 100, 0);
    assert_is(&result, GW_REJECTED_REQUEST);
    char code[32];
    (void)charged("att_dec", 0, code_of("1234", code));
    fault("alipay:decline:operation=refund,code=ACQ.SELLER_BALANCE_NOT_ENOUGH");
    result = refunded("att_dec", "re_2", 100, 0);
    assert_is(&result, GW_DECLINED);
    assert_string_equal(result.common_code, "merchant_balance");
}

/* ---- notifies ---- */

static void notifies_verify_and_carry_our_numbers(void **state) {
    struct gateway_event event = {0};
    (void)charged("att_n", FLOW_QR, "");
    customer("att_n", "pay", 200);
    await_taken(1);
    assert_int_equal(verify(0, &event), 0);
    assert_int_equal(event.subject, CALLBACK_PAYMENT);
    assert_int_equal(event.outcome, GW_CHARGED);
    assert_string_equal(event.reference, "att_n");
    assert_string_equal(event.order_id, "order 1&2");
    assert_int_equal(event.amount_minor, 2500);
    struct gateway_result result = refunded("att_n", "re_n", 700, 0);
    assert_is(&result, GW_REFUNDED);
    await_taken(2);
    assert_int_equal(verify(1, &event), 0);
    assert_int_equal(event.subject, CALLBACK_REFUND);
    assert_string_equal(event.reference, "re_n");
    (void)charged("att_n2", FLOW_QR, "");
    customer("att_n2", "scan", 200);
    (void)canceled("att_n2", "");
    await_taken(3);
    assert_int_equal(verify(2, &event), 0);
    assert_int_equal(event.outcome, GW_CANCELED);
    assert_string_equal(event.reference, "att_n2");
}

static void a_notify_that_is_not_acknowledged_comes_again_as_the_same_event(void **state) {
    struct gateway_event first = {0}, again = {0};
    lock_take(&fixture.lock);
    fixture.refuse_next = 2;
    lock_give(&fixture.lock);
    (void)charged("att_again", FLOW_QR, "");
    customer("att_again", "pay", 200);
    await_taken(3);
    assert_int_equal(verify(0, &first), 0);
    assert_int_equal(verify(2, &again), 0);
    assert_string_equal(first.event_id, again.event_id);
    assert_string_equal(fixture.taken[0].body, fixture.taken[2].body);
}

static void a_notify_is_given_up_after_eight_tries(void **state) {
    lock_take(&fixture.lock);
    fixture.refuse_next = 100;
    lock_give(&fixture.lock);
    (void)charged("att_lost", FLOW_QR, "");
    customer("att_lost", "pay", 200);
    await_taken(8);
    await_quiet();
    json_t *json = control("GET", "/callbacks", NULL, 200);
    assert_int_equal(json_peek_int(json, 0, "alipay", "given_up", NULL), 1);
    assert_int_equal(json_peek_int(json, 0, "alipay", "sent", NULL), 8);
    json_decref(json);
}

static void forged_truncated_and_altered_notifies_are_told_from_genuine_ones(void **state) {
    struct gateway_event event = {0};
    int genuine = 0, refused = 0;
    fault("alipay:callback_forged:count=1");
    fault("alipay:callback_truncated:count=1");
    (void)charged("att_fg", FLOW_QR, "");
    customer("att_fg", "pay", 200);
    await_taken(3);
    await_quiet();
    for (int i = 0; i < fixture.taken_count; i++) {
        int rc = verify(i, &event);
        genuine += rc == 0;
        refused += rc == -ERR_SIGNATURE;
    }
    assert_int_equal(genuine, 1);
    assert_int_equal(refused, 2);
    fault("alipay:callback_amount:amount_minor=100,count=1");
    (void)charged("att_am", FLOW_QR, "");
    customer("att_am", "pay", 200);
    await_taken(4);
    assert_int_equal(verify(3, &event), 0);
    assert_int_equal(event.amount_minor, 2600); /* signed, and not what we asked for */
}

/* ---- bills ---- */

static void todays_bill_holds_what_was_paid_and_given_back(void **state) {
    char code[32], day[CLOCK_TEXT_MAX];
    struct err err = {0};
    BUF_AUTO file;
    buf_init(&file, 1 << 20);
    clock_format_at(clock_wall_us(), BEIJING_MINUTES, day);
    struct gateway_statement statement = {"trade", (int)strtol(day, NULL, 10),
                                          (int)strtol(day + 5, NULL, 10),
                                          (int)strtol(day + 8, NULL, 10)};
    patience(PATIENCE_US);
    assert_int_equal(alipay_adapter.fetch_statement(&call, &statement, &file, &err),
                     -ERR_NOT_FOUND);
    (void)charged("att_bill", 0, code_of("1234", code));
    (void)refunded("att_bill", "re_bill", 700, 0);
    patience(PATIENCE_US);
    if (alipay_adapter.fetch_statement(&call, &statement, &file, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_int_equal(strncmp(file.data, "#\xD6\xA7\xB8\xB6\xB1\xA6", 7), 0); /* GBK */
    assert_non_null(strstr(file.data, "att_bill\t,\xBD\xBB\xD2\xD7\t,"));
    assert_non_null(strstr(file.data, ",25.00,25.00,"));
    assert_non_null(strstr(file.data, ",-7.00,-7.00,"));
    assert_non_null(strstr(file.data, "re_bill\t,"));
}

static int identity_make(void **state) {
    struct err err;
    crypto_init();
    return sandbox_identity_new(SANDBOX_ALIPAY, clock_wall_us(), &identity, &err);
}

static int identity_drop(void **state) {
    sandbox_identity_free(SANDBOX_ALIPAY, identity);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define BOTH(name)                                                                                 \
    {#name " (public key)", name, start, stop, NULL},                                              \
        {#name " (certificates)", name, start_certificates, stop, NULL}
        BOTH(a_probe_finds_all_well),
        BOTH(a_qr_code_waits_is_scanned_paid_and_told),
        TEST(a_repeat_of_the_same_order_shows_the_same_code),
        BOTH(pages_and_the_app_lead_to_the_buyers_page_and_back_to_the_shop),
        TEST(a_page_whose_address_was_changed_is_refused),
        BOTH(a_payment_code_is_charged_or_declined_at_once),
        TEST(a_payment_code_that_must_be_confirmed_is_pending_until_it_is),
        TEST(a_payment_code_that_was_charged_and_not_answered_is_found_by_its_number),
        TEST(a_payment_code_that_never_arrived_is_not_found_and_cannot_come_once_cancelled),
        TEST(cancelling_a_payment_code_of_unknown_state_gives_the_money_back),
        TEST(errors_and_silence_at_a_qr_code_are_no_charge),
        TEST(errors_and_wrong_signatures_at_a_payment_code_are_unknown),
        TEST(a_gateway_that_refuses_connections_has_charged_nothing),
        TEST(a_scanned_order_is_closed_and_its_code_takes_no_money_after),
        TEST(an_order_that_was_paid_while_it_was_being_closed_is_charged),
        TEST(an_order_that_nobody_opened_can_still_be_paid_and_ends_by_its_time),
        TEST(an_order_whose_time_ran_out_after_it_was_opened_is_closed),
        TEST(a_close_that_was_done_and_not_answered_is_settled_by_the_query),
        TEST(refunds_in_parts_go_back_once_each_and_never_more_than_was_paid),
        TEST(an_unanswered_refund_is_found_or_not_by_its_number),
        TEST(a_refund_of_what_was_not_paid_is_refused),
        BOTH(notifies_verify_and_carry_our_numbers),
        TEST(a_notify_that_is_not_acknowledged_comes_again_as_the_same_event),
        TEST(a_notify_is_given_up_after_eight_tries),
        TEST(forged_truncated_and_altered_notifies_are_told_from_genuine_ones),
        TEST(todays_bill_holds_what_was_paid_and_given_back),
    };
    return cmocka_run_group_tests(tests, identity_make, identity_drop);
}
