/* SPDX-License-Identifier: Apache-2.0
 * test_unionpay_callback.c: which notifies are UnionPay's, and what they say. */
#include "unionpay_fixture.h"

#define OTHER_ID "812611212100010000001"
#define NOTIFY                                                                                     \
    "txnType=01&txnSubType=01&respCode=00&queryId=" QUERY_ID                                       \
    "&txnAmt=1099&currencyCode=156&settleAmt=1099&settleDate=1121&traceNo=123456&traceTime="       \
    "1121200500"

struct notify {
    char body[8192];
    size_t body_bytes;
    int64_t now_us;
};

static void notify_form(const struct unionpay_message *message, struct notify *ret_notify) {
    BUF_AUTO out;
    buf_init(&out, sizeof(ret_notify->body) - 1);
    unionpay_message_form(message, &out);
    assert_true(buf_ok(&out));
    memcpy(ret_notify->body, out.data, out.len + 1);
    ret_notify->body_bytes = out.len;
    ret_notify->now_us = created_us() + 300 * US_PER_SECOND;
}

static void notify_of(const char *order_id, const char *time, const char *fields, const char *who,
                      struct notify *ret_notify) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    unionpay_fill(&message, order_id, time, fields);
    unionpay_signed_by(&message, who);
    notify_form(&message, ret_notify);
}

static int verify(struct fake *fake, const struct notify *notify, struct gateway_event *ret_event,
                  struct err *err) {
    static const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"}};
    const struct gateway_callback_request request = {
        .headers = headers,
        .header_count = COUNT_OF(headers),
        .body = notify->body,
        .body_bytes = notify->body_bytes,
        .now_us = notify->now_us,
    };
    memset(ret_event, 0, sizeof(*ret_event));
    fake_script(fake, NULL, 0); /* no call is made to find out */
    return fake->gateway.adapter->verify_callback(&fake->call, &request, ret_event, err);
}

static int refusal_of(struct fake *fake, const struct notify *notify) {
    struct gateway_event event;
    struct err err;
    return verify(fake, notify, &event, &err);
}

static void a_genuine_notify_is_put_into_our_words(void **state) {
    struct notify notify;
    struct gateway_event event;
    struct err err;
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY, "up_sign", &notify);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(verify(*state, &notify, &event, &err), 0);
        assert_string_equal(event.event_id, ORDER_ID "." CREATED_TIME ".01.00");
        assert_string_equal(event.type, "01");
        assert_int_equal(event.event_us, created_us());
        assert_int_equal(event.subject, CALLBACK_PAYMENT);
        assert_int_equal(event.outcome, GW_CHARGED);
        assert_string_equal(event.reference, REFERENCE);
        assert_string_equal(event.gateway_id, QUERY_ID);
        assert_string_equal(event.charge_id, QUERY_ID);
        assert_string_equal(event.order_id, "");
        assert_int_equal(event.amount_minor, 1099);
        assert_string_equal(event.currency.code, "CNY");
    }
    assert_int_equal(unionpay_adapter.ack.status, 200);
    assert_string_equal(unionpay_adapter.ack.body, "ok");
}

static void each_kind_of_transaction_says_what_it_is_about(void **state) {
    static const struct {
        const char *type, *code;
        enum callback_subject subject;
        enum gateway_outcome outcome;
        const char *gateway_id, *charge_id, *refund_id;
    } kinds[] = {
        {"01", "A6", CALLBACK_PAYMENT, GW_CHARGED, OTHER_ID, OTHER_ID, ""},
        {"01", "64", CALLBACK_PAYMENT, GW_DECLINED, OTHER_ID, OTHER_ID, ""},
        {"01", "05", CALLBACK_PAYMENT, GW_PENDING, OTHER_ID, OTHER_ID, ""},
        {"01", "75", CALLBACK_PAYMENT, GW_NONE, OTHER_ID, OTHER_ID, ""},
        {"02", "00", CALLBACK_PAYMENT, GW_AUTHORIZED, OTHER_ID, "", ""},
        {"03", "00", CALLBACK_PAYMENT, GW_CHARGED, QUERY_ID, OTHER_ID, ""},
        {"03", "64", CALLBACK_PAYMENT, GW_NONE, QUERY_ID, OTHER_ID, ""},
        {"32", "00", CALLBACK_PAYMENT, GW_CANCELED, QUERY_ID, "", ""},
        {"32", "35", CALLBACK_PAYMENT, GW_NONE, QUERY_ID, "", ""},
        {"04", "00", CALLBACK_REFUND, GW_REFUNDED, "", QUERY_ID, OTHER_ID},
        {"04", "33", CALLBACK_REFUND, GW_DECLINED, "", QUERY_ID, OTHER_ID},
        {"31", "00", CALLBACK_OTHER, GW_NONE, "", "", ""},
        {"99", "00", CALLBACK_OTHER, GW_NONE, "", "", ""},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct notify notify;
        struct gateway_event event;
        struct err err;
        char fields[512];
        snprintf(fields, sizeof(fields),
                 NOTIFY "&txnType=%s&respCode=%s&queryId=" OTHER_ID "&origQryId=" QUERY_ID,
                 kinds[i].type, kinds[i].code);
        notify_of(CHANGE_ORDER_ID, CREATED_TIME, fields, "up_sign", &notify);
        assert_int_equal(verify(*state, &notify, &event, &err), 0);
        assert_int_equal(event.subject, kinds[i].subject);
        assert_int_equal(event.outcome, kinds[i].outcome);
        assert_string_equal(event.gateway_id, kinds[i].gateway_id);
        assert_string_equal(event.charge_id, kinds[i].charge_id);
        assert_string_equal(event.refund_id, kinds[i].refund_id);
        if (event.subject != CALLBACK_OTHER) {
            assert_string_equal(event.reference, CHANGE_REFERENCE);
        }
    }
}

static void what_is_not_signed_by_unionpay_is_refused(void **state) {
    static const char *const signers[] = {"up_wrong_name", "up_expired", "up_stranger", "merchant"};
    struct notify notify;
    for (size_t i = 0; i < COUNT_OF(signers); i++) {
        notify_of(ORDER_ID, CREATED_TIME, NOTIFY, signers[i], &notify);
        assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    }
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY, "up_company", &notify);
    assert_int_equal(refusal_of(*state, &notify), 0);
    static const char *const wrong[] = {"merId=777290058110049", "merId=", "version=5.0.0",
                                        "version="};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char fields[512];
        snprintf(fields, sizeof(fields), NOTIFY "&%s", wrong[i]);
        notify_of(ORDER_ID, CREATED_TIME, fields, "up_sign", &notify);
        assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    }
}

/* A genuine certificate beside a signature of another key. */
static void the_certificate_of_unionpay_with_the_key_of_another_is_refused(void **state) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    struct notify notify;
    char pem[VECTOR_BYTES_MAX];
    struct err err;
    struct rsa_key *key = unionpay_key("up_wrong_name.key.pem");
    (void)vector_read("up_sign.crt.pem", pem);
    const struct unionpay_signer signer = {.key = key, .cert_id = "69026276696", .cert_pem = pem};
    unionpay_fill(&message, ORDER_ID, CREATED_TIME, NOTIFY);
    assert_int_equal(unionpay_sign(&message, &signer, &err), 0);
    notify_form(&message, &notify);
    assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    rsa_key_free(key);
}

static void only_a_test_gateway_believes_the_test_signer(void **state) {
    struct fake *fake = unionpay_made(BASE);
    struct notify notify;
    struct err err;
    fake_option(fake, "test", "false");
    fake_file(fake, "private_key", "merchant.key.pem");
    fake_file(fake, "certificate", "merchant.crt.pem");
    fake_file(fake, "root_ca", "up_root.crt.pem");
    fake_file(fake, "middle_ca", "up_mid.crt.pem");
    assert_int_equal(fake->gateway.adapter->open(&fake->gateway, &err), 0);
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY, "up_sign", &notify);
    assert_int_equal(refusal_of(fake, &notify), -ERR_SIGNATURE);
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY, "up_company", &notify);
    assert_int_equal(refusal_of(fake, &notify), 0);
    fake_free(fake);
}

static void every_change_of_one_byte_is_refused(void **state) {
    struct notify notify;
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY, "up_sign", &notify);
    assert_int_equal(refusal_of(*state, &notify), 0);
    for (size_t i = 0; i < notify.body_bytes; i++) {
        char was = notify.body[i];
        /* The other case of an escape's letter is the same escape. */
        bool escape = (i >= 1 && notify.body[i - 1] == '%') ||
                      (i >= 2 && notify.body[i - 2] == '%');
        notify.body[i] = escape ? (char)(was == '2' ? '3' : '2') : (char)(was ^ 1);
        if (notify.body[i] != was && refusal_of(*state, &notify) == 0) {
            fail_msg("byte %zu (%c) does not matter", i, was);
        }
        notify.body[i] = was;
    }
}

static void a_truncated_notify_is_refused(void **state) {
    struct notify notify;
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY, "up_sign", &notify);
    size_t whole = notify.body_bytes;
    for (notify.body_bytes = 0; notify.body_bytes < whole; notify.body_bytes++) {
        assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    }
    assert_int_equal(refusal_of(*state, &notify), 0);
}

static void fields_cannot_be_added_left_out_or_divided_otherwise(void **state) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    struct notify notify;
    unionpay_fill(&message, ORDER_ID, CREATED_TIME, NOTIFY);
    unionpay_signed_by(&message, "up_sign");
    notify_form(&message, &notify);
    memcpy(notify.body + notify.body_bytes, "&a=1", 5);
    notify.body_bytes += 4;
    assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    memcpy(notify.body + notify.body_bytes - 4, "&a=", 4);
    notify.body_bytes--;
    assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    for (int i = 0; i < message.count; i++) {
        UNIONPAY_MESSAGE_AUTO less = {0};
        for (int k = 0; k < message.count; k++) {
            if (k != i) {
                unionpay_set(&less, message.fields[k].name, message.fields[k].value);
            }
        }
        notify_form(&less, &notify);
        assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    }
    /* "settleDate=1121&signMethod=01&…": the same signed text with a field less. */
    char moved[64];
    snprintf(moved, sizeof(moved), "%s&settleDate=%s", unionpay_get(&message, "settleAmt"),
             unionpay_get(&message, "settleDate"));
    unionpay_set(&message, "settleAmt", moved);
    unionpay_set(&message, "settleDate", NULL);
    struct unionpay_state *made = ((struct fake *)*state)->gateway.state;
    struct unionpay_cert *cert = NULL;
    struct err err;
    assert_int_equal(unionpay_trust_take(&made->trust, unionpay_get(&message, "signPubKeyCert"),
                                         created_us(), &cert, &err),
                     0);
    assert_true(unionpay_verify_rsa(&message, cert->key));
    unionpay_trust_give(&made->trust, cert);
    notify_form(&message, &notify);
    assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
}

static void a_stale_notify_is_refused_and_a_replayed_one_is_the_same_event(void **state) {
    struct notify notify;
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY, "up_sign", &notify);
    notify.now_us = created_us() + INT64_C(6) * 24 * 3600 * US_PER_SECOND;
    struct gateway_event event;
    struct err err;
    assert_int_equal(verify(*state, &notify, &event, &err), 0);
    assert_string_equal(event.event_id, ORDER_ID "." CREATED_TIME ".01.00");
    notify.now_us = created_us() + INT64_C(8) * 24 * 3600 * US_PER_SECOND;
    assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    notify.now_us = created_us() - 3600 * US_PER_SECOND;
    assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
}

static void a_signed_notify_that_cannot_be_read_says_so(void **state) {
    static const char *const fields[] = {
        NOTIFY "&txnType=",     NOTIFY "&respCode=",
        NOTIFY "&respCode=000", NOTIFY "&txnType=001",
        NOTIFY "&txnTime=",     NOTIFY "&txnTime=20261321200000",
        NOTIFY "&orderId=",     NOTIFY "&orderId=01234567890123456789012345678901234567890"};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        struct notify notify;
        notify_of(ORDER_ID, CREATED_TIME, fields[i], "up_sign", &notify);
        assert_int_equal(refusal_of(*state, &notify), -ERR_BAD_REQUEST);
    }
}

static void an_amount_in_another_currency_is_not_said(void **state) {
    struct notify notify;
    struct gateway_event event;
    struct err err;
    notify_of(ORDER_ID, CREATED_TIME, NOTIFY "&currencyCode=840", "up_sign", &notify);
    assert_int_equal(verify(*state, &notify, &event, &err), 0);
    assert_int_equal(event.amount_minor, -1);
    assert_string_equal(event.currency.code, "");
}

static void by_secret_key_only_that_key_counts(void **state) {
    struct fake *fake = unionpay_new_by_key();
    struct secret *key = secret_new(KEY, strlen(KEY));
    const struct unionpay_signer signer = {.secure_key = key};
    struct notify notify;
    struct err err;
    UNIONPAY_MESSAGE_AUTO message = {0};
    unionpay_fill(&message, ORDER_ID, CREATED_TIME, NOTIFY);
    assert_int_equal(unionpay_sign(&message, &signer, &err), 0);
    notify_form(&message, &notify);
    assert_int_equal(refusal_of(fake, &notify), 0);
    assert_int_equal(refusal_of(*state, &notify), -ERR_SIGNATURE);
    for (size_t i = 0; i < notify.body_bytes; i++) {
        notify.body[i] ^= 1;
        assert_int_not_equal(refusal_of(fake, &notify), 0);
        notify.body[i] ^= 1;
    }
    unionpay_signed_by(&message, "up_sign");
    notify_form(&message, &notify);
    assert_int_equal(refusal_of(fake, &notify), -ERR_SIGNATURE);
    secret_free(key);
    fake_free(fake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, unionpay_setup, unionpay_teardown)

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        TEST(a_genuine_notify_is_put_into_our_words),
        TEST(each_kind_of_transaction_says_what_it_is_about),
        TEST(what_is_not_signed_by_unionpay_is_refused),
        TEST(the_certificate_of_unionpay_with_the_key_of_another_is_refused),
        TEST(only_a_test_gateway_believes_the_test_signer),
        TEST(every_change_of_one_byte_is_refused),
        TEST(a_truncated_notify_is_refused),
        TEST(fields_cannot_be_added_left_out_or_divided_otherwise),
        TEST(a_stale_notify_is_refused_and_a_replayed_one_is_the_same_event),
        TEST(a_signed_notify_that_cannot_be_read_says_so),
        TEST(an_amount_in_another_currency_is_not_said),
        TEST(by_secret_key_only_that_key_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
