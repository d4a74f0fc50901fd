/* SPDX-License-Identifier: Apache-2.0
 * test_unionpay_message.c: how UnionPay's messages are read, written and signed, and whose
 * certificates are believed. */
#include "unionpay_fixture.h"

#include "base/random.h"

static int read_raw(struct unionpay_message *message, const char *text) {
    struct err err;
    return unionpay_message_read(message, text, strlen(text), UNIONPAY_MESSAGE_BYTES_MAX, &err);
}

static int read_form(struct unionpay_message *message, const char *text) {
    struct err err;
    return unionpay_message_read_form(message, text, strlen(text), UNIONPAY_MESSAGE_BYTES_MAX,
                                      &err);
}

/* ---- reading and writing ---- */

static void an_answer_is_divided_where_no_bracket_is_open(void **state) {
    static const struct {
        const char *text, *name, *value;
        int count;
    } good[] = {
        {"a=1&b=2", "b", "2", 2},
        {"{a=1&b=2}", "a", "1", 2},
        {"a=1&b=2\r\n", "b", "2\r\n", 2}, /* it is in what was signed */
        {"reserved={a=b&c=d}&z=1", "reserved", "{a=b&c=d}", 2},
        {"r=[x&y]&z=1", "r", "[x&y]", 2},
        {"r={a=[1&2]&b={c&d}}&z=1", "r", "{a=[1&2]&b={c&d}}", 2},
        {"{r={a&b}&z=1}", "z", "1", 2},
        {"sig=abc==&z=1", "sig", "abc==", 2},
        {"m=\u6210\u529f[0000000]&z=1", "m", "\u6210\u529f[0000000]", 2},
        {"c=-----BEGIN-----\r\nMII=\r\n-----END-----&z=1", "c",
         "-----BEGIN-----\r\nMII=\r\n-----END-----", 2},
        {"a=&b=2", "a", "", 2},
        {"a=x]&b=2", "a", "x]", 2},
        {"a={x]}&b=2", "a", "{x]}", 2},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        UNIONPAY_MESSAGE_AUTO message = {0};
        if (read_raw(&message, good[i].text) != 0) {
            fail_msg("refused: %s", good[i].text);
        }
        assert_int_equal(message.count, good[i].count);
        assert_field(&message, good[i].name, good[i].value);
        assert_true(unionpay_message_is_plain(&message));
    }
}

static void what_is_no_message_is_refused(void **state) {
    static const char *const bad[] = {
        "",       "{}",      "a",          "a=1&",       "&a=1",      "=1",
        "a=1&b",  "a=1&a=2", "a={b",       "a=[b&c=1",   "a={[}&b=2", "a b=1",
        "{a=1",   "a-b=1",   "a=\x01&b=1", "a=\xFF\xFE", "a=1&&b=2",  "a={{{{{{{{{1}}}}}}}}}",
        "a=\x7F", "{a=1}\n"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        UNIONPAY_MESSAGE_AUTO message = {0};
        if (read_raw(&message, bad[i]) != -ERR_BAD_REQUEST) {
            fail_msg("let in: %s", bad[i]);
        }
        assert_int_equal(message.count, 0);
        assert_null(message.text);
    }
    struct err err;
    UNIONPAY_MESSAGE_AUTO message = {0};
    assert_int_equal(unionpay_message_read(&message, "a=1\0b", 5, 100, &err), -ERR_BAD_REQUEST);
    assert_int_equal(unionpay_message_read(&message, "a=123456", 8, 7, &err), -ERR_TOO_LARGE);
    char many[2048] = "";
    for (int i = 0; i <= UNIONPAY_FIELDS_MAX; i++) {
        size_t used = strlen(many);
        snprintf(many + used, sizeof(many) - used, "%sf%d=1", i > 0 ? "&" : "", i);
    }
    assert_int_equal(read_raw(&message, many), -ERR_TOO_LARGE);
    char name[64] = "abcdefghijklmnopqrstuvwxyz0123456=1";
    assert_int_equal(read_raw(&message, name), -ERR_BAD_REQUEST);
}

static void a_form_is_decoded_once(void **state) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    assert_int_equal(read_form(&message, "a=%7Bx%26y%3D1%7D&b=1+2%2B3&c=%2541&d="), 0);
    assert_field(&message, "a", "{x&y=1}");
    assert_field(&message, "b", "1 2+3");
    assert_field(&message, "c", "%41");
    assert_field(&message, "d", "");
    assert_int_equal(message.count, 4);
    static const char *const bad[] = {"a=%",    "a=%4",  "a=%00", "a=%zz",    "a",
                                      "a=1&",   "=1",    "&a=1",  "a=1&a=2",  "%61=1&a=2",
                                      "a%3D=1", "a=%FF", "a=%01", "a=1&&b=2", ""};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        UNIONPAY_MESSAGE_AUTO other = {0};
        if (read_form(&other, bad[i]) != -ERR_BAD_REQUEST) {
            fail_msg("let in: %s", bad[i]);
        }
    }
}

static void the_text_that_is_signed_is_in_the_order_of_names(void **state) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    BUF_AUTO base;
    buf_init(&base, 1000);
    unionpay_set(&message, "txnType", "01");
    unionpay_set(&message, "Zebra", "z");
    unionpay_set(&message, "signature", "not in it");
    unionpay_set(&message, "accessType", "0");
    unionpay_set(&message, "backUrl", "https://x.example/?a=1&b=2");
    unionpay_set(&message, "empty", "");
    unionpay_set(&message, "txnType", "02");
    unionpay_message_base(&message, &base);
    assert_string_equal(base.data,
                        "Zebra=z&accessType=0&backUrl=https://x.example/?a=1&b=2&txnType=02");
    assert_false(unionpay_message_is_plain(&message));
    unionpay_set(&message, "backUrl", "https://x.example/?a=[1");
    assert_false(unionpay_message_is_plain(&message));
    unionpay_set(&message, "backUrl", NULL);
    assert_true(unionpay_message_is_plain(&message));
    assert_string_equal(unionpay_get(&message, "backUrl"), "");
}

static void what_is_written_is_read_as_it_was(void **state) {
    UNIONPAY_MESSAGE_AUTO message = {0};
    UNIONPAY_MESSAGE_AUTO by_form = {0};
    UNIONPAY_MESSAGE_AUTO by_text = {0};
    BUF_AUTO form;
    BUF_AUTO text;
    buf_init(&form, 4000);
    buf_init(&text, 4000);
    unionpay_fill(&message, ORDER_ID, CREATED_TIME, "");
    unionpay_set(&message, "reserved", "{a=b&c=[d&e]}");
    unionpay_set(&message, "odd", "+ %41 = \r\n ~");
    unionpay_message_form(&message, &form);
    unionpay_message_raw(&message, &text);
    assert_int_equal(read_form(&by_form, form.data), 0);
    assert_int_equal(read_raw(&by_text, text.data), 0);
    assert_int_equal(by_form.count, message.count);
    assert_int_equal(by_text.count, message.count);
    for (int i = 0; i < message.count; i++) {
        assert_field(&by_form, message.fields[i].name, message.fields[i].value);
        assert_field(&by_text, message.fields[i].name, message.fields[i].value);
    }
}

/* ---- signatures ---- */

static void the_vector_is_signed_again_byte_for_byte(void **state) {
    char base[VECTOR_BYTES_MAX], digest[VECTOR_BYTES_MAX], signature[VECTOR_BYTES_MAX];
    char hex[SHA256_HEX_CHARS + 1], cert_pem[VECTOR_BYTES_MAX], cert_id[UNIONPAY_CERT_ID_MAX];
    UNIONPAY_MESSAGE_AUTO message = {0};
    struct err err;
    (void)vector_read("unionpay_req_base.txt", base);
    (void)vector_read("unionpay_req_digest.txt", digest);
    (void)vector_read("unionpay_req_sig.b64", signature);
    assert_int_equal(read_raw(&message, base), 0);
    unionpay_digest(&message, hex);
    assert_string_equal(hex, digest);
    struct x509_cert *cert = NULL;
    struct rsa_key *public_key = NULL;
    struct rsa_key *key = unionpay_key("merchant.key.pem");
    size_t count = vector_read("merchant.crt.pem", cert_pem);
    assert_int_equal(x509_cert_read(cert_pem, count, &cert, &err), 0);
    unionpay_cert_id(cert, cert_id);
    assert_field(&message, "certId", cert_id);
    const struct unionpay_signer signer = {.key = key, .cert_id = cert_id};
    assert_int_equal(unionpay_sign(&message, &signer, &err), 0);
    assert_field(&message, "signature", signature);
    assert_int_equal(x509_cert_key(cert, &public_key, &err), 0);
    assert_true(unionpay_verify_rsa(&message, public_key));
    /* Hashed once only, it is another signature. */
    char *once = NULL;
    assert_int_equal(rsa_sign_sha256(key, base, strlen(base), &once, &err), 0);
    unionpay_set(&message, "signature", once);
    assert_false(unionpay_verify_rsa(&message, public_key));
    free(once);
    unionpay_set(&message, "signature", NULL);
    assert_false(unionpay_verify_rsa(&message, public_key));
    /* Signed so, but it says that it is signed otherwise. */
    char *twice = NULL;
    unionpay_set(&message, "signMethod", "12");
    unionpay_digest(&message, hex);
    assert_int_equal(rsa_sign_sha256(key, hex, SHA256_HEX_CHARS, &twice, &err), 0);
    unionpay_set(&message, "signature", twice);
    assert_false(unionpay_verify_rsa(&message, public_key));
    free(twice);
    x509_cert_free(cert);
    rsa_key_free(public_key);
    rsa_key_free(key);
}

static void the_vector_of_the_secret_key_is_made_again(void **state) {
    char base[VECTOR_BYTES_MAX], signature[VECTOR_BYTES_MAX];
    UNIONPAY_MESSAGE_AUTO message = {0};
    struct err err;
    struct secret *key = secret_new(KEY, strlen(KEY));
    struct secret *other = secret_new(KEY "x", strlen(KEY) + 1);
    (void)vector_read("unionpay_m11_base.txt", base);
    (void)vector_read("unionpay_m11_sig.txt", signature);
    assert_int_equal(read_raw(&message, base), 0);
    const struct unionpay_signer signer = {.secure_key = key};
    assert_int_equal(unionpay_sign(&message, &signer, &err), 0);
    assert_field(&message, "signature", signature);
    assert_field(&message, "certId", "");
    assert_true(unionpay_verify_key(&message, key));
    assert_false(unionpay_verify_key(&message, other));
    unionpay_set(&message, "orderId", "T20260101000002");
    assert_false(unionpay_verify_key(&message, key));
    unionpay_set(&message, "orderId", "T20260101000001");
    assert_true(unionpay_verify_key(&message, key));
    unionpay_set(&message, "signature", "d9e9");
    assert_false(unionpay_verify_key(&message, key));
    secret_free(key);
    secret_free(other);
}

static void a_serial_number_is_said_in_decimal(void **state) {
    static const struct {
        const char *file, *id;
    } certs[] = {
        {"merchant.crt.pem", "170518961404394360138998218675655307300760402572"},
        {"up_sign.crt.pem", "69026276696"},
        {"up_mid.crt.pem", "4097"},
    };
    for (size_t i = 0; i < COUNT_OF(certs); i++) {
        char pem[VECTOR_BYTES_MAX], id[UNIONPAY_CERT_ID_MAX];
        struct x509_cert *cert = NULL;
        struct err err;
        size_t count = vector_read(certs[i].file, pem);
        assert_int_equal(x509_cert_read(pem, count, &cert, &err), 0);
        unionpay_cert_id(cert, id);
        assert_string_equal(id, certs[i].id);
        x509_cert_free(cert);
    }
}

static void times_are_beijings(void **state) {
    char text[UNIONPAY_TIME_MAX];
    int64_t us = 0;
    unionpay_time(created_us(), text);
    assert_string_equal(text, CREATED_TIME);
    unionpay_time(created_us() + 999999, text);
    assert_string_equal(text, CREATED_TIME);
    unionpay_time(created_us() + 4 * 3600 * US_PER_SECOND, text);
    assert_string_equal(text, "20261122000000");
    assert_true(unionpay_time_read(CREATED_TIME, &us));
    assert_int_equal(us, created_us());
    static const char *const bad[] = {"",
                                      "2026112120000",
                                      "202611212000000",
                                      "20261321200000",
                                      "2026112120000x",
                                      "20261121250000",
                                      "20260229000000",
                                      "-0261121200000"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(unionpay_time_read(bad[i], &us));
    }
    assert_int_equal(us, created_us());
}

/* ---- certificates ---- */

static int take(struct unionpay_trust *trust, const char *file, int64_t now_us) {
    char pem[VECTOR_BYTES_MAX];
    struct unionpay_cert *cert = NULL;
    struct err err;
    (void)vector_read(file, pem);
    int rc = unionpay_trust_take(trust, pem, now_us, &cert, &err);
    if (rc == 0) {
        assert_non_null(cert->key);
        unionpay_trust_give(trust, cert);
    }
    return rc;
}

static void trust_of(struct unionpay_trust *trust, const char *root, const char *middle,
                     bool test) {
    char root_pem[VECTOR_BYTES_MAX], middle_pem[VECTOR_BYTES_MAX];
    (void)vector_read(root, root_pem);
    (void)vector_read(middle, middle_pem);
    unionpay_trust_init(trust, root_pem, middle_pem, test);
}

static void only_unionpays_own_certificate_is_believed(void **state) {
    for (int test = 0; test < 2; test++) {
        struct unionpay_trust trust;
        trust_of(&trust, "up_root.crt.pem", "up_mid.crt.pem", test == 1);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(take(&trust, "up_company.crt.pem", created_us()), 0);
            assert_int_equal(take(&trust, "up_sign.crt.pem", created_us()),
                             test == 1 ? 0 : -ERR_SIGNATURE);
            assert_int_equal(take(&trust, "up_wrong_name.crt.pem", created_us()), -ERR_SIGNATURE);
            assert_int_equal(take(&trust, "up_expired.crt.pem", created_us()), -ERR_SIGNATURE);
            assert_int_equal(take(&trust, "up_stranger.crt.pem", created_us()), -ERR_SIGNATURE);
            assert_int_equal(take(&trust, "merchant.crt.pem", created_us()), -ERR_SIGNATURE);
            assert_int_equal(take(&trust, "up_mid.crt.pem", created_us()), -ERR_SIGNATURE);
            assert_int_equal(take(&trust, "unionpay_req_base.txt", created_us()), -ERR_SIGNATURE);
        }
        unionpay_trust_release(&trust);
    }
}

static void a_chain_that_does_not_end_at_the_root_is_refused(void **state) {
    struct unionpay_trust trust;
    trust_of(&trust, "up_stranger.crt.pem", "up_mid.crt.pem", true);
    assert_int_equal(take(&trust, "up_company.crt.pem", created_us()), -ERR_SIGNATURE);
    unionpay_trust_release(&trust);
    trust_of(&trust, "up_root.crt.pem", "up_stranger.crt.pem", true);
    assert_int_equal(take(&trust, "up_company.crt.pem", created_us()), -ERR_SIGNATURE);
    unionpay_trust_release(&trust);
}

static void a_certificate_that_was_believed_is_not_when_it_has_expired(void **state) {
    struct unionpay_trust trust;
    int64_t in_2020 = 0, in_2022 = 0, in_2019 = 0;
    assert_true(clock_parse("2020-06-01T00:00:00Z", &in_2020));
    assert_true(clock_parse("2022-06-01T00:00:00Z", &in_2022));
    assert_true(clock_parse("2019-06-01T00:00:00Z", &in_2019));
    trust_of(&trust, "up_root.crt.pem", "up_mid.crt.pem", true);
    assert_int_equal(take(&trust, "up_expired.crt.pem", in_2020), 0);
    assert_int_equal(take(&trust, "up_expired.crt.pem", in_2022), -ERR_SIGNATURE);
    assert_int_equal(take(&trust, "up_expired.crt.pem", in_2020), 0);
    assert_int_equal(take(&trust, "up_expired.crt.pem", in_2019), -ERR_SIGNATURE);
    unionpay_trust_release(&trust);
}

static void the_name_counts_by_its_third_part(void **state) {
    static const struct {
        const char *name;
        bool real, test;
    } names[] = {
        {"041@Z2015-11-11@" UNIONPAY_COMPANY "@00000001", true, true},
        {"041@Z2015-11-11@" UNIONPAY_COMPANY, true, true},
        {"041@Z2015-11-11@00040000:SIGN@00000001", false, true},
        {"041@" UNIONPAY_COMPANY "@TEST@1", false, false},
        {UNIONPAY_COMPANY, false, false},
        {"041@x@" UNIONPAY_COMPANY " Ltd@1", false, false},
        {"041@x@ " UNIONPAY_COMPANY "@1", false, false},
        {"041@x@00040000:SIGNED@1", false, false},
        {"041@x@@1", false, false},
        {"041@x", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(unionpay_name_ok(names[i].name, false), names[i].real);
        assert_int_equal(unionpay_name_ok(names[i].name, true), names[i].test);
    }
}

int main(void) {
    crypto_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_divided_where_no_bracket_is_open),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(a_form_is_decoded_once),
        cmocka_unit_test(the_text_that_is_signed_is_in_the_order_of_names),
        cmocka_unit_test(what_is_written_is_read_as_it_was),
        cmocka_unit_test(the_vector_is_signed_again_byte_for_byte),
        cmocka_unit_test(the_vector_of_the_secret_key_is_made_again),
        cmocka_unit_test(a_serial_number_is_said_in_decimal),
        cmocka_unit_test(times_are_beijings),
        cmocka_unit_test(only_unionpays_own_certificate_is_believed),
        cmocka_unit_test(a_chain_that_does_not_end_at_the_root_is_refused),
        cmocka_unit_test(a_certificate_that_was_believed_is_not_when_it_has_expired),
        cmocka_unit_test(the_name_counts_by_its_third_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
