/* SPDX-License-Identifier: Apache-2.0
 * fuzz_paypal_callback.c: an input is five lines, the headers of a PayPal transmission (id, time,
 * certificate's address, algorithm, signature), and a body. With "=" for a signature the
 * transmission is signed here. It may be accepted only if what was signed here, now or in the one
 * seed that bears a signature, is exactly this id, time and checksum; and with one bit of the body
 * turned never. Whatever address the headers name, only https addresses under paypal.com are ever
 * called. */
#include "callback.h"
#include "gateway/paypal/paypal.h"

enum { LINES = 5, BODY_BYTES_MAX = 64 * 1024 };
#define WEBHOOK_ID "1JE4291016473214C"
/* The transmission of corpus/paypal_callback/signed, whose signature was made with the key below.
 */
#define SEED_ID "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
#define SEED_TIME "2026-11-21T08:00:00Z"
#define SEED_CRC UINT32_C(971940533)

static struct gateway gateway;
static struct http_client *client;
static struct rsa_key *key;
static char cert_pem[VECTOR_BYTES_MAX];

static int serve_cert(void *ctx, const struct http_call *call, struct http_answer *ret_answer,
                      struct err *err) {
    const char *host = call->url + strlen("https://");
    const char *path = strncmp(call->url, "https://", 8) == 0 ? strchr(host, '/') : NULL;
    static const char domain[] = ".paypal.com";
    size_t domain_chars = strlen(domain);
    INVARIANT(path != NULL && (size_t)(path - host) > domain_chars &&
                  memcmp(path - domain_chars, domain, domain_chars) == 0,
              "only hosts of PayPal are called");
    INVARIANT(strpbrk(call->url, "@?#\\ ") == NULL && strstr(call->url, "..") == NULL,
              "nothing tricky stands in an address that is called");
    http_answer_fill(ret_answer, 200, NULL, 0, cert_pem, strlen(cert_pem));
    return 0;
}

static void begin(void) {
    static const struct http_client_ops ops = {serve_cert, NULL};
    struct err err;
    if (gateway.adapter != NULL) {
        return;
    }
    crypto_init();
    gateway.adapter = &paypal_adapter;
    snprintf(gateway.base_url, sizeof(gateway.base_url), "https://api-m.paypal.com");
    gateway_add_secret(&gateway, "client_id", "client");
    gateway_add_secret(&gateway, "client_secret", "secret");
    gateway_add_secret(&gateway, "webhook_id", WEBHOOK_ID);
    gateway_add_file(&gateway, "webhook_ca", VECTOR("paypal_ca.crt.pem"));
    vector_text(VECTOR("paypal_good.crt.pem"), cert_pem);
    key = vector_key(VECTOR("paypal_good.key.pem"));
    INVARIANT(gateway.adapter->open(&gateway, &err) == 0, "the gateway opens");
    client = http_client_custom(&ops, NULL);
}

static int verify(char *const lines[LINES], const char *signature, const char *body,
                  size_t body_bytes, struct gateway_event *event) {
    const struct gateway_call call = {&gateway, client, INT64_MAX, NULL, NULL};
    const struct http_header headers[] = {
        {"PAYPAL-TRANSMISSION-ID", lines[0]},   {"PAYPAL-TRANSMISSION-TIME", lines[1]},
        {"PAYPAL-CERT-URL", lines[2]},          {"PAYPAL-AUTH-ALGO", lines[3]},
        {"PAYPAL-TRANSMISSION-SIG", signature},
    };
    int64_t now_us = 0;
    INVARIANT(clock_parse(SEED_TIME, &now_us), "the seed's time can be read");
    const struct gateway_callback_request request = {headers, LINES, body, body_bytes, now_us};
    struct err err = {0};
    int rc = paypal_adapter.verify_callback(&call, &request, event, &err);
    INVARIANT(rc == 0 || rc == -ERR_BAD_REQUEST || rc == -ERR_SIGNATURE || rc == -ERR_UNREACHABLE,
              "one of its errors");
    return rc;
}

static void check(char *const lines[LINES], char *body, size_t body_bytes) {
    const struct paypal_transmission transmission = {lines[0], lines[1], WEBHOOK_ID, body,
                                                     body_bytes};
    bool sign_here = strcmp(lines[4], "=") == 0;
    char *signature = NULL;
    struct err err;
    bool is_signed = sign_here && paypal_sign(key, &transmission, &signature, &err) == 0;
    struct gateway_event event = {0};
    int rc = verify(lines, is_signed ? signature : lines[4], body, body_bytes, &event);
    if (rc == 0 || rc == -ERR_BAD_REQUEST) {
        bool is_seed = strcmp(lines[0], SEED_ID) == 0 && strcmp(lines[1], SEED_TIME) == 0 &&
                       crypto_crc32(body, body_bytes) == SEED_CRC;
        INVARIANT(is_signed || is_seed, "only what was signed with the key is genuine");
        if (rc == 0) {
            event_check(&event);
        }
        if (body_bytes > 0) {
            body[crypto_crc32(body, body_bytes) % body_bytes] ^= 16;
            rc = verify(lines, is_signed ? signature : lines[4], body, body_bytes, &event);
            INVARIANT(rc == -ERR_SIGNATURE, "one bit breaks it");
        }
    }
    free(signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct fuzz_head head = {0};
    if (count <= BODY_BYTES_MAX && fuzz_head_read(&head, LINES, bytes, count)) {
        begin();
        char *body = fuzz_copy(head.body, head.body_bytes);
        check(head.lines, body, head.body_bytes);
        free(body);
    }
    fuzz_head_release(&head);
    return 0;
}
