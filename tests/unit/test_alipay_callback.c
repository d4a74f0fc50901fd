/* SPDX-License-Identifier: Apache-2.0
 * test_alipay_callback.c: Alipay's notifies: which are believed, and what they say in our words. */
#include "alipay_fixture.h"

#define NOW_US INT64_C(1795305606000000) /* 2026-11-22 08:00:06 in Beijing */

static const struct alipay_param usual[] = {
    {"notify_time", "2026-11-22 08:00:06"},
    {"notify_type", "trade_status_sync"},
    {"notify_id", "2026112200222080006000000000000001"},
    {"app_id", APP_ID},
    {"charset", "utf-8"},
    {"version", "1.0"},
    {"trade_no", TRADE_NO},
    {"out_trade_no", REFERENCE},
    {"trade_status", "TRADE_SUCCESS"},
    {"total_amount", "10.99"},
    {"buyer_pay_amount", "10.99"},
    {"subject", "测试 & 商品 100%=+"},
    {"body", ""},
    {"gmt_create", "2026-11-22 08:00:01"},
    {"gmt_payment", "2026-11-22 08:00:05"},
    {"seller_id", SELLER_ID},
    {"passback_params", "o%201%26%2B"},
};

enum { NOTIFY_PARAMS_MAX = 24 };

/* A notify that is being put together: the usual one, and what is different about it. */
struct notify {
    struct alipay_param params[NOTIFY_PARAMS_MAX];
    int count;
};

static struct notify notify_of(void) {
    struct notify notify = {.count = COUNT_OF(usual)};
    memcpy(notify.params, usual, sizeof(usual));
    return notify;
}

/* `value` NULL: it is taken out. */
static void set(struct notify *notify, const char *name, const char *value) {
    for (int i = 0; i < notify->count; i++) {
        if (strcmp(notify->params[i].name, name) == 0) {
            notify->params[i].value = value;
            if (value == NULL) {
                notify->params[i] = notify->params[--notify->count];
            }
            return;
        }
    }
    assert_true(value != NULL && notify->count < NOTIFY_PARAMS_MAX);
    notify->params[notify->count++] = (struct alipay_param){name, value};
}

/* Its body, signed with `key`. free() it. */
static char *body_of(const struct notify *notify, const struct rsa_key *key) {
    char *sign = NULL;
    BUF_AUTO body;
    struct err err;
    buf_init(&body, 1 << 16);
    assert_int_equal(alipay_sign(key, notify->params, notify->count, ALIPAY_NOTIFY, &sign, &err),
                     0);
    for (int i = 0; i < notify->count; i++) {
        buf_addf(&body, "%s=", notify->params[i].name);
        buf_add_urlencoded(&body, notify->params[i].value);
        buf_add_char(&body, '&');
    }
    buf_add_text(&body, "sign_type=RSA2&sign=");
    buf_add_urlencoded(&body, sign);
    free(sign);
    return buf_take(&body);
}

static int verify_bytes(struct alipay *alipay, const char *body, size_t count, int64_t now_us,
                        struct gateway_event *event, struct err *err) {
    const struct http_header headers[] = {
        {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
    const struct gateway_callback_request request = {headers, 1, body, count, now_us};
    return alipay_adapter.verify_callback(&alipay->fake->call, &request, event, err);
}

static int verify(struct alipay *alipay, const struct notify *notify, int64_t now_us,
                  struct gateway_event *event, struct err *err) {
    char *body = body_of(notify, alipay->platform);
    int rc = verify_bytes(alipay, body, strlen(body), now_us, event, err);
    free(body);
    return rc;
}

static void a_paid_trade_is_told_with_its_number_and_amount(void **state) {
    struct notify notify = notify_of();
    struct gateway_event event = {0};
    struct err err = {0};
    if (verify(*state, &notify, NOW_US, &event, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_int_equal(event.subject, CALLBACK_PAYMENT);
    assert_int_equal(event.outcome, GW_CHARGED);
    assert_string_equal(event.event_id, "2026112200222080006000000000000001");
    assert_string_equal(event.type, "trade_status_sync.TRADE_SUCCESS");
    assert_string_equal(event.reference, REFERENCE);
    assert_string_equal(event.order_id, "o 1&+");
    assert_string_equal(event.gateway_id, TRADE_NO);
    assert_int_equal(event.amount_minor, 1099);
    assert_string_equal(event.currency.code, "CNY");
    assert_int_equal(event.event_us, NOW_US - US_PER_SECOND);
}

static void every_status_is_one_of_our_outcomes(void **state) {
    static const struct {
        const char *status;
        enum gateway_outcome outcome;
    } rows[] = {
        {"WAIT_BUYER_PAY", GW_ACTION_NEEDED}, {"TRADE_SUCCESS", GW_CHARGED},
        {"TRADE_FINISHED", GW_CHARGED},       {"TRADE_CLOSED", GW_CANCELED},
        {"SOMETHING_NEW", GW_NONE},           {"", GW_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notify notify = notify_of();
        struct gateway_event event = {0};
        struct err err = {0};
        set(&notify, "trade_status", rows[i].status);
        assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), 0);
        assert_int_equal(event.outcome, rows[i].outcome);
        assert_int_equal(event.subject, CALLBACK_PAYMENT);
    }
}

static void a_refund_is_told_by_its_own_number_and_without_an_amount(void **state) {
    struct notify notify = notify_of();
    struct gateway_event event = {0};
    struct err err = {0};
    set(&notify, "out_biz_no", REFUND_REFERENCE);
    set(&notify, "refund_fee", "7.00");
    set(&notify, "gmt_refund", "2026-11-22 08:00:04.123");
    assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), 0);
    assert_int_equal(event.subject, CALLBACK_REFUND);
    assert_int_equal(event.outcome, GW_REFUNDED);
    assert_string_equal(event.reference, REFUND_REFERENCE);
    assert_string_equal(event.gateway_id, TRADE_NO);
    assert_int_equal(event.amount_minor, -1);
    assert_int_equal(event.event_us, NOW_US - 2 * US_PER_SECOND);
}

static void another_kind_of_notify_is_genuine_and_moves_nothing(void **state) {
    struct notify notify = notify_of();
    struct gateway_event event = {0};
    struct err err = {0};
    set(&notify, "notify_type", "servicewindow_notify");
    assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), 0);
    assert_int_equal(event.subject, CALLBACK_OTHER);
    assert_int_equal(event.outcome, GW_NONE);
    assert_string_equal(event.type, "servicewindow_notify");
}

static void the_vector_that_their_sdk_accepted_is_accepted(void **state) {
    struct alipay *alipay = *state;
    char text[VECTOR_BYTES_MAX], sign[VECTOR_BYTES_MAX];
    struct gateway_event event = {0};
    struct err err = {0};
    struct buf body;
    int64_t sent_us = 0;
    (void)vector_read("alipay_notify_signed.txt", text);
    (void)vector_read("alipay_notify_sig.b64", sign);
    buf_init(&body, 1 << 16);
    for (const char *c = text; *c != '\0'; c++) {
        bool blank_near = c[0] == '&' && c[1] == ' ';
        char byte[2] = {*c, '\0'};
        if (blank_near || ((unsigned char)*c >= 0x80) || *c == ' ') {
            buf_add_urlencoded(&body, byte);
        } else {
            buf_add_char(&body, *c);
        }
    }
    buf_add_text(&body, "&sign_type=RSA2&sign=");
    buf_add_urlencoded(&body, sign);
    assert_true(clock_parse_at("2025-01-01 08:00:06", BEIJING_MINUTES, &sent_us));
    if (verify_bytes(alipay, body.data, body.len, sent_us, &event, &err) < 0) {
        fail_msg("%s", err.detail);
    }
    assert_string_equal(event.reference, "T20260101000001");
    assert_int_equal(event.amount_minor, 8888);
    buf_release(&body);
}

/* ---- refused ---- */

static void every_one_byte_change_of_a_notify_is_refused_or_changes_nothing(void **state) {
    struct alipay *alipay = *state;
    struct notify notify = notify_of();
    set(&notify, "body", NULL); /* what is empty is not signed, not even its name */
    char *body = body_of(&notify, alipay->platform);
    size_t count = strlen(body);
    for (size_t at = 0; at < count; at++) {
        for (int bit = 1; bit <= 32; bit *= 32) {
            struct gateway_event event = {0};
            struct err err = {0};
            body[at] = (char)(body[at] ^ bit);
            int rc = verify_bytes(alipay, body, count, NOW_US, &event, &err);
            body[at] = (char)(body[at] ^ bit);
            /* A hexadecimal digit in the other case, as in "%2f", is the same notify. */
            bool same_digit = bit == 32 && at > 0 &&
                              (body[at - 1] == '%' || (at > 1 && body[at - 2] == '%'));
            if (rc != -ERR_SIGNATURE && !same_digit) {
                fail_msg("byte %zu ('%c') was not missed", at, body[at]);
            }
        }
        struct gateway_event event = {0};
        struct err err = {0};
        assert_int_equal(verify_bytes(alipay, body, at, NOW_US, &event, &err), -ERR_SIGNATURE);
    }
    free(body);
}

static void a_stranger_s_signature_and_none_are_refused(void **state) {
    struct alipay *alipay = *state;
    struct notify notify = notify_of();
    struct gateway_event event = {0};
    struct err err = {0};
    char *body = body_of(&notify, alipay->stranger);
    assert_int_equal(verify_bytes(alipay, body, strlen(body), NOW_US, &event, &err),
                     -ERR_SIGNATURE);
    free(body);
    static const char *const cuts[] = {"&sign=", "sign_type=RSA2&"};
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        body = body_of(&notify, alipay->platform);
        char *cut = strstr(body, cuts[i]);
        assert_non_null(cut);
        if (i == 0) {
            *cut = '\0';
        } else {
            memmove(cut, cut + strlen(cuts[i]), strlen(cut + strlen(cuts[i])) + 1);
        }
        assert_int_equal(verify_bytes(alipay, body, strlen(body), NOW_US, &event, &err),
                         -ERR_SIGNATURE);
        free(body);
    }
    assert_int_equal(verify_bytes(alipay, "", 0, NOW_US, &event, &err), -ERR_SIGNATURE);
    assert_int_equal(verify_bytes(alipay, "{\"a\":1}", 7, NOW_US, &event, &err), -ERR_SIGNATURE);
    assert_string_equal(event.event_id, ""); /* untouched */
}

static void a_field_that_is_added_or_given_twice_is_refused(void **state) {
    struct alipay *alipay = *state;
    struct notify notify = notify_of();
    struct gateway_event event = {0};
    struct err err = {0};
    static const char *const more[] = {"&x=1", "&total_amount=99.99", "&trade_status=TRADE_CLOSED",
                                       "&%74otal_amount=99.99"};
    for (size_t i = 0; i < COUNT_OF(more); i++) {
        char *body = body_of(&notify, alipay->platform);
        struct buf longer;
        buf_init(&longer, 1 << 16);
        buf_addf(&longer, "%s%s", body, more[i]);
        assert_int_equal(verify_bytes(alipay, longer.data, longer.len, NOW_US, &event, &err),
                         -ERR_SIGNATURE);
        buf_release(&longer);
        free(body);
    }
}

static void a_notify_for_another_application_or_seller_is_refused(void **state) {
    static const struct {
        const char *name, *value;
    } rows[] = {{"app_id", "2021000122671081"},
                {"app_id", NULL},
                {"seller_id", "2088102146225136"},
                {"seller_id", NULL}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notify notify = notify_of();
        struct gateway_event event = {0};
        struct err err = {0};
        set(&notify, rows[i].name, rows[i].value);
        assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), -ERR_SIGNATURE);
    }
}

static void a_notify_older_than_their_repeats_is_stale(void **state) {
    static const struct {
        int64_t after_s;
        int rc;
    } rows[] = {{0, 0},    {25 * 3600, 0},        {26 * 3600, 0}, {26 * 3600 + 1, -ERR_SIGNATURE},
                {-600, 0}, {-601, -ERR_SIGNATURE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notify notify = notify_of();
        struct gateway_event event = {0};
        struct err err = {0};
        assert_int_equal(
            verify(*state, &notify, NOW_US + rows[i].after_s * US_PER_SECOND, &event, &err),
            rows[i].rc);
    }
    static const char *const times[] = {"", "yesterday", "2026-11-22T08:00:06",
                                        "2026-11-22 08:00:06.1"};
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        struct notify notify = notify_of();
        struct gateway_event event = {0};
        struct err err = {0};
        set(&notify, "notify_time", times[i]);
        assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), -ERR_SIGNATURE);
    }
}

static void a_repeat_has_the_event_id_of_the_first(void **state) {
    struct notify notify = notify_of();
    struct gateway_event first = {0}, second = {0};
    struct err err = {0};
    assert_int_equal(verify(*state, &notify, NOW_US, &first, &err), 0);
    set(&notify, "notify_time", "2026-11-22 08:04:06"); /* should they move it */
    assert_int_equal(verify(*state, &notify, NOW_US + 240 * US_PER_SECOND, &second, &err), 0);
    assert_string_equal(first.event_id, second.event_id);
}

static void what_is_signed_but_unreadable_is_a_bad_request(void **state) {
    static const struct {
        const char *name, *value;
    } rows[] = {{"notify_id", NULL}, {"notify_id", ""}, {"notify_type", NULL}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct notify notify = notify_of();
        struct gateway_event event = {0};
        struct err err = {0};
        set(&notify, rows[i].name, rows[i].value);
        assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), -ERR_BAD_REQUEST);
    }
    /* An amount that is none is not said. */
    struct notify notify = notify_of();
    struct gateway_event event = {0};
    struct err err = {0};
    set(&notify, "total_amount", "10.999");
    assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), 0);
    assert_int_equal(event.amount_minor, -1);
}

static void a_notify_in_gbk_verifies_by_its_bytes(void **state) {
    struct notify notify = notify_of();
    struct gateway_event event = {0};
    struct err err = {0};
    set(&notify, "charset", "gbk");
    set(&notify, "subject", "\xB2\xE2\xCA\xD4");
    assert_int_equal(verify(*state, &notify, NOW_US, &event, &err), 0);
    assert_int_equal(event.outcome, GW_CHARGED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, alipay_setup, alipay_teardown)
        TEST(a_paid_trade_is_told_with_its_number_and_amount),
        TEST(every_status_is_one_of_our_outcomes),
        TEST(a_refund_is_told_by_its_own_number_and_without_an_amount),
        TEST(another_kind_of_notify_is_genuine_and_moves_nothing),
        TEST(the_vector_that_their_sdk_accepted_is_accepted),
        TEST(every_one_byte_change_of_a_notify_is_refused_or_changes_nothing),
        TEST(a_stranger_s_signature_and_none_are_refused),
        TEST(a_field_that_is_added_or_given_twice_is_refused),
        TEST(a_notify_for_another_application_or_seller_is_refused),
        TEST(a_notify_older_than_their_repeats_is_stale),
        TEST(a_repeat_has_the_event_id_of_the_first),
        TEST(what_is_signed_but_unreadable_is_a_bad_request),
        TEST(a_notify_in_gbk_verifies_by_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
