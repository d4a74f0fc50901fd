/* SPDX-License-Identifier: Apache-2.0
 * test_sandbox_stripe.c: the simulated Stripe under faults, concurrency and repeats; its book; its
 * callbacks. The protocol itself is tested with the official SDK in tests/sdk. */
#include "sandbox_fixture.h"

#include "gateway/stripe/stripe_sign.h"

#define CHARGE "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa"

static int start(void **state) {
    struct sandbox_options options = fixture_options();
    receiver_start();
    options.callback_urls[SANDBOX_STRIPE] = fixture.hook_url;
    fixture_start(&options);
    return 0;
}

static int stop(void **state) {
    fixture_stop();
    return 0;
}

static json_t *charge(const char *reference, const char *key, int status) {
    char form[300];
    snprintf(form, sizeof(form), CHARGE "&metadata[reference]=%s&metadata[order_id]=o-%s",
             reference, reference);
    return stripe_post("/v1/payment_intents", form, key, status);
}

/* The outcome of a charge that may not be answered at all. */
static struct http_answer charge_raw(const char *reference, const char *key, int64_t timeout_us) {
    char form[300];
    snprintf(form, sizeof(form), CHARGE "&metadata[reference]=%s&metadata[order_id]=o-%s",
             reference, reference);
    const struct ask ask = {
        SANDBOX_STRIPE, "POST", "/v1/payment_intents", form, STRIPE_AUTH, key, FORM, timeout_us};
    struct http_answer answer = {0};
    (void)ask_raw(&ask, &answer);
    return answer;
}

static char *text_of(json_t *json) {
    char *text = json_write(json);
    json_decref(json);
    return text;
}

/* ---- keys ---- */

static void a_replay_gives_the_same_bytes_even_after_the_payment_moved(void **state) {
    char *first = text_of(charge("a", "key-a", 200));
    json_t *refund = NULL;
    json_t *seen = charge("a", "key-a", 200);
    char form[100];
    snprintf(form, sizeof(form), "payment_intent=%s", json_peek_text(seen, "id", NULL));
    refund = stripe_post("/v1/refunds", form, NULL, 200);
    json_decref(refund);
    json_decref(seen);
    char *second = text_of(charge("a", "key-a", 200));
    assert_string_equal(first, second);
    free(first);
    free(second);
    assert_int_equal(booked("stripe", "USD", "charges"), 1);
}

static void a_kept_decline_is_replayed_and_a_refused_parameter_is_not_kept(void **state) {
    static const char declined[] = "amount=1000&currency=usd&confirm=true&payment_method="
                                   "pm_card_visa_chargeDeclined";
    char *first = text_of(stripe_post("/v1/payment_intents", declined, "key-d", 402));
    char *second = text_of(stripe_post("/v1/payment_intents", declined, "key-d", 402));
    assert_string_equal(first, second);
    free(first);
    free(second);
    json_decref(stripe_post("/v1/payment_intents", "amount=1", "key-p", 400));
    json_decref(charge("p", "key-p", 200)); /* another body under the key that was not kept */
}

static void the_same_key_while_the_first_is_slow_is_a_conflict(void **state) {
    fault("stripe:slow:operation=charge,fixed_ms=600000");
    struct http_answer answer = charge_raw("slow", "key-s", 300 * US_PER_MS);
    assert_int_equal(answer.reach, HTTP_MAYBE_SENT);
    http_answer_release(&answer);
    sandbox_heal(fixture.sandbox);
    json_t *json = charge("slow", "key-s", 409);
    assert_string_equal(json_peek_text(json, "error", "code", NULL), "idempotency_key_in_use");
    json_decref(json);
    assert_int_equal(booked("stripe", "USD", "charges"), 1);
}

static void a_key_with_other_parameters_is_refused(void **state) {
    json_decref(charge("one", "key-x", 200));
    json_t *json = charge("two", "key-x", 400);
    assert_string_equal(json_peek_text(json, "error", "type", NULL), "idempotency_error");
    json_decref(json);
}

/* ---- faults ---- */

static void a_charge_that_is_not_answered_has_happened_and_is_found_by_its_key(void **state) {
    fault("stripe:timeout_after:operation=charge,count=1");
    struct http_answer answer = charge_raw("lost", "key-l", 300 * US_PER_MS);
    assert_int_equal(answer.reach, HTTP_MAYBE_SENT);
    http_answer_release(&answer);
    assert_int_equal(booked("stripe", "USD", "charged_minor"), 1000);
    json_decref(charge("lost", "key-l", 200));
    assert_int_equal(booked("stripe", "USD", "charged_minor"), 1000);
}

static void a_timeout_before_charges_nothing(void **state) {
    fault("stripe:timeout_before:operation=charge,count=1");
    struct http_answer answer = charge_raw("none", "key-n", 300 * US_PER_MS);
    assert_int_equal(answer.reach, HTTP_MAYBE_SENT);
    http_answer_release(&answer);
    assert_int_equal(booked("stripe", "USD", "charges"), 0);
    json_decref(charge("none", "key-n", 200));
}

static void a_reset_in_mid_answer_has_charged(void **state) {
    fault("stripe:reset:operation=charge,bytes=60,count=1");
    struct http_answer answer = charge_raw("cut", "key-c", PATIENCE_US);
    assert_int_equal(answer.reach, HTTP_MAYBE_SENT);
    assert_int_equal(answer.status, 0);
    http_answer_release(&answer);
    assert_int_equal(booked("stripe", "USD", "charges"), 1);
}

static void errors_by_rate_do_nothing_unless_executed(void **state) {
    fault("stripe:error:operation=charge,status=500,count=1");
    json_decref(charge("e1", "key-e1", 500));
    assert_int_equal(booked("stripe", "USD", "charges"), 0);
    fault("stripe:error:operation=charge,status=502,executed=true,count=1");
    json_decref(charge("e2", "key-e2", 502));
    assert_int_equal(booked("stripe", "USD", "charges"), 1);
    json_decref(charge("e2", "key-e2", 200)); /* what was done is what the key remembers */
    assert_int_equal(booked("stripe", "USD", "charges"), 1);
}

static void refused_connections_come_back_when_the_fault_goes(void **state) {
    fault("stripe:refuse");
    struct http_answer answer = charge_raw("r", NULL, PATIENCE_US);
    assert_int_equal(answer.reach, HTTP_NOT_SENT);
    http_answer_release(&answer);
    json_decref(control("DELETE", "/faults/stripe", NULL, 200));
    json_decref(charge("r", NULL, 200));
}

static void refusal_for_a_time_ends_by_itself(void **state) {
    fault("stripe:refuse:for_s=1");
    int64_t deadline_us = clock_mono_us() + PATIENCE_US;
    int status = 0;
    while (status != 200) {
        assert_true(clock_mono_us() < deadline_us);
        struct http_answer answer = charge_raw("again", NULL, PATIENCE_US);
        status = answer.status;
        http_answer_release(&answer);
        task_sleep_us(20 * US_PER_MS);
    }
}

static void a_double_charge_shows_in_the_book(void **state) {
    fault("stripe:double_charge:count=1");
    json_decref(charge("twice", "key-t", 200));
    assert_int_equal(booked("stripe", "USD", "charges"), 2);
    assert_int_equal(booked_twice("references"), 1);
    assert_int_equal(booked_twice("orders"), 1);
    json_t *list = control("GET", "/book/charges?reference=twice", NULL, 200);
    assert_int_equal(json_array_size(json_peek(list, "data", NULL)), 2);
    json_decref(list);
}

static void a_decline_fault_declines_with_its_code(void **state) {
    fault("stripe:decline:code=stolen_card");
    json_t *json = charge("d", NULL, 402);
    assert_string_equal(json_peek_text(json, "error", "decline_code", NULL), "stolen_card");
    json_decref(json);
    assert_int_equal(booked("stripe", "USD", "charges"), 0);
}

static void faults_are_changed_by_http(void **state) {
    json_decref(control("PUT", "/faults/stripe",
                        "{\"faults\":[{\"kind\":\"down\",\"probability\":0.5},{\"kind\":"
                        "\"callback_lost\"}],\"latency_ms\":3}",
                        200));
    json_decref(control("POST", "/faults/stripe", "{\"kind\":\"error\",\"status\":429}", 200));
    json_t *json = control("GET", "/faults/stripe", NULL, 200);
    assert_int_equal(json_array_size(json_peek(json, "faults", NULL)), 3);
    assert_int_equal(json_peek_int(json, -1, "latency_ms", NULL), 3);
    json_decref(json);
    json_decref(control("PUT", "/faults/stripe", "{\"kind\":\"explode\"}", 422));
    json_decref(control("PUT", "/faults/stripe", "[", 400));
    json_decref(control("PUT", "/faults/adyen", "{\"kind\":\"down\"}", 404));
    json = control("GET", "/faults/stripe", NULL, 200);
    assert_int_equal(json_array_size(json_peek(json, "faults", NULL)), 3); /* nothing changed */
    json_decref(json);
    json_decref(control("DELETE", "/faults", NULL, 200));
    json_decref(charge("f", NULL, 200));
}

/* ---- the book ---- */

struct shopper {
    int number;
    int succeeded;
};

enum { SHOPPERS = 8, CHARGES_EACH = 60 };

/* Buys, repeats some charges with their key, refunds some. */
static void shop(void *arg) {
    struct shopper *shopper = arg;
    for (int i = 0; i < CHARGES_EACH; i++) {
        char reference[40];
        snprintf(reference, sizeof(reference), "s%d-%d", shopper->number, i);
        for (int again = 0; again <= i % 3; again++) {
            struct http_answer answer = charge_raw(reference, reference, PATIENCE_US);
            shopper->succeeded += again == 0 && answer.status == 200 ? 1 : 0;
            http_answer_release(&answer);
        }
    }
}

static void many_at_once_are_booked_to_the_last_unit(void **state) {
    struct shopper shoppers[SHOPPERS];
    struct task *tasks[SHOPPERS];
    int64_t succeeded = 0;
    for (int i = 0; i < SHOPPERS; i++) {
        shoppers[i] = (struct shopper){i, 0};
        tasks[i] = task_start("shopper", 0, shop, &shoppers[i]);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < SHOPPERS; i++) {
        task_join(tasks[i]);
        succeeded += shoppers[i].succeeded;
    }
    assert_int_equal(succeeded, SHOPPERS * CHARGES_EACH);
    assert_int_equal(booked("stripe", "USD", "charges"), succeeded);
    assert_int_equal(booked("stripe", "USD", "charged_minor"), succeeded * 1000);
    assert_int_equal(booked_twice("references"), 0);
    int64_t listed = 0;
    char path[100] = "/book/charges?gateway=stripe&limit=100";
    for (;;) {
        json_t *page = control("GET", path, NULL, 200);
        listed += (int64_t)json_array_size(json_peek(page, "data", NULL));
        const char *next = json_peek_text(page, "next_cursor", NULL);
        if (next == NULL) {
            json_decref(page);
            break;
        }
        snprintf(path, sizeof(path), "/book/charges?gateway=stripe&limit=100&cursor=%s", next);
        json_decref(page);
    }
    assert_int_equal(listed, succeeded);
}

static void amounts_are_booked_in_iso_units(void **state) {
    json_decref(stripe_post("/v1/payment_intents",
                            "amount=500&currency=jpy&confirm=true&payment_method=pm_card_visa",
                            NULL, 200));
    json_decref(stripe_post("/v1/payment_intents",
                            "amount=50000&currency=isk&confirm=true&payment_method=pm_card_visa",
                            NULL, 200));
    json_decref(stripe_post("/v1/payment_intents",
                            "amount=1230&currency=kwd&confirm=true&payment_method=pm_card_visa",
                            NULL, 200));
    json_decref(stripe_post("/v1/payment_intents",
                            "amount=1234&currency=kwd&confirm=true&payment_method=pm_card_visa",
                            NULL, 400));
    assert_int_equal(booked("stripe", "JPY", "charged_minor"), 500);
    assert_int_equal(booked("stripe", "ISK", "charged_minor"), 500);
    assert_int_equal(booked("stripe", "KWD", "charged_minor"), 1230);
}

static void assert_transaction(const json_t *intent, int64_t amount, int64_t fee) {
    const json_t *txn = json_peek(intent, "latest_charge", "balance_transaction", NULL);
    char path[FIXTURE_URL_MAX];
    assert_int_equal(json_peek_int(txn, 0, "amount", NULL), amount);
    assert_int_equal(json_peek_int(txn, 0, "fee", NULL), fee);
    snprintf(path, sizeof(path), "/v1/balance_transactions/%s", json_peek_text(txn, "id", NULL));
    json_t *again = stripe_get(path, 200);
    assert_true(json_equal(again, txn));
    json_decref(again);
}

/* A balance transaction never changes once it is made. */
static void each_capture_is_a_transaction_of_its_own(void **state) {
    static const char expand[] = "expand[]=latest_charge.balance_transaction";
    char path[FIXTURE_URL_MAX], form[FIXTURE_URL_MAX];
    json_t *held = stripe_post("/v1/payment_intents",
                               "amount=3000&currency=usd&confirm=true&payment_method=pm_card_visa&"
                               "payment_method_types[]=card&capture_method=manual",
                               NULL, 200);
    snprintf(path, sizeof(path), "/v1/payment_intents/%s/capture",
             json_peek_text(held, "id", NULL));
    snprintf(form, sizeof(form), "amount_to_capture=1000&final_capture=false&%s", expand);
    json_t *first = stripe_post(path, form, NULL, 200);
    json_t *last = stripe_post(path, expand, NULL, 200);
    assert_transaction(first, 1000, 59);
    assert_transaction(last, 2000, 58);
    assert_int_equal(booked("stripe", "USD", "fees_minor"), 117);
    json_decref(held);
    json_decref(first);
    json_decref(last);
}

static void a_reset_forgets_everything_and_reuses_no_name(void **state) {
    json_t *before = charge("z", "key-z", 200);
    json_decref(control("POST", "/reset", NULL, 200));
    assert_int_equal(booked("stripe", "USD", "charges"), 0);
    char path[100];
    snprintf(path, sizeof(path), "/v1/payment_intents/%s", json_peek_text(before, "id", NULL));
    json_decref(stripe_get(path, 404));
    json_t *after = charge("z", "key-z", 200);
    assert_string_not_equal(json_peek_text(before, "id", NULL), json_peek_text(after, "id", NULL));
    json_decref(before);
    json_decref(after);
}

static int start_small(void **state) {
    struct sandbox_options options = fixture_options();
    options.objects_max = 5;
    fixture_start(&options);
    return 0;
}

static void a_full_book_says_so_and_charges_nothing(void **state) {
    json_decref(charge("f1", "key-f1", 200)); /* an intent and a charge */
    json_decref(charge("f2", "key-f2", 200));
    json_t *json = charge("f3", "key-f3", 503);
    assert_non_null(strstr(json_peek_text(json, "error", "message", NULL), "full"));
    json_decref(json);
    assert_int_equal(booked("stripe", "USD", "charges"), 2);
    json_decref(control("POST", "/reset", NULL, 200));
    json_decref(charge("f3", "key-f3", 200));
}

/* ---- callbacks ---- */

static void callbacks_are_signed_and_show_what_was_then(void **state) {
    json_decref(charge("cb", NULL, 200));
    await_taken(3); /* created, charge.succeeded, succeeded */
    await_quiet();
    const struct stripe_secret secret = {SANDBOX_STRIPE_WEBHOOK_SECRET,
                                         strlen(SANDBOX_STRIPE_WEBHOOK_SECRET)};
    for (int i = 0; i < fixture.taken_count; i++) {
        const struct taken *taken = &fixture.taken[i];
        struct err err;
        assert_int_equal(stripe_sign_verify(&secret, 1, taken->signature, taken->body,
                                            strlen(taken->body), clock_wall_us() / US_PER_SECOND,
                                            &err),
                         0);
        if (strcmp(json_peek_text(taken->json, "type", NULL), "payment_intent.created") == 0) {
            assert_string_equal(json_peek_text(taken->json, "data", "object", "status", NULL),
                                "requires_confirmation");
        }
    }
    assert_int_equal(taken_of("type", "payment_intent.succeeded"), 1);
}

static void a_refused_callback_is_sent_again(void **state) {
    fixture.refuse_next = 2;
    json_decref(charge("retry", NULL, 200));
    await_taken(5);
    await_quiet();
    assert_int_equal(fixture.taken_count, 5);
    json_t *json = control("GET", "/callbacks", NULL, 200);
    assert_int_equal(json_peek_int(json, 0, "stripe", "delivered", NULL), 3);
    assert_int_equal(json_peek_int(json, 0, "stripe", "refused", NULL), 2);
    json_decref(json);
}

static void callbacks_can_be_lost_or_doubled(void **state) {
    fault("stripe:callback_lost:count=1");
    json_decref(charge("l1", NULL, 200));
    await_taken(2);
    await_quiet();
    assert_int_equal(fixture.taken_count, 2);
    fault("stripe:callback_duplicate:copies=2,count=1");
    json_decref(charge("l2", NULL, 200));
    await_taken(2 + 5);
    await_quiet();
    assert_int_equal(taken_of("type", "payment_intent.created"), 3);
}

static void a_late_callback_waits_until_it_is_hurried(void **state) {
    fault("stripe:callback_late:seconds=3600,count=1");
    json_decref(charge("late", NULL, 200));
    await_taken(2);
    json_t *json = control("GET", "/callbacks", NULL, 200);
    assert_int_equal(json_peek_int(json, 0, "waiting", NULL), 1);
    json_decref(json);
    assert_int_equal(taken_of("type", "payment_intent.created"), 0);
    json_decref(control("POST", "/callbacks/flush", NULL, 200));
    await_taken(3);
    assert_int_equal(taken_of("type", "payment_intent.created"), 1);
}

static void a_forged_callback_does_not_verify_and_the_true_one_comes_too(void **state) {
    fault("stripe:callback_forged:count=1");
    json_decref(charge("forged", NULL, 200));
    await_taken(4);
    await_quiet();
    const struct stripe_secret secret = {SANDBOX_STRIPE_WEBHOOK_SECRET,
                                         strlen(SANDBOX_STRIPE_WEBHOOK_SECRET)};
    int genuine = 0;
    for (int i = 0; i < fixture.taken_count; i++) {
        const struct taken *taken = &fixture.taken[i];
        struct err err;
        genuine += stripe_sign_verify(&secret, 1, taken->signature, taken->body,
                                      strlen(taken->body), clock_wall_us() / US_PER_SECOND,
                                      &err) == 0;
    }
    assert_int_equal(genuine, 3);
    json_t *json = control("GET", "/callbacks", NULL, 200);
    assert_int_equal(json_peek_int(json, 0, "stripe", "forged_accepted", NULL), 1);
    json_decref(json);
}

static void an_altered_amount_is_signed_but_untrue(void **state) {
    fault("stripe:callback_amount:amount_minor=7");
    json_decref(charge("altered", NULL, 200));
    await_taken(3);
    await_quiet();
    for (int i = 0; i < fixture.taken_count; i++) {
        assert_int_equal(json_peek_int(fixture.taken[i].json, 0, "data", "object", "amount", NULL),
                         1007);
    }
    assert_int_equal(booked("stripe", "USD", "charged_minor"), 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
        T(a_replay_gives_the_same_bytes_even_after_the_payment_moved),
        T(a_kept_decline_is_replayed_and_a_refused_parameter_is_not_kept),
        T(the_same_key_while_the_first_is_slow_is_a_conflict),
        T(a_key_with_other_parameters_is_refused),
        T(a_charge_that_is_not_answered_has_happened_and_is_found_by_its_key),
        T(a_timeout_before_charges_nothing),
        T(a_reset_in_mid_answer_has_charged),
        T(errors_by_rate_do_nothing_unless_executed),
        T(refused_connections_come_back_when_the_fault_goes),
        T(refusal_for_a_time_ends_by_itself),
        T(a_double_charge_shows_in_the_book),
        T(a_decline_fault_declines_with_its_code),
        T(faults_are_changed_by_http),
        T(many_at_once_are_booked_to_the_last_unit),
        T(amounts_are_booked_in_iso_units),
        T(each_capture_is_a_transaction_of_its_own),
        T(a_reset_forgets_everything_and_reuses_no_name),
        cmocka_unit_test_setup_teardown(a_full_book_says_so_and_charges_nothing, start_small, stop),
        T(callbacks_are_signed_and_show_what_was_then),
        T(a_refused_callback_is_sent_again),
        T(callbacks_can_be_lost_or_doubled),
        T(a_late_callback_waits_until_it_is_hurried),
        T(a_forged_callback_does_not_verify_and_the_true_one_comes_too),
        T(an_altered_amount_is_signed_but_untrue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
