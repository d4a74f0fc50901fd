/* SPDX-License-Identifier: Apache-2.0
 * test_stripe_callback.c: which callbacks are Stripe's, and what they say. */
#include "gateway_fixture.h"

#include "gateway/stripe/stripe.h"
#include "gateway/stripe/stripe_sign.h"

#define NOW_S INT64_C(1735689600)
#define SECRET "whsec_test_5f3759df"

static int setup(void **state) {
    struct fake *fake = fake_new(&stripe_adapter, "https://api.stripe.com");
    struct err err;
    fake_credential(fake, "api_key", "sk_test_abc");
    fake_credential(fake, "webhook_secret", SECRET);
    fake_credential(fake, "webhook_secret_next", "whsec_second");
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    *state = fake;
    return 0;
}

static int teardown(void **state) {
    fake_free(*state);
    return 0;
}

static int verify_bytes(struct fake *fake, const char *header, const char *body, size_t body_bytes,
                        int64_t now_s, struct gateway_event *ret_event, struct err *err) {
    const struct http_header headers[] = {{"Host", "x"}, {"stripe-signature", header}};
    const struct gateway_callback_request request = {
        .headers = headers,
        .header_count = header != NULL ? 2 : 1,
        .body = body,
        .body_bytes = body_bytes,
        .now_us = now_s * US_PER_SECOND,
    };
    memset(ret_event, 0, sizeof(*ret_event));
    return fake->gateway.adapter->verify_callback(&fake->call, &request, ret_event, err);
}

/* Signs as Stripe would and verifies at once. */
static int deliver(struct fake *fake, const char *body, struct gateway_event *ret_event) {
    char header[STRIPE_SIGNATURE_CHARS_MAX + 1];
    struct stripe_secret secret = {SECRET, strlen(SECRET)};
    struct err err;
    stripe_sign(&secret, NOW_S, body, strlen(body), header);
    return verify_bytes(fake, header, body, strlen(body), NOW_S + 2, ret_event, &err);
}

/* Signatures. */

static void the_vector_of_their_own_sdk_is_made_and_accepted(void **state) {
    char body[VECTOR_BYTES_MAX], header[VECTOR_BYTES_MAX], secret_text[VECTOR_BYTES_MAX];
    char made[STRIPE_SIGNATURE_CHARS_MAX + 1];
    size_t body_bytes = vector_read("stripe_payload.json", body);
    (void)vector_read("stripe_header.txt", header);
    size_t secret_bytes_count = vector_read("stripe_secret.txt", secret_text);
    struct stripe_secret secret = {secret_text, secret_bytes_count};
    struct gateway_event event;
    struct err err;
    stripe_sign(&secret, NOW_S, body, body_bytes, made);
    assert_string_equal(made, header);
    assert_int_equal(verify_bytes(*state, header, body, body_bytes, NOW_S, &event, &err), 0);
    assert_string_equal(event.event_id, "evt_1NG8Du2eZvKYlo2CUI79vXWy");
    assert_string_equal(event.type, "payment_intent.succeeded");
    assert_string_equal(event.gateway_id, "pi_1");
    assert_int_equal(event.outcome, GW_CHARGED);
    assert_int_equal(event.subject, CALLBACK_PAYMENT);
    assert_int_equal(event.amount_minor, -1);
}

static void a_body_with_one_byte_changed_is_refused(void **state) {
    char body[VECTOR_BYTES_MAX], header[VECTOR_BYTES_MAX];
    size_t count = vector_read("stripe_payload.json", body);
    (void)vector_read("stripe_header.txt", header);
    struct gateway_event event;
    struct err err;
    for (size_t i = 0; i < count; i++) {
        for (int bit = 0; bit < 8; bit++) {
            body[i] ^= (char)(1 << bit);
            assert_int_equal(verify_bytes(*state, header, body, count, NOW_S, &event, &err),
                             -ERR_SIGNATURE);
            body[i] ^= (char)(1 << bit);
        }
    }
    assert_int_equal(verify_bytes(*state, header, body, count - 1, NOW_S, &event, &err),
                     -ERR_SIGNATURE);
    body[count] = ' ';
    assert_int_equal(verify_bytes(*state, header, body, count + 1, NOW_S, &event, &err),
                     -ERR_SIGNATURE);
    assert_int_equal(event.subject, 0); /* untouched */
}

static void a_header_with_one_byte_changed_is_refused(void **state) {
    char body[VECTOR_BYTES_MAX], header[VECTOR_BYTES_MAX];
    size_t count = vector_read("stripe_payload.json", body);
    size_t header_bytes = vector_read("stripe_header.txt", header);
    struct gateway_event event;
    struct err err;
    for (size_t i = 0; i < header_bytes; i++) {
        char was = header[i];
        for (int c = 1; c < 256; c++) {
            if ((char)c == was) {
                continue;
            }
            header[i] = (char)c;
            if (verify_bytes(*state, header, body, count, NOW_S, &event, &err) != -ERR_SIGNATURE) {
                fail_msg("byte %zu as %d was accepted", i, c);
            }
        }
        header[i] = was;
    }
}

static void malformed_headers_are_refused(void **state) {
#define SIG "1c09d01e143ac7f0e9792758aa6b98b7e257e22b1b02db51abcd99accf7e88c9"
    static const char *const headers[] = {
        "",
        "t",
        "t=",
        "t=1735689600",
        "v1=" SIG,
        "t=1735689600,v0=" SIG,
        "t=1735689600,v1=",
        "t=1735689600,v1=" SIG "0",
        "t=-1735689600,v1=" SIG,
        "t=1735689600 ,v1=" SIG,
        "t=1735689600,t=1735689600,v1=" SIG,
        "t=1735689600,v1=" SIG ",",
        ",t=1735689600,v1=" SIG,
        "t=9999999999999,v1=" SIG,
        "T=1735689600,V1=" SIG,
        "t=1735689600, v1=" SIG,
        "t=01735689600,v1=" SIG,
        "t=1735689600,v1=1C09D01E143AC7F0E9792758AA6B98B7E257E22B1B02DB51ABCD99ACCF7E88C9",
    };
    char body[VECTOR_BYTES_MAX];
    size_t count = vector_read("stripe_payload.json", body);
    struct gateway_event event;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        if (verify_bytes(*state, headers[i], body, count, NOW_S, &event, &err) != -ERR_SIGNATURE) {
            fail_msg("'%s' was accepted", headers[i]);
        }
    }
    assert_int_equal(verify_bytes(*state, NULL, body, count, NOW_S, &event, &err), -ERR_SIGNATURE);
    char many[2048] = "t=1735689600";
    for (int i = 0; i < STRIPE_SIGNATURES_MAX + 1; i++) {
        size_t used = strlen(many);
        snprintf(many + used, sizeof(many) - used, ",v1=%s", SIG);
    }
    assert_int_equal(verify_bytes(*state, many, body, count, NOW_S, &event, &err), -ERR_SIGNATURE);
}

static void other_schemes_and_further_signatures_do_not_harm(void **state) {
    char body[VECTOR_BYTES_MAX];
    size_t count = vector_read("stripe_payload.json", body);
    struct gateway_event event;
    struct err err;
    const char *header =
        "t=1735689600,v0=zz,v1=0000000000000000000000000000000000000000000000000000000"
        "000000000,v1=" SIG ",v2=x";
    assert_int_equal(verify_bytes(*state, header, body, count, NOW_S, &event, &err), 0);
}

static void five_minutes_either_way_are_allowed_and_no_second_more(void **state) {
    char body[VECTOR_BYTES_MAX], header[VECTOR_BYTES_MAX];
    size_t count = vector_read("stripe_payload.json", body);
    (void)vector_read("stripe_header.txt", header);
    struct gateway_event event;
    struct err err;
    assert_int_equal(verify_bytes(*state, header, body, count, NOW_S + 300, &event, &err), 0);
    assert_int_equal(verify_bytes(*state, header, body, count, NOW_S - 300, &event, &err), 0);
    assert_int_equal(verify_bytes(*state, header, body, count, NOW_S + 301, &event, &err),
                     -ERR_SIGNATURE);
    assert_non_null(strstr(err.detail, "301 s ago"));
    assert_int_equal(verify_bytes(*state, header, body, count, NOW_S - 301, &event, &err),
                     -ERR_SIGNATURE);
    assert_non_null(strstr(err.detail, "301 s ahead"));
}

static void every_secret_in_force_is_good_and_no_other(void **state) {
    static const struct {
        const char *secret;
        int result;
    } rows[] = {
        {SECRET, 0},
        {"whsec_second", 0},
        {"whsec_third", -ERR_SIGNATURE},
        {"", -ERR_SIGNATURE},
        {"test_5f3759df", -ERR_SIGNATURE},
        {SECRET "x", -ERR_SIGNATURE},
    };
    static const char body[] = "{\"id\":\"evt_1\",\"type\":\"x.y\",\"data\":{\"object\":{}}}";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char header[STRIPE_SIGNATURE_CHARS_MAX + 1];
        struct stripe_secret secret = {rows[i].secret, strlen(rows[i].secret)};
        struct gateway_event event;
        struct err err;
        stripe_sign(&secret, NOW_S, body, strlen(body), header);
        assert_int_equal(verify_bytes(*state, header, body, strlen(body), NOW_S, &event, &err),
                         rows[i].result);
    }
}

/* Events. */

static void genuine_nonsense_is_a_bad_request(void **state) {
    static const char *const bodies[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"id\":\"evt_1\"}",
        "{\"id\":\"evt_1\",\"type\":\"a.b\"}",
        "{\"id\":\"evt_1\",\"type\":\"a.b\",\"data\":{\"object\":5}}",
        "{\"id\":\"\",\"type\":\"a.b\",\"data\":{\"object\":{}}}",
        "{\"id\":\"evt_1\",\"type\":\"\",\"data\":{\"object\":{}}}",
        "{\"id\":7,\"type\":\"a.b\",\"data\":{\"object\":{}}}",
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct gateway_event event;
        assert_int_equal(deliver(*state, bodies[i], &event), -ERR_BAD_REQUEST);
    }
    char body[256];
    struct gateway_event event;
    snprintf(body, sizeof(body), "{\"id\":\"evt_1\",\"type\":\"%064d\",\"data\":{\"object\":{}}}",
             0);
    assert_int_equal(deliver(*state, body, &event), -ERR_BAD_REQUEST);
    snprintf(body, sizeof(body), "{\"id\":\"evt_1\",\"type\":\"%063d\",\"data\":{\"object\":{}}}",
             0);
    assert_int_equal(deliver(*state, body, &event), 0);
}

#define EVENT(type, object)                                                                        \
    "{\"id\":\"evt_1\",\"object\":\"event\",\"created\":1735689500,\"type\":\"" type               \
    "\",\"data\":{\"object\":" object "}}"
#define REF "att_01JD5R6Q6Y0V3M8X2K4N7T9BCF"
#define META "\"metadata\":{\"reference\":\"" REF "\",\"order_id\":\"o-1\"}"
#define PI(status)                                                                                 \
    "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"amount\":1099,\"currency\":\"usd\","         \
    "\"latest_charge\":\"ch_1\",\"status\":\"" status "\"," META "}"
#define CH(status, captured)                                                                       \
    "{\"id\":\"ch_1\",\"object\":\"charge\",\"amount\":1099,\"currency\":\"usd\","                 \
    "\"captured\":" captured ",\"payment_intent\":\"pi_1\",\"status\":\"" status "\"," META "}"

static void events_of_a_payment_say_which_and_how_it_stands(void **state) {
    static const struct {
        const char *body;
        enum gateway_outcome outcome;
    } rows[] = {
        {EVENT("payment_intent.succeeded", PI("succeeded")), GW_CHARGED},
        {EVENT("payment_intent.processing", PI("processing")), GW_PENDING},
        {EVENT("payment_intent.requires_action", PI("requires_action")), GW_ACTION_NEEDED},
        {EVENT("payment_intent.amount_capturable_updated", PI("requires_capture")), GW_AUTHORIZED},
        {EVENT("payment_intent.canceled", PI("canceled")), GW_CANCELED},
        {EVENT("payment_intent.created", PI("requires_confirmation")), GW_NONE},
        {EVENT("charge.succeeded", CH("succeeded", "true")), GW_CHARGED},
        {EVENT("charge.succeeded", CH("succeeded", "false")), GW_AUTHORIZED},
        {EVENT("charge.captured", CH("succeeded", "true")), GW_CHARGED},
        {EVENT("charge.pending", CH("pending", "true")), GW_PENDING},
        {EVENT("charge.failed", CH("failed", "false")), GW_DECLINED},
        {EVENT("charge.expired", CH("succeeded", "false")), GW_CANCELED},
        {EVENT("charge.updated", CH("succeeded", "true")), GW_CHARGED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_event event;
        assert_int_equal(deliver(*state, rows[i].body, &event), 0);
        assert_string_equal(event.event_id, "evt_1");
        assert_int_equal(event.subject, CALLBACK_PAYMENT);
        assert_string_equal(event.gateway_id, "pi_1");
        assert_string_equal(event.charge_id, "ch_1");
        assert_string_equal(event.reference, REF);
        assert_string_equal(event.order_id, "o-1");
        assert_int_equal(event.amount_minor, 1099);
        assert_string_equal(event.currency.code, "USD");
        assert_int_equal(event.event_us, INT64_C(1735689500) * US_PER_SECOND);
        if (event.outcome != rows[i].outcome) {
            fail_msg("%s gave %s", event.type, gateway_outcome_name(event.outcome));
        }
    }
}

static void a_failed_try_is_a_decline(void **state) {
    struct gateway_event event;
    assert_int_equal(deliver(*state,
                             EVENT("payment_intent.payment_failed",
                                   "{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"status\":"
                                   "\"requires_payment_method\",\"last_payment_error\":{\"type\":"
                                   "\"card_error\",\"code\":\"card_declined\"}}"),
                             &event),
                     0);
    assert_int_equal(event.outcome, GW_DECLINED);
    assert_string_equal(event.reference, "");
}

static void refund_events_say_which_refund(void **state) {
    static const struct {
        const char *type, *status;
        enum gateway_outcome outcome;
    } rows[] = {
        {"refund.created", "pending", GW_PENDING},
        {"refund.updated", "succeeded", GW_REFUNDED},
        {"refund.failed", "failed", GW_DECLINED},
        {"refund.updated", "canceled", GW_CANCELED},
        {"charge.refund.updated", "failed", GW_DECLINED},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gateway_event event;
        char body[1024];
        snprintf(
            body, sizeof(body),
            "{\"id\":\"evt_1\",\"type\":\"%s\",\"data\":{\"object\":{\"id\":\"re_9\",\"object\":"
            "\"refund\",\"amount\":500,\"currency\":\"usd\",\"charge\":\"ch_1\",\"payment_intent\":"
            "\"pi_1\",\"status\":\"%s\",\"metadata\":{\"reference\":\"re_A\"}}}}",
            rows[i].type, rows[i].status);
        assert_int_equal(deliver(*state, body, &event), 0);
        assert_int_equal(event.subject, CALLBACK_REFUND);
        assert_int_equal(event.outcome, rows[i].outcome);
        assert_string_equal(event.refund_id, "re_9");
        assert_string_equal(event.charge_id, "ch_1");
        assert_string_equal(event.gateway_id, "pi_1");
        assert_string_equal(event.reference, "re_A");
        assert_int_equal(event.amount_minor, 500);
    }
}

static void a_refunded_charge_says_how_much_more_went_back(void **state) {
    struct gateway_event event;
#define REFUNDED(previous)                                                                         \
    "{\"id\":\"evt_1\",\"type\":\"charge.refunded\",\"data\":{\"object\":{\"id\":\"ch_1\","        \
    "\"object\":\"charge\",\"amount\":1099,\"amount_refunded\":700,\"currency\":\"usd\","          \
    "\"payment_intent\":\"pi_1\"," META "}" previous "}}"
    assert_int_equal(
        deliver(*state, REFUNDED(",\"previous_attributes\":{\"amount_refunded\":500}"), &event), 0);
    assert_int_equal(event.subject, CALLBACK_REFUND);
    assert_int_equal(event.outcome, GW_REFUNDED);
    assert_int_equal(event.amount_minor, 200);
    assert_string_equal(event.charge_id, "ch_1");
    assert_string_equal(event.gateway_id, "pi_1");
    assert_string_equal(event.reference, "");
    assert_int_equal(deliver(*state, REFUNDED(""), &event), 0);
    assert_int_equal(event.amount_minor, -1);
}

static void dispute_events_say_what_and_until_when(void **state) {
    static const char *const types[] = {
        "charge.dispute.created",         "charge.dispute.updated",
        "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    };
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct gateway_event event;
        char body[1024];
        snprintf(
            body, sizeof(body),
            "{\"id\":\"evt_1\",\"type\":\"%s\",\"data\":{\"object\":{\"id\":\"dp_1\",\"object\":"
            "\"dispute\",\"amount\":1099,\"currency\":\"usd\",\"charge\":\"ch_1\","
            "\"payment_intent\":\"pi_1\",\"reason\":\"fraudulent\",\"status\":"
            "\"needs_response\",\"evidence_details\":{\"due_by\":1736000000}}}}",
            types[i]);
        assert_int_equal(deliver(*state, body, &event), 0);
        assert_int_equal(event.subject, CALLBACK_DISPUTE);
        assert_int_equal(event.outcome, GW_NONE);
        assert_string_equal(event.dispute_id, "dp_1");
        assert_string_equal(event.dispute_status, "needs_response");
        assert_string_equal(event.dispute_reason, "fraudulent");
        assert_int_equal(event.dispute_due_us, INT64_C(1736000000) * US_PER_SECOND);
        assert_string_equal(event.gateway_id, "pi_1");
        assert_int_equal(event.amount_minor, 1099);
    }
}

static void other_events_are_kept_but_say_nothing(void **state) {
    struct gateway_event event;
    assert_int_equal(deliver(*state, EVENT("payout.paid", "{\"id\":\"po_1\"}"), &event), 0);
    assert_int_equal(event.subject, CALLBACK_OTHER);
    assert_int_equal(event.outcome, GW_NONE);
    assert_string_equal(event.type, "payout.paid");
}

static void a_name_that_is_too_long_is_dropped_whole(void **state) {
    struct gateway_event event;
    assert_int_equal(
        deliver(*state,
                EVENT("charge.succeeded", "{\"id\":\"ch_1\",\"metadata\":{\"reference\":"
                                          "\"att_0123456789012345678901234567890\"}}"),
                &event),
        0);
    assert_string_equal(event.reference, "");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        T(the_vector_of_their_own_sdk_is_made_and_accepted),
        T(a_body_with_one_byte_changed_is_refused),
        T(a_header_with_one_byte_changed_is_refused),
        T(malformed_headers_are_refused),
        T(other_schemes_and_further_signatures_do_not_harm),
        T(five_minutes_either_way_are_allowed_and_no_second_more),
        T(every_secret_in_force_is_good_and_no_other),
        T(genuine_nonsense_is_a_bad_request),
        T(events_of_a_payment_say_which_and_how_it_stands),
        T(a_failed_try_is_a_decline),
        T(refund_events_say_which_refund),
        T(a_refunded_charge_says_how_much_more_went_back),
        T(dispute_events_say_what_and_until_when),
        T(other_events_are_kept_but_say_nothing),
        T(a_name_that_is_too_long_is_dropped_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
