/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_kinds.c: what all simulated gateways share: the table, their callbacks, their keys,
 * and what the control port asks of them. */
#include "sandbox_fixture.h"

#include "gateway/stripe/stripe_sign.h"
#include "sandbox/pair.h"
#include "sandbox/sandbox_impl.h"
#include "sandbox/stripe.h"

static int start(void **state) {
    (void)state;
    struct sandbox_options options = fixture_options();
    receiver_start();
    options.callback_urls[SANDBOX_STRIPE] = fixture.hook_url;
    options.callback_events[SANDBOX_STRIPE] = "payment_intent.succeeded";
    fixture_start(&options);
    return 0;
}

static int stop(void **state) {
    (void)state;
    fixture_stop();
    return 0;
}

static void charge(void) {
    json_decref(stripe_post("/v1/payment_intents",
                            "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa&"
                            "payment_method_types[]=card",
                            NULL, 200));
}

/* How many of the callbacks that came carry a signature that holds now. */
static int genuine(void) {
    const struct stripe_secret secret = {SANDBOX_STRIPE_WEBHOOK_SECRET,
                                         strlen(SANDBOX_STRIPE_WEBHOOK_SECRET)};
    int count = 0;
    for (int i = 0; i < fixture.taken_count; i++) {
        const struct taken *taken = &fixture.taken[i];
        struct err err;
        count += stripe_sign_verify(&secret, 1, taken->signature, taken->body, strlen(taken->body),
                                    clock_wall_us() / US_PER_SECOND, &err) == 0;
    }
    return count;
}

static int64_t counted(const char *gateway, const char *what) {
    json_t *json = control("GET", "/callbacks", NULL, 200);
    int64_t count = json_peek_int(json, -1, gateway, what, NULL);
    json_decref(json);
    return count;
}

/* ---- the table ---- */

static void every_gateway_has_a_row_that_can_answer_and_tell(void **state) {
    (void)state;
    for (int i = 0; i < SB_GATEWAYS; i++) {
        const struct sb_gateway_kind *kind = sb_gateway_kind((enum sb_gateway)i);
        enum sb_gateway again;
        assert_true(sb_gateway_parse(sb_gateway_name((enum sb_gateway)i), &again));
        assert_int_equal(again, i);
        assert_non_null(kind->handle);
        assert_non_null(kind->hint);
        /* What can be told of can be written and signed; what is looked at can be acted upon. */
        assert_true((kind->event_write == NULL) == (kind->sign == NULL));
        assert_true(kind->look == NULL || kind->customer != NULL);
        assert_true((kind->identity_new == NULL) == (kind->identity_free == NULL));
    }
}

static void an_acknowledgement_is_the_status_and_the_words_of_that_gateway(void **state) {
    (void)state;
    const struct sb_gateway_kind *alipay = sb_gateway_kind(SB_ALIPAY);
    const struct sb_gateway_kind *wechat = sb_gateway_kind(SB_WECHAT);
    const struct sb_gateway_kind *unionpay = sb_gateway_kind(SB_UNIONPAY);
    const struct sb_gateway_kind *stripe = sb_gateway_kind(SB_STRIPE);
    assert_true(sb_acknowledged(alipay, 200, "success", 7));
    assert_false(sb_acknowledged(alipay, 200, "success\n", 8));
    assert_false(sb_acknowledged(alipay, 200, "", 0));
    assert_false(sb_acknowledged(alipay, 204, "success", 7));
    assert_true(sb_acknowledged(wechat, 200, "{}", 2));
    assert_true(sb_acknowledged(wechat, 204, "", 0));
    assert_false(sb_acknowledged(wechat, 202, "", 0));
    assert_true(sb_acknowledged(unionpay, 200, "ok", 2));
    assert_false(sb_acknowledged(unionpay, 204, "", 0));
    assert_true(sb_acknowledged(stripe, 202, "", 0));
    assert_false(sb_acknowledged(stripe, 302, "", 0));
    assert_false(sb_acknowledged(stripe, 500, "", 0));
}

static void a_setting_is_known_by_the_gateways_name_and_its_own(void **state) {
    (void)state;
    struct sandbox_options options;
    struct err err;
    sandbox_options_init(&options);
    assert_int_equal(sandbox_options_set(&options, "stripe-webhook-secret", "whsec_x", &err), 0);
    assert_string_equal(options.settings[SANDBOX_STRIPE][SB_STRIPE_WEBHOOK_SECRET], "whsec_x");
    assert_int_equal(sandbox_options_set(&options, "stripe-nonsense", "x", &err), -ERR_CONFIG);
    assert_int_equal(sandbox_options_set(&options, "webhook-secret", "x", &err), -ERR_CONFIG);
}

static void a_name_is_given_once(void **state) {
    (void)state;
    struct sb_place *place = fixture.sandbox->places[SB_STRIPE];
    int one, two;
    assert_null(sb_place_named(place, "att_1"));
    assert_null(sb_place_name(place, "att_1", &one));
    assert_ptr_equal(sb_place_name(place, "att_1", &two), &one);
    assert_ptr_equal(sb_place_named(place, "att_1"), &one);
    json_decref(control("POST", "/reset", "{}", 200));
    assert_null(sb_place_named(place, "att_1"));
}

/* ---- its clock ---- */

/* By less than a call may take: the client, whose calls end by that clock, is in this process. */
static void its_clock_stands_where_it_is_told(void **state) {
    (void)state;
    static const char *const bad[] = {"{}", "{\"ahead_seconds\":-1}", "{\"ahead_seconds\":\"1\"}",
                                      "{\"seconds\":1}", "{\"ahead_seconds\":632448001}"};
    json_t *moved = control("POST", "/clock", "{\"ahead_seconds\":10}", 200);
    assert_int_equal(clock_shifted_us(), 10 * US_PER_SECOND);
    assert_int_equal(json_peek_int(moved, 0, "ahead_seconds", NULL), 10);
    json_decref(moved);
    json_decref(control("POST", "/clock", "{\"ahead_seconds\":10}", 200)); /* no further */
    assert_int_equal(clock_shifted_us(), 10 * US_PER_SECOND);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        json_decref(control("POST", "/clock", bad[i], 422));
    }
    json_decref(control("POST", "/clock", "{\"ahead_seconds\":0}", 200));
    assert_int_equal(clock_shifted_us(), 0);
}

/* ---- callbacks ---- */

static void a_stale_callback_goes_ahead_and_is_told_by_its_time_alone(void **state) {
    (void)state;
    fault("stripe:callback_stale:seconds=900,count=1");
    charge();
    await_taken(2);
    await_quiet();
    assert_int_equal(fixture.taken_count, 2);
    assert_string_equal(fixture.taken[0].body, fixture.taken[1].body);
    assert_int_equal(genuine(), 1);
    assert_int_equal(counted("stripe", "forged_sent"), 1);
    assert_int_equal(counted("stripe", "delivered"), 1);
}

static void a_truncated_callback_lacks_the_end_and_the_whole_one_comes_too(void **state) {
    (void)state;
    fault("stripe:callback_truncated:count=1");
    charge();
    await_taken(1); /* half of it is no JSON: the receiver keeps the whole one only */
    await_quiet();
    assert_int_equal(genuine(), 1);
    assert_int_equal(counted("stripe", "forged_sent"), 1);
    assert_int_equal(counted("stripe", "sent"), 1);
}

static void a_callback_goes_to_the_url_of_its_request_and_not_to_the_webhook(void **state) {
    (void)state;
    static char url[FIXTURE_URL_MAX + 32];
    struct sandbox *sandbox = fixture.sandbox;
    charge();
    await_taken(1);
    struct sb_intent *intent = sb_place_get(sandbox->places[SB_STRIPE], SB_STRIPE_INTENT, 0);
    assert_non_null(intent);
    snprintf(url, sizeof(url), "%s/of/this/order", fixture.hook_url);
    fixture.refuse_next = 2;
    sb_tell_url(sandbox, SB_STRIPE, SB_EV_STRIPE_INTENT_SUCCEEDED, intent, intent->now, url);
    await_taken(4);
    await_quiet();
    assert_int_equal(fixture.taken_count, 4); /* refused twice, and then taken: not 6 */
    assert_string_equal(fixture.taken[0].path, "/hook");
    for (int i = 1; i < 4; i++) {
        assert_string_equal(fixture.taken[i].path, "/hook/of/this/order");
        assert_string_equal(fixture.taken[i].body, fixture.taken[1].body);
    }
    assert_int_equal(counted("stripe", "due"), 2);
    assert_int_equal(counted("stripe", "delivered"), 2);
    assert_int_equal(counted("stripe", "refused"), 2);
}

static void a_fault_that_a_gateway_cannot_have_is_refused(void **state) {
    (void)state;
    struct err err;
    assert_int_equal(sandbox_fault(fixture.sandbox, "stripe:wrong_signature", &err),
                     -ERR_VALIDATION);
    assert_int_equal(sandbox_fault(fixture.sandbox, "alipay:callback_stale", &err),
                     -ERR_VALIDATION);
    json_decref(control("POST", "/faults/paypal", "{\"kind\":\"wrong_signature\"}", 422));
    json_decref(control("POST", "/faults/wechat", "{\"kind\":\"wrong_signature\"}", 200));
    assert_int_equal(sandbox_fault(fixture.sandbox, "visa:down", &err), -ERR_VALIDATION);
    assert_non_null(strstr(err.detail, "stripe, paypal, alipay, wechat, unionpay"));
}

/* ---- the control port ---- */

static void a_customer_pays_by_the_control_port_whatever_the_gateway(void **state) {
    (void)state;
    json_t *intent = stripe_post("/v1/payment_intents",
                                 "amount=1000&currency=usd&confirm=true&return_url=http://shop/&"
                                 "payment_method=pm_card_authenticationRequired&"
                                 "payment_method_types[]=card",
                                 NULL, 200);
    char body[200];
    assert_string_equal(json_peek_text(intent, "status", NULL), "requires_action");
    snprintf(body, sizeof(body), "{\"gateway\":\"stripe\",\"code\":\"%s\"}",
             json_peek_text(intent, "id", NULL));
    json_decref(control("POST", "/pay", body, 200));
    json_decref(control("POST", "/pay", body, 409)); /* it waits no longer */
    assert_int_equal(booked("stripe", "USD", "charged_minor"), 1000);
    json_decref(intent);
    json_decref(control("POST", "/pay", "{\"gateway\":\"stripe\",\"code\":\"pi_x\"}", 404));
    json_decref(control("POST", "/pay", "{\"gateway\":\"visa\",\"code\":\"x\"}", 422));
    json_decref(control("POST", "/pay", "{\"gateway\":\"stripe\"}", 422));
    json_decref(
        control("POST", "/pay", "{\"gateway\":\"stripe\",\"code\":\"x\",\"act\":\"run\"}", 422));
    json_decref(control("POST", "/pay", "{", 400));
}

static void at_the_gateways_own_desk_one_charges_and_gives_back(void **state) {
    (void)state;
    static const char *const names[] = {"stripe", "paypal"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[120];
        snprintf(path, sizeof(path), "%s:down", names[i]); /* the desk is another door */
        fault(path);
        snprintf(path, sizeof(path), "/%s/charges", names[i]);
        json_t *charge = control("POST", path, "{\"amount_minor\":1234,\"currency\":\"USD\"}", 201);
        snprintf(path, sizeof(path), "/%s/charges/%s/refund", names[i],
                 json_peek_text(charge, "id", NULL));
        json_decref(charge);
        json_decref(control("POST", path, "{\"amount_minor\":1235}", 409));
        json_decref(control("POST", path, "{\"amount_minor\":0}", 422));
        json_decref(control("POST", path, "{\"amount_minor\":234}", 201));
        assert_int_equal(booked(names[i], "USD", "charged_minor"), 1234);
        assert_int_equal(booked(names[i], "USD", "refunded_minor"), 234);
        snprintf(path, sizeof(path), "/%s/charges/none/refund", names[i]);
        json_decref(control("POST", path, "{\"amount_minor\":1}", 404));
    }
}

static void a_document_is_had_by_its_name(void **state) {
    (void)state;
    const struct ask ask = {SANDBOX_CONTROL, "GET", "/paypal/ca.pem", NULL, NULL, NULL, NULL, 0};
    HTTP_ANSWER_AUTO answer = {0};
    assert_int_equal(ask_raw(&ask, &answer), 0);
    assert_int_equal(answer.status, 200);
    const char *pem = sandbox_paper(fixture.sandbox, SANDBOX_PAYPAL, "ca.pem");
    assert_non_null(pem);
    assert_string_equal(answer.body, pem);
    assert_null(sandbox_paper(fixture.sandbox, SANDBOX_PAYPAL, "key.pem"));
    json_decref(control("GET", "/paypal/key.pem", NULL, 404));
    json_decref(control("GET", "/stripe/ca.pem", NULL, 404));
}

static void a_gateway_whose_address_is_left_out_is_not_opened(void **state) {
    (void)state;
    struct sandbox_options options = fixture_options();
    struct sandbox *sandbox = NULL;
    struct err err = {0};
    options.addresses[SANDBOX_UNIONPAY] = NULL;
    options.faults = (const char *const[]){"unionpay:refuse", NULL};
    assert_int_equal(sandbox_start(&options, &sandbox, &err), 0);
    assert_int_equal(sandbox_port(sandbox, SANDBOX_UNIONPAY), 0);
    assert_true(sandbox_port(sandbox, SANDBOX_WECHAT) > 0);
    sandbox_stop(sandbox);
}

/* ---- keys ---- */

static void a_pair_signs_and_chains_to_its_issuer(void **state) {
    (void)state;
    struct err err = {0};
    struct sb_pair *ca = NULL, *middle = NULL, *signer = NULL;
    struct sb_pair_options options = {
        .name = "root", .ca = true, .elliptic = true, .now_us = clock_wall_us()};
    assert_int_equal(sb_pair_new(&options, &ca, &err), 0);
    options.name = "middle";
    options.issuer = ca;
    assert_int_equal(sb_pair_new(&options, &middle, &err), 0);
    options = (struct sb_pair_options){
        .name = "中国银联", .organization = "Test", .issuer = middle, .now_us = clock_wall_us()};
    assert_int_equal(sb_pair_new(&options, &signer, &err), 0);
    assert_int_equal(strlen(signer->serial_hex), SB_SERIAL_HEX_CHARS);
    assert_string_not_equal(signer->serial_hex, middle->serial_hex);
    assert_true(signer->serial_decimal[0] >= '1' && signer->serial_decimal[0] <= '9');

    BUF_AUTO chain;
    buf_init(&chain, 1 << 16);
    buf_addf(&chain, "%s%s", signer->cert_pem, middle->cert_pem);
    struct x509_cert *cert = NULL;
    assert_int_equal(x509_cert_read(chain.data, chain.len, &cert, &err), 0);
    assert_int_equal(x509_cert_check(cert, ca->cert_pem, clock_wall_us(), &err), 0);
    assert_int_equal(x509_cert_check(cert, signer->cert_pem, clock_wall_us(), &err), -ERR_CRYPTO);
    assert_string_equal(x509_cert_name(cert), "中国银联");
    x509_cert_free(cert);

    char *signature = NULL;
    assert_int_equal(rsa_sign_sha256(signer->key, "text", 4, &signature, &err), 0);
    assert_true(rsa_verify_sha256(signer->public_key, "text", 4, signature));
    assert_false(rsa_verify_sha256(signer->public_key, "test", 4, signature));
    free(signature);
    sb_pair_free(signer);
    sb_pair_free(middle);
    sb_pair_free(ca);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
        T(every_gateway_has_a_row_that_can_answer_and_tell),
        T(an_acknowledgement_is_the_status_and_the_words_of_that_gateway),
        T(a_setting_is_known_by_the_gateways_name_and_its_own),
        T(a_name_is_given_once),
        T(its_clock_stands_where_it_is_told),
        T(a_stale_callback_goes_ahead_and_is_told_by_its_time_alone),
        T(a_truncated_callback_lacks_the_end_and_the_whole_one_comes_too),
        T(a_callback_goes_to_the_url_of_its_request_and_not_to_the_webhook),
        T(a_fault_that_a_gateway_cannot_have_is_refused),
        T(a_customer_pays_by_the_control_port_whatever_the_gateway),
        T(at_the_gateways_own_desk_one_charges_and_gives_back),
        T(a_document_is_had_by_its_name),
        T(a_gateway_whose_address_is_left_out_is_not_opened),
        T(a_pair_signs_and_chains_to_its_issuer),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
