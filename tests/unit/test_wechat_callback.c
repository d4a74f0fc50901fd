/* SPDX-License-Identifier: Apache-2.0
 * test_wechat_callback.c: what WeChat Pay signs and seals; which notifications are its own; and its
 * certificates, as they change. */
#include "wechat_fixture.h"

#define SENT_S INT64_C(1735689606)
#define VECTOR_NONCE "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
#define SEAL_NONCE "fdasflkja484"
#define NEXT_SERIAL "5E1E52C4417897CDE3149FB98D49982FBC717FED"
#define CERTIFICATES_URL BASE "/v3/certificates"

/* A vector with its last line end, which belongs to it. */
static size_t signed_read(const char *name, char bytes[VECTOR_BYTES_MAX]) {
    char path[512];
    size_t count = 0;
    struct err err;
    vector_path(name, path);
    assert_int_equal(file_read(path, bytes, VECTOR_BYTES_MAX - 1, &count, &err), 0);
    bytes[count] = '\0';
    return count;
}

static struct rsa_key *public_key_of(const char *name) {
    char pem[VECTOR_BYTES_MAX];
    struct rsa_key *key = NULL;
    struct err err;
    size_t count = vector_read(name, pem);
    assert_int_equal(rsa_key_public(pem, count, &key, &err), 0);
    return key;
}

static void check_vector(const char *made, const char *signed_name, const char *signature_name,
                         const char *key_name, const char *public_name) {
    char text[VECTOR_BYTES_MAX], signature[VECTOR_BYTES_MAX];
    struct rsa_key *private_key = wechat_key(key_name);
    struct rsa_key *public_key = public_key_of(public_name);
    char *again = NULL;
    struct err err;
    size_t count = signed_read(signed_name, text);
    (void)vector_read(signature_name, signature);
    assert_string_equal(made, text);
    assert_int_equal(rsa_sign_sha256(private_key, text, count, &again, &err), 0);
    assert_string_equal(again, signature);
    assert_true(rsa_verify_sha256(public_key, made, count, signature));
    free(again);
    rsa_key_free(private_key);
    rsa_key_free(public_key);
}

static void the_vectors_are_made_again_to_the_byte(void **state) {
    char body[VECTOR_BYTES_MAX];
    struct buf text;
    size_t count = vector_read("wechat_req_body.json", body);
    crypto_init();
    buf_init(&text, VECTOR_BYTES_MAX);
    assert_true(wechat_signed_request("POST", "/v3/pay/transactions/native", "1735689600",
                                      "593BEC0C930BF1AFEB40B4A08C8FB242", body, count, &text));
    check_vector(text.data, "wechat_req_signed.txt", "wechat_req_sig.b64", "merchant.key.pem",
                 "merchant.pub.pem");
    buf_clear(&text);
    assert_true(wechat_signed_request(
        "GET", "/v3/pay/transactions/out-trade-no/T20260101000001?mchid=1900000001", "1735689600",
        "593BEC0C930BF1AFEB40B4A08C8FB242", "", 0, &text));
    check_vector(text.data, "wechat_get_signed.txt", "wechat_get_sig.b64", "merchant.key.pem",
                 "merchant.pub.pem");
    buf_clear(&text);
    assert_true(wechat_signed_client(APPID, "1735689600", "593BEC0C930BF1AFEB40B4A08C8FB242",
                                     "prepay_id=wx201410272009395522657a690389285100", &text));
    check_vector(text.data, "wechat_jsapi_signed.txt", "wechat_jsapi_sig.b64", "merchant.key.pem",
                 "merchant.pub.pem");
    buf_clear(&text);
    count = vector_read("wechat_notify_body.json", body);
    assert_true(wechat_signed_answer("1735689606", VECTOR_NONCE, body, count, &text));
    check_vector(text.data, "wechat_notify_signed.txt", "wechat_notify_sig.b64", "platform.key.pem",
                 "platform.pub.pem");
    buf_release(&text);
}

static void parts_with_a_line_end_are_not_signed(void **state) {
    struct buf text;
    buf_init(&text, 1000);
    assert_false(wechat_signed_request("GET\n", "/", "1", "n", "", 0, &text));
    assert_false(wechat_signed_request("GET", "/\n", "1", "n", "", 0, &text));
    assert_false(wechat_signed_request("GET", "/", "1\r", "n", "", 0, &text));
    assert_false(wechat_signed_answer("1", "n\n", "", 0, &text));
    assert_false(wechat_signed_client("a", "1", "n", "p\n", &text));
    buf_release(&text);
}

static void an_authorization_has_its_five_parts_once_each(void **state) {
    static const char *const good[] = {
        WECHAT_SCHEME
        " mchid=\"1\",nonce_str=\"2\",signature=\"3=\",timestamp=\"4\",serial_no=\"5\"",
        WECHAT_SCHEME
        " serial_no=\"5\",timestamp=\"4\", signature=\"3=\",nonce_str=\"2\",mchid=\"1\"",
    };
    static const char *const bad[] = {
        "",
        WECHAT_SCHEME,
        "Bearer mchid=\"1\",nonce_str=\"2\",signature=\"3\",timestamp=\"4\",serial_no=\"5\"",
        WECHAT_SCHEME " mchid=\"1\",nonce_str=\"2\",signature=\"3\",timestamp=\"4\"",
        WECHAT_SCHEME " mchid=\"1\",mchid=\"1\",signature=\"3\",timestamp=\"4\",serial_no=\"5\"",
        WECHAT_SCHEME " mchid=\"1\",nonce_str=\"\",signature=\"3\",timestamp=\"4\",serial_no=\"5\"",
        WECHAT_SCHEME
        " mchid=\"1\",nonce_str=\"2\",signature=\"3\",timestamp=\"4\",serial_no=\"5\",",
        WECHAT_SCHEME
        " mchid=\"1\",nonce_str=\"2\",signature=\"3\",timestamp=\"4\",serial_no=\"5\" x",
        WECHAT_SCHEME " mchid=\"1\",nonce_str=\"2\",signature=\"3\",timestamp=\"4\",serial_no=\"5",
        WECHAT_SCHEME " mchid=\"1\",nonce_str=\"2\",signature=\"3\",timestamp=\"4\",other=\"5\"",
        WECHAT_SCHEME " mchid=\"1\",nonce_str=\"2\",signature=\"3\",timestamp=\"1234567890123456\","
                      "serial_no=\"5\"",
    };
    struct wechat_authorization authorization;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_true(wechat_authorization_read(good[i], &authorization));
        assert_string_equal(authorization.mchid, "1");
        assert_string_equal(authorization.nonce, "2");
        assert_string_equal(authorization.signature, "3=");
        assert_string_equal(authorization.timestamp, "4");
        assert_string_equal(authorization.serial, "5");
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(wechat_authorization_read(bad[i], &authorization));
    }
}

/* Sealing. */

static void the_vectors_resource_is_opened_and_sealed_again(void **state) {
    char body[VECTOR_BYTES_MAX], plain[VECTOR_BYTES_MAX];
    JSON_AUTO json = NULL;
    struct err err;
    size_t count = vector_read("wechat_notify_body.json", body), opened_count = 0;
    size_t plain_count = vector_read("wechat_notify_plain.json", plain);
    crypto_init();
    assert_int_equal(json_read(body, count, VECTOR_BYTES_MAX, 8, &json, &err), 0);
    const json_t *resource = json_peek(json, "resource", NULL);
    unsigned char *opened = wechat_open(resource, API_KEY, 32, &opened_count);
    assert_non_null(opened);
    assert_int_equal(opened_count, plain_count);
    assert_string_equal((char *)opened, plain);
    char *sealed = wechat_seal(API_KEY, SEAL_NONCE, "transaction", plain, plain_count);
    assert_string_equal(sealed, json_peek_text(resource, "ciphertext", NULL));
    free(sealed);
    free(opened);
    assert_null(wechat_open(resource, OLD_API_KEY, 32, &opened_count));
    assert_null(wechat_open(resource, API_KEY, 31, &opened_count));
    assert_null(wechat_open(NULL, API_KEY, 32, &opened_count));
}

static void another_nonce_added_text_or_bit_opens_nothing(void **state) {
    static const unsigned char key[AES256_KEY_BYTES] = "0123456789abcdef0123456789abcde";
    struct aes256_gcm with = {key, "abcdefghijkl", 12, "added", 5};
    size_t sealed_count = 0, count = 0;
    crypto_init();
    unsigned char *sealed = aes256_gcm_seal(&with, "nine byte", 9, &sealed_count);
    assert_int_equal(sealed_count, 9 + AES_GCM_TAG_BYTES);
    unsigned char *opened = aes256_gcm_open(&with, sealed, sealed_count, &count);
    assert_string_equal((char *)opened, "nine byte");
    free(opened);
    for (size_t i = 0; i < sealed_count * 8; i++) {
        sealed[i / 8] ^= (unsigned char)(1 << (i % 8));
        assert_null(aes256_gcm_open(&with, sealed, sealed_count, &count));
        sealed[i / 8] ^= (unsigned char)(1 << (i % 8));
    }
    for (size_t i = 0; i < sealed_count; i++) {
        assert_null(aes256_gcm_open(&with, sealed, i, &count));
    }
    struct aes256_gcm other = with;
    other.nonce = "abcdefghijkm";
    assert_null(aes256_gcm_open(&other, sealed, sealed_count, &count));
    other = with;
    other.added = "addes";
    assert_null(aes256_gcm_open(&other, sealed, sealed_count, &count));
    other.added_count = 0;
    assert_null(aes256_gcm_open(&other, sealed, sealed_count, &count));
    other = with;
    other.nonce_count = 0;
    assert_null(aes256_gcm_open(&other, sealed, sealed_count, &count));
    free(sealed);
}

/* Notifications. */

struct delivery {
    struct wechat_headers headers;
    char body[8192];
    size_t body_bytes;
    int64_t now_us;
};

static void sign(struct wechat *wechat, struct delivery *delivery) {
    wechat_sign_as(wechat->platform, wechat->serial, SENT_S, delivery->body, delivery->body_bytes,
                   &delivery->headers);
}

/* An envelope around what is sealed with this key. */
static struct delivery delivery_of(struct wechat *wechat, const char *type, const char *plain,
                                   const char *api_key) {
    struct delivery delivery = {.now_us = SENT_S * US_PER_SECOND};
    char *sealed = wechat_seal(api_key, SEAL_NONCE, "transaction", plain, strlen(plain));
    int count = snprintf(delivery.body, sizeof(delivery.body),
                         "{\"id\":\"EV-1\",\"create_time\":\"2025-01-01T08:00:06+08:00\","
                         "\"resource_type\":\"encrypt-resource\",\"event_type\":\"%s\","
                         "\"resource\":{\"original_type\":\"x\",\"algorithm\":\"%s\","
                         "\"ciphertext\":\"%s\",\"associated_data\":\"transaction\",\"nonce\":"
                         "\"%s\"}}",
                         type, WECHAT_ALGORITHM, sealed, SEAL_NONCE);
    assert_true(count > 0 && (size_t)count < sizeof(delivery.body));
    delivery.body_bytes = (size_t)count;
    free(sealed);
    sign(wechat, &delivery);
    return delivery;
}

static int verify(struct wechat *wechat, const struct delivery *delivery,
                  struct gateway_event *ret_event, struct err *err) {
    const struct gateway_callback_request request = {
        .headers = delivery->headers.headers,
        .header_count = delivery->headers.count,
        .body = delivery->body,
        .body_bytes = delivery->body_bytes,
        .now_us = delivery->now_us,
    };
    struct wechat_headers own = delivery->headers; /* the pointers are of whoever copied it */
    const char *const values[] = {own.timestamp, own.nonce, own.signature, own.serial};
    struct http_header headers[6];
    memcpy(headers, request.headers, sizeof(headers));
    for (int i = 0; i < 4; i++) {
        headers[i].value = values[i];
    }
    struct gateway_callback_request moved = request;
    moved.headers = headers;
    memset(ret_event, 0, sizeof(*ret_event));
    memset(err, 0, sizeof(*err));
    return wechat->fake->gateway.adapter->verify_callback(&wechat->fake->call, &moved, ret_event,
                                                          err);
}

static void the_vectors_notification_is_accepted(void **state) {
    struct wechat *wechat = *state;
    struct delivery delivery = {.now_us = SENT_S * US_PER_SECOND};
    char vector[VECTOR_BYTES_MAX];
    struct gateway_event event;
    struct err err;
    delivery.body_bytes = vector_read("wechat_notify_body.json", vector);
    assert_true(delivery.body_bytes < sizeof(delivery.body));
    memcpy(delivery.body, vector, delivery.body_bytes);
    sign(wechat, &delivery);
    (void)vector_read("wechat_notify_sig.b64", vector);
    snprintf(delivery.headers.signature, sizeof(delivery.headers.signature), "%.1000s", vector);
    snprintf(delivery.headers.nonce, sizeof(delivery.headers.nonce), "%s", VECTOR_NONCE);
    fake_script(wechat->fake, NULL, 0);
    assert_int_equal(verify(wechat, &delivery, &event, &err), 0);
    assert_string_equal(event.event_id, "EV-2018022511223320873");
    assert_string_equal(event.type, "TRANSACTION.SUCCESS");
    assert_int_equal(event.event_us, SENT_S * US_PER_SECOND);
    assert_int_equal(event.subject, CALLBACK_PAYMENT);
    assert_string_equal(event.reference, "T20260101000001");
    assert_string_equal(event.charge_id, "4200002026010100000000000001");
    assert_int_equal(event.outcome, GW_CHARGED);
    assert_int_equal(event.amount_minor, 100);
    assert_string_equal(event.currency.code, "CNY");
}

#define REFUND_PLAIN(status)                                                                       \
    "{\"mchid\":\"" MCHID "\",\"out_trade_no\":\"" REFERENCE                                       \
    "\",\"transaction_id\":\"" TRANSACTION_ID "\",\"out_refund_no\":\"" REFUND_REFERENCE           \
    "\",\"refund_id\":\"50000000382019052709732678859\",\"refund_status\":\"" status               \
    "\",\"amount\":{\"total\":1099,\"refund\":500,\"payer_total\":1099,\"payer_refund\":500}}"

static void every_kind_of_notification_is_put_into_our_words(void **state) {
    static const struct {
        const char *type, *plain;
        enum callback_subject subject;
        enum gateway_outcome outcome;
        const char *reference;
        int64_t amount_minor;
    } rows[] = {
        {"TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"), CALLBACK_PAYMENT, GW_CHARGED, REFERENCE,
         1099},
        {"REFUND.SUCCESS", REFUND_PLAIN("SUCCESS"), CALLBACK_REFUND, GW_REFUNDED, REFUND_REFERENCE,
         500},
        {"REFUND.ABNORMAL", REFUND_PLAIN("ABNORMAL"), CALLBACK_REFUND, GW_DECLINED,
         REFUND_REFERENCE, 500},
        {"REFUND.CLOSED", REFUND_PLAIN("CLOSED"), CALLBACK_REFUND, GW_DECLINED, REFUND_REFERENCE,
         500},
        {"REFUND.SUCCESS", REFUND_PLAIN("NEW_STATE"), CALLBACK_REFUND, GW_NONE, REFUND_REFERENCE,
         500},
        {"COMPLAINT.CREATE", "{\"complaint_id\":\"1\",\"action_type\":\"CREATE_COMPLAINT\"}",
         CALLBACK_OTHER, GW_NONE, "", -1},
        {"COMPLAINT.STATE_CHANGE", "{}", CALLBACK_OTHER, GW_NONE, "", -1},
        {"SOMETHING.NEW", "{}", CALLBACK_OTHER, GW_NONE, "", -1},
    };
    struct wechat *wechat = *state;
    struct gateway_event event;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct delivery delivery = delivery_of(wechat, rows[i].type, rows[i].plain, API_KEY);
        assert_int_equal(verify(wechat, &delivery, &event, &err), 0);
        assert_string_equal(event.event_id, "EV-1");
        assert_string_equal(event.type, rows[i].type);
        assert_int_equal(event.subject, rows[i].subject);
        assert_int_equal(event.outcome, rows[i].outcome);
        assert_string_equal(event.reference, rows[i].reference);
        assert_int_equal(event.amount_minor, rows[i].amount_minor);
    }
}

static void one_byte_changed_anywhere_is_refused(void **state) {
    struct wechat *wechat = *state;
    struct delivery genuine = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                          API_KEY);
    struct delivery delivery = genuine;
    struct gateway_event event;
    struct err err;
    fake_script(wechat->fake, NULL, 0);
    assert_int_equal(verify(wechat, &delivery, &event, &err), 0);
    for (size_t i = 0; i < delivery.body_bytes; i++) {
        delivery.body[i] ^= 4;
        assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
        delivery.body[i] ^= 4;
    }
    for (size_t cut = 0; cut < delivery.body_bytes; cut += 7) {
        delivery.body_bytes = cut;
        assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
        delivery.body_bytes = genuine.body_bytes;
    }
    for (size_t i = 0; delivery.headers.signature[i] != '\0'; i++) {
        char was = delivery.headers.signature[i];
        delivery.headers.signature[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
        delivery.headers.signature[i] = was;
    }
    for (size_t i = 0; delivery.headers.nonce[i] != '\0'; i++) {
        delivery.headers.nonce[i] ^= 1;
        assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
        delivery.headers.nonce[i] ^= 1;
    }
    delivery.headers.timestamp[9] ^= 1;
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
}

/* Signed by WeChat Pay, but what is inside was sealed for somebody else, or is damaged. */
static void a_resource_that_cannot_be_opened_is_refused(void **state) {
    struct wechat *wechat = *state;
    struct delivery delivery = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                           OLD_API_KEY);
    struct gateway_event event;
    struct err err;
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
    delivery = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"), API_KEY);
    char *added = strstr(delivery.body, "\"associated_data\":\"transaction\"");
    assert_non_null(added);
    added[strlen("\"associated_data\":\"")] = 'T';
    sign(wechat, &delivery);
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
    delivery = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"), API_KEY);
    const char *text = strstr(delivery.body, "\"ciphertext\":\"");
    size_t start = (size_t)(text - delivery.body) + strlen("\"ciphertext\":\"");
    for (size_t i = 0; i < 40; i++) {
        char was = delivery.body[start + i];
        delivery.body[start + i] = was == 'A' ? 'B' : 'A';
        sign(wechat, &delivery);
        assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
        delivery.body[start + i] = was;
    }
}

static void the_key_before_a_reset_still_opens_what_was_sent_before(void **state) {
    struct wechat *wechat = wechat_made(true);
    struct gateway_event event;
    struct err err;
    fake_credential(wechat->fake, "api_v3_key_old", OLD_API_KEY);
    assert_int_equal(wechat->fake->gateway.adapter->open(&wechat->fake->gateway, &err), 0);
    struct delivery before = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                         OLD_API_KEY);
    struct delivery after = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                        API_KEY);
    assert_int_equal(verify(wechat, &before, &event, &err), 0);
    assert_int_equal(verify(wechat, &after, &event, &err), 0);
    wechat_free(wechat);
}

static void stale_unsigned_probing_and_foreign_ones_are_refused_unfetched(void **state) {
    struct wechat *wechat = *state;
    struct delivery genuine = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                          API_KEY);
    struct gateway_event event;
    struct err err;
    fake_script(wechat->fake, NULL, 0);
    for (int i = 0; i < 10; i++) {
        struct delivery delivery = genuine;
        switch (i) {
        case 0:
            delivery.now_us += 301 * US_PER_SECOND;
            break;
        case 1:
            delivery.now_us -= 301 * US_PER_SECOND;
            break;
        case 2:
            delivery.headers.timestamp[0] = '\0';
            break;
        case 3:
            snprintf(delivery.headers.timestamp, sizeof(delivery.headers.timestamp), "yesterday");
            break;
        case 4:
            delivery.headers.signature[0] = '\0';
            break;
        case 5:
            delivery.headers.nonce[0] = '\0';
            break;
        case 6:
            delivery.headers.serial[0] = '\0';
            break;
        case 7:
            delivery.headers.headers[4].value = "WECHATPAY2-SM2-WITH-SM3";
            break;
        case 8:
            snprintf(delivery.headers.signature, sizeof(delivery.headers.signature), "%s%.1000s",
                     WECHAT_PROBE_PREFIX, genuine.headers.signature);
            break;
        default:
            delivery.headers.timestamp[10] = ' ';
            delivery.headers.timestamp[11] = '\0';
            break;
        }
        assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
    }
    struct delivery delivery = genuine;
    delivery.now_us += 300 * US_PER_SECOND;
    assert_int_equal(verify(wechat, &delivery, &event, &err), 0);
    delivery.now_us -= 600 * US_PER_SECOND;
    assert_int_equal(verify(wechat, &delivery, &event, &err), 0);
}

static void a_notification_for_another_account_is_refused(void **state) {
    static const char *const plains[][2] = {
        {"TRANSACTION.SUCCESS",
         "{\"mchid\":\"1900000002\",\"appid\":\"" APPID "\",\"out_trade_no\":\"" REFERENCE
         "\",\"trade_state\":\"SUCCESS\"}"},
        {"TRANSACTION.SUCCESS",
         "{\"mchid\":\"" MCHID "\",\"appid\":\"wx0\",\"out_trade_no\":\"" REFERENCE
         "\",\"trade_state\":\"SUCCESS\"}"},
        {"REFUND.SUCCESS", "{\"mchid\":\"1900000002\",\"out_refund_no\":\"re_1\","
                           "\"refund_status\":\"SUCCESS\"}"},
        {"REFUND.SUCCESS", "{\"out_refund_no\":\"re_1\",\"refund_status\":\"SUCCESS\"}"},
    };
    struct wechat *wechat = *state;
    struct gateway_event event;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(plains); i++) {
        struct delivery delivery = delivery_of(wechat, plains[i][0], plains[i][1], API_KEY);
        assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_SIGNATURE);
    }
}

static void genuine_but_unreadable_ones_say_so(void **state) {
    struct wechat *wechat = *state;
    struct gateway_event event;
    struct err err;
    struct delivery delivery = delivery_of(wechat, "TRANSACTION.SUCCESS", "[1", API_KEY);
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_BAD_REQUEST);
    delivery = delivery_of(wechat, "TRANSACTION.SUCCESS", "{}", API_KEY);
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_BAD_REQUEST);
    delivery = delivery_of(wechat, "REFUND.SUCCESS", "{\"mchid\":\"" MCHID "\"}", API_KEY);
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_BAD_REQUEST);
    delivery = delivery_of(wechat, "", "{}", API_KEY);
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_BAD_REQUEST);
    delivery.body_bytes = (size_t)snprintf(delivery.body, sizeof(delivery.body), "not JSON");
    sign(wechat, &delivery);
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_BAD_REQUEST);
    assert_string_equal(event.event_id, ""); /* untouched */
}

/* Certificates. */

/* {"data":[…]} with these certificates, sealed. */
static void certificates_body(const char *const *names, const char *const *serials, int count,
                              const char *api_key, char *ret_body, size_t bytes) {
    size_t used = (size_t)snprintf(ret_body, bytes, "{\"data\":[");
    for (int i = 0; i < count; i++) {
        char pem[VECTOR_BYTES_MAX];
        size_t pem_count = vector_read(names[i], pem);
        char *sealed = wechat_seal(api_key, SEAL_NONCE, "certificate", pem, pem_count);
        used += (size_t)snprintf(ret_body + used, bytes - used,
                                 "%s{\"serial_no\":\"%s\",\"encrypt_certificate\":{\"algorithm\":"
                                 "\"%s\",\"nonce\":\"%s\",\"associated_data\":\"certificate\","
                                 "\"ciphertext\":\"%s\"}}",
                                 i > 0 ? "," : "", serials[i], WECHAT_ALGORITHM, SEAL_NONCE,
                                 sealed);
        assert_true(used < bytes);
        free(sealed);
    }
    used += (size_t)snprintf(ret_body + used, bytes - used, "]}");
    assert_true(used < bytes);
}

static const char *const both_names[] = {"platform.crt.pem", "wechat_next.crt.pem"};
static const char *const both_serials[] = {PLATFORM_SERIAL, NEXT_SERIAL};

/* What the adapter says of the certificates that it holds. */
static int signers_of(struct wechat *wechat, struct gateway_signer *ret_signers) {
    const struct gateway *gateway = &wechat->fake->gateway;
    return gateway->adapter->signers(gateway, ret_signers);
}

static int64_t end_of(const char *name) {
    char pem[VECTOR_BYTES_MAX];
    struct x509_cert *cert = NULL;
    struct err err;
    size_t count = vector_read(name, pem);
    assert_int_equal(x509_cert_read(pem, count, &cert, &err), 0);
    int64_t ends_us = x509_cert_not_after_us(cert);
    x509_cert_free(cert);
    return ends_us;
}

static void a_certificate_is_fetched_once_and_the_old_one_stays(void **state) {
    struct wechat *wechat = wechat_new(false);
    struct rsa_key *old = wechat->platform;
    static char one[16384], two[16384];
    struct gateway_event event;
    struct gateway_signer signers[GATEWAY_SIGNERS_MAX];
    struct err err;
    certificates_body(both_names, both_serials, 1, API_KEY, one, sizeof(one));
    certificates_body(both_names, both_serials, 2, API_KEY, two, sizeof(two));
    assert_int_equal(signers_of(wechat, signers), 0);
    struct delivery first = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                        API_KEY);
    first.now_us = clock_wall_us();
    wechat_sign_as(wechat->platform, wechat->serial, first.now_us / US_PER_SECOND, first.body,
                   first.body_bytes, &first.headers);
    WECHAT_SCRIPT(wechat, {200, one});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verify(wechat, &first, &event, &err), 0);
    }
    assert_int_equal(wechat->fake->sent_count, 1);
    assert_string_equal(wechat->fake->sent[0].url, CERTIFICATES_URL);
    assert_signed(wechat, 0);
    assert_null(strstr(wechat->fake->sent[0].headers, "Wechatpay-Serial"));
    assert_int_equal(signers_of(wechat, signers), 1);
    assert_string_equal(signers[0].serial, PLATFORM_SERIAL);
    assert_int_equal(signers[0].not_after_us, end_of("platform.crt.pem"));
    /* They begin to sign with the next one: it is fetched once, and the old one is good still. */
    wechat->platform = wechat_key("wechat_next.key.pem");
    wechat->serial = NEXT_SERIAL;
    struct delivery second = first;
    wechat_sign_as(wechat->platform, wechat->serial, second.now_us / US_PER_SECOND, second.body,
                   second.body_bytes, &second.headers);
    WECHAT_SCRIPT(wechat, {200, two});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(verify(wechat, &second, &event, &err), 0);
        assert_int_equal(verify(wechat, &first, &event, &err), 0);
    }
    assert_int_equal(wechat->fake->sent_count, 1);
    assert_int_equal(signers_of(wechat, signers), 2);
    assert_string_equal(signers[1].serial, NEXT_SERIAL);
    assert_int_equal(signers[1].not_after_us, end_of("wechat_next.crt.pem"));
    /* In the middle of a payment as well: the answer itself bears the new serial. */
    WECHAT_SCRIPT(wechat, {200, "{\"code_url\":\"weixin://x\"}"});
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_ACTION_NEEDED);
    rsa_key_free(old);
    wechat_free(wechat);
}

static void an_answer_with_a_new_serial_waits_for_its_certificate(void **state) {
    struct wechat *wechat = wechat_new(false);
    static char one[16384];
    certificates_body(both_names, both_serials, 1, API_KEY, one, sizeof(one));
    WECHAT_SCRIPT(wechat, {200, "{\"code_url\":\"weixin://x\"}"}, {200, one});
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_ACTION_NEEDED);
    assert_script_done(wechat->fake);
    assert_string_equal(wechat->fake->sent[1].url, CERTIFICATES_URL);
    wechat_free(wechat);
}

static void of_ended_certificates_the_last_one_is_told(void **state) {
    struct wechat *wechat = wechat_new(false);
    struct wechat_keys *keys = &((struct wechat_state *)wechat->fake->gateway.state)->keys;
    struct gateway_signer signers[GATEWAY_SIGNERS_MAX];
    static const int64_t ends_us[] = {2000, 3000, 1000};
    for (size_t i = 0; i < COUNT_OF(ends_us); i++) {
        keys->kept[i].key = wechat_key("platform.key.pem");
        snprintf(keys->kept[i].serial, sizeof keys->kept[i].serial, "0%zu", i);
        keys->kept[i].not_after_us = ends_us[i];
    }
    assert_int_equal(wechat_keys_list(keys, 999, signers), 3);
    assert_int_equal(wechat_keys_list(keys, 1000, signers), 2);
    assert_int_equal(wechat_keys_list(keys, 5000, signers), 1);
    assert_string_equal(signers[0].serial, "01");
    wechat_free(wechat);
}

static void both_modes_are_held_at_once(void **state) {
    struct wechat *wechat = wechat_new(true);
    struct gateway_signer signers[GATEWAY_SIGNERS_MAX];
    assert_int_equal(signers_of(wechat, signers), 0); /* a configured key is a credential */
    static char one[16384];
    certificates_body(both_names, both_serials, 1, API_KEY, one, sizeof(one));
    WECHAT_SCRIPT(wechat, {200, "{\"code_url\":\"weixin://x\"}"});
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_ACTION_NEEDED);
    wechat->serial = PLATFORM_SERIAL; /* the old mode is still in use for some answers */
    WECHAT_SCRIPT(wechat, {200, "{\"code_url\":\"weixin://x\"}"}, {200, one},
                  {200, "{\"code_url\":\"weixin://x\"}"});
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_ACTION_NEEDED);
    wechat->serial = PUBLIC_KEY_ID;
    assert_int_equal(wechat_charged(wechat, FLOW_QR, "").outcome, GW_ACTION_NEEDED);
    assert_script_done(wechat->fake);
    wechat_free(wechat);
}

static void certificates_that_cannot_be_believed_are_not_kept(void **state) {
    static char forged[16384], wrong_key[16384], wrong_serial[16384];
    static const char *const lying[] = {NEXT_SERIAL};
    const struct {
        const char *body;
        int status;
        enum sealing sealing;
        int rc;
    } rows[] = {
        {forged, 200, FORGED, -ERR_UNREACHABLE},
        {forged, 200, UNSIGNED, -ERR_UNREACHABLE},
        {wrong_key, 200, GOOD, -ERR_UNREACHABLE},
        {wrong_serial, 200, GOOD, -ERR_UNREACHABLE},
        {"{\"data\":[]}", 200, GOOD, -ERR_UNREACHABLE},
        {"not JSON", 200, GOOD, -ERR_UNREACHABLE},
        {ERROR("SYSTEM_ERROR"), 500, GOOD, -ERR_UNREACHABLE},
        {ERROR("SIGN_ERROR"), 401, GOOD, -ERR_UNREACHABLE},
        {ERROR("RESOURCE_NOT_EXISTS"), 404, GOOD, -ERR_SIGNATURE},
    };
    crypto_init();
    certificates_body(both_names, both_serials, 1, API_KEY, forged, sizeof(forged));
    certificates_body(both_names, both_serials, 1, OLD_API_KEY, wrong_key, sizeof(wrong_key));
    certificates_body(both_names, lying, 1, API_KEY, wrong_serial, sizeof(wrong_serial));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct wechat *wechat = wechat_new(false);
        struct delivery delivery = delivery_of(wechat, "TRANSACTION.SUCCESS",
                                               TRANSACTION("SUCCESS"), API_KEY);
        struct gateway_event event;
        struct err err;
        const struct step steps[] = {{rows[i].status, rows[i].body},
                                     {rows[i].status, rows[i].body}};
        fake_script(wechat->fake, steps, 2);
        wechat->sealing[0] = wechat->sealing[1] = rows[i].sealing;
        assert_int_equal(verify(wechat, &delivery, &event, &err), rows[i].rc);
        assert_int_equal(verify(wechat, &delivery, &event, &err), rows[i].rc);
        assert_int_equal(wechat->fake->sent_count, 2); /* nothing was kept */
        wechat_free(wechat);
    }
}

/* A certificate under another one's serial would be taken for it from then on. */
static void a_certificate_bears_its_own_serial(void **state) {
    static char lying[16384];
    static const char *const serials[] = {NEXT_SERIAL};
    struct wechat *wechat = wechat_new(false);
    struct gateway_event event;
    struct err err;
    certificates_body(both_names, serials, 1, API_KEY, lying, sizeof(lying));
    wechat->serial = NEXT_SERIAL;
    struct delivery delivery = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                           API_KEY);
    WECHAT_SCRIPT(wechat, {200, lying});
    assert_int_equal(verify(wechat, &delivery, &event, &err), -ERR_UNREACHABLE);
    wechat_free(wechat);
}

static void invented_serials_cause_few_fetches_and_hold_up_nobody(void **state) {
    struct wechat *wechat = wechat_new(false);
    static char one[16384];
    struct step steps[WECHAT_KEY_FETCHES_MAX];
    struct gateway_event event;
    struct err err;
    certificates_body(both_names, both_serials, 1, API_KEY, one, sizeof(one));
    for (int i = 0; i < WECHAT_KEY_FETCHES_MAX; i++) {
        steps[i] = (struct step){200, one};
    }
    struct delivery genuine = delivery_of(wechat, "TRANSACTION.SUCCESS", TRANSACTION("SUCCESS"),
                                          API_KEY);
    struct delivery forged = genuine;
    fake_script(wechat->fake, steps, WECHAT_KEY_FETCHES_MAX);
    for (int i = 0; i < 3 * WECHAT_KEY_FETCHES_MAX; i++) {
        snprintf(forged.headers.serial, sizeof(forged.headers.serial), "%040d", i);
        int rc = verify(wechat, &forged, &event, &err);
        assert_int_equal(rc, i < WECHAT_KEY_FETCHES_MAX ? -ERR_SIGNATURE : -ERR_UNREACHABLE);
        assert_int_equal(verify(wechat, &genuine, &event, &err), 0);
    }
    assert_int_equal(wechat->fake->sent_count, WECHAT_KEY_FETCHES_MAX);
    wechat_free(wechat);
}

/* Many callbacks with the same new serial at once: one fetch for all. It is answered only when all
 * of them have begun. */
enum { AT_ONCE = 8 };

struct crowd {
    struct wechat *wechat;
    const struct delivery *delivery;
    struct lock lock;
    struct cond changed;
    int begun, good;
};

static int answer_when_all_have_begun(void *ctx, const struct http_call *call,
                                      struct http_answer *ret_answer, struct err *err) {
    struct crowd *crowd = ctx;
    lock_take(&crowd->lock);
    while (crowd->begun < AT_ONCE) {
        cond_wait(&crowd->changed, &crowd->lock);
    }
    lock_give(&crowd->lock);
    return wechat_answer(crowd->wechat, call, ret_answer, err);
}

static void verify_in_crowd(void *arg) {
    struct crowd *crowd = arg;
    struct gateway_event event;
    struct err err;
    lock_take(&crowd->lock);
    crowd->begun++;
    cond_broadcast(&crowd->changed);
    lock_give(&crowd->lock);
    int rc = verify(crowd->wechat, crowd->delivery, &event, &err);
    lock_take(&crowd->lock);
    crowd->good += rc == 0 ? 1 : 0;
    lock_give(&crowd->lock);
}

static void many_at_once_share_one_fetch(void **state) {
    static const struct http_client_ops ops = {answer_when_all_have_begun, NULL};
    static char one[16384];
    struct task *tasks[AT_ONCE];
    struct crowd crowd = {.wechat = wechat_new(false)};
    struct http_client *client = http_client_custom(&ops, &crowd);
    lock_init(&crowd.lock);
    cond_init(&crowd.changed);
    certificates_body(both_names, both_serials, 1, API_KEY, one, sizeof(one));
    struct delivery delivery = delivery_of(crowd.wechat, "TRANSACTION.SUCCESS",
                                           TRANSACTION("SUCCESS"), API_KEY);
    crowd.delivery = &delivery;
    crowd.wechat->fake->call.client = client;
    WECHAT_SCRIPT(crowd.wechat, {200, one});
    for (int i = 0; i < AT_ONCE; i++) {
        tasks[i] = task_start("verify", 0, verify_in_crowd, &crowd);
        assert_non_null(tasks[i]);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        task_join(tasks[i]);
    }
    assert_int_equal(crowd.good, AT_ONCE);
    assert_int_equal(crowd.wechat->fake->sent_count, 1);
    cond_free(&crowd.changed);
    lock_free(&crowd.lock);
    http_client_free(client);
    wechat_free(crowd.wechat);
}

static void a_certificates_serial_is_read_in_capitals(void **state) {
    char pem[VECTOR_BYTES_MAX], serial[CERT_SERIAL_HEX_MAX];
    struct x509_cert *cert = NULL;
    struct err err;
    size_t count = vector_read("platform.crt.pem", pem);
    assert_int_equal(x509_cert_read(pem, count, &cert, &err), 0);
    x509_cert_serial(cert, serial);
    assert_string_equal(serial, PLATFORM_SERIAL);
    x509_cert_free(cert);
}

#define WITH_GATEWAY(test) cmocka_unit_test_setup_teardown(test, wechat_setup, wechat_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_are_made_again_to_the_byte),
        cmocka_unit_test(parts_with_a_line_end_are_not_signed),
        cmocka_unit_test(an_authorization_has_its_five_parts_once_each),
        cmocka_unit_test(the_vectors_resource_is_opened_and_sealed_again),
        cmocka_unit_test(another_nonce_added_text_or_bit_opens_nothing),
        WITH_GATEWAY(the_vectors_notification_is_accepted),
        WITH_GATEWAY(every_kind_of_notification_is_put_into_our_words),
        WITH_GATEWAY(one_byte_changed_anywhere_is_refused),
        WITH_GATEWAY(a_resource_that_cannot_be_opened_is_refused),
        cmocka_unit_test(the_key_before_a_reset_still_opens_what_was_sent_before),
        WITH_GATEWAY(stale_unsigned_probing_and_foreign_ones_are_refused_unfetched),
        WITH_GATEWAY(a_notification_for_another_account_is_refused),
        WITH_GATEWAY(genuine_but_unreadable_ones_say_so),
        cmocka_unit_test(a_certificate_is_fetched_once_and_the_old_one_stays),
        cmocka_unit_test(an_answer_with_a_new_serial_waits_for_its_certificate),
        cmocka_unit_test(of_ended_certificates_the_last_one_is_told),
        cmocka_unit_test(both_modes_are_held_at_once),
        cmocka_unit_test(certificates_that_cannot_be_believed_are_not_kept),
        cmocka_unit_test(a_certificate_bears_its_own_serial),
        cmocka_unit_test(invented_serials_cause_few_fetches_and_hold_up_nobody),
        cmocka_unit_test(many_at_once_share_one_fetch),
        cmocka_unit_test(a_certificates_serial_is_read_in_capitals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
