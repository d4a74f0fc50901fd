/* SPDX-License-Identifier: Apache-2.0
 * test_paypal_callback.c: which callbacks are PayPal's, whose certificates are believed, and what
 * the events say. */
#include "paypal_fixture.h"

#define CERT_URL "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"
#define TRANSMISSION_ID "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
#define SENT "2026-11-21T08:00:00Z"

struct delivery {
    const char *id, *time, *algo, *url;
    char signature[1024];
    char body[4096];
    size_t body_bytes;
    int64_t now_us;
};

static char good_cert[VECTOR_BYTES_MAX];

static int setup(void **state) {
    (void)vector_read("paypal_good.crt.pem", good_cert);
    *state = paypal_new(BASE);
    return 0;
}

static int64_t sent_us(void) {
    int64_t us = 0;
    assert_true(clock_parse(SENT, &us));
    return us;
}

static struct rsa_key *key_of(const char *name) {
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct err err;
    size_t count = vector_read(name, pem);
    assert_int_equal(rsa_key_private(pem, count, &key, &err), 0);
    return key;
}

static void sign_with(struct delivery *delivery, const char *key_name, const char *webhook_id) {
    struct rsa_key *key = key_of(key_name);
    const struct paypal_transmission transmission = {delivery->id, delivery->time, webhook_id,
                                                     delivery->body, delivery->body_bytes};
    char *signature = NULL;
    struct err err;
    assert_int_equal(paypal_sign(key, &transmission, &signature, &err), 0);
    snprintf(delivery->signature, sizeof(delivery->signature), "%s", signature);
    free(signature);
    rsa_key_free(key);
}

static struct delivery delivery_of(const char *body) {
    struct delivery delivery = {TRANSMISSION_ID, SENT, "SHA256withRSA", CERT_URL, "", "", 0, 0};
    delivery.now_us = sent_us();
    delivery.body_bytes = strlen(body);
    assert_true(delivery.body_bytes < sizeof(delivery.body));
    memcpy(delivery.body, body, delivery.body_bytes);
    sign_with(&delivery, "paypal_good.key.pem", WEBHOOK_ID);
    return delivery;
}

static int verify(struct fake *fake, const struct delivery *delivery,
                  struct gateway_event *ret_event, struct err *err) {
    const struct http_header headers[] = {
        {"Paypal-Transmission-Id", delivery->id},
        {"paypal-transmission-time", delivery->time},
        {"PAYPAL-TRANSMISSION-SIG", delivery->signature},
        {"PAYPAL-CERT-URL", delivery->url},
        {"PAYPAL-AUTH-ALGO", delivery->algo},
    };
    const struct gateway_callback_request request = {
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = delivery->body,
        .body_bytes = delivery->body_bytes,
        .now_us = delivery->now_us,
    };
    memset(ret_event, 0, sizeof(*ret_event));
    return fake->gateway.adapter->verify_callback(&fake->call, &request, ret_event, err);
}

#define EVENT(type, resource)                                                                      \
    "{\"id\":\"WH-1\",\"create_time\":\"2026-11-21T07:59:58.250Z\",\"event_type\":\"" type         \
    "\",\"resource\":" resource "}"
#define CAPTURE_RESOURCE(status)                                                                   \
    "{\"id\":\"2GG2\",\"status\":\"" status "\",\"custom_id\":\"" REFERENCE                        \
    "\",\"amount\":" AMOUNT(                                                                       \
        "10.99") ",\"supplementary_data\":{\"related_ids\":{\"order_id\":\"5O19\"}}}"
#define PLAIN EVENT("PAYMENT.CAPTURE.COMPLETED", CAPTURE_RESOURCE("COMPLETED"))

/* Signatures. */

static void the_vector_is_verified_and_made_again(void **state) {
    char body[VECTOR_BYTES_MAX], signed_text[VECTOR_BYTES_MAX], signature[VECTOR_BYTES_MAX];
    char made[PAYPAL_SIGNED_CHARS_MAX + 1], pem[VECTOR_BYTES_MAX];
    size_t body_bytes = vector_read("paypal_body.json", body);
    (void)vector_read("paypal_signed.txt", signed_text);
    (void)vector_read("paypal_sig.b64", signature);
    size_t pem_bytes = vector_read("platform.pub.pem", pem);
    struct paypal_transmission transmission = {TRANSMISSION_ID, "2019-02-14T21:50:08Z", WEBHOOK_ID,
                                               body, body_bytes};
    struct rsa_key *public_key = NULL;
    struct rsa_key *private_key = key_of("platform.key.pem");
    struct err err;
    assert_true(paypal_signed_text(&transmission, made));
    assert_string_equal(made, signed_text);
    assert_int_equal(rsa_key_public(pem, pem_bytes, &public_key, &err), 0);
    assert_true(paypal_sign_verify(public_key, &transmission, signature));
    char *again = NULL;
    assert_int_equal(paypal_sign(private_key, &transmission, &again, &err), 0);
    assert_string_equal(again, signature);
    for (size_t i = 0; i < body_bytes; i++) {
        body[i] ^= 1;
        assert_false(paypal_sign_verify(public_key, &transmission, signature));
        body[i] ^= 1;
    }
    transmission.webhook_id = "1JE4291016473214D";
    assert_false(paypal_sign_verify(public_key, &transmission, signature));
    free(again);
    rsa_key_free(public_key);
    rsa_key_free(private_key);
}

static void parts_that_could_be_divided_otherwise_are_not_signed(void **state) {
    static const char *const bad[] = {
        "",    "a|b",       "a b",
        "a\n", "a\xC3\xA9", "01234567890123456789012345678901234567890123456789012345678901234"};
    char text[PAYPAL_SIGNED_CHARS_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct paypal_transmission as_id = {bad[i], "t", "w", "", 0};
        struct paypal_transmission as_time = {"i", bad[i], "w", "", 0};
        struct paypal_transmission as_webhook = {"i", "t", bad[i], "", 0};
        assert_false(paypal_signed_text(&as_id, text));
        assert_false(paypal_signed_text(&as_time, text));
        assert_false(paypal_signed_text(&as_webhook, text));
    }
}

static void a_genuine_callback_is_accepted_and_its_certificate_kept(void **state) {
    struct fake *fake = *state;
    struct delivery delivery = delivery_of(PLAIN);
    struct gateway_event event;
    struct err err;
    FAKE_SCRIPT(fake, {200, good_cert});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verify(fake, &delivery, &event, &err), 0);
        assert_string_equal(event.event_id, "WH-1");
    }
    assert_int_equal(fake->sent_count, 1);
    assert_string_equal(fake->sent[0].method, "GET");
    assert_string_equal(fake->sent[0].url, CERT_URL);
    assert_string_equal(fake->sent[0].headers, ""); /* no token of ours goes to that address */
    sign_with(&delivery, "paypal_good.key.pem", "8PT597110X687430L"); /* the other webhook id */
    assert_int_equal(verify(fake, &delivery, &event, &err), 0);
}

static void one_byte_changed_anywhere_is_refused(void **state) {
    struct fake *fake = *state;
    struct delivery genuine = delivery_of(PLAIN);
    struct delivery delivery = genuine;
    struct gateway_event event;
    struct err err;
    FAKE_SCRIPT(fake, {200, good_cert});
    assert_int_equal(verify(fake, &delivery, &event, &err), 0);
    for (size_t i = 0; i < delivery.body_bytes; i++) {
        delivery.body[i] ^= 4;
        assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
        delivery.body[i] ^= 4;
    }
    delivery.body_bytes--;
    assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    delivery = genuine;
    for (size_t i = 0; delivery.signature[i] != '\0'; i++) {
        char was = delivery.signature[i];
        delivery.signature[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
        delivery.signature[i] = was;
    }
    delivery.id = "69cd13f0-d67a-11e5-baa3-778b53f4ae56";
    assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    delivery = genuine;
    delivery.time = "2026-11-21T08:00:01Z";
    assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    delivery = genuine;
    sign_with(&delivery, "paypal_good.key.pem", "0000000000000000A");
    assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    sign_with(&delivery, "platform.key.pem", WEBHOOK_ID);
    assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    assert_int_equal(fake->sent_count, 1);
}

static void missing_or_other_headers_are_refused_before_anything_is_fetched(void **state) {
    struct fake *fake = *state;
    struct gateway_event event;
    struct err err;
    fake_script(fake, NULL, 0);
    for (int i = 0; i < 8; i++) {
        struct delivery delivery = delivery_of(PLAIN);
        switch (i) {
        case 0:
            delivery.id = "";
            break;
        case 1:
            delivery.signature[0] = '\0';
            break;
        case 2:
            delivery.algo = "SHA1withRSA";
            break;
        case 3:
            delivery.algo = "";
            break;
        case 4:
            delivery.time = "";
            break;
        case 5:
            delivery.time = "yesterday";
            break;
        case 6:
            delivery.now_us = sent_us() + 301 * US_PER_SECOND;
            break;
        default:
            delivery.now_us = sent_us() - 301 * US_PER_SECOND;
            break;
        }
        assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    }
    struct delivery delivery = delivery_of(PLAIN);
    delivery.now_us = sent_us() + 300 * US_PER_SECOND;
    FAKE_SCRIPT(fake, {200, good_cert});
    assert_int_equal(verify(fake, &delivery, &event, &err), 0);
    delivery.now_us = sent_us() - 300 * US_PER_SECOND;
    assert_int_equal(verify(fake, &delivery, &event, &err), 0);
}

/* Certificates. */

static void only_addresses_of_paypals_certificates_are_fetched(void **state) {
    static const char *const refused[] = {
        "",
        "x",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example/v1/notifications/certs/CERT-1",
        "https://paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evilpaypal.com/v1/notifications/certs/CERT-1",
        "https://.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:444/v1/notifications/certs/CERT-1",
        "https://evil.example#.paypal.com/v1/notifications/certs/CERT-1",
        "https://evil.example\\.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://api.paypal.com/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../x",
        "https://api.paypal.com/v1/notifications/certs/..",
        "https://api..paypal.com/v1/notifications/certs/a",
        "https://api.paypal.com/v1/notifications/certs/a..b",
        "https://api.paypal.com/v1/notifications/certs/a?x=1",
        "https://api.paypal.com/v1/notifications/certs/a/b",
        "https://api.paypal.com/v1/notifications/certs/a%2e",
        "file:///v1/notifications/certs/a",
        "HTTPS://api.paypal.com/v1/notifications/certs/a",
        "https://127.0.0.1/v1/notifications/certs/a",
        "https://api.paypal.com\r\n/v1/notifications/certs/a",
    };
    struct fake *fake = *state;
    struct gateway_event event;
    struct err err;
    fake_script(fake, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct delivery delivery = delivery_of(PLAIN);
        delivery.url = refused[i];
        if (paypal_cert_url_ok(&fake->gateway, refused[i])) {
            fail_msg("%s", refused[i]);
        }
        assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    }
    assert_true(paypal_cert_url_ok(&fake->gateway, CERT_URL));
    assert_true(paypal_cert_url_ok(&fake->gateway,
                                   "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1"));
    char url[PAYPAL_CERT_URL_CHARS_MAX + 2];
    memset(url, 'a', sizeof(url) - 1);
    memcpy(url, CERT_URL, strlen(CERT_URL));
    url[sizeof(url) - 1] = '\0';
    assert_false(paypal_cert_url_ok(&fake->gateway, url));
}

static void a_sandbox_on_this_machine_serves_its_own_certificate_only_there(void **state) {
    struct fake *fake = paypal_new("http://127.0.0.1:9002");
    struct delivery delivery = delivery_of(PLAIN);
    struct gateway_event event;
    struct err err;
    FAKE_SCRIPT(fake, {200, good_cert});
    delivery.url = "http://127.0.0.1:9002/v1/notifications/certs/CERT-1";
    assert_int_equal(verify(fake, &delivery, &event, &err), 0);
    static const char *const refused[] = {
        CERT_URL,
        "http://127.0.0.1:9003/v1/notifications/certs/CERT-1",
        "http://127.0.0.1:90021/v1/notifications/certs/CERT-1",
        "https://127.0.0.1:9002/v1/notifications/certs/CERT-1",
        "http://localhost:9002/v1/notifications/certs/CERT-1",
        "http://127.0.0.1:9002.evil.example/v1/notifications/certs/CERT-1",
        "http://127.0.0.1:9002/v1/notifications/certs/../x",
        "http://127.0.0.1:9002/CERT-1",
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        delivery.url = refused[i];
        assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    }
    assert_int_equal(fake->sent_count, 1);
    fake_free(fake);
}

static void a_certificate_must_chain_be_in_force_and_bear_paypals_name(void **state) {
    static const struct {
        const char *cert, *key;
    } rows[] = {
        {"paypal_wrong_name.crt.pem", "paypal_wrong_name.key.pem"},
        {"paypal_expired.crt.pem", "paypal_expired.key.pem"},
        {"platform.crt.pem", "platform.key.pem"},
    };
    struct fake *fake = *state;
    struct gateway_event event;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char cert[VECTOR_BYTES_MAX];
        struct delivery delivery = delivery_of(PLAIN);
        sign_with(&delivery, rows[i].key, WEBHOOK_ID);
        (void)vector_read(rows[i].cert, cert);
        FAKE_SCRIPT(fake, {200, cert}, {200, cert});
        assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
        assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE); /* not kept */
        assert_script_done(fake);
    }
}

static void without_the_ca_given_the_systems_own_do_not_trust_it(void **state) {
    struct fake *fake = fake_new(&paypal_adapter, BASE);
    struct delivery delivery = delivery_of(PLAIN);
    struct gateway_event event;
    struct err err;
    fake_credential(fake, "client_id", "client");
    fake_credential(fake, "client_secret", "hush");
    fake_credential(fake, "webhook_id", WEBHOOK_ID);
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    FAKE_SCRIPT(fake, {200, good_cert});
    assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    fake_free(fake);
}

static void a_certificate_that_cannot_be_had_now_is_no_verdict(void **state) {
    static const struct {
        struct step step;
        int result;
    } rows[] = {
        {{500, "", 0, 0}, -ERR_UNREACHABLE},
        {{429, "", 0, 0}, -ERR_UNREACHABLE},
        {{302, "", 0, 0}, -ERR_UNREACHABLE},
        {{0, NULL, HTTP_NOT_SENT, HTTP_FAIL_CONNECT}, -ERR_UNREACHABLE},
        {{0, NULL, HTTP_MAYBE_SENT, HTTP_FAIL_TIMEOUT}, -ERR_UNREACHABLE},
        {{404, "", 0, 0}, -ERR_SIGNATURE},
        {{200, "", 0, 0}, -ERR_SIGNATURE},
        {{200, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0, 0},
         -ERR_SIGNATURE},
    };
    struct fake *fake = *state;
    struct gateway_event event;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct delivery delivery = delivery_of(PLAIN);
        fake_script(fake, &rows[i].step, 1);
        assert_int_equal(verify(fake, &delivery, &event, &err), rows[i].result);
    }
    struct delivery delivery = delivery_of(PLAIN);
    FAKE_SCRIPT(fake, {200, good_cert});
    assert_int_equal(verify(fake, &delivery, &event, &err), 0);
}

static void strangers_cannot_make_us_fetch_without_end(void **state) {
    struct fake *fake = *state;
    struct gateway_event event;
    struct err err;
    struct step steps[PAYPAL_CERT_FETCHES_MAX];
    steps[0] = (struct step){200, good_cert, 0, 0};
    for (int i = 1; i < PAYPAL_CERT_FETCHES_MAX; i++) {
        steps[i] = (struct step){404, "", 0, 0};
    }
    fake_script(fake, steps, PAYPAL_CERT_FETCHES_MAX);
    struct delivery genuine = delivery_of(PLAIN);
    assert_int_equal(verify(fake, &genuine, &event, &err), 0);
    for (int i = 1; i < PAYPAL_CERT_FETCHES_MAX + 20; i++) {
        char url[128];
        struct delivery delivery = delivery_of(PLAIN);
        snprintf(url, sizeof(url), "https://api.paypal.com/v1/notifications/certs/CERT-%d", i);
        delivery.url = url;
        assert_int_equal(verify(fake, &delivery, &event, &err),
                         i < PAYPAL_CERT_FETCHES_MAX ? -ERR_SIGNATURE : -ERR_UNREACHABLE);
    }
    assert_script_done(fake);
    assert_int_equal(verify(fake, &genuine, &event, &err), 0); /* the kept one is not held up */
}

static void a_kept_certificate_ends_with_its_validity(void **state) {
    struct fake *fake = *state;
    struct delivery delivery = delivery_of(PLAIN);
    struct gateway_event event;
    struct err err;
    FAKE_SCRIPT(fake, {200, good_cert}, {200, good_cert});
    assert_int_equal(verify(fake, &delivery, &event, &err), 0);
    delivery.time = "2119-06-01T00:00:00Z";
    assert_true(clock_parse(delivery.time, &delivery.now_us));
    sign_with(&delivery, "paypal_good.key.pem", WEBHOOK_ID);
    assert_int_equal(verify(fake, &delivery, &event, &err), -ERR_SIGNATURE);
    assert_script_done(fake); /* fetched again, to no avail */
}

/* Events. */

static int deliver(struct fake *fake, const char *body, struct gateway_event *ret_event) {
    struct delivery delivery = delivery_of(body);
    const struct step step = {200, good_cert, 0, 0};
    struct err err;
    fake_script(fake, &step, 1);
    return verify(fake, &delivery, ret_event, &err);
}

static void genuine_nonsense_is_a_bad_request(void **state) {
    static const char *const bodies[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"id\":\"WH-1\"}",
        "{\"id\":\"WH-1\",\"event_type\":\"A.B\"}",
        "{\"id\":\"WH-1\",\"event_type\":\"A.B\",\"resource\":[]}",
        "{\"id\":\"\",\"event_type\":\"A.B\",\"resource\":{}}",
        "{\"id\":\"WH-1\",\"event_type\":\"\",\"resource\":{}}",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct gateway_event event;
        assert_int_equal(deliver(*state, bodies[i], &event), -ERR_BAD_REQUEST);
    }
}

static void events_of_a_payment_say_which_and_how_it_stands(void **state) {
#define AUTH_RESOURCE(status)                                                                      \
    "{\"id\":\"2GG2\",\"status\":\"" status "\",\"custom_id\":\"" REFERENCE                        \
    "\",\"amount\":" AMOUNT(                                                                       \
        "10.99") ",\"supplementary_data\":{\"related_ids\":{\"order_id\":\"5O19\"}}}"
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {PLAIN, GW_CHARGED},
        {EVENT("PAYMENT.CAPTURE.PENDING", CAPTURE_RESOURCE("PENDING")), GW_PENDING},
        {EVENT("PAYMENT.CAPTURE.DENIED", CAPTURE_RESOURCE("DECLINED")), GW_DECLINED},
        {EVENT("PAYMENT.CAPTURE.DECLINED", CAPTURE_RESOURCE("SHINY")), GW_DECLINED},
        {EVENT("PAYMENT.CAPTURE.COMPLETED", CAPTURE_RESOURCE("SHINY")), GW_NONE},
        {EVENT("PAYMENT.AUTHORIZATION.CREATED", AUTH_RESOURCE("CREATED")), GW_AUTHORIZED},
        {EVENT("PAYMENT.AUTHORIZATION.CREATED", AUTH_RESOURCE("PENDING")), GW_PENDING},
        {EVENT("PAYMENT.AUTHORIZATION.VOIDED", AUTH_RESOURCE("VOIDED")), GW_CANCELED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_event event;
        assert_int_equal(deliver(*state, rows[i].body, &event), 0);
        assert_int_equal(event.subject, CALLBACK_PAYMENT);
        assert_string_equal(event.gateway_id, "5O19");
        assert_string_equal(event.charge_id, "2GG2");
        assert_string_equal(event.reference, REFERENCE);
        assert_int_equal(event.amount_minor, 1099);
        assert_string_equal(event.currency.code, "USD");
        if (event.outcome != rows[i].outcome) {
            fail_msg("%s gave %s", event.type, gateway_outcome_name(event.outcome));
        }
    }
    struct gateway_event event;
    int64_t at_us = 0;
    assert_int_equal(deliver(*state, PLAIN, &event), 0);
    assert_true(clock_parse("2026-11-21T07:59:58.250Z", &at_us));
    assert_int_equal(event.event_us, at_us);
}

static void events_of_an_order_say_which_and_how_it_stands(void **state) {
    static const struct {
        const char *type, *order;
        enum gateway_outcome outcome;
    } rows[] = {
        {"CHECKOUT.ORDER.APPROVED", ORDER("APPROVED", "", ""), GW_APPROVED},
        {"CHECKOUT.ORDER.COMPLETED", CAPTURED, GW_CHARGED},
        {"CHECKOUT.ORDER.COMPLETED", ORDER("COMPLETED", "", ""), GW_NONE},
        {"CHECKOUT.ORDER.VOIDED", ORDER("VOIDED", "", ""), GW_CANCELED},
        {"CHECKOUT.ORDER.DECLINED", ORDER("CREATED", "", ""), GW_DECLINED},
        {"CHECKOUT.PAYMENT-APPROVAL.REVERSED", ORDER("CREATED", "", ""), GW_CANCELED},
    };
    struct gateway_event event;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[2048];
        snprintf(body, sizeof(body), "{\"id\":\"WH-1\",\"event_type\":\"%s\",\"resource\":%s}",
                 rows[i].type, rows[i].order);
        assert_int_equal(deliver(*state, body, &event), 0);
        assert_int_equal(event.subject, CALLBACK_PAYMENT);
        assert_int_equal(event.outcome, rows[i].outcome);
        assert_string_equal(event.gateway_id, "5O190127TN364715T");
        assert_string_equal(event.reference, REFERENCE);
        assert_string_equal(event.order_id, "o 1");
        assert_int_equal(event.amount_minor, 1099);
        assert_int_equal(event.event_us, 0);
    }
    assert_int_equal(deliver(*state,
                             EVENT("CHECKOUT.PAYMENT-APPROVAL.REVERSED", "{\"order_id\":\"5O19\"}"),
                             &event),
                     0);
    assert_string_equal(event.gateway_id, "5O19");
}

static void refund_events_say_which_refund_of_which_capture(void **state) {
#define REFUND_LINK(rel, path)                                                                     \
    "{\"rel\":\"" rel "\",\"href\":\"https://api.paypal.com/v2/payments/" path "\"}"
#define REFUND_RESOURCE(status)                                                                    \
    "{\"id\":\"1Y10\",\"status\":\"" status "\",\"custom_id\":\"re_A\",\"amount\":" TWO_DOLLARS    \
    ",\"links\":[" REFUND_LINK("self", "refunds/1Y10") "," REFUND_LINK("up", "captures/0JF8") "]}"
#define TWO_DOLLARS AMOUNT("2.00")
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {EVENT("PAYMENT.CAPTURE.REFUNDED", REFUND_RESOURCE("COMPLETED")), GW_REFUNDED},
        {EVENT("PAYMENT.CAPTURE.REVERSED", REFUND_RESOURCE("COMPLETED")), GW_REFUNDED},
        {EVENT("PAYMENT.REFUND.PENDING", REFUND_RESOURCE("PENDING")), GW_PENDING},
        {EVENT("PAYMENT.REFUND.FAILED", REFUND_RESOURCE("FAILED")), GW_DECLINED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_event event;
        assert_int_equal(deliver(*state, rows[i].body, &event), 0);
        assert_int_equal(event.subject, CALLBACK_REFUND);
        assert_int_equal(event.outcome, rows[i].outcome);
        assert_string_equal(event.refund_id, "1Y10");
        assert_string_equal(event.charge_id, "0JF8");
        assert_string_equal(event.reference, "re_A");
        assert_int_equal(event.amount_minor, 200);
    }
}

static void dispute_events_say_what_and_until_when(void **state) {
    static const char *const types[] = {"CREATED", "UPDATED", "RESOLVED"};
    int64_t due_us = 0;
    assert_true(clock_parse("2026-12-01T00:00:00Z", &due_us));
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        char body[1024];
        struct gateway_event event;
        snprintf(
            body, sizeof(body),
            "{\"id\":\"WH-1\",\"event_type\":\"CUSTOMER.DISPUTE.%s\",\"resource\":{\"dispute_id\":"
            "\"PP-D-27803\",\"status\":\"WAITING_FOR_SELLER_RESPONSE\",\"reason\":\"UNAUTHORISED\","
            "\"seller_response_due_date\":\"2026-12-01T00:00:00Z\",\"dispute_amount\":"
            "%s,\"disputed_transactions\":[{\"seller_transaction_id\":\"3BC3\",\"custom\":"
            "\"%s\"}]}}",
            types[i], AMOUNT("10.99"), REFERENCE);
        assert_int_equal(deliver(*state, body, &event), 0);
        assert_int_equal(event.subject, CALLBACK_DISPUTE);
        assert_int_equal(event.outcome, GW_NONE);
        assert_string_equal(event.dispute_id, "PP-D-27803");
        assert_string_equal(event.dispute_status, "WAITING_FOR_SELLER_RESPONSE");
        assert_string_equal(event.dispute_reason, "UNAUTHORISED");
        assert_string_equal(event.charge_id, "3BC3");
        assert_string_equal(event.reference, REFERENCE);
        assert_int_equal(event.dispute_due_us, due_us);
        assert_int_equal(event.amount_minor, 1099);
    }
}

static void other_events_are_kept_but_say_nothing(void **state) {
    struct gateway_event event;
    assert_int_equal(
        deliver(*state, EVENT("VAULT.PAYMENT-TOKEN.CREATED", "{\"id\":\"x\"}"), &event), 0);
    assert_int_equal(event.subject, CALLBACK_OTHER);
    assert_int_equal(event.outcome, GW_NONE);
    assert_int_equal(event.amount_minor, -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, paypal_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_vector_is_verified_and_made_again),
        T(parts_that_could_be_divided_otherwise_are_not_signed),
        T(a_genuine_callback_is_accepted_and_its_certificate_kept),
        T(one_byte_changed_anywhere_is_refused),
        T(missing_or_other_headers_are_refused_before_anything_is_fetched),
        T(only_addresses_of_paypals_certificates_are_fetched),
        T(a_sandbox_on_this_machine_serves_its_own_certificate_only_there),
        T(a_certificate_must_chain_be_in_force_and_bear_paypals_name),
        T(without_the_ca_given_the_systems_own_do_not_trust_it),
        T(a_certificate_that_cannot_be_had_now_is_no_verdict),
        T(strangers_cannot_make_us_fetch_without_end),
        T(a_kept_certificate_ends_with_its_validity),
        T(genuine_nonsense_is_a_bad_request),
        T(events_of_a_payment_say_which_and_how_it_stands),
        T(events_of_an_order_say_which_and_how_it_stands),
        T(refund_events_say_which_refund_of_which_capture),
        T(dispute_events_say_what_and_until_when),
        T(other_events_are_kept_but_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
