/* SPDX-License-Identifier: Apache-2.0
 * test_standard_webhook.c: webhooks' signatures, against the vector that the Standard Webhooks
 * project publishes. What it must be was computed with another program:
 *   printf %s 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' |
 *     openssl dgst -sha256 -mac HMAC -binary \
 *       -macopt hexkey:$(printf %s MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | base64 -d | xxd -p) | base64
 * and for the second secret, 32 bytes of 'k', the same with hexkey:6b6b…6b. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "net/standard_webhook.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define OTHER_SECRET "whsec_a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
#define OTHER_SIGNATURE "v1,+qNgyReIHqPuR060oMQ+nyzPsJZG+OFv/pI9RG/w4Ts="
enum { NOW_S = 1614265330 };

static struct secret *key_of(const char *text) {
    struct secret *key = NULL;
    struct err err = {0};
    assert_int_equal(standard_webhook_secret_read(text, &key, &err), 0);
    return key;
}

static int verify_at(const char *id, const char *timestamp, const char *signatures,
                     const void *body, size_t body_bytes, int64_t now_s, struct err *err) {
    SECRET_AUTO key = key_of(SECRET);
    const struct secret *keys[] = {key};
    const struct http_header headers[] = {{"Content-Type", "application/json"},
                                          {"Webhook-Signature", signatures},
                                          {"webhook-timestamp", timestamp},
                                          {"WEBHOOK-ID", id}};
    return standard_webhook_verify(keys, 1, headers, COUNT_OF(headers), body, body_bytes, now_s,
                                   err);
}

static int verify(const char *id, const char *timestamp, const char *signatures, const char *body) {
    return verify_at(id, timestamp, signatures, body, strlen(body), NOW_S, NULL);
}

static void test_the_published_vector_is_signed_and_verified(void **state) {
    SECRET_AUTO key = key_of(SECRET);
    const struct secret *keys[] = {key};
    struct standard_webhook webhook;
    assert_int_equal(standard_webhook_sign(keys, 1, ID, NOW_S, BODY, strlen(BODY), &webhook, NULL),
                     0);
    assert_string_equal(webhook.headers[0].name, "webhook-id");
    assert_string_equal(webhook.headers[0].value, ID);
    assert_string_equal(webhook.headers[1].name, "webhook-timestamp");
    assert_string_equal(webhook.headers[1].value, "1614265330");
    assert_string_equal(webhook.headers[2].name, "webhook-signature");
    assert_string_equal(webhook.headers[2].value, SIGNATURE);
    assert_int_equal(verify(ID, "1614265330", SIGNATURE, BODY), 0);
}

static void test_every_change_of_one_byte_is_refused(void **state) {
    static const char *const parts[] = {ID, "1614265330", SIGNATURE, BODY};
    int tried = 0;
    for (size_t p = 0; p < COUNT_OF(parts); p++) {
        for (size_t at = 0; at < strlen(parts[p]); at++) {
            for (int bit = 0; bit < 8; bit++) {
                char changed[128];
                snprintf(changed, sizeof(changed), "%s", parts[p]);
                changed[at] = (char)(changed[at] ^ (1 << bit));
                const char *given[COUNT_OF(parts)];
                memcpy(given, parts, sizeof(parts));
                given[p] = changed;
                int rc = verify_at(given[0], given[1], given[2], given[3], strlen(BODY), NOW_S,
                                   NULL);
                if (rc != -ERR_SIGNATURE) {
                    fail_msg("bit %d of byte %zu of part %zu", bit, at, p);
                }
                tried++;
            }
        }
    }
    assert_int_equal(tried, 8 * (28 + 10 + 47 + 20));
    assert_int_equal(verify(ID, "1614265330", SIGNATURE, BODY " "), -ERR_SIGNATURE);
    assert_int_equal(verify_at(ID, "1614265330", SIGNATURE, BODY, strlen(BODY) - 1, NOW_S, NULL),
                     -ERR_SIGNATURE);
}

struct time_row {
    int64_t now_s;
    int rc;
};

static void test_the_timestamp_must_be_within_five_minutes(void **state) {
    static const struct time_row rows[] = {
        {NOW_S, 0},
        {NOW_S + 300, 0},
        {NOW_S + 301, -ERR_SIGNATURE},
        {NOW_S - 300, 0},
        {NOW_S - 301, -ERR_SIGNATURE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        int rc = verify_at(ID, "1614265330", SIGNATURE, BODY, strlen(BODY), rows[i].now_s, &err);
        assert_int_equal(rc, rows[i].rc);
        assert_string_equal(err.place, rc == 0 ? "" : "webhook-timestamp");
    }
}

struct form_row {
    const char *id, *timestamp, *signatures, *place;
};

static void test_headers_in_another_form_are_refused_by_name(void **state) {
    static const struct form_row rows[] = {
        {"", "1614265330", SIGNATURE, "webhook-id"},
        {"a.b", "1614265330", SIGNATURE, "webhook-id"},
        {"a b", "1614265330", SIGNATURE, "webhook-id"},
        {ID, "", SIGNATURE, "webhook-timestamp"},
        {ID, " 1614265330", SIGNATURE, "webhook-timestamp"},
        {ID, "+1614265330", SIGNATURE, "webhook-timestamp"},
        {ID, "1614265330.0", SIGNATURE, "webhook-timestamp"},
        {ID, "99999999999999999999", SIGNATURE, "webhook-timestamp"},
        {ID, "1614265330", "", "webhook-signature"},
        {ID, "1614265330", " ", "webhook-signature"},
        {ID, "1614265330", "v1", "webhook-signature"},
        {ID, "1614265330", "v1,", "webhook-signature"},
        {ID, "1614265330", SIGNATURE "=", "webhook-signature"},
        {ID, "1614265330", SIGNATURE "," SIGNATURE, "webhook-signature"},
        {ID, "1614265330", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "webhook-signature"},
        {ID, "1614265330", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "webhook-signature"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        const struct form_row *row = &rows[i];
        int rc = verify_at(row->id, row->timestamp, row->signatures, BODY, strlen(BODY), NOW_S,
                           &err);
        assert_int_equal(rc, -ERR_SIGNATURE);
        assert_string_equal(err.place, rows[i].place);
    }
    struct err err = {0};
    assert_int_equal(standard_webhook_verify(NULL, 0, NULL, 0, BODY, strlen(BODY), NOW_S, &err),
                     -ERR_SIGNATURE);
    assert_string_equal(err.place, "webhook-id");
}

static void test_one_of_several_signatures_is_enough(void **state) {
    assert_int_equal(verify(ID, "1614265330", OTHER_SIGNATURE " v1a,x  " SIGNATURE, BODY), 0);
    assert_int_equal(verify(ID, "1614265330", SIGNATURE " " OTHER_SIGNATURE, BODY), 0);
    assert_int_equal(verify(ID, "1614265330", OTHER_SIGNATURE " v1a,x", BODY), -ERR_SIGNATURE);
    char many[2048] = "";
    for (int i = 0; i < STANDARD_WEBHOOK_SIGNATURES_MAX; i++) {
        snprintf(many + strlen(many), sizeof(many) - strlen(many), "v1,x ");
    }
    snprintf(many + strlen(many), sizeof(many) - strlen(many), "%s", SIGNATURE);
    assert_int_equal(verify(ID, "1614265330", many, BODY), -ERR_SIGNATURE);
    assert_int_equal(verify(ID, "1614265330", many + strlen("v1,x "), BODY), 0);
}

static void test_a_rotated_secret_signs_beside_the_old_one(void **state) {
    SECRET_AUTO old_key = key_of(SECRET);
    SECRET_AUTO new_key = key_of(OTHER_SECRET);
    const struct secret *both[] = {old_key, new_key};
    const struct secret *only_new[] = {new_key};
    struct standard_webhook webhook;
    assert_int_equal(standard_webhook_sign(both, 2, ID, NOW_S, BODY, strlen(BODY), &webhook, NULL),
                     0);
    assert_string_equal(webhook.signatures, SIGNATURE " " OTHER_SIGNATURE);
    assert_int_equal(standard_webhook_verify(only_new, 1, webhook.headers, STANDARD_WEBHOOK_HEADERS,
                                             BODY, strlen(BODY), NOW_S, NULL),
                     0);
    const struct http_header old_only[] = {
        {"webhook-id", ID}, {"webhook-timestamp", "1614265330"}, {"webhook-signature", SIGNATURE}};
    int rc = standard_webhook_verify(only_new, 1, old_only, 3, BODY, strlen(BODY), NOW_S, NULL);
    assert_int_equal(rc, -ERR_SIGNATURE);
    rc = standard_webhook_verify(both, 2, old_only, 3, BODY, strlen(BODY), NOW_S, NULL);
    assert_int_equal(rc, 0);
}

static void test_four_secrets_fit_in_one_delivery(void **state) {
    SECRET_AUTO key = key_of(SECRET);
    const struct secret *keys[STANDARD_WEBHOOK_SECRETS_MAX] = {key, key, key, key};
    struct standard_webhook webhook;
    assert_int_equal(standard_webhook_sign(keys, STANDARD_WEBHOOK_SECRETS_MAX, ID, NOW_S, BODY,
                                           strlen(BODY), &webhook, NULL),
                     0);
    assert_string_equal(webhook.signatures, SIGNATURE " " SIGNATURE " " SIGNATURE " " SIGNATURE);
}

static void test_an_id_that_could_move_a_boundary_is_not_signed(void **state) {
    SECRET_AUTO key = key_of(SECRET);
    const struct secret *keys[] = {key};
    struct standard_webhook webhook = {.id = "as it was"};
    char longest[STANDARD_WEBHOOK_ID_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    longest[STANDARD_WEBHOOK_ID_MAX] = '\0';
    const char *const bad[] = {"", "a.1", "a b", "a\n", "\xc3\xa4", longest};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(standard_webhook_sign(keys, 1, bad[i], NOW_S, "", 0, &webhook, NULL),
                         -ERR_VALIDATION);
    }
    assert_string_equal(webhook.id, "as it was");
    longest[STANDARD_WEBHOOK_ID_MAX - 1] = '\0';
    assert_int_equal(standard_webhook_sign(keys, 1, longest, NOW_S, "", 0, &webhook, NULL), 0);
}

static void test_secrets_are_read_in_their_one_form(void **state) {
    static const char *const bad[] = {"",
                                      "whsec_",
                                      "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
                                      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
                                      "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                      "whsec_plJ3nmyCDGBKInavdOK15jsl" /* 18 bytes */};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct secret *key = NULL;
        struct err err = {0};
        assert_int_equal(standard_webhook_secret_read(bad[i], &key, &err), -ERR_VALIDATION);
        assert_null(key);
        assert_null(strstr(err.detail, "MfKQ"));
    }
    unsigned char bytes[STANDARD_WEBHOOK_KEY_BYTES_MAX + 1] = {0};
    for (size_t count = STANDARD_WEBHOOK_KEY_BYTES_MIN - 1; count <= sizeof(bytes); count++) {
        char text[128];
        char *base64 = crypto_base64(bytes, count);
        snprintf(text, sizeof(text), "whsec_%s", base64);
        free(base64);
        struct secret *key = NULL;
        bool fits = count >= STANDARD_WEBHOOK_KEY_BYTES_MIN &&
                    count <= STANDARD_WEBHOOK_KEY_BYTES_MAX;
        int rc = standard_webhook_secret_read(text, &key, NULL);
        assert_int_equal(rc, fits ? 0 : -ERR_VALIDATION);
        secret_free(key);
    }
}

static void test_new_secrets_can_be_read_and_differ(void **state) {
    char one[STANDARD_WEBHOOK_SECRET_TEXT_MAX], two[STANDARD_WEBHOOK_SECRET_TEXT_MAX];
    standard_webhook_secret_make(one);
    standard_webhook_secret_make(two);
    assert_string_not_equal(one, two);
    SECRET_AUTO key = key_of(one);
    assert_int_equal(secret_count(key), STANDARD_WEBHOOK_KEY_BYTES_NEW);
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_vector_is_signed_and_verified),
        cmocka_unit_test(test_every_change_of_one_byte_is_refused),
        cmocka_unit_test(test_the_timestamp_must_be_within_five_minutes),
        cmocka_unit_test(test_headers_in_another_form_are_refused_by_name),
        cmocka_unit_test(test_one_of_several_signatures_is_enough),
        cmocka_unit_test(test_a_rotated_secret_signs_beside_the_old_one),
        cmocka_unit_test(test_four_secrets_fit_in_one_delivery),
        cmocka_unit_test(test_an_id_that_could_move_a_boundary_is_not_signed),
        cmocka_unit_test(test_secrets_are_read_in_their_one_form),
        cmocka_unit_test(test_new_secrets_can_be_read_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
