/* SPDX-License-Identifier: Apache-2.0
 * test_alipay_sign.c: RSA2 over parameters and raw objects, forms, keys and certificates. */
#include "alipay_fixture.h"

static struct rsa_key *public_key(const char *name) {
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct err err;
    size_t count = vector_read(name, pem);
    assert_int_equal(rsa_key_public(pem, count, &key, &err), 0);
    return key;
}

/* The parameters of a vector's signed text, which holds none of '&' but between two of them and in
 * " & ". */
static int split(char *text, struct alipay_param params[ALIPAY_PARAMS_MAX]) {
    int count = 0;
    for (char *at = text; at != NULL;) {
        char *next = strchr(at, '&');
        while (next != NULL && next[1] == ' ') {
            next = strchr(next + 1, '&');
        }
        if (next != NULL) {
            *next++ = '\0';
        }
        char *equals = strchr(at, '=');
        assert_non_null(equals);
        *equals = '\0';
        params[count++] = (struct alipay_param){at, equals + 1};
        at = next;
    }
    return count;
}

static const struct {
    const char *text, *sign, *key;
    enum alipay_signed kind;
} vectors[] = {
    {"alipay_req_signed.txt", "alipay_req_sig.b64", "merchant", ALIPAY_REQUEST},
    {"alipay_notify_signed.txt", "alipay_notify_sig.b64", "platform", ALIPAY_NOTIFY},
};

static void parameters_in_any_order_give_the_vectors_text_and_signature(void **state) {
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        char text[VECTOR_BYTES_MAX], parts[VECTOR_BYTES_MAX], sign[VECTOR_BYTES_MAX], name[64];
        struct alipay_param params[ALIPAY_PARAMS_MAX];
        struct buf made;
        char *made_sign = NULL;
        struct err err;
        (void)vector_read(vectors[i].text, text);
        (void)vector_read(vectors[i].text, parts);
        (void)vector_read(vectors[i].sign, sign);
        int count = split(parts, params);
        for (int k = 0; k < count / 2; k++) { /* the other way round */
            struct alipay_param kept = params[k];
            params[k] = params[count - 1 - k];
            params[count - 1 - k] = kept;
        }
        params[count++] = (struct alipay_param){"sign", sign};
        params[count++] = (struct alipay_param){"empty", ""};
        if (vectors[i].kind == ALIPAY_NOTIFY) {
            params[count++] = (struct alipay_param){"sign_type", "RSA2"};
        }
        buf_init(&made, ALIPAY_TEXT_BYTES_MAX);
        alipay_signed_text(params, count, vectors[i].kind, &made);
        assert_string_equal(made.data, text);
        buf_release(&made);
        snprintf(name, sizeof(name), "%s.key.pem", vectors[i].key);
        struct rsa_key *key = alipay_test_key(name);
        assert_int_equal(alipay_sign(key, params, count, vectors[i].kind, &made_sign, &err), 0);
        assert_string_equal(made_sign, sign);
        free(made_sign);
        rsa_key_free(key);
    }
}

static void every_one_byte_change_of_a_signed_message_is_refused(void **state) {
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        char text[VECTOR_BYTES_MAX], sign[VECTOR_BYTES_MAX], name[64];
        size_t text_bytes = vector_read(vectors[i].text, text);
        size_t sign_bytes = vector_read(vectors[i].sign, sign);
        snprintf(name, sizeof(name), "%s.pub.pem", vectors[i].key);
        struct rsa_key *key = public_key(name);
        assert_true(rsa_verify_sha256(key, text, text_bytes, sign));
        for (size_t at = 0; at < text_bytes; at++) {
            text[at] ^= 1;
            assert_false(rsa_verify_sha256(key, text, text_bytes, sign));
            text[at] ^= 1;
            assert_false(rsa_verify_sha256(key, text, at, sign)); /* its end is missing */
        }
        for (size_t at = 0; at < sign_bytes; at++) {
            sign[at] = sign[at] == 'A' ? 'B' : 'A';
            assert_false(rsa_verify_sha256(key, text, text_bytes, sign));
            (void)vector_read(vectors[i].sign, sign);
        }
        rsa_key_free(key);
    }
}

static void an_answers_signature_is_over_its_raw_bytes_escapes_kept(void **state) {
    char body[VECTOR_BYTES_MAX], inner[VECTOR_BYTES_MAX], sign[VECTOR_BYTES_MAX];
    const char *raw = NULL;
    size_t raw_bytes = 0;
    size_t body_bytes = vector_read("alipay_rsp_body.json", body);
    size_t inner_bytes = vector_read("alipay_rsp_signed.txt", inner);
    (void)vector_read("alipay_rsp_sig.b64", sign);
    assert_non_null(strstr(inner, "\\/"));
    assert_true(
        alipay_raw_member(body, body_bytes, "alipay_trade_precreate_response", &raw, &raw_bytes));
    assert_int_equal(raw_bytes, inner_bytes);
    assert_memory_equal(raw, inner, inner_bytes);
    struct rsa_key *key = public_key("platform.pub.pem");
    assert_true(rsa_verify_sha256(key, raw, raw_bytes, sign));
    rsa_key_free(key);
}

static void a_raw_member_is_cut_where_the_object_ends(void **state) {
    static const struct {
        const char *json, *name, *raw; /* raw NULL: there is none */
    } rows[] = {
        {"{\"a\":{\"b\":1}}", "a", "{\"b\":1}"},
        {" { \"x\" : [ 1 , {} ] , \"a\" : { } } ", "a", "{ }"},
        {"{\"a\":\"}{\\\"]\",\"b\":{\"a\":2}}", "b", "{\"a\":2}"},
        {"{\"a\":\"}{\\\"]\"}", "a", "\"}{\\\"]\""},
        {"{\"b\":{\"a\":{\"c\":3}}}", "a", NULL},
        {"{\"a\":{\"c\":\"\\\\\"},\"b\":{}}", "b", "{}"},
        {"{\"x\":-1.5e3,\"y\":true,\"a\":[[]]}", "a", "[[]]"},
        {"{\"a\":{}", "b", NULL},
        {"{\"a\":{", "a", NULL},
        {"{\"a\":\"", "a", NULL},
        {"{\"a\"", "a", NULL},
        {"[\"a\"]", "a", NULL},
        {"", "a", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *raw = NULL;
        size_t raw_bytes = 0;
        bool found = alipay_raw_member(rows[i].json, strlen(rows[i].json), rows[i].name, &raw,
                                       &raw_bytes);
        assert_int_equal(found, rows[i].raw != NULL);
        if (found) {
            assert_int_equal(raw_bytes, strlen(rows[i].raw));
            assert_memory_equal(raw, rows[i].raw, raw_bytes);
        }
    }
}

static void forms_are_decoded_once_and_refused_when_they_are_ambiguous(void **state) {
    struct alipay_form form = {0};
    struct err err;
    static const char good[] = "a=1+2%26%e4%B8%AD&b=&&c&d=%2541";
    assert_int_equal(alipay_form_read(&form, good, strlen(good), &err), 0);
    assert_int_equal(form.count, 4);
    assert_string_equal(alipay_form_get(&form, "a"), "1 2&中");
    assert_string_equal(alipay_form_get(&form, "b"), "");
    assert_string_equal(alipay_form_get(&form, "c"), "");
    assert_string_equal(alipay_form_get(&form, "d"), "%41");
    alipay_form_release(&form);
    static const char *const bad[] = {"a=1&a=2", "a=%",   "a=%4", "a=%4g", "a=%00",
                                      "=1",      "%00=1", "a%",   "a&a",   "a=%2"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (alipay_form_read(&form, bad[i], strlen(bad[i]), &err) != -ERR_BAD_REQUEST) {
            fail_msg("%s", bad[i]);
        }
        alipay_form_release(&form);
    }
    struct buf many;
    buf_init(&many, 4096);
    for (int i = 0; i <= ALIPAY_PARAMS_MAX; i++) {
        buf_addf(&many, "p%d=1&", i);
    }
    assert_int_equal(alipay_form_read(&form, many.data, many.len, &err), -ERR_BAD_REQUEST);
    alipay_form_release(&form);
    buf_release(&many);
}

/* Keys and certificates. */

static void certificates_are_named_as_the_sdk_names_them(void **state) {
    char pem[VECTOR_BYTES_MAX], bundle[2 * VECTOR_BYTES_MAX + 2], other[VECTOR_BYTES_MAX];
    char sn[MD5_HEX_CHARS + 1], root_sn[ALIPAY_ROOT_SN_CHARS_MAX + 1];
    struct err err;
    size_t count = vector_read("merchant.crt.pem", pem);
    assert_int_equal(alipay_cert_sn(pem, count, sn, &err), 0);
    assert_string_equal(sn, CERT_SN_MERCHANT);
    (void)vector_read("platform.crt.pem", other);
    snprintf(bundle, sizeof(bundle), "%s\n%s\n", pem, other);
    assert_int_equal(alipay_root_cert_sn(bundle, strlen(bundle), root_sn, &err), 0);
    assert_string_equal(root_sn, CERT_SN_MERCHANT "_" CERT_SN_PLATFORM);
    assert_int_equal(alipay_cert_sn("no certificate", 14, sn, &err), -ERR_CRYPTO);
}

static int opened(struct fake *fake, struct err *err) {
    int rc = alipay_adapter.open(&fake->gateway, err);
    alipay_adapter.close(&fake->gateway);
    fake_free(fake);
    return rc;
}

static void what_is_missing_or_wrong_in_the_configuration_is_refused(void **state) {
    struct err err = {0};
    struct fake *fake = alipay_account(false);
    assert_int_equal(opened(fake, &err), 0);
    static const struct {
        const char *option, *value;
    } options[] = {{"mode", "sandbox"}, {"app_id", "x"}, {"seller_id", "2088x"}};
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        fake = alipay_account(false);
        fake->gateway.option_count = 0;
        fake_option(fake, options[i].option, options[i].value);
        fake_option(fake, "app_id", APP_ID);
        assert_int_equal(opened(fake, &err), -ERR_CONFIG);
    }
    fake = alipay_account(false);
    fake_credential(fake, "api_key", "x");
    assert_int_equal(opened(fake, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.detail, "api_key"));
    static const char *const bad[] = {"private_key", "alipay_public_key"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        fake = alipay_account(false);
        struct gateway_credential *credential = &fake->gateway.credentials[i];
        assert_string_equal(credential->name, bad[i]);
        secret_free(credential->value);
        credential->value = secret_new("TUlJ", 4);
        assert_int_equal(opened(fake, &err), -ERR_CONFIG);
        assert_non_null(strstr(err.detail, bad[i]));
        assert_null(strstr(err.detail, "TUlJ"));
    }
}

/* The base 64 between a PEM text's lines, on one line: as Alipay's console shows a key. */
static void bare(const char *vector, char text[VECTOR_BYTES_MAX]) {
    char pem[VECTOR_BYTES_MAX];
    size_t used = 0;
    (void)vector_read(vector, pem);
    const char *at = strchr(pem, '\n');
    const char *end = strstr(pem, "-----END");
    for (; at < end; at++) {
        if (*at != '\n') {
            text[used++] = *at;
        }
    }
    text[used] = '\0';
}

static void keys_may_be_given_as_alipays_console_shows_them(void **state) {
    static const char *const private_keys[] = {"merchant.key.pem", "merchant.key.pkcs1.pem"};
    for (size_t i = 0; i < COUNT_OF(private_keys); i++) {
        char text[VECTOR_BYTES_MAX];
        struct fake *fake = alipay_account(false);
        struct err err = {0};
        fake->gateway.credential_count = 0;
        secret_free(fake->gateway.credentials[0].value);
        secret_free(fake->gateway.credentials[1].value);
        bare(private_keys[i], text);
        fake_credential(fake, "private_key", text);
        bare("platform.pub.pem", text);
        fake_credential(fake, "alipay_public_key", text);
        if (opened(fake, &err) < 0) {
            fail_msg("%s: %s", private_keys[i], err.detail);
        }
    }
}

static void old_and_new_keys_of_alipay_verify_at_the_same_time(void **state) {
    char old_key[VECTOR_BYTES_MAX], new_key[VECTOR_BYTES_MAX], both[2 * VECTOR_BYTES_MAX + 2];
    struct fake *fake = alipay_account(false);
    struct err err = {0};
    (void)vector_read("merchant.pub.pem", old_key);
    (void)vector_read("platform.pub.pem", new_key);
    snprintf(both, sizeof(both), "%s\n%s\n", old_key, new_key);
    secret_free(fake->gateway.credentials[1].value);
    fake->gateway.credentials[1].value = secret_new(both, strlen(both));
    assert_int_equal(alipay_adapter.open(&fake->gateway, &err), 0);
    const struct alipay_state *open = fake->gateway.state;
    assert_int_equal(open->keys.theirs_count, 2);
    static const char *const signers[] = {"merchant.key.pem", "platform.key.pem",
                                          "paypal_good.key.pem"};
    for (size_t i = 0; i < COUNT_OF(signers); i++) {
        struct rsa_key *key = alipay_test_key(signers[i]);
        char *sign = NULL;
        assert_int_equal(rsa_sign_sha256(key, "text", 4, &sign, &err), 0);
        assert_int_equal(alipay_keys_verify(&open->keys, "", "text", 4, sign), i < 2);
        free(sign);
        rsa_key_free(key);
    }
    fake_free(fake);
}

static void a_certificate_counts_by_its_name_and_must_chain_to_the_root(void **state) {
    struct fake *fake = alipay_account(true);
    struct err err = {0};
    assert_int_equal(alipay_adapter.open(&fake->gateway, &err), 0);
    const struct alipay_state *open = fake->gateway.state;
    assert_string_equal(open->keys.app_cert_sn, CERT_SN_MERCHANT);
    assert_string_equal(open->keys.root_cert_sn, CERT_SN_PLATFORM);
    struct rsa_key *key = alipay_test_key("platform.key.pem");
    char *sign = NULL;
    assert_int_equal(rsa_sign_sha256(key, "text", 4, &sign, &err), 0);
    assert_true(alipay_keys_verify(&open->keys, CERT_SN_PLATFORM, "text", 4, sign));
    assert_true(alipay_keys_verify(&open->keys, "", "text", 4, sign));
    assert_false(alipay_keys_verify(&open->keys, CERT_SN_MERCHANT, "text", 4, sign));
    ((struct alipay_state *)open)->keys.theirs[0].not_after_us = clock_wall_us() - 1;
    assert_false(alipay_keys_verify(&open->keys, CERT_SN_PLATFORM, "text", 4, sign));
    free(sign);
    rsa_key_free(key);
    fake_free(fake);
    /* Another root, and a certificate that is not of our key. */
    for (int i = 0; i < 2; i++) {
        static const char *const names[] = {"alipay_root_cert", "app_cert"};
        static const char *const wrong[] = {"merchant.crt.pem", "platform.crt.pem"};
        char pem[VECTOR_BYTES_MAX];
        fake = alipay_account(true);
        for (int k = 0; k < fake->gateway.credential_count; k++) {
            struct gateway_credential *credential = &fake->gateway.credentials[k];
            if (strcmp(credential->name, names[i]) == 0) {
                secret_free(credential->value);
                size_t count = vector_read(wrong[i], pem);
                credential->value = secret_new(pem, count);
            }
        }
        assert_int_equal(opened(fake, &err), -ERR_CONFIG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_in_any_order_give_the_vectors_text_and_signature),
        cmocka_unit_test(every_one_byte_change_of_a_signed_message_is_refused),
        cmocka_unit_test(an_answers_signature_is_over_its_raw_bytes_escapes_kept),
        cmocka_unit_test(a_raw_member_is_cut_where_the_object_ends),
        cmocka_unit_test(forms_are_decoded_once_and_refused_when_they_are_ambiguous),
        cmocka_unit_test(certificates_are_named_as_the_sdk_names_them),
        cmocka_unit_test(what_is_missing_or_wrong_in_the_configuration_is_refused),
        cmocka_unit_test(keys_may_be_given_as_alipays_console_shows_them),
        cmocka_unit_test(old_and_new_keys_of_alipay_verify_at_the_same_time),
        cmocka_unit_test(a_certificate_counts_by_its_name_and_must_chain_to_the_root),
    };
    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
