/* SPDX-License-Identifier: Apache-2.0
 * test_acmepay.c: the example's adapter against Acme Pay's sandbox, over real HTTP: each operation,
 * each state, the error table, callbacks, the statement. What every adapter must do is asked in
 * tests/unit/test_adapter_conformance.c. */
#include "acmepay_sandbox.h"
#include "unit/gateway_fixture.h"

#include "gateway/acmepay/acmepay.h"
#include "gateway/contacts.h"
#include "gateway/keyring.h"
#include "gateway/registry.h"

static struct acme *acme;
static struct gateway_registry *registry;
static struct gateway_call call;

static int open_gateway(const char *secret) {
    char url[ACME_URL_CHARS_MAX];
    struct err err = {0};
    setenv("HF_ACME_KEY", secret, 1);
    setenv("HF_ACME_HOOK", ACME_CALLBACK_SECRET, 1);
    acme = acme_start();
    acme_url(acme, url);
    const struct gateway_settings settings = {
        .name = "acme-eu",
        .adapter = "acmepay",
        .base_url = url,
        .credentials = {{"key_secret", "env:HF_ACME_KEY"}, {"callback_secret", "env:HF_ACME_HOOK"}},
        .credential_count = 2,
        .options = {{"key_id", ACME_KEY_ID}},
        .option_count = 1,
    };
    if (gateway_registry_open(&settings, 1, &registry, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    struct http_client *client = NULL;
    assert_int_equal(http_client_new(&(struct http_client_options){0}, &client, &err), 0);
    call = (struct gateway_call){.gateway = keyring_take(gateway_at(registry, 0)),
                                 .client = client,
                                 .deadline_us = clock_mono_us() + 60 * US_PER_SECOND};
    return 0;
}

static int setup(void **state) {
    (void)state;
    return open_gateway(ACME_KEY_SECRET);
}

static int teardown(void **state) {
    (void)state;
    keyring_drop(call.gateway);
    gateway_registry_close(registry);
    http_client_free(call.client);
    acme_stop(acme);
    return 0;
}

static struct gateway_result charged(const char *reference, const char *card, bool capture) {
    const struct gateway_charge charge = {
        .reference = reference,
        .order_id = "o 1",
        .amount_minor = 2500,
        .currency = money_of("USD"),
        .method = METHOD_CARD,
        .token = card,
        .capture = capture,
        .description = "Two teas",
    };
    struct gateway_result result;
    acmepay_adapter.charge(&call, &charge, &result);
    return result;
}

static struct gateway_change change_of(const char *reference, const char *payment,
                                       int64_t amount_minor) {
    return (struct gateway_change){
        .payment = {.reference = payment, .gateway_id = "", .charge_id = "", .amount_minor = 2500},
        .reference = reference,
        .amount_minor = amount_minor,
        .final = true,
        .reason = "",
        .refund_id = "",
    };
}

static struct gateway_result queried(const char *reference) {
    const struct gateway_change change = change_of("", reference, 0);
    struct gateway_result result;
    acmepay_adapter.query(&call, &change.payment, &result);
    return result;
}

typedef void change_fn(const struct gateway_call *asked, const struct gateway_change *change,
                       struct gateway_result *ret_result);

static struct gateway_result changed(change_fn *fn, const char *reference, const char *payment,
                                     int64_t amount_minor) {
    const struct gateway_change change = change_of(reference, payment, amount_minor);
    struct gateway_result result;
    fn(&call, &change, &result);
    return result;
}

static void the_one_line_puts_it_into_registry_and_contact_book(void **state) {
    (void)state;
    assert_ptr_equal(adapter_find("acmepay"), &acmepay_adapter);
    assert_string_equal(gateway_contact_find("acmepay")->email, "support@acmepay.example");
    assert_non_null(adapter_find("stripe"));
    assert_null(adapter_find("acme"));
}

static void each_card_ends_as_acme_pay_says(void **state) {
    (void)state;
    static const struct {
        const char *card;
        bool capture;
        enum gateway_outcome outcome;
        const char *common_code;
    } rows[] = {
        {"card_good", true, GW_CHARGED, ""},
        {"card_good", false, GW_AUTHORIZED, ""},
        {"card_slow", true, GW_PENDING, ""},
        {"card_poor", true, GW_DECLINED, "insufficient_funds"},
        {"card_of_nobody", true, GW_DECLINED, "token_unusable"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char reference[16];
        snprintf(reference, sizeof(reference), "att_%zu", i);
        struct gateway_result result = charged(reference, rows[i].card, rows[i].capture);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.common_code, rows[i].common_code);
        assert_int_equal(result.amount_minor, 2500);
        assert_string_equal(result.currency.code, "USD");
        assert_string_not_equal(result.trace, "");
        struct gateway_result asked = queried(reference);
        assert_int_equal(asked.outcome, rows[i].outcome);
        assert_string_equal(asked.gateway_id, result.gateway_id);
        assert_int_equal(asked.fee_minor, rows[i].outcome == GW_CHARGED ? 60 : -1);
    }
    assert_int_equal(queried("att_9").outcome, GW_NOT_FOUND);
}

static void a_reference_charges_once(void **state) {
    (void)state;
    struct acme_book book;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(charged("att_1", "card_good", true).outcome, GW_CHARGED);
    }
    acme_book(acme, &book);
    assert_int_equal(book.taken_count, 1);
    assert_int_equal(book.taken_minor, 2500);
    assert_int_equal(book.requests, 3);
    /* Another request under the same key: what became of the first, it does not say. */
    struct gateway_result other = charged("att_1", "card_poor", true);
    assert_int_equal(other.outcome, GW_UNKNOWN);
    assert_string_equal(other.common_code, "idempotency_mismatch");
}

static void a_hold_is_captured_in_parts_or_let_go(void **state) {
    (void)state;
    struct gateway_change part = change_of("cap_1", "att_1", 1000);
    struct gateway_result result;
    (void)charged("att_1", "card_good", false);
    part.final = false;
    acmepay_adapter.capture(&call, &part, &result);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.captured_minor, 1000);
    result = changed(acmepay_adapter.capture, "cap_2", "att_1", 1600);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    result = changed(acmepay_adapter.capture, "cap_3", "att_1", 1500);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_int_equal(result.captured_minor, 2500);
    /* Captured already: the money is there, by whichever call. */
    result = changed(acmepay_adapter.capture, "cap_4", "att_1", 1500);
    assert_int_equal(result.outcome, GW_CHARGED);
    assert_true(result.as_it_stands);
    assert_int_equal(changed(acmepay_adapter.cancel, "can_1", "att_1", 0).outcome,
                     GW_REJECTED_REQUEST);

    (void)charged("att_2", "card_good", false);
    assert_int_equal(changed(acmepay_adapter.cancel, "can_2", "att_2", 0).outcome, GW_CANCELED);
    assert_int_equal(changed(acmepay_adapter.cancel, "can_3", "att_2", 0).outcome, GW_CANCELED);
    assert_int_equal(changed(acmepay_adapter.cancel, "can_4", "att_9", 0).outcome, GW_NOT_FOUND);
}

static void a_change_in_the_wrong_state_that_cannot_be_looked_at_is_unknown(void **state) {
    (void)state;
    (void)charged("att_1", "card_good", true);
    const struct step steps[] = {{409, "{\"error\":{\"code\":\"wrong_state\"}}", 0, 0, 0},
                                 {503, "", 0, 0, 0}};
    struct fake *fake = fake_new(&acmepay_adapter, "https://api.acmepay.example");
    fake_credential(fake, "key_secret", ACME_KEY_SECRET);
    fake_script(fake, steps, 2);
    const struct gateway_change change = change_of("cap_1", "att_1", 100);
    struct gateway_result result;
    acmepay_adapter.capture(&fake->call, &change, &result);
    assert_script_done(fake);
    assert_int_equal(result.outcome, GW_UNKNOWN);
    fake_free(fake);
}

static void a_refund_is_done_at_once_or_later_and_never_over_the_amount(void **state) {
    (void)state;
    (void)charged("att_1", "card_good", true);
    struct gateway_result result = changed(acmepay_adapter.refund, "re_1", "att_1", 500);
    assert_int_equal(result.outcome, GW_REFUNDED);
    assert_int_equal(result.amount_minor, 500);
    assert_int_equal(changed(acmepay_adapter.refund, "re_1", "att_1", 500).outcome, GW_REFUNDED);
    assert_int_equal(changed(acmepay_adapter.refund, "re_2", "att_1", 99).outcome, GW_PENDING);
    assert_int_equal(changed(acmepay_adapter.query_refund, "re_2", "att_1", 0).outcome, GW_PENDING);
    acme_settle(acme);
    assert_int_equal(changed(acmepay_adapter.query_refund, "re_2", "att_1", 0).outcome,
                     GW_REFUNDED);
    result = changed(acmepay_adapter.refund, "re_3", "att_1", 2000);
    assert_int_equal(result.outcome, GW_REJECTED_REQUEST);
    assert_string_equal(result.common_code, "invalid_amount");
    assert_int_equal(changed(acmepay_adapter.query_refund, "re_3", "att_1", 0).outcome,
                     GW_NOT_FOUND);
    struct acme_book book;
    acme_book(acme, &book);
    assert_int_equal(book.returned_minor, 599);
}

static void every_row_of_the_error_table_gives_its_outcome(void **state) {
    (void)state;
    for (int i = 0; i < acmepay_adapter.error_count; i++) {
        const struct gateway_error *row = &acmepay_adapter.errors[i];
        bool decline = row->outcome == GW_DECLINED;
        char text[256];
        snprintf(text, sizeof(text),
                 decline ? "{\"id\":\"ch_1\",\"reference\":\"att_1\",\"status\":\"declined\","
                           "\"code\":\"%s\"}"
                         : "{\"error\":{\"code\":\"%s\"}}",
                 row->code);
        json_t *json = json_loads(text, 0, NULL);
        struct gateway_result result;
        gateway_result_init(&result);
        if (decline) {
            acmepay_read_charge(json, "att_1", &result);
        } else {
            acmepay_read_error(row->code[0] == 'h' ? 429 : 400, json, &result);
        }
        assert_int_equal(result.outcome, row->outcome);
        assert_int_equal(result.advice, row->advice);
        assert_string_equal(result.common_code, row->common_code);
        assert_string_equal(result.code, row->code);
        gateway_result_init(&result);
        acmepay_read_error(500, json, &result);
        assert_int_equal(result.outcome, GW_UNKNOWN);
        json_decref(json);
    }
}

static void the_probe_shows_that_the_key_is_good(void **state) {
    (void)state;
    struct gateway_result result;
    acmepay_adapter.probe(&call, &result);
    assert_int_equal(result.outcome, GW_NONE);
    teardown(NULL);
    open_gateway("another-secret-than-acme-pay-knows");
    acmepay_adapter.probe(&call, &result);
    assert_int_equal(result.outcome, GW_REJECTED_CREDENTIALS);
    assert_string_equal(result.common_code, "credentials");
}

static void a_statement_is_handed_on_as_it_was_published(void **state) {
    (void)state;
    struct err err = {0};
    BUF_AUTO file;
    buf_init(&file, 4096);
    struct gateway_statement statement = {"settlement", 2026, 11, 21};
    assert_int_equal(acmepay_adapter.fetch_statement(&call, &statement, &file, &err), 0);
    assert_string_equal(file.data, "reference,amount,fee\natt_1,2500,60\n");
    statement.day = 22;
    assert_int_equal(acmepay_adapter.fetch_statement(&call, &statement, &file, &err),
                     -ERR_NOT_FOUND);
    statement.kind = "trade";
    assert_int_equal(acmepay_adapter.fetch_statement(&call, &statement, &file, &err),
                     -ERR_VALIDATION);
}

/* ---- callbacks ---- */

#define BODY                                                                                       \
    "{\"id\":\"ev_1\",\"type\":\"charge.changed\",\"at\":1700000000,\"object\":{\"id\":\"ch_1\","  \
    "\"reference\":\"att_1\",\"order\":\"o 1\",\"status\":\"paid\",\"amount\":2500,"               \
    "\"currency\":\"USD\"}}"

static int told(const char *body, const char *secret, int64_t age_s, struct gateway_event *event) {
    char at[24], signature[SHA256_HEX_CHARS + 1];
    struct err err = {0};
    int64_t now_us = clock_wall_us();
    snprintf(at, sizeof(at), "%lld", (long long)(now_us / US_PER_SECOND - age_s));
    acmepay_sign(secret, strlen(secret), at, ACMEPAY_CALLBACK, body, strlen(body), signature);
    const struct http_header headers[] = {{"acme-time", at}, {"ACME-SIGNATURE", signature}};
    const struct gateway_callback_request request = {headers, 2, body, strlen(body), now_us};
    return acmepay_adapter.verify_callback(&call, &request, event, &err);
}

static void a_callback_is_put_into_our_words(void **state) {
    (void)state;
    struct gateway_event event;
    assert_int_equal(told(BODY, ACME_CALLBACK_SECRET, 0, &event), 0);
    assert_int_equal(event.subject, CALLBACK_PAYMENT);
    assert_int_equal(event.outcome, GW_CHARGED);
    assert_string_equal(event.event_id, "ev_1");
    assert_string_equal(event.reference, "att_1");
    assert_string_equal(event.order_id, "o 1");
    assert_int_equal(event.amount_minor, 2500);
    assert_int_equal(event.event_us, INT64_C(1700000000) * US_PER_SECOND);
    assert_int_equal(
        told("{\"id\":\"ev_2\",\"type\":\"refund.changed\",\"object\":{\"id\":\"rf_1\","
             "\"charge_id\":\"ch_1\",\"reference\":\"re_1\",\"status\":\"done\","
             "\"amount\":5,\"currency\":\"USD\"}}",
             ACME_CALLBACK_SECRET, 0, &event),
        0);
    assert_int_equal(event.subject, CALLBACK_REFUND);
    assert_string_equal(event.refund_id, "rf_1");
    assert_int_equal(told("{\"id\":\"ev_3\",\"type\":\"account.changed\",\"object\":{}}",
                          ACME_CALLBACK_SECRET, 0, &event),
                     0);
    assert_int_equal(event.subject, CALLBACK_OTHER);
}

static void only_the_callback_secret_and_the_last_five_minutes_count(void **state) {
    (void)state;
    struct gateway_event event;
    assert_int_equal(told(BODY, "a-secret-that-somebody-made-up", 0, &event), -ERR_SIGNATURE);
    assert_int_equal(told(BODY, ACME_KEY_SECRET, 0, &event), -ERR_SIGNATURE);
    assert_int_equal(told(BODY, ACME_CALLBACK_SECRET, ACMEPAY_TOLERANCE_S, &event), 0);
    assert_int_equal(told(BODY, ACME_CALLBACK_SECRET, ACMEPAY_TOLERANCE_S + 5, &event),
                     -ERR_SIGNATURE);
    assert_int_equal(told(BODY, ACME_CALLBACK_SECRET, -ACMEPAY_TOLERANCE_S - 5, &event),
                     -ERR_SIGNATURE);
    assert_int_equal(told("{\"id\":\"ev_1\"", ACME_CALLBACK_SECRET, 0, &event), -ERR_BAD_REQUEST);
    assert_int_equal(told("{\"id\":\"ev_1\"}", ACME_CALLBACK_SECRET, 0, &event), -ERR_BAD_REQUEST);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_one_line_puts_it_into_registry_and_contact_book),
        T(each_card_ends_as_acme_pay_says),
        T(a_reference_charges_once),
        T(a_hold_is_captured_in_parts_or_let_go),
        T(a_change_in_the_wrong_state_that_cannot_be_looked_at_is_unknown),
        T(a_refund_is_done_at_once_or_later_and_never_over_the_amount),
        T(every_row_of_the_error_table_gives_its_outcome),
        T(the_probe_shows_that_the_key_is_good),
        T(a_statement_is_handed_on_as_it_was_published),
        T(a_callback_is_put_into_our_words),
        T(only_the_callback_secret_and_the_last_five_minutes_count),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
