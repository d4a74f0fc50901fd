/* SPDX-License-Identifier: Apache-2.0
 * fuzz_paypal_callback.c: an input is five lines, the headers of a PayPal transmission (id, time,
 * certificate's address, algorithm, signature), and a body. With "=" for a signature the
 * transmission is signed here. It may be accepted only if what was signed here, now or in the one
 * seed that bears a signature, is exactly this id, time and checksum; and with one bit of the body
 * turned never. Whatever address the headers name, only https addresses under paypal.com are ever
 * called. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "fuzz.h"
#include "gateway/paypal/paypal.h"

enum { LINES = 5, LINE_BYTES_MAX = 2048, BODY_BYTES_MAX = 64 * 1024, PEM_BYTES_MAX = 16 * 1024 };
#define WEBHOOK_ID "1JE4291016473214C"
/* The transmission of corpus/paypal_callback/signed, whose signature was made with the key below.
 */
#define SEED_ID "69cd13f0-d67a-11e5-baa3-778b53f4ae55"
#define SEED_TIME "2026-11-21T08:00:00Z"
#define SEED_CRC UINT32_C(971940533)

static struct gateway gateway;
static struct http_client *client;
static struct rsa_key *key;
static char cert_pem[PEM_BYTES_MAX];

static size_t vector_read(const char *name, char bytes[PEM_BYTES_MAX]) {
    char path[512];
    size_t count = 0;
    struct err err;
    snprintf(path, sizeof(path), "%s/vectors/%s", TESTS_DIR, name);
    INVARIANT(file_read(path, bytes, PEM_BYTES_MAX - 1, &count, &err) == 0, "a vector can be read");
    bytes[count] = '\0';
    return count;
}

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

static void credential(const char *name, const char *value) {
    struct gateway_credential *added = &gateway.credentials[gateway.credential_count++];
    snprintf(added->name, sizeof(added->name), "%s", name);
    added->value = secret_new(value, strlen(value));
}

static void begin(void) {
    static const struct http_client_ops ops = {serve_cert, NULL};
    char pem[PEM_BYTES_MAX];
    struct err err;
    if (gateway.adapter != NULL) {
        return;
    }
    crypto_init();
    gateway.adapter = &paypal_adapter;
    snprintf(gateway.base_url, sizeof(gateway.base_url), "https://api-m.paypal.com");
    credential("client_id", "client");
    credential("client_secret", "secret");
    credential("webhook_id", WEBHOOK_ID);
    (void)vector_read("paypal_ca.crt.pem", pem);
    credential("webhook_ca", pem);
    (void)vector_read("paypal_good.crt.pem", cert_pem);
    size_t count = vector_read("paypal_good.key.pem", pem);
    INVARIANT(rsa_key_private(pem, count, &key, &err) == 0, "the key can be read");
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

#define ENDS(field)                                                                                \
    INVARIANT(memchr((field), '\0', sizeof(field)) != NULL, "a text ends in its field")

static void check_event(const struct gateway_event *event) {
    ENDS(event->event_id);
    ENDS(event->type);
    ENDS(event->reference);
    ENDS(event->gateway_id);
    ENDS(event->charge_id);
    ENDS(event->refund_id);
    ENDS(event->dispute_id);
    ENDS(event->dispute_status);
    ENDS(event->dispute_reason);
    ENDS(event->order_id);
    INVARIANT(event->event_id[0] != '\0' && event->type[0] != '\0',
              "an event has a name and a type");
    INVARIANT(event->subject >= CALLBACK_PAYMENT && event->subject <= CALLBACK_OTHER,
              "a known subject");
    INVARIANT(event->amount_minor >= -1, "an amount is not negative");
    INVARIANT(event->amount_minor < 0 || event->currency.code[0] != '\0',
              "an amount has a currency");
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
            check_event(&event);
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
    char *lines[LINES] = {0};
    size_t used = 0;
    int line_count = 0;
    while (count <= BODY_BYTES_MAX && line_count < LINES && used < count) {
        const uint8_t *end = memchr(bytes + used, '\n', count - used);
        size_t line_bytes = end != NULL ? (size_t)(end - bytes) - used : LINE_BYTES_MAX + 1;
        if (line_bytes > LINE_BYTES_MAX) {
            break;
        }
        lines[line_count] = calloc(1, line_bytes + 1);
        INVARIANT(lines[line_count] != NULL, "out of memory");
        memcpy(lines[line_count++], bytes + used, line_bytes);
        used += line_bytes + 1;
    }
    if (line_count == LINES) {
        begin();
        char *body = malloc(count - used + 1);
        INVARIANT(body != NULL, "out of memory");
        memcpy(body, bytes + used, count - used);
        check(lines, body, count - used);
        free(body);
    }
    for (int i = 0; i < line_count; i++) {
        free(lines[i]);
    }
    return 0;
}
